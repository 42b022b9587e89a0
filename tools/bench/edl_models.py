"""What each model for pictures costs in CPU, beside decoding the same film.

usage: tools/bench/edl_models.py [CLIP]

Runs each on pictures of the clip (examples/bigbuckbunny.mp4), 320 wide as edl-scan samples them, on one thread, and tells
pictures a CPU second; what two pictures a second of an hour of film come to in CPU seconds, all models together; and
that as a share of decoding an hour of the clip with ffmpeg -f null. Prints one bench.figure record for each figure.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src")]

import film_samples  # noqa: E402
from roadmap_cli.edl import probe, programs  # noqa: E402
from roadmap_cli.edl.subjects import bars, observing, pictures, saliency  # noqa: E402

FOUND = programs.find(os.environ.get("PATH"))


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def cost(work: Callable[[], object], times: int) -> float:
    """CPU seconds of one run: the least of five, after one that does not count."""
    work()
    found = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - started) / times)
    return min(found)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples" / "bigbuckbunny.mp4"
    media = probe.examine(FOUND, path, "0" * 64)
    seers = observing.open_seers(os.environ)
    if seers.missing:
        sys.exit(f"not pulled: {', '.join(seers.missing)}: slm-models pull {' '.join(seers.missing)}")
    assert seers.faces
    assert seers.person
    assert isinstance(seers.pictures, pictures.Pictures)
    faces, person, looks = seers.faces, seers.person, seers.pictures
    samples = [rgb for _, rgb in film_samples.samples(FOUND, media, [(0, media.declared_frames)])]
    rgb = samples[len(samples) // 2]
    each = {
        "faces": cost(lambda: faces.find(rgb), 30),
        "person_mask": cost(lambda: person.find(rgb), 30),
        "embedding": cost(lambda: looks.embed([rgb] * 8), 4) / 8,
        "label": cost(lambda: looks.label([rgb]), 10),
        "saliency": cost(lambda: saliency.box(saliency.of(rgb)), 50),
        "bars": cost(lambda: bars.inside(rgb), 50),
        "colours": cost(lambda: pictures.Colours().embed([rgb]), 50),
    }
    for name, seconds in each.items():
        figure(f"{name}_pictures_a_cpu_second", 1 / seconds, "1/s")
    everything, nothing = (
        min(_observed(kind, samples) for _ in range(3)) / len(samples) for kind in (seers, observing.none())
    )
    command = [FOUND.ffmpeg, "-v", "error", "-nostdin", "-i", str(path), "-an", "-f", "null", "-"]
    decoding = min(_decoded(command) for _ in range(3)) / (media.declared_frames / float(media.fps))
    size = f"{media.width}x{media.height}"
    figure("all_models_an_hour_of_film", everything * 3600 * film_samples.PER_SECOND, "s")
    figure("without_models_an_hour_of_film", nothing * 3600 * film_samples.PER_SECOND, "s")
    figure("decoding_an_hour_of_film", decoding * 3600, "s", size=size)
    figure("all_models_of_decoding", everything * film_samples.PER_SECOND / decoding, "ratio", size=size)


def _observed(seers: observing.Seers, samples: list[object]) -> float:
    observer = observing.Observer(seers)
    started = time.process_time()
    for number, rgb in enumerate(samples):
        observer.add(number, rgb)
    return time.process_time() - started


def _decoded(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    tell_help(__doc__)
    main()
