"""Task ``root_cause``: what set it all off, with the evidence for it, how certain that is, and what else it may be.

Rules, said in the answer: effects follow causes, and come up along the dependencies, so the deepest service whose own
troubles began first is suspected; what others say of it speaks for it; a change just before speaks for the change;
words and series that tell the sort of a cause speak for that sort. The points of each candidate become its certainty
by the logistic function over all candidates and the chance that it is none of them (`_UNKNOWN`), fitted on generated
incidents (tools/bench/root_cause.py, split "dev").
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import logs, models, seen, signs
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.agents.seen import Anomaly, Seen
from roadmap_cli.wf.evidence import evidence

#: How long before and after the start things still belong to it.
BEFORE, AFTER = timedelta(minutes=60), timedelta(minutes=20)
#: How long before an onset a change is still suspected, and how fast that fades (seconds).
_CHANGES_FROM, _FADE_S = timedelta(hours=6), 1200.0
_UNKNOWN, _SHARP = 4.2, 1.1
_MOST_CANDIDATES, _MOST_EVIDENCE = 5, 6
_DEPLOYS = ("deploy", "release", "rollout", "version", "upgrade", "migration", "build", "image")
_SETTINGS = ("config", "setting", "flag", "parameter", "secret", "toggle", "policy", "variable", "rule")


@dataclass(slots=True)
class Candidate:
    """A cause that may be it: its sort, whose, the points for it and what they come from."""

    sort: str
    service: str
    points: float = 0.0
    reasons: list[tuple[float, str, Record | None]] = field(default_factory=list)
    at: datetime | None = None

    def add(self, points: float, why: str, found: Record | None = None) -> None:
        """Points with their reason."""
        self.points += points
        self.reasons.append((points, why, found))


def work(spec: Record, desk: Desk) -> Work:
    """Rank the candidates; the first is the cause if it is certain enough."""
    started = logs.moment(str(spec["started"]))
    if started is None:
        raise DataError(f"'started' is not a time: {str(spec['started'])[:60]!r}", code="bad_time")
    found = collected(spec, desk, started)
    ranked = ranked_causes(found)
    least = spec.get("least_certainty", 0.5)
    told: list[Record] = []
    cited: dict[str, Record] = {}
    for candidate, certainty in ranked[:_MOST_CANDIDATES]:
        each, records = _told(candidate, certainty)
        told.append(each)
        cited |= {record["id"]: record for record in records}
    best = told[0] if told else None
    is_unknown = best is None or best["certainty_ratio"] < least
    output: Record = {
        "is_unknown": is_unknown,
        "certainty_ratio": best["certainty_ratio"] if best else 0.0,
        "candidates": told,
        "anomalies_count": len(found.anomalies),
    }
    if best is not None and not is_unknown:
        output["cause"] = best
        what = f"root cause: {best['what']}"
        why = "; ".join(each["why"] for each in best["reasons"] if each["points"] > 0)
    else:
        what = "the root cause is not known"
        why = "no candidate is certain enough" if told else "nothing out of the ordinary was seen around the start"
        output["why_unknown"] = why
    if desk.model is not None and best is not None:
        _in_words(output, what, why, [each["text"] for each in cited.values()], desk)
    return Work(output, what, why, list(cited.values()), output["certainty_ratio"])


def collected(spec: Record, desk: Desk, started: datetime) -> Seen:
    """All that was seen, from what the step was given."""
    now = desk.now
    found = Seen(started, depends=seen.from_graph(spec.get("depends")))
    given = [*logs.lines(spec.get("logs"), year=now.year)]
    for path, text in desk.files().items():
        given += logs.lines(text, path, now.year)

    def line(each: logs.Line) -> Record:
        return evidence("log_line", each.source, each.raw, each.at, now, number=each.number, service=each.service)

    def metric(name: str, service: str, what: str, at: datetime) -> Record:
        return evidence("metric", name, f"{service} {name} {what}".strip(), at, now, service=service)

    for each in seen.tables(spec.get("alerts"), "alerts"):
        at = seen.when(each)
        if at is not None and started - BEFORE <= at <= started + AFTER:
            name = str(each.get("name") or each.get("alertname") or each.get("summary") or "alert")
            record = evidence(
                "alert", "alerts", f"{seen.whose(each)} {name}".strip(), at, now, service=seen.whose(each)
            )
            found.alerts.append(seen.Alert(at, seen.whose(each), record))
    for each in seen.tables(spec.get("changes"), "changes"):
        at = seen.when(each)
        if at is not None and started - _CHANGES_FROM <= at <= started + AFTER:
            text = " ".join(
                str(each[key]) for key in ("sort", "kind", "type", "what", "description", "version") if key in each
            )
            record = evidence(
                "change", "changes", f"{seen.whose(each)} {text}".strip(), at, now, service=seen.whose(each)
            )
            found.changes.append(seen.Change(at, seen.whose(each), _change_sort(text), record))
    found.services |= {each.service for each in found.alerts} | {each.service for each in found.changes}
    found.services.discard("")
    for table in seen.tables(spec.get("metrics"), "metrics"):
        if name := seen.whose(table):
            found.services.add(name)
    seen.in_lines(given, found, line, before=BEFORE, after=AFTER)
    seen.in_series(seen.tables(spec.get("metrics"), "metrics"), found, metric, before=BEFORE, after=AFTER)
    if spec.get("service"):
        found.services.add(str(spec["service"]))
    for service, (at, last) in list(found.silent.items()):
        found.anomalies.append(
            seen.Anomaly(at, service, "silent", f"{service} wrote nothing after this", 2.0, line(last))
        )
    return found


def _change_sort(text: str) -> str:
    low = text.lower()
    if any(word in low for word in _SETTINGS) and not any(low.startswith(word) for word in _DEPLOYS):
        return "config_change"
    return "bad_deploy" if any(word in low for word in _DEPLOYS) else "config_change"


def ranked_causes(found: Seen) -> list[tuple[Candidate, float]]:
    """The candidates with their certainty (ratio), the likeliest first."""
    candidates = list(_candidates(found).values())
    candidates = [each for each in candidates if each.points > 0 and each.reasons]
    candidates.sort(key=lambda each: (-each.points, each.service, each.sort))
    weights = [math.exp(_SHARP * (each.points - _UNKNOWN)) for each in candidates]
    total = 1.0 + sum(weights)
    return [(each, weight / total) for each, weight in zip(candidates, weights, strict=True)]


def _candidates(found: Seen) -> dict[tuple[str, str], Candidate]:
    made: dict[tuple[str, str], Candidate] = {}
    own: dict[str, list[Anomaly]] = defaultdict(list)
    blaming: dict[str, list[Anomaly]] = defaultdict(list)
    blamed: dict[str, list[Anomaly]] = defaultdict(list)
    for each in found.anomalies:
        if each.blames:
            blamed[each.blames].append(each)
            blaming[each.service].append(each)
        elif each.service or each.host:
            for service in [each.service] if each.service else sorted(found.hosts.get(each.host, ())):
                own[service].append(each)
    onsets = {
        service: min(each.at for each in (*own[service], *blamed[service]) if each.sort not in ("cpu", "io"))
        for service in {*own, *blamed}
        if any(each.sort not in ("cpu", "io") for each in (*own[service], *blamed[service]))
    }
    first = min(onsets.values(), default=found.started)

    def candidate(sort: str, service: str) -> Candidate:
        if (sort, service) not in made:
            each = made[sort, service] = Candidate(sort, service, at=onsets.get(service))
            for points, why, record in _of_service(service, found, own, blaming, blamed, onsets, first):
                each.add(points, why, record)
        return made[sort, service]

    for service in sorted({*own, *blamed, *(each.service for each in found.changes)}):
        _by_words(service, own[service], blamed[service], candidate)
        _by_absence(service, own[service], blamed[service], candidate)
        _by_change(service, own[service], onsets.get(service), found, candidate)
    _by_neighbours(found, own, candidate)
    return made


def _of_service(
    service: str, found: Seen, own: Any, blaming: Any, blamed: Any, onsets: dict[str, datetime], first: datetime
) -> list[tuple[float, str, Record | None]]:
    """What speaks for a service, whatever the sort of its trouble."""
    told: list[tuple[float, str, Record | None]] = []
    troubles = [each for each in own[service] if each.sort not in ("cpu", "io")]
    troubles += [each for each in blamed[service] if each.sort in seen.TOLD_OF_OTHERS]
    if troubles:
        strongest = max(troubles, key=lambda each: each.strength)
        weight = sum(each.strength * (1.0 if each.is_lasting else 0.5) for each in troubles)
        told.append((min(0.5 * weight, 2.0), "it has troubles of its own", strongest.evidence))
    accusers = sorted({each.service for each in blamed[service] if each.service})
    if accusers:
        told.append(
            (min(0.9 * len(accusers), 2.2), f"{', '.join(accusers)} cannot use it", blamed[service][0].evidence)
        )
    onset = onsets.get(service)
    if onset is not None:
        lag = (onset - first).total_seconds()
        when = "its troubles were the first" if lag < 1 else f"its troubles began {lag:.0f} s after the first"
        earliest = min((*own[service], *blamed[service]), key=lambda each: (each.at != onset, each.at))
        told.append((1.5 * math.exp(-lag / 120), when, earliest.evidence))
    callees = {each.blames for each in blaming[service]}
    if callees and not any(each.sort for each in troubles):
        told.append((-1.2, f"it cannot use {', '.join(sorted(callees))}", blaming[service][0].evidence))
    below = found.below(service)
    deeper = [
        each for each in below if each in onsets and onset is not None and onsets[each] <= onset + timedelta(seconds=60)
    ]
    if deeper:
        what = (own[min(deeper)] or blamed[min(deeper)])[0].evidence
        told.append((-0.7, f"{', '.join(sorted(deeper))} below it is troubled too", what))
    above = [
        each
        for each in {*own, *blaming}
        if each != service and (own[each] or blaming[each]) and service in found.below(each)
    ]
    if above:
        what = (own[min(above)] or blaming[min(above)])[0].evidence
        told.append((min(0.25 * len(above), 0.8), f"{', '.join(sorted(above))} above it is troubled", what))
    alerts = [each for each in found.alerts if each.service == service]
    if alerts:
        told.append((0.3, "it has an alert", alerts[0].evidence))
    return told


def _by_words(service: str, own: list[Anomaly], blamed: list[Anomaly], candidate: Any) -> None:
    sorts: dict[str, list[Anomaly]] = defaultdict(list)
    for each in own:
        if each.sort and each.sort in signs.SORTS:
            sorts[each.sort].append(each)
    for each in blamed:
        if each.sort in seen.TOLD_OF_OTHERS:
            sorts[each.sort].append(each)
    for sort, anomalies in sorts.items():
        by_log = [each for each in anomalies if each.is_log]
        by_metric = [each for each in anomalies if not each.is_log]
        weak = sort in ("bad_deploy", "config_change")
        if by_log:
            mine = candidate(sort, service)
            points = (1.3 if weak else 2.6) * (1.0 if any(each.is_lasting for each in by_log) else 0.3)
            mine.add(points, f"the log tells of {signs.SORTS[sort]}", by_log[0].evidence)
        if by_metric and not weak:
            mine = candidate(sort, service)
            mine.add(1.0 + by_metric[0].strength * 0.5, f"a metric tells of {signs.SORTS[sort]}", by_metric[0].evidence)
    plain = [each for each in own if each.sort is None and each.is_log and each.is_lasting]
    if plain and not sorts:
        candidate("fault", service).add(-0.5, "errors of no known sort", plain[0].evidence)


def _by_absence(service: str, own: list[Anomaly], blamed: list[Anomaly], candidate: Any) -> None:
    signs_of_death = {each.sort: each for each in own if each.sort in ("silent", "down", "ended")}
    points = {"silent": 1.4, "down": 1.8, "ended": 1.4}
    words = {"silent": "it fell silent", "down": "it is measured to be down", "ended": "it ended"}
    specific = any(each.sort in signs.SORTS for each in own)
    if not signs_of_death and not blamed:
        return
    mine = candidate("dependency_down", service)
    for sort, each in signs_of_death.items():
        mine.add(points[sort or ""] * (0.5 if specific else 1.0), words[sort or ""], each.evidence)
    if blamed:
        mine.add(0.8 if not specific else 0.2, "others say it does not answer", blamed[0].evidence)
    if specific:
        mine.add(-1.0, "its own words tell more", None)


def _by_change(service: str, own: list[Anomaly], onset: datetime | None, found: Seen, candidate: Any) -> None:
    if onset is None:
        return
    for change in found.changes:
        if change.service != service:
            continue
        lag = (onset - change.at).total_seconds()
        if lag < -60:
            continue
        fits = next((each for each in own if each.sort == change.sort), None)
        other = next(
            (each for each in own if each.sort in signs.SORTS and each.sort not in ("bad_deploy", "config_change")),
            None,
        )
        points = 2.8 * math.exp(-max(lag, 0) / _FADE_S)
        if points < 0.2:
            continue
        mine = candidate(change.sort, service)
        mine.add(points, f"it was changed {max(lag, 0):.0f} s before", change.evidence)
        if fits:
            mine.add(0.8, "its errors are such as such a change makes", fits.evidence)
        if other:
            mine.add(-1.2, "its words tell of another sort", other.evidence)


def _by_neighbours(found: Seen, own: Any, candidate: Any) -> None:
    """Who takes much on a machine where others are short of it."""
    for host, services in found.hosts.items():
        short = [
            each for each in found.anomalies
            if each.sort == "noisy_neighbour" and (each.host == host or (not each.host and each.service in services))
        ]  # fmt: skip
        greedy = [each for each in found.anomalies if each.sort in ("cpu", "io") and each.host == host and each.service]
        if not short:
            continue
        victims = {each.service for each in short if each.service}
        for each in greedy:
            if each.service in victims and len(greedy) > 1:
                continue
            if any(other.is_log and other.is_lasting and other.sort for other in own[each.service]):
                continue
            mine = candidate("noisy_neighbour", each.service)
            mine.add(3.0, f"others on {host} are short of what it takes", short[0].evidence)
            mine.add(2.6, "it takes far more than it did", each.evidence)
            for victim in sorted(services - {each.service}):
                candidate("noisy_neighbour", victim).add(-3.0, f"{each.service} beside it takes what it lacks", None)


def _told(candidate: Candidate, certainty: float) -> tuple[Record, list[Record]]:
    reasons = sorted(candidate.reasons, key=lambda each: -abs(each[0]))
    cited = list({record["id"]: record for _, _, record in reasons[:_MOST_EVIDENCE] if record}.values())
    told: Record = {
        "sort": candidate.sort,
        "service": candidate.service,
        "what": f"{candidate.service}: {signs.SORTS[candidate.sort]}",
        "certainty_ratio": round(certainty, 4),
        "reasons": [
            {"why": why, "points": round(points, 2)} | ({"evidence_ids": [record["id"]]} if record else {})
            for points, why, record in reasons[:6]
        ],
        "evidence_ids": [each["id"] for each in cited],
    }
    if candidate.at:
        told["began_at"] = logs.stamp(candidate.at)
    return told, cited


def _in_words(output: Record, what: str, why: str, texts: list[str], desk: Desk) -> None:
    """The finding in a model's words, if they say nothing that the evidence does not."""
    given = "\n".join([what, why, *texts])
    schema = {
        "type": "object", "properties": {"explanation": {"type": "string"}},
        "required": ["explanation"], "additionalProperties": False,
    }  # fmt: skip
    asked = "You explain to an on-call engineer, in two sentences, what was found out about an incident."
    value = desk.model.ask(asked, given, schema, most_tokens=250) if desk.model else None
    text = models.borne(value.get("explanation"), given, most=600) if isinstance(value, dict) else None
    if text:
        output["explanation"] = text
    elif value is not None:
        desk.notes.append("the model's words were left out: they hold what no evidence bears")
