"""What each cut is worth by Walter Murch's rule of six, from what was measured.

Emotion 51, story 23, rhythm 10, eye-trace 7, the two-dimensional plane 5, three-dimensional space 4 (*In the Blink of
an Eye*). A machine does not feel; each part is a stand-in, told below, and one that nothing was measured for is left
out and the weights of the others are raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import hypot

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl.checking import hearing, seeing
from roadmap_cli.edl.checking.footage import Footage, box_of

WEIGHTS = {"emotion": 51, "story": 23, "rhythm": 10, "eye_trace": 7, "planarity": 5, "space": 4}
KIND = "edl.murch"
#: How near to a beat a cut is on it, and how long a pause is the cleanest place.
_ON_BEAT_MS, _PAUSE_MS = 40, 400


def scores(footage: Footage, at: str) -> Iterator[Record]:
    """One edl.murch record for each joint, about the cut that begins there."""
    flipped = {finding.cut_id for finding in seeing.sides(footage)}
    jumped = {finding.cut_id for finding in seeing.jumps(footage)}
    broken = {finding.cut_id for finding in hearing.edges(footage)}
    for left, right in pairwise(footage.cuts):
        parts = {
            "emotion": _emotion(footage, right),
            "story": _story(footage, left, right),
            "rhythm": 0.0 if right["id"] in broken else _rhythm(footage, left, right),
            "eye_trace": _eye_trace(footage, left, right),
            "planarity": 0.0 if right["id"] in jumped else _planarity(footage, left, right),
            "space": _space(footage, left, right, right["id"] in flipped),
        }
        known = {name: round(value, 3) for name, value in parts.items() if value is not None}
        weight = sum(WEIGHTS[name] for name in known)
        record: Record = {
            "kind": KIND,
            "id": content_id(KIND, plan_id=footage.plan["id"], cut_id=right["id"]),
            "at": at,
            "plan_id": footage.plan["id"],
            "cut_id": right["id"],
            "timeline_frame": right["timeline_in_frame"],
            **{f"{name}_ratio": value for name, value in known.items()},
            "known_weight": weight,
        }
        if weight:
            record["score_ratio"] = round(sum(WEIGHTS[name] * value for name, value in known.items()) / weight, 3)
        yield record


def _emotion(footage: Footage, right: Record) -> float | None:
    """How near the energy of what begins is to a story's arc: rising to its peak at 80 %, then falling to a half."""
    energy, length = footage.energy(right), footage.plan["length_frames"]
    if energy is None or length <= 0:
        return None
    place = (right["timeline_in_frame"] + right["timeline_out_frame"]) / 2 / length
    arc = 0.3 + 0.7 * place / 0.8 if place <= 0.8 else 1 - 0.5 * (place - 0.8) / 0.2
    return float(max(0.0, 1 - abs(energy - arc)))


def _story(footage: Footage, left: Record, right: Record) -> float | None:
    """Whether it brings a new beat (1), goes on with one (0.7), or serves none (0.3); time running back halves it."""
    if not footage.beats:
        return None
    beats = left.get("beat_id"), right.get("beat_id")
    value = 0.3 if beats[1] is None else 0.7 if beats[0] == beats[1] else 1.0
    same = left["source_id"] == right["source_id"] and footage.scene(left) == footage.scene(right)
    back = same and right["in_frame"] < left["in_frame"] and right.get("role") not in {"flashback", "replay", "hook"}
    return value / 2 if back else value


def _rhythm(footage: Footage, left: Record, right: Record) -> float | None:
    """On a beat of the music under it (1), in a pause of the speech (by its length), else by the distance to a beat."""
    beats = footage.beats_ms(right["source_id"])
    at = footage.place_ms(right, right["in_frame"])
    if beats:
        off = min(abs(beat - at) for beat in beats)
        return 1.0 if off <= _ON_BEAT_MS else max(0.0, 1 - off / 250)
    phrases = footage.speech(left["source_id"]), footage.speech(right["source_id"])
    if not any(phrases):
        return None
    ends = footage.place_ms(left, left["out_frame"])
    before, after = phrases[0].before(ends), phrases[1].after(at)
    pause = (ends - before["end_ms"] if before else _PAUSE_MS) + (after["start_ms"] - at if after else _PAUSE_MS)
    return min(1.0, pause / _PAUSE_MS)


def _eye_trace(footage: Footage, left: Record, right: Record) -> float | None:
    """How little the eye must travel from one subject to the next: nothing is 1, half the picture 0."""
    places = [_centre(footage, cut, ending) for cut, ending in ((left, True), (right, False))]
    if places[0] is None or places[1] is None:
        return None
    return max(0.0, 1 - hypot(places[0][0] - places[1][0], places[0][1] - places[1][1]) / 0.5)


def _centre(footage: Footage, cut: Record, ending: bool) -> tuple[float, float] | None:
    box = box_of(footage.shot(cut))
    if box is None:
        return None
    frame = saying.framing(cut).end if ending else saying.framing(cut).start
    return (box.x + box.width / 2 - frame.x) / frame.width, (box.y + box.height / 2 - frame.y) / frame.height


def _planarity(footage: Footage, left: Record, right: Record) -> float | None:
    """How well light and colour of the two pictures go together: 24 of 255, or 16 in Lab, apart is 0."""
    looks = seeing.look_of(footage, left), seeing.look_of(footage, right)
    if looks[0] is None or looks[1] is None:
        return None
    light = abs(looks[0][0] - looks[1][0]) / 24
    return max(0.0, 1 - max(light, hypot(looks[0][1] - looks[1][1], looks[0][2] - looks[1][2]) / 16))


def _space(footage: Footage, left: Record, right: Record, flipped: bool) -> float | None:
    """Whether the line is kept inside a scene; a change of scene is free."""
    scene = footage.scene(left)
    if scene is None:
        return None
    return 0.0 if flipped else 1.0
