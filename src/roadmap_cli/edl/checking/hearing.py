"""Whether the sound holds: no word cut, no step in loudness or room tone, leads and lags in their place, music below.

Distances are those of the craft: 50 ms of room before a word and 80 ms after it, 0.2 to 1 s for a sound that leads or
lags, music 15 to 20 LU below speech, a floor that drops by 12 dB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import timecode
from roadmap_cli.edl.checking.findings import Finding, error, warning
from roadmap_cli.edl.checking.footage import Footage, Timed, number

ROOM_BEFORE_MS, ROOM_AFTER_MS = 50, 80
#: Less room than this beside a word is said; a word's own edges are known to no better than 20 ms, a phrase's to 80.
_TIGHT_MS, _WORD_SLACK_MS, _PHRASE_SLACK_MS = 30, 20, 80
_LOUDER_LU = 6.0
_FLOOR_DROP_DB = 12.0
_LEAST_EDGE_S, _MOST_EDGE_S = 0.2, 1.0
#: Music less than so far below speech covers it.
MUSIC_LU = 12.0


def edges(footage: Footage) -> Iterator[Finding]:
    """No cut's sound begins or ends inside a word, nor, where words are not known, inside a phrase."""
    cuts = footage.cuts
    for place, cut in enumerate(cuts):
        heard = footage.heard(cut)
        if heard is None:
            continue
        begins_free = place == 0 or not footage.goes_on(cuts[place - 1], cut)
        ends_free = place + 1 == len(cuts) or not footage.goes_on(cut, cuts[place + 1])
        sides = ((heard[0], "begins", begins_free), (heard[1], "ends", ends_free))
        for at, verb, is_free in sides:
            if is_free:
                yield from _edge(footage, cut, at, verb)


def _edge(footage: Footage, cut: Record, at: int, verb: str) -> Iterator[Finding]:
    words, phrases = footage.words(cut["source_id"]), footage.speech(cut["source_id"])
    if words:
        word = _inside(words, at, _WORD_SLACK_MS)
        if word is not None:
            yield error("word", f"{verb} inside the word {word.get('text', '')!r}", cut, evidence=(word["id"],))
            return
        near = words.after(at - _TIGHT_MS) if verb == "begins" else words.before(at + _TIGHT_MS)
        room = None if near is None else (near["start_ms"] - at if verb == "begins" else at - near["end_ms"])
        if near is not None and room is not None and -_WORD_SLACK_MS <= room < _TIGHT_MS:
            words_said = f"{verb} {max(0, room)} ms beside the word {near.get('text', '')!r}"
            yield warning("room", f"{words_said}: it will sound clipped", cut, evidence=(near["id"],))
        return
    phrase = _inside(phrases, at, _PHRASE_SLACK_MS)
    if phrase is None:
        return
    deep = min(at - phrase["start_ms"], phrase["end_ms"] - at)
    sure = number(phrase.get("confidence_ratio"))
    grave = error if sure is None or sure >= 0.5 else warning
    yield grave("speech", f"{verb} while somebody speaks, {deep} ms inside a phrase", cut, evidence=(phrase["id"],))


def _inside(spans: Timed, at: int, slack: int) -> Record | None:
    found = spans.at(at)
    return found if found and found["start_ms"] + slack < at < found["end_ms"] - slack else None


def leads_and_lags(footage: Footage) -> Iterator[Finding]:
    """A sound leads or lags by 0.2 to 1 s, and never over another speaker."""
    cuts = footage.cuts
    for place, cut in enumerate(cuts):
        sound = saying.sound(cut)
        for frames, other, what in ((sound.lead_frames, place - 1, "leads"), (sound.lag_frames, place + 1, "lags")):
            if not frames or not 0 <= other < len(cuts):
                continue
            seconds = float(frames / footage.fps)
            if not _LEAST_EDGE_S <= seconds <= _MOST_EDGE_S:
                yield warning(
                    "sound_edge_length", f"its sound {what} by {seconds:.2f} s; 0.2 to 1 s is heard as meant", cut
                )
            beside = cuts[other]
            if footage.heard(beside) is None or (
                beside["source_id"] == cut["source_id"]
                and footage.goes_on(*((beside, cut) if what == "leads" else (cut, beside)))
            ):
                continue
            first, end = (footage.place_ms(beside, beside[name]) for name in ("in_frame", "out_frame"))
            taken = round(seconds * 1000)
            under = (end - taken, end) if what == "leads" else (first, first + taken)
            spoken = [
                phrase for phrase in footage.speech(beside["source_id"]).within(*under)
                if min(phrase["end_ms"], under[1]) - max(phrase["start_ms"], under[0]) > _PHRASE_SLACK_MS
            ]  # fmt: skip
            if spoken:
                words = f"its sound {what} over somebody who speaks in the cut beside it"
                yield warning("over_speech", words, cut, evidence=(spoken[0]["id"],))


def loudness(footage: Footage) -> Iterator[Finding]:
    """Neighbours of one scene are about as loud; the targets are ones a programme can have."""
    wanted, peak = number(footage.plan.get("loudness_lufs")), number(footage.plan.get("true_peak_dbtp"))
    if wanted is not None and not -31.0 <= wanted <= -9.0:
        yield error("loudness_target", f"{wanted:g} LUFS is outside -31 to -9: no programme is heard like that")
    if peak is not None and peak > 0:
        yield error("loudness_target", f"a true peak of {peak:g} dBTP clips: -1 is the usual")
    elif peak is not None and peak > -1:
        yield warning("loudness_target", f"a true peak of {peak:g} dBTP may clip in a phone; -1 is the usual")
    for left, right in pairwise(footage.cuts):
        if footage.goes_on(left, right):
            continue
        levels = [_level(footage, cut) for cut in (left, right)]
        if levels[0] is None or levels[1] is None or not _together(footage, left, right):
            continue
        step = levels[1] - levels[0]
        if abs(step) > _LOUDER_LU:
            words = f"is {abs(step):.0f} LU {'louder' if step > 0 else 'softer'} than the cut before, in one scene"
            yield warning("loudness", words, right)


def _level(footage: Footage, cut: Record) -> float | None:
    if footage.heard(cut) is None:
        return None
    loud = footage.number(cut, "loudness_lufs")
    return None if loud is None else loud + saying.sound(cut).gain_db


def _together(footage: Footage, left: Record, right: Record) -> bool:
    """Whether two cuts are of one scene; without scenes, whether both are of one source and spoken."""
    scenes = footage.scene(left), footage.scene(right)
    if scenes[0] is not None and scenes[1] is not None:
        return scenes[0] == scenes[1]
    spoken = [number(footage.shot(cut).get("speech_ratio")) or 0.0 for cut in (left, right)]
    return bool(left["source_id"] == right["source_id"]) and min(spoken) > 0.3


def room_tone(footage: Footage) -> Iterator[Finding]:
    """The floor of the sound does not drop away at a joint, unless music lies under it."""
    cues = sorted((cue["timeline_in_frame"], cue["timeline_out_frame"]) for cue in footage.cues)
    starts = [first for first, _ in cues]
    for left, right in pairwise(footage.cuts):
        frame = right["timeline_in_frame"]
        covered = any(end > frame for _, end in cues[: bisect_right(starts, frame)])
        if covered or footage.goes_on(left, right):
            continue
        heard = footage.heard(left), footage.heard(right)
        if (heard[0] is None) != (heard[1] is None):
            silent, loud = (left, right) if heard[0] is None else (right, left)
            level = footage.number(loud, "silence_ratio")
            if level is None or level < 0.9:
                words = (
                    f"the sound {'begins' if silent is left else 'drops away'} at this joint: no room tone, no music"
                )
                yield warning("room_tone", words, right)
            continue
        floors = [_floor(footage, cut) for cut in (left, right)]
        if floors[0] is not None and floors[1] is not None and abs(floors[0][0] - floors[1][0]) > _FLOOR_DROP_DB:
            step = abs(floors[0][0] - floors[1][0])
            words = f"the noise floor steps by {step:.0f} dB at this joint"
            yield warning("room_tone", words, right, evidence=(floors[0][1], floors[1][1]))


def _floor(footage: Footage, cut: Record) -> tuple[float, str] | None:
    """The softest of what is neither speech nor music inside a cut, and the span that says so."""
    first, end = (footage.place_ms(cut, cut[name]) for name in ("in_frame", "out_frame"))
    gain = saying.sound(cut).gain_db
    found = [
        (level + gain, span["id"])
        for sort in ("ambient", "silence")
        for span in footage.spans(cut["source_id"], sort).within(first, end)
        if (level := number(span.get("loudness_lufs"))) is not None
    ]
    return min(found) if found else None


def music(footage: Footage) -> Iterator[Finding]:
    """Music lies far enough below what is spoken over it."""
    for cue in footage.cues:
        bed = music_level(footage, cue)
        if bed is None:
            continue
        for cut in footage.cuts:
            if cut["timeline_out_frame"] <= cue["timeline_in_frame"]:
                continue
            if cut["timeline_in_frame"] >= cue["timeline_out_frame"]:
                break
            voice = voice_level(footage, cut)
            if voice is not None and voice[0] - (bed - _ducked(cue)) < MUSIC_LU:
                gap = voice[0] - (bed - _ducked(cue))
                words = f"music lies {gap:.0f} LU below the voice; under {MUSIC_LU:.0f} it covers words"
                yield warning("music", words, cut, evidence=(voice[1],))
                break


def _ducked(cue: Record) -> float:
    return number(cue.get("duck_db")) or 0.0


def music_level(footage: Footage, cue: Record) -> float | None:
    """How loud a cue is with its own gain, from the music measured in its source."""
    source_id = str(cue.get("source_id"))
    start = int(cue.get("source_start_ms", 0))
    length = timecode.round_half_up((cue["timeline_out_frame"] - cue["timeline_in_frame"]) * 1000 / footage.fps)
    levels = [
        level
        for span in footage.spans(source_id, "music").within(start, start + max(1, length))
        if (level := number(span.get("loudness_lufs"))) is not None
    ]
    return None if not levels else sum(levels) / len(levels) + (number(cue.get("gain_db")) or 0.0)


def voice_level(footage: Footage, cut: Record) -> tuple[float, str] | None:
    """How loud the softest phrase inside a cut is, and the span that says so."""
    heard = footage.heard(cut)
    if heard is None:
        return None
    gain = saying.sound(cut).gain_db
    found = [
        (level + gain, span["id"])
        for span in footage.speech(cut["source_id"]).within(*heard)
        if (level := number(span.get("loudness_lufs"))) is not None
    ]
    return min(found) if found else None
