"""What the installed ffmpeg is and can do, asked once and remembered for as long as the program is the same file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import keeping

_FILTERS = ("zscale", "rubberband", "vidstabtransform", "drawtext", "perspective")


@dataclass(frozen=True, slots=True)
class Able:
    """The programs, the version that encodes (part of each cache key), and the filters among those that may miss."""

    found: Programs
    version: str
    filters: frozenset[str]


def able(found: Programs, cache: Path, *, write: bool = True) -> Able:
    """Ask the program, or remember."""
    place = cache / "programs.json"
    known = keeping.read_json(place)
    identity = [found.ffmpeg, *keeping.identity(Path(found.ffmpeg))]
    if known and known.get("identity") == identity and known.get("asked") == list(_FILTERS):
        return Able(found, str(known["version"]), frozenset(known["filters"]))
    version = found.version()
    filters = [name for name in _FILTERS if found.has_filter(name)]
    if write:
        with suppress(CannotCreate):
            told = {"identity": identity, "asked": list(_FILTERS), "version": version, "filters": filters}
            keeping.write_json(place, told)
    return Able(found, version, frozenset(filters))
