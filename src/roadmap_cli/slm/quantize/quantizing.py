"""The whole of it: a source, a machine and wishes become a model that slm-models knows, with the decision behind it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.models import registry as registries
from roadmap_cli.models.registry import Registry
from roadmap_cli.slm.quantize import estimate, header, making, place
from roadmap_cli.slm.quantize import plan as plans
from roadmap_cli.slm.quantize.making import Settings, Workshop
from roadmap_cli.slm.quantize.plan import Candidate, Plan
from roadmap_cli.slm.quantize.target import Target
from roadmap_cli.state.lock import one_at_a_time

KIND = "slm.quantized"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Weights to start from: a GGUF file, and what is known about it."""

    path: Path
    name: str
    licence: str
    origin: str | None


def source(registry: Registry, given: str) -> Source:
    """A model by its name in the registry, or a GGUF file. Raises ConfigError, Unavailable, InputMissing."""
    if given in registry.models and "/" not in given:
        model = registry.model(given)
        return Source(registry.file(model), model.name, model.licence, model.origin)
    if given.endswith(".gguf") or "/" in given:
        path = Path(given).expanduser()
        known = header.read(path)
        licence, origin = (known.values.get(f"general.{name}") for name in ("license", "source.url"))
        return Source(
            path, path.stem.lower(), licence if isinstance(licence, str) else "not stated",
            origin if isinstance(origin, str) else None,
        )  # fmt: skip
    model = registry.model(given)  # raises what is right for a name that is none
    return Source(registry.file(model), model.name, model.licence, model.origin)


@contextmanager
def weights(
    registry: Registry, given: str, *, dry_run: bool, environ: Mapping[str, str], note: Say
) -> Iterator[Source]:
    """The weights to start from; those of a folder with safetensors are first brought into a GGUF file in F16.

    Raises what `source` does, and DataError for a folder whose model cannot be converted.
    """
    folder = Path(given).expanduser()
    if not folder.is_dir() or given in registry.models:
        yield source(registry, given)
        return
    from roadmap_cli.slm.quantize import convert

    work = registry.directory / f".{folder.resolve().name}.convert"
    found = convert.converted(folder, work)
    if found.made:
        note(f"converted {folder} to F16: {found.path}")
    try:
        yield Source(found.path, folder.resolve().name.lower(), found.licence, None)
    except Negative:  # there is nothing to go on with
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        if dry_run:
            shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)


def pairs(tensors: Sequence[str]) -> list[tuple[str, str]]:
    """``PATTERN=TYPE`` as pairs. Raises UsageError."""
    return plans.overrides(tensors)


def default_name(source: Source, format_name: str) -> str:
    """A name for the result: the source's without its own format, and the new one."""
    stem = source.name.lower()
    for each in (*header.NUMBERS, "q4_k_m", "q5_k_m"):
        for separator in (".", "-", "_"):
            stem = stem.removesuffix(separator + each.lower())
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in stem)
    return f"{kept.strip('._-') or 'model'}-{format_name.lower().replace('_', '-')}"[:100]


def planned(plan: Plan, candidate: Candidate, given: Source, *, at: str, context_size: int, name: str) -> Record:
    """What will be, as a record."""
    told, need = plan.source, candidate.need
    kinds: dict[str, int] = {}
    for tensor in told.tensors:
        kind = candidate.types.get(tensor.name, tensor.type)
        kinds[kind] = kinds.get(kind, 0) + 1
    record: Record = {
        "kind": KIND,
        "id": content_id(KIND, name=name, source=str(given.path), format=candidate.format, at=at),
        "at": at,
        "name": name,
        "source": str(given.path),
        "source_format": told.main_type,
        "format": candidate.format,
        "bits_per_weight": round(estimate.bits_per_weight(told, candidate.types), 3),
        "parameters_count": told.parameters,
        "tensor_formats": dict(sorted(kinds.items())),
        "predicted_size_bytes": candidate.file_bytes,
        "target": plan.target.name,
        "context_size": min(context_size, estimate.shape(told).trained_context),
        "predicted_memory_bytes": need.total_bytes,
        "memory": {name: getattr(need, name) for name in need.__slots__},
        "why": plan.why,
    }
    room = plan.target.room_bytes
    if room is not None:
        record |= {"room_bytes": room, "fits": need.total_bytes <= room}
    bandwidth = plan.target.device.value("memory_bandwidth_bytes_per_s")
    if bandwidth:
        record["tokens_per_s_at_most"] = round(bandwidth / (need.weights_bytes + need.cache_bytes / 2), 1)
    if plan.warnings:
        record["warnings"] = list(plan.warnings)
    return record


def carried_out(
    plan: Plan, given: Source, settings: Settings, registry: Registry, *, name: str | None, context_size: int, at: str,
    wait_s: float, tell: making.Tell, note: Say,
) -> Record:  # fmt: skip
    """Quantize, verify, and step up to a more exact format as long as one is refused; the record of what was made.

    Raises Negative if every candidate is refused: nothing is kept then. Any other failure keeps the finished stages.
    """
    final = name or default_name(given, plan.candidates[0].format)
    place.check_name(registry, settings.environ, final)
    with one_at_a_time(registry.directory / "models", f"quantize-{final}", wait_s):
        shop = Workshop(registry.directory / f".{final}.quantize", plan.source, settings, tell)
        importance = shop.importance()
        refused: list[dict[str, Any]] = []
        for candidate in plan.candidates:
            made = shop.quantized(candidate, importance)
            found = shop.verified(made, candidate.format)
            reason = making.refusal(candidate.format, found)
            if reason is None:
                break
            refused.append({"format": candidate.format, "why": reason, **_rounded(found)})
            note(f"{candidate.format} is refused: {reason}")
            made.unlink(missing_ok=True)
        else:
            shop.clear()
            raise Negative(
                f"{refused[-1]['format']} is refused: {refused[-1]['why']}",
                hint="a more exact format, weights that are more exact, or an importance text (--importance FILE)",
                code="outside_gate",
            )
        if name is None and candidate is not plan.candidates[0]:
            final = default_name(given, candidate.format)
            place.check_name(registry, settings.environ, final)
        record = planned(plan, candidate, given, at=at, context_size=context_size, name=final)
        source_hash = registries.file_hash(given.path)
        path, digest = place.install(
            registry, settings.environ, final, made, title=f"{given.name}, {candidate.format}", licence=given.licence,
            origin=given.origin, source=f"file {given.path}", at=at,
        )  # fmt: skip
        shop.clear()
    record |= {
        "id": content_id(KIND, sha256=digest, source_sha256=source_hash),
        "path": str(path),
        "size_bytes": path.stat().st_size,
        "sha256": digest,
        "source_sha256": source_hash,
        **_rounded(found),
    }
    if importance is not None:
        record["importance_text"] = str(settings.importance_text)
    if refused:
        record["refused"] = refused
        record["why"] += "".join(f"; {each['format']} was refused: {each['why']}" for each in refused)
        record["why"] += f"; so {candidate.format}"
    if shop.resumed:
        record["resumed"] = shop.resumed
    return record


def _rounded(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def calibration_text() -> str:
    """The text that comes with the toolchain: entries of the Jargon File 4.4.7, which is in the public domain."""
    return Path(__file__).with_name("calibration.txt").read_text("utf-8")


def decided(tx: Any, record: Record, device: Record | None, *, command: str, at: Any) -> Record:
    """Store what was made and the decision for its format, resting on the machine and on the measured result."""
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    stored = [each for each in (record, device) if each is not None]
    records.put_many(tx, stored)
    proof = (
        f"on {record['tokens']} tokens KL divergence {record['kl_divergence']:.4f} ± {record['kl_error']:.4f}, same "
        f"likeliest token at {record['top1_ratio']:.1%}, perplexity {record['perplexity_ratio']:.3f} times the source's"
    )
    return decisions.decide(
        tx, kind="slm.quantization_chosen", what=f"{record['format']} for {record['name']}",
        why=f"{record['why']}; {proof}",
        evidence=[each["id"] for each in stored], command=command, at=at,
        facts={name: record[name] for name in ("size_bytes", "predicted_size_bytes", "predicted_memory_bytes")},
    )  # fmt: skip


def prepared(
    given: Source, target: Target, *, wanted: str | None, tensors: Sequence[str], context_size: int,
    environ: Mapping[str, str],
) -> Plan:  # fmt: skip
    """The plan for a source and a machine."""
    return plans.make(
        header.read(given.path), target, wanted=wanted, tensors=plans.overrides(tensors), context_size=context_size,
        environ=environ,
    )  # fmt: skip
