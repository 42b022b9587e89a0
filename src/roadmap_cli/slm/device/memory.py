"""How much memory there is, how much a process may still have, and how hard it is to get.

Clean pages of a mapped file (weights) count as available in /proc/meminfo: only pressure (PSI) tells of a machine that
reads its weights again and again. Formats: proc(5), Documentation/accounting/psi.rst, cgroups(7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from roadmap_cli.slm.device.probe import Fact, Machine, unknown

#: Where control groups are mounted, and the version each place speaks.
_MOUNTS = (("/sys/fs/cgroup", 2), ("/sys/fs/cgroup/unified", 2), ("/sys/fs/cgroup/memory", 1))
#: A limit of a version 1 group above this is none: the kernel's own largest number, rounded to pages.
_NO_LIMIT = 1 << 60
_PRESSURE = re.compile(r"^(some|full) avg10=([0-9.]+) .*total=(\d+)", re.MULTILINE)


class Memory(NamedTuple):
    """Memory in bytes; None is unknown, and `reason` says why. Pressure: per cent of the last 10 s, and microseconds.

    total_bytes, available_bytes   of the machine
    limit_bytes, current_bytes     of the tightest control group this process is in, None where nothing limits it
    reclaimable_bytes              of current_bytes, what is only cached files
    some_*, full_*                 stalls of some or of all tasks, of the machine
    """

    total_bytes: int | None
    available_bytes: int | None
    swap_free_bytes: int | None
    limit_bytes: int | None
    current_bytes: int | None
    reclaimable_bytes: int | None
    some_avg10: float | None
    full_avg10: float | None
    some_total_us: int | None
    full_total_us: int | None
    facts: Mapping[str, Fact] = MappingProxyType({})

    @property
    def usable_bytes(self) -> int | None:
        """What a process may still take: what is available, or what the control group leaves if that is less."""
        left = None
        if self.limit_bytes is not None and self.current_bytes is not None:
            left = max(0, self.limit_bytes - self.current_bytes + (self.reclaimable_bytes or 0))
        known = [each for each in (self.available_bytes, left) if each is not None]
        return min(known) if known else None

    @property
    def ceiling_bytes(self) -> int | None:
        """What a process could have at most, were everything else gone: the machine's memory or the group's limit."""
        known = [each for each in (self.total_bytes, self.limit_bytes) if each is not None]
        return min(known) if known else None

    def reason(self, name: str) -> str:
        """Where a value comes from, or why it is not known."""
        fact = self.facts.get(name)
        return fact.reason if fact else "not looked up"


def of_machine(machine: Machine) -> Memory:
    """Look at the memory of a machine. Never raises."""
    found = [*_meminfo(machine), *_group(machine), *_pressure(machine)]
    facts = {fact.name: fact for fact in found}
    values = {name: facts[name].value for name in Memory._fields if name in facts}
    return Memory(**values, facts=facts)  # type: ignore[arg-type]


def _meminfo(machine: Machine) -> list[Fact]:
    answer = machine.read("/proc/meminfo")
    sizes = {
        name: int(kib) * 1024
        for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", answer.text or "", re.MULTILINE)
        if len(kib) < 16
    }
    found = []
    for name, key in (
        ("total_bytes", "MemTotal"),
        ("available_bytes", "MemAvailable"),
        ("swap_free_bytes", "SwapFree"),
    ):
        if key in sizes:
            found.append(Fact(name, sizes[key], "/proc/meminfo", 1.0, f"{key} of /proc/meminfo"))
        else:
            found.append(unknown(name, answer.reason if answer.text is None else f"/proc/meminfo has no {key}"))
    return found


def _group(machine: Machine) -> list[Fact]:
    """The tightest limit on the way from this process's control group up to the root."""
    tightest: tuple[int, str, int] | None = None
    seen = False
    for place, version in _groups(machine):
        limit_file = "memory.max" if version == 2 else "memory.limit_in_bytes"
        current_file = "memory.current" if version == 2 else "memory.usage_in_bytes"
        text = machine.read(f"{place}/{limit_file}").text
        high = machine.read(f"{place}/memory.high").text if version == 2 else None
        if text is None:
            continue
        seen = True
        for each in (text, high):
            if each is None or not each.isdecimal() or int(each) >= _NO_LIMIT:
                continue
            current = machine.number(f"{place}/{current_file}")
            left = int(each) - (current or 0)
            if tightest is None or left < tightest[0] - tightest[2]:
                tightest = (int(each), place, current or 0)
    if tightest is None:
        why = "no control group limits this process" if seen else "no control group of memory can be read"
        return [unknown(name, why, "cgroup") for name in ("limit_bytes", "current_bytes", "reclaimable_bytes")]
    limit, place, current = tightest
    stat = machine.read(f"{place}/memory.stat").text or ""
    cached = re.search(r"^(?:total_)?inactive_file (\d+)", stat, re.MULTILINE)
    reclaimable = int(cached[1]) if cached else 0
    return [
        Fact("limit_bytes", limit, place, 1.0, f"the limit of the control group {place}"),
        Fact("current_bytes", current, place, 1.0, f"what the control group {place} has now"),
        Fact("reclaimable_bytes", reclaimable, place, 1.0 if cached else 0.5, "inactive_file of memory.stat"),
    ]


def _groups(machine: Machine) -> list[tuple[str, int]]:
    """Folders of this process's control groups and of those above, with the version of their interface."""
    lines = (machine.read("/proc/self/cgroup").text or "").splitlines()
    found = []
    for mount, version in _MOUNTS:
        inside = None
        for line in lines:
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if (version == 2 and number == "0") or (version == 1 and "memory" in controllers.split(",")):
                inside = path
        if ".." in (inside or "").split("/"):  # of a namespace that this process does not see
            inside = None
        steps = [step for step in (inside or "").split("/") if step]
        for depth in range(len(steps), -1, -1):
            found.append(("/".join([mount, *steps[:depth]]), version))
    return found


def _pressure(machine: Machine) -> list[Fact]:
    place = "/proc/pressure/memory"
    answer = machine.read(place)
    lines = {kind: (float(share), int(total)) for kind, share, total in _PRESSURE.findall(answer.text or "")}
    why = answer.reason
    if answer.text is None and "no /proc" in why:
        why += " (a kernel without PSI; on a Raspberry Pi add psi=1 to cmdline.txt)"
    elif answer.text is not None:
        why = f"{place} has an unknown form"
    found = []
    for kind in ("some", "full"):
        if kind in lines:
            share, total = lines[kind]
            found.append(Fact(f"{kind}_avg10", share, place, 1.0, f"per cent of the last 10 s, {place}"))
            found.append(Fact(f"{kind}_total_us", total, place, 1.0, f"microseconds since the start, {place}"))
        else:
            found += [unknown(f"{kind}_avg10", why), unknown(f"{kind}_total_us", why)]
    return found
