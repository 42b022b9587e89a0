"""Gradient-boosted trees of even depth (Friedman 2001), read from a file of numbers: how likely it is."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Trees:
    """Each tree asks `depth` questions, each whether a feature is greater than a limit.

    `features` and `limits` are [trees, 2 ** depth - 1], a question's children stand at 2 n + 1 (no) and 2 n + 2 (yes);
    `leaves` is [trees, 2 ** depth], in logits; `base` is added to their sum.
    """

    base: float
    features: Any
    limits: Any
    leaves: Any

    def likely(self, row: Sequence[float]) -> float:
        """The likelihood of a row of features, 0 to 1."""
        import numpy

        values = numpy.asarray(row, numpy.float32)
        trees = numpy.arange(len(self.leaves))
        at = numpy.zeros(len(self.leaves), numpy.intp)
        inner = self.features.shape[1]
        while at[0] < inner:
            at = 2 * at + 1 + (values[self.features[trees, at]] > self.limits[trees, at])
        return 1 / (1 + math.exp(-self.base - float(self.leaves[trees, at - inner].sum())))


@cache
def read(name: str) -> Trees:
    """The trees of that name in gradual.json, which tools/train_cuts.py makes."""
    import numpy

    told = json.loads(resources.files(__package__).joinpath("gradual.json").read_text())[name]
    return Trees(
        float(told["base"]),
        numpy.array(told["features"], numpy.intp),
        numpy.array(told["limits"], numpy.float32),
        numpy.array(told["leaves"], numpy.float64),
    )
