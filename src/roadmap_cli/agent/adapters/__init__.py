"""What test programs of other languages say, as outcomes by test: JUnit XML, TAP, ``go test -json``, an exit status.

All of it is written by untrusted code, so it is only ever believed to the agent's disadvantage: the exit status
outweighs a friendlier report, a report without a failing test does not excuse a failing exit, and a test that was
known and is not in the report any more counts as lost (`judge.green`). Sizes are bounded, nothing is executed,
nothing is fetched, and whatever cannot be read is no report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from roadmap_cli.agent.adapters import gotest, junit, tap
from roadmap_cli.agent.adapters.outcome import Outcomes, failure

__all__ = ["REPORT", "Outcomes", "outcomes", "parse"]

#: Stands for the report's path in a test command; the path is new and outside the project in every run.
REPORT = "{report}"
_PARSERS: Mapping[str, Callable[[str], Outcomes | None]] = {
    "junit": junit.parse, "tap": tap.parse, "go": gotest.parse,
}  # fmt: skip


def parse(text: str, style: str = "auto") -> Outcomes | None:
    """The outcomes in a report; None if it is none. `style` is junit, tap, go, or auto: what it looks like."""
    if style != "auto":
        return _PARSERS[style](text)
    head = text.lstrip("\ufeff \t\r\n")[:200]
    if head.startswith("<"):
        return junit.parse(text)
    if head.startswith("{"):
        return gotest.parse(text)
    return tap.parse(text) if tap.looks_like(text) else None


def outcomes(
    exit_code: int | None, finished: bool, report: str | None, output: str, style: str, words: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What one run of a test command said: outcome by test id, or of the single test ``command``.

    `report` is the text of the report file, None if there is none; `output` what was printed; `words` the error of
    the command as a whole, used where the tests themselves do not say what failed.
    """
    found = (parse(report, "auto" if style == "exit" else style) if report else None) or (
        parse(output, style if style in ("tap", "go") else "auto") if style != "exit" else None
    )
    succeeded = finished and exit_code == 0
    if not found:
        return {"command": {"status": "passed"} if succeeded else failure(words)}
    if not succeeded and not any(entry["status"] in ("failed", "error", "started") for entry in found.values()):
        return {**found, "command": failure(words)}
    return dict(found)
