"""Past runs whose event was like another: by the words and values of the events, weighed by how rare they are."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.retrieval import ranking
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_MOST_RUNS = 2000
_MOST_TERMS = 400
_WORD = re.compile(r"[^\W_]{2,40}")
#: Fields that are other in every event, and so say nothing of likeness.
_SKIPPED = frozenset({"id", "at", "received_at", "dedupe_key", "startsAt", "endsAt", "fingerprint", "generatorURL"})


def terms(event: Record) -> Counter[str]:
    """What an event says: each word, and each short value together with the name of its field."""
    found: Counter[str] = Counter()

    def walk(name: str, value: Any) -> None:
        if len(found) >= _MOST_TERMS:
            return
        if isinstance(value, dict):
            for key, each in value.items():
                if key not in _SKIPPED:
                    walk(str(key), each)
        elif isinstance(value, list):
            for each in value[:50]:
                walk(name, each)
        elif value is not None:
            text = str(value)
            if len(text) <= 40:
                found[f"{name}={text.casefold()}"] += 1
            found.update(word.casefold() for word in _WORD.findall(text[:2000]) if not word.isdigit())

    walk("", {key: event.get(key) for key in ("source", "type", "subject", "data")})
    return found


def runs(tx: Connection, event: Record, at: datetime, *, most: int = 5, least_ratio: float = 0.2) -> list[Record]:
    """The wf.similar_run records of the past runs whose events were most like this one, the likest first.

    Likeness is the cosine of term weights (1 + log count) x log(1 + N / df) (Salton and Buckley 1988), 0 to 1. Runs of
    the event itself are left out.
    """
    past = [each for each in _past(tx) if each[4] != event["id"]]
    kept: dict[str, Counter[str]] = {}
    for *_, name in past:
        if name not in kept:
            kept[name] = terms(records.get(tx, name) or {})
    frequency = Counter(term for found in kept.values() for term in found)
    asked = _weights(terms(event), frequency, len(kept))
    scored = {name: ranking.cosine(asked, _weights(found, frequency, len(kept))) for name, found in kept.items()}
    best = sorted(past, key=lambda each: (round(scored[each[4]], 6), each[2]), reverse=True)
    return [
        {
            "kind": "wf.similar_run",
            "id": content_id("wf.similar_run", event_id=event["id"], run_id=run_id),
            "at": clock.stamp(at),
            "run_id": run_id,
            "workflow": workflow,
            "status": status,
            "started_at": started,
            "duration_s": duration,
            "event_id": name,
            "likeness_ratio": round(scored[name], 4),
            "shared": _shared(asked, kept[name]),
        }
        for run_id, workflow, started, (status, duration), name in best[:most]
        if scored[name] >= least_ratio
    ]


def _past(tx: Connection) -> list[tuple[str, str, str, tuple[str, float | None], str]]:
    rows = tx.execute(
        "SELECT r.run_id, p.workflow, r.started_at, r.status,"
        " round((julianday(r.finished_at) - julianday(r.started_at)) * 86400, 1), m.event_id FROM wf_run r"
        " JOIN wf_plan p USING (plan_id) JOIN wf_match m ON m.match_id = p.match_id"
        " WHERE r.finished_at IS NOT NULL ORDER BY r.started_at DESC LIMIT ?",
        (_MOST_RUNS,),
    ).fetchall()
    return [(row[0], row[1], row[2], (row[3], row[4]), row[5]) for row in rows]


def _weights(found: Counter[str], frequency: Counter[str], count: int) -> dict[str, float]:
    return {
        term: (1 + math.log(times)) * math.log(1 + count / max(frequency[term], 1)) for term, times in found.items()
    }


def _shared(asked: dict[str, float], found: Counter[str]) -> list[str]:
    """The names of the fields whose values are the same, by weight: never the values, which may be private."""

    def names() -> Iterator[str]:
        for term in sorted(asked, key=lambda each: -asked[each]):
            if term in found and "=" in term:
                yield term.partition("=")[0]

    return list(dict.fromkeys(names()))[:8]
