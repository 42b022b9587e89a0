"""The graph of a script in the making: its inputs, its chains, and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadmap_cli.edl import programs
from roadmap_cli.edl.exchange.export import Losses
from roadmap_cli.edl.exchange.mlt_filters import Files
from roadmap_cli.edl.exchange.timeline import Timeline

#: A name in a record is a file's, whatever it looks like: the script must not bring in what lies elsewhere.
_LOCAL_ONLY = ["-protocol_whitelist", str(programs.LOCAL_ONLY["protocol_whitelist"])]


@dataclass(slots=True)
class Graph:
    """The graph in the making. `matrices` are the colour matrices of the sources by id."""

    timeline: Timeline
    files: Files
    losses: Losses
    inputs: list[list[str]] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, str] = field(default_factory=dict)

    def input(self, path: str, *options: str) -> int:
        """The number of a file opened with options: one for all that ask for the same."""
        name = "\0".join([path, *options])
        if name not in self.known:
            self.known[name] = len(self.inputs)
            self.inputs.append([*options, *_LOCAL_ONLY, "-i", programs.local(path)])
        return self.known[name]
