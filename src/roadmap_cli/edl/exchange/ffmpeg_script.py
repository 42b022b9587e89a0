"""An edit as a shell script that renders it with one ffmpeg graph: to read, to change by hand, to run anywhere.

Each clip is decoded, counted, put at its place and coloured by the very filters of our render; clips are joined by
concat and xfade in one graph, sound by acrossfade and amix. The script takes the output's name as its argument.
"""

from __future__ import annotations

import shlex
from fractions import Fraction

from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.edit import COLOUR_EFFECTS, WHOLE, denoising
from roadmap_cli.edl.exchange import drawn, mlt_filters, script_sound
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.mlt_filters import Files
from roadmap_cli.edl.exchange.project import streams
from roadmap_cli.edl.exchange.script_graph import Graph
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

_WIPES = {"wipe_left": "wipeleft", "wipe_right": "wiperight", "wipe_up": "wipeup", "wipe_down": "wipedown"}


def export(timeline: Timeline, folder: str, matrices: dict[str, str] | None = None) -> Export:
    """The script. `matrices` are the colour matrices of the sources by id; without one, the size decides."""
    graph = Graph(timeline, Files(folder), Losses(), matrices=matrices or {})
    fps = timeline.fps
    for clip in timeline.clips:
        _picture(graph, clip)
    picture = _joined(graph)
    picture = _titled(graph, picture)
    sound = script_sound.sound(graph)
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
    graph.losses.unmapped(timeline.sources.values())
    if timeline.plan.get("loudness_lufs") is not None:
        graph.losses.add("plan.loudness_lufs", "the loudness of the whole programme is not set by the script")
    return Export(("\n".join(lines) + "\n").encode(), graph.losses, graph.files.held, executable=True)


def _line(words: str) -> str:
    return "".join(char if char.isprintable() else " " for char in " ".join(words.split()))


def _picture(graph: Graph, clip: Clip) -> None:
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
    if clip.record.get("lift"):
        graph.losses.add("lift", "light on the subject alone is not in the script", clip.id)
    filters += _framed(graph, clip, effects.pop("rotate", 0.0))
    if strength := effects.pop("denoise", 0.0):
        filters += programs.spelled(denoising(strength))
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


def _framed(graph: Graph, clip: Clip, turn: float) -> list[str]:
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


def _coloured(graph: Graph, clip: Clip) -> list[str]:
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


def _blurred(graph: Graph, clip: Clip, opened: str, label: str) -> str:
    assert clip.blur is not None
    timeline = graph.timeline
    sigma = clip.blur.sigma * timeline.height / 1080
    if clip.blur.person:
        graph.losses.add("blur.person", "a blur behind a person's mask is not in the script", clip.id)
        return opened
    if clip.blur.subject is None:
        return f"{opened},gblur=sigma={sigma:.4f}"
    name, data = drawn.subject_mask(clip.blur.subject, timeline.width, timeline.height)
    mask = graph.input(graph.files.add(name, data))
    rate = timecode.spell(timeline.fps)
    graph.chains += [
        f"{opened},split[{label}s][{label}c]",
        f"[{label}c]gblur=sigma={sigma:.4f}[{label}b]",
        # The mask's grey is spread over full range: format keeps its values as they are.
        f"[{mask}:v]scale={timeline.width}:{timeline.height}:out_range=pc,format=gray,setrange=tv,format=yuv420p,"
        f"geq=lum='lum(X,Y)':cb='lum(X*2,Y*2)':cr='lum(X*2,Y*2)',loop=loop=-1:size=1,settb=1/({rate}),setpts=N[{label}m]",
    ]
    return f"[{label}s][{label}b][{label}m]maskedmerge"


def _joined(graph: Graph) -> str:
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


def _titled(graph: Graph, label: str) -> str:
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
