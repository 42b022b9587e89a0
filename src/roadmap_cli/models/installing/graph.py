"""A sentence-embedding ONNX graph made from the published weights of a BERT, with nothing but `onnx.helper`.

Inputs ``input_ids`` and ``attention_mask`` (int64, [batch, length]); output ``embedding`` (float32, [batch, width]):
the mean over the tokens of the last layer, scaled to length one, as sentence-transformers does it. The layers are
those of Devlin et al. 2019 (arXiv 1810.04805) with post-layer normalisation and the exact, erf-based GELU.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import CannotCreate, DataError, Unavailable

if TYPE_CHECKING:
    import numpy

HEAD_WIDTH = 32  # MiniLM-L6-H384: twelve heads of 32
EPSILON = 1e-12
OPSET = 17
IR_VERSION = 8
#: What `build` can make.
RECIPES = ("bert-sentence", "efficientnet-lite0", "transnet-v2")


def build(recipe: str, weights: Path, target: Path) -> None:
    """Make a model file from published weights. Raises DataError if they do not fit, Unavailable without onnx."""
    if recipe not in RECIPES:
        raise DataError(f"no recipe of the name {recipe!r}")
    try:
        import onnx
    except ImportError:
        raise Unavailable("the package onnx is needed once, to build the model", hint=packages.mend("onnx")) from None
    model = _made(recipe, weights)
    onnx.checker.check_model(model)
    try:
        target.write_bytes(model.SerializeToString())
    except OSError as error:
        raise CannotCreate(f"{target} cannot be written: {error.strerror}") from error


def _made(recipe: str, weights: Path) -> Any:
    if recipe == "bert-sentence":
        return of_tensors(read_safetensors(weights))
    from roadmap_cli.models.installing import efficientnet, torchfile, transnet

    tensors = torchfile.read(weights)
    return transnet.of_tensors(tensors) if recipe == "transnet-v2" else efficientnet.of_tensors(tensors)


def of_tensors(tensors: Mapping[str, Any]) -> Any:
    """The graph as an onnx ModelProto, from float32 tensors under the names of the Hugging Face BERT.

    Raises DataError if one is missing.
    """
    return _Bert(tensors).model()


def read_safetensors(path: Path) -> dict[str, numpy.ndarray[Any, Any]]:
    """The float32 tensors of a safetensors file by name, mapped, not read. Raises DataError if it is damaged.

    Format: https://github.com/huggingface/safetensors, eight bytes of header length, JSON, then the data.
    """
    import numpy

    try:
        data = numpy.memmap(path, dtype=numpy.uint8, mode="r")
        (length,) = struct.unpack("<Q", data[:8].tobytes())
        header = json.loads(data[8 : 8 + length].tobytes())
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__" or entry["dtype"] != "F32":
                continue
            start, end = entry["data_offsets"]
            tensors[name] = data[8 + length + start : 8 + length + end].view("<f4").reshape(entry["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise DataError(f"not a safetensors file: {path.name}: {error}") from error
    return tensors


class _Bert:
    """The graph under construction: nodes and constants in order."""

    def __init__(self, tensors: Mapping[str, Any]):
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._count = 0

    def model(self) -> Any:
        """The checked model."""
        from onnx import TensorProto, helper

        words = self._weight("embeddings.word_embeddings.weight")
        width = int(self._tensors["embeddings.word_embeddings.weight"].shape[1])
        layers = len([name for name in self._tensors if name.endswith(".intermediate.dense.weight")])
        self._width, self._heads = width, width // HEAD_WIDTH

        length = self._op("Shape", "input_ids", start=1, end=2)
        positions = self._weight("embeddings.position_embeddings.weight")
        positions = self._op("Slice", positions, self._wholes([0]), length, self._wholes([0]))
        state = self._op("Add", self._op("Gather", words, "input_ids"), positions)
        first_type = self._constant("first_type", self._tensor("embeddings.token_type_embeddings.weight")[0])
        state = self._normalise(self._op("Add", state, first_type), "embeddings.LayerNorm")

        mask = self._op("Cast", "attention_mask", to=TensorProto.FLOAT)
        open_tokens = self._op("Unsqueeze", mask, self._wholes([1, 2]))
        barrier = self._op("Mul", self._op("Sub", self._real(1.0), open_tokens), self._real(-1e9))
        for number in range(layers):
            state = self._layer(state, barrier, f"encoder.layer.{number}")

        each = self._op("Unsqueeze", mask, self._wholes([2]))
        total = self._op("ReduceSum", self._op("Mul", state, each), self._wholes([1]), keepdims=0)
        count = self._op("ReduceSum", each, self._wholes([1]), keepdims=0)
        mean = self._op("Div", total, self._op("Max", count, self._real(1e-9)))
        norm = self._op("ReduceL2", mean, axes=[1], keepdims=1)
        self._nodes.append(
            helper.make_node("Div", [mean, self._op("Max", norm, self._real(1e-12))], ["embedding"], name="embedding")
        )
        graph = helper.make_graph(
            self._nodes,
            "sentence_embedding",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", width])],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, producer_name="roadmap-cli", ir_version=IR_VERSION, opset_imports=[opset])

    def _layer(self, state: str, barrier: str, name: str) -> str:
        query, key, value = (
            self._heads_of(self._dense(state, f"{name}.attention.self.{part}"), order)
            for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = self._op("Div", self._op("MatMul", query, key), self._real(math.sqrt(HEAD_WIDTH)))
        shares = self._op("Softmax", self._op("Add", scores, barrier), axis=-1)
        seen = self._op("Transpose", self._op("MatMul", shares, value), perm=[0, 2, 1, 3])
        seen = self._op("Reshape", seen, self._wholes([0, 0, self._width]))
        seen = self._dense(seen, f"{name}.attention.output.dense")
        state = self._normalise(self._op("Add", seen, state), f"{name}.attention.output.LayerNorm")
        inner = self._gelu(self._dense(state, f"{name}.intermediate.dense"))
        outer = self._dense(inner, f"{name}.output.dense")
        return self._normalise(self._op("Add", outer, state), f"{name}.output.LayerNorm")

    def _heads_of(self, value: str, order: list[int]) -> str:
        split = self._op("Reshape", value, self._wholes([0, 0, self._heads, HEAD_WIDTH]))
        return self._op("Transpose", split, perm=order)

    def _dense(self, value: str, name: str) -> str:
        weight = self._constant(f"{name}.weight^T", self._tensor(f"{name}.weight").T)
        return self._op("Add", self._op("MatMul", value, weight), self._weight(f"{name}.bias"))

    def _normalise(self, value: str, name: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._op("LayerNormalization", value, scale, shift, axis=-1, epsilon=EPSILON)

    def _gelu(self, value: str) -> str:
        bent = self._op("Add", self._op("Erf", self._op("Div", value, self._real(math.sqrt(2.0)))), self._real(1.0))
        return self._op("Mul", self._op("Mul", value, bent), self._real(0.5))

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        self._count += 1
        output = f"{kind}_{self._count}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _tensor(self, name: str) -> Any:
        try:
            return self._tensors[name]
        except KeyError:
            raise DataError(f"the weights have no tensor {name!r}") from None

    def _weight(self, name: str) -> str:
        return self._constant(name, self._tensor(name))

    def _constant(self, name: str, value: Any) -> str:
        import numpy
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(numpy.ascontiguousarray(value), name)
        return name

    def _real(self, value: float) -> str:
        import numpy

        return self._constant(f"real:{value!r}", numpy.float32(value).reshape(()))

    def _wholes(self, values: list[int]) -> str:
        import numpy

        return self._constant(f"wholes:{values}", numpy.array(values, numpy.int64))
