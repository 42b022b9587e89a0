"""What can never happen: triggers and conditions that contradict themselves, loops over what is no list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from roadmap_cli.wf.language import clauses, placeholders
from roadmap_cli.wf.language.lint.structure import fault, order
from roadmap_cli.wf.language.templates import PROGRAMS, Clause, Finding, Step, Template, Trigger
from roadmap_cli.wf.language.yamlfile import Way


def findings(template: Template) -> Iterator[Finding]:
    """Triggers that never hold, steps that are never reached, loops over no list."""
    if ("trigger",) in template.document.lines:
        yield from _trigger(template, template.trigger, ("trigger",))
    steps = {step.name: step for step in template.steps}
    places = {id(step): at for at, step in enumerate(template.steps)}
    never: set[str] = set()
    for step in order(template.steps)[0]:
        conditions = [
            *step.when, *_constants(template, step.when), *_answers(step.when, steps), *_nothing(step.when, never),
        ]  # fmt: skip
        if problem := contradiction(conditions):
            never.add(step.name)
            message = f"step {step.name!r} is never reached: {problem}"
            yield fault(template, ("steps", places[id(step)], "when"), "unreachable_step", message)
    for at, step in enumerate(template.steps):
        if step.each is not None and (problem := _no_list(template, step, steps)):
            yield fault(template, ("steps", at, "each"), "not_a_list", f"step {step.name!r}: {problem}")


def contradiction(conditions: Sequence[Clause]) -> str | None:
    """Why some conditions cannot all hold, or None if they may.

    Only what is certain is said: that two patterns have nothing in common is not looked into.
    """
    for number, clause in enumerate(conditions):
        if problem := _impossible(clause):
            return problem
        for other in conditions[:number]:
            if other.field == clause.field and _excludes(clause, other):
                return f"{clause.field!r} cannot be both {_words(other)} and {_words(clause)}"
    return None


def _impossible(clause: Clause) -> str | None:
    if clause.test == "one_of" and not clause.expected:
        return f"{clause.field!r} is to be one of none"
    return None


def _excludes(one: Clause, other: Clause) -> bool:
    for first, second in ((one, other), (other, one)):
        if first.test == "exists" and first.expected is False:
            return second.test != "exists" or second.expected is True
        values = _values(first)
        if values is not None and not any(_passes(value, second) for value in values):
            return True
    if {one.test, other.test} == {"more", "less"}:
        more, less = (one, other) if one.test == "more" else (other, one)
        return bool(more.expected >= less.expected)
    return False


def _values(clause: Clause) -> list[Any] | None:
    """All values that a condition lets pass, if they can be listed."""
    found = {"equals": [clause.expected], "one_of": clause.expected}.get(clause.test)
    if found is None or any(True for _ in placeholders.names(found)):
        return None
    return list(found)


def _passes(value: Any, clause: Clause) -> bool:
    """Whether a value may pass; a condition whose own value is not known yet lets everything pass."""
    if any(True for _ in placeholders.names(clause.expected)) or (clause.test == "matches" and not clause.pattern):
        return True
    return clauses.passes(clause, value)


def _words(clause: Clause) -> str:
    expected = clause.pattern.pattern if clause.pattern else clause.expected
    return f"{clause.test} {expected!r}"


def _trigger(template: Template, trigger: Trigger, way: Way) -> Iterator[Finding]:
    conditions = list(trigger.clauses)
    for name, value in (("type", trigger.type), ("source", trigger.source)):
        if value is not None:
            conditions.append(Clause(name, "equals", value))
    if problem := contradiction(conditions):
        yield fault(template, (*way, "where"), "trigger_never_holds", f"the trigger can never hold: {problem}")
    if not (conditions or trigger.text or trigger.sequence or trigger.all or trigger.any):
        yield fault(template, way, "trigger_never_holds", "the trigger can never hold: it has no condition")
    for part, parts in (("sequence", trigger.sequence), ("all", trigger.all), ("any", trigger.any)):
        for at, each in enumerate(parts):
            yield from _trigger(template, each, (*way, part, at))
    if trigger.window_s and trigger.count == 1 and not (trigger.sequence or trigger.all):
        yield fault(
            template, (*way, "window"), "unused_window", "a 'window' needs 'count', 'sequence' or 'all'", "warning"
        )


def _constants(template: Template, conditions: Iterable[Clause]) -> Iterator[Clause]:
    """For conditions on inputs that always have the same value, what that value is."""
    fixed = {f"inputs.{each.name}": each.default for each in template.inputs if not (each.source or each.setting)}
    for field in {clause.field for clause in conditions} & set(fixed):
        yield Clause(field, "equals", fixed[field])


def _answers(conditions: Iterable[Clause], steps: dict[str, Step]) -> Iterator[Clause]:
    """For conditions on a person's answer, what can be answered."""
    for field in {clause.field for clause in conditions}:
        head, _, rest = field.partition(".")
        name, _, rest = rest.partition(".")
        step = steps.get(name) if head == "steps" and rest == "output" else None
        if step and step.action == "human" and step.spec.get("choices"):
            yield Clause(field, "one_of", list(step.spec["choices"]))


def _nothing(conditions: Iterable[Clause], never: set[str]) -> Iterator[Clause]:
    """For conditions on the output of a step that is never reached: there is none."""
    for field in {clause.field for clause in conditions}:
        head, _, rest = field.partition(".")
        if head == "steps" and rest.partition(".")[0] in never and rest.partition(".")[2].startswith("output"):
            yield Clause(field, "exists", False)


def _no_list(template: Template, step: Step, steps: dict[str, Step]) -> str | None:
    """Why what a step is to be done for each of is no list, if that is certain."""
    if isinstance(step.each, list):
        return None
    name = placeholders.whole(step.each)
    if name is None:
        return f"'each' must be a list or one placeholder, not {step.each!r}"
    head, *rest = name.split(".")
    if head == "inputs" and len(rest) == 1:
        for each in template.inputs:
            if each.name == rest[0] and not isinstance(each.default, list | None):
                return f"'each' names input {each.name!r}, whose default is no list"
    if head == "steps" and len(rest) == 2 and rest[0] in steps:
        source = steps[rest[0]]
        if source.each is None and source.action in PROGRAMS and source.output == "text":
            return f"'each' names the output of step {source.name!r}, which is text; give it 'output: json'"
        if source.each is None and source.action not in PROGRAMS:
            return f"'each' names all of the output of step {source.name!r}; name the list in it, such as …output.rows"
    return None
