"""How present a thing still is in memory: it fades with time, and comes back each time it is used.

Two models. ACT-R's base level (Anderson and Schooler 1991): ln of the sum of t^-0.5 over the times it was used, t in
days. FSRS's retrievability (Ye and others, KDD 2022; the forgetting curve of version 4.5): (1 + 19/81 t/S)^-0.5, where
each use multiplies the stability S, the more the less of it was left. tools/bench/forgetting.py compares them: how
much of the recall on three conversations of LoCoMo is left when the least present 25, 50, 75 % of all turns are out of
reach.

    ACT-R                          0.88  0.77  0.59
    FSRS                           0.88  0.77  0.54
    how often it was used, alone   0.88  0.77  0.56
    how long a text is, alone      0.96  0.83  0.56
    age alone                      0.72  0.51  0.29
    chance                         0.78  0.50  0.27

So use is what tells, and what either model makes of the times of use shows only when much is out of reach; ACT-R it is.
The length of a text tells more than its use until half is gone, and is a signal of its own (retrieval.evidence).
Forgetting is of rank only: nothing is deleted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: ACT-R's decay, and the shortest age that counts, in days: one hour.
DECAY, LEAST = 0.5, 1 / 24
#: FSRS: stability of what was met once, in days; how much a use adds at most; curve of version 4.5.
STABILITY, GAIN, FACTOR, POWER = 30.0, 3.0, 19 / 81, -0.5
#: What presence and importance add to a score, in its unit: less than any signal, to settle what they leave open.
PRESENCE, IMPORTANCE = 0.05, 0.25


def base_level(ages: Sequence[float]) -> float:
    """ACT-R's base-level activation from the ages of all uses in days, when it happened being the first."""
    return math.log(sum(max(age, LEAST) ** -DECAY for age in ages))


def retrievability(ages: Sequence[float]) -> float:
    """FSRS's chance, from 0 to 1, that it is still remembered, from the ages of all uses in days."""
    uses = sorted((max(age, 0.0) for age in ages), reverse=True)
    stability, last = STABILITY, uses[0]
    for age in uses[1:]:
        left = _left(last - age, stability)
        stability *= 1 + GAIN * (math.exp(1 - left) - 1)
        last = age
    return _left(last, stability)


def _left(days: float, stability: float) -> float:
    return float((1 + FACTOR * days / stability) ** POWER)
