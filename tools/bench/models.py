"""Embeddings beside the library they stand on, in the same run. Replies are in replies.py."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))
ENVIRON = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
ROUNDS = 3


def _prompts(count: int) -> list[str]:
    with (ROOT / "examples/prompts.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["prompt"] for line in lines][:count]


def _figure(name: str, unit: str, peer: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Measure both in turn, so that what else the machine does hits both alike."""
    rates = [(ours(), theirs()) for _ in range(ROUNDS)]
    mine = sorted(rate for rate, _ in rates)
    figure = {
        "kind": "bench.figure",
        "name": name,
        "unit": unit,
        "value": round(statistics.median(mine), 1),
        "lowest": round(mine[0], 1),
        "highest": round(mine[-1], 1),
        "peer": peer,
        "peer_value": round(statistics.median(rate for _, rate in rates), 1),
        "ratio": round(statistics.median(a / b for a, b in rates), 2),
    }
    print(json.dumps(figure), flush=True)


def _per_second(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def bench_embeddings() -> None:
    """Embeddings in batches: ours against one text at a time through onnxruntime with its default settings."""
    import numpy
    import onnxruntime
    from tokenizers import Tokenizer

    from roadmap_cli.models import registry
    from roadmap_cli.models.embed import open_embedder

    found = registry.load(ENVIRON)
    model = found.model("all-minilm-l6-v2")
    session = onnxruntime.InferenceSession(str(found.file(model, "model.onnx")))
    tokenizer = Tokenizer.from_file(str(found.file(model, "tokenizer.json")))
    tokenizer.no_padding()
    texts = _prompts(50) * 4

    def theirs() -> None:
        for text in texts:
            ids = numpy.array([tokenizer.encode(text).ids])
            session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})

    with open_embedder(None, environ=ENVIRON, ledger=None) as embedder:
        _figure(
            "embeddings of short texts",
            "texts per second",
            "onnxruntime defaults, same graph, one text at a time",
            lambda: _per_second(len(texts), lambda: embedder.embed(texts)),
            lambda: _per_second(len(texts), theirs),
        )


if __name__ == "__main__":
    tell_help(__doc__)
    bench_embeddings()
