"""How much of what a question rests on is in the window: LoCoMo, with recency and BM25 in the same run.

    tools/bench/window.py [FILE]

FILE is LoCoMo's JSON (https://github.com/snap-research/locomo, CC BY-NC 4.0: not part of this project); by default the
development conversations beside the checkout, if they are there. A question counts if it is not adversarial
(categories 1 to 4) and some of its evidence is a turn that exists. The window is built over the whole conversation for
the question, as `slm-window --query` does with its default settings; what is kept is the mean share of the evidence
turns that are whole in it. Words are those of all that stands in the window, captions of pictures and the question
included.
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import locomo
from locomo import DATA, Asked

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))
ENVIRON = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
BUDGETS = (800, 1500, 3000)

from roadmap_cli.slm.window.conversation import Message, sittings  # noqa: E402
from roadmap_cli.slm.window.window import RECENT, Budget, Conversation  # noqa: E402


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as a chat, its two speakers as user and assistant, and the questions about it."""

    name: str
    messages: list[Message]
    questions: list[Asked]


def talks(path: Path) -> Iterator[Talk]:
    """The conversations of a LoCoMo file."""
    for talk in locomo.talks(path):
        messages = [
            Message("user" if turn.speaker == talk.speaker else "assistant", turn.words, turn.speaker,
                    turn.at.replace(tzinfo=UTC), str(turn.session))
            for turn in talk.turns
        ]  # fmt: skip
        yield Talk(talk.name, messages, talk.asked)


# -- the peers ---------------------------------------------------------------------------------------------------------


class Bm25:
    """Okapi BM25 over turns (k1 1.2, b 0.75), with the words as they stand."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.texts = [_words(f"{message.name} {message.content}") for message in messages]
        self.mean = statistics.mean(map(len, self.texts))
        self.holding = Counter(word for words in self.texts for word in set(words))
        self.counts = [Counter(words) for words in self.texts]

    def order(self, question: str) -> list[int]:
        """The turns, the best first."""
        asked = set(_words(question))
        scores = [sum(self._worth(word, place) for word in asked) for place in range(len(self.texts))]
        return sorted(range(len(scores)), key=lambda place: -scores[place])

    def _worth(self, word: str, place: int) -> float:
        held = self.counts[place][word]
        if not held:
            return 0.0
        rarity = math.log(1 + (len(self.texts) - self.holding[word] + 0.5) / (self.holding[word] + 0.5))
        return rarity * held * 2.2 / (held + 1.2 * (0.25 + 0.75 * len(self.texts[place]) / self.mean))


@dataclass(frozen=True, slots=True)
class Recency:
    """The turns from the last to the first, whatever is asked."""

    count: int

    def __call__(self, question: str) -> Sequence[int]:
        """The turns, the last first."""
        return range(self.count - 1, -1, -1)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def filled(order: Sequence[int], sizes: Sequence[int], budget: int, *, neighbours: bool) -> set[int]:
    """Turns in an order, each with the ones beside it, as long as they fit."""
    kept: set[int] = set()
    for place in order:
        for each in (place, place - 1, place + 1) if neighbours else (place,):
            if 0 <= each < len(sizes) and each not in kept and sizes[each] <= budget:
                kept.add(each)
                budget -= sizes[each]
    return kept


# -- the runs ----------------------------------------------------------------------------------------------------------


def run(path: Path) -> None:
    """Print the figures."""
    from roadmap_cli.models.embed import open_embedder

    methods: dict[str, dict[int, list[list[float]]]] = {}
    with open_embedder(None, environ=ENVIRON, ledger=None) as embedder:
        everything = list(talks(path))
        for talk in everything:
            sizes = [len(message.content.split()) for message in talk.messages]
            bm25, embed = Bm25(talk.messages), Remembering(embedder.embed)
            ours = {
                "slm-window": _Ours(talk, embed),
                "slm-window, words only": _Ours(talk, None),
                "slm-window, no speakers, no times": _Ours(_bare(talk), embed),
            }
            orders: dict[str, Callable[[str], Sequence[int]]] = {
                "recency": Recency(len(sizes)),
                "BM25": bm25.order,
                "BM25 with neighbours": bm25.order,
            }
            for name in (*ours, *orders):
                for budget in BUDGETS:
                    methods.setdefault(name, {}).setdefault(budget, []).append([])
            for question in talk.questions:
                for name, window in ours.items():
                    for budget, kept in window.kept(question.text).items():
                        methods[name][budget][-1].append(share(question, kept))
                for name, order in orders.items():
                    found = order(question.text)
                    for budget in BUDGETS:
                        kept = filled(found, sizes, budget, neighbours=name.endswith("neighbours"))
                        methods[name][budget][-1].append(share(question, kept))
        chat(max(everything, key=lambda talk: len(talk.messages)), embedder.embed)
    _print(methods, [talk.name for talk in everything])


class _Ours:
    """The window over a whole conversation, its turns embedded once."""

    def __init__(self, talk: Talk, embed: Any) -> None:
        self.windows = {budget: Conversation(Budget(budget), embed) for budget in BUDGETS}
        for conversation in self.windows.values():
            conversation.add(talk.messages, sittings(talk.messages))

    def kept(self, question: str) -> dict[int, set[int]]:
        """Which turns are whole in the window of each budget."""
        found = {}
        for budget, conversation in self.windows.items():
            window = conversation.window(question, recent=RECENT)
            found[budget] = {one.message for one in window.shown if one.is_whole}
        return found


class Remembering:
    """Embeds each text once, as the state does it for slm-window."""

    def __init__(self, embed: Any) -> None:
        self._embed = embed
        self._known: dict[str, Any] = {}

    def __call__(self, texts: Sequence[str]) -> Any:
        """The vectors of texts."""
        import numpy

        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known |= dict(zip(missing, self._embed(missing), strict=True))
        return numpy.stack([self._known[text] for text in texts])


def _bare(talk: Talk) -> Talk:
    """The conversation with nothing but who is user and who assistant."""
    return Talk(talk.name, [Message(one.role, one.content) for one in talk.messages], talk.questions)


def share(question: Asked, kept: set[int]) -> float:
    """How much of what a question rests on is among some turns."""
    return sum(place in kept for place in question.evidence) / len(question.evidence)


@dataclass(slots=True)
class Spent:
    """Milliseconds by the clock and of the processor, of one kind of work."""

    wall: list[float]
    processor: list[float]

    def time(self, work: Callable[[], Any]) -> Any:
        """Do something and note what it took."""
        started, used = time.perf_counter(), time.process_time()
        result = work()
        self.processor.append(1000 * (time.process_time() - used))
        self.wall.append(1000 * (time.perf_counter() - started))
        return result


def chat(talk: Talk, embed: Any) -> None:
    """A running chat: what a turn takes, and how much of the prompt stays as it was from turn to turn."""
    conversation = Conversation(Budget(1500), embed)
    asked, taken_in, alone = Spent([], []), Spent([], []), Spent([], [])
    numbers, previous, reuse = sittings(talk.messages), None, list[float]()
    for place, message in enumerate(talk.messages):
        conversation.add([message], [numbers[place]])
        if message.role == "user":
            window = asked.time(lambda place=place, previous=previous: conversation.window(place, previous=previous))
            previous = window.order
            if window.reuse is not None and window.archived_count:
                reuse.append(window.reuse)
            if place % 3 == 0:
                alone.time(lambda text=message.content: embed([text]))
        else:
            taken_in.time(conversation.prepare)
    for name, spent in (("window for the next message, its embedding included", asked),
                        ("of that, the embedding alone", alone),
        ("taking in a turn that arrived, in a running chat", taken_in)):  # fmt: skip
        half = len(spent.wall) // 2  # the second half: the conversation is long by then
        _figure(
            f"{name}, {len(talk.messages)} turns",
            "ms",
            round(statistics.median(spent.wall[half:]), 1),
            p95=round(sorted(spent.wall[half:])[int(half * 0.95)], 1),
            processor=round(statistics.median(spent.processor[half:]), 1),
            load=round(os.getloadavg()[0], 1),
        )
    _figure(
        "prompt unchanged from turn to turn once the window is full, 1500 words",
        "share of words",
        round(statistics.mean(reuse), 3),
        median=round(statistics.median(reuse), 3),
        peer="a window of the last 1500 words",
        peer_value=0.0,
        turns=len(reuse),
    )


def _print(methods: dict[str, dict[int, list[list[float]]]], names: list[str]) -> None:
    for name, budgets in methods.items():
        for budget, per_talk in budgets.items():
            shares = [share for talk in per_talk for share in talk]
            error = statistics.stdev(shares) / math.sqrt(len(shares))
            _figure(
                f"evidence kept of {budget} words, {name}",
                "share of evidence turns",
                round(statistics.mean(shares), 3),
                all_kept=round(statistics.mean(share == 1 for share in shares), 3),
                standard_error=round(error, 3),
                per_conversation={
                    talk: round(statistics.mean(values), 3) for talk, values in zip(names, per_talk, strict=True)
                },
                questions=len(shares),
            )


def _figure(name: str, unit: str, value: float, **more: Any) -> None:
    print(json.dumps({"kind": "bench.figure", "name": name, "unit": unit, "value": value, **more}), flush=True)


if __name__ == "__main__":
    tell_help(__doc__)
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not file.exists():
        print(f"window.py: {file} is not here: LoCoMo may not be part of this project", file=sys.stderr)
        sys.exit(0)
    run(file)
