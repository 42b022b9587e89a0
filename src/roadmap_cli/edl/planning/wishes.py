"""What the words of an intent come to: a style and its moved numbers, lengths, titles, what to take and leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from roadmap_cli.edl import edit
from roadmap_cli.edl.planning import FASTEST, SLOWEST
from roadmap_cli.edl.planning.styles import STYLES, Style

#: The shortest and the longest median of shot lengths that words can ask for, and the spread where a style has none.
MEDIAN_S = (Fraction(2, 5), Fraction(30))
#: What a style without a median starts from when words ask for shorter or longer shots.
USUAL_MEDIAN_S = Fraction(5)
#: The least and the most LU music may lie under speech, and the loudness a programme may be brought to.
UNDER_LU = (6.0, 30.0)
LOUDNESS_LUFS = (-31.0, -9.0)


@dataclass(frozen=True, slots=True)
class Words:
    """A title: its text, where in the picture, and whether at the start or the end."""

    text: str
    place: str = "centre"
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood: the style with its numbers moved, one reason for each thing that moved it, and the words
    that meant nothing. `limits` are wishes that were understood and cannot, or not wholly, be met.
    """

    style: Style
    reasons: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    target_s: Fraction | None = None
    least_s: Fraction | None = None
    most_s: Fraction | None = None
    titles: tuple[Words, ...] = ()
    no_titles: bool = False
    best_first: bool = False
    keep_laughter: bool = False
    cut_fillers: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    count: int | None = None
    size: tuple[int, int] | None = None
    lines: int | None = None
    zoom: float = 1.0
    wipes: bool = False
    straighten: bool = False
    skip_head_s: Fraction = Fraction(0)
    skip_tail_s: Fraction = Fraction(0)
    #: The path of the music as it was given, to be found among the sources.
    music_file: str | None = None


Change = Callable[[Style], Style]


@dataclass(slots=True)
class Wishes:
    """A reading in the making: `changes` are applied to the style once it is known."""

    named: list[tuple[str, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    titles: list[Words] = field(default_factory=list)

    def change(self, change: Change, why: str) -> None:
        """Move numbers of the style, whichever it will be."""
        self.changes.append(change)
        self.reasons.append(why)

    def set(self, why: str, **values: Any) -> None:
        """Set fields of the reading; what is a collection grows."""
        for name, value in values.items():
            before = self.values.get(name)
            grown = tuple(dict.fromkeys((*before, *value))) if isinstance(before, tuple) and name != "size" else value
            self.values[name] = grown
        self.reasons.append(why)


def with_values(**values: Any) -> Change:
    """A change that sets fields of a style."""
    return lambda style: replace(style, **values)


def with_effects(**values: float) -> Change:
    """A change that sets effects within their bounds; 0, or what changes nothing, takes one away."""

    def change(style: Style) -> Style:
        effects = dict(style.effects) | {
            name: _clamped(value, edit.EFFECTS[name][:2]) for name, value in values.items()
        }
        return replace(style, effects={n: v for n, v in effects.items() if v != edit.EFFECTS[n][2]})

    return change


def more_effect(name: str, by: float, least: float) -> Change:
    """A change that adds to an effect, to `least` at the least."""
    return lambda style: with_effects(**{name: max(style.effects.get(name, edit.EFFECTS[name][2]) + by, least)})(style)


def with_grade(**values: float) -> Change:
    """A change that sets numbers of the look within their bounds."""
    return lambda style: replace(style, grade=replace(style.grade, **values).bounded())


def moved(name: str, by: float) -> Change:
    """A change of one number: `speed` and `median` are multiplied, numbers of the look added to; all bounded."""

    def change(style: Style) -> Style:
        if name == "speed":
            speed = (style.speed * Fraction(by).limit_denominator(100)).limit_denominator(20)
            return replace(style, speed=min(max(speed, SLOWEST), FASTEST))
        if name == "median":
            return with_median((style.median_s or USUAL_MEDIAN_S) * Fraction(by).limit_denominator(100))(style)
        value = round(getattr(style.grade, name) + by, 4)
        return replace(style, grade=replace(style.grade, **{name: value}).bounded())

    return change


def with_median(median: Fraction) -> Change:
    """A change of the median shot length; the shortest and longest shot follow if they would cross it."""

    def change(style: Style) -> Style:
        kept = min(max(median, MEDIAN_S[0]), MEDIAN_S[1]).limit_denominator(1000)
        shortest = min(style.shortest_s, kept * Fraction(3, 5))
        longest = max(style.longest_s, kept * Fraction(8, 5)) if kept > style.longest_s / 2 else style.longest_s
        return replace(style, median_s=kept, shortest_s=shortest, longest_s=longest)

    return change


def paced(start: float = 1.0, end: float = 1.0) -> Change:
    """A change of what lengths are multiplied by towards the start and the end."""

    def change(style: Style) -> Style:
        bounded = [min(max(a * b, 0.3), 3.0) for a, b in zip(style.pace, (start, end), strict=True)]
        median = style.median_s or USUAL_MEDIAN_S
        # Lengths that vary widely by themselves would drown the change along the way.
        return replace(style, pace=(bounded[0], bounded[1]), median_s=median, spread=min(style.spread, 0.4))

    return change


def quieter(by: float) -> Change:
    """A change of how far music lies under speech, in LU; without music there is some then."""

    def change(style: Style) -> Style:
        music = "bed" if style.music == "none" else style.music
        return replace(style, under_lu=_clamped(style.under_lu + by, UNDER_LU), music=music)

    return change


def concluded(wishes: Wishes, base: Style | None = None) -> Reading:
    """The reading all wishes come to. `base` is a style chosen apart from the words: it wins over one in them."""
    style = base or STYLES[wishes.named[0][1] if wishes.named else "plain"]
    for change in wishes.changes:
        style = change(style)
    style = replace(style, shortest_s=min(style.shortest_s, style.longest_s / 2))
    return Reading(
        style,
        tuple(dict.fromkeys(wishes.reasons)),
        tuple(dict.fromkeys(wishes.unknown)),
        tuple(dict.fromkeys(wishes.limits)),
        titles=tuple(wishes.titles),
        **wishes.values,
    )


def _clamped(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
