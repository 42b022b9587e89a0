"""Exact time and checks."""

from __future__ import annotations

import copy
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.planning import intent, planner

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


# -- checks ------------------------------------------------------------------------------------------------------------


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


@pytest.fixture
def planned():
    parent = source()
    words = "make it cinematic"
    made = planner.plan([parent], shots_at([0, 100, 200, 300], parent), words, intent.read(words), AT)
    return made.header, made.cuts, {parent["id"]: parent}


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
    jump[1] |= {"shot_id": jump[0]["shot_id"], "in_frame": jump[1]["in_frame"] + 1}
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
    assert gathering.read(everything) == gathering.Edit(header, cuts, sources=sources)
    assert gathering.read([]) is None
    with pytest.raises(DataError, match="more than one"):
        gathering.read([header, header])
    with pytest.raises(DataError, match=r"no edl\.plan"):
        gathering.read(cuts)
    with pytest.raises(DataError, match="another plan"):
        gathering.read([header, {**cuts[0], "plan_id": "edl_other"}])
