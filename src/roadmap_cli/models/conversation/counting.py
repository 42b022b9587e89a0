"""How many tokens a text is for a model, without loading its weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.models import registry

#: Bytes of UTF-8 in a token, where nothing can tell: a little below what English has, so that the guess is high.
BYTES_PER_TOKEN = 3.6


@dataclass(slots=True)
class Counter:
    """Counts tokens. `is_estimate` tells that it goes by bytes: for endpoints, or where llama.cpp is missing."""

    model: str
    is_estimate: bool
    _llama: Any = None
    _model: Any = None

    def __call__(self, text: str) -> int:
        """The number of tokens of a text. Raises DataError if it cannot be made into tokens."""
        data = text.encode()
        if self._model is None:
            return -(-len(data) * 10 // round(BYTES_PER_TOKEN * 10))
        vocab = self._llama.llama_model_get_vocab(self._model)
        room = len(data) + 8
        count = self._llama.llama_tokenize(
            vocab, data, len(data), (self._llama.llama_token * room)(), room, False, False
        )
        if count < 0:
            raise DataError(f"the text cannot be made into tokens ({len(data)} bytes)", code="bad_text")
        return int(count)

    def close(self) -> None:
        """Let go of the vocabulary."""
        if self._model is not None:
            self._llama.llama_model_free(self._model)
            self._model = None


def open_counter(name: str | None, environ: Mapping[str, str]) -> Counter:
    """The counter for a model by name, as in `models.conversation.selection.open_chat`; None takes the default.

    It counts with the vocabulary of the model's file where that is here, else by bytes. Raises ConfigError for an
    unknown name.
    """
    found = registry.load(environ)
    name = name or environ.get("ROADMAP_MODEL") or found.defaults["chat"]
    if name in found.endpoints:
        return Counter(name, is_estimate=True)
    try:
        path = Path(name).expanduser() if name.endswith(".gguf") or "/" in name else found.file(found.model(name))
        from roadmap_cli.models.conversation.llama import library

        llama = library()
    except Unavailable:
        return Counter(name, is_estimate=True)
    settings = llama.llama_model_default_params()
    settings.vocab_only = True
    model = llama.llama_model_load_from_file(os.fsencode(path), settings)
    if not model:
        raise DataError("not a model llama.cpp can load", where=str(path), code="bad_model")
    return Counter(name, is_estimate=False, _llama=llama, _model=model)
