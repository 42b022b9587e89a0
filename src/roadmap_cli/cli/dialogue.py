"""A person and a program taking turns on a terminal: lines in, text out as it comes, Ctrl-C and Ctrl-D, hang-ups.

What is typed stays in memory: no history file is read or written.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any, TextIO

from roadmap_cli.cli.terminal import visible, wants_colour

QUOTES = '"""'


class Dialogue:
    """One terminal, while it is talked to. Use it in a ``with`` statement: it takes Ctrl-C upon itself."""

    def __init__(self, environ: Mapping[str, str], colour: str, words: Sequence[str] = ()) -> None:
        """`words` are completed when Tab is pressed at the beginning of a line."""
        self._out: TextIO = sys.stdout
        self._coloured = wants_colour(colour, environ, self._out.isatty())
        self._words = words
        self._readline: Any = None
        self._before: dict[int, Any] = {}
        self._is_gone = False
        self._may_stop = True  # until the first turn Ctrl-C ends the program, as it does anywhere
        self._column = 0

    def __enter__(self) -> Dialogue:
        with contextlib.suppress(ImportError):
            import readline

            self._readline = readline
            readline.clear_history()
            readline.set_auto_history(False)
            readline.set_completer_delims(" \t\n")
            readline.set_completer(self._completed)
            readline.parse_and_bind("tab: complete")
            readline.parse_and_bind("set enable-bracketed-paste on")
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._readline is not None:
            self._readline.clear_history()
            self._readline.set_completer(None)

    def remember(self, texts: Sequence[str]) -> None:
        """Let earlier messages be found with the up arrow, in memory only."""
        if self._readline is not None:
            for text in texts:
                self._readline.add_history(text.replace("\n", " "))

    def ask(self, prompt: str, draft: str = "") -> str | None:
        """One message; None at the end of input. Ctrl-C empties the line. `draft` stands there to be changed."""
        while not self._is_gone:
            try:
                self._may_stop = True
                text = self._message(prompt, draft)
            except EOFError:
                self._write("\n")
                return None
            except KeyboardInterrupt:
                self._write("\n")
                draft = ""
                continue
            finally:
                self._may_stop = False
            if text.strip():
                self.remember([text])
                return text
        return None

    def show(self, pieces: Iterator[str]) -> bool:
        """Write text as it comes; False if Ctrl-C stopped it. What raises on the way goes on up, after a line end."""
        self._may_stop = True
        try:
            for piece in pieces:
                self._write(_printable(piece))
            return True
        except KeyboardInterrupt:
            return False
        finally:
            self._may_stop = False
            _close(pieces)
            if self._column:
                self._write("\n")

    def tell(self, lines: Sequence[str]) -> None:
        """Write lines that are not the other's words, dimmed."""
        for line in lines:
            shown = _printable(line)
            self._write(f"\x1b[2m{shown}\x1b[0m\n" if self._coloured else f"{shown}\n")

    def _message(self, prompt: str, draft: str) -> str:
        """A line, and more where it ends with a backslash or opens three quotes."""
        line = self._line(prompt, draft)
        if line.lstrip().startswith(QUOTES):
            lines = [line.lstrip()[len(QUOTES) :]]
            while QUOTES not in lines[-1]:
                lines.append(self._line("… "))
            lines[-1] = lines[-1].partition(QUOTES)[0]
            return "\n".join(lines).strip("\n")
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self._line("… "))
        return "\n".join(lines)

    def _line(self, prompt: str, draft: str = "") -> str:
        if self._readline is not None and draft:
            self._readline.set_startup_hook(lambda: self._readline.insert_text(draft))
        shown = f"\x01\x1b[1m\x02{prompt}\x01\x1b[0m\x02" if self._coloured and self._readline is not None else prompt
        try:
            return input(shown)
        except UnicodeDecodeError:
            self.tell(["that was not UTF-8"])
            return ""
        finally:
            if self._readline is not None:
                self._readline.set_startup_hook(None)

    def _completed(self, text: str, number: int) -> str | None:
        if self._readline is None or self._readline.get_begidx():
            return None
        found = [word for word in self._words if word.startswith(text)]
        return found[number] if number < len(found) else None

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C: stops what is being said or typed, and nothing else, so that what was said is stored in peace.

        So does a terminal that is closed; then nothing is asked any more.
        """
        self._is_gone = self._is_gone or number == signal.SIGHUP
        if self._may_stop:
            self._may_stop = False
            raise KeyboardInterrupt

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
        if text:
            self._column = 0 if text.endswith("\n") else 1


def _printable(text: str) -> str:
    """The text with everything that could steer the terminal made visible, line ends and tabs left."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n"))


def _close(pieces: Iterator[str]) -> None:
    close: Callable[[], None] | None = getattr(pieces, "close", None)
    if close is not None:
        close()
