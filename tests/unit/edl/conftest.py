"""Small synthetic clips with known cuts, colours, frame numbers and tones, made once by ffmpeg; and the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # corrected

pytest.importorskip("ffmpeg")
pytest.importorskip("scenedetect")
if not shutil.which("ffmpeg"):
    pytest.skip("ffmpeg is not installed: apt-get install ffmpeg", allow_module_level=True)

from roadmap_cli.core import clock
from roadmap_cli.edl import gathering, probe, programs, scanning
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.planning import intent, planner
from roadmap_cli.edl.rendering import able, edits, render

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT = clock.stamp(NOW)
RATE = 48_000


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


class Bar:
    def advance(self, amount: float = 1, /) -> None:
        return None


@contextmanager
def show(what: str, total: float | None = None, /) -> Iterator[Bar]:
    yield Bar()


@pytest.fixture(scope="session")
def found() -> programs.Programs:
    return programs.find(os.environ["PATH"])


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips; each is named after what it is for."""
    folder = tmp_path_factory.mktemp("clips")
    small = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p"]
    # Three shots of 40, 25 and 35 frames; a tone in the second one only.
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1.6", "-f", "lavfi", "-i", "mandelbrot=s=320x180:r=25",
        "-f", "lavfi", "-i", "smptehdbars=s=320x180:r=25:d=1.4",
        "-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*440*t)*between(t,1.6,2.6)':s=48000:d=4",
        "-filter_complex", "[1:v]trim=end_frame=25,hue=s=2[b];[0:v][b][2:v]concat=n=3",
        "-c:a", "aac", *small, str(folder / "three.mp4"),
    )  # fmt: skip
    # Every picture tells its number: grey 16 + 3 (n mod 72). Key frames two seconds apart, 30000/1001 a second.
    ffmpeg(
        "-f", "lavfi", "-i", "nullsrc=s=64x64:r=30000/1001:d=14,geq=lum='16+3*mod(N,72)':cb=128:cr=128",
        "-g", "60", "-bf", "2", "-t", "13.5", *small, str(folder / "numbers.mp4"),
    )  # fmt: skip
    # The same with a click at each whole second.
    ffmpeg(
        "-i", str(folder / "numbers.mp4"), "-f", "lavfi",
        "-i", "aevalsrc='0.9*sin(2*PI*3000*t)*lt(mod(t,1),0.004)*gt(t,0.5)':s=48000:d=13.5",
        "-c:v", "copy", "-c:a", "aac", "-b:a", "256k", str(folder / "clicks.mp4"),
    )  # fmt: skip
    # A telephone: 30 pictures a second, then 15.
    ffmpeg(
        "-f", "lavfi", "-i", "nullsrc=s=64x64:r=30:d=4,geq=lum='16+3*mod(N,72)':cb=128:cr=128",
        "-vf", "setpts='if(lt(N,60),N,60+(N-60)*2)/30/TB'", "-fps_mode", "vfr", "-frames:v", "90", "-g", "12",
        *small, str(folder / "varying.mp4"),
    )  # fmt: skip
    ffmpeg("-i", str(folder / "three.mp4"), "-c", "copy", "-f", "matroska", str(folder / "whole.mkv"))
    whole = (folder / "whole.mkv").read_bytes()
    (folder / "cut-off.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    (folder / "cut-off.mp4").write_bytes((folder / "three.mp4").read_bytes()[:40_000])
    turned = [*small, str(folder / "turned.mp4")]
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    upright = str(folder / "upright.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=1", *small, upright)
    if version.startswith(("4.", "5.")):
        ffmpeg("-i", upright, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned[-1])
    else:
        ffmpeg("-display_rotation", "90", "-i", upright, "-c", "copy", turned[-1])
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", str(folder / "sound-only.m4a"))
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25", "-frames:v", "1", *small, str(folder / "one.mp4"))
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25", "-frames:v", "1", str(folder / "still.png"))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "words.mp4").write_text("not a film\n" * 100)
    return folder


@pytest.fixture(scope="session")
def edit(found: programs.Programs, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The whole pipeline as functions, for tests that measure what comes out."""
    asked = tmp_path_factory.mktemp("asked")

    def scan(*paths: Path) -> list[dict[str, Any]]:
        return [record for path in paths for record in scanning.scan(found, path, NOW, show)]

    def plan(records: list[dict[str, Any]], words: str) -> tuple[Any, list[Any], dict[str, Any]]:
        sources = [record for record in records if record["kind"] == "edl.source"]
        shots = [record for record in records if record["kind"] == "edl.shot"]
        others = [record for record in records if record["kind"] not in ("edl.source", "edl.shot")]
        made = planner.plan(sources, shots, words, intent.read(words), AT, others)
        return made.header, made.cuts, by_id(sources)

    def by_hand(source: dict[str, Any], ranges: list[tuple[int, int]], **more: Any) -> tuple[Any, list[Any], Any]:
        """A plan of plain ranges of one source, one after the other."""
        from roadmap_cli.edl import timecode

        fps = timecode.rational(source["fps"])
        speed = timecode.rational(more.get("speed", "1/1"))
        cuts, start = [], 0
        for position, (first, end) in enumerate(ranges):
            shown = timecode.frames_shown(end - first, fps, speed, fps)
            cuts.append(
                {"kind": "edl.cut", "id": f"cut_{position}", "at": AT, "plan_id": "plan_1", "source_id": source["id"],
                 "in_frame": first, "out_frame": end, "fps": source["fps"], "speed": "1/1",
                 "timeline_in_frame": start, "timeline_out_frame": start + shown, **more}
            )  # fmt: skip
            start += shown
        header = {
            "kind": "edl.plan", "id": "plan_1", "at": AT, "intent": "by hand", "fps": source["fps"],
            "width": source["width"], "height": source["height"], "length_frames": start, "cut_count": len(cuts),
        }  # fmt: skip
        return header, cuts, by_id([source])

    def check(header: Any, cuts: Any, sources: Any) -> tuple[Any, list[checks.Finding]]:
        findings = checks.check(header, cuts, sources, probe.content_hash)
        return checks.marked(header, cuts, sources, findings), findings

    def edited(made: tuple[Any, Any, Any], *more: dict[str, Any]) -> gathering.Edit:
        """A checked edit; `more` are titles, cues, spans and shots."""
        header, cuts, sources = made
        titles, cues = ([each for each in more if each["kind"] == kind] for kind in ("edl.title", "edl.cue"))
        findings = checks.check(header, cuts, sources, probe.content_hash)
        header = checks.marked(header, cuts, sources, findings, titles, cues)
        return edits.gather([header, *cuts, *sources.values(), *more])

    def rendered(
        made: tuple[Any, Any, Any], output: Path, cache: Path, *more: dict[str, Any], **settings: Any
    ) -> list[dict[str, Any]]:
        if not (cache / "programs.json").exists():  # what ffmpeg can do is asked once, not for each test's own cache
            able.able(found, asked)
            cache.mkdir(parents=True, exist_ok=True)
            shutil.copy(asked / "programs.json", cache)
        chosen = render.Settings(**{"preset": "ultrafast", "jobs": 2, **settings})
        return list(render.render(found, edited(made, *more), output, cache, chosen, NOW, show))

    return SimpleNamespace(
        scan=scan, plan=plan, by_hand=by_hand, check=check, edited=edited, render=rendered, now=NOW, show=show
    )


def by_id(sources: list[dict[str, Any]]) -> dict[str, Any]:
    return {source["id"]: source for source in sources}


@pytest.fixture(scope="session")
def measure() -> SimpleNamespace:
    """What a file really shows and sounds like, by decoding it."""
    numpy = pytest.importorskip("numpy")

    def decoded(path: Path, *arguments: str) -> bytes:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", str(path), *arguments, "-"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def numbers(path: Path) -> list[int]:
        """The number each picture tells, as the clip 'numbers' writes it."""
        grey = numpy.frombuffer(
            decoded(path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p"), "u1"
        )
        luma = grey.reshape(-1, 64 * 64 * 3 // 2)[:, : 64 * 64].mean(axis=1)
        return [round((float(value) - 16) / 3) for value in luma]

    def colour(path: Path) -> tuple[float, float]:
        """Mean luma and mean chroma saturation over all pictures (ffmpeg's signalstats)."""
        told = decoded(path, "-vf", "signalstats,metadata=print:file=-", "-f", "null").decode()
        values = {"YAVG": [], "SATAVG": []}
        for line in told.splitlines():
            name, _, value = line.rpartition("=")
            key = name.rpartition(".")[2]
            if key in values:
                values[key].append(float(value))
        return tuple(sum(each) / len(each) for each in values.values())

    def clicks(path: Path, level: float = 0.25) -> list[int]:
        """The samples at which a click begins."""
        sound = numpy.frombuffer(decoded(path, "-f", "f32le", "-ac", "1", "-ar", str(RATE)), "f4")
        loud = numpy.flatnonzero(numpy.abs(sound) > level)
        return [int(at) for n, at in enumerate(loud) if n == 0 or at - loud[n - 1] > RATE // 20]

    return SimpleNamespace(numbers=numbers, colour=colour, clicks=clicks, decoded=decoded)
