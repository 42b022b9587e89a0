"""Where cuts lie against speech and music: silences, filler words, cut-off words, jump cuts and beats.

Speech comes from edl.span and edl.word records; without spans, silence is what the sound itself has of it. Nothing is
cut inside a word.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import timecode
from roadmap_cli.edl.feedback import heard
from roadmap_cli.edl.feedback.material import Edit, Footage, whole
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, of_cuts
from roadmap_cli.edl.feedback.relaying import parted, relaid

#: A gap in speech longer than this is dead air, and is left this long; one that is given back has the other length.
GAP_MS, LEFT_MS, MORE_MS = 600, 250, 400
#: Room after a word whose end was cut off, and around a filler that is taken out.
PAD_MS, FILLER_PAD_MS = 80, 40
#: How far a joint may move to meet a beat, and how near it then has to be.
REACH_S, ON_BEAT_S = 0.3, 0.04
#: How much a second view of the same picture is enlarged, so that it does not look like a jump.
PUNCH_IN = 1.2
_FILLER = re.compile(r"^(?:u+h*m+|u+h+|e+r+m?|a+h+|h+m+|m+h*m+|ä+h*m*|ö+h*m*)$")


def _ms(cut: Record, frame: int) -> float:
    return float(frame / timecode.rational(cut["fps"], field="fps") * 1000)


def _frame(cut: Record, ms: float) -> int:
    return timecode.round_half_up(Fraction(round(ms)) / 1000 * timecode.rational(cut["fps"], field="fps"))


def gaps(edit: Edit, footage: Footage, cut: Record) -> list[tuple[int, int]]:
    """The silences inside a cut in milliseconds of its source, longer than `GAP_MS`."""
    first, end = _ms(cut, cut["in_frame"]), _ms(cut, cut["out_frame"])
    spans = edit.of("edl.span", cut["source_id"])
    if spans:
        loud = [(s["start_ms"], s["end_ms"]) for s in spans if s.get("sort") in {"speech", "music"}]
        return _between(sorted(loud), first, end)
    levels = heard.cut_levels(footage, cut)
    if levels is None:
        return []
    threshold = max(1e-6, float(max(levels.energy)) * 1e-4)
    loud, start = [], None
    for n, energy in enumerate([*levels.energy, 0.0]):
        if energy > threshold and start is None:
            start = n
        elif energy <= threshold and start is not None:
            loud.append((first + start * 100, first + n * 100))
            start = None
    return _between(loud, first, end)


def _between(loud: Sequence[tuple[float, float]], first: float, end: float) -> list[tuple[int, int]]:
    found = []
    at = first
    for start, stop in [*loud, (end, end)]:
        if min(start, end) - at > GAP_MS:
            found.append((round(at), round(min(start, end))))
        at = max(at, min(stop, end))
    return found


def _without(cut: Record, holes: Sequence[tuple[float, float]]) -> list[Record]:
    """A cut in pieces, without spans of milliseconds; the first piece keeps its identity."""
    pieces: list[tuple[int, int]] = []
    at = int(cut["in_frame"])
    for start, stop in [*holes, (None, None)]:
        end = cut["out_frame"] if start is None else min(cut["out_frame"], max(at, _frame(cut, start)))
        if end - at >= 2:
            pieces.append((at, end))
        if stop is not None:
            at = max(at, _frame(cut, stop))
    return parted(cut, pieces)


def _silence(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    found = {n: gaps(edit, footage, edit.cuts[n]) for n in wanted.chosen}
    before = sum(stop - start for each in found.values() for start, stop in each) / 1000
    first = [Measured("silence in gaps over 0.6 s", "s", before)]
    if wanted.sign > 0:
        return _breathing(edit, wanted, before)
    if not before:
        raise Refused("the measurement says otherwise: no gap in the sound is longer than 0.6 s", first)
    cuts: list[Record] = []
    count = 0
    for n, cut in enumerate(edit.cuts):
        each = found.get(n, [])
        keep = LEFT_MS / 2
        inner = _ms(cut, cut["in_frame"]), _ms(cut, cut["out_frame"])
        # At an edge of the cut only the side of the words keeps its room; a cut that is all silence stays as it is.
        holes = [(a if a <= inner[0] + 1 else a + keep, b if b >= inner[1] - 1 else b - keep) for a, b in each]
        if holes and sum(b - a for a, b in holes) >= inner[1] - inner[0] - 2 * keep:
            holes = []
        pieces = _without(cut, [hole for hole in holes if hole[1] - hole[0] > 80]) if holes else [cut]
        count += len(holes)
        cuts += pieces or [cut]
    made = relaid(edit, cuts)
    after = (
        sum(b - a for cut in made.cuts for a, b in gaps(made, footage, cut)) / 1000
        if len(wanted.chosen) == len(edit.cuts)
        else 0.0
    )
    return Corrected(
        made, (Measured("silence in gaps over 0.6 s", "s", before, 0.0, after),), f"{count} gaps shrunk to {LEFT_MS} ms"
    )


def _breathing(edit: Edit, wanted: Wanted, before: float) -> Corrected:
    """Joints inside one source that skip a part get some of it back, as far as it is silent."""
    cuts = list(edit.cuts)
    given = 0.0
    skipped = 0
    for n in range(1, len(cuts)):
        left, right = cuts[n - 1], cuts[n]
        if left["source_id"] != right["source_id"] or left["out_frame"] >= right["in_frame"]:
            continue
        spans = [s for s in edit.of("edl.span", left["source_id"]) if s.get("sort") == "speech"]
        end, start = _ms(left, left["out_frame"]), _ms(right, right["in_frame"])
        free = min([s["start_ms"] for s in spans if s["start_ms"] >= end - 1], default=start) - end
        room = min(MORE_MS * wanted.strength, free, start - end)
        skipped += 1
        if room >= 40:
            cuts[n - 1] = {**left, "out_frame": min(right["in_frame"], _frame(left, end + room))}
            given += room
    signal = "pause at joints"
    if not skipped:
        raise Refused("no pause was cut out of a source: there is none to put back", [Measured(signal, "s", before)])
    target = skipped * MORE_MS * wanted.strength / 1000
    return Corrected(
        relaid(edit, cuts), (Measured(signal, "s", 0.0, target, given / 1000),), f"{given / 1000:.1f} s of pauses back"
    )


def _fillers(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    if wanted.sign > 0:
        raise Refused("undo the edit that took the filler words out: 'undo that'")
    words = [w for n in wanted.chosen for w in edit.of("edl.word", edit.cuts[n]["source_id"])]
    if not words:
        raise Refused(
            "no words are known of the speech: a scan with a speech model writes them, and then fillers can be found"
        )
    cuts: list[Record] = []
    removed: list[str] = []
    for n, cut in enumerate(edit.cuts):
        first, end = _ms(cut, cut["in_frame"]), _ms(cut, cut["out_frame"])
        holes = []
        if n in wanted.chosen:
            known = sorted(edit.of("edl.word", cut["source_id"]), key=lambda w: int(w["start_ms"]))
            for at, word in enumerate(known):
                text = re.sub(r"\W", "", str(word.get("text", ""))).lower()
                if not _FILLER.match(text) or not first <= word["start_ms"] < word["end_ms"] <= end:
                    continue
                left = known[at - 1]["end_ms"] if at else word["start_ms"] - FILLER_PAD_MS
                right = known[at + 1]["start_ms"] if at + 1 < len(known) else word["end_ms"] + FILLER_PAD_MS
                holes.append((max(left, word["start_ms"] - FILLER_PAD_MS), min(right, word["end_ms"] + FILLER_PAD_MS)))
                removed.append(text)
        cuts += _without(cut, holes) if holes else [cut]
    if not removed:
        raise Refused(
            "the measurement says otherwise: no filler word is among the words that were heard",
            [Measured("filler words", "words", 0)],
        )
    return Corrected(
        relaid(edit, cuts),
        (Measured("filler words", "words", len(removed), 0, 0),),
        f"{len(removed)} filler words out: {', '.join(dict.fromkeys(removed))}",
    )


def _word_edges(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Cuts whose first or last frame lies inside speech run on to its edge."""
    cuts, measured = list(edit.cuts), []
    for n in wanted.chosen:
        cut = cuts[n]
        units = edit.of("edl.word", cut["source_id"]) or [
            s for s in edit.of("edl.span", cut["source_id"]) if s.get("sort") == "speech"
        ]
        if not units:
            continue
        first, end = _ms(cut, cut["in_frame"]), _ms(cut, cut["out_frame"])
        late = next((u for u in units if u["start_ms"] < end < u["end_ms"]), None)
        early = next((u for u in units if u["start_ms"] < first < u["end_ms"]), None)
        made = dict(cut)
        missing = 0.0
        if late:
            missing += late["end_ms"] - end
            most = int(edit.sources[cut["source_id"]].get("frames", 10**9))
            made["out_frame"] = min(most, _frame(cut, late["end_ms"] + PAD_MS))
        if early:
            missing += first - early["start_ms"]
            made["in_frame"] = max(0, _frame(cut, early["start_ms"] - PAD_MS))
        if not missing:
            continue
        left = max(0.0, (late["end_ms"] - _ms(cut, made["out_frame"])) if late else 0.0)
        left += max(0.0, (_ms(cut, made["in_frame"]) - early["start_ms"]) if early else 0.0)
        measured.append(Measured("speech cut off", "ms", missing, 0.0, left, cut))
        cuts[n] = made
    if not measured:
        known = any(edit.of(kind, cut["source_id"]) for cut in edit.cuts for kind in ("edl.word", "edl.span"))
        raise Refused(
            "the measurement says otherwise: no cut begins or ends inside speech" if known
            else "no speech is known of the sources: a scan finds it"
        )  # fmt: skip
    return Corrected(relaid(edit, cuts), tuple(measured), f"{of_cuts(len(measured))} drawn out to the end of words")


def jumps(edit: Edit) -> list[int]:
    """Cuts that look like a jump: from the same shot of the same source as the one before, framed nearly alike."""
    found = []
    for n in range(1, len(edit.cuts)):
        left, right = edit.cuts[n - 1], edit.cuts[n]
        if left["source_id"] != right["source_id"] or left.get("shot_id") != right.get("shot_id"):
            continue
        if left["out_frame"] == right["in_frame"] and left.get("framing") == right.get("framing"):
            continue  # it runs on: nobody sees a cut
        zooms = [1 / min(f.width, f.height) for f in (fields.framing(left).end, fields.framing(right).start)]
        if max(zooms) / min(zooms) < PUNCH_IN * 0.98 and "transition" not in right:
            found.append(n)
    return found


def _jump_cuts(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    every = jumps(edit)
    found = [n for n in every if n in wanted.chosen or (wanted.placed and n - 1 in wanted.chosen)]
    if wanted.sign > 0:
        raise Refused("jump cuts are not made on purpose; ask for faster cuts")
    if not found:
        raise Refused(
            "the measurement says otherwise: no two neighbours come from one shot with a piece left out",
            [Measured("jump cuts", "cuts", 0)],
        )
    cuts = list(edit.cuts)
    for n in found:
        box = edit.shot(cuts[n]).get("subject_box")
        x, y = 0.5, 0.45
        if box:
            x, y = float(box[0]) + float(box[2]) / 2, max(0.0, float(box[1])) + float(box[3]) * 0.4
        before = fields.framing(cuts[n - 1]).end
        if before.width < 0.99:  # the one before is enlarged already: this one shows the whole picture
            cuts[n] = {k: v for k, v in cuts[n].items() if k != "framing"}
            continue
        side = 1 / PUNCH_IN
        left, top = min(max(0.0, x - side / 2), 1 - side), min(max(0.0, y - side / 2), 1 - side)
        cuts[n] = {**cuts[n], "framing": {"start": [round(left, 4), round(top, 4), round(side, 4), round(side, 4)]}}
    made = relaid(edit, cuts)
    left_over = len([n for n in jumps(made) if n in found])
    return Corrected(
        made,
        (Measured("jump cuts", "cuts", len(found), 0, left_over),),
        f"{of_cuts(len(found))} enlarged by {PUNCH_IN:g} so that they change the view",
    )


def beats_s(edit: Edit) -> list[float]:
    """The beats of all music in seconds of the programme: of cues by their place, else of the cuts' own sound."""
    found: list[float] = []
    for cue in edit.cues:
        start = float(cue["timeline_in_frame"] / edit.fps)
        end = float(cue["timeline_out_frame"] / edit.fps)
        for rhythm in edit.of("edl.rhythm", cue.get("source_id")):
            offset = int(cue.get("source_start_ms", 0)) / 1000
            found += [
                start + ms / 1000 - offset
                for ms in rhythm.get("beats_ms", ())
                if start <= start + ms / 1000 - offset < end
            ]
    return sorted(found)


def _off(edit: Edit, beats: Sequence[float]) -> list[float]:
    joints = [float(cut["timeline_in_frame"] / edit.fps) for cut in edit.cuts[1:]]
    return [min(abs(joint - beat) for beat in beats) for joint in joints]


def _beats(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    beats = beats_s(edit)
    if wanted.sign < 0:
        raise Refused("cuts are not moved off the beat on purpose")
    if not beats:
        raise Refused("no beats are known: the plan has no music from a file whose rhythm was scanned")
    if len(edit.cuts) < 2:
        raise Refused("there is no joint between two shots")
    before = statistics.fmean(_off(edit, beats)) * 1000
    first = [Measured("distance of cuts from the beat", "ms", before)]
    if before < ON_BEAT_S * 1000 and not wanted.insist:
        raise Refused(f"the measurement says otherwise: cuts lie {before:.0f} ms from the beat", first, asks=True)
    made = edit
    for n in range(len(edit.cuts) - 1):
        joint = float(made.cuts[n]["timeline_out_frame"] / edit.fps)
        beat = min(beats, key=lambda b: abs(b - joint))
        if abs(beat - joint) <= REACH_S and abs(beat - joint) > 0.5 / float(edit.fps):
            made = _moved_to(made, n, beat)
    after = statistics.fmean(_off(made, beats)) * 1000
    return Corrected(
        made,
        (Measured("distance of cuts from the beat", "ms", before, 0.0, after),),
        f"joints moved to the beat, each by at most {REACH_S:g} s",
    )


def _moved_to(edit: Edit, n: int, beat: float) -> Edit:
    """One cut longer or shorter so that it ends at a time, if its shot has the frames."""
    cut = edit.cuts[n]
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    shown = timecode.round_half_up(Fraction(beat).limit_denominator(10_000) * edit.fps) - cut["timeline_in_frame"]
    if shown < 3:
        return edit
    frames = timecode.round_half_up(shown / edit.fps * speed * rate)
    shot = edit.shot(cut)
    high = whole(shot, "out_frame", whole(edit.sources.get(cut["source_id"], {}), "frames", cut["out_frame"]))
    low = whole(shot, "in_frame", cut["in_frame"])
    end = min(max(high, cut["out_frame"]), cut["in_frame"] + frames)
    start = max(min(low, cut["in_frame"]), end - frames)
    if end - start < 2:
        return edit
    return relaid(edit, [*edit.cuts[:n], {**cut, "in_frame": start, "out_frame": end}, *edit.cuts[n + 1 :]])


_AXES = {"silence": _silence, "fillers": _fillers, "word_edges": _word_edges, "jump_cuts": _jump_cuts, "beats": _beats}
AXES = frozenset(_AXES)


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Correct an axis of speech or rhythm. Raises Refused with the reason and the numbers."""
    made = _AXES[wanted.axis](edit, footage, wanted)
    worst = min(made.measured, key=lambda m: m.moved)
    if made.moved < LEAST_MOVED and not (wanted.insist and made.moved > 0.02):
        raise Refused(
            f"only {max(0.0, made.moved):.0%} of the way can be gone: {worst.signal} {worst.before:.1f} to "
            f"{worst.after or 0:.1f} {worst.unit}", made.measured, asks=made.moved > 0.02,
        )  # fmt: skip
    return made
