"""What functions without effects make of values: texts, paths, encodings. Nothing of the scanned code runs.

Each result is bounded in size; what is not fully known keeps its known beginning, and what came out of a decoder that
could not be followed is marked ``decoded``.
"""

from __future__ import annotations

from roadmap_cli.agent.scan.folding.calls import call, made_items
from roadmap_cli.agent.scan.folding.operators import binary, sliced
from roadmap_cli.agent.scan.folding.paths import CONSTANTS, PATH_PARTS, ROUGHLY, path_part, variable
from roadmap_cli.agent.scan.folding.texts import items, joined

__all__ = [
    "CONSTANTS",
    "PATH_PARTS",
    "ROUGHLY",
    "binary",
    "call",
    "items",
    "joined",
    "made_items",
    "path_part",
    "sliced",
    "variable",
]
