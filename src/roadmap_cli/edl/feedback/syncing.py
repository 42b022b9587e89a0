"""Sound moved against its picture: by what was said, or by what is measured where the picture itself tells.

What happens suddenly in a picture (a clap, a flash, a step, a mouth that opens) is often heard, too. The strength of
change from picture to picture is laid against the onsets of the sound at every lag up to half a second; a lag counts
only if it stands out from all others. Each cut has a number for it, `sound.offset_ms`, which the render takes to the
sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl.feedback import heard
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.offsets import PLAIN_FRAMES
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, of_cuts

AXES = frozenset({"sync", "shift"})
#: Lags that are looked at, in seconds, and steps of the grid in one.
REACH_S, STEPS = 0.5, 200
#: A lag is believed if it stands out from the others by so many of their deviations, is so many times the next best,
#: and explains that much. On generated clips events in step reach 19, 5.6 and 0.38, unrelated ones at most 7.1, 2.0
#: and 0.25.
STANDS, APART, ALIKE = 9.0, 2.2, 0.25
#: A sound nearer to its picture than this is in step for everybody (ITU-R BT.1359: 45 ms early, 125 ms late, are seen).
IN_STEP_MS = 40.0
_LONGEST_S, _LEAST_S, _WIDTH = 20, 2.0, 96


@dataclass(frozen=True, slots=True)
class Lag:
    """How much later the sound is than the picture, in ms, and how far that stands out, in deviations."""

    late_ms: float
    stands: float


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Move the sound of cuts. Raises Refused with the reason and the numbers."""
    sounding = [
        n for n in wanted.chosen
        if footage.media(edit.cuts[n]["source_id"]).audio_index is not None and not fields.sound(edit.cuts[n]).mute
    ]  # fmt: skip
    if not sounding:
        raise Refused("these cuts have no sound of their own")
    return (
        _asked(edit, footage, wanted, sounding) if wanted.axis == "shift" else _found(edit, footage, wanted, sounding)
    )


def _asked(edit: Edit, footage: Footage, wanted: Wanted, chosen: list[int]) -> Corrected:
    """By the number that was said; without one by what is measured, else by two frames."""
    cuts, notes = list(edit.cuts), []
    done: list[Measured] = []
    step = (wanted.target if wanted.target is not None else PLAIN_FRAMES / float(edit.fps)) * 1000
    for n in chosen:
        lag = None if wanted.insist else measure(footage, cuts[n])
        first = Measured("sound after picture", "ms", lag.late_ms, thing=cuts[n]) if lag else None
        if lag and first and wanted.complaint and lag.late_ms * wanted.sign > IN_STEP_MS:
            late = "late" if lag.late_ms > 0 else "early"
            raise Refused(
                f"the measurement says otherwise: the sound comes {abs(lag.late_ms):.0f} ms {late}", [first], asks=True
            )
        far = step
        if wanted.target is None and lag and lag.late_ms * wanted.sign < -IN_STEP_MS:
            far = abs(lag.late_ms)
            notes.append(f"by {far:.0f} ms, as measured on sudden changes of the picture")
        before = fields.sound(cuts[n]).offset_ms
        _move(cuts, n, before + wanted.sign * far, done)
    _enough(done)
    if wanted.target is None and not notes:
        notes.append(f"by {PLAIN_FRAMES:g} frames, as no number was said and none can be measured")
    return Corrected(edit.put(cuts), tuple(done), _what(done), tuple(dict.fromkeys(notes)))


def _found(edit: Edit, footage: Footage, wanted: Wanted, chosen: list[int]) -> Corrected:
    """By what is measured; the cuts of one source take the lag of the one that tells it best."""
    if wanted.sign < 0:
        raise Refused("sound is not put out of step on purpose; say by how much: 'the sound 2 frames later'")
    best: dict[str, Lag] = {}
    for n in chosen:
        lag = measure(footage, edit.cuts[n])
        name = str(edit.cuts[n]["source_id"])
        if lag and (name not in best or lag.stands > best[name].stands):
            best[name] = lag
    if not best:
        raise Refused(
            "nothing in picture and sound tells how far they are apart: say it, as in 'the sound is late by 3 frames'"
        )
    told = [
        Measured("sound after picture", "ms", best[name].late_ms, thing=edit.cuts[n])
        for n in chosen if (name := str(edit.cuts[n]["source_id"])) in best
    ]  # fmt: skip
    if all(abs(lag.late_ms) < IN_STEP_MS for lag in best.values()):
        worst = max(abs(lag.late_ms) for lag in best.values())
        raise Refused(f"the measurement says otherwise: sound and picture are {worst:.0f} ms apart", told, asks=True)
    cuts, done = list(edit.cuts), []
    for n in chosen:
        lag = best.get(str(cuts[n]["source_id"]))
        if lag is None or abs(lag.late_ms) < IN_STEP_MS:
            continue
        before = fields.sound(cuts[n]).offset_ms
        moved: list[Measured] = []
        _move(cuts, n, before - lag.late_ms, moved)
        again = measure(footage, cuts[n])
        left = again.late_ms if again else lag.late_ms + (moved[0].after or 0.0) - before
        done.append(Measured("sound after picture", "ms", lag.late_ms, 0.0, left, edit.cuts[n]))
    _enough(done)
    return Corrected(edit.put(cuts), tuple(done), f"sound moved by {-done[0].before:+.0f} ms on {of_cuts(len(done))}")


def _move(cuts: list[Record], n: int, target: float, done: list[Measured]) -> None:
    before = fields.sound(cuts[n]).offset_ms
    after = round(min(max(target, fields.OFFSET_MS[0]), fields.OFFSET_MS[1]), 2)
    done.append(Measured("sound later by", "ms", before, target, after, cuts[n]))
    told = replace(fields.sound(cuts[n]), offset_ms=after).record()
    made = {k: v for k, v in cuts[n].items() if k != "sound"}
    cuts[n] = made | ({"sound": told} if told else {})


def _enough(done: list[Measured]) -> None:
    short = [each for each in done if each.moved < LEAST_MOVED]
    if not short:
        return
    worst = short[0]
    bound = fields.OFFSET_MS[1]
    raise Refused(
        f"only {max(0.0, worst.moved):.0%} of the way can be gone: sound is moved by at most {bound:g} ms", done
    )


def _what(done: list[Measured]) -> str:
    change = (done[0].after or 0.0) - done[0].before
    return f"sound moved by {change:+.0f} ms on {of_cuts(len(done))}"


def measure(footage: Footage, cut: Record) -> Lag | None:
    """How much later a cut's sound is than its picture, from it and what follows it in its source; None if unknown."""
    import numpy

    key = ("lag", cut["source_id"], cut["in_frame"], cut["out_frame"], fields.sound(cut).offset_ms)
    if key not in footage._kept:
        media = footage.media(cut["source_id"])
        fps = float(media.fps)
        end = min(max(media.declared_frames, int(cut["out_frame"])), int(cut["in_frame"]) + round(_LONGEST_S * fps))
        first = max(0, min(int(cut["in_frame"]), end - round(_LONGEST_S * fps)))
        lag = None
        if end - first >= _LEAST_S * fps:
            pictures = footage._decoded(media, first, end, _WIDTH, [], "gray")
            sound = heard.cut_samples(footage, {**cut, "in_frame": first, "out_frame": end})
            lag = _lag(_sudden(pictures), _onsets(sound, (end - first) / fps), fps)
        footage._kept[key] = lag if lag is None else numpy.array(lag)
    kept = footage._kept[key]
    return None if kept is None else Lag(float(kept[0]), float(kept[1]))


def _sudden(pictures: Any) -> Any:
    """How suddenly each picture differs from the one before: its change beyond the usual one around it."""
    import numpy

    change = numpy.abs(numpy.diff(pictures.astype(numpy.float32), axis=0)).mean(axis=(1, 2))
    change = numpy.concatenate([[0.0], change])
    rise = numpy.maximum(0.0, numpy.diff(change, prepend=change[:1]))
    usual = numpy.median(rise) + 1e-6
    strong: Any = numpy.minimum(numpy.maximum(0.0, rise - 2 * usual), numpy.percentile(rise, 99) + 1e-6)
    return strong


def _onsets(sound: Any, seconds: float) -> Any:
    """Onsets of a sound on the grid: rises of its level in dB, from what is near its own quietest."""
    import numpy

    hop = heard.RATE // STEPS
    count = int(seconds * STEPS)
    mono = sound.mean(axis=1) if len(sound) else numpy.zeros(0, numpy.float32)
    mono = numpy.pad(mono, (0, max(0, count * hop - len(mono))))[: count * hop]
    power = (mono.reshape(count, hop).astype(numpy.float64) ** 2).mean(axis=1)
    loudest = float(power.max()) if count else 0.0
    level = 10 * numpy.log10(numpy.maximum(power, max(loudest * 1e-5, 1e-10)))
    rise = numpy.maximum(0.0, level[4:] - level[:-4])
    onset = numpy.concatenate([numpy.zeros(4), rise])
    onset[1:][onset[1:] < onset[:-1]] = 0.0
    return numpy.where(onset > 6.0, onset, 0.0)


def _lag(sudden: Any, onsets: Any, fps: float) -> tuple[float, float] | None:
    """The lag of onsets behind sudden pictures in ms, and how far it stands out; None if it does not."""
    import numpy

    if not len(onsets) or not sudden.any() or not onsets.any():
        return None
    seen = numpy.zeros(len(onsets))
    for n in numpy.flatnonzero(sudden):
        at = round(n / fps * STEPS)
        if at < len(seen):
            seen[at] = max(seen[at], sudden[n])
    # A picture is seen for as long as it lasts: its event lies somewhere before its first moment, within one frame.
    width = max(1, round(STEPS / fps))
    kernel = numpy.hanning(2 * width + 3)[1:-1]
    seen = numpy.convolve(seen, kernel / kernel.max(), "same")
    reach = int(REACH_S * STEPS)
    lags = numpy.arange(-reach, reach + 1)
    power = float(numpy.sqrt((seen**2).sum() * (onsets**2).sum()))
    scores = numpy.array([
        float((seen[max(0, -k) : len(seen) - max(0, k)] * onsets[max(0, k) : len(onsets) - max(0, -k)]).sum())
        for k in range(-reach, reach + 1)
    ]) / power  # fmt: skip
    best = int(scores.argmax())
    far = numpy.abs(lags - lags[best]) > 3 * width
    stands = (scores[best] - scores[far].mean()) / (scores[far].std() + 1e-3)
    if stands < STANDS or scores[best] < ALIKE or scores[best] < APART * float(scores[far].max(initial=0.0)):
        return None
    near = numpy.flatnonzero(scores > 0.9 * scores[best])
    near = near[numpy.abs(near - best) <= width]
    # The change shows in the first picture after it: half a frame later on average.
    late = float((lags[near] * scores[near]).sum() / scores[near].sum()) / STEPS * 1000
    return late + 500 / fps, float(stands)
