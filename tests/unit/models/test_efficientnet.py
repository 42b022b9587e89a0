"""The graph of EfficientNet-Lite0, built from weights of the right shapes; and sessions of weights that are no good."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from roadmap_cli.core.errors import DataError
from roadmap_cli.models import registry, sessions
from roadmap_cli.models.installing import efficientnet, graph, transnet

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def tensors() -> dict[str, numpy.ndarray]:
    """Random weights under the published names."""
    draw = numpy.random.default_rng(3)
    found: dict[str, numpy.ndarray] = {}

    def convolution(name: str, norm: str, *shape: int) -> None:
        spread = (2 / numpy.prod(shape[1:])) ** 0.5
        found[f"{name}.weight"] = draw.normal(0, spread, shape).astype("<f4")
        for part, low, high in (
            ("weight", 0.9, 1.1),
            ("bias", -0.1, 0.1),
            ("running_mean", -0.1, 0.1),
            ("running_var", 0.9, 1.1),
        ):
            found[f"{norm}.{part}"] = draw.uniform(low, high, shape[0]).astype("<f4")

    convolution("_conv_stem", "_bn0", 32, 3, 3, 3)
    number = 0
    for repeats, kernel, _, expansion, narrow, wide in efficientnet._STAGES:
        for turn in range(repeats):
            outer = wide if turn else narrow
            name, inner = f"_blocks.{number}", outer * expansion
            if expansion != 1:
                convolution(f"{name}._expand_conv", f"{name}._bn0", inner, outer, 1, 1)
            convolution(f"{name}._depthwise_conv", f"{name}._bn1", inner, 1, kernel, kernel)
            convolution(f"{name}._project_conv", f"{name}._bn2", wide, inner, 1, 1)
            number += 1
    convolution("_conv_head", "_bn1", 1280, 320, 1, 1)
    found["_fc.weight"] = draw.normal(0, 0.03, (1000, 1280)).astype("<f4")
    found["_fc.bias"] = draw.normal(0, 0.1, 1000).astype("<f4")
    return found


def convolved(pictures: numpy.ndarray, weight: numpy.ndarray, stride: int) -> numpy.ndarray:
    """A convolution of one picture [channels, side, side] with TensorFlow's SAME padding, the slow way."""
    side, kernel = pictures.shape[1], weight.shape[2]
    out = -(-side // stride)
    total = max(0, (out - 1) * stride + kernel - side)
    padded = numpy.pad(pictures, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2)))
    return numpy.array(
        [
            [
                (weight * padded[:, y * stride : y * stride + kernel, x * stride : x * stride + kernel]).sum(
                    axis=(1, 2, 3)
                )
                for x in range(out)
            ]
            for y in range(out)
        ]
    ).transpose(2, 0, 1)


def test_the_graph_is_sound_at_any_size(tensors, tmp_path):
    model = efficientnet.of_tensors(tensors)
    onnx.checker.check_model(model)
    session = sessions.onnx(model.SerializeToString(), tmp_path, 1)
    draw = numpy.random.default_rng(4)
    for side in (64, 96):
        pictures = draw.uniform(-1, 1, (2, 3, side, side)).astype("f4")
        features, logits = session.run(None, {"pictures": pictures})
        assert (features.shape, logits.shape) == ((2, 1280), (2, 1000))
        assert numpy.linalg.norm(features, axis=1) == pytest.approx([1, 1], abs=1e-4)
        alone = session.run(None, {"pictures": pictures[1:]})[1]
        assert numpy.allclose(alone[0], logits[1], atol=1e-4)


def test_normalisation_is_folded_into_the_convolution(tensors, tmp_path):
    """The stem, computed from the published weights as they are."""
    model = efficientnet.of_tensors(tensors)
    first = next(node for node in model.graph.node if node.op_type == "Clip")
    model.graph.output.append(onnx.helper.make_tensor_value_info(first.output[0], onnx.TensorProto.FLOAT, None))
    session = sessions.onnx(model.SerializeToString(), tmp_path, 1)
    pictures = numpy.random.default_rng(5).uniform(-1, 1, (1, 3, 32, 32)).astype("f4")
    (stem,) = session.run([first.output[0]], {"pictures": pictures})
    plain = convolved(pictures[0].astype("f8"), tensors["_conv_stem.weight"].astype("f8"), 2)
    mean, variance, scale, shift = (
        tensors[f"_bn0.{part}"].astype("f8")[:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    expected = ((plain - mean) / numpy.sqrt(variance + 1e-3) * scale + shift).clip(0, 6)
    assert numpy.abs(stem[0] - expected).max() < 1e-4


def test_weights_that_do_not_fit_are_refused(tensors, tmp_path):
    for broken in (
        {name: value for name, value in tensors.items() if name != "_blocks.4._bn1.bias"},
        {**tensors, "_fc.bias": tensors["_fc.bias"][:10]},
    ):
        with pytest.raises(DataError, match="tensor"):
            efficientnet.of_tensors(broken)
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not weights at all")
    with pytest.raises(DataError):
        graph.build("efficientnet-lite0", path, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_weights_of_another_model_are_not_transnet(tensors):
    with pytest.raises(DataError, match="do not fit TransNetV2"):
        transnet.of_tensors(tensors)


def test_a_file_that_is_no_model_is_one_clear_error(tmp_path, capfd):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"\x00" * 4000)
    with pytest.raises(DataError, match="not a model LiteRT can load"):
        sessions.litert(path)
    with pytest.raises(DataError, match="not a model onnxruntime can load"):
        sessions.onnx(str(path), path, 1)
    assert capfd.readouterr().err == ""


def test_models_for_pictures_name_their_licence_and_hash(tmp_path: Path):
    found = registry.load({"HOME": str(tmp_path)})
    for name in ("face-detection", "person-mask", "efficientnet-lite0"):
        model = found.model(name)
        assert model.licence == "Apache-2.0"
        assert all(file.sha256 and file.size for file in model.files)
    assert sessions.paths({"HOME": str(tmp_path)}, "person-mask") is None
