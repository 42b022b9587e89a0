"""A command's whole world: its records, the state, the time, and words for the person who started it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from roadmap_cli.cli.terminal import Progress, Words
from roadmap_cli.core import clock, paths, records
from roadmap_cli.core.errors import DataError, InputMissing, RoadmapError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.cli.render import Output
    from roadmap_cli.cli.spec import Spec
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person chose with the shared options."""

    input: tuple[str, ...] = ()
    output: str | None = None
    dress: str | None = None
    state: str | None = None
    identity: str | None = None
    wait: float = 30.0
    offline: bool = False
    dry_run: bool = False
    on_error: str = "stop"
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"


class _Position(NamedTuple):
    """Where a record stood, and the line itself."""

    name: str
    number: int
    text: bytes


class _Other(NamedTuple):
    """A line that is not for the command: a record that passes through, or, with an error, none at all."""

    position: _Position
    error: DataError | None


class Arrival(NamedTuple):
    """An input line in `Run.arriving`: a record to work on; None for what goes to `Run.let_pass` in its turn."""

    record: Record | None
    position: _Position
    error: DataError | None = None


def _next(chunks: Iterator[list[bytes | None]], name: str) -> list[bytes | None] | None:
    """The next lines, None at the end. Raises InputMissing if they cannot be read."""
    try:
        return next(chunks, None)
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=name) from None


def _is_readable(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


def _decoded_line(line: bytes | None) -> str:
    """A line of plain text; None is one that was too long. Raises DataError."""
    if line is None:
        raise _too_long()
    try:
        return line.decode().removesuffix("\r")
    except UnicodeDecodeError as wrong:
        raise DataError(f"not UTF-8 at column {wrong.start + 1}", code="bad_text") from None


def _text_arrival(position: _Position, text: bytes | None) -> Iterator[Arrival]:
    try:
        line = _decoded_line(text)
    except DataError as error:
        yield Arrival(None, position, error)
        return
    if line:
        yield Arrival({"text": line}, position)


def _too_long() -> DataError:
    from roadmap_cli.core.stream import LINE_LIMIT_BYTES

    return DataError(f"line longer than {LINE_LIMIT_BYTES // 1024**2} MiB", code="long_line")


def _from_a_dry_run() -> DataError:
    return DataError(
        "the record comes from a dry run: what it tells has not happened",
        hint="run this command with --dry-run, too, or the one before without",
        code="dry_run",
    )


@dataclass(slots=True)
class Run:
    """What a command function gets: all of the outside world comes through here."""

    spec: Spec
    choices: Choices
    environ: Mapping[str, str]
    words: Words
    out: Output
    stdin: int = 0
    sink: int = 1  # the descriptor that records are written to
    partial: bool = False
    exit_code: int = 0
    takes_text: bool = False  # it has --text, given or not
    _state: State | None = None
    _here: _Position | None = None
    _positions: dict[int, _Position] = field(default_factory=dict)

    # -- records ---------------------------------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """The input records of the kinds this command reads, one at a time; all others pass through as they came."""
        remembers = not self.spec.streams
        for chunk in self._chunks():
            for record in chunk:
                if isinstance(record, _Other):
                    self._let_pass(record)
                    continue
                if remembers and self._here:
                    self._positions[id(record)] = self._here
                yield record

    def batches(self, size: int = 500) -> Iterator[list[Record]]:
        """The same records in lists of those that have arrived already, at most `size` long.

        For bulk work: do it, commit, yield the results. A list never waits for input that is not there yet, and ends
        where a record passes through, so that the order stays.
        """
        for chunk in self._chunks():
            batch: list[Record] = []
            for record in chunk:
                if isinstance(record, _Other):
                    if batch:
                        yield batch
                        batch, self._positions = [], {}
                    self._let_pass(record)
                    continue
                batch.append(record)
                if self._here:
                    self._positions[id(record)] = self._here
                if len(batch) >= size:
                    yield batch
                    batch, self._positions = [], {}
            if batch:
                yield batch
                self._positions = {}

    def arriving(self, wait: Callable[[], bool], *, texts: bool = False) -> Iterator[Arrival | None]:
        """Every line as it arrives, for commands that work on several at once and keep the order themselves.

        While `wait()` is false and nothing has arrived, None comes instead, again and again: time for other work.
        With `texts` a line is the text of a record's field 'text', and empty ones are left out. What has no record
        goes to `let_pass` when its turn comes; the work on one goes into ``item(at=…)``.
        """
        for name, before, chunk in self._raw_chunks(wait, texts):
            if not chunk:
                yield None
            elif texts:
                for number, text in enumerate(chunk, before + 1):
                    if text is None or not text.isspace():
                        yield from _text_arrival(_Position(name, number, text or b""), text)
            else:
                for record in self._parsed(name, before, chunk):
                    if isinstance(record, _Other):
                        yield Arrival(None, *record)
                    else:
                        assert self._here
                        yield Arrival(record, self._here)

    def let_pass(self, arrival: Arrival) -> None:
        """Hand on a line of `arriving` that is not for this command, or deal with one that is no record."""
        self._let_pass(_Other(arrival.position, arrival.error))

    def _chunks(self) -> Iterator[Iterator[Record | _Other]]:
        for name, before, chunk in self._raw_chunks():
            yield self._parsed(name, before, chunk)

    def _raw_chunks(
        self, wait: Callable[[], bool] | None = None, texts: bool = False
    ) -> Iterator[tuple[str, int, list[bytes | None]]]:
        """Lines as they arrive: where they stand, how many came before, and their text. See `arriving` for the rest."""
        from roadmap_cli.core.stream import Lines

        for name, descriptor in self._sources(texts):
            number = 0
            chunks = Lines(descriptor).chunks(at_once=wait is not None)
            try:
                while True:
                    while wait is not None and not wait() and not _is_readable(descriptor):
                        yield name, number, []
                    chunk = _next(chunks, name)
                    if chunk is None:
                        break
                    if chunk:
                        yield name, number, chunk
                        number += len(chunk)
                        self.out.rest()
            finally:
                if descriptor != self.stdin:
                    os.close(descriptor)

    def _parsed(self, name: str, before: int, chunk: list[bytes | None]) -> Iterator[Record | _Other]:
        from roadmap_cli.core.stream import parser

        parse = parser()
        wanted = self.spec.read_kinds
        everything = "*" in wanted
        foreign = self.spec.foreign
        refuses_dry = self.spec.has_effects and not self.choices.dry_run
        for number, text in enumerate(chunk, before + 1):
            if text is None:
                yield _Other(_Position(name, number, b""), _too_long())
                continue
            try:
                record = parse(text)
            except DataError as error:
                if text and not text.isspace():
                    yield _Other(_Position(name, number, text), error)
                continue
            kind = record.get("kind")
            if kind in wanted or everything or (kind is None and foreign):
                if refuses_dry and record.get("dry_run") is True:
                    yield _Other(_Position(name, number, text), _from_a_dry_run())
                    continue
                self._here = _Position(name, number, text)
                yield record
            elif type(kind) is str:
                yield _Other(_Position(name, number, text), None)
            else:
                problem = "field 'kind' is missing" if kind is None else "field 'kind' is not text"
                yield _Other(_Position(name, number, text), DataError(problem, code="bad_kind"))

    def _let_pass(self, other: _Other) -> None:
        """Hand on a record that is not for this command, or deal with a line that is none."""
        if other.error:
            self._fail(other.error, other.position)
        else:
            self.out.raw(other.position.text)

    def lines(self) -> Iterator[str]:
        """The input as lines of text, for commands that also take plain text. Broken UTF-8 is a record's failure."""
        for batch in self.texts(1):
            for record in batch:
                yield record["text"]

    def texts(self, size: int = 500) -> Iterator[list[Record]]:
        """The lines that have arrived as records with one field, 'text', in lists at most `size` long."""
        for name, before, chunk in self._raw_chunks(texts=True):
            for first in range(0, len(chunk), size):
                self._positions = {}
                yield list(self._decoded(name, before + first, chunk[first : first + size]))

    def _decoded(self, name: str, before: int, lines: list[bytes | None]) -> Iterator[Record]:
        for number, text in enumerate(lines, before + 1):
            self._here = _Position(name, number, text or b"")
            with self.item():
                record: Record = {"text": _decoded_line(text)}
                self._positions[id(record)] = self._here
                yield record

    def _sources(self, texts: bool = False) -> Iterator[tuple[str, int]]:
        for name in self.choices.input or ("-",):
            if name == "-":
                self._say_what_it_waits_for(texts)
                yield "<stdin>", self.stdin
                continue
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=name) from None
            yield name, descriptor

    @property
    def is_typed(self) -> bool:
        """Whether standard input is a terminal, and no --input is given: nobody types records."""
        try:
            return not self.choices.input and os.isatty(self.stdin)
        except OSError:
            return False

    def _say_what_it_waits_for(self, texts: bool) -> None:
        try:
            is_terminal = os.isatty(self.stdin)
        except OSError:
            is_terminal = False
        if not is_terminal:
            return
        kinds = sorted(self.spec.read_kinds - {"*"})
        if texts and self.takes_text:
            noun = kinds[0].rpartition(".")[2] if len(kinds) == 1 else "text"
            self.words.note(f"type a {noun} a line; end with Ctrl-D")
        elif texts:
            self.words.note("reading lines from the terminal; end with Ctrl-D")
        else:
            what = " or ".join(kinds) if len(kinds) <= 3 else f"{kinds[0].partition('.')[0]}.*"
            self.words.note(f"reading {what or 'any'} records from the terminal; end with Ctrl-D")

    def item(
        self,
        record: Record | None = None,
        *,
        at: _Position | None = None,
        more: Callable[[DataError], Record] | None = None,
    ) -> AbstractContextManager[None]:
        """Around the work on one record: a DataError inside is that record's failure, and the loop goes on.

        What is then done is the person's choice (``--on-error``). `at` is where a line of `arriving` stood, and
        `more` gives fields that an ``error`` record has besides.
        """
        here = self._positions.get(id(record), self._here) if record is not None else self._here
        return _Item(self, at or here, more)

    def _fail(
        self,
        error: RoadmapError,
        position: _Position | None,
        more: Callable[[DataError], Record] | None = None,
    ) -> None:
        if position and not error.where:
            error.where = f"{position.name}:{position.number}"
        if self.takes_text and error.code == "bad_json" and not error.hint:
            error.hint = "for lines of plain text say --text"
        if self.choices.on_error == "stop":
            raise error
        self.partial = True
        self.words.error(str(error), error.hint)
        if self.choices.on_error == "emit":
            fields = more(error) if more is not None and isinstance(error, DataError) else {}
            self.out.write(self._error_record(error, position) | fields)

    def _error_record(self, error: RoadmapError, position: _Position | None) -> Record:
        record: Record = {
            "kind": "error",
            "id": self.new_id("error"),
            "at": clock.stamp(self.now()),
            "code": error.code,
            "message": error.message,
            "command": self.command,
        }
        if position:
            from roadmap_cli.core.stream import parse

            record |= {"source": position.name, "line": position.number}
            try:
                record["input"] = parse(position.text)
            except DataError:
                record["input_text"] = position.text[:4096].decode(errors="replace")
        return record

    # -- the world -------------------------------------------------------------------------------------------------

    @property
    def command(self) -> str:
        """The command's name, with its action."""
        return self.spec.name

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be changed."""
        return self.choices.dry_run

    @property
    def offline(self) -> bool:
        """Whether the network is refused."""
        return self.choices.offline

    @property
    def clock(self) -> clock.Clock:
        """What tells the time."""
        return clock.from_environment(self.environ.get("ROADMAP_NOW"))

    def now(self) -> datetime:
        """The present moment."""
        return self.clock()

    def new_id(self, kind: str) -> str:
        """A new id that sorts by time."""
        return records.run_id(kind, self.now())

    def stamp(self) -> str:
        """The present moment as it stands in records."""
        return clock.stamp(self.now())

    @property
    def state_path(self) -> Path:
        """Where the state file is, or would be."""
        return Path(self.choices.state) if self.choices.state else paths.state_file(self.environ)

    @property
    def keys(self) -> KeySource:
        """Where the key to the state comes from."""
        from roadmap_cli.state.keys import KeySource

        identity = Path(self.choices.identity) if self.choices.identity else None
        return KeySource(self.environ, identity)

    @property
    def state(self) -> State:
        """The shared state file, opened when first asked for."""
        if self._state is None:
            self._state = self.open_state()
        return self._state

    @property
    def existing_state(self) -> State | None:
        """The shared state file if there is one, for a command that can do without; none is made."""
        return self.state if self.state_path.exists() else None

    def open_state(self) -> State:
        """The shared state file, opened anew: for a server that lets it go in between. The caller closes it."""
        from roadmap_cli.state.store import State

        if self.spec.state == "no":
            raise AssertionError(f"{self.command} declares no use of the state")
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the key in plain text
        return State.open(
            self.state_path,
            mode="write" if self.spec.state == "write" else "read",
            keys=self.keys,
            wait_s=self.choices.wait,
            dry_run=self.dry_run,
            now=self.clock,
        )

    def transport(self) -> Transport:
        """The guarded way to the network."""
        from roadmap_cli.net.transport import Transport

        state = self.state if self.spec.state != "no" else None
        return Transport(state, command=self.command, offline=self.offline, now=self.clock, environ=self.environ)

    def ledger(self, run_id: str | None = None, *, held: bool = False) -> Ledger:
        """The ledger of model calls. The state is opened when this process writes the first one, a server none."""
        from roadmap_cli.models.ledger import Ledger

        charged: tuple[str, ...] = ()
        if self.environ.get("ROADMAP_ACCOUNTS") and not self.dry_run:
            from roadmap_cli.models import budget

            charged = budget.accounts(self.environ)
            run_id = run_id or self.new_id("model.run")
        return Ledger(lambda: self.state, self.command, self.clock, run_id, held, self.state_path, charged)

    @property
    def output_path(self) -> Path:
        """The file named with -o, for a command that makes one (``output="file"``)."""
        if not self.choices.output:
            raise AssertionError("only a command with output='file' has an output path")
        return Path(self.choices.output)

    # -- words -----------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Say what was changed: one line at the end of a command that changes something."""
        self.words.note(text)

    def warn(self, text: str, hint: str | None = None) -> None:
        """Say what is probably not meant, and what to type against it."""
        self.words.warning(text, hint)

    def remark(self, text: str) -> None:
        """Say what no record tells and a person would wonder about: one line, into a pipe, too, but for --quiet."""
        self.words.remark(text)

    def detail(self, text: str) -> None:
        """Say how it was done (-v)."""
        self.words.detail(text)

    def progress(self, what: str, total: float | None = None) -> Progress:
        """Show how far a long piece of work is, if somebody looks on."""
        return self.words.progress(what, total)

    def deliver(self) -> None:
        """Make sure that what was yielded has reached its place: before noting that somebody was told."""
        self.out.deliver()

    def close(self) -> None:
        """Let go of the state."""
        if self._state is not None:
            self._state.close()
            self._state = None


class _Item:
    """One record's failure is caught here; anything else goes on."""

    def __init__(self, run: Run, position: _Position | None, more: Callable[[DataError], Record] | None) -> None:
        self._run = run
        self._position = position
        self._more = more

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, DataError):
            return False
        self._run._fail(error, self._position, self._more)
        return True


def parameters(values: Mapping[str, Any]) -> tuple[Choices, dict[str, Any]]:
    """Tell the shared options from the command's own."""
    shared = {name: values[name] for name in Choices.__slots__ if name in values}
    own = {name: value for name, value in values.items() if name not in shared}
    return Choices(**shared), own
