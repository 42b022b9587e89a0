"""Names of people in the text of messages, by a spaCy model the user has installed. Optional, and never needed.

Only people are asked for: small models find persons, dates and sums, but not projects or places. Only full names
count, and a name in a text makes nobody present: it only adds records to who is called so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.life.graph import names, signatures
from roadmap_cli.life.graph.extraction import Mention

Recognizer = Callable[[Record], list[Mention]]
_LONGEST = 5000


def recognizer(model: str) -> Recognizer:
    """What finds names with a spaCy model, by its name or folder. Raises Unavailable if it or spaCy is missing."""
    try:
        spacy: Any = importlib.import_module("spacy")
        found: Any = spacy.load(model, exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
    except (ImportError, OSError, ValueError):
        raise Unavailable(
            f"no spaCy model {model!r}", hint="install spacy and a model, or leave out --ner", code="no_model"
        ) from None
    return lambda record: _mentions(record, found)


def _mentions(record: Record, model: Any) -> list[Mention]:
    text = record.get("text")
    if record.get("kind") != "life.message" or not isinstance(text, str) or not text.strip():
        return []
    told: dict[str, Mention] = {}
    for entity in model(signatures.own_text(text)[:_LONGEST]).ents:
        shown = " ".join(str(entity.text).split())
        name = names.parse(shown) if entity.label_ in ("PERSON", "PER") else None
        if name is not None and name.is_full and shown[:1].isupper():
            told.setdefault(name.key, Mention(f"n::{name.key}", "person", "mentioned", shown))
    return list(told.values())
