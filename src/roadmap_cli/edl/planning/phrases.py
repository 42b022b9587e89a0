"""Phrases of several words in an intent: each a pattern, what it changes, and why. In order; what is taken is gone."""

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
    more_effect,
    moved,
    paced,
    quieter,
    with_effects,
    with_grade,
    with_values,
)

Rule = Callable[[str, Wishes], str]
Take = Callable[[re.Match[str], Wishes], None]

#: Shapes by name and by ratio, width by height.
ASPECTS: dict[str, Fraction] = {
    "vertical": Fraction(9, 16), "upright": Fraction(9, 16), "portrait": Fraction(9, 16), "horizontal": Fraction(16, 9),
    "landscape": Fraction(16, 9), "widescreen": Fraction(16, 9), "square": Fraction(1), "cinemascope": Fraction(239, 100),
    "anamorphic": Fraction(239, 100), "16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "4:5": Fraction(4, 5),
    "5:4": Fraction(5, 4), "4:3": Fraction(4, 3), "3:4": Fraction(3, 4), "1:1": Fraction(1), "21:9": Fraction(21, 9),
    "3:2": Fraction(3, 2), "2:3": Fraction(2, 3), "1.85:1": Fraction(37, 20), "2.35:1": Fraction(47, 20),
    "2.39:1": Fraction(239, 100), "2.4:1": Fraction(12, 5), "2:1": Fraction(2),
}  # fmt: skip

_GAP = " \x00 "
_NEG = (
    r"(?:no|not|without|don't|do not|dont|never|avoid|skip|remove|drop|omit|leave out|take out|get rid of|cut out|"
    r"take away|lose|zero)(?: (?:any|the|all|of|a|an|use|do|add|have|need|put|want|my|too|so))*"
)
_CUT = (
    r"(?:cut|remove|trim|delete|shorten|shrink|take|drop|get rid of|no|without|skip|kill|tighten|lose|edit|strip|chop)"
    r"(?: (?:down|out|away|off|up|all|any|of|the|my|those|these|long|longer|awkward|boring))*"
)
_PAUSES = r"(?:silent (?:bits?|parts?|gaps?)|silences?|pauses?|dead[ -]air|dead space|gaps?|quiet (?:bits?|parts?|moments?))"
_START = r"(?:start|starts|beginning|begin|begins|opening|open|opens|intro|first half)"
_END = r"(?:end|ends|ending|finish|finale|close|last part|second half)"
_SLOW = r"(?:slow(?:ly|er|ing)?|calm(?:er|ly)?|gentl[ey]r?|relaxed|quiet(?:er|ly)?)"
_FAST = r"(?:fast(?:er)?|quick(?:er|ly)?|energetic(?:ally)?|frantic|hectic|rapid(?:ly)?)"
_AT = r"(?:at|towards?|near|by|in|for)(?: the)?(?: very)?"


def aspect_name(aspect: Fraction) -> str:
    """A shape in words: '9:16 upright'."""
    known = next((name for name, value in ASPECTS.items() if value == aspect and name[0].isdigit()), None)
    name = known or f"{float(aspect):.2f}:1"
    return f"{name} {'upright' if aspect < 1 else 'square' if aspect == 1 else 'wide'}"


def _rule(pattern: str, take: Take) -> Rule:
    compiled = re.compile(pattern)

    def rule(text: str, wishes: Wishes) -> str:
        def taken(match: re.Match[str]) -> str:
            take(match, wishes)
            return _GAP

        return compiled.sub(taken, text)

    return rule


def _style(name: str, *patterns: str) -> list[Rule]:
    return [_rule(pattern, lambda match, wishes: wishes.named.append((match[0].strip(), name))) for pattern in patterns]


def _does(why: str, change: Callable[[Style], Style], *patterns: str) -> list[Rule]:
    return [
        _rule(pattern, lambda match, wishes: wishes.change(change, f"{why}: {match[0].strip()!r}")) for pattern in patterns
    ]


def _sets(why: str, values: dict[str, Any], *patterns: str) -> list[Rule]:
    return [
        _rule(pattern, lambda match, wishes: wishes.set(f"{why}: {match[0].strip()!r}", **values)) for pattern in patterns
    ]


def _shape(aspect: Fraction, *patterns: str) -> list[Rule]:
    return _does(aspect_name(aspect), with_values(aspect=aspect), *patterns)


def _together(*changes: Callable[[Style], Style]) -> Callable[[Style], Style]:
    def change(style: Style) -> Style:
        for each in changes:
            style = each(style)
        return style

    return change


def _percent_speed(match: re.Match[str], wishes: Wishes) -> None:
    number = Fraction(next(group for group in match.groups() if group))
    speed = number / 100 if "%" in match[0] or "percent" in match[0] or "per cent" in match[0] else number
    if re.search(r"times slower", match[0]):
        speed = 1 / speed if speed else SLOWEST
    bounded = min(max(speed, SLOWEST), FASTEST).limit_denominator(100)
    if bounded != speed:
        wishes.limits.append(f"a speed of {float(speed):g}: plays at {float(bounded):g}, bounds are 0.5 to 2")
    wishes.change(with_values(speed=bounded), f"{float(bounded * 100):g} % speed: {match[0].strip()!r}")


def _slow_motion(match: re.Match[str], wishes: Wishes) -> None:
    wishes.change(moved("speed", 0.73), f"slow motion: {match[0].strip()!r}")


def _time_lapse(match: re.Match[str], wishes: Wishes) -> None:
    wishes.change(with_values(speed=FASTEST), f"200 % speed: {match[0].strip()!r}")
    wishes.limits.append("a time lapse plays at 2 times speed at most")


def _lines(match: re.Match[str], wishes: Wishes) -> None:
    number = int(match[1])
    if number <= 120:
        wishes.change(with_values(fps=number), f"{number} frames a second: {match[0].strip()!r}")
    else:
        wishes.set(f"{number} lines: {match[0].strip()!r}", lines=min(max(number, 144), 4320))


def _size(match: re.Match[str], wishes: Wishes) -> None:
    width, height = (min(max(int(side) // 2 * 2, 16), 8192) for side in (match[1], match[2]))
    wishes.set(f"{width} by {height} pixels: {match[0].strip()!r}", size=(width, height))
    wishes.changes.append(with_values(aspect=Fraction(width, height)))


def _rate(match: re.Match[str], wishes: Wishes) -> None:
    number = min(max(int(match[1]), 1), 120)
    wishes.change(with_values(fps=number), f"{number} frames a second: {match[0].strip()!r}")


def _loudness(match: re.Match[str], wishes: Wishes) -> None:
    asked = -abs(float(next(group for group in match.groups() if group)))
    value = min(max(asked, LOUDNESS_LUFS[0]), LOUDNESS_LUFS[1])
    if value != asked:
        wishes.limits.append(f"a loudness of {asked:g} LUFS: {value:g} is the bound")
    wishes.change(with_values(loudness_lufs=value), f"{value:g} LUFS: {match[0].strip()!r}")


def _grade_number(name: str, scale: float) -> Take:
    def take(match: re.Match[str], wishes: Wishes) -> None:
        number = float(next(group for group in match.groups() if group).replace(" ", ""))
        value = number / scale if "%" in match[0] or "percent" in match[0] else number
        if name == "warmth_k" and re.search("cold|cool|blue", match[0]):
            value = -abs(value)
        wishes.change(with_grade(**{name: value}), f"{name} {value:g}: {match[0].strip()!r}")

    return take


def _effect_number(name: str) -> Take:
    def take(match: re.Match[str], wishes: Wishes) -> None:
        value = float(match[1])
        change = with_values(blur=min(max(value, 0.0), 20.0)) if name == "blur" else with_effects(**{name: value})
        wishes.change(change, f"{name} {value:g}: {match[0].strip()!r}")

    return take


def _counted(match: re.Match[str], wishes: Wishes) -> None:
    wishes.set(f"{match[1]} cuts: {match[0].strip()!r}", count=max(1, int(match[1])))


def _white_end(match: re.Match[str], wishes: Wishes) -> None:
    wishes.change(_fade_out(), f"fades out: {match[0].strip()!r}")
    wishes.limits.append("an end in white: programmes fade out to black")


def _fade_out() -> Callable[[Style], Style]:
    return lambda style: replace(style, fade_out_s=max(style.fade_out_s, Fraction(1)))


def _fade_in() -> Callable[[Style], Style]:
    return lambda style: replace(style, fade_in_s=max(style.fade_in_s, Fraction(1)))


def _more_dissolves(least: float) -> Callable[[Style], Style]:
    return lambda style: replace(style, dissolves=min(1.0, max(style.dissolves + 0.2, least)))


def _dissolve_share(match: re.Match[str], wishes: Wishes) -> None:
    share = min(int(match[1]) / 100, 1.0)
    wishes.change(with_values(dissolves=share), f"{match[1]} % of the joints dissolve: {match[0].strip()!r}")


def _blurrier(style: Style) -> Style:
    return replace(style, blur=min(20.0, max(style.blur * 1.4, style.blur + 4, 8.0)))


def _ordered(style: Style) -> Style:
    return replace(style, by_role=False, hook_s=Fraction(0))


def _ungraded(style: Style) -> Style:
    from roadmap_cli.edl.edit import COLOUR_EFFECTS
    from roadmap_cli.edl.grade import NEUTRAL

    return replace(style, grade=NEUTRAL, effects={n: v for n, v in style.effects.items() if n not in COLOUR_EFFECTS})


def _keeps(share: str) -> Callable[[Style], Style]:
    return with_values(keep=Fraction(share))


_NEVER = with_values(music="none")
_HARD = with_values(dissolves=0.0, act_fades=False)

#: Rules before lengths of time are read, and those after.
RULES: tuple[list[Rule], list[Rule]] = (
    [
        # Shapes and sizes first: a ratio looks like a time of the clock.
        _rule(r"\b(\d{3,4}) ?x ?(\d{3,4})\b", _size),
        *(rule for name, value in ASPECTS.items() if name[0].isdigit()
          for rule in _shape(value, rf"(?<![\d.:]){re.escape(name)}(?![\d:])(?: (?:format|aspect(?: ratio)?|ratio))?")),
        *_does("pictures at the footage's shape: not upright", with_values(aspect=Fraction(16, 9)),
               rf"\b{_NEG} (?:vertical|upright|portrait)\b"),
        _rule(r"\b(?:at |in )?(\d{2,4})[pi]\b", _lines),
        *_sets("2160 lines", {"lines": 2160}, r"\b4k\b|\buhd\b"),
        *_sets("1080 lines", {"lines": 1080}, r"\bfull ?hd\b"),
        _rule(r"\b(?:at |in )?(\d{1,3}) ?(?:fps|frames? (?:per|a|each) second|frames/s)\b", _rate),
        *_style("music-video", r"\bmusic[\s-]+(?:video|clip)s?\b"),
        *_style("vintage", r"\b(?:old )?super[ -]?8\b(?: film| movie)?|\b(?:8|16) ?mm\b(?: film)?|\bsilent (?:film|movie)\b",
                r"\bold(?:[ -]fashioned)? (?:film|movie|home (?:video|movie))\b|\bhome (?:movie|video)\b"),
        *_style("interview", r"\btalking[ -]heads?\b"),
        *_style("noir", r"\bfilm[ -]noir\b"),
        # Platforms.
        *_style("short", r"\byou ?tube[ -]shorts?\b|\b(?:instagram|insta|ig)[ -]reels?\b|\breels?[ -]ready\b"),
        *_does("9:16 upright, -14 LUFS", with_values(aspect=Fraction(9, 16), loudness_lufs=-14.0),
               r"\b(?:for |an? |my )?(?:instagram|insta|ig)(?:[ -]stor(?:y|ies))?\b",
               r"\b(?:for )?(?:snapchat|whatsapp(?: status)?|phones?|mobile(?: phones?)?)\b"),
        *_does("16:9 wide, -14 LUFS", with_values(aspect=Fraction(16, 9), loudness_lufs=-14.0), r"\b(?:for )?you ?tube\b",
               r"\bfor (?:vimeo|facebook|twitter)\b"),
        *_does("-23 LUFS by EBU R 128", with_values(loudness_lufs=-23.0, aspect=Fraction(16, 9)),
               r"\b(?:for )?(?:tv|television)(?: broadcast)?\b", r"\b(?:for )?broadcast(?:ing)?\b(?:, ?ebu ?r ?128)?|\bebu ?r ?128\b"),
        *_does("1:1 square", with_values(aspect=Fraction(1)), r"\bfor linkedin\b"),
        _rule(r"\b(?:at |to |of )?(-?\d{1,2}(?:\.\d)?) ?lufs\b", _loudness),
        _rule(r"\bloudness (?:of |at |to )?(-?\d{1,2}(?:\.\d)?)\b", _loudness),
        # Numbers of speed and look, before times.
        _rule(r"(?<![\w.])(\d(?:\.\d+)?) ?x(?: speed| faster| as fast)?\b", _percent_speed),
        _rule(r"\b(?:at |to |play at )?(\d{2,3}) ?(?:%|percent|per cent)(?: of(?: the)?)?(?: (?:normal|original|full))?"
              r" ?speed\b|\bat (\d{2,3}) ?(?:%|percent|per cent)(?! saturation)", _percent_speed),
        _rule(r"\bspeed (?:of |at |to |up to )?(\d(?:\.\d+)?)(?! ?%)\b", _percent_speed),
        _rule(r"\bspeed (?:of |at |to )?(\d{2,3}) ?(?:%|percent)", _percent_speed),
        _rule(r"\b(\d(?:\.\d+)?) times (?:as fast|faster|the speed|slower|speed)\b", _percent_speed),
        *_does("50 % speed", with_values(speed=Fraction(1, 2)), r"\b(?:at )?half(?:[ -](?:the )?)speed\b"),
        *_does("200 % speed", with_values(speed=Fraction(2)), r"\b(?:at )?double(?: the)?[ -]speed\b|\btwice (?:as fast|the speed)\b"),
        *_does("own speed", with_values(speed=Fraction(1)),
               r"\b(?:at |in |play (?:it )?at |with )?(?:normal|full|real|original|natural|own|regular)[ -]?(?:time|speed)\b",
               rf"\b{_NEG} slow[\s-]?mo(?:tion)?\b|\b{_NEG} (?:change (?:the )?)?speed(?: changes?)?\b"),
        _rule(r"\b(?:in |with )?slow[\s-]?mo(?:tion)?\b", _slow_motion),
        _rule(r"\btime[ -]?lapse\b", _time_lapse),
        _rule(r"\bsaturation (?:of |at |to )?(\d{1,3}) ?(?:%|percent)|\b(\d{1,3}) ?(?:%|percent) saturation\b|"
              r"\bsaturation (?:of |at |to )?(\d(?:\.\d+)?)\b", _grade_number("saturation", 100)),
        _rule(r"\bcontrast (?:of |at |to )?(\d(?:\.\d+)?)\b", _grade_number("contrast", 100)),
        _rule(r"\bbrightness (?:of |at |to )?([+-]? ?\d?\.\d+)\b", _grade_number("brightness", 100)),
        _rule(r"(?<![\w])([+-]? ?\d{2,4}) ?(?:kelvin|k)\b(?: (?:warmer|colder|cooler|bluer))?", _grade_number("warmth_k", 1)),
        *(_rule(rf"\b{name} (?:of |at |to )?(\d{{1,2}}(?:\.\d+)?)\b", _effect_number(name))
          for name in ("blur", "grain", "vignette", "sharpen", "denoise", "bloom")),
        _rule(r"\b(\d{1,3}) ?(?:%|percent) (?:dissolves?|cross ?fades?|transitions?)\b", _dissolve_share),
        _rule(r"\b(?:use |in |with |only )?(\d{1,3})(?: different)?(?= (?:shots?|cuts|clips)\b)", _counted),
        *_does("no hook", with_values(hook_s=Fraction(0)), rf"\b{_NEG} (?:intro[ -]|opening )?hook\b"),
    ],
    [
        # Music and sound.
        *_does("no music", _NEVER, rf"\b{_NEG} (?:background |more )?(?:music|sound ?track|score|songs?)\b"),
        *_does("quieter music", quieter(3.0),
               r"\b(?:quiet(?:er)?|soft(?:er)?|low(?:er)?|subtle|gentle|less|turn(?:ed)? down the)(?: background)? music\b",
               r"\bmusic (?:should be |to be |must be |is |a bit |much |be )*(?:quiet(?:er)?|soft(?:er)?|low(?:er)?|down|subtle)\b"),
        *_does("louder music", quieter(-3.0), r"\b(?:loud(?:er)?|turn(?:ed)? up the)(?: background)? music\b",
               r"\bmusic (?:should be |to be |must be |is |a bit |much |be )*(?:loud(?:er)?|up)\b"),
        *_does("music cues at the story's beats", with_values(music="dramatic"),
               r"\b(?:with |add )?(?:some )?(?:dramatic|epic|cinematic|tense|suspenseful) (?:music(?: cues?)?|score|sound ?track)\b|\bmusic cues\b"),
        *_does("the music leads", with_values(music="led"), r"\bmusic[ -](?:led|driven|leads)\b"),
        *_does("own sound off", with_values(mute_own=True),
               r"\b(?:mute|silence|turn off|drop|remove)(?: the| its| all)?(?: (?:original|own|camera|source|location|live))? (?:sound|audio)\b",
               rf"\b{_NEG} (?:original|own|camera|source|location|live) (?:sound|audio)\b|\b{_NEG} (?:sound|audio) from the (?:camera|source|clips?|footage)\b"),
        *_does("cuts where they are, not on beats", with_values(on_beat=False),
               rf"\b{_NEG} cut(?:s|ting)? (?:on|to|with)(?: the)? (?:\w+ )?(?:beats?|rhythm|music)\b"),
        *_does("cuts on musical beats", with_values(on_beat=True),
               r"\b(?:cut(?:s|ting)?|edit(?:ed)?|sync(?:ed|hroni[sz]ed)?) (?:on|to|with|in)(?: the)? (?:\w+ )?(?:beats?|rhythm|music)(?: of the music)?\b",
               r"\bon the (?:down)?beats?\b|\bto the rhythm(?: of the music)?\b|\bbeat[ -]sync(?:ed)?\b"),
        *_does("music under it", lambda style: replace(style, music="bed") if style.music == "none" else style,
               r"\b(?:with |add |put |some |under(?:lying)? |background )+(?:nice )?(?:music|sound ?track)\b(?: under(?:neath)?(?: the)?(?: speech| voices?| talking| it)?)?",
               r"\bmusic under(?:neath)?(?: the)?(?: speech| voices?| talking| it)?\b|\bduck(?:ed|ing)?(?: the music)?\b|\bmusic\b"),
        *_does("J and L cuts", with_values(split_edits=True), r"\b(?:with )?[jl][ -]?cuts?(?: (?:and|or) [jl][ -]?cuts?)?\b|\bsplit edits?\b"),
        # Pauses.
        *_does("pauses stay", with_values(cut_silences=False),
               rf"\b(?:keep|leave|{_NEG} (?:cut|remove|trim|shorten|touch))(?: all| in)?(?: the)? {_PAUSES}(?: in)?\b"),
        *_sets("the words that fill pauses go", {"cut_fillers": True},
               rf"\b{_CUT} (?:ums?(?: and (?:ah|uh|er)s?)?|uhs?|ahs?|filler(?: word)?s?)\b"),
        *_does("pauses shortened to 0.25 s", with_values(cut_silences=True), rf"\b{_CUT} {_PAUSES}\b",
               r"\btighten(?: it| this)?(?: up)?\b|\b(?:cut|edit(?:ed)?) tight(?:ly)?\b"),
        *_sets("pauses around laughter stay", {"keep_laughter": True},
               r"\b(?:but )?(?:keep|leave|with)(?: in)?(?: all)?(?: the)? (?:jokes?|laughs?|laughter|punch ?lines?|funny (?:parts?|bits?|moments?))(?: in)?\b"),
        # The best moment and the hook.
        *_sets("the best moment comes first", {"best_first": True},
               r"\b(?:start|begin|open|lead)s?(?: off)?(?: it)? with(?: the| a| its| my)? (?:best|strongest|biggest|top|most \w+)(?: (?:moments?|bits?|parts?|shots?|scenes?))?\b",
               r"\b(?:best|strongest) (?:moments?|bits?|parts?|shots?|scenes?) (?:first|at the (?:start|beginning))\b|\bcold[ -]open(?:ing)?\b"),
        *_does("a hook in front", lambda style: replace(style, hook_s=style.hook_s or Fraction(3, 2)),
               r"\b(?:with |has |start(?:s)? with |and )?(?:a |an )?(?:good |strong |great |attention )?hook\b|\b(?:start|begin)s? with a bang\b|\bgrabs? attention\b"),
        # Shape.
        *_shape(Fraction(9, 16), r"\b(?:vertical|upright)\b|\bportrait(?: (?:format|mode|orientation|video|shape))?\b"),
        *_shape(Fraction(16, 9), r"\b(?:horizontal|wide[ -]?screen)\b|\blandscape\b(?: (?:format|mode|orientation))?(?! (?:shot|photo|scene|painting))"),
        *_shape(Fraction(1), r"\bsquare\b(?: format)?"),
        *_shape(Fraction(239, 100), r"\bcinemascope\b|\banamorphic\b"),
        # Titles.
        *_sets("no titles", {"no_titles": True}, rf"\b{_NEG} (?:title|caption|text|word)s?(?: cards?)?\b"),
        # Fades and joints.
        *_does("no fades", with_values(fade_in_s=Fraction(0), fade_out_s=Fraction(0), act_fades=False), rf"\b{_NEG} fad(?:e|es|ing)\b(?: in| out)?"),
        *_does("fades in and out", _together(_fade_in(), _fade_out()), r"\bfades? in (?:and|&) (?:fades? )?out\b"),
        *_does("fades in", _fade_in(), r"\bfades? (?:in|up)(?: from black)?(?: at the (?:start|beginning))?\b|\b(?:fades? )?from black\b(?: at the (?:start|beginning))?"),
        _rule(r"\bfades? (?:out )?to white\b(?: at the end)?|\bend(?:s|ing)? (?:on|in) white\b", _white_end),
        *_does("fades out to black", _fade_out(),
               r"\bfades? (?:out )?(?:to|into) black\b(?: at the (?:very )?end)?|\bfades? out\b(?: at the end)?|\bfades? away\b|\bend(?:s|ing)? (?:on|in|with|to) black\b|\bto black at the end\b|\bfades?\b"),
        *_does("cuts only", _HARD, r"\b(?:only |just |with )*(?:hard|straight|plain|simple|clean)[ -]cuts?(?: only)?\b",
               rf"\b{_NEG} (?:transitions?|dissolves?|cross ?fades?|cross dissolves?)(?: effects?)?\b"),
        *_sets("no wipes", {"wipes": False}, rf"\b{_NEG} wipes?\b"),
        *_sets("wipes", {"wipes": True}, r"\b(?:with |use )?(?:star )?wipes?\b"),
        *_does("fewer dissolves", lambda style: replace(style, dissolves=style.dissolves / 2),
               r"\b(?:fewer|less|not so many) (?:dissolves?|transitions?|cross ?fades?)\b"),
        *_does("many dissolves", _more_dissolves(0.4), r"\b(?:with )?(?:lots? of|many|more|plenty of|smooth|soft) (?:dissolves?|transitions?|cross ?fades?)\b"),
        *_does("shots dissolve", _more_dissolves(0.5), r"\b(?:dissolve|cross ?fade|cross dissolve)s?(?: between)(?: the| all| each)?(?: shots?| scenes?| clips?)?\b"),
        *_does("dissolves", _more_dissolves(0.25), r"\b(?:with )?(?:dissolves?|cross ?fades?|cross dissolves?)\b"),
        *_does("no jump cuts", with_values(punch=1.0, cut_silences=False), rf"\b{_NEG} jump[ -]?cuts?\b"),
        *_does("jump cuts with punch-ins", with_values(punch=1.2, cut_silences=True), r"\b(?:with )?jump[ -]?cuts?\b(?: edit)?"),
        *_does("no punch-ins", with_values(punch=1.0), rf"\b{_NEG} (?:punch|zoom)(?:[ -]?ins?|s)?\b"),
        *_does("punch-ins", with_values(punch=1.2), r"\b(?:with )?(?:punch|zoom)[ -]?ins?\b"),
        *_sets("tighter framing", {"zoom": 1.2}, r"\b(?:tight(?:er)?|close(?:r)?) (?:framing|crops?|framed)\b|\bcrop(?:ped)? (?:in )?tight(?:er)?\b"),
        # Pace along the way.
        *_does("slower towards the end", paced(end=1.6),
               rf"\b(?:a )?{_SLOW} {_END}\b|\b(?:and |then )*(?:{_SLOW}|slow(?:s|ing)? down)(?: and slower)? {_AT} {_END}\b|\b{_END} {_SLOW}\b",
               rf"\b(?:gets?|getting|becom(?:es?|ing)|grow(?:s|ing)?) slower(?: {_AT} {_END})?\b|\bslow(?:s|ing)? down\b"),
        *_does("faster towards the end", paced(end=0.6),
               rf"\b(?:a )?{_FAST} {_END}\b|\b(?:and |then )*(?:{_FAST}|speed(?:s|ing)? up) {_AT} {_END}\b|\b{_END} {_FAST}\b",
               rf"\b(?:and )?(?:gets?|getting|becom(?:es?|ing)|grow(?:s|ing)?) faster(?: {_AT} {_END})?\b|\bfaster and faster\b",
               r"\baccelerat\w+\b|\bbuild(?:s|ing)?[ -]?up(?: to(?:wards)?(?: the)? (?:end|climax|peak|finale))?\b|\bcrescendo\b|\bincreasing pace\b"),
        *_does("slower at the start", paced(start=1.5),
               rf"\b(?:a )?{_SLOW} {_START}\b|\b{_SLOW} {_AT} {_START}\b|\b{_START}(?: off| out)? {_SLOW}\b"),
        *_does("faster at the start", paced(start=0.67),
               rf"\b(?:a )?{_FAST} {_START}\b|\b{_FAST} {_AT} {_START}\b|\b{_START}(?: off| out)? {_FAST}\b"),
        *_does("shorter shots", moved("median", 0.7),
               r"\b(?:short(?:er)?|quick(?:er)?|fast(?:er)?|rapid|brisk)[ -](?:cuts?|shots?|takes?|cutting|editing|paced?|edits)\b"),
        *_does("longer shots", moved("median", 1.4),
               r"\b(?:long(?:er)?|slow(?:er)?)[ -](?:shots?|takes?|cuts?|paced?|cutting|editing)\b|\blet (?:the |it |this |each )?(?:shots?|scenes?|pictures?|it)? ?breathe\b"),
        # Look.
        *_does("black and white", with_grade(saturation=0.0, warmth_k=0.0, split_tone=0.0),
               r"\bblack[\s-]+(?:and|&|n)[\s-]+white\b|\bb ?& ?w\b|\bb/w\b|\bbw\b|\bmonochrom\w*|\bgr[ea]y ?scale\b"),
        *_does("colours as they are", _ungraded,
               rf"\b{_NEG} (?:colou?r )?(?:grad(?:e|es|ing)|correction|filters?|luts?)\b|\b{_NEG} (?:change|touch) (?:the )?colou?rs?\b|\bungraded\b|\bkeep (?:the )?(?:original )?colou?rs?\b|\b(?:natural|original|true) colou?rs?\b"),
        *_does("full colour", lambda style: replace(style, grade=replace(style.grade, saturation=max(1.0, style.grade.saturation))),
               r"\b(?:in |with )?full[ -]colou?rs?\b"),
        *_does("pops", _together(with_effects(vibrance=0.15, sharpen=0.2), moved("contrast", 0.1), moved("saturation", 0.08)),
               r"\b(?:make (?:it|them|this|the colou?rs) )?pop\b"),
        *_does("teal shadows and orange highlights", with_grade(split_tone=0.04), r"\bteal (?:and|&|/) ?orange\b|\borange (?:and|&) teal\b"),
        *_does("sepia", with_grade(sepia=0.25), r"\bsepia\b(?: tones?)?"),
        *_does("golden light", moved("warmth_k", 300.0), r"\bgolden hour\b"),
        *_does("no bars", with_effects(letterbox=0.0), rf"\b{_NEG} (?:letter ?box(?:es|ing)?(?: bars?)?|(?:black |cinema )?bars?)\b"),
        *_does("bars above and below", with_effects(letterbox=2.39), r"\b(?:with )?(?:letter ?box(?:ed|ing)?(?: bars?)?|(?:black |cinema )bars?)\b"),
        *_sets("out-of-focus shots left out", {"without": ("blurry",)}, rf"\b{_NEG} (?:blurry|blurred|soft|out[ -]of[ -]focus|unsharp)(?: (?:shots?|footage|parts?|clips?|bits?|scenes?|pictures?))\b"),
        *_does("no blur", with_values(blur=0.0), rf"\b{_NEG} (?:background )?(?:blur(?:ring)?|bokeh)\b"),
        *_does("blur behind the subject", _blurrier,
               r"\b(?:more |with |a |some )*(?:background )?blur(?:red|ring|ry)?(?: (?:the )?background)?\b|\bbokeh\b|\bshallow (?:focus|depth of field)\b"),
        *_does("no grain", with_effects(grain=0.0), rf"\b{_NEG} (?:film )?grain\b"),
        *_does("grain", more_effect("grain", 4.0, 8.0), r"\b(?:with |more |some )*(?:film )?grain(?:y)?\b"),
        *_does("no vignette", with_effects(vignette=0.0), rf"\b{_NEG} vignett(?:e|ing)\b"),
        *_does("vignette", more_effect("vignette", 0.2, 0.5), r"\b(?:heavy |strong |with |a )*vignett(?:e|ing)\b"),
        *_does("glow", more_effect("bloom", 0.1, 0.2), r"\b(?:glow(?:ing)?|bloom|haz[ey])\b"),
        *_sets("shaky shots left out", {"without": ("shaky",)}, rf"\b{_NEG} (?:shaky|wobbly|unsteady)(?: (?:shots?|footage|parts?|clips?|bits?|scenes?|camera))\b"),
        *_does("stabilised", with_effects(stabilise=0.08), r"\bstabili[sz]\w*\b(?: (?:it|the shots?|the footage))?|\bstead(?:y|ier)\b|\bstable\b|\b(?:fix|remove) (?:the )?shak(?:e|ing|iness)\b"),
        *_does("noise taken out", more_effect("denoise", 1.0, 3.0), rf"\bde-?noise\b|\b{_NEG} (?:the )?noise\b|\b(?:reduce|clean(?: up)?) (?:the )?noise\b"),
        *_does("sharpened", more_effect("sharpen", 0.2, 0.5), r"\bsharp(?:en(?:ed)?|er)?\b"),
        *_sets("horizons straightened", {"straighten": True}, r"\bstraighten\w*\b(?: (?:the )?(?:horizon|shots?))?|\blevel (?:the )?horizons?\b"),
        # What is taken and left.
        *_sets("dark shots left out", {"without": ("dark",)}, rf"\b{_NEG} dark (?:shots?|footage|parts?|clips?|bits?|scenes?)\b"),
        *_sets("noisy shots left out", {"without": ("noisy",)}, rf"\b{_NEG} (?:noisy|grainy) (?:shots?|footage|parts?|clips?|bits?|scenes?)\b"),
        *_sets("still shots left out", {"without": ("still",)}, rf"\b{_NEG} (?:still|static|boring|motionless) (?:shots?|footage|parts?|clips?|bits?|scenes?)\b"),
        *_sets("talk left out", {"without": ("speech",)}, rf"\b{_NEG} (?:talking|speech|dialogue|people talking|voices?)\b"),
        *_sets("only where somebody speaks", {"only": ("speech",)}, r"\b(?:only|just)(?: the)?(?: parts? with)? ?(?:people (?:talking|speaking)|talking|speech|dialogue|speaking)(?: parts?)?\b"),
        *_sets("only shots with faces", {"only": ("faces",)}, r"\b(?:only|just)(?: the)?(?: shots? (?:with|of))? ?(?:faces?|close[ -]?ups?)\b"),
        *_sets("only shots with people", {"only": ("people",)}, r"\b(?:only|just)(?: the)?(?: shots? (?:with|of))? ?(?:people|persons?)\b"),
        *_sets("shots without people", {"without": ("people",)}, rf"\b{_NEG} (?:people|persons?|faces?)\b"),
        *_sets("only where something moves", {"only": ("action",)}, r"\b(?:only|just)(?: the)? (?:action|movement)\b"),
        *_does("speech weighs more", lambda style: replace(style, likes=(*style.likes[:3], style.likes[3] + 3, style.likes[4])),
               r"\b(?:more|keep(?: all)?(?: the)?) (?:talk(?:ing)?|speech|dialogue|voices?)\b"),
        *_does("everything kept", _keeps("1"), r"\b(?:keep|use|include) (?:everything|all(?: of it| the (?:footage|shots))?)\b|\b(?:leave|cut) nothing(?: out)?\b|\b(?:the )?whole thing\b"),
        *_does("no replay", with_values(replay=Fraction(0)), rf"\b{_NEG} (?:slow )?replays?\b"),
        *_does("the best moment again, slower", with_values(replay=Fraction(1, 2)), r"\b(?:with )?(?:a |an )?(?:slow |instant )?replays?\b"),
        *_does("only the best", _keeps("2/5"), r"\b(?:only|just)(?: the| my)? (?:highlights?|best (?:moments?|bits?|parts?|shots?|scenes?)|good (?:bits?|parts?|stuff))\b|\b(?:the )?(?:best|good) (?:moments?|bits?|parts?|shots?|scenes?)(?: only)?\b|\brecap\b|\bsummary\b"),
        *_does("shorter edit", _keeps("3/5"), r"\b(?:make (?:it|this) )?(?:a bit |much )?shorter\b|\bcondense[ds]?\b|\bshorten(?:ed)?\b"),
        *_does("in the footage's own order", _ordered, r"\b(?:in |keep )?(?:the )?(?:chronological|original|same) order\b|\bchronologically\b"),
        *_does("a montage", with_values(montage=True, median_s=Fraction(2)), r"\bmontage\b"),
    ],
)  # fmt: skip
