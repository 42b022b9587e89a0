"""TAP, versions 12 to 14, with indented subtests and YAML blocks, as ``node --test``, ``prove``, bats and others write.

A subtest's own points are the tests; the point that sums them up counts only if it failed by itself. A plan that is
not kept, or ``Bail out!``, is a failing test of its own.
"""

from __future__ import annotations

import re
from typing import Any

from roadmap_cli.agent.adapters.outcome import TEXT_LIMIT, Outcomes, add, error

_POINT = re.compile(r"(?P<indent> *)(?P<bad>not )?ok\b(?: +(?P<number>\d{1,9}))?(?: +- +| +|$)(?P<rest>.*)")
_PLAN = re.compile(r"(?P<indent> *)1\.\.(?P<count>\d{1,9})(?:\s*#.*)?\s*$")
_DIRECTIVE = re.compile(r"(?<!\\)#\s*(skip|todo)\b", re.IGNORECASE)
_FIELD = re.compile(r"\s*([A-Za-z_]\w{0,40}):\s*(.*)$")


def looks_like(text: str) -> bool:
    """Whether a text is TAP by its first lines."""
    for line in text[:4000].splitlines()[:40]:
        if line.startswith("TAP version ") or _PLAN.match(line) or re.match(r"(not )?ok \d+\b", line):
            return True
    return False


def parse(text: str) -> Outcomes | None:
    """The outcomes in a TAP stream; None if there is no point and no plan in it."""
    if len(text) > TEXT_LIMIT:
        return None
    found = Outcomes()
    seen: dict[int, int] = {}  # indent → points so far
    failed: dict[int, int] = {}  # indent → points that failed
    planned: dict[int, int] = {}
    names: list[tuple[int, str]] = []  # the subtests that are open: indent, name
    lines = text.splitlines()
    at = 0
    anything = False
    while at < len(lines):
        line = lines[at]
        at += 1
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if bare.startswith("# Subtest: "):
            while names and names[-1][0] >= indent:
                names.pop()
            names.append((indent, bare[len("# Subtest: ") :]))
        elif line.startswith("Bail out!"):
            add(found, "bail out", "error", None, error("BailOut", line[9:].strip() or "the test program gave up"))
            anything = True
        elif plan := _PLAN.match(line):
            planned[indent] = int(plan["count"])
            anything = True
        elif point := _POINT.match(line):
            anything = True
            block, at = _yaml(lines, at, indent)
            bad = bool(point["bad"]) and not _DIRECTIVE.search(point["rest"])
            seen[indent] = seen.get(indent, 0) + 1
            failed[indent] = failed.get(indent, 0) + bad
            deeper = [key for key in seen if key > indent]
            parts_failed = 0
            for key in deeper:
                wanted, ran = planned.pop(key, None), seen.pop(key)
                parts_failed += failed.pop(key, 0)
                if wanted is not None and wanted != ran:
                    parts_failed += 1
                    _mismatch(found, _path(names, indent, point["rest"]) + " plan", wanted, ran)
            if not deeper or (bad and not parts_failed):  # else it is the sum of its parts
                _add_point(found, point, block, _path(names, indent, point["rest"]))
    for indent, count in planned.items():
        if indent == 0 and count != seen.get(0, 0):
            _mismatch(found, "plan", count, seen.get(0, 0))
    return found if anything else None


def _mismatch(found: Outcomes, name: str, planned: int, ran: int) -> None:
    add(found, name, "error", None, error("PlanMismatch", f"{planned} tests planned, {ran} ran"))


def _path(names: list[tuple[int, str]], indent: int, own: str) -> str:
    directive = _DIRECTIVE.search(own)
    own = (own[: directive.start()] if directive else own).strip().removeprefix("- ").replace("\\#", "#")
    above = [name for depth, name in names if depth < indent]
    return " > ".join([*above, own or "unnamed"])


def _add_point(found: Outcomes, point: re.Match[str], block: dict[str, str], name: str) -> None:
    directive = _DIRECTIVE.search(point["rest"])
    status = "skipped" if directive else "failed" if point["bad"] else "passed"
    about: dict[str, Any] | None = None
    if status == "failed":
        message = block.get("error") or block.get("message") or "not ok"
        about = error(block.get("name") or block.get("code"), message, block.get("stack", ""))
    try:
        seconds = float(block["duration_ms"]) / 1000
    except (KeyError, ValueError):
        seconds = None
    add(found, name, status, seconds, about)


def _yaml(lines: list[str], at: int, indent: int) -> tuple[dict[str, str], int]:
    """The YAML block behind a point, read as `field: text` and block texts, no more; and the line after it."""
    if at >= len(lines) or lines[at].strip() != "---" or len(lines[at]) - len(lines[at].lstrip()) <= indent:
        return {}, at
    depth = len(lines[at]) - len(lines[at].lstrip())
    block: dict[str, str] = {}
    name = None
    at += 1
    while at < len(lines):
        line = lines[at]
        if line.strip() == "..." and len(line) - len(line.lstrip()) <= depth:
            return block, at + 1
        field = _FIELD.match(line) if len(line) - len(line.lstrip()) == depth else None
        if field:
            name = field[1]
            value = field[2].strip()
            block[name] = "" if value in ("|-", "|", ">-", ">") else value.strip("'\"")
        elif name is not None and len(block[name]) < 8000:
            block[name] += ("\n" if block[name] else "") + line.strip()
        at += 1
    return block, at
