"""Time and money: no step may wait longer than its run, no steps cost more than they are given."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.wf.language.lint.structure import deeds, fault
from roadmap_cli.wf.language.templates import MOST_ITEMS, Finding, Step, Template


def findings(template: Template) -> Iterator[Finding]:
    """Time-outs longer than the run's, budgets smaller than what they are for, limits of what nobody uses."""
    if template.timeout_s is not None:
        for _, step, deed, way in deeds(template):
            for part, longest in (("timeout", deed.timeout_s), ("wait", deed.wait_s),
                                  (deed.action, float(deed.spec.get("timeout_s", 0)))):  # fmt: skip
                is_said = part != "timeout" or (*way, "timeout") in template.document.lines
                if is_said and longest > template.timeout_s:
                    what = f"step {step.name!r} may take {longest:g} s, longer than the run: {template.timeout_s:g} s"
                    yield fault(template, (*way, part), "timeout_exceeds_run", what)
    yield from _budget(template)


def _budget(template: Template) -> Iterator[Finding]:
    total = 0.0
    for at, step in enumerate(template.steps):
        cost = _cost(step)
        if step.budget.usd is not None and cost > step.budget.usd + 1e-9:
            what = f"step {step.name!r} may cost {cost:g} USD, more than its budget of {step.budget.usd:g}"
            yield fault(template, ("steps", at, "budget"), "budget_too_small", what)
        total += max(cost, step.budget.usd or 0.0)
    if template.budget.usd is not None and total > template.budget.usd + 1e-9:
        what = f"the steps may cost {total:g} USD, more than the budget of {template.budget.usd:g}"
        yield fault(template, ("budget",), "budget_too_small", what)
    tokens = sum(step.budget.tokens or 0 for step in template.steps)
    if template.budget.tokens is not None and tokens > template.budget.tokens:
        what = f"the steps may use {tokens} tokens, more than the budget of {template.budget.tokens}"
        yield fault(template, ("budget",), "budget_too_small", what)


def _cost(step: Step) -> float:
    """The most a step costs by its own word; a loop over a list that is not known costs at least one time."""
    times = min(len(step.each), MOST_ITEMS) if isinstance(step.each, list) else 1
    return step.cost_usd * step.retry.attempts * times
