"""Edits of JavaScript, TypeScript and Go by their grammars: what is proposed, where, and that all else stays."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from roadmap_cli.agent import languages
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.code.source import Edit, trimmed
from roadmap_cli.agent.drivers import treesitter
from roadmap_cli.agent.drivers.treesitter import TreeSitter
from roadmap_cli.agent.languages import spectra, syntax
from roadmap_cli.agent.languages.variants import GoVariants
from roadmap_cli.agent.preference import Preference
from roadmap_cli.agent.repair import judge
from roadmap_cli.agent.repair.driver import Case, Problem, Verdict
from roadmap_cli.agent.repair.portfolio import Arm
from roadmap_cli.agent.testing.bench import TestRun, Trial
from roadmap_cli.agent.testing.toolchain import TestCommand
from roadmap_cli.core.errors import Unavailable

pytest.importorskip("tree_sitter")


def proposed(name: str, text: str, lines: range | None = None) -> set[str]:
    """The file as it would be after each sound edit."""
    language = languages.of(name)
    assert language is not None
    tree = language.parse(name, text.encode())
    found = set()
    for edit in language.edits(tree, lines or range(1, text.count("\n") + 2)):
        content = tree.apply([(edit.start, edit.end, edit.text)])
        if tree.sound(content):
            found.add(content.decode())
    return found


#: A function with a slip, and what must be among the proposals in its place: (file, before, slip, repair, after).
SLIPS = [
    ("a.js", "function f(a, n) { for (let i = 0; ", "i <= n", "i < n", "; i++) { a.push(i); } return a; }\n"),
    ("a.js", "function f(a) { return ", "a.length", "a.length - 1", "; }\n"),
    ("a.js", "const f = (a, b) => ", "a && b", "a || b", ";\n"),
    ("a.js", "const f = (a) => { if (", "a", "!a", ") return 1; return 2; };\n"),
    ("a.js", "const f = (a, b) => a.slice(", "b, a", "a, b", ");\n"),
    ("a.js", "function f(a) { a.", "push", "unshift", "(1); return a; }\n"),
    ("a.js", "const f = (a) => Math.", "floor", "ceil", "(a / 2);\n"),
    ("a.js", "const f = (a, b) => ", "a / b", "Math.floor(a / b)", ";\n"),
    ("a.js", "function f(a) { for (const x ", "in", "of", " a) { if (x > 3) return x; } }\n"),
    ("a.js", "const f = (a) => a.", "sort()", "sort((a, b) => a - b)", ";\n"),
    ("a.js", "function f(a, b) { let c = 0; c += ", "a", "b", " - 1; return c; }\n"),
    ("a.js", "let best = 0; function f(v) { if (v > best) { ", "let best = v;", "best = v;", " } return best; }\n"),
    ("a.js", "const f = (a, b, c) => ", "a + b / c", "(a + b) / c", ";\n"),
    ("a.js", "function f(a) {\n  let s = 0;\n  for (const x of a) {\n    s += x;", "\n    return s;\n  }", "\n  }\n  return s;",
     "\n}\n"),
    ("a.js", "const f = (a) => a ", "==", "===", " null;\n"),
    ("a.mjs", "export const f = (a) => a.", "indexOf", "lastIndexOf", "('x');\n"),
    ("a.ts", "export function f(a: number[], b: number): number { return b ", "-", "+", " a[0]; }\n"),
    ("a.tsx", "export const F = (p: { n: number }) => <b>{p.n ", ">", ">=", " 1 ? 'x' : 'y'}</b>;\n"),
    ("a.go", "package p\n\nfunc f(a []int) int {\n\treturn a[", "len(a)", "len(a) - 1", "]\n}\n"),
    ("a.go", "package p\n\nfunc f(a []int, n int) []int { return a[", "n", "n + 1", ":] }\n"),
    ("a.go", "package p\n\nfunc f(a, b []int) []int { return append(", "a, b...", "b, a...", ") }\n"),
    ("a.go", "package p\n\nfunc f(a []int, v int) []int { return append(", "a, v", "[]int{v}, a...", ") }\n"),
    ("a.go", 'package p\n\nimport "strings"\n\nfunc f(a string) int { return strings.', "Index", "LastIndex", '(a, ".") }\n'),
    ("a.go", "package p\n\nfunc f(a, b int) (int, int) {\n\ta, b = ", "a, b", "b, a", "\n\treturn a, b\n}\n"),
    ("a.go", "package p\n\nfunc f(n int) (s int) {\n\tfor i := 0; i < n; i", "--", "++", " {\n\t\ts += i\n\t}\n\treturn\n}\n"),
    ("a.go", "package p\n\nfunc f(a []int) bool {\n\tfor _, v := range a {\n\t\tif ", "v > 0", "!(v > 0)",
     " {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false\n}\n"),
    ("a.go", "package p\n\nfunc f(a []int) int {\n\tm := ", "0", "a[0]",
     "\n\tfor _, v := range a {\n\t\tif v < m {\n\t\t\tm = v\n\t\t}\n\t}\n\treturn m\n}\n"),
    ("a.go", "package p\n\nfunc f(a []int) (t int) {\n\tfor _, v := range a {\n\t\tt ", "=", "+=", " v\n\t}\n\treturn\n}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "slip", "repair", "after"), SLIPS)
def test_the_repair_of_a_slip_is_proposed(name: str, before: str, slip: str, repair: str, after: str) -> None:
    found = proposed(name, before + slip + after)
    wanted = (before + repair + after).replace(" ", "").replace("(", "").replace(")", "")
    assert any(text.replace(" ", "").replace("(", "").replace(")", "") == wanted for text in found)


def test_names_are_exchanged_by_type_and_scope() -> None:
    text = (
        "package p\n\nfunc f(count int, name string, more int, ok bool) int {\n"
        "\tif ok {\n\t\tinner := 1\n\t\t_ = inner\n\t}\n\treturn count\n}\n"
    )
    found = proposed("a.go", text, range(8, 9))
    assert text.replace("return count", "return more") in found
    for other in ("name", "ok", "inner"):
        assert text.replace("return count", f"return {other}") not in found


def test_only_suspect_lines_are_edited_and_nothing_beside_them() -> None:
    text = "// é\nconst a = (x) => x + 1;\nconst b = (x) => x - 1; // ü\n"
    changed = {tuple(new.split("\n")) for new in proposed("a.js", text, range(3, 4))}
    assert changed
    assert all(new[:2] == tuple(text.split("\n")[:2]) and new[2].endswith("// ü") for new in changed)


def test_a_broken_result_is_no_candidate() -> None:
    tree = languages.of("a.js").parse("a.js", b"f(1);\n")  # type: ignore[union-attr]
    assert tree.sound(b"f(2);\n")
    assert not tree.sound(b"f(2;\n")


def test_languages_go_by_the_name() -> None:
    assert languages.knows("src/a.js")
    assert not languages.knows("a.min.js")
    assert not languages.knows("a.py")
    assert languages.of("a.py") is None


def test_a_missing_grammar_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match="tree_sitter_nothing"):
        syntax.parser("tree_sitter_nothing")


def test_trimmed_keeps_characters_whole() -> None:
    assert trimmed("aéb".encode(), Edit(0, 4, "aèb", "t", 1.0, 1)) == (1, 3, "è")


# -- the driver ----------------------------------------------------------------------------------------------------------

TWO = """\
function area(w, h) {
  return w + h;
}
function edge(w, h) {
  return 2 * (w - h);
}
module.exports = { area, edge };
"""


def problem(text: str, lines: dict[int, float], name: str = "a.js") -> Problem:
    files = {name: text.encode(), "a.test.js": b"require('./a.js');\n"}
    project = Project(Path("/nowhere"), files, dict.fromkeys(files, 0o644), {}, ())
    return Problem(project, Case(["t1", "t2"], ["t1", "t2"], 1.0, {name: lines, "a.test.js": {1: 1.0}}))


def test_candidates_come_by_suspicion_and_prior_each_once() -> None:
    found = list(TreeSitter().candidates(problem(TWO, {2: 1.0, 5: 0.2})))
    scores = [candidate.score for candidate in found]
    assert scores == sorted(scores, reverse=True)
    assert len({candidate.changed["a.js"] for candidate in found}) == len(found)
    assert found[0].line == 2
    assert found[0].function == "area"
    assert all(set(candidate.changed) == {"a.js"} for candidate in found)


def test_weights_learned_elsewhere_change_the_order() -> None:
    first = next(TreeSitter(Preference({"number": 5.0})).candidates(problem(TWO, {5: 1.0})))
    assert first.template == "number"


def test_the_same_change_has_the_same_name_and_is_not_proposed_when_tried() -> None:
    patches = [candidate.patch for candidate in TreeSitter().candidates(problem(TWO, {2: 1.0}))]
    moved = "\n\n" + TWO.replace("edge", "rim")
    assert patches == [c.patch for c in TreeSitter().candidates(problem(moved, {4: 1.0}))]
    driver = TreeSitter(tried=patches[:3])
    assert [candidate.patch for candidate in driver.candidates(problem(TWO, {2: 1.0}))] == patches[3:]
    assert driver.skipped == 3


def test_a_second_edit_is_put_upon_what_helped() -> None:
    driver = TreeSitter()
    want = TWO.replace("w + h", "w * h").replace("w - h", "w + h")
    count = 0
    for candidate in driver.candidates(problem(TWO, {2: 1.0, 5: 1.0})):
        count += 1
        text = candidate.changed["a.js"]
        if text == want:
            break
        half = "w * h" in text.split("\n")[1] or "2 * (w + h)" in text
        if half and "+" not in candidate.template:
            driver.told(Verdict(candidate, "partial", 1, None))  # type: ignore[arg-type]
    else:
        pytest.fail("never proposed")
    assert count < 150


def test_proposals_that_take_long_to_come_are_judged_before_there_are_many() -> None:
    arm = Arm(TreeSitter(), (0, 0.0))
    case = problem(TWO, {2: 1.0, 5: 0.2})
    asked = iter([False, True])
    assert len(arm.propose(case, 8, lambda: next(asked))) == 2
    assert len(arm.propose(case, 8)) == 8, "it goes on with the others"
    assert not arm.done


def test_a_screen_brings_forward_what_passes_and_counts() -> None:
    seen: list[str] = []

    def screen(batch):
        seen.extend(candidate.changed["a.js"] for candidate in batch)
        return [Trial(left=0 if "w * h" in c.changed["a.js"] else 2) for c in batch]

    driver = TreeSitter(screens=lambda case: screen)
    found = [candidate.changed["a.js"] for candidate in driver.candidates(problem(TWO, {2: 1.0}))]
    assert "w * h" in found[0]
    assert driver.screened == len(seen) > 2 * len(found)
    assert {text for text in seen if "w * h" in text} <= set(found)


def test_nothing_in_a_known_language_is_said() -> None:
    with pytest.raises(Unavailable, match="no suspect file"):
        next(TreeSitter().candidates(problem("x", {1: 1.0}, "a.rs")))


# -- programs ------------------------------------------------------------------------------------------------------------


def command(*argv: str) -> TestCommand:
    return TestCommand(" ".join(argv), "command", "python3", (), argv, (), {})


def test_test_files_of_a_node_command() -> None:
    files = dict.fromkeys(["lib/a.js", "lib/a.test.js", "test/b.js", "test.mjs", "x/contest.js"], b"")
    project = Project(Path("/nowhere"), files, {}, {}, ())
    assert spectra.node_files(command("/usr/bin/node", "--test", "--test-reporter=spec", "--no-warnings"), project) == (
        ["/usr/bin/node", "--test-reporter=tap", "--no-warnings"], ["lib/a.test.js", "test.mjs", "test/b.js"])  # fmt: skip
    assert spectra.node_files(command("node", "--test", "lib/a.test.js"), project)[1] == ["lib/a.test.js"]
    assert spectra.node_files(command("node", "test/b.js"), project) == (["node"], ["test/b.js"])
    assert spectra.node_files(command("node", "--import", "tsx", "--test"), project)[1] == []


GO = b'package p\n\nimport "os"\n\nfunc A(n int) int {\n\treturn n + 1\n}\n\nfunc B() {\n\tos.Exit(1)\n}\n'


def test_go_variants_share_one_file() -> None:
    project = Project(Path("/nowhere"), {"p.go": GO}, {"p.go": 0o644}, {}, ())
    case = Case(["x/p.TestA", "x/p.TestB/part"], [], 1.0, {"p.go": {6: 1.0, 10: 1.0}})
    variants = GoVariants(None, project, command("go", "test"), case, case.failing)  # type: ignore[arg-type]
    candidates = [c for c in TreeSitter().candidates(Problem(project, case)) if "+" not in c.template]
    places = [variants._body(candidate) for candidate in candidates]
    assert all(place is not None for place in places)
    bodies: dict[int, list[tuple[int, str]]] = {}
    for number, place in enumerate(places, 1):
        assert place is not None
        bodies.setdefault(place[1], []).append((number, place[2]))
    text = "".join(piece for _, piece in variants._pieces("p.go", bodies))
    language = languages.of("p.go")
    assert language is not None
    assert not language.parse("p.go", text.encode()).root.has_error
    assert text.count("switch roadmapVariant {") == 2
    assert text.count('case "') == len(candidates)
    assert text.count("return n + 1\n}\n") == 1  # as it stands, for no number
    assert 'var roadmapVariant = os.Getenv("ROADMAP_VARIANT")' in variants._switch("p.go")


# -- what does not build, and what broke off ------------------------------------------------------------------------------


def test_places_are_read_from_a_compiler_s_words() -> None:
    files = dict.fromkeys(["a.go", "sub/b.go", "a_test.go", "lib/c.js"], b"")
    project = Project(Path("/work/p"), files, {}, {}, ())
    output = (
        "# example.com/p\n./a.go:7:2: undefined: x\n./a.go:7:9: undefined: y\nsub/b.go:3:1: syntax error\n"
        "./a_test.go:1:1: no\n/usr/lib/go/src/fmt/print.go:9: no\n/work/p/lib/c.js:12\nSyntaxError: Unexpected token\n"
    )
    assert spectra.complained_of(output, project) == {"a.go": [7], "sub/b.go": [3], "lib/c.js": [12]}


def ran(passing: list[str], exit_code: int = 0) -> TestRun:
    return TestRun({test: {"status": "passed"} for test in passing}, True, exit_code, False, "", 0.1)


def test_a_mended_test_may_be_known_by_its_parts_but_a_lost_one_is_lost() -> None:
    run = ran(["x/p.TestA/one", "x/p.TestB"])
    assert judge.green(run, ["x/p.TestA"])
    assert judge.green(run, ["x/p", "command"])
    assert not judge.green(run, ["x/p.TestC"])
    assert not judge.green(run, ["x/p.TestB/one"])
    assert not judge.green(ran([]), ["command"])
    assert not judge.green(ran(["x/p.TestA"], 1), ["command"])


def test_an_unknown_name_in_go_may_be_any_that_is_seen() -> None:
    text = 'package p\n\nfunc f(count int) int {\n\treturn cuont + len("x")\n}\n'
    assert text.replace("cuont", "count") in proposed("a.go", text)
    assert text.replace("len", "count") not in proposed("a.go", text)


def test_many_suspect_lines_are_looked_at_in_lots_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treesitter, "_LINES", 30)
    text = "".join(f"const f{n} = (x) => x;\n" for n in range(1, 41))
    suspicion = {n: 0.5 if n < 30 else 0.01 for n in range(1, 41)} | {39: 1.0}
    driver = TreeSitter()
    proposals = driver.candidates(problem(text, suspicion))
    assert next(proposals).line == 39
    assert len(driver._waves) == 1  # lines that need not be looked at yet
    lines = [candidate.line for candidate in islice(proposals, 1500) if "+" not in candidate.template]
    assert set(range(1, 41)) <= set(lines)
    assert not driver._waves
