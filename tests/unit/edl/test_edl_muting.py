"""The own sound of shots off and on by words: which words ask for it, and what becomes of the edit."""

from __future__ import annotations

import pytest
from corrected import edit_of, errors, said

from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import when
from roadmap_cli.edl.feedback import wishes
from roadmap_cli.edl.feedback.material import Edit

pytest.importorskip("numpy")
pytest.importorskip("cv2")


def of(sign: int, *numbers: int) -> list[tuple[int, when.Place]]:
    return [(sign, when.Place(shots=numbers))]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("mute shot 2", of(1, 2)),
        ("Could you silence the last clip, please?", of(1, -1)),
        ("turn off the sound of the third shot", of(1, 3)),
        ("switch the audio of clips 2 and 3 off", of(1, 2, 3)),
        ("no audio in the opening shot", of(1, 1)),
        ("get rid of the camera sound in shot 4", of(1, 4)),
        ("make the second shot silent", of(1, 2)),
        ("shot 5 should be without sound", of(1, 5)),
        ("the first clip must have no sound", of(1, 1)),
        ("take the sound of shot 2 away", of(1, 2)),
        ("no sound from 0:04 to 0:06", [(1, when.Place(4, 6))]),
        ("mute the third", of(1, 3)),
        ("mute shot 2 and the last one", of(1, 2, -1)),
        ("silence the second and the last, please", of(1, 2, -1)),
        ("no sound in clips 1 and 2 and in the last one", of(1, 1, 2, -1)),
        ("unmute shot 1 and 0:04 to 0:06", [*of(-1, 1), (-1, when.Place(4, 6))]),
        ("mute 0:01 to 0:02 and 0:04 to 0:05", [(1, when.Place(1, 2)), (1, when.Place(4, 5))]),
        ("mute everything except shot 2", [(1, when.Place(shots=(2,), beside=True))]),
        ("mute all shots but the last one", [(1, when.Place(shots=(-1,), beside=True))]),
        ("mute everything except 0:04 to 0:06", [(1, when.Place(None, 4)), (1, when.Place(6, None))]),
        ("mute everything", [(1, when.EVERYWHERE)]),
        ("kill the original audio", [(1, when.EVERYWHERE)]),
        ("remove the sound of all clips", [(1, when.EVERYWHERE)]),
        ("unmute the second shot", of(-1, 2)),
        ("turn the audio in shot 3 back on", of(-1, 3)),
        ("bring back the sound of the last two clips", of(-1, -2, -1)),
        ("give shot 2 its sound back", of(-1, 2)),
    ],
)
def test_who_wants_silence_or_sound_again_is_understood(words: str, wanted: list[tuple[int, when.Place]]) -> None:
    found = wishes.read(words)
    assert {wish.axis for wish in found} == {"mute"}
    assert [(wish.sign, wish.place) for wish in found] == wanted


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("mute the music", {"music"}),
        ("mute the colours", {"saturation"}),
        ("shot 2 is too quiet", {"loudness"}),
        ("less noise in the picture", {"noise"}),
        ("more silence between the sentences", {"silence"}),
        ("don't mute shot 2", set()),
    ],
)
def test_who_wants_something_else_hears_all_shots(words: str, meant: set[str]) -> None:
    assert {wish.axis for wish in wishes.read(words)} == meant


def test_it_stands_beside_other_wishes() -> None:
    words = "drop the second shot, mute the third shot, warmer please, and flip the last shot"
    found = wishes.read(words)
    assert {(wish.axis, wish.sign) for wish in found} == {("shots", -1), ("mute", 1), ("temperature", 1)}
    assert wishes.left_out(words, found) == ("flip the last shot",)


def heard(edit: Edit) -> list[tuple[int, int]]:
    """The programme frames where sound was recorded and is on."""
    return [
        (cut["timeline_in_frame"], cut["timeline_out_frame"]) for cut in edit.cuts if not saying.sound(cut).mute
    ]  # fmt: skip


def test_a_shot_is_silent_and_can_be_heard_again() -> None:
    edit = edit_of(3)
    lagging = edit.put([{**edit.cuts[0]}, {**edit.cuts[1], "sound": {"gain_db": -3.0, "lag_frames": 10}}, edit.cuts[2]])
    made = said(lagging, "mute the second shot")
    (told,) = made.told
    assert (told.outcome, told.where) == ("changed", "0:00:02.000 to 0:00:04.000")
    assert heard(made.edit) == [(0, 50), (100, 150)]
    assert made.edit.cuts[1]["sound"] == {"gain_db": -3.0, "mute": True}, "what is silent does not lag into the next"
    assert "mute the second shot" in made.edit.cuts[1]["reason"]
    assert "reason" not in made.edit.cuts[0]
    assert not errors(made.edit)
    again = said(made.edit, "unmute shot 2")
    assert again.edit.cuts[1]["sound"] == {"gain_db": -3.0}


def test_several_places_are_silent_by_one_wish() -> None:
    assert heard(said(edit_of(4), "mute shot 2 and the last one").edit) == [(0, 50), (100, 150)]
    made = said(edit_of(3), "mute 0:00 to 0:01 and 0:03 to 0:04")
    assert heard(made.edit) == [(25, 50), (50, 75), (100, 150)]


def test_a_span_is_silent_to_the_frame() -> None:
    made = said(edit_of(3), "no sound from 0:01 to 0:03")
    assert heard(made.edit) == [(0, 25), (75, 100), (100, 150)]
    assert made.edit.length == 150
    shown = [(cut["in_frame"], cut["out_frame"]) for cut in made.edit.cuts]
    assert shown == [(0, 25), (25, 50), (100, 125), (125, 150), (200, 250)], "the picture is what it was"
    assert not errors(made.edit)


def test_what_is_silent_already_or_has_no_sound_is_said() -> None:
    silent = said(edit_of(3), "mute everything").edit
    assert heard(silent) == []
    (told,) = said(silent, "mute shot 1").told
    assert (told.outcome, told.reason) == ("refused", "it is silent there already")
    (told,) = said(edit_of(3), "unmute shot 1").told
    assert (told.outcome, told.reason) == ("refused", "the sound recorded there is on already")
    (told,) = said(edit_of(3, has_sound=False), "mute shot 1").told
    assert (told.outcome, told.reason) == ("refused", "no sound was recorded there")
