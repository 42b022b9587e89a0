"""wf-grant: who may do what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.options import signing_option
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from roadmap_cli.wf.rights.giving import Giver
    from roadmap_cli.wf.running.foresight import Obstacle

#: How many plans that can no longer run are named.
_MOST_TOLD = 20
_COLUMNS = ("at", "id", "subject", "grants", "scope", "until", "status")


def _picture(records: Sequence[Record], console: Any) -> None:
    """A verdict as a person reads it: yes or no, why, by which grants, and what would mend it; the rest as a table."""
    from roadmap_cli.cli.render import one_line, table

    rows = [each for each in records if each.get("kind") != "wf.verdict"]
    if rows:
        table(rows, _COLUMNS, console)
    for record in records:
        if record.get("kind") == "wf.verdict":
            for style, line in _verdict(record):
                console.print(one_line(line), style=style, markup=False, highlight=False, soft_wrap=True)


def _verdict(record: Record) -> Iterator[tuple[str | None, str]]:
    name = record["user"].removeprefix("user:")
    acting = f", acting as {record['role']}" if record.get("role") else ""
    word, style = ("yes", "bold green") if record["allowed"] else ("no", "bold red")
    yield style, f"{word}: {name} {record['action']} {record['resource']}{acting}"
    yield None, f"  why      {record['why']}"
    for each in record.get("policies", ()):
        yield None, f"  policy   {each['id']}" + (f": {each['why']}" if each.get("why") else "")
    for each in record.get("grants", ()):
        until = f", until {each['until']}" if each.get("until") else ""
        yield "dim", f"  has      {each['role']} over {', '.join(each['scope'])}{until} ({each['id']})"
    if record.get("missing"):
        yield "cyan", f"  mend it  {record['missing']}"


@command(
    writes=("wf.grant", "wf.policy", "wf.verdict"),
    state="write",
    columns=_COLUMNS,
    picture=_picture,
    examples={
        "Let somebody approve what touches a database":
            "wf-grant alice --role approver --scope 'database:orders' --scope 'run:*' --until 30d"
            " --because 'on call in December'",
        "See what was given": "wf-grant --plain",
        "Ask why somebody may not": "wf-grant --check carol delete database:orders",
    },
    see=("wf-approve", "wf-run", "roadmap-why"),
)  # fmt: skip
@click.argument("name", required=False, metavar="[NAME|group:NAME|ID]")
@click.option("--role", type=click.Choice(["owner", "operator", "approver", "reader"]), help="Give this role.")
@click.option(
    "--scope", "patterns", multiple=True, metavar="PATTERN",
    help="Only for these resources, such as 'database:orders' or 'host:*.example'; may be repeated. Default: all.",
)  # fmt: skip
@click.option("--workflow", "workflows", multiple=True, metavar="NAME", help="Only in this workflow; may be repeated.")
@click.option("--until", metavar="WHEN", help="It ends then: a date, a time, or how long from now (12h, 30d, 8w).")
@click.option("--group", metavar="GROUP", help="Put NAME into this group.")
@click.option(
    "--register",
    "key",
    metavar="TEXT",
    help="Register as NAME's: ssh-ed25519 AAAA…, age1…, slack:TEAM/USER or mail:ADDRESS.",
)
@click.option("--lend", metavar="ID", help="Lend NAME a part of this grant, which you have.")
@click.option("--revoke", metavar="ID", help="Take back this grant, membership or key.")
@click.option(
    "--policy",
    type=click.File("r"),
    metavar="FILE",
    help="Check and store the Cedar policies in FILE: the set of its base name.",
)
@click.option(
    "--policies",
    "wants_policies",
    is_flag=True,
    help="Write the policies that come along and every version of your own.",
)
@click.option(
    "--check",
    nargs=3,
    metavar="USER ACTION RESOURCE",
    help="Say whether USER may, by which policy, or what is missing.",
)
@click.option("--acting", metavar="ROLE", help="With --check, ask whether this role of an agent may, too.")
@click.option("--as", "giver", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option("--because", default="", metavar="TEXT", help="Why, in words that stay with the decision.")
@signing_option()
def main(
    run: Run,
    name: str | None,
    role: str | None,
    patterns: tuple[str, ...],
    workflows: tuple[str, ...],
    until: str | None,
    group: str | None,
    key: str | None,
    lend: str | None,
    revoke: str | None,
    policy: IO[str] | None,
    wants_policies: bool,
    check: tuple[str, str, str] | None,
    acting: str | None,
    giver: str | None,
    because: str,
    key_file: str | None,
) -> Iterator[Record]:
    """Give, lend, list, explain and take back rights.

    An owner gives rights and stores policies; an operator has steps done; an approver approves and denies plans and
    gives leave; a reader has things read.
    A step is done if the user who asked for its plan may do it, the role it acts in may, and the plan's scope covers
    what it touches.
    A right that nobody gave is not there; a policy that forbids wins.

    As long as nobody was given anything, whoever can open the state may do everything but approve their own plans.
    The first grant ends that: it is given by who owns the state file, and makes them its owner.
    From then on the programs of a plan are held to the folder of its run (wf-plan sees to that), and plans made before
    that cannot run any more are named.
    Whoever can open the state file can claim a name with --as.
    A name for which a key is registered (--register) is worth nothing claimed: it must be proven, by --sign-with or by
    a link that was sealed to that key.

    A grant ends at its time, when it is taken back, or with the grant it was lent from.
    Nobody lends more than they have, for longer than they have it, or for longer than 90 days.

    Without anything to give it lists what was given: all of it, NAME's, or the one with this ID.
    The option --policy takes policies in Cedar's language (https://www.cedarpolicy.com), each with an @id.
    They are validated against the schema first, and every version is kept.
    The base name of FILE is the name of the set. Another file of that name replaces the whole set, and the policies
    that are lost are named; an empty one takes it back.
    The exit code of --check is 1 if the answer is no.
    """
    from roadmap_cli.core.errors import Negative, UsageError
    from roadmap_cli.wf.rights import explaining, grants, stored

    acts = {"--role": role, "--group": group, "--register": key, "--lend": lend, "--revoke": revoke, "--policy": policy,
            "--policies": wants_policies or None, "--check": check}  # fmt: skip
    wanted = [flag for flag, value in acts.items() if value is not None]
    if len(wanted) > 1:
        raise UsageError(f"{' and '.join(wanted)} exclude each other")
    if wanted and wanted[0] in ("--role", "--group", "--register", "--lend") and not name:
        raise UsageError(f"{wanted[0]} needs a NAME")
    if check is not None:
        with run.state.read() as tx:
            found = explaining.explain(tx, *check, role=acting, at=run.now())
        yield found
        if not found["allowed"]:
            raise Negative
    elif wants_policies:
        with run.state.read() as tx:
            every = [stored.shipped(run.now()), *stored.history(tx)]
        yield from every
    elif not wanted:
        with run.state.read() as tx:
            is_id = name is not None and name.startswith("wf_")
            rows = [each for each in grants.listed(tx, run.now(), None if is_id else name)
                    if not is_id or each["id"] == name]  # fmt: skip
        yield from rows
        if name and not rows:
            raise Negative(f"nothing was given to {name!r}")
    else:
        yield from _given(run, _giver(run, giver, because, key_file), name or "", role, patterns, workflows,
                          _end(run, until), group, key, lend, revoke, policy)  # fmt: skip


def _given(
    run: Run,
    who: Giver,
    name: str,
    role: str | None,
    patterns: tuple[str, ...],
    workflows: tuple[str, ...],
    until: datetime | None,
    group: str | None,
    key: str | None,
    lend: str | None,
    revoke: str | None,
    policy: IO[str] | None,
) -> Iterator[Record]:
    from roadmap_cli.core.errors import DataError, UsageError
    from roadmap_cli.wf.approving import refusals
    from roadmap_cli.wf.rights import giving, grants
    from roadmap_cli.wf.running import foresight

    source = ""
    if policy is not None:
        try:
            source = policy.read()
        except UnicodeDecodeError:
            raise DataError("not UTF-8", where=policy.name) from None
    if lend and until is None:
        raise UsageError("what is lent has an end", hint="--until 7d")
    with refusals.logged(run.state, action="right", user=who.name, resource=revoke or lend or name or "policies",
                         at=run.now()) as tx:  # fmt: skip
        was_claimed = grants.is_claimed(tx)
        if role:
            found = giving.role(tx, who, name, role, patterns=patterns, workflows=workflows, until=until)
        elif group:
            found = giving.membership(tx, who, name, group, until=until)
        elif key:
            found = giving.identity(tx, who, name, key)
        elif lend and until:
            found = giving.loan(tx, who, name, lend, until=until, patterns=patterns, workflows=workflows)
        elif revoke:
            found = giving.revocation(tx, who, revoke)
        else:
            assert policy is not None
            found = giving.policies(tx, who, policy.name.rpartition("/")[2] or "policies", source)
        if is_first := grants.is_claimed(tx) and not was_claimed:
            stopped = list(foresight.stopped(tx, run.now()))
    if is_first:
        run.warn(f"from now on only what was given counts in this state; {who.name!r} is its owner")
        _warn_of_stopped(run, stopped)
    for each in found[-1].get("ended", ()):
        run.warn(
            f"policy {each!r} is no longer in force", f"keep it in {found[-1]['name']!r}, or in a file of another name"
        )
    yield from found


def _warn_of_stopped(run: Run, plans: Sequence[tuple[Record, Obstacle]]) -> None:
    """Name the plans and workflows that the first right that is given keeps from running."""
    from roadmap_cli.wf import library
    from roadmap_cli.wf.language import loading
    from roadmap_cli.wf.running import foresight

    for plan, found in plans[:_MOST_TOLD]:
        who = f"plan {plan['id']} of {plan['workflow']!r}, asked for by {plan['requested_by']}"
        run.warn(f"{who}, can no longer run: {found}", found.mend)
    if len(plans) > _MOST_TOLD:
        run.warn(f"{len(plans) - _MOST_TOLD} more plans can no longer run; 'wf-approve --list' shows what waits")
    for template in loading.load_all(library.places((), run.environ), lambda fault: None):
        if unfit := foresight.unfit(template):
            run.warn(f"workflow {template.workflow!r} can no longer run: {unfit}", unfit.mend)


def _giver(run: Run, name: str | None, because: str, key_file: str | None) -> Giver:
    import os
    from pathlib import Path

    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import people
    from roadmap_cli.wf.rights.giving import Giver

    if not because.strip():
        raise UsageError("a right is given or taken for a reason", hint="--because TEXT")
    owner = os.stat(run.state.path).st_uid if run.state else -1  # noqa: PTH116 - the state is open: it is there
    return Giver(people.user(name), because, owner == os.geteuid(), run.command, run.now(),
                 Path(key_file) if key_file else None)  # fmt: skip


def _end(run: Run, text: str | None) -> datetime | None:
    from roadmap_cli.core import clock
    from roadmap_cli.core.errors import UsageError

    if text is None:
        return None
    found = clock.date_or_time(text) if "-" in text else run.now() + clock.length(text)
    if found <= run.now():
        raise UsageError(f"{text!r} is over already")
    return found
