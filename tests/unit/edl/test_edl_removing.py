"""Shots taken out of an edit by words: which words ask for it, and what becomes of the edit around the gap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from corrected import AT, edit_of, errors, said
from hypothesis import given, settings
from hypothesis import strategies as some

from roadmap_cli.core.errors import Negative
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import when
from roadmap_cli.edl.feedback import answering, removal_words, removing, settling, wishes
from roadmap_cli.edl.feedback.material import Edit
from roadmap_cli.edl.feedback.plain import plain
from roadmap_cli.edl.feedback.proof import Refused
from roadmap_cli.edl.history import answers, asking, revisions, walking
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State

pytest.importorskip("numpy")
pytest.importorskip("cv2")

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


# -- reading -----------------------------------------------------------------------------------------------------------


def shots(*numbers: int) -> list[tuple[int, when.Place]]:
    return [(-1, when.Place(shots=numbers))]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("remove the first shot", shots(1)),
        ("remove shot 2", shots(2)),
        ("cut out shot 3", shots(3)),
        ("drop the second shot", shots(2)),
        ("take out the last shot", shots(-1)),
        ("get rid of the last clip", shots(-1)),
        ("delete shot 3", shots(3)),
        ("Would you mind deleting it? No: delete the fifth clip.", shots(5)),
        ("Hey, could we lose the 4th scene please", shots(4)),
        ("I'd love to kill the antepenultimate... no, the third-to-last shot should be cut", shots(-3)),
        ("Clips 3 and 5 have to go!", shots(3, 5)),
        ("throw the closing shot out", shots(-1)),
        ("we can do without the opening clip", shots(1)),
        ("please erase shots 2-4 and 7", shots(2, 3, 4, 7)),
        ("omit the last two clips", shots(-2, -1)),
        ("let's scrap the first couple of shots", shots(1, 2)),
        ("Shot two isn't needed", shots(2)),
        ("i don't want to see the third shot", shots(3)),
        ("the fourth clip is out of focus, kick it out", shots(4)),
        ("I hate the last shot: take it away", shots(-1)),
        ("drop the very last shot and clip 2", shots(-1, 2)),
        ("shot 6 out please", shots(6)),
        ("it flows better without the second clip", shots(2)),
        ("remove the third shot from the end", shots(-3)),
        ("ditch the last but one shot, it's too long", shots(-2)),
        ("cut the third shot because the music is too loud there", shots(3)),
        ("skip the shot at 0:04", [(-1, when.Place(4, 4))]),
        ("take out the clip that starts at 1:05", [(-1, when.Place(65, 65))]),
        ("cut out everything between 0:10 and 0:12", [(-1, when.Place(10, 12))]),
        ("delete the first two seconds", [(-1, when.Place(0, 2))]),
        ("remove everything after 0:30", [(-1, when.Place(30, None))]),
        ("keep only shots 1 and 3", [(1, when.Place(shots=(1, 3)))]),
        ("delete everything but the first shot", [(1, when.Place(shots=(1,)))]),
        ("remove all clips except shots 2 and 4", [(1, when.Place(shots=(2, 4)))]),
        ("get rid of the rest, except for the last shot", [(1, when.Place(shots=(-1,)))]),
        ("drop the other clips bar shots 2 and 4", [(1, when.Place(shots=(2, 4)))]),
        ("Keep everything except shot 2.", shots(2)),
        ("please keep all clips but the last", shots(-1)),
        ("I'd like to keep everything apart from 0:04 to 0:06", [(-1, when.Place(4, 6))]),
        ("all but the third shot should stay", shots(3)),
        ("drop everything but shot 3", [(1, when.Place(shots=(3,)))]),
        ("throw everything except the first two shots away", [(1, when.Place(shots=(1, 2)))]),
        ("everything but shot 2 can go", [(1, when.Place(shots=(2,)))]),
        ("remove everything, but keep the second shot", [(1, when.Place(shots=(2,)))]),
        ("delete everything but leave shot 3 and the last one", [(1, when.Place(shots=(3, -1)))]),
        ("keep clips 2 and 3 and drop the rest", [(1, when.Place(shots=(2, 3)))]),
        ("remove every shot", [(-1, when.EVERYWHERE)]),
        ("remove shot 1 and 0:10 to 0:12", [(-1, when.Place(shots=(1,))), (-1, when.Place(10, 12))]),
    ],
)  # fmt: skip
def test_who_asks_for_a_shot_to_go_is_understood(words: str, wanted: list[tuple[int, when.Place]]) -> None:
    assert [(wish.sign, wish.place) for wish in wishes.read(words) if wish.axis == "shots"] == wanted
    assert {wish.axis for wish in wishes.read(words)} == {"shots"}, "and nothing else is wished"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("don't cut out the second shot", set()),
        ("please never remove shot 1", set()),
        ("why did you delete the last clip?", set()),
        ("we should not lose the third shot", set()),
        ("the first shot must not go", set()),
        ("keep the second shot", set()),
        ("remove the shot of the dog", set()),
        ("take out the clip where she laughs", set()),
        ("delete that ugly scene", set()),
        ("keep everything except shot 2 as it is", set()),
        ("don't keep everything but shot 2", set()),
        ("keep everything but make it brighter", {"exposure+"}),
        ("I want everything but shot 2 brighter", {"exposure+"}),
        ("remove the noise", {"noise-"}),
        ("cut faster", {"shot_length-"}),
        ("drop the music", {"music-"}),
        ("lose the slow motion", {"speed+"}),
        ("remove the noise in the second shot", {"noise-"}),
        ("get rid of the grain in shots 2 and 3", {"noise-"}),
        ("drop the music in the last clip", {"music-"}),
        ("remove the title on the first shot", {"titles-"}),
        ("cut the second shot shorter", {"length-"}),
        ("shots 2 and 3 are too dark", {"exposure+"}),
        ("the last two clips are too dark", {"exposure+"}),
        ("the last shot should go first", set()),
        ("duplicate shot 3", set()),
        ("freeze the last shot", set()),
        ("repeat the first shot", set()),
        ("reverse the second clip", set()),
        ("shot 2", set()),
    ],
)
def test_who_asks_for_something_else_loses_no_shot(words: str, meant: set[str]) -> None:
    assert {f"{wish.axis}{'+' if wish.sign > 0 else '-'}" for wish in wishes.read(words)} == meant


def test_several_wishes_are_each_read_and_what_is_not_is_named() -> None:
    def read(words: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        found = wishes.read(words)
        return [(wish.meaning, wish.place.words) for wish in found], wishes.left_out(words, found)

    both = [("left out", "shot 2"), ("a slower pace", "everywhere")]
    assert read("slower please, and drop the second shot") == (both, ())
    two = [("left out", "shot 2"), ("brighter", "shot 3")]
    assert read("drop the second shot and make the third brighter") == (two, ())
    assert read("lose shot 2 and add a cowbell") == (both[:1], ("add a cowbell",))
    assert read("brighter, and mirror it please") == ([("brighter", "everywhere")], ("mirror it please",))
    assert read("drop shot 2 and the shot of the dog") == (both[:1], ("the shot of the dog",))
    assert read("I love the music, but it is too dark") == ([("brighter", "everywhere")], ())


@pytest.mark.parametrize(
    ("words", "place", "told"),
    [
        ("the third-to-last shot", (-3,), "the third-to-last shot"),
        ("the penultimate clip", (-2,), "the second-to-last shot"),
        ("clips 2, 3 and 5", (2, 3, 5), "shots 2, 3 and 5"),
        ("shots 2 to 4", (2, 3, 4), "shots 2, 3 and 4"),
        ("the last three shots", (-3, -2, -1), "the last 3 shots"),
        ("the first and last shots", (1, -1), "shot 1 and the last shot"),
        ("cut 2 seconds", (), "everywhere"),
        ("shot 2 and 3 stops", (2,), "shot 2"),
    ],
)
def test_shots_are_named_in_many_ways(words: str, place: tuple[int, ...], told: str) -> None:
    found = when.read(words)[0]
    assert (found.shots, found.words) == (place, told)


@settings(deadline=None, max_examples=60)
@given(some.lists(some.sampled_from(
    ["remove", "drop", "the", "second", "last", "shot", "shots", "2", "3", "and", "&", ",", "to", "-", "at", "0:04", "it", "all", "but", "except", "keep", "only", "don't", ".", "because", "out", "of", "from", "everything"]
), max_size=12))  # fmt: skip
def test_any_words_of_removal_are_read(words: list[str]) -> None:
    asked = removal_words.read(plain(" ".join(words)))
    assert all(part for part in (*asked.rest, *asked.denied, *asked.unplaced))


# -- the edit around the gap -------------------------------------------------------------------------------------------


def with_cuts(edit: Edit, **changes: dict[str, Any]) -> Edit:
    return edit.put([{**cut, **changes.get(cut["id"], {})} for cut in edit.cuts])


def title(name: str, first: int, end: int) -> dict[str, Any]:
    return {"kind": "edl.title", "id": name, "plan_id": "plan", "text": name, "timeline_in_frame": first,
            "timeline_out_frame": end}  # fmt: skip


def names(edit: Edit) -> list[str]:
    return [str(cut["id"]) for cut in edit.cuts]


def test_a_shot_goes_and_what_follows_moves_up() -> None:
    made = said(edit_of(4), "drop the second shot")
    (told,) = made.told
    assert (told.outcome, told.where) == (answering.CHANGED, "0:00:02.000 to 0:00:04.000")
    assert names(made.edit) == ["cut_0", "cut_2", "cut_3"]
    assert [cut["timeline_in_frame"] for cut in made.edit.cuts] == [0, 50, 100]
    assert made.edit.cuts[1] == {
        **edit_of(4).cuts[2],
        "position": 1,
        "timeline_in_frame": 50,
        "timeline_out_frame": 100,
    }
    assert "shot 2 of 4 out" in told.reason
    assert errors(made.edit) == []


def test_numbers_are_those_of_the_edit_that_was_seen() -> None:
    made = said(edit_of(4), "remove shots 1 and 3, and softer transitions")
    assert names(made.edit) == ["cut_1", "cut_3"]
    made = said(edit_of(4), "remove the first shot and make shot 3 shorter")
    assert [told.outcome for told in made.told] == [answering.CHANGED] * 2
    lengths = {cut["id"]: cut["out_frame"] - cut["in_frame"] for cut in made.edit.cuts}
    assert lengths["cut_2"] < 50
    assert lengths["cut_3"] == 50
    again = said(edit_of(4), "remove shot 2 and make the second shot shorter")
    assert again.told[1].reason == "what is meant is not in the edit any more"


def test_what_would_leave_nothing_is_refused_politely() -> None:
    for words in ("remove all shots", "remove shots 1 to 4", "remove everything after 0:00", "drop everything"):
        made = said(edit_of(4), words)
        assert made.told[0].outcome == answering.REFUSED, words
        assert made.told[0].reason.startswith("nothing would be left: the edit "), words
        assert made.edit is made.before
    assert "has 4 cuts" in said(edit_of(4), "remove shot 9").told[0].reason
    half = said(edit_of(4), "remove shots 2 and 9").told[0]
    assert half.outcome == answering.CHANGED
    assert half.notes == ("shot 9 not there: the edit has 4 cuts",)
    assert said(edit_of(1), "drop the first shot").told[0].reason == "nothing would be left: the edit has 1 shot"
    assert said(edit_of(2), "keep only shots 1 and 2").told[0].reason == "nothing else is in the edit"


def test_only_some_are_kept() -> None:
    assert names(said(edit_of(4), "keep only shots 1 and 3").edit) == ["cut_0", "cut_2"]
    assert names(said(edit_of(4), "remove everything but the last shot").edit) == ["cut_3"]


def test_the_edit_begins_and_ends_as_softly_as_it_did() -> None:
    edit = with_cuts(edit_of(4), cut_0={"fade_in_frames": 12}, cut_3={"fade_out_frames": 20},
                     cut_1={"transition": {"sort": "dissolve", "frames": 10}})  # fmt: skip
    made = removing.shots(edit, [0, 3]).edit
    assert (made.cuts[0]["fade_in_frames"], made.cuts[-1]["fade_out_frames"]) == (12, 20)
    assert "transition" not in made.cuts[0], "nothing is before it"
    assert errors(made) == []


def test_a_transition_that_finds_no_frames_any_more_goes() -> None:
    edit = with_cuts(edit_of(4), cut_0={"in_frame": 950, "out_frame": 1000},
                     cut_2={"transition": {"sort": "dissolve", "frames": 10}})  # fmt: skip
    assert errors(edit) == []
    made = removing.shots(edit, [1]).edit
    assert "transition" not in made.cuts[1], "the source of the cut before has no frame left"
    assert errors(made) == []
    short = with_cuts(edit_of(4), cut_2={"transition": {"sort": "dissolve", "frames": 10}})
    assert removing.shots(short, [1]).edit.cuts[1]["transition"]["frames"] == 10


def test_sounds_that_reach_over_a_joint_fit_it() -> None:
    edit = with_cuts(edit_of(4), cut_0={"sound": {"lag_frames": 10}}, cut_2={"sound": {"lead_frames": 20}},
                     cut_3={"sound": {"lead_frames": 15}})  # fmt: skip
    assert errors(edit) == []
    made = removing.shots(edit, [1]).edit
    assert errors(made) == [], "only one of two sounds reaches over a joint"
    assert saying.sound(made.cuts[0]).lag_frames == 0
    assert saying.sound(made.cuts[1]).lead_frames == 20, "the longer"
    assert errors(removing.shots(edit, [0, 1, 2]).edit) == [], "nothing is beside the only cut"


def test_titles_of_what_went_go_along_and_others_stay() -> None:
    edit = edit_of(4)
    edit = Edit(edit.plan, edit.cuts, (title("opening", 0, 45), title("name", 55, 95), title("end", 155, 200)),
                sources=edit.sources)  # fmt: skip
    middle = removing.shots(edit, [1])
    assert [each["id"] for each in middle.edit.titles] == ["opening", "end"]
    assert middle.notes == ("title 'name' went along",)
    ends = removing.shots(edit, [0, 3]).edit
    assert [(each["id"], each["timeline_in_frame"], each["timeline_out_frame"]) for each in ends.titles] == [
        ("opening", 0, 45), ("end", 55, 100),
    ]  # fmt: skip
    for out in ([0], [3], [0, 3], [1, 2], [0, 1, 2], [1, 2, 3]):
        assert errors(removing.shots(edit, out).edit) == [], out


def test_music_plays_on_and_ends_with_the_edit() -> None:
    edit = edit_of(4)
    cue = {"kind": "edl.cue", "id": "c", "plan_id": "plan", "sound": "drone", "timeline_in_frame": 0,
           "timeline_out_frame": 200, "fade_out_frames": 25}  # fmt: skip
    hit = {**cue, "id": "h", "sound": "hit", "timeline_in_frame": 60, "timeline_out_frame": 70, "fade_out_frames": 2}
    made = removing.shots(Edit(edit.plan, edit.cuts, (), (cue, hit), edit.sources), [1])
    assert [(each["id"], each["timeline_out_frame"]) for each in made.edit.cues] == [("c", 150)]
    assert made.notes == ("1 made sound went along",)
    assert errors(made.edit) == []


def test_a_span_is_cut_out_to_the_frame() -> None:
    made = said(edit_of(4), "cut out 0:01 to 0:03").edit
    assert [(cut["in_frame"], cut["out_frame"]) for cut in made.cuts] == [(0, 25), (125, 150), (200, 250), (300, 350)]
    assert made.length == 150
    assert errors(made) == []
    inner = said(edit_of(4), "remove the part from 0:02.4 to 0:03.6").edit
    assert [(cut["in_frame"], cut["out_frame"]) for cut in inner.cuts][1:3] == [(100, 110), (140, 150)]
    assert len(set(names(inner))) == 5, "two pieces of one cut are two cuts"
    sliver = said(edit_of(4), "remove 0:00 to 0:01.96").edit
    assert sliver.cuts[0]["id"] == "cut_1", "one frame of the first shot would be a flash"
    last = said(edit_of(4), "delete the last 2 seconds and 0:00 to 0:02").edit
    assert names(last) == ["cut_1", "cut_2"]


def test_the_plan_names_what_it_lost() -> None:
    beats = [{"kind": "edl.beat", "id": f"b{n}", "source_id": "src", "in_frame": 100 * n, "out_frame": 100 * n + 60}
             for n in range(2)]  # fmt: skip
    edit = edit_of(4, target_frames=200)
    edit = Edit(edit.plan, edit.cuts, sources=edit.sources, facts={"edl.beat": beats})
    made = removing.shots(edit, [1]).edit
    assert made.plan["dropped_beat_ids"] == ["b1"]
    assert "target_frames" not in made.plan, "nobody waits for the length any more"


@settings(deadline=None, max_examples=60)
@given(
    some.sets(some.integers(0, 4), min_size=1), some.lists(some.integers(0, 24), min_size=10, max_size=10),
    some.lists(some.tuples(some.integers(0, 240), some.integers(5, 120)), max_size=3),
)  # fmt: skip
def test_whatever_goes_the_edit_stays_valid(out: set[int], numbers: list[int], spans: list[tuple[int, int]]) -> None:
    edit = edit_of(5)
    cuts = [
        {**cut, "fade_out_frames": numbers[n], "sound": {"lag_frames": numbers[n + 5]},
         **({"transition": {"sort": "dissolve", "frames": 1 + numbers[n]}} if n else {})}
        for n, cut in enumerate(edit.cuts)
    ]  # fmt: skip
    cuts[4]["sound"] = {}
    titles = tuple(title(f"t{n}", first, min(250, first + length)) for n, (first, length) in enumerate(spans))
    edit = Edit(edit.plan, tuple(cuts), titles, (), edit.sources)
    before = errors(edit)
    if before:
        return
    try:
        made = removing.shots(edit, out).edit
    except Refused:
        assert len(out) == 5
        return
    assert errors(made) == []
    assert names(made) == [f"cut_{n}" for n in range(5) if n not in out]


# -- in the state ------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, wait_s=5, now=lambda: NOW) as opened:
        yield opened


def test_who_asked_and_in_which_words_is_known_and_it_can_be_taken_back(state: State) -> None:
    edit = edit_of(4)
    plan, parts = edit.plan, edit.things()
    with state.write() as tx:
        revisions.place(tx, edit.sources.values())
        revisions.record(
            tx, plan=plan, things=parts, what="plan", why="calm", evidence=["src"], command="edl-plan", at=NOW
        )
    made = said(edit, "drop the second shot")
    told, _ = settling.settle(state, made, "ada", "edl-feedback", NOW)
    with state.write() as tx:
        here = revisions.current(tx)
        assert here.plan_id == told["id"], "the head moves"
        head = revisions.whole(tx, here)
        for words in ("cut_1", "why was the second shot removed?", "why did you drop the shot at 3 seconds"):
            answer = answers.answer(tx, here, head, asking.read(words), AT)[0]
            assert answer["about"] == "dropped"
            assert "as ada asked, because: 'drop the second shot'" in answer["text"], words
        assert "ada" not in answers.answer(tx, here, head, asking.read("why is the second shot dark"), AT)[0]["text"]
        assert tx.execute("SELECT count(*) FROM edl_wish").fetchone() == (0,), "there is no taste for a shot"
        walking.undo(tx, here, "edl-undo", NOW)
        head = revisions.head(tx)
        assert [thing["id"] for thing in head.things] == names(edit)
        assert "took it out" not in answers.answer(tx, revisions.current(tx), head, asking.read("cut_1"), AT)[0]["text"]


def test_one_wish_at_two_places_is_told_of_each(state: State) -> None:
    edit = edit_of(4)
    with state.write() as tx:
        revisions.place(tx, edit.sources.values())
        revisions.record(
            tx,
            plan=edit.plan,
            things=edit.things(),
            what="plan",
            why="calm",
            evidence=["src"],
            command="edl-plan",
            at=NOW,
        )
    made = said(edit, "cut out 0:01 to 0:02 and 0:05 to 0:06")
    settling.settle(state, made, "ada", "edl-feedback", NOW)
    assert len({record["id"] for record in made.records if record["kind"] == "edl.feedback"}) == 2


def test_what_never_was_in_the_edit_is_not_explained(state: State) -> None:
    edit = edit_of(4)
    with state.write() as tx:
        revisions.place(tx, edit.sources.values())
        revisions.record(
            tx, plan=edit.plan, things=edit.things(), what="plan", why="calm", evidence=["src"], command="edl-plan",
            at=NOW,
        )  # fmt: skip
        here = revisions.current(tx)
        with pytest.raises(Negative):
            answers.answer(tx, here, revisions.whole(tx, here), asking.read("cut_9"), AT)
