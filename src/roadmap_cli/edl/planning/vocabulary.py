"""Single words that name a style or move one of its numbers, words that only make sentences, and words for numbers."""

from __future__ import annotations

import re

#: Stems that name a style. The longest stem that fits decides.
STYLE_STEMS: dict[str, str] = {
    "cinema": "cinematic", "film": "cinematic", "movie": "cinematic", "hollywood": "cinematic", "drama": "cinematic",
    "epic": "cinematic", "blockbuster": "cinematic", "document": "documentary", "docu": "documentary",
    "report": "documentary", "news": "documentary", "trailer": "trailer", "teaser": "trailer", "promo": "trailer",
    "advert": "trailer", "commercial": "trailer", "vlog": "vlog", "youtuber": "vlog", "tutorial": "vlog",
    "explainer": "vlog", "lecture": "vlog", "howto": "vlog", "tiktok": "short", "reel": "short", "short": "short",
    "interview": "interview", "talk": "interview", "podcast": "interview", "testimonial": "interview",
    "wedding": "wedding", "bridal": "wedding", "romantic": "wedding", "sport": "sport", "highlight": "sport",
    "action": "sport", "noir": "noir", "detective": "noir", "vintage": "vintage", "retro": "vintage",
    "nostalg": "vintage", "vhs": "vintage", "dream": "dreamy", "ethereal": "dreamy", "plain": "plain",
    "simple": "plain", "neutral": "plain", "natural": "plain",
}  # fmt: skip
#: Stems that name a style only if nothing more definite is said.
WEAK_STEMS = ("film", "movie", "drama", "epic", "talk", "report", "news", "action", "highlight", "romantic", "natural")

#: Stems that move numbers: what is moved, by how much, and what that is called. `speed` and `median` multiply.
MOVES: dict[str, tuple[tuple[tuple[str, float], ...], str]] = {
    "slow": ((("speed", 0.9),), "played slower"),
    "fast": ((("speed", 1.1),), "played faster"),
    "calm": ((("median", 1.3),), "longer shots"), "quiet": ((("median", 1.2),), "longer shots"),
    "linger": ((("median", 1.35),), "longer shots"), "relax": ((("median", 1.3),), "longer shots"),
    "peaceful": ((("median", 1.3),), "longer shots"), "breath": ((("median", 1.35),), "longer shots"),
    "energ": ((("median", 0.75),), "shorter shots"), "quick": ((("median", 0.75),), "shorter shots"),
    "brisk": ((("median", 0.8),), "shorter shots"), "punchy": ((("median", 0.75),), "shorter shots"),
    "snappy": ((("median", 0.75),), "shorter shots"), "hectic": ((("median", 0.6),), "shorter shots"),
    "frantic": ((("median", 0.6),), "shorter shots"), "dynamic": ((("median", 0.75),), "shorter shots"),
    "choppy": ((("median", 0.7),), "shorter shots"), "tense": ((("median", 0.85), ("brightness", -0.02)), "tenser"),
    "warm": ((("warmth_k", 200.0),), "warmer white"), "golden": ((("warmth_k", 300.0),), "warmer white"),
    "sunny": ((("warmth_k", 200.0), ("brightness", 0.03)), "warmer and brighter"),
    "yellow": ((("warmth_k", 250.0),), "warmer white"), "orange": ((("warmth_k", 250.0),), "warmer white"),
    "cold": ((("warmth_k", -200.0),), "colder white"), "cool": ((("warmth_k", -200.0),), "colder white"),
    "icy": ((("warmth_k", -300.0),), "colder white"), "blue": ((("warmth_k", -300.0),), "colder white"),
    "dark": ((("brightness", -0.05),), "darker"), "dim": ((("brightness", -0.05),), "darker"),
    "moody": ((("brightness", -0.04), ("contrast", 0.05)), "darker, more contrast"),
    "gloomy": ((("brightness", -0.04), ("saturation", -0.15)), "darker and paler"),
    "bleak": ((("brightness", -0.03), ("saturation", -0.2)), "darker and paler"),
    "sad": ((("brightness", -0.03), ("saturation", -0.15)), "darker and paler"),
    "melanchol": ((("brightness", -0.03), ("saturation", -0.15)), "darker and paler"),
    "spooky": ((("brightness", -0.05), ("warmth_k", -200.0)), "darker and colder"),
    "bright": ((("brightness", 0.05),), "brighter"), "light": ((("brightness", 0.04),), "brighter"),
    "airy": ((("brightness", 0.05), ("contrast", -0.05)), "brighter and softer"),
    "happy": ((("brightness", 0.03), ("saturation", 0.1)), "brighter, more colour"),
    "cheer": ((("brightness", 0.03), ("saturation", 0.1)), "brighter, more colour"),
    "playful": ((("brightness", 0.02), ("saturation", 0.1)), "brighter, more colour"),
    "fun": ((("saturation", 0.1), ("median", 0.9)), "more colour, shorter shots"),
    "upbeat": ((("saturation", 0.1), ("median", 0.85)), "more colour, shorter shots"),
    "lively": ((("saturation", 0.1), ("median", 0.85)), "more colour, shorter shots"),
    "vivid": ((("saturation", 0.2),), "more colour"), "color": ((("saturation", 0.2),), "more colour"),
    "colour": ((("saturation", 0.2),), "more colour"), "vibrant": ((("saturation", 0.2),), "more colour"),
    "saturat": ((("saturation", 0.15),), "more colour"), "desaturat": ((("saturation", -0.3),), "less colour"),
    "colorless": ((("saturation", -0.3),), "less colour"), "colourless": ((("saturation", -0.3),), "less colour"),
    "muted": ((("saturation", -0.2),), "less colour"), "faded": ((("saturation", -0.2),), "less colour"),
    "pale": ((("saturation", -0.2),), "less colour"), "washed": ((("saturation", -0.2), ("contrast", -0.1)), "paler"),
    "contrast": ((("contrast", 0.1),), "more contrast"), "crisp": ((("contrast", 0.05),), "more contrast"),
    "gritty": ((("contrast", 0.1), ("saturation", -0.1)), "more contrast, less colour"),
    "harsh": ((("contrast", 0.12),), "more contrast"), "soft": ((("contrast", -0.1),), "less contrast"),
    "gentle": ((("contrast", -0.05),), "less contrast"), "flat": ((("contrast", -0.15),), "less contrast"),
}  # fmt: skip

NEGATIONS = frozenset({"no", "not", "without", "less", "never", "don't", "dont", "isn't", "avoid", "nothing", "low"})
#: Words that make the next move smaller or larger.
DEGREES = {
    "slightly": 0.5, "bit": 0.5, "little": 0.5, "somewhat": 0.5, "touch": 0.5, "tad": 0.5, "subtly": 0.5, "rather": 1.0,
    "very": 1.5, "much": 1.5, "really": 1.5, "super": 1.5, "extremely": 2.0, "way": 1.5, "lot": 1.5, "heavily": 1.5,
    "strongly": 1.5, "quite": 1.0, "ultra": 2.0,
}  # fmt: skip

#: Words that carry no wish, or only make a sentence of the others.
_FILLER_TEXT = """
    a about above actually add added adding again all also although am an and another any anything are around as at
    atmosphere basically be because become been being best both but by can cause clean clip clips come could create
    cut cuts cutting did do does done down each edit edited editing effect effects end entire every everything
    exactly feed feel feeling feels few finally find first footage for format frame from full gave get gets getting
    give given giving go goes going good great had has have having help here high how however i i'd i'm i've if in
    into is it it'll it's its itself just keep kind last lasting lasts leave let lets like likes long look looking
    looks made make makes making many may me mean might mode mood more most must my myself need needed needs next
    nice normalise normalize of off ok okay on once one only onto or our out over overall own packed part parts
    perhaps piece play played please plus possible produce put quality raw real render result s same say scene
    scenes see set shall she shooting shot shots should show shown so some something sort speed start stuff style
    styled such sure take tell than thank thanks that that's the their them then there these they thing things think
    this those through to together tone tones too turn turned turning two under until up upon use used using version
    very vibe vibes video videos view want wanted wants was way we well were what when where which while who whole
    will wish with within would yes you your
"""
FILLERS = frozenset(_FILLER_TEXT.split())

_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_COUNTED = r"(?:seconds?|secs?|minutes?|mins?|hours?|percent|shots?|cuts?|clips?|scenes?|times|fps|frames)"
_ONE = re.compile(rf"\bone(?=[\s-]+{_COUNTED}\b)|\bone(?=[\s-]+and[\s-]+a[\s-]+half\b)")
_TEN_AND_UNIT = re.compile(
    rf"\b({'|'.join(_TENS)})(?:[\s-]+({'|'.join(name for name, n in _UNITS.items() if 0 < n < 10)}))?\b"
)
_UNIT = re.compile(rf"\b({'|'.join(name for name in _UNITS if name != 'one')})\b")
_TIME = r"(seconds?|secs?|minutes?|mins?|hours?)"
#: Halves and quarters, before single numbers: pattern and what it becomes.
_PARTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"\b(\d+)\s+and\s+a\s+half\s+{_TIME}\b"), r"\1.5 \2"),
    (re.compile(rf"\b(?:a|1)\s+{_TIME}\s+and\s+a\s+half\b"), r"1.5 \1"),
    (re.compile(rf"\b(\d+)\s+{_TIME}\s+and\s+a\s+half\b"), r"\1.5 \2"),
    (re.compile(rf"\bthree[\s-]+quarters?\s+of\s+an?\s+{_TIME}\b"), r"0.75 \1"),
    (re.compile(rf"\b3[\s-]+quarters?\s+of\s+an?\s+{_TIME}\b"), r"0.75 \1"),
    (re.compile(rf"\b(?:a\s+)?quarter\s+(?:of\s+)?an?\s+{_TIME}\b"), r"0.25 \1"),
    (re.compile(rf"\bhalf[\s-]+(?:an?[\s-]+)?{_TIME}\b"), r"0.5 \1"),
    (re.compile(r"\ba\s+couple\s+of\b"), "2"),
    (re.compile(r"\b(?:a|an)\s+(minute|hour)\b"), r"1 \1"),
    (re.compile(r"\ba\s+dozen\b"), "12"),
)


def digits(text: str) -> str:
    """Lower-case text with words for numbers written as figures: 'two and a half minutes' is '2.5 minutes'."""
    text = _ONE.sub("1", text)
    text = _TEN_AND_UNIT.sub(lambda m: str(_TENS[m[1]] + (_UNITS[m[2]] if m[2] else 0)), text)
    text = _UNIT.sub(lambda m: str(_UNITS[m[1]]), text)
    for pattern, becomes in _PARTS:
        text = pattern.sub(becomes, text)
    return text


def stem_of(word: str, stems: dict[str, object] | dict[str, str]) -> str | None:
    """The longest stem a word begins with."""
    for length in range(len(word), 2, -1):
        if word[:length] in stems:
            return word[:length]
    return None
