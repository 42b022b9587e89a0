"""High dynamic range as standard: pictures in PQ or HLG (ITU-R BT.2100) brought to BT.709, to measure and to render.

White is 203 nits (ITU-R BT.2408), as it is where standard pictures are put into such films, so that these come out as
they were. Up to half of that light nothing changes; what is brighter goes along a Mobius curve that ends at ten whites,
2030 nits. Light is that of displays on both sides: by SMPTE ST 2084, by ARIB STD-B67 with its system gamma of 1.2, and
by BT.1886 with its gamma of 2.4. ffmpeg's zscale does this in linear light with the primaries of BT.709. Where it is
missing, the same curves are applied to luma as if it were grey, and chroma is spread by a constant: hues are then those
of BT.2020, a little pale.
"""

from __future__ import annotations

import functools

from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Chain, Programs

#: What the mapping is called in the keys of what was made with it.
METHOD = "mobius-203"
#: Values of ffprobe's color_transfer.
_PQ, _HLG = "smpte2084", "arib-std-b67"
_WHITE_NITS, _PEAK = 203, 10
#: Light up to this share of white stays as it is.
_KEPT = 0.5
#: How far chroma is spread without zscale: what brings colours of standard films in PQ and HLG back, on the average.
_SPREAD = {_PQ: 2.6, _HLG: 1.6}


def is_high(media: Media) -> bool:
    """Whether a source is in PQ or HLG."""
    return media.transfer in (_PQ, _HLG)


def to_standard(media: Media, zscale: bool) -> Chain:
    """Filters that make 10-bit pictures of a source standard; none for one that is. They come out as `matrix` says."""
    if not is_high(media):
        return []
    if not zscale:
        return [("format", {"pix_fmts": "yuv420p10le"}), ("lutyuv", _by_luma(media.transfer))]
    told: dict[str, str | int] = {"tin": media.transfer, "min": "bt2020nc", "pin": "bt2020"}
    return [
        ("format", {"pix_fmts": "yuv420p10le"}),
        ("zscale", told | {"t": "linear", "npl": _WHITE_NITS}),
        ("format", {"pix_fmts": "gbrpf32le"}),
        ("zscale", {"p": "bt709"}),
        ("tonemap", {"tonemap": "mobius", "param": str(_KEPT), "peak": _PEAK, "desat": 0}),
        ("zscale", {"t": "bt709", "m": "bt709", "r": "tv"}),
        ("format", {"pix_fmts": "yuv420p"}),
    ]


def matrix(media: Media, zscale: bool) -> str:
    """The matrix of what `to_standard` gives, which for a standard source is its own."""
    return "bt709" if is_high(media) and zscale else media.matrix


def measured(found: Programs, media: Media) -> Chain:
    """`to_standard` as this ffmpeg can do it."""
    return to_standard(media, can(found)) if is_high(media) else []


@functools.cache
def can(found: Programs) -> bool:
    """Whether this ffmpeg has zscale."""
    return "zscale" in found.filters()


def _by_luma(transfer: str) -> dict[str, str | int]:
    """The mapping of luma codes and the spread of chroma codes, as expressions of lutyuv."""
    code = "clip((val-minval)/(maxval-minval),0,1)"
    if transfer == _PQ:  # ST 2084, equation 4.1, in whites
        light = (
            f"st(0,pow({code},1/78.84375));"
            f"st(1,10000/{_WHITE_NITS}*pow(max(ld(0)-0.8359375,0)/(18.8515625-18.6875*ld(0)),1/0.1593017578125));"
        )
    else:  # BT.2100, table 5, for a display of 1000 nits
        light = (
            f"st(0,{code});st(1,1000/{_WHITE_NITS}*"
            "pow(if(lte(ld(0),0.5),ld(0)*ld(0)/3,(exp((ld(0)-0.55991073)/0.17883277)+0.28466892)/12),1.2));"
        )
    # ffmpeg's Mobius curve: (x + a) / (x + b), scaled so that it meets x at `_KEPT` with the same slope.
    a = -(_KEPT**2) * (_PEAK - 1) / (_KEPT**2 - 2 * _KEPT + _PEAK)
    b = (_KEPT**2 - 2 * _KEPT * _PEAK + _PEAK) / (_PEAK - 1)
    scale = (b * b + 2 * b * _KEPT + _KEPT**2) / (b - a)
    curve = f"if(lte(ld(1),{_KEPT}),ld(1),{scale:.8f}*(ld(1)+{a:.8f})/(ld(1)+{b:.8f}))"
    chroma = f"512+(val-512)*{_SPREAD[transfer]}"
    return {"y": f"{light}minval+(maxval-minval)*pow(min({curve},1),1/2.4)", "u": chroma, "v": chroma}
