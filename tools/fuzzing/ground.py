"""The ground: streams of records, keys, schemas, times and lengths, what a terminal answers, what is drawn on it."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from fuzzing.engine import Target
from roadmap_cli.core.errors import ConfigError, DataError, UsageError

RECORD = b'{"kind":"a.b","id":"x","at":"2026-11-23T09:00:00.000Z"}'
JSON = [
    RECORD, b"{}", b"[]", b'"kind":', b'"at":', b'"id":', b'"version":', b'"wrapped":', b"true", b'""',
    b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"-----END AGE ENCRYPTED FILE-----\n", b"age-encryption.org/v1\n",
    b"-> X25519 ", b"--- ",
]  # fmt: skip


def read_stream(data: bytes) -> None:
    """Lines into records, or a DataError of one line."""
    from roadmap_cli.core import stream

    source, sink = os.pipe()
    os.write(sink, data[:60_000])
    os.close(sink)
    parse = stream.parser()
    try:
        for chunk in stream.Lines(source, limit_bytes=8192).chunks():
            for line in chunk:
                if line is None:
                    continue
                try:
                    record = parse(line)
                except DataError as error:
                    assert "\n" not in error.message, error.message
                else:
                    assert type(record) is dict
    finally:
        os.close(source)


def key_reader(folder: Path) -> Target:
    from roadmap_cli.core import clock
    from roadmap_cli.state import keys

    state = str(folder / "state.db")
    source = keys.KeySource({"HOME": str(folder)})
    keys.make(state, source, clock.system)
    seed = (folder / "state.db.key").read_bytes()
    plain = b'{"key":"%s","recipients":[{"recipient":"age1x","label":"l","added_at":"t"}]}' % (b"ab" * 32)

    def read(data: bytes) -> None:
        for action in (
            lambda: keys.opened(keys.wrapped(data, state), state, source),
            lambda: keys.parse_payload(data, state),
        ):
            try:
                action()
            except ConfigError as error:
                assert "\n" not in error.message, error.message

    return Target(read, [seed, plain], JSON)


def records_in(data: bytes) -> Iterator[dict[str, object]]:
    """The sound records of whatever lines there are."""
    from roadmap_cli.core import stream

    parse = stream.parser()
    for line in data.split(b"\n"):
        with contextlib.suppress(DataError):
            yield parse(line)


def read_schemas(data: bytes) -> None:
    """Any record held against the schema of its kind, and every kind of render of it."""
    from roadmap_cli.core import records, schemas

    for record in records_in(data):
        for problem in schemas.problems(record):
            assert problem.message
        with contextlib.suppress(DataError):
            records.canonical(record)


def schema_seeds() -> list[bytes]:
    """A record of each of some kinds with the fields its schema names."""
    import orjson

    from roadmap_cli.core import schemas

    samples: dict[object, object] = {
        "string": "x",
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "array": [],
        "object": {},
    }
    seeds = []
    for kind in schemas.kinds()[::5]:
        fields = schemas.load(kind)["properties"]
        made = {
            name: samples.get(about.get("type") if isinstance(about.get("type"), str) else "string")
            for name, about in fields.items()
        }
        seeds.append(orjson.dumps({**made, "kind": kind, "id": "x_1", "at": "2026-11-23T09:00:00.000Z"}) + b"\n")
    return seeds


def read_times(data: bytes) -> None:
    """Times, lengths, ids of time, numbers of a film's clock, the words of an address with a port."""
    from datetime import UTC, date, datetime

    from roadmap_cli.core import clock
    from roadmap_cli.edl import timecode
    from roadmap_cli.mail import dates as mail_dates
    from roadmap_cli.retrieval import dates
    from roadmap_cli.slm.serve import sockets

    text = data[:4096].decode("utf-8", "replace")
    for action in (
        clock.parse, clock.date_or_time, clock.length, timecode.rational, sockets.parse, mail_dates.moment,
        functools.partial(clock.from_environment), dates.asks_for_time,
    ):  # fmt: skip
        try:
            action(text)
        except (DataError, UsageError, ConfigError) as error:
            assert "\n" not in error.message, error.message
    for span in dates.spans(text, date(2026, 11, 23), (1900, 2100)):
        span.closeness(date(2026, 1, 1))
    assert clock.parse(clock.stamp(datetime(2026, 1, 1, tzinfo=UTC)))


def read_terminal(data: bytes) -> None:
    """Whatever stands in data or in a terminal's answer, nothing that steers a terminal is drawn."""
    from rich.console import Console

    from roadmap_cli.cli import diff, render, terminal_pictures, tree
    from roadmap_cli.cli.terminal import visible

    terminal_pictures.read_answer(data)
    text = data.decode("utf-8", "replace")
    out = io.StringIO()
    console = Console(file=out, width=60, color_system=None, force_terminal=False)
    diff.draw(text, console)
    out.write(visible(text) + render.one_line(text))
    said = {"what": text, "why": text, "authorised_by": text, "command": text, "outcome": text, "decision": "x"}
    common = {"kind": text, "id": text, "at": text}
    tree.draw([{**common, **said, "depth": 0}, {**common, "text": text, "depth": 1}], console)
    drawn = out.getvalue()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", drawn), ascii(
        drawn
    )[:200]


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    return {
        "stream": lambda: Target(read_stream, [token + b"\n" for token in JSON], JSON),
        "keys": lambda: key_reader(folder),
        "schemas": lambda: Target(read_schemas, schema_seeds(), JSON),
        "times": lambda: Target(
            read_times,
            [b"2026-11-23T09:00:00+01:00", b"30m", b"25/1", b"127.0.0.1:8080", b"Mon, 23 Nov 2026 09:00:00 +0100 (CET)",
             b"where was I last May, three weeks before Christmas 2024?", b"between 3 and 5 June", b"the second week of March"],
            [b"yesterday", b"last week", b"first ", b"of ", b"ago", b"9999", b"0001", b"+99:99", b"Z", b"T", b"two ", b"since ", b"until "],
        ),
        "terminal": lambda: Target(
            read_terminal,
            [b"\x1b_Gi=31;OK\x1b\\\x1b[?62;4;22c", b"--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n", b"plain [bold]text[/bold]\r\n"],
            [b"\x1b", b"\x9b", b"\xc2\x9b", b"\x1b]8;;http://x\x07", b"[red]", b"[/]", b"[link=x]", "\u061c\u2028".encode(), b"\x7f"],
        ),
    }  # fmt: skip
