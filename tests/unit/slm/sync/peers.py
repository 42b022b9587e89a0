"""Real servers on this machine: wsgidav, rclone's WebDAV and S3, moto's S3. `tools/sync_peers.sh` installs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDERS = (Path.home() / ".cache/roadmap-peers/venv/bin", Path("/usr/local/bin"), Path("/usr/bin"))
NAMES = ("wsgidav", "rclone-webdav", "rclone-s3", "moto-s3")
KEYS = {"access_key_id": "testkey123", "secret_access_key": "testsecret123"}


@dataclass(frozen=True)
class Peer:
    """A running server: where it is, and the folder it keeps files in, if it keeps any."""

    name: str
    url: str
    folder: Path | None


def program(name: str) -> str | None:
    for folder in FOLDERS:
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name)


def why_not(name: str) -> str | None:
    """Why a peer cannot be started here; None if it can."""
    needed = {"wsgidav": "wsgidav", "moto-s3": "moto_server"}.get(name, "rclone")
    path = program(needed)
    if path is None:
        return f"{needed} is not installed (tools/sync_peers.sh)"
    if name == "rclone-s3":
        told = subprocess.run([path, "help", "serve"], capture_output=True, text=True, check=False).stdout
        told += subprocess.run([path, "serve", "--help"], capture_output=True, text=True, check=False).stdout
        if "s3" not in told:
            return "this rclone does not serve S3 (tools/sync_peers.sh brings a newer one)"
    return None


@contextmanager
def running(name: str, folder: Path) -> Iterator[Peer]:
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    rclone = program("rclone") or ""
    commands = {
        "wsgidav": [program("wsgidav") or "", "--host", "127.0.0.1", "--port", str(port), "--root", str(folder),
                    "--auth", "anonymous", "--server", "cheroot", "--quiet"],
        "rclone-webdav": [rclone, "serve", "webdav", str(folder), "--addr", address, "--vfs-cache-mode", "off"],
        "rclone-s3": [rclone, "serve", "s3", str(folder), "--addr", address, "--auth-key", ",".join(KEYS.values())],
        "moto-s3": [program("moto_server") or "", "-H", "127.0.0.1", "-p", str(port)],
    }  # fmt: skip
    environ = {**os.environ, "RCLONE_CONFIG": os.devnull, "HOME": str(folder.parent)}
    process = subprocess.Popen(
        commands[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 40
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, f"{name} ended at once"
                assert time.monotonic() < deadline, f"{name} does not start"
                time.sleep(0.05)
        if name == "moto-s3":
            urllib.request.urlopen(urllib.request.Request(f"http://{address}/bucket", method="PUT"), timeout=10).close()
        if name == "rclone-s3":
            (folder / "bucket").mkdir(exist_ok=True)
        yield Peer(name, f"http://{address}", None if name == "moto-s3" else folder)
    finally:
        process.terminate()
        process.wait(20)
