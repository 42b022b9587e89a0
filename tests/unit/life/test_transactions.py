"""Each movement is counted once, whoever tells it; what belongs together is known; nothing is guessed without ground."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from roadmap_cli.life.history import series
from roadmap_cli.life.history.categories import Categories
from roadmap_cli.life.history.standing import standing
from roadmap_cli.life.kinds.money import account_fields, named_account
from roadmap_cli.life.storing import store

Put = Callable[..., str]
CARD, GIRO, SAVINGS = "4111", "DE89370400440532013000", "DE02120300000000202051"


@pytest.fixture
def put(tx: Any) -> Put:
    """Store one transaction as a format tells it; its id."""
    count = iter(range(10_000))

    def one(
        day: str, amount: str, payee: str = "", *, of: str = GIRO, format: str = "csv", unit: str = "EUR", **more: Any
    ) -> str:
        record = {
            "kind": "life.transaction", "id": f"life_{next(count)}", "at": f"{day}T00:00:00.000Z", "date": day,
            "amount": amount, "currency": unit, **({"payee": payee} if payee else {}), "source_id": format,
            **(account_fields(of) if of and ":" not in of else named_account(of)), **more,
        }  # fmt: skip
        store.add(tx, [record], format_name=format)
        return str(record["id"])

    return one


def counted(tx: Any) -> list[str]:
    return [row[0] for row in tx.execute("SELECT id FROM life_transaction WHERE same_as IS NULL ORDER BY id")]


def links(tx: Any) -> list[tuple[str, str | None, str]]:
    return [tuple(row) for row in tx.execute("SELECT id, other_id, relation FROM life_transaction_link ORDER BY id")]


def test_five_formats_tell_one_payment(tx: Any, put: Put) -> None:
    first = put("2026-03-02", "-12.50", "Stadtwerke", format="ofx")
    put("2026-03-02", "-12.5", "STADTWERKE GMBH", format="mt940")
    put("2026-03-02", "-12.50", "Stadtwerke", format="camt", message="camt.053")
    put("2026-03-02", "-12.50", "stadt", of="", format="csv")
    put("2026-03-04", "-12.50", "Stadtwerke Strom", of="Assets:Bank", format="beancount")
    assert counted(tx) == [first]


def test_what_is_not_the_same(tx: Any, put: Put) -> None:
    put("2026-03-02", "-3.80", "Café", format="ofx")
    put("2026-03-03", "-3.80", "Café", format="csv")  # banks agree on the day
    put("2026-03-02", "-3.80", "Café", format="csv", of=SAVINGS)  # another account
    put("2026-03-02", "-3.80", "Café", format="csv", unit="CHF")  # another currency
    put("2026-03-02", "-3.80", "Café", format="ofx")  # two coffees
    put("2026-03-05", "-3.80", "Kiosk", format="qif", of="Giro:")  # no word in common
    assert len(counted(tx)) == 6


def test_an_intraday_report_and_the_statement_of_the_month(tx: Any, put: Put) -> None:
    put("2026-03-02", "-9.00", "X", format="camt", message="camt.052", bank_reference="R1")
    put("2026-03-02", "-9.00", "X Ltd", format="camt", message="camt.053", bank_reference="R1")
    put("2026-03-02", "-9.00", "X Ltd", format="camt", message="camt.053", bank_reference="R2")
    assert len(counted(tx)) == 2


@pytest.mark.parametrize("booked_first", [False, True])
def test_what_was_announced_is_replaced_when_it_is_booked(tx: Any, put: Put, booked_first: bool) -> None:
    def pending() -> str:
        return put("2026-03-02", "-20.00", "Tankstelle Nord", status="pending", format="camt", message="camt.052")

    def booked() -> str:
        return put("2026-03-02", "-20.00", "Tankstelle Nord KG", format="camt", message="camt.053")

    kept = (booked(), pending())[0] if booked_first else (pending(), booked())[1]
    assert counted(tx) == [kept]


def test_an_announcement_of_another_payee_stays(tx: Any, put: Put) -> None:
    put("2026-03-02", "-20.00", "Tankstelle", status="pending")
    put("2026-03-03", "-20.00", "Buchladen")
    put("2026-03-25", "-20.00", "Tankstelle")
    assert len(counted(tx)) == 3


@pytest.mark.parametrize(
    ("out", "into"),
    [
        ({"counterparty_id": account_fields(SAVINGS)["account_id"]}, {}),
        ({"type": "xfer"}, {}),
        ({"memo": "Umbuchung aufs Sparkonto"}, {}),
        ({}, {"payee": "PAYMENT - THANK YOU"}),
    ],
)
def test_both_legs_of_a_transfer_are_no_spending(tx: Any, put: Put, out: dict[str, str], into: dict[str, str]) -> None:
    one = put("2026-03-02", "-500.00", **{"payee": "Me", **out})
    two = put("2026-03-04", "500.00", of=SAVINGS, **{"payee": "Me", **into})
    put("2026-03-05", "-7.00", "Shop")
    assert links(tx) == [(one, two, "transfer")]
    assert [purchase.amount for purchase in series.purchases(tx, date(2026, 4, 1))["EUR"]] == [Decimal("7.00")]


def test_the_amount_alone_makes_no_transfer(tx: Any, put: Put) -> None:
    put("2026-03-02", "-50.00", "Landlord")
    put("2026-03-03", "50.00", "Grandmother", of=SAVINGS)
    put("2026-03-02", "-60.00", "Me", type="xfer", unit="USD")
    put("2026-03-02", "60.00", "Me", of=SAVINGS, unit="EUR")
    assert [relation for _, other, relation in links(tx) if other] == []


def test_money_that_came_back(tx: Any, put: Put) -> None:
    bought = put("2026-03-02", "-89.90", "Zalando")
    put("2026-03-03", "-15.00", "Zalando")
    back = put("2026-03-20", "89.90", "Zalando", memo="Erstattung")
    put("2026-03-21", "15.00", "Zalando", memo="Gutscheinaktion")
    assert links(tx) == [(bought, back, "refund")]
    assert [each.amount for each in series.purchases(tx, date(2026, 4, 1))["EUR"]] == [Decimal("15.00")]


def monthly(
    put: Put, payee: str, amounts: list[str], begin: date = date(2025, 11, 3), day: int = 3, **more: Any
) -> None:
    month = begin.year * 12 + begin.month - 1
    for number, amount in enumerate(amounts):
        year, index = divmod(month + number, 12)
        due = date(year, index + 1, day)
        due += timedelta(days={5: 2, 6: 1}.get(due.weekday(), 0))  # not on weekends
        put(due.isoformat(), amount, payee, **more)


def test_standing_payments_are_told_with_their_next_day(tx: Any, put: Put) -> None:
    monthly(put, "Hausverwaltung", ["-900.00"] * 12, day=1)
    monthly(put, "Streamly 4711", ["-9.99"] * 6 + ["-12.99"] * 6)
    monthly(put, "Stadtwerke", ["-61.10", "-70.20", "-55.00", "-58.90", "-66.66", "-72.00"])
    monthly(put, "Employer", ["3000.00"] * 12, day=28)
    for year in (2024, 2025):
        put(f"{year}-06-15", "-240.00", "Versicherung")
    for week in range(6):
        put((date(2026, 9, 7) + timedelta(days=7 * week)).isoformat(), "-15.00", "Yoga")
    for number in range(40):  # shopping, now and then
        put(
            (date(2026, 1, 1) + timedelta(days=number * 7 + number % 5)).isoformat(),
            f"-{20 + number * 7 % 31}.{number:02}",
            "Markt",
        )
    monthly(put, "Kredit", ["-55.00"] * 12, unit="CHF")
    found = {each.payee: each for each in standing(tx, date(2026, 10, 20))}
    assert set(found) == {"Hausverwaltung", "Streamly 4711", "Stadtwerke", "Employer", "Versicherung", "Yoga", "Kredit"}
    assert (found["Hausverwaltung"].amount, found["Hausverwaltung"].next_due) == (Decimal("-900.00"), date(2026, 11, 1))
    assert (found["Streamly 4711"].amount, len(found["Streamly 4711"].ids), found["Streamly 4711"].varies) == (
        Decimal("-12.99"),
        12,
        False,
    )
    assert (found["Stadtwerke"].varies, found["Stadtwerke"].next_due) == (True, None)  # it ended in April
    assert (found["Versicherung"].period.name, found["Versicherung"].next_due) == ("year", None)
    assert (found["Yoga"].period.name, found["Yoga"].next_due) == ("week", date(2026, 10, 19))
    assert found["Employer"].due(date(2026, 11, 1), date(2027, 1, 31)) == [
        date(2026, 11, 28),
        date(2026, 12, 28),
        date(2027, 1, 28),
    ]
    assert found["Kredit"].currency == "CHF"
    assert found["Hausverwaltung"].why() == "paid 12 times from 2025-11-03 to 2026-10-01, every month, 900.00 EUR"
    for each in found.values():
        total = tx.execute(
            f"SELECT count(*) FROM life_transaction WHERE id IN ({','.join('?' * len(each.ids))})", each.ids
        ).fetchone()
        assert total[0] == len(each.ids)


def test_categories_are_learned_from_own_books_and_say_why(tx: Any, put: Put) -> None:
    for day in range(1, 4):
        put(
            f"2026-03-0{day}", "-20.00", "Frau Schmidt", of="Assets:Bank", format="beancount", category="Expenses:Music"
        )
    lesson = put("2026-04-01", "-20.00", "Frau Schmidt", format="camt")
    filed = put("2026-03-02", "-20.00", "SCHMIDT, FRAU ANNA", format="camt")
    market = put("2026-04-02", "-31.00", "REWE SAGT DANKE 55")
    unknown = put("2026-04-02", "-31.00", "Xyz")
    learned = Categories(tx)
    found = learned.of(lesson)
    assert found is not None
    assert (found.category, found.why, len(found.evidence)) == (
        "Expenses:Music",
        "you filed this payee so 3 of 3 times",
        3,
    )
    by_books = learned.of(filed)
    assert by_books is not None
    assert (by_books.category, by_books.why) == ("Expenses:Music", "the same transaction is filed so in your own books")
    by_word = learned.of(market)
    assert by_word is not None
    assert (by_word.category, by_word.why) == ("groceries", "the payee has the word 'rewe'")
    assert learned.of(unknown) is None
    assert learned.guess("Gehalt GmbH", goes_out=True) is None
    related = learned.guess("Anna Schmidt Musikschule")
    assert related is not None
    assert related.category == "Expenses:Music"


def test_what_was_never_booked_stops_counting(tx: Any, put: Put) -> None:
    put("2026-03-02", "-20.00", "Hotel", status="pending")
    assert series.purchases(tx, date(2026, 3, 20))["EUR"]
    assert not series.purchases(tx, date(2026, 4, 20))
