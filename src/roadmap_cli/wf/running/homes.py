"""The homes that runs come from, as a machine that does the runs knows them: whose each is, who may do what there."""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.records import Record
from roadmap_cli.wf.running import journal
from roadmap_cli.wf.running.mirror import Mirror
from roadmap_cli.wf.running.sealing import Seal


class Homes:
    """What is known of homes. `runs` gives the home of a run, `decisions` the run of a decision."""

    def __init__(self, seal: Seal, now: Clock):
        self.runs: dict[str, str] = {}
        self.decisions: dict[str, str] = {}
        self._seal = seal
        self._now = now
        self._plans: dict[str, str] = {}
        self._mirrors: dict[str, Mirror] = {}
        self._digests: dict[str, str] = {}

    def know(self, connection: Any, run_id: str, home: str, bundle: Record, decision_id: str, started_at: str) -> None:
        """Have what is needed of a run: its home, its plan, what is said of that, and the home's rights."""
        self.runs[run_id] = home
        self.decisions[decision_id] = run_id
        self._plans[bundle["plan"]["id"]] = home
        self._refresh(connection, home)
        self._mirrors[home].know(bundle["plan"], bundle["tables"], run_id, started_at)

    def refresh(self, connection: Any) -> None:
        """Have the rights of all homes as they are now."""
        for home in self._mirrors:
            self._refresh(connection, home)

    def _refresh(self, connection: Any, home: str) -> None:
        row = connection.execute("SELECT digest, body FROM wf_rights WHERE home = %s", (home,)).fetchone()
        mirror = self._mirrors.get(home) or self._mirrors.setdefault(home, Mirror(self._now))
        if row is not None and row[0] != self._digests.get(home):
            mirror.take(journal.loads(self._seal.open(row[1], "rights", home)))
            self._digests[home] = row[0]

    def of_run(self, run_id: str) -> Mirror:
        """The rights of a run's home."""
        return self._mirrors[self.runs[run_id]]

    def of_plan(self, plan_id: str) -> Mirror:
        """The rights of a plan's home."""
        return self._mirrors[self._plans[plan_id]]

    def close(self) -> None:
        """Forget them."""
        for mirror in self._mirrors.values():
            mirror.close()
