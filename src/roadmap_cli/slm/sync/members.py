"""This device, and the devices it trusts: all of them are their owner's, and each may bring in or remove others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError
from roadmap_cli.slm.sync.cards import Card, Signer
from roadmap_cli.slm.sync.clock import Clock

_COLUMNS = (
    "device_id, name, verify_key, recipient, signature, added_at, added_by, removed_at, seq, hash, seen, stuck,"
    " knew_us, included_seq, covered_seq"
)


@dataclass(slots=True)
class Me:
    """This device as it is in the state."""

    device_id: str
    signer: Signer
    identity: Any
    kinds: list[str]
    next_seq: int
    last_hash: str
    told: str
    heard: int
    must_ack: bool
    must_repeat: bool
    clock: Clock

    def save(self, tx: Any) -> None:
        """Write down what changes as it works."""
        tx.execute(
            "UPDATE slm_sync_self SET kinds = ?, next_seq = ?, last_hash = ?, told = ?, heard = ?, must_ack = ?,"
            " must_repeat = ?, clock = ?",
            (
                *(json.dumps(self.kinds), self.next_seq, self.last_hash, self.told, self.heard, self.must_ack),
                self.must_repeat,
                self.clock.last,
            ),
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A device, this one included. `seq` and `hash`: its last segment taken in here."""

    card: Card
    added_at: str
    added_by: str
    removed_at: str | None
    seq: int
    hash: str
    seen: dict[str, int] = field(default_factory=dict)
    stuck: bool = False
    included_seq: int | None = None
    covered_seq: int | None = None

    @property
    def device_id(self) -> str:
        """Its id."""
        return self.card.device_id

    @property
    def is_active(self) -> bool:
        """Whether it takes part still."""
        return self.removed_at is None


def me(tx: Any) -> Me:
    """This device. Raises ConfigError if it was never set up."""
    row = tx.execute(
        "SELECT device_id, signing_key, age_identity, kinds, next_seq, last_hash, told, heard, must_ack,"
        " must_repeat, clock FROM slm_sync_self"
    ).fetchone()
    if row is None:
        raise ConfigError("this device takes no part in any sync yet", hint="slm-sync init", code="no_sync")
    from pyrage import x25519

    return Me(
        device_id=row[0],
        signer=Signer(bytes(row[1])),
        identity=x25519.Identity.from_str(row[2]),
        kinds=json.loads(row[3]),
        next_seq=row[4],
        last_hash=row[5],
        told=row[6],
        heard=row[7],
        must_ack=bool(row[8]),
        must_repeat=bool(row[9]),
        clock=Clock(row[10]),
    )


def every(tx: Any) -> list[Member]:
    """All devices ever trusted, this one included, in the order of their ids."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM slm_sync_device ORDER BY device_id").fetchall()
    return [
        Member(
            card=Card(row[1], bytes(row[2]), row[3], bytes(row[4])),
            added_at=row[5],
            added_by=row[6],
            removed_at=row[7],
            seq=row[8],
            hash=row[9],
            seen=json.loads(row[10]),
            stuck=bool(row[11]),
            included_seq=row[13],
            covered_seq=row[14],
        )
        for row in rows
    ]


def add(tx: Any, card: Card, *, at: datetime, by: str) -> bool:
    """Trust a device; False if it was known already, removed ones included."""
    done = tx.execute(
        f"INSERT INTO slm_sync_device ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0, '', '{{}}', 0, 0, NULL, NULL)"
        " ON CONFLICT DO NOTHING",
        (card.device_id, card.name, card.verify_key, card.recipient, card.signature, stamp(at), by),
    )
    return bool(done.rowcount == 1)


def remove(tx: Any, device_id: str, *, at: datetime) -> bool:
    """Trust a device no more; False if it was not trusted."""
    done = tx.execute(
        "UPDATE slm_sync_device SET removed_at = ? WHERE device_id = ? AND removed_at IS NULL", (stamp(at), device_id)
    )
    return bool(done.rowcount == 1)


def advance(tx: Any, device_id: str, seq: int, digest: str) -> bool:
    """Note how far a device's segments were taken in; never back."""
    done = tx.execute(
        "UPDATE slm_sync_device SET seq = ?, hash = ?, stuck = 0 WHERE device_id = ? AND seq < ?",
        (seq, digest, device_id, seq),
    )
    return bool(done.rowcount == 1)


def told(members: list[Member]) -> str:
    """A digest of who is in and who is out: if it changes, the others are to be told."""
    text = json.dumps(sorted((member.device_id, member.is_active) for member in members))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def limit(members: list[Member], member: Member) -> int:
    """Up to which number a removed device's segments count: as far as a device that stays had taken them in."""
    if member.is_active:
        return 1 << 32
    stay = [each.seen.get(member.device_id, 0) for each in members if each.is_active]
    return max([member.seq, *stay])
