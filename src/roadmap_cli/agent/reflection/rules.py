"""From failures to hypotheses: every rule on every failing test, then what they have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadmap_cli.agent.code.project import is_test
from roadmap_cli.agent.reflection.differences import by_difference
from roadmap_cli.agent.reflection.exceptions import by_exception
from roadmap_cli.agent.reflection.ground import Failure, Ground, Hypothesis

_FAILURES = 20
_NEAR_LINES = 3
_MOST_BIAS = 6.0


def reflect(
    files: Mapping[str, bytes],
    errors: Mapping[str, Mapping[str, Any] | None],
    suspicion: Mapping[str, Mapping[int, float]],
    *,
    changed: Mapping[str, Collection[int]] | None = None,
    reached: Mapping[str, Mapping[str, Collection[int]]] | None = None,
    evidence: Sequence[str] = (),
    limit: int = 8,
) -> list[Hypothesis]:
    """Why tests fail: hypotheses, the most confident first.

    `files` are the project's, `errors` what the bench says of each failing test (run with ``values=True``, or there is
    less to see), `suspicion` Ochiai's by file and line, `changed` the lines that differ from what was green before,
    `reached` the lines that each failing test runs (test → file → lines), as far as known,
    `evidence` the ids of the records that all of this rests on. Deterministic.
    """
    ground = Ground(files, suspicion, changed, reached)
    found: dict[tuple[str, str, str], Hypothesis] = {}
    for test in list(errors)[:_FAILURES]:
        failure = Failure.of(test, errors[test])
        for hypothesis in (
            *by_exception(failure, ground),
            *by_difference(failure, ground),
            *_by_place(failure, ground),
        ):
            key = (hypothesis.kind, hypothesis.file, hypothesis.function)
            known = found.get(key)
            if known is None:
                found[key] = replace(hypothesis, evidence=(*evidence, test))
            elif test not in known.evidence:
                both = 1 - (1 - known.confidence) * (1 - hypothesis.confidence * 0.5)
                found[key] = replace(known, confidence=min(0.95, both), evidence=(*known.evidence, test))
    ranked = [_lately(hypothesis, ground) for hypothesis in found.values()]
    ranked.sort(key=lambda h: (-h.confidence, h.kind, h.file, h.line))
    return ranked[:limit]


def _by_place(failure: Failure, ground: Ground) -> Iterator[Hypothesis]:
    """What only failing tests run, and what was changed and is run by them."""
    certain = [
        (file, line)
        for file, lines in sorted(ground.suspicion.items())
        if not is_test(file)
        for line, value in sorted(lines.items())
        if value >= 1
    ]
    every = sum(len(lines) for file, lines in ground.suspicion.items() if not is_test(file))
    if certain and len(certain) <= max(3, every // 4):
        file, line = certain[0]
        function = ground.function(file, line)
        text = ground.statement(file, line)
        yield Hypothesis(
            "run_only_when_failing",
            f"only failing tests run {ground.text(text) if text else f'line {line}'}",
            file,
            line,
            function,
            0.3,
            {},
            "the repair is in or before this line",
        )
    for file, lines in sorted(ground.changed.items()):
        run = sorted(set(lines) & set(ground.suspicion.get(file, ())))
        if run and not is_test(file):
            function = ground.function(file, run[0])
            yield Hypothesis(
                "changed_lately",
                f"{function or file} was changed since the tests were green, and failing tests run it",
                file,
                run[0],
                function,
                0.5,
                {},
                "undoing the change makes the tests green",
            )


def _lately(hypothesis: Hypothesis, ground: Ground) -> Hypothesis:
    """A place that was changed lately is suspected more."""
    lines = ground.changed.get(hypothesis.file, ())
    if hypothesis.kind != "changed_lately" and any(abs(line - hypothesis.line) <= _NEAR_LINES for line in lines):
        return replace(hypothesis, confidence=min(0.95, hypothesis.confidence + 0.15))
    return hypothesis


def bias(hypotheses: Iterable[Hypothesis], template: str, file: str, line: int, function: str = "") -> float:
    """How much likelier hypotheses make an edit by a template at a place: a factor from 1 to 6.

    A hypothesis counts with its confidence; in full in the suspect function or within three lines of the suspect line,
    by half elsewhere in the file, by a quarter in other files.
    """
    factor = 1.0
    for hypothesis in hypotheses:
        favoured = max((hypothesis.favours.get(name, 1.0) for name in template.split("+")), default=1.0)
        here = hypothesis.file == file and (
            abs(hypothesis.line - line) <= _NEAR_LINES or (function != "" and function == hypothesis.function)
        )
        near = 1.0 if here else 0.5 if hypothesis.file == file else 0.25
        factor *= 1 + hypothesis.confidence * near * (favoured - 1)
        if here and not hypothesis.favours:
            factor *= 1 + 0.5 * hypothesis.confidence
    return min(_MOST_BIAS, factor)
