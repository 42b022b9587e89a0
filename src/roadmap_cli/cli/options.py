"""The options that commands share, each declared once; which a command has follows from what it declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from roadmap_cli.cli.spec import Spec


def shared(spec: Spec) -> list[click.Parameter]:
    """The shared options of a command, in the order in which help shows them."""
    return [option for option, wanted in _all(spec) if wanted]


def _all(spec: Spec) -> list[tuple[click.Parameter, bool]]:
    records = not spec.runs_program
    wants_output = records or spec.output == "file"
    file = click.Path(dir_okay=False, allow_dash=True)
    place = "the file it makes" if spec.output == "file" else "records"
    return [
        (
            click.Option(
                ["-i", "--input"],
                multiple=True,
                type=file,
                metavar="FILE",
                help="Read records from FILE; may be repeated; '-' is standard input, the default.",
            ),
            bool(spec.reads),
        ),
        (
            click.Option(
                ["-o", "--output"],
                type=file,
                metavar="FILE",
                required=spec.output == "file",
                help=f"Write {place} to FILE, complete or not at all.",
            ),
            wants_output,
        ),
        (
            click.Option(["--json", "dress"], flag_value="json", help="Write JSON Lines, the default in a pipe."),
            records,
        ),
        (click.Option(["--plain", "dress"], flag_value="plain", help="Write tab-separated columns."), records),
        (
            click.Option(
                ["--pretty", "dress"], flag_value="pretty", help="Write for people, the default on a terminal."
            ),
            records,
        ),
        (
            click.Option(
                ["--on-error"],
                type=click.Choice(["stop", "skip", "emit"]),
                default="stop",
                show_default=True,
                help="What to do about a record that fails: stop, leave it out, or put an error record in its place.",
            ),
            bool(spec.reads) or spec.items,
        ),
        (
            click.Option(
                ["--state"],
                type=click.Path(dir_okay=False),
                metavar="FILE",
                envvar="ROADMAP_STATE",
                help="Use this state file.",
            ),
            spec.state != "no",
        ),
        (
            click.Option(
                ["--identity"],
                type=click.Path(dir_okay=False),
                metavar="FILE",
                envvar="ROADMAP_IDENTITY",
                help="Unlock the state with the age identity in FILE.",
            ),
            spec.state != "no",
        ),
        (
            click.Option(
                ["--wait"],
                type=click.FloatRange(0),
                default=30.0,
                show_default=True,
                metavar="SECONDS",
                envvar="ROADMAP_WAIT",
                help="How long to wait for a lock.",
            ),
            spec.state != "no",
        ),
        (
            click.Option(
                ["--offline"], is_flag=True, envvar="ROADMAP_OFFLINE", help="Refuse every use of the network."
            ),
            "network" in spec.effects,
        ),
        (
            click.Option(["-n", "--dry-run"], is_flag=True, help="Change nothing; write what would be written."),
            spec.has_effects,
        ),
        (click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but errors."), True),
        (click.Option(["-v", "--verbose"], count=True, help="Say more; twice adds tracebacks."), True),
        (
            click.Option(
                ["--color"],
                type=click.Choice(["auto", "always", "never"]),
                default="auto",
                show_default=True,
                help="When to use colour.",
            ),
            True,
        ),
    ]
