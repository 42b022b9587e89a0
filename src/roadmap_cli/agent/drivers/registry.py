"""The drivers there are, made for one failure: the one place where the loop learns of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap_cli.agent import memory
from roadmap_cli.agent.code import source
from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.languages import spectra
from roadmap_cli.agent.repair.driver import Candidate, Driver, Problem, Verdict
from roadmap_cli.agent.testing.signature import Signature

if TYPE_CHECKING:
    from roadmap_cli.agent.drivers.treesitter import Screens
    from roadmap_cli.agent.preference import Lesson
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State


@dataclass(frozen=True, slots=True)
class World:
    """What drivers may use beside the problem itself.

    `left` gives the tokens and the money that may still be spent (None is no limit). `model` is the language model to
    ask: None asks none, an empty name the default one. `tried` are patches known to be no repair.
    `screens` tries candidates of JavaScript and Go by the batch; None if the test command does not run such.
    """

    state: State
    run_id: str
    environ: Mapping[str, str]
    signatures: Sequence[Signature]
    framework: str
    left: Callable[[], tuple[int | None, float | None]]
    tried: Collection[str] = ()
    model: str | None = None
    ledger: Ledger | None = None
    transport: Callable[[], Transport] | None = None
    stop: Callable[[], bool] = lambda: False
    note: Callable[[str], None] = lambda text: None
    screens: Screens | None = None


def drivers_for(world: World, project: Project) -> list[Driver]:
    """The drivers that can work on this failure: a language model only if the user has named one for it."""
    from roadmap_cli.agent.drivers.synthesis import Synthesis
    from roadmap_cli.agent.drivers.templates import Templates

    with world.state.read() as tx:
        preference = memory.preference(tx)
    pytest = world.framework == "pytest"
    found: list[Driver] = [Replay(world, project)]
    if world.framework == "command" and spectra.sources(project) and (world.screens or not project.sources()):
        from roadmap_cli.agent.drivers.treesitter import TreeSitter

        found.append(TreeSitter(preference, screens=world.screens))
    else:
        found.append(Templates(preference, pytest=pytest, tried=world.tried))
    if pytest or world.framework == "unittest":
        found.append(Synthesis())
    if world.model is not None:
        found.append(_language_model(world))
    return found


def _language_model(world: World) -> Driver:
    from roadmap_cli.agent.drivers.llm import Budget, LlmDriver

    tokens, money = world.left()
    return LlmDriver(
        environ=world.environ, ledger=world.ledger, transport=world.transport,
        budget=Budget(tokens=tokens, money=None if money is None else round(money * 1_000_000)),
        model=world.model or None, tried=world.tried, stop=world.stop, note=world.note,
    )  # fmt: skip


class Replay:
    """Proposes what mended the same failure before: exact signatures before loose ones."""

    name = "replay"

    def __init__(self, world: World, project: Project) -> None:
        self._project = project
        with world.state.read() as tx:
            self._known = memory.fixes(tx, world.signatures)

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Each remembered fix that fits the files as they are now."""
        for fix in self._known:
            changed = reapplied(self._project, fix)
            if changed:
                name = next(iter(changed))
                yield Candidate(changed, f"replay:{fix.id}", fix.template, name, 1, "", 1.0, False)

    def told(self, verdict: Verdict) -> None:
        """Nothing rests on it here: how often a fix helped is counted in memory."""

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """None: the fix was learned from when it was found."""
        return []


def reapplied(project: Project, fix: memory.Fix) -> dict[str, str]:
    """The files with a remembered fix made again, wherever its lines are now; empty if one of its places is gone."""
    changed: dict[str, str] = {}
    for block in fix.blocks:
        same_name = [
            n
            for n in (*project.sources(), *spectra.sources(project))
            if n.rpartition("/")[2] == block.file.rpartition("/")[2]
        ]
        for name in dict.fromkeys([block.file, *same_name]):
            if name not in project.files or is_test(name):
                continue
            try:
                text = changed.get(name) or project.files[name].decode()
            except UnicodeDecodeError:
                continue
            again = source.reapply(block, text)
            if again is not None:
                changed[name] = again
                break
        else:
            return {}
    return changed
