"""No bytes make a reader raise anything, or take long: what is wrong comes as a DataError."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.ingest.detection import detect
from roadmap_cli.life.kinds.items import Group, Position, Remark, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[3] / "examples" / "life"

SETTINGS = Settings(
    "Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=60), most=50), None, {"currency": "EUR"}
)
FORMATS = ("ical", "vcard", "ofx", "csv", "jsonl", "camt", "mt940", "qif", "beancount", "ledger")
SEEDS = {
    "ical": (EXAMPLES / "calendar.ics").read_bytes()[:6000] + b"END:VCALENDAR\r\n",
    "vcard": (EXAMPLES / "contacts.vcf").read_bytes(),
    "ofx": (EXAMPLES / "bank.ofx").read_bytes()[:4000],
    "csv": (EXAMPLES / "bank.csv").read_bytes()[:3000],
    "jsonl": b'{"kind":"life.event","id":"a","at":"2026-01-01T00:00:00Z","title":"x"}\n{"kind":"life.transaction","at":"2026-01-01T00:00:00Z","amount":"1.00","currency":"EUR"}\n',
    "camt": b'<?xml version="1.0"?>\n<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>'
            b'<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><Dt>2026-03-31</Dt></Dt></Bal>'
            b'<Ntry><Amt Ccy="EUR">112.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt><NtryDtls><TxDtls><RmtInf><Ustrd>a</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n'
            b'</Stmt></BkToCstmrStmt></Document>',
    "mt940": b":20:X\n:25:37040044/0532013000\n:60F:C260301EUR-112,00\n:61:2603030302D12,50NDDTNONREF//R1\n:86:105?00X?20SVWZ+Y2026?31DE0212?32Z\n:62F:C260303EUR87,00\n-\n",
    "qif": b"!Account\nNGiro\n^\n!Type:Bank\nD31/01/2026\nT-112.00\nPx\nSFood\n$-1\n^\nD2026-03-03\nT5\nLa:b\n^\n!Type:Invst\nD30/1/2026\nNBuy\nQ1\nT3\n^\n",
    "beancount": b'2026-01-05 * "Shop" "Food"\n  Assets:Bank  -112.00 EUR @ 2 USD\n  Expenses:Food  (10.00 + 5) EUR {2 USD}\n  Expenses:X\n2026-01-09 balance Assets:Bank  865.00 EUR\n',
    "ledger": b"commodity 1,000.00 EUR\n2026/01/01=2026/01/02 * (12) Shop | x  ; c\n    expenses:food    -112.00 EUR\n    assets:cash\n\n2026-01-03 buy\n    assets:b   2 ACME @ 10 EUR = 3 EUR\n    assets:c\nP 2026-01-04 ACME 11 EUR\n",
}  # fmt: skip


def read(data: bytes, name: str) -> list[object]:
    began = time.process_time()
    found: list[object] = list(reading.items(Opened.of("f", data), Source("f", "", 0, name), SETTINGS))
    assert all(isinstance(item, (Group, DataError, Position, Remark, dict)) for item in found)
    assert time.process_time() - began < 5
    return found


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(FORMATS))
def test_any_bytes(data: bytes, name: str) -> None:
    read(data, name)
    with contextlib.suppress(DataError):
        detect(Opened.of("f", data))


WORDS = [b"\r\n", b"\n ", b"BEGIN:VEVENT", b"END:VEVENT", b"RRULE:FREQ=DAILY", b";INTERVAL=9999999", b";UNTIL=00010101", b"DTSTART:", b"0001", b"9999",
         b"99991231T235959Z", b"-P99999W", b"BEGIN:VTIMEZONE", b"BEGIN:STANDARD", b"TZOFFSETTO:+9999", b"BEGIN:VTODO", b"DUE:", b"FREEBUSY:", b"BEGIN:VCARD", b"ENCODING=QUOTED-PRINTABLE", b"=\n", b"CHARSET=idna", b"item1.", b"TZID=", b"EXDATE:", b"RDATE;VALUE=PERIOD:", b"RANGE=THISANDFUTURE", b"RECURRENCE-ID", b"<STMTTRN>", b"</OFX>",
         b"<![CDATA[", b"&#999999999;", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b";", b",", b"\x0b", b"[+99:X]", b"[-5", b"1e9", "٣".encode(), b"{", b"null", b"COUNT=999999999", b":61:", b":86:", b"^\n", b"D", b"@@", b"{{", b"@", b"= ", b"<Ntry>", b"</Ntry>", b"<!DOCTYPE a>", b"99999999999999999999", b"E", b"include x\n", b"/NAME/"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(FORMATS))
def test_changed_files(data: st.DataObject, name: str) -> None:
    content = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 40))
        content[place : place + cut] = data.draw(st.sampled_from(WORDS) | st.binary(max_size=6))
    for record in read(bytes(content), name):
        if isinstance(record, Group):
            assert all(isinstance(event["id"], str) for event in record.events)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ical", b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\n" * 50_000),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nX" + b";A=B" * 300_000 + b":x\n"),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY;A=" + b" " * 1_000_000 + b"\n"),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T000000Z\nEXDATE:" + b"20260101T000000Z," * 100_000),
        ("ical", b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nDTSTART:19000101\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9\nEND:VEVENT\n" * 20),
        ("ical", b"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:X\n" + b"BEGIN:STANDARD\nDTSTART:16010101T000000\nRRULE:FREQ=YEARLY;BYDAY=5SU;BYMONTH=2\nTZOFFSETTO:+0100\nEND:STANDARD\n" * 300 + b"END:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=X:20260101T000000\nEND:VEVENT\n"),
        ("vcard", b"BEGIN:VCARD\n" * 100_000),
        ("vcard", b"BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:" + b"a=\n" * 300_000),
        ("vcard", b"BEGIN:VCARD\nFN:x\nPHOTO:" + b"A" * 40_000_000),
        ("ofx", b"<OFX>" + b"<STMTTRN>" * 50_000),
        ("ofx", b"<OFX>" + b"<" * 2_000_000),
        ("ofx", b"<OFX>" + b"<![CDATA[]" * 200_000),
        ("csv", b"date,amount,payee\n" + b'"' * 1_000_001),
        ("csv", b",".join([b"date"] * 20_000) + b"\n"),
        ("csv", b"date,amount,payee\n" + b"a" * 3_000_000),
        ("csv", b"date,amount,payee,currency\n" + b"1/2/26,1.500,x,EUR\n" * 30_000),
        ("camt", b"<BkToCstmrStmt>" + b"<a>" * 300_000),
        ("camt", b"<BkToCstmrStmt><Stmt><Ntry>" + b"<a><b/></a>" * 30_000 + b"</Ntry></Stmt></BkToCstmrStmt>"),
        ("mt940", b":20:X\n:61:" + b"1" * 2_000_000),
        ("mt940", b":20:X\n" + b":86:" * 100_000),
        ("mt940", b":20:X\n:61:2603030302D1,00N058NONREF\n:86:" + b"/IBAN//NAME/" * 20_000),
        ("mt940", b":20:X\n:61:2603030302D1,00N058NONREF\n:86:105" + b"?20EREF+" * 20_000),
        ("qif", b"!Type:Bank\n" + b"S\n" * 100_000),
        ("beancount", b'2026-01-01 * "' + b"x\n" * 40_000),
        ("beancount", b'2026-01-01 * "a"\n' + b" Assets:A  1 EUR\n" * 15_000),
        ("beancount", b'2026-01-01 * "a"\n Assets:A  ' + b"(" * 50_000 + b" EUR\n"),
        ("beancount", b'2026-01-01 * "a"\n Assets:A  ' + b"1 " * 50_000 + b"\n"),
        ("ledger", b"2026-01-01 a\n" + b"  assets:a   1 EUR\n" * 15_000),
        ("ledger", b"2026-01-01 a\n  assets:a  " + b"{" * 50_000 + b"\n"),
        ("ledger", b"2026-01-01" + b" " * 200_000 + b"x\n  a" + b"  " * 100_000 + b"\n"),
        ("ledger", b"2026-01-01 x\n  a  1" + b" " * 30_000 + b"EUR x\n"),
        ("jsonl", b"{" * 100_000),
        ("jsonl", b'{"kind":' + b"[" * 100_000),
    ],
)  # fmt: skip
def test_files_made_to_hurt(name: str, data: bytes) -> None:
    read(data, name)


def test_errors_show_nothing_of_the_content() -> None:
    secret = b"hunter2"
    for name, seed in SEEDS.items():
        changed = (
            seed.replace(b"2026", secret).replace(b"2025", secret).replace(b"112", secret).replace(b"26030", secret)
        )
        errors = [item for item in read(changed, name) if isinstance(item, DataError)]
        assert errors or name == "vcard", name  # a card without a right birthday is a card
        assert not any("hunter2" in f"{error} {error.hint}" for error in errors)


def test_what_other_files_are() -> None:
    for data, words in ((b"", "empty"), (b"PK\x03\x04..", "ZIP"), (b"%PDF-1.7", "PDF"), (b"\x00\x01\x02" * 99, "not of a format"), (b"just words\n", "not of a format")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            detect(Opened.of("f", data))
    assert [detect(Opened.of("f", SEEDS[name])).NAME for name in FORMATS] == list(FORMATS)
    assert isinstance(read(SEEDS["jsonl"], "jsonl")[0], Group)


def test_records_that_are_not_events() -> None:
    bad: list[Record] = [{"kind": "slm.reply"}, {"kind": "life.event", "at": "yesterday"}, {"kind": "life.transaction", "at": "2026-01-01T00:00:00Z", "amount": 1.5}]  # fmt: skip
    import json

    found = read("\n".join(json.dumps(record) for record in bad).encode(), "jsonl")
    assert [isinstance(item, DataError) for item in found] == [True] * 3
