"""Figures of edl-check: all rules on a plan of 1,000 cuts with everything measured, and mending it, by CPU time.

Hashing files and decoding are left out. The command's own time is told above that of `edl-check --version`.
Prints one JSON record for each figure. Usage: python tools/bench/edl_check.py [--cuts N] [--rounds N]
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
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
AT = "2026-11-23T09:00:00.000Z"
BAR_S = 0.3


def figure(name, value, unit, **more):
    print(json.dumps({"kind": "bench.figure", "name": name, "value": round(value, 4), "unit": unit} | more), flush=True)


def plan_of(cuts, clip, sha256):
    """A plan of a long spoken film: shots, scenes of ten shots, phrases, four words a second, beats, music under all."""
    chance = Random(1)
    source = {"kind": "edl.source", "id": "src", "at": AT, "path": str(clip), "sha256": sha256, "frames": 200 * cuts,
              "fps": "25/1", "duration": f"{8 * cuts}/1", "width": 640, "height": 360, "has_sound": True}  # fmt: skip
    shots, spans, words, beats, scenes, made, frame = [], [], [], [], [], [], 0
    for n in range(cuts):
        first, length = 200 * n, chance.randrange(30, 190)
        sizes = ("wide", "medium", "close", "medium_close")
        shots.append({"kind": "edl.shot", "id": f"shot_{n}", "at": AT, "source_id": "src", "position": n,
                      "in_frame": first, "out_frame": first + 200, "fps": "25/1", "luma_mean": chance.uniform(80, 130),
                      "loudness_lufs": chance.uniform(-28, -20), "speech_ratio": 0.6, "scene_id": f"scene_{n // 10}",
                      "shot_size": sizes[n % 4], "pan_ratio": chance.uniform(-0.01, 0.01), "subject": "face",
                      "temperature_shift": chance.uniform(-3, 3), "tint_shift": 0.1,
                      "subject_box": [chance.uniform(0, 0.6), 0.3, 0.2, 0.3]})  # fmt: skip
        start = 8000 * n + chance.randrange(200, 1000)
        spans.append({"kind": "edl.span", "id": f"span_{n}", "at": AT, "source_id": "src", "sort": "speech",
                      "start_ms": start, "end_ms": start + 5000, "loudness_lufs": -22.0})  # fmt: skip
        spans.append({"kind": "edl.span", "id": f"air_{n}", "at": AT, "source_id": "src", "sort": "ambient",
                      "start_ms": start + 5000, "end_ms": 8000 * (n + 1), "loudness_lufs": -55.0})  # fmt: skip
        for w in range(20):
            text = "so" if w % 7 else ("where?" if chance.random() < 0.2 else "there.")
            words.append({"kind": "edl.word", "id": f"word_{n}_{w}", "at": AT, "source_id": "src", "text": text,
                          "start_ms": start + 250 * w, "end_ms": start + 250 * w + 210})  # fmt: skip
        made.append({"kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "position": n,
                     "source_id": "src", "shot_id": f"shot_{n}", "in_frame": first, "out_frame": first + length,
                     "fps": "25/1", "speed": "1/1", "timeline_in_frame": frame, "timeline_out_frame": frame + length,
                     "grade": {"saturation": 0.9, "contrast": 1.1}, "beat_id": f"beat_{n // 10}"})  # fmt: skip
        if n and n % 12 == 0:
            made[-1]["transition"] = {"sort": "dissolve", "frames": 20}
        frame += length
    for n in range(cuts // 10):
        ends = {"in_frame": 2000 * n, "out_frame": 2000 * n + 2000}
        scenes.append({"kind": "edl.scene", "id": f"scene_{n}", "at": AT, "source_id": "src", "position": n, **ends,
                       "shot_ids": [f"shot_{10 * n + k}" for k in range(10)]})  # fmt: skip
        beats.append({"kind": "edl.beat", "id": f"beat_{n}", "at": AT, "source_id": "src", "position": n,
                      "role": "turn", **ends, "energy_ratio": chance.random(), "why": "loud"})  # fmt: skip
    plan = {"kind": "edl.plan", "id": "plan", "at": AT, "intent": "calm", "fps": "25/1", "width": 640, "height": 360,
            "length_frames": frame, "cut_count": cuts, "source_ids": ["src"],
            "beat_ids": [beat["id"] for beat in beats]}  # fmt: skip
    cue = {"kind": "edl.cue", "id": "cue", "at": AT, "plan_id": "plan", "sound": "drone", "timeline_in_frame": 0,
           "timeline_out_frame": frame}  # fmt: skip
    return [source, *shots, *scenes, *spans, *words, *beats, plan, *made, cue]


def cpu_of(words, environ, data):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env=environ, input=data, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    from roadmap_cli.edl import gathering, probe
    from roadmap_cli.edl.checking import checks, mending, murch
    from roadmap_cli.edl.checking.footage import Footage

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        clip.write_bytes(b"x")
        stream = plan_of(asked.cuts, clip, probe.content_hash(clip))
        edit = gathering.read(stream)
        parts = {"titles": edit.titles, "cues": edit.cues, "measured": edit.measured}
        least = {"all rules": 9.0, "mending": 9.0, "Murch scores": 9.0}
        for _ in range(asked.rounds):
            began = time.process_time()
            found = checks.check(edit.plan, edit.cuts, edit.sources, probe.content_hash, **parts)
            checks.marked(edit.plan, edit.cuts, edit.sources, found, edit.titles, edit.cues)
            least["all rules"] = min(least["all rules"], time.process_time() - began)
            began = time.process_time()
            mended = mending.mend(edit.plan, edit.cuts, edit.titles, edit.cues, edit.sources, probe.content_hash,
                                  measured=edit.measured)  # fmt: skip
            least["mending"] = min(least["mending"], time.process_time() - began)
            began = time.process_time()
            list(murch.scores(Footage(edit.plan, edit.cuts, edit.sources, (), edit.cues, edit.measured), AT))
            least["Murch scores"] = min(least["Murch scores"], time.process_time() - began)
        more = {"cuts": asked.cuts, "records": len(stream), "findings": len(found)}
        figure("edl check: all rules", least["all rules"], "s CPU", bar=BAR_S, met=least["all rules"] <= BAR_S, **more)
        figure("edl check: mending", least["mending"], "s CPU", mends=len(mended.mends), left=len(mended.left))
        figure("edl check: Murch scores", least["Murch scores"], "s CPU")
        data = b"".join(json.dumps(record).encode() + b"\n" for record in stream)
        environ = {"HOME": folder, "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        start = min(cpu_of(["edl-check", "--version"], environ, b"") for _ in range(asked.rounds))
        whole = min(cpu_of(["edl-check"], environ, data) for _ in range(asked.rounds))
        figure("edl-check above start-up, the stream read and written", whole - start, "s CPU", bytes=len(data))


if __name__ == "__main__":
    main()
