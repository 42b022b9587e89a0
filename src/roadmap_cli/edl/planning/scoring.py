"""What a piece of footage is worth in a style, 0 to 1, by measured numbers; and which beat of the story it serves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from roadmap_cli.core.records import Record
from roadmap_cli.edl.planning.material import Material, ms_of, number
from roadmap_cli.edl.planning.units import Unit
from roadmap_cli.edl.planning.wishes import Reading

#: Worth of a beat's role beside the picture's own.
_ROLE_WORTH = {"peak": 0.25, "turn": 0.12, "setup": 0.08, "resolution": 0.08}
#: Shares of the frame: above the first a shot counts as shaky; below the second, in log Laplacian units beside the best
#: shot, as out of focus; luma below the third as dark; noise above the fourth as noisy; motion share as still.
SHAKY, BLURRY_SHARE, DARK_LUMA, NOISY, STILL_SHARE = 0.004, 0.6, 45.0, 6.0, 0.12


def score(units: list[Unit], material: Material, reading: Reading) -> None:
    """Give each unit its value and scores, its beat, role and scene."""
    best = {
        name: max((number(shot, name) or 0.0 for shot in material.shots), default=0.0)
        for name in ("sharpness", "motion")
    }
    knows_subjects = any("subject_box" in shot or "subject" in shot for shot in material.shots)
    by_shot = {
        shot["id"]: of_shot(shot, best, reading.style.likes, knows_subjects=knows_subjects) for shot in material.shots
    }
    scenes = material.scene_of()
    beats = _Beats(material.beats)
    for unit in units:
        scores = dict(by_shot[unit.shot["id"]])
        value = scores.pop("value")
        energy = unit.source.heard.energy
        if energy is not None:
            scores["energy"] = round(energy.mean(ms_of(unit.first, unit.fps), ms_of(unit.end, unit.fps)), 3)
            value = 0.8 * value + 0.2 * scores["energy"]
        unit.beat = beats.over(unit.source.id, unit.first, unit.end)
        if unit.beat is not None:
            unit.role = str(unit.beat.get("role", ""))
            strength = number(unit.beat, "energy_ratio")
            value += _ROLE_WORTH.get(unit.role, 0.0) * (0.5 + 0.5 * (1.0 if strength is None else strength))
        unit.scene = scenes.get(unit.shot["id"])
        unit.scores, unit.value = scores, round(min(value, 1.5), 4)
        unit.best = _best_frame(unit)


def of_shot(
    shot: Record, best: Mapping[str, float], likes: tuple[int, ...], *, knows_subjects: bool = False
) -> dict[str, float]:
    """How good a shot is for each thing a style may like: sharpness and movement against the best shot here, light
    against a mid-tone picture with room at both ends, sound by not being silent, a subject by being there.
    """
    luma = number(shot, "luma_mean")
    luma = 118.0 if luma is None else luma
    contrast = number(shot, "contrast")
    light = max(0.0, 1 - abs(luma - 118) / 118) * min(1.0, (50.0 if contrast is None else contrast) / 45)
    silence = number(shot, "silence_ratio")
    subject = 0.5
    if knows_subjects:
        subject = {"face": 1.0, "person": 0.9, "salient": 0.5}.get(str(shot.get("subject", "")), 0.2)
    scores = {
        "sharpness": (number(shot, "sharpness") or 0.0) / (best["sharpness"] or 1.0),
        "movement": (number(shot, "motion") or 0.0) / (best["motion"] or 1.0),
        "light": light,
        "sound": 0.5 if silence is None else 1 - silence,
        "subject": subject,
    }
    total = sum(weight * value for weight, value in zip(likes, scores.values(), strict=True)) / (sum(likes) or 1)
    shake = number(shot, "shake_ratio") or 0.0
    if shake > SHAKY:
        total *= 0.8
        scores["shake"] = shake
    return {name: round(value, 3) for name, value in scores.items()} | {"value": round(total, 4)}


def unwanted(unit: Unit, material: Material, reading: Reading, best: Mapping[str, float]) -> str | None:
    """Why a unit is not among what the words want to see, or None."""
    shot = unit.shot
    for wish in reading.without:
        if found := _has(wish, unit, shot, best):
            return f"{found}: words leave such shots out"
    for wish in reading.only:
        known = {"faces": "subject", "people": "subject", "action": "motion"}.get(wish)
        if known and not any(known in each for each in material.shots):
            continue
        if not _has(wish, unit, shot, best):
            return f"not {wish}: words want only that"
    return None


def unmeasured(material: Material, reading: Reading) -> Iterable[str]:
    """What words ask for by signals that the scan does not have."""
    needs = {"shaky": "shake_ratio", "blurry": "sharpness", "dark": "luma_mean", "noisy": "noise", "still": "motion",
             "faces": "subject", "people": "subject", "action": "motion"}  # fmt: skip
    for wish in (*reading.without, *reading.only):
        name = needs.get(wish)
        if name and not any(name in shot for shot in material.shots):
            yield f"{wish}: the scan does not measure it ({name})"


def _has(wish: str, unit: Unit, shot: Record, best: Mapping[str, float]) -> str | None:
    """What a shot has of a wish, in words with its number; None if it has not."""
    names = ("shake_ratio", "sharpness", "luma_mean", "noise", "motion")
    shake, sharp, luma, noise, motion = (number(shot, name) for name in names)
    subject = str(shot.get("subject", ""))
    sharpest, liveliest = best["sharpness"], best["motion"]
    if wish == "speech":
        return "somebody speaks" if unit.spoken else None
    if wish in {"faces", "people"}:
        return f"a {subject}" if subject == "face" or (wish == "people" and subject == "person") else None
    tests: dict[str, tuple[float | None, bool, str]] = {
        "shaky": (shake, (shake or 0) > SHAKY, f"shake {shake or 0:.4f} of the width"),
        "blurry": (sharp, (sharp or 0) < BLURRY_SHARE * sharpest, f"sharpness {sharp or 0:.2f} of {sharpest:.2f}"),
        "dark": (luma, (luma or 0) < DARK_LUMA, f"mean luma {luma or 0:.0f} of 255"),
        "noisy": (noise, (noise or 0) > NOISY, f"noise {noise or 0:.1f}"),
        "still": (motion, (motion or 0) < STILL_SHARE * liveliest, f"motion {motion or 0:.2f} of {liveliest:.2f}"),
        "action": (motion, (motion or 0) >= 0.35 * liveliest, f"motion {motion or 0:.2f}"),
    }
    value, holds, words = tests.get(wish, (None, False, ""))
    return words if value is not None and holds else None


def _best_frame(unit: Unit) -> int:
    """The source frame a shortened unit is shown around: the beat's middle, else the moment of most energy, else the
    sharpest frame, else its middle.
    """
    first, end = unit.first, unit.end
    if unit.beat is not None and unit.beat["in_frame"] < end and unit.beat["out_frame"] > first:
        low, high = max(first, unit.beat["in_frame"]), min(end, unit.beat["out_frame"])
        if high - low < 0.8 * (end - first):
            return int(low + high) // 2
    energy = unit.source.heard.energy
    if energy is not None and end - first > 2 * unit.fps:
        start, stop = ms_of(first, unit.fps), ms_of(end, unit.fps)
        return int(
            energy.highest(start, stop, min(2000.0, (stop - start) / 2))
            * unit.fps.numerator
            / (1000 * unit.fps.denominator)
        )
    sharpest = unit.shot.get("sharpest_frame")
    if isinstance(sharpest, int) and first <= sharpest < end:
        return sharpest
    return (first + end) // 2


class _Beats:
    """The beats of each source by frame."""

    def __init__(self, beats: list[Record]) -> None:
        self.by_source: dict[str, list[Record]] = {}
        for beat in sorted(beats, key=lambda each: int(each["in_frame"])):
            self.by_source.setdefault(beat["source_id"], []).append(beat)
        self.starts = {name: [int(beat["in_frame"]) for beat in found] for name, found in self.by_source.items()}

    def over(self, source_id: str, first: int, end: int) -> Record | None:
        """The beat that has most of a range, if it has a third of it or the range has most of the beat."""
        found = self.by_source.get(source_id)
        if not found:
            return None
        last = bisect_right(self.starts[source_id], end - 1)
        best, most = None, 0
        for beat in found[max(0, last - 12) : last]:
            shared = min(end, beat["out_frame"]) - max(first, beat["in_frame"])
            if shared > most and (3 * shared >= end - first or 2 * shared >= beat["out_frame"] - beat["in_frame"]):
                best, most = beat, shared
        return best
