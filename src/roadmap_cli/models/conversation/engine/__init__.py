"""Continuous batching: many conversations with one model, decoded together, what they share worked out once.

A request waits until a sequence is free, takes over the longest beginning that any sequence has worked out already,
reads the rest of its prompt in blocks and then writes a token at each step, beside all others. Sequences share one
key-value memory; the beginning of a finished one stays for whoever can use it, until the room is needed.

The method is that of Orca (Yu et al., OSDI 2022, iteration-level scheduling) with the prefix sharing of
SGLang's RadixAttention (Zheng et al., 2024) over llama.cpp's cells, which may belong to several sequences at once.

What a reply depends on: llama.cpp's numbers differ in their last digits with how many tokens are computed together.
A prompt is therefore cut where its own tokens say, and with `exact` only whole blocks of prompts are taken over, so
that a request that is alone in an engine of one sequence gets the same reply whatever was asked before. Requests in
flight together move each other's cells, and so the order in which attention is added up. With weights of 32 bits that
moves logits by some hundredths; what 4-bit weights are multiplied with is rounded to 8 bits in each layer, which makes
of the last digit up to one whole logit, as much as the quantization itself: most replies of some sentences then part
somewhere from what they would be alone. Nothing else of the requests is shared.
"""

from __future__ import annotations

from roadmap_cli.models.conversation.engine.context import DEFAULT_CONTEXT, EngineSettings, SavedSequence, cells
from roadmap_cli.models.conversation.engine.engine import Engine
from roadmap_cli.models.conversation.engine.requests import Done, Event, Failed, Piece

__all__ = [
    "DEFAULT_CONTEXT",
    "Done",
    "Engine",
    "EngineSettings",
    "Event",
    "Failed",
    "Piece",
    "SavedSequence",
    "cells",
]
