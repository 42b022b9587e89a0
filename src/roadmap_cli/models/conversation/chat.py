"""Conversation with a model, wherever it runs: one interface, two kinds of provider, every call in the ledger.

A name is an installed model, an endpoint of the user's ``models.toml``, or the path of a GGUF file.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from roadmap_cli.core.errors import DataError, RoadmapError, UsageError

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger

Message = Mapping[str, str]
#: What is asked, once checked: the messages of a conversation, or text with a gap.
Asked: TypeAlias = "list[dict[str, str]] | Infill"
ROLES = frozenset({"system", "user", "assistant"})
#: The kind under which text that was never a record counts when it is sent to an endpoint.
PROMPT_KIND = "slm.prompt"
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Infill:
    """Text with a gap to be filled: what stands before it and what after."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for. `arguments` is JSON as the model wrote it, which need not be whole or fit."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Options:
    """How a reply is made. `temperature` 0 takes the likeliest token each time; `schema` is a JSON Schema.

    `tools` are functions the model may ask for, each with name, description and parameters (a JSON Schema), at
    endpoints that know of them; `tool` is the name of the one it has to ask for.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 0.95
    seed: int = 0
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool: str | None = None

    def check(self, *, takes_tools: bool = False) -> None:
        """Raise UsageError for values without meaning, or for tools where the model takes none."""
        if self.max_tokens < 1:
            raise UsageError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if not 0.0 <= self.temperature <= 5.0:
            raise UsageError(f"temperature must be from 0 to 5, not {self.temperature:g}")
        if not 0.0 < self.top_p <= 1.0:
            raise UsageError(f"top_p must be above 0 and at most 1, not {self.top_p:g}")
        if "" in self.stop:
            raise UsageError("a stop text must not be empty")
        if self.tools and not takes_tools:
            raise UsageError("this model takes no tools", hint="tools = true in models.toml, for an endpoint that does")
        if self.tool is not None and self.tool not in [tool.get("name") for tool in self.tools]:
            raise UsageError(f"no tool of the name {self.tool!r}")
        if self.schema is not None:
            from roadmap_cli.models.conversation import constrained

            constrained.check_schema(self.schema)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `finish` is ``stop``, ``length`` or ``tool_calls``; `value` is the parsed reply if a schema was
    asked for, `calls` are those of tools, `call_id` the row in the ledger.

    `cached_tokens` of the prompt were still in the model's memory from the call before.
    """

    text: str
    model: str
    finish: str
    latency_ms: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    price_microunits: int | None = None
    currency: str | None = None
    value: Any = None
    call_id: str | None = None
    calls: tuple[ToolCall, ...] = ()


@dataclass(slots=True)
class Tally:
    """What a provider fills in while it generates; `purpose` is told to it.

    `call_id` is the row in the ledger if the provider writes it (a running slm-serve does).
    """

    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    purpose: str = "chat"
    call_id: str | None = None
    calls: list[ToolCall] = field(default_factory=list)


@dataclass(slots=True)
class Stream:
    """A reply as it is made: iterate over the pieces of text, then read `reply`."""

    _pieces: Iterator[str]
    _reply: Reply | None = field(default=None)

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    @property
    def reply(self) -> Reply:
        """The whole reply; what is not read yet is read first."""
        for _ in self._pieces:
            pass
        if self._reply is None:
            raise AssertionError("the stream ended with an error and has no reply")
        return self._reply


class Chat(ABC):
    """A model to talk to. Use it in a `with` block, or `close` it: an in-process model holds memory.

    `takes_tools` and `takes_infill` say what else than conversation it understands.
    """

    takes_tools = False
    takes_infill = False

    def __init__(self, name: str, provider: str, ledger: Ledger | None, charged: Ledger | None = None) -> None:
        """`charged` is whose accounts are asked where somebody else writes the ledger."""
        self.name = name
        self.provider = provider
        self._ledger = ledger
        self._charged = ledger or charged

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float = 0.95,
        seed: int = 0,
        schema: Mapping[str, Any] | None = None,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        tool: str | None = None,
        purpose: str = "chat",
    ) -> Reply:
        """The reply to a conversation, whole.

        With `schema` (JSON Schema), `Reply.value` is the reply parsed and found to fit.

        Raises DataError (no or broken messages, prompt longer than the context, reply that does not fit the schema),
        UsageError (options without meaning), and what the provider raises: Unavailable, TryLater, ConfigError.
        """
        options = Options(max_tokens, temperature, top_p, seed, tuple(stop), schema, tuple(tools), tool)
        return self.ask(messages, options, purpose=purpose)

    def ask(self, messages: Sequence[Message] | Infill, options: Options, *, purpose: str = "chat") -> Reply:
        """As `complete`, with the options in one piece; or what fills a gap, from a model that `takes_infill`."""
        return self._start(messages, options, purpose, piecewise=False).reply

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float = 0.95,
        seed: int = 0,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        tool: str | None = None,
        purpose: str = "chat",
    ) -> Stream:
        """The reply piece by piece; raises as `complete` does, some of it only while iterating."""
        options = Options(max_tokens, temperature, top_p, seed, tuple(stop), None, tuple(tools), tool)
        return self._start(messages, options, purpose, piecewise=True)

    def _start(
        self, messages: Sequence[Message] | Infill, options: Options, purpose: str, *, piecewise: bool
    ) -> Stream:
        options.check(takes_tools=self.takes_tools)
        checked = check_asked(messages, takes_infill=self.takes_infill)
        stream = Stream(iter(()))
        stream._pieces = self._watched(stream, checked, options, purpose, piecewise)
        return stream

    def _watched(
        self, stream: Stream, messages: Asked, options: Options, purpose: str, piecewise: bool
    ) -> Iterator[str]:
        """Pass the pieces on; whatever happens, one row goes into the ledger."""
        if self._charged is not None and self._charged.accounts:
            allow(self._charged, messages, options, self.price)
        tally, said = Tally(purpose=purpose), list[str]()
        started = time.perf_counter()
        error: RoadmapError | None = None
        whole = False
        try:
            for piece in self._generate(messages, options, tally, piecewise):
                said.append(piece)
                yield piece
            whole = True
        except RoadmapError as failure:
            error = failure
            raise
        finally:
            settled = settle(
                "".join(said),
                tally,
                model=self.name,
                provider=self.provider,
                purpose=purpose,
                messages=messages,
                options=options,
                started=started,
                price=self._price(tally),
                ledger=self._ledger,
                error=error,
                cancelled=not whole and error is None,
            )
        if isinstance(settled, RoadmapError):
            raise settled
        stream._reply = settled

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        """Millionths of a currency, and the currency: nothing for a model on this machine, None if it is unknown."""
        return 0, None

    def _price(self, tally: Tally) -> tuple[int | None, str | None]:
        """The price of a call as it was counted."""
        return self.price(tally.prompt_tokens or 0, tally.completion_tokens or 0)

    @abstractmethod
    def _generate(self, messages: Asked, options: Options, tally: Tally, piecewise: bool) -> Iterator[str]:
        """Yield the reply in pieces and fill in the tally."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """How many tokens a text is for this model; an estimate where the provider cannot tell."""

    @property
    @abstractmethod
    def context_size(self) -> int | None:
        """How many tokens prompt and reply may have together, or None if the provider does not say."""

    def close(self) -> None:  # noqa: B027 - an endpoint has nothing to let go of
        """Let go of memory and connections."""


#: What a model's template puts around the messages at most: role marks, and the system message that some bring along.
FRAME_TOKENS = 32


def estimated_tokens(text: str) -> int:
    """An estimate where nobody can be asked: four bytes a token, rounded up."""
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def allow(
    ledger: Ledger,
    asked: Asked,
    options: Options,
    price: Callable[[int, int], tuple[int | None, str | None]],
) -> None:
    """Before a call that is charged to somebody: raise if its budget does not allow the longest reply."""
    texts = [asked.before, asked.after] if isinstance(asked, Infill) else [each["content"] for each in asked]
    tokens = FRAME_TOKENS + sum(estimated_tokens(each) for each in texts)
    ledger.allow(tokens + options.max_tokens, price(tokens, options.max_tokens))


def settle(
    text: str,
    tally: Tally,
    *,
    model: str,
    provider: str,
    purpose: str,
    messages: Asked,
    options: Options,
    started: float,
    price: tuple[int | None, str | None],
    ledger: Ledger | None,
    error: RoadmapError | None = None,
    cancelled: bool = False,
) -> Reply | RoadmapError:
    """The end of a call: what came of it is held against the schema, and one row goes into the ledger.

    `started` is of ``time.perf_counter``, `price` in millionths of a currency, and the currency. Returns the error
    where there is one: the one given, or that the reply does not fit.
    """
    latency_ms = round((time.perf_counter() - started) * 1000)
    value = None
    if options.schema is not None and error is None and not cancelled:
        from roadmap_cli.models.conversation import constrained

        try:
            value = constrained.judge(text, options.schema, cut_off=tally.finish == "length")
        except RoadmapError as unfit:
            error = unfit
    call_id = tally.call_id
    if ledger is not None:
        from roadmap_cli.models.ledger import Call

        call_id = ledger.record(
            Call(
                model=model,
                provider=provider,
                purpose=purpose,
                input=(
                    {"infill": {"before": messages.before, "after": messages.after}}
                    if isinstance(messages, Infill)
                    else {"messages": messages}
                )
                | {"options": _plain(options)},
                output={"text": text}
                | ({"tool_calls": [[call.name, call.arguments] for call in tally.calls]} if tally.calls else {}),
                latency_ms=latency_ms,
                prompt_tokens=tally.prompt_tokens,
                completion_tokens=tally.completion_tokens,
                price_microunits=price[0],
                currency=price[1],
                finish=None if error else "cancelled" if cancelled else tally.finish,
                error=f"{error.code}: {error.message}" if error else None,
            )
        )
    if error is not None:
        return error
    return Reply(
        text=text,
        model=model,
        finish=tally.finish,
        latency_ms=latency_ms,
        prompt_tokens=tally.prompt_tokens,
        completion_tokens=tally.completion_tokens,
        cached_tokens=tally.cached_tokens,
        price_microunits=price[0],
        currency=price[1],
        value=value,
        call_id=call_id,
        calls=tuple(tally.calls),
    )


def check_asked(asked: Sequence[Message] | Infill, *, takes_infill: bool) -> Asked:
    """What is asked, checked: a conversation, or a gap. Raises DataError, and UsageError if the model fills no gaps."""
    if not isinstance(asked, Infill):
        return check_messages(asked)
    if not takes_infill:
        raise UsageError("this model does not fill gaps in text", code="no_infill")
    try:
        (asked.before + asked.after).encode()
    except UnicodeEncodeError:
        raise DataError("the text holds half a surrogate pair, which is not text", code="bad_text") from None
    return asked


def check_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """A conversation as plain dicts. Raises DataError if it is empty or a message is not what it should be."""
    if not messages:
        raise DataError("no messages", code="empty_prompt")
    checked = []
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Mapping):
            raise DataError(f"message {number} is not an object", code="bad_message")
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise DataError(f"message {number} has role {role!r}, not system, user or assistant", code="bad_message")
        if not isinstance(content, str):
            raise DataError(f"message {number} has no text as content", code="bad_message")
        try:
            content.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"message {number} holds half a surrogate pair, which is not text", code="bad_text"
            ) from None
        checked.append({"role": str(role), "content": content})
    if not any(message["content"].strip() for message in checked if message["role"] != "system"):
        raise DataError("the prompt is empty", code="empty_prompt")
    return checked


def _plain(options: Options) -> dict[str, Any]:
    plain: dict[str, Any] = {"max_tokens": options.max_tokens, "temperature": options.temperature}
    if options.temperature > 0:
        plain |= {"top_p": options.top_p, "seed": options.seed}
    if options.stop:
        plain["stop"] = list(options.stop)
    if options.schema is not None:
        plain["schema"] = dict(options.schema)
    if options.tools:
        plain["tools"] = [dict(tool) for tool in options.tools]
    if options.tool is not None:
        plain["tool"] = options.tool
    return plain
