"""Pictures on a terminal: by the kitty or the sixel protocol where it can, else by half blocks in colour.

The rule: nothing is ever written that the terminal has not been asked about. A terminal is known by its environment or
by its own answer (primary device attributes, and kitty's query); what is no terminal gets nothing at all.
"""

from __future__ import annotations

import base64
import os
import select
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

#: How long a terminal may take to answer, in seconds; over a slow line pictures are drawn with blocks.
_PATIENCE_S = 0.25
_KITTY_ASKS = b"\x1b_Gi=709,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_ATTRIBUTES_ASKED = b"\x1b[c"
_KITTY_NAMES = ("xterm-kitty", "xterm-ghostty")
_KITTY_PROGRAMS = ("ghostty", "WezTerm")
#: The threshold matrix of ordered dithering (Bayer, 1973), 4 by 4.
_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))


def protocol(environ: Mapping[str, str], descriptor: int) -> str:
    """How to draw there: ``kitty``, ``sixel``, ``blocks``, or ``none`` for what is no terminal."""
    term = environ.get("TERM", "")
    try:
        if not os.isatty(descriptor) or term in ("", "dumb"):
            return "none"
    except OSError:
        return "none"
    if environ.get("TMUX") or term.startswith(("screen", "tmux")):
        return "blocks"  # a multiplexer swallows what it does not know
    if term in _KITTY_NAMES or environ.get("KITTY_WINDOW_ID") or environ.get("TERM_PROGRAM") in _KITTY_PROGRAMS:
        return "kitty"
    if term.startswith("linux"):
        return "blocks"
    return read_answer(_asked())


def read_answer(answer: bytes) -> str:
    """What a terminal's answers to kitty's query and to the primary device attributes mean."""
    if b"\x1b_Gi=709;OK" in answer:
        return "kitty"
    start = answer.rfind(b"\x1b[?")
    attributes = answer[start + 3 :].partition(b"c")[0].split(b";") if start >= 0 else []
    return "sixel" if b"4" in attributes else "blocks"


def _asked() -> bytes:
    """Ask the controlling terminal what it is, with echo off; what it says within a quarter of a second."""
    import termios
    import tty

    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return b""
    answer = b""
    try:
        # A job in the background must not touch the terminal: it would be stopped.
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return b""
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            os.write(terminal, _KITTY_ASKS + _ATTRIBUTES_ASKED)
            until = time.monotonic() + _PATIENCE_S
            while (left := until - time.monotonic()) > 0 and select.select([terminal], [], [], left)[0]:
                answer += os.read(terminal, 256)
                if b"\x1b[?" in answer and answer.endswith(b"c"):
                    break
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
    except (OSError, termios.error):
        return b""
    finally:
        with suppress(OSError):
            os.close(terminal)
    return answer


def size(descriptor: int, columns: int) -> tuple[int, int]:
    """How wide a picture may be in pixels, and how many pixels a column has: as the terminal says, else as usual."""
    import fcntl
    import struct
    import termios

    with suppress(OSError):
        told = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
        if told[1] and told[2]:
            return min(told[2], columns * (told[2] // told[1])), told[2] // told[1]
    return columns * 8, 8


def kitty(picture: Any) -> str:
    """A picture (height, width, 3) of bytes in kitty's graphics protocol, in pieces of 4,096 letters."""
    height, width = picture.shape[:2]
    data = base64.standard_b64encode(picture.tobytes()).decode()
    pieces = [data[n : n + 4096] for n in range(0, len(data), 4096)]
    out = []
    for n, piece in enumerate(pieces):
        more = int(n + 1 < len(pieces))
        head = f"a=T,f=24,s={width},v={height},q=2,m={more}" if n == 0 else f"m={more}"
        out.append(f"\x1b_G{head};{piece}\x1b\\")
    return "".join(out) + "\n"


def sixel(picture: Any) -> str:
    """A picture (height, width, 3) of bytes as sixels: a fixed palette of 6×7×6 colours, dithered, run lengths."""
    import numpy

    height, width = picture.shape[:2]
    levels = numpy.array([5, 6, 5])
    bayer = (numpy.array(_BAYER) + 0.5) / 16
    tiled = numpy.tile(bayer, (-(-height // 4), -(-width // 4)))[:height, :width, None]
    steps = numpy.clip((picture / 255 * levels + tiled).astype(int), 0, levels)
    index = (steps[..., 0] * 7 + steps[..., 1]) * 6 + steps[..., 2]
    out = [f'\x1bPq"1;1;{width};{height}']
    for colour in numpy.unique(index):
        red, rest = divmod(int(colour), 42)
        green, blue = divmod(rest, 6)
        out.append(f"#{colour};2;{red * 20};{round(green * 100 / 6)};{blue * 20}")
    bits = 1 << numpy.arange(6)
    for top in range(0, height, 6):
        band = index[top : top + 6]
        for colour in numpy.unique(band):
            columns = ((band == colour) * bits[: len(band), None]).sum(axis=0) + 63
            out.append(f"#{colour}{_runs(columns)}$")
        out.append("-")
    return "".join(out) + "\x1b\\\n"


def _runs(columns: Any) -> str:
    import numpy

    edges = numpy.flatnonzero(numpy.diff(columns)) + 1
    starts = [0, *edges.tolist()]
    ends = [*edges.tolist(), len(columns)]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        letter = chr(int(columns[start]))
        count = end - start
        parts.append(f"!{count}{letter}" if count > 3 else letter * count)
    return "".join(parts)


def blocks(picture: Any, colours: str | None) -> str:
    """A picture (height, width, 3), one column a cell and two rows a line, as half blocks.

    `colours` is ``truecolor``, ``256`` or ``standard``; without colours nothing is drawn.
    """
    if not colours:
        return ""
    lines = []
    for top in range(0, picture.shape[0] - 1, 2):
        cells = []
        last = ""
        for upper, lower in zip(picture[top].tolist(), picture[top + 1].tolist(), strict=True):
            now = f"\x1b[{_colour(upper, 38, colours)};{_colour(lower, 48, colours)}m"
            cells.append(("" if now == last else now) + "\u2580")
            last = now
        lines.append("".join(cells) + "\x1b[0m\n")
    return "".join(lines)


def _colour(rgb: list[int], base: int, colours: str) -> str:
    red, green, blue = rgb
    if colours == "truecolor":
        return f"{base};2;{red};{green};{blue}"
    if colours == "256":
        cube = [round(value / 255 * 5) for value in rgb]
        return f"{base};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}"
    bright = 60 if max(rgb) > 170 else 0
    bits = (red > 85) + 2 * (green > 85) + 4 * (blue > 85)
    return str(base - 8 + bits + bright)
