"""wf-trace: a run as OpenTelemetry spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from datetime import datetime

_STYLES = {"ok": "green", "error": "red", "unset": "yellow"}


def draw(records: Sequence[Record], console: Any) -> None:
    """A waterfall for each run: when each span began and ended on the run's own axis, and what it cost."""
    from datetime import timedelta

    from rich.text import Text

    from roadmap_cli.core import clock

    runs: dict[str, list[Record]] = {}
    for each in records:
        runs.setdefault(each["run_id"], []).append(each)
    for spans in runs.values():
        parents = {each["span_id"]: each.get("parent_span_id") for each in spans}
        begin, end = (pick(clock.parse(each[at]) for each in spans) for pick, at in ((min, "at"), (max, "ended_at")))
        whole = max((end - begin) / timedelta(milliseconds=1), 1.0)
        names = min(max(len(each["name"]) + 2 * _depth(parents, each["span_id"]) for each in spans), 40)
        wide = max(console.width - names - 24, 10)
        for each in _in_order(spans):
            depth = _depth(parents, each["span_id"])
            label = f"{'  ' * depth}{visible(each['name'])}"[:names].ljust(names)
            first = _place(clock.parse(each["at"]), begin, whole, wide)
            last = max(_place(clock.parse(each["ended_at"]), begin, whole, wide), first + 1)
            line = Text(label + " ", style="bold" if depth == 0 else "")
            line.append("·" * first, style="dim")
            line.append("█" * (last - first), style=_STYLES[each["status"]])
            line.append("·" * (wide - last), style="dim")
            line.append(f" {_length(each['duration_ms'])}")
            tokens = [each["attributes"].get(f"gen_ai.usage.{name}_tokens") for name in ("input", "output")]
            if tokens[0] is not None:
                line.append(f" {tokens[0]}+{tokens[1] or 0} tokens", style="dim")
            if each["status"] == "error":
                line.append(" failed", style="red")
            console.print(line, no_wrap=True, overflow="crop")


def _place(at: datetime, begin: datetime, whole_ms: float, wide: int) -> int:
    return min(int((at - begin).total_seconds() * 1000 / whole_ms * wide), wide - 1)


def _depth(parents: dict[str, str | None], name: str) -> int:
    depth = 0
    while (above := parents.get(name)) is not None:
        name, depth = above, depth + 1
    return depth


def _in_order(spans: Sequence[Record]) -> Iterable[Record]:
    """Each span before those it caused."""
    below: dict[str | None, list[Record]] = {}
    known = {each["span_id"] for each in spans}
    for each in spans:
        above = each.get("parent_span_id")
        below.setdefault(above if above in known else None, []).append(each)
    waiting = below.get(None, [])[::-1]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(reversed(below.get(each["span_id"], [])))


def _length(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


@command(
    writes="wf.span",
    state="write",
    effects=("files", "network"),
    columns=("at", "name", "duration_ms", "status", "span_id", "parent_span_id"),
    examples={
        "Where did the time of the last run go?": "wf-trace --last --plain | cut -f 1-4",
        "Give the trace to a tool that reads OTLP": "wf-trace --last --otlp $HOME/trace.json | jq -r .status | sort -u",
    },
    see=("wf-run", "wf-cost", "wf-metrics", "roadmap-why"),
    picture=draw,
)
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option("--last", is_flag=True, help="The run that began last.")
@click.option("--otlp", type=click.Path(dir_okay=False), metavar="FILE", help="Also write them to FILE as OTLP/JSON.")
@click.option(
    "--collector", metavar="URL",
    help="Also send them to this OpenTelemetry collector (OTLP/HTTP), such as http://127.0.0.1:4318.",
)  # fmt: skip
def main(run: Run, runs: tuple[str, ...], last: bool, otlp: str | None, collector: str | None) -> Iterable[Record]:
    """Show a run as OpenTelemetry spans.

    There is a span for the run, for each attempt of each step, and for each call of a model, with the names of
    OpenTelemetry's conventions for generative AI.
    On a terminal they are drawn as a waterfall.
    They are made from the records of the run: a trace holds names, times, counts and reasons, and no content.

    Sending to another machine needs a permission: see roadmap-permit(1), purpose trace.
    """
    import orjson

    from roadmap_cli import __version__
    from roadmap_cli.core.errors import DataError, UsageError
    from roadmap_cli.core.writing import complete
    from roadmap_cli.wf.measures import spans

    if not runs and not last:
        raise UsageError("which run?", hint="name it, or say --last")
    found: list[Record] = []
    with run.state.read() as tx:
        names = list(runs)
        if last:
            row = tx.execute("SELECT run_id FROM wf_run ORDER BY started_at DESC, run_id DESC LIMIT 1").fetchone()
            if row is None:
                raise DataError("there is no run yet", code="unknown_run")
            names.append(row[0])
        for name in dict.fromkeys(names):
            found += spans.of_run(tx, name, run.now())
    if (otlp or collector) and not run.dry_run:
        body = orjson.dumps(spans.otlp(found, __version__))
        if otlp:
            with complete(otlp, mode=0o600) as stream:
                stream.write(body + b"\n")
        if collector:
            _send(run, collector, body)
    yield from found


def _send(run: Run, collector: str, body: bytes) -> None:
    from roadmap_cli.core.errors import Unavailable

    url = collector.rstrip("/") + ("" if collector.rstrip("/").endswith("/v1/traces") else "/v1/traces")
    with run.transport() as transport:
        response, text = transport.request(
            "POST", url, purpose="trace", kinds=("wf.span",), headers={"Content-Type": "application/json"},
            content=body, repeatable=True,
        )  # fmt: skip
    if response.status >= 300:
        raise Unavailable(
            f"the collector answers {response.status}: {text[:100].decode(errors='replace')!r}", where=url
        )
