"""life-ingest and a real CalDAV server (Radicale, GPL: a peer in tests only) on this machine."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("radicale") is None, reason="radicale is not installed")
ROOT = Path(__file__).parents[2]
Shell = Callable[..., subprocess.CompletedProcess[bytes]]
PASSWORD = "correct horse"


class Server:
    """Radicale with one user, and plain requests to it."""

    def __init__(self, port: int, data: Path) -> None:
        self.port = port
        self.data = data

    def url(self, path: str = "", scheme: str = "caldav") -> str:
        return f"{scheme}://ann@127.0.0.1:{self.port}/{path}"

    def send(self, method: str, path: str, body: str = "", **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        token = b64encode(f"ann:{PASSWORD}".encode()).decode()
        connection.request(method, path, body.encode(), {"Authorization": f"Basic {token}", **headers})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def put(self, calendar: str, uid: str, lines: str) -> None:
        kind = "VTODO" if "DUE" in lines else "VEVENT"
        text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\nBEGIN:{kind}\r\nUID:{uid}\r\n{lines}\r\nEND:{kind}\r\nEND:VCALENDAR\r\n"
        assert self.send("PUT", f"/ann/{calendar}/{uid}.ics", text, **{"Content-Type": "text/calendar"}) in (201, 204)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("radicale")
    (folder / "users").write_text(f"ann:{PASSWORD}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "radicale", "-H", f"127.0.0.1:{port}", "--auth-type", "htpasswd", "--auth-htpasswd-encryption", "plain",
         "--auth-htpasswd-filename", str(folder / "users"), "--storage-filesystem-folder", str(folder / "data"), "--auth-delay", "0",
         "--logging-level", "error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Server(port, folder / "data")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def calendar(server: Server) -> str:
    """A new calendar with two events and a to-do."""
    name = f"c{time.monotonic_ns()}"
    body = (
        '<?xml version="1.0"?><c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
        "<d:displayname>Home</d:displayname></d:prop></d:set></c:mkcalendar>"
    )
    assert server.send("MKCALENDAR", f"/ann/{name}/", body) == 201
    server.put(name, "dentist", "SUMMARY:Dentist\r\nDTSTART:20261201T090000Z\r\nDTSTAMP:20261101T000000Z")
    server.put(
        name,
        "yoga",
        "SUMMARY:Yoga\r\nDTSTART:20261102T180000Z\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nDTSTAMP:20261101T000000Z",
    )
    server.put(name, "tax", "SUMMARY:Tax\r\nDUE;VALUE=DATE:20261231\r\nDTSTAMP:20261101T000000Z")
    return name


@pytest.fixture
def ingest(shell: Shell, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "password").chmod(0o600)

    def run(url: str, *more: str) -> list[dict[str, Any]]:
        done = shell(["life-ingest", url, "--password-file", str(tmp_path / "password"), *more])
        assert (done.returncode, done.stderr) == (0, b"")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def titles(records: list[dict[str, Any]]) -> list[str]:
    return sorted(record["title"] for record in records if record["kind"] != "life.source")


def current(shell: Shell, table: str = "life_event") -> list[str]:
    query = f"SELECT json_extract(body, '$.title') AS title FROM record JOIN {table} USING (id) WHERE is_current = 1 ORDER BY 1"
    done = shell(["roadmap-state", "query", query])
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["row"]["title"] for line in done.stdout.splitlines()]


def test_only_what_has_changed_is_read_and_what_is_deleted_is_withdrawn(
    server: Server, calendar: str, ingest: Callable[..., list[dict[str, Any]]], shell: Shell
) -> None:
    url = server.url(f"ann/{calendar}/")
    first = ingest(url)
    assert titles(first) == ["Dentist", "Tax", "Yoga", "Yoga", "Yoga"]
    assert {record.get("calendar") for record in first[1:]} == {"Home"}
    assert first[0]["name"] == url
    assert ingest(url) == []

    server.put(calendar, "dentist", "SUMMARY:Dentist\r\nDTSTART:20261203T090000Z\r\nDTSTAMP:20261102T000000Z")
    server.put(calendar, "lunch", "SUMMARY:Lunch\r\nDTSTART:20261204T110000Z\r\nDTSTAMP:20261102T000000Z")
    assert server.send("DELETE", f"/ann/{calendar}/yoga.ics") == 200
    assert server.send("DELETE", f"/ann/{calendar}/tax.ics") == 200
    assert titles(ingest(url)) == ["Dentist", "Lunch"]
    assert current(shell) == ["Dentist", "Lunch"]
    assert current(shell, "life_task") == []
    assert ingest(url) == []
    assert ingest(url, "--again") == []  # read again, and all of it known


@pytest.mark.parametrize("path", ["", "ann/"])
def test_calendars_are_found_from_the_server_and_from_the_account(
    path: str, server: Server, calendar: str, ingest: Callable[..., list[dict[str, Any]]]
) -> None:
    assert {"Dentist", "Tax", "Yoga"} <= set(titles(ingest(server.url(path))))


def test_a_server_that_has_forgotten_its_tokens(
    server: Server, calendar: str, ingest: Callable[..., list[dict[str, Any]]], shell: Shell
) -> None:
    """The token that was kept is not known any more: everything is compared by its tag, nothing is fetched twice."""
    url = server.url(f"ann/{calendar}/")
    ingest(url)
    assert server.send("DELETE", f"/ann/{calendar}/yoga.ics") == 200
    for kept in (server.data / "collection-root" / "ann" / calendar / ".Radicale.cache" / "sync-token").iterdir():
        kept.unlink()
    assert titles(ingest(url)) == []
    assert current(shell) == ["Dentist"]


def test_an_ics_file_on_a_web_server(
    server: Server, calendar: str, ingest: Callable[..., list[dict[str, Any]]], shell: Shell
) -> None:
    """Radicale gives a whole calendar as one file when it is asked for it with GET."""
    url = server.url(f"ann/{calendar}/", "webcal")
    assert titles(ingest(url)) == ["Dentist", "Tax", "Yoga", "Yoga", "Yoga"]
    assert ingest(url) == []
    assert server.send("DELETE", f"/ann/{calendar}/dentist.ics") == 200
    assert server.send("DELETE", f"/ann/{calendar}/yoga.ics") == 200
    assert ingest(url) == []
    assert current(shell) == ["Yoga", "Yoga", "Yoga"]  # what is over stays; the dentist lay ahead


def test_a_server_is_watched_with_all_else(
    server: Server, calendar: str, world: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    process = subprocess.Popen(
        [str(ROOT / "bin" / "life-ingest"), "--watch", server.url(f"ann/{calendar}/"), str(tmp_path / "in")],
        env={**world, "ROADMAP_LIFE_PASSWORD": PASSWORD}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout
    found = titles([json.loads(process.stdout.readline()) for _ in range(6)])
    assert found == ["Dentist", "Tax", "Yoga", "Yoga", "Yoga"]
    (tmp_path / "in" / "a.ics").write_text("BEGIN:VEVENT\nUID:a\nSUMMARY:File\nDTSTART:20261201T090000Z\nEND:VEVENT\n")
    assert titles([json.loads(process.stdout.readline()) for _ in range(2)]) == ["File"]
    process.terminate()
    assert process.wait(10) == 143
    process.stdout.close()


def test_refusals(server: Server, calendar: str, shell: Shell, tmp_path: Path) -> None:
    url = server.url(f"ann/{calendar}/")
    done = shell(["life-ingest", url])
    assert (done.returncode, done.stdout) == (78, b"")
    assert b"asks for a password" in done.stderr
    done = shell(["life-ingest", url], env={"ROADMAP_LIFE_PASSWORD": "wrong"})
    assert done.returncode == 78
    assert b"refuses user or password" in done.stderr
    assert b"wrong" not in done.stderr
    assert shell(["life-ingest", url], env={"ROADMAP_LIFE_PASSWORD": PASSWORD}).returncode == 0
    done = shell(["life-ingest", url.replace("ann@", "ann:secret@")])
    assert done.returncode == 2
    assert b"secret" not in done.stderr
    (tmp_path / "open").write_text(PASSWORD)
    (tmp_path / "open").chmod(0o644)
    done = shell(["life-ingest", url, "--password-file", str(tmp_path / "open")])
    assert (done.returncode, b"chmod 600" in done.stderr) == (78, True)
    done = shell(["life-ingest", "caldavs://ann@calendar.example.org/"], env={"ROADMAP_LIFE_PASSWORD": "x"})
    assert done.returncode == 78
    assert b"roadmap-permit add calendar.example.org --purpose calendar" in done.stderr
    done = shell(["life-ingest", "http://ann@calendar.example.org/"], env={"ROADMAP_LIFE_PASSWORD": "x"})
    assert (done.returncode, b"without encryption" in done.stderr) == (78, True)


class Poor(BaseHTTPRequestHandler):
    """A server with neither tokens nor reports: it lists tags and hands out items; and one that sends a bomb."""

    items: ClassVar[dict[str, tuple[str, str]]] = {}
    fetched: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: str, **headers: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_PROPFIND(self) -> None:
        if self.path == "/bomb/":
            self._answer(207, '<!DOCTYPE d [<!ENTITY a "aaaa">]><d:multistatus xmlns:d="DAV:">&a;</d:multistatus>')
            return
        ok = "<d:status>HTTP/1.1 200 OK</d:status>"
        kind = '<d:collection/><c:calendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>'
        found = f"<d:response><d:href>/cal/</d:href><d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype></d:prop>{ok}</d:propstat></d:response>"
        if self.headers["Depth"] == "1":
            for name, (tag, _) in self.items.items():
                found += f"<d:response><d:href>/cal/{name}</d:href><d:propstat><d:prop><d:getetag>{tag}</d:getetag></d:prop>{ok}</d:propstat></d:response>"
        self._answer(207, f'<d:multistatus xmlns:d="DAV:">{found}</d:multistatus>')

    def do_REPORT(self) -> None:
        self._answer(501, "")

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.fetched.append(name)
        tag, body = self.items[name]
        self._answer(200, body, ETag=tag)

    def log_message(self, format: str, *args: Any) -> None:
        return None


def test_a_server_without_tokens_and_reports_and_one_with_a_bomb(shell: Shell) -> None:
    def item(uid: str) -> str:
        return f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:{uid}\nSUMMARY:{uid}\nDTSTART:20261201T090000Z\nEND:VEVENT\nEND:VCALENDAR\n"

    Poor.items.update({"a.ics": ("1", item("a")), "b.ics": ("1", item("b"))})
    with ThreadingHTTPServer(("127.0.0.1", 0), Poor) as poor:
        threading.Thread(target=poor.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{poor.server_address[1]}"

        def ingest() -> list[str]:
            done = shell(["life-ingest", f"{url}/cal/"])
            assert done.returncode == 0, done.stderr
            return titles([json.loads(line) for line in done.stdout.splitlines()])

        assert ingest() == ["a", "b"]
        assert ingest() == []
        assert Poor.fetched == ["a.ics", "b.ics"]
        Poor.items.update({"b.ics": ("2", item("b").replace("0900", "1000")), "c.ics": ("1", item("c"))})
        del Poor.items["a.ics"]
        assert ingest() == ["b", "c"]
        assert current(shell) == ["b", "c"]
        done = shell(["life-ingest", f"{url}/bomb/"])
        assert (done.returncode, b"declares a document type" in done.stderr) == (69, True)
        poor.shutdown()
