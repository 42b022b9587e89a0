"""A conversation with a real model in a small context: the window fits, and what it left out is said."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from roadmap_cli.core.errors import DataError
from roadmap_cli.models.conversation.counting import open_counter
from roadmap_cli.models.conversation.selection import open_chat
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.slm.chat import opening, orders
from roadmap_cli.slm.chat.talk import Manner, Talk
from roadmap_cli.slm.chat.turns import moves_in_words
from roadmap_cli.slm.window import archive
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State


@pytest.fixture
def talk(tmp_path):
    moment = datetime(2026, 6, 1, 9, tzinfo=UTC)

    def clock():
        nonlocal moment
        moment += timedelta(seconds=1)
        return moment

    with State.open(tmp_path / "s.db", mode="write", keys=KeySource({"HOME": str(tmp_path)}, None), now=clock) as state:
        chat = opening.opened(state, "small", None, clock())
        ledger = Ledger(state, "slm-chat", clock, run_id=chat.id)

        def open_model(name):
            return open_chat(name, environ=os.environ, ledger=ledger, context_size=256)

        talking = Talk(state, chat, open_model, None, "slm-chat", clock, Manner(max_tokens=8, temperature=0.0))
        yield talking
        talking.close()


def told(outcome):
    return "\n".join(outcome.lines)


def test_a_long_conversation_in_a_small_context(talk):
    talk.set_system("You answer in few words.")
    talk.answer("My bicycle is painted turquoise and called Hector.")
    moved = []
    for number in range(10):
        reply = talk.answer(
            f"Here is remark number {number}: the weather in the mountains changed again at noon today."
        )
        assert reply["finish"] in ("stop", "length")
        moved.append(moves_in_words(talk.last[1]))
        assert talk.reply.prompt_tokens + 8 <= 256
    assert any("archived" in words for words in moved)
    talk.answer("What is my bicycle called?")
    window, moves = talk.last
    assert any("Hector" in shown.content for shown in window.shown)
    assert "brought back" in moves_in_words(moves)
    assert window.shown[0].content == "You answer in few words."
    why = told(orders.obey(talk, "/why"))
    assert "+ recalled" in why
    assert "shares 'bicycl'" in why
    assert f"roadmap-why {moves.decision_ids[0]}" in why
    assert "Hector" in told(orders.obey(talk, "/search bicycle"))


def test_retry_and_edit_take_back_what_they_replace(talk):
    talk.answer("Say one.")
    for _ in talk.retry():
        pass
    assert [one["role"] for one in talk.messages()] == ["user", "assistant"]
    assert orders.obey(talk, "/edit").draft == "Say one."
    assert talk.messages() == []
    with pytest.raises(DataError, match="nothing to answer yet"):
        next(talk.retry())


def test_why_tells_of_the_window_there_was_whatever_came_since(talk):
    with pytest.raises(DataError, match="nothing was asked yet"):
        orders.obey(talk, "/why")
    talk.answer("Say one.")
    before = told(orders.obey(talk, "/why"))
    assert "0 of 1 pieces archived" in before
    assert "Say one." in before
    orders.obey(talk, "/pin A note.")
    orders.obey(talk, "/system Be kind.")
    talk.unsay()
    assert told(orders.obey(talk, "/why")) == before


def test_pins_and_system_messages(talk):
    assert "there is no system message" in told(orders.obey(talk, "/system"))
    orders.obey(talk, "/system Be kind.")
    orders.obey(talk, "/pin The door code is 4711.")
    orders.obey(talk, "/system Be brief.")
    assert [one["content"] for one in talk.messages()] == ["The door code is 4711.", "Be brief."]
    assert "4711" in told(orders.obey(talk, "/unpin"))
    assert [one["content"] for one in talk.messages()] == ["Be brief."]
    with pytest.raises(DataError, match="nothing is pinned"):
        orders.obey(talk, "/unpin")


def test_what_is_too_long_or_empty_is_said_before_it_is_stored(talk):
    with pytest.raises(DataError, match=r"the message has \d+ tokens and the window only \d+"):
        talk.answer("word " * 400)
    with pytest.raises(DataError, match="the message is empty"):
        talk.answer("  ")
    assert talk.messages() == []


def test_a_conversation_in_which_nothing_was_said_is_not_kept(talk):
    assert talk.messages() == []
    talk.close()
    with talk.state.read() as tx:
        assert archive.chats(tx) == []


def test_the_model_a_conversation_is_held_with_is_remembered(talk):
    orders.obey(talk, "/model smollm2-135m-instruct")
    talk.answer("Hello.")
    with talk.state.read() as tx:
        assert archive.need(tx, "small").model == "smollm2-135m-instruct"


def test_a_model_that_is_none_leaves_the_one_there_was(talk):
    talk.answer("Hello.")
    with pytest.raises(Exception, match="no model of the name 'gpt-9'"):
        orders.obey(talk, "/model gpt-9")
    assert talk.answer("Still there?")["model"] == "smollm2-135m-instruct"


def test_tokens_are_counted_as_the_model_counts_them(talk):
    counter = open_counter(None, os.environ)
    assert not counter.is_estimate
    for text in ("", "Hello there.", "naïve 🙂 日本語 <|im_start|>", "x" * 3000):
        assert counter(text) == talk.opened.count_tokens(text)
    counter.close()
    estimate = open_counter(None, {**os.environ, "ROADMAP_MODELS": "/none"})
    assert estimate.is_estimate
    assert counter(text) <= estimate("word " * 3000)
