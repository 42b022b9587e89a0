"""Hear a source once, and say what was heard: levels, loudness, hum, spans, rhythm.

Positions inside are ms of the sound stream; the records' are ms from the source's first picture, or from the sound's
start if there is no picture.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl.hearing import ears as ears_
from roadmap_cli.edl.hearing import rhythm, sorts, speech, stream
from roadmap_cli.edl.hearing import words as words_
from roadmap_cli.edl.hearing.ears import Ears
from roadmap_cli.edl.hearing.heard import Heard
from roadmap_cli.edl.hearing.hum import Hum
from roadmap_cli.edl.hearing.meter import FLOOR_DB, Meter
from roadmap_cli.edl.hearing.sorts import Span
from roadmap_cli.edl.hearing.spectrum import FRAME_MIDDLE_MS, Spectra
from roadmap_cli.edl.hearing.stream import RATE

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.edl.hearing.heard import Word
    from roadmap_cli.edl.probe import Media
    from roadmap_cli.edl.programs import Programs

    Samples = numpy.ndarray[Any, Any]

#: Part of the name of what measured: a change of any number here is a new name.
METHOD = "hearing-2"
_CLIPPED = 0.9995
#: How far partials stand out where notes are held, in dB: speech alone has half a dB of it, over music 2.
_HELD_NOTES_DB, _SOME_NOTES_DB = 3.0, 1.5
_ORDER = ("speech", "music", "ambient", "silence")


def listen(
    found: Programs,
    media: Media,
    ears: Ears | None = None,
    *,
    subtitles: Sequence[Word] | None = None,
    tell: Callable[[float], None] = lambda seconds: None,
) -> Heard | None:
    """Decode the first sound stream once and measure it. None if the source has none.

    `ears` are the models to use, none by default; `subtitles` are words in ms from the first picture, which the speech
    model then need not find; `tell` is called with seconds as they are heard. Memory: 13 MB an
    hour. A stream that cannot be decoded at all is told in `problem`.
    """
    import numpy

    if media.audio_index is None:
        return None
    ears = ears or Ears()
    heard = Heard(late_ms=(media.audio_start_s - media.video_start_s) * 1000 if media.has_picture else Fraction(0))
    heard.models = ears.names
    voice = ears_.Voice(ears.voice) if ears.voice else None
    classes = ears_.Classes(*ears.classes) if ears.classes else None
    meter, spectra, hum = Meter(stream.channels_of(media)), Spectra(), Hum()
    spoken = array("f")
    samples = clipped = 0
    total = 0.0

    def take(mono: Samples, patches: Samples, *, last: bool = False) -> None:
        if classes:
            heard.patches.add(classes.scores(patches))
        if voice:
            spoken.extend(voice.take(mono, last=last).tolist())

    try:
        for step in stream.steps(found, media):
            if step.count:
                meter.take(step.spectrum, step.samples, step.count)
                heard.levels.level_db.extend(step.levels().tolist())
                sound = step.samples[:, : step.count]
                if float(sound.max()) >= _CLIPPED or float(sound.min()) <= -_CLIPPED:
                    clipped += int((numpy.abs(sound) >= _CLIPPED).sum())
                total += float(sound.sum(dtype=numpy.float64))
                samples += step.count
                tell(step.count / RATE)
            mono = step.mono()
            hum.take(mono)
            take(mono, spectra.take(mono))
    except DataError as error:
        if not samples:
            heard.problem = error.message
            return heard
    if not samples:
        heard.problem = "holds no sound"
        return heard
    take(numpy.zeros(0, numpy.float32), spectra.finish(), last=True)
    channels = stream.channels_of(media)
    heard.levels.moment_lufs = meter.moments()
    heard.loudness = meter.read()
    heard.length_ms = samples * 1000 // RATE
    heard.spectra = spectra
    heard.hum = hum.read()
    heard.clipped_ratio, heard.offset = clipped / (samples * channels), total / (samples * channels)
    heard.class_names = classes.names if classes else ()
    if voice:
        heard.voice = numpy.frombuffer(spoken, numpy.float32)
    else:
        heard.voice, heard.voice_step_ms = speech.likely_by_signal(spectra.voice_db), 10.0
    _understand(heard)
    if subtitles is not None:
        heard.words = list(subtitles)
    elif ears.words:
        said = words_.transcribe(found, media, ears.words, heard)
        hear_words(heard, said)
        heard.words = [_from_picture(heard, word) for word in said if word.end_ms + heard.late_ms > 0]
    return heard


def _from_picture(heard: Heard, word: Word) -> Word:
    from roadmap_cli.edl.hearing.telling import shown

    return replace(word, start_ms=shown(heard, word.start_ms), end_ms=shown(heard, word.end_ms))


def hear_words(heard: Heard, words: Sequence[Word]) -> None:
    """Move phrases' edges out of words that were heard there; `words` in ms of the stream."""
    phrases = [span for span in heard.spans if span.sort == "speech"]
    moved = words_.moved_edges([(span.start_ms, span.end_ms) for span in phrases], words)
    sure = sum(span.confidence for span in phrases) / max(1, len(phrases))
    others = [span for span in heard.spans if span.sort != "speech"]
    taken = {span.start_ms: span for span in phrases}
    fresh = [
        Span("speech", start, min(end, heard.length_ms), taken[start].confidence if start in taken else round(sure, 3))
        for start, end in moved
    ]
    heard.spans = sorted(others + fresh, key=lambda span: (span.start_ms, _ORDER.index(span.sort)))


def _understand(heard: Heard) -> None:
    """Spans and rhythm from what was measured."""
    import numpy

    spectra, length = heard.spectra, heard.length_ms
    assert spectra is not None
    assert heard.voice is not None
    level = numpy.frombuffer(heard.levels.level_db, numpy.float32)
    band = numpy.frombuffer(spectra.voice_db, numpy.float32)
    quiet = sorts.silences(level, length)
    spoken = speech.phrases(heard.voice, heard.voice_step_ms, band, FRAME_MIDDLE_MS, length)
    spoken = speech.parted(spoken, quiet, heard.voice, heard.voice_step_ms)
    spoken = [phrase for phrase in spoken if _believed(heard, phrase)]
    played = sorts.music(_music(heard, level), band, length)
    played = [part for piece in played for part in _without(piece, quiet)]
    spans = [Span("speech", p.start_ms, p.end_ms, p.confidence) for p in spoken]
    for start, end, sure in played:
        label = ""
        if heard.class_names:
            kind, _ = heard.patches.label(
                heard.patches.music_top, start // sorts.HOP_MS, max(start // sorts.HOP_MS + 1, end // sorts.HOP_MS)
            )
            label = heard.class_names[kind] if kind is not None else ""
        spans.append(Span("music", start, end, sure, label))
    loud = [(span.start_ms, span.end_ms) for span in spans]
    spans += [Span("silence", *part, 1.0) for start, end in quiet for part in sorts.outside(start, end, loud)]
    for start, end in list(sorts.gaps([(span.start_ms, span.end_ms) for span in spans], length)):
        spans += sorts.ambient(heard.patches, heard.class_names, start, end)
    heard.spans = sorted(spans, key=lambda span: (span.start_ms, _ORDER.index(span.sort)))
    flux = numpy.frombuffer(spectra.flux, numpy.float32)
    low = numpy.frombuffer(spectra.low_flux, numpy.float32)
    notes = spectra.notes
    for start, end, _ in played:
        if follow := rhythm.follow(flux, low, notes, start, end):
            heard.rhythms.append(follow)


def _music(heard: Heard, level: Samples) -> Samples:
    """The likelihood of music in each patch."""
    import numpy

    assert heard.spectra is not None
    if heard.class_names:
        return numpy.frombuffer(heard.patches.music, numpy.float32)
    partials = numpy.frombuffer(heard.spectra.partials_db, numpy.float32)
    flux = numpy.frombuffer(heard.spectra.flux, numpy.float32)
    beat = numpy.zeros(len(partials))
    hop = sorts.HOP_MS // 10
    for place in range(0, len(partials), 2):
        middle = place * hop + hop
        window = flux[max(0, middle - 200) : middle + 200]
        if len(window) >= 200:
            row = rhythm.repetition(rhythm.strength(window))
            beat[place : place + 2] = float(row[25:150].max(initial=0.0))
    # A patch that is silent has no music, however clean its lines.
    quiet = numpy.array(
        [level[n * hop : n * hop + 96].max(initial=FLOOR_DB) < sorts.SILENT_DB for n in range(len(partials))]
    )
    return numpy.where(quiet, 0, sorts.music_by_signal(partials, beat)).astype(numpy.float32)


def _believed(heard: Heard, phrase: speech.Phrase) -> bool:
    """Whether a phrase is one: a held note, a bird or a beat may look like speech to one witness, seldom to two."""
    import numpy

    assert heard.spectra is not None
    first = max(0, phrase.start_ms // sorts.HOP_MS - 1)
    last = -(-phrase.end_ms // sorts.HOP_MS)
    partials = numpy.frombuffer(heard.spectra.partials_db, numpy.float32)[first:last]
    held = float(numpy.median(partials)) if len(partials) else 0.0
    if "silero-vad" not in heard.models:
        return held < _HELD_NOTES_DB
    if heard.class_names:
        likely = max(heard.patches.voice[first:last], default=1.0)
        return likely >= 0.2 and (phrase.confidence >= 0.42 or phrase.end_ms - phrase.start_ms > 300)
    return phrase.confidence >= (0.7 if held > _SOME_NOTES_DB else 0.5)


def _without(piece: tuple[int, int, float], quiet: Sequence[tuple[int, int]]) -> list[tuple[int, int, float]]:
    """A stretch of music without silences at its ends."""
    start, end, sure = piece
    for first, last in quiet:
        if first <= start < last:
            start = last
        if first < end <= last and first > start:
            end = first
    return [(start, end, sure)] if end - start >= 1_000 else []
