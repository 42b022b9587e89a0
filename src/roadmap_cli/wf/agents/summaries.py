"""Task ``summarise_logs``: what the lines say, how often, since when, and what is different from before."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import logs
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.agents.logs import Group, Groups, Line
from roadmap_cli.wf.evidence import evidence

#: So many standard deviations apart are two rates that differ, and so many times at least.
_APART, _TIMES = 4.0, 2.0
_ORDER = {"new": 0, "more": 1, "gone": 2, "less": 3, "same": 4}


def work(spec: Record, desk: Desk) -> Work:
    """Group the lines; with a baseline, or from `since` on, tell what changed."""
    given = [*logs.lines(spec.get("logs"), year=desk.now.year)]
    for path, text in desk.files().items():
        given += logs.lines(text, path, desk.now.year)
    since, until = _moment(spec, "since"), _moment(spec, "until")
    now = [each for each in given if _within(each, since, until)]
    before = [*logs.lines(spec.get("baseline"), "baseline", desk.now.year)] if spec.get("baseline") else []
    if not before and since:
        before = [each for each in given if each.at and each.at < since]
    found = compared(now, before)
    shown = found[: spec.get("most", 20)]
    cited: list[Record] = []
    for each in shown:
        lines = [
            evidence("log_line", line.source, line.raw, line.at, desk.now, number=line.number)
            for line in each.pop("_lines")[:2]
        ]
        each["evidence_ids"] = [line["id"] for line in lines]
        cited += lines
    errors = sum(each.level in ("ERROR", "FATAL") for each in now)
    output: Record = {
        "lines_count": len(now),
        "errors_count": errors,
        "templates_count": len(found),
        "templates": shown,
    }
    times = [each.at for each in now if each.at]
    if times:
        output |= {"first_at": logs.stamp(min(times)), "last_at": logs.stamp(max(times))}
    if before:
        output["baseline_lines_count"] = len(before)
    news = [each["template"] for each in shown if each.get("change") == "new"]
    why = f"{errors} of {len(now)} lines are errors" + (f"; new: {news[0][:80]}" if news else "")
    return Work(output, f"summarised {len(now)} lines as {len(found)} templates", why, cited)


def compared(now: list[Line], before: list[Line]) -> list[Record]:
    """The groups of the lines, those first that tell most: new and grown ones, graver ones, frequent ones.

    A rate has changed if the two counts, each over the length of its time, are `_APART` standard deviations apart as
    Poisson counts (the square roots of Poisson counts have a deviation of one half; Anscombe 1948).
    """
    groups = Groups()
    was: dict[int, int] = {}
    for line in before:
        group = groups.add(line)
        was[id(group)] = was.get(id(group), 0) + 1
    old_first = {id(group): group.first for group in groups.found}
    fresh: dict[int, Group] = {}
    for line in now:
        group = groups.add(line)
        mine = fresh.get(id(group))
        if mine is None:
            mine = fresh[id(group)] = Group(group.words)
        mine.add(line)
        mine.words = group.words
    span_now, span_before = _span(now), _span(before)
    share = span_before / span_now if before and now and span_now and span_before else 1.0
    found: list[Record] = []
    for group in groups.found:
        here = fresh.get(id(group))
        count, count_before = here.count if here else 0, was.get(id(group), 0)
        told = here or group
        each: Record = {
            "template": group.template, "level": told.level, "service": told.service, "count": count,
            "first_at": logs.stamp(told.first.at) if told.first else None,
            "last_at": logs.stamp(told.last.at) if told.last else None,
            "_lines": told.lines,
        }  # fmt: skip
        if before:
            each["baseline_count"] = count_before
            each["change"] = _change(count, count_before, share)
            first = old_first.get(id(group))
            if first is not None and first.at:
                each["known_since"] = logs.stamp(first.at)
        if count or each.get("change") == "gone":
            found.append({key: value for key, value in each.items() if value not in (None, "")})
    found.sort(
        key=lambda each: (
            _ORDER[each.get("change", "same")] if each["level"] in ("WARN", "ERROR", "FATAL") else 5,
            -logs.LEVELS.index(each["level"]),
            -each["count"],
            each.get("first_at", ""),
            each["template"],
        )
    )
    return found


def _change(count: int, before: int, share: float) -> str:
    """`share` is how much longer the time before was."""
    expected = before / share
    if not before:
        return "new"
    if not count:
        return "gone" if 2 * math.sqrt(expected) >= _APART / 2 else "same"
    apart = 2 * (math.sqrt(count) - math.sqrt(expected)) / math.sqrt(1 + 1 / share)
    if apart >= _APART and count >= _TIMES * expected:
        return "more"
    return "less" if -apart >= _APART and expected >= _TIMES * count else "same"


def _span(lines: list[Line]) -> float:
    times = [each.at for each in lines if each.at]
    return max((max(times) - min(times)).total_seconds(), 1.0) if times else 0.0


def _within(line: Line, since: datetime | None, until: datetime | None) -> bool:
    if line.at is None:
        return True
    return (since is None or line.at >= since) and (until is None or line.at < until)


def _moment(spec: Record, key: str) -> datetime | None:
    text: Any = spec.get(key)
    if not text:
        return None
    found = logs.moment(str(text))
    if found is None:
        raise DataError(f"{key!r} is not a time: {str(text)[:60]!r}", code="bad_time")
    return found
