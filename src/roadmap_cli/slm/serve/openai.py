"""The OpenAI interface: bodies into requests, replies into bodies, errors into statuses.

https://platform.openai.com/docs/api-reference: chat completions, completions, embeddings, models. What a small model
cannot do (tools, pictures, several choices of a stream) is refused by name, never silently left out.
"""

from __future__ import annotations

import base64
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from roadmap_cli.models.conversation import constrained
from roadmap_cli.models.conversation.chat import Options, check_messages
from roadmap_cli.models.conversation.warm import plain

#: As many tokens as the context has room for.
UNLIMITED = 1 << 30
MOST_TEXTS = 2048
_ROLES = {"developer": "system"}
_UNSUPPORTED = ("tools", "functions", "tool_choice", "function_call", "logit_bias", "logprobs", "audio", "suffix")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a reply: `request` is what the model's process is sent."""

    model: str | None
    request: dict[str, Any]
    stream: bool
    usage: bool
    echo: str = ""


def chat(body: Mapping[str, Any]) -> Asked:
    """A chat completion. Raises UsageError, DataError."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise DataError("field 'messages' is not a list", code="wrong_type")
    checked = check_messages([_message(each, number) for number, each in enumerate(messages, 1)])
    return _asked(body, {"messages": checked})


def completion(body: Mapping[str, Any]) -> Asked:
    """A text completion: the prompt as it is, without a chat template. Raises UsageError, DataError."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise DataError("field 'prompt' is not one text", code="wrong_type")
    if not prompt:
        raise DataError("the prompt is empty", code="empty_prompt")
    _text(prompt, "the prompt")
    if body.get("best_of") not in (None, 1):
        raise UsageError("'best_of' is not supported: ask several times", code="unsupported")
    asked = _asked({"max_tokens": 16, **body}, {"text": prompt})
    return Asked(asked.model, asked.request, asked.stream, asked.usage, prompt if body.get("echo") is True else "")


def embeddings(body: Mapping[str, Any]) -> tuple[str | None, list[str], bool]:
    """(model, texts, whether floats are wanted and not base64). Raises DataError, UsageError."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise DataError("field 'input' is neither a text nor a list of texts", code="wrong_type")
    if len(texts) > MOST_TEXTS:
        raise DataError(f"{len(texts)} texts; at most {MOST_TEXTS} at a time", code="too_many")
    if not all(texts):
        raise DataError("a text in field 'input' is empty", code="empty_prompt")
    for text in texts:
        _text(text, "a text")
    kind = body.get("encoding_format", "float")
    if kind not in ("float", "base64"):
        raise UsageError(f"field 'encoding_format' is float or base64, not {kind!r}", code="unsupported")
    return _model(body), texts, kind == "float"


def vector(encoded: str) -> list[float]:
    """The numbers of a vector that is base64 of little-endian float32."""
    content = base64.b64decode(encoded)
    return list(struct.unpack(f"<{len(content) // 4}f", content))


def _asked(body: Mapping[str, Any], request: dict[str, Any]) -> Asked:
    for name in _UNSUPPORTED:
        if body.get(name) not in (None, [], {}, False, "none", 0):
            raise UsageError(f"{name!r} is not supported", code="unsupported")
    for name in ("presence_penalty", "frequency_penalty"):
        if body.get(name) not in (None, 0):
            raise UsageError(f"{name!r} other than 0 is not supported", code="unsupported")
    if body.get("n") not in (None, 1):
        raise UsageError("'n' other than 1 is not supported: ask several times", code="unsupported")
    options = Options(
        max_tokens=_whole(body, "max_completion_tokens", _whole(body, "max_tokens", UNLIMITED)),
        temperature=_number(body, "temperature", 1.0),
        top_p=_number(body, "top_p", 1.0),
        seed=_whole(body, "seed", secrets.randbits(31)),
        stop=_stops(body.get("stop")),
        schema=constrained.asked_for(body.get("response_format")),
    )
    options.check()
    stream = body.get("stream")
    if stream not in (None, True, False):
        raise DataError("field 'stream' is not true or false", code="wrong_type")
    wanted = body.get("stream_options")
    usage = isinstance(wanted, dict) and wanted.get("include_usage") is True
    return Asked(_model(body), {**request, "options": plain(options)}, stream is True, usage)


def _message(message: object, number: int) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise DataError(f"message {number} is not an object", code="bad_message")
    if message.get("tool_calls"):
        raise UsageError("tool calls are not supported", code="unsupported")
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list):
        texts = []
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "text" or not isinstance(part.get("text"), str):
                raise UsageError(f"message {number} has a part of type {kind!r}; only text is read", code="unsupported")
            texts.append(part["text"])
        content = "".join(texts)
    return {"role": _ROLES.get(role, role) if isinstance(role, str) else role, "content": content}


def _stops(given: object) -> tuple[str, ...]:
    stops = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise DataError("field 'stop' is neither a text nor a list of texts", code="wrong_type")
    return tuple(stops)


def _model(body: Mapping[str, Any]) -> str | None:
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise DataError("field 'model' is not text", code="wrong_type")
    return None if model in (None, "", "default") else model


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"field {name!r} is not a whole number: {value!r}", code="wrong_type")
    return value


def _number(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DataError(f"field {name!r} is not a number: {value!r}", code="wrong_type")
    return float(value)


def _text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{what} holds half a surrogate pair, which is not text", code="bad_text") from None


# -- replies -----------------------------------------------------------------------------------------------------------


def usage(done: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens as the interface tells them."""
    prompt, written = done.get("prompt_tokens") or 0, done.get("completion_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": done.get("cached_tokens") or 0},
    }


class Shape:
    """The bodies of one reply, chat or text completion."""

    def __init__(self, *, is_chat: bool, model: str, created: int) -> None:
        self._chat = is_chat
        self._id = ("chatcmpl-" if is_chat else "cmpl-") + secrets.token_hex(12)
        self._head = {"id": self._id, "created": created, "model": model}

    def whole(self, text: str, done: Mapping[str, Any]) -> dict[str, Any]:
        """The reply in one piece."""
        said = {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": done.get("finish", "stop")}
        kind = "chat.completion" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": [choice], "usage": usage(done), "slm": _own(done)}

    def piece(self, text: str | None, *, first: bool = False, finish: str | None = None) -> dict[str, Any]:
        """One event of a stream."""
        if self._chat:
            delta: dict[str, Any] = {"role": "assistant"} if first else {}
            said: dict[str, Any] = {"delta": delta if text is None else {**delta, "content": text}}
        else:
            said = {"text": text or ""}
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": kind, "choices": [choice]}

    def tokens(self, done: Mapping[str, Any]) -> dict[str, Any]:
        """The event with the tokens, last of a stream that asked for it."""
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": [], "usage": usage(done), "slm": _own(done)}


def _own(done: Mapping[str, Any]) -> dict[str, Any]:
    """What we tell beyond the interface."""
    return {name: done[name] for name in ("call_id", "latency_ms") if done.get(name) is not None}


# -- errors ------------------------------------------------------------------------------------------------------------

#: Seconds after which to ask again, by error.
RETRY_AFTER = {"queue_full": 1, "loading": 10, "no_memory": 15, "model_crashed": 1, "model_crashes": 60, "stopping": 5}
_CODES = {"prompt_too_long": "context_length_exceeded", "unknown_model": "model_not_found"}


def status(error: RoadmapError) -> int:
    """The HTTP status of an error."""
    if error.code in ("unknown_model", "missing_weights", "no_input"):
        return 404
    if error.code == "queue_full":
        return 429
    if isinstance(error, DataError | UsageError | ConfigError | InputMissing):
        return 400
    if isinstance(error, TryLater | Unavailable):
        return 503
    return 507 if isinstance(error, CannotCreate) else 500


def error_body(error: RoadmapError) -> dict[str, Any]:
    """An error as the interface tells it."""
    number = status(error)
    kind = "rate_limit_error" if number == 429 else "server_error" if number >= 500 else "invalid_request_error"
    told = {"message": str(error), "type": kind, "param": None, "code": _CODES.get(error.code, error.code)}
    return {"error": told | ({"hint": error.hint} if error.hint else {})}
