"""Effects: within the role's, enough for the action, and undone where they change something."""

from __future__ import annotations

import os
from collections.abc import Iterator

from roadmap_cli.wf.language import roles, services
from roadmap_cli.wf.language.lint.structure import deeds, fault
from roadmap_cli.wf.language.templates import EFFECT_RISK, SERVICES, Deed, Finding, Template

#: Effects that should be undone when the run fails later.
_UNDONE = frozenset({"change", "access", "money"})
_BESIDE = "${template.directory}/"


def findings(template: Template) -> Iterator[Finding]:
    """Effects beyond the role, effects left unsaid, changes nothing undoes, files that are not there or not held."""
    for at, step, deed, way in deeds(template):
        who = f"step {step.name!r}" if deed is step else f"the compensation of step {step.name!r}"
        for effect in deed.effects:
            if effect in EFFECT_RISK and deed.role in roles.EFFECTS and effect not in roles.EFFECTS[deed.role]:
                allowed = ", ".join(sorted(roles.EFFECTS[deed.role])) or "nothing"
                message = f"role {deed.role!r} may not have effect {effect!r}; it may: {allowed}"
                yield fault(template, (*way, "effects"), "role_exceeded", message)
        if deed.action in SERVICES and deed.spec:
            for choices in services.effects(deed.action, deed.spec):
                if not set(choices) & set(deed.effects):
                    message = f"{who} is {deed.action!r} and does not declare effect {' or '.join(map(repr, choices))}"
                    yield fault(template, (*way, "effects"), "effect_unsaid", message)
            if deed.role in roles.EFFECTS and (problem := roles.lacking(deed.role, deed.action, dict(deed.spec))):
                yield fault(template, (*way, "role"), "no_tool", f"{who}: {problem}")
        if deed.action == "shell":
            message = f"{who} is shell text: its effects are only what the template says they are"
            yield fault(template, (*way, "shell"), "shell_step", message, "warning")
        for name in deed.files:
            if name.startswith("/") or ".." in name.split("/"):
                message = f"{name!r} is not beside the template"
                yield fault(template, (*way, "files"), "file_elsewhere", message)
            elif not os.path.isfile(template.directory / name):  # noqa: PTH113 - False for a name that no file can have
                yield fault(template, (*way, "files"), "missing_file", f"there is no file {name!r} beside the template")
        for name in _unpinned(template, deed):
            message = f"{who} is given {name!r}, which may change after the plan is approved; name it in 'files'"
            yield fault(template, (*way, "command"), "unpinned_file", message, "warning")
        if deed is step and set(step.effects) & _UNDONE and not step.compensate:
            changed = ", ".join(sorted(set(step.effects) & _UNDONE))
            message = f"step {step.name!r} has effect {changed} and no 'compensate': a later failure leaves it as it is"
            yield fault(template, ("steps", at, "effects"), "no_compensation", message, "warning")


def _unpinned(template: Template, deed: Deed) -> Iterator[str]:
    """The files beside the template that a command is given and the plan does not hold to what they were."""
    for each in dict.fromkeys(deed.command):
        name = os.path.normpath(each.removeprefix(_BESIDE))
        is_file = each.startswith(_BESIDE) and "${" not in name and not os.path.isdir(template.directory / name)  # noqa: PTH112 - as above
        if is_file and name not in map(os.path.normpath, deed.files):
            yield name
