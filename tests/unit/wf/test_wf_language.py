"""The template language: what the check finds, what a plan makes of it, what the published schema says of it."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import library
from roadmap_cli.wf.language import clauses, lint, loading, schema, templates, tomlfile, yamlfile
from roadmap_cli.wf.language.lint import reach
from roadmap_cli.wf.planning import keeping, planner, plansteps

ROOT = Path(__file__).parents[3]
LIBRARY = sorted((ROOT / "src/roadmap_cli/wf/library").glob("*.yaml"))
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT = {
    "id": "wf_event",
    "at": "2026-11-23T09:00:00.000Z",
    "type": "t",
    "data": {"name": "x ${y}", "list": [1, 2, 3], "nothing": None},
}
Write = Callable[[str, str], Path]
TOP = "workflow: main\nversion: 1\ntrigger: {type: t}\n"


def faults(path: Path) -> list[tuple[int, str]]:
    return [(each.line, each.code) for each in loading.check_all([path])]


def planned(path: Path, event: Mapping[str, Any] = EVENT, config: Record | None = None, *others: Path) -> Record:
    template = loading.load(path)
    match = {"id": "wf_match", "template_sha256": template.sha256}
    known = {each.workflow: each for each in loading.load_all(list(others))}
    return planner.plan(
        template, match, dict(event), requested_by="alice", directory=path.parent, at=NOW, known=known,
        settings=config or {},
    )  # fmt: skip


# -- what the check finds ----------------------------------------------------------------------------------------------

BAD = {
    "time-out longer than the run": ("timeout: 1m\nsteps: [{name: a, role: data, command: [x], effects: [read], timeout: 2m}]", 4, "timeout_exceeds_run"),
    "wait longer than the run": ("timeout: 1m\nsteps: [{name: a, role: data, wait: 2m, effects: []}]", 4, "timeout_exceeds_run"),
    "budget less than its steps": ("budget: {usd: 1}\nsteps: [{name: a, role: data, command: [x], effects: [read], cost_usd: 0.6, retry: {attempts: 2}}]", 3, "budget_too_small"),
    "budget of a step": ("steps: [{name: a, role: data, command: [x], effects: [read], cost_usd: 2, budget: {usd: 1}}]", 3, "budget_too_small"),
    "loop over text": ("steps:\n  - {name: a, role: data, command: [x], effects: [read]}\n  - {name: b, role: data, command: [x], effects: [read], needs: [a], each: '${steps.a.output}'}", 5, "not_a_list"),
    "loop over words": ("steps: [{name: a, role: data, command: [x], effects: [read], each: some words}]", 3, "not_a_list"),
    "loop over an input that is none": ("inputs: {n: {default: 5}}\nsteps: [{name: a, role: data, command: [x], effects: [read], each: '${inputs.n}'}]", 4, "not_a_list"),
    "item without a loop": ("steps: [{name: a, role: data, command: [x, '${item}'], effects: [read]}]", 3, "unknown_placeholder"),
    "output outside compensate": ("steps: [{name: a, role: data, command: [x, '${output}'], effects: [read]}]", 3, "unknown_placeholder"),
    "a step never reached": ("steps: [{name: a, role: data, command: [x], effects: [read], when: [{field: event.x, equals: 1}, {field: event.x, equals: 2}]}]", 3, "unreachable_step"),
    "a condition on a constant": ("inputs: {n: {default: 5}}\nsteps: [{name: a, role: data, command: [x], effects: [read], when: [{field: inputs.n, more: 9}]}]", 4, "unreachable_step"),
    "an answer nobody can give": ("steps:\n  - {name: a, human: {question: q, choices: [yes, no]}}\n  - {name: b, role: data, command: [x], effects: [read], needs: [a], when: [{field: steps.a.output, equals: maybe}]}", 5, "unreachable_step"),
    "a condition on a step not needed": ("steps:\n  - {name: a, role: data, command: [x], effects: [read]}\n  - {name: b, role: data, command: [x], effects: [read], when: [{field: steps.a.output, exists: true}]}", 5, "missing_need"),
    "a condition on anything": ("steps: [{name: a, role: data, command: [x], effects: [read], when: [{field: moon, equals: full}]}]", 3, "unknown_field"),
    "an inline shell": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: data, command: [sh, -c, 'echo ${inputs.n}'], effects: [read]}]", 4, "shell_injection"),
    "an inline Python": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: data, command: [/usr/bin/env, python3, -c, 'print(${inputs.n})'], effects: [read]}]", 4, "shell_injection"),
    "a recipient from the event": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: communication, mail: {to: '${inputs.n}', subject: s, text: t}, effects: [network, message]}]", 4, "recipient_injection"),
    "a scope from the event": ("inputs: {n: {from: data.n}}\nscope: ['channel:${inputs.n}']\nsteps: [{name: a, role: communication, slack: {channel: '#x', text: '${inputs.n}'}, effects: [network, message]}]", 4, "scope_injection"),
    "a scope that holds nothing": ("inputs: {n: {from: data.n}}\nscope: ['mailbox:*']\nsteps: [{name: a, role: communication, mail: {to: '${inputs.n}', subject: s, text: t}, effects: [network, message]}]", 5, "recipient_injection"),
    "a scope that is none": ("scope: [somewhere]\nsteps: [{name: a, role: data, command: [x], effects: [read]}]", 3, "bad_scope"),
    "a group from a value": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: data, command: [x, '${inputs.n}'], effects: [read], approval: {group: '${inputs.n}'}}]", 4, "unknown_placeholder"),
    "a pattern from a value": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: data, command: [x], effects: [read], when: [{field: event.x, matches: '${inputs.n}'}]}]", 4, "pattern_injection"),
    "a pattern of an awaited event from a value": ("inputs: {n: {from: data.n}}\nsteps: [{name: a, event: {type: t, where: [{field: data.x, matches: '${inputs.n}'}]}}]", 4, "pattern_injection"),
    "a condition on what is never done": ("steps:\n  - {name: a, role: data, command: [x], effects: [read], output: json, when: [{field: event.x, one_of: []}]}\n  - {name: b, role: data, command: [x], effects: [read], needs: [a], when: [{field: steps.a.output.y, equals: 1}]}", 5, "unreachable_step"),
    "a field of text": ("steps:\n  - {name: a, role: data, command: [x], effects: [read]}\n  - {name: b, role: data, command: [x, '${steps.a.output.y}'], effects: [read], needs: [a]}", 5, "no_field"),
    "a condition on a field of an answer": ("steps:\n  - {name: a, human: {question: q}}\n  - {name: b, role: data, command: [x], effects: [read], needs: [a], when: [{field: steps.a.output.y, exists: true}]}", 5, "no_field"),
    "an effect left unsaid": ("steps: [{name: a, role: communication, slack: {channel: '#x', text: t}, effects: [network]}]", 3, "effect_unsaid"),
    "a tool the role has not": ("steps: [{name: a, role: operations, slack: {channel: '#x', text: t}, effects: [network, read]}]", 3, "no_tool"),
    "a token": ("steps: [{name: a, role: data, command: [curl, -H, 'x: xoxb-123456789012-abcdefABCDEF'], effects: [read]}]", 3, "secret_in_template"),
    "a password in an address": ("steps: [{name: a, role: data, command: [psql, 'postgres://u:hunter2@db/x'], effects: [read]}]", 3, "secret_in_template"),
    "a field named like a secret": ("steps: [{name: a, role: data, command: [x], environment: {DB_PASSWORD: hunter2}, effects: [read]}]", 3, "secret_in_template"),
    "a trigger that contradicts itself": ("steps: [{name: a, role: data, command: [x], effects: [read]}]", 2, "trigger_never_holds"),
    "no schedule": ("schedule: every day\nsteps: [{name: a, role: data, command: [x], effects: [read]}]", 3, "bad_schedule"),
    "a schedule that is never due": ("schedule: 0 0 31 2 *\nsteps: [{name: a, role: data, command: [x], effects: [read]}]", 3, "bad_schedule"),
    "two actions": ("steps: [{name: a, role: data, command: [x], wait: 1s, effects: [read]}]", 3, "bad_action"),
    "an action without value": ("steps:\n  - name: a\n    role: data\n    effects: []\n    wait:\n", 7, "bad_action"),
    "a compensation that waits": ("steps: [{name: a, role: data, command: [x], effects: [read], compensate: {wait: 1s, effects: []}}]", 3, "bad_action"),
    "a file elsewhere": ("steps: [{name: a, role: data, command: [x], effects: [read], files: [../x.py]}]", 3, "file_elsewhere"),
    "an unknown workflow": ("steps: [{name: a, workflow: {template: nowhere}}]", 3, "unknown_template"),
    "itself": ("steps: [{name: a, workflow: {template: main}}]", 3, "recursion"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_found_at_its_line(name: str, write: Write) -> None:
    text, line, code = BAD[name]
    top = "workflow: main\nversion: 1\n"
    if code == "trigger_never_holds":
        top = "workflow: main\ntrigger: {type: t, where: [{field: data.x, equals: a}, {field: data.x, one_of: [b, c]}]}\nversion: 1\n"
    found = faults(write("main.yaml", top + text))
    assert (line, code) in found, found


@pytest.mark.parametrize(
    "step",
    [
        "command: [bash, -lc, 'echo ${inputs.n}']",
        "command: [timeout, '5', sh, -c, 'echo ${inputs.n}']",
        "command: [ssh, host, 'ls ${inputs.n}']",
        "command: [awk, '{print ${inputs.n}}', file]",
        "command: [sed, -n, 's/a/${inputs.n}/', file]",
        "command: [sqlite3, db, 'select ${inputs.n}']",
        "command: [psql, --command, 'select ${inputs.n}']",
        "command: [node, -e, 'f(${inputs.n})']",
        "command: [sh], input: 'echo ${inputs.n}'",
        "command: [python3, '-'], input: '${inputs.n}'",
        "command: [x], environment: {GIT_SSH_COMMAND: '${inputs.n}'}",
        "command: [x], environment: {PYTHONWARNINGS: '${inputs.n}'}",
    ],
)
def test_a_value_is_never_part_of_what_is_run(step: str, write: Write) -> None:
    path = write(
        "main.yaml",
        TOP + f"inputs: {{n: {{from: data.n}}}}\nsteps: [{{name: a, role: data, effects: [read], {step}}}]\n",
    )
    assert [code for _, code in faults(path) if code.endswith("_injection")]


@pytest.mark.parametrize(
    "step",
    [
        "command: [sh, -c, 'echo \"$1\"', sh, '${inputs.n}']",
        "command: [python3, x.py], input: '${inputs.n}'",
        "command: [awk, -f, x.awk, '${template.directory}/y', '${inputs.n}']",
        "command: [jq, -r, --arg, n, '${inputs.n}', '.[$n]']",
        "command: [x], environment: {NAME: '${inputs.n}'}",
        "command: [grep, -e, '${inputs.n}', --, file]",
    ],
)
def test_a_value_may_be_an_argument_of_its_own(step: str, write: Write) -> None:
    path = write(
        "main.yaml",
        TOP + f"inputs: {{n: {{from: data.n}}}}\nsteps: [{{name: a, role: data, effects: [read], {step}}}]\n",
    )
    assert {code for _, code in faults(path)} <= {"unpinned_file"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("inputs: {n: {from: data.n}}\nsteps: [{name: a, role: data, command: [x], effects: [read]}]", "unused_input"),
        ("steps: [{name: a, role: operations, command: [x], effects: [change]}]", "no_compensation"),
        ("steps: [{name: a, role: data, shell: ls, effects: [read]}]", "shell_step"),
        (
            "steps: [{name: a, role: data, command: [python3, '${template.directory}/a.py'], effects: []}]",
            "unpinned_file",
        ),
    ],
)
def test_what_is_only_doubtful_is_a_warning(text: str, code: str, write: Write) -> None:
    [found] = loading.check_all([write("main.yaml", TOP + text)])
    assert (found.severity, found.code) == ("warning", code)


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("[python3, '${template.directory}/a.py']", "[a.py]"),
        ("['${template.directory}/./a.py']", "[a.py]"),
        ("[ls, '${template.directory}/folder', '${template.directory}', a.py]", "[]"),
        ("[python3, '${template.directory}/${inputs.n}.py']", "[]"),
    ],
)
def test_a_file_that_a_plan_holds_is_not_doubtful(command: str, files: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.py").write_text("")
    step = f"{{name: a, role: data, command: {command}, files: {files}, input: '${{inputs.n}}', effects: []}}"
    found = loading.check_all([write("main.yaml", TOP + f"inputs: {{n: {{from: data.n}}}}\nsteps: [{step}]\n")])
    assert [each.code for each in found] == []


def test_a_cycle_names_only_what_is_on_it(write: Write) -> None:
    steps = "".join(f"  - {{name: {name}, role: data, command: [x], effects: [], needs: [{need}]}}\n" for name, need in
                    (("a", "c"), ("b", "a"), ("c", "b"), ("waits", "a"), ("free", "")))  # fmt: skip
    [found] = loading.check_all([write("main.yaml", TOP + "steps:\n" + steps)])
    assert found.message.endswith("on the cycle: a, b, c")


def test_workflows_inside_workflows_are_held_together(write: Write) -> None:
    inner = write(
        "inner.yaml",
        "workflow: inner\nversion: 1\ninputs: {to: {setting: m, default: a@b.c}, n: {from: data.n}}\nscope: ['mailbox:${inputs.to}']\nsteps: [{name: a, role: communication, mail: {to: '${inputs.to}', subject: s, text: '${inputs.n}'}, effects: [network, message]}]\n",
    )
    outer = write(
        "outer.yaml",
        "workflow: outer\nversion: 1\ntrigger: {type: t}\nsteps:\n  - {name: a, workflow: {template: inner, inputs: {to: '${event.data.name}', odd: 1}}}\n",
    )
    assert {each.code for each in loading.check_all([outer], [inner])} == {
        "unknown_input",
        "missing_input",
        "foreign_input",
    }


def test_an_event_cannot_choose_a_recipient_by_way_of_others(write: Write) -> None:
    """Three templates, each harmless alone: the value goes from the event through one into the recipient of the last."""
    write(
        "last.yaml",
        "workflow: last\nversion: 1\ninputs: {to: {setting: m, default: a@b.c}}\nsteps: [{name: a, role: communication, mail: {to: '${inputs.to}', subject: s, text: t}, effects: [network, message]}]\n",
    )
    write(
        "mid.yaml",
        "workflow: mid\nversion: 1\ninputs: {to: {setting: m, default: a@b.c}}\nsteps: [{name: a, workflow: {template: last, inputs: {to: '${inputs.to}'}}}]\n",
    )
    top = write(
        "top.yaml",
        "workflow: top\nversion: 1\ntrigger: {type: t}\nsteps: [{name: a, workflow: {template: mid, inputs: {to: '${event.data.name}'}}}]\n",
    )
    others = [top.with_name("last.yaml"), top.with_name("mid.yaml")]
    assert {each.code for each in loading.check_all([top], others)} == {"foreign_input"}
    with pytest.raises(DataError, match="comes from outside"):
        planned(top, EVENT, None, *others)
    top.write_text(top.read_text().replace("${event.data.name}", "ops@example.com"))
    assert planned(top, EVENT, None, *others)["scope"] == ["mailbox:ops@example.com"]


def test_workflows_in_a_ring_and_too_deep_are_found(write: Write, tmp_path: Path) -> None:
    for number in range(8):
        write(
            f"w{number}.yaml",
            f"workflow: w{number}\nversion: 1\nsteps: [{{name: a, workflow: {{template: w{(number + 1) % 8}}}}}]\n",
        )
    assert {each.code for each in loading.check_all([tmp_path])} == {"recursion"}
    write("w7.yaml", "workflow: w7\nversion: 1\nsteps: [{name: a, role: data, command: [x], effects: []}]\n")
    found = {(Path(each.name).stem, each.code) for each in loading.check_all([tmp_path])}
    assert found == {("w0", "too_deep"), ("w1", "too_deep"), ("w2", "too_deep")}
    template = loading.load(tmp_path / "w0.yaml")
    assert template.workflow == "w0"
    with pytest.raises(DataError, match="deep"):
        planned(tmp_path / "w0.yaml", EVENT, None, tmp_path)


def test_giant_and_deep_templates_are_refused(write: Write) -> None:
    step = "  - {name: s%d, role: data, command: [x], effects: []}\n"
    many = write("many.yaml", TOP + "steps:\n" + "".join(step % number for number in range(201)))
    assert [code for _, code in faults(many)] == ["bad_steps"]
    with pytest.raises(DataError):
        loading.load(many)


@given(
    st.lists(
        st.tuples(st.sampled_from(["equals", "one_of", "more", "less", "exists", "matches"]), st.integers(-2, 3)),
        min_size=1,
        max_size=4,
    ),
    st.integers(-3, 4),
)
def test_a_contradiction_is_never_claimed_where_a_value_passes(tests: list[tuple[str, int]], value: int) -> None:
    from roadmap_cli.wf.language import patterns

    made = []
    for test, number in tests:
        expected: Any = {"one_of": [number, number + 1], "exists": number > 0, "matches": "-?[0-9]+"}.get(test, number)
        pattern = patterns.compiled(expected) if test == "matches" else None
        made.append(templates.Clause("x", test, expected, pattern))
    if all(clauses.passes(each, value) for each in made):
        assert reach.contradiction(made) is None


# -- what a plan makes of it -------------------------------------------------------------------------------------------


def test_inputs_come_from_the_event_else_settings_else_the_default(write: Write) -> None:
    path = write(
        "main.yaml",
        TOP
        + "inputs: {n: {from: data.name, setting: a.b, default: d}}\nsteps: [{name: a, role: data, command: [x, '${inputs.n}'], effects: [read]}]",
    )
    bare = {**EVENT, "data": {}}
    assert planned(path, EVENT, {"a": {"b": "set"}})["inputs"] == {"n": "x ${y}"}
    assert planned(path, bare, {"a": {"b": "set"}})["inputs"] == {"n": "set"}
    assert planned(path, bare)["inputs"] == {"n": "d"}
    path = write(
        "main.yaml",
        TOP
        + "inputs: {n: {setting: a.b}}\nsteps: [{name: a, role: data, command: [x, '${inputs.n}'], effects: [read]}]",
    )
    with pytest.raises(ConfigError, match=r"no 'a\.b'"):
        planned(path)


def test_a_step_known_not_to_be_done_leaves_nothing_in_the_plan(write: Write) -> None:
    text = "inputs: {to: {setting: m, default: ''}}\nscope: ['mailbox:${inputs.to}']\nsteps: [{name: a, role: communication, when: [{field: inputs.to, matches: '.+'}], mail: {to: '${inputs.to}', subject: s, text: t}, effects: [network, message]}]"
    path = write("main.yaml", TOP + text)
    [step] = planned(path)["steps"]
    assert (step["action"], step["wait_s"], step["left_out"], step["effects"], step["risk"]) == (
        "wait",
        0.0,
        "mail",
        [],
        "low",
    )
    assert "mail" not in step
    plan = planned(path, EVENT, {"m": "ops@example.com"})
    assert plan["scope"] == ["mailbox:ops@example.com"]
    assert plan["steps"][0]["resources"] == ["mailbox:ops@example.com"]
    with pytest.raises(DataError, match="a pattern itself"):
        planned(path, EVENT, {"m": "*@example.com"})


def test_what_lies_outside_the_scope_is_not_planned(write: Write) -> None:
    text = "inputs: {n: {from: data.name}}\nscope: ['mailbox:*@example.com']\nsteps: [{name: a, role: communication, mail: {to: '${inputs.n}', subject: s, text: t}, effects: [network, message]}]"
    path = write("main.yaml", TOP + text)
    assert planned(path, {**EVENT, "data": {"name": "a@example.com"}})["risk"] == "medium"
    for name in ("a@evil.org", "a@example.com.evil.org", "a@evil.org,b@example.com"):
        with pytest.raises(DataError, match="outside the template's scope"):
            planned(path, {**EVENT, "data": {"name": name}})


def test_a_plan_without_scope_may_touch_what_it_names_and_nothing_else(write: Write) -> None:
    path = write(
        "main.yaml", TOP + "steps: [{name: a, role: data, http: {url: 'https://api.example/x'}, effects: [network]}]"
    )
    assert planned(path)["scope"] == ["host:api.example"]


def test_loops_raise_the_risk_by_how_often_and_are_bounded(write: Write) -> None:
    text = "inputs: {l: {from: data.list}}\nsteps: [{name: a, role: documentation, each: '${inputs.l}', command: [x, '${item}'], effects: [write], cost_usd: 0.5}]"
    path = write("main.yaml", TOP + text)
    plan = planned(path)
    assert (plan["steps"][0]["each"], plan["risk"], plan["cost_usd"]) == ([1, 2, 3], "low", "1.5000")
    many = planned(path, {**EVENT, "data": {"list": list(range(11))}})
    assert (many["risk"], many["steps"][0]["risk_reasons"]) == ("medium", ["done 11 times"])
    for value, message in ((list(range(1001)), "1001 times"), ("words", "no list")):
        with pytest.raises(DataError, match=message):
            planned(path, {**EVENT, "data": {"list": value}})


def test_what_is_sensitive_by_the_settings_is_riskier(write: Write) -> None:
    path = write(
        "main.yaml", TOP + "steps: [{name: a, role: data, sql: {database: payroll, query: select 1}, effects: [read]}]"
    )
    assert planned(path)["risk"] == "low"
    plan = planned(path, EVENT, {"sensitive": ["database:pay*"]})
    assert (plan["risk"], plan["steps"][0]["risk_reasons"]) == ("medium", ["database:payroll is sensitive"])
    with pytest.raises(ConfigError):
        planned(path, EVENT, {"sensitive": "all"})


def test_a_sub_workflow_is_put_in_and_the_hash_covers_it(write: Write) -> None:
    inner = write(
        "inner.yaml",
        "workflow: inner\nversion: 3\ninputs: {now: {from: a}, later: {from: b}}\nsteps: [{name: s, role: data, command: [x, '${inputs.now}', '${inputs.later}'], effects: [read]}]",
    )
    outer = write(
        "outer.yaml",
        TOP
        + "steps:\n  - {name: first, role: data, command: [y], effects: [read]}\n  - {name: sub, needs: [first], workflow: {template: inner, inputs: {now: '${event.data.name}', later: '${steps.first.output}'}}}",
    )
    plan = planned(outer, EVENT, None, inner)
    put_in = plan["steps"][1]["workflow"]
    assert put_in["inputs"] == {"now": "x $${y}", "later": "${steps.first.output}"}
    assert put_in["steps"][0]["command"] == ["x", "x $${y}", "${inputs.later}"]
    assert plan["permissions"] == ["data:read", "run:x", "run:y"]
    assert [name for name, _ in plansteps.walk(plan["steps"])] == ["first", "sub", "sub/s"]
    inner.write_text(inner.read_text().replace("version: 3", "version: 4"))
    assert planned(outer, EVENT, None, inner)["plan_hash"] != plan["plan_hash"]


def test_a_value_of_null_is_a_value(write: Write) -> None:
    path = write(
        "main.yaml",
        TOP
        + "steps: [{name: a, role: data, command: [x, '<${event.data.nothing}>'], input: {n: '${event.data.nothing}'}, effects: [read]}]",
    )
    [step] = planned(path)["steps"]
    assert (step["command"], step["input"]) == (["x", "<>"], {"n": None})


def test_settings_are_read_or_refused_with_words(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    assert library.settings(environ) == {}
    folder = tmp_path / "roadmap/workflows"
    folder.mkdir(parents=True)
    path = folder / "settings.toml"
    path.write_text('[channels]\nops = "#ops"\n')
    assert library.settings(environ) == {"channels": {"ops": "#ops"}}
    assert list(loading.found([folder])) == []
    for text in ("x = ", 'token = "abc"', 'url = "postgres://u:p@h/d"'):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            library.settings(environ)
        assert str(caught.value.where) == f"{path}:1"


def test_a_template_of_ones_own_counts_before_the_one_that_comes_along(write: Write, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    path = own / "mine.yaml"
    path.write_text("workflow: access-request\nversion: 9\nsteps: [{name: a, role: data, command: [x], effects: []}]\n")
    found = {each.workflow: each for each in loading.load_all([own, LIBRARY[0].parent])}
    assert (found["access-request"].version, found["onboarding"].version, len(found)) == (9, 1, 12)
    (own / "twice.yaml").write_text(path.read_text())
    with pytest.raises(DataError, match="is also in"):
        loading.load_all([own])


def test_one_faulty_template_does_not_stop_all_others(write: Write, tmp_path: Path) -> None:
    bad = write("bad.yaml", "workflow: bad\nversion: 1\nsteps: []\n")
    write("good.yaml", TOP + "steps: [{name: a, role: data, command: [x], effects: []}]\n")
    told: list[templates.Finding] = []
    assert [each.workflow for each in loading.load_all([tmp_path], told.append)] == ["main"]
    assert [(each.name, each.code) for each in told] == [(str(bad), "bad_steps")]
    for places, warn in (([tmp_path], None), ([bad], told.append)):
        with pytest.raises(DataError):
            loading.load_all(places, warn)


# -- the file ----------------------------------------------------------------------------------------------------------

TOML = """workflow = "in-toml"
version = 1
trigger.type = "t"

[inputs]
n = {from = "data.name"}

[[steps]]
name = "one"
role = "data"
command = ["x", "${inputs.n}"]
effects = ["read"]

[[steps]]
name = "two"
role = "wizard"
needs = [
  "one",
  "ghost",
]
command = ["y"]
effects = []
"""


def test_toml_is_the_same_language_with_its_own_lines(write: Write) -> None:
    assert faults(write("t.toml", TOML)) == [(16, "unknown_role"), (17, "unknown_step")]
    good = TOML.replace("wizard", "analysis").replace('  "ghost",\n', "")
    plan = planned(write("t.toml", good))
    assert [step["name"] for step in plan["steps"]] == ["one", "two"]
    assert plan["steps"][0]["command"] == ["x", "x $${y}"]


@pytest.mark.parametrize(
    "text",
    ["a = ", "a = 1\na = 2", "a = nan", "a = 1" + "0" * 30, "a = 1" + "0" * 5000, "a = " + "[" * 200 + "]" * 200],
)
def test_toml_that_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        tomlfile.read(text.encode(), "f")
    assert str(caught.value.where).startswith("f:")


@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab=.[]{}\"'#\n, 1\\", max_size=120).map(str.encode)))
def test_any_bytes_are_toml_or_refused(data: bytes) -> None:
    try:
        found = tomlfile.read(data, "f")
    except DataError as error:
        assert error.where
        return
    assert all(1 <= line <= data.count(b"\n") + 1 for line in found.lines.values())


@given(st.text(alphabet="ab:-&*!?|>[]{},'\"#\n \t<1.%@`", max_size=120))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    try:
        found = yamlfile.read(text.encode(), "f")
    except DataError as error:
        assert str(error.where).startswith("f:")
        return
    assert all(1 <= line <= text.count("\n") + 2 for line in found.lines.values())


#: Mutations tried by each of the two tests that have some.
MANY = int(os.environ.get("ROADMAP_TEST_MUTATIONS", "80"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "30s", "x", "${inputs.a}", "${steps.one.output}", "${", "$${", "data", "read", "[", "a.b", "high"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "role", "field", "equals", "task", "url", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def mutated(value: Any, choose: Callable[[int], int], new: Callable[[], Any]) -> Any:
    """A copy of a value in which one thing, somewhere, is another, gone, or new."""
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        for key in inner if isinstance(inner, dict) else range(len(inner)):
            places.append((inner, key))
            if isinstance(inner[key], dict | list):
                walk(inner[key])

    found = copy.deepcopy(value)
    walk(found)
    holder, key = places[choose(len(places))]
    act = choose(4)
    if act == 0:
        del holder[key]
    elif act == 1 and isinstance(holder, dict):
        holder["unheard_of" if choose(2) else "timeout"] = new()
    else:
        holder[key] = new()
    return found


DOCUMENTS = [yamlfile.read(path.read_bytes(), path.name).value for path in LIBRARY]
#: Faults of what words mean, which a schema cannot tell.
MEANING = frozenset({
    "bad_pattern", "bad_schedule", "bad_duration", "bad_url", "bad_query", "bad_change", "missing_parameter", "unused_parameter",
    "no_window", "recipient_from_data", "bad_project", "bad_recipients", "not_literal", "bad_mention", "too_long", "bad_name",
    "bad_choices", "bad_goal", "bad_header", "missing_value", "unused_value", "bad_body",
})  # fmt: skip


def reader_of(value: Any) -> loading._Reader:
    reader = loading._Reader(yamlfile.Document("f", value, {}))
    reader.template(Path("/nowhere"), "0" * 64)
    return reader


@settings(max_examples=MANY, deadline=None)
@given(st.data())
def test_the_schema_and_the_reader_agree_on_mutated_templates(data: st.DataObject) -> None:
    """What the reader takes, the schema takes; what the reader refuses for its shape, the schema refuses."""
    document = data.draw(st.sampled_from(DOCUMENTS))
    for _ in range(data.draw(st.integers(1, 2))):
        document = mutated(document, lambda most: data.draw(st.integers(0, most - 1)), lambda: data.draw(VALUES))
        if not isinstance(document, dict) or not document:
            return
    reader = reader_of(document)
    problems = [error.message for error in _validator().iter_errors(document)]
    codes = {each.code for each in reader.findings}
    if not codes:
        assert not problems, (problems, document)
    elif not codes & MEANING and "agent" not in json.dumps(document, default=str):
        assert problems, (reader.findings, document)


@settings(max_examples=MANY, deadline=None)
@given(st.data())
def test_any_mutated_template_is_read_checked_and_planned_or_refused(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    for _ in range(data.draw(st.integers(1, 3))):
        document = mutated(document, lambda most: data.draw(st.integers(0, most - 1)), lambda: data.draw(VALUES))
        if not isinstance(document, dict) or not document:
            return
    reader = loading._Reader(yamlfile.Document("f", document, {}))
    template = reader.template(LIBRARY[0].parent, "0" * 64)
    if any(each.severity == "error" for each in [*reader.findings, *lint.findings(template)]):
        return
    known = {each.workflow: each for each in KNOWN}
    try:
        plan = planner.plan(
            template,
            {"id": "m", "template_sha256": "0" * 64},
            dict(EVENT),
            requested_by="a",
            directory=Path("/"),
            at=NOW,
            known=known,
        )
    except (DataError, ConfigError):
        return
    assert keeping.plan_hash(plan) == plan["plan_hash"]


KNOWN = loading.load_all(LIBRARY)


def _validator() -> Any:
    from jsonschema import Draft202012Validator

    global _made
    if _made is None:
        _made = Draft202012Validator(schema.load())
    return _made


_made: Any = None


def test_the_schema_holds_for_all_templates_that_come_along() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema.load())
    for path in [*LIBRARY, ROOT / "examples/wf/disk.yaml", ROOT / "examples/wf/repair.yaml"]:
        value = yamlfile.read(path.read_bytes(), path.name).value
        assert [error.message for error in _validator().iter_errors(value)] == [], path
    broken = yamlfile.read((ROOT / "examples/wf/broken.yaml").read_bytes(), "broken").value
    assert len(list(_validator().iter_errors(broken))) == 2


def test_two_hundred_steps_are_checked_and_planned_quickly(write: Write) -> None:
    import time

    step = "  - {name: s%d, role: data, needs: [%s], command: [x, '${inputs.n}'], input: '%s', effects: [read], timeout: 60s}\n"
    lines = [step % (n, f"s{n - 1}" if n else "", f"${{steps.s{n - 1}.output}}" if n else "") for n in range(200)]
    path = write("main.yaml", TOP + "inputs: {n: {from: data.name}}\nsteps:\n" + "".join(lines))
    began = time.process_time()
    assert len(planned(path)["steps"]) == 200
    assert time.process_time() - began < 0.3
