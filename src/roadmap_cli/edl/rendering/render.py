"""A checked plan as a playable file: segments from the cache or encoded, joined without re-encoding, one sound, proved.

The rule: the output appears under its name only when its frame count, the time of every frame and the length of its
sound have been measured and are right. Killed at any moment it leaves no half file, and what was encoded stays encoded.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock, records
from roadmap_cli.core.errors import CannotCreate, UsageError
from roadmap_cli.core.records import Record, content_id, run_id
from roadmap_cli.edl import high_range, probe, timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.history.changes import root_of
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import (
    able,
    edits,
    encoding,
    found_sources,
    joining,
    keeping,
    pieces,
    sound_programme,
    versions,
)
from roadmap_cli.edl.rendering.encoding import Encoded, Workshop
from roadmap_cli.edl.rendering.pieces import Piece, Shape
from roadmap_cli.edl.rendering.sound_programme import Programme
from roadmap_cli.edl.scanning import Show

FORMATS = joining.FORMATS


def cores() -> int:
    """How many pieces are encoded at a time unless told otherwise: the cores this process may use."""
    return max(1, min(len(os.sched_getaffinity(0)), 32))


@dataclass(frozen=True, slots=True)
class Settings:
    """How to encode. `preview_width` makes a smaller, quicker render with the same frames."""

    preset: str = "veryfast"
    quality: int = 18
    preview_width: int | None = None
    cache_limit_bytes: int = 10 * 1024**3
    jobs: int = field(default_factory=cores)
    look_in: tuple[Path, ...] = ()
    mask: Callable[[Any], Any] | None = None


@dataclass(slots=True)
class Work:
    """An edit made ready: its pieces, where they are or will be, and how its sources are found."""

    edit: Edit
    shop: Workshop
    looking: found_sources.Looking
    media: dict[str, Media]
    pieces: list[Piece]

    @property
    def length(self) -> int:
        """Frames of the programme."""
        return sum(piece.frames for piece in self.pieces)

    @property
    def joints(self) -> list[int]:
        """The programme frames at which cuts begin, but the first."""
        return [cut["timeline_in_frame"] for cut in self.edit.cuts[1:]]

    def warnings(self) -> list[str]:
        """What could not be done as the edit says, and what was done instead."""
        said = []
        layers = [layer for piece in self.pieces for layer in piece.layers]
        if any(layer.blur and layer.blur.person for layer in layers) and self.shop.mask is None:
            said.append("no person mask here: the subject's box stays sharp instead")
        if any(layer.lift and layer.lift.person for layer in layers) and self.shop.mask is None:
            said.append("no person mask here: the subject's box as a whole gets more light")
        if any("stabilise" in layer.effects for layer in layers) and "vidstabtransform" not in self.shop.able.filters:
            said.append("this ffmpeg has no vidstabtransform: nothing is steadied")
        high = any(high_range.is_high(layer.media) for layer in layers)
        if high and "zscale" not in self.shop.able.filters:
            said.append("this ffmpeg has no zscale: of high dynamic range only brightness is mapped well")
        return said


def prepare(found: Programs, edit: Edit, cache: Path, settings: Settings, *, write: bool = True) -> Work:
    """Find an edit's sources and part it into pieces. Raises DataError, InputMissing or Unavailable.

    Without `write` nothing is noted in the cache.
    """
    cache = cache.absolute()
    edits.admit(edit)
    looking = found_sources.looking(found, cache, settings.look_in, write=write)
    media = {}
    for name in dict.fromkeys(cut["source_id"] for cut in edit.cuts):
        media[name] = looking.media(edit.sources[name])
    shop = Workshop(
        able.able(found, cache, write=write), shape_of(edit.plan, settings), cache, settings.jobs, settings.mask
    )
    return Work(edit, shop, looking, media, pieces.of_edit(edit, media))


def render(
    found: Programs,
    edit: Edit,
    output: Path,
    cache: Path,
    settings: Settings,
    at: datetime,
    show: Show,
    warn: Callable[[str], None] = lambda text: None,
) -> Iterator[Record]:
    """Render a plan: one edl.segment record for each piece as soon as it is in the cache, then one edl.render record.

    Raises DataError if the plan is not as checked or a source has changed, UsageError or CannotCreate for an output
    that cannot be written, and as `encoding.Workshop.encode`.
    """
    began = time.monotonic()
    writable(output, edit.sources)
    work = prepare(found, edit, cache, settings)
    for text in work.warnings():
        warn(text)
    done: list[Encoded] = []
    lock = threading.Lock()
    with ThreadPoolExecutor(1, thread_name_prefix="sound") as beside:
        sounding = beside.submit(sound_programme.build, work.shop, work.edit, work.media, work.looking)
        try:
            with show("picture", work.length) as bar:

                def tell(amount: float) -> None:
                    with lock:
                        bar.advance(amount)

                work.shop.tell = tell
                for piece, encoded in encoding.encode_all(work.shop, work.pieces):
                    done.append(encoded)
                    yield segment_record(edit.plan, piece, encoded, at)
            with show("sound"):
                sound = sounding.result()
        except BaseException:
            work.shop.stop()
            raise
    yield from finish(work, done, sound, output, settings, at, began)
    versions.remember(work.shop.cache, root_of(edit.plan), work.pieces, work.shop.shape.fps)


def finish(
    work: Work,
    done: Sequence[Encoded],
    sound: Programme | None,
    output: Path,
    settings: Settings,
    at: datetime,
    began: float,
) -> Iterator[Record]:
    """Join, prove and name the file, unless it is there already; gives its edl.render record."""
    shape, cache = work.shop.shape, work.shop.cache
    recipe = _recipe(done, sound, shape, output)
    note = cache / "outputs" / f"{hashlib.sha256(os.fsencode(output.absolute())).hexdigest()}.json"
    proved = _still_there(note, recipe, output)
    if proved is None:
        with keeping.whole_file(output) as part:
            joining.join(work.shop.able.found, done, sound, shape, FORMATS[output.suffix.lower()], part.path)
            with ThreadPoolExecutor(1, thread_name_prefix="hash") as beside:
                hashing = beside.submit(probe.content_hash, part.path)
                proof = joining.prove(work.shop.able.found, part.path, work.length, shape, sound, work.joints)
            digest, size = hashing.result(), part.path.stat().st_size
        measured: dict[str, Any] = {"sha256": digest, "size_bytes": size}
        if sound:
            longer = proof.sound_s - work.length / shape.fps
            measured["sound_longer_ms"] = float(round(longer * 1000, 3))
            measured["sync_error_ms"] = float(round(proof.sync_error_s * 1000, 4))
        proved = measured
        with suppress(CannotCreate, OSError):
            keeping.write_json(note, {"recipe": recipe, "stat": keeping.identity(output), "measured": measured})
        keep = {encoded.path for encoded in done} | ({sound.path, *sound.sections} if sound else set())
        folders = [cache / name for name in ("segments", "sound", "parts", "masks", "motion", "plates")]
        keeping.prune(folders, keep, settings.cache_limit_bytes)
        joined = True
    else:
        joined = False
    record = render_record(work.edit.plan, output, done, shape, settings, at)
    record |= {name: proved[name] for name in ("sha256", "size_bytes") if name in proved}
    record |= {"joined": joined, "joints": len(work.joints), "elapsed_ms": round((time.monotonic() - began) * 1000)}
    if sound:
        record |= {"has_sound": True, **sound.record()}
        record |= {name: proved[name] for name in ("sound_longer_ms", "sync_error_ms") if name in proved}
    yield record


def _recipe(done: Sequence[Encoded], sound: Programme | None, shape: Shape, output: Path) -> str:
    """The hash of all that decides the joined file's bytes."""
    told = {
        "pieces": [[encoded.key, encoded.frames] for encoded in done],
        "sound": sound.key if sound else None,
        "shape": [timecode.spell(shape.fps), shape.width, shape.height],
        "container": FORMATS[output.suffix.lower()],
        "format": pieces.FORMAT,
    }
    return hashlib.sha256(records.canonical(told)).hexdigest()


def _still_there(note: Path, recipe: str, output: Path) -> dict[str, Any] | None:
    """What was measured when this very file was made by the same recipe and has not been touched since; else None."""
    known = keeping.read_json(note)
    if known is None or known.get("recipe") != recipe:
        return None
    with suppress(OSError):
        if known.get("stat") == keeping.identity(output) and isinstance(known.get("measured"), dict):
            return dict(known["measured"])
    return None


def rehearse(
    found: Programs, edit: Edit, output: Path, cache: Path, settings: Settings, at: datetime
) -> Iterator[Record]:
    """The records `render` would write, as far as they can be known with nothing encoded.

    `cached` is false for each segment that would be encoded. Raises as `render` does before it encodes.
    """
    writable(output, edit.sources)
    work = prepare(found, edit, cache, settings, write=False)
    done = []
    for piece, encoded in encoding.rehearse(work.shop, work.pieces):
        done.append(encoded)
        yield segment_record(edit.plan, piece, encoded, at)
    yield render_record(edit.plan, output, done, work.shop.shape, settings, at)


def writable(output: Path, sources: dict[str, Record]) -> None:
    """Say at once, not after an hour of encoding, that the output cannot be. Raises UsageError or CannotCreate."""
    if output.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write {output.name!r}: the suffix must be {', '.join(FORMATS)}")
    if output.is_dir():
        raise CannotCreate(f"cannot write {output}: is a directory")
    if output.exists() and not output.is_file():
        raise CannotCreate(f"cannot write {output}: a pipe or device cannot hold a film", hint="name a file")
    if not output.parent.is_dir():
        raise CannotCreate(f"cannot write {output}: no such directory")
    if not os.access(output.parent, os.W_OK):
        raise CannotCreate(f"cannot write {output}: permission denied")
    for source in sources.values():
        path = Path(str(source.get("path", "")))
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"will not write over a source: {output}")


def shape_of(plan: Record, settings: Settings) -> Shape:
    """What all segments share: the plan's frame, or a smaller one."""
    fps = timecode.rational(plan["fps"], field="fps")
    if settings.preview_width is None:
        return Shape(fps, plan["width"], plan["height"], settings.preset, settings.quality)
    width = min(plan["width"], settings.preview_width // 2 * 2)
    height = max(16, timecode.round_half_up(Fraction(plan["height"] * width, 2 * plan["width"])) * 2)
    return Shape(fps, width, height, "ultrafast", max(settings.quality, 26))


def render_record(
    plan: Record, output: Path, done: Sequence[Encoded], shape: Shape, settings: Settings, at: datetime
) -> Record:
    """An edl.render record of what is known before the file is measured."""
    length = sum(encoded.frames for encoded in done)
    return {
        "kind": "edl.render",
        "id": run_id("edl.render", at),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "path": os.path.abspath(output),  # noqa: PTH100
        "frames": length,
        "fps": timecode.spell(shape.fps),
        "duration": timecode.spell(length / shape.fps),
        "width": shape.width,
        "height": shape.height,
        "segments_cached_count": sum(encoded.cached for encoded in done),
        "segments_encoded_count": sum(not encoded.cached for encoded in done),
        "frames_encoded": sum(encoded.frames for encoded in done if not encoded.cached),
        "has_sound": False,
        "preview": settings.preview_width is not None,
    }


def segment_record(plan: Record, piece: Piece, encoded: Encoded, at: datetime) -> Record:
    """A piece as an edl.segment record."""
    return {
        "kind": "edl.segment",
        "id": content_id("edl.segment", key=encoded.key, cut_id=piece.cut_id, at=clock.stamp(at), n=piece.position),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "cut_id": piece.cut_id,
        "position": piece.position,
        "part": piece.part,
        "timeline_in_frame": piece.start,
        "timeline_out_frame": piece.start + piece.frames,
        "key": encoded.key,
        "cached": encoded.cached,
        "frames": encoded.frames,
        "size_bytes": encoded.bytes,
        "elapsed_ms": encoded.elapsed_ms,
    }
