"""Deciding by other ways than a name: links for one person, signatures, and answers to the questions of runs.

The rule kept here: each way shows who decides and what they saw, and ends in the same two functions that judge it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, Negative
from roadmap_cli.core.records import Record
from roadmap_cli.wf import people, rights
from roadmap_cli.wf.approving import approvals, showing, tasks, tickets
from roadmap_cli.wf.planning import keeping
from roadmap_cli.wf.rights import identities
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def links(
    tx: Connection, plan_id: str, names: list[str], *, valid_s: float, at: datetime
) -> list[tuple[str, bytes, bool]]:
    """For each person a file that lets them decide on a plan once: its name, its text, whether it is sealed.

    Whoever has registered a key gets it encrypted to that key: to open it is to show who one is.
    """
    asked = showing.request(tx, plan_id, at)
    expires_at = at + timedelta(seconds=valid_s)
    found = []
    for name in dict.fromkeys(people.spelled(people.user(each)) for each in names):
        keys = identities.keys_of(tx, name)
        link = tickets.make(
            tx, plan_id, asked["plan_hash"], name, expires_at=expires_at, is_sealed=bool(keys), at=at
        )  # fmt: skip
        text = (
            f"For {name} alone, until {clock.stamp(expires_at)}, once.\n\n{asked['text']}\n\n"
            f"To approve: wf-approve --token THIS_FILE\nTo deny:    wf-approve --token THIS_FILE --no\n\n{link}\n"
        )
        place = "".join(each if each.isalnum() else "-" for each in name)
        if keys:
            found.append((f"{plan_id}-{place}.age", identities.seal(text.encode(), keys), True))
        else:
            found.append((f"{plan_id}-{place}.txt", text.encode(), False))
    return found


def by_link(
    tx: Connection, text: str, *, is_approved: bool, why: str, valid_s: float, command: str, at: datetime
) -> Record:
    """Decide on a plan by a link. Raises as `tickets.redeem` and `approvals.decide_on` do."""
    said = tickets.redeem(tx, text, at)
    return approvals.decide_on(
        tx, said["subject"], approver=said["name"], is_approved=is_approved, why=why, valid_s=valid_s,
        expected_hash=said["hash"], command=command, at=at, proof="link", is_proven=said["is_sealed"],
    )  # fmt: skip


def signed(
    tx: Connection,
    plan_id: str,
    name: str,
    key_file: Path,
    *,
    is_approved: bool,
    why: str,
    valid_s: float,
    expected_hash: str | None,
    command: str,
    at: datetime,
) -> Record:
    """Decide on a plan with a signature over its hash. Raises Negative for a key that is not the person's."""
    plan = keeping.stored_plan(tx, plan_id)
    verdict = "approve" if is_approved else "deny"
    said = identities.statement(verdict, plan_id, plan["plan_hash"], name, at)
    signature = _signature(tx, name, said, key_file)
    return approvals.decide_on(
        tx, plan_id, approver=name, is_approved=is_approved, why=why, valid_s=valid_s, expected_hash=expected_hash,
        command=command, at=at, proof="signature", is_proven=True, evidence=signature,
    )  # fmt: skip


def steered(
    tx: Connection, plan: Record, run_id: str, wanted: str, *, name: str, key_file: Path | None, at: datetime
) -> str:
    """That a person may stop a run or let it go on, as they may deny its plan: who asked for it, and who has a right.

    Gives how it was shown who it is, ``signature`` or ``claimed``. Raises Negative if they may not, or for a key that
    is not theirs.
    """
    if key_file:
        _signature(tx, name, identities.statement(wanted, run_id, plan["plan_hash"], name, at), key_file)
    approvals.judged(tx, plan, name, "deny", is_proven=key_file is not None, at=at)
    return "signature" if key_file else "claimed"


def task(
    tx: Connection,
    task_id: str,
    text: str,
    *,
    name: str,
    key_file: Path | None,
    command: str,
    at: datetime,
    expected_hash: str | None = None,
) -> Record:
    """Answer the question of a run; the wf.task as it stands then.

    Raises DataError for an unknown task, another hash or an answer that is none, Negative if this person may not, or it
    is answered or over.
    """
    found = tasks.get(tx, task_id)
    if found is None:
        raise DataError(f"task {task_id!r} is not in this state", code="unknown_task")
    subject_hash, assignee = tx.execute(
        "SELECT subject_hash, assignee FROM wf_task WHERE task_id = ?", (task_id,)
    ).fetchone()
    if expected_hash is not None and expected_hash != subject_hash:
        raise DataError(f"task {task_id!r} is about {subject_hash}, not {expected_hash}", code="other_subject")
    is_proven = False
    if key_file is not None:
        said = identities.statement(f"answer {text}", task_id, subject_hash, name, at)
        is_proven = bool(_signature(tx, name, said, key_file))
    verdict = rights.may_answer(
        tx, found, name, assignee=assignee, is_proven=is_proven, same_hash=found["subject_hash"] == subject_hash, at=at
    )
    if not verdict.is_allowed:
        hint = "prove it: --sign-with KEYFILE" if "bound-names-are-proven" in verdict.policy_ids else None
        raise Negative(verdict.why, hint=hint, code="not_allowed")
    answered = tasks.answer(tx, task_id, text, by=people.spelled(name), at=at)
    decide(
        tx, kind="wf.task_answered", what=f"answered the {found['sort']} {task_id} of step {found['step']!r}",
        why=verdict.why, evidence=[task_id], command=command, at=at, authorised_by=f"user:{people.spelled(name)}",
    )  # fmt: skip
    return answered


def opened(path: Path, identity_files: list[bytes]) -> str:
    """The text of a link's file; a sealed one is opened with the identities given.

    Raises ConfigError if none of them opens it, DataError for what is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(65536)
    except OSError as error:
        raise ConfigError(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    if data.startswith((b"-----BEGIN AGE ENCRYPTED FILE-----", b"age-encryption.org/v1")):
        import pyrage

        found = [each for text in identity_files for each in _identities(text)]
        try:
            data = pyrage.decrypt(data, found)
        except (pyrage.DecryptError, ValueError):
            raise ConfigError("it is sealed to another key", where=str(path), hint="--open-with KEYFILE") from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DataError("not a link", where=str(path), code="bad_link") from None


def _identities(text: bytes) -> list[object]:
    import pyrage

    if b"-----BEGIN" in text:
        try:
            return [pyrage.ssh.Identity.from_buffer(text)]
        except (pyrage.IdentityError, ValueError):
            return []
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    found: list[object] = []
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-1"):
            try:
                found.append(pyrage.x25519.Identity.from_str(line))
            except (pyrage.IdentityError, ValueError):
                continue
    return found


def _signature(tx: Connection, name: str, said: Record, key_file: Path) -> str:
    signature = identities.sign(said, key_file)
    if not identities.is_signed(tx, name, said, signature):
        raise Negative(f"that key is not registered as one of {name!r}", hint=f"wf-grant {name} --register …",
                       code="unknown_key")  # fmt: skip
    return signature


def tasks_waiting(tx: Connection) -> list[Record]:
    """The questions that wait, each with who is asked now."""
    found = []
    for each in tasks.waiting(tx):
        row = tx.execute("SELECT assignee FROM wf_task WHERE task_id = ?", (each["id"],)).fetchone()
        found.append({**each, "assignee": row[0]} if row and row[0] else each)
    return found
