"""Turns of speech that say a wish as a whole, in order: the first that fits a clause wins."""

from __future__ import annotations

import re

#: Pattern and wish: an axis and the sign of the wish itself, not of a property.
_IDIOMS: tuple[tuple[str, str], ...] = (
    (r"\bundo\b|^(?:please )?(?:go|step|take me|bring me) back(?: one| a)?(?: step| version)?$|restore (?:the )?(?:previous|last|old|original)|(?:old|original|earlier|first) (?:version|one|cut) (?:was|is) better|(?:never mind|cancel) (?:that|the last|it)|(?:better|nicer) before|(?:like|as|the way|how) (?:it|that|things?) (?:was|were)(?! \w+ed)\b(?! too)|like before|(?:roll|change|put|switch) (?:it|that|this|things) back|"
     r"roll ?back|revert|forget (?:that|the last)|(?:last|previous) (?:change|version|edit|one) was (?:better|nicer|fine)", "undo+"),
    (r"^redo\b|(?:do|make) (?:that|it|the change) again|bring (?:that|the) change back", "undo-"),
    (r"(?:don't|do not|stop|never|you) (?:\w+ )?(?:crop\w*|chop\w*|cut(?:ting)?) (?:off )?(?:out )?(?:his|her|their|the|people's|my) (?:\w+ )?(?:heads?|hair|forehead|feet|hands|chin)|"
     r"(?:heads?|forehead|hair|chin|face) (?:is|are|gets?|was|were)?\s?(?:\w+ )?(?:cut|cropped|chopped|out of (?:the )?frame|outside)|"
     r"(?:half|top) of (?:his|her|their|the) (?:head|face) is (?:missing|gone|cut|out)", "framing+"),
    (r"crop (?:it |this )?(?:less|looser|wider)|less (?:of a )?crop|(?:loosen|widen) (?:the )?(?:crop|framing|frame|shot)|(?:more|some) (?:space|room|air|headroom) (?:above|around|over|for)|(?:too|very|so) (?:close|tight|zoomed)(?: in)?\b|show more of (?:the )?(?:scene|room|surroundings|frame|him|her)|zoomed in too (?:much|far)", "framing+"),
    (r"crop (?:it |this )?(?:more|in|tighter|closer)|(?:go|get|come|move) (?:in )?(?:closer|tighter)|closer (?:to|on|in|up)|(?:too|so|very) far (?:away|out)|too (?:wide|small in (?:the )?frame)|tighter (?:on|framing|crop|shot)|(?:less|too much) (?:space|room|air|headroom|empty)", "framing-"),
    (r"(?:black|letter-?box|cinema|the|those|these) bars?\b.*\b(?:distract\w*|ugly|annoy\w*|go|gone|off|away|out)\b|(?:no|lose|without|remove|ditch|kill|drop|hate|delete|rid of) (?:\w+ )?(?:\w+ )?(?:bars?|letter-?box\w*)\b|"
     r"fill the (?:whole )?(?:screen|frame)", "bars-"),
    (r"(?:add|want|with|put|give \w+|use|needs?) (?:some |the |those |in )?(?:\w+ )?(?:black |cinema\w* |widescreen |letter-?box )?(?:bars|letter-?box\w*)\b|2[.:]3[59]", "bars+"),
    (r"(?:brightness|lights?|exposure|picture|image|luminance)\b.*\b(?:puls\w+|pumps?|pumping|wavers?|waver\w*|up and down|fluctuat\w+|keeps changing|strob\w+|blink\w*)", "flicker-"),
    (r"(?:pull|bring|lift|raise|open|boost) (?:up )?(?:the |those )?(?:shadows|blacks|dark (?:parts|areas|bits))(?: up)?|(?:looks?|is) like (?:it's )?(?:night|midnight|a cave|a cellar)|(?:hardly|barely|scarcely|not(?: really)?) visible|(?:face|faces|eyes|people|everything|details?)\b.*\b(?:disappears?|lost|vanish\w*|swallowed|buried) in (?:the )?(?:dark\w*|shadows?|black)|silhouettes?|night ?time look|more (?:day)?light|light (?:it|the \w+|her|him|them) up|stop (?:brighter|up)|under-?expos\w+", "exposure+"),
    (r"(?:pull|bring|take|tone|tame|recover|save) (?:back |down )?(?:the |those )?(?:highlights|whites|sky|windows?|brights)|(?:white|whites|sky|skies|windows?|clouds|highlights?|snow|lights?)\b.*\b(?:white|blown|burn\w*|clip\w*|gone|blow\w*|lost detail|no detail|too hot)\b|blind(?:s|ing|ed)|sunglasses|stop (?:darker|down)|over-?expos\w+|hot spots?", "exposure-"),
    (r"blacks?\b.*\b(?:aren't|not|isn't|never) (?:\w+ )?black|(?:deeper|richer|real|proper|crush\w*) (?:the )?blacks|veil(?:ed)?\b|(?:lacks?|no|needs?|more|want) (?:\w+ )?(?:depth|definition between)", "contrast+"),
    (r"(?:shadows?|blacks?|dark \w+) (?:\w+ )?(?:crushed|blocked|no detail|solid)|crush(?:es|ed|ing) (?:\w+ )?(?:blacks|shadows)|too much black and white difference", "contrast-"),
    (r"(?:noise|grain|grainy|noisy)\b.*\bin the (?:shadows|dark\w*|blacks)", "noise-"),
    (r"shadows? (?:are|is|look) (?:\w+ )?(?:deep|heavy|dark|thick|strong)", "exposure+"),
    (r"(?:skin|faces?|complexion|cheeks)\b.*\b(?:more|some) (?:colou?r|warmth|life)\b", "skin+"),
    (r"colou?rs? (?:really |should |to )?pop\b", "saturation+"),
    (r"(?:end|ending|outro|finale)\b.*\b(?:drags?|goes on|takes forever|overstays|endless|too long|too slow|never ends)", "end-"),
    (r"(?:don't|do not|stop|didn't want you to|never|shouldn't have) (?:cut\w*|remov\w*|tak\w*|tighten\w*) (?:out )?(?:the |those |all |so many )?(?:pauses?|silences?|gaps?)|(?:pauses?|silences?)\b.*\b(?:back|too short|too tight)|room to breathe between|too tight between", "silence+"),
    (r"flicker\w*|strob\w*", "flicker-"),
    (r"halos?\b|over-?sharpen\w*|too much sharpening|(?:less|reduce|lower|tone down|ease)\b.*\bsharp(?:ness|ening|en)", "sharpness-"),
    (r"(?:make|made|making|makes) (?:me|you|us|people) (?:\w+ )?(?:dizzy|sick|nauseous|queasy|seasick|ill)|dizzy|queasy|earthquake|drunk\w* camera|motion sickness|tripod", "stability+"),
    (r"shake-?free|(?:too|so|less|more|reduce|remove|fix|get rid of|much) (?:\w+ )?(?:camera )?(?:shake|shaking|wobble|jitter|judder)", "stability+"),
    (r"(?:shots?|clips?|scenes?|images?)\b.*\b(?:breathe|room to breathe)|(?:barely|hardly|no) (?:\w+ )?time to (?:take|look|see|register)", "shot_length+"),
    (r"(?:get|getting|gets|cut|jump|go) (?:straight |right )?(?:to|into) the (?:action|point|good (?:part|bit|stuff)|interesting (?:part|bit))|(?:starts?|begins?|opens?) (?:\w+ )?(?:slow\w*|weak\w*|boring\w*|dull\w*|badly|flat)|(?:too (?:long|slow)|ages|forever|a while) (?:to|before it|until it|before anything) (?:starts?|begins?|gets? (?:going|started)|happens?|kicks? off)|cold open|teaser (?:at|up) (?:the )?(?:start|front)|front-?load|(?:first|opening) (?:\w+ ){0,2}(?:seconds?|minutes?|moments|shot)\b.*\b(?:boring|dull|slow|drag\w*|weak|lame|nothing|lose\w*|empty|tedious)", "start+"),
    (r"(?:start|begin|open|kick off|come in) (?:\w+ )?(?:stronger|faster|earlier|with a bang|sooner|quicker|later)|(?:start|opening|beginning|intro|first \w+)\b.*\b(?:drag\w*|grab\w*|hook\w*|snooz\w*|pull \w+ in|goes nowhere|lose\w* \w+|losing|takes forever|too long|lacks?|needs? (?:more|some|to))|"
     r"(?:grab|hook|catch|pull)\w* (?:the |my |people's |their |our )?(?:viewers?|attention|audience|people|me|them|us)|hook (?:is|needs|isn't)|stronger (?:start|opening|beginning|intro|hook)|(?:trim|cut|shorten|tighten|skip) (?:down )?(?:the )?(?:intro\w*|start|beginning|opening)", "start+"),
    (r"(?:give|leave|allow) (?:the )?(?:end|ending|finale|last shot|final shot) (?:some |a (?:bit|little) |\w+ )?(?:more )?(?:time|room|space|longer)|(?:ends?|stops?|finish\w*) (?:right )?(?:mid|in the middle|halfway|half-?way|without warning|too early|too soon|too quickly|too fast|like that)|end\w* (?:more |less )?(?:gentl\w+|soft\w+|gradual\w*|smooth\w*)|(?:longer|slower|softer|gentler|better) (?:ending|end|fade ?out|outro)|fade (?:it )?out|fade to (?:black|white)|no (?:real |proper )?ending|doesn't (?:really )?end\b|less abrupt\w*", "end+"),
    (r"(?:last|final|closing) (?:shot|clip|image|frame|scene)\b.*\b(?:linger|longer|breathe|hold|held|stay|more time|cut too early|too short)|(?:end|ending|ends|finish\w*)\b.*\b(?:out of nowhere|abrupt\w*|sudden\w*|rush\w*|too (?:fast|quick|early|soon)|no (?:ending|closure|resolution))|"
     r"(?:cuts?|stops?|cut) off (?:\w+ )?(?:at the end|at the very end)|out of nowhere|needs a (?:proper |better |real )?(?:ending|conclusion|closing)|more (?:time|room) at the end|slam\w* shut", "end+"),
    (r"(?:get|keep|bring|cut|edit|trim|squeeze|have|needs? to be|should be|must be|make) (?:it|this|the \w+)?\s?(?:\w+ )?(?:down )?(?:to |under |below |within |shorter than |less than |no longer than |no more than )+(?:a|an|one|two|half a|\d+)[- ]?(?:minutes?|seconds?|secs?|mins?|s|m)\b|"
     r"(?:seconds|minutes|minute) too long|longer than (?:it should|necessary|needed)|too long by|overlong|nobody (?:will )?watch\w* (?:this|that|it) (?:long|whole)|cut (?:it|this) in half|half (?:as long|the length)", "length-"),
    (r"(?:a|an|one|two|half a|\d+|few) (?:minutes?|seconds?|secs?) shorter", "length-"),
    (r"^(?:under|below|max(?:imum)?|at most|no more than|within|less than) (?:a|an|one|two|half a|\d+)[- ]?(?:minutes?|seconds?|secs?|mins?)|(?:halve|cut|reduce|trim|shorten) (?:the )?(?:total |overall |whole )?(?:length|duration|run ?time|running time)|(?:lose|drop|cut|shave|take) (?:\w+ ){0,4}(?:seconds|minutes?|half)\b|attention span|(?:video|edit|film|movie|it|this|thing) (?:is |runs |goes |feels )(?:\w+ )?(?:overlong|too long|on too long|forever|on and on|long-?winded)|shorter (?:version|cut|edit|video)", "length-"),
    (r"(?:like|want|love|wanted|need|hoping|hoped|expected) (?:to see )?(?:some |a (?:bit|little|lot) )?more(?: of (?:it|this|that|the \w+))?$|longer (?:version|cut|edit|video)|leaves? me wanting more|(?:there is|there's|it is|it's) not (?:enough of it|much)|make it (?:at least )?(?:a|one|two|\d+) (?:minutes?|seconds?)\b(?! shorter)", "length+"),
    (r"(?:extend|stretch|lengthen|expand) (?:it|this|the (?:video|edit|film|whole\w*|thing|cut))|(?:double|twice) the length|twice as long|(?:at least|closer to) (?:a|an|one|two|\d+)[- ]?(?:minutes?|seconds?)|(?:seconds|minutes|minute) too short|over (?:too|so) (?:soon|quickly|fast)|is that (?:all|it)\b|more of (?:it|this|the footage)|(?:show|use) more (?:of the )?(?:footage|material)", "length+"),
    (r"(?:cut|remove|skip|jump|take|get rid of|delete|edit|trim|lose|shorten|tighten|drop|kill|close|collapse)\b.*\b(?:silent|quiet|empty|dead) (?:parts?|bits?|sections?|moments?|stretches|spots?|air|passages?)|(?:tighten|close|shorten|trim|squeeze|cut|reduce|remove|minimi[sz]e)\b.*\b(?:gaps?|pauses?|silences?|breaths?|hesitations?)\b|"
     r"(?:pauses?|silences?|gaps?|dead air)\b.*\b(?:too long|long|awkward|drag\w*|kill\w*|annoy\w*|everywhere|forever)|(?:too many|so many|long|awkward|endless|fewer|less|no more|enough) (?:\w+ )?(?:pauses?|silences?|gaps?|breaths)|nobody (?:is )?(?:talk|speak|say)\w*", "silence-"),
    (r"(?:chop\w*|cut\w*|clip\w*|trim\w*) (?:off )?(?:the )?(?:end|start|beginning|last words?|first words?) of (?:what|his|her|the|their) (?:\w+ )?(?:says|said|sentences?|words?|lines?|answers?|speech)|"
     r"(?:his|her|their|the) (?:last|first|final) (?:words?|syllables?|sentences?|lines?) (?:is|are|get|gets|was|were|goes)|let (?:him|her|them) finish|(?:cut|cuts|chop\w*|interrupt\w*) (?:him|her|them|the (?:speaker|interviewee|guest)|people) (?:off|short|mid)", "word_edges+"),
    (r"(?:cut|cuts|cutting|edit|edits) (?:is |are )?(?:right )?(?:in|into|inside|through|across|over) (?:the |a |his |her |their )?(?:middle of )?(?:\w+ )?(?:words?|sentences?|speech|line|syllable)|(?:he|she|they|speaker|guest|interviewee|narrator)\b(?: is| are| gets?| was| were|'s)? (?:\w+ )?(?:cut (?:off|short)|interrupted|chopped off)|(?:end|start|beginning|half|part|rest) of (?:his|her|their|the|a) (?:\w+ )?(?:words?|sentences?|lines?|answers?|quotes?)\b.*\b(?:missing|cut|gone|lost|chopped|clipped|not there)|(?:finish|complete|end) (?:the|his|her|their) (?:sentence|word|thought|line|answer|point)s?|(?:didn't|doesn't|don't|not) let (?:him|her|them) finish", "word_edges+"),
    (r"(?:words?|syllables?|sentences?|lines?) (?:is|are|gets?|get|was|were|being)?\s?(?:\w+ )?(?:clipped|cut off|cut short|chopped|truncated|swallowed|missing|incomplete|bitten off)|(?:in )?mid[- ](?:sentence|word|thought)", "word_edges+"),
    (r"(?:volume|sound|audio|loudness|levels?|it)\b.*\b(?:up (?:and|&) down|jump\w*|fluctuat\w*|inconsistent|uneven|var(?:y|ies)|swing\w*|all over)|(?:suddenly|then|sometimes|parts?|bits?|one|some)\b.*\b(?:loud|louder|quiet|quieter|soft)\b.*\b(?:then|again|others?|next|sometimes|suddenly|rest|and|&)\b.*|(?:balance|even|level|equal\w*|normali[sz]e|unify|smooth) (?:out )?(?:the |all )?(?:volumes?|levels?|sound|audio|loudness)(?! to)|same (?:volume|loudness|level)|(?:louder|quieter|softer) than (?:the |all )?(?:others?|rest|next|previous|one|first|second)", "evenness+"),
    (r"(?:music|song|track|soundtrack|score|tune)\b.*\b(?:barely|hardly|scarcely|not|inaudible|can't be|isn't)(?: \w+)? ?(?:audible|heard|noticeable|there|present)?$|(?:more|louder|stronger|bigger) (?:background )?music", "music+"),
    (r"(?:too much|less|reduce|lower|quieter|softer|tame|back off|turn down|dial down|dial back|drop|fade|cut back)(?: on)? (?:the )?(?:volume of the )?(?:background )?(?:music|song|soundtrack|score)\b(?!.*\b(?:when|while|under|whenever|during|as (?:he|she|they|soon)|every time)\b)|(?:music|song|track|soundtrack|score)\b.*\b(?:compet\w+|fight\w*|drown\w*|overpower\w*|overwhelm\w*|dominat\w*|intrusive|in the way|over the (?:voice|speech|dialog\w*)|louder than (?:the )?(?:voice|speech|dialog\w*|speaker|him|her|them))", "music-"),
    (r"\b(?:he|she|they|him|her|them|speaker|narrator|presenter|interviewee|guest|host|people|actors?|dialog\w*|speech|voices?|words?)(?: is| are|'s|'re| sounds?| seems?)? (?:\w+ ){0,2}(?:quiet|soft|faint|low|inaudible|muffled|unclear|unintelligible|hard to (?:hear|understand|make out|follow)|difficult to (?:hear|understand|make out)|mumbling|mumbles?|lost|buried|drowned|not clear|not loud enough|incomprehensible|barely audible|hardly audible)\b|(?:clearer|louder|stronger) (?:voice|speech|dialog\w*|narration|voice-?over)|(?:hear|understand|catch|make out|follow) (?:a word|what (?:he|she|they)|him|her|them|the (?:voice|speaker|dialog\w*|words|narrator|guest|host|interview\w*|speech|conversation))|intelligib\w+", "speech+"),
    (r"(?:echo\w*|reverb\w*|in a (?:bathroom|cave|church|tunnel|tin|hall|well|garage|swimming pool)|like a (?:bathroom|cave|church|tunnel|tin can)|roomy|hollow sound\w*)", "hum-"),
    (r"(?:hum|hiss|buzz|static|rumble|whine|drone|fan|air ?con\w*|fridge|wind|traffic|mains|electrical|background|room|mic\w*|audio|sound|tape) ?(?:noise|hum|hiss|buzz\w*|hissing|humming|rumble)\b|(?:hum|hiss|buzz\w*|humming|hissing|rumbl\w+|static|whin\w+) (?:in|on|of|throughout|the whole|all the|from|under|behind)|wind (?:in|on|is|blow\w*)|(?:can hear|hear) (?:the |a |an )?(?:fan|fridge|traffic|air ?con\w*|wind|mains|electric\w*|generator)|(?:clean|clean up) (?:up )?the (?:audio|sound|voice)|(?:noisy|dirty) (?:audio|sound|recording|mic\w*)|(?:audio|sound|recording) (?:is|sounds?) (?:\w+ )?(?:noisy|dirty|hissy|hummy|crackly)", "hum-"),
    (r"(?:too much|too many|less|reduce|soften|tame|fix|harsh|strong|sharp) (?:\w+ )?(?:s|ss|s's|esses|sibilance|s[- ]sounds?)\b", "sibilance-"),
    (r"(?:click\w*|popp\w+|pop|pops|crackl\w+|glitch\w*|thump\w*) (?:noises?|sounds?)|(?:click\w*|pops?|popping|crackl\w*|thumps?)\b.*\b(?:cuts?|joints?|joins?|edits?|clips?|transitions?|shots?|audio|sound|at \d)|(?:audio|sound) (?:\w+ )?(?:clicks|pops|crackles|glitches)", "clicks-"),
    (r"(?:sound|audio|voice|picture|video|image|lips?|mouths?|speech|words)\b.*\b(?:before|after|ahead of|behind|later than|earlier than|lags?|lagging|leads?|delay\w*|late|early|out of sync|not in sync|don't match|doesn't match|drift\w*)\b.*|a ?sync\w*|sync (?:is|issue|problem|error)|(?:fix|check) the sync|un-?synced|dubbed", "sync+"),
    (r"(?:turn|crank|put) (?:it|this|that|everything|the (?:sound|volume|audio)) (?:way |right |a (?:bit|little|touch) )?down|down with the (?:volume|sound)", "loudness-"),
    (r"(?:turn|crank|pump) (?:it|this|that|everything|the (?:sound|volume|audio)) (?:way |right |a (?:bit|little|touch) )?up|(?:turn|crank|put)\w*\b.*\b(?:my|the) (?:speakers?|volume|tv|headphones|phone)\b.*\bup|(?:can|could|can't|couldn't) (?:barely |hardly )?hear (?:anything|a thing|it)\b|volume (?:is |'s )?(?:at|on) max", "loudness+"),
    (r"de-?ess\w*|(?:s|ss|sss)(?:'s| sounds?|es)\b.*\b(?:hiss\w*|harsh|sharp|pierc\w*|hurt\w*|loud|spit\w*|strong|annoy\w*|whistl\w*|too)|(?:hiss\w*|harsh|sharp|pierc\w*|whistl\w*|spitty) (?:s|ess|esses|s's|s sounds?)\b|lisp\w*|sibila\w*", "sibilance-"),
    (r"\bpops? (?:at|in|when|between|on|each)\b|(?:hear|is a|are|some|those|the|audio|sound) (?:\w+ )?(?:pops|popping|clicks?|clicking|crackl\w+|pop)\b(?! up| more)|click\w* (?:at|in|on|when|between) ", "clicks-"),
    (r"(?:make|makes?|let|help) (?:it|things|the (?:picture|image|footage|shots?|video|whole thing)|everything|this)\s(?:really )?pop|(?:more|some|bit of|needs?|lacks?|lacking|no|missing|add|want) (?:\w+ )?(?:punch|pop|zing|oomph)\b|doesn't (?:really )?pop|punch (?:it|this|the (?:picture|image)) up|jazz it up|spice up the (?:look|picture|image)", "punch+"),
    (r"(?:colou?rs?) (?:\w+ )?(?:a bit much|over the top|too much|overdone|overcooked|screaming|turned up|in your face)|(?:over-?cooked|radioactive|like a cartoon|like candy|like an? (?:acid|lsd) trip)", "saturation-"),
    (r"bring (?:the |some |more )?colou?rs? back|(?:give|add|need|needs|want|more|some) (?:\w+ )?(?:\w+ )?colou?r\b(?! temperature| grad| cast| correct| match)", "saturation+"),
    (r"(?:make|get|have|let) (?:the |these |those |all )?(?:\w+ )?(?:shots?|clips?|cameras?|scenes?|colou?rs?|them) (?:all )?(?:match|look (?:the same|alike|consistent|similar))|match (?:the|these|those|them|all|both|up)\b(?! (?:cuts|beat))|(?:look|looks) like (?:they're|they are|it's|two|three|several) (?:from )?(?:\w+ )?different|(?:warmer|colder|cooler|bluer|brighter|darker|greener|yellower) than (?:the |all |its )?(?:other|next|rest|one|previous|first|second|others)", "match+"),
    (r"(?:totally|completely|so|very|look\w*|looks|too) (?:\w+ )?different (?:from|than|to)\b|different (?:colou?rs?|looks?|white balance|light)|(?:colou?rs?|look|light|grading|white balance)\b.*\b(?:jump\w*|inconsistent|all over the place|consistent|vary|varies|shift\w*|mismatch\w*|change\w* (?:from|between|at))|mismatch\w*|(?:match|unify|even out|harmoni[sz]e) the (?:look|colou?rs?|shots?|clips?|grading|light\w*)|"
     r"(?:shots?|clips?|scenes?|cameras?)\b.*\b(?:don't|doesn't|do not|not) (?:\w+ )?(?:match|fit together|go together|belong together)", "match+"),
    (r"(?:music|song|track|soundtrack|beats?)\b.*\boff (?:from )?the cuts|(?:cuts?|edits?|cutting)\b.*\b(?:off|miss\w*|on|to|hit\w*|with|match\w*|follow\w*|align\w*|sync\w*|land\w*)\b.*\b(?:beats?|rhythm|music|song|track|tempo)\b|(?:snap|sync|lock|align|match|fit) (?:the )?(?:cuts|edits?|cutting|it|them)\b.*\b(?:beat|music|song|rhythm)|(?:edit|cut) (?:it )?to the (?:music|beat|rhythm)|off[- ]?beat", "beats+"),
    (r"(?:jump ?cuts?|jumpy cuts?)\b", "jump_cuts-"),
    (r"(?:get|getting|goes|going) (?:anywhere|somewhere|nowhere|on with it)|\bsags?\b|sagging|(?:could|should|needs to|wants to) be (?:a (?:bit|little|lot) |much )?tighter|tighter (?:edit|pac\w+|cut)\b|loses? (?:steam|momentum|me|my interest|its way)|got bored|boring me|lost me|too much (?:nothing|waiting)|\bslog\b|plods?|meander\w*|bogs? down", "pace+"),
    (r"(?:too much (?:is )?(?:happening|going on)|hard to follow|(?:can't|cannot|couldn't|difficult to) (?:\w+ )?(?:follow|keep up|process)(?! (?:what|him|her|the (?:dialog|voice|speech|conversation))))|information overload|head (?:is )?spinning|exhausting|overwhelming pace", "pace-"),
    (r"dream(?:y|ier|like)|soft focus|ethereal", "blur+"),
    (r"(?:stronger|more|heavier|increase|add|some|extra) (?:\w+ )?(?:blur|bokeh|depth of field)\b|soft(?:er|en)? (?:the |that )?background|background (?:\w+ )?(?:soft|out of focus)|separate (?:\w+ )?from the background|background (?:is )?(?:too )?(?:sharp|distracting|busy|in focus)", "blur+"),
    (r"background (?:\w+ )*(?:blurry|blurred)|(?:fake|artificial) (?:blur|bokeh|portrait)|(?:see|show) the background|portrait mode", "blur-"),
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
    (r"like (?:ghosts?|zombies?|corpses?|vampires?)|(?:sick|pale|grey|gray|ill|dead)\b(?!.*green).*\b(?:face|skin|complexion)|"
     r"(?:face|faces|skin|he|she|they) (?:looks?|is|are) (?:\w+ )?(?:sick|pale|ill|dead)(?!.*green)|(?:some|more) (?:warmth|colou?r|life) (?:in|to|into) "
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
    (r"fewer cuts|too many (?:cuts|edits)|(?:cuts?|cutting|edits?|editing|changes?|switch\w*) (?:is |are |away |come |comes |happens? )?(?:way |much |far )?(?:too|so) (?:often|much|fast|quickly|frequently|soon)|"
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
     r"(?:loud|louder) (?:and|&|than|then)\b.*\b(?:quiet|quieter|others|next|rest)|(?:level|even) (?:out|it out)|keep (?:reaching for|adjusting|changing) the (?:volume|remote)|normali[sz]e|up and down in volume", "evenness+"),
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
