"""From a use of something to a finding: what is done to which path, host or program, and whether it has to be asked.

The same judgement serves Python and shell: both say which verb of `capabilities.VERBS` is done to which values.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from roadmap_cli.agent.scan.capabilities import VERBS
from roadmap_cli.agent.scan.finding import Finding
from roadmap_cli.agent.scan.places import Ground, host_of, persistent, secret, secret_variable
from roadmap_cli.agent.scan.values import Const, Sequence, Text, Unknown, Value

_WRITING = frozenset({"write", "make", "delete", "clear", "move", "mode"})
_LOUD = frozenset({"list", "stat", "read", "link"})
_TARGET_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is used: the place, how it is called there, and the lines its data came through."""

    line: int
    column: int
    name: str
    trail: tuple[int, ...] = ()
    end_line: int | None = None
    through: tuple[str, ...] = ()


class Scan(Protocol):
    """How a text of another language, or of the same, is read that stands inside of what is read."""

    def __call__(self, text: str, ground: Ground, *, depth: int = 0) -> list[Finding]:
        """Its findings; `depth` is how deeply it is nested."""


@dataclass(slots=True)
class Judge:
    """Collects the findings of one file. `source` are its lines, for the words of `why`; `python` reads Python."""

    ground: Ground
    python: Scan
    source: list[str]
    found: list[Finding] = field(default_factory=list)
    #: What is done to parameters that a caller chooses: (function, position, name), and the verb.
    given: set[tuple[tuple[str, int, str], str]] = field(default_factory=set)

    def add(
        self, capability: str, severity: str, what: str, spot: Spot, *, asks: bool, confidence: str = "high",
        target: str | None = None, scope: str | None = None, access: str | None = None, trail: Iterable[int] = (),
    ) -> None:  # fmt: skip
        """One finding; a capability that is granted as a whole does not ask."""
        lines = sorted({*trail, *spot.trail, spot.line})
        why = (*spot.through, *(self._line(number) for number in lines[:8]))
        if target is not None and len(target) > _TARGET_LIMIT:
            target = target[: _TARGET_LIMIT - 1] + "…"
        self.found.append(
            Finding(
                capability, severity, confidence, what, spot.line, spot.column,
                asks and capability not in self.ground.capabilities, why, target, scope, access, end_line=spot.end_line,
            )
        )  # fmt: skip

    def _line(self, number: int) -> str:
        text = self.source[number - 1].strip() if 0 < number <= len(self.source) else ""
        return f"line {number}: {text if len(text) <= 120 else text[:119] + '…'}"

    def plain(self, verb: str, spot: Spot, trail: Iterable[int] = ()) -> None:
        """A use that is about nothing in particular."""
        known = VERBS[verb]
        asks = known.asks and not (known.capability == "network" and self.ground.has_host(None))
        self.add(known.capability, known.severity, f"{spot.name} {known.words}", spot, asks=asks, access=verb,
                 trail=trail)  # fmt: skip

    # -- paths ---------------------------------------------------------------------------------------------------------

    def paths(self, verb: str, values: Iterable[Value], spot: Spot) -> None:
        """A use of paths, each judged by where it leads. No value at all is one that is not known."""
        seen = False
        for value in values:
            seen = True
            self._path(verb, value, spot)
        if not seen:
            self._path(verb, Unknown(), spot)

    def _path(self, verb: str, value: Value, spot: Spot) -> None:
        known = VERBS[verb]
        if isinstance(value, Const) and isinstance(value.value, bytes):
            value = Text(value.value.decode(errors="replace"), trail=value.trail)
        if isinstance(value, Const):
            return  # a descriptor, or None
        text = value.text if isinstance(value, Text) else ""
        if not text or (text.strip("/") == "" and isinstance(value, Text) and not value.whole):
            self._somewhere(verb, value, spot)
            return
        assert isinstance(value, Text)
        if host_of(text) and not text.startswith("file:"):
            self.hosts("connect", [value], spot)
            return
        text = text.removeprefix("file://")
        writes = verb in _WRITING
        if not value.whole and text.endswith("/") and len(text) > 1:
            text = text.rstrip("/")
        shown = self.ground.absolute(text) if text.startswith("/") else text
        target = shown if value.whole else f"{shown}/…" if value.text.endswith("/") else f"{shown}…"
        scope = self.ground.scope(text, writes=writes)
        confidence = "high" if value.whole else "medium"
        what = f"{spot.name} {known.words} {target}"
        if scope != "outside":
            risky = scope == "project" and writes
            if risky and verb != "mode" and self.ground.protected(text):
                self.add("persistence", "high", f"{what}, which other programs run or obey", spot, asks=True,
                         confidence=confidence, target=target, scope=scope, access=verb, trail=value.trail)  # fmt: skip
                return
            whole = risky and verb in ("clear", "delete", "move") and self.ground.is_whole_project(text) and value.whole
            self.add(known.capability, "high" if whole else "low", f"{what}: the project itself" if whole else what,
                     spot, asks=whole, confidence=confidence, target=target, scope=scope, access=verb,
                     trail=value.trail)  # fmt: skip
            return
        looked = self.ground.absolute(text)
        private = secret(looked)
        if private and verb in _LOUD:
            self.add("secrets", "high", f"{what} ({private})", spot, asks=True, confidence=confidence, target=target,
                     scope=scope, access=verb, trail=value.trail)  # fmt: skip
            return
        later = persistent(looked) if writes and verb not in ("delete", "clear", "move") else None
        if later:
            self.add("persistence", "high", f"{what} ({later})", spot, asks=True, confidence=confidence, target=target,
                     scope=scope, access=verb, trail=value.trail)  # fmt: skip
            return
        severity = "low" if verb == "stat" else "high" if writes else known.severity
        self.add(known.capability, severity, what, spot, asks=True, confidence=confidence, target=target, scope=scope,
                 access=verb, trail=value.trail)  # fmt: skip

    def _somewhere(self, verb: str, value: Value, spot: Spot) -> None:
        """A path that is not known: the caller's choice, or hidden on purpose."""
        known = VERBS[verb]
        if value.given is not None:
            self.given.add((value.given, verb))
        origin = value.origin if isinstance(value, Unknown | Text) else "unknown"
        what = f"{spot.name} {known.words} a path"
        if origin == "decoded":
            self.add("unknown", "high", f"{what} that is decoded when it runs", spot, asks=True, confidence="medium",
                     access=verb, scope="unknown", trail=value.trail)  # fmt: skip
            return
        scope = "caller" if origin in ("caller", "input") else "unknown"
        words = "the caller chooses" if scope == "caller" else "that is not known"
        severity = "medium" if verb in ("delete", "clear", "move") else "low"
        self.add(known.capability, severity, f"{what} {words}", spot, asks=False, confidence="low", access=verb,
                 scope=scope, trail=value.trail)  # fmt: skip

    # -- hosts ---------------------------------------------------------------------------------------------------------

    def hosts(self, verb: str, values: Iterable[Value], spot: Spot) -> None:
        """A use of the network: one finding for each host that may be meant."""
        known = VERBS[verb]
        told: set[str | None] = set()
        for value in values or (Unknown(),):
            host, trail = _host(value)
            if isinstance(value, Text) and value.text.startswith("file:"):
                self.paths("read", [value], spot)
                continue
            if host in told:
                continue
            told.add(host)
            shown = host or "a host that is not known"
            asks = known.asks and not self.ground.has_host(host)
            self.add(known.capability, known.severity, f"{spot.name} {known.words} {shown}", spot, asks=asks,
                     target=host, confidence="high" if host else "medium", access=verb, trail=trail)  # fmt: skip

    # -- the environment -----------------------------------------------------------------------------------------------

    def variables(self, verb: str, values: Iterable[Value], spot: Spot) -> None:
        """A use of a variable of the environment: secrets by their name."""
        known = VERBS[verb]
        for value in values or (Unknown(),):
            name = value.text if isinstance(value, Text) and value.whole else None
            if name is not None and verb == "variable" and secret_variable(name):
                self.add("secrets", "medium", f"{spot.name} reads the variable {name}", spot, target=name,
                         asks=name not in self.ground.variables, access=verb, trail=value.trail)  # fmt: skip
                continue
            shown = name or "whose name is not known"
            self.add(known.capability, "low", f"{spot.name} {known.words} {shown}", spot, asks=False, target=name,
                     access=verb, confidence="high" if name else "low", trail=value.trail)  # fmt: skip

    def program(self, name: str | None, spot: Spot, *, trail: Iterable[int] = (), origin: str = "unknown",
                verb: str = "run", line: str | None = None) -> None:  # fmt: skip
        """A program is run; `line` is the whole of what is run, if that is known."""
        known = VERBS[verb]
        if name is None:
            hidden = origin == "decoded"
            chooser = {"caller": "the caller chooses", "input": "a person types", "decoded": "is decoded when it runs"}
            self.add("unknown" if hidden else known.capability, "high",
                     f"{spot.name} {known.words if verb == 'shell' else 'runs a program'} "
                     f"that {chooser.get(origin, 'is not known')}",
                     spot, asks=not self.ground.has_program(None), confidence="medium", access=verb,
                     trail=trail)  # fmt: skip
            return
        shown = line if line and len(line) <= 80 else name
        self.add(known.capability, "medium" if verb == "run" else known.severity, f"{spot.name} runs {shown}", spot,
                 asks=not self.ground.has_program(name), target=posixpath.basename(name) or name, access=verb,
                 trail=trail)  # fmt: skip

    def builds(self, name: str, line: str, spot: Spot) -> None:
        """A tool that runs the project's own code: told, not asked."""
        self.add("process", "low", f"runs {line}", spot, asks=False, target=name, access="run")

    def runs_own(self, path: str, spot: Spot) -> None:
        """A file of the project itself is run: told, not asked."""
        self.add("process", "low", f"runs the project's own {path}", spot, asks=False, target=path, access="run",
                 scope="project")  # fmt: skip


def _host(value: Value) -> tuple[str | None, tuple[int, ...]]:
    """The host of a URL, a name, or an address (host, port)."""
    if isinstance(value, Sequence) and value.items:
        first = value.items[0][0] if value.items[0] else Unknown()
        host, trail = _host(first)
        if host is None and isinstance(first, Text) and first.whole and first.text == "":
            host = "0.0.0.0"
        port = value.items[1][0] if len(value.items) > 1 and value.items[1] else Unknown()
        if host and isinstance(port, Const) and isinstance(port.value, int) and ":" not in host:
            host = f"{host}:{port.value}"
        return host, trail or port.trail
    if isinstance(value, Text):
        found = host_of(value.text)
        if found is None and value.whole and value.text and "/" not in value.text and " " not in value.text:
            found = value.text.lower()
        if found is not None and not value.whole and value.text.count("/") < 3:
            found = None  # the name itself goes on
        return found, value.trail
    return None, value.trail


def through(judge: Judge, words: str, work: Callable[[Judge], None], spot: Spot) -> list[Finding]:
    """Findings of a text inside the file (a shell line, code in a string), put where the file uses it."""
    inner = Judge(judge.ground, judge.python, [])
    work(inner)
    lines = sorted({*spot.trail, spot.line})
    why = tuple(judge._line(number) for number in lines[:6])
    return [
        replace(
            each, line=spot.line, column=spot.column, end_line=spot.end_line,
            why=(*why, f"{words}: {each.what}"),
        )
        for each in inner.found
    ]  # fmt: skip
