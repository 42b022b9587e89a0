"""The vectors of shots in the state: kept once for each shot and kind of vector, and the shots most like one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def keep(tx: Connection, shot_ids: Sequence[str], vectors: Any, kind: str) -> None:
    """Store vectors float32 [shots, n] of shots, made by `kind`."""
    import numpy

    rows = [
        (shot, kind, numpy.ascontiguousarray(vector, numpy.dtype("<f4")).tobytes())
        for shot, vector in zip(shot_ids, vectors, strict=True)
    ]
    tx.executemany("INSERT OR REPLACE INTO edl_embedding (shot_id, method, vector) VALUES (?, ?, ?)", rows)


def vectors(tx: Connection, shot_ids: Sequence[str]) -> dict[str, Any]:
    """The vectors of shots that have one, float32 [n] of length one, by the shot's id.

    Only those of one kind can be compared: of the kind most of the shots have.
    """
    import numpy

    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(shot_ids), 500):
        part = shot_ids[start : start + 500]
        marks = ", ".join("?" * len(part))
        query = f"SELECT shot_id, method, vector FROM edl_embedding WHERE shot_id IN ({marks})"
        for shot, method, data in tx.execute(query, tuple(part)):
            found.setdefault(method, {})[shot] = numpy.frombuffer(data, numpy.dtype("<f4"))
    return max(found.values(), key=len, default={})


def likeness(one: Any, other: Any) -> float:
    """How like two shots are by their vectors: 1 for the same picture."""
    return float(one @ other)
