"""What of a conversation the model sees: pinned and recent turns, and of the rest what bears on the question.

Order: system | pinned | brought back, by time | recent | question. What stood in the last window has an advantage, so
that the beginning of the prompt stays the same from turn to turn and need not be computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.slm.window import chunking
from roadmap_cli.slm.window.conversation import Message
from roadmap_cli.slm.window.ranking import Entry, Index, Scores
from roadmap_cli.slm.window.reasons import Reasons

#: Turns before the question that stay whatever it is.
RECENT = 4
#: A piece's worth is its score less this times the logarithm of its size: half-way between the best and the cheapest.
THRIFT = 0.5
#: What having stood in the last window is worth, in the score's unit: e^1, nearly three times as likely to stay.
STAY = 1.0
#: Share of the chance of resting on it above which an archived piece comes back although nothing has to go.
RECALL = 0.04
#: Share of the budget to which a running conversation is cut when it grows over it: room for turns to come.
LOW_WATER = 0.75
#: What stands for what was left out of the middle of a message.
GAP = " […] "
#: Most words of a question that are searched for; from the end, where a long message asks.
QUESTION_WORDS = 120

Count = Callable[[str], int]
Embed = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Budget:
    """How large a window may be: `size` in the unit that `count` counts, named `unit` in words for people."""

    size: int
    unit: str = "words"
    count: Count = chunking.count_words


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message: which message, which of its pieces, where in it, and its size in the budget's unit."""

    message: int
    number: int
    piece: chunking.Piece
    size: int

    @property
    def key(self) -> tuple[int, int]:
        """Message and number: names it within its conversation."""
        return self.message, self.number


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a part. `place` is pinned, recalled, recent, question or archived; `score` orders what was
    weighed."""

    part: Part
    place: str
    reason: str | Callable[[], str]
    score: float | None = None

    @property
    def why(self) -> str:
        """Why it is there, in words."""
        return self.reason if isinstance(self.reason, str) else self.reason()

    @property
    def is_kept(self) -> bool:
        """Whether the model sees it."""
        return self.place != "archived"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it stands in the window, whole or with gaps."""

    message: int
    role: str
    content: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Window:
    """One window. `used` of the budget is full; `reuse` is the share of it that begins as the last one did."""

    fates: list[Fate]
    shown: list[Shown]
    used: int
    reuse: float | None

    @property
    def kept(self) -> list[Fate]:
        """What the model sees."""
        return [fate for fate in self.fates if fate.is_kept]

    @property
    def archived(self) -> list[Fate]:
        """What it does not see now."""
        return [fate for fate in self.fates if not fate.is_kept]


@dataclass(slots=True)
class Conversation:
    """Messages and their parts, indexed as they come. `embed` gives vectors of length one; None leaves meaning out."""

    budget: Budget
    embed: Embed | None = None
    messages: list[Message] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    _index: Index = field(default_factory=Index)
    _counts: list[int] = field(default_factory=list)  # how many parts each message has
    _waiting: list[tuple[Part, int]] = field(default_factory=list)

    def add(
        self,
        messages: Sequence[Message],
        sittings: Sequence[int],
        cut: Sequence[Sequence[chunking.Piece]] | None = None,
    ) -> None:
        """Put messages at the end; `sittings` is the number of each one's sitting, from `conversation.sittings`.

        `cut` are the pieces of each message, where that was done before.
        """
        for number, (message, sitting) in enumerate(zip(messages, sittings, strict=True)):
            place = len(self.messages)
            self.messages.append(message)
            whole = cut[number] if cut is not None else chunking.pieces(message.content, self.embed)
            self._counts.append(len(whole))
            for part_number, piece in enumerate(whole):
                size = self.budget.count(message.content[piece.start : piece.end])
                part = Part(place, part_number, piece, size)
                self.parts.append(part)
                self._waiting.append((part, sitting))

    def text(self, part: Part) -> str:
        """What a part says."""
        return self.messages[part.message].content[part.piece.start : part.piece.end]

    def window(
        self,
        question: int | str,
        *,
        recent: int = RECENT,
        previous: frozenset[tuple[int, int]] | None = None,
        today: date | None = None,
    ) -> Window:
        """The window for a question: the number of a message, or a text that is none of them.

        `previous` are the keys of the parts of the last window, None for a single window. With it, a window that
        still fits only grows, by what is new and by what comes back; when it does not fit, it is cut below the budget
        to leave room. `today` is the day the question is asked on; else that of the last message with a time.
        Raises DataError if what has to stay does not fit.
        """
        ends = question if isinstance(question, int) else len(self.messages)
        asked = self.messages[ends].content if isinstance(question, int) else question
        forced = self._forced(ends, recent)
        used = self._fitting(forced, asked if isinstance(question, str) else None)
        rest = [part for part in self.parts if part.key not in forced]
        if used + sum(part.size for part in rest) <= self.budget.size:
            fates = [_forced_fate(part, forced) or Fate(part, "recalled", "all of it fits") for part in self.parts]
            return self._made(fates, previous)
        scores = self._scores(asked, today)
        order = {part.key: place for place, part in enumerate(self.parts)}
        values = {part.key: float(scores.values[order[part.key]]) for part in rest}
        kept = _chosen(rest, values, self.budget.size - used, previous, self.budget.size)
        reasons = Reasons(self._index, scores)
        fates = []
        for part in self.parts:
            fate = _forced_fate(part, forced)
            if fate is None:
                place, score = order[part.key], round(values[part.key], 3)
                how = kept.get(part.key)
                if how == "stayed":
                    fate = Fate(part, "recalled", "in the last window, and there is still room", score)
                elif how == "relevant":
                    fate = Fate(part, "recalled", partial(reasons.kept, place), score)
                else:
                    fate = Fate(part, "archived", partial(reasons.archived, place), score)
            fates.append(fate)
        return self._made(fates, previous)

    def shown(self, keys: frozenset[tuple[int, int]], places: dict[tuple[int, int], str]) -> list[Shown]:
        """The messages made of some parts, in the window's order."""
        by_message: dict[int, list[Part]] = {}
        for part in self.parts:
            if part.key in keys:
                by_message.setdefault(part.message, []).append(part)
        order = {"system": 0, "pinned": 1, "recalled": 2, "recent": 3, "question": 4}

        def rank(number: int) -> tuple[int, int]:
            best = min(order[places.get(part.key, "recalled")] for part in by_message[number])
            return (0 if self.messages[number].role == "system" else best), number

        return [self._joined(number, by_message[number]) for number in sorted(by_message, key=rank)]

    def _joined(self, number: int, parts: list[Part]) -> Shown:
        message = self.messages[number]
        content, last = "", 0
        for part in parts:
            if part.number != last:
                content = content.rstrip() + (GAP if content else GAP.lstrip())
            content += self.text(part)
            last = part.number + 1
        is_whole = len(parts) == self._counts[number]
        if not is_whole and parts[-1].piece.end < len(message.content):
            content = content.rstrip() + GAP.rstrip()
        return Shown(number, message.role, content, is_whole)

    def _forced(self, ends: int, recent: int) -> dict[tuple[int, int], str]:
        """Which parts stay whatever is asked, and as what."""
        spoken = [place for place in range(ends) if self.messages[place].role != "system"]
        late = set(spoken[-recent:] if recent else [])
        forced = {}
        for part in self.parts:
            message = self.messages[part.message]
            if part.message >= ends:
                forced[part.key] = "question"
            elif message.is_fixed:
                forced[part.key] = "pinned"
            elif part.message in late:
                forced[part.key] = "recent"
        return forced

    def _fitting(self, forced: dict[tuple[int, int], str], asked: str | None) -> int:
        """What the forced parts use, the oldest recent ones let go where they do not fit; `forced` is changed."""
        sizes = {part.key: part.size for part in self.parts}
        used = sum(sizes[key] for key in forced) + (self.budget.count(asked) if asked else 0)
        for key in sorted(key for key, place in forced.items() if place == "recent"):
            if used <= self.budget.size:
                break
            del forced[key]
            used -= sizes[key]
        if used > self.budget.size:
            raise DataError(
                f"what has to stay has {used} {self.budget.unit}, more than the {self.budget.size} of the window",
                hint="a larger --budget, a shorter question, or less that is pinned",
                code="over_budget",
            )
        return used

    def _scores(self, asked: str, today: date | None) -> Scores:
        """The scores of all parts; those that wait are embedded and indexed first, together."""
        if self._waiting:
            entries = [self._entry(part, sitting) for part, sitting in self._waiting]
            vectors = self.embed([entry.text for entry in entries]) if self.embed else None
            self._index.add(entries, vectors)
            self._waiting = []
        asked = " ".join(asked.split()[-QUESTION_WORDS:])
        vector = self.embed([asked])[0] if self.embed else None
        if today is None:
            today = next((message.at.date() for message in reversed(self.messages) if message.at), None)
        return self._index.rank(asked, vector, today)

    def _entry(self, part: Part, sitting: int) -> Entry:
        message, text = self.messages[part.message], self.text(part)
        name = message.name
        said = f"{name}: {text}" if name and not text.startswith(f"{name}: ") else text
        return Entry(said, part.piece.words, sitting, name, _day(message.at))

    def _made(self, fates: list[Fate], previous: frozenset[tuple[int, int]] | None) -> Window:
        kept = [fate for fate in fates if fate.is_kept]
        places = {fate.part.key: fate.place for fate in kept}
        shown = self.shown(frozenset(places), places)
        used = sum(fate.part.size for fate in kept)
        reuse = None
        if previous is not None:
            before = self.shown(previous, {key: places.get(key, "recalled") for key in previous})
            same = 0
            for old, new in zip(before, shown, strict=False):
                if old != new:
                    break
                same += self.budget.count(new.content)
            reuse = round(same / used, 3) if used else 1.0
        return Window(fates, shown, used, reuse)


def _chosen(
    rest: list[Part],
    values: dict[tuple[int, int], float],
    room: int,
    previous: frozenset[tuple[int, int]] | None,
    budget: int,
) -> dict[tuple[int, int], str]:
    """Which parts are kept, each with how it came to be: stayed, new, relevant."""
    if previous is not None:
        last = max(previous, default=(-1, -1))
        stays = [part for part in rest if part.key in previous or part.key > last]
        backs = _recalled([part for part in rest if part.key not in previous and part.key <= last], values)
        if sum(part.size for part in (*stays, *backs)) <= room:
            return {part.key: "stayed" for part in stays} | {part.key: "relevant" for part in backs}
        room = max(0, room - round((1 - LOW_WATER) * budget))
    import math

    def worth(part: Part) -> float:
        stay = STAY if previous is not None and part.key in previous else 0.0
        return values[part.key] + stay - THRIFT * math.log(max(part.size, 1))

    kept: dict[tuple[int, int], str] = {}
    for part in sorted(rest, key=worth, reverse=True):
        if part.size <= room:
            kept[part.key] = "relevant"
            room -= part.size
    return kept


def _recalled(archived: list[Part], values: dict[tuple[int, int], float]) -> list[Part]:
    """The parts that the question very probably rests on."""
    import math

    highest = max(values.values(), default=0.0)
    total = sum(math.exp(value - highest) for value in values.values()) or 1.0
    return [part for part in archived if math.exp(values[part.key] - highest) / total >= RECALL]


def _forced_fate(part: Part, forced: dict[tuple[int, int], str]) -> Fate | None:
    place = forced.get(part.key)
    return Fate(part, place, _FORCED[place]) if place else None


_FORCED = {"pinned": "pinned", "recent": "among the last turns", "question": "the question"}


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None
