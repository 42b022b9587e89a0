"""What the state says that a choice rests on, each figure measured once and stored as a decision over its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import stdev
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.life import wording
from roadmap_cli.life.choosing.words import PAID_FOR, Known
from roadmap_cli.life.history import household
from roadmap_cli.life.history.household import Household, Payment, Standing
from roadmap_cli.life.values import checking
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

KIND = "life.figure_measured"


@dataclass(slots=True)
class Basis:
    """What was measured for one comparison: by currency the household, what is on the accounts, and the decisions."""

    now: datetime
    command: str
    households: dict[str, Household]
    zone: str = "UTC"
    balances: dict[str, tuple[Decimal, str]] = field(default_factory=dict)
    measured: dict[str, Record] = field(default_factory=dict)

    @property
    def known(self) -> Known:
        """What words may lean on."""
        pay = next((each.salaries[0].amount for each in self.households.values() if each.salaries), Decimal())
        return Known(list(self.households), float(pay), self.zone)

    def net(self, tx: Connection, currency: str) -> Record | None:
        """The decision over what is left of a month: mean, in, out and spread; None without whole months."""
        home = self.households.get(currency)
        if home is None:
            return None
        nets = home.nets()
        spread = Decimal(str(stdev(map(float, nets)))).quantize(Decimal("0.01")) if len(nets) > 1 else Decimal("0.00")
        unit = f"{currency}/month"
        figures = [
            _figure("net_month", home.mean(home.payments), unit, "mean_month", months=home.months, sign="any"),
            _figure("income_month", home.mean(home.income), unit, "mean_month", months=home.months, sign="in"),
            _figure("spending_month", home.mean(home.spending), unit, "mean_month", months=home.months, sign="out"),
            _figure("net_spread", spread, unit, "sd_month", months=home.months, sign="any"),
        ]
        net, income, spending, _ = (each["value"] for each in figures)
        return self._measure(
            tx, f"net {currency}", f"{net} {currency} a month are left: {income} in, {spending} out",
            f"mean of {len(home.months)} whole months, {home.months[0]} to {home.months[-1]}",
            [each.id for each in home.payments], figures,
        )  # fmt: skip

    def pay(self, tx: Connection, currency: str, standing: Standing) -> Record:
        """The decision over one regular payment."""
        return self._measure(
            tx, f"pay {currency} {standing.payee}",
            f"{standing.payee}: {abs(standing.amount)} {currency} a month",
            f"median of {len(standing.payments)} payments",
            standing.ids, [_figure("payment", standing.amount, f"{currency}/month", "median_low")],
        )  # fmt: skip

    def paid_for(self, tx: Connection, name: str) -> tuple[Record, str, Decimal] | None:
        """The decision over what something cost a month so far, its currency and the amount (negative)."""
        for currency, home in self.households.items():
            found: list[Payment] = [each for each in home.spending if PAID_FOR[name].search(each.payee + " ")]
            if found:
                mean = home.mean(found)
                figure = _figure("paid_month", mean, f"{currency}/month", "mean_month", months=home.months, sign="out")
                why = f"{len(found)} payments over {len(home.months)} whole months"
                what = f"{name}: {abs(mean)} {currency} a month"
                return self._measure(tx, f"paid {name}", what, why, [e.id for e in found], [figure]), currency, mean
        return None

    def cite(self, tx: Connection, name: str, what: str, why: str, ids: Sequence[str], figures: list[Record]) -> Record:
        """Any other figure over stored records."""
        return self._measure(tx, name, what, why, ids, figures)

    def _measure(
        self, tx: Connection, key: str, what: str, why: str, ids: Sequence[str], figures: list[Record]
    ) -> Record:
        if key not in self.measured:
            self.measured[key] = decisions.decide(
                tx, kind=KIND, what=what, why=why, evidence=ids, command=self.command, at=self.now,
                facts={"figures": figures},
            )  # fmt: skip
        return self.measured[key]


def of(tx: Connection, now: datetime, *, command: str) -> Basis:
    """Look at the state."""
    made = Basis(now, command, household.of(tx, now.date()), checking.home(tx).key)
    made.balances = _balances(tx)
    return made


def _balances(tx: Connection) -> dict[str, tuple[Decimal, str]]:
    """By currency the sum of the newest booked balance of each account, and the ids of those.

    A statement that does not name its account is counted only if no named account has told the same that day.
    """
    rows = tx.execute(
        """SELECT id, account_id, currency, amount FROM life_balance AS told
           WHERE type IN ('booked', '') AND security = '' AND (account_id <> '' OR NOT EXISTS (
               SELECT 1 FROM life_balance AS other WHERE other.account_id <> '' AND other.currency = told.currency
                 AND other.date = told.date AND other.amount = told.amount AND other.security = ''))
           ORDER BY date, id"""
    ).fetchall()
    newest = {(currency, account): (name, amount) for name, account, currency, amount in rows}
    sums: dict[str, tuple[Decimal, str]] = {}
    for (currency, _), (name, amount) in newest.items():
        before, ids = sums.get(currency, (Decimal(), ""))
        sums[currency] = (before + Decimal(amount), f"{ids} {name}".strip())
    return sums


def _figure(name: str, value: Decimal | float, unit: str, op: str, **how: Any) -> Record:
    shown: Any = format(value, "f") if isinstance(value, Decimal) else value
    return {"name": name, "value": shown, "unit": unit, "op": op} | how


def titled(record: Record) -> str:
    """A record in a few words, for a list."""
    return wording.line(record)[:80]
