"""The models a server knows: what each is, and in which state it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core import paths
from roadmap_cli.core.errors import ConfigError, DataError, InputMissing
from roadmap_cli.models import registry
from roadmap_cli.models.registry import Registry
from roadmap_cli.slm.serve.process import Process

#: Beside its weights, until it was measured, for a model whose memory cannot be told from its file.
OVERHEAD_BYTES = 160 << 20


@dataclass(eq=False, slots=True)
class Slot:
    """One model. `state` is ``cold``, ``loading``, ``ready`` or ``unloading``; times are of the monotonic clock.

    `key` is what it is found by: its name, or the path of its file; `name` is what it is called.
    """

    key: str
    name: str
    path: Path
    task: str
    tokenizer: Path | None = None
    max_tokens: int = 512
    state: str = "cold"
    process: Process | None = None
    pinned: bool = False
    tickets: dict[int, asyncio.Queue[dict[str, Any]]] = field(default_factory=dict)
    claims: int = 0
    opening: asyncio.Task[Process] | None = None
    leaving: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None
    context_size: int | None = None
    sequences: int = 1
    dimensions: int | None = None
    restored: int = 0
    load_ms: float = 0.0
    size: int = 0
    last_used: float = 0.0
    crashes: list[float] = field(default_factory=list)
    problem: str | None = None
    loads: int = 0
    kept_at: float = 0.0
    shrunk: bool = False

    @property
    def busy(self) -> bool:
        """Whether a request is in flight, or waits for it, or it is on its way in or out."""
        return self.claims > 0 or self.state in ("loading", "unloading")

    def need(self, engine: Mapping[str, Any]) -> int:
        """Bytes it will take, as measured the last time, else told from its file. Raises InputMissing.

        `engine` is what the server's engines are made with: sequences, context_size, kv_type.
        """
        if self.size:
            return self.size
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise InputMissing(f"cannot be read: {(error.strerror or '').lower()}", where=str(self.path)) from None
        if self.task == "chat":
            with contextlib.suppress(DataError, KeyError, ValueError):  # what is wrong with it, loading will say
                return _told(self.path, engine)
        return size + OVERHEAD_BYTES


def _told(path: Path, engine: Mapping[str, Any]) -> int:
    from roadmap_cli.models.conversation.engine import DEFAULT_CONTEXT
    from roadmap_cli.slm.device.probe import Machine
    from roadmap_cli.slm.device.processor import cpuinfo
    from roadmap_cli.slm.quantize import estimate, header

    return estimate.need(
        header.read(path),
        {},
        context_size=engine.get("context_size") or DEFAULT_CONTEXT,
        kv_type=engine.get("kv_type") or "f16",
        instructions=cpuinfo(Machine(Path("/"), {})).flags,
        conversations=engine.get("sequences") or 1,
    ).total_bytes


class Catalogue:
    """Names → slots, by the registry, which is read anew when the user's file has changed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._own = paths.config_directory(environ) / "models.toml"
        self._read_at = -1
        self._registry: Registry | None = None
        self.slots: dict[str, Slot] = {}

    @property
    def registry(self) -> Registry:
        """The models known by name. Raises ConfigError if the user's file is not what it should be."""
        changed = self._own.stat().st_mtime_ns if self._own.exists() else 0
        if self._registry is None or changed != self._read_at:
            self._registry, self._read_at = registry.load(self._environ), changed
        return self._registry

    def slot(self, name: str | None, *, task: str = "chat", files: bool) -> Slot:
        """The slot of a model; None is the default one. `files`: the path of a GGUF file is a name, too.

        Raises ConfigError (unknown, for something else, damaged), Unavailable (not pulled), InputMissing, DataError.
        """
        found = self.registry
        if name is None:
            name = (self._environ.get("ROADMAP_MODEL") if task == "chat" else None) or found.defaults[task]
        if "/" in name or name.endswith(".gguf"):
            if not files:
                raise ConfigError(f"no model of the name {name!r}", hint="slm-models list", code="unknown_model")
            return self._of_file(name, task)
        if name in found.endpoints:
            raise ConfigError(f"{name!r} is an endpoint, not a model on this machine", code="unknown_model")
        model = found.model(name)
        if model.task != task:
            raise ConfigError(f"model {name!r} is for {model.task!r}, not for {task!r}", code="wrong_task")
        slot = self.slots.get(name)
        if slot is None or slot.state == "cold":
            slot = slot or Slot(name, name, Path(), task)
            graph = next((file.name for file in model.files if file.name.endswith(".onnx")), None)
            slot.path = found.file(model, graph if task == "embed" else None)
            if task == "embed":
                slot.tokenizer, slot.max_tokens = found.file(model, "tokenizer.json"), model.max_tokens or 512
            self.slots[name] = slot
        return slot

    def installed(self) -> list[tuple[str, str]]:
        """(name, task) of every model whose weights are here."""
        found = self.registry
        return [(name, model.task) for name, model in sorted(found.models.items()) if found.installed(model)]

    def _of_file(self, name: str, task: str) -> Slot:
        from roadmap_cli.models.conversation.llama import check_file

        path = Path(os.path.realpath(Path(name).expanduser()))
        if task != "chat":
            raise ConfigError(f"{name!r} is a file; models for {task!r} have names", code="wrong_task")
        check_file(path)
        slot = self.slots.get(str(path))
        if slot is None:
            if path.suffix != ".gguf":
                raise DataError("not a .gguf file", where=str(path), code="bad_model")
            slot = self.slots[str(path)] = Slot(str(path), path.stem, path, task)
        return slot
