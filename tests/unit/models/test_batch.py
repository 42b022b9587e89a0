"""Batches over real models: answers by key, a row of the ledger for each call, whatever became of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.models import ledger as ledgers
from roadmap_cli.models.conversation.batch import ChatBatch, LocalBatch
from roadmap_cli.models.conversation.chat import Chat, Options, Reply
from roadmap_cli.models.conversation.selection import open_batch
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.state.store import State


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_answers_come_by_key_and_each_call_is_a_row_before_it_is_told(
    weights: dict[str, str], ledger: Ledger, state: State
) -> None:
    with open_batch(None, environ=weights, ledger=ledger, width=3, context_size=512, purpose="test") as batch:
        assert isinstance(batch, LocalBatch)
        assert (batch.width, batch.context_size) == (3, 512)
        for key in range(5):
            batch.submit(key, ask(f"Say {key}."), Options(max_tokens=3 + key))
        told: dict[int, Reply] = {}
        while batch.flying:
            for key, result in batch.wait():
                assert isinstance(result, Reply)
                told[key] = result
                with state.read() as tx:
                    assert result.call_id in {call["id"] for call in ledgers.calls(tx)}
        assert sorted(told) == list(range(5))
        assert batch.wait() == []
    with state.read() as tx:
        rows = list(ledgers.calls(tx))
    assert [row["purpose"] for row in rows] == ["test"] * 5
    assert {row["output"]["text"] for row in rows} == {reply.text for reply in told.values()}


def test_refused_unfit_and_given_up_calls_are_rows_too(weights: dict[str, str], ledger: Ledger, state: State) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 50}}, "required": ["a"]}
    with open_batch(None, environ=weights, ledger=ledger, width=2, context_size=256) as batch:
        with pytest.raises(DataError, match="context only 256"):
            batch.submit(1, ask("word " * 500), Options())
        with pytest.raises(DataError, match="empty"):
            batch.submit(2, ask(""), Options())
        with pytest.raises(UsageError):
            batch.submit(3, ask("x"), Options(temperature=9))
        batch.submit(4, ask("As JSON, please."), Options(max_tokens=4, schema=schema))
        [(key, result)] = batch.results()
        assert key == 4
        assert isinstance(result, DataError)
        assert result.code == "reply_cut_off"
        batch.submit(5, ask("Tell a story."), Options(max_tokens=100))
    with state.read() as tx:
        too_long, unfit, given_up = ledgers.calls(tx)
    assert too_long["error"].startswith("prompt_too_long: ")
    assert unfit["error"].startswith("reply_cut_off: ")
    assert given_up["finish"] == "cancelled"


def test_a_schema_gives_the_value(weights: dict[str, str]) -> None:
    schema = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
    schema |= {"additionalProperties": False}
    with open_batch(None, environ=weights, ledger=None, width=2, context_size=256) as batch:
        batch.submit(1, ask("Is water wet?"), Options(max_tokens=20, schema=schema))
        [(_, result)] = batch.results()
        assert isinstance(result, Reply)
        assert result.value == json.loads(result.text)


def test_a_chat_is_a_batch_of_one(loaded: Chat) -> None:
    class Kept(ChatBatch):
        def close(self) -> None:
            """The chat belongs to all tests."""

    batch = Kept(loaded)
    assert batch.width == 1
    batch.submit(7, ask("Say yes."), Options(max_tokens=2))
    batch.submit(8, ask("word " * 3000), Options(max_tokens=2))
    with pytest.raises(DataError):
        batch.submit(9, [], Options())
    (one, said), (other, failed) = batch.results()
    assert (one, other) == (7, 8)
    assert isinstance(said, Reply)
    assert isinstance(failed, DataError)


def test_a_file_that_is_no_model_is_said(weights: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(DataError, match="not a GGUF file"):
        open_batch(str(tmp_path / "text.gguf"), environ=weights, ledger=None)
