"""Whether energy, heat, the network and the person's attention allow work now: what a queue waits for.

Sources, in order of trust: sysfs (Documentation/ABI/testing/sysfs-class-power, -thermal), UPower, NetworkManager and
logind on the system D-Bus, the termux-* programs on a phone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from roadmap_cli.slm.device.probe import Fact, Machine, Runner, run_program, unknown

#: Work is held back this far below the temperature at which the kernel slows the processor down.
MARGIN_C = 5.0
#: Where no trip point is told: a processor's temperature, and a phone's battery.
HOT_PROCESSOR_C = 80.0
HOT_BATTERY_C = 43.0
#: A machine without a person at it is idle below these: load per processor, and per cent of time tasks wait for one.
IDLE_LOAD = 0.25
IDLE_PRESSURE = 5.0
_UPOWER = "org.freedesktop.UPower"
_NETWORK = "org.freedesktop.NetworkManager"
_METERED = {"1": (True, 1.0), "3": (True, 0.6), "2": (False, 1.0), "4": (False, 0.6)}


class Power(NamedTuple):
    """What is known now; None is unknown, and `reason` says why. To use energy freely, ask ``on_battery is False``.

    on_battery     the battery is what feeds the machine
    percent        charge of all batteries together, 0 to 100
    charging       they are being charged or are full
    power_saver    the person asked for less use of energy
    temperature_c  of the hottest place near the processor
    is_hot         it is, or soon will be, slowed down by heat
    is_metered     the network costs by volume
    is_idle        nobody waits for the machine
    """

    on_battery: bool | None
    percent: float | None
    charging: bool | None
    power_saver: bool | None
    temperature_c: float | None
    is_hot: bool | None
    is_metered: bool | None
    is_idle: bool | None
    facts: Mapping[str, Fact] = MappingProxyType({})

    def reason(self, name: str) -> str:
        """Where a value comes from, or why it is not known."""
        fact = self.facts.get(name)
        return fact.reason if fact else "not looked up"


def power(root: Path, environ: Mapping[str, str], *, run: Runner = run_program) -> Power:
    """Look at energy, heat, network and idleness. Never raises; a program that hangs costs three seconds."""
    return of_machine(Machine(root, environ, run))


def of_machine(machine: Machine) -> Power:
    """The same for a machine that is already at hand."""
    phone = _termux_battery(machine) if machine.is_termux else ({}, "")
    found = [
        *_battery(machine, phone),
        _power_saver(machine),
        *_heat(machine, phone[0]),
        _metered(machine),
        _idle(machine),
    ]
    facts = {fact.name: fact for fact in found}
    return Power(**{name: facts[name].value for name in Power._fields if name in facts}, facts=facts)  # type: ignore[arg-type]


# -- battery -----------------------------------------------------------------------------------------------------------


def _battery(machine: Machine, phone: tuple[dict[str, Any], str]) -> list[Fact]:
    if phone[0]:
        return _of_phone(phone[0])
    supplies = list(_supplies(machine))
    batteries = [each for each in supplies if each["type"] == "Battery"]
    if batteries:
        return _of_batteries(batteries, [each for each in supplies if each["type"] not in ("Battery", "UPS")])
    told = _of_upower(machine)
    if told:
        return told
    if machine.is_termux:
        why = f"{phone[1]}; install the Termux:API app and the package termux-api"
        return [unknown(name, why) for name in ("on_battery", "percent", "charging")]
    folder = "/sys/class/power_supply"
    if machine.has(folder):
        why = f"no battery in {folder}"
        return [
            Fact("on_battery", False, folder, 0.9, why),
            unknown("percent", why, folder),
            unknown("charging", why, folder),
        ]
    return [unknown(name, f"there is no {folder}") for name in ("on_battery", "percent", "charging")]


def _supplies(machine: Machine) -> Iterator[dict[str, str]]:
    """Each power supply of the machine itself (not of a mouse or pen) with its files' texts."""
    folder = "/sys/class/power_supply"
    for name in machine.names(folder):
        texts = {"name": name}
        for file in (
            "type", "scope", "present", "status", "capacity", "capacity_level", "online",
            "energy_full", "energy_now", "charge_full", "charge_now",
        ):  # fmt: skip
            text = machine.read(f"{folder}/{name}/{file}").text
            if text is not None:
                texts[file] = text
        if texts.get("type") and texts.get("scope") != "Device" and texts.get("present") != "0":
            yield texts


def _of_batteries(batteries: list[dict[str, str]], mains: list[dict[str, str]]) -> list[Fact]:
    where = "/sys/class/power_supply/" + "+".join(each["name"] for each in batteries)
    states = {each.get("status", "Unknown") for each in batteries}
    plugged = [each["name"] for each in mains if each.get("online", "0") not in ("", "0")]
    if "Discharging" in states and not plugged:
        on_battery = Fact("on_battery", True, where, 1.0, f"{where} is discharging")
    elif plugged:
        on_battery = Fact("on_battery", False, where, 1.0, f"{plugged[0]} is online")
    elif states & {"Charging", "Full", "Not charging"}:
        on_battery = Fact("on_battery", False, where, 0.9, f"{where} says {' and '.join(sorted(states)).lower()}")
    elif mains:
        on_battery = Fact("on_battery", True, where, 0.8, f"{mains[0]['name']} is not online")
    else:
        on_battery = unknown("on_battery", f"{where} says nothing about its state", where)
    known = states - {"Unknown"}
    charging = (
        Fact("charging", bool(known & {"Charging", "Full"}) and "Discharging" not in known, where, 1.0,
             f"{where} says {' and '.join(sorted(known)).lower()}")
        if known else unknown("charging", f"{where} says nothing about its state", where)
    )  # fmt: skip
    return [on_battery, _percent(batteries, where), charging]


def _percent(batteries: list[dict[str, str]], where: str) -> Fact:
    """The charge of all, each weighted by what it holds when full."""
    for full, now in (("energy_full", "energy_now"), ("charge_full", "charge_now")):
        pairs = [(_whole(each.get(now)), _whole(each.get(full))) for each in batteries]
        if len(batteries) > 1 and all(held is not None and whole for held, whole in pairs):
            ratio = 100 * sum(held or 0 for held, _ in pairs) / sum(whole or 0 for _, whole in pairs)
            return Fact("percent", round(min(100.0, max(0.0, ratio)), 1), where, 1.0, f"{now} of {full}")
    told = [_whole(each.get("capacity")) for each in batteries]
    shares = [each for each in told if each is not None and 0 <= each <= 100]
    if shares:
        return Fact("percent", round(sum(shares) / len(shares), 1), where, 1.0, f"capacity of {where}")
    levels = {"Critical": 3.0, "Low": 12.0, "Normal": 60.0, "High": 85.0, "Full": 100.0}
    guesses = [levels[level] for each in batteries if (level := each.get("capacity_level", "")) in levels]
    if guesses:
        return Fact("percent", min(guesses), where, 0.4, f"capacity_level of {where}, roughly")
    return unknown("percent", f"{where} does not tell its charge", where)


def _whole(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _of_upower(machine: Machine) -> list[Fact]:
    device, interface = "/org/freedesktop/UPower/devices/DisplayDevice", f"{_UPOWER}.Device"
    on = machine.bus(_UPOWER, "/org/freedesktop/UPower", _UPOWER, "OnBattery")
    if on.text not in ("true", "false"):
        return []
    found = [Fact("on_battery", on.text == "true", "UPower", 1.0, "OnBattery of UPower")]
    if machine.bus(_UPOWER, device, interface, "IsPresent").text != "true":
        return [*found, *(unknown(name, "UPower knows no battery", "UPower") for name in ("percent", "charging"))]
    share = machine.bus(_UPOWER, device, interface, "Percentage").text
    state = machine.bus(_UPOWER, device, interface, "State").text
    try:
        found.append(Fact("percent", round(float(share or ""), 1), "UPower", 1.0, "Percentage of UPower"))
    except ValueError:
        found.append(unknown("percent", "UPower does not tell it", "UPower"))
    if state in ("1", "2", "3", "4", "5", "6"):
        found.append(Fact("charging", state in ("1", "4"), "UPower", 1.0, f"State {state} of UPower"))
    else:
        found.append(unknown("charging", "UPower does not tell it", "UPower"))
    return found


def _termux_battery(machine: Machine) -> tuple[dict[str, Any], str]:
    """What termux-battery-status says: a dict, empty with the reason if it says nothing of use."""
    answer = machine.ask("termux-battery-status")
    if answer.text is None:
        return {}, answer.reason
    try:
        told = json.loads(answer.text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "status" not in told:
        return {}, "termux-battery-status gave no battery"
    return told, ""


def _of_phone(told: Mapping[str, Any]) -> list[Fact]:
    where = "termux-battery-status"
    plugged, status = str(told.get("plugged", "")).upper(), str(told.get("status", "")).upper()
    found = []
    if plugged:
        found.append(Fact("on_battery", plugged == "UNPLUGGED", where, 1.0, f"plugged is {plugged}"))
    elif status in ("DISCHARGING", "CHARGING", "FULL"):
        found.append(Fact("on_battery", status == "DISCHARGING", where, 0.8, f"status is {status}"))
    else:
        found.append(unknown("on_battery", f"{where} does not tell it", where))
    share = told.get("percentage")
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 100:
        found.append(Fact("percent", float(share), where, 1.0, f"percentage of {where}"))
    else:
        found.append(unknown("percent", f"{where} does not tell it", where))
    if status in ("CHARGING", "DISCHARGING", "FULL", "NOT_CHARGING"):
        found.append(Fact("charging", status in ("CHARGING", "FULL"), where, 1.0, f"status is {status}"))
    else:
        found.append(unknown("charging", f"{where} says {status or 'nothing'}", where))
    return found


def _power_saver(machine: Machine) -> Fact:
    name, place = "power_saver", "/sys/firmware/acpi/platform_profile"
    reason = "the system D-Bus has no power profiles"
    for service in ("org.freedesktop.UPower.PowerProfiles", "net.hadess.PowerProfiles"):
        answer = machine.bus(service, "/" + service.replace(".", "/"), service, "ActiveProfile")
        if answer.text:
            return Fact(name, answer.text == "power-saver", service, 1.0, f"the profile is {answer.text}")
        reason = answer.reason
        if "no system D-Bus" in reason:
            break
    profile = machine.read(place)
    if profile.text:
        return Fact(name, profile.text in ("low-power", "quiet"), place, 0.8, f"the platform profile is {profile.text}")
    return unknown(name, f"{reason}, and {profile.reason}")


# -- heat --------------------------------------------------------------------------------------------------------------


def _heat(machine: Machine, phone: Mapping[str, Any]) -> list[Fact]:
    folder = "/sys/class/thermal"
    hottest: tuple[float, str] | None = None
    closest: tuple[float, str] | None = None  # degrees above the mark
    for name in machine.names(folder):
        place = f"{folder}/{name}"
        if not name.startswith("thermal_zone"):
            continue
        kind = machine.read(f"{place}/type").text or name
        value = machine.number(f"{place}/temp")
        if value is None or not -50_000 < value < 200_000 or not _near_processor(kind):
            continue
        degrees = value / 1000
        if hottest is None or degrees > hottest[0]:
            hottest = (degrees, f"{name} ({kind})")
        mark, said = _mark(machine, place)
        if closest is None or degrees - mark > closest[0]:
            closest = (degrees - mark, f"{kind} has {degrees:.0f} °C, and {said}")
    slowed = next(_slowed(machine, folder), None)
    if hottest is None:
        return _battery_heat(phone, slowed, f"no processor's temperature in {folder}")
    found = [Fact("temperature_c", round(hottest[0], 1), folder, 1.0, hottest[1])]
    if slowed:
        return [*found, Fact("is_hot", True, folder, 1.0, slowed)]
    over, said = closest or (0.0, "")
    return [*found, Fact("is_hot", over >= 0, folder, 0.9, said)]


def _near_processor(kind: str) -> bool:
    low = kind.lower()
    wanted = ("cpu", "pkg", "soc", "acpitz", "core", "tctl", "k10temp", "cluster", "big", "little", "bcm", "thermal")
    return any(word in low for word in wanted) and not any(word in low for word in ("gpu", "batt", "wifi", "charger"))


def _mark(machine: Machine, place: str) -> tuple[float, str]:
    """The temperature from which on a zone is hot, and where that comes from."""
    trips = []
    for name in machine.names(place):
        if name.startswith("trip_point_") and name.endswith("_type"):
            kind = machine.read(f"{place}/{name}").text
            value = machine.number(f"{place}/{name.removesuffix('_type')}_temp")
            if kind in ("passive", "hot") and value is not None and 30_000 < value < 150_000:
                trips.append(value / 1000)
    if trips:
        return min(trips) - MARGIN_C, f"is slowed down at {min(trips):.0f} °C"
    return HOT_PROCESSOR_C - MARGIN_C, f"is taken to be slowed down at {HOT_PROCESSOR_C:.0f} °C"


def _slowed(machine: Machine, folder: str) -> Iterator[str]:
    for name in machine.names(folder):
        if name.startswith("cooling_device"):
            kind = machine.read(f"{folder}/{name}/type").text or ""
            state = machine.number(f"{folder}/{name}/cur_state")
            if state and any(word in kind.lower() for word in ("processor", "cpufreq", "cpu-", "cpu_")):
                yield f"{kind} is slowed down by {state} steps"


def _battery_heat(phone: Mapping[str, Any], slowed: str | None, reason: str) -> list[Fact]:
    degrees = phone.get("temperature")
    if isinstance(degrees, int | float) and not isinstance(degrees, bool) and -50 < degrees < 150:
        said = f"the battery has {degrees:g} °C"
        where = "termux-battery-status"
        found = [Fact("temperature_c", float(degrees), where, 0.6, said)]
        return [*found, Fact("is_hot", bool(slowed) or degrees >= HOT_BATTERY_C, where, 0.6, slowed or said)]
    is_hot = Fact("is_hot", True, "/sys/class/thermal", 1.0, slowed) if slowed else unknown("is_hot", reason)
    return [unknown("temperature_c", reason), is_hot]


# -- network and idleness ----------------------------------------------------------------------------------------------


def _metered(machine: Machine) -> Fact:
    name = "is_metered"
    if machine.is_termux:
        return _termux_metered(machine)
    answer = machine.bus(_NETWORK, "/org/freedesktop/NetworkManager", _NETWORK, "Metered")
    if answer.text in _METERED:
        value, confidence = _METERED[answer.text]
        return Fact(name, value, "NetworkManager", confidence, f"Metered of NetworkManager is {answer.text}")
    return unknown(name, "NetworkManager does not know" if answer.text else answer.reason)


def _termux_metered(machine: Machine) -> Fact:
    """A phone on Wi-Fi is taken for unmetered, any other network for metered."""
    name, where = "is_metered", "termux-wifi-connectioninfo"
    answer = machine.ask(where)
    try:
        told = json.loads(answer.text or "")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return unknown(name, f"{answer.reason if answer.text is None else where + ' gave no answer'}", where)
    on_wifi = told.get("supplicant_state") == "COMPLETED" and told.get("ip") not in (None, "", "0.0.0.0")
    said = "connected by Wi-Fi" if on_wifi else "not connected by Wi-Fi"
    return Fact(name, not on_wifi, where, 0.6, said)


def _idle(machine: Machine) -> Fact:
    name = "is_idle"
    hint = machine.bus(
        "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "IdleHint"
    )
    load = machine.read("/proc/loadavg")
    count = max(1, _processors(machine))
    try:
        ran = float((load.text or "").split()[0])
    except (ValueError, IndexError):
        ran = None
    if hint.text == "false" and machine.has("/run/systemd/seats/seat0") and _somebody_at_seat(machine):
        return Fact(name, False, "logind", 1.0, "somebody is at the machine: IdleHint of logind")
    if ran is None:
        if hint.text in ("true", "false"):
            return Fact(name, hint.text == "true", "logind", 0.7, f"IdleHint of logind is {hint.text}")
        return unknown(name, f"{load.reason}; {hint.reason}" if load.text is None else hint.reason)
    pressure = _processor_pressure(machine)
    calm = ran / count < IDLE_LOAD and (pressure is None or pressure < IDLE_PRESSURE)
    said = f"load {ran:g} on {count} processors"
    if pressure is not None:
        said += f", tasks wait {pressure:g} % of the time"
    return Fact(name, calm, "/proc/loadavg", 0.7, said)


def _processors(machine: Machine) -> int:
    return sum(name.startswith("cpu") and name[3:].isdecimal() for name in machine.names("/sys/devices/system/cpu"))


def _somebody_at_seat(machine: Machine) -> bool:
    text = machine.read("/run/systemd/seats/seat0").text or ""
    return any(line.startswith("ACTIVE_UID=") for line in text.splitlines())


def _processor_pressure(machine: Machine) -> float | None:
    text = machine.read("/proc/pressure/cpu").text or ""
    for word in text.partition("\n")[0].split():
        key, _, value = word.partition("=")
        if key == "avg10":
            try:
                return float(value)
            except ValueError:
                return None
    return None
