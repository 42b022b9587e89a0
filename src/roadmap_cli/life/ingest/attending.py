"""Waiting for news of many sources at once: files, folders and servers, without waking before there is any."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.life import remote
from roadmap_cli.life.ingest.folders import Watch
from roadmap_cli.life.ingest.sources import Reader
from roadmap_cli.life.opening.settings import Settings

#: A file that is broken may be half written: it is read again so much later, until nobody has touched it for SETTLED_S.
AGAIN_S, SETTLED_S = 1.0, 3.0
#: A server that did not answer is asked again after so long at first, doubled each time up to the usual pause.
FIRST_PAUSE_S = 30.0
DAY_S = 24 * 3600.0


class _Server:
    """A server while it is attended to: who tells of its news, and how often in a row it could not be reached."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.listener: remote.Listener = remote.Clocked(0.0)
        self.failures = 0

    def listen(self, reader: Reader) -> None:
        """Wait for its news, by its own word if it can give it."""
        self.listener.close()
        listen = getattr(remote.module(self.url), "listen", None)
        self.listener = listen(self.url, reader.access(self.url), reader.settings) if listen else remote.Clocked()

    def postpone(self) -> None:
        """It did not answer."""
        self.listener.close()
        self.failures += 1
        self.listener = remote.Clocked(min(FIRST_PAUSE_S * 2 ** (self.failures - 1), remote.PAUSE_S))


def attend(
    names: Sequence[str],
    reader: Reader,
    *,
    said: Callable[[str], None],
    rest: Callable[[], None],
    renewed: Callable[[], Settings],
    output: int = 1,
) -> Iterator[Record]:
    """Store what is there, then what comes, and give what is new; for ever.

    `said` gets words for a person; `rest` is called before each pause; `renewed` gives the settings of a new day, when
    files with series are read again. Ends with BrokenPipeError when nobody reads
    the descriptor `output` any more. Raises what reading raises the first time; later it is said and tried again.
    """
    watch = Watch([name for name in names if not remote.is_url(name)], said)
    servers = [_Server(name) for name in names if remote.is_url(name)]
    broken: dict[str, DataError] = {}
    usual = reader.failed
    reader.failed = lambda error: _keep(broken, error)
    day_ends = 0.0
    try:
        while True:
            if time.monotonic() >= day_ends:
                day_ends = time.monotonic() + DAY_S
                reader.settings = renewed()
                for name in names:
                    if not remote.is_url(name):
                        yield from reader.files(name)
            for server in servers:
                if server.listener.heard():
                    yield from _ask(server, reader, said)
            for name in watch.changed():
                yield from reader.file(name)
            while watch.missing:
                yield from reader.gone(watch.missing.pop())
            yield from reader.rest()
            for where, error in list(broken.items()):
                del broken[where]
                name = where.rpartition(":")[0] if where.rpartition(":")[2].isdigit() else where
                if _is_settled(name):
                    usual(error)
                else:
                    watch.again(name, AGAIN_S)
            rest()
            _wait(watch, servers, output, day_ends)
    finally:
        watch.close()
        for server in servers:
            server.listener.close()


def _keep(broken: dict[str, DataError], error: DataError) -> None:
    broken[error.where or ""] = error


def _is_settled(name: str) -> bool:
    try:
        return time.time() - Path(name).stat().st_mtime > SETTLED_S
    except OSError:
        return True


def _ask(server: _Server, reader: Reader, said: Callable[[str], None]) -> Iterator[Record]:
    try:
        yield from reader.remote(server.url)
        server.listen(reader)
        server.failures = 0
    except (Unavailable, TryLater) as error:
        server.postpone()
        said(f"{remote.bare(server.url)}: {error.message}; asked again in {server.listener.pause_s():.0f} s")
    except ConfigError:
        raise
    except RoadmapError as error:
        server.postpone()
        said(str(error))


def _wait(watch: Watch, servers: Sequence[_Server], output: int, day_ends: float) -> None:
    """Until something is told, the next thing is due, or the reader of the output has gone."""
    poll = select.poll()
    poll.register(output, 0)  # errors are told without being asked for
    if watch.descriptor >= 0:
        poll.register(watch.descriptor, select.POLLIN)
    pauses = [
        max(day_ends - time.monotonic(), 0.0),
        watch.pause_s(),
        *(server.listener.pause_s() for server in servers),
    ]
    for server in servers:
        if server.listener.fileno() >= 0:
            poll.register(server.listener.fileno(), select.POLLIN)
    for descriptor, event in poll.poll(min(pause for pause in pauses if pause is not None) * 1000 + 1):
        if descriptor == output and event & (select.POLLERR | select.POLLHUP):
            raise BrokenPipeError
