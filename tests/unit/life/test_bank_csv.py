"""CSV of banks: what a file shows is taken, what it leaves open is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.life.formats import bank_csv
from roadmap_cli.life.formats.ical_series import Window
from roadmap_cli.life.items import Source
from roadmap_cli.life.opened import Opened
from roadmap_cli.life.settings import Settings


def settings_of(wishes: Sequence[str] = (), learned: dict[str, dict[str, str]] | None = None) -> Settings:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return Settings("UTC", Window(now, now), None, bank_csv.mapping(wishes), learned or {})


def read(text: str, *wishes: str) -> list[Any]:
    opened = Opened.of("bank.csv", text.encode())
    found = list(bank_csv.items(opened, Source.of("bank.csv", text.encode(), "csv"), settings_of(wishes)))
    found = [
        item
        for item in found
        if isinstance(item, DataError) or (isinstance(item, dict) and item["kind"] == "life.transaction")
    ]
    for record in found:
        assert isinstance(record, DataError) or not list(schemas.problems(record)), record
    return found


def told(text: str, *wishes: str) -> list[tuple[str, str, str]]:
    return [(record["date"], record["amount"], record["currency"]) for record in read(text, *wishes)]


@pytest.mark.parametrize(
    "text",
    [
        "Date,Description,Amount,Currency\n2026-03-05,Shop,-1234.50,EUR\n2026-03-14,Shop,2000.00,EUR\n",
        "sep\nKonto;4711\n\nBuchungstag;Empfänger;Betrag (EUR);Saldo\n05.03.2026;Shop;-1.234,50;1,00\n14.03.2026;Shop;2.000,00;2,00\n",
        "Posted Date\tPayee\tMoney out\tMoney in\tCcy\n03/05/2026\tShop\t1,234.50\t\tEUR\n03/14/2026\tShop\t\t2,000.00\tEUR\n",
        '"Data contabile","Importo","Descrizione"\n"05/03/2026","€ -1.234,50","Shop, e poi"\n"14/03/2026","€ 2.000,00","x"\n',
        "Date|Payee|Debit|Credit|Currency\n20260305|Shop|-1234.50|0.00|EUR\n20260314|Shop|0.00|2000.00|EUR\n",
    ],
)
def test_the_same_statement_from_five_banks(text: str) -> None:
    assert told(text) == [("2026-03-05", "-1234.50", "EUR"), ("2026-03-14", "2000.00", "EUR")]


@pytest.mark.parametrize(
    ("text", "code", "answer"),
    [
        ("Date,Payee,Amount,Currency\n05/03/2026,a,1.50,EUR\n", "ambiguous_dates", "order=dmy"),
        ("Date,Payee,Amount,Currency\n2026-03-05,a,\"1,500\",EUR\n", "ambiguous_amounts", "decimal=dot"),
        ("Date,Payee,Amount\n2026-03-05,a,1.50\n", "no_currency", "currency=EUR"),
        ("Wann,Wem,Wieviel,Currency\n2026-03-05,a,1.50,EUR\n", "unknown_columns", "date=Wann,amount=Wieviel,payee=Wem"),
    ],
)  # fmt: skip
def test_open_questions_are_asked_and_answered(text: str, code: str, answer: str) -> None:
    (error,) = read(text)
    assert isinstance(error, DataError)
    assert error.code == code
    assert "--map" in str(error.hint)
    (record,) = read(text, answer)
    assert record["date"] == "2026-03-05"


def test_two_alike_are_two_and_stay_the_same_two() -> None:
    text = "Date,Payee,Amount,Currency\n2026-03-05,Bar,-3.80,EUR\n2026-03-05,Bar,-3.80,EUR\n"
    first, second = ({record["id"] for record in read(text)} for _ in range(2))
    assert first == second
    assert len(first) == 2


def test_broken_rows_are_told_one_by_one_without_their_content() -> None:
    text = "Date,Payee,Amount,Currency\n2026-03-05,a,1.50,EUR\nsecret,a,1.50,EUR\n2026-03-06,\"two\nlines\",hidden,EUR\n2026-03-07,a\n2026-02-30,a,1.50,EUR\n,,,\n"  # fmt: skip
    assert [str(item) for item in read(text) if isinstance(item, DataError)] == [
        "bank.csv:3: date is not a date",
        "bank.csv:4: amount is not an amount",
        "bank.csv:6: row has no amount",
        "bank.csv:7: date is not a date",
    ]


@pytest.mark.parametrize("wish", ["colour=red", "date", "order=ydm", "decimal=;", "date="])
def test_wrong_answers(wish: str) -> None:
    with pytest.raises(UsageError):
        bank_csv.mapping([wish])
    (error,) = read("Date,Payee,Amount,Currency\n2026-03-05,a,1.50,EUR\n", "payee=Nobody")
    assert error.code == "no_column"
