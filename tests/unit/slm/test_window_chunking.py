"""Pieces of long messages: nothing lost, sizes held, cut where the text is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.slm.window.chunking import LEAST, MOST, count_words, pieces

TEXTS = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            ["日本語" * 60, "\n\n", "```\n", "- ", "\n", ". ", "word " * 50, "# Head\n", "x" * 500, "e\u0301", "\r\n"]
        ),
    ),
    max_size=60,
).map("".join)


@given(TEXTS)
def test_the_pieces_of_a_message_are_the_message(text):
    found = pieces(text)
    assert "".join(text[piece.start : piece.end] for piece in found) == text
    assert all(piece.words == count_words(text[piece.start : piece.end]) for piece in found)
    assert len(found) == 1 or all(piece.words <= MOST for piece in found)


def test_a_short_message_is_one_piece():
    assert [piece.words for piece in pieces("just a few words")] == [4]


def test_paragraphs_are_packed_up_to_the_greatest_size_and_code_stays_whole():
    code = "```python\n" + "x = 1  # one\n" * 30 + "```\n"
    text = ("A sentence of six words here. " * 12 + "\n\n") * 4 + code + "The end of it. " * 40
    found = pieces(text)
    assert len(found) > 2
    assert any(code in text[piece.start : piece.end] for piece in found)
    assert all(piece.words >= LEAST for piece in found[:-1])


def test_a_text_is_cut_where_its_meaning_turns():
    import numpy

    def embed(texts):
        return numpy.array([[1.0, 0.0] if "cat" in text else [0.0, 1.0] for text in texts], numpy.float32)

    cats = "The cat sat on the mat and slept there all day long. " * 3 + "\n\n"
    stocks = "Shares fell again today on fears of rising rates worldwide. " * 3 + "\n\n"
    text = cats * 3 + stocks * 6
    first = pieces(text, embed)[0]
    assert text[first.start : first.end] == cats * 3


def test_long_lines_of_code_and_words_without_spaces_are_cut_too():
    code = "```\n" + "x = 1 " * 400 + "\n```\n"
    assert max(piece.words for piece in pieces(code)) <= MOST
    assert count_words("x" * 40) == 1
    assert count_words("a " + "x" * 81) == 4
    blob = "QUJD" * 10_000
    found = pieces(blob)
    assert sum(piece.words for piece in found) == count_words(blob) == 1000
    assert max(piece.words for piece in found) <= MOST
