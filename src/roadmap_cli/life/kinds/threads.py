"""Which mails belong to one conversation: by what they refer to (J. Zawinski's algorithm), else by subject and people.

The union of identifiers is kept in the state and grows with each mail, so that mails may come in any order, from any
source, and the conversations are the same: each bears the least of the names its identifiers give it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.records import Record, content_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A reply that refers to nothing answers a mail of the same subject that is no older than this.
LONGEST_SILENCE = timedelta(days=60)
_MOST_SUBJECT_TWINS = 50
#: More identifiers of one mail than this are not followed: the first is the root, the last the parent.
_MOST_REFERENCES = 60

_REPLY = re.compile(
    r"\s*(?:(?:re|aw|antw|antwort|sv|vs|rv|r|rif|ref|odp|ynt|回复|回覆|答复|答覆|回信)\s*(?:\[\d+\]|\(\d+\)|\^\d+|\*\d+)?\s*[:\uff1a]\s*)",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"\s*(?:(?:fwd?|wg|tr|rv|enc|i|vl|doorst|转发|轉寄)\s*[:\uff1a]\s*)", re.IGNORECASE)
_LIST = re.compile(r"\s*\[[^\[\]]{1,60}\]\s*")


def name_of(identifier: str) -> str:
    """The name that an identifier gives the conversation it is in."""
    return content_id("life.thread", message_id=identifier)


def base_subject(subject: str) -> tuple[str, bool]:
    """A subject without marks of replies, forwards and lists, lower case; and whether it had one of a reply."""
    reply = False
    for _ in range(50):
        if found := _REPLY.match(subject):
            reply, subject = True, subject[found.end() :]
        elif found := _FORWARD.match(subject) or _LIST.match(subject):
            subject = subject[found.end() :]
        else:
            break
    return " ".join(subject.split()).lower(), reply


def identifiers(record: Record) -> list[str]:
    """The identifiers that tie a mail to others: what it refers to, what it answers, its own."""
    named = record.get("references")
    references = [str(each) for each in named] if isinstance(named, list) else []
    if len(references) > _MOST_REFERENCES:
        references = references[:1] + references[1 - _MOST_REFERENCES :]
    answered = record.get("in_reply_to")
    own = str(record.get("message_id") or record["id"])
    return list(dict.fromkeys([*references, *([str(answered)] if answered else []), own]))


def link(tx: Connection, record: Record) -> str:
    """Take a mail into its conversation; the name of that. Conversations it ties together become one."""
    tied = identifiers(record)
    thread = _union(tx, tied)
    twins = _same_subject(tx, record, alone=len(tied) == 1)
    if twins:
        thread = _union(tx, [*tied, *twins])
    return thread


def _union(tx: Connection, tied: Iterable[str]) -> str:
    """Make one conversation of all those these identifiers are in."""
    known: dict[str, str] = {}
    tied = list(tied)
    for identifier in tied:
        row = tx.execute("SELECT thread FROM life_thread WHERE message_id = ?", (identifier,)).fetchone()
        if row:
            known[identifier] = row[0]
    new = [identifier for identifier in tied if identifier not in known]
    thread = min([*known.values(), *map(name_of, new)])
    tx.executemany("INSERT INTO life_thread (message_id, thread) VALUES (?, ?)", [(each, thread) for each in new])
    for other in sorted(set(known.values()) - {thread}):
        tx.execute("UPDATE life_thread SET thread = ? WHERE thread = ?", (thread, other))
        tx.execute("UPDATE life_message SET thread = ? WHERE thread = ?", (thread, other))
    return thread


def _same_subject(tx: Connection, record: Record, *, alone: bool) -> list[str]:
    """Identifiers of mails that this one answers, or that answer it, by their subject; none if it refers to any.

    A reply that names no mail belongs to an earlier one of the same subject within 60 days whose people it shares.
    Both may come first. Mail of programs is left out: it bears the same subject every day.
    """
    import orjson

    base, reply = base_subject(str(record.get("subject") or ""))
    if len(base) < 3 or record.get("is_automatic"):
        return []
    orphan = reply and alone
    at = parse(record["at"])
    people = _people(record)
    tx.execute(
        "INSERT INTO life_subject (id, base, at, is_orphan, people) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (record["id"], base, record["at"], int(orphan), orjson.dumps(sorted(people)).decode()),
    )
    rows = tx.execute(
        """SELECT subject.id, message.message_id, subject.people FROM life_subject AS subject
           JOIN life_message AS message ON message.id = subject.id
           WHERE base = ?1 AND subject.id <> ?2 AND (
               (?3 AND subject.at <= ?4 AND subject.at >= ?5) OR (is_orphan AND subject.at >= ?4 AND subject.at <= ?6))
           ORDER BY subject.at DESC LIMIT ?7""",
        (base, record["id"], int(orphan), record["at"], stamp(at - LONGEST_SILENCE), stamp(at + LONGEST_SILENCE),
         _MOST_SUBJECT_TWINS),
    ).fetchall()  # fmt: skip
    return [own or id for id, own, named in rows if len(people & set(orjson.loads(named))) >= 2]


def _people(record: Record) -> set[str]:
    named = record.get("recipients")
    people = {str(each) for each in named} if isinstance(named, list) else set()
    return people | ({str(record["sender"])} if record.get("sender") else set())
