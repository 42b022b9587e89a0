"""Films whose cuts are known: hard cuts, dissolves, fades, wipes, flashes, fast pans; some turned, some of varying rate.

usage: tools/make_cut_corpus.py FOLDER [--films N] [--from SEED]

Shots are pieces of examples/*.mp4 and of ffmpeg's test sources, cropped, mirrored and graded by the seed, and joined
here picture by picture, so that the truth is exact. Even seeds are the half on which thresholds are chosen: they see the
left part of each picture; odd seeds are the half for reports and see the right part (fast pans see both). Beside each film N.mp4 (or .mkv)
lies N.json: boundaries in seconds of presentation time ("at_s" is when the first picture of the new shot is shown; a
gradual one goes from "from_s", the first mixed picture, to "to_s", the first that is wholly new), and flashes.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT, FPS = 320, 180, 25
Pictures = Any
#: Ranges of the example clips that hold no cut, found by looking at every frame.
REAL = {"bikes": [(0, 30), (30, 76), (76, 137), (137, 187), (187, 242)], "bigbuckbunny": [(0, 132)]}
MADE = (
    "testsrc2=s=640x360:r=25,hue=h={a}",
    "mandelbrot=s=640x360:r=25:start_scale={b},hue=h={a}",
    "gradients=s=640x360:r=25:seed={n}:speed=0.02:n=4",
    "cellauto=s=640x360:r=25:seed={n}:rule=110:scroll=0,hue=h={a}",
    "smptehdbars=s=640x360:r=25,hue=h={a}",
    "life=s=160x90:r=25:seed={n}:mold=10:life_color=#{c}:death_color=#203040:mold_color=#404010,scale=640:360",
)


def decoded(*source: str, frames: int) -> Pictures:
    """Pictures [n, 360, 640, 3] of an ffmpeg input."""
    command = ["ffmpeg", "-v", "error", "-nostdin", *source, "-frames:v", str(frames), "-vf",
               "scale=640:360:force_original_aspect_ratio=increase,crop=640:360", "-pix_fmt", "rgb24",
               "-f", "rawvideo", "-"]  # fmt: skip
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return numpy.frombuffer(data, numpy.uint8).reshape(-1, 360, 640, 3)


class Maker:
    """Makes one film by its seed."""

    def __init__(self, seed: int, real: dict[str, Pictures]) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.real = real
        self.last = ""

    def shot(self, frames: int) -> Pictures:
        """A piece unlike the one before it: [frames, HEIGHT, WIDTH, 3] float32."""
        draw = self.random
        while True:
            kind = draw.choice(["bikes"] * 5 + ["bigbuckbunny"] * 2 + ["made"] * 3 + ["pan"] * 2)
            if kind == "made":
                number = draw.randrange(len(MADE))
                name = f"made{number}"
            elif kind in {"bikes", "pan"}:
                number = draw.randrange(len(REAL["bikes"]))
                name = f"bikes{number}"
            else:
                number, name = 0, kind
            if name != self.last:
                break
        self.last = name
        if kind == "made":
            text = MADE[number].format(
                a=draw.randrange(360),
                b=draw.uniform(1, 3),
                n=draw.randrange(1 << 20),
                c=f"{draw.randrange(1 << 24):06x}",
            )
            whole = decoded("-f", "lavfi", "-i", text, frames=frames)
        else:
            first, end = REAL["bikes" if kind == "pan" else kind][number]
            whole = self.real["bikes" if kind == "pan" else kind][first:end]
            at = draw.randrange(max(1, len(whole) - frames))
            order = list(range(at, len(whole)))
            order = (order + order[-2:0:-1]) * (1 + frames // max(1, 2 * len(order) - 2))
            whole = whole[order[:frames]]
        return self.graded(self.panned(whole) if kind == "pan" else self.cropped(whole))

    def cropped(self, whole: Pictures) -> Pictures:
        left = self.random.randrange(0, 120) + (0 if self.seed % 2 == 0 else 200)
        top = self.random.randrange(0, 180)
        return whole[:, top : top + HEIGHT, left : left + WIDTH]

    def panned(self, whole: Pictures) -> Pictures:
        """One picture, swept over at up to 60 pixels a frame: it starts, goes fast, and stops."""
        still = numpy.concatenate([whole[0], whole[0][:, ::-1]], axis=1)
        speed = self.random.uniform(10, 60)
        frames = len(whole)
        ramp = numpy.clip(numpy.minimum(numpy.arange(frames) / 6, (frames - numpy.arange(frames)) / 6), 0, 1)
        place = numpy.cumsum(ramp * speed)
        span = still.shape[1] - WIDTH
        place = span - numpy.abs(place % (2 * span) - span)
        return numpy.stack([still[90 : 90 + HEIGHT, int(x) : int(x) + WIDTH] for x in place])

    def graded(self, pictures: Pictures) -> Pictures:
        draw = self.random
        if draw.random() < 0.5:
            pictures = pictures[:, :, ::-1]
        gain = numpy.array([draw.uniform(0.75, 1.15) for _ in range(3)], numpy.float32)
        noise = numpy.random.default_rng(draw.randrange(1 << 30)).normal(0, draw.uniform(0, 5), (HEIGHT, WIDTH, 3))
        drift = numpy.stack([numpy.roll(noise, 7 * n, axis=1) for n in range(8)])
        return numpy.clip(pictures * gain + drift[numpy.arange(len(pictures)) % 8], 0, 255).astype(numpy.float32)

    def flash(self, pictures: Pictures, start: int) -> list[dict[str, Any]]:
        """One to three photographic flashes in what stands alone of a shot: sudden, fading over one to five frames."""
        told = []
        for _ in range(self.random.randint(1, 3)):
            if len(pictures) < 30:
                break
            at = self.random.randrange(8, len(pictures) - 12)
            length, power = self.random.randint(1, 5), self.random.uniform(80, 255)
            for n in range(length):
                pictures[at + n] = numpy.clip(pictures[at + n] + power * (1 - n / length), 0, 255)
            told.append({"kind": "flash", "frame": start + at, "frames": length})
        return told


def mixed(kind: str, before: Pictures, after: Pictures, draw: random.Random) -> Pictures:
    """The pictures of a transition; before and after have its length."""
    n = len(before)
    share = ((numpy.arange(n) + 1) / (n + 1)).astype(numpy.float32)
    if kind == "dissolve":
        return before + (after - before) * share[:, None, None, None]
    if kind == "fade":
        half = n // 2
        down = numpy.clip(1 - (numpy.arange(n) + 1) / half, 0, 1)[:, None, None, None]
        up = numpy.clip((numpy.arange(n) + 1 - half) / (n - half), 0, 1)[:, None, None, None]
        return (before * down + after * up).astype(numpy.float32)
    across, down = numpy.meshgrid(numpy.arange(WIDTH) / WIDTH, numpy.arange(HEIGHT) / HEIGHT)
    shape = draw.choice([across, 1 - across, down, 1 - down, (across + down) / 2])
    return numpy.where((shape[None] < share[:, None, None])[..., None], after, before)


def film(seed: int, folder: Path, real: dict[str, Pictures]) -> None:
    """Make one film and its truth."""
    maker = Maker(seed, real)
    draw = maker.random
    parts: list[Pictures] = []
    truth: list[dict[str, Any]] = []
    total = 0
    now = maker.shot(draw.randint(15, 60))
    for _ in range(draw.randint(11, 15)):
        kind = draw.choice(["cut"] * 5 + ["dissolve"] * 2 + ["fade", "wipe"])
        length = 0 if kind == "cut" else draw.choice([8, 12, 16, 25, 40])
        brief = kind == "cut" and draw.random() < 0.15
        after = maker.shot(length + (draw.randint(4, 9) if brief else draw.randint(15, 60)))
        length = min(length, len(now) - 4) if length else 0
        if draw.random() < 0.25:
            truth += maker.flash(now[: len(now) - max(0, length)], total)
        if length >= 6:
            parts.append(now[: len(now) - length])
            total += len(parts[-1])
            truth.append({"kind": kind, "frame": total, "end": total + length})
            parts.append(mixed(kind, now[len(now) - length :], after[:length], draw))
            total += length
            now = after[length:]
        else:
            parts.append(now)
            total += len(now)
            truth.append({"kind": "cut", "frame": total})
            now = after
    parts.append(now)
    pictures = numpy.concatenate(parts).astype(numpy.uint8)
    stamps = list(range(len(pictures)))
    varying, turned = seed % 6 in {2, 3}, seed % 6 in {4, 5}
    if varying:
        key = {t["frame"] for t in truth} | {t.get("end", t["frame"]) for t in truth}
        stamps = [n for n in stamps if n in key or n < len(pictures) // 2 or draw.random() > 0.35]
    name = folder / f"{seed}.{'mkv' if varying else 'mp4'}"
    write(name, pictures[stamps], stamps if varying else None, turned)
    for entry in truth:
        entry["at_s" if "end" not in entry else "from_s"] = str(Fraction(entry.pop("frame"), FPS))
        if "end" in entry:
            entry["to_s"] = str(Fraction(entry.pop("end"), FPS))
    told = {"seed": seed, "half": "choose" if seed % 2 == 0 else "report", "varying": varying, "turned": turned,
            "frames": len(pictures), "fps": f"{FPS}/1", "boundaries": truth}  # fmt: skip
    (folder / f"{seed}.json").write_text(json.dumps(told, indent=1))


def write(name: Path, pictures: Pictures, stamps: list[int] | None, turned: bool) -> None:
    """Encode pictures; with stamps each is shown at its own time; turned ones lie on their side with a tag."""
    if turned:
        pictures = numpy.rot90(pictures, 1, axes=(1, 2))
    height, width = pictures.shape[1:3]
    base = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FPS)]
    filters = "null"
    if stamps is not None:
        # Runs of evenly shown pictures, as one expression of N: nested so that its depth is logarithmic.
        filters = f"setpts='({_lookup(stamps, 0, len(stamps))})/{FPS}/TB'"
    script = name.with_suffix(".filter")
    script.write_text(filters)
    plain = name.with_suffix(".plain.mp4") if turned else name
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *base, "-i", "-", "-filter_script:v", str(script),
               "-fps_mode", "passthrough" if stamps is not None else "cfr", "-c:v", "libx264", "-preset", "veryfast",
               "-crf", "22", "-pix_fmt", "yuv420p", "-threads", "1", str(plain)]  # fmt: skip
    subprocess.run(command, input=numpy.ascontiguousarray(pictures).tobytes(), check=True)
    script.unlink()
    if turned:
        copy = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(plain), "-c", "copy"]
        subprocess.run([*copy, "-metadata:s:v:0", "rotate=270", str(name)], check=True)
        plain.unlink()


def _lookup(stamps: list[int], first: int, end: int) -> str:
    """stamps[N] for first <= N < end as an ffmpeg expression."""
    if stamps[end - 1] - stamps[first] == end - 1 - first:
        return f"N+{stamps[first] - first}"
    middle = (first + end) // 2
    return f"if(lt(N,{middle}),{_lookup(stamps, first, middle)},{_lookup(stamps, middle, end)})"


def make(folder: Path, films: int = 24, start: int = 0) -> list[Path]:
    """Make what is missing of the corpus; returns the truth files."""
    folder.mkdir(parents=True, exist_ok=True)
    real: dict[str, Pictures] = {}
    for seed in range(start, start + films):
        if not (folder / f"{seed}.json").exists():
            real = real or {n: decoded("-i", str(ROOT / f"examples/{n}.mp4"), frames=250) for n in REAL}
            film(seed, folder, real)
    return [folder / f"{seed}.json" for seed in range(start, start + films)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--from", dest="start", type=int, default=0)
    given = parser.parse_args()
    for path in make(given.folder, given.films, given.start):
        print(path)


if __name__ == "__main__":
    main()
