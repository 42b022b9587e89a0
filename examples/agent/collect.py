"""Sends the sizes of log files to a service: an example for agent-scan. It is never run here."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

SERVICE = "https://metrics.example.org"
LOGS = Path("/var/log")


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def send(told: dict[str, int]) -> None:
    token = os.environ["METRICS_TOKEN"]
    request = urllib.request.Request(f"{SERVICE}/sizes", json.dumps(told).encode(), {"Authorization": token})
    urllib.request.urlopen(request)


def tidy(names: list[str]) -> None:
    remove = os.remove
    for name in names:
        remove(LOGS / name)


if __name__ == "__main__":
    send(sizes(LOGS))
    tidy(["old.log"])
    subprocess.run(["systemctl", "reload", "rsyslog"], check=True)
