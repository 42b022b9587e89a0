"""What pictures show: composition by numbers, bars, what catches the eye; and the models, where they were pulled."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cv2
import numpy
import pytest

import film_samples
from roadmap_cli.edl import probe
from roadmap_cli.edl.subjects import bars, composition, faces, observing, pictures, saliency, transitions

ROOT = Path(__file__).parents[3]
CLIPS = ROOT / "examples"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    return {"HOME": str(tmp_path_factory.mktemp("home")), "ROADMAP_MODELS": folder}


@pytest.fixture(scope="module")
def seers(environ: dict[str, str]) -> observing.Seers:
    pytest.importorskip("ai_edge_litert")
    opened = observing.open_seers(environ)
    if opened.missing:
        pytest.skip(f"not pulled: slm-models pull {' '.join(opened.missing)}")
    return opened


def frame(clip: str, number: int) -> numpy.ndarray:
    """A picture of an example clip, [height, 320, 3]."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(CLIPS / clip),
        "-vf",
        f"select=eq(n\\,{number}),scale=320:-1",
    ]
    data = subprocess.run(
        [*command, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], check=True, capture_output=True
    ).stdout
    return numpy.frombuffer(data, numpy.uint8).reshape(-1, 320, 3)


def spot(x: int, y: int) -> numpy.ndarray:
    """Stripes with one round thing."""
    rgb = numpy.full((180, 320, 3), 90, numpy.uint8)
    rgb[:, ::8] = 110
    return cv2.circle(rgb, (x, y), 18, (250, 40, 30), -1)


def test_what_stands_out_is_found():
    for x, y in ((80, 60), (240, 120), (160, 90)):
        left, top, width, height = saliency.box(saliency.of(spot(x, y)))
        assert left <= x / 320 <= left + width
        assert top <= y / 180 <= top + height
        assert width * height < 0.2
    assert saliency.box(saliency.of(numpy.full((180, 320, 3), 77, numpy.uint8))) is None


def test_bars_are_cut_off_and_night_is_not():
    rgb = numpy.random.default_rng(1).integers(40, 200, (180, 320, 3)).astype(numpy.uint8)
    assert bars.inside(rgb) == (0, 180, 0, 320)
    boxed = rgb.copy()
    boxed[:23] = boxed[157:] = 12
    assert bars.inside(boxed) == (23, 157, 0, 320)
    pillars = rgb.copy()
    pillars[:, :40] = pillars[:, 280:] = 0
    assert bars.inside(pillars) == (0, 180, 40, 280)
    night = rgb.copy()
    night[:70] = 8
    assert bars.inside(night) == (0, 180, 0, 320), "only its upper part is black"
    assert bars.inside(numpy.zeros_like(rgb)) == (0, 180, 0, 320)


@pytest.mark.parametrize(
    ("heads", "name"),
    [(0.8, "extreme_close"), (1.5, "close"), (2.4, "medium_close"), (3.6, "medium"), (5.5, "medium_wide"), (7.7, "wide"), (30, "extreme_wide")],
)  # fmt: skip
def test_shot_sizes_follow_the_body(heads, name):
    assert composition.size(heads) == name
    face = composition.FACE_OF_HEAD / heads
    assert composition.size(composition.heads_by_face((0.4, 0.2, face, face))) == name


def test_a_whole_person_tells_the_size_by_height_and_one_cut_off_by_shoulders():
    assert composition.size(composition.heads_by_person((0.4, 0.1, 0.1, 0.8), 16 / 9)) == "wide"
    assert composition.size(composition.heads_by_person((0.4, 0.5, 0.02, 0.2), 16 / 9)) == "extreme_wide"
    assert composition.size(composition.heads_by_person((0.3, 0.1, 0.4, 0.9), 16 / 9)) == "medium_close"


def test_headroom_and_thirds():
    assert composition.headroom_by_face((0.4, 0.3, 0.2, 0.28)) == pytest.approx(0.2)
    assert composition.headroom_by_face((0.4, 0.0, 0.2, 0.3)) == 0
    assert composition.thirds_distance((1 / 3, 2 / 3)) == pytest.approx(0)
    assert composition.thirds_distance((0.5, 0.5)) == pytest.approx(1 / 6)


def test_samples_are_the_frames_they_say_they_are(found, clips):
    """Each picture of the clip tells its number: grey 16 + 3 (n mod 72)."""
    media = probe.examine(found, clips / "numbers.mp4", "0" * 64)
    ranges = [(0, 100), (100, 104), (104, 405)]
    told = list(film_samples.samples(found, media, ranges))
    assert [number for number, _ in told] == film_samples.wanted(float(media.fps), ranges)
    assert any(100 <= number < 104 for number, _ in told), "a short shot is looked at, too"
    for number, rgb in told:
        assert float(rgb.mean()) == pytest.approx((3 * (number % 72)) * 255 / 219, abs=3)


def test_a_long_source_is_looked_at_less_often():
    frames = film_samples.wanted(25.0, [(0, 25 * 3600 * 8)])
    assert len(frames) <= film_samples.MOST_SAMPLES
    assert frames == sorted(frames)


def test_without_models_the_salient_place_is_told():
    observer = observing.Observer(observing.none())
    for number in range(0, 60, 12):
        observer.add(number, spot(100, 60))
    observer.add(60, spot(240, 120))
    first, second = observing.of_shots(observer, [(0, 60), (60, 72)])
    assert [len(first), len(second)] == [5, 1]
    told = observing.described(first)
    assert told["subject"] == "salient"
    assert set(told) == {"subject", "subject_box", "thirds_distance"}, "nothing of faces, sizes or names"
    assert observing.described(second)["subject_box"] != told["subject_box"]
    assert observing.described([]) == {}
    assert observing.lacking(observing.none().missing) == "not measured: faces, persons, names of things"


def test_a_box_is_told_in_shares_of_the_whole_picture():
    observer = observing.Observer(observing.none())
    boxed = numpy.zeros((240, 320, 3), numpy.uint8)
    boxed[30:210] = spot(160, 90)
    observer.add(0, boxed)
    x, y, width, height = observing.described(observer.sights)["subject_box"]
    assert x < 0.5 < x + width
    assert y < 0.5 < y + height
    assert y >= 30 / 240


def test_colours_tell_places_apart():
    looks = pictures.Colours()
    bunny, street, taxi = frame("bigbuckbunny.mp4", 10), frame("bikes.mp4", 150), frame("bikes.mp4", 170)
    one, two, three = looks.embed([bunny, street, taxi])
    assert float(two @ three) > 0.8 > float(one @ two)
    assert float(numpy.linalg.norm(one)) == pytest.approx(1, abs=1e-5)


def test_boxes_that_overlap_are_one():
    assert faces.overlap((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert faces.overlap((0, 0, 1, 1), (0.5, 0, 1, 1)) == pytest.approx(1 / 3)
    assert faces.overlap((0, 0, 1, 1), (2, 2, 1, 1)) == 0


def test_a_face_is_found_in_a_film_frame_and_none_in_a_street(seers):
    (face,) = seers.faces.find(frame("bikes.mp4", 122))
    x, y, _, height = face.box
    assert 0.60 < x < 0.68
    assert 0.06 < y < 0.14
    assert face.score >= faces.LEAST_SCORE
    assert y < face.eyes[1] < y + height / 2
    assert seers.faces.find(frame("bikes.mp4", 150)) == []


def test_the_mask_holds_what_is_in_front_and_does_not_trust_itself_elsewhere(seers):
    bunny = seers.person.find(frame("bigbuckbunny.mp4", 100))
    assert bunny.trust >= 0.6
    assert bunny.mask.shape == (180, 320)
    assert float(bunny.mask[60:150, 40:120].mean()) > 0.7, "on the left is the rabbit"
    assert float(bunny.mask[:, 200:].mean()) < 0.1
    assert seers.person.find(frame("bikes.mp4", 150)).trust < 0.3, "a fence and a street"


def test_bars_do_not_change_the_mask(seers):
    rgb = frame("bigbuckbunny.mp4", 100)
    boxed = numpy.zeros((240, 320, 3), numpy.uint8)
    boxed[30:210] = rgb
    plain, inside = seers.person.find(rgb), seers.person.find(boxed)
    assert inside.trust == pytest.approx(plain.trust, abs=0.02)
    assert float(numpy.abs(inside.mask[30:210] - plain.mask).mean()) < 0.01
    assert float(inside.mask[:30].max()) == 0


def test_the_same_place_is_nearer_than_another(seers):
    one, same, other = seers.pictures.embed([frame("bikes.mp4", n) for n in (190, 240, 15)])
    assert float(one @ same) > 0.65 > 0.5 > float(one @ other)


def test_a_thing_has_a_name_only_if_it_is_sure(seers):
    noise = numpy.random.default_rng(2).integers(0, 255, (180, 320, 3)).astype(numpy.uint8)
    assert seers.pictures.label([noise]) is None
    clock = numpy.full((224, 224, 3), 235, numpy.uint8)
    cv2.circle(clock, (112, 112), 90, (20, 20, 20), 6)
    for hour in range(12):
        turn = hour * numpy.pi / 6
        ends = [(round(112 + r * numpy.sin(turn)), round(112 - r * numpy.cos(turn))) for r in (70, 84)]
        cv2.line(clock, *ends, (20, 20, 20), 5)
    cv2.line(clock, (112, 112), (112, 50), (10, 10, 10), 6)
    cv2.line(clock, (112, 112), (150, 130), (10, 10, 10), 6)
    name, share = seers.pictures.label([clock])
    assert "clock" in name
    assert share > 0.35


def test_what_was_seen_before_does_not_change_what_is_seen(seers):
    """A name is not asked again while it stays; that must not leak from one source into the next."""

    def told(*numbers: int) -> dict:
        observer = observing.Observer(seers)
        for number in numbers:
            observer.add(number, frame("bikes.mp4", number))
        return observing.described(observer.sights)

    alone = told(245)
    told(200, 245)
    assert told(245) == alone


@pytest.mark.slow
def test_transnet_finds_the_cuts_of_a_real_clip(environ):
    model = transitions.open_transitions(environ)
    if model is None:
        pytest.skip("not pulled: slm-models pull transnet-v2")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(CLIPS / "bikes.mp4"), "-s", "48x27", "-frames:v", "160"]
    data = subprocess.run(
        [*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], check=True, capture_output=True
    ).stdout
    single, many = model.find(numpy.frombuffer(data, numpy.uint8).reshape(-1, 27, 48, 3))
    assert (single.shape, many.shape) == ((160,), (160,))
    assert numpy.flatnonzero(single > 0.3).tolist() == [29, 75, 136]
    assert [len(found) for found in model.find(numpy.empty((0, 27, 48, 3), numpy.uint8))] == [0, 0]
