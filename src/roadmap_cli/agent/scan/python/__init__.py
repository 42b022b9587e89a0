"""What a Python file is able to do: its tree is read, its data followed, each use held against the table.

- `reading`: goes over the calls and loads of a program and has each judged, as a `site`.
- `running`, `code`: programs that are run, and texts that are run as code; `special`: calls that need a closer look.
- `reaching`: what is reached without a call of its name.
"""

from __future__ import annotations

from roadmap_cli.agent.scan.python.reading import Looked, look, scan

__all__ = ["Looked", "look", "scan"]
