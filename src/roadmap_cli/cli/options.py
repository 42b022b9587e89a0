"""The options that commands share, each declared once; which a command has follows from what it declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roadmap_cli.cli.ranges import FiniteRange

if TYPE_CHECKING:
    from roadmap_cli.cli.spec import Spec

Function = TypeVar("Function", bound=Callable[..., Any])


def reply_options(max_tokens: int) -> Callable[[Function], Function]:
    """The options of a command that asks a model: model, system, max_tokens (with its default), temperature, seed."""
    declared = (
        click.option("--model", metavar="NAME", help="Name of the model; else the default one."),
        click.option("--system", metavar="TEXT", help="The system message, where a prompt brings none."),
        click.option(
            "--max-tokens", type=click.IntRange(1), default=max_tokens, show_default=True,
            help="Longest reply in tokens.",
        ),
        click.option(
            "--temperature", type=FiniteRange(0, 5), default=0.2, show_default=True,
            help="0 takes the likeliest token.",
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True,
            help="Start of the random numbers; it gives the same reply again where nothing else is in flight.",
        ),
    )  # fmt: skip

    return _together(declared)


def looking_option() -> Callable[[Function], Function]:
    """The option of a command that looks for sources that were moved: look_in."""
    return click.option(
        "--look-in", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
        metavar="DIRECTORY", help="Look here, too, for sources that were moved or renamed, by their content.",
    )  # fmt: skip


def encoding_options() -> Callable[[Function], Function]:
    """The options of a command that encodes the pieces of an edit: cache, look_in, jobs."""
    folder = click.Path(path_type=Path, file_okay=False)
    return _together(
        (
            click.option(
                "--cache", type=folder, metavar="DIRECTORY",
                help="Keep encoded pieces here; without it, in the user's cache directory.",
            ),
            looking_option(),
            click.option(
                "--jobs", type=click.IntRange(1, 64), metavar="N", help="How many pieces to encode at a time."
            ),
        )
    )  # fmt: skip


def hours_option() -> Callable[[Function], Function]:
    """The option of a command that tells work from free time: working_hours."""
    return click.option(
        "--working-hours", default="08:00-18:00", show_default=True, metavar="HH:MM-HH:MM",
        help="Working hours, Monday to Friday.",
    )  # fmt: skip


def zone_option() -> Callable[[Function], Function]:
    """The option of a command that counts days: timezone."""
    return click.option("--timezone", metavar="ZONE", help="Time zone of days and of times that name none.")


def signing_option() -> Callable[[Function], Function]:
    """The option of a command that may want a name to be proven: key_file."""
    return click.option(
        "--sign-with", "key_file", type=click.Path(exists=True, dir_okay=False), metavar="KEYFILE",
        help="Prove your name with this OpenSSH private key (Ed25519).",
    )  # fmt: skip


def running_options() -> Callable[[Function], Function]:
    """The options of a command that does the steps of runs: database, parallel, park_after."""
    declared = (
        click.option(
            "--database", type=click.File("r"), metavar="FILE", envvar="ROADMAP_DATABASE",
            help="Share the runs with other machines through the Postgres whose URL is in FILE.",
        ),
        click.option(
            "--parallel", type=click.IntRange(1, 256), default=8, show_default=True, metavar="N",
            help="Steps done at a time.",
        ),
        click.option(
            "--park-after", type=FiniteRange(0), default=60.0, show_default=True, metavar="SECONDS",
            help="Let go of a run that waits for longer than this.",
        ),
    )  # fmt: skip
    return _together(declared)


def _together(declared: Sequence[Callable[[Any], Any]]) -> Callable[[Function], Function]:
    """One decorator for several options, in the order in which help shows them."""

    def declare(function: Function) -> Function:
        for option in reversed(declared):
            function = option(function)
        return function

    return declare


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
                type=FiniteRange(0),
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
