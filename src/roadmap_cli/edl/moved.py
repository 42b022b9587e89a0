"""Sources that are not where they were scanned, found again by content: beside, in named folders, where seen last.

A candidate must have the source's streams before it is read: far cheaper than hashing a folder of films.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.core.records import Record
from roadmap_cli.edl import probe, programs
from roadmap_cli.edl.programs import Programs

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

#: What to do about a source that is nowhere.
HINT = "if it was moved, --look-in DIRECTORY finds it by its content"
CHANGED_HINT = "edl-scan it and plan again, or bring back the file that was scanned"
#: How many files a search by content looks at before it gives up.
_MOST_FILES = 20_000
_SUFFIXES = """
mp4 m4v mov mkv webm avi mts m2ts ts mpg mpeg vob mxf wmv flv 3gp ogv dv y4m
wav mp3 m4a aac flac ogg opus aif aiff wma
"""
_MEDIA = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())

#: Gives the SHA-256 of a file; raises InputMissing or DataError.
Hash = Callable[[Path], str]


def find(
    found: Programs, source: Record, content: Hash, folders: Sequence[Path] = (), seen: Iterable[Path] = ()
) -> Path | None:
    """Where the content of a source is now: where it was `seen`, beside its old place, or in `folders`; else None."""
    path, sha256 = Path(str(source.get("path", ""))), source.get("sha256")
    for candidate in (*seen, *_candidates(path, folders)):
        with suppress(InputMissing, DataError, OSError):
            is_new = candidate != path and candidate.is_file()
            if is_new and _alike(found, candidate, source) and content(candidate) == sha256:
                return candidate
    return None


def again(
    sources: Mapping[str, Record], path: str | None, folders: Sequence[Path] = (), state: State | None = None
) -> tuple[dict[str, Record], list[str]]:
    """The sources with new paths for those whose file is gone and was found, and a line about each of these.

    `path` is the search path of programs; `state` knows where scans have read files. Raises Unavailable if a file is
    gone and there is no ffmpeg to look at others with.
    """
    now, told = dict(sources), []
    for name, source in sources.items():
        place = source.get("path")
        if not isinstance(place, str) or not place or Path(place).exists() or not source.get("sha256"):
            continue
        seen = _seen(state, str(source["sha256"])) if state else []
        if (found := find(programs.find(path), source, probe.content_hash, folders, seen)) is not None:
            now[name] = {**source, "path": os.path.abspath(found)}  # noqa: PTH100 - as a scan tells it
            told.append(f"{place} is now {found}: found by its content")
    return now, told


def _seen(state: State, sha256: str) -> list[Path]:
    """Where a scan has read a file of this content."""
    with state.read() as tx:
        rows = tx.execute("SELECT path FROM edl_file WHERE sha256 = ?", (sha256,)).fetchall()
    return [Path(row[0]) for row in rows]


def _candidates(path: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Files that may be the one sought: those of the same suffix first, beside it, then below the folders named."""
    count = 0
    for folder, deep in [(path.parent, False), *((folder, True) for folder in folders)]:
        with suppress(OSError):
            files = [each for each in (folder.rglob("*") if deep else folder.iterdir()) if each.is_file()]
            for each in sorted(files, key=lambda file: (file.suffix.lower() != path.suffix.lower(), str(file))):
                count += 1
                if count > _MOST_FILES:
                    return
                if each.suffix.lower() in _MEDIA:
                    yield each


def _alike(found: Programs, path: Path, source: Record) -> bool:
    """Whether a file could be the source, from its header."""
    told = json.loads(programs.probe(found, path, "-show_entries", "stream=codec_name"))
    codecs = [stream.get("codec_name") for stream in told.get("streams", [])]
    wanted = source.get("streams")
    return not isinstance(wanted, list) or codecs == [each.get("codec") for each in wanted]
