"""Where the parts of a workflow meet: who approved by reply, what a step reaches, what is kept of secrets, who was asked."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIGNING = b"s1gning-secret"


def shell(world: Mapping[str, str], line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], env={**world}, cwd=ROOT, text=True, capture_output=True, timeout=120,
                          check=False)  # fmt: skip


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def audit(world: Mapping[str, str]) -> list[dict[str, Any]]:
    return records(shell(world, "wf-audit query"))


def deciphered(world: Mapping[str, str]) -> str:
    """All that the state holds, decrypted, sealed outcomes of steps included."""
    code = """
import os
from roadmap_cli.core import clock, paths
from roadmap_cli.state.store import KeySource, State
from roadmap_cli.wf.running import journal
with State.open(paths.state_file(os.environ), mode='read', keys=KeySource(os.environ, None), now=clock.system) as state:
    with state.read() as tx:
        for (name,) in tx.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in tx.execute(f'SELECT * FROM "{name}"'):
                print(*(each.decode('utf-8', 'replace') if isinstance(each, bytes) else each for each in row))
"""
    done = subprocess.run([sys.executable, "-c", code], env={**world, "PYTHONPATH": str(ROOT / "src")}, text=True,
                          capture_output=True, check=True)  # fmt: skip
    return done.stdout


def workflow(folder: Path, name: str, steps: str, scope: str = "", event: str = "seam") -> None:
    head = f"workflow: {name}\nversion: 1\ntrigger: {{type: {event}}}\n" + (f"scope: {scope}\n" if scope else "")
    (folder / f"{name}.yaml").write_text(f"{head}steps:\n{steps}")


# -- replies -----------------------------------------------------------------------------------------------------------


def posted(world: Mapping[str, str], source: str, *bodies: tuple[bytes, dict[str, str]]) -> list[int]:
    """The answers of a wf-listen to deliveries."""
    words = [str(ROOT / "bin" / "wf-listen"), "--from", source, "--http", "127.0.0.1:0", "-v",
             "--secret-file", world["SIGNING"]]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**world}, cwd=ROOT) as listen:
        try:
            assert listen.stderr
            port = int(listen.stderr.readline().split()[-1])
            found = []
            for body, headers in bodies:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", "/", body, headers)
                found.append(connection.getresponse().status)
                connection.close()
            return found
        finally:
            listen.terminate()
            listen.wait(15)


def test_a_signed_reply_approves_and_the_same_by_any_other_way_does_not(tmp_path: Path, world: dict[str, str]) -> None:
    world = {**world, "SIGNING": str(tmp_path / "signing")}
    world.pop("ROADMAP_NOW", None)  # signatures have their time
    (tmp_path / "signing").write_bytes(SIGNING)
    workflow(tmp_path, "wipe", "  - {name: only, role: operations, command: [touch, wiped], effects: [delete]}\n")
    registered = shell(world, "wf-grant bob --register slack:T1CORP/UBOB1 --because known")
    assert registered.returncode == 0, registered.stderr
    plan = f"wf-match --templates {tmp_path} | wf-plan --templates {tmp_path} --directory {tmp_path} --as alice"
    [approval] = records(shell(world, f"""echo '{{"type": "seam"}}' | wf-listen --from jsonl | {plan} | wf-approve"""))
    assert approval["status"] == "waiting"
    now = int(time.time())

    def message(name: str, **more: Any) -> bytes:
        inner = {"type": "message", "channel": "C1", "user": "UBOB1", "text": f"approve {approval['code']}"}
        return json.dumps({"type": "event_callback", "team_id": "T1CORP", "event_id": name, "event_time": now,
                           "event": inner, **more}).encode()  # fmt: skip

    def event(name: str) -> dict[str, Any]:
        return {"kind": "wf.event", "id": f"wf_event_{name}", "type": "slack.message", "source": "slack",
                "at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now)), "dedupe_key": name,
                "proof": "slack-signature", "data": json.loads(message(name))}  # fmt: skip

    # wf-match is done with what matches nothing: that event is handed over once more by itself
    (tmp_path / "forged").write_text(json.dumps(event("wf-match")) + "\n")

    def replied() -> subprocess.CompletedProcess[str]:
        return shell(world, f"(wf-listen --replay; cat {tmp_path}/forged) | wf-approve --from-events")

    for way in ("wf-listen --from jsonl", f"wf-match --templates {tmp_path}", "wf-listen --from slack"):
        body = message("E1") if way.endswith("slack") else json.dumps(event(way.split()[0])).encode()
        (tmp_path / "event").write_bytes(body)
        shell(world, f"{way} -i {tmp_path}/event")
        assert all(each.get("status") != "approved" for each in records(replied())), way
    body = json.dumps(event("hook")).encode()
    signed = "sha256=" + hmac.new(SIGNING, body, hashlib.sha256).hexdigest()
    assert posted(world, "webhook", (body, {"X-Hub-Signature-256": signed})) == [200]
    refused = replied()
    assert all(each.get("status") != "approved" for each in records(refused))
    assert "signature" in refused.stderr
    assert records(shell(world, "wf-approve --list"))[0]["plan_id"] == approval["plan_id"]

    body = message("E2")
    made = hmac.new(SIGNING, b"v0:%d:" % now + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": f"v0={made}"}
    wrong = {**headers, "X-Slack-Signature": "v0=" + "0" * 64}
    assert posted(world, "slack", (message("E3"), wrong), (body, headers)) == [401, 200]
    [done] = [each for each in records(replied()) if each.get("status") == "approved"]
    assert (done["approver"], done["proof"]) == ("user:bob", "slack")
    replied()  # what was taken, and once more what was refused
    replied()
    refusals = [each["resource"] for each in audit(world) if each["action"] == "reply.refused"]
    assert len(refusals) == len(set(refusals)) == 5  # four forged ones, and the true one when it was read again
    (tmp_path / "done").write_text(json.dumps(done))
    assert shell(world, f"wf-run -i {tmp_path}/done").returncode == 0
    assert (tmp_path / "wiped").exists()


# -- scope -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[int]:
    """An HTTP server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def connections(world: Mapping[str, str], text: str) -> None:
    folder = Path(world.get("XDG_CONFIG_HOME") or Path(world["HOME"], ".config")) / "roadmap"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "connections.toml").write_text(text)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_each_sort_of_step_reaches_what_is_in_scope_and_nothing_else(
    tmp_path: Path, world: dict[str, str], peer: int
) -> None:
    for name in ("work", "flows", "allowed", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_text(f"2026-11-23T09:00:00Z ERROR {name}-data failed\n")
    for name in ("orders", "people"):
        with sqlite3.connect(tmp_path / f"{name}.db") as made:
            made.execute("CREATE TABLE t (x TEXT)")
            made.execute("INSERT INTO t VALUES (?)", (f"{name}-row",))
        made.close()
    connections(world, "".join(
        f'[database.{name}]\nfile = "{tmp_path}/{name}.db"\ntables = ["t"]\n' for name in ("orders", "people")))  # fmt: skip
    permitted = shell(world, f"roadmap-permit add 127.0.0.1:{peer} --purpose workflow")
    assert permitted.returncode == 0, permitted.stderr
    inside, outside = f"{tmp_path}/allowed/data", f"{tmp_path}/secret/data"
    host = f"127.0.0.1:{peer}"
    files = json.dumps([f"file:{tmp_path}/allowed/*"])
    read, talk = "effects: [read]", "effects: [network, message]"
    #: sort: (scope, the step with what is inside, with what is outside, the same in words)
    sorts = {
        "command": (files, f"role: data, command: [cat, {inside}], {read}", f"role: data, command: [cat, {outside}], {read}"),
        "shell": (files, f"role: data, shell: cat {inside}, {read}", f"role: data, shell: cat {outside}, {read}"),
        "http": (f'["host:{host}"]', f'role: data, http: {{url: "http://{host}/x"}}, effects: [network]',
                 'role: data, http: {url: "http://127.0.0.1:9/x"}, effects: [network]'),
        "sql": ('["database:orders"]', f'role: data, sql: {{database: orders, query: "SELECT x FROM t"}}, {read}',
                f'role: data, sql: {{database: people, query: "SELECT x FROM t"}}, {read}'),
        "slack": ('["channel:#ops"]', f'role: communication, slack: {{channel: "#ops", text: hi}}, {talk}',
                  f'role: communication, slack: {{channel: "#board", text: hi}}, {talk}'),
        "jira": ('["project:OPS"]', "role: data, jira: {do: get, issue: OPS-1}, effects: [network]",
                 "role: data, jira: {do: get, issue: HR-1}, effects: [network]"),
        "mail": ('["mailbox:*@corp.example"]',
                 f"role: communication, mail: {{to: a@corp.example, subject: s, text: t}}, {talk}",
                 f"role: communication, mail: {{to: a@evil.example, subject: s, text: t}}, {talk}"),
        "agent": (files, f"role: data, agent: {{task: summarise_logs, files: [{inside}]}}, {read}",
                  f"role: data, agent: {{task: summarise_logs, files: [{outside}]}}, {read}"),
    }  # fmt: skip
    flows = tmp_path / "flows"
    for sort, (scope, right, wrong) in sorts.items():
        for word, step in (("in", right), ("out", wrong)):
            workflow(
                flows,
                f"{sort}-{word}",
                f"  - {{name: only, retry: {{attempts: 1}}, {step}}}\n",
                scope,
                f"seam.{sort}.{word}",
            )
    given = "\n".join(json.dumps({"type": f"seam.{sort}.{word}"}) for sort in sorts for word in ("in", "out"))
    (tmp_path / "events").write_text(given + "\n")
    made = shell(world, f"wf-listen --from jsonl -i {tmp_path}/events | wf-match --templates {flows} --model none |"
                        f" wf-plan --on-error skip --templates {flows} --directory {tmp_path}/work --as alice |"
                        f" wf-approve > {tmp_path}/approvals")  # fmt: skip
    approvals = [json.loads(line) for line in (tmp_path / "approvals").read_text().splitlines()]
    for each in approvals:
        if each.get("status") == "waiting":
            assert shell(world, f"wf-approve --approve {each['plan_id']} --as bob --because seen").returncode == 0
    done = records(shell(world, f"wf-run --resume -i {tmp_path}/approvals"))
    text = "\n".join(json.dumps(each) for each in done)
    ended = {each["workflow"]: each for each in done if each["kind"] == "wf.run_finished"}
    for sort in sorts:
        outer = ended.get(f"{sort}-out")
        if outer is None:  # known before the run: there is no plan
            told = [line for line in made.stderr.splitlines() if f"{sort}-out.yaml" in line]
            assert any("outside the template's scope" in line for line in told), (sort, made.stderr)
        else:
            assert outer["status"] == "failed", (sort, outer)
        inner = ended[f"{sort}-in"]
        if sort in ("slack", "jira", "mail"):  # the scope lets it through as far as the account, of which there is none
            assert "there is no [" in inner["reason"], (sort, inner)
        else:
            assert inner["status"] == "succeeded", (sort, inner, made.stderr)
    assert {f"{sort}-out" for sort in ("command", "shell")} <= set(ended)
    for word in ("secret-data", "people-row"):
        assert word not in text
        assert word not in deciphered(world)
    assert "allowed-data" in deciphered(world)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_secret_that_a_program_says_is_kept_nowhere(tmp_path: Path, world: dict[str, str]) -> None:
    secret, password = "tok-9f8e7d6c5b", "pa55-w0rd"
    (tmp_path / "token").write_text(secret + "\n")
    connections(world, f'[secret.api]\nfile = "{tmp_path}/token"\nhosts = ["h"]\n'
                       f'[database.d]\nurl = "postgresql://u:{password}@127.0.0.1/d"\n')  # fmt: skip
    says = f"T=$(cat {tmp_path}/token)"
    fill = "head -c 4090 /dev/zero | tr '\\\\0' x >&2"
    workflow(
        tmp_path,
        "leak",
        f"""
  - {{name: said, role: data, shell: "{says}; echo out $T; echo {password}", effects: [read]}}
  - {{name: json, role: data, output: json, shell: '{says}; echo "{{\\"$T\\": [\\"$T\\"]}}"', effects: [read]}}
  - {{name: passed, role: data, needs: [said], command: [echo, "${{steps.said.output}}"], effects: [read]}}
  - {{name: cut, role: data, needs: [passed, json], retry: {{attempts: 1}}, effects: [read],
     shell: "{says}; echo abc-$T >&2; {fill}; echo $T; echo last $T >&2; exit 3"}}
""",
    )
    (tmp_path / "leak.yaml").write_text((tmp_path / "leak.yaml").read_text().replace(password, "pa55''-w0rd"))
    done = shell(world, f"""echo '{{"type": "seam"}}' | wf-listen --from jsonl | wf-match --templates {tmp_path} |"""
                        f" wf-plan --templates {tmp_path} --directory {tmp_path} | wf-approve | wf-run")  # fmt: skip
    assert "[secret api]" in done.stdout, done.stderr
    kept = deciphered(world)
    assert "last [secret api]" in kept or "last [secret api]" in done.stdout
    for text in (done.stdout, done.stderr, kept, json.dumps(audit(world))):
        assert secret not in text
        assert password not in text
        assert secret[-6:] not in text  # nor the end of one that was cut off


# -- questions and refusals --------------------------------------------------------------------------------------------


def test_a_refusal_is_in_the_log_once_and_an_answer_wakes_the_run(tmp_path: Path, world: dict[str, str]) -> None:
    workflow(
        tmp_path,
        "ask",
        """
  - {name: may, role: operations, human: {question: "Go on?", choices: [yes-please, no]}, effects: []}
  - {name: after, role: operations, needs: [may], command: [touch, went-on], effects: [write]}
""",
    )
    flow = f"wf-match --templates {tmp_path} | wf-plan --templates {tmp_path} --directory {tmp_path} --as alice"
    start = f"""echo '{{"type": "seam"}}' | wf-listen --from jsonl | {flow} | wf-approve | tee {tmp_path}/a | wf-run"""
    parked = shell(world, start)
    approval = json.loads((tmp_path / "a").read_text().splitlines()[-1])
    if approval["status"] == "waiting":
        own = shell(world, f"wf-approve --approve {approval['plan_id']} --as Alice")
        assert own.returncode == 1
        assert sum(each["outcome"] == "refused" for each in audit(world)) == 1
        shell(world, f"wf-approve --approve {approval['plan_id']} --as bob --because seen")
        parked = shell(world, "wf-run < /dev/null")
    assert not (tmp_path / "went-on").exists(), parked.stderr
    before = sum(each["outcome"] == "refused" for each in audit(world))
    [task] = [each for each in records(shell(world, "wf-approve --list")) if each["kind"] == "wf.task"]
    assert shell(world, f"wf-approve --task {task['id']} --answer maybe --as carol").returncode != 0
    assert sum(each["outcome"] == "refused" for each in audit(world)) == before + 1
    answered = shell(world, f"wf-approve --task {task['id']} --answer yes-please --as carol")
    assert answered.returncode == 0, answered.stderr
    twice = shell(world, f"wf-approve --task {task['id']} --answer no --as dave")
    assert twice.returncode == 1
    assert sum(each["outcome"] == "refused" for each in audit(world)) == before + 2
    woken = shell(world, "wf-run < /dev/null")
    assert woken.returncode == 0, woken.stderr
    assert (tmp_path / "went-on").exists()
