"""Requests of steps against a real server: what is sent, what comes back, what is refused before anything is sent."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from roadmap_cli.net import permissions
from roadmap_cli.wf.actions import Stopped

from .conftest import NOW, Act, Server, audited, read

GET = {"role": "data", "effects": ("network",)}
POST = {"role": "operations", "effects": ("network", "change")}


def scoped(server: Server) -> dict[str, Any]:
    return {"scope": (f"host:{server.host}",)}


def test_get_and_what_is_told(act: Act, server: Server) -> None:
    server.says({"a": [1, 2.5, "x"]}, ETag="abc", Set_Cookie="secret=1")
    found = act("http", {"url": f"{server.url}/v1/things?q=a%20b"}, **GET, **scoped(server))
    assert found["status"] == "succeeded", found
    output = found["output"]
    assert (output["status"], output["body"]) == (200, {"a": [1, 2.5, "x"]})
    assert output["headers"]["etag"] == "abc"
    assert "set-cookie" not in output["headers"]
    [asked] = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/v1/things", [("q", "a b")])
    assert "idempotency-key" not in asked.headers


@pytest.mark.parametrize("value", ["../../admin", "x/../y", "a?b=c", "a#b", "a/b", "ä ö", "%2e%2e", "a\r\nX: y"])
def test_a_value_stays_in_its_part_of_the_path(act: Act, server: Server, value: str) -> None:
    server.says({})
    url = server.url + "/users/${event.x}/posts?name=${event.x}"
    found = act("http", {"url": url}, values={"event": {"x": value}}, **GET, **scoped(server))
    assert found["status"] == "succeeded", found
    [asked] = server.asked
    parts = asked.path.split("/")
    assert (len(parts), parts[1], parts[3]) == (4, "users", "posts")
    assert asked.query == [("name", value)]


@pytest.mark.parametrize("value", ["..", ".", "", None, {"a": 1}, "a\0b"])
def test_values_that_have_no_place_in_a_path(act: Act, server: Server, value: Any) -> None:
    url = server.url + "/users/${steps.a.output.x}/posts"
    found = act("http", {"url": url}, values={"steps": {"a": {"output": {"x": value}}}}, **GET, **scoped(server))
    assert (found["failure"], server.asked) == ("permanent", [])


@pytest.mark.parametrize(
    "url",
    [
        "https://${event.host}/x", "${event.url}", "ftp://host/x", "file:///etc/passwd", "https://a b/x", "https://", "//x/y",
        "https://user:pw@host/", "https://host:99999999/", "https://host/a/../b", "https://[::1/",
    ],
)  # fmt: skip
def test_urls_that_are_no_template_s(url: str) -> None:
    assert [each.code for each in read("http", {"url": url})[1]] == ["bad_url"]


def test_post_with_key_and_body(act: Act, server: Server, state: Any) -> None:
    server.says({"id": 7}, status=201)
    spec = {"method": "POST", "url": server.url, "body": {"name": "${event.n}", "all": "${event.list}"}}
    found = act(
        "http",
        spec,
        values={"event": {"n": 'x", "admin": true', "list": [1, "${inputs.x}"]}},
        key="k1",
        **POST,
        **scoped(server),
    )
    assert found["output"]["status"] == 201
    [asked] = server.asked
    assert asked.json == {"name": 'x", "admin": true', "all": [1, "${inputs.x}"]}
    assert asked.headers["idempotency-key"] == "k1"
    assert [(each["action"], each["outcome"]) for each in audited(state)] == [
        ("http.sending", "allowed"),
        ("http.sent", "done"),
    ]
    again = act(
        "http",
        spec,
        values={"event": {"n": 'x", "admin": true', "list": [1, "${inputs.x}"]}},
        key="k1",
        **POST,
        **scoped(server),
    )
    assert again["output"] == found["output"]
    assert len(server.asked) == 1, "a step whose answer was noted sends nothing again"


def test_out_of_scope_nothing_is_sent(act: Act, server: Server, state: Any) -> None:
    for scope in (
        (),
        ("host:other.example",),
        ("database:127.0.0.1",),
        (f"host:{server.host}1",),
        ("host:127.0.0.1:1",),
    ):
        found = act("http", {"url": server.url}, scope=scope, **GET)
        assert found["failure"] == "permanent"
        assert "outside the scope" in found["reason"]
    assert server.asked == []
    assert {(each["action"], each["outcome"]) for each in audited(state)} == {("http.refused", "refused")}
    assert act("http", {"url": server.url}, scope=("host:127.0.0.1",), **GET)["status"] == "succeeded"
    assert act("http", {"url": server.url}, scope=("host:127.0.*",), **GET)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("role", "effects", "method", "words"),
    [
        ("data", ("network",), "POST", "no tool 'http:change'"),
        ("analysis", ("read",), "GET", "no tool 'http:read'"),
        ("documentation", ("read", "write"), "GET", "no tool"),
        ("nobody", (), "GET", "no tool"),
        ("operations", ("change",), "POST", "does not declare effect 'network'"),
        ("operations", ("network",), "POST", "does not declare effect 'message' or 'change'"),
        ("operations", ("network", "change"), "DELETE", "does not declare effect 'delete'"),
    ],
)
def test_what_a_role_may_not(
    act: Act, server: Server, role: str, effects: tuple[str, ...], method: str, words: str
) -> None:
    found = act("http", {"url": server.url, "method": method}, role=role, effects=effects, **scoped(server))
    assert words in found["reason"]
    assert server.asked == []


def test_no_permission_nothing_is_sent_and_one_is_enough(act: Act, state: Any) -> None:
    spec = {"url": "http://api.example.invalid/x"}
    found = act("http", spec, scope=("host:api.example.invalid",), **GET)
    assert (found["failure"], "no permission" in found["reason"]) == ("permanent", True)
    with state.write() as tx:
        permissions.grant(tx, host="api.example.invalid", purpose="workflow", kinds=(), at=NOW - timedelta(1))
    assert act("http", spec, scope=("host:api.example.invalid",), **GET)["failure"] == "transient"  # no such host


@pytest.mark.parametrize(
    ("status", "headers", "failure", "wait_s"),
    [
        (429, {"Retry-After": "7"}, "transient", 7.0),
        (503, {"Retry-After": "120"}, "transient", 120.0),
        (503, {}, "transient", None),
        (500, {}, "transient", None),
        (504, {}, "transient", None),
        (408, {}, "transient", None),
        (400, {}, "permanent", None),
        (401, {}, "permanent", None),
        (404, {}, "permanent", None),
        (302, {"Location": "http://127.0.0.1:1/"}, "permanent", None),
        (501, {}, "permanent", None),
    ],
)  # fmt: skip
def test_failures_are_told_apart(
    act: Act, server: Server, status: int, headers: dict[str, str], failure: str, wait_s: float | None
) -> None:
    server.answer = lambda asked: (status, headers, b"no\n\n  such thing")
    found = act("http", {"url": server.url}, **GET, **scoped(server))
    assert (found["status"], found["failure"], found.get("retry_after_s")) == ("failed", failure, wait_s), found
    assert len(server.asked) == 1, "the runner tries again, not the action"


def test_expected_statuses(act: Act, server: Server) -> None:
    server.answer = lambda asked: (404, {}, b"")
    found = act("http", {"url": server.url, "expect": [200, 404]}, **GET, **scoped(server))
    assert found["output"]["status"] == 404


def test_a_post_without_answer_is_not_sent_again(act: Act, server: Server) -> None:
    server.answer = lambda asked: None
    spec = {"url": server.url, "method": "POST", "body": "x"}
    found = act("http", spec, key="k", **POST, **scoped(server))
    assert (found["failure"], "not known" in found["reason"]) == ("unknown", True)
    server.says({})
    found = act("http", spec, key="k", **POST, **scoped(server))
    assert (found["failure"], len(server.asked)) == ("unknown", 1)


def test_an_idempotent_post_is_sent_again_with_the_same_key(act: Act, server: Server) -> None:
    server.answer = lambda asked: None
    spec = {"url": server.url, "method": "POST", "body": "x", "idempotent": True}
    assert act("http", spec, key="k", **POST, **scoped(server))["failure"] == "transient"
    server.says({})
    assert act("http", spec, key="k", **POST, **scoped(server))["status"] == "succeeded"
    assert [each.headers["idempotency-key"] for each in server.asked] == ["k", "k"]


def test_a_refused_post_may_be_tried_again(act: Act, server: Server) -> None:
    spec = {"url": server.url, "method": "POST", "body": "x"}
    server.answer = lambda asked: (429, {"Retry-After": "1"}, b"")
    assert act("http", spec, key="k", **POST, **scoped(server))["failure"] == "transient"
    server.says({})
    assert act("http", spec, key="k", **POST, **scoped(server))["status"] == "succeeded"


def test_the_same_key_with_other_values_is_not_sent(act: Act, server: Server) -> None:
    server.says({})
    act("http", {"url": server.url, "method": "POST", "body": "x"}, key="k", **POST, **scoped(server))
    found = act("http", {"url": server.url, "method": "POST", "body": "y"}, key="k", **POST, **scoped(server))
    assert (found["failure"], len(server.asked)) == ("permanent", 1)


def test_secrets_go_to_their_host_only_and_show_nowhere(
    act: Act, server: Server, state: Any, settings: Callable[[str], None], tmp_path: Any
) -> None:
    file = tmp_path / "token"
    file.write_text("s3cr3t-value\n")
    file.chmod(0o600)
    settings(
        f'[secret.tok]\nfile = "{file}"\nhosts = ["{server.host}"]\n[secret.far]\nenv = "FAR"\nhosts = ["far.example"]\n'
    )
    act.environ["FAR"] = "f4r-value"
    server.answer = lambda asked: (
        200,
        {"Content-Type": "application/json", "X-Request-Id": asked.headers["authorization"]},
        json.dumps(asked.headers).encode(),
    )
    found = act("http", {"url": server.url, "secret": "tok"}, **GET, **scoped(server))
    assert server.asked[0].headers["authorization"] == "Bearer s3cr3t-value"
    assert "s3cr3t" not in json.dumps(found)
    assert "[secret tok]" in json.dumps(found)
    server.answer = lambda asked: (403, {}, f"bad token {asked.headers['authorization']}".encode())
    found = act(
        "http",
        {"url": server.url, "secret": {"name": "tok", "header": "X-Token", "prefix": ""}, "method": "POST"},
        **POST,
        **scoped(server),
    )
    assert server.asked[-1].headers["x-token"] == "s3cr3t-value" or found["status"] == "failed"
    refused = act("http", {"url": server.url, "secret": "far"}, **GET, **scoped(server))
    assert ("is not for" in refused["reason"], refused["failure"]) == (True, "permanent")
    with state.read() as tx:
        for table in ("wf_sent", "wf_audit", "net_request", "record", "decision"):
            assert "s3cr3t" not in repr(tx.execute(f"SELECT * FROM {table}").fetchall())
    file.chmod(0o644)
    assert "others may read" in act("http", {"url": server.url, "secret": "tok"}, **GET, **scoped(server))["reason"]


def test_a_systemd_credential(act: Act, server: Server, settings: Callable[[str], None], tmp_path: Any) -> None:
    (tmp_path / "creds").mkdir()
    (tmp_path / "creds" / "tok").write_text("cred-value")
    settings('[secret.tok]\ncredential = "tok"\nhosts = ["127.0.0.1"]\n')
    act.environ["CREDENTIALS_DIRECTORY"] = str(tmp_path / "creds")
    server.says({})
    assert act("http", {"url": server.url, "secret": "tok"}, **GET, **scoped(server))["status"] == "succeeded"
    assert server.asked[0].headers["authorization"] == "Bearer cred-value"


def test_redirects_are_judged_again(act: Act, server: Server, settings: Callable[[str], None]) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    server.answer = lambda asked: (302, {"Location": f"{other}/on"}, b"") if asked.path == "/a" else (200, {}, b"there")
    found = act("http", {"url": f"{server.url}/a"}, **GET, **scoped(server))
    assert "is a redirect" in found["reason"]
    found = act("http", {"url": f"{server.url}/a", "redirects": True}, **GET, **scoped(server))
    assert "outside the scope" in found["reason"]
    assert [each.path for each in server.asked] == ["/a", "/a"]
    wide = (f"host:{server.host}", "host:localhost")
    found = act("http", {"url": f"{server.url}/a", "redirects": True}, scope=wide, **GET)
    assert found["output"]["body"] == "there"
    settings('[secret.tok]\nenv = "TOK"\nhosts = ["127.0.0.1", "localhost"]\n')
    act.environ["TOK"] = "t"
    found = act("http", {"url": f"{server.url}/a", "redirects": True, "secret": "tok"}, scope=wide, **GET)
    assert "would take a secret along" in found["reason"]


def test_giant_and_odd_answers(act: Act, server: Server) -> None:
    server.answer = lambda asked: (200, {}, b"x" * 300_000)
    found = act("http", {"url": server.url}, **GET, **scoped(server))
    assert ("longer than 262144 bytes" in found["reason"], found["failure"]) == (True, "permanent")
    server.answer = lambda asked: (200, {"Content-Type": "application/json"}, b"{broken")
    assert act("http", {"url": server.url}, **GET, **scoped(server))["output"]["body"] == "{broken"
    server.answer = lambda asked: (200, {"Content-Type": "image/png"}, b"\x89PNG\xff")
    assert act("http", {"url": server.url}, **GET, **scoped(server))["output"]["body"] == {"base64": "iVBOR/8="}
    server.answer = lambda asked: (200, {"Content-Type": "text/plain; charset=latin-1"}, b"\xe4")
    assert act("http", {"url": server.url}, **GET, **scoped(server))["output"]["body"] == "ä"
    server.answer = lambda asked: (200, {"Content-Type": "text/plain; charset=idna"}, b"\xe4")
    assert act("http", {"url": server.url}, **GET, **scoped(server))["status"] == "succeeded"


@pytest.fixture
def drip() -> Any:
    """A server that sends a byte every tenth of a second, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.is_set():
                    connection.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


def test_a_server_that_drips_is_left(act: Act, drip: str) -> None:
    began = time.monotonic()
    found = act("http", {"url": drip}, timeout_s=0.4, scope=("host:127.0.0.1",), **GET)
    assert (found["failure"], "not done after 0.4 s" in found["reason"]) == ("transient", True)
    assert time.monotonic() - began < 3


def test_asked_to_stop_it_stops(act: Act, drip: str) -> None:
    threading.Timer(0.2, act.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        act("http", {"url": drip}, timeout_s=60, scope=("host:127.0.0.1",), **GET)
    assert time.monotonic() - began < 3


def test_headers_no_value_can_break(act: Act, server: Server) -> None:
    server.says({})
    spec = {"url": server.url, "headers": {"X-Name": "${event.x}"}}
    for value in ("a\r\nX-Evil: 1", "a\nb", "\x7f", "€"):
        found = act("http", spec, values={"event": {"x": value}}, **GET, **scoped(server))
        assert (found["failure"], server.asked) == ("permanent", [])
    assert act("http", spec, values={"event": {"x": "plain"}}, **GET, **scoped(server))["status"] == "succeeded"
    assert server.asked[0].headers["x-name"] == "plain"
    for name in ("Host", "Authorization", "Cookie", "Content-Length", "Idempotency-Key", "X Y", "X:Y"):
        assert [each.code for each in read("http", {"url": "https://x", "headers": {name: "v"}})[1]] == ["bad_header"]


def test_a_dry_run_sends_nothing(act: Act, server: Server, tmp_path: Any) -> None:
    from roadmap_cli.state.identity import KeySource
    from roadmap_cli.state.store import State

    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "dry.db", mode="write", keys=keys, now=lambda: NOW, dry_run=True) as dry:
        act.state = dry
        with pytest.MonkeyPatch.context():
            found = act("http", {"url": "http://api.example/"}, scope=("host:api.example",), **GET)
    assert "dry run" in found["reason"]


def test_on_the_state_of_a_thread(act: Act, server: Server, state: Any) -> None:
    """The runner gives each thread a further connection; the request in turn takes one of its own."""
    server.says({})
    with state.sibling() as own:
        act.state = own
        assert act("http", {"url": server.url}, **GET, **scoped(server))["status"] == "succeeded"
