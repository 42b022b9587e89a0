"""Root causes found in generated incidents, by the rules of the analysis agent and by two naive peers.

    tools/bench/root_cause.py [--count N] [--split dev|report] [--verbose]

Prints bench.figure records. The split "report" has other wordings, formats and sizes than "dev", by which the rules
were made; incidents are those of tools/incidents.py, seeds 0 to N-1. Right is: the sort and the service of the cause are
those of the truth; where nothing tells it, that the answer is "unknown". The peers blame the service of the first error
in the hour before the alert, of the most frequent one, or of the first one that
was not there before the last 20 minutes, and tell the sort by the same words as the agent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from incidents import incident  # noqa: E402
from roadmap_cli.wf.agents import causes, logs, signs  # noqa: E402
from roadmap_cli.wf.agents.desk import Desk  # noqa: E402


class Context:
    """As much of a step's surroundings as a task looks at that reads no files."""

    directory = Path()
    scope = ()

    @staticmethod
    def now():
        return datetime(2026, 11, 30, tzinfo=UTC)


def figure(name, value, unit, peer="", peer_value=None, **more):
    record = {"kind": "bench.figure", "name": f"root_cause.{name}", "value": round(value, 4), "unit": unit}
    if peer:
        record |= {"peer": peer, "peer_value": round(peer_value, 4)}
    print(json.dumps(record | more), flush=True)


def agent(given):
    spec = {"task": "root_cause", **given}
    output = causes.work(spec, Desk(spec, {"name": "x", "role": "analysis"}, Context())).output
    ranked = [(each["sort"], each["service"]) for each in output["candidates"]]
    best = ("unknown", "") if output["is_unknown"] else ranked[0]
    return best, ranked, output["certainty_ratio"]


def naive(given, by):
    started = logs.moment(given["started"])
    lines = [
        each for each in logs.lines(given["logs"], year=2026)
        if each.level in ("ERROR", "FATAL") and each.at and started - timedelta(hours=1) <= each.at <= started
    ]  # fmt: skip
    if not lines:
        return "unknown", ""
    if by == "new":
        known = {(each.service, logs.masked(each.text)) for each in lines if each.at < started - timedelta(minutes=20)}
        fresh = [each for each in lines if (each.service, logs.masked(each.text)) not in known]
        line = min(fresh or lines, key=lambda each: each.at)
    elif by == "first":
        line = min(lines, key=lambda each: each.at)
    else:
        counts = Counter((each.service, logs.masked(each.text)) for each in lines)
        most = counts.most_common(1)[0][0]
        line = next(each for each in lines if (each.service, logs.masked(each.text)) == most)
    return signs.sort_of(line.text) or "fault", line.service


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--split", choices=["dev", "report"], default="report")
    options.add_argument("--verbose", action="store_true")
    asked = options.parse_args()
    right, top3, where = Counter(), Counter(), Counter()
    by_sort = defaultdict(Counter)
    certainties = []
    spent, logs_only = 0.0, 0
    for seed in range(asked.first, asked.first + asked.count):
        found = incident(seed, asked.split)
        truth = (found.sort, found.service)
        begin = time.process_time()
        best, ranked, certainty = agent(found.given)
        spent += time.process_time() - begin
        logs_only += agent({key: found.given[key] for key in ("logs", "started")})[0] == truth
        hit = best == truth
        right["agent"] += hit
        where["agent"] += best[1] == truth[1]
        top3["agent"] += truth in ranked[:3] or (truth[0] == "unknown" and best[0] == "unknown")
        by_sort[found.sort]["right" if hit else "unknown" if best[0] == "unknown" else "wrong"] += 1
        certainties.append((certainty, bool(ranked) and ranked[0] == truth))
        for by in ("first", "most", "new"):
            guess = naive(found.given, by)
            right[by] += guess == truth
            where[by] += guess[1] == truth[1]
        if asked.verbose and not hit:
            print(seed, "truth", truth, "said", best, certainty, ranked[:3], file=sys.stderr)
    count, split = asked.count, asked.split
    for peer, name in (("first", "first error"), ("most", "most frequent error"), ("new", "first new error")):
        figure("right_ratio", right["agent"] / count, "ratio", name, right[peer] / count, split=split, count=count)
        figure("service_ratio", where["agent"] / count, "ratio", name, where[peer] / count, split=split, count=count)
    figure("among_three_ratio", top3["agent"] / count, "ratio", split=split, count=count)
    named = sum(each["right"] + each["wrong"] for sort, each in by_sort.items())
    wrong = sum(each["wrong"] for each in by_sort.values())
    figure("right_ratio.logs_alone", logs_only / count, "ratio", split=split, count=count)
    figure("wrong_of_named_ratio", wrong / max(named, 1), "ratio", split=split, count=count)
    bins = defaultdict(list)
    for certainty, hit in certainties:
        bins[min(int(certainty * 5), 4)].append((certainty, hit))
    off = sum(abs(sum(c for c, _ in each) - sum(h for _, h in each)) for each in bins.values()) / count
    figure("calibration_error", off, "ratio", split=split, count=count)
    figure("seconds", spent / count, "s CPU an incident", split=split, count=count)
    for sort in sorted(by_sort):
        total = sum(by_sort[sort].values())
        figure(f"right_ratio.{sort}", by_sort[sort]["right"] / total, "ratio", split=split, **by_sort[sort])


if __name__ == "__main__":
    main()
