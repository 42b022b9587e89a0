"""How well words are read: the phrases of edl_intents.tsv against the parameters written beside each.

usage: tools/bench/edl_intents.py [--half d|h] [--misses]

Half d was used to write the reader, half h was written before it and is only counted. A phrase counts when every one of
its expectations holds. Prints one bench.figure record for each half.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src")]
PHRASES = Path(__file__).with_suffix(".tsv")


def numbers(reading: Any) -> dict[str, Any]:
    """What a phrase may expect, by name."""
    style, look, effects = reading.style, reading.style.grade, reading.style.effects
    return {
        "style": style.name, "speed": style.speed, "sat": look.saturation, "contrast": look.contrast,
        "warm": look.warmth_k, "bright": look.brightness, "split": look.split_tone, "sepia": look.sepia,
        "median": style.median_s or Fraction(5), "longest": style.longest_s, "keep": style.keep,
        "target": reading.target_s, "least": reading.least_s, "most": reading.most_s,
        "aspect": style.aspect, "height": reading.size[1] if reading.size else reading.lines, "fps": style.fps,
        "music": style.music, "under": style.under_lu, "lufs": style.loudness_lufs, "mute": style.mute_own,
        "beat": style.on_beat, "silences": style.cut_silences, "fillers": reading.cut_fillers,
        "jokes": reading.keep_laughter, "best_first": reading.best_first, "hook": style.hook_s > 0, "hook_s": style.hook_s,
        "titles": bool(reading.titles) and not reading.no_titles,
        "title": next((t.text for t in reading.titles if not t.at_end), None),
        "end_title": next((t.text for t in reading.titles if t.at_end), None),
        "fade_in": style.fade_in_s > 0, "fade_out": style.fade_out_s > 0, "dissolve": style.dissolves,
        "dissolve_s": style.dissolve_s, "split_edits": style.split_edits, "punch": style.punch > 1, "wipes": reading.wipes,
        "pace_start": style.pace[0], "pace_end": style.pace[1], "blur": style.blur, "grain": effects.get("grain", 0.0),
        "vignette": effects.get("vignette", 0.0), "letterbox": effects.get("letterbox", 0.0),
        "stabilise": effects.get("stabilise", 0.0), "denoise": effects.get("denoise", 0.0),
        "sharpen": effects.get("sharpen", 0.0), "replay": style.replay, "zoom": reading.zoom, "count": reading.count,
        "order": "source" if not style.by_role else "role",
    }  # fmt: skip


def holds(expectation: str, reading: Any, base: dict[str, Any]) -> bool:
    """Whether one expectation holds."""
    found = numbers(reading)
    if expectation[-1] in "+-":
        name = expectation[:-1]
        return bool(found[name] > base[name] if expectation[-1] == "+" else found[name] < base[name])
    name, _, wanted = expectation.partition("=")
    if name == "unknown":
        return wanted in reading.unknown
    if name in {"only", "without"}:
        return wanted in getattr(reading, name) if wanted else not getattr(reading, name)
    value = found[name]
    if isinstance(value, str) or name in {"title", "end_title"}:
        return bool(value == wanted.replace("_", " "))
    if wanted in {"yes", "no"}:
        return bool(value) == (wanted == "yes")
    if ":" in wanted:
        width, height = wanted.split(":")
        return bool(value is not None and abs(value - Fraction(width) / Fraction(height)) < Fraction(1, 1000))
    return value is not None and abs(float(value) - float(Fraction(wanted))) < 1e-6


def main() -> int:
    """Read every phrase and count."""
    from roadmap_cli.edl.planning import intent

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("d", "h"))
    parser.add_argument("--misses", action="store_true")
    given = parser.parse_args()
    counts = {"d": [0, 0, 0], "h": [0, 0, 0]}
    for line in PHRASES.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        half, phrase, wanted = line.split("\t")
        if given.half and half != given.half:
            continue
        reading = intent.read(phrase)
        plain = intent.read("", style=reading.style.name)
        missed = [each for each in wanted.split() if not holds(each, reading, numbers(plain))]
        noise = [word for word in reading.unknown if f"unknown={word}" not in wanted.split()]
        counts[half][0] += 1
        counts[half][1] += not missed
        counts[half][2] += bool(noise)
        if given.misses and (missed or noise):
            print(f"{half}\t{phrase}\tmissed {missed}\tnot understood {noise}\t{reading.reasons}", file=sys.stderr)
    for half, (total, right, noisy) in counts.items():
        if total:
            record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
                      "name": f"edl_intents_{'development' if half == 'd' else 'held'}", "value": round(right / total, 4),
                      "unit": "ratio", "count": total, "with_unknown_words": noisy}  # fmt: skip
            print(json.dumps(record))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
