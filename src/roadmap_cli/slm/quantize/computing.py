"""llama.cpp inside the child: its log, and a model that computes chunks of a text."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

#: Tokens in a chunk of the text that models are compared on; the second half is scored (as llama-perplexity does).
CHUNK = 512

#: Sends an event to the parent.
Send = Callable[[dict[str, Any]], None]


class Failed(Exception):
    """Something went wrong that a person can be told; `code` is a stable name."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


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


def library() -> tuple[Any, Log]:
    """The module llama_cpp, made ready, and its log. Raises Failed if it does not load."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise Failed(f"llama-cpp-python does not load: {error}", "no_llama") from error
    log = Log(llama_cpp)
    llama_cpp.llama_backend_init()
    return llama_cpp, log


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


def chunks_of(model: Loaded, text: str, most: int) -> list[list[int]]:
    """The whole chunks of a text, at most so many, each begun as the model wants it."""
    tokens = model.tokens(text)
    begin = int(model.llama.llama_vocab_bos(model.vocab))
    starts = begin >= 0 and bool(model.llama.llama_vocab_get_add_bos(model.vocab))
    size = model.chunk - starts
    cut = [tokens[at : at + size] for at in range(0, len(tokens) - size + 1, size)][:most]
    return [([begin] if starts else []) + each for each in cut]
