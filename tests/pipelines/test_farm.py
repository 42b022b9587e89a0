"""A farm: three machines in network namespaces work through one Postgres, one of them is switched off in the middle.

Each machine has its own network, process ids, home, state, identity and permission, and reaches the Postgres over an
encrypted connection whose certificate it checks. What is theirs together is the Postgres and the folder of projects.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.unit.wf.postgres import Postgres, cluster

import transcripts

ROOT = Path(__file__).parents[2]
MODELS = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
SPAN = "def overlap(a, b, c, d):\n    return a < d or c < b\n"
SPAN_TEST = (
    "from span import overlap\n\n\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\n\n\ndef test_no():\n"
    "    assert not overlap(1, 2, 3, 4)\n"
)
#: Whoever does a step says so first; what it has done is there once for each key.
STEPS = """
steps:
  - name: work
    role: operations
    effects: [write]
    environment: {NUMBER: "${inputs.number}"}
    shell: |
      echo $NUMBER $ROADMAP_IDEMPOTENCY_KEY $HOME $(date +%%s.%%N) begins >> starts
      %s || exit 1
      echo $NUMBER $ROADMAP_IDEMPOTENCY_KEY $HOME $(date +%%s.%%N) ends >> starts
    timeout: 10m
  - name: done
    role: operations
    needs: [work]
    effects: [write]
    environment: {NUMBER: "${inputs.number}"}
    shell: mkdir done/%s$NUMBER-$ROADMAP_IDEMPOTENCY_KEY
"""
WORK = {
    "repair": "agent-loop --apply --seconds 300 --wait 300 --test 'pytest -q -p no:cacheprovider' projects/$NUMBER > told.$NUMBER",
    "reply": "echo Name river $NUMBER. | slm-run --text --max-tokens 8 > replies/$NUMBER.part && mv replies/$NUMBER.part replies/$NUMBER",
}


def can_make_networks() -> str:
    """Why no network of another machine can be made here; empty if it can."""
    if os.geteuid() or not shutil.which("ip"):
        return "network namespaces want root and iproute2"
    name = f"try{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return done.stderr.strip()


class Machine:
    """A host of its own on a cable to this one."""

    def __init__(self, number: int, folder: Path, server: Postgres, key: str):
        self.name = f"farm{os.getpid()}x{number}"
        self.cable = f"fv{os.getpid() % 100000}x{number}"
        self.here, self.there = f"10.77.{number}.1", f"10.77.{number}.2"
        self.home = folder / f"machine{number}"
        (self.home / "tmp").mkdir(parents=True, mode=0o700)
        self.folder = folder
        database = self.home / "database"
        url = f"postgresql://postgres@{self.here}:{server.port}/postgres?sslmode=verify-full&sslrootcert={folder}/server.crt"
        database.write_text(f"{url}\n{key}\n")
        self.world = {
            **transcripts.world(self.home), "ROADMAP_DATABASE": str(database), "ROADMAP_MODELS": MODELS,
            "ROADMAP_COPIES": "never",
        }  # fmt: skip
        del self.world["ROADMAP_NOW"]
        self.worker: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        """Lay the cable."""
        inside = ["ip", "-n", self.name]
        for words in (
            ["ip", "netns", "add", self.name],
            ["ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name],
            ["ip", "addr", "add", f"{self.here}/30", "dev", self.cable], ["ip", "link", "set", self.cable, "up"],
            [*inside, "addr", "add", f"{self.there}/30", "dev", "eth0"], [*inside, "link", "set", "eth0", "up"],
            [*inside, "link", "set", "lo", "up"],
        ):  # fmt: skip
            subprocess.run(words, check=True, capture_output=True)

    def inside(self, *words: str) -> list[str]:
        """A program on this machine: its network, and process ids that nobody else has."""
        return ["ip", "netns", "exec", self.name, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *words]

    def shell(self, line: str) -> str:
        """What a command line on it writes; it must end well."""
        done = subprocess.run(
            self.inside("bash", "-o", "pipefail", "-c", line), env=self.world, cwd=self.folder, text=True,
            capture_output=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr)
        return done.stdout

    def start(self) -> None:
        """Let it work, two steps at a time."""
        with (self.home / "told").open("ab") as told, (self.home / "errors").open("ab") as errors:
            self.worker = subprocess.Popen(
                self.inside("wf-worker", "--parallel", "2"), env=self.world, cwd=self.folder, stdout=told, stderr=errors
            )

    def switch_off(self) -> None:
        """Kill the first of its processes, and with it every other, and pull the cable."""
        assert self.worker
        unshare = Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/children").read_text().split()
        os.kill(int(unshare[0]), signal.SIGKILL)
        subprocess.run(["ip", "link", "set", self.cable, "down"], check=True)
        self.worker.wait(30)
        self.worker = None

    def stop(self) -> None:
        """End its work as systemd does."""
        if self.worker:
            children = Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGTERM)
            self.worker.wait(90)
            self.worker = None

    def remove(self) -> None:
        """Leave nothing of it."""
        if self.worker:
            self.worker.kill()
            self.worker.wait(30)
        subprocess.run(["ip", "link", "del", self.cable], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


def certificate(folder: Path, addresses: list[str]) -> None:
    """A certificate of the server for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "farm")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(each)) for each in addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "server.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A Postgres that other machines reach, over TLS alone."""
    if why := can_make_networks():
        pytest.skip(why)
    with cluster() as found:
        found.stop("fast")
        certificate(tmp_path, [f"10.77.{number}.1" for number in (1, 2, 3)])
        data = found.folder / "data"
        for name in ("server.crt", "server.key"):
            shutil.copy(tmp_path / name, data / name)
            shutil.chown(data / name, "postgres", "postgres")
            (data / name).chmod(0o600)
        with (data / "postgresql.conf").open("a") as file:
            file.write("ssl = on\nfsync = on\n")
        with (data / "pg_hba.conf").open("a") as file:
            file.write("hostssl all all 10.77.0.0/16 trust\n")
        found.listen = "*"
        found.start()
        yield found


@pytest.fixture
def machines(tmp_path: Path, server: Postgres) -> Iterator[list[Machine]]:
    """Three of them, connected, each with a state and the permission to use the database."""
    made = [Machine(number, tmp_path, server, "b3" * 21 + "s=") for number in (1, 2, 3)]
    try:
        for each in made:
            each.connect()
            each.shell(f"roadmap-permit add {each.here}:{server.port} --purpose workflow")
        yield made
    finally:
        for each in made:
            each.remove()


def prepare(folder: Path, count: int) -> None:
    """Projects that fail, and an event for each job."""
    for name in ("done", "replies", "projects", "templates"):
        (folder / name).mkdir()
    events = []
    for sort, work in WORK.items():
        head = f"workflow: {sort}\nversion: 1\ntrigger: {{type: farm.{sort}}}\ninputs:\n  number: {{from: data.number, pattern: '[0-9]+'}}\n"
        (folder / f"templates/{sort}.yaml").write_text(head + STEPS % (work, sort))
        events += [
            {"id": f"{sort}{n}", "source": "farm", "type": f"farm.{sort}", "data": {"number": str(n)}}
            for n in range(count)
        ]
    for number in range(count):
        project = folder / "projects" / str(number)
        project.mkdir()
        (project / "span.py").write_text(SPAN)
        (project / "test_span.py").write_text(SPAN_TEST)
    (folder / "events").write_text("".join(json.dumps({"specversion": "1.0", **each}) + "\n" for each in events))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("count", [pytest.param(6, id="few"), pytest.param(100, id="many")])
def test_a_machine_is_switched_off_and_every_job_is_done_once(
    tmp_path: Path, server: Postgres, machines: list[Machine], count: int
) -> None:
    if not Path(MODELS, "smollm2-135m-instruct").exists():
        pytest.skip("no model: slm-models pull")
    if subprocess.run(
        ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("bubblewrap cannot work here")
    prepare(tmp_path, count)
    first, second, third = machines
    flow = "wf-match --templates templates --model none | wf-plan --templates templates --directory $PWD | wf-approve"
    first.shell(f"wf-listen --from jsonl -i events | {flow} | jq -e '.status == \"approved\"' > approved")
    assert len((tmp_path / "approved").read_text().split()) == 2 * count
    began = time.monotonic()
    for each in machines:
        each.start()
    killed_s = None
    done = tmp_path / "done"
    while len(list(done.iterdir())) < 2 * count and time.monotonic() - began < 6000:
        if killed_s is None and len(list(done.iterdir())) >= count * 2 // 3:
            second.switch_off()
            killed_s = time.monotonic() - began
        time.sleep(0.2)
    elapsed_s = time.monotonic() - began
    assert killed_s is not None
    for each in (third, first):
        each.stop()
    first.shell("wf-run --resume > last; true")
    # -- nothing lost, each effect once
    rows = [json.loads(line)["row"] for line in first.shell(
        'roadmap-state query "SELECT status, count(*) AS n FROM wf_run GROUP BY 1"').splitlines()]  # fmt: skip
    assert rows == [{"status": "succeeded", "n": 2 * count}], rows
    effects = Counter(each.name.rpartition("-")[0] for each in done.iterdir())
    assert effects == Counter(f"{sort}{number}" for sort in WORK for number in range(count))
    for number in range(count):
        assert (tmp_path / f"projects/{number}/span.py").read_text() == SPAN.replace(" or ", " and ")
        assert json.loads((tmp_path / f"replies/{number}").read_text())["kind"] == "slm.reply"
    lines = [line.split() for line in (tmp_path / "starts").read_text().splitlines()]
    starts = [(key, Path(home).name, float(at)) for _, key, home, at, what in lines if what == "begins"]
    assert len({key for key, _, _ in starts}) == 2 * count, "a step was given a second key"
    shares = Counter(home for _, home, _ in starts)
    assert len(shares) == 3, "a machine has done nothing"
    # What was begun again was cut off: by the switch, or by a machine too busy to keep its lease, and then with that one stopped.
    ends = {(key, Path(home).name): float(at) for _, key, home, at, what in lines if what == "ends"}
    before: dict[str, str] = {}
    cut: Counter[str] = Counter()
    for key, home, at in starts:
        if key in before:
            cut[before[key]] += 1
            assert ends.get((key, before[key]), 0.0) < at, "two machines did a step at the same time"
        before[key] = home
    assert cut["machine2"] <= 2, "more was done again than a machine can do at a time"
    first.shell("wf-audit verify && roadmap-state check")
    assert not (third.home / "errors").read_text()
    print(
        f"\n{2 * count} jobs in {elapsed_s:.0f} s, machine 2 switched off after {killed_s:.0f} s;"
        f" begun by each: {dict(sorted(shares.items()))}, cut off: {dict(cut)}"
    )
