"""From a match to the stored plan: what wf-plan does for each match, and wf-run for one that nobody has planned yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record
from roadmap_cli.wf import library, people
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.language.templates import Finding
from roadmap_cli.wf.planning import estimates, keeping, planner

if TYPE_CHECKING:
    from roadmap_cli.state.store import State


class Planner:
    """Plans matches with the templates and settings that there are, for one person and one folder."""

    def __init__(
        self, templates: tuple[str, ...], environ: Mapping[str, str], *, name: str | None, directory: Path,
        warn: Callable[[str], None],
    ):  # fmt: skip
        """`name` is who asks for the plans, by default the user; `warn` is told of templates that are left out."""

        def left_out(fault: Finding) -> None:
            warn(f"template left out: {fault.name}:{fault.line}: {fault.message}")

        places = library.places(templates, environ)
        self._known = {each.workflow: each for each in loading.load_all(places, left_out)}
        self._settings = library.settings(environ)
        self._requested_by = people.user(name)
        self._directory = directory.resolve()

    def plan(self, state: State, match: Record, *, holds_programs: bool, command: str, at: datetime) -> Record:
        """The wf.plan of a match, stored; see `planner.plan`. Raises DataError where there is none to be made."""
        with state.read() as tx:
            kept, event = planner.stored(tx, match)
        template = loading.named(self._known, kept["workflow"])
        found = planner.plan(
            template, kept, event, requested_by=self._requested_by, directory=self._directory, at=at,
            known=self._known, settings=self._settings, holds_programs=holds_programs,
        )  # fmt: skip
        with state.write() as tx:
            found["estimate"] = estimates.estimate(tx, found)
            found["confidence_ratio"], found["confidence"] = estimates.confidence(tx, found, kept)
            return keeping.keep(tx, found, command=command, at=at)
