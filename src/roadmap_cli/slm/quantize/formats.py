"""The formats weights can be brought into, and how much of a model's judgement each may cost."""

from __future__ import annotations

from dataclasses import dataclass

#: Name → llama.cpp's number of it (llama.h, enum llama_ftype).
FORMATS: dict[str, int] = {
    "F32": 0, "F16": 1, "BF16": 32, "Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_1": 9, "Q5_0": 8,
    "Q4_K_M": 15, "Q4_K_S": 14, "IQ4_NL": 25, "IQ4_XS": 30, "Q4_1": 3, "Q4_0": 2, "Q3_K_L": 13, "Q3_K_M": 12,
    "Q3_K_S": 11, "Q2_K": 10,
}  # fmt: skip
#: Those a plan chooses from, the most exact first. None below 4 bits: models of up to 3 billion weights lose too much.
CHOICES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")


@dataclass(frozen=True, slots=True)
class Gate:
    """What a quantized model must keep, held against its source on a text.

    kl        mean Kullback-Leibler divergence of the next token's distribution, at most (nats)
    top1      share of places at which the likeliest token is the same, at least
    ratio     perplexity over the source's, at most; judged with two standard errors in its favour, since a short text
              tells it less surely than the other two
    """

    kl: float
    top1: float
    ratio: float


#: By bits. Those for 8 and 4 leave about three times what Llama 3 8B loses (llama.cpp's tools/perplexity/README.md),
#: since small models lose more; those for 5 and 6 lie in between.
GATES: dict[int, Gate] = {
    16: Gate(0.002, 0.98, 1.01),
    8: Gate(0.01, 0.97, 1.02),
    6: Gate(0.02, 0.95, 1.03),
    5: Gate(0.05, 0.92, 1.04),
    4: Gate(0.10, 0.88, 1.06),
}


def bits(name: str) -> int:
    """Bits a weight, of the name: 16, 8, 6, 5, 4, 3 or 2."""
    if name in ("F32", "F16", "BF16"):
        return 16
    return int(name.lstrip("IQ")[0])


def gate(name: str) -> Gate:
    """The gate of a format; below 4 bits that of 4."""
    return GATES[max(4, bits(name))]
