"""What is asked of the engine, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.models.conversation.chat import Options, Tally
from roadmap_cli.models.conversation.engine.speech import Speech


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply: whole characters."""

    ticket: int
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A reply is finished; how is in the tally."""

    ticket: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class Failed:
    """A request came to nothing."""

    ticket: int
    error: RoadmapError


Event = Piece | Done | Failed


@dataclass(slots=True, eq=False)
class Request:
    """A conversation on its way."""

    ticket: int
    prompt: list[int]
    cuts: list[int]
    options: Options
    tally: Tally
    sampler: Any
    speech: Speech
    count: int = 0  # tokens written
    next: int | None = None  # the token chosen last, not yet in the model's memory
