"""Where cuts are found, how frames are counted, and what is said of files that are no good."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError, InputMissing, Unavailable
from roadmap_cli.edl import probe, programs, scanning, shots
from roadmap_cli.edl.hearing import levels as levels_

ROOT = Path(__file__).parents[3]


def shots_of(records):
    return [(record["in_frame"], record["out_frame"]) for record in records if record["kind"] == "edl.shot"]


def test_cuts_of_a_synthetic_clip_are_exact(edit, clips):
    source, *found = edit.scan(clips / "three.mp4")
    assert shots_of(found) == [(0, 40), (40, 65), (65, 100)]
    assert (source["frames"], source["fps"], source["duration"]) == (100, "25/1", "4/1")
    assert not [problem for record in (source, *found) for problem in schemas.problems(record)]


def test_cuts_of_a_real_clip_are_exact(edit):
    found = edit.scan(ROOT / "examples/bikes.mp4")
    assert shots_of(found) == [(0, 30), (30, 76), (76, 137), (137, 187), (187, 242), (242, 250)]
    bright, dark = found[1]["luma_mean"], found[3]["luma_mean"]
    assert bright > dark + 40, "a white car roof against a dark taxi"


def test_a_clip_without_a_cut_is_one_shot_with_its_sound(edit):
    source, shot = edit.scan(ROOT / "examples/bigbuckbunny.mp4")[:2]
    assert (shot["in_frame"], shot["out_frame"]) == (0, 132) == (0, source["frames"])
    assert -40 < shot["loudness_lufs"] < -30
    assert shot["speech_ratio"] < 0.1


def test_sound_is_measured_in_the_shot_it_belongs_to(edit, clips):
    _, first, second, third = edit.scan(clips / "three.mp4")[:4]
    assert second["silence_ratio"] < 0.05
    assert second["level_db"] == pytest.approx(-9.03, abs=0.7), "a sine of amplitude 0.5"
    assert second["loudness_lufs"] > -14
    for quiet in (first, third):
        assert quiet["silence_ratio"] > 0.85


def test_a_clip_without_sound_says_nothing_about_sound(edit, clips):
    source, shot = edit.scan(clips / "numbers.mp4")[:2]
    assert source["has_sound"] is False
    assert not {"loudness_lufs", "silence_ratio", "speech_ratio", "level_db"} & set(shot)


def test_an_uneven_rate_is_counted_on_an_even_clock(edit, clips, found, measure):
    """60 pictures at 30 a second and 30 at 15 fill 120 ticks of 1/30 s."""
    source = edit.scan(clips / "varying.mp4")[0]
    assert (source["varying_rate"], source["fps"]) == (True, "30/1")
    assert source["frames"] in (119, 120), "containers differ in how long the last picture lasts"
    assert scanning.warnings(source, "x")[0].startswith("x: varying frame rate: frames are counted at 30/1")


def test_a_turned_clip_is_upright(edit, clips):
    source = edit.scan(clips / "turned.mp4")[0]
    assert (source["width"], source["height"]) == (96, 160)
    assert source["rotation"] in (90, 270)


def test_one_frame_is_a_shot(edit, clips):
    source, shot = edit.scan(clips / "one.mp4")
    assert (source["frames"], shot["in_frame"], shot["out_frame"]) == (1, 0, 1)


def test_a_truncated_file_is_used_as_far_as_it_goes_and_said(edit, clips):
    source, *found = edit.scan(clips / "cut-off.mkv")
    assert 20 < source["frames"] < 100
    assert shots_of(found)[-1][1] == source["frames"]
    assert f"x: truncated: {source['frames']} frames can be decoded" in scanning.warnings(source, "x")[0]
    assert source["declared_frames"] >= 100


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.mp4", "file is empty"),
        ("words.mp4", "not a media file"),
        ("cut-off.mp4", "file is truncated: its index (moov) is missing"),
        ("still.png", "a still picture, not a video"),
    ],
)
def test_a_bad_file_is_one_clear_line(edit, clips, name, words):
    with pytest.raises(DataError) as caught:
        edit.scan(clips / name)
    assert str(caught.value) == f"{clips / name}: {words}"


def test_missing_files_and_folders(edit, clips):
    with pytest.raises(InputMissing, match="No such file"):
        edit.scan(clips / "no.mp4")
    with pytest.raises(InputMissing, match="is a directory"):
        edit.scan(clips)


def test_a_file_name_is_never_an_option_or_a_protocol(edit, clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-y.mp4", "concat:a|b.mp4", "it's [odd], 100%: ünïcode.mp4"):
        shutil.copy(clips / "one.mp4", tmp_path / name)
        assert edit.scan(Path(name))[0]["frames"] == 1


def test_without_ffmpeg_the_hint_installs_it(tmp_path):
    with pytest.raises(Unavailable) as caught:
        programs.find(str(tmp_path))
    assert caught.value.hint == "apt-get install ffmpeg"


def test_the_same_bytes_have_the_same_ids_anywhere(edit, clips, tmp_path):
    shutil.copy(clips / "three.mp4", tmp_path / "renamed.mp4")
    here, there = edit.scan(clips / "three.mp4"), edit.scan(tmp_path / "renamed.mp4")
    assert [record["id"] for record in here] == [record["id"] for record in there]
    assert here[0]["path"] != there[0]["path"]


def test_memory_of_the_sound_is_small():
    levels = levels_.Levels()
    levels.level_db.extend([-20.0] * 360_000)
    assert levels.level_db.itemsize * len(levels.level_db) < 2_000_000, "an hour"
    assert levels.between(Fraction(3599), Fraction(3600))["silence_ratio"] == 0
    assert levels.between(Fraction(3600), Fraction(3601))["silence_ratio"] == 1, "after its end it is silent"


def test_every_frame_is_in_exactly_one_shot(edit, clips, found):
    media = probe.examine(found, clips / "three.mp4", "0" * 64)
    looks = list(shots.find(found, media, lambda done: None))
    assert [look.first for look in looks] == [0, *[look.first + look.frames for look in looks[:-1]]]
    assert sum(look.frames for look in looks) == 100
