"""Languages that repair knows by their grammar, beside Python: which one a file is in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadmap_cli.agent.languages.syntax import Language

_ENDINGS = {".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
            ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx", ".go": "go"}  # fmt: skip


def knows(name: str) -> bool:
    """Whether a file is, by its name, in a language known here; what other tools have minified is not."""
    return name[name.rfind(".") :] in _ENDINGS and not name.endswith((".min.js", ".d.ts", "_generated.go", ".pb.go"))


def of(name: str) -> Language | None:
    """The language of a file by its name. Raises Unavailable if its grammar is not installed."""
    return _made(_ENDINGS[name[name.rfind(".") :]]) if knows(name) else None


@cache
def _made(name: str) -> Language:
    if name == "go":
        from roadmap_cli.agent.languages.go import Go

        return Go()
    from roadmap_cli.agent.languages.javascript import JavaScript

    return JavaScript(name)
