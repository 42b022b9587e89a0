"""A life stays private: no network is needed, nothing of it is left in plain text, and what is erased is gone."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import transcripts

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(path.stem for path in (ROOT / "src/roadmap_cli/commands/life").glob("[a-z]*.py"))
#: Kinds of payload that must not be told on standard error.
Line = tuple[list[str], bytes]


def sources(word: str, folder: Path) -> None:
    """The user's own files, outside the home that is searched: the word is in each."""
    folder.mkdir()
    events = []
    for number in range(30):
        day = number % 28 + 1
        events.append(
            f"BEGIN:VEVENT\r\nUID:{word}-{number}@x\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:202611{day:02d}T170000Z\r\n"
            f"DTEND:202611{day:02d}T183000Z\r\nSUMMARY:{word}\r\nATTENDEE:mailto:{word}@x.org\r\nORGANIZER:mailto:a@x.org\r\nEND:VEVENT\r\n"
        )
    (folder / "c.ics").write_text(
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\n{''.join(events)}END:VCALENDAR\r\n", newline=""
    )
    rows = [f"2026-{month:02d}-{day:02d},{word},{word},-{day}.50,EUR" for month in range(1, 12) for day in (3, 9, 20)]
    rows += [f"2026-{month:02d}-27,Employer {word},pay,2000.00,EUR" for month in range(1, 12)]
    (folder / "b.csv").write_text("Date,Payee,Description,Amount,Currency\n" + "\n".join(rows) + "\n")
    message = {
        "kind": "life.message",
        "at": "2026-11-20T10:00:00Z",
        "channel": "mail",
        "sender": f"{word}@x.org",
        "text": word,
    }
    (folder / "m.jsonl").write_text(json.dumps(message) + "\n")


def lines(word: str, folder: Path) -> Iterator[Line]:
    """Every life command with its input: each puts the word where it would be kept, or reads it. None by name only."""
    given: dict[str, list[Line]] = {
        "ingest": [(["life-ingest", *(str(folder / each) for each in ("c.ics", "b.csv", "m.jsonl"))], b"")],
        "values": [(["life-values", "add", f"area work: title {word}", f"no {word} after 16:00"], b""),
                   (["life-values", "check", "--days", "60"], b""), (["life-values", "history"], b"")],
        "watch": [(["life-watch", "--open"], b"")],
        "decide": [(["life-decide", f"rent the {word} for 90 EUR a month or take the {word} job for 3,000 EUR net a month"], b""),
                   (["life-decide", f"accept the {word} meeting Mondays 17:00-18:30?"], b"")],
        "why": [(["sh", "-c", "life-watch --open | head -n 1 | jq -r .id | xargs -r life-why --check"], b"")],
        "export": [(["life-export", "-o", str(folder / f"{secrets.token_hex(4)}.age")], b"")],
        "erase": [(["life-erase", "--dry-run", "--person", word], b"")],
    }  # fmt: skip
    for name in COMMANDS:
        yield from given.get(name, [([f"life-{name}", "--help"], b"")])


def program(words: list[str]) -> list[str]:
    return words if words[0] == "sh" else [str(ROOT / "bin" / words[0]), *words[1:]]


def run(words: list[str], data: bytes, world: dict[str, str], **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        program(words), input=data, env=world, cwd=world["HOME"], capture_output=True, check=False, **more
    )


def kill(words: list[str], data: bytes, world: dict[str, str], after_s: float) -> None:
    process = subprocess.Popen(
        program(words), env=world, cwd=world["HOME"], start_new_session=True, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin
    process.stdin.close()
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def places_of(word: str, *folders: Path) -> list[str]:
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                if word.encode() in data or word.encode("utf-16-le") in data:
                    found.append(str(path))
    return found


def searched(home: Path) -> list[Path]:
    """Where plain text might be left: home with the state and TMPDIR, and shared memory; cores go where we started."""
    return [home, Path("/dev/shm")]


def battle(world: dict[str, str], home: Path, folder: Path, kills: int) -> None:
    word, seed = "zq" + secrets.token_hex(12), random.randrange(2**32)
    chance = random.Random(seed)
    sources(word, folder)
    done = 0
    while done < kills:
        for words, data in lines(word, folder):
            if done < kills:
                kill(words, data, world, chance.uniform(0.03, 0.6))
                done += 1
        assert not places_of(word, *searched(home)), f"after {done} kills, seed {seed}"
    for words, data in lines(word, folder):  # and once to the end, so that there is something to find
        ended = run(words, data, world)
        assert ended.returncode in (0, 1), (words[0], ended.stderr)
        assert word.encode() not in ended.stderr, f"{words[0]} tells a payload on standard error"
    assert not places_of(word, *searched(home))
    count = "select count(*) as n from record where instr(body, '{}') > 0"
    kept = run(["roadmap-state", "query", count.format(word)], b"", world)
    assert json.loads(kept.stdout)["row"]["n"] > 60, "the word was never stored: the test would show nothing"
    # kill an erase, then erase: nothing is left in the decrypted file either
    for _ in range(max(kills // 20, 1)):
        kill(["life-erase", "--all", "--yes"], b"", world, chance.uniform(0.1, 0.4))
    erased = run(["life-erase", "--all", "--yes"], b"", world)
    assert erased.returncode in (0, 1), erased.stderr
    assert run(["life-erase", "--compact"], b"", world).returncode == 0
    plain = folder / "plain.db"
    assert run(["roadmap-state", "export", "--plain-ok", str(plain)], b"", world).returncode == 0
    assert word.encode() not in plain.read_bytes()
    pages = run(["roadmap-state", "query", "select freelist_count as n from pragma_freelist_count"], b"", world)
    assert json.loads(pages.stdout)["row"]["n"] == 0
    assert run(["roadmap-state", "check"], b"", world).returncode == 0


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
    assert {words[0].removeprefix("life-") for words, _ in lines("x", tmp_path / "own") if words[0] != "sh"} >= set(
        COMMANDS
    ) - {"why"}


def test_two_erase_at_once_and_a_reader(world, home, tmp_path):
    """Both end; what is asked for is gone; a command that reads meanwhile is not disturbed."""
    sources("twoatonce", tmp_path / "own")
    assert (
        run(["life-ingest", *(str(tmp_path / "own" / each) for each in ("c.ics", "b.csv"))], b"", world).returncode == 0
    )
    started = [
        subprocess.Popen(program(["life-erase", "--kind", kind, "--yes"]), env=world, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for kind in ("life.event", "life.transaction")
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

    if not any(Path(world["ROADMAP_MODELS"]).glob("**/*.gguf")):
        pytest.skip("no chat model is pulled")
    assert run(["life-ingest", str(ROOT / "examples/life/bank.ofx")], b"", world).returncode == 0
    done = run(["life-decide", "--llm", "rent a garage for 80 EUR a month or park in the street"], b"", world)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[1])
    assert record.get("wording_refused") or told.foreign(record["worded"], told.evidence(record)) == []
    asked = run(["roadmap-state", "query", "select command from model_call"], b"", world)
    assert json.loads(asked.stdout)["row"]["command"] == "life-decide"
    assert run(["life-erase", "--source", "bank.ofx", "--yes"], b"", world).returncode == 0
    left = run(
        ["roadmap-state", "query", "select count(*) as n from model_call where input_json is not null"], b"", world
    )
    assert json.loads(left.stdout)["row"]["n"] == 0
