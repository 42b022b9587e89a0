"""slm-run with several prompts in flight: order, going on after every kind of end, bad input, a warm server."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
Shell = Callable[..., subprocess.CompletedProcess[bytes]]
RUN = str(ROOT / "bin/slm-run")


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fetch the default models once."""
    folder = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    environ = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home")), "ROADMAP_MODELS": folder}
    subprocess.run([ROOT / "bin/slm-models", "pull", "--quiet"], env=environ, check=True, stdout=subprocess.DEVNULL)


def prompts(count: int, longest: int = 6) -> bytes:
    dice = random.Random(count)
    lines = [
        json.dumps({"custom_id": f"p{number}", "prompt": f"Say {number}.", "max_tokens": dice.randint(1, longest)})
        for number in range(count)
    ]
    return "".join(line + "\n" for line in lines).encode()


def records(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def names(data: bytes) -> list[str]:
    return [record.get("custom_id", record["kind"]) for record in records(data)]


def ledger_rows(world: dict[str, str]) -> list[tuple[str, str | None]]:
    """(id, finish) of every call that was written down."""
    from roadmap_cli.core import clock
    from roadmap_cli.state.store import KeySource, State

    path = Path(world["HOME"]) / ".local/state/roadmap/state.db"
    with State.open(path, mode="read", keys=KeySource(world, None), now=clock.system) as state, state.read() as tx:
        return [(row[0], row[1]) for row in tx.execute("SELECT id, finish FROM model_call").fetchall()]


def test_replies_come_in_the_order_of_the_prompts_and_what_passes_through_takes_its_turn(
    shell: Shell, world: dict[str, str]
) -> None:
    lines = prompts(7, longest=20).splitlines(keepends=True)
    lines.insert(3, b'{"kind":"x.y","id":"x_1","at":"2026-11-23T09:00:00.000Z"}\n')
    lines.insert(5, b'{"prompt":""}\n')
    done = shell(["slm-run", "--on-error", "emit"], b"".join(lines))
    assert done.returncode == 3
    assert names(done.stdout) == ["p0", "p1", "p2", "x.y", "p3", "error", "p4", "p5", "p6"]
    replies = [record for record in records(done.stdout) if record["kind"] == "slm.reply"]
    assert {reply["call_id"] for reply in replies} == {row_id for row_id, _ in ledger_rows(world)}


def test_with_order_finished_a_short_reply_does_not_wait_for_a_long_one(shell: Shell) -> None:
    long = b'{"custom_id":"long","prompt":"Tell a long story about the sea.","max_tokens":60}\n'
    short = b'{"custom_id":"short","prompt":"Say yes.","max_tokens":1}\n'
    assert names(shell(["slm-run", "--order", "finished"], long + short).stdout) == ["short", "long"]
    assert names(shell(["slm-run"], long + short).stdout) == ["long", "short"]


def test_a_failure_stops_in_its_turn_and_what_came_before_is_kept(shell: Shell, world: dict[str, str]) -> None:
    lines = prompts(4).splitlines(keepends=True)
    lines.insert(2, b'{"custom_id":"bad","messages":[]}\n')
    done = shell(["slm-run"], b"".join(lines))
    assert done.returncode == 65
    assert names(done.stdout) == ["p0", "p1"]
    assert done.stderr == b"slm-run: error: <stdin>:3: no messages\n"


def test_input_of_every_kind_is_told_apart(shell: Shell) -> None:
    big = json.dumps({"custom_id": "big", "prompt": "many words " * 1_000_000}).encode() + b"\n"
    long = json.dumps({"custom_id": "long", "prompt": "word " * 5000}).encode() + b"\n"
    broken = b'{"custom_id":"broken","prompt":"\xff"}\n'
    half = b'{"custom_id":"half","prompt":"\\ud800"}\n'
    good = b'{"custom_id":"good","prompt":"Say yes.","max_tokens":2}\n'
    done = shell(["slm-run", "--on-error", "emit"], big + broken + long + half + good)
    assert done.returncode == 3
    found = records(done.stdout)
    assert [record.get("code") for record in found] == [
        "prompt_too_long",
        "bad_json",
        "prompt_too_long",
        "bad_json",
        None,
    ]
    assert found[-1]["custom_id"] == "good"
    done = shell(["slm-run", "--text", "--max-tokens", "2", "--on-error", "skip"], b"\xff\n\n  \nYes?\r\n")
    assert (done.returncode, len(records(done.stdout))) == (3, 1)
    assert records(done.stdout)[0]["prompt"] == "Yes?"


def test_one_at_a_time_the_same_prompt_has_the_same_reply_whatever_is_beside_it(shell: Shell) -> None:
    """The promise of --seed and --batch-size."""
    others = [b"say hi\n", b"Tell a story of a dog.\n", b"Count to ten.\n", b"say hi\n", b"say hi\n"]
    one = ["slm-run", "--text", "--max-tokens", "24", "--batch-size", "1"]
    found = [records(shell(one, asked).stdout) for asked in (b"say hi\n", b"".join(others))]
    texts = {record["text"] for part in found for record in part if record["prompt"] == "say hi"}
    assert (len(texts), [len(part) for part in found]) == (1, [1, 5])


def going_on(shell: Shell, world: dict[str, str], asked: bytes, out: Path) -> None:
    """The same prompts with --resume: afterwards each is answered once."""
    with out.open("ab") as sink:
        done = shell(["slm-run", "--resume", str(out)], asked, stdout=sink, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    answered = names(out.read_bytes())
    assert sorted(answered) == sorted(names_asked(asked))


def names_asked(asked: bytes) -> list[str]:
    return [record["custom_id"] for record in records(asked)]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_run_that_was_ended_goes_on_and_answers_nothing_twice(
    shell: Shell, world: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    asked, out = prompts(16, longest=12), tmp_path / "out.jsonl"
    (tmp_path / "asked.jsonl").write_bytes(asked)
    with (tmp_path / "asked.jsonl").open("rb") as source, out.open("ab") as sink:
        process = subprocess.Popen([RUN], env=world, stdin=source, stdout=sink, stderr=subprocess.PIPE)
        end = time.monotonic() + 90
        while out.stat().st_size < 2000 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode in (128 + number, 0)
    before = len(names(b"".join(line for line in out.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))))
    assert before >= 3
    if number == signal.SIGINT and process.returncode == 130:
        assert {finish for _, finish in ledger_rows(world)} >= {"cancelled"}
    going_on(shell, world, asked, out)


def test_a_torn_line_is_taken_away_and_a_missing_end_of_line_is_mended(
    shell: Shell, world: dict[str, str], tmp_path: Path
) -> None:
    asked, out = prompts(5), tmp_path / "out.jsonl"
    whole = shell(["slm-run"], asked).stdout
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:50])
    going_on(shell, world, asked, out)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:-1])
    going_on(shell, world, asked, out)
    assert out.read_bytes().startswith(b"".join(lines[:3]))


def test_prompts_without_a_name_are_known_by_what_they_say(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(shell(["slm-run", "--text", "--max-tokens", "1"], b"One?\nTwo?\nOne?\n").stdout)
    done = shell(["slm-run", "--text", "--max-tokens", "1", "--resume", str(out)], b"One?\nTwo?\nThree?\nOne?\nOne?\n")
    assert [record["prompt"] for record in records(done.stdout)] == ["Three?", "One?"]


def test_an_output_file_that_is_gone_on_with_keeps_what_it_held(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(shell(["slm-run"], prompts(2)).stdout + b'{"kind":"slm.rep')
    done = shell(["slm-run", "--resume", str(out), "-o", str(out)], prompts(4))
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(b"out.jsonl: took away a torn last line of 16 bytes\n")
    assert names(out.read_bytes()) == ["p0", "p1", "p2", "p3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_same_command_goes_on_with_its_own_output_file(
    shell: Shell, world: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    asked, out = prompts(16, longest=12), tmp_path / "out.jsonl"
    going = ["--batch-size", "1", "--resume", str(out), "-o", str(out)]
    undisturbed = records(shell(["slm-run", "--batch-size", "1"], asked).stdout)
    (tmp_path / "asked.jsonl").write_bytes(asked)
    with (tmp_path / "asked.jsonl").open("rb") as source:
        process = subprocess.Popen([RUN, *going], env=world, stdin=source, stderr=subprocess.PIPE)
        end = time.monotonic() + 90
        while (not out.exists() or out.stat().st_size < 2000) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode in (-number, 128 + number)
    before = out.read_bytes()
    assert 3 <= before.count(b"\n") < 16
    with out.open("ab") as torn:
        torn.write(b'{"kind":"slm.reply","custom')
    done = shell(["slm-run", *going], asked)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(before[: before.rindex(b"\n") + 1])
    found = records(out.read_bytes())
    assert [(each["custom_id"], each["text"]) for each in found] == [
        (each["custom_id"], each["text"]) for each in undisturbed
    ]


def test_a_second_run_leaves_the_output_file_of_the_first_alone(
    world: dict[str, str], shell: Shell, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    going = ["--resume", str(out), "-o", str(out)]
    with subprocess.Popen([RUN, *going], env=world, stdin=subprocess.PIPE) as first:
        assert first.stdin
        first.stdin.write(prompts(1))
        first.stdin.flush()
        end = time.monotonic() + 90
        while (not out.exists() or not out.stat().st_size) and time.monotonic() < end:
            time.sleep(0.02)
        done = shell(["slm-run", *going], prompts(2))
        assert (done.returncode, b"another run" in done.stderr) == (75, True)
        first.stdin.write(prompts(2).splitlines(keepends=True)[1])
        first.stdin.close()
    assert first.returncode == 0
    assert names(out.read_bytes()) == ["p0", "p1"]


def test_two_runs_do_not_go_on_with_one_output(world: dict[str, str], shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(b"")
    first = subprocess.Popen([RUN, "--resume", out], env=world, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdin
    assert first.stdout
    with first:
        first.stdin.write(b'{"prompt":"Say yes.","max_tokens":1}\n')
        first.stdin.flush()
        first.stdout.readline()
        done = shell(["slm-run", "--resume", str(out)], prompts(1))
        assert done.returncode == 75
        assert b"another run" in done.stderr
        first.stdin.close()


def test_the_reader_goes_away_in_the_middle(world: dict[str, str]) -> None:
    process = subprocess.Popen([RUN], env=world, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(prompts(12))
    process.stdin.close()
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_a_full_disk_is_said(world: dict[str, str]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [RUN], input=prompts(3), env=world, stdout=full, stderr=subprocess.PIPE, check=False, timeout=120
        )
    assert done.returncode == 73
    assert b"no space left" in done.stderr


def test_half_a_line_keeps_no_answer_back(world: dict[str, str]) -> None:
    process = subprocess.Popen([RUN], env=world, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write(b'{"prompt":"Say yes.","max_tokens":3}\n{"prompt":"Sa')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"]
        process.stdin.write(b'y no.","max_tokens":1}\n')
        process.stdin.close()
        assert json.loads(process.stdout.readline())["prompt"] == "Say no."


def test_a_warm_server_answers_several_at_once(world: dict[str, str], home: Path) -> None:
    import serving

    server = serving.Running(world, home=home)
    try:
        done = subprocess.run([RUN], input=prompts(6), env=server.world, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert names(done.stdout) == [f"p{number}" for number in range(6)]
        assert all(record["call_id"] for record in records(done.stdout))
    finally:
        server.stop()
