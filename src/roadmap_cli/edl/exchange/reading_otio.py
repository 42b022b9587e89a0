"""An OpenTimelineIO file read back, through the installed library: ours, changed elsewhere, or anybody's."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import timecode
from roadmap_cli.edl.edit import TRANSITIONS
from roadmap_cli.edl.exchange import otio as writing
from roadmap_cli.edl.exchange.reading_mlt import LARGEST_BYTES
from roadmap_cli.edl.exchange.seen import Seen, SeenClip, SeenSound, SeenTitle

_PATIENCE_S = 60
#: What reads the file in a process of its own; its modules are those of this one.
_TRIAL = (
    "import sys; sys.path[:] = sys.argv[1:]; import opentimelineio; "
    "opentimelineio.adapters.read_from_string(sys.stdin.buffer.read().decode(), 'otio_json').to_json_string()"
)


def read(data: bytes, base: Path) -> Seen:
    """The project; relative names start from `base`. Raises DataError."""
    otio = writing.library()
    if len(data) > LARGEST_BYTES:
        raise DataError("larger than 64 MiB: not a timeline", code="bad_project")
    _try(data)
    try:
        made = otio.adapters.read_from_string(data.decode(), "otio_json")
    except (otio.exceptions.OTIOError, LookupError, ValueError, TypeError, RuntimeError) as error:
        words = " ".join(str(error).split())[:120]
        raise DataError(f"not an OpenTimelineIO file: {words}", code="bad_project") from None
    if not isinstance(made, otio.schema.Timeline):
        raise DataError("the file holds no timeline", code="bad_project")
    try:
        return _Reader(otio, made, base).read()
    except (
        otio.exceptions.OTIOError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        words = " ".join(str(error).split())[:120]
        raise DataError(f"a timeline that does not fit together: {words}", code="bad_project") from None


def _try(data: bytes) -> None:
    """Read it in a process apart first: the library is C++, which a file that is wrong may crash or keep busy for ever.

    Raises DataError for one that does; what else is wrong, the reading itself tells.
    """
    import orjson

    try:
        orjson.loads(data)  # and is not nested deeper than 1,024
    except orjson.JSONDecodeError:
        raise DataError("not an OpenTimelineIO file: it is not JSON", code="bad_project") from None
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL, *sys.path], input=data, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DataError(f"not an OpenTimelineIO file: {_PATIENCE_S} s were not enough", code="bad_project") from None
    if done.returncode < 0:
        raise DataError("not an OpenTimelineIO file: the library breaks down over it", code="bad_project")


class _Reader:
    """One timeline being read."""

    def __init__(self, otio: Any, made: Any, base: Path) -> None:
        self.otio, self.made, self.base = otio, made, base
        told = _told(made)
        self.fps = self._rate(told)
        self.seen = Seen(self.fps, plan_id=str(told.get("id", "")))

    def read(self) -> Seen:
        """All of it."""
        kinds = self.otio.schema.TrackKind
        pictures = [
            track
            for track in self.made.tracks
            if isinstance(track, self.otio.schema.Track) and track.kind == kinds.Video
        ]
        sounds = [
            track
            for track in self.made.tracks
            if isinstance(track, self.otio.schema.Track) and track.kind == kinds.Audio
        ]
        if not pictures:
            raise DataError("the timeline has no picture track", code="bad_project")
        self._clips(pictures[0])
        for track in pictures[1:]:
            self._titles(track)
        for track in sounds:
            self._sounds(track)
        return self.seen

    def _rate(self, told: dict[str, Any]) -> Fraction:
        if told.get("fps"):
            return timecode.rational(told["fps"], field="fps")
        for each in (
            self.made.global_start_time,
            *(clip.source_range.duration for clip in self.made.find_clips() if clip.source_range),
        ):
            if each is not None and each.rate > 1:
                return _rational(each.rate)
        raise DataError("the timeline has no frame rate", code="bad_project")

    def _frames(self, time: Any) -> int:
        if time is None or not time.rate > 0 or not abs(time.value) < 10**10:
            raise DataError("a length that is none", code="bad_project")
        return timecode.round_half_up(Fraction(time.value).limit_denominator(10**6) / _rational(time.rate) * self.fps)

    def _items(self, track: Any) -> list[tuple[int, int, Any, Any]]:
        """(programme frame, frames, item, the transition before it)."""
        found, at, joint = [], 0, None
        for item in track:
            if isinstance(item, self.otio.schema.Transition):
                joint = item
                continue
            frames = self._frames(item.trimmed_range().duration)
            if frames > 0:
                found.append((at, frames, item, joint))
            at, joint = at + max(0, frames), None
        return found

    def _clips(self, track: Any) -> None:
        lost = 0
        for at, frames, item, joint in self._items(track):
            if isinstance(item, self.otio.schema.Gap):
                self.seen.problems.append(f"a gap of {frames} frames at frame {at} is closed")
                lost += frames
                continue
            path = self._path(item)
            if not path:
                self.seen.problems.append(
                    f"{type(item).__name__.lower()} {item.name[:40]!r} is left out: a plan holds files"
                )
                lost += frames
                continue
            start = item.trimmed_range().start_time
            told = _told(item)
            for effect in item.effects:
                if not isinstance(effect, self.otio.schema.LinearTimeWarp):
                    self.seen.problems.append(
                        f"the effect {effect.effect_name or effect.name or '?'} on {item.name[:40]!r} is not read"
                    )
            self.seen.clips.append(
                SeenClip(
                    path=path,
                    start=int(Fraction(start.value).limit_denominator(10**6) + Fraction(1, 2)),
                    frames=frames,
                    speed=self._speed(item),
                    at=at - lost,
                    in_source=True,
                    origin=str(told.get("origin_id") or told.get("id") or ""),
                    comment=str(told["reason"]) if isinstance(told.get("reason"), str) else None,
                    joint=self._joint(joint) if self.seen.clips else None,
                    told=told or None,
                )
            )

    def _joint(self, joint: Any) -> tuple[str, int] | None:
        if joint is None:
            return None
        frames = self._frames(joint.in_offset) + self._frames(joint.out_offset)
        told = _told(joint)
        sort = told.get("sort") if told.get("sort") in TRANSITIONS else "dissolve"
        if told.get("sort") is None and joint.transition_type != "SMPTE_Dissolve":
            self.seen.problems.append(f"the transition {joint.transition_type[:40]!r} becomes a dissolve")
        return (str(sort), frames) if frames > 0 else None

    def _speed(self, item: Any) -> Fraction:
        speed = Fraction(1)
        for effect in item.effects:
            if isinstance(effect, self.otio.schema.LinearTimeWarp):
                scalar = Fraction(effect.time_scalar).limit_denominator(100_000)
                if not Fraction(1, 100) <= scalar <= 100:
                    self.seen.problems.append(
                        f"{item.name[:40]!r} plays at {float(scalar):g} times: it is played at its own speed"
                    )
                else:
                    speed *= scalar
        return speed

    def _path(self, item: Any) -> str:
        reference = getattr(item, "media_reference", None)
        if not isinstance(reference, self.otio.schema.ExternalReference) or not reference.target_url:
            return ""
        url = urlsplit(reference.target_url)
        if url.scheme not in {"", "file"}:
            self.seen.problems.append(f"{reference.target_url[:80]!r} is not a file here")
            return ""
        path = unquote(url.path) if url.scheme else reference.target_url
        return "" if "\0" in path else os.path.normpath(self.base / path)

    def _titles(self, track: Any) -> None:
        for at, frames, item, _ in self._items(track):
            if isinstance(item, self.otio.schema.Gap):
                continue
            told = _told(item)
            reference = getattr(item, "media_reference", None)
            text = told.get("text")
            if isinstance(reference, self.otio.schema.GeneratorReference):
                text = reference.parameters.get("text", text)
            if not isinstance(text, str):
                self.seen.problems.append(f"{item.name[:40]!r} on an upper track is left out")
                continue
            self.seen.titles.append(
                SeenTitle(
                    at, frames, text, str(told.get("origin_id") or told.get("id") or ""), str(told.get("place", ""))
                )
            )

    def _sounds(self, track: Any) -> None:
        for at, frames, item, _ in self._items(track):
            if isinstance(item, self.otio.schema.Gap):
                continue
            told = _told(item)
            path = self._path(item)
            if told.get("sound_of"):
                start = item.trimmed_range().start_time
                first = timecode.round_half_up(Fraction(start.value).limit_denominator(10**6))
                self.seen.sounds.append(SeenSound(path, first, frames, at, self._speed(item), str(told["sound_of"])))
            elif path or told.get("sound"):
                start = self._frames(item.trimmed_range().start_time)
                origin = str(told.get("origin_id") or told.get("id") or "")
                self.seen.sounds.append(SeenSound(path, start, frames, at, origin=origin))
            else:
                self.seen.problems.append(f"{item.name[:40]!r} on a sound track is left out")


def _told(item: Any) -> dict[str, Any]:
    held = item.metadata.get(writing.SPACE)
    if held is None:
        return {}
    try:
        return {str(name): _plain(value) for name, value in held.items()}
    except AttributeError:
        return {}


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {str(name): _plain(each) for name, each in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _rational(rate: float) -> Fraction:
    """A rate written as a decimal number, as the standard rate it means."""
    near = min(timecode.STANDARD_RATES, key=lambda standard: abs(standard - Fraction(rate)))
    return near if abs(near - Fraction(rate)) < Fraction(1, 200) else Fraction(rate).limit_denominator(1001)
