"""Changing one field of a template's text and nothing else: comments, order and spelling stay as a person wrote them.

The rule kept here: what was edited is read again, and must differ from what it was in the one field only.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.learning.judging import Change

_VERSION = re.compile(r"(?m)^(version[ \t]*[:=][ \t]*)(\d+)")


def edited(template: Template, change: Change) -> str:
    """The text of a template with a change in it, its version one higher.

    Raises DataError where the text is written in a way that cannot be changed safely, or is no longer what was learned
    from.
    """
    path = Path(template.document.name)
    text = path.read_text()
    at = next((place for place, each in enumerate(template.steps) if each.name == change.step), None)
    if at is None:
        raise _stale(template, change)
    step = template.steps[at]
    if (step.timeout_s if change.field == "timeout" else step.retry.attempts) != change.old:
        raise _stale(template, change)
    lines = text.splitlines(keepends=True)
    first = template.document.line(("steps", at)) - 1
    ends = [template.document.line(("steps", at + 1)) - 1] if at + 1 < len(template.steps) else []
    last = ends[0] if ends else len(lines)
    block = "".join(lines[first:last])
    changed = _timeout(block, change) if change.field == "timeout" else _attempts(block, change)
    if path.suffix == ".toml" or changed is None:
        raise _unsafe(template, change)
    new = "".join(lines[:first]) + changed + "".join(lines[last:])
    new = _VERSION.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", new, count=1)
    _verify(template, change, new, at)
    return new


def _timeout(block: str, change: Change) -> str | None:
    value = spelled(change)
    changed, count = re.subn(r"(?m)^([ \t]*(?:- )?timeout:[ \t]*)\S+", rf"\g<1>{value}", block, count=1)
    return changed if count else _inserted(block, f"timeout: {value}")


def _attempts(block: str, change: Change) -> str | None:
    number = int(change.new)
    for pattern in (
        r"(?m)^([ \t]*(?:- )?retry:[ \t]*\{[^}\n]*\battempts:[ \t]*)\d+",
        r"(?m)^([ \t]*attempts:[ \t]*)\d+",
    ):
        changed, count = re.subn(pattern, rf"\g<1>{number}", block, count=1)
        if count:
            return changed
    if re.search(r"(?m)^[ \t]*(?:- )?retry:", block):
        return None
    return _inserted(block, f"retry: {{attempts: {number}}}")


def _inserted(block: str, line: str) -> str | None:
    """A new line after the step's name, as far in as its neighbours."""
    found = re.search(r"(?m)^([ \t]*)- name:[^\n]*\n", block)
    if not found:
        return None
    return f"{block[: found.end()]}{found[1]}  {line}\n{block[found.end() :]}"


def _verify(template: Template, change: Change, text: str, at: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for each in template.directory.iterdir():  # what its steps name must lie beside it
            if each.is_file() and each.name != Path(template.document.name).name:
                (Path(folder) / each.name).symlink_to(each.resolve())
        path = Path(folder) / Path(template.document.name).name
        path.write_text(text)
        read, _ = loading.check(path)
    if read is None:
        raise _unsafe(template, change)
    step = template.steps[at]
    wanted = (
        replace(step, timeout_s=float(change.new)) if change.field == "timeout"
        else replace(step, retry=replace(step.retry, attempts=int(change.new)))
    )  # fmt: skip
    steps = (*template.steps[:at], wanted, *template.steps[at + 1 :])
    expected = replace(
        template, steps=steps, version=template.version + 1, document=read.document, sha256=read.sha256,
        directory=read.directory,
    )  # fmt: skip
    if _plain(read) != _plain(expected):
        raise _unsafe(template, change)


def _plain(template: Template) -> str:
    """All of a template but where it stands; patterns by their text."""
    return repr(replace(template, document=None))  # type: ignore[arg-type]


def spelled(change: Change) -> str:
    """The new value as a template has it."""
    if change.field == "attempts":
        return str(int(change.new))
    seconds = change.new
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def diff(before: str, after: str, name: str) -> str:
    """The change as a unified diff."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join(lines)


def _stale(template: Template, change: Change) -> DataError:
    what = f"the {change.field} of step {change.step!r} is no longer what it was learned from"
    return DataError(what, where=template.document.name, hint="'wf-learn propose' looks again", code="stale_proposal")


def _unsafe(template: Template, change: Change) -> DataError:
    where = template.document.where(("steps",))
    what = f"{change.field} of step {change.step!r} cannot be changed in this text; write {spelled(change)} by hand"
    return DataError(what, where=where, code="unsafe_edit")
