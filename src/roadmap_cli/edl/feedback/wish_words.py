"""The words of people about an edit, as tables: what is said, along which axis it lies, and which way.

The sign of an entry is that of the *property* the word names ("dark" lies at exposure -1). What a person wishes follows
from how it is said: complained of, asked for, or missed; `wishes` works that out.
"""

from __future__ import annotations

import re

#: Axes in words: what + asks for, what - asks for.
AXES: dict[str, tuple[str, str]] = {
    "exposure": ("brighter", "darker"),
    "contrast": ("more contrast", "less contrast"),
    "saturation": ("more colour", "less colour"),
    "temperature": ("warmer", "colder"),
    "punch": ("punchier", "softer overall"),
    "skin": ("warmer skin", "less red and orange skin"),
    "tint": ("less green, more magenta", "less magenta, more green"),
    "sharpness": ("sharper", "softer"),
    "blur": ("more background blur", "less background blur"),
    "noise": ("more grain", "less noise"),
    "stability": ("steadier", "more hand-held"),
    "flicker": ("more flicker", "less flicker"),
    "horizon": ("a level horizon", "a tilted horizon"),
    "framing": ("wider, with more headroom", "closer, with less headroom"),
    "bars": ("black bars", "no black bars"),
    "vignette": ("darker corners", "no dark corners"),
    "glow": ("more glow", "less glow"),
    "pace": ("a faster pace", "a slower pace"),
    "speed": ("played faster", "played slower"),
    "length": ("a longer edit", "a shorter edit"),
    "shot_length": ("longer shots", "shorter shots"),
    "start": ("a stronger start", "a gentler start"),
    "end": ("an end with more time", "an end that comes sooner"),
    "silence": ("more pauses", "fewer pauses"),
    "fillers": ("filler words kept", "filler words out"),
    "word_edges": ("words whole", "words cut closer"),
    "music": ("louder music", "quieter music"),
    "speech": ("louder speech", "quieter speech"),
    "loudness": ("louder", "quieter"),
    "evenness": ("more even loudness", "livelier loudness"),
    "ducking": ("more ducking", "less ducking"),
    "hum": ("more background sound", "less hum, hiss and wind"),
    "sibilance": ("sharper s sounds", "softer s sounds"),
    "clicks": ("clicks", "no clicks"),
    "sync": ("sound in step with the picture", "sound out of step"),
    "beats": ("cuts on the beat", "cuts off the beat"),
    "transitions": ("softer transitions", "plain cuts"),
    "jump_cuts": ("jump cuts", "no jump cuts"),
    "match": ("shots that match", "shots that differ"),
    "titles": ("larger and longer titles", "smaller or no titles"),
    "drama": ("more dramatic", "less dramatic"),
    "energy": ("more energy", "less energy"),
    "undo": ("the last change taken back", "the change made again"),
}

#: Phrases that are understood, by axis: what is offered when words are not.
HELP: dict[str, tuple[str, ...]] = {
    "exposure": ("too dark", "overexposed", "can't see her face"),
    "contrast": ("washed out", "too contrasty"),
    "punch": ("make it pop", "the picture is dull"),
    "saturation": ("colours too strong", "colours faded"),
    "temperature": ("too yellow", "make it colder"),
    "skin": ("skin looks orange", "skin is pale"),
    "tint": ("skin looks green", "too magenta"),
    "match": ("colours don't match between shots",),
    "flicker": ("it flickers",),
    "sharpness": ("out of focus", "oversharpened"),
    "blur": ("less background blur", "blur the background more"),
    "noise": ("too grainy", "add film grain"),
    "stability": ("too shaky",),
    "horizon": ("the horizon is crooked",),
    "framing": ("his head is cut off", "zoom in on her"),
    "bars": ("remove the black bars", "cinema bars"),
    "vignette": ("no dark corners", "add a vignette"),
    "glow": ("add a soft glow", "less glow"),
    "pace": ("too slow", "feels rushed", "it drags in the middle"),
    "speed": ("play it in slow motion", "at double speed"),
    "length": ("too long", "make it longer", "cut it down to a minute"),
    "shot_length": ("shots too short", "cut more often"),
    "start": ("boring start", "starts too abruptly"),
    "end": ("ends abruptly", "the ending drags"),
    "silence": ("cut the silences", "leave the pauses in"),
    "fillers": ("cut the ums",),
    "word_edges": ("you cut him off",),
    "jump_cuts": ("the jump cut is ugly",),
    "music": ("music too loud", "music too quiet"),
    "ducking": ("lower the music when she speaks",),
    "speech": ("can't hear the voice", "voice too loud"),
    "loudness": ("too quiet overall", "too loud"),
    "evenness": ("the volume jumps",),
    "hum": ("there is a hum", "background hiss"),
    "sibilance": ("the s sounds are sharp",),
    "clicks": ("pops at the cuts",),
    "sync": ("out of sync",),
    "beats": ("cut on the beat",),
    "transitions": ("transitions are cheesy", "smoother transitions"),
    "titles": ("title too small", "remove the title"),
    "drama": ("more dramatic",),
    "energy": ("more energetic",),
    "undo": ("undo that",),
}

#: What a clause is about: topic and the words that say so. Order decides which comes first.
TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\b(?:{words})\b"))
    for name, words in (
        ("title", r"titles?|captions?|subtitles?|text|lettering|font|lower thirds?"),
        ("music", r"music|song|soundtrack|score|tune|backing track|track underneath|beat drop|bgm|melody"),
        ("speech", r"voices?|voice-?overs?|speech|speakers?|dialog(?:ue)?s?|narrat\w+|talking|vocals?|interviewee|"
                   r"conversations?|commentary|presenter|spoken words?"),
        ("sound", r"audio|sounds?|volume|noise level|mix|levels?"),
        ("skin", r"skin(?: tones?)?|complexions?|cheeks?|tan"),
        ("face", r"faces?|everyone|everybody|people look|they look like"),
        ("background", r"background|bokeh|backdrop"),
        ("slow_motion", r"slow[- ]?mo(?:tion)?"),
        ("transition", r"transitions?|dissolves?|cross-?fades?|wipes?|fades?"),
        ("shots", r"shots|each (?:shot|clip)|every (?:shot|clip)|clips|takes|cuts"),
        ("shot", r"(?:that|this|the|first|second|third|fourth|fifth|last|opening|closing|final) (?:shot|clip|take)"),
        ("start", r"starts?|beginning|opening|intro(?:duction)?|first (?:few |couple of |\d+ |two |three |five |ten )?"
                  r"(?:seconds|moments|minute)|hook"),
        ("end", r"end|ending|outro|finale|conclusion|last (?:few |\d+ |two |three |five |ten )?(?:seconds|moments)"),
        ("playback", r"playback|footage|clip speed|motion|movements?|playing speed"),
        ("colours", r"colou?rs?|hues?|greens?|reds?|blues|yellows|tones?|palette|grade|grading"),
        ("length", r"video|edit|film|movie|whole thing|run(?:ning)? ?time|duration|piece|cut down"),
    )
)  # fmt: skip

#: Adjectives: pattern, axis and side of the property, and what another topic makes of it.
Adjective = tuple[str, str, dict[str, str]]
_LONG = {"start": "start-", "end": "end+", "shots": "shot_length+", "shot": "shot_length+", "title": "titles+",
         "silence": "silence+", "transition": "transitions+"}  # fmt: skip
_QUICK = {"playback": "speed+", "slow_motion": "speed+", "start": "start+", "end": "end-", "shots": "shot_length-",
          "title": "titles-", "shot": "speed+"}  # fmt: skip
_DULL = {"start": "start-", "colours": "saturation-", "end": "end+"}
_STRONG = {"music": "music+", "speech": "speech+", "colours": "saturation+", "background": "blur+", "sound": "loudness+"}
_ADJECTIVES: tuple[Adjective, ...] = (
    (r"dark(?:er|ish|ness)?|dim(?:mer)?|gloom(?:y|ier)|murk(?:y|ier)|under-?exposed|shadowy|shady", "exposure-", {}),
    (r"bright(?:er)?|over-?exposed|(?:blown|burned|burnt)[- ]?out|lighter|light|blinding|glaring|overlit", "exposure+", {}),
    (r"contrasty|harsh(?:er)?|stark(?:er)?", "contrast+",
     {"music": "music+", "speech": "speech+", "sound": "loudness+", "colours": "saturation+", "transition": "transitions-"}),
    (r"flat(?:ter)?|washed[- ]?out|haz(?:y|ier)|milky|foggy|lifeless|low[- ]contrast|punchless", "contrast-",
     {"colours": "saturation-", "skin": "skin-", "face": "skin-", "start": "start-"}),
    (r"punch(?:y|ier)", "contrast+", {}),
    (r"over-?saturated|saturated|garish|gaudy|neon|vivid|vibrant|colou?rful|lurid|technicolou?r|rich(?:er)?", "saturation+",
     {"skin": "skin+"}),
    (r"desaturated|under-?saturated|faded|colou?rless|gr[ae]y|drab|muted|bland", "saturation-", {"skin": "skin-"}),
    (r"warm(?:er)?|yellow(?:ish|er)?|orange(?:y|r)?|orangy|amber|golden|reddish|toasty|sepia", "temperature+",
     {"skin": "skin+", "face": "skin+"}),
    (r"cold(?:er)?|cool(?:er)?|blu(?:e|er|ish)|icy|chilly|frosty|wintry", "temperature-", {"skin": "skin-", "face": "skin-"}),
    (r"sunburn(?:t|ed)|red(?:der)?|pink(?:er)?|rosy|flushed|tanned|ruddy", "skin+", {"colours": "saturation+"}),
    (r"pal(?:e|er|lid)|green(?:ish|er)?|sick(?:ly)?|ghostly|ashen|pasty|like (?:ghosts?|zombies?|corpses?)", "skin-",
     {"colours": "saturation-"}),
    (r"blurr(?:y|ed|ier)|out of focus|unfocuse?d|fuzz(?:y|ier)|unsharp|smeary|mushy", "sharpness-", {"background": "blur+"}),
    (r"sharp(?:er|ened)?|crisp(?:er)?|over-?sharpened|crunchy|in focus|digital|razor", "sharpness+",
     {"contrast": "contrast+", "sibilance": "sibilance+"}),
    (r"grain(?:y|ier)|nois(?:y|ier)|speckl(?:ed|y)", "noise+", {"sound": "hum+", "speech": "hum+", "background": "hum+"}),
    (r"(?:too |looks? (?:too )?)clean", "noise-", {}),
    (r"shak(?:y|ier)|wobbl(?:y|ier)|jitter(?:y|ier)|bump(?:y|ier)|unstable|unsteady|jerk(?:y|ier)|sea-?sick|nauseating|"
     r"bouncy", "stability-", {}),
    (r"stead(?:y|ier)|stabili[sz]ed|stable|smoother|smooth", "stability+", {"transition": "transitions+"}),
    (r"flicker(?:y|ing)|strob(?:y|ing)", "flicker+", {}),
    (r"crooked|tilted|slanted|skewed|lopsided|wonky|askew", "horizon-", {}),
    (r"level|straight", "horizon+", {}),
    (r"tight(?:er)?|cramped|zoomed[- ]in|close(?:r)?", "framing-", {"pauses": "silence-"}),
    (r"wide(?:r)?|loose(?:r)?|zoomed[- ]out|far away", "framing+", {}),
    (r"slow(?:er|ly)?|sluggish|draggy", "pace-",
     {"slow_motion": "speed-", "playback": "speed-", "start": "start-", "end": "end+", "shot": "speed-"}),
    (r"boring|dull(?:er)?|tedious|dreary|monotonous|uninteresting|weak|lame|bor(?:es|ed)|sleepy", "pace-", _DULL),
    (r"exciting|gripping|interesting|engaging|catch(?:y|ier)|lively|livelier", "energy+", {"start": "start+", "end": "end-"}),
    (r"energetic|hyper(?:active)?|upbeat", "energy+", {"start": "start+"}),
    (r"fast(?:er)?|quick(?:er|ly)?|speedy|snapp(?:y|ier)|pacy", "pace+", _QUICK),
    (r"rushed|frantic|hectic|hurried|breathless|frenetic|manic", "pace+", {"end": "end-", "start": "start+", "speech": "silence-"}),
    (r"calm(?:er)?|relaxed|leisurely", "pace-", {}),
    (r"chopp(?:y|ier)|cut up|fragmented|staccato|busy", "shot_length-", {"sound": "clicks+"}),
    (r"long(?:er)?|length(?:y|ier)|endless|forever|drawn[- ]out", "length+", _LONG),
    (r"short(?:er)?|brief(?:er)?", "length-", {k: v[:-1] + ("-" if v[-1] == "+" else "+") for k, v in _LONG.items()}),
    (r"abrupt(?:ly)?|sudden(?:ly)?|jarring", "end-", {"start": "start+", "transition": "transitions-", "shots": "transitions-"}),
    (r"gentl(?:e|er|y)", "pace-", {"start": "start-", "transition": "transitions+", "end": "end+"}),
    (r"loud(?:er|ly)?|overpowering|overwhelming|deafening|dominant|blaring|blasting|booming|ear-?splitting", "loudness+",
     {"music": "music+", "speech": "speech+", "background": "hum+"}),
    (r"quiet(?:er|ly)?|inaudible|faint(?:er)?|silent|hushed|softer", "loudness-", {"music": "music-", "speech": "speech-"}),
    (r"uneven|inconsistent|erratic|all over the place", "evenness-", {"colours": "match-", "shots": "match-"}),
    (r"even|consistent|balanced", "evenness+", {"colours": "match+", "shots": "match+"}),
    (r"echo(?:ey|y|ing)|reverb(?:y|erant)?|hiss(?:y|ing)?|hum(?:ming)?|buzz(?:y|ing)?|rumbl(?:y|ing)|boxy|tinny", "hum+", {}),
    (r"strong(?:er)?|intense|heavy|heavier|powerful|screaming|aggressive", "contrast+", _STRONG),
    (r"soft", "sharpness-", {"music": "music-", "speech": "speech-", "sound": "loudness-", "transition": "transitions+"}),
    (r"dramatic|moody|moodier|cinematic|intense|tense|epic", "drama+", {}),
    (r"small(?:er)?|tiny|illegible|unreadable", "titles-", {}),
    (r"big(?:ger)?|large(?:r)?|huge", "titles+", {}),
    (r"low(?:er)?", "loudness-", {"music": "music-", "speech": "speech-", "contrast": "contrast-"}),
    (r"high(?:er)?", "loudness+", {"music": "music+", "speech": "speech+"}),
    (r"cheesy|cheap|tacky|distracting|corny|kitschy", "transitions+", {"title": "titles+"}),
    (r"hard(?:er)?", "contrast+", {"shots": "transitions-", "transition": "transitions-"}),
    (r"out of sync|late|lagging|delayed", "sync-", {}),
)  # fmt: skip
ADJECTIVES = tuple((re.compile(rf"\b(?:{words})\b"), plain, by_topic) for words, plain, by_topic in _ADJECTIVES)

#: Nouns: pattern, axis and side of having more of it, and whether its mere mention is a complaint.
_NOUNS: tuple[tuple[str, str, bool], ...] = (
    (r"(?:background|bg) blur|blur (?:on|in|of|behind) the (?:background|back|backdrop)|bokeh|shallow(?:er)? depth of field|"
     r"shallow(?:er)? focus", "blur+", False),
    (r"background (?:noise|hum|hiss)|noise (?:from|in|on) the (?:audio|sound|microphone|mic)|wind noise|(?:audio|mic|room) "
     r"noise|hum|hiss|buzz(?:ing)?|rumble|echo(?:es)?|reverb|static|wind", "hum+", True),
    (r"brightness|exposure|light|highlights|lightness", "exposure+", False),
    (r"shadows?|darkness|gloom", "exposure-", False),
    (r"contrast|punch|depth|snap", "contrast+", False),
    (r"haze|fog", "contrast-", True),
    (r"saturation|colou?rs?|vibrance|vibrancy|chroma", "saturation+", False),
    (r"warmth|colou?r temperature|orange tint|yellow tint|golden glow|sunset glow|yellow cast|orange cast|warm tones?",
     "temperature+", False),
    (r"blue (?:cast|tint)|cool tones?|cold cast", "temperature-", True),
    (r"sharpness|sharpening|clarity|crispness|definition|fine detail", "sharpness+", False),
    (r"grain|noise|speckles?|specks", "noise+", True),
    (r"stabili[sz]ation|stability|steadiness", "stability+", False),
    (r"camera shake|shake|shaking|wobbl(?:e|es|ing)|jitters?|jitter|jerks?|judder", "stability-", True),
    (r"flicker(?:s|ing)?|strob(?:e|es|ing)|pulsing light", "flicker+", True),
    (r"head ?room|space above|air above", "framing+", False),
    (r"black bars|letter-?box(?:ing)?|(?:cinema|cinematic|widescreen) bars|bars", "bars+", False),
    (r"slow[- ]?mo(?:tion)?", "speed-", False),
    (r"time[- ]?lapse|fast motion|fast forward", "speed+", False),
    (r"pace|pacing|tempo|rhythm", "pace+", False),
    (r"energy|oomph|excitement|action", "energy+", False),
    (r"drama|mood|atmosphere|tension", "drama+", False),
    (r"hook", "start+", False),
    (r"(?:jump ?|jumpy )cuts?", "jump_cuts+", True),
    (r"cuts|cutting|edits", "shot_length-", False),
    (r"silences?|pauses?|dead air|gaps?|(?:awkward|empty) moments?|breathing room|quiet bits|lulls?", "silence+", True),
    (r"u[hm]+s?|ahs?|er+ms?|filler(?: words?|s)?|stammer\w*|stutter\w*|you knows|likes and", "fillers+", True),
    (r"ducking", "ducking+", False),
    (r"sibilan(?:ce|ts?)|hissing s(?:es)?|s sounds?|esses", "sibilance+", True),
    (r"clicks?|pops?|crackl(?:e|es|ing)", "clicks+", True),
    (r"(?:background )?music|songs?|soundtrack|score|tune|bgm", "music+", False),
    (r"voices?|voice-?overs?|dialog(?:ue)?|speech|narrat(?:ion|or)|vocals?|speakers?", "speech+", False),
    (r"volume|loudness|audio level|sound level|level|gain|sound|audio", "loudness+", False),
    (r"dissolves?|cross-?fades?|wipes?|fades?|fancy transitions|transitions?|effects between", "transitions+", False),
    (r"titles?|captions?|subtitles?|text|lower thirds?", "titles+", False),
)
NOUNS = tuple((re.compile(rf"\b(?:{words})\b"), axis, fault) for words, axis, fault in _NOUNS)

#: Turns of speech that say a wish as a whole: the wish itself, not a property. The first that fits a clause wins.
_IDIOMS: tuple[tuple[str, str], ...] = (
    (r"\bundo\b|better before|(?:go|put it|take it|change it|switch) back\b|previous version|revert|as it was|like before|"
     r"take (?:that|it) back|liked? (?:it|the old|the first version) (?:more|better)", "undo+"),
    (r"(?:blown|burn(?:ed|t|ing)?) ?(?:out)? highlights|highlights? (?:are |is )?(?:blown|burn\w*|clipp\w*|gone|too)|"
     r"(?:sky|window|windows|clouds?) (?:is|are|looks?) (?:all |just |completely |pure )?(?:white|blown|burn\w*|gone)",
     "exposure-"),
    (r"(?:can ?not|can't|can hardly|can barely|cannot|hardly|barely|could not|couldn't) (?:even )?(?:see|make out)",
     "exposure+"),
    (r"in (?:the |deep )?shadow|(?:face|faces|she|he|it|they)(?: is| are|'s)? (?:lost|swallowed|drown\w*) in (?:the )?dark|"
     r"(?:needs?|want|like|give it|add|bit|some|little) (?:more |some )?light\b(?! effects)|like a cave|pitch black", "exposure+"),
    (r"(?:white ?out|hurts? my eyes|like a supernova|glar(?:e|ing))", "exposure-"),
    (r"lift (?:it|the shadows|the picture)\b", "exposure+"),
    (r"(?:shadows|blacks) (?:are |look |get )?(?:too )?(?:crushed|too black|all black|blocked)|crushed (?:shadows|blacks)", "contrast-"),
    (r"blacks? (?:are|is|look)s? (?:gr[ae]y|milky|lifted|washed|not)|no (?:real )?black|like (?:a )?fog|lacks? (?:punch|depth|snap|contrast)",
     "contrast+"),
    (r"black[- ]and[- ]white|monochrome|b ?& ?w", "saturation-"),
    (r"(?:reds?|greens?|blues?|yellows?|colou?rs?) (?:\w+ )?(?:scream\w*|jump\w* out|burn\w*|pop\w* too|bleed\w*|glow\w*|are neon)",
     "saturation-"),
    (r"(?:colou?rs? )?(?:make|let) (?:the |its )?(?:colou?rs? )(?:really )?pop|make (?:it|the colou?rs?) pop|colou?rs? should pop", "saturation+"),
    (r"(?:fake|spray) tan|oompa|like (?:a )?(?:carrots?|lobsters?|tomato(?:es)?|oranges)|sunburn", "skin-"),
    (r"like (?:ghosts?|zombies?|corpses?|vampires?)|(?:sick|green|pale|grey|gray|ill|dead)\b.*\b(?:face|skin|complexion)|"
     r"(?:face|faces|skin|he|she|they) (?:looks?|is|are) (?:\w+ )?(?:sick|green|pale|ill|dead)|(?:some|more) (?:warmth|colou?r|life) (?:in|to|into) "
     r"(?:the|her|his|their) (?:skin|face|faces|cheeks)|(?:her|his|the|their) skin (?:some|more) warmth", "skin+"),
    (r"focus (?:is|looks|seems) (?:\w+ )?(?:off|soft|wrong|missed)|missed focus|not in focus|sharpen(?! \w+ less)", "sharpness+"),
    (r"blur (?:out )?(?:the |that )?(?:background|backdrop|back)|shallow(?:er)? (?:depth of field|focus)", "blur+"),
    (r"(?:too )?stabili[sz]ed|(?:more )?hand-?held|let the .*hand-?held", "stability-"),
    (r"stabili[sz]e|sea-?sick|motion sick|nause\w+|on a boat|steady (?:it|the)|smooth out the (?:camera|shak|motion|movement)\w*|"
     r"camera (?:wobbl|shak|bounc|jump|mov)\w* (?:around |too )?", "stability+"),
    (r"flicker\w*|strob\w*", "flicker-"),
    (r"straighten|horizon|leaning to|tilt(?:ed|s)|(?:isn't|not|is not|aren't) (?:level|straight)|at an angle", "horizon+"),
    (r"(?:head|heads|forehead|hair)\b.*\b(?:cut off|cropped|chopped|missing|outside)|chopp\w* (?:off )?(?:the )?(?:top|head)\w*|"
     r"cut(?:s|ting)? (?:off )?(?:his|her|their|the top) (?:of )?(?:head|heads)|go wider|pull back|zoom out|wider (?:shot|frame|crop)", "framing+"),
    (r"zoom (?:in|closer)|crop (?:in|closer|tighter)|punch in|(?:empty|dead|much) space (?:above|around|over)|get closer|"
     r"closer (?:to|on|shot)|too far away", "framing-"),
    (r"fewer cuts|too many (?:cuts|edits)|(?:cuts?|cutting) (?:away )?(?:too|so) (?:often|much|fast|quickly|frequently|soon)|"
     r"(?:hold|leave|keep|let) (?:the |each |every |those |that |this |on (?:the )?)?(?:\w+ )?(?:shots?|clips?)(?: run| play| stay)? (?:for )?(?:\w+ )*longer|"
     r"stay(?:s)? on .*longer|before it cuts|linger (?:more|longer|a bit)|hold longer|no time to (?:look|see|take)|cut less often",
     "shot_length+"),
    (r"cut (?:more often|quicker|faster)|more cuts|quicker cuts|faster (?:cuts|cutting)|(?:shots?|clips?|takes?) (?:\w+ )?(?:lingers?|drags?|stays?|goes on|hangs?)|"
     r"on screen (?:forever|too long|for ages)|break up the (?:long )?(?:shot|take)", "shot_length-"),
    (r"fell asleep|fall(?:ing)? asleep|drag(?:s|ging|ged)?\b|nothing happens|lost interest|pick (?:up )?the pace|pick it up|"
     r"tighten|more pace|get on with it|yawn|put me to sleep|too little happens|step on it|move it along|lulls? me", "pace+"),
    (r"(?:let|give) (?:it|things|the \w+|them)(?: room to| time to| to| some room to)? breathe|slow (?:it|things|everything) down|slow down(?! the)|calm (?:it|things|this)? ?down|"
     r"take (?:your|its|more) time|can(?:'t|not) keep up|too much (?:going on|at once)|breathless|all a blur", "pace-"),
    (r"(?:no|don't use|without|lose|drop|remove|skip|less|too much|stop using) (?:the |any |so much )?slow[- ]?mo(?:tion)?|speed up (?:the|this|that)|fast forward|time[- ]?lapse|"
     r"slow[- ]?mo(?:tion)? is too slow|at double speed", "speed+"),
    (r"(?:in|use|add|more|some|want|like) (?:\w+ )?slow[- ]?mo(?:tion)?|slow down the|half speed|sped up|normal speed|like (?:puppets|chaplin|a silent film|keystone cops)|"
     r"(?:play|run) (?:it|this|that) slower", "speed-"),
    (r"speed (?:it|things|everything) up|speed up$|hurry (?:it )?up", "pace+"),
    (r"(?:cut|trim|bring|get|boil|edit) (?:it|this|the (?:video|film|edit|whole thing|movie)) (?:down|to)|trim the (?:whole|video|edit|film)|"
     r"(?:lose|drop|remove|cut|shave|take) (?:off )?(?:about |at least |some |a |another )?(?:thirty|twenty|ten|\d+|half a|few)(?: a)? (?:seconds|minutes?)|"
     r"shorten (?:it|this|the (?:edit|video|film|thing|whole))|condense|^shorten", "length-"),
    (r"see more of|(?:make|let) (?:the |it )?(?:video |film |edit )?(?:run )?longer|extend (?:it|the (?:video|edit|film))|more footage|lengthen", "length+"),
    (r"eas(?:e|es|ing) (?:\w+ )?into it|ease (?:in|us in)|(?:start|open|begin)s? (?:\w+ )?(?:too )?(?:gentl|slow|soft)(?:er|ly)|fade in", "start-"),
    (r"(?:doesn't|does not|don't|won't|didn't|not) (?:grab|hook|pull|catch|draw)|better hook|get to the point|(?:forever|ages|long) to (?:get going|start|begin)|"
     r"start with (?:something|a|the)|(?:stop|keep|quit|scroll)\w* (?:watching|past)|cold open|grab (?:me|people|attention|them)|takes? (?:too long|a while|ages|forever) to (?:start|get going|get started)|"
     r"begin with (?:something|a|the)|open with (?:something|a|the)|lose (?:people|viewers|me) (?:at|in) the (?:start|beginning|first)", "start+"),
    (r"(?:it |video |film |and then )?just (?:stops|ends|cuts off)|ends? (?:so |too |very |rather |really )?(?:abrupt|sudden)\w*|fade (?:out|to black)|(?:hold|extend|stretch|let) (?:on )?(?:the )?(?:last|final|closing) (?:shot|clip|image|frame)|"
     r"(?:end|ending|outro) (?:needs|wants|deserves|could use|should have) (?:more|some|longer|a)|stops dead", "end+"),
    (r"(?:wrap|finish|end) (?:it )?(?:up )?(?:sooner|earlier|quicker)|(?:end|ending|outro|last shot) (?:\w+ )?(?:drags|goes on|takes forever|never comes|is endless|lasts|overstays)|"
     r"trim (?:the )?(?:end|ending|outro|last)|(?:cut|shorten) (?:the )?(?:end|ending|outro)|doesn't know when to (?:stop|end)", "end-"),
    (r"(?:no ?one|nobody|no one) (?:says|talks|speaks|is talking|is saying)|dead air|awkward silence|holes? (?:in|where)", "silence-"),
    (r"(?:leave|keep|put back|bring back|restore|want|need) (?:in )?(?:the |some |more |those |a few )?(?:pauses?|silences?)|"
     r"breath(?:ing)? (?:room|space)|(?:took|cut|removed|taken) (?:out )?too (?:much|many) (?:of the )?(?:silence|pause)s?|"
     r"(?:don't|do not|didn't want you to|stop) (?:cut|remov|tak)\w* (?:out )?(?:the |those )?(?:pause|silence)s?|pauses? between|no pauses? left", "silence+"),
    (r"says? (?:u[hm]+|er+m?|ah|like|you know)\b", "fillers-"),
    (r"(?:cut|cuts|cutting) (?:him|her|them|me|the speaker|people) off|(?:word|words|syllable|sentence|sentences) (?:is|are|gets?|was|were)?\s?(?:\w+ )?(?:clipped|cut|chopped|missing|swallowed)|"
     r"mid[- ]?(?:sentence|word)|interrupt\w*|(?:middle of a|half a) (?:word|sentence)|before (?:he|she|they) (?:finish|is done|are done|has finished)\w*", "word_edges+"),
    (r"(?:music|song|track|score|soundtrack)\b.* pump\w*|pump(?:s|ing)\b|too much ducking|less ducking|music (?:keeps )?(?:dips|dipping|dropping|jump\w*)", "ducking-"),
    (r"\bduck\b|out of the way|(?:lower|drop|dip|reduce|turn down|fade|quieter|bring down)\b.*\b(?:music|song|track|it)?\b.*\b(?:when|while|under|whenever|during|as)\b.*\b(?:speak|talk|voice|speech|say|dialog|narrat)\w*", "ducking+"),
    (r"(?:music|song|soundtrack|score|track|tune)\b.*\b(?:drowns?|cover|buri|bury|overpower|swallow|mask|kill|on top of)\w*", "music-"),
    (r"(?:hear|notice) the (?:music|song|soundtrack|score|tune)", "music+"),
    (r"(?:can't|cannot|can not|can hardly|can barely|hard to|couldn't|hardly|barely|difficult to|impossible to|struggle to|strain to) (?:\w+ )?(?:hear|understand|follow|catch)|"
     r"(?:voice|voices|speech|dialog\w*|narrat\w+|speaker|words|he|she|they)\b.*\b(?:drown\w*|buried|lost|inaudible|swallowed|mumbl\w*|unintelligible)|"
     r"what (?:is|are|'s) (?:he|she|they) saying|unintelligible|mumbl\w+", "speech+"),
    (r"(?:he|she|narrator|speaker|presenter|they)\b.*\bshout\w*|shout(?:ing|s) at me", "speech-"),
    (r"ears? (?:hurt|bleed|are ringing)|hurts? my ears|blast(?:ing|s)|deafen\w*|blow\w* (?:out )?my (?:ears|speakers)", "loudness-"),
    (r"(?:barely|hardly|scarcely) audible|inaudible|crank (?:it|the (?:sound|volume|audio)) up", "loudness+"),
    (r"(?:volume|level|levels|sound|audio|loudness) (?:\w+ )?(?:jump|var|fluctuat|chang|goes up and down|go up and down|swing|bounc)\w*|"
     r"(?:loud|louder) (?:and|than|then)\b.*\b(?:quiet|quieter|others|next|rest)|(?:level|even) (?:out|it out)|keep (?:reaching for|adjusting|changing) the (?:volume|remote)|normali[sz]e|up and down in volume", "evenness+"),
    (r"(?:lips?|mouths?)\b.*\b(?:match|sync|move|behind|ahead|before|after|off)\w*|out of sync|not in sync|lip[- ]?sync|(?:audio|sound|picture|video)\b.*\b(?:lags?|behind|late|early|ahead|delay\w*|off)\b", "sync+"),
    (r"(?:on|to|with|off|miss\w*|against|hit) (?:the |its )?(?:beats?|rhythm)|(?:match|fit|follow|sync)\w* (?:the |up with the |with the )?(?:cuts|music)\b.*|music (?:\w+ )*(?:match|fit)\w* the cuts|beats? and cuts", "beats+"),
    (r"(?:plain|straight|simple|hard|clean) cuts|(?:no|enough with the|lose the|without|stop with the|fewer|less|drop the|ditch the|kill the) (?:\w+ )?(?:fades?|wipes?|dissolves?|transitions?|cross-?fades?)", "transitions-"),
    (r"(?:cuts?|edits?|transitions?|joins?|joints?) (?:is|are|feels?|looks?) (?:\w+ )?(?:hard|harsh|abrupt|jarring|sudden|rough)|(?:smooth|soft|gentl)(?:er|en)? (?:the )?(?:transition|cut|join)s?|smoother (?:transitions|cuts)", "transitions+"),
    (r"jump ?cuts?|cut .*\bjumps\b|\b(?:twitch|jump|hop|jerk|teleport)(?:e?s)? (?:at|in|on|with) (?:the|that|this) (?:cut|edit|joint|join)|jumps? in place", "jump_cuts-"),
    (r"(?:don't|doesn't|do not|does not|should|not) (?:quite |really |to )?match|match (?:the |these |those )?(?:colou?rs?|shots?|clips?)|different (?:films?|movies?|cameras?|days?|colou?rs?)|"
     r"than the (?:next|one before|other|previous|rest)|(?:inconsistent|uneven) (?:colou?r|grad|look)\w*|colou?rs? (?:change|jump|shift|differ|vary)\w*", "match+"),
    (r"(?:can't|cannot|can hardly|hard to|could not|couldn't|no time to|barely|difficult to) (?:\w+ )?read|(?:titles?|captions?|text|subtitles?) (?:\w+ )?(?:disappear|vanish|gone|go|goes|flash)\w*", "titles+"),
    (r"(?:lose|remove|drop|delete|no|get rid of|take out|ditch|kill) (?:the |that |any |all )?(?:titles?|captions?|text|subtitles?)", "titles-"),
)  # fmt: skip
IDIOMS = tuple((re.compile(words), wish) for words, wish in _IDIOMS)
