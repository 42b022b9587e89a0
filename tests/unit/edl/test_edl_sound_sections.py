"""The sound in sections: one and the same as the sound of the whole, whatever was made before, killed or damaged."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from roadmap_cli.core.errors import TryLater
from roadmap_cli.edl.rendering import able, keeping, loudness, render, sound_encoding, sound_parts, sound_programme
from roadmap_cli.edl.rendering import sound_sections as sections
from roadmap_cli.edl.rendering.mixing import Cue, Mix
from roadmap_cli.edl.rendering.sound_parts import Stretch, Wanted

numpy = pytest.importorskip("numpy")
RATE = 48_000
AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def sounding(tmp_path_factory):
    """Sources of 40 s with sound that never repeats: one at 48 kHz, one at 44.1."""
    folder = tmp_path_factory.mktemp("sounding")
    for rate in (48_000, 44_100):
        tone = (f"aevalsrc='0.2*sin(2*PI*(200+5*t)*t)*(1+sin({rate // 44_000}+t))+0.05*sin(2*PI*3000*t*(1+t/40))"
                f"+0.6*sin(2*PI*2000*t)*lt(mod(t,0.7),0.01)':s={rate}:d=40")  # fmt: skip
        noise = f"anoisesrc=a=0.05:r={rate}:d=40:seed={rate}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=64x64:r=25:d=40", "-f", "lavfi", "-i", tone, "-f", "lavfi", "-i", noise,
            "-filter_complex", "[1][2]amix=normalize=0[a]", "-map", "0:v", "-map", "[a]", "-c:v", "libx264", "-preset",
            "ultrafast", "-g", "250", "-c:a", "aac", "-b:a", "128k", folder / f"{rate}.mp4"], check=True,
        )  # fmt: skip
    return [
        {"kind": "edl.source", "id": f"source_{rate}", "at": AT, "path": str(folder / f"{rate}.mp4"), "frames": 1000,
         "sha256": keeping.probe.content_hash(folder / f"{rate}.mp4"), "fps": "25/1", "width": 64, "height": 64,
         "has_sound": True} for rate in (48_000, 44_100)
    ]  # fmt: skip


class Sounds:
    """An edit's sound, made in a cache."""

    def __init__(self, edit, found, made, cache, *more, jobs=2):
        cache.mkdir(parents=True, exist_ok=True)
        edited = edit.edited(made, *more)
        self.work = render.prepare(found, edited, cache, render.Settings(preset="ultrafast", jobs=jobs))
        self.build = lambda: sound_programme.build(self.work.shop, edited, self.work.media, self.work.looking)


def drawn(draw, edit, sources, seconds=26):
    """A plan of random cuts of about so many seconds, with all that may be said of sound, and its cues and spans."""
    ranges = []
    while sum(end - first for first, end in ranges) < 25 * seconds:
        first = draw.randrange(0, 900)
        ranges.append((first, first + draw.choice([12, 30, 60, 60, 90])))
    header, cuts, known = edit.by_hand(sources[0], ranges)
    known[sources[1]["id"]] = sources[1]
    moved = draw.choice([{"lead_frames": 6}, {"lag_frames": 5}])
    for n, cut in enumerate(cuts):
        cut["source_id"] = draw.choice(sources)["id"]
        cut["sound"] = draw.choice([{}, {}, {"gain_db": -4.0}, {"mute": True}, {"hum_hz": 50.0}, {"denoise_db": 6.0},
                                    moved if 0 < n < len(cuts) - 1 else {}])  # fmt: skip
        if n and draw.random() < 0.3:
            cut["transition"] = {"sort": draw.choice(["dissolve", "fade_black"]), "frames": 8}
    cues = [
        {"kind": "edl.cue", "id": "drone", "at": AT, "plan_id": "plan_1", "sound": "drone", "seed": draw.randrange(9),
         "timeline_in_frame": 50, "timeline_out_frame": 400, "gain_db": -8.0, "duck_db": 9.0},
        {"kind": "edl.cue", "id": "music", "at": AT, "plan_id": "plan_1", "source_id": sources[1]["id"],
         "source_start_ms": 700, "timeline_in_frame": 300, "timeline_out_frame": header["length_frames"] - 20,
         "gain_db": -12.0, "fade_in_frames": 20, "fade_out_frames": 30},
    ]  # fmt: skip
    span = {"kind": "edl.span", "id": "s", "at": AT, "source_id": sources[0]["id"], "sort": "speech",
            "start_ms": draw.randrange(20_000), "end_ms": 30_000}  # fmt: skip
    header |= draw.choice([{}, {"loudness_lufs": -16.0}, {"loudness_lufs": -14.0, "true_peak_dbtp": -1.0}])
    return header, cuts, known, [*cues, span]


def changed(draw, plan):
    """The same plan after one change of what is heard."""
    header, cuts, known, more = plan
    cuts, more, n = [dict(cut) for cut in cuts], [dict(each) for each in more], draw.randrange(1, len(cuts))
    match draw.choice(["louder", "louder", "last", "ducked", "later", "muted"]):
        case "louder":
            cuts[n]["sound"] = {**cuts[n]["sound"], "gain_db": 3.0}
        case "last":
            cuts[-1]["out_frame"] -= 4
            cuts[-1]["timeline_out_frame"] -= 4
            header = {**header, "length_frames": header["length_frames"] - 4}
        case "ducked":
            more[0]["duck_db"] = 4.0
        case "later":
            more[0]["timeline_in_frame"] += 7
        case "muted":
            cuts[n]["sound"] = {"mute": True}
    return header, cuts, known, more


def test_the_sections_of_a_mix_are_the_mix_and_equal_names_sound_equal(tmp_path):
    """Random mixes and one thing changed in them: where the names are the same the samples are, bit by bit."""
    draw = random.Random(5)
    rates = numpy.random.default_rng(5)
    noise = (rates.standard_normal((30 * RATE, 2)) * 0.1).astype("<f4")

    def file_of(wanted):
        place = tmp_path / f"{wanted.sha256}-{wanted.first}-{wanted.length}.f32"
        if not place.exists():
            place.write_bytes(noise[wanted.first : wanted.first + wanted.length + 2].tobytes())
        return place

    def mixed():
        stretches, at = [], 0
        while at < 20 * RATE:
            length = draw.randrange(RATE // 4, 4 * RATE)
            wanted = Wanted(Path("x"), "x", 1, Fraction(0), draw.randrange(20 * RATE), length)
            mixes = draw.random() < 0.3
            stretches.append(
                Stretch("c", wanted, at, at + length, draw.choice([480, 20_000]), 480, draw.random(), mixes)
            )
            at += length - (draw.choice([0, 9000]) if draw.random() < 0.3 else 0)
        music = Wanted(Path("y"), "y", 1, Fraction(0), 0, 9 * RATE)
        cue = Cue(5 * RATE, 14 * RATE, 9600, 9600, 0.5, draw.choice([0.0, 6.0]), None, music)
        return at, stretches, [cue], [(6 * RATE, 8 * RATE), (11 * RATE, 12 * RATE)]

    def of(length, stretches, cues, speech):
        files = [[file_of(each.wanted) for each in sounds] for sounds in (stretches, cues)]
        return Mix(length, stretches, files[0], cues, files[1], speech)

    same = other = 0
    for _ in range(6):
        length, stretches, cues, speech = mixed()
        one, n = of(length, stretches, cues, speech), draw.randrange(len(stretches) - 1)
        whole = one.block(0, length)
        parts = [one.block(part.first, part.end) for part in sections.parted(length)]
        assert numpy.array_equal(numpy.concatenate(parts), whole)
        cut = stretches[n]
        two = of(*draw.choice([
            (length, [*stretches[:n], replace(cut, gain=2 * cut.gain), *stretches[n + 1 :]], cues, speech),
            (length, [*stretches[:n], replace(cut, fade_out=9600), *stretches[n + 1 :]], cues, speech),
            (length, stretches, [replace(cues[0], duck_db=cues[0].duck_db + 3)], speech),
            (length, stretches, [replace(cues[0], stop=cues[0].stop - 900)], speech),
            (length, stretches, cues, [speech[0]]),
        ]))  # fmt: skip
        for _ in range(40):
            first = draw.randrange(length - RATE)
            end = min(length, first + draw.randrange(1, 2 * RATE))
            names = [mix.told(first, end, "", "") for mix in (one, two)]
            equal = numpy.array_equal(one.block(first, end), two.block(first, end))
            same += names[0] == names[1]
            other += not equal
            assert equal or names[0] != names[1]
    assert same > 100
    assert other > 10


def test_the_measures_of_sections_are_those_of_the_whole():
    draw = numpy.random.default_rng(3)
    length = 2 * sections.EVERY * sections.FRAME + 30_000
    sound = draw.standard_normal((length, 2)) * 0.1 * (1 + numpy.sin(numpy.arange(length) / 50_000))[:, None]
    parts = []
    for part in sections.parted(length):
        before = min(loudness.BEFORE, part.first)
        parts.append(loudness.levels(sound[part.first - before : part.end], before))
    whole = loudness.levels(sound)
    assert [each for part in parts for each in part.energy] == whole.energy
    assert loudness.together(parts) == loudness.together([whole])
    louder = loudness.together([part.louder(2.0) for part in parts])
    assert abs(louder.lufs - loudness.together([whole]).lufs - 6.02) <= 0.011


def test_a_part_that_ends_later_begins_with_the_same_samples(sounding, found, tmp_path):
    """That a long cut may be trimmed at its end and keep its sections rests on it; 44.1 kHz too."""
    for source in sounding:
        wanted = [
            Wanted(Path(source["path"]), source["sha256"], 1, Fraction(0), 50_000, length)
            for length in (90_000, 200_000)
        ]
        short, long = (sound_parts.samples(p) for p in sound_parts.decode(able.able(found, tmp_path), wanted, tmp_path))
        assert wanted[0].told("", "") == wanted[1].told("", "")
        assert numpy.array_equal(short[:90_000], long[:90_000])


def test_one_louder_cut_encodes_its_section_and_comes_to_what_an_empty_cache_does(edit, found, sounding, tmp_path):
    plan = edit.by_hand(sounding[0], [(0, 100), (200, 300), (400, 500), (600, 700), (100, 200)])
    louder = [{**cut, "sound": {"gain_db": 3.0}} if n == 2 else cut for n, cut in enumerate(plan[1])]
    first = Sounds(edit, found, plan, tmp_path / "c").build()
    assert first.encoded == first.samples == 20 * RATE
    again = Sounds(edit, found, (plan[0], louder, plan[2]), tmp_path / "c").build()
    fresh = Sounds(edit, found, (plan[0], louder, plan[2]), tmp_path / "empty").build()
    # It is heard from 8 to 12 s, in the second section of 6.4 s and by none beside it.
    assert again.encoded == sections.EVERY * sections.FRAME
    assert again.path.read_bytes() == fresh.path.read_bytes() != first.path.read_bytes()
    assert (again.measured, again.offset_samples) == (fresh.measured, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_rendered_before_the_sound_is_that_from_an_empty_cache(
    edit, found, sounding, measure, tmp_path, seed
):
    """Three changes of a random plan, one after the other: the same bytes and so the same samples; less is encoded."""
    draw = random.Random(seed)
    plan = drawn(draw, edit, sounding)
    Sounds(edit, found, plan[:3], tmp_path / "c", *plan[3]).build()
    for n in range(3):
        plan = changed(draw, plan)
        kept = Sounds(edit, found, plan[:3], tmp_path / "c", *plan[3]).build()
        fresh = Sounds(edit, found, plan[:3], tmp_path / f"empty{n}", *plan[3]).build()
        assert kept.path.read_bytes() == fresh.path.read_bytes()
        assert (kept.measured, kept.offset_samples) == (fresh.measured, 0)
        assert kept.encoded <= fresh.encoded == fresh.samples
    told = measure.decoded(kept.path, "-f", "f32le")
    assert told == measure.decoded(fresh.path, "-f", "f32le")
    assert 0 <= len(told) - kept.samples * 8 < sections.FRAME * 8, "to the end of the last frame"


@pytest.mark.slow
@pytest.mark.parametrize("target", [None, -14.0])
def test_the_sections_joined_are_as_near_to_the_mix_as_one_encoding(edit, found, sounding, measure, tmp_path, target):
    """No click at a seam: the error of coding there is not greater than elsewhere."""
    header, cuts, known = edit.by_hand(sounding[0], [(0, 250), (300, 500), (500, 700), (720, 980)])
    if target:
        header |= {"loudness_lufs": target, "true_peak_dbtp": -1.0}
    sounds = Sounds(edit, found, (header, cuts, known), tmp_path / "c")
    made = sounds.build()
    back = numpy.frombuffer(measure.decoded(made.path, "-f", "f32le"), "<f4").reshape(-1, 2)
    stretches = sound_parts.stretches(cuts, sounds.work.media, Fraction(25))
    files = sound_parts.decode(sounds.work.shop.able, [each.wanted for each in stretches], tmp_path / "c")
    mix = Mix(made.samples, stretches, files, [], [], [])
    there = mix.block(0, made.samples) * 10 ** (made.measured["gain_db"] / 20)
    if made.measured["limited"]:
        there = loudness.limited(
            mix.block, 0, made.samples, made.samples, 10 ** (made.measured["gain_db"] / 20), 10 ** (-2 / 20)
        )
    back = back[: len(there)]
    blocks = len(there) // sections.FRAME
    error = numpy.square(back - there)[: blocks * sections.FRAME].reshape(blocks, -1).sum(axis=1)
    seams = [part.first_frame - 1 for part in sections.parted(made.samples)[1:]]
    assert len(seams) == 5
    assert numpy.median(error[seams]) <= 2 * numpy.median(error)
    assert error[seams].max() <= numpy.percentile(error, 99)


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 700, 1024, 1025, 307_200, 307_201, 308_224])
def test_sounds_of_any_length_are_whole_and_in_their_place(edit, found, sounding, measure, tmp_path, length):
    """Those of less than a frame, and those that end where a section does."""
    shop = Sounds(edit, found, edit.by_hand(sounding[0], [(0, 10)]), tmp_path).work.shop
    mix = Mix(length, [], [], [Cue(0, length, 0, 0, 0.5, 0.0, ("drone", 3), None)], [None], [])
    place = tmp_path / "sound/o/o.m4a"
    measured, encoded, used = sound_programme._put_together(shop, mix, None, None, place)
    assert (encoded, len(used)) == (length, len(sections.parted(length)))
    assert abs(measured["offset_samples"]) <= 1
    assert 0 <= len(measure.decoded(place, "-f", "f32le")) // 8 - length < sections.FRAME


@pytest.mark.slow
def test_a_seam_that_does_not_hold_makes_two_sections_one(edit, found, sounding, tmp_path, monkeypatch):
    monkeypatch.setattr(sound_encoding, "_SEAM", 0.0)
    plan = edit.by_hand(sounding[0], [(0, 200), (300, 350)])
    made = Sounds(edit, found, plan, tmp_path / "c").build()
    assert len(made.sections) == 1
    assert made.offset_samples == 0


@pytest.mark.slow
def test_what_is_damaged_in_the_cache_is_made_again(edit, found, sounding, tmp_path):
    plan = edit.by_hand(sounding[0], [(0, 200), (300, 500), (600, 700)])
    plan[0].update(loudness_lufs=-14.0, true_peak_dbtp=-1.0)
    made = Sounds(edit, found, plan, tmp_path / "c").build()
    right = made.path.read_bytes()
    draw = random.Random(4)
    files = sorted(path for path in (tmp_path / "c/sound").glob("*/*") if path != made.path)
    assert {path.suffix for path in files} == {".m4a", ".json", ".levels"}
    for path in files:
        made.path.unlink()
        data = bytearray(path.read_bytes())
        match draw.choice(["empty", "short", "flipped", "gone"]):
            case "empty":
                path.write_bytes(b"")
            case "short":
                path.write_bytes(data[: len(data) // 2])
            case "flipped":
                data[draw.randrange(len(data))] ^= 0x11
                path.write_bytes(data)
            case "gone":
                path.unlink()
        assert Sounds(edit, found, plan, tmp_path / "c").build().path.read_bytes() == right, path.suffix


@pytest.mark.slow
def test_killed_at_any_moment_the_next_comes_to_the_same(edit, found, sounding, tmp_path):
    plan = edit.by_hand(sounding[1], [(0, 200), (300, 500), (600, 900)])
    plan[0].update(loudness_lufs=-14.0, true_peak_dbtp=-1.0)
    began = time.monotonic()
    right = Sounds(edit, found, plan, tmp_path / "right").build().path.read_bytes()
    whole, cache, draw = time.monotonic() - began, tmp_path / "c", random.Random(9)
    cache.mkdir()
    killed = 0
    for _ in range(12):
        process = multiprocessing.get_context("fork").Process(
            target=lambda: Sounds(edit, found, plan, cache).build(), daemon=True
        )
        process.start()
        process.join(draw.uniform(0.05, 0.6) * whole)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
    assert killed
    made = Sounds(edit, found, plan, cache).build()
    assert made.path.read_bytes() == right
    for left in cache.rglob("*.part"):
        os.utime(left, (1, 1))
    keeping.prune([cache / "sound", cache / "parts"], set(), 10**12)
    assert not list(cache.rglob("*.part"))


@pytest.mark.slow
def test_two_at_once_share_their_sections(edit, found, sounding, tmp_path):
    plan = edit.by_hand(sounding[0], [(0, 250), (300, 500), (600, 900)])
    louder = (plan[0], [*plan[1][:-1], {**plan[1][-1], "sound": {"gain_db": -3.0}}], plan[2])
    both = [plan, louder]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda each: Sounds(edit, found, each, tmp_path / "c").build(), both))
    fresh = [Sounds(edit, found, each, tmp_path / f"{n}").build() for n, each in enumerate(both)]
    assert [each.path.read_bytes() for each in made] == [each.path.read_bytes() for each in fresh]
    assert len(list((tmp_path / "c/sound").glob("*/*.m4a"))) == len(made[0].sections | made[1].sections) + 2
    assert not list((tmp_path / "c").rglob(".*"))


def test_a_render_that_was_stopped_makes_no_sound(edit, found, sounding, tmp_path):
    sounds = Sounds(edit, found, edit.by_hand(sounding[0], [(0, 50)]), tmp_path / "c")
    sounds.work.shop.stop()
    with pytest.raises(TryLater, match="stopped"):
        sounds.build()
    assert not list((tmp_path / "c/sound").rglob("*.m4a"))
