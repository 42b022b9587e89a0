"""Chat with a GGUF model inside this process, through llama.cpp.

The state of the last conversation stays in the model's memory: the next call computes only what differs from it.
Text from outside never becomes a control token, whatever it says.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing, Unavailable, UsageError
from roadmap_cli.models import processors
from roadmap_cli.models.chat import Chat, Options, Tally
from roadmap_cli.models.ledger import Ledger

BATCH = 512
#: Most tokens of a prompt computed together; smaller ones are slower, larger ones leave less to keep between calls.
BLOCK = 256
DEFAULT_CONTEXT = 4096
#: Of weights, below which one more thread costs more in waiting for each other than it brings.
BYTES_PER_THREAD = 128 << 20
_MAGIC = b"GGUF"


def library() -> Any:
    """llama_cpp, set up once: threads hardly spin while they wait, and its log is kept off standard error.

    Threads that spin make a busy machine many times slower, threads that sleep at once make an idle one slower than
    a single thread would be (SmolLM2 on two processors, tokens/s idle and busy: spin count 0 31 and 40, 1000 73 and
    33, 100000 77 and 13; one thread 67 and 34). GNU OpenMP reads both variables when it is loaded.
    Raises Unavailable if the package is missing.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable(f"llama-cpp-python does not load: {error}", hint="make install", code="no_llama") from error
    if _Log.callback is None:
        _Log.callback = llama_cpp.llama_log_callback(_Log.take)
        llama_cpp.llama_log_set(_Log.callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
    return llama_cpp


class _Log:
    """The last error llama.cpp reported, for the message of ours."""

    callback: Any = None
    last: str = ""

    @classmethod
    def take(cls, level: int, text: bytes, _: object) -> None:
        if level == 3 and text:
            words = text.decode("utf-8", "replace").strip()
            cls.last = words.rpartition(": ")[2] if len(words) > 160 else words


class LocalChat(Chat):
    """A loaded model with one context. Not for several threads at once."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        ledger: Ledger | None,
        context_size: int | None = None,
        threads: int | None = None,
    ):
        super().__init__(name, "local", ledger)
        _check_file(path)
        self._llama = llama = library()
        self._context: Any = None
        self._model = llama.llama_model_load_from_file(os.fsencode(path), llama.llama_model_default_params())
        if not self._model:
            raise DataError(
                f"not a model llama.cpp can load: {_Log.last or 'no reason given'}", where=str(path), code="bad_model"
            )
        self._vocab = llama.llama_model_get_vocab(self._model)
        trained = int(llama.llama_model_n_ctx_train(self._model))
        if context_size is not None and not 8 <= context_size <= trained:
            self.close()
            raise UsageError(f"a context of {context_size} tokens: model {name!r} takes 8 to {trained}")
        settings = llama.llama_context_default_params()
        settings.n_ctx = context_size or min(DEFAULT_CONTEXT, trained)
        settings.n_batch = settings.n_ubatch = min(BATCH, settings.n_ctx)
        usable = threads or processors.available()
        settings.n_threads_batch = usable
        settings.n_threads = threads or min(usable, 1 + path.stat().st_size // BYTES_PER_THREAD)
        settings.no_perf = True
        self._context = llama.llama_init_from_model(self._model, settings)
        if not self._context:
            self.close()
            raise Unavailable(f"no memory for model {name!r}: {_Log.last or 'no reason given'}", code="no_memory")
        self._size = int(llama.llama_n_ctx(self._context))
        self._held: list[int] = []  # the tokens in the model's memory
        self._whole = 0  # how many of them, from the start, were the prompt
        self._template = _template(llama, self._model, self._vocab)

    @property
    def context_size(self) -> int:
        """Tokens that prompt and reply may have together."""
        return self._size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self._tokens(text, control=False))

    def count_prompt_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        """How many tokens a conversation is, with what the model's template puts around it."""
        return len(self._prompt([dict(message) for message in messages]))

    def close(self) -> None:
        """Free the weights and the context."""
        if self._context:
            self._llama.llama_free(self._context)
            self._context = None
        if self._model:
            self._llama.llama_model_free(self._model)
            self._model = None

    def _generate(
        self, messages: list[dict[str, str]], options: Options, tally: Tally, piecewise: bool
    ) -> Iterator[str]:
        prompt = self._prompt(messages)
        tally.prompt_tokens, tally.completion_tokens = len(prompt), 0
        if len(prompt) >= self._size:
            raise DataError(
                f"the prompt has {len(prompt)} tokens and the context only {self._size}", code="prompt_too_long"
            )
        sampler = self._sampler(options)
        try:
            tally.cached_tokens = self._take_in(prompt)
            yield from _until_stop(self._tokens_out(sampler, options.max_tokens, tally), options.stop, tally)
        finally:
            self._llama.llama_sampler_free(sampler)

    def _tokens_out(self, sampler: Any, most: int, tally: Tally) -> Iterator[str]:
        """Generate, and put the bytes of tokens together to characters."""
        llama, text = self._llama, codecs.getincrementaldecoder("utf-8")("replace")
        tally.finish = "length"
        count = 0
        while count < most:
            token = int(llama.llama_sampler_sample(sampler, self._context, -1))
            if llama.llama_vocab_is_eog(self._vocab, token):
                tally.finish = "stop"
                break
            count += 1
            tally.completion_tokens = count
            piece = text.decode(self._bytes(token))
            if piece:
                yield piece
            if len(self._held) + 1 >= self._size:
                break
            if count < most:
                self._decode([token])
        rest = text.decode(b"", final=True)
        if rest:
            yield rest

    def _take_in(self, prompt: list[int]) -> int:
        """Bring the context to the state after the prompt; return how many of its tokens were there already.

        llama.cpp's numbers depend a little on how a prompt is cut up. So it is cut where its own tokens say, and what
        is kept from the call before ends at such a place: a reply never depends on what was asked earlier.
        """
        cuts = self._cuts(prompt)
        same = 0
        for held, wanted in zip(self._held[: self._whole], prompt, strict=False):
            if held != wanted:
                break
            same += 1
        kept = max((cut for cut in cuts if cut <= same and cut < len(prompt)), default=0)
        memory = self._llama.llama_get_memory(self._context)
        if not self._llama.llama_memory_seq_rm(memory, 0, kept, -1):  # a recurrent model cannot go back half-way
            self._llama.llama_memory_clear(memory, False)
            kept = 0
        del self._held[kept:]
        self._whole = kept
        start = kept
        for end in [*(cut for cut in cuts if kept < cut < len(prompt)), len(prompt)]:
            self._decode(prompt[start:end])
            start = end
        self._whole = len(prompt)
        return kept

    def _cuts(self, prompt: list[int]) -> list[int]:
        """Where a prompt is cut: after each message, and after `BLOCK` tokens without one. The beginning decides."""
        block = min(BLOCK, int(self._llama.llama_n_batch(self._context)))
        cuts, last = list[int](), 0
        for place, token in enumerate(prompt, 1):
            if place - last == block or self._llama.llama_vocab_is_eog(self._vocab, token):
                cuts.append(place)
                last = place
        return cuts

    def _decode(self, tokens: list[int]) -> None:
        block = (self._llama.llama_token * len(tokens))(*tokens)
        status = self._llama.llama_decode(self._context, self._llama.llama_batch_get_one(block, len(tokens)))
        if status != 0:
            self._llama.llama_memory_clear(self._llama.llama_get_memory(self._context), False)
            self._held.clear()
            self._whole = 0
            raise Unavailable(
                f"llama.cpp cannot go on (status {status}): {_Log.last or 'no reason given'}", code="no_memory"
            )
        self._held += tokens

    def _sampler(self, options: Options) -> Any:
        llama = self._llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        if options.schema is not None:
            grammar = llama.llama_sampler_init_grammar(self._vocab, _grammar(options.schema).encode(), b"root")
            if not grammar:
                llama.llama_sampler_free(chain)
                raise UsageError(f"the schema cannot be made into a grammar: {_Log.last or 'no reason given'}")
            llama.llama_sampler_chain_add(chain, grammar)
        if options.temperature == 0:
            llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
            return chain
        for step in (
            llama.llama_sampler_init_top_k(40),
            llama.llama_sampler_init_top_p(options.top_p, 1),
            llama.llama_sampler_init_min_p(0.05, 1),
            llama.llama_sampler_init_temp(options.temperature),
            llama.llama_sampler_init_dist(options.seed & 0xFFFFFFFF),
        ):
            llama.llama_sampler_chain_add(chain, step)
        return chain

    def _prompt(self, messages: list[dict[str, str]]) -> list[int]:
        """The tokens of a conversation in the model's own template.

        If a message holds what would be read as control tokens, its place in the template is found by a mark, and
        the message is made into tokens by itself, as nothing but text.
        """
        if all(self._is_plain(message["content"]) for message in messages):
            return self._tokens(self._template(messages), control=True)
        marks = [f"mark{secrets.token_hex(8)}mark" for _ in messages]
        marked = [{**message, "content": mark} for message, mark in zip(messages, marks, strict=True)]
        rest, tokens = self._template(marked), list[int]()
        for message, mark in zip(messages, marks, strict=True):
            before, found, rest = rest.partition(mark)
            if not found:
                raise DataError("a message holds control tokens of the model", code="control_tokens")
            tokens += self._tokens(before, control=True) + self._tokens(message["content"], control=False)
        return tokens + self._tokens(rest, control=True)

    def _is_plain(self, text: str) -> bool:
        return self._tokens(text, control=True) == self._tokens(text, control=False)

    def _tokens(self, text: str, *, control: bool) -> list[int]:
        data = text.encode()
        room = len(data) + 8
        out = (self._llama.llama_token * room)()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), out, room, False, control)
        if count < 0:
            raise DataError(f"the text cannot be made into tokens ({len(data)} bytes)", code="bad_text")
        return list(out[:count])

    def _bytes(self, token: int) -> bytes:
        room = 128
        out = ctypes.create_string_buffer(room)
        count = self._llama.llama_token_to_piece(self._vocab, token, out, room, 0, False)
        if count < 0:
            out = ctypes.create_string_buffer(-count)
            count = self._llama.llama_token_to_piece(self._vocab, token, out, -count, 0, False)
        return out.raw[: max(count, 0)]


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputMissing(f"cannot be read: {error.strerror}", where=str(path)) from error
    if magic != _MAGIC:
        raise DataError("not a GGUF file", where=str(path), code="bad_model")


def _grammar(schema: Mapping[str, Any]) -> str:
    import json

    from llama_cpp.llama_grammar import json_schema_to_gbnf

    try:
        return str(json_schema_to_gbnf(json.dumps(schema)))
    except (ValueError, KeyError, TypeError, AssertionError, AttributeError, RecursionError) as error:
        raise UsageError(f"the schema cannot be made into a grammar: {error}") from error


def _template(llama: Any, model: Any, vocab: Any) -> Any:
    """The model's own chat template as a function from messages to text; a plain one if it brings none."""
    from jinja2 import TemplateError
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    raw = llama.llama_model_chat_template(model, None)
    text = raw.decode("utf-8", "replace") if raw else _PLAIN_TEMPLATE
    ends = [_spelling(llama, vocab, getattr(llama, f"llama_vocab_{name}")(vocab)) for name in ("eos", "bos")]
    formatter = Jinja2ChatFormatter(text, *ends)

    def render(messages: list[dict[str, str]]) -> str:
        try:
            return str(formatter(messages=messages).prompt)
        except (TemplateError, ValueError, TypeError) as error:
            raise DataError(
                f"the model's template does not take this conversation: {error}", code="bad_message"
            ) from error

    return render


_PLAIN_TEMPLATE = """{% for message in messages %}{{ message.role }}: {{ message.content }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"""


def _spelling(llama: Any, vocab: Any, token: int) -> str:
    text = llama.llama_vocab_get_text(vocab, token) if token >= 0 else None
    return text.decode("utf-8", "replace") if text else ""


def _until_stop(pieces: Iterator[str], stops: Sequence[str], tally: Tally) -> Iterator[str]:
    """Pass pieces on up to the first stop text, holding back what may turn out to be its beginning."""
    if not stops:
        yield from pieces
        return
    longest = max(map(len, stops)) - 1
    waiting = ""
    for piece in pieces:
        waiting += piece
        places = [place for place in (waiting.find(stop) for stop in stops) if place >= 0]
        if places:
            tally.finish = "stop"
            if min(places):
                yield waiting[: min(places)]
            return
        if len(waiting) > longest:
            cut = len(waiting) - longest
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting:
        yield waiting
