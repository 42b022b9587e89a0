"""CSV of banks: what a file shows is taken, what it leaves open is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.life.formats import bank_csv
from roadmap_cli.life.ingest.detection import detect
from roadmap_cli.life.kinds.items import Position, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window


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


MONTH = "Datum;Wer;Was;Summe der Bewegung\n{};Shop;x;-12,50\n{};Shop;x;-1,50\n"


def everything(text: str | bytes, *wishes: str, learned: dict[str, dict[str, str]] | None = None) -> list[Any]:
    data = text if isinstance(text, bytes) else text.encode()
    opened = Opened.of("bank.csv", data)
    return list(bank_csv.items(opened, Source.of("bank.csv", data, "csv"), settings_of(wishes, learned)))


def test_an_answer_is_remembered_for_the_same_headings() -> None:
    wishes = ("amount=Summe der Bewegung,payee=Wer,currency=CHF,order=mdy",)
    *_, learned = everything(MONTH.format("01/02/2026", "01/03/2026"), *wishes)
    assert isinstance(learned, Position)
    kept = {learned.source: dict(learned.position)}
    one, two, _ = everything(MONTH.format("02/03/2026", "02/04/2026"), learned=kept)
    assert [(one["date"], one["currency"], one["payee"]), (two["date"], two["amount"])] == [
        ("2026-02-03", "CHF", "Shop"),
        ("2026-02-04", "-1.50"),
    ]
    (shown, *_) = everything(MONTH.format("25/03/2026", "02/04/2026"), learned=kept)  # what the file shows comes first
    assert shown["date"] == "2026-03-25"
    (error,) = everything(MONTH.format("02/03/2026", "02/04/2026").replace("Was", "Zweck"), learned=kept)
    assert isinstance(error, DataError)


def test_another_account_in_the_preamble_is_another_layout() -> None:
    text = "Konto;{};\n" + MONTH.format("05.02.2026", "06.02.2026").replace("Summe der Bewegung", "Betrag")
    *_, learned = everything(text.format("DE89370400440532013000"), "currency=EUR")
    kept = {learned.source: dict(learned.position)}
    assert len(everything(text.format("DE89370400440532013000"), learned=kept)) == 3
    assert [item.code for item in everything(text.format("DE02120300000000202051"), learned=kept)] == ["no_currency"]


@pytest.mark.parametrize(
    "data",
    [
        "sep=;\nBuchungstag;Empfänger;Betrag;Währung\n05.03.2026;Shop;-1.234,50;EUR\n14.03.2026;Shop;2.000,00;EUR\n".encode("utf-16"),
        "Data operacji;Opis operacji;Kwota;Waluta\n2026-03-05;Sklep;-1 234,50;EUR\n2026-03-14;Sklep;2 000,00;EUR\n".encode("cp1250").decode("cp1250").encode(),
        "Date opération;Libellé;Débit;Crédit;Devise\n05/03/2026;Magasin;1 234,50;;EUR\n14/03/2026;Magasin;;2 000,00;EUR\n".encode("cp1252"),
        "Datum;Naam / Omschrijving;Rekening;Tegenrekening;Code;Af Bij;Bedrag (EUR)\n20260305;Winkel;NL91ABNA0417164300;NL32INGB0000012345;BA;Af;1.234,50\n20260314;Baas;NL91ABNA0417164300;NL32INGB0000012345;GT;Bij;2.000,00\n",
        "Fecha operación;Fecha valor;Concepto;Importe;Divisa;Saldo\n05/03/2026;06/03/2026;Tienda;-1.234,50;EUR;1,00\n14/03/2026;14/03/2026;Nomina;2.000,00;EUR;2001,00\nTotal;;;765,50;;\n",
        "Data lançamento;Descrição;Valor;Moeda\n05/03/2026;Loja;-1.234,50;EUR\n14/03/2026;Loja;2.000,00;EUR\nSaldo final;;765,50;EUR\n",
        "Bokföringsdag;Valutadag;Text;Belopp;Valuta\n2026-03-05;2026-03-05;Butik;-1 234,50;EUR\n2026-03-14;2026-03-14;Lön;2 000,00;EUR\n",
        "Datum zaúčtování;Název protiúčtu;Protiúčet;Částka;Měna\n05.03.2026;Obchod;123456789/0100;-1 234,50;EUR\n14.03.2026;Firma;123456789/0100;2 000,00;EUR\n",
        'Date,Description,Amount,Currency,State\n2026-03-05,"Shop ""Zum Eck"", Berlin","-1,234.50",EUR,COMPLETED\n2026-03-06,Never,-5.00,EUR,REVERTED\n2026-03-14,Shop,"2,000.00",EUR,COMPLETED\n',
        "Date,Details,Amount,Currency\n5 Mar 2026,Shop,1234.50 DR,EUR\n14 Mar 2026,Shop,2000.00 CR,EUR\n",
    ],
    ids=["Excel", "pl", "fr", "nl", "es", "pt", "sv", "cs", "states", "DR and CR"],
)  # fmt: skip
def test_banks_of_many_countries(data: str | bytes) -> None:
    data = data if isinstance(data, bytes) else data.encode()
    assert bank_csv.matches(Opened.of("f", data))
    found = [item for item in everything(data) if not isinstance(item, Position)]
    told = [(item["date"], item["amount"], item["currency"]) for item in found if item["kind"] == "life.transaction"]
    assert told == [("2026-03-05", "-1234.50", "EUR"), ("2026-03-14", "2000.00", "EUR")]


def test_the_other_side_and_the_newest_balance() -> None:
    text = "Buchungstag;Wertstellung;Auftraggeber;IBAN;Betrag;Währung;Saldo\n14.03.2026;15.03.2026;A;DE02120300000000202051;1,00;EUR;9,00\n14.03.2026;14.03.2026;B;DE89370400440532013000;2,00;EUR;8,00\n05.03.2026;05.03.2026;C;DE02120300000000202051;3,00;EUR;6,00\n"
    *records, balance, _ = everything(text)
    assert [(item["counterparty"], item.get("value_date")) for item in records][:2] == [
        ("…2051", "2026-03-15"),
        ("…3000", None),
    ]
    assert (balance["kind"], balance["date"], balance["amount"]) == ("life.balance", "2026-03-14", "9.00")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Wann;Wem;Wieviel\n05.03.2026;Laden;-1,50\n06.03.2026;Laden;-2,50\n", "if this is right: --map 'date=Wann,amount=Wieviel,payee=Wem'"),
        ("05.03.2026;Laden;-1,50\n06.03.2026;Laden;-2,50\n", "it has no headings; number the columns: --map 'date=#1,amount=#3'"),
    ],
)  # fmt: skip
def test_what_to_answer_is_proposed(text: str, hint: str) -> None:
    (error,) = everything(text)
    assert error.hint == hint
    answer = hint.split("'")[1]
    assert [item["amount"] for item in everything(text, answer, "currency=EUR") if isinstance(item, dict)] == [
        "-1.50",
        "-2.50",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Some words, then more words, and more\nand a second, line with, commas\nand a third, one as, well\n",
        "date,steps,distance\n2026-03-05,1234,1.25\n2026-03-06,999,0.75\n",
        "timestamp;value;unit\n2026-03-05;12.5;kg\n2026-03-06;12.6;kg\n",
        "Date,Open,High,Low,Close\n2026-03-05,1.25,2.50,1.00,2.25\n2026-03-06,1.25,2.50,1.00,2.25\n",
        "# Changes\n\n- 2026-03-05, fixed, this\n- 2026-03-06, fixed, that\n",
        "id,name,date of birth\n1,Ann,1980-01-01\n2,Bob,1981-02-02\n",
    ],
)
def test_other_tables_are_not_taken_for_a_banks(text: str) -> None:
    assert not bank_csv.matches(Opened.of("f", text.encode()))


DKB = """"Girokonto";"DE89370400440532013000"
""
"Kontostand vom 28.11.2026:";"3.120,55 EUR"
""
"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in";"Verwendungszweck";"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz"
"27.11.26";"27.11.26";"Gebucht";"Jo Ferreira";"Lieferando";"Order 12";"Ausgang";"NL32INGB0000012345";"-23,9";"";"";""
"26.11.26";"26.11.26";"Gebucht";"ACME GmbH";"Jo Ferreira";"Gehalt 11/2026";"Eingang";"DE02120300000000202051";"3.420,50";"";"";""
"""


def test_the_other_party_is_who_paid_what_came_in() -> None:
    went, came = read(DKB)
    assert (went["payee"], went["amount"]) == ("Lieferando", "-23.9")
    assert (came["payee"], came["amount"]) == ("ACME GmbH", "3420.50")
    assert went["account"] == "…3000"
    (old,) = read(
        'Buchungsdatum;Wertstellung;Status;Zahlungsempfänger*in;Verwendungszweck;IBAN;"Betrag (€)"\n'
        '26.11.26;26.11.26;Gebucht;Jo Ferreira;Gehalt 11/2026;DE02120300000000202051;"3.420,50"\n'
        '26.11.26;26.11.26;Gebucht;Bahn;x;NL32INGB0000012345;"-3,50"\n'
    )[:1]
    assert came["id"] == old["id"], "what was stored before the payer was read is the same transaction"


@pytest.mark.parametrize(
    "headings",
    [
        "Buchungsdatum;Auftraggeber;Empfänger;Betrag;Währung",
        "Date;Payer Name;Payee Name;Amount;Currency",
        "Data transakcji;Nazwa nadawcy;Nazwa odbiorcy;Kwota operacji;Waluta",
        "Fecha operación;Ordenante;Beneficiario;Importe;Divisa",
        "Date opération;Donneur d'ordre;Bénéficiaire;Montant;Devise",
    ],
)
def test_payer_and_payee_of_other_banks(headings: str) -> None:
    found = read(
        f"{headings}\n2026-03-05;Me;Shop;-1,50;EUR\n2026-03-14;Work;Me;20,50;EUR\n2026-03-15;;Bonus;2,50;EUR\n"
    )
    assert [record["payee"] for record in found] == ["Shop", "Work", "Bonus"]


def test_a_column_of_accounts_without_the_one_above_the_headings_is_of_the_other_side() -> None:
    one = [line for line in DKB.splitlines() if "ACME" not in line]
    (alone,) = read("\n".join(one) + "\n")
    assert (alone["account"], alone["counterparty"]) == ("…3000", "…2345")


def test_a_single_column_of_either_side_and_the_owner_of_the_account_beside_the_other() -> None:
    (alone,) = read("Date;Auftraggeber;Amount;Currency\n2026-03-14;Work;20.50;EUR\n")
    assert alone["payee"] == "Work"
    (vr,) = read(
        "Buchungstag;Auftraggeber/Zahlungsempfänger;Empfänger/Zahlungspflichtiger;Betrag;Währung\n"
        "14.03.2026;Me;Work;20,50;EUR\n"
    )
    assert vr["payee"] == "Work"


def balances(text: str, *wishes: str) -> list[tuple[str, str, str, str]]:
    opened = Opened.of("bank.csv", text.encode())
    found = bank_csv.items(opened, Source.of("bank.csv", text.encode(), "csv"), settings_of(wishes))
    told = [item for item in found if isinstance(item, dict) and item["kind"] == "life.balance"]
    for record in told:
        assert not list(schemas.problems(record)), record
    return [(record["date"], record["amount"], record["currency"], record["type"]) for record in told]


ROWS = "Date;Payee;Amount;Currency\n2026-11-20;Shop;-10,00;EUR\n2026-11-26;Work;2.000,00;EUR\n"


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ('"Kontostand vom 28.11.2026:";"3.120,55 EUR"\n', ("2026-11-28", "3120.55", "EUR", "booked")),
        ("Kontostand;28.11.2026;;;3.120,55;EUR\n", ("2026-11-28", "3120.55", "EUR", "booked")),
        ("Saldo contable a 28/11/2026;-3.120,55\n", ("2026-11-28", "-3120.55", "EUR", "booked")),
        ("Solde au 28/11/2026 3 120,55 €\n", ("2026-11-28", "3120.55", "EUR", "booked")),
        ("Date;28/11/2026\nSolde (EUROS);3120,55\n", ("2026-11-28", "3120.55", "EUR", "booked")),
        ("Saldo disponibile al 28/11/2026: EUR 3.120,55\n", ("2026-11-28", "3120.55", "EUR", "available")),
        ("Ending balance as of 28 Nov 2026;USD 3.120,55\n", ("2026-11-28", "3120.55", "USD", "booked")),
        ("Opening balance on 2026-11-01;120,55\n", ("2026-11-01", "120.55", "EUR", "opening")),
        ("Neuer Kontostand;3.120,55 EUR\n", ("2026-11-26", "3120.55", "EUR", "booked")),
        ("Kontostand vom 28.11.2026:;12,50 S EUR\n", ("2026-11-28", "-12.50", "EUR", "booked")),
        ("Kontostand vom 28.11.2026:;3.120 EUR\n", ("2026-11-28", "3120", "EUR", "booked")),
    ],
)
def test_a_balance_above_the_headings(above: str, expected: tuple[str, str, str, str]) -> None:
    assert balances(above + ROWS) == [expected]


@pytest.mark.parametrize(
    "above",
    [
        "Saldo;3.120,55;EUR\n",  # of which day?
        "Alter Kontostand;3.120,55 EUR\n",
        "Saldo vom 01.11.2026 bis 28.11.2026;3.120,55\n",
        "Saldo am 28.11.2026;3.120,55;12,00\n",
        "Saldo am 28.11.2026;3.120,55 EUR;USD\n",
        "Zeitraum;28.11.2026;3.120,55\n",
    ],
)
def test_what_leaves_the_balance_open_is_no_balance(above: str) -> None:
    assert balances(above + ROWS) == []


def test_a_balance_below_the_rows_and_beside_a_column_of_balances() -> None:
    assert balances(f"{ROWS}Kontostand;28.11.2026;3.120,55;EUR\n") == [("2026-11-28", "3120.55", "EUR", "booked")]
    column = "Date;Payee;Amount;Currency;Saldo\n2026-11-26;Work;2.000,00;EUR;3.000,00\n"
    assert balances(f"Kontostand vom 26.11.2026;3.000,00\n{column}") == [("2026-11-26", "3000.00", "EUR", "booked")]


# -- what no bank writes -----------------------------------------------------------------------------------------------

NAMED = ("date=When,amount=Cost,payee=What,currency=EUR",)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("When,What,Cost\n2026-06-11,shop,-3.50\n", ["-3.50"]),
        ("When,What,Cost\n2026-06-11,s,3.50\n2026-06-12,t,4\n", ["3.50", "4"]),
        ("a note above\n\nWhen;What;Cost\n11.06.2026;shop;3,50\n", ["3.50"]),
    ],
)
def test_columns_that_are_named_make_any_table_a_statement(text, amounts):
    opened = Opened.of("x.csv", text.encode())
    with pytest.raises(DataError, match="looks like CSV with the columns When, What, Cost"):
        detect(opened, settings_of())
    assert detect(opened, settings_of(NAMED)).NAME == "csv"
    assert [amount for _, amount, _ in told(text, *NAMED)] == amounts


def test_what_was_named_once_is_enough_for_the_next_file_with_these_headings():
    first = Opened.of("x.csv", b"When,What,Cost\n2026-06-11,s,3.50\n")
    found = list(bank_csv.items(first, Source.of("x.csv", first.data(), "csv"), settings_of(NAMED)))
    (learned,) = [item for item in found if isinstance(item, Position)]
    later = settings_of(learned={learned.source: dict(learned.position)})
    assert detect(Opened.of("y.csv", b"When,What,Cost\n2026-07-11,u,5\n"), later).NAME == "csv"
    with pytest.raises(DataError):
        detect(Opened.of("y.csv", b"Wann,Was,Kosten\n2026-07-11,u,5\n"), later)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("When,What,Cost\n2026-06-11,shop,-3.50\n", "the columns When, What, Cost",
         "if this is right: --map 'date=When,amount=Cost,payee=What'"),
        ("When,Cost\n2026-06-11,3.50\n", "the columns When, Cost", "if this is right: --map 'date=When,amount=Cost'"),
        ('When,What,"Cost, net"\n2026-06-11,shop,3.50\n', "the columns When, What, Cost, net",
         "if this is right: --map 'date=#1,amount=#3,payee=#2'"),
        ("Name,Mail,Phone\nAna,a@b.example,abc\n", "the columns Name, Mail, Phone", "if it holds payments, name them: "
         "--map 'date=COLUMN,amount=COLUMN,payee=COLUMN'; 'life-ingest --formats' lists what is read"),
        ("2026-06-11,shop,3.50\n", "3 columns and no headings",
         "it has no headings; number the columns: --map 'date=#1,amount=#3'"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_tells_its_columns_and_what_to_type(text, message, hint):
    with pytest.raises(DataError) as caught:
        detect(Opened.of("x.csv", text.encode()), settings_of())
    assert (caught.value.message, caught.value.hint) == (f"looks like CSV with {message}", hint)
    if "COLUMN" not in hint:
        proposed = hint.partition("--map '")[2].rstrip("'")
        assert detect(Opened.of("x.csv", text.encode()), settings_of([proposed])).NAME == "csv"
        assert len(told(text, f"{proposed},currency=EUR")) == 1


@pytest.mark.parametrize("text", ["Dear Ana, hello\nand more of it\nsee you, Bo\n", "one\ntwo\n", "a, b\nc, d\n"])
def test_prose_is_not_called_a_table(text):
    with pytest.raises(DataError, match="not of a format"):
        detect(Opened.of("x.txt", text.encode()), settings_of())


def test_a_column_that_is_not_there_is_said_with_those_that_are():
    text = "When,What,Cost\n2026-06-11,shop,3.50\n"
    assert detect(Opened.of("x.csv", text.encode()), settings_of(["date=When,amount=Cost,payee=Wat"])).NAME == "csv"
    (error,) = read(text, "date=When,amount=Cost,payee=Wat")
    assert (error.message, error.hint) == ("no column 'Wat' for payee", "the columns are When, What, Cost")


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ("2026-06-12,shop,-2.00,EUR\n2026-06-13,shop,abc,EUR\n", "bank.csv:3"),
        ("2026-06-12,shop,-2.00,EUR\nyesterday,shop,-3.00,EUR\n", "bank.csv:3"),
        ("2026-06-12,shop,abc,EUR\n2026-06-12,shop,-2.00,EUR\n", "bank.csv:2"),
    ],
)
def test_a_broken_row_of_few_is_an_error_of_its_line(rows, where):
    text = f"Date,Description,Amount,Currency\n{rows}"
    assert detect(Opened.of("bank.csv", text.encode()), settings_of()).NAME == "csv"
    found = read(text)
    assert [item["amount"] for item in found if not isinstance(item, DataError)] == ["-2.00"]
    assert [item.where for item in found if isinstance(item, DataError)] == [where]


def test_what_a_savings_bank_only_announces_is_pending() -> None:
    head = "Buchungstag;Beguenstigter/Zahlungspflichtiger;Betrag;Waehrung;Info\n"
    announced, booked = read(
        f"{head}20.11.26;REWE;-23,10;EUR;Umsatz vorgemerkt\n18.11.26;REWE;-11,10;EUR;Umsatz gebucht\n"
    )
    assert (announced.get("status"), booked.get("status")) == ("pending", None)


REVOLUT = "Type,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"


def test_a_pending_payment_without_a_day_of_completion_is_of_the_day_it_was_started() -> None:
    rows = "CARD,2026-11-01 10:00:00,2026-11-02 08:00:00,Uber,-12.30,0.00,EUR,COMPLETED,500.00\n"
    waiting = "CARD,2026-11-06 10:00:00,,Deli,-9.00,0.00,EUR,PENDING,\n"
    assert [(each["date"], each.get("status")) for each in read(REVOLUT + rows + waiting)] == [
        ("2026-11-02", None), ("2026-11-06", "pending")
    ]  # fmt: skip
    (_, error) = read(REVOLUT + rows + waiting.replace("PENDING", "COMPLETED"))
    assert isinstance(error, DataError)


def test_charges_beside_an_amount_left_the_account_with_it_unless_the_balance_says_otherwise() -> None:
    row = "CARD,2026-11-0{0} 10:00:00,2026-11-0{0} 10:00:00,Cash,{1},{2},EUR,COMPLETED,{3}\n"
    before, apart, held = row.format(1, -12, 0, 500), row.format(2, -50, 2, 448), row.format(2, -50, 2, 450)
    amounts = [[each["amount"] for each in read(REVOLUT + rows)] for rows in (before + apart, apart + before, apart)]
    assert amounts == [["-12", "-52"], ["-52", "-12"], ["-52"]]
    assert [each["amount"] for each in read(REVOLUT + before + held)] == ["-12", "-50"]
    (alone, told) = read(REVOLUT + before + held)[1], read(REVOLUT + before + apart)[1]
    assert alone["id"] == told["id"]
