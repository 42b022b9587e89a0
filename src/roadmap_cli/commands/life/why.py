"""life-why: from anything a life command said down to the line of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command, tree
from roadmap_cli.core.records import Record, content_id

#: What is checked as it comes through a pipe.
READ = ("life.memory_hit", "life.sum", "life.memory", "life.fact", "life.entity", "life.relation", "life.warning",
        "life.forecast", "life.proposal", "life.comparison")  # fmt: skip
#: Raw records drawn below one decision.
DRAWN = 6


def draw(records: Sequence[Record], console: Any) -> None:
    """The chain as a tree, each raw record with the file and line it came from; checks as lines."""
    from roadmap_cli.cli.terminal import visible

    chain = [record for record in records if record.get("kind") != "life.proof"]
    tree.draw(chain, console, gist=_gist, most=DRAWN)
    for record in records:
        if record.get("kind") == "life.proof":
            mark = "ok     " if record["ok"] else "WRONG  "
            told = f"{mark}{record['claim']}: {record.get('problem') or record.get('value', '')}"
            console.print(visible(told), markup=False, highlight=False, soft_wrap=True)


def _gist(record: Record) -> str:
    from roadmap_cli.life import wording

    if record.get("kind") == "life.erased":
        return "erased"
    said = str(record.get("text") or record.get("rule") or record.get("question") or wording.line(record))
    where = f"  [{record['where']}]" if "where" in record else ""
    return (said if len(said) <= 140 else said[:139] + "…") + where


@command(
    reads=READ,
    writes=("why.decision", "life.proof"),
    state="read",
    streams=False,
    columns=("depth", "kind", "id", "what", "why", "where", "claim", "ok", "problem"),
    picture=draw,
    examples={
        "Where does a warning come from?": "life-why $(life-watch | jq -r .id | head -n 1) | jq -r .kind | head -n 2",
        "Does every number hold?": "life-why --check $(life-watch --open | jq -r .id) | jq -r .ok | sort -u",
        "Is what was found what is stored?": "life-recall walnuts | life-why --check | jq -r .ok | sort -u",
    },
    see=("life-watch", "life-decide", "roadmap-why"),
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Go down at most N steps.")
@click.option("--check", is_flag=True, help="Compute every number again from what it cites; exit 1 if one is wrong.")
def main(run: Run, ids: tuple[str, ...], depth: int | None, check: bool) -> Iterable[Record]:
    """Show where something comes from, down to the line read.

    ID is the id of any record a life command wrote, or of a decision.
    First comes the record, then the decision behind it, the numbers that rests on, and the records those were counted
    from; each with its 'depth', the 'from_id' of what cites it, and, where it was read from a file, 'where': the file
    and line.
    What was erased says so.
    It is roadmap-why for this family: that one tells the decisions alone, of every family.

    With --check each claim comes as a life.proof record: that an id resolves, that a figure computed again from what it
    cites has the value it was told with, and that a text says no number but those.
    The exit code is 1 if a claim fails, or if nothing is known of an id.

    Without an ID, records are read from standard input.
    With --check these are checked as they came, each field of what is stored as well: a hit of life-recall(1), which is
    not stored, is held against its record, and its question asked again; an entity or relation of life-graph(1) against
    the graph, made again from the records.
    """
    from roadmap_cli.life import grounds
    from roadmap_cli.life.proof import checking

    if not ids:
        yield from _piped(run, depth, check)
        return
    for wanted in ids:
        with run.state.read() as tx:
            chain = list(grounds.chain(tx, wanted))
            claims = list(checking.check(tx, wanted)) if check else []
        if not chain:
            run.warn(
                f"nothing is known of {wanted!r}", "a hit of life-recall is not stored itself: ask for its record_id"
            )
            run.exit_code = 1
        if check:
            yield from _proofs(run, claims)
            continue
        for record in chain:
            if depth is None or record["depth"] <= depth:
                yield record


def _piped(run: Run, depth: int | None, check: bool) -> Iterator[Record]:
    """The chains, or the claims, of records from standard input."""
    given = list(run.records())
    with run.state.read() as tx:
        if check:
            yield from _proofs(run, list(_claims(run, tx, given)))
            return
        chains = [list(grounds_of(tx, each)) for each in given]
    for record in (each for chain in chains for each in chain):
        if depth is None or record["depth"] <= depth:
            yield record


def grounds_of(tx: Any, given: Record) -> Iterator[Record]:
    """The chain of a record that came through a pipe: of a hit that of what was found."""
    from roadmap_cli.life import grounds

    return grounds.chain(tx, str(given.get("record_id") if given["kind"] == "life.memory_hit" else given.get("id")))


def _claims(run: Run, tx: Any, given: Sequence[Record]) -> Iterator[Any]:
    from contextlib import ExitStack

    from roadmap_cli.life.proof import checking, found, graphs
    from roadmap_cli.life.recall.session import opened

    graph, asked = graphs.Again(tx), None
    with ExitStack() as open_:
        if any(each["kind"] == "life.memory_hit" for each in given):
            recall = open_.enter_context(
                opened(run.state, environ=run.environ, ledger=None, warn=run.warn, now=run.now)
            )
            asked = found.Asked(tx, recall.terms, recall.embedder)
        for each in given:
            yield from checking.check_record(tx, each, graph, asked)


def _proofs(run: Run, claims: Iterable[Any]) -> Iterator[Record]:
    wrong = total = 0
    for claim in claims:
        total += 1
        record: Record = {
            "kind": "life.proof",
            "id": content_id("life.proof", of=claim.of_id, claim=claim.name, told=str(claim.told)),
            "at": run.stamp(),
            "of_id": claim.of_id,
            "claim": claim.name,
            "ok": not claim.problem,
        }
        if claim.told is not None:
            record["value"] = claim.told
        if claim.again is not None:
            record["again"] = claim.again
        if claim.problem:
            record["problem"] = claim.problem
            wrong += 1
        yield record
    if wrong:
        run.exit_code = 1
    run.detail(f"{total} claims checked, {wrong} do not hold")
