"""Phrases of several words in an intent, in order: each a pattern, what it changes, and why. What is taken is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.edl.planning.rules import (
    ASPECTS,
    Rule,
    blurrier,
    coloured,
    counted,
    dissolve_share,
    does,
    effect_number,
    fade_in,
    fade_out,
    faster,
    frame_lines,
    frame_rate,
    frame_size,
    grade_number,
    in_own_order,
    keeping,
    loudness,
    more_dissolves,
    names_style,
    pauses_and_fillers,
    percent_speed,
    rule,
    sets,
    shapes,
    slow_motion,
    talkative,
    time_lapse,
    together,
    ungraded,
    white_end,
)
from roadmap_cli.edl.planning.wishes import (
    more_effect,
    moved,
    paced,
    quieter,
    with_effects,
    with_grade,
    with_values,
)

_NEG = (
    r"(?:no|not|without|don't|do not|dont|never|avoid|skip|remove|drop|omit|leave out|take out|get rid of|cut out|"
    r"take away|lose|zero)(?: (?:any|the|all|of|a|an|use|do|add|have|need|put|want|my|too|so))*"
)
_CUT = (
    r"(?:cut|remove|trim|delete|shorten|shrink|take|drop|get rid of|no|without|skip|kill|tighten|lose|edit|strip|chop)"
    r"(?: (?:down|out|away|off|up|all|any|of|the|my|those|these|long|longer|awkward|boring))*"
)
_PAUSES = (
    r"(?:silent (?:bits?|parts?|gaps?)|silences?|pauses?|dead[ -]air|dead space|gaps?|quiet (?:bits?|parts?|moments?))"
)
_START = r"(?:start|starts|beginning|begin|begins|opening|open|opens|intro|first half)"
_END = r"(?:end|ends|ending|finish|finale|close|last part|second half)"
_SLOW = r"(?:slow(?:ly|er|ing)?|calm(?:er|ly)?|gentl[ey]r?|relaxed|quiet(?:er|ly)?)"
_FAST = r"(?:fast(?:er)?|quick(?:er|ly)?|energetic(?:ally)?|frantic|hectic|rapid(?:ly)?)"
_AT = r"(?:at|towards?|near|by|in|for)(?: the)?(?: very)?"


_NEVER = with_values(music="none")
_HARD = with_values(dissolves=0.0, act_fades=False)

#: Rules before lengths of time are read, and those after.
RULES: tuple[list[Rule], list[Rule]] = (
    [
        # Shapes and sizes first: a ratio looks like a time of the clock.
        rule(r"\b(\d{3,4}) ?x ?(\d{3,4})\b", frame_size),
        *(rule for name, value in ASPECTS.items() if name[0].isdigit()
          for rule in shapes(value, rf"(?<![\d.:]){re.escape(name)}(?![\d:])(?: (?:format|aspect(?: ratio)?|ratio))?")),
        *does("pictures at the footage's shape: not upright", with_values(aspect=Fraction(16, 9)),
               rf"\b{_NEG} (?:vertical|upright|portrait)\b"),
        rule(r"\b(?:at |in )?(\d{2,4})[pi]\b", frame_lines),
        *sets("2160 lines", {"lines": 2160}, r"\b4k\b|\buhd\b"),
        *sets("1080 lines", {"lines": 1080}, r"\bfull ?hd\b"),
        rule(r"\b(?:at |in )?(\d{1,3}) ?(?:fps|frames? (?:per|a|each) second|frames/s)\b", frame_rate),
        *names_style("cinematic", r"\bshort (?:film|movie)\b"),
        *names_style("music-video", r"(?<!no )(?<!not a )\bmusic[\s-]+(?:video|clip)s?\b"),
        *names_style("vintage", r"\b(?:old )?vhs(?: tapes?)?\b|"
                     r"\b(?:old )?super[ -]?8\b(?: film| movie)?|\b(?:8|16) ?mm\b(?: film)?|"
                     r"\bsilent (?:film|movie)\b",
                r"\bold(?:[ -]fashioned)? (?:film|movie|home (?:video|movie))\b|\bhome (?:movie|video)\b"),
        *names_style("interview", r"\btalking[ -]heads?\b"),
        *names_style("noir", r"\bfilm[ -]noir\b"),
        # Platforms.
        *names_style("short", r"\byou ?tube[ -]shorts?\b|\b(?:instagram|insta|ig)[ -]reels?\b|\breels?[ -]ready\b"),
        *does("9:16 upright, -14 LUFS", with_values(aspect=Fraction(9, 16), loudness_lufs=-14.0),
               r"\b(?:for |an? |my )?(?:instagram|insta|ig)(?:[ -]stor(?:y|ies))?\b",
               r"\b(?:for )?(?:snapchat|whatsapp(?: status)?|phones?|mobile(?: phones?)?)\b"),
        *does("16:9 wide, -14 LUFS", with_values(aspect=Fraction(16, 9), loudness_lufs=-14.0),
               r"\b(?:for )?you ?tube\b",
               r"\bfor (?:vimeo|facebook|twitter)\b"),
        *does("-23 LUFS by EBU R 128", with_values(loudness_lufs=-23.0, aspect=Fraction(16, 9)),
               r"\b(?:for )?(?:tv|television)(?: broadcast)?\b",
               r"\b(?:for )?broadcast(?:ing)?\b(?:, ?ebu ?r ?128)?|\bebu ?r ?128\b"),
        *does("1:1 square", with_values(aspect=Fraction(1)), r"\bfor linkedin\b"),
        rule(r"\b(?:loudness )?(?:at |to |of )?(-?\d{1,2}(?:\.\d)?) ?lufs\b", loudness),
        rule(r"\bloudness (?:of |at |to )?(-?\d{1,2}(?:\.\d)?)\b", loudness),
        # Numbers of speed and look, before times.
        rule(r"(?<![\w.])(\d(?:\.\d+)?) ?x(?: speed| faster| as fast)?\b", percent_speed),
        rule(r"\b(?:at |to |play at )?(\d{2,3}) ?(?:%|percent|per cent)(?: of(?: the)?)?(?: (?:normal|original|full))?"
              r" ?speed\b|\bat (\d{2,3}) ?(?:%|percent|per cent)(?! saturation)", percent_speed),
        rule(r"\bspeed (?:of |at |to |up to )?(\d(?:\.\d+)?)(?! ?%)\b", percent_speed),
        rule(r"\bspeed (?:of |at |to )?(\d{2,3}) ?(?:%|percent)", percent_speed),
        rule(r"\b(\d(?:\.\d+)?) times (?:as fast|faster|the speed|slower|speed)\b", percent_speed),
        rule(r"\b(\d{1,2}) ?(?:%|percent|per cent) (?:faster|quicker)\b", lambda m, w: faster(m, w, 1)),
        rule(r"\b(\d{1,2}) ?(?:%|percent|per cent) slower\b", lambda m, w: faster(m, w, -1)),
        *does("the best moment again, slower", with_values(replay=Fraction(1, 2)),
              r"\b(?:with )?(?:an? )?slow[\s-]?mo(?:tion)?[\s-]replays?\b"),
        *does("50 % speed", with_values(speed=Fraction(1, 2)), r"\b(?:at )?half(?:[ -](?:the )?)speed\b"),
        *does("200 % speed", with_values(speed=Fraction(2)), r"\b(?:at )?double(?: the)?[ -]speed\b|"
               r"\btwice (?:as fast|the speed)\b"),
        *does("own speed", with_values(speed=Fraction(1)),
               r"\b(?:at |in |play (?:it )?at |with )?(?:normal|full|real|original|natural|own|regular)[ -]?(?:time|"
               r"speed)\b",
               rf"\b{_NEG} slow[\s-]?mo(?:tion)?\b|\b{_NEG} (?:change (?:the )?)?speed(?: changes?)?\b"),
        rule(r"\b(?:in |with )?slow[\s-]?mo(?:tion)?\b", slow_motion),
        rule(r"\btime[ -]?lapse\b", time_lapse),
        rule(r"\bsaturation (?:of |at |to )?(\d{1,3}) ?(?:%|percent)|\b(\d{1,3}) ?(?:%|percent) saturation\b|"
              r"\bsaturation (?:of |at |to )?(\d(?:\.\d+)?)\b", grade_number("saturation", 100)),
        rule(r"\bcontrast (?:of |at |to )?(\d(?:\.\d+)?)\b", grade_number("contrast", 100)),
        rule(r"\bbrightness (?:of |at |to )?([+-]? ?\d?\.\d+)\b", grade_number("brightness", 100)),
        rule(r"(?<![\w])([+-]? ?\d{2,4}) ?(?:kelvin|k)\b(?: (?:warmer|colder|cooler|bluer))?",
               grade_number("warmth_k", 1)),
        *(rule(rf"\b{name} (?:of |at |to )?(\d{{1,2}}(?:\.\d+)?)\b", effect_number(name))
          for name in ("blur", "grain", "vignette", "sharpen", "denoise", "bloom")),
        rule(r"\b(\d{1,3}) ?(?:%|percent) (?:dissolves?|cross ?fades?|transitions?)\b", dissolve_share),
        rule(r"\b(?:use |in |with |only |no more than |at most |up to |"
               r"max(?:imum)? )?(\d{1,3})(?: different)?(?= (?:shots?|cuts|clips)\b)", counted),
        *does("no hook", with_values(hook_s=Fraction(0)), rf"\b{_NEG} (?:intro[ -]|opening )?hook\b"),
    ],
    [
        # Music and sound.
        *does("no music", _NEVER, rf"\b{_NEG} (?:background |more )?(?:music|sound ?track|score|songs?)\b"),
        *does("quieter music", quieter(3.0),
               r"\b(?:quiet(?:er)?|soft(?:er)?|low(?:er)?|subtle|gentle|less|"
               r"turn(?:ed)? down the)(?: background)? music\b",
               r"\bmusic (?:should be |to be |must be |is |a bit |much |be )*(?:quiet(?:er)?|soft(?:er)?|low(?:er)?|"
               r"down|subtle)\b"),
        *does("louder music", quieter(-3.0), r"\b(?:loud(?:er)?|turn(?:ed)? up the)(?: background)? music\b",
               r"\bmusic (?:should be |to be |must be |is |a bit |much |be )*(?:loud(?:er)?|up)\b"),
        *does("music cues at the story's beats", with_values(music="dramatic"),
               r"\b(?:with |add )?(?:some )?(?:dramatic|epic|cinematic|tense|suspenseful) (?:music(?: cues?)?|score|"
               r"sound ?track)\b|\bmusic cues\b"),
        *does("the music leads", with_values(music="led"), r"\bmusic[ -](?:led|driven|leads)\b"),
        *does("own sound off", with_values(mute_own=True),
               r"\b(?:mute|silence|turn off|drop|remove)(?: the| its| all)?(?: (?:original|own|camera|source|"
               r"location|live))? (?:sound|audio)\b",
               rf"\b{_NEG} (?:original|own|camera|source|location|live) (?:sound|audio)\b|\b{_NEG} (?:sound|"
               rf"audio) from the (?:camera|source|clips?|footage)\b"),
        *does("cuts where they are, not on beats", with_values(on_beat=False),
               rf"\b{_NEG} cut(?:s|ting)? (?:on|to|with)(?: the)? (?:\w+ )?(?:beats?|rhythm|music)\b"),
        *does("cuts on musical beats", with_values(on_beat=True),
               r"\b(?:cut(?:s|ting)?|edit(?:ed)?|sync(?:ed|hroni[sz]ed)?) (?:on|to|with|"
               r"in)(?: the)? (?:\w+ )?(?:beats?|rhythm|music)(?: of the music)?\b",
               r"\bon the (?:down)?beats?\b|\bto the rhythm(?: of the music)?\b|\bbeat[ -]sync(?:ed)?\b"),
        *does("music under it", lambda style: replace(style, music="bed") if style.music == "none" else style,
               r"\b(?:with |add |put |some |under(?:lying)? |background )+(?:nice )?(?:music|"
               r"sound ?track)\b(?: under(?:neath)?(?: the)?(?: speech| voices?| talking| it)?)?",
               r"\bmusic under(?:neath)?(?: the)?(?: speech| voices?| talking| it)?\b|\bduck(?:ed|"
               r"ing)?(?: the music)?\b|\bmusic\b"),
        *does("J and L cuts", with_values(split_edits=True), r"\b(?:with )?[jl][ -]?cuts?(?: (?:and|"
               r"or) [jl][ -]?cuts?)?\b|\bsplit edits?\b"),
        # Pauses.
        *does("pauses stay", with_values(cut_silences=False),
               rf"\b(?:keep|leave|{_NEG} (?:cut|remove|trim|shorten|touch))(?: all| in)?(?: the)? {_PAUSES}(?: in)?\b"),
        *sets("the words that fill pauses go", {"cut_fillers": True},
               rf"\b{_CUT} (?:ums?(?: and (?:ah|uh|er)s?)?|uhs?|ahs?|filler(?: word)?s?)\b"),
        rule(rf"\b{_CUT} {_PAUSES},? (?:and|&|plus)? ?(?:the |all )?(?:ums?|uhs?|filler(?: word)?s?)(?: and (?:ah|"
               rf"uh|er)s?)?\b",
             pauses_and_fillers),
        *does("pauses shortened to 0.25 s", with_values(cut_silences=True), rf"\b{_CUT} {_PAUSES}\b",
               r"\btighten(?: it| this)?(?: up)?\b|\b(?:cut|edit(?:ed)?) tight(?:ly)?\b"),
        *sets("pauses around laughter stay", {"keep_laughter": True},
               r"\b(?:but )?(?:keep|leave|with)(?: in)?(?: all)?(?: the)? (?:jokes?|laughs?|laughter|punch ?lines?|"
               r"funny (?:parts?|bits?|moments?))(?: in)?\b"),
        # The best moment and the hook.
        *sets("the best moment comes first", {"best_first": True},
               r"\b(?:start|begin|open|lead)s?(?: off)?(?: it)? with(?: the| a| its| my)? (?:best|strongest|biggest|"
               r"top|most \w+)(?: (?:moments?|bits?|parts?|shots?|scenes?))?\b",
               r"\b(?:best|strongest) \w+ (?:first|at the (?:start|"
               r"beginning))\b|\bcold[ -]open(?:ing)?\b"),
        *does("a hook in front", lambda style: replace(style, hook_s=style.hook_s or Fraction(3, 2)),
               r"\b(?:with |has |start(?:s)? with |and )?(?:a |an )?(?:good |strong |great |attention )?hook\b|"
               r"\b(?:start|begin)s? with a bang\b|\bgrabs? attention\b"),
        # Shape.
        *shapes(Fraction(9, 16), r"\b(?:vertical|upright)\b|\bportrait(?: (?:format|mode|orientation|video|shape))?\b"),
        *shapes(Fraction(16, 9), r"\b(?:horizontal|wide[ -]?screen)\b|\blandscape\b(?: (?:format|mode|"
               r"orientation))?(?! (?:shot|photo|scene|painting))"),
        *shapes(Fraction(1), r"\bsquare\b(?: format)?"),
        *shapes(Fraction(239, 100), r"\bcinemascope\b|\banamorphic\b"),
        # Titles.
        *sets("no titles", {"no_titles": True}, rf"\b{_NEG} (?:title|caption|text|word)s?(?: cards?)?\b"),
        # Fades and joints.
        *does("no fades", with_values(fade_in_s=Fraction(0), fade_out_s=Fraction(0), act_fades=False),
               rf"\b{_NEG} fad(?:e|es|ing)\b(?: in| out)?"),
        *does("fades in and out", together(fade_in(), fade_out()), r"\bfades? in (?:and|&) (?:fades? )?out\b"),
        *does("fades in", fade_in(), r"\bfades? (?:in|up)(?: from black)?(?: at the (?:start|beginning))?\b|"
               r"\b(?:fades? )?from black\b(?: at the (?:start|beginning))?"),
        rule(r"\bfades? (?:out )?to white\b(?: at the end)?|\bend(?:s|ing)? (?:on|in) white\b", white_end),
        *does("fades out to black", fade_out(),
               r"\bfades? (?:out )?(?:to|into) black\b(?: at the (?:very )?end)?|\bfades? out\b(?: at the end)?|"
               r"\bfades? away\b|\bend(?:s|ing)? (?:on|in|with|to) black\b|\bto black at the end\b|\bfades?\b"),
        *does("cuts only", _HARD, r"\b(?:only |just |with )*(?:hard|straight|plain|simple|clean)[ -]cuts?(?: only)?\b",
               rf"\b{_NEG} (?:transitions?|dissolves?|cross ?fades?|cross dissolves?)(?: effects?)?\b"),
        *sets("no wipes", {"wipes": False}, rf"\b{_NEG} wipes?\b"),
        *sets("wipes", {"wipes": True}, r"\b(?:with |use )?(?:star )?wipes?\b"),
        *does("fewer dissolves", lambda style: replace(style, dissolves=style.dissolves / 2),
               r"\b(?:fewer|less|not so many) (?:dissolves?|transitions?|cross ?fades?)\b"),
        *does("many dissolves", more_dissolves(0.4), r"\b(?:with )?(?:lots? of|many|more|plenty of|smooth|"
               r"soft) (?:dissolves?|transitions?|cross ?fades?)\b"),
        *does("shots dissolve", more_dissolves(0.5), r"\b(?:dissolve|cross ?fade|"
               r"cross dissolve)s?(?: between)(?: the| all| each)?(?: shots?| scenes?| clips?)?\b"),
        *does("dissolves", more_dissolves(0.25), r"\b(?:with )?(?:dissolves?|cross ?fades?|cross dissolves?)\b"),
        *does("no jump cuts", with_values(punch=1.0, cut_silences=False), rf"\b{_NEG} jump[ -]?cuts?\b"),
        *does("jump cuts with punch-ins", with_values(punch=1.2, cut_silences=True),
               r"\b(?:with )?jump[ -]?cuts?\b(?: edit)?"),
        *does("no punch-ins", with_values(punch=1.0), rf"\b{_NEG} (?:punch|zoom)(?:[ -]?ins?|s)?\b"),
        *does("punch-ins", with_values(punch=1.2), r"\b(?:with )?(?:punch|zoom)[ -]?ins?\b"),
        *sets("tighter framing", {"zoom": 1.2}, r"\b(?:tight(?:er)?|close(?:r)?) (?:framing|crops?|framed)\b|"
               r"\bcrop(?:ped)? (?:in )?tight(?:er)?\b"),
        # Pace along the way.
        *does("slower towards the end", paced(end=1.6),
               rf"\b(?:a )?{_SLOW} {_END}\b|\b(?:and |then )*(?:{_SLOW}|slow(?:s|"
               rf"ing)? down)(?: and slower)? {_AT} {_END}\b|\b{_END} {_SLOW}\b",
               rf"\b(?:gets?|getting|becom(?:es?|ing)|grow(?:s|ing)?) slower(?: {_AT} {_END})?\b|\bslow(?:s|"
               rf"ing)? down\b"),
        *does("faster towards the end", paced(end=0.6),
               rf"\b(?:a )?{_FAST} {_END}\b|\b(?:and |then )*(?:{_FAST}|speed(?:s|ing)? up) {_AT} {_END}\b|"
               rf"\b{_END} {_FAST}\b"),
        *does("ever faster", paced(start=1.25, end=0.6),
               rf"\b(?:and )?(?:gets?|getting|becom(?:es?|ing)|grow(?:s|ing)?) faster(?: {_AT} {_END})?\b|"
               rf"\bfaster and faster\b",
               r"\baccelerat\w+\b|\bbuild(?:s|ing)?[ -]?up(?: to(?:wards)?(?: the)? (?:end|climax|peak|finale))?\b|"
               r"\bcrescendo\b|\bincreasing pace\b"),
        *does("slower at the start", paced(start=1.5),
               rf"\b(?:a )?{_SLOW} {_START}\b|\b{_SLOW} {_AT} {_START}\b|\b{_START}(?: off| out)? {_SLOW}\b"),
        *does("faster at the start", paced(start=0.67),
               rf"\b(?:a )?{_FAST} {_START}\b|\b{_FAST} {_AT} {_START}\b|\b{_START}(?: off| out)? {_FAST}\b"),
        *does("shorter shots", moved("median", 0.7),
               r"\b(?:short(?:er)?|quick(?:er)?|fast(?:er)?|rapid|brisk)[ -](?:cuts?|shots?|takes?|cutting|editing|"
               r"paced?|edits)\b"),
        *does("longer shots", moved("median", 1.4),
               r"\b(?:long(?:er)?|slow(?:er)?)[ -](?:shots?|takes?|cuts?|paced?|cutting|editing)\b|\blet (?:the |"
               r"it |this |each )?(?:shots?|scenes?|pictures?|it)? ?breathe\b"),
        # Look.
        *does("black and white", with_grade(saturation=0.0, warmth_k=0.0, split_tone=0.0),
               r"\bblack[\s-]+(?:and|&|n)[\s-]+white\b|\bb ?& ?w\b|\bb/w\b|\bbw\b|\bmonochrom\w*|\bgr[ea]y ?scale\b"),
        *does("colours as they are", ungraded,
               rf"\b{_NEG} (?:colou?r )?(?:grad(?:e|es|ing)|correction|filters?|luts?)\b|\b{_NEG} (?:change|"
               rf"touch) (?:the )?colou?rs?\b|\bungraded\b|\bkeep (?:the )?(?:original )?colou?rs?\b|\b(?:natural|"
               rf"original|true) colou?rs?\b"),
        *does("full colour", coloured,
               r"\b(?:in |with )?full[ -]colou?rs?\b"),
        *does("pops", together(with_effects(vibrance=0.15, sharpen=0.2), moved("contrast", 0.1), moved("saturation",
               0.08)),
               r"\b(?:make (?:it|them|this|the colou?rs) )?pop\b"),
        *does("teal shadows and orange highlights", with_grade(split_tone=0.04), r"\bteal (?:and|&|/) ?orange\b|"
               r"\borange (?:and|&) teal\b"),
        *does("sepia", with_grade(sepia=0.25), r"\bsepia\b(?: tones?)?"),
        *does("golden light", moved("warmth_k", 300.0), r"\bgolden hour\b"),
        *does("no bars", with_effects(letterbox=0.0), rf"\b{_NEG} (?:letter ?box(?:es|ing)?(?: bars?)?|(?:black |"
               rf"cinema )?bars?)\b"),
        *does("bars above and below", with_effects(letterbox=2.39), r"\b(?:with )?(?:letter ?box(?:ed|"
               r"ing)?(?: bars?)?|(?:black |cinema )bars?)\b"),
        *sets("out-of-focus shots left out", {"without": ("blurry",)}, rf"\b{_NEG} (?:blurry|blurred|soft|"
               rf"out[ -]of[ -]focus|unsharp)(?: (?:shots?|footage|parts?|clips?|bits?|scenes?|pictures?))\b"),
        *does("no blur", with_values(blur=0.0), rf"\b{_NEG} (?:background )?(?:blur(?:ring)?|bokeh)\b"),
        *does("blur behind the subject", blurrier,
               r"\b(?:more |with |a |some )*(?:background )?blur(?:red|ring|ry)?(?: (?:the )?background)?\b|"
               r"\bbokeh\b|\bshallow (?:focus|depth of field)\b"),
        *does("no effects", with_values(effects={}, blur=0.0), rf"\b{_NEG} (?:special )?effects?\b"),
        *does("no grain", with_effects(grain=0.0), rf"\b{_NEG} (?:film )?grain\b"),
        *does("grain", more_effect("grain", 4.0, 8.0), r"\b(?:with |more |some )*(?:film )?grain(?:y)?\b"),
        *does("no vignette", with_effects(vignette=0.0), rf"\b{_NEG} vignett(?:e|ing)\b"),
        *does("vignette", more_effect("vignette", 0.2, 0.5), r"\b(?:heavy |strong |with |a )*vignett(?:e|ing)\b"),
        *does("glow", more_effect("bloom", 0.1, 0.2), r"\b(?:glow(?:ing)?|bloom|haz[ey])\b"),
        *sets("shaky shots left out", {"without": ("shaky",)}, rf"\b{_NEG} (?:shaky|wobbly|unsteady)(?: (?:shots?|"
               rf"footage|parts?|clips?|bits?|scenes?|camera))\b"),
        *does("stabilised", with_effects(stabilise=0.08), r"\bstabili[sz]\w*\b(?: (?:it|the shots?|the footage))?|"
               r"\bstead(?:y|ier)\b|\bstable\b|\b(?:less|not so) (?:shaky|wobbly)\b|\b(?:fix|"
               r"remove) (?:the )?shak(?:e|ing|iness)\b"),
        *does("noise taken out", more_effect("denoise", 1.0, 3.0), rf"\bde-?noise\b|\b{_NEG} (?:the )?noise\b|"
               rf"\b(?:reduce|clean(?: up)?) (?:the )?noise\b"),
        *does("sharpened", more_effect("sharpen", 0.2, 0.5), r"\bsharp(?:en(?:ed)?|er)?\b"),
        *sets("horizons straightened", {"straighten": True}, r"\bstraighten\w*\b(?: (?:the )?(?:horizon|shots?))?|"
               r"\blevel (?:the )?horizons?\b"),
        # What is taken and left.
        *sets("dark shots left out", {"without": ("dark",)}, rf"\b{_NEG} dark (?:shots?|footage|parts?|clips?|"
               rf"bits?|scenes?)\b"),
        *sets("noisy shots left out", {"without": ("noisy",)}, rf"\b{_NEG} (?:noisy|grainy) (?:shots?|footage|"
               rf"parts?|clips?|bits?|scenes?)\b"),
        *sets("still shots left out", {"without": ("still",)}, rf"\b{_NEG} (?:still|static|boring|"
               rf"motionless) (?:shots?|footage|parts?|clips?|bits?|scenes?)\b"),
        *sets("talk left out", {"without": ("speech",)}, rf"\b{_NEG} (?:talking|speech|dialogue|people talking|"
               rf"voices?)\b"),
        *sets("only where somebody speaks", {"only": ("speech",)}, r"\b(?:only|"
               r"just)(?: the)?(?: parts? with)? ?(?:people (?:talking|speaking)|talking|speech|dialogue|"
               r"speaking)(?: parts?)?\b"),
        *sets("only shots with faces", {"only": ("faces",)}, r"\b(?:only|just)(?: the)?(?: shots? (?:with|"
               r"of))? ?(?:faces?|close[ -]?ups?)\b"),
        *sets("only shots with people", {"only": ("people",)}, r"\b(?:only|just)(?: the)?(?: shots? (?:with|"
               r"of))? ?(?:people|persons?)\b"),
        *sets("shots without people", {"without": ("people",)}, rf"\b{_NEG} (?:people|persons?|faces?)\b"),
        *sets("only where something moves", {"only": ("action",)}, r"\b(?:only|just)(?: the)? (?:action|movement)\b"),
        *does("speech weighs more", talkative,
               r"\b(?:more|keep(?: all)?(?: the)?) (?:talk(?:ing)?|speech|dialogue|voices?)\b"),
        *does("everything kept", keeping("1"), r"\b(?:keep|use|include) (?:everything|all(?: of it| the (?:footage|"
               r"shots))?)\b|\b(?:leave|cut) nothing(?: out)?\b|\b(?:the )?whole thing\b"),
        *does("no replay", with_values(replay=Fraction(0)), rf"\b{_NEG} (?:slow )?replays?\b"),
        *does("the best moment again, slower", with_values(replay=Fraction(1, 2)),
               r"\b(?:with )?(?:a |an )?(?:slow |instant )?replays?\b"),
        *does("only the best", keeping("2/5"), r"\b(?:only|just)(?: the| my)? (?:highlights?|best (?:moments?|bits?|"
               r"parts?|shots?|scenes?)|good (?:bits?|parts?|stuff))\b|\b(?:the )?(?:best|good) (?:moments?|bits?|"
               r"parts?|shots?|scenes?)(?: only)?\b|\brecap\b|\bsummary\b"),
        *does("half of it kept", keeping("1/2"), r"\bhalf (?:as long|(?:the|its) length)\b"),
        *does("shorter edit", keeping("3/5"), r"\b(?:make (?:it|this) )?(?:a bit |much )?shorter\b|"
               r"\bcondense[ds]?\b|\bshorten(?:ed)?\b"),
        *does("in the footage's own order", in_own_order,
               r"\b(?:in |keep )?(?:the )?(?:chronological|original|same) order\b|\bchronologically\b"),
        *does("a montage", with_values(montage=True, median_s=Fraction(2)), r"\bmontage\b"),
    ],
)  # fmt: skip
