"""Facts, power, memory and policy from trees with the files of other machines."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import UsageError
from roadmap_cli.slm.device import facts, policy, years
from roadmap_cli.slm.device.memory import of_machine
from roadmap_cli.slm.device.power import power
from roadmap_cli.slm.device.probe import Fact, Machine, run_program

GIB = 1 << 30


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def program(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def meminfo(total: int, available: int) -> str:
    return f"MemTotal: {total // 1024} kB\nMemFree: 1 kB\nMemAvailable: {available // 1024} kB\nSwapFree: 0 kB\n"


INTEL = "processor : 0\nvendor_id : GenuineIntel\ncpu family : 6\nmodel : 142\nmodel name : Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nflags : lm sse4_2 ssse3 avx f16c fma avx2 bmi2 clflushopt\n"
LAPTOP = {
    "proc/cpuinfo": INTEL, "proc/meminfo": meminfo(8 * GIB, 5 * GIB), "proc/loadavg": "0.10 0.05 0.01 1/200 4242\n",
    "proc/pressure/memory": "some avg10=1.50 avg60=0.00 avg300=0.00 total=71004\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=28197\n",
    "proc/pressure/cpu": "some avg10=0.40 avg60=0.00 avg300=0.00 total=5\n",
    "sys/class/power_supply/BAT0/type": "Battery", "sys/class/power_supply/BAT0/status": "Discharging",
    "sys/class/power_supply/BAT0/capacity": "37", "sys/class/power_supply/BAT0/present": "1",
    "sys/class/power_supply/AC/type": "Mains", "sys/class/power_supply/AC/online": "0",
    "sys/class/power_supply/mouse/type": "Battery", "sys/class/power_supply/mouse/scope": "Device",
    "sys/class/power_supply/mouse/status": "Charging", "sys/class/power_supply/mouse/capacity": "99",
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp", "sys/class/thermal/thermal_zone0/temp": "61000",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "passive", "sys/class/thermal/thermal_zone0/trip_point_0_temp": "95000",
    "sys/class/thermal/cooling_device0/type": "Processor", "sys/class/thermal/cooling_device0/cur_state": "0",
    "sys/class/dmi/id/bios_date": "11/02/2021", "sys/class/dmi/id/sys_vendor": "LENOVO", "sys/class/dmi/id/product_name": "20L5",
    "sys/devices/system/cpu/online": "0-7", **{f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": f"{n % 4},{n % 4 + 4}" for n in range(8)},
    **{f"sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq": "3400000" for n in range(8)},
}  # fmt: skip
ARM = "".join(
    f"processor : {n}\nFeatures : fp asimd aes crc32 atomics asimdhp asimddp\nCPU implementer : 0x{implementer:02x}\nCPU part : 0x{part:03x}\n\n"
    for n, (implementer, part) in enumerate([(0x51, 0x805)] * 4 + [(0x51, 0x804)] * 4)
)
PHONE = {
    "proc/cpuinfo": ARM, "proc/meminfo": meminfo(6 * GIB, 2 * GIB), "data/data/com.termux/files/usr/bin/x": "",
    "sys/devices/system/cpu/online": "0-7",
    **{f"sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq": "1785600" if n < 4 else "2841600" for n in range(8)},
}  # fmt: skip
PI_5 = {
    "proc/cpuinfo": "".join(f"processor : {n}\nFeatures : fp asimd crc32 atomics asimdhp asimddp\nCPU implementer : 0x41\nCPU part : 0xd0b\n\n" for n in range(4)),
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0", "proc/meminfo": meminfo(8 * GIB, 7 * GIB),
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal", "sys/class/thermal/thermal_zone0/temp": "78400",
}  # fmt: skip


def test_a_laptop_on_battery(tmp_path):
    device = facts.read(tree(tmp_path, LAPTOP), environ={})
    assert (device.power.on_battery, device.power.percent, device.power.charging) == (True, 37.0, False)
    assert (device.power.temperature_c, device.power.is_hot, device.power.is_idle) == (61.0, False, True)
    assert device.power.power_saver is None
    assert "no system D-Bus" in device.power.reason("power_saver")
    assert (device.memory.some_avg10, device.memory.full_total_us) == (1.5, 28197)
    assert device.value("device_year") == 2017
    assert device.value("cores_physical") == 4
    assert device.value("is_virtual") is False
    decided = policy.policy(device)
    assert (decided.bits, decided.quantization, decided.threads) == (4, "Q4_K_M", 4)
    assert decided.why["bits"] == "a device of 2017: before 2020"


def test_mains_power_wins_and_several_batteries_are_weighed(tmp_path):
    more = {"sys/class/power_supply/AC/online": "1", "sys/class/power_supply/BAT0/status": "Charging",
            "sys/class/power_supply/BAT0/energy_full": "60000000", "sys/class/power_supply/BAT0/energy_now": "30000000",
            "sys/class/power_supply/BAT1/type": "Battery", "sys/class/power_supply/BAT1/status": "Unknown",
            "sys/class/power_supply/BAT1/energy_full": "20000000", "sys/class/power_supply/BAT1/energy_now": "20000000"}  # fmt: skip
    found = power(tree(tmp_path, LAPTOP | more), {})
    assert (found.on_battery, found.charging, found.percent) == (False, True, 62.5)


def test_heat_near_the_trip_point_or_a_slowed_processor_is_hot(tmp_path):
    root = tree(tmp_path, LAPTOP | {"sys/class/thermal/thermal_zone0/temp": "90500"})
    assert power(root, {}).is_hot is True
    tree(root, {"sys/class/thermal/thermal_zone0/temp": "50000", "sys/class/thermal/cooling_device0/cur_state": "3"})
    assert power(root, {}).is_hot is True
    assert "slowed down by 3" in power(root, {}).reason("is_hot")


def test_a_phone_with_termux(tmp_path):
    programs = tmp_path / "bin"
    program(
        programs,
        "termux-battery-status",
        """echo '{"health":"GOOD","percentage":73,"plugged":"UNPLUGGED","status":"DISCHARGING","temperature":44.5,"current":-691537}'""",
    )
    program(programs, "termux-wifi-connectioninfo", """echo '{"supplicant_state":"COMPLETED","ip":"192.168.1.5"}'""")
    program(
        programs,
        "getprop",
        'case $1 in ro.product.first_api_level) echo 29;; ro.product.model) echo "Pixel 4";; ro.board.platform) echo SM8150;; esac',
    )
    environ = {"PATH": f"{programs}:/usr/bin:/bin"}
    device = facts.read(tree(tmp_path / "root", PHONE), environ=environ)
    assert (device.power.on_battery, device.power.percent, device.power.is_hot) == (True, 73.0, True)
    assert device.power.is_metered is False
    assert device.value("board") == "Pixel 4"
    assert (device.value("cpu_year"), device.value("android_year"), device.value("device_year")) == (2019, 2019, 2019)
    assert (device.value("cores_big"), device.value("cores_little")) == (4, 4)
    decided = policy.policy(device)
    assert (decided.bits, decided.quantization, decided.threads) == (4, "Q4_0", 4)


def test_a_termux_program_that_hangs_costs_its_time_out_and_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("roadmap_cli.slm.device.probe.PATIENCE_S", 0.3)
    program(tmp_path / "bin", "termux-battery-status", "sleep 60 & sleep 60")
    found = power(tree(tmp_path / "root", PHONE), {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert found.on_battery is None
    assert "said nothing" in found.reason("on_battery")
    assert "Termux:API" in found.reason("on_battery")


def test_a_raspberry_pi(tmp_path):
    device = facts.read(tree(tmp_path, PI_5), environ={})
    assert device.value("device_year") == 2023
    assert device.value("cpu_model") == "Cortex-A76"
    assert device.power.is_hot is True
    assert "80 °C" in device.power.reason("is_hot")
    assert device.power.on_battery is None
    assert policy.policy(device).quantization == "Q8_0"


def test_dbus_is_asked_where_a_tree_has_one(tmp_path):
    answers = {"OnBattery": "b true", "IsPresent": "b true", "Percentage": "d 55", "State": "u 2", "Metered": "u 3",
               "IdleHint": "b false", "ActiveProfile": 's "power-saver"'}  # fmt: skip
    cases = "".join(f"*' {name}') echo '{text}';;\n" for name, text in answers.items())
    program(tmp_path / "bin", "busctl", f'case "$*" in\n{cases}*) exit 1;; esac')
    root = tree(tmp_path / "root", {"run/dbus/system_bus_socket": "", "run/systemd/seats/seat0": "ACTIVE_UID=1000\n"})
    found = power(root, {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert (found.on_battery, found.percent, found.charging) == (True, 55.0, False)
    assert (found.power_saver, found.is_metered, found.is_idle) == (True, True, False)
    assert power(root, {"PATH": str(tmp_path)}).reason("is_metered") == "neither busctl nor gdbus is there to ask D-Bus"


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_with_a_limit(tmp_path, version):
    if version == 2:
        group = {"proc/self/cgroup": "0::/app/x\n", "sys/fs/cgroup/app/memory.max": str(2 * GIB), "sys/fs/cgroup/app/memory.current": str(GIB),
                 "sys/fs/cgroup/app/memory.stat": f"anon 5\ninactive_file {GIB // 4}\n", "sys/fs/cgroup/app/x/memory.max": "max",
                 "sys/fs/cgroup/app/x/memory.current": "77", "sys/fs/cgroup/app/cpu.max": "150000 100000"}  # fmt: skip
    else:
        base = "sys/fs/cgroup/memory/docker/abc"
        group = {"proc/self/cgroup": "4:memory:/docker/abc\n1:cpu:/docker/abc\n", f"{base}/memory.limit_in_bytes": str(2 * GIB),
                 f"{base}/memory.usage_in_bytes": str(GIB), f"{base}/memory.stat": f"total_inactive_file {GIB // 4}\n",
                 "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "150000",
                 "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000"}  # fmt: skip
    root = tree(tmp_path, LAPTOP | group | {".dockerenv": ""})
    found = of_machine(Machine(root, {}))
    assert (found.limit_bytes, found.current_bytes, found.usable_bytes) == (2 * GIB, GIB, GIB + GIB // 4)
    assert found.ceiling_bytes == 2 * GIB
    device = facts.read(root, environ={})
    assert device.value("is_container") is True
    assert device.value("cores_usable") == 2
    assert policy.policy(device).why["bits"] == "only 2.0 GiB of memory"


def test_a_machine_that_tells_nothing_gives_a_reason_for_each(tmp_path):
    device = facts.read(tmp_path, environ={"PATH": ""})
    known = {name for name, fact in device.facts.items() if fact.value is not None}
    assert known == {"is_termux", "is_container"}
    assert all(fact.reason for fact in device.facts.values())
    decided = policy.policy(device)
    assert (decided.bits, decided.quantization, decided.threads) == (4, "Q4_0", 1)
    assert "not known" in decided.why["bits"]


def _year(**given: tuple[int, float]) -> Fact:
    return facts.settled_year(
        [Fact(name, value, name, sure, f"{name} says {value}") for name, (value, sure) in given.items()],
        is_virtual=False,
    )


def test_years_that_contradict_each_other():
    assert _year(cpu_year=(2017, 0.9), bios_year=(2021, 0.8)).value == 2017
    assert _year(cpu_year=(2012, 0.3), instructions_year=(2018, 1.0)).value == 2018
    lowered = _year(cpu_year=(2018, 0.4), bios_year=(2016, 0.8), instructions_year=(2013, 1.0))
    assert (lowered.value, "firmware" in lowered.reason or "bios" in lowered.reason) == (2016, True)
    doubtful = _year(cpu_year=(2019, 0.9), bios_year=(2016, 0.8))
    assert (doubtful.value, doubtful.confidence) == (2019, 0.72)
    assert _year(cpu_year=(2014, 0.3), android_year=(2021, 0.8)).value == 2021
    assert _year(instructions_year=(2013, 1.0)).confidence == 0.4
    assert _year().value is None
    virtual = facts.settled_year(
        [Fact("cpu_year", 2021, "x", 0.5, "x"), Fact("bios_year", 2014, "x", 0.8, "x")], is_virtual=True
    )
    assert virtual.value == 2021


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("Intel(R) Core(TM) i7-2600K CPU @ 3.40GHz", 2011), ("Intel(R) Core(TM) i5-1035G1 CPU @ 1.00GHz", 2019),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", 2020), ("12th Gen Intel(R) Core(TM) i5-1240P", 2021),
        ("13th Gen Intel(R) Core(TM) i9-13900K", 2022), ("Intel(R) Core(TM) Ultra 7 155H", 2023), ("Intel(R) N100", 2023),
        ("Intel(R) Core(TM) i7 CPU       920  @ 2.67GHz", 2009), ("Intel(R) Core(TM)2 Duo CPU     P8600  @ 2.40GHz", 2007),
        ("Intel(R) Celeron(R) J4125 CPU @ 2.00GHz", 2019), ("Intel(R) Celeron(R) CPU  N2840  @ 2.16GHz", 2013),
        ("Intel(R) Atom(TM) CPU N270   @ 1.60GHz", 2008), ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 2016),
        ("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", 2012), ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 2021),
        ("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", 2017), ("Intel(R) Core(TM) m3-6Y30 CPU @ 0.90GHz", 2015),
        ("Intel Xeon Processor (Skylake, IBRS)", 2017), ("AMD Ryzen 5 3600 6-Core Processor", 2019),
        ("AMD Ryzen 7 5800X 8-Core Processor", 2020), ("AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics", 2023),
        ("AMD Ryzen Threadripper 3970X 32-Core Processor", 2019), ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 2024),
        ("AMD EPYC 7763 64-Core Processor", 2021), ("AMD EPYC 7742 64-Core Processor", 2019), ("AMD EPYC 9654 96-Core Processor", 2022),
        ("AMD EPYC 9B45", 2024), ("AMD A10-9700 RADEON R7, 10 COMPUTE CORES 4C+6G", 2016), ("AMD FX(tm)-8350 Eight-Core Processor", 2012),
    ],
)  # fmt: skip
def test_processors_by_name(name, year):
    found = years.of_name(name)
    assert found is not None
    assert abs(found.year - year) <= (0 if "i7 CPU" not in name else 1), found


def test_processors_by_number_part_and_board():
    assert years.of_name("Frobnitz 3000") is None
    assert years.of_numbers("AuthenticAMD", 25, 1) == ("Milan", 2021, 0.75)
    assert years.of_numbers("GenuineIntel", 6, 85).year == 2017
    assert years.of_parts([(0x61, 0x022), (0x61, 0x023)]).year == 2020
    assert years.of_parts([(0x41, 0xD05), (0x41, 0xD41)]).year == 2021
    assert years.of_parts([(0x41, 0xFFF)]) is None
    assert years.of_board("Raspberry Pi 3 Model B Plus Rev 1.3").year == 2018
    assert years.of_board("Apple MacBook Air (M1, 2020)").year == 2020
    assert years.of_chip("Qualcomm Technologies, Inc SM8550").year == 2022


def test_a_person_overrules_by_option_and_environment(tmp_path):
    device = facts.read(tree(tmp_path, LAPTOP), environ={})
    given = policy.overrides({"threads": 3}, {"ROADMAP_BITS": "8", "ROADMAP_THREADS": "9", "ROADMAP_KV_TYPE": "Q8_0"})
    decided = policy.policy(device, given)
    assert (decided.bits, decided.threads, decided.kv_type, decided.why["bits"]) == (8, 3, "q8_0", "as you said")
    assert policy.policy(device, {"device_year": 2022}).bits == 8
    for name, text in (("BITS", "5"), ("THREADS", "0"), ("KV_TYPE", "q4"), ("DEVICE_YEAR", "old")):
        with pytest.raises(UsageError, match=f"ROADMAP_{name}"):
            policy.overrides({}, {f"ROADMAP_{name}": text})


def test_much_memory_overrules_the_year_and_slow_memory_the_other_way(tmp_path):
    files = LAPTOP | {"proc/meminfo": meminfo(256 * GIB, 200 * GIB)}
    device = facts.read(tree(tmp_path, files), environ={})
    assert policy.policy(device).bits == 8
    slow = Fact("memory_bandwidth_bytes_per_s", 3_000_000_000, "measured", 0.9, "x")
    device = facts.Device({**device.facts, slow.name: slow}, device.memory, device.power)
    assert policy.policy(device).why["bits"] == "memory gives only 3.0 GB/s"


def test_a_program_that_fails_is_said(tmp_path):
    program(tmp_path, "broken", "exit 3")
    assert run_program(["broken"], {"PATH": str(tmp_path)}) == (None, "broken ended with 3")
    assert run_program(["missing"], {"PATH": str(tmp_path)}) == (None, "there is no program missing")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_files_hold_nothing_is_raised(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("noise")
    for name in data.draw(st.lists(st.sampled_from(sorted(LAPTOP | PI_5)), max_size=8)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = st.integers(-(2**70), 2**70).map(lambda n: str(n).encode())
        path.write_bytes(
            data.draw(st.one_of(st.binary(max_size=80), numbers, st.just((LAPTOP | PI_5)[name].encode()[:-2])))
        )
    device = facts.read(root, environ={"PATH": ""})
    policy.policy(device)


def test_the_command_costs_little_more_than_its_help(shell):
    import json
    import resource

    def cost(words: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = shell(words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    both = [(cost(["slm-device"]), cost(["slm-device", "--help"])) for _ in range(4)]
    assert min(ours for ours, _ in both) < 2.2 * min(theirs for _, theirs in both)
    assert json.loads(shell(["slm-device"]).stdout)["policy"]["threads"] >= 1


def test_this_machine_by_measure():
    from roadmap_cli.slm.device import bandwidth

    device = facts.read(environ=os.environ)
    found = bandwidth.measure(1, device.memory.usable_bytes)
    assert found.value is None or 1e8 < found.value < 1e13
    assert bandwidth.measure(4, 1 << 20).value is None


@pytest.mark.slow
@pytest.mark.parametrize("asker", ["busctl", "gdbus"])
def test_a_real_upower_interface_on_a_real_bus(tmp_path, asker):
    """python-dbusmock's UPower behind a dbus-daemon of our own: its answers are spelled as the real one's."""
    import shutil
    import subprocess
    import time

    if not shutil.which("dbus-daemon") or not shutil.which(asker):
        pytest.skip(f"dbus-daemon or {asker} is missing")
    if subprocess.run(["/usr/bin/python3", "-c", "import dbusmock"], capture_output=True, check=False).returncode:
        pytest.skip("python3-dbusmock is missing")
    socket = tmp_path / "run/dbus/system_bus_socket"
    socket.parent.mkdir(parents=True)
    address = f"unix:path={socket}"
    environ = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address, "DBUS_SESSION_BUS_ADDRESS": address}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bus = subprocess.Popen(["dbus-daemon", "--session", f"--address={address}", "--nofork"], **quiet)
    mock = None
    try:
        while not socket.exists():
            time.sleep(0.05)
        mock = subprocess.Popen(
            ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "upower"], env=environ, **quiet
        )
        setup = ["gdbus", "call", "--system", "-d", "org.freedesktop.UPower", "-o", "/org/freedesktop/UPower", "-m",
                 "org.freedesktop.DBus.Mock.SetupDisplayDevice", "2", "1", "33.0", "10.0", "50.0", "10.0", "3600", "0", "true",
                 "battery-good", "3"]  # fmt: skip
        for _ in range(100):
            if subprocess.run(setup, env=environ, **quiet, check=False).returncode == 0:
                break
            time.sleep(0.1)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / asker).symlink_to(str(shutil.which(asker)))
        found = power(tmp_path, {"PATH": str(tmp_path / "bin")})
        assert (found.on_battery, found.percent, found.charging) == (False, 33.0, True)
    finally:
        for process in (mock, bus):
            if process:
                process.kill()
                process.wait()
