"""The child process that does the work with llama.cpp: a crash, an abort or the end of memory costs only this child.

A task comes as one JSON object on standard input; events go out as JSON Lines on standard output, the last of which is
``{"event": "done", …}`` or ``{"event": "failed", …}``.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

_TENSOR = re.compile(r"\[ *(\d+)/ *(\d+)\] +(\S+) +- \[")
_NEW_TYPE = re.compile(r"->.*\((\w+)\)")
#: Tokens in a chunk of the text that models are compared on; the second half is scored (as llama-perplexity does).
CHUNK = 512

Send = Callable[[dict[str, Any]], None]


class Failed(Exception):
    """Something went wrong that a person can be told; `code` is a stable name."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def main() -> int:
    """Read a task, do it, tell how it went."""
    _die_with_parent()
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an event

    def send(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")

    task = json.loads(sys.stdin.readline())
    try:
        done = ACTIONS[task["action"]](task, send)
    except Failed as failure:
        send({"event": "failed", "message": str(failure), "code": failure.code})
        return 1
    except MemoryError:
        send({"event": "failed", "message": "no memory left", "code": "no_memory"})
        return 1
    send({"event": "done", **done})
    return 0


def _die_with_parent() -> None:
    """End with the parent, be the first to go when memory ends, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("500")
    except (OSError, AttributeError):
        pass


class Log:
    """llama.cpp's log: each line goes to a listener; the last complaint is kept for a message of ours."""

    def __init__(self, llama: Any) -> None:
        self.listen: Callable[[str], None] | None = None
        self.complaint = ""
        self._held = ""
        self._callback = llama.llama_log_callback(self._take)
        llama.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes, _: object) -> None:
        words = text.decode("utf-8", "replace")
        if level >= 4 and words.strip():
            self.complaint = words.strip().rpartition(": ")[2][:200]
        self._held += words
        while "\n" in self._held:
            line, _, self._held = self._held.partition("\n")
            if self.listen:
                self.listen(line)


def _library() -> tuple[Any, Log]:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise Failed(f"llama-cpp-python does not load: {error}", "no_llama") from error
    log = Log(llama_cpp)
    llama_cpp.llama_backend_init()
    return llama_cpp, log


# -- quantizing --------------------------------------------------------------------------------------------------------


def _quantize(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Quantize, or with ``dry`` only tell each tensor's new type, for each format of ``formats`` (name → number)."""
    llama, log = _library()
    found: dict[str, dict[str, str]] = {}
    for name, number in task["formats"].items():
        types: dict[str, str] = {}
        current = ""

        def listen(line: str, types: dict[str, str] = types, name: str = name) -> None:
            nonlocal current
            start = _TENSOR.search(line)
            if start:
                current = start[3]
                send({"event": "tensor", "format": name, "done": int(start[1]), "of": int(start[2]), "name": current})
            told = _NEW_TYPE.search(line)
            if told and current:
                types[current] = told[1]

        log.listen = listen
        settings, held = _settings(llama, task, number)
        code = llama.llama_model_quantize(
            os.fsencode(task["source"]), os.fsencode(task.get("target", os.devnull)), ctypes.byref(settings)
        )
        del held
        if code != 0:
            raise Failed(f"llama.cpp cannot make {name} of it: {log.complaint or 'no reason given'}", "cannot_quantize")
        found[name] = types
    return {"types": found}


def _settings(llama: Any, task: dict[str, Any], number: int) -> tuple[Any, list[Any]]:
    """llama.cpp's parameters, and what they point at, to be held on to."""
    settings = llama.llama_model_quantize_default_params()
    size = ctypes.sizeof(settings)
    if size < 56 or settings.only_copy or settings.pure or settings.dry_run:
        raise Failed("this llama-cpp-python has parameters of another shape", "no_llama")
    settings.ftype = number
    settings.nthread = task.get("threads", 1)
    settings.allow_requantize = True
    settings.dry_run = bool(task.get("dry"))
    settings.max_buf_size = task.get("buffer_bytes", 0)
    held: list[Any] = []
    if task.get("tensors"):
        kind = llama.llama_model_tensor_override
        overrides = (kind * (len(task["tensors"]) + 1))()
        for place, (pattern, type_number) in enumerate(task["tensors"]):
            overrides[place].pattern = pattern.encode()
            overrides[place].type = type_number
        settings.tt_overrides = ctypes.cast(overrides, ctypes.POINTER(kind))
        held.append(overrides)
    if task.get("imatrix"):
        entries = _importance(llama, task["imatrix"])
        settings.imatrix = ctypes.cast(entries[0], ctypes.POINTER(llama.llama_model_imatrix_data))
        held += entries
    return settings, held


def _importance(llama: Any, path: str) -> list[Any]:
    """The importance of each column of each matrix, out of the file that `_imatrix` wrote."""
    import numpy

    with numpy.load(path, allow_pickle=False) as file:
        arrays = {name: numpy.ascontiguousarray(file[name], dtype=numpy.float32) for name in file.files}
    kind = llama.llama_model_imatrix_data
    entries = (kind * (len(arrays) + 1))()
    for place, (name, values) in enumerate(arrays.items()):
        entries[place].name = name.encode()
        entries[place].data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entries[place].size = values.size
    return [entries, arrays]


# -- models at work ----------------------------------------------------------------------------------------------------


class Loaded:
    """A model with one context, which computes chunks of tokens."""

    def __init__(self, llama: Any, log: Log, path: str, *, threads: int, eval_callback: Any = None) -> None:
        self.llama = llama
        settings = llama.llama_model_default_params()
        if eval_callback is not None:
            settings.use_extra_bufts = False  # the callback needs to see plain matrices
        self.model = llama.llama_model_load_from_file(os.fsencode(path), settings)
        if not self.model:
            raise Failed(f"llama.cpp does not load it: {log.complaint or 'no reason given'}", "bad_model")
        self.vocab = llama.llama_model_get_vocab(self.model)
        context = llama.llama_context_default_params()
        self.chunk = min(CHUNK, int(llama.llama_model_n_ctx_train(self.model)))
        context.n_ctx = context.n_batch = context.n_ubatch = self.chunk
        context.n_threads = context.n_threads_batch = threads
        context.no_perf = True
        if eval_callback is not None:
            context.cb_eval = eval_callback
        self.context = llama.llama_init_from_model(self.model, context)
        if not self.context:
            raise Failed(f"no memory for it: {log.complaint or 'no reason given'}", "no_memory")
        self.batch = llama.llama_batch_init(self.chunk, 0, 1)
        self.size = int(llama.llama_vocab_n_tokens(self.vocab))

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text, control tokens never."""
        data = text.encode()
        space = (self.llama.llama_token * (len(data) + 8))()
        count = self.llama.llama_tokenize(self.vocab, data, len(data), space, len(space), False, False)
        if count < 0:
            raise Failed("the text cannot be cut into tokens", "bad_text")
        return list(space[:count])

    def compute(self, tokens: list[int], scored_from: int) -> Any:
        """Logits (float32, places × vocabulary) of the places from `scored_from` on."""
        import numpy

        self.llama.llama_memory_clear(self.llama.llama_get_memory(self.context), True)
        self.batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            self.batch.token[place] = token
            self.batch.pos[place] = place
            self.batch.n_seq_id[place] = 1
            self.batch.seq_id[place][0] = 0
            self.batch.logits[place] = place >= scored_from
        if self.llama.llama_decode(self.context, self.batch) != 0:
            raise Failed("llama.cpp cannot compute the text", "cannot_compute")
        rows = len(tokens) - scored_from
        pointer = self.llama.llama_get_logits(self.context)
        if not pointer:
            raise Failed(
                "it predicts no tokens: a model for embeddings cannot be proven by its predictions", "bad_model"
            )
        return numpy.ctypeslib.as_array(pointer, shape=(rows, self.size))


def _chunks(model: Loaded, text: str, most: int) -> list[list[int]]:
    tokens = model.tokens(text)
    begin = int(model.llama.llama_vocab_bos(model.vocab))
    starts = begin >= 0 and bool(model.llama.llama_vocab_get_add_bos(model.vocab))
    size = model.chunk - starts
    cut = [tokens[at : at + size] for at in range(0, len(tokens) - size + 1, size)][:most]
    return [([begin] if starts else []) + each for each in cut]


def _verify(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Hold a model against its source, chunk by chunk; chunks done earlier come in ``known`` and are not done again."""
    import numpy

    llama, log = _library()
    ours = Loaded(llama, log, task["target"], threads=task["threads"])
    source = Loaded(llama, log, task["source"], threads=task["threads"])
    if ours.size != source.size:
        raise Failed(f"vocabularies of {ours.size} and {source.size} tokens: not the same model", "bad_model")
    chunks = _chunks(source, task["text"], task["chunks"])
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


# -- importance --------------------------------------------------------------------------------------------------------


class GgmlTensor(ctypes.Structure):
    """The beginning of ggml's struct ggml_tensor (ggml.h); llama-cpp-python does not declare it."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    ]


def _imatrix(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Mean squares of what goes into each matrix while a text is read: how much each of its columns matters.

    As llama-imatrix does, through llama.cpp's evaluation callback: it is asked about each node of the graph, and handed
    those that are products with a matrix of the model once they are computed.
    ``shapes`` (name → columns, of the file's header) guards against a ggml with tensors of another layout.
    """
    import numpy

    llama, log = _library()
    columns: dict[str, int] = task["shapes"]
    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}
    wrong: list[str] = []

    def weight_of(node: GgmlTensor) -> str | None:
        if not node.src[0] or not node.src[1]:
            return None
        name = GgmlTensor.from_address(node.src[0]).name.decode("utf-8", "replace")
        return name if name in columns else None

    def seen(pointer: int, ask: bool, _: object) -> bool:
        node = GgmlTensor.from_address(pointer)
        name = weight_of(node)
        if ask:
            return name is not None
        if name is None:
            return True
        given = GgmlTensor.from_address(node.src[1])
        width, rows = given.ne[0], given.ne[1] * given.ne[2] * given.ne[3]
        plain = given.nb[0] == 4 and given.nb[1] == 4 * width
        if given.type != 0 or width != columns[name] or not plain or not given.data or not 0 < rows <= 1 << 20:
            wrong.append(name)
            return True
        address = (ctypes.c_float * (width * rows)).from_address(given.data)
        values = numpy.frombuffer(address, dtype=numpy.float32).reshape(rows, width)
        squares = numpy.einsum("ij,ij->j", values, values, dtype=numpy.float64)
        sums[name] = squares if name not in sums else sums[name] + squares
        counts[name] = counts.get(name, 0) + rows
        return True

    callback = llama.ggml_backend_sched_eval_callback(seen)
    model = Loaded(llama, log, task["source"], threads=task["threads"], eval_callback=callback)
    chunks = _chunks(model, task["text"], task["chunks"])
    if not chunks:
        raise Failed(f"the text has fewer than {model.chunk} tokens", "bad_text")
    for number, tokens in enumerate(chunks, 1):
        model.compute(tokens, len(tokens) - 1)
        send({"event": "chunk", "done": number, "of": len(chunks)})
    if not sums:
        raise Failed("llama.cpp showed no product with a matrix of the model", "no_imatrix")
    means = {name: (sums[name] / counts[name]).astype(numpy.float32) for name in sums}
    bad = [name for name, values in means.items() if not numpy.isfinite(values).all()]
    if bad:
        raise Failed(f"the model computes numbers that are none in {bad[0]!r}", "not_finite")
    with open(task["target"], "wb") as file:  # noqa: PTH123
        numpy.savez(file, **means)
        file.flush()
        os.fsync(file.fileno())
    return {"matrices": len(means), "passed_over": sorted(set(wrong))[:10], "tokens": sum(map(len, chunks))}


# -- measuring ---------------------------------------------------------------------------------------------------------


def _measure(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Peak of resident memory of this process while it answers with a model, its context filled."""
    from pathlib import Path

    from roadmap_cli.models.local import LocalChat

    with LocalChat("measured", Path(task["target"]), ledger=None, context_size=task["context_size"]) as chat:
        word = "one two three four five six seven eight nine ten "
        room = task["context_size"] - 32
        text = word * max(1, room // max(1, chat.count_tokens(word)))
        while chat.count_tokens(text) > room - 96:  # what the model's template puts around it
            text = text[: len(text) * 9 // 10]
        for _ in chat.stream([{"role": "user", "content": text}], max_tokens=8, temperature=0.0):
            pass
    return {"peak_bytes": _peak()}


def _peak() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
        found = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def iterate(stream: Any) -> Iterator[dict[str, Any]]:
    """The events on a worker's output; what is no event is passed over."""
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


ACTIONS: dict[str, Callable[[dict[str, Any], Send], dict[str, Any]]] = {
    "quantize": _quantize, "verify": _verify, "imatrix": _imatrix, "measure": _measure,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
