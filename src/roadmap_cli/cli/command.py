"""The single way to declare a command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from roadmap_cli.cli import help as helps
from roadmap_cli.cli import options
from roadmap_cli.cli.execution import Function, Start, execute
from roadmap_cli.cli.spec import Spec
from roadmap_cli.cli.terminal import Words

_PACKAGE = "roadmap_cli.commands."


class Command:
    """A declared command: call it with arguments, get an exit code."""

    def __init__(self, spec: Spec, function: Function) -> None:
        self.spec = spec
        self.function = function
        self.own_params: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run it as the shell would. Returns the exit code, whatever happens."""
        return execute(self.spec.name, self.click_command, sys.argv[1:] if arguments is None else arguments)

    def click_command(self, words: Words, start: Start) -> click.Command:
        """The click command that parses its arguments."""
        made = helps.HelpfulCommand(
            self.spec.name.rpartition(" ")[2],
            params=[*self.own_params, *options.shared(self.spec), helps.version_option(self.spec.name)],
            callback=lambda **values: start(self.spec, self.function, words, values),
            help=f"{self.spec.phrase}\n\n{self.spec.text}",
            short_help=self.spec.phrase.rstrip("."),
            epilog=helps.epilog(self.spec),
            context_settings=helps.SETTINGS,
        )
        made.is_filter = bool(self.spec.reads) and not any(isinstance(each, click.Argument) for each in made.params)
        return made


class Group:
    """A command with actions (``roadmap-state check``): each action is a command of its own."""

    def __init__(self, spec: Spec, default: str | None = None) -> None:
        self.spec = spec
        self._default = default
        self.actions: dict[str, Command] = {}

    @property
    def default(self) -> str | None:
        """The action that a call without one means: what was declared, else the list where there is one."""
        return self._default or ("list" if "list" in self.actions else None)

    def command(self, name: str | None = None, **declared: Any) -> Callable[[Function], Command]:
        """Declare an action. It takes what `command` takes."""

        def declare(function: Function) -> Command:
            action = name or function.__name__.strip("_").replace("_", "-")
            declared_command = Command(_spec(function, f"{self.spec.name} {action}", declared), function)
            self.actions[action] = declared_command
            return declared_command

        return declare

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run an action as the shell would. Returns the exit code, whatever happens."""
        return execute(self.spec.name, self.click_command, sys.argv[1:] if arguments is None else arguments)

    def click_command(self, words: Words, start: Start) -> click.Command:
        """The click group that finds the action."""
        return helps.HelpfulGroup(
            self.spec.name,
            default=self.default,
            commands={name: command.click_command(words, start) for name, command in self.actions.items()},
            params=[helps.version_option(self.spec.name)],
            help=f"{self.spec.phrase}\n\n{self.spec.text}",
            epilog=helps.epilog(self.spec),
            context_settings=helps.SETTINGS,
        )


def command(**declared: Any) -> Callable[[Function], Command]:
    """Declare a command; it is named after the file it stands in. See `Spec` for what can be said of it."""

    def declare(function: Function) -> Command:
        return Command(_spec(function, _name_of(function.__module__), declared), function)

    return declare


def group(phrase: str, text: str, *, module: str, default: str | None = None, **declared: Any) -> Group:
    """Declare a command with actions. `module` is ``__name__``; `default` the action that a call without one means.

    Where there is an action ``list`` it is the default by itself.
    """
    return Group(Spec(name=_name_of(module), phrase=phrase, text=_paragraphs(text), **_plurals(declared)), default)


def _name_of(module: str) -> str:
    return module.removeprefix(_PACKAGE).rstrip("_").replace(".", "-").replace("_", "-")


def _spec(function: Function, name: str, declared: Mapping[str, Any]) -> Spec:
    values = _plurals(declared)
    phrase, _, text = (function.__doc__ or "").strip().partition("\n")
    return Spec(name=name, phrase=phrase.strip(), text=_paragraphs(text), **values)


def _plurals(declared: Mapping[str, Any]) -> dict[str, Any]:
    """What may be one text or several, always as several."""
    values = dict(declared)
    for plural in ("reads", "writes", "effects", "columns", "see"):
        value = values.get(plural, ())
        values[plural] = (value,) if isinstance(value, str) and value else tuple(value or ())
    return values


def _paragraphs(text: str) -> str:
    import inspect

    return inspect.cleandoc(text) if text.strip() else ""
