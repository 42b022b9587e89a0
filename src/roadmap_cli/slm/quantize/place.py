"""Where a quantized model goes: among the models that slm-models knows, complete or not at all."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from roadmap_cli.core import paths
from roadmap_cli.core.errors import CannotCreate, ConfigError, UsageError
from roadmap_cli.models.registry import INSTALLED, Registry, file_hash

_BEGIN, _END = "# begin: made by slm-quantize: {}\n", "# end: {}\n"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")


def settings_file(environ: Mapping[str, str]) -> Path:
    """The user's models.toml, into which the model is written."""
    return paths.config_directory(environ) / "models.toml"


def check_name(registry: Registry, environ: Mapping[str, str], name: str) -> None:
    """Raise UsageError if a model cannot have this name: no name at all, or that of a model not made here."""
    if not _NAME.match(name):
        raise UsageError(f"not a name for a model: {name!r}", hint="lower-case letters, digits, '.', '_' and '-'")
    taken = name in registry.endpoints or name in registry.models
    if taken and _BEGIN.format(name) not in _text(settings_file(environ)):
        raise UsageError(f"there is a model {name!r} already", hint="choose another with --name")


def install(
    registry: Registry, environ: Mapping[str, str], name: str, made: Path, *, title: str, licence: str,
    origin: str | None, source: str, at: str,
) -> tuple[Path, str]:  # fmt: skip
    """Move a finished file to its place and make it known; its path and its hash.

    The order is such that a kill at any moment leaves either the model as it was before or the new one: the file and
    the note that makes it a model first, the entry in models.toml last. Raises CannotCreate, ConfigError.
    """
    folder = registry.directory / name
    path = folder / f"{name}.gguf"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INSTALLED).unlink(missing_ok=True)
        made.replace(path)
        digest, status = file_hash(path), path.stat()
        files = {path.name: {"size": status.st_size, "sha256": digest, "mtime_ns": status.st_mtime_ns}}
        facts = {"model": name, "licence": licence, "at": at, "sources": [source], "files": files}
        _write(folder / INSTALLED, json.dumps(facts, indent=1))
        entry = {"title": title, "task": "chat", "licence": licence, **({"origin": origin} if origin else {})}
        _register(settings_file(environ), name, entry, path, status.st_size, digest)
    except OSError as error:
        raise CannotCreate((error.strerror or str(error)).lower(), where=str(error.filename or folder)) from error
    return path, digest


def _register(settings: Path, name: str, entry: Mapping[str, str], path: Path, size: int, digest: str) -> None:
    text = _without(_text(settings), name)
    lines = [f"[model.{_quoted(name)}]", *(f"{key} = {_quoted(value)}" for key, value in entry.items()), ""]
    lines += [
        f"[[model.{_quoted(name)}.file]]", f"name = {_quoted(path.name)}", f"size = {size}", f'sha256 = "{digest}"',
        f"sources = [{{ path = {_quoted(str(path))} }}]",
    ]  # fmt: skip
    if text and not text.endswith("\n"):
        text += "\n"
    text += ("\n" if text else "") + _BEGIN.format(name) + "\n".join(lines) + "\n" + _END.format(name)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the model cannot be written into it: {error}", where=str(settings)) from error
    settings.parent.mkdir(parents=True, exist_ok=True)
    _write(settings.resolve(), text)


def forget(environ: Mapping[str, str], name: str) -> None:
    """Take a model out of models.toml again."""
    settings = settings_file(environ)
    text = _text(settings)
    if _BEGIN.format(name) in text:
        _write(settings.resolve(), _without(text, name))


def _without(text: str, name: str) -> str:
    begin, end = _BEGIN.format(name), _END.format(name)
    start = text.find(begin)
    stop = text.find(end, start)
    if start < 0 or stop < 0:
        return text
    return text[:start].removesuffix("\n") + text[stop + len(end) :]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole, on the disk before it counts."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file or folder onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
