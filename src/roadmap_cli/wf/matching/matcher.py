"""Which workflow an event, or several that belong together, asks for: every condition with what it found, and how sure.

The rule kept here: a workflow is chosen only if it alone matches best and that is likely enough. Else nobody has said
what to do, so a person is asked, and nothing goes on until there is an answer.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.wf.language import conditions
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.matching.ready import Ready, ready
from roadmap_cli.wf.matching.windows import Answer, Windows, grouping_of

#: A match less likely than this is a question to a person, and one less likely than `NOT` is none.
SURE, NOT = 0.7, 0.3
#: An event that says it happened later than this after it came has a wrong clock, milliseconds.
_AHEAD_MS = 60_000
#: Ids of events that stand in a match.
_MOST_IDS = 1000

#: Gives for pairs of (what an event says, what a trigger asks for) the probability that they mean the same.
Likeness = Callable[[Sequence[tuple[Record, str]]], Sequence[float]]


class Held(NamedTuple):
    """A template whose conditions an event fulfils, and which of its parts (bits of a sequence, or one choice)."""

    ready: Ready
    parts: int
    choice: conditions.Part | None
    probability: float


@dataclass(slots=True)
class Judged:
    """An event with the templates whose conditions it fulfils by itself."""

    event: Record
    held: list[Held]


class Candidate(NamedTuple):
    """A template that matches, with what it rests on besides the event."""

    held: Held
    answer: Answer | None
    grouping: str


@dataclass(slots=True)
class Taken:
    """What became of some events: the matches to announce, in order, and what happened to the rest."""

    matches: list[Record] = dataclasses.field(default_factory=list)
    unmatched: list[str] = dataclasses.field(default_factory=list)
    waiting: list[str] = dataclasses.field(default_factory=list)
    late: list[str] = dataclasses.field(default_factory=list)
    joined: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    cooling: list[tuple[str, str]] = dataclasses.field(default_factory=list)


class Matcher:
    """All templates, made ready; holds no state but what it is given."""

    def __init__(self, templates: Sequence[Template], likeness: Likeness | None = None) -> None:
        self.ready = [ready(template) for template in templates]
        self.likeness = likeness
        self.templates_hash = templates_hash(templates)
        self._by_type: dict[str, list[Ready]] = {}

    @property
    def texts(self) -> list[str]:
        """The free texts of all triggers."""
        parts = (part for each in self.ready for part in (each.base, *each.any, *each.pieces))
        return [part.text for part in parts if part.text]

    def judge(self, events: Sequence[Record]) -> list[Judged]:
        """Hold each event against every template. What needs a model is computed here, outside of any transaction."""
        judged = [Judged(event, self._held(event)) for event in events]
        if self.likeness is None:
            return judged
        asked: list[tuple[Record, str]] = []
        for each in judged:
            asked += [(each.event, text) for held in each.held for text in _texts(held)]
        if asked:
            given = iter(self.likeness(asked))
            for each in judged:
                each.held = [found for held in each.held if (found := _liked(held, given))]
        return judged

    def _held(self, event: Record) -> list[Held]:
        kind = event["type"]
        asking = self._by_type.get(kind)
        if asking is None:
            asking = [each for each in self.ready if each.types is None or kind in each.types]
            if len(self._by_type) < 10_000:
                self._by_type[kind] = asking
        return [held for each in asking if (held := _holding(each, event))]


def made(event: Record, holding: Sequence[Candidate], at: datetime, chosen: str | None = None) -> Record:
    """The wf.match of an event and the templates that hold.

    The most specific trigger wins: the one that asks for the most. `certainty_ratio` is its share of what all that hold
    ask for; where free text decides, the probability that it is what is meant, given the others that are as specific.
    """
    ordered = sorted(holding, key=lambda each: (-_weight(each.held), each.held.ready.template.workflow))
    most = _weight(ordered[0].held)
    best = [each for each in ordered if _weight(each.held) == most]
    if chosen is not None:
        best = [each for each in ordered if each.held.ready.template.workflow == chosen]
    total = sum(_weight(each.held) for each in ordered)
    shares = [_weight(each.held) / total * each.held.probability for each in best]
    if chosen is None and any(each.held.probability < 1 for each in best):
        shares = _posterior([each.held.probability for each in best])
        order = sorted(range(len(best)), key=lambda place: -shares[place])
        best, shares = [best[place] for place in order], [shares[place] for place in order]
        if shares[0] >= SURE:
            best, shares = best[:1], shares[:1]
    is_ambiguous = chosen is None and (len(best) > 1 or best[0].held.probability < SURE)
    record: Record = {
        "kind": "wf.match",
        "id": content_id(
            "wf.match",
            event_id=event["id"],
            templates=[f"{each.held.ready.template.workflow} {each.held.ready.template.sha256}" for each in best],
            chosen=chosen,
        ),
        "at": clock.stamp(at),
        "event_id": event["id"],
        "ambiguous": is_ambiguous,
    }
    if is_ambiguous:
        record["candidates"] = [_candidate(event, each, share) for each, share in zip(best, shares, strict=True)]
    else:
        record |= _candidate(event, best[0], 1.0 if chosen is not None else shares[0])
        others = [each.held.ready.template.workflow for each in ordered if each is not best[0]]
        if others:
            record["others"] = others
    if chosen is not None:
        record["chosen_by"] = "user"
    return record


def _posterior(probabilities: Sequence[float]) -> list[float]:
    """The probability of each of several likenesses if one of them at most is right: by their odds against none."""
    odds = [min(each, 0.9999) / (1 - min(each, 0.9999)) for each in probabilities]
    return [each / (1 + sum(odds)) for each in odds]


def _weight(held: Held) -> int:
    weight = held.ready.base.weight + sum(part.weight for part in held.ready.pieces)
    weight += held.choice.weight if held.choice else 0
    return weight + (held.ready.shape.count > 1)


def _candidate(event: Record, candidate: Candidate, share: float) -> Record:
    held, answer = candidate.held, candidate.answer
    template = held.ready.template
    clauses = held.ready.base.shown(event) + (held.choice.shown(event) if held.choice else [])
    for place, part in enumerate(held.ready.pieces):
        is_last = place == len(held.ready.pieces) - 1 or not held.ready.shape.is_ordered
        if held.parts >> place & 1 and is_last:
            clauses += part.shown(event)
    found: Record = {
        "workflow": template.workflow,
        "template": template.document.name,
        "template_sha256": template.sha256,
        "certainty_ratio": round(share, 4),
        "certainty": in_words(share),
        "clauses": clauses,
    }
    texts = _texts(held)
    if texts:
        found |= {"text": " / ".join(texts), "likeness_ratio": round(held.probability, 4)}
    if answer and answer.what == "fired" and held.ready.shape.window_ms:
        found |= {
            "event_ids": list(answer.events[:_MOST_IDS]),
            "events_count": len(answer.events),
            "first_at": _stamp(answer.first_ms),
            "last_at": _stamp(answer.last_ms),
        }
        if held.ready.template.trigger.group:
            names = held.ready.template.trigger.group
            values = held.ready.keys(event) or []
            found["group"] = {name: str(value)[:200] for name, value in zip(names, values, strict=False)}
    return found


def in_words(ratio: float) -> str:
    """A probability as people say it."""
    steps = ((0.99, "certain"), (0.85, "very likely"), (0.65, "likely"), (0.5, "more likely than not"))
    return next((words for least, words in steps if ratio >= least), "unsure")


def templates_hash(templates: Iterable[Template]) -> str:
    """What stands for a set of templates: the same templates, the same hash."""
    names = "\n".join(sorted(f"{each.workflow} {each.sha256}" for each in templates))
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def resolve(windows: Windows, judged: Judged, at: datetime) -> tuple[list[Candidate], list[Answer]]:
    """The templates that match now, and what the triggers that ask for several events said of this one."""
    holding: list[Candidate] = []
    answers: list[Answer] = []
    for held in judged.held:
        if not held.ready.is_stateful:
            holding.append(Candidate(held, None, ""))
            continue
        values = held.ready.keys(judged.event)
        if values is None:
            continue
        grouping = grouping_of(values)
        answer = windows.offer(held.ready.shape, grouping, _event_ms(judged.event), judged.event["id"], held.parts)
        if answer.what == "fired":
            holding.append(Candidate(held, answer, grouping))
        else:
            answers.append(answer)
    return holding, answers


def _event_ms(event: Record) -> int:
    """When it happened; one that says it happened in the future happened when it came."""
    happened = _milliseconds(event["at"])
    came = event.get("received_at")
    if isinstance(came, str):
        try:
            received = _milliseconds(came)
        except DataError:
            return happened
        if happened > received + _AHEAD_MS:
            return received
    return happened


def _milliseconds(text: str) -> int:
    return int(clock.parse(text).timestamp() * 1000)


def _stamp(milliseconds: int) -> str:
    return clock.stamp(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _holding(ready: Ready, event: Record) -> Held | None:
    """Whether the conditions hold; the texts are not looked at."""
    for get, test in ready.tests:
        if not test(get(event)):
            return None
    base = ready.base
    if ready.pieces:
        parts = sum(1 << place for place, part in enumerate(ready.pieces) if _asks(part) and part.holds(event))
        return Held(ready, parts, None, 1.0) if parts else None
    if ready.any:
        for choice in ready.any:
            if _asks(choice) and choice.holds(event):
                return Held(ready, 0, choice, 1.0)
        return None
    return Held(ready, 0, None, 1.0) if _asks(base) else None


def _asks(part: conditions.Part) -> bool:
    return bool(part.tests or part.text)


def _texts(held: Held) -> list[str]:
    """The free texts that an event must be like for a template to hold."""
    found = [held.ready.base.text, held.choice.text if held.choice else ""]
    found += [part.text for place, part in enumerate(held.ready.pieces) if held.parts >> place & 1]
    return [text for text in found if text]


def _liked(held: Held, given: Any) -> Held | None:
    """The same with the probabilities of its texts taken in; None if one is too unlikely."""
    texts = _texts(held)
    if not texts:
        return held
    by_text = {text: float(next(given)) for text in texts}
    if not held.ready.pieces:
        probability = min(by_text.values())
        return held._replace(probability=probability) if probability >= NOT else None
    base = by_text.get(held.ready.base.text, 1.0)
    parts = held.parts
    for place, part in enumerate(held.ready.pieces):
        if part.text and parts >> place & 1 and by_text[part.text] < SURE:
            parts &= ~(1 << place)
    return held._replace(parts=parts, probability=base) if parts and base >= NOT else None
