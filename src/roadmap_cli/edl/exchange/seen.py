"""What a project file shows: clips, titles and music as another program left them, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenFilter:
    """A filter of a clip: its service, Shotcut's id for it, and its properties as written."""

    service: str
    id: str
    properties: tuple[tuple[str, str], ...]

    @property
    def said(self) -> dict[str, str]:
        """Its properties by name."""
        return dict(self.properties)

    @property
    def key(self) -> tuple[str, str]:
        """What it is, apart from its numbers."""
        return self.service, self.id


@dataclass(frozen=True, slots=True)
class SeenClip:
    """A clip on the main picture track.

    `start` is where it begins in its producer: a position at the programme's rate in an MLT file (`in_source` False), a
    source frame in OTIO. `at` and `frames` are programme frames. `joint` is how it takes over from the clip before.
    """

    path: str
    start: int
    frames: int
    speed: Fraction
    at: int = 0
    in_source: bool = False
    origin: str = ""
    comment: str | None = None
    hash: str = ""
    joint: tuple[str, int] | None = None
    fade_in: tuple[int, str] = (0, "")
    fade_out: tuple[int, str] = (0, "")
    muted: bool = False
    filters: tuple[SeenFilter, ...] = ()
    told: dict[str, Any] | None = None

    def moved(self, at: int) -> SeenClip:
        """The same at another place."""
        return replace(self, at=at)


@dataclass(frozen=True, slots=True)
class SeenTitle:
    """Words over the picture."""

    at: int
    frames: int
    text: str
    origin: str = ""
    place: str = ""
    size: int = 0
    fade: int = 0
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class SeenSound:
    """A clip on a sound track: music, or the sound of a cut that does not lie under its picture."""

    path: str
    start: int
    frames: int
    at: int
    speed: Fraction = Fraction(1)
    origin: str = ""
    hash: str = ""
    level: str = ""
    fade_in: int = 0
    fade_out: int = 0
    comment: str | None = None


@dataclass(slots=True)
class Seen:
    """A whole project."""

    fps: Fraction
    width: int = 0
    height: int = 0
    clips: list[SeenClip] = field(default_factory=list)
    titles: list[SeenTitle] = field(default_factory=list)
    sounds: list[SeenSound] = field(default_factory=list)
    plan_id: str = ""
    note: str = ""
    problems: list[str] = field(default_factory=list)
