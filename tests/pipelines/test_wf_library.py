"""The workflows that come along, from their recorded event to the end, through the commands as people type them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import openapi_peers

ROOT = Path(__file__).parents[2]
#: For each workflow: what people answer, the file that must be there in the end, and words in it.
CASES = {
    "access": ("grant", "access-mira.lang-ledger.md", "mira.lang"),
    "escalation": ("jo", "escalation-acme-logistics-T-20931.md", "third outage"),
    "handover": ("", "hand-over-2026-11-23.md", "queue grows"),
    "invoice": ("pay", "finance/ledger.csv", "R-4471"),
    "onboarding": ("grant", "access.csv", "nina.roth,repository,write"),
    "quality": ("", "quarantine/orders.csv", "O-7"),
    "rollback": ("", "rollback-checkout-2026-11-23-2.md", "now: 2026-11-22-1"),
    "security": ("", "blocked.csv", "203.0.113.77"),
    "weekly": ("", "week-2026-11-22.md", "refunds"),
}
QUICK = ("weekly", "onboarding")


def shell(line: str, world: dict[str, str], code: int | None = None) -> str:
    command = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(command, env=world, cwd=ROOT, text=True, capture_output=True, timeout=120, check=False)
    assert code is None or done.returncode == code, (line, done.stderr)
    return done.stdout


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_from_the_event_to_the_end(name: str, tmp_path: Path, world: dict[str, str]) -> None:
    folder, told = to_the_end(name, tmp_path, world)
    assert told[-1]["status"] == "succeeded", told[-1]
    _, file, words = CASES[name]
    assert words in (folder / file).read_text()


def to_the_end(name: str, tmp_path: Path, world: dict[str, str]) -> tuple[Path, list[dict[str, Any]]]:
    """Run a workflow from its recorded event on a copy of its folder; all that was told."""
    answer, *_ = CASES[name]
    folder = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "wf" / name, folder, symlinks=True)
    if name == "rollback":
        (folder / "deploy/current").symlink_to("releases/2026-11-23-2")
    plan = f"wf-listen --from jsonl -i examples/wf/{name}.json | wf-match | wf-plan --as alice --directory {folder}"
    [approval] = records(shell(f"{plan} | wf-approve", world, 0))
    if approval["status"] == "waiting":
        shell(f"wf-approve --approve {approval['plan_id']} --as bob --because seen", world, 0)
    everything: list[dict[str, Any]] = []
    for _ in range(6):
        told = records(shell("wf-run --resume", world))
        everything += told
        if any(each["kind"] == "wf.run_finished" for each in told):
            break
        for task in records(shell("wf-approve --list", world)):
            word = "approve" if task.get("sort") == "approval" else answer
            shell(f"wf-approve --task {task['id']} --answer {word} --as carol", world, 0)
    return folder, everything


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
@pytest.mark.parametrize(
    "name", [name if name == "weekly" else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_where_rights_are_given_each_comes_to_the_same_end(name: str, tmp_path: Path, world: dict[str, str]) -> None:
    given = ["alice --role operator", "bob --role approver", "carol --role approver"]
    if name != "weekly":  # which asks nobody
        given += [f"carol --group {group}" for group in ("access", "finance", "release", "security", "support")]
    shell(" && ".join(f"wf-grant {each} --because test" for each in given), world, 0)
    folder, told = to_the_end(name, tmp_path, world)
    assert told[-1]["status"] == "succeeded", told[-1]
    _, file, words = CASES[name]
    assert words in (folder / file).read_text()


#: How many messages, issues and mails each workflow makes when it may.
REACHES = {
    "escalation": {"jira": 1, "slack": 1}, "handover": {"slack": 1}, "onboarding": {"slack": 1}, "quality": {"slack": 1},
    "rollback": {"slack": 1}, "security": {"jira": 1, "slack": 1}, "weekly": {"mail": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Slack and Jira as their OpenAPI files have them, and a mail server: their addresses."""
    if why := openapi_peers.missing("slack") or openapi_peers.missing("jira"):
        pytest.skip(why)
    controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd, the real peer, is not installed")
    sink = pytest.importorskip("aiosmtpd.handlers").Sink()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    mail = controller.Controller(sink, hostname="127.0.0.1", port=port)
    mail.start()
    folder = tmp_path_factory.mktemp("peers")
    try:
        with openapi_peers.served("slack", folder) as slack, openapi_peers.served("jira", folder) as jira:
            yield {"slack": slack, "jira": jira, "mail": f"smtp://127.0.0.1:{port}"}
    finally:
        mail.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REACHES))
def test_what_a_workflow_says_to_slack_jira_and_by_mail_is_taken(
    name: str, tmp_path: Path, world: dict[str, str], peers: dict[str, str]
) -> None:
    place = Path(world["HOME"]) / ".config/roadmap"
    (place / "workflows").mkdir(parents=True)
    channels = "".join(
        f'{each} = "C1H9RESGL"\n' for each in ("release", "oncall", "support", "security", "people", "data")
    )
    (place / "workflows/settings.toml").write_text(
        f'[channels]\n{channels}[jira]\nsupport = "SUP"\nsecurity = "SEC"\n[report]\nmail = "boss@example.com"\n'
    )
    (place / "connections.toml").write_text(
        f'[slack.default]\nurl = "{peers["slack"]}"\ntoken = "t"\n'
        f'[jira.default]\nurl = "{peers["jira"]}"\nuser = "robot@example.com"\ntoken = "t"\n'
        f'[mail.default]\nurl = "{peers["mail"]}"\nfrom = "Robot <robot@example.com>"\n'
        '[secret.t]\nenv = "TOKEN"\nhosts = ["127.0.0.1"]\n'
    )
    _, told = to_the_end(name, tmp_path, {**world, "TOKEN": "token"})
    assert told[-1]["status"] == "succeeded", told[-1]
    started = {each["step"]: each["action"] for each in told if each["kind"] == "wf.step_started"}
    ended = {each["step"]: each["status"] for each in told if each["kind"] == "wf.step_finished"}
    reached = {step: action for step, action in started.items() if action in ("slack", "jira", "mail")}
    assert Counter(reached.values()) == REACHES[name]
    assert {ended[step] for step in reached} == {"succeeded"}, [
        (each["step"], each.get("reason")) for each in told if each.get("status") == "failed"
    ]
