"""What a tool of the project is, when asked: --help prints its docstring and does nothing else."""

from __future__ import annotations

import sys


def tell_help(doc: str | None) -> None:
    """Print a tool's docstring and end, if the command line asks for help."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print((doc or "").strip())
        raise SystemExit(0)
