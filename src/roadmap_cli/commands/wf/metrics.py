"""wf-metrics: counts of runs and what is alarming about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.records import Record

main = group(
    "Count runs for Prometheus, and raise alerts.",
    """Counts come from the state when they are asked for; a run does nothing for them.
    Let cron write them for the textfile collector of Prometheus' node exporter, or let Prometheus scrape them.
    Alerts are records: a workflow can be set off by one, as by any other event.""",
    module=__name__,
    default="show",
    examples={
        "Success and failure of each workflow":
            "wf-metrics show | jq -c 'select(.name == \"roadmap_wf_runs_total\") | [.labels, .value]'",
        "For the textfile collector, from cron": "wf-metrics write -o $HOME/roadmap_wf.prom | jq -r .path",
        "Is anything alarming?": "wf-metrics alerts --plain",
    },
    see=("wf-run", "wf-trace", "wf-cost", "wf-match"),
)  # fmt: skip


@main.command(state="read", writes="wf.metric", columns=("name", "labels", "value"))
def show(run: Run) -> Iterable[Record]:
    """Write every sample as a record."""
    from roadmap_cli.wf.measures import metrics

    with run.state.read() as tx:
        found = metrics.families(tx, run.now())
    yield from metrics.records(found, run.now())


@main.command(state="read", effects="files", output="file", writes="wf.metrics_file", columns=("path", "samples_count"))
def write(run: Run) -> Iterable[Record]:
    """Write a file in Prometheus' text form, complete or not at all.

    Its name must end in .prom for the textfile collector to read it.
    """
    from roadmap_cli.core.writing import complete
    from roadmap_cli.wf.measures import metrics

    with run.state.read() as tx:
        found = metrics.families(tx, run.now())
    if not run.dry_run:
        with complete(run.output_path, mode=0o644) as stream:
            stream.write(metrics.text(found).encode())
    record: Record = {"kind": "wf.metrics_file", "id": run.new_id("wf.metrics_file"), "at": run.stamp()}
    yield record | {"path": str(run.output_path), "samples_count": sum(len(each.samples) for each in found)}


@main.command(state="read", effects="network", writes="wf.scrape", columns=("at", "samples_count"))
@click.option(
    "--http", required=True, metavar="ADDRESS", help="Serve on this loopback address, such as 127.0.0.1:9095."
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N requests.")
def serve(run: Run, http: str, count: int | None) -> Iterator[Record]:
    """Let Prometheus scrape them, until it is terminated."""
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import loopback
    from roadmap_cli.wf.measures import metrics, serving

    if run.dry_run:
        raise UsageError("serving has no dry run")
    answered: list[int] = []

    def text() -> str:
        with run.state.read() as tx:
            found = metrics.families(tx, run.now())
        answered.append(sum(len(each.samples) for each in found))
        return metrics.text(found)

    with serving.serving(loopback.address(http), text) as (port, answer):
        run.note(f"metrics are at http://127.0.0.1:{port}/metrics")
        done = 0
        while count is None or done < count:
            answer()
            while answered:
                done += 1
                record: Record = {"kind": "wf.scrape", "id": run.new_id("wf.scrape"), "at": run.stamp()}
                yield record | {"samples_count": answered.pop(0)}


def _alarm(records: Sequence[Record], console: Any) -> None:
    """One line for each alert, whole: what is wrong must not be cut off at the edge of the terminal."""
    from roadmap_cli.cli.render import one_line

    for record in records:
        style = "bold red" if record.get("severity") == "critical" else "yellow"
        text = f"{record.get('severity', '')}  {record.get('what', '')} [{record.get('name', '')}]"
        console.print(one_line(text), style=style, markup=False, highlight=False, soft_wrap=True)


@main.command(state="read", writes="wf.alert", columns=("severity", "name", "subject", "what"), picture=_alarm)
@click.option("--failures", type=click.IntRange(1), default=3, show_default=True, help="Failed runs that are too many.")
@click.option("--among", "runs", type=click.IntRange(1), default=5, show_default=True, help="Among so many last runs.")
@click.option(
    "--stuck", metavar="TIME", default="6h", show_default=True, help="A run may go on so long without an end."
)
@click.option("--unanswered", metavar="TIME", default="24h", show_default=True, help="A person may take so long.")
@click.option(
    "--budget-ratio", "budget", type=FiniteRange(0, 1), default=0.8, show_default=True, metavar="RATIO",
    help="The share of a budget that may be spent.",
)  # fmt: skip
def alerts(run: Run, failures: int, runs: int, stuck: str, unanswered: str, budget: float) -> Iterable[Record]:
    """Write what is alarming now.

    Failures that repeat, runs that get nowhere, people who do not answer, budgets near their end.
    An alert keeps its id until it is over, so that 'wf-metrics alerts | wf-match' sets a workflow off once.
    The exit code is 1 if there is one.
    """
    from roadmap_cli.core.clock import length
    from roadmap_cli.wf.measures.alerts import Limits, found

    limits = Limits(failures, runs, length(stuck), length(unanswered), budget)
    with run.state.read() as tx:
        raised = found(tx, run.now(), limits)
    yield from raised
    if raised:
        run.exit_code = 1
