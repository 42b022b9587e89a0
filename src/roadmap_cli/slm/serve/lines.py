"""Our own clients' side of the server: JSON Lines over a connection that stays open, many prompts at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import orjson

from roadmap_cli.core.errors import DataError, RoadmapError
from roadmap_cli.models.conversation.chat import Options, check_messages
from roadmap_cli.models.conversation.warm import plain, told
from roadmap_cli.slm.serve.http import Connection, Gone
from roadmap_cli.slm.serve.service import Caller, Service
from roadmap_cli.slm.serve.slots import Slot


class Lines:
    """One client: first it says who it is and which model it wants, then it asks."""

    def __init__(self, connection: Connection, service: Service, identity: Mapping[str, str]) -> None:
        self._connection = connection
        self._service = service
        self._identity = identity
        self._slot: Slot | None = None
        self._caller = Caller(writes=False)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def take(self, line: bytes) -> None:
        """One line of the client's."""
        key = 0
        try:
            said = orjson.loads(line)
            if not isinstance(said, dict):
                raise ValueError("not an object")
            if "hello" in said:
                self._hello(said["hello"])
                return
            if "cancel" in said:
                task = self._tasks.pop(int(said["cancel"]), None)
                if task is not None:
                    task.cancel()
                return
            key = int(said["key"])
            self._tasks[key] = asyncio.get_running_loop().create_task(self._answer(key, said))
        except RoadmapError as error:
            self._connection.line({"key": key, "failed": told(error)})
        except (ValueError, KeyError, TypeError) as error:
            self._connection.line({"key": key, "failed": told(DataError(f"not a request: {error}", code="bad_body"))})

    def pending(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._tasks)

    def lost(self) -> None:
        """The client has gone: nothing is done for it any more."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _hello(self, hello: Mapping[str, Any]) -> None:
        """Agree, or say that this server is another one: of another state file, other models or settings."""
        differs = [
            name for name in ("state", "models", "settings") if hello.get(name) not in (None, self._identity[name])
        ]
        if differs:
            self._connection.line({"refused": f"another {differs[0]}"})
            self._connection.close()
            return
        pool = self._service.pool
        try:
            slot = pool.catalogue.slot(hello.get("model"), files=True)
        except RoadmapError as error:
            if error.code == "unknown_model":  # an endpoint, or something the client may know
                self._connection.line({"refused": error.message})
            else:
                self._connection.line({"failed": told(error)})
            self._connection.close()
            return
        self._slot = slot
        self._caller = Caller(
            command=str(hello.get("command") or "slm-serve"), run_id=hello.get("run_id"), writes="command" in hello
        )
        pool.load(slot)
        width = slot.sequences if slot.state == "ready" else int(pool.settings.engine.get("sequences") or 8)
        self._connection.line({"hello": {"model": slot.name, "width": width}})

    async def _answer(self, key: int, said: Mapping[str, Any]) -> None:
        try:
            if self._slot is None:
                raise DataError("no hello", code="bad_body")
            if "count" in said:
                count = await self._service.count(self._slot, said["count"])
                self._connection.line({"key": key, "count": count, "context_size": self._slot.context_size})
                return
            await self._reply(key, said, self._slot)
        except RoadmapError as error:
            self._connection.line({"key": key, "failed": told(error)})
        except Gone:
            self._connection.close()
        finally:
            self._tasks.pop(key, None)

    async def _reply(self, key: int, said: Mapping[str, Any], slot: Slot) -> None:
        wanted = said["options"]
        options = Options(**{**wanted, "stop": tuple(wanted["stop"])})
        options.check()
        request = {"messages": check_messages(said["messages"]), "options": plain(options)}
        caller = Caller(
            self._caller.command, self._caller.run_id, str(said.get("purpose") or "chat"), self._caller.writes
        )
        piecewise, text = said.get("piecewise") is True, list[str]()
        async with aclosing(self._service.reply(slot, request, caller, patient=True)) as events:
            async for event in events:
                if "piece" in event:
                    if piecewise:
                        self._connection.line({"key": key, "piece": event["piece"]})
                        await self._connection.drained()
                    else:
                        text.append(event["piece"])
                else:
                    done = event["done"] if piecewise else {**event["done"], "text": "".join(text)}
                    self._connection.line({"key": key, "done": done})
