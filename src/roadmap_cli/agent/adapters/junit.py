"""JUnit XML, as pytest, node, phpunit, gotestsum, ctest and many others write it.

Parsed with expat, and stopped at the first document type or entity declaration: no expansion, nothing external.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from roadmap_cli.agent.adapters.outcome import TEXT_LIMIT, Outcomes, add, error

_DEPTH = 60


class _Refused(Exception):
    """The document has what a test report has no business having."""


class _Reader:
    def __init__(self) -> None:
        self.found = Outcomes()
        self.case: dict[str, Any] | None = None
        self.part: str | None = None
        self.text: list[str] = []
        self.suites: list[str] = []
        self.depth = 0
        self.is_report = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise _Refused
        name = tag.rpartition(":")[2]
        if self.depth == 1:
            self.is_report = name in ("testsuites", "testsuite")
        if name == "testsuite":
            self.suites.append(attributes.get("name", ""))
        elif name == "testcase":
            self.case = {"attributes": attributes, "status": "passed", "error": None}
        elif self.case is not None and name in ("failure", "error", "skipped", "rerunFailure"):
            self.part, self.text = name, []
            if name == "skipped":
                self.case["status"] = "skipped"
            elif name != "rerunFailure" and self.case["status"] != "skipped":
                self.case["status"] = "failed" if name == "failure" else "error"
                self.case["error"] = attributes

    def data(self, text: str) -> None:
        if self.part and sum(map(len, self.text)) < 20_000:
            self.text.append(text)

    def end(self, tag: str) -> None:
        self.depth -= 1
        name = tag.rpartition(":")[2]
        if name == "testsuite" and self.suites:
            self.suites.pop()
        elif name == self.part and self.case is not None:
            if self.case["error"] is not None and "trace" not in self.case:
                self.case["trace"] = "".join(self.text)
            self.part = None
        elif name == "testcase" and self.case is not None:
            self._close(self.case)
            self.case = None

    def _close(self, case: dict[str, Any]) -> None:
        attributes = case["attributes"]
        group = attributes.get("classname") or (self.suites[-1] if self.suites else "")
        name = attributes.get("name", "")
        about = None
        if case["error"] is not None:
            trace = case.get("trace", "")
            first = next((line.strip() for line in trace.splitlines() if line.strip()), "")
            about = error(case["error"].get("type"), case["error"].get("message") or first, trace)
        try:
            seconds = float(attributes.get("time", "").replace(",", ""))
        except ValueError:
            seconds = None
        add(self.found, f"{group}::{name}" if group else name, case["status"], seconds, about)


def parse(text: str) -> Outcomes | None:
    """The outcomes in a JUnit report; None if it is not one, too large, cut off, or declares entities."""
    if len(text) > TEXT_LIMIT:
        return None
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=":")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data

    def refuse(*_: object) -> None:
        raise _Refused

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = lambda *_: 0
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        return None
    return reader.found if reader.is_report else None
