"""The machine a model is made for: this one, a well-known kind, or one whose slm.device record is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing, UsageError
from roadmap_cli.slm.device import facts, policy
from roadmap_cli.slm.device.facts import Device, Fact, Memory, Power
from roadmap_cli.slm.device.policy import GIB, Policy

#: Of the memory that is usable, what a model may take: phones kill what takes more.
SHARE, PHONE_SHARE = 0.8, 0.65
_AVX2 = ["sse4_2", "avx", "f16c", "fma", "avx2", "bmi2"]
#: Kind of machine → year, memory, usable memory, processors, instructions, whether it is a phone.
PROFILES: dict[str, tuple[int, int, int, int, list[str], bool]] = {
    "phone-3gb": (2017, 3 * GIB, 5 * GIB // 4, 4, ["asimd"], True),
    "phone-4gb": (2019, 4 * GIB, 2 * GIB, 4, ["asimd", "asimdhp", "asimddp"], True),
    "phone-8gb": (2022, 8 * GIB, 9 * GIB // 2, 4, ["asimd", "asimdhp", "asimddp", "i8mm", "bf16"], True),
    "pi-4": (2019, 4 * GIB, 7 * GIB // 2, 4, ["asimd"], False),
    "pi-5": (2023, 8 * GIB, 7 * GIB, 4, ["asimd", "asimdhp", "asimddp"], False),
    "laptop-2012": (2012, 4 * GIB, 5 * GIB // 2, 2, ["sse4_2", "avx"], False),
    "laptop-2018": (2018, 8 * GIB, 5 * GIB, 4, _AVX2, False),
    "laptop-2023": (2023, 16 * GIB, 11 * GIB, 8, [*_AVX2, "avx_vnni"], False),
    "server": (2022, 64 * GIB, 56 * GIB, 16, [*_AVX2, "avx512f", "avx512_vnni", "avx512_bf16"], False),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A machine and what its policy says; `room_bytes` is what a model may take there."""

    name: str
    device: Device
    policy: Policy

    @property
    def room_bytes(self) -> int | None:
        """What a model may take, or None if the machine's memory is not known."""
        usable = self.device.memory.usable_bytes or self.device.memory.ceiling_bytes
        share = PHONE_SHARE if self.device.value("is_termux") else SHARE
        return None if usable is None else int(usable * share)

    @property
    def instructions(self) -> list[str]:
        """Instructions of its processor."""
        return list(self.device.value("instructions") or [])


def resolve(name: str, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Target:
    """``this``, a name of `PROFILES`, or a file with an slm.device record.

    Raises UsageError for a name there is not, InputMissing and DataError for such a file.
    """
    if name == "this":
        device = facts.read(environ=environ)
    elif name in PROFILES:
        device = _profile(name)
    elif "/" in name or name.endswith((".json", ".jsonl")):
        device = _from_file(Path(name).expanduser())
    else:
        raise UsageError(f"no profile {name!r}: this, {', '.join(PROFILES)}, or a file that slm-device wrote")
    return Target(name, device, policy.policy(device, overrides))


def _profile(name: str) -> Device:
    year, total, usable, cores, instructions, is_phone = PROFILES[name]
    return _device(
        {"device_year": year, "cores_usable": cores, "cores_big": cores, "instructions": instructions,
         "is_termux": is_phone},
        total, usable, f"the profile {name}",
    )  # fmt: skip


def _from_file(path: Path) -> Device:
    import orjson

    try:
        line = path.read_bytes().partition(b"\n")[0]
        record = orjson.loads(line)
    except OSError as error:
        raise InputMissing(f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.get("kind") != "slm.device":
        raise DataError("no slm.device record", where=str(path), hint=f"on that machine: slm-device > {path.name}")
    wanted = (
        "device_year",
        "cores_usable",
        "cores_big",
        "cores_little",
        "cores_physical",
        "memory_bandwidth_bytes_per_s",
    )
    values: dict[str, Any] = {name: record[name] for name in wanted if isinstance(record.get(name), int)}
    if isinstance(record.get("instructions"), list):
        values["instructions"] = [str(each) for each in record["instructions"]]
    values["is_termux"] = record.get("is_termux") is True
    sizes = [record.get(f"memory_{name}_bytes") for name in ("total", "usable")]
    total, usable = (size if isinstance(size, int) and size > 0 else None for size in sizes)
    return _device(values, total, usable, str(path))


def _device(values: Mapping[str, Any], total: int | None, usable: int | None, source: str) -> Device:
    found = {name: Fact(name, value, source, 1.0, source) for name, value in values.items()}
    found.setdefault("device_year", Fact("device_year", None, source, 0.0, f"{source} does not tell it"))
    memory = Memory(total, usable, None, None, None, None, None, None, None, None)
    return Device(found, memory, Power(None, None, None, None, None, None, None, None))
