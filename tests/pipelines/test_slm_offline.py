"""slm-run, slm-embed and slm-models: as pipelines, one line at a time, and with no network at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fetch the default models once."""
    folder = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    environ = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home")), "ROADMAP_MODELS": folder}
    subprocess.run([ROOT / "bin/slm-models", "pull", "--quiet"], env=environ, check=True, stdout=subprocess.DEVNULL)


def records(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def without_network() -> list[str]:
    """The words that start a program with no network, or a skip that says why there are none."""
    for words in (["bwrap", "--dev-bind", "/", "/", "--unshare-net"], ["unshare", "-rn"], ["unshare", "-n"]):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
        ):
            return words
    pytest.skip("neither bwrap nor unshare may make a network namespace here")


def test_everything_works_with_no_network(world: dict[str, str]) -> None:
    cut_off = without_network()
    alone = subprocess.run([*cut_off, "cat", "/proc/net/dev"], capture_output=True, check=True).stdout
    assert alone.count(b":") <= 1  # the loopback at most

    def offline(*words: str, stdin: bytes = b"") -> list[dict[str, Any]]:
        done = subprocess.run(
            [*cut_off, str(ROOT / "bin" / words[0]), *words[1:]],
            input=stdin,
            env=world,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return records(done.stdout)

    known = {model["name"]: model["state"] for model in offline("slm-models", "list")}
    assert {known[name] for name in ("smollm2-135m-instruct", "all-minilm-l6-v2")} == {"installed"}
    assert offline("slm-run", "--max-tokens", "4", stdin=b'{"prompt":"Say hello."}\n')[0]["text"]
    (embedding,) = offline("slm-embed", "--text", stdin=b"A quiet place\n")
    assert embedding["dimensions"] == len(embedding["vector"]) == 384


def test_the_pipeline_of_the_manual(shell: Shell) -> None:
    line = "head -n 3 examples/prompts.jsonl | slm-run --max-tokens 6 | jq -r .custom_id"
    assert shell(["sh", "-c", line]).stdout.split() == [b"q01", b"q02", b"q03"]


def test_a_bad_line_is_that_lines_failure(shell: Shell) -> None:
    lines = b'{"custom_id":"a","prompt":""}\n{"no":1}\n{"custom_id":"c","prompt":"Hi","max_tokens":2}\n{"kind":"life.event","id":"x","at":"t"}\n'
    done = shell(["slm-run", "--on-error", "emit"], stdin=lines)
    assert done.returncode == 3
    got = records(done.stdout)
    assert [record["kind"] for record in got] == ["error", "error", "slm.reply", "life.event"]
    assert [record.get("code") for record in got[:2]] == ["empty_prompt", "no_prompt"]
    stopped = shell(["slm-run"], stdin=lines)
    assert (stopped.returncode, stopped.stdout) == (65, b"")
    assert b"<stdin>:1: the prompt is empty" in stopped.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["slm-run", "--text", "--max-tokens", "2"],
        ["slm-embed", "--text"],
        ["slm-embed", "--field", "prompt"],
        ["slm-run", "--max-tokens", "2"],
    ],
)
def test_one_line_in_one_line_out_while_the_pipe_is_open(world: dict[str, str], words: list[str]) -> None:
    program = [str(ROOT / "bin" / words[0]), *words[1:]]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=world) as process:
        assert process.stdin
        assert process.stdout
        for number in range(2):
            process.stdin.write(f'{{"prompt":"hello {number}"}}\n'.encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["kind"].startswith("slm.")
        process.stdin.close()
        assert process.wait(30) == 0


def test_embedding_keeps_order_and_what_it_cannot_embed(shell: Shell) -> None:
    lines = b'{"text":"one","n":1}\n{"kind":"a.b","id":"x","at":"t"}\n{"kind":"a.c","id":"y","at":"t","text":"two words here"}\n'
    first, passed, second = records(shell(["slm-embed"], stdin=lines).stdout)
    assert (first["n"], first["text"]) == (1, "one")
    assert passed == {"kind": "a.b", "id": "x", "at": "t"}
    assert (second["from_id"], second["text"]) == ("y", "two words here")
    again = records(shell(["slm-embed"], stdin=lines).stdout)
    assert again[0]["id"] == first["id"]


def test_a_dry_run_leaves_no_state_behind(shell: Shell, home: Path) -> None:
    done = shell(["slm-run", "--dry-run", "--max-tokens", "2"], stdin=b'{"prompt":"Hi"}\n')
    assert done.returncode == 0, done.stderr
    assert records(done.stdout)[0]["dry_run"] is True
    assert not list(home.rglob("state.db"))


def test_a_schema_file(shell: Shell, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type":"object","properties":{"mood":{"enum":["good","bad"]}},"required":["mood"]}')
    done = shell(["slm-run", "--schema", str(schema), "--max-tokens", "30"], stdin=b'{"prompt":"I am happy."}\n')
    assert records(done.stdout)[0]["value"]["mood"] in ("good", "bad")
    schema.write_text("{")
    assert shell(["slm-run", "--schema", str(schema)]).returncode == 2
    assert shell(["slm-run", "--schema", str(tmp_path / "none")]).returncode == 66


def test_each_reply_has_its_row_before_it_is_seen(shell: Shell) -> None:
    done = shell(["slm-run", "--max-tokens", "2"], stdin=b'{"prompt":"Hi"}\n')
    (reply,) = records(done.stdout)
    query = f"SELECT command, completion_tokens FROM model_call WHERE id = '{reply['call_id']}'"
    found = shell(["roadmap-state", "query", query])
    if found.returncode == 127:
        pytest.skip("roadmap-state is not there yet")
    assert b"slm-run" in found.stdout
