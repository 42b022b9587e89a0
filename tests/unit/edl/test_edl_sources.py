"""Sources as they come: odd sizes, rates and pixel formats; and what is not read a second time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roadmap_cli.core.errors import InputMissing
from roadmap_cli.edl import high_range, moved, probe, programs, scanning
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State

pytest.importorskip("cv2")


class Bar:
    def advance(self, amount: float = 1, /) -> None:
        return None


@contextmanager
def show(what: str, total: float | None = None, /) -> Iterator[Bar]:
    yield Bar()


CLIP = Path(__file__).parents[3] / "examples/bikes.mp4"
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A fresh encrypted state."""
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=lambda: LATER) as opened:
        yield opened


@pytest.mark.parametrize(
    ("size", "rate", "pixels", "filters", "shown"),
    [
        ("2000x14", "25", "yuv420p", "null", (2000, 14)),
        ("14x10", "25", "yuv420p", "null", (14, 10)),
        ("180x320", "120000/1001", "yuv420p", "null", (180, 320)),
        ("321x181", "24000/1001", "yuv444p", "null", (320, 180)),
        ("320x180", "7", "yuv420p10le", "null", (320, 180)),
        ("320x180", "50", "gray", "null", (320, 180)),
        ("360x288", "25", "yuv422p", "setsar=64/45,setfield=tff", (512, 288)),
    ],
)
def test_odd_sources_are_scanned_like_others(edit, tmp_path, size, rate, pixels, filters, shown):
    clip = tmp_path / "clip.mkv"
    made = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}", "-frames:v", "20", "-vf", filters]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", *made, "-pix_fmt", pixels, "-c:v", "ffv1", str(clip)], check=True
    )
    source, *found = edit.scan(clip)
    assert (source["width"], source["height"], source["frames"]) == (*shown, 20)
    assert [(shot["in_frame"], shot["out_frame"]) for shot in found] == [(0, 20)]
    assert 60 < found[0]["luma_mean"] < 150
    assert found[0]["letterbox"] == [0.0] * 4


def test_ten_bits_measure_as_eight(edit, tmp_path):
    told = []
    for pixels in ("yuv420p", "yuv420p10le"):
        clip = tmp_path / f"{pixels}.mkv"
        made = ["-f", "lavfi", "-i", "smptehdbars=s=320x180:r=25", "-frames:v", "10", "-pix_fmt", pixels]
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *made, "-c:v", "ffv1", str(clip)], check=True)
        told.append(edit.scan(clip)[1])
    for field in ("luma_mean", "luma_p5", "luma_p95", "chroma_mean", "saturation_ratio", "sharpness"):
        assert told[1][field] == pytest.approx(told[0][field], rel=0.03, abs=0.5), field


@pytest.fixture(scope="module")
def ranges(found, tmp_path_factory) -> Path:
    """The same real pictures in standard range, PQ and HLG, white at 203 nits: SDR in HDR as ITU-R BT.2408 has it."""
    if "zscale" not in found.filters():
        pytest.skip("this ffmpeg has no zscale: apt-get install ffmpeg")
    folder = tmp_path_factory.mktemp("ranges")
    plain = "scale=320:136,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    raised = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020,zscale=t={0}:m=2020_ncl:r=tv:npl=203"
    for name in ("standard", "smpte2084", "arib-std-b67"):
        filters, depth, space = plain, "yuv420p", ("bt709", "bt709", "bt709")
        if name != "standard":
            filters, depth = f"{plain},{raised.format(name)}", "yuv420p10le"
            space = (name, "bt2020", "bt2020nc")
        tags = ["-pix_fmt", depth, "-color_trc", space[0], "-color_primaries", space[1], "-colorspace", space[2]]
        start = ["ffmpeg", "-v", "error", "-nostdin", "-ss", "5", "-i", str(CLIP), "-frames:v", "8", "-an"]
        subprocess.run([*start, "-vf", filters, *tags, "-c:v", "ffv1", str(folder / f"{name}.mkv")], check=True)
    return folder


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_measures_as_the_standard_film_in_it(edit, ranges, transfer):
    (_, wanted), (source, shot) = edit.scan(ranges / "standard.mkv"), edit.scan(ranges / f"{transfer}.mkv")
    assert source["high_dynamic_range"] is True
    assert "as the standard range it is mapped to" in scanning.warnings(source, "x")[0]
    for field in ("luma_mean", "luma_p5", "luma_p95"):
        assert shot[field] == pytest.approx(wanted[field], abs=4), field
    assert shot["chroma_mean"] == pytest.approx(wanted["chroma_mean"], rel=0.15)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_without_zscale_brightness_is_mapped_by_formula(found, ranges, transfer):
    numpy = pytest.importorskip("numpy")

    def luma(name: str, zscale: bool):
        media = probe.examine(found, ranges / f"{name}.mkv", "0" * 64)
        options, filters = probe.pictures(media)
        chain = [*filters, *high_range.to_standard(media, zscale), ("format", {"pix_fmts": "gray"})]
        node = programs.source(media.path, media.video_index, options, chain).output("pipe:1", format="rawvideo")
        data = programs.run(programs.arguments(found, node), name)
        return numpy.frombuffer(data, numpy.uint8).astype(float)

    mapped, wanted = luma(transfer, False), luma("standard", False)
    assert abs(mapped.mean() - wanted.mean()) < 4
    assert numpy.abs(mapped - wanted).mean() < 8
    assert numpy.abs(luma(transfer, True) - wanted).mean() < 8


def test_a_source_that_was_moved_is_found_by_its_content(found, edit, clips, state, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "new/deep").mkdir(parents=True)
    path = tmp_path / "old/film.mp4"
    shutil.copy(clips / "three.mp4", path)
    source = edit.scan(path)[0]
    search = os.environ["PATH"]
    assert moved.again({"s": source}, search) == ({"s": source}, [])

    renamed = path.rename(tmp_path / "old/other.mp4")
    shutil.copy(clips / "one.mp4", path.with_suffix(".mkv"))
    now, told = moved.again({"s": source}, search)
    assert now == {"s": {**source, "path": str(renamed)}}
    assert told == [f"{path} is now {renamed}: found by its content"]

    away = renamed.rename(tmp_path / "new/deep/other.mp4")
    assert moved.again({"s": source}, search)[0]["s"] == source
    assert moved.again({"s": source}, search, [tmp_path / "new"])[0]["s"]["path"] == str(away)
    scanning.content_hash(state, away, LATER, show)
    assert moved.again({"s": source}, search, state=state)[0]["s"]["path"] == str(away), "where it was seen last"


def test_a_file_that_was_not_touched_is_not_read_again(state, clips, tmp_path, monkeypatch):
    path = tmp_path / "film.mp4"
    path.write_bytes((clips / "one.mp4").read_bytes())
    read = []
    hashed = probe.content_hash
    monkeypatch.setattr(probe, "content_hash", lambda name, tell=None: read.append(name) or hashed(name, tell))
    first = scanning.content_hash(state, path, LATER, show)
    assert scanning.content_hash(state, path, LATER, show) == first == hashed(path)
    assert read == [path]

    before = path.stat()
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert scanning.content_hash(state, path, LATER, show) == hashed(path) != first, "a time set back deceives nobody"

    path.unlink()
    with pytest.raises(InputMissing):
        scanning.content_hash(state, path, LATER, show)


def test_what_was_touched_just_now_is_read_again(state, clips, tmp_path, monkeypatch):
    path = tmp_path / "film.mp4"
    path.write_bytes((clips / "one.mp4").read_bytes())
    read = []
    hashed = probe.content_hash
    monkeypatch.setattr(probe, "content_hash", lambda name, tell=None: read.append(name) or hashed(name, tell))
    for _ in range(2):
        scanning.content_hash(state, path, datetime.now(UTC), show)
    assert len(read) == 2


def test_each_source_and_each_detector_is_remembered_for_itself(state, edit, clips, tmp_path):
    one, other = edit.scan(clips / "three.mp4"), edit.scan(clips / "one.mp4")
    scanning.remember(state, one)
    assert scanning.recall(state, other[0]["sha256"], clips / "one.mp4") == []
    scanning.remember(state, other)
    assert scanning.recall(state, one[0]["sha256"], clips / "three.mp4") == one
    assert scanning.recall(state, one[0]["sha256"], clips / "three.mp4", scanning.Ways("content")) == []
