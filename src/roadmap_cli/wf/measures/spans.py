"""A run as OpenTelemetry spans: the run, each attempt of each step, each call of a model.

Spans are made from what the state holds anyway, so a trace costs a run nothing and can never say something else than
the records do. Names: OpenTelemetry semantic conventions for generative AI (gen_ai.*, status Development),
https://github.com/open-telemetry/semantic-conventions-genai. The file form is OTLP/JSON 1.x,
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "wf.span"
_SCOPE = "roadmap.wf"
#: OTLP: Span.kind internal and client; Status.code unset, ok and error.
_INTERNAL, _CLIENT = 1, 3
_CODES = {"unset": 0, "ok": 1, "error": 2}
#: A step may be told a moment after the run's end is.
_SLACK = timedelta(seconds=1)


def trace_id(run_id: str) -> str:
    """The 16 bytes (hex) all spans of a run share; the same wherever the trace is made."""
    return hashlib.sha256(f"trace {run_id}".encode()).hexdigest()[:32]


def span_id(*parts: str | int) -> str:
    """The 8 bytes (hex) of a span that is told by these."""
    return hashlib.sha256("\0".join(map(str, ("span", *parts))).encode()).hexdigest()[:16]


def of_run(tx: Connection, run_id: str, now: datetime) -> list[Record]:
    """The wf.span records of a run, by start; a span that has not ended reaches to `now` and has status unset.

    Raises DataError if there is no such run.
    """
    row = tx.execute(
        "SELECT r.status, r.started_at, r.finished_at, p.workflow, p.requested_by, r.plan_id FROM wf_run r"
        " JOIN wf_plan p USING (plan_id) WHERE r.run_id = ?",
        (run_id,),
    ).fetchone()
    if row is None:
        raise DataError(f"run {run_id!r} is not in this state", code="unknown_run")
    status, started, finished, workflow, requested_by, plan_id = row
    order = {step["name"]: at for at, step in enumerate((records.get(tx, plan_id) or {}).get("steps", ()))}
    root = span_id(run_id)
    found = [
        _span(
            run_id, root, None, f"invoke_workflow {workflow}", started, finished, now,
            status={"succeeded": "ok", "failed": "error", "cancelled": "error"}.get(status, "unset"),
            attributes={
                "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": workflow,
                "roadmap.run.id": run_id, "roadmap.run.status": status, "enduser.id": requested_by,
            },
        )
    ]  # fmt: skip
    end = clock.parse(finished) + _SLACK if finished else None
    found += _attempts(tx, run_id, workflow, clock.parse(started), end, now)
    found += _calls(
        tx, run_id, workflow, {each["step"]: each["span_id"] for each in found if "step" in each}, root, now
    )

    def place(span: Record) -> tuple[str, str, int, str]:
        return span["at"], span["ended_at"], order.get(span.get("step", ""), len(order)), span["span_id"]

    return [found[0], *sorted(found[1:], key=place)]


def _attempts(
    tx: Connection, run_id: str, workflow: str, since: datetime, until: datetime | None, now: datetime
) -> Iterator[Record]:
    ended = {
        (each["step"], each["attempt"]): each
        for each in records.find(tx, kind="wf.step_finished", since=since, until=until)
        if each["run_id"] == run_id
    }
    for each in records.find(tx, kind="wf.step_started", since=since, until=until):
        if each["run_id"] != run_id:
            continue
        last = ended.get((each["step"], each["attempt"]))
        role, action = each.get("role", ""), each.get("action", "")
        attributes: Record = {
            "gen_ai.operation.name": "invoke_agent" if action == "agent" else "execute_tool",
            "gen_ai.agent.name": role, "gen_ai.tool.name": action, "gen_ai.workflow.name": workflow,
            "roadmap.step.attempt": each["attempt"],
        }  # fmt: skip
        status, message = "unset", None
        if last:
            status = "ok" if last["status"] in ("succeeded", "skipped") else "error"
            message = last.get("reason")
            attributes |= {
                f"roadmap.step.{key}": last[key] for key in ("status", "failure", "exit_code") if key in last
            }
            if status == "error":
                attributes["error.type"] = last.get("failure", "unknown")
        name = f"{each['step']}" if each["attempt"] == 1 else f"{each['step']} (attempt {each['attempt']})"
        parent = span_id(run_id)
        identity = span_id(run_id, each["step"], each["attempt"])
        finished: str | None = last["at"] if last else None
        span = _span(
            run_id, identity, parent, name, each["at"], finished, now, status=status, attributes=attributes,
            message=message,
        )  # fmt: skip
        yield span | {"step": each["step"]}


def _calls(
    tx: Connection, run_id: str, workflow: str, steps: Mapping[str, str], root: str, now: datetime
) -> Iterator[Record]:
    """The calls of models that are charged to the run; each below the step that asked for it."""
    rows = tx.execute(
        "SELECT c.id, c.at, c.model, c.provider, c.purpose, c.prompt_tokens, c.completion_tokens, c.latency_ms,"
        " c.price_microunits, c.currency, c.finish, c.error, (SELECT s.account FROM model_account s"
        "  WHERE s.run_id = c.run_id AND s.account LIKE 'step:%' LIMIT 1)"
        " FROM model_account a JOIN model_call c ON c.run_id = a.run_id WHERE a.account = ? ORDER BY c.at",
        (f"run:{run_id}",),
    ).fetchall()
    for name, at, model, provider, purpose, read, written, latency, price, currency, finish, error, account in rows:
        step = (account or "").partition("/")[2]
        begun = clock.stamp(clock.parse(at) - timedelta(milliseconds=latency or 0))
        values = {
            "gen_ai.operation.name": "embeddings" if purpose == "embed" else "chat",
            "gen_ai.provider.name": provider, "gen_ai.request.model": model, "gen_ai.response.model": model,
            "gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": written,
            "gen_ai.response.finish_reasons": [finish] if finish else None, "gen_ai.workflow.name": workflow,
            "roadmap.call.id": name, "roadmap.call.purpose": purpose,
            "roadmap.cost.microunits": price, "roadmap.cost.currency": currency,
            "error.type": error.partition(":")[0] if error else None,
        }  # fmt: skip
        yield _span(
            run_id, span_id(run_id, "call", name), steps.get(step, root), f"chat {model}", begun, at, now,
            status="error" if error else "ok", kind=_CLIENT,
            attributes={key: value for key, value in values.items() if value is not None},
        )  # fmt: skip


def _span(
    run_id: str, identity: str, parent: str | None, name: str, begun: str, ended: str | None, now: datetime, *,
    status: str, attributes: Record, kind: int = _INTERNAL, message: str | None = None,
) -> Record:  # fmt: skip
    until = ended or max(begun, clock.stamp(now))
    found: Record = {
        "kind": KIND,
        "id": f"wf_{identity}",
        "at": begun,
        "run_id": run_id,
        "trace_id": trace_id(run_id),
        "span_id": identity,
        "name": name,
        "span_kind": kind,
        "ended_at": until,
        "duration_ms": round((clock.parse(until) - clock.parse(begun)) / timedelta(milliseconds=1)),
        "status": status,
        "attributes": {key: value for key, value in attributes.items() if value not in ("", None)},
    }
    if parent:
        found["parent_span_id"] = parent
    if message:
        found["status_message"] = message
    return found


def otlp(spans: Iterable[Record], version: str) -> Record:
    """Spans as one OTLP/JSON export request (ExportTraceServiceRequest)."""
    resource = {"attributes": [_attribute("service.name", "roadmap-wf"), _attribute("service.version", version)]}
    scope = {"scope": {"name": _SCOPE, "version": version}, "spans": [_otlp_span(each) for each in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _otlp_span(span: Record) -> Record:
    status: Record = {"code": _CODES[span["status"]]}
    if "status_message" in span:
        status["message"] = span["status_message"]
    found: Record = {
        "traceId": span["trace_id"],
        "spanId": span["span_id"],
        "name": span["name"],
        "kind": span["span_kind"],
        "startTimeUnixNano": _nanoseconds(span["at"]),
        "endTimeUnixNano": _nanoseconds(span["ended_at"]),
        "attributes": [_attribute(key, value) for key, value in span["attributes"].items()],
        "status": status,
    }
    if "parent_span_id" in span:
        found["parentSpanId"] = span["parent_span_id"]
    return found


def _nanoseconds(at: str) -> str:
    """64-bit integers are text in OTLP/JSON."""
    microseconds = (clock.parse(at) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)
    return str(microseconds * 1000)


def _attribute(key: str, value: Any) -> Record:
    return {"key": key, "value": _value(value)}


def _value(value: Any) -> Record:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
