"""One end of a shot trimmed by words: which words ask for it, and what becomes of the edit around it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from corrected import AT, edit_of, errors, said

from roadmap_cli.edl.feedback import wishes
from roadmap_cli.edl.feedback.material import Edit

pytest.importorskip("numpy")
pytest.importorskip("cv2")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("trim the first second of shot 2", [(1, (2,), 1.0, None)]),
        ("Cut half a second off the end of shot 3.", [(-1, (3,), 0.5, None)]),
        ("shave ten frames off the head of the second clip", [(1, (2,), None, 10.0)]),
        ("could you lose the last two seconds of the opening shot", [(-1, (1,), 2.0, None)]),
        ("take 1,5 s off shot 4 at the start", [(1, (4,), 1.5, None)]),
        ("shorten the last shot by 200 ms at the end", [(-1, (-1,), 0.2, None)]),
        ("trim the tail of clip 2 by a second please", [(-1, (2,), 1.0, None)]),
        ("trim shot 2's last half second", [(-1, (2,), 0.5, None)]),
        ("start the third shot twelve frames later", [(1, (3,), None, 12.0)]),
        ("shot 2 should end a second sooner", [(-1, (2,), 1.0, None)]),
        ("chop a second off both ends of shot 2", [(1, (2,), 1.0, None), (-1, (2,), 1.0, None)]),
        (
            "trim the first second of shot 2 and the last 5 frames of shot 3",
            [(1, (2,), 1.0, None), (-1, (3,), None, 5.0)],
        ),
        ("cut the first second of shots 1 and 3", [(1, (1, 3), 1.0, None)]),
    ],
)
def test_which_end_is_meant_and_by_how_much(
    words: str, wanted: list[tuple[int, tuple[int, ...], float | None, float | None]]
) -> None:
    found = wishes.read(words)
    assert {wish.axis for wish in found} == {"trim"}
    assert [(wish.sign, wish.place.shots, wish.target_s, wish.target_frames) for wish in found] == wanted


@pytest.mark.parametrize(
    "words",
    [
        "don't trim the first second of shot 2",
        "the first second of shot 2 is too dark",
        "cut out the first two seconds",
        "cut two seconds off the end",
        "shorten the last shot by half a second",
        "fade out the last second of shot 3",
    ],
)
def test_other_words_trim_no_end(words: str) -> None:
    assert "trim" not in {wish.axis for wish in wishes.read(words)}


def shown(edit: Edit) -> list[tuple[int, int]]:
    return [(cut["in_frame"], cut["out_frame"]) for cut in edit.cuts]


def test_one_end_goes_and_what_follows_moves_up() -> None:
    edit = edit_of(3)
    title = {"kind": "edl.title", "id": "t", "at": AT, "plan_id": "plan", "text": "Here", "timeline_in_frame": 105,
             "timeline_out_frame": 145}  # fmt: skip
    made = said(replace(edit, titles=(title,)), "trim the first second of shot 2")
    (told,) = made.told
    assert (told.outcome, told.what) == ("changed", "25 frames off the start of 1 cut")
    assert (told.measured[0].before, told.measured[0].after) == (2.0, 1.0)
    assert shown(made.edit) == [(0, 50), (125, 150), (200, 250)]
    assert [cut["timeline_in_frame"] for cut in made.edit.cuts] == [0, 50, 75]
    assert made.edit.titles[0]["timeline_in_frame"] == 80
    assert not errors(made.edit)
    assert shown(said(edit, "cut 10 frames off the end of shots 1 and 3").edit) == [(0, 40), (100, 150), (200, 240)]


def test_frames_are_those_of_the_programme_at_any_speed() -> None:
    edit = edit_of(2)
    fast = edit.put([{**edit.cuts[0], "speed": "2/1", "out_frame": 100}, edit.cuts[1]])
    assert shown(said(fast, "trim the last 10 frames of shot 1").edit)[0] == (0, 80)


def test_a_shot_that_has_not_that_much_stays() -> None:
    made = said(edit_of(3), "cut two seconds off the end of shot 3")
    (told,) = made.told
    assert (told.outcome, told.reason) == ("refused", "cut 3 is 2 s long: 2 s less leave nothing")
    assert made.edit.cuts == edit_of(3).cuts
    (told,) = said(edit_of(3), "trim the first second of shot 7").told
    assert "outside the edit" in told.reason
    edit = edit_of(2)
    spoken = {
        "kind": "edl.span",
        "id": "s",
        "at": AT,
        "source_id": "src",
        "sort": "speech",
        "start_ms": 0,
        "end_ms": 900,
    }
    (told,) = said(replace(edit, facts={"edl.span": (spoken,)}), "trim the first second of shot 1").told
    assert told.notes == ("somebody speaks in what went of cut 1",)
