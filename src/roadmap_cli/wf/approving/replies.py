"""Approvals by reply: a message in Slack or a mail that says ``approve CODE`` or ``deny CODE`` decides.

The rule kept here: a reply counts only if the state holds its event, the receiver itself has noted that the message is
genuine, the account is registered as somebody's, the first words of what the person wrote are the decision and the
code of this request, and it is neither old nor read before. Anything else in a message is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.wf.approving import approvals, tickets
from roadmap_cli.wf.rights import identities

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What a receiver notes in `wf_event` of an event that it has verified; nothing else does, and no record says it.
SLACK_PROOFS = frozenset({"slack-signature", "slack-socket"})
MAIL_PROOFS = frozenset({"imap"})
OLDEST = timedelta(hours=24)
_AHEAD = timedelta(minutes=5)
_DECISION = re.compile(
    r"[*_`]{0,2}(approve|deny)[*_`]{0,2}\s+[`*]?([a-z2-7]{10})[`*]?(?:[\s:,.–-]+(.{0,500}))?\Z", re.I | re.S
)
#: Spaces that are not drawn would hide a word; a message with one is no decision.
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a message says: the decision, the code, the words after it, and by which account it came."""

    is_approved: bool
    code: str
    why: str
    sort: str
    account: str


def read(event: Record, at: datetime, proof: str | None) -> Reply:
    """The decision in an event of which the receiver has noted a proof, or None.

    Raises DataError if it holds none, Negative for one that is forged or stale.
    """
    data = event.get("data")
    if not isinstance(data, dict):
        raise DataError("the event has no message", code="no_reply")
    if event.get("type") == "slack.message":
        sort, account, text = _slack(data, proof)
    elif event.get("type") == "mail.received":
        sort, account, text = _mail(data, proof)
    else:
        raise DataError(f"no message of Slack or mail: {event.get('type')!r}", code="no_reply")
    found = _DECISION.match(text)
    if found is None or _HIDDEN.search(text):
        raise DataError("the message does not begin with 'approve CODE' or 'deny CODE'", code="no_reply")
    happened = clock.parse(str(event.get("at")))
    if at - happened > OLDEST or happened - at > _AHEAD:
        raise Negative(f"the message is of {event['at']}: too old, or from the future", code="stale_reply")
    why = " ".join((found[3] or "").split())
    return Reply(found[1].casefold() == "approve", found[2].casefold(), why or "by reply", sort, account)


def is_one(tx: Connection, event_id: str, at: datetime) -> bool:
    """Whether a stored event says it decides something, true or not; an event that is not stored says so as well."""
    event = records.get(tx, event_id)
    try:
        read(event or {}, at, _proof(tx, event_id))
    except DataError as error:
        return event is None or error.code != "no_reply"
    except Negative:
        return True
    return True


def take(tx: Connection, event_id: str, *, valid_s: float, command: str, at: datetime) -> Record:
    """Decide what a stored event says; the plan's wf.approval, or the wf.task it answered.

    Raises DataError and Negative for what is no reply, or one that counts for nothing. What was read once is not again.
    """
    event = records.get(tx, event_id)
    if event is None or event.get("kind") != "wf.event":
        raise DataError(f"event {event_id!r} is not in this state", code="unknown_event")
    if tx.execute("SELECT 1 FROM wf_reply WHERE event_id = ? AND outcome LIKE 'taken%'", (event_id,)).fetchone():
        raise Negative(f"event {event_id!r} was read before", code="replayed")
    reply = read(event, at, _proof(tx, event_id))
    name = identities.owner(tx, reply.sort, reply.account)
    if name is None:
        raise Negative(f"{reply.sort} account {reply.account!r} is registered as nobody's",
                       hint=f"wf-grant NAME --register {reply.sort}:{reply.account}",
                       code="unknown_sender")  # fmt: skip
    tx.execute(
        "INSERT INTO wf_reply(event_id, outcome, at) VALUES (?, 'taken', ?)"
        " ON CONFLICT DO UPDATE SET outcome = excluded.outcome, at = excluded.at",
        (event_id, clock.stamp(at)),
    )
    plan = _asked(tx, reply.code)
    if clock.parse(event["at"]) < clock.parse(plan["at"]) - _AHEAD:
        raise Negative("the message is older than the request", code="stale_reply")
    return approvals.decide_on(
        tx, plan["plan_id"], approver=name, is_approved=reply.is_approved, why=reply.why, valid_s=valid_s,
        expected_hash=plan["plan_hash"], command=command, at=at, proof=reply.sort, is_proven=True, evidence=event_id,
    )  # fmt: skip


def was_refused(tx: Connection, event_id: str, at: datetime) -> bool:
    """Note that a reply was refused; whether that was known, so that reading events again logs no refusal twice."""
    row = tx.execute("SELECT outcome FROM wf_reply WHERE event_id = ?", (event_id,)).fetchone()
    known = row[0] if row else ""
    if known in ("refused", "taken again"):
        return True
    tx.execute(
        "INSERT INTO wf_reply(event_id, outcome, at) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET outcome = excluded.outcome",
        (event_id, "taken again" if known else "refused", clock.stamp(at)),
    )
    return False


def _proof(tx: Connection, event_id: str) -> str | None:
    """What the receiver has noted; the record of an event says nothing of it that counts."""
    row = tx.execute("SELECT proof FROM wf_event WHERE event_id = ?", (event_id,)).fetchone()
    return row[0] if row else None


def _asked(tx: Connection, code: str) -> Record:
    """The request that waits with a code, as its first wf.approval."""
    rows = tx.execute(
        "SELECT approval_id, plan_id, plan_hash FROM wf_approval WHERE status = 'waiting' ORDER BY number"
    )
    for name, plan_id, plan_hash in rows.fetchall():
        if tickets.code(tx, plan_id, plan_hash) == code:
            kept = records.get(tx, name) or {}
            return {"plan_id": plan_id, "plan_hash": plan_hash, "at": kept.get("at")}
    raise Negative("no request has this code", code="unknown_code")


def _slack(data: Record, proof: str | None) -> tuple[str, str, str]:
    if proof not in SLACK_PROOFS:
        raise Negative("nobody has found the message's signature to be Slack's", code="unproven_reply")
    inner = data.get("event") if isinstance(data.get("event"), dict) else data
    assert isinstance(inner, dict)
    if any(inner.get(field) for field in ("bot_id", "bot_profile", "app_id", "subtype", "edited")):
        raise Negative("the message is a program's, or was changed after it was sent", code="not_a_person")
    team = data.get("team_id") or inner.get("team")
    user, text = inner.get("user"), inner.get("text")
    if not all(isinstance(each, str) and each for each in (team, user, text)):
        raise DataError("the message does not say who wrote what", code="no_reply")
    return "slack", f"{team}/{user}", " ".join(str(text).split())


def _mail(data: Record, proof: str | None) -> tuple[str, str, str]:
    from roadmap_cli.mail import replies

    if proof not in MAIL_PROOFS:
        raise Negative("the mail was not read from the mailbox by us", code="unproven_reply")
    checks = data.get("checks")
    if not isinstance(checks, dict) or checks.get("dmarc") != "pass":
        raise Negative("the mailbox's server did not find the sender to be genuine (DMARC)", code="unproven_reply")
    if data.get("is_automatic"):
        raise Negative("the mail is a program's", code="not_a_person")
    sender, text = data.get("from"), data.get("text")
    if not isinstance(sender, str) or not isinstance(text, str):
        raise DataError("the mail does not say who wrote what", code="no_reply")
    own = replies.divide(text[:65536]).new.strip()
    return "mail", sender.casefold(), " ".join(own.split("\n\n")[0].split())
