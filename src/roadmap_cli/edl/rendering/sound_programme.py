"""The sound of a whole edit as one continuous stream: brought to its loudness, encoded, measured as it is heard.

It is mixed, measured and encoded in sections (`sound_sections`), so that a change costs what it changes; its loudness
and peak are put together from those of the sections. A render from an empty cache goes the same way and comes to the
same bytes. The sections' frames follow each other as one stream: there is no priming gap and nothing to drift.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import timecode
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.rendering import container, keeping, loudness, mixing, sound_encoding, sound_parts, sound_sections
from roadmap_cli.edl.rendering.container import Unfit
from roadmap_cli.edl.rendering.found_sources import Looking
from roadmap_cli.edl.rendering.mixing import Mix
from roadmap_cli.edl.rendering.sound_encoding import Joined
from roadmap_cli.edl.rendering.sound_parts import RATE
from roadmap_cli.edl.rendering.sound_sections import Sections

if TYPE_CHECKING:
    from roadmap_cli.edl.rendering.encoding import Workshop

#: AAC gives peaks back a little higher than it got them. Decibels below the bound from which no limiter is needed, and
#: the room a limiter leaves, tried in turn.
_NEAR_DB, _ROOMS_DB = 0.4, (1.0, 1.75, 2.5, 4.0)
#: Gains are whole steps of this, in decibels: a change by which the whole is a tenth louder leaves the rest as it is.
_STEP_DB = 0.5
#: Steps in which a gain for a limited programme is looked for, and the least they must give of it.
_TRIED_DB, _LEAST_LU = 2.0, 0.5
#: The furthest a programme is made louder or softer.
_MOST_GAIN_DB = 30.0


@dataclass(frozen=True, slots=True)
class Programme:
    """The encoded sound of an edit, and what was measured of it. `encoded` samples of it were encoded anew."""

    path: Path
    key: str
    samples: int
    cached: bool
    encoded: int
    offset_samples: int
    measured: Mapping[str, Any]
    #: What of it is in the cache besides.
    sections: frozenset[Path] = frozenset()

    def record(self) -> dict[str, Any]:
        """What an edl.render record says of it."""
        return {
            "sound_samples": self.samples, "sound_rate": RATE, "sound_cached": self.cached,
            "sound_samples_encoded": self.encoded, **self.measured,
        }  # fmt: skip


def build(shop: Workshop, edit: Edit, media: Mapping[str, Media], looking: Looking) -> Programme | None:
    """The sound of an edit from the cache, or made into it. None if nothing in it has sound.

    Raises DataError if a source's sound cannot be decoded, CannotCreate if the cache cannot be written.
    """
    fps = shop.shape.fps
    stretches = sound_parts.stretches(edit.cuts, media, fps)
    cues = []
    for record in edit.cues:
        heard = None
        if record.get("source_id"):
            source = edit.sources.get(str(record["source_id"]))
            if source is None:
                raise DataError(f"the source of cue {record.get('id')} is not in the stream", code="no_source")
            heard = looking.heard(source)
        cues.append(mixing.read_cue(record, fps, heard))
    if not cues and all(piece.audio_index is None for piece in media.values()):
        return None
    length = timecode.sample_at(edit.cuts[-1]["timeline_out_frame"], fps, RATE)
    mix = Mix(length, stretches, [None] * len(stretches), cues, [None] * len(cues), mixing.speech_in(edit, fps))
    target = edit.plan.get("loudness_lufs")
    bound = edit.plan.get("true_peak_dbtp")
    name = _key(shop, mix, target, bound)
    place = shop.cache / "sound" / name[:2] / f"{name}.m4a"
    if programme := _known(place, name, length):
        return programme
    with keeping.locked(place):
        if programme := _known(place, name, length):
            return programme
        facts, encoded, used = _put_together(shop, mix, target, bound, place)
        note = keeping.write_note(place, {"facts": {"samples": length, **facts}})
    return _programme(place, name, length, note, encoded, used)


def _programme(
    place: Path, name: str, length: int, note: Mapping[str, Any], encoded: int | None, used: frozenset[Path]
) -> Programme:
    facts = dict(note["facts"])
    facts.pop("samples")
    offset = int(facts.pop("offset_samples"))
    return Programme(place, name, length, encoded is None, encoded or 0, offset, facts, used)


def _known(place: Path, name: str, length: int) -> Programme | None:
    note = keeping.kept(place)
    if note is None or note.get("facts", {}).get("samples") != length:
        return None
    return _programme(place, name, length, note, None, frozenset())


def _key(shop: Workshop, mix: Mix, target: object, bound: object) -> str:
    """SHA-256 over all that decides the encoded sound."""
    tempo, version = sound_parts.tempo_filter(shop.able), shop.able.version
    told = {
        "format": sound_sections.FORMAT, "length": mix.length, "target": target, "bound": bound, "encoder": version,
        "heard": mix.told(0, mix.length, tempo, version),
    }  # fmt: skip
    return hashlib.sha256(records.canonical(told)).hexdigest()


def _put_together(
    shop: Workshop, mix: Mix, target: object, bound: object, place: Path
) -> tuple[dict[str, Any], int, frozenset[Path]]:
    """Make the sound: what was measured of it, how many samples of it were encoded, and the sections' files."""
    bad: set[int] = set()
    fresh: dict[Path, int] = {}
    while True:
        sections = Sections(shop, mix, sound_sections.parted(mix.length, bad))
        before = loudness.together(sections.mixed)
        gain_db, limited, made = _settled(sections, before.lufs, before.peak_dbtp, target, bound, fresh)
        if not made.bad:
            break
        bad |= set(made.bad)
    parts = [
        (path, part.lead, part.end_frame - part.first_frame)
        for path, part in zip(made.places, sections.parts, strict=True)
    ]
    with keeping.whole_file(place) as whole:
        try:
            container.write_sound(parts, mix.length, whole.path)
        except Unfit as error:
            raise DataError(f"{place}: not as it was encoded: {error}", code="bad_render") from None
    after = loudness.together(made.levels)
    measured: dict[str, Any] = {"joint_step_ratio": round(sections.step, 3)}
    for field, value in (
        ("loudness_before_lufs", before.lufs), ("loudness_after_lufs", after.lufs), ("true_peak_dbtp", after.peak_dbtp)
    ):  # fmt: skip
        if value is not None:
            measured[field] = round(value, 1)
    measured |= {"gain_db": round(gain_db, 2), "limited": limited, "offset_samples": made.offset}
    return measured, sum(fresh.values()), frozenset(made.places)


def _settled(
    sections: Sections,
    lufs: float | None,
    peak_dbtp: float | None,
    target: object,
    bound: object,
    fresh: dict[Path, int],
) -> tuple[float, bool, Joined]:
    """Encode at the gain and the limit with which the sound is as loud as planned and no peak of it too high.

    Where the gain alone does it there is no limiter, and the sound is the mix times one number. Else the gain is set
    for what the limiter takes, and the limiter leaves more and more room until no peak of the encoded sound is above
    the bound. At the end of the rooms the peak stays as it is. Gives the gain, whether it is limited, and the sections.
    """
    levelled = isinstance(target, int | float) and lufs is not None
    wanted = float(target) - (lufs or 0.0) if levelled and isinstance(target, int | float) else 0.0
    bounded = isinstance(bound, int | float)
    highest = float(bound) if isinstance(bound, int | float) else 0.0
    plain = _step(wanted)
    near, rooms = (_NEAR_DB, _ROOMS_DB) if bounded else (0.0, (0.0,))
    peak = peak_dbtp if peak_dbtp is not None else -99.0
    limits = [10 ** ((highest - room) / 20) for room in rooms]
    choices: list[float | None] = [*([None] if peak + plain <= highest - near else []), *limits]
    gain_db = plain
    for limit in choices:
        if limit is not None and levelled:
            gain_db = _regained(sections, gain_db, limit, wanted + (lufs or 0.0))
        made = sound_encoding.joined(sections, 10 ** (gain_db / 20), limit)
        fresh |= {made.places[n]: sections.parts[n].end - sections.parts[n].first for n in made.fresh}
        after = loudness.together(made.levels).peak_dbtp
        if not bounded or after is None or after <= highest:
            break
    return gain_db, limit is not None, made


def _step(gain_db: float) -> float:
    """The nearest gain there is."""
    return max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, round(gain_db / _STEP_DB) * _STEP_DB))


def _regained(sections: Sections, gain_db: float, limit: float, target: float) -> float:
    """The gain with which a limited programme is as loud as planned: a limiter takes loudness.

    Tried are gains far apart, the same for every programme nearly as loud, and what lies between two of them is taken
    for a straight line: so a small change finds what was measured before. Where the limiter takes nearly all that a
    gain gives, no more is given.
    """

    def lufs(at: float) -> float:
        level = loudness.together(sections.levels(10 ** (at / 20), limit)).lufs
        return level if level is not None else target

    low = gain_db // _TRIED_DB * _TRIED_DB
    below = lufs(low)
    while below < target and low < _MOST_GAIN_DB:
        above = lufs(low + _TRIED_DB)
        if above >= target or above - below < _LEAST_LU:
            return _step(low + min(1.0, (target - below) / max(above - below, _LEAST_LU)) * _TRIED_DB)
        low, below = low + _TRIED_DB, above
    return _step(low)
