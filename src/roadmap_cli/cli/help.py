"""Help as it is shown: at most 79 columns, with the kinds of records and examples as they are typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from roadmap_cli import __version__
from roadmap_cli.cli.spec import Spec

#: What every click command of ours is made with.
SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 79}


def version_option(name: str) -> click.Option:
    """The option that shows the version and ends."""

    def show(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            click.echo(f"{name.partition(' ')[0]} (roadmap-cli) {__version__}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version."
    )


def epilog(spec: Spec) -> str:
    """What a command reads and writes, and its examples."""
    lines: list[str] = []
    if spec.reads:
        lines += _wrapped(f"Reads {_listed(spec.reads)}.")
    if spec.writes:
        lines += _wrapped(f"Writes {_listed(spec.writes)}.")
    for phrase, line in spec.examples.items():
        lines += ["", f"{phrase}:", *(f"    {part}" for part in folded(line))]
    return "\n".join(lines)


def folded(line: str, columns: int = 74) -> list[str]:
    """A shell line in parts that are still one command: broken behind ``|`` and ``&&``, else before a word."""
    parts: list[str] = []
    for word in re.split(r"(?<=\|) |(?<=&&) |(?<=;) ", line):
        joined = f"{parts[-1]} {word}" if parts else word
        if parts and len(joined) <= columns:
            parts[-1] = joined
        else:
            parts.append(f"  {word}" if parts else word)
    return [piece for part in parts for piece in _at_words(part, columns)]


def _at_words(part: str, columns: int) -> list[str]:
    if len(part) <= columns:
        return [part]
    at = max(part.rfind(" -", 0, columns - 2), part.rfind(" <", 0, columns - 2))
    if at < 4:
        at = part.rfind(" ", 0, columns - 2)
    if at < 4:
        return [part]
    return [f"{part[:at]} \\", *_at_words(f"    {part[at + 1 :]}", columns)]


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 79, break_long_words=False)


def _listed(kinds: Sequence[str]) -> str:
    named = ["any" if kind == "*" else kind for kind in kinds]
    return ", ".join(named) + " records"


class Unexpected(click.UsageError):
    """A word that the command has no place for, with what was probably meant."""

    def __init__(self, message: str, context: click.Context, hint: str) -> None:
        super().__init__(message, context)
        self.hint = hint


class HelpfulCommand(click.Command):
    """A command whose help fits a terminal, its examples as they are typed."""

    #: Whether it reads records from standard input or files named with -i, and so no words.
    is_filter = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse. Raises Unexpected with the way to name a file to a filter that was given one as a word."""
        if not self.is_filter or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            message = f"got unexpected extra argument{'s' * (len(rest) > 1)} ({' '.join(rest)})"
            raise Unexpected(message, ctx, self._meant(ctx, rest[0]))
        return rest

    def _meant(self, ctx: click.Context, word: str) -> str:
        """What to type instead of a word that was not expected."""
        import os
        import shlex
        from pathlib import PurePath

        options = {name for each in self.params for name in each.opts}
        name, suffix = ctx.command_path, PurePath(word).suffix.lower()
        if suffix in (".yaml", ".yml", ".toml") and "--templates" in options:
            return f"templates are named with --templates {shlex.quote(word)}, records with -i FILE"
        is_text = "--text" in options and suffix not in (".jsonl", ".json", ".ndjson")
        told = f"{name} --text" if is_text else name
        if (suffix and " " not in word) or os.path.lexists(word):  # a long prompt is no path, and no failure
            return f"a file is named with -i: {told} -i {shlex.quote(word)}"
        if is_text:
            return f"text comes by standard input, or from -i FILE: echo {shlex.quote(word)} | {told}"
        return f"records come by standard input, or from -i FILE; see '{name} --help'"

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what it reads and writes, and the examples, unwrapped."""
        if self.epilog:
            formatter.write_paragraph()
            for line in self.epilog.splitlines():
                formatter.write(line.rstrip() + "\n")

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write help in at most 79 columns."""
        formatter.width = min(79, max(formatter.width, 40))
        super().format_help(ctx, formatter)


class HelpfulGroup(click.Group, HelpfulCommand):
    """The same with actions; a call without one, or with one that is none, is told what there is.

    With a `default`, a call without an action is one of it.
    """

    def __init__(self, name: str, default: str | None = None, **declared: Any) -> None:
        super().__init__(name, invoke_without_command=True, callback=self._need_an_action, **declared)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default action first where the first word is none."""
        own = ("--version", *SETTINGS["help_option_names"])
        if self._default and (not args or (args[0].startswith("-") and args[0] not in own)):
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    def _need_an_action(self) -> None:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            raise click.UsageError(f"an action is needed: {', '.join(self.commands)}", context)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The action of this name. Raises click.UsageError with the names there are."""
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:
            raise click.UsageError(f"no action {cmd_name!r}: there are {', '.join(self.commands)}", ctx)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the actions under the name that the documentation gives them."""
        rows = [(name, command.get_short_help_str(60)) for name, command in self.commands.items()]
        with formatter.section(f"Actions ({self._default} without one)" if self._default else "Actions"):
            formatter.write_dl(rows)
