"""Plausible or correct? What can be known of a repair beyond its passing the tests that chose it.

Four kinds of evidence, each with its figures: tests that were held out; the functions' behaviour on the inputs that
passing tests already gave it, which must not have changed; calls with small variations of those inputs (after
"differential testing", McKeeman 1998, and the observation of Ye et al., "Automated Patch Assessment for Program Repair
at Scale", 2021, that generated inputs tell overfitted patches apart); and other edits that pass the tests as well: if
they behave differently on such inputs, the tests do not pin the behaviour down, and the repair is only plausible.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.code.source import Source
from roadmap_cli.agent.testing.bench import Bench

_PROBE = Path(__file__).parents[1] / "inside" / "roadmap_probe.py"
_SPEC = ".agent-probe.json"
_RECORDED, _VARIANTS, _FUNCTIONS = 40, 60, 3
_SECONDS = 2.0
#: So many checks are needed before the agreement of other edits means something.
ENOUGH = 20


@dataclass(slots=True)
class Evidence:
    """What is known of a repair. `checks` were made from the `inputs` that tests gave; see the schema of agent.fix.

    `earlier` is the verdict with which a repeated repair was stored; its rivals and checks are those of then, and
    held out are the tests that it was not found with.
    """

    held_out: int = 0
    held_out_failing: int = 0
    held_out_reaching: int = 0
    checks: int = 0
    recorded: int = 0
    changed_on_recorded: int = 0
    changed_on_variants: int = 0
    rivals: int = 0
    disagreements: int = 0
    searched_on: bool = False
    excluded: int = 0
    inputs: int = 0
    why_no_checks: str = ""
    earlier: str = ""

    def verdict(self) -> tuple[str, str]:
        """``confirmed`` or ``plausible``, and why in words."""
        if self.excluded:
            return "plausible", f"{_tests(self.excluded)} {_were(self.excluded)} left out of account"
        if self.changed_on_recorded:
            inputs = f"{self.changed_on_recorded} input{'s' * (self.changed_on_recorded != 1)}"
            return "plausible", f"it changes what {inputs} of passing tests give{'s' * (self.changed_on_recorded == 1)}"
        if self.earlier:
            return self._repeated()
        one = self.rivals == 1
        others = f"{self.rivals} other edit{'s' * (not one)}"
        if self.disagreements:
            return "plausible", (
                f"{others} {'passes' if one else 'pass'} as well and differ{'s' * one} from it on {self.disagreements}"
                f" of {self.checks} generated inputs"
            )
        if self.held_out_failing:
            count = self.held_out_failing
            return "confirmed", f"{_tests(count, 'failing ')} that {_were(count)} held out {_pass(count)}, too"
        if self.rivals and not self.checks:
            return "plausible", f"{others} {'passes' if one else 'pass'} as well, and nothing tells them apart"
        if self.checks >= ENOUGH and self.searched_on and self.inputs != 1:
            agreeing = f"{others} that pass{'es agrees' if one else ' agree'} with it"
            said = agreeing if self.rivals else "no other edit passes"
            return "confirmed", f"{said} on {self.checks} generated inputs, and no passing input changed its result"
        if self.checks >= ENOUGH and self.held_out_reaching:
            count = self.held_out_reaching
            return "confirmed", f"{_tests(count, 'held-out ')} run{'s' * (count == 1)} it and {_pass(count)}"
        if self.inputs == 1 and not self.why_no_checks:
            return "plausible", "the tests call what it changes with one input only, which many changes would suit"
        return "plausible", self.why_no_checks or "nothing but the tests that chose it speaks for it"

    def _repeated(self) -> tuple[str, str]:
        """A repair from memory stands as it stood, unless failing tests pass now that it was not found with."""
        count = self.held_out_failing
        if count:
            return "confirmed", f"{_tests(count, 'failing ')} that it was not found with {_pass(count)}, too"
        if self.earlier == "confirmed":
            return "confirmed", "the same repair was confirmed before"
        if self.rivals:
            differed = f" and differed from it on {self.disagreements} of {self.checks} generated inputs"
            return "plausible", (
                f"repeated from memory; {self.rivals} other edit{'s' * (self.rivals != 1)} passed as well when it was"
                f" found{differed * bool(self.disagreements)}"
            )
        return "plausible", "repeated from memory; only the tests speak for it"


def _tests(count: int, what: str = "") -> str:
    return f"{count} {what}test{'s' * (count != 1)}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _pass(count: int) -> str:
    return "passes" if count == 1 else "pass"


@dataclass(slots=True)
class Checks:
    """Results of calls by version; `passing` marks the inputs that passing tests gave as they are.

    `inputs` counts the different ones that the tests gave, failing or not.
    """

    results: list[list[str]] = field(default_factory=list)
    original: list[str] = field(default_factory=list)
    passing: list[bool] = field(default_factory=list)
    inputs: int = 0
    why_none: str = ""


def changed_functions(project: Project, changed: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Module-level functions that a change touches: file, name, and first line in the project as it stands."""
    found: list[tuple[str, str, int]] = []
    for name, text in changed.items():
        try:
            old, new = Source(name, project.files[name]), Source(name, text.encode())
        except (KeyError, SyntaxError, ValueError, RecursionError):
            continue
        bodies = {scope.name: new.content[scope.start : scope.end] for scope in new.scopes}
        for scope in old.scopes:
            node = scope.node
            if "." in scope.name or scope.name not in bodies or not hasattr(node, "lineno"):
                continue
            if old.content[scope.start : scope.end] != bodies[scope.name]:
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
                found.append((name, scope.name, first))
    return found


def checks(
    bench: Bench, project: Project, framework: str, arguments: Sequence[str], versions: Sequence[Mapping[str, str]],
    failing: Collection[str],
) -> Checks:  # fmt: skip
    """Compare versions of the project (changed files each) with it as it stands, on inputs from its tests."""
    if framework == "command":
        return Checks(why_none="the tests' inputs cannot be recorded")
    functions = list(dict.fromkeys(entry for changed in versions for entry in changed_functions(project, changed)))
    functions = functions[:_FUNCTIONS]
    if not functions:
        return Checks(why_none="the change is not inside a plain function")
    spec: dict[str, Any] = {"functions": functions, "framework": framework, "arguments": list(arguments)}
    recorded = _probe(bench, {}, "record", spec)
    calls = _calls(recorded)
    if not calls:
        return Checks(why_none="the tests give it no inputs that can be written down")
    bad = {*failing, *(recorded or {}).get("failing", ())}
    made = Checks()
    for index, (file, name, _) in enumerate(functions):
        own = [call for call in calls if call.get("function") == index]
        own.sort(key=lambda call: call.get("test") in bad)  # inputs of passing tests first
        texts = list(dict.fromkeys(str(call["call"]) for call in own))[:_RECORDED]
        good = {str(call["call"]) for call in own if call.get("test") not in bad}
        good -= {str(call["call"]) for call in own if call.get("test") in bad}
        made.inputs += len(texts)
        if texts:
            _compare(bench, made, versions, {"file": file, "function": name, "calls": texts, "count": _VARIANTS}, good)
    if not made.original:
        made.why_none = "the function cannot be called by itself"
    elif made.inputs == 1:  # a test that fails ends at its first assertion; with the repair it goes on
        further = _calls(_probe(bench, versions[0], "record", spec))
        made.inputs = max(1, len({(call.get("function"), str(call["call"])) for call in further}))
    return made


def _calls(recorded: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [call for call in (recorded or {}).get("calls", ()) if isinstance(call, dict)]


def _compare(
    bench: Bench, made: Checks, versions: Sequence[Mapping[str, str]], spec: dict[str, Any], good: Collection[str]
) -> None:
    spec = {**spec, "seconds": _SECONDS}
    runs = [_probe(bench, changed, "compare", spec) for changed in ({}, {}, *versions)]
    lists = [run.get("results") if isinstance(run, dict) else None for run in runs]
    if any(not isinstance(results, list) or len(results) != len(lists[0] or ()) for results in lists):
        return
    first, again, *others = [[str(result) for result in results or ()] for results in lists]
    if not made.results:
        made.results = [[] for _ in versions]
    texts = spec["calls"]
    for at, result in enumerate(first):
        every = [result, again[at], *(results[at] for results in others)]
        if result != again[at] or "-" in every:
            continue  # it does not say the same twice, or there was no time
        made.original.append(result)
        made.passing.append(at < len(texts) and texts[at] in good)
        for version, results in zip(made.results, others, strict=True):
            version.append(results[at])


def _probe(bench: Bench, changed: Mapping[str, str], mode: str, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    text = bench.program({**changed, _SPEC: json.dumps(spec)}, [str(_PROBE), "{report}", mode, _SPEC],
                         seconds=4 + 2 * _SECONDS)  # fmt: skip
    try:
        answer = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def choose(made: Checks, count: int) -> int:
    """Which of several plausible versions to take: the first of those that change least of what passing tests gave.

    Not the one that most others behave like: small edits that pass by chance are often alike.
    """
    if not made.original or count < 2:
        return 0
    return min(range(count), key=lambda version: (_changed(made, version, passing=True), version))


def weigh(evidence: Evidence, made: Checks, version: int, count: int) -> None:
    """Put what the checks say of one version into the evidence."""
    evidence.why_no_checks = made.why_none
    evidence.rivals = count - 1
    if not made.original:
        return
    evidence.checks, evidence.inputs = len(made.original), made.inputs
    evidence.recorded = sum(made.passing)
    evidence.changed_on_recorded = _changed(made, version, passing=True)
    evidence.changed_on_variants = _changed(made, version, passing=False)
    own = made.results[version]
    evidence.disagreements = sum(
        any(made.results[other][at] != own[at] for other in range(count)) for at in range(len(own))
    )


def unlike(made: Checks, version: int, count: int) -> list[tuple[list[int], int | None]]:
    """The other versions that behave differently from one, those that behave alike together.

    Each group comes with the number of inputs on which it differs; None if nothing was compared.
    """
    if not made.original:
        return [([other], None) for other in range(count) if other != version]
    own = made.results[version]
    groups: dict[tuple[str, ...], list[int]] = {}
    for other in range(count):
        if made.results[other] != own:
            groups.setdefault(tuple(made.results[other]), []).append(other)
    return [
        (group, sum(one != two for one, two in zip(own, results, strict=True))) for results, group in groups.items()
    ]


def _changed(made: Checks, version: int, *, passing: bool) -> int:
    entries = zip(made.original, made.results[version], made.passing, strict=True)
    return sum(was != now for was, now, good in entries if good == passing)
