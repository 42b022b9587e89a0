"""A GGUF model in llama.cpp: the library, the weights, and what belongs to them: tokens, template, samplers.

Text from outside never becomes a control token, whatever it says.
"""

from __future__ import annotations

import ctypes
import os
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import DataError, InputMissing, Unavailable, UsageError
from roadmap_cli.models.conversation.chat import Infill, Options

#: Most tokens of a prompt computed together; smaller ones are slower, larger ones leave less to keep between calls.
BLOCK = 256
#: Texts of which is remembered whether they hold spellings of control tokens.
PLAIN_TEXTS = 16
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
        raise Unavailable(
            f"llama-cpp-python does not load: {error}", hint=packages.mend("llama-cpp-python"), code="no_llama"
        ) from error
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


def last_error() -> str:
    """What llama.cpp said last when something failed."""
    return _Log.last or "no reason given"


class Weights:
    """The weights of a model, and how text becomes tokens and tokens text.

    `repack` lets llama.cpp copy weights into the form this processor likes best: faster prompts, but memory that
    cannot be given back page by page. Raises InputMissing and DataError (no file, no GGUF file), Unavailable.
    """

    def __init__(self, path: Path, *, repack: bool = True) -> None:
        check_file(path)
        self.path = path
        self.llama = llama = library()
        settings = llama.llama_model_default_params()
        settings.use_extra_bufts = repack
        self.model = llama.llama_model_load_from_file(os.fsencode(path), settings)
        if not self.model:
            raise DataError(f"not a model llama.cpp can load: {last_error()}", where=str(path), code="bad_model")
        self.vocabulary = llama.llama_model_get_vocab(self.model)
        #: Tokens the model was trained to read.
        self.trained = int(llama.llama_model_n_ctx_train(self.model))
        #: Whether the memory of a sequence can be cut at any token: not in recurrent models.
        self.can_go_back = not (llama.llama_model_is_recurrent(self.model) or llama.llama_model_is_hybrid(self.model))
        self._template = _template(llama, self.model, self.vocabulary)
        self._spellings: dict[int, bytes] = {}
        self._plain: dict[str, bool] = {}

    def close(self) -> None:
        """Free the weights."""
        if self.model:
            self.llama.llama_model_free(self.model)
            self.model = None

    def bytes_per_cell(self, bytes_per_number: float = 2.0) -> float:
        """Bytes of key-value memory for one token: layers x key-value heads x head size x 2 x bytes of a number."""
        llama, model = self.llama, self.model
        heads = max(1, int(llama.llama_model_n_head(model)))
        size = int(llama.llama_model_n_embd(model)) // heads
        layers, shared = int(llama.llama_model_n_layer(model)), int(llama.llama_model_n_head_kv(model))
        return layers * shared * size * 2 * bytes_per_number

    # -- text and tokens ---------------------------------------------------------------------------------------------

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a conversation in the model's own template.

        If a message holds what would be read as control tokens, its place in the template is found by a mark, and
        the message is made into tokens by itself, as nothing but text.
        """
        conversation = [dict(message) for message in messages]
        if all(self._is_plain(message["content"]) for message in conversation):
            return self.tokens(self._template(conversation), control=True)
        marks = [f"mark{secrets.token_hex(8)}mark" for _ in conversation]
        marked = [{**message, "content": mark} for message, mark in zip(conversation, marks, strict=True)]
        rest, tokens = self._template(marked), list[int]()
        for message, mark in zip(conversation, marks, strict=True):
            before, found, rest = rest.partition(mark)
            if not found:
                raise DataError("a message holds control tokens of the model", code="control_tokens")
            tokens += self.tokens(before, control=True) + self.tokens(message["content"], control=False)
        return tokens + self.tokens(rest, control=True)

    def text_prompt(self, text: str) -> list[int]:
        """The tokens of bare text to be continued, without a template."""
        llama = self.llama
        begin = [int(llama.llama_vocab_bos(self.vocabulary))] if llama.llama_vocab_get_add_bos(self.vocabulary) else []
        return [*begin, *self.tokens(text, control=False)]

    @cached_property
    def gap(self) -> tuple[int, int, int] | None:
        """The control tokens that stand before, after and at a gap, if the vocabulary has them."""
        llama, vocabulary = self.llama, self.vocabulary
        found = tuple(int(getattr(llama, f"llama_vocab_fim_{name}")(vocabulary)) for name in ("pre", "suf", "mid"))
        return (found[0], found[1], found[2]) if min(found) >= 0 else None

    def infill_prompt(self, asked: Infill) -> list[int]:
        """The tokens that ask for what stands in a gap (prefix, suffix, middle: Bavarian et al., arXiv 2207.14255)."""
        if self.gap is None:
            raise UsageError("this model does not fill gaps in text", code="no_infill")
        llama, (before, after, middle) = self.llama, self.gap
        begin = [int(llama.llama_vocab_bos(self.vocabulary))] if llama.llama_vocab_get_add_bos(self.vocabulary) else []
        texts = [self.tokens(text, control=False) for text in (asked.before, asked.after)]
        return [*begin, before, *texts[0], after, *texts[1], middle]

    def cuts(self, prompt: Sequence[int]) -> list[int]:
        """Where a prompt is cut: after each message, and after `BLOCK` tokens without one. The beginning decides."""
        ends, cuts, last = self._ends, list[int](), 0
        for place, token in enumerate(prompt, 1):
            if place - last == BLOCK or token in ends:
                cuts.append(place)
                last = place
        return cuts

    def tokens(self, text: str, *, control: bool) -> list[int]:
        """Text as tokens; with `control`, spellings of control tokens become those."""
        data = text.encode()
        room = len(data) + 8
        out = (self.llama.llama_token * room)()
        count = self.llama.llama_tokenize(self.vocabulary, data, len(data), out, room, False, control)
        if count < 0:
            raise DataError(f"the text cannot be made into tokens ({len(data)} bytes)", code="bad_text")
        return list(out[:count])

    def spelled(self, token: int) -> bytes:
        """The bytes of a token; control tokens have none."""
        found = self._spellings.get(token)
        if found is None:
            found = self._spellings[token] = self._spell(token)
        return found

    def _spell(self, token: int) -> bytes:
        room = 128
        out = ctypes.create_string_buffer(room)
        count = self.llama.llama_token_to_piece(self.vocabulary, token, out, room, 0, False)
        if count < 0:
            out = ctypes.create_string_buffer(-count)
            count = self.llama.llama_token_to_piece(self.vocabulary, token, out, -count, 0, False)
        return out.raw[: max(count, 0)]

    def ends_generation(self, token: int) -> bool:
        """Whether the model says with this token that it is finished."""
        return token in self._ends

    def _is_plain(self, text: str) -> bool:
        """Whether a text holds no spelling of a control token. What was asked last, a system message say, is kept."""
        found = self._plain.get(text)
        if found is None:
            found = self.tokens(text, control=True) == self.tokens(text, control=False)
            if len(self._plain) >= PLAIN_TEXTS:
                self._plain.pop(next(iter(self._plain)))
        else:
            del self._plain[text]
        self._plain[text] = found
        return found

    @cached_property
    def _ends(self) -> frozenset[int]:
        llama, vocabulary = self.llama, self.vocabulary
        count = int(llama.llama_vocab_n_tokens(vocabulary))
        return frozenset(token for token in range(count) if llama.llama_vocab_is_eog(vocabulary, token))

    # -- choosing tokens ---------------------------------------------------------------------------------------------

    def sampler(self, options: Options) -> Any:
        """What chooses the next token as asked. The caller frees it. Raises UsageError for a schema it cannot keep."""
        llama = self.llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        if options.schema is not None:
            grammar = llama.llama_sampler_init_grammar(self.vocabulary, _grammar(options.schema).encode(), b"root")
            if not grammar:
                llama.llama_sampler_free(chain)
                raise UsageError(f"the schema cannot be made into a grammar: {last_error()}")
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


def check_file(path: Path) -> None:
    """Raise InputMissing or DataError if this is not a GGUF file that can be read."""
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
