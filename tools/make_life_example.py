"""Make examples/life: a year of a person who does not exist, the same bytes each time.

Every number comes from the rules below and a seeded generator; nobody's data went in. The year ends on 2026-11-22, the
day before the time at which the tests stand still. What is to be found in it, and is honestly there: from 9 November on
a launch adds meetings, some in the evening; from then on nights are short and the resting heart beats faster; and in
the last ten days money goes out faster.
Run: python tools/make_life_example.py [FOLDER]
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from helping import tell_help

SEED = 20261122
FIRST, LAST = date(2025, 12, 1), date(2026, 11, 22)
LAUNCH = date(2026, 11, 9)
WINTER = date(2026, 10, 25)
ME = "alex@example.org"
PEOPLE = ["priya", "tom", "ines", "chen", "marta", "jonas", "lea", "sam"]
AWAY = [
    (date(2025, 12, 22), date(2026, 1, 5)),
    (date(2026, 4, 6), date(2026, 4, 13)),
    (date(2026, 7, 27), date(2026, 8, 17)),
]

BERLIN = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


@dataclass(frozen=True)
class Payment:
    """One line of the statement."""

    day: date
    amount: Decimal
    payee: str
    memo: str
    type: str


def away(day: date) -> bool:
    return any(begin <= day < end for begin, end in AWAY)


def fold(line: str) -> Iterator[str]:
    """A content line in pieces of at most 75 octets (RFC 5545, 3.1)."""
    piece = ""
    for letter in line:
        if len((piece + letter).encode()) > (75 if not piece.startswith(" ") else 74):
            yield piece
            piece = " "
        piece += letter
    yield piece


def event(uid: str, summary: str, begin: str, end: str, *more: str, people: list[str] | None = None) -> list[str]:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}@calendar.example.org",
        "DTSTAMP:20261122T170000Z",
        f"SUMMARY:{summary}",
        begin,
        end,
        *more,
    ]
    if people is not None:
        lines.append(f"ORGANIZER;CN=Alex:mailto:{ME}")
        lines += [f"ATTENDEE;CN={name.title()};PARTSTAT=ACCEPTED:mailto:{name}@example.org" for name in people]
    return [*lines, "END:VEVENT"]


def at(name: str, day: date, clock: str, zone: str = "Europe/Berlin") -> str:
    return f"{name};TZID={zone}:{day:%Y%m%d}T{clock}00"


def meeting(uid: str, summary: str, day: date, begin: str, minutes: int, *more: str, people: list[str]) -> list[str]:
    end = datetime.combine(day, datetime.strptime(begin, "%H%M").time()) + timedelta(minutes=minutes)
    return event(uid, summary, at("DTSTART", day, begin), at("DTEND", end.date(), f"{end:%H%M}"), *more, people=people)


def holidays(clock: str, weekdays: set[int]) -> list[str]:
    """EXDATE lines: the series does not take place while the person is away."""
    days = [begin + timedelta(days=offset) for begin, end in AWAY for offset in range((end - begin).days)]
    return [at("EXDATE", day, clock) for day in days if day.weekday() in weekdays]


def calendar(chance: random.Random) -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//roadmap-cli//make_life_example//EN",
        "X-WR-CALNAME:Alex",
        *BERLIN.split("\n"),
    ]
    lines += meeting(
        "standup",
        "Stand-up",
        date(2025, 12, 1),
        "0930",
        15,
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        *holidays("0930", {0, 1, 2, 3, 4}),
        people=PEOPLE[:5],
    )
    lines += meeting(
        "planning",
        "Sprint planning",
        date(2025, 12, 1),
        "1000",
        90,
        "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
        *holidays("1000", {0}),
        people=PEOPLE[:6],
    )
    lines += meeting(
        "oneonone",
        "One-to-one with Priya",
        date(2025, 12, 3),
        "1400",
        30,
        "RRULE:FREQ=WEEKLY;BYDAY=WE;UNTIL=20270630T220000Z",
        *holidays("1400", {2}),
        people=["priya"],
    )
    lines += meeting(
        "allhands",
        "All hands",
        date(2025, 12, 4),
        "1600",
        60,
        "RRULE:FREQ=MONTHLY;BYDAY=1TH",
        *holidays("1600", {3}),
        people=PEOPLE,
    )
    # the one-to-one of 14 October was moved to Friday morning; the all hands of 3 September was cancelled
    lines += meeting(
        "oneonone",
        "One-to-one with Priya (moved)",
        date(2026, 10, 16),
        "1000",
        30,
        at("RECURRENCE-ID", date(2026, 10, 14), "1400"),
        people=["priya"],
    )
    lines += meeting(
        "allhands",
        "All hands",
        date(2026, 9, 3),
        "1600",
        60,
        at("RECURRENCE-ID", date(2026, 9, 3), "1600"),
        "STATUS:CANCELLED",
        people=PEOPLE,
    )
    # a weekly call with New York: by its clock, so it moves for two weeks each spring and autumn
    lines += event(
        "newyork",
        "Call with the New York office",
        at("DTSTART", date(2025, 12, 2), "0930", "America/New_York"),
        at("DTEND", date(2025, 12, 2), "1015", "America/New_York"),
        "RRULE:FREQ=WEEKLY;BYDAY=TU",
        *(
            at("EXDATE", day, "0930", "America/New_York")
            for begin, end in AWAY
            for day in (begin + timedelta(days=n) for n in range((end - begin).days))
            if day.weekday() == 1
        ),
        people=["sam", "lea"],
    )
    lines += event(
        "choir",
        "Choir",
        at("DTSTART", date(2025, 12, 4), "1930"),
        at("DTEND", date(2025, 12, 4), "2100"),
        "RRULE:FREQ=WEEKLY;BYDAY=TH",
    )
    lines += event(
        "birthday-mum",
        "Mum's birthday",
        "DTSTART;VALUE=DATE:19580517",
        "DTEND;VALUE=DATE:19580518",
        "RRULE:FREQ=YEARLY",
        "TRANSP:TRANSPARENT",
    )
    for number, (begin, end) in enumerate(AWAY, 1):
        lines += event(
            f"away-{number}",
            "Holiday",
            f"DTSTART;VALUE=DATE:{begin:%Y%m%d}",
            f"DTEND;VALUE=DATE:{end:%Y%m%d}",
            "TRANSP:OPAQUE",
        )
    day, number = FIRST, 0
    while day <= LAST + timedelta(days=14):
        if day.weekday() < 5 and not away(day):
            busy = day >= LAUNCH
            slots = ["1030", "1115", "1300", "1330", "1430", "1515", "1600", "1645"]
            for slot in sorted(
                chance.sample(slots, chance.choice([2, 2, 3, 3]) if busy else chance.choice([0, 1, 1, 1, 2]))
            ):
                number += 1
                title = chance.choice(
                    ["Launch: press", "Launch: site", "Launch: support", "Launch: numbers"]
                    if busy
                    else ["Design review", "Interview", "Customer call", "Budget"]
                )
                lines += meeting(
                    f"m{number}",
                    title,
                    day,
                    slot,
                    chance.choice([45, 60] if busy else [30, 45, 60]),
                    people=chance.sample(PEOPLE, 3),
                )
            if chance.random() < (0.4 if busy else 0.04):
                number += 1
                lines += meeting(
                    f"m{number}",
                    "Launch: evening round" if busy else "Call with the coast",
                    day,
                    "1900",
                    60 if not busy else 90,
                    people=chance.sample(PEOPLE, 2),
                )
        day += timedelta(days=1)
    lines.append("END:VCALENDAR")
    return "".join(f"{piece}\r\n" for line in lines for piece in fold(line))


def payments(chance: random.Random) -> list[Payment]:
    found: list[Payment] = []

    def pay(day: date, cents: int, payee: str, memo: str = "", kind: str = "POS") -> None:
        found.append(Payment(day, Decimal(cents).scaleb(-2), payee, memo, kind))

    day = FIRST
    while day <= LAST:
        rush = day >= LAST - timedelta(days=9)
        if day.day == 1:
            pay(day, -112000, "Hausverwaltung Süd", "Miete", "DIRECTDEBIT")
            pay(day, -3990, "Stadtwerke", "Strom", "DIRECTDEBIT")
        if day.day == 28:
            pay(day, 342050, "Example GmbH", "Gehalt", "DIRECTDEP")
        if day.day == 12:
            pay(day, -999, "Streamly", "Abo", "DIRECTDEBIT")
        if day.day == 29:
            pay(day, -30000, "Sparkonto", "Umbuchung", "XFER")
        if day.weekday() in (1, 5):
            pay(day, -chance.randint(3100, 6900), "Biomarkt Kreuzberg", "Lebensmittel")
        if day.weekday() < 5 and not away(day) and chance.random() < 0.6:
            pay(day, -chance.randint(750, 1480), "Kantine am Ufer", "Mittag")
        if chance.random() < 0.3:
            pay(day, -chance.choice([340, 380, 420]), "Café Löwe", "")
        if chance.random() < 0.12:
            pay(
                day,
                -chance.randint(1800, 7900),
                chance.choice(["Buchladen", "Drogerie", "Bahn", "Kino International"]),
                "",
            )
        if rush:
            pay(day, -chance.randint(2400, 3900), "Lieferdienst Schnell & Gut", "Abendessen <spät>")
            if chance.random() < 0.5:
                pay(day, -chance.randint(2800, 4600), "Taxi Berlin", "Nachtfahrt")
        day += timedelta(days=1)
    return found


def ofx(found: list[Payment]) -> bytes:
    """The statement as OFX 1.0.2: SGML, elements without end tags, Windows-1252."""
    head = [
        "OFXHEADER:100",
        "DATA:OFXSGML",
        "VERSION:102",
        "SECURITY:NONE",
        "ENCODING:USASCII",
        "CHARSET:1252",
        "COMPRESSION:NONE",
        "OLDFILEUID:NONE",
        "NEWFILEUID:NONE",
        "",
    ]
    body = [
        "<OFX>",
        "<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20261122180000[+1:CET]<LANGUAGE>GER</SONRS></SIGNONMSGSRSV1>",
        "<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS>",
        "<CURDEF>EUR",
        "<BANKACCTFROM><BANKID>10000000<ACCTID>0000004711<ACCTTYPE>CHECKING</BANKACCTFROM>",
        f"<BANKTRANLIST><DTSTART>{FIRST:%Y%m%d}<DTEND>{LAST:%Y%m%d}",
    ]
    for number, item in enumerate(found, 1):
        memo = item.memo.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        payee = item.payee.replace("&", "&amp;")
        body += [
            "<STMTTRN>",
            f"<TRNTYPE>{item.type}",
            f"<DTPOSTED>{item.day:%Y%m%d}120000[+1:CET]",
            f"<TRNAMT>{item.amount}",
            f"<FITID>{item.day:%Y%m%d}{number:05d}",
            f"<NAME>{payee}",
        ]
        body += [f"<MEMO>{memo}"] if memo else []
        body.append("</STMTTRN>")
    body += [
        "</BANKTRANLIST>",
        f"<LEDGERBAL><BALAMT>{sum(item.amount for item in found)}<DTASOF>{LAST:%Y%m%d}</LEDGERBAL>",
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1>",
        "</OFX>",
        "",
    ]
    return "\r\n".join([*head, *body]).encode("cp1252")


def table(found: list[Payment]) -> bytes:
    """The same statement as this kind of bank gives it as CSV: a preamble, semicolons, decimal commas, day first."""
    rows = [
        "Kontoauszug;Girokonto;0000004711",
        f"Zeitraum;{FIRST:%d.%m.%Y};{LAST:%d.%m.%Y}",
        "",
        "Buchungstag;Empfänger;Verwendungszweck;Betrag;Währung;Saldo",
    ]
    balance = Decimal()
    for item in found:
        balance += item.amount
        cells = [f"{item.day:%d.%m.%Y}", item.payee, item.memo, german(item.amount), "EUR", german(balance)]
        rows.append(";".join(f'"{cell}"' for cell in cells))
    return "\r\n".join([*rows, ""]).encode("cp1252")


def health(chance: random.Random) -> str:
    """What an iPhone's Health app exports: for each night since June one span of sleep, for each day resting heart rate
    and steps. Summer time ends on 25 October."""
    rows = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<HealthData locale="de_DE">',
        f' <ExportDate value="{LAST:%Y-%m-%d} 21:30:00 +0100"/>',
    ]
    day = date(2026, 6, 1)
    while day <= LAST:
        zone = "+0200" if day < WINTER else "+0100"
        is_launch = day > LAUNCH
        hours = chance.gauss(5.7 if is_launch else 7.4, 0.4)
        begin = datetime(day.year, day.month, day.day) - timedelta(minutes=chance.gauss(-10 if is_launch else 45, 15))
        end = begin + timedelta(hours=hours)
        rate = round(chance.gauss(62 if is_launch else 56, 1.4))
        steps = round(chance.gauss(5200 if is_launch else 7900, 1100))
        night = f"{begin:%Y-%m-%d %H:%M:%S} {'+0200' if begin.date() < WINTER else zone}"
        rows += [
            f' <Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="Watch" startDate="{night}"'
            f' endDate="{end:%Y-%m-%d %H:%M:%S} {zone}" value="HKCategoryValueSleepAnalysisAsleepUnspecified"/>',
            f' <Record type="HKQuantityTypeIdentifierRestingHeartRate" sourceName="Watch" unit="count/min"'
            f' startDate="{day} 06:00:00 {zone}" endDate="{day} 21:00:00 {zone}" value="{rate}"/>',
            f' <Record type="HKQuantityTypeIdentifierStepCount" sourceName="Watch" unit="count"'
            f' startDate="{day} 07:00:00 {zone}" endDate="{day} 21:00:00 {zone}" value="{max(steps, 900)}"/>',
        ]
        day += timedelta(days=1)
    return "\n".join([*rows, "</HealthData>", ""])


def german(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    (folder / "calendar.ics").write_bytes(calendar(chance).encode())
    found = payments(chance)
    (folder / "bank.ofx").write_bytes(ofx(found))
    (folder / "bank.csv").write_bytes(table(found))
    (folder / "export.xml").write_bytes(health(random.Random(SEED + 1)).encode())


if __name__ == "__main__":
    tell_help(__doc__)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "examples" / "life")
