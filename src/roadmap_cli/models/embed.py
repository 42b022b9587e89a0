"""Texts as vectors: a sentence-embedding ONNX model, batched by length so that little is computed for padding."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.models import processors, registry, sessions
from roadmap_cli.models.ledger import Call, Ledger

if TYPE_CHECKING:
    import numpy

#: The most token places in one batch, padding included: what fits the cache of a small machine.
BATCH_PLACES = 4096
BATCH_TEXTS = 64


#: How the graph that `models.installing.graph` builds names the states of the tokens before they are pooled.
_STATES = re.compile(rb"LayerNormalization_(\d+)")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text as the model cut it, its marks of begin and end left out, and the state of each.

    `states` is float32 [tokens, dimensions], each of length one.
    """

    words: list[str]
    states: Any


class Embedder:
    """A loaded embedding model. Use it in a `with` block, or `close` it."""

    def __init__(
        self,
        name: str,
        graph: Path,
        tokenizer: Path,
        *,
        max_tokens: int,
        ledger: Ledger | None,
        threads: int | None = None,
        states: bool = False,
    ):
        self.name = name
        self.max_tokens = max_tokens
        self._ledger = ledger
        self._states, model = _with_states(graph) if states else (None, str(graph))
        self._session = sessions.onnx(model, graph, threads or processors.available())
        self._tokenizer = _tokenizer(tokenizer, max_tokens)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the weights."""
        self._session = None

    def embed(self, texts: Sequence[str], *, purpose: str = "embed") -> numpy.ndarray[Any, Any]:
        """The vectors of the texts in their order: float32, [len(texts), dimensions], each of length one.

        What is longer than `max_tokens` is cut off there. The ledger gets one row with the number of texts and the
        hash of them, not the texts. Raises DataError if a text cannot be encoded.
        """
        import numpy

        started = time.perf_counter()
        try:
            codes = self._tokenizer.encode_batch_fast(list(texts)) if texts else []
        except (TypeError, UnicodeEncodeError):
            raise DataError("a text holds half a surrogate pair, which is not text", code="bad_text") from None
        vectors = numpy.empty((len(texts), self.dimensions), numpy.float32)
        for places in _batches([len(code.ids) for code in codes]):
            vectors[places] = self._run([codes[place].ids for place in places])
        if self._ledger is not None and texts:
            tokens = sum(len(code.ids) for code in codes)
            self._ledger.record(self._call(texts, tokens, purpose, round((time.perf_counter() - started) * 1000)))
        return vectors

    @property
    def has_states(self) -> bool:
        """Whether `tokens` works: the model was opened for it, and its graph tells the states of its tokens."""
        return self._states is not None

    def tokens(self, texts: Sequence[str], *, purpose: str = "embed") -> tuple[numpy.ndarray[Any, Any], list[Tokens]]:
        """What `embed` gives, and the tokens of each text with their states (for late interaction).

        Raises DataError as `embed` does, ValueError if the model was not opened with `states` or has none.
        """
        import numpy

        if self._states is None:
            raise ValueError("the model gives no states of tokens")
        started = time.perf_counter()
        try:
            codes = self._tokenizer.encode_batch_fast(list(texts)) if texts else []
        except (TypeError, UnicodeEncodeError):
            raise DataError("a text holds half a surrogate pair, which is not text", code="bad_text") from None
        vectors = numpy.empty((len(texts), self.dimensions), numpy.float32)
        found = [Tokens([], None)] * len(texts)
        for places in _batches([len(code.ids) for code in codes]):
            given = self._padded([codes[place].ids for place in places])
            pooled, states = self._session.run(["embedding", self._states], given)
            vectors[places] = pooled
            states /= numpy.maximum(numpy.linalg.norm(states, axis=2, keepdims=True), 1e-9)
            for row, place in enumerate(places):
                inner = slice(1, len(codes[place].ids) - 1)
                found[place] = Tokens(
                    [self._tokenizer.id_to_token(id) for id in codes[place].ids[inner]], states[row, inner].copy()
                )
        if self._ledger is not None and texts:
            count = sum(len(code.ids) for code in codes)
            self._ledger.record(self._call(texts, count, purpose, round((time.perf_counter() - started) * 1000)))
        return vectors, found

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is, cut off at `max_tokens`."""
        return len(self._tokenizer.encode(text).ids)

    def _padded(self, rows: list[list[int]]) -> dict[str, numpy.ndarray[Any, Any]]:
        import numpy

        length = max(map(len, rows))
        ids = numpy.zeros((len(rows), length), numpy.int64)
        mask = numpy.zeros((len(rows), length), numpy.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        return {name: value for name, value in given.items() if name in self._inputs}

    def _run(self, rows: list[list[int]]) -> numpy.ndarray[Any, Any]:
        import numpy

        given = self._padded(rows)
        output: numpy.ndarray[Any, Any] = self._session.run(None, given)[0]
        if output.ndim == 3:  # the graph stops before pooling: mean over the tokens, length one
            weight = given["attention_mask"][:, :, None].astype(numpy.float32)
            output = (output * weight).sum(axis=1) / weight.sum(axis=1)
            output /= numpy.linalg.norm(output, axis=1, keepdims=True)
        return output

    def _call(self, texts: Sequence[str], tokens: int, purpose: str, latency_ms: int) -> Call:
        digest = hashlib.sha256()
        for text in texts:
            digest.update(hashlib.sha256(text.encode()).digest())
        return Call(
            model=self.name,
            provider="local",
            purpose=purpose,
            input={"texts_count": len(texts), "texts_sha256": digest.hexdigest()},
            output={"dimensions": self.dimensions},
            latency_ms=latency_ms,
            prompt_tokens=tokens,
            completion_tokens=0,
            price_microunits=0,
            finish="stop",
        )


def open_embedder(
    name: str | None,
    *,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    threads: int | None = None,
    states: bool = False,
) -> Embedder:
    """Open an embedding model by name; None takes the registry's default. With `states` its `tokens` may be asked for.

    Raises ConfigError (unknown name, not for embedding, damaged weights) and Unavailable (not pulled, no runtime).
    """
    found = registry.load(environ)
    model = found.model(name or found.defaults["embed"])
    if model.task != "embed":
        raise ConfigError(f"model {model.name!r} is for {model.task!r}, not for embedding", hint="slm-models list")
    graph = next((file.name for file in model.files if file.name.endswith(".onnx")), None)
    if graph is None:
        raise ConfigError(f"model {model.name!r} names no .onnx file", code="unknown_model")
    return Embedder(
        model.name,
        found.file(model, graph),
        found.file(model, "tokenizer.json"),
        max_tokens=model.max_tokens or 512,
        ledger=ledger,
        threads=threads,
        states=states,
    )


def _with_states(graph: Path) -> tuple[str | None, str | bytes]:
    """A graph that also gives the states of its tokens: their name, and its bytes. None if it is not built by us.

    Protocol buffers that stand one after the other are read as one whose lists are joined, so one more output is a
    few bytes at the end, and the file stays as it is.
    """
    data = graph.read_bytes()
    numbers = [int(number) for number in _STATES.findall(data)]
    if not numbers or b"sentence_embedding" not in data:
        return None, str(graph)
    name = f"LayerNormalization_{max(numbers)}"
    kind = _field(2, _field(1, b"\x08\x01"))  # TypeProto: a tensor of floats
    output = _field(7, _field(12, _field(1, name.encode()) + kind))  # ModelProto.graph.output
    return name, data + output


def _field(number: int, payload: bytes) -> bytes:
    """A field of a protocol buffer, shorter than 128 bytes."""
    return bytes((number << 3 | 2, len(payload))) + payload


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts of about the same length, at most `BATCH_TEXTS` and `BATCH_PLACES` at a time."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == BATCH_TEXTS or lengths[place] * (len(batch) + 1) > BATCH_PLACES):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _tokenizer(path: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer

    try:
        data = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    try:
        tokenizer = Tokenizer.from_str(data)
    except Exception as error:  # the library raises Exception itself
        raise DataError(f"not a tokenizer: {error}", where=str(path), code="bad_model") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer
