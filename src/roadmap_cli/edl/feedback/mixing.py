"""Sound corrected: music against speech, loudness, evenness, hum, hiss and sharp s sounds, each within bounds.

What gains do is computed from energies (`heard`); what filters do is measured on the cut's sound through the filters
themselves. Peaks that a gain would lift over the limit are told; the render holds them at `true_peak_dbtp`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import cleaning, timecode
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl.feedback import amounts, heard
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, name_of, number, of_cuts

#: Speech should stand this far over music in LU, and no further.
LEAST_OVER, MOST_OVER = 12.0, 20.0
#: Usual loudness of a programme and of speech in LUFS; and the bounds of one.
WEB_LUFS, SPEECH_LUFS, QUIETEST, LOUDEST = -16.0, -16.0, -31.0, -9.0
PEAK_DBTP = -1.0
#: One step of music and of loudness in dB, and the most a voice is lifted.
STEP_DB, LOUDNESS_STEP, MOST_LIFT = 3.0, 4.0, 12.0
#: Cuts may differ by this much in loudness; hum and hiss above these are heard.
EVEN_LU, HUM_DB, HISS_DB, SHARP_S_DB = 4.0, 12.0, -60.0, -6.0
#: The level of the noise is taken so much above the measured floor, which is that of its quietest tenth.
ABOVE_FLOOR_DB = 2.0
AXES = frozenset(
    {"music", "ducking", "speech", "loudness", "evenness", "hum", "sibilance", "clicks"}
)  # fmt: skip


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Correct the sound along an axis. Raises Refused with the reason and the numbers."""
    if wanted.axis == "clicks":
        return _clicks(edit, footage, wanted)
    if wanted.axis in {"hum", "sibilance"}:
        return _filtered(edit, footage, wanted)
    programme = heard.listen(edit, footage)
    if float(programme.cuts.max()) < 1e-9 and not programme.cues:
        raise Refused("the edit has no sound")
    if wanted.axis == "loudness":
        return _loudness(edit, wanted, programme)
    if wanted.axis == "evenness":
        return _evenness(edit, wanted, programme)
    if wanted.axis == "speech":
        return _speech(edit, wanted, programme)
    return _music(edit, wanted, programme)


def _over(edit: Edit, programme: heard.Programme, cuts: tuple[Record, ...], cues: tuple[Record, ...]) -> float | None:
    """How far speech stands over music while somebody speaks, in LU; None without both."""
    own = programme.own([fields.sound(cut).gain_db for cut in cuts])
    music = programme.music(*_cue_numbers(cues))
    both = programme.speech & (music > 1e-9)
    if both.sum() < 3:
        return None
    return float(10 * math.log10(float(own[both].mean()) / max(float(music[both].mean()), 1e-12)))


def _cue_numbers(cues: tuple[Record, ...]) -> tuple[list[float], list[float]]:
    return [float(c.get("gain_db", 0.0)) for c in cues], [float(c.get("duck_db", 0.0)) for c in cues]


def _placed_cues(edit: Edit, wanted: Wanted) -> list[int]:
    """Which cues a wish means: those that sound in its place."""
    if wanted.frames is None:
        return list(range(len(edit.cues)))
    first, end = wanted.frames
    return [n for n, c in enumerate(edit.cues) if c["timeline_in_frame"] < end and first < c["timeline_out_frame"]]


def _music(edit: Edit, wanted: Wanted, programme: heard.Programme) -> Corrected:
    chosen = _placed_cues(edit, wanted)
    if not chosen:
        if wanted.axis == "music" and not edit.cues:
            return _source_music(edit, wanted)
        raise Refused("no music of the plan's own sounds there: the music is part of a source's sound")
    if wanted.axis == "music" and wanted.sign < 0 and _NO_MUSIC.search(wanted.words):
        return _silenced(edit, wanted, chosen)
    value = _over(edit, programme, edit.cuts, edit.cues)
    if wanted.axis == "ducking" and value is None:
        raise Refused("nobody speaks over music: there is nothing to duck under")
    step = STEP_DB * wanted.strength * (1.4 if wanted.axis == "ducking" else 1)
    if value is None:
        before = heard.loudness(programme.music(*_cue_numbers(edit.cues)))
        signal, target = "music loudness", before + wanted.sign * step
    else:
        signal, before = "speech over music", value
        louder = wanted.sign > 0 if wanted.axis == "music" else wanted.sign < 0
        first = [Measured(signal, "LU", before)]
        if wanted.complaint and not wanted.insist and wanted.axis == "music":
            if not louder and before > MOST_OVER + 2:
                raise Refused(
                    f"the measurement says otherwise: speech is {before:.1f} LU over the music", first, asks=True
                )
            if louder and before < LEAST_OVER - 4:
                raise Refused(
                    f"the measurement says otherwise: speech is only {before:.1f} LU over the music", first, asks=True
                )
        target = before + (-step if louder else step)
        free = wanted.axis == "music" and amounts.read(wanted.words) is None
        if free and not louder and target < LEAST_OVER + 3:
            target = max(target, min(LEAST_OVER + 3, before + 12))
        if free and louder and target > MOST_OVER:
            target = MOST_OVER
    cues = list(edit.cues)
    for n in chosen:
        if wanted.axis == "ducking":
            duck = float(cues[n].get("duck_db", 0.0)) + (target - before)
            cues[n] = {**cues[n], "duck_db": round(min(max(0.0, duck), 24.0), 2)}
        else:
            change = target - before if value is None else before - target
            gain = float(cues[n].get("gain_db", 0.0)) + change
            cues[n] = {**cues[n], "gain_db": round(min(max(fields.GAIN_DB[0], gain), fields.GAIN_DB[1]), 2)}
    after_over = _over(edit, programme, edit.cuts, tuple(cues))
    after = heard.loudness(programme.music(*_cue_numbers(tuple(cues)))) if value is None else after_over
    assert after is not None
    measured = Measured(
        signal,
        "LUFS" if value is None else "LU",
        before,
        target,
        after,
        limits=_mix(edit, programme, edit.cuts, tuple(cues)),
    )
    _enough(measured)
    name = "duck_db" if wanted.axis == "ducking" else "gain_db"
    what = f"{name} of {len(chosen)} cues " + "/".join(f"{float(cues[n][name]):+g}" for n in chosen[:4])
    return Corrected(replace(edit, cues=tuple(cues)), (measured,), what, _made(edit, chosen))


_NO_MUSIC = re.compile(
    r"\b(?:kill|mute|silence|no(?: more)?|remove|delete|get rid of|lose|ditch|scrap|without|take out) "
    r"(?:all )?(?:of )?(?:the |that |any )?(?:\w+ )?(?:music|songs?|soundtrack|score|tune|track)\b"
)


def _silenced(edit: Edit, wanted: Wanted, chosen: list[int]) -> Corrected:
    """Cues that are not heard any more, or that end or begin where silence begins or ends."""
    first, end = wanted.frames or (0, edit.length)
    cues = list(edit.cues)
    for n in chosen:
        cue = cues[n]
        starts, stops = int(cue["timeline_in_frame"]), int(cue["timeline_out_frame"])
        if first <= starts and stops <= end:
            cues[n] = {**cue, "gain_db": fields.GAIN_DB[0]}
        elif starts < first and stops <= end:
            cues[n] = {**cue, "timeline_out_frame": first}
        else:
            raise Refused(
                f"the music runs on after frame {end}: it can be silenced as a whole or from a time to its end"
            )

    def heard_for(each: Sequence[Record]) -> float:
        sounding = (c for c in each if float(c.get("gain_db", 0.0)) > fields.GAIN_DB[0])
        shown = sum(max(0, min(end, c["timeline_out_frame"]) - max(first, c["timeline_in_frame"])) for c in sounding)
        return float(shown / edit.fps)

    before = heard_for(edit.cues)
    if not before:
        raise Refused("no music is heard there already")
    measured = Measured("music", "s", before, 0.0, heard_for(cues))
    return Corrected(replace(edit, cues=tuple(cues)), (measured,), f"no music from {len(chosen)} cues there")


def _made(edit: Edit, chosen: list[int]) -> tuple[str, ...]:
    if any("source_id" not in edit.cues[n] for n in chosen):
        return (f"the loudness of made sounds is taken as {heard.MADE_LUFS:g} LUFS",)
    return ()


def _source_music(edit: Edit, wanted: Wanted) -> Corrected:
    """Music that is part of the sources' sound: cuts where nobody speaks can be made softer or louder."""
    free = []
    for n in wanted.chosen:
        cut = edit.cuts[n]
        spans = edit.of("edl.span", cut["source_id"])
        rate = float(timecode.rational(cut["fps"]))
        inside = [
            s
            for s in spans
            if s["start_ms"] / 1000 * rate < cut["out_frame"] and cut["in_frame"] < s["end_ms"] / 1000 * rate
        ]
        spoken = any(s.get("sort") == "speech" for s in inside) or float(edit.shot(cut).get("speech_ratio", 0)) > 0.3
        if any(s.get("sort") == "music" for s in inside) and not spoken:
            free.append(n)
    if not free:
        raise Refused(
            "the plan has no music of its own; speech and the rest are one sound "
            "in the sources and cannot be changed apart"
        )
    return _gained(edit, free, wanted.sign * STEP_DB * wanted.strength, "gain of the source's sound")


def _gained(edit: Edit, chosen: list[int], change: float, signal: str) -> Corrected:
    cuts, measured = list(edit.cuts), []
    for n in chosen:
        before = fields.sound(cuts[n]).gain_db
        after = min(max(before + change, fields.GAIN_DB[0]), fields.GAIN_DB[1])
        measured.append(Measured(signal, "dB", before, before + change, after, cuts[n]))
        cuts[n] = _sound(cuts[n], gain_db=round(after, 2))
    return Corrected(edit.put(cuts), tuple(measured), f"{signal} {change:+.1f} dB on {of_cuts(len(chosen))}")


def _sound(cut: Record, **changed: Any) -> Record:
    """A cut with its own sound changed; what changes nothing is not written."""
    told = replace(fields.sound(cut), **changed).record()
    made = {k: v for k, v in cut.items() if k != "sound"}
    return made | ({"sound": told} if told else {})


def _speech(edit: Edit, wanted: Wanted, programme: heard.Programme) -> Corrected:
    spoken = [n for n in wanted.chosen if programme.speech[slice(*programme.spans[n])].any()]
    if not spoken:
        raise Refused("no speech is found in these cuts")
    over = _over(edit, programme, edit.cuts, edit.cues)
    gains = [fields.sound(cut).gain_db for cut in edit.cuts]
    inside = programme.speech.copy()
    keep = programme.speech & False
    for n in spoken:
        keep[slice(*programme.spans[n])] = True
    inside &= keep
    level = float(10 * math.log10(float(programme.own(gains)[inside].mean()))) - 0.691
    first = [Measured("speech loudness", "LUFS", level)]
    buried = over is not None and over < LEAST_OVER
    if wanted.complaint and wanted.sign > 0 and not wanted.insist and level > SPEECH_LUFS + 4 and not buried:
        raise Refused(f"the measurement says otherwise: speech is at {level:.1f} LUFS", first, asks=True)
    step = STEP_DB * wanted.strength
    target = level + wanted.sign * step
    if wanted.sign > 0 and wanted.complaint:
        target = max(target, min(SPEECH_LUFS, level + MOST_LIFT))
    change = min(max(target - level, -MOST_LIFT), MOST_LIFT)
    cuts = list(edit.cuts)
    for n in spoken:
        has = fields.sound(cuts[n])
        more: dict[str, Any] = {"gain_db": round(min(has.gain_db + change, fields.GAIN_DB[1]), 2)}
        if wanted.sign > 0 and has.presence_db < 2 and wanted.complaint:
            more["presence_db"] = 2.0
        cuts[n] = _sound(cuts[n], **more)
    cues = list(edit.cues)
    notes = []
    new = _over(edit, programme, tuple(cuts), tuple(cues))
    if wanted.sign > 0 and new is not None and new < LEAST_OVER:
        for n, cue in enumerate(cues):
            cues[n] = {**cue, "duck_db": round(min(24.0, float(cue.get("duck_db", 0)) + LEAST_OVER - new), 2)}
        notes.append(f"music steps back {LEAST_OVER - new:.1f} dB more under speech: it was {over or 0:.1f} LU below")
    plan = edit.plan
    peak = _peak(programme, [fields.sound(cut).gain_db for cut in cuts])
    if peak > PEAK_DBTP and "true_peak_dbtp" not in plan:
        plan = {**plan, "true_peak_dbtp": PEAK_DBTP}
        notes.append(f"peaks would reach {peak:+.1f} dB: the render holds them at {PEAK_DBTP:g} dBTP")
    after_gains = [fields.sound(cut).gain_db for cut in cuts]
    after = float(10 * math.log10(float(programme.own(after_gains)[inside].mean()))) - 0.691
    measured = Measured(
        "speech loudness", "LUFS", level, target, after, limits=_mix(edit, programme, tuple(cuts), tuple(cues))
    )
    _enough(measured)
    return Corrected(
        replace(edit, plan=plan, cuts=tuple(cuts), cues=tuple(cues)), (measured,),
        f"gain {change:+.1f} dB on {of_cuts(len(spoken))} with speech", tuple(notes),
    )  # fmt: skip


def _loudness(edit: Edit, wanted: Wanted, programme: heard.Programme) -> Corrected:
    gains = [fields.sound(cut).gain_db for cut in edit.cuts]
    total = programme.own(gains) + programme.music(*_cue_numbers(edit.cues))
    mixed = heard.loudness(total)
    if wanted.placed and wanted.frames is not None and len(wanted.chosen) < len(edit.cuts):
        parts = [heard.loudness(total[slice(*programme.spans[n])]) for n in wanted.chosen]
        if max(parts) <= -69:
            raise Refused("it is silent there")
        return _gained(edit, list(wanted.chosen), wanted.sign * LOUDNESS_STEP * wanted.strength, "gain")
    before = float(edit.plan.get("loudness_lufs", mixed))
    first = [Measured("programme loudness", "LUFS", before)]
    if mixed <= -69:
        raise Refused("the programme is silent", first)
    if wanted.complaint and not wanted.insist:
        if wanted.sign > 0 and before > WEB_LUFS + 3.5:
            raise Refused(
                f"the measurement says otherwise: the programme is at {before:.1f} LUFS, louder than is usual",
                first,
                asks=True,
            )
        if wanted.sign < 0 and before < -26:
            raise Refused(
                f"the measurement says otherwise: the programme is at {before:.1f} LUFS, quieter than is usual",
                first,
                asks=True,
            )
    target = before + wanted.sign * LOUDNESS_STEP * wanted.strength
    if wanted.complaint and wanted.sign > 0:
        target = max(target, min(WEB_LUFS, before + 15))
    if wanted.complaint and wanted.sign < 0:
        target = min(target, max(WEB_LUFS, before - 15)) if before > WEB_LUFS else target
    after = round(min(max(target, QUIETEST), LOUDEST), 1)
    measured = Measured(
        "programme loudness", "LUFS", before, target, after, limits={"lra_lu": round(heard.loudness_range(total), 1)}
    )
    _enough(measured)
    peak = _peak(programme, gains) + after - mixed
    plan = {**edit.plan, "loudness_lufs": after}
    plan.setdefault("true_peak_dbtp", PEAK_DBTP)
    notes = (
        (f"peaks would reach {peak:+.1f} dB: the render holds them at {plan['true_peak_dbtp']:g} dBTP",)
        if peak > plan["true_peak_dbtp"]
        else ()
    )
    return Corrected(
        replace(edit, plan=plan), (measured,), f"loudness of the programme {before:.1f} to {after:.1f} LUFS", notes
    )


def _evenness(edit: Edit, wanted: Wanted, programme: heard.Programme) -> Corrected:
    gains = [fields.sound(cut).gain_db for cut in edit.cuts]

    def parts(each: list[float]) -> list[float]:
        own = programme.own(each)
        return [heard.loudness(own[slice(*programme.spans[n])]) for n in wanted.chosen]

    levels = parts(gains)
    heard_ones = [n for n, level in zip(wanted.chosen, levels, strict=True) if level > -55]
    if len(heard_ones) < 2:
        raise Refused("fewer than two cuts have a sound: what jumps lies inside one cut, where a gain cannot reach it")
    loud = {n: level for n, level in zip(wanted.chosen, levels, strict=True) if n in heard_ones}
    before = max(loud.values()) - min(loud.values())
    first = [Measured("difference of cuts", "LU", before)]
    if wanted.sign < 0:
        raise Refused("cuts are not made to differ in loudness on purpose", first)
    if before < EVEN_LU and not wanted.insist:
        raise Refused(
            f"the measurement says otherwise: cuts differ by {before:.1f} LU, less than {EVEN_LU:g}", first, asks=True
        )
    middle = sorted(loud.values())[len(loud) // 2]
    target = min(EVEN_LU / 2, before * 0.3)
    share = min(1.0, (before - target) / before + 0.05)
    cuts, made = list(edit.cuts), list(gains)
    for n in heard_ones:
        change = min(max((middle - loud[n]) * share, -MOST_LIFT), MOST_LIFT)
        made[n] = round(gains[n] + change, 2)
        cuts[n] = _sound(cuts[n], gain_db=made[n])
    left = [level for n, level in zip(wanted.chosen, parts(made), strict=True) if n in heard_ones]
    measured = Measured(
        "difference of cuts",
        "LU",
        before,
        target,
        max(left) - min(left),
        limits=_mix(edit, programme, tuple(cuts), edit.cues),
    )
    _enough(measured)
    peak = _peak(programme, made)
    plan = (
        edit.plan if peak <= PEAK_DBTP or "true_peak_dbtp" in edit.plan else {**edit.plan, "true_peak_dbtp": PEAK_DBTP}
    )
    return Corrected(
        replace(edit, plan=plan, cuts=tuple(cuts)),
        (measured,),
        f"gains of {of_cuts(len(heard_ones))} towards {middle:.1f} LUFS",
    )


def _filtered(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Hum, hiss and sharp s sounds, measured through the filters themselves."""
    if wanted.sign > 0:
        raise Refused("noise is not put into a sound; ask for less of it, or for more grain of the picture")
    if any(word in wanted.words for word in ("echo", "reverb", "hall", "cave", "bathroom", "boomy", "boxy")):
        raise Refused("echo is part of the recording: no filter here takes it out without the voice")
    cuts, done = list(edit.cuts), []
    fine: list[Measured] = []
    for n in wanted.chosen:
        sound = heard.cut_samples(footage, cuts[n])
        if len(sound) < heard.HOP or float(abs(sound).max()) < 1e-5:
            continue
        measured, changed = (_sharp_s if wanted.axis == "sibilance" else _hum)(footage, cuts[n], sound, wanted)
        if changed:
            cuts[n] = _sound(cuts[n], **changed)
            done.append(measured)
        else:
            fine.append(measured)
    if not done and not fine:
        raise Refused("these cuts have no sound")
    if not done:
        worst = max(fine, key=lambda m: m.before)
        raise Refused(
            f"the measurement says otherwise: {worst.signal} is {number(worst.before)} {worst.unit}", fine, asks=True
        )
    for each in done:
        if each.moved >= LEAST_MOVED:
            break
    else:
        _enough(done[0])
    told = "/".join(dict.fromkeys(m.signal for m in done))
    return Corrected(edit.put(cuts), tuple(done), f"{told} filtered on {of_cuts(len(done))}", tuple(
        f"{name_of(m.thing or {})}: only {m.moved:.0%} of the way" for m in done if m.moved < LEAST_MOVED))  # fmt: skip


def _hum(footage: Footage, cut: Record, sound: Any, wanted: Wanted) -> tuple[Measured, dict[str, Any]]:
    has = fields.sound(cut)
    base, stands = heard.hum(sound)
    says_hiss = any(
        word in wanted.words for word in ("hiss", "noise", "wind", "static", "rustl", "air con", "fan", "rush")
    )
    if (stands > HUM_DB or (wanted.insist and not says_hiss)) and not has.hum_hz and not (says_hiss and stands < 20):
        before = heard.line_level(sound, base)
        target = before - min(12.0, stands)
        after = heard.line_level(heard.cut_samples(footage, cut, cleaning.hum(base)), base)
        return Measured("hum", "dB", before, target, after, cut), {"hum_hz": float(base)}
    before = heard.floor_db(sound)
    first = Measured("noise floor", "dB", before, thing=cut)
    if before < HISS_DB and not wanted.insist:
        return first, {}
    target = before - min(9.0, 6.0 * wanted.strength)
    level = round(before + ABOVE_FLOOR_DB, 1)
    best, after = 0.0, before
    for strength in (4.0, 6.0, 8.0, 10.0, 12.0):
        if strength <= has.denoise_db:
            continue
        found = heard.cut_samples(footage, cut, cleaning.hiss(strength, level))
        best, after = strength, heard.floor_db(found)
        if after <= target:
            break
    changed = {"denoise_db": best, "noise_db": level}
    return Measured("noise floor", "dB", before, target, after, cut), changed if best else {}


def _sharp_s(footage: Footage, cut: Record, sound: Any, wanted: Wanted) -> tuple[Measured, dict[str, Any]]:
    before = heard.sibilance_db(sound)
    if before < SHARP_S_DB - 8 and not wanted.insist:
        return Measured("5 to 9 kHz", "dB", before, thing=cut), {}
    target = before - 3.0 * wanted.strength
    best, after = fields.sound(cut).deess, before
    for strength in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        if strength <= fields.sound(cut).deess:
            continue
        best, after = (
            strength,
            heard.sibilance_db(heard.cut_samples(footage, cut, cleaning.sharp_s(strength))),
        )
        if after <= target:
            break
    return Measured("5 to 9 kHz", "dB", before, target, after, cut), {"deess": best} if after < before - 0.2 else {}


def _clicks(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    raise Refused(
        "the sound dips for 10 ms at every joint, so that a joint does not click: what clicks is in the source"
    )


def _mix(
    edit: Edit, programme: heard.Programme, cuts: tuple[Record, ...], cues: tuple[Record, ...]
) -> dict[str, float]:
    """What else a change of the mix moved."""
    was = programme.own([fields.sound(c).gain_db for c in edit.cuts]) + programme.music(*_cue_numbers(edit.cues))
    now = programme.own([fields.sound(c).gain_db for c in cuts]) + programme.music(*_cue_numbers(cues))
    return {
        "loudness_shift_lu": round(heard.loudness(now) - heard.loudness(was), 2),
        "lra_lu": round(heard.loudness_range(now), 2),
    }


def _peak(programme: heard.Programme, gains: list[float]) -> float:
    """The highest peak of the cuts' sound with gains, in dB of full scale."""
    import numpy

    peaks = programme.peaks.copy()
    for (first, end), gain in zip(programme.spans, gains, strict=True):
        peaks[first:end] *= 10 ** (gain / 20)
    return float(20 * numpy.log10(max(float(peaks.max()), 1e-6)))


def _enough(measured: Measured) -> None:
    if measured.moved < LEAST_MOVED:
        raise Refused(
            f"only {max(0.0, measured.moved):.0%} of the way can be gone: {measured.signal} {measured.before:.1f} to "
            f"{measured.after or 0:.1f}, wanted {measured.target or 0:.1f}", [measured],
        )  # fmt: skip
