"""What is seen of a shot, against pictures whose truth is known because they were made from it."""

from __future__ import annotations

import itertools
import math
import subprocess
from pathlib import Path

import pytest

from roadmap_cli.edl import probe, shots
from roadmap_cli.edl.seeing import composition, light, motion, noise, strip
from roadmap_cli.edl.seeing.colour import Colours
from roadmap_cli.edl.seeing.decoding import LUMA_GAIN, Geometry, small_pictures
from roadmap_cli.edl.seeing.samples import Samples

numpy = pytest.importorskip("numpy")
cv2 = pytest.importorskip("cv2")

ROOT = Path(__file__).parents[3]


def scene(seed=1, width=200, height=140):
    """A picture with large and small things in it, float32 [height, width], 20 to 230."""
    draw = numpy.random.default_rng(seed)
    layers = [
        weight * cv2.resize(draw.standard_normal((height // cell, width // cell)), (width, height),
                            interpolation=cv2.INTER_CUBIC)
        for cell, weight in ((40, 40), (16, 25), (6, 12))
    ]  # fmt: skip
    return numpy.clip(125 + sum(layers), 20, 230).astype(numpy.float32)


def seen_through(whole, moves, width=80, height=45):
    """Pictures of a camera over `whole`: moves are x, y and growth of what is seen, in pixels of the result."""
    pictures = []
    for x, y, zoom in moves:
        middle = numpy.array([whole.shape[1] / 2 + x, whole.shape[0] / 2 + y])
        turn = numpy.array([[1 / zoom, 0, middle[0] - width / 2 / zoom], [0, 1 / zoom, middle[1] - height / 2 / zoom]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        pictures.append(numpy.rint(cv2.warpAffine(whole, turn, (width, height), flags=flags)).astype(numpy.uint8))
    return pictures


@pytest.mark.parametrize(("x", "y"), [(0.3, 0.0), (0.0, -0.4), (1.5, 0.5), (6.0, -2.0), (14.0, 0.0)])
def test_a_pan_is_measured_from_slow_to_fast(x, y):
    whole = scene(2, 400, 140)
    moves = [(n * x - 4 * x, n * y, 1.0) for n in range(8)]
    moved = motion.Camera().follow(seen_through(whole, moves))
    near = max(0.04, 0.05 * math.hypot(x, y)) / 80
    assert numpy.abs(numpy.median(moved[1:, 0]) - x / 80) < near
    assert numpy.abs(numpy.median(moved[1:, 1]) + y / 80) < near
    assert moved[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("growth", [0.99, 1.004, 1.02])
def test_a_zoom_is_told_from_a_pan(growth):
    moved = motion.Camera().follow(seen_through(scene(3), [(0, 0, growth**n) for n in range(9)]))
    assert moved[1:, 2].mean() == pytest.approx(growth - 1, abs=0.15 * abs(growth - 1))
    assert numpy.abs(moved[1:, :2]).max() < 0.002


def test_what_moves_by_itself_is_not_the_camera():
    whole = scene(4)
    pictures = seen_through(whole, [(0, 0, 1.0)] * 9)
    for n, picture in enumerate(pictures):
        picture[10:30, 5 + 3 * n : 25 + 3 * n] = 240
    moved = motion.Camera().follow(pictures)
    assert numpy.abs(moved).max() < 0.004


def test_a_change_of_light_is_not_the_camera():
    still = seen_through(scene(5), [(0, 0, 1.0)])[0]
    moved = motion.Camera().follow([numpy.clip(still + 6.0 * n, 0, 255).astype(numpy.uint8) for n in range(6)])
    assert numpy.abs(moved[:, :2]).max() < 0.002


def test_a_cut_and_flat_pictures_move_nothing_far():
    flat = numpy.full((45, 80), 16, numpy.uint8)
    assert numpy.abs(motion.Camera().follow([flat, flat + 200, flat])).max() < 0.01


@pytest.mark.parametrize(("amplitude", "hertz"), [(0.5, 5.0), (1.2, 3.0), (0.8, 8.0)])
def test_shake_is_the_deviation_of_the_path(amplitude, hertz):
    """A handheld pan: a steady turn and a tremble of known size."""
    time = numpy.arange(100) / 25
    x, y = 0.4 * numpy.arange(100) - 20 + amplitude * numpy.sin(2 * numpy.pi * hertz * time), 0 * time
    moved = motion.Camera().follow(seen_through(scene(6, 300), zip(x, y, numpy.ones(100), strict=True)))
    assert motion.shake(moved[1:, 0], moved[1:, 1], 25.0) == pytest.approx(amplitude / math.sqrt(2) / 80, rel=0.2)
    assert moved[1:, 0].mean() == pytest.approx(0.4 / 80, rel=0.1)


def test_a_smooth_pan_does_not_shake():
    x = 12 * (1 - numpy.cos(numpy.linspace(0, numpy.pi, 75)))
    moved = motion.Camera().follow(seen_through(scene(7, 300), [(at - 12, 0, 1.0) for at in x]))
    assert motion.shake(moved[1:, 0], moved[1:, 1], 25.0) < 0.001


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_percentiles_follow_a_known_gamma(gamma):
    values = numpy.linspace(0, 1, 100_001) ** (1 / gamma) * 219 + 16
    told = light.described(numpy.bincount(numpy.rint(values).astype(int), minlength=256))
    for field, share in (("luma_p5", 0.05), ("luma_p50", 0.5), ("luma_p95", 0.95)):
        assert told[field] == pytest.approx(255 * share ** (1 / gamma), abs=1.5)
    assert told["dark_ratio"] == pytest.approx((16 / 255) ** gamma, abs=0.01)
    assert told["bright_ratio"] == pytest.approx(1 - (245 / 255) ** gamma, abs=0.01)


@pytest.mark.parametrize(
    ("codes", "key"), [((20, 60), "low"), ((40, 220), "mid"), ((150, 234), "high"), ((16, 16), "low")]
)
def test_key(codes, key):
    histogram = numpy.zeros(256)
    histogram[codes[0] : codes[1] + 1] = 1
    assert light.described(histogram)["key"] == key


def test_flicker_is_the_size_of_the_tremble_and_not_a_fade_or_a_flash():
    frames = numpy.arange(200)
    fade = 40 + frames * 0.8
    assert light.flicker(fade, 25.0) < 0.05
    for size in (1.0, 4.0):
        assert light.flicker(fade + size * (-1.0) ** frames, 25.0) == pytest.approx(size, rel=0.1)
        wave = size * numpy.sin(2 * numpy.pi * 7 * frames / 25)
        assert light.flicker(fade + wave, 25.0) == pytest.approx(size / math.sqrt(2), rel=0.15)
    flash = fade.copy()
    flash[90:92] += 120
    assert light.flicker(flash, 25.0) < 0.5


def yuv(rgb):
    """Planes of a picture [h, w, 3] RGB 0 to 1, in studio range by BT.601, all of its size."""
    red, green, blue = (rgb[..., n].astype(numpy.float64) for n in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = (16 + 219 * luma, 128 + 224 * (blue - luma) / 1.772, 128 + 224 * (red - luma) / 1.402)
    return [numpy.rint(plane).astype(numpy.uint8) for plane in planes]


def lab(lightness, a, b):
    """RGB of a picture [h, w] of lightness with even a* and b*."""
    picture = numpy.dstack([lightness, numpy.full_like(lightness, a), numpy.full_like(lightness, b)])
    return cv2.cvtColor(picture.astype(numpy.float32), cv2.COLOR_Lab2RGB)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 8), (0, -9), (5, 0), (-6, 3), (0, 14)])
def test_a_known_cast_is_measured_beside_strong_colours(a, b):
    draw = numpy.random.default_rng(1)
    picture = lab(draw.uniform(35, 75, (45, 80)).astype(numpy.float32), a, b)
    picture[:20, :30] = lab(numpy.full((20, 30), 50, numpy.float32), 60 + a, 40 + b)
    colours = Colours()
    colours.add(*yuv(picture))
    told = colours.record()
    assert told["temperature_shift"] == pytest.approx(b, abs=1.0)
    assert told["tint_shift"] == pytest.approx(a, abs=1.0)


def test_chroma_is_that_of_lab_and_grey_has_none():
    colours = Colours()
    colours.add(*yuv(lab(numpy.full((45, 80), 60, numpy.float32), 24, 32)))
    told = colours.record()
    assert told["chroma_mean"] == pytest.approx(40, abs=1.5)
    assert told["chroma_p95"] == pytest.approx(40, abs=1.5)
    assert "temperature_shift" not in told, "nothing is nearly grey"
    grey = Colours()
    grey.add(*yuv(numpy.full((45, 80, 3), 0.5)))
    assert grey.record()["chroma_mean"] < 1
    assert grey.record()["saturation_ratio"] < 0.02


def test_skin_is_found_with_its_share_and_hue():
    """The light and dark skin patches of the ColorChecker (X-Rite), on blue sky: their hue is near the I line."""
    for rgb in ((194, 150, 130), (115, 82, 68)):
        picture = numpy.full((40, 40, 3), (0.38, 0.48, 0.61))
        picture[10:30, 10:30] = numpy.array(rgb) / 255
        colours = Colours()
        colours.add(*yuv(picture))
        told = colours.record()
        assert told["skin_ratio"] == pytest.approx(0.25, abs=0.01)
        assert told["skin_hue_degrees"] == pytest.approx(123, abs=12)
    grey = Colours()
    grey.add(*yuv(numpy.full((40, 40, 3), 0.6)))
    assert grey.record()["skin_ratio"] == 0
    assert "skin_hue_degrees" not in grey.record()


@pytest.mark.parametrize("sigma", [0.0, 1.5, 4.0, 10.0])
@pytest.mark.parametrize("textured", [False, True])
def test_noise_of_known_size(sigma, textured):
    draw = numpy.random.default_rng(3)
    picture = numpy.tile(numpy.linspace(60, 180, 640), (112, 1))
    if textured:
        picture[:, :320] += 30 * draw.choice([-1.0, 1.0], (112, 320))
    noisy = picture + draw.normal(0, sigma, picture.shape)
    told = noise.sigma(numpy.clip(numpy.rint(noisy), 0, 255).astype(numpy.uint8))
    assert told / LUMA_GAIN == pytest.approx(math.hypot(sigma, 0.29), abs=max(0.3, 0.12 * sigma))


def test_noise_is_not_told_of_black_and_white():
    assert noise.sigma(numpy.full((112, 320), 16, numpy.uint8)) is None
    assert noise.sigma(numpy.full((112, 320), 235, numpy.uint8)) is None


@pytest.mark.parametrize("degrees", [-6.0, -1.5, -0.5, 0.0, 0.8, 3.0, 9.0])
def test_a_known_tilt_of_the_horizon(degrees):
    draw = numpy.random.default_rng(5)
    y, x = numpy.mgrid[:180, :320].astype(float)
    sea = numpy.clip(0.5 + y - 90 - math.tan(math.radians(degrees)) * (x - 160), 0, 1)
    picture = 170 - 100 * sea + cv2.GaussianBlur(draw.normal(0, 25, (180, 320)), (7, 7), 0)
    picture = cv2.GaussianBlur(picture.astype(numpy.float32), (3, 3), 0).astype(numpy.uint8)
    assert composition.slant(picture) == pytest.approx(degrees, abs=0.3)


def test_no_horizon_is_seen_in_a_crowd_of_edges():
    draw = numpy.random.default_rng(6)
    assert composition.slant(numpy.full((180, 320), 90, numpy.uint8)) is None
    blobs = cv2.GaussianBlur(draw.normal(128, 300, (180, 320)), (0, 0), 6)
    assert composition.slant(numpy.clip(blobs, 0, 255).astype(numpy.uint8)) is None


def test_bars_are_black_in_every_picture():
    layout = composition.Layout()
    for seed in range(3):
        picture = numpy.clip(scene(seed, 160, 90), 50, 230).astype(numpy.uint8)
        picture[:10], picture[-12:] = 16, 17
        picture[:, :4] = 16 if seed else 90
        layout.add_bars(picture)
    assert layout.record()["letterbox"] == [round(10 / 90, 4), round(12 / 90, 4), 0.0, 0.0]
    dark = composition.Layout()
    dark.add_bars(numpy.full((90, 160), 18, numpy.uint8))
    assert dark.record()["letterbox"] == [0.0] * 4, "a dark picture has no bars"


# --- through the decoder


def looks_of(found, path, **options):
    media = probe.examine(found, path, "0" * 64)
    return [(look, look.record(float(media.fps))) for look in shots.find(found, media, lambda done: None, **options)]


def test_noise_and_light_of_a_clip_through_the_decoder(clips, found, tmp_path):
    """Noise of 6 code values of full range is 5.2 in stored ones; ffv1 keeps it."""
    clip = tmp_path / "noisy.mkv"
    level = 16 + 0.4 * 219
    run = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    run += ["-f", "lavfi", "-i", f"color=gray:s=640x360:r=25:d=2,geq=lum={level}+5.15*sqrt(-2*log(random(1)+1e-9))"
           "*cos(2*PI*random(2)):cb=128:cr=128", "-c:v", "ffv1", str(clip)]  # fmt: skip
    subprocess.run(run, check=True)
    ((_, told),) = looks_of(found, clip)
    assert told["noise"] == pytest.approx(6.0, rel=0.1)
    assert told["luma_mean"] == pytest.approx(102, abs=1.5)
    assert told["letterbox"] == [0.0] * 4


def test_every_shot_has_its_measures_however_short(edit, clips):
    for name in ("three.mp4", "one.mp4", "varying.mp4", "turned.mp4"):
        for shot in (one for one in edit.scan(clips / name) if one["kind"] == "edl.shot"):
            for field in (
                "luma_p5",
                "luma_p95",
                "key",
                "flicker",
                "chroma_mean",
                "pan_ratio",
                "shake_ratio",
                "letterbox",
            ):
                assert field in shot, (name, field)
            assert shot["in_frame"] <= shot["sharpest_frame"] < shot["out_frame"]


def test_samples_are_in_order_and_one_follows_each_cut(clips, found, tmp_path):
    samples = Samples(tmp_path)
    cuts = [look.first for look, _ in looks_of(found, ROOT / "examples/bikes.mp4", samples=samples)]
    kept = list(samples)
    frames = [frame for frame, _ in kept]
    assert frames == sorted(set(frames))
    assert set(cuts) <= set(frames)
    assert max(b - a for a, b in itertools.pairwise(frames)) <= 13
    assert {picture.shape for _, picture in kept} == {(109, 256, 3)}
    assert kept[2][1].dtype == numpy.uint8
    media = probe.examine(found, ROOT / "examples/bikes.mp4", "0" * 64)
    geometry = Geometry.of(media)
    luma = [one.luma for run in small_pictures(found, media, geometry, lambda n, s: None) for one in run]
    for frame, picture in kept:
        grey = cv2.resize(luma[frame], (256, 109), interpolation=cv2.INTER_AREA).astype(float)
        full = (grey - 16) * LUMA_GAIN
        assert numpy.abs(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) - full).mean() < 4, frame
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_samples_are_bounded_and_keep_those_after_cuts_longest():
    samples = Samples(most=64)
    planes = (numpy.full((36, 64), 90, numpy.uint8), *[numpy.full((18, 32), 128, numpy.uint8)] * 2)
    for frame in range(5000):
        samples.add(frame, *planes, first=frame % 500 == 0)
        assert len(samples) <= 64
    frames = [frame for frame, _ in samples]
    assert set(range(0, 5000, 500)) <= set(frames)
    assert frames == sorted(frames)
    assert max(b - a for a, b in itertools.pairwise(frames)) < 400
    for frame in range(5000, 5200):
        samples.add(frame, *planes, first=True)
        assert len(samples) <= 64, "a film of nothing but cuts is bounded, too"


@pytest.mark.parametrize("detector", ["adaptive", "content", "hash", "threshold"])
def test_other_detectors_part_every_frame_once(found, clips, detector):
    looks = [look for look, _ in looks_of(found, clips / "three.mp4", detector=detector)]
    assert [look.first for look in looks] == [0, *[look.first + look.frames for look in looks[:-1]]]
    assert sum(look.frames for look in looks) == 100
    if detector == "content":
        assert {40, 65} <= {look.first for look in looks}


def test_a_film_is_drawn(edit):
    source, *found = edit.scan(ROOT / "examples/bikes.mp4")
    made = strip.drawn(source, found, 80)
    assert "6 shots, 0:00:10.000, 640x272" in made.title
    lines = dict(made.lines)
    assert lines["shots   "].count("┃") == 5
    assert {len(line) for name, line in made.lines} == {72}
    assert strip.told(found[0]).startswith("  0:00:00.000     30 frames  mid key, light 136")
