"""How much memory a model will take on a machine, before it is there.

Peak resident memory of one process that answers with it through llama.cpp on the processor:

    weights   all tensors, mapped from the file (the kernel can take clean pages back and read them again)
    repacked  copies of matrices that llama.cpp lays out anew for the processor: they cannot be given back
    cache     keys and values: context × heads of all layers × (key + value) × bytes, touched in full at the start;
              layers with a sliding window need less, which is not counted
    compute   activations of one batch, the mask, logits
    overhead  Python, llama.cpp, the vocabulary

Sources: llama.cpp's llama-kv-cache.cpp and ggml-cpu/repack.cpp; the constants of compute and overhead are fitted to
SmolLM2 135M and held against models of other shapes by tools/bench/quantize.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from roadmap_cli.core.errors import DataError
from roadmap_cli.models.conversation.engine import cells
from roadmap_cli.slm.quantize.header import TYPES, Header, Tensor, row_bytes

#: Bytes of a value of keys and values, by type.
KV_BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
#: Tokens computed together by `models.conversation.local`.
BATCH = 256
#: Of a process with Python, numpy and llama.cpp before a model is loaded.
PROCESS_BYTES = 45 << 20
#: Of a token in the vocabulary: text, score, merges, maps.
TOKEN_BYTES = 350
#: Graph, thread stacks, allocator slack.
CONTEXT_BYTES = 3 << 20
#: Instruction → types that ggml lays out anew if a matrix's rows are a multiple of 8.
_REPACKED = {
    "avx2": ("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"),
    "asimddp": ("Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL"),
    "avx512f": ("Q2_K",),
}


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes a model takes, by what they are for."""

    weights_bytes: int
    repacked_bytes: int
    cache_bytes: int
    compute_bytes: int
    overhead_bytes: int

    @property
    def total_bytes(self) -> int:
        """All together: the peak of resident memory."""
        return self.weights_bytes + self.repacked_bytes + self.cache_bytes + self.compute_bytes + self.overhead_bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model's shape decides its memory; lengths are numbers of values."""

    layers: int
    width: int
    feed_forward: int
    key_values: int  # of keys and values together, one token, the widest layer
    cached: int  # of keys and values together, one token, all layers
    vocabulary: int
    trained_context: int
    heads: int


def shape(header: Header) -> Shape:
    """The shape a header tells. Raises DataError if the header misses it: an architecture we know nothing of."""
    layers, width = header.number("block_count"), header.number("embedding_length")
    heads = header.number("attention.head_count")
    if not layers or not width:
        raise DataError(
            f"the architecture {header.architecture or 'without a name'!r} is not one whose memory can be told: "
            "layers or width are missing",
            where=str(header.path),
            code="unknown_architecture",
        )
    each = width // heads if heads else width
    key = header.number("attention.key_length") or each
    value = header.number("attention.value_length") or each
    kv_heads = header.number("attention.head_count_kv") or heads or 1
    if min(layers, width, key, value, kv_heads) < 0 or layers > 10_000 or width > 1 << 24 or kv_heads > 1 << 16:
        raise DataError("impossible numbers of layers, width or heads", where=str(header.path), code="bad_gguf")
    told = header.values.get(f"{header.architecture}.attention.head_count_kv")
    each_layer = [heads for heads in told if isinstance(heads, int)] if isinstance(told, list) else [kv_heads] * layers
    return Shape(
        layers, width, header.number("feed_forward_length") or 4 * width, kv_heads * (key + value),
        sum(each_layer) * (key + value), header.vocabulary, header.number("context_length") or 2048, heads or 1,
    )  # fmt: skip


def file_bytes(header: Header, types: Mapping[str, str]) -> int:
    """Size of the file in which tensors have these types (others keep theirs), padding and header included.

    Raises ValueError if a type's blocks do not fit a tensor's rows.
    """
    pad = header.alignment
    # llama.cpp writes these two, of 4 bytes each, where the source has none
    added = sum(
        len(key) + 16 for key in ("general.quantization_version", "general.file_type") if key not in header.values
    )
    return -(-(header.header_bytes + added) // pad) * pad + sum(
        -(-tensor_bytes(each, types) // pad) * pad for each in header.tensors
    )


def tensor_bytes(tensor: Tensor, types: Mapping[str, str]) -> int:
    """Bytes of a tensor in its new type."""
    kind = types.get(tensor.name, tensor.type)
    return tensor.count // tensor.shape[0] * row_bytes(kind, tensor.shape[0])


def need(
    header: Header,
    types: Mapping[str, str],
    *,
    context_size: int,
    kv_type: str = "f16",
    instructions: Iterable[str] = (),
    repack: bool = True,
    batch: int = BATCH,
    conversations: int = 1,
) -> Need:
    """Memory of a model whose tensors have these types, with a context of so many tokens.

    `conversations` is how many a server keeps in it at once; they share its cells (`models.conversation.engine.cells`).
    """
    told = shape(header)
    context_size = cells(conversations, min(context_size, told.trained_context))
    batch = min(batch, context_size)
    weights = sum(tensor_bytes(tensor, types) for tensor in header.tensors)
    again = repacked_types(instructions) if repack else frozenset[str]()
    repacked = sum(
        tensor_bytes(tensor, types)
        for tensor in header.tensors
        if types.get(tensor.name, tensor.type) in again and _is_matrix(tensor)
    )
    activations = (
        4
        * batch
        * max(
            2 * told.feed_forward + 4 * told.width + told.key_values,
            # the scores of a batch against the whole context; flash attention, which the engine uses for other types of
            # keys and values, has none
            (told.heads * context_size if kv_type == "f16" else 0) + 4 * told.width + told.key_values,
        )
    )
    mask = 6 * batch * context_size
    return Need(
        weights_bytes=weights,
        repacked_bytes=repacked,
        cache_bytes=round(context_size * told.cached * KV_BYTES[kv_type]),
        compute_bytes=activations + mask + 4 * told.vocabulary + CONTEXT_BYTES,
        overhead_bytes=PROCESS_BYTES + TOKEN_BYTES * told.vocabulary,
    )


def repacked_types(instructions: Iterable[str]) -> frozenset[str]:
    """The types that are laid out anew on a processor with these instructions."""
    return frozenset(kind for name in instructions for kind in _REPACKED.get(name, ()))


def _is_matrix(tensor: Tensor) -> bool:
    return len(tensor.shape) >= 2 and tensor.shape[1] % 8 == 0 and not tensor.name.startswith("token_embd")


def bits_per_weight(header: Header, types: Mapping[str, str]) -> float:
    """Bits of the tensors over the number of weights."""
    return 8 * sum(tensor_bytes(tensor, types) for tensor in header.tensors) / max(1, header.parameters)


def known_type(name: str) -> str | None:
    """The name of a tensor's type however it is written (``q4_K``), or None."""
    wanted = name.upper()
    return next((each for each, _, _ in TYPES.values() if each == wanted), None)
