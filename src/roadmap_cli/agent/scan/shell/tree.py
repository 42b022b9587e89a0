"""What a shell script is made of once it is taken apart: words, simple commands, and how they hang together."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Part:
    """A piece of a word: ``text`` as it is; ``variable`` by name; ``command``, the output of one; ``unknown``."""

    kind: str
    text: str = ""
    script: Script | None = None
    quoted: bool = False
    default: Word | None = None


@dataclass(slots=True)
class Word:
    """A word before expansion, and where it stands."""

    parts: list[Part]
    line: int
    column: int

    @property
    def literal(self) -> str | None:
        """Its text if nothing in it is expanded."""
        return "".join(p.text for p in self.parts) if all(p.kind == "text" for p in self.parts) else None


@dataclass(slots=True)
class Redirect:
    """``>``, ``<``, ``>>``, ``<<``, ``<<<`` and their like, with the word they go to or the text they bring."""

    operator: str
    target: Word


@dataclass(slots=True)
class Command:
    """A simple command; `source` is the one whose output is piped into it, if it is simple, too."""

    line: int
    column: int
    words: list[Word] = field(default_factory=list)
    assigned: list[tuple[str, Word]] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    source: Command | None = None
    function: str = ""
    background: bool = False
    piped: bool = False


@dataclass(slots=True)
class Script:
    """All simple commands in their order, functions' ones included; loops' variables; names of functions."""

    commands: list[Command] = field(default_factory=list)
    loops: list[tuple[str, list[Word]]] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    broken: str = ""
    broken_line: int = 1


def every(script: Script) -> list[Command]:
    """All commands, those in substitutions included, each once."""
    found: list[Command] = []
    stack = [script]
    while stack:
        here = stack.pop()
        found += here.commands
        words = [
            w for c in here.commands for w in (*c.words, *(a for _, a in c.assigned), *(r.target for r in c.redirects))
        ]
        words += [w for _, several in here.loops for w in several]
        parts = [part for word in words for part in word.parts]
        while parts:
            part = parts.pop()
            if part.script is not None:
                stack.append(part.script)
            if part.default is not None:
                parts += part.default.parts
    return found
