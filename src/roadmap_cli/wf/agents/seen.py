"""What was seen around an incident, read from what a step is given: anomalies in lines and series, changes, alerts."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import logs, signs
from roadmap_cli.wf.agents.logs import Groups, Line

#: Deviations (by the median absolute one) from which a value is out of the ordinary.
_FAR = 6.0
#: What was not seen any more for so long before the start is over.
_LASTS = timedelta(minutes=2)
#: Sorts that a caller's words tell about the one it calls.
TOLD_OF_OTHERS = frozenset({"certificate_expiry", "connections_exhausted", "disk_full", "rate_limit", "locks"})
MOST_SERIES, MOST_POINTS = 2_000, 200_000


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something out of the ordinary: when it began, whose, what it tells, and the record of it."""

    at: datetime
    service: str
    sort: str | None
    what: str
    strength: float
    evidence: Record
    blames: str | None = None
    is_log: bool = True
    host: str = ""
    is_lasting: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """A deployment, a change of configuration, or another act on a service."""

    at: datetime
    service: str
    sort: str
    evidence: Record


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of a service."""

    at: datetime
    service: str
    evidence: Record


@dataclass(slots=True)
class Seen:
    """All that was seen, by service."""

    started: datetime
    anomalies: list[Anomaly] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    depends: dict[str, set[str]] = field(default_factory=dict)
    hosts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    services: set[str] = field(default_factory=set)
    silent: dict[str, tuple[datetime, Line]] = field(default_factory=dict)

    def below(self, service: str) -> set[str]:
        """All that a service depends on, directly or not."""
        found: set[str] = set()
        waiting = [*self.depends.get(service, ())]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += self.depends.get(each, ())
        return found


def from_graph(value: Any) -> dict[str, set[str]]:
    """``{service: [what it depends on]}``. Raises DataError."""
    if not value:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
        raise DataError("'depends' must be a table of lists: service: [what it depends on]", code="bad_depends")
    return {str(key): {str(each) for each in values} for key, values in value.items()}


def tables(value: Any, what: str) -> list[Record]:
    """A list of tables. Raises DataError."""
    if not value:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise DataError(f"{what!r} must be a list of tables", code=f"bad_{what}")
    return value


def whose(table: Mapping[str, Any]) -> str:
    """The service that a table is about."""
    for holder in (table, table.get("labels"), table.get("data")):
        if isinstance(holder, dict):
            for key in ("service", "component", "app", "job", "resource", "deployment"):
                if isinstance(holder.get(key), str) and holder[key]:
                    return str(holder[key])
    return ""


def when(table: Mapping[str, Any]) -> datetime | None:
    """When it happened."""
    for key in ("at", "time", "timestamp", "startsAt", "started", "date", "created"):
        if isinstance(table.get(key), str | int | float):
            return logs.moment(str(table[key]))
    return None


def in_lines(lines: Iterable[Line], seen: Seen, cite: Any, *, before: timedelta, after: timedelta) -> None:
    """The groups of grave lines that are new, or far more frequent, since some moment before the start."""
    groups = Groups()
    last: dict[str, Line] = {}
    busy: dict[str, list[datetime]] = defaultdict(list)
    ends = seen.started + after
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    for line in lines:
        if line.at is None or line.at > ends:
            continue
        first_seen = min(first_seen or line.at, line.at)
        last_seen = max(last_seen or line.at, line.at)
        if line.service:
            seen.services.add(line.service)
            busy[line.service].append(line.at)
            if line.service not in last or last[line.service].at <= line.at:  # type: ignore[operator]
                last[line.service] = line
        if line.level in ("WARN", "ERROR", "FATAL") or signs.sort_of(line.text) or signs.ENDING.search(line.text):
            groups.add(line)
    if first_seen is None or last_seen is None:
        return
    window = seen.started - before
    for group in groups.found:
        onset = _onset(sorted(group.times), max(first_seen, window - timedelta(hours=2)), last_seen)
        if onset is None or onset < window:
            continue
        example = next((each for each in group.lines if each.at and each.at >= onset), group.first)
        if example is None:
            continue
        is_grave = group.level in ("ERROR", "FATAL")
        sort = signs.sort_of(example.text)
        ending = bool(signs.ENDING.search(example.text))
        if not is_grave and sort is None and not ending and group.level != "WARN":
            continue
        if not is_grave and sort is None and not ending and not signs.BLAMING.search(example.text):
            continue
        known = seen.services | set(seen.depends) | _all(seen.depends)
        blames = _blamed(example.text, group.service, known, is_told=sort in TOLD_OF_OTHERS)
        if ending and sort is None:
            sort = "ended"
        since = sum(each >= onset for each in group.times)
        is_lasting = max(group.times) >= seen.started - _LASTS
        seen.anomalies.append(
            Anomaly(
                onset, group.service, sort, f"{since} x {group.level} {group.template[:160]}",
                min(1.0 + math.log10(since + 1), 3.0), cite(example), blames,
                is_lasting=is_lasting or ending,
            )
        )  # fmt: skip
    _silence(seen, busy, last, last_seen)


def _silence(seen: Seen, busy: Mapping[str, list[datetime]], last: Mapping[str, Line], until: datetime) -> None:
    """Services that wrote steadily and then nothing any more."""
    for service, times in busy.items():
        times.sort()
        if len(times) < 10:
            continue
        gaps = sorted((b - a).total_seconds() for a, b in pairwise(times))
        usual = gaps[int(len(gaps) * 0.95)]
        quiet = (until - times[-1]).total_seconds()
        if quiet > max(8 * usual, 90.0) and times[-1] <= seen.started + timedelta(minutes=5):
            seen.silent[service] = (times[-1], last[service])


def _all(graph: Mapping[str, set[str]]) -> set[str]:
    return {each for values in graph.values() for each in values}


def _blamed(text: str, service: str, known: set[str], *, is_told: bool) -> str | None:
    """The other service that a line names as not answering, or as having the trouble that `is_told` of."""
    if not is_told and not signs.BLAMING.search(text):
        return None
    found = [
        (matched.start(), each)
        for each in known
        if each and each != service and (matched := re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", text, re.I))
    ]
    return min(found)[1] if found else None


def _onset(times: list[datetime], since: datetime, until: datetime) -> datetime | None:
    """When a kind of line began to come, or to come far more often; None if it always did.

    The moment that splits the times best into a slow and a fast part, by the likelihood of two Poisson rates.
    """
    if not times:
        return None
    span = (until - since).total_seconds()
    lead = (times[0] - since).total_seconds()
    count = len(times)
    if span <= 0:
        return times[0]
    if lead > 0.25 * span or (lead > 120 and lead * count / max(span - lead, 30.0) > 6):
        return times[0]
    best, at = 0.0, None
    flat = count * math.log(count / span)
    for place in range(1, count):
        left = (times[place] - since).total_seconds()
        right = span - left
        if left <= 0 or right < 30:
            continue
        many = count - place
        gain = place * math.log(place / left) + many * math.log(many / right) - flat
        if gain > best and many / right > 3 * place / left:
            best, at = gain, times[place]
    return at if best > 8 else None


def in_series(series: list[Record], seen: Seen, cite: Any, *, before: timedelta, after: timedelta) -> None:
    """Series that left their ordinary range, or grew all the time, before or around the start."""
    if len(series) > MOST_SERIES:
        raise DataError(f"more than {MOST_SERIES} metrics", code="too_long")
    for table in series:
        name = str(table.get("name") or table.get("metric") or "")
        labels = table.get("labels")
        holder = {**labels, **table} if isinstance(labels, dict) else table
        service, host = whose(holder), str(holder.get("host") or holder.get("node") or holder.get("instance") or "")
        if service:
            seen.services.add(service)
            if host:
                seen.hosts[host].add(service)
        points = sorted(_points(table.get("points") or table.get("values")))
        points = [each for each in points if each[0] <= seen.started + after]
        if len(points) < 6:
            continue
        found = _departure(name, points, seen.started - before)
        if found is None:
            continue
        at, sort, what, strength = found
        seen.anomalies.append(
            Anomaly(
                at, service, sort, f"{name} {what}", strength, cite(name, service or host, what, at), None, False, host
            )
        )


def _points(value: Any) -> list[tuple[datetime, float]]:
    if not isinstance(value, list) or len(value) > MOST_POINTS:
        raise DataError("the points of a metric must be a list of [time, value]", code="bad_metrics")
    found = []
    for each in value:
        if isinstance(each, dict):
            each = [each.get("at") or each.get("time"), each.get("value")]
        if not isinstance(each, list | tuple) or len(each) != 2:
            raise DataError("a point of a metric must be [time, value]", code="bad_metrics")
        at = logs.moment(str(each[0]))
        try:
            number = float(each[1])
        except (TypeError, ValueError):
            continue
        if at is not None and math.isfinite(number):
            found.append((at, number))
    return found


def _departure(
    name: str, points: list[tuple[datetime, float]], window: datetime
) -> tuple[datetime, str | None, str, float] | None:
    """When, of which sort, in what words and how clearly a series departs from what it was."""
    what = signs.measures(name)
    values = [value for _, value in points]
    late = values[-max(len(values) // 5, 2) :]
    if what in ("disk", "disk_free"):
        is_ratio = max(values) <= 1.5
        top = (0.97 if is_ratio else 97.0) if max(values) <= 105 else math.inf
        full = max(late) >= top if what == "disk" else min(late) <= 0.02 * max(values)
        if full:
            at = next(at for at, value in points if (value >= top if what == "disk" else value <= 0.02 * max(values)))
            return at, "disk_full", f"reached {late[-1]:g}", 3.0
    if what == "certificate" and late[-1] <= 0 < values[0]:
        return next(at for at, value in points if value <= 0), "certificate_expiry", f"fell to {late[-1]:g}", 3.0
    if what == "up":
        low = [at for at, value in points if value < 0.5 * max(values)]
        if low and min(late) < 0.5 * max(values) and low[0] >= window:
            return low[0], "down", f"fell to {min(late):g}", 3.0
        return None
    if what == "memory":
        grown = _grown(points)
        if grown is not None:
            return grown[0], "memory_leak", grown[1], 2.5
    # by what it was in the first half of the time before the window ends
    head = values[: max(len(values) // 2, 3)]
    middle = median(head)
    spread = median(abs(value - middle) for value in head) * 1.4826
    spread = max(spread, 0.02 * abs(middle), 1e-9)
    far = [(at, (value - middle) / spread) for at, value in points if abs(value - middle) > _FAR * spread]
    tail = {at for at, _ in points[-max(len(points) // 4, 2) :]}
    if len(far) < 2 or not any(at in tail for at, _ in far):
        return None
    at = far[0][0]
    if at < window:
        return None
    top = max(late) if far[-1][1] > 0 else min(late)
    sort = {"steal": "noisy_neighbour", "cpu": "cpu", "io": "io", "connections": "connections_exhausted"}.get(
        what or ""
    )
    return at, sort, f"went from {middle:.4g} to {top:.4g}", 1.5 if sort else 1.0


def _grown(points: list[tuple[datetime, float]]) -> tuple[datetime, str] | None:
    """Whether a series grew all the time and by much (Mann-Kendall's sign test, 1945): a leak."""
    step = max(len(points) // 60, 1)
    some = points[::step]
    top = max(range(len(points)), key=lambda at: points[at][1])
    some = [each for each in some if each[0] <= points[top][0]]
    if len(some) < 6:
        return None
    pairs = [(a[1], b[1]) for at, a in enumerate(some) for b in some[at + 1 :]]
    rising = sum((b > a) - (b < a) for a, b in pairs) / len(pairs)
    first, last = some[0][1], points[top][1]
    if rising < 0.8 or last < 1.35 * max(first, 1e-9):
        return None
    half = (first + last) / 2
    at = next(each for each, value in points if value >= half)
    return at, f"grew steadily from {first:.4g} to {last:.4g}"
