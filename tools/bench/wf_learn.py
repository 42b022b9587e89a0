"""Learning from runs on made-up histories with known faults: what is found, and what is proposed without cause.

Histories are drawn from seeds; the second half of a history is kept from the learner and says whether a proposal
would have helped. Prints one JSON record per figure. Usage: python tools/bench/wf_learn.py [--seeds FIRST:LAST]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path.insert(0, str(SOURCE))

#: Fault → field that a good proposal changes, and whether upwards; None: nothing should be proposed.
FAULTS = {
    "slow": ("timeout", True), "hanging": ("timeout", False), "flaky": ("attempts", True),
    "hopeless": ("attempts", False), "passing": ("attempts", True), "healthy": None, "noisy": None,
}  # fmt: skip


def one_step(chance, fault):
    """A step as a plan has it, and a function that draws (milliseconds, succeeds, times out) for an attempt."""
    timeout = chance.choice([10, 30, 60, 300])
    if fault == "slow":
        typical = timeout * chance.uniform(0.55, 0.8)
        step = {"timeout_s": timeout, "attempts": 1}

        def draw(number, bad):
            took = typical * chance.lognormvariate(0, 0.25)
            return min(took, timeout) * 1000, took <= timeout, took > timeout
    elif fault == "hanging":
        typical, share = timeout * chance.uniform(0.005, 0.03), chance.uniform(0.05, 0.2)
        step = {"timeout_s": timeout, "attempts": 2}

        def draw(number, bad):
            hangs = chance.random() < share
            return (timeout if hangs else typical * chance.lognormvariate(0, 0.2)) * 1000, not hangs, hangs
    elif fault in ("flaky", "passing"):
        share = chance.uniform(0.25, 0.5) if fault == "flaky" else chance.uniform(0.1, 0.3)
        step = {"timeout_s": timeout, "attempts": 2 if fault == "flaky" else 1}

        def draw(number, bad):
            return timeout * 50, chance.random() >= share, False
    elif fault == "hopeless":
        step = {"timeout_s": timeout, "attempts": 4}

        def draw(number, bad):
            return timeout * 50, not bad, False
    else:
        share = 0.0 if fault == "healthy" else chance.uniform(0.0, 0.03)
        step = {"timeout_s": timeout, "attempts": chance.choice([1, 3])}

        def draw(number, bad):
            return timeout * 1000 * chance.uniform(0.02, 0.3), chance.random() >= share, False

    return step, draw


def history(seed, fault, count=80):
    """Past runs of a workflow of one step with a fault."""
    from roadmap_cli.wf.learning.history import Attempt, Past

    chance = random.Random(f"{fault} {seed}")
    step, draw = one_step(chance, fault)
    step |= {"name": "step", "action": "command", "command": ["x"]}
    bad_share = chance.uniform(0.1, 0.3)
    runs = []
    for number in range(count):
        bad, tries = chance.random() < bad_share, []
        for attempt in range(1, step["attempts"] + 1):
            took, succeeds, over = draw(attempt, bad)
            reason = "" if succeeds else f"not done after {step['timeout_s']} s" if over else "ended with exit code 1"
            failure = "" if succeeds else "transient" if over else "unknown"
            tries.append(Attempt(attempt, round(took), "succeeded" if succeeds else "failed", failure, reason))
            if succeeds:
                break
        runs.append(Past(f"r{number}", tries[-1].status, {"step": step}, {"step": tuple(tries)}))
    return runs, step, draw


def tried(step, draw, field, new, chance, count=2000):
    """Share of runs that succeed, and mean seconds, with a field of the step as it is or as proposed."""
    attempts = int(new) if field == "attempts" else step["attempts"]
    good, spent = 0, 0.0
    limit = (new if field == "timeout" else step["timeout_s"]) * 1000
    for _ in range(count):
        for number in range(1, attempts + 1):
            took, succeeds, over = draw(number, chance.random() < 0.2)
            if over and limit < took:  # ended sooner than it was
                took = limit
            spent += took / 1000
            if succeeds and took <= limit:
                good += 1
                break
    return good / count, spent / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="100:200")
    first, last = map(int, parser.parse_args().seeds.split(":"))
    from roadmap_cli.wf.learning import judging, replaying

    for fault, wanted in FAULTS.items():
        found = without_cause = 0
        gains, savings = [], []
        for seed in range(first, last):
            runs, step, draw = history(seed, fault)
            proposed = [
                each for each in judging.changes(runs) if not replaying.replay(runs, each).worse_count
            ]  # fmt: skip
            right = [each for each in proposed if wanted and (each.field, each.new > each.old) == wanted]
            found += bool(right)
            without_cause += len(proposed) > len(right)
            if right and fault not in ("slow", "hopeless"):  # what would have gone on is not drawn again
                before = tried(step, draw, "attempts", step["attempts"], random.Random(seed))
                after = tried(step, draw, right[0].field, right[0].new, random.Random(seed))
                gains.append(after[0] - before[0])
                savings.append(before[1] - after[1])
        more = {}
        if gains:
            more = {
                "success_gain": round(sum(gains) / len(gains), 4), "seconds_saved": round(sum(savings) / len(savings), 3),
            }  # fmt: skip
        print(json.dumps({
            "kind": "bench.figure", "name": f"wf_learn.{fault}", "value": found / (last - first), "unit": "found",
            "without_cause": without_cause / (last - first), "histories": last - first, **more,
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
