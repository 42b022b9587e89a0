"""Proposed changes of templates: made from evidence, decided by a person, written, and taken back to the byte.

The rule kept here: a template is changed only by a person's word, only in the user's own folder, and never so that the
workflow may do more than before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import CannotCreate, DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.core.writing import complete
from roadmap_cli.state import records
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.learning import editing, history, judging, replaying
from roadmap_cli.wf.learning.judging import Change
from roadmap_cli.why.decisions import decide, resolves

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "wf.proposal"
_MOST_EVIDENCE = 20


def propose(tx: Connection, template: Template, *, command: str, at: datetime) -> Iterator[Record]:
    """The changes that the past runs of a template's workflow speak for, stored; each with diff and replay.

    One that would have made a past run fail is not proposed, nor one that a person has rejected or taken back unless
    there are twice as many runs by now. Such that are known already come again as they are.
    """
    runs = history.of(tx, template.workflow)
    for change in judging.changes(runs):
        played = replaying.replay(runs, change)
        if played.worse_count or _is_settled(tx, template.workflow, change, len(runs)):
            continue
        try:
            new = editing.edited(template, change)
        except DataError as error:
            if error.code == "stale_proposal":
                continue
            raise
        yield _keep(tx, template, change, played, new, len(runs), command, at)


def _is_settled(tx: Connection, workflow: str, change: Change, runs_count: int) -> bool:
    row = tx.execute(
        "SELECT max(runs_count) FROM wf_proposal WHERE workflow = ? AND step = ? AND field = ?"
        " AND status IN ('rejected', 'rolled_back')",
        (workflow, change.step, change.field),
    ).fetchone()
    return row[0] is not None and runs_count < 2 * row[0]


def _keep(
    tx: Connection, template: Template, change: Change, played: replaying.Replay, new: str, runs_count: int,
    command: str, at: datetime,
) -> Record:  # fmt: skip
    before = Path(template.document.name).read_text()
    found: Record = {
        "kind": KIND,
        "id": content_id(
            KIND, workflow=template.workflow, step=change.step, field=change.field, old=str(change.old),
            new=str(change.new), sha256=template.sha256,
        ),
        "at": clock.stamp(at),
        "workflow": template.workflow,
        "step": change.step,
        "field": change.field,
        "old": change.old,
        "new": change.new,
        "why": change.why,
        "count": change.count,
        "ratio": change.ratio,
        "low_ratio": change.low_ratio,
        "high_ratio": change.high_ratio,
        "run_ids": list(change.run_ids[:_MOST_EVIDENCE]),
        "runs_count": runs_count,
        "replay": {
            "runs_count": played.runs_count, "same_count": played.same_count, "unknown_count": played.unknown_count,
            "saved_s": played.saved_s,
        },
        "template": template.document.name,
        "template_sha256": template.sha256,
        "diff": editing.diff(before, new, Path(template.document.name).name),
    }  # fmt: skip
    if records.put(tx, found):
        tx.execute(
            "INSERT INTO wf_proposal(proposal_id, workflow, step, field, runs_count, status)"
            " VALUES (?, ?, ?, ?, ?, 'proposed')",
            (found["id"], template.workflow, change.step, change.field, runs_count),
        )
        what = f"proposed {change.field} {editing.spelled(change)} for step {change.step!r} of {template.workflow!r}"
        decide(
            tx, kind="wf.proposed", what=what, why=change.why, evidence=[found["id"], *_evidence(tx, change)],
            command=command, at=at, authorised_by="policy:evidence",
            facts={"count": change.count, "ratio": change.ratio, "low_ratio": change.low_ratio},
        )  # fmt: skip
        log.append(
            tx, action="proposal.made", user="policy:evidence", resource=found["id"], outcome="asked", why=what, at=at
        )
    return get(tx, found["id"]) or found


def _evidence(tx: Connection, change: Change) -> list[str]:
    rows = [
        tx.execute("SELECT decision_id FROM wf_run WHERE run_id = ?", (each,)).fetchone()
        for each in change.run_ids[:_MOST_EVIDENCE]
    ]
    return [row[0] for row in rows if row and resolves(tx, row[0])]


def get(tx: Connection, proposal_id: str) -> Record | None:
    """A wf.proposal with how it stands: ``status``, and who decided when."""
    found = records.get(tx, proposal_id)
    row = tx.execute(
        "SELECT status, decided_by, decided_at FROM wf_proposal WHERE proposal_id = ?", (proposal_id,)
    ).fetchone()
    if found is None or row is None:
        return None
    more = dict(zip(("status", "decided_by", "decided_at"), row, strict=True))
    return found | {key: value for key, value in more.items() if value is not None}


def known(tx: Connection, workflow: str | None = None) -> Iterator[Record]:
    """All proposals, or those for a workflow, the newest first."""
    where = " WHERE p.workflow = ?" if workflow else ""
    rows = tx.execute(
        f"SELECT p.proposal_id FROM wf_proposal p JOIN record r ON r.id = p.proposal_id{where}"
        " ORDER BY r.at DESC, p.proposal_id",
        (workflow,) if workflow else (),
    ).fetchall()
    for (name,) in rows:
        if found := get(tx, name):
            yield found


def accept(
    tx: Connection, proposal_id: str, templates: Mapping[str, Template], folder: Path, *, by: str, command: str,
    at: datetime, writes: bool = True,
) -> Record:  # fmt: skip
    """Write the changed template into the user's folder, with the files its steps name; the former text is kept.

    Raises DataError for an unknown proposal or a template that is no longer the one it was made for, Negative if it is
    decided already, CannotCreate if the file cannot be written: then nothing is changed.
    """
    found = _open(tx, proposal_id, "proposed")
    template = templates.get(found["workflow"])
    if template is None or template.sha256 != found["template_sha256"]:
        what = f"the template of {found['workflow']!r} has changed since the proposal was made"
        raise DataError(what, hint="'wf-learn propose' looks again", code="stale_proposal")
    change = Change(
        found["step"], found["field"], found["old"], found["new"], found["why"], (), found["count"], found["ratio"],
        found["low_ratio"], found["high_ratio"],
    )  # fmt: skip
    text = editing.edited(template, change)
    source = Path(template.document.name).resolve()
    target = source if source.parent == folder.resolve() else folder / source.name
    _settle(tx, found, "accepted", by, command, at)
    for path, content in (*_companions(template, target.parent), (target, text)):
        before = path.read_text() if path.exists() else None
        if before == content:
            continue
        tx.execute(
            "INSERT INTO wf_template_text(proposal_id, path, before, after) VALUES (?, ?, ?, ?)",
            (proposal_id, str(path), before, content),
        )
        if writes:
            _write(path, content)
    return (get(tx, proposal_id) or found) | {"path": str(target)}


def _companions(template: Template, folder: Path) -> Iterator[tuple[Path, str]]:
    """The files beside a template that its steps name, where they are to lie beside it."""
    if template.directory.resolve() == folder.resolve():
        return
    for name in dict.fromkeys(name for step in template.steps for name in step.files):
        path = folder / name
        content = (template.directory / name).read_text()
        if path.exists() and path.read_text() != content:
            raise CannotCreate("another file of that name is there", where=str(path), hint="move it away first")
        yield path, content


def reject(tx: Connection, proposal_id: str, *, by: str, command: str, at: datetime) -> Record:
    """Leave the template as it is; the same is not proposed again until there are twice as many runs."""
    found = _open(tx, proposal_id, "proposed")
    _settle(tx, found, "rejected", by, command, at)
    return get(tx, proposal_id) or found


def roll_back(tx: Connection, proposal_id: str, *, by: str, command: str, at: datetime, writes: bool = True) -> Record:
    """Put back what stood in the files before, to the byte. Raises Negative if one of them was changed since."""
    found = _open(tx, proposal_id, "accepted")
    kept = tx.execute(
        "SELECT path, before, after FROM wf_template_text WHERE proposal_id = ?", (proposal_id,)
    ).fetchall()
    for path, _, after in kept:
        if not Path(path).exists() or Path(path).read_text() != after:
            digest = hashlib.sha256(after.encode()).hexdigest()[:12]
            raise Negative(f"{path!r} was changed since (it was {digest}…); put it back by hand", code="changed_since")
    _settle(tx, found, "rolled_back", by, command, at)
    for path, before, _ in kept if writes else ():
        if before is None:
            Path(path).unlink()
        else:
            _write(Path(path), before)
    return get(tx, proposal_id) or found


def _open(tx: Connection, proposal_id: str, status: str) -> Record:
    found = get(tx, proposal_id)
    if found is None:
        raise DataError(
            f"there is no proposal {proposal_id!r}", hint="'wf-learn list' shows them", code="unknown_proposal"
        )
    if found["status"] != status:
        raise Negative(f"proposal {proposal_id!r} is {found['status'].replace('_', ' ')}", code="proposal_settled")
    return found


def _settle(tx: Connection, found: Record, status: str, by: str, command: str, at: datetime) -> None:
    tx.execute(
        "UPDATE wf_proposal SET status = ?, decided_by = ?, decided_at = ? WHERE proposal_id = ?",
        (status, f"user:{by}", clock.stamp(at), found["id"]),
    )
    words = status.replace("_", " ")
    what = f"{words} the change of {found['field']} of step {found['step']!r} of {found['workflow']!r}"
    decide(
        tx, kind=f"wf.proposal_{status}", what=what, why=found["why"], evidence=[found["id"]], command=command, at=at,
        authorised_by=f"user:{by}",
    )  # fmt: skip
    log.append(
        tx, action=f"proposal.{status}", user=f"user:{by}", resource=found["id"], at=at, why=what,
        outcome="refused" if status == "rejected" else "done", template_sha256=found["template_sha256"],
    )  # fmt: skip


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with complete(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise CannotCreate.of(error, path) from None
