"""Amounts, and statements in OFX: SGML and XML, odd and broken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import ofx
from roadmap_cli.life.formats.money import account_fields, amount, currency
from roadmap_cli.life.items import Source

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
