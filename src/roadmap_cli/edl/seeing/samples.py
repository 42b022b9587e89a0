"""Small pictures kept for models that look at a source after it was scanned: some two a second, one after each cut.

They lie as JPEG in a file that has no name, so that nothing is left behind; when there are too many every second one
goes, those after cuts last of all. Memory is that of one picture and of twelve bytes each.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from roadmap_cli.core.errors import CannotCreate

#: The longer side of a sample.
LONG_SIDE = 256
_QUALITY = 92


class Samples:
    """Pictures by frame number, written in order and read in order as often as wanted.

    `most` bounds how many are kept, and with it the file: some 12 KB each.
    """

    def __init__(self, folder: Path | None = None, most: int = 8192) -> None:
        self._folder = folder
        self._most = max(2, most)
        self._file = self._opened()
        self._frames = array("q")
        self._ends = array("q")
        self._firsts = bytearray()
        self._step = 1
        self._offered = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Each sample: its frame number and its picture, RGB uint8 [height, width, 3]."""
        import cv2
        import numpy

        start = 0
        for frame, end in zip(self._frames, self._ends, strict=True):
            self._file.seek(start)
            picture = cv2.imdecode(numpy.frombuffer(self._file.read(end - start), numpy.uint8), cv2.IMREAD_COLOR)
            start = end
            yield frame, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def add(self, frame: int, luma: Any, blue: Any, red: Any, *, first: bool = False) -> None:
        """Keep a picture given as planes Y [h, w], U and V [h / 2, w / 2] in studio range by BT.601.

        `first` marks the one that stands for a shot. Raises CannotCreate if the disk is full.
        """
        import cv2
        import numpy

        self._offered += 1
        if not first and self._offered % self._step:
            return
        height, width = luma.shape
        planes = numpy.concatenate([luma.ravel(), blue.ravel(), red.ravel()]).reshape(height * 3 // 2, width)
        picture = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
        scale = LONG_SIDE / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        self._append(frame, data.tobytes(), first)
        if len(self._frames) > self._most:
            self._thin()

    def close(self) -> None:
        """Let the pictures go."""
        self._file.close()

    def _append(self, frame: int, data: bytes, first: bool) -> None:
        end = (self._ends[-1] if self._ends else 0) + len(data)
        try:
            self._file.seek(end - len(data))
            self._file.write(data)
        except OSError as error:
            raise CannotCreate(f"cannot keep pictures for the models: {error.strerror}", code="cannot_write") from None
        self._frames.append(frame)
        self._ends.append(end)
        self._firsts.append(first)

    def _thin(self) -> None:
        """Leave out every second picture between cuts, or, if those alone are too many, every second one."""
        old, frames, ends, firsts = self._file, self._frames, self._ends, self._firsts
        between = [n for n in range(len(frames)) if not firsts[n]]
        gone = set(between[1::2]) if len(between) > self._most // 4 else set(range(1, len(frames), 2))
        if len(between) > self._most // 4:
            self._step *= 2
        self._file, self._frames, self._ends, self._firsts = self._opened(), array("q"), array("q"), bytearray()
        start = 0
        for n, end in enumerate(ends):
            if n not in gone:
                old.seek(start)
                self._append(frames[n], old.read(end - start), bool(firsts[n]))
            start = end
        old.close()

    def _opened(self) -> IO[bytes]:
        try:
            return tempfile.TemporaryFile(dir=self._folder)
        except OSError as error:
            raise CannotCreate(f"cannot keep pictures for the models: {error.strerror}", code="cannot_write") from None
