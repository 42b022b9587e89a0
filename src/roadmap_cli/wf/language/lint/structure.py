"""The steps and their order: each there once, each after those it needs, none waiting for itself."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.wf.language.templates import Deed, Finding, Step, Template
from roadmap_cli.wf.language.yamlfile import Way


def order(steps: tuple[Step, ...]) -> tuple[list[Step], list[str]]:
    """The steps so that each comes after those it needs (else as written), and the names of those on a cycle."""
    missing = [{name for name in step.needs if any(each.name == name for each in steps)} for step in steps]
    unknown = [len(set(step.needs)) - len(missing[at]) for at, step in enumerate(steps)]
    waiting = list(range(len(steps)))
    done: list[Step] = []
    while True:
        ready = next((at for at in waiting if not missing[at] and not unknown[at]), None)
        if ready is None:
            return done, [steps[at].name for at in waiting]
        waiting.remove(ready)
        done.append(steps[ready])
        for at in waiting:
            missing[at].discard(steps[ready].name)


def before(steps: tuple[Step, ...], name: str) -> set[str]:
    """The names of all steps that are surely finished when a step begins."""
    needs = {step.name: step.needs for step in steps}
    found: set[str] = set()
    waiting = list(needs.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(needs.get(each, ()))
    return found


def deeds(template: Template) -> Iterator[tuple[int, Step, Deed, Way]]:
    """Every deed with the position of its step, the step, and the way to it: steps and what undoes them."""
    for at, step in enumerate(template.steps):
        yield at, step, step, ("steps", at)
        if step.compensate:
            yield at, step, step.compensate, ("steps", at, "compensate")


def fault(template: Template, way: Way, code: str, message: str, severity: str = "error") -> Finding:
    """A finding at a place of the template."""
    document = template.document
    return Finding(document.name, document.line(way), severity, code, message)


def findings(template: Template) -> Iterator[Finding]:
    """Steps that are there twice, needs that name none, cycles."""
    seen: set[str] = set()
    for at, step in enumerate(template.steps):
        if step.name in seen:
            yield fault(template, ("steps", at, "name"), "duplicate_step", f"step {step.name!r} is there twice")
        seen.add(step.name)
    unknown = False
    for at, step in enumerate(template.steps):
        for need in step.needs:
            if need not in seen:
                unknown = True
                what = f"step {step.name!r} needs unknown step {need!r}"
                yield fault(template, ("steps", at, "needs"), "unknown_step", what)
    if unknown:
        return
    circle = _circle(template.steps)
    for at, step in enumerate(template.steps):
        if step.name in circle:
            rest = ", ".join(circle)
            what = f"step {step.name!r} waits for itself; on the cycle: {rest}"
            yield fault(template, ("steps", at, "needs"), "cycle", what)
            return


def _circle(steps: tuple[Step, ...]) -> list[str]:
    """The names of the steps on one cycle, sorted; those that only wait for it are not on it."""
    left = set(order(steps)[1])
    needs = {step.name: [each for each in step.needs if each in left] for step in steps if step.name in left}
    if not needs:
        return []
    way = [next(iter(needs))]
    while (following := needs[way[-1]][0]) not in way:
        way.append(following)
    return sorted(way[way.index(following) :])
