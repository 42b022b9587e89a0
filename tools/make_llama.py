"""A small model of a real architecture with random weights, as it would be published: for tests and benchmarks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shape:
    """The numbers of a config.json; a vocabulary of 0 is as small as it can be."""

    width: int = 256
    heads: int = 4
    kv_heads: int = 2
    layers: int = 2
    inner: int = 512
    vocabulary: int = 0
    context: int = 1024


TINY = Shape()


def vocabulary() -> tuple[dict[str, int], list[str]]:
    """Byte-level BPE: 256 bytes in GPT-2's spelling, a few merges, a control token."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    letters |= {byte: chr(256 + place) for place, byte in enumerate(byte for byte in range(256) if byte not in plain)}
    vocab = {letter: number for number, letter in enumerate(letters[byte] for byte in range(256))}
    merges = []
    for left, right in [
        ("t", "h"),
        ("th", "e"),
        ("i", "n"),
        ("e", "r"),
        ("a", "n"),
        ("Ġ", "the"),
        ("o", "n"),
        ("in", "g"),
    ]:
        vocab[left + right] = len(vocab)
        merges.append(f"{left} {right}")
    return vocab, merges


def write_safetensors(path: Path, tensors: dict[str, Any]) -> None:
    header, blobs, at = {}, [], 0
    for name, (kind, array) in tensors.items():
        data = array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def publish(folder: Path, *, kind: str = "F32", sure: float = 1, shape: Shape = TINY) -> dict[str, Any]:
    """Write config.json, tokenizer.json and model.safetensors of a random Llama; give its tensors as float32.

    The larger `sure`, the more a token predicts itself, and the surer the model is of the likeliest one.
    """
    import numpy

    chance = numpy.random.default_rng(7)
    vocab, merges = vocabulary()
    size = max(len(vocab) + 1, shape.vocabulary)
    kv = shape.width // shape.heads * shape.kv_heads

    def random(*sizes: int, scale: float) -> Any:
        values = chance.standard_normal(sizes).astype(numpy.float32) * scale
        return (values.view(numpy.uint32) & 0xFFFF0000).view(numpy.float32)  # what BF16 holds exactly

    tensors = {
        "model.embed_tokens.weight": random(size, shape.width, scale=0.08 * sure),
        "model.norm.weight": random(shape.width, scale=0.1) + 1,
    }
    for layer in range(shape.layers):
        at = f"model.layers.{layer}"
        tensors |= {
            f"{at}.input_layernorm.weight": random(shape.width, scale=0.1) + 1, f"{at}.post_attention_layernorm.weight": random(shape.width, scale=0.1) + 1,
            f"{at}.self_attn.q_proj.weight": random(shape.width, shape.width, scale=0.06), f"{at}.self_attn.k_proj.weight": random(kv, shape.width, scale=0.06),
            f"{at}.self_attn.v_proj.weight": random(kv, shape.width, scale=0.06), f"{at}.self_attn.o_proj.weight": random(shape.width, shape.width, scale=0.06),
            f"{at}.mlp.gate_proj.weight": random(shape.inner, shape.width, scale=0.06), f"{at}.mlp.up_proj.weight": random(shape.inner, shape.width, scale=0.06),
            f"{at}.mlp.down_proj.weight": random(shape.width, shape.inner, scale=0.06),
        }  # fmt: skip
    folder.mkdir()
    stored = {
        name: (values.view(numpy.uint32) >> 16).astype(numpy.uint16) if kind == "BF16" and values.ndim > 1 else values
        for name, values in tensors.items()
    }
    write_safetensors(
        folder / "model.safetensors",
        {name: ("F32" if values.dtype == numpy.float32 else "BF16", values) for name, values in stored.items()},
    )
    config = {
        "architectures": ["LlamaForCausalLM"], "hidden_size": shape.width, "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
        "num_hidden_layers": shape.layers, "intermediate_size": shape.inner, "vocab_size": size, "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "bos_token_id": size - 1, "eos_token_id": size - 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps({
        "model": {"type": "BPE", "vocab": vocab, "merges": merges}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "added_tokens": [{"id": size - 1, "content": "<|end|>", "special": True}],
    }))  # fmt: skip
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return tensors
