"""What can be wrong with a template as a whole: order, references, rights.

The rule kept here: whatever a run would stumble over that can be seen in the file is seen here.
"""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.wf import placeholders
from roadmap_cli.wf.templates import EFFECT_RISK, ROLE_EFFECTS, Finding, Step, Template

#: The first words of placeholders.
_HEADS = ("inputs", "steps", "event", "template", "run")


def findings(template: Template) -> list[Finding]:
    """The faults of a template whose parts are each well formed."""
    return [*_names(template), *_needs(template), *_references(template), *_rights(template), *_files(template)]


def order(steps: tuple[Step, ...]) -> tuple[list[Step], list[str]]:
    """The steps so that each comes after those it needs (else as written), and the names of those on a cycle."""
    waiting = list(steps)
    done: list[Step] = []
    names: set[str] = set()
    while ready := next((step for step in waiting if names.issuperset(step.needs)), None):
        waiting.remove(ready)
        done.append(ready)
        names.add(ready.name)
    return done, [step.name for step in waiting]


def before(steps: tuple[Step, ...], name: str) -> set[str]:
    """The names of all steps that are surely finished when a step begins. The steps are free of cycles."""
    needs = {step.name: step.needs for step in steps}
    found: set[str] = set()
    waiting = list(needs.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(needs.get(each, ()))
    return found


def _fault(template: Template, at: int, part: str, code: str, message: str, severity: str = "error") -> Finding:
    document = template.document
    return Finding(document.name, document.line(("steps", at, part)), severity, code, message)


def _names(template: Template) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, step in enumerate(template.steps):
        if step.name in seen:
            yield _fault(template, at, "name", "duplicate_step", f"step {step.name!r} is there twice")
        seen.add(step.name)


def _needs(template: Template) -> Iterator[Finding]:
    known = {step.name for step in template.steps}
    unknown = False
    for at, step in enumerate(template.steps):
        for need in step.needs:
            if need not in known:
                unknown = True
                yield _fault(template, at, "needs", "unknown_step", f"step {step.name!r} needs unknown step {need!r}")
    if unknown:
        return
    circle = set(order(template.steps)[1])
    for at, step in enumerate(template.steps):
        if step.name in circle:
            rest = ", ".join(sorted(circle))
            yield _fault(template, at, "needs", "cycle", f"step {step.name!r} waits for itself; on the cycle: {rest}")
            return


def _references(template: Template) -> Iterator[Finding]:
    inputs = {each.name for each in template.inputs}
    for at, step in enumerate(template.steps):
        earlier = before(template.steps, step.name)
        parts = (("command", step.command), ("input", step.stdin), ("environment", step.environment))
        for part, value in parts:
            for name in placeholders.names(value):
                problem = _unknown(name, inputs, earlier)
                if problem:
                    yield _fault(template, at, part, *problem)
        if any(name.partition(".")[0] in _HEADS for name in placeholders.names(step.shell)):
            message = f"step {step.name!r} puts a value into shell text; pass it by 'environment' and write \"$NAME\""
            yield _fault(template, at, "shell", "shell_injection", message)
        program = step.command[0] if step.command else ""
        if any(name != "template.directory" for name in placeholders.names(program)):
            message = f"step {step.name!r} takes its program from a value"
            yield _fault(template, at, "command", "command_injection", message)


def _unknown(name: str, inputs: set[str], earlier: set[str]) -> tuple[str, str] | None:
    head, *rest = name.split(".")
    if head == "inputs" and len(rest) == 1:
        return None if rest[0] in inputs else ("missing_input", f"there is no input {rest[0]!r}")
    if head == "steps" and len(rest) >= 2 and rest[1] == "output":
        if rest[0] in earlier:
            return None
        return "missing_need", f"${{{name}}} needs step {rest[0]!r} to be among 'needs'"
    if name == "template.directory" or (head == "event" and rest) or name in ("run.id", "run.directory"):
        return None
    known = "inputs.NAME, steps.NAME.output, event.FIELD, template.directory, run.id, run.directory; a literal is $${"
    return "unknown_placeholder", f"unknown placeholder ${{{name}}}; known: {known}"


def _rights(template: Template) -> Iterator[Finding]:
    for at, step in enumerate(template.steps):
        for effect in step.effects:
            if effect in EFFECT_RISK and step.role in ROLE_EFFECTS and effect not in ROLE_EFFECTS[step.role]:
                allowed = ", ".join(sorted(ROLE_EFFECTS[step.role]))
                message = f"role {step.role!r} may not have effect {effect!r}; it may: {allowed}"
                yield _fault(template, at, "effects", "role_exceeded", message)
        if step.action == "shell":
            message = f"step {step.name!r} is shell text: its effects are only what the template says they are"
            yield _fault(template, at, "shell", "shell_step", message, "warning")


def _files(template: Template) -> Iterator[Finding]:
    for at, step in enumerate(template.steps):
        for name in step.files:
            if not (template.directory / name).is_file():
                yield _fault(template, at, "files", "missing_file", f"there is no file {name!r} beside the template")
