"""Reflect: choose among what is plausible, weigh the evidence, prove it once more, store it with all it rests on."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import memory, reflection
from roadmap_cli.agent.code import patch
from roadmap_cli.agent.code.source import Block
from roadmap_cli.agent.loop import parting
from roadmap_cli.agent.loop.attempt import Attempt, Plausible, blocks_of, construct_of, reaching
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.repair import judge as judges
from roadmap_cli.agent.repair.driver import Candidate
from roadmap_cli.agent.runs import journal
from roadmap_cli.agent.testing import confirm, fingerprint
from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: How often a failing test is run again, with the repair and without it, before either is believed.
_REPEATS = 4
_TOLD_RIVALS = 3


@dataclass(frozen=True, slots=True)
class _Repair:
    """A repair that is to be stored: what was chosen, what speaks for it, and what it replaces."""

    found: Plausible
    evidence: confirm.Evidence
    after: Record
    blocks: list[Block]
    rivals: list[Record]


def settle(session: Session, attempt: Attempt) -> Generator[Record, None, dict[str, Any] | None]:
    """Gives what is stored of the end: the changed files and the fix. None if the repair does not stand up."""
    since = session.world.timer()
    session.begin("confirm", "confirm", [found.verdict.candidate.patch for found in attempt.plausible])
    made = confirm.Checks()
    attempt.plausible = parting.elected_first(session, attempt)
    if attempt.plausible[0].arm.name != "replay":
        made = confirm.checks(
            session.bench, session.project, session.command.framework, session.command.arguments,
            [found.verdict.candidate.changed for found in attempt.plausible], attempt.case.failing,
        )  # fmt: skip
    count = len(attempt.plausible)
    chosen = confirm.choose(made, count)
    found = attempt.plausible[chosen]
    evidence = _evidence(session, attempt, found)
    if found.arm.name != "replay":
        confirm.weigh(evidence, made, chosen, count)
    verdict, why = evidence.verdict()
    yield session.diary.end("confirm", "confirm", verdict, since, why=why)
    after = yield from _proved(session, attempt, found)
    if after is None:
        session.status = "unstable"
        return None
    changed = found.verdict.candidate.changed
    blocks = [block for name in sorted(changed) for block in blocks_of(session.project, name, changed[name])]
    if found.arm.name == "replay":
        rivals = list(_stood(session, found).get("rivals", ()))
    else:
        rivals = _rivals(session, attempt, made, chosen)
    return (yield from _remember(session, attempt, _Repair(found, evidence, after, blocks, rivals)))


def _rivals(session: Session, attempt: Attempt, made: confirm.Checks, chosen: int) -> list[Record]:
    """Of those that pass as well and behave differently the least edit each, with how many do the same.

    The repair with a needless edit besides is no rival.
    """
    told: list[Record] = []
    repair = attempt.plausible[chosen].verdict.candidate
    for alike, differing in confirm.unlike(made, chosen, len(attempt.plausible)):
        group = [at for at in alike if not attempt.plausible[at].verdict.candidate.holds(repair)]
        if not group:
            continue
        candidates = [attempt.plausible[at].verdict.candidate for at in group]
        diffs = [_diff(session, candidate) for candidate in candidates]
        at = min(range(len(group)), key=lambda number: len(diffs[number]))
        rival: Record = {"template": candidates[at].template, "diff": diffs[at], "edit_count": len(group)}
        told.append(rival if differing is None else {**rival, "differing_count": differing})
    return told[:_TOLD_RIVALS]


def _diff(session: Session, candidate: Candidate) -> str:
    was = {name: session.project.file(name) for name in candidate.changed}
    return patch.diff(was, session.project.with_changes(candidate.changed))


def _evidence(session: Session, attempt: Attempt, found: Plausible) -> confirm.Evidence:
    evidence = confirm.Evidence(excluded=len(attempt.excluded), searched_on=attempt.searched_on)
    held: Collection[str] = attempt.judge.held_out
    if found.arm.name == "replay":
        held = _as_it_stood(session, attempt, found, evidence)
    evidence.held_out = len(held)
    evidence.held_out_failing = sum(test in held for test in attempt.case.failing)
    functions = confirm.changed_functions(session.project, found.verdict.candidate.changed)
    evidence.held_out_reaching = reaching(session.project, attempt.lines, held, functions)
    return evidence


def _as_it_stood(session: Session, attempt: Attempt, found: Plausible, evidence: confirm.Evidence) -> Collection[str]:
    """Put into the evidence how a remembered repair was stored; gives the tests that it was not found with."""
    stood = _stood(session, found)
    with session.world.state.read() as tx:
        found_with = memory.tests_of(tx, _replayed(found))
    evidence.earlier = str(stood.get("verdict", "plausible"))
    evidence.rivals, evidence.disagreements = stood.get("rival_count", 0), stood.get("disagreement_count", 0)
    evidence.checks = stood.get("check_count", 0)
    if found_with is None:
        return frozenset()
    now = fingerprint.of_tests(session.project.files, _counted(attempt))
    return frozenset(test for test, name in now.items() if name not in found_with)


def _stood(session: Session, found: Plausible) -> Record:
    """How a remembered repair was stored last; empty if it comes from elsewhere."""
    with session.world.state.read() as tx:
        earlier = _earlier(tx, _replayed(found), "")
    return earlier[-1] if earlier else {}


def _counted(attempt: Attempt) -> set[str]:
    """The tests that have a say."""
    return {*attempt.case.known, *attempt.case.failing} - attempt.excluded


def _proved(session: Session, attempt: Attempt, found: Plausible) -> Generator[Record, None, Record | None]:
    """Run the whole suite with the repair once more; its record, None if it is not green again and again."""
    since = session.world.timer()
    session.begin("test", "test:after", found.verdict.candidate.patch)
    proof = attempt.judge.whole(found.verdict.candidate.changed)
    after = session.report.test_result("after", proof)
    green = judges.green(proof, attempt.case.known, attempt.excluded)
    if green and found.arm.name != "replay":
        green = attempt.judge.stands(found.verdict.candidate.changed, _REPEATS)
    step = session.diary.end("test", "test:after", "green" if green else "red", since, first=after)
    yield after
    yield step
    return after if green else None


def _remember(session: Session, attempt: Attempt, repair: _Repair) -> Generator[Record, None, dict[str, Any]]:
    """Store fix and decision, with all they rest on, and the end of the step in one transaction; then announce."""
    since = session.world.timer()
    session.begin("reflect", "reflect")
    candidate = repair.found.verdict.candidate
    changed = candidate.changed
    was = {name: session.project.file(name) for name in changed}
    pattern = content_id("agent.fix", blocks=[repr(block) for block in repair.blocks])
    fix = session.report.fix(
        candidate, was, session.project.with_changes(changed), repair.found.arm.name, pattern, repair.evidence,
        [s.exact for s in attempt.signatures], sorted(attempt.excluded), attempt.judge.overfit, repair.rivals,
    )  # fmt: skip
    detail = {"changed": dict(changed), "fix_id": fix["id"], "at": fix["at"]}
    stored = [record for record in session.report.kept if record["kind"] != "agent.candidate"]
    step = session.report.step("reflect", "reflect", "stored", session.world.timer() - since)
    from roadmap_cli.state import records

    with session.world.state.write() as tx:
        if session.world.state.dry_run:  # what earlier transactions said is gone
            session.enter(tx)
        records.put_many(tx, stored)
        _learn(tx, session, attempt, repair, fix)
        fix = {**fix, "decision_id": _decide(tx, session, attempt, repair, fix)}
        journal.tell(tx, session.id, [fix, step])
        journal.end(tx, session.id, "reflect", "stored", session.diary.at(), {**detail, "fix": fix})
    yield fix
    yield step
    return {**detail, "fix": fix}


def _learn(tx: Connection, session: Session, attempt: Attempt, repair: _Repair, fix: Record) -> None:
    """Put into memory what the repair teaches: of templates, of errors like this one, of the causes thought of."""
    files, found = session.project.files, repair.found
    candidate, at = found.verdict.candidate, session.diary.at()
    was = {name: files[name].decode() for name in candidate.changed if name in files}
    now = {name: candidate.changed[name] for name in was}
    memory.note_choice(tx, fix["pattern_id"], found.arm.driver.lessons(candidate), at)
    memory.learn(
        tx, fix_id=fix["pattern_id"], run_id=session.id, driver=found.arm.name, template=fix["template"],
        blocks=repair.blocks, was=was, changed=now, signatures=attempt.signatures, at=at,
        cause=reflection.conclude(tx, session.id, was, now, fix["template"], at),
        construct=construct_of(session.project, candidate),
        found_with=fingerprint.of_tests(session.project.files, _counted(attempt)).values(),
        standing="" if fix["verdict"] == "confirmed" else fix["verdict_reason"],
    )  # fmt: skip


def _decide(tx: Connection, session: Session, attempt: Attempt, repair: _Repair, fix: Record) -> str:
    """Store the decision with the records it rests on; its id."""
    from roadmap_cli.why import decisions

    driver, before, after = repair.found.arm.name, attempt.before, repair.after
    evidence = [before["id"], after["id"], fix["id"]]
    if driver == "replay":
        evidence += [earlier["id"] for earlier in _earlier(tx, _replayed(repair.found), fix["id"])]
    elif attempt.suspicion is not None:
        evidence.insert(1, attempt.suspicion["id"])
    decision = decisions.decide(
        tx, kind="agent.fix_chosen", what=f"change {fix['file']} line {fix['line']} by {driver}",
        why=session.report.reason(fix, before, after), evidence=evidence, command=session.world.command,
        at=session.world.now(), run_id=session.id,
        facts={"candidates": session.tried, "driver": driver, "template": fix["template"], "verdict": fix["verdict"]},
    )  # fmt: skip
    return str(decision["id"])


def _replayed(found: Plausible) -> str:
    """The pattern of the fix that was replayed."""
    return found.verdict.candidate.patch.removeprefix("replay:")


def _earlier(tx: Connection, pattern: str, but: str) -> list[Record]:
    """The stored record of a fix of this pattern, the last one but for `but`."""
    from roadmap_cli.state import records

    found = [r for r in records.find(tx, kind="agent.fix") if r.get("pattern_id") == pattern and r["id"] != but]
    return found[-1:]
