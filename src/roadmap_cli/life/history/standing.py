"""Standing payments: rent, subscriptions, insurance, salary; their amount, their period, when the next is due.

Each is told from what was paid, and names the transactions it rests on. A payee that is paid the same amount at equal
distances is one; amounts that differ are taken only month by month or further apart, and about the same day.
"""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A series that fits no better than this is none: the share of distances that are one period.
LEAST_FITTING = 0.75
#: An amount that differs more than this from the one before is another payment, not a new price.
LARGEST_STEP = Decimal(2)
#: Differing amounts may spread so far about their middle.
LARGEST_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Period:
    """A distance in time: whole months, or days; `slack_days` is how far banks move a day for weekends and holidays."""

    name: str
    months: int
    days: int
    slack_days: int
    fewest: int

    @property
    def length_days(self) -> float:
        """Its mean length."""
        return self.months * 30.436875 if self.months else float(self.days)

    def after(self, day: date, times: int, anchor: int) -> date:
        """The day so many periods after another; `anchor` is the day of the month it is due on."""
        if not self.months:
            return day + timedelta(days=self.days * times)
        # a payment moved over the end of a month by a weekend belongs to the month it is nearest to
        month = day.year * 12 + day.month - 1
        if day.day - anchor > 15:
            month += 1
        elif anchor - day.day > 15:
            month -= 1
        year, index = divmod(month + self.months * times, 12)
        if not date.min.year <= year <= date.max.year:
            raise OverflowError
        return date(year, index + 1, min(anchor, calendar.monthrange(year, index + 1)[1]))


PERIODS = (
    Period("week", 0, 7, 1, 5),
    Period("two weeks", 0, 14, 2, 4),
    Period("four weeks", 0, 28, 0, 6),
    Period("month", 1, 0, 6, 3),
    Period("two months", 2, 0, 7, 3),
    Period("quarter", 3, 0, 8, 3),
    Period("half-year", 6, 0, 10, 3),
    Period("year", 12, 0, 14, 2),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One standing payment. `amount` is the last one, exact; negative: it goes out."""

    payee: str
    amount: Decimal
    currency: str
    period: Period
    varies: bool
    """Whether its amounts differ from time to time; a new price that then stays is no such difference."""
    first: date
    last: date
    next_due: date | None
    """None if it has ended: it was due and did not come."""
    anchor: int
    """Day of the month it is due on."""
    ids: tuple[str, ...]
    """The transactions it is told from, by day."""

    @property
    def a_month(self) -> Decimal:
        """What it comes to in a month, to the cent."""
        return (self.amount * Decimal(30.436875 / self.period.length_days)).quantize(Decimal("0.01"))

    def why(self) -> str:
        """What it rests on, in words."""
        way = "received" if self.amount > 0 else "paid"
        size = "about " if self.varies else ""
        return (
            f"{way} {len(self.ids)} times from {self.first} to {self.last}, every {self.period.name}, "
            f"{size}{abs(self.amount)} {self.currency}"
        )

    def due(self, since: date, until: date) -> list[date]:
        """The days from `since` to `until`, both included, on which it is due; none once it has ended."""
        found: list[date] = []
        if self.next_due is None:
            return found
        times = 1
        try:
            while (day := self.period.after(self.last, times, self.anchor)) <= until:
                if day >= since:
                    found.append(day)
                times += 1
        except OverflowError:
            pass
        return found


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment as series are told from: its payee as it is shown, its account '' if unknown."""

    id: str
    day: date
    amount: Decimal
    payee: str
    account: str


def standing(tx: Connection, until: date) -> list[Standing]:
    """The standing payments that the transactions up to and including `until` show, largest first.

    Left out: what is told twice, announced only, and transfers between own accounts. Currencies are never mixed.
    """
    rows = tx.execute(
        """SELECT paid.id, paid.date, paid.amount, paid.currency, paid.payee, paid.account_id, detail.words
           FROM life_transaction AS paid LEFT JOIN life_transaction_detail AS detail ON detail.id = paid.id
           WHERE paid.same_as IS NULL AND paid.date <= ? AND coalesce(detail.is_pending, 0) = 0
             AND paid.type NOT IN ('xfer', 'invest', 'opening')
             AND paid.id NOT IN (SELECT id FROM life_transaction_link)
             AND paid.id NOT IN (SELECT other_id FROM life_transaction_link WHERE other_id IS NOT NULL)
           ORDER BY paid.date, paid.id""",
        (until.isoformat(),),
    ).fetchall()
    by_unit: dict[str, list[Paid]] = defaultdict(list)
    for name, day, amount, unit, payee, account, words in rows:
        who = payee or _key((words or "").strip())
        by_unit[unit].append(Paid(name, date.fromisoformat(day), Decimal(amount), who, account))
    found = [made for unit, paid in by_unit.items() for made in of_payments(paid, unit, until)]
    return sorted(found, key=lambda each: (each.currency, -abs(each.a_month), each.payee))


def of_payments(paid: Iterable[Paid], unit: str, until: date) -> list[Standing]:
    """The standing payments among payments in one currency, by day, as of `until`; in order of their payees."""
    groups: dict[tuple[str, bool], list[Paid]] = defaultdict(list)
    for each in paid:
        key = _key(each.payee)
        if key and each.amount:
            groups[key, each.amount < 0].append(each)
    return [made for _, own in sorted(groups.items()) for made in _of_payee(own, unit, until)]


def _key(payee: str) -> str:
    """A payee without numbers that change from time to time; the first words, as banks add places to them."""
    words = [word for word in "".join(sign if sign.isalnum() else " " for sign in payee.lower()).split()
             if not any(sign.isdigit() for sign in word)]  # fmt: skip
    return " ".join(words[:4])


def _of_payee(paid: Sequence[Paid], unit: str, until: date) -> list[Standing]:
    by_amount: dict[Decimal, list[Paid]] = defaultdict(list)
    for each in paid:
        by_amount[each.amount].append(each)
    series = [each for each in by_amount.values() if len(each) >= 2]
    joined = _joined(sorted(series, key=lambda each: each[0].day))
    found: list[Standing] = []
    used: set[str] = set()
    for one in joined:
        made = _standing(one, unit, until, varies=False)
        if made:
            found.append(made)
            used.update(made.ids)
    rest = [each for each in paid if each.id not in used]
    if len(rest) >= 3 and _similar([each.amount for each in rest]):
        made = _standing(rest, unit, until, varies=True)
        if made and made.period.months:
            found.append(made)
    return found


def _joined(series: list[list[Paid]]) -> list[list[Paid]]:
    """Series of one amount each; where one ends and another goes on at a new price, they are one."""
    made: list[list[Paid]] = []
    for each in series:
        before = next(
            (
                other
                for other in made
                if other[-1].day < each[0].day
                and max(other[-1].amount / each[0].amount, each[0].amount / other[-1].amount) <= LARGEST_STEP
                and _period([*other, *each]) is not None
            ),
            None,
        )
        if before is not None:
            before.extend(each)
        else:
            made.append(list(each))
    return made


def _similar(amounts: Sequence[Decimal]) -> bool:
    middle = median(amounts)
    return bool(middle) and all(abs(each - middle) <= abs(middle) * Decimal(LARGEST_SPREAD) for each in amounts)


def _period(paid: Sequence[Paid]) -> Period | None:
    """The period at which days follow each other; one that was missed now and then does no harm."""
    days = sorted({each.day for each in paid})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    if not gaps:
        return None
    for period in PERIODS:
        if len(days) < period.fewest or len(days) < len(paid):
            continue
        slack = max(period.slack_days, 0)
        once = sum(abs(gap - period.length_days) <= slack for gap in gaps)
        twice = sum(abs(gap - 2 * period.length_days) <= slack for gap in gaps)
        if once >= LEAST_FITTING * len(gaps) and once + twice == len(gaps):
            return period
    return None


def _standing(paid: Sequence[Paid], unit: str, until: date, *, varies: bool) -> Standing | None:
    period = _period(paid)
    if period is None:
        return None
    last = paid[-1]
    anchor = _anchor(each.day for each in paid)
    try:
        due = period.after(last.day, 1, anchor)
        grace = timedelta(days=period.slack_days + min(period.length_days / 2, 20))
        ended = until > due + grace
    except OverflowError:
        return None
    return Standing(
        payee=last.payee,
        amount=last.amount,
        currency=unit,
        period=period,
        varies=varies,
        first=paid[0].day,
        last=last.day,
        next_due=None if ended else due,
        anchor=anchor,
        ids=tuple(each.id for each in paid),
    )


def _anchor(days: Iterable[date]) -> int:
    """The day of the month: the most frequent one, the earlier of two, as weekends only move a payment later."""
    counts = Counter(day.day for day in days)
    most = max(counts.values())
    return min(day for day, count in counts.items() if count == most)
