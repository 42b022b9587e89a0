"""What the server keeps in the state: a key for what it puts on disk, what models took, and why it let them go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.serve.slots import Slot
from roadmap_cli.state import records
from roadmap_cli.state.connection import Connection

COMMAND = "slm-serve"
#: What is decided → the kind of the decision and its words.
_DECISIONS = {
    "unloaded": ("slm.eviction_chosen", "let model {name} go"),
    "refused": ("slm.load_refused", "did not load model {name}"),
}


def kept_key(tx: Connection, at: datetime) -> str:
    """The age identity for the state of unloaded models, made when first asked for."""
    from pyrage import x25519

    tx.execute(
        "INSERT OR IGNORE INTO slm_kept_key (number, identity, made_at) VALUES (1, ?, ?)",
        (str(x25519.Identity.generate()), clock.stamp(at)),
    )
    found: str = tx.execute("SELECT identity FROM slm_kept_key").fetchone()[0]
    return found


def note(
    tx: Connection, what: str, slot: Slot, why: str, facts: Mapping[str, Any], at: datetime, engine: Mapping[str, Any]
) -> str | None:
    """Write down what happened to a model; for a decision, its id. Its evidence is what was seen of memory then."""
    from roadmap_cli.why import decisions

    if what == "loaded":
        tx.execute(
            "INSERT OR REPLACE INTO slm_measured (model, set_up, size_bytes, load_ms, at) VALUES (?, ?, ?, ?, ?)",
            (slot.key, set_up(slot, engine), slot.size, round(slot.load_ms), clock.stamp(at)),
        )
    if what not in _DECISIONS:
        return None
    seen: Record = {"kind": "slm.memory_seen", "id": run_id("slm.memory_seen", at), "at": clock.stamp(at)}
    seen |= {"model": slot.name} | {name: value for name, value in facts.items() if value not in (None, "")}
    records.put(tx, seen)
    kind, words = _DECISIONS[what]
    decided = decisions.decide(
        tx,
        kind=kind,
        what=words.format(name=slot.name),
        why=why,
        evidence=[seen["id"]],
        command=COMMAND,
        at=at,
        authorised_by="policy: memory",
    )
    return str(decided["id"])


def measured(tx: Connection, slot: Slot, engine: Mapping[str, Any]) -> tuple[int, int] | None:
    """(bytes, milliseconds) that the model took when it was loaded last in the same set-up."""
    row = tx.execute(
        "SELECT size_bytes, load_ms FROM slm_measured WHERE model = ? AND set_up = ?", (slot.key, set_up(slot, engine))
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else None


def set_up(slot: Slot, engine: Mapping[str, Any]) -> str:
    """What the figures hold for."""
    found = slot.path.stat()
    settings = ",".join(f"{name}={value}" for name, value in sorted(engine.items()))
    return f"{found.st_size} {found.st_mtime_ns} {settings}"
