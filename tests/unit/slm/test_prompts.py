"""The shapes in which prompts come, and what goes back."""

from __future__ import annotations

from typing import Any

import pytest

from roadmap_cli.core.errors import DataError
from roadmap_cli.models.conversation.chat import Options, Reply
from roadmap_cli.slm import prompts

OPTIONS = Options(max_tokens=10)
REPLY = Reply("Hi.", "m", "stop", 5, prompt_tokens=3, completion_tokens=2, price_microunits=0)


def test_three_shapes_mean_the_same() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    shapes: list[dict[str, Any]] = [
        {"prompt": "Hello"},
        {"messages": messages},
        {"custom_id": "a", "url": "/v1/chat/completions", "body": {"messages": messages}},
    ]
    for shape in shapes:
        assert prompts.read(shape, OPTIONS, None) == prompts.Prompt(tuple(messages), OPTIONS)


def test_a_system_message_goes_first_unless_there_is_one() -> None:
    assert prompts.read({"prompt": "x"}, OPTIONS, "Be kind.").messages[0] == {"role": "system", "content": "Be kind."}
    own = prompts.read({"prompt": "x", "system": "Be brief."}, OPTIONS, "Be kind.")
    assert [message["content"] for message in own.messages] == ["Be brief.", "x"]


def test_a_line_may_set_its_own_options() -> None:
    line = {"prompt": "x", "max_tokens": 3, "temperature": 1, "seed": 4, "top_p": 0.5, "stop": "."}
    assert prompts.read(line, OPTIONS, None).options == Options(3, 1, 0.5, 4, (".",))
    schema = {"type": "object"}
    body = {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}
    assert prompts.read({"body": body}, OPTIONS, None).options.schema == schema


def test_the_format_that_a_line_asks_for_wins_over_the_option() -> None:
    asked = Options(schema={"type": "array"})
    formats: list[tuple[Any, Any]] = [
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_object", "schema": {"type": "integer"}}, {"type": "integer"}),
        ({"type": "text"}, None),
        (None, {"type": "array"}),
    ]
    for wanted, schema in formats:
        line = {"prompt": "x", "response_format": wanted}
        assert prompts.read(line, asked, None).options.schema == schema


@pytest.mark.parametrize(
    "line",
    [{}, {"text": "x"}, {"prompt": 3}, {"prompt": "x", "messages": []}, {"messages": "x"}, {"body": []}, {"body": {}},
     {"body": {"messages": []}, "url": "/v1/embeddings"}, {"prompt": "x", "max_tokens": "3"}, {"prompt": "x", "seed": True},
     {"prompt": "x", "max_tokens": -1}, {"prompt": "x", "temperature": -1}, {"body": {"prompt": "x", "top_p": 7}},
     {"prompt": "x", "stop": [3]}, {"prompt": "x", "response_format": {"type": "json_schema"}},
     {"prompt": "x", "response_format": {"type": "xml"}}, {"prompt": "x", "response_format": "json_object"},
     {"prompt": "x", "response_format": {}}],
)  # fmt: skip
def test_what_is_no_prompt_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        prompts.read(line, OPTIONS, None)


def test_a_reply_keeps_what_the_line_held() -> None:
    line = {"id": "mine", "label": 3, "prompt": "x"}
    reply = prompts.answered(line, REPLY, reply_id="slm_1", at="2026-11-23T09:00:00.000Z")
    assert list(reply)[:4] == ["kind", "id", "at", "from_id"]
    assert (reply["id"], reply["from_id"], reply["label"], reply["prompt"], reply["text"]) == (
        "slm_1",
        "mine",
        3,
        "x",
        "Hi.",
    )
    assert "response" not in reply


def test_a_batch_line_gets_a_completion_back() -> None:
    reply = prompts.answered(
        {"custom_id": "a", "body": {"messages": []}}, REPLY, reply_id="slm_1", at="2026-11-23T09:00:00.000Z"
    )
    assert reply["custom_id"] == "a"
    assert reply["response"]["status_code"] == 200
    body = reply["response"]["body"]
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hi."}
    usage = body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (3, 2, 5)
    assert reply["error"] is None
