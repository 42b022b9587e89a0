"""A second copy of a model's weights, in a format in which this processor computes many requests together faster.

llama.cpp has kernels that multiply a whole batch at once for some formats only. In the others (Q4_1, Q5_1 and more) a
batch costs nearly as much as its tokens one by one, while the same numbers written as 16-bit ones take two thirds of
the processor's time, and three times the memory. Whether and which is faster depends on the processor, so copies are
made and timed, once, where there is much to answer and room to spare; the fastest is kept in the cache.
A copy loses nothing: with 4-bit weights llama.cpp rounds what they are multiplied with to 8 bits, with 16-bit ones
hardly at all (SmolLM2 135M, mean divergence from F16: its Q4_1 file 0.0088 nats, BF16 0.0005, Q8_0 0.0142). One that
is farther from F16 than its source is not taken. Copies are caches: whoever deletes them loses time, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Requests to come from which on it pays to look for a faster format: that takes seconds, once for each model.
WORTH_LOOKING = 64
#: Formats to try, and llama.cpp's numbers for files of them. The first is what the others are measured by.
FORMATS = {"F16": 1, "BF16": 32}
#: A copy must be this much faster, since it takes memory.
WORTH_KEEPING = 1.2
#: A copy may take this share of the memory that is available now, and of the disk that is free; and no more bytes.
SHARE, MOST_BYTES = 0.25, 4 << 30
TOGETHER, ROUNDS = 16, 12
LONGEST_S = 120.0
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    " from roadmap_cli.models.conversation.working_copy import work; work(*sys.argv[1:])"
)
_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Choice:
    """The file to load, and what is to be said of it: nothing if it is the model itself."""

    path: Path
    remark: str = ""


def choose(path: Path, *, folder: Path, environ: Mapping[str, str], expected: int | None) -> Choice:
    """The fastest file for many requests in flight: the model at `path`, or a copy of it in `folder`.

    `expected` is how many requests are to come, as far as is known. Never raises: without room, without a library, or
    with ``ROADMAP_COPIES=never``, it is the model itself.
    """
    if environ.get("ROADMAP_COPIES") == "never":
        return Choice(path)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
        name = _name(path)
        told = folder / f"{name}.json"
        found = _read(told)
        if found is None:
            if (expected or 0) < WORTH_LOOKING or not _has_room(path, folder):
                return Choice(path)
            found = _look(path, folder, name, environ)
        copy = folder / f"{name}.{found['format']}.gguf"
        if found["format"] and copy.stat().st_size == found["bytes"] and _fits(found["bytes"]):
            return Choice(copy, f"computed in {found['format']}, {found['speed_ratio']:.1f} times as fast: {copy}")
    return Choice(path)


def _name(path: Path) -> str:
    """A name for this file on this processor: another file, or a changed one, has another."""
    from roadmap_cli.models import processors

    real = path.resolve()
    stat = real.stat()
    parts = (str(real), stat.st_size, stat.st_mtime_ns, processors.name(), processors.available())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _read(told: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(told.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"format", "bytes", "speed_ratio"} <= found.keys() else None


def _has_room(path: Path, folder: Path) -> bool:
    """Whether the copies find room: in BF16 one has at most 16 bits for what has at least 4 now."""
    most = 4 * path.stat().st_size
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _fits(most) and 2 * most <= SHARE * shutil.disk_usage(folder).free


def _fits(size: int) -> bool:
    from roadmap_cli.models import memory

    available = memory.budget(memory.group()).available
    return size <= MOST_BYTES and available is not None and size <= SHARE * available


def _look(path: Path, folder: Path, name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Make the copies, keep the best, and write down which it was, or that none was."""
    words = [sys.executable, "-P", "-c", _START, str(_ROOT), str(path), str(folder), name]
    done = subprocess.run(  # a process of its own: llama.cpp ends the one it is in at what it does not like
        words, env={**environ, "GGML_NO_BACKTRACE": "1"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, timeout=LONGEST_S, check=False,
    )  # fmt: skip
    found: dict[str, Any] = {"format": "", "bytes": 0, "speed_ratio": 1.0}
    with contextlib.suppress(ValueError):
        found |= json.loads(done.stdout or b"{}")
    for left in folder.glob(f"{name}.*.gguf"):
        if left.name != f"{name}.{found['format']}.gguf":
            left.unlink()
    part = folder / f".{name}.{os.getpid()}.part"
    part.write_text(json.dumps(found) + "\n", "utf-8")
    part.replace(folder / f"{name}.json")
    return found


# -- in the process that tries -----------------------------------------------------------------------------------------


def work(source: str, folder: str, name: str) -> None:
    """Make and time the copies; print which is best as JSON."""
    from roadmap_cli.models.conversation.llama import library

    llama = library()
    seconds, said = _timed(llama, Path(source))
    exact: Any = None
    best: dict[str, Any] = {}
    for format_name, number in FORMATS.items():
        part, copy = Path(folder, f".{name}.{os.getpid()}.part"), Path(folder, f"{name}.{format_name}.gguf")
        try:
            settings = llama.llama_model_quantize_default_params()
            settings.ftype, settings.allow_requantize = number, True
            if llama.llama_model_quantize(os.fsencode(source), os.fsencode(part), settings) != 0:
                break
            spent, repeated = _timed(llama, part)
            exact = repeated if exact is None else exact
            ratio = round(seconds / spent, 2)
            is_better = ratio >= max(WORTH_KEEPING, best.get("speed_ratio", 0.0))
            if is_better and divergence(exact, repeated) <= divergence(exact, said):
                part.replace(copy)
                best = {"format": format_name, "bytes": copy.stat().st_size, "speed_ratio": ratio}
        finally:
            part.unlink(missing_ok=True)
    sys.stdout.write(json.dumps(best))


def _timed(llama: Any, path: Path) -> tuple[float, Any]:
    """Seconds of one step of `TOGETHER` sequences (the best of some), and the logits of all steps."""
    import time

    import numpy as np

    from roadmap_cli.models import processors
    from roadmap_cli.models.conversation.llama import Weights

    weights = Weights(path)
    settings = llama.llama_context_default_params()
    settings.n_ctx, settings.n_seq_max, settings.kv_unified = TOGETHER * (ROUNDS + 1), TOGETHER, True
    settings.n_threads = settings.n_threads_batch = processors.available()
    context = llama.llama_init_from_model(weights.model, settings)
    if not context:
        raise MemoryError
    batch = llama.llama_batch_init(TOGETHER, 0, 1)
    vocabulary = int(llama.llama_vocab_n_tokens(weights.vocabulary))
    tokens = weights.tokens("The quick brown fox jumps over the lazy dog. " * 24, control=False)
    times, said = [], []
    for step in range(ROUNDS):
        batch.n_tokens = TOGETHER
        for place in range(TOGETHER):
            batch.token[place] = tokens[(place * ROUNDS + step) % len(tokens)]
            batch.pos[place], batch.n_seq_id[place], batch.seq_id[place][0] = step, 1, place
            batch.logits[place] = 1
        began = time.perf_counter()
        if llama.llama_decode(context, batch) != 0:
            raise MemoryError
        times.append(time.perf_counter() - began)
        rows = [np.ctypeslib.as_array(llama.llama_get_logits_ith(context, i), (vocabulary,)) for i in range(TOGETHER)]
        said.append(np.array(rows, dtype=np.float64))
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    weights.close()
    return min(times[1:]), np.concatenate(said)


def divergence(exact: Any, other: Any) -> float:
    """Mean divergence of next-token probabilities, in nats (Kullback and Leibler); both are logits, (tokens, words)."""
    import numpy as np

    def logs(values: Any) -> Any:
        shifted = values - values.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    first, second = logs(exact), logs(other)
    return float((np.exp(first) * (first - second)).sum(axis=1).mean())
