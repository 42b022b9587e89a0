"""Pictures for terminals: what each protocol's bytes say when they are read back, and that no pipe gets any."""

from __future__ import annotations

import base64
import os
import re

import pytest

from roadmap_cli.cli import terminal_pictures

numpy = pytest.importorskip("numpy")


@pytest.fixture
def picture():
    return numpy.random.default_rng(1).integers(0, 256, (40, 70, 3), dtype=numpy.uint8)


def test_kitty_s_pieces_add_up_to_the_picture(picture):
    text = terminal_pictures.kitty(picture)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert pieces[0][0].startswith("a=T,f=24,s=70,v=40")
    assert all(len(data) <= 4096 for _, data in pieces)
    assert [head.rpartition("m=")[2] for head, _ in pieces] == [*["1"] * (len(pieces) - 1), "0"]
    assert base64.b64decode("".join(data for _, data in pieces)) == picture.tobytes()


def test_sixels_paint_every_pixel_once_in_about_its_colour(picture):
    picture[:20] = (255, 0, 0)
    text = terminal_pictures.sixel(picture)
    palette = {int(n): [int(v) * 2.55 for v in rgb] for n, *rgb in re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)", text)}
    body = re.sub(r"#\d+;2;\d+;\d+;\d+", "", text[text.index("#") : text.index("\x1b\\", 3)])
    painted = numpy.full((42, 70, 3), -1.0)
    for band, row in enumerate(body.split("-")[:-1]):
        for run in row.split("$"):
            if not run:
                continue
            number, rest = re.match(r"#(\d+)(.*)", run, re.S).groups()
            at = 0
            for count, one, single in re.findall(r"!(\d+)([?-~])|([?-~])", rest):
                bits, wide = ord(one or single) - 63, int(count or 1)
                for bit in range(6):
                    if bits >> bit & 1:
                        assert (painted[band * 6 + bit, at : at + wide] == -1).all()
                        painted[band * 6 + bit, at : at + wide] = palette[int(number)]
                at += wide
            assert at == 70
    assert (painted[:40] >= 0).all()
    assert numpy.abs(painted[:20] - (255, 0, 0)).max() < 2
    assert numpy.abs(painted[20:40] - picture[20:]).mean() < 30


def test_blocks_hold_two_rows_a_line_and_end_plain(picture):
    lines = terminal_pictures.blocks(picture, "truecolor").splitlines()
    assert len(lines) == 20
    assert all(line.count("\u2580") == 70 and line.endswith("\x1b[0m") for line in lines)
    red, green, blue = picture[0, 0].tolist()
    assert lines[0].startswith(f"\x1b[38;2;{red};{green};{blue};48;2;")
    assert terminal_pictures.blocks(picture, None) == ""
    assert "38;5;" in terminal_pictures.blocks(picture, "256")


@pytest.mark.parametrize(
    ("answer", "way"),
    [
        (b"\x1b_Gi=709;OK\x1b\\\x1b[?62;c", "kitty"),
        (b"\x1b[?62;4;22c", "sixel"),
        (b"\x1b[?64;1;2;6;22c", "blocks"),
        (b"\x1b[?44c", "blocks"),
        (b"", "blocks"),
        (b"\x1b[?", "blocks"),
        (b"garbage\xff", "blocks"),
    ],
)
def test_a_terminal_s_answer_is_read(answer, way):
    assert terminal_pictures.read_answer(answer) == way


def test_no_pipe_is_drawn_on():
    reading, writing = os.pipe()
    try:
        assert terminal_pictures.protocol({"TERM": "xterm-kitty"}, writing) == "none"
    finally:
        os.close(reading)
        os.close(writing)
    assert terminal_pictures.protocol({"TERM": "dumb"}, 1) == "none"
