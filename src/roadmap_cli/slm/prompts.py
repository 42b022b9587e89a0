"""Prompts in the shapes people have them, and the replies to them.

Read are ``{"prompt": …}``, ``{"messages": […]}``, and lines of the OpenAI batch format
(``custom_id``, ``url``, ``body``; https://platform.openai.com/docs/api-reference/batch). What a line holds besides is
handed on with its reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError, RoadmapError, UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.models.conversation import constrained
from roadmap_cli.models.conversation.chat import Options, Reply
from roadmap_cli.slm import resume

BATCH_URL = "/v1/chat/completions"
_HEAD = ("kind", "id", "at")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation to be continued, and how."""

    messages: tuple[Mapping[str, str], ...]
    options: Options


def read(record: Record, options: Options, system: str | None) -> Prompt:
    """The prompt in a record; what the record itself says about options wins over `options`.

    `system` is put first where the conversation has no system message of its own. Raises DataError if there is no
    prompt, or more than one.
    """
    shapes = [name for name in ("prompt", "messages", "body") if name in record]
    if len(shapes) != 1:
        said = " and ".join(shapes) or "neither prompt, messages nor body"
        raise DataError(f"the record has {said}; it needs one of them", code="no_prompt")
    settings = record
    if shapes == ["prompt"]:
        if not isinstance(record["prompt"], str):
            raise DataError("field 'prompt' is not text", code="wrong_type")
        messages: Any = [{"role": "user", "content": record["prompt"]}]
        own_system = record.get("system")
        if isinstance(own_system, str):
            messages.insert(0, {"role": "system", "content": own_system})
    else:
        if shapes == ["body"]:
            settings = _body(record)
        messages = settings.get("messages")
        if not isinstance(messages, list):
            raise DataError("field 'messages' is not a list", code="wrong_type")
        messages = [_message(message) for message in messages]
    if system is not None and not any(isinstance(item, dict) and item.get("role") == "system" for item in messages):
        messages = [{"role": "system", "content": system}, *messages]
    return Prompt(tuple(messages), _options(settings, options))


def answered(record: Record, reply: Reply, *, reply_id: str, at: str) -> Record:
    """The ``slm.reply`` to a record: what the record held is kept, the reply comes last.

    A line of a batch gets the ``response`` that its format asks for as well.
    """
    made: Record = {"kind": "slm.reply", "id": reply_id, "at": at}
    if isinstance(record.get("id"), str):
        made["from_id"] = record["id"]
    elif "custom_id" not in record:
        made[resume.HASH_FIELD] = resume.hash_of(record)
    made |= {name: value for name, value in record.items() if name not in _HEAD}
    made |= {"text": reply.text, "model": reply.model, "finish": reply.finish}
    if reply.value is not None:
        made["value"] = reply.value
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "price_microunits", "currency", "call_id"):
        if getattr(reply, name) is not None:
            made[name] = getattr(reply, name)
    made["latency_ms"] = reply.latency_ms
    if "body" in record:
        made["response"] = {"status_code": 200, "request_id": reply_id, "body": _completion(reply, reply_id, at)}
        made["error"] = None
    return made


def refused(record: Record, error: RoadmapError) -> Record:
    """What the ``error`` record of a batch line has besides, so that it is what its format asks for, too."""
    if "body" not in record:
        return {}
    made: Record = {"response": None, "error": {"code": error.code, "message": error.message}}
    return ({"custom_id": record["custom_id"]} if "custom_id" in record else {}) | made


def _completion(reply: Reply, reply_id: str, at: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    body: dict[str, Any] = {
        "id": reply_id,
        "object": "chat.completion",
        "created": int(datetime.fromisoformat(at).timestamp()),
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
    }
    if reply.prompt_tokens is not None and reply.completion_tokens is not None:
        body["usage"] = {
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "total_tokens": reply.prompt_tokens + reply.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        }
    return body


def _body(record: Record) -> dict[str, Any]:
    url = record.get("url", BATCH_URL)
    if url != BATCH_URL:
        raise DataError(f"a batch line for {url!r}; only {BATCH_URL} is known", code="bad_url")
    body = record["body"]
    if not isinstance(body, dict):
        raise DataError("field 'body' is not an object", code="wrong_type")
    return body


def _message(message: Any) -> Any:
    """A message in the shapes of the OpenAI interface as one with plain text; what else it is, is judged later."""
    if not isinstance(message, dict):
        return message
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        if not all(isinstance(part, str) for part in parts):
            raise DataError("a message has parts that are not text", code="bad_message")
        content = "".join(part for part in parts if part)
    return {"role": "system" if role == "developer" else role, "content": content}


def _options(settings: Mapping[str, Any], options: Options) -> Options:
    found: dict[str, Any] = {}
    numbers: dict[str, tuple[type, ...]] = {
        "max_completion_tokens": (int,),
        "max_tokens": (int,),
        "temperature": (int, float),
        "top_p": (int, float),
        "seed": (int,),
    }
    for name, types in numbers.items():
        value = settings.get(name)
        if value is None:
            continue
        if not isinstance(value, types) or isinstance(value, bool):
            raise DataError(f"field {name!r} is not a number that fits: {value!r}", code="wrong_type")
        found[name] = value
    if "max_completion_tokens" in found:  # the newer name for it
        found["max_tokens"] = found.pop("max_completion_tokens")
    stop = settings.get("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
            raise DataError("field 'stop' is neither text nor a list of texts", code="wrong_type")
        found["stop"] = tuple(stops)
    asked = settings.get("response_format")
    if asked is not None:
        found["schema"] = constrained.asked_for(asked)
    if not found:
        return options
    try:
        Options(**found).check()
    except UsageError as error:  # it is the record's fault, not the command's
        raise DataError(error.message, code="wrong_value") from None
    return replace(options, **found)
