"""How a rule says what it thinks, and which templates mend what several rules are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from roadmap_cli.agent.reflection.ground import Failure, Frame, Ground, Hypothesis

Rule = Callable[[Failure, Frame, Ground], Iterator[Hypothesis]]
GUARD = {
    "add_condition": 3.0,
    "compare": 2.0,
    "drop_condition": 1.5,
    "and_or": 1.5,
    "negate": 1.5,
    "initial_value": 1.5,
}
TYPES = {
    "convert": 4.0,
    "drop_call": 2.0,
    "variable": 1.5,
    "attribute": 1.5,
    "swap_arguments": 1.5,
    "function": 1.5,
    "text": 1.3,
}


def said(
    kind: str,
    statement: str,
    frame: Frame,
    confidence: float,
    favours: Mapping[str, float],
    predicts: str,
    line: int | None = None,
) -> Hypothesis:
    """A hypothesis about a place of the project, by default the line of a frame."""
    return Hypothesis(kind, statement, frame.file, line or frame.line, frame.function, confidence, favours, predicts)
