"""Asking a running server, for the commands that look at it and steer it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.models.conversation import warm


def ask(path: Path, method: str, place: str, body: Mapping[str, Any] | None = None, *, wait_s: float) -> dict[str, Any]:
    """One request to the server at `path`. Raises Unavailable if there is none, and what it answers with."""
    connection = warm.connect(path, wait_s)
    if connection is None:
        raise Unavailable("no server there", where=str(path), hint="slm-serve start", code="no_server")
    content = json.dumps(body or {}).encode()
    head = f"{method} {place} HTTP/1.1\r\nHost: slm\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    answer = b""
    try:
        connection.sendall(head.encode() + content)
        while piece := connection.recv(1 << 16):
            answer += piece
    except TimeoutError:
        raise TryLater(f"no answer within {wait_s:g} s", where=str(path), code="busy") from None
    except OSError as error:
        raise Unavailable(f"it went away: {error.strerror}", where=str(path), code="server_gone") from None
    finally:
        connection.close()
    status, value = _parsed(answer, path)
    if status == 200:
        return value
    raise _error(status, value)


def stop(path: Path, *, wait_s: float) -> dict[str, Any]:
    """Have the server stop and wait until it has. Raises TryLater if it takes longer."""
    answer = ask(path, "POST", "/slm/stop", wait_s=wait_s)
    end = time.monotonic() + wait_s
    pid = int(answer["server"]["pid"])
    while Path(f"/proc/{pid}").exists() and path.exists():
        if time.monotonic() > end:
            raise TryLater(
                f"process {pid} is still finishing after {wait_s:g} s", hint="wait longer with --wait", code="busy"
            )
        time.sleep(0.05)
    return answer


def _parsed(answer: bytes, path: Path) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        value = json.loads(body)
        return int(head.split(b" ", 2)[1]), value if isinstance(value, dict) else {}
    except (ValueError, IndexError):
        raise Unavailable("what answers is no slm-serve", where=str(path), code="bad_reply") from None


def _error(status: int, value: Mapping[str, Any]) -> RoadmapError:
    told = value.get("error")
    told = told if isinstance(told, dict) else {}
    words, code = str(told.get("message") or f"it answers {status}"), str(told.get("code") or "refused")
    kind = {404: ConfigError, 400: DataError, 429: TryLater}.get(status, Unavailable)
    if code in ("in_use", "no_memory", "loading", "model_crashes"):
        kind = TryLater
    return kind(words, hint=told.get("hint"), code=code)
