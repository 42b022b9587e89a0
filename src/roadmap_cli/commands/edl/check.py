"""edl-check: prove a plan before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterable

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record


@command(
    reads=("edl.source", "edl.plan", "edl.cut"),
    writes=("edl.source", "edl.finding", "edl.plan", "edl.cut"),
    streams=False,
    columns=("kind", "severity", "rule", "cut_id", "message"),
    examples={
        "Show what is wrong with a plan": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            "| jq -r 'select(.kind == \"edl.finding\").message'"
        ),
    },
    see=("edl-plan", "edl-render"),
)
def main(run: Run) -> Iterable[Record]:
    """Check a plan before it is rendered.

    Each rule that finds something writes an edl.finding record.
    An error means that the plan must not be rendered: a range outside its source, a source that is missing or has
    changed, a gap or overlap, a flash of fewer than 3 frames, a speed or colour out of bounds, a length that cannot be
    reached.
    A warning explains: a shot too short to read or long enough to tire, a jump cut, too little footage.

    The plan goes on, with 'checked' true if there is no error and a digest of exactly what was checked; edl-render
    refuses any other plan.
    The exit code is 1 if there is an error.

    All input is read first.
    """
    from roadmap_cli.edl import probe
    from roadmap_cli.edl.checking import checks

    plan, cuts, sources = checks.gather(run.records())
    if plan is None:
        yield from sources.values()
        return
    found = checks.check(plan, cuts, sources, probe.content_hash)
    errors = [finding for finding in found if finding.severity == "error"]
    yield from sources.values()
    for finding in found:
        yield finding.record(plan, run.stamp())
    yield checks.marked(plan, cuts, sources, found)
    yield from cuts
    places = {cut.get("id"): f"cut {position}: " for position, cut in enumerate(cuts)}
    for finding in errors:
        run.words.error(f"{places.get(finding.cut_id, '')}{finding.message}")
    for finding in found:
        if finding.severity != "error":
            run.detail(f"{places.get(finding.cut_id, '')}{finding.message}")
    run.note(f"{len(cuts)} cuts checked, {len(errors)} errors, {len(found) - len(errors)} warnings")
    run.exit_code = 1 if errors else 0
