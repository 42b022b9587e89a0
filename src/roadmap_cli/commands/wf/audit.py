"""wf-audit: what was decided, allowed and done, in a log that shows when somebody has changed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf.audit.notes import Checkpoint, PublicKey

main = group(
    "Show and prove what workflows decided and did.",
    """Every match, plan, approval, right asked for, step and end is an entry of a log, stored together with what it is
    about. An entry is never changed: the log is a Merkle tree (RFC 6962), and a signed checkpoint vouches for its root.
    Whoever can write the state file can also write another log into it; a checkpoint kept outside is what shows that.
    So let cron keep checkpoints where the owner of the state cannot reach them, and give auditors the key once.""",
    module=__name__,
    default="query",
    examples={
        "What was refused?": "wf-audit query --outcome refused --plain",
        "Sign a checkpoint and keep it outside": "wf-audit checkpoint --to file:$HOME/checkpoints | jq -r .size",
        "Is the log what was signed?": "wf-audit verify --checkpoints $HOME/checkpoints | jq -r .ok",
    },
    see=("wf-run", "wf-approve", "roadmap-why"),
)
_MOST_TOLD = 1000
#: What a log is that holds together, and that no checkpoint vouches for.
_UNSIGNED = "consistent in itself; never signed"
_UNCHECKED = "consistent in itself; held against no signed checkpoint"
_ENTRY = ("seq", "at", "action", "user", "agent", "outcome", "resource")
_KEY = click.option(
    "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Sign with the key in FILE, not your own."
)
_PUBLIC = click.option("--public", metavar="VKEY", help="Check against this verifier key, not your own.")


def _filters(command: Any) -> Any:
    """The options that choose entries, the same for query and export."""
    patterns = {
        "--action": "Only entries of this action; * stands for anything.",
        "--user": "Only what this user or policy did or asked for; * stands for anything.",
        "--agent": "Only what this role did.",
        "--resource": "Only what was done to this; * stands for anything.",
        "--outcome": "Only what ended so: done, allowed, refused, failed or asked.",
        "--of-run": "Only entries of this run.",
    }
    options = [
        click.option(name, *(["run_name"] if name == "--of-run" else []), metavar="PATTERN", help=text)
        for name, text in patterns.items()
    ]
    options += [
        click.option("--since", metavar="TIME", help="Only what happened at this date or time, or after it."),
        click.option("--until", metavar="TIME", help="Only what happened before this date or time."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _rows(tx: Any, chosen: dict[str, str | None], newest: int | None = None) -> Iterator[tuple[int, bytes, bytes]]:
    from roadmap_cli.core import clock
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf.audit import entries, log

    since, until = (clock.date_or_time(each) if (each := chosen[name]) else None for name in ("since", "until"))
    if since and until and since >= until:
        raise UsageError(f"--until {chosen['until']} is not after --since {chosen['since']}")
    outcome = chosen["outcome"]
    if outcome is not None and not any(
        tx.execute("SELECT ? GLOB ?", (each, outcome)).fetchone()[0] for each in log.OUTCOMES
    ):
        raise UsageError(f"nothing ends as {outcome!r}", hint=f"one of {', '.join(sorted(log.OUTCOMES))}")
    names = {"action": "action", "user": "user", "agent": "agent", "resource": "resource", "outcome": "outcome"}
    wanted = {key: value for name, key in names.items() if (value := chosen[name]) is not None}
    if chosen["run_name"] is not None:
        wanted["run_id"] = chosen["run_name"]
    return entries.rows(tx, wanted, since=since, until=until, newest=newest)


def _entries(records: Sequence[Record], console: Any) -> None:
    """A row for each entry, a heading for each day; what matters least stands last, where a terminal may cut it off."""
    from roadmap_cli.cli.render import one_line

    def line(text: str, style: str | None = None) -> None:
        shown = text.rstrip() if len(text) <= console.width else f"{text[: console.width - 1]}…"
        console.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)

    names = ("seq", "time", "action", "outcome", "user", "agent", "resource")
    rows = [[one_line(each.get(name)) if name != "time" else each["at"][11:19] for name in names] for each in records]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    line("  ".join(name.ljust(wide) for name, wide in zip(names, widths, strict=True)), "bold")
    day = ""
    for record, row in zip(records, rows, strict=True):
        if record["at"][:10] != day:
            day = record["at"][:10]
            line(f"{day}, UTC", "dim")
        line("  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)))


def _verified(records: Sequence[Record], console: Any) -> None:
    """What is wrong with the log, a line each; then whether it is sound, and by what that is known."""
    from roadmap_cli.cli.render import one_line
    from roadmap_cli.cli.terminal import counted

    def line(text: str, style: str | None = None) -> None:
        console.print(one_line(text), style=style, markup=False, highlight=False, soft_wrap=True)

    for each in records:
        if each["kind"] == "wf.audit_problem":
            where = f"entry {each['seq']}: " if "seq" in each else ""
            line(f"✗ {where}{each['detail']} ({each['code']})", "red")
            continue
        entries = "1 entry" if each["size"] == 1 else f"{each['size']} entries"
        if not each["ok"]:
            line(
                f"✗ the log of {entries} is not what was written: {counted(each['problems_count'], 'problem')}",
                "bold red",
            )
        elif each["checkpoints_count"]:
            held = counted(each["checkpoints_count"], "signed checkpoint")
            line(f"✓ the log of {entries} is sound, and begins as {held} say{'s' * (each['checkpoints_count'] == 1)}",
                 "bold green")  # fmt: skip
        else:
            line(f"✓ the log of {entries} is {_UNCHECKED if each['is_signed'] else _UNSIGNED}", "yellow")
        if "root" in each:
            line(f"  root {each['root']}", "dim")


@main.command(state="read", writes="wf.audit_entry", columns=_ENTRY, picture=_entries)
@_filters
@click.option("--limit", type=click.IntRange(1), metavar="COUNT", help="Only the newest ones.")
def query(run: Run, limit: int | None, **chosen: str | None) -> Iterable[Record]:
    """List entries of the log, oldest first.

    A damaged entry that may be one of them is named and left out; the exit code is 65 then.
    """
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf.audit import entries

    with run.state.read() as tx:
        found = list(_rows(tx, chosen, limit))
    for each in found:
        try:
            yield entries.record(*each)
        except DataError as error:
            _skipped(run, error)


@main.command(
    state="write", effects=("files", "programs"), writes="wf.audit_checkpoint", columns=("at", "origin", "size", "root")
)
@click.option(
    "--to", "places", multiple=True, metavar="PLACE",
    help="Keep it here, too: file:PATH, git:FOLDER or syslog:; may be repeated.",
)  # fmt: skip
@click.option("--log", "origin", metavar="NAME", help="Name of the log, for the key that is made on first use.")
@_KEY
def checkpoint(run: Run, places: tuple[str, ...], origin: str | None, key: str | None) -> Iterable[Record]:
    """Sign how long the log is and what its root is.

    The text is a C2SP checkpoint: any verifier of transparency logs can check it.
    The signing key is made on first use, in the configuration directory, readable by you alone; an auditor gets the
    other half from 'wf-audit key'. Keep the key on another machine if you can: who has both key and state can sign
    another history, and only the checkpoints that are outside by then show it.
    """
    from roadmap_cli.wf.audit import outside, tree
    from roadmap_cli.wf.audit.notes import Signer

    signer = Signer.open(_key_file(run, key), name=_origin(run, origin), makes=not run.dry_run)
    with run.state.write() as tx:
        size = tree.size(tx)
        found = signer.checkpoint(size, tree.root(tx, size))
        tx.execute(
            "INSERT INTO wf_checkpoint(size, origin, text, signed_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (size, found.origin, found.text, run.stamp()),
        )
    if not run.dry_run:
        for place in places:
            outside.put(found, place)
    yield _checkpoint(run, found)


@main.command(state="no", writes="wf.audit_key", columns=("origin", "public"))
@_KEY
def key(run: Run, key: str | None) -> Iterable[Record]:
    """Show the verifier key that auditors need."""
    from roadmap_cli.core.records import content_id
    from roadmap_cli.wf.audit.notes import Signer

    found = Signer.open(_key_file(run, key), name="", makes=False).public
    identity = content_id("wf.audit_key", public=found.text)
    yield {"kind": "wf.audit_key", "id": identity, "at": run.stamp(), "origin": found.name, "public": found.text}


@main.command(
    state="read", writes=("wf.audit_problem", "wf.audit_verified"), columns=("kind", "code", "seq", "detail"),
    picture=_verified,
)  # fmt: skip
@click.option(
    "--checkpoints", "files", multiple=True, type=click.Path(dir_okay=False), metavar="FILE",
    help="Hold it against every checkpoint in FILE, too; may be repeated.",
)  # fmt: skip
@_PUBLIC
def verify(run: Run, files: tuple[str, ...], public: str | None) -> Iterable[Record]:
    """Read the whole log again and hold it against the checkpoints.

    Writes a wf.audit_problem for each thing that is not as it was written, and last a wf.audit_verified.
    The exit code is 1 if there is a problem.
    """
    from roadmap_cli.core.records import content_id
    from roadmap_cli.wf.audit import checking, tree

    checkpoints = list(_checkpoints(run, files, public))
    count = 0
    with run.state.read() as tx:
        size = tree.size(tx)
        problems = []
        with run.progress("verifying the log", size) as bar:
            for each in checking.problems(tx, checkpoints, bar.advance):
                count += 1
                if count <= _MOST_TOLD:
                    problems.append(each)
        root = tree.root(tx, size).hex() if not count else None
        is_signed = bool(checkpoints) or tx.execute("SELECT 1 FROM wf_checkpoint").fetchone() is not None
    for each in problems:
        identity = content_id("wf.audit_problem", code=each.code, seq=each.seq, detail=each.detail)
        record: Record = {"kind": "wf.audit_problem", "id": identity, "at": run.stamp(), "code": each.code}
        yield record | ({"seq": each.seq} if each.seq is not None else {}) | {"detail": each.detail}
    summary: Record = {"kind": "wf.audit_verified", "id": run.new_id("wf.audit_verified"), "at": run.stamp()}
    summary |= {"ok": not count, "size": size, "checkpoints_count": len(checkpoints), "problems_count": count}
    summary["is_signed"] = is_signed
    yield summary | ({"root": root} if root else {})
    if not checkpoints:
        words = _UNCHECKED if is_signed else _UNSIGNED
        known = words.rpartition("; ")[2] if count else words
        hint = "wf-audit verify --public VKEY" if is_signed else "wf-audit checkpoint --to file:PATH"
        run.warn(f"{known}: a log that was written anew as a whole would look just as sound", hint)
    if count:
        run.exit_code = 1


@main.command(state="read", writes="wf.audit_proof", columns=("seq", "size", "action", "resource"))
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY...")
@_KEY
def prove(run: Run, entries: tuple[str, ...], key: str | None) -> Iterable[Record]:
    """Prove that entries are in the log.

    ENTRY is the number of an entry, its id, or the id of a run or of a record: then every entry about it.
    A wf.audit_proof holds the entry, the hashes that lead to the root, and a checkpoint; 'wf-audit check' checks it
    anywhere, without the state.
    """
    from roadmap_cli.wf.audit import proving
    from roadmap_cli.wf.audit.notes import Signer

    signer = Signer.open(_key_file(run, key), name="", makes=False)
    with run.state.read() as tx:
        found = list(proving.proofs(tx, entries, signer, run.now()))
    yield from found


@main.command(state="read", writes="wf.audit_consistency", columns=("old_size", "new_size"))
@click.argument("old", type=click.Path(dir_okay=False), metavar="CHECKPOINT")
@_KEY
def consistency(run: Run, old: str, key: str | None) -> Iterable[Record]:
    """Prove that the log still begins as an older checkpoint says.

    CHECKPOINT is a file with one or more of them; the last one in it is taken.
    """
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf.audit import notes, proving

    signer = notes.Signer.open(_key_file(run, key), name="", makes=False)
    texts = list(notes.split(_text(old)))
    if not texts:
        raise DataError("there is no checkpoint in it", where=old)
    with run.state.read() as tx:
        found = proving.consistency(tx, notes.read(texts[-1], signer.public), signer, run.now())
    yield found


@main.command(
    reads=("wf.audit_proof", "wf.audit_consistency"), state="no", writes="wf.audit_checked",
    columns=("ok", "proof_id", "detail"),
)  # fmt: skip
@_PUBLIC
def check(run: Run, public: str | None) -> Iterable[Record]:
    """Check proofs with nothing but the verifier key.

    Without --public that is your own, as 'wf-audit key' prints it.
    Reads the proofs that 'prove' and 'consistency' write. The exit code is 1 if one of them does not hold.
    """
    from roadmap_cli.core.records import content_id
    from roadmap_cli.wf.audit import notes, proving

    known = notes.public_key(public) if public else None
    for proof in run.records():
        known = known or notes.Signer.open(_key_file(run, None), name="", makes=False).public
        with run.item(proof):
            problem = proving.problem(proof, known)
            if problem:
                run.exit_code = 1
            identity = content_id("wf.audit_checked", proof_id=str(proof["id"]), ok=not problem)
            yield {
                "kind": "wf.audit_checked", "id": identity, "at": run.stamp(), "proof_id": proof["id"],
                "ok": not problem, "detail": problem or "the proof holds",
            }  # fmt: skip


@main.command(state="read", effects="files", output="file", writes="wf.audit_export", columns=("path", "form", "count"))
@_filters
@click.option(
    "--form", type=click.Choice(["cloudevents", "ocsf", "csv"]), default="cloudevents", show_default=True,
    help="Form of the file: CloudEvents or OCSF as JSON Lines, or CSV.",
)  # fmt: skip
def export(run: Run, form: str, **chosen: str | None) -> Iterable[Record]:
    """Write entries to a file as other programs want them.

    CloudEvents are the entries to the letter, as they were hashed; OCSF is its class API Activity (6003).
    An entry that is damaged is named and left out; the exit code is 65 then.
    """
    from roadmap_cli.core.writing import complete
    from roadmap_cli.wf.audit import entries

    count = 0

    def counted(rows: Iterator[tuple[int, bytes, bytes]]) -> Iterator[tuple[int, bytes, bytes]]:
        nonlocal count
        for each in rows:
            count += 1
            yield each

    def skipped(error: DataError) -> None:
        nonlocal count
        count -= 1
        _skipped(run, error)

    with run.state.read() as tx:
        lines = entries.text(form, counted(_rows(tx, chosen)), skipped)
        if run.dry_run:
            size = sum(map(len, lines))
        else:
            with complete(run.output_path, mode=0o600) as stream:
                size = sum(stream.write(line) for line in lines)
    record: Record = {"kind": "wf.audit_export", "id": run.new_id("wf.audit_export"), "at": run.stamp()}
    yield record | {"path": str(run.output_path), "form": form, "count": count, "bytes": size}


def _skipped(run: Run, error: DataError) -> None:
    """Name an entry that is left out since it is damaged."""
    run.warn(error.message)
    run.exit_code = error.exit


def _key_file(run: Run, named: str | None) -> Path:
    from roadmap_cli.core import paths

    return Path(named) if named else paths.config_directory(run.environ) / "audit.key"


def _origin(run: Run, named: str | None) -> str:
    import os

    from roadmap_cli.core.errors import UsageError

    found = named or f"{os.uname().nodename}/roadmap-wf"
    if not found.isprintable() or "+" in found or " " in found or len(found) > 200:
        raise UsageError(f"not a name for a log: {found!r}")
    return found


def _checkpoint(run: Run, found: Checkpoint) -> Record:
    from roadmap_cli.core.records import content_id

    identity = content_id("wf.audit_checkpoint", origin=found.origin, size=found.size, root=found.root.hex())
    record: Record = {"kind": "wf.audit_checkpoint", "id": identity, "at": run.stamp(), "origin": found.origin}
    return record | {"size": found.size, "root": found.root.hex(), "text": found.text}


def _checkpoints(run: Run, files: Sequence[str], public: str | None) -> Iterator[Checkpoint]:
    """Those of the files, and those the state remembers of its own key: what is signed is believed, wherever it lay."""
    from roadmap_cli.wf.audit import notes

    known: PublicKey | None = None
    if public:
        known = notes.public_key(public)
    elif _key_file(run, None).exists():
        known = notes.Signer.open(_key_file(run, None), name="", makes=False).public
    if known is None:
        if files:
            raise _no_key()
        return
    for file in files:
        for text in notes.split(_text(file)):
            yield notes.read(text, known)
    with run.state.read() as tx:
        kept = tx.execute("SELECT text FROM wf_checkpoint WHERE origin = ? ORDER BY size", (known.name,)).fetchall()
    for (text,) in kept:
        yield notes.read(text, known)


def _no_key() -> Exception:
    from roadmap_cli.core.errors import ConfigError

    return ConfigError("there is no key to check the checkpoints with", hint="name it with --public")


def _text(path: str) -> str:
    from roadmap_cli.core.errors import InputMissing

    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise InputMissing(f"cannot read: {what.lower()}", where=path) from None
