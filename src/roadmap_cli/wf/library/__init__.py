"""The templates that come along, and where the user's own are; the programs of a step find the toolchain's commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadmap_cli.core import paths


def places(named: Sequence[str], environ: Mapping[str, str]) -> list[Path]:
    """Where to read templates from: the places named, else the user's folder and the one that comes along."""
    if named:
        return [Path(each) for each in named]
    own = paths.config_directory(environ) / "workflows"
    return [*([own] if own.is_dir() else []), Path(__file__).parent]


def environ(given: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the commands of this toolchain are found first: those of the checkout, or installed."""
    checkout = Path(__file__).resolve().parents[4] / "bin"
    programs = checkout if (checkout / "_launch").exists() else Path(sys.executable).parent
    return {**given, "PATH": f"{programs}:{given.get('PATH') or '/usr/bin:/bin'}"}
