"""Everything forecast and warned of is computed again from what it cites; and a number that was changed is noticed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.clock import stamp
from roadmap_cli.life.forecast import forecasting, foretelling, proposals, telling
from roadmap_cli.life.formats import jsonl
from roadmap_cli.life.graph import building
from roadmap_cli.life.history import balances, habits, weeks
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.proof import checking
from roadmap_cli.life.storing import store
from roadmap_cli.life.values import grammar, keeping
from roadmap_cli.life.watch import watching
from roadmap_cli.state import records

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()
BERLIN = named("Europe/Berlin")
Ingest = Callable[..., Any]
Record = dict[str, Any]


def add(tx: Any, found: list[Record]) -> None:
    store.add(tx, [jsonl.item({**each, "id": f"life_{n}_{each['kind'][5:]}_{each['at']}"}) for n, each in enumerate(found)], format_name="jsonl")  # fmt: skip


def forecast(tx: Any, **how: Any) -> tuple[forecasting.Made, list[Record]]:
    settings = forecasting.Settings(**{"weeks": 9, **how})
    made = forecasting.look(tx, NOW, settings)
    told = telling.tell(tx, made, NOW, settings, command="life-forecast")
    for record in told:
        assert not list(schemas.problems(record)), record
    return made, told


def wrong(tx: Any, id: str) -> list[checking.Claim]:
    claims = list(checking.check(tx, id))
    assert claims
    return [claim for claim in claims if claim.problem]


def day(offset: int) -> date:
    return TODAY - timedelta(days=offset)


def paid(at: date, payee: str, amount: str, account: str = "giro", **more: Any) -> Record:
    return {"kind": "life.transaction", "at": f"{at}T00:00:00.000Z", "date": str(at), "amount": amount,
            "currency": "EUR", "payee": payee, "account_id": account, "account": account[-4:], **more}  # fmt: skip


def held(at: date, amount: str, account: str = "giro") -> Record:
    return {"kind": "life.balance", "at": f"{at}T00:00:00.000Z", "date": str(at), "amount": amount, "currency": "EUR",
            "type": "booked", "account_id": account}  # fmt: skip


def account(months: int = 12, *, left: str = "900.00") -> list[Record]:
    """Wages on the 28th, rent on the 1st, a market twice a week; and what is on the account yesterday."""
    chance = random.Random(3)
    found = []
    for offset in range(months * 30, 0, -1):
        at = day(offset)
        if at.day == 28:
            found.append(paid(at, "Example Ltd", "2000.00", type="credit"))
        if at.day == 1:
            found.append(paid(at, "Landlord", "-1200.00"))
        if at.weekday() in (1, 5):
            found.append(paid(at, "Market", f"-{chance.uniform(60, 110):.2f}"))
    return [*found, held(day(1), left)]


def test_a_balance_falls_until_the_wages_come(tx: Any) -> None:
    add(tx, account())
    _, told = forecast(tx, measures=("balance_EUR",))
    months = [record for record in told if record["period"] == "month"]
    assert months
    for record in months:
        assert record["account_id"] == "giro"
        assert date.fromisoformat(record["lowest_on"]).day in (26, 27), "the day before the wages"
        assert record["lowest_on"] in record["text"]
    assert [claim for record in (told[0], months[-1]) for claim in wrong(tx, record["id"])] == []


def test_weekly_lows_are_those_of_a_walk_by_hand(tx: Any) -> None:
    add(tx, account(3))
    (known,) = balances.accounts(tx, TODAY)
    found = balances.history(known, day(1))
    assert found is not None
    own, after = found
    ends: dict[date, Decimal] = {}
    amount = Decimal("900.00")
    for offset in range(1, 90):
        ends[day(offset)] = amount
        amount -= sum((Decimal(str(each.amount)) for each in known.moved if each.day == day(offset)), Decimal())
    for place, value in enumerate(own.values):
        first = own.first + timedelta(days=7 * place)
        assert float(min(ends[first + timedelta(days=n)] for n in range(7))) == pytest.approx(value, abs=0.006)
    assert float(ends[own.last]) == pytest.approx(after, abs=0.006)


def test_a_low_balance_shows_the_value_it_goes_against(tx: Any) -> None:
    add(tx, account(left="400.00"))
    keeping.add(tx, [grammar.parse("keep at least 1000 EUR")], NOW, command="life-values")
    _, told = forecast(tx, measures=("balance_EUR",), weeks=6)
    month = next(record for record in told if record["period"] == "month")
    assert month["conflicts"][0]["text"] == f"the balance would fall to {month['value']:.2f} EUR"
    assert wrong(tx, month["id"]) == []


def test_linked_transfers_never_count_as_spending_or_income(tx: Any) -> None:
    """A transfer whose two legs are known from two accounts, and one known from this side only."""
    found = account(4)
    for offset in (70, 40, 10):
        found.append(paid(day(offset), "Robin Falk", "-500.00", type="debit", memo="Umbuchung"))
        found.append(paid(day(offset - 1), "Robin Falk", "500.00", "save", type="credit", memo="Umbuchung"))
        found.append(paid(day(offset), "Broker", "-250.00", type="xfer"))
    add(tx, found)
    assert tx.execute("SELECT count(*) FROM life_transaction_link WHERE relation = 'transfer'").fetchone()[0] >= 3
    from roadmap_cli.life.history import series

    spent = [item.amount for item in series.purchases(tx, TODAY)["EUR"]]
    assert spent
    assert not {Decimal("500.00"), Decimal("250.00")} & set(spent)
    moved = weeks.movements(tx, TODAY)["EUR"]
    assert moved
    assert not {500.0, 250.0} & {abs(each.amount) for each in moved}
    own = next(each for each in balances.accounts(tx, TODAY) if each.id == "giro")
    assert sum(each.amount in (-500.0, -250.0) for each in own.moved) == 6, "but they change what is on the account"


def meetings(lead: int | None, weeks_: int = 80, ahead: int = 12) -> list[Record]:
    """Weeks of calls whose number changes from week to week; each was booked so many days before it began."""
    chance = random.Random(9)
    found = []
    first = weeks.monday(TODAY) - timedelta(days=7 * weeks_)
    for week in range(weeks_ + ahead):
        for number in range(chance.randint(2, 14)):
            at = datetime.combine(first + timedelta(days=7 * week + number % 5), datetime.min.time(), UTC) + timedelta(hours=9 + number // 5)  # fmt: skip
            made = at - timedelta(days=lead or 0)
            if lead is not None and made > NOW:
                continue
            told = {"modified_at": stamp(made)} if lead is not None else {}
            found.append({"kind": "life.event", "uid": f"{week}-{number}", "at": stamp(at), "title": "Call",
                          "ends_at": stamp(at + timedelta(hours=1)), "people": ["a@x.de", "b@x.de"], **told})  # fmt: skip
    return found


def test_what_was_booked_when_makes_the_backtest_better_and_is_cited(tx: Any) -> None:
    add(tx, meetings(25))
    made, told = forecast(tx, measures=("meeting_hours",))
    (load,) = made.forecasts
    assert foretelling.is_backtested("meeting_hours", load.series.values, load.how)
    near, far = load.outlook.trust[0], load.outlook.trust[-1]
    assert near.mase < 0.35 * far.mase, "booked 25 days before: next week is nearly known, half a year ahead is not"
    assert [claim for record in (told[0], told[-1]) for claim in wrong(tx, record["id"])] == []


def test_without_times_of_booking_it_is_said(tx: Any) -> None:
    add(tx, meetings(None))
    made, _ = forecast(tx, measures=("meeting_hours",))
    assert any("booked when" in words for words in made.silent)


def test_todos_that_are_due_are_load_ahead(tx: Any) -> None:
    due = TODAY + timedelta(days=9)
    tasks = [
        {"kind": "life.task", "at": f"{due}T10:00:00.000Z", "due_at": f"{due}T10:00:00.000Z", "title": title, "uid": title, "status": status}
        for title, status in (("Tax", "needs_action"), ("Talk", "in_process"), ("Done", "completed"))
    ]  # fmt: skip
    add(tx, [*meetings(None), *tasks])
    _, told = forecast(tx, measures=("meeting_hours",))
    (week,) = [
        record for record in told if record["period"] == "week" and record["since"] <= str(due) <= record["until"]
    ]
    assert week["tasks_due"] == 2
    month = next(record for record in told if record["period"] == "month" and record.get("tasks_due"))
    assert "2 to-dos are due" in month["text"]
    assert wrong(tx, week["id"]) == []


def test_a_quarter_says_its_pattern_with_n(tx: Any) -> None:
    """Two years in which every December is full; nothing is said of the months that are not."""
    chance = random.Random(1)
    found = []
    first = weeks.monday(date(2024, 9, 2))
    for week in range((weeks.monday(TODAY) - first).days // 7):
        monday = first + timedelta(days=7 * week)
        full = (monday + timedelta(days=3)).month == 12
        for number in range(18 if full else chance.randint(4, 7)):
            at = datetime.combine(monday + timedelta(days=number % 5), datetime.min.time(), UTC) + timedelta(hours=9 + number // 5)  # fmt: skip
            found.append({"kind": "life.event", "uid": f"{week}-{number}", "at": stamp(at), "title": "Call",
                          "ends_at": stamp(at + timedelta(hours=1)), "people": ["a@x.de", "b@x.de"]})  # fmt: skip
    add(tx, found)
    made = forecasting.look(tx, NOW, forecasting.Settings(weeks=20, measures=("meeting_hours",)))
    (load,) = made.forecasts
    load.outlook.told[:] = True
    quarters = {row["period_name"]: row for row in telling.rows(load) if row["period"] == "quarter"}
    pattern = quarters["2026-Q4"]["pattern"]
    assert [(each["month"], each["hard_count"], each["earlier_count"]) for each in pattern] == [("2026-12", 2, 2)]
    assert (
        "your fourth-quarter pattern says overcommitted in December (2 of 2 earlier years"
        in quarters["2026-Q4"]["text"]
    )
    assert "pattern" not in quarters["2027-Q1"]["text"]


def test_every_claim_of_the_example_holds_and_a_changed_number_does_not(
    tx: Any, ingest: Ingest, example: dict[str, bytes]
) -> None:
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    made, told = forecast(tx)
    proposed = proposals.propose(tx, made, told, NOW, command="life-forecast")
    one_each = {(record["measure"], record["period"]): record for record in told}
    assert proposed
    chosen = [one_each["net_EUR", "quarter"], one_each["spending_EUR", "week"], one_each["meeting_hours", "month"]]
    assert [claim for record in [*chosen, *proposed] for claim in wrong(tx, record["id"])] == []
    record = one_each["net_EUR", "month"]
    changed = {**record, "high": record["high"] + 5}
    tx.execute("UPDATE record SET body = ? WHERE id = ?", (orjson.dumps(changed).decode(), record["id"]))
    assert [claim.name for claim in wrong(tx, record["id"])] == ["high", "text"]
    history = tx.execute("SELECT id FROM decision WHERE decision = 'life.history_counted' AND what LIKE 'spending%'")
    (name,) = history.fetchone()
    payment = next(each for each in checking.decisions.get(tx, name)["evidence_ids"] if records.get(tx, each))
    tx.execute('UPDATE record SET body = replace(body, \'"amount":"-\', \'"amount":"-9\') WHERE id = ?', (payment,))
    assert len(wrong(tx, name)) == 1, "the week of the payment"


def night(at: date, minutes: int) -> Record:
    begin = datetime(at.year, at.month, at.day, 0, 30, tzinfo=UTC)
    return {"kind": "life.measurement", "at": stamp(begin), "ends_at": stamp(begin + timedelta(minutes=minutes)), "date": str(at),
            "metric": "sleep", "stage": "asleep", "value": minutes, "unit": "min", "device": "watch"}  # fmt: skip


def page(at: date, hour: int, minute: int) -> Record:
    when = datetime(at.year, at.month, at.day, hour, minute, tzinfo=UTC)
    return {"kind": "life.page_visit", "at": stamp(when), "url": "https://x.org/", "host": "x.org", "title": "x"}


def test_warnings_of_body_screen_and_people_are_computed_again(tx: Any) -> None:
    chance = random.Random(6)
    found: list[Record] = []
    for offset in range(200, 0, -1):
        at, hard = day(offset), offset <= 16
        found.append(night(at, round(chance.gauss(440 - 80 * hard, 22))))
        found.append(page(at, 15, chance.randrange(60)))
        found += [page(at, 22, minute) for minute in range(0, 60 if hard else chance.choice([4, 12, 20]), 4)]
        if not hard and chance.random() < 0.9:
            found.append({"kind": "life.message", "at": f"{at}T18:00:00.000Z", "channel": "whatsapp", "sender": "Anna", "text": "x"})  # fmt: skip
    add(tx, found)
    given, _ = watching.watch(tx, NOW, watching.Settings(zone="Europe/Berlin"), command="life-watch")
    assert {record["pattern"] for record in given} >= {"sleep_hours", "late_screen", "close_contacts"}
    assert [claim for record in given for claim in wrong(tx, record["id"])] == []
    assert any(claim.name.endswith("recent") for claim in checking.check(tx, given[0]["id"]))


def test_close_people_come_from_the_graph_where_there_is_one(tx: Any) -> None:
    """Mum writes less often than four weeks in ten; the graph knows that she is family."""
    me, mum = "me@posteo.de", "ingrid@web.de"
    found: list[Record] = [
        {"kind": "life.contact", "uid": "me", "name": "Robin Falk", "at": "2025-01-01T00:00:00.000Z", "emails": [me]},
        {"kind": "life.contact", "uid": "mum", "name": "Mum", "at": "2025-01-01T00:00:00.000Z", "emails": [mum]},
    ]
    for offset in range(196, 30, -21):
        for sender, to in ((mum, me), (me, mum)):
            mine = {"sent_by_user": True} if sender == me else {}
            found.append({"kind": "life.message", "at": f"{day(offset)}T23:30:00.000Z", "channel": "mail", "sender": sender, "recipients": [to], **mine})  # fmt: skip
    add(tx, found)
    plain, count = habits.close_contacts(tx, day(200), day(1), BERLIN)
    assert count == 0
    assert not plain.values
    building.read(tx, -1)
    building.resolve(tx, NOW, command="life-graph build")
    days, count = habits.close_contacts(tx, day(200), day(1), BERLIN)
    assert count == 1
    assert {at for at, value in days.values.items() if value} == {day(offset - 1) for offset in range(196, 30, -21)}
    assert all(records.get(tx, name) for ids in days.ids.values() for name in ids)
