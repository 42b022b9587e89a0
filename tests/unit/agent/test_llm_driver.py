"""The LLM driver against an endpoint that is told what to say: rounds, budgets, tools, failures, what is remembered."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.agent.code import project
from roadmap_cli.agent.drivers.llm import Budget, LlmDriver, Settings, outcomes
from roadmap_cli.agent.drivers.llm.asking import merged
from roadmap_cli.agent.drivers.llm.outcomes import Counts
from roadmap_cli.agent.repair.driver import Candidate, Case, Driver, Problem
from roadmap_cli.agent.repair.judge import Judge
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing import localise, toolchain
from roadmap_cli.agent.testing.bench import Bench
from roadmap_cli.core import schemas
from roadmap_cli.core.errors import ConfigError, TryLater
from roadmap_cli.models import ledger as ledgers
from roadmap_cli.net import audit

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import TEST as TEST_COMMAND
from llm_ground import CODE, FIXED, TESTS, Place, judged, problem, says, scripted

BLOCK = "span.py\n<<<<<<< SEARCH\n    return a < d or c < b\n=======\n    return {}\n>>>>>>> REPLACE"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def driver(place: Place, **more: Any) -> LlmDriver:
    more = {"settings": Settings(samples=3, rounds=2), "model": "test", **more}
    return LlmDriver(environ=place.environ, ledger=place.ledger, transport=place.transport, **more)


def run(made: LlmDriver, outcome: str = "refuted") -> list[Candidate]:
    """All candidates, each judged before the next is asked for, as the loop does."""
    found = []
    for candidate in made.candidates(problem()):
        found.append(candidate)
        made.told(judged(candidate, outcome))
        if outcome == "confirmed":
            break
    return found


def test_an_answer_becomes_a_candidate_and_its_verdict_goes_into_the_next_round(place: Place) -> None:
    replies = ["a < d and c < b", "a < d and (c < b)", "a <= d and c < b"]
    with scripted(lambda number, body: says(BLOCK.format(replies[number % 3]))) as server:
        place.endpoint(server.url)
        made: Driver = driver(place)
        assert isinstance(made, LlmDriver)
        found = run(made)
    assert [candidate.changed["span.py"] for candidate in found] == [
        CODE.replace("a < d or c < b", replies[0]), CODE.replace("a < d or c < b", replies[2])
    ], "the second is the first in other words"  # fmt: skip
    first = found[0]
    assert (first.template, first.file, first.line, first.function, first.swap) == (
        "llm:test:search",
        "span.py",
        3,
        "overlap",
        False,
    )
    assert len({candidate.patch for candidate in found}) == 2
    bodies = [body for _, body in server.seen]
    assert len(bodies) == 6
    temperatures = [body["temperature"] for body in bodies[:3]]
    assert temperatures == sorted(temperatures)
    assert temperatures[0] == 0.0
    assert len({body["seed"] for body in bodies}) == 6
    assert all(body["messages"] == bodies[0]["messages"] for body in bodies[:3]), "one prefix for all samples"
    assert bodies[3]["messages"][:2] == bodies[0]["messages"], "and for all rounds"
    assert "-    return a < d or c < b" in bodies[3]["messages"][3]["content"]
    assert "now fails with E: m" in bodies[3]["messages"][3]["content"]
    assert made.stopped == "exhausted"
    with place.state.read() as tx:
        calls = list(ledgers.calls(tx))
        assert {(call["purpose"], call["provider"], call["run_id"]) for call in calls} == {
            ("agent-propose", "127.0.0.1", "agent_1")
        }
        assert len(list(audit.requests(tx))) == len(calls) == 6


def test_no_request_is_made_after_a_candidate_is_confirmed(place: Place) -> None:
    with scripted(lambda number, body: says(f"```python\n{FIXED}```")) as server:
        place.endpoint(server.url)
        assert len(run(driver(place), "confirmed")) == 1
        assert len(server.seen) == 1


def test_slow_tests_are_spared_by_ranking_a_round_first(place: Place) -> None:
    replies = ["a == d", "a < d and c < b", "a < d and c < b"]
    with scripted(lambda number, body: says(BLOCK.format(replies[number]))) as server:
        place.endpoint(server.url)
        made = driver(place, settings=Settings(samples=3, rounds=1))
        found = list(made.candidates(problem(test_seconds=9.0)))
        assert len(server.seen) == 3
    assert [("d and c" in candidate.changed["span.py"]) for candidate in found] == [True, False], (
        "two agree on the first"
    )
    assert found[0].score > found[1].score


# -- budgets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "prices", "calls", "words"),
    [
        (lambda most: Budget(tokens=most - 1), "", 0, "tokens"),
        (lambda most: Budget(tokens=most), "", 1, "tokens"),
        (lambda most: Budget(tokens=most + 240), "", 3, "tokens"),
        (lambda most: Budget(money=most), "price_in = 1\nprice_out = 1\ncurrency = 'EUR'", 1, "EUR"),
        (lambda most: Budget(money=most - 1), "price_in = 1\nprice_out = 1\ncurrency = 'EUR'", 0, "EUR"),
        (lambda most: Budget(money=10**9), "", 0, "price of the model is not known"),
        (lambda most: Budget(money=10**9, currency="USD"), "price_in = 1\nprice_out = 1\ncurrency = 'EUR'", 0, "in USD"),
        (lambda most: Budget(money=10**9), "price_in = 0\nprice_out = 0", 8, ""),
    ],
)  # fmt: skip
def test_the_call_that_could_exceed_the_budget_is_not_made(
    place: Place, budget: Any, prices: str, calls: int, words: str
) -> None:
    with scripted(lambda number, body: says(f"no code {number}")) as server:
        place.endpoint(server.url)
        probe = driver(place, budget=Budget(tokens=1))
        run(probe)
        most = int(re.search(r"may take (\d+) tokens", probe.reason)[1])  # type: ignore[index]
        place.endpoint(server.url, prices)
        made = driver(place, budget=budget(most), settings=Settings(samples=8, rounds=1))
        run(made)
        assert len(server.seen) == calls
    if words:
        assert made.stopped == "budget"
        assert words in made.reason
    assert made.budget.tokens_spent == 120 * calls
    assert made.budget.tokens_held == made.budget.money_held == 0


def test_a_budget_too_small_for_two_at_once_is_enough_for_one_after_the_other(place: Place) -> None:
    with scripted(lambda number, body: says("nothing")) as server:
        place.endpoint(server.url, "width = 3")
        probe = driver(place, budget=Budget(tokens=1))
        run(probe)
        most = int(re.search(r"may take (\d+) tokens", probe.reason)[1])  # type: ignore[index]
        made = driver(place, budget=Budget(tokens=most + 250), settings=Settings(samples=3, rounds=1))
        run(made)
        assert (len(server.seen), server.most) == (3, 1)
    assert made.budget.tokens_spent == 360


def test_answers_that_were_cut_off_get_more_room_in_the_next_round(place: Place) -> None:
    with scripted(lambda number, body: says("```python\ndef overlap(", finish="length")) as server:
        place.endpoint(server.url)
        run(driver(place, settings=Settings(samples=1, rounds=2, reply_tokens=100)))
        assert [body["max_tokens"] for _, body in server.seen] == [100, 200]


def test_what_a_server_does_not_tell_counts_as_what_was_held_back(place: Place) -> None:
    bare = {"choices": [{"message": {"content": "nothing"}, "finish_reason": "stop"}]}
    with scripted(lambda number, body: bare) as server:
        place.endpoint(server.url, "price_in = 1\nprice_out = 1")
        made = driver(place, budget=Budget(tokens=10**6), settings=Settings(samples=1, rounds=1, reply_tokens=100))
        run(made)
    assert made.budget.tokens_spent > 100
    assert made.budget.money_spent == made.budget.tokens_spent


def test_a_budget_is_one_for_all_who_share_it() -> None:
    budget = Budget(tokens=100)
    first = budget.hold(60, (0, None))
    with pytest.raises(Exception, match="40 of 100 are left"):
        budget.hold(41, (0, None))
    budget.settle(first, 10)
    budget.release(budget.hold(90, (0, None)))
    assert (budget.tokens_spent, budget.tokens_held) == (10, 0)


# -- tools -------------------------------------------------------------------------------------------------------------


def calling(name: str, arguments: str) -> dict[str, Any]:
    return says(
        None,
        finish="tool_calls",
        tool_calls=[{"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}],
    )


def test_tools_are_off_unless_the_endpoint_says_that_it_takes_them(place: Place) -> None:
    with scripted(lambda number, body: says("nothing")) as server:
        place.endpoint(server.url)
        run(driver(place))
        assert not any("tools" in body for _, body in server.seen)


def test_a_call_of_a_tool_is_a_proposal(place: Place) -> None:
    edit = '{"file": "span.py", "search": "    return a < d or c < b", "replace": "    return a < d and c < b"}'
    with scripted(lambda number, body: calling("propose_edit", edit)) as server:
        place.endpoint(server.url, "tools = true")
        [candidate, *_] = run(driver(place))
        assert candidate.template == "llm:test:tool"
        assert "and c < b" in candidate.changed["span.py"]
        [tool] = server.seen[0][1]["tools"]
        assert tool["function"]["name"] == "propose_edit"
        assert server.seen[0][1]["tool_choice"]["function"]["name"] == "propose_edit"
        assert "SEARCH" not in server.seen[0][1]["messages"][1]["content"]


def test_a_server_that_ignores_tools_is_read_as_text(place: Place) -> None:
    with scripted(lambda number, body: says(f"```python\n{FIXED}```")) as server:
        place.endpoint(server.url, "tools = true")
        assert run(driver(place))[0].template == "llm:test:function"


def test_a_server_that_refuses_tools_is_asked_without(place: Place) -> None:
    def answer(number: int, body: dict[str, Any]) -> Any:
        return (
            (400, {"error": {"message": "'tools' is not supported"}})
            if "tools" in body
            else says(BLOCK.format("a < d"))
        )

    with scripted(answer) as server:
        place.endpoint(server.url, "tools = true")
        made = driver(place)
        assert run(made)
        assert sum("tools" in body for _, body in server.seen) == 1
        assert "SEARCH" in server.seen[1][1]["messages"][1]["content"]
        assert made.stopped == "exhausted"


def test_gaps_are_filled_by_an_endpoint_that_can(place: Place) -> None:
    def answer(number: int, body: dict[str, Any]) -> Any:
        if "suffix" not in body:
            return says("nothing")
        text = "return a < d and c < b" if body["temperature"] else "    return a < d or c < b\n"
        return {
            "choices": [{"text": text, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9},
        }

    with scripted(answer) as server:
        place.endpoint(server.url, "infill = 'suffix'")
        [candidate] = run(driver(place, settings=Settings(samples=2, rounds=1)))
        assert candidate.template == "llm:test:infill"
        assert candidate.changed["span.py"] == CODE.replace("a < d or", "a < d and")
        assert [path for path, _ in server.seen] == ["/v1/completions"] * 2 + ["/v1/chat/completions"] * 2
        before = CODE.split("    return")[0] + "    "
        assert (server.seen[0][1]["prompt"], server.seen[0][1]["suffix"]) == (before, "\n")
    with place.state.read() as tx:
        past = outcomes.history(tx, "test")
    assert (past["infill"].requests, past["infill"].usable, past["infill"].unchanged) == (2, 1, 1)


def test_a_proposal_is_proven_by_the_tests_in_the_sandbox(place: Place, tmp_path: Path) -> None:
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
    if works.returncode:
        pytest.skip(f"bubblewrap cannot work here: {works.stderr.decode()}")
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "span.py").write_text(CODE)
    (folder / "test_span.py").write_text(TESTS)
    read = project.read(folder)
    command = toolchain.understand(TEST_COMMAND, read.root, {"PATH": os.defpath}, sys.executable)
    replies = ["a < d and", "a < d and c < b"]
    with scripted(lambda number, body: says(BLOCK.format(replies[min(number, 1)]))) as server, Bench(
        read, command, Limits(wall_s=60, cpu_s=60, memory_bytes=1 << 30)
    ) as bench:  # fmt: skip
        place.endpoint(server.url)
        first = bench.run({}, trace=read.sources(), test_seconds=5, seconds=30)
        errors = {test: first.outcomes[test]["error"] for test in first.failing}
        case = Case(
            first.failing, list(first.outcomes), 0.5, localise.ochiai(first.lines, first.failing, []), errors=errors
        )
        judge = Judge(bench, case, "pytest", whole_seconds=case.run_seconds)
        made = driver(place)
        verdicts = []
        for candidate in made.candidates(Problem(read, case)):
            verdicts.append(judge.judge(candidate))
            made.told(verdicts[-1])
            if verdicts[-1].outcome == "confirmed":
                break
    assert [verdict.outcome for verdict in verdicts] == ["confirmed"], "what is not Python is never run"
    assert "assert not True" in server.seen[0][1]["messages"][1]["content"]
    assert (folder / "span.py").read_text() == CODE


def test_any_language_is_changed_in_the_files_that_the_failure_names(place: Place) -> None:
    files = {
        "lib/add.js": b"function add(a, b) {\n  return a - b;\n}\nmodule.exports = { add };\n",
        "test/add.test.js": b"require('../lib/add');\n", "package.json": b"{}\n",
    }  # fmt: skip
    read = project.Project(Path("/nowhere"), files, dict.fromkeys(files, 0o644), {}, ())
    error = {"type": "Exit", "message": "AssertionError: -1 == 5\n    at add (/tmp/p/lib/add.js:2:3)", "frames": []}
    given = Problem(read, Case(["command"], ["command"], 0.2, {}, errors={"command": error}))
    blocks = [
        f"{file}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"
        for file, old, new in (
            ("lib/add.js", "  return a - b;", "  return a + b;"),
            ("lib/add.js", "  return a - b;", "  return a +;"),
            ("test/add.test.js", "require('../lib/add');", ""),
            ("package.json", "{}", '{"scripts": {"test": "true"}}'),
        )
    ]
    with scripted(lambda number, body: says(blocks[number])) as server:
        place.endpoint(server.url)
        made = driver(place, settings=Settings(samples=4, rounds=1), parses=lambda name, text: "+;" not in text)
        found = list(made.candidates(given))
    assert [dict(candidate.changed) for candidate in found] == [
        {"lib/add.js": files["lib/add.js"].decode().replace("-", "+")}
    ], "neither tests nor what was not shown"  # fmt: skip
    assert (found[0].file, found[0].line) == ("lib/add.js", 2)


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2])
def test_a_server_that_fails_for_good_ends_it_and_is_named(place: Place, width: int) -> None:
    with scripted(lambda number, body: (500, {"error": {"message": "no"}})) as server:
        place.endpoint(server.url, f"width = {width}")
        made = driver(place)
        with pytest.raises(TryLater, match="500"):
            run(made)
        assert made.stopped == "unavailable"
        assert len(server.seen) == 8, "four attempts each of two requests"
        assert made.budget.tokens_spent == 0
    assert place.slept


def test_a_server_that_does_not_answer_in_time_is_asked_again_and_given_up(place: Place) -> None:
    free = threading.Event()

    def answer(number: int, body: dict[str, Any]) -> Any:
        free.wait(20)
        return says("late")

    with scripted(answer) as server:
        place.endpoint(server.url, timeout_s=0.1)
        made = driver(place, settings=Settings(samples=1, rounds=1), budget=Budget(tokens=10**6))
        with pytest.raises(TryLater, match="did not answer in"):
            run(made)
        free.set()
        assert len(server.seen) == 4
    assert made.budget.tokens_spent > 0, "it may have been counted there"
    assert len(place.slept) == 3
    assert place.slept == sorted(place.slept)


def test_a_failure_in_the_middle_costs_no_more_than_itself(place: Place) -> None:
    def answer(number: int, body: dict[str, Any]) -> Any:
        return (400, {"error": {"message": "odd"}}) if number == 1 else says(BLOCK.format("a < d and c < b"))

    with scripted(answer) as server:
        place.endpoint(server.url)
        made = driver(place)
        assert len(run(made)) == 1
    assert made.stopped == "unavailable"
    assert "odd" in made.reason


def test_another_machine_needs_a_permission_of_its_own_kind(place: Place) -> None:
    place.endpoint("https://api.example.org/v1")
    with pytest.raises(ConfigError) as caught:
        run(driver(place))
    assert caught.value.hint == "roadmap-permit add api.example.org --purpose model-call --kind agent.prompt"


def test_being_told_to_stop_ends_it_before_the_next_request(place: Place) -> None:
    with scripted(lambda number, body: says("nothing")) as server:
        place.endpoint(server.url)
        made = driver(place, stop=lambda: len(server.seen) >= 2)
        run(made)
        assert len(server.seen) == 2
    assert made.stopped == "cancelled"


def test_being_told_to_stop_does_not_wait_for_answers(place: Place) -> None:
    free = threading.Event()

    def answer(number: int, body: dict[str, Any]) -> Any:
        free.wait(20)
        return says("late")

    with scripted(answer) as server:
        place.endpoint(server.url, "width = 2")
        made = driver(place, stop=lambda: len(server.seen) >= 2)
        assert run(made) == []
        free.set()
        assert len(server.seen) == 2
    assert made.stopped == "cancelled"
    assert made.budget.tokens_spent > 0, "the endpoint may count what it was asked"
    with place.state.read() as tx:
        assert [call["finish"] for call in ledgers.calls(tx)] == ["cancelled", "cancelled"]


def test_requests_go_out_together_where_the_endpoint_takes_that(place: Place) -> None:
    gate = threading.Barrier(3, timeout=20)

    def answer(number: int, body: dict[str, Any]) -> Any:
        gate.wait()
        return says(BLOCK.format(f"a < d and c < {number}"))

    with scripted(answer) as server:
        place.endpoint(server.url, "width = 3")
        made = driver(place, budget=Budget(tokens=10**6))
        found = run(made)
        assert server.most == 3
    assert len(found) == 6
    assert made.budget.tokens_spent == 6 * 120
    with place.state.read() as tx:
        assert len(list(ledgers.calls(tx))) == len(list(audit.requests(tx))) == 6


def test_what_is_in_flight_when_it_is_closed_is_a_cancelled_call(place: Place) -> None:
    free = threading.Event()

    def answer(number: int, body: dict[str, Any]) -> Any:
        if number:
            free.wait(20)
        while len(server.seen) < 3:
            time.sleep(0.01)
        return says(BLOCK.format("a < d and c < b"))

    with scripted(answer) as server:
        place.endpoint(server.url, "width = 3")
        made = driver(place)
        candidates = made.candidates(problem())
        next(candidates)
        candidates.close()
        free.set()
        assert len(server.seen) == 3
    with place.state.read() as tx:
        assert sorted(call["finish"] for call in ledgers.calls(tx)) == ["cancelled", "cancelled", "stop"]
    assert made.budget.tokens_held == 0


# -- what is remembered ------------------------------------------------------------------------------------------------


def test_a_patch_known_to_be_no_repair_is_not_proposed(place: Place) -> None:
    with scripted(lambda number, body: says(BLOCK.format("a < d and c < b"))) as server:
        place.endpoint(server.url)
        [first] = run(driver(place))
        assert run(driver(place, tried={first.patch})) == []


def test_how_a_model_fares_decides_how_it_is_asked_and_what_it_promises(place: Place) -> None:
    bad = BLOCK.format("1").replace("return a < d", "return nowhere")
    with scripted(
        lambda number, body: says(bad if "SEARCH" in body["messages"][1]["content"] else f"```python\n{FIXED}```")
    ) as server:
        place.endpoint(server.url)
        made = driver(place, settings=Settings(samples=8, rounds=2))
        before = made.expected()
        found = run(made, "confirmed")
        assert found[0].template == "llm:test:function", "the second round asks otherwise"
        again = driver(place)
        assert run(again, "confirmed")
        assert "SEARCH" not in server.seen[-1][1]["messages"][1]["content"], "the next run begins with that"
        after = driver(place).expected()
    assert after.chance > before.chance
    assert after.value > 0
    with place.state.read() as tx:
        past = outcomes.history(tx, "test")
    assert (past["search"].usable, past["function"].confirmed, past["function"].runs) == (0, 2, 2)


def test_a_verdict_that_comes_when_all_is_over_counts_too(place: Place) -> None:
    with scripted(lambda number, body: says(f"```python\n{FIXED}```")) as server:
        place.endpoint(server.url)
        made = driver(place)
        candidates = made.candidates(problem())
        found = next(candidates)
        candidates.close()
        made.told(judged(found, "confirmed"))
    with place.state.read() as tx:
        [counts] = outcomes.history(tx, "test").values()
    assert (counts.confirmed, counts.runs, counts.requests) == (1, 1, 1)


def test_a_small_model_is_asked_about_the_next_suspect_when_the_first_brings_nothing(place: Place) -> None:
    code = CODE + "\n\ndef meets(a, d):\n    return a <= d\n\n\ndef far():\n    return 1\n"
    given = problem(code)
    given.case.suspicion = {"span.py": {3: 1.0, 7: 0.9, 11: 0.1}}
    with scripted(lambda number, body: says("nothing")) as server:
        place.endpoint(server.url)
        file = Path(place.environ["XDG_CONFIG_HOME"]) / "roadmap" / "models.toml"
        file.write_text(file.read_text().replace("big-70b", "tiny-0.3b"))
        list(driver(place, settings=Settings(samples=1, rounds=4)).candidates(given))
    asked = [body["messages"][1]["content"] for _, body in server.seen]
    assert "function overlap of span.py" in asked[0]
    assert "def meets" not in asked[0]
    assert "function meets of span.py" in asked[1]
    assert not any("def far" in text for text in asked)


def test_its_records_fit_their_schema(place: Place) -> None:
    counts = Counts(requests=3, usable=1, candidates=1)
    record = outcomes.record("m", "search", counts, run_id="agent_1", id="x", at="2026-11-23T09:00:00.000Z")
    assert not list(schemas.problems(record))
    assert outcomes.sums([record], "m")["search"] == Counts(requests=3, usable=1, candidates=1, runs=1)
    assert outcomes.sums([record], "other") == {}


@pytest.mark.parametrize(
    ("name", "size", "billions"),
    [
        ("smollm2-135m-instruct", None, 0.135), ("Qwen2.5-Coder-7B-Instruct-Q4_K_M", None, 7.0), ("llama-3.3-70b", None, 70.0),
        ("qwen2.5-coder-0.5b", None, 0.5), ("gpt-5", None, None), ("mine", 4_000_000_000, 6.15), ("phi-3.5-mini", None, None),
    ],
)  # fmt: skip
def test_a_models_size_is_read_off_its_name_or_its_file(name: str, size: int | None, billions: float | None) -> None:
    assert outcomes.billions(name, size) == (billions if billions is None else pytest.approx(billions, rel=0.01))


def test_formats_by_size_and_by_what_a_model_wrote() -> None:
    assert outcomes.formats({}, 0.135)[0] == "function"
    assert outcomes.formats({}, None)[0] == "search"
    failed = {"search": Counts(requests=20, usable=2)}
    assert outcomes.formats(failed, 70.0)[0] == "function"
    assert (
        outcomes.expected({}, 0.135, local=True, rounds=1).chance
        < outcomes.expected({}, None, local=False, rounds=1).chance
    )


def test_a_template_without_system_messages_gets_them_with_the_question(place: Place) -> None:
    """As llama.cpp's templates of some models say it, in the words of an endpoint."""
    made = driver(place)
    asked = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "A"},
    ]
    assert merged(asked) == [{"role": "user", "content": "S\n\nQ"}, {"role": "assistant", "content": "A"}]
    assert made.stopped is None


def test_no_source_to_ask_about_is_said(place: Place) -> None:
    with scripted(lambda number, body: says("nothing")) as server:
        place.endpoint(server.url, "context_size = 128")
        made = driver(place)
        assert run(made) == []
        assert not server.seen
    assert made.stopped == "no_room"
