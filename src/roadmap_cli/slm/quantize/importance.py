"""How much each column of each matrix of a model matters (an importance matrix): measured in the child, and handed on.

As llama-imatrix does: the mean squares of what goes into each matrix while a text is read.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from roadmap_cli.slm.quantize.computing import Failed, Loaded, Send, chunks_of, library


class GgmlTensor(ctypes.Structure):
    """The beginning of ggml's struct ggml_tensor (ggml.h); llama-cpp-python does not declare it."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    ]


def imatrix(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Mean squares of what goes into each matrix while a text is read: how much each of its columns matters.

    As llama-imatrix does, through llama.cpp's evaluation callback: it is asked about each node of the graph, and handed
    those that are products with a matrix of the model once they are computed.
    ``shapes`` (name → columns, of the file's header) guards against a ggml with tensors of another layout.
    """
    import numpy

    llama, log = library()
    columns: dict[str, int] = task["shapes"]
    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}
    wrong: list[str] = []

    def weight_of(node: GgmlTensor) -> str | None:
        if not node.src[0] or not node.src[1]:
            return None
        name = GgmlTensor.from_address(node.src[0]).name.decode("utf-8", "replace")
        return name if name in columns else None

    def seen(pointer: int, ask: bool, _: object) -> bool:
        node = GgmlTensor.from_address(pointer)
        name = weight_of(node)
        if ask:
            return name is not None
        if name is None:
            return True
        given = GgmlTensor.from_address(node.src[1])
        width, rows = given.ne[0], given.ne[1] * given.ne[2] * given.ne[3]
        plain = given.nb[0] == 4 and given.nb[1] == 4 * width
        if given.type != 0 or width != columns[name] or not plain or not given.data or not 0 < rows <= 1 << 20:
            wrong.append(name)
            return True
        address = (ctypes.c_float * (width * rows)).from_address(given.data)
        values = numpy.frombuffer(address, dtype=numpy.float32).reshape(rows, width)
        squares = numpy.einsum("ij,ij->j", values, values, dtype=numpy.float64)
        sums[name] = squares if name not in sums else sums[name] + squares
        counts[name] = counts.get(name, 0) + rows
        return True

    callback = llama.ggml_backend_sched_eval_callback(seen)
    model = Loaded(llama, log, task["source"], threads=task["threads"], eval_callback=callback)
    chunks = chunks_of(model, task["text"], task["chunks"])
    if not chunks:
        raise Failed(f"the text has fewer than {model.chunk} tokens", "bad_text")
    for number, tokens in enumerate(chunks, 1):
        model.compute(tokens, len(tokens) - 1)
        send({"event": "chunk", "done": number, "of": len(chunks)})
    if not sums:
        raise Failed("llama.cpp showed no product with a matrix of the model", "no_imatrix")
    means = {name: (sums[name] / counts[name]).astype(numpy.float32) for name in sums}
    bad = [name for name, values in means.items() if not numpy.isfinite(values).all()]
    if bad:
        raise Failed(f"the model computes numbers that are none in {bad[0]!r}", "not_finite")
    with open(task["target"], "wb") as file:  # noqa: PTH123
        numpy.savez(file, **means)
        file.flush()
        os.fsync(file.fileno())
    return {"matrices": len(means), "passed_over": sorted(set(wrong))[:10], "tokens": sum(map(len, chunks))}


def entries(llama: Any, path: str) -> list[Any]:
    """The importance of each column of each matrix, out of the file that `imatrix` wrote."""
    import numpy

    with numpy.load(path, allow_pickle=False) as file:
        arrays = {name: numpy.ascontiguousarray(file[name], dtype=numpy.float32) for name in file.files}
    kind = llama.llama_model_imatrix_data
    found = (kind * (len(arrays) + 1))()
    for place, (name, values) in enumerate(arrays.items()):
        found[place].name = name.encode()
        found[place].data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        found[place].size = values.size
    return [found, arrays]
