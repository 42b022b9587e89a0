"""What accounts may spend on models: asked before each call, counted from the ledger.

A process is told by ``ROADMAP_ACCOUNTS`` whom its calls are charged to. The rule kept here: a call that could go
beyond a budget is not made. Calls made at the same moment by several processes each see what was spent before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import Negative, RoadmapError, TryLater

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

VARIABLE = "ROADMAP_ACCOUNTS"
PERIODS = ("ever", "day", "month")
_MOST_ACCOUNTS = 16


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may spend in a period. `microunits` are millionths of the currency; None is without limit."""

    account: str
    period: str
    tokens: int | None
    microunits: int | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent; `unpriced_count` calls had no known price."""

    tokens: int
    microunits: int
    unpriced_count: int


def accounts(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Whom the calls of this process are charged to, from the environment: one account a line."""
    found = [line.strip() for line in environ.get(VARIABLE, "").splitlines()]
    return tuple(dict.fromkeys(line for line in found if line and line.isprintable()))[:_MOST_ACCOUNTS]


def charge(tx: Connection, run_id: str, charged: Sequence[str]) -> None:
    """Say whom the calls of a run are charged to."""
    tx.executemany(
        "INSERT INTO model_account(run_id, account) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(run_id, each) for each in charged],
    )


def set_budget(tx: Connection, budget: Budget, *, by: str, at: datetime) -> None:
    """Set a budget in place of the account's former one for the period; without any limit it is removed."""
    tx.execute("DELETE FROM model_budget WHERE account = ? AND period = ?", (budget.account, budget.period))
    if budget.tokens is not None or budget.microunits is not None:
        tx.execute(
            "INSERT INTO model_budget(account, period, tokens, microunits, currency, set_at, set_by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (budget.account, budget.period, budget.tokens, budget.microunits, budget.currency, stamp(at), by),
        )


def budgets(tx: Connection, of: Sequence[str] | None = None) -> Iterator[Budget]:
    """The budgets of some accounts, or all, by account and period."""
    columns = "account, period, tokens, microunits, currency"
    if of is None:
        rows = tx.execute(f"SELECT {columns} FROM model_budget ORDER BY account, period").fetchall()
    else:
        sql = f"SELECT {columns} FROM model_budget WHERE account = ? ORDER BY period"
        rows = [row for each in of for row in tx.execute(sql, (each,)).fetchall()]
    for row in rows:
        yield Budget(*row)


def spent(tx: Connection, budget: Budget, at: datetime) -> Spent:
    """What an account has spent in the budget's present period, in its currency."""
    row: Any = tx.execute(
        "SELECT coalesce(sum(coalesce(c.prompt_tokens, 0) + coalesce(c.completion_tokens, 0)), 0),"
        " coalesce(sum(CASE WHEN c.price_microunits = 0 OR c.currency = ?3 THEN c.price_microunits END), 0),"
        " count(CASE WHEN c.price_microunits IS NULL OR (c.price_microunits > 0 AND c.currency IS NOT ?3) THEN 1 END)"
        " FROM model_account a JOIN model_call c ON c.run_id = a.run_id WHERE a.account = ?1 AND c.at >= ?2",
        (budget.account, _since(budget.period, at), budget.currency),
    ).fetchone()
    return Spent(*row)


def check(
    tx: Connection, charged: Sequence[str], *, tokens: int, price: tuple[int | None, str | None], at: datetime
) -> None:
    """Raise if a call of at most so many tokens and such a price could go beyond a budget of one of the accounts.

    Negative for a budget that is never renewed, TryLater for one that is. A call whose price is unknown is not made
    on a budget of money.
    """
    for budget in budgets(tx, charged):
        before = spent(tx, budget, at)
        name = f"the budget of {budget.account}" + ("" if budget.period == "ever" else f" for this {budget.period}")
        if budget.tokens is not None and before.tokens + tokens > budget.tokens:
            words = f"{budget.tokens} tokens; {before.tokens} are spent, and {tokens} more asked for"
            raise _over(budget, f"{name} is {words}")
        if budget.microunits is None or price[0] == 0:
            continue
        if price[0] is None or price[1] != budget.currency:
            raise _over(budget, f"{name} is in {budget.currency}, and the price of this model is not known in it")
        if before.microunits + price[0] > budget.microunits:
            money = [f"{each / 1e6:.4f}" for each in (budget.microunits, before.microunits, price[0])]
            words = f"{money[0]} {budget.currency}; {money[1]} are spent, and up to {money[2]} more asked for"
            raise _over(budget, f"{name} is {words}")


def _over(budget: Budget, words: str) -> RoadmapError:
    hint = f"'wf-cost budget {budget.account}' shows and changes it"
    kind = Negative if budget.period == "ever" else TryLater
    return kind(words, hint=hint, code="budget_spent")


def _since(period: str, at: datetime) -> str:
    text = stamp(at)
    return {"ever": "", "day": text[:10], "month": text[:7]}[period]
