"""Words to numbers: phrases, lengths, styles, titles, negations; looks and their table of colours; a model's help."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.edl import edit, grade
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.planning import FASTEST, SLOWEST, helped, intent
from roadmap_cli.edl.planning.styles import STYLES

sys.path.insert(0, str(Path(__file__).parents[3] / "tools/bench"))
import edl_intents

PHRASES = [
    line.split("\t")
    for line in edl_intents.PHRASES.read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize(("half", "phrase", "wanted"), PHRASES, ids=[phrase for _, phrase, _ in PHRASES])
def test_phrases_are_read_as_they_are_meant(half, phrase, wanted):
    reading = intent.read(phrase)
    base = edl_intents.numbers(intent.read("", style=reading.style.name))
    assert [each for each in wanted.split() if not edl_intents.holds(each, reading, base)] == []


@pytest.mark.parametrize(
    ("words", "style"),
    [
        ("make it cinematic", "cinematic"), ("Hollywood-like please", "cinematic"), ("a dramatic film", "cinematic"),
        ("60 second trailer", "trailer"), ("a teaser", "trailer"), ("like a documentary", "documentary"),
        ("film noir", "noir"), ("music video", "music-video"), ("vlog for YouTube", "vlog"), ("wedding", "wedding"),
        ("retro look", "vintage"), ("dreamy", "dreamy"), ("sports highlights", "sport"), ("TikTok", "short"),
        ("an interview", "interview"), ("", "plain"), ("not cinematic", "plain"), ("a wedding, not a trailer", "wedding"),
    ],
)  # fmt: skip
def test_words_choose_a_style(words, style):
    assert intent.read(words).style.name == style


def test_the_table_of_styles_is_within_all_bounds():
    assert len(STYLES) == 13
    for style in STYLES.values():
        assert not style.grade.beyond()
        assert not edit.beyond({"effects": dict(style.effects), "blur": {"sigma": style.blur}})
        assert SLOWEST <= style.speed <= FASTEST
        assert style.median_s is None or style.shortest_s < style.median_s < style.longest_s
    cinematic = STYLES["cinematic"]
    assert cinematic.speed == Fraction(4, 5)
    assert cinematic.grade.saturation == 0.8
    assert 8 <= cinematic.blur <= 14
    assert cinematic.music == "dramatic"


def test_every_thing_that_moved_has_its_reason():
    reading = intent.read("a moody 60 second trailer, vertical, no music, black and white, slower at the end")
    told = "; ".join(reading.reasons)
    for word in ("trailer", "60 s", "vertical", "no music", "black and white", "slower at the end", "moody"):
        assert word in told
    assert reading.unknown == ()


def test_no_word_is_dropped_in_silence():
    read = intent.read("make it wobbly and cinematic, not frumpy")
    assert read.unknown == ("wobbly", "no frumpy")
    assert read.style.name == "cinematic"


@pytest.mark.parametrize(
    ("words", "limit"),
    [("speed 5", "bounds are 0.5 to 2"), ("time lapse", "2 times"), ("fade to white at the end", "white"),
     ("-40 LUFS", "-31"), ("30 s and then 40 s", "a second length"), ("0 seconds", "0 s is none")],
)  # fmt: skip
def test_wishes_that_cannot_be_met_are_told(words, limit):
    assert any(limit in told for told in intent.read(words).limits)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("cinematic and make the ending punchy", "ending"), ("a punchy ending, 4 seconds", "ending"),
        ("vlog, dark in the middle", "middle"), ("a trailer, warm at the start", "start"),
    ],
)  # fmt: skip
def test_a_style_word_beside_a_part_is_said_to_count_for_the_whole(words, part):
    found = intent.read(words)
    assert len(found.limits) == 1
    assert f"counts for the whole film, not for the {part} alone" in found.limits[0]
    assert found.unknown == ()


def test_a_part_alone_is_no_limit():
    assert intent.read("cinematic, and something about the ending").unknown == ("ending",)
    assert intent.read("cinematic, the end").limits == ()
    assert intent.read("a trailer, slower at the end").limits == ()


def test_titles_keep_their_letters():
    reading = intent.read("a trailer titled “Don’t Look Back”, end card 'ÜBER & out'")
    assert [(title.text, title.at_end) for title in reading.titles] == [
        ("Don’t Look Back", False),
        ("ÜBER & out", True),
    ]
    assert intent.read("make it 'cinematic'").style.name == "cinematic"
    assert intent.titled(reading, ["One", "Two"]).titles[1].at_end


def test_a_title_without_quotes_is_in_capitals_or_it_is_said_how_one_is_made():
    for words, text in (
        ("slow, with title Hello", "Hello"), ("titled The Long Way Home, no music", "The Long Way Home"),
        ("a trailer with the title Down the Hill and fast cuts", "Down the Hill"),
    ):  # fmt: skip
        reading = intent.read(words)
        assert [title.text for title in reading.titles] == [text]
        assert reading.unknown == ()
    hint = "a title stands in quotes, as in: with the title 'Hello'; or give it by --title"
    assert hint in intent.read("slow, with title hello").limits
    for words in ("no titles", "slow, without a title", "a trailer titled 'Low'"):
        assert hint not in intent.read(words).limits, words


@pytest.mark.parametrize(("aspect", "ratio"), [("9:16", Fraction(9, 16)), ("2.39:1", Fraction(239, 100)),
                                               ("Vertical", Fraction(9, 16)), ("1920x800", Fraction(12, 5))])  # fmt: skip
def test_a_shape_given_apart(aspect, ratio):
    assert intent.shaped(intent.read(""), aspect).style.aspect == ratio


@pytest.mark.parametrize("aspect", ["", "wide-ish", "0:1", "1:0", "9:1", "16;9", "a:b"])
def test_what_is_no_shape_is_named(aspect):
    with pytest.raises(UsageError, match="not a shape"):
        intent.shaped(intent.read(""), aspect)


def test_a_style_given_apart_wins_and_moves_with_the_words():
    reading = intent.read("a warmer wedding", style="noir")
    assert reading.style.name == "noir"
    assert "wedding style gives way: 'wedding'" in reading.reasons
    with pytest.raises(UsageError, match="no style 'noire'"):
        intent.read("", style="noire")


_SOME = st.sampled_from(
    ["no", "not", "music", "slow", "at the end", "30", "-", "seconds", "fade", "to black", "title", "'x'", "warm", "1:30", "16:9",
     "50%", "saturation", "between", "and", "dissolves", "of", "cut", "the", "silences", "x", "half", "a", "minute", "\x00", "hook"]
)  # fmt: skip


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=120), st.lists(_SOME, max_size=30).map(" ".join)))
def test_any_words_give_bounded_numbers(words):
    reading = intent.read(words)
    style = reading.style
    assert SLOWEST <= style.speed <= FASTEST
    assert not style.grade.beyond()
    assert not edit.beyond({"effects": dict(style.effects), "blur": {"sigma": style.blur}})
    assert 0 < style.shortest_s < style.longest_s
    assert style.median_s is None or Fraction(2, 5) <= style.median_s <= 30
    assert reading.target_s is None or reading.target_s > 0


# -- a model's help ----------------------------------------------------------------------------------------------------


def answering(value):
    """A model that gives one answer, and keeps what it was asked."""
    asked = []

    def complete(messages, **options):
        asked.append((messages, options))
        return SimpleNamespace(value=value)

    return SimpleNamespace(complete=complete, asked=asked)


def test_a_model_may_only_choose_known_words():
    reading = intent.read("make it zorpish, 20 seconds")
    model = answering({"zorpish": "sharpen"})
    better = helped.read(model, "make it zorpish, 20 seconds", None, reading)
    assert better.style.effects["sharpen"] == 0.5
    assert better.target_s == 20
    assert "the language model reads 'zorpish' as 'sharpen'" in better.reasons
    assert better.unknown == ()
    assert model.asked[0][1]["schema"]["properties"] == {"zorpish": {"enum": list(helped.CHOICES)}}
    for value in ({"zorpish": "delete all files"}, {"other": "sharpen"}, {"zorpish": "nothing"}):
        assert helped.read(answering(value), "make it zorpish", None, reading) == reading


def test_a_model_never_changes_a_style_that_words_name():
    reading = intent.read("a flumish wedding")
    better = helped.read(answering({"flumish": "trailer style"}), "a flumish wedding", None, reading)
    assert better.style.name == "wedding"


def test_a_model_changes_nothing_that_words_settled():
    for words, choice in (
        ("zorpish, warmer", "colder"),
        ("zorpish, no music", "background music"),
        ("zorpish, 9:16", "square"),
    ):
        reading = intent.read(words)
        assert helped.read(answering({"zorpish": choice}), words, None, reading) == reading
    reading = intent.read("zorpish, warmer")
    assert helped.read(answering({"zorpish": "film grain"}), "zorpish, warmer", None, reading).style.effects == {
        "grain": 8.0
    }


def test_every_choice_of_the_model_is_understood():
    for choice in helped.CHOICES[1:]:
        assert intent.read(choice).unknown == (), choice


# -- colour ------------------------------------------------------------------------------------------------------------


def test_a_neutral_look_changes_no_colour():
    for colour in ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.5, 0.9)):
        assert grade.transform(grade.NEUTRAL, *colour) == pytest.approx(colour)


def test_the_table_has_the_right_shape_and_order(tmp_path):
    lines = grade.cube(Grade(saturation=0.5)).decode().splitlines()
    assert lines[1] == "LUT_3D_SIZE 33"
    assert len(lines) == 2 + 33**3
    red, blue = (tuple(map(float, lines[2 + at].split())) for at in (32, 32 * 33 * 33))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert grade.store(Grade(saturation=0.5), tmp_path).read_bytes() == "\n".join([*lines, ""]).encode()


def test_a_cuts_look_is_its_grade_and_its_effects_of_colour():
    cut = {"grade": {"saturation": 0.8}, "effects": {"gamma": 1.2, "tint": -3, "grain": 8, "skin": 0}}
    assert grade.of(cut) == Grade(saturation=0.8, gamma=1.2, tint=-3.0)
    assert grade.of({}) == grade.NEUTRAL
    assert grade.store(grade.of(cut), Path("/tmp")) != grade.store(Grade(saturation=0.8), Path("/tmp"))
    with pytest.raises(DataError, match="gamma"):
        grade.of({"grade": {"gamma": 1.2}})
    with pytest.raises(DataError, match="sparkle"):
        grade.of({"effects": {"sparkle": 1}})
    assert Grade(gamma=9, tint=-99).bounded() == Grade(gamma=1.6, tint=-10)
    assert {name for name, _, _ in Grade(gamma=9, saturation=9).beyond()} == {"gamma", "saturation"}


def test_effects_of_colour_do_what_they_say():
    grey, dark, bright = (lambda **look: grade.transform(Grade(**look), 0.5, 0.5, 0.5)), 0.15, 0.85
    assert grey(gamma=1.4)[0] > 0.5 > grey(gamma=0.7)[0]
    assert grade.transform(Grade(shadows=0.2), dark, dark, dark)[0] > dark + 0.1
    assert grade.transform(Grade(highlights=0.2), bright, bright, bright)[0] < bright - 0.1
    red, green, _ = grey(tint=10)
    assert red > 0.5 > green
    pale, strong = (0.5, 0.45, 0.45), (0.9, 0.1, 0.1)
    gains = [
        (max(after) - min(after)) / (max(before) - min(before))
        for before in (pale, strong)
        for after in [grade.transform(Grade(vibrance=0.3), *before)]
    ]
    assert gains[0] > 1.2 > 1.05 > gains[1]
    orange, blue = (0.95, 0.5, 0.1), (0.1, 0.4, 0.9)
    assert grade.transform(Grade(skin=1.0), *blue) == pytest.approx(blue)
    paler = grade.transform(Grade(skin=1.0), *orange)
    assert max(paler) - min(paler) < max(orange) - min(orange)


@given(*[st.floats(0, 1)] * 3, st.sampled_from([*sorted(STYLES), "extreme"]), st.floats(-1, 1))
def test_every_look_stays_in_range_and_grey_stays_near_grey(red, green, blue, name, strength):
    look = STYLES[name].grade if name in STYLES else Grade(
        gamma=1.6 if strength > 0 else 0.65, shadows=0.25, highlights=0.3, vibrance=0.3 * strength, skin=abs(strength)
    )  # fmt: skip
    assert all(0 <= value <= 1 for value in grade.transform(look, red, green, blue))
    black, white = (grade.transform(look, *[level] * 3) for level in (0.0, 1.0))
    assert max(black) <= 0.11
    assert min(white) >= 0.8
    ramp = [grade.transform(look, level / 50, level / 50, level / 50)[0] for level in range(51)]
    assert ramp == sorted(ramp)


def test_a_look_that_cannot_be_is_named():
    with pytest.raises(DataError, match="sparkle"):
        Grade.read({"sparkle": 1})
    with pytest.raises(DataError, match="saturation"):
        Grade.read({"saturation": True})
    assert Grade(saturation=9).bounded().saturation == 1.4
