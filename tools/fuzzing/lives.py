"""Files people already have, mails, and what they type about their lives."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fuzzing.engine import Target
from fuzzing.films import XML
from fuzzing.ground import JSON
from roadmap_cli.core.errors import DataError, UsageError

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
#: A folder of mails is no bytes; its files are mails.
_FOLDERS = frozenset({"mail_folder"})


def format_reader(name: str, folder: Path) -> Target:
    """A reader of `life-ingest`: records and DataErrors, whatever the bytes."""
    for place in ("tests/pipelines", "tests/unit/life"):
        sys.path.insert(0, str(ROOT / place))
    import life_samples
    import test_fuzz

    from roadmap_cli.life.ingest import detection, reading
    from roadmap_cli.life.kinds.items import Group, LeftOut, Position, Remark, Source
    from roadmap_cli.life.opening.opened import Opened
    from roadmap_cli.life.opening.settings import Settings, Window

    settings = Settings(
        "Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=60), most=50), None, {"currency": "EUR"}
    )

    def read(data: bytes) -> None:
        opened = Opened.of("f", data)
        for item in reading.items(opened, Source("f", "", 0, name), settings):
            assert isinstance(item, (Group, DataError, Position, Remark, LeftOut, dict)), item
        with contextlib.suppress(DataError):
            detection.detect(opened)

    place = folder / "samples"
    if not place.exists():
        life_samples.write("abcdefgh", place)
    file, _ = life_samples.SAMPLES["bank_csv" if name == "csv" else name]
    seeds = [(place / file.format(word="abcdefgh")).read_bytes()]
    if name in test_fuzz.SEEDS:
        seeds.append(test_fuzz.SEEDS[name])
    return Target(read, seeds, [*test_fuzz.WORDS, *JSON, *XML])


def archive_reader() -> Target:
    """Compressed files and ZIP archives of anything."""
    import gzip
    import io
    import zipfile

    from roadmap_cli.life.ingest import reading
    from roadmap_cli.life.opening.opened import Opened

    def read(data: bytes) -> None:
        opened = Opened.of("f", data)
        with contextlib.suppress(DataError):
            inner = reading.unpacked(opened)
            if inner is not None:
                reading.source_of(inner)
        if opened.members:
            with contextlib.suppress(DataError):
                for each in reading.members(opened):
                    with contextlib.suppress(DataError):
                        reading.source_of(each)

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../a.ics", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
        archive.writestr("Takeout/b.json", '{"timelineObjects": []}')
    return Target(
        read,
        [gzip.compress(b"BEGIN:VCARD\r\nEND:VCARD\r\n"), packed.getvalue()],
        [b"PK\x03\x04", b"PK\x05\x06", b"PK\x01\x02", b"\x1f\x8b", b"BZh9"],
    )


def read_mail(data: bytes) -> None:
    """A message of whatever bytes: its head, parts, text, addresses; quoted replies; pages of HTML."""
    from roadmap_cli.mail import foldernames, headers, message, replies, webtext

    mail = message.parse(data)
    assert mail is not None
    text = data.decode("utf-8", "replace")
    replies.divide(text)
    replies.reflowed(text, delete_space=False)
    webtext.plain(text)
    headers.words(data)
    headers.parameters(data)
    headers.addresses([data])
    headers.identifiers(data)
    headers.unencoded(text)
    foldernames.readable(text)


def read_words(data: bytes) -> None:
    """Values, choices and questions in a person's words."""
    from roadmap_cli.life.choosing import words
    from roadmap_cli.life.values import grammar

    text = data[:20_000].decode("utf-8", "replace")
    for number, line in grammar.lines(text, "f"):
        assert number > 0
        with contextlib.suppress(DataError):
            grammar.parse(line)
    with contextlib.suppress(DataError, UsageError):
        words.choice(text, words.Known(("EUR",), 2000.0))


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    from roadmap_cli.life.formats import ORDER

    mail = (
        b"From: =?utf-8?q?A=C3=A9?= <a@x.org>\r\nTo: b@x.org, \"C, D\" <c@d>\r\nSubject: =?utf-8?b?aGk=?=\r\nDate: Mon, 23 Nov 2026 09:00:00 +0100\r\n"
        b"Message-ID: <1@x>\r\nReferences: <0@x>\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>a=20b<br>c</p>\r\n--b\r\nContent-Type: text/calendar\r\nContent-Disposition: attachment; "
        b"filename*=utf-8''x.ics\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n"
    )  # fmt: skip
    made: dict[str, Callable[[], Target]] = {}
    for module in ORDER:
        name = "csv" if module == "bank_csv" else module
        if name not in _FOLDERS:
            made[f"life-{name}"] = lambda name=name: format_reader(name, folder)  # type: ignore[misc]
    return made | {
        "archives": archive_reader,
        "mail": lambda: Target(
            read_mail, [mail, b"On Mon, A wrote:\n> b\n>> c\n\nd\n-- \nsig\n", b"<html><table><tr><td>a</table><script>x</script>&amp;&#99999999;"],
            [b"--b\r\n", b"=?utf-8?b?", b"?=", b"Content-Type: multipart/mixed; boundary=b\r\n", b"\r\n\r\n", b"<div>", b"</div>", b"&#x", b"; x*0=", b"(" * 50, b"<"],
        ),
        "words": lambda: Target(
            read_words,
            [b"family > work > money\nno meetings after 18:00\nat most 3 evenings a week for work\nbudget for food 400 EUR a month # x\n",
             b"should I take the new job for 3000 EUR a month and 2 hours more commute or stay?", b"move to Berlin for 900 EUR rent, or not"],
            [b"no ", b"at least ", b"at most ", b"EUR", b" a month", b"hours", b" or ", b" > ", b"18:00", b"every ", b"2026-11-23", b"1,000.00", b"half "],
        ),
    }  # fmt: skip
