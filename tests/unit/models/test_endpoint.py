"""Endpoints: llama-cpp-python's own server as the real peer, and a server that answers whatever we say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable, UsageError
from roadmap_cli.models import ledger as ledgers
from roadmap_cli.models import registry
from roadmap_cli.models.conversation.chat import Chat, Infill, Options, ToolCall
from roadmap_cli.models.conversation.selection import open_chat
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.net import audit
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import State

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
ASK = [{"role": "user", "content": "What is the capital of France?"}]
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 4},
}
Opening = Callable[..., Chat]


@pytest.fixture
def opening(tmp_path: Path, state: State, ledger: Ledger) -> Iterator[Opening]:
    """Open an endpoint at a URL, with more lines of configuration."""
    transport = Transport(state, command="test", offline=False, now=lambda: AT, sleep=lambda seconds: None)

    def opened(url: str, extra: str = "", **environ: str) -> Chat:
        folder = tmp_path / ".config" / "roadmap"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "models.toml").write_text(f'[endpoint.test]\nurl = "{url}"\nmodel = "m"\ntimeout_s = 60\n{extra}')
        return open_chat("test", environ={"HOME": str(tmp_path), **environ}, ledger=ledger, transport=transport)

    yield opened
    transport.close()


@pytest.fixture
def faulty() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            server.seen.append((dict(self.headers), json.loads(body)))
            status, kind, data, length = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length or len(data)))
            self.send_header("Connection", "close")  # else the next request may be sent while it is being closed
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        seen: list[Any] = []  # noqa: RUF012
        answers: list[tuple[int, str, bytes, int | None]] = []  # noqa: RUF012

        def says(self, status: int, data: bytes, kind: str = "application/json", length: int | None = None) -> None:
            self.answers = [*self.answers, (status, kind, data, length)]

        @property
        def url(self) -> str:
            return f"http://127.0.0.1:{self.server_port}/v1"

    server = Server(("127.0.0.1", 0), Handler)
    server.seen, server.answers = [], []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + (e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n\n" for e in events)


def test_what_is_sent_and_what_it_costs(faulty: Any, opening: Opening, state: State, tmp_path: Path) -> None:
    faulty.says(200, json.dumps(GOOD).encode())
    key = tmp_path / "key"
    key.write_text("sk-secret\n")
    key.chmod(0o600)
    chat = opening(faulty.url, f'key_file = "{key}"\nprice_in = 0.5\nprice_out = 2.0\ncurrency = "EUR"\n')
    reply = chat.complete(ASK, max_tokens=9, schema=None, stop=["\n"])
    assert (reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens) == ("Paris.", "stop", 10, 4)
    assert (reply.price_microunits, reply.currency) == (13, "EUR")
    headers, body = faulty.seen[0]
    assert headers["Authorization"] == "Bearer sk-secret"
    assert (body["model"], body["messages"], body["max_tokens"], body["stop"]) == ("m", ASK, 9, ["\n"])
    with state.read() as tx:
        everything = str(list(ledgers.calls(tx))) + str(list(audit.requests(tx)))
    assert "Paris." in everything
    assert "sk-secret" not in everything


def test_a_schema_goes_along_and_the_reply_is_judged(faulty: Any, opening: Opening) -> None:
    schema = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
    faulty.says(200, json.dumps(GOOD).encode())
    with pytest.raises(DataError, match="not JSON"):
        opening(faulty.url).complete(ASK, schema=schema)
    assert faulty.seen[0][1]["response_format"]["json_schema"]["schema"] == schema


def test_pieces_come_as_events(faulty: Any, opening: Opening) -> None:
    faulty.says(
        200,
        sse(
            {"choices": [{"delta": {"role": "assistant"}}]},
            {"choices": [{"delta": {"content": "Pa"}}]},
            {"choices": [{"delta": {"content": "ris é"}, "finish_reason": "length"}]},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
            b"[DONE]",
        ),
        "text/event-stream",
    )
    stream = opening(faulty.url).stream(ASK)
    assert list(stream) == ["Pa", "ris é"]
    assert (stream.reply.finish, stream.reply.completion_tokens) == ("length", 2)


@pytest.mark.parametrize(
    ("status", "data", "error", "words"),
    [
        (401, b'{"error": {"message": "Incorrect API key."}}', ConfigError, r"does not accept the key \(401\): Incorrect API key$"),
        (403, b"", ConfigError, "403"),
        (404, b'{"detail": "Not Found"}', ConfigError, "does not know 'm'"),
        (400, b'{"error": {"message": "context_length_exceeded"}}', DataError, "context_length_exceeded"),
        (418, b"<html>", Unavailable, "418"),
        (429, b"", TryLater, "asked too often"),
        (500, b"", TryLater, "500"),
        (503, b"", TryLater, "503"),
        (200, b"<html>", Unavailable, "not JSON"),
        (200, b"[]", Unavailable, "not an object"),
        (200, b"{}", Unavailable, "no choices"),
        (200, b'{"choices": [{}]}', Unavailable, "no text"),
        (200, b'{"error": {"message": "overloaded"}}', Unavailable, "overloaded"),
    ],
)  # fmt: skip
def test_each_failure_is_its_own_error(
    faulty: Any, opening: Opening, status: int, data: bytes, error: type[RoadmapError], words: str
) -> None:
    faulty.says(status, data)
    with pytest.raises(error, match=words):
        opening(faulty.url).complete(ASK)


@pytest.mark.parametrize("data", [sse({"choices": [{"delta": {"content": "Pa"}}]}), sse(b"{broken"), b""])
def test_events_that_stop_in_the_middle(faulty: Any, opening: Opening, data: bytes) -> None:
    faulty.says(200, data, "text/event-stream")
    with pytest.raises(Unavailable):
        list(opening(faulty.url).stream(ASK))


TOOL = {
    "name": "add",
    "description": "Add.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}


def delta(**what: Any) -> dict[str, Any]:
    return {"choices": [{"delta": what}]}


def piece(arguments: str | None, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def test_tools_go_along_and_their_calls_come_back(faulty: Any, opening: Opening, state: State) -> None:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [piece('{"a": 1}', "add", id="1"), {"odd": 1}, piece("{}", "sub", id="2")],
    }
    faulty.says(200, json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode())
    chat = opening(faulty.url, "tools = true")
    reply = chat.complete(ASK, tools=[TOOL], tool="add")
    assert reply.calls == (ToolCall("add", '{"a": 1}'), ToolCall("sub", "{}"))
    assert (reply.text, reply.finish) == ("", "tool_calls")
    body = faulty.seen[0][1]
    assert body["tools"] == [{"type": "function", "function": TOOL}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    chat.complete(ASK, tools=[TOOL])
    assert faulty.seen[1][1]["tool_choice"] == "auto"
    chat.complete(ASK)
    assert "tools" not in faulty.seen[2][1]
    with state.read() as tx:
        first, _, last = ledgers.calls(tx)
    assert first["output"]["tool_calls"] == [["add", '{"a": 1}'], ["sub", "{}"]]
    assert first["input"]["options"]["tool"] == "add"
    assert "tools" not in last["input"]["options"]


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ([delta(tool_calls=[piece("", "add", index=0, id="1")]), delta(tool_calls=[piece('{"a":', index=0)]), delta(tool_calls=[piece("1}", index=0)])],
         [("add", '{"a":1}')]),
        ([delta(tool_calls=[piece('{"a"', "add", index=0)]), delta(tool_calls=[piece(":2}", "add", index=0)])], [("add", '{"a":2}')]),
        ([delta(tool_calls=[piece("{", "add", index=0), piece("[", "sub", index=1)]), delta(tool_calls=[piece("]", index=1)]),
          delta(tool_calls=[piece("}", index=0)])], [("add", "{}"), ("sub", "[]")]),
        ([delta(tool_calls=[piece("{", "add", id="x")]), delta(tool_calls=[piece("}")])], [("add", "{}")]),
        ([delta(tool_calls=[piece("{", "add", id="x")]), delta(tool_calls=[piece("{}", "sub", id="y")]), delta(tool_calls=[piece("}", id="x")])],
         [("add", "{}"), ("sub", "{}")]),
        ([delta(tool_calls=[{"index": 0, "function": {"name": "add", "arguments": {"a": 3}}}])], [("add", '{"a": 3}')]),
        ([delta(tool_calls=None), delta(tool_calls="x"), delta(tool_calls=[None, {"index": []}, {"function": 3}]), delta(content="text")], []),
        ([delta(tool_calls=[piece("{}", f"f{number}", index=number)]) for number in range(99)], [(f"f{number}", "{}") for number in range(64)]),
    ],
)  # fmt: skip
def test_calls_in_pieces_are_put_together(
    faulty: Any, opening: Opening, events: list[Any], calls: list[tuple[str, str]]
) -> None:
    faulty.says(
        200, sse(*events, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, b"[DONE]"), "text/event-stream"
    )
    stream = opening(faulty.url, "tools = true").stream(ASK, tools=[TOOL])
    assert "".join(stream) == ("" if calls else "text")
    assert [(call.name, call.arguments) for call in stream.reply.calls] == calls


def test_half_a_surrogate_pair_is_no_text_and_does_no_harm(faulty: Any, opening: Opening) -> None:
    faulty.says(200, b'{"choices": [{"message": {"content": "a\\ud800b \\ud83d\\ude00"}, "finish_reason": "stop"}]}')
    assert opening(faulty.url).complete(ASK).text == "a\ufffdb \U0001f600"


def test_tools_are_refused_where_nobody_takes_them(faulty: Any, opening: Opening, loaded: Chat) -> None:
    for chat in (opening(faulty.url), loaded):
        with pytest.raises(UsageError, match="takes no tools"):
            chat.complete(ASK, tools=[TOOL])
        with pytest.raises(UsageError, match="fill gaps"):
            chat.ask(Infill("a", "b"), Options())
    with pytest.raises(UsageError, match="no tool of the name"):
        opening(faulty.url, "tools = true").complete(ASK, tools=[TOOL], tool="sub")
    assert not faulty.seen


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("infill = 'suffix'", {"prompt": "x = ", "suffix": "\n"}),
        ("infill = ['<P>', '<S>', '<M>']", {"prompt": "<P>x = <S>\n<M>"}),
    ],
)  # fmt: skip
def test_a_gap_is_filled_over_the_completions_route(
    faulty: Any, opening: Opening, state: State, extra: str, body: dict[str, str]
) -> None:
    faulty.says(
        200,
        json.dumps(
            {"choices": [{"text": "1", "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
        ).encode(),
    )
    faulty.says(
        200,
        sse({"choices": [{"text": "1"}]}, {"choices": [{"text": "2", "finish_reason": "length"}]}, b"[DONE]"),
        "text/event-stream",
    )
    chat = opening(faulty.url, extra)
    reply = chat.ask(Infill("x = ", "\n"), Options(max_tokens=5))
    assert (reply.text, reply.completion_tokens) == ("1", 1)
    sent = faulty.seen[0][1]
    assert {name: sent[name] for name in body} == body
    assert "messages" not in sent
    assert chat.ask(Infill("x = ", "\n"), Options(max_tokens=5)).text == "12"
    with state.read() as tx:
        assert [call["input"]["infill"] for call in ledgers.calls(tx)] == [{"before": "x = ", "after": "\n"}] * 2
    if "[" in extra:
        with pytest.raises(DataError, match="mark"):
            chat.ask(Infill("<M>", ""), Options())


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("tools = 1", "tools is true or false"),
        ("infill = 3", "infill is"),
        ("infill = ['a', 'b']", "infill is"),
        ("infill = ['a', 'b', '']", "infill is"),
        ("width = 0", "width is a whole number"),
        ("width = true", "width is a whole number"),
        ("context_size = 'large'", "context_size is a whole number"),
    ],
)
def test_what_an_endpoint_says_of_itself_is_looked_at(opening: Opening, extra: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        opening("http://127.0.0.1:9", extra)


def test_a_body_cut_off_is_an_error(faulty: Any, opening: Opening) -> None:
    faulty.says(200, json.dumps(GOOD).encode()[:20], length=500)
    with pytest.raises(Unavailable, match="broke off"):
        opening(faulty.url).complete(ASK)


def test_busy_for_a_moment_is_no_error(faulty: Any, opening: Opening) -> None:
    faulty.says(429, b"")
    faulty.says(503, b"")
    faulty.says(200, json.dumps(GOOD).encode())
    assert opening(faulty.url).complete(ASK).text == "Paris."
    assert len(faulty.seen) == 3


def test_another_machine_needs_a_permission(opening: Opening, state: State) -> None:
    with pytest.raises(ConfigError) as caught:
        opening("https://api.example.org/v1").complete(ASK)
    assert caught.value.hint == "roadmap-permit add api.example.org --purpose model-call --kind slm.prompt"
    with state.read() as tx:
        (call,) = ledgers.calls(tx)
    assert call["error"].startswith("not_permitted: ")


def test_keys_that_are_none(opening: Opening, tmp_path: Path) -> None:
    open_key = tmp_path / "open"
    open_key.write_text("sk-1")
    open_key.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read") as caught:
        opening("http://127.0.0.1:9", f'key_file = "{open_key}"')
    assert caught.value.hint == f"chmod 600 {open_key}"
    with pytest.raises(ConfigError, match="cannot be read"):
        opening("http://127.0.0.1:9", 'key_file = "/nowhere/key"')
    with pytest.raises(ConfigError, match="TEST_KEY"):
        opening("http://127.0.0.1:9", 'key_env = "TEST_KEY"')
    with pytest.raises(ConfigError, match="no key holds"):
        opening("http://127.0.0.1:9", 'key_env = "TEST_KEY"', TEST_KEY="a\nb")
    with pytest.raises(ConfigError, match="in the open") as told:
        opening("http://127.0.0.1:9", 'key = "sk-very-secret"')
    assert "sk-very-secret" not in str(told.value)


@pytest.fixture(scope="module")
def served(weights: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's OpenAI-compatible server with the default model."""
    if any(
        find_spec(name) is None
        for name in ("fastapi", "uvicorn", "sse_starlette", "starlette_context", "pydantic_settings")
    ):
        pytest.skip("the peer needs fastapi, uvicorn, sse-starlette, starlette-context and pydantic-settings")
    found = registry.load(weights)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("server") / "log").open("w+")
    words = [
        "-m",
        "llama_cpp.server",
        "--model",
        str(found.file(found.model("smollm2-135m-instruct"))),
        "--host",
        "127.0.0.1",
    ]
    words += ["--port", str(port), "--n_ctx", "1024", "--n_threads", "1"]
    process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                log.seek(0)
                pytest.fail(f"the server ended: {log.read()[-2000:]}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def test_a_real_server_answers_whole_and_in_pieces(served: str, opening: Opening) -> None:
    chat = opening(served)
    reply = chat.complete(ASK, max_tokens=12)
    assert reply.text
    assert reply.prompt_tokens == 37
    assert reply.completion_tokens is not None
    assert 1 <= reply.completion_tokens <= 12
    stream = chat.stream(ASK, max_tokens=12)
    assert len(list(stream)) > 1
    assert stream.reply.text


def test_a_real_server_keeps_to_a_schema(served: str, opening: Opening) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    chat = opening(served, 'schema_as = "json_object"')
    assert chat.complete(ASK, max_tokens=40, schema=schema).value["city"] in ("Paris", "Rome")
