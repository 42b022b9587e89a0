"""Files of life.event and life.transaction records, as `life-ingest` writes them or another program makes them."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.core.clock import parse as moment
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.core.stream import parser
from roadmap_cli.life.formats.money import amount, currency
from roadmap_cli.life.items import Group, Source

KINDS = ("life.event", "life.transaction")


def read(data: bytes, source: Source) -> Iterator[Group | Record | DataError]:
    """The records of a file in its order. Lines of other kinds are errors."""
    parse = parser()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield item(parse(line))
        except DataError as error:
            plain = error if error.code != "bad_json" else DataError("not a JSON object", code="bad_json")
            yield source.placed(plain, number)


def item(record: Record) -> Group | Record:
    """Check one record and make it ready to be stored; a content id is made where it has no id.

    Raises DataError for another kind, a missing or wrong field.
    """
    kind = require(record, "kind", str)
    if kind not in KINDS:
        raise DataError("not a life.event or life.transaction", code="wrong_kind")
    at = require(record, "at", str)
    began = moment(at)
    known = {name: value for name, value in record.items() if isinstance(value, (str, bool, int))}
    known.pop("kind", None)
    full = {**record, "id": str(record.get("id") or content_id(kind, **known))}
    if kind == "life.transaction":
        full["amount"] = amount(require(full, "amount", str), "amount", ".")
        full["currency"] = currency(require(full, "currency", str), "currency")
        full.setdefault("date", began.date().isoformat())
        return full
    if moment(full.setdefault("ends_at", at)) < began:
        raise DataError("event ends before it begins", code="bad_time")
    uid = str(full.setdefault("uid", full["id"]))
    modified = str(full.get("modified_at", ""))
    return Group(uid, whole=False, modified=modified, since=at, until=at, events=(full,))
