"""The server's end of one model's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import RoadmapError, Unavailable
from roadmap_cli.models.conversation.warm import failure
from roadmap_cli.slm.serve.frames import Frames, frame

#: What a child is told to do → what it answers.
_ANSWERS = {"open": "opened", "drop": "dropped", "save": "saved"}
#: Where this package is imported from: the child must find the same one.
_ROOT = str(Path(__file__).parents[3])
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    " from roadmap_cli.slm.serve.child import main; sys.exit(main(sys.argv[1:]))"
)


class Process(asyncio.Protocol):
    """A child process, spoken to over a socket pair. `tell` gets each event of a request, `ended` its end, once."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], ended: Callable[[str], None]) -> None:
        self._tell = tell
        self._ended = ended
        self._frames = Frames()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._is_over.done()

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start the child. Raises Unavailable if no process can be made."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _START, _ROOT, str(theirs.fileno()), str(os.getpid())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env=dict(environ),
            )
        except OSError as error:
            ours.close()
            raise Unavailable(f"no process for the model: {(error.strerror or str(error)).lower()}") from None
        finally:
            theirs.close()
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)

    def send(self, what: str, **more: Any) -> None:
        """Tell the child something; nothing if it has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame({"is": what, **more}))

    async def call(self, what: str, **more: Any) -> dict[str, Any]:
        """Tell the child to do something and wait until it has. Raises what it refuses with, Unavailable if it ends."""
        waiting = self._waiting.get(what)
        if waiting is None:
            waiting = self._waiting[what] = asyncio.get_running_loop().create_future()
            self.send(what, **more)
            if self.is_over:
                self._fail_waiting("it has ended")
        return await asyncio.shield(waiting)

    def kill(self) -> None:
        """End it now: the surest way to have its memory back."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def over(self) -> None:
        """Wait until it has ended and its memory is back."""
        await asyncio.shield(self._is_over)

    # -- asyncio's side ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The child can be spoken to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand on what the child says."""
        try:
            for said in self._frames.take(data):
                self._take(said)
        except ValueError:
            self.kill()

    def connection_lost(self, error: Exception | None) -> None:
        """The child ended, or is about to."""
        self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        assert self._process is not None
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        why = _words(self._process.returncode or 0)
        self._fail_waiting(why)
        self._is_over.set_result(None)
        self._ended(why)

    def _take(self, said: dict[str, Any]) -> None:
        if said["is"] == "events":
            for event in said["events"]:
                self._tell(event)
            return
        what = said["of"] if said["is"] == "refused" else next(k for k, v in _ANSWERS.items() if v == said["is"])
        waiting = self._waiting.pop(what, None)
        if waiting is None or waiting.done():
            return
        if said["is"] == "refused":
            self._refuse(waiting, failure(said["failed"]))
        else:
            waiting.set_result(said)

    def _fail_waiting(self, why: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                self._refuse(waiting, crashed(why))
        self._waiting.clear()

    def _refuse(self, waiting: asyncio.Future[dict[str, Any]], error: RoadmapError) -> None:
        waiting.set_exception(error)
        waiting.exception()  # it may be that nobody waits any more


def crashed(why: str) -> Unavailable:
    """What a request is told whose model's process ended."""
    return Unavailable(f"the model's process ended: {why}; ask again, it will be loaded anew", code="model_crashed")


def _words(code: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed, perhaps because memory ran out"
    if code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
