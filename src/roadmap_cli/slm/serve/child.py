"""The process of one model: it takes requests from the server, steps the engine, and tells what comes of it.

It dies with the server, is the first the kernel takes when memory runs out, and holds no key of the user's. While
nothing is asked of it, it sleeps in one read.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable
from roadmap_cli.slm.serve.frames import Frames, frame

_PR_SET_PDEATHSIG = 1
#: The kernel takes the process with the highest score; the usual one is 0, the most 1000.
OOM_SCORE = 500


def main(arguments: list[str]) -> int:
    """Serve one model on the socket whose descriptor is the first argument; the second is the server's process id."""
    descriptor, server = int(arguments[0]), int(arguments[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what people wrote in plain text
    die_with(server)
    offer_to_the_kernel()
    connection = socket.socket(fileno=descriptor)
    try:
        Child(connection).run()
    except (BrokenPipeError, ConnectionResetError):
        return 0
    return 0


def die_with(server: int) -> None:
    """Be killed when the server dies, however it does (prctl(2), Linux); at once if it has died already."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != server:
        sys.exit(0)


def offer_to_the_kernel() -> None:
    """Be the process the kernel takes first when memory runs out (proc_pid_oom_score_adj(5)); needs no privilege."""
    try:
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), "ascii")
    except OSError:
        return


class Child:
    """One model and the connection to the server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = Frames()
        self._model: _ChatModel | _EmbedModel | None = None

    def run(self) -> None:
        """Until the server ends the connection."""
        while True:
            busy = self._model is not None and self._model.busy
            if not busy or select.select([self._connection], [], [], 0)[0]:
                piece = self._connection.recv(1 << 18)
                if not piece:
                    return
                for asked in self._frames.take(piece):
                    self._take(asked)
            if self._model is not None and self._model.busy:
                told = self._model.step()
                if told:
                    self._tell({"is": "events", "events": told})

    def _take(self, asked: dict[str, Any]) -> None:
        try:
            answer = self._answer(asked)
        except RoadmapError as error:
            answer = refusal(asked, error)
        except MemoryError:
            answer = refusal(asked, Unavailable("no memory for it", code="no_memory"))
        if answer is not None:
            self._tell(answer)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        what = asked["is"]
        if what == "open":
            started = time.perf_counter()
            self._model = _EmbedModel(asked) if asked["task"] == "embed" else _ChatModel(asked)
            return {"is": "opened", "load_ms": round((time.perf_counter() - started) * 1000), **self._model.facts()}
        if self._model is None:
            raise Unavailable("the model is not open", code="not_open")
        return self._model.answer(what, asked)

    def _tell(self, value: dict[str, Any]) -> None:
        self._connection.setblocking(True)
        self._connection.sendall(frame(value))


def refusal(asked: dict[str, Any], error: RoadmapError) -> dict[str, Any]:
    """How a failure to do what was asked is told."""
    from roadmap_cli.models.conversation.warm import told

    if asked["is"] in ("submit", "embed", "count"):
        return {"is": "events", "events": [{"ticket": asked["ticket"], "failed": told(error)}]}
    return {"is": "refused", "of": asked["is"], "failed": told(error)}


class _ChatModel:
    """A language model under the engine."""

    def __init__(self, asked: dict[str, Any]) -> None:
        from roadmap_cli.models.conversation.engine import Engine, EngineSettings
        from roadmap_cli.models.conversation.llama import library

        path = Path(asked["path"])
        settings = EngineSettings(**asked["settings"])
        self._engine = Engine(asked["name"], path, settings)
        self._store = self._kept_store(asked, path, f"llama.cpp {library().__version__}")
        self._tickets: dict[int, int] = {}  # the engine's number → the server's
        self._schemas: dict[int, Any] = {}
        self._texts: dict[int, list[str]] = {}
        self._dropped = False
        self.restored = 0
        self.problem: str | None = None
        if self._store is not None:
            self.restored = self._restore()

    @property
    def busy(self) -> bool:
        return bool(self._engine.busy)

    def facts(self) -> dict[str, Any]:
        return {
            "context_size": self._engine.context_size,
            "sequences": self._engine.sequences,
            "restored_tokens": self.restored,
        }

    def answer(self, what: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        if what == "submit":
            self._submit(asked)
            return None
        if what == "cancel":
            for engine_ticket, ticket in list(self._tickets.items()):
                if ticket == asked["ticket"]:
                    self._engine.cancel(engine_ticket)
                    self._forget(engine_ticket)
            return None
        if what == "count":
            counted = (
                self._engine.count_prompt_tokens(asked["messages"])
                if "messages" in asked
                else self._engine.count_tokens(asked["text"])
            )
            return {"is": "events", "events": [{"ticket": asked["ticket"], "count": counted}]}
        if what == "drop":
            said = self._save()
            if self._engine.busy or said.get("problem"):
                return {**said, "is": "dropped", "freed": 0}
            self._dropped = True
            return {**said, "is": "dropped", "freed": self._engine.drop_caches()}
        if what == "save":
            return self._save()
        raise DataError(f"a chat model does not {what!r}", code="wrong_task")

    def step(self) -> list[dict[str, Any]]:
        told = []
        for event in self._engine.step():
            ticket = self._tickets.get(event.ticket)
            if ticket is None:
                continue
            told.append({"ticket": ticket, **self._told(event)})
        return told

    def _submit(self, asked: dict[str, Any]) -> None:
        from roadmap_cli.models.conversation.chat import Options

        if self._dropped:
            self._dropped, self.restored = False, self._restore()
        wanted = asked["options"]
        options = Options(**{**wanted, "stop": tuple(wanted["stop"])})
        number = self._engine.submit(asked.get("messages") or asked["text"], options)
        self._tickets[number] = asked["ticket"]
        if options.schema is not None:
            self._schemas[number], self._texts[number] = options.schema, []

    def _told(self, event: Any) -> dict[str, Any]:
        from roadmap_cli.models.conversation.warm import told

        if hasattr(event, "text"):
            if event.ticket in self._texts:
                self._texts[event.ticket].append(event.text)
            return {"piece": event.text}
        if hasattr(event, "error"):
            self._forget(event.ticket)
            return {"failed": told(event.error)}
        tally = event.tally
        done = {
            "finish": tally.finish,
            "prompt_tokens": tally.prompt_tokens,
            "completion_tokens": tally.completion_tokens,
            "cached_tokens": tally.cached_tokens,
        }
        if event.ticket in self._schemas:
            done["unfit"] = self._unfit(event.ticket, tally.finish)
        self._forget(event.ticket)
        return {"done": done}

    def _unfit(self, ticket: int, finish: str) -> str | None:
        """Why a reply is not what its schema asks for; the grammar covers only part of JSON Schema."""
        from roadmap_cli.models.conversation import constrained

        try:
            constrained.judge("".join(self._texts[ticket]), self._schemas[ticket], cut_off=finish == "length")
        except RoadmapError as error:
            return f"{error.code}: {error.message}"
        return None

    def _forget(self, ticket: int) -> None:
        for table in (self._tickets, self._schemas, self._texts):
            table.pop(ticket, None)

    def _kept_store(self, asked: dict[str, Any], path: Path, version: str) -> Any:
        from roadmap_cli.slm.serve import kept

        if not asked.get("kept_in") or not asked.get("kept_key"):
            return None
        name = kept.set_up(path, self._engine.context_size, asked["settings"].get("kv_type", "f16"), version)
        return kept.Store(Path(asked["kept_in"]) / name, asked["kept_key"])

    def _save(self) -> dict[str, Any]:
        """Keep the sequences that are worth it. A full disk costs the rest of them, and is told."""
        saved, written, problem = 0, 0, None
        if self._store is not None:
            try:
                for sequence in self._engine.save():
                    written += self._store.write(sequence)
                    saved += 1
                self._store.trim()
            except OSError as error:
                problem = (error.strerror or str(error)).lower()
        return {"is": "saved", "sequences": saved, "bytes": written} | ({"problem": problem} if problem else {})

    def _restore(self) -> int:
        try:
            return int(self._engine.restore(self._store.read(self._engine.sequences)))
        except (RoadmapError, OSError) as error:
            self.problem = str(error)
            return 0


class _EmbedModel:
    """An embedding model. Never busy: it answers at once."""

    busy = False

    def __init__(self, asked: dict[str, Any]) -> None:
        from roadmap_cli.models.embed import Embedder

        self._embedder = Embedder(
            asked["name"],
            Path(asked["path"]),
            Path(asked["tokenizer"]),
            max_tokens=asked["max_tokens"],
            ledger=None,
            threads=asked["settings"].get("threads"),
        )

    def facts(self) -> dict[str, Any]:
        return {"context_size": self._embedder.max_tokens, "sequences": 1, "dimensions": self._embedder.dimensions}

    def step(self) -> list[dict[str, Any]]:
        return []

    def answer(self, what: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        import base64

        if what == "embed":
            vectors = self._embedder.embed(asked["texts"])
            tokens = sum(self._embedder.count_tokens(text) for text in asked["texts"])
            made = [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
            done = {"vectors": made, "prompt_tokens": tokens, "completion_tokens": 0, "finish": "stop"}
            return {"is": "events", "events": [{"ticket": asked["ticket"], "done": done}]}
        if what == "count":
            count = self._embedder.count_tokens(asked.get("text", ""))
            return {"is": "events", "events": [{"ticket": asked["ticket"], "count": count}]}
        if what == "save":
            return {"is": "saved", "sequences": 0, "bytes": 0}
        if what == "drop":
            return {"is": "dropped", "freed": 0}
        if what == "cancel":
            return None
        raise DataError(f"an embedding model does not {what!r}", code="wrong_task")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
