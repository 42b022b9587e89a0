"""What may leave the machine: a stored permission names a host, a purpose, the kinds of records and an end.

Nothing is permitted unless a row says so; a revoked or expired row permits nothing and is kept for the audit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record, run_id

ANY = "*"
_COLUMNS = "id, host, purpose, kinds, expires_at, granted_at, granted_by, revoked_at"
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?)(:[0-9]{1,5})?\Z")


@dataclass(frozen=True, slots=True)
class Permission:
    """One stored permission. `kinds` may hold ``*``, which stands for every kind."""

    id: str
    host: str
    purpose: str
    kinds: tuple[str, ...]
    expires_at: str | None
    granted_at: str
    granted_by: str
    revoked_at: str | None

    def covers(self, kinds: Sequence[str]) -> bool:
        """Whether every one of these kinds may be sent."""
        return ANY in self.kinds or set(kinds) <= set(self.kinds)

    def state(self, at: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= stamp(at) else "active"

    def record(self, at: datetime) -> Record:
        """The permission as a ``net.permission`` record, with its state at a moment."""
        record: Record = {
            "kind": "net.permission",
            "id": self.id,
            "at": self.granted_at,
            "host": self.host,
            "purpose": self.purpose,
            "record_kinds": list(self.kinds),
            "state": self.state(at),
            "granted_by": self.granted_by,
        }
        if self.expires_at is not None:
            record["expires_at"] = self.expires_at
        if self.revoked_at is not None:
            record["revoked_at"] = self.revoked_at
        return record


def host_name(text: str) -> str:
    """The one spelling of a host, with a port only if one was given. Raises UsageError for anything else.

    A name with letters outside ASCII is written in its IDNA form (RFC 5891).
    """
    host = text.strip().rstrip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise UsageError(f"not a host: {text!r}") from None
    if not _HOST.match(host):
        raise UsageError(f"not a host: {text!r}", hint="write it as api.example.org or api.example.org:8443")
    return host


def grant(
    tx: Any,
    *,
    host: str,
    purpose: str,
    kinds: Sequence[str],
    at: datetime,
    granted_by: str = "user",
    expires_at: datetime | None = None,
) -> Permission:
    """Store a permission. Raises UsageError if the host or the purpose is not a name or the end is in the past."""
    if not _PURPOSE.match(purpose):
        raise UsageError(f"not a purpose: {purpose!r}", hint="use small letters, digits and '-', as in model-call")
    if expires_at is not None and expires_at <= at:
        raise UsageError(f"the permission would end in the past: {stamp(expires_at)}")
    permission = Permission(
        id=run_id("net.permission", at),
        host=host_name(host),
        purpose=purpose,
        kinds=tuple(sorted(set(kinds))) or (ANY,),
        expires_at=None if expires_at is None else stamp(expires_at),
        granted_at=stamp(at),
        granted_by=granted_by,
        revoked_at=None,
    )
    tx.execute(
        f"INSERT INTO net_permission ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            permission.id,
            permission.host,
            permission.purpose,
            json.dumps(permission.kinds),
            permission.expires_at,
            permission.granted_at,
            permission.granted_by,
        ),
    )
    return permission


def revoke(tx: Any, *, at: datetime, host: str, purpose: str | None = None) -> list[Permission]:
    """End every active permission of a host (of one purpose, if given); an id in place of the host ends that one."""
    ended = [
        permission
        for permission in every(tx)
        if permission.state(at) == "active"
        and host in (permission.id, permission.host)
        and purpose in (None, permission.purpose)
    ]
    for permission in ended:
        tx.execute("UPDATE net_permission SET revoked_at = ? WHERE id = ?", (stamp(at), permission.id))
    ids = {permission.id for permission in ended}
    return [permission for permission in every(tx) if permission.id in ids]


def every(tx: Any) -> Iterator[Permission]:
    """All permissions ever granted, oldest first."""
    for row in tx.execute(f"SELECT {_COLUMNS} FROM net_permission ORDER BY granted_at, id").fetchall():
        names = dict(zip(Permission.__slots__, row, strict=True))
        yield Permission(**{**names, "kinds": tuple(json.loads(row[3]))})


def find(
    tx: Any, *, host: str, port: int | None, purpose: str, kinds: Sequence[str], at: datetime
) -> Permission | None:
    """The first active permission for a request, or None. A permission without a port is for every port."""
    names = {host, f"{host}:{port}"}
    for permission in every(tx):
        if (
            permission.host in names
            and permission.purpose == purpose
            and permission.state(at) == "active"
            and permission.covers(kinds)
        ):
            return permission
    return None
