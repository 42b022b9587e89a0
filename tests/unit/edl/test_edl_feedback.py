"""Words about an edit: read, measured, corrected within bounds, and proved on the pictures and sounds themselves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import grade, programs, when
from roadmap_cli.edl.feedback import (
    answering,
    colour,
    heard,
    likeness,
    material,
    phrasing,
    relaying,
    seen,
    spelling,
    wishes,
    word_vectors,
)
from roadmap_cli.edl.feedback.axes import AXES, HELP
from roadmap_cli.edl.feedback.material import Edit, Footage

numpy = pytest.importorskip("numpy")
pytest.importorskip("cv2")

#: What people say of edits, with what is meant.
PHRASES = Path(__file__).parents[3] / "tools" / "data" / "feedback"
AT = "2026-11-23T09:00:00.000Z"


def codes(text: str) -> set[str]:
    return {f"{wish.axis}{'+' if wish.sign > 0 else '-'}" for wish in wishes.read(text)}


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "swap shots 1 and 2",
        "the mandelbrot should go first",
        "move the last shot to the start",
        "reverse the order",
        "open on shot 4",
        "start with the third shot instead",
        "move shot 5 to the front",
    ],
)
def test_who_asks_for_another_order_is_told_what_can_be_done(text: str) -> None:
    assert codes(text) == set()
    assert "the order of shots is not changed by words here" in answering.unread(text)
    assert answering.unread("more cowbell").startswith("understood are, nearby: 'too dark'")


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("revert the colour of shot 2", True),
        ("undo the warmth", True),
        ("undo the trim", True),
        ("bring back shot 3", True),
        ("undo the last two changes", True),
        ("go back two steps", True),
        ("undo that", False),
        ("undo the last edit", False),
        ("the last one was better", False),
    ],
)
def test_who_takes_one_change_back_does_not_mean_the_last(text: str, one: bool) -> None:
    (wish,) = wishes.read(text)
    assert (wish.axis, wish.sign) == ("undo", 1)
    assert wishes.means_one_change(wish) == one


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("undo that and make it shorter", ["length"]),
        ("undo that, but it is still too dark", ["exposure"]),
        ("mute shot 2 and undo the last change", ["mute"]),
        ("undo the last change, then make shot 3 brighter", ["exposure"]),
        ("undo that, it was better with more music", []),
        ("revert that, it's too dark now", []),
        ("undo that", []),
    ],
)
def test_what_is_wished_besides_an_undo_is_not_its_reason(text: str, axes: list[str]) -> None:
    found = wishes.read(text)
    (taken,) = (wish for wish in found if wish.axis == "undo")
    assert not wishes.means_one_change(taken)
    assert [wish.axis for wish in wishes.besides_undo(text, found)] == axes


def test_every_axis_has_phrases_that_are_read_as_it() -> None:
    assert set(HELP) == set(AXES)
    wrong = [(axis, phrase, codes(phrase)) for axis, phrases in HELP.items() for phrase in phrases
             if {code[:-1] for code in codes(phrase)} != {axis}]  # fmt: skip
    assert not wrong


def test_the_phrases_that_were_learnt_are_read_as_they_say() -> None:
    listed = [line.partition("\t") for path in sorted(PHRASES.glob("*.tsv")) for line in path.read_text().splitlines()]
    some_of_them = listed[::19]
    right = sum(codes(phrase) == set(told.split()) - {"none"} for phrase, _, told in some_of_them)
    assert len(some_of_them) > 300
    assert right / len(some_of_them) > 0.97


def test_what_is_known_was_learnt_from_the_phrases_that_stand_here() -> None:
    sys.path.append(str(PHRASES.parents[1]))
    import learn_feedback

    assert learn_feedback.digest() == likeness.digest(), "run tools/learn_feedback.py"


def test_words_of_like_meaning_are_near() -> None:
    def alike(one: str, other: str) -> float:
        return float(word_vectors.vectors().of(one) @ word_vectors.vectors().of(other))

    assert alike("a gloomy cellar", "a dark cave") > alike("a gloomy cellar", "a loud trumpet") + 0.1
    assert alike("", "a dark cave") == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the donkey shed is as black as a coal sack", {"exposure+"}),  # no rule knows it
        ("the trombone covers up every word", {"music-"}),
        ("lovely music, keep it as it is", set()),
        ("he was a quiet man", set()),
    ],
)
def test_phrases_that_no_rule_knows_are_read_by_likeness(text: str, wanted: set[str]) -> None:
    assert codes(text) == wanted
    assert {f"{a}{'+' if s > 0 else '-'}" for a, s in wishes.by_rules(text)[0]} != wanted or not wanted


@pytest.mark.parametrize(
    ("likely", "read", "wanted"),
    [
        ({"exposure+": 0.5, "exposure-": 0.45, "none": 0.0}, (("exposure", -1),), (("exposure", -1),)),  # the sign
        ({"exposure+": 0.9, "exposure-": 0.1, "none": 0.0}, (("exposure", -1),), (("exposure", 1),)),
        ({"exposure+": 0.1, "exposure-": 0.05, "none": 0.12}, (), ()),
        ({"exposure+": 0.7, "pace+": 0.65, "none": 0.0}, (), (("exposure", 1), ("pace", 1))),
        ({"exposure+": 0.3, "pace+": 0.4, "none": 0.0}, (("exposure", 1), ("pace", 1)), (("exposure", 1), ("pace", 1))),
    ],
)
def test_rules_and_likeness_are_weighed(
    likely: dict[str, float], read: likeness.Meaning, wanted: likeness.Meaning
) -> None:
    assert likeness.weighed(likely, read, False, dict.fromkeys(likely, 0.7)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("not so dark", {"exposure+"}),
        ("don't make it so dark", {"exposure+"}),
        ("not dark enough", {"exposure-"}),
        ("it's not too dark", set()),
        ("too drak", {"exposure+"}),
        ("sooo shaky", {"stability+"}),
        ("warmer, brighter and the music is too loud", {"temperature+", "exposure+", "music-"}),
        ("the first shot is too dark and the last one too bright", {"exposure+", "exposure-"}),
        ("great, but the music is too loud", {"music-"}),
        ("what camera was this?", set()),
        ("leave the brightness as it is", set()),
        ("get rid of the wobbly bits", {"stability+"}),
        ("lose the shake", {"stability+"}),
        ("get rid of the dark bits", {"exposure+"}),
        ("split shot 5 at 0:11", set()),
        ("fade the music out at the end", set()),
        ("drop the intro", set()),
        ("qwertz", set()),
    ],
)
def test_negations_slips_and_several_wishes(text: str, wanted: set[str]) -> None:
    assert codes(text) == wanted


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("too dark from 0:10 to 0:20", when.Place(10, 20)),
        ("too dark between 10 and 20 seconds", when.Place(10, 20)),
        ("last 5 seconds too dark", when.Place(-5, None)),
        ("around 1:05 it is too dark", when.Place(65, 65)),
        ("the second shot is too dark", when.Place(shots=(2,))),
        ("shot 3 is too dark", when.Place(shots=(3,))),
        ("the intro is too dark", when.Place(part="start")),
        ("too dark at the beginning", when.Place(part="start")),
        ("too dark", when.EVERYWHERE),
    ],
)
def test_places(text: str, place: when.Place) -> None:
    (wish,) = wishes.read(text)
    assert (wish.axis, wish.sign, wish.place) == ("exposure", 1, place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("brighten everything except the last shot", when.Place(shots=(-1,), beside=True)),
        ("brighten everything but the last shot", when.Place(shots=(-1,), beside=True)),
        ("brighter everywhere except in shot 2", when.Place(shots=(2,), beside=True)),
        ("all shots apart from shots 3 and 4 are too dark", when.Place(shots=(3, 4), beside=True)),
        ("brighter, but not in shot 5", when.Place(shots=(5,), beside=True)),
        ("brighten everything save the last shot", when.Place(shots=(-1,), beside=True)),
        ("brighten all but the first", when.Place(shots=(1,), beside=True)),
        ("brighter, but leave shot 2 alone", when.Place(shots=(2,), beside=True)),
        ("too dark, apart from the intro", when.Place(part="start", beside=True)),
        ("brighten shots 1-4 except shot 2", when.Place(shots=(1, 3, 4))),
        ("brighter, but the last shot is too dark", when.Place(shots=(-1,))),
        ("great except for shot 3, too dark", when.Place(shots=(3,))),
        ("everything is fine except shot 2 is too dark", when.Place(shots=(2,))),
    ],
)
def test_all_but_a_place(text: str, place: when.Place) -> None:
    (wish,) = wishes.read(text)
    assert (wish.axis, wish.sign, wish.place) == ("exposure", 1, place)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("too dark in shot 2 and in the last one", [("exposure", (2, -1))]),
        ("make the first two clips and shot 5 warmer", [("temperature", (1, 2, 5))]),
        ("Shot 2 and the last one are too dark.", [("exposure", (2, -1))]),
        ("brighten shot 2 and the last one is too loud", [("exposure", (2,)), ("loudness", (-1,))]),
        ("brighter in shot 2 and darker in shot 3", [("exposure", (2,)), ("exposure", (3,))]),
    ],
)
def test_several_shots_are_one_place_where_one_thing_is_said_of_them(
    text: str, wanted: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert [(wish.axis, wish.place.shots) for wish in wishes.read(text)] == wanted


def test_a_wish_counts_at_each_of_the_times_it_names() -> None:
    for text, told in (
        ("too dark at 0:04 and at 0:09", ["at 0:04", "at 0:09"]),
        ("the music is too loud at the start and at the end", ["the start", "the end"]),
        ("warmer from 0:01 to 0:02, 0:04 to 0:05 and in shot 7", ["0:01 to 0:02", "0:04 to 0:05", "shot 7"]),
    ):
        found = wishes.read(text)
        assert [wish.place.words for wish in found] == told
        assert len({(wish.axis, wish.sign) for wish in found}) == 1
        assert wishes.left_out(text, found) == ()


def test_all_but_a_place_is_what_does_not_touch_it() -> None:
    cuts = edit_of(Path("/nowhere.mp4"), [(0, 25), (25, 50), (50, 75), (75, 100)]).cuts
    for named, left in ((when.Place(shots=(-1,)), [0, 1, 2]), (when.Place(Fraction(1), Fraction(2)), [0, 2, 3])):
        place = replace(named, beside=True)
        assert when.positions(place, cuts, Fraction(25)) == left
        assert when.frames(place, cuts, Fraction(25)) == (0, 25 * (left[-1] + 1))
        assert place.words == f"all but {named.words}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("shorten shot 3 by 1 second", when.Place(shots=(3,))),
        ("shorten it by 3 seconds", when.EVERYWHERE),
        ("cut it down to about 8 seconds", when.EVERYWHERE),
        ("make it around 10 seconds long", when.EVERYWHERE),
        ("make it about 3 seconds shorter", when.EVERYWHERE),
        ("too long by 0:10", when.Place(10, 10)),
        ("too long about 10 seconds in", when.Place(10, 10)),
    ],
)
def test_an_amount_of_time_is_no_place(text: str, place: when.Place) -> None:
    (wish,) = wishes.read(text)
    assert wish.place == place


@pytest.mark.parametrize("amount", ["1.5 seconds", "a second and a half", "2 s", "ten frames", "20%"])
def test_longer_by_any_amount_is_longer(amount: str) -> None:
    assert [(wish.sign, wish.place.shots) for wish in wishes.read(f"make shot 2 longer by {amount}")] == [(1, (2,))]
    assert [(wish.sign, wish.place.shots) for wish in wishes.read(f"make shot 2 shorter by {amount}")] == [(-1, (2,))]


@pytest.mark.parametrize(
    ("words", "axis", "sign", "place"),
    [
        ("add 2 seconds to shot 3", "length", 1, when.Place(shots=(3,))),
        ("take 2 seconds from shot 3", "length", -1, when.Place(shots=(3,))),
        ("the last two seconds of shot 1 are too loud", "loudness", -1, when.Place(shots=(1,))),
        ("the first 2 seconds of shot 3 are too dark", "exposure", 1, when.Place(shots=(3,))),
        ("from 3s to 5s quieter", "loudness", -1, when.Place(3, 5)),
    ],
)
def test_seconds_are_of_what_they_are_said_of(words: str, axis: str, sign: int, place: when.Place) -> None:
    (wish,) = wishes.read(words)
    assert (wish.axis, wish.sign, wish.place) == (axis, sign, place)


def test_degrees_lengths_and_complaints() -> None:
    assert [wishes.read(text)[0].strength for text in ("a touch brighter", "brighter", "way too dark")] == [0.5, 1, 1.5]
    assert wishes.read("cut it down to a minute")[0].target_s == 60
    assert wishes.read("too dark")[0].complaint
    assert not wishes.read("make it brighter")[0].complaint
    assert wishes.read("can't see her face")[0].face


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("cut 5 seconds", 11.0),
        ("make it 5 seconds shorter", 11.0),
        ("make it exactly 10 seconds long", 10.0),
        ("cut it down to about 8 seconds", 8.0),
        ("shorten shot 3 by 1 second", 15.0),
        ("shorten the last shot by half a second", 15.5),
        ("trim shot 2 by 10 frames", 15.6),
        ("cut shot 2 in half", 14.0),
        ("speed up shot 2 by 60%", 14.5),
        ("play shot 2 at double speed", 14.0),
        ("make the last shot longer by one second", 17.0),
        ("make it a few seconds shorter", 13.0),
        ("shorten shot 3 by 1,5 seconds", 14.5),
        ("shorten shot 3 by one and a half seconds", 14.5),
        ("make the last shot longer by a second and a half", 17.5),
        ("cut it down to twelve seconds", 12.0),
    ],
)
def test_amounts_are_followed(found: programs.Programs, text: str, lengths: float) -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(200 * n, 200 * n + 100) for n in range(4)])
    made = said(found, edit, text)
    assert made.told[0].outcome == answering.CHANGED
    assert not wishes.unfollowed(made.told[0].wish)
    assert float(made.edit.length / made.edit.fps) == pytest.approx(lengths, abs=0.3)


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ("warmer but not the faces", ("not the faces",)),
        ("warmer, but leave the faces alone", ("leave the faces alone",)),
        ("Please don't touch the sky, just make it darker", ("please don't touch the sky",)),
        ("more contrast except for the skin", ("except for the skin",)),
        ("quieter, but keep the music as it is", ("keep the music as it is",)),
        ("shorter, without touching the music", ("without touching the music",)),
        ("brighter, but leave the music alone", ()),
        ("louder voice, but leave the music as it is", ()),
        ("make the music quieter and leave the rest as it is", ()),
        ("brighter, but leave shot 2 alone", ()),
        ("brighter, but not too much", ()),
        ("less colour, not warm", ()),
    ],
)
def test_what_is_to_be_spared_and_is_not_is_named(text: str, touched: tuple[str, ...]) -> None:
    found = wishes.read(text)
    assert found
    assert wishes.unspared(text, found) == touched
    assert wishes.left_out(text, found) == ()


def test_what_is_to_stay_as_it_is_hides_no_wish() -> None:
    assert codes("leave the music alone and make it brighter") == {"exposure+"}
    assert codes("make everything warmer apart from the skin") == {"temperature+"}
    assert codes("don't touch the music, it is loud enough") == set()
    (wish,) = wishes.read("keep shots 1 and 3 as they are and make the rest brighter")
    assert wish.place == when.Place(shots=(1, 3), beside=True)


def test_amounts_that_cannot_be_followed_are_named(found: programs.Programs) -> None:
    assert wishes.read("turn the music down 6 dB")[0].strength == 2
    (wish,) = wishes.read("brighten it by 20%")
    assert wishes.unfollowed(wish) == "20%"
    assert not wishes.unfollowed(wishes.read("the first 3 seconds are too dark")[0])
    edit = edit_of(Path("/nowhere.mp4"), [(200 * n, 200 * n + 100) for n in range(4)])
    for text, why in (
        ("trim 10 frames off the tail of that shot", "which shot is to be trimmed cannot be told"),
        ("20 seconds max please", "it is 16.0 s long, 20 s were asked for"),
    ):
        (told,) = said(found, edit, text).told
        assert told.outcome == answering.REFUSED
        assert told.reason.startswith(why)


@pytest.mark.parametrize(
    ("text", "sign", "frames", "seconds"),
    [
        ("the sound is late by 3 frames", -1, 3, None),
        ("audio is two frames early", 1, 2, None),
        ("delay the audio by 80 ms", 1, None, 0.08),
        ("the voice lags behind the lips", -1, None, None),
        ("the lips come after the sound", 1, None, None),
        ("move the sound half a second later at 0:10", 1, None, 0.5),
    ],
)
def test_moves_of_sound(text: str, sign: int, frames: float | None, seconds: float | None) -> None:
    (wish,) = wishes.read(text)
    assert (wish.axis, wish.sign, wish.target_frames, wish.target_s) == ("shift", sign, frames, seconds)


def test_common_words_are_no_slips() -> None:
    words = "distance string black palm stop surprise march present king moon rate"
    assert spelling.mended(words) == words


@given(some.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_without_failing(text: str) -> None:
    for wish in wishes.read(text):
        assert wish.axis in AXES
        assert wish.sign in {-1, 1}
    when.read(text.lower())
    wishes.praised(text)


def test_slips_are_one_letter_away() -> None:
    assert [spelling.distance(a, b, 2) for a, b in (("drak", "dark"), ("loud", "load"), ("dark", "bright"))] == [
        1,
        1,
        3,
    ]
    assert (
        spelling.mended("too contrsty, saturaton high at the kitchen table")
        == "too contrasty, saturation high at the kitchen table"
    )


# -- measuring and correcting ------------------------------------------------------------------------------------------


def clip(place: Path, source: str, chain: str = "null", sound: str | None = None) -> Path:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source]
    command += ["-f", "lavfi", "-i", sound] if sound else []
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "6", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"]
    subprocess.run([*command, "-vf", chain, *codec, "-shortest", str(place)], check=True)
    return place


def edit_of(place: Path, ranges: list[tuple[int, int]], **more: Any) -> Edit:
    source = {"kind": "edl.source", "id": "src", "at": AT, "path": str(place), "sha256": "0" * 64, "frames": 1000,
              "fps": "25/1", "width": 160, "height": 90}  # fmt: skip
    cuts, start = [], 0
    for n, (first, end) in enumerate(ranges):
        cuts.append({"kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "position": n, "source_id": "src",
                     "source": str(place), "in_frame": first, "out_frame": end, "fps": "25/1", "speed": "1/1",
                     "timeline_in_frame": start, "timeline_out_frame": start + end - first, **more})  # fmt: skip
        start += end - first
    plan = {"kind": "edl.plan", "id": "plan", "at": AT, "intent": "", "fps": "25/1", "width": 160, "height": 90,
            "length_frames": start, "cut_count": len(cuts)}  # fmt: skip
    return Edit(plan, tuple(cuts), sources={"src": source})


def said(found: programs.Programs, edit: Edit, words: str, anyway: bool = False) -> answering.Answer:
    return answering.answer(words, wishes.read(words), edit, Footage(found, edit.sources), {}, anyway)


def shown(edit: Edit, position: int, folder: Path) -> Any:
    """Grey of a cut through its .cube file, by ffmpeg alone."""
    cut = edit.cuts[position]
    chain = [f"trim=start_frame={cut['in_frame']}:end_frame={cut['out_frame']}", "format=gbrp"]
    look = grade.of(cut)
    chain += [] if look.neutral else [f"lut3d={grade.store(look, folder)}:interp=tetrahedral"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", cut["source"], "-vf", ",".join([*chain, "format=rgb24"])]
    data = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    return colour.luma(numpy.frombuffer(data, numpy.uint8).reshape(-1, 3).astype(numpy.float32) / 255)


def test_too_dark_is_mended_where_it_is_dark_and_proved_by_ffmpeg(found: programs.Programs, tmp_path: Path) -> None:
    dark = "eq=gamma=0.5:enable='lt(n,12)'"
    edit = edit_of(clip(tmp_path / "a.mkv", "testsrc2=s=160x90:r=25:d=1", f"{dark}"), [(0, 12), (12, 24)])
    made = said(found, edit, "too dark")
    (told,) = made.told
    assert told.outcome == answering.CHANGED
    (measured,) = told.measured
    assert measured.thing == edit.cuts[0], "only the dark cut"
    assert made.edit.cuts[1] == edit.cuts[1]
    before, after = (float(numpy.median(shown(each, 0, tmp_path))) for each in (edit, made.edit))
    assert measured.target is not None
    assert (after - before) / (measured.target - measured.before) > 0.6
    assert measured.limits["new_clipped_ratio"] <= 0.01


def test_a_shot_with_no_more_frames_is_not_held_but_said_to_have_none(found: programs.Programs) -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(0, 100), (900, 1000)])
    (told,) = said(found, edit, "hold on the last shot for longer").told
    assert told.outcome == answering.REFUSED
    assert told.reason.startswith("only 0 of ")
    (told,) = said(found, edit, "it ends abruptly").told
    assert (told.outcome, told.what) == (answering.CHANGED, "fade out of 25 frames")


def test_between_two_shots_is_their_own_joint(found: programs.Programs) -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(100 * n, 100 * n + 50) for n in range(4)])
    made = said(found, edit, "the cut between shot 2 and 3 is too hard, dissolve there")
    assert ["transition" in cut for cut in made.edit.cuts] == [False, False, True, False]
    made = said(found, edit, "smoother transitions at shot 2")
    assert ["transition" in cut for cut in made.edit.cuts] == [False, True, False, False]


def test_no_music_is_silence_where_it_is_wished(found: programs.Programs, tmp_path: Path) -> None:
    place = clip(tmp_path / "a.mkv", "color=gray:s=32x32:r=25:d=4", sound="sine=f=300:r=48000:d=4")
    cue = {"kind": "edl.cue", "id": "cue", "at": AT, "plan_id": "plan", "source_id": "src", "timeline_in_frame": 0,
           "timeline_out_frame": 100}  # fmt: skip
    edit = replace(edit_of(place, [(0, 100)]), cues=(cue,))
    (silent,) = said(found, edit, "kill the music").edit.cues
    assert (silent["gain_db"], silent["timeline_out_frame"]) == (-60, 100)
    (shorter,) = said(found, edit, "no music in the last 3 seconds").edit.cues
    assert (shorter.get("gain_db", 0), shorter["timeline_out_frame"]) == (0, 25)
    (told,) = said(found, edit, "no music from 0:01 to 0:02").told
    assert told.outcome == answering.REFUSED
    assert "runs on after frame 50" in told.reason


def test_black_and_white_leaves_no_colour_in_any_cut(found: programs.Programs, tmp_path: Path) -> None:
    coloured = "hue=s=0.2:enable='lt(n,12)'"
    place = clip(tmp_path / "a.mkv", "testsrc2=s=160x90:r=25:d=1", coloured)
    edit = edit_of(place, [(0, 12), (12, 24)], grade={"saturation": 0.8, "split_tone": 0.015})
    (told,) = said(found, edit, "make it black and white").told
    assert told.outcome == answering.CHANGED
    assert [measured.after for measured in told.measured] == pytest.approx([0, 0], abs=0.5)


def test_a_measurement_that_contradicts_asks_and_anyway_does_it(found: programs.Programs, tmp_path: Path) -> None:
    edit = edit_of(clip(tmp_path / "a.mkv", "color=0xd0d0d0:s=160x90:r=25:d=1,noise=alls=20"), [(0, 24)])
    (told,) = said(found, edit, "too dark").told
    assert (told.outcome, told.measured[0].signal) == (answering.ASKED, "luma median")
    assert "above 140" in told.reason
    (told,) = said(found, edit, "too dark", anyway=True).told
    assert told.outcome == answering.CHANGED


def test_what_is_clipped_in_the_source_is_refused(found: programs.Programs, tmp_path: Path) -> None:
    edit = edit_of(clip(tmp_path / "a.mkv", "color=white:s=160x90:r=25:d=1"), [(0, 24)])
    made = said(found, edit, "too bright")
    assert made.told[0].outcome == answering.REFUSED
    assert "clipped" in made.told[0].reason
    assert made.edit.cuts == edit.cuts


def test_effects_are_measured_through_their_filters(found: programs.Programs, tmp_path: Path) -> None:
    source = "gradients=s=320x180:r=25:d=2:c0=0x404040:c1=0x909090:seed=1"
    edit = edit_of(clip(tmp_path / "a.mkv", source, "noise=alls=9:allf=t"), [(0, 40)])
    (told,) = said(found, edit, "too grainy").told
    assert told.outcome == answering.CHANGED
    assert told.measured[0].moved >= 0.6
    shaky = "crop=iw*0.8:ih*0.8:(iw-ow)/2+4*sin(n*1.9):(ih-oh)/2+3*sin(n*2.3)"
    edit = edit_of(clip(tmp_path / "b.mkv", "testsrc2=s=400x226:r=25:d=1.8", shaky), [(0, 40)])
    (told,) = said(found, edit, "too shaky").told
    assert told.outcome == answering.CHANGED
    assert 0 < told.measured[0].after < told.measured[0].before * 0.5  # type: ignore[operator]


def test_what_is_shown_has_no_more_digits_than_were_measured(found: programs.Programs, tmp_path: Path) -> None:
    still = edit_of(clip(tmp_path / "still.mkv", "testsrc2=s=160x90:r=25:d=1", "select=eq(n\\,0),loop=24:1"), [(0, 24)])
    (told,) = said(found, still, "too shaky").told
    assert told.reason == "the measurement says otherwise: shake is 0.00 % of the width, below 0.35"


def test_loudness_is_that_of_the_meter(found: programs.Programs, tmp_path: Path) -> None:
    tone = "aevalsrc='0.1*sin(2*PI*997*t)+0.05*sin(2*PI*3000*t)*gt(mod(t,2),1)':s=48000:d=6:c=stereo"
    place = clip(tmp_path / "a.mkv", "color=gray:s=32x32:r=25:d=6", sound=tone)
    mine = heard.measure(heard.samples(found, place, "a:0", 0.0, 6.0, [])).lufs
    told = subprocess.run(["ffmpeg", "-nostdin", "-i", str(place), "-af", "ebur128", "-f", "null", "-"], capture_output=True,
                          check=True).stderr.decode()  # fmt: skip
    theirs = float(told.rpartition("I:")[2].split()[0])
    assert mine == pytest.approx(theirs, abs=0.25)


def test_music_under_speech_comes_to_a_distance(found: programs.Programs, tmp_path: Path) -> None:
    voice = "aevalsrc='0.1*sin(2*PI*500*t)*gt(sin(2*PI*3*t),0)':s=48000:d=4"
    place = clip(tmp_path / "a.mkv", "color=gray:s=32x32:r=25:d=4", sound=voice)
    music = clip(tmp_path / "m.mkv", "color=gray:s=32x32:r=25:d=4", sound="sine=f=300:r=48000:d=4")
    edit = edit_of(place, [(0, 100)])
    cue = {
        "kind": "edl.cue",
        "id": "cue",
        "at": AT,
        "plan_id": "plan",
        "source_id": "m",
        "timeline_in_frame": 0,
        "timeline_out_frame": 100,
    }
    span = {"source_id": "src", "sort": "speech", "start_ms": 0, "end_ms": 4000}
    edit = Edit(
        edit.plan,
        edit.cuts,
        (),
        (cue,),
        {**edit.sources, "m": {"id": "m", "path": str(music)}},
        {},
        {"edl.span": [span]},
    )
    made = said(found, edit, "music too loud")
    (told,) = made.told
    assert told.outcome == answering.CHANGED
    gain = float(made.edit.cues[0]["gain_db"])
    assert told.measured[0].after - told.measured[0].before == pytest.approx(-gain, abs=0.1)  # type: ignore[operator]
    assert said(found, edit, "turn the music down 6 dB").edit.cues[0]["gain_db"] == pytest.approx(-6)
    (told,) = said(found, edit, "the s sounds are too sharp", anyway=False).told
    assert told.outcome != answering.CHANGED
    (told,) = said(found, Edit(edit.plan, edit.cuts, sources=edit.sources), "music too loud").told
    assert told.outcome == answering.REFUSED


# -- structure ---------------------------------------------------------------------------------------------------------


def test_titles_and_cues_go_along_with_their_cuts() -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(0, 50), (50, 100), (100, 150)])
    title = {
        "kind": "edl.title",
        "id": "t",
        "plan_id": "plan",
        "text": "x",
        "timeline_in_frame": 110,
        "timeline_out_frame": 130,
    }
    cue = {"kind": "edl.cue", "id": "c", "plan_id": "plan", "timeline_in_frame": 0, "timeline_out_frame": 150}
    edit = Edit(edit.plan, edit.cuts, (title,), (cue,), edit.sources)
    made = relaying.relaid(edit, [edit.cuts[0], edit.cuts[2]])
    assert [cut["timeline_in_frame"] for cut in made.cuts] == [0, 50]
    assert (made.titles[0]["timeline_in_frame"], made.titles[0]["timeline_out_frame"]) == (60, 80)
    assert made.cues[0]["timeline_out_frame"] == 100


def test_silences_shrink_and_words_stay_whole(found: programs.Programs) -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(0, 250)])
    spans = [{"source_id": "src", "sort": "speech", "start_ms": a, "end_ms": b} for a, b in ((200, 3000), (5000, 9800))]
    edit = Edit(edit.plan, edit.cuts, sources=edit.sources, facts={"edl.span": spans})
    made = said(found, edit, "cut the silences")
    assert made.told[0].outcome == answering.CHANGED
    assert [(cut["in_frame"], cut["out_frame"]) for cut in made.edit.cuts] == [(0, 78), (122, 250)]
    assert len({relaying.origin(cut) for cut in made.edit.cuts}) == 2
    inside = edit_of(Path("/nowhere.mp4"), [(0, 60)])
    inside = Edit(inside.plan, inside.cuts, sources=inside.sources, facts={"edl.span": spans})
    made = said(found, inside, "you cut him off")
    assert made.edit.cuts[0]["out_frame"] == round((3000 + phrasing.PAD_MS) / 40)


def test_a_place_outside_and_a_wish_that_cannot_be(found: programs.Programs) -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(0, 50), (60, 100)])
    assert said(found, edit, "the tenth shot is too dark").told[0].outcome == answering.REFUSED
    assert "outside" in said(found, edit, "too dark at 9:59").told[0].reason
    for words in ("transitions are cheesy", "the title is too small", "cut the ums", "cut on the beat"):
        (told,) = said(found, edit, words).told
        assert told.outcome == answering.REFUSED, words
    made = said(found, edit, "smoother transitions")
    assert made.edit.cuts[1]["transition"]["frames"] >= 4


def test_sound_out_of_step_is_measured_and_moved(found: programs.Programs, tmp_path: Path) -> None:
    """The picture changes at known times for good, each heard 160 ms later; then in step; then nothing tells."""
    times = (0.6, 1.4, 2.0, 3.1, 3.7, 4.9, 5.6)
    lit = "+".join(
        f"between(t,{a},{b})" for a, b in zip(times, (*times[1:], 7), strict=True) if times.index(a) % 2 == 0
    )

    def edit_with(late: float, name: str) -> Edit:
        beeps = "+".join(f"between(t,{t + late},{t + late + 0.08})" for t in times)
        sound = f"aevalsrc=0.5*sin(2*PI*900*t)*({beeps}):s=48000:d=6.6".replace(",", "\\,")
        chain = f"eq=brightness='0.25*({lit})':eval=frame"
        place = clip(tmp_path / name, "testsrc2=s=160x90:r=25:d=6.6", chain, sound)
        return edit_of(place, [(0, 75), (75, 160)])

    late = edit_with(0.16, "late.mkv")
    made = said(found, late, "it is out of sync")
    assert made.told[0].outcome == answering.CHANGED
    assert all(abs(cut["sound"]["offset_ms"] + 160) < 20 for cut in made.edit.cuts)
    assert abs(made.told[0].measured[0].after or 99) < 20
    assert said(found, edit_with(0.0, "good.mkv"), "it is out of sync").told[0].outcome == answering.ASKED
    against = said(found, late, "the sound is too early")
    assert against.told[0].outcome == answering.ASKED
    asked = said(found, late, "the sound is late by 3 frames")
    assert [cut["sound"]["offset_ms"] for cut in asked.edit.cuts] == [-120, -120]


def test_a_dark_face_in_a_light_picture_gets_light_alone(found: programs.Programs, tmp_path: Path) -> None:
    face = "drawbox=x=iw*0.35:y=ih*0.2:w=iw*0.3:h=ih*0.6:c={}:t=fill"
    edit = edit_of(clip(tmp_path / "f.mkv", "color=0x909090:s=160x90:r=25:d=1", face.format("0x50352a")), [(0, 24)])
    shot = {"kind": "edl.shot", "id": "s", "subject": "face", "subject_box": [0.35, 0.2, 0.3, 0.6]}
    known = replace(edit, cuts=({**edit.cuts[0], "shot_id": "s"},), shots={"s": shot})
    made = said(found, known, "I can't see her face")
    (told,) = made.told
    assert told.outcome == answering.CHANGED
    assert 0.3 < made.edit.cuts[0]["lift"]["stops"] <= 1
    assert abs(told.measured[0].limits["luma_shift"]) < 1
    assert told.measured[0].moved >= 0.6
    (alone,) = said(found, edit, "I can't see her face").told
    assert alone.outcome == answering.ASKED
    assert "face-detection" in alone.reason


def test_strong_hiss_goes_most_of_the_way(found: programs.Programs, tmp_path: Path) -> None:
    sound = "anoisesrc=a=0.03:r=48000:d=3:seed=3"
    edit = edit_of(clip(tmp_path / "h.mkv", "color=gray:s=160x90:r=25:d=3", sound=sound), [(0, 70)])
    made = said(found, edit, "there is background hiss")
    assert made.told[0].outcome == answering.CHANGED
    assert made.told[0].measured[0].moved >= 0.6
    assert made.edit.cuts[0]["sound"]["noise_db"] < -20


def test_half_an_edit_is_told() -> None:
    edit = edit_of(Path("/nowhere.mp4"), [(0, 50)])
    with pytest.raises(DataError):
        material.gather([edit.cuts[0]])
    with pytest.raises(DataError):
        material.gather([edit.plan, {**edit.cuts[0], "plan_id": "other"}])
    with pytest.raises(DataError):
        material.gather([edit.plan])
    assert material.gather([]) is None


def test_signals_of_made_pictures() -> None:
    grey = numpy.full((6, 120, 160), 100, numpy.uint8)
    assert seen.noise(grey) == 0
    noisy = numpy.clip(grey + numpy.random.default_rng(1).normal(0, 5, grey.shape), 0, 255).astype(numpy.uint8)
    assert seen.noise(noisy) == pytest.approx(5, rel=0.25)
    assert seen.flicker(grey) == 0
    route = numpy.zeros((50, 3))
    route[:, 0] = numpy.linspace(0, 0.5, 50)
    assert seen.shake(route, 25) < 0.003, "a pan is no shake"
    route[:, 0] += 0.01 * numpy.sin(numpy.arange(50) * 2.2)
    assert seen.shake(seen.steadied(route, 25, 0.08), 25) < seen.shake(route, 25) * 0.4
