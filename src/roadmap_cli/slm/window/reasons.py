"""Why a piece was kept or archived, in words for a person, from what its score is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from roadmap_cli.retrieval.ranking import Index, Scores

#: What must lift a score for it to be mentioned, and the share of the strongest that another must have.
_LIFT, _SHARE = 0.3, 0.35


@dataclass
class Reasons:
    """The reasons for one question; each is made when it is asked for."""

    index: Index
    scores: Scores

    def kept(self, place: int) -> str:
        """Why the entry at `place` was chosen."""
        return self._grounds(place) or "there is room for it"

    def archived(self, place: int) -> str:
        """Why the entry at `place` was not."""
        grounds = self._grounds(place)
        return f"others bear more on the question, although it {grounds}" if grounds else "not to the question"

    def _grounds(self, place: int) -> str:
        """The one or two strongest signals, as far as they lift it above the other entries."""
        names, lifts = self._lifts
        column = lifts[:, place]
        order = column.argsort()[::-1][:3]
        best = column[order[0]]
        found = [
            words
            for signal in order
            if column[signal] > _LIFT
            and column[signal] >= _SHARE * best
            and (words := self._words(names[signal], place))
        ]
        return " and ".join(found[:2])

    @cached_property
    def _lifts(self) -> tuple[list[str], Any]:
        """What each signal adds to each entry beyond the average, with those that mean the same put together."""
        import numpy

        together: dict[str, Any] = {}
        for name, values in self.scores.parts.items():
            name = {"words_around": "words", "meaning_around": "meaning"}.get(name, name)
            together[name] = together.get(name, 0.0) + values - values.mean()
        return list(together), numpy.array(list(together.values()))

    @cached_property
    def _holding(self) -> list[tuple[str, set[int]]]:
        """The stems of the question, the rarest first, with the entries that hold them."""
        found = [(stem, self.index.holding(stem)) for stem in self.scores.stems]
        return sorted(found, key=lambda item: len(item[1]))

    def _words(self, name: str, place: int) -> str:
        match name:
            case "words":
                shared = [repr(stem) for stem, holding in self._holding if place in holding][:3]
                return f"shares {', '.join(shared)}" if shared else "stands beside words of the question"
            case "meaning":
                return f"is close in meaning ({float(self.scores.signals['meaning'][place]):.2f})"
            case "speaker":
                return f"is by {self.index.entries[place].speaker}, whom the question names"
            case "date":
                return "is from the time the question names"
            case "tells_time":
                return "tells a time, which the question asks for"
            case "answer":
                return "answers a question"
        return ""
