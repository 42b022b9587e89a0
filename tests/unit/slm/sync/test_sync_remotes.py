"""Each kind of remote, against a real server where there is one; and what servers answer when something is wrong."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import peers
import pytest
import simulation

from roadmap_cli.core import clock
from roadmap_cli.core.errors import CannotCreate, ConfigError, InputMissing, RoadmapError, Unavailable, UsageError
from roadmap_cli.net import audit, permissions
from roadmap_cli.net.transport import Transport
from roadmap_cli.slm.sync import segment
from roadmap_cli.slm.sync.remotes import credentials, opening, place
from roadmap_cli.slm.sync.remotes.folder import Folder
from roadmap_cli.slm.sync.remotes.place import Missing, Remote
from roadmap_cli.slm.sync.remotes.rclone import Rclone
from roadmap_cli.slm.sync.remotes.s3 import S3
from roadmap_cli.slm.sync.remotes.webdav import WebDav

DEVICE = "a" * 20
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def named(number: int, data: bytes) -> str:
    return segment.name_of(DEVICE, number, segment.digest(data))


@pytest.fixture
def state():
    made = simulation.memory_state(simulation.Steps())
    yield made
    made.close()


@pytest.fixture
def transport(state):
    with Transport(state, command="slm-sync", offline=False, now=lambda: AT, sleep=lambda seconds: None) as made:
        yield made


def works(there) -> None:
    """What every place must do."""
    assert there.files() == {}
    one, other = b"one" * 1000, bytes(range(256))
    there.put(named(1, one), one, ["slm.prompt"])
    there.put(named(2, other), other, [])
    there.put(named(1, one), one, ["slm.prompt"])
    assert there.files() == {named(1, one): 3000, named(2, other): 256}
    assert there.get(named(1, one)) == one
    assert there.get(named(2, other)) == other
    with pytest.raises(Missing):
        there.get(named(3, one))
    there.delete(named(1, one))
    there.delete(named(1, one))
    assert there.files() == {named(2, other): 256}


def test_a_folder(state, tmp_path):
    there = Folder(str(tmp_path), state=state, now=lambda: AT, command="slm-sync run")
    works(there)
    with state.read() as tx:
        rows = list(audit.requests(tx))
    assert [(row["host"], row["bytes_out"], row["record_kinds"]) for row in rows[:1]] == [
        ("folder", 3000, ["slm.prompt"])
    ]
    (tmp_path / "v1" / DEVICE / ".syncthing.x.tmp").write_bytes(b"half")
    assert len(there.files()) == 1
    with pytest.raises(InputMissing, match="not there"):
        Folder(str(tmp_path / "no"), state=state, now=lambda: AT, command="x").files()


def test_a_folder_that_is_full(state, tmp_path):
    (tmp_path / "v1").write_bytes(b"in the way")
    there = Folder(str(tmp_path), state=state, now=lambda: AT, command="x")
    with pytest.raises(CannotCreate, match="cannot write"):
        there.put(named(1, b"x"), b"x", [])
    with state.read() as tx:
        assert [row["outcome"] for row in audit.requests(tx)] == ["failed"]


@pytest.fixture(params=peers.NAMES)
def peer(request, tmp_path):
    if reason := peers.why_not(request.param):
        pytest.skip(reason)
    if request.param == "moto-s3" and "not slow" in request.config.getoption("-m"):
        pytest.skip("moto takes long to start; with the slow tests it is not skipped")
    with peers.running(request.param, tmp_path / "root") as running:
        yield running


def test_a_real_server(peer, transport):
    if peer.name.endswith("s3"):
        works(S3(f"{peer.url}/bucket/some where/deep", "us-east-1", peers.KEYS, transport, clock.system, True))
    else:
        works(WebDav(f"{peer.url}/new", {}, transport))


def test_many_objects_come_in_pages(transport, tmp_path):
    if reason := peers.why_not("rclone-s3"):
        pytest.skip(reason)
    with peers.running("rclone-s3", tmp_path / "root") as running:
        folder = tmp_path / "root/bucket/v1" / DEVICE
        folder.mkdir(parents=True)
        for number in range(1100):
            (folder / named(number, b"").rpartition("/")[2]).touch()
        there = S3(f"{running.url}/bucket", "us-east-1", peers.KEYS, transport, clock.system, True)
        assert len(there.files()) == 1100


def test_rclone(transport, state, tmp_path):
    program = peers.program("rclone")
    if program is None:
        pytest.skip("rclone is not installed (apt-get install rclone)")
    environ = {"PATH": str(peers.Path(program).parent), "HOME": str(tmp_path), "RCLONE_CONFIG_STICK_TYPE": "alias",
               "RCLONE_CONFIG_STICK_REMOTE": str(tmp_path / "there"), "RCLONE_CONFIG": str(tmp_path / "none.conf")}  # fmt: skip
    there = Rclone("rclone:stick:deep", transport=transport, environ=environ)
    with pytest.raises(ConfigError, match="no permission") as refused:
        there.files()
    assert refused.value.hint == "roadmap-permit add rclone-stick --purpose sync"
    with state.write() as tx:
        permissions.grant(tx, host="rclone-stick", purpose="sync", kinds=["slm.prompt"], at=AT)
    works(there)
    with pytest.raises(ConfigError, match=r"life\.event"):
        there.put(named(5, b"x"), b"x", ["life.event"])
    with state.read() as tx:
        outcomes = {(row["method"], row["outcome"]) for row in audit.requests(tx)}
    assert {("LSJSON", "refused"), ("RCAT", "done"), ("RCAT", "refused"), ("CAT", "done")} <= outcomes
    with state.write() as tx:
        permissions.grant(tx, host="rclone-nowhere", purpose="sync", kinds=[], at=AT)
    with pytest.raises(RoadmapError, match="rclone"):
        Rclone("rclone:nowhere:x", transport=transport, environ=environ).files()
    with pytest.raises(Unavailable, match="not installed"):
        Rclone("rclone:stick:x", transport=transport, environ={"PATH": "/nonexistent"}).files()


# -- servers that answer something else --------------------------------------------------------------------------------


@pytest.fixture
def answering():
    """A server that answers every request with one status and body."""
    answer = {"status": 200, "body": b""}

    class Handler(BaseHTTPRequestHandler):
        def work(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        do_GET = do_PUT = do_DELETE = do_MKCOL = do_PROPFIND = work

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield answer, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, b"", ConfigError, "does not let"),
        (403, b"<Code>SignatureDoesNotMatch</Code>", ConfigError, "does not let"),
        (200, b"<html>hello", Unavailable, "answers 200|does not answer as"),
        (207, b"<html>hello", Unavailable, "answers 207|does not answer as"),
        (500, b"", RoadmapError, "cannot answer now"),
        (418, b"", Unavailable, "answers 418"),
    ],
)
def test_a_server_that_is_none_is_named(answering, transport, status, body, error, words):
    answer, url = answering
    answer |= {"status": status, "body": body}
    for there in (WebDav(url, {}, transport), S3(f"{url}/b", "r", peers.KEYS, transport, clock.system, True)):
        with pytest.raises(error, match=words):
            there.files()


@pytest.mark.parametrize("status", [413, 507])
def test_a_full_server_is_named(answering, transport, status):
    answer, url = answering
    there = WebDav(url, {}, transport)
    there._made |= {"v1", f"v1/{DEVICE}"}
    answer |= {"status": status}
    with pytest.raises(CannotCreate, match="no space left"):
        there.put(named(1, b"x"), b"x", [])
    with pytest.raises(CannotCreate, match="no space left"):
        S3(f"{url}/b", "r", peers.KEYS, transport, clock.system, True).put(named(1, b"x"), b"x", [])


def test_names_from_a_server_lead_nowhere(answering, transport):
    answer, url = answering
    href = "".join(
        f"<D:response><D:href>{name}</D:href><D:propstat><D:prop><D:getcontentlength>1</D:getcontentlength>"
        "</D:prop></D:propstat></D:response>"
        for name in ("/v1/../../etc/passwd", "http://evil.example/v1/x.age", "/v1/%2e%2e/x", "", "/v1/")
    )
    answer |= {"status": 207, "body": f'<D:multistatus xmlns:D="DAV:">{href}</D:multistatus>'.encode()}
    assert WebDav(url, {}, transport).files() == {}


# -- addresses and credentials -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "type_", "host"),
    [
        ("/media/stick", "folder", None),
        ("https://dav.example.org:8443/x", "webdav", "dav.example.org:8443"),
        ("s3://my-bucket/a/b", "s3", "my-bucket.s3.us-east-1.amazonaws.com"),
        ("rclone:My Drive:dir", "rclone", "rclone-my-drive"),
    ],
)
def test_places_by_their_address(url, type_, host):
    remote = Remote("r", url)
    assert (remote.type, remote.host) == (type_, host)
    if host:
        assert permissions.host_name(host) == host


@pytest.mark.parametrize(
    "url",
    [
        "relative/path",
        "ftp://x/",
        "https://u:p@host/",
        "https://",
        "s3://B/",
        "rclone:x",
        "rclone:-x:y",
        "https://h/?q=1",
    ],
)
def test_what_is_no_place(url):
    with pytest.raises(UsageError):
        place.type_of(url)


def test_credentials_come_from_a_private_file_or_the_environment(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# mine\n[default]\naws_access_key_id = A\nsecret_access_key=B=C\n")
    path.chmod(0o644)
    remote = Remote("r", "s3://bucket/x", {"credentials": str(path)})
    with pytest.raises(ConfigError, match="read by others"):
        credentials.read(remote, {})
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert credentials.read(remote, {}) == {"access_key_id": "A", "secret_access_key": "B=C"}
    bare = Remote("r", "s3://bucket/x")
    with pytest.raises(ConfigError, match="needs access_key_id and secret_access_key"):
        credentials.read(bare, {})
    assert credentials.read(bare, {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"})["access_key_id"] == "A"
    path.write_text("nonsense\n")
    with pytest.raises(ConfigError, match="not a line of credentials"):
        credentials.read(remote, {})


def test_a_password_is_not_sent_in_plain_text(transport, state):
    remote = Remote("r", "http://dav.example.org/x")
    environ = {"ROADMAP_WEBDAV_USER": "me", "ROADMAP_WEBDAV_PASSWORD": "secret"}
    with pytest.raises(ConfigError, match="plain text"):
        opening.opened(remote, transport=transport, state=state, now=lambda: AT, command="x", environ=environ)
