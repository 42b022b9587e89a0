"""Reflection: why the tests fail, as sentences that can turn out true or false.

`reflect` reads the tracebacks, what variables held, the two sides of failed assertions, which lines only failing tests
run and what was changed lately, by rules and without any model. Each hypothesis names a suspect place, what it rests
on, and the templates that it favours (`bias`). `outcome` stores them, compares them with past failures, and has each
confirmed or refuted by the repair; how often a rule was right weights what it says next time. A loop needs two calls:
`think` when tests fail, `conclude` when they pass.
"""

from __future__ import annotations

from roadmap_cli.agent.reflection.ground import Failure, Frame, Ground, Hypothesis, changed_lines
from roadmap_cli.agent.reflection.outcome import conclude, described, settle, store, think, weigh
from roadmap_cli.agent.reflection.rules import bias, reflect

__all__ = [
    "Failure",
    "Frame",
    "Ground",
    "Hypothesis",
    "bias",
    "changed_lines",
    "conclude",
    "described",
    "reflect",
    "settle",
    "store",
    "think",
    "weigh",
]
