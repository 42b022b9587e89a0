"""A model held against its source: how far its predictions are from those, over chunks of a text, in the child."""

from __future__ import annotations

import math
from typing import Any

from roadmap_cli.slm.quantize.computing import Failed, Loaded, Send, chunks_of, library


def verify(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Hold a model against its source, chunk by chunk; chunks done earlier come in ``known`` and are not done again."""
    import numpy

    llama, log = library()
    ours = Loaded(llama, log, task["target"], threads=task["threads"])
    source = Loaded(llama, log, task["source"], threads=task["threads"])
    if ours.size != source.size:
        raise Failed(f"vocabularies of {ours.size} and {source.size} tokens: not the same model", "bad_model")
    chunks = chunks_of(source, task["text"], task["chunks"])
    if not chunks:
        raise Failed(f"the text has fewer than {source.chunk} tokens", "bad_text")
    known: list[list[float]] = task.get("known", [])
    half = source.chunk // 2
    if known and _hopeless(summary(known), task.get("gate")):
        chunks = chunks[: len(known)]
    for number, tokens in enumerate(chunks[len(known) :], len(known) + 1):
        p = _log_probabilities(source.compute(tokens, half)[:-1])
        q = _log_probabilities(ours.compute(tokens, half)[:-1])
        if not (numpy.isfinite(p).all() and numpy.isfinite(q).all()):
            raise Failed("the model computes numbers that are none (NaN or infinite)", "not_finite")
        next_tokens = numpy.array(tokens[half + 1 :])
        places = numpy.arange(len(next_tokens))
        divergence = numpy.einsum("ij,ij->i", numpy.exp(p), p - q, dtype=numpy.float64)
        same = p.argmax(axis=1) == q.argmax(axis=1)
        row = [
            len(next_tokens), divergence.sum(), (divergence**2).sum(), same.sum(),
            -p[places, next_tokens].sum(dtype=numpy.float64), -q[places, next_tokens].sum(dtype=numpy.float64),
            (((p - q)[places, next_tokens]).astype(numpy.float64) ** 2).sum(),
        ]  # fmt: skip
        known.append([float(each) for each in row])
        send({"event": "chunk", "done": number, "of": len(chunks), "row": known[-1]})
        if _hopeless(summary(known), task.get("gate")):
            break
    return {"summary": summary(known), "chunks": len(known)}


def _hopeless(found: dict[str, float], gate: dict[str, float] | None) -> bool:
    """Whether what was seen so far is outside the gate by more than four standard errors: more text changes nothing."""
    return gate is not None and (
        found["kl_divergence"] - 4 * found["kl_error"] > gate["kl"]
        or found["top1_ratio"] + 4 * found["top1_error"] < gate["top1"]
    )


def _log_probabilities(logits: Any) -> Any:
    import numpy

    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(axis=1, keepdims=True, dtype=numpy.float64)).astype(numpy.float32)


def summary(rows: list[list[float]]) -> dict[str, float]:
    """Means of all chunks, with the standard error of each (of the mean over places)."""
    count, divergence, squares, same, source, ours, shift = (sum(column) for column in zip(*rows, strict=True))
    mean, top1, moved = divergence / count, same / count, (ours - source) / count
    return {
        "tokens": int(count),
        "kl_divergence": max(0.0, mean),
        "kl_error": math.sqrt(max(0.0, squares / count - mean**2) / count),
        "top1_ratio": top1,
        "top1_error": math.sqrt(top1 * (1 - top1) / count),
        "source_perplexity": math.exp(min(700.0, source / count)),
        "perplexity": math.exp(min(700.0, ours / count)),
        "perplexity_ratio": math.exp(min(700.0, moved)),
        "perplexity_ratio_error": math.exp(min(700.0, moved)) * math.sqrt(max(0.0, shift / count - moved**2) / count),
    }
