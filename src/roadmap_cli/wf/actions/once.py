"""At most once: what is sent outside is noted before it is sent and when it was.

The rule kept here: a step that was cut off while it sent is not sent again unless the other side can tell that nothing
came, or the template says that the other side tells repeats by the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, RoadmapError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import Context, Stopped, classified, connections, succeeded
from roadmap_cli.wf.audit import log

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Errors after which it is certain that the other side did nothing.
UNDONE = frozenset(
    {"no_connection", "not_permitted", "address_refused", "offline", "dry_run", "http_429", "http_503",
     "secret_refused", "refused", "redirected", "no_secret", "open_secret", "bad_secret", "bad_url", "not_audited"}
)  # fmt: skip

#: What was cut off may still be on its way: so long it is let be before it is looked for, seconds.
SETTLE_S = 1.0


def send(
    spec: Record,
    step: Record,
    context: Context,
    *,
    work: Callable[[], Any],
    resources: list[str],
    look: Callable[[], Any] | None = None,
    is_repeatable: bool = False,
) -> Record:
    """The outcome of `work`, done at most once for the key of the step; `work` returns its output.

    `look` asks the other side whether an earlier attempt, of which no answer came, did it: it returns the output, or
    None if it did not. Without it, or if it cannot tell (it raises), such an attempt ends in ``unknown_outcome`` unless
    the work `is_repeatable`. Errors of `UNDONE` are certain: nothing was done.
    """
    action, digest = step["action"], subject_hash(step["action"], spec)
    known = _begin(context, step, action, digest, resources)
    if known is not None and known[0] == "done":
        return succeeded(known[1], was_done_before=True)
    if known is not None and look is not None:
        if context.stop.wait(SETTLE_S):
            raise Stopped
        try:
            found = look()
        except RoadmapError as error:
            if classified(error) == "transient":
                raise
            if not is_repeatable:
                raise _unsure(f"an earlier attempt had no answer, and cannot be looked up: {error.message}") from None
            found = None
        if found is not None:
            return _done(context, step, action, resources, found, "found done by an earlier attempt")
    elif known is not None and not is_repeatable:
        raise _unsure("an earlier attempt was cut off before an answer came; whether it was done is not known")
    try:
        output = work()
    except RoadmapError as error:
        is_certain = error.code in UNDONE or isinstance(error, Refusal)
        if is_certain or is_repeatable:
            _failed(context, step, action, resources, error, forget=is_certain)
            raise
        _failed(context, step, action, resources, error, forget=False)
        if look is not None:  # the next attempt looks
            raise TryLater(f"{error.message}; whether it was done is looked up next", code=error.code) from None
        raise _unsure(f"{error.message}; whether it was done is not known") from None
    return _done(context, step, action, resources, output, "answered")


class Refusal(DataError):
    """The other side said no, and did nothing."""


def _unsure(reason: str) -> RoadmapError:
    return TryLater(reason, hint="look there, then answer the escalation or fork the run", code="unknown_outcome")


def _begin(context: Context, step: Record, action: str, digest: str, resources: list[str]) -> tuple[str, Any] | None:
    """Note that it is about to be sent; what is known of an earlier attempt, if there was one."""
    import orjson

    at = clock.stamp(context.now())
    with context.state.write() as tx:
        row = tx.execute("SELECT status, output, subject_hash FROM wf_sent WHERE key = ?", (context.key,)).fetchone()
        if row is not None:
            if row[2] != digest:
                raise DataError(
                    "the same step was begun with other values; it is not sent twice", code="changed_subject"
                )
            return str(row[0]), orjson.loads(row[1]) if row[1] is not None else None
        tx.execute(
            "INSERT INTO wf_sent(key, action, subject_hash, status, began_at) VALUES (?, ?, ?, 'sending', ?)",
            (context.key, action, digest, at),
        )
        note(tx, context, step, f"{action}.sending", resources, "allowed", "within role, effects and scope", digest)
    return None


def _done(context: Context, step: Record, action: str, resources: list[str], output: Any, why: str) -> Record:
    import orjson

    output = connections.redacted(output, connections.every(context.environ))
    with context.state.write() as tx:
        tx.execute(
            "UPDATE wf_sent SET status = 'done', output = ?, finished_at = ? WHERE key = ?",
            (orjson.dumps(output).decode(), clock.stamp(context.now()), context.key),
        )
        note(tx, context, step, f"{action}.sent", resources, "done", why)
    return succeeded(output)


def _failed(
    context: Context, step: Record, action: str, resources: list[str], error: RoadmapError, *, forget: bool
) -> None:
    with context.state.write() as tx:
        if forget:
            tx.execute("DELETE FROM wf_sent WHERE key = ? AND status = 'sending'", (context.key,))
        note(tx, context, step, f"{action}.sent", resources, "failed", error.code)


def note(
    tx: Connection,
    context: Context,
    step: Record,
    action: str,
    resources: list[str],
    outcome: str,
    why: str,
    digest: str | None = None,
) -> None:
    """Append what an action did to the audit log: ids, names and hashes, never what was sent."""
    log.append(
        tx, action=action, user=str(context.plan.get("requested_by", "user:unknown")), agent=step["role"],
        resource=resources[0] if resources else context.key, outcome=outcome, why=why, at=context.now(),
        run_id=run_id(context), step=step["name"], key=context.key, plan_hash=context.plan.get("plan_hash"),
        resources=resources[1:21] or None, subject_hash=digest,
    )  # fmt: skip


def subject_hash(action: str, spec: Record) -> str:
    """SHA-256 (hex) of what is sent; numbers of any size have a form here, other than in RFC 8785."""
    import orjson

    try:
        return hashlib.sha256(orjson.dumps([action, spec], option=orjson.OPT_SORT_KEYS)).hexdigest()
    except TypeError as error:
        raise DataError(f"a value is not JSON: {str(error).lower()}", code="bad_value") from None


def run_id(context: Context) -> str | None:
    """The id of the run, as the step's values know it."""
    try:
        return str(context.lookup("run.id"))
    except DataError:
        return None
