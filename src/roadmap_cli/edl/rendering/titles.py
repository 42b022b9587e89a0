"""Titles: a font that has their characters, lines that fit the picture, and the filters that draw them.

The words go to ffmpeg in a file of their own and are never part of a command or a filter's text, so that nothing in
them can be read as anything else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate, Unavailable
from roadmap_cli.edl.rendering.pieces import Line, Shape

METHOD = "titles-1"
#: The widest a line may be, and the least its letters are made smaller for that.
_WIDEST, _SMALLEST = 0.9, 0.35
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")
_LIKED = ("DejaVuSans-Bold", "LiberationSans-Bold", "NotoSans-Bold", "FreeSansBold", "DejaVuSans", "NotoSans-Regular")


@dataclass(frozen=True, slots=True)
class Font:
    """A font file, what identifies its content, and how wide its characters are in shares of the size."""

    path: Path
    sha256: str
    widths: dict[int, float]

    def has(self, text: str) -> bool:
        """Whether it has a glyph for every character that shows."""
        return all(ord(letter) in self.widths for letter in text if letter.isprintable() and not letter.isspace())

    def width(self, text: str) -> float:
        """How wide a line is, in shares of the size."""
        return sum(self.widths.get(ord(letter), 0.6) for letter in text)


def font_for(text: str) -> Font:
    """A font that has all characters of a text, else the usual one. Raises Unavailable if there is no font at all."""
    usual: Font | None = None
    strange = "".join(sorted({letter for letter in text if ord(letter) > 0x24F and not letter.isspace()}))
    for path in _files(strange):
        with suppress(OSError, ValueError, struct.error, IndexError):
            font = _open(path)
            if font.has(text):
                return font
            usual = usual or font
    if usual is None:
        raise Unavailable("no font found for titles", hint="apt-get install fonts-dejavu-core", code="no_font")
    return usual


@lru_cache(maxsize=64)
def _files(strange: str) -> tuple[Path, ...]:
    """Fonts in the order they are tried: what fontconfig offers, then those usually there."""
    found: list[Path] = []
    if matcher := shutil.which("fc-match"):
        patterns = ["sans:bold"]
        if strange:
            patterns.append("sans:bold:charset=" + " ".join(f"{ord(letter):x}" for letter in strange[:64]))
        for pattern in patterns:
            done = subprocess.run([matcher, "-f", "%{file}\n", pattern], capture_output=True, check=False)
            found += [Path(os.fsdecode(line)) for line in done.stdout.splitlines() if line]
    there = [path for folder in _FOLDERS for path in Path(folder).expanduser().rglob("*.[to]tf")]
    there.sort(key=lambda path: (_LIKED.index(path.stem) if path.stem in _LIKED else len(_LIKED), str(path)))
    return tuple(dict.fromkeys([*found, *there[:200]]))


@lru_cache(maxsize=64)
def _open(path: Path) -> Font:
    """Read a TrueType or OpenType font's character map and advance widths.

    ISO/IEC 14496-22 tables cmap (formats 4 and 12), head, hhea and hmtx. Raises ValueError or struct.error if it is
    none, OSError if it cannot be read.
    """
    data = path.read_bytes()
    start = struct.unpack_from(">L", data, 12)[0] if data[:4] == b"ttcf" else 0
    tables = {}
    for n in range(struct.unpack_from(">H", data, start + 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, start + 12 + 16 * n)
        tables[tag] = offset
    if not {b"cmap", b"head", b"hhea", b"hmtx"} <= tables.keys():
        raise ValueError(f"not a font with outlines: {path}")
    em = struct.unpack_from(">H", data, tables[b"head"] + 18)[0]
    count = struct.unpack_from(">H", data, tables[b"hhea"] + 34)[0]
    glyphs: dict[int, int] = {}
    base = tables[b"cmap"]
    for n in range(struct.unpack_from(">H", data, base + 2)[0]):
        platform, _, offset = struct.unpack_from(">HHL", data, base + 4 + 8 * n)
        if platform in (0, 3):
            glyphs |= _characters(data, base + offset)
    widths = {}
    for letter, glyph in glyphs.items():
        advance = struct.unpack_from(">H", data, tables[b"hmtx"] + 4 * min(glyph, count - 1))[0]
        widths[letter] = advance / em
    return Font(path, hashlib.sha256(data).hexdigest(), widths)


def _characters(data: bytes, at: int) -> dict[int, int]:
    kind = struct.unpack_from(">H", data, at)[0]
    found: dict[int, int] = {}
    if kind == 12:
        for n in range(struct.unpack_from(">L", data, at + 12)[0]):
            first, last, glyph = struct.unpack_from(">LLL", data, at + 16 + 12 * n)
            found.update((letter, glyph + letter - first) for letter in range(first, min(last, first + 65_535) + 1))
    elif kind == 4:
        double = struct.unpack_from(">H", data, at + 6)[0]
        for n in range(0, double, 2):
            last = struct.unpack_from(">H", data, at + 14 + n)[0]
            first = struct.unpack_from(">H", data, at + 16 + double + n)[0]
            delta = struct.unpack_from(">H", data, at + 16 + 2 * double + n)[0]
            place = at + 16 + 3 * double + n
            offset = struct.unpack_from(">H", data, place)[0]
            for letter in range(first, min(last, 0xFFFE) + 1):
                glyph = letter
                if offset:
                    glyph = struct.unpack_from(">H", data, place + offset + 2 * (letter - first))[0]
                    if not glyph:
                        continue
                glyph = (glyph + delta) & 0xFFFF
                if glyph:
                    found[letter] = glyph
    return found


def laid_out(line: Line, font: Font, shape: Shape) -> tuple[list[str], float]:
    """The lines of a title and their size in pixels: broken between words, then made smaller, until they fit."""
    size = max(8.0, line.size * shape.height)
    room = _WIDEST * shape.width
    text = "".join(letter if letter == "\n" or letter.isprintable() else " " for letter in line.text.replace("\r", ""))
    for _ in range(12):
        lines = [part for row in text.split("\n") for part in _broken(row, font, room / size)]
        wide = max((font.width(part) * size for part in lines), default=0)
        if wide <= room and len(lines) * size * 1.25 <= 0.8 * shape.height:
            break
        if size <= max(8.0, _SMALLEST * line.size * shape.height):
            break
        size *= 0.9
    return lines, size


def _broken(row: str, font: Font, room: float) -> list[str]:
    lines, now = [], ""
    for word in row.split():
        longer = f"{now} {word}" if now else word
        if now and font.width(longer) > room:
            lines.append(now)
            now = word
        else:
            now = longer
    return [*lines, now]


def filters(lines: Sequence[Line], shape: Shape, cache: Path) -> list[str]:
    """The drawtext filters of a piece's titles, their words and fonts laid down in the cache (ffmpeg runs there).

    Raises Unavailable without a font, CannotCreate if the cache cannot be written.
    """
    found = []
    for line in lines:
        font = font_for(line.text)
        rows, size = laid_out(line, font, shape)
        face = laid_font(font, cache)
        pitch = size * 1.25
        block = pitch * len(rows)
        top = {"upper": shape.height * 0.09, "lower": shape.height * 0.9 - block}.get(
            line.place, (shape.height - block) / 2
        )
        edge = max(1, round(size / 40))
        ramp = line.fade + 1
        shown = (
            f"between(n+{line.age},0,{line.length - 1})"
            if line.age >= 0
            else f"between(n-{-line.age},0,{line.length - 1})"
        )
        count = f"(n+{line.age})" if line.age >= 0 else f"(n-{-line.age})"
        light = f"clip(min(({count}+1)/{ramp},({line.length}-{count})/{ramp}),0,1)"
        for number, row in enumerate(rows):
            if not row:
                continue
            words = laid_words(row, cache)
            found.append(
                f"drawtext=fontfile={face}:textfile={words}:expansion=none:fontsize={size:.2f}:fontcolor=white"
                f":borderw={edge}:bordercolor=black@0.45:shadowx={edge}:shadowy={edge}:shadowcolor=black@0.5"
                f":x=(w-text_w)/2:y={top + number * pitch:.1f}+({pitch:.1f}-max_glyph_h)/2"
                f":alpha='{light}':enable='{shown}'"
            )
    return found


def identity(lines: Sequence[Line]) -> dict[str, object]:
    """What decides how titles look beside their numbers: the method and the fonts' content."""
    return {"titles": METHOD, "fonts": [font_for(line.text).sha256 for line in lines]} if lines else {}


def laid_font(font: Font, cache: Path) -> str:
    """A font's copy in the cache, by its name from there. Raises CannotCreate."""
    return _laid(cache / "fonts" / f"{font.sha256[:24]}{font.path.suffix.lower()}", font.path.read_bytes())


def laid_words(words: str, cache: Path) -> str:
    """A file of words in the cache, by its name from there. Raises CannotCreate."""
    data = words.encode("utf-8", "replace")
    return _laid(cache / "titles" / f"{hashlib.sha256(data).hexdigest()[:24]}.txt", data)


def _laid(place: Path, data: bytes) -> str:
    """A small file in the cache, by its name from there."""
    if not place.is_file():
        temporary = place.with_name(f".{place.name}.{os.getpid()}.{id(data)}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(place)
        except OSError as error:
            raise CannotCreate(f"cannot write {place.parent}: {(error.strerror or str(error)).lower()}") from None
        finally:
            temporary.unlink(missing_ok=True)
    return f"{place.parent.name}/{place.name}"
