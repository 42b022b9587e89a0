"""Getting ready for many quick trials: tests taken apart, their pace, and what the suspect code's variables hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import sqrt
from typing import Any

from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.repair.driver import Case
from roadmap_cli.agent.testing import asserts, localise
from roadmap_cli.agent.testing.bench import Bench, Probes

_FAILING, _PASSING = 40, 120


def prepare(bench: Bench, project: Project, case: Case, without: Collection[str] = ()) -> None:
    """Take the failing tests apart, and see what types the suspect code's variables have; both go into the case.

    Nothing is changed if the tests cannot be loaded. Tests whose parts do not say what they say stay whole. Tests
    `without` have no say: they are held out, or say nothing.
    """
    if not bench.loads or not case.selecting or case.probes is not None:
        return
    files = list(dict.fromkeys(test.partition("::")[0] for test in case.failing))
    overlay: dict[str, str] = {}
    for name in files:
        text = project.files.get(name, b"").decode(errors="replace")
        parts = asserts.split(text) if is_test(name) else None
        if parts:
            overlay[name] = parts
    sources = [name for name in case.suspicion if not is_test(name)] or project.sources()
    seen = _observed(bench, overlay, files, sources, case)
    if seen is None and overlay:
        overlay, seen = {}, _observed(bench, {}, files, sources, case)
    if seen is None:
        return
    times = {test: said for test, said in seen["times"].items() if asserts.whole(test) not in without}
    failing = [test for test in times if not times[test][0]]
    passing = sorted((test for test in times if times[test][0]), key=lambda test: times[test][1])[:_PASSING]
    endless = [test for test in failing if times[test][2]]
    failing.sort(key=lambda test: times[test][1])
    if overlay or not case.suspicion:
        _sharpen(bench, case, overlay, sources, [*passing, *(t for t in failing if t not in endless), *endless[:2]])
    failing = failing[:_FAILING]
    if not failing:
        return
    usual = [times[test][1] for test in (*passing, *failing) if not times[test][2]]
    total = sum(usual)
    unknown = (0.001 + 2 * max(usual, default=0.005)) * (len(passing) + len(failing) - len(usual))
    limit = 0.004 + min(12 * total, 0.1 + 4 * total) + unknown
    case.probes = Probes(
        overlay, tuple(failing), tuple(passing), limit, seen["types"], frozenset(endless).intersection(failing)
    )


def _observed(
    bench: Bench, overlay: Mapping[str, str], files: Sequence[str], sources: Sequence[str], case: Case
) -> dict[str, Any] | None:
    """What the loaded session says of the tests of some files; None if it contradicts what their whole run said."""
    wholes = {t: t not in case.failing for t in (*case.failing, *case.known) if t.partition("::")[0] in files}
    limit = min(0.8, case.test_seconds)
    seen = bench.observe(overlay, files, sources, limit=limit, seconds=2 * case.run_seconds)
    if not seen or not asserts.sound({test: said[0] for test, said in seen["times"].items()}, wholes):
        return None
    return dict(seen)


def _sharpen(
    bench: Bench, case: Case, overlay: Mapping[str, str], sources: Sequence[str], tests: Sequence[str]
) -> None:
    """Suspicion by which lines failing and passing parts of tests run, with what the whole tests said."""
    run = bench.run(
        overlay,
        tests=tests,
        trace=sources,
        test_seconds=max(0.3, case.test_seconds / 3),
        seconds=2 * case.run_seconds,
    )
    finer = localise.ochiai(run.lines, run.failing, run.passing) if run.finished and run.failing else {}
    if finer:
        if not case.imported:
            imported = run.lines.get(localise.IMPORT, {})
            case.imported = {name: frozenset(numbers) for name, numbers in imported.items()}
        case.suspicion = {
            name: {
                number: sqrt(value * case.suspicion.get(name, {}).get(number, value)) for number, value in lines.items()
            }
            for name, lines in finer.items()
        }
