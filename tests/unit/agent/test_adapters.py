"""What other test programs say: real output of node, samples after the formats' own descriptions, and hostile ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.agent import adapters
from roadmap_cli.agent.adapters import gotest, junit, tap
from roadmap_cli.agent.code.project import read
from roadmap_cli.agent.repair.judge import green
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.testing.bench import Bench
from roadmap_cli.agent.testing.toolchain import understand

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import project

WORDS = {"type": "Exit", "message": "it failed", "frames": []}

# Printed by node 20.20.2; times and the folder's name shortened.
NODE_TAP = """TAP version 13
# Subtest: adds \\# one
ok 1 - adds \\# one
  ---
  duration_ms: 0.777897
  ...
# Subtest: fails
not ok 2 - fails
  ---
  duration_ms: 0.64653
  location: '/p/a.test.js:3:1'
  failureType: 'testCodeFailure'
  error: '1 == 2'
  code: 'ERR_ASSERTION'
  name: 'AssertionError'
  expected: 2
  actual: 1
  operator: '=='
  stack: |-
    TestContext.<anonymous> (/p/a.test.js:3:27)
    Test.runInAsyncScope (node:async_hooks:206:9)
  ...
# Subtest: skipped
ok 3 - skipped # SKIP
  ---
  duration_ms: 0.067251
  ...
# Subtest: todo
not ok 4 - todo # TODO
  ---
  duration_ms: 0.137987
  failureType: 'testCodeFailure'
  error: '1 == 2'
  ...
# Subtest: suite
    # Subtest: inner
    ok 1 - inner
      ---
      duration_ms: 0.102934
      ...
    # Subtest: inner fails
    not ok 2 - inner fails
      ---
      duration_ms: 0.056034
      failureType: 'testCodeFailure'
      error: 'boom'
      name: 'TypeError'
      ...
    1..2
not ok 5 - suite
  ---
  duration_ms: 0.301292
  type: 'suite'
  failureType: 'subtestsFailed'
  error: '1 subtest failed'
  ...
1..5
# tests 6
# pass 2
"""
NODE_JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
	<testcase name="adds # one" time="0.000694" classname="test"/>
	<testcase name="fails" time="0.000606" classname="test" failure="1 == 2">
		<failure type="testCodeFailure" message="1 == 2">
[Error [ERR_TEST_FAILURE]: 1 == 2] {
      at TestContext.&lt;anonymous> (/p/a.test.js:3:27)
}
		</failure>
	</testcase>
	<testcase name="skipped" time="0.000068" classname="test">
		<skipped type="skipped" message="true"/>
	</testcase>
	<testcase name="todo" time="0.000136" classname="test" failure="1 == 2">
		<skipped type="todo" message="true"/>
		<failure type="testCodeFailure" message="1 == 2">x</failure>
	</testcase>
	<testsuite name="suite" time="0.000277" tests="2" failures="1">
		<testcase name="inner" time="0.000089" classname="test"/>
		<testcase name="inner fails" time="0.000054" classname="test" failure="boom">
			<failure type="testCodeFailure" message="boom">Error: boom</failure>
		</testcase>
	</testsuite>
</testsuites>
"""


def statuses(found: adapters.Outcomes | None) -> dict[str, str]:
    assert found is not None
    return {name: entry["status"] for name, entry in found.items()}


def test_tap_of_node():
    found = tap.parse(NODE_TAP)
    assert statuses(found) == {
        "adds # one": "passed", "fails": "failed", "skipped": "skipped", "todo": "skipped",
        "suite > inner": "passed", "suite > inner fails": "failed",
    }  # fmt: skip
    error = found["fails"]["error"]
    assert (error["type"], error["message"]) == ("AssertionError", "1 == 2")
    assert error["frames"][-1] == {"file": "/p/a.test.js", "function": "TestContext.<anonymous>", "line": 3}
    assert found["suite > inner fails"]["error"]["type"] == "TypeError"
    assert found["fails"]["seconds"] == 0.000647


def test_junit_of_node():
    found = junit.parse(NODE_JUNIT)
    assert statuses(found) == {
        "test::adds # one": "passed", "test::fails": "failed", "test::skipped": "skipped", "test::todo": "skipped",
        "test::inner": "passed", "test::inner fails": "failed",
    }  # fmt: skip
    assert found["test::fails"]["error"]["message"] == "1 == 2"
    assert found["test::fails"]["error"]["frames"][0]["line"] == 3


def test_junit_of_pytest(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "import pytest\ndef test_ok(): pass\ndef test_no():\n    assert 1 == 2\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n@pytest.fixture\ndef broken():\n    raise OSError('x')\n"
        "def test_error(broken): pass\n"
    )
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
                    "--junitxml=r.xml", "test_a.py"], cwd=tmp_path, check=False, capture_output=True)  # fmt: skip
    found = junit.parse((tmp_path / "r.xml").read_text())
    assert statuses(found) == {
        "test_a::test_ok": "passed", "test_a::test_no": "failed", "test_a::test_skipped": "skipped",
        "test_a::test_error": "error",
    }  # fmt: skip
    assert "assert 1 == 2" in found["test_a::test_no"]["error"]["message"]


# After the TAP 14 specification and Test::More's way of nesting.
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1..2\nok 1\nnot ok 2 - two\n", {"unnamed": "passed", "two": "failed"}),
        ("1..3\nok 1 - a\nok 2 - b\n", {"a": "passed", "b": "passed", "plan": "error"}),
        ("1..1\nok 1 - a\nok 2 - b\n", {"a": "passed", "b": "passed", "plan": "error"}),
        ("ok 1 - a\nBail out! no disk\n", {"a": "passed", "bail out": "error"}),
        ("1..0 # skip nothing to do\n", {}),
        ("ok 1 - a # skip not here\nnot ok 2 - b # TODO later\n1..2\n", {"a": "skipped", "b": "skipped"}),
        ("ok 1 - same\nok 2 - same\n1..2\n", {"same": "passed", "same #2": "passed"}),
        ("# Subtest: s\n    1..2\n    ok 1 - a\nnot ok 1 - s\n1..1\n", {"s > a": "passed", "s plan": "error"}),
        ("    # Subtest: s\n    ok 1 - a\n    1..1\nok 1 - s\n1..1\n", {"a": "passed"}),
        ("# Subtest: s\n    ok 1 - a\n    1..1\nnot ok 1 - s\n1..1\n", {"s > a": "passed", "s": "failed"}),
        ("TAP version 14\nok - no number\n1..1\n", {"no number": "passed"}),
        ("okay, this is prose\n", None),
    ],
)
def test_tap(text, wanted):
    found = tap.parse(text)
    assert (None if found is None else statuses(found)) == wanted


def go(*events: dict[str, object]) -> str:
    return "".join(json.dumps({"Time": "2026-11-23T09:00:00Z", **event}) + "\n" for event in events)


def test_go():
    def t(action, test, **more):
        return {"Action": action, "Package": "ex/p", "Test": test, **more}

    text = "# a compiler's word\n" + go(
        {"Action": "start", "Package": "ex/p"},
        t("run", "TestA"), t("output", "TestA", Output="=== RUN   TestA\n"), t("pass", "TestA", Elapsed=0.01),
        t("run", "TestB"), t("output", "TestB", Output="    b_test.go:7: got 1, want 2\n"), t("fail", "TestB", Elapsed=0),
        t("run", "TestC"), t("run", "TestC/one"), t("pass", "TestC/one"), t("run", "TestC/two"),
        t("output", "TestC/two", Output="    c_test.go:9: no\n"), t("fail", "TestC/two"), t("fail", "TestC"),
        t("run", "TestD"), t("skip", "TestD"), t("run", "TestE"),
        {"Action": "fail", "Package": "ex/p", "Elapsed": 0.2},
        {"ImportPath": "ex/q", "Action": "build-output", "Output": "q.go:3:2: undefined: x\n"},
        {"ImportPath": "ex/q", "Action": "build-fail"},
        {"Action": "start", "Package": "ex/q"}, {"Action": "fail", "Package": "ex/q", "Elapsed": 0},
    )  # fmt: skip
    found = gotest.parse(text)
    assert statuses(found) == {
        "ex/p.TestA": "passed", "ex/p.TestB": "failed", "ex/p.TestC/one": "passed", "ex/p.TestC/two": "failed",
        "ex/p.TestD": "skipped", "ex/p.TestE": "started", "ex/q": "error",
    }  # fmt: skip
    assert found["ex/p.TestB"]["error"]["message"] == "got 1, want 2"
    assert found["ex/p.TestB"]["error"]["frames"] == [{"file": "b_test.go", "function": "", "line": 7}]
    assert "undefined: x" in found["ex/q"]["error"]["message"]


# -- hostile reports ---------------------------------------------------------------------------------------------------

LAUGHS = '<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><testsuites><testcase name="&b;"/></testsuites>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>'


@pytest.mark.parametrize(
    "text",
    [LAUGHS, OUTSIDE, "<testsuites>", "<html/>", "<" * 1000, "<a>" * 100_000, "", "<testsuites/>\0",
     '<?xml version="1.0" encoding="UTF-7"?><testsuites/>'],
)  # fmt: skip
def test_no_report(text):
    assert not junit.parse(text)


def test_what_is_too_large_is_no_report():
    assert junit.parse("<testsuites>" + " " * (16 << 20) + "</testsuites>") is None
    assert tap.parse("ok 1\n" * (4 << 20)) is None


def test_the_exit_status_wins_over_a_friendly_report():
    forged = "<testsuites><testcase name='a'/></testsuites>"
    found = adapters.outcomes(1, True, forged, "", "auto", WORDS)
    assert statuses(found) == {"a": "passed", "command": "failed"}
    assert statuses(adapters.outcomes(None, False, forged, "", "auto", WORDS))["command"] == "failed"
    assert statuses(adapters.outcomes(0, True, None, "all fine", "auto", WORDS)) == {"command": "passed"}
    assert statuses(adapters.outcomes(0, True, "nonsense", "", "junit", WORDS)) == {"command": "passed"}
    assert statuses(adapters.outcomes(0, True, "not ok 1 - a\n1..1\n", "", "tap", WORDS)) == {"a": "failed"}


@pytest.mark.parametrize(
    ("parser", "line"),
    [(tap.parse, "# Subtest: " + "x" * 300 + "\n"), (tap.parse, "ok 1 - a\n  ---\n  x: |-\n"),
     (gotest.parse, '{"Action":"run","Package":"p","Test":"T/a/b/c"}\n'), (tap.parse, "    " * 50 + "ok 1 - a\n")],
)  # fmt: skip
def test_parsing_takes_time_by_the_length_of_the_text(parser, line):
    def seconds(count):
        text = "".join(line.replace("T/", f"T{number}/") for number in range(count))
        before = time.process_time()
        parser(text)
        return time.process_time() - before

    seconds(100)
    assert seconds(8000) < 40 * max(seconds(800), 0.002)


PIECES = st.sampled_from(
    ["ok 1", "not ok", " - name", "# SKIP", "# Subtest: x", "1..3", "\n", "    ", "---", "...", "error: 'x'", "Bail out!",
     "<testsuites>", "<testcase name='a'", ">", "/>", "</testcase>", "<failure message='m'>", "<![CDATA[", "]]>", "&amp;",
     '{"Action":"fail"', ',"Package":"p"', ',"Test":"T"', "}", '"Output":1', "\0", "\x1b[31m", "é", "9" * 30]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=200), st.sampled_from([0, 1, None]), st.booleans())
def test_no_report_brings_it_down_or_turns_a_failing_exit_into_success(text, code, finished):
    for style in ("auto", "tap", "junit", "go", "exit"):
        for report in (text, None):
            found = adapters.outcomes(code, finished, report, text, style, WORDS)
            assert found
            assert all(
                entry["status"] in {"passed", "failed", "error", "skipped", "started"} for entry in found.values()
            )
            assert all(name and len(name) <= 320 and "\0" not in name for name in found)
            json.dumps(found)
            if code != 0 or not finished:
                assert any(entry["status"] in {"failed", "error", "started"} for entry in found.values())


# -- in the sandbox ----------------------------------------------------------------------------------------------------


def bench_of(folder: Path, test: str) -> Bench:
    command = understand(test, folder, {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}, sys.executable)
    return Bench(read(folder), command, Limits(wall_s=120))


@pytest.fixture
def _bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")


@pytest.mark.usefixtures("_bubblewrap")
def test_node_tests_are_known_by_name_and_a_fix_is_seen(tmp_path):
    if shutil.which("node", path="/usr/local/bin:/usr/bin") is None:
        pytest.skip("node is not installed")
    folder = project(
        tmp_path / "p",
        **{"add__js": "exports.add = (a, b) => a - b;\n",
           "add__test__js": "const {test} = require('node:test'); const assert = require('assert');\n"
           "const {add} = require('./add.js');\ntest('zero', () => assert.equal(add(1, 0), 1));\n"
           "test('sum', () => assert.equal(add(1, 2), 3));\n"},
    )  # fmt: skip
    with bench_of(folder, "node --test") as bench:
        run = bench.run({}, test_seconds=None, seconds=30)
        assert (run.passing, run.failing) == (["zero"], ["sum"]), run
        assert run.outcomes["sum"]["error"]["frames"][-1]["file"] == "add.test.js"
        fixed = bench.run({"add.js": "exports.add = (a, b) => a + b;\n"}, test_seconds=None, seconds=30)
        assert green(fixed, ["zero", "sum"])
        gone = bench.run({"add.js": "process.exit(0);\n"}, test_seconds=None, seconds=30)
        assert not green(gone, ["zero", "sum"]), "tests that are not run any more are lost, not passed"


@pytest.mark.usefixtures("_bubblewrap")
def test_go_tests_are_known_by_name(tmp_path):
    if shutil.which("go", path="/usr/local/go/bin:/usr/local/bin:/usr/bin") is None:
        pytest.skip("go is not installed")
    folder = project(
        tmp_path / "p", go__mod="module example.com/p\n\ngo 1.18\n", p__go="package p\n\nfunc Add(a, b int) int { return a - b }\n",
        p_test__go='package p\n\nimport "testing"\n\nfunc TestZero(t *testing.T) {\n\tif Add(1, 0) != 1 {\n\t\tt.Fatal("no")\n\t}\n}\n'
        '\nfunc TestSum(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no sum")\n\t}\n}\n',
    )  # fmt: skip
    with bench_of(folder, "go test ./...") as bench:
        run = bench.run({}, test_seconds=None, seconds=90)
        assert run.passing == ["example.com/p.TestZero"], run
        assert run.failing == ["example.com/p.TestSum"]


@pytest.mark.usefixtures("_bubblewrap")
def test_a_report_file_is_outside_the_project_and_a_forged_one_gains_nothing(tmp_path):
    script = (
        "import sys, pathlib, value\nplace = pathlib.Path(sys.argv[1])\nassert not place.exists()\n"
        "assert not place.is_relative_to(pathlib.Path.cwd())\n"
        "cases = ''.join(f'<testcase name=\"t{n}\">' + ('' if value.VALUE > n else '<failure message=\"low\"/>')"
        " + '</testcase>' for n in range(3))\n"
        "place.write_text(f'<testsuite>{cases}</testsuite>')\nsys.exit(value.VALUE < 3)\n"
    )
    folder = project(tmp_path / "p", run__py=script, value__py="VALUE = 1\n")
    known = ["t0", "t1", "t2"]
    with bench_of(folder, f"{sys.executable} run.py {{report}}") as bench:
        run = bench.run({}, test_seconds=None, seconds=30)
        assert (run.passing, run.failing) == (["t0"], ["t1", "t2"]), run
        assert green(bench.run({"value.py": "VALUE = 3\n"}, test_seconds=None, seconds=30), known)
        fewer = (
            "import sys, os\nVALUE = 3\nopen(sys.argv[1], 'w').write('<testsuite><testcase name=\"t0\"/></testsuite>')\n"
            "os._exit(0)\n"
        )
        assert not green(bench.run({"value.py": fewer}, test_seconds=None, seconds=30), known)
        link = "import sys, os\nVALUE = 3\nos.symlink('/etc/passwd', sys.argv[1])\nos._exit(0)\n"
        assert not green(bench.run({"value.py": link}, test_seconds=None, seconds=30), known)
        pipe = "import sys, os\nVALUE = 3\nos.mkfifo(sys.argv[1])\nos._exit(0)\n"
        assert not green(bench.run({"value.py": pipe}, test_seconds=None, seconds=30), known)
