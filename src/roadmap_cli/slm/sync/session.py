"""One call of a person or of cron: which remotes, whether now is the time, and what to say in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.clock import Clock, stamp
from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.sync import changes, exchange, members, publish, setup
from roadmap_cli.slm.sync.absorb import Problem, Taken
from roadmap_cli.slm.sync.exchange import Exchange, Outcome, Sent
from roadmap_cli.slm.sync.remotes import opening
from roadmap_cli.slm.sync.remotes.place import Remote

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State

#: Below this charge, in per cent, a sync waits for the charger.
LOW_BATTERY_PERCENT = 20


class Session:
    """Syncs with some remotes; afterwards `notes`, `warnings` (words, hint) and `failure` say how it went."""

    def __init__(
        self,
        state: State,
        transport: Callable[[], Transport],
        *,
        clock: Clock,
        command: str,
        environ: Mapping[str, str],
        sysroot: Path = Path("/"),
    ):
        self.state = state
        self.clock = clock
        self.command = command
        self.environ = environ
        self.sysroot = sysroot
        self.notes: list[str] = []
        self.warnings: list[tuple[str, str]] = []
        self.failure: RoadmapError | None = None
        self._transport = transport
        self._problems: list[Problem] = []
        self._names: dict[str, str] = {}

    def preview(self, names: tuple[str, ...], action: str) -> Iterator[Record]:
        """What would be sent: an ``slm.sync_segment`` record for each remote. Nothing is asked."""
        with self.state.write() as tx:
            me = members.me(tx)
            remotes = setup.chosen_remotes(tx, names)
            changes.note(tx, me, self.clock())
            publish.make(tx, me, self.clock())
            found: list[Record] = []
            self._names = {member.device_id: member.card.name for member in members.every(tx)}
            for remote in remotes:
                rows = tx.execute(
                    "SELECT name, size, record_count, kinds FROM slm_sync_outbox o WHERE bytes IS NOT NULL AND NOT"
                    " EXISTS (SELECT 1 FROM slm_sync_upload u WHERE u.seq = o.seq AND u.remote = ?) ORDER BY seq",
                    (remote.name,),
                ).fetchall()
                for name, size, count, kinds in rows:
                    sent = Sent(name, size, count, exchange.listed_kinds(kinds))
                    found.append(self._record(remote, "out", me.device_id, sent))
        yield from found if action != "pull" else ()

    @contextmanager
    def prepared(
        self, names: tuple[str, ...], action: str, *, wait_s: float, anyway: bool
    ) -> Iterator[tuple[Exchange, list[Remote]]]:
        """The engine and the remotes, no other process syncing meanwhile. Raises TryLater if it is not the time."""
        with self.state.read() as tx:
            members.me(tx)
            remotes = setup.chosen_remotes(tx, names)
        if not anyway:
            self._wait_for_better_times(any(remote.type != "folder" for remote in remotes))
        with exchange.alone(self.state, wait_s):
            yield Exchange(self.state, self.clock), remotes

    def sync(
        self,
        work: Exchange,
        remote: Remote,
        action: str,
        *,
        snapshot: bool = False,
        progress: Callable[[int], None] = lambda size: None,
    ) -> Iterator[Record]:
        """Sync with one remote; an ``slm.sync_segment`` record for each segment taken in or sent."""
        outcome = Outcome(remote.name)
        try:
            with self._transport() as transport:
                there = opening.opened(
                    remote,
                    transport=transport,
                    state=self.state,
                    now=self.clock,
                    command=self.command,
                    environ=self.environ,
                )
                work.sync(action, there, outcome, progress, snapshot=snapshot)
        except (RoadmapError, OSError) as error:
            self._fail(remote, error)
        with self.state.read() as tx:
            self._names = {member.device_id: member.card.name for member in members.every(tx)}
        for taken in outcome.taken:
            yield self._record(remote, "in", taken.device_id, taken)
        for sent in outcome.sent:
            yield self._record(remote, "out", work.me.device_id, sent)
        self._tell(remote, outcome)

    def conclude(self, work: Exchange, action: str) -> None:
        """Look at what only all remotes together can tell, and settle how the command ends."""
        if action != "push" and self.failure is None:
            self._problems += [each for each in work.missing() if each.device_id not in self._told()]
        for problem in self._problems:
            if self.failure is None or (self.failure.exit == TryLater.exit and not problem.passing):
                if self.failure is not None:
                    self.warnings.append((str(self.failure), self.failure.hint or ""))
                self.failure = _error(problem)
            else:
                self.warnings.append((problem.message, problem.hint))

    def _told(self) -> set[str]:
        return {problem.device_id for problem in self._problems}

    def _tell(self, remote: Remote, outcome: Outcome) -> None:
        self._problems += [each for each in outcome.problems if each not in self._problems]
        taken, sent = sum(each.record_count for each in outcome.taken), sum(each.record_count for each in outcome.sent)
        words = f"{remote.name}: took in {taken} versions, sent {sent}"
        if outcome.removed:
            words += f", removed {outcome.removed} old segments"
        self.notes.append(words)
        for device_id in outcome.waiting:
            name = self._names.get(device_id, device_id)
            self.notes.append(f"{name!r} wrote before it knew this device; that comes once it has synced again")
        for device_id in outcome.strangers:
            self.notes.append(f"{remote.name}: there is a device that is not trusted here: {device_id}")

    def _fail(self, remote: Remote, error: RoadmapError | OSError) -> None:
        if not isinstance(error, RoadmapError):
            raise error
        error.where = error.where or remote.name
        if self.failure is None:
            self.failure = error
        else:
            self.warnings.append((str(error), error.hint or ""))

    def _wait_for_better_times(self, through_network: bool) -> None:
        from roadmap_cli.slm.device.power import power

        found = power(self.sysroot, self.environ)
        if through_network and found.is_metered:
            raise TryLater(
                f"the network costs by volume ({found.reason('is_metered')})",
                hint="sync all the same with --now",
                code="metered",
            )
        low = found.percent is not None and found.percent < LOW_BATTERY_PERCENT
        if found.on_battery and (low or found.power_saver):
            why = f"{found.percent:.0f} % left" if low else "power is to be saved"
            raise TryLater(f"the battery is in use, {why}", hint="sync all the same with --now", code="battery_low")

    def _record(self, remote: Remote, direction: str, device_id: str, each: Sent | Taken) -> Record:
        return {
            "kind": "slm.sync_segment",
            "id": run_id("slm.sync_segment", self.clock()),
            "at": stamp(self.clock()),
            "remote": remote.name,
            "direction": direction,
            "device": self._names.get(device_id, device_id),
            "segment": each.name,
            "size_bytes": each.size,
            "record_count": each.record_count,
            "record_kinds": list(each.kinds),
        }


def _error(problem: Problem) -> RoadmapError:
    kind = ConfigError if problem.code == "removed" else TryLater if problem.passing else DataError
    return kind(problem.message, hint=problem.hint, code=problem.code)
