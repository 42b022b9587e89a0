"""Which models there are, where their files belong, and whether they are there and sound.

A model is installed when its ``installed.json`` is: that file is written last and names every other with its hash.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core import paths
from roadmap_cli.core.errors import CannotCreate, ConfigError, Unavailable

INSTALLED = "installed.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a file come from: a member of a package's wheel, a URL, or a file on this machine."""

    package: str | None = None
    version: str | None = None
    member: str | None = None
    url: str | None = None
    path: str | None = None

    def words(self) -> str:
        """The source in one line."""
        if self.package:
            return f"package {self.package} {self.version}"
        return self.url or f"file {self.path}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. With `build`, size and hash are those of the weights it is made from."""

    name: str
    size: int | None
    sha256: str | None
    sources: tuple[Source, ...]
    build: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the registry."""

    name: str
    title: str
    task: str
    licence: str
    origin: str | None
    files: tuple[ModelFile, ...]
    max_tokens: int | None = None

    @property
    def size(self) -> int | None:
        """Bytes to fetch, or None if one file's size is not known beforehand."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service that speaks the OpenAI chat interface. Prices are per million tokens, in `currency`.

    `schema_as` is how a schema is sent: ``json_schema`` as OpenAI has it, ``json_object`` for servers that want it as
    ``{"type": "json_object", "schema": …}``. `tools` says that it takes calls of tools; `infill` how it is asked to
    fill a gap over ``/completions``: the name of the field for what stands after it (``suffix``), or the three marks
    before, between and behind the two texts. `width` is how many requests it may be sent at once, `context_size` how
    many tokens prompt and reply may have together.
    """

    name: str
    url: str
    model: str
    key_file: str | None = None
    key_env: str | None = None
    price_in: float | None = None
    price_out: float | None = None
    currency: str | None = None
    timeout_s: float = 300.0
    schema_as: str = "json_schema"
    tools: bool = False
    infill: str | tuple[str, str, str] = ""
    width: int = 1
    context_size: int | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """Every model and endpoint by name, the defaults by task, and the folder of the weights."""

    models: Mapping[str, Model]
    endpoints: Mapping[str, Endpoint]
    defaults: Mapping[str, str]
    directory: Path

    def model(self, name: str) -> Model:
        """The entry of this name. Raises ConfigError if there is none."""
        try:
            return self.models[name]
        except KeyError:
            raise ConfigError(f"no model of the name {name!r}", hint="slm-models list", code="unknown_model") from None

    def place(self, model: Model) -> Path:
        """The folder of a model's files, whether it is there or not."""
        return self.directory / model.name

    def installed(self, model: Model) -> dict[str, Any] | None:
        """What was written down when the model was pulled, or None if it is not installed."""
        try:
            facts = json.loads((self.place(model) / INSTALLED).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the notes on model {model.name!r} cannot be read: {error}", hint=f"slm-models pull {model.name}"
            ) from error
        if not isinstance(facts, dict) or not isinstance(facts.get("files"), dict):
            raise ConfigError(f"the notes on model {model.name!r} are damaged", hint=f"slm-models pull {model.name}")
        return facts

    def file(self, model: Model, name: str | None = None) -> Path:
        """The path of an installed file (the first one by default), looked at first.

        Size and time of change are compared with those at the pull; only if they differ is the file hashed again.
        Raises Unavailable if it is missing, ConfigError if it is not what was pulled.
        """
        name = name or model.files[0].name
        facts = self.installed(model)
        hint = f"slm-models pull {model.name}"
        if facts is None or name not in facts["files"]:
            raise Unavailable(f"the weights of {model.name!r} are not here", hint=hint, code="missing_weights")
        path = self.place(model) / name
        noted = facts["files"][name]
        try:
            status = path.stat()
        except OSError:
            raise Unavailable(
                f"the weights of {model.name!r} are not here: {path}", hint=hint, code="missing_weights"
            ) from None
        same = status.st_size == noted["size"] and status.st_mtime_ns == noted["mtime_ns"]
        if not same and file_hash(path) != noted["sha256"]:
            raise ConfigError(f"the weights of {model.name!r} are damaged: {path}", hint=hint, code="damaged_weights")
        return path

    def verify(self, model: Model) -> list[dict[str, Any]]:
        """Hash every file of an installed model: one dict a file with ``file``, ``ok`` and, if not, ``problem``.

        Raises Unavailable if the model is not installed.
        """
        facts = self.installed(model)
        if facts is None:
            raise Unavailable(
                f"the weights of {model.name!r} are not here",
                hint=f"slm-models pull {model.name}",
                code="missing_weights",
            )
        found = []
        for file in model.files:
            noted = facts["files"].get(file.name)
            path = self.place(model) / file.name
            problem = None
            if noted is None or not path.is_file():
                problem = "missing"
            elif file.sha256 not in (None, noted["sha256"] if file.build is None else noted.get("from_sha256")):
                problem = "another version than the registry names"
            elif file_hash(path) != noted["sha256"]:
                problem = "damaged"
            found.append({"file": file.name, "ok": problem is None} | ({"problem": problem} if problem else {}))
        return found

    def remove(self, model: Model) -> int:
        """Delete an installed model and return the bytes freed. Raises Unavailable if it is not installed."""
        place = self.place(model)
        if not place.is_dir():
            raise Unavailable(f"model {model.name!r} is not installed", code="missing_weights")
        freed = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        try:
            (place / INSTALLED).unlink(missing_ok=True)
            shutil.rmtree(place)
        except OSError as error:
            raise CannotCreate(f"model {model.name!r} cannot be removed: {error}") from error
        return freed


def load(environ: Mapping[str, str]) -> Registry:
    """The models that come with the toolchain and those of the user's ``models.toml``, whose names win.

    Raises ConfigError that names the file and the entry if the user's file is not what it should be.
    """
    shipped = tomllib.loads(Path(__file__).with_name("models.toml").read_text("utf-8"))
    own_path = paths.config_directory(environ) / "models.toml"
    own: dict[str, Any] = {}
    try:
        own = tomllib.loads(own_path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(own_path)) from error
    models = _models(shipped, "models.toml") | _models(own, str(own_path))
    defaults = {**shipped["default"], **_table(own, "default", str(own_path))}
    return Registry(models, _endpoints(own, str(own_path)), defaults, paths.models_directory(environ))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _models(document: Mapping[str, Any], where: str) -> dict[str, Model]:
    found = {}
    for name, entry in _table(document, "model", where).items():
        if not _NAME.match(name):
            raise ConfigError(f"not a name for a model: {name!r}", where=where)
        files = tuple(_file(item, f"{where}: model {name!r}") for item in entry.get("file", ()))
        if not files:
            raise ConfigError(f"model {name!r} has no file", where=where)
        found[name] = Model(
            name=name,
            title=str(entry.get("title", name)),
            task=str(entry.get("task", "chat")),
            licence=str(entry.get("licence", "not stated")),
            origin=entry.get("origin"),
            files=files,
            max_tokens=entry.get("max_tokens"),
        )
    return found


def _file(item: Mapping[str, Any], where: str) -> ModelFile:
    name = item.get("name")
    if not isinstance(name, str) or not _FILE_NAME.match(name) or name == INSTALLED:
        raise ConfigError(f"not a file name: {name!r}", where=where)
    digest = item.get("sha256")
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", str(digest)):
        raise ConfigError(f"not a SHA-256 in hexadecimal: {digest!r}", where=where)
    try:
        sources = tuple(Source(**source) for source in item["sources"])
    except (KeyError, TypeError):
        raise ConfigError(
            f"file {name!r} needs sources, each with package, version and member, or url, or path", where=where
        ) from None
    for source in sources:
        whole_package = source.package and source.version and source.member
        if not (whole_package or source.url or source.path):
            raise ConfigError(f"file {name!r} has a source with neither package, url nor path", where=where)
        if source.url and digest is None:
            raise ConfigError(f"file {name!r} comes from a URL and needs its sha256", where=where)
    return ModelFile(name, item.get("size"), digest, sources, item.get("build"))


def _endpoints(document: Mapping[str, Any], where: str) -> dict[str, Endpoint]:
    found = {}
    for name, entry in _table(document, "endpoint", where).items():
        if "key" in entry:
            raise ConfigError(
                f"endpoint {name!r} holds its key in the open",
                where=where,
                hint="put the key into a file and name it as key_file",
            )
        if isinstance(entry.get("infill"), list):
            entry = {**entry, "infill": tuple(entry["infill"])}
        try:
            found[name] = Endpoint(name=name, **entry)
        except TypeError:
            known = ", ".join(Endpoint.__dataclass_fields__)
            raise ConfigError(
                f"endpoint {name!r} needs url and model and may have only: {known}", where=where
            ) from None
        if found[name].schema_as not in ("json_schema", "json_object"):
            raise ConfigError(f"endpoint {name!r}: schema_as is json_schema or json_object", where=where)
        _check_extras(found[name], where)
        for field in ("url", "model"):
            if not isinstance(getattr(found[name], field), str):
                raise ConfigError(f"endpoint {name!r}: {field} is not text", where=where)
    return found


def _check_extras(endpoint: Endpoint, where: str) -> None:
    """Raise ConfigError for what an endpoint says of its abilities and is no such thing."""
    words, infill = f"endpoint {endpoint.name!r}", endpoint.infill
    if not isinstance(endpoint.tools, bool):
        raise ConfigError(f"{words}: tools is true or false", where=where)
    marks = infill if isinstance(infill, tuple) else (infill,) * 3 if infill else ("no",) * 3
    if len(marks) != 3 or not all(isinstance(mark, str) and mark for mark in marks):
        raise ConfigError(f"{words}: infill is the name of a field, or a list of three marks", where=where)
    for field, most in (("width", 64), ("context_size", 1 << 30)):
        value = getattr(endpoint, field)
        if value is not None and (type(value) is not int or not 1 <= value <= most):
            raise ConfigError(f"{words}: {field} is a whole number from 1 to {most}", where=where)


def _table(document: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict) or (
        name != "default" and not all(isinstance(entry, dict) for entry in table.values())
    ):
        raise ConfigError(f"{name!r} is not a table", where=where)
    return table
