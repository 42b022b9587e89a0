"""A sync with one remote: take in what is there, send what is due, check that it arrived, tidy up.

Killed at any point it is run again: segments are made and numbered in one transaction before they are sent, sent
under the name they will always have, and counted as sent when they were read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import TryLater
from roadmap_cli.slm.sync import absorb, changes, members, publish, segment
from roadmap_cli.slm.sync.absorb import Problem, Taken
from roadmap_cli.slm.sync.members import Me
from roadmap_cli.slm.sync.remotes.place import Missing, Place

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

#: A snapshot of one's own segments is made when so many are live.
COMPACT_AFTER = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """A segment that a remote has now."""

    name: str
    size: int
    record_count: int
    kinds: tuple[str, ...]


@dataclass(slots=True)
class Outcome:
    """What a sync with one remote did."""

    remote: str
    sent: list[Sent] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    removed: int = 0


Progress = Callable[[int], None]


def _silent(size: int) -> None:
    return None


class Exchange:
    """Syncs of this device; `now` is the clock. One at a time for a state: see `alone`."""

    def __init__(self, state: State, now: Callable[[], datetime]):
        self.state = state
        self.now = now
        with state.read() as tx:
            self.me: Me = members.me(tx)

    def note_changes(self) -> int:
        """Turn what was changed in the state into revisions; how many."""
        with self.state.write() as tx:
            count = changes.note(tx, self.me, self.now())
            self.me.save(tx)
        return count

    def sync(
        self, action: str, place: Place, outcome: Outcome, progress: Progress = _silent, *, snapshot: bool = False
    ) -> None:
        """Sync with a place: ``pull`` takes in, ``push`` sends, ``run`` does the one, then the other.

        What was done is put into `outcome` as it is done, so that it is there when an error ends it. With `snapshot`
        everything is published anew.
        """
        self.note_changes()
        listed = place.files()
        self._pull(place, listed, outcome, progress, only_own=action == "push")
        if snapshot:  # what of ours is gone comes again
            own = self.me.device_id
            outcome.problems = [
                each for each in outcome.problems if (each.code, each.device_id) != ("rolled_back", own)
            ]
        if action != "pull":
            self._push(place, listed, outcome, progress, "all" if snapshot else "")

    # -- taking in -------------------------------------------------------------------------------------------------

    def _pull(
        self,
        place: Place,
        listed: dict[str, int],
        outcome: Outcome,
        progress: Progress,
        *,
        only_own: bool = False,
    ) -> None:
        absorber = absorb.Absorber(self.state, self.me, place.get, listed, self.now, lambda taken: progress(taken.size))
        try:
            if only_own:
                absorber.device(self.me.device_id)
            else:
                absorber.everything()
        finally:
            found = absorber.result
            outcome.taken += found.taken
            outcome.problems += found.problems
        outcome.waiting, outcome.strangers = found.waiting, found.strangers
        if found.taken:
            self._take_in_messages()
        if any(taken.device_id == self.me.device_id for taken in found.taken):
            self._recognise(outcome.remote, listed)
        self._look_back(listed, outcome, only_own)

    def _take_in_messages(self) -> None:
        """Messages of slm-chat from other devices stand in their conversations here, too."""
        from roadmap_cli.slm.window import archive

        with self.state.read() as tx:
            if not archive.orphans(tx):
                return
        with self.state.write() as tx:
            archive.adopt(tx)

    def _recognise(self, name: str, listed: dict[str, int]) -> None:
        """Note which segments of ours, made before this state was brought back from a backup, the remote has."""
        with self.state.write() as tx:
            rows = tx.execute("SELECT seq, name FROM slm_sync_outbox WHERE bytes IS NULL").fetchall()
            tx.executemany(
                "INSERT INTO slm_sync_upload (remote, seq, removed) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
                [(name, seq) for seq, segment_name in rows if segment_name in listed],
            )

    def _look_back(self, listed: dict[str, int], outcome: Outcome, only_own: bool) -> None:
        """Whether the remote shows less than it did."""
        name = outcome.remote
        chains = absorb.chains(listed)
        with self.state.write() as tx:
            known = {member.device_id: member for member in members.every(tx)}
            for device_id, member in known.items():
                if only_own and device_id != self.me.device_id:
                    continue
                last = max(chains.get(device_id, {}), default=0)
                row = tx.execute(
                    "SELECT seq FROM slm_sync_view WHERE remote = ? AND device_id = ?", (name, device_id)
                ).fetchone()
                before = row[0] if row else 0
                if last < before:
                    words = f"{member.card.name!r}: the remote has gone back from segment {before} to {last}"
                    hint = "wait and run it again; if it stays so, an older copy of the remote was put in its place"
                    outcome.problems.append(Problem("rolled_back", device_id, words, hint, passing=True))
                elif last > before:
                    tx.execute(
                        "INSERT INTO slm_sync_view (remote, device_id, seq) VALUES (?, ?, ?)"
                        " ON CONFLICT (remote, device_id) DO UPDATE SET seq = excluded.seq",
                        (name, device_id, last),
                    )
            gone = self._gone(tx, name, listed)
        if gone:
            words = f"{len(gone)} segments of this device are not there any more, {gone[0]} is the first"
            hint = "wait and run it again; if it stays so, publish anew: slm-sync push --snapshot"
            outcome.problems.append(Problem("rolled_back", self.me.device_id, words, hint, passing=True))

    def _gone(self, tx: Any, name: str, listed: dict[str, int]) -> list[int]:
        rows = tx.execute(
            "SELECT o.seq, o.name FROM slm_sync_upload u JOIN slm_sync_outbox o ON o.seq = u.seq"
            " WHERE u.remote = ? AND NOT u.removed AND o.seq >= ? ORDER BY o.seq",
            (name, _begin(tx)),
        )
        return [seq for seq, segment_name in rows if segment_name not in listed]

    def missing(self) -> list[Problem]:
        """What other devices have seen of one another and this device has not, after all remotes were asked."""
        with self.state.read() as tx:
            known = [member for member in members.every(tx) if member.is_active]
        found = []
        for member in known:
            if member.device_id == self.me.device_id:
                continue
            most = max((each.seen.get(member.device_id, 0) for each in known), default=0)
            if member.seq < most:
                words = (
                    f"{member.card.name!r}: other devices have seen its segment {most}; here it ends at {member.seq}"
                )
                found.append(Problem("missing", member.device_id, words, absorb.MISSING_HINT, passing=True))
        return found

    # -- sending ---------------------------------------------------------------------------------------------------

    def _push(self, place: Place, listed: dict[str, int], outcome: Outcome, progress: Progress, snapshot: str) -> None:
        name = outcome.remote
        if any(problem.code == "forked" and problem.device_id == self.me.device_id for problem in outcome.problems):
            return
        if self._is_behind_itself(outcome):
            return
        with self.state.write() as tx:
            publish.make(tx, self.me, self.now(), snapshot=snapshot or self._due(tx, name))
            waiting = tx.execute(
                "SELECT seq, name, size, record_count, kinds FROM slm_sync_outbox o WHERE bytes IS NOT NULL"
                " AND seq >= ? AND NOT EXISTS (SELECT 1 FROM slm_sync_upload u WHERE u.seq = o.seq AND u.remote = ?)"
                " ORDER BY seq",
                (_begin(tx), name),
            ).fetchall()
        for seq, segment_name, size, count, kinds in waiting:
            self._send(name, place, listed, seq, segment_name, listed_kinds(kinds))
            outcome.sent.append(Sent(segment_name, size, count, listed_kinds(kinds)))
            progress(size)
        self._clean(name, place, listed, outcome)

    def _is_behind_itself(self, outcome: Outcome) -> bool:
        """Whether others have seen more of this device than it knows: its state is an older one, the listing late."""
        with self.state.read() as tx:
            seen = max((member.seen.get(self.me.device_id, 0) for member in members.every(tx)), default=0)
        if seen < self.me.next_seq:
            return False
        words = (
            f"other devices have seen segment {seen} of this device, which it does not know: its state is an older one"
        )
        hint = "wait and run it again; if it stays so, become a new device: slm-sync init --renew"
        outcome.problems.append(Problem("rolled_back", self.me.device_id, words, hint, passing=True))
        return True

    def _due(self, tx: Any, name: str) -> str:
        """The snapshot that is due: all, if the remote lacks segments whose bytes are gone; own, if there are many."""
        begin = _begin(tx)
        lacking = tx.execute(
            "SELECT 1 FROM slm_sync_outbox o WHERE bytes IS NULL AND seq >= ?"
            " AND NOT EXISTS (SELECT 1 FROM slm_sync_upload u WHERE u.seq = o.seq AND u.remote = ?) LIMIT 1",
            (begin, name),
        ).fetchone()
        if lacking:
            return "all"
        row = tx.execute("SELECT max(last_seq), max(last_seq) - max(first_seq) FROM slm_sync_snapshot").fetchone()
        last, parts = row[0] or 0, row[1] or 0
        (since,) = tx.execute(
            "SELECT count(*) FROM slm_sync_outbox WHERE seq > ? AND record_count > 0", (last,)
        ).fetchone()
        return "own" if since > max(COMPACT_AFTER, parts) else ""

    def _send(
        self, name: str, place: Place, listed: dict[str, int], seq: int, segment_name: str, kinds: tuple[str, ...]
    ) -> None:
        with self.state.read() as tx:
            (data,) = tx.execute("SELECT bytes FROM slm_sync_outbox WHERE seq = ?", (seq,)).fetchone()
        data = bytes(data)
        if not (listed.get(segment_name) == len(data) and self._arrived(place, segment_name, data)):
            place.put(segment_name, data, kinds)
            if not self._arrived(place, segment_name, data):
                raise TryLater(
                    f"segment {seq} is not on the remote as it was sent",
                    hint="run it again: it is sent once more under the same name",
                    code="not_arrived",
                )
        listed[segment_name] = len(data)
        with self.state.write() as tx:
            tx.execute(
                "INSERT INTO slm_sync_upload (remote, seq, removed) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
                (name, seq),
            )
            tx.execute(
                "INSERT INTO slm_sync_view (remote, device_id, seq) VALUES (?, ?, ?)"
                " ON CONFLICT (remote, device_id) DO UPDATE SET seq = max(seq, excluded.seq)",
                (name, self.me.device_id, seq),
            )
            tx.execute(
                "UPDATE slm_sync_outbox SET bytes = NULL WHERE seq = ? AND NOT EXISTS (SELECT 1 FROM slm_sync_remote r"
                " WHERE NOT EXISTS (SELECT 1 FROM slm_sync_upload u WHERE u.seq = ? AND u.remote = r.name))",
                (seq, seq),
            )

    def _arrived(self, place: Place, segment_name: str, data: bytes) -> bool:
        try:
            return segment.digest(place.get(segment_name)) == segment.digest(data)
        except Missing:
            return False

    def _clean(self, name: str, place: Place, listed: dict[str, int], outcome: Outcome) -> None:
        """Remove this device's segments that a snapshot stands for, if every device has taken it in."""
        with self.state.read() as tx:
            acknowledged = min(
                (
                    member.seen.get(self.me.device_id, 0)
                    for member in members.every(tx)
                    if member.is_active and member.device_id != self.me.device_id
                ),
                default=0,
            )
            row = tx.execute(
                "SELECT max(first_seq) FROM slm_sync_snapshot WHERE last_seq <= ?", (acknowledged,)
            ).fetchone()
            before = row[0] or 0
            old = tx.execute(
                "SELECT o.seq, o.name FROM slm_sync_upload u JOIN slm_sync_outbox o ON o.seq = u.seq"
                " WHERE u.remote = ? AND NOT u.removed AND o.seq < ? ORDER BY o.seq",
                (name, before),
            ).fetchall()
        for seq, segment_name in old:
            place.delete(segment_name)
            listed.pop(segment_name, None)
            with self.state.write() as tx:
                tx.execute("UPDATE slm_sync_upload SET removed = 1 WHERE remote = ? AND seq = ?", (name, seq))
            outcome.removed += 1


@contextmanager
def alone(state: State, wait_s: float) -> Iterator[None]:
    """Let one sync at a time work on a state. Raises TryLater after `wait_s` seconds."""
    from roadmap_cli.state import lock

    with lock.one_at_a_time(state.path, "slm-sync", wait_s):
        yield


def _begin(tx: Any) -> int:
    """The first segment that still counts: those before the newest snapshot do not."""
    row = tx.execute("SELECT max(first_seq) FROM slm_sync_snapshot").fetchone()
    return int(row[0] or 1)


def listed_kinds(text: str) -> tuple[str, ...]:
    """The kinds in a column that holds a JSON list of them."""
    import json

    return tuple(json.loads(text))
