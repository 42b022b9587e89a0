"""Revisions of an edit: whatever is done, undone and redone, what stands is what replaying it gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core import clock, schemas
from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.edl import gathering, timecode, when
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.history import answers, asking, bearings, log, revisions, walking
from roadmap_cli.edl.history.asking import Question
from roadmap_cli.edl.history.changes import Change, Layout, Version, difference, origin, overlap, take_back
from roadmap_cli.state import records
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT = clock.stamp(NOW)
SOURCE = {
    "kind": "edl.source", "id": "src", "at": AT, "path": "/films/ride.mp4", "sha256": "0" * 64, "frames": 100_000,
    "fps": "25/1", "width": 640, "height": 360, "method": "m-1",
}  # fmt: skip
NUMBERS = count()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with State.open(
        home / "state.db", mode="write", keys=KeySource({"HOME": str(home)}, None), wait_s=5, now=lambda: NOW
    ) as opened:
        yield opened


def first_plan(cuts=5, titles=True):
    """A plan of cuts of 40 source frames each, a title in the third, and music under all."""
    name = f"plan_{next(NUMBERS)}"
    parts = [
        {"kind": "edl.cut", "id": f"{name}_c{n}", "at": AT, "plan_id": name, "position": n, "source_id": "src",
         "shot_id": f"shot_{n}", "source": "/films/ride.mp4", "in_frame": 100 * n, "out_frame": 100 * n + 40,
         "fps": "25/1", "speed": "1/1", "timeline_in_frame": 40 * n, "timeline_out_frame": 40 * n + 40,
         "reason": f"shot {n} is sharp"}
        for n in range(cuts)
    ]  # fmt: skip
    if titles:
        parts += [
            {"kind": "edl.title", "id": f"{name}_t", "at": AT, "plan_id": name, "text": "Bern",
             "timeline_in_frame": 85, "timeline_out_frame": 110},
            {"kind": "edl.cue", "id": f"{name}_m", "at": AT, "plan_id": name, "sound": "drone",
             "timeline_in_frame": 0, "timeline_out_frame": 40 * cuts},
        ]  # fmt: skip
    plan = {
        "kind": "edl.plan", "id": name, "at": AT, "intent": "calm", "fps": "25/1", "width": 640, "height": 360,
        "length_frames": 40 * cuts, "cut_count": cuts, "source_ids": ["src"],
    }  # fmt: skip
    return plan, parts


def start(tx, cuts=5, titles=True):
    plan, parts = first_plan(cuts, titles)
    records.put(tx, SOURCE)
    revisions.record(
        tx, plan=plan, things=parts, what="plan it", why="calm", evidence=["src"], command="edl-plan", at=NOW
    )
    return revisions.current(tx, plan["id"])


def laid(parts, was):
    """Cuts one after the other, titles and cues carried along, as every edit that changes lengths does."""
    cuts, frame = [], 0
    for position, cut in enumerate(each for each in parts if each["kind"] == "edl.cut"):
        shown = timecode.frames_shown(
            cut["out_frame"] - cut["in_frame"], Fraction(25), timecode.rational(cut["speed"]), Fraction(25)
        )
        cuts.append(
            {**cut, "position": position, "timeline_in_frame": frame, "timeline_out_frame": frame + shown}
        )  # fmt: skip
        frame += shown
    rest = []
    for each in parts:
        if each["kind"] != "edl.cut":
            ends = Layout.of(was).carry((each["timeline_in_frame"], each["timeline_out_frame"]), Layout.of(cuts))
            rest.append({**each, "timeline_in_frame": ends[0], "timeline_out_frame": ends[1]})
    return [*cuts, *rest]


def make(tx, base, change, what="an edit", seconds=0, **fields):
    """Record an edit: `change` gets the parts in order and gives new ones."""
    now = revisions.version(tx, base.plan_id)
    at = NOW + timedelta(seconds=seconds or next(NUMBERS))
    parts = laid(change([dict(each) for each in now.things]), now.cuts)
    plan, things = revisions.revise(now.plan, parts, clock.stamp(at), **fields)
    made = revisions.record(
        tx, plan=plan, things=things, what=what, why="because", evidence=["src"], command="edl-feedback", at=at
    )
    return revisions.find(tx, made["id"])


def of(tx, revision):
    """What a revision says, without ids and times: what decides the rendered file, and words."""
    found = revisions.version(tx, revision.plan_id)
    bare = [
        {name: value for name, value in part.items() if name not in {"id", "plan_id", "at", "origin_id"}}
        for part in found.things
    ]
    return [origin(part) for part in found.things], bare


def digest(tx, revision):
    found = revisions.version(tx, revision.plan_id)
    edit = gathering.read([SOURCE, found.plan, *found.things])
    return checks.digest(found.plan, edit.cuts, edit.sources, edit.titles, edit.cues)


def setting(place, **fields):
    def change(parts):
        parts[place] = {**parts[place], **fields}
        return parts

    return change


def without(place):
    return lambda parts: [part for n, part in enumerate(parts) if n != place]


def moved(place, to):
    def change(parts):
        part = parts.pop(place)
        parts.insert(to, part)
        return parts

    return change


# -- one edit ----------------------------------------------------------------------------------------------------------


def test_an_edit_is_stored_with_what_why_evidence_and_changes(state):
    with state.write() as tx:
        base = start(tx)
        made = make(tx, base, setting(1, grade={"saturation": 0.5}), "less colour")
        edit = revisions.edit_of(tx, made)
        assert not list(schemas.problems(edit))
        assert edit["changes"] == [
            {"origin_id": f"{base.plan_id}_c1", "sort": "cut", "field": "grade.saturation", "after": 0.5}
        ]
        assert (edit["parent_id"], edit["root_id"]) == (base.plan_id, base.plan_id)
        decision = decisions.get(tx, edit["why_id"])
        assert (decision["what"], decision["why"], decision["run_id"]) == ("less colour", "because", made.plan_id)
        plan, things, sources = revisions.head(tx, base.root_id)
        assert plan["parent_id"] == base.plan_id
        assert sources == [SOURCE]
        assert [part["plan_id"] for part in things] == [plan["id"]] * 7
        assert things[1]["origin_id"] == f"{base.plan_id}_c1"
        assert len({part["id"] for part in things} & {f"{base.plan_id}_c{n}" for n in range(5)}) == 0


def test_undo_and_redo_of_the_last_edit(state):
    with state.write() as tx:
        base = start(tx)
        made = make(tx, base, setting(1, out_frame=120), "shorter")
        assert walking.undo(tx, made, "edl-undo", NOW) == base
        assert revisions.current(tx, base.root_id) == base
        edit = revisions.edit_of(tx, made)
        assert decisions.get(tx, edit["why_id"])["outcome"] == "undone"
        assert walking.redo(tx, base, None, "edl-redo", NOW) == made
        assert decisions.get(tx, edit["why_id"])["outcome"] == "redone"
        with pytest.raises(Negative, match="nothing to redo"):
            walking.redo(tx, made, None, "edl-redo", NOW)
        with pytest.raises(Negative, match="nothing to undo"):
            walking.undo(tx, base, "edl-undo", NOW)


def test_a_new_edit_after_undo_is_a_branch_and_redo_takes_the_last_one(state):
    with state.write() as tx:
        base = start(tx)
        one = make(tx, base, setting(0, speed="4/5"), "slower")
        walking.undo(tx, one, "edl-undo", NOW)
        two = make(tx, base, setting(0, speed="2/1"), "faster")
        walking.undo(tx, two, "edl-undo", NOW)
        assert walking.redo(tx, base, None, "edl-redo", NOW) == two
        assert walking.redo(tx, two, one.edit_id, "edl-redo", NOW) == one
        walking.undo(tx, one, "edl-undo", NOW)
        assert walking.redo(tx, base, None, "edl-redo", NOW) == one
        with pytest.raises(DataError, match="no revision"):
            walking.redo(tx, one, "edl_nothing", "edl-redo", NOW)


def test_undo_of_an_old_edit_keeps_later_ones_and_shifts(state):
    """A trim is taken back although all later cuts lie elsewhere; the title goes along with its cut."""
    with state.write() as tx:
        base = start(tx)
        trim = make(tx, base, setting(0, out_frame=10), "trim")
        look = make(tx, trim, setting(3, grade={"contrast": 1.2}), "harder")
        assert revisions.version(tx, look.plan_id).things[5]["timeline_in_frame"] == 55
        found = walking.undo_one(tx, look, trim.edit_id, "edl-undo", NOW)
        _, parts = of(tx, found)
        assert parts[0]["out_frame"] == 40
        assert parts[3]["grade"] == {"contrast": 1.2}
        assert [part["timeline_in_frame"] for part in parts] == [0, 40, 80, 120, 160, 85, 0]
        assert parts[6]["timeline_out_frame"] == 200
        assert found.undoes == (trim.plan_id,)
        again = walking.undo_one(tx, found, found.edit_id, "edl-undo", NOW)
        assert digest(tx, again) == digest(tx, look)
        with pytest.raises(Negative, match="undone already"):
            walking.undo_one(tx, found, trim.edit_id, "edl-undo", NOW)


def test_what_stands_in_the_way_is_named_and_nothing_changes(state):
    with state.write() as tx:
        base = start(tx)
        one = make(tx, base, setting(2, grade={"saturation": 0.5}), "greyer")
        two = make(tx, one, setting(2, grade={"saturation": 0.8}), "a little more")
        three = make(tx, two, setting(1, speed="4/5"), "slower")
        with pytest.raises(walking.Conflicts, match="'greyer' alone: 'a little more' has changed") as told:
            walking.undo_one(tx, three, one.edit_id, "edl-undo", NOW)
        (record,) = [each.record(AT) for each in told.value.found]
        assert not list(schemas.problems(record))
        assert (record["edit_id"], record["later_edit_id"]) == (one.edit_id, two.edit_id)
        assert revisions.current(tx, base.root_id) == three
        listed = walking.undoable(tx, three)
        assert [(each["what"], len(each["dependant_ids"])) for each in listed] == [
            ("slower", 0), ("a little more", 0), ("greyer", 1),
        ]  # fmt: skip
        found = walking.undo_one(tx, three, one.edit_id, "edl-undo", NOW, with_dependants=True)
        _, parts = of(tx, found)
        assert "grade" not in parts[2]
        assert parts[1]["speed"] == "4/5"


def test_a_cut_that_went_comes_back_where_it_was_unless_it_came_with_the_edit(state):
    with state.write() as tx:
        base = start(tx)
        gone = make(tx, base, without(2), "leave out")
        other = make(tx, gone, moved(0, 3), "first to the end")
        found = walking.undo_one(tx, other, gone.edit_id, "edl-undo", NOW)
        names, parts = of(tx, found)
        assert [name[-2:] for name in names[:5]] == ["c1", "c2", "c3", "c4", "c0"]
        assert [part["timeline_in_frame"] for part in parts[:5]] == [0, 40, 80, 120, 160]

        def split(parts):
            left = parts[0]
            right = {**left, "id": "new_half", "origin_id": "new_half", "in_frame": left["in_frame"] + 20}
            return [{**left, "out_frame": left["in_frame"] + 20}, right, *parts[1:]]

        halves = make(tx, found, split, "split")
        used = make(tx, halves, setting(1, grade={"saturation": 0.1}), "grey half")
        with pytest.raises(walking.Conflicts, match="has changed the grade saturation of cut 1 since"):
            walking.undo_one(tx, used, halves.edit_id, "edl-undo", NOW)


def test_parts_of_one_object_do_not_conflict_and_coming_touches_all():
    def one(field, before=None, after=1):
        return Change("x", "cut", field, before, after)

    assert not overlap([one("grade.saturation")], [one("grade.contrast")])
    assert overlap([one("grade")], [one("grade.contrast")])
    assert overlap([one("", {}, None)], [one("speed")])
    assert not overlap([one("reason")], [one("reason")])
    assert not overlap([one("grade")], [one("grade_x")])


def test_the_plan_itself_can_be_changed_and_taken_back(state):
    with state.write() as tx:
        base = start(tx)
        loud = make(tx, base, lambda parts: parts, "louder", loudness_lufs=-14.0, target_frames=100)
        look = make(tx, loud, setting(0, grade={"contrast": 1.1}), "harder")
        found = walking.undo_one(tx, look, loud.edit_id, "edl-undo", NOW)
        assert "loudness_lufs" not in revisions.version(tx, found.plan_id).plan
        assert {change["field"] for change in revisions.edit_of(tx, loud)["changes"]} == {
            "loudness_lufs", "target_frames",
        }  # fmt: skip


def test_what_cannot_be_recorded_is_refused(state):
    with state.write() as tx:
        base = start(tx)
        now = revisions.version(tx, base.plan_id)
        plan, things = revisions.revise(now.plan, now.things, AT)
        given = {"what": "x", "why": "y", "evidence": [], "command": "edl-feedback", "at": NOW}
        with pytest.raises(DataError, match="not in the history"):
            revisions.record(tx, plan={**plan, "parent_id": "edl_nowhere"}, things=things, **given)
        with pytest.raises(DataError, match="another plan"):
            revisions.record(tx, plan=plan, things=now.things, **given)
        with pytest.raises(DataError, match="two of one origin"):
            revisions.record(tx, plan=plan, things=[*things, {**things[0], "id": "other"}], **given)
        stray = Change("nobody", "cut", "speed", "1/1", "4/5")
        with pytest.raises(DataError, match="not in the plan"):
            revisions.record(tx, plan=plan, things=things, changes=[stray], **given)
        with pytest.raises(DataError, match="evidence is not stored"):
            revisions.record(tx, plan=plan, things=things, **{**given, "evidence": ["nothing"]})


def test_a_plan_stored_by_another_command_is_the_first_of_its_history(state):
    with state.write() as tx:
        plan, parts = first_plan(3, titles=False)
        plan = {**plan, "at": "2027-01-01T00:00:00.000Z"}
        records.put_many(tx, [SOURCE, plan, *parts])
        base = revisions.current(tx)
        assert base.plan_id == plan["id"]
        assert [part["id"] for part in revisions.version(tx, base.plan_id).things] == [part["id"] for part in parts]
        made = make(tx, base, without(1), "less")
        assert walking.path(tx, made) == [base, made]
        walking.undo(tx, made, "edl-undo", NOW)
        assert [edit["plan_id"] for edit in log.records(tx, base)] == [made.plan_id, base.plan_id]


def test_a_moved_source_is_found_where_it_was_last_seen(state):
    with state.write() as tx:
        base = start(tx)
        found = revisions.whole(tx, base)
        revisions.adopt(tx, found.plan, found.things, [{**SOURCE, "path": "/elsewhere/ride.mp4"}], NOW, "edl-undo")
        assert revisions.head(tx, base.root_id).sources[0]["path"] == "/elsewhere/ride.mp4"
        revisions.place(tx, [SOURCE])


def test_what_was_changed_by_hand_on_the_way_is_an_edit(state):
    with state.write() as tx:
        base = start(tx)
        plan, things, sources = revisions.whole(tx, base)
        assert revisions.adopt(tx, {**plan, "checked": True}, things, sources, NOW, "edl-check") == base
        changed = [{**part, "speed": "4/5"} if n == 1 else part for n, part in enumerate(things)]
        found = revisions.adopt(tx, {**plan, "loudness_lufs": -14.0}, changed, sources, NOW, "edl-check")
        edit = revisions.edit_of(tx, found)
        assert edit["what"] == "change 2 parts by hand"
        assert sorted(each["field"] for each in edit["changes"]) == ["loudness_lufs", "speed"]
        assert revisions.current(tx, base.root_id) == found
        assert walking.undo(tx, found, "edl-undo", NOW) == base


def test_the_edit_worked_on_is_the_one_had_to_do_with_last(state):
    with state.write() as tx:
        base = start(tx)
        graded = make(tx, base, setting(0, speed="4/5"), "slow it down")
        other = start(tx)
        assert bearings.words(tx, other) == f"the edit worked on last: 'calm', as planned ({other.plan_id})"
    edits = [
        gathering.Edit(found.plan, found.things, sources={"src": SOURCE})
        for found in (revisions.version(tx, each.plan_id) for each in (graded, base))
    ]
    for edit in edits:
        assert bearings.attend(state, edit, "edl-check", NOW) == ""
        with state.read() as tx:
            assert revisions.current(tx).plan_id == edit.plan["id"]
    assert bearings.attend(state, edits[0], "edl-render", NOW) == ""
    with state.read() as tx:
        told = bearings.words(tx, revisions.current(tx))
        assert told == f"the edit worked on last: 'calm', after 1 edit, the last 'slow it down' ({graded.plan_id})"
    with state.write() as tx:
        assert walking.undo(tx, graded, "edl-undo", NOW) == base
        assert walking.redo(tx, base, None, "edl-redo", NOW) == graded
        count = tx.execute("SELECT count(*) FROM edl_head_move").fetchone()
        revisions.attend(tx, edits[0].plan, edits[0].things, [SOURCE], NOW, "edl-preview")
        assert tx.execute("SELECT count(*) FROM edl_head_move").fetchone() == count, "it stood there already"
    strange = replace(edits[0], cuts=[{**edits[0].cuts[0], "in_frame": "one"}])
    assert "does not take this edit" in bearings.attend(state, strange, "edl-check", NOW)
    assert bearings.attend(None, edits[0], "edl-check", NOW) == ""


def test_what_was_changed_by_hand_is_one_edit_however_many_commands_see_it(state):
    with state.write() as tx:
        plan, things, sources = revisions.whole(tx, start(tx))
        changed = [{**part, "speed": "4/5"} if n == 1 else part for n, part in enumerate(things)]
        given = (plan, changed, sources)
        found = revisions.attend(tx, *given, NOW, "edl-check")
        assert revisions.attend(tx, *given, NOW + timedelta(seconds=5), "edl-render") == found
        assert revisions.attend(tx, plan, things, sources, NOW, "edl-check").plan_id == plan["id"]
        assert revisions.attend(tx, *given, NOW, "edl-export") == found == revisions.current(tx)
        assert len(revisions.tree(tx, found.root_id)) == 2


def test_the_log_draws_branches(state):
    with state.write() as tx:
        base = start(tx)
        one = make(tx, base, setting(0, speed="4/5"), "one")
        walking.undo(tx, one, "edl-undo", NOW)
        two = make(tx, base, setting(0, speed="2/1"), "two")
        three = make(tx, two, setting(1, speed="2/1"), "three")
        told = log.records(tx, three)
        drawn = [(lane, edit["what"] if edit else "") for lane, edit in log.lanes(told)]
        assert drawn == [("●", "three"), ("○", "two"), ("│ ○", "one"), ("├─╯", ""), ("○", "plan it")]
        assert [edit["is_in_force"] for edit in told] == [True, True, False, True]
        assert [edit["what"] for edit in told if edit["is_head"]] == ["three"]


# -- any sequence ------------------------------------------------------------------------------------------------------

GRADES = st.fixed_dictionaries({"saturation": st.sampled_from([0.2, 0.5, 0.9])})
EDITS = st.one_of(
    st.tuples(st.just("grade"), st.integers(0, 9), st.sampled_from([0.2, 0.5, 0.9])),
    st.tuples(st.just("effects"), st.integers(0, 9), st.sampled_from([0.1, 0.2])),
    st.tuples(st.just("trim"), st.integers(0, 9), st.integers(5, 60)),
    st.tuples(st.just("speed"), st.integers(0, 9), st.sampled_from(["4/5", "1/1", "3/2"])),
    st.tuples(st.just("drop"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("move"), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("split"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("title"), st.integers(0, 9), st.integers(0, 150)),
)
STEPS = st.lists(
    st.one_of(
        EDITS, EDITS, st.just(("undo", 0, 0)), st.just(("redo", 0, 0)), st.tuples(st.just("undo_one"), st.integers(0, 9),
        st.integers(0, 1)), st.tuples(st.just("go"), st.integers(0, 30), st.just(0)),
    ),
    max_size=14,
)  # fmt: skip


def applied(step, parts):
    """An edit as a function of the parts it finds, by origin, so that it can be replayed on others; None: nothing."""
    sort, place, value = step
    cuts = [part for part in parts if part["kind"] == "edl.cut"]
    if sort == "title":
        name = next(origin(part) for part in parts if part["kind"] == "edl.title")
        fields = {"timeline_in_frame": value, "timeline_out_frame": value + 20}
        return lambda found: [{**part, **fields} if origin(part) == name else part for part in found]
    name = origin(cuts[place % len(cuts)])
    if sort == "drop":
        return None if len(cuts) == 1 else lambda found: [part for part in found if origin(part) != name]
    if sort == "move":
        left = [""] + [origin(cut) for cut in cuts if origin(cut) != name]
        ahead = left[value % len(left)]

        def move(found):
            part = next((part for part in found if origin(part) == name), None)
            rest = [each for each in found if each is not part]
            at = next((n + 1 for n, each in enumerate(rest) if origin(each) == ahead), 0)
            return found if part is None else [*rest[:at], part, *rest[at:]]

        return move
    if sort == "split":
        half = f"half_{next(NUMBERS)}"

        def split(found):
            made = []
            for part in found:
                made.append(part)
                if origin(part) == name and part["out_frame"] - part["in_frame"] > 4:
                    middle = (part["in_frame"] + part["out_frame"]) // 2
                    made[-1] = {**part, "out_frame": middle}
                    made.append({**part, "id": half, "origin_id": half, "in_frame": middle})
            return made

        return split

    def set_field(found):
        made = []
        for part in found:
            if origin(part) == name:
                if sort == "trim":
                    part = {**part, "out_frame": part["in_frame"] + value}
                elif sort == "speed":
                    part = {**part, "speed": value}
                else:
                    inner = {"grade": "saturation", "effects": "shadows"}[sort]
                    part = {**part, sort: {**part.get(sort, {}), inner: value}}
            made.append(part)
        return made

    return set_field


def check_whole(tx, revision):
    """The timeline is a partition, everything belongs to the plan, every origin is there once."""
    found = revisions.version(tx, revision.plan_id)
    edges = [0, *(cut["timeline_out_frame"] for cut in found.cuts)]
    assert [cut["timeline_in_frame"] for cut in found.cuts] == edges[:-1]
    assert found.plan["length_frames"] == edges[-1]
    assert [cut["position"] for cut in found.cuts] == list(range(len(found.cuts)))
    assert len({origin(part) for part in found.things}) == len(found.things)
    for part in found.things:
        assert part["plan_id"] == revision.plan_id
        assert 0 <= part["timeline_in_frame"] < part["timeline_out_frame"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_sequence_gives_what_replaying_gives(state, steps):
    with state.write() as tx:
        base = here = start(tx)
        made, kinds, contents = {}, {}, {base.plan_id: of(tx, base)}
        for step in steps:
            before = of(tx, here)
            if step[0] == "undo":
                if here.parent_id is None:
                    continue
                parent = here.parent_id
                here = walking.undo(tx, here, "edl-undo", NOW)
                assert here.plan_id == parent
                again = walking.redo(tx, here, None, "edl-redo", NOW)
                assert of(tx, again) == before, "undo and redo change nothing"
                here = walking.undo(tx, again, "edl-undo", NOW)
            elif step[0] == "redo":
                if any(each.parent_id == here.plan_id for each in revisions.tree(tx, base.root_id)):
                    here = walking.redo(tx, here, None, "edl-redo", NOW)
            elif step[0] == "go":
                tree = revisions.tree(tx, base.root_id)
                here = walking.redo(tx, here, tree[step[1] % len(tree)].plan_id, "edl-redo", NOW)
            elif step[0] == "undo_one":
                counting = walking.in_force(walking.path(tx, here))
                if not counting:
                    continue
                target = counting[step[1] % len(counting)]
                try:
                    here = walking.undo_one(tx, here, target.plan_id, "edl-undo", NOW, with_dependants=bool(step[2]))
                except walking.Conflicts as clash:
                    assert not step[2]
                    assert clash.found
                    assert of(tx, revisions.current(tx, base.root_id)) == before, "a conflict changes nothing"
            else:
                change = applied(step, revisions.version(tx, here.plan_id).things)
                if change is None:
                    continue
                here = make(tx, here, change)
                if not revisions.edit_of(tx, here)["changes"]:  # it says what was so already: nothing to take back
                    change = list
                made[here.plan_id], kinds[here.plan_id] = change, step[0]
            assert revisions.current(tx, base.root_id) == here
            contents.setdefault(here.plan_id, of(tx, here))
            assert contents[here.plan_id] == of(tx, here), "a revision never changes"
            check_whole(tx, here)
        check_replay(tx, base, here, made, kinds)


def check_replay(tx, base, here, made, kinds):
    line = walking.path(tx, here)
    standing = walking.standing(line)
    first = revisions.version(tx, base.plan_id)
    parts, was = [dict(part) for part in first.things], first.cuts
    for revision in standing:
        parts = laid(made[revision.plan_id](parts), was)
        was = [part for part in parts if part["kind"] == "edl.cut"]
    found = revisions.version(tx, here.plan_id)
    decisive = ("in_frame", "out_frame", "speed", "grade", "effects")
    replayed, stored = (
        {origin(part): [part.get(name) for name in decisive] for part in each if part["kind"] == "edl.cut"}
        for each in (parts, found.things)
    )
    assert replayed == stored
    if not {"move", "split"} & {kinds[each.plan_id] for each in line if each.plan_id in kinds}:
        orders = [[origin(part) for part in each if part["kind"] == "edl.cut"] for each in (parts, found.things)]
        assert orders[0] == orders[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=6))
def test_taking_back_the_last_of_changes_gives_what_was_before(steps):
    plan, parts = first_plan()
    before = Version(plan, parts)
    for step in steps:
        change = applied(step, before.things)
        if change is None:
            continue
        things = laid(change([dict(part) for part in before.things]), before.cuts)
        cuts = [part for part in things if part["kind"] == "edl.cut"]
        after = Version({**plan, "length_frames": cuts[-1]["timeline_out_frame"], "cut_count": len(cuts)}, things)
        back = take_back(after, difference(before, after), before)
        assert [dict(part) for part in back.things] == [dict(part) for part in before.things]
        assert back.plan == before.plan
        before = after


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50)), min_size=1, max_size=8), st.integers(0, 300), st.integers(1, 80))
def test_a_place_is_carried_to_the_same_layout_unchanged(lengths, first, length):
    edges = [0]
    for (each,) in lengths:
        edges.append(edges[-1] + each)
    layout = Layout([(str(n), *ends) for n, ends in enumerate(pairwise(edges))])
    assert layout.carry((first, first + length), layout) == (first, first + length)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=True), st.text(max_size=5),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), JUNK), min_size=1, max_size=3), st.booleans())
def test_whatever_a_stream_says_it_is_taken_in_or_refused_in_a_line(state, steps, known):
    plan, parts = first_plan()
    if known:
        with state.write() as tx:
            records.put(tx, SOURCE)
            revisions.record(
                tx, plan=plan, things=parts, what="plan", why="calm", evidence=["src"], command="edl-plan", at=NOW
            )
    everything = [dict(plan), *(dict(part) for part in parts)]
    for which, field, junk in steps:
        record = everything[which % len(everything)]
        name = sorted(record)[field % len(record)]
        if name != "kind":
            record[name] = junk
    try:
        edit = gathering.read([SOURCE, *everything])
        with state.write() as tx:
            base = revisions.adopt(tx, edit.plan, edit.things, [SOURCE], NOW)
            head = revisions.whole(tx, base)
            walking.undoable(tx, base)
            for words in ("30", "why this?"):
                answers.answer(tx, base, head, asking.read(words, "1" if " " in words else None), AT)
    except (DataError, Negative) as problem:
        assert str(problem)


# -- why ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        ("00:01:12.5", None, {"seconds": Fraction(145, 2)}), ("1:12", None, {"seconds": Fraction(72)}),
        ("1725", None, {"frame": 1725}), ("72.5", None, {"seconds": Fraction(145, 2)}),
        ("00:00:02:05", None, {"frame": 55}), ("why did you cut here?", "12.4", {"seconds": Fraction(62, 5)}),
        ("why did you cut here?", "12", {"seconds": Fraction(12)}), ("why cut at 12.4?", None, {"seconds": Fraction(62, 5)}),
        ("why this at 0:12?", "300f", {"frame": 300}), ("edl_abc", None, {"name": "edl_abc"}),
        ("why is frame 30 dark", None, {"frame": 30, "about": "look"}),
        ("Why did you drop the shot at 3 seconds", None, {"seconds": Fraction(3), "about": "dropped"}),
        ("why is the last shot brighter", None, {"place": when.Place(shots=(-1,)), "about": "look"}),
        ("Why is the third shot so long?", None, {"place": when.Place(shots=(3,)), "about": "all"}),
        ("why is the ending so loud", None, {"place": when.Place(part="end"), "about": "sound"}),
        ("why such a long dissolve", "4s", {"seconds": Fraction(4), "about": "transition"}),
    ],
)  # fmt: skip
def test_a_place_is_understood(words, at, expected):
    found = asking.read(words, at, Fraction(25))
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_place_that_is_none_is_said():
    with pytest.raises(UsageError, match="not a time"):
        asking.read("why", "noon")


@settings(deadline=None)
@given(st.text(max_size=60), st.one_of(st.none(), st.text(max_size=20)))
def test_any_question_is_read_or_refused(words, at):
    try:
        found = asking.read(words, at, Fraction(30_000, 1001))
    except UsageError:
        return
    frame = found.frame_at(Fraction(30_000, 1001))
    assert frame is None or frame >= 0


def measured(tx):
    """A scan of the source with a shot, speech, a word, music and a beat, as the scanner stores it."""
    kept = [
        SOURCE,
        {"kind": "edl.shot", "id": "shot_2", "at": AT, "source_id": "src", "position": 2, "in_frame": 190,
         "out_frame": 250, "fps": "25/1", "luma_mean": 96.2, "motion": 4.25, "sharpness": 2.5},
        {"kind": "edl.span", "id": "span_1", "at": AT, "source_id": "src", "sort": "speech", "start_ms": 8120,
         "end_ms": 9000},
        {"kind": "edl.word", "id": "word_1", "at": AT, "source_id": "src", "text": "hello", "start_ms": 11_900,
         "end_ms": 12_100},
        {"kind": "edl.rhythm", "id": "rhythm_1", "at": AT, "source_id": "src", "start_ms": 0, "end_ms": 60_000,
         "tempo_bpm": 120, "beats_ms": [7960, 8460], "downbeats_ms": [7960]},
    ]  # fmt: skip
    records.put_many(tx, kept)
    for position, record in enumerate(kept):
        tx.execute("INSERT OR REPLACE INTO edl_scan VALUES (?, ?, ?, ?)", ("0" * 64, "m-1", position, record["id"]))


def test_the_answer_names_the_beat_the_numbers_and_the_edits(state):
    with state.write() as tx:
        measured(tx)
        beat = {
            "kind": "edl.beat", "id": "beat_1", "at": AT, "source_id": "src", "position": 0, "role": "turn",
            "in_frame": 190, "out_frame": 250, "energy_ratio": 0.72, "why": "the music begins",
        }  # fmt: skip
        records.put(tx, beat)
        plan, parts = first_plan()
        decided = decisions.decide(
            tx, kind="edl.cut_chosen", what="show it", why="the turn of the story", evidence=["shot_2"],
            command="edl-plan", at=NOW, run_id=plan["id"],
        )  # fmt: skip
        parts[2] |= {"beat_id": "beat_1", "why_id": decided["id"], "shot_id": "shot_2"}
        records.put(tx, SOURCE)
        revisions.record(
            tx, plan=plan, things=parts, what="plan it", why="calm", evidence=["src"], command="edl-plan", at=NOW
        )
        base = revisions.current(tx, plan["id"])
        made = make(tx, base, setting(2, grade={"saturation": 0.5}), "less colour")
        head = revisions.whole(tx, made)
        told, *evidence = answers.answer(tx, made, head, asking.read("why did you cut here?", "3.3"), AT)
        assert not list(schemas.problems(told))
        for words in ("frame 80", "the turn of the story", "'turn' with an energy of 0.72: the music begins",
                      "brightness 96/255", "speech begins 120 ms later", "beat, the first of its bar, is 40 ms earlier",
                      "'less colour' changed grade.saturation from none to 0.5"):  # fmt: skip
            assert words in told["text"], told["text"]
        assert {record["id"] for record in evidence} == set(told["evidence"])
        assert {"beat_1", "shot_2", "span_1", "rhythm_1", decided["id"], made.edit_id} <= set(told["evidence"])
        # by id, and by an id of an earlier revision
        for name in (head.things[2]["id"], f"{plan['id']}_c2", "beat_1", decided["id"]):
            assert answers.answer(tx, made, head, Question(name, name=name), AT)[0]["origin_id"] == f"{plan['id']}_c2"
        # an edit, a title, and what is not there
        told = answers.answer(tx, made, head, Question("x", name=made.edit_id), AT)[0]
        assert "less colour, because: because" in told["text"].lower()
        told = answers.answer(tx, made, head, asking.read("why this title", "3.6"), AT)[0]
        assert told["about"] == "title"
        assert "'Bern'" in told["text"]
        with pytest.raises(Negative, match="ends at frame 200"):
            answers.answer(tx, made, head, asking.read("500"), AT)
        with pytest.raises(Negative, match="nothing of this edit"):
            answers.answer(tx, made, head, asking.read("edl_stranger"), AT)


def test_what_was_asked_comes_first_in_the_answer(state):
    with state.write() as tx:
        records.put(tx, SOURCE)
        plan, parts = first_plan()
        words = (
            "value 0.6 (light 0.8, sound 0.5); serves the story's setup; 80 % saturation; gamma 1.2: too dark for it"
        )
        decided = decisions.decide(
            tx, kind="edl.cut_chosen", what="show it", why=words, evidence=["src"], command="edl-plan", at=NOW,
            run_id=plan["id"],
        )  # fmt: skip
        parts[4] |= {"why_id": decided["id"], "effects": {"gamma": 1.2}}
        revisions.record(
            tx, plan=plan, things=parts, what="plan it", why="calm", evidence=["src"], command="edl-plan", at=NOW
        )
        base = make(tx, revisions.current(tx, plan["id"]), setting(4, grade={"saturation": 0.5}), "less colour")
        head = revisions.whole(tx, base)

        def told(words):
            return answers.answer(tx, base, head, asking.read(words), AT)[0]["text"]

        look = told("why is the last shot so bright?")
        assert look.startswith(
            "Its look: 80 % saturation; gamma 1.2: too dark for it. Since then 'less colour' changed"
        )
        assert "Cut 4 begins" in look
        assert look.count("gamma 1.2: too dark") == look.count("changed grade.saturation") == 1
        assert told("why is the last shot so slow?").startswith("Nothing was decided about its speed")
        assert told("why is the second shot here?").startswith("Cut 1 begins")
        assert told("why is the opening so grey?").startswith("Nothing was decided about its look")
        with pytest.raises(Negative, match="shot 9 lies outside the edit, which has 5 shots"):
            told("why is the ninth shot dark?")
        with pytest.raises(Negative, match="which place is meant"):
            told("why so dark?")


def test_what_was_measured_is_recalled_where_the_stream_brings_none(state):
    with state.write() as tx:
        measured(tx)
        old = {"kind": "edl.span", "id": "span_0", "at": "2026-01-01T00:00:00.000Z", "source_id": "src",
               "sort": "speech", "start_ms": 1, "end_ms": 2}  # fmt: skip
        records.put(tx, old)
        tx.execute("INSERT OR REPLACE INTO edl_scan VALUES (?, ?, ?, ?)", ("0" * 64, "m-0", 0, "span_0"))
        plan, parts = first_plan()
        edit = gathering.read([SOURCE, plan, *parts])
        found = gathering.recalled(tx, edit)
        assert [each["id"] for each in found.of("edl.span")] == ["span_1"], "of an older method nothing"
        assert [each["id"] for each in found.of("edl.word")] == ["word_1"]
        given = gathering.read([SOURCE, old, plan, *parts])
        assert gathering.recalled(tx, given).of("edl.word") == [], "a stream that brings its own is left alone"


def test_why_something_is_not_in_the_edit(state):
    with state.write() as tx:
        measured(tx)
        base = start(tx)
        dropped = decisions.decide(
            tx, kind="edl.shot_dropped", what="leave out", why="darker than the others", evidence=["shot_2", "src"],
            command="edl-plan", at=NOW, run_id=base.plan_id, facts={"value": 0.31},
        )  # fmt: skip
        made = make(tx, base, without(2), "too dark")
        head = revisions.whole(tx, made)
        told = answers.dropped(tx, made, head, SOURCE, 245, "why", AT)[0]
        assert "darker than the others" in told["text"]
        assert "value 0.31" in told["text"]
        assert dropped["id"] in told["evidence"]
        told = answers.dropped(tx, made, head, SOURCE, 210, "why", AT)[0]
        assert "'too dark' took it out" in told["text"]
        told = answers.dropped(tx, made, head, SOURCE, 120, "why", AT)[0]
        assert "is in the edit" in told["text"]
        assert not list(schemas.problems(told))


# -- killed ------------------------------------------------------------------------------------------------------------

WORKER = """
import sys
from datetime import datetime, UTC
sys.path[:0] = {paths!r}
from test_edl_history import make, setting, start, revisions, walking, State, KeySource, NOW
from pathlib import Path
home = Path(sys.argv[1])
with State.open(home / "state.db", mode="write", keys=KeySource({{"HOME": str(home)}}, None), wait_s=5,
                now=lambda: NOW) as state:
    with state.write() as tx:
        try:
            here = revisions.current(tx)
        except Exception:
            here = start(tx)
    print("ready", flush=True)
    for n in range(10_000):
        with state.write() as tx:
            here = make(tx, here, setting(n % 5, speed=["4/5", "1/1"][n // 5 % 2]), f"edit {{n}}", seconds=n + 1)
            if n % 3 == 2:
                here = walking.undo(tx, here, "edl-undo", NOW)
        print(here.plan_id, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_history(tmp_path):
    """Killed five times while it writes; each time the history can be read whole and goes on from its head."""
    paths = [os.path.dirname(__file__), *filter(None, sys.path)]  # noqa: PTH120
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(paths=paths), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        with process:
            for _ in range(4 + 3 * turn):
                told = process.stdout.readline().strip()
            time.sleep(0.003 * turn)
            process.send_signal(signal.SIGKILL)
            said = [told, *filter(None, (line.strip() for line in process.stdout))]
        with State.open(
            tmp_path / "state.db", mode="read", keys=KeySource({"HOME": str(tmp_path)}, None), wait_s=5,
            now=lambda: NOW,
        ) as state, state.read() as tx:  # fmt: skip
            here = revisions.current(tx)
            known = {each.plan_id for each in revisions.tree(tx, here.root_id)}
            assert said[-1] in known, "what was announced is stored"
            for each in revisions.tree(tx, here.root_id):
                check_whole(tx, each)
                assert each.edit_id
                edit = revisions.edit_of(tx, each)
                assert decisions.get(tx, edit["why_id"]), "no edit without its decision"
            assert json.dumps(log.records(tx, here))
