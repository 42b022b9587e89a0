"""What experience says of each template: how often a candidate of it was a repair, against all candidates."""

from __future__ import annotations

from collections.abc import Mapping

from roadmap_cli.agent.driver import Candidate

_PSEUDO_TRIALS = 40.0
_POWER = 0.8
_SIZES = (1, 3, 7, 15, 31)


def features(candidate: Candidate) -> list[str]:
    """What experience counts a candidate under: its templates, and how large its edits are.

    Sizes are learned much sooner than templates, of which there are many: most slips are a few characters.
    """
    return list(dict.fromkeys([*candidate.template.split("+"), *(size_of(edit) for edit in candidate.edits)]))


def size_of(edit: tuple[int, int, str]) -> str:
    """The class of an edit (start, end, text) by the characters it puts in or takes away, the larger of both."""
    size = max(edit[1] - edit[0], len(edit[2]))
    return next((f"size/{limit}" for limit in _SIZES if size <= limit), "size/more")


def learned(counts: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """A factor for each template from how many of its candidates were tried and how many repaired something.

    The smoothed rate of hits over the mean rate of all templates; 1 means average. A template never tried is not in
    it. Smoothing adds trials at the mean rate, so that few trials say little. The power keeps the order and leaves
    some of the distance, since the next failures are not the last ones.
    """
    tried, hits = sum(count for count, _ in counts.values()), sum(good for _, good in counts.values())
    if not hits:
        return {}
    mean = hits / tried
    return {
        name: ((good + _PSEUDO_TRIALS * mean) / (count + _PSEUDO_TRIALS) / mean) ** _POWER
        for name, (count, good) in counts.items()
    }
