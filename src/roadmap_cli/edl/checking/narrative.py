"""Whether the story holds: order, questions and their answers, where we are, the pace, the peak, and what was dropped.

Rules 7, 11, 12 and 17 of the craft as collected in the research; each looks only at what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import fmean, median, pstdev

from roadmap_cli.core.records import Record
from roadmap_cli.edl.checking.findings import Finding, error, warning
from roadmap_cli.edl.checking.footage import SIZES, Footage, number

#: Roles of a cut that may break the order of time.
_DECLARED = frozenset({"hook", "replay", "cutaway", "flashback"})
#: An answer begins within so many milliseconds of its question, or the question was not one.
ANSWER_WITHIN_MS = 5000
#: So much of an answer must be heard for the question not to be left open.
_ANSWER_MS = 700
_CLOSE = frozenset({"extreme_close", "close", "medium_close"})
_PEAK = (0.65, 0.90)
_EVEN, _FEWEST = 0.2, 10


def order(footage: Footage) -> Iterator[Finding]:
    """Inside a scene, or a source whose scenes are not known, time runs forward, unless it is declared otherwise."""
    if footage.is_montage:
        return
    for left, right in pairwise(footage.cuts):
        if left["source_id"] != right["source_id"] or {left.get("role"), right.get("role")} & _DECLARED:
            continue
        if footage.scene(left) != footage.scene(right) or right["in_frame"] >= left["in_frame"]:
            continue
        back = (left["in_frame"] - right["in_frame"]) / float(footage.fps)
        where = "its scene" if footage.scene(right) else "its source"
        yield warning(
            "order", f"goes back {back:.1f} s in {where}: declare a flashback or replay if it is meant", right
        )


def questions(footage: Footage) -> Iterator[Finding]:
    """A question that is asked gets the answer it got in the source."""
    heard: dict[str, list[tuple[int, int, Record]]] = {}
    for cut in footage.cuts:
        if (stretch := footage.heard(cut)) is not None:
            heard.setdefault(cut["source_id"], []).append((stretch[0] - 40, stretch[1] + 40, cut))
    for question, answer in asked(footage):
        near, end = heard.get(question["source_id"], ()), question["end_ms"]
        asks = next((n for n, (begins, ends, _) in enumerate(near) if begins <= end - 200 and ends >= end), None)
        if asks is None:
            continue
        first, start = near[asks][2], answer["start_ms"]
        until = min(answer["end_ms"], start + _ANSWER_MS)
        if not any(begins <= start and ends >= until for begins, ends, _ in near[asks:]):
            said = f" {question['text']!r}" if question.get("text") else ""
            words = f"asks{said} and the answer, which follows in the source, is left out"
            yield error("question", words, first, evidence=(question["id"], answer["id"]))


def asked(footage: Footage) -> list[tuple[Record, Record]]:
    """The questions of all sources with their answers, each a stretch of a source: words where there are some.

    Without words, phrases whose label is 'question' (a rising pitch). What nobody answers within five seconds is none.
    """
    found = []
    for source_id in footage.sources:
        sentences = _sentences(footage.words(source_id).records)
        if not sentences:
            sentences = [
                {**span, "text": "", "asks": span.get("label") == "question"}
                for span in footage.speech(source_id).records
            ]
        for question, answer in pairwise(sentences):
            soon = answer["start_ms"] - question["end_ms"] <= ANSWER_WITHIN_MS
            if question["asks"] and soon and not answer["asks"]:
                found.append((question, answer))
    return found


def _sentences(words: Sequence[Record]) -> list[Record]:
    """Words in sentences: up to a full stop, a question or exclamation mark, or a pause of a second."""
    found: list[Record] = []
    part: list[Record] = []
    for place, word in enumerate(words):
        part.append(word)
        text = str(word.get("text", "")).strip()
        pause = place + 1 < len(words) and words[place + 1]["start_ms"] - word["end_ms"] > 1000
        if text.endswith((".", "?", "!", "…", "。", "？")) or pause or place + 1 == len(words):
            said = " ".join(str(each.get("text", "")).strip() for each in part)
            found.append({
                "id": part[-1]["id"], "source_id": word["source_id"], "start_ms": part[0]["start_ms"],
                "end_ms": word["end_ms"], "text": said if len(said) <= 60 else f"…{said[-58:]}",
                "asks": text.endswith(("?", "？")),
            })  # fmt: skip
            part = []
    return found


def establishing(footage: Footage) -> Iterator[Finding]:
    """A scene that is entered shows soon where we are; after three close shots it shows so again."""
    for scene, group in groupby(footage.cuts, footage.scene):
        cuts = list(group)
        if scene is None or len(cuts) < 2:
            continue
        widest = max((_size(footage.shots.get(name, {})) for name in _shots_of(footage, scene)), default=-1)
        first = max(_size(footage.shot(cut)) for cut in cuts[:2])
        if first >= 0 and widest - first >= 2:
            words = f"a scene begins with nothing wider than {_name(first)}; it has a {_name(widest)} shot for that"
            yield warning("establishing", words, cuts[0], evidence=(scene,))
        run = 0
        for cut in cuts:
            run = run + 1 if footage.shot(cut).get("shot_size") in _CLOSE else 0
            if run == 4 and widest > SIZES.index("medium_close"):
                yield warning(
                    "close_ups", "four close shots in a row: the place is lost from sight", cut, evidence=(scene,)
                )


def _shots_of(footage: Footage, scene: str) -> list[str]:
    named = footage.scenes.get(scene, {}).get("shot_ids")
    return list(named) if named else [name for name, shot in footage.shots.items() if shot.get("scene_id") == scene]


def _size(shot: Record) -> int:
    size = shot.get("shot_size")
    return SIZES.index(size) if size in SIZES else -1


def _name(size: int) -> str:
    return SIZES[size].replace("_", " ")


def pace(footage: Footage) -> Iterator[Finding]:
    """Lengths vary: in films their spread is about 1.2 times their mean (Salt). The last shot has time to end."""
    lengths = [float((cut["timeline_out_frame"] - cut["timeline_in_frame"]) / footage.fps) for cut in footage.cuts]
    if len(lengths) >= _FEWEST and not footage.is_montage:
        spread = pstdev(lengths) / fmean(lengths)
        if spread < _EVEN:
            even = f"shots are nearly all {median(lengths):.1f} s long"
            words = f"{even} (spread {spread:.2f} of the mean): an even beat tires"
            yield warning("distribution", words)
    if len(lengths) >= 5 and lengths[-1] < median(lengths) / 2:
        words = f"the last shot is {lengths[-1]:.1f} s, half the usual {median(lengths):.1f} s: it will feel cut off"
        yield warning("ending", words, footage.cuts[-1])


def peak(footage: Footage) -> Iterator[Finding]:
    """What has most energy lies between 65 and 90 % of the programme."""
    length = footage.plan["length_frames"]
    energies = [(energy, cut) for cut in footage.cuts if (energy := footage.energy(cut)) is not None]
    declared = [(energy, cut) for energy, cut in energies if _role(footage, cut) == "peak"]
    if len(footage.cuts) < 5 or not energies or length <= 0:
        return
    energy, top = max(declared or energies, key=lambda each: each[0])
    if not declared and energy - min(each for each, _ in energies) < 0.2:
        return  # a story without a rise has no peak to misplace
    place = (top["timeline_in_frame"] + top["timeline_out_frame"]) / 2 / length
    if not _PEAK[0] <= place <= _PEAK[1]:
        words = f"the peak (energy {energy:.2f}) comes at {place:.0%} of the programme; 65 to 90 % is where it carries"
        evidence = (str(top["beat_id"]),) if "beat_id" in top else ()
        yield warning("peak", words, top, evidence=evidence)


def _role(footage: Footage, cut: Record) -> str | None:
    beat = footage.beats.get(str(cut.get("beat_id")), {})
    return cut.get("role") or beat.get("role")


def dropped(footage: Footage) -> Iterator[Finding]:
    """Every story beat that is not in the edit is told, whether the plan says so or not."""
    listed = set(footage.plan.get("dropped_beat_ids") or ())
    wanted = dict.fromkeys([*footage.beats, *(footage.plan.get("beat_ids") or ()), *sorted(listed)])
    for name in wanted:
        beat = footage.beats.get(name)
        if beat is None:
            if name in listed:
                yield warning("dropped_beat", f"beat {name} is not in the edit", evidence=(name,))
            continue
        shown = name not in listed and any(
            cut.get("beat_id") == name
            or (
                cut["source_id"] == beat.get("source_id")
                and cut["in_frame"] < int(beat.get("out_frame", 0))
                and cut["out_frame"] > int(beat.get("in_frame", 0))
            )
            for cut in footage.cuts
        )
        if shown:
            continue
        energy = number(beat.get("energy_ratio"))
        told = f"the {beat.get('role', 'beat')}" + ("" if energy is None else f" (energy {energy:.2f})")
        why = f": {beat['why']}" if beat.get("why") else ""
        rule, note = ("dropped_beat", "") if name in listed else ("beat_unlisted", ", and the plan does not say so")
        yield warning(rule, f"{told} is not in the edit{note}{why}", evidence=(name,))
