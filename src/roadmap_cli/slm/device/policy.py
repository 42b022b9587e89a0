"""What a machine means for a language model: how many bits, which threads, how long a context; each with its why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from roadmap_cli.core.errors import UsageError
from roadmap_cli.slm.device.facts import Device

GIB = 1 << 30
#: Devices from this year on are given 8 bits, older ones 4.
EIGHT_BIT_YEAR = 2020
#: With less memory than this, 4 bits whatever the year: 8 bits of a model of 1.5 billion weights would not fit.
LITTLE_MEMORY = 3 * GIB
#: An older machine with this much memory, AVX2 or dot products, and these cores is as good as a new one.
MUCH_MEMORY, MANY_CORES = 32 * GIB, 8
#: Bytes a second: below, 8 bits of a billion weights would give less than 6 tokens a second.
SLOW_MEMORY = 6_000_000_000
QUANTIZATIONS = ("Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")
KV_TYPES = ("f16", "q8_0")
#: The choices a person can overrule; also the names in the environment, behind ROADMAP_ and in capitals.
CHOICES = ("device_year", "bits", "quantization", "threads", "context_size", "kv_type")


class Policy(NamedTuple):
    """What to do on a machine; `why` has a sentence for each."""

    bits: int
    quantization: str
    threads: int
    context_size: int
    kv_type: str
    repack: bool
    why: Mapping[str, str]


def overrides(options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """What the person decided: options, then ``ROADMAP_BITS`` and the like. Raises UsageError for a wrong value."""
    found = {name: options[name] for name in CHOICES if options.get(name) is not None}
    for name in CHOICES:
        text = environ.get(f"ROADMAP_{name.upper()}")
        if text and name not in found:
            found[name] = _parsed(name, text)
    return found


def _parsed(name: str, text: str) -> Any:
    if name in ("quantization", "kv_type"):
        allowed = QUANTIZATIONS if name == "quantization" else KV_TYPES
        named = {each.lower(): each for each in allowed}
        if text.lower() in named:
            return named[text.lower()]
        raise UsageError(f"ROADMAP_{name.upper()} is {text!r}; it can be {', '.join(allowed)}")
    lowest, highest = {
        "device_year": (1990, 2100), "bits": (4, 8), "threads": (1, 1024), "context_size": (128, 1 << 24)
    }[name]  # fmt: skip
    if not text.isdecimal() or not lowest <= int(text) <= highest or (name == "bits" and text not in ("4", "8")):
        raise UsageError(f"ROADMAP_{name.upper()} is {text!r}, not a number that fits")
    return int(text)


def policy(device: Device, overrides: Mapping[str, Any] | None = None) -> Policy:
    """Decide for a machine. `overrides` has any of `CHOICES`, and wins."""
    given = dict(overrides or {})
    why = dict.fromkeys(given, "as you said")
    year = given.get("device_year", device.value("device_year"))
    flags = set(device.value("instructions") or ())
    ceiling = device.memory.ceiling_bytes
    bits = given.get("bits")
    if bits is None and "quantization" in given:
        bits = 4 if given["quantization"].startswith("Q4") else 8
        why["bits"] = f"{given['quantization']}, as you said"
    if bits is None:
        bits, why["bits"] = _bits(device, year, flags, ceiling, said="as you said" if "device_year" in given else "")
    quantization = given.get("quantization")
    if quantization is None:
        quantization, why["quantization"] = _quantization(bits, flags)
    threads = given.get("threads")
    if threads is None:
        threads, why["threads"] = _threads(device)
    usable = device.memory.usable_bytes or ceiling
    context_size = given.get("context_size")
    if context_size is None:
        context_size, why["context_size"] = _context_size(usable)
    kv_type = given.get("kv_type")
    tight = usable is not None and usable < 3 * GIB // 2
    if kv_type is None:
        kv_type = "q8_0" if tight else "f16"
        why["kv_type"] = (
            f"only {_gib(usable)} may be used"
            if tight
            else "8 bits there flip choices of models below a billion weights"
        )
    repack = usable is None or usable >= 2 * GIB
    why["repack"] = (
        "weights laid out for the processor are faster"
        if repack
        else f"only {_gib(usable)} may be used, and weights laid out anew cannot be given back"
    )
    why.pop("device_year", None)
    return Policy(bits, quantization, threads, context_size, kv_type, repack, why)


def _bits(device: Device, year: int | None, flags: set[str], ceiling: int | None, *, said: str) -> tuple[int, str]:
    bandwidth = device.value("memory_bandwidth_bytes_per_s")
    strong = bool(flags & {"avx2", "asimddp"})
    if ceiling is not None and ceiling < LITTLE_MEMORY:
        return 4, f"only {_gib(ceiling)} of memory"
    if bandwidth is not None and bandwidth < SLOW_MEMORY:
        return 4, f"memory gives only {bandwidth / 1e9:.1f} GB/s"
    if year is None:
        if strong and ceiling is not None and ceiling >= 8 * GIB:
            return (
                8,
                f"the year is not known, but {_gib(ceiling)} of memory and {_best(flags)} are those of a newer device",
            )
        return 4, f"the year is not known: {device.facts['device_year'].reason}"
    told = f"a device of {year}{', ' + said if said else ''}"
    if year >= EIGHT_BIT_YEAR:
        return 8, f"{told}: {EIGHT_BIT_YEAR} or later"
    cores = device.value("cores_usable") or 1
    if not said and strong and ceiling is not None and ceiling >= MUCH_MEMORY and cores >= MANY_CORES:
        return 8, f"{told}, but {_gib(ceiling)} of memory, {cores} processors and {_best(flags)} make up for it"
    return 4, f"{told}: before {EIGHT_BIT_YEAR}"


def _best(flags: set[str]) -> str:
    return "AVX2" if "avx2" in flags else "dot products"


def _quantization(bits: int, flags: set[str]) -> tuple[str, str]:
    if bits == 8:
        return "Q8_0", "8 bits, hardly any loss"
    if "asimddp" in flags or "i8mm" in flags:
        return "Q4_0", "4 bits, laid out for this processor's dot products"
    if "avx2" in flags:
        return "Q4_K_M", "4 bits, the least loss of those that AVX2 computes fast"
    return "Q4_0", "4 bits, the simplest to compute: the processor has neither AVX2 nor dot products"


def _threads(device: Device) -> tuple[int, str]:
    usable = device.value("cores_usable") or 1
    big, physical = device.value("cores_big"), device.value("cores_physical")
    count, why = usable, f"{usable} processors may be used"
    if device.value("cores_little") and big and big < count:
        count, why = big, f"{big} big cores of {usable}: a little one would hold the others up"
    if physical and physical < count:
        count, why = physical, f"{physical} cores; their second threads add nothing"
    if device.power.power_saver and count > 1:
        return max(1, count // 2), f"half of {count}: the power saver is on"
    return count, why


def _context_size(usable: int | None) -> tuple[int, str]:
    if usable is None:
        return 2048, "how much memory may be used is not known"
    for most, size in ((3 * GIB // 2, 1024), (3 * GIB, 2048), (8 * GIB, 4096)):
        if usable < most:
            return size, f"{_gib(usable)} of memory may be used"
    return 8192, f"{_gib(usable)} of memory may be used"


def _gib(count: int | None) -> str:
    return f"{(count or 0) / GIB:.1f} GiB"
