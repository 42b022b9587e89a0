"""slm-device: what this machine is, and what that means for a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


def _picture(records: Sequence[Record], console: Any) -> None:
    """Facts with their reasons, then the policy with its whys."""
    from rich.table import Table

    from roadmap_cli.cli.render import one_line

    for record in records:
        if record.get("kind") != "slm.device":
            console.print(one_line(record))
            continue
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        for heading, width in (("fact", 22), ("value", 24), ("because", None)):
            table.add_column(heading, overflow="fold", max_width=width)
        for fact in record["facts"]:
            sure = "" if fact["confidence"] in (0, 1) else f" ({fact['confidence']:.0%} sure)"
            table.add_row(_shown(fact["name"]), _value(fact), one_line(fact["reason"]) + sure)
        table.add_section()
        table.add_row("", "", "")
        for name, value in record["policy"].items():
            table.add_row(
                f"use {_shown(name)}", one_line(value), one_line(record["policy_why"].get(name)), style="bold"
            )
        console.print(table)


def _shown(name: str) -> str:
    return name.removesuffix("_bytes").removesuffix("_bytes_per_s").removesuffix("_us").replace("_", " ")


def _value(fact: Record) -> str:
    from roadmap_cli.cli.render import one_line

    value = fact.get("value")
    if value is None:
        return "?"
    if fact["name"].endswith("_bytes"):
        return f"{value / 2**30:.2f} GiB"
    if fact["name"].endswith("_bytes_per_s"):
        return f"{value / 1e9:.1f} GB/s"
    return " ".join(value) if isinstance(value, list) else one_line(value)


@command(
    writes="slm.device",
    columns=("cpu_model", "device_year", "memory_total_bytes", "memory_usable_bytes", "cores_usable", "policy"),
    examples={
        "See what this machine is good for": "slm-device | jq -r '.policy | has(\"bits\")'",
        "See what is not known, and why": (
            "slm-device | jq -r '[.facts[] | select(.value == null) | .reason] | length > 0'"
        ),
    },
    see=("slm-quantize", "slm-models", "slm-run"),
    picture=_picture,
)
@click.option(
    "--sysroot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    metavar="DIR",
    help="Look at the files below DIR, those of another machine, instead of this one.",
)
@click.option("--measure", is_flag=True, help="Measure how fast memory can be read, which takes a second.")
@click.option("--device-year", type=click.IntRange(1990, 2100), metavar="YEAR", help="Take the device to be of YEAR.")
@click.option("--bits", type=click.Choice(["4", "8"]), help="Bits per weight, whatever the device.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads that compute; else as many as help.")
@click.option("--context-size", type=click.IntRange(128), metavar="TOKENS", help="Tokens of prompt and reply together.")
@click.option("--kv-type", type=click.Choice(["f16", "q8_0"]), help="How a context's keys and values are held.")
def main(run: Run, sysroot: Path, measure: bool, bits: str | None, **chosen: Any) -> Iterable[Record]:
    """Show what this machine is, and what that means for a model.

    Each fact comes with its source, how far it can be trusted (0 to 1), and a reason; so does what is not known.
    Files of the kernel are read, UPower, NetworkManager and logind are asked, on a phone the termux-* programs.
    Nothing is changed and nothing leaves the machine.

    The policy says what to do here: 4 bits for devices before 2020 and 8 bits for newer ones, corrected by memory,
    its speed and the processor's instructions.
    An option, or ROADMAP_DEVICE_YEAR, ROADMAP_BITS, ROADMAP_QUANTIZATION, ROADMAP_THREADS, ROADMAP_CONTEXT_SIZE or
    ROADMAP_KV_TYPE in the environment, overrules it.
    """
    import os

    from roadmap_cli.slm.device import facts, policy, report

    given = policy.overrides({**chosen, "bits": int(bits) if bits else None}, run.environ)
    device = facts.read(sysroot, environ=run.environ)
    if measure:
        if sysroot != Path("/"):
            raise click.UsageError("--measure is of this machine, --sysroot of another")
        from roadmap_cli.slm.device import bandwidth

        threads = device.value("cores_usable") or 1
        device = report.with_fact(device, bandwidth.measure(threads, device.memory.usable_bytes))
    decided = policy.policy(device, given)
    host = os.uname().nodename if sysroot == Path("/") else str(sysroot)
    yield report.record(device, decided, year=given.get("device_year"), at=run.stamp(), host=host)
