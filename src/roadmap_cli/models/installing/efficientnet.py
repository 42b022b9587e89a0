"""EfficientNet-Lite0 as an ONNX graph, made from its published weights with nothing but `onnx.helper`.

Input ``pictures`` (float32, [batch, 3, side, side], RGB in -1 to 1); outputs ``features`` (float32, [batch, 1280], the
mean over the picture of the last layer, scaled to length one) and ``logits`` (float32, [batch, 1000], ImageNet).
Architecture: Tan and Le 2019 (arXiv 1905.11946) in its Lite form: no squeeze-and-excitation, ReLU6, stem and head of
fixed width. Batch normalisation is folded into the convolutions; padding is TensorFlow's SAME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadmap_cli.core.errors import DataError

OPSET = 17
IR_VERSION = 8
#: Repeats, kernel, stride, expansion, channels in and out of each stage.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_EPSILON = 1e-3


def of_tensors(tensors: Mapping[str, Any]) -> Any:
    """The graph as an onnx ModelProto, from tensors under the names of efficientnet_lite_pytorch.

    Raises DataError if one is missing or of another shape.
    """
    return _Graph(tensors).model()


class _Graph:
    """The graph under construction."""

    def __init__(self, tensors: Mapping[str, Any]):
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self) -> Any:
        """The whole graph."""
        from onnx import TensorProto, helper

        value = self._convolve("pictures", "_conv_stem", "_bn0", (32, 3, 3, 3), stride=2)
        number = 0
        for repeats, kernel, stride, expansion, narrow, wide in _STAGES:
            for turn in range(repeats):
                inner = wide if turn else narrow
                value = self._block(value, number, kernel, 1 if turn else stride, expansion, inner, wide)
                number += 1
        value = self._convolve(value, "_conv_head", "_bn1", (1280, 320, 1, 1))
        pooled = self._op("Flatten", [self._op("GlobalAveragePool", [value])], axis=1)
        self._op("LpNormalization", [pooled], "features", axis=1, p=2)
        weight = self._constant("_fc.weight", self._tensor("_fc.weight", (1000, 1280)))
        bias = self._constant("_fc.bias", self._tensor("_fc.bias", (1000,)))
        self._op("Gemm", [pooled, weight, bias], "logits", transB=1)
        graph = helper.make_graph(
            self._nodes,
            "efficientnet_lite0",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, "side", "side"])],
            [
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 1280]),
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1000]),
            ],
            self._constants,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, producer_name="roadmap-cli", ir_version=IR_VERSION, opset_imports=[opset])

    def _block(self, value: str, number: int, kernel: int, stride: int, expansion: int, narrow: int, wide: int) -> str:
        """An inverted residual with linear bottleneck (Sandler et al. 2018)."""
        name, before, inner = f"_blocks.{number}", value, narrow * expansion
        if expansion != 1:
            value = self._convolve(value, f"{name}._expand_conv", f"{name}._bn0", (inner, narrow, 1, 1))
        shape = (inner, 1, kernel, kernel)
        value = self._convolve(value, f"{name}._depthwise_conv", f"{name}._bn1", shape, stride=stride, group=inner)
        value = self._convolve(value, f"{name}._project_conv", f"{name}._bn2", (wide, inner, 1, 1), bent=False)
        return self._op("Add", [value, before]) if stride == 1 and narrow == wide else value

    def _convolve(
        self, value: str, name: str, norm: str, shape: tuple[int, ...], *, stride: int = 1, group: int = 1,
        bent: bool = True,
    ) -> str:  # fmt: skip
        """A convolution with its batch normalisation folded in, and ReLU6."""
        import numpy

        scale, shift, mean, variance = (
            self._tensor(f"{norm}.{part}", shape[:1]).astype(numpy.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / numpy.sqrt(variance + _EPSILON)
        weight = self._tensor(f"{name}.weight", shape) * gain[:, None, None, None]
        value = self._op(
            "Conv",
            [value, self._constant(f"{name}.weight", weight), self._constant(f"{name}.bias", shift - mean * gain)],
            kernel_shape=shape[2:],
            strides=(stride, stride),
            group=group,
            auto_pad="SAME_UPPER",
        )
        if not bent:
            return value
        return self._op("Clip", [value, self._constant(f"{name}.floor", 0.0), self._constant(f"{name}.ceiling", 6.0)])

    def _op(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Any:
        tensor = self._tensors.get(name)
        if tensor is None or tuple(tensor.shape) != shape:
            found = "is missing" if tensor is None else f"has the shape {tuple(tensor.shape)}, not {shape}"
            raise DataError(f"tensor {name!r} {found}", code="bad_weights")
        return tensor

    def _constant(self, name: str, value: Any) -> str:
        import numpy
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(numpy.asarray(value, numpy.float32), name))
        return name
