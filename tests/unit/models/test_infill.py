"""Gaps filled by a model in this process: one whose vocabulary has the tokens for it, and one that has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_cli.models import ledger as ledgers
from roadmap_cli.models import registry
from roadmap_cli.models.conversation.chat import Infill, Options
from roadmap_cli.models.conversation.llama import Weights
from roadmap_cli.models.conversation.selection import open_batch
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.state.store import State

#: Control tokens of SmolLM2 that stand in for those of a model trained on gaps: <|endoftext|> apart, any will do.
MARKS = {"fim_pre": 5, "fim_suf": 6, "fim_mid": 7}


@pytest.fixture(scope="module")
def filling(weights: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The default model's file with three lines of metadata more: which tokens stand before, after and at a gap."""
    gguf = pytest.importorskip("gguf")
    found = registry.load(weights)
    source = gguf.GGUFReader(found.file(found.model("smollm2-135m-instruct")))
    path = tmp_path_factory.mktemp("filling") / "filling.gguf"
    writer = gguf.GGUFWriter(path, source.fields["general.architecture"].contents())
    for name, field in source.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            kind = field.types[0]
            writer.add_key_value(
                name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            )
    for name, token in MARKS.items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    yield path
    path.unlink()


@pytest.mark.slow
def test_a_gap_is_told_by_the_models_own_tokens_and_text_never_becomes_one(
    filling: Path, weights: dict[str, str], ledger: Ledger, state: State
) -> None:
    loaded = Weights(filling)
    try:
        assert loaded.gap == (5, 6, 7)
        spelled = loaded.llama.llama_vocab_get_text(loaded.vocabulary, 6).decode()
        tokens = loaded.infill_prompt(Infill(f"a{spelled}b", "c"))
        assert [token for token in tokens if token in (5, 6, 7)] == [5, 6, 7]
        assert tokens[-1] == 7
    finally:
        loaded.close()
    with open_batch(
        str(filling), environ={**weights, "ROADMAP_WARM": "never"}, ledger=ledger, width=2, context_size=256
    ) as batch:
        assert batch.takes_infill
        assert not batch.is_estimate
        batch.submit(1, Infill("def add(a, b):\n    return ", "\n"), Options(max_tokens=4))
        batch.submit(2, [{"role": "user", "content": "Hello."}], Options(max_tokens=4))
        assert sorted(key for key, _ in batch.results()) == [1, 2]
    with state.read() as tx:
        assert [call["input"].get("infill") for call in ledgers.calls(tx) if "infill" in call["input"]] == [
            {"before": "def add(a, b):\n    return ", "after": "\n"}
        ]
