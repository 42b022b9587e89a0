"""Making this device one that syncs, trusting others, and naming remotes."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError, DataError, Negative, UsageError
from roadmap_cli.core.records import KIND, Record
from roadmap_cli.slm.sync import cards, changes, members
from roadmap_cli.slm.sync.cards import Card, Signer
from roadmap_cli.slm.sync.members import Me, Member
from roadmap_cli.slm.sync.remotes import place
from roadmap_cli.slm.sync.remotes.place import Remote

DEFAULT_KINDS = ("slm.*",)


def init(tx: Any, *, name: str, kinds: tuple[str, ...], at: datetime, renew: bool = False) -> Member:
    """Make this device's keys and its card.

    With `renew` a device that syncs already becomes a new one: new keys, a new folder; what it holds is sent again.
    Raises ConfigError if it is set up already, UsageError for a name or a kind that is none.
    """
    from pyrage import x25519

    if not cards.is_name(name):
        raise UsageError(f"not a name for a device: {name!r}", hint=f"one line, at most {cards.MOST_NAME} letters")
    chosen = list(dict.fromkeys(kinds)) or list(DEFAULT_KINDS)
    for kind in chosen:
        _check_kind(kind)
    known = tx.execute("SELECT device_id, kinds FROM slm_sync_self").fetchone()
    if known and not renew:
        raise ConfigError(
            "this device takes part in a sync already",
            hint="see it with slm-sync devices; to become a new device: slm-sync init --renew",
            code="sync_exists",
        )
    if known:
        if not kinds:
            chosen = json.loads(known[1])
        old = members.me(tx)
        members.advance(tx, old.device_id, old.next_seq - 1, old.last_hash)
        members.remove(tx, known[0], at=at)
        for table in ("slm_sync_upload", "slm_sync_outbox", "slm_sync_snapshot", "slm_sync_self"):
            tx.execute(f"DELETE FROM {table}")
        tx.execute("UPDATE slm_sync_device SET knew_us = 0, included_seq = NULL, covered_seq = NULL")
        tx.execute("UPDATE slm_sync_revision SET seq = NULL WHERE own = 1")
    identity = x25519.Identity.generate()
    signer = Signer(os.urandom(32))
    card = signer.card(name, str(identity.to_public()))
    tx.execute(
        "INSERT INTO slm_sync_self (one, device_id, signing_key, age_identity, kinds, next_seq, last_hash, told, heard,"
        " clock, must_ack, must_repeat) VALUES (1, ?, ?, ?, ?, 1, '', '', 0, '', 0, 0)",
        (card.device_id, signer.secret, str(identity), json.dumps(chosen)),
    )
    members.add(tx, card, at=at, by="user")
    me = members.me(tx)
    me.told = members.told(members.every(tx))
    me.save(tx)
    return this(tx)


def this(tx: Any) -> Member:
    """This device. Raises ConfigError if it is not set up."""
    me = members.me(tx)
    return next(member for member in members.every(tx) if member.device_id == me.device_id)


def add_device(tx: Any, card: Card, fingerprint: str | None, *, at: datetime) -> Member:
    """Trust the device with this card. Raises UsageError without its fingerprint, DataError if another was given."""
    me = members.me(tx)
    if card.device_id == me.device_id:
        raise UsageError(
            "this is this device's own card", hint="give the card of the other device: slm-sync card there"
        )
    if fingerprint is None:
        raise UsageError(
            f"compare first: {card.name!r} should show the fingerprint {card.fingerprint}",
            hint="look at it with slm-sync card on that device; if it is the same, add --fingerprint and what it shows",
        )
    if not cards.same_fingerprint(fingerprint, card.fingerprint):
        raise DataError(
            f"the card is not that of a device with the fingerprint {fingerprint!r}",
            hint=f"its own is {card.fingerprint}: if that device shows another, the card was changed on its way",
            code="wrong_fingerprint",
        )
    if not members.add(tx, card, at=at, by="user"):
        known = device(tx, card.device_id)
        if not known.is_active:
            raise ConfigError(
                f"{card.name!r} was removed, and a removed device stays removed",
                hint="have it become a new one: slm-sync init --renew there",
                code="removed",
            )
    return device(tx, card.device_id)


def remove_device(tx: Any, name: str, *, at: datetime) -> Member:
    """Trust a device no more. Raises UsageError for this device, Negative if it was removed already."""
    found = device(tx, name)
    if found.device_id == members.me(tx).device_id:
        raise UsageError("this is this device itself", hint="remove it on another device: slm-sync remove-device there")
    if not members.remove(tx, found.device_id, at=at):
        raise Negative(f"{found.card.name!r} was removed already")
    return device(tx, found.device_id)


def device(tx: Any, name: str) -> Member:
    """The device of a name or an id. Raises UsageError if there is none, or more than one of that name."""
    known = members.every(tx)
    found = [each for each in known if each.device_id == name]
    found = found or [each for each in known if each.card.name == name and each.is_active]
    found = found or [each for each in known if each.card.name == name]
    if len(found) != 1:
        hint = "slm-sync devices" if not found else f"give the id: {' or '.join(each.device_id for each in found)}"
        raise UsageError(f"{'no device' if not found else 'several devices'} of the name {name!r}", hint=hint)
    return found[0]


def select(tx: Any, kinds: tuple[str, ...], *, at: datetime) -> Me:
    """Choose which kinds are synced on this device."""
    me = members.me(tx)
    for kind in kinds:
        _check_kind(kind)
    changes.select(tx, me, list(dict.fromkeys(kinds)), at)
    me.save(tx)
    return me


def add_remote(tx: Any, remote: Remote, *, at: datetime) -> Remote:
    """Store a remote. Raises UsageError if the name is taken or it is no place to sync through."""
    if not cards.is_name(remote.name) or " " in remote.name:
        raise UsageError(f"not a name for a remote: {remote.name!r}")
    place.type_of(remote.url)
    if any(each.name == remote.name for each in remotes(tx)):
        raise UsageError(f"there is a remote {remote.name!r} already", hint=f"slm-sync remove-remote {remote.name}")
    tx.execute(
        "INSERT INTO slm_sync_remote (name, url, options, added_at) VALUES (?, ?, ?, ?)",
        (remote.name, remote.url, json.dumps(dict(remote.options)), stamp(at)),
    )
    return Remote(remote.name, remote.url, remote.options, stamp(at))


def remove_remote(tx: Any, name: str) -> Remote:
    """Forget a remote; what is on it stays there. Raises UsageError if there is none of that name."""
    (found,) = chosen_remotes(tx, (name,))
    tx.execute("DELETE FROM slm_sync_remote WHERE name = ?", (name,))
    tx.execute(
        "UPDATE slm_sync_outbox SET bytes = NULL WHERE NOT EXISTS (SELECT 1 FROM slm_sync_remote r WHERE NOT EXISTS"
        " (SELECT 1 FROM slm_sync_upload u WHERE u.seq = slm_sync_outbox.seq AND u.remote = r.name))"
        " AND EXISTS (SELECT 1 FROM slm_sync_remote)"
    )
    return found


def remotes(tx: Any) -> list[Remote]:
    """The remotes, by name."""
    rows = tx.execute("SELECT name, url, options, added_at FROM slm_sync_remote ORDER BY name").fetchall()
    return [Remote(name, url, json.loads(options), added) for name, url, options, added in rows]


def chosen_remotes(tx: Any, names: tuple[str, ...]) -> list[Remote]:
    """The remotes named, or all. Raises UsageError if one is not there, ConfigError if there are none at all."""
    known = {remote.name: remote for remote in remotes(tx)}
    for name in names:
        if name not in known:
            raise UsageError(f"no remote of the name {name!r}", hint="slm-sync remotes")
    if not known:
        raise ConfigError(
            "there is no remote to sync with", hint="slm-sync add-remote NAME FOLDER|URL", code="no_remote"
        )
    return [known[name] for name in names] if names else list(known.values())


def device_record(member: Member, own_id: str) -> Record:
    """A device as an ``slm.sync_device`` record."""
    record: Record = {
        "kind": "slm.sync_device",
        "id": f"slm_{member.device_id}",
        "at": member.added_at,
        "device_id": member.device_id,
        "name": member.card.name,
        "fingerprint": member.card.fingerprint,
        "state": "trusted" if member.is_active else "removed",
        "is_this": member.device_id == own_id,
        "added_by": member.added_by,
        "segment_count": member.seq,
        "card": member.card.text,
    }
    if member.removed_at is not None:
        record["removed_at"] = member.removed_at
    return record


def remote_record(remote: Remote, own_id: str) -> Record:
    """A remote as an ``slm.sync_remote`` record."""
    from roadmap_cli.core.records import content_id

    record: Record = {
        "kind": "slm.sync_remote",
        "id": content_id("slm.sync_remote", device=own_id, name=remote.name, url=remote.url),
        "at": remote.added_at,
        "name": remote.name,
        "type": remote.type,
        "url": remote.url,
        **dict(remote.options),
    }
    if remote.host is not None:
        record["host"] = remote.host
    return record


def _check_kind(kind: str) -> None:
    family = kind.removesuffix(".*")
    if kind != "*" and not KIND.match(kind) and not (kind.endswith(".*") and KIND.match(family) and "." not in family):
        raise UsageError(f"not a kind: {kind!r}", hint="write it as slm.reply, or slm.* for all of a family")
