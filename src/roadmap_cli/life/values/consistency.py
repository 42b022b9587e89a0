"""Where values contradict each other, or say nothing: told as findings, each with the rules it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadmap_cli.life.values import areas, keeping
from roadmap_cli.life.values.keeping import Held

HOURS_IN_WEEK = 168.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A contradiction (`cannot` all hold) or a rule without effect, and the values concerned."""

    what: str
    text: str
    values: tuple[Held, ...]


def findings(rules: Sequence[Held]) -> Iterator[Finding]:
    """Everything there is to say about rules that hold together."""
    circle = keeping.order(rules).cycle()
    if circle:
        involved = tuple(each for each in rules if each.rule.form == "priority")
        yield Finding("contradiction", f"priorities go round in a circle: {' > '.join(circle)}", involved)
    yield from _implied(rules)
    yield from _hours(rules)
    yield from _windows(rules)
    yield from _unknown(rules)


def _weekly(each: Held) -> float:
    return float(each.rule.told["hours"]) * (7 if each.rule.told["per"] == "day" else 1)


def _implied(rules: Sequence[Held]) -> Iterator[Finding]:
    for each in rules:
        if each.rule.form != "priority":
            continue
        others = keeping.order([other for other in rules if other is not each])
        steps = each.rule.told["order"]
        if all(others.outranks(upper, lower) for upper, lower in pairwise(steps)):
            yield Finding("redundant", f"{each.rule.words} follows from the other priorities", (each,))


def _hours(rules: Sequence[Held]) -> Iterator[Finding]:
    spans = [each for each in rules if each.rule.form == "hours"]
    for low in spans:
        for high in spans:
            if (
                low.rule.told["side"] == "least"
                and high.rule.told["side"] == "most"
                and areas.canonical(low.rule.told["what"]) == areas.canonical(high.rule.told["what"])
                and _weekly(low) > _weekly(high)
            ):
                text = f"{low.rule.words} and {high.rule.words} cannot both hold"
                yield Finding("contradiction", text, (low, high))
    least = [each for each in spans if each.rule.told["side"] == "least"]
    sleep = [each for each in rules if each.rule.form == "sleep"]
    needed = sum(map(_weekly, least)) + sum(float(each.rule.told["least"]) * 7 for each in sleep)
    if needed > HOURS_IN_WEEK:
        text = f"together they need {needed:g} h a week, and a week has {HOURS_IN_WEEK:g}"
        yield Finding("contradiction", text, (*least, *sleep))


def _windows(rules: Sequence[Held]) -> Iterator[Finding]:
    """At least so many hours a day of what may only be between two times of the day."""
    windows = [each for each in rules if each.rule.form == "window" and "days" not in each.rule.told]
    for each in rules:
        told = each.rule.told
        if each.rule.form == "never" or (each.rule.form == "free" and "begins" not in told):
            continue
        if each.rule.form != "hours" or told["side"] != "least":
            continue
        about = [other for other in windows if other.rule.told["what"] in (told["what"], "events")]
        begins = max((_clock(o.rule.told["clock"]) for o in about if o.rule.told["side"] == "before"), default=0.0)
        ends = min((_clock(o.rule.told["clock"]) for o in about if o.rule.told["side"] == "after"), default=24.0)
        room = max(ends - begins, 0.0) * (1 if told["per"] == "day" else 7)
        if float(told["hours"]) > room:
            words = " and ".join(o.rule.words for o in about)
            text = f"{each.rule.words} does not fit: {words} leave {room:g} h a {told['per']}"
            yield Finding("contradiction", text, (each, *about))


def _clock(text: str) -> float:
    hour, _, minute = text.partition(":")
    return int(hour) + int(minute) / 60


def _unknown(rules: Sequence[Held]) -> Iterator[Finding]:
    """Areas that no record can be told to belong to."""
    known = {*areas.KNOWN, *keeping.mappings(rules), "meeting", "event", "appointments", "anything"}
    for each in rules:
        told = each.rule.told
        named = told.get("order") or [name for name in (told.get("what"), told.get("area")) if name]
        for name in named if each.rule.form != "area" else []:
            if name not in known:
                text = f"nothing tells which records belong to {name}; say: area {name}: calendar NAME, or title WORD"
                yield Finding("unknown_area", text, (each,))
