"""Every command there is, found by walking the files; man pages, completions, README and tests come from here."""

from __future__ import annotations

import importlib
import keyword
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli.command import Command, Group
from roadmap_cli.cli.spec import Spec
from roadmap_cli.cli.terminal import Words

#: Where the commands are. Named, not imported: they stand above this layer and are loaded one by one.
COMMANDS = "roadmap_cli.commands"
FAMILIES = ("slm", "agent", "edl", "life", "wf", "roadmap")


@dataclass(frozen=True, slots=True)
class Option:
    """An option or operand as help and man pages show it."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]
    takes_file: bool
    repeats: bool
    required: bool
    default: str
    environment: str
    operand: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or one action of a command with actions."""

    spec: Spec
    options: tuple[Option, ...]
    actions: tuple[Entry, ...] = ()
    default: str | None = None  # the action that a call without one means

    @property
    def name(self) -> str:
        """The name as it is typed, the action included."""
        return self.spec.name

    @property
    def action(self) -> str:
        """The action alone; empty for a command without actions."""
        return self.spec.name.partition(" ")[2]

    @property
    def parts(self) -> tuple[Entry, ...]:
        """What can be run: the actions, or the command itself."""
        return self.actions or (self,)


def names() -> list[str]:
    """The names of all commands, by family in the order of FAMILIES and then by name. From file names alone."""
    root = Path(__file__).parents[1] / "commands"
    return [
        f"{family}-{path.stem.rstrip('_').replace('_', '-')}"
        for family in FAMILIES
        for path in sorted((root / family).glob("[!_]*.py"))
    ]


def module_of(name: str) -> str:
    """The module a command lives in; a verb that is a word of Python has an underscore behind it."""
    family, _, verb = name.partition("-")
    module = verb.replace("-", "_")
    return f"{COMMANDS}.{family}.{module}{'_' * keyword.iskeyword(module)}"


def load(name: str) -> Command | Group:
    """The declared command of a name."""
    declared: Command | Group = importlib.import_module(module_of(name)).main
    return declared


def entry(name: str) -> Entry:
    """Everything a command tells about itself."""
    declared = load(name)
    if isinstance(declared, Group):
        parts = tuple(_entry(action) for action in declared.actions.values())
        return Entry(declared.spec, (), parts, declared.default)
    return _entry(declared)


def entries() -> Iterator[Entry]:
    """All commands."""
    return (entry(name) for name in names())


def _entry(command: Command) -> Entry:
    words = Words(command.spec.name, open(os.devnull, "w"), {})  # noqa: PTH123, SIM115
    parsed = command.click_command(words, lambda *_: 0)
    words.stream.close()
    context = parsed.make_context(command.spec.name, [], resilient_parsing=True)
    return Entry(command.spec, tuple(_option(parameter, context) for parameter in parsed.get_params(context)))


def _option(parameter: click.Parameter, context: click.Context) -> Option:
    kind = parameter.type
    choices = tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else ()
    is_operand = isinstance(parameter, click.Argument)
    takes_value = is_operand or not (getattr(parameter, "is_flag", False) or getattr(parameter, "count", False))
    default: Any = parameter.default
    shows_default = getattr(parameter, "show_default", False) and default is not None
    environment = parameter.envvar or ""
    return Option(
        flags=() if is_operand else tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=len)),
        metavar=parameter.make_metavar(context) if takes_value else "",
        help=getattr(parameter, "help", "") or "",
        choices=choices,
        takes_file=isinstance(kind, click.Path | click.File),
        repeats=bool(getattr(parameter, "multiple", False)) or parameter.nargs == -1,
        required=parameter.required,
        default=str(default) if shows_default else "",
        environment=environment if isinstance(environment, str) else ", ".join(environment),
        operand=is_operand,
    )
