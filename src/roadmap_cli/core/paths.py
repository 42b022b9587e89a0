"""Where state, configuration, data and cache live: the XDG base directories, and nowhere else.

A relative XDG variable is ignored, as the XDG Base Directory Specification 0.8 asks.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

APP = "roadmap"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _base(environ: Mapping[str, str], variable: str, default: str) -> Path:
    value = environ.get(variable, "")
    root = Path(value) if value.startswith("/") else _home(environ) / default
    return root / APP


def state_file(environ: Mapping[str, str]) -> Path:
    """The shared encrypted state file: ``$ROADMAP_STATE``, else ``$XDG_STATE_HOME/roadmap/state.db``."""
    if environ.get("ROADMAP_STATE"):
        return Path(environ["ROADMAP_STATE"])
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "state.db"


def identity_file(environ: Mapping[str, str]) -> Path:
    """The age identity used when no other is named: ``$XDG_CONFIG_HOME/roadmap/identity.txt``."""
    return config_directory(environ) / "identity.txt"


def config_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/roadmap``."""
    return _base(environ, "XDG_CONFIG_HOME", ".config")


def data_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_DATA_HOME/roadmap``: model weights and other things worth keeping."""
    return _base(environ, "XDG_DATA_HOME", ".local/share")


def models_directory(environ: Mapping[str, str]) -> Path:
    """Where weights are kept: ``$ROADMAP_MODELS``, else ``models`` in the data directory."""
    if environ.get("ROADMAP_MODELS"):
        return Path(environ["ROADMAP_MODELS"])
    return data_directory(environ) / "models"


def snapshots_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/roadmap/snapshots``: copies of projects as they were before a program ran in them."""
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "snapshots"


def slm_socket(environ: Mapping[str, str], state: Path | None = None) -> Path:
    """Where slm-serve listens: ``slm.sock`` in ``$XDG_RUNTIME_DIR/roadmap``, else beside the state file.

    One server for one state file, into which it writes the calls: with another `state` than the usual one the name
    holds the beginning of a hash of its path.
    """
    usual = state_file({name: value for name, value in environ.items() if name != "ROADMAP_STATE"})
    state = state_file(environ) if state is None else state
    place = os.path.realpath(state)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / APP if runtime.startswith("/") else Path(place).parent
    if place == os.path.realpath(usual):
        return folder / "slm.sock"
    return folder / f"slm-{zlib.crc32(os.fsencode(place)):08x}.sock"


def cache_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/roadmap``: what can be made again."""
    return _base(environ, "XDG_CACHE_HOME", ".cache")
