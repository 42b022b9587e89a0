"""Chat with a model that a running slm-serve keeps in memory: one socket, JSON Lines both ways, hardly any start-up.

A connection begins as HTTP and is upgraded with its first line already behind it, so that opening a model is one
round trip. The server writes the ledger: whoever asks a warm server need not open the state.
Imports neither an HTTP client nor an event loop.
"""

from __future__ import annotations

import _socket as socket  # half the time of the module around it, of which nothing is used
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import paths
from roadmap_cli.core.errors import (
    CannotCreate,
    ConfigError,
    DataError,
    InputMissing,
    RoadmapError,
    TryLater,
    Unavailable,
    UsageError,
)
from roadmap_cli.models.conversation.batch import Batch
from roadmap_cli.models.conversation.chat import Asked, Chat, Infill, Message, Options, Reply, Tally, allow, check_asked

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger

PROTOCOL = "roadmap-lines"
#: Longest wait for a server that accepts connections but does not say who it is.
HELLO_TIMEOUT_S = 5.0
#: Longest silence in the middle of a conversation; a model may be loading, or a long prompt be read.
ANSWER_TIMEOUT_S = 600.0
_LONGEST_ADDRESS = 100
#: How often a wait that may be broken off is.
_LOOK_S = 0.2
_ERRORS: dict[int, type[RoadmapError]] = {
    int(kind.exit): kind
    for kind in (UsageError, DataError, InputMissing, Unavailable, CannotCreate, TryLater, ConfigError)
}


def address(path: Path) -> tuple[str, int | None]:
    """What to bind or connect to for a socket at `path`, and a descriptor to close afterwards, if any.

    The kernel takes at most 107 bytes; a longer path is reached through a descriptor of its folder. Raises OSError.
    """
    name = os.fspath(path)
    if len(os.fsencode(name)) <= _LONGEST_ADDRESS:
        return name, None
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{folder}/{path.name}", folder


def connect(path: Path, timeout_s: float = HELLO_TIMEOUT_S) -> socket.socket | None:
    """A connection to the server at `path`; None if there is none, or it is not this user's."""
    if not path.exists():
        return None
    held: int | None = None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        name, held = address(path)
        connection.settimeout(timeout_s)
        connection.connect(name)
    except OSError:
        connection.close()
        return None
    finally:
        if held is not None:
            os.close(held)
    return connection


class Lines:
    """Objects over a connection, one a line."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        self._connection = connection
        self._where = where
        self._held = b""
        self._ready: deque[bytes] = deque()

    def send(self, value: Mapping[str, Any]) -> None:
        """Send one object. Raises Unavailable if the server is gone."""
        import orjson

        try:
            self._connection.sendall(orjson.dumps(value) + b"\n")
        except OSError as error:
            raise self.gone(error) from None

    def receive(self) -> dict[str, Any]:
        """The next object. Raises Unavailable if the server is gone or silent for too long."""
        while not self._ready:
            self._fill()
        return self._object(self._ready.popleft())

    def waiting(self) -> bool:
        """Whether an object has arrived already."""
        return bool(self._ready)

    def arrives(self, seconds: float) -> bool:
        """Whether something has arrived, or does within so many seconds."""
        import select

        return bool(self._ready) or bool(select.select([self._connection], [], [], seconds)[0])

    def skip_head(self) -> bool:
        """Read the head of the answer to an upgrade; False if the server did not agree."""
        while b"\r\n\r\n" not in self._held:
            piece = self._connection.recv(1 << 16)
            if not piece:
                return False
            self._held += piece
        head, _, rest = self._held.partition(b"\r\n\r\n")
        self._held = b""
        self._split(rest)
        return head.startswith(b"HTTP/1.1 101")

    def close(self) -> None:
        """End the connection: the server stops what it does for it."""
        self._connection.close()

    def set_timeout(self, seconds: float) -> None:
        """Longest wait for the next piece."""
        self._connection.settimeout(seconds)

    def gone(self, error: OSError | None = None) -> Unavailable:
        """What is said when the server went away."""
        reason = "no answer for too long" if isinstance(error, TimeoutError) else "it went away"
        return Unavailable(f"slm-serve: {reason}", where=self._where, hint="slm-serve status", code="server_gone")

    def _fill(self) -> None:
        try:
            piece = self._connection.recv(1 << 16)
        except OSError as error:
            raise self.gone(error) from None
        if not piece:
            raise self.gone()
        self._split(piece)

    def _split(self, piece: bytes) -> None:
        *whole, self._held = (self._held + piece).split(b"\n")
        self._ready.extend(line for line in whole if line)

    def _object(self, line: bytes) -> dict[str, Any]:
        import orjson

        try:
            value = orjson.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Unavailable("slm-serve answers what is no object", where=self._where, code="bad_reply")
        return value


class _Opened:
    """A connection on which the server has agreed to answer for one model."""

    def __init__(self, lines: Lines, hello: Mapping[str, Any]) -> None:
        self.lines = lines
        self.name = str(hello["model"])
        self.width = int(hello.get("width") or 1)
        self.next = 0

    def ask(self, key: int, messages: Sequence[Message], options: Options, **more: Any) -> None:
        """Send a prompt under a key."""
        self.lines.send({"key": key, "messages": list(messages), "options": plain(options), **more})

    def count(self, **what: Any) -> tuple[int, int]:
        """Tokens of something, and the model's context; loads the model. Not while prompts are in flight."""
        self.next -= 1
        self.lines.send({"key": self.next, "count": what})
        answer = self.lines.receive()
        if "failed" in answer:
            raise failure(answer["failed"])
        return int(answer["count"]), int(answer["context_size"])


def open_model(
    name: str | None, *, environ: Mapping[str, str], ledger: Ledger | None, width: int = 1
) -> _Opened | None:
    """Ask a running server for a model; None if there is no server, or it does not serve this model to us.

    `name` None is the server's default, which must be the same as ours: the server compares where both look for
    models and settings. Raises what the server says of a model that it knows and cannot serve.
    """
    if environ.get("ROADMAP_WARM") == "never":
        return None
    state = ledger.place if ledger is not None and ledger.place is not None else paths.state_file(environ)
    path = paths.slm_socket(environ, state)
    connection = connect(path)
    if connection is None:
        return None
    lines = Lines(connection, os.fspath(path))
    hello = {
        "model": name if name is None or ("/" not in name and not name.endswith(".gguf")) else os.path.realpath(name),
        "given": name,
        "models": os.path.realpath(paths.models_directory(environ)),
        "settings": os.path.realpath(paths.config_directory(environ)),
        "width": width,
    }
    if ledger is not None:
        hello |= {"state": os.path.realpath(state), "command": ledger.command, "run_id": ledger.run_id}
    head = f"GET /slm/lines HTTP/1.1\r\nHost: slm\r\nConnection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n"
    import orjson

    try:
        connection.sendall(head.encode() + orjson.dumps({"hello": hello}) + b"\n")
        agreed = lines.skip_head()
        answer = lines.receive() if agreed else {}
    except (OSError, Unavailable):
        answer = {}
    if not isinstance(answer.get("hello"), dict):
        lines.close()
        if isinstance(answer.get("failed"), dict):
            raise failure(answer["failed"])
        return None
    lines.set_timeout(ANSWER_TIMEOUT_S)
    return _Opened(lines, answer["hello"])


class WarmChat(Chat):
    """A model of a running slm-serve, as any other chat. The server writes the ledger."""

    def __init__(self, opened: _Opened, ledger: Ledger | None) -> None:
        super().__init__(opened.name, "local", None, charged=ledger)
        self._opened = opened
        self._context_size: int | None = None

    @property
    def context_size(self) -> int:
        """Tokens that prompt and reply may have together."""
        if self._context_size is None:
            self.count_tokens("")
        assert self._context_size is not None
        return self._context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is."""
        count, self._context_size = self._opened.count(text=text)
        return count

    def count_prompt_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        """How many tokens a conversation is, with what the model's template puts around it."""
        count, self._context_size = self._opened.count(messages=[dict(message) for message in messages])
        return count

    def close(self) -> None:
        """End the connection; the model stays warm."""
        self._opened.lines.close()

    def _generate(self, messages: Asked, options: Options, tally: Tally, piecewise: bool) -> Iterator[str]:
        assert not isinstance(messages, Infill)  # refused before: the server's language has no word for it
        opened = self._opened
        opened.next += 1
        key, finished = opened.next, False
        opened.ask(key, messages, options, piecewise=piecewise, purpose=tally.purpose)
        try:
            while not finished:
                answer = opened.lines.receive()
                if answer.get("key") != key:  # the rest of a prompt that was given up
                    continue
                if "piece" in answer:
                    yield answer["piece"]
                    continue
                finished = True
                if "failed" in answer:
                    raise failure(answer["failed"])
                done = answer["done"]
                fill(tally, done)
                if done.get("text"):
                    yield done["text"]
        finally:
            if not finished:
                with suppress(Unavailable):
                    opened.lines.send({"cancel": key})


class WarmBatch(Batch):
    """Many prompts in flight at a running slm-serve, answered as they finish."""

    is_estimate = False

    def __init__(self, opened: _Opened, ledger: Ledger | None, *, purpose: str = "batch") -> None:
        self.name = opened.name
        self.width = opened.width
        self._opened = opened
        self._purpose = purpose
        self._charged = ledger
        self._flying: dict[int, tuple[int, Options]] = {}
        self._context_size: int | None = None

    @property
    def flying(self) -> int:
        """Prompts without an answer yet."""
        return len(self._flying)

    @property
    def context_size(self) -> int | None:
        """Tokens that prompt and reply may have together."""
        if self._context_size is None:
            self.count_tokens("")
        return self._context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is. Not while prompts are in flight."""
        count, self._context_size = self._opened.count(text=text)
        return count

    def submit(self, key: int, messages: Sequence[Message] | Infill, options: Options) -> None:
        """Send a prompt. Raises DataError and UsageError at once for what is none."""
        options.check()
        checked = check_asked(messages, takes_infill=False)
        assert not isinstance(checked, Infill)
        if self._charged is not None and self._charged.accounts:
            allow(self._charged, checked, options, self.price)
        self._opened.next += 1
        self._flying[self._opened.next] = (key, options)
        self._opened.ask(self._opened.next, checked, options, piecewise=False, purpose=self._purpose)

    def wait(self, stop: Callable[[], bool] | None = None) -> list[tuple[int, Reply | RoadmapError]]:
        """Block until at least one prompt is answered; those that are. Nothing in flight gives nothing."""
        found: list[tuple[int, Reply | RoadmapError]] = []
        lines = self._opened.lines
        while self._flying and (not found or lines.waiting()):
            if stop and not lines.arrives(_LOOK_S):
                if stop():
                    break
                continue
            answer = lines.receive()
            ours = self._flying.pop(answer.get("key", 0), None)
            if ours is None:
                continue
            key, options = ours
            found.append((key, self._result(answer, options)))
        return found

    def close(self) -> None:
        """End the connection: what is in flight is given up, the model stays warm."""
        self._opened.lines.close()

    def _result(self, answer: Mapping[str, Any], options: Options) -> Reply | RoadmapError:
        if "failed" in answer:
            return failure(answer["failed"])
        tally, done = Tally(), answer["done"]
        fill(tally, done)
        text, value = str(done.get("text") or ""), None
        if options.schema is not None:
            from roadmap_cli.models.conversation import constrained

            try:
                value = constrained.judge(text, options.schema, cut_off=tally.finish == "length")
            except RoadmapError as error:
                return error
        return Reply(
            text=text,
            model=self.name,
            finish=tally.finish,
            latency_ms=int(done.get("latency_ms") or 0),
            prompt_tokens=tally.prompt_tokens,
            completion_tokens=tally.completion_tokens,
            cached_tokens=tally.cached_tokens,
            price_microunits=0,
            value=value,
            call_id=tally.call_id,
        )


def fill(tally: Tally, done: Mapping[str, Any]) -> None:
    """What the server said of a finished reply."""
    tally.finish = str(done.get("finish") or "stop")
    tally.prompt_tokens = done.get("prompt_tokens")
    tally.completion_tokens = done.get("completion_tokens")
    tally.cached_tokens = int(done.get("cached_tokens") or 0)
    tally.call_id = done.get("call_id")


def plain(options: Options) -> dict[str, Any]:
    """Options as an object."""
    return {
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        "stop": list(options.stop),
        "schema": dict(options.schema) if options.schema is not None else None,
    }


def told(error: RoadmapError) -> dict[str, Any]:
    """An error as an object; `failure` makes it an error again."""
    found = {"exit": int(error.exit), "code": error.code, "message": error.message}
    return found | {name: value for name, value in (("hint", error.hint), ("where", error.where)) if value}


def failure(told: Mapping[str, Any]) -> RoadmapError:
    """The error that an object tells of."""
    kind = _ERRORS.get(int(told.get("exit") or 0), Unavailable)
    return kind(
        str(told.get("message") or "slm-serve reports an error without words"),
        where=told.get("where"),
        hint=told.get("hint"),
        code=told.get("code"),
    )
