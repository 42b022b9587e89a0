"""Exact time, words to numbers, plans and checks."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl import grade, intent, planning, timecode
from roadmap_cli.edl.checking import checks

AT = "2026-11-23T09:00:00.000Z"
RATES = st.sampled_from(timecode.STANDARD_RATES)


# -- time --------------------------------------------------------------------------------------------------------------


@given(st.fractions(min_value="1/1000", max_value=10_000, max_denominator=100_000))
def test_rationals_go_through_text(value):
    assert timecode.rational(timecode.spell(value)) == value


@pytest.mark.parametrize(
    "text", ["", "0/1", "1/0", "-25", "25.0", "25/", " 25", "1e3", "٣/1", None, 25, 29.97, "1/2/3"]
)
def test_what_is_no_rational_is_named(text):
    with pytest.raises(DataError, match="field 'fps' is not a positive rational"):
        timecode.rational(text, field="fps")


@given(RATES, st.lists(st.integers(1, 500), min_size=1, max_size=200), st.sampled_from([44_100, 48_000, 96_000]))
def test_samples_of_cuts_are_a_partition_of_the_programme(fps, lengths, rate):
    """No drift: the parts add up to the whole, and no joint is more than half a sample from its frame's time."""
    joints = [0]
    for length in lengths:
        joints.append(joints[-1] + length)
    samples = [timecode.sample_at(joint, fps, rate) for joint in joints]
    assert samples == sorted(samples)
    assert all(
        abs(Fraction(at) - joint * rate / fps) <= Fraction(1, 2) for at, joint in zip(samples, joints, strict=True)
    )


@given(RATES, RATES, st.fractions("1/2", 2, max_denominator=20), st.integers(1, 100_000))
def test_shown_and_needed_frames_fit(source, fps, speed, frames):
    shown = timecode.frames_shown(frames, source, speed, fps)
    assert shown >= 1
    assert abs(shown - frames / source / speed * fps) <= max(Fraction(1, 2), 1 - frames / source / speed * fps)
    needed = timecode.frames_needed(shown, source, speed, fps)
    assert timecode.frames_shown(needed, source, speed, fps) <= shown + 1


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_halves_round_up(numerator, denominator):
    value = Fraction(numerator, denominator)
    assert -Fraction(1, 2) < timecode.round_half_up(value) - value <= Fraction(1, 2)


def test_clock_of_a_frame():
    assert timecode.clock(107_892, Fraction(30_000, 1001)) == "0:59:59.996"
    assert timecode.clock(90_000, Fraction(25)) == "1:00:00.000"


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "style"),
    [
        ("make it cinematic", "cinematic"), ("Hollywood-like please", "cinematic"), ("a dramatic film", "cinematic"),
        ("60 second trailer", "trailer"), ("a teaser", "trailer"), ("like a documentary", "documentary"),
        ("black and white", "noir"), ("film noir", "noir"), ("B&W", "noir"), ("music video", "music-video"),
        ("vlog for YouTube", "vlog"), ("wedding", "wedding"), ("retro look", "vintage"), ("dreamy", "dreamy"),
        ("sports highlights", "sport"), ("TikTok", "short"), ("an interview", "interview"), ("", "plain"),
    ],
)  # fmt: skip
def test_words_choose_a_style(words, style):
    assert intent.read(words).style.name == style


def test_cinematic_is_slower_and_less_colourful():
    style = intent.read("make it cinematic").style
    assert style.speed == Fraction(4, 5)
    assert style.grade.saturation == 0.8
    assert style.grade.contrast > 1
    assert style.fade_s > 0


def test_words_move_numbers_in_the_right_direction():
    plain = intent.read("").style
    assert intent.read("warm").style.grade.warmth_k > 0 > intent.read("colder").style.grade.warmth_k
    assert intent.read("darker").style.grade.brightness < 0 < intent.read("brighter").style.grade.brightness
    assert intent.read("less contrast").style.grade.contrast < 1 < intent.read("more contrast").style.grade.contrast
    assert intent.read("not so warm").style.grade.warmth_k < 0
    assert intent.read("slow").style.speed < plain.speed < intent.read("faster").style.speed
    assert intent.read("quick").style.longest_s < plain.longest_s
    assert intent.read("desaturated").style.grade.saturation < 1


@pytest.mark.parametrize(
    ("words", "seconds"), [("90 seconds", 90), ("1.5 min", 90), ("a 20s clip", 20), ("30-second", 30)]
)
def test_a_length_in_the_words(words, seconds):
    assert intent.read(words).target_s == seconds


def test_no_word_is_dropped_in_silence():
    read = intent.read("make it wobbly and cinematic, not frumpy")
    assert read.unknown == ("wobbly", "no frumpy")
    assert read.style.name == "cinematic"


@given(st.text(max_size=200))
def test_any_words_give_bounded_numbers(words):
    style = intent.read(words).style
    assert intent.SLOWEST <= style.speed <= intent.FASTEST
    assert not style.grade.beyond()
    assert 0 < style.shortest_s < style.longest_s <= 20


@given(
    st.lists(
        st.sampled_from(["slow", "warm", "dark", "vivid", "contrast", "quick", "linger", "dreamy", "noir", "fast"]),
        max_size=40,
    )
)
def test_however_often_a_word_is_said_it_stays_in_bounds(words):
    style = intent.read(" ".join(words)).style
    assert intent.SLOWEST <= style.speed <= intent.FASTEST
    assert not style.grade.beyond()


# -- colour ------------------------------------------------------------------------------------------------------------


def test_a_neutral_look_changes_no_colour():
    for colour in ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.5, 0.9)):
        assert grade.transform(grade.NEUTRAL, *colour) == pytest.approx(colour)


def test_the_table_has_the_right_shape_and_order(tmp_path):
    lines = grade.cube(grade.Grade(saturation=0.5)).decode().splitlines()
    assert lines[1] == "LUT_3D_SIZE 33"
    assert len(lines) == 2 + 33**3
    red, blue = (tuple(map(float, lines[2 + at].split())) for at in (32, 32 * 33 * 33))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert grade.store(grade.Grade(saturation=0.5), tmp_path).read_bytes() == "\n".join([*lines, ""]).encode()


@given(*[st.floats(0, 1)] * 3, st.sampled_from(sorted(intent.STYLES)))
def test_every_look_stays_in_range_and_grey_stays_near_grey(red, green, blue, name):
    look = intent.STYLES[name].grade
    assert all(0 <= value <= 1 for value in grade.transform(look, red, green, blue))
    black, white = (grade.transform(look, *[level] * 3) for level in (0.0, 1.0))
    assert max(black) <= 0.11
    assert min(white) >= 0.8


def test_a_look_that_cannot_be_is_named():
    with pytest.raises(DataError, match="sparkle"):
        grade.Grade.read({"sparkle": 1})
    with pytest.raises(DataError, match="saturation"):
        grade.Grade.read({"saturation": True})
    assert grade.Grade(saturation=9).bounded().saturation == 1.4


# -- plans -------------------------------------------------------------------------------------------------------------


def source(name="src_1", frames=1000, fps="25/1", path="/nowhere/clip.mp4"):
    return {
        "kind": "edl.source", "id": name, "at": AT, "path": path, "sha256": "0" * 64, "frames": frames, "fps": fps,
        "width": 640, "height": 360,
    }  # fmt: skip


def shots_at(cuts, parent, **more):
    return [
        {"kind": "edl.shot", "id": f"{parent['id']}_{first}", "at": AT, "source_id": parent["id"], "in_frame": first,
         "out_frame": end, "fps": parent["fps"], "luma_mean": 110, "contrast": 50, "motion": 5 + first % 7,
         "sharpness": 2 + first % 3, **more}
        for first, end in pairwise(cuts)
    ]  # fmt: skip


@st.composite
def footage(draw):
    sources, found = [], []
    for number in range(draw(st.integers(1, 3))):
        lengths = draw(st.lists(st.integers(1, 400), min_size=1, max_size=12))
        cuts = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
        parent = source(f"src_{number}", cuts[-1], draw(st.sampled_from(["25/1", "30000/1001", "24/1", "120/1"])))
        sources.append(parent)
        found += shots_at(cuts, parent, speech_ratio=draw(st.sampled_from([0.0, 0.0, 0.9])))
    return sources, found


WORDS = st.sampled_from(
    ["", "make it cinematic", "5 second trailer", "slow noir", "fast vlog 3 seconds", "dreamy 20 s"]
)


@settings(max_examples=150)
@given(footage(), WORDS)
def test_every_plan_has_no_error_but_an_unreachable_length(given_footage, words):
    sources, shots = given_footage
    made = planning.plan(sources, shots, words, intent.read(words), AT)
    cuts = [choice.record for choice in made.choices if choice.record]
    by_id = {entry["id"]: entry for entry in sources}
    findings = checks.check(made.header, cuts, by_id, lambda path: "0" * 64)
    errors = [finding for finding in findings if finding.severity == "error"]
    tiny = len(cuts) == 1 and cuts[0]["timeline_out_frame"] < planning.LEAST_FRAMES
    assert tiny or not errors, errors
    assert len(made.choices) == len(shots), "each shot is chosen or left out, by a decision"
    assert all(choice.evidence and choice.why for choice in (made.style, *made.choices))
    order = [(list(by_id).index(cut["source_id"]), cut["in_frame"]) for cut in cuts]
    assert order == sorted(order)
    within = {shot["id"]: shot for shot in shots}
    for cut in cuts:
        shot = within[cut["shot_id"]]
        assert shot["in_frame"] <= cut["in_frame"] < cut["out_frame"] <= shot["out_frame"]
        if shot["speech_ratio"] > 0.3:
            assert cut["speed"] == "1/1", "speech is kept"
    again = planning.plan(sources, shots, words, intent.read(words), AT)
    assert json.dumps(again.header) == json.dumps(made.header)


@settings(max_examples=60)
@given(st.integers(2, 60))
def test_a_length_that_can_be_reached_is_reached(seconds):
    parent = source(frames=3000)
    shots = shots_at(list(range(0, 3001, 75)), parent)
    words = f"{seconds} second documentary"
    made = planning.plan([parent], shots, words, intent.read(words), AT)
    assert abs(made.header["length_frames"] - seconds * 25) <= 13


def test_the_weakest_shots_are_left_out_and_it_is_said_why():
    parent = source(frames=400)
    shots = shots_at([0, 100, 200, 300, 400], parent)
    shots[2] |= {"sharpness": 0.1, "luma_mean": 3, "contrast": 1, "motion": 0.0}
    made = planning.plan([parent], shots, "trailer", intent.read("trailer"), AT)
    dropped = [choice for choice in made.choices if not choice.record]
    assert [choice.evidence[0] for choice in dropped] == [shots[2]["id"]]
    assert "rank 4 of 4" in dropped[0].why


def test_the_same_words_and_shots_are_the_same_plan_and_others_are_not():
    parent = source()
    shots = shots_at([0, 100, 200], parent)
    ids = {
        planning.plan([parent], some, words, intent.read(words), AT).header["id"]
        for some in (shots, shots[:1])
        for words in ("noir", "vlog")
    }
    assert len(ids) == 4


# -- checks ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def planned():
    parent = source()
    words = "make it cinematic"
    made = planning.plan([parent], shots_at([0, 100, 200, 300], parent), words, intent.read(words), AT)
    return made.header, [choice.record for choice in made.choices if choice.record], {parent["id"]: parent}


def rules(header, cuts, sources, content=lambda path: "0" * 64):
    return {(f.rule, f.severity) for f in checks.check(header, cuts, sources, content)}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"in_frame": -1}, "range"), ({"out_frame": 5000}, "range"), ({"in_frame": 99, "out_frame": 99}, "range"),
        ({"speed": "3/1"}, "speed"), ({"speed": "1/9"}, "speed"), ({"speed": "0/1"}, "shape"), ({"speed": 1}, "shape"),
        ({"fps": "30/1"}, "rate"), ({"fps": "x"}, "shape"), ({"in_frame": "1"}, "shape"), ({"in_frame": True}, "shape"),
        ({"timeline_out_frame": 9999}, "timeline"), ({"out_frame": 60}, "length"), ({"source_id": "other"}, "shape"),
        ({"grade": {"saturation": 3.0}}, "grade"), ({"grade": {"sparkle": 1}}, "shape"), ({"grade": 7}, "shape"),
        ({"fade_in_frames": -1}, "shape"), ({"fade_in_frames": 100, "fade_out_frames": 100}, "fade"),
    ],
)  # fmt: skip
def test_each_fault_is_found(planned, change, rule):
    header, cuts, sources = planned
    assert not {severity for _, severity in rules(*planned)} & {"error"}
    broken = copy.deepcopy(cuts)
    broken[0] |= change
    assert (rule, "error") in rules(header, broken, sources)


def test_flashes_gaps_and_no_cuts(planned):
    header, cuts, sources = planned
    assert ("empty", "error") in rules(header, [], sources)
    assert ("timeline", "error") in rules(header, cuts[1:], sources)
    flash = {**cuts[0], "in_frame": 0, "out_frame": 2, "speed": "1/1", "timeline_in_frame": 0, "timeline_out_frame": 2}
    flash.pop("fade_in_frames")
    assert ("flash", "error") in rules({**header, "length_frames": 2}, [flash], sources)


def test_sources_missing_or_changed(planned):
    def missing(path: Path) -> str:
        raise InputMissing("cannot read: No such file or directory", where=str(path))

    assert ("source_missing", "error") in rules(*planned, content=missing)
    assert ("source_changed", "error") in rules(*planned, content=lambda path: "1" * 64)


def test_warnings_do_not_stop(planned):
    header, cuts, sources = planned
    jump = copy.deepcopy(cuts)
    jump[1] |= {"shot_id": jump[0]["shot_id"]}
    found = rules(header, jump, sources)
    assert ("jump", "warning") in found
    marked = checks.marked(header, jump, sources, checks.check(header, jump, sources, lambda path: "0" * 64))
    assert marked["checked"] is True
    assert marked["warning_count"] >= 1


def test_the_digest_covers_what_decides_and_not_names(planned):
    header, cuts, sources = planned
    digest = checks.digest(header, cuts, sources)
    assert checks.digest(header, [{**cut, "reason": "x", "note": 1} for cut in cuts], sources) == digest
    for change in ({"in_frame": 3}, {"speed": "1/1"}, {"grade": {}}, {"fade_out_frames": 2}):
        assert checks.digest(header, [{**cuts[0], **change}, *cuts[1:]], sources) != digest
    assert checks.digest({**header, "width": 320}, cuts, sources) != digest


def test_one_plan_at_a_time(planned):
    header, cuts, sources = planned
    everything = [*sources.values(), header, *cuts]
    assert checks.gather(everything) == (header, cuts, sources)
    assert checks.gather([]) == (None, [], {})
    with pytest.raises(DataError, match="more than one"):
        checks.gather([header, header])
    with pytest.raises(DataError, match=r"no edl\.plan"):
        checks.gather(cuts)
    with pytest.raises(DataError, match="another plan"):
        checks.gather([header, {**cuts[0], "plan_id": "edl_other"}])
