"""edl-plan on generated footage: CPU for 1,000 shots, shot lengths, cuts on beats, cuts in speech, lengths met.

usage: tools/bench/edl_plan.py [--shots N] [--rounds N] [--figures NAME ...]

The footage is records only: an hour of shots with lognormal lengths, scenes, talk with words, silences, a story, energy, and
a piece of music with a rhythm; made from a seed, so that every run sees the same. CPU is of the plan in memory, without
the state. Prints one bench.figure record for each figure.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src")]
AT = "2026-11-23T09:00:00.000Z"


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": f"edl_plan_{name}", "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def footage(
    count: int, seconds: float, *, seed: int = 1, talk: float = 0.4, fps: int = 25, music: bool = True
) -> list[dict[str, Any]]:
    """Records of a source of so many shots and seconds: `talk` is the share of scenes in which somebody speaks."""
    rng = random.Random(seed)
    lengths = [math.exp(rng.gauss(0, 0.7)) for _ in range(count)]
    scale = seconds * fps / sum(lengths)
    frames = [max(6, round(length * scale)) for length in lengths]
    total = sum(frames)
    out: list[dict[str, Any]] = [
        {"kind": "edl.source", "id": "src", "at": AT, "path": "/film.mp4", "sha256": "0" * 64, "frames": total,
         "fps": f"{fps}/1", "width": 1920, "height": 1080, "has_sound": True, "duration": f"{total}/{fps}"}
    ]  # fmt: skip
    spans, words, scenes, at, number = [], [], [], 0, 0
    while number < count:
        size = min(rng.randint(4, 14), count - number)
        speaks = rng.random() < talk
        ids, first = [], at
        for _ in range(size):
            end = at + frames[number]
            shot = {
                "kind": "edl.shot", "id": f"shot_{number}", "at": AT, "source_id": "src", "position": number,
                "in_frame": at, "out_frame": end, "fps": f"{fps}/1", "luma_mean": rng.uniform(40, 180),
                "contrast": rng.uniform(20, 70), "saturation_ratio": rng.random(), "motion": rng.uniform(0, 20),
                "sharpness": rng.uniform(1, 5), "speech_ratio": 0.9 if speaks else 0.0, "silence_ratio": rng.random() / 2,
                "loudness_lufs": rng.uniform(-35, -15), "shake_ratio": rng.uniform(0, 0.005), "scene_id": f"scene_{len(scenes)}",
                "sharpest_frame": rng.randrange(at, end),
            }  # fmt: skip
            if rng.random() < 0.7:
                shot |= {"subject_box": [rng.uniform(0, 0.6), rng.uniform(0.05, 0.4), 0.25, 0.4],
                         "subject": rng.choice(["face", "person", "salient"])}  # fmt: skip
            ids.append(shot["id"])
            out.append(shot)
            at, number = end, number + 1
        scenes.append({"kind": "edl.scene", "id": f"scene_{len(scenes)}", "at": AT, "source_id": "src",
                       "in_frame": first, "out_frame": at, "shot_ids": ids})  # fmt: skip
        start, stop = first * 1000 // fps, at * 1000 // fps
        ms = start + rng.randint(100, 900)
        while speaks and ms < stop - 1500:
            begin = ms
            end = min(ms + rng.randint(800, 5000), stop - 200)
            word = ms
            while word < end - 80:
                last = min(end, word + rng.randint(120, 500))
                words.append({"kind": "edl.word", "id": f"word_{len(words)}", "at": AT, "source_id": "src",
                              "text": rng.choice(["so", "um", "yes", "we", "went", "home"]), "start_ms": word, "end_ms": last})  # fmt: skip
                word = last + rng.randint(10, 120)
            spans.append({"kind": "edl.span", "id": f"span_{len(spans)}", "at": AT, "source_id": "src", "sort": "speech",
                          "start_ms": begin, "end_ms": end, "loudness_lufs": -21.0})  # fmt: skip
            ms = end + rng.randint(200, 2500)
            if ms - end > 300:
                spans.append({"kind": "edl.span", "id": f"span_{len(spans)}", "at": AT, "source_id": "src",
                              "sort": "silence", "start_ms": end + 50, "end_ms": ms - 50})  # fmt: skip
    parts = (
        ("setup", 0.0, 0.12),
        ("turn", 0.2, 0.3),
        ("turn", 0.45, 0.5),
        ("peak", 0.72, 0.8),
        ("resolution", 0.9, 1.0),
    )
    beats = [
        {"kind": "edl.beat", "id": f"beat_{n}", "at": AT, "source_id": "src", "position": n, "role": role,
         "in_frame": int(low * total), "out_frame": int(high * total), "energy_ratio": 0.9 if role == "peak" else 0.5,
         "why": f"energy {0.9 if role == 'peak' else 0.5}"}
        for n, (role, low, high) in enumerate(parts)
    ]  # fmt: skip
    curve = [0.5 + 0.4 * math.sin(n / 40) for n in range(int(total / fps))]
    out += [*scenes, *spans, *words, *beats,
            {"kind": "edl.energy", "id": "energy", "at": AT, "source_id": "src", "step_ms": 1000, "values": curve}]  # fmt: skip
    if music:
        period, length_ms = 500, 240_000
        pulse = [200 + n * period + rng.randint(-8, 8) for n in range((length_ms - 400) // period)]
        out += [
            {"kind": "edl.source", "id": "song", "at": AT, "path": "/song.flac", "sha256": "1" * 64, "has_picture": False,
             "has_sound": True, "duration": "240/1"},
            {"kind": "edl.span", "id": "song_span", "at": AT, "source_id": "song", "sort": "music", "start_ms": 0,
             "end_ms": length_ms, "loudness_lufs": -11.0},
            {"kind": "edl.rhythm", "id": "song_rhythm", "at": AT, "source_id": "song", "start_ms": 0, "end_ms": length_ms,
             "tempo_bpm": 120.0, "beats_ms": pulse, "downbeats_ms": pulse[::4]},
        ]  # fmt: skip
    return out


def planned(records: list[dict[str, Any]], words: str) -> Any:
    from roadmap_cli.edl.planning import intent, planner

    shots = [r for r in records if r["kind"] == "edl.shot"]
    sources = [r for r in records if r["kind"] == "edl.source"]
    others = [r for r in records if r["kind"] not in ("edl.shot", "edl.source")]
    return planner.plan(sources, shots, words, intent.read(words), AT, others)


def in_speech(cut: dict[str, Any], records: list[dict[str, Any]], kind: str, fps: int) -> int:
    """How many of a cut's edges lie inside a stretch of speech or word and are heard: muted and continued ones are not."""
    if cut.get("sound", {}).get("mute"):
        return 0
    found = 0
    for frame in (cut["in_frame"], cut["out_frame"]):
        ms = frame * 1000 / fps
        found += any(r["start_ms"] < ms < r["end_ms"] for r in records)
    return found


def edges(plan: Any, records: list[dict[str, Any]], kind: str, fps: int) -> tuple[int, int]:
    """Edges inside speech, of all edges; where the next cut goes on at the same source frame there is no edge."""
    cuts = plan.cuts
    spans = [r for r in records if r["kind"] == kind and (kind == "edl.word" or r["sort"] == "speech")]
    bad = total = 0
    for number, cut in enumerate(cuts):
        for side, frame in (("in", cut["in_frame"]), ("out", cut["out_frame"])):
            other = number - 1 if side == "in" else number + 1
            if 0 <= other < len(cuts):
                there = cuts[other]["out_frame" if side == "in" else "in_frame"]
                if there == frame and cuts[other]["speed"] == cut["speed"]:
                    continue
            if cut.get("sound", {}).get("mute"):
                continue
            total += 1
            ms = frame * 1000 / fps
            bad += any(r["start_ms"] < ms < r["end_ms"] for r in spans)
    return bad, total


def lengths_of(plan: Any) -> list[float]:
    above, _, below = plan.header["fps"].partition("/")
    rate = int(above) / int(below)
    return [(c["timeline_out_frame"] - c["timeline_in_frame"]) / rate for c in plan.cuts]


def on_beat(plan: Any, records: list[dict[str, Any]]) -> tuple[int, int]:
    """Joints within one frame of a beat of the music as it lies in the programme, of all joints."""
    above, _, below = plan.header["fps"].partition("/")
    rate = int(above) / int(below)
    rhythm = next(r for r in records if r["kind"] == "edl.rhythm")
    beats: list[float] = []
    for cue in plan.records:
        if cue["kind"] == "edl.cue" and cue.get("source_id") == rhythm["source_id"]:
            beats += [
                cue["timeline_in_frame"] + (ms - cue["source_start_ms"]) * rate / 1000
                for ms in rhythm["beats_ms"]
                if cue["source_start_ms"] <= ms
                and cue["timeline_in_frame"] + (ms - cue["source_start_ms"]) * rate / 1000 <= cue["timeline_out_frame"]
            ]
    joints = [cut["timeline_in_frame"] for cut in plan.cuts[1:]]
    return sum(any(abs(beat - joint) <= 1 for beat in beats) for joint in joints), len(joints)


def main() -> int:
    """Measure."""
    from roadmap_cli.edl.planning.styles import STYLES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--figures", nargs="*", default=["cpu", "pace", "beats", "speech", "target"])
    given = parser.parse_args()
    hour = footage(given.shots, 3600)
    if "cpu" in given.figures:
        for words in (
            "make it cinematic",
            "60 second trailer",
            "vlog, cut the silences",
            "documentary, 20 minutes",
            "music video",
        ):
            spent = []
            for _ in range(given.rounds):
                before = time.process_time()
                plan = planned(hour, words)
                spent.append(time.process_time() - before)
            figure(
                "cpu",
                statistics.median(spent),
                "s",
                intent=words,
                shots=given.shots,
                cuts=len(plan.cuts),
                worst=round(max(spent), 3),
            )
    silent = footage(400, 3600, seed=2, talk=0.0)
    for name, style in STYLES.items():
        if "pace" in given.figures and style.median_s:
            plan = planned(footage(400, 3600, seed=2, talk=0.0, music=False), f"{name.replace('-', ' ')}, 6 minutes")
            shown = sorted(lengths_of(plan)[1 if style.hook_s else 0 :])
            logs = [math.log(length) for length in shown]
            figure("median", statistics.median(shown) / float(style.median_s), "ratio", style=name, median_s=round(statistics.median(shown), 2),
                   spread=round(statistics.pstdev(logs), 2), style_spread=style.spread, cuts=len(shown))  # fmt: skip
    if "beats" in given.figures:
        for words in (
            "music video",
            "music video, 90 seconds",
            "60 second trailer",
            "sport, 2 minutes",
            "vertical short, 30 seconds",
        ):
            for name, records in (("silent", silent), ("talk", footage(400, 3600, seed=3))):
                plan = planned(records, words)
                hits, total = on_beat(plan, records)
                figure("on_beat", hits / total, "ratio", intent=words, footage=name, joints=total)
    if "speech" in given.figures:
        for words in (
            "make it cinematic",
            "60 second trailer",
            "cut the silences",
            "vlog, 3 minutes",
            "interview, 5 minutes",
            "vertical short, 45 seconds",
        ):
            counts = {"edl.span": [0, 0], "edl.word": [0, 0]}
            for seed in range(10, 16):
                records = footage(200, 900, seed=seed, talk=0.7)
                plan = planned(records, words)
                for kind, count in counts.items():
                    bad, total = edges(plan, records, kind, 25)
                    count[0], count[1] = count[0] + bad, count[1] + total
            for kind, (bad, total) in counts.items():
                figure("edges_in_speech", bad, "count", intent=words, of=kind, edges=total)
    if "target" in given.figures:
        worst, met, count = 0.0, 0, 0
        for seed in range(20, 26):
            records = footage(150, 900, seed=seed, talk=0.5)
            for name in STYLES:
                for seconds in (15, 30, 60, 120, 300):
                    plan = planned(records, f"{name.replace('-', ' ')}, {seconds} seconds")
                    off = abs(sum(lengths_of(plan)) - seconds)
                    worst, met, count = max(worst, off), met + (off <= 0.5), count + 1
        figure("target_met", met / count, "ratio", plans=count, worst_s=round(worst, 2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
