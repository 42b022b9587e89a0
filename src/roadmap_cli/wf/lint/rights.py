"""Effects: within the role's, enough for the action, and undone where they change something."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.wf.lint.structure import deeds, fault
from roadmap_cli.wf.templates import EFFECT_RISK, ROLE_EFFECTS, Deed, Finding, Template

#: Effects that change something somebody relies on.
_CHANGES = frozenset({"write", "message", "change", "delete", "access", "money"})
_UNDONE = frozenset({"change", "access", "money"})
_READS = ("SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW", "TABLE")


def findings(template: Template) -> Iterator[Finding]:
    """Effects beyond the role, effects left unsaid, changes that nothing undoes, files that are not there."""
    for at, step, deed, way in deeds(template):
        who = f"step {step.name!r}" if deed is step else f"the compensation of step {step.name!r}"
        for effect in deed.effects:
            if effect in EFFECT_RISK and deed.role in ROLE_EFFECTS and effect not in ROLE_EFFECTS[deed.role]:
                allowed = ", ".join(sorted(ROLE_EFFECTS[deed.role])) or "nothing"
                message = f"role {deed.role!r} may not have effect {effect!r}; it may: {allowed}"
                yield fault(template, (*way, "effects"), "role_exceeded", message)
        if lacking := _lacking(deed):
            message = f"{who} has {deed.action!r} and does not say so: its effects lack {lacking}"
            yield fault(template, (*way, "effects"), "effect_unsaid", message)
        if deed.action == "shell":
            message = f"{who} is shell text: its effects are only what the template says they are"
            yield fault(template, (*way, "shell"), "shell_step", message, "warning")
        for name in deed.files:
            if name.startswith("/") or ".." in name.split("/"):
                message = f"{name!r} is not beside the template"
                yield fault(template, (*way, "files"), "file_elsewhere", message)
            elif not (template.directory / name).is_file():
                yield fault(template, (*way, "files"), "missing_file", f"there is no file {name!r} beside the template")
        if deed is step and set(step.effects) & _UNDONE and not step.compensate:
            changed = ", ".join(sorted(set(step.effects) & _UNDONE))
            message = f"step {step.name!r} has effect {changed} and no 'compensate': a later failure leaves it as it is"
            yield fault(template, ("steps", at, "effects"), "no_compensation", message, "warning")


def _lacking(deed: Deed) -> str | None:
    """The effect that an action surely has and that the template does not name; None if it says enough."""
    said = set(deed.effects)
    match deed.action:
        case "slack" | "mail" if "message" not in said:
            return "'message'"
        case "jira" | "http" if "network" not in said:
            return "'network'"
        case "http" if deed.spec.get("method") not in ("GET", "HEAD") and not said & _CHANGES:
            return "what a request by that method changes: 'write', 'change', 'message', …"
        case "jira" if deed.spec.get("do") not in ("search", "get") and not said & _CHANGES:
            return "what it changes: 'write', 'change' or 'message'"
        case "sql":
            if "read" not in said:
                return "'read'"
            words = str(deed.spec.get("query", "")).split(None, 1)
            if words and words[0].upper() not in _READS and not said & _CHANGES:
                return "what the query changes: 'write', 'change' or 'delete'"
    return None
