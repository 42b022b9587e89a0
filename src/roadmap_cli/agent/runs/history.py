"""What the state knows of runs, put together for a person or another program to read; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roadmap_cli.agent.runs import journal
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


@dataclass(slots=True)
class History:
    """A run: its summary (agent.run), its records in order, its decisions, how candidates fared, calls of models."""

    summary: Record
    records: list[Record] = field(default_factory=list)
    decisions: list[Record] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    open_steps: list[str] = field(default_factory=list)
    calls: list[Record] = field(default_factory=list)

    @property
    def fix(self) -> Record | None:
        """The repair, if there is one."""
        return next((record for record in reversed(self.records) if record["kind"] == "agent.fix"), None)


_RUN = (
    "SELECT r.id, r.project, r.test_command, r.status, r.candidates, r.started_at, r.updated_at, g.goal, g.reason"
    " FROM agent_run r LEFT JOIN agent_goal g ON g.run_id = r.id"
)


def runs(tx: Connection, limit: int | None = None) -> Iterator[Record]:
    """The runs, newest first."""
    rows = tx.execute(f"{_RUN} ORDER BY r.updated_at DESC, r.id DESC LIMIT ?", (-1 if limit is None else limit,))
    for row in rows.fetchall():
        yield _summary(tx, row)


def newest(tx: Connection) -> str | None:
    """The run that last went on."""
    row = tx.execute("SELECT id FROM agent_run ORDER BY updated_at DESC, id DESC LIMIT 1").fetchone()
    return row[0] if row else None


def history(tx: Connection, run_id: str) -> History | None:
    """Everything of a run; None if there is none of that id."""
    from roadmap_cli.models import ledger
    from roadmap_cli.why import decisions

    row = tx.execute(f"{_RUN} WHERE r.id = ?", (run_id,)).fetchone()
    if row is None:
        return None
    found = History(_summary(tx, row))
    found.records = [record for record, _ in journal.records(tx, run_id)]
    found.decisions = list(reversed(list(decisions.find(tx, run_id=run_id))))
    counts = tx.execute("SELECT outcome, count(*) FROM agent_attempt WHERE run_id = ? GROUP BY outcome", (run_id,))
    found.outcomes = dict(counts.fetchall())
    found.open_steps = [step.key for step in journal.steps(tx, run_id) if not step.done]
    found.calls = list(ledger.calls(tx, run_id=run_id))
    return found


def _summary(tx: Connection, row: tuple[str, str, str, str, int, str, str, str | None, str | None]) -> Record:
    import json

    name, project, test, status, candidates, started, updated, goal, reason = row
    record: Record = {
        "kind": "agent.run", "id": name, "at": started, "project": project, "test": test, "status": status,
        "candidate_count": candidates, "updated_at": updated,
    }  # fmt: skip
    if goal:
        record["goal"] = goal
    if reason:
        record["reason"] = reason
    fix = tx.execute(
        "SELECT body FROM agent_record WHERE run_id = ? AND kind = 'agent.fix' ORDER BY seq DESC LIMIT 1", (name,)
    ).fetchone()
    if fix:
        told = json.loads(fix[0])
        record |= {part: told[part] for part in ("driver", "verdict", "files") if part in told}
    return record


def line(record: Record) -> tuple[str, str]:
    """A record in two texts for a timeline: what it is, and what it says."""
    match record["kind"]:
        case "agent.run_started":
            how = "taken up again" if record.get("resumed") else "begun"
            chosen = f", chosen by {record['test_chosen_by']}" if record.get("test_chosen_by") else ""
            return "run", f"{how}: {record['test']}{chosen}"
        case "agent.test_result":
            flaky = f", flaky: {', '.join(record['flaky'][:5])}" if record.get("flaky") else ""
            first = str(record.get("error", "")).partition("\n")[0]
            error = f" – {first}" if first and not record.get("reasons") else ""
            counts = f"{record['passed_count']} passed, {record['failed_count']} failed"
            return f"tests {record['phase']}", f"{counts}{flaky}{error}"
        case "agent.suspicion":
            places = [f"{at['file']}:{at['line']} ({at['suspicion_ratio']:.2f})" for at in record["lines"][:3]]
            return "suspicion", ", ".join(places) or "nothing"
        case "agent.step":
            more = f", {_candidates(record)} by {record['asked']}" if "asked" in record else ""
            more += f" for {record['test_count']} of the failing tests" if "test_count" in record else ""
            why = f" – {record['why']}" if record.get("why") else ""
            return record["step"], f"{record['outcome']}{more}{why}"
        case "agent.partial":
            return "partial", f"{', '.join(record['files'])} ({record['template']}): {partly(record)}"
        case "agent.fix":
            return (
                "fix",
                f"{', '.join(record['files'])} by {record['driver']} ({record['template']}): {record['verdict']}",
            )
        case "agent.run_finished":
            return "run", ended(record)
    return str(record["kind"]).partition(".")[2], ""


def ended(record: Record) -> str:
    """How a run ended (agent.run_finished), in words."""
    reason = f" ({record['reason']})" if record.get("reason") else ""
    how = f" after {_candidates(record)}"
    if record.get("found_by") == "replay":
        how = " by a repair that was remembered"
    if record.get("hardcoded_count") and record["status"] != "fixed":
        how += "; nothing but the expected value passes"
    where = ", written to the project" if record.get("applied") else ""
    where += f", on branch {record['branch']}" if record.get("branch") else ""
    return f"{record['status']}{reason}{how}{where}"


def _candidates(record: Record) -> str:
    count = record["candidate_count"]
    return f"{count} candidate{'s' * (count != 1)}"


def partly(record: Record) -> str:
    """What an edit mends that does not mend all (agent.partial), in words."""
    count = record["failed_count"]
    return f"turns {record['mended_count']} of {count} failing test{'s' * (count != 1)} green and breaks none"


def reasons(record: Record, most: int = 5) -> list[str]:
    """The first failing tests of an agent.test_result, each on a line with why it fails."""
    lines = [f"{each['test']}: {each['reason']}" for each in record.get("reasons", ())[:most]]
    more = record["failed_count"] - len(lines)
    return [*lines, f"and {more} more"] if lines and more > 0 else lines


def more(record: Record) -> list[str]:
    """What a timeline says below a record's line: failing tests, and the rest of what the first of them said."""
    if record["kind"] != "agent.test_result":
        return []
    rest = [line for line in str(record.get("error", "")).split("\n")[1:] if line.strip()]
    lines = reasons(record)
    return [*lines[:1], *(f"  {line}" for line in rest), *lines[1:]]


def rivals(fix: Record) -> list[tuple[str, str]]:
    """The other edits that pass all tests and behave differently, as (what it is in words, its diff)."""
    found = []
    for rival in fix.get("rivals", ()):
        like = rival["edit_count"] - 1
        alike = f", like {like} more" if like else ""
        differs = rival.get("differing_count")
        on = f", differs on {differs} of {fix['check_count']} generated inputs" if differs else ""
        found.append((f"passes as well ({rival['template']}){alike}{on}:", rival["diff"]))
    return found
