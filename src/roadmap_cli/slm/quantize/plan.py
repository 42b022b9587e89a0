"""Which format a model is brought into for a machine, what it will weigh there, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import DataError, Negative, UsageError
from roadmap_cli.slm.quantize import estimate, formats, header, work
from roadmap_cli.slm.quantize.estimate import Need
from roadmap_cli.slm.quantize.header import Header
from roadmap_cli.slm.quantize.target import Target


@dataclass(frozen=True, slots=True)
class Candidate:
    """A format with what it would weigh."""

    format: str
    types: Mapping[str, str]
    file_bytes: int
    need: Need


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done: candidates, the best first; a later one is tried if verification refuses one."""

    source: Header
    target: Target
    candidates: tuple[Candidate, ...]
    why: str
    warnings: tuple[str, ...] = field(default=())


def overrides(given: Sequence[str]) -> list[tuple[str, str]]:
    """``PATTERN=TYPE`` for tensors, as pairs. Raises UsageError for what is no such thing."""
    import re

    found = []
    for each in given:
        pattern, equals, name = each.rpartition("=")
        kind = estimate.known_type(name)
        if not equals or not pattern or kind is None:
            raise UsageError(f"not PATTERN=TYPE with a type of ggml: {each!r}", hint="--tensor 'attn_v=Q8_0'")
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"not a pattern: {pattern!r}: {error}") from None
        found.append((pattern, kind))
    return found


def make(
    source: Header,
    target: Target,
    *,
    wanted: str | None,
    tensors: Sequence[tuple[str, str]],
    context_size: int,
    environ: Mapping[str, str],
) -> Plan:
    """Decide. `wanted` is a format the person named, which is then the only candidate.

    Raises Negative if nothing of at least 4 bits fits the machine, DataError if llama.cpp does not take the source.
    """
    parts = source.values.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise DataError(
            f"one of {parts} parts of a model", where=str(source.path), code="split_model",
            hint="join them with llama.cpp's llama-gguf-split --merge",
        )  # fmt: skip
    names = [wanted] if wanted else list(formats.CHOICES)
    found = _weighed(source, target, names, tensors, context_size, environ)
    room = target.room_bytes
    warnings = list(_warnings(source, target, found, wanted, room))
    if wanted:
        return Plan(source, target, tuple(found), "as you said", (*warnings, *_gains_nothing(source, found[0])))
    fitting = [each for each in found if room is None or each.need.total_bytes <= room]
    if not fitting:
        least = min(found, key=lambda each: each.need.total_bytes)
        raise Negative(
            f"no format of at least 4 bits fits {target.name}: {least.format} takes {_mib(least.need.total_bytes)} of "
            f"the {_mib(room or 0)} a model may take there",
            hint="a smaller model, a shorter --context-size, or --type to insist",
            code="does_not_fit",
        )
    start = target.policy.quantization
    most = formats.bits(start)
    allowed = [each for each in fitting if formats.bits(each.format) <= most] or [fitting[-1]]
    first = next((each for each in allowed if each.format == start), allowed[0])
    why = f"{start} for {target.name}: {target.policy.why['bits']}; {target.policy.why['quantization']}"
    if first.format != start:
        why = f"{first.format}, since {start} does not fit {target.name}: {target.policy.why['bits']}"
    exact = {name: place for place, name in enumerate(formats.CHOICES)}
    better = [each for each in reversed(fitting) if exact[each.format] < exact[first.format]]
    return Plan(source, target, (first, *better), why, (*warnings, *_gains_nothing(source, first)))


def _weighed(
    source: Header,
    target: Target,
    names: Sequence[str],
    tensors: Sequence[tuple[str, str]],
    context_size: int,
    environ: Mapping[str, str],
) -> list[Candidate]:
    """Each format with the types llama.cpp would give each tensor, asked for without doing it."""
    estimate.shape(source)
    task: dict[str, Any] = {
        "action": "quantize",
        "dry": True,
        "source": str(source.path),
        "formats": {name: formats.FORMATS[name] for name in names},
        "tensors": [(pattern, header.NUMBERS[kind]) for pattern, kind in tensors],
    }
    told = work.run(task, where=str(source.path), environ=environ)["types"]
    found = []
    for name in names:
        types = {each: kind for each, written in told[name].items() if (kind := estimate.known_type(written))}
        need = estimate.need(
            source, types, context_size=context_size, kv_type=target.policy.kv_type,
            instructions=target.instructions, repack=target.policy.repack,
        )  # fmt: skip
        found.append(Candidate(name, types, estimate.file_bytes(source, types), need))
    return found


def _warnings(
    source: Header, target: Target, found: Sequence[Candidate], wanted: str | None, room: int | None
) -> list[str]:
    said = []
    if source.main_type not in header.EXACT:
        said.append(
            f"the source is quantized already ({source.main_type}): what it lost does not come back, and quantizing it "
            "again loses more; take the F16 or F32 weights if you can get them"
        )
    if wanted and room is not None and found[0].need.total_bytes > room:
        said.append(
            f"{wanted} takes {_mib(found[0].need.total_bytes)}, more than the {_mib(room)} that a model may take on "
            f"{target.name}"
        )
    if wanted and formats.bits(wanted) < 4:
        said.append(f"{wanted} has fewer than 4 bits: models of up to 3 billion weights lose too much")
    return said


def _gains_nothing(source: Header, made: Candidate) -> list[str]:
    if source.main_type in header.EXACT or made.file_bytes < source.file_bytes:
        return []
    return [f"{made.format} makes it larger than the source and no better: {_mib(made.file_bytes)}, not "
            f"{_mib(source.file_bytes)}; use the source as it is"]  # fmt: skip


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
