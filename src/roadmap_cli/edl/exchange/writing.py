"""Which exporter writes a format, and the file in place: whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import CannotCreate, InputMissing, RoadmapError, UsageError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import moved, timecode
from roadmap_cli.edl.exchange.export import Export
from roadmap_cli.edl.exchange.timeline import Timeline

#: Formats, and the suffixes that choose them.
FORMATS: dict[str, tuple[str, ...]] = {
    "shotcut": (".mlt",),
    "kdenlive": (".kdenlive",),
    "otio": (".otio",),
    "edl": (".edl",),
    "fcpxml": (".fcpxml",),
    "ffmpeg": (".sh",),
    "chapters": (".ffmetadata", ".txt"),
    "srt": (".srt",),
}


def chosen(to: str | None, output: Path) -> str:
    """The format asked for, or the one of the file's suffix. Raises UsageError."""
    if to:
        return to
    suffix = output.suffix.lower()
    for name, suffixes in FORMATS.items():
        if suffix in suffixes:
            return name
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise UsageError(f"cannot tell a format from {output.name!r}", hint=f"use --to, or one of {known}")


def make(to: str, timeline: Timeline, output: Path, search: str | None) -> Export:
    """The export in memory. Raises as the exporters do."""
    folder = f"{output.stem}-files"
    if to == "shotcut":
        from roadmap_cli.edl.exchange import shotcut

        return shotcut.export(timeline, folder)
    if to == "kdenlive":
        from roadmap_cli.edl.exchange import kdenlive

        return kdenlive.export(timeline, folder, output.parent.absolute())
    if to == "otio":
        from roadmap_cli.edl.exchange import otio

        return otio.export(timeline)
    if to == "edl":
        from roadmap_cli.edl.exchange import cmx

        return cmx.export(timeline)
    if to == "fcpxml":
        from roadmap_cli.edl.exchange import fcpxml

        return fcpxml.export(timeline)
    if to == "ffmpeg":
        from roadmap_cli.edl.exchange import ffmpeg_script

        return ffmpeg_script.export(timeline, folder, matrices(timeline, search))
    from roadmap_cli.edl.exchange import marks

    if to == "srt":
        return marks.subtitles(timeline)
    return marks.listing(timeline) if output.suffix.lower() == ".txt" else marks.metadata(timeline)


def matrices(timeline: Timeline, search: str | None) -> dict[str, str]:
    """The colour matrix of each source whose file can be asked."""
    from roadmap_cli.edl import probe, programs

    found: dict[str, str] = {}
    for name, source in timeline.sources.items():
        try:
            found[name] = probe.examine(
                programs.find(search), Path(str(source["path"])), str(source.get("sha256", ""))
            ).matrix
        except (RoadmapError, OSError, KeyError):
            continue
    return found


def admit(output: Path, sources: Sequence[Record] | Mapping[str, Record]) -> None:
    """Say at once that a file cannot be written. Raises CannotCreate or UsageError."""
    if output.is_dir():
        raise CannotCreate(f"cannot write {output}: is a directory")
    if not output.parent.is_dir():
        raise CannotCreate(f"cannot write {output}: no such directory")
    if not os.access(output.parent, os.W_OK):
        raise CannotCreate(f"cannot write {output}: permission denied")
    for source in sources.values() if isinstance(sources, Mapping) else sources:
        path = Path(str(source.get("path", "")))
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"will not write over a source: {output}")


def write(made: Export, output: Path) -> None:
    """Put the export in place: first what it refers to, then itself. Raises CannotCreate."""
    from roadmap_cli.edl.rendering.keeping import whole_file

    for name, data in made.beside.items():
        place = output.parent / name
        if not (place.is_file() and place.read_bytes() == data):
            with whole_file(place) as part:
                part.path.write_bytes(data)
    with whole_file(output) as part:
        part.path.write_bytes(made.data)
        if made.executable:
            part.path.chmod(0o755)


def told(made: Export, to: str, timeline: Timeline, output: Path, at: datetime) -> dict[str, Any]:
    """The edl.export record."""
    digest = hashlib.sha256(made.data).hexdigest()
    path = os.path.abspath(output)  # noqa: PTH100
    return {
        "kind": "edl.export",
        "id": content_id("edl.export", plan_id=timeline.plan["id"], to=to, path=path, sha256=digest),
        "at": clock.stamp(at),
        "plan_id": timeline.plan["id"],
        "to": to,
        "path": path,
        "sha256": digest,
        "size_bytes": len(made.data),
        "files": [os.path.join(os.path.dirname(path), name) for name in made.beside],  # noqa: PTH118, PTH120
        "frames": timeline.length,
        "fps": timecode.spell(timeline.fps),
        "losses": made.losses.grouped(),
    }


def missing(timeline: Timeline) -> list[str]:
    """Sources whose files are not where they were scanned."""
    used = {str(clip.source.get("id")) for clip in timeline.clips} | {
        str(cue.get("source_id")) for cue in timeline.cues
    }
    return [
        str(source.get("path", "")) for name, source in timeline.sources.items()
        if name in used and not Path(str(source.get("path", ""))).is_file()
    ]  # fmt: skip


def refuse_missing(timeline: Timeline) -> None:
    """Raise InputMissing if the file of a source is not there."""
    if gone := missing(timeline):
        raise InputMissing("source is missing", where=gone[0], hint=moved.HINT, code="source_missing")
