"""What agents found, in words: claims, each with the ids of its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import placeholders

#: Most rows and lines of one value that are told.
MOST_ROWS = 30
MOST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, or one line of a list, and what it rests on."""

    text: str
    evidence_ids: tuple[str, ...] = ()


def claims(value: Any) -> Iterator[Claim]:
    """A value as claims: what an agent put out is told as such, all else as it stands."""
    if isinstance(value, dict) and "candidates" in value and "is_unknown" in value:
        yield from _cause(value)
    elif isinstance(value, dict) and "templates" in value and "lines_count" in value:
        yield from _summary(value)
    elif isinstance(value, dict) and "rows" in value and "columns" in value:
        yield from _rows(value)
    elif isinstance(value, dict) and "choice" in value:
        yield _choice(value)
    elif isinstance(value, dict):
        ids = _ids(value)
        for key, each in value.items():
            if key not in ("evidence_ids", "message_id") and each not in (None, "", [], {}):
                yield Claim(f"{key.replace('_', ' ')}: {plain(each)}", ids)
    elif isinstance(value, list):
        for each in value[:MOST_ROWS]:
            yield Claim(plain(each), _ids(each) if isinstance(each, dict) else ())
        if len(value) > MOST_ROWS:
            yield Claim(f"and {len(value) - MOST_ROWS} more")
    elif value not in (None, ""):
        for part in str(value).split("\n\n"):
            if part.strip():
                yield Claim(plain(part, 2000))


def plain(value: Any, most: int = MOST_TEXT) -> str:
    """A value on one line."""
    text = " ".join(placeholders.as_text(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(ratio: Any) -> str:
    """A ratio as people say it."""
    return f"{round(float(ratio) * 100)} %" if isinstance(ratio, int | float) else "?"


def _cause(value: Record) -> Iterator[Claim]:
    cause = value.get("cause")
    if isinstance(cause, dict):
        began = f", since {cause['began_at']}" if cause.get("began_at") else ""
        sure = percent(cause.get("certainty_ratio"))
        yield Claim(f"The likely cause is {plain(cause.get('what'))}{began} (certainty {sure}).", _ids(cause))
        for reason in cause.get("reasons", [])[:6]:
            if isinstance(reason, dict) and reason.get("points", 1) > 0:
                yield Claim(plain(reason.get("why")), _ids(reason) or _ids(cause))
    else:
        yield Claim(
            f"The cause is not known: {plain(value.get('why_unknown', 'nothing is certain enough'))}.", _ids(value)
        )
    others = [each for each in value.get("candidates", []) if isinstance(each, dict) and each != cause]
    for each in others[:3]:
        yield Claim(
            f"It may also be {plain(each.get('what'))} (certainty {percent(each.get('certainty_ratio'))}).", _ids(each)
        )
    if value.get("explanation"):
        yield Claim(plain(value["explanation"], 700), _ids(cause) if isinstance(cause, dict) else ())


def _summary(value: Record) -> Iterator[Claim]:
    ids = tuple(name for each in value["templates"] if isinstance(each, dict) for name in _ids(each))
    span = f" from {value['first_at']} to {value['last_at']}" if value.get("first_at") else ""
    yield Claim(
        f"{value['lines_count']} lines were read{span}; {value.get('errors_count', 0)} of them are errors.", ids[:5]
    )
    for each in value["templates"][:10]:
        change = (
            f", {each['change']} ({each.get('baseline_count', 0)} before)"
            if each.get("change", "same") != "same"
            else ""
        )
        whose = f" {each['service']}:" if each.get("service") else ""
        yield Claim(
            f"{each.get('count')} x {each.get('level')}{whose} {plain(each.get('template'))}{change}", _ids(each)
        )


def _rows(value: Record) -> Iterator[Claim]:
    ids = _ids(value)
    cut = ", cut off" if value.get("is_cut") else ""
    yield Claim(f"{value.get('rows_count', len(value['rows']))} rows{cut}.", ids)
    for row in value["rows"][:MOST_ROWS]:
        if isinstance(row, dict):
            yield Claim("; ".join(f"{key}: {plain(each, 100)}" for key, each in row.items()), ids)


def _choice(value: Record) -> Claim:
    if value.get("is_unknown"):
        return Claim("What it is cannot be told with enough certainty.", _ids(value))
    return Claim(f"It is {plain(value['choice'])} (certainty {percent(value.get('certainty_ratio'))}).", _ids(value))


def _ids(value: Record) -> tuple[str, ...]:
    found = value.get("evidence_ids")
    ids = [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
    if not ids and isinstance(value.get("message_id"), str):
        ids = [value["message_id"]]
    return tuple(ids)
