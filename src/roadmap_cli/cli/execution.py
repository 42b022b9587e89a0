"""The one place where a command meets the system.

Read `execute` from the top: parse, run, write; then every way it can end becomes words and a number.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

import click

from roadmap_cli.cli.run import Run, parameters
from roadmap_cli.cli.spec import Spec
from roadmap_cli.cli.terminal import Words
from roadmap_cli.core import writing
from roadmap_cli.core.errors import CannotCreate, Exit, InputMissing, RoadmapError
from roadmap_cli.core.records import Record

Function = Callable[..., Iterable[Record] | None]
#: Runs a command with parsed values and gives its exit code.
Start = Callable[[Spec, Function, Words, Mapping[str, Any]], int]

#: Where C code is initialised, perhaps with further imports below, and how long a signal may wait for it.
_INITIALISING = {ExtensionFileLoader.create_module.__code__, ExtensionFileLoader.exec_module.__code__}
_MOST_DEFERRED_S = 5.0


class Terminated(BaseException):
    """SIGTERM arrived. If it is dropped on its way up, by C code that clears errors, it says so when it dies."""

    def __init__(self, dropped: Callable[[], None]) -> None:
        super().__init__()
        self._dropped = dropped

    def drop(self) -> None:
        """Say that it goes no further, once."""
        dropped, self._dropped = self._dropped, _nothing
        dropped()

    def __del__(self) -> None:
        self.drop()


def _nothing() -> None:
    """What a Terminated has left to say that has said it."""


def execute(name: str, parser: Callable[..., click.Command], arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, and turn whatever happened into words and an exit code."""
    _occupy_standard_descriptors()
    words = Words(name, sys.stderr, os.environ)
    try:
        with _signals():
            try:
                code = _invoke(parser(words, _start), name, list(arguments))
            finally:
                _flush_stdout()
    except (KeyboardInterrupt, Terminated, RoadmapError, click.ClickException, OSError, MemoryError) as error:
        code = _answer(error, words)
    except Exception as error:  # noqa: BLE001  the one place where a bug becomes words
        code = _internal(error, words)
    if code in (Exit.PIPE, Exit.CANTCREATE):
        _abandon_stdout()
    return int(code)


def _invoke(command: click.Command, name: str, arguments: list[str]) -> int:
    try:
        with command.make_context(name, arguments) as context:
            return int(command.invoke(context) or 0)
    except click.exceptions.Exit as finished:
        return int(finished.exit_code)


def _start(spec: Spec, function: Function, words: Words, values: Mapping[str, Any]) -> int:
    choices, own = parameters(values)
    words.name = spec.name
    words.quiet, words.verbosity, words.colour = choices.quiet, choices.verbose, choices.color
    with _output_place(spec, choices.output, own.get(spec.continues)) as stream:
        run = Run(spec, choices, os.environ, words, _NoOutput(), sink=stream.fileno(), takes_text="text" in own)
        try:
            if not spec.runs_program:
                run.out = _dressed(run, stream)
            _pour(function(run, **own) or (), run)
            run.out.close()
        except BrokenPipeError:
            raise
        except BaseException:
            with contextlib.suppress(OSError):  # what was written before it failed is shown in every dress
                run.out.close()
            raise
        finally:
            run.close()
    return run.exit_code or (Exit.PARTIAL if run.partial else Exit.OK)


def _pour(produced: Iterable[Record], run: Run) -> None:
    write = run.out.write
    try:
        if run.dry_run:
            for record in produced:
                write({**record, "dry_run": True})
        else:
            for record in produced:
                write(record)
    finally:
        if isinstance(produced, Generator):  # its `finally` runs now, while a second interrupt still ends at once
            produced.close()


def _dressed(run: Run, stream: BinaryIO) -> Any:
    from roadmap_cli.cli import render

    spec, choices = run.spec, run.choices
    on_stdout = choices.output in (None, "-") or spec.output == "file"
    dress = choices.dress or ("pretty" if on_stdout and os.isatty(stream.fileno()) else "json")
    if dress == "plain":
        return render.PlainOutput(stream, spec.columns)
    if dress == "pretty" and spec.drawing:
        return render.DrawnOutput(stream, run.environ, choices.color, spec.drawing)
    if dress == "pretty":
        return render.PrettyOutput(stream, run.environ, choices.color, spec.columns, spec.streams, spec.picture)
    return render.JsonOutput(stream, at_once=not spec.quick)


class _NoOutput:
    """Until there is an output, and for a command whose standard output belongs to the program it runs."""

    def write(self, record: Record) -> None:
        raise AssertionError("this command writes no records")

    def raw(self, line: bytes) -> None:
        raise AssertionError("this command writes no records")

    def rest(self) -> None:
        return None

    def deliver(self) -> None:
        return None

    def close(self) -> None:
        return None


@contextlib.contextmanager
def _output_place(spec: Spec, name: str | None, continued: Path | None) -> Generator[BinaryIO]:
    """Standard output, or a file that appears complete or not at all; one that is `continued` is added to."""
    if name in (None, "-") or spec.output == "file":
        with open(1, "wb", closefd=False) as stream:
            try:
                yield stream
                stream.flush()
            except BaseException:
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
                raise
        return
    assert name is not None
    path = Path(os.path.realpath(name))
    try:
        is_continued = continued is not None and Path(os.path.realpath(continued)) == path
        with path.open("ab") if is_continued else writing.complete(path) as stream:
            yield stream
    except OSError as error:
        if error.filename in (None, str(path)):
            raise CannotCreate.of(error, name) from None
        raise


# -- endings -----------------------------------------------------------------------------------------------------------


def _answer(error: BaseException, words: Words) -> int:
    match error:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case Terminated():
            return Exit.TERMINATED
        case BrokenPipeError() if _reader_is_gone():
            return Exit.PIPE
        case RoadmapError():
            if error.message:
                words.error(str(error), error.hint or _near(error))
            _trace(words)
            return error.exit
        case click.ClickException():
            if isinstance(error, click.NoSuchOption) and (likely := _meant(error)):
                meant = " or ".join(map(repr, likely))
                said = f"no such option {error.option_name!r}. Did you mean {meant}?"
                error = click.NoSuchOption(error.option_name, said, ctx=error.ctx)
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else words.name
            words.error(_lower(error.format_message()), getattr(error, "hint", None) or f"see '{command} --help'")
            return Exit.USAGE
        case OSError():
            return _system_error(error, words)
        case MemoryError():
            return _no_memory(words)
    raise AssertionError(error)


#: More guesses than this are no help.
_FEW = 2


def _near(error: RoadmapError) -> str | None:
    """What to type next where a file is named that is not there."""
    import difflib
    import shlex

    place = error.where or ""
    if not isinstance(error, InputMissing) or not place or os.path.lexists(place) or place.startswith("<"):
        return None
    path = Path(place)
    folder = shlex.quote(str(path.parent))
    if not path.parent.is_dir():
        return f"there is no folder {str(path.parent)!r}"
    try:
        names = sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return None
    if close := difflib.get_close_matches(path.name, names, _FEW, 0.8):
        return f"did you mean {' or '.join(repr(str(path.with_name(each))) for each in close)}?"
    return "ls shows what is in the folder you are in" if folder == "." else f"ls {folder} shows what is there"


def _meant(error: click.NoSuchOption) -> list[str]:
    """The options whose help has the word that was guessed as a name; none if many have, or a name has it."""
    import re

    word = error.option_name.lstrip("-")
    options = [each for each in error.ctx.command.params if isinstance(each, click.Option)] if error.ctx else []
    names = {name for each in options for name in each.opts}
    if any(word in name.lstrip("-").split("-") for name in names):
        return []
    found = [each.opts[0] for each in options if re.search(rf"\b{re.escape(word)}\b", each.help or "", re.IGNORECASE)]
    return found if len(found) <= _FEW else []


def _reader_is_gone() -> bool:
    """Whether it is standard output that nobody reads any more, and not some other pipe."""
    import select

    try:
        poll = select.poll()
        poll.register(1, select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(0))
    except OSError:
        return True


def _system_error(error: OSError, words: Words) -> int:
    """What nobody nearer to it put into words. Places that are written to say so themselves where they open them."""
    name = error.filename2 or error.filename  # of a copy the second is the one that is written
    place = f"{name}: " if name else ""
    reason = (error.strerror or str(error)).lower()
    unwritable = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EPIPE)
    if unwritable or not name:
        words.error(f"{place}cannot write: {reason}")
    else:
        words.error(f"{place}cannot be opened: {reason}")
    _trace(words)
    return Exit.CANTCREATE if unwritable or not name else Exit.NOINPUT


def _no_memory(words: Words) -> int:
    words.error("not enough memory", "free some, or allow it more (ulimit -v), and run it again")
    _trace(words)
    return Exit.TEMPFAIL


def _internal(error: Exception, words: Words) -> int:
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):  # there is no room for its stack
        return _no_memory(words)
    words.error(
        f"internal error: {type(error).__name__}: {error}".splitlines()[0], "run it again with -vv and report it"
    )
    _trace(words)
    return Exit.INTERNAL


def _trace(words: Words) -> None:
    if words.verbosity > 1:
        import traceback

        words.trace(traceback.format_exc())


def _lower(message: str) -> str:
    line = " ".join(message.split()).rstrip(".").replace('"', "'")
    return line[:1].lower() + line[1:]


def _occupy_standard_descriptors() -> None:
    """Put a stand-in where the caller closed standard input, output or error (``>&-``).

    The next file to be opened would get its number, and be read or written in its place. The stand-ins of input and
    output fail when used, as the closed ones would; what is said on the third is lost, as it was meant to be.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:  # a lower one was closed meanwhile
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _flush_stdout() -> None:
    """Help text goes through sys.stdout; what it could not deliver must not be lost in silence at exit."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _abandon_stdout() -> None:
    """Point standard output at nothing, so that no later flush complains again."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made from: Python 3.11 wraps what is raised in a `__set_name__`, as a class is made."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__


def _is_initialising(frame: FrameType | None) -> bool:
    """Whether C code that is being imported is below a frame."""
    while frame is not None and frame.f_code not in _INITIALISING:
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def _signals() -> Generator[None]:
    """SIGINT and SIGTERM raise, so that `finally` runs; a second SIGINT ends at once."""

    over = dropped = False
    deferred_until: dict[int, float] = {}

    def interrupt(number: int, frame: FrameType | None) -> None:
        if defers(number, frame):
            return
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    def terminate(number: int, frame: FrameType | None) -> None:
        if not defers(number, frame):
            raise Terminated(lost)

    def defers(number: int, frame: FrameType | None) -> bool:
        """Let a signal wait while C code is initialised, which crashes at an error raised meanwhile, or loses it."""
        if not _is_initialising(frame):
            deferred_until.pop(number, None)
            return False
        if time.monotonic() > deferred_until.setdefault(number, time.monotonic() + _MOST_DEFERRED_S):
            return False
        once_more(number)
        return True

    def lost() -> None:
        nonlocal dropped
        dropped = True
        once_more(signal.SIGTERM)

    def once_more(number: int) -> None:
        """Send a signal again, a little later, unless the command has ended by now."""
        if over:
            return

        def later() -> None:
            time.sleep(0.05)
            if not over:
                os.kill(os.getpid(), number)

        _thread.start_new_thread(later, ())  # it waits for nothing, so that nothing more is interrupted here

    def came_to_nothing(error: BaseException | None) -> bool:
        """Whether an error was a signal that went no further: then it comes once more."""
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, interrupt)
            once_more(signal.SIGINT)
        elif isinstance(error, Terminated):
            error.drop()
        return isinstance(error, KeyboardInterrupt | Terminated)

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        """What arrives in a callback of C code, a finalizer or the like is dropped there."""
        if not came_to_nothing(unraisable.exc_value):
            sys.__unraisablehook__(unraisable)

    def printed(kind: type[BaseException], error: BaseException, place: Any) -> None:
        """C code that prints an error instead of handing it on keeps it, too: it does not die."""
        if not came_to_nothing(error):
            sys.__excepthook__(kind, error, place)

    previous: dict[int, Any] = {}
    try:
        for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, terminate)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
        sys.unraisablehook, sys.excepthook = again, printed
    except ValueError:  # not in the main thread: the embedder handles signals
        previous = {}
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:  # of Exceptions alone Rust's panics are none
        # What was being imported or called may have been cut short by a signal, and failed for that.
        causes = [type(each) for each in _causes(error)]
        if KeyboardInterrupt in causes:
            raise KeyboardInterrupt from error
        if dropped or Terminated in causes:
            raise Terminated(_nothing) from error
        raise
    finally:
        over = True
        if sys.unraisablehook is again:
            sys.unraisablehook, sys.excepthook = sys.__unraisablehook__, sys.__excepthook__
        for restored, handler in previous.items():
            signal.signal(restored, handler)
