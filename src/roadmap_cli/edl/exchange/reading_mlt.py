"""A Shotcut project read back: ours, ours after a person and Shotcut changed it, or anybody's.

Shotcut numbers ids anew, writes times as clocks, and adds properties; it keeps unknown properties of producers. Nothing
here relies on ids or on properties being few. XML comes in without document types, entities or anything from outside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl.exchange import mlt
from roadmap_cli.edl.exchange.mlt import Element
from roadmap_cli.edl.exchange.project import ORIGIN, PLAN
from roadmap_cli.edl.exchange.seen import Seen, SeenClip, SeenFilter, SeenSound, SeenTitle

#: A project larger than this is none.
LARGEST_BYTES = 64 * 1024 * 1024
_MEDIA = frozenset({"avformat", "avformat-novalidate", "timewarp"})
_PREFIX = re.compile(r"[0-9.,]+:")
_PLAN = re.compile(rf"{re.escape(PLAN)} ([A-Za-z0-9_]{{1,64}})")
_WIPES = re.compile(r"(wipe_(?:left|right|up|down))\.pgm\Z")
#: Properties that say nothing about how a clip looks.
_SILENT = re.compile(r"(_|meta\.|shotcut:|mlt_|kdenlive:|edl:)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a producer: its element, first position, length."""

    producer: Element
    first: int
    frames: int


def parse(data: bytes) -> Element:
    """The root of an MLT file. Raises DataError for what is not one."""
    from defusedxml import ElementTree as Safe
    from defusedxml.common import DefusedXmlException

    if len(data) > LARGEST_BYTES:
        raise DataError("larger than 64 MiB: not a project", code="bad_project")
    try:
        root: Element = Safe.fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise DataError("document types and entities are not read", code="bad_project") from None
    except (Safe.ParseError, ValueError, LookupError) as error:
        raise DataError(f"not XML: {error}", code="bad_project") from None
    if root.tag != "mlt":
        raise DataError(f"not an MLT project: its root is {root.tag[:40]!r}", code="bad_project")
    return root


def read(data: bytes, base: Path) -> Seen:
    """The project; `base` is the directory its relative names start from. Raises DataError."""
    return _Reader(parse(data), base).read()


class _Reader:
    """One project being read."""

    def __init__(self, root: Element, base: Path) -> None:
        self.root = root
        self.base = base / (root.get("root") or "")
        self.named = {node.get("id", ""): node for node in root.iter() if node.get("id") and node.tag != "filter"}
        self.fps = self._rate()
        profile = root.find("profile")
        sizes = [_whole(profile.get(name)) if profile is not None else 0 for name in ("width", "height")]
        self.seen = Seen(self.fps, sizes[0], sizes[1])

    def read(self) -> Seen:
        """All of it."""
        tractor = self._tractor()
        seen = self.seen
        seen.note = _property(tractor, "shotcut:projectNote")
        match = _PLAN.search(seen.note)
        seen.plan_id = _property(tractor, PLAN) or (match[1] if match else "")
        pictures: list[Element] = []
        sounds: list[Element] = []
        for track in tractor.findall("track"):
            playlist = self.named.get(track.get("producer", ""))
            if playlist is None:
                raise DataError(
                    f"a track refers to {track.get('producer', '')[:40]!r}, which is not there", code="bad_project"
                )
            if playlist.get("id") in {"background", "black_track"} or playlist.tag != "playlist":
                continue
            audio = track.get("hide") in {"video", "both"} or _property(playlist, "shotcut:audio") == "1"
            (sounds if audio else pictures).append(playlist)
        if not pictures and not sounds:
            raise DataError("the project has no tracks", code="bad_project")
        if pictures:
            self._clips(pictures[0])
        for playlist in pictures[1:]:
            self._titles(playlist)
        for playlist in sounds:
            self._sounds(playlist)
        return seen

    # -- what stands where -------------------------------------------------------------------------------------------

    def _rate(self) -> Fraction:
        profile = self.root.find("profile")
        number, below = (
            _whole(profile.get(name)) if profile is not None else 0 for name in ("frame_rate_num", "frame_rate_den")
        )
        if not 0 < number < 10**9 or not 0 < below < 10**9 or not Fraction(1) <= Fraction(number, below) <= 1000:
            raise DataError("the project's profile has no frame rate", code="bad_project")
        return Fraction(number, below)

    def _tractor(self) -> Element:
        tractors = self.root.findall("tractor")
        marked = [each for each in tractors if _property(each, "shotcut") == "1"]
        if not tractors:
            raise DataError("the project has no timeline", hint="a clip list is not an edit", code="bad_project")
        return (marked or tractors)[-1]

    def _frame(self, text: str | None, otherwise: int = 0) -> int:
        return otherwise if text is None else mlt.frame_of(text, self.fps)

    def _elements(self, playlist: Element) -> Iterator[tuple[int, Element | int, int, int]]:
        """(programme frame, producer or length of a gap, first position, frames) of a track, in order."""
        at = 0
        for node in playlist:
            if node.tag == "blank":
                frames = self._frame(node.get("length"))
                if not 0 < frames < 10**8:
                    continue
                yield at, frames, 0, frames
                at += frames
            elif node.tag == "entry":
                part = self._part(node)
                if part is not None:
                    yield at, part.producer, part.first, part.frames
                    at += part.frames

    def _part(self, node: Element) -> _Part | None:
        """What an entry or the track of a joint plays."""
        name = node.get("producer", "")
        producer = (
            self.named.get(name) if name else next((each for each in node if each.tag in {"producer", "chain"}), None)
        )
        if producer is None:
            raise DataError(f"a clip refers to {name[:40]!r}, which is not there", code="bad_project")
        first = self._frame(node.get("in"), self._frame(producer.get("in")))
        last = self._frame(node.get("out"), self._frame(producer.get("out"), first - 1))
        if not 0 <= first < 10**8 or not -1 <= last < 10**8:
            raise DataError(f"a clip lies at positions {first} to {last}", code="bad_project")
        return _Part(producer, first, last - first + 1) if last >= first else None

    # -- the picture track -------------------------------------------------------------------------------------------

    def _clips(self, playlist: Element) -> None:
        """Bodies and joints become whole clips; a joint in the making leaves its right clip open for its body."""
        clips: list[SeenClip] = []
        is_open = False
        lost = 0  # frames of the track that no clip takes: gaps and things a plan cannot hold
        for at, what, first, frames in self._elements(playlist):
            if isinstance(what, int):
                self.seen.problems.append(f"a gap of {frames} frames at {mlt.clock(at, self.fps)} is closed")
                lost, is_open = lost + frames, False
            elif what.tag == "tractor":
                is_open = self._joint(clips, what, at - lost, frames)
            elif _service(what) not in _MEDIA:
                kind = _service(what) or what.tag
                self.seen.problems.append(
                    f"a clip of {kind} at {mlt.clock(at, self.fps)} is left out: a plan holds files"
                )
                lost, is_open = lost + frames, False
            else:
                clip = self._clip(what, first, frames, at - lost)
                last = clips[-1] if clips else None
                if is_open and last and _goes_on(last, clip):
                    clips[-1] = replace(last, frames=last.frames + frames)
                else:
                    clips.append(clip)
                is_open = False
        self.seen.clips = clips

    def _joint(self, clips: list[SeenClip], tractor: Element, at: int, frames: int) -> bool:
        """A transition tractor in the track. True if it opened a clip whose body may follow."""
        parts = [part for track in tractor.findall("track") if (part := self._part(track))]
        if len(parts) != 2:
            self.seen.problems.append(f"a nested timeline at {mlt.clock(at, self.fps)} is left out")
            return False
        left, right = parts
        colours = [_service(part.producer) in {"color", "colour"} for part in parts]
        if all(colours):
            self.seen.problems.append(f"a joint of two colours at {mlt.clock(at, self.fps)} is left out")
            return False
        if colours[1]:
            ending = self._clip(left.producer, left.first, frames, at)
            fade = (frames, _shade(right.producer))
            if clips and _goes_on(clips[-1], ending):
                clips[-1] = replace(clips[-1], frames=clips[-1].frames + frames, fade_out=fade)
            else:
                clips.append(replace(ending, fade_out=fade))
            return False
        opening = self._clip(right.producer, right.first, frames, at)
        if colours[0]:
            clips.append(replace(opening, fade_in=(frames, _shade(left.producer))))
        else:
            leaving = self._clip(left.producer, left.first, frames, at)
            if not clips or not _goes_on(clips[-1], leaving):
                self.seen.problems.append(
                    f"the clip before the transition at {mlt.clock(at, self.fps)} is not seen by itself"
                )
            clips.append(replace(opening, joint=(self._sort(tractor), frames)))
        return True

    def _sort(self, tractor: Element) -> str:
        for transition in tractor.findall("transition"):
            if _property(transition, "mlt_service") == "luma":
                resource = _property(transition, "resource")
                match = _WIPES.search(resource)
                if match:
                    turned = {"left": "right", "right": "left", "up": "down", "down": "up"}
                    sort, side = match[1], match[1].partition("_")[2]
                    return f"wipe_{turned[side]}" if _property(transition, "invert") == "1" else sort
                if resource:
                    self.seen.problems.append(f"the wipe {Path(resource).name!r} becomes a dissolve")
        return "dissolve"

    def _clip(self, producer: Element, first: int, frames: int, at: int) -> SeenClip:
        path, speed = self._resource(producer)
        filters = tuple(_filters(producer))
        fades = {"in": (0, ""), "out": (0, "")}
        for each in filters:
            if each.service == "brightness" and each.id in {"fadeInBrightness", "fadeOutBrightness"}:
                name = "shotcut:animIn" if each.id == "fadeInBrightness" else "shotcut:animOut"
                shown = next(
                    (
                        _property(node, name)
                        for node in producer.findall("filter")
                        if _property(node, "shotcut:filter") == each.id
                    ),
                    "",
                )
                length = self._frame(shown) if shown else 0
                if 0 < length <= frames:
                    fades["in" if each.id == "fadeInBrightness" else "out"] = (length, "black")
        for node in producer.findall("link"):
            if (name := _property(node, "mlt_service")) and not _property(node, "_loader"):
                self.seen.problems.append(f"the speed curve ({name}) of {Path(path).name} is not read")
        return SeenClip(
            path=path,
            start=first,
            frames=frames,
            speed=speed,
            at=at,
            origin=_property(producer, ORIGIN),
            comment=_property(producer, "shotcut:comment"),
            hash=_property(producer, "shotcut:hash"),
            muted=_property(producer, "audio_index") == "-1",
            filters=filters,
            fade_in=fades["in"],
            fade_out=fades["out"],
        )

    def _resource(self, producer: Element) -> tuple[str, Fraction]:
        """The file a producer plays, as an absolute path, and its speed."""
        path = _property(producer, "warp_resource") or _property(producer, "resource")
        speed = Fraction(1)
        if _service(producer) == "timewarp":
            said = _property(producer, "warp_speed")
            prefix = _PREFIX.match(_property(producer, "resource"))
            try:
                speed = Fraction((said or (prefix[0][:-1] if prefix else "1")).replace(",", "."))
            except (ValueError, ZeroDivisionError):
                raise DataError(f"not a speed: {said[:40]!r}", code="bad_project") from None
            if not _property(producer, "warp_resource") and prefix:
                path = path[len(prefix[0]) :]
            if not Fraction(1, 100) <= speed <= 100:
                self.seen.problems.append(
                    f"{Path(path).name} plays at {float(speed):g} times: it is played forwards at its own speed"
                )
                speed = Fraction(1)
        path = path.removeprefix("file://")
        if not path:
            raise DataError("a clip has no file", code="bad_project")
        if "\0" in path:
            raise DataError("a clip's file name has a null in it", code="bad_project")
        return os.path.normpath(self.base / path), speed

    # -- other tracks ------------------------------------------------------------------------------------------------

    def _titles(self, playlist: Element) -> None:
        for at, what, _, frames in self._elements(playlist):
            if isinstance(what, int):
                continue
            filters = list(_filters(what)) if what.tag != "tractor" else []
            words = next((each.said for each in filters if each.service == "dynamictext"), None)
            if words is None or _service(what) in _MEDIA:
                self.seen.problems.append(f"a clip on an upper track at {mlt.clock(at, self.fps)} is left out")
                continue
            fades = [
                self._frame(_property(node, name))
                for node in what.findall("filter")
                for name in ("shotcut:animIn",)
                if _property(node, "shotcut:filter") == "fadeInBrightness" and _property(node, name)
            ]
            place = {"middle": "centre", "top": "upper", "bottom": "lower"}.get(words.get("valign", ""), "")
            size = _whole(words.get("size", "").partition(".")[0])
            self.seen.titles.append(
                SeenTitle(
                    at, frames, words.get("argument", "").replace("\\#", "#"), _property(what, ORIGIN), place, size,
                    fades[0] if fades else 0, _property(what, "shotcut:comment"),
                )
            )  # fmt: skip

    def _sounds(self, playlist: Element) -> None:
        for at, what, first, frames in self._elements(playlist):
            if isinstance(what, int):
                continue
            if what.tag == "tractor" or _service(what) not in _MEDIA:
                self.seen.problems.append(f"a clip on a sound track at {mlt.clock(at, self.fps)} is left out")
                continue
            path, speed = self._resource(what)
            level, fades = "", {"fadeInVolume": 0, "fadeOutVolume": 0}
            for node in what.findall("filter"):
                name = _property(node, "shotcut:filter")
                if name == "audioGain":
                    level = _property(node, "level")
                elif name in fades:
                    length = _property(node, "shotcut:animIn" if name == "fadeInVolume" else "shotcut:animOut")
                    fades[name] = self._frame(length) if length else 0
            self.seen.sounds.append(
                SeenSound(
                    path, first, frames, at, speed, _property(what, ORIGIN), _property(what, "shotcut:hash"), level,
                    fades["fadeInVolume"], fades["fadeOutVolume"], _property(what, "shotcut:comment"),
                )
            )  # fmt: skip


def _goes_on(last: SeenClip, clip: SeenClip) -> bool:
    """Whether a part of a producer is the next part of the clip before it."""
    same = (last.path, last.speed, last.origin) == (clip.path, clip.speed, clip.origin)
    return same and last.start + last.frames == clip.start


def _shade(producer: Element) -> str:
    colour = _property(producer, "resource").lower().removeprefix("color:")
    return "white" if colour in {"white", "#ffffffff", "#ffffff", "0xffffffff"} else "black"


def _property(node: Element, name: str) -> str:
    for child in node:
        if child.tag == "property" and child.get("name") == name:
            return (child.text or "").strip() if name != "shotcut:comment" else (child.text or "")
    return ""


def _service(node: Element) -> str:
    return _property(node, "mlt_service")


def _filters(producer: Element) -> Iterator[SeenFilter]:
    for node in producer.findall("filter"):
        said = tuple(
            (child.get("name", ""), child.text or "")
            for child in node
            if child.tag == "property" and not _SILENT.match(child.get("name", "_"))
        )
        if not _property(node, "_loader"):
            yield SeenFilter(_property(node, "mlt_service"), _property(node, "shotcut:filter"), said)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
