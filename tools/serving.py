"""A real server for tests: started from bin/, waited for, stopped."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOKEN = "test-token-of-32-characters-0123"


def connected(path: Path, timeout_s: float) -> socket.socket:
    """A connection to a socket, by its folder's descriptor: test folders have paths longer than the kernel takes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_s)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    return connection


class Running:
    """A server and how to ask it."""

    def __init__(self, world: dict[str, str], *options: str, home: Path, port: bool = False) -> None:
        self.world = world
        words = [str(ROOT / "bin/slm-serve"), "start", "--json", "--no-preload", *options]
        if port:
            self.token_file = home / "token"
            self.token_file.write_text(TOKEN)
            self.token_file.chmod(0o600)
            words += ["--listen", "127.0.0.1:0", "--token-file", str(self.token_file)]
        self.errors = home / "server.err"
        self.process = subprocess.Popen(words, env=world, stdout=subprocess.PIPE, stderr=self.errors.open("wb"))
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        self.record: dict[str, Any] = json.loads(line)
        self.path = self.record["socket"]

    @property
    def url(self) -> str:
        """Address of the OpenAI interface."""
        return str(self.record["url"])

    def request(
        self, method: str, place: str, body: Any = None, timeout: float = 120
    ) -> tuple[int, Any, dict[str, str]]:
        """One request over the user's socket: status, value (or text), headers."""
        connection = http.client.HTTPConnection("slm", timeout=timeout)
        connection.sock = connected(Path(self.path), timeout)
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection.request(method, place, content)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(data), headers
        return answer.status, data.decode(), headers

    def chat(self, text: str = "Say hello.", **more: Any) -> tuple[int, Any]:
        """A short reply: status and body."""
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": 4, "temperature": 0, **more}
        status, value, _ = self.request("POST", "/v1/chat/completions", body)
        return status, value

    def status(self) -> dict[str, Any]:
        """What the server says of itself and its models."""
        found: dict[str, Any] = self.request("GET", "/slm/status")[1]
        return found

    def model(self, name: str = "smollm2-135m-instruct") -> dict[str, Any]:
        """How a model is; empty if it was never asked for."""
        return next((each for each in self.status()["models"] if each["name"] == name), {})

    def raw(self) -> socket.socket:
        """A connection to the user's socket."""
        return connected(Path(self.path), 60)

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def running(world: dict[str, str], home: Path, *options: str, port: bool = False) -> Iterator[Running]:
    """A server for the time of a `with` block."""
    server = Running(world, *options, home=home, port=port)
    try:
        yield server
    finally:
        server.stop()
        assert server.process.stdout
        server.process.stdout.close()


def wait_until(true: Any, seconds: float = 20) -> None:
    """Wait for something that happens by itself."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def switches(pid: int) -> int:
    """How often all threads of a process have slept and woken up."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
