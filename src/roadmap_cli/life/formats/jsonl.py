"""Files of records of the kinds of this family, as `life-ingest` writes them or another program makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from roadmap_cli.core.clock import parse as moment
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.core.stream import parser
from roadmap_cli.life.kinds.items import Group, Source
from roadmap_cli.life.kinds.money import amount, currency
from roadmap_cli.life.kinds.rows import TABLES
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "jsonl", "JSON Lines of life records"
#: What may be given as a record. Each is something that happened, or somebody; never what this family concluded.
KINDS = ("life.event", "life.task", "life.transaction", "life.contact", *TABLES)

STATUSES = ("needs_action", "in_process", "completed", "cancelled")


def matches(opened: Opened) -> bool:
    """Its first line is a JSON object with a kind, which is not one of another family: folders hold those, too."""
    import orjson

    line = opened.text_head.split(b"\n", 1)[0]
    if not line.startswith(b"{"):
        return False
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return b'"kind"' in line
    if not isinstance(value, dict) or "kind" not in value:
        return False
    return not isinstance(value["kind"], str) or value["kind"].startswith("life.")


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Group | Record | DataError]:
    """The records of a file in its order. Lines of other kinds are errors."""
    parse = parser()
    for number, line in enumerate(opened.stream, 1):
        if not line.strip():
            continue
        try:
            yield _placed(item(parse(line)), source, number)
        except DataError as error:
            plain = error if error.code != "bad_json" else DataError("not a JSON object", code="bad_json")
            yield source.placed(plain, number)


def _placed(made: Group | Record, source: Source, number: int) -> Group | Record:
    """Where it stands is noted, unless the record itself says where it is from; its id does not depend on that."""
    for record in made.events if isinstance(made, Group) else (made,):
        if "source" not in record and "source_id" not in record:
            record |= {"source": source.name, "source_line": number, "source_id": source.id}
    return made


def item(record: Record) -> Group | Record:
    """Check one record and make it ready to be stored; a content id is made where it has no id.

    Raises DataError for another kind, a missing or wrong field.
    """
    kind = _text(record, "kind")
    if kind not in KINDS:
        raise DataError("not a kind of record that is ingested", code="wrong_kind")
    began = _time(record, "at")
    known = {name: value for name, value in record.items() if name != "kind" and isinstance(value, (str, bool))}
    if kind in TABLES:  # a measured number is what tells two of them apart
        known |= {name: repr(value) for name, value in record.items() if type(value) in (int, float)}
    full = {**record, "id": str(record.get("id") or content_id(kind, **known))}
    full["at"] = stamp(began)
    if kind == "life.transaction":
        full["amount"] = amount(_text(full, "amount"), "amount", ".")
        full["currency"] = currency(_text(full, "currency"), "currency")
        full.setdefault("date", began.date().isoformat())
        _time({"date": f"{_text(full, 'date')}T00:00:00Z"}, "date")
        return full
    if kind == "life.contact":
        full.setdefault("name", "")
        return full
    ended = _time(full, "ends_at") if "ends_at" in full else began
    if ended < began:
        raise DataError("it ends before it begins", code="bad_time")
    if kind in ("life.balance", "life.price"):
        full.setdefault("date", began.date().isoformat())
        if kind == "life.balance":
            full.setdefault("type", "booked")
        full["amount"] = amount(_text(full, "amount"), "amount", ".")
    if table := TABLES.get(kind):
        if "ends_at" in full:
            full["ends_at"] = stamp(ended)
        table.values(full)  # raises for what is missing
        return full
    if kind == "life.task":
        _task(full)
    else:
        full["ends_at"] = stamp(ended)
    full.setdefault("title", "")
    uid = str(full.setdefault("uid", full["id"]))
    modified = str(full.get("modified_at", ""))
    return Group(uid, whole=False, modified=modified, since=full["at"], until=full["at"], events=(full,), kind=kind)


def _task(full: Record) -> None:
    """Its times in the usual spelling, a status that there is. Raises DataError."""
    for field in ("due_at", "starts_at", "completed_at"):
        if field in full:
            full[field] = stamp(_time(full, field))
    if full.setdefault("status", "needs_action") not in STATUSES:
        raise DataError("field 'status' is none of a to-do", code="wrong_type")


def _text(record: Record, field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise DataError(f"field {field!r} is missing or not text", code="wrong_type")
    return value


def _time(record: Record, field: str) -> datetime:
    """A time of a record. The error does not show what stands there."""
    try:
        return moment(_text(record, field))
    except DataError:
        raise DataError(f"field {field!r} is not a time", code="bad_time") from None
