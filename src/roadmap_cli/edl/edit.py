"""What the records of an edit may say beside positions: transitions, sound, framing, blur, effects, titles, cues.

Planner, check, render, feedback and export read these fields here and nowhere else, so that a word means the same to
all of them. Reading raises DataError for what cannot be understood; `beyond` tells what can be and is out of bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

#: How one shot may give way to the next. `fade_black` and `fade_white` pass through a colour, half the frames each way.
TRANSITIONS = ("dissolve", "fade_black", "fade_white", "wipe_left", "wipe_right", "wipe_up", "wipe_down")

#: Picture effects by name: each one's single number, its bounds, and the value that changes nothing.
#: `denoise` strength of hqdn3d, from 3 on after fftdnoiz; `sharpen` amount of unsharp; `stabilise` the share of the
#: frame that may be cropped;
#: `rotate` degrees clockwise; `deflicker` frames of its window; `vignette` strength; `grain` strength; `bloom` share;
#: `letterbox` width by height of the picture between bars (0 for none); `shadows` lift of dark parts; `gamma` the power
#: of luma's inverse (2 brightens); `highlights` roll-off of bright parts; `vibrance` colour where there is little;
#: `tint` magenta (positive) against green; `skin` pull of orange skin back to its line.
EFFECTS: dict[str, tuple[float, float, float]] = {
    "denoise": (0.0, 6.0, 0.0),
    "sharpen": (0.0, 1.0, 0.0),
    "stabilise": (0.0, 0.10, 0.0),
    "rotate": (-5.0, 5.0, 0.0),
    "deflicker": (0.0, 20.0, 0.0),
    "vignette": (0.0, 1.0, 0.0),
    "grain": (0.0, 20.0, 0.0),
    "bloom": (0.0, 0.5, 0.0),
    "letterbox": (0.0, 3.0, 0.0),
    "shadows": (0.0, 0.25, 0.0),
    "gamma": (0.65, 1.6, 1.0),
    "highlights": (0.0, 0.3, 0.0),
    "vibrance": (-0.4, 0.3, 0.0),
    "tint": (-10.0, 10.0, 0.0),
    "skin": (0.0, 1.0, 0.0),
}
#: Effects that are steps of colour: they go into the one generated colour table of a cut with its `grade`.
COLOUR_EFFECTS = frozenset({"shadows", "gamma", "highlights", "vibrance", "tint", "skin"})
#: Effects whose result at a frame depends on frames before it: they are warmed up, or applied to a whole shot.
TEMPORAL_EFFECTS = frozenset({"denoise", "stabilise", "deflicker"})

GAIN_DB = (-60.0, 24.0)
#: How far a cut's sound may be moved against its picture: more is another recording, not one out of step.
OFFSET_MS = (-1000.0, 1000.0)
BLUR_SIGMA = (0.0, 20.0)
#: More light than this on a subject alone is seen as a patch.
LIFT_STOPS = (0.0, 1.0)
#: The most a picture may be enlarged by its framing: by its longer share, so that another shape of frame is no zoom.
MOST_ZOOM = 4.0
#: Sounds that are made when there is no music file: see `edl.cue`.
CUE_SOUNDS = ("drone", "hit", "riser", "swell", "pulse")
TITLE_PLACES = ("centre", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Transition:
    """The first `frames` programme frames of a cut, in which the cut before it gives way.

    A timeline is a partition all the same: the cut before ends at this cut's `timeline_in_frame`, and its source runs
    on past its `out_frame` for as long as the transition lasts (its handle).
    """

    sort: str
    frames: int


@dataclass(frozen=True, slots=True)
class Sound:
    """A cut's own sound. `lead_frames` (J cut) lets it begin so many programme frames before its picture, `lag_frames`
    (L cut) end so many after it; at one joint only one of the two. `offset_ms` moves the sound against the picture
    (later if positive) and leaves its edges where they are. `noise_db` is the level of the noise that `denoise_db`
    takes out, in dB of full scale; 0 if it is to be followed instead. The rest are filters by name and number.
    """

    gain_db: float = 0.0
    mute: bool = False
    lead_frames: int = 0
    lag_frames: int = 0
    hum_hz: float = 0.0
    denoise_db: float = 0.0
    deess: float = 0.0
    presence_db: float = 0.0
    offset_ms: float = 0.0
    noise_db: float = 0.0

    @property
    def late_s(self) -> Fraction:
        """By how many seconds the sound comes later than it was recorded."""
        return Fraction(self.offset_ms).limit_denominator(1_000_000) / 1000

    def record(self) -> dict[str, Any]:
        """Only what differs from no change."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) != getattr(PLAIN, name)}


PLAIN = Sound()


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in shares of the picture, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def read(cls, value: object, field: str) -> Box:
        """The box `[x, y, width, height]`. Raises DataError if it is none, or leaves the picture."""
        if isinstance(value, list) and len(value) == 4 and all(_number(side) for side in value):
            x, y, width, height = (float(side) for side in value)
            if x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= 1.000001 and y + height <= 1.000001:
                return cls(x, y, width, height)
        raise DataError(f"field {field!r} is not a box [x, y, width, height] inside 0 to 1: {value!r}", code="bad_box")

    def record(self) -> list[float]:
        """As it stands in records, to a ten-thousandth."""
        return [round(side, 4) for side in (self.x, self.y, self.width, self.height)]


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Framing:
    """Which part of the source picture fills the frame: from one box at the cut's start to another at its end."""

    start: Box = WHOLE
    end: Box = WHOLE


@dataclass(frozen=True, slots=True)
class Blur:
    """Blur behind the subject: `sigma` for a picture 1080 lines high, sharp inside `subject` or the person mask."""

    sigma: float
    subject: Box | None = None
    person: bool = False


@dataclass(frozen=True, slots=True)
class Lift:
    """More light on the subject alone: `stops` inside `subject` (softly), and there inside the person mask if asked."""

    stops: float
    subject: Box
    person: bool = False

    @property
    def factor(self) -> float:
        """What code values are multiplied with: light by two for each stop, seen through a gamma of 2.2."""
        return float(2 ** (self.stops / 2.2))


def transition(cut: Mapping[str, Any]) -> Transition | None:
    """How a cut takes over from the one before. Raises DataError."""
    value = cut.get("transition")
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("sort") not in TRANSITIONS or not _count(value.get("frames")):
        known = ", ".join(TRANSITIONS)
        raise DataError(f"field 'transition' needs a sort ({known}) and frames: {value!r}", code="bad_transition")
    return Transition(value["sort"], value["frames"])


def sound(cut: Mapping[str, Any]) -> Sound:
    """A cut's own sound. Raises DataError for a name or value it cannot hold."""
    value = cut.get("sound")
    if value is None:
        return PLAIN
    if not isinstance(value, dict):
        raise DataError(f"field 'sound' is not an object: {value!r}", code="bad_sound")
    for name, said in value.items():
        kind = type(getattr(PLAIN, name, None)) if name in PLAIN.__slots__ else None
        fits = _number(said) if kind is float else type(said) is kind
        if kind is None or not fits:
            raise DataError(f"field 'sound' has no {name!r} of {said!r}", code="bad_sound")
    return replace(PLAIN, **value)


def framing(cut: Mapping[str, Any]) -> Framing:
    """A cut's framing: `{"start": box, "end": box}`, where end is start if it is left out. Raises DataError."""
    value = cut.get("framing")
    if value is None:
        return Framing()
    if not isinstance(value, dict) or "start" not in value:
        raise DataError(f"field 'framing' needs a start and may have an end: {value!r}", code="bad_framing")
    start = Box.read(value["start"], "framing.start")
    return Framing(start, Box.read(value["end"], "framing.end") if "end" in value else start)


def blur(cut: Mapping[str, Any]) -> Blur | None:
    """A cut's background blur: `{"sigma": 8, "subject": box}` or `{"sigma": 8, "person": true}`. Raises DataError."""
    value = cut.get("blur")
    if value is None:
        return None
    if not isinstance(value, dict) or not _number(value.get("sigma")):
        raise DataError(f"field 'blur' needs a sigma: {value!r}", code="bad_blur")
    subject = Box.read(value["subject"], "blur.subject") if "subject" in value else None
    return Blur(float(value["sigma"]), subject, value.get("person") is True)


def lift(cut: Mapping[str, Any]) -> Lift | None:
    """A cut's light on its subject: `{"stops": 0.6, "subject": box}`, may have `"person": true`. Raises DataError."""
    value = cut.get("lift")
    if value is None:
        return None
    if not isinstance(value, dict) or not _number(value.get("stops")) or "subject" not in value:
        raise DataError(f"field 'lift' needs stops and a subject: {value!r}", code="bad_lift")
    return Lift(float(value["stops"]), Box.read(value["subject"], "lift.subject"), value.get("person") is True)


def effects(cut: Mapping[str, Any]) -> dict[str, float]:
    """A cut's effects by name, in the order of `EFFECTS`. Raises DataError for a name or value it cannot hold."""
    value = cut.get("effects")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"field 'effects' is not an object: {value!r}", code="bad_effects")
    for name, said in value.items():
        if name not in EFFECTS or not _number(said):
            raise DataError(f"field 'effects' has no {name!r} of {said!r}", code="bad_effects")
    return {name: float(value[name]) for name in EFFECTS if name in value and float(value[name]) != EFFECTS[name][2]}


def denoising(strength: float) -> list[tuple[str, dict[str, str | int]]]:
    """The filters of the effect `denoise`, by name and numbers: strong noise is beyond hqdn3d alone.

    From 3 on fftdnoiz goes before it, of a deviation that rises to 24 code values at 6: at equal noise left it keeps
    1 to 5 dB more of the picture than a stronger hqdn3d (measured against the clean pictures).
    """
    shares = {"luma_spatial": 1, "chroma_spatial": 0.75, "luma_tmp": 1.5, "chroma_tmp": 1.125}
    smooth: dict[str, str | int] = {name: f"{strength * share:.3f}" for name, share in shares.items()}
    made = [("hqdn3d", smooth)]
    strong = (strength - 3) * 8
    return [("fftdnoiz", {"sigma": f"{strong:.3f}"}), *made] if strong > 0 else made


def beyond(cut: Mapping[str, Any]) -> list[tuple[str, float, tuple[float, float]]]:
    """The numbers of a cut that are out of bounds: field, value, bounds. Raises DataError as the readers above."""
    said = sound(cut)
    found = [
        (f"sound.{name}", getattr(said, name), bounds)
        for name, bounds in (
            ("gain_db", GAIN_DB), ("hum_hz", (0.0, 60.0)), ("denoise_db", (0.0, 12.0)), ("deess", (0.0, 1.0)),
            ("presence_db", (-6.0, 6.0)), ("offset_ms", OFFSET_MS), ("noise_db", (-80.0, 0.0)),
        )
    ]  # fmt: skip
    found += [(f"effects.{name}", value, EFFECTS[name][:2]) for name, value in effects(cut).items()]
    if background := blur(cut):
        found.append(("blur.sigma", background.sigma, BLUR_SIGMA))
    if light := lift(cut):
        found.append(("lift.stops", light.stops, LIFT_STOPS))
    frame = framing(cut)
    for name, box in (("start", frame.start), ("end", frame.end)):
        found.append((f"framing.{name} zoom", 1 / max(box.width, box.height), (1.0, MOST_ZOOM)))
    return [(name, value, bounds) for name, value, bounds in found if not bounds[0] <= value <= bounds[1]]


def handle_frames(cut: Record, following: Record, fps: Fraction) -> int:
    """How many source frames past its `out_frame` a cut needs for the transition into the one after it.

    `fps` is the programme's rate. Raises DataError as `transition`.
    """
    change = transition(following)
    if change is None or change.sort in {"fade_black", "fade_white"}:
        return 0
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    return -int(-(change.frames / fps * speed * rate) // 1)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # not NaN


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
