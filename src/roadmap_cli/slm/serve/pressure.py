"""Being told by the kernel that memory is short: pressure-stall triggers, and the events of control groups.

All sources stand in one epoll set, itself a descriptor that an event loop waits on: while nothing happens, nothing
runs. Where none can be opened (old kernels, phones), `Watch.has_events` is false and the caller looks at the numbers
from time to time while models are loaded.

Pressure-stall triggers (the kernel's accounting/psi.rst): ``some STALL_US WINDOW_US`` written to the file, then
POLLPRI at most once a window. Without CAP_SYS_RESOURCE the window must be a multiple of two seconds. Control groups,
version 2: the same in memory.pressure, and POLLPRI on memory.events when its counters change. Version 1: event
descriptors for marks of usage and for reclaim, told to cgroup.event_control.
"""

from __future__ import annotations

import contextlib
import os
import select
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.models.memory import Group

WINDOW_US = 2_000_000
#: Share of the window that some task, or all of them, waited for memory → level.
TRIGGERS = (("some", 200_000, 1), ("some", 400_000, 2), ("full", 200_000, 3))
#: Share of a group's limit in use at which to look.
MARKS = (0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.93, 0.96)


@dataclass(frozen=True, slots=True)
class Event:
    """Something the kernel said. `level` 1 to 3; 0 is only a reason to look at the numbers. `whole`: not just ours."""

    level: int
    source: str
    whole: bool = False


class Watch:
    """The kernel's events about memory."""

    def __init__(self, limited: Group | None, root: Path = Path("/")) -> None:
        self._poll = select.epoll()
        self._events: dict[int, Event] = {}
        self._counters: dict[int, dict[str, int]] = {}
        self._others: list[int] = []
        self.missing: list[str] = []
        machine = root / "proc/pressure/memory"
        if limited is not None and limited.version == 2:
            self._triggers(limited.folder / "memory.pressure", "cgroup pressure", whole=False)
            self._group_events(limited.folder / "memory.events")
        elif limited is not None:
            self._marks(limited)
        self._triggers(machine, "pressure", whole=True)

    @property
    def has_events(self) -> bool:
        """Whether the kernel tells of anything by itself."""
        return bool(self._events)

    @property
    def sources(self) -> list[str]:
        """What is listened to, each once."""
        return list(dict.fromkeys(event.source.partition(":")[0] for event in self._events.values()))

    def fileno(self) -> int:
        """Readable when there is something to `take`."""
        return self._poll.fileno()

    def take(self) -> Event | None:
        """The most serious of what the kernel said since the last call, or None."""
        said: list[Event] = []
        for descriptor, flags in self._poll.poll(0):
            event = self._events.get(descriptor)
            if event is None:
                continue
            if flags & (select.EPOLLERR | select.EPOLLHUP) and descriptor not in self._counters:
                self._forget(descriptor)  # the group is gone
                continue
            if descriptor in self._counters:
                if not self._grew(descriptor):
                    continue
            elif flags & select.EPOLLIN:
                with contextlib.suppress(OSError):
                    os.read(descriptor, 8)
            said.append(event)
        return max(said, key=lambda event: event.level, default=None)

    def close(self) -> None:
        """Stop listening."""
        for descriptor in list(self._events):
            self._forget(descriptor)
        for descriptor in self._others:
            os.close(descriptor)
        self._others.clear()
        self._poll.close()

    def _triggers(self, path: Path, source: str, *, whole: bool) -> None:
        for kind, stall, level in TRIGGERS:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                self.missing.append(f"{path}: {(error.strerror or str(error)).lower()}")
                return
            try:
                os.write(descriptor, f"{kind} {stall} {WINDOW_US}\0".encode())
                self._poll.register(descriptor, select.EPOLLPRI)
            except OSError as error:
                os.close(descriptor)
                self.missing.append(f"{path}: {(error.strerror or str(error)).lower()}")
                return
            words = f"{source}: {kind} {stall // 1000} ms in {WINDOW_US // 1_000_000} s"
            self._events[descriptor] = Event(level, words, whole)

    def _group_events(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._poll.register(descriptor, select.EPOLLPRI)
        except OSError as error:
            self.missing.append(f"{path}: {(error.strerror or str(error)).lower()}")
            return
        self._events[descriptor] = Event(2, "cgroup events")
        self._counters[descriptor] = {}
        self._grew(descriptor)

    def _grew(self, descriptor: int) -> bool:
        """Whether the group went over a limit since the last look, and not only below one of its guarantees."""
        try:
            text = os.pread(descriptor, 4096, 0).decode("ascii", "replace")
        except OSError:
            return False
        words = [line.split() for line in text.splitlines()]
        now = {each[0]: int(each[1]) for each in words if len(each) == 2 and each[1].isdigit()}
        before, self._counters[descriptor] = self._counters[descriptor], now
        return any(now.get(name, 0) > before.get(name, 0) for name in ("high", "max", "oom"))

    def _marks(self, limited: Group) -> None:
        control = limited.folder / "cgroup.event_control"
        wanted = [
            *(("memory.usage_in_bytes", str(int(limited.limit * mark)), 0) for mark in MARKS),
            ("memory.pressure_level", "low", 0),
            ("memory.pressure_level", "medium", 2),
            ("memory.pressure_level", "critical", 3),
        ]
        for name, argument, level in wanted:
            descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            source = -1
            try:
                source = os.open(limited.folder / name, os.O_RDONLY | os.O_CLOEXEC)
                control.write_text(f"{descriptor} {source} {argument}", "ascii")
                self._poll.register(descriptor, select.EPOLLIN)
            except OSError as error:
                os.close(descriptor)
                if source >= 0:
                    os.close(source)
                self.missing.append(f"{control}: {(error.strerror or str(error)).lower()}")
                return
            self._others.append(source)
            self._events[descriptor] = Event(level, f"cgroup marks: {name.partition('.')[2]} {argument}")

    def _forget(self, descriptor: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._poll.unregister(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)
        self._events.pop(descriptor, None)
        self._counters.pop(descriptor, None)
