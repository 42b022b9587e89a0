"""Grow the trees that judge gradual transitions, on even seeds of the generated corpus: src/.../cuts/gradual.json.

usage: tools/train_cuts.py CORPUS [--films N] [--from SEED] [--check]

Needs scikit-learn, which nothing else does: pip install scikit-learn. Each stretch that `features.stretches` finds in a
film of `make_cut_corpus` is one example; those that touch a transition but miss its ends by too much are neither right
nor wrong and are left out. --check grows them on four fifths of the films at a time and tells how well the last fifth is
judged, before anything is written.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools"), str(ROOT / "tools/bench")]

import make_cut_corpus  # noqa: E402
from roadmap_cli.edl.cuts import features, gradual, smaller  # noqa: E402
from roadmap_cli.edl.cuts.detector import Detector  # noqa: E402
from roadmap_cli.edl.seeing.decoding import Geometry, small_pictures  # noqa: E402

INTO = ROOT / "src/roadmap_cli/edl/cuts/gradual.json"
#: Chosen by --check among fewer and flatter trees: 50 of depth 3 misjudge 7.0 % of stretches, these 5.1 %.
DEPTH, TREES = 5, 150
FOLDS = 5


def stacks(path: Path) -> tuple[Any, float]:
    """The pictures of a film as the detector sees them, and their rate."""
    from roadmap_cli.edl import probe, programs, shots

    found = programs.find(None)
    media = probe.examine(found, path, "")
    runs = small_pictures(found, media, Geometry.of(media), lambda number, strip: None)
    return numpy.stack(
        [smaller.stack(shots.halved(one.luma), one.blue, one.red) for run in runs for one in run]
    ), media.fps


def examples(pictures: Any, truth: list[tuple[int, int, str]]) -> list[tuple[list[float], int]]:
    """Features of each stretch of a film, and 1 if it is a transition, 0 if not, -1 if it touches one."""
    coarse = gradual.coarser(pictures)
    told = []
    for low, high in itertools.pairwise([0, *Detector().cuts(pictures), len(pictures)]):
        for one in features.stretches(coarse[low:high], 0, high - low):
            row = features.course(coarse[low:high], pictures[low:high], one)
            row += features.looked(pictures[low:high], one)
            told.append((row, label(one.first + low, one.end + low, truth)))
    return told


def label(first: int, end: int, truth: list[tuple[int, int, str]]) -> int:
    for start, stop, kind in truth:
        if start <= (first + end) // 2 <= stop:
            common = min(end, stop) - max(first, start)
            half = kind == "fade" and common > 0.75 * (end - first)
            return 1 if half or common > 0.45 * (max(end, stop) - min(first, start)) else -1
    return 0


def grown(rows: Any, labels: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=0.07,
        subsample=0.6,
        max_features=0.4,
        min_samples_leaf=8,
        random_state=0,
    ).fit(rows, labels)


def written(model: Any) -> dict[str, Any]:
    """A model as trees of even depth: a leaf that comes early is asked nothing more."""
    inner = 2**DEPTH - 1
    told: dict[str, Any] = {"features": [], "limits": [], "leaves": []}
    for (one,) in model.estimators_:
        tree = one.tree_
        asked, limits, leaves = [0] * inner, [0.0] * inner, [0.0] * (inner + 1)
        waiting = [(0, 0)]
        for node, place in waiting:
            leaf = tree.children_left[node] < 0
            if place >= inner:
                leaves[place - inner] = round(float(tree.value[node].item()) * model.learning_rate, 6)
                continue
            if not leaf:
                # The shortest number that is the same float32: the question is the same there.
                asked[place], limits[place] = int(tree.feature[node]), float(str(numpy.float32(tree.threshold[node])))
            waiting += [(node if leaf else int(tree.children_left[node]), 2 * place + 1)]
            waiting += [(node if leaf else int(tree.children_right[node]), 2 * place + 2)]
        for name, value in (("features", asked), ("limits", limits), ("leaves", leaves)):
            told[name].append(value)
    prior = model.init_.class_prior_[1]
    return {"base": float(numpy.log(prior / (1 - prior))), **told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--from", dest="start", type=int, default=4000)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    rows: list[list[float]] = []
    labels: list[int] = []
    films: list[int] = []
    for seed in range(given.start & ~1, (given.start & ~1) + 2 * given.films, 2):
        (told,) = make_cut_corpus.make(given.corpus, 1, seed)
        pictures, fps = stacks(next(given.corpus.glob(f"{seed}.m*")))
        truth = [
            (round(Fraction(one["from_s"]) * fps), round(Fraction(one["to_s"]) * fps), one["kind"])
            for one in json.loads(told.read_text())["boundaries"]
            if "from_s" in one
        ]
        for row, sort in examples(pictures, truth):
            if sort >= 0:
                rows.append(row)
                labels.append(sort)
                films.append(seed)
        print(f"{seed}: {len(rows)} examples", file=sys.stderr, flush=True)
    given_rows, given_labels, fold = numpy.float32(rows), numpy.array(labels), numpy.array(films) // 2 % FOLDS
    course = len(features.COURSE)
    if given.check:
        right = 0
        for n in range(FOLDS):
            model = grown(given_rows[fold != n], given_labels[fold != n])
            right += int((model.predict(given_rows[fold == n]) == given_labels[fold == n]).sum())
        print(f"{right} of {len(given_labels)} judged rightly by trees that never saw their film", file=sys.stderr)
    made = {
        "course": written(grown(given_rows[:, :course], given_labels)),
        "looked": written(grown(given_rows, given_labels)),
    }
    INTO.write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
