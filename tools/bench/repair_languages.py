"""Figures of repair in JavaScript and Go without a language model: plausible, exact, candidates, time.

Input is a HumanEvalPack file (JSON lines: declaration, import, buggy_solution, canonical_solution, test, entry_point),
or a folder of correct projects to put slips into: each a folder with `solution.js` or `solution.go` and its tests.

Limits are processor time of the agent and its sandbox together, so that a busy machine refutes nothing.

A task becomes a project that runs offline. JavaScript: the solution, and the test as a plain script whose
`console.assert` reports each assertion as a TAP point. Go: a module with the solution and its test; a module named
like testify stands beside it, with the few assertions such tests use, each a subtest.

Prints one JSON record per task and one bench.figure per summary figure.
Usage: python tools/bench/repair_languages.py FILE|FOLDER --language js|go [--seconds S] [--count N] [--seed S] [--only MOD:REM]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spending import spent_by

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "src"), str(ROOT / "tools")]  # without this folder: a module here is called queue
COMMANDS = {"js": "node test.js", "go": "go test ./..."}
ENDINGS = {"js": "js", "go": "go"}

TAP_JS = """\
'use strict';
let points = 0, bad = 0;
console.log('TAP version 13');
const say = console.log.bind(console);
console.log = console.error = console.info = console.warn = () => {};
console.assert = (check) => {
  let good = false;
  try { good = typeof check === 'function' ? check() : check; } catch (error) { good = false; }
  points += 1;
  if (!good) bad += 1;
  say(`${good ? 'ok' : 'not ok'} ${points} - assertion ${points}`);
};
process.on('uncaughtException', (error) => {
  say(`not ok ${points + 1} - threw\\n  ---\\n  error: ${JSON.stringify(String(error)).slice(0, 300)}\\n  ...`);
  say(`1..${points + 1}`);
  process.exit(1);
});
process.on('exit', () => {
  if (process.exitCode !== 1) say(`1..${points}`);
  if (bad || !points) process.exitCode = 1;
});
"""
TESTIFY_GO = """\
// Package assert stands in for github.com/stretchr/testify/assert: each assertion is a subtest.
package assert

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"testing"
)

type Assertions struct {
	t     *testing.T
	count int
}

func New(t *testing.T) *Assertions { return &Assertions{t: t} }

func (a *Assertions) check(good bool, words string) bool {
	a.count++
	return a.t.Run(fmt.Sprintf("assertion_%d", a.count), func(t *testing.T) {
		if !good {
			t.Error(words)
		}
	})
}

func same(one, two interface{}) bool {
	if first, ok := one.([]byte); ok {
		if second, ok := two.([]byte); ok {
			return bytes.Equal(first, second)
		}
	}
	return reflect.DeepEqual(one, two)
}

func sized(value interface{}) int {
	defer func() { _ = recover() }()
	return reflect.ValueOf(value).Len()
}

func (a *Assertions) Equal(want, got interface{}, _ ...interface{}) bool {
	return a.check(same(want, got), fmt.Sprintf("want %#v, got %#v", want, got))
}

func (a *Assertions) NotEqual(want, got interface{}, _ ...interface{}) bool {
	return a.check(!same(want, got), fmt.Sprintf("got %#v", got))
}

func (a *Assertions) EqualValues(want, got interface{}, _ ...interface{}) bool {
	good := same(want, got)
	if !good && want != nil && got != nil && reflect.TypeOf(want).ConvertibleTo(reflect.TypeOf(got)) {
		good = same(reflect.ValueOf(want).Convert(reflect.TypeOf(got)).Interface(), got)
	}
	return a.check(good, fmt.Sprintf("want %#v, got %#v", want, got))
}

func (a *Assertions) True(got bool, _ ...interface{}) bool  { return a.check(got, "want true") }
func (a *Assertions) False(got bool, _ ...interface{}) bool { return a.check(!got, "want false") }
func null(got interface{}) bool {
	if got == nil {
		return true
	}
	value := reflect.ValueOf(got)
	switch value.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Ptr, reflect.Slice:
		return value.IsNil()
	}
	return false
}
func (a *Assertions) Nil(got interface{}, _ ...interface{}) bool {
	return a.check(null(got), fmt.Sprintf("got %#v", got))
}
func (a *Assertions) NotNil(got interface{}, _ ...interface{}) bool { return a.check(!null(got), "nil") }
func (a *Assertions) NoError(got error, _ ...interface{}) bool {
	return a.check(got == nil, fmt.Sprintf("got %v", got))
}
func (a *Assertions) Error(got error, _ ...interface{}) bool { return a.check(got != nil, "no error") }
func (a *Assertions) Len(got interface{}, want int, _ ...interface{}) bool {
	return a.check(sized(got) == want, fmt.Sprintf("got %#v", got))
}
func (a *Assertions) InDelta(want, got interface{}, delta float64, _ ...interface{}) bool {
	one, two := reflect.ValueOf(want), reflect.ValueOf(got)
	kind := reflect.TypeOf(delta)
	good := one.IsValid() && two.IsValid() && one.Type().ConvertibleTo(kind) && two.Type().ConvertibleTo(kind)
	good = good && math.Abs(one.Convert(kind).Float()-two.Convert(kind).Float()) <= delta
	return a.check(good, fmt.Sprintf("want %v, got %v", want, got))
}

func Equal(t *testing.T, want, got interface{}, _ ...interface{}) bool { return New(t).Equal(want, got) }
func True(t *testing.T, got bool, _ ...interface{}) bool               { return New(t).True(got) }
func False(t *testing.T, got bool, _ ...interface{}) bool              { return New(t).False(got) }
func Nil(t *testing.T, got interface{}, _ ...interface{}) bool         { return New(t).Nil(got) }
func InDelta(t *testing.T, want, got interface{}, delta float64, _ ...interface{}) bool {
	return New(t).InDelta(want, got, delta)
}
"""
TESTIFY = "github.com/stretchr/testify"


def figure(name, value, unit, **more):
    print(json.dumps({"kind": "bench.figure", "name": name, "value": round(value, 3), "unit": unit} | more), flush=True)


# -- tasks ---------------------------------------------------------------------------------------------------------------


def go_file(imports, *parts):
    """A Go file of the package, with those of some imports that its text uses."""
    text = "\n".join(parts)
    code = re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|`[^`]*`', " ", text)
    named = dict.fromkeys(re.findall(r'(?:(\w+)\s+)?"([^"]+)"', re.sub(r"\bimport\b", "", imports)))
    used = []
    for alias, path in named:
        word = alias or path.rpartition("/")[2]
        if re.search(rf"\b{re.escape(word)}\.", code):
            used.append(f'import {alias + " " if alias else ""}"{path}"')
    return "package solution\n\n" + "\n".join(used) + "\n\n" + text


def without_imports(text):
    """A Go text's import declarations, and the rest of it."""
    text = re.sub(r"^\s*package\s+\w+", "", text, flags=re.MULTILINE)
    found = re.findall(r'^import\s+\([^)]*\)|^import\s+(?:\w+\s+)?"[^"]+"', text, re.MULTILINE)
    rest = re.sub(r'^import\s+\([^)]*\)|^import\s+(?:\w+\s+)?"[^"]+"', "", text, flags=re.MULTILINE)
    return "\n".join(found), rest


def one_by_one(test):
    """A JavaScript test whose assertions are functions: one that throws is one that fails, not the end of all."""
    from roadmap_cli.agent import languages
    from roadmap_cli.agent.languages.syntax import walk

    tree = languages.of("test.js").parse("test.js", test.encode())
    edits = []
    for node in walk(tree.root):
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if node.type == "call_expression" and tree.text(function) == "console.assert" and arguments.named_children:
            first = arguments.named_children[0]
            edits += [(first.start_byte, first.start_byte, "() => ("), (first.end_byte, first.end_byte, ")")]
    return tree.apply(edits).decode()


def files_of(language, declaration, body, imports, setup, test):
    """The project of a task: path → text."""
    if language == "js":
        given = f"{declaration}{body}"
        names = list(
            dict.fromkeys(re.findall(r"^(?:async\s+)?(?:const|let|var|function\*?)\s+(\w+)", given, re.MULTILINE))
        )
        solution = f"{given}\nmodule.exports = {{ {', '.join(names)} }};\n"
        return {"solution.js": solution, "tap.js": TAP_JS,
                "test.js": f"require('./tap.js');\nconst {{ {', '.join(names)} }} = require('./solution.js');\n{one_by_one(test)}\n"}  # fmt: skip
    head, declared = without_imports(declaration)
    inside, test_text = without_imports(test)
    more, _ = without_imports(setup)
    every = "\n".join((imports, head, more, inside))
    return {
        "solution.go": go_file(every, declared + body), "solution_test.go": go_file(every, test_text),
        "go.mod": f"module solution\n\ngo 1.18\n\nrequire {TESTIFY} v1.0.0\n\nreplace {TESTIFY} => ./testify\n",
        "testify/go.mod": f"module {TESTIFY}\n\ngo 1.18\n", "testify/assert/assert.go": TESTIFY_GO,
    }  # fmt: skip


def of_pack(line, language):
    """A HumanEvalPack line as a project."""
    task = json.loads(line)
    parts = [task["declaration"], task.get("import", ""), task.get("test_setup", ""), task["test"]]
    made = {}
    for word in ("buggy_solution", "canonical_solution"):
        made[word] = files_of(language, parts[0], task[word], parts[1], parts[2], parts[3])
    file = f"solution.{ENDINGS[language]}"
    return {"name": task["task_id"], "type": task.get("bug_type", ""), "file": file, "files": made["buggy_solution"],
            "reference": made["canonical_solution"][file], "command": COMMANDS[language]}  # fmt: skip


def of_folder(folder, language):
    """A correct project as it lies in a folder."""
    files = {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}
    command = "node --test" if language == "js" else "go test ./..."
    return {"name": folder.name, "type": "seeded", "file": f"solution.{ENDINGS[language]}", "files": files,
            "reference": files[f"solution.{ENDINGS[language]}"], "command": command}  # fmt: skip


# -- slips ---------------------------------------------------------------------------------------------------------------

#: Independent of the templates: plain replacements of text, (pattern, what it becomes), each one slip a person makes.
SLIPS = {
    "both": [
        (r"<=", "<"), (r">=", ">"), (r"(?<![<=>-])<(?![<=-])", "<="), (r"(?<![<=>-])>(?![>=])", ">="),
        (r"(?<![=!<>])==(?!=)", "!="), (r"!=(?!=)", "=="), (r" && ", " || "), (r" \|\| ", " && "), (r" \+ 1\b", ""),
        (r" - 1\b", ""), (r" \+ 1\b", " - 1"), (r" - 1\b", " + 1"), (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "),
        (r" / ", " * "), (r" % ", " / "), (r"\+=", "-="), (r"-=", "+="), (r"\*=", "+="), (r"\+=", "="),
        (r"\+\+", "--"), (r"\b0\b", "1"), (r"\b1\b", "0"), (r"\b1\b", "2"), (r"\b2\b", "3"), (r"\b10\b", "9"),
        (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\breturn (\w+);?$", r"return -\1"), (r"!(?=[\w(])", ""),
        (r"\bi\b", "j"), (r"\bj\b", "i"), (r"\blo\b", "hi"), (r"\bhi\b", "lo"), (r"\blow\b", "high"), (r"\ba\b", "b"),
        (r"^(\s*)(\w[\w.\[\]]*) (\+=|-=) .*$", ""), (r"\bcontinue\b", "break"), (r"\bbreak\b", "continue"),
        (r"\((\w+), (\w+)\)", r"(\2, \1)"), (r"\[(\w+)\]", r"[\1 + 1]"), (r"\[(\w+)\]", r"[\1 - 1]"),
        (r"^\s*if [^{]*\{? ?(return|continue)[^\n]*$", ""), (r" && [^&|()]+(?=\) \{| \{)", ""), (r"\bleft\b", "right"),
    ],
    "js": [
        (r"===", "!=="), (r"!==", "==="), (r"\bpush\b", "unshift"), (r"\bshift\b", "pop"), (r"\bpop\b", "shift"),
        (r"Math\.min", "Math.max"), (r"Math\.max", "Math.min"), (r"Math\.floor", "Math.ceil"), (r"Math\.floor", ""),
        (r"\bslice\b", "splice"), (r"indexOf", "lastIndexOf"), (r"\bevery\b", "some"), (r"\bsome\b", "every"),
        (r"toLowerCase", "toUpperCase"), (r" of ", " in "), (r"\.length\b", ".length - 1"), (r"Infinity", "0"),
        (r"null", "0"), (r"\.reverse\(\)", ""), (r"\(a, b\) => a - b", ""), (r"a - b", "b - a"),
    ],
    "go": [
        (r"strings\.Index\b", "strings.LastIndex"), (r"HasPrefix", "HasSuffix"), (r"ToLower", "ToUpper"),
        (r"len\((\w+)\)-1\b", r"len(\1)"), (r"len\((\w+)\)", r"len(\1)-1"), (r"math\.MaxInt64", "0"),
        (r"\[(\w+):\]", r"[:\1]"), (r":= range (\w+)", r":= range \1[1:]"), (r"nil, err", "nil, nil"),
        (r"math\.Max", "math.Min"), (r"math\.Floor", "math.Ceil"), (r"a\+b", "a-b"), (r"i\+1", "i"), (r"n-1", "n"),
        (r"\+1\b", ""), (r"-1\b", ""), (r"\bx < y\b", "y < x"),
    ],
}  # fmt: skip


def seeded(task, language, rng, count):
    """Some projects with one slip each in the solution, spread over the slips."""
    text = task["reference"]
    lines = text.split("\n")
    made = {}
    for pattern, to in SLIPS["both"] + SLIPS[language]:
        for at, line in enumerate(lines):
            if re.match(r"\s*(//|import|package|module\.exports|'use strict'|const \{|func |function |type |\*)", line):
                continue
            for found in re.finditer(pattern, line):
                new = line[: found.start()] + found.expand(to) + line[found.end() :]
                changed = "\n".join([*lines[:at], new, *lines[at + 1 :]])
                made.setdefault((pattern, to), []).append((changed, f"{line.strip()} → {new.strip()}"))
    kinds = sorted(made)
    rng.shuffle(kinds)
    for kind in kinds[:count]:
        changed, words = rng.choice(made[kind])
        if (
            language == "js"
            and subprocess.run(["node", "--check"], input=changed.encode(), capture_output=True).returncode
        ):
            continue  # it does not even parse
        files = {**task["files"], task["file"]: changed}
        yield {**task, "files": files, "slip": words}


# -- one task ------------------------------------------------------------------------------------------------------------


def solve(task, seconds):
    """Try to repair one project; its record. None if no test fails, so that there is nothing to repair."""
    from roadmap_cli.agent.code.project import read
    from roadmap_cli.agent.drivers.treesitter import TreeSitter
    from roadmap_cli.agent.languages import spectra, variants
    from roadmap_cli.agent.repair.driver import Case, Problem
    from roadmap_cli.agent.repair.judge import Judge
    from roadmap_cli.agent.sandbox import Limits
    from roadmap_cli.agent.testing import localise, toolchain
    from roadmap_cli.agent.testing.bench import Bench

    result = {"kind": "bench.task", "task": task["name"], "type": task["type"], "plausible": False, "exact": False}
    if "slip" in task:
        result["slip"] = task["slip"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "p")
        for name, text in task["files"].items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        project = read(place)
        command = toolchain.understand(task["command"], place, {"PATH": os.environ["PATH"]}, sys.executable)
        with Bench(project, command, Limits(wall_s=900, cpu_s=900)) as bench:
            bench.open()
            bench.run({}, test_seconds=None, seconds=30)  # the go build cache, as in any project that has been tested
            began, own, before = time.monotonic(), time.process_time(), spent_by(bench._process.pid)

            def cpu():
                sandbox = spent_by(bench._process.pid) - (0 if bench.restarts else before) if bench._process else 0
                return time.process_time() - own + sandbox

            first = bench.run({}, test_seconds=None, seconds=5)
            if not first.failing:
                return None
            result["builds"] = list(first.outcomes) != ["command"] or not spectra.complained_of(first.output, project)
            lines = spectra.lines(bench, project, command, first)
            suspicion = localise.ochiai(lines, first.failing, first.passing)
            if not suspicion:
                sizes = {name: project.files[name].count(b"\n") + 1 for name in spectra.sources(project)}
                suspicion = localise.unknown(sizes)
            slowest = max((first.outcomes[test].get("seconds", 0.0) for test in first.passing), default=0.1)
            errors = {test: first.outcomes[test].get("error") or {} for test in first.failing}
            case = Case(
                first.failing, known_of(task, first), min(5.0, max(0.2, 10 * slowest)), suspicion, errors=errors
            )
            if not case.known:
                return None
            judge = Judge(bench, case, "command", frozenset(), frozenset(), 8.0)
            driver = TreeSitter(screens=lambda case: variants.screen(bench, project, command, case))
            result["located_s"] = round(time.monotonic() - began, 2)
            judged = 0
            for candidate in driver.candidates(Problem(project, case)):
                if cpu() > seconds:
                    break
                judged += 1
                verdict = judge.judge(candidate)
                driver.told(verdict)
                if verdict.outcome == "confirmed":
                    text = candidate.changed.get(task["file"], "")
                    exact = re.sub(r"[\s;()]", "", text) == re.sub(r"[\s;()]", "", task["reference"])
                    result |= {
                        "plausible": True,
                        "exact": exact,
                        "template": candidate.template,
                        "line": candidate.line,
                    }
                    if not exact:
                        result["repair"] = changed_line(task["files"][task["file"]], text)
                    break
                if cpu() > seconds:
                    break
            spent = time.monotonic() - began
            return result | {"candidates": driver.screened + driver.unscreened, "judged": judged, "seconds": round(cpu(), 2),
                             "wall_s": round(spent, 2),
                             "restarts": bench.restarts}  # fmt: skip


def known_of(task, first):
    """The tests that a repair must pass: those of the run, but points that only say that the program broke off."""
    broken = ("threw", "plan", "command")
    return [test for test in first.outcomes if first.outcomes[test]["status"] != "skipped" and test not in broken] or (
        ["command"] if "command" in first.outcomes else [])  # fmt: skip


def changed_line(before, after):
    old, new = before.split("\n"), after.split("\n")
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
    return f"{old[at].strip()} → {new[at].strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, metavar="FILE|FOLDER")
    parser.add_argument("--language", choices=("js", "go"), required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--count", type=int, default=3, help="slips for each project of a folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="MOD:REM")
    chosen = parser.parse_args()
    if chosen.path.is_dir():
        rng = random.Random(chosen.seed)
        tasks = []
        for folder in sorted(chosen.path.iterdir()):
            if (folder / f"solution.{ENDINGS[chosen.language]}").is_file():
                tasks += seeded(of_folder(folder, chosen.language), chosen.language, rng, chosen.count)
    else:
        tasks = [of_pack(line, chosen.language) for line in chosen.path.read_text().splitlines() if line.strip()]
    if chosen.only:
        modulus, rest = map(int, chosen.only.split(":"))
        tasks = [task for at, task in enumerate(tasks) if at % modulus == rest]
    results = []
    for task in tasks:
        result = solve(task, chosen.seconds)
        if result is None:
            print(
                json.dumps({"kind": "bench.task", "task": task["name"], "word": "no failing test"}),
                flush=True,
            )
            continue
        print(json.dumps(result, ensure_ascii=False), flush=True)
        results.append(result)
    figure("agent.languages.builds", sum(r["builds"] for r in results), "tasks", language=chosen.language)
    good = [result for result in results if result["plausible"]]
    words = {"language": chosen.language, "tasks": len(results), "seconds_limit": chosen.seconds}
    figure("agent.languages.plausible", len(good) / max(1, len(results)), "ratio", count=len(good), **words)
    figure("agent.languages.exact", sum(r["exact"] for r in good) / max(1, len(results)), "ratio", **words)
    if good:
        figure("agent.languages.candidates", statistics.median(r["candidates"] for r in good), "candidates", **words)
        figure("agent.languages.time", statistics.median(r["seconds"] for r in good), "s", **words)


if __name__ == "__main__":
    main()
