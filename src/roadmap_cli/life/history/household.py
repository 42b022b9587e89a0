"""Money by month from stored transactions: what comes in, what stands, what is spent. Decimals, whole months.

A month counts if it is over and the bank data covers it. Transfers between own accounts and twins are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from statistics import median_low

from roadmap_cli.life.history.series import TRANSFERS
from roadmap_cli.life.history.standing import Paid, of_payments
from roadmap_cli.retrieval.spans import months_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Periods of standing payments that are taken for monthly ones.
MONTHLY = ("month", "four weeks")
#: Months looked back at.
MOST_MONTHS = 12
#: Words of transfers between the person's own accounts where the bank's type does not say so.
OWN_TRANSFER = re.compile(r"\b(umbuchung|own transfer|transfer to savings|sparkonto|savings account)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Payment:
    """One counted transaction."""

    id: str
    day: date
    amount: Decimal
    payee: str
    type: str

    @property
    def month(self) -> str:
        """Its month, YYYY-MM."""
        return self.day.isoformat()[:7]


@dataclass(frozen=True, slots=True)
class Standing:
    """Regular payments to or from one payee: their median amount (negative: goes out), months seen, the payments."""

    payee: str
    amount: Decimal
    payments: tuple[Payment, ...]

    @property
    def ids(self) -> list[str]:
        """The transactions, newest first."""
        return [each.id for each in sorted(self.payments, key=lambda each: (each.day, each.id), reverse=True)]


@dataclass(slots=True)
class Household:
    """One currency: its whole months in order, and the payments in them."""

    currency: str
    months: list[str] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)

    def nets(self) -> list[Decimal]:
        """What was left of each month, in order of the months."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for each in self.payments:
            sums[each.month] += each.amount
        return [sums[month] for month in self.months]

    def mean(self, payments: Sequence[Payment]) -> Decimal:
        """The sum of payments over the number of months, in hundredths."""
        total = sum((each.amount for each in payments), Decimal())
        return (total / len(self.months)).quantize(Decimal("0.01"))

    @property
    def income(self) -> list[Payment]:
        """What came in."""
        return [each for each in self.payments if each.amount > 0]

    @property
    def spending(self) -> list[Payment]:
        """What went out, standing payments included."""
        return [each for each in self.payments if each.amount < 0]

    @property
    def salaries(self) -> list[Standing]:
        """Standing income, the largest first."""
        return sorted((each for each in self.standing if each.amount > 0), key=lambda each: -each.amount)


def of(tx: Connection, today: date) -> dict[str, Household]:
    """The households by currency, those with most payments first: the last whole months, at most a year of them."""
    since = months_later(today.replace(day=1), -MOST_MONTHS)
    rows = tx.execute(
        """SELECT id, date, amount, currency, payee, type FROM life_transaction
           WHERE same_as IS NULL AND date >= ? AND date < ? ORDER BY date, id""",
        (since.isoformat(), today.replace(day=1).isoformat()),
    ).fetchall()
    first = dict(
        tx.execute(
            "SELECT currency, min(date) FROM life_transaction WHERE same_as IS NULL GROUP BY currency"
        ).fetchall()
    )
    made: dict[str, Household] = {}
    for name, day, amount, currency, payee, kind in rows:
        if kind in TRANSFERS or OWN_TRANSFER.search(payee):
            continue
        made.setdefault(currency, Household(currency)).payments.append(
            Payment(name, date.fromisoformat(day), Decimal(amount), payee, kind)
        )
    for currency, household in list(made.items()):
        begins = date.fromisoformat(first[currency])
        month = begins if begins.day <= 5 else (begins.replace(day=1) + timedelta(days=32))  # a part of a month is none
        month = max(month.replace(day=1), since)
        last = max(each.day for each in household.payments).replace(day=1)
        while month <= last:
            household.months.append(month.isoformat()[:7])
            month = (month + timedelta(days=32)).replace(day=1)
        whole = set(household.months)
        household.payments = [each for each in household.payments if each.month in whole]
        if not household.months or not household.payments:
            del made[currency]
            continue
        household.standing = _standing(household)
    return dict(sorted(made.items(), key=lambda item: (-len(item[1].payments), item[0])))


def _standing(household: Household) -> list[Standing]:
    """What comes or goes about once a month and has not ended, as `life.history.standing` finds it."""
    by_id = {each.id: each for each in household.payments}
    year, month = map(int, household.months[-1].split("-"))
    until = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    paid = [Paid(each.id, each.day, each.amount, each.payee, "") for each in household.payments]
    found = []
    for each in of_payments(paid, household.currency, until):
        if each.next_due is not None and each.period.name in MONTHLY:
            own = tuple(by_id[name] for name in each.ids)
            found.append(Standing(each.payee, median_low([one.amount for one in own]), own))
    return sorted(found, key=lambda each: (each.amount, each.payee))
