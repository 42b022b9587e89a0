"""Reading workflow templates from files, in YAML or TOML.

The rule kept here: reading names every fault it can find, each with its line, and a template with one error in it is
never used. `lint.py` holds the rules that look at more than one place at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.wf.language import lint, tomlfile, yamlfile
from roadmap_cli.wf.language.lint import together
from roadmap_cli.wf.language.reading import MOST_S, NAME
from roadmap_cli.wf.language.scope import SORTS
from roadmap_cli.wf.language.stepreading import StepReader
from roadmap_cli.wf.language.templates import Finding, Input, Limit, Template, Trigger
from roadmap_cli.wf.language.yamlfile import MOST_BYTES, Way

WORKFLOW = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
MOST_STEPS = 200
_READERS = {".yaml": yamlfile.read, ".yml": yamlfile.read, ".toml": tomlfile.read}
#: Files of these names beside templates hold the user's settings and connections.
_NO_TEMPLATES = frozenset({"settings.toml", "connections.toml"})
_TOP = (
    "workflow", "version", "description", "owner", "trigger", "schedule", "inputs", "priority", "budget", "scope",
    "limits", "concurrency", "timeout", "steps",
)  # fmt: skip
_RESOURCE = re.compile(rf"(?:{'|'.join(SORTS)}):\S{{1,200}}\Z")


def load(path: Path) -> Template:
    """Read a template that must be free of errors. Raises DataError with the first one and its line."""
    template, findings = check(path)
    if template is None:
        raise _error(path, findings)
    return template


def _error(path: Path, findings: Sequence[Finding]) -> DataError:
    fault = next(each for each in findings if each.severity == "error")
    where, hint = f"{fault.name}:{fault.line}", f"see 'wf-plan --check {path}'"
    return DataError(fault.message, where=where, hint=hint, code=fault.code)


def check(path: Path) -> tuple[Template | None, list[Finding]]:
    """Read a template and say all that is wrong with it; the template is None if any of it is an error."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    try:
        document = _READERS.get(path.suffix, yamlfile.read)(data, str(path))
    except DataError as error:
        line = (error.where or "").rpartition(":")[2]
        return None, [Finding(str(path), int(line) if line.isdigit() else 1, "error", error.code, error.message)]
    reader = _Reader(document)
    template = reader.template(path.resolve().parent, hashlib.sha256(data).hexdigest())
    reader.findings += lint.findings(template)
    reader.findings.sort(key=lambda each: each.line)
    usable = not any(each.severity == "error" for each in reader.findings)
    return (template if usable else None), reader.findings


def check_all(places: Sequence[Path], others: Sequence[Path] = ()) -> list[Finding]:
    """All that is wrong with the templates of some places; `others` are where workflows that they put in may be.

    Raises InputMissing for a place that is not there.
    """
    findings: list[Finding] = []
    known: dict[str, Template] = {}
    for path in found(others):
        template, _ = check(path)
        if template is not None:
            known[template.workflow] = template
    named_here: dict[str, Template] = {}
    for path in found(places):
        template, faults = check(path)
        findings += faults
        if template is None:
            continue
        if other := named_here.get(template.workflow):
            what = f"workflow {template.workflow!r} is also in {other.document.name}"
            line = template.document.line(("workflow",))
            findings.append(Finding(template.document.name, line, "error", "duplicate_workflow", what))
        named_here[template.workflow] = template
    known |= named_here
    for template in named_here.values():
        findings += together.findings(template, known)
    return findings


def found(places: Sequence[Path]) -> Iterator[Path]:
    """The template files in files and folders, in order of name. Raises InputMissing for a place that is not there."""
    for place in places:
        if place.is_dir():
            yield from sorted(
                each for each in place.iterdir() if each.suffix in _READERS and each.name not in _NO_TEMPLATES
            )
        elif place.is_file():
            yield place
        else:
            raise InputMissing("no such file or folder", where=str(place))


def load_all(places: Sequence[Path], warn: Callable[[Finding], None] | None = None) -> list[Template]:
    """All templates of some places; of two of one name in different places that of the earlier place counts.

    With `warn` a faulty file in a folder is told and left out, so that one of them does not stop all others; a file
    that is named itself is never left out. Raises DataError for a faulty one, or for two of one name in one place.
    """
    templates: dict[str, Template] = {}
    for place in places:
        here: dict[str, Template] = {}
        for path in found([place]):
            template, findings = check(path)
            if template is None:
                if warn is None or path == place:
                    raise _error(path, findings)
                warn(next(each for each in findings if each.severity == "error"))
                continue
            if other := here.get(template.workflow):
                what = f"workflow {template.workflow!r} is also in {other.document.name}"
                raise DataError(what, where=template.document.where(("workflow",)), code="duplicate_workflow")
            here[template.workflow] = template
        templates = here | templates
    return list(templates.values())


def named(templates: Mapping[str, Template], workflow: str) -> Template:
    """A template by its workflow's name. Raises DataError if there is none."""
    if workflow not in templates:
        raise DataError(f"there is no template for workflow {workflow!r}", hint="name it with --templates")
    return templates[workflow]


class _Reader(StepReader):
    """Reads a whole template."""

    def template(self, directory: Path, sha256: str) -> Template:
        """The template in the document."""
        top = self.table(self.document.value, (), _TOP, ("workflow", "version", "steps"))
        workflow = self.take(top, (), "workflow", str, "unnamed")
        if not WORKFLOW.match(workflow):
            self.fault(("workflow",), "bad_name", f"{workflow!r} is no workflow name: small letters, digits and '-'")
        inputs: dict[str, Any] = self.take(top, (), "inputs", dict, {})
        steps: list[Any] = self.take(top, (), "steps", list, [])
        limits: dict[str, Any] = self.take(top, (), "limits", dict, {})
        if not 1 <= len(steps) <= MOST_STEPS:
            self.fault(("steps",), "bad_steps", f"there must be between 1 and {MOST_STEPS} steps")
        concurrency = self.whole(top, (), "concurrency", 1, 10_000, 1) if top.get("concurrency") is not None else None
        return Template(
            workflow=workflow,
            version=self.whole(top, (), "version", 1, 10**6, 1),
            description=self.take(top, (), "description", str, ""),
            directory=directory,
            sha256=sha256,
            trigger=self.trigger(top.get("trigger"), ("trigger",)),
            inputs=tuple(self.input(name, each, ("inputs", name)) for name, each in inputs.items()),
            steps=tuple(self.step(each, ("steps", at)) for at, each in enumerate(steps[:MOST_STEPS])),
            document=self.document,
            owner=self.take(top, (), "owner", str, ""),
            priority=self.whole(top, (), "priority", 0, 9, 5),
            budget=self.budget(top.get("budget"), ("budget",)),
            scope=self.scope(top),
            limits={str(name): self.limit(each, ("limits", name)) for name, each in limits.items()},
            concurrency=concurrency,
            schedule=self.schedule(top),
            timeout_s=self.duration(top, (), "timeout", MOST_S) if top.get("timeout") is not None else None,
        )

    def scope(self, top: dict[str, Any]) -> tuple[str, ...]:
        """The resources a run may touch, as patterns such as ``host:*.example``."""
        found = self.texts(top, (), "scope")
        for at, each in enumerate(found):
            if not _RESOURCE.match(each):
                kinds = ", ".join(SORTS)
                self.fault(("scope", at), "bad_scope", f"{each!r} is no resource: KIND:PATTERN, with KIND of {kinds}")
        return found

    def limit(self, value: Any, way: Way) -> Limit:
        """How often a dependency may be used."""
        table = self.table(value, way, ("rate", "per"), ("rate", "per"))
        return Limit(self.whole(table, way, "rate", 1, 10**6, 1), self.duration(table, way, "per", 1.0))

    def schedule(self, top: dict[str, Any]) -> str | None:
        """When it is due by itself: five fields of cron."""
        value: str | None = self.take(top, (), "schedule", str, None)
        if value is not None:
            from croniter import CroniterBadDateError, croniter

            if len(value.split()) != 5 or not croniter.is_valid(value):
                what = f"{value!r} is no schedule: minute, hour, day, month and weekday as in crontab(5)"
                self.fault(("schedule",), "bad_schedule", what)
                return value
            try:
                croniter(value, datetime(2026, 1, 1, tzinfo=UTC)).get_next()
            except CroniterBadDateError:
                self.fault(("schedule",), "bad_schedule", f"{value!r} is never due: no date is like that")
        return value

    def trigger(self, value: Any, way: Way, *, is_part: bool = False) -> Trigger:
        """A trigger, or one of the parts of a sequence or of a choice, which have no parts of their own."""
        single = ("source", "type", "where", "text")
        whole = ("window", "count", "group", "sequence", "all", "any", "cooldown")
        table = self.table(
            {} if value is None and not is_part else value, way, single if is_part else (*single, *whole)
        )
        sequence: list[Any] = self.take(table, way, "sequence", list, [])
        everything: list[Any] = self.take(table, way, "all", list, [])
        choices: list[Any] = self.take(table, way, "any", list, [])
        window_s = self.duration(table, way, "window", 0.0)
        count = self.whole(table, way, "count", 1, 10_000, 1)
        if (count > 1 or sequence or everything) and not window_s:
            self.fault(way, "no_window", "a trigger with 'count', 'sequence' or 'all' needs a 'window'")
        if sequence and everything:
            self.fault((*way, "all"), "two_orders", "'sequence' and 'all' exclude each other")
        if is_part:
            sequence, everything, choices = [], [], []
        return Trigger(
            source=self.take(table, way, "source", str, None),
            type=self.take(table, way, "type", str, None),
            clauses=self.clauses(table, way, "where"),
            text=self.take(table, way, "text", str, ""),
            window_s=window_s,
            count=count,
            group=self.texts(table, way, "group"),
            sequence=tuple(
                self.trigger(each, (*way, "sequence", at), is_part=True) for at, each in enumerate(sequence)
            ),
            all=tuple(self.trigger(each, (*way, "all", at), is_part=True) for at, each in enumerate(everything)),
            any=tuple(self.trigger(each, (*way, "any", at), is_part=True) for at, each in enumerate(choices)),
            cooldown_s=self.duration(table, way, "cooldown", 0.0),
        )

    def input(self, name: str, value: Any, way: Way) -> Input:
        """A value the workflow needs."""
        if not NAME.match(name):
            self.fault(way, "bad_name", f"{name!r} is no input name: small letters, digits and '_'")
        table = self.table(value, way, ("from", "setting", "default", "required", "pattern", "description"))
        has_default = isinstance(value, dict) and "default" in value
        self.take(table, way, "description", str, "")
        source = self.take(table, way, "from", str, None)
        setting = self.take(table, way, "setting", str, None)
        required = self.take(table, way, "required", bool, not has_default)
        if source is None and setting is None and not has_default:
            self.fault(way, "no_value", f"input {name!r} has neither 'from' nor 'setting' nor 'default'")
        pattern = self.pattern(table.get("pattern"), (*way, "pattern"))
        return Input(name, source, table.get("default"), required, pattern, setting)
