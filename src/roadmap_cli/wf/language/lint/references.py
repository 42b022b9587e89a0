"""Placeholders: each has a value when it is needed, and none of an outsider's decides what is run, read or reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.lint import programs
from roadmap_cli.wf.language.lint.structure import before, deeds, fault
from roadmap_cli.wf.language.templates import PROGRAMS, Clause, Deed, Finding, Step, Template
from roadmap_cli.wf.language.yamlfile import Way

_KNOWN = "inputs.NAME, steps.NAME.output, event.FIELD, template.directory, run.id, run.directory; a literal is $${"
#: Fields of actions that say whom or what it reaches, and the kind of resource whose scope can hold a foreign value.
_GUARDED: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    "http": {"origin": ("host_injection", None)},
    "slack": {"channel": ("recipient_injection", "channel"), "email": ("recipient_injection", "person")},
    "mail": {"to": ("recipient_injection", "mailbox"), "cc": ("recipient_injection", "mailbox")},
    "jira": {"projects": ("project_injection", "project"), "issue": ("project_injection", "project")},
    "agent": {"path": ("file_injection", "file"), "files": ("file_injection", "file")},
    "human": {"assignee": ("recipient_injection", None)},
    "workflow": {"template": ("template_injection", None)},
}


def findings(template: Template) -> Iterator[Finding]:
    """References to nothing, and values of outsiders in places that decide."""
    inputs = {each.name for each in template.inputs}
    used: set[str] = set()
    texts = {step.name for step in template.steps if _is_text(step)}
    for _, step, deed, way in deeds(template):
        extra = ({"item", "index"} if step.each is not None else set()) | ({"output"} if deed is not step else set())
        earlier = before(template.steps, step.name)
        for part, value in _parts(deed):
            for name in placeholders.names(value):
                used.add(name)
                problem = _unknown(name, inputs, earlier, extra) or _no_field(name, texts)
                if problem:
                    yield fault(template, (*way, part), *problem)
        if deed is step:
            for part, value in (("each", step.each), ("when", [each.expected for each in step.when])):
                for name in placeholders.names(value):
                    used.add(name)
                    problem = _unknown(name, inputs, earlier, set()) or _no_field(name, texts)
                    if problem:
                        yield fault(template, (*way, part), *problem)
            for number, clause in enumerate(step.when):
                used.add(clause.field)
                if problem := _unknown_field(clause, inputs, earlier) or _no_field(clause.field, texts):
                    yield fault(template, (*way, "when", number), *problem)
        yield from programs.findings(template, deed, way, extra, f"step {step.name!r}")
        yield from _guarded(template, step, deed, way)
    yield from _scope(template, inputs, used)
    yield from _unused(template, used)


def is_foreign(template: Template, name: str) -> bool:
    """Whether the value of a placeholder is, or may be, an outsider's: of the event, or what a step made of it."""
    head, *rest = name.split(".")
    if head in ("event", "steps", "item", "output"):
        return True
    return head == "inputs" and any(each.name == rest[0] and each.source for each in template.inputs if rest)


def guarded_inputs(template: Template) -> set[str]:
    """The inputs whose values decide what is run or reached: who puts the template in may give none from outside."""
    found: set[str] = set()
    for _, _, deed, _ in deeds(template):
        values: list[Any] = [deed.command[:1], *programs.evaluated(deed)]
        values += [deed.spec.get(field) for field in _GUARDED.get(deed.action, {})]
        found |= {name.split(".")[1] for name in placeholders.names(values) if name.startswith("inputs.")}
    found |= {name.split(".")[1] for name in placeholders.names(list(template.scope)) if name.startswith("inputs.")}
    return found


def _parts(deed: Deed) -> Iterator[tuple[str, Any]]:
    yield "command", deed.command
    yield "input", deed.stdin
    yield "environment", deed.environment
    if deed.spec:
        yield deed.action, deed.spec


def _unknown(name: str, inputs: set[str], earlier: set[str], extra: set[str]) -> tuple[str, str] | None:
    head, *rest = name.split(".")
    if head == "inputs" and rest and all(rest):
        return None if rest[0] in inputs else ("missing_input", f"there is no input {rest[0]!r}")
    if head == "steps" and len(rest) >= 2 and rest[1] == "output":
        if rest[0] in earlier:
            return None
        return "missing_need", f"${{{name}}} needs step {rest[0]!r} to be among 'needs'"
    if name == "template.directory" or (head == "event" and rest) or name in ("run.id", "run.directory"):
        return None
    if head in extra and (head != "index" or not rest):
        return None
    if head in ("item", "index"):
        return "unknown_placeholder", f"${{{name}}} is known only in a step with 'each'"
    if name == "output":
        return "unknown_placeholder", "${output} is known only in 'compensate'"
    return "unknown_placeholder", f"unknown placeholder ${{{name}}}; known: {_KNOWN}"


def _is_text(step: Step) -> bool:
    """Whether the output of a step is text, so that nothing in it has a name."""
    return step.each is None and (
        step.action in ("wait", "human") or (step.action in PROGRAMS and step.output == "text")
    )


def _no_field(name: str, texts: set[str]) -> tuple[str, str] | None:
    head, *rest = name.split(".")
    if head == "steps" and len(rest) > 2 and rest[1] == "output" and rest[0] in texts:
        return "no_field", f"the output of step {rest[0]!r} is text and has no {'.'.join(rest[2:])!r}; is it JSON?"
    return None


def _unknown_field(clause: Clause, inputs: set[str], earlier: set[str]) -> tuple[str, str] | None:
    head, *rest = clause.field.split(".")
    if head == "inputs" and rest:
        return None if rest[0] in inputs else ("missing_input", f"there is no input {rest[0]!r}")
    if head == "steps" and len(rest) >= 2 and (rest[1] == "output" or rest[1:] == ["status"]):
        if rest[0] in earlier:
            return None
        return "missing_need", f"a condition on {clause.field!r} needs step {rest[0]!r} to be among 'needs'"
    if head == "event" and rest:
        return None
    known = "inputs.NAME, steps.NAME.output, steps.NAME.status, event.FIELD"
    return "unknown_field", f"a condition of a step is on {known}, not on {clause.field!r}"


def _guarded(template: Template, step: Step, deed: Deed, way: Way) -> Iterator[Finding]:
    for field, (code, kind) in _GUARDED.get(deed.action, {}).items():
        foreign = [name for name in placeholders.names(deed.spec.get(field)) if is_foreign(template, name)]
        if foreign and not (kind and _is_held(template, kind)):
            held = f"; hold it by a 'scope' such as \"{kind}:…\"" if kind else ""
            message = f"step {step.name!r} takes {deed.action}.{field} from outside: ${{{foreign[0]}}}{held}"
            yield fault(template, (*way, deed.action, field), code, message)
    literal = [("dependency", deed.dependency)]
    if deed is step and step.approval:
        literal.append(("approval", step.approval.group))
    for part, value in literal:
        if any(True for _ in placeholders.names(value)):
            yield fault(template, (*way, part), "unknown_placeholder", f"{part!r} takes no placeholder")
    patterns = [each.expected for each in step.when if each.test == "matches"] if deed is step else []
    patterns += [each.get("matches") for each in deed.spec.get("where", ())] if deed.action == "event" else []
    if any(True for _ in placeholders.names(patterns)):
        message = f"step {step.name!r} puts a value into a regular expression; compare it by 'equals'"
        yield fault(
            template, (*way, "when" if deed is step and step.when else deed.action), "pattern_injection", message
        )


def _is_held(template: Template, kind: str) -> bool:
    """Whether the scope says which resources of a kind may be touched: more than all of them."""
    patterns = [each.partition(":")[2] for each in template.scope if each.startswith(f"{kind}:")]
    return bool(patterns) and all(each.strip("*?") for each in patterns)


def _scope(template: Template, inputs: set[str], used: set[str]) -> Iterator[Finding]:
    for at, each in enumerate(template.scope):
        for name in placeholders.names(each):
            used.add(name)
            problem = _unknown(name, inputs, set(), set())
            if problem:
                yield fault(template, ("scope", at), *problem)
            elif is_foreign(template, name):
                message = f"the scope takes ${{{name}}} from outside: an event cannot widen what may be touched"
                yield fault(template, ("scope", at), "scope_injection", message)


def _unused(template: Template, used: set[str]) -> Iterator[Finding]:
    names = {name.split(".")[1] for name in used if name.startswith("inputs.") and "." in name}
    for each in template.inputs:
        if each.name not in names:
            message = f"input {each.name!r} is not used"
            yield fault(template, ("inputs", each.name), "unused_input", message, "warning")
