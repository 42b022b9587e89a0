"""wf-web: a read-only page about workflows on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    writes="wf.web",
    state="read",
    effects="network",
    columns=("at", "address"),
    examples={"Look at runs in a browser": "wf-web --count 0 | jq -r .address | cut -d ? -f 1 | cut -d : -f 1,2"},
    see=("wf-run", "wf-approve", "wf-audit", "wf-trace", "wf-cost"),
)
@click.option(
    "--http",
    default="127.0.0.1:0",
    show_default=True,
    metavar="ADDRESS",
    help="Serve on this loopback address, such as 127.0.0.1:9095.",
)
@click.option("--payloads", is_flag=True, help="Show outputs and questions, too: else only names, times and reasons.")
@click.option("--count", type=click.IntRange(0), metavar="N", help="End after N requests.")
def main(run: Run, http: str, payloads: bool, count: int | None) -> Iterator[Record]:
    """Show workflows in a browser, read-only.

    Runs with their graph and where their time went, what waits for a person and the command that answers it, the audit
    log with a proof for each entry, cost and budgets.
    The address it writes holds a key, made anew each time: without it nobody on this machine gets a page. There is no
    script in the pages, and they load nothing from anywhere.

    It serves until it is terminated.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import loopback
    from roadmap_cli.wf.web import pages, serving

    if run.dry_run:
        raise UsageError("serving has no dry run")

    def page(path: str, query: Mapping[str, str]) -> str | None:
        with run.state.read() as tx:
            return pages.page(path, pages.Asked(tx, run.now(), query, payloads))

    place = loopback.address(http)
    with serving.serving(place, page, missing=pages.missing, unwanted=pages.unwanted) as (address, answer):
        yield {"kind": "wf.web", "id": run.new_id("wf.web"), "at": run.stamp(), "address": address}
        run.deliver()
        done = 0
        while count is None or done < count:
            done += answer()
