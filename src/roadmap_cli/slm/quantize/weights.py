"""Weights of a lower precision, made by llama.cpp in the child."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any

from roadmap_cli.slm.quantize import importance
from roadmap_cli.slm.quantize.computing import Failed, Send, library

_TENSOR = re.compile(r"\[ *(\d+)/ *(\d+)\] +(\S+) +- \[")
_NEW_TYPE = re.compile(r"->.*\((\w+)\)")


def quantize(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Quantize, or with ``dry`` only tell each tensor's new type, for each format of ``formats`` (name → number)."""
    llama, log = library()
    found: dict[str, dict[str, str]] = {}
    for name, number in task["formats"].items():
        types: dict[str, str] = {}
        current = ""

        def listen(line: str, types: dict[str, str] = types, name: str = name) -> None:
            nonlocal current
            start = _TENSOR.search(line)
            if start:
                current = start[3]
                send({"event": "tensor", "format": name, "done": int(start[1]), "of": int(start[2]), "name": current})
            told = _NEW_TYPE.search(line)
            if told and current:
                types[current] = told[1]

        log.listen = listen
        settings, held = _settings(llama, task, number)
        code = llama.llama_model_quantize(
            os.fsencode(task["source"]), os.fsencode(task.get("target", os.devnull)), ctypes.byref(settings)
        )
        del held
        if code != 0:
            raise Failed(f"llama.cpp cannot make {name} of it: {log.complaint or 'no reason given'}", "cannot_quantize")
        found[name] = types
    return {"types": found}


def _settings(llama: Any, task: dict[str, Any], number: int) -> tuple[Any, list[Any]]:
    """llama.cpp's parameters, and what they point at, to be held on to."""
    settings = llama.llama_model_quantize_default_params()
    size = ctypes.sizeof(settings)
    if size < 56 or settings.only_copy or settings.pure or settings.dry_run:
        raise Failed("this llama-cpp-python has parameters of another shape", "no_llama")
    settings.ftype = number
    settings.nthread = task.get("threads", 1)
    settings.allow_requantize = True
    settings.dry_run = bool(task.get("dry"))
    settings.max_buf_size = task.get("buffer_bytes", 0)
    held: list[Any] = []
    if task.get("tensors"):
        kind = llama.llama_model_tensor_override
        overrides = (kind * (len(task["tensors"]) + 1))()
        for place, (pattern, type_number) in enumerate(task["tensors"]):
            overrides[place].pattern = pattern.encode()
            overrides[place].type = type_number
        settings.tt_overrides = ctypes.cast(overrides, ctypes.POINTER(kind))
        held.append(overrides)
    if task.get("imatrix"):
        entries = importance.entries(llama, task["imatrix"])
        settings.imatrix = ctypes.cast(entries[0], ctypes.POINTER(llama.llama_model_imatrix_data))
        held += entries
    return settings, held
