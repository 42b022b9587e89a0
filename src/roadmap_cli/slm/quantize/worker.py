"""The child process that does the work with llama.cpp: a crash, an abort or the end of memory costs only this child.

A task comes as one JSON object on standard input; events go out as JSON Lines on standard output, the last of which is
``{"event": "done", …}`` or ``{"event": "failed", …}``.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

from roadmap_cli.slm.quantize.computing import Failed, Send
from roadmap_cli.slm.quantize.importance import imatrix
from roadmap_cli.slm.quantize.verifying import verify
from roadmap_cli.slm.quantize.weights import quantize


def main() -> int:
    """Read a task, do it, tell how it went."""
    _die_with_parent()
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an event

    def send(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")

    task = json.loads(sys.stdin.readline())
    try:
        done = ACTIONS[task["action"]](task, send)
    except Failed as failure:
        send({"event": "failed", "message": str(failure), "code": failure.code})
        return 1
    except MemoryError:
        send({"event": "failed", "message": "no memory left", "code": "no_memory"})
        return 1
    send({"event": "done", **done})
    return 0


def _die_with_parent() -> None:
    """End with the parent, be the first to go when memory ends, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("500")
    except (OSError, AttributeError):
        pass


def _measure(task: dict[str, Any], send: Send) -> dict[str, Any]:
    """Peak of resident memory of this process while it answers with a model, its context filled."""
    from pathlib import Path

    from roadmap_cli.models.conversation.local import LocalChat

    with LocalChat("measured", Path(task["target"]), ledger=None, context_size=task["context_size"]) as chat:
        word = "one two three four five six seven eight nine ten "
        room = task["context_size"] - 32
        text = word * max(1, room // max(1, chat.count_tokens(word)))
        while chat.count_tokens(text) > room - 96:  # what the model's template puts around it
            text = text[: len(text) * 9 // 10]
        for _ in chat.stream([{"role": "user", "content": text}], max_tokens=8, temperature=0.0):
            pass
    return {"peak_bytes": _peak()}


def _peak() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
        found = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


ACTIONS: dict[str, Callable[[dict[str, Any], Send], dict[str, Any]]] = {
    "quantize": quantize, "verify": verify, "imatrix": imatrix, "measure": _measure,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
