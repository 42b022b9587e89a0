"""How fast rights are decided: user and role together, by Cedar, from the state; and what commands that read cost."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
SECONDS = 1.0


def per_second(work: object) -> float:
    began = time.process_time()
    count = 0
    while time.process_time() - began < SECONDS:
        work()  # type: ignore[operator]
        count += 1
    return count / (time.process_time() - began)


def cpu_ms(words: list[str]) -> float:
    costs = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return statistics.median(costs)


def main() -> None:
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "unit" / "wf")]
    from attack_ground import NOW, company

    from roadmap_cli.state.identity import KeySource
    from roadmap_cli.state.store import State
    from roadmap_cli.wf.rights import giving
    from roadmap_cli.wf.running import permission

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = KeySource({"HOME": name}, None)
        with State.open(folder / "state.db", mode="write", keys=keys, now=lambda: NOW) as state:
            place = company(state, folder)
            giver = place.giver("olga")
            with state.write() as tx:
                plan = place.plan(tx)
                place.decide(tx, plan, "bob")
                step = plan["steps"][0]
            for users in (8, 500):
                with state.write() as tx:
                    for at in range(users - 8):
                        giving.role(tx, giver, f"user{at}", "operator", patterns=[f"database:d{at}", "run:*"])
                with state.read() as tx:
                    value = per_second(lambda: permission.weighed_step(tx, plan, step, NOW))
                print(json.dumps({
                    "kind": "bench.figure", "name": f"decisions on a step (user and role and approval), {users} users",
                    "unit": "1/s of CPU", "value": round(value),
                }), flush=True)  # fmt: skip
            with state.write() as tx:
                value = per_second(lambda: permission.may_perform(tx, plan, step, NOW))
            print(json.dumps({"kind": "bench.figure", "name": "the same, written into the audit log", "unit": "1/s of CPU",
                              "value": round(value)}), flush=True)  # fmt: skip
        environ = {"HOME": name, "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin"}
        grant = [str(ROOT / "bin" / "wf-grant"), "--state", str(folder / "state.db")]
        approve = [str(ROOT / "bin" / "wf-approve"), "--state", str(folder / "state.db"), "--list"]
        for words in (grant, [*grant, "--check", "alice", "delete", "database:orders"], approve):
            words = ["env", *(f"{key}={value}" for key, value in environ.items()), *words]
            said = " ".join(word for word in words[4:] if word not in ("--state", str(folder / "state.db")))
            print(json.dumps({"kind": "bench.figure", "name": f"start: {Path(words[3]).name} {said}".strip(),
                              "unit": "CPU ms", "value": round(cpu_ms(words), 1)}), flush=True)  # fmt: skip


if __name__ == "__main__":
    tell_help(__doc__)
    main()
