"""Sound against picture at every joint of an edit of 500 cuts, and whether any joint clicks.

usage: tools/bench/edl_joints.py [--joints 500] [--keep FOLDER]

A clip is made whose picture tells its frame number (grey) and whose sound is a click at each whole second over a steady
tone. Every cut holds one click. The rendered file is decoded; each click's place is held against the place it must have
from the picture's own frame numbers there. The steps of the sound at the joints are held against the 95th percentile of
the steps within 20 ms of them. The same edit joined from MP4 segments with AAC by copying stands beside it.
Prints bench.figure records.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src")]

from roadmap_cli.edl import probe, timecode  # noqa: E402
from roadmap_cli.edl.checking import checks  # noqa: E402

RATE, FPS = 48_000, Fraction(30000, 1001)
AT = "2026-11-23T09:00:00.000Z"


def ffmpeg(*words: object) -> bytes:
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)], check=True, capture_output=True).stdout  # fmt: skip


def clip(folder: Path) -> Path:
    path = folder / "clicks.mp4"
    if not path.exists():
        tone = "aevalsrc='0.05*sin(2*PI*233*t)+0.8*sin(2*PI*3000*t)*lt(mod(t,1),0.003)*gt(t,0.5)':s=48000:d=60"
        ffmpeg("-f", "lavfi", "-i", "nullsrc=s=64x64:r=30000/1001:d=60,geq=lum='16+3*mod(N,72)':cb=128:cr=128",
               "-f", "lavfi", "-i", tone, "-c:v", "libx264", "-crf", 12, "-preset", "ultrafast", "-g", 60, "-c:a", "aac",
               "-b:a", "256k", path)  # fmt: skip
    return path


def figure(name: str, **values: Any) -> None:
    print(json.dumps({"kind": "bench.figure", "name": name, **values}), flush=True)


def measured(path: Path, cuts: list[dict[str, Any]]) -> tuple[int, int, float, float]:
    """Frames that are wrong, clicks heard, the worst sync error in ms, and the worst step ratio at a joint."""
    import numpy

    grey = numpy.frombuffer(ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"), "u1")
    shown = numpy.rint((grey.reshape(-1, 6144)[:, :4096].mean(axis=1) - 16) / 3).astype(int)
    wanted = [n % 72 for cut in cuts for n in range(cut["in_frame"], cut["out_frame"])]
    wrong = abs(len(wanted) - len(shown)) + sum(a != b for a, b in zip(wanted, shown, strict=False))
    sound = numpy.frombuffer(ffmpeg("-i", path, "-f", "f32le", "-ac", 1, "-ar", RATE, "-"), "f4").astype(float)
    loud = numpy.flatnonzero(numpy.abs(sound) > 0.25)
    heard = [int(at) for n, at in enumerate(loud) if n == 0 or at - loud[n - 1] > RATE // 20]
    worst = 0.0
    for cut in cuts:
        start, first = (timecode.sample_at(cut[name], FPS, RATE) for name in ("timeline_in_frame", "in_frame"))
        second = -(-first // RATE)
        place = start + second * RATE - first
        near = min(heard, key=lambda at: abs(at - place), default=10**9)
        worst = max(worst, abs(near - place) / RATE * 1000)
    ratio = 0.0
    for cut in cuts[1:]:
        at = timecode.sample_at(cut["timeline_in_frame"], FPS, RATE)
        steps = numpy.abs(numpy.diff(sound[at - 960 : at + 960]))
        ratio = max(ratio, float(steps[956:964].max()) / max(float(numpy.percentile(steps, 95)), 1e-4))
    return int(wrong), len(heard), float(worst), ratio


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--joints", type=int, default=500)
    ask.add_argument("--keep", type=Path)
    chosen = ask.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="edl-joints-"))
    folder.mkdir(parents=True, exist_ok=True)
    path = clip(folder)
    frames = int(ffmpeg_frames(path))
    source = {"kind": "edl.source", "id": "source", "at": AT, "path": str(path), "sha256": probe.content_hash(path),
              "frames": frames, "fps": "30000/1001", "width": 64, "height": 64, "has_sound": True}  # fmt: skip
    cuts, at = [], 0
    for n in range(chosen.joints + 1):
        second = 1 + (n * 7) % 57
        click = timecode.round_half_up(second * FPS)
        first, length = click - 4 - n % 3, 9 + n % 4
        cuts.append({"kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "source_id": "source",
                     "in_frame": first, "out_frame": first + length, "fps": "30000/1001", "speed": "1/1",
                     "timeline_in_frame": at, "timeline_out_frame": at + length})  # fmt: skip
        at += length
    plan = {"kind": "edl.plan", "id": "plan", "at": AT, "intent": "joints", "fps": "30000/1001", "width": 64, "height": 64,
            "length_frames": at, "cut_count": len(cuts), "montage": True}  # fmt: skip
    marked = checks.marked(plan, cuts, {"source": source}, [])
    data = "".join(json.dumps(record) + "\n" for record in [source, marked, *cuts]).encode()
    world = {**os.environ, "HOME": str(folder), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    output = folder / "ours.mp4"
    done = subprocess.run(
        [ROOT / "bin/edl-render", "--preset", "ultrafast", "--cache", folder / "cache", "-o", output], input=data,
        env=world, capture_output=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    wrong, heard, worst, ratio = measured(output, cuts)
    figure("edl-render", joints=chosen.joints, frames=at, frames_wrong=wrong, clicks=len(cuts), clicks_heard=heard,
           sync_error_ms=round(worst, 3), joint_step_ratio=round(ratio, 2), told_sync_error_ms=told["sync_error_ms"],
           told_joint_step_ratio=told["joint_step_ratio"])  # fmt: skip
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    listing = []
    for n, cut in enumerate(cuts):
        part = parts / f"{n}.mp4"
        ffmpeg("-ss", f"{float(cut['in_frame'] / FPS):.6f}", "-i", path, "-frames:v", cut["out_frame"] - cut["in_frame"],
               "-t", f"{float((cut['out_frame'] - cut['in_frame']) / FPS):.6f}", "-preset", "ultrafast", part)  # fmt: skip
        listing.append(f"file '{part}'")
    (folder / "list.txt").write_text("\n".join(listing))
    ffmpeg("-f", "concat", "-safe", 0, "-i", folder / "list.txt", "-c", "copy", folder / "peer.mp4")
    wrong, heard, worst, ratio = measured(folder / "peer.mp4", cuts)
    figure("segments with AAC, copied", joints=chosen.joints, frames_wrong=wrong, clicks_heard=heard,
           sync_error_ms=round(worst, 3), joint_step_ratio=round(ratio, 2))  # fmt: skip
    if not chosen.keep:
        shutil.rmtree(folder, ignore_errors=True)


def ffmpeg_frames(path: Path) -> int:
    words = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]  # fmt: skip
    return int(subprocess.run([*words, path], check=True, capture_output=True).stdout.strip(b",\n "))


if __name__ == "__main__":
    main()
