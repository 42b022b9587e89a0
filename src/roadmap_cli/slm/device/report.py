"""A machine as an ``slm.device`` record: each known fact a field, all of them with their evidence, and the policy."""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.slm.device.facts import Device
from roadmap_cli.slm.device.policy import Policy
from roadmap_cli.slm.device.probe import Fact

#: Facts that say what the machine is; the others change from minute to minute.
LASTING = ("cpu_model", "architecture", "board", "device_year", "cores_total", "memory_total_bytes", "instructions")


def with_fact(device: Device, fact: Fact) -> Device:
    """The same machine, and one more thing known about it."""
    return device._replace(facts={**device.facts, fact.name: fact})


def record(device: Device, policy: Policy, *, year: int | None, at: str, host: str) -> Record:
    """The record. `year` is one the person decided; `host` tells machines with the same facts apart."""
    facts = dict(device.facts)
    if year is not None:
        facts["device_year"] = Fact("device_year", year, "option", 1.0, "as you said")
    known = {name: fact.value for name, fact in facts.items() if fact.value is not None}
    same = {name: _plain(known.get(name)) for name in LASTING}
    return {
        "kind": "slm.device",
        "id": content_id("slm.device", host=host, **same),
        "at": at,
        **known,
        "policy": {
            "bits": policy.bits,
            "quantization": policy.quantization,
            "threads": policy.threads,
            "context_size": policy.context_size,
            "kv_type": policy.kv_type,
            "repack": policy.repack,
        },
        "policy_why": dict(policy.why),
        "facts": [_told(fact) for fact in facts.values()],
    }


def _told(fact: Fact) -> dict[str, Any]:
    told: dict[str, Any] = {"name": fact.name}
    if fact.value is not None:
        told["value"] = fact.value
    return told | {"source": fact.source, "confidence": fact.confidence, "reason": fact.reason}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | list) else str(value)
