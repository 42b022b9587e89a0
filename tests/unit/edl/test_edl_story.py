"""Scenes from vectors and sound, the energy curve, and beats: on made-up sources whose story is known."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from roadmap_cli.core import clock, schemas
from roadmap_cli.edl import probe, scanning
from roadmap_cli.edl.story import beats, drawing, energy, keeping, scenes, telling
from roadmap_cli.edl.story.sounding import Heard
from roadmap_cli.edl.story.teller import Teller
from roadmap_cli.edl.subjects import observing
from roadmap_cli.state.store import KeySource, State

ROOT = Path(__file__).parents[3]
KIND = "colour-layout-1"
FPS = 25


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=clock.system) as opened:
        yield opened


def vectors(places: list[int], noise: float = 0.1) -> numpy.ndarray:
    """A vector for each shot: shots of one place (a number) are alike, those of two are not."""
    draw = numpy.random.default_rng(5)
    found = numpy.eye(64, dtype=numpy.float32)[places] + draw.normal(0, noise / 8, (len(places), 64))
    return (found / numpy.linalg.norm(found, axis=1, keepdims=True)).astype(numpy.float32)


def told(places: list[int], lengths: list[float], sound: list[float | None] | None = None) -> list[int]:
    """The shots that begin a scene, but the first."""
    ends = numpy.cumsum(lengths)
    spans = [(float(end - length), float(end)) for end, length in zip(ends, lengths, strict=True)]
    cuts = scenes.boundaries(vectors(places), KIND, spans, sound or [None] * len(places))
    return [cut.shot for cut in scenes.choose(cuts, spans)]


def test_a_conversation_is_one_scene_and_another_place_the_next():
    assert told([1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3], [4.0] * 11) == [6]


def test_a_returning_room_holds_a_scene_together_over_other_shots():
    assert told([1, 5, 6, 1, 7, 1, 2, 8, 2, 9, 2, 8], [3.0] * 12) == [6]


def test_a_montage_of_unlike_pictures_is_not_a_scene_a_shot():
    """Ten pictures that have nothing in common, 1.2 s each, between two conversations."""
    places = [1, 2, 1, 2, 1, 2, *range(10, 20), 3, 4, 3, 4, 3, 4]
    found = told(places, [4.0] * 6 + [1.2] * 10 + [4.0] * 6)
    assert 6 in found
    assert 16 in found
    assert len([shot for shot in found if 6 < shot < 16]) <= 1


def test_one_shot_and_shots_of_one_place_are_one_scene():
    assert told([1], [5.0]) == []
    assert told([1] * 9, [5.0] * 9) == []


def test_sound_decides_where_pictures_waver():
    """Shots half alike: with the sound of another place it is a new scene, with the same sound it is not."""
    one, two, both = numpy.eye(3, dtype=numpy.float32)[0], numpy.eye(3, dtype=numpy.float32)[1], 0.0
    likely = 0.55
    turned = likely * one + (1 - likely**2) ** 0.5 * two + both
    shots = numpy.stack([one, one, one, turned, turned, turned]).astype(numpy.float32)
    spans = [(8.0 * n, 8.0 * n + 8) for n in range(6)]

    def chosen(change: float) -> list[int]:
        cuts = scenes.boundaries(shots, KIND, spans, [None, 0.0, 0.0, change, 0.0, 0.0])
        return [cut.shot for cut in scenes.choose(cuts, spans)]

    assert chosen(1.0) == [3]
    assert chosen(0.0) == []


def test_many_shots_take_little_time():
    """5,000 shots in 1,000 scenes: linear, not quadratic."""
    import time

    places = [scene * 2 % 60 + turn % 2 for scene in range(1000) for turn in range(5)]
    started = time.process_time()
    found = told(places, [4.0] * 5000)
    assert time.process_time() - started < 4
    assert len(found) > 900


def test_floor_and_spans_tell_a_change_of_place():
    levels = SimpleNamespace(level_db=array("f", [-60.0] * 1000 + [-40.0] * 1000), moment_lufs=array("f"))
    heard = Heard(levels=levels)
    assert heard.change(10.0) == 1.0
    assert heard.change(5.0) == pytest.approx(0.0, abs=0.05)
    spans = [
        {"id": "a", "sort": "ambient", "label": "wind", "start_ms": 0, "end_ms": 10_000},
        {"id": "b", "sort": "ambient", "label": "traffic", "start_ms": 10_000, "end_ms": 20_000},
        {"id": "c", "sort": "speech", "start_ms": 3_000, "end_ms": 6_000},
    ]
    assert Heard(spans).change(10.0) == 1.0
    assert Heard(spans).change(3.0) < 0.2, "speech begins, the place is the same"
    assert Heard().change(3.0) is None


def shots_of(lengths: list[float], motion: list[float], loudness: list[float]) -> tuple[list[dict], list[tuple]]:
    records, spans, at = [], [], 0
    for position, (length, moves, loud) in enumerate(zip(lengths, motion, loudness, strict=True)):
        frames = round(length * FPS)
        records.append(
            {"kind": "edl.shot", "id": f"shot_{position}", "at": "2026-11-23T09:00:00.000Z", "source_id": "source_1",
             "position": position, "in_frame": at, "out_frame": at + frames, "fps": "25/1", "motion": moves,
             "contrast": 50.0, "loudness_lufs": loud}
        )  # fmt: skip
        spans.append((at / FPS, (at + frames) / FPS))
        at += frames
    return records, spans


#: Calm, busier, wild, calm: 30, 24, 16 and 24 seconds.
STORY = shots_of(
    [6.0] * 5 + [3.0] * 8 + [1.0] * 16 + [6.0] * 4,
    [1.0] * 5 + [4.0] * 8 + [12.0] * 16 + [1.0] * 4,
    [-40.0] * 5 + [-30.0] * 8 + [-16.0] * 16 + [-40.0] * 4,
)


def test_beats_of_a_plain_story():
    shots, spans = STORY
    curve = energy.curve(shots, spans, Heard())
    assert float(curve.values.min()) >= 0
    assert float(curve.values.max()) <= 1
    found = beats.find(curve, spans, [0, 5, 13, 29])
    assert [(beat.role, beat.first) for beat in found] == [("setup", 0), ("turn", 5), ("peak", 13), ("resolution", 29)]
    assert found[2].energy > 0.7 > found[1].energy > found[0].energy
    assert energy.arc(curve.values)[0] in {"rise and fall", "rise"}


def test_beats_without_scenes_are_found_by_shots():
    shots, spans = STORY
    found = beats.find(energy.curve(shots, spans, Heard()), spans, [0])
    peak = next(beat for beat in found if beat.role == "peak")
    assert abs(spans[peak.first][0] - 54) <= 2


def test_a_source_that_does_not_change_is_one_setup():
    shots, spans = shots_of([5.0] * 12, [3.0] * 12, [-25.0] * 12)
    found = beats.find(energy.curve(shots, spans, Heard()), spans, [0, 4, 8])
    assert [(beat.role, beat.first, beat.end) for beat in found] == [("setup", 0, 12)]


def test_a_loud_opening_is_a_hook_and_not_the_peak():
    shots, spans = shots_of(
        [1.0] * 5 + [6.0] * 8 + [1.0] * 20 + [6.0] * 4,
        [12.0] * 5 + [1.0] * 8 + [12.0] * 20 + [1.0] * 4,
        [-16.0] * 5 + [-40.0] * 8 + [-16.0] * 20 + [-40.0] * 4,
    )
    found = beats.find(energy.curve(shots, spans, Heard()), spans, [0, 5, 13, 33])
    assert next(beat for beat in found if beat.role == "peak").first == 13


def test_beats_cover_every_shot_in_order():
    draw = numpy.random.default_rng(11)
    for _ in range(40):
        count = int(draw.integers(1, 60))
        shots, spans = shots_of(
            draw.uniform(0.2, 9, count).tolist(), draw.uniform(0, 20, count).tolist(), draw.uniform(-50, -10, count).tolist()
        )  # fmt: skip
        starts = sorted({0, *draw.integers(0, count, 4).tolist()})
        found = beats.find(energy.curve(shots, spans, Heard()), spans, starts)
        assert found[0].first == 0
        assert found[-1].end == count
        assert all(one.end == other.first for one, other in itertools.pairwise(found))
        roles = [beat.role for beat in found]
        assert roles == sorted(roles, key=["setup", "turn", "peak", "resolution"].index)
        assert all(roles.count(role) <= 1 for role in ("setup", "peak", "resolution"))


def test_small_differences_are_not_blown_up():
    values = energy.placed(numpy.array([10.0, 10.1, 10.2, 10.1]), 6.0)
    assert float(values.max() - values.min()) < 0.05


def test_onsets_are_jumps_of_the_level():
    level = numpy.full(400, -60.0, numpy.float32)
    for at in (100, 200, 300):
        level[at : at + 20] = -20
    assert energy.onset_times(level).tolist() == [1.0, 2.0, 3.0]
    assert len(energy.onset_times(numpy.full(400, -30.0, numpy.float32))) == 0
    assert len(energy.onset_times(numpy.empty(0, numpy.float32))) == 0


def picture(place: int) -> numpy.ndarray:
    draw = numpy.random.default_rng(place)
    return numpy.kron(draw.integers(0, 255, (3, 4, 3)), numpy.ones((30, 40, 1))).astype(numpy.uint8)


def test_a_source_is_told_with_evidence_for_each_beat():
    shots, _ = STORY
    places = [1, 2, 1, 2, 1, *[3, 4] * 4, *[5, 6] * 8, 7, 8, 7, 8]
    samples = [(shot["in_frame"] + 2, picture(place)) for shot, place in zip(shots, places, strict=True)]
    source = {"kind": "edl.source", "id": "source_1", "at": "2026-11-23T09:00:00.000Z", "fps": "25/1"}
    spans = [{"id": "span_1", "sort": "music", "start_ms": 54_000, "end_ms": 70_000}]
    made = telling.tell(source, shots, samples, spans, seers=observing.none())
    records = made.records()
    assert not [problem for record in records for problem in schemas.problems(record)]
    assert [scene["in_frame"] // FPS for scene in made.scenes] == [0, 30, 54, 70]
    assert [beat["role"] for beat in made.beats] == ["setup", "turn", "peak", "resolution"]
    known = {record["id"] for record in records} | {"span_1"}
    assert all(set(beat["evidence"]) <= known for beat in made.beats)
    peak = made.beats[2]
    assert "span_1" in peak["evidence"]
    assert peak["why"].startswith("energy rises from ")
    assert "56.2 cuts a minute after 17.5" in peak["why"]
    assert "12.0 motion after 4.0" in peak["why"]
    assert "100 % music" in peak["why"]
    by_id = {scene["id"]: scene for scene in made.scenes}
    for shot in made.shots:
        assert shot["id"] in by_id[shot["scene_id"]]["shot_ids"]
    assert json.loads(json.dumps(records)) == records, "plain numbers, nothing of numpy"
    again = telling.tell(source, shots, samples, spans, seers=observing.none())
    assert again.records() == records


def test_a_story_is_drawn_in_as_many_columns_as_there_are():
    records = [
        {"kind": "edl.scene", "in_frame": 0}, {"kind": "edl.scene", "in_frame": 50},
        {"kind": "edl.energy", "values": [0.0, 0.0, 1.0, 1.0]},
        {"kind": "edl.beat", "role": "setup", "out_frame": 50}, {"kind": "edl.beat", "role": "peak", "out_frame": 100},
    ]  # fmt: skip
    assert drawing.lines(records, 100, 20) == [
        ("scenes", "━━━━━━━━━━┃━━━━━━━━╸"),
        ("energy", "          ██████████"),
        ("beats", "├setup    ├peak     "),
    ]
    assert drawing.lines([], 0, 0) == []


def test_a_source_that_cannot_be_looked_at_has_its_shots_all_the_same():
    shots, _ = STORY
    source = {"kind": "edl.source", "id": "source_1", "at": "2026-11-23T09:00:00.000Z", "fps": "25/1"}
    made = telling.tell(source, shots, [], seers=observing.none())
    assert len(made.scenes) == 1
    assert [shot["in_frame"] for shot in made.shots] == [shot["in_frame"] for shot in shots]


def test_a_scan_keeps_vectors_and_knows_its_method(found, clips, edit, state):
    teller = Teller(None)
    path = clips / "three.mp4"
    show = edit.scan.__globals__["show"]
    now = edit.scan.__globals__["NOW"]
    records = list(scanning.scan(found, path, now, show, None, scanning.Ways(teller=teller)))
    kinds = [record["kind"] for record in records if record["kind"] != "edl.span"]
    assert kinds == ["edl.source", *["edl.shot"] * 3, "edl.scene", "edl.beat", "edl.energy"]
    sha256 = probe.content_hash(path)
    scanning.remember(state, records, scanning.Ways(teller=teller))
    assert scanning.recall(state, sha256, path, scanning.Ways(teller=teller)) == records
    assert scanning.recall(state, sha256, path) == [], "another method is another scan"
    ids = [record["id"] for record in records if record["kind"] == "edl.shot"]
    with state.read() as tx:
        kept = keeping.vectors(tx, ids)
    assert set(kept) == set(ids)
    assert keeping.likeness(kept[ids[0]], kept[ids[0]]) == pytest.approx(1, abs=1e-3)
    assert keeping.likeness(kept[ids[0]], kept[ids[2]]) < 0.8


@pytest.mark.slow
def test_scripted_stories_are_told(found, tmp_path):
    """Two films of the corpus, without models: most boundaries and beats are where the script has them."""
    path = ROOT / "tools/make_story_corpus.py"
    spec = importlib.util.spec_from_file_location("make_story_corpus", path)
    corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    sys.path.insert(0, str(ROOT / "tools/bench"))
    import edl_story

    pictures = corpus.photographs()
    score = edl_story.Score()
    for seed in (301, 303):
        corpus.Maker(seed, pictures).make(tmp_path, seed)
        truth = json.loads((tmp_path / f"{seed}.json").read_text())
        source, shots, observer, levels = edl_story.look(tmp_path / f"{seed}.mp4", observing.none())
        made = telling.of_observed(source, shots, observer, Heard(levels=levels))
        score.scenes([s["in_frame"] / FPS for s in made.scenes[1:]], [f / FPS for f in truth["scenes"][1:]])
        score.beats(
            [(b["role"], b["in_frame"] / FPS) for b in made.beats],
            [(b["role"], b["in_frame"] / FPS) for b in truth["beats"]], truth["frames"] / FPS,
        )  # fmt: skip
    assert score.f1 >= 0.75
    assert score.beats_f1 >= 0.5
