"""Accounts as weeks: what stood on each at the end of its poorest day, from one known balance and every movement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from roadmap_cli.life.history import series, weeks
from roadmap_cli.life.history.weeks import Movement, Series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A balance or movement older than this says nothing of an account any more.
LATEST_DAYS = 35


@dataclass(frozen=True, slots=True)
class Account:
    """An account in one currency: a balance at the end of a day with the record that says it, and all its movements."""

    id: str
    unit: str
    name: str
    day: date
    amount: Decimal
    balance_id: str
    moved: tuple[Movement, ...]


def accounts(tx: Connection, today: date) -> list[Account]:
    """The accounts whose balance is known and which live: by the latest booked balance up to `today`."""
    found: list[Account] = []
    rows = tx.execute(
        """SELECT id, account_id, currency, account_name, date, amount FROM life_balance
           WHERE type = 'booked' AND account_id <> '' AND security = '' AND date <= ?
           ORDER BY account_id, currency, date DESC, id""",
        (today.isoformat(),),
    ).fetchall()
    seen: set[tuple[str, str]] = set()
    for name, account, unit, words, day, amount in rows:
        if (account, unit) in seen:
            continue
        seen.add((account, unit))
        moved = _moved(tx, account, unit, today)
        last = max([date.fromisoformat(day), *(each.day for each in moved[-1:])])
        if moved and (today - last).days <= LATEST_DAYS:
            found.append(Account(account, unit, words, date.fromisoformat(day), Decimal(amount), name, tuple(moved)))
    return found


def _moved(tx: Connection, account: str, unit: str, until: date) -> list[Movement]:
    """Everything booked on an account, transfers included; what was told twice once."""
    rows = tx.execute(
        """SELECT moved.id, moved.date, moved.amount, moved.payee, moved.type, detail.words
           FROM life_transaction AS moved LEFT JOIN life_transaction_detail AS detail ON detail.id = moved.id
           WHERE moved.same_as IS NULL AND moved.account_id = ? AND moved.currency = ? AND moved.date <= ?
             AND moved.type <> 'opening' AND coalesce(detail.is_pending, 0) = 0 ORDER BY moved.date, moved.id""",
        (account, unit, until.isoformat()),
    ).fetchall()
    return [
        Movement(name, date.fromisoformat(day), float(amount), payee or (words or "").strip(), kind, account)
        for name, day, amount, payee, kind, words in rows
    ]


def history(account: Account, until: date) -> tuple[Series, float] | None:
    """Weekly lows of an account up to the last whole week, and what it held when that week ended. None without a week.

    Weeks end with the last movement or balance known, or on `until` if that is earlier.
    """
    import numpy as np

    span = series.unbroken(each.day for each in account.moved)
    if span is None:
        return None
    start = weeks.monday(span[0]) + timedelta(days=7)
    last = min(max(account.day, span[1]), until)
    count = (weeks.monday(last + timedelta(days=1)) - start).days // 7
    if count < 1:
        return None
    start += timedelta(days=7 * max(0, count - weeks.MOST_WEEKS))
    count = min(count, weeks.MOST_WEEKS)
    end = start + timedelta(days=7 * count)
    ids: list[list[str]] = [[] for _ in range(count)]
    for each in account.moved:
        place = (each.day - start).days // 7
        if 0 <= place < count:
            ids[place].append(each.id)
    between = [each.id for each in account.moved if min(account.day, end) <= each.day <= max(account.day, end)]
    ids[-1] = [account.balance_id, *dict.fromkeys([*ids[-1], *between])]
    after = held(account.day, float(account.amount), account.moved, end - timedelta(days=1))
    lows = np.array([lowest(account.day, float(account.amount), account.moved, start, place) for place in range(count)])
    own = Series(
        f"balance_{account.unit}", account.unit, start, lows.round(2), [tuple(each) for each in ids], False, account.id
    )
    return own, round(after, 2)


def held(day: date, amount: float, moved: Sequence[Movement], at: date) -> float:
    """What an account held at the end of a day, from what it held at the end of another."""
    if at >= day:
        return amount + sum(each.amount for each in moved if day < each.day <= at)
    return amount - sum(each.amount for each in moved if at < each.day <= day)


def lowest(day: date, amount: float, moved: Sequence[Movement], start: date, week: int) -> float:
    """The least that an account held at the end of a day of the week so many weeks after `start`."""
    first = start + timedelta(days=7 * week)
    before = held(day, amount, moved, first - timedelta(days=1))
    least = None
    for offset in range(7):
        before += sum(each.amount for each in moved if each.day == first + timedelta(days=offset))
        least = before if least is None else min(least, before)
    return float(least or 0.0)
