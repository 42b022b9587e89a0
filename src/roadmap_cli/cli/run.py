"""A command's whole world: its records, the state, the time, and words for the person who started it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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


@dataclass(slots=True)
class Run:
    """What a command function gets. Tests build one from plain values; nothing needs patching."""

    spec: Spec
    choices: Choices
    environ: Mapping[str, str]
    words: Words
    out: Output
    stdin: int = 0
    partial: bool = False
    exit_code: int = 0
    _state: State | None = None
    _here: tuple[str, int, bytes] | None = None
    _batch: dict[int, tuple[str, int, bytes]] = field(default_factory=dict)

    # -- records ---------------------------------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """The input records of the kinds this command reads, one at a time; all others pass through as they came."""
        for chunk in self._chunks():
            yield from chunk

    def batches(self, size: int = 500) -> Iterator[list[Record]]:
        """The same records in lists of those that have arrived already, at most `size` long.

        For bulk work: do it, commit, yield the results. A list never waits for input that is not there yet.
        """
        for chunk in self._chunks():
            batch: list[Record] = []
            for record in chunk:
                batch.append(record)
                if self._here:
                    self._batch[id(record)] = self._here
                if len(batch) >= size:
                    yield batch
                    batch, self._batch = [], {}
            if batch:
                yield batch
                self._batch = {}

    def _chunks(self) -> Iterator[Iterator[Record]]:
        from roadmap_cli.core.stream import Lines

        for name, descriptor in self._sources():
            lines = Lines(descriptor)
            number = 0
            try:
                for chunk in lines.chunks():
                    yield self._parsed(name, number, chunk)
                    number += len(chunk)
                    self.out.rest()
            except OSError as error:
                raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
            finally:
                if descriptor != self.stdin:
                    os.close(descriptor)

    def _parsed(self, name: str, before: int, chunk: list[bytes | None]) -> Iterator[Record]:
        from roadmap_cli.core.stream import LINE_LIMIT_BYTES, parser

        parse = parser()
        wanted = self.spec.read_kinds
        everything = "*" in wanted
        foreign = self.spec.foreign
        for number, text in enumerate(chunk, before + 1):
            if text is None:
                limit = LINE_LIMIT_BYTES // 1024**2
                self._fail(DataError(f"line longer than {limit} MiB", code="long_line"), _Position(name, number, b""))
                continue
            try:
                record = parse(text)
            except DataError as error:
                if text and not text.isspace():
                    self._fail(error, _Position(name, number, text))
                continue
            kind = record.get("kind")
            if kind in wanted or everything or (kind is None and foreign):
                self._here = (name, number, text)
                yield record
            elif type(kind) is str:
                self.out.raw(text)
            else:
                problem = "field 'kind' is missing" if kind is None else "field 'kind' is not text"
                self._fail(DataError(problem, code="bad_kind"), _Position(name, number, text))

    def lines(self) -> Iterator[str]:
        """The input as lines of text, for commands that also take plain text. Broken UTF-8 is a record's failure."""
        for batch in self.line_batches():
            yield from batch

    def line_batches(self, size: int = 1) -> Iterator[list[str]]:
        """The same lines in lists of those that have arrived already, at most `size` long."""
        from roadmap_cli.core.stream import Lines

        for name, descriptor in self._sources():
            number = 0
            try:
                for chunk in Lines(descriptor).chunks():
                    for first in range(0, len(chunk), size):
                        part = chunk[first : first + size]
                        yield list(self._decoded(name, number + first, part))
                    number += len(chunk)
                    self.out.rest()
            except OSError as error:
                raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
            finally:
                if descriptor != self.stdin:
                    os.close(descriptor)

    def _decoded(self, name: str, before: int, lines: list[bytes | None]) -> Iterator[str]:
        for number, text in enumerate(lines, before + 1):
            self._here = (name, number, text or b"")
            with self.item():
                if text is None:
                    raise DataError("line too long", code="long_line")
                try:
                    line = text.decode()
                except UnicodeDecodeError as wrong:
                    raise DataError(f"not UTF-8 at column {wrong.start + 1}", code="bad_text") from None
                yield line.removesuffix("\r")

    def _sources(self) -> Iterator[tuple[str, int]]:
        for name in self.choices.input or ("-",):
            if name == "-":
                self._say_what_it_waits_for()
                yield "<stdin>", self.stdin
                continue
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
            yield name, descriptor

    def _say_what_it_waits_for(self) -> None:
        try:
            is_terminal = os.isatty(self.stdin)
        except OSError:
            is_terminal = False
        if is_terminal:
            kinds = " or ".join(sorted(self.spec.read_kinds - {"*"})) or "any"
            self.words.note(f"reading {kinds} records from the terminal; end with Ctrl-D")

    def item(self, record: Record | None = None) -> AbstractContextManager[None]:
        """Around the work on one record: a DataError inside is that record's failure, and the loop goes on.

        What is then done is the person's choice (``--on-error``).
        """
        here = self._batch.get(id(record), self._here) if record is not None else self._here
        return _Item(self, _Position(*here) if here else None)

    def _fail(self, error: RoadmapError, position: _Position | None) -> None:
        if position and not error.where:
            error.where = f"{position.name}:{position.number}"
        if self.choices.on_error == "stop":
            raise error
        self.partial = True
        self.words.error(str(error), error.hint)
        if self.choices.on_error == "emit":
            self.out.write(self._error_record(error, position))

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
            from roadmap_cli.state.store import State

            if self.spec.state == "no":
                raise AssertionError(f"{self.command} declares no use of the state")
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the key in plain text
            self._state = State.open(
                self.state_path,
                mode="write" if self.spec.state == "write" else "read",
                keys=self.keys,
                wait_s=self.choices.wait,
                dry_run=self.dry_run,
                now=self.clock,
            )
        return self._state

    def transport(self) -> Transport:
        """The guarded way to the network."""
        from roadmap_cli.net.transport import Transport

        state = self.state if self.spec.state != "no" else None
        return Transport(state, command=self.command, offline=self.offline, now=self.clock, environ=self.environ)

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

    def warn(self, text: str) -> None:
        """Say what is probably not meant."""
        self.words.warning(text)

    def detail(self, text: str) -> None:
        """Say how it was done (-v)."""
        self.words.detail(text)

    def progress(self, what: str, total: float | None = None) -> Progress:
        """Show how far a long piece of work is, if somebody looks on."""
        return self.words.progress(what, total)

    def close(self) -> None:
        """Let go of the state."""
        if self._state is not None:
            self._state.close()
            self._state = None


class _Item:
    """One record's failure is caught here; anything else goes on."""

    def __init__(self, run: Run, position: _Position | None) -> None:
        self._run = run
        self._position = position

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, DataError):
            return False
        self._run._fail(error, self._position)
        return True


def parameters(values: Mapping[str, Any]) -> tuple[Choices, dict[str, Any]]:
    """Tell the shared options from the command's own."""
    shared = {name: values[name] for name in Choices.__slots__ if name in values}
    own = {name: value for name, value in values.items() if name not in shared}
    return Choices(**shared), own
