"""Mailboxes on a server: against Dovecot, and against a server that misbehaves."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dovecot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.life.kinds.items import Position
from roadmap_cli.life.opening.settings import Settings, Window
from roadmap_cli.life.remote import Access, imap
from roadmap_cli.mail.imap import Client
from roadmap_cli.net import audit, stream
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = Settings("UTC", Window(NOW - timedelta(days=60), NOW + timedelta(days=366)))


def mail(number: int, body: str = "text") -> bytes:
    return (
        f"From: ann@x.org\r\nSubject: number {number}\r\nMessage-ID: <{number}@x.org>\r\n"
        f"Date: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


class Box:
    """What life-ingest does with a URL: reads, and keeps where that ended."""

    def __init__(self, url: str, transport: Transport, password: str = "right-horse") -> None:
        self.url, self.transport, self.password = url, transport, password
        self.position: dict[str, Any] = {}

    def access(self) -> Access:
        return Access(self.transport, self.position, clock.system, self.password)

    def read(self) -> list[Any]:
        found = []
        for item in imap.items(self.url, self.access(), SETTINGS, sleep=lambda _: None):
            if isinstance(item, Position):
                assert item.source.startswith("imap")
                self.position = dict(item.position)
            else:
                found.append(item)
        return found

    def ids(self) -> list[str]:
        return [each["message_id"] for each in self.read()]


@pytest.fixture
def box(server: dovecot.Server, transport: Transport) -> Box:
    made = Box(f"imaps://me@localhost:{server.port_tls}/INBOX", transport)
    made.read()
    return made


def test_what_came_since(server: dovecot.Server, box: Box):
    for number in range(120):  # more than are asked for at once
        server.deliver(mail(number))
    assert box.ids() == [f"{number}@x.org" for number in range(120)]
    assert box.ids() == []
    server.deliver(mail(900, "x" * 1_000_000))
    (found,) = box.read()
    assert (found["folder"], len(found["text"]), found["source"]) == ("INBOX", 500_000, box.url)
    assert "right-horse" not in str(found)


def test_nothing_is_marked_as_read(server: dovecot.Server, box: Box, transport: Transport):
    server.deliver(mail(300))
    box.ids()
    with stream.connect(transport, box.url, port=993, encrypted=True, purpose="mail", kinds=(), timeout_s=10) as made:
        client = Client(made)
        client.greet()
        client.log_in("me", "right-horse")
        client.open("INBOX")
        assert not any(b"\\Seen" in each.line for each in client.command("FETCH", b"1:*", b"FLAGS"))


def test_all_folders_but_junk_over_starttls(server: dovecot.Server, transport: Transport):
    server.deliver(mail(301), ".Sent")
    server.deliver(mail(302), ".Junk")
    server.deliver(mail(303), ".Arch&APw-v")
    box = Box(f"imap://me@127.0.0.1:{server.port}", transport)
    found = {each["message_id"]: each for each in box.read()}
    assert found["301@x.org"]["sent_by_user"] is True
    assert found["303@x.org"]["folder"] == "Archüv"
    assert "302@x.org" not in found
    assert Box(f"imap://me@127.0.0.1:{server.port}/Arch%C3%BCv", transport).ids() == ["303@x.org"]


def test_a_folder_that_was_made_anew_is_read_anew(server: dovecot.Server, transport: Transport):
    server.deliver(mail(310), ".Again")
    box = Box(f"imaps://me@localhost:{server.port_tls}/Again", transport)
    assert box.ids() == ["310@x.org"]
    box.position["folders"]["Again"]["uid_validity"] += 1
    assert box.ids() == ["310@x.org"]


def test_a_folder_there_is_not(server: dovecot.Server, transport: Transport):
    (error,) = Box(f"imaps://me@localhost:{server.port_tls}/Nowhere", transport).read()
    assert isinstance(error, DataError)
    assert error.message == "the server has no folder 'Nowhere' that can be read"


def test_a_wrong_password(server: dovecot.Server, transport: Transport):
    with pytest.raises(ConfigError, match="refuses the user or the password") as caught:
        Box(f"imaps://me@localhost:{server.port_tls}/", transport, "wrong").read()
    assert "wrong" not in str(caught.value)


def test_a_certificate_that_is_not_trusted(server: dovecot.Server, state: State):
    with Transport(state, command="x", offline=False, now=clock.system) as plain:
        with pytest.raises(Unavailable, match="certificate is not trusted"):
            Box(f"imaps://me@localhost:{server.port_tls}/", plain).read()


def test_one_row_in_the_audit_for_each_session(box: Box, state: State):
    box.read()
    with state.read() as tx:
        rows = [each for each in audit.requests(tx) if each["purpose"] == "mail"]
    assert [each["outcome"] for each in rows] == ["done", "done"]
    assert all(each["bytes_in"] > 100 and each["bytes_out"] > 50 and "me@" not in each["url"] for each in rows)


@pytest.mark.parametrize(("offline", "expected"), [(True, Unavailable), (False, ConfigError)])
def test_no_byte_without_permission(state: State, offline: bool, expected: type[RoadmapError]):
    with Transport(state, command="x", offline=offline, now=clock.system) as other:
        with pytest.raises(expected) as caught:
            Box("imaps://me@mail.example.org/", other).read()
    assert caught.value.code == ("offline" if offline else "not_permitted")
    if not offline:
        assert "--purpose mail" in str(caught.value.hint)


def test_word_of_news_as_it_comes(server: dovecot.Server, box: Box):
    listener = imap.listen(box.url, box.access(), SETTINGS)
    try:
        assert listener.fileno() >= 0
        assert 60 < listener.pause_s() <= 29 * 60
        assert not listener.heard()
        server.deliver(mail(400))
        assert select.select([listener.fileno()], [], [], 10)[0]
        assert listener.heard()
        assert box.ids() == ["400@x.org"]
    finally:
        listener.close()


def test_news_between_reading_and_listening_is_not_missed(server: dovecot.Server, box: Box):
    server.deliver(mail(410))
    listener = imap.listen(box.url, box.access(), SETTINGS)
    assert listener.pause_s() == 0
    assert listener.heard()
    listener.close()


def test_a_wait_is_renewed_and_a_lost_connection_made_again(
    server: dovecot.Server, box: Box, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(imap, "RENEW_S", 0.0)
    listener = imap.listen(box.url, box.access(), SETTINGS)
    for _ in range(3):
        assert not listener.heard()  # renews
    assert listener.fileno() >= 0
    assert listener._client
    listener._client.stream._socket.shutdown(socket.SHUT_RDWR)
    assert not listener.heard()
    assert listener.fileno() == -1
    assert 0 < listener.pause_s() <= 60
    listener._next = 0.0
    server.deliver(mail(420))
    assert listener.heard()
    assert listener.fileno() >= 0
    listener.close()


# -- servers that misbehave ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bad_server(talk: Callable[[Any], None]) -> Iterator[int]:
    """A server on this machine that does as it is told, for each connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                made, _ = listening.accept()
            except OSError:
                return
            with made, contextlib.suppress(OSError):
                talk(made.makefile("rwb", buffering=0))

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def scripted(
    answers: dict[bytes, bytes], greeting: bytes = b"* OK [CAPABILITY IMAP4rev1] hello\r\n"
) -> Callable[[Any], None]:
    """Answer a command by its name; `$` stands for its tag."""

    def talk(file: Any) -> None:
        file.write(greeting)
        while line := file.readline():
            tag, _, rest = line.partition(b" ")
            name = rest.strip().upper()
            answer = next((each for key, each in answers.items() if name.startswith(key)), b"$ OK\r\n")
            file.write(answer.replace(b"$", tag))

    return talk


ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n$ OK\r\n",
    b"LIST": b'* LIST () "." INBOX\r\n$ OK\r\n',
    b"EXAMINE": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 3]\r\n$ OK\r\n",
    b"UID FETCH 1:* ": b"* 1 FETCH (UID 1 RFC822.SIZE 10)\r\n* 2 FETCH (UID 2 RFC822.SIZE 10)\r\n$ OK\r\n",
    b"UID FETCH 1:2": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n* 2 FETCH (BODY[] {%d}\r\n%s UID 2)\r\n$ OK\r\n"
    % (len(mail(1)), mail(1), len(mail(2)), mail(2)),
}


def bare(state: State, port: int) -> Box:
    return Box(f"imap://me@127.0.0.1:{port}/INBOX", Transport(state, command="x", offline=False, now=clock.system))


def test_a_plain_server(state: State):
    with bad_server(scripted(ANSWERS)) as port:
        assert bare(state, port).ids() == ["1@x.org", "2@x.org"]


def test_a_server_that_refuses_one_mail(state: State):
    answers = {
        **ANSWERS,
        b"UID FETCH 1:2": b"$ NO damaged\r\n",
        b"UID FETCH 1 ": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n$ OK\r\n" % (len(mail(1)), mail(1)),
        b"UID FETCH 2 ": b"$ NO damaged\r\n",
    }
    with bad_server(scripted(answers)) as port:
        first, error = bare(state, port).read()
        assert (first["message_id"], error.message) == ("1@x.org", "the server refuses mail 2")


def test_a_server_that_dies_in_the_middle_is_asked_again(state: State):
    connections = []

    def talk(file: Any) -> None:
        connections.append(1)
        answers = dict(ANSWERS)
        if len(connections) == 1:
            answers[b"UID FETCH 1:2"] = answers[b"UID FETCH 1:2"][:120]

        def once(inner: Any) -> None:
            inner.write(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
            while line := inner.readline():
                tag, _, rest = line.partition(b" ")
                name = rest.strip().upper()
                answer = next((each for key, each in answers.items() if name.startswith(key)), b"$ OK\r\n")
                inner.write(answer.replace(b"$", tag))
                if len(connections) == 1 and name.startswith(b"UID FETCH 1:2"):
                    return

        once(file)

    with bad_server(talk) as port:
        assert bare(state, port).ids() == ["1@x.org", "2@x.org"]
    assert len(connections) == 2


@pytest.mark.parametrize(
    ("answers", "greeting", "expected"),
    [
        ({}, b"HTTP/1.1 400 Bad Request\r\n", Unavailable),
        ({}, b"* BYE too many\r\n", TryLater),
        ({**ANSWERS, b"LOGIN": b"$ NO [UNAVAILABLE] later\r\n"}, b"* OK\r\n", TryLater),
        ({**ANSWERS, b"LOGIN": b"$ NO right-horse is wrong\r\n"}, b"* OK\r\n", ConfigError),
        ({**ANSWERS, b"UID FETCH 1:2": b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n"}, b"* OK\r\n", Unavailable),
        ({**ANSWERS, b"EXAMINE": b"x" * 2_000_000}, b"* OK\r\n", Unavailable),
        ({**ANSWERS, b"CAPABILITY": b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n$ OK\r\n"}, b"* OK\r\n", ConfigError),
    ],
)
def test_answers_that_are_none(
    state: State, answers: dict[bytes, bytes], greeting: bytes, expected: type[RoadmapError]
):
    with bad_server(scripted(answers, greeting)) as port:
        with pytest.raises(expected) as caught:
            bare(state, port).read()
    assert "right-horse" not in f"{caught.value} {caught.value.hint}"


class Canned:
    """Bytes as a connection gives them, for what reads them."""

    host, sent = "host", b""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def send(self, data: bytes) -> None:
        self.sent += data

    def line(self, most: int = 0) -> bytes:
        head, mark, self.data = self.data.partition(b"\n")
        if not mark:
            raise Unavailable("cut off", code="cut_off")
        return head + mark

    def block(self, size: int) -> bytes:
        if size > len(self.data):
            raise Unavailable("cut off", code="cut_off")
        taken, self.data = self.data[:size], self.data[size:]
        return taken


PIECES = [b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n", b"r1 OK\r\n", b"* LIST () \".\" {2}\r\nab\r\n", b"{1}\r\n", b"{", b"* OK [UIDNEXT x]\r\n", b"+ \r\n",
          b"* 1 FETCH (UID 99999999999999999999 RFC822.SIZE 1)\r\n", b"\r\n", b"* LIST (\\Sent) NIL \"a\\\"b\"\r\n", b"r1 NO\r\n", b"* BYE\r\n", b"\xff\r\n"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["folders", "sizes", "open", "fetch", "greet"]))
def test_no_answer_makes_the_client_raise_what_it_should_not(pieces: list[bytes], what: str):
    client = Client(Canned(b"".join(pieces)))  # type: ignore[arg-type]
    calls: dict[str, Callable[[], Any]] = {
        "folders": client.folders,
        "sizes": lambda: client.sizes(1),
        "open": lambda: client.open("x"),
        "fetch": lambda: list(client.fetch([1, 2])),
        "greet": client.greet,
    }
    with contextlib.suppress(Unavailable, TryLater, ConfigError, DataError):
        calls[what]()


def test_tokens(state: State):
    seen: list[bytes] = []

    def talk(file: Any) -> None:
        file.write(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n")
        while line := file.readline():
            seen.append(line)
            tag, _, rest = line.partition(b" ")
            file.write(ANSWERS.get(rest.split(b" ")[0].strip().upper(), b"$ OK\r\n").replace(b"$", tag))

    with bad_server(talk) as port:
        client = imap._connected(
            imap._where(f"imap://me%40x.org;AUTH=XOAUTH2@127.0.0.1:{port}/"),
            Access(Transport(state, command="x", offline=False, now=clock.system), {}, clock.system, "tok"),
        )
        client.stream.close()
    assert seen[0].split()[1:] == [b"AUTHENTICATE", b"XOAUTH2", b"dXNlcj1tZUB4Lm9yZwFhdXRoPUJlYXJlciB0b2sBAQ=="]
