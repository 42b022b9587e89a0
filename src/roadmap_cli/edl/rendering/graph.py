"""A piece as one ffmpeg graph: its inputs, its filters, and the frame it ends in.

ffmpeg is started in the cache's folder and every made file (colour table, plate, words, font) is named from there by
letters and digits alone, so no filter ever holds a text that would have to be escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl import grade, high_range, programs, timecode
from roadmap_cli.edl.edit import WHOLE, Box, denoising
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.rendering import plates, titles
from roadmap_cli.edl.rendering.pieces import Layer, Piece, Shape

_SCALER = "bicubic+accurate_rnd+full_chroma_int"
#: How far before the first frame wanted a source is entered, and how far where its container has no exact index.
_NEAR_S, _FAR_S = Fraction(1, 4), Fraction(15)


@dataclass(slots=True)
class Graph:
    """Inputs and filter chains in the making. `cache` is where ffmpeg runs; `zscale` whether it can map tones."""

    cache: Path
    shape: Shape
    zscale: bool
    paths: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    _count: int = 0
    _files: int = 0

    def label(self) -> str:
        """A new name for a stream between filters."""
        self._count += 1
        return f"[s{self._count}]"

    def file(self, options: Sequence[str], path: str, stream: str = "v:0") -> str:
        """Open a file; gives the name of its stream."""
        self.inputs += [*options, "-protocol_whitelist", "file,pipe,crypto,data", "-i", f"file:{path}"]
        self._files += 1
        return f"[{self._files - 1}:{stream}]"

    def chain(self, inputs: str, filters: Sequence[str]) -> str:
        """Lay streams through filters; gives the name of what comes out."""
        if not filters:
            return inputs
        out = self.label()
        self.chains.append(f"{inputs}{','.join(filters)}{out}")
        return out

    def plate(self, name: str, width: int, height: int) -> str:
        """A still plate that lasts for ever."""
        rate = timecode.spell(self.shape.fps)
        options = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{width}x{height}", "-framerate", rate]
        return self.chain(self.file(options, name), ["loop=loop=-1:size=1", f"settb=1/({rate})", "setpts=N"])


def build(piece: Piece, shape: Shape, cache: Path, zscale: bool, further: dict[str, str]) -> tuple[list[str], str, str]:
    """Input options, filter graph and the name of its end. `further` names mask and motion files made beforehand."""
    graph = Graph(cache, shape, zscale, further)
    shown = [_layer(graph, layer, number) for number, layer in enumerate(piece.layers)]
    rate = timecode.spell(shape.fps)
    out = shown[0]
    if piece.transition:
        # Frame n of T holds (n+1)/(T+1) of the new picture: neither end repeats a picture that is shown anyway.
        tick_us = 1_000_000 / shape.fps
        lasts = timecode.round_half_up((piece.frames + 1) * tick_us)
        sort = {"dissolve": "fade"}.get(piece.transition, piece.transition.replace("_", ""))
        mixed = f"xfade=transition={sort}:duration={lasts}us:offset=-{timecode.round_half_up(tick_us)}us"
        out = graph.chain(shown[0] + shown[1], [mixed, f"trim=end_frame={piece.frames}"])
    for fade in piece.fades:
        if fade.colour == "black":
            side = "in" if fade.into else "out"
            out = graph.chain(out, [f"fade=type={side}:start_frame={fade.start}:nb_frames={fade.frames}"])
        else:
            plain = graph.label()
            graph.chains.append(
                f"color=c={fade.colour}:s={shape.width}x{shape.height}:r={rate},format=yuv420p,settb=1/({rate}),"
                f"setpts=N{plain}"
            )
            lasts = timecode.round_half_up(fade.frames * 1_000_000 / shape.fps)
            pair = plain + out if fade.into else out + plain
            out = graph.chain(pair, [f"xfade=transition=fade:duration={lasts}us:offset=0", "setsar=1"])
    if piece.titles:
        out = graph.chain(out, titles.filters(piece.titles, shape, cache))
    out = graph.chain(out, [f"trim=end_frame={piece.frames}", "format=yuv420p"])
    return graph.inputs, ";".join(graph.chains), out


def entering(layer: Layer) -> tuple[list[str], list[str]]:
    """Input options and filters after which each picture carries its frame number as time stamp, in 1/fps.

    As `probe.pictures`, but entered as close before the first picture as the container's index allows: what is decoded
    for nothing counts against a render that encodes little.
    """
    media = layer.media
    first, end = layer.seen
    margin = _NEAR_S if _is_indexed(media.path) else _FAR_S
    at = media.video_start_s + first / media.fps - margin
    options = ["-copyts"]
    entered = at > media.video_start_s
    if entered:
        options += ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", f"{int(at * 1_000_000)}us"]
    filters = ["bwdif=mode=send_frame:deint=interlaced"] if media.interlaced else []
    filters.append(f"setpts=PTS-({media.video_start})")
    filters.append(f"fps={timecode.spell(media.fps)}" + ("" if entered else ":start_time=0"))
    return options, [*filters, f"trim=start_pts={first}:end_pts={end}"]


def _is_indexed(path: Path) -> bool:
    """Whether a container lists its key frames with their times: MP4 and Matroska do."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3"


def _layer(graph: Graph, layer: Layer, number: int) -> str:
    media, shape = layer.media, graph.shape
    options, filters = entering(layer)
    effects = layer.effects
    if value := effects.get("denoise"):
        filters += programs.spelled(denoising(value))
    if value := effects.get("deflicker"):
        filters.append(f"deflicker=size={max(2, round(value))}:mode=pm")
    if layer.seen != (layer.first, layer.end):
        filters.append(f"trim=start_pts={layer.first}:end_pts={layer.end}")
    if "stabilise" in effects and (motion := graph.paths.get(f"motion{number}")):
        share = effects["stabilise"]
        filters += [
            f"vidstabtransform=input={motion}:smoothing=0:relative=0:optzoom=0:crop=black:interpol=bicubic",
            f"crop=iw*{1 - share:.5f}:ih*{1 - share:.5f}",
        ]
    if value := effects.get("rotate"):
        filters += _upright(value, media.width / media.height)
    filters += _retime(layer, shape)
    stream = graph.chain(graph.file(options, str(media.path), str(media.video_index)), filters)
    if standard := high_range.to_standard(media, graph.zscale):
        stream = graph.chain(stream, [_spelled(name, options) for name, options in standard])
    stream, width, height = _framed(graph, layer, stream, number)
    stream = _finished(graph, layer, stream, width, height)
    return graph.chain(stream, ["setsar=1", f"trim=end_frame={layer.frames}", "setpts=N"])


def _upright(degrees: float, aspect: float) -> list[str]:
    """Turn clockwise and keep the largest part of the same shape that has no empty corner."""
    angle = abs(math.radians(degrees))
    zoom = math.cos(angle) + max(aspect, 1 / aspect) * math.sin(angle)
    return [f"rotate={math.radians(degrees):.6f}:bilinear=1", f"crop=iw/{zoom:.6f}:ih/{zoom:.6f}"]


def _retime(layer: Layer, shape: Shape) -> list[str]:
    """Speed and rate: source pictures, stamped in 1/fps, onto programme frames. Each goes to the nearest frame.

    The clock in between is fine enough that every picture's time is a whole number of ticks.
    """
    rate, speed = layer.media.fps, layer.speed
    stay = "tpad=stop=-1:stop_mode=clone"
    if rate == shape.fps and speed == 1 and layer.start == layer.first:
        # A transition's handle may be shorter than the transition: the last picture stays.
        return [f"setpts=PTS-{layer.first}", stay]
    ticks = rate.numerator * speed.numerator * layer.start.denominator
    start = int(layer.start * rate.denominator * speed.numerator * layer.start.denominator)
    return [
        f"settb=1/{ticks}",
        f"setpts=(PTS-{start})*{speed.denominator}/{speed.numerator}",
        f"fps={timecode.spell(shape.fps)}:start_time=0",
        stay,
    ]


def _spelled(name: str, options: Mapping[str, str | int]) -> str:
    """A filter and its options in ffmpeg's own words; expressions are quoted."""
    return f"{name}=" + ":".join(f"{key}='{value}'" for key, value in options.items())


def _table(look: Grade, directory: Path) -> str | None:
    """The name of the look's table in a folder, None if it changes nothing. Raises CannotCreate."""
    if look.neutral:
        return None
    try:
        return grade.store(look, directory).name
    except OSError as error:
        raise CannotCreate(f"cannot write {directory}: {(error.strerror or str(error)).lower()}") from None


def _framed(graph: Graph, layer: Layer, stream: str, number: int) -> tuple[str, int, int]:
    """Its part of the source picture at its size in the frame, through the colour table, 8-bit BT.709 video range."""
    media, shape, framing = layer.media, graph.shape, layer.framing
    matrix = high_range.matrix(media, graph.zscale)
    wide, high = media.width, media.height
    table = _table(layer.look, graph.cache / "looks")
    blur = layer.blur if layer.blur and layer.blur.sigma else None
    if framing.start != framing.end:
        boxes = [_filling(box, wide, high, shape) for box in (framing.start, framing.end)]
        least = min(box.width for box in boxes)
        width = min(wide, math.ceil(shape.width / least / 2) * 2)
        height = max(2, round(high * width / wide / 2) * 2)
        stream = graph.chain(stream, _coloured(width, height, matrix, table))
        if layer.lift:
            stream = _lifted(graph, layer, stream, width, height, None, number)
        if blur:
            stream = _blurred(graph, layer, stream, width, height, None, number)
        stream = graph.chain(stream, [_moving(boxes, layer), _scaled(shape.width, shape.height, "")])
        return stream, shape.width, shape.height
    box = None
    if framing.start == WHOLE:
        width, height = fit(wide, high, shape.width, shape.height)
    else:
        box = _filling(framing.start, wide, high, shape)
        x, y, w, h = (f"{value:.6f}" for value in (box.x, box.y, box.width, box.height))
        stream = graph.chain(stream, [f"crop=iw*{w}:ih*{h}:iw*{x}:ih*{y}"])
        width, height = shape.width, shape.height
    stream = graph.chain(stream, _coloured(width, height, matrix, table))
    if layer.lift:
        stream = _lifted(graph, layer, stream, width, height, box, number)
    if blur:
        stream = _blurred(graph, layer, stream, width, height, box, number)
    return stream, width, height


def _scaled(width: int, height: int, more: str) -> str:
    return f"scale={width}:{height}:flags={_SCALER}{more}"


def _coloured(width: int, height: int, matrix: str, table: str | None) -> list[str]:
    out = ":out_color_matrix=bt709:out_range=tv"
    if table is None:
        return [_scaled(width, height, f":in_color_matrix={matrix}{out}"), "format=yuv420p"]
    return [
        _scaled(width, height, f":in_color_matrix={matrix}"),
        "format=gbrp",
        f"lut3d=file=looks/{table}:interp=tetrahedral",
        f"scale=flags={_SCALER}{out}",
        "format=yuv420p",
    ]


def _filling(box: Box, width: int, height: int, shape: Shape) -> Box:
    """The part of a box that has the frame's shape, around the box's middle: framing never leaves bars."""
    wide, high = box.width * width, box.height * height
    wanted = shape.width / shape.height
    if abs(wide / high / wanted - 1) < 0.005:
        return box
    if wide / high > wanted:
        share = high * wanted / wide * box.width
        return Box(box.x + (box.width - share) / 2, box.y, share, box.height)
    share = wide / wanted / high * box.height
    return Box(box.x, box.y + (box.height - share) / 2, box.width, share)


def _moving(boxes: Sequence[Box], layer: Layer) -> str:
    """From one box to another at even speed over the cut, by fractions of a pixel (perspective's corners)."""
    start, end = boxes
    share = f"clip((on-1+{layer.offset})/{max(1, layer.total - 1)},0,1)"

    def between(a: float, b: float, side: str) -> str:
        return f"{side}*({a:.6f}+({b - a:.6f})*{share})"

    left, top = between(start.x, end.x, "W"), between(start.y, end.y, "H")
    right = between(start.x + start.width, end.x + end.width, "W")
    bottom = between(start.y + start.height, end.y + end.height, "H")
    corners = (
        ("x0", left),
        ("y0", top),
        ("x1", right),
        ("y1", top),
        ("x2", left),
        ("y2", bottom),
        ("x3", right),
        ("y3", bottom),
    )
    told = ":".join(f"{name}='{value}'" for name, value in corners)
    return f"perspective={told}:interpolation=cubic:eval=frame"


def _blurred(graph: Graph, layer: Layer, stream: str, width: int, height: int, box: Box | None, number: int) -> str:
    """Blur outside the subject. Wide blurs are made at a smaller size: the eye cannot tell, and it costs a tenth."""
    assert layer.blur
    sigma = layer.blur.sigma * height / 1080
    smaller = 4 if sigma >= 8 else 2 if sigma >= 3 else 1
    sharp, soft = graph.label(), graph.label()
    graph.chains.append(f"{stream}split{sharp}{soft}")
    small = [f"scale=iw/{smaller}:ih/{smaller}:flags=bilinear"] if smaller > 1 else []
    back = [f"scale={width}:{height}:flags=bilinear"] if smaller > 1 else []
    blurred = graph.chain(soft, [*small, f"gblur=sigma={sigma / smaller:.3f}:steps=2", *back])
    if masks := graph.paths.get(f"mask{number}"):
        mask = _person(graph, layer, masks, box, width, height)
        return graph.chain(blurred + sharp + mask, ["maskedmerge"])
    subject = layer.blur.subject or (Box(0.3, 0.1, 0.4, 0.9) if layer.blur.person else None)
    if subject is None:
        graph.chains.append(f"{sharp}nullsink")
        return blurred
    mask = graph.plate(plates.outside(graph.cache, width, height, _within(subject, box)), width, height)
    return graph.chain(sharp + blurred + mask, ["maskedmerge"])


def _within(subject: Box, box: Box | None) -> Box:
    """A box of the source picture as a box of the part of it that is shown."""
    if box is None:
        return subject
    return Box((subject.x - box.x) / box.width, (subject.y - box.y) / box.height,
               subject.width / box.width, subject.height / box.height)  # fmt: skip


def _lifted(graph: Graph, layer: Layer, stream: str, width: int, height: int, box: Box | None, number: int) -> str:
    """More light on the subject alone; with the masks of a person on what is both in its box and of the person.

    Where the masks show nobody, as when they have left, nothing gets light: the box alone would light what is behind.
    """
    assert layer.lift
    if layer.lift.person and graph.paths.get(f"mask{number}") == "":
        return stream
    factor = layer.lift.factor
    plain, light = graph.label(), graph.label()
    graph.chains.append(f"{stream}split{plain}{light}")
    colour = f"clip((val-128)*{factor:.5f}+128,16,240)"
    lighter = graph.chain(light, [f"lutyuv=y='clip((val-16)*{factor:.5f}+16,16,235)':u='{colour}':v='{colour}'"])
    where = _within(layer.lift.subject, box)
    mask = graph.plate(plates.inside(graph.cache, width, height, where), width, height)
    if layer.lift.person and (masks := graph.paths.get(f"mask{number}")):
        mask = graph.chain(mask + _person(graph, layer, masks, box, width, height), ["blend=all_mode=multiply"])
    return graph.chain(plain + lighter + mask, ["maskedmerge"])


def _person(graph: Graph, layer: Layer, name: str, box: Box | None, width: int, height: int) -> str:
    """The masks of a person, one for each source frame, on the same way as the picture: 1 where the person is."""
    size, path = name.split(":", 1)
    rate = timecode.spell(layer.media.fps)
    options = ["-f", "rawvideo", "-pixel_format", "gray", "-video_size", size, "-framerate", rate]
    filters = [f"settb=1/({rate})", f"setpts=N+{layer.first}", *_retime(layer, graph.shape)]
    if box:
        filters.append(f"crop=iw*{box.width:.6f}:ih*{box.height:.6f}:iw*{box.x:.6f}:ih*{box.y:.6f}:exact=1")
    filters += [f"scale={width}:{height}:flags=bicubic", "format=gray"]
    stream = graph.chain(graph.file(options, path), filters)
    luma, chroma, u, v = (graph.label() for _ in range(4))
    graph.chains.append(f"{stream}split{luma}{chroma}")
    half = graph.chain(chroma, [f"scale={width // 2}:{height // 2}:flags=bilinear"])
    graph.chains.append(f"{half}split{u}{v}")
    return graph.chain(luma + u + v, ["mergeplanes=0x001020:yuv420p"])


def _finished(graph: Graph, layer: Layer, stream: str, width: int, height: int) -> str:
    """What is laid over the picture: sharpness, bloom, vignette, grain; then bars."""
    effects, shape = layer.effects, graph.shape
    if value := effects.get("sharpen"):
        stream = graph.chain(stream, [f"unsharp=5:5:{value * 1.5:.3f}:5:5:0"])
    if value := effects.get("bloom"):
        sharp, soft = graph.label(), graph.label()
        graph.chains.append(f"{stream}split{sharp}{soft}")
        light = graph.chain(soft, [
            "scale=iw/4:ih/4:flags=bilinear", "lutyuv=y='clip((val-120)*1.4,0,200)':u=128:v=128",
            f"gblur=sigma={height / 120:.2f}:steps=2", f"scale={width}:{height}:flags=bilinear",
        ])  # fmt: skip
        mixed = f"blend=c0_mode=screen:c0_opacity={value:.4f}:c1_mode=normal:c2_mode=normal"
        stream = graph.chain(sharp + light, [mixed, "limiter=min=16:max=235:planes=1"])
    if value := effects.get("vignette"):
        mask = graph.plate(plates.vignette(graph.cache, width, height, value), width, height)
        black = graph.label()
        rate = timecode.spell(shape.fps)
        graph.chains.append(
            f"color=c=black:s={width}x{height}:r={rate},format=yuv420p,settb=1/({rate}),setpts=N{black}"
        )
        stream = graph.chain(graph.chain(stream, ["setsar=1"]) + black + mask, ["maskedmerge"])
    if value := effects.get("grain"):
        margin = plates.GRAIN_MARGIN
        plate = graph.plate(plates.grain(graph.cache, width, height, value), width + margin, height + margin)
        at = layer.tick
        x, y = f"2*mod((n+{at})*53,{margin // 2 - 1})", f"2*mod((n+{at})*37,{margin // 2 - 5})"
        noise = graph.chain(plate, [f"crop={width}:{height}:'{x}':'{y}'"])
        stream = graph.chain(stream + noise, ["blend=all_mode=grainmerge"])
    if (width, height) != (shape.width, shape.height):
        left, top = (shape.width - width) // 4 * 2, (shape.height - height) // 4 * 2
        stream = graph.chain(stream, [f"pad={shape.width}:{shape.height}:{left}:{top}"])
    if value := effects.get("letterbox"):
        bar = bar_height(shape, value)
        across = side_bar(shape, value)
        if bar:
            bars = (f"drawbox=0:0:iw:{bar}:black:fill", f"drawbox=0:ih-{bar}:iw:{bar}:black:fill")
            stream = graph.chain(stream, bars)
        elif across:
            bars = (f"drawbox=0:0:{across}:ih:black:fill", f"drawbox=iw-{across}:0:{across}:ih:black:fill")
            stream = graph.chain(stream, bars)
    return stream


def bar_height(shape: Shape, aspect: float) -> int:
    """Lines of black above and below that leave a picture of this shape; none if the frame is wider."""
    return max(0, int((shape.height - shape.width / aspect) / 4) * 2)


def side_bar(shape: Shape, aspect: float) -> int:
    """Columns of black at each side, where the frame is wider than the picture."""
    return max(0, int((shape.width - shape.height * aspect) / 4) * 2)


def fit(width: int, height: int, frame_width: int, frame_height: int) -> tuple[int, int]:
    """The largest even size of the same shape that fits; a difference of one sampling step counts as none."""
    scale = min(Fraction(frame_width, width), Fraction(frame_height, height))
    fitted = [timecode.round_half_up(side * scale / 2) * 2 for side in (width, height)]
    wide = frame_width if frame_width - fitted[0] <= 2 else fitted[0]
    high = frame_height if frame_height - fitted[1] <= 2 else fitted[1]
    return max(2, wide), max(2, high)
