"""What the five systems do while soak.py disturbs them: command lines as people write them, and their finishing."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATE = """\
workflow: tick
version: 1
trigger: {type: soak.tick}
inputs:
  number: {from: data.number, pattern: "[0-9]{1,9}"}
steps:
  - name: a
    role: operations
    effects: [write]
    retry: {attempts: 9}
    environment: {NUMBER: "${inputs.number}"}
    shell: mkdir -p effects/$NUMBER-a-$ROADMAP_IDEMPOTENCY_KEY
  - name: b
    role: operations
    effects: [write]
    retry: {attempts: 9}
    needs: [a]
    environment: {NUMBER: "${inputs.number}"}
    shell: mkdir -p effects/$NUMBER-b-$ROADMAP_IDEMPOTENCY_KEY
"""
SPAN = "def overlap(a, b, c, d):\n    return a < d or c < b\n"
SPAN_RIGHT = "def overlap(a, b, c, d):\n    return a < d and c < b\n"
SPAN_TEST = (
    "from span import overlap\n\n\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\n\n\ndef test_no():\n"
    "    assert not overlap(1, 2, 3, 4)\n"
)
INTENTS = ("make it cinematic", "noir", "slow and calm", "fast and loud", "vertical", "warm")
FLOW = "wf-match --templates tick.yaml --model none | wf-plan --templates tick.yaml --directory $PWD | wf-approve"
AGENT = f"agent-loop --apply --seconds 60 --test '{sys.executable} -m pytest -q -p no:cacheprovider'"
#: Asked while all goes wrong; the answer must be yes then, too.
LOOKS = (
    "roadmap-state check",
    "wf-audit verify",
    "wf-metrics show",
    "roadmap-keys show",
    "life-values list",
    "agent-memory list",
)


#: What may be said although nothing went wrong.
_EXPECTED = re.compile(r"nothing to undo")


@dataclass
class Work:
    """A sort of command line: what it is called, how often it is chosen, how many may run at once."""

    name: str
    line: Callable[[random.Random], str]
    weight: float = 1.0
    at_once: int = 2
    disturbed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.room = threading.Semaphore(self.at_once)

    def once(self) -> Work:
        """One time it is run, with the mishaps it met."""
        return Work(self.name, self.line)


class Place:
    """Where it all happens: a home on the small disk, the person's files and what was told beside it."""

    def __init__(self, folder: Path):
        self.folder, self.home, self.work = folder, folder / "home", folder / "work"
        self.told, self.other = folder / "told", folder / "other"
        self.wrong_clock = self._clock_library()
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self.faults: list[str] = []
        self.runs: list[tuple[str, int, frozenset[str]]] = []
        self.messages: dict[str, int] = {}
        for each in ("docs", "effects", "clips", "projects", "stick"):
            (self.work / each).mkdir(parents=True)
        self.told.mkdir()
        (self.home / "tmp").mkdir()
        (self.home / "films").mkdir()
        self.clock(0)
        (self.work / "tick.yaml").write_text(TEMPLATE)
        (self.work / "ticks.jsonl").touch()

    def world(self) -> dict[str, str]:
        """The environment of a command."""
        found = {
            "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin", "HOME": str(self.home), "TMPDIR": str(self.home / "tmp"),
            "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models")), "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "NO_COLOR": "1", "ROADMAP_COPIES": "never", "SOAK": str(self.folder), "TOLD": str(self.told),
        }  # fmt: skip
        if self.wrong_clock:
            found |= {"LD_PRELOAD": str(self.wrong_clock), "SOAK_CLOCK": str(self.folder / "clock")}
        elif self._offset:
            found["ROADMAP_NOW"] = (datetime.now(UTC) + self._offset).isoformat()
        return found

    def clock(self, offset: int) -> None:
        """Set how wrong the clock is, in seconds, for all that runs."""
        self._offset = timedelta(seconds=offset)
        with (self.folder / "clock").open("r+b" if (self.folder / "clock").exists() else "wb") as file:
            file.write(struct.pack("l", offset))

    def _clock_library(self) -> Path | None:
        library = self.folder / "clock.so"
        words = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(ROOT / "tools" / "soak_clock.c")]
        made = shutil.which("cc") and subprocess.run(words, check=False).returncode == 0
        return library if made else None

    def next(self, name: str) -> int:
        """Numbers from 1."""
        with self._lock:
            self._numbers[name] = self._numbers.get(name, 0) + 1
            return self._numbers[name]

    def last(self, name: str) -> int:
        """The last number given."""
        return self._numbers.get(name, 0)

    def run(self, line: str, *, other: bool = False) -> subprocess.CompletedProcess[bytes]:
        """A command line with nothing going wrong."""
        world = self.world() | ({"HOME": str(self.home / "b")} if other else {})
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], env=world, cwd=self.work, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=600, check=False,
        )  # fmt: skip

    def keep(
        self, name: str, line: str, limits: str, out: bytes, err: bytes, code: int, disturbed: set[str], late: bool
    ) -> None:
        """Keep what a command line told, whole lines only, and look at how it ended."""
        text = err.decode(errors="replace")
        with self._lock:
            with (self.told / f"{name}.jsonl").open("ab") as file:
                file.write(out[: out.rfind(b"\n") + 1])
            self.runs.append((name, code, frozenset(disturbed)))
            with (self.folder / "log").open("a") as log:
                log.write(f"{json.dumps([name, limits, line, code, sorted(disturbed), text[-2000:]])}\n")
            for word in text.splitlines():
                if ": error: " in word:
                    short = f"{word.partition(':')[0]} [{'+'.join(sorted(disturbed)) or 'calm'}] {word.partition('error: ')[2][:100]}"
                    self.messages[short] = self.messages.get(short, 0) + 1
            if late:
                self.faults.append(f"{name}: not at its end after 180 s: {line[:200]}")
            if "Traceback" in text or "bug" in text or code == 70:
                self.faults.append(f"{name}: [{code}] {limits}{sorted(disturbed)}: {text.strip()[-300:]}")
            elif code and not disturbed and code not in (1, 75) and not _EXPECTED.search(text):
                self.faults.append(f"{name}: [{code}] though nothing went wrong: {text.strip()[-300:]}")


def works(place: Place) -> list[Work]:
    """All sorts of work."""

    def ingest(chance: random.Random) -> str:
        write_calendar(place, place.next("calendar"))
        return "life-ingest docs"

    def think(chance: random.Random) -> str:
        return chance.choice((
            "life-watch", "life-graph build", "life-consolidate --index-seconds 2", "life-forecast --weeks 3",
            "life-recall --index-seconds 2 --limit 2 'which meeting is next?'", "life-watch --open | life-decide",
            "life-watch | wf-match --model none | wf-run",
        ))  # fmt: skip

    def tick(chance: random.Random) -> str:
        number = place.next("tick")
        event = {
            "specversion": "1.0",
            "id": f"t{number}",
            "source": "soak",
            "type": "soak.tick",
            "data": {"number": str(number)},
        }
        with (place.work / "ticks.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")
        told = f"tee -a $TOLD/events.{number} | {FLOW} | tee -a $TOLD/approvals.{number} | wf-run"
        return f"wf-listen --from files --place ticks.jsonl --once | {told}"

    def again(chance: random.Random) -> str:
        return chance.choice(
            (
                f"wf-listen --replay | {FLOW} | wf-run",
                "wf-run --resume",
                "timeout 15 wf-worker --grace 2 || [ $? = 124 ]",
            )
        )

    def ask(chance: random.Random) -> str:
        number = place.next("request")
        lines = "".join(f'{{"custom_id":"q{number}-{n}","prompt":"Name river {number}."}}\\n' for n in range(2))
        return f"printf '{lines}' | slm-queue add --priority now --max-tokens 3"

    def answer(chance: random.Random) -> str:
        return "slm-queue drain --max-width 4"

    def reply(chance: random.Random) -> str:
        return "printf 'Name a sea.\\nName a lake.\\n' | slm-run --text --max-tokens 3"

    def repair(chance: random.Random) -> str:
        number = max(1, place.last("project"))
        folder = place.work / "projects" / f"p{number}"
        if (folder / "span.py").exists() and (folder / "span.py").read_text() == SPAN:
            return f"{AGENT} projects/p{number}"
        number = place.next("project")
        write_project(place, number)
        return f"{AGENT} projects/p{number}"

    def film(chance: random.Random) -> str:
        number, out = chance.randrange(3), chance.randrange(3)
        plan = f"edl-scan clips/{number}.mp4 | edl-plan --intent '{chance.choice(INTENTS)}'"
        change = chance.choice(("", "", " | edl-feedback --anyway 'too dark'", " | edl-feedback --anyway 'slower'"))
        last = f"edl-check | edl-render --preset ultrafast -o $HOME/films/{out}.mp4"
        if chance.random() < 0.15:
            return f"edl-undo | {last}"
        return f"{plan}{change} | {last}"

    def sync(chance: random.Random) -> str:
        if chance.random() < 0.4:
            return "HOME=$HOME/b slm-sync run"
        number = place.next("note")
        record = {
            "kind": "slm.prompt",
            "id": f"slm_note{number}",
            "at": "2026-11-23T09:00:00.000Z",
            "prompt": f"note {number}",
        }
        return f"echo '{json.dumps(record)}' | slm-sync put | tee -a $TOLD/notes.{number} && slm-sync run"

    def look(chance: random.Random) -> str:
        return chance.choice(LOOKS)

    def copy(chance: random.Random) -> str:
        number = place.next("copy")
        target = place.folder / f"copy{number}.db"
        return f"roadmap-state backup {target} && roadmap-state check --state {target} && rm {target} {target}.key {target}.lock"

    def damage(chance: random.Random) -> str:
        folder = place.folder / f"hurt{place.next('damage')}"
        refused = "[ $? = 78 ] || exit 9"
        return (
            f"mkdir {folder} && cd {folder} && roadmap-state backup state.db && roadmap-state backup --state state.db copy.db"
            f" && {sys.executable} {ROOT / 'tools' / 'soak_damage.py'} . {chance.randrange(1 << 30)} || exit 1;"
            f" roadmap-state backup --state state.db --replace copy.db; {refused};"
            f" roadmap-keys rekey --state state.db; {refused}"
        )

    return [
        Work("ingest", ingest, 2), Work("think", think, 2), Work("tick", tick, 3), Work("again", again, 1.5),
        Work("ask", ask, 1.5), Work("answer", answer, 1.2), Work("reply", reply, 0.6), Work("repair", repair, 1, at_once=1), Work("film", film, 1),
        Work("sync", sync, 1.5), Work("look", look, 1), Work("copy", copy, 0.3, at_once=1),
        Work("damage", damage, 0.2, at_once=1),
    ]  # fmt: skip


def write_calendar(place: Place, number: int) -> None:
    """A file of three events, there at once."""
    day = datetime(2026, 11, 1, 8, tzinfo=UTC) + timedelta(hours=5 * number)
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:e{number}-{n}@soak\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:{day + timedelta(hours=n):%Y%m%dT%H%M%SZ}\r\n"
        f"DURATION:PT1H\r\nSUMMARY:Meeting {number} with Anna\r\nEND:VEVENT\r\n"
        for n in range(3)
    )
    new = place.folder / f"calendar.{number}"
    new.write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//soak//EN\r\n{events}END:VCALENDAR\r\n", newline="")
    new.replace(place.work / "docs" / f"{number}.ics")


def write_project(place: Place, number: int) -> None:
    """A project with one failing test."""
    folder = place.work / "projects" / f"p{number}"
    folder.mkdir()
    (folder / "span.py").write_text(SPAN)
    (folder / "test_span.py").write_text(SPAN_TEST)


def calm(place: Place) -> set[str]:
    """Make the clips and do each sort of work once, undisturbed; what of it told is then held by the state, by id."""
    for number in range(3):
        made = place.run(
            f"ffmpeg -v error -f lavfi -i testsrc2=d=1.5:s=160x90:r=12 -f lavfi -i sine=f={300 + number * 100}:d=1.5"
            f" -vf hue=h={number * 90} -c:v libx264 -preset ultrafast -shortest clips/{number}.mp4"
        )
        assert made.returncode == 0, made.stderr
    paired = place.run(
        "mkdir -m 700 $HOME/b && B=$HOME/b && slm-sync init --name a && HOME=$B slm-sync init --name b"
        " && slm-sync add-remote stick $PWD/stick && HOME=$B slm-sync add-remote stick $PWD/stick"
        " && HOME=$B slm-sync card --plain | cut -f 1 > b.card && slm-sync card --plain | cut -f 1 > a.card"
        " && slm-sync add-device b.card --fingerprint $(HOME=$B slm-sync card | jq -r .fingerprint)"
        " && HOME=$B slm-sync add-device a.card --fingerprint $(slm-sync card | jq -r .fingerprint)"
    )
    assert paired.returncode == 0, paired.stderr
    chance = random.Random(1)
    for turn in works(place):
        line = turn.line(chance)
        done = place.run(line)
        place.keep(turn.name, line, "", done.stdout, done.stderr, done.returncode, set(), False)
    told, held = acknowledged(place), ids(place)
    return {kind for kind, known in told.items() if known <= held}


def settle(place: Place) -> None:
    """Finish what was begun, with nothing going wrong: what a person's next session, cron and a worker do."""
    for _ in range(40):
        done = place.run(f"wf-listen --from files --place ticks.jsonl --once | {FLOW} | wf-run")
        again = place.run(f"wf-listen --replay | {FLOW} | wf-run")
        rest = place.run("wf-run --resume")
        for each in (done, again, rest):
            place.keep("settle", "wf", "", each.stdout, each.stderr, each.returncode, {"settling"}, False)
        left = place.run("roadmap-state query 'SELECT count(*) AS n FROM wf_run WHERE finished_at IS NULL'")
        if b'"n":0' in left.stdout.replace(b" ", b"") and not done.stdout and not again.stdout:
            break
        time.sleep(1)
    lines = ["life-ingest docs", "life-graph build", "life-consolidate --index-seconds 5", "life-watch"]
    # A request whose drain was killed five times is given up, as one that kills its drain would be: a person asks again.
    lines.append("slm-queue list --only failed | jq -r .id | xargs -r slm-queue retry")
    lines += ["slm-queue drain --max-width 4"] * 3
    lines += ["slm-sync run", "HOME=$HOME/b slm-sync run", "slm-sync run"]
    lines += [
        f"edl-scan clips/{n}.mp4 | edl-plan --intent noir | edl-check | edl-render --preset ultrafast -o $HOME/films/{n}.mp4"
        for n in range(3)
    ]
    lines += [
        f"{AGENT} projects/p{number}" for number in range(1, place.last("project") + 1) if unrepaired(place, number)
    ]
    for line in lines:
        if "edl-scan" in line:
            place.clock(3600)  # what was left unfinished a minute ago is swept
        done = place.run(line)
        place.clock(0)
        place.keep("settle", line, "", done.stdout, done.stderr, done.returncode, set(), False)


def unrepaired(place: Place, number: int) -> bool:
    return (place.work / f"projects/p{number}/span.py").read_text() != SPAN_RIGHT


def acknowledged(place: Place) -> dict[str, set[str]]:
    """The ids of all records that were told, by the work that told them and their kind."""
    found: dict[str, set[str]] = {}
    for path in place.told.iterdir():
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # a tee that was killed in the middle of a line, and went on
            if isinstance(record, dict) and not record.get("dry_run") and "id" in record:
                of = f"{path.stem} {record.get('kind')}"
                found.setdefault(of, set()).add(str(record["id"]))
    return found


def ids(place: Place, *, other: bool = False) -> set[str]:
    """Every short text that stands in any column of the state, ids among them."""
    code = """
import os
from roadmap_cli.core import clock, paths
from roadmap_cli.state.store import KeySource, State
with State.open(paths.state_file(os.environ), mode='read', keys=KeySource(os.environ, None), now=clock.system) as state:
    with state.read() as tx:
        for (name,) in tx.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall():
            for row in tx.execute(f'SELECT * FROM "{name}"'):
                print(*(each for each in row if isinstance(each, str) and len(each) < 100 and ' ' not in each))
"""
    world = {key: value for key, value in place.world().items() if key != "LD_PRELOAD"} | {
        "PYTHONPATH": str(ROOT / "src")
    }
    if other:
        world["HOME"] = str(place.home / "b")
    done = subprocess.run([sys.executable, "-c", code], env=world, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
