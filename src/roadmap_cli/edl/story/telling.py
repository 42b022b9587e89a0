"""A source's story as records: its shots with what they show, edl.scene, edl.beat and edl.energy records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.story import beats, energy, scenes
from roadmap_cli.edl.story.sounding import Heard
from roadmap_cli.edl.subjects import observing
from roadmap_cli.edl.subjects.observing import Observer, Seers

if TYPE_CHECKING:
    import numpy

#: Names what told the story, beside what looked (`Seers.method`). A change of method is a new name.
METHOD = "story-1"
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What a source tells. `shots` are the records given, with more fields; `vectors` float32 [shots, n] of length one,
    made by `vectors_of`, to be kept.
    """

    shots: list[Record]
    scenes: list[Record]
    beats: list[Record]
    energy: Record
    vectors: Any
    vectors_of: str

    def records(self) -> list[Record]:
        """Shots, scenes, beats and the energy curve, in the order of the stream."""
        return [*self.shots, *self.scenes, *self.beats, self.energy]


def tell(
    source: Record,
    shots: Sequence[Record],
    samples: Iterable[tuple[int, numpy.ndarray[Any, Any]]],
    spans: Sequence[Record] = (),
    rhythm: Sequence[Record] = (),
    *,
    seers: Seers,
    heard: Heard | None = None,
) -> Told:
    """Look at the samples (frame number, picture [height, width, 3] uint8 RGB, in order) and tell the story.

    `heard` is the sound where more of it is at hand than its records; without sound the picture alone is told.
    """
    observer = Observer(seers)
    for frame, rgb in samples:
        observer.add(frame, rgb)
    return of_observed(source, shots, observer, heard or Heard(spans, rhythm))


def of_observed(source: Record, shots: Sequence[Record], observer: Observer, heard: Heard) -> Told:
    """The same of samples that were looked at already."""
    import numpy

    method = f"{METHOD}+{observer.seers.method}"
    ranges = [(int(shot["in_frame"]), int(shot["out_frame"])) for shot in shots]
    fps = float(timecode.rational(source["fps"], field="fps"))
    spans_s = [(first / fps, end / fps) for first, end in ranges]
    sights = observing.of_shots(observer, ranges)
    described = [{**shot, **observing.described(seen)} for shot, seen in zip(shots, sights, strict=True)]
    vectors = _vectors(sights)
    sound = [heard.change(start) if shot else None for shot, (start, _) in enumerate(spans_s)]
    kind = observer.seers.pictures.name
    cuts = scenes.boundaries(vectors, kind, spans_s, sound)
    chosen = scenes.choose(cuts, spans_s)
    starts = [0, *(cut.shot for cut in chosen)]
    scene_records = _scenes(source, described, starts, chosen, cuts, method)
    for record in scene_records:
        for position in range(record["_first"], record["_end"]):
            described[position]["scene_id"] = record["id"]
    curve = energy.curve(described, spans_s, heard)
    found = beats.find(curve, spans_s, starts)
    told = _beats(source, described, scene_records, spans_s, found, heard, method)
    for record in scene_records:
        del record["_first"], record["_end"]
    return Told(described, scene_records, told, _energy(source, curve, method), numpy.asarray(vectors), kind)


def _vectors(sights: Sequence[Sequence[observing.Sight]]) -> Any:
    """A vector for each shot; one that was never looked at takes that of the shot before it (or after)."""
    import numpy

    found = [observing.vector(seen) for seen in sights]
    known = next((vector for vector in found if vector is not None), None)
    if known is None:
        return numpy.eye(1, 8, dtype=numpy.float32).repeat(len(sights), axis=0)
    filled = []
    for vector in found:
        known = known if vector is None else vector
        filled.append(known)
    return numpy.stack(filled)


def _scenes(
    source: Record,
    shots: Sequence[Record],
    starts: Sequence[int],
    chosen: Sequence[scenes.Boundary],
    cuts: Sequence[scenes.Boundary],
    method: str,
) -> list[Record]:
    entered = {cut.shot: cut for cut in chosen}
    link_of = {cut.shot: cut.link for cut in cuts}
    found = []
    for position, (first, end) in enumerate(zip(starts, [*starts[1:], len(shots)], strict=True)):
        in_frame, out_frame = shots[first]["in_frame"], shots[end - 1]["out_frame"]
        why: dict[str, Any] = {"shots": end - first}
        inner = [link_of[shot] for shot in range(first + 1, end)]
        if inner:
            why["inner_likeness_ratio"] = round(sum(inner) / len(inner), 3)
        if cut := entered.get(first):
            why |= {"likeness_ratio": round(cut.link, 3), "strength": round(cut.strength, 3)}
            why["least_strength"] = scenes.LEAST_STRENGTH
            if cut.sound is not None:
                why["sound_change_ratio"] = round(cut.sound, 3)
        found.append(
            {
                "kind": "edl.scene",
                "id": content_id(
                    "edl.scene", source=source["id"], method=method, in_frame=in_frame, out_frame=out_frame
                ),
                "at": source["at"],
                "source_id": source["id"],
                "position": position,
                "in_frame": in_frame,
                "out_frame": out_frame,
                "fps": source["fps"],
                "shot_ids": [shot["id"] for shot in shots[first:end]],
                "why": why,
                "_first": first,
                "_end": end,
            }
        )
    return found


def _energy(source: Record, curve: energy.Curve, method: str) -> Record:
    record: Record = {
        "kind": "edl.energy",
        "id": content_id("edl.energy", source=source["id"], method=method),
        "at": source["at"],
        "source_id": source["id"],
        "step_ms": energy.STEP_MS,
        "values": [round(float(value), 3) for value in curve.values],
        "weights": {name: round(weight, 3) for name, weight in curve.weights.items()},
    }
    if shape := energy.arc(curve.values):
        record |= {"arc": shape[0], "arc_correlation": round(shape[1], 3)}
    return record


def _beats(
    source: Record,
    shots: Sequence[Record],
    scene_records: Sequence[Record],
    spans_s: Sequence[tuple[float, float]],
    found: Sequence[beats.Beat],
    heard: Heard,
    method: str,
) -> list[Record]:
    told = []
    most = max(beat.energy for beat in found)
    for position, beat in enumerate(found):
        start, end = spans_s[beat.first][0], spans_s[beat.end - 1][1]
        before = found[position - 1] if position else None
        evidence = [shots[beat.first]["id"]]
        if beat.end - 1 > beat.first:
            evidence.append(shots[beat.end - 1]["id"])
        evidence += [
            scene["id"] for scene in scene_records if scene["_first"] < beat.end and scene["_end"] > beat.first
        ]
        evidence += _overlapping(heard.spans, start, end)
        in_frame, out_frame = shots[beat.first]["in_frame"], shots[beat.end - 1]["out_frame"]
        told.append(
            {
                "kind": "edl.beat",
                "id": content_id(
                    "edl.beat",
                    source=source["id"],
                    method=method,
                    role=beat.role,
                    in_frame=in_frame,
                    out_frame=out_frame,
                ),
                "at": source["at"],
                "source_id": source["id"],
                "position": position,
                "role": beat.role,
                "in_frame": in_frame,
                "out_frame": out_frame,
                "fps": source["fps"],
                "energy_ratio": round(beat.energy, 3),
                "why": _words(beat, before, shots, spans_s, heard, highest=beat.energy == most),
                "evidence": evidence,
            }
        )
    return told


def _words(
    beat: beats.Beat,
    before: beats.Beat | None,
    shots: Sequence[Record],
    spans_s: Sequence[tuple[float, float]],
    heard: Heard,
    *,
    highest: bool,
) -> str:
    """Why a stretch has its role, in words with the numbers it rests on, all of which records hold."""
    if before is None:
        words = f"opens at energy {beat.energy:.2f}"
        words += " and stays there" if beat.end == len(shots) else ""
    else:
        goes = "rises" if beat.energy > before.energy else "falls"
        at = spans_s[beat.first][0]
        words = f"energy {goes} from {before.energy:.2f} to {beat.energy:.2f} at {int(at) // 60}:{int(at) % 60:02d}"
    if beat.role == "peak" and highest:
        words += ", the highest of all"
    facts = _facts(shots, spans_s, beat.first, beat.end, heard)
    earlier = _facts(shots, spans_s, before.first, before.end, heard) if before else {}
    said = [
        f"{value:.{digits}f} {unit}"
        + (f" after {earlier[unit, digits]:.{digits}f}" if (unit, digits) in earlier else "")
        for (unit, digits), value in facts.items()
    ]
    return f"{words}: {', '.join(said)}" if said else words


def _facts(
    shots: Sequence[Record], spans_s: Sequence[tuple[float, float]], first: int, end: int, heard: Heard
) -> dict[tuple[str, int], float]:
    """What shots have on the mean, by unit and digits: weighted by length, loudness by its power."""
    part = shots[first:end]
    lengths = [stop - start for start, stop in spans_s[first:end]]
    total = sum(lengths)
    found = {("cuts a minute", 1): 60 * (end - first - 1) / total} if end - first > 1 else {}
    moves = [(length, float(shot["motion"])) for length, shot in zip(lengths, part, strict=True) if "motion" in shot]
    if moves:
        found["motion", 1] = sum(length * value for length, value in moves) / sum(length for length, _ in moves)
    loud = [
        (length, 10 ** (float(shot["loudness_lufs"]) / 10))
        for length, shot in zip(lengths, part, strict=True)
        if "loudness_lufs" in shot
    ]
    if loud:
        found["LUFS", 1] = 10 * math.log10(sum(length * power for length, power in loud) / sum(n for n, _ in loud))
    if heard.spans:
        shares = heard.shares(spans_s[first][0], spans_s[end - 1][1])
        for sort in ("speech", "music"):
            share = sum(value for name, value in shares.items() if name.partition(":")[0] == sort)
            if share >= 0.005:
                found[f"% {sort}", 0] = 100 * min(1.0, share)
    return found


def _overlapping(spans: Sequence[Record], start_s: float, end_s: float) -> list[str]:
    """Ids of the few spans of sound that fill most of a time, in order."""
    parts = []
    for span in spans:
        part = min(span["end_ms"] / 1000, end_s) - max(span["start_ms"] / 1000, start_s)
        if part > 0:
            parts.append((part, span["start_ms"], str(span["id"])))
    most = sorted(parts, key=lambda part: -part[0])[:_NEAR]
    return [name for _, _, name in sorted(most, key=lambda part: part[1])]
