"""Words for people, on standard error: the rules of speaking to a person, stated once.

Lower case, no full stop, the offending value quoted, one line each; no timestamps; colour only adds.
Errors and warnings always; notes and progress on a terminal or with -v; details with -v; traces with -vv.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

_COLOURS = {"error": "31", "warning": "33", "hint": "36", "note": "", "detail": "2"}
#: C0, DEL, C1, line separators and what changes the direction of text: none may reach a terminal from data.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with control characters made visible, so that data cannot steer a terminal."""
    return CONTROLS.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def counted(number: int, noun: str) -> str:
    """A number of things in words: 1 cut, 2 cuts."""
    return f"{number} {noun}{'s' * (number != 1)}"


def wants_colour(choice: str, environ: Mapping[str, str], is_terminal: bool) -> bool:
    """--color, then NO_COLOR, then FORCE_COLOR, then TERM=dumb, then whether the stream is a terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return environ.get("TERM") != "dumb" and is_terminal


def width(environ: Mapping[str, str], stream: TextIO | None = None) -> int:
    """Columns to write in: COLUMNS, or the terminal's, else 80."""
    if environ.get("COLUMNS", "").isdigit() and int(environ["COLUMNS"]) > 0:
        return int(environ["COLUMNS"])
    try:
        return os.get_terminal_size((stream or _nothing()).fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def _nothing() -> TextIO:
    raise OSError


class Words:
    """What a command says to a person. `name` stands before each line, as in ``slm-run: error: …``."""

    def __init__(self, name: str, stream: TextIO, environ: Mapping[str, str]) -> None:
        self.name = name
        self.stream = stream
        self.environ = environ
        self.quiet = False
        self.verbosity = 0
        self.colour = "auto"
        self._bar: Progress | None = None
        try:
            self.is_terminal = stream.isatty()
        except ValueError:
            self.is_terminal = False

    @property
    def shows_notes(self) -> bool:
        """Whether notes and progress are for this person's eyes."""
        return not self.quiet and (self.is_terminal or self.verbosity > 0)

    def error(self, text: str, hint: str | None = None) -> None:
        """Say why the command, or one record, failed, and what to type next."""
        self._say("error", text)
        if hint:
            self._say("hint", hint)

    def warning(self, text: str, hint: str | None = None) -> None:
        """Say what is probably not meant, and what to type against it."""
        if not self.quiet:
            self._say("warning", text)
            if hint:
                self._say("hint", hint)

    def note(self, text: str) -> None:
        """Say what was changed."""
        if self.shows_notes:
            self._say("note", text)

    def remark(self, text: str) -> None:
        """Say what no record tells and a person would wonder about, such as that nothing was new."""
        if not self.quiet:
            self._say("remark", text)

    def detail(self, text: str) -> None:
        """Say how it was done (-v)."""
        if self.verbosity > 0:
            self._say("detail", text)

    def trace(self, text: str) -> None:
        """Write lines as they are (-vv): tracebacks."""
        if self.verbosity > 1:
            self._write(text)

    def progress(self, what: str, total: float | None) -> Progress:
        """A line that shows how far a long piece of work is; nothing unless a person looks on."""
        shown = self.shows_notes and self.is_terminal
        self._bar = Progress(self, what, total, shown)
        return self._bar

    def _say(self, level: str, text: str) -> None:
        label = f"{level}: " if level in ("error", "warning", "hint") else ""
        if label and _COLOURS[level] and wants_colour(self.colour, self.environ, self.is_terminal):
            label = f"\x1b[{_COLOURS[level]}m{label.rstrip()}\x1b[0m "
        self._write(f"{self.name}: {label}{visible(text)}\n")

    def _write(self, text: str) -> None:
        if self._bar:
            self._bar.erase()
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # nobody listens: the exit code still speaks
            self._abandon()

    def _abandon(self) -> None:
        """Let what could not be said go nowhere: Python would try again at exit, and change the exit code to 120."""
        with contextlib.suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nothing, self.stream.fileno())
                self.stream.flush()
            finally:
                os.close(nothing)


class Progress:
    """One line on a terminal: what, how far, how fast, how long still. At most ten a second, erased at the end."""

    def __init__(self, words: Words, what: str, total: float | None, shown: bool) -> None:
        self.words = words
        self.what = what
        self.total = total
        self.done = 0.0
        self.suffix = ""
        self._shown = shown
        self._start = time.monotonic()
        self._drawn_at = 0.0
        self._drawn = False

    def advance(self, amount: float = 1, suffix: str = "") -> None:
        """Go on by an amount; the suffix is shown behind it (a rate, a name)."""
        self.update(self.done + amount, suffix)

    def update(self, done: float, suffix: str = "") -> None:
        """Say how much is done."""
        self.done = done
        self.suffix = suffix or self.suffix
        if not self._shown:
            return
        now = time.monotonic()
        if now - self._drawn_at >= 0.1:
            self._drawn_at = now
            self._draw(now)

    def _draw(self, now: float) -> None:
        parts = [self.what]
        if self.total:
            share = min(1.0, self.done / self.total)
            filled = int(share * 20)
            parts.append(f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}")
            spent = now - self._start
            if share > 0 and spent > 1:
                left = int(spent * (1 - share) / share)
                parts.append(f"{left // 60}:{left % 60:02d} left")
        else:
            parts.append(f"{self.done:g}")
        if self.suffix:
            parts.append(self.suffix)
        columns = width(self.words.environ, self.words.stream)
        line = visible("  ".join(parts))[: columns - 1]
        with contextlib.suppress(OSError, ValueError):
            self.words.stream.write(f"\r\x1b[K{line}")
            self.words.stream.flush()
        self._drawn = True

    def erase(self) -> None:
        """Take the line away, before other words are written and at the end."""
        if self._drawn:
            self._drawn = False
            with contextlib.suppress(OSError, ValueError):
                self.words.stream.write("\r\x1b[K")
                self.words.stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.erase()


def console(stream: TextIO, environ: Mapping[str, str], colour: str) -> Any:
    """A rich console on a stream, with our rules of colour and width. Heavy: only for people's eyes."""
    from rich.console import Console

    class HonestConsole(Console):
        """One that lets a reader who goes away be met as in every other dress; rich's own would exit with code 1."""

        def on_broken_pipe(self) -> None:
            raise

    coloured = wants_colour(colour, environ, stream.isatty())
    return HonestConsole(
        file=stream,
        width=width(environ, stream),
        force_terminal=coloured,
        no_color=not coloured,
        color_system="auto" if coloured else None,
        highlight=False,
        emoji=False,
        markup=False,
        _environ=dict(environ),
    )
