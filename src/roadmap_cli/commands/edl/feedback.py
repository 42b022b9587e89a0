"""edl-feedback: a person's words about an edit become a corrected, measured revision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import looking_option
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.edl.feedback.answering import Answer
    from roadmap_cli.edl.feedback.material import Edit
    from roadmap_cli.edl.feedback.wishes import Wish

#: What an edit and the facts about its sources are told by; anything else passes through.
_EDIT = frozenset(
    f"edl.{noun}"
    for noun in ("source", "shot", "scene", "span", "rhythm", "word", "beat", "energy", "plan", "cut", "title", "cue")
)
#: What was found wrong with the edit before, which says nothing of a new one.
_LEFT_OUT = frozenset({"edl.finding"})


def _draw(records: Sequence[Record], console: Any) -> None:
    import textwrap

    from rich.table import Table
    from rich.text import Text

    told = [record for record in records if record["kind"] == "edl.feedback"]
    table = Table(box=None, pad_edge=False)
    for name in ("wish", "where", "signal", "before", "after", "wanted", "of the way", ""):
        right = name in {"before", "after", "wanted", "of the way"}
        # "0:00:01.880 to" stays in one line: a time that is broken is none.
        table.add_column(
            name, justify="right" if right else "left", no_wrap=right, min_width=14 if name == "where" else None
        )
    for record in told:
        ratio = record.get("moved_ratio")
        bar = "█" * round(min(max(ratio or 0.0, 0.0), 1.0) * 5) if ratio is not None else ""
        table.add_row(
            record["wish"], record["where"], record.get("signal", ""), _number(record.get("before")),
            _number(record.get("after")), _number(record.get("target")),
             f"{bar} {ratio:.0%}" if ratio is not None else "",
            record["outcome"],
        )  # fmt: skip
    console.print(table)
    for record in told:
        words = textwrap.wrap(visible(f"{record['wish']}: {record['reason']}"), max(20, console.width - 2))
        for line in words:
            console.print(Text(f"  {line}", style="not dim"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


@command(
    reads="*",
    writes=("edl.source", "edl.shot", "edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.measure", "edl.feedback"),
    state="write",
    effects=("programs",),
    streams=False,
    columns=("kind", "axis", "wish", "where", "outcome", "before", "target", "after", "moved_ratio", "reason"),
    examples={
        "Say what is wrong with an edit": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' "
            "| edl-feedback 'less colour please' | jq -r 'select(.kind == \"edl.feedback\").outcome'"
        ),
        "Take shots out": (
            "edl-feedback 'drop the second shot, and a bit brighter' "
            "| jq -c 'select(.kind == \"edl.feedback\") | [.wish, .where, .outcome]'"
        ),
        "Look at what would be done": "edl-feedback --dry-run 'too dark at the beginning' --plain",
    },
    see=("edl-plan", "edl-check", "edl-render", "edl-undo", "edl-taste", "roadmap-why"),
    picture=_draw,
)
@click.argument("words", metavar="WORDS")
@click.option("--anyway", is_flag=True, help="Do as the words say even if the measurement contradicts them.")
@click.option("--llm", is_flag=True, help="Let a language model read what the rules cannot; it chooses from the axes.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
@looking_option()
def main(
    run: Run, words: str, anyway: bool, llm: bool, model: str | None, look_in: tuple[Path, ...]
) -> Iterable[Record]:
    """Correct an edit by what a person says of it.

    WORDS such as 'too dark', 'the third shot is too short', 'skin looks orange from 0:10 to 0:20' or 'warmer, and the
    music is too loud' are read without a language model: what is meant, which way, how far and where.
    What is meant is measured on the pictures, the sound or the plan as they will be shown, corrected within bounds and
    measured again.
    Without a place the cuts beyond the limit are corrected; if there are none, all of them by one step.
    'remove shot 2', 'drop the last two clips', 'cut out 0:04 to 0:06' and 'keep only shots 1 and 3' take shots or a
    span out and close the gap: what follows moves up with its titles, and transitions and sounds fit the new joint.
    'trim the first second of shot 2' and 'cut 10 frames off the end of shot 3' shorten a shot at that end alone.
    'mute shot 2', 'no sound from 0:04 to 0:06' and 'unmute the last shot' turn the sound that was recorded off and on
    again.
    Numbers and times are those of the edit as it came in, whatever else is wished along with it.

    The edit comes from the input, or without one it is the edit worked on last: planned, corrected, checked, rendered,
    looked at, exported or imported. Which one that is, is said.
    Out comes the whole edit as a new revision, ready for edl-check and edl-render, then edl.measure records with the
    numbers and an edl.feedback record for each wish.
    'undo that' goes back to the revision before, and what else is wished is done there, with its numbers and times; one
    change among others is taken back by edl-undo.

    A wish is refused, with the numbers, when less than 60 % of the way can be gone within the bounds, when another
    limit would break, or when the source cannot give it.
    When the measurement contradicts the words it asks: --anyway does as they say.
    What a person keeps moves later plain wishes half-way towards it, see edl-taste.
    What is asked for and not understood, or to be left as it is and cannot be, is named in a warning.
    The exit code is 1 if no wish was fulfilled, or none is in the words; the edit goes on as it was.

    A source that is not where it was is looked for in the same folder, in those named with --look-in and where edl-scan
    saw it last.

    All input is read first.
    """
    from roadmap_cli.edl.feedback import answering, settling, tastes, wishes

    given = [] if run.is_typed else list(run.records())
    yield from (record for record in given if record["kind"] not in _EDIT | _LEFT_OUT)
    edit = _edit(run, given)
    if edit is None:
        return
    wished = wishes.read(words)
    if not wished and llm and not wishes.praised(words):
        wished = _asked(run, words, model)
    if not wished:
        yield from _stream(edit, edit.plan, edit.things())
        if wishes.praised(words):
            run.remark(f"nothing to change in {words!r}")
        else:
            run.warn(f"no wish understood in {words!r}: the edit stays as it is; {answering.unread(words)}")
        run.exit_code = 1
        return
    taken = next((wish for wish in wished if wish.axis == "undo"), None)
    wished = wishes.besides_undo(words, wished) if taken else wished
    if taken and wishes.means_one_change(taken):
        yield from _stream(edit, edit.plan, edit.things())
        run.warn(
            f"{taken.words!r} names one change, and 'undo that' takes back the last one: edl-undo --list "
            "lists them, edl-undo EDIT takes back one alone" + ("; nothing else is done either" if wished else "")
        )
        run.exit_code = 1
        return
    if taken:
        edit = _taken_back(run, edit, forward=taken.sign < 0)
        if not wished:
            yield from _stream(edit, edit.plan, edit.things())
            return
    edit = _found_again(run, edit, look_in)
    made = _answered(run, words, wished, edit, anyway)
    plan, things = settling.settle(run.state, made, tastes.person(run.environ), run.command, run.now())
    yield from _stream(edit, plan, things)
    yield from made.records
    for told in made.told:
        line = f"{told.wish.meaning} ({told.where}): {told.reason}"
        if told.outcome == answering.CHANGED:
            run.note(line)
            if amount := wishes.unfollowed(told.wish):
                run.warn(f"the amount {amount!r} is not followed: {told.wish.meaning} by one step")
        else:
            run.warn(f"{line}; --anyway does it" if told.outcome == answering.ASKED else line)
        for note in (told.taste, *told.notes):
            if note:
                run.note(f"  {note}")
    if missed := wishes.left_out(words, (*wished, *([taken] if taken else []))):
        run.warn(f"not understood, and left out: {', '.join(map(repr, missed))}")
    if made.changed and (touched := wishes.unspared(words, [told.wish for told in made.told])):
        run.warn(
            f"not done: {', '.join(map(repr, touched))}: only whole shots and times can be left out of a change, "
            "as in 'but leave shot 2 alone'"
        )
    run.exit_code = 0 if made.changed or taken else 1


def _edit(run: Run, given: Sequence[Record]) -> Edit | None:
    """The edit of the input; of the head of the last one if nothing came in; None if there is neither."""
    from roadmap_cli.edl.feedback import material, settling
    from roadmap_cli.edl.history import bearings, revisions

    edit = material.gather(record for record in given if record["kind"] in _EDIT)
    if edit is None and given:
        return None
    with run.state.read() as tx:
        if edit is None:
            try:
                here = revisions.current(tx)
            except DataError as error:
                if error.code == "no_history" and not run.is_typed:
                    return None
                raise
            run.note(bearings.words(tx, here))
            edit = settling.of_head(tx, revisions.whole(tx, here))
            if not edit.cuts:
                raise DataError("the last edit has no cuts", hint="edl-plan makes them", code="no_cuts")
        return settling.with_shots(tx, edit)


def _taken_back(run: Run, edit: Edit, *, forward: bool) -> Edit:
    """The edit before its last change, or with the change made again that was taken back."""
    from roadmap_cli.edl.feedback import settling, tastes

    with run.state.write() as tx:
        edit = settling.back(tx, edit, run.now(), forward=forward)
        tastes.learn(tx, tastes.person(run.environ), run.stamp())
    run.remark(
        "the change is made again" if forward else "back to the revision before; edl-redo makes the change again"
    )
    return edit


def _found_again(run: Run, edit: Edit, look_in: Sequence[Path]) -> Edit:
    """With the paths of sources that were moved."""
    from dataclasses import replace

    from roadmap_cli.edl import moved

    sources, told = moved.again(edit.sources, run.environ.get("PATH"), look_in, run.state)
    for line in told:
        run.warn(line)
    return replace(edit, sources=sources)


def _answered(run: Run, words: str, wished: Sequence[Wish], edit: Edit, anyway: bool) -> Answer:
    from roadmap_cli.edl import programs, scanning
    from roadmap_cli.edl.feedback import answering, material, settling, tastes

    with run.state.read() as tx:
        far = settling.strengths(tx, tastes.person(run.environ), wished)
    found = programs.find(run.environ.get("PATH"))

    def content(path: Path) -> str:
        return scanning.content_hash(run.state, path, run.now(), run.progress)

    with run.progress("measuring", float(len(edit.cuts))) as bar:
        footage = material.Footage(found, edit.sources, lambda _: bar.advance(), content)
        return answering.answer(words, wished, edit, footage, far, anyway)


def _asked(run: Run, words: str, model: str | None) -> tuple[Wish, ...]:
    from roadmap_cli.edl.feedback import asking
    from roadmap_cli.models.conversation.selection import open_chat

    with open_chat(
        model, environ=run.environ, ledger=run.ledger(), transport=run.transport, kinds=("edl.feedback",)
    ) as chat:
        found = asking.read(chat, words)
    if found:
        run.note("read by the model as: " + ", ".join(wish.meaning for wish in found))
    return found


def _stream(edit: Edit, plan: Record, things: Sequence[Record]) -> Iterable[Record]:
    yield from edit.sources.values()
    yield from edit.shots.values()
    for records in edit.facts.values():
        yield from records
    yield plan
    for kind in ("edl.cut", "edl.title", "edl.cue"):
        yield from (thing for thing in things if thing["kind"] == kind)
