"""What colour pictures have, from now and then one of them: cast, chroma, skin. Lab is CIE 1976, D65."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.edl.seeing.decoding import CHROMA_GAIN, LUMA_GAIN
from roadmap_cli.edl.seeing.light import percentile

#: Luma (0 to 255) between which a pixel's colour means something.
_LEAST, _MOST = 30, 235
#: How far in Lab chroma a pixel may lie from what is taken for neutral, first and then.
_AROUND = (20.0, 12.0, 8.0, 8.0)
#: The least share of pixels to speak of neutrals, and of skin.
_NEUTRALS, _SKIN = 0.02, 0.01
#: Skin in Cb and Cr (Chai and Ngan 1999), in full range, and the least distance of both from grey.
_SKIN_BLUE, _SKIN_RED, _SKIN_CHROMA = (77, 127), (133, 173), 10.0


@dataclass(slots=True)
class Colours:
    """Sums over the pictures of one shot."""

    pictures: int = 0
    saturation: float = 0.0
    skin: float = 0.0
    skin_blue: float = 0.0
    skin_red: float = 0.0
    neutral: float = 0.0
    warmth: float = 0.0
    tint: float = 0.0
    chroma: list[int] = field(default_factory=lambda: [0] * 256)

    def add(self, luma: Any, blue: Any, red: Any) -> None:
        """Take the small planes of one picture in, all [height, width] uint8 in studio range."""
        import cv2
        import numpy

        planes = [
            cv2.convertScaleAbs(numpy.clip(plane, 16, 240), alpha=gain, beta=offset)
            for plane, gain, offset in (
                (luma, LUMA_GAIN, -16 * LUMA_GAIN),
                (red, CHROMA_GAIN, 128 - 128 * CHROMA_GAIN),
                (blue, CHROMA_GAIN, 128 - 128 * CHROMA_GAIN),
            )
        ]
        bgr = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2BGR)
        self.pictures += 1
        self.saturation += float(cv2.mean(cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV))[1]) / 255
        lab = cv2.cvtColor(bgr.astype(numpy.float32) / 255, cv2.COLOR_BGR2Lab)
        across, along = lab[:, :, 1], lab[:, :, 2]
        chroma = numpy.minimum(numpy.hypot(across, along), 255).astype(numpy.int32)
        self.chroma = [
            a + b for a, b in zip(self.chroma, numpy.bincount(chroma.ravel(), minlength=256).tolist(), strict=True)
        ]
        seen = (planes[0] > _LEAST) & (planes[0] < _MOST)
        self._neutrals(across[seen], along[seen], seen.size)
        self._skins(planes[2].astype(numpy.float32), planes[1].astype(numpy.float32), seen)

    def _neutrals(self, across: Any, along: Any, pixels: int) -> None:
        """Where the greys lie: the mean of what is near grey, then of what is near that mean (mean shift)."""

        a = b = 0.0
        near = None
        for reach in _AROUND:
            near = (across - a) ** 2 + (along - b) ** 2 < reach * reach
            if near.sum() < _NEUTRALS * pixels:
                return
            a, b = float(across[near].mean()), float(along[near].mean())
        share = float(near.mean()) if near is not None else 0.0
        self.neutral += share
        self.tint += share * a
        self.warmth += share * b

    def _skins(self, blue: Any, red: Any, seen: Any) -> None:
        import numpy

        skin = seen & (blue >= _SKIN_BLUE[0]) & (blue <= _SKIN_BLUE[1]) & (red >= _SKIN_RED[0]) & (red <= _SKIN_RED[1])
        skin &= numpy.hypot(blue - 128, red - 128) >= _SKIN_CHROMA
        self.skin += float(skin.mean())
        self.skin_blue += float((blue[skin] - 128).sum()) / skin.size
        self.skin_red += float((red[skin] - 128).sum()) / skin.size

    def record(self) -> dict[str, float]:
        """Means over the pictures; what there was too little of is left out."""
        import numpy

        n = max(1, self.pictures)
        counts = numpy.array(self.chroma, numpy.float64)
        levels = numpy.arange(256) + 0.5
        share = counts / max(1.0, counts.sum())
        found = {
            "saturation_ratio": round(self.saturation / n, 4),
            "chroma_mean": round(float((levels * share).sum()), 2),
            "chroma_p95": round(percentile(levels, share, 0.95), 1),
            "skin_ratio": round(self.skin / n, 4),
        }
        if self.neutral:
            found |= {
                "temperature_shift": round(self.warmth / self.neutral, 2),
                "tint_shift": round(self.tint / self.neutral, 2),
            }
        if self.skin / n >= _SKIN:
            found["skin_hue_degrees"] = round(math.degrees(math.atan2(self.skin_red, self.skin_blue)) % 360, 1)
        return found
