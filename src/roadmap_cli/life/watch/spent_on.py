"""What more money than usual went for, by category: the words after a warning of spending, and what they rest on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from roadmap_cli.core.records import Record
from roadmap_cli.life.history.categories import Categories
from roadmap_cli.life.watch.warnings import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Categories that are told, at most, and the part of the whole rise that each must be at least.
MOST, LEAST_PART = 3, 0.15


@dataclass(frozen=True, slots=True)
class Rise:
    """A category on which more was spent in the recent days than is usual: how much in these days, on what ground."""

    category: str
    amount: Decimal
    why: str
    ids: tuple[str, ...]

    def record(self) -> Record:
        """As it stands in a warning."""
        return {"category": self.category, "amount": format(self.amount, "f"), "why": self.why}


def rises(tx: Connection, finding: Finding) -> list[Rise]:
    """The categories that make up most of the rise, the largest first; none if it is not about spending.

    A payment without a ground for its category belongs to none; usual is the mean of the earlier days.
    """
    if not finding.pattern.startswith("spending_"):
        return []
    known = Categories(tx)
    recent, why = _sums(tx, known, finding.evidence)
    usual, _ = _sums(tx, known, finding.usual_evidence)
    first, *_, last = *finding.measures[0].comparison.earlier, finding.measures[0].comparison.earlier[-1]
    part = ((finding.until - finding.since).days + 1) / ((first.until - last.since).days + 1)
    more = {name: float(sum(own.values())) - part * float(sum(usual.get(name, {}).values()))
            for name, own in recent.items()}  # fmt: skip
    least = LEAST_PART * max(sum(each for each in more.values() if each > 0), 0.01)
    best = sorted((name for name, value in more.items() if name and value >= least), key=lambda name: -more[name])
    return [Rise(name, sum(recent[name].values(), Decimal()), why[name], tuple(recent[name])) for name in best[:MOST]]


def _sums(
    tx: Connection, known: Categories, ids: Sequence[str]
) -> tuple[dict[str, dict[str, Decimal]], dict[str, str]]:
    """What was paid, by category ('' for none) and transaction, and why the largest of a category belongs to it."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    why: dict[str, tuple[Decimal, str]] = {}
    for name in ids:
        row = tx.execute("SELECT amount FROM life_transaction WHERE id = ?", (name,)).fetchone()
        if row is None:
            continue
        guess = known.of(name)
        amount, category = -Decimal(row[0]), guess.category if guess else ""
        found[category][name] = amount
        if guess and amount > why.get(category, (Decimal(-1), ""))[0]:
            why[category] = amount, guess.why
    return found, {category: words for category, (_, words) in why.items()}


def text(found: Sequence[Rise], unit: str) -> str:
    """The clause that says it; empty without any."""
    if not found:
        return ""
    return f"; more than usual for {', '.join(f'{each.category} ({each.amount:.2f} {unit})' for each in found)}"
