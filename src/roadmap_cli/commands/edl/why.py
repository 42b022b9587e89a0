"""edl-why: tell why an edit is as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record


def _picture(records: Sequence[Record], console: Any) -> None:
    """The answer sentence by sentence, then what it rests on."""
    from rich.text import Text

    for record in records:
        if record.get("kind") == "edl.answer":
            for sentence in str(record["text"]).replace(". ", ".\n").splitlines():
                console.print(visible(sentence), markup=False, highlight=False)
            continue
        line = Text("  ", style="dim")
        line.append(f"{record['kind']} {record['id']}")
        gist = record.get("what") or record.get("reason") or record.get("label") or record.get("sort") or ""
        if gist:
            line.append(visible(f"  {gist}"))
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)


@command(
    reads="*",
    writes=("edl.answer", "edl.cut", "edl.edit", "why.decision"),
    state="read",
    streams=False,
    columns=("kind", "text", "what", "why", "id"),
    examples={
        "Why does a shot look as it does?": "edl-why 'why is the last shot so bright?' | jq -r '.text // empty'",
        "Why is there a cut at this place?": "edl-why 'why did you cut here?' --at 00:00:03 | jq -r '.text // empty'",
        "Why is this second of a film not in the edit?": (
            "edl-why 'why was this dropped?' --source examples/bikes.mp4 --at 0.2 | jq -r '.text // empty'"
        ),
    },
    see=("edl-log", "edl-undo", "roadmap-why", "edl-plan"),
    picture=_picture,
)
@click.argument("question", required=False, metavar="[QUESTION]")
@click.option("--at", metavar="TIME", help="The place meant: 00:01:12.5, 72.5, or 1725f for a frame.")
@click.option(
    "--source",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The place meant is in this file, not in the edit.",
)
def main(run: Run, question: str | None, at: str | None, source: Path | None) -> Iterable[Record]:
    """Tell why an edit is as it is.

    QUESTION is a place in the edit (00:01:12.5, or 1725 for a frame), the id of a cut, title, cue or edit, or a
    question in words with the place in it or in --at: 'why is the last shot so dark?', 'why did you cut here?'.
    Places are those that edl-feedback understands.
    Of a shot that was taken out, by its id or in words ('why was the second shot removed?'), it tells who asked for it
    in which words.
    With --source and --at it tells why what a source file shows there is not in the edit, or where it is.

    One edl.answer record comes, in words, what was asked about first: the stored decision, the story beat it serves,
    what was measured on the shot and heard at the cut, and the edits since.
    The records it is taken from follow as evidence.
    It is about the plan on standard input, or without one about the edit last worked on.

    The exit code is 1 if the edit has nothing at that place or of that name.
    """
    from fractions import Fraction

    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.edl import timecode
    from roadmap_cli.edl.history import answers, asking
    from roadmap_cli.edl.history.bearings import Bearings

    if question is None and at is None:
        raise UsageError("no question", hint="edl-why 00:01:12.5 asks about a place, edl-why --help tells the rest")
    here = Bearings()
    if not run.is_typed:
        yield from here.sift(run.records())
    with run.state.read() as tx:
        found = here.look(tx)
        if here.told:
            run.note(here.told)
        if found is None:
            if run.is_typed:
                raise Negative("no edit in the history yet", hint="edl-plan makes one")
            run.detail("no edit in the history yet")
            return
        revision, head = found
        rate: Fraction | None = timecode.rational(head.plan.get("fps"), field="fps")
        if source is None:
            asked = asking.read(question or "", at, rate)
            records = answers.answer(tx, revision, head, asked, run.stamp())
        else:
            record = answers.source_of(head, source)
            rate = timecode.rational(record.get("fps"), field="fps")
            frame = asking.read(question or "", at, rate).frame_at(rate)
            if frame is None:
                raise UsageError("no place in the file", hint="--at 12.4 is 12.4 seconds into it")
            records = answers.dropped(tx, revision, head, record, frame, question or "", run.stamp())
    yield from records
