"""Taking in what other devices wrote: each one's segments in their order, each checked, each in one transaction.

A segment that is missing, damaged, forged or out of order stops that device's chain and is told as a problem; the
other devices' chains go on. The only way past a gap is a snapshot by the same device that stands for what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.slm.sync import changes, members, publish, segment, tree
from roadmap_cli.slm.sync.members import Me, Member
from roadmap_cli.slm.sync.segment import Head, NotForUs

if TYPE_CHECKING:
    from roadmap_cli.slm.sync.revision import Revision
    from roadmap_cli.state.store import State

#: number → names of the segments with that number
Chain = dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit on a remote. `passing`: waiting may mend it (a listing that is late, an upload under way)."""

    code: str
    device_id: str
    message: str
    hint: str
    passing: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """A segment that was taken in."""

    name: str
    device_id: str
    size: int
    record_count: int
    kinds: tuple[str, ...]


@dataclass(slots=True)
class Pulled:
    """What came of one look at a remote. `waiting`: devices whose newest segments are not encrypted to this one."""

    taken: list[Taken] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def chains(names: Iterator[str] | Mapping[str, int]) -> dict[str, Chain]:
    """The segments on a remote, by device and number; names that are none of ours are left out."""
    found: dict[str, Chain] = {}
    for name in sorted(names):
        if parts := segment.NAME.match(name):
            found.setdefault(parts[1], {}).setdefault(int(parts[2], 16), []).append(name)
    return found


class Absorber:
    """Takes in one remote's segments for this device."""

    def __init__(
        self,
        state: State,
        me: Me,
        get: Callable[[str], bytes],
        listed: Mapping[str, int],
        now: Callable[[], datetime],
        progress: Callable[[Taken], None] = lambda taken: None,
    ):
        self.state = state
        self.me = me
        self.get = get
        self.found = chains(listed)
        self.now = now
        self.progress = progress
        self.result = Pulled()
        self._opened: dict[str, tuple[Head, list[Revision], int] | DataError] = {}

    def everything(self) -> Pulled:
        """Take in all there is, of devices that become known on the way, too."""
        done: set[str] = set()
        while True:
            with self.state.read() as tx:
                known = members.every(tx)
            fresh = [member for member in known if member.device_id not in done]
            if not fresh:
                break
            for member in fresh:
                done.add(member.device_id)
                self.device(member.device_id)
        self.result.strangers = sorted(set(self.found) - done)
        return self.result

    def device(self, device_id: str) -> None:
        """Take in the segments of one device."""
        chain = self.found.get(device_id, {})
        if device_id == self.me.device_id and not self._one_of_us(chain):
            return
        while True:
            with self.state.read() as tx:
                known = {member.device_id: member for member in members.every(tx)}
            member = known[device_id]
            limit = members.limit(list(known.values()), member)
            seq, digest = self._position(member)
            ahead = sorted(number for number in chain if seq < number <= limit)
            if seq in chain and device_id != self.me.device_id:
                self._same_past(member, chain[seq], digest)
            if not ahead:
                return
            if not self._step(member, chain, seq, digest, ahead):
                return

    def _position(self, member: Member) -> tuple[int, str]:
        if member.device_id == self.me.device_id:
            return self.me.next_seq - 1, self.me.last_hash
        return member.seq, member.hash

    def _step(self, member: Member, chain: Chain, seq: int, digest: str, ahead: list[int]) -> bool:
        """Take in the next segment, or a snapshot that stands for it. False if neither can be had."""
        failure: DataError | None = None
        if seq + 1 in chain:
            try:
                name, found = self._sound(member, chain[seq + 1])
                if seq and found[0].previous != digest:
                    raise DataError("it does not follow the one before", code="broken_chain")
                self._take(member, [(name, found)])
                return True
            except DataError as error:
                failure = error
        for number in ahead:
            parts = self._snapshot(member, chain, number, seq)
            if parts:
                self._take(member, parts)
                return True
        if failure is None and all(isinstance(self._open(member, name), NotForUs) for name in chain[ahead[0]]):
            failure = NotForUs("not encrypted to this device")
        self._tell(member, seq + 1, ahead[-1], failure)
        return False

    def _sound(self, member: Member, names: list[str]) -> tuple[str, tuple[Head, list[Revision], int]]:
        """The one segment of a number that is what it should be. Raises DataError if none or more than one is."""
        sound, failure = [], DataError("it is missing", code="missing")
        for name in names:
            found = self._open(member, name)
            if isinstance(found, DataError):
                failure = found
            else:
                sound.append((name, found))
        if len(sound) > 1:
            raise DataError("there are two of it", code="forked")
        if not sound:
            raise failure
        return sound[0]

    def _open(self, member: Member, name: str) -> tuple[Head, list[Revision], int] | DataError:
        if name not in self._opened:
            self._opened[name] = self._checked(member, name)
        return self._opened[name]

    def _checked(self, member: Member, name: str) -> tuple[Head, list[Revision], int] | DataError:
        parts = segment.NAME.match(name)
        assert parts
        data = self.get(name)
        try:
            if segment.digest(data) != parts[3]:
                raise DataError("its bytes are not those it was made of", code="damaged")
            head, revisions = segment.opened(data, self.me.identity, member.card.verify_key)
            if (head.device_id, head.seq) != (member.device_id, int(parts[2], 16)):
                raise DataError("it belongs in another place", code="misplaced")
        except DataError as error:
            return error
        return head, revisions, len(data)

    def _snapshot(self, member: Member, chain: Chain, first: int, seq: int) -> list[Any]:
        """The parts of a snapshot that begins at number `first` and reaches back to `seq`; none if there is none."""
        parts: list[Any] = []
        try:
            name, found = self._sound(member, chain[first])
            head = found[0]
            low, high, _ = head.covers.get(member.device_id, (0, -1, ""))
            if head.part != 1 or low > seq or high < first - 1:
                return []
            parts.append((name, found))
            for number in range(first + 1, first + head.parts):
                name, found = self._sound(member, chain.get(number, []))
                if found[0].previous != segment.hash_in(parts[-1][0]):
                    return []
                parts.append((name, found))
        except DataError:
            return []
        return parts

    def _take(self, member: Member, parts: list[Any]) -> None:
        """Store one segment, or the parts of a snapshot, and that they are taken in."""
        me, at = self.me, self.now()
        own = member.device_id == me.device_id
        taken = []
        with self.state.write() as tx:
            touched: set[str] = set()
            for name, (head, revisions, size) in parts:
                fresh = [each for each in revisions if tree.add(tx, each, own=own, seq=head.seq if own else None)]
                touched.update(each.record_id for each in fresh)
                for each in fresh:
                    me.clock.hear(each.clock, at)
                kinds = tuple(sorted({each.kind for each in revisions}))
                taken.append(Taken(name, member.device_id, size, len(revisions), kinds))
                self._believe(tx, member, head, len(revisions), at)
            for record_id in sorted(touched):
                changes.note_one(tx, me, record_id, at)
                changes.settle(tx, me, record_id, at)
            last_name, (last, _, size) = parts[-1]
            if own:
                self._own(tx, parts)
            members.advance(tx, member.device_id, last.seq, segment.hash_in(last_name))
            me.save(tx)
            removed = tx.execute(
                "SELECT removed_at FROM slm_sync_device WHERE device_id = ?", (me.device_id,)
            ).fetchone()
        for name, _ in parts:
            self._opened.pop(name, None)
        self.result.taken += taken
        for each in taken:
            self.progress(each)
        if removed and removed[0] is not None:
            raise ConfigError(
                f"{member.card.name!r} has removed this device from the sync",
                hint=REMOVED_HINT,
                code="removed",
            )

    def _believe(self, tx: Any, member: Member, head: Head, count: int, at: datetime) -> None:
        """Take over what a segment says of devices: who is there, who is not, what each has seen and can read."""
        me, teller = self.me, member.device_id
        for card in head.cards:
            members.add(tx, card, at=at, by=teller)
        for device_id in head.removed:
            members.remove(tx, device_id, at=at)
        tx.execute("UPDATE slm_sync_device SET seen = ? WHERE device_id = ?", (json.dumps(head.seen), teller))
        if teller == me.device_id:
            return
        me.heard += bool(count)
        tx.execute("UPDATE slm_sync_device SET knew_us = 1 WHERE device_id = ?", (teller,))
        for device_id in head.stuck:
            row = tx.execute("SELECT seq FROM slm_sync_device WHERE device_id = ?", (device_id,)).fetchone()
            me.must_repeat = me.must_repeat or (row is not None and row[0] > head.seen.get(device_id, 0))
        for device_id, (low, high, digest) in head.covers.items():
            if device_id == me.device_id:
                if low == 0 and head.part == head.parts:
                    tx.executemany(
                        "UPDATE slm_sync_device SET covered_seq = max(coalesce(covered_seq, 0), ?) WHERE device_id = ?",
                        [(high, each) for each in head.to if each != me.device_id],
                    )
                continue
            position = tx.execute("SELECT seq FROM slm_sync_device WHERE device_id = ?", (device_id,)).fetchone()
            if device_id == teller:
                me.must_ack = me.must_ack or low == 0
            elif position and low <= position[0] and head.part == head.parts:
                members.advance(tx, device_id, high, digest)

    def _own(self, tx: Any, parts: list[Any]) -> None:
        """Segments of ours that this state does not know: it was brought back from a backup. Go on behind them."""
        for name, (head, revisions, size) in parts:
            kinds = json.dumps(sorted({each.kind for each in revisions}))
            tx.execute(
                "INSERT INTO slm_sync_outbox (seq, name, hash, bytes, size, record_count, kinds, covers_from)"
                " VALUES (?, ?, ?, NULL, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
                (head.seq, name, segment.hash_in(name), size, len(revisions), kinds),
            )
            self.me.next_seq, self.me.last_hash = head.seq + 1, segment.hash_in(name)
            tx.executemany(
                "UPDATE slm_sync_device SET included_seq = coalesce(included_seq, ?) WHERE device_id = ?",
                [(head.seq, each) for each in head.to],
            )

    def _one_of_us(self, chain: Chain) -> bool:
        """Whether our segments on the remote are ours alone, as far as this state knows them.

        If another one of ours took the number of one that was never sent, this state was brought back from a backup:
        ours is made anew behind it. If it was sent, there are two of us, which is a problem.
        """
        with self.state.read() as tx:
            rows = tx.execute(
                "SELECT seq, name, EXISTS (SELECT 1 FROM slm_sync_upload u WHERE u.seq = o.seq) FROM slm_sync_outbox o"
                " ORDER BY seq"
            ).fetchall()
            mine = next(each for each in members.every(tx) if each.device_id == self.me.device_id)
        for seq, name, sent in rows:
            others = [each for each in chain.get(seq, []) if each != name]
            if not any(not isinstance(self._open(mine, each), DataError) for each in others):
                continue
            if sent:
                self._problem(mine, "forked", "was copied: two devices write in its name", FORK_HINT, passing=False)
                return False
            with self.state.write() as tx:
                publish.take_back(tx, self.me, seq)
            return True
        return True

    def _same_past(self, member: Member, names: list[str], digest: str) -> None:
        """Whether the last segment taken in is still the one on the remote."""
        if any(segment.hash_in(name) == digest for name in names) or not digest:
            return
        if any(not isinstance(self._open(member, name), DataError) for name in names):
            self._problem(member, "forked", "was copied: two devices write in its name", FORK_HINT, passing=False)

    def _tell(self, member: Member, number: int, last: int, failure: DataError | None) -> None:
        if isinstance(failure, NotForUs):
            if member.is_active and member.seq and self._knew_us(member):
                words = "encrypts to this device no more: it was removed there, or on another device"
                self._problem(member, "removed", words, REMOVED_HINT, passing=False)
            elif member.is_active:
                self.result.waiting.append(member.device_id)
            elif not member.stuck:
                self._ask_for(member)
            return
        if failure is None:
            words = f"segment {number} is not there, though {last} is"
            self._problem(member, "missing", words, MISSING_HINT, passing=True)
        elif failure.code == "forked":
            self._problem(member, "forked", "was copied: two devices write in its name", FORK_HINT, passing=False)
        elif failure.code == "newer":
            self._problem(member, "newer", f"segment {number}: {failure.message}", "upgrade roadmap", passing=False)
        else:
            hint = DAMAGED_HINT.format(member.card.name)
            self._problem(member, failure.code, f"segment {number}: {failure.message}", hint, passing=False)

    def _ask_for(self, member: Member) -> None:
        """Have the others repeat what a removed device wrote before it knew this one."""
        with self.state.write() as tx:
            tx.execute("UPDATE slm_sync_device SET stuck = 1 WHERE device_id = ?", (member.device_id,))
            self.me.must_ack = True
            self.me.save(tx)

    def _knew_us(self, member: Member) -> bool:
        """Whether the last segment taken in of a device was encrypted to this one."""
        with self.state.read() as tx:
            row = tx.execute("SELECT knew_us FROM slm_sync_device WHERE device_id = ?", (member.device_id,)).fetchone()
        return bool(row[0])

    def _problem(self, member: Member, code: str, words: str, hint: str, *, passing: bool) -> None:
        found = Problem(code, member.device_id, f"{member.card.name!r}: {words}", hint, passing)
        if found not in self.result.problems:
            self.result.problems.append(found)


REMOVED_HINT = "to take part again as a new device: slm-sync init --renew, and have it added there"
MISSING_HINT = (
    "wait and run it again; if it stays so, something was taken away: slm-sync push --snapshot on that device"
)
DAMAGED_HINT = "nothing of it was taken in; have {!r} publish anew: slm-sync push --snapshot"
FORK_HINT = "make one of the two a new device: slm-sync init --renew there, and remove the old one"
