"""No plain text at rest: a random word given to any command, killed at a random moment, is found nowhere afterwards."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ICS = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{word}-{number}@example.org\r
DTSTAMP:20261101T000000Z\r\nDTSTART:202611{day:02d}T090000Z\r\nDTEND:202611{day:02d}T100000Z\r\nSUMMARY:{word}\r
DESCRIPTION:{word}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""
ALERT = (
    '{{"version":"4","groupKey":"{{}}:{{}}","status":"firing","receiver":"r","groupLabels":{{}},"commonLabels":{{}},'
    '"commonAnnotations":{{}},"externalURL":"http://127.0.0.1:9093","truncatedAlerts":0,"alerts":[{{"status":"firing",'
    '"labels":{{"alertname":"{word}","service":"{word}"}},"annotations":{{"summary":"{word}"}},'
    '"startsAt":"2026-11-23T08:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"{number:016x}"}}]}}'
)


def calendars(word: str, folder: Path, count: int) -> list[str]:
    """Calendar files that hold the word: the user's own, outside the home that is searched."""
    names = []
    for number in range(count):
        path = folder / f"c{number}.ics"
        path.write_text(ICS.format(word=word, number=number, day=number % 28 + 1), newline="")
        names.append(str(path))
    return names


def project(word: str, folder: Path) -> Path:
    """A failing project of the user's own, anew each time, full of the word."""
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "count.py").write_text(f'"""{word}."""\n\n\ndef {word}(items):\n    return len(items) + 1\n')
    (place / "test_count.py").write_text(
        f"from count import {word}\n\n\ndef test_{word}():\n    assert {word}([]) == 0\n    assert {word}('{word}') == 26\n"
    )
    return place


def webhook(word: str) -> bytes:
    """An alert that the library has a workflow for, with the word in it."""
    alert = json.loads((ROOT / "examples/wf/alertmanager.json").read_text())
    alert["alerts"][0]["annotations"] |= {"summary": word, "log": f"{word}.log"}
    alert["alerts"][0]["fingerprint"] = f"{secrets.randbits(63):016x}"
    return json.dumps(alert).encode()


def lines(word: str, folder: Path) -> Iterator[tuple[list[str], bytes]]:
    """Command lines with their input: each puts the word where it would be kept."""
    (folder / f"{word}.log").write_text(f"2026-11-23T08:54:10Z ERROR {word} is down\n" * 5)
    clip = folder / f"{word}.mp4"
    if not clip.exists():
        clip.symlink_to(ROOT / "examples/bikes.mp4")
    texts = "".join(
        f'{{"kind":"slm.text","id":"t_{n}","at":"2026-11-23T09:00:00.000Z","text":"{word} {n}"}}\n' for n in range(20)
    )
    prompts = "".join(f'{{"prompt":"{word} {n}"}}\n' for n in range(4))
    yield ["life-ingest", *calendars(word, folder, 30)], b""
    yield ["life-watch"], b""
    yield ["wf-listen", "--from", "alertmanager"], ALERT.format(word=word, number=secrets.randbits(63)).encode()
    yield ["roadmap-permit", "add", f"{word}.example.org", "--purpose", "model-call"], b""
    yield ["roadmap-keys", "add", "--label", word, str(ROOT / "examples/keys/laptop.pub")], b""
    yield ["slm-embed"], texts.encode()
    yield ["slm-run", "--max-tokens", "4"], prompts.encode()
    yield ["agent-loop", "--test", "pytest -q", str(project(word, folder))], b""
    yield (
        [
            "sh",
            "-c",
            f"wf-listen --from alertmanager | wf-match | wf-plan --directory '{folder}' | wf-approve | wf-run",
        ],
        webhook(word),
    )
    yield (
        ["sh", "-c", f"edl-scan '{clip}' | edl-plan --intent cinematic | edl-check | edl-render -o '{folder}/o.mp4'"],
        b"",
    )


def places_of(word: str, *folders: Path) -> list[str]:
    """Files under these folders that hold the word, as bytes."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and word.encode() in path.read_bytes():
                found.append(str(path))
    return found


def program(words: list[str]) -> list[str]:
    return words if words[0] == "sh" else [str(ROOT / "bin" / words[0]), *words[1:]]


def kill_at_random(
    words: list[str], data: bytes, world: dict[str, str], longest_s: float, chance: random.Random
) -> None:
    process = subprocess.Popen(
        program(words), env=world, cwd=world["HOME"], start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin
    try:
        process.stdin.write(data)
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(chance.uniform(0.05, longest_s))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def battle(world: dict[str, str], home: Path, folder: Path, rounds: int) -> None:
    word = "zq" + secrets.token_hex(12)
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    folder.mkdir()
    for number in range(rounds):
        for words, data in lines(word, folder):
            kill_at_random(words, data, world, 1.5 if words[0].startswith("life") else 3.0, chance)
        assert not places_of(word, home), f"round {number}, seed {seed}"
    for words, data in lines(word, folder):  # and once to the end, so that there is something to find
        done = subprocess.run(
            program(words),
            env=world,
            cwd=home,
            input=data,
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 1), (words[0], done.stderr)
    assert not places_of(word, home, Path("/dev/shm"))
    kept = subprocess.run(
        [str(ROOT / "bin" / "roadmap-state"), "query", f"select distinct kind from record where instr(body, '{word}') > 0"],
        env=world, capture_output=True, check=True,
    )  # fmt: skip
    families = {json.loads(line)["row"]["kind"].partition(".")[0] for line in kept.stdout.splitlines()}
    assert families >= {"agent", "edl", "life", "wf"}, "the word was never stored: the test would show nothing"
    checked = subprocess.run(
        [str(ROOT / "bin" / "roadmap-state"), "check"], env=world, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_a_word_given_to_commands_that_are_killed_is_found_nowhere(world, home, tmp_path):
    battle(world, home, tmp_path / "own", rounds=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_word_given_to_commands_killed_many_times_is_found_nowhere(world, home, tmp_path):
    begin = time.monotonic()
    battle(world, home, tmp_path / "own", rounds=40)
    assert time.monotonic() - begin < 1500
