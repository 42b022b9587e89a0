"""The records that every reader of money makes: one way to build a transaction, a balance, a price.

What a bank says of a transaction is its identity: read again, from another export of the same sort, it has the same id.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.kinds.items import Source

#: So many transactions are remembered to tell those that are alike apart; they are of the same day.
MOST_COUNTED = 20_000


def midnight(day: str) -> str:
    """A bare date as the stamp records have for it."""
    return f"{day}T00:00:00.000Z"


def day_of(year: int, month: int, day: int, field: str) -> str:
    """A date as text. Raises DataError (bad_time) that names the field."""
    try:
        return date(year, month, day).isoformat()
    except (ValueError, OverflowError):
        raise DataError(f"{field} is not a date", code="bad_time") from None


def in_utc(moment: datetime, field: str) -> str:
    """The stamp of an aware moment. Raises DataError (bad_time) at the ends of the calendar."""
    try:
        return stamp(moment.astimezone(UTC))
    except (OverflowError, ValueError):
        raise DataError(f"{field} is not a date", code="bad_time") from None


class Entries:
    """Makes the records of one source; counts those that are alike, which are several and not one told twice."""

    def __init__(self, source: Source):
        self._name, self._id = source.name, source.id
        self._seen: dict[str, dict[str, int]] = {}
        self._counted = 0

    def transaction(
        self, line: int, known: dict[str, Any], more: dict[str, Any] | None = None, *, at: str = "", once: bool = False
    ) -> Record:
        """One movement. `known` tells it apart (date, amount, currency and what else the bank says); `more` does not.

        Empty values are left out. `once`: it carries an identifier, so that a second one alike is the same one.
        """
        fields = {name: value for name, value in known.items() if value not in ("", None)}
        name = content_id("life.transaction", **fields)
        times = self._times(fields["date"], name)
        if times > 1 and not once:  # the same coffee twice a day, here and when the file is read again
            name = content_id("life.transaction", **fields, occurrence=times)
        extra = {each: value for each, value in (more or {}).items() if value not in ("", None, [])}
        return self._record("life.transaction", name, at or midnight(fields["date"]), line, {**fields, **extra})

    def _times(self, day: str, name: str) -> int:
        """How often this was told by now. Days long past are let go of, so that memory does not grow with the file."""
        seen = self._seen.setdefault(day, {})
        times = seen[name] = seen.get(name, 0) + 1
        self._counted += 1
        while self._counted > MOST_COUNTED and len(self._seen) > 1:
            oldest = next(iter(self._seen))
            if oldest == day:
                break
            self._counted -= sum(self._seen.pop(oldest).values())
        return times

    def balance(self, line: int, fields: dict[str, Any], *, at: str = "") -> Record:
        """What stood on an account; `fields` has date, amount, currency, type and what names the account."""
        return self._fact("life.balance", line, fields, at)

    def price(self, line: int, fields: dict[str, Any]) -> Record:
        """What something was worth; `fields` has date, security, amount, currency."""
        return self._fact("life.price", line, fields, "")

    def _fact(self, kind: str, line: int, given: dict[str, Any], at: str) -> Record:
        fields = {name: value for name, value in given.items() if value not in ("", None)}
        return self._record(kind, content_id(kind, **fields), at or midnight(fields["date"]), line, fields)

    def _record(self, kind: str, name: str, at: str, line: int, fields: dict[str, Any]) -> Record:
        return {
            "kind": kind,
            "id": name,
            "at": at,
            **fields,
            "source": self._name,
            "source_line": line,
            "source_id": self._id,
        }
