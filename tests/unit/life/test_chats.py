"""Chats exported from WhatsApp, Telegram and Signal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import signal, telegram, whatsapp
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = Settings("Europe/Berlin", Window(NOW - timedelta(days=60), NOW + timedelta(days=366)))


def read(text: str | bytes, name: str = "_chat.txt", **more: Any) -> list[Any]:
    opened = Opened.of(name, text.encode() if isinstance(text, str) else text)
    how = Settings(SETTINGS.zone, SETTINGS.window, **more)
    return list(reading.items(opened, reading.source_of(opened), how))


def told(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(each["at"][:16], each["sender"], each.get("text", "")) for each in found]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("31/12/2025, 23:59 - Ann: hi", "2025-12-31T22:59"),  # Android
        ("12/31/25, 11:59 PM - Ann: hi", "2025-12-31T22:59"),
        ("12/31/25, 11:59\u202fPM - Ann: hi", "2025-12-31T22:59"),
        ("31.12.25, 23:59 - Ann: hi", "2025-12-31T22:59"),
        ("31.12.25 um 23:59 - Ann: hi", "2025-12-31T22:59"),
        ("2025-12-31, 23:59 - Ann: hi", "2025-12-31T22:59"),
        ("2025/12/31 23:59 - Ann: hi", "2025-12-31T22:59"),
        ("31/12/25 23.59 - Ann: hi", "2025-12-31T22:59"),
        ("31-12-2025 23:59 - Ann: hi", "2025-12-31T22:59"),
        ("[31/12/2025, 23:59:58] Ann: hi", "2025-12-31T22:59"),  # iPhone
        ("\u200e[31.12.25, 23:59:58] Ann: hi", "2025-12-31T22:59"),
        ("[12/31/25, 11:59:58 PM] Ann: hi", "2025-12-31T22:59"),
        ("[31/12/25 11:59:58 p.\u00a0m.] Ann: hi", "2025-12-31T22:59"),
        ("[2025/12/31 下午11:59:58] Ann: hi", "2025-12-31T22:59"),
        ("2025. 12. 31. 오후 11:59 - Ann: hi", "2025-12-31T22:59"),
        ("٣١/١٢/٢٠٢٥، ١١:٥٩ م - Ann: hi".replace("،", ","), "2025-12-31T22:59"),
        ("12/31/25, 12:05 AM - Ann: hi", "2025-12-30T23:05"),
    ],
)
def test_lines_of_any_telephone(line: str, at: str):
    assert told(read(f"{line}\nmore\n")) == [(at, "Ann", "hi\nmore")]


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["1/2/26", "1/13/26"], "2026-01-02"),  # no month 13
        (["1/2/26", "13/2/26"], "2026-02-01"),
        (["1/2/26", "2/2/26", "3/2/26", "4/2/26"], "2026-02-01"),  # days in a row, not months
        (["2/1/26", "2/2/26", "2/3/26", "3/1/26"], "2026-02-01"),
        (["11/12/25", "12/12/25", "1/1/26", "2/1/26"], "2025-12-11"),  # within three weeks, not three months
        (["5/5/26"], "2026-05-05"),  # it does not matter
    ],
)
def test_order_of_dates_is_told_from_the_whole(dates: list[str], first: str):
    found = read("".join(f"{date}, 12:00 - Ann: x{number}\n" for number, date in enumerate(dates)))
    assert found[0]["at"].startswith(first)


def test_where_the_order_cannot_be_told_it_is_asked_for():
    (error,) = read("3/4/26, 12:00 - Ann: x\n")
    assert (error.code, error.hint) == ("ambiguous", "say which: --map order=dmy or --map order=mdy")
    (found,) = read("3/4/26, 12:00 - Ann: x\n", mapping={"order": "mdy"})
    assert found["at"].startswith("2026-03-04")


def test_what_is_said_and_what_is_not():
    found = read(
        "31/12/2025, 10:00 - Messages and calls are end-to-end encrypted. No one can read them.\n"
        "31/12/2025, 10:01 - Ann created group \"Trip: north\"\n"
        "31/12/2025, 10:02 - Ann: first: second\nhttps://x.org\n\nend\n"
        "31/12/2025, 10:03 - Bob Smith: <Media omitted>\n"
        "31/12/2025, 10:04 - +49 170 1: IMG-1.jpg (file attached)\nlook\n"
        "[not a message] x\n"
        "31/12/2025, 10:05 - Ann: ok\n31/12/2025, 10:05 - Ann: ok\n"
        "31/12/2025, 25:99 - no time\n",
        "x/WhatsApp Chat with Trip north.txt",
    )  # fmt: skip
    said = [each for each in found if isinstance(each, dict) and not each["sender"].startswith("Ann created")]
    assert [(each["sender"], each.get("text", "")) for each in said] == [
        ("Ann", "first: second\nhttps://x.org\n\nend"),
        ("Bob Smith", ""),
        ("+49 170 1", "look\n[not a message] x"),
        ("Ann", "ok"),
        ("Ann", "ok\n31/12/2025, 25:99 - no time"),
    ]
    assert [each.get("attachments") for each in said[1:3]] == [[{"name": "media"}], [{"name": "IMG-1.jpg"}]]
    assert {each["folder"] for each in said} == {"Trip north"}
    assert len({each["id"] for each in said}) == 5


def test_an_iphone_says_notices_in_the_name_of_the_chat():
    found = read(
        "[31/12/25, 10:00:00] Trip: \u200eMessages and calls are end-to-end encrypted.\n"
        "[31/12/25, 10:00:01] Ann: \u200eimage omitted\n"
        "[31/12/25, 10:00:02] Ann: \u200e<attached: 0001-PHOTO.jpg>\n"
        "[31/12/25, 10:00:03] ~\u202fBob: hi\n",
        "t/WhatsApp Chat - Trip.zip!_chat.txt",
    )
    assert [(each["sender"], each.get("text"), each.get("attachments")) for each in found] == [
        ("Ann", None, [{"name": "image"}]),
        ("Ann", None, [{"name": "0001-PHOTO.jpg"}]),
        ("Bob", "hi", None),
    ]
    assert {each["folder"] for each in found} == {"Trip"}


def test_a_longer_export_of_the_same_chat_adds_only_what_is_new():
    start = "31/12/2025, 10:00 - Ann: a\n31/12/2025, 10:00 - Ann: a\n"
    first = {each["id"] for each in read(start)}
    second = {each["id"] for each in read(start + "31/12/2025, 10:01 - Bob: b\n", "chat (1).txt")}
    assert (len(first), len(second), first < second) == (2, 3, True)


RESULT = {
    "personal_information": {"user_id": 7},
    "chats": {
        "list": [
            {
                "name": "Bob",
                "type": "personal_chat",
                "id": 1,
                "messages": [
                    {"id": 1, "type": "service", "date": "2025-12-31T10:00:00", "action": "phone_call"},
                    {"id": 2, "type": "message", "date": "2025-12-31T10:00:00", "from": "Bob", "from_id": "user8", "text": "hi"},
                    {"id": 3, "type": "message", "date": "x", "date_unixtime": "1767171660", "from": "Me", "from_id": "user7",
                     "text": ["see ", {"type": "link", "text": "x.org"}], "reply_to_message_id": 2, "photo": "photos/a.jpg"},
                    {"id": 4, "type": "message", "date": "never", "from": "Bob", "from_id": "user8", "text": "secretword"},
                ],
            }
        ]
    },
}  # fmt: skip


def test_telegram():
    first, second, error = read(json.dumps(RESULT, indent=1), "result.json")
    assert (first["at"], first["sender"], first["sender_name"], first["text"]) == (
        "2025-12-31T09:00:00.000Z",
        "user8",
        "Bob",
        "hi",
    )
    assert (second["at"], second["text"], second["sent_by_user"]) == ("2025-12-31T09:01:00.000Z", "see x.org", True)
    assert (second["in_reply_to"], second["attachments"]) == (first["message_id"], [{"name": "a.jpg"}])
    assert str(error) == "result.json:4: field 'date' is not a time"
    (one,) = read(json.dumps({**RESULT["chats"]["list"][0], "messages": RESULT["chats"]["list"][0]["messages"][1:2]}))  # type: ignore[index]
    assert one["id"] == first["id"]


def lines(*frames: Any) -> str:
    return "".join(json.dumps(frame) + "\n" for frame in frames)


def test_signal_itself():
    found = read(
        lines(
            {"version": "1", "backupTimeMs": "1767171660000", "mediaRootBackupKey": "x"},
            {"recipient": {"id": "1", "self": {}}},
            {"recipient": {"id": "2", "contact": {"e164": "49170", "profileGivenName": "Bob", "profileFamilyName": "S"}}},
            {"recipient": {"id": "3", "group": {"snapshot": {"title": {"title": "Trip"}}}}},
            {"chat": {"id": "9", "recipientId": "3"}},
            {"chatItem": {"chatId": "9", "authorId": "2", "dateSent": "1767171660000", "incoming": {}, "standardMessage": {"text": {"body": "hi"}}}},
            {"chatItem": {"chatId": "9", "authorId": "1", "dateSent": "1767171660001", "outgoing": {}, "standardMessage": {"attachments": [{"pointer": {"contentType": "image/png", "fileName": "a.png"}}]}}},
            {"chatItem": {"chatId": "9", "authorId": "1", "dateSent": "x", "standardMessage": {"text": {"body": "secretword"}}}},
            {"chatItem": {"chatId": "9", "authorId": "1", "dateSent": "1", "updateMessage": {}}},
        ),
        "main.jsonl",
    )  # fmt: skip
    assert (found[0]["sender"], found[0]["sender_name"], found[0]["text"], found[0]["folder"]) == (
        "+49170",
        "Bob S",
        "hi",
        "Trip",
    )
    assert (found[1]["sent_by_user"], found[1]["attachments"]) == (True, [{"name": "a.png", "type": "image/png"}])
    assert str(found[2]) == "main.jsonl:8: not a time"
    assert len(found) == 3


def test_signal_of_other_programs():
    (export,) = read(
        lines(
            {
                "date": "2025-12-31T10:00:00",
                "sender": "Me",
                "body": "hi",
                "quote": "",
                "sticker": None,
                "reactions": [],
                "attachments": [],
            }
        ),
        "out/Bob/data.json",
    )
    assert (export["at"], export["folder"], export["sent_by_user"]) == ("2025-12-31T09:00:00.000Z", "Bob", True)
    (cli,) = read(
        lines(
            {
                "envelope": {
                    "sourceNumber": "+1",
                    "sourceName": "B",
                    "timestamp": 1767171660000,
                    "dataMessage": {"timestamp": 1767171660000, "message": "x"},
                },
                "account": "+2",
            }
        )
    )
    assert (cli["sender"], cli["sender_name"], cli["text"], cli["channel"]) == ("+1", "B", "x", "signal")


SEEDS = [("whatsapp", b"31/12/2025, 23:59 - Ann: hi\n1/1/26, 1:00 PM - Bob: <Media omitted>\n"), ("telegram", json.dumps(RESULT).encode()),
         ("signal", lines({"recipient": {"id": "1"}}, {"chatItem": {"dateSent": "1", "standardMessage": {}}}, {"sender": 1, "body": [], "date": 3}).encode())]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_make_them_raise(data: st.DataObject):
    name, seed = data.draw(st.sampled_from(SEEDS))
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b"{}", b"null", b"[", b"99", b"\xff", b"0/0/0", b"-1", b"1e99"])
        )
    opened = Opened.of("f", bytes(content))
    for item in reading.items(opened, Source("f", "", 0, name), SETTINGS):
        assert isinstance(item, (dict, DataError))
    for each in (whatsapp, telegram, signal):
        each.matches(opened)
