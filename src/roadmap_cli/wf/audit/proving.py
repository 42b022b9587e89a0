"""Proofs as records: that an entry is in the log, and that the log still begins as it did.

A proof holds all that is needed to check it but the verifier key: the entry's text, hashes, and signed checkpoints.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.wf.audit import entries, tree
from roadmap_cli.wf.audit.log import leaf_hash
from roadmap_cli.wf.audit.notes import Checkpoint, PublicKey, Signer, read

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def proofs(tx: Connection, wanted: Sequence[str], signer: Signer, at: datetime) -> Iterator[Record]:
    """A wf.audit_proof for each entry that is meant by a number, an id, or the id of what it is about.

    Raises DataError if there is none for one of them, or one is damaged.
    """
    size = tree.size(tx)
    vouched = signer.checkpoint(size, tree.root(tx, size)) if size else None
    for name in wanted:
        found = _meant(tx, name)
        if not found or vouched is None:
            raise DataError(f"the log has no entry {name!r}", code="no_entry")
        for seq, body in found:
            entry = entries.record(seq, body, leaf_hash(body))
            yield {
                "kind": "wf.audit_proof",
                "id": content_id("wf.audit_proof", seq=seq, size=size, entry=entry["id"]),
                "at": clock.stamp(at),
                "seq": seq,
                "size": size,
                "action": entry["action"],
                "resource": entry["resource"],
                "entry": bytes(body).decode(),
                "hashes": [_encoded(each) for each in tree.inclusion(tx, seq, size)],
                "checkpoint": vouched.text,
            }


def _meant(tx: Connection, name: str) -> list[tuple[int, bytes]]:
    if name.isdigit() and len(name) < 19:
        return tx.execute("SELECT seq, body FROM wf_audit WHERE seq = ?", (int(name),)).fetchall()
    text = "CAST(body AS TEXT)"
    said = ", ".join(f"json_extract({text}, '{way}')" for way in ("$.id", "$.data.resource", "$.data.run_id"))
    return tx.execute(
        f"SELECT seq, body FROM wf_audit WHERE CASE WHEN instr({text}, ?1) AND json_valid({text})"
        f" THEN ?1 IN ({said}) END ORDER BY seq",
        (name,),
    ).fetchall()


def consistency(tx: Connection, old: Checkpoint, signer: Signer, at: datetime) -> Record:
    """A wf.audit_consistency from an older checkpoint to the log as it is. Raises DataError if it was shortened."""
    size = tree.size(tx)
    if not 0 < old.size <= size:
        what = f"the checkpoint vouches for {old.size} entries, and there are {size}"
        raise DataError(what, code="log_shortened")
    now = signer.checkpoint(size, tree.root(tx, size))
    return {
        "kind": "wf.audit_consistency",
        "id": content_id("wf.audit_consistency", old=old.root.hex(), new=now.root.hex()),
        "at": clock.stamp(at),
        "old_size": old.size,
        "new_size": size,
        "hashes": [_encoded(each) for each in tree.consistency(tx, old.size, size)],
        "old_checkpoint": old.text,
        "new_checkpoint": now.text,
    }


def problem(proof: Record, key: PublicKey) -> str | None:
    """What is wrong with a proof, or None if it holds. Raises DataError if it is none."""
    hashes = [_decoded(each) for each in require(proof, "hashes", list)]
    try:
        if proof["kind"] == "wf.audit_proof":
            found = read(require(proof, "checkpoint", str), key)
            seq, leaf = require(proof, "seq", int), leaf_hash(require(proof, "entry", str).encode())
            if tree.proves_inclusion(leaf, seq, found.size, hashes, found.root):
                return _other_words(proof)
            return f"entry {seq} is not in the log that {found.origin!r} signed with {found.size} entries"
        old, new = (read(require(proof, name, str), key) for name in ("old_checkpoint", "new_checkpoint"))
    except DataError as error:
        if error.code in ("bad_checkpoint", "bad_signature"):
            return error.message
        raise
    if old.origin == new.origin and tree.proves_consistency(old.size, new.size, hashes, old.root, new.root):
        return None
    return f"the log of {new.size} entries does not begin with the one of {old.size}"


def _other_words(proof: Record) -> str | None:
    """The fields beside the entry must say what it says: people read those."""
    import orjson

    try:
        data = orjson.loads(proof["entry"])["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "the entry cannot be read"
    is_same = all(proof.get(name) == data.get(name) for name in ("action", "resource"))
    return None if is_same else "the proof's action or resource is not that of the entry it proves"


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: object) -> bytes:
    try:
        data = base64.b64decode(str(text), validate=True)
    except binascii.Error:
        data = b""
    if len(data) != 32:
        raise DataError("a hash of the proof is not 32 bytes in base64", code="bad_hash")
    return data
