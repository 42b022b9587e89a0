"""One version of one record, and its name: N-hash, after CouchDB, but hashed over content alone.

Two devices that make the same change to the same version make the same revision. Times and devices are not hashed:
they tell a person where a version came from and decide nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from roadmap_cli.core.errors import DataError

NAME = re.compile(r"[1-9][0-9]{0,8}-[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Revision:
    """A version. `body` is the record as JSON text; None for a tombstone (`deleted`) or when it was erased."""

    record_id: str
    kind: str
    parents: tuple[str, ...]
    deleted: bool
    merged: bool
    body_hash: str
    body: str | None
    device_id: str
    clock: str
    number: int
    hash: str

    @property
    def name(self) -> str:
        """Its name, N-hash."""
        return f"{self.number}-{self.hash}"

    @property
    def rank(self) -> tuple[bool, int, str]:
        """By which one of several heads is shown: a record before a tombstone, then the longest history, then hash."""
        return (not self.deleted, self.number, self.hash)

    def plain(self) -> dict[str, Any]:
        """The revision as it stands in a segment."""
        import orjson

        value: dict[str, Any] = {"id": self.record_id, "kind": self.kind, "rev": self.name}
        value |= {"parents": list(self.parents), "device": self.device_id, "clock": self.clock}
        if self.deleted:
            value["deleted"] = True
        else:
            value["body_hash"] = self.body_hash
        if self.merged:
            value["merged"] = True
        if self.body is not None:
            value["body"] = orjson.Fragment(self.body)
        return value


def made(
    record_id: str,
    kind: str,
    parents: tuple[str, ...],
    body: str | None,
    *,
    merged: bool = False,
    body_hash: str | None = None,
    device_id: str,
    clock: str,
) -> Revision:
    """A revision with its name worked out. A body of None without a `body_hash` is a tombstone."""
    deleted = body is None and not body_hash
    if body is not None:
        body_hash = digest(body)
    ordered = tuple(sorted(parents, key=_order))
    number = 1 + max((_order(parent)[0] for parent in ordered), default=0)
    fields = [record_id, kind, *ordered, "deleted" if deleted else body_hash or "", "merged" if merged else "edited"]
    text = b"".join(len(part).to_bytes(4, "big") + part for part in (field.encode() for field in fields))
    return Revision(
        record_id,
        kind,
        ordered,
        deleted,
        merged,
        body_hash or "",
        body,
        device_id,
        clock,
        number,
        blake2b(text, digest_size=16).hexdigest(),
    )


def of_plain(value: Any) -> Revision:
    """The revision in its form in a segment. Raises DataError if it is not sound: every hash is worked out anew."""
    import orjson

    if not isinstance(value, dict):
        raise DataError("not a revision", code="bad_revision")
    texts = [value.get(name) for name in ("id", "kind", "rev", "device", "clock")]
    parents, body = value.get("parents"), value.get("body")
    body_hash, deleted = value.get("body_hash", ""), value.get("deleted", False)
    if (
        not all(isinstance(text, str) and text for text in texts)
        or not isinstance(parents, list)
        or not all(isinstance(parent, str) and NAME.match(parent) for parent in parents)
        or not isinstance(body_hash, str)
        or deleted is (bool(body_hash) or body is not None)
    ):
        raise DataError("not a revision", code="bad_revision")
    text = None
    if body is not None:
        same = isinstance(body, dict) and body.get("id") == value["id"] and body.get("kind") == value["kind"]
        if not same or not isinstance(body.get("at"), str):
            raise DataError(f"revision of {value['id']!r} with another record in it", code="bad_revision")
        text = orjson.dumps(body).decode()
    revision = made(
        value["id"],
        value["kind"],
        tuple(parents),
        text,
        merged=value.get("merged") is True,
        body_hash=body_hash or None,
        device_id=value["device"],
        clock=value["clock"],
    )
    if revision.name != value["rev"] or revision.body_hash != body_hash:
        raise DataError(f"revision of {value['id']!r} whose hash does not fit", code="bad_revision")
    return revision


def digest(body: str) -> str:
    """The hash of a record's JSON text, whatever the order of its names."""
    import orjson

    sorted_text = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return blake2b(sorted_text, digest_size=16).hexdigest()


def _order(name: str) -> tuple[int, str]:
    number, _, rest = name.partition("-")
    return int(number), rest
