"""A laid-out edit as records and decisions: each cut, transition, framing, title and cue with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import log
from typing import Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import edit, timecode
from roadmap_cli.edl import grade as look
from roadmap_cli.edl.planning import joints as joining
from roadmap_cli.edl.planning.framing import Framer, subject_box
from roadmap_cli.edl.planning.joints import Joint
from roadmap_cli.edl.planning.material import Material, ms_of, number
from roadmap_cli.edl.planning.music import Cue
from roadmap_cli.edl.planning.planned import Choice, Layout, Plan, Setting
from roadmap_cli.edl.planning.titles import Title, placed
from roadmap_cli.edl.planning.units import Left, Unit

#: Shots of a scene may differ by so much luma, of 255; what differs more is brought nearer within these bounds.
_LUMA_STEP, _GAMMA = 12.0, (0.8, 1.3)
#: A subject that fills more of the picture than this leaves no background to blur; skin below the share is none.
_FULL_SUBJECT, _SKIN_SHARE = 0.6, 0.03
#: Horizons off by less than the first are level; by more than the second it is no horizon.
_LEVEL_DEGREES, _TILTED_DEGREES = 0.4, 5.0


def written(
    setting: Setting, layout: Layout, cues: Sequence[Cue], left: Sequence[Left], target: int | None,
    limits: tuple[str, ...], words: str, at: str, method: str,
) -> Plan:  # fmt: skip
    """The plan's records and decisions."""
    plan_id = _plan_id(setting, words, method)
    cuts = _cuts(setting, layout, plan_id, at, has_music=bool(layout.music.source))
    titles = [_title(title, n, plan_id, at, setting) for n, title in enumerate(placed(setting, layout))]
    sounds = [_cue(cue, n, plan_id, at, setting) for n, cue in enumerate(cues)]
    dropped = [_dropped(block, why) for block, why in layout.chosen.dropped]
    dropped += [_left(each) for each in left]
    dropped += [_missed(beat) for beat in layout.chosen.missed_beats]
    header = _header(setting, layout, plan_id, target, limits, words, at, len(layout.chosen.dropped) + len(left))
    style = _style(setting, words)
    return Plan(header, style, (*cuts, *titles, *sounds, *dropped), limits)


def _plan_id(setting: Setting, words: str, method: str) -> str:
    """Made from everything the plan is a function of."""
    reading, material = setting.reading, setting.material
    heard = hashlib.sha256()
    for name, source in material.sources.items():
        told = source.heard
        for spans in (told.speech, told.words, told.fillers, told.silence, told.music, told.laughter):
            heard.update(repr((name, spans.starts, spans.ends)).encode())
        heard.update(
            repr((told.questions, told.beats_ms, told.downbeats_ms, told.energy and told.energy.sums)).encode()
        )
    return content_id(
        "edl.plan",
        method=method,
        words=words,
        style=reading.style.name,
        reasons=list(reading.reasons),
        titles=[title.text for title in reading.titles],
        music=reading.music_file,
        shots=[shot["id"] for shot in material.shots],
        heard=heard.hexdigest(),
        beats=[beat["id"] for beat in material.beats],
    )


def _header(
    setting: Setting, layout: Layout, plan_id: str, target: int | None, limits: tuple[str, ...], words: str, at: str,
    dropped: int,
) -> Record:  # fmt: skip
    reading, style = setting.reading, setting.reading.style
    header: Record = {
        "kind": "edl.plan",
        "id": plan_id,
        "at": at,
        "intent": words,
        "style": style.name,
        "fps": timecode.spell(setting.fps),
        "width": setting.width,
        "height": setting.height,
        "length_frames": layout.length,
        "cut_count": len(layout.units),
        "dropped_count": dropped,
        "reasons": [*reading.reasons, *([setting.rate_why] if setting.rate_why else [])],
        "source_ids": list(setting.material.sources),
        "loudness_lufs": style.loudness_lufs,
        "true_peak_dbtp": style.true_peak_dbtp,
    }
    if target is not None:
        header["target_frames"] = target
    if reading.unknown:
        header["unknown_words"] = list(reading.unknown)
    if limits:
        header["limits"] = list(limits)
    if style.montage:
        header["montage"] = True
    if style.on_beat and layout.grid.frames:
        header["on_beat"] = True
    served = list(dict.fromkeys(unit.beat["id"] for unit in layout.units if unit.beat))
    if served:
        header["beat_ids"] = served
    if layout.chosen.missed_beats:
        header["dropped_beat_ids"] = [beat["id"] for beat in layout.chosen.missed_beats]
    return header


def _style(setting: Setting, words: str) -> Choice:
    reading = setting.reading
    why = "; ".join(reading.reasons) or "no word asked for a change"
    if reading.unknown:
        why += f"; not understood: {', '.join(reading.unknown)}"
    asked = f" for {words!r}" if words else ""
    return Choice(
        "edl.style_chosen",
        f"edit as {reading.style.name}{asked}",
        why,
        tuple(setting.material.sources),
        reading.style.facts(),
    )


# -- cuts --------------------------------------------------------------------------------------------------------------


def _cuts(setting: Setting, layout: Layout, plan_id: str, at: str, *, has_music: bool) -> list[Choice]:
    reading, fps = setting.reading, setting.fps
    style = reading.style
    framer = Framer(setting.width, setting.height, reading)
    effects = _base_effects(setting)
    reference = _scene_luma(layout.units) if style.name != "plain" else {}
    grade = style.grade.record()
    grade_words = look.told(style.grade) if grade else ""
    speed_words = f"{float(style.speed * 100):g} % speed for the {style.name} style"
    fades = [timecode.round_half_up(seconds * fps) for seconds in (style.fade_in_s, style.fade_out_s)]
    rate = timecode.spell
    made: list[Choice] = []
    last = len(layout.units) - 1
    for position, (unit, joint, start) in enumerate(zip(layout.units, layout.joints, layout.starts, strict=True)):
        end = start + unit.shown
        name = content_id("edl.cut", plan_id=plan_id, position=position)
        record: Record = {
            "kind": "edl.cut",
            "id": name,
            "at": at,
            "plan_id": plan_id,
            "position": position,
            "origin_id": name,
            "source_id": unit.source.id,
            "shot_id": unit.shot["id"],
            "source": unit.source.record.get("path", ""),
            "in_frame": unit.first,
            "out_frame": unit.end,
            "fps": rate(unit.fps),
            "speed": rate(unit.speed),
            "timeline_in_frame": start,
            "timeline_out_frame": end,
        }
        parts: list[Choice] = []
        if grade:
            record["grade"] = dict(grade)
        if position == 0 and fades[0]:
            record["fade_in_frames"] = min(fades[0], unit.shown // 2)
        if position == last and fades[1]:
            record["fade_out_frames"] = min(fades[1], unit.shown // 2)
        if (change := joining.transition(joint)) is not None:
            record["transition"] = change
            parts.append(_joined(unit, layout.units[position - 1], joint, start, fps))
        sound = _sound(setting, unit, joint, has_music=has_music)
        if sound:
            record["sound"] = sound
        words = _reason(setting, unit, joint, start, speed_words, grade_words, layout)
        if (framed := framer.framing(unit, joint.punch)) is not None:
            record["framing"] = {"start": framed[0]}
            words.append(f"shows {framed[1]}")
            facts = {"box": framed[0], "zoom": joint.punch * reading.zoom}
            parts.append(
                Choice(
                    "edl.framing_chosen", f"frame cut {position} to {framed[0]}", framed[1], (unit.shot["id"],), facts
                )
            )
        if style.blur and (blurred := _blur(unit, style.blur)) is not None:
            record["blur"] = blurred
            subject = str(unit.shot.get("subject", "subject"))
            what = "what stands out" if subject == "salient" else f"the {subject}"
            words.append(f"background blurred by {style.blur:g} of 1080 lines behind {what}")
        shot_effects, told = _effects(unit, effects, reference, straighten=reading.straighten)
        if shot_effects:
            record["effects"] = shot_effects
            words += told
        if unit.beat is not None:
            record["beat_id"] = unit.beat["id"]
        if unit.purpose or unit.role:
            record["role"] = unit.purpose or unit.role
        record["reason"] = "; ".join(words)
        if unit.moved:
            parts.append(_moved(unit, position))
        beats = (unit.beat["id"],) if unit.beat else ()
        evidence = (unit.shot["id"], *beats, unit.source.id, *_spans(unit))
        facts = {**unit.scores, "value": unit.value, "in_frame": unit.first, "out_frame": unit.end}
        what = f"show frames {unit.first} to {unit.end} of {unit.source.name} from {timecode.clock(start, fps)}"
        made.append(Choice("edl.cut_chosen", what, record["reason"], evidence, facts, record, tuple(parts)))
    return made


def _reason(
    setting: Setting, unit: Unit, joint: Joint, start: int, speed_words: str, grade_words: str, layout: Layout
) -> list[str]:
    """Why a cut is as it is, in words with its numbers."""
    words = []
    if unit.beat is not None:
        energy = number(unit.beat, "energy_ratio")
        strength = f", energy {energy:.2f}" if energy is not None else ""
        words.append(f"serves the story's {unit.role or 'beat'}{strength}")
    words += unit.reasons
    if unit.pauses:
        words.append(f"{unit.paused_ms / 1000:.1f} s of pauses left out")
    shot_frames = unit.shot["out_frame"] - unit.shot["in_frame"]
    if not unit.spoken and unit.end - unit.first < 0.8 * shot_frames:
        words.append(
            f"{float((unit.end - unit.first) / unit.fps):.1f} s of {float(shot_frames / unit.fps):.1f} s, "
            f"around frame {unit.best}"
        )
    if joint.why:
        words.append(f"{joint.sort.replace('_', ' ')}: {joint.why}" if joint.sort else joint.why)
    if joint.sound_why:
        words.append(joint.sound_why)
    if layout.grid.frames and start and layout.grid.near(start, 1):
        words.append(f"begins on a {'downbeat' if start in layout.grid.strong else 'beat'} of the music")
    named = ", ".join(f"{name} {value:.2f}" for name, value in unit.scores.items())
    words.append(f"value {unit.value:.2f} ({named})")
    if unit.core is not None and unit.spoken:
        words.append("own speed: somebody speaks" if unit.speed == 1 else f"{float(unit.speed * 100):g} % speed")
        if unit.source.heard.speech or unit.source.heard.words:
            words.append("ends lie outside speech, with 50 ms before and 80 ms after it")
    elif unit.purpose == "replay":
        pass
    elif unit.speed == 1:
        words.append("own speed")
    else:
        words.append(speed_words)
    if grade_words:
        words.append(grade_words)
    return words


def _base_effects(setting: Setting) -> dict[str, float]:
    """The style's effects that make sense at the programme's shape."""
    found = dict(setting.reading.style.effects)
    ratio, aspect = found.get("letterbox", 0.0), setting.width / setting.height
    if ratio and (abs(ratio - aspect) < 0.1 or aspect < 1 or (ratio < aspect and aspect - ratio > 0.7)):
        del found["letterbox"]
    return found


def _effects(
    unit: Unit, base: dict[str, float], reference: dict[str, float], *, straighten: bool
) -> tuple[dict[str, float], list[str]]:
    """A cut's own effects: the style's, and what its own picture needs, with the measured numbers."""
    shot = unit.shot
    found, words = dict(base), []
    if "skin" in found and (number(shot, "skin_ratio") or 0.0) < _SKIN_SHARE:
        del found["skin"]
    if (
        straighten
        and (tilt := number(shot, "horizon_degrees")) is not None
        and _LEVEL_DEGREES < abs(tilt) <= _TILTED_DEGREES
    ):
        found["rotate"] = round(-tilt, 2)
        words.append(f"horizon off by {tilt:.1f} degrees, straightened")
    luma, wanted = number(shot, "luma_mean"), reference.get(unit.scene or "")
    if luma is not None and wanted is not None and abs(luma - wanted) > _LUMA_STEP and 8 < luma < 247:
        goal = wanted + (_LUMA_STEP - 2) * (1 if luma > wanted else -1)
        gamma = min(max(log(luma / 255) / log(min(max(goal, 8.0), 247.0) / 255), _GAMMA[0]), _GAMMA[1])
        found["gamma"] = round(
            min(max(found.get("gamma", 1.0) * gamma, edit.EFFECTS["gamma"][0]), edit.EFFECTS["gamma"][1]), 3
        )
        words.append(f"gamma {found['gamma']:g}: mean luma {luma:.0f} in a scene of {wanted:.0f}")
    return {name: value for name, value in found.items() if value != edit.EFFECTS[name][2]}, words


def _scene_luma(units: Sequence[Unit]) -> dict[str, float]:
    """The median luma of each scene with at least two shots in the edit."""
    by_scene: dict[str, list[float]] = {}
    for unit in units:
        luma = number(unit.shot, "luma_mean")
        if unit.scene and luma is not None:
            by_scene.setdefault(unit.scene, []).append(luma)
    return {name: sorted(values)[len(values) // 2] for name, values in by_scene.items() if len(values) > 1}


def _blur(unit: Unit, sigma: float) -> dict[str, Any] | None:
    """Blur behind the subject, where one was measured and leaves a background."""
    box = subject_box(unit.shot)
    person = str(unit.shot.get("subject")) in {"person", "face"}
    if box is None or box.width * box.height > _FULL_SUBJECT:
        return None
    return {"sigma": sigma, "subject": box.record()} | ({"person": True} if person else {})


def _sound(setting: Setting, unit: Unit, joint: Joint, *, has_music: bool) -> dict[str, Any]:
    """What is done to a cut's own sound."""
    style = setting.reading.style
    found = edit.PLAIN
    if setting.deaf:
        found = replace(found, mute=True)
    elif unit.purpose == "replay":
        found = replace(found, gain_db=-12.0)
    elif has_music and style.own_sound_db and not unit.spoken:
        found = replace(found, gain_db=style.own_sound_db)
    return replace(found, lead_frames=joint.lead, lag_frames=joint.lag).record()


def _joined(unit: Unit, before: Unit, joint: Joint, start: int, fps: Fraction) -> Choice:
    what = f"{joint.sort.replace('_', ' ')} of {joint.frames} frames at {timecode.clock(start, fps)}"
    evidence = (*joint.evidence, before.shot["id"], unit.shot["id"])
    return Choice("edl.transition_chosen", what, joint.why, evidence, {"frames": joint.frames, "at_frame": start})


def _moved(unit: Unit, position: int) -> Choice:
    why = (
        unit.reasons[-1]
        if unit.purpose == "hook" and unit.reasons
        else f"its role, {unit.role or 'none'}, comes earlier in the story"
    )
    evidence = tuple(n for n in (unit.beat and unit.beat["id"], unit.shot["id"]) if n)
    return Choice(
        "edl.shot_moved",
        f"move frames {unit.first} to {unit.end} of {unit.source.name} to place {position}",
        why,
        evidence,
    )


def _spans(unit: Unit) -> list[str]:
    """The spans of speech a cut's ends rest on."""
    if not unit.spoken:
        return []
    return unit.source.heard.evidence("speech", ms_of(unit.first, unit.fps) - 1, ms_of(unit.end, unit.fps))


# -- titles, cues, and what is left out --------------------------------------------------------------------------------


def _title(title: Title, place: int, plan_id: str, at: str, setting: Setting) -> Choice:
    name = content_id("edl.title", plan_id=plan_id, place=place)
    record: Record = {
        "kind": "edl.title", "id": name, "at": at, "plan_id": plan_id, "origin_id": name, "text": title.text,
        "timeline_in_frame": title.first, "timeline_out_frame": title.end, "place": title.place,
        "size_ratio": title.size, "fade_frames": title.fade, "reason": title.why,
    }  # fmt: skip
    what = f"title {title.text!r} at {timecode.clock(title.first, setting.fps)}"
    return Choice("edl.title_placed", what, title.why, title.evidence, {"frames": title.end - title.first}, record)


def _cue(cue: Cue, place: int, plan_id: str, at: str, setting: Setting) -> Choice:
    name = content_id("edl.cue", plan_id=plan_id, place=place)
    record: Record = {"kind": "edl.cue", "id": name, "at": at, "plan_id": plan_id, "origin_id": name}
    if cue.source is not None:
        record |= {
            "source_id": cue.source.id,
            "source": cue.source.record.get("path", ""),
            "source_start_ms": cue.source_ms,
        }
    else:
        record |= {"sound": cue.sound, "seed": place}
    record |= {
        "timeline_in_frame": cue.first,
        "timeline_out_frame": cue.end,
        "gain_db": cue.gain_db,
        "duck_db": cue.duck_db,
    }
    if cue.fade_in:
        record["fade_in_frames"] = cue.fade_in
    if cue.fade_out:
        record["fade_out_frames"] = cue.fade_out
    if cue.beat is not None:
        record["beat_id"] = cue.beat["id"]
    record["reason"] = cue.why
    first, end = (timecode.clock(frame, setting.fps) for frame in (cue.first, cue.end))
    what = f"{cue.sound or 'music'} from {first} to {end}"
    evidence = cue.evidence or tuple(setting.material.sources)[:1]
    return Choice("edl.cue_placed", what, cue.why, evidence, {"gain_db": cue.gain_db, "duck_db": cue.duck_db}, record)


def _dropped(block: Sequence[Unit], why: str) -> Choice:
    first, last = block[0], block[-1]
    what = f"leave out frames {first.first} to {last.end} of {first.source.name}"
    evidence = (*dict.fromkeys(unit.shot["id"] for unit in block), first.source.id)
    return Choice("edl.shot_dropped", what, why, evidence, {**first.scores, "value": max(unit.value for unit in block)})


def _left(left: Left) -> Choice:
    what = f"leave out frames {left.shot['in_frame']} to {left.shot['out_frame']} of {left.source.name}"
    return Choice("edl.shot_dropped", what, left.why, (left.shot["id"], left.source.id))


def _missed(beat: Record) -> Choice:
    role = beat.get("role", "beat")
    what = f"leave out the {role} at frames {beat['in_frame']} to {beat['out_frame']}"
    return Choice(
        "edl.beat_dropped",
        what,
        "no piece of it is in the edit",
        (beat["id"],),
        {"energy": number(beat, "energy_ratio") or 0.0},
    )


__all__ = ["Material", "written"]
