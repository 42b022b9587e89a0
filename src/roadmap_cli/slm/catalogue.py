"""The models this machine knows, as ``slm.model`` records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.models.registry import Endpoint, Model, Registry, load

__all__ = ["chosen", "described", "installed_names", "listed", "load", "verified"]


def listed(registry: Registry, at: datetime) -> Iterator[Record]:
    """Every model and endpoint, by name; hashes are not looked at."""
    for name in sorted({*registry.models, *registry.endpoints}):
        if name in registry.endpoints:
            yield _endpoint(registry.endpoints[name], at)
        else:
            yield described(registry, registry.models[name], at)


def chosen(registry: Registry, names: Sequence[str]) -> list[Model]:
    """The models of these names; without names the default ones. Raises ConfigError for a name there is not."""
    return [registry.model(name) for name in names or sorted(set(registry.defaults.values()))]


def described(registry: Registry, model: Model, at: datetime) -> Record:
    """One model, with ``state`` ``installed``, ``missing`` or ``damaged``."""
    record: Record = {
        "kind": "slm.model",
        "id": content_id("slm.model", name=model.name, sha256=[file.sha256 or "" for file in model.files]),
        "at": stamp(at),
        "name": model.name,
        "task": model.task,
        "state": _state(registry, model),
        "licence": model.licence,
        "title": model.title,
        "runs_on": "this machine",
        "is_default": model.name in registry.defaults.values(),
        "sources": sorted({source.words() for file in model.files for source in file.sources}),
        "path": str(registry.place(model)),
    }
    if model.size is not None:
        record["size_bytes"] = model.size
    if model.origin is not None:
        record["origin"] = model.origin
    return record


def verified(registry: Registry, model: Model, at: datetime) -> Record:
    """One model with every file hashed: ``is_sound`` and, where it is not, ``problems``.

    Raises Unavailable if it is not installed.
    """
    found = registry.verify(model)
    problems = [f"{item['file']}: {item['problem']}" for item in found if not item["ok"]]
    record = described(registry, model, at) | {"is_sound": not problems}
    if problems:
        record |= {"state": "damaged", "problems": problems}
    return record


def installed_names(registry: Registry) -> list[str]:
    """The names of the models that are installed."""
    return [name for name, model in sorted(registry.models.items()) if registry.place(model).is_dir()]


def _state(registry: Registry, model: Model) -> str:
    try:
        facts = registry.installed(model)
    except ConfigError:
        return "damaged"
    if facts is None:
        return "missing"
    for file in model.files:
        noted: dict[str, Any] | None = facts["files"].get(file.name)
        path = registry.place(model) / file.name
        if noted is None or not path.is_file() or path.stat().st_size != noted["size"]:
            return "damaged"
    return "installed"


def _endpoint(endpoint: Endpoint, at: datetime) -> Record:
    return {
        "kind": "slm.model",
        "id": content_id("slm.model", name=endpoint.name, url=endpoint.url, model=endpoint.model),
        "at": stamp(at),
        "name": endpoint.name,
        "task": "chat",
        "state": "endpoint",
        "licence": "the service's",
        "title": f"{endpoint.model} at {endpoint.url}",
        "runs_on": endpoint.url,
        "is_default": False,
        "sources": [],
    }
