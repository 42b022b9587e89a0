"""The files behind an edit's sources: found again by content if they were renamed, looked at once, then remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing
from roadmap_cli.core.records import Record
from roadmap_cli.edl import moved, probe, programs, timecode
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import keeping

#: A change of what is remembered of a file is a new number.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A file's sound: where its stream is, and its clock. `origin_s` is what milliseconds in records count from."""

    path: Path
    sha256: str
    index: int
    start_s: Fraction
    origin_s: Fraction


@dataclass(frozen=True, slots=True)
class Looking:
    """Where and how sources are looked for: the cache's folder of notes, and further folders to search."""

    found: Programs
    notes: Path
    folders: tuple[Path, ...] = ()
    write: bool = True

    def media(self, source: Record) -> Media:
        """The picture and sound of a source, counted as it was scanned: a frame number must mean the same picture.

        Raises InputMissing if the file is nowhere, DataError if it is not the content that was scanned.
        """
        path, sha256 = self._file(source), str(source.get("sha256"))
        note = self.notes / f"{sha256}.json"
        known = keeping.read_json(note)
        media = None
        if known and known.get("format") == _FORMAT:
            with suppress(KeyError, TypeError, ValueError):
                media = _read(known["media"], path)
        if media is None:
            media = probe.examine(self.found, path, sha256)
            if self.write:
                with suppress(CannotCreate):
                    keeping.write_json(note, {"format": _FORMAT, "media": _written(media)})
        return replace(media, fps=timecode.rational(source.get("fps"), field="fps"))

    def heard(self, source: Record) -> Heard:
        """The sound of a source that may have no picture. Raises as `media`, and DataError if it has no sound."""
        if source.get("has_picture") is not False and "fps" in source:
            media = self.media(source)
            if media.audio_index is None:
                raise DataError("has no sound", where=str(media.path), code="no_sound")
            return Heard(media.path, media.sha256, media.audio_index, media.audio_start_s, media.video_start_s)
        path, sha256 = self._file(source), str(source.get("sha256"))
        told = json.loads(programs.probe(self.found, path, "-show_streams"))
        for stream in told.get("streams", []):
            if stream.get("codec_type") == "audio" and stream.get("sample_rate", "0") != "0":
                start = int(stream.get("start_pts", 0)) * Fraction(stream["time_base"])
                return Heard(path, sha256, int(stream["index"]), start, start)
        raise DataError("has no sound", where=str(path), code="no_sound")

    def _file(self, source: Record) -> Path:
        path, sha256 = Path(str(source.get("path", ""))), source.get("sha256")
        changed = None
        try:
            if self._hash(path) == sha256:
                return path
            changed = DataError(
                "file has changed since it was scanned", where=str(path), hint=moved.CHANGED_HINT, code="source_changed"
            )
        except (InputMissing, DataError) as error:
            missing = error
        if (now := moved.find(self.found, source, self._hash, self.folders)) is not None:
            return now
        if changed:
            raise changed
        raise InputMissing(
            missing.message,
            where=str(path),
            hint=moved.HINT,
            code="source_missing",
        )

    def _hash(self, path: Path) -> str:
        return keeping.known_hash(path, self.notes / "hashes", write=self.write)


def _written(media: Media) -> dict[str, Any]:
    values = {name: getattr(media, name) for name in asdict(media) if name != "path"}
    return {k: {"ratio": timecode_text(v)} if isinstance(v, Fraction) else v for k, v in values.items()}


def timecode_text(value: Fraction) -> str:
    """A rational of any sign as text that `Fraction` reads back."""
    return f"{value.numerator}/{value.denominator}"


def _read(values: dict[str, Any], path: Path) -> Media:
    read: dict[str, Any] = {
        k: Fraction(v["ratio"]) if isinstance(v, dict) and "ratio" in v else v for k, v in values.items()
    }
    return Media(path=path, **(read | {"streams": tuple(read["streams"])}))


def looking(found: Programs, cache: Path, folders: Sequence[Path] = (), *, write: bool = True) -> Looking:
    """A search with its notes in the cache; without `write` it leaves none."""
    return Looking(found, cache / "sources", tuple(folders), write)
