"""What the installed ffmpeg is and can do, asked once and remembered for as long as the program is the same file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl import programs
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import keeping

#: A click at this sample goes through the noise filter to see how much later it comes out: versions differ.
_CLICK = 9600
_FILTERS = ("zscale", "rubberband", "vidstabtransform", "drawtext", "perspective")


@dataclass(frozen=True, slots=True)
class Able:
    """The programs, the version that encodes (part of each cache key), and the filters among those that may miss."""

    found: Programs
    version: str
    filters: frozenset[str]
    denoise_delay: int = 0


def able(found: Programs, cache: Path, *, write: bool = True) -> Able:
    """Ask the program, or remember."""
    place = cache / "programs.json"
    known = keeping.read_json(place)
    identity = [found.ffmpeg, *keeping.identity(Path(found.ffmpeg))]
    if known and known.get("identity") == identity and known.get("asked") == list(_FILTERS):
        return Able(found, str(known["version"]), frozenset(known["filters"]), int(known.get("denoise_delay", 0)))
    version = found.version()
    has = found.filters()
    filters = [name for name in _FILTERS if name in has]
    delay = _delay(found)
    if write:
        with suppress(CannotCreate):
            told: dict[str, object] = {
                "identity": identity,
                "asked": list(_FILTERS),
                "version": version,
                "filters": filters,
            }
            told["denoise_delay"] = delay
            keeping.write_json(place, told)
    return Able(found, version, frozenset(filters), delay)


def _delay(found: Programs) -> int:
    """By how many samples at 48 kHz ffmpeg's noise filter delays a click without saying so in its time stamps."""
    import array

    click = f"aevalsrc='0.9*eq(n,{_CLICK})':s=48000:d=0.5"
    chain = "afftdn=nr=6:nf=-45:tn=1,atrim=start_pts=2400"
    command = [found.ffmpeg, "-v", "error", "-f", "lavfi", "-i", click, "-af", chain, "-f", "f32le", "pipe:1"]
    samples = array.array("f", programs.run(command, "afftdn"))
    loudest = max(range(len(samples)), key=lambda n: abs(samples[n]), default=_CLICK - 2400)
    return max(0, loudest + 2400 - _CLICK)
