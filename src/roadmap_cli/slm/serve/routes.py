"""What each path does: the OpenAI interface for everyone, the server's own for the user's socket."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import unquote

from roadmap_cli.core.errors import DataError, RoadmapError, TryLater, UsageError
from roadmap_cli.models.conversation.warm import PROTOCOL
from roadmap_cli.slm.serve import openai
from roadmap_cli.slm.serve.http import Connection, Gone, Request
from roadmap_cli.slm.serve.lines import Lines
from roadmap_cli.slm.serve.service import Caller, Service
from roadmap_cli.slm.serve.slots import Slot

#: Names under which a browser or a program on this machine reaches a loopback port; others are of a page elsewhere
#: that had its name point here (DNS rebinding).
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Control:
    """What the server's own paths ask of it."""

    def __init__(
        self,
        *,
        identity: dict[str, str],
        status: Callable[[], dict[str, Any]],
        gauges: Callable[[], list[tuple[str, str, dict[str, str], float]]],
        stop: Callable[[], None],
        health: Callable[[], str],
    ) -> None:
        self.identity = identity
        self.status = status
        self.gauges = gauges
        self.stop = stop
        self.health = health


class Routes:
    """Answers requests; `token` is asked for on the port, None asks for none."""

    def __init__(self, service: Service, control: Control, token: str | None) -> None:
        self._service = service
        self._control = control
        self._token = token
        self._paths: dict[tuple[str, str], Callable[[Connection, Request], Awaitable[None]]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/completions"): self._completion,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("GET", "/v1/models"): self._models,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/health"): self._health,
        }
        self._own: dict[tuple[str, str], Callable[[Connection, Request], Awaitable[None]]] = {
            ("GET", "/slm/lines"): self._lines,
            ("GET", "/slm/status"): self._status,
            ("POST", "/slm/load"): self._load,
            ("POST", "/slm/unload"): self._unload,
            ("POST", "/slm/stop"): self._stop,
        }

    async def handle(self, connection: Connection, request: Request) -> None:
        """Answer one request, whatever happens."""
        status = 200
        try:
            await self._route(connection, request)
        except (asyncio.CancelledError, Gone):
            status = 499
            raise
        except ValueError as error:
            status = self._fail(connection, DataError(str(error), code="bad_body"))
        except RoadmapError as error:
            status = self._fail(connection, error)
        finally:
            known = request.path if (request.method, request.path) in {**self._paths, **self._own} else "other"
            self._service.metrics.request(known, status)

    async def _route(self, connection: Connection, request: Request) -> None:
        place = (request.method, request.path)
        found = self._paths.get(place) or (self._own.get(place) if request.trusted else None)
        if found is not None:
            await found(connection, request)
            return
        if request.method == "GET" and request.path.startswith("/v1/models/"):
            self._model(connection, unquote(request.path.removeprefix("/v1/models/")))
            return
        others = [
            method for method, path in (*self._paths, *(self._own if request.trusted else ())) if path == request.path
        ]
        if others:
            connection.answer(405, _error(f"{request.path} takes {others[0]}", "method"), {"Allow": others[0]})
        else:
            connection.answer(404, _error(f"no such path: {request.path[:200]}", "no_path"))

    def admit(self, connection: Connection, path: str, headers: Mapping[str, str]) -> bool:
        """Whether a request on the port may send its body and be answered; it has been refused if not."""
        host = headers.get("host", "").rpartition(":")
        name = (host[0] if host[0] and host[2].isdigit() else headers.get("host", "")).lower()
        if name not in _LOCAL_HOSTS:
            connection.answer(403, _error(f"not a name of this machine: {name[:100]!r}", "wrong_host"))
            return False
        if path == "/health":
            return True
        if self._token is None:
            if "origin" in headers:
                connection.answer(403, _error("requests of web pages need a token", "web_page"))
                return False
            return True
        given = headers.get("authorization", "").partition(" ")
        if given[0].lower() == "bearer" and hmac.compare_digest(given[2].strip().encode(), self._token.encode()):
            return True
        connection.answer(401, _error("a wrong token, or none", "invalid_api_key"), {"WWW-Authenticate": "Bearer"})
        return False

    def _fail(self, connection: Connection, error: RoadmapError) -> int:
        status = openai.status(error)
        if connection.began:
            return status
        wait = openai.RETRY_AFTER.get(error.code, 5)
        headers = {"Retry-After": str(wait)} if status in (429, 503) else {}
        connection.answer(status, openai.error_body(error), headers)
        return status

    # -- the OpenAI interface ------------------------------------------------------------------------------------------

    async def _chat(self, connection: Connection, request: Request) -> None:
        await self._reply(connection, request, openai.chat(request.json()), is_chat=True)

    async def _completion(self, connection: Connection, request: Request) -> None:
        await self._reply(connection, request, openai.completion(request.json()), is_chat=False)

    async def _reply(self, connection: Connection, request: Request, asked: openai.Asked, *, is_chat: bool) -> None:
        slot = self._slot(asked.model, request)
        shape = openai.Shape(is_chat=is_chat, model=slot.name, created=int(time.time()))
        caller = Caller(purpose="chat" if is_chat else "complete")
        async with aclosing(self._service.reply(slot, asked.request, caller, patient=False)) as events:
            if not asked.stream:
                text, done = [asked.echo], {}
                async for event in events:
                    if "piece" in event:
                        text.append(event["piece"])
                    else:
                        done = event["done"]
                connection.answer(200, shape.whole("".join(text), done))
                return
            try:
                await self._stream(connection, shape, events, asked)
            except RoadmapError as error:
                if not connection.began:
                    raise
                await connection.event(openai.error_body(error))
                connection.end_events()

    async def _stream(self, connection: Connection, shape: openai.Shape, events: Any, asked: openai.Asked) -> None:
        async for event in events:
            if not connection.began:
                connection.begin_events()
                await connection.event(shape.piece(asked.echo or None, first=True))
            if "piece" in event:
                await connection.event(shape.piece(event["piece"]))
                continue
            done = event["done"]
            await connection.event(shape.piece(None, finish=done.get("finish", "stop")))
            if asked.usage:
                await connection.event(shape.tokens(done))
            await connection.event(b"[DONE]")
            connection.end_events()

    async def _embeddings(self, connection: Connection, request: Request) -> None:
        body = request.json()
        model, texts, floats = openai.embeddings(body)
        slot = self._slot(model, request, task="embed")
        wanted = body.get("dimensions")
        done = await self._service.embed(slot, texts, Caller())
        if wanted not in (None, slot.dimensions):
            raise UsageError(f"the vectors of {slot.name!r} have {slot.dimensions} dimensions", code="unsupported")
        data = [
            {"object": "embedding", "index": number, "embedding": openai.vector(each) if floats else each}
            for number, each in enumerate(done["vectors"])
        ]
        tokens = {"prompt_tokens": done["prompt_tokens"], "total_tokens": done["prompt_tokens"]}
        connection.answer(200, {"object": "list", "model": slot.name, "data": data, "usage": tokens})

    async def _models(self, connection: Connection, request: Request) -> None:
        data = [_described(name) for name, _ in self._service.pool.catalogue.installed()]
        connection.answer(200, {"object": "list", "data": data})

    def _model(self, connection: Connection, name: str) -> None:
        if name in dict(self._service.pool.catalogue.installed()):
            connection.answer(200, _described(name))
        else:
            connection.answer(404, _error(f"no model of the name {name[:200]!r}", "model_not_found"))

    async def _metrics(self, connection: Connection, request: Request) -> None:
        connection.answer(200, self._service.metrics.text(self._control.gauges()))

    async def _health(self, connection: Connection, request: Request) -> None:
        said = self._control.health()
        connection.answer(200 if said == "ok" else 503, {"status": said})

    # -- the user's own ------------------------------------------------------------------------------------------------

    async def _lines(self, connection: Connection, request: Request) -> None:
        if request.headers.get("upgrade", "").lower() != PROTOCOL:
            connection.answer(426, _error(f"Upgrade: {PROTOCOL} is missing", "no_upgrade"), {"Upgrade": PROTOCOL})
            return
        lines = Lines(connection, self._service, self._control.identity)
        connection.upgrade(lines.take, lines.lost, lines.pending)

    async def _status(self, connection: Connection, request: Request) -> None:
        connection.answer(200, self._control.status())

    async def _load(self, connection: Connection, request: Request) -> None:
        body = request.json()
        name = body.get("model")
        task = (
            "embed" if name in dict(i for i in self._service.pool.catalogue.installed() if i[1] == "embed") else "chat"
        )
        slot = self._slot(name, request, task=task)
        if body.get("keep") is True:
            slot.pinned = True
        pool = self._service.pool
        try:
            async with asyncio.timeout(pool.settings.load_timeout_s):
                await asyncio.shield(pool.load(slot))
        except TimeoutError:
            raise TryLater(f"model {slot.name!r} is not loaded in time", code="loading") from None
        connection.answer(200, self._control.status())

    async def _unload(self, connection: Connection, request: Request) -> None:
        body = request.json()
        wanted, slots = body.get("model"), self._service.pool.catalogue.slots.values()
        chosen = [each for each in slots if each.state == "ready" and wanted in (None, each.name, str(each.path))]
        if wanted is not None and not chosen:
            raise DataError(f"model {wanted!r} is not loaded", code="not_loaded")
        busy = [each.name for each in chosen if each.busy]
        if busy and body.get("force") is not True:
            raise TryLater(f"model {busy[0]!r} is in use", hint="ask again, or with --force", code="in_use")
        for each in chosen:
            each.pinned = False
        pool = self._service.pool
        await asyncio.gather(*(pool.unload(each, "the user asked", even_busy=True, give_back=True) for each in chosen))
        connection.answer(200, {**self._control.status(), "unloaded": [each.name for each in chosen]})

    async def _stop(self, connection: Connection, request: Request) -> None:
        connection.answer(200, self._control.status())
        self._control.stop()

    def _slot(self, name: str | None, request: Request, *, task: str = "chat") -> Slot:
        return self._service.pool.catalogue.slot(name, task=task, files=request.trusted)


def _described(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local"}


def _error(words: str, code: str) -> dict[str, Any]:
    return {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": code}}
