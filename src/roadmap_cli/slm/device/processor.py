"""The processor: what it is called, what it can do, how many cores of which size may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from roadmap_cli.models import processors
from roadmap_cli.slm.device import years
from roadmap_cli.slm.device.probe import Fact, Machine, unknown

#: Instructions that matter to a language model; their names in /proc/cpuinfo.
INSTRUCTIONS = (
    "sse4_2", "avx", "f16c", "fma", "avx2", "bmi2", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16", "avx_vnni",
    "amx_tile", "amx_int8", "neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme", "v",
    "lsx", "lasx",
)  # fmt: skip
#: A core with less than this share of the largest one's capacity is a little one.
LITTLE = 0.75


class CpuInfo(NamedTuple):
    """/proc/cpuinfo: the first processor's lines, every ARM (implementer, part), and all flags."""

    fields: Mapping[str, str]
    parts: tuple[tuple[int, int], ...]
    flags: frozenset[str]
    online: int
    reason: str


def cpuinfo(machine: Machine) -> CpuInfo:
    """Read it; an empty one with a reason if it cannot be read."""
    answer = machine.read("/proc/cpuinfo")
    fields: dict[str, str] = {}
    parts: list[tuple[int, int]] = []
    flags: set[str] | None = None
    implementer, count = None, 0
    for line in (answer.text or "").splitlines():
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon:
            continue
        fields.setdefault(name, value)
        if name == "processor":
            count += 1
        elif name in ("flags", "Features", "isa"):
            own = set(value.split()) if name != "isa" else set(value.partition("_")[0].removeprefix("rv64"))
            flags = own if flags is None else flags & own  # what every core can do
        elif name == "CPU implementer":
            implementer = _number(value)
        elif name == "CPU part":
            part = _number(value)
            if implementer is not None and part is not None and (implementer, part) not in parts:
                parts.append((implementer, part))
    return CpuInfo(fields, tuple(parts), frozenset(flags or ()), count, answer.reason)


def facts(machine: Machine, info: CpuInfo) -> list[Fact]:
    """Name, architecture, instructions, cores."""
    return [_model(machine, info), _architecture(machine, info), _instructions(info), *_cores(machine, info)]


def launch(machine: Machine, info: CpuInfo) -> Fact:
    """When the processor came out, by its name, its numbers or its cores."""
    names = [info.fields.get("model name", ""), info.fields.get("Hardware", "")]
    if machine.is_termux:
        names += [machine.ask("getprop", name).text or "" for name in ("ro.soc.model", "ro.board.platform")]
    for name in names if info.parts else names[:1]:
        found = years.of_chip(name) if info.parts and name else years.of_name(name)
        if found:
            return Fact(
                "cpu_year", found.year, "name", found.confidence, f"{found.name.strip()} came out in {found.year}"
            )
    numbers = [_number(info.fields.get(name, "")) for name in ("cpu family", "model")]
    if numbers[0] is not None and numbers[1] is not None:
        found = years.of_numbers(info.fields.get("vendor_id", ""), numbers[0], numbers[1])
        if found:
            said = f"family {numbers[0]} model {numbers[1]}, {found.name}, came out in {found.year}"
            return Fact("cpu_year", found.year, "CPUID", found.confidence, said)
    found = years.of_parts(list(info.parts))
    if found:
        said = f"devices with {found.name} came out from {found.year} on"
        return Fact("cpu_year", found.year, "ARM part", found.confidence, said)
    if not info.fields:
        return unknown("cpu_year", info.reason)
    told = next((name for name in names if name), "no name is told")
    return unknown("cpu_year", f"not in the table: {told}")


def _model(machine: Machine, info: CpuInfo) -> Fact:
    for name in ("model name", "Model Name", "Hardware", "cpu model", "uarch"):
        value = info.fields.get(name)
        if value and not value.isdecimal():
            return Fact("cpu_model", re.sub(r"\s+", " ", value), "/proc/cpuinfo", 1.0, f"{name} of /proc/cpuinfo")
    known = [years.ARM_PARTS[part][0] for part in info.parts if part in years.ARM_PARTS]
    if known:
        return Fact("cpu_model", " and ".join(known), "/proc/cpuinfo", 0.9, "CPU part of /proc/cpuinfo")
    reason = "/proc/cpuinfo names no processor" if info.fields else info.reason
    return unknown("cpu_model", reason)


def _architecture(machine: Machine, info: CpuInfo) -> Fact:
    if machine.is_here:
        return Fact("architecture", os.uname().machine, "uname", 1.0, "what the kernel says")
    for mark, name in (("lm", "x86_64"), ("asimd", "aarch64"), ("neon", "armv7l")):
        if mark in info.flags:
            return Fact("architecture", name, "/proc/cpuinfo", 0.9, f"the processor has {mark}")
    return unknown("architecture", "/proc/cpuinfo does not show it")


def _instructions(info: CpuInfo) -> Fact:
    if not info.flags:
        return unknown("instructions", "/proc/cpuinfo lists none" if info.fields else info.reason)
    found = [name for name in INSTRUCTIONS if name in info.flags]
    return Fact("instructions", found, "/proc/cpuinfo", 1.0, "what every core can do, as far as it matters to a model")


def _cores(machine: Machine, info: CpuInfo) -> list[Fact]:
    folder = "/sys/devices/system/cpu"
    online = spans(machine.read(f"{folder}/online").text or "")
    if not online:
        online = [int(name[3:]) for name in machine.names(folder) if re.fullmatch(r"cpu\d+", name)]
    if not online and info.online:
        online = list(range(info.online))
    if not online:
        return [unknown(name, f"there is no {folder}/online") for name in ("cores_total", "cores_usable", "cores_big")]
    found = [Fact("cores_total", len(online), folder, 1.0, "processors that are online")]
    usable, said = _usable(machine, online)
    found.append(Fact("cores_usable", len(usable), "affinity", 1.0, said))
    quota = processors.quota(machine.root)
    if quota is not None and quota < len(usable):
        count = max(1, round(quota))
        found[-1] = Fact("cores_usable", count, "cgroup", 1.0, f"a control group grants {quota:g} processors' time")
    physical = _physical(machine, usable)
    if physical is not None:
        found.append(Fact("cores_physical", physical, folder, 1.0, "usable ones, threads of one core counted once"))
    else:
        found.append(unknown("cores_physical", f"{folder}/cpu0/topology does not tell it"))
    return [*found, *_sizes(machine, usable)]


def _usable(machine: Machine, online: list[int]) -> tuple[list[int], str]:
    if machine.is_here and hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0)), "processors that this process may use"
    status = machine.read("/proc/self/status").text or ""
    allowed = re.search(r"^Cpus_allowed_list:\s*(\S+)", status, re.MULTILINE)
    both = [each for each in spans(allowed[1]) if each in online] if allowed else []
    if both:
        return both, "Cpus_allowed_list of /proc/self/status"
    return online, "all that are online"


def _physical(machine: Machine, usable: list[int]) -> int | None:
    cores = set()
    for number in usable:
        text = machine.read(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").text
        if text is None:
            return None
        cores.add(text)
    return len(cores)


def _sizes(machine: Machine, usable: list[int]) -> list[Fact]:
    """Big and little cores: by what the kernel calls them, their capacity, or their highest frequency."""
    big = spans(machine.read("/sys/devices/cpu_core/cpus").text or "")
    little = spans(machine.read("/sys/devices/cpu_atom/cpus").text or "")
    if big and little:
        where, of = "/sys/devices/cpu_core", {number: 1.0 if number in big else 0.5 for number in usable}
    else:
        for file in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
            where = f"/sys/devices/system/cpu/cpu*/{file}"
            told = {number: machine.number(f"/sys/devices/system/cpu/cpu{number}/{file}") for number in usable}
            of = {number: float(value) for number, value in told.items() if value}
            if len(of) == len(usable) and of:
                break
        else:
            return [unknown("cores_big", "neither capacity nor frequency of the cores is told")]
    most = max(of.values())
    count = sum(value >= LITTLE * most for value in of.values())
    said = "all cores are alike" if count == len(of) else f"{len(of) - count} are little ones"
    return [
        Fact("cores_big", count, where, 0.9, said),
        Fact("cores_little", len(of) - count, where, 0.9, said),
    ]


def spans(text: str) -> list[int]:
    """The numbers of a list like ``0-3,8``; none if it is no such list."""
    found: list[int] = []
    for piece in text.replace(" ", "").split(","):
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(piece) > 12:
            return []
        found += range(int(first), min(int(last or first), int(first) + 8192) + 1)
    return found


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None
