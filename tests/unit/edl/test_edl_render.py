"""What a render really shows and sounds like, frame by frame and sample by sample."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import CannotCreate, DataError, UsageError
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.rendering import edits, keeping, render

ROOT = Path(__file__).parents[3]
RATE = 48_000


def segments_of(records):
    return [record["cached"] for record in records if record["kind"] == "edl.segment"]


@pytest.fixture(scope="session")
def numbered(edit, clips):
    return edit.scan(clips / "numbers.mp4")[0]


@pytest.fixture(scope="session")
def clicking(edit, clips):
    return edit.scan(clips / "clicks.mp4")[0]


def test_every_picture_is_the_one_the_plan_names(edit, numbered, measure, tmp_path):
    """Near the start, after a seek, across key frames, backwards, one picture apart, and to the last one."""
    last = numbered["frames"]
    ranges = [(0, 5), (200, 210), (59, 62), (100, 103), (101, 104), (350, 360), (10, 13), (last - 4, last)]
    records = edit.render(edit.by_hand(numbered, ranges), tmp_path / "out.mp4", tmp_path / "cache")
    expected = [number % 72 for first, end in ranges for number in range(first, end)]
    assert measure.numbers(tmp_path / "out.mp4") == expected
    assert records[-1]["frames"] == len(expected)
    assert not [problem for record in records for problem in schemas.problems(record)]


def test_many_short_cuts_do_not_drift(edit, numbered, measure, tmp_path):
    """A frame lasts 33.37 ms and containers round to whole ones: sixty joints would be half a frame out."""
    made = edit.by_hand(numbered, [(n % 7, n % 7 + 4) for n in range(70)])
    assert edit.render(made, tmp_path / "out.mp4", tmp_path / "cache")[-1]["frames"] == 280
    assert measure.numbers(tmp_path / "out.mp4") == [n % 7 + k for n in range(70) for k in range(4)]


@pytest.mark.parametrize(("suffix", "between"), [("mp4", 1), ("mov", 1), ("mov", 2)])
def test_a_piece_of_one_or_two_pictures_may_stand_between_longer_ones(edit, numbered, tmp_path, suffix, between):
    """As between two fades: it is decoded as it is shown, while what follows is decoded ahead."""
    made = edit.by_hand(numbered, [(0, 14 + between)], fade_in_frames=7, fade_out_frames=7)
    records = edit.render(made, tmp_path / f"out.{suffix}", tmp_path / "cache")
    assert [record["frames"] for record in records] == [7, between, 7, 14 + between]


def test_speed_shows_the_nearest_picture(edit, numbered, measure, tmp_path):
    """Each picture goes to the frame nearest to its time, so what is shown is at most 0.6 pictures off at 4/5."""
    made = edit.by_hand(numbered, [(90, 130)], speed="4/5")
    edit.render(made, tmp_path / "slow.mp4", tmp_path / "cache")
    shown = measure.numbers(tmp_path / "slow.mp4")
    assert len(shown) == 50
    exact = [90 + n * 0.8 for n in range(50)]
    assert all(abs(((number - want + 36) % 72) - 36) <= 0.61 for number, want in zip(shown, exact, strict=True))


def test_an_uneven_source_shows_what_was_there_at_that_time(edit, clips, measure, tmp_path):
    source = edit.scan(clips / "varying.mp4")[0]
    edit.render(edit.by_hand(source, [(50, 64), (90, 101)]), tmp_path / "out.mp4", tmp_path / "cache")
    at = [n if n < 60 else 60 + (n - 60) // 2 for n in [*range(50, 64), *range(90, 101)]]
    assert measure.numbers(tmp_path / "out.mp4") == [number % 72 for number in at]


def test_a_turned_source_is_rendered_upright(edit, clips, tmp_path, found):
    source = edit.scan(clips / "turned.mp4")[0]
    record = edit.render(edit.by_hand(source, [(2, 20)]), tmp_path / "out.mov", tmp_path / "cache")[-1]
    assert (record["width"], record["height"], record["frames"]) == (96, 160, 18)


@pytest.mark.parametrize("joints", [16, pytest.param(500, marks=pytest.mark.slow)])
def test_sound_stays_with_the_picture_at_every_joint(edit, clicking, measure, tmp_path, joints):
    """Each cut holds one click, half a second into the source's second; none may be a millisecond off."""
    fps = timecode.rational(clicking["fps"])
    ranges = [(27 + 30 * (k % 12), 34 + 30 * (k % 12) + k % 3) for k in range(joints)]
    edit.render(edit.by_hand(clicking, ranges), tmp_path / "out.mp4", tmp_path / "cache")
    expected, start = [], 0
    for first, end in ranges:
        for second in range(1, 14):
            at = second * RATE
            if timecode.sample_at(first, fps, RATE) + 480 <= at < timecode.sample_at(end, fps, RATE) - 700:
                expected.append(timecode.sample_at(start, fps, RATE) + at - timecode.sample_at(first, fps, RATE))
        start += end - first
    heard = measure.clicks(tmp_path / "out.mp4")
    assert len(expected) > joints // 2
    assert len(heard) == len(expected)
    assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) <= RATE // 1000


def test_slowed_sound_stays_with_the_picture(edit, clicking, found, measure, tmp_path):
    fps = timecode.rational(clicking["fps"])
    record = edit.render(edit.by_hand(clicking, [(15, 195)], speed="4/5"), tmp_path / "o.mp4", tmp_path / "c")[-1]
    start = timecode.sample_at(15, fps, RATE)
    expected = [round((second * RATE - start) / 0.8) for second in range(1, 7)]
    heard = measure.clicks(tmp_path / "o.mp4", 0.2)
    limit_ms = 20 if "rubberband" in found.filters() else 40
    assert len(heard) == len(expected)
    assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) <= RATE * limit_ms // 1000
    assert abs(record["sound_longer_ms"]) < 22


def test_a_silent_source_beside_one_with_sound(edit, clips, numbered, clicking, measure, tmp_path):
    header, cuts, sources = edit.by_hand(clicking, [(20, 40), (50, 70)])
    cuts[0]["source_id"] = numbered["id"]
    sources[numbered["id"]] = numbered
    edit.render((header, cuts, sources), tmp_path / "out.mp4", tmp_path / "cache")
    fps = timecode.rational(clicking["fps"])
    expected = timecode.sample_at(20, fps, RATE) + 2 * RATE - timecode.sample_at(50, fps, RATE)
    assert [abs(at - expected) <= 48 for at in measure.clicks(tmp_path / "out.mp4")] == [True]


def test_cinematic_takes_colour_and_time_and_keeps_the_cuts(edit, measure, tmp_path):
    clip = ROOT / "examples/bikes.mp4"
    made = edit.plan(edit.scan(clip), "make it cinematic")
    record = edit.render(made, tmp_path / "out.mp4", tmp_path / "cache", preview_width=320)[-1]
    header, cuts, _ = made
    assert record["frames"] == header["length_frames"] == round(sum(c["out_frame"] - c["in_frame"] for c in cuts) / 0.8)
    assert [c["speed"] for c in cuts] == ["4/5"] * 5
    found = edit.scan(tmp_path / "out.mp4")
    joints = [cut["timeline_in_frame"] for cut in cuts[1:]]
    assert [record["in_frame"] for record in found[2:]] == joints, "the real cuts, found again in the render"
    luma, saturation = measure.colour(clip)
    graded_luma, graded_saturation = measure.colour(tmp_path / "out.mp4")
    assert graded_saturation < 0.97 * saturation
    assert graded_luma < luma - 3, "fades and contrast"


def test_colours_without_a_look_are_the_source_s(edit, clips, measure, tmp_path):
    source = edit.scan(clips / "three.mp4")[0]
    edit.render(edit.by_hand(source, [(0, 100)]), tmp_path / "out.mp4", tmp_path / "cache", quality=4)
    for before, after in zip(measure.colour(clips / "three.mp4"), measure.colour(tmp_path / "out.mp4"), strict=True):
        assert after == pytest.approx(before, rel=0.06)


def test_black_and_white_has_no_colour_left(edit, clips, measure, tmp_path):
    source = edit.scan(clips / "three.mp4")[0]
    edit.render(edit.by_hand(source, [(0, 40)], grade={"saturation": 0.0}), tmp_path / "o.mp4", tmp_path / "cache")
    assert measure.colour(tmp_path / "o.mp4")[1] < 1.0


def test_a_second_render_encodes_nothing_and_gives_the_same_bytes(edit, clicking, tmp_path):
    made = edit.by_hand(clicking, [(0, 20), (40, 60), (100, 120)])
    first = edit.render(made, tmp_path / "a.mp4", tmp_path / "cache")
    second = edit.render(made, tmp_path / "b.mp4", tmp_path / "cache")
    assert segments_of(first) == [False] * 3
    assert segments_of(second) == [True] * 3
    assert (second[-1]["frames_encoded"], second[-1]["sound_cached"]) == (0, True)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_one_changed_cut_is_the_only_one_encoded(edit, clicking, tmp_path):
    edit.render(edit.by_hand(clicking, [(0, 20), (40, 60), (100, 120)]), tmp_path / "a.mp4", tmp_path / "cache")
    changed = edit.render(
        edit.by_hand(clicking, [(100, 120), (0, 20), (40, 59)]), tmp_path / "a.mp4", tmp_path / "cache"
    )
    assert segments_of(changed) == [True, True, False], "moved ones are found again"
    assert changed[-1]["frames_encoded"] == 19


def test_a_damaged_piece_in_the_cache_is_encoded_again(edit, numbered, measure, tmp_path):
    made = edit.by_hand(numbered, [(0, 10), (20, 30)])
    edit.render(made, tmp_path / "a.mp4", tmp_path / "cache")
    piece = sorted((tmp_path / "cache/segments").glob("*/*.mp4"))[0]
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 0xFF
    piece.write_bytes(data)
    assert sorted(segments_of(edit.render(made, tmp_path / "b.mp4", tmp_path / "cache"))) == [False, True]
    assert measure.numbers(tmp_path / "b.mp4") == [*range(10), *range(20, 30)]


@pytest.mark.parametrize(("sort", "suffix", "sign"), [("segments", "mp4", "libx264"), ("sound", "m4a", "ipod")])
def test_what_the_disk_does_not_take_to_its_end_is_not_kept(edit, clicking, found, tmp_path, sort, suffix, sign):
    """A file that may not grow is a full disk to ffmpeg, which up to version 5 ends with 0 all the same."""
    made = edit.by_hand(clicking, [(0, 40)])
    edit.render(made, tmp_path / "whole.mp4", tmp_path / "whole")
    room = (max(each.stat().st_size for each in (tmp_path / "whole" / sort).rglob(f"*.{suffix}")) - 1) // 512
    program = tmp_path / "ffmpeg"
    limited = f"case $* in *{sign}*) trap '' XFSZ; ulimit -f {room};; esac"
    program.write_text(f'#!/bin/sh\n{limited}\nexec {found.ffmpeg} "$@"\n')
    program.chmod(0o755)
    cache, output, settings = tmp_path / "cache", tmp_path / "b.mp4", render.Settings(preset="ultrafast", jobs=1)
    short = replace(found, ffmpeg=str(program))
    with pytest.raises(CannotCreate, match=r"cannot write .*: (file too large|it was not finished)"):
        list(render.render(short, edit.edited(made), output, cache, settings, edit.now, edit.show))
    assert not list((cache / sort).rglob(f"*.{suffix}"))
    assert edit.render(made, output, cache)[-1]["kind"] == "edl.render"


def test_a_preview_is_smaller_with_the_same_frames(edit, clips, tmp_path):
    made = edit.plan(edit.scan(clips / "three.mp4"), "make it cinematic")
    full = edit.render(made, tmp_path / "full.mp4", tmp_path / "cache")[-1]
    small = edit.render(made, tmp_path / "small.mp4", tmp_path / "cache", preview_width=160)[-1]
    assert (small["width"], small["height"]) == (160, 90)
    assert small["frames"] == full["frames"]
    assert small["sound_cached"] is True


def test_fades_begin_and_end_in_black(edit, clips, measure, tmp_path):
    made = edit.plan(edit.scan(clips / "three.mp4"), "make it cinematic")
    edit.render(made, tmp_path / "out.mp4", tmp_path / "cache")
    header = made[0]
    grey = measure.decoded(tmp_path / "out.mp4", "-f", "rawvideo", "-pix_fmt", "gray")
    size = header["width"] * header["height"]
    assert len(grey) == size * header["length_frames"]
    means = [
        sum(grey[at * size : (at + 1) * size : 97]) / len(range(0, size, 97))
        for at in (0, 30, -1 % header["length_frames"])
    ]
    assert means[0] < 5 < 40 < means[1]
    assert means[2] < 12


@pytest.mark.parametrize("change", [{"in_frame": 1}, {"grade": {"saturation": 0.5}}, {"speed": "2/1"}])
def test_a_plan_changed_after_the_check_is_refused(edit, numbered, found, tmp_path, change):
    header, cuts, sources = edit.by_hand(numbered, [(0, 20)])
    marked, findings = edit.check(header, cuts, sources)
    assert not [finding for finding in findings if finding.severity == "error"]
    with pytest.raises(DataError, match="changed after it was checked"):
        edits.admit(gathering.Edit(marked, [{**cuts[0], **change}], sources=sources))
    with pytest.raises(DataError, match="has not been checked"):
        edits.admit(gathering.Edit(header, cuts, sources=sources))


def test_a_source_that_changed_between_check_and_render_is_refused(edit, clips, found, tmp_path):
    from datetime import UTC, datetime

    clip = tmp_path / "clip.mp4"
    shutil.copy(clips / "one.mp4", clip)
    header, cuts, sources = edit.by_hand(edit.scan(clip)[0], [(0, 1)])
    cuts[0]["timeline_out_frame"] = header["length_frames"] = 3
    cuts[0] |= {"in_frame": 0, "out_frame": 1}
    marked = {**header, "checked": True}
    from roadmap_cli.edl.checking import checks

    marked["checked_digest"] = checks.digest(marked, cuts, sources)
    shutil.copy(clips / "three.mp4", clip)
    with pytest.raises(DataError, match="file has changed since it was scanned"):
        list(render.render(found, gathering.Edit(marked, cuts, sources=sources), tmp_path / "o.mp4", tmp_path / "c",
                           render.Settings(), datetime(2026, 1, 1, tzinfo=UTC), None))  # fmt: skip


def test_outputs_that_cannot_be(edit, numbered, clips, tmp_path):
    made = edit.by_hand(numbered, [(0, 10)])
    with pytest.raises(CannotCreate, match="no such directory"):
        edit.render(made, tmp_path / "none/out.mp4", tmp_path / "cache")
    with pytest.raises(UsageError, match="suffix must be"):
        edit.render(made, tmp_path / "out.avi", tmp_path / "cache")
    with pytest.raises(UsageError, match="will not write over a source"):
        edit.render(made, clips / "numbers.mp4", tmp_path / "cache")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(CannotCreate, match="is a directory"):
        edit.render(made, tmp_path / "folder.mp4", tmp_path / "cache")


def test_what_a_dead_process_left_is_swept_and_a_living_one_s_is_not(tmp_path):
    place = tmp_path / "out.mp4"
    dead = tmp_path / ".out.mp4.aaaaaaaaaaaa.part"
    dead.write_bytes(b"half")
    with keeping.whole_file(place) as living:
        living.path.write_bytes(b"whole")
        with keeping.whole_file(place) as other:
            assert living.path.exists()
            other.path.write_bytes(b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert place.read_bytes() == b"whole"


def test_pruning_takes_what_dead_processes_left_under_any_name(tmp_path):
    for name, age in (("segments/aa/.a.mp4.aaaaaaaaaaaa.part", 90), ("sound/bb/.b.7.part.m4a", 90), ("plates/.c.yuv.1.2.part", 90),
                      ("plates/.d.yuv.1.2.part", 0)):  # fmt: skip
        left = tmp_path / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age,) * 2)
    with keeping.whole_file(tmp_path / "segments/aa/living.mp4") as living:
        living.path.write_bytes(b"whole")
        os.utime(living.path, (0, 0))
        keeping.prune([tmp_path / each for each in ("segments", "sound", "plates")], set(), 1000)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [".d.yuv.1.2.part", "living.mp4"]


def test_a_failure_leaves_no_file(tmp_path):
    def fail() -> None:
        with keeping.whole_file(tmp_path / "out.mp4") as part:
            part.path.write_bytes(b"half")
            raise DataError("no")

    with pytest.raises(DataError):
        fail()
    assert not list(tmp_path.iterdir())


def test_the_cache_is_pruned_from_the_longest_unused(edit, numbered, tmp_path):
    cache = tmp_path / "cache"
    edit.render(edit.by_hand(numbered, [(0, 10), (20, 30)]), tmp_path / "a.mp4", cache)
    old = {path.name for path in (cache / "segments").glob("*/*.mp4")}
    for path in (cache / "segments").glob("*/*.json"):
        os.utime(path, (1, 1))
    edit.render(edit.by_hand(numbered, [(40, 50)]), tmp_path / "a.mp4", cache, cache_limit_bytes=1)
    left = {path.name for path in (cache / "segments").glob("*/*.mp4")}
    assert len(left) == 1
    assert not left & old
