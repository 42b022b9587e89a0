"""The guarded transport against a real server: permission, audit, redirects, retries, limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from roadmap_cli.core.errors import ConfigError, RoadmapError, TryLater, Unavailable
from roadmap_cli.net import addresses, backoff, permissions, routes
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import State

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
Audited = Callable[[], list[dict[str, Any]]]


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    def send(handler: Any) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def in_turn(*answers: Callable[[Any], None]) -> Callable[[Any], None]:
    left = list(answers)
    return lambda handler: left.pop(0)(handler)


def cut_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"only this")
    handler.wfile.flush()
    handler.close_connection = True


def test_this_machine_needs_no_permission_but_is_written_down(
    server: Any, transport: Transport, audited: Audited
) -> None:
    response, body = transport.request(
        "POST", server.url + "/x?token=secret#f", purpose="p", kinds=["a.b"], content=b"data", headers={"X-Y": "z"}
    )
    assert (response.status, body) == (200, b"hello")
    assert server.seen[0][0:2] == ("POST", "/x?token=secret")
    assert server.seen[0][2]["x-y"] == "z"
    assert server.seen[0][2]["host"] == server.url.removeprefix("http://")
    (row,) = audited()
    assert row["url"] == server.url + "/x"
    assert row["host"] == "127.0.0.1"
    assert (row["bytes_out"], row["bytes_in"], row["status"], row["outcome"]) == (4, 5, 200, "done")
    assert row["record_kinds"] == ["a.b"]


def test_the_row_is_committed_before_anything_is_sent(server: Any, transport: Transport, state: State) -> None:
    seen: list[str] = []

    def look(handler: Any) -> None:
        with state.another() as other:
            seen.extend(row[0] for row in other.execute("SELECT outcome FROM net_request"))
        answer(200, b"ok")(handler)

    server.answer = look
    transport.request("GET", server.url, purpose="p")
    assert seen == ["sending"]


def test_without_permission_nothing_is_sent_and_the_hint_permits_it(
    transport: Transport, state: State, audited: Audited
) -> None:
    with pytest.raises(ConfigError) as caught:
        transport.request("POST", "https://api.example.org/v1", purpose="model-call", kinds=["slm.prompt"])
    assert caught.value.hint == "roadmap-permit add api.example.org --purpose model-call --kind slm.prompt"
    assert caught.value.code == "not_permitted"
    assert [row["outcome"] for row in audited()] == ["refused"]
    with state.write() as tx:
        permission = permissions.grant(tx, host="api.example.org", purpose="model-call", kinds=["slm.prompt"], at=AT)
    with pytest.raises(RoadmapError) as now:
        transport.request(
            "POST", "https://api.example.org/v1", purpose="model-call", kinds=["slm.prompt"], attempts=1, timeout_s=2
        )
    assert now.value.code != "not_permitted"
    assert audited()[-1]["permission_id"] == permission.id


def test_offline_refuses_other_machines_only(server: Any, state: State, audited: Audited) -> None:
    with Transport(state, command="test", offline=True, now=lambda: AT) as transport:
        assert transport.request("GET", server.url, purpose="p")[1] == b"hello"
        with pytest.raises(Unavailable, match="offline"):
            transport.request("GET", "https://example.org", purpose="p", named_by_user=True)
        with pytest.raises(Unavailable, match="offline"), transport.by_program("PIP", host="x", what="y", purpose="p"):
            pass
    assert [row["outcome"] for row in audited()] == ["done", "offline", "offline"]


def test_without_a_state_nothing_is_sent(server: Any) -> None:
    with Transport(None, command="test", offline=False, now=lambda: AT) as transport, pytest.raises(ConfigError):
        transport.request("GET", server.url, purpose="p")
    assert server.seen == []


def test_a_redirect_to_a_host_without_permission_is_refused(
    server: Any, transport: Transport, audited: Audited
) -> None:
    server.answer = answer(302, Location="https://elsewhere.example/take")
    with pytest.raises(ConfigError, match=r"elsewhere\.example"):
        transport.request("GET", server.url, purpose="p", headers={"Authorization": "Bearer secret"})
    assert [(row["host"], row["outcome"]) for row in audited()] == [
        ("127.0.0.1", "redirected"),
        ("elsewhere.example", "refused"),
    ]


def test_a_redirect_on_the_same_host_is_followed_and_each_hop_is_a_row(
    server: Any, transport: Transport, audited: Audited
) -> None:
    server.answer = in_turn(answer(303, Location="/there"), answer(200, b"there"))
    assert transport.request("POST", server.url + "/here", purpose="p", content=b"x")[1] == b"there"
    assert [seen[:2] for seen in server.seen] == [("POST", "/here"), ("GET", "/there")]
    assert [row["outcome"] for row in audited()] == ["redirected", "done"]


def test_secrets_do_not_follow_a_redirect_to_another_port(server: Any, transport: Transport) -> None:
    other = type(server)()
    try:
        server.answer = answer(307, Location=other.url + "/x")
        transport.request("GET", server.url, purpose="p", headers={"Authorization": "Bearer secret", "X-Keep": "1"})
    finally:
        other.http.shutdown()
        other.http.server_close()
    assert "authorization" in server.seen[0][2]
    assert "authorization" not in other.seen[0][2]
    assert other.seen[0][2]["x-keep"] == "1"


def test_redirects_without_end(server: Any, transport: Transport) -> None:
    server.answer = answer(302, Location="/again")
    with pytest.raises(Unavailable, match="without end"):
        transport.request("GET", server.url, purpose="p")
    assert len(server.seen) == 6


def test_a_named_host_may_send_on_only_to_encrypted_ones(server: Any, transport: Transport) -> None:
    server.answer = answer(302, Location="http://192.0.2.1/metadata")
    with pytest.raises(ConfigError, match="did not name"):
        transport.request("GET", server.url, purpose="p", named_by_user=True)


def test_busy_servers_are_asked_again_as_they_wish(
    server: Any, transport: Transport, pauses: list[float], audited: Audited
) -> None:
    later = "Mon, 23 Nov 2026 09:00:07 GMT"
    server.answer = in_turn(
        answer(429, Retry_After="3"), answer(503, Retry_After=later), answer(500), answer(200, b"ok")
    )
    assert transport.request("GET", server.url, purpose="p")[1] == b"ok"
    assert pauses[:2] == [3.0, 7.0]
    assert 1.0 <= pauses[2] <= 2.0
    assert [row["outcome"] for row in audited()] == ["busy", "busy", "busy", "done"]


def test_what_is_not_repeatable_is_repeated_only_if_nothing_was_done(server: Any, transport: Transport) -> None:
    server.answer = in_turn(answer(429), answer(500))
    with pytest.raises(TryLater, match="500"):
        transport.request("POST", server.url, purpose="p", content=b"x")
    assert len(server.seen) == 2


def test_a_wait_that_is_too_long_is_left_to_the_caller(server: Any, transport: Transport, pauses: list[float]) -> None:
    server.answer = answer(429, Retry_After="3600")
    with pytest.raises(TryLater) as caught:
        transport.request("GET", server.url, purpose="p")
    assert caught.value.hint == "it asks to wait: 3600"
    assert pauses == []


def test_nobody_listens(server: Any, transport: Transport, pauses: list[float], audited: Audited) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(Unavailable, match="no connection"):
        transport.request("POST", server.url, purpose="p", attempts=3)
    assert len(pauses) == 2
    assert {row["outcome"] for row in audited()} == {"no_connection"}


def test_an_answer_that_breaks_off(server: Any, transport: Transport, audited: Audited) -> None:
    server.answer = in_turn(cut_off, answer(200, b"whole"), cut_off)
    assert transport.request("GET", server.url, purpose="p")[1] == b"whole"
    with pytest.raises(Unavailable, match="broke off"):
        transport.request("POST", server.url, purpose="p", content=b"x")
    assert [row["outcome"] for row in audited()] == ["cut_off", "done", "cut_off"]


def test_an_answer_that_is_too_long(server: Any, transport: Transport) -> None:
    server.answer = answer(200, b"x" * 10_000)
    with pytest.raises(Unavailable, match="longer than 9999 bytes"):
        transport.request("GET", server.url, purpose="p", most_bytes=9_999)
    server.answer = answer(200, b"x" * 10_000)
    assert len(transport.request("GET", server.url, purpose="p", most_bytes=10_000)[1]) == 10_000


def test_an_answer_that_does_not_come(server: Any, transport: Transport) -> None:
    server.answer = lambda handler: (time.sleep(0.6), answer(200)(handler))
    with pytest.raises(TryLater, match=r"did not answer in 0\.2 s"):
        transport.request("GET", server.url, purpose="p", timeout_s=0.2, attempts=1)


@pytest.mark.parametrize("url", ["ftp://a.b/", "http://", "nonsense", "file:///etc/passwd", "http://a.b:99999/"])
def test_what_is_no_web_address(transport: Transport, url: str) -> None:
    with pytest.raises(ConfigError):
        transport.request("GET", url, purpose="p", named_by_user=True)


def test_user_and_password_in_a_url_are_not_written_down(server: Any, transport: Transport, audited: Audited) -> None:
    transport.request("GET", server.url.replace("://", "://user:word@"), purpose="p")
    assert "word" not in str(audited())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("evil.example", "127.0.0.1"),
        ("evil.example", "169.254.169.254"),
        ("evil.example", "::1"),
        ("evil.example", "0.0.0.0"),
        ("localhost", "10.0.0.1"),
    ],
)
def test_a_name_must_not_stand_for_this_machine(host: str, address: str) -> None:
    number = addresses.number(address)
    assert number is not None
    with pytest.raises(ConfigError):
        addresses.judge(host, number)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("notlocalhost", False),
    ],
)
def test_what_is_this_machine(host: str, expected: bool) -> None:
    assert addresses.is_loopback(host) is expected


def test_pauses_grow_and_vary() -> None:
    now = AT
    for attempt, (least, most) in enumerate([(0.25, 0.5), (0.5, 1), (1, 2), (2, 4)], 1):
        drawn = {backoff.pause(attempt, None, now) for _ in range(50)}
        assert least <= min(drawn) < max(drawn) <= most
        assert len(drawn) > 10
    assert backoff.pause(99, None, now) <= 60
    assert backoff.pause(1, "nonsense", now) <= 0.5


def test_proxies_follow_the_environment() -> None:
    environ = {"https_proxy": "http://proxy:3128", "NO_PROXY": "example.org, .internal", "HTTP_PROXY": "http://evil"}
    assert routes.proxy("https", "api.example.net", environ) == "http://proxy:3128"
    assert routes.proxy("https", "api.example.org", environ) is None
    assert routes.proxy("https", "notexample.org", environ) is not None
    assert routes.proxy("https", "x.internal", environ) is None
    assert routes.proxy("http", "api.example.net", environ) is None
    assert routes.proxy("https", "127.0.0.1", environ) is None
    assert routes.proxy("https", "a.b", {"ALL_PROXY": "http://p", "no_proxy": "*"}) is None


def test_a_dry_run_sends_nothing_to_others(tmp_path: Any) -> None:
    from roadmap_cli.core import clock
    from roadmap_cli.state.store import KeySource

    keys = KeySource({"HOME": str(tmp_path)}, None)
    with (
        State.open(tmp_path / "s.db", mode="write", keys=keys, now=clock.system, dry_run=True) as dry,
        Transport(dry, command="t", offline=False, now=lambda: AT) as transport,
        pytest.raises(Unavailable, match="dry run"),
    ):
        transport.request("GET", "https://example.org", purpose="p", named_by_user=True)
