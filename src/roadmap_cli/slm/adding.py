"""Giving a name to a model file of one's own: an entry of the user's models.toml, and the weights in their place.

The weights are put into place first and the entry is written last, whole or not at all: whoever is interrupted has
either no such model or all of it. What else stands in the file, comments included, stays as it is.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from roadmap_cli.core import paths
from roadmap_cli.core.errors import CannotCreate, ConfigError, DataError, UsageError
from roadmap_cli.models import registry
from roadmap_cli.models.installing.pull import pull
from roadmap_cli.models.registry import Model, ModelFile, Registry, Source
from roadmap_cli.net.transport import Transport
from roadmap_cli.slm.quantize import header
from roadmap_cli.state.lock import one_at_a_time

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")
_AWKWARD = re.compile(r"[^A-Za-z0-9._+-]+")


def entry(name: str, path: Path, *, title: str | None, licence: str, origin: str | None) -> Model:
    """What would be known of the file under the name; it is read whole for its hash.

    Raises UsageError (no name for a model), InputMissing (no such file), DataError (not a sound GGUF file).
    """
    if not _NAME.match(name):
        raise UsageError(f"not a name for a model: {name!r}", hint="small letters, digits, '.', '_' and '-'")
    told = header.read(path)
    file_name = _AWKWARD.sub("_", path.name)[-180:].lstrip(".+-_") or "model.gguf"
    size, digest = path.stat().st_size, registry.file_hash(path)
    own = told.values.get("general.name")
    return Model(
        name=name,
        title=title or (own if isinstance(own, str) and own.strip() else name),
        task="chat",
        licence=licence,
        origin=origin,
        files=(ModelFile(file_name, size, digest, (Source(path=os.path.realpath(path)),)),),
    )


def add(
    model: Model,
    path: Path,
    *,
    environ: Mapping[str, str],
    transport: Transport,
    at: datetime,
    wait_s: float,
    progress: Callable[[int], object] = lambda count: None,
) -> tuple[Registry, bool]:
    """Put the weights into place and the entry into models.toml; the registry then, and whether anything was new.

    Raises DataError if the name is another model's or the file changes meanwhile, ConfigError if models.toml is not in
    order or cannot take an entry at its end, TryLater (another one adds), CannotCreate (no room, no permission).
    """
    settings = Path(os.path.realpath(paths.config_directory(environ) / "models.toml"))
    try:
        settings.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotCreate(f"{error.strerror}", where=str(settings.parent)) from error
    with one_at_a_time(settings, "add", wait_s):
        found = registry.load(environ)
        refuse_taken(found, model)
        text = None if model.name in found.models else _with_entry(settings, model)
        fetched = pull(
            found, model, transport=transport, at=at, wait_s=wait_s, given=path, progress=progress
        )  # before the entry: a name without weights is never seen
        if text is not None:
            _write(settings, text)
        return registry.load(environ), fetched or text is not None


def refuse_taken(found: Registry, model: Model) -> None:
    """Raise DataError if the name is that of another model or of an endpoint."""
    there = found.models.get(model.name)
    same = there is not None and [file.sha256 for file in there.files] == [file.sha256 for file in model.files]
    if model.name in found.endpoints or (there is not None and not same):
        raise DataError(
            f"there is another model of the name {model.name!r}",
            hint=f"slm-models show {model.name}",
            code="name_taken",
        )


def _with_entry(settings: Path, model: Model) -> str:
    """The text of models.toml with the entry at its end, looked at first."""
    try:
        before = settings.read_text("utf-8")
    except FileNotFoundError:
        before = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(settings)) from error
    (file,) = model.files
    key = _text(model.name)
    facts = {"title": model.title, "task": model.task, "licence": model.licence, "origin": model.origin}
    lines = [f"[model.{key}]", *(f"{name} = {_text(value)}" for name, value in facts.items() if value is not None)]
    lines += ["", f"[[model.{key}.file]]", f"name = {_text(file.name)}", f"size = {file.size}"]
    lines += [f"sha256 = {_text(file.sha256 or '')}", f"sources = [{{ path = {_text(file.sources[0].path or '')} }}]"]
    text = before + ("" if not before or before.endswith("\n") else "\n") + ("\n" if before else "")
    text += "\n".join(lines) + "\n"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"an entry at its end would not be read: {error}", where=str(settings), hint="write models as [model.NAME]"
        ) from None
    return text


def _text(value: str) -> str:
    """A basic string of TOML: that of JSON, but for DEL, and with other letters as they are."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(settings: Path, text: str) -> None:
    """Replace the file as a whole, with the mode it had."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{settings.name}.", dir=settings.parent)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                with suppress(FileNotFoundError):
                    os.fchmod(file.fileno(), settings.stat().st_mode & 0o7777)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(settings)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotCreate.of(error, settings) from error


def planned(found: Registry, model: Model) -> Registry:
    """The registry as it would be."""
    return replace(found, models={**found.models, model.name: model})
