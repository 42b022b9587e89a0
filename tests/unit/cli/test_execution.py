"""cli.execution: how a command begins, pours and ends, as a shell sees it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SRC = Path(__file__).parents[3] / "src"
FILTER = """
import sys; sys.path.insert(0, {src!r})
import click
from roadmap_cli.cli import command
from roadmap_cli.core.errors import *
@command(reads="t.item", writes="t.item", effects=("files",))
@click.option("--fail", default="")
def main(run, fail):
    '''Pass items on.'''
    try:
        for record in run.records():
            with run.item(record):
                if record.get("bad"):
                    raise DataError("it is bad", code="is_bad", hint="make it good")
                if fail:
                    raise eval(fail)
                yield {{**record, "seen": True}}
    finally:
        run.words.stream.write("cleaned up\\n")
sys.exit(main())
""".format(src=str(SRC))


def item(number: int, **more: object) -> bytes:
    return (
        json.dumps({"kind": "t.item", "id": f"t_{number}", "at": "2026-11-23T09:00:00.000Z", **more}).encode() + b"\n"
    )


def start(*arguments: str, **more: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FILTER, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def run(data: bytes, *arguments: str) -> tuple[int, list[dict], str]:
    process = start(*arguments)
    out, err = process.communicate(data, timeout=60)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


def test_an_option_that_was_guessed_is_found_by_its_help():
    code, _, err = run(b"", "--xyzzy")
    assert (code, "Did you mean" in err) == (2, False), "no help has the word"
    code, _, err = run(b"", "--tab-separated")
    assert code == 2
    assert "no such option '--tab-separated'. Did you mean '--plain'?" in err
    assert "'--input'" in run(b"", "--inputs")[2], "a slip in a name is found as before"


def test_a_file_that_is_not_there_comes_with_what_to_try(tmp_path):
    (tmp_path / "plan.jsonl").write_bytes(item(1))
    for name, hint in (
        ("plans.jsonl", f"did you mean '{tmp_path}/plan.jsonl'?"), ("no/plan.jsonl", f"there is no folder '{tmp_path}/no'"),
        ("nothing.mp4", f"ls {tmp_path} shows what is there"),
    ):  # fmt: skip
        code, _, err = run(b"", "-i", str(tmp_path / name))
        assert code == 66
        assert f"hint: {hint}\n" in err


def test_unknown_fields_survive_in_their_order():
    code, (record,), _ = run(item(1, zebra={"a": [1]}, apple="ä"))
    assert code == 0
    assert list(record) == ["kind", "id", "at", "zebra", "apple", "seen"]


def test_a_dry_run_says_so_in_every_record():
    _, records, _ = run(item(1) + item(2), "--dry-run")
    assert [record["dry_run"] for record in records] == [True, True]


@pytest.mark.parametrize(("policy", "code", "kinds"), [("stop", 65, ["t.item"]), ("skip", 3, ["t.item", "t.item"]), ("emit", 3, ["t.item", "error", "t.item"])])  # fmt: skip
def test_one_failed_record_is_dealt_with_as_asked(policy, code, kinds):
    got, records, err = run(item(1) + item(2, bad=True) + item(3), "--on-error", policy)
    assert got == code
    assert [record["kind"] for record in records] == kinds
    assert "error: <stdin>:2: it is bad\n" in err
    if policy == "emit":
        error = records[1]
        assert (error["code"], error["line"], error["input"]["id"]) == ("is_bad", 2, "t_2")


@pytest.mark.parametrize(
    ("fail", "code", "words"),
    [
        ("Negative('nothing found')", 1, "error: nothing found\n"),
        ("Unavailable('no ffmpeg', hint='apt')", 69, "hint: apt\n"),
        ("TryLater('locked')", 75, "locked"),
        ("ConfigError('too new', where='state.db')", 78, "error: state.db: too new\n"),
        ("ValueError('a bug')", 70, "internal error: ValueError: a bug\n"),
        ("FileNotFoundError(2, 'No such file', 'x.txt')", 66, "error: x.txt: cannot be opened: no such file\n"),
        ("OSError(28, 'No space left on device')", 73, "cannot write: no space left on device\n"),
        ("KeyboardInterrupt()", 130, ""),
    ],
)
def test_every_failure_has_its_code_and_one_line(fail, code, words):
    got, _, err = run(item(1), "--fail", fail)
    assert got == code
    assert words in err
    assert "Traceback" not in err
    assert "cleaned up" in err


def test_a_traceback_is_shown_when_asked_for():
    assert "Traceback" in run(item(1), "--fail", "ValueError('a bug')", "-vv")[2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly(number, code):
    process = start()
    assert process.stdin
    assert process.stdout
    process.stdin.write(item(1))
    process.stdin.flush()
    assert b"seen" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, b"cleaned up\n")


def test_a_reader_that_leaves_midway_ends_it_in_silence():
    process = start()
    assert process.stdin
    assert process.stdout
    process.stdin.write(item(1))
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(item(2))
    process.stdin.close()
    assert process.stderr
    assert process.stderr.read() == b"cleaned up\n"
    assert process.wait(30) == 141


def test_standard_input_that_is_closed_is_said():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, FILTER], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 66, done.stderr
    assert b"<stdin>: cannot read: " in done.stderr


def test_several_inputs_are_read_in_order_and_named(tmp_path):
    (tmp_path / "a").write_bytes(item(1))
    (tmp_path / "b").write_bytes(item(2) + b"{\n")
    code, records, err = run(b"", "-i", str(tmp_path / "a"), "-i", str(tmp_path / "b"))
    assert (code, [record["id"] for record in records]) == (65, ["t_1", "t_2"])
    assert f"error: {tmp_path / 'b'}:2: " in err
    assert run(b"", "-i", str(tmp_path / "none"))[0] == 66


def test_plain_columns_escape_what_would_break_them():
    code = start("--plain")
    out, _ = code.communicate(item(1).replace(b"t_1", b"a\\tb\\n"))
    assert out == b"t.item\ta\\tb\\n\t2026-11-23T09:00:00.000Z\n"


def test_a_terminal_gets_a_table_with_control_characters_made_visible(tmp_path):
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", FILTER], stdin=subprocess.PIPE, stdout=follower, stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(follower)
    process.communicate(item(1).replace(b"t_1", b"t_\\u001b[31mred"))
    shown = os.read(leader, 10_000)
    os.close(leader)
    assert b"t_\\x1b[31mred" in shown
    assert b"\x1b[31m" not in shown


def test_memory_stays_flat_over_many_records(tmp_path):
    source = tmp_path / "many.jsonl"
    with source.open("wb") as out:
        for number in range(300_000):
            out.write(item(number))
    probe = FILTER.replace(
        "sys.exit(main())", "code = main(['-i', sys.argv[1]])\nsys.stderr.write(open('/proc/self/status').read())"
    )
    sizes = []
    for count in (3_000, 300_000):
        part = tmp_path / "part.jsonl"
        part.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[:count]))
        done = subprocess.run([sys.executable, "-c", probe, str(part)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)  # fmt: skip
        peak = re.search(rb"VmHWM:\s+(\d+) kB", done.stderr)
        assert peak
        sizes.append(int(peak[1]))
    assert sizes[1] - sizes[0] < 3_000, "kB: ten bytes for each of the records more, which is what an allocator does"


def test_a_second_interrupt_ends_at_once():
    stubborn = FILTER.replace('run.words.stream.write("cleaned up\\\\n")', "import time; time.sleep(60)").replace(
        'run.words.stream.write("cleaned up\\n")', "import time; time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(item(1))
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT


def test_a_record_from_a_dry_run_is_refused_by_a_command_with_effects():
    code, records, err = run(item(1, dry_run=True))
    assert (code, records) == (65, [])
    assert "comes from a dry run" in err
    assert run(item(1, dry_run=True), "--dry-run")[0] == 0


SLOW_STARTER = FILTER.replace('reads="t.item",', 'reads="t.item", streams=False,').replace(
    "for record in run.records():", "for record in list(run.records()):"
)


def test_a_failure_is_told_with_its_own_line_even_when_all_was_read_first():
    done = subprocess.run(
        [sys.executable, "-c", SLOW_STARTER, "--on-error", "emit"],
        input=item(1, bad=True) + item(2) + item(3), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    error = json.loads(done.stdout.splitlines()[0])
    assert (error["line"], error["input"]["id"]) == (1, "t_1")
    assert b"<stdin>:1: it is bad" in done.stderr


BATCHES = FILTER.replace(
    "for record in run.records():", "for record in (one for batch in run.batches() for one in batch):"
)


def test_batches_keep_the_order_of_a_mixed_stream():
    other = b'{"kind":"t.other","id":"o","at":"2026-11-23T09:00:00.000Z"}\n'
    done = subprocess.run(
        [sys.executable, "-c", BATCHES, "--on-error", "emit"],
        input=item(1) + other + item(2) + b"{bad\n" + item(3), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == [
        "t.item", "t.other", "t.item", "error", "t.item",
    ]  # fmt: skip


@pytest.mark.parametrize("dress", ["--json", "--plain", "--pretty"])
def test_every_dress_shows_what_was_written_before_a_failure(dress):
    script = FILTER.replace('reads="t.item",', 'reads="t.item", streams=False,')
    done = subprocess.run(
        [sys.executable, "-c", script, dress], input=item(1) + item(2) + item(3, bad=True), capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 65
    assert b"t_1" in done.stdout
    assert b"t_2" in done.stdout


def test_an_output_file_keeps_its_mode_and_its_link_and_its_place_is_named(tmp_path):
    real = tmp_path / "private"
    real.write_text("before")
    real.chmod(0o600)
    (tmp_path / "link").symlink_to(real)
    assert run(item(1), "-o", str(tmp_path / "link"))[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert b"t_1" in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o600
    code, _, err = run(item(1), "-o", str(tmp_path / "no" / "x.jsonl"))
    assert (code, err.count("\n")) == (73, 1)
    assert f"{tmp_path}/no/x.jsonl: cannot write: no such file or directory" in err


def test_another_pipe_that_breaks_is_not_taken_for_standard_output():
    code, _, err = run(item(1), "--fail", "BrokenPipeError(32, 'Broken pipe')")
    assert code == 73
    assert "broken pipe" in err


def ended(fail: str, first: bytes = item(1)) -> tuple[int, str]:
    process = start("--fail", fail)
    _, err = process.communicate(first, timeout=30)
    return process.returncode, err.decode()


def test_too_little_memory_is_no_bug_and_a_copy_that_fails_names_what_is_written() -> None:
    for fail in ("MemoryError()", 'RuntimeError("can\'t start new thread")'):
        code, words = ended(fail)
        assert (code, "not enough memory" in words, "internal" in words) == (75, True, False)
    code, words = ended("OSError(28, 'No space left on device', 'from', None, 'to')")
    assert (code, "error: to: cannot write: no space" in words) == (73, True), words


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_comes_as_a_class_is_made_is_no_error(number: int, code: int) -> None:
    """Python 3.11 makes a RuntimeError of whatever is raised in a `__set_name__`, signals included."""
    slow = FILTER.replace("if fail:", "if fail:\n                    made(fail)\n                if False:").replace(
        "@command(", """
import os
def made(number):
    class Field:
        def __set_name__(self, owner, name):
            os.kill(os.getpid(), int(number))
            [None] * 9
    class Owner:
        field = Field()
@command(""", 1)  # fmt: skip
    done = subprocess.run([sys.executable, "-c", slow, "--fail", str(int(number))], input=item(1), capture_output=True, timeout=15,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (code, b"cleaned up\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_comes_as_c_code_is_initialised_waits_for_it(number: int, code: int) -> None:
    """orjson imports modules meanwhile, and crashes where that fails; others print the error and go on."""
    slow = f"""
import importlib.abc, os, signal, sys
class Killing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "json" and "orjson" in sys.modules:
            os.kill(os.getpid(), {int(number)})
            os.write(2, b"sent\\n")
sys.meta_path.insert(0, Killing())
""" + FILTER  # fmt: skip
    done = subprocess.run([sys.executable, "-c", slow], input=item(1) * 50_000, capture_output=True, timeout=30, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (code, b"sent\ncleaned up\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_comes_in_a_callback_of_c_code_is_not_lost(number: int, code: int) -> None:
    """An exception there goes nowhere: the command would work on as if nobody had asked it to end."""
    slow = FILTER.replace("if fail:", "if fail:\n                    called(fail)\n                if False:").replace(
        "@command(", """
import ctypes, os, signal, time
def called(number):
    ctypes.CFUNCTYPE(None)(lambda: os.kill(os.getpid(), int(number)))()
    time.sleep(20)
@command(""", 1)  # fmt: skip
    done = subprocess.run([sys.executable, "-c", slow, "--fail", str(int(number))], input=item(1), capture_output=True, timeout=15,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (code, b"cleaned up\n")


@pytest.mark.parametrize(
    ("how", "then"),
    [
        ("database.execute('SELECT end()').fetchone()", "time.sleep(20)"),
        ("database.execute('SELECT end()').fetchone()", "sqlite3.nothing_of_that_name"),
        ("database.execute('SELECT end()').fetchone()", "raise type('PanicException', (BaseException,), {})"),
        ("ctypes.pythonapi.PyRun_SimpleString(b'import os; os.kill(os.getpid(), 15); [None] * 9')", "time.sleep(20)"),
    ],
)
def test_a_sigterm_that_c_code_clears_is_not_lost(how: str, then: str) -> None:
    """SQLite's functions in Python end in an error of their own, whatever was raised; the command may go on after it,
    or meet what was left half done, or panic as Rust does. Other code prints the error and keeps it."""
    slow = FILTER.replace("if fail:", "if fail:\n                    called()\n                if False:").replace(
        "@command(", f"""
import ctypes, os, signal, sqlite3, time
def called():
    database = sqlite3.connect(":memory:")
    database.create_function("end", 0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        {how}
    except sqlite3.OperationalError:
        pass
    {then}
@command(""", 1)  # fmt: skip
    done = subprocess.run([sys.executable, "-c", slow, "--fail", "yes"], input=item(1), capture_output=True, timeout=15,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (143, b"cleaned up\n")


LISTED = FILTER.replace('effects=("files",))', 'columns=("name", "size"))')


def test_a_table_of_a_stream_is_in_line_whatever_its_first_row_is() -> None:
    items = b"".join(
        json.dumps({"kind": "t.item", "id": str(n), "name": "x" * n, "size": n}).encode() + b"\n" for n in (1, 30, 4)
    )
    done = subprocess.run([sys.executable, "-c", LISTED, "--pretty"], input=items, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert [len(line) - len(line.split()[1]) for line in lines] == [32] * 4


def test_a_row_of_a_stream_is_shown_though_no_other_comes() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTED, "--pretty"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(b'{"kind":"t.item","id":"1","name":"alone","size":1}\n')
    process.stdin.flush()
    assert process.stdout.readline().split() == [b"name", b"size"]
    assert process.stdout.readline().split() == [b"alone", b"1"]
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def test_replies_are_whole_on_a_terminal_and_harmless() -> None:
    """What was asked, the text with its lines, what it took; an error record is one line."""
    from io import StringIO

    from rich.console import Console

    from roadmap_cli.cli.replies import Replies

    shown = StringIO()
    replies = Replies(Console(file=shown, width=40, highlight=False))
    replies.add({"kind": "slm.reply", "prompt": "Say [bold]hi[/bold]", "text": "one two three four five six seven eight nine\n\x1b[2J", "completion_tokens": 1, "latency_ms": 1500,
                 "model": "m", "finish": "length"})  # fmt: skip
    replies.add({"kind": "error", "message": "no"})
    assert shown.getvalue().splitlines() == [
        "Say [bold]hi[/bold]", "one two three four five six seven eight ", "nine", "\\x1b[2J",
        "1 token, 1.5 s, m, cut off: --max-tokens", "", "kind error, message no",
    ]  # fmt: skip


DRESSED = """
import sys; sys.path.insert(0, {src!r})
import time
from roadmap_cli.cli import command
def shown(records, console):
    for record in records:
        console.print(record["id"])
class Drawing:
    def __init__(self, console):
        self.console = console
    def add(self, record):
        self.console.print(record["id"])
    def rest(self):
        pass
DRESSES = {{
    "table": dict(streams=False), "picture": dict(picture=shown, streams=False), "drawing": dict(drawing=Drawing),
    "stream": dict(columns=("id",)), "late": dict(columns=("id",)), "grown": dict(columns=("id",)),
}}
@command(writes="t.item", **DRESSES[sys.argv[1]])
def main(run):
    '''Write items.'''
    for number in range(60 if sys.argv[1] == "grown" else 1):
        yield {{"kind": "t.item", "id": f"t_{{number}}", "at": "2026-11-23T09:00:00.000Z"}}
    if sys.argv[1] == "late":  # the first rows are shown by themselves after a moment
        time.sleep(0.4)
sys.exit(main(sys.argv[2:]))
""".format(src=str(SRC))


@pytest.mark.parametrize("dress", ["table", "picture", "drawing", "stream", "late", "grown"])
def test_a_reader_who_goes_away_ends_every_drawing_alike(dress, tmp_path):
    for output, expected, said in ((None, 141, ""), ("/dev/full", 73, "cannot write: no space left on device\n")):
        source, sink = os.pipe()
        os.close(source)
        if output:
            os.close(sink)
            sink = os.open(output, os.O_WRONLY)
        done = subprocess.run(
            [sys.executable, "-c", DRESSED, dress, "--pretty"], stdout=sink, stderr=subprocess.PIPE, check=False, text=True,
            timeout=60,
        )  # fmt: skip
        os.close(sink)
        assert (done.returncode, done.stderr.partition("error: ")[2]) == (expected, said), done.stderr
        assert bool(done.stderr) == bool(said)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["slm-run", "prompts.txt"], "a file is named with -i: slm-run --text -i prompts.txt"),
        (["slm-run", "prompts.jsonl"], "a file is named with -i: slm-run -i prompts.jsonl"),
        (
            ["slm-run", "What is 2+2?"],
            "text comes by standard input, or from -i FILE: echo 'What is 2+2?' | slm-run --text",
        ),
        (["slm-run", "x" * 300], f"text comes by standard input, or from -i FILE: echo {'x' * 300} | slm-run --text"),
        (["slm-run", "-i", "words.txt"], "for lines of plain text say --text"),
        (["slm-run", "-i", "wards.txt"], "did you mean 'words.txt'?"),
        (["slm-run", "-i", "nope.jsonl"], "ls shows what is in the folder you are in"),
        (["slm-run", "-i", "no/nope.jsonl"], "there is no folder 'no'"),
        (
            ["slm-queue", "add", "Hello"],
            "text comes by standard input, or from -i FILE: echo Hello | slm-queue add --text",
        ),
        (["wf-plan", "nope.yaml"], "templates are named with --templates nope.yaml, records with -i FILE"),
        (["wf-plan", "words.txt"], "a file is named with -i: wf-plan -i words.txt"),
        (["edl-check", "why"], "records come by standard input, or from -i FILE; see 'edl-check --help'"),
        (["slm-device", "why"], "see 'slm-device --help'"),
    ],
)
def test_who_types_it_wrong_is_told_what_to_type(words, hint, shell, tmp_path):
    (tmp_path / "words.txt").write_text("hello\n")
    done = shell(words, cwd=tmp_path)
    error, told = done.stderr.decode().splitlines()
    assert (done.stdout, ": error: " in error) == (b"", True)
    assert told == f"{words[0]}: hint: {hint}"


@pytest.mark.parametrize(
    ("words", "action"), [("wf-cost --pretty", "show"), ("slm-models", "list"), ("wf-metrics -v", "show")]
)
def test_a_command_with_actions_begins_with_the_one_that_shows(words, action, shell):
    name, *options = words.split()
    short, long = (shell([name, *more, *options]) for more in ((), (action,)))
    assert (short.returncode, len(short.stdout)) == (long.returncode, len(long.stdout)) == (0, len(long.stdout))
    assert f"Actions ({action} without one):" in shell([name, "--help"]).stdout.decode()


def test_who_may_type_text_is_told_to(world):
    leader, follower = os.openpty()
    command = [SRC.parent / "bin/slm-run", "--text", "-v"]
    process = subprocess.Popen(command, env=world, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(follower)
    os.write(leader, b"\x04")
    _, said = process.communicate(timeout=60)
    os.close(leader)
    assert (process.returncode, said.splitlines()[0]) == (0, b"slm-run: type a prompt a line; end with Ctrl-D")
