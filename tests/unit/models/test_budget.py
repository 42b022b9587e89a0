"""Budgets of models: asked before each call, whoever computes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roadmap_cli.core.errors import Negative, RoadmapError, TryLater
from roadmap_cli.models import budget
from roadmap_cli.models.budget import Budget
from roadmap_cli.models.conversation.chat import Asked, Chat, Options, Tally, estimated_tokens
from roadmap_cli.models.ledger import Call, Ledger
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=lambda: NOW) as opened:
        yield opened


class Echo(Chat):
    """A model that says what it was told, at a price."""

    asked = 0

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        return (prompt_tokens + completion_tokens) * 100, "USD"

    def _generate(self, messages: Asked, options: Options, tally: Tally, piecewise: bool) -> Iterator[str]:
        assert isinstance(messages, list)
        type(self).asked += 1
        text = messages[-1]["content"]
        tally.prompt_tokens = tally.completion_tokens = estimated_tokens(text)
        yield text

    def count_tokens(self, text: str) -> int:
        return estimated_tokens(text)

    @property
    def context_size(self) -> int | None:
        return None


def called(at: datetime = NOW, *, tokens: int = 100, price: int | None = 0, currency: str | None = "USD") -> Call:
    return Call("m", "p", "chat", None, None, 5, tokens // 2, tokens - tokens // 2, price, currency)


def test_accounts_come_from_the_environment():
    found = budget.accounts({"ROADMAP_ACCOUNTS": "run:1\n step:1/a \nrun:1\n\nbad\x07\n"})
    assert found == ("run:1", "step:1/a")
    assert budget.accounts({}) == ()


def test_a_call_that_could_go_beyond_a_budget_is_not_made(state: State):
    with state.write() as tx:
        budget.set_budget(tx, Budget("run:1", "ever", 200, None), by="user:ann", at=NOW)
    ledger = Ledger(state, "slm-run", lambda: NOW, "slm_1", accounts=("run:1", "agent:analysis"))
    chat = Echo("echo", "example.org", ledger)
    Echo.asked = 0
    assert chat.complete([{"role": "user", "content": "x" * 200}], max_tokens=60).text == "x" * 200
    with pytest.raises(Negative, match="the budget of run:1 is 200 tokens; 100 are spent, and 142 more") as caught:
        chat.complete([{"role": "user", "content": "x" * 200}], max_tokens=60)
    assert caught.value.code == "budget_spent"
    assert Echo.asked == 1
    assert chat.complete([{"role": "user", "content": "x" * 40}], max_tokens=58).text == "x" * 40
    with state.read() as tx:
        of_agent = budget.spent(tx, Budget("agent:analysis", "ever", 1, None), NOW)
    assert (of_agent.tokens, of_agent.microunits, of_agent.unpriced_count) == (120, 12_000, 0)


def test_a_budget_of_money_is_renewed_with_its_period(state: State):
    at = [NOW]
    with state.write() as tx:
        budget.set_budget(tx, Budget("user:ann", "day", None, 15_000), by="user:ann", at=NOW)
    ledger = Ledger(state, "slm-run", lambda: at[0], "slm_1", accounts=("user:ann",))
    chat = Echo("echo", "example.org", ledger)
    text = [{"role": "user", "content": "x" * 200}]
    chat.complete(text, max_tokens=50)
    with pytest.raises(TryLater, match=r"for this day is 0\.0150 USD; 0\.0100 are spent"):
        chat.complete(text, max_tokens=50)
    at[0] = NOW + timedelta(days=1)
    chat.complete(text, max_tokens=50)


def test_what_has_no_known_price_is_not_bought_on_a_budget(state: State):
    with state.write() as tx:
        budget.set_budget(tx, Budget("run:1", "ever", None, 10**9), by="user:ann", at=NOW)
    with state.read() as tx:
        budget.check(tx, ["run:1"], tokens=10**6, price=(0, None), at=NOW)
        budget.check(tx, ["run:2"], tokens=10**6, price=(None, None), at=NOW)
        for price in ((None, None), (5, "EUR")):
            with pytest.raises(RoadmapError, match="not known in it"):
                budget.check(tx, ["run:1"], tokens=1, price=price, at=NOW)
    ledger = Ledger(state, "slm-run", lambda: NOW, "slm_1", accounts=("run:1",))
    ledger.allow(1, (0, None))
    for call in (called(price=None), called(price=7, currency="EUR"), called(price=9)):
        ledger.record(call)
    with state.read() as tx:
        found = budget.spent(tx, Budget("run:1", "ever", None, 1), NOW)
    assert (found.tokens, found.microunits, found.unpriced_count) == (300, 9, 2)


def test_budgets_are_set_shown_and_removed(state: State):
    with state.write() as tx:
        budget.set_budget(tx, Budget("run:1", "ever", 5, None), by="user:ann", at=NOW)
        budget.set_budget(tx, Budget("run:1", "ever", 6, 7), by="user:ann", at=NOW)
        assert list(budget.budgets(tx)) == [Budget("run:1", "ever", 6, 7)]
        budget.set_budget(tx, Budget("run:1", "ever", None, None), by="user:ann", at=NOW)
        assert list(budget.budgets(tx, ["run:1"])) == []
