"""From an output of this family to the files it was read from: the chain of `why.decisions`, begun and ended here.

`why` knows decisions and records. An output that names its decision (`why_id`) is put on top of the chain, and each
raw record gets the name and line of its source.
"""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.core.records import Record
from roadmap_cli.life.proof import graphs
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def chain(tx: Connection, id: str) -> Iterator[Record]:
    """The record or decision, then what it rests on, depth first; `where` is FILE:LINE. Nothing for an unknown id."""
    record = records.get(tx, id) or (None if decisions.get(tx, id) else graphs.record_of(tx, id))
    if record is None:
        yield from (_placed(each, tx) for each in decisions.chain(tx, id))
        return
    why = record.get("why_id")
    if isinstance(why, str):
        yield {**record, "depth": 0}
        yield from _below(tx, why, id)
        return
    yield _placed({**record, "depth": 0}, tx)
    source = record.get("source_id")
    found = records.get(tx, source) if isinstance(source, str) else None
    if found is not None:
        yield {**found, "depth": 1, "from_id": id}
    for each in record.get("evidence_ids", []) if isinstance(record.get("evidence_ids"), list) else []:
        yield from _below(tx, str(each), id)


def _below(tx: Connection, id: str, parent: str) -> Iterator[Record]:
    for each in decisions.chain(tx, id):
        shown = {**each, "depth": each["depth"] + 1}
        shown.setdefault("from_id", parent)
        yield _placed(shown, tx)


def _placed(record: Record, tx: Connection) -> Record:
    name = record.get("source")
    if not isinstance(name, str) and isinstance(record.get("source_id"), str):
        source = records.get(tx, record["source_id"])
        name = source.get("name") if source else None
    if not isinstance(name, str):
        return record
    line = record.get("source_line")
    return {**record, "where": f"{name}:{line}" if isinstance(line, int) else name}
