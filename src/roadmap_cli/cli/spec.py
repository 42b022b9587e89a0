"""What a command tells about itself: everything else that is said of it is made from this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from roadmap_cli.core.records import Record


@dataclass(frozen=True, slots=True)
class Spec:
    """What a command tells about itself. Help, man page, completions, README row and contract tests come from it.

    reads, writes   kinds of records; ``*`` is every kind
    state           whether it uses the shared state file, and how
    effects         what else it changes: ``files``, ``network``, ``programs``
    streams         it writes a record before it reads the next; False: it must read all input first
    quick           its work on a record takes microseconds: output is handed on when what has arrived is used up
    foreign         input lines without a kind are handed to it as they are
    items           it has --on-error although its items are not input records
    output          ``file``: -o names the file that it makes, not a place for records
    continues       the option that names an earlier output: where -o names the same file, records are added to it
    runs_program    standard output belongs to the program that it runs
    columns         the columns of --plain and of the table
    examples        phrase → shell line; each is run by the tests
    see             commands that usually stand before and after it
    picture         draws its records on a terminal, all at once
    drawing         draws them as they come, holding none: for what may be millions, or never ends
    """

    name: str
    phrase: str
    text: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    state: Literal["no", "read", "write"] = "no"
    effects: tuple[str, ...] = ()
    streams: bool = True
    quick: bool = False
    foreign: bool = False
    items: bool = False
    output: Literal["records", "file"] = "records"
    continues: str = ""
    runs_program: bool = False
    columns: tuple[str, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    see: tuple[str, ...] = ()
    picture: Callable[[Sequence[Record], Any], None] | None = None
    drawing: Callable[[Any], Any] | None = None

    @property
    def read_kinds(self) -> frozenset[str]:
        """The kinds that `Run.records` hands out."""
        return frozenset(self.reads)

    @property
    def has_effects(self) -> bool:
        """Whether the command can change anything, and so has a dry run."""
        return self.state == "write" or bool(self.effects)
