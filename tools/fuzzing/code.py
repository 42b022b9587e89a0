"""What the coding agent reads: code, reports of tests, replies of models, patches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from fuzzing.engine import Target

ROOT = Path(__file__).parents[2]


def scanner(language: str) -> Target:
    """agent-scan: whatever stands in a file, there are findings and no exception."""
    sys.path.insert(0, str(ROOT / "tests/unit/agent"))
    import scan_cases

    from roadmap_cli.agent.scan import files
    from roadmap_cli.agent.scan.places import Ground

    cases, harmless = {
        "python": (scan_cases.PYTHON, scan_cases.HARMLESS), "shell": (scan_cases.SHELL, scan_cases.HARMLESS_SHELL),
    }[language]  # fmt: skip

    def read(data: bytes) -> None:
        scanned = files.scan_text(data, "x", language, Ground("/project"))
        assert all(found.line >= 1 and found.column >= 1 for found in scanned.findings)

    return Target(read, [text.encode() for text in (*(text for _, text in cases), *harmless)])


def read_reports(data: bytes) -> None:
    """JUnit, TAP and go test: outcomes, or None for what is no report."""
    from roadmap_cli.agent import adapters
    from roadmap_cli.agent.adapters import outcome

    text = data.decode("utf-8", "replace")
    for style in ("auto", "junit", "tap", "go"):
        adapters.parse(text, style)
    outcome.frames(text)


def read_replies(data: bytes) -> None:
    """A model's reply of whatever form: edits of the files shown, or the reason why not; nothing else is touched."""
    from roadmap_cli.agent.drivers.llm import edits
    from roadmap_cli.agent.drivers.llm.shown import Shown

    shown = Shown({"span.py": CODE, "other.py": "x = 1\n"}, (("span.py", "overlap"),))
    text = data.decode("utf-8", "replace")
    for cut_off in (False, True):
        found = edits.read(text, shown, cut_off=cut_off)
        for proposal in found.proposals:
            assert set(proposal.changed) <= set(shown.files), proposal
    edits.read_calls([("edit", text), ("replace", text)], shown)


CODE = "def overlap(a, b, c, d):\n    '''Whether they share a point.'''\n    return a < d or c < b\n"
REPLIES = [
    b"span.py\n<<<<<<< SEARCH\n    return a < d or c < b\n=======\n    return a < d and c < b\n>>>>>>> REPLACE\n",
    b"```diff\n--- a/span.py\n+++ b/span.py\n@@ -3 +3 @@\n-    return a < d or c < b\n+    return a < d and c < b\n```\n",
    b"```python\ndef overlap(a, b, c, d):\n    return a < d and c < b\n```\n", b'{"file":"../../etc/passwd","search":"a","replace":"b"}',
]  # fmt: skip
REPORTS = [
    b'<?xml version="1.0"?><testsuites><testsuite name="s"><testcase classname="c" name="n" file="f" line="3"><failure message="m" type="t">f.py:3: E</failure></testcase></testsuite></testsuites>',
    b"TAP version 13\n1..2\nok 1 - a\nnot ok 2 - b # TODO x\n  ---\n  message: m\n  at: f.js:3\n  ...\n",
    b'{"Action":"run","Package":"p","Test":"T"}\n{"Action":"output","Package":"p","Test":"T","Output":"f.go:3: x\\n"}\n{"Action":"fail","Package":"p","Test":"T"}\n',
]  # fmt: skip


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    return {
        "python": lambda: scanner("python"),
        "shell": lambda: scanner("shell"),
        "reports": lambda: Target(read_reports, REPORTS, [b"<testcase ", b"<!DOCTYPE a>", b"not ok ", b"    ok 1", b"---", b'"Action":"fail"', b"1..99999999"]),
        "replies": lambda: Target(read_replies, REPLIES, [b"```\n", b"<<<<<<< SEARCH\n", b"=======\n", b">>>>>>> REPLACE\n", b"@@ -1,3 +1,3 @@\n", b"--- a/", b"+++ /dev/null\n", b"...\n"]),
    }  # fmt: skip
