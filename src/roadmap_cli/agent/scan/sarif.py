"""Findings as a SARIF 2.1.0 log, which editors and code hosts show (OASIS Standard, 27 March 2020).

One run for each tool; files relative to the project under the base ``PROJECT``; the flow of data as a code flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from roadmap_cli import __version__
from roadmap_cli.agent.scan.capabilities import CAPABILITIES
from roadmap_cli.core.records import Record

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"low": "note", "medium": "warning", "high": "error"}
_STEP = re.compile(r"line (\d+): (.*)", re.DOTALL)


def log(findings: Iterable[Record], project: Path) -> dict[str, Any]:
    """The log of agent.finding records."""
    by_tool: dict[str, list[Record]] = {"agent-scan": []}
    for record in findings:
        by_tool.setdefault(str(record.get("tool") or "agent-scan"), []).append(record)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(tool, found, project) for tool, found in by_tool.items()],
    }


def _run(tool: str, findings: Sequence[Record], project: Path) -> dict[str, Any]:
    names = sorted({str(record["rule"]) for record in findings})
    driver: dict[str, Any] = {"name": tool, "rules": [_rule(name) for name in names]}
    if tool == "agent-scan":
        driver["version"] = driver["semanticVersion"] = __version__
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"PROJECT": {"uri": project.resolve().as_uri().rstrip("/") + "/"}},
        "results": [_result(record, names.index(str(record["rule"]))) for record in findings],
    }


def _rule(name: str) -> dict[str, Any]:
    words = CAPABILITIES.get(name)
    return {"id": name, "shortDescription": {"text": f"{words[0].upper()}{words[1:]}."}} if words else {"id": name}


def _result(record: Record, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": record["rule"],
        "ruleIndex": index,
        "kind": "fail",
        "level": _LEVELS[record["severity"]] if record["needs_approval"] or record["severity"] == "low" else "warning",
        "message": {"text": record["what"]},
        "locations": [_location(record["file"], record["line"], record["column"], record.get("end_line"))],
        "partialFingerprints": {"findingId/v1": record["id"]},
        "properties": {
            name: record[name]
            for name in ("capability", "severity", "confidence", "needs_approval", "target", "scope", "access")
            if name in record
        },
    }
    steps = [found for found in (_STEP.match(line) for line in record["why"]) if found]
    if len(steps) > 1:
        flow = [
            {"location": {**_location(record["file"], int(step[1])), "message": {"text": step[2] or "."}}}
            for step in steps
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    return result


def _location(file: str, line: int, column: int | None = None, end: int | None = None) -> dict[str, Any]:
    region: dict[str, int] = {"startLine": max(1, line)}
    if column is not None:
        region["startColumn"] = max(1, column)
    if end is not None and end > line:
        region["endLine"] = end
    path = Path(file)
    artifact: dict[str, Any] = (
        {"uri": path.as_uri()}
        if path.is_absolute()
        else {"uri": quote(file.replace("\\", "/")) or "-", "uriBaseId": "PROJECT"}
    )
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
