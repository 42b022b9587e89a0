"""Whether a plan can be rendered at all: its records, its sources, its timeline, handles, room on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import planning, timecode
from roadmap_cli.edl.checking.findings import Finding, error, warning
from roadmap_cli.edl.checking.footage import Footage, rational
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.planning import LEAST_FRAMES

#: Gives the hash of a file's content; raises InputMissing or DataError.
Hash = Callable[[Path], str]

#: A shot shorter than this is hard to read; a longer one without change tires. Seconds of the programme.
HARD_TO_READ_S, TIRING_S = Fraction(4, 5), Fraction(15)
#: Outside a montage a shot shorter than this looks like a mistake (edictive; video research, rule 4).
MISTAKE_S = Fraction(1, 4)
#: What H.264 takes for a pixel of a frame at the usual quality, in bits, and how often it lies on the disk at once:
#: as a segment and in the file. An estimate: see `disk`.
_BITS_A_PIXEL, _COPIES = Fraction(3, 20), 2


_TEXTS = ("role", "shot_id", "beat_id", "source", "label", "place")


def _texts(record: Record, *names: str) -> None:
    for name in names:
        if name in record:
            require(record, name, str)


def shape(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record]) -> Iterator[Finding]:
    """The fields a render needs are there, of the right type."""
    try:
        timecode.rational(plan.get("fps"), field="fps")
        for name in ("width", "height", "length_frames"):
            require(plan, name, int)
        _texts(plan, "style")
        for name in ("beat_ids", "dropped_beat_ids"):
            listed = require(plan, name, list) if plan.get(name) is not None else []
            if not all(isinstance(each, str) for each in listed):
                raise DataError(f"field {name!r} is not a list of ids")
        for name in ("width", "height"):
            if plan[name] % 2 or not 16 <= plan[name] <= 8192:
                raise DataError(f"{name} {plan[name]} is not an even number from 16 to 8192")
    except DataError as problem:
        yield error("shape", f"plan: {problem.message}")
    if not cuts:
        yield error("empty", "plan has no cuts")
    for cut in cuts:
        try:
            _cut_shape(cut, sources)
        except DataError as problem:
            yield Finding("shape", "error", problem.message, cut.get("id"))


def _cut_shape(cut: Record, sources: Mapping[str, Record]) -> None:
    require(cut, "id", str)
    _texts(cut, *_TEXTS)
    for name in ("in_frame", "out_frame", "timeline_in_frame", "timeline_out_frame"):
        require(cut, name, int)
    timecode.rational(cut.get("fps"), field="fps")
    timecode.rational(cut.get("speed"), field="speed")
    Grade.read(cut.get("grade"))
    for name in ("fade_in_frames", "fade_out_frames"):
        if name in cut and require(cut, name, int) < 0:
            raise DataError(f"field {name!r} is negative")
    source = sources.get(require(cut, "source_id", str))
    if source is None:
        raise DataError(f"its source {cut['source_id']} is not in the stream")
    require(source, "frames", int)
    timecode.rational(source.get("fps"), field="fps")
    if source.get("has_picture") is False:
        raise DataError(f"its source {cut['source_id']} has no picture")
    for read in (saying.transition, saying.sound, saying.framing, saying.blur, saying.lift, saying.effects):
        read(cut)
    sound = saying.sound(cut)
    if sound.lead_frames < 0 or sound.lag_frames < 0:
        raise DataError("field 'sound' leads or lags by fewer than 0 frames")


def parts_shape(titles: Sequence[Record], cues: Sequence[Record], sources: Mapping[str, Record]) -> Iterator[Finding]:
    """Titles and cues have what a render needs."""
    for thing in (*titles, *cues):
        try:
            require(thing, "id", str)
            _texts(thing, *_TEXTS)
            for name in ("timeline_in_frame", "timeline_out_frame"):
                require(thing, name, int)
            if "source_start_ms" in thing:
                require(thing, "source_start_ms", int)
            if not 0 <= thing["timeline_in_frame"] < thing["timeline_out_frame"]:
                raise DataError("it lasts no frame")
            if thing["kind"] == "edl.title":
                if not require(thing, "text", str).strip():
                    raise DataError("its text is empty")
                if thing.get("place", "centre") not in saying.TITLE_PLACES:
                    raise DataError(f"no place in the picture: {thing['place']!r}")
                continue
            if "source_id" in thing:
                source = sources.get(require(thing, "source_id", str))
                if source is None:
                    raise DataError(f"its source {thing['source_id']} is not in the stream")
                if "duration" in source:
                    timecode.rational(source["duration"], field="duration")
            elif thing.get("sound") not in saying.CUE_SOUNDS:
                raise DataError(f"neither a source nor a sound that can be made: {thing.get('sound')!r}")
        except DataError as problem:
            what = thing["kind"].partition(".")[2]
            yield Finding("shape", "error", f"{what} {thing.get('id')}: {problem.message}")


def files(footage: Footage, content: Hash) -> Iterator[Finding]:
    """Every source is there and is the file that was scanned."""
    used = [
        *(cut["source_id"] for cut in footage.cuts),
        *(cue["source_id"] for cue in footage.cues if "source_id" in cue),
    ]
    for name in dict.fromkeys(used):
        source = footage.sources[name]
        path = Path(str(source.get("path", "")))
        try:
            if content(path) != source.get("sha256"):
                yield error("source_changed", f"{path} has changed since it was scanned: scan and plan it again")
        except InputMissing as problem:
            what = f"{path}: {problem.message}; if it was moved, --look-in DIRECTORY finds it by its content"
            yield error("source_missing", what)
        except DataError as problem:
            yield error("source_missing", f"{path}: {problem.message}")
        if source.get("high_dynamic_range"):
            yield warning("dynamic_range", f"{path} has high dynamic range: it will be shown as standard")


def timeline(footage: Footage) -> Iterator[Finding]:
    """Cuts follow one another without a gap or overlap, from frame 0 to the plan's length."""
    expected = 0
    for cut in footage.cuts:
        if cut["timeline_in_frame"] != expected or cut["timeline_out_frame"] <= expected:
            ends = f"{cut['timeline_in_frame']} to {cut['timeline_out_frame']}"
            yield error("timeline", f"lies at frames {ends}, not from {expected} on", cut)
        expected = max(expected, cut["timeline_out_frame"])
    if expected != footage.plan["length_frames"]:
        yield error("timeline", f"cuts fill {expected} frames, the plan says {footage.plan['length_frames']}")


def cut_range(footage: Footage, cut: Record) -> Iterator[Finding]:
    """A cut's frames are in its source and fill its place; its numbers are in bounds."""
    fps, rate, speed = footage.fps, rational(cut["fps"]), rational(cut["speed"])
    source = footage.sources[cut["source_id"]]
    first, end = cut["in_frame"], cut["out_frame"]
    shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
    if rate != timecode.rational(source.get("fps"), field="fps"):
        yield error("rate", f"counts {rate} frames a second, its source {source.get('fps')}", cut)
    if not 0 <= first < end:
        yield error("range", f"has no frames: {first} to {end}", cut)
        return
    if end > int(source.get("frames", 0)):
        yield error("range", f"ends at frame {end}, its source has {source.get('frames')}", cut)
    if not planning.SLOWEST <= speed <= planning.FASTEST:
        yield error("speed", f"plays at {float(speed):g} times, allowed is 0.5 to 2", cut)
    elif abs(timecode.frames_shown(end - first, rate, speed, fps) - shown) > 1:
        fits = timecode.frames_shown(end - first, rate, speed, fps)
        yield error("length", f"fills {shown} frames, its source range gives {fits}", cut)
    yield from _length_of(footage, cut, shown)
    for field, value, (least, most) in Grade.read(cut.get("grade")).beyond():
        yield error("grade", f"{field} {value:g} is outside {least:g} to {most:g}", cut)
    for field, value, (least, most) in saying.beyond(cut):
        yield error("bounds", f"{field} {value:g} is outside {least:g} to {most:g}", cut)
    if cut.get("fade_in_frames", 0) + cut.get("fade_out_frames", 0) > shown:
        yield error("fade", f"fades of {shown} frames overlap", cut)


def _length_of(footage: Footage, cut: Record, shown: int) -> Iterator[Finding]:
    fps = footage.fps
    if shown < LEAST_FRAMES:
        yield error("flash", f"a flash of {shown} frame{'s' * (shown != 1)}: the least is {LEAST_FRAMES}", cut)
    elif shown * MISTAKE_S.denominator < MISTAKE_S.numerator * fps and not footage.is_montage:
        yield warning("short", f"short: {float(shown / fps):.2f} s looks like a mistake outside a montage", cut)
    elif shown < HARD_TO_READ_S * fps:
        yield warning("short", f"short: {float(shown / fps):.2f} s is hard to read", cut)
    elif shown > TIRING_S * fps:
        yield warning("long", f"long: {float(shown / fps):.1f} s without a cut", cut)


def transitions(footage: Footage) -> Iterator[Finding]:
    """Transitions have a cut before them, fit into both, and find frames to show past the end of the one before."""
    cuts, fps = footage.cuts, footage.fps
    if cuts and (change := saying.transition(cuts[0])):
        yield error("transition", f"begins with a {_name(change)} and there is nothing before it", cuts[0])
    for left, right in pairwise(cuts):
        change = saying.transition(right)
        if change is None:
            continue
        for cut in (left, right):
            shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
            if change.frames > shown:
                words = f"a {_name(change)} of {change.frames} frames is longer than the {shown} of a cut beside it"
                yield error("transition", words, right)
                break
        needed = saying.handle_frames(left, right, fps)
        there = int(footage.sources[left["source_id"]].get("frames", 0)) - left["out_frame"]
        if needed > there:
            has = f"its source has {max(0, there)}"
            words = f"a {_name(change)} needs {needed} frames past the end of the cut before, {has}"
            yield error("handle", words, right)


def _name(change: saying.Transition) -> str:
    return change.sort.replace("_", " to ") if change.sort.startswith("fade") else change.sort.replace("_", " ")


def sound_edges(footage: Footage) -> Iterator[Finding]:
    """What leads or lags has a neighbour to lie under and sound to take."""
    cuts, fps = footage.cuts, footage.fps
    for place, cut in enumerate(cuts):
        sound = saying.sound(cut)
        if not (sound.lead_frames or sound.lag_frames):
            continue
        source = footage.sources[cut["source_id"]]
        for frames, other, what in ((sound.lead_frames, place - 1, "leads"), (sound.lag_frames, place + 1, "lags")):
            if not frames:
                continue
            if not 0 <= other < len(cuts):
                yield error("sound_edge", f"its sound {what}, and no cut is beside it", cut)
                continue
            room = cuts[other]["timeline_out_frame"] - cuts[other]["timeline_in_frame"]
            if frames > room:
                yield error("sound_edge", f"its sound {what} by {frames} frames, the cut beside it has {room}", cut)
            taken = int(frames / fps * rational(cut["speed"]) * rational(cut["fps"]))
            there = cut["in_frame"] if what == "leads" else int(source.get("frames", 0)) - cut["out_frame"]
            if taken > there:
                yield error("sound_edge", f"its sound {what} by {taken} source frames, there are {there}", cut)
        if place and sound.lead_frames and saying.sound(cuts[place - 1]).lag_frames:
            yield error("sound_edge", "its sound leads where that of the cut before lags: only one of them can", cut)


def placed(footage: Footage) -> Iterator[Finding]:
    """Titles and cues lie in the programme, titles beside one another, and a cue's source has the sound it takes."""
    length, fps = footage.plan["length_frames"], footage.fps
    ends: dict[str, tuple[int, str]] = {}
    for title in sorted(footage.titles, key=lambda each: int(each["timeline_in_frame"])):
        words = " ".join(title["text"].split())
        frame = title["timeline_in_frame"]
        if title["timeline_out_frame"] > length:
            yield error("title", f"title {words!r} ends at frame {title['timeline_out_frame']}, the plan at {length}",
                        frame=frame)  # fmt: skip
        seconds = (title["timeline_out_frame"] - frame) / fps
        # 1.5 s at the least, and 17 signs a second (Netflix's timed text guide for adults)
        wanted = max(Fraction(3, 2), Fraction(len(words), 17))
        if seconds < wanted:
            words = f"title {words!r} stands {float(seconds):.1f} s, to read it takes {float(wanted):.1f} s"
            yield warning("title_short", words, frame=frame)
        where = str(title.get("place", "centre"))
        if where in ends and ends[where][0] > frame:
            yield error("title", f"two titles are in one place at frame {frame}: {ends[where][1]!r} too", frame=frame)
        ends[where] = (title["timeline_out_frame"], title["text"])
    for cue in footage.cues:
        yield from _cue(footage, cue, length)


def _cue(footage: Footage, cue: Record, length: int) -> Iterator[Finding]:
    frame = cue["timeline_in_frame"]
    if cue["timeline_out_frame"] > length:
        yield error("cue", f"a cue ends at frame {cue['timeline_out_frame']}, the plan at {length}", frame=frame)
    source = footage.sources.get(str(cue.get("source_id")))
    if source is None:
        return
    name = Path(str(source.get("path", ""))).name
    if source.get("has_sound") is False:
        yield error("cue", f"a cue takes its sound from {name}, which has none", frame=frame)
    elif isinstance(source.get("duration"), str):
        needed = Fraction(cue.get("source_start_ms", 0), 1000) + (cue["timeline_out_frame"] - frame) / footage.fps
        there = timecode.rational(source["duration"], field="duration")
        if needed > there + Fraction(1, 10):
            words = f"a cue takes {float(needed):.1f} s of {name}, which is {float(there):.1f} s long: silence follows"
            yield warning("cue_short", words, frame=frame)


def target(footage: Footage) -> Iterator[Finding]:
    """The programme has the length that was asked for."""
    wanted = footage.plan.get("target_frames")
    if not isinstance(wanted, int):
        return
    fps, length = footage.fps, footage.plan["length_frames"]
    if abs(length - wanted) > max(fps / 2, Fraction(wanted, 20)):
        side = "there is not enough footage" if length < wanted else "the cuts cannot be shorter"
        words = f"{float(length / fps):.1f} s long, asked for {float(wanted / fps):.1f} s: {side}"
        yield Finding("target", "warning" if length < wanted else "error", words)


def disk(footage: Footage, free_bytes: int | None) -> Iterator[Finding]:
    """There is room for the pieces and the file: three twentieths of a bit a pixel, twice."""
    if free_bytes is None:
        return
    plan = footage.plan
    needed = int(plan["width"] * plan["height"] * plan["length_frames"] * _BITS_A_PIXEL * _COPIES / 8)
    if needed > free_bytes:
        words = f"a render takes about {needed / 1e9:.1f} GB, the disk has {free_bytes / 1e9:.1f} GB left"
        yield Finding("disk", "error" if needed > 4 * free_bytes else "warning", words)
