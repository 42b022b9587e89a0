"""The sound of a script: clips cleaned, slowed and faded, music that steps back under speech, all mixed by amix."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

from roadmap_cli.edl import cleaning, programs, timecode
from roadmap_cli.edl.exchange import mlt_filters
from roadmap_cli.edl.exchange.project import streams
from roadmap_cli.edl.exchange.script_graph import Graph
from roadmap_cli.edl.exchange.timeline import Clip

RATE = 48_000
#: A joint of sound that is not continuous dips for this long, so that it does not click.
_DIP_SAMPLES = RATE // 100


def sound(graph: Graph) -> str:
    """The sound of clips and cues, as long as the picture. Empty if there is none."""
    timeline = graph.timeline
    total = timecode.sample_at(timeline.length, timeline.fps, RATE)
    labels = []
    for heard in timeline.heard:
        clip = heard.clip
        audio, _ = streams(clip.source)
        if clip.has_sound and audio >= 0:
            labels.append(_own(graph, clip, audio, heard.start, heard.stop))
    for number, cue in enumerate(timeline.cues):
        source = timeline.sources.get(str(cue.get("source_id")))
        if source is None:
            graph.losses.add("cue.sound", "made sounds have no file: not in the script", str(cue.get("id")))
            continue
        labels.append(_music(graph, number, cue, source))
    if not labels:
        return ""
    mixed = "".join(f"[{label}]" for label in labels)
    mix = f"amix=inputs={len(labels)}:normalize=0:dropout_transition=0," if len(labels) > 1 else ""
    graph.chains.append(f"{mixed}{mix}apad,atrim=end_sample={total}[sound]")
    return "sound"


def _own(graph: Graph, clip: Clip, audio: int, start: int, stop: int) -> str:
    timeline = graph.timeline
    fps = timeline.fps
    run_on = clip.tail if stop == clip.stop else 0
    step = clip.speed / fps
    late = clip.sound.late_s * clip.speed
    begins = clip.first / clip.rate + (start - clip.start) * step - late
    first = max(Fraction(0), begins)
    last = clip.first / clip.rate + (stop + run_on - clip.start) * step - late
    number = graph.input(str(clip.path))
    filters = [
        f"aresample={RATE}:async=1",
        f"atrim=start_sample={timecode.round_half_up(first * RATE)}:end_sample={timecode.round_half_up(last * RATE)}",
        "asetpts=PTS-STARTPTS",
        "aformat=sample_fmts=flt:channel_layouts=stereo",
    ]
    if late > 0 and begins < 0:
        filters.append(f"adelay={timecode.round_half_up(min(late, -begins) * RATE)}S:all=1")
    if clip.speed != 1:
        filters.append(f"atempo={float(clip.speed):.9f}")
    said = clip.sound
    filters += programs.spelled(cleaning.chain(said))
    if said.gain_db:
        filters.append(f"volume={said.gain_db:g}dB")
    begin = timecode.sample_at(start, fps, RATE)
    samples = timecode.sample_at(stop + run_on, fps, RATE) - begin
    fades = [_fade(frames, fps) for frames in (clip.overlap if start == clip.start else 0, run_on)]
    (dark_in, _), (dark_out, _) = clip.dips
    fades = [max(fades[0], _fade(dark_in, fps)), max(fades[1], _fade(dark_out, fps))]
    fades = [min(max(fade, _DIP_SAMPLES), samples // 2) for fade in fades]
    filters += [
        "apad", f"atrim=end_sample={samples}",
        f"afade=type=in:start_sample=0:nb_samples={max(1, fades[0])}",
        f"afade=type=out:start_sample={samples - fades[1]}:nb_samples={max(1, fades[1])}",
        f"adelay=delays={begin}S:all=1",
    ]  # fmt: skip
    graph.chains.append(f"[{number}:{audio}]{','.join(filters)}[a{clip.position}]")
    return f"a{clip.position}"


def _fade(frames: int, fps: Fraction) -> int:
    return timecode.sample_at(frames, fps, RATE)


def _music(graph: Graph, number: int, cue: dict[str, object], source: dict[str, object]) -> str:
    timeline = graph.timeline
    fps = timeline.fps
    audio, _ = streams(source)
    start, stop = int(str(cue["timeline_in_frame"])), min(int(str(cue["timeline_out_frame"])), timeline.length)
    begin = timecode.sample_at(start, fps, RATE)
    samples = timecode.sample_at(stop, fps, RATE) - begin
    first = timecode.round_half_up(Fraction(int(str(cue.get("source_start_ms", 0))) * RATE, 1000))
    filters = [
        f"aresample={RATE}:async=1", f"atrim=start_sample={first}", "asetpts=PTS-STARTPTS",
        "aformat=sample_fmts=flt:channel_layouts=stereo", "apad", f"atrim=end_sample={samples}",
    ]  # fmt: skip
    points = mlt_filters.duck_points(cue, timeline)
    if len(points) == 1:
        filters.append(f"volume={points[0][1]:g}dB")
    else:
        filters.append(f"volume=volume='pow(10,({_ramp(points, fps)})/20)':eval=frame")
    for name, sort in (("fade_in_frames", "in"), ("fade_out_frames", "out")):
        count = min(_fade(int(str(cue.get(name) or 0)), fps), samples)
        if count:
            at = 0 if sort == "in" else samples - count
            filters.append(f"afade=type={sort}:start_sample={at}:nb_samples={count}")
    filters.append(f"adelay=delays={begin}S:all=1")
    index = graph.input(str(source["path"]))
    graph.chains.append(f"[{index}:{max(audio, 0)}]{','.join(filters)}[cue{number}]")
    return f"cue{number}"


def _ramp(points: Sequence[tuple[int, float]], fps: Fraction) -> str:
    """Straight lines between points, as an expression of the time t."""
    text = f"{points[-1][1]:g}"
    for (a, low), (b, high) in reversed(list(itertools.pairwise(points))):
        start, end = float(a / fps), float(b / fps)
        line = f"{low:g}+({high - low:g})*(t-{start:.6f})/{end - start:.6f}"
        text = f"if(lt(t,{end:.6f}),{line},{text})"
    return text
