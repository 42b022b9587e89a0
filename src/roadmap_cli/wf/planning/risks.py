"""How risky a step is: by what it changes, by how sensitive it is what it touches, and by how often it would do it.

The rule kept here: nothing lowers a risk. Sensitivity and number only raise it, and each says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.scope import covers
from roadmap_cli.wf.language.templates import EFFECT_RISK, RISKS, Step

#: A loop with effects over more items than this is worth a second look, as is one over a list that is not known yet.
FEW_ITEMS = 10
#: Effects that a person may have to clean up after, once for each item of a loop.
_LASTING = frozenset({"write", "message", "change", "delete", "access", "money"})


def of_effects(effects: Iterable[str]) -> str:
    """The risk of the gravest effect."""
    return max((EFFECT_RISK[effect] for effect in effects), key=RISKS.index, default="low")


def of_step(step: Step, planned: Record, sensitive: Sequence[str]) -> tuple[str, list[str]]:
    """The risk of a planned step and, if it is more than that of its effects, the reasons in words."""
    effects = {*step.effects, *(step.compensate.effects if step.compensate else ())}
    risk = of_effects(effects)
    reasons: list[str] = []
    if step.compensate and risk != of_effects(step.effects):
        reasons.append("what undoes it is riskier than what it does")
    touched = [*planned.get("resources", ()), *planned.get("compensate", {}).get("resources", ())]
    for each in touched:
        if any(covers(pattern, each) for pattern in sensitive):
            reasons.append(f"{each} is sensitive")
            risk = _raised(risk)
    if "each" in planned and effects & _LASTING:
        items = planned["each"]
        if not isinstance(items, list):
            reasons.append("done for each item of a list that is not known yet")
            risk = _raised(risk)
        elif len(items) > FEW_ITEMS:
            reasons.append(f"done {len(items)} times")
            risk = _raised(risk)
    return risk, reasons


def sensitive(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The patterns of sensitive resources in the user's settings (``sensitive = ["database:payroll", …]``).

    Raises ConfigError if they are no list of text.
    """
    found = settings.get("sensitive", [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ConfigError("the setting 'sensitive' must be a list of resources such as \"database:payroll\"")
    return tuple(found)


def _raised(risk: str) -> str:
    return RISKS[min(RISKS.index(risk) + 1, len(RISKS) - 1)]
