"""Projects of other programs and the words people say about an edit."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from fuzzing.engine import Target
from fuzzing.ground import JSON, records_in
from roadmap_cli.core.errors import DataError, UsageError

ROOT = Path(__file__).parents[2]
XML = [
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"&x;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?xml version='1.0' encoding='utf-16'?>", b'in="', b'out="',
    b"<entry ", b"<blank length='", b"<filter>", b"<property name='", b"</property>", b"/>", b"00:00:01.000", b"<playlist>", b"<tractor>", b"<track producer='",
]  # fmt: skip
SAID = [
    b"too dark", b"make it brighter", b"a bit", b"the first 10 seconds", b"from 0:10 to 0:20", b"at the end", b"shot 3", b"and", b"but", b"not ", b"more ",
    b"less ", b"cut it down to a minute", b"music", b"title", b'"', b"slower", b"warm", b" then ", b"half a ", b"9:99:99", b"every ", b"seconds",
]  # fmt: skip


def records_of_an_edit() -> list[dict[str, object]]:
    """A small edit with two cuts, in the records of edl-plan."""
    sys.path.insert(0, str(ROOT / "tests/unit/edl"))
    import test_edl_exchange

    made: list[dict[str, object]] = test_edl_exchange.edit(
        [(0, 100), (200, 300)], more={1: {"transition": {"sort": "dissolve", "frames": 12}}}
    )
    return made


def mlt_reader(folder: Path) -> Target:
    """Shotcut and Kdenlive projects: read, and adopted into a plan."""
    from roadmap_cli.edl import gathering
    from roadmap_cli.edl.exchange import adopting, kdenlive, reading_mlt, shotcut, timeline
    from roadmap_cli.edl.exchange.seen import Seen

    base = timeline.read(gathering.needed(records_of_an_edit()))

    def read(data: bytes) -> None:
        with contextlib.suppress(DataError):
            seen = reading_mlt.read(data, folder)
            adopting.adopt(base, Seen(seen.fps), seen, {}, "x.mlt", "2026-11-23T09:00:00.000Z", lambda path: "")

    seeds = [
        shotcut.export(base, str(folder), lambda path: "0" * 32).data,
        kdenlive.export(base, str(folder), folder).data,
    ]
    return Target(read, seeds, XML)


def otio_reader(folder: Path) -> Target:
    """OpenTimelineIO timelines."""
    from roadmap_cli.edl import gathering
    from roadmap_cli.edl.exchange import otio, reading_otio, timeline

    made = otio.export(timeline.read(gathering.needed(records_of_an_edit()))).data

    def read(data: bytes) -> None:
        with contextlib.suppress(DataError):
            reading_otio.read(data, folder)

    return Target(
        read,
        [made],
        [*JSON, b'"OTIO_SCHEMA":', b'"RationalTime.1"', b'"rate":', b'"value":', b'"children":', b'"Stack.1"'],
    )


def edit_reader() -> Target:
    """The records of an edit, however wrong: every exporter writes it, or says what is wrong."""
    import orjson

    from roadmap_cli.edl import gathering
    from roadmap_cli.edl.exchange import cmx, fcpxml, kdenlive, marks, otio, shotcut, timeline

    def read(data: bytes) -> None:
        records = [record for record in records_in(data) if isinstance(record.get("kind"), str)]
        with contextlib.suppress(DataError):
            gathering.read(records)
        with contextlib.suppress(DataError):
            made = timeline.read(gathering.needed(records))
            for export in (
                cmx.export, fcpxml.export, otio.export, marks.metadata, marks.listing, marks.subtitles,
                lambda edit: shotcut.export(edit, "/films", lambda path: ""),
                lambda edit: kdenlive.export(edit, "/films", Path("/films")),
            ):  # fmt: skip
                with contextlib.suppress(DataError):
                    export(made)

    seed = b"".join(orjson.dumps(record) + b"\n" for record in records_of_an_edit())
    return Target(
        read,
        [seed],
        [
            *JSON,
            b'"in_frame":',
            b'"out_frame":',
            b'"speed":"1/2"',
            b'"fps":"30000/1001"',
            b'"framing":{"start":[0,0,1,1]}',
            b'"effects":',
        ],
    )


def read_phrases(data: bytes) -> None:
    """What a person says of an edit, and the intent of a new one: understood or not, in time that is linear."""
    from roadmap_cli.edl.feedback import wishes
    from roadmap_cli.edl.planning import intent

    text = data[:20_000].decode("utf-8", "replace")
    wishes.read(text)
    wishes.praised(text)
    with contextlib.suppress(UsageError, DataError):
        intent.read(text)


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    return {
        "mlt": lambda: mlt_reader(folder),
        "otio": lambda: otio_reader(folder),
        "edits": edit_reader,
        "phrases": lambda: Target(
            read_phrases,
            [b"the first shot is too dark and the music is too loud", b"make it cinematic, 30 seconds, vertical, title \"Bikes\"",
             b"cut the bit from 0:10 to 0:20, then slow it down", b"please warm up the colours a little at the end but not the faces"],
            SAID,
        ),
    }  # fmt: skip
