"""From findings to a grant: what a run of the code would need, what is given without asking, and what is asked for.

The rule it keeps: nothing is added to a sandbox's grant that was neither in its base nor approved, and what a sandbox
cannot give (listening, writing elsewhere) is never promised.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.scan.finding import SEVERITIES, Finding
from roadmap_cli.agent.scan.places import Ground

if TYPE_CHECKING:
    from roadmap_cli.agent.sandbox import Grant
from roadmap_cli.core.errors import UsageError
from roadmap_cli.net.permissions import host_name

_READING = frozenset({"read", "list", "stat", "link"})
_WRITING = frozenset({"write", "make", "mode"})
_DELETING = frozenset({"delete", "clear", "move"})
_NAMED = 200


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """One thing that has to be approved: a capability used on one group of targets: a folder, a host, a program.

    What cannot be told beforehand is approved as it stands: `digest` is then that of the file it is in.
    """

    capability: str
    access: str
    group: str
    digest: str = ""

    def plan(self) -> dict[str, str]:
        """As it stands in a plan that is hashed."""
        told = {"capability": self.capability, "access": self.access, "group": self.group, "digest": self.digest}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run would need, sorted: hosts, folders read, written and emptied, programs, variables, capabilities."""

    hosts: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A sandbox's grant and the hosts it may reach, what has to be approved before, and what no sandbox gives."""

    grant: Grant
    asks: tuple[Operation, ...]
    beyond: tuple[Operation, ...]
    hosts: tuple[str, ...] = ()


def needs(findings: Iterable[Finding]) -> Needs:
    """What a run would need. Findings of other tools say nothing of that."""
    sets: dict[str, set[str]] = {name: set() for name in Needs.__slots__}
    for found in findings:
        if found.tool != "agent-scan":
            continue
        sets["capabilities"].add(found.capability)
        target, access = found.target, found.access or ""
        if not target:
            continue
        if found.capability == "network":
            sets["hosts"].add(target)
        elif access in ("run", "shell", "become"):
            sets["programs"].add(target)
        elif access == "variable":
            sets["variables"].add(target)
        elif found.scope == "outside":
            kind = "writes" if access in _WRITING else "deletes" if access in _DELETING else "reads"
            sets[kind].add(_folder(target, access))
    return Needs(**{name: tuple(sorted(values))[:_NAMED] for name, values in sets.items()})


def operations(findings: Iterable[Finding], digests: Mapping[str, str] = {}) -> tuple[Operation, ...]:
    """What has to be approved, grouped, sorted. `digests` are those of the files, by the names findings have."""
    found: set[Operation] = set()
    for each in findings:
        if not each.asks:
            continue
        access = each.access or ""
        group, digest = each.target or "", ""
        if each.scope == "outside" and access in _READING | _WRITING | _DELETING:
            group = _folder(group, access)
            access = "write" if access in _WRITING else "delete" if access in _DELETING else "read"
        elif not group or each.capability in ("unknown", "native"):
            group, digest = each.file, digests.get(each.file, "")
        found.add(Operation(each.capability, access, group, digest))
    return tuple(sorted(found))


def plan(operations: Sequence[Operation], *, project: str, command: Sequence[str] = ()) -> dict[str, Any]:
    """What is asked for, in the form that is hashed: see `agent.approvals.plan_hash`."""
    told: dict[str, Any] = {"project": project, "operations": [each.plan() for each in operations]}
    if command:
        told["command"] = list(command)
    return told


def decide(
    findings: Iterable[Finding],
    base: Grant,
    *,
    approved: Collection[Operation] = (),
    digests: Mapping[str, str] = {},
) -> Decision:
    """The grant for a sandbox: the base, and the folders whose reading and the hosts whose use was approved.

    `asks` is what is still to be approved. `beyond` is what was approved and what a sandbox with one writable folder
    and a way to named hosts only does not give all the same: it fails there, which is safe, but is better said
    beforehand.
    """
    wanted = operations(findings, digests)
    given = set(approved)
    readable = list(base.readable)
    hosts: list[str] = []
    beyond: list[Operation] = []
    for each in wanted:
        if each not in given:
            continue
        path = each.group
        if each.access == "read" and path.startswith("/") and "…" not in path:
            if Path(path) not in readable and Path(path).exists() and path != "/":
                readable.append(Path(path))
        elif each.capability == "network" and each.access in ("connect", "lookup") and (host := _host(each.group)):
            hosts.append(host)
        elif each.capability in ("network", "filesystem_write", "filesystem_delete", "persistence", "privilege",
                                 "system_control"):  # fmt: skip
            beyond.append(each)
    asks = tuple(each for each in wanted if each not in given)
    return Decision(replace(base, readable=tuple(readable)), asks, tuple(beyond), tuple(sorted(set(hosts))))


def exceeds(findings: Iterable[Finding], limit: str) -> bool:
    """Whether findings go beyond what is granted: one that asks (``approval``), or one as severe as `limit`."""
    if limit == "never":
        return False
    if limit == "approval":
        return any(found.asks for found in findings)
    least = SEVERITIES.index(limit)
    return any(SEVERITIES.index(found.severity) >= least for found in findings)


def ground_of(base: Grant, *, hosts: Sequence[str] = (), programs: Sequence[str] = (),
              capabilities: Sequence[str] = ()) -> Ground:  # fmt: skip
    """What a scan takes as granted when the code will run with a sandbox's grant."""
    return Ground(
        str(base.project), tuple(map(str, base.readable)), (), tuple(hosts), tuple(programs), tuple(capabilities),
        tuple(base.environ),
    )  # fmt: skip


def _host(text: str) -> str:
    """A host as permissions spell it; "" for what is none, such as a text known in part."""
    try:
        return host_name(text)
    except UsageError:
        return ""


def _folder(target: str, access: str) -> str:
    """The folder a path is in; a listed folder is its own."""
    path = target.removesuffix("…").rstrip("/") or "/"
    if access in ("list", "clear") or target.endswith("/…"):
        return path
    return posixpath.dirname(path) or path
