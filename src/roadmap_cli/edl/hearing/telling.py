"""What was heard as records: edl.span, edl.rhythm, edl.word, and what an edl.source says of its sound.

Times of the stream become times from the first picture; what lies before it is cut off.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl.hearing.sorts import Span

if TYPE_CHECKING:
    from roadmap_cli.edl.hearing.heard import Heard


def source_fields(heard: Heard) -> dict[str, Any]:
    """What an edl.source says of its sound as a whole."""
    import numpy

    if heard.loudness is None:
        return {"sound_problem": heard.problem} if heard.problem else {}
    read = heard.loudness
    found: dict[str, Any] = {
        "sound_ms": heard.length_ms,
        "sound_late_ms": _rounded(heard.late_ms),
        "true_peak_db": read.true_peak_db,
        "loudness_range_lu": read.range_lu,
        "clipped_ratio": round(heard.clipped_ratio, 6),
        "dc_offset": round(heard.offset, 5) + 0.0,
        "hearing": list(heard.models),
    }
    levels = numpy.frombuffer(heard.levels.level_db, numpy.float32)
    if len(levels):
        found["noise_floor_db"] = round(float(numpy.percentile(levels, 10)), 1)
    for name, value in (
        ("loudness_lufs", read.integrated_lufs),
        ("highest_moment_lufs", read.highest_moment_lufs),
        ("highest_short_lufs", read.highest_short_lufs),
    ):
        if value > -70:
            found[name] = value
    if heard.hum:
        found |= {"hum_hz": heard.hum[0], "hum_db": heard.hum[1]}
    return found


def records(heard: Heard, source: Record) -> list[Record]:
    """The edl.span, edl.rhythm and edl.word records of a source, in this order, each by time.

    Ids are made from the source's and the content.
    """
    shared = {"at": source["at"], "source_id": source["id"]}
    found: list[Record] = []

    def add(kind: str, **fields: Any) -> None:
        found.append({"kind": kind, "id": content_id(kind, source_id=source["id"], **fields), **shared, **fields})

    for span in heard.spans:
        start, end = (shown(heard, time) for time in (span.start_ms, span.end_ms))
        if end > start:
            add("edl.span", sort=span.sort, start_ms=start, end_ms=end, **_span_fields(heard, span))
    for rhythm in heard.rhythms:
        start, end = shown(heard, rhythm.start_ms), shown(heard, rhythm.end_ms)
        beats = [shown(heard, time) for time in rhythm.beats_ms if time + heard.late_ms >= 0]
        if end > start and len(beats) >= 2:
            add(
                "edl.rhythm",
                start_ms=start,
                end_ms=end,
                tempo_bpm=rhythm.tempo,
                beats_in_bar=rhythm.bar,
                beats_ms=beats,
                downbeats_ms=[shown(heard, time) for time in rhythm.downbeats_ms if time + heard.late_ms >= 0],
                confidence_ratio=rhythm.confidence,
            )
    for word in heard.words:
        add(
            "edl.word",
            text=word.text,
            start_ms=word.start_ms,
            end_ms=word.end_ms,
            confidence_ratio=word.confidence,
            **({} if word.exact else {"estimated": True}),
        )
    return found


def shown(heard: Heard, time_ms: int) -> int:
    """A time of the stream as ms from the first picture, never before it."""
    return max(0, _rounded(time_ms + heard.late_ms))


def _span_fields(heard: Heard, span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {"confidence_ratio": span.confidence}
    if span.label:
        found["label"] = span.label
    measured = heard.levels.between(Fraction(span.start_ms, 1000), Fraction(span.end_ms, 1000))
    if "loudness_lufs" in measured and span.sort != "silence":
        found["loudness_lufs"] = measured["loudness_lufs"]
    return found


def _rounded(value: Fraction | int) -> int:
    return math.floor(Fraction(value) + Fraction(1, 2))
