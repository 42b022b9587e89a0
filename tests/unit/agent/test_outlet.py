"""The sandbox's one way out: to the hosts that were named, written down, and to nothing else."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]

_WORKS = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
pytestmark = pytest.mark.skipif(_WORKS.returncode != 0, reason=f"bubblewrap cannot work here: {_WORKS.stderr.decode()}")

ASK = """
import http.client, os, sys
host, port, target, way = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
assert os.environ["https_proxy"] == "http://127.0.0.1:3128"
proxy = http.client.HTTPConnection("127.0.0.1", 3128, timeout=10)
try:
    if way == "tunnel":
        proxy.set_tunnel(host, port)
        proxy.request("GET", target)
    elif way == "direct":
        proxy = http.client.HTTPConnection(host, port, timeout=3)
        proxy.request("GET", target)
    else:
        proxy.request("GET", f"http://{host}:{port}{target}")
    answer = proxy.getresponse()
    print(answer.status, answer.read().decode().strip())
except OSError as error:
    print("no", error)
"""


class _Here(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Proxy-Connection']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A web server of the machine that the sandbox is on."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(shell: Shell, project: Path, allowed: str, host: str, port: int, way: str) -> tuple[str, str]:
    done = shell(["agent-sandbox", "--project", str(project), "--read", os.path.realpath(sys.base_prefix), "--allow-host", allowed, "--", os.path.realpath(sys.executable),
                  "-c", ASK, host, str(port), "/a?b=1", way])  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip(), done.stderr.decode()


def test_a_named_host_is_reached_in_two_ways_and_written_down(shell: Shell, tmp_path: Path, port: int) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for way in ("tunnel", "plain"):
        said, _ = ask(shell, project, f"127.0.0.1:{port}", "127.0.0.1", port, way)
        assert said == "200 /a?b=1 None"
    rows = [json.loads(line) for line in shell(["roadmap-permit", "log"]).stdout.splitlines()]
    assert [(row["host"], row["method"], row["purpose"], row["outcome"]) for row in rows] == [
        ("127.0.0.1", "CONNECT", "sandbox", "done"), ("127.0.0.1", "GET", "sandbox", "done"),
    ]  # fmt: skip
    assert all(row["bytes_out"] > 20 and row["bytes_in"] > 20 for row in rows)
    assert all(row["url"] == f"http://127.0.0.1:{port}/" for row in rows), "no path, no query"


@pytest.mark.parametrize(
    ("allowed", "way", "answer"),
    [
        ("127.0.0.1", "tunnel", "no Tunnel connection failed: 403"),  # without a port: web ports only
        ("localhost:{port}", "tunnel", "no Tunnel connection failed: 403"),  # another name is another host
        ("example.org", "plain", "403 127.0.0.1:{port} is not allowed in this sandbox"),
        ("127.0.0.1:{port}", "direct", "no [Errno 111]"),  # around the proxy there is nothing
    ],
)
def test_nothing_else_is_reached(shell: Shell, tmp_path: Path, port: int, allowed: str, way: str, answer: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    said, told = ask(shell, project, allowed.format(port=port), "127.0.0.1", port, way)
    assert said.startswith(answer.format(port=port))
    assert way == "direct" or "asked for 127.0.0.1" in told
    assert shell(["roadmap-permit", "log"]).stdout == b""


def test_a_name_that_stands_for_this_machine_is_refused(shell: Shell, tmp_path: Path, port: int) -> None:
    """DNS rebinding: an allowed name whose address is the machine's own."""
    import socket

    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine's name has no address")
    if not address.startswith("127."):
        pytest.skip("this machine's name does not stand for a loopback address")
    project = tmp_path / "project"
    project.mkdir()
    said, _ = ask(shell, project, f"{name}:{port}", name, port, "plain")
    assert said.startswith("403")


@pytest.mark.parametrize("offline", [True, False])
def test_offline_and_without_hosts_there_is_no_way(shell: Shell, tmp_path: Path, offline: bool) -> None:
    project = tmp_path / "project"
    project.mkdir()
    words = ["--offline", "--allow-host", "example.org"] if offline else []
    script = 'echo "${https_proxy:-none}"; exec 3<>/dev/tcp/127.0.0.1/3128 || exit 7; printf "CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n" >&3; head -c 12 <&3'
    done = shell(["agent-sandbox", "--project", str(project), *words, "--", "bash", "-c", script])
    if offline:
        assert (done.returncode, done.stdout.splitlines()[1]) == (0, b"HTTP/1.1 403")
    else:
        assert (done.returncode, done.stdout) == (7, b"none\n")
