"""The LLM driver over real models and real servers: in this process, slm-serve, llama-cpp-python's own server.

With a model of 135 million parameters what is looked at is the protocol, the budget and the books, not cleverness.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import transcripts
from roadmap_cli.agent.drivers.llm import Budget, LlmDriver, Settings
from roadmap_cli.agent.repair.driver import Candidate
from roadmap_cli.core.errors import TryLater
from roadmap_cli.models import ledger as ledgers
from roadmap_cli.models import registry
from roadmap_cli.models.conversation.chat import Options, Reply
from roadmap_cli.models.conversation.selection import open_batch, open_chat
from roadmap_cli.net import audit
from serving import ROOT, TOKEN, Running, running

sys.path.insert(0, str(ROOT / "tests" / "unit" / "agent"))
from llm_ground import FaultyProxy, Place, judged, problem

MODEL = "smollm2-135m-instruct"
WEIGHTS = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
ASK = [{"role": "user", "content": "Say hello."}]
SHORT = Settings(samples=2, rounds=1, reply_tokens=24)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.environ["ROADMAP_MODELS"] = WEIGHTS
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("serve")
    home.chmod(0o700)
    (home / "tmp").mkdir()
    with running(transcripts.world(home), home, "--context-size", "2048", port=True) as found:
        yield found


@pytest.fixture
def proxy(server: Running, place: Place) -> Iterator[FaultyProxy]:
    """slm-serve as an endpoint of the user's, behind a proxy with faults."""
    made = FaultyProxy(int(server.url.split(":")[2].split("/")[0]))
    _endpoint(place, made.url, server.token_file)
    yield made
    made.close()


def _endpoint(place: Place, url: str, key: Path | None = None, extra: str = "") -> None:
    place.endpoint(url, (f'key_file = "{key}"\n' if key else "") + extra)
    file = Path(place.environ["XDG_CONFIG_HOME"]) / "roadmap" / "models.toml"
    file.write_text(file.read_text().replace('"big-70b"', f'"{MODEL}"'))


def driver(place: Place, **more: object) -> LlmDriver:
    given = {"model": "test", "settings": SHORT, **more}
    return LlmDriver(environ=place.environ, ledger=place.ledger, transport=place.transport, **given)  # type: ignore[arg-type]


def run(made: LlmDriver) -> list[Candidate]:
    found = []
    for candidate in made.candidates(problem()):
        found.append(candidate)
        made.told(judged(candidate))
    return found


def calls(place: Place) -> list[dict[str, object]]:
    with place.state.read() as tx:
        return list(ledgers.calls(tx))


@pytest.mark.slow
def test_the_bundled_model_in_this_process_shares_the_prompt_between_samples(place: Place) -> None:
    made = driver(place, model=None, settings=Settings(samples=2, rounds=1, reply_tokens=16, width=1))
    run(made)
    first, second = calls(place)
    assert (first["model"], first["purpose"], first["price_microunits"]) == (MODEL, "agent-propose", 0)
    assert first["input"]["messages"] == second["input"]["messages"]  # type: ignore[index]
    assert made.budget.tokens_spent == sum(c["prompt_tokens"] + c["completion_tokens"] for c in (first, second))  # type: ignore[operator]
    assert made.stopped == "exhausted"
    messages = first["input"]["messages"]  # type: ignore[index]
    later = [*messages, {"role": "assistant", "content": "def"}, {"role": "user", "content": "That fails as before."}]
    with open_batch(None, environ=place.environ, ledger=None, width=1) as batch:
        for key, asked in enumerate((messages, messages, later)):
            batch.submit(key, asked, Options(max_tokens=2))
            [(_, reply)] = batch.wait()
            assert isinstance(reply, Reply)
            assert reply.prompt_tokens
            assert (reply.cached_tokens > reply.prompt_tokens * 0.8) is (key > 0), (
                "read once for all samples and rounds"
            )


@pytest.mark.slow
def test_being_told_to_stop_ends_an_answer_in_its_middle(place: Place) -> None:
    end = time.monotonic() + 3
    made = driver(
        place,
        model=None,
        settings=Settings(samples=2, rounds=1, reply_tokens=3000),
        stop=lambda: time.monotonic() > end,
    )
    run(made)
    assert made.stopped == "cancelled"
    assert time.monotonic() < end + 20, "an answer of so many tokens takes much longer"
    assert [call["finish"] for call in calls(place)] == ["cancelled", "cancelled"]


def test_faults_of_the_network_are_met_with_patience_and_each_attempt_is_in_the_book(
    place: Place, proxy: FaultyProxy
) -> None:
    proxy.faults[:] = ["429", "500", "503"]
    made = driver(place)
    run(made)
    assert (proxy.asked, proxy.passed) == (5, 2), "three faults and two answers"
    assert len(place.slept) == 3
    assert made.stopped == "exhausted"
    assert [call["finish"] in ("stop", "length") for call in calls(place)] == [True, True]
    with place.state.read() as tx:
        outcomes = [request["outcome"] for request in audit.requests(tx)]
    assert outcomes == ["busy"] * 3 + ["done"] * 2


def test_a_connection_that_is_cut_is_one_failed_call(place: Place, proxy: FaultyProxy) -> None:
    proxy.faults[:] = ["cut"]
    made = driver(place, budget=Budget(tokens=10**6))
    run(made)
    first, second = calls(place)
    assert first["error"].startswith("cut_off")  # type: ignore[attr-defined]
    assert second["finish"] in ("stop", "length")
    told = second["prompt_tokens"] + second["completion_tokens"]  # type: ignore[operator]
    assert made.budget.tokens_spent > told, "what may have been charged counts"


def test_a_server_that_only_fails_is_left_alone(place: Place, proxy: FaultyProxy) -> None:
    proxy.faults[:] = ["500"] * 50
    made = driver(place)
    with pytest.raises(TryLater):
        run(made)
    assert (proxy.asked, proxy.passed) == (8, 0)
    assert made.stopped == "unavailable"


@pytest.mark.parametrize("limit", ["tokens", pytest.param("money", marks=pytest.mark.slow)])
def test_the_server_never_sees_the_call_that_could_exceed_the_budget(
    place: Place, server: Running, proxy: FaultyProxy, limit: str
) -> None:
    _endpoint(place, proxy.url, server.token_file, "price_in = 1.0\nprice_out = 1.0\ncurrency = 'EUR'\n")
    run(driver(place, settings=Settings(samples=1, rounds=1, reply_tokens=8)))
    [call] = calls(place)
    spent = int(call["prompt_tokens"]) + int(call["completion_tokens"])  # type: ignore[call-overload]
    assert call["price_microunits"] == spent
    before = proxy.asked
    enough = 2 * spent + 600
    budget = Budget(tokens=enough) if limit == "tokens" else Budget(money=enough, currency="EUR")
    made = driver(place, budget=budget, settings=Settings(samples=20, rounds=3, reply_tokens=8))
    run(made)
    assert made.stopped == "budget"
    assert 1 <= proxy.asked - before < 20
    used = budget.tokens_spent if limit == "tokens" else budget.money_spent
    assert used <= enough
    before = proxy.asked
    run(driver(place, budget=Budget(tokens=50)))
    assert proxy.asked == before, "not a single request"


def test_slm_serve_refuses_tools_and_is_asked_without(place: Place, server: Running, proxy: FaultyProxy) -> None:
    _endpoint(place, proxy.url, server.token_file, "tools = true\n")
    made = driver(place)
    run(made)
    assert proxy.passed == 3
    first, *rest = calls(place)
    assert "not supported" in first["error"]  # type: ignore[operator]
    assert all("tools" not in call["input"]["options"] for call in rest)  # type: ignore[index]
    assert made.stopped == "exhausted"


@pytest.mark.slow
def test_several_at_once_at_slm_serve_and_what_is_in_flight_can_be_given_up(
    place: Place, server: Running, proxy: FaultyProxy
) -> None:
    _endpoint(place, proxy.url, server.token_file, "width = 4\n")
    made = driver(place, settings=Settings(samples=4, rounds=1, reply_tokens=16))
    run(made)
    assert len(calls(place)) == 4
    assert all(call["finish"] in ("stop", "length") for call in calls(place))
    with open_chat("test", environ=place.environ, ledger=place.ledger, transport=place.transport) as chat:
        stream = iter(chat.stream(ASK, max_tokens=200))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert calls(place)[-1]["finish"] == "cancelled"


@pytest.mark.slow
def test_a_warm_server_answers_many_at_once_and_keeps_the_book(server: Running) -> None:
    world = server.world
    code = (
        "import sys; sys.path[:0] = ['src', 'tests/unit/agent']\n"
        "import os\n"
        "from pathlib import Path\n"
        "from roadmap_cli.agent.drivers.llm import LlmDriver, Settings\n"
        "from roadmap_cli.core import clock, paths\n"
        "from roadmap_cli.models.ledger import Ledger\n"
        "from roadmap_cli.state.keys import KeySource\n"
        "from roadmap_cli.state.store import State\n"
        "from llm_ground import problem\n"
        "environ = dict(os.environ)\n"
        "with State.open(paths.state_file(environ), mode='write', keys=KeySource(environ, None), now=clock.system) as state:\n"
        "    ledger = Ledger(state, 'agent-loop', clock.system, run_id='agent_warm')\n"
        "    made = LlmDriver(environ=environ, ledger=ledger, settings=Settings(samples=3, rounds=1, reply_tokens=16))\n"
        "    list(made.candidates(problem()))\n"
        "    with state.read() as tx:\n"
        "        rows = tx.execute(\"select command, purpose, finish from model_call where run_id = 'agent_warm'\").fetchall()\n"
        "    print(made.stopped, sorted(set(rows)), len(rows), made.budget.tokens_spent > 0, 'llama_cpp' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=world, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.strip()
    assert words.startswith("exhausted [('agent-loop', 'agent-propose', ")
    assert words.endswith("3 True False")


# -- llama-cpp-python's own server -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needed = ("fastapi", "uvicorn", "sse_starlette", "starlette_context", "pydantic_settings")
    if any(find_spec(name) is None for name in needed):
        pytest.skip("the peer needs fastapi, uvicorn, sse-starlette, starlette-context and pydantic-settings")
    found = registry.load({"HOME": str(tmp_path_factory.mktemp("home")), "ROADMAP_MODELS": WEIGHTS})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["--model", str(found.file(found.model(MODEL))), "--host", "127.0.0.1", "--port", str(port)]
    words += ["--n_ctx", "2048", "--n_threads", "1"]
    log = (tmp_path_factory.mktemp("peer") / "log").open("w+")
    process = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", *words], stdout=log, stderr=log)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (log.seek(0), log.read()[-2000:])
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


TOOL = {
    "name": "propose_edit", "description": "Propose an edit.",
    "parameters": {
        "type": "object", "properties": {"file": {"type": "string", "maxLength": 12}, "line": {"type": "integer"}},
        "required": ["file", "line"], "additionalProperties": False,
    },
}  # fmt: skip


@pytest.mark.slow
def test_tool_calls_whole_and_in_pieces_are_the_same(place: Place, peer: str) -> None:
    _endpoint(place, peer, extra="tools = true\n")
    with open_chat("test", environ=place.environ, ledger=place.ledger, transport=place.transport) as chat:
        whole = chat.complete(ASK, max_tokens=60, tools=[TOOL], tool="propose_edit")
        stream = chat.stream(ASK, max_tokens=60, tools=[TOOL], tool="propose_edit")
        assert list(stream) == []
    assert whole.finish == "tool_calls"
    [call] = whole.calls
    assert call.name == "propose_edit"
    assert call.arguments.lstrip().startswith("{")
    assert stream.reply.calls == whole.calls
    assert calls(place)[0]["output"]["tool_calls"] == [["propose_edit", call.arguments]]  # type: ignore[index]


@pytest.mark.slow
def test_a_peer_that_ignores_tools_answers_in_text(place: Place, peer: str) -> None:
    _endpoint(place, peer, extra="tools = true\n")
    with open_chat("test", environ=place.environ, ledger=place.ledger, transport=place.transport) as chat:
        reply = chat.complete(ASK, max_tokens=12, tools=[TOOL])
        pieces = list(chat.stream(ASK, max_tokens=12, tools=[TOOL]))
    assert reply.calls == ()
    assert reply.text
    assert "".join(pieces) == reply.text


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", "tools = true\n", "infill = 'suffix'\n"])
def test_a_run_against_the_peer(place: Place, peer: str, extra: str) -> None:
    _endpoint(place, peer, extra=extra + "context_size = 2048\n")
    made = driver(place, settings=Settings(samples=2, rounds=2, reply_tokens=48))
    run(made)
    assert made.stopped == "exhausted"
    assert all(call.get("error") is None for call in calls(place))
    assert made.budget.tokens_spent == sum(int(c["prompt_tokens"]) + int(c["completion_tokens"]) for c in calls(place))  # type: ignore[call-overload]
    if "infill" in extra:
        assert any("infill" in call["input"] for call in calls(place))  # type: ignore[operator]
    if "tools" in extra:
        assert any("tool_calls" in call["output"] for call in calls(place))  # type: ignore[operator]
    assert TOKEN
