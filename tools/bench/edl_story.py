"""Scenes and story beats found beside scripted ones: F1 of scene boundaries, and how far beats lie from the script's.

usage: tools/bench/edl_story.py [--corpus FOLDER] [--films N] [--from SEED] [--no-models] [--no-sound] [--misses]

Films: the report half (odd seeds) of tools/make_story_corpus.py, on which no threshold was chosen. A scene boundary is
found if one lies within a second of it, each only once. A beat's error is the distance, in seconds, from the start the
script gives it to the start of the nearest found beat of the same role (setup always starts at 0 and is left out); a role that
was not found counts a quarter of the film. Their F1 takes a beat as found if one of its role begins within two seconds,
each only once, so that beats too many count. Naive peers on the same films in the same run: PySceneDetect's scenes
(AdaptiveDetector at its defaults) taken as scenes; every eight shots a scene; and beats at equal quarters.
Prints one bench.figure record for each figure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

import film_samples  # noqa: E402
import make_story_corpus  # noqa: E402
from roadmap_cli.edl import hearing, probe, programs, shots  # noqa: E402
from roadmap_cli.edl.story import telling  # noqa: E402
from roadmap_cli.edl.story.sounding import Heard  # noqa: E402
from roadmap_cli.edl.subjects import observing  # noqa: E402

FOUND = programs.find(os.environ.get("PATH"))


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


@dataclass
class Score:
    """Counts of boundaries, and errors of beats."""

    right: int = 0
    false: int = 0
    missed: int = 0
    errors: list[float] = field(default_factory=list)
    roles: dict[str, list[float]] = field(default_factory=dict)
    #: Beats found within two seconds, found elsewhere, and scripted.
    placed: int = 0
    told: int = 0
    scripted: int = 0

    def scenes(self, told: Sequence[float], truth: Sequence[float]) -> None:
        left = list(told)
        for at in truth:
            near = min(left, key=lambda other: abs(other - at), default=None)
            if near is not None and abs(near - at) <= 1.0:
                left.remove(near)
                self.right += 1
            else:
                self.missed += 1
        self.false += len(left)

    def beats(self, told: Sequence[tuple[str, float]], truth: Sequence[tuple[str, float]], length: float) -> None:
        for role, at in truth:
            if role == "setup":
                continue
            error = min((abs(other - at) for name, other in told if name == role), default=length / 4)
            self.errors.append(error)
            self.scripted += 1
            self.roles.setdefault(role, []).append(error)

        left = [beat for beat in told if beat[0] != "setup"]
        self.told += len(left)
        for role, at in truth:
            near = min((b for b in left if b[0] == role), key=lambda beat: abs(beat[1] - at), default=None)
            if role != "setup" and near is not None and abs(near[1] - at) <= 2:
                left.remove(near)
                self.placed += 1

    @property
    def beats_f1(self) -> float:
        return 2 * self.placed / max(1, self.told + self.scripted)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.false + self.missed)


def look(path: Path, seers: observing.Seers) -> tuple[dict[str, Any], list[dict[str, Any]], observing.Observer, Any]:
    """A film's source, shots, what its samples show, and its sound: the measured half of a scan."""
    media = probe.examine(FOUND, path, "0" * 64)
    fps = f"{media.fps.numerator}/{media.fps.denominator}"
    source = {"id": path.name, "at": "2026-01-01T00:00:00.000Z", "fps": fps}
    found = []
    for position, seen in enumerate(shots.find(FOUND, media, lambda _: None)):
        found.append({"id": f"shot_{position}", "position": position, "in_frame": seen.first,
                      "out_frame": seen.first + seen.frames, "fps": fps, **seen.record(float(media.fps))})  # fmt: skip
    observer = observing.Observer(seers)
    for frame, rgb in film_samples.samples(FOUND, media, [(shot["in_frame"], shot["out_frame"]) for shot in found]):
        observer.add(frame, rgb)
    heard = hearing.listen(FOUND, media)
    return source, found, observer, heard.levels if heard else None


def pyscenedetect(path: Path) -> list[float]:
    from scenedetect import AdaptiveDetector, detect

    return [float(start.seconds) for start, _ in detect(str(path), AdaptiveDetector())][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--from", type=int, default=101, dest="first")
    parser.add_argument("--no-models", action="store_true")
    parser.add_argument("--no-sound", action="store_true")
    parser.add_argument("--misses", action="store_true", help="say on standard error what was missed")
    given = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()
    folder = given.corpus or Path(scratch.name)
    pictures = make_story_corpus.photographs()
    seers = observing.none() if given.no_models else observing.open_seers(os.environ)
    ours, peer, eight, quarters = Score(), Score(), Score(), Score()
    cpu = 0.0
    for seed in range(given.first, given.first + 2 * given.films, 2):
        path = folder / f"{seed}.mp4"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            make_story_corpus.Maker(seed, pictures).make(folder, seed)
        truth = json.loads(path.with_suffix(".json").read_text())
        fps, length = make_story_corpus.FPS, truth["frames"] / make_story_corpus.FPS
        scenes = [frame / fps for frame in truth["scenes"][1:]]
        beats = [(beat["role"], beat["in_frame"] / fps) for beat in truth["beats"]]
        source, found, observer, levels = look(path, seers)
        started = time.process_time()
        told = telling.of_observed(source, found, observer, Heard(levels=None if given.no_sound else levels))
        cpu += time.process_time() - started
        our_scenes = [scene["in_frame"] / fps for scene in told.scenes[1:]]
        our_beats = [(beat["role"], beat["in_frame"] / fps) for beat in told.beats]
        ours.scenes(our_scenes, scenes)
        ours.beats(our_beats, beats, length)
        peer.scenes(pyscenedetect(path), scenes)
        eight.scenes([shot["in_frame"] / fps for shot in found[8::8]], scenes)
        thirds = list(
            zip(("setup", "turn", "peak", "resolution"), (0, length / 4, length / 2, length * 3 / 4), strict=True)
        )
        quarters.beats(thirds, beats, length)
        if given.misses:
            print(seed, "scenes", [round(at) for at in scenes], [round(at) for at in our_scenes], file=sys.stderr)
            print(
                "    beats",
                [(r[0], round(at)) for r, at in beats],
                [(r[0], round(at)) for r, at in our_beats],
                file=sys.stderr,
            )
    how = {
        "films": given.films,
        "from_seed": given.first,
        "models_missing": list(seers.missing),
        "sound": not given.no_sound,
    }
    figure("scene_boundaries_f1", ours.f1, "ratio", false=ours.false, missed=ours.missed, **how)
    figure("scene_boundaries_f1_pyscenedetect", peer.f1, "ratio", false=peer.false, missed=peer.missed)
    figure("scene_boundaries_f1_every_eight_shots", eight.f1, "ratio", false=eight.false, missed=eight.missed)
    for name, score in (("beats", ours), ("beats_equal_quarters", quarters)):
        figure(f"{name}_error_mean", statistics.mean(score.errors), "s", beats=len(score.errors))
        figure(f"{name}_f1_at_2_s", score.beats_f1, "ratio", told=score.told, scripted=score.scripted)
        figure(f"{name}_error_median", statistics.median(score.errors), "s")
        within = sum(error <= 2 for error in score.errors) / len(score.errors)
        figure(f"{name}_within_2_s", within, "ratio")
        for role, errors in score.roles.items():
            figure(f"{name}_{role}_error_median", statistics.median(errors), "s")
    figure("story_cpu_a_film", cpu / given.films, "s")


if __name__ == "__main__":
    main()
