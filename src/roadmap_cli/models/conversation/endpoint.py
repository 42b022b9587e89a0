"""Chat with any service that speaks the OpenAI chat-completions interface, over the guarded transport.

The key comes from a file or an environment variable, goes into one header, and is written down nowhere.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, Unavailable
from roadmap_cli.models.conversation.chat import Asked, Chat, Infill, Options, Tally, ToolCall, estimated_tokens
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.models.registry import Endpoint
from roadmap_cli.net.response import Response
from roadmap_cli.net.transport import Transport

PURPOSE = "model-call"
#: Most calls of tools in one reply; what comes beyond is left out.
MOST_CALLS = 64


class EndpointChat(Chat):
    """One endpoint of the user's ``models.toml``."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        transport: Transport,
        environ: Mapping[str, str],
        kinds: Sequence[str],
        ledger: Ledger | None,
    ):
        super().__init__(endpoint.name, urlsplit(endpoint.url).hostname or endpoint.url, ledger)
        self._endpoint = endpoint
        self._transport = transport
        self._kinds = tuple(kinds)
        self._key = _key(endpoint, environ)
        self.takes_tools, self.takes_infill = endpoint.tools, bool(endpoint.infill)

    @property
    def context_size(self) -> int | None:
        """What the user's file says; the interface does not tell."""
        return self._endpoint.context_size

    def count_tokens(self, text: str) -> int:
        """An estimate: four bytes a token, rounded up; the interface has no way to ask."""
        return estimated_tokens(text)

    def price(self, prompt_tokens: int, completion_tokens: int) -> tuple[int | None, str | None]:
        """In millionths of the currency: tokens times the price of a million of them; None without prices."""
        endpoint = self._endpoint
        if endpoint.price_in is None or endpoint.price_out is None:
            return None, endpoint.currency
        return round(prompt_tokens * endpoint.price_in + completion_tokens * endpoint.price_out), endpoint.currency

    def _price(self, tally: Tally) -> tuple[int | None, str | None]:
        if tally.prompt_tokens is None or tally.completion_tokens is None:
            return None, self._endpoint.currency
        return self.price(tally.prompt_tokens, tally.completion_tokens)

    def _generate(self, messages: Asked, options: Options, tally: Tally, piecewise: bool) -> Iterator[str]:
        body = self._body(messages, options, piecewise)
        place = "/completions" if isinstance(messages, Infill) else "/chat/completions"
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if piecewise else "application/json",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        with self._transport.stream(
            "POST",
            self._endpoint.url.rstrip("/") + place,
            purpose=PURPOSE,
            kinds=self._kinds,
            headers=headers,
            content=json.dumps(body, ensure_ascii=False).encode(),
            timeout_s=self._endpoint.timeout_s,
            repeatable=True,
        ) as response:
            if response.status != 200:
                raise self._refusal(response)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                yield from self._events(response, tally)
            else:
                yield self._whole(response.read(), tally)

    def _body(self, messages: Asked, options: Options, piecewise: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            **(self._gap(messages) if isinstance(messages, Infill) else {"messages": messages}),
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
            "top_p": options.top_p,
            "seed": options.seed,
        }
        if options.stop:
            body["stop"] = list(options.stop)
        if options.schema is not None:
            schema = dict(options.schema)
            body["response_format"] = (
                {"type": "json_object", "schema": schema}
                if self._endpoint.schema_as == "json_object"
                else {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
            )
        if options.tools:
            body["tools"] = [{"type": "function", "function": dict(tool)} for tool in options.tools]
            body["tool_choice"] = (
                {"type": "function", "function": {"name": options.tool}} if options.tool is not None else "auto"
            )
        if piecewise:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def _gap(self, asked: Infill) -> dict[str, Any]:
        """A gap as this endpoint wants it told: text after it in a field, or both texts between marks."""
        way = self._endpoint.infill
        if isinstance(way, str):
            return {"prompt": asked.before, way: asked.after}
        if any(mark in text for mark in way for text in (asked.before, asked.after)):
            raise DataError("the text holds a mark that stands for a gap", code="control_tokens")
        before, after, middle = way
        return {"prompt": f"{before}{asked.before}{after}{asked.after}{middle}"}

    def _whole(self, data: bytes, tally: Tally) -> str:
        answer = self._parse(data)
        self._usage(answer, tally)
        choice = self._choice(answer)
        tally.finish = str(choice.get("finish_reason") or "stop")
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else choice.get("text")
        calls = _Calls()
        calls.take(message)
        tally.calls = calls.found()
        if not isinstance(text, str) and not tally.calls:
            raise self._nonsense("no text in the reply")
        return _sound(text) if isinstance(text, str) else ""

    def _events(self, response: Response, tally: Tally) -> Iterator[str]:
        """Server-sent events up to ``[DONE]``; a stream without it counts if the model said that it is finished."""
        finished, calls = False, _Calls()
        for data in _event_data(response.chunks()):
            if data == "[DONE]":
                finished = True
                break
            event = self._parse(data.encode())
            self._usage(event, tally)
            if not event.get("choices"):
                continue
            choice = self._choice(event)
            if choice.get("finish_reason"):
                tally.finish, finished = str(choice["finish_reason"]), True
            delta = choice.get("delta")
            piece = delta.get("content") if isinstance(delta, dict) else choice.get("text")
            calls.take(delta)
            if isinstance(piece, str) and piece:
                yield _sound(piece)
        tally.calls = calls.found()
        if not finished:
            raise Unavailable(f"{self._words()} stopped in the middle of the reply", code="cut_off")

    def _parse(self, data: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(data)
        except ValueError:
            raise self._nonsense(f"not JSON: {data[:60].decode('utf-8', 'replace')!r}") from None
        if not isinstance(answer, dict):
            raise self._nonsense("not an object")
        if answer.get("error"):
            raise self._nonsense(_said(answer) or "an error without words")
        return answer

    def _choice(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise self._nonsense("no choices in the reply")
        choice: dict[str, Any] = choices[0]
        return choice

    def _usage(self, answer: Mapping[str, Any], tally: Tally) -> None:
        usage = answer.get("usage")
        if not isinstance(usage, dict):
            return
        for field in ("prompt_tokens", "completion_tokens"):
            if isinstance(usage.get(field), int):
                setattr(tally, field, usage[field])
        details = usage.get("prompt_tokens_details")
        if isinstance(details, dict) and isinstance(details.get("cached_tokens"), int):
            tally.cached_tokens = details["cached_tokens"]

    def _refusal(self, response: Response) -> RoadmapError:
        """The error that stands for a status that is not a reply."""
        try:
            said = _said(json.loads(response.read()))
        except ValueError:
            said = ""
        words, status = self._words(), response.status
        tail = f": {said}" if said else ""
        if status in (401, 403):
            hint = (
                f"look at key_file or key_env of [endpoint.{self.name}]"
                if self._key
                else (f"give [endpoint.{self.name}] a key_file or key_env")
            )
            return ConfigError(f"{words} does not accept the key ({status}){tail}", hint=hint, code="bad_key")
        if status in (404, 405):
            hint = f"look at url and model of [endpoint.{self.name}]"
            return ConfigError(
                f"{words} does not know {self._endpoint.model!r} or its URL ({status}){tail}",
                hint=hint,
                code="no_such_model",
            )
        if status in (400, 413, 422):
            return DataError(f"{words} does not take the request ({status}){tail}", code="request_refused")
        return Unavailable(f"{words} answers {status}{tail}", code=f"http_{status}")

    def _nonsense(self, what: str) -> Unavailable:
        return Unavailable(f"{self._words()} answers what is no reply: {what}", code="bad_reply")

    def _words(self) -> str:
        return f"endpoint {self.name!r}"


class _Calls:
    """Calls of tools, put together from a whole message or from the deltas of a stream.

    A delta names its call by `index`; without one it belongs to the call of its `id`, or else to the last one. Some
    servers tell a call's name once, some with every piece.
    """

    def __init__(self) -> None:
        self._names: dict[object, str] = {}
        self._pieces: dict[object, list[str]] = {}

    def take(self, message: object) -> None:
        """What a message or a delta holds; anything that is no call is left out."""
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        told: list[Any] = calls if isinstance(calls, list) else []
        for place, call in enumerate(told):
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict):
                continue
            key = call.get("index", call.get("id") or (place if len(told) > 1 else self._last()))
            if not isinstance(key, int | str) or (key not in self._pieces and len(self._pieces) >= MOST_CALLS):
                continue
            name, arguments = function.get("name"), function.get("arguments")
            pieces = self._pieces.setdefault(key, [])
            if isinstance(name, str) and name:
                self._names.setdefault(key, _sound(name))
            if isinstance(arguments, dict):
                arguments = json.dumps(arguments)
            if isinstance(arguments, str):
                pieces.append(_sound(arguments))

    def _last(self) -> object:
        return next(reversed(self._pieces), 0)

    def found(self) -> list[ToolCall]:
        """The calls, in the order they came."""
        return [
            ToolCall(self._names[key], "".join(pieces)) for key, pieces in self._pieces.items() if key in self._names
        ]


def _sound(text: str) -> str:
    """A text without half surrogate pairs, which JSON can spell and which are no text."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _event_data(chunks: Iterator[bytes]) -> Iterator[str]:
    """The data of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    held, lines = b"", list[str]()
    for chunk in chunks:
        held += chunk
        *whole, held = held.replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            if not line:
                if lines:
                    yield "\n".join(lines)
                lines = []
            elif line.startswith(b"data:"):
                lines.append(line[5:].decode("utf-8", "replace").removeprefix(" "))
    if held.startswith(b"data:"):
        lines.append(held[5:].decode("utf-8", "replace").strip())
    if lines:
        yield "\n".join(lines)


def _said(answer: object) -> str:
    """The words of an error object in the shapes that are about."""
    found: object = answer
    for name in ("error", "message"):
        if isinstance(found, dict):
            found = found.get(name, found.get("detail", found))
    text = found if isinstance(found, str) else ""
    return " ".join(text.split())[:200].rstrip(".")


def _key(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    where = f"endpoint {endpoint.name!r}"
    if endpoint.key_env:
        value = environ.get(endpoint.key_env, "").strip()
        if not value:
            raise ConfigError(
                f"{where}: the variable {endpoint.key_env} that should hold the key is not set", code="no_key"
            )
        return _sound_key(value, where)
    if not endpoint.key_file:
        return None
    path = Path(endpoint.key_file).expanduser()
    try:
        open_to_others = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        value = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: the key file cannot be read: {error}", code="no_key") from error
    if open_to_others:
        raise ConfigError(f"{where}: others may read the key file", hint=f"chmod 600 {path}", code="open_key")
    return _sound_key(value, where)


def _sound_key(value: str, where: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{where}: the key is empty or holds what no key holds", code="bad_key")
    return value
