"""Where state, configuration, data and cache live: the XDG base directories, and nowhere else.

A relative XDG variable is ignored, as the XDG Base Directory Specification 0.8 asks.
"""

from __future__ import annotations

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


def cache_directory(environ: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/roadmap``: what can be made again."""
    return _base(environ, "XDG_CACHE_HOME", ".cache")
