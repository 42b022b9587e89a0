"""Opening the weights of small models that see and hear: ONNX files and TensorFlow Lite files, for the CPU.

The one place where such sessions are set up: threads do not spin, and nothing is written to standard error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable
from roadmap_cli.models import registry


def onnx(model: str | bytes, where: Path, threads: int, *, outside: Mapping[str, bytes] | None = None) -> Any:
    """An onnxruntime session of a file or of its bytes; `outside` holds the files its weights lie in.

    Raises Unavailable without onnxruntime, DataError if it is no graph that it can load.
    """
    # Its wheels for Linux keep an id of the device and report to their makers, unless told in time.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError:
        raise Unavailable("onnxruntime is missing", hint=packages.mend("onnxruntime"), code="no_onnxruntime") from None
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
        raise DataError(f"not a model onnxruntime can load: {words}", where=str(where), code="bad_model") from error


def litert(path: Path, threads: int = 1) -> Callable[[Any], list[Any]]:
    """A TensorFlow Lite model as a function: a float32 input of the model's shape in, its outputs in order out.

    Raises Unavailable without ai-edge-litert, DataError if the file is no model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise Unavailable("ai-edge-litert is missing", hint=packages.mend("ai-edge-litert"), code="no_litert") from None
    with _silent():
        try:
            interpreter = Interpreter(str(path), num_threads=threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            words = str(error).strip().splitlines()[0][:160]
            raise DataError(f"not a model LiteRT can load: {words}", where=str(path), code="bad_model") from error
    given = interpreter.get_input_details()[0]["index"]
    told = [output["index"] for output in interpreter.get_output_details()]

    def run(value: Any) -> list[Any]:
        interpreter.set_tensor(given, value)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in told]

    return run


def paths(environ: Mapping[str, str], name: str) -> dict[str, Path] | None:
    """The installed files of a model by name; None if it was not pulled. Raises ConfigError if they are damaged."""
    found = registry.load(environ)
    model = found.model(name)
    try:
        return {file.name: found.file(model, file.name) for file in model.files}
    except RoadmapError as error:
        if error.code == "missing_weights":
            return None
        raise


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches standard error in the block: the runtime announces its delegates there, and cannot be asked not
    to."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _runtime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    found: list[type[Exception]] = [getattr(states, name) for name in names if hasattr(states, name)]
    return tuple(found)
