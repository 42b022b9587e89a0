"""The mixed sound: where it begins and ends, how loud it is, what steps back under speech, what made sounds are like."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import pytest

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import timecode
from roadmap_cli.edl.rendering import loudness, made_sounds, mixing, sound_parts
from roadmap_cli.edl.rendering.mixing import Mix

numpy = pytest.importorskip("numpy")
RATE = 48_000
AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def clicking(edit, clips):
    return edit.scan(clips / "clicks.mp4")[0]


def cue(**fields):
    return {"kind": "edl.cue", "id": "cue", "at": AT, "plan_id": "plan_1", **fields}


def level(path, found):
    command = [
        found.ffmpeg,
        "-nostats",
        "-i",
        str(path),
        "-af",
        "ebur128=peak=true:framelog=verbose",
        "-f",
        "null",
        "-",
    ]
    words = subprocess.run(command, capture_output=True, check=True).stderr.decode()
    summary = words[words.rfind("Summary:") :]
    lufs, peak = (float(re.search(rf"\b{name}:\s*(-?[0-9.]+)", summary)[1]) for name in ("I", "Peak"))
    return loudness.Level(lufs, peak)


def heard(measure, path):
    return numpy.frombuffer(measure.decoded(path, "-f", "f32le", "-ac", "1", "-ar", str(RATE)), "f4")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["lead", "lag"])
def test_j_and_l_cuts_move_the_sound_and_not_the_picture(edit, clicking, measure, tmp_path, side):
    """Clicks lie at whole source seconds; the moved edge lets one more of the one cut, or one fewer of the other, in."""
    fps = timecode.rational(clicking["fps"])
    header, cuts, sources = edit.by_hand(clicking, [(40, 70), (130, 160)])
    number = 1 if side == "lead" else 0
    cuts[number] = {**cuts[number], "sound": {f"{side}_frames": 12}}
    edit.render((header, cuts, sources), tmp_path / "o.mp4", tmp_path / "c")
    joint = 30 - 12 if side == "lead" else 30 + 12
    expected = []
    for first, start, low, high in ((40, 0, 0, joint), (130, 30, joint, 60)):
        for second in range(1, 14):
            at = timecode.sample_at(start, fps, RATE) + second * RATE - timecode.sample_at(first, fps, RATE)
            if timecode.sample_at(low, fps, RATE) + 480 < at < timecode.sample_at(high, fps, RATE) - 700:
                expected.append(at)
    clicks = measure.clicks(tmp_path / "o.mp4")
    assert len(expected) == len(clicks)
    assert max(abs(a - b) for a, b in zip(clicks, expected, strict=True)) <= RATE // 1000


@pytest.mark.slow
@pytest.mark.parametrize("steps", [{"hum_hz": 50.0}, {"denoise_db": 8.0}, {"deess": 0.5}, {"presence_db": 3.0}])
def test_cleaning_does_not_move_the_sound(edit, clicking, measure, tmp_path, steps):
    fps = timecode.rational(clicking["fps"])
    header, cuts, sources = edit.by_hand(clicking, [(100, 190)])
    edit.render((header, [{**cuts[0], "sound": steps}], sources), tmp_path / "o.mp4", tmp_path / "c")
    start = timecode.sample_at(100, fps, RATE)
    expected = [second * RATE - start for second in range(1, 14) if 480 < second * RATE - start < 3 * RATE]
    clicks = measure.clicks(tmp_path / "o.mp4", 0.12)
    assert len(clicks) == len(expected)
    assert max(abs(a - b) for a, b in zip(clicks, expected, strict=True)) <= RATE // 1000


@pytest.mark.slow
@pytest.mark.parametrize("late_ms", [-120.0, 80.0, 333.0])
def test_sound_is_moved_against_its_picture_to_the_sample(edit, clicking, measure, tmp_path, late_ms):
    fps = timecode.rational(clicking["fps"])
    header, cuts, sources = edit.by_hand(clicking, [(100, 190)])
    edit.render((header, [{**cuts[0], "sound": {"offset_ms": late_ms}}], sources), tmp_path / "o.mp4", tmp_path / "c")
    start = timecode.sample_at(100, fps, RATE) - round(late_ms * RATE / 1000)
    expected = [second * RATE - start for second in range(1, 14) if 480 < second * RATE - start < 3 * RATE]
    clicks = measure.clicks(tmp_path / "o.mp4")
    assert len(clicks) == len(expected) > 1
    assert max(abs(a - b) for a, b in zip(clicks, expected, strict=True)) <= RATE // 1000


@pytest.mark.slow
@pytest.mark.parametrize(("target", "bound"), [(-23.0, -1.0), (-14.0, -1.0), (-16.0, -2.0)])
def test_a_programme_comes_out_as_loud_as_planned(edit, clips, found, tmp_path, target, bound):
    """The tone is steady: gain alone is enough for it; the clicks on top need the limiter."""
    clip = tmp_path / "loud.mp4"
    tone = "aevalsrc='0.05*sin(2*PI*300*t)*(1+0.5*sin(t))+0.6*sin(2*PI*2000*t)*lt(mod(t,1),0.01)':s=48000:d=13"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(clips / "numbers.mp4"), "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a",
         "aac", "-b:a", "256k", "-shortest", str(clip)], check=True,
    )  # fmt: skip
    header, cuts, sources = edit.by_hand(edit.scan(clip)[0], [(0, 150), (200, 350)])
    header |= {"loudness_lufs": target, "true_peak_dbtp": bound}
    record = edit.render((header, cuts, sources), tmp_path / "o.mp4", tmp_path / "c")[-1]
    told = level(tmp_path / "o.mp4", found)
    assert abs(told.lufs - target) <= 0.5
    assert told.peak_dbtp <= bound + 0.05
    assert (record["loudness_after_lufs"], record["true_peak_dbtp"]) == (told.lufs, told.peak_dbtp)


def test_silence_is_not_made_loud(edit, clips, tmp_path):
    header, cuts, sources = edit.by_hand(edit.scan(clips / "three.mp4")[0], [(0, 30)])
    header |= {"loudness_lufs": -14.0, "true_peak_dbtp": -1.0}
    record = edit.render((header, cuts, sources), tmp_path / "o.mp4", tmp_path / "c")[-1]
    assert record["gain_db"] == 0.0
    assert "loudness_after_lufs" not in record


@pytest.mark.parametrize("sound", ["drone", "hit", "riser", "swell", "pulse"])
def test_made_sounds_are_the_same_each_time_clean_and_different_by_seed(sound):
    one, two, other = (made_sounds.made(sound, seed, 2 * RATE) for seed in (7, 7, 8))
    assert one.shape == (2 * RATE, 2)
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()
    assert 0.5 < numpy.abs(one).max() <= 0.9
    assert abs(one.mean()) < 0.02, "no offset"
    assert numpy.abs(one[-5:]).max() < 0.05, "ends without a click"
    if sound != "hit":
        assert numpy.abs(one[:5]).max() < 0.05, "begins without a click"
    power = numpy.square(one).sum(axis=1).reshape(8, -1).sum(axis=1)
    highest = {"hit": {0}, "riser": {6, 7}, "swell": {4, 5, 6}}.get(sound, set(range(8)))
    assert int(power.argmax()) in highest


def test_partials_are_the_sines_they_stand_for():
    """Blocks with straight lines against a sine for each sample: what differs is 100 dB below."""
    length, frequencies, gains, drift = 3 * RATE + 7, [41.2, 440.0, 5000.0, 17_000.0], [1.0, 0.5, 0.2, 1.0], 2.2
    told = made_sounds._voices(numpy.random.default_rng(3), frequencies, gains, length, drift)
    random, seconds, tau = numpy.random.default_rng(3), numpy.arange(length) / RATE, 2 * numpy.pi
    exact = numpy.zeros((length, 2))
    for frequency, gain in list(zip(frequencies, gains, strict=True))[:3]:
        slow, deep = random.uniform(0.03, 0.11), random.uniform(0, tau)
        phase = tau * frequency * seconds + random.uniform(0, tau) + drift * numpy.sin(tau * slow * seconds + deep)
        level = gain * (0.75 + 0.25 * numpy.sin(tau * random.uniform(0.05, 0.2) * seconds + deep))
        angle = (random.uniform(-0.8, 0.8) * min(1.0, frequency / 200) + 1) * numpy.pi / 4
        exact += (level * numpy.sin(phase))[:, None] * [numpy.cos(angle), numpy.sin(angle)]
    assert numpy.abs(told - exact).max() < 1e-5


@pytest.mark.parametrize("length", [1, 10, 5000])
def test_made_sounds_of_any_length(length):
    for sound in ("drone", "hit", "riser", "swell", "pulse"):
        assert numpy.isfinite(made_sounds.made(sound, 0, length)).all()


@pytest.mark.slow
def test_music_steps_back_under_speech_and_comes_back(edit, clicking, measure, tmp_path):
    """Speech from 1.0 to 2.0 s of the source, which plays from 0.5 s on: ducked from 0.5 to 1.5 s of the programme."""
    header, cuts, sources = edit.by_hand(clicking, [(15, 165)])
    cuts = [{**cuts[0], "sound": {"gain_db": -60.0}}]
    span = {"kind": "edl.span", "id": "s", "at": AT, "source_id": clicking["id"], "sort": "speech", "start_ms": 1500,
            "end_ms": 2500}  # fmt: skip
    music = cue(sound="drone", seed=3, timeline_in_frame=0, timeline_out_frame=150)
    edit.render((header, cuts, sources), tmp_path / "a.mp4", tmp_path / "c", music, span)
    edit.render((header, cuts, sources), tmp_path / "b.mp4", tmp_path / "c", {**music, "duck_db": 12.0}, span)
    plain, ducked = (heard(measure, tmp_path / name) for name in ("a.mp4", "b.mp4"))

    def lower(start_s, end_s):
        part = slice(int(start_s * RATE), int(end_s * RATE))
        return 20 * numpy.log10(numpy.std(ducked[part]) / numpy.std(plain[part]))

    assert abs(lower(1.05, 1.95) + 12) < 0.7
    assert abs(lower(0.3, 0.75)) < 0.5
    assert abs(lower(3.0, 4.5)) < 0.5
    assert -9 < lower(2.2, 2.6) < -3


def test_a_cue_from_a_source_plays_what_lies_there(edit, clicking, measure, tmp_path):
    header, cuts, sources = edit.by_hand(clicking, [(200, 260)])
    cuts = [{**cuts[0], "sound": {"mute": True}}]
    music = cue(source_id=clicking["id"], source_start_ms=1700, timeline_in_frame=0, timeline_out_frame=60)
    edit.render((header, cuts, sources), tmp_path / "o.mp4", tmp_path / "c", music)
    clicks = measure.clicks(tmp_path / "o.mp4")
    assert [abs(at - 0.3 * RATE) < 48 or abs(at - 1.3 * RATE) < 48 for at in clicks] == [True, True]


def test_a_cue_without_a_sound_or_a_source_is_refused(edit, clicking, tmp_path):
    plan = edit.by_hand(clicking, [(0, 20)])
    for wrong in ({"sound": "fanfare"}, {}, {"source_id": "nowhere"}):
        with pytest.raises(DataError):
            edit.render(
                plan, tmp_path / "o.mp4", tmp_path / "c", cue(timeline_in_frame=0, timeline_out_frame=9, **wrong)
            )


def test_the_limiter_holds_true_peaks_and_leaves_the_rest_alone():
    """A tone at a quarter of the rate, between its samples 3 dB higher than on them; and block sizes that differ."""
    time = numpy.arange(RATE) / RATE
    tone = numpy.sin(2 * numpy.pi * 12_000 * time + numpy.pi / 4) * (0.3 + 1.2 * ((time > 0.4) & (time < 0.5)))
    sound = numpy.stack([tone, 0.5 * tone], axis=1)

    def out(size):
        ends = [*range(0, RATE, size), RATE]
        parts = [loudness.limited(lambda a, b: sound[a:b], a, b, RATE, 1.0, 0.8) for a, b in pairwise(ends)]
        return numpy.concatenate(parts)

    one, two = out(RATE), out(7000)
    assert numpy.abs(one - two).max() < 1e-6
    spectrum = numpy.fft.rfft(one[:, 0])
    wide = numpy.fft.irfft(numpy.concatenate([spectrum, numpy.zeros(3 * (len(spectrum) - 1))])) * 4
    assert numpy.abs(wide).max() <= 0.8 * 1.02
    quiet = slice(0, int(0.35 * RATE))
    assert numpy.abs(one[quiet] - sound[quiet]).max() < 1e-6


def test_a_step_at_a_joint_is_noticed_and_a_dip_is_none(tmp_path):
    """Two tones out of phase: cut hard the measure is high, with the programme's dips it is low."""
    length = RATE // 2
    time = numpy.arange(RATE) / RATE
    files = []
    for n, phase in enumerate((0.0, 2.0)):
        tone = (0.5 * numpy.sin(2 * numpy.pi * 220 * time + phase)).astype("<f4")
        place = tmp_path / f"{n}.f32"
        place.write_bytes(numpy.repeat(tone, 2).tobytes())
        files.append(place)

    def ratio(dip):
        parts = [sound_parts.Stretch(str(n), None, n * length, (n + 1) * length, dip, dip, 1.0) for n in range(2)]
        return mixing.step_ratio(Mix(2 * length, parts, files, [], [], []), length)

    assert ratio(sound_parts.DIP_SAMPLES) < 1.5
    assert ratio(1) > 3


def test_cuts_that_go_on_in_the_source_have_no_joint(edit, clicking):
    header, cuts, _ = edit.by_hand(clicking, [(10, 40), (40, 70), (100, 120)])
    fps = timecode.rational(header["fps"])
    media = SimpleNamespace(
        path="x", sha256="y", audio_index=1, audio_start_s=Fraction(0), video_start_s=Fraction(0), fps=fps
    )
    found = sound_parts.stretches(cuts, {clicking["id"]: media}, fps)
    assert [(part.start, part.stop) for part in found] == [
        (0, timecode.sample_at(60, fps, RATE)), (timecode.sample_at(60, fps, RATE), timecode.sample_at(80, fps, RATE))
    ]  # fmt: skip
    moved = [cuts[0], {**cuts[1], "sound": {"gain_db": 3.0}}, cuts[2]]
    assert len(sound_parts.stretches(moved, {clicking["id"]: media}, fps)) == 3


@pytest.mark.slow
def test_another_gain_decodes_nothing_again(edit, clicking, tmp_path):
    header, cuts, sources = edit.by_hand(clicking, [(0, 40), (100, 140)])
    edit.render((header, cuts, sources), tmp_path / "a.mp4", tmp_path / "c")
    before = {path: path.stat().st_ino for path in (tmp_path / "c/parts").glob("*/*.f32")}
    louder = [cuts[0], {**cuts[1], "sound": {"gain_db": 3.0}}]
    record = edit.render((header, louder, sources), tmp_path / "a.mp4", tmp_path / "c")[-1]
    assert record["sound_cached"] is False
    assert {path: path.stat().st_ino for path in (tmp_path / "c/parts").glob("*/*.f32")} == before
