"""Everything known about the machine: what it is, from when, what it has, and how it fares at the moment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roadmap_cli.slm.device import memory as memories
from roadmap_cli.slm.device import power as powers
from roadmap_cli.slm.device import processor, years
from roadmap_cli.slm.device.memory import Memory
from roadmap_cli.slm.device.power import Power
from roadmap_cli.slm.device.probe import Fact, Machine, Runner, Value, run_program, unknown

__all__ = ["Device", "Fact", "Memory", "Power", "read", "settled_year"]

#: DMI vendors and products of virtual machines: their BIOS date is that of the hypervisor's firmware.
_VIRTUAL = re.compile(r"QEMU|KVM|VMware|VirtualBox|innotek|Xen|Bochs|Microsoft Corporation Virtual|Google Compute|"
                      r"Amazon EC2|OpenStack|Parallels|DigitalOcean|Hetzner|Firecracker|Virtual Machine",
                      re.IGNORECASE)  # fmt: skip


class Device(NamedTuple):
    """A machine as it was looked at: facts by name, and those of memory and power as objects."""

    facts: Mapping[str, Fact]
    memory: Memory
    power: Power

    def value(self, name: str) -> Any:
        """The value of a fact; None if it is not known."""
        fact = self.facts.get(name)
        return fact.value if fact else None


def read(root: Path = Path("/"), *, environ: Mapping[str, str], run: Runner = run_program) -> Device:
    """Look at everything but the bandwidth of memory, which has to be measured. Never raises."""
    machine = Machine(root, environ, run)
    info = processor.cpuinfo(machine)
    memory, power = memories.of_machine(machine), powers.of_machine(machine)
    found = [*processor.facts(machine, info), *_surroundings(machine, info), *_dates(machine, info)]
    found += [
        _renamed(fact, f"memory_{name}") for name, fact in memory.facts.items() if name[:5] not in ("some_", "full_")
    ]
    found += [
        _renamed(fact, f"memory_pressure_{name}")
        for name, fact in memory.facts.items()
        if name[:5] in ("some_", "full_")
    ]
    usable = memory.usable_bytes
    if usable is not None:
        found.append(
            Fact("memory_usable_bytes", usable, "memory", 1.0, "available, within what the control group leaves")
        )
    found += [_renamed(fact, _POWER.get(name, name)) for name, fact in power.facts.items()]
    facts = {fact.name: fact for fact in found}
    facts["device_year"] = settled_year(facts.values(), is_virtual=facts["is_virtual"].value is True)
    return Device(facts, memory, power)


_POWER = {"percent": "battery_percent", "charging": "is_charging", "power_saver": "is_power_saver"}


def _renamed(fact: Fact, name: str) -> Fact:
    return Fact(name, fact.value, fact.source, fact.confidence, fact.reason)


def _surroundings(machine: Machine, info: processor.CpuInfo) -> list[Fact]:
    """Whether it is a phone, a virtual machine, a container; the board's name."""
    dmi = " ".join(
        text for name in ("sys_vendor", "product_name") if (text := machine.read(f"/sys/class/dmi/id/{name}").text)
    )
    tree = machine.read("/proc/device-tree/model").text or machine.read("/sys/firmware/devicetree/base/model").text
    board = tree or dmi
    phone = machine.ask("getprop", "ro.product.model").text if machine.is_termux else None
    if phone:
        board = phone.strip() or board
    found = [
        Fact("board", board, "device tree" if tree else "DMI" if dmi else "getprop", 1.0, "what the firmware says")
        if board
        else unknown("board", "neither a device tree nor DMI is there")
    ]
    hypervisor = "hypervisor" in info.flags or bool(_VIRTUAL.search(dmi))
    said = (
        "the processor says that a hypervisor runs it" if "hypervisor" in info.flags else f"DMI says {dmi or 'nothing'}"
    )
    if not info.fields and not dmi:
        found.append(unknown("is_virtual", info.reason))
    else:
        found.append(Fact("is_virtual", hypervisor, "CPUID" if "hypervisor" in info.flags else "DMI", 0.9, said))
    boxed = next((place for place in ("/.dockerenv", "/run/.containerenv") if machine.has(place)), None)
    groups = machine.read("/proc/1/cgroup").text or ""
    if boxed is None and re.search(r"docker|containerd|kubepods|lxc|podman", groups):
        boxed = "/proc/1/cgroup"
    found.append(
        Fact("is_container", bool(boxed), boxed or "/", 0.9 if boxed else 0.7, boxed or "no sign of a container")
    )
    found.append(Fact("is_termux", machine.is_termux, "environment", 1.0, "Termux was looked for"))
    return found


def _dates(machine: Machine, info: processor.CpuInfo) -> list[Fact]:
    """What tells the year, each on its own; `settled_year` weighs them."""
    found = [processor.launch(machine, info)]
    floor = years.floor(set(info.flags))
    if floor:
        found.append(
            Fact("instructions_year", floor[1], "/proc/cpuinfo", 1.0, f"no processor before {floor[1]} had {floor[0]}")
        )
    else:
        found.append(unknown("instructions_year", "no instruction that would tell it"))
    tree = machine.read("/proc/device-tree/model")
    board = years.of_board(tree.text or machine.read("/sys/firmware/devicetree/base/model").text or "")
    if board:
        found.append(
            Fact("board_year", board.year, "device tree", board.confidence, f"{board.name} came out in {board.year}")
        )
    else:
        found.append(unknown("board_year", f"not in the table: {tree.text}" if tree.text else tree.reason))
    found.append(_android(machine))
    found.append(_bios(machine))
    return found


def _android(machine: Machine) -> Fact:
    name = "android_year"
    if not machine.is_termux:
        return unknown(name, "this is no Android")
    answer = machine.ask("getprop", "ro.product.first_api_level")
    text = (answer.text or "").strip()
    if text.isdecimal() and int(text) in years.ANDROID:
        year = years.ANDROID[int(text)]
        return Fact(name, year, "getprop", 0.8, f"sold with Android's API level {text}, which is of {year}")
    return unknown(name, answer.reason if answer.text is None else f"first_api_level is {text or 'not set'}")


def _bios(machine: Machine) -> Fact:
    """The date of the firmware: the machine is not younger, but may be older if it was updated."""
    name, place = "bios_year", "/sys/class/dmi/id/bios_date"
    answer = machine.read(place)
    found = re.fullmatch(r"\d\d/\d\d/(\d{4})", answer.text or "")
    if found and 1990 <= int(found[1]) <= 2100:
        return Fact(name, int(found[1]), place, 0.8, f"the firmware is of {answer.text}: the latest year possible")
    return unknown(name, answer.reason if answer.text is None else f"{place} is {answer.text!r}")


def settled_year(facts: Iterable[Fact], *, is_virtual: bool) -> Fact:
    """One year out of what tells it.

    The most certain of board, Android, processor counts, of equals the earlier source in that order. It is raised to
    the year before which no processor had its instructions. A firmware's date is the latest year possible: it lowers an
    uncertain estimate (below 0.7), contradicts a certain one, and means nothing in a virtual machine. With nothing but
    the instructions, the year is at least theirs.
    """
    by_name = {fact.name: fact for fact in facts if fact.value is not None}
    candidates = [by_name[name] for name in ("board_year", "android_year", "cpu_year") if name in by_name]
    floor, bios = by_name.get("instructions_year"), by_name.get("bios_year")
    if not candidates:
        if floor is None:
            return unknown("device_year", "neither processor, board nor instructions tell it")
        return Fact("device_year", floor.value, floor.source, 0.4, f"at least: {floor.reason}")
    best = max(candidates, key=lambda fact: fact.confidence)
    year, confidence, said = int(_int(best.value)), best.confidence, [best.reason]
    others = [fact for fact in candidates if fact is not best and abs(_int(fact.value) - year) > 2]
    for other in others:
        confidence = round(confidence * 0.9, 2)
        said.append(f"against it, {other.reason}")
    if floor is not None and _int(floor.value) > year:
        year, confidence = _int(floor.value), min(confidence, 0.5)
        said.append(f"but {floor.reason}")
    if bios is not None and not is_virtual and _int(bios.value) < year:
        if confidence < 0.7:
            year = max(_int(bios.value), _int(floor.value) if floor else 0)
            said.append(f"but {bios.reason}")
        else:
            confidence = round(confidence * 0.8, 2)
            said.append(f"although {bios.reason}")
    return Fact("device_year", year, best.source, confidence, "; ".join(said))


def _int(value: Value | None) -> int:
    return value if isinstance(value, int) else 0
