"""Task ``write_report``: a Markdown file in which every line that claims something cites what it rests on.

The rule kept here: text from outside is text. It makes no heading, link, image, table or HTML in the report.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import CannotCreate, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.wf.agents import wording
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.evidence import evidence
from roadmap_cli.wf.language import scope

MOST_PARTS = 50


def work(spec: Record, desk: Desk) -> Work:
    """Write it; with `path`, into a file that appears whole or not at all."""
    title = wording.plain(spec["title"], 200)
    cited: list[str] = []
    made: list[Record] = []
    body: list[str] = []
    claims_count = 0
    for heading, value in _parts(spec["parts"]):
        body += ["", f"## {marked(heading)}", ""]
        said = list(wording.claims(value))
        if not said:
            body.append("Nothing was found.")
        for at, claim in enumerate(said):
            ids = list(claim.evidence_ids)
            if not ids:
                record = evidence("value", f"{desk.step['name']}: {heading}"[:200], claim.text, None, desk.now)
                made.append(record)
                ids = [record["id"]]
            numbers = []
            for name in ids[:6]:
                if name not in cited:
                    cited.append(name)
                numbers.append(cited.index(name) + 1)
            claims_count += 1
            marks = "".join(f"[{number}]" for number in numbers)
            body.append(f"{'' if at == 0 else '- '}{marked(claim.text)} {marks}" + ("\n" if at == 0 else ""))
    known = _known(desk, cited, made)
    body += ["", "## Evidence", ""]
    for number, name in enumerate(cited, 1):
        body.append(f"{number}. {marked(_described(name, known.get(name)))}")
    missing = [name for name in cited if name not in known]
    head = [
        f"# {marked(title)}",
        "",
        f"Written {desk.now:%Y-%m-%d %H:%M} UTC; {claims_count} claims, {len(cited)} pieces of evidence.",
    ]
    text = "\n".join([*head, *body]) + "\n"
    output: Record = {
        "markdown": text, "lines_count": text.count("\n"), "claims_count": claims_count,
        "evidence_ids": [name for name in cited if name in known],
    }  # fmt: skip
    if missing:
        desk.notes.append(f"{len(missing)} ids of evidence are not in this state")
    if spec.get("path"):
        _write(desk, spec["path"], text)
        output["path"] = spec["path"]
    stored = [*made, *(record for name, record in known.items() if record.get("kind") == "wf.evidence")]
    return Work(output, f"wrote the report {title!r}", f"{claims_count} claims, each with its evidence", stored)


def marked(text: Any) -> str:
    """Text from outside as Markdown that shows it as it is (CommonMark 0.31, backslash escapes)."""
    plain = " ".join(str(text).split())
    plain = re.sub(r"([\\`*_{}\[\]<>()#+!|~$^=&])", r"\\\1", plain)
    plain = re.sub(r"\A([-.:]|\d+(?=[.)]))", r"\\\1" if not plain[:1].isdigit() else r"\1\\", plain)
    return re.sub(r"(?i)(https?|ftp|mailto|www)([:.])", r"\1\\\2", plain)


def _parts(value: list[Any]) -> list[tuple[str, Any]]:
    if len(value) > MOST_PARTS:
        raise DataError(f"more than {MOST_PARTS} parts", code="too_long")
    found = []
    for at, each in enumerate(value, 1):
        if isinstance(each, dict) and "heading" in each:
            found.append((wording.plain(each["heading"], 200), each.get("of", each.get("text"))))
        else:
            found.append((f"Part {at}", each))
    return found


def _known(desk: Desk, cited: list[str], made: list[Record]) -> dict[str, Record]:
    found = {record["id"]: record for record in made if record["id"] in cited}
    with desk.context.state.read() as tx:
        for name in cited:
            if name not in found and (record := records.get(tx, name)):
                found[name] = record
    return found


def _described(name: str, record: Record | None) -> str:
    if record is None:
        return f"{name} (not in this state)"
    if record.get("kind") == "wf.evidence":
        place = f"{record['source']}:{record['number']}" if "number" in record else record["source"]
        return f"{record['sort'].replace('_', ' ')} {place}, {record['at']}: {record['text'][:300]} ({name})"
    return f"{record.get('kind')} of {record.get('from', record.get('step', ''))}, {record.get('at')} ({name})"


def _write(desk: Desk, path: str, text: str) -> None:
    """Into a temporary name, then renamed; the folder must lie where the plan allows once links are followed."""
    base = os.path.realpath(desk.context.directory)
    named = os.path.normpath(Path(base, path))
    real = os.path.join(os.path.realpath(Path(named).parent), Path(named).name)  # noqa: PTH118
    if real != named:
        scope.refuse_outside([f"file:{real}"], desk.context.scope)
    part = Path(f"{real}.{desk.context.key[:16]}.part")
    try:
        with part.open("w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(real)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotCreate(f"{path!r} cannot be written: {(error.strerror or '').lower()}") from None
