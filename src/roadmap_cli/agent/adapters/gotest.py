"""The events of ``go test -json`` (cmd/test2json): one JSON object a line; other lines are a compiler's words."""

from __future__ import annotations

import json
import re

from roadmap_cli.agent.adapters.outcome import TEXT_LIMIT, Outcomes, add, clean, error

_PLACE = re.compile(r"^\s*([\w./-]+\.go:\d+):? ?(.*)$")
_LINE = 1 << 20


def parse(text: str) -> Outcomes | None:
    """The outcomes by ``package.Test``; None if no line is an event. A package that does not build fails itself."""
    if len(text) > TEXT_LIMIT:
        return None
    printed: dict[tuple[str, str], list[str]] = {}
    ended: dict[tuple[str, str], tuple[str, float | None]] = {}
    begun: dict[tuple[str, str], None] = {}
    builds: dict[str, list[str]] = {}
    anything = False
    for line in text.splitlines():
        if not line.startswith("{") or len(line) > _LINE:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        action = event.get("Action") if isinstance(event, dict) else None
        if not isinstance(action, str):
            continue
        package, test = event.get("Package"), event.get("Test")
        if action in ("build-output", "build-fail") and isinstance(event.get("ImportPath"), str):
            anything = True
            builds.setdefault(event["ImportPath"].partition(" ")[0], []).append(clean(event.get("Output", "")))
            continue
        if not isinstance(package, str):
            continue
        anything = True
        key = (package, test if isinstance(test, str) else "")
        if action in ("run", "start"):
            begun.setdefault(key)
        elif action == "output" and isinstance(event.get("Output"), str):
            lines = printed.setdefault(key, [])
            if len(lines) < 200:
                lines.append(event["Output"])
        elif action in ("pass", "fail", "skip"):
            begun.setdefault(key)
            elapsed = event.get("Elapsed")
            ended[key] = (action, float(elapsed) if isinstance(elapsed, int | float) else None)
    if not anything:
        return None
    found = Outcomes()
    bad = {key for key in begun if key[1] and ended.get(key, ("", None))[0] not in ("pass", "skip")}
    with_parts: set[tuple[str, str]] = set()  # tests with subtests
    explained = {(package, "") for package, _ in bad}  # what fails because of something inside it
    for package, test in begun:
        above = test
        while "/" in above:
            above = above.rpartition("/")[0]
            with_parts.add((package, above))
            if (package, test) in bad:
                explained.add((package, above))
    for key in begun:
        package, test = key
        action, seconds = ended.get(key, ("", None))
        words = printed.get(key, [])
        if not test:  # a package counts itself only if it failed without any failing test
            if action == "fail" and key not in explained:
                add(found, package, "error", seconds, _error([*builds.get(package, []), *words], "BuildFailed"))
            continue
        if key in with_parts and (key not in bad or key in explained):
            continue  # the sum of its parts
        status = {"pass": "passed", "fail": "failed", "skip": "skipped"}.get(action, "started")
        add(found, f"{package}.{test}", status, seconds, _error(words, "Failure") if status == "failed" else None)
    return found


def _error(words: list[str], kind: str) -> dict[str, object]:
    text = "".join(words)
    for line in text.splitlines():
        place = _PLACE.match(line)
        if place:
            return error(kind, place[2] or place[1], f" {place[1]}\n")
        if line.startswith("panic: "):
            return error("panic", line[7:].replace(" [recovered]", ""), text)
    first = next((line.strip() for line in text.splitlines() if line.strip() and not line.startswith("===")), "failed")
    return error(kind, first, "")
