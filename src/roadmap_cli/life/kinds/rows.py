"""Which columns of which table a record of each plain kind is looked up by.

Plain kinds need no more than one row beside the record. Events (versions, series) and transactions (twins) do: see
`life.storing.store`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.kinds.money import amount, currency


@dataclass(frozen=True, slots=True)
class Table:
    """Where a kind goes: its INSERT statement, and the values of a record."""

    insert: str
    values: Callable[[Record], tuple[Any, ...]]

    @classmethod
    def of(cls, name: str, columns: str, values: Callable[[Record], tuple[Any, ...]]) -> Table:
        """The table `name`; `values` gives one value for each of the comma-separated `columns`."""
        marks = ", ".join("?" for _ in columns.split(","))
        return cls(f"INSERT INTO {name} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)


def _day(record: Record) -> str:
    return str(record.get("date") or record["at"][:10])


def _until(record: Record) -> str:
    return str(record.get("ends_at") or record["at"])


def _text(record: Record, field: str) -> str:
    return str(record.get(field) or "")


def number(record: Record, field: str) -> float | None:
    """A number of a record, None if it has none. Raises DataError for what is no number."""
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"field {field!r} is not a number", code="wrong_type")
    return float(value)


def _measurement(record: Record) -> tuple[Any, ...]:
    value = number(record, "value")
    if value is None:
        raise DataError("field 'value' is missing", code="missing_field")
    return (
        record["id"], _text(record, "metric"), _text(record, "stage"), record["at"], _until(record), _day(record),
        value, _text(record, "device"),
    )  # fmt: skip


def _activity(record: Record) -> tuple[Any, ...]:
    return (
        record["id"], _text(record, "sport"), record["at"], _until(record), _day(record),
        number(record, "distance_m"), number(record, "energy_kcal"),
    )  # fmt: skip


def _message(record: Record) -> tuple[Any, ...]:
    return (
        record["id"], record["at"], _text(record, "channel"), _text(record, "thread"), _text(record, "sender"),
        _text(record, "message_id"),
    )  # fmt: skip


def _visit(kind: str, name: str) -> Callable[[Record], tuple[Any, ...]]:
    return lambda record: (record["id"], kind, record["at"], _until(record), _text(record, name))


def _money(record: Record) -> tuple[str, str]:
    text, code = record.get("amount"), record.get("currency")
    if not isinstance(text, str) or not isinstance(code, str):
        raise DataError("amount and currency are missing or not text", code="missing_field")
    return amount(text, "amount", "."), currency(code, "currency")


def _balance(record: Record) -> tuple[Any, ...]:
    return (
        record["id"], _day(record), _text(record, "account_id"), _text(record, "account_name"),
        _text(record, "type") or "booked", *_money(record), _text(record, "security"),
    )  # fmt: skip


def _price(record: Record) -> tuple[Any, ...]:
    if not _text(record, "security"):
        raise DataError("field 'security' is missing", code="missing_field")
    return (record["id"], _day(record), _text(record, "security"), *_money(record))


_VISIT_COLUMNS = "id, kind, start_at, end_at, name"

#: The plain kinds.
TABLES = {
    "life.measurement": Table.of(
        "life_measurement", "id, metric, stage, start_at, end_at, date, value, device", _measurement
    ),
    "life.activity": Table.of("life_activity", "id, sport, start_at, end_at, date, distance_m, energy_kcal", _activity),
    "life.message": Table.of("life_message", "id, at, channel, thread, sender, message_id", _message),
    "life.balance": Table.of(
        "life_balance", "id, date, account_id, account_name, type, amount, currency, security", _balance
    ),
    "life.price": Table.of("life_price", "id, date, security, amount, currency", _price),
    "life.page_visit": Table.of("life_visit", _VISIT_COLUMNS, _visit("page", "host")),
    "life.place_visit": Table.of("life_visit", _VISIT_COLUMNS, _visit("place", "name")),
}
