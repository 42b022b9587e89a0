"""Music and made sounds: which file, from where, how loud, on which beats of the story; and the grid cuts fall on."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.planning.lengths import Grid
from roadmap_cli.edl.planning.material import Material, Source, number
from roadmap_cli.edl.planning.units import Unit
from roadmap_cli.edl.planning.wishes import Reading

#: What music is taken for where its loudness was not measured, and talk.
_MUSIC_LUFS, _SPEECH_LUFS = -14.0, -20.0
_GAIN_DB = (-36.0, 12.0)
#: The story's peak lies so far into an edit, if nothing else says: music is placed so that its own peak comes there.
_PEAK_AT = Fraction(3, 4)
#: A cue moves to a downbeat at most so far away.
_SNAP_S = Fraction(1, 2)
_RISE_S, _SWELL_S, _HIT_S = Fraction(3), Fraction(5), Fraction(2)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Music from a place in its source on, between two programme frames."""

    first: int
    end: int
    source_ms: int


@dataclass(slots=True)
class Music:
    """The music of an edit: its source if there is one, and the stretches of it that are played."""

    source: Source | None = None
    why: str = ""
    #: The source's own pictures are in the edit, too: its sound plays once, as the music.
    own: bool = False
    stretches: list[Stretch] = field(default_factory=list)
    grid: Grid = field(default_factory=Grid)


@dataclass(slots=True)
class Cue:
    """A cue in the making."""

    first: int
    end: int
    why: str
    sound: str | None = None
    source: Source | None = None
    source_ms: int = 0
    gain_db: float = 0.0
    duck_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    beat: Record | None = None
    evidence: tuple[str, ...] = ()


def find(material: Material, reading: Reading) -> tuple[Music, list[str]]:
    """The music to use, and what cannot be had. Raises UsageError for a file given that was not scanned."""
    style = reading.style
    refused = any(reason.startswith("no music") for reason in reading.reasons)
    if reading.music_file is not None:
        return Music(_by_path(material, reading.music_file), "the music given"), []
    if refused:
        return Music(), []
    alone = [source for source in material.sources.values() if source.fps is None and not _is_talk(source)]
    if alone:
        source = max(alone, key=lambda each: (each.duration_s, each.id))
        return Music(source, "the sound file among the sources"), []
    if style.music == "led" or (style.on_beat and style.mute_own):
        led = [source for source in material.pictures if source.heard.beats_ms and _is_music(source)]
        if led:
            source = max(led, key=lambda each: (each.duration_s, each.id))
            return Music(source, "most of its sound is music with a rhythm", own=True), []
    asked = any("music" in reason for reason in reading.reasons if not reason.startswith(("music-video style", "no ")))
    limits = []
    if style.music == "led" or (style.music == "bed" and asked):
        limits.append("music: no file of music is among the sources; scan one and give it with --music")
    return Music(), limits


def placed(music: Music, fps: Fraction, length: int, reading: Reading) -> tuple[Music, list[str]]:
    """The music laid under a programme about so many frames long: where it begins, where it starts over, its beats."""
    source = music.source
    if source is None:
        return music, []
    heard = source.heard
    total_ms = int(source.duration_s * 1000)
    length_ms = int(length * 1000 / fps)
    if not total_ms and heard.beats_ms:
        total_ms = heard.beats_ms[-1] + 1000
    start = _beginning(source, total_ms, length_ms)
    music.stretches, at = [], 0
    loop = heard.downbeats_ms[0] if heard.downbeats_ms else 0
    last = heard.downbeats_ms[-1] if len(heard.downbeats_ms) > 4 else total_ms
    while at < length and total_ms > 0:
        stop = total_ms if total_ms - start >= (length - at) * 1000 / fps else max(last, start + 1000)
        end = min(length, at + max(1, int((stop - start) * fps / 1000)))
        music.stretches.append(Stretch(at, end, start))
        if end - at < fps and end < length:  # a file of a second is no music to repeat
            break
        at, start = end, loop
    if not total_ms:
        music.stretches = [Stretch(0, length, 0)]
    music.grid = _grid(music, fps)
    if reading.style.on_beat and not heard.beats_ms:
        return music, [f"cuts on beats: the scan found no rhythm in {source.name}"]
    return music, []


def cues(
    music: Music, units: Sequence[Unit], starts: Sequence[int], length: int, reading: Reading, fps: Fraction
) -> list[Cue]:
    """The cues of a programme whose units begin at `starts`: music, and made sounds at the story's beats."""
    style = reading.style
    found: list[Cue] = []
    speaks = any(unit.spoken for unit in units)
    duck = style.duck_db if speaks else 0.0
    if music.source is not None and style.music != "none":
        found += _played(music, units, length, reading, fps, speaks=speaks, duck=duck)
    if style.music == "dramatic":
        found += _dramatic(music, units, starts, length, fps, duck, trailer=style.by_role)
    return found


def on_grid(frame: int, grid: Grid, fps: Fraction) -> int:
    """The downbeat nearest to a frame, or beat, if one is near enough; else the frame itself."""
    reach = timecode.round_half_up(_SNAP_S * fps)
    near = grid.between(frame - reach, frame + reach)
    strong = [beat for beat in near if beat in grid.strong] or list(near)
    return min(strong, key=lambda beat: abs(beat - frame), default=frame)


def _by_path(material: Material, path: str) -> Source:
    wanted = os.path.abspath(path)  # noqa: PTH100 - resolve() would lose the name the person gave a link
    known = [source for source in material.sources.values() if source.record.get("path")]
    for source in known:
        if os.path.abspath(str(source.record["path"])) == wanted:  # noqa: PTH100
            return source
    named = [source for source in known if source.name == os.path.basename(path)]  # noqa: PTH119
    if len(named) == 1:
        return named[0]
    raise UsageError(
        f"the music {path!r} is not among the sources", hint=f"scan it with the footage: edl-scan FILM {path}"
    )


def _is_talk(source: Source) -> bool:
    """Whether a sound file is somebody speaking, not music."""
    heard, length = source.heard, float(source.duration_s) * 1000
    return bool(heard.speech) and heard.speech.covered(0, length) > max(0.4 * length, heard.music.covered(0, length))


def _is_music(source: Source) -> bool:
    length = float(source.duration_s) * 1000
    return source.heard.music.covered(0, length) >= 0.5 * length


def _beginning(source: Source, total_ms: int, length_ms: int) -> int:
    """Where music begins: so that its most energetic stretch meets the story's peak, on a downbeat."""
    downbeats = source.heard.downbeats_ms or source.heard.beats_ms
    first = downbeats[0] if downbeats and downbeats[0] < 4000 else 0
    spare = total_ms - length_ms
    energy = source.heard.energy
    if energy is None or spare <= first + 2000:
        return first if spare >= first or total_ms <= 0 else 0
    peak = energy.highest(0, total_ms, min(8000, total_ms / 3))
    wanted = min(max(peak - float(_PEAK_AT) * length_ms, first), spare)
    if not downbeats:
        return int(wanted)
    place = bisect_left(downbeats, wanted)
    return min(
        (beat for beat in downbeats[max(0, place - 2) : place + 1] if beat <= spare),
        default=first,
        key=lambda b: abs(b - wanted),
    )


def _grid(music: Music, fps: Fraction) -> Grid:
    source = music.source
    assert source is not None
    frames: set[int] = set()
    strong: set[int] = set()
    for stretch in music.stretches:
        for beats, into in ((source.heard.beats_ms, frames), (source.heard.downbeats_ms, strong)):
            for beat in beats[bisect_left(beats, stretch.source_ms) :]:
                frame = stretch.first + timecode.round_half_up((beat - stretch.source_ms) * fps / 1000)
                if frame >= stretch.end:
                    break
                into.add(frame)
    return Grid(tuple(sorted(frames | strong)), frozenset(strong))


def _played(
    music: Music, units: Sequence[Unit], length: int, reading: Reading, fps: Fraction, *, speaks: bool, duck: float
) -> list[Cue]:
    source, style = music.source, reading.style
    assert source is not None
    lufs = source.heard.music_lufs
    lufs = number(source.record, "loudness_lufs") if lufs is None else lufs
    measured = "" if lufs is not None else "; its loudness was not measured and is taken for -14 LUFS"
    lufs = _MUSIC_LUFS if lufs is None else lufs
    if speaks and style.music != "led":
        levels = [
            unit.source.heard.speech_lufs for unit in units if unit.spoken and unit.source.heard.speech_lufs is not None
        ]
        talk = sum(levels) / len(levels) if levels else _SPEECH_LUFS
        gain = talk - style.under_lu + duck - lufs
        level = f"{style.under_lu:g} LU under speech ({talk:.1f} LUFS) once it has stepped back by {duck:g} dB"
    else:
        gain = style.loudness_lufs - (0.0 if style.music == "led" else 4.0) - lufs
        level = "it leads" if style.music == "led" else "under the footage's own sound"
    gain = round(min(max(gain, _GAIN_DB[0]), _GAIN_DB[1]), 2)
    edge = timecode.round_half_up(Fraction(1, 2) * fps)
    found = []
    for number_, stretch in enumerate(music.stretches):
        last = stretch.end >= length
        tail = timecode.round_half_up(max(style.fade_out_s, Fraction(3, 2)) * fps) if last else max(1, edge // 10)
        why = f"{music.why}: {source.name} from {timecode.clock(stretch.source_ms, Fraction(1000))}, {level}{measured}"
        if number_:
            why += "; it starts over on a downbeat"
        span = stretch.end - stretch.first
        found.append(
            Cue(stretch.first, stretch.end, why, source=source, source_ms=stretch.source_ms, gain_db=gain, duck_db=duck,
                fade_in=min(edge if not number_ and stretch.source_ms else max(1, edge // 10), span // 2),
                fade_out=min(tail, span // 2), evidence=(source.id, *source.heard.rhythm_ids[:2]))
        )  # fmt: skip
    return found


def _dramatic(
    music: Music,
    units: Sequence[Unit],
    starts: Sequence[int],
    length: int,
    fps: Fraction,
    duck: float,
    *,
    trailer: bool,
) -> list[Cue]:
    """Made sounds: a drone where there is no music, a rise and a hit or a swell at the peak, hits at turns."""
    found: list[Cue] = []
    edge = timecode.round_half_up(fps)
    if music.source is None and length > 4 * edge:
        why = "a low drone under everything: no music file was given"
        found.append(Cue(0, length, why, sound="drone", gain_db=-6.0, duck_db=duck, fade_in=edge, fade_out=edge))
    peak = _peak(units, starts, length)
    taken: list[int] = []
    if peak is not None:
        place, why, evidence = peak
        beat = units[place].beat
        at = min(
            on_grid(
                _frame_of(units[place], starts[place], fps), _downbeats(music, units[place], starts[place], fps), fps
            ),
            length - 1,
        )
        taken.append(at)
        rise = timecode.round_half_up(_RISE_S * fps)
        if trailer and at > edge:
            found.append(
                Cue(max(0, at - rise), at, f"rises to {why}", sound="riser", duck_db=duck, beat=beat, evidence=evidence)
            )
        sound, lasting = ("hit", _HIT_S) if trailer else ("swell", _SWELL_S)
        span = timecode.round_half_up(lasting * fps)
        first = at if trailer else max(0, at - span // 2)
        end = min(length, first + span)
        if end - first > LEAST_CUE:
            why = f"{sound} at {why}, programme frame {at}"
            found.append(Cue(first, end, why, sound=sound, duck_db=duck, beat=beat, evidence=evidence))
    turns = [place for place, unit in enumerate(units) if unit.role == "turn" and unit.beat and unit.purpose != "hook"]
    seen: set[str] = set()
    for place in turns:
        beat = units[place].beat
        assert beat is not None
        if beat["id"] in seen or len(seen) >= 4:
            continue
        seen.add(beat["id"])
        at = min(
            on_grid(
                _frame_of(units[place], starts[place], fps), _downbeats(music, units[place], starts[place], fps), fps
            ),
            length - 1,
        )
        end = min(length, at + timecode.round_half_up(_HIT_S * fps))
        if end - at > LEAST_CUE and all(abs(at - other) > 2 * fps for other in taken):
            taken.append(at)
            why = f"hit at a turn, programme frame {at}: {beat.get('why') or 'the story turns'}"
            found.append(Cue(at, end, why, sound="hit", gain_db=-4.0, duck_db=duck, beat=beat, evidence=(beat["id"],)))
    return sorted(found, key=lambda cue: (cue.first, cue.end))


#: A cue of fewer frames is not worth a sound.
LEAST_CUE = 6


def _peak(units: Sequence[Unit], starts: Sequence[int], length: int) -> tuple[int, str, tuple[str, ...]] | None:
    """The unit at which the story peaks, what it is called, and its evidence."""
    peaks = [place for place, unit in enumerate(units) if unit.role == "peak" and unit.beat and unit.purpose == ""]
    if peaks:

        def strength(place: int) -> float:
            beat = units[place].beat
            return (number(beat, "energy_ratio") or 0.0) if beat else 0.0

        place = max(peaks, key=lambda each: (strength(each), -each))
        beat = units[place].beat
        assert beat is not None
        return place, f"the story's peak ({beat.get('why') or 'its most energetic beat'})", (beat["id"],)
    late = [
        place
        for place, start in enumerate(starts)
        if 0.5 * length <= start <= 0.9 * length and units[place].purpose == ""
    ]
    if len(units) < 4 or not late:
        return None
    place = max(late, key=lambda each: (units[each].value, -each))
    unit = units[place]
    return place, f"the best shot of the second half, value {unit.value:.2f}: the scan has no beats", (unit.shot["id"],)


def _frame_of(unit: Unit, start: int, fps: Fraction) -> int:
    """The programme frame of a unit's beat: where the beat begins inside it, else where the unit does."""
    beat = unit.beat
    if beat is None or not unit.first < beat["in_frame"] < unit.end:
        return start
    into = timecode.round_half_up(Fraction(beat["in_frame"] - unit.first) / unit.fps / unit.speed * fps)
    return start + min(into, max(0, unit.shown - 1))


def _downbeats(music: Music, unit: Unit, start: int, fps: Fraction) -> Grid:
    """The beats a cue may go to: the music's, else those heard in the unit itself."""
    if music.grid.frames:
        return music.grid
    heard = unit.source.heard
    low, high = (frame * 1000 / unit.fps for frame in (unit.first, unit.end))
    frames, strong = (
        [start + timecode.round_half_up((beat - low) / 1000 / unit.speed * fps) for beat in beats if low <= beat < high]
        for beats in (heard.beats_ms, heard.downbeats_ms)
    )
    return Grid(tuple(sorted({*frames, *strong})), frozenset(strong))
