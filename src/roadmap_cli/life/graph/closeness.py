"""Who is close to the user, from the graph as it is stored: family first, then by how much, how lately, how mutually.

For commands that watch over contact with the people who matter: `close_people` tells who they are and why,
`contact_days` on which days there was contact, with the records that show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import parse, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Half of what contact is worth is gone after so many days of silence.
HALF_LIFE_DAYS = 90.0
#: What each part weighs in the score of those who are not family.
_FREQUENCY, _RECENCY, _MUTUAL, _PRIVATE = 0.35, 0.3, 0.2, 0.15
_FAMILY = {"spouse": 1.0, "child": 0.95, "parent": 0.9, "sibling": 0.8, "grandparent": 0.6, "relative": 0.4}
_WEAK_KINSHIP = 0.6
#: Less sure relations do not make anybody close: mails that were never answered.
_SURE_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Close:
    """Somebody close: the score (0 to 2; above 1 only family), its parts (0 to 1), and the relations it rests on.

    `family` is what kind of relative, "" for none; `days` on how many days there was contact; `why_ids` the decisions
    on the relations, each of which cites its records.
    """

    entity_id: str
    name: str
    score: float
    family: str
    days: int
    sent: int
    received: int
    meetings: int
    one_to_one: int
    first_at: str
    last_at: str
    frequency: float
    recency: float
    mutual: float
    private: float
    relation_ids: tuple[str, ...]
    why_ids: tuple[str, ...]

    def words(self) -> str:
        """Why, in words that say only what was counted."""
        parts = [self.family] if self.family else []
        parts += [f"contact on {self.days} day{'s' if self.days != 1 else ''}"] if self.days else []
        parts += [f"{self.sent} sent, {self.received} received"] if self.sent or self.received else []
        parts += [f"{self.meetings} meetings, {self.one_to_one} alone"] if self.meetings else []
        return ", ".join([*parts, f"last {self.last_at[:10]}"])


def close_people(tx: Connection, now: datetime, *, limit: int | None = None) -> list[Close]:
    """The people around the user, closest first; nothing if the graph does not know who the user is.

    Score of contact: 0.35 frequency (logarithm of days with contact, against the one with most) + 0.3 recency (halved
    every 90 days) + 0.2 mutuality (of messages: twice the smaller part of sent and received; of meetings alone 0.5)
    + 0.15 privacy (share of meetings of two and of messages). Family adds 0.4 to 1 by kind.
    """
    import orjson

    user = tx.execute("SELECT id FROM life_entity WHERE is_user = 1 AND superseded_at IS NULL").fetchone()
    if user is None:
        return []
    rows = tx.execute(
        """SELECT e.id, e.name, r.relation, r.id, r.why_id, r.detail, r.first_at, r.last_at, r.confidence
           FROM life_relation AS r JOIN life_entity AS e
             ON e.id = CASE WHEN r.a_id = ?1 THEN r.b_id ELSE r.a_id END AND e.superseded_at IS NULL
           WHERE r.superseded_at IS NULL AND (r.a_id = ?1 OR r.b_id = ?1) AND r.relation IN ('knows', 'family_of')
             AND e.sort = 'person' AND r.confidence >= ?2 ORDER BY e.id, r.relation""",
        (user[0], _SURE_ENOUGH),
    ).fetchall()
    people: dict[str, dict[str, Any]] = {}
    for name, label, relation, relation_id, why_id, body, first, last, confidence in rows:
        person = people.setdefault(
            name, {"name": label, "first": first, "last": last, "ids": [], "why": [], "counts": {}}
        )
        detail = orjson.loads(body)
        person["first"], person["last"] = min(person["first"], first), max(person["last"], last)
        person["ids"].append(relation_id)
        person["why"] += [why_id] if why_id else []
        if relation == "knows":
            person["counts"], person["last"] = detail, last
        elif confidence > _WEAK_KINSHIP:
            person["family"] = str(detail.get("kind", "relative"))
    most = max((int(each["counts"].get("days", 0)) for each in people.values()), default=0)
    found = [_scored(name, each, most, now) for name, each in people.items()]
    found.sort(key=lambda each: (-each.score, each.entity_id))
    return found[:limit]


def _scored(name: str, person: dict[str, Any], most: int, now: datetime) -> Close:
    counts = person["counts"]
    days, sent, received = (int(counts.get(each, 0)) for each in ("days", "sent", "received"))
    meetings, alone = int(counts.get("meetings", 0)), int(counts.get("one_to_one", 0))
    has_contact = bool(sent or received or meetings)
    frequency = math.log1p(days) / math.log1p(most) if most and has_contact else 0.0
    silent = max((now - parse(person["last"])).total_seconds() / 86400, 0.0)
    recency = 0.5 ** (silent / HALF_LIFE_DAYS) if has_contact else 0.0
    messages = sent + received
    mutual = 2 * min(sent, received) / messages if messages else 0.0
    if meetings:
        mutual = max(mutual, 0.5)
    told = messages + meetings
    private = (messages + alone) / told if told else 0.0
    contact = _FREQUENCY * frequency + _RECENCY * recency + _MUTUAL * mutual + _PRIVATE * private * frequency
    family = person.get("family", "")
    score = contact + (_FAMILY.get(family, 0.4) if family else 0.0)
    return Close(
        name, person["name"], round(score, 4), family, days if has_contact else 0, sent, received, meetings, alone,
        person["first"], person["last"], round(frequency, 4), round(recency, 4), round(mutual, 4), round(private, 4),
        tuple(person["ids"]), tuple(person["why"]),
    )  # fmt: skip


def contact_days(tx: Connection, entity_id: str, since: datetime, until: datetime) -> dict[str, list[str]]:
    """Days (UTC, YYYY-MM-DD) from `since` up to, not including, `until` with contact, each with the ids of its records.

    Contact is a message from or to the person, or an event that counts and names both; records are those `life-graph`
    has read. `entity_id` is the id of an entity or of any name or address that was merged into it.
    """
    rows = tx.execute(
        """SELECT DISTINCT r.at, r.record_id FROM life_graph_atom AS own
           JOIN life_graph_atom AS a ON a.entity_id = own.entity_id OR a.number = own.number
           JOIN life_graph_mention AS m ON m.atom = a.number
           JOIN life_graph_read AS r ON r.record_id = m.record_id
           WHERE own.id = ? AND m.role IN ('sender', 'recipient', 'attendee', 'organizer', 'named')
             AND r.at >= ? AND r.at < ?
             AND NOT EXISTS (SELECT 1 FROM life_event AS e WHERE e.id = r.record_id AND e.is_current = 0)
           ORDER BY r.at, r.record_id""",
        (entity_id, stamp(since), stamp(until)),
    )
    found: dict[str, list[str]] = {}
    for at, record_id in rows:
        found.setdefault(at[:10], []).append(record_id)
    return found
