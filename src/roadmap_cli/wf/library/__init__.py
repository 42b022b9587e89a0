"""The templates that come along, and where the user's own are; the programs of a step find the toolchain's commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_cli.core import paths
from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.wf.language import tomlfile, yamlfile
from roadmap_cli.wf.language.lint import secrets

#: The user's settings, beside the user's templates.
SETTINGS = "settings.toml"


def places(named: Sequence[str], environ: Mapping[str, str]) -> list[Path]:
    """Where to read templates from: the places named, else the user's folder and the one that comes along."""
    if named:
        return [Path(each) for each in named]
    own = paths.config_directory(environ) / "workflows"
    return [*([own] if own.is_dir() else []), Path(__file__).parent]


def settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the user's templates shall use: channels, hosts, databases; empty if nothing is set.

    Raises ConfigError for a file that is not TOML, cannot be read, or holds what looks like a secret.
    """
    path = paths.config_directory(environ) / "workflows" / SETTINGS
    try:
        with path.open("rb") as file:
            data = file.read(yamlfile.MOST_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    try:
        document = tomlfile.read(data, str(path))
    except DataError as error:
        raise ConfigError(error.message, where=error.where, code=error.code) from None
    for way, what in secrets.found(document.value):
        message = f"{what} is written in the settings, which plans repeat; store it and name it with 'secret'"
        raise ConfigError(message, where=document.where(way), code="secret_in_settings")
    found: dict[str, Any] = document.value
    return found


def environ(given: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the commands of this toolchain are found first, and the Python they run on.

    Those of the checkout, or installed beside that Python. It is one a confined program can be shown, which the script
    that a version manager puts in its place is not.
    """
    checkout = Path(__file__).resolve().parents[4] / "bin"
    own = Path(sys.executable).parent
    programs = f"{checkout}:{own}" if (checkout / "_launch").exists() else own
    return {**given, "PATH": f"{programs}:{given.get('PATH') or '/usr/bin:/bin'}"}
