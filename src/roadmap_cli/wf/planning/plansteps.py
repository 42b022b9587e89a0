"""The steps of a plan: every value put in that is known before the run, every sub-workflow in its place.

The rule kept here: what comes from an event is put in as data, and what it can choose (a host, a recipient, an item of
a list) is held against the scope before the plan exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import clauses, conditions, lint, patterns, placeholders, services
from roadmap_cli.wf.language.lint import together
from roadmap_cli.wf.language.scope import confines, covers, program
from roadmap_cli.wf.language.templates import (
    MOST_ITEMS,
    RISKS,
    SERVICES,
    Budget,
    Clause,
    Deed,
    Step,
    Template,
)
from roadmap_cli.wf.planning import dependencies, risks

#: First words of the placeholders that get their value when the step begins.
LATER = ("steps", "run", "item", "index", "output")
#: Python runs a module's compiled form from its cache if there is one; what is pinned is the text.
_NO_CACHE = {"PYTHONPYCACHEPREFIX": "/dev/null/none"}


def inputs(template: Template, event: Record, settings: Mapping[str, Any]) -> Record:
    """The values of a template's inputs: of the event, else of the settings, else by default.

    Raises DataError if one is missing or refused by its pattern, ConfigError if it is a setting that is missing.
    """
    values: Record = {}
    for each in template.inputs:
        value = conditions.field(event, each.source) if each.source else None
        if clauses.is_absent(value) and each.setting:
            value = conditions.field(dict(settings), each.setting)
        if clauses.is_absent(value):
            value = each.default
        where = template.document.where(("inputs", each.name))
        if value is None:
            if each.required and each.source is None:
                raise ConfigError(
                    f"input {each.name!r} is missing: the settings have no {each.setting!r}",
                    where=where, hint="set it in workflows/settings.toml", code="missing_setting",
                )  # fmt: skip
            if each.required:
                raise DataError(
                    f"input {each.name!r} is missing: the event has no {each.source!r}", where=where,
                    code="missing_input",
                )  # fmt: skip
            value = ""
        _matches_pattern(each.name, each.pattern, value, where)
        values[each.name] = value
    return values


def _matches_pattern(name: str, pattern: Any, value: Any, where: str) -> None:
    text = placeholders.as_text(value)
    if pattern and not patterns.whole(pattern, text):
        what = f"input {name!r} is refused: {text[:60]!r} is not {pattern.pattern!r}"
        raise DataError(what, where=where, code="refused_input")


def walk(steps: Sequence[Record], before: str = "") -> Iterator[tuple[str, Record]]:
    """Every step with its name, those of sub-workflows as ``NAME/SUBSTEP`` after the step that holds them."""
    for step in steps:
        name = f"{before}{step['name']}"
        yield name, step
        if "workflow" in step:
            yield from walk(step["workflow"]["steps"], f"{name}/")


def budget(found: Budget) -> Record:
    """A budget as it stands in a plan."""
    return {key: value for key, value in (("usd", found.usd), ("tokens", found.tokens)) if value is not None}


def clause(found: Clause, put_in: Any) -> Record:
    """A condition as it stands in a plan and a template."""
    expected = found.pattern.pattern if found.pattern else put_in(found.expected)
    return {"field": found.field, found.test: expected}


def scope(template: Template, values: Record, everything: Sequence[tuple[str, Record]]) -> list[str]:
    """The resources the run may touch: the template's scope with its values, else exactly those that are known now.

    Raises DataError for a step that would touch another.
    """
    known = sorted({each for _, step in everything for each in step.get("resources", ()) if "${" not in each})
    if not template.scope:
        return known
    allowed = sorted({_scope_pattern(each, values) for each in template.scope})
    for name, step in everything:
        for each in step.get("resources", ()):
            if "${" not in each and not within(each, allowed):
                what = f"step {name!r} would touch {each!r}, outside the template's scope"
                raise DataError(what, where=template.document.where(("scope",)), code="out_of_scope")
    return allowed


def holding(found: list[str], everything: Sequence[tuple[str, Record]], directory: str) -> list[str]:
    """A scope under which programs see their folder and no more: it names those of the steps, if it named none yet."""
    if confines(found):
        return found
    deeds = [each for _, step in everything for each in (step, step.get("compensate")) if each]
    return sorted({*found, *(name for each in deeds if (name := program(each, directory)))})


def within(resource: str, allowed: Sequence[str]) -> bool:
    """Whether one of some patterns covers a resource."""
    return any(covers(each, resource) for each in allowed)


def _scope_pattern(pattern: str, values: Record) -> str:
    """A pattern with the values of inputs put in. Raises DataError for a value that is a pattern itself."""

    def known(name: str) -> Any:
        value = placeholders.as_text(placeholders.reach(values, name.split(".")[1:], name))
        if "*" in value:
            raise DataError(f"${{{name}}} in the scope is a pattern itself: {value[:60]!r}", code="bad_scope")
        return value

    return placeholders.as_text(placeholders.filled(pattern, known))


class Planner:
    """Plans the steps of a template and of the templates it puts in, for one event."""

    def __init__(
        self, known: Mapping[str, Template], event: Record, settings: Mapping[str, Any], sensitive: Sequence[str]
    ) -> None:
        self.known = known
        self.event = event
        self.settings = settings
        self.sensitive = sensitive

    def steps(self, template: Template, values: Record) -> list[Record]:
        """The planned steps in an order in which each comes after those it needs.

        What makes workflows unfit for each other is looked for here once more: who named them may not have checked.
        """
        for fault in together.findings(template, self.known):
            raise DataError(fault.message, where=f"{fault.name}:{fault.line}", code=fault.code)
        return [self.step(template, each, values) for each in lint.order(template.steps)[0]]

    def step(self, template: Template, step: Step, values: Record) -> Record:
        """One step with all values put in that are known before the run.

        A step whose conditions are known not to hold is left out: nothing of it stands in the plan but its place.
        """
        put_in = self._putter(template, values)
        when = [clause(each, put_in) for each in step.when]
        if self._is_left_out(when, values):
            return _left_out(step, when)
        found: Record = {"name": step.name, **self.deed(template, step, put_in), "needs": sorted(step.needs)}
        if step.description:
            found["description"] = step.description
        if when:
            found["when"] = when
        if step.each is not None:
            found |= {"each": _list(step, put_in(step.each)), "parallel": step.parallel}
        if step.compensate:
            found["compensate"] = self.deed(template, step.compensate, put_in)
        if step.on_failure != "stop":
            found["on_failure"] = step.on_failure
        if step.approval:
            group = {"group": step.approval.group} if step.approval.group else {}
            found["approval"] = {**group, "timeout_s": step.approval.timeout_s}
        if step.budget != Budget():
            found["budget"] = budget(step.budget)
        if step.action == "workflow":
            found["workflow"] = self._put_in(step, found["workflow"])
            below = [each for _, each in walk(found["workflow"]["steps"])]
            found["permissions"] = sorted({name for each in below for name in each["permissions"]})
            found["risk"] = max((each["risk"] for each in below), key=RISKS.index)
            found["resources"] = sorted({name for each in below for name in each.get("resources", ())})
        else:
            risk, reasons = risks.of_step(step, found, self.sensitive)
            found["risk"] = risk
            if reasons:
                found["risk_reasons"] = reasons
        if not found["resources"]:
            del found["resources"]
        return found

    def _is_left_out(self, when: Sequence[Record], values: Record) -> bool:
        """Whether a condition is known not to hold: one on an input or the event."""
        for each in when:
            head, _, rest = each["field"].partition(".")
            name = rest.partition(".")[0]
            if head not in ("inputs", "event") or any(True for _ in placeholders.names(list(each.values()))):
                continue
            if head == "inputs" and values.get(name) is placeholders.KEEP:
                continue
            value = conditions.field(values if head == "inputs" else self.event, rest)
            known = None if clauses.is_absent(value) else value
            if not clauses.planned(_unescaped(each), lambda field, known=known: known):  # type: ignore[misc]
                return True
        return False

    def deed(self, template: Template, deed: Deed, put_in: Any) -> Record:
        """What is done, with its values."""
        found: Record = {"action": deed.action, "role": deed.role}
        match deed.action:
            case "command":
                found["command"] = []
                for part in deed.command:
                    text = placeholders.as_text(put_in(part))
                    placeholders.refuse_option(part, text, found["command"])
                    found["command"].append(text)
            case "shell":
                found["shell"] = deed.shell
            case "wait":
                found["wait_s"] = deed.wait_s
            case _:
                found[deed.action] = put_in(dict(deed.spec))
        if deed.stdin is not None:
            found["input"] = put_in(deed.stdin)
        if deed.environment:
            found["environment"] = {key: placeholders.as_text(put_in(each)) for key, each in deed.environment.items()}
        if deed.files:
            found["files"] = [_pinned(template, name) for name in deed.files]
            if any(name.endswith(".py") for name in deed.files):
                found["environment"] = {**_NO_CACHE, **found.get("environment", {})}
        spec: Record = found[deed.action] if deed.action in SERVICES else {}
        touched = services.resources(deed.action, spec) if deed.action in SERVICES else []
        found |= {
            "output": deed.output,
            "effects": sorted(deed.effects),
            "permissions": permissions(deed, spec),
            "resources": touched,
            "risk": risks.of_effects(deed.effects),
            "timeout_s": deed.timeout_s,
            "attempts": deed.retry.attempts,
        }
        if deed.retry.attempts > 1:
            found["retry"] = {
                "first_s": deed.retry.first_s,
                "factor": deed.retry.factor,
                "most_s": deed.retry.most_s,
                "jitter_ratio": deed.retry.jitter_ratio,
            }
        if deed.cost_usd:
            found["cost_usd"] = deed.cost_usd
        if dependency := dependencies.of_deed(deed, spec):
            found["dependency"] = dependency
        return found

    def _put_in(self, step: Step, spec: Record) -> Record:
        """A sub-workflow in the place of the step that names it."""
        name = spec["template"]
        below = self.known[name]
        given, values = self._passed(below, step, spec["inputs"])
        steps = self.steps(below, values)
        found: Record = {
            "template": name,
            "version": below.version,
            "template_sha256": below.sha256,
            "inputs": given,
            "steps": steps,
        }
        if below.scope:
            found["scope"] = scope(below, values, list(walk(steps)))
        return found

    def _passed(self, below: Template, step: Step, given: Record) -> tuple[Record, Record]:
        """The inputs of a sub-workflow: as they stand in the plan, and those whose value is known now.

        The rest is `placeholders.KEEP`: it stays a placeholder in the steps until the sub-workflow begins.
        """
        stands: Record = {}
        values: Record = {}
        for each in below.inputs:
            if each.name in given:
                stands[each.name] = given[each.name]
                is_known = not any(True for _ in placeholders.names(given[each.name]))
                values[each.name] = _unescaped(given[each.name]) if is_known else placeholders.KEEP
                if is_known:
                    where = below.document.where(("inputs", each.name))
                    _matches_pattern(each.name, each.pattern, values[each.name], where)
                continue
            value = conditions.field(dict(self.settings), each.setting) if each.setting else None
            value = each.default if clauses.is_absent(value) else value
            if value is None and each.required:
                what = f"step {step.name!r} gives workflow {below.workflow!r} no input {each.name!r}"
                raise DataError(what, code="missing_input")
            values[each.name] = "" if value is None else value
            stands[each.name] = placeholders.escaped(values[each.name])
        return stands, values

    def _putter(self, template: Template, values: Record) -> Any:
        def known(name: str) -> Any:
            head, *rest = name.split(".")
            match head:
                case "inputs":
                    if rest and values.get(rest[0]) is placeholders.KEEP:
                        return placeholders.KEEP
                    return placeholders.reach(values, rest, name)
                case "event":
                    return placeholders.reach(self.event, rest, name)
            return str(template.directory)

        def put_in(value: Any) -> Any:
            return placeholders.planned(value, known, LATER)

        return put_in


def _left_out(step: Step, when: list[Record]) -> Record:
    """The place of a step that will not be done: a wait of no length, whoever looks at its conditions or does not."""
    return {
        "name": step.name,
        "action": "wait",
        "wait_s": 0.0,
        "left_out": step.action,
        "role": "orchestrator",
        "output": "json",
        "effects": [],
        "permissions": [],
        "risk": "low",
        "timeout_s": step.timeout_s,
        "attempts": 1,
        "needs": sorted(step.needs),
        "when": when,
    }


def _unescaped(value: Any) -> Any:
    return placeholders.filled(value, lambda name: placeholders.KEEP)


def _list(step: Step, value: Any) -> Any:
    """What a step is done for each of: a list, or the placeholder that will give one."""
    if placeholders.whole(value) or (isinstance(value, list) and len(value) <= MOST_ITEMS):
        return value
    if isinstance(value, list):
        what = f"step {step.name!r} would be done {len(value)} times; at most {MOST_ITEMS} are allowed"
        raise DataError(what, code="too_many_items")
    raise DataError(f"step {step.name!r}: what 'each' names is no list", code="not_a_list")


def _pinned(template: Template, name: str) -> Record:
    try:
        data = (template.directory / name).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {name!r}: {error.strerror}", code="missing_file") from None
    return {"path": str(template.directory / name), "sha256": hashlib.sha256(data).hexdigest()}


def permissions(deed: Deed, spec: Mapping[str, Any]) -> list[str]:
    """What a deed must be allowed: its effects as its role, the program it runs, and what its action asks for."""
    program = {"command": f"run:{Path(deed.command[0]).name}" if deed.command else "", "shell": "run:sh"}
    found = {f"{deed.role}:{effect}" for effect in deed.effects}
    if deed.action in SERVICES:
        found |= set(services.needed(deed.action, spec))
    return sorted(found | ({program[deed.action]} if deed.action in program else set()))
