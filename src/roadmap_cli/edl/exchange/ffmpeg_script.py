"""An edit as a shell script that renders it with one ffmpeg graph: to read, to change by hand, to run anywhere.

Each clip is decoded, counted, put at its place and coloured by the very filters of our render; clips are joined by
concat and xfade in one graph, sound by acrossfade and amix. The script takes the output's name as its argument.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.edit import COLOUR_EFFECTS, WHOLE
from roadmap_cli.edl.exchange import drawn, mlt_filters
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.mlt_filters import Files
from roadmap_cli.edl.exchange.shotcut import streams
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

RATE = 48_000
_WIPES = {"wipe_left": "wipeleft", "wipe_right": "wiperight", "wipe_up": "wipeup", "wipe_down": "wipedown"}
#: A joint of sound that is not continuous dips for this long, so that it does not click.
_DIP_SAMPLES = RATE // 100

#: A name in a record is a file's, whatever it looks like: the script must not bring in what lies elsewhere.
_LOCAL_ONLY = ["-protocol_whitelist", str(programs.LOCAL_ONLY["protocol_whitelist"])]


@dataclass(slots=True)
class _Graph:
    """The graph in the making."""

    timeline: Timeline
    files: Files
    losses: Losses
    inputs: list[list[str]] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, str] = field(default_factory=dict)

    def input(self, path: str, *options: str) -> int:
        name = "\0".join([path, *options])
        if name not in self.known:
            self.known[name] = len(self.inputs)
            self.inputs.append([*options, *_LOCAL_ONLY, "-i", programs.local(path)])
        return self.known[name]


def export(timeline: Timeline, folder: str, matrices: dict[str, str] | None = None) -> Export:
    """The script. `matrices` are the colour matrices of the sources by id; without one, the size decides."""
    graph = _Graph(timeline, Files(folder), Losses(), matrices=matrices or {})
    fps = timeline.fps
    for clip in timeline.clips:
        _picture(graph, clip)
    picture = _joined(graph)
    picture = _titled(graph, picture)
    sound = _sound(graph)
    lines = ["#!/bin/sh", f"# {_line(str(timeline.plan.get('intent') or timeline.plan['id']))}"]
    lines += [f"# {len(timeline.clips)} cuts, {timeline.length} frames at {timecode.spell(fps)} a second"]
    lines += [f"# {clip.position + 1}: {_line(clip.reason)}" for clip in timeline.clips if clip.reason]
    lines += [
        "set -eu",
        'output=${1:?usage: sh "$0" OUTPUT.mp4}',
        'here=$(cd "$(dirname "$0")" && pwd)',
        "case $output in /*) ;; *) output=$PWD/$output ;; esac",
        'cd "$here"',
        'exec "${FFMPEG:-ffmpeg}" -hide_banner -nostdin -y \\',
    ]
    lines += [f"  {' '.join(shlex.quote(word) for word in words)} \\" for words in graph.inputs]
    text = ";\n".join(graph.chains)
    lines.append(f"  -filter_complex {shlex.quote(text)} \\")
    lines.append(f"  -map {shlex.quote(f'[{picture}]')} \\")
    if sound:
        lines.append(f"  -map {shlex.quote(f'[{sound}]')} -c:a aac -b:a 192k \\")
    lines += [
        '  -c:v libx264 -preset "${PRESET:-veryfast}" -crf "${QUALITY:-18}" -pix_fmt yuv420p -fps_mode passthrough \\',
        "  -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv -movflags +faststart \\",
        '  "$output"',
    ]
    if timeline.plan.get("loudness_lufs") is not None:
        graph.losses.add("plan.loudness_lufs", "the loudness of the whole programme is not set by the script")
    return Export(("\n".join(lines) + "\n").encode(), graph.losses, graph.files.held, executable=True)


def _line(words: str) -> str:
    return "".join(char if char.isprintable() else " " for char in " ".join(words.split()))


def _picture(graph: _Graph, clip: Clip) -> None:
    """A clip's pictures from decoding to the programme's frames, its tail included, labelled ``vN``."""
    timeline = graph.timeline
    fps, width, height = timeline.fps, timeline.width, timeline.height
    _, video = streams(clip.source)
    seconds = max(0, int(clip.first / clip.rate) - 2)
    number = graph.input(str(clip.path), *(["-ss", str(seconds)] if seconds else []))
    count = clip.frames + clip.tail
    tail = -int(-(clip.tail / fps * clip.speed * clip.rate) // 1)
    skipped = Fraction(seconds) * clip.rate
    # Entering at a whole second: pictures are stamped from there, so the count is set back to the file's own.
    shift = timecode.spell(skipped) if skipped else "0"
    filters = ["bwdif=mode=send_frame:deint=interlaced"] if clip.source.get("interlaced") else []
    filters += [
        f"fps={timecode.spell(clip.rate)}" + ("" if seconds else ":start_time=0"),
        f"setpts=round(PTS+{shift})" if seconds else "setpts=PTS-STARTPTS",
        f"trim=start_pts={clip.first}:end_pts={clip.end + tail}",
    ]
    if clip.rate == fps and clip.speed == 1:
        filters.append(f"setpts=PTS-{clip.first}")
    else:
        ticks = clip.rate.numerator * clip.speed.numerator
        start = clip.first * clip.rate.denominator * clip.speed.numerator
        filters += [
            f"settb=1/{ticks}",
            f"setpts=(PTS-{start})*{clip.speed.denominator}/{clip.speed.numerator}",
            f"fps={timecode.spell(fps)}:start_time=0",
        ]
    filters += ["tpad=stop=-1:stop_mode=clone", f"trim=end_frame={count}", "setpts=PTS-STARTPTS"]
    effects = dict(clip.effects)
    filters += _framed(graph, clip, effects.pop("rotate", 0.0))
    if strength := effects.pop("denoise", 0.0):
        filters.append(f"hqdn3d=luma_spatial={strength:g}")
    if window := effects.pop("deflicker", 0.0):
        filters.append(f"deflicker=size={max(2, round(window))}")
    if "stabilise" in effects:
        graph.losses.add("effects.stabilise", "stabilising needs a pass before: not in the script", clip.id)
        effects.pop("stabilise")
    filters += _coloured(graph, clip)
    for name in sorted(COLOUR_EFFECTS & set(effects)):
        graph.losses.add(f"effects.{name}", f"the colour step {name!r} is not in the exported colour table", clip.id)
        effects.pop(name)
    if amount := effects.pop("sharpen", 0.0):
        filters.append(f"unsharp=luma_amount={amount:g}")
    label = f"v{clip.position}"
    opened = f"[{number}:{max(video, 0)}]" + ",".join(filters)
    if clip.blur and clip.blur.sigma:
        opened = _blurred(graph, clip, opened, label)
    after = []
    if share := effects.pop("bloom", 0.0):
        graph.losses.add("effects.bloom", "bloom is not in the script", clip.id)
        del share
    if strength := effects.pop("vignette", 0.0):
        after.append(f"vignette=angle={strength * 0.6283185:.6f}")
    if strength := effects.pop("grain", 0.0):
        after.append(f"noise=alls={round(strength)}:allf=t")
    if shape := effects.pop("letterbox", 0.0):
        for bar in mlt_filters.bars(shape, width, height):
            after.append("drawbox=x={}:y={}:w={}:h={}:color=black:t=fill".format(*bar))
    for name in effects:
        graph.losses.add(f"effects.{name}", f"effect {name!r} is not in the script", clip.id)
    (begins, shade), (ends, last) = clip.dips
    if begins and not clip.overlap:
        after.append(f"fade=type=in:start_frame=0:nb_frames={begins}:color={shade}")
    if ends and not clip.tail:
        after.append(f"fade=type=out:start_frame={clip.frames - ends}:nb_frames={ends}:color={last}")
    after += ["setsar=1", f"settb={fps.denominator}/{fps.numerator}"]
    glue = "" if opened.endswith("]") else ","
    graph.chains.append(f"{opened}{glue}{','.join(after)}[{label}]")


def _framed(graph: _Graph, clip: Clip, turn: float) -> list[str]:
    """The box that fills the frame, moving if its start is not its end; the whole picture if there is none."""
    timeline = graph.timeline
    width, height = int(clip.source.get("width", timeline.width)), int(clip.source.get("height", timeline.height))
    filters = [f"scale={width}:{height}"]
    if turn:
        filters.append(f"rotate={turn * 0.017453293:.6f}:bilinear=1")
    start, end = clip.framing.start, clip.framing.end
    if start == end == WHOLE:
        return filters
    if start == end:
        sides = [
            round(start.width * width),
            round(start.height * height),
            round(start.x * width),
            round(start.y * height),
        ]
        return [*filters, "crop=" + ":".join(str(side) for side in sides) + ":exact=1"]
    # perspective draws between pixels, so that a slow movement does not tremble.
    last = max(1, clip.frames - 1)

    def moved(first: float, to: float, side: str) -> str:
        return f"'{side}*({first:.6f}+({to - first:.6f})*min((in-1)/{last}\\,1))'"

    left, right = moved(start.x, end.x, "W"), moved(start.x + start.width, end.x + end.width, "W")
    top, bottom = moved(start.y, end.y, "H"), moved(start.y + start.height, end.y + end.height, "H")
    corners = f"x0={left}:y0={top}:x1={right}:y1={top}:x2={left}:y2={bottom}:x3={right}:y3={bottom}"
    return [*filters, f"perspective={corners}:sense=source:eval=frame:interpolation=cubic"]


def _coloured(graph: _Graph, clip: Clip) -> list[str]:
    """Fit into the frame, through the colour table if there is one, out as 8-bit BT.709."""
    from roadmap_cli.edl.rendering.graph import fit

    timeline = graph.timeline
    width, height = int(clip.source.get("width", timeline.width)), int(clip.source.get("height", timeline.height))
    if clip.framing.start != WHOLE or clip.framing.end != WHOLE:
        fitted = (timeline.width, timeline.height)
    else:
        fitted = fit(width, height, timeline.width, timeline.height)
    name = str(clip.source.get("id"))
    matrix = graph.matrices.get(name) or ("bt709" if height >= 720 or width >= 1280 else "bt601")
    flags = "flags=bicubic+accurate_rnd+full_chroma_int"
    size = f"scale={fitted[0]}:{fitted[1]}:{flags}:in_color_matrix={matrix}"
    out = "out_color_matrix=bt709:out_range=tv"
    if clip.look.neutral:
        filters = [f"{size}:{out}"]
    else:
        file, data = drawn.table(clip.look)
        place = graph.files.add(file, data)
        filters = [size, "format=gbrp", f"lut3d=file={_quoted(place)}:interp=tetrahedral", f"scale={out}:{flags}"]
    filters.append("format=yuv420p")
    if fitted != (timeline.width, timeline.height):
        x, y = (timeline.width - fitted[0]) // 4 * 2, (timeline.height - fitted[1]) // 4 * 2
        filters.append(f"pad={timeline.width}:{timeline.height}:{x}:{y}")
    return filters


def _quoted(path: str) -> str:
    """A file's name inside a filter's option."""
    return "".join(f"\\{char}" if char in "\\':,[];= " else char for char in path)


def _blurred(graph: _Graph, clip: Clip, opened: str, label: str) -> str:
    assert clip.blur is not None
    timeline = graph.timeline
    sigma = clip.blur.sigma * timeline.height / 1080
    if clip.blur.person:
        graph.losses.add("blur.person", "a blur behind a person's mask is not in the script", clip.id)
        return opened
    if clip.blur.subject is None:
        return f"{opened},gblur=sigma={sigma:.4f}"
    name, data = drawn.subject_mask(clip.blur.subject, timeline.width, timeline.height)
    mask = graph.input(graph.files.add(name, data), "-loop", "1", "-framerate", timecode.spell(timeline.fps))
    count = clip.frames + clip.tail
    graph.chains += [
        f"{opened},split[{label}s][{label}c]",
        f"[{label}c]gblur=sigma={sigma:.4f}[{label}b]",
        # The mask's grey is spread over full range: format keeps its values as they are.
        f"[{mask}:v]scale={timeline.width}:{timeline.height}:out_range=pc,format=gray,setrange=tv,format=yuv420p,"
        f"geq=lum='lum(X,Y)':cb='lum(X*2,Y*2)':cr='lum(X*2,Y*2)',trim=end_frame={count},setpts=PTS-STARTPTS[{label}m]",
    ]
    return f"[{label}s][{label}b][{label}m]maskedmerge"


def _joined(graph: _Graph) -> str:
    """All clips in one stream: runs of hard cuts by concat, crossing joints by xfade. Gives its label."""
    clips = graph.timeline.clips
    runs: list[list[Clip]] = [[]]
    for clip in clips:
        if clip.overlap and clip.position:
            runs.append([])
        runs[-1].append(clip)
    label, length = "", 0
    rate = graph.timeline.fps
    for number, run in enumerate(runs):
        if len(run) == 1:
            here = f"v{run[0].position}"
        else:
            here = f"run{number}"
            graph.chains.append(
                "".join(f"[v{clip.position}]" for clip in run)
                + f"concat=n={len(run)},settb={rate.denominator}/{rate.numerator}[{here}]"
            )
        frames = sum(clip.frames for clip in run) + run[-1].tail
        if not label:
            label, length = here, frames
            continue
        entering = run[0].entering
        assert entering is not None
        sort = _WIPES.get(entering.sort, "fade")
        # Frame n of T holds (n+1)/(T+1) of the new picture, as in our render: xfade begins one frame early, on a copy
        # of the new picture's first frame that is not yet seen.
        offset = length - entering.frames - 1
        seconds = [f"{float(frame / rate):.9f}" for frame in (entering.frames + 1, offset)]
        joined, tick = f"joint{number}", f"{rate.denominator}/{rate.numerator}"
        graph.chains.append(f"[{here}]tpad=start=1:start_mode=clone,settb={tick}[{joined}n]")
        graph.chains.append(
            f"[{label}][{joined}n]xfade=transition={sort}:duration={seconds[0]}:offset={seconds[1]},settb={tick}[{joined}]"
        )
        label, length = joined, offset + 1 + frames
    # Trimmed here: where -frames:v ends the picture, ffmpeg 5 ends the sound with it.
    end = graph.timeline.length
    graph.chains.append(f"[{label}]setpts=N,fps={timecode.spell(rate)},trim=end_frame={end},format=yuv420p[picture]")
    return "picture"


def _titled(graph: _Graph, label: str) -> str:
    """Titles over the picture."""
    timeline = graph.timeline
    for number, title in enumerate(timeline.titles):
        start, stop = title["timeline_in_frame"], title["timeline_out_frame"]
        size = max(4, round(float(title.get("size_ratio") or 0.06) * timeline.height))
        margin = round(timeline.height * 0.06)
        y = {"centre": "(h-text_h)/2", "upper": f"{margin}"}.get(str(title.get("place")), f"h-text_h-{margin}")
        fade = min(int(title.get("fade_frames") or 0), (stop - start) // 2)
        alpha = f":alpha='clip(min((n-{start})/{fade},({stop}-n)/{fade}),0,1)'" if fade else ""
        name = graph.files.add(f"title-{number}.txt", str(title["text"]).encode())
        graph.chains.append(
            f"[{label}]drawtext=textfile={_quoted(name)}:expansion=none:font=DejaVu Sans:fontsize={size}:"
            f"fontcolor=white:"
            f"borderw={max(1, round(size / 24))}:bordercolor=black@0.67:x=(w-text_w)/2:y={y}{alpha}:"
            f"enable='between(n,{start},{stop - 1})'[title{number}]"
        )
        label = f"title{number}"
    return label


# -- sound -----------------------------------------------------------------------------------------------------------


def _sound(graph: _Graph) -> str:
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


def _own(graph: _Graph, clip: Clip, audio: int, start: int, stop: int) -> str:
    timeline = graph.timeline
    fps = timeline.fps
    run_on = clip.tail if stop == clip.stop else 0
    step = clip.speed / fps
    first = max(Fraction(0), clip.first / clip.rate + (start - clip.start) * step)
    last = clip.first / clip.rate + (stop + run_on - clip.start) * step
    number = graph.input(str(clip.path))
    filters = [
        f"aresample={RATE}:async=1",
        f"atrim=start_sample={timecode.round_half_up(first * RATE)}:end_sample={timecode.round_half_up(last * RATE)}",
        "asetpts=PTS-STARTPTS",
        "aformat=sample_fmts=flt:channel_layouts=stereo",
    ]
    if clip.speed != 1:
        filters.append(f"atempo={float(clip.speed):.9f}")
    said = clip.sound
    if said.hum_hz:
        filters += [f"bandreject=f={said.hum_hz * times:g}:t=q:w=30" for times in (1, 2, 3, 4)]
    if said.denoise_db:
        filters.append(f"afftdn=nr={said.denoise_db:g}")
    if said.deess:
        filters.append(f"deesser=i={said.deess:g}")
    if said.presence_db:
        filters.append(f"equalizer=f=2828:t=o:w=1:g={said.presence_db:g}")
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


def _music(graph: _Graph, number: int, cue: dict[str, object], source: dict[str, object]) -> str:
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
