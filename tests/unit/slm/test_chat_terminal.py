"""slm-chat as a person meets it: on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROMPT = "> "


class Screen:
    """A terminal with slm-chat in it."""

    def __init__(self, world, *words):
        leader, follower = pty.openpty()
        self.leader = leader
        environment = {**world, "TERM": "xterm", "COLUMNS": "200", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [ROOT / "bin/slm-chat", *words], env=environment, cwd=ROOT,
            stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0),
        )  # fmt: skip
        os.close(follower)
        self.seen = ""

    def until(self, pattern, seconds=90):
        """Wait for a pattern in what was not looked at yet; give what stood before and in it."""
        ends = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            left = ends - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen!r}"
            ready, _, _ = select.select([self.leader], [], [], left)
            if ready:
                try:
                    data = os.read(self.leader, 65536)
                except OSError:
                    data = b""
                assert data, f"it ended before {pattern!r}: {self.seen!r}"
                self.seen += re.sub(
                    r"\x1b\[\?2004[hl]\r?|\x1b\[[0-9;?]*[A-Za-z]|\x07", "", data.decode(errors="replace")
                )
        before = self.seen[: found.end()]
        self.seen = self.seen[found.end() :]
        return before

    def type(self, text):
        os.write(self.leader, text.encode())

    def ends(self):
        """Wait for its end; give the exit code."""
        ends = time.monotonic() + 60
        try:
            while select.select([self.leader], [], [], max(0.0, ends - time.monotonic()))[0]:
                os.read(self.leader, 65536)
        except OSError:
            pass
        code = self.process.wait(10)
        os.close(self.leader)
        return code


@pytest.fixture
def screen(world):
    made = []

    def start(*words):
        made.append(Screen(world, *words))
        made[-1].until(PROMPT)
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def told(shell, *words):
    done = shell([*words])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_conversation_with_orders_and_what_it_leaves_behind(screen, shell, home):
    chat = screen("--new", "trip", "--max-tokens", "6", "--temperature", "0")
    chat.type("Say zanzibarquux.\n")
    chat.until(PROMPT)
    chat.type("one line \\\n")
    chat.until("… ")
    chat.type("and another\n")
    chat.until(PROMPT)
    chat.type('"""three\n')
    chat.until("… ")
    chat.type('quotes"""\n')
    chat.until(PROMPT)
    chat.type("/pin\n")
    assert "pinned: three quotes" in chat.until(PROMPT)
    chat.type("/system Answer briefly.\n")
    chat.until("the system message is set")
    chat.until(PROMPT)
    chat.type("/retry\n")
    chat.until(PROMPT)
    chat.type("/why\n")
    assert "pieces archived" in chat.until(PROMPT)
    chat.type("/nonsense\n")
    assert "no order '/nonsense'" in chat.until("hint: /help")
    chat.type("/edit\n")
    chat.until(r"three\s+quotes")
    chat.type(" changed\n")
    chat.until(PROMPT)
    chat.type("/search zanzibarquux\n")
    chat.until("user: Say zanzibarquux")
    chat.type("/save " + str(home / "saved.jsonl") + "\n")
    chat.until("saved to")
    chat.until(PROMPT)  # a Ctrl-D before it is taken by the terminal itself
    chat.type("\x04")
    assert chat.ends() == 0

    said = [(one["role"], one["content"]) for one in told(shell, "slm-chat", "show", "trip", "--json")]
    asked = [content for role, content in said if role == "user"]
    assert asked == ["Say zanzibarquux.", "one line \nand another", "three\nquotes changed"]
    assert [role for role, _ in said].count("assistant") == 3
    saved = [json.loads(line) for line in (home / "saved.jsonl").read_text().splitlines()]
    assert [one["content"] for one in saved if one["role"] == "user"] == asked
    (home / "saved.jsonl").unlink()
    holding = [path for path in home.rglob("*") if path.is_file() and b"zanzibarquux" in path.read_bytes()]
    assert not holding, "what was typed is on the disk in plain text"


def test_ctrl_c_stops_a_reply_and_keeps_what_came(screen, shell):
    chat = screen("--new", "long", "--max-tokens", "2000", "--temperature", "0")
    chat.type("Write a very long story about the sea.\n")
    chat.until(r"sea\.\r\n(?:[^\r\n]+[ .]){4}")
    chat.type("\x03")
    chat.until("stopped; what came is kept")
    chat.until(PROMPT)
    chat.type("half a line")
    chat.until("half a line")
    time.sleep(0.5)
    chat.type("\x03")
    chat.until(PROMPT)
    chat.type("/quit\n")
    assert chat.ends() == 0
    said = told(shell, "slm-chat", "show", "long", "--json")
    assert [one["role"] for one in said] == ["user", "assistant"]
    assert said[1]["finish"] == "cancelled"
    assert len(said[1]["content"]) > 10
    calls = told(shell, "roadmap-state", "query", "select finish from model_call where purpose = 'chat'")
    assert [one["row"]["finish"] for one in calls] == ["cancelled"]


def test_a_terminal_that_is_closed_in_the_middle_of_a_reply(screen, shell):
    chat = screen("--new", "cut", "--max-tokens", "2000", "--temperature", "0")
    chat.type("Write a very long story about the sea.\n")
    chat.until(r"sea\.\r\n(?:[^\r\n]+[ .]){4}")
    os.close(chat.leader)  # the kernel sends SIGHUP, and nothing can be written any more
    chat.process.wait(60)
    said = told(shell, "slm-chat", "show", "cut", "--json")
    assert [one["role"] for one in said] == ["user", "assistant"]
    assert said[1]["finish"] == "cancelled"


def test_going_on_with_a_conversation_shows_its_end(screen, shell):
    assert shell(["slm-chat", "--new", "x", "--max-tokens", "3"], b"My name is Ada.\n").returncode == 0
    chat = screen("--resume", "last", "--max-tokens", "3")
    chat.type("\x1b[A")  # the up arrow brings back what was said in an earlier run
    chat.until("My name is Ada.")
    time.sleep(0.5)  # readline is back in its wait: a Ctrl-C within the key before it is seen with the next key only
    chat.type("\x03")
    chat.until(PROMPT)
    chat.type("\x04")
    assert chat.ends() == 0


def test_a_private_conversation_leaves_nothing(screen, shell):
    chat = screen("--dry-run", "--max-tokens", "3")
    chat.type("hello\n")
    chat.until(PROMPT)
    chat.type("\x04")
    assert chat.ends() == 0
    assert told(shell, "slm-chat", "list", "--json") == []
