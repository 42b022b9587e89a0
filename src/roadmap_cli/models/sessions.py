"""Opening a graph for onnxruntime: the one way, with threads that do not spin while they wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, Unavailable


def open_graph(model: str | bytes, graph: Path, threads: int, *, outside: dict[str, bytes] | None = None) -> Any:
    """A session on a graph's path or bytes; `graph` names it in errors, `outside` holds the files its weights lie in.

    Raises Unavailable without onnxruntime, DataError if it is no graph that it can load.
    """
    try:
        import onnxruntime
    except ImportError:
        raise Unavailable("onnxruntime is missing", hint="make install", code="no_onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if outside:
        names = list(outside)
        options.add_external_initializers_from_files_in_memory(
            names, [outside[name] for name in names], [len(outside[name]) for name in names]
        )
    failures: tuple[type[Exception], ...] = (OSError, RuntimeError, ValueError, *_runtime_errors())
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except failures as error:
        words = str(error).strip().splitlines()[0][:160]
        raise DataError(f"not a model onnxruntime can load: {words}", where=str(graph), code="bad_model") from error


def _runtime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    found: list[type[Exception]] = [getattr(states, name) for name in names if hasattr(states, name)]
    return tuple(found)
