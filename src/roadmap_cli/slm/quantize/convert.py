"""A model as it is published (config.json, tokenizer.json, safetensors) becomes a GGUF file in F16.

For models of the Llama kind, Llama 2 and 3, TinyLlama, SmolLM, Mistral, Qwen 2 and 3, with a vocabulary of byte-level
BPE or of SentencePiece's BPE as tokenizer.json has it. Others are refused with the name of the program that can. Names,
permutation and stretched positions follow llama.cpp's convert_hf_to_gguf.py; the file is written by the package gguf.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing, Unavailable
from roadmap_cli.slm.quantize import place, safetensors
from roadmap_cli.slm.quantize.safetensors import Entry

_ARCHITECTURES = {
    "LlamaForCausalLM": "llama", "MistralForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}  # fmt: skip
_OUTSIDE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_INSIDE = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)\Z")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>\Z")
_HINT = "llama.cpp's convert_hf_to_gguf.py makes a GGUF file of it, which this command takes"


@dataclass(frozen=True, slots=True)
class Converted:
    """The GGUF file, the licence the model's card names, and whether it was made just now."""

    path: Path
    licence: str
    made: bool


def converted(folder: Path, work: Path) -> Converted:
    """Convert a folder; a file finished earlier from the same files is taken up again.

    Raises DataError (a model of another kind, broken files), InputMissing, CannotCreate, Unavailable (no gguf package).
    """
    config = _json(folder / "config.json")
    names = config.get("architectures") or ["none"]
    architecture = _ARCHITECTURES.get(str(names[0]))
    if architecture is None:
        raise DataError(
            f"a model of the architecture {str(names[0])[:60]!r}; {', '.join(_ARCHITECTURES)} can be converted",
            where=str(folder), hint=_HINT, code="unknown_architecture",
        )  # fmt: skip
    _stretching(config, folder)
    tensors = safetensors.entries(folder)
    done = work / f"{_stamp(folder)}.gguf"
    licence = _licence(folder)
    if done.exists():
        return Converted(done, licence, made=False)
    part = done.with_suffix(".part")
    try:
        work.mkdir(parents=True, exist_ok=True)
        _write(part, folder, architecture, config, tensors)
        place.sync(part)
        part.replace(done)
    except OSError as error:
        raise CannotCreate((error.strerror or str(error)).lower(), where=str(work)) from error
    finally:
        part.unlink(missing_ok=True)
    return Converted(done, licence, made=True)


def _write(
    part: Path, folder: Path, architecture: str, config: Mapping[str, Any], tensors: Mapping[str, Entry]
) -> None:
    import numpy

    try:
        import gguf
    except ImportError as error:
        raise Unavailable(f"gguf does not load: {error}", hint=packages.mend("gguf"), code="no_gguf") from error
    writer = gguf.GGUFWriter(part, architecture)
    heads, kv_heads = _settings(writer, folder, config)
    factors = _stretch(writer, config, folder)
    _vocabulary(writer, folder, config)
    placed: list[tuple[Entry, str]] = []
    tied = config.get("tie_word_embeddings") is True
    for entry in tensors.values():
        name = _name(entry.name)
        if name is None or (tied and name == "output.weight"):
            continue
        if name == "":
            raise DataError(f"a tensor that no such model has: {entry.name[:80]!r}", where=str(folder), hint=_HINT)
        placed.append((entry, name))
    if not any(name == "token_embd.weight" for _, name in placed):
        raise DataError("the tensor 'model.embed_tokens.weight' is missing", where=str(folder))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for entry, name in placed:
        kind = numpy.float32 if len(entry.shape) == 1 else numpy.float16
        count = int(numpy.prod(entry.shape, dtype=numpy.int64))
        writer.add_tensor_info(name, entry.shape, numpy.dtype(kind), count * numpy.dtype(kind).itemsize)
    if factors:
        writer.add_tensor_info("rope_freqs.weight", (len(factors),), numpy.dtype(numpy.float32), 4 * len(factors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for entry, name in placed:
        values = safetensors.array(entry)
        if architecture == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
            values = _permuted(values, heads if "attn_q" in name else kv_heads)
        values = numpy.ascontiguousarray(values, numpy.float32 if values.ndim == 1 else numpy.float16)
        if not numpy.isfinite(values).all():
            raise DataError(f"the tensor {entry.name[:80]!r} has values that F16 cannot hold", where=str(entry.path))
        writer.write_tensor_data(values)
    if factors:
        writer.write_tensor_data(numpy.array(factors, numpy.float32))
    writer.close()


def _stretching(config: Mapping[str, Any], folder: Path) -> tuple[str, dict[str, float]]:
    """How positions are stretched (empty: not at all), and by which numbers. Raises DataError for a way not known."""
    told = config.get("rope_scaling") or {}
    if not isinstance(told, dict):
        told = {"rope_type": told}
    kind = str(told.get("rope_type", told.get("type", "")) or "")
    if kind in ("", "default"):
        return "", {}
    needed = {
        "linear": ("factor",), "yarn": ("factor", "original_max_position_embeddings"),
        "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
    }.get(kind)  # fmt: skip
    if needed is None:
        raise DataError(f"positions stretched in the way {kind[:40]!r} (rope_scaling)", where=str(folder), hint=_HINT)
    numbers = {name: told.get(name) for name in needed}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1 << 31:
            raise DataError(
                f"rope_scaling: {name} is {str(value)[:40]}", where=str(folder / "config.json"), code="bad_config"
            )
    found = {name: float(value) for name, value in numbers.items() if value is not None}
    if kind == "llama3" and found["high_freq_factor"] <= found["low_freq_factor"]:
        raise DataError(
            "rope_scaling: high_freq_factor is not above low_freq_factor", where=str(folder / "config.json"),
            code="bad_config",
        )  # fmt: skip
    return kind, found


def _stretch(writer: Any, config: Mapping[str, Any], folder: Path) -> list[float]:
    """Write how positions are stretched; for Llama 3 the divisor of each rotary frequency, which goes into a tensor."""
    import gguf

    kind, told = _stretching(config, folder)
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(told["factor"])
    elif kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(told["factor"])
        writer.add_rope_scaling_orig_ctx_len(int(told["original_max_position_embeddings"]))
    if kind != "llama3":
        return []
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    base, trained = float(config.get("rope_theta", 10000.0)), told["original_max_position_embeddings"]
    low, high, factor = told["low_freq_factor"], told["high_freq_factor"], told["factor"]
    found = []
    for pair in range(0, size, 2):
        length = 2 * math.pi * base ** (pair / size)  # of one turn, in positions
        share = min(1.0, max(0.0, (trained / length - low) / (high - low)))
        found.append(1 / ((1 - share) / factor + share))
    return found


def _settings(writer: Any, folder: Path, config: Mapping[str, Any]) -> tuple[int, int]:
    def number(name: str, default: int | None = None) -> int:
        value = config.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 31:
            raise DataError(f"{name} is {str(value)[:40]}", where=str(folder / "config.json"), code="bad_config")
        return value

    heads, width = number("num_attention_heads"), number("hidden_size")
    kv_heads = number("num_key_value_heads", heads)
    size = number("head_dim", max(1, width // heads)) if config.get("head_dim") else width // heads
    if heads * size % 2 or heads % kv_heads or size < 2 or size % 2:
        raise DataError("heads and width do not fit each other", where=str(folder / "config.json"), code="bad_config")
    writer.add_name(folder.resolve().name)
    writer.add_block_count(number("num_hidden_layers"))
    writer.add_context_length(number("max_position_embeddings", 2048))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(number("intermediate_size"))
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps", 1e-6)))
    writer.add_rope_freq_base(float(config.get("rope_theta", 10000.0)))
    writer.add_rope_dimension_count(size)
    writer.add_vocab_size(number("vocab_size"))
    if size * heads != width:
        writer.add_key_length(size)
        writer.add_value_length(size)
    return heads, kv_heads


def _vocabulary(writer: Any, folder: Path, config: Mapping[str, Any]) -> None:
    import gguf

    path = folder / "tokenizer.json"
    told = _json(path)
    model = told.get("model")
    if not isinstance(model, dict) or model.get("type") != "BPE" or not isinstance(model.get("vocab"), dict):
        raise DataError("not a vocabulary of the BPE kind", where=str(path), hint=_HINT, code="bad_tokenizer")
    is_pieces = bool(model.get("byte_fallback"))
    size = int(config["vocab_size"])
    texts: list[str] = [f"[PAD{number}]" for number in range(size)]
    kinds = [int(gguf.TokenType.UNUSED)] * size
    added = [each for each in told.get("added_tokens") or () if isinstance(each, dict)]
    try:
        for text, number in model["vocab"].items():
            is_byte = is_pieces and _BYTE.match(text)
            texts[number], kinds[number] = text, int(gguf.TokenType.BYTE if is_byte else gguf.TokenType.NORMAL)
        for each in added:
            kind = gguf.TokenType.CONTROL if each.get("special") else gguf.TokenType.USER_DEFINED
            texts[each["id"]], kinds[each["id"]] = each["content"], int(kind)
        merges = [" ".join(each) if isinstance(each, list) else each for each in model.get("merges") or ()]
    except (IndexError, KeyError, TypeError):
        raise DataError(f"tokens outside the {size} of config.json", where=str(path), code="bad_tokenizer") from None
    unknown = model["vocab"].get(model.get("unk_token")) if isinstance(model.get("unk_token"), str) else None
    if is_pieces and isinstance(unknown, int):
        kinds[unknown] = int(gguf.TokenType.UNKNOWN)
        writer.add_unk_token_id(unknown)
    writer.add_tokenizer_model("llama" if is_pieces else "gpt2")
    writer.add_tokenizer_pre("default" if is_pieces else _splitting(told.get("pre_tokenizer")))
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    if is_pieces:
        writer.add_token_scores(_scores(texts, merges))
        writer.add_add_space_prefix(_begins_with_space([told.get("normalizer"), told.get("pre_tokenizer")]))
    else:
        writer.add_token_merges(merges)
    for name, add in (("bos_token_id", writer.add_bos_token_id), ("eos_token_id", writer.add_eos_token_id)):
        value = config.get(name)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int) and 0 <= value < size:
            add(value)
    more = _json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
    if isinstance(more.get("add_bos_token"), bool):
        writer.add_add_bos_token(more["add_bos_token"])
    if isinstance(more.get("chat_template"), str):
        writer.add_chat_template(more["chat_template"])


def _scores(texts: list[str], merges: list[str]) -> list[float]:
    """What llama.cpp merges pieces by, the highest first: the rank of the merge that makes each; others never merge."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        left, _, right = merge.partition(" ")
        ranks.setdefault(left + right, rank)
    return [-float(ranks.get(text, len(merges))) for text in texts]


def _begins_with_space(steps: Any) -> bool:
    """Whether a text gets a space in front before it is encoded."""
    text = json.dumps(steps, ensure_ascii=False)
    return "Prepend" in text or '"prepend_scheme": "first"' in text or '"prepend_scheme": "always"' in text


def _splitting(told: Any) -> str:
    """llama.cpp's name for the way a text is split before it is encoded, by the pieces of the pre-tokenizer."""
    text = json.dumps(told)
    if "Digits" in text and "individual_digits" in text:
        return "smollm"
    if "{1,3}" in text and "(?i:'s" in text:
        return "llama-bpe"
    if "Split" in text and "(?i:'s" in text:
        return "qwen2"
    return "gpt-2"


def _name(name: str) -> str | None:
    """The GGUF name of a tensor; None if it is not needed, empty if it is not known."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if name.endswith("rotary_emb.inv_freq"):
        return None
    found = _LAYER.match(name)
    if found and found[2] in _INSIDE:
        return f"blk.{found[1]}.{_INSIDE[found[2]]}.{found[3]}"
    return ""


def _permuted(values: Any, heads: int) -> Any:
    """Rows of a query or key matrix in llama.cpp's order of rotary pairs."""
    rows, columns = values.shape
    if rows % (heads * 2):
        raise DataError(f"{rows} rows cannot be shared by {heads} heads", code="bad_config")
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputMissing(f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    except (ValueError, RecursionError):
        raise DataError("not JSON", where=str(path), code="bad_config") from None
    if not isinstance(found, dict):
        raise DataError("no JSON object", where=str(path), code="bad_config")
    return found


def _licence(folder: Path) -> str:
    """What the model's card says in its head, or that it is not stated."""
    try:
        head = (folder / "README.md").read_text("utf-8", "replace")[:4000]
    except OSError:
        return "not stated"
    found = re.search(r"^license:\s*([\w.-]+)\s*$", head, re.MULTILINE)
    return found[1] if found else "not stated"


def _stamp(folder: Path) -> str:
    import hashlib

    told = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
        if path.suffix in (".json", ".safetensors")
    ]
    return hashlib.sha256(json.dumps([str(folder.resolve()), told]).encode()).hexdigest()[:16]
