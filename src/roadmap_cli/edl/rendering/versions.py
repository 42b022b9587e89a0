"""Which pieces the last two versions of a project had that were rendered or previewed here, and what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl.rendering import keeping, pieces
from roadmap_cli.edl.rendering.pieces import Piece, Shape


def _marks(parts: Sequence[Piece], fps: Fraction) -> list[str]:
    """Each piece by all that decides its pixels but its size."""
    plain = Shape(fps, 2, 2, "", 0)
    return [pieces.key(piece, plain, "", {}) for piece in parts]


def _place(cache: Path, project: str) -> Path:
    return cache / "versions" / f"{hashlib.sha256(project.encode()).hexdigest()}.json"


def remember(cache: Path, project: str, parts: Sequence[Piece], fps: Fraction) -> None:
    """Note this version of the project as the last one shown, and the one before it if it differs."""
    place, marks = _place(cache, project), _marks(parts, fps)
    known = keeping.read_json(place) or {}
    if known.get("now") != marks:
        with suppress(CannotCreate):
            keeping.write_json(place, {"now": marks, "before": known.get("now", [])})


def changes(cache: Path, project: str, parts: Sequence[Piece], fps: Fraction) -> list[Piece]:
    """The pieces that were not in the last version shown; if this is that one, not in the version before it."""
    known = keeping.read_json(_place(cache, project)) or {}
    marks = _marks(parts, fps)
    before = known.get("before" if known.get("now") == marks else "now", [])
    there = set(before) if isinstance(before, list) else set()
    return [piece for piece, mark in zip(parts, marks, strict=True) if mark not in there]
