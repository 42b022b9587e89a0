"""The audit log: its tree against the vectors of Certificate Transparency, proofs, and every change found."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError
from roadmap_cli.state.store import State
from roadmap_cli.wf.audit import checking, entries, log, notes, proving, tree
from roadmap_cli.wf.measures import metrics

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

#: Leaves and roots of the test vectors of Certificate Transparency (google/certificate-transparency, merkletree tests).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def append(tx: Any, number: int) -> None:
    log.append(
        tx, action="step.finished", user="user:ann", agent="data", resource=f"wf_{number}", outcome="done",
        why="it ended", at=NOW + timedelta(seconds=number), run_id="wf_run",
    )  # fmt: skip


def fill(state: State, count: int) -> None:
    with state.write() as tx:
        for number in range(count):
            append(tx, number)


def defined(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def kept(state: State) -> list[bytes]:
    with state.read() as tx:
        return [leaf for (leaf,) in tx.execute("SELECT leaf FROM wf_audit ORDER BY seq")]


def test_the_tree_is_that_of_certificate_transparency(state: State):
    with state.write() as tx:
        for seq, (leaf, root) in enumerate(zip(LEAVES, ROOTS, strict=True)):
            body = bytes.fromhex(leaf)
            row = (seq, clock.stamp(NOW), body, log.leaf_hash(body))
            tx.execute("INSERT INTO wf_audit(seq, at, body, leaf) VALUES (?, ?, ?, ?)", row)
            assert tree.root(tx, seq + 1).hex() == root


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """A log of 1,300 entries: five full subtrees of 256, and some."""
    from roadmap_cli.state.identity import KeySource

    place = tmp_path_factory.mktemp("audit")
    with State.open(
        place / "state.db", mode="write", keys=KeySource({"HOME": str(place)}, None), now=lambda: NOW
    ) as state:
        fill(state, 1300)
        yield state


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_roots_and_proofs_at_any_size_are_those_of_the_definition(long_log: State, data: st.DataObject):
    leaves = kept(long_log)
    size = data.draw(st.integers(1, len(leaves)))
    seq = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    root = defined(leaves[:size])
    with long_log.read() as tx:
        assert tree.root(tx, size) == root
        path = tree.inclusion(tx, seq, size)
        steps = tree.consistency(tx, old, size)
    assert tree.proves_inclusion(leaves[seq], seq, size, path, root)
    assert tree.proves_consistency(old, size, steps, defined(leaves[:old]), root)
    # nothing else than that is proven by them
    other = hashlib.sha256(b"other").digest()
    assert not tree.proves_inclusion(other, seq, size, path, root)
    assert not tree.proves_inclusion(leaves[seq], seq, size, path, other)
    assert not tree.proves_inclusion(leaves[seq], seq, size, [*path, other], root)
    assert not tree.proves_consistency(old, size, steps, other, root)
    if size > 1:
        assert not tree.proves_inclusion(leaves[seq], (seq + 1) % size, size, path, root)
        assert not tree.proves_inclusion(leaves[seq], seq, size, path[:-1], root)


def found(state: State, checkpoints: list[notes.Checkpoint] | None = None) -> list[str]:
    with state.read() as tx:
        return [each.code for each in checking.problems(tx, checkpoints or [])]


def test_the_log_only_grows(state: State):
    fill(state, 3)
    for statement in (
        "UPDATE wf_audit SET at = 'x'",
        "DELETE FROM wf_audit",
        "INSERT OR REPLACE INTO wf_audit SELECT * FROM wf_audit",
    ):
        with pytest.raises(Exception, match=r"never|no gaps"), state.write() as tx:
            tx.execute(statement)
    assert found(state) == []


def unguarded(state: State) -> None:
    with state.write() as tx:
        for name in ("update", "delete", "gap"):
            tx.execute(f"DROP TRIGGER wf_audit_no_{name}")


def test_every_single_byte_that_is_changed_is_found(state: State):
    fill(state, 600)
    unguarded(state)
    chance = random.Random(7)
    assert found(state) == []
    for _ in range(150):
        column = chance.choice(["body", "leaf", "at"])
        seq = chance.randrange(600)
        with state.write() as tx:
            (value,) = tx.execute(f"SELECT CAST({column} AS BLOB) FROM wf_audit WHERE seq = ?", (seq,)).fetchone()
            place = chance.randrange(len(value))
            changed = value[:place] + bytes([value[place] ^ 1 << chance.randrange(8)]) + value[place + 1 :]
            cast = "CAST(? AS TEXT)" if column == "at" else "?"
            tx.execute(f"UPDATE wf_audit SET {column} = {cast} WHERE seq = ?", (changed, seq))
        assert found(state), (seq, column, place)
        with state.write() as tx:
            tx.execute(f"UPDATE wf_audit SET {column} = {cast} WHERE seq = ?", (value, seq))
    with state.write() as tx:
        tx.execute("UPDATE wf_audit_node SET hash = zeroblob(32) WHERE position = 1")
    assert found(state) == ["node"]


def test_a_history_that_is_written_anew_is_found_by_a_checkpoint_outside(state: State, tmp_path: Path):
    fill(state, 300)
    signer = notes.Signer.open(tmp_path / "audit.key", name="host/log", makes=True)
    with state.read() as tx:
        vouched = [signer.checkpoint(size, tree.root(tx, size)) for size in (1, 255, 256, 300)]
    assert found(state, vouched) == []
    unguarded(state)
    with state.write() as tx:  # entry 290 says something else, and all hashes are right again
        tx.execute("DELETE FROM wf_audit WHERE seq >= 290")
        for number in [*range(291, 300), 290]:
            append(tx, number)
    assert found(state) == []
    assert found(state, vouched) == ["rewritten"]
    with state.write() as tx:
        tx.execute("DELETE FROM wf_audit WHERE seq >= 270")
    assert found(state, vouched) == ["shortened"]
    with state.write() as tx:
        tx.execute("DELETE FROM wf_audit WHERE seq >= 200")
    assert "stray_node" in found(state)
    with state.write() as tx:
        tx.execute("DELETE FROM wf_audit WHERE seq = 100")
    assert "gap" in found(state)


def test_checkpoints_are_signed_notes(tmp_path: Path):
    signer = notes.Signer.open(tmp_path / "k", name="host/log", makes=True)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    again = notes.Signer.open(tmp_path / "k", name="ignored", makes=False)
    assert again.public == signer.public == notes.public_key(signer.public.text)
    first, second = signer.checkpoint(3, bytes(32)), signer.checkpoint(4, bytes(31) + b"\1")
    assert notes.read(first.text, signer.public) == first
    assert [notes.read(each, signer.public).size for each in notes.split(first.text + "\n" + second.text + "\n")] == [
        3,
        4,
    ]
    other = notes.Signer.open(tmp_path / "other", name="host/log", makes=True)
    for text in (
        first.text.replace("\n3\n", "\n4\n"),
        other.checkpoint(3, bytes(32)).text,
        "",
        "a\n\nb",
        first.text[:-9],
    ):
        with pytest.raises(DataError):
            notes.read(text, signer.public)
    witnessed = first.text + other.checkpoint(3, bytes(32)).text.rpartition("\n\n")[2]
    assert notes.read(witnessed, signer.public).size == 3


def test_the_verifier_key_of_the_signed_note_specification():
    """The example key of the Go package golang.org/x/mod/sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert notes.public_key(text).text == text
    key = notes.public_key(text)
    message = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )  # fmt: skip
    signed = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    import base64

    data = base64.b64decode(signed)
    assert data[:4] == key.id
    assert key.accepts(message.encode(), data[4:])
    assert not key.accepts(message.encode() + b"x", data[4:])


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_reading_keys_and_checkpoints_never_fails_otherwise(text: str):
    key = notes.public_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    with pytest.raises(RoadmapError):
        notes.read(text, key)
    with pytest.raises(ConfigError):
        notes.public_key(text)
    for each in notes.split(text):
        assert each.strip()


def test_proofs_hold_and_no_other(state: State, tmp_path: Path):
    fill(state, 20)
    signer = notes.Signer.open(tmp_path / "k", name="host/log", makes=True)
    with state.read() as tx:
        old = signer.checkpoint(7, tree.root(tx, 7))
        made = list(proving.proofs(tx, ["3", "wf_5"], signer, NOW))
        grown = proving.consistency(tx, old, signer, NOW)
        everything = list(proving.proofs(tx, ["wf_run"], signer, NOW))
        with pytest.raises(DataError, match="no entry"):
            list(proving.proofs(tx, ["wf_unknown"], signer, NOW))
    assert [each["seq"] for each in made] == [3, 5]
    assert len(everything) == 20
    for proof in (*made, grown):
        assert proving.problem(proof, signer.public) is None
    assert proving.problem({**made[0], "entry": made[1]["entry"]}, signer.public)
    assert proving.problem({**made[0], "action": "plan.approved"}, signer.public)
    assert proving.problem({**made[0], "seq": 4}, signer.public)
    assert proving.problem({**grown, "old_checkpoint": signer.checkpoint(7, bytes(32)).text}, signer.public)
    other = notes.Signer.open(tmp_path / "other", name="host/log", makes=True)
    assert "not signed" in str(proving.problem(made[0], other.public))
    with pytest.raises(DataError):
        proving.problem({**made[0], "hashes": ["x"]}, signer.public)


def test_entries_are_found_and_exported(state: State):
    fill(state, 5)
    with state.write() as tx:
        log.append(tx, action="right.refused", user="user:bob", resource="=cmd()", outcome="refused", why="no", at=NOW)
    with state.read() as tx:
        refused = list(entries.rows(tx, {"outcome": "refused"}))
        late = list(entries.rows(tx, {"action": "step.*", "run_id": "wf_run"}, since=NOW + timedelta(seconds=3)))
        last = list(entries.rows(tx, {}, newest=2))
        everything = list(entries.rows(tx, {}))
    assert [each[0] for each in refused] == [5]
    assert [each[0] for each in late] == [3, 4]
    assert [each[0] for each in last] == [4, 5]
    found = entries.record(*refused[0])
    assert (found["user"], found["outcome"], "agent" in found) == ("user:bob", "refused", False)
    missed: list[DataError] = []
    csv = b"".join(entries.text("csv", iter(everything), missed.append)).decode().splitlines()
    assert len(csv) == 7
    assert "'=cmd()" in csv[-1]
    event = entries.ocsf(*refused[0][:2])
    assert (event["type_uid"], event["status_id"], event["class_uid"]) == (600399, 2, 6003)
    assert b"".join(entries.text("cloudevents", iter(refused), missed.append)) == refused[0][1] + b"\n"
    assert not missed


@pytest.mark.parametrize(
    "body",
    [b"{}", b"{", b"[]", b"", b"\xff", b'{"data": {"actor": 1}}',
     b'{"id": "a", "time": "b", "data": {"action": 1, "actor": {}, "resource": "r", "outcome": "o", "why": "w"}}'],
)  # fmt: skip
def test_what_stands_after_a_damaged_entry_is_read(state: State, body: bytes, tmp_path: Path):
    signer = notes.Signer.open(tmp_path / "audit.key", name="host/log", makes=True)
    fill(state, 3)
    unguarded(state)
    with state.write() as tx:
        tx.execute("UPDATE wf_audit SET body = ? WHERE seq = 1", (body,))
    with state.read() as tx:
        rows = list(entries.rows(tx, {}))
    with pytest.raises(DataError, match="entry 1 cannot be read; see wf-audit verify"):
        entries.record(*rows[1])
    for form, count in (("csv", 3), ("ocsf", 2), ("cloudevents", 2)):
        missed: list[DataError] = []
        assert len(b"".join(entries.text(form, iter(rows), missed.append)).splitlines()) == count
        assert [each.code for each in missed] == ["log_damaged"]
    with state.read() as tx:
        for key, value in (("action", "step.*"), ("user", "user:ann"), ("agent", "data"), ("run_id", "wf_run")):
            assert list(entries.rows(tx, {key: value})) == rows
        assert [seq for seq, *_ in entries.rows(tx, {"resource": "wf_2", "outcome": "done"})] == [1, 2]
        with pytest.raises(DataError, match="entry 1 cannot be read"):
            list(proving.proofs(tx, ["1"], signer, NOW))
        assert [each["seq"] for each in proving.proofs(tx, ["wf_run"], signer, NOW)] == [0, 2]
        text = metrics.text(metrics.families(tx, NOW))
    assert 'roadmap_wf_audit_entries_total{outcome="done"} 2' in text


def test_what_is_missing_is_told_once(state: State):
    fill(state, 600)
    unguarded(state)
    with state.write() as tx:
        tx.execute("DELETE FROM wf_audit WHERE seq = 10 OR seq BETWEEN 20 AND 22")
    with state.read() as tx:
        gaps = [(each.seq, each.detail) for each in checking.problems(tx, []) if each.code == "gap"]
    assert gaps == [(11, "entry 10 is missing"), (23, "entries 20 to 22 are missing")]
