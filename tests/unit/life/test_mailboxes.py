"""Mailbox files, folders of mails, single mails, and which mails belong together."""

from __future__ import annotations

import io
import itertools
import mailbox
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import mbox
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Group, Item, Position
from roadmap_cli.life.kinds.threads import base_subject
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window
from roadmap_cli.life.storing import store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = Settings("Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=366), most=50))


def mail(number: int, *more: str, body: str = "text", subject: str | None = None) -> bytes:
    head = [
        "From: Ann <ann@x.org>", "To: bob@y.org", f"Subject: {subject or f'number {number}'}",
        f"Date: Mon, 5 Jan 2026 10:{number % 60:02}:00 +0000", f"Message-ID: <{number}@x.org>", *more,
    ]  # fmt: skip
    return "\n".join([*head, "", body, ""]).encode()


def read(name: str | Path | bytes, position: dict[str, Any] | None = None) -> list[Item]:
    if isinstance(name, bytes):
        opened = Opened.of("file", name)
        return list(reading.items(opened, reading.source_of(opened), SETTINGS))
    with reading.opened(str(name), 0) as opened:
        opened.position = position or {}
        return list(reading.items(opened, reading.source_of(opened), SETTINGS))


def messages(found: list[Item]) -> list[Record]:
    assert not [each for each in found if isinstance(each, DataError)]
    return [each for each in found if isinstance(each, dict) and each["kind"] == "life.message"]


def position(found: list[Item]) -> dict[str, Any]:
    return dict([each for each in found if isinstance(each, Position)][-1].position)


FROM = b"From ann@x.org Mon Jan  5 10:00:00 2026\n"


def test_a_mailbox_file():
    data = FROM + mail(1, body="one\n>From here on\n") + b"\n" + FROM + mail(2) + b"\n"
    first, second = messages(read(data))
    assert (first["subject"], first["text"], first["source_line"]) == ("number 1", "one\nFrom here on", 1)
    assert (second["message_id"], second["source_line"], second["thread"] != first["thread"]) == ("2@x.org", 2, True)
    assert (first["sender"], first["sender_name"], first["recipients"], first["channel"]) == (
        "ann@x.org",
        "Ann",
        ["bob@y.org"],
        "mail",
    )


@pytest.mark.parametrize(
    "line",
    [
        b"From - Mon Jan  5 10:00:00 2026\n",
        b"From 1234567890@xxx Mon Jan 05 10:00:00 +0000 2026\n",
        b"From MAILER-DAEMON\n",
        b"From ???@??? Mon Jan 05 10:00:00 2026\r\n",
        b"From ann@x.org Mon, 05 Jan 2026 10:00:00 +0000\n",
        b'From "a b"@x.org Mon Jan  5 10:00 2026\n',
        b"From ann@x.org 2026-01-05T10:00:00Z\n",
    ],
)
def test_lines_that_begin_a_mail(line: bytes):
    assert len(messages(read(line + mail(1) + b"\n" + line + mail(2)))) == 2


def test_lines_that_begin_none():
    body = "x\n\nFrom here it is far.\n\nFrom Monday to Friday, 10:00 to 12:00 in 2026\nthe end"
    (only,) = messages(read(FROM + mail(1, body=body)))
    assert only["text"] == body


def test_a_length_is_believed_if_it_is_right():
    body = f"x\n\n{FROM.decode()}Subject: not a mail\n\ny"
    right = FROM + mail(1, f"Content-Length: {len(body) + 1}", body=body) + b"\n" + FROM + mail(2)
    assert [each["subject"] for each in messages(read(right))] == ["number 1", "number 2"]
    wrong = FROM + mail(1, "Content-Length: 3", body="longer than that") + b"\n" + FROM + mail(2)
    assert [each["text"] for each in messages(read(wrong))] == ["longer than that", "text"]


def test_what_was_deleted_but_not_yet_removed_is_left_out():
    assert not messages(read(FROM + mail(1, "X-Mozilla-Status: 0009")))


def test_a_mailbox_that_grew_is_read_on_from_its_end(tmp_path: Path):
    file = tmp_path / "Sent.mbox"
    file.write_bytes(FROM + mail(1) + b"\n" + FROM + mail(2) + b"\n")
    first = read(file)
    assert [each["folder"] for each in messages(first)] == ["Sent", "Sent"]
    assert messages(first)[0]["sent_by_user"] is True
    assert not messages(read(file, position(first)))
    with file.open("ab") as out:
        out.write(FROM + mail(3) + b"\n")
    second = read(file, position(first))
    assert [(each["message_id"], each["source_line"]) for each in messages(second)] == [("3@x.org", 3)]
    assert messages(second)[0]["source_id"] == messages(first)[0]["source_id"]
    # compacted: what comes before the end is another
    file.write_bytes(FROM + mail(2) + b"\n" + FROM + mail(3) + b"\n" + FROM + mail(4) + b"\n")
    assert [each["message_id"] for each in messages(read(file, position(second)))] == ["2@x.org", "3@x.org", "4@x.org"]


def test_a_mail_that_is_being_written_is_read_again(tmp_path: Path):
    file = tmp_path / "inbox"
    whole = FROM + mail(1) + b"\n" + FROM + mail(2, body="a long text that goes on")
    file.write_bytes(whole[:-12])
    first = read(file)
    file.write_bytes(whole + b"\n" + FROM + mail(3) + b"\n")
    assert [each["message_id"] for each in messages(read(file, position(first)))] == ["2@x.org", "3@x.org"]


def test_pieces_do_not_depend_on_how_the_file_arrives(monkeypatch: pytest.MonkeyPatch):
    source = b"".join(FROM + mail(n, body="x\n\n" * (n * 7 % 50) + "From x\n" * (n % 3)) + b"\n" for n in range(40))
    whole = [(each.start, each.end, each.data) for each in mbox.pieces(io.BytesIO(source))]
    assert len(whole) == 40
    for size in (64, 97, 1000):
        monkeypatch.setattr(mbox, "_CHUNK", size)
        assert [(each.start, each.end, each.data) for each in mbox.pieces(io.BytesIO(source))] == whole


def test_of_a_huge_mail_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mbox, "_CHUNK", 4096)
    monkeypatch.setattr(mbox, "MOST_MAIL_BYTES", 20_000)
    source = FROM + mail(1, body="x" * 78 + "\n" + ("y" * 78 + "\n") * 2000) + b"\n" + FROM + mail(2) + b"\n"
    first, second = mbox.pieces(io.BytesIO(source))
    assert (len(first.data) <= 20_000, second.data.startswith(b"From: Ann")) == (True, True)
    assert (first.end, second.end) == (second.start, len(source))


def test_the_standard_library_finds_the_same_mails(tmp_path: Path):
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    for number in range(30):
        box.add(mail(number, body=f"line\n\nFrom x at once\n>From quoted\n{number}"))
    box.flush()
    assert [each["message_id"] for each in messages(read(path))] == [f"{number}@x.org" for number in range(30)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [FROM, b"From x\n", b"\n", b"A: b\n", b"\r\n", b"Content-Length: 3\n", b">From x\n", b"From ", b"x" * 9]
        ),
        max_size=40,
    )
)
def test_no_byte_of_a_mailbox_is_lost(parts: list[bytes]):
    source = FROM + b"".join(parts)
    found = list(mbox.pieces(io.BytesIO(source)))
    assert [each.start for each in found] == [0, *(each.end for each in found[:-1])]
    assert found[-1].end == len(source)
    for item in read(source):
        assert isinstance(item, (dict, DataError, Group, Position))


# -- folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    box = mailbox.Maildir(tmp_path / "Mail")
    box.add(mail(1))
    sent = box.add_folder("Sent")
    sent.add(mail(2))
    box.add_folder("Arch&APw-v.2025").add(mail(3))
    return tmp_path / "Mail"


def test_a_maildir_is_one_source_with_folders(maildir: Path):
    assert list(reading.files_of(str(maildir))) == [str(maildir)]
    assert list(reading.files_of(str(maildir.parent))) == [str(maildir)]
    found = messages(read(maildir))
    assert {(each["folder"], each.get("sent_by_user", False)) for each in found} == {
        ("INBOX", False),
        ("Sent", True),
        ("Archüv/2025", False),
    }
    assert len({each["source_id"] for each in found}) == 1


def test_only_what_came_to_a_maildir_is_read_again(maildir: Path):
    first = read(maildir)
    left = position(first) | {"ctime_ns": position(first)["ctime_ns"] + 3_000_000_000}  # as if it had rested
    assert not messages(read(maildir, left))
    time.sleep(0.01)
    file = maildir / "new" / "1.new.host"
    file.write_bytes(mail(9))
    os.utime(file, (1, 1))  # a program that sets the time of change to that of the mail
    assert [each["message_id"] for each in messages(read(maildir, position(first))) if each["message_id"] == "9@x.org"]


def test_mails_of_mh_and_apple(tmp_path: Path):
    mh = mailbox.MH(tmp_path / "mh")
    mh.add(mail(1))
    assert [each["message_id"] for each in messages(read(tmp_path / "mh"))] == ["1@x.org"]
    apple = tmp_path / "Work.mbox" / "Messages"
    apple.mkdir(parents=True)
    content = mail(2, body="ab")
    (apple / "7.emlx").write_bytes(b"%-10d\n" % len(content) + content + b'<?xml version="1.0"?><plist></plist>')
    (found,) = messages(read(tmp_path / "Work.mbox"))
    assert (found["folder"], found["text"]) == ("Work", "ab")


def test_one_mail_is_one_record_wherever_it_lies(tmp_path: Path, maildir: Path):
    (tmp_path / "one.eml").write_bytes(mail(1).replace(b"\n", b"\r\n"))
    (tmp_path / "box").write_bytes(FROM + mail(1) + b"\n")
    ids = {messages(read(tmp_path / name))[0]["id"] for name in ("one.eml", "box")}
    ids.add(next(each["id"] for each in messages(read(maildir)) if each["message_id"] == "1@x.org"))
    assert len(ids) == 1


def test_one_mail_without_an_identifier_is_one_record(tmp_path: Path):
    plain = b"From: a@b.c\nSubject: x\n\none\nFrom two\n\nthree\n"
    assert (
        messages(read(plain))[0]["id"]
        == messages(read(FROM + plain.replace(b"\nFrom two", b"\n>From two") + b"\n"))[0]["id"]
    )
    assert messages(read(plain))[0]["id"] != messages(read(plain.replace(b"three", b"four")))[0]["id"]


def test_a_mail_without_a_date(tmp_path: Path):
    file = tmp_path / "a.eml"
    file.write_bytes(b"From: a@b.c\nSubject: x\n\nx\n")
    os.utime(file, (1_767_000_000, 1_767_000_000))
    (found,) = messages(read(file))
    assert (found["at"], found["date_from"]) == ("2025-12-29T09:20:00.000Z", "file")
    (found,) = messages(read(FROM + b"From: a@b.c\nSubject: x\n\nx\n"))
    assert (found["at"], found["date_from"]) == ("2026-01-05T10:00:00.000Z", "envelope")
    (found,) = messages(read(b"From: a@b.c\nSubject: x\n\nx\n"))
    assert (found["at"], found["date_from"]) == ("1970-01-01T00:00:00.000Z", "unknown")


def test_an_error_shows_nothing_of_the_mail():
    found = read(FROM + b"\nsecretword without fields\n\n" + FROM + mail(2))
    (error,) = [each for each in found if isinstance(each, DataError)]
    assert str(error) == "file:1: the mail has no header fields"


INVITATION = """Content-Type: multipart/mixed; boundary=b

--b

come
--b
Content-Type: text/calendar; method={method}; charset=utf-8

BEGIN:VCALENDAR
METHOD:{method}
BEGIN:VEVENT
UID:u1
DTSTAMP:20260101T000000Z
DTSTART:20261201T100000Z
DTEND:20261201T110000Z
SUMMARY:Plan
END:VEVENT
END:VCALENDAR
--b--
"""


@pytest.mark.parametrize(("method", "status"), [("REQUEST", "confirmed"), ("CANCEL", "cancelled"), ("REPLY", None)])
def test_invitations_become_events(method: str, status: str | None):
    found = read(f"From: a@b.c\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n{INVITATION.format(method=method)}".encode())
    groups = [each for each in found if isinstance(each, Group)]
    assert [each.events[0]["status"] for each in groups] == ([status] if status else [])
    assert [(each.uid, each.events[0]["title"], each.events[0]["source_line"]) for each in groups] == [
        ("u1", "Plan", 1)
    ] * len(groups)


# -- conversations ---------------------------------------------------------------------------------------------------


def threads_of(tx: Any) -> dict[str, str]:
    return dict(tx.execute("SELECT message_id, thread FROM life_message").fetchall())


CONVERSATION = [
    mail(1, subject="Plan"),
    mail(2, "In-Reply-To: <1@x.org>", subject="Re: Plan"),
    mail(3, "References: <1@x.org> <2@x.org>", subject="Re: Plan"),
    mail(5, "References: <1@x.org> <lost@x.org>", subject="AW: Plan"),
    mail(6, "In-Reply-To: <lost@x.org>", subject="Re: other words"),
    mail(7, subject="Re: [list] Plan"),  # refers to nothing: by its subject
    mail(20, subject="Plan"),  # a new one
    mail(21, "References: <20@x.org>", subject="Re: Plan"),
]


@pytest.mark.parametrize("seed", range(6))
def test_conversations_do_not_depend_on_the_order_of_mails(tx: Any, seed: int):
    order = [*CONVERSATION[:6], *CONVERSATION[6:]]
    random.Random(seed).shuffle(order)
    for data in order:
        store.add(tx, messages(read(data)), format_name="eml")
    found = threads_of(tx)
    first = {name for name, thread in found.items() if thread == found["1@x.org"]}
    assert {"1@x.org", "2@x.org", "3@x.org", "5@x.org", "6@x.org", "7@x.org"} <= first
    assert found["20@x.org"] == found["21@x.org"]
    rows = tx.execute("SELECT DISTINCT thread FROM life_thread").fetchall()
    assert {thread for (thread,) in rows} == set(found.values())


def test_a_reply_of_other_people_or_of_programs_is_no_answer(tx: Any):
    store.add(tx, messages(read(mail(1, subject="Report"))), format_name="eml")
    other = mail(2, subject="Re: Report").replace(b"ann@x.org", b"eve@z.org").replace(b"bob@y.org", b"dan@z.org")
    store.add(tx, messages(read(other)), format_name="eml")
    store.add(tx, messages(read(mail(3, "Precedence: bulk", subject="Re: Report"))), format_name="eml")
    assert len(set(threads_of(tx).values())) == 3


@pytest.mark.parametrize(
    ("subject", "base", "reply"),
    [
        ("Re: AW: Fwd: Hello  There", "hello there", True),
        ("RE[2]: x", "x", True),
        ("[list] Re: x", "x", True),
        ("Fwd: x", "x", False),
        ("Regarding: x", "regarding: x", False),
        ("SV: SV: x", "x", True),
        ("回复:你好", "你好", True),
        ("", "", False),
    ],
)
def test_subjects(subject: str, base: str, reply: bool):
    assert base_subject(subject) == (base, reply)


@pytest.mark.parametrize(
    "data",
    [
        b"BEGIN:VCARD\nFN:x\n",
        b"date,amount\n1,2\n",
        b"{}",
        b"<html>",
        b"To: do\n- x\n",
        b"date: 2020\ntitle x\n",
        b"hello\nworld\n",
    ],
)
def test_what_is_no_mail(data: bytes):
    from roadmap_cli.life.formats import eml

    assert not eml.matches(Opened.of("x", data))
    assert not mbox.matches(Opened.of("x", data))


def test_reading_is_flat() -> None:
    """A mailbox of any size is read in memory that its largest mail bounds: what is held does not grow with it."""
    import tracemalloc

    class Endless(io.RawIOBase):
        def __init__(self, count: int) -> None:
            self.parts: Iterator[bytes] = itertools.repeat(FROM + mail(1, body="x\n" * 2000) + b"\n", count)
            self.rest = b""

        def read(self, size: int = -1) -> bytes:
            while len(self.rest) < size and (more := next(self.parts, b"")):
                self.rest += more
            taken, self.rest = self.rest[:size], self.rest[size:]
            return taken

        def seek(self, *_: int) -> int:
            return 0

    peaks = []
    for count in (600, 3000):
        tracemalloc.start()
        assert sum(1 for _ in mbox.pieces(Endless(count))) == count  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2
