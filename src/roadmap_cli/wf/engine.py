"""Durable execution behind four words: begin, resume, step, pause. The one module that knows DBOS.

The rule kept here: nothing is taken up by itself. DBOS hands the unfinished work of an executor id to whoever starts
with that id, even while the first still works; so each process has an id and a queue of its own, and only who holds
the run's lease (`leases`) moves a run to its queue.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.wf.steps import Stopped

if TYPE_CHECKING:
    import sqlalchemy

_APPLICATION = "roadmap-wf"
#: The shape of what is stored for a run; a change of `runs.Runner.body` that cannot read old runs raises it.
_VERSION = "1"
_POLL_S = 0.05


class Durable(Protocol):
    """What the body of a run works with. All that it does must go through these two, or depend on nothing else."""

    def step(self, name: str, work: Callable[[], Record]) -> Record:
        """Do `work` once and keep what it returns; a resumed run gets that instead. Steps are told by their order."""

    def pause(self, seconds: float) -> None:
        """Wait until a moment that is kept: a resumed run waits for the rest only."""


#: The work of a run: its id, and what it works with; what it returns is the run's result.
Body = Callable[[str, Durable], Record]


class Engine:
    """DBOS, launched on a database. One for a process at a time; close it."""

    def __init__(self, body: Body, database: sqlalchemy.Engine, stop: threading.Event):
        """Launch. Raises Unavailable if the database cannot be used."""
        from dbos import DBOS, DBOSConfig
        from sqlalchemy.exc import SQLAlchemyError

        self._silence()
        self._database = database
        name = f"{os.uname().nodename[:32]}-{os.getpid()}-{secrets.token_hex(6)}"
        config: DBOSConfig = {
            "name": _APPLICATION,
            "system_database_engine": database,
            "executor_id": name,
            "application_version": _VERSION,
            "log_level": "CRITICAL",
            "serializer": _json_serializer(),
            "notification_listener_polling_interval_sec": _POLL_S,
            "max_executor_threads": 8,
        }
        DBOS(config=config)
        durable = _Steps(stop)
        self._stop = stop
        self._ended = threading.Event()

        def run(run_id: str) -> Record:
            try:
                return body(run_id, durable)
            finally:
                self._ended.set()

        self._run = DBOS.workflow(name="roadmap.run", max_recovery_attempts=None)(run)
        self._queue = f"roadmap-{name}"
        self._has_queue = False
        DBOS.listen_queues([self._queue])
        try:
            DBOS.launch()
        except SQLAlchemyError as error:
            self.close()
            raise Unavailable(f"the workflow database cannot be used: {str(error).splitlines()[0]}") from None

    def execute(self, run_id: str) -> Record:
        """Begin a run, or take it up where it was left; returns its result. The caller holds the run's lease.

        Raises Stopped if it was asked to stop first: the run then stays as it is, for another time.
        """
        from dbos import DBOS, SetWorkflowID

        status = DBOS.get_workflow_status(run_id)
        if status is None:
            with SetWorkflowID(run_id):
                return self._run(run_id)
        if status.status not in ("SUCCESS", "ERROR"):
            if not self._has_queue:
                DBOS.register_queue(self._queue, polling_interval_sec=_POLL_S)
                self._has_queue = True
            self._ended.clear()
            DBOS.resume_workflow(run_id, queue_name=self._queue)
            self._await()
        handle: Any = DBOS.retrieve_workflow(run_id)
        return cast(Record, handle.get_result(polling_interval_sec=_POLL_S))

    def _await(self) -> None:
        """Wait until a run that was put into the queue has gone through its body in a thread of DBOS's."""
        while not self._ended.wait(_POLL_S):
            if self._stop.is_set():
                self._ended.wait(5)  # the body sees the wish at its next step, the step's program within 0.1 s
                break
        if self._stop.is_set():
            raise Stopped

    def close(self) -> None:
        """Let go of everything; unfinished runs stay as they are."""
        from dbos import DBOS

        if self._has_queue:
            DBOS.delete_queue(self._queue)
            self._has_queue = False
        DBOS.destroy(destroy_registry=True)
        self._database.dispose()

    @staticmethod
    def _silence() -> None:
        """DBOS speaks on stderr unless its logger has a handler; what it does is in our own records."""
        logger = logging.getLogger("dbos")
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.CRITICAL)


class _Steps:
    """`Durable` by DBOS."""

    def __init__(self, stop: threading.Event):
        self._stop = stop

    def step(self, name: str, work: Callable[[], Record]) -> Record:
        from dbos import DBOS

        if self._stop.is_set():
            raise Stopped
        return DBOS.run_step({"name": name}, work)

    def pause(self, seconds: float) -> None:
        until = self.step("pause", lambda: {"until_s": time.time() + seconds})["until_s"]
        # A clock set back must not make the wait longer than it was meant to be.
        if self._stop.wait(min(max(until - time.time(), 0), seconds)):
            raise Stopped


def sqlite(connect: Callable[[], Any]) -> sqlalchemy.Engine:
    """An engine on the encrypted state file. `connect` gives a new, keyed connection that any thread may use."""
    import sqlalchemy
    from sqlcipher3 import dbapi2

    def keyed() -> Any:
        connection = connect()
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout = 30000")
        # What DBOS commits is what a run rests on: it is on the disk before the run goes on, power cut or not.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    return sqlalchemy.create_engine("sqlite://", module=dbapi2, creator=keyed, poolclass=sqlalchemy.pool.QueuePool)


def postgres(url: str) -> sqlalchemy.Engine:
    """An engine on a Postgres on this machine. Raises ConfigError for another sort of URL or another machine."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError

    try:
        found = sqlalchemy.make_url(url)
    except ArgumentError:
        raise ConfigError("not a database URL", hint="write postgresql://user@127.0.0.1/name") from None
    if found.get_backend_name() != "postgresql":
        raise ConfigError(f"not a Postgres URL: {found.get_backend_name()!r}")
    if found.host not in (None, "", "127.0.0.1", "::1", "localhost") and not found.host.startswith("/"):
        raise ConfigError(
            f"{found.host!r} is another machine; records of runs would leave this one unguarded",
            hint="use a Postgres on this machine, or a tunnel to one",
        )
    return sqlalchemy.create_engine(found.set(drivername="postgresql+psycopg"), pool_pre_ping=True)


def _json_serializer() -> Any:
    """JSON instead of pickle: what stands in a database must not be able to run code."""
    import orjson
    from dbos import Serializer

    class Json(Serializer):
        def serialize(self, data: Any) -> str:
            return orjson.dumps(data, default=_encodable).decode()

        def deserialize(self, serialized_data: str) -> Any:
            return orjson.loads(serialized_data)

        def name(self) -> str:
            return "roadmap-json"

    return Json()


def _encodable(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "message": str(value)}
    raise TypeError(f"not JSON: {type(value).__name__}")
