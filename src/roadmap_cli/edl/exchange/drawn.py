"""Small pictures and tables an export needs beside it: wipe gradients, colour tables. Pure functions of numbers."""

from __future__ import annotations

import hashlib
import zlib

from roadmap_cli.core import records
from roadmap_cli.edl import grade
from roadmap_cli.edl.edit import Box
from roadmap_cli.edl.grade import Grade

#: Size of a wipe's gradient: wide enough that its edge is sharp on any picture.
_WIPE = (1024, 1024)


def wipe(sort: str) -> bytes:
    """A luma map as a 16-bit PGM: dark parts change first. `wipe_left`: the edge runs from right to left."""
    width, height = _WIPE
    if sort in {"wipe_left", "wipe_right"}:
        row = [65535 * x // (width - 1) for x in range(width)]
        if sort == "wipe_left":
            row.reverse()
        body = b"".join(value.to_bytes(2) for value in row) * height
    else:
        column = [65535 * y // (height - 1) for y in range(height)]
        if sort == "wipe_up":
            column.reverse()
        body = b"".join(value.to_bytes(2) * width for value in column)
    return b"P5\n%d %d\n65535\n" % _WIPE + body


def table(look: Grade, lift: float = 0.0) -> tuple[str, bytes]:
    """A look's colour table: a file name made from its numbers, and its bytes.

    `lift` is added to every value. MLT 7.12 turns RGB into YUV by cutting off, not rounding (1.8 code values darker,
    measured; 0 where the consumer asks for RGB): 1/255 in its tables halves the worst error of both ways.
    """
    name = hashlib.sha256(records.canonical(grade.identity(look))).hexdigest()[:16]
    data = grade.cube(look)
    if lift:
        head, _, body = data.partition(b"\nLUT_3D_SIZE")
        size, _, body = body.partition(b"\n")
        values = [min(1.0, float(value) + lift) for value in body.split()]
        lines = "%.6f %.6f %.6f\n" * (len(values) // 3) % tuple(values)
        data = head + b"\nLUT_3D_SIZE" + size + b"\n" + lines.encode()
        name += f"-{round(lift * 255)}"
    return f"look-{name}.cube", data


def subject_mask(box: Box, width: int, height: int) -> tuple[str, bytes]:
    """Where a background is blurred, as an 8-bit grey PNG: white outside the subject's box, black in it, soft between.

    The edge is a smoothstep an eighth of the box's shorter side wide, outside the box: the subject itself stays sharp.
    """
    wide, high = max(2, width // 4), max(2, height // 4)
    soft = max(1.0, min(box.width * wide, box.height * high) / 8)

    def outside(count: int, least: float, most: float) -> list[float]:
        return [max(least * count - n - 0.5, n + 0.5 - most * count, 0.0) for n in range(count)]

    across = outside(wide, box.x, box.x + box.width)
    down = outside(high, box.y, box.y + box.height)
    lines = []
    for y in down:
        line = bytearray(b"\0")
        for x in across:
            share = min(1.0, (x * x + y * y) ** 0.5 / soft)
            line.append(round(255 * share * share * (3 - 2 * share)))
        lines.append(bytes(line))
    data = _png(wide, high, b"".join(lines))
    return f"mask-{hashlib.sha256(data).hexdigest()[:16]}.png", data


def _png(width: int, height: int, lines: bytes) -> bytes:
    """An 8-bit grey PNG of lines that each begin with their filter byte."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
