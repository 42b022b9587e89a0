"""The model layer beside the libraries it stands on, in the same run: replies, embeddings, starting up."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def bench_replies() -> None:
    """Short replies with a shared system prompt: ours against llama-cpp-python's create_chat_completion."""
    from roadmap_cli.models import registry
    from roadmap_cli.models.selection import open_chat

    found = registry.load(ENVIRON)
    path = found.file(found.model("smollm2-135m-instruct"))
    system = "You answer questions of travellers. " * 40
    prompts = _prompts(6)

    def conversation(prompt: str) -> Any:
        return [{"role": "system", "content": system}, {"role": "user", "content": prompt}]

    with open_chat(None, environ=ENVIRON, ledger=None, context_size=2048) as chat:
        import llama_cpp

        peer = llama_cpp.Llama(str(path), n_ctx=2048, verbose=False)

        def ours() -> None:
            for prompt in prompts:
                chat.complete(conversation(prompt), max_tokens=16)

        def theirs() -> None:
            for prompt in prompts:
                peer.create_chat_completion(conversation(prompt), max_tokens=16, temperature=0.0)

        _figure(
            "16-token replies, shared system prompt of 300 tokens",
            "replies per second",
            "llama-cpp-python create_chat_completion, same file",
            lambda: _per_second(len(prompts), ours),
            lambda: _per_second(len(prompts), theirs),
        )
        peer.close()


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
    bench_embeddings()
    bench_replies()
