"""The engine: many conversations together, what they share read once, and nothing of one in the reply to another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_cli.core.errors import DataError, RoadmapError, UsageError
from roadmap_cli.models import registry
from roadmap_cli.models.conversation.chat import Options
from roadmap_cli.models.conversation.engine import Done, Engine, EngineSettings, Failed, Piece

STORY = {"role": "system", "content": "You answer the questions of people who look after gardens. " * 12}


def ask(text: str, *before: dict[str, str]) -> list[dict[str, str]]:
    return [*before, {"role": "user", "content": text}]


@pytest.fixture(scope="module")
def path(weights: dict[str, str]) -> Path:
    found = registry.load(weights)
    return found.file(found.model("smollm2-135m-instruct"))


@pytest.fixture(scope="module")
def engine(path: Path) -> Iterator[Engine]:
    opened = Engine("small", path, EngineSettings(context_size=1024, sequences=4))
    yield opened
    opened.close()


def run(engine: Engine, *tickets: int) -> tuple[dict[int, str], dict[int, Done | Failed]]:
    """Step until nothing is left: texts and ends by ticket."""
    texts: dict[int, str] = dict.fromkeys(tickets, "")
    ends: dict[int, Done | Failed] = {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, Piece):
                assert event.ticket not in ends
                texts[event.ticket] += event.text
            else:
                assert event.ticket not in ends, "it ended twice"
                ends[event.ticket] = event
    return texts, ends


def test_many_are_answered_each_with_its_own(engine: Engine) -> None:
    questions = [f"Say the number {number}." for number in range(10)]
    tickets = [engine.submit(ask(question, STORY), Options(max_tokens=6)) for question in questions]
    texts, ends = run(engine, *tickets)
    assert set(ends) == set(tickets)
    for ticket in tickets:
        end = ends[ticket]
        assert isinstance(end, Done)
        assert end.tally.completion_tokens is not None
        assert 1 <= end.tally.completion_tokens <= 6
        assert texts[ticket]


def test_together_or_alone_the_likeliest_reply_begins_the_same(engine: Engine) -> None:
    """Rounding differs with what is in flight, so the whole reply need not be the same; its first words are."""
    questions = ["What is the capital of France?", "Name a colour.", "How many legs has a horse?", "Say yes."]
    options = Options(max_tokens=4)
    alone = []
    for question in questions:
        ticket = engine.submit(ask(question), options)
        alone.append(run(engine, ticket)[0][ticket])
    tickets = [engine.submit(ask(question), options) for question in questions]
    texts, _ = run(engine, *tickets)
    assert sum(texts[ticket] == text for ticket, text in zip(tickets, alone, strict=True)) >= 3


@pytest.mark.slow
def test_company_changes_rounding_and_nothing_else(path: Path, tmp_path: Path) -> None:
    """With weights of 32 bits the logits of a reply are alone and in company the same to some hundredths."""
    import numpy as np

    from roadmap_cli.models.conversation.llama import library

    llama, exact = library(), tmp_path / "f32.gguf"
    settings = llama.llama_model_quantize_default_params()
    settings.allow_requantize, settings.ftype = True, 0
    assert llama.llama_model_quantize(str(path).encode(), str(exact).encode(), settings) == 0
    seen: dict[int, list[tuple[int | None, np.ndarray]]] = {}

    class Watched(Engine):
        def _write(self, place, request, index):  # type: ignore[no-untyped-def]
            count = int(llama.llama_vocab_n_tokens(self._weights.vocabulary))
            row = np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context.handle, index), (count,)).copy()
            super()._write(place, request, index)
            seen.setdefault(request.ticket, []).append((request.next, row))

    engine = Watched("exact", exact, EngineSettings(context_size=256, sequences=8, exact=False))
    options = Options(max_tokens=24, temperature=0)
    run(engine, engine.submit(ask("say hi"), options))
    (alone,) = seen.values()
    seen.clear()
    others = [ask("Tell a story of a dog."), ask("say hi"), ask("Count to ten."), ask("say hi"), ask("say hi")]
    tickets = [engine.submit(each, options) for each in others]
    run(engine, *tickets)
    engine.close()
    for ticket in (tickets[1], tickets[3], tickets[4]):
        for (chosen, expected), (other, got) in zip(alone, seen[ticket], strict=True):
            assert np.abs(expected - got).max() < 0.1
            assert chosen == other


def test_what_is_shared_is_read_once(engine: Engine) -> None:
    engine.drop_caches()
    tickets = [engine.submit(ask(f"Question {number}?", STORY), Options(max_tokens=2)) for number in range(6)]
    _, ends = run(engine, *tickets)
    shared = [end.tally.cached_tokens for end in ends.values() if isinstance(end, Done)]
    assert sorted(shared)[0] == 0
    assert all(count > 100 for count in sorted(shared)[1:])


def test_a_cancelled_one_is_heard_of_no_more_and_the_others_go_on(engine: Engine) -> None:
    tickets = [engine.submit(ask(f"Count to {number}."), Options(max_tokens=12)) for number in range(7)]
    seen = [event for _ in range(3) for event in engine.step()]
    engine.cancel(tickets[0])
    engine.cancel(tickets[6])
    engine.cancel(999_999)
    texts, ends = run(engine, *tickets)
    assert set(ends) | {event.ticket for event in seen if not isinstance(event, Piece)} == set(tickets) - {
        tickets[0],
        tickets[6],
    }
    assert texts[tickets[6]] == ""


def test_a_sampled_reply_depends_on_its_own_seed(engine: Engine) -> None:
    def replies(seed: int) -> str:
        ticket = engine.submit(ask("Invent a name for a boat."), Options(max_tokens=12, temperature=1.5, seed=seed))
        return run(engine, ticket)[0][ticket]

    assert replies(1) == replies(1) != replies(2)


def test_refusals_come_at_once_and_cost_no_place(engine: Engine) -> None:
    for messages, options, error in (
        ([], Options(), DataError),
        (ask(" "), Options(), DataError),
        ("", Options(), DataError),
        (ask("word " * 3000), Options(), DataError),
        (ask("x"), Options(max_tokens=0), UsageError),
    ):
        with pytest.raises(error):
            engine.submit(messages, options)
    assert not engine.busy


def test_ten_megabytes_are_refused_without_being_read(engine: Engine) -> None:
    with pytest.raises(DataError, match="10000000 characters, far more than the context of 1024 tokens") as caught:
        engine.submit(ask("lorem ipsu" * 1_000_000), Options())
    assert caught.value.code == "prompt_too_long"


@pytest.mark.parametrize("exact", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("believed", [512, pytest.param(100_000, marks=pytest.mark.slow)])
def test_when_the_room_is_short_all_are_answered_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool, believed: int
) -> None:
    """Four sequences of up to 256 tokens over 512 cells: once known beforehand, once found out by llama.cpp."""
    monkeypatch.setattr("roadmap_cli.models.conversation.engine.context.FEWEST_CELLS", 0)
    engine = Engine("small", path, EngineSettings(context_size=256, sequences=4, exact=exact))
    assert engine.cells == 512
    engine.cells = believed
    dice = random.Random(5)
    lengths = [dice.randint(100, 150) for _ in range(7)]
    tickets = [
        engine.submit(ask(f"{number} " + "la " * length), Options(max_tokens=60, temperature=1.0))
        for number, length in enumerate(lengths)
    ]
    texts, ends = run(engine, *tickets)
    assert set(ends) == set(tickets)
    for ticket in tickets:
        end = ends[ticket]
        assert isinstance(end, Done), end
        assert end.tally.completion_tokens is not None
        assert end.tally.completion_tokens == 60 or end.tally.finish == "stop"
        assert texts[ticket] or end.tally.completion_tokens == 0
    engine.close()


def test_a_schema_holds_in_the_midst_of_others(engine: Engine) -> None:
    schema = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
    schema |= {"additionalProperties": False}
    others = [engine.submit(ask("Tell a story."), Options(max_tokens=20)) for _ in range(2)]
    ticket = engine.submit(ask("Is water wet?"), Options(max_tokens=20, schema=schema))
    texts, _ = run(engine, ticket, *others)
    import json

    assert set(json.loads(texts[ticket])) == {"yes"}


def test_what_was_worked_out_survives_a_new_start(path: Path) -> None:
    settings = EngineSettings(context_size=1024, sequences=2, exact=False)
    first = Engine("small", path, settings)
    conversation = ask("Which month for tulips?", STORY)
    ticket = first.submit(conversation, Options(max_tokens=5))
    said = run(first, ticket)[0][ticket]
    saved = list(first.save())
    first.close()
    assert saved
    second = Engine("small", path, settings)
    assert second.restore(saved) == sum(len(each.tokens) for each in saved)
    turn = [*conversation, {"role": "assistant", "content": said}, {"role": "user", "content": "And roses?"}]
    ticket = second.submit(turn, Options(max_tokens=5))
    _, ends = run(second, ticket)
    end = ends[ticket]
    assert isinstance(end, Done)
    assert end.tally.cached_tokens > len(saved[0].tokens) * 0.8
    assert second.drop_caches() > 0
    assert list(second.save()) == []
    ticket = second.submit(ask("Still there?"), Options(max_tokens=2))
    assert isinstance(run(second, ticket)[1][ticket], Done)
    second.close()


def test_saved_bytes_that_are_damaged_are_left_out(path: Path, engine: Engine) -> None:
    from roadmap_cli.models.conversation.engine import SavedSequence

    other = Engine("small", path, EngineSettings(context_size=256, sequences=2))
    assert other.restore([SavedSequence((1, 2, 3), 3, b""), SavedSequence((1,) * 40, 40, b"x" * 500)]) == 0
    ticket = other.submit(ask("Well?"), Options(max_tokens=2))
    assert isinstance(run(other, ticket)[1][ticket], Done)
    other.close()


def test_a_random_course_of_asking_and_cancelling_ends_well(engine: Engine) -> None:
    dice = random.Random(3)
    open_tickets: set[int] = set()
    ended: set[int] = set()
    cancelled: set[int] = set()
    for _ in range(120):
        if dice.random() < 0.3 and len(open_tickets) < 9:
            before = [STORY] if dice.random() < 0.5 else []
            open_tickets.add(
                engine.submit(ask("x" * dice.randint(1, 60), *before), Options(max_tokens=dice.randint(1, 5)))
            )
        elif dice.random() < 0.15 and open_tickets:
            ticket = dice.choice(sorted(open_tickets))
            engine.cancel(ticket)
            cancelled.add(ticket)
            open_tickets.discard(ticket)
        for event in engine.step():
            if not isinstance(event, Piece):
                ended.add(event.ticket)
                open_tickets.discard(event.ticket)
    _, ends = run(engine, *open_tickets)
    assert set(ends) == open_tickets
    assert all(isinstance(end, Done) for end in ends.values())
    assert not engine.in_flight


def test_errors_are_ours(path: Path) -> None:
    with pytest.raises(UsageError):
        Engine("small", path, EngineSettings(context_size=4))
    with pytest.raises(RoadmapError):
        Engine("small", path.with_name("none.gguf"), EngineSettings())
