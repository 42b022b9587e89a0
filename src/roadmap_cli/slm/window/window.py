"""What of a conversation the model sees: pinned and recent turns, and of the rest what bears on the question.

Order: system | pinned | the rest, by time | recent | question. A running window keeps its order: what comes back stands
before the recent turns, and what is new at the end, so that the beginning of the prompt stays the same and need not be
computed again. When the window is full it is cut, below its budget, and is in order of time again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.retrieval.ranking import Entry, Index, Scores
from roadmap_cli.slm.window import chunking
from roadmap_cli.slm.window.conversation import Message
from roadmap_cli.slm.window.reasons import Reasons

#: Turns before the question that stay whatever it is.
RECENT = 4
#: A piece's worth is its score less this times the logarithm of its size: half-way between the best and the cheapest.
THRIFT = 0.5
#: What having stood in the last window is worth when it is cut, in the score's unit: e^1, nearly three times as likely.
STAY = 1.0
#: Share of the chance of holding what the question rests on above which an archived piece comes back although nothing
#: has to go. Smaller ones find more and leave less of the prompt as it was: see tools/bench/window.py.
RECALL = 0.02
#: Share of the budget to which a running conversation is cut when it grows over it: room for turns to come.
LOW_WATER = 0.75
#: What stands for what was left out of the middle of a message.
GAP = " […] "
#: Pieces of one message from which on only words tell what it is about: embedding a book takes too long.
BOOK = 1000
#: Most words of a question that are searched for; from the end, where a long message asks.
QUESTION_WORDS = 120

Count = Callable[[str], int]
Embed = Callable[[Sequence[str]], Any]
#: Names a part within its conversation: the number of the message, from 0, and of its piece.
Key = tuple[int, int]


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
    key: Key


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a part, and why. `score` orders what was weighed: None for what stays in any case.

    `place` is pinned, recalled, recent, question or archived.
    """

    part: Part
    place: str
    why: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it stands in the window, whole or with gaps."""

    message: int
    role: str
    content: str
    is_whole: bool


@dataclass
class Window:
    """One window. `used` of the budget is full; `reuse` is the share of it that begins as the last one did.

    `order` are the keys of what is in it, as it stands there.
    """

    order: list[Key]
    shown: list[Shown]
    used: int
    reuse: float | None
    _conversation: Conversation
    _count: int  # of the parts there were
    _fate: Callable[[int], Fate]

    @cached_property
    def kept(self) -> list[Fate]:
        """What the model sees, as it stands there."""
        return [self.fate(key) for key in self.order]

    @cached_property
    def archived(self) -> list[Fate]:
        """What it does not see now, by time."""
        kept = set(self.order)
        parts = self._conversation.parts[: self._count]
        return [self._fate(place) for place, part in enumerate(parts) if part.key not in kept]

    @property
    def pieces_count(self) -> int:
        """Pieces there are, in the window or not."""
        return self._count

    @property
    def archived_count(self) -> int:
        """Pieces that are not in the window."""
        return self._count - len(self.order)

    def in_words(self, budget: Budget) -> str:
        """Its figures for a person."""
        gone = f"{self.archived_count} of {self.pieces_count} pieces archived"
        return f"{self.used} of {budget.size} {budget.unit}; {gone}"

    def fate(self, key: Key) -> Fate:
        """What became of a part."""
        return self._fate(self._conversation.place(key))

    def text(self, fate: Fate) -> str:
        """What a part says."""
        return self._conversation.text(fate.part)


@dataclass(slots=True)
class Conversation:
    """Messages and their parts, indexed as they come. `embed` gives vectors of length one; None leaves meaning out."""

    budget: Budget
    embed: Embed | None = None
    messages: list[Message] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    _index: Index = field(default_factory=Index)
    _places: dict[Key, int] = field(default_factory=dict)  # where in `parts` a part is
    _first: list[int] = field(default_factory=list)  # where in `parts` those of each message begin
    _waiting: list[tuple[Part, int]] = field(default_factory=list)
    _asked: dict[str, Any] = field(default_factory=dict)  # the vector of the last question, which is a part next time

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
            self._first.append(len(self.parts))
            whole = cut[number] if cut is not None else chunking.pieces(message.content, self.embed)
            for part_number, piece in enumerate(whole):
                size = self.budget.count(message.content[piece.start : piece.end])
                part = Part(place, part_number, piece, size, (place, part_number))
                self._places[part.key] = len(self.parts)
                self.parts.append(part)
                self._waiting.append((part, sitting))

    def text(self, part: Part) -> str:
        """What a part says."""
        return self.messages[part.message].content[part.piece.start : part.piece.end]

    def place(self, key: Key) -> int:
        """Where in `parts` a part is."""
        return self._places[key]

    def window(
        self,
        question: int | str,
        *,
        recent: int = RECENT,
        previous: Sequence[Key] | None = None,
        today: date | None = None,
    ) -> Window:
        """The window for a question: the number of a message, or a text that is none of them.

        `previous` is the order of the last window, None for a single one. With it, a window that still fits only
        grows, by what is new and by what comes back; when it does not fit, it is cut below the budget to leave room.
        `today` is the day the question is asked on; else that of the last message with a time.
        Raises DataError if what has to stay does not fit.
        """
        ends = question if isinstance(question, int) else len(self.messages)
        asked = self.messages[ends].content if isinstance(question, int) else question
        forced = self._forced(ends, recent)
        used = self._fitting(forced, asked if isinstance(question, str) else None)
        rest = [place for place in range(len(self.parts)) if place not in forced]
        if used + sum(self.parts[place].size for place in rest) <= self.budget.size:
            return self._made(forced, dict.fromkeys(rest, "all of it fits"), None, previous)
        scores = self._scores(asked, today, ends)
        room = self.budget.size - used
        if previous is not None and (grown := self._grown(rest, scores, room, previous)) is not None:
            return self._made(forced, grown, scores, previous)
        chosen = self._chosen(rest, scores, room, previous)
        return self._made(forced, chosen, scores, previous, is_cut=True)

    def _forced(self, ends: int, recent: int) -> dict[int, str]:
        """Which parts stay whatever is asked, and as what."""
        forced = {}
        late = 0
        for number in range(len(self.messages) - 1, -1, -1):
            message = self.messages[number]
            if number >= ends:
                role = "question"
            elif message.is_fixed:
                role = "pinned"
            elif late < recent:
                role = "recent"
            else:
                continue
            late += number < ends and message.role != "system"
            for place in self._of(number):
                forced[place] = role
        return forced

    def _of(self, number: int) -> range:
        """Where the parts of a message are."""
        return range(self._first[number], self._first[number + 1] if number + 1 < len(self._first) else len(self.parts))

    def _fitting(self, forced: dict[int, str], asked: str | None) -> int:
        """What the forced parts use, the oldest recent ones let go where they do not fit; `forced` is changed."""
        used = sum(self.parts[place].size for place in forced) + (self.budget.count(asked) if asked else 0)
        for place in sorted(place for place, role in forced.items() if role == "recent"):
            if used <= self.budget.size:
                break
            del forced[place]
            used -= self.parts[place].size
        if used > self.budget.size:
            raise DataError(
                f"what has to stay has {used} {self.budget.unit}, more than the {self.budget.size} of the window",
                hint="a larger --budget, a shorter question, or less that is pinned",
                code="over_budget",
            )
        return used

    def _grown(self, rest: Sequence[int], scores: Scores, room: int, previous: Sequence[Key]) -> dict[int, str] | None:
        """The last window with what is new and what comes back; None if that does not fit."""
        import numpy

        before = set(previous)
        last = max(before, default=(-1, -1))
        chance = numpy.exp(scores.values - scores.values.max())
        likely = chance >= RECALL * chance.sum()
        kept = {}
        for place in rest:
            key = self.parts[place].key
            if key in before or key > last:
                kept[place] = "in the last window, and there is still room"
            elif likely[place]:
                kept[place] = ""
        return kept if sum(self.parts[place].size for place in kept) <= room else None

    def _chosen(self, rest: Sequence[int], scores: Scores, room: int, previous: Sequence[Key] | None) -> dict[int, str]:
        """What is worth most for its size, as much as there is room for."""
        import numpy

        sizes = numpy.array([self.parts[place].size for place in rest])
        worth = scores.values[rest] - THRIFT * numpy.log(numpy.maximum(sizes, 1))
        if previous is not None:
            before = set(previous)
            worth += STAY * numpy.array([self.parts[place].key in before for place in rest])
            room = max(0, room - round((1 - LOW_WATER) * self.budget.size))
        kept, least = {}, int(sizes.min(initial=0))
        for number in numpy.argsort(-worth, kind="stable"):
            if sizes[number] <= room:
                kept[rest[number]] = ""
                room -= int(sizes[number])
                if room < least:
                    break
        return kept

    def prepare(self) -> None:
        """Embed and index what was said, so that the next question need not wait for it."""
        self._take_in(len(self.messages), [])

    def _scores(self, asked: str, today: date | None, ends: int) -> Scores:
        """The scores of the parts before message `ends`.

        The question itself is not among them: what is like it would seem so because of it.
        """
        asked = " ".join(asked.split()[-QUESTION_WORDS:])
        vectors = self._take_in(ends, [asked])
        if today is None:
            today = next((message.at.date() for message in reversed(self.messages) if message.at), None)
        return self._index.rank(asked, vectors.get(asked), today)

    def _take_in(self, ends: int, asked: list[str]) -> dict[str, Any]:
        """Index the parts that wait, up to a message; they and the question are embedded together, each text once."""
        ready = [(part, sitting) for part, sitting in self._waiting if part.message < ends]
        self._waiting = self._waiting[len(ready) :]
        entries = [self._entry(part, sitting) for part, sitting in ready]
        if self.embed is None:
            self._index.add(entries, None)
            return {}
        short = [len(self._of(part.message)) < BOOK for part, _ in ready]
        told = [entry.text for entry, is_short in zip(entries, short, strict=True) if is_short]
        wanted = [text for text in dict.fromkeys([*told, *asked]) if text not in self._asked]
        known = self._asked | (dict(zip(wanted, self.embed(wanted), strict=True)) if wanted else {})
        if entries:
            import numpy

            width = len(next(iter(known.values()))) if known else self.embed([""]).shape[1]
            none = numpy.zeros(width, numpy.float32)
            rows = [known[one.text] if is_short else none for one, is_short in zip(entries, short, strict=True)]
            self._index.add(entries, numpy.stack(rows))
        if asked:
            self._asked = {text: known[text] for text in asked}
        return known

    def _entry(self, part: Part, sitting: int) -> Entry:
        message, text = self.messages[part.message], self.text(part)
        name = message.name
        said = f"{name}: {text}" if name and not text.startswith(f"{name}: ") else text
        return Entry(said, part.piece.words, sitting, name, _day(message.at))

    # -- what comes of it ----------------------------------------------------------------------------------------------

    def _made(
        self,
        forced: dict[int, str],
        kept: dict[int, str],
        scores: Scores | None,
        previous: Sequence[Key] | None,
        *,
        is_cut: bool = False,
    ) -> Window:
        """The window of what stays and what was kept, each with its reason, or none: then it is its score's."""
        order = self._order(forced, kept, () if is_cut or previous is None else previous)
        reasons = Reasons(self._index, scores) if scores is not None else None

        def fate(place: int) -> Fate:
            part = self.parts[place]
            if place in forced:
                return Fate(part, forced[place], _FORCED[forced[place]])
            score = round(float(scores.values[place]), 3) if scores is not None else None
            if place not in kept:
                return Fate(part, "archived", reasons.archived(place) if reasons else "", score)
            return Fate(part, "recalled", kept[place] or (reasons.kept(place) if reasons else ""), score)

        keys = [self.parts[place].key for place in order]
        used = sum(self.parts[place].size for place in order)
        reuse = None
        if previous is not None:
            same = 0
            for key, place in zip(previous, order, strict=False):
                if key != self.parts[place].key:
                    break
                same += self.parts[place].size
            reuse = round(same / used, 3) if used else 1.0
        return Window(keys, self._shown(order), used, reuse, self, len(self.parts), fate)

    def _order(self, forced: dict[int, str], kept: dict[int, str], previous: Sequence[Key]) -> list[int]:
        """Where the parts stand: as before, as far as they were there; what comes back before the recent ones."""
        before = {self._places[key]: number for number, key in enumerate(previous) if key in self._places}
        newest = max(before, default=-1)

        def rank(place: int) -> tuple[int, int, int]:
            role = forced.get(place)
            if self.messages[self.parts[place].message].role == "system" or role == "pinned":
                return (0 if self.messages[self.parts[place].message].role == "system" else 1), 0, place
            if role in ("recent", "question"):
                return 4, 0, place
            if place in before:
                return 2, before[place], place
            return (3 if place < newest else 2), len(before), place

        return sorted([*forced, *kept], key=rank)

    def _shown(self, order: Sequence[int]) -> list[Shown]:
        """The messages made of parts in an order; parts of a message that do not follow each other stand apart."""
        shown: list[Shown] = []
        start = 0
        for number in range(1, len(order) + 1):
            if number == len(order) or self.parts[order[number]].message != self.parts[order[start]].message:
                shown.append(self._joined([self.parts[place] for place in order[start:number]]))
                start = number
        return shown

    def _joined(self, parts: Sequence[Part]) -> Shown:
        message = self.messages[parts[0].message]
        if len(parts) == len(self._of(parts[0].message)):
            return Shown(parts[0].message, message.role, message.content, True)
        content, following = "", 0
        for part in parts:
            if part.number != following:
                content = content.rstrip() + (GAP if content else GAP.lstrip())
            content += self.text(part)
            following = part.number + 1
        if parts[-1].piece.end < len(message.content):
            content = content.rstrip() + GAP.rstrip()
        return Shown(parts[0].message, message.role, content, False)


_FORCED = {"pinned": "pinned", "recent": "among the last turns", "question": "the question"}


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None
