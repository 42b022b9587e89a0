"""The cut detector on pictures made here: what it must find, and what it must not take for a cut."""

from __future__ import annotations

import pytest

from roadmap_cli.edl.cuts import features, trees
from roadmap_cli.edl.cuts.detector import MARGIN, SHORTEST, STRETCH, Boundary, Detector
from roadmap_cli.edl.cuts.doubt import Doubts, rgb
from roadmap_cli.edl.cuts.likeness import HEIGHT, WIDTH
from roadmap_cli.edl.cuts.smaller import stack

numpy = pytest.importorskip("numpy")
pytest.importorskip("cv2")


def scene(seed, frames, speed=0.1):
    """A camera that moves slowly over a picture of blobs: [frames, 3, HEIGHT, WIDTH]."""
    import cv2

    draw = numpy.random.default_rng(seed)
    wide = [
        cv2.resize(draw.uniform(20, 220, (6, 24)), (WIDTH * 5, HEIGHT), interpolation=cv2.INTER_CUBIC) for _ in range(3)
    ]
    places = (numpy.arange(frames) * speed).astype(int) % (WIDTH * 4)
    return numpy.stack([[numpy.clip(plane[:, x : x + WIDTH], 0, 255) for plane in wide] for x in places])


def found(pictures):
    detector = Detector()
    told = [boundary for picture in pictures.astype(numpy.uint8) for boundary in detector.add(picture)]
    return told + detector.finish()


def test_a_cut_is_where_the_new_picture_is():
    pictures = numpy.concatenate([scene(1, 40), scene(2, 30), scene(3, 5), scene(4, 50)])
    assert found(pictures) == [Boundary(at, at, "cut") for at in (40, 70, 75)]


def test_cuts_are_the_same_wherever_the_judged_stretch_ends():
    film = [scene(1, 150, 0), scene(2, 60, 0)]
    for ahead in (0, 60, STRETCH - 31):
        pictures = numpy.concatenate([scene(9, 30 + ahead), *film])
        assert [one.at for one in found(pictures)] == [30 + ahead, 180 + ahead]


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_flash_is_no_cut(frames):
    pictures = scene(5, 60)
    for n in range(frames):
        pictures[30 + n, 0] = numpy.clip(pictures[30 + n, 0] + 200 * (1 - n / frames), 0, 255)
    assert found(pictures) == []


def test_a_flash_over_a_fast_pan_is_no_cut():
    pictures = scene(6, 60, 6)
    for n in range(4):
        pictures[30 + n, 0] = numpy.clip(pictures[30 + n, 0] + 150 * (1 - n / 4), 0, 255)
    assert found(pictures) == []


def test_a_bright_short_shot_is_no_flash():
    bright = scene(8, 5, 0)
    bright[:, 0] = numpy.clip(bright[:, 0] + 90, 0, 255)
    before, after = scene(5, 40, 0), scene(9, 40, 0)
    before[:, 0] *= 0.5
    after[:, 0] *= 0.5
    pictures = numpy.concatenate([before, bright, after])
    assert [one.at for one in found(pictures)] == [40, 45]


def test_a_fast_pan_is_no_cut():
    assert found(numpy.concatenate([scene(6, 30, 0), scene(6, 40, 4)])) == []


@pytest.mark.parametrize("length", [12, 25, 40])
def test_a_dissolve_is_found_with_its_length(length):
    before, after = scene(7, 40 + length), scene(8, 60 + length)
    share = ((numpy.arange(length) + 1) / (length + 1))[:, None, None, None]
    mixed = before[40:] * (1 - share) + after[:length] * share
    (one,) = found(numpy.concatenate([before[:40], mixed, after[length:]]))
    assert one.kind == "dissolve"
    near = max(3, length // 6)
    assert abs(one.first - 40) <= near
    assert abs(one.end - 40 - length) <= near


def test_a_fade_through_black_is_one_transition():
    before, after = scene(7, 60), scene(8, 60)
    dark = numpy.array([0, 128, 128])[:, None, None]
    down = ((numpy.arange(20) + 1) / 20)[:, None, None, None]
    out, back = before[40:] + (dark - before[40:]) * down, dark + (after[:20] - dark) * down
    (one,) = found(numpy.concatenate([before[:40], out, back, after[20:]]))
    assert one.kind == "fade"
    assert abs(one.at - 60) <= 4


def test_the_fades_a_film_begins_and_ends_with_part_no_shots():
    dark = numpy.array([0, 128, 128])[:, None, None]
    film = scene(7, 100)
    up = ((numpy.arange(20) + 1) / 20)[:, None, None, None]
    film[:20] = dark + (film[:20] - dark) * up
    film[80:] = dark + (film[80:] - dark) * up[::-1]
    assert found(film) == []


def test_a_repeated_picture_makes_no_cut():
    """A source of varying rate stands still and then goes on by a greater step."""
    moving = scene(3, 120, 1.0)
    assert found(moving[[n - n % 3 if n > 60 else n for n in range(120)]]) == []


@pytest.mark.parametrize("frames", [0, 1, 2, SHORTEST])
def test_a_few_pictures_are_one_shot(frames):
    assert found(scene(1, frames) if frames else numpy.zeros((0, 3, HEIGHT, WIDTH))) == []


def test_memory_is_that_of_a_window():
    detector = Detector()
    kept = 0
    for picture in numpy.tile(scene(1, 100, 0).astype(numpy.uint8), (8, 1, 1, 1)):
        detector.add(picture)
        kept = max(kept, len(detector._kept))
    assert kept <= STRETCH + 2 * MARGIN + 1


def test_studio_range_becomes_full_range():
    black, grey = numpy.full((90, 160), 16, numpy.uint8), numpy.full((90, 160), 128, numpy.uint8)
    white = numpy.full((90, 160), 235, numpy.uint8)
    assert [int(plane.max()) for plane in stack(black, grey, grey)] == [0, 128, 128]
    assert int(stack(white, grey, grey)[0].min()) == 255


@pytest.mark.parametrize("frames", [4, 6])
def test_the_steps_of_a_steep_fade_are_no_cuts(frames):
    dark = numpy.array([0, 128, 128])[:, None, None]
    down = (1 - (numpy.arange(frames) + 1) / frames)[:, None, None, None]
    before, after = scene(7, 40 + frames, 0), scene(8, 40 + frames, 0)
    film = [
        before[:40],
        dark + (before[40:] - dark) * down,
        dark + (after[:frames] - dark) * (1 - down),
        after[frames:],
    ]
    told = found(numpy.concatenate(film))
    assert [one.kind for one in told] == ["fade"]
    assert 40 <= told[0].at <= 40 + 2 * frames


def test_a_cut_to_black_is_a_cut():
    black = numpy.broadcast_to(numpy.array([0, 128, 128])[:, None, None], (30, 3, HEIGHT, WIDTH))
    told = found(numpy.concatenate([scene(7, 40), black, scene(8, 40)]))
    assert [(one.at, one.kind) for one in told] == [(40, "cut"), (70, "cut")]


def test_a_wipe_over_moving_pictures_is_found():
    before, after = scene(7, 60, 0.4), scene(8, 60, 0.4)
    swept = numpy.arange(WIDTH) / WIDTH < ((numpy.arange(16) + 1) / 17)[:, None]
    mixed = numpy.where(swept[:, None, None, :], after[:16], before[44:])
    (one,) = found(numpy.concatenate([before[:44], mixed, after[16:]]))
    assert one.kind == "wipe"
    assert 44 <= one.at <= 60


class Seen:
    """A model that says the same of every picture."""

    def __init__(self, likely):
        self.likely = likely
        self.shown = 0

    def find(self, pictures):
        assert pictures.shape[1:] == (HEIGHT, WIDTH, 3)
        self.shown += len(pictures)
        told = numpy.full(len(pictures), self.likely, numpy.float32)
        return told, told


@pytest.mark.parametrize(("likely", "told"), [(0.9, 0.65), (0.0, 0.3), (0.2, 0.5)])
def test_a_model_has_a_word_only_in_doubt(likely, told):
    pictures, seer = scene(1, 80).astype(numpy.uint8), Seen(likely)
    doubts = Doubts(seer)
    assert doubts.gradual(pictures, 30, 40, 0.5) == told
    assert (doubts.spans, doubts.frames) == (1, seer.shown)
    assert [doubts.gradual(pictures, 30, 40, sure) for sure in (0.1, 0.9)] == [0.1, 0.9]
    assert doubts.spans == 1
    assert doubts.told().startswith(f"transnet-v2 looked at {seer.shown} frames of 1 spans")


def test_colours_of_stacks_are_those_of_the_standard():
    pictures = numpy.array([[0, 128, 128], [255, 128, 128], [76, 85, 255]], numpy.uint8)[:, :, None, None]
    assert rgb(pictures)[:, 0, 0].tolist() == [[0, 0, 0], [255, 255, 255], [254, 0, 0]]


@pytest.mark.parametrize("name", ["course", "looked"])
def test_trees_ask_for_what_is_measured(name):
    known = trees.read(name)
    width = len(features.COURSE) + (len(features.LOOKED) if name == "looked" else 0)
    assert known.features.max() < width
    assert known.limits.shape == known.features.shape == (len(known.leaves), known.leaves.shape[1] - 1)
    low, high = (known.likely([value] * width) for value in (-1e6, 1e6))
    by_hand = [known.base + known.leaves[:, place].sum() for place in (0, -1)]
    assert [low, high] == pytest.approx([1 / (1 + numpy.exp(-value)) for value in by_hand])
