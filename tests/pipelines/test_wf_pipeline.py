"""The workflow pipeline as people type it: killed anywhere, run twice at once, waited for, denied."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WEBHOOK = ROOT / "examples" / "wf" / "alertmanager.json"
PIPELINE = (
    "wf-listen --from alertmanager -i {webhook} | wf-match {templates} | wf-plan {templates} --directory {folder}"
)

#: A step's program: notes that it was started, then has its effect once for each key. It can kill the wf-run above it.
EFFECT = """
    import fcntl, os, pathlib, signal, sys, time
    name, sort = sys.argv[1], sys.argv[2]
    key = os.environ["ROADMAP_IDEMPOTENCY_KEY"]
    with open("starts", "a") as file:
        file.write(f"{name} {key}\\n")
    marker = pathlib.Path(f"killed-{name}")
    def die():
        if not marker.exists():
            marker.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(30)
    if sort == "before":
        die()
    if sort == "interrupts" and not marker.exists():  # as somebody who types Ctrl-C
        marker.touch()
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(30)
    with open("effects", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if key not in file.read():
            file.write(f"{name} {key}\\n")
    if sort == "after":
        die()
    if sort == "slow":
        time.sleep(0.3)
    print(name)
"""


def template(folder: Path, kills: Mapping[str, str], effects: str = "write") -> Path:
    """A workflow of three steps in a row; `kills` says where each kills the engine: before or after its effect."""
    (folder / "effect.py").write_text(textwrap.dedent(EFFECT))
    steps = ""
    for name, need in (("one", ""), ("two", "one"), ("three", "two")):
        steps += textwrap.dedent(f"""
            - name: {name}
              role: operations
              needs: [{need}]
              command: [{sys.executable}, "${{template.directory}}/effect.py", {name}, {kills.get(name, "not")}]
              files: [effect.py]
              effects: [{effects}]
        """)
    path = folder / "three.yaml"
    head = "workflow: three\nversion: 1\ntrigger: {type: alertmanager.alert.firing}\nsteps:\n"
    path.write_text(head + textwrap.indent(steps, "  "))
    return path


class Bench:
    """A folder with a template and a state, and the pipeline on it."""

    def __init__(self, folder: Path, world: Mapping[str, str], kills: Mapping[str, str], effects: str = "write"):
        self.folder = folder
        self.folder.mkdir()
        self.world = {**world}
        self.template = template(folder, kills, effects)

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        words = {"webhook": WEBHOOK, "templates": f"--templates {self.template}", "folder": self.folder}
        command = ["bash", "-o", "pipefail", "-c", line.format(**words)]
        return subprocess.run(
            command, env=self.world, cwd=ROOT, text=True, capture_output=True, timeout=100, check=False
        )

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def records(self, text: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def bench(tmp_path: Path, world: dict[str, str]) -> Bench:
    """Three steps, nothing killed."""
    return Bench(tmp_path / "work", world, {})


def test_the_pipeline_of_the_manual_writes_the_report(tmp_path: Path, world: dict[str, str]) -> None:
    bench = Bench(tmp_path / "work", world, {})
    (bench.folder / "checkout.log").write_bytes((ROOT / "examples/wf/checkout.log").read_bytes())
    line = "wf-listen --from alertmanager < {webhook} | wf-match | wf-plan --directory {folder} | wf-approve | wf-run"
    done = bench.shell(line)
    assert done.returncode == 0, done.stderr
    assert bench.records(done.stdout)[-1]["status"] == "succeeded"
    report = (bench.folder / "incident-9c1f3f0a4d4c7b21.md").read_text()
    assert "payments: connection pool exhausted" in report.split("## What the log says")[0]
    again = bench.shell(line)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.splitlines()[0] == "wf-listen: warning: 1 event was stored before and not written again"
    again = bench.shell(line.replace("wf-listen", "wf-listen --quiet"))
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_plan_that_was_only_looked_at_does_not_keep_its_event_open(bench: Bench) -> None:
    looked = bench.shell(PIPELINE + " --directory /tmp")
    assert looked.returncode == 0, looked.stderr
    repeated = bench.shell("wf-listen --from alertmanager < {webhook}")
    assert len(bench.records(repeated.stdout)) == 1  # nobody has run anything: the event is still open
    done = bench.shell(PIPELINE + " | wf-approve | wf-run")
    assert bench.records(done.stdout)[-1]["status"] == "succeeded", done.stderr
    again = bench.shell("wf-listen --quiet --from alertmanager < {webhook}; wf-listen --replay")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_flood_that_nobody_wants_is_told_in_one_line_each(bench: Bench) -> None:
    flood = 'seq 3000 | sed \'s/.*/{{"id":"e&","type":"slow"}}/\' | wf-listen | wf-match --model none'
    first, second = (bench.shell(flood) for _ in range(2))
    assert (first.stdout, second.stdout) == ("", "")
    assert [each.split(": ", 1)[1] for each in first.stderr.splitlines() if "hint" not in each] == [
        "warning: 3000 events match no template"
    ]
    assert [each.split(": ", 1)[1] for each in second.stderr.splitlines() if "hint" not in each] == [
        "warning: 3000 events were stored before and not written again"
    ]
    assert bench.shell(flood.replace("wf-listen", "wf-listen -q")).stderr == ""


def test_a_run_that_is_interrupted_is_named_and_goes_on(tmp_path: Path, world: dict[str, str]) -> None:
    bench = Bench(tmp_path / "work", world, {"two": "interrupts"})
    done = bench.shell(PIPELINE + " | wf-approve | wf-run")
    assert done.returncode == 128 + signal.SIGINT
    [run_id] = {each["run_id"] for each in bench.records(done.stdout)}
    assert done.stderr == f"wf-run: warning: run {run_id} is cut off in step two; 'wf-run --resume' goes on with it\n"
    again = bench.shell("wf-run --resume")
    assert bench.records(again.stdout)[-1]["status"] == "succeeded", again.stderr
    assert bench.lines("effects") == ["one", "two", "three"]


@pytest.mark.parametrize(
    "kills",
    [{"one": "before"}, {"two": "after"}, {"one": "after", "three": "before"}],
    ids=["first-before", "second-after", "two-crashes"],
)
def test_killed_inside_a_step_the_run_ends_with_each_effect_once(
    tmp_path: Path, world: dict[str, str], kills: dict[str, str]
) -> None:
    bench = Bench(tmp_path / "work", world, kills)
    first = bench.shell(PIPELINE + " | wf-approve | wf-run")
    assert first.returncode == 128 + signal.SIGKILL
    for _ in range(len(kills)):
        done = bench.shell("wf-run < /dev/null")
    assert done.returncode == 0, done.stderr
    records = bench.records(done.stdout)
    assert records[0]["kind"] == "wf.run_resumed"
    assert records[-1]["kind"] == "wf.run_finished"
    assert records[-1]["done_steps_count"] == 3
    assert bench.lines("effects") == ["one", "two", "three"]
    expected = [name for name in ("one", "two", "three") for _ in range(1 + (name in kills))]
    assert bench.lines("starts") == expected
    keys = set((bench.folder / "starts").read_text().splitlines())
    assert len(keys) == 3


@pytest.mark.parametrize("after", [1, 2, 3])
def test_killed_between_steps_no_finished_step_is_done_again(bench: Bench, after: int) -> None:
    bench.world["PYTHONUNBUFFERED"] = "1"
    plans = bench.shell(PIPELINE + " | wf-approve").stdout
    command = [str(ROOT / "bin" / "wf-run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bench.world, cwd=ROOT) as run:
        assert run.stdin
        assert run.stdout
        run.stdin.write(plans.encode())
        run.stdin.close()
        finished = 0
        for line in run.stdout:
            finished += json.loads(line)["kind"] == "wf.step_finished"
            if finished == after:
                run.kill()
                break
    done = bench.shell(PIPELINE + " | wf-approve | wf-run")
    assert done.returncode == 0, done.stderr
    starts = bench.lines("starts")
    assert bench.lines("effects") == ["one", "two", "three"]
    assert sorted(set(starts)) == ["one", "three", "two"]
    assert all(starts.count(name) == 1 for name in ("one", "two", "three")[:after])


@pytest.mark.slow
def test_killed_at_many_moments_every_effect_happens_once(tmp_path: Path, world: dict[str, str]) -> None:
    for number in range(10):
        home = tmp_path / f"home{number}"
        home.mkdir(mode=0o700)
        bench = Bench(tmp_path / f"work{number}", {**world, "HOME": str(home)}, {})
        plans = bench.shell(PIPELINE + " | wf-approve").stdout
        with subprocess.Popen(
            [str(ROOT / "bin" / "wf-run")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=bench.world, cwd=ROOT
        ) as run:
            assert run.stdin
            run.stdin.write(plans.encode())
            run.stdin.close()
            time.sleep(0.3 + number * 0.2)
            run.kill()
        done = bench.shell("wf-run --resume")
        assert done.returncode == 0, done.stderr
        assert bench.lines("effects") == ["one", "two", "three"], number


def test_two_at_once_do_every_step_once(bench: Bench) -> None:
    approvals = bench.shell(PIPELINE + " | wf-approve").stdout
    runs = [
        subprocess.Popen(
            [str(ROOT / "bin" / "wf-run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bench.world, cwd=ROOT
        )
        for _ in range(3)
    ]
    outputs = []
    for run in runs:
        assert run.stdin
        run.stdin.write(approvals.encode())
        run.stdin.close()
    for run in runs:
        assert run.stdout
        outputs.append(run.stdout.read())
        run.stdout.close()
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert bench.lines("starts") == ["one", "two", "three"]
    assert sum(output.count(b"wf.run_finished") for output in outputs) == 1


def test_high_risk_waits_for_somebody_else(tmp_path: Path, world: dict[str, str]) -> None:
    bench = Bench(tmp_path / "work", world, {}, effects="delete")
    waiting = bench.shell(PIPELINE + " --as alice | wf-approve | tee {folder}/approvals | wf-run")
    assert waiting.returncode == 75
    assert bench.lines("starts") == []
    plan = json.loads((bench.folder / "approvals").read_text())
    assert plan["status"] == "waiting"
    listed = bench.records(bench.shell("wf-approve --list").stdout)
    assert [each["plan_id"] for each in listed] == [plan["plan_id"]]

    forged = {**plan, "status": "approved", "approver": "user:bob", "expires_at": "2027-01-01T00:00:00Z"}
    (bench.folder / "forged").write_text(json.dumps(forged))
    assert bench.shell("wf-run -i {folder}/forged").returncode == 75
    refused = bench.shell(f"wf-approve --approve {plan['plan_id']} --as Alice")
    assert refused.returncode == 1
    assert "cannot approve it" in refused.stderr
    wrong = bench.shell(f"wf-approve --approve {plan['plan_id']} --as bob --hash {'0' * 64}")
    assert wrong.returncode == 65
    assert bench.lines("starts") == []

    done = bench.shell(f"wf-approve --approve {plan['plan_id']} --as bob --because seen | wf-run")
    assert done.returncode == 0, done.stderr
    assert bench.lines("effects") == ["one", "two", "three"]


def test_an_approval_ends_by_itself(tmp_path: Path, world: dict[str, str]) -> None:
    bench = Bench(tmp_path / "work", world, {})
    approvals = bench.shell(PIPELINE + " | wf-approve").stdout
    (bench.folder / "approvals").write_text(approvals)
    bench.world["ROADMAP_NOW"] = "2026-11-23T10:00:00Z"
    late = bench.shell("wf-run -i {folder}/approvals")
    assert late.returncode == 75
    assert "expired" in late.stderr
    assert bench.lines("starts") == []


def test_a_program_changed_after_the_approval_is_not_run(bench: Bench) -> None:
    approvals = bench.shell(PIPELINE + " | wf-approve").stdout
    (bench.folder / "approvals").write_text(approvals)
    with (bench.folder / "effect.py").open("a") as file:
        file.write("print('something else')\n")
    done = bench.shell("wf-run -i {folder}/approvals")
    assert done.returncode == 1
    assert "has changed since the plan was made" in bench.records(done.stdout)[-1]["reason"]
    assert bench.lines("starts") == []


def test_terminated_it_leaves_no_process_and_goes_on_later(tmp_path: Path, world: dict[str, str]) -> None:
    bench = Bench(tmp_path / "work", world, {"two": "slow"})
    approvals = bench.shell(PIPELINE + " | wf-approve").stdout
    with subprocess.Popen(
        [str(ROOT / "bin" / "wf-run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bench.world, cwd=ROOT
    ) as run:
        assert run.stdin
        assert run.stdout
        run.stdin.write(approvals.encode())
        run.stdin.close()
        for line in run.stdout:
            record = json.loads(line)
            if record["kind"] == "wf.step_started" and record["step"] == "two":
                run.terminate()
                break
    assert run.returncode == 128 + signal.SIGTERM
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(bench.folder / "effect.py") not in running
    done = bench.shell("wf-run --resume")
    assert done.returncode == 0, done.stderr
    assert bench.lines("effects") == ["one", "two", "three"]


def test_every_decision_leads_back_to_the_alert(bench: Bench) -> None:
    done = bench.shell(PIPELINE + " | wf-approve | wf-run")
    assert done.returncode == 0, done.stderr
    started = bench.records(done.stdout)[0]
    chain = bench.records(bench.shell(f"roadmap-why {started['id']}").stdout)
    kinds = {record["kind"] for record in chain}
    assert {"wf.event", "wf.match", "wf.plan", "wf.approval"} <= kinds, kinds


def test_a_listener_takes_each_alert_once_and_refuses_strangers(tmp_path: Path, world: dict[str, str]) -> None:
    import http.client

    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    words = ["--from", "alertmanager", "--http", "127.0.0.1:0", "--count", "3", "-v", "--bearer-file", str(secret)]
    with subprocess.Popen(
        [str(ROOT / "bin" / "wf-listen"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world, cwd=ROOT
    ) as listen:
        assert listen.stderr
        assert listen.stdout
        port = int(listen.stderr.readline().split()[-1])

        def post(body: bytes, token: str = "s3cret", **headers: str) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/", body, {"Authorization": f"Bearer {token}", **headers})
            status = connection.getresponse().status
            connection.close()
            return status

        body = WEBHOOK.read_bytes()
        assert post(body, "wrong") == 401
        assert post(b"", **{"Content-Length": str(10**9)}) == 413
        assert post(b'{"version": "3", "alerts": []}') == 400
        assert post(body) == 200
        assert post(body) == 200
        events = listen.stdout.read().splitlines()
    assert listen.returncode == 0
    assert {json.loads(line)["id"] for line in events} == {json.loads(events[0])["id"]}


@pytest.mark.slow
def test_a_real_alertmanager_reaches_the_pipeline(tmp_path: Path, world: dict[str, str]) -> None:
    import http.client
    import shutil

    if not shutil.which("prometheus-alertmanager"):
        pytest.skip("prometheus-alertmanager is not installed")
    words = ["--from", "alertmanager", "--http", "127.0.0.1:0", "--count", "1", "-v"]
    with subprocess.Popen(
        [str(ROOT / "bin" / "wf-listen"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world, cwd=ROOT
    ) as listen:
        assert listen.stderr
        assert listen.stdout
        port = int(listen.stderr.readline().split()[-1])
        settings = {
            "route": {"receiver": "r", "group_wait": "0s", "group_by": ["alertname"]},
            "receivers": [{"name": "r", "webhook_configs": [{"url": f"http://127.0.0.1:{port}/"}]}],
        }
        (tmp_path / "am.yml").write_text(json.dumps(settings))
        own = 20000 + os.getpid() % 20000
        manager = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}",
             f"--web.listen-address=127.0.0.1:{own}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            alert = [{"labels": {"alertname": "DiskFull", "severity": "critical"}, "annotations": {"summary": "full"}}]
            for _ in range(100):
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", own, timeout=5)
                    headers = {"Content-Type": "application/json"}
                    connection.request("POST", "/api/v2/alerts", json.dumps(alert), headers)
                    if connection.getresponse().status == 200:
                        break
                except ConnectionError:
                    time.sleep(0.1)
            event = json.loads(listen.stdout.readline())
        finally:
            manager.terminate()
            manager.wait(10)
    assert event["type"] == "alertmanager.alert.firing"
    assert event["data"]["labels"]["alertname"] == "DiskFull"


def test_a_warning_in_the_pipe_becomes_a_question_and_is_looked_at_again(world: dict[str, str]) -> None:
    warning = {
        "kind": "life.warning", "id": "life_w1", "at": "2026-11-23T09:00:00Z", "pattern": "overload", "severity": "high",
        "text": "overload: meetings 31 h a week", "clears_when": "there are fewer", "evidence_ids": [],
    }  # fmt: skip

    def run(line: str, now: str) -> tuple[int, list[dict[str, Any]]]:
        done = subprocess.run(
            ["bash", "-c", line], input=json.dumps(warning) + "\n", env={**world, "ROADMAP_NOW": now}, cwd=ROOT,
            text=True, capture_output=True, timeout=100, check=False,
        )  # fmt: skip
        return done.returncode, [json.loads(each) for each in done.stdout.splitlines()]

    code, records = run("wf-match | wf-run", "2026-11-23T09:00:00Z")
    [task] = [each for each in records if each["kind"] == "wf.task"]
    assert (code, task["question"]) == (
        75,
        "overload: meetings 31 h a week. It clears when there are fewer. What to do about it could not be computed.",
    )
    assert run(f"wf-approve --task {task['id']} --answer 'look again in a week'", "2026-11-23T10:00:00Z")[0] == 0
    code, records = run("wf-run --resume", "2026-11-24T09:00:00Z")
    assert (code, records[-1]["kind"]) == (0, "wf.run_waiting")  # for time, not for a person
    code, records = run("wf-run --resume", "2026-12-01T09:30:00Z")
    assert (code, records[-1]["status"]) == (0, "succeeded")
    assert run("wf-match | wf-run", "2026-12-01T09:30:00Z") == (0, [])


def test_alerts_about_runs_set_off_a_page_of_what_they_rest_on(tmp_path: Path, world: dict[str, str]) -> None:
    template = tmp_path / "fall.yaml"
    template.write_text(
        "workflow: fall\nversion: 1\ntrigger: {type: bang}\n"
        'steps: [{name: fall, role: data, command: ["false"], effects: [read]}]\n'
    )
    (tmp_path / "events").write_text("".join(f'{{"type":"bang","n":{n}}}\n' for n in range(3)))
    line = (
        f"cd {tmp_path}; wf-listen -i events | wf-match --templates {template} | wf-plan --templates {template} >plans;"
        " for plan in $(jq -r .id plans); do wf-approve --as bob --because ok --approve $plan; done | wf-run >/dev/null;"
        " wf-metrics alerts | wf-match | wf-run >/dev/null; cat run-alert-*.md"
    )
    done = subprocess.run(["bash", "-c", line], env=world, text=True, capture_output=True, timeout=100, check=False)
    assert "# step 'fall' of 'fall' failed for the same reason in 3 runs" in done.stdout, done.stderr
    assert done.stdout.count("| run.started | allowed |") == 6  # two alerts: about the workflow, and about its step
