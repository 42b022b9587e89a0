"""The steps of a template, read one by one: what is done, when, how often, and what becomes of a failure."""

from __future__ import annotations

import re
from typing import Any

from roadmap_cli.wf.language import roles, services
from roadmap_cli.wf.language.reading import NAME, Reader
from roadmap_cli.wf.language.templates import (
    ACTIONS,
    EFFECT_RISK,
    ON_FAILURE,
    SERVICES,
    WAITS,
    Approval,
    Deed,
    Retry,
    Step,
)
from roadmap_cli.wf.language.yamlfile import Way

#: Names that a step may not set: they decide what code a program loads.
_FORBIDDEN_ENVIRONMENT = re.compile(r"(LD_.*|PYTHON(PATH|HOME|STARTUP)|ROADMAP_.*|PATH|HOME|IFS|BASH_ENV|ENV)\Z")
_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_DAY_S = 86400.0
_DEED = (
    "role", *ACTIONS, "input", "environment", "files", "output", "effects", "timeout", "cost_usd", "retry",
    "dependency",
)  # fmt: skip
_STEP = ("name", "description", *_DEED, "needs", "when", "each", "parallel", "compensate", "on_failure", "approval",
         "budget")  # fmt: skip


class StepReader(Reader):
    """Reads steps. `template`s are read by its heir in `loading`."""

    def step(self, value: Any, way: Way) -> Step:
        """One step."""
        table = self.table(value, way, _STEP, ("name",))
        self.no_empty_action(value, way)
        name = self.take(table, way, "name", str, "unnamed")
        if not NAME.match(name):
            self.fault((*way, "name"), "bad_name", f"{name!r} is no step name: small letters, digits and '_'")
        each = table.get("each")
        if each is not None and not isinstance(each, str | list):
            self.fault((*way, "each"), "not_a_list", f"step {name!r}: 'each' is no list and no ${{…}} that gives one")
            each = None
        if "parallel" in table and each is None:
            self.fault((*way, "parallel"), "unused_field", f"step {name!r} has 'parallel' but no 'each'")
        compensate = table.get("compensate")
        return Step(
            **self.deed(table, way, f"step {name!r}"),
            name=name,
            description=self.take(table, way, "description", str, ""),
            needs=self.texts(table, way, "needs"),
            when=self.clauses(table, way, "when"),
            each=each,
            parallel=self.whole(table, way, "parallel", 1, 64, 4),
            compensate=self.compensation(compensate, table.get("role"), (*way, "compensate"), name),
            on_failure=self.chosen(table.get("on_failure", "stop"), (*way, "on_failure"), ON_FAILURE, "on_failure"),
            approval=self.approval(table.get("approval"), (*way, "approval")),
            budget=self.budget(table.get("budget"), (*way, "budget")),
        )

    def compensation(self, value: Any, role: Any, way: Way, name: str) -> Deed | None:
        """What undoes a step; it acts in the step's role unless it names one."""
        if value is None:
            return None
        table = self.table(value, way, ("description", *_DEED))
        self.no_empty_action(value, way)
        if isinstance(role, str) and "role" not in table:
            table = {**table, "role": role}
        found = Deed(**self.deed(table, way, f"the compensation of step {name!r}"))
        if found.action in WAITS:
            self.fault(way, "bad_action", f"the compensation of step {name!r} only waits")
        return found

    def no_empty_action(self, value: Any, way: Way) -> None:
        """Note an action without anything after its colon."""
        for action in ACTIONS:
            if isinstance(value, dict) and action in value and value[action] is None:
                self.fault((*way, action), "bad_action", f"{action!r} has no value")

    def deed(self, table: dict[str, Any], way: Way, who: str) -> dict[str, Any]:
        """The fields of a `Deed`, from a step or a compensation."""
        chosen = [action for action in ACTIONS if action in table]
        if len(chosen) != 1:
            self.fault(way, "bad_action", f"{who} needs exactly one of {', '.join(ACTIONS)}")
        action = chosen[0] if chosen else "command"
        waits = action in ("wait", "event", "human", "workflow")
        for key in () if waits or not table else ("role", "effects"):
            if table.get(key) is None:
                self.fault(way, "missing_field", f"field {key!r} is missing in {'.'.join(map(str, way))}")
        role = self.chosen(table.get("role", "orchestrator"), (*way, "role"), tuple(roles.EFFECTS), "role")
        effects = self.texts(table, way, "effects")
        for at, effect in enumerate(effects):
            self.chosen(effect, (*way, "effects", at), tuple(EFFECT_RISK), "effect")
        command = self.texts(table, way, "command")
        if "command" in table and not command:
            self.fault((*way, "command"), "bad_action", f"{who} has an empty command")
        for key in ("input", "environment", "files", "output"):
            if key in table and action not in ("command", "shell") and not (key == "output" and action in SERVICES):
                self.fault((*way, key), "unused_field", f"{who} has {key!r}, which only a program takes")
        return {
            "role": role,
            "action": action,
            "command": command,
            "shell": self.take(table, way, "shell", str, ""),
            "wait_s": self.duration(table, way, "wait", 0.0),
            "spec": self.spec(action, table.get(action), (*way, action)),
            "stdin": table.get("input"),
            "environment": self.environment(table, way),
            "files": self.texts(table, way, "files"),
            "output": self.chosen(
                table.get("output", "text" if action in ("command", "shell", "wait", "agent") else "json"),
                (*way, "output"), ("text", "json", "records"), "output",
            ),
            "effects": effects,
            "timeout_s": self.duration(table, way, "timeout", 300.0),
            "cost_usd": self.number(table, way, "cost_usd", 0, 10**6, 0),
            "retry": self.retry(table.get("retry"), (*way, "retry")),
            "dependency": self.take(table, way, "dependency", str, None),
        }  # fmt: skip

    def spec(self, action: str, value: Any, way: Way) -> dict[str, Any]:
        """The fields of an action that has some."""
        match action:
            case "event":
                table = self.table(value, way, ("type", "source", "where", "timeout"))
                before = len(self.findings)
                self.clauses(table, way, "where")
                if "type" not in table and not table.get("where"):
                    self.fault(way, "missing_field", "an awaited event needs 'type' or 'where'")
                return {
                    **{key: self.take(table, way, key, str, None) for key in ("type", "source") if key in table},
                    "where": self.take(table, way, "where", list, []) if len(self.findings) == before else [],
                    "timeout_s": self.duration(table, way, "timeout", _DAY_S),
                }  # fmt: skip
            case "human":
                table = self.table(value, way, ("question", "choices", "assignee", "timeout"), ("question",))
                found: dict[str, Any] = {
                    "question": self.take(table, way, "question", str, ""),
                    "choices": list(self.texts(table, way, "choices")),
                    "timeout_s": self.duration(table, way, "timeout", _DAY_S),
                }
                assignee = self.take(table, way, "assignee", str, None)
                return found | ({"assignee": assignee} if assignee else {})
            case "workflow":
                table = self.table(value, way, ("template", "inputs"), ("template",))
                return {
                    "template": self.take(table, way, "template", str, ""),
                    "inputs": self.take(table, way, "inputs", dict, {}),
                }
        return services.read(self, action, value, way) if action in SERVICES else {}

    def environment(self, table: dict[str, Any], way: Way) -> dict[str, str]:
        """The variables a program gets."""
        values: dict[str, Any] = self.take(table, way, "environment", dict, {})
        for name in values:
            if not _ENVIRONMENT_NAME.match(name) or _FORBIDDEN_ENVIRONMENT.match(name):
                self.fault((*way, "environment", name), "bad_environment", f"a step may not set {name!r}")
        for name, value in values.items():
            if isinstance(value, dict | list) or value is None:
                self.fault((*way, "environment", name), "wrong_type", f"variable {name!r} must be text")
        words = {True: "true", False: "false"}
        return {name: words[each] if isinstance(each, bool) else str(each) for name, each in values.items()}

    def retry(self, value: Any, way: Way) -> Retry:
        """How often, and how long between."""
        if value is None:
            return Retry()
        table = self.table(value, way, ("attempts", "first", "factor", "most", "jitter"))
        return Retry(
            attempts=self.whole(table, way, "attempts", 1, 100, 3),
            first_s=self.duration(table, way, "first", 1.0),
            factor=self.number(table, way, "factor", 1, 10, 2),
            most_s=self.duration(table, way, "most", 60.0),
            jitter_ratio=self.number(table, way, "jitter", 0, 1, 0.2),
        )

    def approval(self, value: Any, way: Way) -> Approval | None:
        """Whether a person is asked first: ``true``, or of which group and how long."""
        if value is None or value is False:
            return None
        if value is True:
            return Approval()
        table = self.table(value, way, ("group", "timeout"))
        return Approval(self.take(table, way, "group", str, None), self.duration(table, way, "timeout", _DAY_S))
