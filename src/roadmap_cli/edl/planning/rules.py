"""What phrases are made of: a pattern, and what is done when it is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from roadmap_cli.edl.planning import FASTEST, SLOWEST
from roadmap_cli.edl.planning.styles import Style
from roadmap_cli.edl.planning.wishes import (
    LOUDNESS_LUFS,
    Wishes,
    moved,
    with_effects,
    with_grade,
    with_values,
)

Rule = Callable[[str, Wishes], str]
Take = Callable[[re.Match[str], Wishes], None]

#: Shapes by name and by ratio, width by height.
ASPECTS: dict[str, Fraction] = {
    "vertical": Fraction(9, 16), "upright": Fraction(9, 16), "portrait": Fraction(9, 16), "horizontal": Fraction(16, 9),
    "landscape": Fraction(16, 9), "widescreen": Fraction(16, 9), "square": Fraction(1),
    "cinemascope": Fraction(239, 100),
    "anamorphic": Fraction(239, 100), "16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "4:5": Fraction(4, 5),
    "5:4": Fraction(5, 4), "4:3": Fraction(4, 3), "3:4": Fraction(3, 4), "1:1": Fraction(1), "21:9": Fraction(21, 9),
    "3:2": Fraction(3, 2), "2:3": Fraction(2, 3), "1.85:1": Fraction(37, 20), "2.35:1": Fraction(47, 20),
    "2.39:1": Fraction(239, 100), "2.4:1": Fraction(12, 5), "2:1": Fraction(2),
}  # fmt: skip

_GAP = " \x00 "


def aspect_name(aspect: Fraction) -> str:
    """A shape in words: '9:16 upright'."""
    known = next((name for name, value in ASPECTS.items() if value == aspect and name[0].isdigit()), None)
    name = known or f"{float(aspect):.2f}:1"
    return f"{name} {'upright' if aspect < 1 else 'square' if aspect == 1 else 'wide'}"


def rule(pattern: str, take: Take) -> Rule:
    """Take what a pattern finds out of the text, and do something with it."""
    compiled = re.compile(pattern)

    def apply(text: str, wishes: Wishes) -> str:
        def taken(match: re.Match[str]) -> str:
            take(match, wishes)
            return _GAP

        return compiled.sub(taken, text)

    return apply


def names_style(name: str, *patterns: str) -> list[Rule]:
    """Phrases that name a style."""
    return [rule(pattern, lambda match, wishes: wishes.named.append((match[0].strip(), name))) for pattern in patterns]


def does(why: str, change: Callable[[Style], Style], *patterns: str) -> list[Rule]:
    """Phrases that change the style, and why."""
    return [
        rule(pattern, lambda match, wishes: wishes.change(change, f"{why}: {match[0].strip()!r}"))
        for pattern in patterns
    ]


def sets(why: str, values: dict[str, Any], *patterns: str) -> list[Rule]:
    """Phrases that set fields of the reading, and why."""
    return [
        rule(pattern, lambda match, wishes: wishes.set(f"{why}: {match[0].strip()!r}", **values))
        for pattern in patterns
    ]


def shapes(aspect: Fraction, *patterns: str) -> list[Rule]:
    """Phrases that ask for a shape."""
    return does(aspect_name(aspect), with_values(aspect=aspect), *patterns)


def together(*changes: Callable[[Style], Style]) -> Callable[[Style], Style]:
    """Several changes one after the other."""

    def change(style: Style) -> Style:
        for each in changes:
            style = each(style)
        return style

    return change


def percent_speed(match: re.Match[str], wishes: Wishes) -> None:
    """A speed in per cent or times."""
    number = Fraction(next(group for group in match.groups() if group))
    speed = number / 100 if "%" in match[0] or "percent" in match[0] or "per cent" in match[0] else number
    if re.search(r"times slower", match[0]):
        speed = 1 / speed if speed else SLOWEST
    bounded = min(max(speed, SLOWEST), FASTEST).limit_denominator(100)
    if bounded != speed:
        wishes.limits.append(f"a speed of {float(speed):g}: plays at {float(bounded):g}, bounds are 0.5 to 2")
    wishes.change(with_values(speed=bounded), f"{float(bounded * 100):g} % speed: {match[0].strip()!r}")


def faster(match: re.Match[str], wishes: Wishes, sign: int) -> None:
    """So many per cent faster (sign 1) or slower (-1)."""
    times = 1 + sign * int(match[1]) / 100
    wishes.change(moved("speed", times), f"{times:g} times the speed: {match[0].strip()!r}")


def pauses_and_fillers(match: re.Match[str], wishes: Wishes) -> None:
    """Pauses and the words that fill them go."""
    wishes.change(with_values(cut_silences=True), f"pauses shortened to 0.25 s: {match[0].strip()!r}")
    wishes.set("the words that fill pauses go", cut_fillers=True)


def slow_motion(match: re.Match[str], wishes: Wishes) -> None:
    """Slow motion."""
    wishes.change(moved("speed", 0.73), f"slow motion: {match[0].strip()!r}")


def time_lapse(match: re.Match[str], wishes: Wishes) -> None:
    """A time lapse, as fast as bounds allow."""
    wishes.change(with_values(speed=FASTEST), f"200 % speed: {match[0].strip()!r}")
    wishes.limits.append("a time lapse plays at 2 times speed at most")


def frame_lines(match: re.Match[str], wishes: Wishes) -> None:
    """Lines of the picture, or frames a second: '1080p', '24p'."""
    number = int(match[1])
    if number <= 120:
        wishes.change(with_values(fps=number), f"{number} frames a second: {match[0].strip()!r}")
    else:
        wishes.set(f"{number} lines: {match[0].strip()!r}", lines=min(max(number, 144), 4320))


def frame_size(match: re.Match[str], wishes: Wishes) -> None:
    """Width and height in pixels."""
    width, height = (min(max(int(side) // 2 * 2, 16), 8192) for side in (match[1], match[2]))
    wishes.set(f"{width} by {height} pixels: {match[0].strip()!r}", size=(width, height))
    wishes.changes.append(with_values(aspect=Fraction(width, height)))


def frame_rate(match: re.Match[str], wishes: Wishes) -> None:
    """Frames a second."""
    number = min(max(int(match[1]), 1), 120)
    wishes.change(with_values(fps=number), f"{number} frames a second: {match[0].strip()!r}")


def loudness(match: re.Match[str], wishes: Wishes) -> None:
    """A loudness in LUFS."""
    asked = -abs(float(next(group for group in match.groups() if group)))
    value = min(max(asked, LOUDNESS_LUFS[0]), LOUDNESS_LUFS[1])
    if value != asked:
        wishes.limits.append(f"a loudness of {asked:g} LUFS: {value:g} is the bound")
    wishes.change(with_values(loudness_lufs=value), f"{value:g} LUFS: {match[0].strip()!r}")


def grade_number(name: str, scale: float) -> Take:
    """A number of the look."""

    def take(match: re.Match[str], wishes: Wishes) -> None:
        number = float(next(group for group in match.groups() if group).replace(" ", ""))
        value = number / scale if "%" in match[0] or "percent" in match[0] else number
        if name == "warmth_k" and re.search("cold|cool|blue", match[0]):
            value = -abs(value)
        wishes.change(with_grade(**{name: value}), f"{name} {value:g}: {match[0].strip()!r}")

    return take


def effect_number(name: str) -> Take:
    """A number of an effect."""

    def take(match: re.Match[str], wishes: Wishes) -> None:
        value = float(match[1])
        change = with_values(blur=min(max(value, 0.0), 20.0)) if name == "blur" else with_effects(**{name: value})
        wishes.change(change, f"{name} {value:g}: {match[0].strip()!r}")

    return take


def counted(match: re.Match[str], wishes: Wishes) -> None:
    """A number of cuts."""
    wishes.set(f"{match[1]} cuts: {match[0].strip()!r}", count=max(1, int(match[1])))


def white_end(match: re.Match[str], wishes: Wishes) -> None:
    """An end in white, which becomes one in black and is told."""
    wishes.change(fade_out(), f"fades out: {match[0].strip()!r}")
    wishes.limits.append("an end in white: programmes fade out to black")


def fade_out() -> Callable[[Style], Style]:
    """A change that fades out."""
    return lambda style: replace(style, fade_out_s=max(style.fade_out_s, Fraction(1)))


def fade_in() -> Callable[[Style], Style]:
    """A change that fades in."""
    return lambda style: replace(style, fade_in_s=max(style.fade_in_s, Fraction(1)))


def more_dissolves(least: float) -> Callable[[Style], Style]:
    """A change to more dissolves."""
    return lambda style: replace(style, dissolves=min(1.0, max(style.dissolves + 0.2, least)))


def dissolve_share(match: re.Match[str], wishes: Wishes) -> None:
    """A share of joints that dissolve."""
    share = min(int(match[1]) / 100, 1.0)
    wishes.change(with_values(dissolves=share), f"{match[1]} % of the joints dissolve: {match[0].strip()!r}")


def blurrier(style: Style) -> Style:
    """More blur behind the subject."""
    return replace(style, blur=min(20.0, max(style.blur * 1.4, style.blur + 4, 8.0)))


def in_own_order(style: Style) -> Style:
    """The footage's own order."""
    return replace(style, by_role=False, hook_s=Fraction(0))


def coloured(style: Style) -> Style:
    """Full colour."""
    return replace(style, grade=replace(style.grade, saturation=max(1.0, style.grade.saturation)))


def talkative(style: Style) -> Style:
    """Speech weighs more."""
    sharp, movement, light, sound, subject = style.likes
    return replace(style, likes=(sharp, movement, light, sound + 3, subject))


def ungraded(style: Style) -> Style:
    """Colours as they are."""
    from roadmap_cli.edl.edit import COLOUR_EFFECTS
    from roadmap_cli.edl.grade import NEUTRAL

    return replace(style, grade=NEUTRAL, effects={n: v for n, v in style.effects.items() if n not in COLOUR_EFFECTS})


def keeping(share: str) -> Callable[[Style], Style]:
    """A change of the share kept."""
    return with_values(keep=Fraction(share))
