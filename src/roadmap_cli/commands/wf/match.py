"""wf-match: which workflow events ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.wf.matching.matcher import Likeness, Matcher


#: Kinds of this family that are themselves something that happened; the others pass through.
_NEWS = ("wf.event", "wf.alert")
#: Templates that are named when none of them was asked for.
_MOST_NAMED = 4


@command(
    reads="*",
    writes="wf.match",
    state="write",
    foreign=True,
    columns=("at", "id", "workflow", "certainty_ratio", "certainty"),
    examples={
        "See which workflows alerts ask for":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match --plain",
        "See which questions wait for an answer": "wf-match --waiting --plain",
    },
    see=("wf-listen", "wf-plan", "life-watch"),
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--choose", metavar="WORKFLOW", help="Take this workflow where several match; 'none' for none of them.")
@click.option(
    "--question", metavar="ID",
    help="With --choose, answer this question, named by its match, event or task, and read no input.",
)  # fmt: skip
@click.option("--waiting", is_flag=True, help="Write the matches that wait for somebody to choose; read no input.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
def main(
    run: Run, templates: tuple[str, ...], choose: str | None, question: str | None, waiting: bool, name: str | None,
    model: str | None,
) -> Iterator[Record]:  # fmt: skip
    """Find the workflow that events ask for.

    The trigger of each template is a list of conditions on fields of an event, free text it should be like, or both;
    and how many such events, of the same group, in which order, and within which time.
    Events count by when they happened, however late or out of order they come; one that fits into the span of a match
    made before is counted to it.
    The template that asks for the most is chosen; every condition is in the wf.match with what it found, and how sure
    it is, as a number and in words.
    Likeness is told by an embedding model where there is one (--model none: never), else by shared words.
    If several hold equally well, or a likeness is not sure enough, none is chosen: the wf.match is "ambiguous", names
    the candidates, and wf-plan leaves it alone until a person answers: by --choose with the same events, by
    --choose with --question at any time, or with wf-approve --task.
    What was answered elsewhere is written first by the next wf-match.

    Records of other families become events by themselves: a template can be triggered by type life.warning; so do the
    alerts of wf-metrics (wf.alert).
    What wf-plan and the commands after it read passes through.
    An event that was judged by the same templates before leads to the same matches, and to no new ones.
    How many events match no template is told in one line at the end, unless --quiet.

    Your own templates are the .yaml files in the folder workflows of the configuration directory.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import library, people
    from roadmap_cli.wf.language.loading import load_all
    from roadmap_cli.wf.matching import deciding
    from roadmap_cli.wf.matching.matcher import Matcher

    if question and not choose:
        raise UsageError("--question needs --choose", hint="name a workflow, or 'none'")
    if waiting:
        with run.state.read() as tx:
            found = deciding.questions(tx)
        yield from found
        return
    if question and choose:
        with run.state.write() as tx:
            answer = deciding.choose(tx, question, choose, by=people.user(name), command=run.command, at=run.now())
        if answer:
            yield answer
        return
    with run.state.write() as tx:
        answered = deciding.answered(tx, command=run.command, at=run.now())
    yield from answered
    known = load_all(library.places(templates, run.environ))
    matcher = Matcher(known)
    if matcher.texts:
        matcher.likeness = _likeness(run, matcher, model)
    yield from _matched(run, matcher, choose)


def _matched(run: Run, matcher: Matcher, choose: str | None) -> Iterator[Record]:
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf import events
    from roadmap_cli.wf.matching import deciding

    unmatched = settled = 0
    for batch in run.batches(2000):
        drafts: list[Record] = []
        for record in batch:
            kind = record.get("kind")
            if kind == "error" or (type(kind) is str and kind not in _NEWS and kind.startswith(("wf.", "why."))):
                yield record
                continue
            with run.item(record):
                drafts.append(events.draft(record, run.now()))
        judged = matcher.judge(events.named(drafts))
        try:
            with run.state.write() as tx:
                taken = deciding.take(tx, matcher, judged, command=run.command, at=run.now(), chosen=choose)
            lots = [taken]
        except DataError:
            lots = []
            for each in judged:  # one by one, so that what cannot be stored costs only itself
                with run.item(each.event), run.state.write() as tx:
                    lots.append(deciding.take(tx, matcher, [each], command=run.command, at=run.now(), chosen=choose))
        for taken in lots:
            unmatched += len(taken.unmatched)
            settled += len(taken.waiting) + len(taken.joined) + len(taken.cooling) + len(taken.late)
            for match in taken.matches:
                if match["ambiguous"]:
                    names = ", ".join(each["workflow"] for each in match["candidates"])
                    if len(match["candidates"]) > 1:
                        run.warn(f"event {match['event_id']} matches {names} equally well; say which with --choose")
                    else:
                        run.warn(f"event {match['event_id']} may be for {names}; say so with --choose")
                yield match
    if unmatched:
        run.warn(
            f"{counted(unmatched, 'event')} match{'es' if unmatched == 1 else ''} no template",
            f"{_tried(matcher)}; others are named with --templates",
        )
    if settled:
        run.note(
            f"{counted(settled, 'event')} made no match of {'its' if settled == 1 else 'their'} own: roadmap-why ID"
        )


def _tried(matcher: Matcher) -> str:
    names = [each.template.workflow for each in matcher.ready]
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"tried were {', '.join(names[:_MOST_NAMED])}{rest}" if names else "there are no templates"


def _likeness(run: Run, matcher: Matcher, model: str | None) -> Likeness:
    from roadmap_cli.wf.matching import likeness

    return likeness.of(matcher.texts, None if model == "none" else likeness.embedder(run.environ, run.ledger(), model))
