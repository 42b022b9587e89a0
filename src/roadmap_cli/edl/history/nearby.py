"""What was measured around a place in a source: its shot, what sounds there, the pulse of its music, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: How far around a place something bears on it, in milliseconds.
_NEAR_MS = 1500
#: Numbers of a shot or a decision that are worth saying: field, words, how they are written.
_NUMBERS = (
    ("value", "value", "{:.2f}"),
    ("luma_mean", "brightness {}/255", "{:.0f}"),
    ("motion", "movement", "{:.1f}"),
    ("sharpness", "sharpness", "{:.2f}"),
    ("movement", "movement", "{:.2f}"),
    ("light", "light", "{:.2f}"),
    ("sound", "sound", "{:.2f}"),
    ("faces", "faces", "{:g}"),
    ("speech_ratio", "speech in {} of its seconds", "{:.0%}"),
    ("loudness_lufs", "{} LUFS", "{:.1f}"),
)


def numbers(facts: Mapping[str, Any]) -> str:
    """What a shot or a decision measures, in words; empty if it holds no known number."""
    said = []
    for name, words, form in _NUMBERS:
        value = facts.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = form.format(value)
            said.append(words.format(text) if "{}" in words else f"{words} {text}")
    size = facts.get("shot_size")
    return ", ".join([*said, f"size {str(size).replace('_', ' ')}"] if isinstance(size, str) else said)


def shot_at(tx: Connection, source: Record, frame: int) -> Record | None:
    """The shot of a source in which a frame lies."""
    return _one(tx, source, "edl.shot", "body ->> 'in_frame' <= ?4 AND body ->> 'out_frame' > ?4", frame)


def around(tx: Connection, source: Record | None, cut: Record, edge: str) -> list[tuple[str, Record]]:
    """Sentences about what sounds at an edge of a cut, each with the record it is taken from."""
    if source is None or "sha256" not in source:
        return []
    rate = timecode.rational(cut.get("fps"), field="fps")
    place = timecode.round_half_up(cut[edge] * 1000 / rate)
    found: list[tuple[str, Record]] = []
    near = "body ->> 'start_ms' <= ?4 + 1500 AND body ->> 'end_ms' >= ?4 - 1500"
    inside = "body ->> 'start_ms' < ?4 AND body ->> 'end_ms' > ?4"
    word = _one(tx, source, "edl.word", inside, place)
    if word:
        found.append((f"the word {word.get('text', '')!r} is being said", word))
    span = _one(tx, source, "edl.span", f"{near} AND body ->> 'sort' = 'speech'", place)
    if span and span["start_ms"] < place < span["end_ms"]:
        found.append((f"somebody is speaking, from {_ms(span['start_ms'])} to {_ms(span['end_ms'])}", span))
    elif span and span["start_ms"] >= place:
        found.append((f"speech begins {span['start_ms'] - place} ms later", span))
    elif span:
        found.append((f"speech has ended {place - span['end_ms']} ms before", span))
    rhythm = _one(tx, source, "edl.rhythm", "body ->> 'start_ms' <= ?4 AND body ->> 'end_ms' >= ?4", place)
    if rhythm and (beat := _nearest(rhythm.get("beats_ms"), place)) is not None:
        off = beat - place
        strong = " the first of its bar," if beat in (rhythm.get("downbeats_ms") or ()) else ""
        tempo = f" at {float(rhythm['tempo_bpm']):.0f} beats a minute" if "tempo_bpm" in rhythm else ""
        side = "falls on it" if off == 0 else f"is {abs(off)} ms {'later' if off > 0 else 'earlier'}"
        found.append((f"the music's nearest beat,{strong} {side}{tempo}", rhythm))
    quiet = _one(tx, source, "edl.span", "body ->> 'sort' = 'silence' AND " + inside, place)
    if quiet:
        found.append((f"it is silent for {quiet['end_ms'] - quiet['start_ms']} ms", quiet))
    return found


def _one(tx: Connection, source: Record, kind: str, condition: str, place: int) -> Record | None:
    """The record of a source's scan that meets a condition, the one that begins nearest to a place."""
    import orjson

    key = "in_frame" if kind == "edl.shot" else "start_ms"
    row = tx.execute(
        "SELECT body FROM edl_scan JOIN record ON record.id = record_id"
        f" WHERE sha256 = ?1 AND kind = ?3 AND body ->> 'source_id' = ?2 AND {condition}"
        f" ORDER BY abs((body ->> '{key}') - ?4), at DESC LIMIT 1",
        (source.get("sha256"), source["id"], kind, place),
    ).fetchone()
    return orjson.loads(row[0]) if row else None


def _nearest(beats: object, place: int) -> int | None:
    if not isinstance(beats, list) or not beats:
        return None
    beat = min(beats, key=lambda each: abs(each - place))
    return int(beat) if abs(beat - place) <= _NEAR_MS else None


def _ms(value: int) -> str:
    return f"{value / 1000:.2f} s"
