"""Reading workflow templates from files.

The rule kept here: reading names every fault it can find, each with its line, and a template with one error in it is
never used. `lint.py` holds the rules that look at more than one place at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.wf import lint, patterns
from roadmap_cli.wf.templates import EFFECT_RISK, ROLE_EFFECTS, Clause, Finding, Input, Retry, Step, Template, Trigger
from roadmap_cli.wf.yamlfile import MOST_BYTES, Document, Way, read

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
WORKFLOW = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)\Z")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_STEPS = 200
#: Names that a step may not set: they decide what code a program loads.
_FORBIDDEN_ENVIRONMENT = re.compile(r"(LD_.*|PYTHON(PATH|HOME|STARTUP)|ROADMAP_.*|PATH|HOME|IFS|BASH_ENV|ENV)\Z")
_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]*\Z")


def load(path: Path) -> Template:
    """Read a template that must be free of errors. Raises DataError with the first one and its line."""
    template, findings = check(path)
    if template is None:
        fault = next(each for each in findings if each.severity == "error")
        hint = f"see 'wf-plan --check {path}'"
        raise DataError(fault.message, where=f"{fault.name}:{fault.line}", hint=hint, code=fault.code)
    return template


def check(path: Path) -> tuple[Template | None, list[Finding]]:
    """Read a template and say all that is wrong with it; the template is None if any of it is an error."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    try:
        document = read(data, str(path))
    except DataError as error:
        line = (error.where or "").rpartition(":")[2]
        return None, [Finding(str(path), int(line) if line.isdigit() else 1, "error", error.code, error.message)]
    reader = _Reader(document)
    template = reader.template(path.resolve().parent, hashlib.sha256(data).hexdigest())
    reader.findings += lint.findings(template)
    reader.findings.sort(key=lambda each: each.line)
    usable = not any(each.severity == "error" for each in reader.findings)
    return (template if usable else None), reader.findings


def found(places: Sequence[Path]) -> Iterator[Path]:
    """The template files in files and folders, in order of name. Raises InputMissing for a place that is not there."""
    for place in places:
        if place.is_dir():
            yield from sorted(each for each in place.iterdir() if each.suffix in (".yaml", ".yml"))
        elif place.is_file():
            yield place
        else:
            raise InputMissing("no such file or folder", where=str(place))


def load_all(places: Sequence[Path]) -> list[Template]:
    """All templates of some places. Raises DataError for a faulty one, or for two of the same name."""
    templates: dict[str, Template] = {}
    for path in found(places):
        template = load(path)
        if other := templates.get(template.workflow):
            what = f"workflow {template.workflow!r} is also in {other.document.name}"
            raise DataError(what, where=template.document.where(("workflow",)), code="duplicate_workflow")
        templates[template.workflow] = template
    return list(templates.values())


def named(templates: Mapping[str, Template], workflow: str) -> Template:
    """A template by its workflow's name. Raises DataError if there is none."""
    if workflow not in templates:
        raise DataError(f"there is no template for workflow {workflow!r}", hint="name it with --templates")
    return templates[workflow]


class _Reader:
    """Goes through a document once; every fault becomes a finding and the reading goes on with a harmless value."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []

    def fault(self, way: Way, code: str, message: str) -> None:
        self.findings.append(Finding(self.document.name, self.document.line(way), "error", code, message))

    # -- one value ---------------------------------------------------------------------------------------------------

    def table(self, value: Any, way: Way, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Any]:
        name = ".".join(map(str, way)) or "the template"
        if not isinstance(value, dict):
            self.fault(way, "wrong_type", f"{name} must be a table of fields")
            return {}
        for key in value:
            if key not in known:
                self.fault((*way, key), "unknown_field", f"unknown field {key!r} in {name}; known: {', '.join(known)}")
        for key in needed:
            if value.get(key) is None:
                self.fault(way, "missing_field", f"field {key!r} is missing in {name}")
        return value

    def take(self, table: dict[str, Any], way: Way, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = table.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}
            self.fault((*way, key), "wrong_type", f"field {key!r} must be {wanted.get(kind, 'a number')}")  # type: ignore[arg-type]
            return default
        return value

    def texts(self, table: dict[str, Any], way: Way, key: str) -> tuple[str, ...]:
        values: list[Any] = self.take(table, way, key, list, [])
        for at, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                self.fault((*way, key, at), "wrong_type", f"field {key!r} must hold text only")
        return tuple(str(value) for value in values)

    def duration(self, table: dict[str, Any], way: Way, key: str, default: float) -> float:
        value = self.take(table, way, key, str, None)
        if value is None:
            return default
        matched = _DURATION.match(value)
        seconds = float(matched[1]) * _UNIT_S[matched[2]] if matched else -1.0
        if not 0 < seconds <= 366 * 86400:
            self.fault((*way, key), "bad_duration", f"{value!r} is not a duration such as 500ms, 30s, 5m, 2h or 1d")
            return default
        return seconds

    def number(self, table: dict[str, Any], way: Way, key: str, least: float, most: float, default: float) -> float:
        value = float(self.take(table, way, key, (int, float), default))
        if not least <= value <= most:
            self.fault((*way, key), "out_of_range", f"field {key!r} must be between {least:g} and {most:g}")
            return default
        return value

    def pattern(self, value: Any, way: Way) -> re.Pattern[str] | None:
        if value is None:
            return None
        try:
            return patterns.compiled(str(value))
        except DataError as error:
            self.fault(way, error.code, error.message)
            return None

    def chosen(self, value: Any, way: Way, choices: Sequence[str], what: str) -> str:
        if value not in choices:
            self.fault(way, f"unknown_{what}", f"unknown {what} {value!r}; known: {', '.join(choices)}")
        return str(value)

    # -- the parts ---------------------------------------------------------------------------------------------------

    def template(self, directory: Path, sha256: str) -> Template:
        known = ("workflow", "version", "description", "trigger", "inputs", "steps")
        top = self.table(self.document.value, (), known, ("workflow", "version", "steps"))
        workflow = self.take(top, (), "workflow", str, "unnamed")
        if not WORKFLOW.match(workflow):
            self.fault(("workflow",), "bad_name", f"{workflow!r} is no workflow name: small letters, digits and '-'")
        inputs: dict[str, Any] = self.take(top, (), "inputs", dict, {})
        steps: list[Any] = self.take(top, (), "steps", list, [])
        if not 1 <= len(steps) <= MOST_STEPS:
            self.fault(("steps",), "bad_steps", f"there must be between 1 and {MOST_STEPS} steps")
        return Template(
            workflow=workflow,
            version=int(self.number(top, (), "version", 1, 10**6, 1)),
            description=self.take(top, (), "description", str, ""),
            directory=directory,
            sha256=sha256,
            trigger=self.trigger(top.get("trigger"), ("trigger",)),
            inputs=tuple(self.input(name, each, ("inputs", name)) for name, each in inputs.items()),
            steps=tuple(self.step(each, ("steps", at)) for at, each in enumerate(steps[:MOST_STEPS])),
            document=self.document,
        )

    def trigger(self, value: Any, way: Way, *, is_part: bool = False) -> Trigger:
        """A trigger, or one of the parts of a sequence or of a choice, which have no parts of their own."""
        single = ("source", "type", "where", "text")
        whole = ("window", "count", "group", "sequence", "any", "cooldown")
        table = self.table(value or {}, way, single if is_part else (*single, *whole))
        clauses: list[Any] = self.take(table, way, "where", list, [])
        sequence: list[Any] = self.take(table, way, "sequence", list, [])
        choices: list[Any] = self.take(table, way, "any", list, [])
        window_s = self.duration(table, way, "window", 0.0)
        count = int(self.number(table, way, "count", 1, 10_000, 1))
        if (count > 1 or sequence) and not window_s:
            self.fault(way, "no_window", "a trigger with 'count' or 'sequence' needs a 'window'")
        return Trigger(
            source=self.take(table, way, "source", str, None),
            type=self.take(table, way, "type", str, None),
            clauses=tuple(self.clause(each, (*way, "where", at)) for at, each in enumerate(clauses)),
            text=self.take(table, way, "text", str, ""),
            window_s=window_s,
            count=count,
            group=self.texts(table, way, "group"),
            sequence=tuple(
                self.trigger(each, (*way, "sequence", at), is_part=True) for at, each in enumerate(sequence)
            ),
            any=tuple(self.trigger(each, (*way, "any", at), is_part=True) for at, each in enumerate(choices)),
            cooldown_s=self.duration(table, way, "cooldown", 0.0),
        )

    def clause(self, value: Any, way: Way) -> Clause:
        tests = ("equals", "matches", "one_of", "exists", "more", "less")
        table = self.table(value, way, ("field", *tests), ("field",))
        chosen = [test for test in tests if test in table]
        if len(chosen) != 1:
            self.fault(way, "bad_clause", f"a clause needs exactly one of {', '.join(tests)}")
            return Clause("", "exists", True)
        test = chosen[0]
        expected = table[test]
        if test == "one_of":
            expected = self.take(table, way, test, list, [])
        if test == "exists":
            expected = self.take(table, way, test, bool, True)
        if test in ("more", "less"):
            expected = self.take(table, way, test, (int, float), 0)
        pattern = self.pattern(expected, (*way, test)) if test == "matches" else None
        return Clause(self.take(table, way, "field", str, ""), test, expected, pattern)

    def input(self, name: str, value: Any, way: Way) -> Input:
        if not NAME.match(name):
            self.fault(way, "bad_name", f"{name!r} is no input name: small letters, digits and '_'")
        table = self.table(value, way, ("from", "default", "required", "pattern", "description"))
        source = self.take(table, way, "from", str, None)
        required = self.take(table, way, "required", bool, "default" not in table)
        if source is None and "default" not in table:
            self.fault(way, "no_value", f"input {name!r} has neither 'from' nor 'default'")
        pattern = self.pattern(table.get("pattern"), (*way, "pattern"))
        return Input(name, source, table.get("default"), required, pattern)

    def step(self, value: Any, way: Way) -> Step:
        actions = ("command", "shell", "wait")
        known = (
            "name", "description", "role", *actions, "needs", "input", "environment", "files", "output", "effects",
            "timeout", "cost_usd", "retry",
        )  # fmt: skip
        table = self.table(value, way, known, ("name", "role", "effects"))
        name = self.take(table, way, "name", str, "unnamed")
        if not NAME.match(name):
            self.fault((*way, "name"), "bad_name", f"{name!r} is no step name: small letters, digits and '_'")
        chosen = [action for action in actions if action in table]
        if len(chosen) != 1:
            self.fault(way, "bad_action", f"step {name!r} needs exactly one of {', '.join(actions)}")
        role = self.chosen(table.get("role"), (*way, "role"), tuple(ROLE_EFFECTS), "role")
        effects = self.texts(table, way, "effects")
        for at, effect in enumerate(effects):
            self.chosen(effect, (*way, "effects", at), tuple(EFFECT_RISK), "effect")
        command = self.texts(table, way, "command")
        if "command" in table and not command:
            self.fault((*way, "command"), "bad_action", f"step {name!r} has an empty command")
        return Step(
            name=name,
            role=role,
            action=chosen[0] if chosen else "command",
            command=command,
            shell=self.take(table, way, "shell", str, ""),
            wait_s=self.duration(table, way, "wait", 0.0),
            needs=self.texts(table, way, "needs"),
            stdin=table.get("input"),
            environment=self.environment(table, way),
            files=self.texts(table, way, "files"),
            output=self.chosen(table.get("output", "text"), (*way, "output"), ("text", "json"), "output"),
            effects=effects,
            timeout_s=self.duration(table, way, "timeout", 300.0),
            cost_usd=self.number(table, way, "cost_usd", 0, 10**6, 0),
            retry=self.retry(table.get("retry"), (*way, "retry")),
        )

    def environment(self, table: dict[str, Any], way: Way) -> dict[str, str]:
        values: dict[str, Any] = self.take(table, way, "environment", dict, {})
        for name in values:
            if not _ENVIRONMENT_NAME.match(name) or _FORBIDDEN_ENVIRONMENT.match(name):
                self.fault((*way, "environment", name), "bad_environment", f"a step may not set {name!r}")
        return {name: str(value) for name, value in values.items()}

    def retry(self, value: Any, way: Way) -> Retry:
        if value is None:
            return Retry()
        table = self.table(value, way, ("attempts", "first", "factor", "most", "jitter"))
        return Retry(
            attempts=int(self.number(table, way, "attempts", 1, 100, 3)),
            first_s=self.duration(table, way, "first", 1.0),
            factor=self.number(table, way, "factor", 1, 10, 2),
            most_s=self.duration(table, way, "most", 60.0),
            jitter_ratio=self.number(table, way, "jitter", 0, 1, 0.2),
        )
