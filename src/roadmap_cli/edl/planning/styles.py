"""The styles an edit may have: every number of them, and where it comes from.

Shot lengths are a median and a spread, not a mean: lengths of shots are lognormal, and a mean says little about them
(Redfern, "The log-normal distribution is not an appropriate parametric model for shot length distributions of Hollywood
films", LLC 2015, on means; Salt, "Film Style and Technology", on lengths by decade; Cutting, Brunick and DeLong,
"Quicker, faster, darker", i-Perception 2011). `spread` is the standard deviation of the logarithm of the length.
Looks, levels and lengths are common practice of editors; they are where a plan starts, and words move them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.grade import NEUTRAL, Grade
from roadmap_cli.edl.grade import told as look_told

#: How a story's roles follow each other.
STORY = ("setup", "turn", "peak", "resolution")


@dataclass(frozen=True, slots=True)
class Style:
    """How an edit is to be. Lengths are seconds of the finished programme; the defaults change nothing."""

    name: str = "plain"
    phrase: str = "the footage as it is"
    #: Playing speed of what nobody speaks in.
    speed: Fraction = Fraction(1)
    #: Median length of a shot and the spread of its logarithm; without a median shots keep their length.
    median_s: Fraction | None = None
    spread: float = 0.7
    shortest_s: Fraction = Fraction(1, 2)
    longest_s: Fraction = Fraction(20)
    #: What lengths are multiplied by at the start and at the end.
    pace: tuple[float, float] = (1.0, 1.0)
    #: Share of the shots kept, best first, when no length decides; and the longest an edit of this style usually is.
    keep: Fraction = Fraction(1)
    most_s: Fraction | None = None
    grade: Grade = NEUTRAL
    effects: Mapping[str, float] = field(default_factory=dict)
    #: Blur behind the subject, for a picture 1080 lines high.
    blur: float = 0.0
    #: Width by height of the programme; None is the footage's own.
    aspect: Fraction | None = None
    #: Pictures a second, where the footage comes out even at it; None is the footage's own.
    fps: int | None = None
    #: Share of the joints between scenes' shots that dissolve, and for how long; whether acts are parted through black.
    dissolves: float = 0.0
    dissolve_s: Fraction = Fraction(4, 5)
    act_fades: bool = False
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)
    #: Whether cuts fall on musical beats.
    on_beat: bool = False
    #: Whether pauses are shortened; to how long.
    cut_silences: bool = False
    pause_s: Fraction = Fraction(1, 4)
    #: How much every other side of a jump cut is enlarged; 1 is not at all.
    punch: float = 1.0
    #: Whether sound leads or lags its picture where a talk changes scenes.
    split_edits: bool = False
    #: Length of a best moment put in front; 0 is none.
    hook_s: Fraction = Fraction(0)
    #: Playing speed of the best moment shown again; 0 is not.
    replay: Fraction = Fraction(0)
    #: `none`, `bed` (under everything), `led` (the music leads) or `dramatic` (cues at beats of the story).
    music: str = "none"
    #: How far music lies under speech in LU, how far it steps back under it in dB, and other sound beside music in dB.
    under_lu: float = 16.0
    duck_db: float = 10.0
    own_sound_db: float = 0.0
    mute_own: bool = False
    loudness_lufs: float = -14.0
    true_peak_dbtp: float = -1.0
    #: Whether roles of the story are put into their order; otherwise footage keeps its own.
    by_role: bool = False
    #: Declared a montage: very short shots and many transitions are meant.
    montage: bool = False
    #: What makes a shot good here: weights of sharpness, movement, light, sound and subject.
    likes: tuple[int, int, int, int, int] = (4, 2, 3, 1, 2)

    def record(self, at: str) -> Record:
        """The style as an edl.style record."""
        record: Record = {
            "kind": "edl.style",
            "id": content_id("edl.style", name=self.name),
            "at": at,
            "name": self.name,
            "phrase": self.phrase,
            "speed": timecode.spell(self.speed),
        }
        if self.median_s:
            record |= {"median_s": float(self.median_s), "spread": self.spread}
        record |= {
            "shortest_s": float(self.shortest_s),
            "longest_s": float(self.longest_s),
            "grade": self.grade.record(),
            "effects": dict(self.effects),
            "look": look_told(self.grade),
            "blur_sigma": self.blur,
            "dissolve_ratio": self.dissolves,
            "music": self.music,
            "loudness_lufs": self.loudness_lufs,
        }
        if self.aspect:
            record["aspect"] = f"{self.aspect.numerator}:{self.aspect.denominator}"
        if self.music != "none":
            record |= {"music_under_speech_lu": self.under_lu, "duck_db": self.duck_db}
        return record

    def facts(self) -> dict[str, Any]:
        """The numbers of the style that decide the edit, for the decision that chose it."""
        found: dict[str, Any] = {
            "speed": timecode.spell(self.speed),
            "shortest_shot": timecode.spell(self.shortest_s),
            "longest_shot": timecode.spell(self.longest_s),
            "grade": self.grade.record(),
            "effects": dict(self.effects),
            "blur_sigma": self.blur,
            "dissolve_ratio": self.dissolves,
            "music": self.music,
            "loudness_lufs": self.loudness_lufs,
        }
        if self.median_s:
            found |= {"median_shot": timecode.spell(self.median_s), "spread": self.spread}
        return found


def _s(text: str) -> Fraction:
    return Fraction(text)


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(shortest_s=_s("1/10")),
        Style(
            "cinematic", "slow, pale, shallow focus, music that swells at the peak",
            speed=_s("4/5"), median_s=_s("11/2"), spread=0.6, shortest_s=_s("1"), longest_s=_s("14"),
            grade=Grade(saturation=0.8, contrast=1.12, lift=0.02, split_tone=0.015),
            effects={"letterbox": 2.39, "grain": 8.0, "highlights": 0.03}, blur=10.0, fps=24,
            dissolves=0.1, dissolve_s=_s("4/5"), act_fades=True, fade_in_s=_s("4/5"), fade_out_s=_s("4/5"),
            split_edits=True, music="dramatic", under_lu=16.0, duck_db=10.0, loudness_lufs=-14.0,
            likes=(4, 2, 3, 1, 3),
        ),
        Style(
            "documentary", "even, natural, long shots, dissolves where time passes",
            median_s=_s("7"), spread=0.65, shortest_s=_s("3/2"), longest_s=_s("15"),
            grade=Grade(saturation=0.95, contrast=1.05), effects={"grain": 1.0},
            dissolves=0.08, dissolve_s=_s("1"), fade_in_s=_s("1/2"), fade_out_s=_s("1/2"), split_edits=True,
            music="bed", under_lu=20.0, duck_db=8.0, likes=(4, 1, 3, 3, 2),
        ),
        Style(
            "vlog", "brisk and bright, pauses cut out, jump cuts with punch-ins",
            median_s=_s("3"), spread=0.6, shortest_s=_s("3/5"), longest_s=_s("10"),
            grade=Grade(saturation=1.10, contrast=1.08, brightness=0.02, warmth_k=150),
            cut_silences=True, punch=1.2, music="bed", under_lu=18.0, duck_db=10.0, likes=(3, 2, 2, 3, 3),
        ),
        Style(
            "music-video", "cut on the beat, bold colours; the music is the programme",
            median_s=_s("7/4"), spread=0.4, shortest_s=_s("2/5"), longest_s=_s("4"), keep=_s("3/4"),
            grade=Grade(saturation=1.15, contrast=1.2, lift=-0.02), effects={"grain": 4.0}, blur=3.0,
            on_beat=True, music="led", duck_db=0.0, mute_own=True, montage=True, fade_out_s=_s("1"),
            likes=(3, 4, 3, 0, 2),
        ),
        Style(
            "trailer", "ever shorter shots, black between acts, hits and a rise to the peak",
            median_s=_s("8/5"), spread=0.5, shortest_s=_s("1/2"), longest_s=_s("4"), pace=(1.75, 0.5), keep=_s("3/4"),
            most_s=_s("90"), grade=Grade(saturation=0.85, contrast=1.25, warmth_k=-200, lift=-0.03, split_tone=0.02),
            effects={"letterbox": 2.39, "grain": 5.0}, blur=4.0, act_fades=True, fade_in_s=_s("1/2"),
            fade_out_s=_s("1"), on_beat=True, music="dramatic", under_lu=14.0, duck_db=10.0, own_sound_db=-6.0,
            by_role=True, montage=True, likes=(3, 4, 2, 1, 2),
        ),
        Style(
            "short", "upright, vivid, a hook in the first second, no pause",
            speed=_s("11/10"), median_s=_s("6/5"), spread=0.5, shortest_s=_s("1/2"), longest_s=_s("4"), keep=_s("3/4"),
            most_s=_s("60"), grade=Grade(saturation=1.15, contrast=1.12), effects={"vibrance": 0.1}, aspect=_s("9/16"),
            cut_silences=True, punch=1.2, hook_s=_s("3/2"), on_beat=True, music="bed", under_lu=15.0, duck_db=10.0,
            montage=True, likes=(3, 4, 2, 1, 3),
        ),
        Style(
            "interview", "long calm shots, sound across the joints, skin first",
            median_s=_s("8"), spread=0.5, shortest_s=_s("3/2"), longest_s=_s("20"),
            grade=Grade(contrast=1.05, warmth_k=100), effects={"skin": 0.2}, blur=6.0, fade_in_s=_s("1/2"),
            fade_out_s=_s("1/2"), split_edits=True, punch=1.2, music="none", under_lu=24.0, duck_db=12.0,
            likes=(3, 0, 3, 5, 4),
        ),
        Style(
            "wedding", "soft and warm, slowed, dissolves, led by its song",
            speed=_s("17/20"), median_s=_s("9/2"), spread=0.5, shortest_s=_s("6/5"), longest_s=_s("9"),
            grade=Grade(saturation=0.95, contrast=0.96, warmth_k=250, lift=0.04),
            effects={"bloom": 0.15, "grain": 3.0}, blur=6.0, dissolves=0.25, dissolve_s=_s("1"), fade_in_s=_s("1"),
            fade_out_s=_s("3/2"), split_edits=True, music="led", under_lu=16.0, duck_db=12.0, own_sound_db=-9.0,
            likes=(3, 1, 5, 1, 4),
        ),
        Style(
            "sport", "short, crisp, the best moments, one of them again in slow motion",
            median_s=_s("2"), spread=0.5, shortest_s=_s("1/2"), longest_s=_s("5"), keep=_s("3/4"), most_s=_s("180"),
            grade=Grade(saturation=1.15, contrast=1.15), effects={"sharpen": 0.5}, replay=_s("1/2"), on_beat=True,
            music="bed", under_lu=12.0, duck_db=8.0, montage=True, likes=(3, 5, 1, 1, 2),
        ),
        Style(
            "noir", "black and white, deep shadows, slow",
            speed=_s("9/10"), median_s=_s("13/2"), spread=0.55, shortest_s=_s("1"), longest_s=_s("14"),
            grade=Grade(saturation=0.0, contrast=1.35, lift=-0.06), effects={"grain": 12.0, "vignette": 0.5}, blur=4.0,
            act_fades=True, fade_in_s=_s("1"), fade_out_s=_s("1"), split_edits=True, music="dramatic", under_lu=20.0,
            duck_db=10.0, likes=(4, 1, 5, 0, 3),
        ),
        Style(
            "vintage", "faded, warm, grainy, four by three, dissolves",
            speed=_s("19/20"), median_s=_s("5"), spread=0.55, shortest_s=_s("1"), longest_s=_s("12"),
            grade=Grade(saturation=0.7, contrast=0.92, warmth_k=400, lift=0.06, sepia=0.2),
            effects={"grain": 15.0, "letterbox": 1.3333, "vignette": 0.3}, blur=2.0, dissolves=0.2,
            dissolve_s=_s("4/5"),
            fade_in_s=_s("1/2"), fade_out_s=_s("1"), music="bed", under_lu=18.0, duck_db=10.0, likes=(3, 1, 5, 1, 2),
        ),
        Style(
            "dreamy", "slow, soft, glowing, everything dissolves",
            speed=_s("3/4"), median_s=_s("5"), spread=0.5, shortest_s=_s("3/2"), longest_s=_s("10"),
            grade=Grade(saturation=0.9, contrast=0.9, brightness=0.02, warmth_k=150, lift=0.02),
            effects={"bloom": 0.3}, blur=12.0, dissolves=0.5, dissolve_s=_s("6/5"), fade_in_s=_s("1"),
            fade_out_s=_s("3/2"), music="led", under_lu=16.0, duck_db=10.0, own_sound_db=-9.0, likes=(2, 1, 5, 1, 3),
        ),
    )
}  # fmt: skip
