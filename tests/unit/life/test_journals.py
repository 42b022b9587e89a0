"""Journals of beancount, hledger and ledger: what moves money is read, exactly; held against the programs themselves."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import beancount, ledger
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Position
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(text: str, *, path: str = "", **mapping: str) -> list[Any]:
    opened = Opened.of(path or "journal", text.encode())
    opened.path = path
    settings = Settings("UTC", Window(NOW, NOW), None, mapping)
    found = [
        item for item in reading.items(opened, reading.source_of(opened), settings) if not isinstance(item, Position)
    ]
    for record in found:
        assert isinstance(record, DataError) or not list(schemas.problems(record)), record
    return found


def told(found: list[Any]) -> list[tuple[str, ...]]:
    return [
        (item["date"], item["account_name"], item["amount"], item["currency"], item.get("category") or item.get("transfer_account", ""))
        for item in found
        if isinstance(item, dict) and item["kind"] == "life.transaction"
    ]  # fmt: skip


BEANCOUNT = """option "title" "x"
2026-01-01 open Assets:Bank EUR
2026-01-01 * "Opening"
  Assets:Bank  1,000.00 EUR
  Equity:Opening-Balances
2026-01-05 * "Shop; the best" "Food
 and more" #tag ; comment
  Assets:Bank  -(10.00 + 5) EUR
    note: "x; y"
  Expenses:Food  10.00 EUR

  Expenses:Home
2026-01-06 ! "Move"
  Assets:Bank  -20 EUR
  Assets:Cash
2026-01-07 * "Buy"
  Assets:Broker  2 ACME {100.00 USD, 2026-01-07}
  Assets:Bank:USD  -200.00 USD
2026-01-08 * "Exchange"
  Assets:Bank  -100.00 EUR @ 1.10 USD
  Assets:Bank:USD  110.00 USD
2026-01-09 balance Assets:Bank  865.00 EUR
2026-01-09 price ACME 110 USD
2026-01-10 * "Does not balance"
  Assets:Bank  1 EUR
  Expenses:X  2 EUR
2026-02-30 * "No such day"
  Assets:Bank  1 EUR
  Expenses:X
"""


def test_a_beancount_journal() -> None:
    found = read(BEANCOUNT)
    assert told(found) == [
        ("2026-01-01", "Assets:Bank", "1000.00", "EUR", ""),
        ("2026-01-05", "Assets:Bank", "-15.00", "EUR", ""),
        ("2026-01-06", "Assets:Bank", "-20", "EUR", "Assets:Cash"),
        ("2026-01-06", "Assets:Cash", "20", "EUR", "Assets:Bank"),
        ("2026-01-07", "Assets:Bank:USD", "-200.00", "USD", ""),
        ("2026-01-08", "Assets:Bank", "-100.00", "EUR", "Assets:Bank:USD"),
        ("2026-01-08", "Assets:Bank:USD", "110.00", "USD", "Assets:Bank"),
    ]
    assert found[1]["splits"] == [
        {"amount": "-10.00", "category": "Expenses:Food"},
        {"amount": "-5.00", "category": "Expenses:Home"},
    ]
    assert (found[1]["payee"], found[1]["memo"], found[1]["source_line"]) == ("Shop; the best", "Food and more", 8)
    assert [found[4][name] for name in ("type", "security", "quantity", "price")] == ["invest", "ACME", "2", "100.00"]
    balance, price = found[7], found[8]
    assert (balance["kind"], balance["date"], balance["amount"]) == ("life.balance", "2026-01-08", "865.00")
    assert (price["kind"], price["security"], price["amount"]) == ("life.price", "ACME", "110")
    assert [str(item) for item in found[9:]] == [
        "journal:24: transaction does not balance",
        "journal:27: date is not a date",
    ]


LEDGER = """; comment
account Bank  ; type:A
alias chk=assets:checking
commodity 1,000.00 EUR
2026/01/01=2026/01/02 * (12) Shop | groceries  ; a comment
    expenses:food    €10.00
    assets:cash

2026-01-02 ! Move
    chk   -20 EUR
    Bank   20 EUR = 20 EUR
2026-01-03 buy
    assets:broker   2 ACME @ £10
    assets:sterling     £-20
    (budget:food)   5 EUR
~ monthly
    expenses:x   5 EUR
    assets:y
P 2026-01-04 ACME £11.5
comment
2026-01-03 x
   a   b
end comment
2026-01-05 fix
    Bank    = 15 EUR
    expenses:misc
"""


def test_an_hledger_journal() -> None:
    found = read(LEDGER)
    assert told(found) == [
        ("2026-01-01", "assets:cash", "-10.00", "EUR", "expenses:food"),
        ("2026-01-02", "assets:checking", "-20", "EUR", "Bank"),
        ("2026-01-02", "Bank", "20", "EUR", "assets:checking"),
        ("2026-01-03", "assets:sterling", "-20", "GBP", ""),
        ("2026-01-05", "Bank", "-5", "EUR", "expenses:misc"),
    ]
    assert [item["amount"] for item in found if item["kind"] == "life.balance"] == ["20", "15"]


def test_a_sign_of_several_currencies_is_asked_for_once() -> None:
    text = "2026-01-01 a\n  assets:x   $1\n  income:y\n\n2026-01-02 b\n  assets:x   $2\n  income:y\n"
    (error,) = read(text)
    assert error.code == "no_currency"
    assert [row[3] for row in told(read(text, currency="CAD"))] == ["CAD", "CAD"]


def test_includes_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.journal").write_text("2026-01-01 secret\n  assets:x   1 EUR\n  income:y\n")
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "more.journal").write_text("include main.journal\n2026-01-02 more\n  assets:x   2 EUR\n  income:y\n")
    main = folder / "main.journal"
    main.write_text(
        "include more.journal\ninclude ../outside.journal\ninclude gone.journal\n2026-01-03 own\n  assets:x   3 EUR\n  income:y\n"
    )
    found = read(main.read_text(), path=str(main))
    assert [row[2] for row in told(found)] == ["2", "3"]
    assert [item.code for item in found if isinstance(item, DataError)] == ["bad_include", "bad_include"]
    (piped,) = [item for item in read("include more.journal\n" + LEDGER) if isinstance(item, DataError)]
    assert piped.code == "bad_include"


@pytest.mark.parametrize(
    "text",
    [
        "just words\n",
        "2026-01-01 Release\n\n  * things were mended\n  * other things\n",
        "2026-01-01 12:00:01 INFO started\n  at module.py   line 7\n",
        "# Title\n\n    code   12\n",
    ],
)
def test_other_texts_are_no_journals(text: str) -> None:
    assert not ledger.matches(Opened.of("f", text.encode()))
    assert not beancount.matches(Opened.of("f", text.encode()))


def journal_of(chance: random.Random, *, beancount_style: bool) -> str:
    """A journal with elided amounts, prices, several currencies and splits; made up, and balanced."""
    assets = ["Assets:Bank", "Assets:Cash", "Liabilities:Card"]
    others = ["Expenses:Food", "Expenses:Rent", "Income:Salary", "Equity:Opening"]
    lines, day = [], date(2026, 1, 1)
    if beancount_style:
        lines += [f"2000-01-01 open {name}" for name in (*assets, *others)]
    for number in range(60):
        day += timedelta(days=chance.randrange(3))
        lines.append(f'{day} * "Payee {number}" "memo"' if beancount_style else f"{day} * Payee {number}")
        unit = chance.choice(["EUR", "USD", "GBP"])
        amounts = [Decimal(chance.randrange(-500_000, 500_000)).scaleb(-2) for _ in range(chance.choice((1, 1, 2, 3)))]
        for each in amounts:
            price = f" @ {chance.randrange(1, 300) / 100} CHF" if chance.random() < 0.15 else ""
            lines.append(
                f"  {chance.choice(assets + others)}  {each:,.2f} {unit}{price}"
                if beancount_style
                else f"  {chance.choice(assets + others)}  {each:.2f} {unit}{price}"
            )
        lines.append(f"  {chance.choice(assets + others)}")
        lines.append("")
    return "\n".join(lines) + "\n"


def sums(found: list[Any]) -> Counter[tuple[str, str, str, Decimal]]:
    assert not [str(item) for item in found if isinstance(item, DataError)]
    return Counter(
        (item["date"], item["account_name"], item["currency"], Decimal(item["amount"]))
        for item in found
        if item["kind"] == "life.transaction"
    )


@pytest.mark.skipif(not shutil.which("hledger"), reason="the program hledger is not on this machine")
@pytest.mark.parametrize("seed", range(3))
def test_the_same_postings_as_hledger(tmp_path: Path, seed: int) -> None:
    text = journal_of(random.Random(seed), beancount_style=False)
    path = tmp_path / "x.journal"
    path.write_text(text)
    printed = subprocess.run(
        ["hledger", "-f", str(path), "print", "-O", "json"], capture_output=True, check=True, text=True
    )
    expected: Counter[tuple[str, str, str, Decimal]] = Counter()
    for transaction in json.loads(printed.stdout, parse_float=Decimal):
        for posting in transaction["tpostings"]:
            for amount in posting["pamount"]:
                quantity = Decimal(amount["aquantity"]["decimalMantissa"]).scaleb(-amount["aquantity"]["decimalPlaces"])
                if posting["paccount"].startswith(("Assets", "Liab")) and quantity:
                    expected[transaction["tdate"], posting["paccount"], amount["acommodity"], quantity] += 1
    assert sums(read(text)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_same_postings_as_beancount(tmp_path: Path, seed: int) -> None:
    """beancount is GPL: it runs as another process, where it is installed."""
    python = shutil.which("bean-check")
    if not python:
        pytest.skip("the program bean-check is not on this machine")
    text = journal_of(random.Random(seed), beancount_style=True)
    path = tmp_path / "x.beancount"
    path.write_text(text)
    program = (
        "import sys, json\nfrom beancount import loader\nfrom beancount.core.data import Transaction\n"
        "entries, errors, _ = loader.load_file(sys.argv[1])\nassert not errors, errors\n"
        "print(json.dumps([[str(e.date), p.account, p.units.currency, str(p.units.number)] for e in entries"
        " if isinstance(e, Transaction) for p in e.postings if p.account.startswith(('Assets', 'Liab')) and p.units.number]))"
    )
    with Path(python).open() as script:
        interpreter = script.readline().removeprefix("#!").strip()
    printed = subprocess.run([interpreter, "-c", program, str(path)], capture_output=True, check=True, text=True)
    expected = Counter((day, name, unit, Decimal(number)) for day, name, unit, number in json.loads(printed.stdout))
    assert sums(read(text)) == expected
