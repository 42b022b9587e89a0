"""How far edl-feedback moves the signal of each axis, on clips with the fault put in at several strengths.

usage: tools/bench/edl_corrections.py [AXIS …] [--plain]
Each row is one fault: what the correction itself measured, and, where a whole picture or sound can be made from the
corrected plan by ffmpeg alone, the share of the way measured on that (through the .cube file of its look).
Peers: none does this without a person or a model; the bar is 60 % of the way, no other limit broken.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import grade, probe, programs, shots, timecode
from roadmap_cli.edl.feedback import answering, heard, seen, wishes
from roadmap_cli.edl.feedback.material import Edit, Footage

ROOT = Path(__file__).parents[2]
BIKES, BUNNY = ROOT / "examples/bikes.mp4", ROOT / "examples/bigbuckbunny.mp4"
AT = "2026-11-28T09:00:00.000Z"
_CODEC = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p"]


@dataclass
class Case:
    """One clip with a fault, what a person says of it, and what may be expected: changed, or refused."""

    axis: str
    name: str
    words: str
    inputs: list[str]
    ranges: list[tuple[float, float]] | None = None
    expect: str = "changed"
    cue: Path | None = None
    cut: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


def video(source: Path, chain: str) -> list[str]:
    return ["-i", str(source), "-vf", f"scale=480:-2,{chain}", "-t", "3.5", "-an", *_CODEC]


def cases(folder: Path) -> Iterator[Case]:
    films = (("bikes", BIKES), ("bunny", BUNNY))
    for film, path in films:
        for gamma in (0.7, 0.5, 0.35):
            yield Case("exposure", f"{film} gamma {gamma}", "too dark", video(path, f"eq=gamma={gamma}"))
        for gamma in (1.8, 2.4, 3.0):
            yield Case("exposure", f"{film} gamma {gamma}", "too bright", video(path, f"eq=gamma={gamma}"))
        for contrast in (0.3, 0.45, 0.6):
            yield Case(
                "contrast",
                f"{film} contrast {contrast}",
                "washed out",
                video(path, f"eq=contrast={contrast}:brightness=0.05"),
                expect="asked" if contrast < 0.4 else "changed",
            )
        for contrast in (1.6, 2.0):
            yield Case(
                "contrast", f"{film} contrast {contrast}", "too contrasty", video(path, f"eq=contrast={contrast}")
            )
        for strength in (1.8, 2.4, 3.0):
            yield Case(
                "saturation",
                f"{film} saturation {strength}",
                "the colours are too strong",
                video(path, f"eq=saturation={strength}"),
            )
        for strength in (0.2, 0.4, 0.6):
            yield Case(
                "saturation",
                f"{film} saturation {strength}",
                "colours look faded",
                video(path, f"eq=saturation={strength}"),
            )
        for kelvin in (5200, 4600, 4000):
            yield Case("temperature", f"{film} {kelvin} K", "too yellow", video(path, f"colortemperature={kelvin}"))
        for kelvin in (8000, 10000, 13000):
            yield Case("temperature", f"{film} {kelvin} K", "too blue", video(path, f"colortemperature={kelvin}"))
        for green in (0.08, 0.15):
            yield Case(
                "tint",
                f"{film} green {green}",
                "there is a green cast",
                video(path, f"colorbalance=gm={green}:gs={green}"),
            )
            yield Case(
                "tint", f"{film} magenta {green}", "too magenta", video(path, f"colorbalance=gm=-{green}:gs=-{green}")
            )
        yield Case("punch", f"{film} flat and pale", "make it pop", video(path, "eq=contrast=0.7:saturation=0.6"))
        yield Case("drama", f"{film} as it is", "more dramatic", video(path, "null"))
        for strength in (8, 14, 22):
            yield Case("noise", f"{film} noise {strength}", "too grainy", video(path, f"noise=alls={strength}:allf=t"))
        for sigma in (0.8, 1.2):
            yield Case("sharpness", f"{film} blurred {sigma}", "it looks soft", video(path, f"gblur=sigma={sigma}"))
        yield Case("sharpness", f"{film} blurred 9", "out of focus", video(path, "gblur=sigma=9"), expect="asked")
        for depth in (0.03, 0.06, 0.1):
            yield Case(
                "flicker",
                f"{film} flicker {depth}",
                "it flickers",
                video(path, f"eq=brightness='{depth}*sin(n*2.4)':eval=frame"),
            )
        for share in (0.01, 0.02, 0.035):
            move = f"crop=iw*0.9:ih*0.9:(iw-ow)/2+iw*{share}*sin(n*1.1)*cos(n*0.37):(ih-oh)/2+ih*{share}*sin(n*1.7+1)"
            yield Case("stability", f"{film} shake {share}", "too shaky", video(path, move))
    room = "drawbox=y=ih*0.62:h=ih*0.38:c=0x554433:t=fill,drawbox=x=iw*0.2:y=ih*0.2:w=iw*0.3:h=ih*0.3:c=0xd0d0e0:t=fill,drawbox=x=iw*0.65:y=ih*0.1:w=iw*0.2:h=ih*0.52:c=0x306080:t=fill"
    for degrees in (-4, -2, 1.5, 3):
        lines = [
            "-f",
            "lavfi",
            "-i",
            f"color=0x9090a0:s=1280x720:r=25:d=3,{room},rotate={degrees}*PI/180:c=0x9090a0,crop=iw*0.85:ih*0.85",
            *_CODEC,
        ]
        yield Case("horizon", f"room {degrees} degrees", "the horizon is crooked", lines)
    face = "drawbox=x=iw*0.35:y=ih*0.2:w=iw*0.3:h=ih*0.6:c={}:t=fill,noise=alls=4:allf=t"
    for colour in ("0xe8924a", "0xf0a050", "0xd07838"):
        yield Case(
            "skin",
            f"skin {colour}",
            "skin looks orange",
            ["-f", "lavfi", "-i", f"color=0x707880:s=640x360:r=25:d=3,{face.format(colour)}", *_CODEC],
        )
    yield Case(
        "skin",
        "pale skin",
        "skin is pale",
        ["-f", "lavfi", "-i", f"color=0x707880:s=640x360:r=25:d=3,{face.format('0xd0b8a8')}", *_CODEC],
    )
    for colour, expect in (("0x50352a", "changed"), ("0x3a2820", "changed"), ("0xc89878", "asked")):
        inputs = ["-f", "lavfi", "-i", f"color=0x909090:s=640x360:r=25:d=3,{face.format(colour)}", *_CODEC]
        seen_there = {"shot": [{"subject": "face", "subject_box": [0.35, 0.2, 0.3, 0.6]}]}
        name = f"face {colour} in a light picture"
        yield Case("exposure", name, "can't see her face", inputs, expect=expect, facts=seen_there)
    yield Case("exposure", "the same, face not known", "can't see her face", [
        "-f", "lavfi", "-i", f"color=0x909090:s=640x360:r=25:d=3,{face.format('0x50352a')}", *_CODEC,
    ], expect="asked")  # fmt: skip
    two = (
        "[0:v]split[a][b];[a]trim=0:1.2,setpts=PTS-STARTPTS{}[c];[b]trim=0:1.2,setpts=PTS-STARTPTS[d];[c][d]concat=n=2"
    )
    for name, fault in (
        ("dark", ",eq=gamma=0.6"),
        ("warm", ",colortemperature=4800"),
        ("dark and green", ",eq=gamma=0.7,colorbalance=gm=0.08"),
    ):
        yield Case(
            "match",
            f"one shot {name}",
            "the shots don't match",
            ["-i", str(BIKES), "-filter_complex", two.format(fault), "-an", *_CODEC],
            [(0, 1.2), (1.2, 2.4)],
        )
    yield from sounds(folder)
    yield from structure()


def spoken(folder: Path, name: str, text: str) -> Path:
    place = folder / f"{name}.wav"
    subprocess.run(["espeak-ng", "-w", str(place), "-s", "150", text], check=True)
    return place


def sounds(folder: Path) -> Iterator[Case]:
    text = (
        "The river rises in the hills and runs to the sea. It has shaped this valley for a thousand "
        "years. Nobody who lives here would want to be without it."
    )
    speech = spoken(folder, "speech", text)
    music = folder / "music.wav"
    chord = "+".join(f"0.2*sin(2*PI*{f}*t)*(0.6+0.4*sin(2*PI*2*t))" for f in (220, 277, 330, 440))
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{chord}':s=48000:d=12", "-ac", "2", str(music))
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=10"]
    voice = [*picture, "-i", str(speech)]
    for gain in (0, -6, -12):
        mixed = [*voice, "-af", f"volume={gain}dB,apad", "-t", "9", *_CODEC, "-c:a", "pcm_s16le"]
        yield Case(
            "music", f"speech {gain} dB, music as loud", "music too loud", mixed, cue=music, facts={"edl.span": spans()}
        )
        yield Case(
            "speech",
            f"speech {gain} dB under music",
            "can't hear the voice",
            mixed,
            cue=music,
            facts={"edl.span": spans()},
        )
    quiet = [*voice, "-af", "apad", "-t", "9", *_CODEC, "-c:a", "pcm_s16le"]
    yield Case(
        "music",
        "music 30 LU below",
        "music too quiet",
        quiet,
        cue=music,
        facts={"edl.span": spans(), "cue": [{"gain_db": -32.0}]},
    )
    for gain in (-20, -12):
        yield Case(
            "loudness",
            f"all {gain} dB",
            "too quiet overall",
            [*voice, "-af", f"volume={gain}dB", "-t", "8", *_CODEC, "-c:a", "pcm_s16le"],
        )
    yield Case(
        "loudness",
        "limited at -6 LUFS",
        "too loud",
        [
            *voice,
            "-af",
            "acompressor=threshold=0.02:ratio=20:makeup=30,alimiter=limit=0.95",
            "-t",
            "8",
            *_CODEC,
            "-c:a",
            "pcm_s16le",
        ],
    )
    jump = "volume='if(lt(t,3),0.12,1)':eval=frame"
    yield Case(
        "evenness",
        "first part 18 dB softer",
        "the volume jumps",
        [*voice, "-af", jump, "-t", "8", *_CODEC, "-c:a", "pcm_s16le"],
        [(0, 3), (3, 8)],
    )
    for level in (0.02, 0.06):
        hum = "+".join(f"{level / n}*sin(2*PI*{50 * n}*t)" for n in (1, 2, 3))
        yield Case(
            "hum",
            f"50 Hz hum {level}",
            "there is a hum",
            [
                *voice,
                "-f",
                "lavfi",
                "-i",
                f"aevalsrc='{hum}':s=48000:d=10",
                "-filter_complex",
                "[1:a]aresample=48000,apad[s];[s][2:a]amix=normalize=0",
                "-t",
                "8",
                *_CODEC,
                "-c:a",
                "pcm_s16le",
            ],
        )
    for level in (0.01, 0.03):
        yield Case(
            "hum",
            f"hiss {level}",
            "background hiss",
            [
                *voice,
                "-f",
                "lavfi",
                "-i",
                f"anoisesrc=a={level}:r=48000:d=10:seed=3",
                "-filter_complex",
                "[1:a]aresample=48000,apad[s];[s][2:a]amix=normalize=0",
                "-t",
                "8",
                *_CODEC,
                "-c:a",
                "pcm_s16le",
            ],
        )
    sharp = spoken(folder, "sharp", "She sells sea shells. Six sisters sit and sip sassy sauces so slowly.")
    for lift in (14, 20):
        yield Case(
            "sibilance",
            f"5 to 9 kHz lifted {lift} dB",
            "the s sounds are too sharp",
            [
                *picture,
                "-i",
                str(sharp),
                "-af",
                f"aresample=48000,equalizer=f=7000:t=h:w=4000:g={lift},volume=-8dB",
                "-t",
                "5",
                *_CODEC,
                "-c:a",
                "pcm_s16le",
            ],
        )
    gapped = [
        *voice,
        "-af",
        "aresample=48000,aselect='not(between(t,2,2.05))',adelay=delays=0:all=1,volume='if(between(t,2.4,4.2)+between(t,5.5,7),0,1)':eval=frame",
        "-t",
        "8",
        *_CODEC,
        "-c:a",
        "pcm_s16le",
    ]
    yield Case("silence", "two gaps of 1.5 s and more", "cut the silences", gapped)


def spans() -> list[dict[str, Any]]:
    return [{"sort": "speech", "start_ms": 0, "end_ms": 8500}]


def structure() -> Iterator[Case]:
    film = ["-i", str(BIKES), "-an", *_CODEC]
    whole = [(0.0, 1.9), (3.0, 4.5), (4.5, 6.4), (6.5, 8.0), (8.1, 9.9)]
    short = [(0.2, 0.9), (3.2, 3.9), (4.8, 5.5), (6.8, 7.5), (8.4, 9.1)]
    for words, axis, ranges in (
        ("too slow", "pace", whole), ("feels rushed", "pace", short), ("too choppy", "shot_length", short),
        ("the shots are too long", "shot_length", whole), ("too long", "length", whole), ("too short", "length", short),
        ("in slow motion", "speed", whole), ("ends abruptly", "end", short), ("boring start", "start", whole),
        ("smoother transitions", "transitions", short), ("the jump cuts are ugly", "jump_cuts", [(0.0, 1.0), (1.4,
         2.0), (2.2, 2.9)]),
        ("you cut him off", "word_edges", short), ("cut on the beat", "beats", short),
    ):  # fmt: skip
        facts: dict[str, list[dict[str, Any]]] = {}
        cue = None
        if axis == "word_edges":
            facts["edl.span"] = [
                {"sort": "speech", "start_ms": 300, "end_ms": 1150},
                {"sort": "speech", "start_ms": 3400, "end_ms": 4300},
            ]
        if axis == "beats":
            facts["edl.rhythm"] = [
                {"start_ms": 0, "end_ms": 20000, "tempo_bpm": 100, "beats_ms": list(range(0, 20000, 600))}
            ]
            cue = BIKES
        yield Case(axis, f"bikes, {len(ranges)} cuts", words, film, ranges, cue=cue, facts=facts)
    yield Case(
        "transitions",
        "bikes, all dissolves",
        "transitions are cheesy",
        film,
        short,
        cut={"transition": {"sort": "dissolve", "frames": 6}},
    )
    yield Case(
        "blur",
        "sigma 12",
        "the background is too blurry",
        film,
        short,
        cut={"blur": {"sigma": 12.0, "subject": [0.3, 0.2, 0.4, 0.7]}},
    )
    yield Case("bars", "letterbox 2.39", "remove the black bars", film, short, cut={"effects": {"letterbox": 2.39}})
    yield Case(
        "framing", "enlarged twice", "it is too tight", film, short, cut={"framing": {"start": [0.25, 0.25, 0.5, 0.5]}}
    )
    yield Case(
        "bars",
        "bars of the source",
        "remove the black bars",
        ["-i", str(BUNNY), "-vf", "drawbox=h=90:c=black:t=fill,drawbox=y=630:h=90:c=black:t=fill", "-an", *_CODEC],
    )


def edit_of(case: Case, folder: Path, found: programs.Programs, number: int) -> Edit:
    place = folder / f"case_{number}.mkv"
    ffmpeg(*case.inputs, str(place))
    media = probe.examine(found, place, f"{number:064x}")
    fps = media.fps
    ranges = case.ranges
    source_shots = []
    if ranges is None or case.axis in {
        "pace",
        "shot_length",
        "length",
        "speed",
        "end",
        "start",
        "transitions",
        "beats",
        "jump_cuts",
        "word_edges",
    }:
        source_shots = list(shots.find(found, media, lambda _: None))
    total = media.declared_frames
    bounds = [
        (look.first, nxt.first if nxt else total)
        for look, nxt in zip(source_shots, [*source_shots[1:], None][: len(source_shots)], strict=True)
    ]
    frames = [(round(float(a * fps)), round(float(b * fps))) for a, b in ranges] if ranges else bounds or [(0, total)]
    source = {
        "kind": "edl.source",
        "id": f"src_{number}",
        "at": AT,
        "path": str(place),
        "sha256": f"{number:064x}",
        "frames": total,
        "fps": timecode.spell(fps),
        "width": media.width,
        "height": media.height,
    }
    known = {}
    for n, (look, (first, end)) in enumerate(zip(source_shots, bounds, strict=True)):
        known[f"shot_{n}"] = {
            "kind": "edl.shot",
            "id": f"shot_{n}",
            "at": AT,
            "source_id": source["id"],
            "position": n,
            "in_frame": first,
            "out_frame": end,
            "fps": source["fps"],
            **look.record(float(fps)),
            **case.facts.get("shot", [{}])[0],
        }
    cuts, start = [], 0
    for n, (first, end) in enumerate(frames):
        inside = next((s for s in known.values() if s["in_frame"] <= first < s["out_frame"]), None)
        cut = {
            "kind": "edl.cut",
            "id": f"cut_{n}",
            "at": AT,
            "plan_id": "plan_1",
            "position": n,
            "source_id": source["id"],
            "source": str(place),
            "in_frame": first,
            "out_frame": end,
            "fps": source["fps"],
            "speed": "1/1",
            "timeline_in_frame": start,
            "timeline_out_frame": start + end - first,
            **(case.cut if n or "transition" not in case.cut else {}),
        }
        cuts.append(cut | ({"shot_id": inside["id"]} if inside else {}))
        start += end - first
    plan = {
        "kind": "edl.plan",
        "id": "plan_1",
        "at": AT,
        "intent": "bench",
        "fps": source["fps"],
        "width": media.width,
        "height": media.height,
        "length_frames": start,
        "cut_count": len(cuts),
    }
    sources = {source["id"]: source}
    facts = {
        kind: [{**each, "source_id": "music" if kind == "edl.rhythm" else source["id"]} for each in values]
        for kind, values in case.facts.items()
        if kind not in {"cue", "shot"}
    }
    cues: tuple[dict[str, Any], ...] = ()
    if case.cue:
        sources["music"] = {"kind": "edl.source", "id": "music", "at": AT, "path": str(case.cue), "sha256": "0" * 64}
        more = case.facts.get("cue", [{}])[0]
        cues = (
            {
                "kind": "edl.cue",
                "id": "cue_1",
                "at": AT,
                "plan_id": "plan_1",
                "source_id": "music",
                "timeline_in_frame": 0,
                "timeline_out_frame": start,
                **more,
            },
        )
    return Edit(plan, tuple(cuts), (), cues, sources, known, facts)


# -- an independent look at what comes out ---------------------------------------------------------------------------


def rendered(found: programs.Programs, edit: Edit, cut: dict[str, Any], folder: Path) -> Any:
    """Pictures of a cut in full size through the .cube file of its look, as the render makes them: RGB, 0 to 1."""
    media = probe.examine(found, Path(cut["source"]), "0" * 64)
    options, filters = probe.pictures(media, cut["in_frame"], cut["out_frame"])
    filters += [
        ("select", {"expr": "not(mod(n,5))"}),
        ("scale", {"in_color_matrix": media.matrix}),
        ("format", {"pix_fmts": "gbrp"}),
    ]
    look = grade.of(cut)
    if not look.neutral:
        filters.append(("lut3d", {"file": str(grade.store(look, folder)), "interp": "tetrahedral"}))
    filters.append(("format", {"pix_fmts": "rgb24"}))
    node = programs.source(media.path, media.video_index, options, filters).output(
        "pipe:1", format="rawvideo", fps_mode="passthrough"
    )
    data = programs.run(programs.arguments(found, node), "bench")
    return numpy.frombuffer(data, numpy.uint8).reshape(-1, media.height, media.width, 3).astype(numpy.float32) / 255


def proved(found: programs.Programs, before: Edit, after: Edit, told: answering.Told, folder: Path) -> float | None:
    """The share of the way on whole pictures, for the axes of light and colour; None for others."""
    from roadmap_cli.edl.feedback import toning

    axis = toning.AXES.get(told.wish.axis)
    if axis is None or told.outcome != "changed" or any("lift" in cut for cut in after.cuts):
        return None
    shares = []
    for measured in told.measured:
        name = (measured.thing or {}).get("id")
        old, new = (next(cut for cut in each.cuts if cut["id"] == name) for each in (before, after))
        was, now = rendered(found, before, old, folder), rendered(found, after, new, folder)
        mask = toning._mask(before, old, was, "face" if told.wish.face else axis.pixels)
        if not mask.any():
            continue
        start, end = axis.measure(was, mask), axis.measure(now, mask)
        way = (measured.target or 0.0) - measured.before
        shares.append((end - start) / way if way else 1.0)
    return sum(shares) / len(shares) if shares else None


def broken(told: answering.Told) -> list[str]:
    found = []
    for measured in told.measured:
        limits = measured.limits
        if limits.get("new_clipped_ratio", 0) > 0.0101:
            found.append("clipping")
        if abs(limits.get("skin_hue_shift", 0)) > 12.1 and told.wish.axis not in {"skin", "temperature", "tint"}:
            found.append("skin hue")
        if told.wish.axis not in {"exposure", "drama"} and abs(limits.get("luma_shift", 0)) > 12.1:
            found.append("light")
    return list(dict.fromkeys(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axes", nargs="*")
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    found = programs.find(os.environ["PATH"])
    rows: dict[str, list[tuple[float, bool, bool]]] = defaultdict(list)
    _ = (heard, seen, fields, math, datetime, UTC, Callable)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, case in enumerate(cases(folder)):
            if given.axes and case.axis not in given.axes:
                continue
            edit = edit_of(case, folder, found, number)
            wished = wishes.read(case.words)
            made = answering.answer(case.words, wished, edit, Footage(found, edit.sources), {})
            told = made.told[0] if made.told else None
            if told is None or told.wish.axis != case.axis:
                print(f"{case.axis:12} {case.name:28} {case.words!r} was read as {[w.axis for w in wished]}")
                rows[case.axis].append((0.0, False, False))
                continue
            share = sum(m.moved for m in told.measured) / len(told.measured) if told.measured else 0.0
            real = proved(found, edit, made.edit, told, folder)
            fault = broken(told)
            right = told.outcome == case.expect and (
                told.outcome != "changed" or min(share, real if real is not None else share) >= 0.6
            )
            rows[case.axis].append((min(share, 1.0), right, not fault))
            shown = (
                f"{share:5.0%} {'' if real is None else f'rendered {real:4.0%}':14}"
                if told.outcome == "changed"
                else f"{told.outcome}: {told.reason}"
            )
            print(
                f"{case.axis:12} {case.name:28} {'ok ' if right else 'BAD'} {shown} "
                f"{told.what if told.outcome == 'changed' else ''} {' '.join(fault)}"[:220]
            )
            sys.stdout.flush()
            for each in folder.glob("case_*.mkv"):
                each.unlink()
    print("\naxis          cases  as expected  mean share of the way  no limit broken")
    for axis, each in sorted(rows.items()):
        print(
            f"{axis:12} {len(each):6} {sum(r for _, r, _ in each):12} {sum(s for s, _, _ in each) / len(each):22.0%} "
            f"{sum(c for _, _, c in each):16}"
        )
    everything = [row for each in rows.values() for row in each]
    print(
        f"{'all':12} {len(everything):6} {sum(r for _, r, _ in everything):12} "
        f"{sum(s for s, _, _ in everything) / max(1, len(everything)):22.0%} {sum(c for _, _, c in everything):16}"
    )
    count = max(1, len(everything))
    for name, right in (
        ("as_expected", sum(r for _, r, _ in everything)),
        ("within_limits", sum(c for _, _, c in everything)),
    ):
        print(json.dumps({"kind": "bench.figure", "name": f"edl_corrections.{name}", "value": round(right / count, 4),
                          "unit": "ratio", "count": count}))  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
