"""life-erase: erase what you say, completely."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.errors import RoadmapError, UsageError
from roadmap_cli.core.records import Record


@command(
    writes="life.erasure",
    state="write",
    columns=("record_count", "records", "outputs", "decision_count", "rows", "model_call_count"),
    examples={
        "What would go with a file?": "life-erase --dry-run --source bank.ofx | jq -c .records",
        "Erase a person": "life-erase --person priya@example.org --yes | jq -r .record_count",
        "Erase everything": "life-erase --all --yes | jq -r .record_count",
    },
    see=("life-export", "life-ingest", "roadmap-state"),
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="What was read from this file or place; may be repeated."
)
@click.option(
    "--person", "people", multiple=True, metavar="NAME", help="What names this person or address; may be repeated."
)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only records of this kind; may be repeated.")
@click.option("--since", metavar="WHEN", help="Only what happened at this date or time, or after it.")
@click.option("--until", metavar="WHEN", help="Only what happened before this date or time.")
@click.option("--all", "everything", is_flag=True, help="Everything that life commands hold.")
@click.option("--yes", is_flag=True, help="Yes, erase it.")
@click.option("--compact", is_flag=True, help="Only write the state's file anew, without free pages.")
def main(
    run: Run,
    ids: tuple[str, ...],
    sources: tuple[str, ...],
    people: tuple[str, ...],
    kinds: tuple[str, ...],
    since: str | None,
    until: str | None,
    everything: bool,
    yes: bool,
    compact: bool,
) -> Iterable[Record]:
    """Erase what you say, completely.

    What meets all of the given conditions goes: records, their rows in every table, and the words and numbers of all
    that was made from them.
    Warnings, comparisons and decisions that rested on them stay as shells that say 'erased'; indexes, vectors and
    other things made from records are emptied and made again by the commands they belong to; what life commands told a
    model goes, too.
    Erased bytes are overwritten, the file is written anew and its log is cut, so that nothing is left in free pages.

    A person is a name or an address, together with the other names and
    addresses that your contacts and the graph have for them.
    Look first with --dry-run, which counts; without it, --yes is needed.

    Your own files are not touched: who reads them again with life-ingest has it all back.
    Copies made by roadmap-state backup still hold it, and so do other devices until slm-sync reaches them.
    The log of the network stays; it tells which hosts were spoken to.
    The exit code is 1 if nothing was found.
    """
    from roadmap_cli.life.erasing import doomed, erasure

    conditions = (ids, sources, people, kinds, since, until)
    if compact:
        if everything or any(conditions):
            raise UsageError("--compact erases nothing and takes no conditions")
        if not run.dry_run:
            _ = run.state
            erasure.compact(run.state, wait_s=run.choices.wait)
        return
    if everything and any(conditions):
        raise UsageError("--all and conditions contradict each other", hint="give one of them")
    if not everything and not any(conditions):
        raise UsageError("nothing says what to erase", hint="life-erase --dry-run --source FILE, or see --help")
    if not run.dry_run and not yes:
        raise UsageError("nothing is erased without --yes", hint="look first with --dry-run")
    wanted = doomed.Wanted(
        everything, frozenset(ids), frozenset(kinds), sources, people, _moment(since), _moment(until)
    )  # fmt: skip
    with run.state.write() as tx:
        found = erasure.erase(tx, wanted, run.now())
    record: Record = {"kind": "life.erasure", "id": run.new_id("life.erasure"), "at": run.stamp()} | found.fields()
    unfinished: RoadmapError | None = None
    if not found.records:
        run.exit_code = 1
    elif not run.dry_run:
        try:
            erasure.compact(run.state, wait_s=run.choices.wait)
        except RoadmapError as error:  # it is erased all the same, and the record says so
            unfinished = error
        copies = sorted(run.state_path.parent.glob(f"{run.state_path.name}.bak-*"))
        if copies:
            run.warn(f"{len(copies)} older copies beside the state still hold it: {copies[0]} …")
    if found.others:
        run.warn(f"{found.others} records of other commands name what was erased; they stay")
    run.note(f"{record['record_count']} records erased" if found.records else "nothing was found")
    yield record
    if unfinished:
        raise unfinished


def _moment(text: str | None) -> str:
    """A day (its midnight in UTC) or moment as a stamp; empty without one. Raises UsageError."""
    from roadmap_cli.core import clock
    from roadmap_cli.core.errors import DataError

    if not text:
        return ""
    try:
        return clock.stamp(clock.parse(f"{text}T00:00:00Z" if len(text) == 10 else text))
    except DataError as error:
        raise UsageError(error.message, hint="write it as 2026-12-24 or 2026-12-24T18:00:00Z") from None
