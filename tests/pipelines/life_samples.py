"""A file of every format that life-ingest reads, each with a given word in it: where text stands, or in its name."""

from __future__ import annotations

import json
import mailbox
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


def _mail(word: str, number: int) -> bytes:
    return (
        f"Message-ID: <{word}-{number}@x.org>\nDate: Fri, 20 Nov 2026 1{number}:00:00 +0000\nFrom: {word} <{word}@x.org>\n"
        f"To: me@x.org\nSubject: {word}\nReceived: from {word}\n\nHello {word},\nI moved to {word}.\n"
    ).encode()


def _maildir(word: str, path: Path) -> None:
    folder = mailbox.Maildir(path)
    folder.add(_mail(word, 1))


def _fit(word: str) -> bytes:
    """An activity whose product name is the word (FIT protocol, section 4)."""
    text, start = word.encode() + b"\0", 1_100_000_000
    name = struct.pack("<BBBHB", 0x40, 0, 0, 0, 4) + bytes([0, 1, 0, 1, 2, 0x84, 4, 4, 0x86, 8, len(text), 7])
    name += b"\0" + struct.pack("<BHI", 4, 255, start) + text
    done = struct.pack("<BBBHB", 0x40, 0, 0, 18, 4) + bytes([253, 4, 0x86, 2, 4, 0x86, 5, 1, 0, 7, 4, 0x86])
    done += b"\0" + struct.pack("<IIBI", start + 1800, start, 1, 1_800_000)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(name + done), b".FIT")
    head += struct.pack("<H", _crc(head))
    return head + name + done + struct.pack("<H", _crc(head + name + done))


def _crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


def _chrome(word: str, path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE urls(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR)")
    database.execute(
        "CREATE TABLE visits(id INTEGER PRIMARY KEY, url INTEGER, visit_time INTEGER, visit_duration INTEGER,"
        " transition INTEGER)"
    )
    database.execute("INSERT INTO urls VALUES (1, ?, ?)", (f"https://{word}.example.org/?q={word}", word))
    at = (1_795_000_000 + 11_644_473_600) * 1_000_000
    database.executemany(
        "INSERT INTO visits VALUES (?, 1, ?, 5000000, 805306369)", [(n, at + n * 10**7) for n in (1, 2)]
    )
    database.commit()
    database.close()


def _garmin(word: str, path: Path) -> None:
    run = {"activityId": 1, "name": word, "activityType": "running", "startTimeGmt": 1.795e12, "startTimeLocal": 1.795e12,
           "duration": 1500000.0, "elapsedDuration": 1800000.0, "distance": 500000.0}  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "DI_CONNECT/DI-Connect-Fitness/a_summarizedActivities.json",
            json.dumps([{"summarizedActivitiesExport": [run]}]),
        )


def _health(word: str) -> bytes:
    records = "".join(
        f' <Record type="HKQuantityTypeIdentifier{name}" sourceName="{word}" unit="{unit}" value="{value}"'
        f' creationDate="2026-11-{day:02} 08:00:00 +0100" startDate="2026-11-{day:02} 07:25:44 +0100"'
        f' endDate="2026-11-{day:02} 07:30:44 +0100"/>\n'
        for day in range(1, 20)
        for name, unit, value in (("RestingHeartRate", "count/min", 55 + day % 3), ("StepCount", "count", 900 + day))
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n]>\n<HealthData locale="en_US">\n{records}</HealthData>\n'.encode()


#: By the format's name: the file's name (with {word} where nothing else in it is text), and its content or its maker.
SAMPLES: dict[str, tuple[str, Callable[[str], bytes | str] | Callable[[str, Path], None]]] = {
    "mail_folder": ("Maildir", _maildir),
    "mbox": ("m.mbox", lambda word: b"From x@x.org Fri Nov 20 10:00:00 2026\n" + _mail(word, 2) + b"\n"),
    "eml": ("m.eml", lambda word: _mail(word, 3)),
    "apple_health": ("export.xml", _health),
    "gpx": ("t.gpx", lambda word: '<?xml version="1.0"?><gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk>'
            f"<name>{word}</name><trkseg>" + "".join(f'<trkpt lat="52.{n}" lon="13.4"><time>2026-11-01T06:0{n}:00Z</time></trkpt>' for n in range(3)) + "</trkseg></trk></gpx>"),
    "tcx": ("t.tcx", lambda word: '<?xml version="1.0"?><TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
            '<Activity Sport="Biking"><Id>2026-11-02T06:00:00Z</Id><Lap StartTime="2026-11-02T06:00:00Z"><TotalTimeSeconds>600</TotalTimeSeconds>'
            f"<DistanceMeters>4000</DistanceMeters></Lap><Notes>{word}</Notes></Activity></Activities></TrainingCenterDatabase>"),
    "fit": ("a.fit", _fit),
    "garmin": ("garmin.zip", _garmin),
    "oura": ("{word}.json", lambda word: _json({"data": [{"id": word, "day": "2026-11-02", "steps": 8000, "active_calories": 300, "class_5_min": "111"}]})),
    "fitbit": ("steps-{word}.json", lambda word: _json([{"dateTime": "11/01/26 08:00:00", "value": "12"}])),
    "ical": ("c.ics", lambda word: "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\n" + "".join(
        f"BEGIN:VEVENT\r\nUID:{word}-{n}@x\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:202611{n % 28 + 1:02}T170000Z\r\nDTEND:202611{n % 28 + 1:02}T183000Z\r\n"
        f"SUMMARY:{word}\r\nLOCATION:{word}\r\nATTENDEE;CN={word}:mailto:{word}@x.org\r\nORGANIZER:mailto:a@x.org\r\nEND:VEVENT\r\n" for n in range(30))
        + f"BEGIN:VTODO\r\nUID:{word}-t\r\nDTSTAMP:20261101T000000Z\r\nDUE:20261201T170000Z\r\nSUMMARY:{word}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"),
    "vcard": ("p.vcf", lambda word: f"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ann {word}\r\nEMAIL:{word}@x.org\r\nORG:{word}\r\nEND:VCARD\r\n"),
    "ofx": ("b.ofx", lambda word: "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\n"
            "OLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>10000000<ACCTID>1234567890<ACCTTYPE>CHECKING"
            f"</BANKACCTFROM><BANKTRANLIST><STMTTRN><TRNTYPE>POS<DTPOSTED>20261102<TRNAMT>-12.00<FITID>F1<NAME>{word}<MEMO>{word}</STMTTRN></BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"),
    "camt": ("c.xml", lambda word: '<?xml version="1.0"?>\n<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>'
             '<Ntry><Amt Ccy="EUR">112.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-02</Dt></BookgDt><NtryDtls><TxDtls><RltdPties><Cdtr><Nm>'
             f"{word}</Nm></Cdtr></RltdPties><RmtInf><Ustrd>{word}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"),
    "mt940": ("m.sta", lambda word: f":20:X\n:25:37040044/0532013000\n:28C:1/1\n:60F:C261101EUR112,00\n:61:2611010303D12,50NDDTNONREF//R1\n:86:105?00X?20SVWZ+{word[:20]}?21{word[20:]}?32{word}\n:62F:C261101EUR99,50\n-\n"),
    "qif": ("q.qif", lambda word: f"!Account\nNGiro\n^\n!Type:Bank\nD31/10/2026\nT-112.00\nP{word}\nM{word}\nS{word}\n$-112.00\n^\n"),
    "beancount": ("j.beancount", lambda word: f'2026-11-05 * "{word}" "{word}"\n  Assets:Bank  -112.00 EUR\n  Expenses:Food\n'),
    "ledger": ("j.ledger", lambda word: f"2026-11-06 * (12) {word} | {word}\n    expenses:food    112.00 EUR\n    assets:cash\n"),
    "jsonl": ("m.jsonl", lambda word: b"".join(_json(each) + b"\n" for each in (
        {"kind": "life.message", "at": "2026-11-20T10:00:00Z", "channel": "mail", "sender": f"{word}@x.org", "text": f"I am allergic to {word}. I moved to {word} last week."},
        {"kind": "life.transaction", "at": "2026-11-20T10:00:00Z", "amount": "-5.00", "currency": "EUR", "payee": word, "note": word}))),
    "signal": ("s.jsonl", lambda word: b"".join(_json(each) + b"\n" for each in (
        {"version": "1", "backupTimeMs": "1795000000000", "mediaRootBackupKey": "x"}, {"recipient": {"id": "1", "self": {}}},
        {"recipient": {"id": "2", "contact": {"e164": "49170", "profileGivenName": word}}}, {"chat": {"id": "9", "recipientId": "2"}},
        {"chatItem": {"chatId": "9", "authorId": "2", "dateSent": "1795000000000", "incoming": {}, "standardMessage": {"text": {"body": word}}}}))),
    "telegram": ("result.json", lambda word: _json({"name": word, "type": "personal_chat", "id": 8, "messages": [
        {"id": 1, "type": "message", "date": "2026-11-18T10:00:00", "date_unixtime": "1795000000", "from": word, "from_id": "user8", "text": word}]})),
    "google_places": ("places.json", lambda word: _json({"timelineObjects": [{"placeVisit": {"location": {"latitudeE7": 525200000, "longitudeE7": 134050000, "name": word},
                      "duration": {"startTimestamp": "2026-11-05T10:00:00Z", "endTimestamp": "2026-11-05T11:00:00Z"}}}]})),
    "google_activity": ("activity.json", lambda word: _json([{"header": "Search", "title": f"Searched for {word}", "titleUrl": f"https://www.google.com/search?q={word}",
                        "time": "2026-11-05T10:00:00.000Z", "products": ["Search"]}])),
    "browser": ("History", _chrome),
    "whatsapp": ("_chat.txt", lambda word: f"31/10/2026, 23:59 - Ann {word}: {word}\n31/10/2026, 23:59 - Bob: yes\n"),
    "bank_csv": ("b.csv", lambda word: "Date,Payee,Description,Amount,Currency\n"
                 + "".join(f"2026-{month:02}-{day:02},{word},{word},-{day}.50,EUR\n" for month in range(1, 12) for day in (3, 9, 20))
                 + "".join(f"2026-{month:02}-27,Employer {word},pay,2000.00,EUR\n" for month in range(1, 11))),
}  # fmt: skip


def write(word: str, folder: Path) -> dict[str, Path]:
    """All of them, by format; `word` has small letters and digits only."""
    folder.mkdir()
    found = {}
    for name, (file, make) in SAMPLES.items():
        path = found[name] = folder / file.format(word=word)
        if make in (_maildir, _chrome, _garmin):
            make(word, path)  # type: ignore[call-arg]
        else:
            data = make(word)  # type: ignore[call-arg]
            path.write_bytes(data if isinstance(data, bytes) else data.encode())  # type: ignore[union-attr]
    return found
