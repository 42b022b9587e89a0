"""What the agent remembers: lessons found, superseded, faded, forgotten, shared; patches not run twice; priors."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import patches
from roadmap_cli.agent.code.context import Contexts
from roadmap_cli.agent.code.source import Edit, Source, blocks
from roadmap_cli.agent.memory import lessons, repairs, sharing, vectors
from roadmap_cli.agent.preference import Lesson, Traits
from roadmap_cli.agent.templates.statements import edits
from roadmap_cli.agent.testing import signature
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.state import records
from roadmap_cli.why import decisions

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import open_state

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT = stamp(NOW)
WAS = "def total(prices):\n    result = 0\n    for price in prices:\n        result = price\n    return result\n"
NOW_IS = WAS.replace("result = price", "result += price")


def error(kind="TypeError", message="bad operand for '+'", line=4, **more):
    frames = [{"file": "test_shop.py", "function": "test_total", "line": 3},
              {"file": "shop.py", "function": "total", "line": line}]  # fmt: skip
    return {"type": kind, "message": message, "frames": frames, **more}


def a_signature(**more):
    return signature.of("test_shop.py::test_total", error(**more), signature.source_lines({"shop.py": WAS.encode()}))


@pytest.fixture
def tx(tmp_path):
    with open_state(tmp_path) as state, state.write() as opened:
        memory.start_run(opened, "agent_r1", "/p", "pytest -q", "d", AT)
        yield opened


def learn(tx, *, was=WAS, now=NOW_IS, template="augmented", at=AT, file="shop.py", found_with=(), standing="", **more):
    parts = blocks(file, was, now)
    name = repairs.pattern_id(parts)
    memory.learn(
        tx, fix_id=name, run_id="agent_r1", driver="template", template=template, blocks=parts, was={file: was},
        changed={file: now}, signatures=[a_signature(**more)], at=at, construct="Assign For.body", cause="nothing is added up",
        found_with=found_with, standing=standing,
    )  # fmt: skip
    return name


# -- signatures ----------------------------------------------------------------------------------------------------


def test_a_signature_survives_moves_and_numbers_but_not_another_line_of_code():
    moved = signature.source_lines({"shop.py": ("\n" * 7 + WAS).encode()})
    one = a_signature(message="at 0x7f00: item 3 of 10")
    two = signature.of("test_shop.py::test_total", error(line=11, message="at 0x7f88: item 4 of 11"), moved)
    other = a_signature(line=2, message="at 0x7f00: item 3 of 10")
    assert one.exact == two.exact
    assert one.exact != other.exact
    assert one.loose == two.loose == other.loose


def test_the_chain_of_causes_tells_failures_apart():
    plain, chained = a_signature(), a_signature(chain=[{"type": "KeyError", "message": "'a'"}])
    assert plain.exact != chained.exact
    assert plain.loose == chained.loose


def test_the_comment_and_layout_of_a_line_do_not_matter():
    def of(line):
        text = WAS.replace("        result = price", line)
        return signature.of("t", error(), signature.source_lines({"shop.py": text.encode()})).exact

    assert (
        of("        result = price  # the newest")
        == of("            result  =  price")
        != of("        result = prices")
    )


def test_where_a_loop_is_stopped_or_a_stack_ends_does_not_matter():
    frames = [{"file": "test_a.py", "function": "test_a", "line": 3}, {"file": "a.py", "function": "f", "line": 5}]
    deeper = [*frames[:1], {**frames[1], "line": 6}, {"file": "a.py", "function": "g", "line": 9}]
    line = signature.source_lines({"a.py": b"1\n2\n3\n4\nfive\nsix\n7\n8\nnine\n"})

    def of(kind, frames):
        return signature.of("test_a.py::test_a", {"type": kind, "message": "", "frames": frames}, line)

    stopped, later = of("roadmap_recorder.TimeLimit", frames), of("roadmap_recorder.TimeLimit", deeper)
    assert (stopped.exact, stopped.loose) == (later.exact, later.loose)
    assert of("ValueError", frames).exact != of("ValueError", deeper).exact
    down = [*deeper, *deeper[1:]]
    assert of("RecursionError", down).exact == of("RecursionError", [*down, deeper[1]]).exact
    assert of("RecursionError", down).loose == of("RecursionError", [*down, deeper[1]]).loose


def test_what_looks_like_a_secret_does_not_enter_a_message():
    said = signature.normalise("401 for Bearer abcdefgh12345 with sk-1234567890abcdef at https://example.org")
    assert said == "<n> for <secret> with <secret> at https://example.org"


def test_what_the_version_before_has_stored_is_still_found(tx):
    found = a_signature()
    assert found.earlier is not None
    old = signature.Signature(*found.earlier, found.type, found.message)
    parts = blocks("shop.py", WAS, NOW_IS)
    tx.execute("INSERT INTO agent_fix VALUES ('agent_old', 'agent_r1', 'template', 'augmented', ?, 1, 0, ?)",
               (json.dumps([{n: getattr(b, n) for n in b.__slots__} for b in parts]), AT))  # fmt: skip
    tx.execute("INSERT INTO agent_fix_signature VALUES (?, 'exact', 'agent_old')", (old.exact,))
    assert [fix.id for fix in memory.fixes(tx, [found])] == ["agent_old"]
    assert not memory.fixes(tx, [a_signature(kind="KeyError")])


# -- patches -------------------------------------------------------------------------------------------------------


def test_the_same_change_is_the_same_patch_wherever_it_stands_and_whoever_makes_it():
    def named(was, now):
        return patches.Identity({"a.py": was}).of({"a.py": now})

    first = named(WAS, NOW_IS)
    above = "import math\n\n\ndef other():\n    return 1\n\n\n"
    assert named(above + WAS, above + NOW_IS) == first
    assert named(WAS + "\nX = 1\n", NOW_IS + "\nX = 1\n") == first
    assert named(WAS, NOW_IS.replace("+= price", "+= price  # added")) == first
    assert named(WAS, NOW_IS.replace("    result = 0\n", "    # start\n    result = 0\n")) == first
    assert named(WAS, WAS.replace("return result", "return result + 1")) != first
    assert named(WAS.replace("total", "sum_"), NOW_IS.replace("total", "sum_")) != first


def test_changes_at_module_level_in_methods_and_over_several_functions_have_identities_too():
    def named(was, now):
        return patches.Identity({"a.py": was}).of({"a.py": now})

    was = "A = 1\nB = 2\n\n\nclass C:\n    def f(self):\n        return A\n\n    def g(self):\n        return B\n"
    one = named(was, was.replace("B = 2", "B = 3"))
    assert named("X = 0\n" + was, "X = 0\n" + was.replace("B = 2", "B = 3")) == one
    method = named(was, was.replace("return A", "return B"))
    assert method not in (one, named(was, was.replace("return B", "return A")))
    both = named(was, was.replace("return A", "return 1").replace("return B", "return 2"))
    assert (
        named("X = 0\n" + was, "X = 0\n" + was.replace("return A", "return 1").replace("return B", "return 2")) == both
    )
    assert named("not python (", "not  python (") == named("a", "a b") or True
    assert named(was, was + "\n\ndef new():\n    return 1\n") != both
    assert len(named("not python (", "not python )")) == 32


def test_a_patch_is_named_alike_after_lines_have_moved_at_module_level():
    text = "LIMIT = 10\n\n\ndef f(x):\n    return x < LIMIT\n"

    def ids(source):
        parsed = Source("a.py", source.encode())
        return {parsed.patch_id(edit) for edit in edits(parsed) if edit.line <= source.count("\n")}

    assert ids(text) <= ids("import os\n\n\n" + text)


def test_refuted_patches_stay_refuted_for_the_signature_and_no_other(tx):
    attempts = [memory.Attempt("p1", "compare", "refuted", 1), memory.Attempt("p2", "compare", "partial", 1)]
    memory.note_attempts(tx, "agent_r1", "sig", "suite", attempts, AT)
    assert memory.refuted(tx, "sig", "suite") == {"p1", "p2"}
    assert memory.refuted(tx, "sig", "other suite") == memory.refuted(tx, "other", "suite") == frozenset()


# -- short term ----------------------------------------------------------------------------------------------------


def test_only_the_last_five_iterations_are_kept_each_with_its_hypothesis(tx):
    from roadmap_cli.agent import reflection

    [made] = reflection.store(tx, "agent_r1", "sig", [reflection.Hypothesis("k", "It is so.", "a.py", 1, "f", 0.5)], AT)
    for start in (0, 4):
        attempts = [
            memory.Attempt(
                f"p{n}",
                "compare",
                "refuted",
                n,
                what=f"- a{n}\n+ b{n}",
                error=f"AssertionError: {n}",
                hypothesis=made.id,
            )
            for n in range(start, start + 4)
        ]
        memory.note_attempts(tx, "agent_r1", "sig", "suite", attempts, AT)
    found = memory.short_term(tx, "agent_r1")
    assert [(each.number, each.failing) for each in found] == [(4, 3), (5, 4), (6, 5), (7, 6), (8, 7)]
    assert found[-1].hypothesis == "It is so."
    assert "+ b7" in found[-1].text
    assert "It is so." in found[-1].text
    assert len(memory.short_term(tx, "agent_r1", 2)) == 2
    memory.note_iteration(tx, "agent_r1", memory.Attempt("p", "smollm2", "refuted", 1, what="x" * 9000), AT)
    assert len(memory.short_term(tx, "agent_r1")[-1].what) < 5000


# -- lessons -------------------------------------------------------------------------------------------------------


def test_a_fix_teaches_a_lesson_a_pattern_and_a_function(tx):
    learn(tx)
    found = {lesson.sort: lesson for lesson in lessons.every(tx)}
    assert set(found) == {"fix", "pattern", "skill"}
    assert "+ " in found["fix"].text
    assert "nothing is added up" in found["fix"].text
    assert found["pattern"].error == "TypeError"
    assert "augmented" in found["pattern"].title
    [skill] = memory.skills(tx, "add up the total of prices")
    assert skill.name == "total"
    assert skill.arguments == ("prices",)
    assert "result += price" in skill.source
    learn(tx)
    assert [lesson.confirmed for lesson in lessons.every(tx)] == [2, 2, 2]


def test_recall_prefers_the_same_failure_to_the_same_kind_and_to_mere_words(tx):
    same = learn(tx)
    alike = learn(tx, now=WAS.replace("result = price", "result = result + price"), line=2)
    learn(tx, kind="KeyError", message="'colour'", was="def paint(c):\n    return C[c]\n", file="paint.py",
          now="def paint(c):\n    return C.get(c)\n", template="function")  # fmt: skip
    told: list[str] = []
    found = memory.recall(tx, [a_signature()], "paint the colour", at=AT, say=told.append)
    fixed = [(lesson.body["fix"], lesson.level) for lesson in found if lesson.sort == "fix"]
    assert fixed[:2] == [(same, "exact"), (alike, "loose")]
    assert fixed[2][1] == "words"
    assert [lesson.score for lesson in found] == sorted((lesson.score for lesson in found), reverse=True)
    assert "same failure (1 of 1 failing test)" in found[0].why
    assert "helped once" in found[0].why
    assert told == ["looked up by signature and words only: there is no embedding model to look by meaning"]
    assert memory.recall(tx, [], "", at=AT) == []
    assert memory.recall(tx, [], "'\"; DROP TABLE NEAR( * ^ colour", at=AT)[0].error == "KeyError"
    assert len(memory.recall(tx, [a_signature()], "paint", limit=1, at=AT)) == 1


def test_recall_by_meaning_with_any_embedding(tmp_path):
    axes = ("money price cost shop", "colour paint red picture")

    def embed(texts):
        counts = [[1e-3 + sum(text.lower().count(word) for word in axis.split()) for axis in axes] for text in texts]
        return [[value / sum(v * v for v in row) ** 0.5 for value in row] for row in counts]

    toy = vectors.Embed("toy", embed)
    with open_state(tmp_path) as state:
        with state.write() as tx:
            memory.start_run(tx, "agent_r1", "/p", "pytest -q", "d", AT)
            money = learn(tx, message="no such price")
            learn(tx, kind="KeyError", message="'red'", was="def paint(c):\n    return C[c]\n", file="paint.py",
                  now="def paint(c):\n    return C.get(c)\n", template="function")  # fmt: skip
            told: list[str] = []
            assert not memory.recall(tx, [], "cost of money", toy, at=AT, say=told.append)
            assert told == ["looked up by signature and words only: sqlite-vec is not loaded"]
        state.vectors()
        assert vectors.bring_up_to_date(state, toy) == 6
        assert vectors.bring_up_to_date(state, toy) == 0
        with state.read() as tx:
            found = memory.recall(tx, [], "the cost of money", toy, at=AT, sort="fix")
        assert (found[0].body["fix"], found[0].level) == (money, "vector")
        assert all("picture" not in lesson.text for lesson in found[:1])
        with state.write() as tx:
            memory.note_replay(tx, money, True, AT)
            learn(tx, message="no such price")  # its text is renewed, and so must be its vector
        assert vectors.bring_up_to_date(state, toy) >= 1


def test_a_lesson_fades_with_age_and_refutation_and_comes_back_when_it_helps(tx):
    name = learn(tx)
    [lesson] = lessons.every(tx, sort="fix")
    assert lesson.weight(NOW) == 1
    assert lesson.weight(NOW + timedelta(days=180)) == pytest.approx(0.5)
    memory.note_replay(tx, name, False, AT)
    [worse] = lessons.every(tx, sort="fix")
    assert (worse.confirmed, worse.refuted) == (1, 1)
    assert worse.weight(NOW) == 0.5
    later = NOW + timedelta(days=400)
    memory.note_replay(tx, name, True, stamp(later))
    [again] = lessons.every(tx, sort="fix")
    assert again.weight(later) > worse.weight(later)


def test_a_better_fix_of_the_same_failure_supersedes_one_that_failed_and_nothing_is_lost(tx):
    old = learn(tx, now=WAS.replace("result = price", "result = result + price"))
    for _ in range(2):
        memory.note_replay(tx, old, False, AT)
    learn(tx, at=stamp(NOW + timedelta(days=1)))
    assert len(lessons.every(tx, sort="fix")) == 1
    every = lessons.every(tx, sort="fix", superseded=True)
    assert len(every) == 2
    [gone] = [lesson for lesson in every if lesson.superseded_by]
    assert gone.body["fix"] == old
    found = [lesson for lesson in memory.recall(tx, [a_signature()], "", at=AT) if lesson.sort == "fix"]
    assert [lesson.superseded_by is None for lesson in found] == [True, False]
    assert "superseded" in found[1].why
    memory.note_replay(tx, old, True, AT)
    assert len(lessons.every(tx, sort="fix")) == 2, "one that helps again is back"


def test_one_that_has_not_failed_is_not_superseded(tx):
    learn(tx, now=WAS.replace("result = price", "result = result + price"))
    learn(tx)
    assert len(lessons.every(tx, sort="fix")) == 2


def test_a_failure_without_a_repair_is_a_lesson_until_it_is_mended(tx):
    name = memory.note_failure(tx, [("test_shop.py::test_total", a_signature())], AT)
    attempts = [memory.Attempt(f"p{n}", "compare", "refuted", 1) for n in range(3)]
    memory.note_attempts(tx, "agent_r1", name, "u", [*attempts, memory.Attempt("q", "number", "partial", 1)], AT)
    memory.set_status(tx, "agent_r1", "exhausted", name, AT)
    [lesson] = lessons.every(tx)
    assert lesson.sort == "failure"
    assert "4 edits (3 compare, 1 number)" in lesson.text
    assert "Came part of the way: number (1)" in lesson.text
    assert memory.recall(tx, [a_signature()], "", at=AT)[0].level == "exact"
    memory.note_attempts(tx, "agent_r1", name, "u", [memory.Attempt("r", "slice", "refuted", 1)], AT)
    memory.set_status(tx, "agent_r1", "paused", name, AT)
    [lesson] = lessons.every(tx)
    assert "5 edits" in lesson.text
    learn(tx)
    assert not lessons.every(tx, sort="failure")
    memory.set_status(tx, "agent_r1", "paused", name, AT)
    assert not lessons.every(tx, sort="failure"), "known to be mended"


def test_forgetting_leaves_nothing(tmp_path):
    with open_state(tmp_path) as state:
        with state.write() as tx:
            memory.start_run(tx, "agent_r1", "/p", "pytest -q", "d", AT)
            name = learn(tx)
            fix = {"kind": "agent.fix", "id": "agent_f", "at": AT, "run_id": "agent_r1", "pattern_id": name,
                   "diff": "+ result += price"}  # fmt: skip
            records.put(tx, fix)
            tx.execute(
                "CREATE TABLE IF NOT EXISTS agent_step (run_id, seq, step, key, digest, status, detail, begun_at)"
            )
            tx.execute("CREATE TABLE IF NOT EXISTS agent_record (run_id, seq, record_id, kind, body, announced)")
            for run_id in ("agent_r1", "agent_r0"):
                memory.start_run(tx, run_id, "/p", "pytest -q", "d", AT)
                said = "result" if run_id == "agent_r1" else "other"
                tx.execute("INSERT INTO agent_step (run_id, seq, step, key, digest, status, detail, begun_at)"
                           " VALUES (?, 1, 'plan', 'k', 'd', 'done', ?, ?)", (run_id, said.encode(), AT))  # fmt: skip
                tx.execute("INSERT INTO agent_record (run_id, seq, record_id, kind, body, announced)"
                           " VALUES (?, 1, 'agent_x', 'agent.fix', ?, 1)", (run_id, said))  # fmt: skip
            first = decisions.decide(
                tx, kind="agent.fix_chosen", what="w", why="y", evidence=["agent_f"], command="c", at=NOW
            )
            decisions.decide(
                tx, kind="agent.fix_chosen", what="w", why="y", evidence=[first["id"]], command="c", at=NOW
            )
            kept = learn(tx, kind="KeyError", message="'colour'", was="def paint(c):\n    return C[c]\n", file="paint.py",
                         now="def paint(c):\n    return C.get(c)\n", template="function")  # fmt: skip
        with state.write() as tx:
            [lesson] = [each for each in lessons.every(tx, sort="fix") if each.body["fix"] == name]
            lessons.forget(tx, lesson)
        with state.read() as tx:
            left = list(lessons.every(tx, superseded=True))
            assert {each.sort for each in left if each.body.get("fix") == kept} == {"fix", "pattern", "skill"}
            for table in [t for (t,) in tx.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]:
                for row in tx.execute(f"SELECT * FROM {table}").fetchall():
                    said = b"\0".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
                    assert b"result" not in said, (table, row)
                    assert b"agent_f\0" not in said, (table, row)
            assert tx.execute("SELECT count(*), count(detail) FROM agent_step").fetchone() == (2, 1)
            assert tx.execute("SELECT run_id FROM agent_record").fetchall() == [("agent_r0",)]
            assert not memory.fixes(tx, [a_signature()])
            assert not memory.skills(tx, "total of prices")
            assert tx.execute("SELECT count(*) FROM agent_lesson_words('result OR prices OR total')").fetchone() == (0,)
            assert tx.execute("SELECT count(*) FROM decision").fetchone() == (0,)
            assert len(memory.fixes(tx, [a_signature(kind="KeyError", message="'colour'")])) == 1
        with state.write() as tx:
            tx.execute("INSERT INTO agent_lesson_words (agent_lesson_words, rank) VALUES ('integrity-check', 1)")


def test_a_pattern_goes_with_the_last_fix_that_it_rests_on(tx):
    one = learn(tx)
    learn(tx)
    two = learn(tx, now=WAS.replace("result = price", "result = result + price"))

    def forget(name):
        [lesson] = [each for each in lessons.every(tx, sort="fix") if each.body["fix"] == name]
        lessons.forget(tx, lesson)
        return lessons.every(tx, sort="pattern")

    [pattern] = lessons.every(tx, sort="pattern")
    assert (pattern.confirmed, pattern.body["fixes"]) == (3, {one: 2, two: 1})
    [pattern] = forget(one)
    assert (pattern.confirmed, pattern.body["fixes"]) == (1, {two: 1})
    assert "result = result + price" in pattern.text, "the example that is left stays"
    assert not forget(two)


def test_a_function_goes_with_the_last_fix_that_it_was_found_in(tx):
    one = learn(tx)
    two = learn(tx, was="def total(prices):\n    return 0\n")
    for name, left in ((two, [(1, one)]), (one, [])):
        [skill] = lessons.every(tx, sort="skill")
        assert skill.confirmed == len(left) + 1
        [lesson] = [each for each in lessons.every(tx, sort="fix") if each.body["fix"] == name]
        lessons.forget(tx, lesson)
        assert [(each.confirmed, each.body["fix"]) for each in lessons.every(tx, sort="skill")] == left


def test_the_tests_that_spoke_for_a_fix_are_kept_here_and_not_sent(tx):
    name = learn(tx)
    assert memory.tests_of(tx, name) is None
    learn(tx, found_with=["b", "a"])
    learn(tx, found_with=["c"])
    assert memory.tests_of(tx, name) == {"a", "b", "c"}
    [fix] = lessons.every(tx, sort="fix")
    assert "found_with" in fix.body
    assert "found_with" not in sharing.exported(tx, fix, NOW)["body"]


def test_a_skill_of_a_merely_plausible_fix_is_not_told_as_verified(tx):
    learn(tx, standing="2 other edits pass as well")
    [skill] = lessons.every(tx, sort="skill")
    assert skill.text.startswith("Passes its tests, but only plausible (2 other edits pass as well), from shop.py:")
    learn(tx)
    [skill] = lessons.every(tx, sort="skill")
    assert skill.text.startswith("Verified by tests, from shop.py:")


# -- other machines ------------------------------------------------------------------------------------------------


def test_what_is_exported_is_imported_once_marked_and_not_trusted_until_it_has_helped(tmp_path):
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    with open_state(places[0]) as state, state.write() as tx:
        memory.start_run(tx, "agent_r1", "/p", "pytest -q", "d", AT)
        name = learn(tx)
        learn(tx)
        memory.set_status(tx, "agent_r1", "exhausted",
                          memory.note_failure(tx, [("t", a_signature(kind="OSError"))], AT), AT)  # fmt: skip
        sent = [sharing.exported(tx, lesson, NOW) for lesson in lessons.every(tx)]
    assert {record["sort"] for record in sent} == {"fix", "pattern", "skill", "failure"}
    assert all("/p" not in json.dumps(record) and "run_id" not in record for record in sent)
    with open_state(places[1]) as state, state.write() as tx:
        for expected in (True, False):
            for record in json.loads(json.dumps(sent)):
                lesson, is_new = sharing.take(tx, *sharing.checked(record, at=AT))
                assert is_new is expected
                assert (lesson.origin, lesson.confirmed, lesson.is_trusted) == ("import", 0, False)
        [fix] = lessons.every(tx, sort="fix")
        assert fix.body["provenance"]["confirmed_count"] == 2
        assert fix.weight(NOW) == 0.5
        [found] = memory.fixes(tx, [a_signature()])
        assert (found.id, found.is_trusted) == (name, False)
        first = memory.recall(tx, [a_signature()], "", at=AT)[0]
        assert "not confirmed here" in first.why
        assert first.text.startswith("(From another machine, not confirmed here.) ")
        memory.start_run(tx, "agent_r1", "/q", "pytest -q", "d", AT)
        learn(tx)
        [fix] = lessons.every(tx, sort="fix")
        assert (fix.origin, fix.confirmed, fix.is_trusted) == ("import", 1, True)
        assert memory.fixes(tx, [a_signature()])[0].is_trusted


def test_a_refuted_import_is_counted(tx, tmp_path):
    (tmp_path / "other").mkdir()
    with open_state(tmp_path / "other") as state, state.write() as elsewhere:
        memory.start_run(elsewhere, "agent_r1", "/p", "pytest -q", "d", AT)
        name = learn(elsewhere)
        record = sharing.exported(elsewhere, lessons.every(elsewhere, sort="fix")[0], NOW)
    sharing.take(tx, *sharing.checked(record, at=AT))
    for _ in range(4):
        assert memory.fixes(tx, [a_signature()])
        memory.note_replay(tx, name, False, AT)
    assert not memory.fixes(tx, [a_signature()])


def _exported_fix(tx):
    learn(tx)
    return sharing.exported(tx, lessons.every(tx, sort="fix")[0], NOW)


@pytest.mark.parametrize(
    ("change_it", "words"),
    [
        (lambda r: r.update(format=2), "format 2"),
        (lambda r: r.pop("format"), "'format' is missing"),
        (lambda r: r.update(sort="spell"), "no sort of lesson: 'spell'"),
        (lambda r: r["body"]["blocks"][0].update(after=["import os\n"]), "not what its id says"),
        (lambda r: r["body"]["blocks"][0].update(file="/etc/passwd"), "no fix may change"),
        (lambda r: r["body"]["blocks"][0].update(file="a/../../b.py"), "no fix may change"),
        (lambda r: r["body"]["blocks"][0].update(file="tests/test_a.py"), "no fix may change"),
        (lambda r: r["body"]["blocks"][0].update(before="x"), "'before' has the wrong type"),
        (lambda r: r["body"].update(blocks=[]), "without blocks"),
        (lambda r: r["body"].update(blocks=[7]), "no object"),
        (lambda r: r.update(body="x"), "'body' has the wrong type"),
        (lambda r: r.update(title=7), "'title' has the wrong type"),
        (lambda r: r.update(error=7), "not a text: 7"),
        (lambda r: r.update(at="yesterday"), "not a time"),
        (lambda r: r.update(signatures="x"), "not a list"),
        (lambda r: r.update(signatures=[{"level": "exact", "version": 1, "signature": "z"}]), "signature that is none"),
    ],
)
def test_a_lesson_that_is_not_what_it_should_be_is_refused_in_clear_words(tx, change_it, words):
    record = json.loads(json.dumps(_exported_fix(tx)))
    change_it(record)
    with pytest.raises(DataError, match=words):
        sharing.checked(record, at=AT)


def test_whatever_is_imported_only_a_data_error_can_come_of_it(tx):
    chance = random.Random(3)
    learn(tx)
    seeds = [json.dumps(sharing.exported(tx, lesson, NOW)) for lesson in lessons.every(tx)]
    odd = [
        None,
        True,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "\0",
        "�" * 5000,
        [],
        [[]],
        {},
        {"a": {}},
        ["x"],
        "def f(:",
        "1" * 50_000,
    ]

    def spoil(value, depth=0):
        if chance.random() < 0.08 * (depth + 1):
            return chance.choice(odd)
        if isinstance(value, dict):
            return {key: spoil(each, depth + 1) for key, each in value.items() if chance.random() > 0.02}
        return [spoil(each, depth + 1) for each in value] if isinstance(value, list) else value

    fared = Counter()
    for _ in range(600):
        record = spoil(json.loads(chance.choice(seeds)))
        if not isinstance(record, dict):
            continue
        try:
            sharing.take(tx, *sharing.checked(record, at=AT))
            fared["taken"] += 1
        except DataError as problem:
            assert problem.message
            assert "\n" not in problem.message
            assert len(problem.message) < 200
            fared["refused"] += 1
    assert min(fared.values()) > 20


def test_imported_text_cannot_steer_a_terminal(tx):
    record = json.loads(json.dumps(_exported_fix(tx)))
    record["title"] = "\x1b]0;owned\x07 \u202egood"
    lesson, _ = sharing.checked(record, at=AT)
    assert not any(character in lesson.title for character in "\x1b\x07\u202e")


# -- preference ----------------------------------------------------------------------------------------------------


def test_a_repair_is_learned_from_once(tx):
    right, wrong = Traits(("compare", "size/1")), Traits(("variable", "size/7"))
    lesson = Lesson.of(right, [wrong] * 5)
    memory.note_choice(tx, "agent_f1", [lesson], AT)
    once = memory.preference(tx)
    assert once.score(right) > 1 > once.score(wrong)
    memory.note_choice(tx, "agent_f1", [lesson], AT)
    assert memory.preference(tx).weights == once.weights
    memory.note_choice(tx, "agent_f2", [lesson], AT)
    assert memory.preference(tx).score(right) > once.score(right)
    memory.note_choice(tx, "agent_f3", [], AT)
    assert tx.execute("SELECT count(*) FROM agent_choice").fetchone() == (2,)


def test_the_surroundings_of_an_edit():
    text = "def f(xs, spare):\n    n = 0\n    while n < len(xs):\n        n += 1\n    return n\n"
    source = Source("a.py", text.encode())
    around = Contexts(source)
    found = {(edit.template, edit.text): edit for edit in edits(source)}
    assert around.construct(found["compare", "<="]) == "While.test"
    assert around.construct(found["augmented", "-="]).startswith("AugAssign")
    at = text.index("return n") + 7
    assert around.names(Edit(at, at + 1, "spare", "variable", 1.0, 5)) == "brings one into use"
    at = text.index("len(xs)") + 4
    assert around.names(Edit(at, at + 2, "n", "variable", 1.0, 3)) == "takes the last use"
    assert around.names(Edit(at, at, "", "variable", 1.0, 3)) == ""


def test_two_names_that_a_formatted_string_shows_are_exchanged() -> None:
    source = Source("m.py", b'def iso(d, m, y):\n    return f"{y}-{d:02}-{m} {{d}} {y}"\n')
    texts = {edit.text for edit in edits(source) if edit.template == "swap_placeholders"}
    assert 'f"{y}-{m:02}-{d} {{d}} {y}"' in texts
    assert all("{{d}}" in text for text in texts)
