"""slm-serve beside llama-cpp-python's server, and under a real memory hog: one JSON record for each figure.

    serve.py [first-token|overhead|pressure|idle]...    without a word, all of them

Pressure needs a control group with a memory limit (root and cgroup v1 or v2 with the memory controller); PRESSURE_RUNS
is the number of runs (100).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

import serving  # noqa: E402
import transcripts  # noqa: E402

MODEL = "smollm2-135m-instruct"
CONTEXT = 2048
PY = str(ROOT / ".venv/bin/python")


def _figure(name: str, unit: str, values: Sequence[float], **more: Any) -> None:
    ordered = sorted(values)
    record = {
        "kind": "bench.figure", "name": name, "unit": unit, "value": round(statistics.median(ordered), 4),
        "lowest": round(ordered[0], 4), "highest": round(ordered[-1], 4), **more,
    }  # fmt: skip
    print(json.dumps(record), flush=True)


@contextlib.contextmanager
def _home() -> Iterator[tuple[dict[str, str], Path]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "tmp").mkdir()
        world = transcripts.world(home)
        world.pop("ROADMAP_NOW", None)
        yield world, home


# -- time to the first token -------------------------------------------------------------------------------------------


class _Peer:
    """llama-cpp-python's own server with the same file."""

    def __init__(self, home: Path) -> None:
        from roadmap_cli.models import registry

        environ = {"ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache/models"))}
        found = registry.load(environ)
        path = found.file(found.model(MODEL))
        self.port = 18437
        self.process = subprocess.Popen(
            [PY, "-m", "llama_cpp.server", "--model", str(path), "--n_ctx", str(CONTEXT), "--port", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=(home / "peer.err").open("wb"),
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"},
        )  # fmt: skip
        end = time.monotonic() + 90
        while True:
            try:
                self.connection().request("GET", "/v1/models")
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def _first_piece(connection: http.client.HTTPConnection, messages: list[dict[str, str]]) -> tuple[float, str, Any]:
    """Seconds to the first piece of text, the reply, and the usage if it was told."""
    body = {
        "model": MODEL, "messages": messages, "max_tokens": 12, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    started = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    first, text, usage = 0.0, "", None
    for line in answer:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        usage = event.get("usage") or usage
        piece = event["choices"][0]["delta"].get("content") if event.get("choices") else None
        if piece:
            first = first or time.perf_counter() - started
            text += piece
    return first, text, usage


def bench_first_token() -> None:
    """The next turn of a chat of 1,500 tokens, warm; then after an unload and a load."""
    with _home() as (world, home):
        peer = _Peer(home)
        server = serving.Running(world, "--context-size", str(CONTEXT), home=home, port=True)
        host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")

        class Ours(http.client.HTTPConnection):
            def putrequest(self, *words: Any, **more: Any) -> None:
                super().putrequest(*words, **more)
                self.putheader("Authorization", f"Bearer {serving.TOKEN}")

        def ours() -> http.client.HTTPConnection:
            return Ours(host, int(port), timeout=300)

        try:
            mine: list[float] = []
            theirs: list[float] = []
            spent: tuple[list[float], list[float]] = ([], [])  # processor time of a whole turn, ours and theirs
            long = "The tide rises and falls twice a day, and the boats in the harbour rise and fall with it. " * 66
            talks = {id(mine): [{"role": "user", "content": long}], id(theirs): [{"role": "user", "content": long}]}
            for turn in range(9):  # each side has its own chat, which goes on; the first turn reads it all
                for connect, times in ((ours, mine), (peer.connection, theirs)):
                    talk = talks[id(times)]
                    pids = [peer.process.pid] if times is theirs else [server.process.pid, server.model().get("pid", 0)]
                    before = sum(serving.cpu_seconds(pid) for pid in pids if pid)
                    first, text, usage = _first_piece(connect(), talk)
                    if turn:
                        times.append(first * 1000)
                        spent[times is theirs].append(sum(serving.cpu_seconds(pid) for pid in pids) - before)
                    if connect is ours:
                        last, told = list(talk), usage
                    talk += [{"role": "assistant", "content": text}, {"role": "user", "content": "And then?"}]
            differences = [a - b for a, b in zip(mine, theirs, strict=True)]
            _figure(
                "next turn of a 1,500-token chat, time to first token", "ms", mine,
                peer="llama-cpp-python server, same file", peer_value=round(statistics.median(theirs), 1),
                difference_ms=round(statistics.median(differences), 1),
                turn_cpu_ms=round(statistics.median(spent[0]) * 1000), peer_turn_cpu_ms=round(statistics.median(spent[1]) * 1000), prompt_tokens=told["prompt_tokens"],
                cached_tokens=told["prompt_tokens_details"]["cached_tokens"],
            )  # fmt: skip
            again, cached = [], []
            for _ in range(5):
                server.request("POST", "/slm/unload", {})
                server.request("POST", "/slm/load", {"model": MODEL})
                first, _, usage = _first_piece(ours(), last)
                again.append(first * 1000)
                cached.append(usage["prompt_tokens_details"]["cached_tokens"])
            _figure(
                "the same after unload and load", "ms", again, peer="warm, as above",
                peer_value=round(statistics.median(mine), 1), prompt_tokens=usage["prompt_tokens"],
                cached_tokens=min(cached), load_ms=server.model()["load_ms"],
            )  # fmt: skip
        finally:
            server.stop()
            peer.close()


# -- what a command costs ----------------------------------------------------------------------------------------------


def _cpu_ms(words: Sequence[str], stdin: bytes, world: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, input=stdin, env=world, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def bench_overhead() -> None:
    """Processor time of slm-run against a warm server, beside `llm --version` and an empty Python with click."""
    with _home() as (world, home), serving.running(world, home, "--context-size", str(CONTEXT)) as server:
        server.chat()
        llm = ROOT / ".venv/bin/llm"
        ours, theirs, floor, bare = [], [], [], []
        for _ in range(15):
            words = [str(ROOT / "bin/slm-run"), "--text", "--max-tokens", "1", "--temperature", "0"]
            ours.append(_cpu_ms(words, b"Hello\n", world))
            floor.append(_cpu_ms([PY, "-P", "-c", "import click"], b"", world))
            bare.append(_cpu_ms([PY, "-P", "-c", "pass"], b"", world))
            if llm.exists():
                theirs.append(_cpu_ms([str(llm), "--version"], b"", world))
        more = {"peer": "llm --version", "peer_value": round(statistics.median(theirs), 1)} if theirs else {}
        _figure(
            "slm-run of one prompt at a warm server, processor time", "ms", ours, **more,
            python_ms=round(min(bare), 1), python_with_click_ms=round(min(floor), 1),
        )  # fmt: skip


# -- memory --------------------------------------------------------------------------------------------------------------

_HOG = """
import mmap, os, sys, time
most, rate = int(sys.argv[1]) << 20, int(sys.argv[2]) << 20
step, held, started = 4 << 20, 0, time.monotonic()
area = mmap.mmap(-1, most)
while held < most:
    area[held : held + step] = b"x" * min(step, most - held)
    held += step
    time.sleep(max(0.0, started + held / rate - time.monotonic()))
print("held", flush=True)
time.sleep(2.0)
"""


class _Group:
    """A control group with a memory limit, version 1 or 2; this needs the right to make one."""

    def __init__(self, limit: int) -> None:
        one, two = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
        self.version = 1 if one.is_dir() else 2
        self.folder = (one if one.is_dir() else two) / f"slm-bench-{os.getpid()}"
        self.folder.mkdir()
        self._write("memory.limit_in_bytes" if self.version == 1 else "memory.max", limit)

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))

    def join(self) -> None:
        self._write("cgroup.procs", os.getpid())

    def kills(self) -> int:
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        words = dict(line.split() for line in (self.folder / name).read_text().splitlines())
        return int(words["oom_kill"])

    def used(self) -> int:
        """Bytes in use, cached pages included."""
        return int((self.folder / ("memory.usage_in_bytes" if self.version == 1 else "memory.current")).read_text())

    def held(self) -> int:
        """Bytes that processes hold: anonymous memory, and mapped files, the weights."""
        words = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        names = ("total_rss", "total_mapped_file") if self.version == 1 else ("anon", "shmem", "file_mapped")
        return sum(int(words[name]) for name in names)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def bench_pressure() -> None:
    """A hog takes what is left of a limit: how soon, and how much of, the model's memory is back."""
    runs, rate, limit = int(os.environ.get("PRESSURE_RUNS", "100")), int(os.environ.get("HOG_RATE", "200")), 768
    if os.getuid() != 0:
        print("serve.py: pressure: needs root to make a control group", file=sys.stderr)
        return
    group = _Group(limit << 20)
    start = subprocess.Popen
    with _home() as (world, home):
        private = home / "weights"  # a copy of its own, so that its cached pages belong to the group
        shutil.copytree(Path(os.environ.get("ROADMAP_MODELS", ROOT / ".cache/models")), private, symlinks=False)
        world["ROADMAP_MODELS"] = str(private)
        subprocess.run(["sync"], check=True)
        for path in private.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
        try:
            subprocess.Popen = lambda *words, **more: start(*words, preexec_fn=group.join, **more)  # type: ignore[misc,assignment]
            server = serving.Running(world, "-v", "--context-size", str(CONTEXT), home=home)
            subprocess.Popen = start  # type: ignore[misc]
            _press(server, group, runs, rate, limit)
            server.stop()
        finally:
            subprocess.Popen = start  # type: ignore[misc]
            time.sleep(0.2)
            group.close()


def _resident(pid: int) -> int:
    """Memory of a process in bytes; 0 if it has ended."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    return 0


def _relief(server: serving.Running) -> tuple[float, int]:
    """Seconds from pressure events to the memory given back, by the server's own account, and how often."""
    text = server.request("GET", "/metrics")[1]
    words = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("slm_relief_seconds"))
    return float(words["slm_relief_seconds_sum"]), int(words["slm_relief_seconds_count"])


def _press(server: serving.Running, group: _Group, runs: int, rate: int, limit: int) -> None:
    back_s: list[float] = []
    share: list[float] = []
    talk = "The tide rises and falls twice a day, and the boats rise with it. " * 20
    server.chat(talk, max_tokens=1)
    server.request("POST", "/slm/unload", {})
    bare = group.held()
    calm_s: list[float] = []
    late_s: list[float] = []
    spent = _relief(server)
    for run in range(runs):
        asked = time.monotonic()
        while True:  # within the calm time a load needs more room: the hog of the run before is gone, so there is
            status, _ = server.chat(f"{talk} Run {run}.", max_tokens=1)
            if status == 200:
                break
            time.sleep(0.25)
        calm_s.append(time.monotonic() - asked)
        before, pid = group.held(), server.model()["pid"]
        hog = subprocess.Popen(
            [PY, "-c", _HOG, str(limit - (bare >> 20) - 60), str(rate)], preexec_fn=group.join, stdout=subprocess.PIPE
        )
        noticed, gone, back = None, 0.0, 0.0
        wanted = before - 0.95 * (before - bare)
        while not back and hog.poll() is None:
            now = time.monotonic()
            if noticed is None and group.used() > 0.85 * (limit << 20):
                noticed = now
            if not gone and not serving.alive(pid):
                gone = now
            if gone and group.held() - _resident(hog.pid) <= wanted:
                back = now
            time.sleep(0.004)
        back = back or time.monotonic()
        late_s.append(0.0 if noticed is None else max(0.0, back - noticed))
        serving.wait_until(lambda seen=spent: _relief(server)[1] > seen[1])
        total, spent = spent[0], _relief(server)
        back_s.append(spent[0] - total)
        share.append((before - group.held() + _resident(hog.pid)) / max(before - bare, 1))
        assert hog.stdout
        finished = hog.stdout.readline()
        hog.kill()
        hog.wait()
        hog.stdout.close()
        if not finished.startswith(b"held"):
            print(f"serve.py: run {run}: the hog did not get what it wanted", file=sys.stderr)
    if "-v" in os.environ.get("BENCH_WORDS", ""):
        print(server.errors.read_text(), server.request("GET", "/metrics")[1], file=sys.stderr)
    model = server.model()
    ordered = sorted(back_s)
    _figure(
        "memory back, from the pressure event", "s", back_s, runs=runs,
        p95=round(ordered[int(0.95 * (len(ordered) - 1))], 3),
        after_85_percent_p95=round(sorted(late_s)[int(0.95 * (len(late_s) - 1))], 3),
        share_back_p5=round(sorted(share)[int(0.05 * len(share))], 3), share_back=round(statistics.median(share), 3),
        oom_kills=group.kills(), loads=model["loads_count"], hog_mb_per_s=rate, limit_mb=limit,
        peer="ollama: not before the next load; llama-swap: after its time-to-live", waited_to_load_s=round(max(calm_s), 1),
    )  # fmt: skip


# -- idle --------------------------------------------------------------------------------------------------------------


def bench_idle() -> None:
    """Wake-ups and processor time of a server with a warm model that nobody asks."""
    with _home() as (world, home), serving.running(world, home, "--context-size", str(CONTEXT)) as server:
        server.chat()
        pids = (server.process.pid, server.model()["pid"])
        time.sleep(5)
        before = [serving.switches(pid) for pid in pids], [serving.cpu_seconds(pid) for pid in pids]
        time.sleep(20)
        after = [serving.switches(pid) for pid in pids], [serving.cpu_seconds(pid) for pid in pids]
        _figure("idle server and model, wake-ups in 20 s", "wake-ups", [sum(after[0]) - sum(before[0])])
        _figure("idle server and model, processor time", "%", [(sum(after[1]) - sum(before[1])) / 20 * 100])


def main() -> None:
    """Run what is asked for."""
    known = {
        "first-token": bench_first_token, "overhead": bench_overhead, "pressure": bench_pressure, "idle": bench_idle,
    }  # fmt: skip
    for name in sys.argv[1:] or known:
        known[name]()


if __name__ == "__main__":
    tell_help(__doc__)
    main()
