"""CAMT, MT940 and QIF: what banks and programs write, odd and broken, and held against the library mt-940."""

from __future__ import annotations

import random
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Position
from roadmap_cli.life.kinds.money import account_fields
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, tzinfo=UTC)
IBAN = "DE89370400440532013000"


def items(data: bytes, name: str = "f", **mapping: str) -> list[Any]:
    opened = Opened.of(name, data)
    return list(reading.items(opened, reading.source_of(opened), Settings("UTC", Window(NOW, NOW), None, mapping)))


def read(text: str, **mapping: str) -> list[Any]:
    found = [item for item in items(text.encode(), **mapping) if not isinstance(item, Position)]
    for record in found:
        assert isinstance(record, DataError) or not list(schemas.problems(record)), record
    return found


def fields(found: list[Any], *names: str) -> list[tuple[Any, ...]]:
    return [
        tuple(item.get(name) for name in names)
        for item in found
        if isinstance(item, dict) and item["kind"] == "life.transaction"
    ]


def camt(
    *entries: str, version: str = "053.001.02", root: str = "BkToCstmrStmt", wrapper: str = "Stmt", prefix: str = ""
) -> str:
    body = f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{version}"><{root}><GrpHdr><MsgId>1</MsgId></GrpHdr>
<{wrapper}><Id>1</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><Dt>2026-03-31</Dt></Dt></Bal>
{"".join(entries)}</{wrapper}></{root}></Document>"""
    if prefix:
        import re

        body = re.sub(r"<(/?)(?=[A-Z])", rf"<\1{prefix}:", body).replace("xmlns=", f"xmlns:{prefix}=")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def entry(
    amount: str, side: str, *, status: str = "<Sts>BOOK</Sts>", details: str = "", more: str = "", reference: str = "R1"
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}{status}<BookgDt><Dt>2026-03-02</Dt></BookgDt>'
        f"<ValDt><Dt>2026-03-03</Dt></ValDt><AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
    )


OLD = "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><RltdPties><Cdtr><Nm>Stadtwerke</Nm></Cdtr><CdtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></CdtrAcct></RltdPties><RmtInf><Ustrd>Strom</Ustrd><Ustrd>März</Ustrd></RmtInf></TxDtls>"
NEW = OLD.replace("<Nm>Stadtwerke</Nm>", "<Pty><Nm>Stadtwerke</Nm></Pty>")


@pytest.mark.parametrize(
    "text",
    [
        camt(entry("12.50", "DBIT", details=OLD)),
        camt(entry("12.50", "DBIT", details=NEW, status="<Sts><Cd>BOOK</Cd></Sts>"), version="053.001.08"),
        camt(
            entry("12.50", "DBIT", details=NEW, status="<Sts><Cd>BOOK</Cd></Sts>"), version="053.001.13", prefix="ns2"
        ),
        camt(entry("12.50", "DBIT", details=OLD), version="052.001.06", root="BkToCstmrAcctRpt", wrapper="Rpt"),
        "\n\n"
        + camt(
            entry("12.50", "DBIT", details=OLD), version="054.001.04", root="BkToCstmrDbtCdtNtfctn", wrapper="Ntfctn"
        ),
    ],
    ids=["02", "08", "13 with prefixes", "052", "054"],
)
def test_a_camt_entry_in_every_version(text: str) -> None:
    balance, record = read(text)
    assert (balance["amount"], balance["type"], balance["date"]) == ("-100.00", "booked", "2026-03-31")
    expected = {"date": "2026-03-02", "value_date": "2026-03-03", "amount": "-12.50", "currency": "EUR", "payee": "Stadtwerke",
                "memo": "Strom März", "bank_reference": "R1", "end_to_end_id": "E1", "account": "…3000", "counterparty": "…2051"}  # fmt: skip
    assert expected.items() <= record.items()
    assert record["account_id"] == account_fields("0532013000", "37040044")["account_id"]


def test_batches_reversals_and_what_is_announced() -> None:
    two = '<TxDtls><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><RltdPties><Cdtr><Nm>A</Nm></Cdtr></RltdPties></TxDtls>'
    three = '<TxDtls><AmtDtls><TxAmt><Amt Ccy="EUR">20.00</Amt></TxAmt></AmtDtls><RltdPties><Cdtr><Nm>B</Nm></Cdtr></RltdPties></TxDtls>'
    found = read(
        camt(
            entry("30.00", "DBIT", details=two + three),
            entry("20.00", "DBIT", details=two + two),
            entry("31.00", "DBIT", details=two + three, reference="R9"),
            entry("5.00", "CRDT", more="<RvslInd>true</RvslInd>", details=OLD),
            entry("6.00", "DBIT", status="<Sts>PDNG</Sts>"),
            entry("7.00", "DBIT", status="<Sts>INFO</Sts>"),
        )
    )
    assert fields(found, "amount", "payee", "entries", "is_reversal", "status") == [
        ("-10.00", "A", None, None, None),
        ("-20.00", "B", None, None, None),
        ("-10.00", "A", None, None, None),
        ("-10.00", "A", None, None, None),
        ("-31.00", None, 2, None, None),  # the parts do not add up: the bank's sum counts
        ("5.00", "Stadtwerke", None, True, None),
        ("-6.00", None, None, None, "pending"),
    ]
    assert len({item["id"] for item in found}) == len(found)


def test_broken_entries_of_camt_are_told_one_by_one() -> None:
    good = entry("1.00", "CRDT")
    texts = [
        good,
        good.replace("1.00", "secret"),
        good.replace("CRDT", "PLUS"),
        good.replace("2026-03-02", "2026-02-31"),
        good.replace("R1", "R2"),
    ]
    assert [str(item) for item in read(camt(*texts)) if isinstance(item, DataError)] == [
        "f:2: Amt is not an amount",
        "f:3: entry has no CdtDbtInd",
        "f:4: BookgDt is not a date",
    ]
    cut = camt(good, good)[:-20]
    found = read(cut)
    assert len(fields(found, "id")) == 2
    assert [item.code for item in found if isinstance(item, DataError)] == ["bad_xml"]


def test_document_types_are_refused() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "bbbb"><!ENTITY c "&a;&a;&a;">]>'
        + camt(entry("1", "CRDT")).split("\n", 1)[1]
    )
    assert [item.code for item in read(bomb)] == ["dtd_refused"]
    hidden = (
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x [<!ENTITY a 'b'>]>"
        + camt(entry("1", "CRDT")).split("\n", 1)[1]
    )
    assert [item.code for item in items(hidden.encode("utf-16"))] == ["dtd_refused"]


@pytest.mark.slow
def test_memory_does_not_grow_with_a_camt_file() -> None:
    def peak(count: int) -> int:
        data = camt(
            *(entry(f"{number}.00", "DBIT", details=NEW, reference=f"R{number}") for number in range(count))
        ).encode()
        opened = Opened.of("f", data)
        source, settings = reading.source_of(opened), Settings("UTC", Window(NOW, NOW))
        tracemalloc.start()
        assert sum(1 for _ in reading.items(opened, source, settings)) == count + 1
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    assert peak(6_000) < 1.5 * peak(1_500) + 500_000


MT940 = """:20:STARTUMS
:25:37040044/0532013000
:28C:1/1
:60F:C260301EUR100,00
:61:2603030302D12,50NDDTNONREF//R1
:86:105?00SEPA-BASISLASTSCHRIFT?10931?20EREF+E1?21MREF+M1?22SVWZ+Strom Mä?23rz?30DEUTDEFF?31DE02120300000000202051?32Stadt?33werke
:61:2603030302RC1,00N058NONREF
:86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/J. @
Jansen/REMI/Factuur 12/EREF/NOTPROVIDED
:61:2601021231RD3,NMSCREF7
:86:plain text
over two lines
:61:260302C4,5NTRF
:61:1602300301DR6,00N024NONREF
:86:/EREF/0030000987654321/BENM//NAME/CONTRA ACCOUN
T HOLDER/REMI//ISDT/2013-07-11
:62F:C260303EUR87,00
-
:20:NEXT
:25:NL91ABNA0417164300EUR
:34F:USD0,
:61:2603030303CD7,00NTRFNONREF
:86:/CNTP/NL32INGB0000012345/INGBNL2A/ING BANK N.V./AMSTERDAM//REMI/USTD//thanks/
-
""".replace("@\n", "\n")  # a blank at the end of a line counts


@pytest.mark.parametrize("wrap", [str, lambda text: "{1:F01X}{2:I940X}{4:\n" + text.replace("-\n", "-}\n", 1), lambda text: "ABNANL2A\n940\nABNANL2A\n" + text, lambda text: text.replace("\n", "\r\n")], ids=["plain", "envelope", "ABN", "CRLF"])  # fmt: skip
def test_mt940_in_the_words_of_german_and_dutch_banks(wrap: Any) -> None:
    found = read(wrap(MT940))
    assert fields(found, "date", "amount", "currency", "payee", "memo", "is_reversal") == [
        ("2026-03-02", "-12.50", "EUR", "Stadtwerke", "Strom März", None),
        ("2026-03-02", "-1.00", "EUR", "J. Jansen", "Factuur 12", True),
        ("2025-12-31", "3", "EUR", None, "plain text over two lines", True),
        ("2026-03-02", "4.5", "EUR", None, None, None),
        ("2016-03-01", "-6.00", "EUR", "CONTRA ACCOUNT HOLDER", None, None),
        ("2026-03-03", "7.00", "USD", "ING BANK N.V.", "thanks", None),
    ]
    assert fields(found, "end_to_end_id", "mandate", "counterparty", "account")[0] == ("E1", "M1", "…2051", "…3000")
    assert [(item["type"], item["amount"]) for item in found if item["kind"] == "life.balance"] == [
        ("opening", "100.00"),
        ("booked", "87.00"),
    ]
    assert found[1]["account_id"] == account_fields(IBAN)["account_id"]


def test_mt940_in_latin_1_and_broken_lines() -> None:
    assert fields(items(MT940.encode("latin-1")), "memo")[0] == ("Strom März",)
    broken = (
        MT940.replace("2603030302D12,50", "2613030302D12,50")
        .replace("RC1,00N058", "XX1,00N058")
        .replace("C260303EUR87,00", "secret")
    )
    assert [str(item) for item in read(broken) if isinstance(item, DataError)] == [
        "f:5: value date (61) is not a date",
        "f:7: statement line (61) is not one",
        "f:17: balance (62F) is not one",
    ]


def test_the_same_transactions_as_the_library_mt_940() -> None:
    mt940 = pytest.importorskip("mt940", reason="the library mt-940 is not installed")
    chance = random.Random(5)
    lines = [":20:X", ":25:37040044/0532013000", ":28C:1/1", ":60F:C260101EUR0,00"]
    day = date(2026, 1, 1)
    for number in range(150):
        day += timedelta(days=chance.randrange(4))
        entered = day + timedelta(days=chance.choice((0, 0, 1)))
        side = chance.choice(("C", "D", "RC", "RD"))
        cents = chance.randrange(1, 999_999)
        lines.append(
            f":61:{day:%y%m%d}{entered:%m%d}{side}{cents // 100},{cents % 100:02}NTRFREF{number}//BANK{number}"
        )
        lines.append(f":86:166?00TEXT?20SVWZ+Purpose {number}?32Payee {number}")
    text = "\n".join([*lines, f":62F:C{day:%y%m%d}EUR0,00", "-", ""])
    peer = mt940.models.Transactions()
    peer.parse(text)
    expected = [(str(each.data["entry_date"]), Decimal(each.data["amount"].amount)) for each in peer]
    ours = [(day, Decimal(amount)) for day, amount in fields(read(text), "date", "amount")]
    # the library has the sign of a reversal the other way round for some; sizes and days must agree, and plain signs
    assert [(day, abs(amount)) for day, amount in ours] == [(day, abs(amount)) for day, amount in expected]
    plain = [
        number for number, line in enumerate(line for line in lines if line.startswith(":61:")) if line[14] in "CD"
    ]
    assert [ours[number] for number in plain] == [expected[number] for number in plain]


QIF = """!Option:AutoSwitch
!Account
NGiro
TBank
^
NSavings
TBank
^
!Clear:AutoSwitch
!Account
NGiro
TBank
^
!Type:Bank
D1/31'26
T-1,234.56
PShop
LFood:Groceries/Class
N123
^
D2/ 1/26
U-30.00
T-30.00
PMarket
SFood
Emilk
$-10.00
S[Savings]
$-20.00
^
D1/15/26
T500.00
POpening Balance
L[Giro]
^
D2/3'26
T-50.00
L[Savings]
^
!Type:Invst
D2/2/26
NBuy
YACME
I10.5
Q10
T105.00
^
!Type:Cat
NFood
E
^
"""


def test_a_quicken_export() -> None:
    found = read(QIF, currency="USD")
    assert fields(found, "date", "amount", "payee", "category", "type", "transfer_account", "account_name") == [
        ("2026-01-31", "-1234.56", "Shop", "Food:Groceries", None, None, "Giro"),
        ("2026-02-01", "-30.00", "Market", None, None, None, "Giro"),
        ("2026-02-03", "-50.00", None, None, "xfer", "Savings", "Giro"),
        ("2026-02-02", "-105.00", "ACME", None, "invest", None, "Giro"),
    ]
    assert found[1]["splits"] == [
        {"amount": "-10.00", "category": "Food", "memo": "milk"},
        {"amount": "-20.00", "transfer_account": "Savings"},
    ]
    (balance,) = [item for item in found if item["kind"] == "life.balance"]
    assert (balance["amount"], balance["type"], balance["date"]) == ("500.00", "opening", "2026-01-15")


def test_what_a_qif_leaves_open_is_asked_for_and_remembered() -> None:
    (error,) = read(QIF)
    assert error.code == "no_currency"
    (learned,) = [item for item in items(QIF.encode(), currency="USD") if isinstance(item, Position)]
    opened = Opened.of("g", QIF.replace("1/31'26", "1/ 2'26").encode())
    settings = Settings("UTC", Window(NOW, NOW), None, {}, {learned.source: dict(learned.position)})
    found = list(reading.items(opened, reading.source_of(opened), settings))
    assert fields(found, "date", "currency")[0] == ("2026-01-02", "USD")
    nameless = QIF[QIF.index("!Type:Bank") :]
    assert not [item for item in items(nameless.encode(), currency="USD") if isinstance(item, Position)]


@pytest.mark.parametrize(
    ("written", "day"),
    [("31.01.2026", "2026-01-31"), ("31/01/26", "2026-01-31"), ("2026-01-31", "2026-01-31"), ("1-31-2026", "2026-01-31"), ("1/31/126", None)],
)  # fmt: skip
def test_dates_of_a_qif(written: str, day: str | None) -> None:
    found = read(f"!Type:CCard\nD{written}\nT1.00\n^\n", currency="EUR")
    assert (fields(found, "date")[0][0] if day else found[0].code) == (day or "bad_time")
