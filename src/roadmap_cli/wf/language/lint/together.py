"""Workflows inside workflows: each there, none in itself, and given what it needs from whom it may be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.lint.references import guarded_inputs, is_foreign
from roadmap_cli.wf.language.lint.structure import fault
from roadmap_cli.wf.language.templates import MOST_SUBWORKFLOWS, Finding, Template


def findings(template: Template, known: Mapping[str, Template]) -> Iterator[Finding]:
    """What is wrong with the workflows that a template puts in; `known` are all that there are."""
    for at, step in enumerate(template.steps):
        if step.action != "workflow":
            continue
        name = step.spec["template"]
        way = ("steps", at, "workflow")
        below = known.get(name)
        if below is None:
            what = f"step {step.name!r}: there is no template for workflow {name!r}"
            yield fault(template, (*way, "template"), "unknown_template", what)
            continue
        chain = _chain(template.workflow, below, known)
        if chain:
            what = f"step {step.name!r}: workflow {name!r} would contain itself: {' > '.join(chain)}"
            yield fault(template, (*way, "template"), "recursion", what)
            continue
        if (deep := _depth(below, known)) > MOST_SUBWORKFLOWS:
            what = f"step {step.name!r}: workflows nested {deep} deep, at most {MOST_SUBWORKFLOWS} are allowed"
            yield fault(template, (*way, "template"), "too_deep", what)
        given = step.spec["inputs"]
        names = {each.name for each in below.inputs}
        for each in sorted(set(given) - names):
            what = f"step {step.name!r}: workflow {name!r} has no input {each!r}"
            yield fault(template, (*way, "inputs", each), "unknown_input", what)
        for entry in below.inputs:
            if entry.name not in given and entry.required and entry.default is None and entry.setting is None:
                what = f"step {step.name!r} gives workflow {name!r} no input {entry.name!r}"
                yield fault(template, (*way, "inputs"), "missing_input", what)
        decides = _deciding(below, known)
        for each in sorted(set(given) & decides):
            outside = [one for one in placeholders.names(given[each]) if is_foreign(template, one)]
            if outside:
                what = f"step {step.name!r}: input {each!r} decides what {name!r} reaches and comes from outside"
                yield fault(template, (*way, "inputs", each), "foreign_input", f"{what}: ${{{outside[0]}}}")


def _deciding(template: Template, known: Mapping[str, Template], level: int = 1) -> set[str]:
    """The inputs that decide what a workflow, or one that it puts in, runs or reaches."""
    found = guarded_inputs(template)
    for step in template.steps:
        if step.action == "workflow" and step.spec["template"] in known and level <= MOST_SUBWORKFLOWS:
            inner = _deciding(known[step.spec["template"]], known, level + 1)
            values = [value for key, value in step.spec["inputs"].items() if key in inner]
            found |= {name.split(".")[1] for name in placeholders.names(values) if name.startswith("inputs.")}
    return found


def _inner(template: Template) -> list[str]:
    return [step.spec["template"] for step in template.steps if step.action == "workflow" and step.spec]


def _chain(root: str, below: Template, known: Mapping[str, Template]) -> list[str] | None:
    """The way by which a workflow contains itself again, or None; each template is looked into once."""
    seen: set[str] = set()
    waiting = [[root, below.workflow]]
    while waiting:
        chain = waiting.pop()
        if chain[-1] in chain[:-1]:
            return chain
        if chain[-1] in known and (chain[-1] not in seen):
            seen.add(chain[-1])
            waiting.extend([*chain, name] for name in _inner(known[chain[-1]]))
    return None


def _depth(template: Template, known: Mapping[str, Template], level: int = 1) -> int:
    """How deep a workflow that is put in goes, itself being 1; not looked at further than it matters."""
    if level > MOST_SUBWORKFLOWS:
        return level
    return max((_depth(known[name], known, level + 1) for name in set(_inner(template)) & set(known)), default=level)
