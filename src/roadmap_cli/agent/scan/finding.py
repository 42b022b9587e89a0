"""What a scan finds: a capability at a place in a file, how it came about, and whether it needs an approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roadmap_cli.core.records import content_id

if TYPE_CHECKING:
    from roadmap_cli.core.records import Record

SEVERITIES = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Finding:
    """One capability used at one place. Lines and columns count from 1; `why` is the flow of data that led there.

    `access` is what is done to `target` (a path, a host, a program, a variable), if it is known at all; `asks` says
    that it lies outside what is granted without asking.
    """

    capability: str
    severity: str
    confidence: str
    what: str
    line: int
    column: int
    asks: bool
    why: tuple[str, ...] = ()
    target: str | None = None
    scope: str | None = None
    """Where a path leads (project, temporary, system, outside), or whose choice it is (caller, unknown)."""
    access: str | None = None
    tool: str = "agent-scan"
    rule: str = ""
    end_line: int | None = None
    file: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The stable name of the rule: the capability, or the other tool's own."""
        return self.rule or self.capability

    def record(self, at: str) -> Record:
        """The agent.finding record."""
        record: Record = {
            "kind": "agent.finding",
            "id": content_id(
                "agent.finding", file=self.file, line=self.line, column=self.column, rule=self.name, what=self.what
            ),
            "at": at,
            "tool": self.tool,
            "rule": self.name,
            "capability": self.capability,
            "severity": self.severity,
            "confidence": self.confidence,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "what": self.what,
            "why": list(self.why),
            "needs_approval": self.asks,
        }
        for name, value in (("access", self.access), ("target", self.target), ("scope", self.scope)):
            if value is not None:
                record[name] = value
        if self.end_line is not None:
            record["end_line"] = self.end_line
        return record


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """By place, the same thing at the same place once: the one that asks, else the more severe."""
    best: dict[tuple[str, int, int, str, str | None], Finding] = {}
    for found in findings:
        key = (found.name, found.line, found.column, found.tool, found.target)
        other = best.get(key)
        if other is None or _weight(found) > _weight(other):
            best[key] = found
    return sorted(best.values(), key=lambda f: (f.line, f.column, f.name, f.target or ""))


def _weight(found: Finding) -> tuple[bool, int]:
    return found.asks, SEVERITIES.index(found.severity)
