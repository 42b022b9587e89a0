"""What is heard: loudness as the standards' own test signals have it, speech edges, beats, hum, words, odd files."""

from __future__ import annotations

import os
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl import hearing, probe, scanning
from roadmap_cli.edl.hearing import ears, listening, meter, rhythm, sorts, speech, stream, words
from roadmap_cli.edl.hearing.heard import Word
from roadmap_cli.edl.hearing.hum import Hum
from roadmap_cli.edl.hearing.sorts import Span
from roadmap_cli.edl.hearing.spectrum import Spectra

RATE = 48_000
ROOT = Path(__file__).parents[3]


def tone(hertz: float, decibels: float, seconds: float, rate: int = RATE) -> numpy.ndarray:
    time = numpy.arange(round(seconds * rate)) / rate
    return (10 ** (decibels / 20) * numpy.sin(2 * numpy.pi * hertz * time)).astype(numpy.float32)


def wav(path: Path, sound: numpy.ndarray, rate: int = RATE, *more: str) -> Path:
    """A file of float samples [channels, n], written by ffmpeg."""
    sound = numpy.atleast_2d(sound).astype("<f4")
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(sound)]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(rate), "-ac", str(len(sound)),
         "-channel_layout", layout, "-i", "-", *(more or ["-c:a", "pcm_f32le"]), str(path)],
        input=sound.T.tobytes(), check=True,
    )  # fmt: skip
    return path


def heard(found, path: Path, **more) -> listening.Heard:
    result = hearing.listen(found, probe.examine(found, path, "0" * 64), **more)
    assert result is not None
    return result


# -- loudness ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([(-23, 20)], -23.0),  # EBU Tech 3341, test 1
        ([(-33, 20)], -33.0),  # test 2
        ([(-36, 5), (-23, 30), (-36, 5)], -23.0),  # test 3, shortened: the gate leaves the quiet parts out
        ([(-72, 5), (-36, 5), (-23, 30), (-36, 5), (-72, 5)], -23.0),  # test 4
    ],
)
def test_integrated_loudness_is_that_of_ebu_tech_3341(levels, wanted):
    sound = numpy.concatenate([tone(1000, level, seconds) for level, seconds in levels])
    read = hearing.loudness(numpy.stack([sound, sound]))
    assert read.integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_surround_channels_weigh_more_and_lfe_nothing():
    levels = (-28, -28, -24, 0, -30, -30)  # EBU Tech 3341, test 6; the LFE is ours
    sound = numpy.stack([tone(1000, level, 5) for level in levels])
    assert hearing.loudness(sound).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_true_peak_lies_between_samples():
    time = numpy.arange(RATE)
    sound = (0.5 * numpy.sin(numpy.pi / 2 * time + numpy.pi / 4)).astype(numpy.float32)  # EBU Tech 3341, test 16
    read = hearing.loudness(sound)
    assert read.sample_peak_db == pytest.approx(-9.03, abs=0.05)
    assert -6.4 < read.true_peak_db < -5.8


def test_the_meter_reads_what_ffmpeg_reads(tmp_path):
    rng = numpy.random.default_rng(3)
    gate = numpy.repeat(rng.uniform(0.02, 0.4, 16), RATE // 2)
    sound = (rng.standard_normal((2, len(gate))) * gate * 0.3).astype(numpy.float32)
    path = wav(tmp_path / "noise.wav", sound)
    log = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostdin", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    summary = log[log.rindex("Summary") :]
    read = hearing.loudness(sound)
    assert read.integrated_lufs == pytest.approx(float(re.search(r"I:\s+(-[\d.]+)", summary)[1]), abs=0.1)
    assert read.true_peak_db == pytest.approx(float(re.search(r"Peak:\s+(-?[\d.]+)", summary)[1]), abs=0.25)
    moments = [float(value) for value in re.findall(r"\bM:\s*(-?[\d.]+)", log)]
    assert read.highest_moment_lufs == pytest.approx(max(moments), abs=0.1)


def test_silence_and_nothing_have_no_loudness():
    for samples in (0, 100, RATE):
        read = hearing.loudness(numpy.zeros((2, samples), numpy.float32))
        assert read.integrated_lufs == meter.FLOOR_DB == read.true_peak_db


def test_a_meter_for_other_rates_or_channels_is_refused():
    with pytest.raises(ValueError, match="44100"):
        hearing.loudness(numpy.zeros((2, 10)), 44_100)
    with pytest.raises(ValueError, match="5 channels"):
        hearing.loudness(numpy.zeros((5, 10)))


@pytest.mark.parametrize("length", [1, 480, stream.STEP - 1, stream.STEP, stream.STEP + 1, 100_001])
def test_mono_is_whole_and_in_place_whatever_the_length(length):
    sound = tone(1000, -6, length / RATE)[:length]
    stepped = stream.Stepped(1)
    parts = []
    for start in range(0, length, stream.STEP):
        stepped.step(sound[None, start : start + stream.STEP])
        parts.append(stepped.mono())
    stepped.step(numpy.zeros((1, 0), numpy.float32))
    mono = numpy.concatenate([*parts, stepped.mono()])
    assert len(mono) == -(-length // 3)
    if length > 10_000:
        middle = slice(1_000, -1_000)
        assert numpy.abs(mono[middle] - tone(1000, -6, length / RATE + 1, 16_000)[: len(mono)][middle]).max() < 1e-3


# -- joints ------------------------------------------------------------------------------------------------------------


def test_a_step_at_a_joint_is_a_click_and_a_loud_passage_is_none():
    sound = tone(220, -12, 2)
    assert hearing.clicks(sound, [RATE // 2, RATE]) == []
    broken = sound.copy()
    broken[RATE:] = -broken[RATE:] + 0.1
    found = hearing.clicks(numpy.stack([sound, broken]), [RATE // 2, RATE])
    assert [click.sample for click in found] == [RATE]
    assert found[0].step > 3 * found[0].usual
    rng = numpy.random.default_rng(1)
    assert hearing.clicks(rng.standard_normal(RATE).astype(numpy.float32), range(1000, 40_000, 500)) == []
    assert hearing.clicks(sound, [0, len(sound), len(sound) + 5]) == []


# -- speech ------------------------------------------------------------------------------------------------------------


def voice(spans: list[tuple[int, int]], length_ms: int, floor: float = -60.0) -> numpy.ndarray:
    level = numpy.full(length_ms // 10, floor, numpy.float32)
    for start, end in spans:
        level[start // 10 : end // 10] = -10 + 5 * numpy.sin(numpy.arange((end - start) // 10) / 4)
    return level


def test_an_edge_goes_on_to_the_soft_end_that_the_model_let_go():
    level = voice([(500, 1500)], 4000)
    level[150:165] = -45  # a soft ending of 150 ms
    likely = numpy.zeros(125, numpy.float32)
    likely[18:46] = 0.97  # 576 to 1472 ms
    (phrase,) = speech.phrases(likely, 32.0, level, 0, 4000)
    assert 400 < phrase.start_ms < 500
    assert 1640 < phrase.end_ms < 1800


def test_a_consonant_after_a_closure_still_belongs_to_its_word_in_noise():
    """A t at the end: the voice stops, the mouth is shut for 30 ms, and what comes stands 4 dB out of the noise."""
    rng = numpy.random.default_rng(3)
    level = voice([(500, 1500)], 4000, floor=-32) + rng.normal(0, 0.5, 400).astype(numpy.float32)
    level[153:159] += 4
    likely = numpy.zeros(125, numpy.float32)
    likely[16:46] = 0.97  # to 1472 ms
    (phrase,) = speech.phrases(likely, 32.0, level, 0, 4000)
    assert 1590 <= phrase.end_ms < 1720


def test_in_noise_the_level_does_not_move_an_edge_into_what_the_model_hears():
    level = voice([(500, 1400)], 4000, floor=-24)
    likely = numpy.zeros(125, numpy.float32)
    likely[12:52] = 0.97  # 384 to 1664 ms: a soft start and end that the noise hides
    (phrase,) = speech.phrases(likely, 32.0, level, 0, 4000)
    assert phrase.start_ms <= 384
    assert phrase.end_ms >= 1664


def test_a_place_that_changes_before_somebody_speaks_does_not_hide_the_first_sound():
    """Loud noise until 1 s, then a quiet room in which a word begins softly at 1.5 s."""
    level = voice([(1600, 2500)], 4000)
    level[:100] = -14
    level[150:160] = -35
    likely = numpy.zeros(125, numpy.float32)
    likely[51:78] = 0.97  # from 1632 ms
    (phrase,) = speech.phrases(likely, 32.0, level, 0, 4000)
    assert 1380 < phrase.start_ms < 1500


def test_a_short_pause_does_not_part_a_phrase_and_a_long_one_does():
    likely = numpy.zeros(200, numpy.float32)
    likely[20:50] = likely[56:80] = likely[110:140] = 0.98
    level = voice([(640, 1600), (1790, 2560), (3520, 4480)], 6400)
    found = speech.phrases(likely, 32.0, level, 0, 6400)
    assert len(found) == 2
    assert found[0].end_ms < found[1].start_ms


def test_edges_stay_in_the_pause_where_music_is_as_loud_as_the_voice():
    likely = numpy.zeros(200, numpy.float32)
    likely[50:100] = 0.95
    (phrase,) = speech.phrases(likely, 32.0, numpy.full(640, -12, numpy.float32), 0, 6400)
    assert (phrase.start_ms, phrase.end_ms) == (1510, 3230)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=120), st.integers(0, 5000))
def test_phrases_are_in_order_apart_and_inside(likely, length):
    rng = numpy.random.default_rng(len(likely))
    level = rng.uniform(-80, 0, length // 10).astype(numpy.float32)
    last = 0
    for phrase in speech.phrases(numpy.array(likely, numpy.float32), 32.0, level, 16, length):
        assert last <= phrase.start_ms < phrase.end_ms <= length
        last = phrase.end_ms


def test_speech_is_told_by_its_rhythm_from_tones_noise_and_beats():
    time = numpy.arange(0, 10, 0.01)
    rng = numpy.random.default_rng(1)
    envelopes = {
        "speech": numpy.clip(numpy.sin(2 * numpy.pi * 4 * time + 2 * numpy.sin(time)), 0.002, 1) * 0.3,
        "steady": 0.2 * (1 + 0.1 * rng.standard_normal(len(time))),
        "beat": 0.05 + 0.5 * numpy.exp(-30 * (time % 1.0)),
        "silence": time * 0,
    }
    share = {}
    for name, envelope in envelopes.items():
        level = stream_levels(envelope)
        share[name] = float(numpy.mean(speech.likely_by_signal(level) >= 0.5))
    assert share["speech"] > 0.6
    assert max(share["steady"], share["beat"], share["silence"]) < 0.2


def stream_levels(envelope):
    from array import array

    return array("f", (20 * numpy.log10(numpy.maximum(envelope, 1e-6))).tolist())


def test_words_move_the_edge_that_lies_in_them():
    said = [Word("one", 900, 1200, 0.9), Word("two", 1500, 2100, 0.9), Word("guess", 2900, 3300, 0.5, exact=False)]
    assert words.moved_edges([(1000, 2000), (3000, 4000)], said) == [(900, 2100), (3000, 4000)]
    assert words.moved_edges([(1000, 1600), (1700, 2000)], said) == [(900, 2100)]


# -- music, silence ----------------------------------------------------------------------------------------------------


def test_silences_last_a_third_of_a_second():
    level = numpy.full(500, -20, numpy.float32)
    level[100:140] = level[200:220] = level[300:500] = -70
    level[350] = -10  # a click
    assert sorts.silences(level, 5_003) == [(1000, 1400), (3000, 5003)]


def test_music_is_bridged_over_a_breath_and_ends_where_the_level_falls():
    likely = numpy.array([0.0] * 4 + [0.9] * 10 + [0.1] * 2 + [0.9] * 10 + [0.0] * 6, numpy.float32)
    level = numpy.full(1600, -60, numpy.float32)
    level[230:1290] = -20
    ((start, end, sure),) = sorts.music(likely, level, 16_000)
    assert abs(start - 2300) < 60
    assert abs(end - 12_900) < 60
    assert sure > 0.7


def test_a_chord_is_music_and_noise_is_not_without_any_model(found, tmp_path):
    rng = numpy.random.default_rng(2)
    seconds = 6
    time = numpy.arange(seconds * RATE) / RATE
    chord = sum(
        0.03 * numpy.sin(2 * numpy.pi * hertz * overtone * time) / overtone
        for hertz in (220, 277.2, 329.6) for overtone in (1, 2, 3, 4)
    ) * (0.3 + numpy.exp(-4 * (time % 0.5)))  # fmt: skip
    noise = rng.standard_normal(len(time)) * 0.03
    heard_music = heard(found, wav(tmp_path / "m.wav", numpy.concatenate([noise, chord])))
    spans = [(span.start_ms, span.end_ms) for span in heard_music.spans if span.sort == "music"]
    assert len(spans) == 1
    assert abs(spans[0][0] - 6000) < 700
    assert spans[0][1] == 12_000
    assert [span.sort for span in heard_music.spans if span.start_ms < 5500] == ["ambient"]
    assert heard_music.rhythms[0].tempo == pytest.approx(120, rel=0.03)


# -- beats -------------------------------------------------------------------------------------------------------------


def drums(tempo: float, seconds: float, *, bar: int = 4) -> tuple[numpy.ndarray, numpy.ndarray]:
    rng = numpy.random.default_rng(4)
    sound = rng.standard_normal(int(seconds * 16_000)) * 1e-4
    time = numpy.arange(2400) / 16_000
    kick = numpy.sin(2 * numpy.pi * 60 * time) * numpy.exp(-25 * time)
    snare = numpy.diff(rng.standard_normal(2401)) * numpy.exp(-30 * time) * 0.2
    beats = numpy.arange(0.3, seconds - 0.3, 60 / tempo)
    for number, beat in enumerate(beats):
        place = int(beat * 16_000)
        sound[place : place + 2400] += 0.5 * (kick if number % bar == 0 else snare)
    return sound.astype(numpy.float32), beats


@pytest.mark.parametrize(("tempo", "bar"), [(84, 4), (97, 4), (120, 4), (133.3, 3), (150, 4)])
def test_beats_of_a_drum_are_found(tempo, bar):
    sound, beats = drums(tempo, 16, bar=bar)
    spectra = Spectra()
    spectra.take(sound)
    spectra.finish()
    follow = rhythm.follow(
        numpy.array(spectra.flux, numpy.float32), numpy.array(spectra.low_flux, numpy.float32), spectra.notes, 0, 16_000
    )
    assert follow is not None
    assert follow.tempo == pytest.approx(tempo, rel=0.01)
    found = numpy.array(follow.beats_ms) / 1000
    near = [float(numpy.min(numpy.abs(found - beat))) for beat in beats]
    assert numpy.mean(numpy.array(near) < 0.07) > 0.95
    assert max(near[2:-2]) < 0.03
    assert follow.bar == bar
    assert abs(follow.downbeats_ms[1] / 1000 - beats).argmin() % bar == 0


def test_a_noise_a_tone_and_silence_have_no_beat():
    rng = numpy.random.default_rng(9)
    for sound in (rng.standard_normal(160_000) * 0.1, tone(440, -10, 10, 16_000), numpy.zeros(160_000)):
        spectra = Spectra()
        spectra.take(sound.astype(numpy.float32))
        flux, low = (numpy.array(values, numpy.float32) for values in (spectra.flux, spectra.low_flux))
        assert rhythm.follow(flux, low, spectra.notes, 0, 10_000) is None


# -- hum ---------------------------------------------------------------------------------------------------------------


def test_hum_is_told_from_bass_and_from_noise():
    rng = numpy.random.default_rng(5)
    noise = (rng.standard_normal(16_000 * 20) * 0.01).astype(numpy.float32)
    told = {}
    for name, extra in {
        "fifty": tone(50, -40, 20, 16_000), "sixty": tone(60, -45, 20, 16_000) + tone(120, -42, 20, 16_000),
        "bass": tone(55, -20, 20, 16_000), "none": noise * 0,
    }.items():  # fmt: skip
        hum = Hum()
        for start in range(0, len(noise), 6_400):
            hum.take((noise + extra)[start : start + 6_400])
        told[name] = hum.read()
    assert told["fifty"][0] == 50
    assert told["fifty"][1] == pytest.approx(-43, abs=1.5), "a sine's level is 3 dB below its peak"
    assert told["sixty"][0] == 60
    assert told["bass"] is None
    assert told["none"] is None


# -- words -------------------------------------------------------------------------------------------------------------

SRT = "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>It was</i> the best\r\nof times,\r\n\r\n2\r\n0:0:3.5 --> 00:00:04,000\r\nyes\r\n"
VTT = "WEBVTT\n\nNOTE a note\n\n00:01.000 --> 00:02.000 align:start\n<00:01.000><c>one</c> <00:01.400><c>two</c>\n"


def test_subtitles_become_words():
    found = words.parse(SRT)
    assert [word.text for word in found] == ["It", "was", "the", "best", "of", "times,", "yes"]
    assert (found[0].start_ms, found[5].end_ms) == (1000, 2500)
    assert (found[6].start_ms, found[6].end_ms) == (3500, 4000)
    assert not found[0].exact
    exact = words.parse(VTT)
    assert [(w.text, w.start_ms, w.end_ms, w.exact) for w in exact] == [
        ("one", 1000, 1400, True),
        ("two", 1400, 2000, True),
    ]


@settings(max_examples=150, deadline=None)
@given(st.one_of(
    st.text(max_size=300), st.lists(st.sampled_from([*SRT.splitlines(), *VTT.splitlines(), "", "-->", "<00:09.9>x", "99:99:99,999 --> 1:1:1.1"])).map("\n".join),
))  # fmt: skip
def test_no_subtitles_break_the_reader(text):
    last = -1
    for word in words.parse(text):
        assert word.text
        assert 0 <= word.start_ms < word.end_ms
        assert word.start_ms >= last
        last = word.start_ms


def test_what_are_no_subtitles_is_said(tmp_path):
    (tmp_path / "a.srt").write_bytes(b"\xff\xfe\x00words\x81")
    with pytest.raises(DataError, match="holds no line with a time"):
        words.read(tmp_path / "a.srt")
    with pytest.raises(InputMissing, match="cannot read"):
        words.read(tmp_path / "none.srt")
    (tmp_path / "b.srt").write_bytes(SRT.encode("utf-16"))
    assert len(words.read(tmp_path / "b.srt")) == 7


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "channels", "more"),
    [(8_000, 1, ()), (96_000, 2, ()), (48_000, 6, ()), (44_100, 2, ("-c:a", "aac", "-b:a", "96k"))],
)
def test_odd_rates_and_channels_are_heard(found, tmp_path, rate, channels, more):
    sound = numpy.stack([tone(997, -20, 3, rate)] * channels)
    result = heard(found, wav(tmp_path / ("a.m4a" if more else "a.wav"), sound, rate, *more))
    weight = {1: 1, 2: 2, 6: 5.82}[channels]
    assert result.loudness.integrated_lufs == pytest.approx(-23.03 + 10 * numpy.log10(weight), abs=0.25)
    assert abs(result.length_ms - 3000) < 60
    if not more:  # a lossy codec overshoots where the tone begins
        assert result.loudness.true_peak_db == pytest.approx(-20, abs=0.3)


def test_silence_clipping_and_offset_are_measured(found, tmp_path):
    silent = heard(found, wav(tmp_path / "s.wav", numpy.zeros((2, RATE * 2))))
    assert [(span.sort, span.start_ms, span.end_ms) for span in silent.spans] == [("silence", 0, 2000)]
    fields = hearing.source_fields(silent)
    assert "loudness_lufs" not in fields
    assert fields["true_peak_db"] == meter.FLOOR_DB
    loud = heard(found, wav(tmp_path / "c.wav", numpy.clip(tone(300, 6, 2), -1, 1) * 0.999 + 0.001))
    assert hearing.source_fields(loud)["clipped_ratio"] > 0.15
    shifted = heard(found, wav(tmp_path / "d.wav", tone(300, -20, 2) + 0.05))
    assert hearing.source_fields(shifted)["dc_offset"] == pytest.approx(0.05, abs=0.002)


def test_no_sound_and_empty_sound_are_no_failure(found, tmp_path, clips):
    assert hearing.listen(found, probe.examine(found, clips / "numbers.mp4", "0" * 64)) is None
    empty = wav(tmp_path / "e.wav", numpy.zeros((1, 0)))
    result = heard(found, empty)
    assert result.problem == "holds no sound"
    assert hearing.records(result, {"id": "s", "at": "2026-01-01T00:00:00.000Z"}) == []


def test_a_broken_file_of_sound_alone_is_one_clear_line(edit, tmp_path):
    empty = wav(tmp_path / "e.wav", numpy.zeros((1, 0)))
    with pytest.raises(DataError, match=r"e\.wav: holds no sound"):
        edit.scan(empty)


def test_truncated_sound_is_heard_as_far_as_it_goes(found, tmp_path):
    whole = wav(tmp_path / "w.mp3", tone(440, -12, 6), RATE, "-c:a", "libmp3lame")
    data = whole.read_bytes()
    (tmp_path / "t.mp3").write_bytes(data[: len(data) // 2])
    assert 2_000 < heard(found, tmp_path / "t.mp3").length_ms < 4_000


def test_sound_that_is_late_or_early_is_placed_by_the_picture(found, tmp_path, clips):
    sound = numpy.concatenate([numpy.zeros(RATE), tone(500, -12, 1), numpy.zeros(RATE)])
    plain = wav(tmp_path / "p.wav", sound)
    for shift, wanted in ((0.0, 1000), (0.6, 1600), (-0.4, 600)):
        path = tmp_path / f"x{shift}.mkv"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", *(["-itsoffset", str(-shift)] if shift < 0 else []), "-i", str(clips / "three.mp4"),
             *(["-itsoffset", str(shift)] if shift > 0 else []), "-i", str(plain), "-map", "0:v", "-map", "1:a", "-c:v",
             "copy", "-c:a", "pcm_s16le", str(path)], check=True,
        )  # fmt: skip
        media = probe.examine(found, path, "0" * 64)
        result = hearing.listen(found, media)
        records = hearing.records(result, {"id": "edl_s", "at": "2026-01-01T00:00:00.000Z"})
        loud = next(r for r in records if r["sort"] != "silence")
        if shift < 0:
            # The picture is later by 0.4 s: the sound before it is before time 0.
            assert media.video_start_s - media.audio_start_s == pytest.approx(Fraction(2, 5), abs=0.01)
        assert abs(loud["start_ms"] - wanted) <= 25
        assert all(r["start_ms"] >= 0 for r in records)


def test_a_song_is_a_source_of_its_own_and_its_records_are_valid(edit, tmp_path):
    sound, _ = drums(120, 12)
    path = wav(tmp_path / "song.flac", numpy.stack([sound, sound]), 16_000, "-c:a", "flac")
    source, *rest = edit.scan(path)
    assert source["has_picture"] is False
    assert "fps" not in source
    assert "frames" not in source
    assert {record["kind"] for record in rest} <= {"edl.span", "edl.rhythm"}
    assert not [problem for record in (source, *rest) for problem in schemas.problems(record)]
    assert source["duration"] == "12/1"
    again = edit.scan(path)
    assert [record["id"] for record in again] == [source["id"], *[record["id"] for record in rest]]


def test_records_of_words_are_valid_and_keep_their_times(found, tmp_path):
    path = wav(tmp_path / "t.wav", tone(300, -20, 2))
    result = heard(found, path, subtitles=words.parse(SRT))
    records = [
        r for r in hearing.records(result, {"id": "edl_s", "at": "2026-01-01T00:00:00.000Z"}) if r["kind"] == "edl.word"
    ]
    assert [(r["text"], r["start_ms"]) for r in records][::6] == [("It", 1000), ("yes", 3500)]
    assert records[0]["estimated"] is True
    assert not [problem for record in records for problem in schemas.problems(record)]


def test_the_name_of_a_scan_tells_what_it_was_heard_with(tmp_path):
    plain, heard, read = (
        scanning.Ways(ears=hearing.Ears()), scanning.Ways(ears=hearing.Ears(voice=tmp_path)),
        scanning.Ways(ears=hearing.Ears(), words_mark="abcd"),
    )  # fmt: skip
    assert plain.method != heard.method != read.method
    assert read.method.endswith("words-abcd")


def test_shares_of_a_shot_come_from_the_spans():
    result = listening.Heard(length_ms=10_000)
    result.spans = [Span("speech", 1000, 3000, 1.0), Span("music", 0, 10_000, 1.0)]
    between = result.between(Fraction(2), Fraction(4))
    assert (between["speech_ratio"], between["music_ratio"]) == (0.5, 1.0)


# -- models ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models() -> ears.Ears:
    found = ears.find({**os.environ, "ROADMAP_MODELS": str(ROOT / ".cache/models")})
    if not found.voice:
        pytest.skip("silero-vad is not pulled: slm-models pull silero-vad")
    return found


def test_spoken_words_are_phrases_and_no_edge_lies_in_one(found, tmp_path, models):
    corpus = pytest.importorskip("make_sound_corpus")
    if not __import__("shutil").which("espeak-ng"):
        pytest.skip("espeak-ng is not installed: apt-get install espeak-ng")
    rng = numpy.random.default_rng(12)
    sound = (rng.standard_normal(RATE * 9) * 3e-4).astype(numpy.float32)
    spans = []
    place = RATE
    for text in ("nobody", "asked", "", "the", "river", "carried", "", "captains", "whistle"):
        if not text:
            place += RATE
            continue
        spoken = corpus.word(text, "en-us", 150)
        sound[place : place + len(spoken)] += spoken * 0.5
        spans.append((place / 48, (place + len(spoken)) / 48))
        place += len(spoken) + 2_000
    chosen = ears.Ears(voice=models.voice)
    result = heard(found, wav(tmp_path / "s.wav", sound), ears=chosen)
    phrases = [(span.start_ms, span.end_ms) for span in result.spans if span.sort == "speech"]
    assert len(phrases) == 3
    for start, end in phrases:
        assert not [1 for a, b in spans if a + 5 < start < b - 5 or a + 5 < end < b - 5]
    assert abs(phrases[0][0] - spans[0][0]) < 120
    assert abs(phrases[-1][1] - spans[-1][1]) < 150


@pytest.mark.slow
def test_a_speech_model_hears_words_in_their_places(found, tmp_path):
    corpus = pytest.importorskip("make_sound_corpus")
    weights = words.find({**os.environ, "ROADMAP_MODELS": str(ROOT / ".cache/models")})
    if weights is None or not __import__("shutil").which("espeak-ng"):
        pytest.skip("needs espeak-ng, ctranslate2 and slm-models pull whisper-base")
    sound = numpy.zeros(RATE * 6, numpy.float32)
    spoken = corpus.word("the children opened the old door before night", "en-us", 140)
    sound[RATE : RATE + len(spoken)] = spoken * 0.5
    path = wav(tmp_path / "s.wav", sound)
    models = ears.find({**os.environ, "ROADMAP_MODELS": str(ROOT / ".cache/models")})
    result = heard(found, path, ears=models)
    text = " ".join(word.text for word in result.words).lower()
    assert "door" in text
    assert all(900 <= word.start_ms < word.end_ms <= 1000 + len(spoken) / 48 + 200 for word in result.words)


def test_a_silence_inside_a_phrase_parts_it_and_no_silence_lies_in_speech():
    phrase = speech.Phrase(1000, 4000, 0.9)
    likely = numpy.full(200, 0.9, numpy.float32)
    likely[66:76] = 0.1  # 2112 to 2432 ms
    parts = speech.parted([phrase], [(2050, 2450), (3000, 3400)], likely, 32.0)
    assert [(part.start_ms, part.end_ms) for part in parts] == [(1000, 2105), (2405, 4000)]
    assert sorts.outside(1900, 2600, [(1000, 2105), (2405, 4000)]) == [(2105, 2405)]
    assert sorts.outside(0, 1100, [(1000, 2105)]) == [(0, 1000)]
    assert sorts.outside(950, 1050, [(1000, 2105)]) == []
