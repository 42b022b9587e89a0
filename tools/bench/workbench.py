"""WorkBench (olly-styles/WorkBench, MIT): its gold actions through our SQL steps, rights and audit; and rules alone.

Each action of a gold answer becomes a planned step on one of five SQLite databases. The plan is approved by somebody
else, every step asks `permission.may_perform` first, is done by the action ``sql``, and stands in the audit log; the tables
are then compared with those that WorkBench's own tools make of the answer (src/tools and is_correct in
src/evals/utils.py of the snapshot of 2024-07: case counts in status, list_name and board only). After each task an
action outside the rights of its user is tried, too. Figures: tasks replayed right, forbidden actions done; then the
tasks that rules solve without a model, on the half the rules were written on and on the other.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import outside

from helping import tell_help

ROOT = Path(__file__).parents[2]
DATA = outside.FOLDER / "workbench" / "data" / "processed"
NOW = datetime(2023, 11, 30, tzinfo=UTC)
SENT = "2023-11-30 00:00:00"
TABLES = {
    "calendar": ("calendar_events.csv", "event_id"),
    "email": ("emails.csv", "email_id"),
    "analytics": ("analytics_data.csv", "visitor_id"),
    "project_management": ("project_tasks.csv", "task_id"),
    "customer_relationship_manager": ("customer_relationship_manager_data.csv", "customer_id"),
}
PLOTS = ("file_path",)
CASED = frozenset({"status", "list_name", "board"})
Row = dict[str, Any]
Call = tuple[str, dict[str, str]]


def calls(answer: str) -> list[Call]:
    """The actions of an answer, each as name and arguments; parsed, never evaluated."""
    found: list[Call] = []
    for text in ast.literal_eval(answer):
        node = ast.parse(text, mode="eval").body
        assert isinstance(node, ast.Call)
        name = ast.unparse(node.func).removesuffix(".func")
        found.append((name, {str(each.arg): str(ast.literal_eval(each.value)) for each in node.keywords}))
    return found


def rows(database: str) -> list[Row]:
    with (DATA / TABLES[database][0]).open(newline="") as file:
        return [{key: value or None for key, value in each.items()} for each in csv.DictReader(file)]


def tasks() -> list[tuple[str, Row]]:
    found = []
    for path in sorted((DATA / "queries_and_answers").glob("*.csv")):
        domain = path.name.removesuffix("_queries_and_answers.csv")
        with path.open(newline="") as file:
            found += [(domain, each) for each in csv.DictReader(file)]
    return found


def is_dev(task: Row) -> bool:
    """Which half a task is in: by its words, so that it never changes."""
    return hashlib.sha256(task["query"].encode()).digest()[-1] % 2 == 0


# -- what WorkBench's own tools do ------------------------------------------------------------------------------------


class Theirs:
    """The tables as WorkBench's tools leave them."""

    def __init__(self, start: dict[str, list[Row]]) -> None:
        self.tables = {name: [dict(each) for each in found] for name, found in start.items() if name != "analytics"}
        self.plots: list[Row] = []

    def do(self, name: str, given: dict[str, str]) -> None:
        domain, _, act = name.partition(".")
        if act == "create_plot":
            path = f"plots/{given['time_min']}_{given['time_max']}_{given['value_to_plot']}_{given['plot_type']}.png"
            self.plots.append({"file_path": path})
            return
        table, key = self.tables[domain], TABLES[domain][1]
        if act in ("delete_event", "delete_email", "delete_task", "delete_customer"):
            self.tables[domain] = [each for each in table if each[key] != given[key]]
        elif act.startswith("update_"):
            for each in table:
                if each[key] == given[key]:
                    each[given["field"]] = given["new_value"]
        elif act in ("create_event", "create_task", "add_customer"):
            table.append({**dict.fromkeys(table[0]), **given, key: self._next(table, key)})
        elif act == "send_email":
            self._send(given["recipient"], given["subject"], given["body"])
        else:
            mail = next(each for each in table if each[key] == given[key])
            if act == "forward_email":
                self._send(given["recipient"], f"FW: {mail['subject']}", mail["body"])
            else:
                self._send(mail["sender/recipient"], mail["subject"], given["body"])

    def _send(self, to: str, subject: str, body: str) -> None:
        table = self.tables["email"]
        table.append({"email_id": self._next(table, "email_id"), "inbox/outbox": "outbox", "sender/recipient": to,
                      "subject": subject, "sent_datetime": SENT, "body": body})  # fmt: skip

    @staticmethod
    def _next(table: list[Row], key: str) -> str:
        return str(max(int(each[key]) for each in table) + 1).zfill(8)

    def state(self) -> dict[str, list[Row]]:
        return {**self.tables, "plots": self.plots}


def alike(state: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """A state as is_correct compares it."""
    return {
        name: [{key: value if key in CASED or value is None else str(value).lower() for key, value in row.items()}
               for row in found]
        for name, found in state.items()
    }  # fmt: skip


# -- ours ----------------------------------------------------------------------------------------------------------


def statement(name: str, given: dict[str, str]) -> tuple[str, str, str, dict[str, str]]:
    """The database, the effect, the SQL and its parameters for an action. Columns are named by us, never by a value."""
    domain, _, act = name.partition(".")
    table, key = domain, TABLES[domain][1]
    new_id = f"(SELECT printf('%08d', max(CAST({key} AS INTEGER)) + 1) FROM {table})"
    if act == "create_plot":
        query = "INSERT INTO plots(file_path) VALUES ('plots/' || :time_min || '_' || :time_max || '_' || :value_to_plot" \
                " || '_' || :plot_type || '.png')"  # fmt: skip
        return domain, "change", query, given
    if act.startswith("delete_"):
        return domain, "delete", f"DELETE FROM {table} WHERE {key} = :{key}", given
    if act.startswith("update_"):
        field = next(each for each in rows_of(domain) if each == given["field"])
        values = {key: given[key], "new_value": given["new_value"]}
        return domain, "change", f'UPDATE {table} SET "{field}" = :new_value WHERE {key} = :{key}', values
    if act in ("create_event", "create_task", "add_customer"):
        names = [each for each in rows_of(domain) if each in given]
        columns = ", ".join(f'"{each}"' for each in (key, *names))
        values = ", ".join((new_id, *(f":{each}" for each in names)))
        return (
            domain,
            "change",
            f"INSERT INTO {table}({columns}) VALUES ({values})",
            {each: given[each] for each in names},
        )
    into = f'INSERT INTO {table}(email_id, "inbox/outbox", "sender/recipient", subject, sent_datetime, body) '
    if act == "send_email":
        return domain, "change", f"{into}VALUES ({new_id}, 'outbox', :recipient, :subject, '{SENT}', :body)", given
    if act == "forward_email":
        chosen = f"SELECT {new_id}, 'outbox', :recipient, 'FW: ' || subject, '{SENT}', body"
    else:
        chosen = f"SELECT {new_id}, 'outbox', \"sender/recipient\", subject, '{SENT}', :body"
    return domain, "change", f"{into}{chosen} FROM {table} WHERE email_id = :email_id", given


_COLUMNS: dict[str, list[str]] = {}


def rows_of(database: str) -> list[str]:
    if database not in _COLUMNS:
        _COLUMNS[database] = list(rows(database)[0])
    return _COLUMNS[database]


class Ours:
    """Five databases, a state in which somebody may change four of them, and what carries steps out."""

    def __init__(self, state: Any, folder: Path, start: dict[str, list[Row]]) -> None:
        import sqlite3

        self.state, self.folder = state, folder
        self.fresh = folder / "fresh"
        self.fresh.mkdir()
        lines = []
        for name, found in start.items():
            columns = ", ".join(f'"{each}" TEXT' for each in found[0])
            marks = ", ".join("?" * len(found[0]))
            with closing(sqlite3.connect(self.fresh / f"{name}.db")) as connection:
                connection.execute(f"CREATE TABLE {name}({columns})")
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", [list(each.values()) for each in found])
                if name == "analytics":
                    connection.execute("CREATE TABLE plots(file_path TEXT)")
                connection.commit()
            tables = f'["{name}"' + (', "plots"]' if name == "analytics" else "]")
            lines += [f"[database.{name}]", f'file = "{folder / name}.db"', "changes = true", f"tables = {tables}", ""]
        config = folder / "config" / "roadmap"
        config.mkdir(parents=True)
        (config / "connections.toml").write_text("\n".join(lines))
        self.environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "PATH": "/usr/bin:/bin"}
        self.number = 0
        self._found()
        self.reset(start)

    def _found(self) -> None:
        """Give rights: sam has work done on the five databases, mia approves it, and rob may only read."""
        from attack_ground import _row

        from roadmap_cli.core import clock
        from roadmap_cli.state import records
        from roadmap_cli.wf.rights import giving

        owner = giving.Giver("olga", "the bench", True, "bench", NOW)
        scope = [f"database:{name}" for name in TABLES]
        with self.state.write() as tx:
            giving.role(tx, owner, "sam", "operator", patterns=scope)
            giving.role(tx, owner, "mia", "approver", patterns=scope)
            giving.role(tx, owner, "rob", "reader", patterns=scope)
            giving.role(tx, owner, "pat", "operator", patterns=["database:calendar"])
            _row(tx, "wf_event", event_id="wf_e", dedupe_key="e")
            _row(tx, "wf_match", match_id="wf_m", event_id="wf_e", workflow="workbench")
            for name, kind in (("wf_e", "wf.event"), ("wf_m", "wf.match")):
                records.put(tx, {"kind": kind, "id": name, "at": clock.stamp(NOW), "event_id": "wf_e"})

    def reset(self, names: Any) -> None:
        for name in names:
            shutil.copyfile(self.fresh / f"{name}.db", self.folder / f"{name}.db")

    def plan(self, wanted: list[Call], user: str) -> Row:
        """The plan of some actions, by whom, stored and approved by mia."""
        from roadmap_cli.core import clock
        from roadmap_cli.core.records import content_id
        from roadmap_cli.wf.approving import approvals
        from roadmap_cli.wf.planning import keeping

        self.number += 1
        steps = []
        for at, (name, given) in enumerate(wanted):
            database, effect, query, values = statement(name, given)
            spec = {"database": database, "query": query, "parameters": values, "most_rows": 1000, "change": True}
            steps.append({"name": f"s{at}", "action": "sql", "role": "operations", "needs": [], "sql": spec,
                          "effects": [effect], "permissions": [], "risk": "high", "timeout_s": 10.0, "attempts": 1,
                          "output": "json"})  # fmt: skip
        found = {"kind": "wf.plan", "id": "", "at": clock.stamp(NOW), "match_id": "wf_m", "event_id": "wf_e",
                 "workflow": "workbench", "version": 1, "template_sha256": "0" * 64, "requested_by": user,
                 "directory": str(self.folder), "inputs": {"task": self.number}, "steps": steps, "permissions": [],
                 "risk": "high", "approval_needed": True, "high_risk_steps": [], "cost_usd": "0.0000",
                 "scope": sorted({f"database:{each['sql']['database']}" for each in steps})}  # fmt: skip
        found["plan_hash"] = keeping.plan_hash(found)
        found["id"] = content_id("wf.plan", plan_hash=found["plan_hash"])
        with self.state.write() as tx:
            kept = keeping.keep(tx, found, command="bench", at=NOW)
            approvals.decide_on(tx, kept["id"], approver="mia", is_approved=True, why="seen", valid_s=3600.0,
                                expected_hash=kept["plan_hash"], command="bench", at=NOW)  # fmt: skip
        return kept

    def perform(self, plan: Row, step: Row) -> bool:
        """Ask for the right, do the step, log it; whether it was done."""
        from roadmap_cli.wf import actions
        from roadmap_cli.wf.audit import log
        from roadmap_cli.wf.running import performing, permission

        with self.state.write() as tx:
            if not permission.may_perform(tx, plan, step, NOW).is_allowed:
                return False
        context = actions.Context(
            state=self.state, plan=plan, lookup=lambda name: None, directory=self.folder, environ=self.environ,
            key=f"{plan['id']}{step['name']}", command="bench", now=lambda: NOW, stop=threading.Event(),
            scope=tuple(plan["scope"]),
        )  # fmt: skip
        outcome = performing.perform(step, context)
        with self.state.write() as tx:
            log.append(tx, action="step.done", user=f"user:{plan['requested_by']}", agent=step["role"],
                       resource=plan["id"], outcome="done" if outcome["status"] == "succeeded" else "failed",
                       why=outcome.get("reason", "by the gold answer"), at=NOW, step=step["name"])  # fmt: skip
        if outcome["status"] != "succeeded":
            raise AssertionError(outcome)
        return True

    def tables(self) -> dict[str, list[Row]]:
        import sqlite3

        found: dict[str, list[Row]] = {}
        for name in TABLES:
            with closing(sqlite3.connect(self.folder / f"{name}.db")) as connection:
                connection.row_factory = sqlite3.Row
                table = "plots" if name == "analytics" else name
                found[table] = [dict(each) for each in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]
        return found


def forbidden(place: Ours, wanted: list[Call], rng: random.Random) -> list[tuple[Row, Row]]:
    """The same actions by who may not: by a reader, by an operator of another database, out of scope, unapproved."""
    by_reader = place.plan(wanted, "rob")
    plan = place.plan(wanted, "sam")
    step = rng.choice(plan["steps"])
    elsewhere = {**step, "sql": {**step["sql"], "database": "payroll"}}
    found = [(by_reader, by_reader["steps"][0]), (plan, elsewhere), (plan, {**step, "role": "data"}),
             ({**plan, "id": "wf_nowhere"}, step)]  # fmt: skip
    if any(each["sql"]["database"] != "calendar" for each in plan["steps"]):
        other = place.plan(wanted, "pat")
        found.append((other, next(each for each in other["steps"] if each["sql"]["database"] != "calendar")))
    return found


def replay(place: Ours, start: dict[str, list[Row]]) -> Row:
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    done = tried = broken = exchanged = mistaken = 0
    told: dict[str, list[Row]] = {}
    rng = random.Random(0)
    began = time.process_time()
    for domain, task in tasks():
        wanted = calls(task["answer"])
        theirs = Theirs(start)
        for call in wanted:
            theirs.do(*call)
        plan = place.plan(wanted, "sam")
        total[domain] += 1
        done += sum(place.perform(plan, step) for step in plan["steps"])
        ours = alike(place.tables())
        right[domain] += ours == alike(theirs.state())
        if alike(theirs.state()) != told:  # a comparison that finds everything right would find this right, too
            exchanged += 1
            mistaken += ours == told
        told = alike(theirs.state())
        for other, step in forbidden(place, wanted, rng) if wanted else []:
            tried += 1
            broken += place.perform(other, step)
        place.reset({statement(*call)[0] for call in wanted})
    with place.state.read() as tx:
        (entries,) = tx.execute("SELECT count(*) FROM wf_audit").fetchone()
    count = sum(total.values())
    return {
        "kind": "bench.figure", "name": "WorkBench gold actions replayed through rights, SQL steps and audit",
        "unit": "%", "value": round(100 * sum(right.values()) / count, 2), "tasks": count, "actions_done": done,
        "control_other_answers": exchanged, "control_judged_right": mistaken, "forbidden_tried": tried, "forbidden_done": broken, "audit_entries": entries,
        "cpu_s": round(time.process_time() - began, 1), "domains": {each: f"{right[each]}/{total[each]}" for each in total},
    }  # fmt: skip


def by_rules(start: dict[str, list[Row]]) -> list[Row]:
    """What rules solve without a model, on both halves."""
    from workbench_rules import solve

    found = []
    for is_first, half in ((True, "dev half, on which they were written"), (False, "other half")):
        right: Counter[str] = Counter()
        total: Counter[str] = Counter()
        wrong = 0
        for domain, task in tasks():
            if is_dev(task) != is_first:
                continue
            total[domain] += 1
            said = solve(task["query"], start)
            if said is None:
                continue
            states = []
            for answer in (said, calls(task["answer"])):
                theirs = Theirs(start)
                for call in answer:
                    theirs.do(*call)
                states.append(alike(theirs.state()))
            is_right = states[0] == states[1]
            right[domain] += is_right
            wrong += not is_right
        count = sum(total.values())
        found.append({
            "kind": "bench.figure", "name": f"WorkBench tasks solved by rules, no model: {half}", "unit": "%",
            "value": round(100 * sum(right.values()) / count, 1), "tasks": count, "solved": sum(right.values()),
            "done_wrong": wrong, "left_alone": count - sum(right.values()) - wrong,
            "domains": {each: f"{right[each]}/{total[each]}" for each in total},
        })  # fmt: skip
    return found


def main() -> int:
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "unit" / "wf"), str(ROOT / "tools" / "bench")]
    from roadmap_cli.state.identity import KeySource
    from roadmap_cli.state.store import State

    if not DATA.is_dir():
        print(f"workbench: skipped: {DATA} is not there", file=sys.stderr)
        return 0
    start = {name: rows(name) for name in TABLES}
    status = 0
    if "--rules" not in sys.argv:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            keys = KeySource({"HOME": name}, None)
            with State.open(folder / "state.db", mode="write", keys=keys, now=lambda: NOW) as state:
                record = replay(Ours(state, folder, start), start)
        print(json.dumps(record), flush=True)
        status = int(record["value"] != 100 or record["forbidden_done"] > 0 or record["control_judged_right"] > 0)
    if "--replay" not in sys.argv:
        for record in by_rules(start):
            print(json.dumps(record), flush=True)
    return status


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
