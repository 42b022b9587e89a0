"""Amounts, and statements in OFX: SGML and XML, odd and broken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import ofx
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.money import account_fields, amount, currency
from roadmap_cli.life.opening.opened import Opened

SGML = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>"
    "<CURDEF>EUR<BANKACCTFROM><BANKID>1000<ACCTID>4711<ACCTTYPE>CHECKING</BANKACCTFROM>\n<BANKTRANLIST>{}</BANKTRANLIST>"
    "<LEDGERBAL><BALAMT>99.00<DTASOF>20260301</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
)
ONE = "<STMTTRN><TRNTYPE>POS<DTPOSTED>20260302<TRNAMT>-12.50<FITID>a1<NAME>Caf\u00e9 &amp; Bar<MEMO>two &lt;coffees&gt;</STMTTRN>\n"


def read(data: bytes) -> list[Any]:
    return [item for item in everything(data) if isinstance(item, DataError) or item["kind"] == "life.transaction"]


def everything(data: bytes) -> list[Any]:
    found = list(ofx.read(data, Source.of("bank.ofx", data, "ofx")))
    for record in found:
        assert isinstance(record, DataError) or not list(schemas.problems(record)), record
    return found


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1.234,50", "1234.50"), ("1,234.50", "1234.50"), ("-12,5", "-12.5"), ("12.50-", "-12.50"), ("(3.00)", "-3.00"),
        ("+7", "7"), ("−1 234,00", "-1234.00"), ("1'234.5", "1234.5"), ("1,234,567", "1234567"), (".5", "0.5"), ("-0.00", "0.00"),
        ("007.10", "7.10"), ("1,00,000.00", "100000.00"), ("\u00a012\u202f000,10", "12000.10"),
    ],
)  # fmt: skip
def test_amounts_as_banks_write_them(text: str, plain: str) -> None:
    assert amount(text, "amount") == plain


@pytest.mark.parametrize("text", ["", "-", "1.2.3,4,5", "12a", "1e5", "NaN", "١٢", "1,2345.00", "--1", "9" * 19])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(DataError, match=r"^amount is not an amount$"):
        amount(text, "amount")


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2), st.sampled_from([",.", ".,"]))
def test_amounts_are_exact(value: Any, marks: str) -> None:
    written = f"{value:,.2f}".translate(str.maketrans(",.", marks))
    found = amount(written, "amount", marks[1])
    assert found == (f"{value:.2f}" if value else "0.00")


def test_accounts_are_told_apart_without_their_number() -> None:
    one, two = account_fields("DE12 3456 0000 4711"), account_fields("DE99 9999 0000 4711")
    assert one["account"] == two["account"] == "…4711"
    assert one["account_id"] != two["account_id"]
    assert one == account_fields("DE12345600004711")
    with pytest.raises(DataError):
        currency("Euro", "currency")


def test_sgml_in_windows_1252() -> None:
    (record,) = read(SGML.format(ONE).encode("cp1252"))
    expected = {"amount": "-12.50", "currency": "EUR", "payee": "Café & Bar", "memo": "two <coffees>", "date": "2026-03-02",
                "type": "pos", "account": "…4711", "source_line": 8}  # fmt: skip
    assert expected.items() <= record.items()


def test_xml_gives_the_same_transaction() -> None:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX><STMTRS><CURDEF>EUR</CURDEF>'
        "<BANKACCTFROM><BANKID>1000</BANKID><ACCTID>4711</ACCTID></BANKACCTFROM><BANKTRANLIST><STMTTRN><TRNTYPE>POS</TRNTYPE>"
        "<DTPOSTED>20260302</DTPOSTED><TRNAMT>-12.50</TRNAMT><FITID>a1</FITID><NAME><![CDATA[Café & Bar]]></NAME>"
        "<MEMO>two &lt;coffees&gt;</MEMO></STMTTRN></BANKTRANLIST></STMTRS></OFX>"
    )
    assert read(xml.encode())[0]["id"] == read(SGML.format(ONE).encode("cp1252"))[0]["id"]


@pytest.mark.parametrize(
    ("written", "at", "day"),
    [
        ("20260302", "2026-03-02T00:00:00.000Z", "2026-03-02"),
        ("20260302233000[-5:EST]", "2026-03-03T04:30:00.000Z", "2026-03-02"),
        ("20260302120000.123[+5.30:IST]", "2026-03-02T06:30:00.000Z", "2026-03-02"),
        ("202603021200", "2026-03-02T12:00:00.000Z", "2026-03-02"),
        ("20260302000000[-3:BRT]", "2026-03-02T03:00:00.000Z", "2026-03-02"),
    ],
)
def test_dates(written: str, at: str, day: str) -> None:
    (record,) = read(SGML.format(ONE.replace("20260302", written)).encode("cp1252"))
    assert (record["at"], record["date"]) == (at, day)


def test_a_foreign_currency() -> None:
    own = ONE.replace("<MEMO>", "<CURRENCY><CURRATE>1.1<CURSYM>USD</CURRENCY><MEMO>")
    converted = ONE.replace("<MEMO>", "<ORIGCURRENCY><CURRATE>1.1<CURSYM>USD</ORIGCURRENCY><MEMO>")
    assert [read(SGML.format(text).encode("cp1252"))[0]["currency"] for text in (own, converted)] == ["USD", "EUR"]


def test_broken_transactions_are_told_one_by_one() -> None:
    texts = [ONE, ONE.replace("-12.50", "secret"), ONE.replace("<DTPOSTED>20260302", ""), ONE.replace("20260302", "20261302"), ONE.replace("a1", "a2")]  # fmt: skip
    found = read(SGML.format("".join(texts)).encode("cp1252"))
    assert [str(item) for item in found if isinstance(item, DataError)] == [
        "bank.ofx:9: TRNAMT is not an amount",
        "bank.ofx:10: transaction has no DTPOSTED",
        "bank.ofx:11: DTPOSTED is not a date",
    ]
    assert len({item["id"] for item in found if isinstance(item, dict)}) == 2


def test_same_transaction_listed_twice_and_two_alike_without_a_reference() -> None:
    assert len({record["id"] for record in read(SGML.format(ONE * 2).encode("cp1252"))}) == 1
    assert len({record["id"] for record in read(SGML.format(ONE.replace("<FITID>a1", "") * 2).encode("cp1252"))}) == 2


def test_missing_end_tags() -> None:
    found = read(SGML.format((ONE * 2).replace("</STMTTRN>", "").replace("a1", "b1", 1)).encode("cp1252"))
    assert [record["bank_reference"] for record in found] == ["b1", "a1"]
    cut = SGML.format(ONE).split("<MEMO>")[0]
    assert len(read(cut.encode("cp1252"))) == 1


def test_declarations_are_refused() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
        + "b" * 100
        + '"><!ENTITY c "'
        + "&a;" * 100
        + '">]><OFX>&c;</OFX>'
    )
    (error,) = read(bomb.encode())
    assert error.code == "dtd_refused"


@pytest.mark.parametrize(
    "header", ["ENCODING:UTF-8\nCHARSET:NONE", "ENCODING:USASCII\nCHARSET:NONE", "ENCODING:USASCII\nCHARSET:NOSUCH"]
)
def test_utf8_whatever_the_header_says(header: str) -> None:
    text = SGML.replace("ENCODING:USASCII\nCHARSET:1252", header)
    assert read(text.format(ONE).encode())[0]["payee"] == "Café & Bar"


BROKER = (
    "OFXHEADER:100\nENCODING:USASCII\nCHARSET:1252\n\n<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>20260331<CURDEF>USD"
    "<INVACCTFROM><BROKERID>b.example<ACCTID>77</INVACCTFROM><INVTRANLIST><DTSTART>20260101<DTEND>20260331\n"
    "<BUYSTOCK><INVBUY><INVTRAN><FITID>1<DTTRADE>20260105<DTSETTLE>20260107</INVTRAN><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID>"
    "<UNITS>10<UNITPRICE>12.5<COMMISSION>1<TOTAL>-126.00<SUBACCTSEC>CASH<SUBACCTFUND>CASH</INVBUY><BUYTYPE>BUY</BUYSTOCK>\n"
    "<SELLSTOCK><INVSELL><INVTRAN><FITID>2<DTTRADE>20260205</INVTRAN><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID>"
    "<UNITS>-4<UNITPRICE>13<TOTAL>52.00</INVSELL><SELLTYPE>SELL</SELLSTOCK>\n"
    "<INCOME><INVTRAN><FITID>3<DTTRADE>20260305</INVTRAN><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID><INCOMETYPE>DIV<TOTAL>3.21</INCOME>\n"
    "<REINVEST><INVTRAN><FITID>4<DTTRADE>20260306</INVTRAN><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID><INCOMETYPE>DIV<TOTAL>-3<UNITS>0.25<UNITPRICE>12</REINVEST>\n"
    "<INVBANKTRAN><STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260301<TRNAMT>500<FITID>5<NAME>Deposit</STMTTRN><SUBACCTFUND>CASH</INVBANKTRAN></INVTRANLIST>\n"
    "<INVPOSLIST><POSSTOCK><INVPOS><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID><HELDINACCT>CASH<POSTYPE>LONG<UNITS>6.25<UNITPRICE>14<MKTVAL>87.50"
    "<DTPRICEASOF>20260331</INVPOS></POSSTOCK></INVPOSLIST><INVBAL><AVAILCASH>430.21<MARGINBALANCE>0<SHORTBALANCE>0</INVBAL></INVSTMTRS>"
    "</INVSTMTTRNRS></INVSTMTMSGSRSV1><SECLISTMSGSRSV1><SECLIST><STOCKINFO><SECINFO><SECID><UNIQUEID>US1<UNIQUEIDTYPE>ISIN</SECID>"
    "<SECNAME>Acme Corp<TICKER>ACME</SECINFO></STOCKINFO></SECLIST></SECLISTMSGSRSV1></OFX>"
)


def test_a_brokers_statement() -> None:
    found = everything(BROKER.encode())
    told = [
        (item["date"], item["amount"], item["type"], item.get("security"), item.get("quantity"))
        for item in found
        if item["kind"] == "life.transaction"
    ]
    assert told == [
        ("2026-01-05", "-126.00", "invest", "ACME", "10"),
        ("2026-02-05", "52.00", "invest", "ACME", "-4"),
        ("2026-03-05", "3.21", "dividend", "ACME", None),
        ("2026-03-06", "0", "invest", "ACME", "0.25"),
        ("2026-03-01", "500", "credit", None, None),
    ]
    assert [
        (item["type"], item["amount"], item.get("quantity")) for item in found if item["kind"] == "life.balance"
    ] == [
        ("position", "87.50", "6.25"),
        ("booked", "430.21", None),
    ]
    assert found[0]["charges"] == "1"


def test_balances_and_what_is_pending() -> None:
    pending = "<BANKTRANLISTP><DTASOF>20260301<STMTTRNP><TRNTYPE>POS<DTTRAN>20260301<TRNAMT>-5<NAME>Fuel</STMTTRNP></BANKTRANLISTP>"
    text = (
        SGML.format(ONE)
        .replace("<LEDGERBAL>", pending + "<LEDGERBAL>")
        .replace("</STMTRS>", "<AVAILBAL><BALAMT><DTASOF></AVAILBAL></STMTRS>")
    )
    found = everything(text.encode("cp1252"))
    assert [(item["kind"], item.get("status"), item["amount"]) for item in found] == [
        ("life.transaction", None, "-12.50"), ("life.transaction", "pending", "-5"), ("life.balance", None, "99.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<OFX></OFX>", "no_statement"),
        (
            "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<SEVERITY>ERROR</STATUS></SONRS></SIGNONMSGSRSV1></OFX>",
            "no_statement",
        ),
        ("<OFX><STMTRS><CURDEF>EUR<BANKTRANLIST></BANKTRANLIST></STMTRS></OFX>", None),
    ],
)
def test_a_file_without_a_statement_says_so(text: str, code: str | None) -> None:
    assert [item.code for item in everything(text.encode())] == ([code] if code else [])


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("-1.234,56", "-1234.56"),
        ("R$ -10,00", "-10.00"),
        ("$120", "120"),
        ("+0000000000000000000050.0000", "50.00"),
        ("10.00-", "-10.00"),
    ],
)
def test_amounts_of_many_banks(written: str, plain: str) -> None:
    (record,) = read(SGML.format(ONE.replace("-12.50", written)).encode("cp1252"))
    assert Decimal(record["amount"]) == Decimal(plain)


@pytest.mark.parametrize(
    "written",
    [
        "20260302[EST]",
        "2026-03-02",
        "20260302000000.000[-03:00:BRT]",
        "20260302T120000Z",
        "20260302093914:014",
        "20260302120000[0:GMT",
        "20260302240000",
    ],
)
def test_dates_of_many_banks(written: str) -> None:
    assert read(SGML.format(ONE.replace("20260302", written)).encode("cp1252"))[0]["date"] == "2026-03-02"


@pytest.mark.parametrize(
    "header",
    ["", "\n\n\nOFXHEADER:100\nCHARSET:1252\n", "OFXHEADER:100DATA:OFXSGMLVERSION:102SECURITY:NONEENCODING:USASCIICHARSET:1252COMPRESSION:NONEOLDFILEUID:NONENEWFILEUID:NONE", "<?xml version='1.0' encoding='ISO-8859-1'?>"],
    ids=["none", "late", "one line", "XML only"],
)  # fmt: skip
def test_headers_of_many_banks(header: str) -> None:
    text = header + SGML.format(ONE).partition("\n\n")[2]
    for encoding in ("cp1252", "utf-8"):
        data = text.encode(encoding)
        assert ofx.matches(Opened.of("f", data))
        assert read(data)[0]["payee"] == "Café & Bar"


def test_a_currency_that_is_missing_is_asked_for() -> None:
    data = SGML.format(ONE).replace("<CURDEF>EUR", "<CURDEF>").encode("cp1252")
    assert {item.code for item in read(data)} == {"no_currency"}
    assert [item["currency"] for item in ofx.read(data, Source.of("f", data, "ofx"), "BRL")] == ["BRL", "BRL"]
