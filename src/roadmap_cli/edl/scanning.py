"""A source file as records, remembered by content: one edl.source, its shots, what is heard in it, its story.

The rule: records describe content. The same bytes give the same ids wherever the file lies; only `path` follows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import hearing, high_range, moved, probe, shots, timecode
from roadmap_cli.edl.cuts.doubt import Doubts
from roadmap_cli.edl.cuts.finding import DEFAULT
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.seeing.samples import Samples

if TYPE_CHECKING:
    from roadmap_cli.edl.hearing.heard import Word
    from roadmap_cli.edl.story.teller import Teller
    from roadmap_cli.state.store import State


class Bar(Protocol):
    """A progress bar."""

    def advance(self, amount: float = 1, /) -> None:
        """Move on."""


class Show(Protocol):
    """Something that shows progress: `Run.progress`."""

    def __call__(self, what: str, total: float | None = None, /) -> AbstractContextManager[Bar]:
        """Show a bar while the block runs."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a source is measured: what finds its cuts, the models that hear, what subtitles say, who tells its story."""

    detector: str = DEFAULT
    ears: hearing.Ears | None = None
    words: Sequence[Word] | None = None
    #: Names the subtitles: the hash of their file.
    words_mark: str = ""
    teller: Teller | None = None
    doubts: Doubts | None = None

    @property
    def method(self) -> str:
        """What a scan in these ways is called: part of the identity of its records. Another name is another scan."""
        parts = [shots.method(self.detector, self.doubts), hearing.METHOD, *(self.ears.names if self.ears else ())]
        parts += [f"words-{self.words_mark[:16]}"] if self.words_mark else []
        return "+".join([*parts, *([self.teller.method] if self.teller else [])])


#: Without any model: what the signals alone tell.
PLAIN = Ways()


def scan(
    found: Programs, path: Path, at: datetime, show: Show, sha256: str | None = None, ways: Ways = PLAIN
) -> Iterator[Record]:
    """Measure a file: its edl.source, its edl.shot records in order, scenes, what was heard (edl.span, edl.rhythm,
    edl.word), and the beats and the energy of its story.

    The frame count is known only at the end, so the source's record waits for the last shot; what waits is one small
    record a shot. Raises InputMissing or DataError with the file's name, CannotCreate if small pictures for the models
    cannot be kept for a while.
    """
    media = probe.examine(found, path, sha256 or probe.content_hash(path))
    with show(f"sound of {path.name}", float(media.duration_s) or None) as bar:
        heard = hearing.listen(found, media, ways.ears, subtitles=ways.words, tell=bar.advance)
    if not media.has_picture:
        source = _sound_record(media, heard, ways.method, at)
        yield source
        yield from hearing.records(heard, source) if heard else ()
        return
    samples = Samples() if ways.teller else None
    with show(f"pictures of {path.name}", media.declared_frames or None) as bar:
        seen = shots.find(found, media, bar.advance, detector=ways.detector, doubts=ways.doubts, samples=samples)
        looks = [(look.first, look.frames, look.record(float(media.fps))) for look in seen]
    source = _source_record(media, looks[-1][0] + looks[-1][1], ways.method, at)
    source |= hearing.source_fields(heard) if heard else {}
    yield source
    found_shots = [
        _shot_record(media, source, position, (first, first + frames), measures, heard, at)
        for position, (first, frames, measures) in enumerate(looks)
    ]
    sounds = hearing.records(heard, source) if heard else []
    if ways.teller is None or samples is None:
        yield from found_shots
        yield from sounds
        return
    with show(f"subjects of {path.name}", len(samples)) as bar:
        told = ways.teller.tell(
            source, found_shots, _inside(samples, found_shots, bar),
            [each for each in sounds if each["kind"] == "edl.span"],
            [each for each in sounds if each["kind"] == "edl.rhythm"],
            levels=heard.levels if heard and heard.length_ms else None,
            lag_s=float(media.video_start_s - media.audio_start_s),
        )  # fmt: skip
    yield from (each for each in told if each["kind"] in ("edl.shot", "edl.scene"))
    yield from sounds
    yield from (each for each in told if each["kind"] not in ("edl.shot", "edl.scene"))


def _inside(samples: Samples, found: Sequence[Record], bar: Bar) -> Iterator[tuple[int, Any]]:
    """The samples that are not at a cut, where pictures may be mixed ones, but for shots that have no other."""
    borders = {shot["in_frame"] for shot in found} | {shot["out_frame"] - 1 for shot in found}
    place, kept = 0, False
    waiting: tuple[int, Any] | None = None
    for frame, picture in samples:
        bar.advance(1)
        while place < len(found) and frame >= found[place]["out_frame"]:
            if waiting is not None and not kept:
                yield waiting
            place, kept, waiting = place + 1, False, None
        if frame in borders:
            waiting = waiting or (frame, picture)
        else:
            kept = True
            yield frame, picture
    if waiting is not None and not kept:
        yield waiting


def warnings(source: Record, name: str) -> list[str]:
    """What a person should know about a source: that it is cut off, or that its frames do not come evenly."""
    declared, frames = int(source.get("declared_frames", 0)), int(source.get("frames", 0))
    found = []
    if problem := source.get("sound_problem"):
        found.append(f"{name}: its sound cannot be heard: {problem}")
    if declared - frames > max(2, declared // 100):
        found.append(f"{name}: truncated: {frames} frames can be decoded, it declares {declared}")
    if source.get("varying_rate"):
        found.append(f"{name}: varying frame rate: frames are counted at {source['fps']} a second")
    if source.get("high_dynamic_range"):
        found.append(f"{name}: high dynamic range: measured, and rendered, as the standard range it is mapped to")
    return found


def media_of(found: Programs, source: Record) -> Media:
    """The file of an edl.source record, looked at again. Raises DataError if it is not the same content."""
    path = Path(str(source["path"]))
    sha256 = probe.content_hash(path)
    if sha256 != source.get("sha256"):
        raise DataError(
            "file has changed since it was scanned", where=str(path), hint=moved.CHANGED_HINT, code="source_changed"
        )
    return probe.examine(found, path, sha256)


def content_hash(state: State, path: Path, at: datetime, show: Show) -> str:
    """A file's SHA-256, from the state if the file was not touched since it was read. Raises as `probe.content_hash`.

    What was touched within two seconds of `at` is read again next time: it may change once more within the same tick of
    the file system's clock.
    """
    name = os.path.abspath(path)  # noqa: PTH100 - resolve() would lose the name the person gave a link
    try:
        before = path.stat()
    except OSError:
        return probe.content_hash(path)
    with state.read() as tx:
        row = tx.execute(
            "SELECT size, inode, changed_ns, touched_ns, sha256 FROM edl_file WHERE path = ?", (name,)
        ).fetchone()
    signs = (before.st_size, before.st_ino, before.st_mtime_ns, before.st_ctime_ns)
    if row and tuple(row[:4]) == signs:
        return str(row[4])
    with show(f"reading {path.name}", before.st_size) as bar:
        sha256 = probe.content_hash(path, bar.advance)
    after = path.stat()
    unchanged = (after.st_size, after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == signs
    if unchanged and after.st_ctime_ns < (at.timestamp() - 2) * 1e9:
        with state.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO edl_file (path, size, inode, changed_ns, touched_ns, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (name, *signs, sha256),
            )
    return sha256


def recall(state: State, sha256: str, path: Path, ways: Ways = PLAIN) -> list[Record]:
    """The records of an earlier scan of the same content by the same method, or none."""
    from roadmap_cli.state import records as stored

    with state.read() as tx:
        rows = tx.execute(
            "SELECT record_id FROM edl_scan WHERE sha256 = ? AND method = ? ORDER BY position",
            (sha256, ways.method),
        ).fetchall()
        known = [stored.get(tx, row[0]) for row in rows]
    if not known or None in known:
        return []
    return [_at_path(record, path) for record in known if record]


def remember(state: State, found: list[Record], ways: Ways = PLAIN) -> None:
    """Store a scan's records, that they belong together, and the vectors of its shots."""
    from roadmap_cli.state import records as stored

    sha256, method = found[0]["sha256"], found[0]["method"]
    with state.write() as tx:
        stored.put_many(tx, found)
        if ways.teller is not None:
            ways.teller.keep(tx)
        for position, record in enumerate(found):
            tx.execute(
                "INSERT OR REPLACE INTO edl_scan (sha256, method, position, record_id) VALUES (?, ?, ?, ?)",
                (sha256, method, position, record["id"]),
            )


def _at_path(record: Record, path: Path) -> Record:
    return {**record, "path": os.path.abspath(path)} if record["kind"] == "edl.source" else record  # noqa: PTH100


def _source_record(media: Media, frames: int, method: str, at: datetime) -> Record:
    record: Record = {
        "kind": "edl.source",
        "id": content_id("edl.source", sha256=media.sha256, method=method),
        "at": clock.stamp(at),
        "path": os.path.abspath(media.path),  # noqa: PTH100 - resolve() would lose the name the person gave a link
        "sha256": media.sha256,
        "frames": frames,
        "fps": timecode.spell(media.fps),
        "duration": timecode.spell(frames / media.fps),
        "width": media.width,
        "height": media.height,
        "rotation": media.rotation,
        "varying_rate": media.varying,
        "interlaced": media.interlaced,
        "has_picture": True,
        "has_sound": media.audio_index is not None,
        "streams": list(media.streams),
        "method": method,
    }
    if media.declared_frames:
        record["declared_frames"] = media.declared_frames
    if high_range.is_high(media):
        record["high_dynamic_range"] = True
    return record


def _sound_record(media: Media, heard: hearing.Heard | None, method: str, at: datetime) -> Record:
    """A source of sound alone. Raises DataError if none of it can be heard."""
    if heard is None or not heard.length_ms:
        raise DataError(heard.problem if heard else "holds no sound", where=str(media.path), code="no_sound")
    return {
        "kind": "edl.source",
        "id": content_id("edl.source", sha256=media.sha256, method=method),
        "at": clock.stamp(at),
        "path": os.path.abspath(media.path),  # noqa: PTH100 - as for a film
        "sha256": media.sha256,
        "has_picture": False,
        "has_sound": True,
        "duration": timecode.spell(Fraction(heard.length_ms, 1000)),
        "streams": list(media.streams),
        "method": method,
        **hearing.source_fields(heard),
    }


def _shot_record(
    media: Media,
    source: Record,
    position: int,
    span: tuple[int, int],
    measures: dict[str, Any],
    heard: hearing.Heard | None,
    at: datetime,
) -> Record:
    first, end = span
    record: Record = {
        "kind": "edl.shot",
        "id": content_id("edl.shot", sha256=media.sha256, method=source["method"], in_frame=first, out_frame=end),
        "at": clock.stamp(at),
        "source_id": source["id"],
        "position": position,
        "in_frame": first,
        "out_frame": end,
        "fps": timecode.spell(media.fps),
        **measures,
    }
    if heard is not None and heard.length_ms:
        lag: Fraction = media.video_start_s - media.audio_start_s
        record |= heard.between(first / media.fps + lag, end / media.fps + lag)
    return record
