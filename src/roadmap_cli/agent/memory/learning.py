"""How templates fare, learned from every trial: a factor for each, finer where its surroundings are known.

Rates of success are smoothed towards what is known more generally (back-off): a template's towards the mean of all
templates, a template's in certain surroundings towards the template's own. All of it counts by how many successes there
were: after forty by half. So little experience moves a factor little, and none leaves it at 1. (Measured: from
twenty successes, a factor taken in full ranks worse than its cube root.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from roadmap_cli.agent import context as contexts
from roadmap_cli.agent.priors import learned

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


#: How many successes at the general rate a template's own, and a feature's, are smoothed with.
_TEMPLATE_HITS, _FEATURE_HITS = 1.0, 0.5
#: How far each feature counts with its template. They overlap, so none counts in full.
_POWERS = {"place": 0.5, "change": 0.3, "change+place": 0.4, "hypothesis": 0.5}
#: How far features count whatever the template.
_SHARED = {"names": 1.0}
#: After how many successes in all experience counts by half.
_HALF_SURE = 40.0
_LEAST, _MOST = 1 / 64, 64.0
Counts = Mapping[tuple[str, str, str], tuple[int, int]]


def note(tx: Connection, trials: Iterable[tuple[str, Mapping[str, str], bool]]) -> None:
    """Count trials, as (template, context, confirmed), by each feature of their surroundings."""
    tried, confirmed = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for template, context, good in trials:
        for feature, value in contexts.joined(context):
            for name in template.split("+"):
                tried[name, feature, value] += 1
                confirmed[name, feature, value] += good
    tx.executemany(
        "INSERT INTO agent_trial (template, feature, value, tried, confirmed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET tried = tried + excluded.tried, confirmed = confirmed + excluded.confirmed",
        [(*key, count, confirmed[key]) for key, count in tried.items()],
    )


def priors(tx: Connection) -> dict[str, float]:
    """What experience says of each template and each size of edits: a factor on its prior (`agent.priors.learned`).

    What language models proposed is left out: it says nothing about templates.
    """
    rows = tx.execute("SELECT template, tried, confirmed FROM agent_template WHERE template NOT LIKE 'llm:%'")
    return learned({name: (tried, confirmed) for name, tried, confirmed in rows})


class Priors:
    """What experience says of an edit: `factor` multiplies suspicion, and a hand-set weight if there is one."""

    def __init__(self, templates: Mapping[str, tuple[int, int]], trials: Counts) -> None:
        """`templates`: name → (tried, confirmed); `trials`: (template, feature, value) → the same."""
        self._templates, self._trials = dict(templates), dict(trials)
        tried = sum(count for count, _ in self._templates.values())
        hits = sum(good for _, good in self._templates.values())
        self._mean = hits / tried if tried else 0.0
        self._sure = hits / (hits + _HALF_SURE)
        shared: dict[tuple[str, str], tuple[int, int]] = {}
        for (_, feature, value), (count, good) in self._trials.items():
            if feature in _SHARED:
                known = shared.get((feature, value), (0, 0))
                shared[feature, value] = known[0] + count, known[1] + good
        self._shared = shared

    @classmethod
    def load(cls, tx: Connection) -> Priors:
        """All that the state knows."""
        rows = tx.execute("SELECT template, tried, confirmed FROM agent_template")
        templates = {name: (tried, good) for name, tried, good in rows}
        rows = tx.execute("SELECT template, feature, value, tried, confirmed FROM agent_trial")
        return cls(templates, {(t, f, v): (tried, good) for t, f, v, tried, good in rows})

    def factor(self, template: str, context: Mapping[str, str]) -> float:
        """The factor of an edit by a template in surroundings (`context.Contexts.of`): 1 without any experience."""
        if not self._mean:
            return 1.0
        factor = 1.0
        for name in template.split("+"):
            factor *= self._one(name, context)
        return float(max(_LEAST, min(_MOST, factor**self._sure)))

    def _one(self, template: str, context: Mapping[str, str]) -> float:
        own = _rate(self._templates.get(template, (0, 0)), self._mean, _TEMPLATE_HITS)
        factor = own / self._mean
        for feature, value in contexts.joined(context):
            power = _POWERS.get(feature, 0.0)
            if power:
                rate = _rate(self._trials.get((template, feature, value), (0, 0)), own, _FEATURE_HITS)
                factor *= (rate / own) ** power
            if feature in _SHARED:
                rate = _rate(self._shared.get((feature, value), (0, 0)), self._mean, _FEATURE_HITS)
                factor *= (rate / self._mean) ** _SHARED[feature]
        return factor


def _rate(counts: tuple[int, int], general: float, hits: float) -> float:
    """A rate of success smoothed towards a more general one, as if `hits` successes at that rate had been seen."""
    tried, good = counts
    return (good + hits) / (tried + hits / general)
