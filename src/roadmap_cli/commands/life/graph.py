"""life-graph: who and what a life is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.graph import draw, draw_close, draw_list
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.life.graph.acting import Context
    from roadmap_cli.life.graph.finding import Times

ENTITIES = ("id", "sort", "name", "mention_count", "first_at", "last_at", "confidence")
RELATED = ("id", "a_name", "relation", "b_name", "valid_from", "valid_to", "confidence", "evidence_count", "why_id")
SHOWN = ("kind", "id", "text", "name", "valid_from", "valid_to", "confidence", "evidence_count", "why_id")
ACTED = ("kind", "id", "act", "sort", "name")
NEAR = ("name", "score", "family", "days_count", "last_at", "text", "entity_id")
_SORTS = ("person", "organization", "place", "project", "event", "account")


main = group(
    "Know the people, places and projects of a life.",
    """The graph is read off the stored records: contacts, calendars, mail, chats, bank statements and stays at places.
    build brings it up to date; all others only look, or say what you know better.
    Names and addresses that are one person become one entity, with the reasons and how sure that is; what is doubtful
    is listed by questions and left apart.
    Each relation has the time it is true (valid_from, valid_to) and the time it was believed (learned_at,
    superseded_at), how many records it rests on, and a why_id for roadmap-why(1).
    What you say by merge, split, correct, relate or forget holds against all records, those to come as well, until you
    undo it.
    A NAME is an id, a mail address, a telephone number, or a name: exact, in part, or alike.""",
    module=__name__,
    examples={
        "Read new records, from cron or by hand": "life-graph build",
        "Look at somebody": "life-graph show priya@example.org --pretty",
        "See who is closest": "life-graph close --best 3 --plain",
    },
    see=("life-ingest", "life-watch", "roadmap-why"),
)
_AT = click.option("--at", metavar="DATE", help="Only what was true then; a date or a time.")
_KNOWN = click.option("--known-at", metavar="DATE", help="As it was known then; a date or a time.")
_TYPE = click.option("--of-sort", "sort", type=click.Choice(_SORTS), help="Only entities of this sort.")
_BEST = click.option("--best", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")


def _times(at: str | None, known_at: str | None) -> Times:
    from roadmap_cli.life.graph.finding import Times

    return Times.of(at, known_at)


def _context(run: Run) -> Context:
    from roadmap_cli.life.graph.acting import Context

    return Context(run.command, run.now())


@main.command(
    state="write", writes="life.graph", columns=("entity_count", "relation_count", "question_count", "read_count")
)
@click.option("--anew", is_flag=True, help="Read all records again, and compute everything again.")
@click.option("--ner", metavar="MODEL", help="Names in messages, too, by this spaCy model.")
def build(run: Run, anew: bool, ner: str | None) -> Iterable[Record]:
    """Bring the graph up to date with the records.

    Only records that were not read yet are read; the outcome does not depend on the order in which they came.
    Nothing new: nothing changes.
    It may be killed at any time and run again.
    With --ner the full names of people in the text of messages count as mentions of them; what was read so stays so.
    Neither spaCy nor a model comes with this program, and nothing else needs them.
    """
    from roadmap_cli.life.graph import building, finding, recognition

    if not run.state_path.exists():
        run.detail("nothing is known yet; life-ingest takes in contacts, calendars, mail and bank statements")
        return
    recognizer = recognition.recognizer(ner) if ner else None
    built = building.build(run.state, run.now(), command=run.command, anew=anew, recognizer=recognizer)
    if not run.dry_run:
        with run.state.read() as tx:
            record = finding.summary(tx, run.stamp())
        yield record | {"read_count": built.read}
    else:
        yield {"kind": "life.graph", "id": run.new_id("life.graph"), "at": run.stamp(), "read_count": built.read,
               "dry_run": True}  # fmt: skip
    run.note(built.words())


@main.command(name="list", state="read", writes="life.entity", columns=ENTITIES, picture=draw_list)
@click.argument("name", required=False)
@_TYPE
@_BEST
@_AT
@_KNOWN
def list_(
    run: Run, name: str | None, sort: str | None, best: int, at: str | None, known_at: str | None
) -> Iterable[Record]:
    """List entities, the most mentioned first; with a NAME those it fits.

    With --at only those are listed that any record mentions up to that time.
    The exit code is 1 if a NAME fits none.
    """
    from roadmap_cli.life.graph import finding

    times = _times(at, known_at)
    with run.state.read() as tx:
        if name is not None:
            found = finding.search(tx, name, times, sort=sort, limit=best)
        else:
            found = finding.entities(tx, times, sort=sort, limit=best)
    if times.true_until is not None:
        found = [each for each in found if each["first_at"] <= times.true_until]
    run.exit_code = 0 if found or name is None else 1
    if not found:
        run.note("nobody and nothing is known so far: life-graph build" if name is None else "nothing fits that name")
    yield from found


@main.command(state="read", writes=("life.entity", "life.relation"), columns=SHOWN, picture=draw)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--depth", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Go down at most N steps."
)
@click.option("--records", "evidence", is_flag=True, help="Also the records each relation rests on, all of them.")
@_AT
@_KNOWN
def show(
    run: Run, names: tuple[str, ...], depth: int, evidence: bool, at: str | None, known_at: str | None
) -> Iterable[Record]:
    """Show entities with their relations, and what is around them.

    A relation's id is a NAME here, too: then that relation is shown.
    On a terminal it is drawn: who is near, how strongly, since when.
    With --records the stored records follow their relation, each with its relation_id; they hold what you ingested.
    """
    from roadmap_cli.life.graph import finding

    times = _times(at, known_at)
    with run.state.read() as tx:
        shown: list[Record] = []
        for name in names:
            relation = finding.relation(tx, name)
            if relation is not None:
                shown.append(relation)
                continue
            start = finding.one(tx, name, times)
            entities, relations = finding.around(tx, [start["id"]], times, depth)
            shown.append({**start, "depth": 0})
            shown += [{**each, "depth": depth} for each in entities if each["id"] != start["id"]]
            shown += relations
        told = finding.unique(shown)
        if evidence:
            from roadmap_cli.life.graph import building

            told = building.with_records(tx, told, run.now())
    yield from told


@main.command(state="read", writes="life.relation", columns=RELATED, picture=draw)
@click.argument("name")
@click.argument("other")
@click.option("--without-me", is_flag=True, help="Not through yourself.")
@_AT
@_KNOWN
def path(run: Run, name: str, other: str, without_me: bool, at: str | None, known_at: str | None) -> Iterable[Record]:
    """Find the strongest chain of relations between two.

    The exit code is 1 if there is none.
    """
    from roadmap_cli.life.graph import finding

    times = _times(at, known_at)
    with run.state.read() as tx:
        a, b = finding.one(tx, name, times), finding.one(tx, other, times)
        steps = finding.path(tx, a["id"], b["id"], times, avoiding=finding.user(tx) if without_me else None)
    run.exit_code = 0 if steps or a["id"] == b["id"] else 1
    yield from steps


@main.command(state="read", writes="life.close_person", columns=NEAR, picture=draw_close)
@_BEST
def close(run: Run, best: int) -> Iterable[Record]:
    """Tell who is close to you, and by which contact.

    Family first, then by how often, how lately, and how mutually you meet and write.
    Who you are is taken from what you sent, else from your calendar; correct NAME --me says it.
    """
    from roadmap_cli.life.graph import closeness, finding

    with run.state.read() as tx:
        found = closeness.close_people(tx, run.now(), limit=best)
        if not found and finding.user(tx) is None:
            run.warn("which entity you are is not known; say so with: life-graph correct NAME --me")
    yield from (finding.close_record(each, rank) for rank, each in enumerate(found, 1))


@main.command(
    state="read", writes="life.graph_question", columns=("probability", "a_name", "b_name", "why", "a_id", "b_id")
)
@_BEST
def questions(run: Run, best: int) -> Iterable[Record]:
    """List pairs that may be one, the likeliest first.

    Answer with merge, or with correct and split; what is not answered stays apart.
    """
    from roadmap_cli.life.graph import finding

    with run.state.read() as tx:
        found = finding.questions(tx)[:best]
    if not found:
        run.note("nothing is doubtful")
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.entity"), columns=ACTED, picture=draw)
@click.argument("names", nargs=-1, required=True, metavar="NAME NAME...")
def merge(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Say that several entities are one.

    All their names and addresses stay; undo, or split, takes it back.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.life.graph import acting

    if len(names) < 2:
        raise UsageError("name two entities or more", hint="life-graph questions")
    with run.state.write() as tx:
        found = acting.merge(tx, names, _context(run))
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.entity"), columns=ACTED, picture=draw)
@click.argument("name")
@click.argument("parts", nargs=-1, required=True, metavar="ALIAS...")
def split(run: Run, name: str, parts: tuple[str, ...]) -> Iterable[Record]:
    """Say that names or addresses are not this entity.

    Each ALIAS is a mail address, number, written name or key that show --json lists as one of its atoms.
    They become an entity of their own, and never join this one again by themselves.
    """
    from roadmap_cli.life.graph import acting

    with run.state.write() as tx:
        found = acting.split(tx, name, parts, _context(run))
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.entity"), columns=ACTED, picture=draw)
@click.argument("entity", metavar="NAME")
@click.option("--name", metavar="NAME", help="What it is called.")
@click.option("--is", "sort", type=click.Choice(_SORTS), help="What sort of entity it is.")
@click.option("--me", "is_user", is_flag=True, help="It is you.")
def correct(run: Run, entity: str, name: str | None, sort: str | None, is_user: bool) -> Iterable[Record]:
    """Say what an entity is called, what it is, or that it is you."""
    from roadmap_cli.life.graph import acting

    with run.state.write() as tx:
        found = acting.correct(tx, entity, _context(run), name=name, sort=sort, is_user=is_user)
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.relation"), columns=SHOWN, picture=draw)
@click.argument("name")
@click.argument("relation")
@click.argument("other")
@click.option("--valid-from", "since", metavar="DATE", help="True since then; a date or a time.")
@click.option("--valid-to", "until", metavar="DATE", help="True until then; a date or a time.")
@click.option("--wrong", is_flag=True, help="It is not so, and never was.")
def relate(
    run: Run, name: str, relation: str, other: str, since: str | None, until: str | None, wrong: bool
) -> Iterable[Record]:
    """Say that a relation holds, since and until when, or that it is wrong.

    RELATION is knows, family_of, works_at, colleague_of, member_of, attends, part_of, lives_at, visits, located_in,
    owns, banks_at, pays or introduced.
    """
    from roadmap_cli.life.graph import acting

    with run.state.write() as tx:
        found = acting.relate(tx, name, relation, other, _context(run), since=since, until=until, wrong=wrong)
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.entity"), columns=ACTED)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def forget(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Forget entities, and all that was concluded of them.

    They do not come back when the same is ingested again, nor under a new address that is known to be theirs.
    The stored records that mention them stay: what you ingested is not touched.
    To keep them away, their names and addresses stay in the encrypted state; undo brings them back.
    """
    from roadmap_cli.life.graph import acting

    with run.state.write() as tx:
        found = acting.forget(tx, names, _context(run))
    yield from found
    run.note(f"{len(found) // 2} entities {'would be ' if run.dry_run else ''}forgotten; the records stay")


@main.command(
    state="read", writes="life.graph_act", columns=("id", "at", "act", "atoms", "others", "said", "revoked_at")
)
def acts(run: Run) -> Iterable[Record]:
    """List what you said of the graph, the first first."""
    from roadmap_cli.life.graph import acts as remembered

    with run.state.read() as tx:
        found = [each.record() for each in remembered.every(tx, revoked=True)]
    yield from found


@main.command(state="write", writes=("life.graph_act", "life.entity"), columns=ACTED, picture=draw)
@click.argument("act_id", metavar="ID")
def undo(run: Run, act_id: str) -> Iterable[Record]:
    """Take back what you said: the records decide again."""
    from roadmap_cli.life.graph import acting

    with run.state.write() as tx:
        found = acting.undo(tx, act_id, _context(run))
    yield from found


@main.command(
    state="read", effects="files", output="file", writes="life.graph", columns=("entity_count", "relation_count")
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--format", "form", type=click.Choice(["dot", "jsonld", "graphml"]), help="Format; else by the file's ending."
)
@click.option(
    "--depth", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Go down at most N steps."
)
@_TYPE
@_AT
@_KNOWN
def export(
    run: Run,
    names: tuple[str, ...],
    form: str | None,
    depth: int,
    sort: str | None,
    at: str | None,
    known_at: str | None,
) -> Iterable[Record]:
    """Write the graph to a file, not encrypted: Graphviz, JSON-LD or GraphML.

    Without a NAME all of it, else what is around those.
    The endings are .dot or .gv, .jsonld or .json, .graphml or .xml; the file is for you alone to read.
    """
    from roadmap_cli.life.graph import exporting, finding

    chosen = exporting.chosen(form, run.output_path)
    times = _times(at, known_at)
    with run.state.read() as tx:
        if names:
            start = [finding.one(tx, name, times)["id"] for name in names]
            entities, relations = finding.around(tx, start, times, depth)
        else:
            entities, relations = finding.entities(tx, times), finding.relations(tx, times)
    if sort:
        entities = [each for each in entities if each["sort"] == sort]
    kept = {each["id"] for each in entities}
    relations = [each for each in relations if each["a_id"] in kept and each["b_id"] in kept]
    if not run.dry_run:
        exporting.save(run.output_path, chosen(entities, relations))
    yield finding.counted(run.stamp(), len(entities), len(relations))
