"""A life stays private: no network is needed, nothing of it is left in plain text, and what is erased is gone."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

import transcripts
from roadmap_cli.core.errors import DataError
from roadmap_cli.life import formats
from roadmap_cli.life.opening.settings import Window

sys.path.insert(0, str(Path(__file__).parent))
import life_samples

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(path.stem for path in (ROOT / "src/roadmap_cli/commands/life").glob("[a-z]*.py"))
#: What each format is called in life.source records, by its module.
NAMES_OF = {name: import_module(f"{formats.__name__}.{name}").NAME for name in formats.ORDER}
NAMES = sorted(NAMES_OF.values())
#: What the user asked to be written outside the state.
WRITTEN = {"graph.dot", "changes.ics", "whole.age", "whole.jsonl"}
#: The words of a command and what it reads.
Line = tuple[list[str], bytes]


def sources(word: str, folder: Path) -> None:
    """The user's own files, outside the home that is searched: one of every format, the word in each."""
    life_samples.write(word, folder)


def lines(word: str, folder: Path) -> Iterator[Line]:
    """Every life command with its input: each puts the word where it would be kept, or reads it."""
    own = [str(path) for path in sorted(folder.iterdir()) if path.suffix not in (".qif", ".age", ".plain")]
    given: dict[str, list[Line]] = {
        "ingest": [(["life-ingest", *own], b""), (["life-ingest", "--map", "currency=EUR", str(folder / "q.qif")], b""),
                   (["life-ingest", "-"], (folder / "m.jsonl").read_bytes())],
        "graph": [(["life-graph", "build"], b""), (["life-graph", "list", word], b""), (["life-graph", "show", f"{word}@x.org"], b""),
                  (["life-graph", "questions"], b""), (["life-graph", "correct", f"{word}@x.org", "--name", f"Anna {word}"], b""),
                  (["life-graph", "close"], b""), (["life-graph", "export", "-o", str(folder.parent / "graph.dot")], b"")],
        "values": [(["life-values", "add", f"area work: title {word}", f"no {word} after 16:00"], b""),
                   (["life-values", "check", "--days", "60"], b""), (["life-values", "history"], b"")],
        "watch": [(["life-watch", "--open"], b"")],
        "forecast": [(["life-forecast", "--weeks", "8", "--ics", str(folder.parent / "changes.ics")], b"")],
        "decide": [(["life-decide", f"rent the {word} for 90 EUR a month or take the {word} job for 3,000 EUR net a month"], b""),
                   (["life-decide", f"accept the {word} meeting Mondays 17:00-18:30?"], b"")],
        "recall": [(["life-recall", "--index-seconds", "0", f"who moved to {word}?"], b""),
                   (["life-recall", "--index-seconds", "20", "who is allergic?"], b"")],
        "consolidate": [(["life-consolidate"], b"")],
        "why": [(["sh", "-c", f"life-recall --index-seconds 0 {word} | jq -r '.record_id // .id' | head -n 3 | xargs -r life-why --check"], b""),
                (["sh", "-c", "life-forecast --weeks 4 | jq -r 'select(.kind == \"life.forecast\").id' | head -n 1 | xargs -r life-why --check"], b"")],
        "export": [(["life-export", "-o", str(folder.parent / "whole.age")], b""),
                   (["life-export", "--plaintext-ok", "-o", str(folder.parent / "whole.jsonl")], b"")],
        "erase": [(["life-erase", "--dry-run", "--person", word], b"")],
    }  # fmt: skip
    assert set(given) == set(COMMANDS), "a new command of the family has its line here"
    for each in given.values():
        yield from each


def program(words: list[str]) -> list[str]:
    return words if words[0] == "sh" else [str(ROOT / "bin" / words[0]), *words[1:]]


def run(words: list[str], data: bytes, world: dict[str, str], **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        program(words), input=data, env=world, cwd=world["HOME"], capture_output=True, check=False, **more
    )


def cores() -> None:
    """Let the system write core files, as a careless administrator would."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def kill(words: list[str], data: bytes, world: dict[str, str], after_s: float, how: int = signal.SIGKILL) -> bytes:
    """Start, end all of it after a while; what it said on standard error."""
    with tempfile.TemporaryFile(dir=Path(world["HOME"]).parent) as said, tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        process = subprocess.Popen(
            program(words), env=world, cwd=world["HOME"], start_new_session=True, stdin=given,
            stdout=subprocess.DEVNULL, stderr=said, preexec_fn=cores,
        )  # fmt: skip
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, how)
            process.wait()
        with contextlib.suppress(ProcessLookupError):  # what it had started goes with it
            os.killpg(process.pid, signal.SIGKILL)
        said.seek(0)
        return said.read()


def beyond(words: list[str], said: bytes) -> str:
    """What was said apart from what the user has typed, which an error may quote."""
    text = said.decode(errors="replace").lower()
    for each in words[1:]:
        text = text.replace(each.lower(), "")
    return text


def is_in(word: str, path: Path) -> bool:
    """Whether a file holds a word, in any case, as UTF-8 or UTF-16; one that is gone or nobody's to read holds none."""
    every = [word.encode(), word.encode("utf-16-le")]
    try:
        with path.open("rb") as stream:
            before = b""
            while block := stream.read(1 << 22):
                data = (before + block).lower()
                if any(each in data for each in every):
                    return True
                before = block[-4 * len(word) :]
    except OSError:
        return False
    return False


def places_of(word: str, *folders: Path) -> list[str]:
    """The files that hold a word, or have it in their name."""
    return [
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if word in path.name or (path.is_file() and not path.is_symlink() and is_in(word, path))
    ]


def searched(home: Path) -> list[Path]:
    """Where plain text might be left: home with the state, its WAL, XDG folders, TMPDIR and cores; shared memory."""
    return [home, Path("/dev/shm")]


def elsewhere(word: str, since: float, own: Path) -> list[str]:
    """The same of what changed since on the machine's own temporary folders and logs, but for what is ours."""
    found = []
    for root in ("/tmp", "/var/tmp", "/var/log", "/run", "/var/crash", "/var/lib/systemd/coredump", str(ROOT)):
        for folder, inside, names in os.walk(root):
            inside[:] = [
                each for each in inside if Path(folder, each) != own and each not in (".git", ".venv", "node_modules")
            ]
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    seen = path.lstat()
                    if stat.S_ISREG(seen.st_mode) and seen.st_mtime >= since and (word in name or is_in(word, path)):
                        found.append(str(path))
    return found


def battle(world: dict[str, str], home: Path, folder: Path, kills: int) -> None:
    word, seed = "zq" + secrets.token_hex(12), random.randrange(2**32)
    chance = random.Random(seed)
    began = time.time()
    sources(word, folder)
    every = list(lines(word, folder))
    if is_short := kills < len(
        every
    ):  # when little time is given, one line of each command; but every format has been read
        first = {words[0]: (words, data) for words, data in reversed(every)}
        every = [every[1], *reversed(first.values())]
    growing = (["life-ingest", "--watch", str(folder / "m.mbox"), str(folder / "c.ics")], b"")  # never ends by itself
    done = 0
    while done < kills:
        for words, data in [*every, growing]:
            if done >= kills:
                break
            # half of them early, where files are opened and written; the others wherever they are by then
            after_s = chance.uniform(0.03, 0.6) if chance.random() < 0.5 else chance.uniform(0.3, 2.5)
            names = any(word in each for each in words)  # the core of a process that just began has its words: no test
            how = signal.SIGKILL if names or chance.random() < 0.6 else signal.SIGABRT
            said = kill(words, data, world, after_s, how)
            done += 1
            assert word not in beyond(words, said), f"{words[0]} tells a payload when killed"
        assert not places_of(word, *searched(home)), f"after {done} kills, seed {seed}"
    written = {path.name for path in folder.parent.iterdir()} - {home.name, folder.name}
    assert written <= WRITTEN, f"half written files are left, seed {seed}"
    for words, data in every:  # and once to the end, so that there is something to find
        ended = run(words, data, world)
        assert ended.returncode in (0, 1), (words[:2], ended.stderr)
        assert word not in ended.stderr.decode().lower(), f"{words[:2]} tells a payload on standard error"
    assert not places_of(word, *searched(home))
    assert is_short or not elsewhere(word, began, folder.parent)  # the whole of /tmp may be large
    ask = (
        "select json_extract(source.body, '$.format') as name, count(*) as n from record as source join record as told"
        " on json_extract(told.body, '$.source_id') = source.id where source.kind = 'life.source'"
        f" and (instr(lower(told.body), '{word}') > 0 or instr(source.body, '{word}') > 0) group by 1"
    )
    kept = [json.loads(line)["row"] for line in run(["roadmap-state", "query", ask], b"", world).stdout.splitlines()]
    missing = set(NAMES) - {row["name"] for row in kept if row["n"] > 0}
    assert not missing, f"the word was never stored from {missing}: the test would show nothing"
    # kill an erase, then erase: nothing is left in the decrypted file either
    for _ in range(max(kills // 20, 1)):
        kill(["life-erase", "--all", "--yes"], b"", world, chance.uniform(0.1, 0.4))
    erased = run(["life-erase", "--all", "--yes"], b"", world)
    assert erased.returncode in (0, 1), erased.stderr
    assert run(["life-erase", "--compact"], b"", world).returncode == 0
    plain = folder / "plain.db"
    assert run(["roadmap-state", "export", "--plain-ok", str(plain)], b"", world).returncode == 0
    assert not is_in(word, plain)
    pages = run(["roadmap-state", "query", "select freelist_count as n from pragma_freelist_count"], b"", world)
    assert json.loads(pages.stdout)["row"]["n"] == 0
    assert run(["roadmap-state", "check"], b"", world).returncode == 0


def test_every_format_has_a_sample_that_is_read(tmp_path):
    from roadmap_cli.life.ingest import detection, reading
    from roadmap_cli.life.opening.settings import Settings

    word, now = "zq0123456789abcdef", datetime(2026, 11, 23, 9, tzinfo=UTC)
    found = life_samples.write(word, tmp_path / "own")
    assert set(found) == set(formats.ORDER)
    window = Window(now - timedelta(days=60), now + timedelta(days=60))
    for name, path in found.items():
        with reading.opened(str(path), 0) as opened:
            source = reading.source_of(opened)
            told = list(reading.items(opened, source, Settings("UTC", window, None, {"currency": "EUR"})))
            assert source.format == detection.detect(opened).NAME
        assert source.format == NAMES_OF[name]
        assert not [each for each in told if isinstance(each, DataError)]
        assert word in f"{told} {source}".lower()


def test_a_word_is_found_nowhere_after_kills_nor_after_it_was_erased(world, home, tmp_path):
    battle(world, home, tmp_path / "own", kills=8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_word_is_found_nowhere_after_two_hundred_kills(world, home, tmp_path):
    battle(world, home, tmp_path / "own", kills=200)


@pytest.mark.skipif(bool(transcripts.why_not_alone()), reason=transcripts.why_not_alone())
@pytest.mark.slow
def test_every_life_command_does_the_same_without_any_network(world, home, tmp_path):
    """In a network namespace with a loopback device only; each command ends as it does outside."""
    sources("plainword", tmp_path / "own")
    for words, data in lines("plainword", tmp_path / "own"):
        inside = subprocess.run(
            [*transcripts.ALONE, "env", *(f"{name}={value}" for name, value in world.items()), *program(words)],
            input=data, capture_output=True, check=False, env=world, cwd=home,
        )  # fmt: skip
        assert inside.returncode in (0, 1), (words, inside.stderr)
        assert b"network" not in inside.stderr.lower()


def test_two_erase_at_once_and_a_reader(world, home, tmp_path):
    """Both end; what is asked for is gone; a command that reads meanwhile is not disturbed."""
    sources("twoatonce", tmp_path / "own")
    own = [str(tmp_path / "own" / each) for each in ("c.ics", "b.csv")]
    assert run(["life-ingest", *own], b"", world).returncode == 0
    started = [
        subprocess.Popen(program(["life-erase", "--kind", kind, "--yes"]), env=world, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for kind in ("life.event", "life.transaction", "life.task")
    ]  # fmt: skip
    begin = time.monotonic()
    read = run(["life-watch", "--dry-run"], b"", world)
    codes = [process.wait(60) for process in started]
    assert read.returncode == 0
    assert set(codes) <= {0, 75}, [process.stderr.read() for process in started if process.stderr]
    assert time.monotonic() - begin < 60
    left = run(["roadmap-state", "query", "select count(*) as n from record where kind like 'life.%'"], b"", world)
    assert json.loads(left.stdout)["row"]["n"] == 0


@pytest.mark.slow
def test_a_models_wording_has_no_number_of_its_own_or_is_refused(world, home):
    from roadmap_cli.life.choosing import told
    from roadmap_cli.retrieval import fidelity

    if not any(Path(world["ROADMAP_MODELS"]).glob("**/*.gguf")):
        pytest.skip("no chat model is pulled")
    assert run(["life-ingest", str(ROOT / "examples/life/bank.ofx")], b"", world).returncode == 0
    done = run(
        ["life-decide", "--llm", "rent a garage for 80 EUR a month or park in the street for nothing"], b"", world
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[1])
    assert record.get("wording_refused") or fidelity.foreign(record["worded"], told.evidence(record)) == []
    asked = run(["roadmap-state", "query", "select command from model_call"], b"", world)
    assert json.loads(asked.stdout)["row"]["command"] == "life-decide"
    assert run(["life-erase", "--source", "bank.ofx", "--yes"], b"", world).returncode == 0
    left = run(
        ["roadmap-state", "query", "select count(*) as n from model_call where input_json is not null"], b"", world
    )
    assert json.loads(left.stdout)["row"]["n"] == 0
