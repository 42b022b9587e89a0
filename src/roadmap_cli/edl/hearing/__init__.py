"""What a source's sound holds: speech, music, ambient sound, silence, loudness, rhythm, words.

heard = hearing.listen(found, media, hearing.find_ears(environ))
heard.between(start_s, end_s)       a shot's loudness, silence, speech and music
hearing.source_fields(heard)        what edl.source says of it
hearing.records(heard, source)      edl.span, edl.rhythm, edl.word
hearing.loudness(samples)           the meter, for sound at hand
hearing.clicks(samples, joints)     joints that click
"""

from roadmap_cli.edl.hearing.ears import LACKS, VOICE_MODEL, Ears
from roadmap_cli.edl.hearing.ears import find as find_ears
from roadmap_cli.edl.hearing.heard import Heard
from roadmap_cli.edl.hearing.joints import clicks
from roadmap_cli.edl.hearing.listening import METHOD, listen
from roadmap_cli.edl.hearing.meter import loudness
from roadmap_cli.edl.hearing.telling import records, source_fields

#: The model that every installation has.
DEFAULT = VOICE_MODEL

__all__ = [
    "DEFAULT",
    "LACKS",
    "METHOD",
    "Ears",
    "Heard",
    "clicks",
    "find_ears",
    "listen",
    "loudness",
    "records",
    "source_fields",
]
