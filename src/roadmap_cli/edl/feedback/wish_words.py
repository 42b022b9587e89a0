"""The words of people about an edit, as tables: what is said, along which axis it lies, and which way.

The sign of an entry is that of the *property* the word names ("dark" lies at exposure -1). What a person wishes follows
from how it is said: complained of, asked for, or missed; `wishes` works that out.
"""

from __future__ import annotations

import re

#: What a clause is about: topic and the words that say so. Order decides which comes first.
TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\b(?:{words})\b"))
    for name, words in (
        ("contrast", r"contrast"),
        ("blur", r"blur(?:ring)?(?: effects?)?"),
        ("exposure", r"exposure|brightness|gamma|midtones?|mids"),
        ("sharpening", r"edges?|outlines?|contours?"),
        ("saturation", r"saturation|sat|colou?r levels?|chroma"),
        ("temperature", r"(?:colou?r )?temperature|white balance"),
        ("sharpness", r"sharpness|sharpening"),
        ("sibilance", r"s(?:'s|es)|s[- ]sounds?|esses|sibilants?|sibilance"),
        ("title", r"titles?|captions?|subtitles?|text|lettering|letters|fonts?|lower thirds?|straps?|supers?|chyrons?"),
        ("music", r"music|songs?|soundtrack|score|tunes?|music bed|bed|guitars?|piano|drums?|strings|violins?|"
         r"bass|(?:backing|background|music) tracks?|track(?: "
                  r"underneath)?|beat drop|bgm|melody|"
                  r"jingle|background song"),
        ("silence", r"pauses?|silences?|gaps|breaks|waits?|between (?:the )?(?:sentences|questions|answers|words|"
         r"lines)|(?:silent|quiet|empty|dead) (?:parts|bits|sections|moments|stretches|"
                    r"spots)|dead air|lulls"),
        ("speech", r"voices?|voice-?overs?|speech|speakers?|dialog(?:ue)?s?|narrat\w+|talking|vocals?|"
         r"interview(?:ee|er)s?|hosts?|reporters?|moderators?|vo|"
                   r"conversations?|commentary|presenter|spoken words?|(?:is|are|they|she|he) say(?:s|ing)?"),
        ("sound", r"audio|sounds?|volume|noise level|mix|levels?"),
        ("skin", r"skin(?: tones?)?|complexions?|cheeks?|tan"),
        ("face", r"faces?|everyone|everybody|people look|they look like"),
        ("background", r"background|bokeh|backdrop|behind (?:him|her|them|me|the \w+)"),
        ("look", r"pictures?|images?|visuals?|visually|the look|a look|grade looks|footage looks"),
        ("slow_motion", r"slow[- ]?mo(?:tion)?"),
        ("transition", r"transitions?|dissolves?|cross-?fades?|wipes?|fades?"),
        ("shots", r"shots|pictures change|each (?:shot|clip)|every (?:shot|clip)|clips|takes|cuts"),
        ("shot", r"(?:that|this|the|first|second|third|fourth|fifth|last|opening|closing|final) (?:shot|clip|take)"),
        ("start", r"starts?|beginning|opening|intro(?:duction)?|first (?:few |couple of |\d+ |two |three |five |ten )?"
                  r"(?:seconds|moments|minute)|hook"),
        ("end", r"end|ending|outro|finale|conclusion|last (?:few |\d+ |two |three |five |ten )?(?:seconds|moments)"),
        ("pace", r"pac(?:e|ing)|rhythm|story|storytelling|editing"),
        ("middle", r"middle|mid-?section|second half|first half|halfway|centre part"),
        ("playback", r"playback|footage|clip speed|motion|movements?|playing speed"),
        ("colours", r"colou?rs?|hues?|greens?|reds?|blues|yellows|tones?|palette"),
        ("length", r"video|edit|film|movie|whole thing|run(?:ning)? ?time|duration|piece|cut down"),
    )
)  # fmt: skip

#: Adjectives: pattern, axis and side of the property, and what another topic makes of it.
Adjective = tuple[str, str, dict[str, str]]
_LONG = {"start": "start-", "end": "end+", "shots": "shot_length+", "shot": "shot_length+", "title": "titles+",
         "silence": "silence+", "transition": "transitions+"}  # fmt: skip
_QUICK = {"playback": "speed+", "slow_motion": "speed+", "start": "start+", "end": "end-", "shots": "shot_length-",
          "title": "titles-", "shot": "speed+"}  # fmt: skip
_DULL = {"start": "start-", "colours": "saturation-", "end": "end-"}
_STRONG = {
    "exposure": "exposure+",
    "saturation": "saturation+",
    "sharpness": "sharpness+",
    "temperature": "temperature+",
    "blur": "blur+",
    "start": "start+",
    "end": "end+",
    "skin": "skin+",
    "transition": "transitions+",
    "music": "music+",
    "speech": "speech+",
    "colours": "saturation+",
    "background": "blur+",
    "sound": "loudness+",
}
_ADJECTIVES: tuple[Adjective, ...] = (
    (r"dark(?:er|ish|ness)?|dim(?:mer)?|gloom(?:y|ier)|murk(?:y|ier)|under-?exposed|shadowy|shady|under-?lit|"
     r"sombre|somber|pitch[- ]black|dusky|inky|ding(?:y|ier)|unlit|ill-?lit|dark-?ish|(?<=is )under|(?<=stop )under|"
     r"nocturnal|blackish", "exposure-", {}),
    (r"bright(?:er)?|over-?exposed|(?:blown|burned|burnt)[- ]?out|lighter|light|blinding|glaring|over-?lit|glary|"
     r"luminous|brilliant white|sunlit|(?<=exposure )hot|"
     r"dazzling|(?:bleached|whited)[- ]?out", "exposure+", {}),
    (r"contrasty|harsh(?:er)?|stark(?:er)?|hard-edged|crushed|s-?curve", "contrast+",
     {"sibilance": "sibilance+", "music": "music+", "speech": "speech+", "sound": "loudness+",
      "colours": "saturation+", "transition": "transitions-"}),
    (r"flat(?:ter)?|wash(?:y|ed[- ]?out)|haz(?:y|ier)|milk(?:y|ier)|fogg(?:y|ier)|mist(?:y|ier)|smok(?:y|ier)|"
     r"cloudy|veiled|"
     r"low[- ]contrast|contrastless|punchless|muddy|chalky|thin|(?:like |too )log|ungraded|raw looking", "contrast-",
     {"colours": "saturation-", "skin": "skin-", "face": "skin-", "start": "start-"}),
    (r"punch(?:y|ier)|zing(?:y|ier)|poppy", "punch+", {"music": "music+", "speech": "speech+", "sound": "loudness+"}),
    (r"lifeless|bland(?:er)?|lackluster|lacklustre|uninspiring|blah|meh|insipid|anaemic|anemic|"
     r"tired|stale|underwhelming|unimpressive|forgettable|nondescript|generic looking", "punch-",
     {"start": "start-", "end": "end+", "colours": "saturation-", "skin": "skin-", "face": "skin-", "pace": "pace-",
      "length": "energy-"}),
    (r"over-?saturated|saturated|garish|gaudy|neon|vivid|vibrant|"
        r"colou?rful|lurid|technicolou?r|rich(?:er)?|lush(?:er)?|loud colou?rs|"
     r"cartoon(?:y|ish)|comic[- ]book|cand(?:y|ied)[- ]?(?:colou?red)?|psychedelic|fluorescent colou?rs|electric|"
     r"overcolou?red|"
     r"flashy|showy|clownish|crayon|plasticky", "saturation+",
     {"skin": "skin+"}),
    (r"desaturated|under-?saturated|faded|colou?rless|gr[ae]y|muted|subdued|dreary colours|timid|"
     r"monochrome|bleached(?: of colou?r)?|pastel|washy colou?rs|ash(?:y|en) colou?rs|"
     r"drained", "saturation-", {"skin": "skin-",
     "face": "skin-", "music": "music-"}),
    (r"drab(?:ber)?", "punch-", {"colours": "saturation-", "skin": "skin-", "face": "skin-", "start": "start-"}),
    (r"warm(?:er)?|yellow(?:ish|er)?|orange(?:y|r)?|orangy|amber|golden|reddish|toasty|sepia|cos(?:y|ier)|coz(?:y|ier)|sunn(?:y|ier)|summery|tungsten|candle-?lit|mellow(?:er)?|"
     r"yellowy|mustardy?|honeyed|rusty|coppery", "temperature+",
     {"skin": "skin+", "face": "skin+"}),
    (r"cold(?:er)?|cool(?:er)?|blu(?:e|er|ish)|icy|ice|chilly|frosty|"
        r"wintry|wintery|steely|clinical|sterile|arctic|polar|frigid|nordic|"
        r"teal", "temperature-", {"skin": "skin-", "face": "skin-"}),
    (r"sunburn(?:t|ed)|red(?:der)?|rosy|ros(?:ier)|flushed|blotchy|over-?tanned|tanned|"
        r"ruddy|florid|like (?:an? )?(?:lobsters?|tomato(?:es)?|carrots?|oranges|pumpkins?|"
        r"beetroots?)", "skin+", {"colours": "saturation+", "look": "temperature+"}),
    (r"green(?:ish|er|y)?|mint(?:y)?|swampy|alien", "tint-", {}),
    (r"pink(?:er|ish|y)?|purpl(?:e|er|ish|y)|magenta(?:ish)?|violet|lilac|mauve|fuchsia", "tint+", {}),
    (r"pal(?:e|er|lid)|sick(?:ly)?|ghostly|ashen|pasty|waxy|peaky|bloodless|sallow|unhealthy|"
     r"(?<=looks )ill|(?<=look )ill|like (?:a )?(?:ghosts?|zombies?|corpses?|vampires?|wax|death|chalk)", "skin-",
     {"colours": "saturation-"}),
    (r"blurr(?:y|ed|ier)|out of focus|unfocuse?d|fuzz(?:y|ier)|unsharp|smear(?:y|ed)|mushy|smudg(?:y|ed)|"
        r"indistinct|ill-defined|undefined|vaseline|low[- ]res(?:olution)?|pixelated|soapy|soft-focus|"
        r"woolly", "sharpness-", {"background": "blur+"}),
    (r"dream(?:y|ier|like)|ethereal", "blur+", {}),
    (r"sharp(?:er|ened)?|crisp(?:er)?|over-?sharpened|crunch(?:y|ier)|in focus|digital|razor|edgy looking|"
     r"detailed|defined|"
     r"clear picture|etched|wiry", "sharpness+",
     {"contrast": "contrast+", "sibilance": "sibilance+", "transition": "transitions-", "background": "blur-"}),
    (r"grain(?:y|ier)|nois(?:y|ier)|speckl(?:ed|y)|gritt(?:y|"
        r"ier)|sandy|snowy|dotty|peppered|dirty picture|crawling|"
        r"buzzing with dots", "noise+", {"sound": "hum+", "speech": "hum+", "background": "hum+"}),
    (r"(?:too |looks? (?:too )?)clean", "noise-", {}),
    (r"shak(?:y|ier)|wobbl(?:y|ier)|jitter(?:y|ier)|bump(?:y|ier)|unstable|unsteady|jerk(?:y|ier)|sea-?sick|nauseating|"
     r"bouncy|trembl(?:y|ing)|twitchy|jiggly|jumpy camera|nervous|shudder(?:y|ing)|quivering|rocky|rattling|lurching|"
     r"vomit-inducing|unwatchable", "stability-", {"sound": "evenness-", "start": "start-"}),
    (r"stead(?:y|ier)|stabili[sz]ed|stable|smoother|smooth", "stability+", {"transition": "transitions+"}),
    (r"flicker(?:y|ing)|strob(?:y|ing)", "flicker+", {}),
    (r"crooked|tilted|slanted|skewed|lopsided|wonk(?:y|ed)|askew|slop(?:es|ing)|slanting|lean(?:s|ing)|(?:on|"
     r"at) (?:a|an) (?:slant|angle|tilt)|"
     r"off[- ]level|skew-?whiff|cock-?eyed|aslant|uneven horizon", "horizon-", {}),
    (r"level|straight", "horizon+", {}),
    (r"tight(?:er|ly)?|cramped|claustrophobic|confined|squeezed|boxed in|zoomed[- ]in|"
        r"close(?:r)?", "framing-", {"silence": "silence-", "length": "pace+", "pace": "pace+"}),
    (r"wide(?:r)?|loose(?:r)?|zoomed[- ]out|far away|roomier", "framing+", {"pace": "pace-"}),
    (r"slow(?:er|ly)?|sluggish|draggy|pedestrian|ponderous|glacial|stodgy|laboured|snail'?s? pace|treacly", "pace-",
     {"slow_motion": "speed-", "playback": "speed-", "start": "start-", "end": "end+", "shot": "speed-"}),
    (r"dull(?:er)?", "punch-", _DULL | {"pace": "pace-", "middle": "pace-", "length": "pace-", "sound": "speech-"}),
    (r"boring|tedious|dreary|monotonous|uninteresting|weak|lame|bor(?:es|ed)|sleepy|plodding|lethargic|"
     r"slow-moving|snoozy|dead|unengaging|unexciting|soporific|mind-numbing|dry|repetitive|a snooze|a bore|yawn\w*|"
     r"sagg(?:y|ing)|baggy|flabby", "pace-", _DULL | {"look": "punch-", "transition": "transitions+"}),
    (r"exciting|gripping|interesting|engaging|catch(?:y|ier)|lively|"
        r"livelier", "energy+", {"start": "start+", "end": "end-"}),
    (r"energetic|hyper(?:active)?|upbeat|dynamic|spirited|vigorous|peppy|lit", "energy+", {"start": "start+"}),
    (r"fast(?:er)?(?:[- ]paced)?|quick(?:er|ly)?|speed(?:y|ier)|snapp(?:y|ier)|pac(?:y|ier)|pacey|zipp(?:y|ier)|"
     r"brisk(?:er)?|"
     r"swift(?:er)?|nippy|lean(?:er)?", "pace+", _QUICK),
    (r"rushed|frantic|hectic|hurried|breathless|frenetic|frenzied|restless|stressful|"
        r"manic|exhausting", "pace+", {"end": "end-", "start": "start+", "speech": "silence-"}),
    (r"calm(?:er)?|relax(?:ed|ing)|leisurely|unhurried|measured|patient", "pace-", {}),
    (r"chopp(?:y|ier)|cut up|fragmented|staccato|bitty|busy|mtv", "shot_length-", {"sound": "clicks+"}),
    (r"long(?:er)?|length(?:y|ier)|endless|forever|drawn[- ]out|long-?winded|protracted|interminable|"
     r"padded", "length+", _LONG),
    (r"short(?:er)?|brief(?:er)?", "length-", {k: v[:-1] + ("-" if v[-1] == "+" else "+") for k, v in _LONG.items()}),
    (r"abrupt(?:ly)?|sudden(?:ly)?|"
        r"jarring|curt", "end-", {"start": "start+", "transition": "transitions-", "shots": "transitions-"}),
    (r"gentl(?:e|er|y)", "pace-", {"start": "start-", "transition": "transitions+", "end": "end+"}),
    (r"loud(?:er|ly)?|overpowering|overwhelming|deafening|dominant|blaring|blasting|booming|"
        r"prominent|intrusive|in your face|forward|obtrusive|noisy music|upfront|pushy|shouty|thunderous|dominating|"
        r"ear-?splitting", "loudness+",
     {"music": "music+", "speech": "speech+", "background": "hum+"}),
    (r"quiet(?:er|ly)?|inaudible|faint(?:er)?|silent|hushed|"
        r"muffled|unclear|indistinct|mumbly|distant|recessed|timid|subtle|discreet|drowned(?: out)?|buried|weak|feeble|"
        r"far back|under the music|off[- ]?mic(?:rophone)?", "loudness-", {"music": "music-", "speech": "speech-"}),
    (r"softer", "contrast-", {"music": "music-", "speech": "speech-", "sound": "loudness-", "background": "blur+",
                              "transition": "transitions+", "shots": "transitions+", "start": "start-",
                               "sibilance": "sibilance-"}),
    (r"uneven|inconsistent|erratic|all over the place", "evenness-", {"colours": "match-", "shots": "match-"}),
    (r"even|consistent|balanced", "evenness+", {"colours": "match+", "shots": "match+"}),
    (r"echo(?:ey|y|ing)|reverb(?:y|erant)?|boom(?:y|ier)|room(?:y|ier)|hollow|cavernous|hiss(?:y|ing)?|hum(?:ming)?|buzz(?:y|ing)?|rumbl(?:y|ing)|boxy|"
        r"tinny", "hum+", {}),
    (r"strong(?:er)?|intense|heavy|heavier|powerful|screaming|aggressive|overdone|exaggerated|overcooked|"
     r"excessive", "contrast+", _STRONG),
    (r"soft", "sharpness-", {"music": "music-", "speech": "speech-", "sound": "loudness-",
     "transition": "transitions+"}),
    (r"(?:melo)?dramatic|moody|moodier|cinematic|intense|tense|epic|theatrical|over-?wrought|pathetic|grand(?:er)?|"
     r"ominous|brooding|suspenseful|atmospheric", "drama+", {"music": "drama+"}),
    (r"small(?:er)?|tiny|illegible|unreadable", "titles-", {"look": "framing+"}),
    (r"big(?:ger)?|large(?:r)?|huge", "titles+", {}),
    (r"low(?:er)?", "loudness-", {"exposure": "exposure-", "saturation": "saturation-",
     "temperature": "temperature-", "sharpness": "sharpness-", "pace": "pace-", "music": "music-",
      "speech": "speech-", "contrast": "contrast-"}),
    (r"high(?:er)?", "loudness+", {"exposure": "exposure+", "saturation": "saturation+",
     "temperature": "temperature+", "sharpness": "sharpness+", "contrast": "contrast+", "pace": "pace+",
      "music": "music+", "speech": "speech+"}),
    (r"cheesy|cheap|tacky|distracting|corny|kitschy?|dated|old-?fashioned|naff|gimmicky|powerpoint|amateurish|tasteless|"
     r"overused|fussy", "transitions+", {"title": "titles+", "blur": "blur+",
     "music": "music+"}),
    (r"hard(?:er)?", "contrast+", {"shots": "transitions-", "transition": "transitions-"}),
    (r"out of sync", "sync-", {}),
)  # fmt: skip
ADJECTIVES = tuple((re.compile(rf"\b(?:{words})\b"), plain, by_topic) for words, plain, by_topic in _ADJECTIVES)

#: Nouns: pattern, axis and side of having more of it, and whether its mere mention is a complaint.
_NOUNS: tuple[tuple[str, str, bool], ...] = (
    (
        r"(?:background|bg) blur|blur (?:on|in|of|behind) the (?:background|back|backdrop)|bokeh|shallow(?:er)? "
        r"depth of field|"
        r"shallow(?:er)? focus|creamy background|background softness|portrait (?:mode|effect)",
        "blur+",
        False,
    ),
    (
        r"background (?:noise|hum|hiss)|noise (?:from|in|on) the (?:audio|sound|microphone|mic)|wind noise|"
        r"(?:audio|mic|room) "
        r"noise|hum|hiss|buzz(?:ing)?|rumble|echo(?:es)?|reverb|static|wind|drone|whine|whirr?(?:ing)?|rustl(?:e|"
        r"ing)|crowd noise|traffic|"
        r"air[- ]?con(?:ditioning|ditioner)?|fridge|generator|aircraft noise|room tone|ambien(?:ce|t noise)|"
        r"nat(?:ural)? sound|atmos",
        "hum+",
        True,
    ),
    (r"blur(?: effects?)?|blurriness|blurring", "blur+", False),
    (
        r"(?:film |image |video |picture |sensor |iso |chroma |luma |16 ?mm |35 ?mm )*(?:grain|"
        r"noise)(?: levels?)?|speckles?|specks|"
        r"pixels dancing|dancing (?:dots|pixels)|dots|texture",
        "noise+",
        True,
    ),
    (r"green (?:cast|tint|tinge|hue|shade)|greenness", "tint-", True),
    (r"(?:magenta|pink|purple) (?:cast|tint|tinge|hue|shade)|magenta", "tint+", True),
    (r"vignett(?:e|ing)|dark(?:ened)? corners", "vignette+", False),
    (r"brightness|exposure|gamma|light|highlights|lightness", "exposure+", False),
    (r"shadows?|darkness|gloom", "exposure-", False),
    (r"contrast|tonal range|depth", "contrast+", False),
    (r"punch|(?<!that )pop|snap|oomph|zing|wow|sparkle|pizz?azz|vibrance and contrast", "punch+", False),
    (r"haze|fog|veil|mist|milkiness|flatness", "contrast-", True),
    (r"bite|kick to the picture", "contrast+", False),
    (
        r"golden glow|sunset glow|warmth|(?:colou?r )?temperature|orange tint|yellow tint|yellow tinge|orange "
        r"tinge|yellow|orange|yellow cast|orange cast|warm tones?",
        "temperature+",
        False,
    ),
    (r"glow|bloom|halation|light diffusion|pro-?mist", "glow+", False),
    (r"blue (?:cast|tint|tinge|hue)|cool tones?|cold cast", "temperature-", True),
    (r"saturation|sat|colou?rs?|vibrance|vibrancy|chroma", "saturation+", False),
    (r"sharpness|sharpening|clarity|crispness|definition|(?:fine )?detail|acutance|focus", "sharpness+", False),
    (r"stabili[sz]ation|stability|steadiness", "stability+", False),
    (
        r"camera shake|shake|shaking|wobbl(?:e|es|ing)|jitters?|jitter|jerks?|judder|trembling|jerkiness|"
        r"shakiness|unsteadiness",
        "stability-",
        True,
    ),
    (
        r"flicker(?:s|ing)?|strob(?:e|es|ing)|pulsing light|pulsation|brightness (?:pumping|hunting|changes|jumps)",
        "flicker+",
        True,
    ),
    (r"head ?room|space above|air above", "framing+", False),
    (
        r"(?:black )?(?:bars|stripes|borders|bands|edges (?:top|at))|letter-?box(?:ing|es)?|pillar-?box(?:ing|"
        r"es)?|mattes?|"
        r"(?:cinema|cinematic|widescreen|scope) bars",
        "bars+",
        False,
    ),
    (r"slow[- ]?mo(?:tion)?", "speed-", False),
    (r"time[- ]?lapse|fast motion|fast forward", "speed+", False),
    (r"pace|pacing|tempo|rhythm|momentum|drive|swing", "pace+", False),
    (r"energy|excitement|action|life|hype|pep|vigou?r|adrenaline|buzz factor|dynamism", "energy+", False),
    (r"(?:melo)?drama|mood|atmosphere|tension|suspense|gravitas|pathos", "drama+", False),
    (r"hook", "start+", False),
    (r"(?:jump ?|jumpy )cuts?", "jump_cuts+", True),
    (r"cuts|cutting|edits", "shot_length-", False),
    (
        r"silences?|pauses?|dead air|gaps?|(?:awkward|empty) moments?|breathing room|quiet bits|lulls?|"
        r"dead (?:space|time|spots)|breaths|breaks between",
        "silence+",
        True,
    ),
    (
        r"u[hm]+s?|ahs?|er+m?s|filler(?: words?|s)?|stammer\w*|stutter\w*|hesitations?|verbal tics|you knows|likes and",
        "fillers+",
        True,
    ),
    (r"ducking", "ducking+", False),
    (r"sibilan(?:ce|ts?)|hissing s(?:es)?|s sounds?|s's|ss sounds?|esses", "sibilance+", True),
    (r"clicks?|pops?|popping|crackl(?:e|es|ing)|plosives?|ticks?|thumps?|thuds?|glitch(?:es)?", "clicks+", True),
    (
        r"(?:background )?music(?: bed)?|(?:the|music) bed|guitars?|piano|songs?|soundtrack|score|tune|bgm|"
        r"(?:background|backing|music) track",
        "music+",
        False,
    ),
    (
        r"voices?|voice-?overs?|dialog(?:ue)?|speech|narrat(?:ion|or)|vocals?|speakers?|vo|interviewees?|presenters?|reporters?|commentary",
        "speech+",
        False,
    ),
    (r"volume|loudness|audio level|sound level|level|gain|sound|audio", "loudness+", False),
    (
        r"dissolves?|cross-?fades?|wipes?|fades?|fad(?:es|ing)|fancy transitions|transitions?|"
        r"effects between|blends?|(?:page|star) ?\w* (?:turns?|wipes?)",
        "transitions+",
        False,
    ),
    (
        r"titles?|captions?|subtitles?|text|lettering|letters|fonts?|lower thirds?|straps?(?:line)?|supers?|"
        r"chyrons?|name tags?",
        "titles+",
        False,
    ),
)
NOUNS = tuple((re.compile(rf"\b(?:{words})\b"), axis, fault) for words, axis, fault in _NOUNS)

#: Verbs that ask for a change by themselves: pattern, wish, and what another topic makes of it.
_VERBS: tuple[Adjective, ...] = (
    (r"brighten(?:ed|ing)?|lighten(?:ed)?|illuminate|relight|open up the (?:exposure|iris|picture|image)|"
     r"lift the mids\w*", "exposure+", {}),
    (r"darken(?:ed|ing)?|dim it|underexpose", "exposure-", {}),
    (r"desaturate|mute the colou?rs?|bleach", "saturation-", {}),
    (r"saturate(?! less)", "saturation+", {}),
    (r"warm (?:it|this|them|that|things|everything|the [\w ]+?|her [\w ]+?|his [\w "
        r"]+?)?\s?up", "temperature+", {"skin": "skin+", "face": "skin+"}),
    (r"^cool (?:the|it|this|them|that|off)\b", "temperature-", {}),
    (r"^warm (?:the|it|this|them|that|up)\b", "temperature+", {"skin": "skin+"}),
    (r"cool (?:it|this|them|that|things|everything|the [\w ]+?)?\s?(?:down|off)", "temperature-", {}),
    (r"sharpen(?:ed|ing)?|refocus", "sharpness+", {}),
    (r"de-?noise|noise reduction", "noise-", {"sound": "hum-", "speech": "hum-"}),
    (r"stabili[sz]e|steady", "stability+", {}),
    (r"straighten|level (?:it|the|this|that)(?! out)", "horizon+", {"sound": "evenness+"}),
    (r"de-?flicker", "flicker-", {}),
    (r"de-?click", "clicks-", {}),
    (r"de-?hum", "hum-", {}),
    (r"de-?reverb|de-?echo", "hum-", {}),
    (r"shorten|trim(?:ming)?|condense|abbreviate|compress the (?:story|edit)|cut (?:it |this )?down|prune", "length-",
     {"start": "start+", "end": "end-", "shots": "shot_length-", "shot": "shot_length-", "silence": "silence-",
      "title": "titles-",
      "middle": "pace+"}),
    (r"lengthen|extend|stretch(?:ed)?|prolong|pad (?:it|this) out", "length+",
     {"start": "start-", "end": "end+", "shots": "shot_length+", "shot": "shot_length+", "silence": "silence+",
      "title": "titles+"}),
    (r"quieten|hush|soften", "loudness-",
     {"music": "music-", "speech": "speech-", "transition": "transitions+", "contrast": "contrast-",
      "shots": "transitions+",
      "look": "contrast-", "background": "blur+", "sibilance": "sibilance-", "colours": "saturation-",
       "start": "start-"}),
    (r"amplify|boost", "loudness+", {"music": "music+", "speech": "speech+", "colours": "saturation+",
     "look": "punch+"}),
    (r"letterbox it", "bars+", {}),
    (r"zoom out|pull (?:it |the picture )?(?:back|out)|reframe wider", "framing+",
     {"sound": "loudness-", "music": "music-", "look": "punch-", "speech": "speech-", "contrast": "contrast-",
      "saturation": "saturation-", "colours": "saturation-", "sharpness": "sharpness-", "blur": "blur-"}),
    (r"zoom in|punch in|push in", "framing-", {}),
    (r"normali[sz]e|level out|even out|equali[sz]e|compress|ride the (?:levels?|faders?)|smooth out the (?:level|"
     r"volume|sound)\w*",
     "evenness+", {"colours": "match+", "look": "match+"}),
    (r"de-?ess", "sibilance-", {}),
    (r"liven (?:it|things|this) up|energi[sz]e|amp (?:it|this|things) up|spice (?:it|things|this) up|rev (?:it|"
     r"things) up|"
     r"invigorate", "energy+", {"start": "start+"}),
)  # fmt: skip
VERBS = tuple((re.compile(rf"\b(?:{words})\b"), plain, by_topic) for words, plain, by_topic in _VERBS)
