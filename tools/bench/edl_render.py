"""edl-render against one hand-written ffmpeg graph with the same filters and the same encoder, on a 60-cut edit.

usage: tools/bench/edl_render.py [--cuts 60] [--height 360] [--runs 5] [--quality 18] [--keep FOLDER]

The source is examples/bigbuckbunny.mp4 played over and over (copied, with its sound). Cuts differ in length, speed,
grade, blur, grain, vignette and framing; every sixth joint is a dissolve or a wipe, some are fades through black. Both
sides render it from nothing in turn; figures are medians, CPU is user and system time of all processes. Then both
render it without loss: the pictures must be the same, and what each side's encoder loses is told against the graph's
lossless pictures. Then one cut's grade is changed, nothing is changed, and the change is taken back. Last come changes
of what is heard: a cut louder, the last one trimmed, music that steps back otherwise; they are allowed 1.2 times the
share their frames have in a full render, and 0.3 s. One trimmed in the middle moves all sound after it against the
frames of AAC, and is told beside.
Prints bench.figure records. Wall time means nothing on a busy machine: compare CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src")]

from roadmap_cli.edl import grade, probe, timecode  # noqa: E402
from roadmap_cli.edl.checking import checks  # noqa: E402

FPS = Fraction(25)
AT = "2026-11-23T09:00:00.000Z"


def timed(command: list[str], data: bytes = b"", **more: Any) -> tuple[float, float, bytes]:
    """Wall seconds, CPU seconds of the process and its children, and what it wrote."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, input=data, capture_output=True, check=False, **more)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr.decode()[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def footage(folder: Path, height: int) -> Path:
    """A few minutes of real pictures with sound."""
    path = folder / "footage.mp4"
    if not path.exists():
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-stream_loop", "40", "-i", ROOT / "examples/bigbuckbunny.mp4",
             "-vf", f"fps=25,scale=-2:{height}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "50",
             "-c:a", "aac", "-b:a", "160k", path], check=True,
        )  # fmt: skip
    return path


def edit_of(source: dict[str, Any], count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The edit: `count` cuts of 1.6 to 3.4 seconds in mixed styles."""
    draw = random.Random(60)
    looks = [
        {}, {"grade": {"saturation": 0.8, "contrast": 1.12, "split_tone": 0.05}}, {"grade": {"saturation": 0.0}},
        {"grade": {"warmth_k": 250.0}, "effects": {"vignette": 0.4}},
        {"blur": {"sigma": 12.0, "subject": [0.3, 0.15, 0.4, 0.7]}}, {"effects": {"grain": 8.0, "letterbox": 2.39}},
        {"effects": {"sharpen": 0.4}}, {"framing": {"start": [0.1, 0.1, 0.75, 0.75]}},
    ]  # fmt: skip
    cuts, at = [], 0
    for n in range(count):
        frames = draw.randrange(40, 86)
        speed = "4/5" if n % 5 == 3 else "1/1"
        first = draw.randrange(0, source["frames"] - 140)
        if speed != "1/1":
            frames = frames // 4 * 4
        shown = timecode.frames_shown(frames, FPS, timecode.rational(speed), FPS)
        cut: dict[str, Any] = {
            "kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "position": n, "source_id": source["id"],
            "in_frame": first, "out_frame": first + frames, "fps": "25/1", "speed": speed,
            "timeline_in_frame": at, "timeline_out_frame": at + shown, **looks[n % len(looks)],
        }  # fmt: skip
        if n and n % 6 == 0:
            cut["transition"] = {"sort": "wipe_left" if n % 18 == 0 else "dissolve", "frames": 12}
        elif n and n % 13 == 0:
            cut["transition"] = {"sort": "fade_black", "frames": 12}
        cuts.append(cut)
        at += shown
    plan = {
        "kind": "edl.plan", "id": "plan", "at": AT, "intent": "bench", "fps": "25/1", "width": source["width"],
        "height": source["height"], "length_frames": at, "cut_count": count,
    }  # fmt: skip
    return plan, cuts


def stream(plan: dict[str, Any], cuts: list[dict[str, Any]], source: dict[str, Any], *more: dict[str, Any]) -> bytes:
    """The checked edit as edl-render reads it; `more` are cues and spans."""
    sources = {source["id"]: source}
    cues = [record for record in more if record["kind"] == "edl.cue"]
    marked = checks.marked(plan, cuts, sources, [], [], cues)
    return "".join(json.dumps(record) + "\n" for record in [source, marked, *cuts, *more]).encode()


def by_hand(
    plan: dict[str, Any],
    cuts: list[dict[str, Any]],
    source: dict[str, Any],
    folder: Path,
    output: Path,
    quality: int,
    preset: str = "veryfast",
) -> list[str]:
    """One ffmpeg command for the whole edit, as somebody who knows ffmpeg would write it."""
    width, height = plan["width"], plan["height"]
    plates = {path.name: path for path in (folder / "cache/plates").glob("*.yuv")}
    inputs: list[str] = []
    chains: list[str] = []
    count = 0

    def opened(*options: str) -> int:
        nonlocal count
        inputs.extend(options)
        count += 1
        return count - 1

    def plate(number_of_bytes: int, w: int, h: int, which: int) -> str:
        found = sorted(p for p in plates.values() if p.stat().st_size == number_of_bytes)[which]
        n = opened("-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{w}x{h}", "-framerate", "25",
                   "-i", str(found))  # fmt: skip
        chains.append(f"[{n}:v]loop=loop=-1:size=1,setpts=N[p{n}]")
        return f"[p{n}]"

    sharp_plates = [p for p in sorted(plates.values()) if p.stat().st_size == width * height * 3 // 2]

    def picture(cut: dict[str, Any], start: int, frames: int) -> str:
        """Programme frames `start` on of a cut, `frames` of them."""
        speed = Fraction(cut["speed"])
        exact = cut["in_frame"] + start * speed
        first = int(exact)
        n = opened(
            "-ss", f"{first / 25:.6f}", "-t", f"{float((frames + 2) * speed / 25 + 1):.6f}", "-i", source["path"]
        )
        slower = f"trim=end_frame={int(exact + (frames - Fraction(1, 2)) * speed) + 1 - first},settb=1/500," + (
            f"setpts=(PTS-STARTPTS-{(exact - first) * 20})*{speed.denominator}/{speed.numerator},fps=25:start_time=0"
        )
        chain = [slower if speed != 1 else "setpts=PTS-STARTPTS"]
        chain.append("tpad=stop=-1:stop_mode=clone")
        flags = "flags=bicubic+accurate_rnd+full_chroma_int"
        matrix = "bt709" if height >= 720 else "bt601"
        if framing := cut.get("framing"):
            x, y, w, h = framing["start"]
            chain.append(f"crop=iw*{w}:ih*{h}:iw*{x}:ih*{y}")
        if "grade" in cut:
            table = folder / f"{cut['id']}.cube"
            table.write_bytes(grade.cube(grade.Grade.read(cut["grade"])))
            chain += [f"scale={width}:{height}:{flags}:in_color_matrix={matrix}", "format=gbrp",
                      f"lut3d=file={table}:interp=tetrahedral", f"scale={flags}:out_color_matrix=bt709:out_range=tv",
                      "format=yuv420p"]  # fmt: skip
        else:
            chain.append(
                f"scale={width}:{height}:{flags}:in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv,"
                "format=yuv420p"
            )
        label = f"[c{n}]"
        chains.append(f"[{n}:v]{','.join(chain)}{label}")
        effects = cut.get("effects", {})
        if background := cut.get("blur"):
            sigma = background["sigma"] * height / 1080
            small = 4 if sigma >= 8 else 2 if sigma >= 3 else 1
            mask = plate(width * height * 3 // 2, width, height, _which(sharp_plates, "mask"))
            chains.append(f"{label}split[a{n}][b{n}]")
            chains.append(f"[b{n}]scale=iw/{small}:ih/{small}:flags=bilinear,gblur=sigma={sigma / small:.3f}:steps=2,"
                          f"scale={width}:{height}:flags=bilinear[d{n}]" if small > 1 else
                          f"[b{n}]gblur=sigma={sigma:.3f}:steps=2[d{n}]")  # fmt: skip
            chains.append(f"[a{n}][d{n}]{mask}maskedmerge[e{n}]")
            label = f"[e{n}]"
        if "vignette" in effects:
            mask = plate(width * height * 3 // 2, width, height, _which(sharp_plates, "vignette"))
            chains.append(f"color=c=black:s={width}x{height}:r=25,format=yuv420p,setpts=N[k{n}]")
            chains.append(f"{label}setsar=1[l{n}];[l{n}][k{n}]{mask}maskedmerge[v{n}]")
            label = f"[v{n}]"
        if "sharpen" in effects:
            chains.append(f"{label}unsharp=5:5:{effects['sharpen'] * 1.5:.3f}:5:5:0[u{n}]")
            label = f"[u{n}]"
        if "grain" in effects:
            w, h = width + 256, height + 256
            noise = plate(w * h * 3 // 2, w, h, 0)
            base = timecode.round_half_up(cut["in_frame"] / speed) + start
            chains.append(f"{noise}crop={width}:{height}:'2*mod((n+{base})*53,127)':'2*mod((n+{base})*37,123)'[g{n}]")
            chains.append(f"{label}[g{n}]blend=all_mode=grainmerge[h{n}]")
            label = f"[h{n}]"
        if "letterbox" in effects:
            bar = max(0, int((height - width / effects["letterbox"]) / 4) * 2)
            chains.append(f"{label}drawbox=0:0:iw:{bar}:black:fill,drawbox=0:ih-{bar}:iw:{bar}:black:fill[x{n}]")
            label = f"[x{n}]"
        chains.append(f"{label}setsar=1,trim=end_frame={frames},settb=1/25,setpts=N[y{n}]")
        return f"[y{n}]"

    order: list[str] = []
    for n, cut in enumerate(cuts):
        total = cut["timeline_out_frame"] - cut["timeline_in_frame"]
        change, following = cut.get("transition"), cuts[n + 1].get("transition") if n + 1 < len(cuts) else None
        head = tail = 0
        if change and change["sort"] != "fade_black":
            before = cuts[n - 1]
            head = change["frames"]
            # One picture more than is shown: xfade stops mixing when a side ends.
            left = picture(before, before["timeline_out_frame"] - before["timeline_in_frame"], head + 1)
            right = picture(cut, 0, head + 1)
            sort = {"dissolve": "fade", "wipe_left": "wipeleft"}[change["sort"]]
            chains.append(f"{left}{right}xfade=transition={sort}:duration={(head + 1) / 25}:offset=-0.04,"
                          f"trim=end_frame={head}[t{n}]")  # fmt: skip
            order.append(f"[t{n}]")
        body = picture(cut, head, total - head - tail)
        if change and change["sort"] == "fade_black":
            half = change["frames"] - change["frames"] // 2
            chains.append(f"{body}fade=type=in:start_frame=0:nb_frames={half}[f{n}]")
            body = f"[f{n}]"
        if following and following["sort"] == "fade_black":
            half = following["frames"] // 2
            chains.append(f"{body}fade=type=out:start_frame={total - head - half}:nb_frames={half}[o{n}]")
            body = f"[o{n}]"
        order.append(body)
    chains.append(f"{''.join(order)}concat=n={len(order)}:v=1:a=0[video]")
    sounds = []
    for n, cut in enumerate(cuts):
        speed = Fraction(cut["speed"])
        frames = cut["timeline_out_frame"] - cut["timeline_in_frame"]
        k = opened(
            "-vn", "-ss", f"{cut['in_frame'] / 25:.6f}", "-t", f"{float(frames * speed / 25):.6f}", "-i", source["path"]
        )
        slower = f"rubberband=tempo={float(speed)}," if speed != 1 else ""
        seconds = frames / 25
        chains.append(
            f"[{k}:a]aresample=48000,{slower}apad,atrim=end_sample={frames * 1920},afade=d=0.01,"
            f"afade=t=out:st={seconds - 0.01:.3f}:d=0.01[w{n}]"
        )
        sounds.append(f"[w{n}]")
    chains.append(f"{''.join(sounds)}concat=n={len(sounds)}:v=0:a=1[sound]")
    return [
        "ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", ";".join(chains), "-map", "[video]", "-map", "[sound]",
        "-c:v", "libx264", "-preset", preset, "-crf", str(quality), "-g", "50", "-bf", "2",
        "-x264-params", "open-gop=0:repeat-headers=1", "-fps_mode", "passthrough", "-colorspace", "bt709",
        "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-c:a", "aac", "-b:a", "192k",
        "-movflags", "+faststart", str(output),
    ]  # fmt: skip


def _which(paths: list[Path], what: str) -> int:
    """Tell the blur's mask from the vignette's: the middle of a picture is sharp in one and only half dark in neither."""
    for n, path in enumerate(paths):
        highest = max(path.read_bytes())
        if (highest > 200) == (what == "mask"):
            return n
    sys.exit(f"no plate for {what}")


def similarity(one: Path, two: Path, pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """SSIM (ffmpeg's ssim, all planes) of two films: mean of the frames, least of the pieces, and frames not equal."""
    command = ["ffmpeg", "-v", "error", "-i", str(one), "-i", str(two), "-lavfi", "[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]ssim=stats_file=-", "-f", "null", "-"]  # fmt: skip
    told = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    frames = [float(value) for value in re.findall(r"All:([0-9.]+)", told)]
    if len(frames) != pieces[-1]["timeline_out_frame"]:
        sys.exit(f"{one} and {two} have {len(frames)} frames in common")
    each = [statistics.fmean(frames[piece["timeline_in_frame"] : piece["timeline_out_frame"]]) for piece in pieces]
    worst = min(range(len(each)), key=each.__getitem__)
    return {
        "mean": round(statistics.fmean(frames), 5), "least_piece": round(each[worst], 5),
        "least_part": pieces[worst]["part"], "least_cut": pieces[worst]["cut_id"],
        "frames_unequal": sum(score < 1 for score in frames),
    }  # fmt: skip


def figure(name: str, **values: Any) -> None:
    print(json.dumps({"kind": "bench.figure", "name": name, **values}), flush=True)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--cuts", type=int, default=60)
    ask.add_argument("--height", type=int, default=360)
    ask.add_argument("--runs", type=int, default=5)
    ask.add_argument("--quality", type=int, default=18)
    ask.add_argument("--keep", type=Path)
    chosen = ask.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="edl-render-"))
    folder.mkdir(parents=True, exist_ok=True)
    clip = footage(folder, chosen.height)
    world = {**os.environ, "HOME": str(folder), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    told = json.loads(subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_streams", clip], capture_output=True, check=True).stdout)  # fmt: skip
    video = next(s for s in told["streams"] if s["codec_type"] == "video")
    source = {
        "kind": "edl.source", "id": "source", "at": AT, "path": str(clip), "sha256": probe.content_hash(clip),
        "frames": int(video["nb_frames"]), "fps": "25/1", "width": video["width"], "height": video["height"],
        "has_sound": True,
    }  # fmt: skip
    plan, cuts = edit_of(source, chosen.cuts)
    data = stream(plan, cuts, source)
    cache, ours, theirs = folder / "cache", folder / "ours.mp4", folder / "theirs.mp4"
    command = [str(ROOT / "bin/edl-render"), "--quality", str(chosen.quality), "--cache", str(cache), "-o", str(ours)]

    mine: list[tuple[float, float]] = []
    hand: list[tuple[float, float]] = []
    pieces: list[dict[str, Any]] = []
    for _ in range(chosen.runs):
        shutil.rmtree(cache, ignore_errors=True)
        ours.unlink(missing_ok=True)
        wall, cpu, output = timed(command, data, env=world)
        mine.append((wall, cpu))
        pieces = [record for record in map(json.loads, output.splitlines()) if record["kind"] == "edl.segment"]
        wall, cpu, _ = timed(by_hand(plan, cuts, source, folder, theirs, chosen.quality))
        hand.append((wall, cpu))
    walls, cpus = ([statistics.median(run[side] for run in runs) for runs in (mine, hand)] for side in (0, 1))
    figure("full render", frames=plan["length_frames"], pieces=len(pieces), ours_cpu_s=round(cpus[0], 2),
           hand_cpu_s=round(cpus[1], 2), cpu_ratio=round(cpus[0] / cpus[1], 3), ours_wall_s=round(walls[0], 2),
           hand_wall_s=round(walls[1], 2), wall_ratio=round(walls[0] / walls[1], 3))  # fmt: skip
    exact, truth = folder / "ours-lossless.mp4", folder / "truth.mp4"
    lossless = ["--quality", "0", "--preset", "ultrafast", "--cache", str(folder / "lossless"), "-o", str(exact)]
    timed([command[0], *lossless], data, env=world)
    timed(by_hand(plan, cuts, source, folder, truth, 0, "ultrafast"))
    figure("without loss: ours and the graph's", **similarity(exact, truth, pieces))
    figure("ours and the graph's lossless", bytes=ours.stat().st_size, **similarity(ours, truth, pieces))
    figure("the graph's and its own lossless", bytes=theirs.stat().st_size, **similarity(theirs, truth, pieces))
    figure("ours and the graph's", **similarity(ours, theirs, pieces))
    for path in (exact, truth):
        path.unlink()
    shutil.rmtree(folder / "lossless")

    def again(
        name: str, records: list[dict[str, Any]], header: dict[str, Any], changed: int, *more: dict[str, Any]
    ) -> None:
        wall, cpu, output = timed(command, stream(header, records, source, *more), env=world)
        last = json.loads(output.splitlines()[-1])
        share = changed / header["length_frames"]
        allowed = 1.2 * walls[0] * share + 0.3
        figure(name, frames_changed=changed, frames_encoded=last["frames_encoded"],
               frames_beyond=last["frames_encoded"] - changed, wall_s=round(wall, 3),
               cpu_s=round(cpu, 3), share_wall_s=round(walls[0] * share, 3), share_cpu_s=round(cpus[0] * share, 3),
               allowed_wall_s=round(allowed, 3), of_allowed=round(wall / allowed, 3),
               sound_encoded_s=round(last.get("sound_samples_encoded", 0) / 48_000, 1))  # fmt: skip

    number = len(cuts) // 2 + 2
    shown = cuts[number]["timeline_out_frame"] - cuts[number]["timeline_in_frame"]
    graded = [{**cut, "grade": {"saturation": 0.6}} if n == number else cut for n, cut in enumerate(cuts)]
    handles = sum(
        cuts[n]["transition"]["frames"]
        for n in (number + 1,)
        if n < len(cuts) and cuts[n].get("transition", {}).get("sort", "fade_black") != "fade_black"
    )  # fmt: skip
    for _ in range(3):
        again("no change", cuts, plan, 0)
    again("one cut's grade changed", graded, plan, shown + handles)
    again("the change taken back", cuts, plan, 0)
    last = len(cuts) - 1
    end = cuts[last]["timeline_out_frame"] - 10
    trimmed = [*cuts[:last], {**cuts[last], "out_frame": cuts[last]["out_frame"] - 10, "timeline_out_frame": end}]
    if cuts[last]["speed"] == "1/1":
        again(
            "heard: the last cut trimmed",
            trimmed,
            {**plan, "length_frames": end},
            end - cuts[last]["timeline_in_frame"],
        )
    louder = [{**cut, "sound": {"gain_db": 3.0}} if n == number else cut for n, cut in enumerate(cuts)]
    again("heard: one cut louder", louder, plan, shown)
    span = {"kind": "edl.span", "id": "span", "at": AT, "source_id": source["id"], "sort": "speech", "start_ms": 0,
            "end_ms": source["frames"] * 40}  # fmt: skip
    first = plan["length_frames"] // 2
    music = {"kind": "edl.cue", "id": "cue", "at": AT, "plan_id": "plan", "sound": "drone", "seed": 3, "duck_db": 6.0,
             "gain_db": -12.0, "timeline_in_frame": first, "timeline_out_frame": first + 250}  # fmt: skip
    again("one with music", cuts, plan, 250, span, music)
    again("heard: music steps back otherwise", cuts, plan, 250, span, {**music, "duck_db": 12.0})
    middle = next(n for n in range(number, last) if cuts[n]["speed"] == "1/1")
    sooner = [
        {**cut, "timeline_out_frame": cut["timeline_out_frame"] - 10 * (n >= middle),
         "timeline_in_frame": cut["timeline_in_frame"] - 10 * (n > middle), "out_frame": cut["out_frame"] - 10 * (n == middle)}
        for n, cut in enumerate(cuts)
    ]  # fmt: skip
    again("a cut in the middle trimmed", sooner, {**plan, "length_frames": plan["length_frames"] - 10}, shown)
    if not chosen.keep:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
