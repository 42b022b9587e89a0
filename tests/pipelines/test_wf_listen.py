"""wf-listen as people run it: webhooks from real senders and forgers, followed sources, kills, several at once."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WEBHOOK = ROOT / "examples" / "wf" / "alertmanager.json"
PEERS = ROOT / ".cache" / "peers"
sys.path.insert(0, str(ROOT / "tests" / "unit" / "mail"))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Listening:
    """A running wf-listen: its port if it serves, its records as they come."""

    def __init__(self, process: subprocess.Popen[bytes], serves: bool) -> None:
        self.process = process
        self.said: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.port = 0
        assert process.stderr
        if serves:
            for line in process.stderr:
                self.said.append(line.decode())
                if b"listening on port" in line:
                    self.port = int(line.split()[-1])
                    break
        for stream, take in ((process.stderr, self.said.append), (process.stdout, self._record)):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()

    def _record(self, line: str) -> None:
        self.records.append(json.loads(line))

    @staticmethod
    def _read(stream: Any, take: Callable[[str], None]) -> None:
        for line in stream:
            take(line.decode())

    def until(self, done: Callable[[], Any], seconds: float = 30.0) -> Any:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if found := done():
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        found = done()
        assert found, (self.process.poll(), self.said, self.records)
        return found

    def until_it_follows(self) -> None:
        """What comes from now on is news."""
        self.until(lambda: any("following source" in line for line in self.said))

    def types(self) -> list[str]:
        return [each["type"] for each in self.records]

    def post(self, body: bytes, path: str = "/", **headers: str) -> tuple[int, str, Mapping[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, body, {key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode().strip(), dict(answer.headers)
        connection.close()
        return found


@contextmanager
def listening(world: Mapping[str, str], *words: str, serves: bool = True) -> Iterator[Listening]:
    process = subprocess.Popen(
        [str(ROOT / "bin" / "wf-listen"), "-v", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**world}, cwd=ROOT,
    )  # fmt: skip
    try:
        yield Listening(process, serves)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(15)


def shell(world: Mapping[str, str], line: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env={**world}, cwd=ROOT, text=True, capture_output=True, timeout=300,
        check=False, **more,
    )  # fmt: skip


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def audit(world: Mapping[str, str]) -> list[dict[str, Any]]:
    code = (
        "import json, os, sys\n"
        "from roadmap_cli.core import clock, paths\n"
        "from roadmap_cli.state.store import KeySource, State\n"
        "with State.open(paths.state_file(os.environ), mode='read', keys=KeySource(os.environ, None), now=clock.system) as s:\n"
        "    with s.read() as tx:\n"
        "        for (body,) in tx.execute('SELECT body FROM wf_audit ORDER BY seq'):\n"
        "            print(bytes(body).decode())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**world, "PYTHONPATH": str(ROOT / "src")}, text=True,
                          capture_output=True, check=True)  # fmt: skip
    return [json.loads(line)["data"] for line in done.stdout.splitlines()]


def slack_headers(secret: bytes, body: bytes, at: int) -> dict[str, str]:
    made = hmac.new(secret, b"v0:%d:" % at + body, hashlib.sha256).hexdigest()
    return {"X_Slack_Request_Timestamp": str(at), "X_Slack_Signature": f"v0={made}", "Content_Type": "application/json"}


SLACK = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event_time": 1795424400,
         "event": {"type": "app_mention", "channel": "C1", "text": "help"}}  # fmt: skip


def test_one_process_serves_several_senders_and_refuses_forgers(tmp_path: Path, world: dict[str, str]) -> None:
    world = {**world}
    world.pop("ROADMAP_NOW", None)  # signatures have their time
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "signing").write_text("s1gning\n")
    config = tmp_path / "listen.toml"
    config.write_text("""
http = "127.0.0.1:0"
[[source]]
name = "alerts"
from = "alertmanager"
bearer_file = "token"
[[source]]
name = "chat"
from = "slack"
secret_file = "signing"
[[source]]
name = "any"
from = "webhook"
hmac_file = "signing"
hmac_header = "X-Own"
""")
    body = json.dumps(SLACK).encode()
    now = int(time.time())
    with listening(world, "--config", str(config)) as listen:
        alert = WEBHOOK.read_bytes()
        assert listen.post(alert, "/alerts", Authorization="Bearer t0ken")[0] == 200
        assert listen.post(alert, "/alerts", Authorization="Bearer wrong")[0] == 401
        challenge = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()
        assert listen.post(challenge, "/chat", **slack_headers(b"s1gning", challenge, now))[:2] == (200, "abc")
        assert listen.post(challenge, "/chat")[0] == 401
        assert listen.post(body, "/chat", **slack_headers(b"s1gning", body, now))[0] == 200
        again = {**slack_headers(b"s1gning", body, now), "X_Slack_Retry_Num": "1"}
        assert listen.post(body, "/chat", **again)[0] == 200
        assert listen.post(body, "/chat", **slack_headers(b"s1gning", body, now - 400))[:2] == (
            401,
            "the proof is too old",
        )
        assert listen.post(body, "/chat", **slack_headers(b"other", body, now))[0] == 401
        made = hmac.new(b"s1gning", b'{"n":1}', hashlib.sha256).hexdigest()
        assert listen.post(b'{"n":1}', "/any", X_Own=made)[0] == 200
        broken = hmac.new(b"s1gning", b"{", hashlib.sha256).hexdigest()
        assert listen.post(b"{", "/any", X_Own=broken)[0] == 400
        assert listen.post(b"{", "/nowhere")[0] == 404
        assert [listen.post(body, "/chat")[0] for _ in range(200)] == [401] * 200
        listen.until(lambda: len(listen.records) >= 3)
        time.sleep(1.2)
    found = {each["type"]: each["listener"] for each in listen.records}
    assert found == {"alertmanager.alert.firing": "alerts", "slack.app_mention": "chat", "object": "any"}
    told = audit(world)
    accepted = [each for each in told if each["action"] == "webhook.accepted"]
    assert sum(each["deliveries_count"] for each in accepted) == 5  # the broken one, too, was from who it says
    refused = [each for each in told if each["action"] == "webhook.refused"]
    assert {(each["resource"], each["why"]) for each in refused} == {
        ("source:alerts", "wrong_proof"), ("source:chat", "no_proof"), ("source:chat", "stale"),
        ("source:chat", "wrong_proof"), ("source:", "no_such_path"),
    }  # fmt: skip
    assert sum(each["requests_count"] for each in refused if each["why"] == "no_proof") == 201
    assert len(refused) < 20
    [dead] = records(shell(world, "wf-listen --dead"))
    assert (dead["source"], dead["code"], dead["begins"]) == ("any", "bad_json", "{")
    assert shell(world, "wf-listen --retry all").returncode == 1
    assert shell(world, f"wf-listen --discard {dead['id']} && wf-listen --dead").stdout == ""


def test_a_sender_is_told_to_come_again_when_nobody_takes_what_came(world: dict[str, str]) -> None:
    """The reader of the pipe stands still: what waits is bounded, and senders get 503 with Retry-After."""
    process = subprocess.Popen(
        [str(ROOT / "bin" / "wf-listen"), "-v", "--from", "webhook", "--http", "127.0.0.1:0"], env=world, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stderr
        assert process.stdout
        port = int(process.stderr.readline().split()[-1])

        def post(number: int) -> tuple[int, str | None]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.request("POST", "/", json.dumps({"n": number, "pad": "x" * 100_000}).encode())
                answer = connection.getresponse()
                return answer.status, answer.getheader("Retry-After")
            except (OSError, http.client.HTTPException):
                return 0, None  # so many at once that not each can be told
            finally:
                connection.close()

        answers: list[tuple[int, str | None]] = []
        threads = [
            threading.Thread(target=lambda first=first: answers.extend(post(first + n) for n in range(2)), daemon=True)
            for first in range(0, 400, 2)
        ]
        for thread in threads:
            thread.start()
        ends = time.monotonic() + 20
        while time.monotonic() < ends and not any(status == 503 for status, _ in answers):
            time.sleep(0.05)
        assert (503, "2") in answers
        seen: set[int] = set()
        reader = threading.Thread(
            target=lambda: seen.update(
                json.loads(line)["data"]["n"] for line in process.stdout or () if line.endswith(b"\n")
            )
        )
        reader.start()
        for thread in threads:
            thread.join(40)
        taken = sum(status == 200 for status, _ in answers)
        assert taken > 0
        process.terminate()
        reader.join(20)
        kept = {each["data"]["n"] for each in records(shell(world, "wf-listen --replay --since 2000-01-01"))}
        assert len(kept) >= taken  # each that was acknowledged is in the state
        assert seen <= kept
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def test_slow_and_giant_requests_are_ended(world: dict[str, str]) -> None:
    with listening(world, "--from", "webhook", "--http", "127.0.0.1:0") as listen:
        assert listen.post(b"", Content_Length=str(10**10))[0] == 413
        assert listen.post(b"", Content_Length="-1")[0] == 400
        assert listen.post(b'{"a":' * 100_000)[0] == 400
        assert listen.post(b'{"a":' * 400 + b"1" + b"}" * 400)[0] == 400  # readable, but nested too deeply to be kept
        assert listen.post(b'{"ok":1}')[0] == 200
        listen.until(lambda: listen.records)


def test_a_file_is_followed_and_a_second_copy_says_so(tmp_path: Path, world: dict[str, str]) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"n":0}\n')
    with listening(world, "--from", "files", "--place", str(log), serves=False) as listen:
        listen.until(lambda: len(listen.records) == 1)
        with log.open("a") as file:
            file.write('{"n":1}\n')
        listen.until(lambda: len(listen.records) == 2)
        second = shell(world, f"wf-listen --from files --place {log} --once --wait 0.2")
        assert second.returncode == 75
        assert "in use" in second.stderr or "another" in second.stderr or "other" in second.stderr, second.stderr
    assert listen.process.returncode == 128 + signal.SIGTERM
    with log.open("a") as file:
        file.write('{"n":2}\n')
    assert [each["data"]["n"] for each in records(shell(world, f"wf-listen --from files --place {log} --once"))] == [2]


def test_families_meet_in_the_pipe(tmp_path: Path, world: dict[str, str]) -> None:
    template = tmp_path / "care.yaml"
    template.write_text(
        "workflow: care\nversion: 1\ntrigger: {type: life.warning, where: [{field: data.level, equals: high}]}\n"
        "steps:\n  - {name: only, role: operations, effects: [], command: [echo]}\n"
    )
    lines = "".join(
        json.dumps({"kind": kind, "id": f"x_{n}", "at": "2026-11-23T08:00:00Z", "level": level}) + "\n"
        for n, (kind, level) in enumerate((("life.warning", "high"), ("life.warning", "low"), ("wf.plan", "high")))
    )
    done = shell(world, f"wf-match --templates {template}", input=lines)
    found = records(done)
    assert [each["kind"] for each in found] == ["wf.match", "wf.plan"] or [each["kind"] for each in found] == [
        "wf.plan", "wf.match",
    ]  # fmt: skip
    [match] = [each for each in found if each["kind"] == "wf.match"]
    assert match["workflow"] == "care"
    chain = records(shell(world, f"roadmap-why {match['id']}"))
    assert any(each.get("kind") == "wf.event" or "event" in str(each) for each in chain)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_however_often_it_is_killed(tmp_path: Path, world: dict[str, str]) -> None:
    """120 kills at random points of listen and match; each time the same lines are sent again until all went through."""
    count, chance = 3000, random.Random(7)
    template = tmp_path / "t.yaml"
    template.write_text(
        "workflow: t\nversion: 1\ntrigger: {type: x, window: 1h, count: 5, group: [data.g]}\n"
        "steps:\n  - {name: only, role: operations, effects: [], command: [echo]}\n"
    )
    log = tmp_path / "log.jsonl"
    log.write_text("".join(
        json.dumps({"type": "x", "n": n, "g": n % 300, "time": f"2026-11-23T08:{n % 60:02}:00Z"}) + "\n" for n in range(count)
    ))  # fmt: skip
    kills = 0
    line = f"wf-listen --from files --place {log} --once | wf-match --templates {template}"
    while kills < 120:
        process = subprocess.Popen(["bash", "-c", line], env=world, cwd=ROOT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        try:
            process.wait(0.05 + chance.random() * 0.9)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
            process.wait()
            continue
        break  # it was quicker than the kill: the rest of the kills fall on replays
    while kills < 120:
        process = subprocess.Popen(
            ["bash", "-c", f"wf-listen --from jsonl -i {log} | wf-match --templates {template}"], env=world, cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(0.05 + chance.random() * 0.7)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert shell(world, line).returncode == 0
    assert shell(world, f"wf-listen --replay | wf-match --templates {template}").returncode == 0
    found = records(shell(world, "wf-listen --replay --since 2000-01-01"))
    assert sorted(each["data"]["n"] for each in found) == list(range(count))
    query = "SELECT count(*) AS c, count(DISTINCT event_id) AS d FROM wf_match"
    [told] = records(shell(world, f'roadmap-state query "{query}"'))
    assert (told["row"]["c"], told["row"]["d"]) == (
        300,
        300,
    )  # of 10 in each group the first five make one, the others join it
    [left] = records(shell(world, 'roadmap-state query "SELECT count(*) AS c FROM wf_event WHERE matched_at IS NULL"'))
    assert left["row"]["c"] == 0


# -- real peers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def dovecot_server() -> Iterator[Any]:
    import dovecot

    if not dovecot.PRESENT:
        pytest.skip("needs Dovecot: apt-get install dovecot-imapd")
    root = Path(tempfile.mkdtemp(prefix="mail-"))
    root.chmod(0o755)
    made = dovecot.Server(root)
    yield made
    made.stop()
    shutil.rmtree(root)


def test_a_mail_is_an_event_as_soon_as_it_comes(tmp_path: Path, world: dict[str, str], dovecot_server: Any) -> None:
    secret = tmp_path / "password"
    secret.write_text("right-horse\n")
    world = {**world, "SSL_CERT_FILE": str(dovecot_server.cert)}
    place = f"imaps://ops@localhost:{dovecot_server.port_tls}/INBOX"
    mail = b"From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Disk_f=C3=BCll?=\r\nMessage-ID: <%d@x>\r\n\r\ndb-1 is full\r\n"
    dovecot_server.deliver(mail % 0)  # was there before: no event
    words = ("--from", "mail", "--place", place, "--secret-file", str(secret))
    with listening(world, *words, serves=False) as listen:
        listen.until_it_follows()
        dovecot_server.deliver(mail % 1)
        listen.until(lambda: listen.records)
    first = listen.records[0]
    assert (first["type"], first["subject"], first["data"]["from"]) == ("mail.received", "Disk füll", "ann@example.org")
    assert first["data"]["text"].strip() == "db-1 is full"
    assert first["data"]["headers"]["message-id"] == "<1@x>"
    dovecot_server.deliver(mail % 3)
    line = f"wf-listen --from mail --place {place} --secret-file {secret} --once"
    assert [each["data"]["message_id"] for each in records(shell(world, line))] == ["3@x"]
    assert records(shell(world, line)) == []
    secret.write_text("wrong\n")
    assert shell(world, line).returncode == 78


@pytest.mark.slow
def test_a_mailbox_that_goes_away_is_followed_again(tmp_path: Path, world: dict[str, str], dovecot_server: Any) -> None:
    secret = tmp_path / "password"
    secret.write_text("right-horse\n")
    world = {**world, "SSL_CERT_FILE": str(dovecot_server.cert)}
    place = f"imaps://ops@localhost:{dovecot_server.port_tls}/INBOX"
    words = ("--from", "mail", "--place", place, "--secret-file", str(secret))
    with listening(world, *words, serves=False) as listen:
        listen.until_it_follows()
        dovecot_server.deliver(b"Subject: one\r\n\r\n1\r\n")
        listen.until(lambda: listen.records)
        dovecot_server.stop()
        listen.until(lambda: any("tried again" in line for line in listen.said))
        dovecot_server.deliver(b"Subject: two\r\n\r\n2\r\n")
        dovecot_server.start()
        listen.until(lambda: len(listen.records) == 2)
        listen.until(lambda: any("answers again" in line for line in listen.said))


@pytest.fixture
def monitoring(tmp_path: Path) -> Iterator[Callable[[int], tuple[int, int]]]:
    """Prometheus with a rule that fires, and Alertmanager that sends to a port."""
    if not shutil.which("prometheus") or not shutil.which("prometheus-alertmanager"):
        pytest.skip("needs Prometheus: apt-get install prometheus prometheus-alertmanager")
    running: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> tuple[int, int]:
        manager, prometheus = free_port(), free_port()
        (tmp_path / "token").write_text("t0ken")
        (tmp_path / "am.yml").write_text(json.dumps({
            "route": {"receiver": "r", "group_wait": "0s", "group_interval": "1s", "group_by": ["alertname"]},
            "receivers": [{"name": "r", "webhook_configs": [{
                "url": f"http://127.0.0.1:{port}/",
                "http_config": {"authorization": {"credentials_file": str(tmp_path / "token")}}}]}],
        }))  # fmt: skip
        (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [
            {"alert": "Always", "expr": "vector(1)", "labels": {"severity": "critical"}}]}]}))  # fmt: skip
        (tmp_path / "p.yml").write_text(json.dumps({
            "global": {"evaluation_interval": "1s"}, "rule_files": [str(tmp_path / "rules.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
        }))  # fmt: skip
        for words in (
            ["prometheus-alertmanager", f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}",
             f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address="],
            ["prometheus", f"--config.file={tmp_path / 'p.yml'}", f"--storage.tsdb.path={tmp_path / 'p'}",
             f"--web.listen-address=127.0.0.1:{prometheus}", "--rules.alert.resend-delay=1s"],
        ):  # fmt: skip
            running.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            for _ in range(200):  # the first is there before the second wants it
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", manager), 0.2).close()
                    break
                time.sleep(0.05)
        return prometheus, manager

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(15)


@pytest.mark.slow
def test_prometheus_and_alertmanager_reach_us_both_ways(
    tmp_path: Path, world: dict[str, str], monitoring: Callable[[int], tuple[int, int]]
) -> None:
    port = free_port()
    prometheus, _ = monitoring(port)
    config = tmp_path / "listen.toml"
    config.write_text(f"""
http = "127.0.0.1:{port}"
[[source]]
name = "am"
from = "alertmanager"
path = "/"
bearer_file = "token"
[[source]]
name = "prom"
from = "prometheus"
place = "http://127.0.0.1:{prometheus}"
pause = "1s"
""")
    with listening(world, "--config", str(config)) as listen:
        both = {"alertmanager.alert.firing", "prometheus.alert.firing"}
        listen.until(lambda: both <= set(listen.types()), 60)
        (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [
            {"alert": "Always", "expr": "vector(1) > 2", "labels": {"severity": "critical"}}]}]}))  # fmt: skip
        for process in subprocess.run(["pgrep", "-f", str(tmp_path / "p.yml")], capture_output=True, text=True,
                                      check=True).stdout.split():  # fmt: skip
            os.kill(int(process), signal.SIGHUP)
        both = {"alertmanager.alert.resolved", "prometheus.alert.resolved"}
        listen.until(lambda: both <= set(listen.types()), 60)
    assert len(listen.records) == len({each["id"] for each in listen.records}) == 4
    assert [each["action"] for each in audit(world)].count("webhook.accepted") >= 2


class SlackServer:
    """Slack's side of Socket Mode, as its documents tell: opens connections, sends envelopes, counts what is acknowledged."""

    def __init__(self) -> None:
        from websockets.sync.server import serve

        self.acknowledged: list[str] = []
        self.opened: list[str] = []
        self.to_send: list[dict[str, Any]] = []
        self.socket = serve(self._talk, "127.0.0.1", 0)
        self.port = self.socket.socket.getsockname()[1]
        threading.Thread(target=self.socket.serve_forever, daemon=True).start()
        owner = self

        class Api(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                right = self.headers.get("Authorization") == "Bearer xapp-1"
                owner.opened.append(self.path)
                told = (
                    {"ok": True, "url": f"ws://127.0.0.1:{owner.port}/link/?ticket=t"}
                    if right
                    else {"ok": False, "error": "invalid_auth"}
                )
                data = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.url = f"http://127.0.0.1:{self.api.server_address[1]}"
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

    def _talk(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        sent: set[str] = set()
        try:
            while True:
                for each in [*self.to_send]:
                    name = each.get("envelope_id", each["type"])
                    if name not in sent and name not in self.acknowledged:
                        sent.add(name)
                        connection.send(json.dumps(each))
                        if each["type"] == "disconnect":
                            self.to_send.remove(each)
                try:
                    answer = json.loads(connection.recv(timeout=0.05))
                except TimeoutError:
                    continue
                self.acknowledged.append(answer["envelope_id"])
        except ConnectionClosed:
            return

    def envelope(self, number: int) -> dict[str, Any]:
        payload = {**SLACK, "event_id": f"Ev{number}"}
        return {
            "type": "events_api",
            "envelope_id": f"e{number}",
            "payload": payload,
            "accepts_response_payload": False,
        }

    def close(self) -> None:
        self.api.shutdown()
        self.api.server_close()
        self.socket.shutdown()


@pytest.fixture
def slack_server() -> Iterator[SlackServer]:
    pytest.importorskip("websockets")
    made = SlackServer()
    yield made
    made.close()


def test_socket_mode_acknowledges_what_is_stored_and_connects_again(
    tmp_path: Path, world: dict[str, str], slack_server: SlackServer
) -> None:
    secret = tmp_path / "app"
    secret.write_text("xapp-1\n")
    slack_server.to_send = [
        slack_server.envelope(1),
        {"type": "events_api", "envelope_id": "bad", "payload": {"type": 3}},
    ]
    words = ("--from", "slack-socket", "--place", slack_server.url, "--secret-file", str(secret))
    with listening(world, *words, serves=False) as listen:
        listen.until(lambda: listen.records and "bad" in slack_server.acknowledged)
        slack_server.to_send += [{"type": "disconnect", "reason": "refresh_requested"}]
        listen.until(lambda: len(slack_server.opened) == 2)
        again = {**slack_server.envelope(1), "envelope_id": "e1-again", "retry_attempt": 1, "retry_reason": "timeout"}
        slack_server.to_send += [again, slack_server.envelope(2)]
        listen.until(lambda: {"e1-again", "e2"} <= set(slack_server.acknowledged))
    assert {each["data"]["event_id"] for each in listen.records} == {"Ev1", "Ev2"}
    assert [each["code"] for each in records(shell(world, "wf-listen --dead"))] == ["wrong_type"]
    secret.write_text("xapp-2\n")
    line = f"wf-listen --from slack-socket --place {slack_server.url} --secret-file {secret}"
    assert shell(world, f"timeout 20 {line}").returncode == 78


@pytest.mark.slow
def test_slacks_own_client_talks_to_the_same_server(slack_server: SlackServer) -> None:
    """What our client was tested with is a Socket Mode that Slack's own client takes for one."""
    pytest.importorskip("slack_sdk")
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.socket_mode.response import SocketModeResponse
    from slack_sdk.web import WebClient

    slack_server.to_send = [slack_server.envelope(1)]
    client = SocketModeClient(app_token="xapp-1", web_client=WebClient(base_url=f"{slack_server.url}/api/"))
    client.socket_mode_request_listeners.append(
        lambda each, request: each.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
    )
    client.connect()
    ends = time.monotonic() + 20
    while "e1" not in slack_server.acknowledged and time.monotonic() < ends:
        time.sleep(0.05)
    client.close()
    assert "e1" in slack_server.acknowledged


class JiraServer:
    """A Jira that has a search by JQL: what changed in the last minutes, in pages, in order."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.broken = 0
        owner = self

        class Api(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                from urllib.parse import parse_qsl, urlsplit

                fields = dict(parse_qsl(urlsplit(self.path).query))
                owner.asked.append(fields)
                status, told = 200, {}
                if owner.broken:
                    owner.broken -= 1
                    status = 503
                elif self.headers.get("Authorization") != "Basic Ym90OnQwa2Vu":
                    status = 401
                else:
                    first = int(fields.get("nextPageToken", 0))
                    page = sorted(owner.issues, key=lambda each: each["fields"]["updated"])[first : first + 2]
                    told = {"issues": page, "isLast": first + 2 >= len(owner.issues)}
                    if not told["isLast"]:
                        told["nextPageToken"] = str(first + 2)
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.port = self.api.server_address[1]
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

    def change(self, number: int, updated: str) -> None:
        self.issues = [each for each in self.issues if each["id"] != str(number)]
        fields = {"created": "2026-11-23T08:00:00.000+0000", "updated": updated, "summary": "x"}
        self.issues.append({"id": str(number), "key": f"OPS-{number}", "fields": fields})


def test_jira_is_asked_for_what_changed(tmp_path: Path, world: dict[str, str]) -> None:
    jira = JiraServer()
    secret = tmp_path / "token"
    secret.write_text("t0ken\n")
    line = f"wf-listen --from jira-poll --place http://bot@127.0.0.1:{jira.port} --secret-file {secret} --once"
    try:
        assert records(shell(world, line)) == []
        for number in range(5):
            jira.change(number, f"2026-11-23T09:0{number}:00.000+0000")
        jira.issues.append({"id": "9", "key": "OPS-9", "fields": {"updated": 3}})
        jira.issues[-1]["fields"]["updated"] = "2026-11-23T09:05:00.000+0000"
        jira.issues[-1]["key"] = 7
        jira.broken = 1
        found = shell(world, line)
        assert [each["subject"] for each in records(found)] == [f"OPS-{n}" for n in range(5)]
        assert "updated >= -5m ORDER BY updated ASC" in jira.asked[0]["jql"]
        assert shell(world, line).stdout == ""
        jira.change(2, "2026-11-23T09:07:00.000+0000")
        [event] = records(shell(world, line))
        assert (event["type"], event["subject"]) == ("jira.issue_updated", "OPS-2")
        assert len(records(shell(world, "wf-listen --dead"))) == 1
        secret.write_text("other\n")
        assert shell(world, line).returncode == 78
    finally:
        jira.api.shutdown()
        jira.api.server_close()


@pytest.mark.slow
def test_a_jira_made_of_its_own_openapi_file_takes_what_we_ask(tmp_path: Path, world: dict[str, str]) -> None:
    """Prism judges each request by Jira's file: an unknown parameter or a wrong type is answered with 4xx."""
    prism, spec = PEERS / "node_modules/.bin/prism", PEERS / "jira.json"
    if not (shutil.which("node") and prism.exists() and spec.exists()):
        pytest.skip("needs Prism and Jira's OpenAPI file: sh tools/wf_peers.sh")
    found = json.loads(spec.read_text())
    # The file is of version 3; version 2, which servers have, takes the same parameters at its own path.
    found["paths"] = {"/rest/api/2/search": {"get": found["paths"]["/rest/api/3/search"]["get"]}}
    (tmp_path / "jira.json").write_text(json.dumps(found))
    port = free_port()
    process = subprocess.Popen(
        ["node", str(prism), "mock", "-h", "127.0.0.1", "-p", str(port), str(tmp_path / "jira.json")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout
        for line in process.stdout:
            if b"listening" in line.lower():
                break
        threading.Thread(target=process.stdout.read, daemon=True).start()
        (tmp_path / "token").write_text("t0ken\n")
        config = tmp_path / "listen.toml"
        config.write_text(f"""
[[source]]
name = "tickets"
from = "jira-poll"
place = "http://127.0.0.1:{port}"
user = "bot"
secret_file = "token"
api = "server"
query = "project = OPS"
""")
        done = shell(world, f"wf-listen --config {config} --once")
        assert done.returncode == 0, done.stderr
        cursor = records(shell(world, 'roadmap-state query "SELECT source, cursor FROM wf_cursor"'))
        assert [each["row"]["source"] for each in cursor] == ["tickets"]
        told = records(shell(world, "wf-listen --dead"))
        assert all(each["source"] == "tickets" for each in told)  # the examples in the file lack what real issues have
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close() if process.stdout else None


def test_several_at_once_on_one_state_lose_and_double_nothing(tmp_path: Path, world: dict[str, str]) -> None:
    template = tmp_path / "t.yaml"
    template.write_text(
        "workflow: t\nversion: 1\ntrigger: {type: x, window: 1h, count: 4, group: [data.g]}\n"
        "steps:\n  - {name: only, role: operations, effects: [], command: [echo]}\n"
    )
    log = tmp_path / "log.jsonl"
    log.write_text("".join(
        json.dumps({"type": "x", "n": n, "g": n % 100, "time": f"2026-11-23T08:{n % 60:02}:00Z"}) + "\n" for n in range(1000)
    ))  # fmt: skip
    shell(world, "wf-listen --dead")
    line = f"wf-listen < {log} | wf-match --templates {template}"
    running = [subprocess.Popen(["bash", "-o", "pipefail", "-c", line], env=world, cwd=ROOT, stdout=subprocess.PIPE)
               for _ in range(4)]  # fmt: skip
    written = [each.communicate(timeout=120)[0].splitlines() for each in running]
    assert [each.returncode for each in running] == [0] * 4
    names = {json.loads(line)["id"] for lines in written for line in lines}
    [told] = records(
        shell(world, 'roadmap-state query "SELECT count(*) AS c, count(DISTINCT event_id) AS d FROM wf_match"')
    )
    assert told["row"] == {"c": 100, "d": 100}
    assert len(names) == 100
    [left] = records(shell(world, 'roadmap-state query "SELECT count(*) AS c, min(matched_at) AS m FROM wf_event"'))
    assert left["row"]["c"] == 1000
    assert left["row"]["m"]


def waiting_plan(tmp_path: Path, world: dict[str, str], account: str) -> dict[str, Any]:
    """A plan of alice's that waits for bob, whom an account proves: the wf.approval with its code."""
    disk = ROOT / "examples/wf/disk.yaml"
    shell(world, "wf-grant bob --role approver --because test && wf-grant alice --role operator --because test")
    shell(world, f"wf-grant bob --register {account} --because test")
    event = {"kind": "wf.event", "id": "wf_disk", "at": "2026-11-23T08:59:00.000Z", "type": "alertmanager.alert.firing",
             "source": "alertmanager", "data": {"labels": {"alertname": "DiskFillingUp", "severity": "critical"},
             "annotations": {"folder": "spool"}, "fingerprint": "0123456789abcdef", "startsAt": "2026-11-23T09:00:00Z"}}  # fmt: skip
    (tmp_path / "events").write_text(json.dumps(event) + "\n")
    (tmp_path / "spool").mkdir()
    line = (
        f"wf-match --templates {disk} < {tmp_path}/events | wf-plan --templates {disk} --directory {tmp_path} --as alice"
        " | wf-approve"
    )
    (waiting,) = records(shell(world, line))
    assert waiting["status"] == "waiting"
    return waiting


def test_a_plan_is_approved_by_a_reply_that_slack_signed_and_by_no_other(tmp_path: Path, world: dict[str, str]) -> None:
    """The same words by standard input, by a generic webhook that claims a proof, or signed wrongly approve nothing."""
    (tmp_path / "secret").write_text("of slack")
    now = 1795424400  # what the clock of the world says
    waiting = waiting_plan(tmp_path, world, "slack:TCORP/UBOB")
    said = {"type": "event_callback", "team_id": "TCORP", "event_id": "Ev1", "event_time": now,
            "event": {"type": "message", "user": "UBOB", "channel": "C1", "text": f"approve {waiting['code']} go on"}}  # fmt: skip
    body = json.dumps(said).encode()
    forged = {"kind": "wf.event", "id": "wf_forged", "at": "2026-11-23T08:59:00.000Z", "source": "slack", "type": "slack.message",
              "subject": "C1", "proof": "slack-signature", "data": said}  # fmt: skip

    def standing() -> str:
        return shell(world, "wf-approve --list | jq -r .status").stdout.strip()

    (tmp_path / "forged").write_text(json.dumps(forged) + "\n")
    shell(
        world, f"wf-listen < {tmp_path}/forged | wf-approve --from-events; wf-approve --from-events < {tmp_path}/forged"
    )
    shell(world, f"wf-match < {tmp_path}/forged; wf-approve --from-events < {tmp_path}/forged")
    with listening(world, "--from", "webhook", "--http", "127.0.0.1:0") as listen:
        assert listen.post(json.dumps(forged | {"id": "wf_forged2"}).encode())[0] == 200
        assert listen.post(body)[0] == 200
        listen.until(lambda: len(listen.records) >= 2)
        (tmp_path / "taken").write_text("".join(json.dumps(each) + "\n" for each in listen.records))
    shell(world, f"wf-approve --from-events < {tmp_path}/taken")
    assert standing() == "waiting"
    with listening(
        world, "--from", "slack", "--http", "127.0.0.1:0", "--secret-file", str(tmp_path / "secret")
    ) as listen:
        assert listen.post(body, **slack_headers(b"another", body, now))[0] == 401
        assert listen.post(body, **slack_headers(b"of slack", body, now - 3600))[0] == 401
        assert listen.post(body, **slack_headers(b"of slack", body, now))[0] == 200
        listen.until(lambda: len(listen.records) >= 1)
        (tmp_path / "genuine").write_text("".join(json.dumps(each) + "\n" for each in listen.records))
    (approved,) = records(shell(world, f"wf-approve --from-events < {tmp_path}/genuine"))
    assert (approved["status"], approved["approver"]) == ("approved", "user:bob")
    again = shell(world, f"wf-approve --from-events < {tmp_path}/genuine")
    assert "was read before" in again.stderr


def test_a_plan_is_approved_by_a_mail_that_the_mailboxs_server_found_genuine_and_by_no_other(
    tmp_path: Path, world: dict[str, str], dovecot_server: Any
) -> None:
    world = {
        key: value for key, value in world.items() if key != "ROADMAP_NOW"
    }  # the server stamps mails with its time
    world["SSL_CERT_FILE"] = str(dovecot_server.cert)
    waiting = waiting_plan(tmp_path, world, "mail:bob@corp.example")
    (tmp_path / "password").write_text("right-horse\n")
    (tmp_path / "listen.toml").write_text(
        f'[[source]]\nname = "box"\nfrom = "mail"\nplace = "imaps://ops@localhost:{dovecot_server.port_tls}/INBOX"\n'
        f'secret_file = "{tmp_path}/password"\nfrom_start = true\nauthserv = "mx.corp.example"\n'
    )
    genuine = "Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example\r\n"

    def replied(head: str, sender: str, number: int) -> str:
        """What stands of the plan after a mail with this head was taken."""
        text = (
            f"{head}From: {sender}\r\nSubject: Re: plan\r\nMessage-ID: <{number}@x>\r\n\r\n"
            f"approve {waiting['code']} go on\r\n"
        )
        dovecot_server.deliver(text.encode())
        shell(world, f"wf-listen --config {tmp_path}/listen.toml --once | wf-approve --from-events")
        return shell(world, "wf-approve --list | jq -r .status").stdout.strip()

    assert replied("", "bob@corp.example", 1) == "waiting"
    assert replied(genuine.replace("mx.corp", "mx.evil"), "bob@corp.example", 2) == "waiting"
    assert replied(genuine.replace("pass", "fail"), "bob@corp.example", 3) == "waiting"
    assert replied(genuine, "eve@corp.example", 4) == "waiting"
    assert replied(genuine, "bob@corp.example", 5) == ""
    [plan] = records(shell(world, f"wf-audit query --action plan.approved --resource {waiting['plan_id']}"))
    assert plan["user"] == "user:bob"
