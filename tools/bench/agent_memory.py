"""How long it takes to find lessons: a state with many of them, by signature, by words, by meaning.

    tools/bench/agent_memory.py [--lessons N] [--rounds N]

Lessons are made from functions of the standard library and real error messages with varied names, so that their words
are spread as those of code are; their vectors are random, which costs a comparison the same. The embedding model, if
it is here, makes the vector of the question. Bars: 20 ms by signature, 100 ms with words and meaning.
Prints JSON: bench.figure records, medians and the slowest of a hundred in milliseconds.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
os.environ.setdefault("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
AT = "2026-11-23T09:00:00.000Z"
BARS = {"signature": 20.0, "words": 100.0, "hybrid": 100.0}

from roadmap_cli.agent import memory  # noqa: E402
from roadmap_cli.agent.code.source import blocks  # noqa: E402
from roadmap_cli.agent.memory import repairs, vectors  # noqa: E402
from roadmap_cli.agent.testing import signature  # noqa: E402
from roadmap_cli.core import clock  # noqa: E402
from roadmap_cli.core.errors import RoadmapError  # noqa: E402
from roadmap_cli.state.keys import KeySource  # noqa: E402
from roadmap_cli.state.store import State  # noqa: E402

MESSAGES = [
    ("TypeError", "unsupported operand type(s) for +: '{0}' and '{1}'"), ("KeyError", "'{0}'"),
    ("AttributeError", "'{0}' object has no attribute '{1}'"), ("NameError", "name '{0}' is not defined"),
    ("AssertionError", "assert {0} == {1}"), ("IndexError", "list index out of range in {0}"),
    ("ValueError", "{0} is not in list"), ("ZeroDivisionError", "division by zero"),
]  # fmt: skip


def functions() -> Iterator[tuple[str, str]]:
    """Names and sources of functions of the standard library."""
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and 3 <= len(node.body) <= 20:
                yield f"{path.stem}.py", ast.unparse(node) + "\n"


def fill(state: State, count: int) -> list[signature.Signature]:
    """Store lessons: a fix each, with its pattern now and then."""
    chance = random.Random(7)
    known = list(functions())
    names = sorted(
        {word for _, source in known[:2000] for word in source.split() if word.isidentifier() and len(word) > 3}
    )
    made: list[signature.Signature] = []
    for start in range(0, count, 500):
        with state.write() as tx:
            memory.start_run(tx, "agent_bench", "/p", "pytest -q", "d", AT)
            for number in range(start, min(count, start + 500)):
                file, was = known[number % len(known)]
                lines = was.splitlines(keepends=True)
                at = chance.randrange(1, len(lines))
                lines[at] = lines[at].rstrip() + f"  # {chance.choice(names)} {number}\n"
                kind, message = chance.choice(MESSAGES)
                said = message.format(chance.choice(names), chance.choice(names))
                frames = [{"file": file, "function": chance.choice(names), "line": at}]
                found = signature.of(f"test_{file}::test_{number}", {"type": kind, "message": said, "frames": frames})
                parts = blocks(file, was, "".join(lines))
                repairs.store_fix(
                    tx, repairs.pattern_id(parts), "agent_bench", "template", "number", parts, [found], AT
                )
                made.append(found)
    return made


def give_vectors(state: State, model: str, dimensions: int) -> None:
    """Random vectors for all lessons."""
    chance = random.Random(8)
    with state.write() as tx:
        rows = [number for (number,) in tx.execute("SELECT number FROM agent_lesson").fetchall()]
        tx.executemany(
            "INSERT INTO agent_lesson_vector (lesson, model, vector) VALUES (?, ?, ?)",
            [(number, model, chance.randbytes(dimensions)) for number in rows],
        )


def timed(rounds: int, work: Callable[[int], Any]) -> tuple[float, float, float]:
    """Milliseconds of the first call, the median, and the slowest of a hundred (the 99th percentile)."""
    spent = []
    for number in range(rounds):
        started = time.perf_counter()
        work(number)
        spent.append((time.perf_counter() - started) * 1000)
    return spent[0], statistics.median(spent), sorted(spent)[int(len(spent) * 0.99) - 1]


def figure(name: str, value: float, bar: float | None = None) -> None:
    record = {"kind": "bench.figure", "name": f"agent_memory.{name}", "value": round(value, 3), "unit": "ms"}
    print(json.dumps(record | ({"bar": bar, "within": value < bar} if bar else {})), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lessons", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        environ = {"HOME": place, "XDG_CONFIG_HOME": f"{place}/config"}
        path = Path(place) / "state.db"

        def opened() -> State:
            return State.open(path, mode="write", keys=KeySource(environ, None), now=clock.system)

        with opened() as state:
            started = time.perf_counter()
            made = fill(state, chosen.lessons)
            figure("store_one", (time.perf_counter() - started) * 1000 / chosen.lessons)
        embedder = None
        try:
            from roadmap_cli.models.embed import open_embedder

            embedder = open_embedder(None, environ=os.environ, ledger=None)
            embed = vectors.Embed(embedder.name, embedder.embed)
            dimensions = embedder.dimensions
        except RoadmapError as problem:
            print(f"agent_memory: {problem.message}: the vector of the question is random", file=sys.stderr)
            embed, dimensions = vectors.Embed("none", lambda texts: [[random.gauss(0, 1) for _ in range(384)]]), 384
        with opened() as state:
            state.vectors()
            give_vectors(state, embed.name, dimensions)
        with opened() as state:
            state.vectors()
            chance = random.Random(9)
            asked = [chance.choice(made) for _ in range(chosen.rounds)]

            def by_signature(number: int) -> None:
                with state.read() as tx:
                    assert memory.fixes(tx, [asked[number]])

            def by_words(number: int) -> None:
                with state.read() as tx:
                    assert memory.recall(tx, [asked[number]], "", at=AT)

            def hybrid(number: int) -> None:
                text = f"{asked[number].type} {asked[number].message} {number}"
                embed.prepare(text)
                with state.read() as tx:
                    assert memory.recall(tx, [asked[number]], text, embed, at=AT)

            for name, work in (("signature", by_signature), ("words", by_words), ("hybrid", hybrid)):
                first, median, slowest = timed(chosen.rounds, work)
                figure(f"{name}_first", first)
                figure(f"{name}_median", median, BARS[name])
                figure(f"{name}_slowest", slowest, BARS[name])
        if embedder is not None:
            embedder.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
