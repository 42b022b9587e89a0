"""The single way to declare a command, and the one place where it meets the system.

Read `execute` from the top: parse, run, write; then every way it can end becomes words and a number.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Literal

import click

from roadmap_cli import __version__
from roadmap_cli.cli import options
from roadmap_cli.cli.run import Run, parameters
from roadmap_cli.cli.terminal import Words
from roadmap_cli.core.errors import Exit, RoadmapError
from roadmap_cli.core.records import Record

Function = Callable[..., Iterable[Record] | None]
_PACKAGE = "roadmap_cli.commands."


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
    runs_program    standard output belongs to the program that it runs
    columns         the columns of --plain and of the table
    examples        phrase → shell line; each is run by the tests
    see             commands that usually stand before and after it
    picture         draws its records on a terminal
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
    runs_program: bool = False
    columns: tuple[str, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    see: tuple[str, ...] = ()
    picture: Callable[[Sequence[Record], Any], None] | None = None

    @property
    def read_kinds(self) -> frozenset[str]:
        """The kinds that `Run.records` hands out."""
        return frozenset(self.reads)

    @property
    def has_effects(self) -> bool:
        """Whether the command can change anything, and so has a dry run."""
        return self.state == "write" or bool(self.effects)


class Terminated(BaseException):
    """SIGTERM arrived."""


class Command:
    """A declared command: call it with arguments, get an exit code."""

    def __init__(self, spec: Spec, function: Function) -> None:
        self.spec = spec
        self.function = function
        self.own_params: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run it as the shell would. Returns the exit code; never raises."""
        return execute(self.spec.name, self.click_command, sys.argv[1:] if arguments is None else arguments)

    def click_command(self, words: Words, start: Callable[[Command, Words, Mapping[str, Any]], int]) -> click.Command:
        """The click command that parses its arguments."""
        return _Click(
            self.spec.name.rpartition(" ")[2],
            params=[*self.own_params, *options.shared(self.spec), _version_option(self.spec.name)],
            callback=lambda **values: start(self, words, values),
            help=f"{self.spec.phrase}\n\n{self.spec.text}",
            short_help=self.spec.phrase.rstrip("."),
            epilog=_epilog(self.spec),
            context_settings=_context_settings(self.spec),
        )


class Group:
    """A command with actions (``roadmap-state check``): each action is a command of its own."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.actions: dict[str, Command] = {}

    def command(self, name: str | None = None, **declared: Any) -> Callable[[Function], Command]:
        """Declare an action. It takes what `command` takes."""

        def declare(function: Function) -> Command:
            action = name or function.__name__.strip("_").replace("_", "-")
            declared_command = Command(_spec(function, f"{self.spec.name} {action}", declared), function)
            self.actions[action] = declared_command
            return declared_command

        return declare

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run an action as the shell would. Returns the exit code; never raises."""
        return execute(self.spec.name, self.click_command, sys.argv[1:] if arguments is None else arguments)

    def click_command(self, words: Words, start: Callable[[Command, Words, Mapping[str, Any]], int]) -> click.Command:
        """The click group that finds the action."""
        return _ClickGroup(
            self.spec.name,
            commands={name: command.click_command(words, start) for name, command in self.actions.items()},
            params=[_version_option(self.spec.name)],
            help=f"{self.spec.phrase}\n\n{self.spec.text}",
            epilog=_epilog(self.spec),
            context_settings=_context_settings(self.spec),
            no_args_is_help=False,
        )


def command(**declared: Any) -> Callable[[Function], Command]:
    """Declare a command; it is named after the file it stands in. See `Spec` for what can be said of it."""

    def declare(function: Function) -> Command:
        return Command(_spec(function, _name_of(function.__module__), declared), function)

    return declare


def group(phrase: str, text: str, *, module: str, **declared: Any) -> Group:
    """Declare a command with actions. `module` is ``__name__``."""
    return Group(Spec(name=_name_of(module), phrase=phrase, text=_paragraphs(text), **declared))


def _name_of(module: str) -> str:
    return module.removeprefix(_PACKAGE).replace(".", "-").replace("_", "-")


def _spec(function: Function, name: str, declared: Mapping[str, Any]) -> Spec:
    values = dict(declared)
    for plural in ("reads", "writes", "effects", "columns", "see"):
        value = values.get(plural, ())
        values[plural] = (value,) if isinstance(value, str) and value else tuple(value or ())
    phrase, _, text = (function.__doc__ or "").strip().partition("\n")
    return Spec(name=name, phrase=phrase.strip(), text=_paragraphs(text), **values)


def _paragraphs(text: str) -> str:
    import inspect

    return inspect.cleandoc(text) if text.strip() else ""


# -- running -----------------------------------------------------------------------------------------------------------


def execute(name: str, parser: Callable[..., click.Command], arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, and turn whatever happened into words and an exit code."""
    words = Words(name, sys.stderr, os.environ)
    try:
        with _signals():
            try:
                code = _invoke(parser(words, _start), name, list(arguments))
            finally:
                _flush_stdout()
    except (KeyboardInterrupt, Terminated, BrokenPipeError, RoadmapError, click.ClickException, OSError) as error:
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


def _start(command: Command, words: Words, values: Mapping[str, Any]) -> int:
    choices, own = parameters(values)
    words.name = command.spec.name
    words.quiet, words.verbosity, words.colour = choices.quiet, choices.verbose, choices.color
    with _output_place(command.spec, choices.output) as stream:
        run = Run(command.spec, choices, os.environ, words, _NoOutput())
        try:
            if not command.spec.runs_program:
                run.out = _dressed(run, stream)
            _pour(command.function(run, **own) or (), run)
            run.out.close()
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
    dress = choices.dress or ("pretty" if choices.output in (None, "-") and os.isatty(stream.fileno()) else "json")
    if dress == "plain":
        return render.PlainOutput(stream, spec.columns)
    if dress == "pretty":
        return render.PrettyOutput(stream, run.environ, choices.color, spec.columns, spec.streams, spec.picture)
    return render.JsonOutput(stream, at_once=not spec.quick)


class _NoOutput:
    """For a command whose standard output belongs to the program it runs."""

    def write(self, record: Record) -> None:
        raise AssertionError("this command writes no records")

    def raw(self, line: bytes) -> None:
        raise AssertionError("this command writes no records")

    def rest(self) -> None:
        return None

    def close(self) -> None:
        return None


@contextlib.contextmanager
def _output_place(spec: Spec, name: str | None) -> Generator[BinaryIO]:
    """Standard output, or a file that appears complete or not at all."""
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
    path = Path(name)
    if path.exists() and not path.is_file():  # a device or a named pipe: nothing to rename over
        with path.open("wb") as stream:
            yield stream
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# -- endings -----------------------------------------------------------------------------------------------------------


def _answer(error: BaseException, words: Words) -> int:
    match error:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case Terminated():
            return Exit.TERMINATED
        case BrokenPipeError():
            return Exit.PIPE
        case RoadmapError():
            if error.message:
                words.error(str(error), error.hint)
            _trace(words)
            return error.exit
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else words.name
            words.error(_lower(error.format_message()), f"see '{command} --help'")
            return Exit.USAGE
        case OSError():
            return _system_error(error, words)
    raise AssertionError(error)


def _system_error(error: OSError, words: Words) -> int:
    place = f"{error.filename}: " if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    unwritable = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
    unnamed = error.filename is None or error.errno in (errno.EACCES, errno.EPERM, errno.EEXIST)
    verb = "cannot write" if unwritable or unnamed else "cannot read"
    words.error(f"{place}{verb}: {reason}")
    _trace(words)
    return Exit.CANTCREATE if unwritable or unnamed else Exit.NOINPUT


def _internal(error: Exception, words: Words) -> int:
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


@contextlib.contextmanager
def _signals() -> Generator[None]:
    """SIGINT and SIGTERM raise, so that `finally` runs; a second SIGINT ends at once."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    previous: dict[int, Any] = {}
    try:
        for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, terminate)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread: the embedder handles signals
        previous = {}
    try:
        yield
    finally:
        for restored, handler in previous.items():
            signal.signal(restored, handler)


# -- help --------------------------------------------------------------------------------------------------------------


def _context_settings(spec: Spec) -> dict[str, Any]:
    return {"help_option_names": ["-h", "--help"], "max_content_width": 79, "terminal_width": None}


def _version_option(name: str) -> click.Option:
    def show(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            click.echo(f"{name.partition(' ')[0]} (roadmap-cli) {__version__}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version."
    )


def _epilog(spec: Spec) -> str:
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


class _Help(click.Command):
    """Help as we want it: at most 79 columns, examples as they are typed."""

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


class _Click(_Help):
    pass


class _ClickGroup(click.Group, _Help):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the action. An unknown one is named, with what there is."""
        if not ctx._protected_args and not ctx.args:
            raise click.UsageError(f"an action is needed: {', '.join(self.commands)}", ctx)
        return super().invoke(ctx)
