"""A program whose operands have to be looked at more closely, and what a closer look may ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from roadmap_cli.agent.scan.judge import Judge, Spot
from roadmap_cli.agent.scan.shell.operands import Operands, shown
from roadmap_cli.agent.scan.shell.tree import Command
from roadmap_cli.agent.scan.values import Text, Value


class Reading(Protocol):
    """Whoever reads the script (`reading.Reader`): what a closer look asks of it."""

    def again(self, words: list[Value], spot: Spot, command: Command | None, *, more: bool = False) -> None:
        """Judge words inside words as a program with its arguments; with `more`, others follow that are not seen."""

    def line(self, value: Text, spot: Spot) -> None:
        """Judge a text as a shell's."""

    def python(self, value: Text, spot: Spot) -> None:
        """Judge a text as Python's."""

    def piped(self, command: Command) -> list[str]:
        """The texts that come in by a pipe or a here-document, if they are known."""


@dataclass(frozen=True, slots=True)
class Call:
    """A program with its arguments, as far as they are known. `command` is where it stands, None outside a script."""

    name: str
    words: list[Value]
    operands: Operands
    spot: Spot
    command: Command | None
    judge: Judge
    reader: Reading

    @property
    def whole(self) -> Spot:
        """The place, called by the whole line and not by the program."""
        return replace(self.spot, name=shown(self.words))

    def again(self, words: list[Value], *, more: bool = False) -> None:
        """Judge words inside these words as a program with its arguments."""
        self.reader.again(words, self.spot, self.command, more=more)

    def piped(self) -> list[str]:
        """The texts that come in by a pipe or a here-document, if they are known."""
        return self.reader.piped(self.command) if self.command is not None else []

    def builds(self) -> None:
        """A tool that runs the project's own code: told, not asked."""
        self.judge.builds(self.name, shown(self.words), self.spot)

    def runs_own(self, path: str) -> None:
        """A file of the project itself is run: told, not asked."""
        self.judge.runs_own(path, self.spot)
