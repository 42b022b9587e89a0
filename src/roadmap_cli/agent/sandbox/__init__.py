"""Run untrusted programs inside bubblewrap, with a system-call filter and limits, or not at all.

The rule it keeps: fail closed. A missing program, a set-up that bubblewrap refuses or a protection that cannot be
had and has no substitute raises Unavailable; nothing ever runs outside. What is active is said in `protections`.

Started by root, bubblewrap makes the mounts and the program runs under an unused, unprivileged user id; started by
anybody else, it runs in a user namespace that can make no others.

- `sandbox` makes one for a grant and limits, in a control group (`cgroup`) and, for root, with an identity-mapped view
  of the folders (`identity_mount`); `process` is what runs in it.
- `relay` carries its streams (`tame` for a terminal) and ends it at a limit; `outlet` leads to named hosts.
- `place` says which folders may be lent at all.
"""

from __future__ import annotations

from roadmap_cli.agent.sandbox.process import Process
from roadmap_cli.agent.sandbox.sandbox import SYSTEM_PATH, Grant, Limits, Sandbox

__all__ = ["SYSTEM_PATH", "Grant", "Limits", "Process", "Sandbox"]
