"""Before a project's code runs: what it would need is told, what lies outside the grant waits for an approval.

The rule it keeps: the gate opens only for a plan that needs nothing, or that a person approved as it is, now; an
approval that is good for one use is used up by opening.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.agent import approvals
from roadmap_cli.agent.scan import files
from roadmap_cli.agent.scan import grant as grants

if TYPE_CHECKING:
    from roadmap_cli.agent.approvals import Request
    from roadmap_cli.agent.sandbox import Grant
    from roadmap_cli.agent.scan.finding import Finding
    from roadmap_cli.agent.scan.grant import Operation
    from roadmap_cli.state.store import State

#: What a sandbox contains by itself, whoever wrote the code: its own processes, an environment made for it, no machine
#: to look at, no network and no other folder for whatever is only known when it runs. Files and hosts are not among it.
CONTAINED = (
    "process", "process_control", "system_inspect", "environment", "native", "unknown", "input_capture",
    "filesystem_permissions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gate:
    """How the gate stands. `grant` is what the sandbox may give, `hosts` whom it may reach; `request` what waits, or
    was denied, if it is shut.

    `beyond` was approved and is not given by any sandbox all the same: the code fails there.
    """

    grant: Grant
    request: Request | None
    findings: tuple[Finding, ...]
    beyond: tuple[Operation, ...]
    hosts: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the code may run, in a sandbox with this grant."""
        return self.request is None


def approach(
    state: State,
    base: Grant,
    argv: Sequence[str],
    *,
    run: str,
    at: datetime,
    command: str,
    contents: Mapping[str, bytes] | None = None,
    contained: Sequence[str] = CONTAINED,
    hosts: Sequence[str] = (),
) -> Gate:
    """Scan the project of a grant, and take its approval or ask for one.

    `run` is the task: it is asked once for the whole of it. `argv` is the command that would run the code, a part of
    the plan. `contents` are the project's files by relative path, if they were read already (`Project.files`): so what
    is approved is what runs. `contained` are capabilities that need no approval in a sandbox.
    Raises InputMissing, TryLater, ConfigError.
    """
    ground = grants.ground_of(base, hosts=hosts, programs=("*",), capabilities=contained)
    place = base.project.resolve()
    findings: list[Finding] = []
    digests: dict[str, str] = {}
    if contents is None:
        found = files.scan_folder(place, lambda path: str(path.relative_to(place)), ground)
    else:
        found = files.scan_contents(contents, place, ground)
    for scanned in found:
        findings += scanned.findings
        digests[scanned.file] = scanned.digest
    asked = grants.operations(findings, digests)
    if not asked:
        return Gate(base, None, tuple(findings), ())
    plan = grants.plan(asked, project=str(base.project), command=argv)
    name = approvals.plan_hash(plan)
    with state.write() as tx:
        if approvals.standing(tx, name, at, run=run) is not None:
            approvals.use(tx, name, at, run=run)
            decided = grants.decide(findings, base, approved=asked, digests=digests)
            return Gate(decided.grant, None, tuple(findings), decided.beyond, decided.hosts)
        request = approvals.request(tx, plan, at=at, command=command, run=run)
    return Gate(base, request, tuple(findings), ())


def reaches_further(
    changed: Mapping[str, str],
    contents: Mapping[str, bytes],
    base: Grant,
    *,
    contained: Sequence[str] = CONTAINED,
) -> list[str]:
    """What changed files would do outside a sandbox's grant that they did not do before, in words; nothing is well.

    For proposals that somebody else wrote, a model or an imported fix: a run was approved for the project as it was.
    """
    ground = grants.ground_of(base, programs=("*",), capabilities=contained)
    place = base.project.resolve()

    def asked(files_: Mapping[str, bytes]) -> dict[tuple[str, str, str], str]:
        found = [finding for each in files.scan_contents(files_, place, ground) for finding in each.findings]
        return {
            (each.capability, each.access, each.group): f"{each.capability} {each.group}".rstrip()
            for each in grants.operations(found)
        }

    after = asked({name: text.encode() for name, text in changed.items()})
    if not after:
        return []
    before = asked({name: contents[name] for name in changed if name in contents})
    return [words for key, words in sorted(after.items()) if key not in before]
