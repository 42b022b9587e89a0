"""What pieces show: transitions, splits, framing, effects, titles, joints; measured in the pictures that come out."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.rendering import container, edits, encoding, filmstrip, keeping, pieces, preview, render, titles

numpy = pytest.importorskip("numpy")
ROOT = Path(__file__).parents[3]
RATE = 48_000


@pytest.fixture(scope="module")
def numbered(edit, clips):
    return edit.scan(clips / "numbers.mp4")[0]


@pytest.fixture(scope="module")
def bikes(edit):
    return edit.scan(ROOT / "examples/bikes.mp4")[0]


@pytest.fixture(scope="module")
def luma(measure):
    """Mean luma of each picture of a file 64 pixels square."""

    def means(path: Path, side: int = 64) -> list[float]:
        raw = numpy.frombuffer(
            measure.decoded(path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p"), "u1"
        )
        return raw.reshape(-1, side * side * 3 // 2)[:, : side * side].mean(axis=1).tolist()

    return means


def parts_of(records):
    return [(r["part"], r["frames"], r["cached"]) for r in records if r["kind"] == "edl.segment"]


def made(edit, source, ranges, **by_position):
    """A plan by hand with fields of single cuts: ``c1={…}``."""
    header, cuts, sources = edit.by_hand(source, ranges)
    return header, [{**cut, **by_position.get(f"c{n}", {})} for n, cut in enumerate(cuts)], sources


@pytest.mark.parametrize(
    ("frames", "jobs", "threads"),
    [((75,), 4, (4,)), ((60, 15), 2, (2, 1)), ((50, 50), 8, (4, 4)), ((40, 40, 40), 2, (1, 1, 1)), ((9, 9), 1, (1, 1))],
)
def test_few_pieces_get_threads_by_their_length(frames, jobs, threads):
    given = {str(place): count for place, count in enumerate(frames)}
    assert tuple(encoding.threads_of(given, jobs).values()) == threads


def test_a_dissolve_mixes_in_even_steps_and_leaves_the_bodies_alone(edit, numbered, luma, tmp_path):
    """Frame n of T holds (n+1)/(T+1) of the new picture; the old one runs on past its end."""
    plan = made(edit, numbered, [(0, 20), (36, 60)], c1={"transition": {"sort": "dissolve", "frames": 9}})
    records = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", quality=1)
    assert parts_of(records) == [("body", 20, False), ("transition", 9, False), ("body", 15, False)]
    share = [(n + 1) / 10 for n in range(9)]
    mixed = [16 + 3 * ((20 + n) * (1 - s) + (36 + n) * s) for n, s in enumerate(share)]
    expected = [16 + 3 * n for n in range(20)] + mixed + [16 + 3 * n for n in range(45, 60)]
    shown = luma(tmp_path / "o.mp4")
    assert len(shown) == len(expected)
    assert max(abs(a - b) for a, b in zip(shown, expected, strict=True)) < 1.6
    cut = made(edit, numbered, [(0, 20), (36, 60)], c1={"transition": {"sort": "wipe_left", "frames": 9}})
    again = edit.render(cut, tmp_path / "o.mp4", tmp_path / "c", quality=1)
    assert parts_of(again) == [("body", 20, True), ("transition", 9, False), ("body", 15, True)]


@pytest.mark.parametrize(("sort", "colour"), [("fade_black", 16), ("fade_white", 235)])
def test_a_fade_through_a_colour_takes_half_from_each_side(edit, numbered, luma, tmp_path, sort, colour):
    plan = made(edit, numbered, [(40, 60), (40, 60)], c1={"transition": {"sort": sort, "frames": 8}})
    records = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", quality=1)
    assert [part[:2] for part in parts_of(records)] == [("body", 16), ("fade", 4), ("fade", 4), ("body", 16)]
    shown = luma(tmp_path / "o.mp4")
    assert abs(shown[20] - colour) < 2, "the joint itself is the colour"
    before = [abs(value - colour) for value in shown[16:21]]
    assert before == sorted(before, reverse=True)


@pytest.mark.slow
def test_a_transition_s_key_covers_both_neighbours(edit, numbered, tmp_path):
    fields = {"transition": {"sort": "dissolve", "frames": 8}}
    edit.render(made(edit, numbered, [(0, 30), (40, 70), (90, 110)], c1=fields), tmp_path / "o.mp4", tmp_path / "c")
    look = {"grade": {"saturation": 0.5}}
    left = made(edit, numbered, [(0, 30), (40, 70), (90, 110)], c0=look, c1=fields)
    assert [p[2] for p in parts_of(edit.render(left, tmp_path / "o.mp4", tmp_path / "c"))] == [False, False, True, True]
    right = made(edit, numbered, [(0, 30), (40, 70), (90, 110)], c1=fields | look)
    assert [p[2] for p in parts_of(edit.render(right, tmp_path / "o.mp4", tmp_path / "c"))] == [
        True,
        False,
        False,
        True,
    ]


def test_trimming_one_end_of_a_long_cut_leaves_the_other(edit, numbered, measure, tmp_path):
    first = edit.render(edit.by_hand(numbered, [(7, 390)]), tmp_path / "o.mp4", tmp_path / "c")
    assert len(parts_of(first)) >= 3
    assert measure.numbers(tmp_path / "o.mp4") == [n % 72 for n in range(7, 390)]
    later = edit.render(edit.by_hand(numbered, [(20, 390)]), tmp_path / "o.mp4", tmp_path / "c")
    assert [part[2] for part in parts_of(later)] == [False, *[True] * (len(parts_of(later)) - 1)]
    assert measure.numbers(tmp_path / "o.mp4") == [n % 72 for n in range(20, 390)]
    shorter = edit.render(edit.by_hand(numbered, [(20, 380)]), tmp_path / "o.mp4", tmp_path / "c")
    assert [part[2] for part in parts_of(shorter)] == [*[True] * (len(parts_of(shorter)) - 1), False]


def at_speed(first, end, frames, step, start=None):
    """The source frame each programme frame shows: the last whose nearest programme frame has come."""
    due = [(timecode.round_half_up((n - (first if start is None else start)) / step), n) for n in range(first, end)]
    return [max([n for when, n in due if when <= shown], default=first) for shown in range(frames)]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 500), st.integers(2, 900), st.sampled_from(["4/5", "1/2", "3/2", "7/10", "1/1"]),
    st.sampled_from(["24/1", "25/1", "30/1", "24000/1001", "30000/1001"]),
)  # fmt: skip
def test_the_pieces_of_a_cut_show_what_it_would_in_one(first, length, speed, rate):
    """Where ever a cut is parted: no source frame is doubled or left out that would not be."""
    fps, spelled = Fraction(25), Fraction(speed)
    frames = timecode.frames_shown(length, Fraction(rate), spelled, fps)
    cut = {"id": "c", "in_frame": first, "out_frame": first + length, "fps": rate, "speed": speed, "source_id": "s",
           "timeline_in_frame": 0, "timeline_out_frame": frames}  # fmt: skip
    media = SimpleNamespace(fps=Fraction(rate))
    found = pieces.of_edit(gathering.Edit({"fps": "25/1"}, [cut]), {"s": media})
    step = Fraction(rate) * spelled / fps
    layers = [piece.layers[0] for piece in found]
    shown = [n for each in layers for n in at_speed(each.first, each.end, each.frames, step, each.start)]
    assert shown == at_speed(first, first + length, frames, step)


@pytest.mark.slow
def test_a_long_slowed_cut_shows_what_it_would_in_one(edit, numbered, measure, tmp_path):
    plan = edit.by_hand(numbered, [(9, 329)], speed="4/5")
    records = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c")
    assert len(parts_of(records)) >= 3
    assert measure.numbers(tmp_path / "o.mp4") == [n % 72 for n in at_speed(9, 329, 400, Fraction(4, 5))]


@pytest.mark.slow
def test_fades_of_a_slowed_cut_do_not_shift_its_pictures(edit, numbered, measure, tmp_path):
    """A piece that begins between two source frames begins exactly there."""
    whole = edit.by_hand(numbered, [(21, 61)], speed="4/5")
    edit.render(whole, tmp_path / "whole.mp4", tmp_path / "c")
    parts = edit.by_hand(numbered, [(21, 61)], speed="4/5", fade_in_frames=3)
    edit.render(parts, tmp_path / "parts.mp4", tmp_path / "c")
    assert measure.numbers(tmp_path / "parts.mp4")[4:] == measure.numbers(tmp_path / "whole.mp4")[4:]


@pytest.mark.slow
def test_moving_framing_is_even_to_a_fraction_of_a_pixel_and_across_pieces(edit, found, tmp_path, measure):
    """A white edge on black under a slow pan: its place, from the light in a row, moves by the same share each frame."""
    clip = tmp_path / "edge.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=9,drawbox=160:0:160:180:white:fill",
         "-c:v", "libx264", "-crf", "4", "-preset", "ultrafast", str(clip)], check=True,
    )  # fmt: skip
    source = edit.scan(clip)[0]
    moves = {"framing": {"start": [0.2, 0.2, 0.5, 0.5], "end": [0.3, 0.2, 0.5, 0.5]}}
    plan = made(edit, source, [(0, 220)], c0=moves)
    records = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", quality=1)
    assert len(parts_of(records)) > 1
    raw = numpy.frombuffer(measure.decoded(tmp_path / "o.mp4", "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
    light = raw.reshape(-1, 180, 320)[:, 60:120].mean(axis=(1, 2)).astype(float)
    steps = numpy.diff(320 * (1 - light / 255))
    assert abs(steps.mean() + 320 * 0.1 / 0.5 / 219) < 0.005
    assert numpy.abs(steps - steps.mean()).max() < 0.06


def test_still_framing_fills_the_frame_without_bars(edit, bikes, tmp_path, measure):
    plan = made(edit, bikes, [(80, 90)], c0={"framing": {"start": [0.3, 0.1, 0.3, 0.8]}})
    header, cuts, sources = plan
    header = {**header, "width": 180, "height": 320}
    edit.render((header, cuts, sources), tmp_path / "o.mp4", tmp_path / "c")
    raw = numpy.frombuffer(measure.decoded(tmp_path / "o.mp4", "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
    first = raw.reshape(-1, 320, 180)[0]
    assert all(edge.std() > 5 for edge in (first[:, 0], first[:, -1], first[0], first[-1]))


def sharpness(raw, box):
    y0, y1, x0, x1 = box
    part = raw[y0:y1, x0:x1].astype(float)
    return numpy.abs(numpy.diff(part, axis=1)).mean()


@pytest.mark.slow
def test_blur_leaves_the_subject_sharp(edit, bikes, tmp_path, measure):
    def shown(name, **fields):
        edit.render(made(edit, bikes, [(200, 206)], c0=fields), tmp_path / f"{name}.mp4", tmp_path / "c", quality=6)
        raw = numpy.frombuffer(measure.decoded(tmp_path / f"{name}.mp4", "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
        return raw.reshape(-1, 272, 640)[2]

    plain = shown("plain")
    blurred = shown("blurred", blur={"sigma": 14.0, "subject": [0.35, 0.1, 0.3, 0.8]})
    person = shown("person", blur={"sigma": 14.0, "person": True, "subject": [0.35, 0.1, 0.3, 0.8]})
    middle, side = (60, 200, 260, 380), (60, 200, 20, 180)
    assert sharpness(blurred, middle) > 0.85 * sharpness(plain, middle)
    assert sharpness(blurred, side) < 0.5 * sharpness(plain, side)
    assert sharpness(person, side) < 0.9 * sharpness(plain, side)


@pytest.mark.slow
def test_light_on_a_person_falls_on_the_person_and_on_nothing_where_nobody_is(edit, bikes, tmp_path, measure):
    def shown(mask, **fields):
        cuts = made(edit, bikes, [(200, 206)], c0=fields)
        edit.render(cuts, tmp_path / "o.mp4", tmp_path / str(id(mask)), quality=6, mask=mask)
        raw = numpy.frombuffer(measure.decoded(tmp_path / "o.mp4", "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
        return raw.reshape(-1, 272, 640)[2].astype(float)

    def left(rgb):
        found = numpy.zeros(rgb.shape[:2], numpy.float32)
        found[:, : rgb.shape[1] // 2] = 1
        return found

    lift = {"stops": 0.8, "subject": [0.3, 0.2, 0.4, 0.6], "person": True}
    plain, half = shown(None), shown(left, lift=lift)
    nobody = shown(lambda rgb: numpy.zeros(rgb.shape[:2], numpy.float32), lift=lift)
    inside, beside = (slice(100, 180), slice(220, 300)), (slice(100, 180), slice(340, 420))
    assert half[inside].mean() / plain[inside].mean() == pytest.approx(2 ** (0.8 / 2.2), abs=0.08)
    assert numpy.abs(half[beside] - plain[beside]).mean() < 2
    assert numpy.abs(nobody - plain).mean() < 1


@pytest.mark.slow
@pytest.mark.parametrize("framing", [None, {"start": [0.1, 0.1, 0.8, 0.8]}])
def test_a_lift_gives_light_to_its_subject_alone(edit, bikes, tmp_path, measure, framing):
    def shown(**fields):
        fields |= {"framing": framing} if framing else {}
        edit.render(made(edit, bikes, [(200, 206)], c0=fields), tmp_path / "o.mp4", tmp_path / "c", quality=6)
        raw = numpy.frombuffer(measure.decoded(tmp_path / "o.mp4", "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
        return raw.reshape(-1, 272, 640)[2].astype(float)

    plain, lifted = shown(), shown(lift={"stops": 0.8, "subject": [0.4, 0.3, 0.2, 0.4]})
    middle = (slice(115, 160), slice(290, 350))
    # 2 ** (0.8 / 2.2) of what lies above video black, as full range shows it.
    assert lifted[middle].mean() / plain[middle].mean() == pytest.approx(2 ** (0.8 / 2.2), abs=0.08)
    assert numpy.abs(lifted[:, :120] - plain[:, :120]).mean() < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("effect", "value"),
    [("denoise", 4.0), ("sharpen", 0.8), ("rotate", 3.0), ("deflicker", 6.0), ("vignette", 0.6), ("grain", 12.0),
     ("bloom", 0.4), ("letterbox", 2.8), ("shadows", 0.2), ("gamma", 1.4), ("highlights", 0.3), ("vibrance", 0.3),
     ("tint", 8.0), ("skin", 1.0), ("stabilise", 0.06)],
)  # fmt: skip
def test_every_effect_changes_the_picture_and_keeps_its_frames(edit, bikes, tmp_path, measure, effect, value):
    def shown(**fields):
        plan = made(edit, bikes, [(80, 92)], c0=fields)
        record = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", quality=6)[-1]
        assert record["frames"] == 12
        raw = measure.decoded(tmp_path / "o.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24")
        return numpy.frombuffer(raw, "u1").astype(float)

    assert numpy.abs(shown(effects={effect: value}) - shown()).mean() > 0.3


@pytest.mark.slow
def test_grain_is_the_same_wherever_a_cut_is_split(edit, numbered, luma, measure, tmp_path):
    grainy = {"effects": {"grain": 18.0}}
    edit.render(made(edit, numbered, [(72, 112)], c0=grainy), tmp_path / "a.mp4", tmp_path / "c", quality=1)
    split = made(edit, numbered, [(72, 92), (92, 112)], c0=grainy, c1=grainy)
    edit.render(split, tmp_path / "b.mp4", tmp_path / "c", quality=1)
    one, two = (
        numpy.frombuffer(measure.decoded(tmp_path / name, "-f", "rawvideo", "-pix_fmt", "gray"), "u1").astype(float)
        for name in ("a.mp4", "b.mp4")
    )
    assert numpy.abs(one - two).mean() < 1.0
    frames = one.reshape(-1, 64, 64)
    noise = frames - frames.mean(axis=(1, 2), keepdims=True)
    assert noise.std() > 3
    alike = [numpy.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairwise(noise)]
    assert max(map(abs, alike)) < 0.3, "no two frames have the same grain"


@pytest.mark.slow
def test_steadying_takes_most_of_the_shake(edit, tmp_path, measure):
    """A real picture moved by a known random walk of two pixels; afterwards the path is measured the same way."""
    clip = tmp_path / "shaky.mp4"
    move = "crop=480:240:'40+8*sin(n*2.1)+5*sin(n*3.7)':'16+5*sin(n*2.9)'"
    still = "trim=start_frame=200:end_frame=201,loop=60:1,setpts=N/25/TB,scale=960:408,crop=960:408"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(ROOT / "examples/bikes.mp4"), "-vf", f"{still},{move}", "-frames:v", "60",
         "-c:v", "libx264", "-crf", "8", "-preset", "ultrafast", str(clip)], check=True,
    )  # fmt: skip
    source = edit.scan(clip)[0]

    def shake(name, **fields):
        edit.render(made(edit, source, [(0, 60)], c0=fields), tmp_path / name, tmp_path / "c", quality=8)
        raw = numpy.frombuffer(measure.decoded(tmp_path / name, "-f", "rawvideo", "-pix_fmt", "gray"), "u1")
        frames = raw.reshape(-1, 240, 480).astype(float)
        return numpy.abs(numpy.diff(frames[10:50], axis=0)).mean()

    assert shake("steady.mp4", effects={"stabilise": 0.1}) < 0.6 * shake("plain.mp4")


def test_titles_make_only_what_they_lie_over_new(edit, numbered, tmp_path):
    plan = edit.by_hand(numbered, [(0, 20), (40, 60), (100, 120)])
    edit.render(plan, tmp_path / "o.mp4", tmp_path / "c")
    title = {
        "kind": "edl.title", "id": "t", "at": "2026-01-01T00:00:00.000Z", "plan_id": "plan_1", "text": "A",
        "timeline_in_frame": 25, "timeline_out_frame": 35, "size_ratio": 0.5,
    }  # fmt: skip
    records = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", title)
    assert [part[2] for part in parts_of(records)] == [True, False, True]


@pytest.mark.slow
def test_a_title_is_seen_exactly_as_long_as_it_says(edit, numbered, luma, tmp_path):
    plan = edit.by_hand(numbered, [(0, 30)])
    edit.render(plan, tmp_path / "a.mp4", tmp_path / "c", quality=1)
    title = {
        "kind": "edl.title", "id": "t", "at": "2026-01-01T00:00:00.000Z", "plan_id": "plan_1", "text": "WWW",
        "timeline_in_frame": 8, "timeline_out_frame": 20, "size_ratio": 0.4, "place": "upper",
    }  # fmt: skip
    edit.render(plan, tmp_path / "b.mp4", tmp_path / "c", title, quality=1)
    pairs = zip(luma(tmp_path / "a.mp4"), luma(tmp_path / "b.mp4"), strict=True)
    assert [n for n, (a, b) in enumerate(pairs) if abs(a - b) > 1] == list(range(8, 20))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.sampled_from(["centre", "lower", "upper", "?"]), st.floats(0.01, 0.9))
def test_no_words_can_break_out_of_a_title(tmp_path_factory, text, place, size):
    """Words are in a file; the filter's own text holds nothing but numbers and hashes."""
    folder = tmp_path_factory.mktemp("words", numbered=True)
    line = pieces.Line(text, place, size, 3, -4, 20)
    made_filters = titles.filters([line], pieces.Shape(Fraction(25), 320, 180, "ultrafast", 18), folder)
    for each in made_filters:
        assert set(each) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=:./_-+()',@*")


@pytest.mark.slow
def test_strange_words_are_drawn_by_ffmpeg_as_they_are(edit, numbered, tmp_path):
    plan = edit.by_hand(numbered, [(0, 12)])
    words = [
        "';[x]drawbox=0:0:iw:ih:white:fill,",
        "%{pts}\\n\\\\{}",
        "a\u202eb\x00\x1b[31m\nc",
        "日本語 Ελληνικά 😀",
        "$(id)`id`",
    ]
    for n, text in enumerate(words):
        title = {
            "kind": "edl.title", "id": f"t{n}", "at": "2026-01-01T00:00:00.000Z", "plan_id": "plan_1", "text": text,
            "timeline_in_frame": 0, "timeline_out_frame": 12,
        }  # fmt: skip
        assert edit.render(plan, tmp_path / "o.mp4", tmp_path / "c", title)[-1]["frames"] == 12


@pytest.mark.slow
def test_a_source_that_was_renamed_is_found_by_its_content(edit, found, clips, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((clips / "numbers.mp4").read_bytes())
    source = edit.scan(clip)[0]
    ready = edit.edited(edit.by_hand(source, [(0, 20)]))
    clip.rename(tmp_path / "other.mp4")

    def go(**more):
        chosen = render.Settings(preset="ultrafast", jobs=1, **more)
        given_to = (found, ready, tmp_path / "o.mp4", tmp_path / "c", chosen, edit.now, edit.show)
        return list(render.render(*given_to))

    assert go()[-1]["frames"] == 20
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "other.mp4").rename(away / "x.mp4")
    with pytest.raises(InputMissing, match="cannot read"):
        go()
    assert go(look_in=(away,))[-1]["frames_encoded"] == 0


@pytest.mark.slow
def test_two_renders_at_once_share_the_work(edit, numbered, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    plan = edit.by_hand(numbered, [(0, 60), (100, 160), (200, 260)])
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda n: edit.render(plan, tmp_path / f"{n}.mp4", tmp_path / "c"), range(2)))
    encoded = sum(records[-1]["frames_encoded"] for records in both)
    assert encoded == 180, "each piece was encoded by one of them"
    assert (tmp_path / "0.mp4").read_bytes() == (tmp_path / "1.mp4").read_bytes()
    assert not list(tmp_path.rglob(".*"))


def test_a_no_op_does_not_join_again_and_notices_a_touched_file(edit, numbered, tmp_path):
    plan, out = edit.by_hand(numbered, [(0, 20)]), tmp_path / "o.mp4"
    assert edit.render(plan, out, tmp_path / "c")[-1]["joined"] is True
    first = edit.render(plan, out, tmp_path / "c")[-1]
    assert (first["joined"], first["sha256"]) == (False, keeping.probe.content_hash(out))
    out.write_bytes(out.read_bytes()[:-1] + b"x")
    assert edit.render(plan, out, tmp_path / "c")[-1]["joined"] is True


@pytest.mark.slow
def test_joining_by_tables_is_what_ffmpeg_would_show(edit, clips, tmp_path, measure, monkeypatch):
    source = edit.scan(clips / "clicks.mp4")[0]
    plan = edit.by_hand(source, [(0, 20), (40, 43), (100, 107), (200, 260)])
    edit.render(plan, tmp_path / "tables.mp4", tmp_path / "c")
    edit.render(plan, tmp_path / "ffmpeg.mov", tmp_path / "c")
    for words in (["-f", "rawvideo", "-pix_fmt", "yuv420p"], ["-f", "f32le", "-map", "0:a"]):
        one, two = (measure.decoded(tmp_path / name, *words) for name in ("tables.mp4", "ffmpeg.mov"))
        assert one == two
    entries = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "packet=pts_time,flags",
        "-select_streams",
        "v",
        "-of",
        "json",
    ]
    one, two = (
        json.loads(subprocess.run([*entries, tmp_path / name], capture_output=True, check=True).stdout)["packets"]
        for name in ("tables.mp4", "ffmpeg.mov")
    )
    assert one == two


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_segment_is_unfit_and_nothing_worse(edit, numbered, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "damage"
    if not folder.exists():
        folder.mkdir()
        edit.render(edit.by_hand(numbered, [(0, 6)]), folder / "o.mp4", folder / "c")
    whole = next((folder / "c/segments").glob("*/*.mp4")).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255))
    keep = data.draw(st.integers(0, len(whole)))
    broken = bytearray(whole)
    broken[at] = value
    (folder / "broken.mp4").write_bytes(broken[:keep] if data.draw(st.booleans()) else broken)
    try:
        container.write([folder / "broken.mp4"], 400, None, folder / "joined.mp4")
    except container.Unfit:
        return


@pytest.mark.parametrize(
    ("text", "frame"), [("2", 50), ("0:02", 50), ("1:00:00.5", 90012), ("75.04", 1876), ("17f", 17)]
)
def test_times_are_read(text, frame):
    assert preview.frame_at(text, Fraction(25)) == frame


@given(st.text(max_size=12))
def test_what_is_no_time_is_said(text):
    from roadmap_cli.core.errors import UsageError

    try:
        assert preview.frame_at(text, Fraction(25)) >= 0
    except UsageError:
        return


@pytest.mark.slow
def test_a_preview_shows_only_what_has_changed(edit, numbered, found, tmp_path):
    def look(name, ranges, **more):
        ready = edit.edited(edit.by_hand(numbered, ranges))
        chosen = render.Settings(preview_width=32, jobs=1)
        given_to = (found, ready, tmp_path / name, tmp_path / "c", chosen, edit.now, edit.show)
        return list(preview.preview(*given_to, **more))

    look("a.mp4", [(0, 20), (40, 60), (100, 120)])
    records = look("b.mp4", [(0, 20), (41, 61), (100, 120)], changed=True)
    assert records[-2]["spans"] == [[20, 40]]
    assert records[-1]["frames"] == [30]
    assert filmstrip.pixels(found, Path(records[-1]["path"]), 64).shape[1:] == (64, 3)
    again = look("c.mp4", [(0, 20), (41, 61), (100, 120)], changed=True)
    assert again[-2]["spans"] == [[20, 40]], "asking twice gives the same answer"


@pytest.mark.parametrize("field", ["timeline_in_frame", "text"])
def test_a_title_that_cannot_be_is_refused(edit, numbered, field):
    title = {
        "kind": "edl.title", "id": "t", "at": "2026-01-01T00:00:00.000Z", "plan_id": "plan_1", "text": "A",
        "timeline_in_frame": 2, "timeline_out_frame": 5,
    }  # fmt: skip
    with pytest.raises(DataError):
        edit.edited(edit.by_hand(numbered, [(0, 20)]), title | {field: 9})
    with pytest.raises(DataError, match="another plan"):
        edits.gather([*edit.by_hand(numbered, [(0, 20)])[1][:0], {**edit.by_hand(numbered, [(0, 20)])[0]},
                      title | {"plan_id": "x"}])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ten bits", ["-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-profile:v", "high10"]),
        ("interlaced", ["-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme", "-c:v", "libx264", "-top", "1"]),
        ("full range", ["-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "3"]),
        ("transport stream", ["-c:v", "mpeg2video", "-q:v", "3", "-f", "mpegts"]),
        ("odd size", ["-vf", "scale=333:177", "-pix_fmt", "yuv444p", "-c:v", "libx264"]),
        ("one key frame", ["-c:v", "libx264", "-g", "9999", "-bf", "3"]),
    ],
)  # fmt: skip
def test_sources_of_every_kind_give_exactly_their_frames(edit, tmp_path, name, words):
    clip = tmp_path / ("clip.ts" if "mpegts" in words else "clip.mkv" if "mjpeg" in words else "clip.mp4")
    start = ["ffmpeg", "-v", "error", "-i", str(ROOT / "examples/bikes.mp4")]
    subprocess.run([*start, *words, str(clip)], check=True)
    source = edit.scan(clip)[0]
    last = source["frames"]
    plan = made(edit, source, [(3, 30), (last - 40, last - 2)], c1={"transition": {"sort": "dissolve", "frames": 6}})
    record = edit.render(plan, tmp_path / "o.mp4", tmp_path / "c")[-1]
    assert record["frames"] == 65


@pytest.mark.slow
def test_high_dynamic_range_is_mapped_to_standard(edit, found, tmp_path, measure):
    """The white of a film in PQ (203 nits, code 0.58; ITU-R BT.2408), luma 143 as it is coded, is bright after."""
    if "zscale" not in found.filters():
        pytest.skip("this ffmpeg has no zscale")
    clip = tmp_path / "hdr.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=0x949494:s=64x64:r=25:d=1", "-pix_fmt", "yuv420p10le",
         "-c:v", "libx264", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", str(clip)],
        check=True,
    )  # fmt: skip
    source = edit.scan(clip)[0]
    assert source["high_dynamic_range"] is True
    edit.render(edit.by_hand(source, [(0, 20)]), tmp_path / "o.mp4", tmp_path / "c")
    assert measure.colour(tmp_path / "o.mp4")[0] > 165
    tags = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=color_transfer,pix_fmt", "-of", "csv=p=0",
                           tmp_path / "o.mp4"], capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert tags.strip() == "yuv420p,bt709"
