"""Words to numbers: what a person asks of an edit becomes bounded parameters, each with its reason. No model is asked.

A style is a row of the table below; further words move its numbers in steps. A word that means nothing here is handed
back, so that the command can say so: no word is dropped in silence. Style numbers follow common practice of editors:
shot lengths from the film statistics of Salt, Cutting and Redfern, looks as published grades describe them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from roadmap_cli.edl.grade import NEUTRAL, Grade

#: Bounds of playing speed outside declared slow motion and time lapse.
SLOWEST, FASTEST = Fraction(1, 2), Fraction(2)


@dataclass(frozen=True, slots=True)
class Style:
    """How an edit is to be. Lengths are seconds of the finished programme."""

    name: str = "plain"
    speed: Fraction = Fraction(1)
    longest_s: Fraction = Fraction(12)
    shortest_s: Fraction = Fraction(1, 2)
    #: Share of the shots kept, best first, when no target length decides.
    keep: Fraction = Fraction(1)
    fade_s: Fraction = Fraction(0)
    grade: Grade = NEUTRAL
    #: What makes a shot good here: weights of sharpness, movement, light and sound.
    likes: tuple[int, int, int, int] = (4, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood: the style, one reason for each thing that moved, and the words that meant nothing."""

    style: Style
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]
    target_s: Fraction | None = None


def _style(
    name: str, speed: str, longest: str, shortest: str, keep: str, fade: str, likes: str, **look: float
) -> Style:
    weights = [int(digit) for digit in likes]
    return Style(
        name,
        Fraction(speed),
        Fraction(longest),
        Fraction(shortest),
        Fraction(keep),
        Fraction(fade),
        Grade(**look),
        (weights[0], weights[1], weights[2], weights[3]),
    )


#: name, speed, longest and shortest shot, share kept, fade, likes (sharpness movement light sound), look
STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(),
        _style(
            "cinematic",
            "4/5",
            "7",
            "4/5",
            "1",
            "4/5",
            "4231",
            saturation=0.8,
            contrast=1.12,
            lift=0.02,
            split_tone=0.015,
        ),
        _style("documentary", "1", "9", "1", "1", "1/2", "4132", saturation=0.95, contrast=1.05),
        _style(
            "trailer", "1", "3", "1/2", "3/4", "1/2", "3421", saturation=0.85, contrast=1.25, warmth_k=-200, lift=-0.03
        ),
        _style("music-video", "1", "5/2", "2/5", "3/4", "0", "3430", saturation=1.15, contrast=1.2, lift=-0.02),
        _style("vlog", "1", "4", "1/2", "1", "0", "3223", saturation=1.1, contrast=1.08, warmth_k=150),
        _style("short", "11/10", "2", "2/5", "3/4", "0", "3421", saturation=1.15, contrast=1.12),
        _style("interview", "1", "12", "1", "1", "1/2", "3035", contrast=1.05, warmth_k=100),
        _style("wedding", "9/10", "6", "1", "1", "1", "3151", saturation=0.95, contrast=0.96, warmth_k=250, lift=0.04),
        _style("sport", "1", "3", "1/2", "3/4", "0", "3510", saturation=1.15, contrast=1.15),
        _style("noir", "9/10", "8", "4/5", "1", "4/5", "4150", saturation=0.0, contrast=1.35, lift=-0.05),
        _style(
            "vintage",
            "19/20",
            "6",
            "4/5",
            "1",
            "1/2",
            "3151",
            saturation=0.7,
            contrast=0.92,
            warmth_k=400,
            lift=0.06,
            sepia=0.2,
        ),
        _style(
            "dreamy",
            "3/4",
            "7",
            "1",
            "1",
            "1",
            "2151",
            saturation=0.9,
            contrast=0.9,
            brightness=0.02,
            warmth_k=150,
            lift=0.02,
        ),
    )
}

#: Stems that name a style.
_STYLE_STEMS: tuple[tuple[str, str], ...] = (
    ("cinema", "cinematic"), ("film", "cinematic"), ("movie", "cinematic"), ("hollywood", "cinematic"),
    ("dramatic", "cinematic"), ("drama", "cinematic"), ("epic", "cinematic"),
    ("document", "documentary"), ("report", "documentary"), ("trailer", "trailer"), ("teaser", "trailer"),
    ("promo", "trailer"), ("music", "music-video"), ("vlog", "vlog"), ("youtube", "vlog"),
    ("tiktok", "short"), ("reel", "short"), ("short", "short"), ("interview", "interview"), ("talk", "interview"),
    ("podcast", "interview"), ("wedding", "wedding"), ("romantic", "wedding"), ("sport", "sport"),
    ("highlight", "sport"), ("action", "sport"), ("noir", "noir"), ("monochrom", "noir"), ("vintage", "vintage"),
    ("retro", "vintage"), ("nostalg", "vintage"), ("dream", "dreamy"), ("ethereal", "dreamy"), ("plain", "plain"),
    ("simple", "plain"), ("neutral", "plain"), ("natural", "plain"),
)  # fmt: skip

#: Stems that move one number: stem, field, change, reason. Changes of speed and length multiply, others add.
_MOVES: tuple[tuple[str, str, float | str, str], ...] = (
    ("slow", "speed", "9/10", "played slower"), ("calm", "speed", "9/10", "played slower"),
    ("fast", "speed", "11/10", "played faster"), ("energ", "longest", "3/4", "shorter shots"),
    ("quick", "longest", "3/4", "shorter shots"), ("punchy", "longest", "3/4", "shorter shots"),
    ("snappy", "longest", "3/4", "shorter shots"), ("linger", "longest", "4/3", "longer shots"),
    ("warm", "warmth_k", 200.0, "warmer white"), ("golden", "warmth_k", 300.0, "warmer white"),
    ("cold", "warmth_k", -200.0, "colder white"), ("cool", "warmth_k", -200.0, "colder white"),
    ("blue", "warmth_k", -300.0, "colder white"), ("dark", "brightness", -0.05, "darker"),
    ("moody", "brightness", -0.04, "darker"), ("bright", "brightness", 0.05, "brighter"),
    ("light", "brightness", 0.04, "brighter"), ("vivid", "saturation", 0.2, "more colour"),
    ("colorful", "saturation", 0.2, "more colour"), ("colourful", "saturation", 0.2, "more colour"),
    ("vibrant", "saturation", 0.2, "more colour"), ("saturat", "saturation", 0.15, "more colour"),
    ("desaturat", "saturation", -0.3, "less colour"), ("muted", "saturation", -0.2, "less colour"),
    ("faded", "saturation", -0.2, "less colour"), ("pale", "saturation", -0.2, "less colour"),
    ("contrast", "contrast", 0.1, "more contrast"), ("soft", "contrast", -0.1, "less contrast"),
    ("gentle", "contrast", -0.05, "less contrast"), ("flat", "contrast", -0.15, "less contrast"),
)  # fmt: skip

#: Words that carry no wish, or only make a sentence of the others.
_FILLER_TEXT = (
    "a an and as at be bit by clip cut cuts edit edited feel feeling feels footage for from give giving has have i "
    "in into is it its just like little look looking looks make makes me mood more much my of on one please second "
    "seconds sec s minute minutes min shot shots so some something stuff style that the them this to too very video "
    "vibe want we with would you your it's"
)
_FILLERS = frozenset(_FILLER_TEXT.split())
#: Stems that name a style only if nothing more definite is said.
_WEAK = ("film", "movie", "drama", "epic", "talk", "report")
_NEGATIONS = frozenset({"no", "not", "without", "less", "never", "don't", "dont"})
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*-?\s*(seconds?|secs?|s|minutes?|mins?|m)\b")
_BLACK_AND_WHITE = re.compile(r"\bblack[\s-]+and[\s-]+white\b|\bb\s*&\s*w\b|\bb/w\b")
_MUSIC_VIDEO = re.compile(r"\bmusic[\s-]+(video|clip)s?\b")
_SLOW_MOTION = re.compile(r"\bslow[\s-]?mo(tion)?\b")


def read(text: str) -> Reading:
    """Understand an intent. Never fails: what it does not know is in `unknown`."""
    rest = text.lower().replace("’", "'")
    target: Fraction | None = None
    reasons: list[str] = []
    if match := _LENGTH.search(rest):
        target = Fraction(match[1]) * (60 if match[2].startswith("m") else 1)
        reasons.append(f"length of {float(target):g} s: {match[0].strip()!r}")
        rest = rest.replace(match[0], " ", 1)
    rest = _BLACK_AND_WHITE.sub(" monochrome ", _MUSIC_VIDEO.sub(" music ", _SLOW_MOTION.sub(" slow slow slow ", rest)))
    named: list[tuple[str, str]] = []
    moves: list[tuple[str, str, float | str, str, bool]] = []
    unknown: list[str] = []
    negated = False
    for word in re.findall(r"[^\W_]+(?:['-][^\W_]+)*", rest):
        if word in _NEGATIONS:
            negated = True
            continue
        name = next((name for stem, name in _STYLE_STEMS if word.startswith(stem)), None)
        move = next((move for move in _MOVES if word.startswith(move[0])), None)
        if name and not negated:
            named.append((word, name))
        elif move:
            moves.append((word, *move[1:], negated))
        elif word in _FILLERS:
            continue
        else:
            unknown.append(f"no {word}" if negated else word)
        negated = False
    result = _named(named, reasons)
    for word, field, change, why, turned in moves:
        result = _moved(result, field, change, -1 if turned else 1)
        reasons.append(f"{'not ' if turned else ''}{why}: {word!r}")
    return Reading(result, tuple(reasons), tuple(dict.fromkeys(unknown)), target)


def _named(named: list[tuple[str, str]], reasons: list[str]) -> Style:
    """The style of the first word that names one; 'film' and the like only if no other does."""
    if not named:
        return STYLES["plain"]
    word, name = next((pair for pair in named if not pair[0].startswith(_WEAK)), named[0])
    reasons.append(f"{name} style: {word!r}")
    reasons += [f"{other} style gives way: {said!r}" for said, other in named if other != name]
    return STYLES[name]


def lasting(reading: Reading, target_s: Fraction) -> Reading:
    """The same with a length given apart from the words; it wins over one in the words."""
    reasons = (*(r for r in reading.reasons if not r.startswith("length of ")), f"length of {float(target_s):g} s")
    return replace(reading, target_s=target_s, reasons=reasons)


def _moved(style: Style, name: str, change: float | str, sign: int) -> Style:
    if name == "speed":
        speed = style.speed * Fraction(change) ** sign
        return replace(style, speed=min(max(speed, SLOWEST), FASTEST).limit_denominator(20))
    if name == "longest":
        longest = min(max(style.longest_s * Fraction(change) ** sign, Fraction(1)), Fraction(20))
        return replace(style, longest_s=longest.limit_denominator(1000))
    value = getattr(style.grade, name) + sign * float(change)
    return replace(style, grade=replace(style.grade, **{name: round(value, 4)}).bounded())
