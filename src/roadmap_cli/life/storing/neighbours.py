"""What is stored around the days of a batch of transactions: enough to know of most that nothing can belong to them.

Twins, announcements and the other legs of transfers are looked for around each transaction's day. Asked of the state
for each alone, that costs many times as much as storing it; so it is asked once for all of a batch whether there is
anything to look for. The answer is never no where a look would find something.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from roadmap_cli.core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: With more transactions than this around the days of a batch, each is looked up by itself: memory stays flat.
MOST_NEIGHBOURS = 40_000
#: Up to so many announcements, those are gone through; with more of them, the transactions of the days around.
FEW_PENDING = 500


def shifted(day: str, days: int) -> str:
    """A day so many days later; what is no day stays."""
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return day


def around(day: str, days: int) -> list[str]:
    """The days at most so many days before and after one, that one among them."""
    return list(dict.fromkeys(shifted(day, step) for step in range(-days, days + 1)))


@lru_cache(maxsize=4096)  # asked for several times of each transaction
def comparable(amount: str) -> str:
    """An exact amount in the one spelling that is compared: two decimals, or more where they are not zeros."""
    whole, _, fraction = amount.partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2}"


def opposite(amount: str) -> str:
    """The same amount, the other way."""
    return amount[1:] if amount.startswith("-") else f"-{amount}"


class Neighbours:
    """What is stored within `margin` days of the transactions of a batch, and what of the batch was seen by now.

    Holds within one transaction that writes: nobody else adds to it meanwhile.
    """

    def __init__(self, tx: Connection, batch: Sequence[Record], margin: int) -> None:
        import orjson

        self._tx = tx
        self._accounts: set[str] | None = None
        self._seen: set[str] = set()
        days = [record["date"] for record in batch]
        first, last = min(days), max(days)
        since, until = shifted(first, -margin), shifted(last, margin)
        self._told: dict[tuple[str, str], set[tuple[str, str]]] = {}
        rows = tx.execute(
            "SELECT currency, amount, format, account_id FROM life_transaction WHERE date BETWEEN ? AND ? LIMIT ?",
            (since, until, MOST_NEIGHBOURS + 1),
        ).fetchall()
        #: A day at an end that is none leaves the span open.
        self._crowded = len(rows) > MOST_NEIGHBOURS or since == first or until == last
        for currency, amount, told_by, account in () if self._crowded else rows:
            self._told.setdefault((currency, amount), set()).add((told_by, account))
        names = orjson.dumps([record["id"] for record in batch]).decode()
        self.known = {
            name
            for (name,) in tx.execute(
                "SELECT id FROM life_transaction WHERE id IN (SELECT value FROM json_each(?))", (names,)
            )
        }
        """Ids that are stored already."""
        (pending,) = tx.execute(
            "SELECT count(*) FROM (SELECT 1 FROM life_transaction_detail WHERE is_pending = 1 LIMIT ?)",
            (FEW_PENDING + 1,),
        ).fetchone()
        self.any_pending = pending > 0
        """Whether anything was announced."""
        self.few_pending = pending <= FEW_PENDING
        """Whether so little was announced before this batch that it can be gone through."""

    def see(self, record: Record, told_by: str, *, pending: bool) -> None:
        """Take a transaction of the batch in."""
        self.known.add(record["id"])
        account = str(record.get("account_id") or "")
        self.any_pending = self.any_pending or pending
        if not self._crowded:
            self._told.setdefault((record["currency"], comparable(record["amount"])), set()).add((told_by, account))
        self._seen.add(account)

    def may_repeat(self, record: Record, told_by: str) -> bool:
        """Whether another may tell the same: another format, or by the bank's own reference."""
        if self._crowded:
            return True
        alike = self._told.get((record["currency"], comparable(record["amount"])))
        return alike is not None and (
            bool(record.get("bank_reference")) or any(other != told_by for other, _ in alike)
        )  # fmt: skip

    def may_have_leg(self, record: Record) -> bool:
        """Whether the same amount may have moved the other way on another account."""
        account = record.get("account_id")
        if not account or self._crowded:
            return bool(account)
        legs = self._told.get((record["currency"], opposite(comparable(record["amount"]))), ())
        return any(other and other != account for _, other in legs)

    def has_account(self, account: str) -> bool:
        """Whether statements of an account are known."""
        if account in self._seen:
            return True
        if self._accounts is None:
            self._accounts = {name for (name,) in self._tx.execute("SELECT DISTINCT account_id FROM life_transaction")}
        return account in self._accounts
