"""Whole plans: every kind of footage, story, talk, beats, joints, framing, music, titles, and what is said of each."""

from __future__ import annotations

import json
import math
import statistics
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.edl import edit, timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.planning import LEAST_FRAMES, deciding, intent, lengths, planner, timeline
from roadmap_cli.edl.planning.styles import STYLES

sys.path.insert(0, str(Path(__file__).parents[3] / "tools/bench"))
import edl_plan as bench

AT = "2026-11-23T09:00:00.000Z"


def source(name="src_1", frames=1000, fps="25/1", path="/nowhere/clip.mp4", **more):
    return {
        "kind": "edl.source", "id": name, "at": AT, "path": path, "sha256": "0" * 64, "frames": frames, "fps": fps,
        "width": 640, "height": 360, **more,
    }  # fmt: skip


def shots_at(cuts, parent, **more):
    return [
        {"kind": "edl.shot", "id": f"{parent['id']}_{first}", "at": AT, "source_id": parent["id"], "in_frame": first,
         "out_frame": end, "fps": parent["fps"], "luma_mean": 110, "contrast": 50, "motion": 5 + first % 7,
         "sharpness": 2 + first % 3, **more}
        for first, end in pairwise(cuts)
    ]  # fmt: skip


def span(sort, start, end, parent="src_1", **more):
    return {"kind": "edl.span", "id": f"{sort}_{start}", "at": AT, "source_id": parent, "sort": sort, "start_ms": start,
            "end_ms": end, **more}  # fmt: skip


def beat(role, first, end, **more):
    return {"kind": "edl.beat", "id": f"beat_{first}", "at": AT, "source_id": "src_1", "role": role, "in_frame": first,
            "out_frame": end, "why": f"energy rises at {first}", **more}  # fmt: skip


def song(seconds=60, period=500, path="/nowhere/song.flac"):
    pulse = list(range(300, seconds * 1000, period))
    return [
        {"kind": "edl.source", "id": "song", "at": AT, "path": path, "sha256": "1" * 64, "has_picture": False,
         "has_sound": True, "duration": f"{seconds}/1"},
        {"kind": "edl.rhythm", "id": "rhythm", "at": AT, "source_id": "song", "start_ms": 0, "end_ms": seconds * 1000,
         "beats_ms": pulse, "downbeats_ms": pulse[::4]},
        span("music", 0, seconds * 1000, "song", loudness_lufs=-11.0),
    ]  # fmt: skip


def planned(words, cuts, *others, parent=None, reading=None, **more):
    parent = parent or source(frames=cuts[-1])
    extra = [record for each in others for record in (each if isinstance(each, list) else [each])]
    sources = [parent, *(record for record in extra if record["kind"] == "edl.source")]
    rest = [record for record in extra if record["kind"] != "edl.source"]
    return planner.plan(sources, shots_at(cuts, parent, **more), words, reading or intent.read(words), AT, rest)


def of_kind(plan, kind):
    return [record for record in plan.records if record["kind"] == kind]


def decisions(plan, kind):
    every = [*plan.choices, *(part for choice in plan.choices for part in choice.parts)]
    return [choice for choice in every if choice.decision == kind]


# -- every plan --------------------------------------------------------------------------------------------------------


@st.composite
def footage(draw):
    sources, found, others = [], [], []
    for number in range(draw(st.integers(1, 3))):
        gaps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=12))
        cuts = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
        fps = draw(st.sampled_from(["25/1", "30000/1001", "24/1", "120/1"]))
        parent = source(f"src_{number}", cuts[-1], fps)
        sources.append(parent)
        found += shots_at(cuts, parent, speech_ratio=draw(st.sampled_from([0.0, 0.0, 0.9])))
        length = int(cuts[-1] * 1000 / timecode.rational(fps))
        for start in draw(st.lists(st.integers(0, max(1, length - 1)), max_size=6)):
            end = start + draw(st.integers(50, 3000))
            others.append(span("speech", start, end, parent["id"]))
        if draw(st.booleans()):
            role = draw(st.sampled_from(["setup", "turn", "peak", "resolution"]))
            first = draw(st.integers(0, cuts[-1] - 1))
            others.append(beat(role, first, cuts[-1]) | {"source_id": parent["id"], "id": f"beat_{number}"})
    if draw(st.booleans()):
        others += song(draw(st.integers(1, 30)))
    return sources, found, others


WORDS = st.one_of(
    st.sampled_from(["", "5 second trailer", "slow noir", "cut the silences", "start with the best moment, square, title 'X'",
                     "sport with a replay, 9 s", "vlog, 7 shots", "wedding with lots of dissolves, 20 s", "under 10 seconds",
                     "between 5 and 8 s, wipes", "no shaky shots, only faces", "vertical short with a hook, fade to black"]),
    st.sampled_from(sorted(STYLES)).map(lambda name: name.replace("-", " ")),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(footage(), WORDS)
def test_every_plan_fits_together(given_footage, words):
    sources, shots, others = given_footage
    sources = sources + [record for record in others if record["kind"] == "edl.source"]
    others = [record for record in others if record["kind"] != "edl.source"]
    made = planner.plan(sources, shots, words, intent.read(words), AT, others)
    by_id = {entry["id"]: entry for entry in sources}
    within = {shot["id"]: shot for shot in shots}
    fps = timecode.rational(made.header["fps"])
    expected = 0
    for cut, following in zip(made.cuts, [*made.cuts[1:], None], strict=True):
        assert cut["timeline_in_frame"] == expected < cut["timeline_out_frame"]
        expected = shown = cut["timeline_out_frame"]
        shown -= cut["timeline_in_frame"]
        rate, speed = timecode.rational(cut["fps"]), timecode.rational(cut["speed"])
        assert abs(timecode.frames_shown(cut["out_frame"] - cut["in_frame"], rate, speed, fps) - shown) <= 1
        assert Fraction(1, 2) <= speed <= 2
        shot = within[cut["shot_id"]]
        assert 0 <= cut["in_frame"] < cut["out_frame"] <= by_id[cut["source_id"]]["frames"]
        assert shot["in_frame"] <= cut["in_frame"] < cut["out_frame"] <= shot["out_frame"]
        assert edit.beyond(cut) == []
        change = edit.transition(cut)
        assert change is None or (cut["position"] > 0 and change.frames < shown)
        if following:
            handle = edit.handle_frames(cut, following, fps)
            assert cut["out_frame"] + handle <= shot["out_frame"], "a handle shows nothing but its own shot"
        assert edit.sound(cut).lead_frames == 0 or edit.sound(cut).lag_frames == 0
    assert expected == made.header["length_frames"]
    for thing in made.records:
        assert 0 <= thing["timeline_in_frame"] < thing["timeline_out_frame"] <= expected
        assert thing["reason"]
    known = {*by_id, *within, *(other["id"] for other in others)}
    for choice in [made.style, *made.choices, *(part for each in made.choices for part in each.parts)]:
        assert choice.what
        assert choice.why
        assert set(choice.evidence) <= known
    again = planner.plan(sources, shots, words, intent.read(words), AT, others)
    assert json.dumps([again.header, again.records]) == json.dumps([made.header, made.records])


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60))
def test_a_length_that_can_be_reached_is_reached(seconds):
    made = planned(f"{seconds} second documentary", list(range(0, 3001, 75)))
    assert abs(made.header["length_frames"] - seconds * 25) <= 12
    assert made.header["target_frames"] == seconds * 25
    assert not made.limits


def test_lengths_in_bounds_are_left_and_others_brought_to_the_nearest():
    cuts = list(range(0, 1501, 75))
    whole = planned("", cuts).header["length_frames"]
    assert planned("under 2 minutes", cuts).header["length_frames"] == whole
    assert planned("under 20 seconds", cuts).header["length_frames"] == 500
    assert planned("between 30 and 40 seconds", cuts).header["length_frames"] == 1000
    assert planned("at least 30 seconds", cuts).header["length_frames"] == whole


def test_what_cannot_be_reached_is_said():
    made = planned("60 seconds", [0, 100, 200])
    assert any("the footage that may be used gives 8.0 s" in limit for limit in made.limits)
    assert made.header["limits"] == list(made.limits)


def test_shot_lengths_have_the_median_and_spread_of_their_style():
    for name in ("cinematic", "music-video", "documentary", "sport"):
        style = STYLES[name]
        made = bench.planned(
            bench.footage(300, 3000, seed=4, talk=0.0, music=False), f"{name.replace('-', ' ')}, 5 minutes"
        )
        shown = bench.lengths_of(made)
        assert statistics.median(shown) == pytest.approx(float(style.median_s), rel=0.1)
        assert statistics.pstdev([math.log(length) for length in shown]) == pytest.approx(style.spread, abs=0.12)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 300), st.floats(1, 300)), min_size=1, max_size=40),
    st.integers(1, 4000),
)
def test_allotted_frames_fill_the_target_if_bounds_allow(pieces, target):
    least, most = [low for low, _, _ in pieces], [low + more for low, more, _ in pieces]
    wanted = [value for _, _, value in pieces]
    found = lengths.allot(wanted, least, most, target)
    assert all(low <= value <= high for low, value, high in zip(least, found, most, strict=True))
    assert sum(found) == min(max(target, sum(least)), sum(most))


# -- talk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["make it cinematic", "45 second trailer", "cut the silences", "vlog, 3 minutes", "interview, 4 minutes"]
)
def test_no_cut_lies_inside_speech_or_a_word(words):
    records = bench.footage(120, 600, seed=7, talk=0.8)
    made = bench.planned(records, words)
    for kind in ("edl.span", "edl.word"):
        bad, total = bench.edges(made, records, kind, 25)
        assert total > 5
        assert bad == 0


def test_talk_keeps_its_speed_and_what_nobody_speaks_in_does_not():
    made = planned("cinematic", [0, 200, 400, 600], span("speech", 9000, 12_000))
    assert [cut["speed"] for cut in made.cuts] == ["4/5", "1/1", "4/5"]
    older = planned("cinematic", [0, 200, 400], speech_ratio=0.9)
    assert [cut["speed"] for cut in older.cuts] == ["1/1", "1/1"]


def test_what_a_cut_of_the_footage_leaves_of_speech_before_a_pause_does_not_flash_by():
    """The last 0.1 s of a phrase lie in the next shot, and a pause follows: half a second of that shot is shown."""
    talk = [span("speech", 1000, 8100), span("silence", 8100, 11000), span("speech", 11000, 15900)]
    made = planned("cut the silences", [0, 200, 400], talk)
    shown = [(cut["in_frame"], cut["out_frame"]) for cut in made.cuts]
    assert all(end - first >= 12 for first, end in shown), shown
    assert any(first == 200 and 212 <= end <= 214 for first, end in shown), shown


def test_pauses_shrink_to_a_quarter_of_a_second_and_laughter_keeps_them():
    talk = [span("speech", 1000, 4000), span("speech", 8000, 12_000), span("silence", 4050, 7950)]
    made = planned("cut the silences", [0, 400], talk)
    assert [(cut["in_frame"], cut["out_frame"]) for cut in made.cuts] == [(22, 104), (197, 304)] or len(made.cuts) == 2
    first, second = made.cuts
    pause = (first["out_frame"] * 40 - 4000) + (8000 - second["in_frame"] * 40)
    assert 150 <= pause <= 330
    assert second["framing"]["start"][2] < 1 or first["framing"]["start"][2] < 1, "a jump cut is mended"
    assert "pauses left out" in second["reason"]
    laughter = span("ambient", 4200, 5200, label="Laughter")
    assert len(planned("remove dead air but keep the jokes", [0, 400], talk, laughter).cuts) == 1
    deaf = planned("cut the silences", [0, 400])
    assert any("tells no speech" in limit for limit in deaf.limits)


def test_a_filling_word_that_stands_apart_is_cut_out():
    def word(text, start, end):
        return {
            "kind": "edl.word",
            "id": f"word_{start}",
            "at": AT,
            "source_id": "src_1",
            "text": text,
            "start_ms": start,
            "end_ms": end,
        }

    said = [
        word("we", 1000, 1300),
        word("um", 1600, 1900),
        word("went", 2200, 2600),
        word("er", 2620, 2800),
        word("home", 2810, 3300),
    ]
    made = planned("get rid of the ums", [0, 100], span("speech", 1000, 3300), said)
    assert len(made.cuts) == 2
    left, right = made.cuts
    assert 1300 < left["out_frame"] * 40 <= 1600
    assert 1900 <= right["in_frame"] * 40 < 2200
    assert right["out_frame"] * 40 >= 3300, "what runs together with its neighbours stays"


def test_a_question_keeps_its_answer():
    def word(text, start, end):
        return {
            "kind": "edl.word",
            "id": f"word_{start}",
            "at": AT,
            "source_id": "src_1",
            "text": text,
            "start_ms": start,
            "end_ms": end,
        }

    talk = [span("speech", 1000, 3000), span("speech", 5000, 7000), span("speech", 20_000, 22_000)]
    said = [word("why?", 2500, 3000), word("because", 5000, 7000), word("well", 20_000, 22_000)]
    made = planned("interview, 7 seconds", [0, 300, 700], talk, said, beat("peak", 0, 80, energy_ratio=0.9))
    shown = [(cut["in_frame"] * 40, cut["out_frame"] * 40) for cut in made.cuts]
    asked = any(start <= 2500 and end >= 3000 for start, end in shown)
    answered = any(start <= 5000 and end >= 7000 for start, end in shown)
    assert asked
    assert answered


# -- story, order, joints ----------------------------------------------------------------------------------------------


STORY = [
    beat("setup", 0, 100),
    beat("turn", 300, 400),
    beat("peak", 600, 700, energy_ratio=0.95),
    beat("resolution", 900, 1000),
]


def test_beats_of_the_story_are_kept_and_dropped_ones_told():
    made = planned("trailer, 6 seconds", list(range(0, 1001, 50)), STORY)
    assert {record["id"] for record in STORY} == set(made.header["beat_ids"])
    roles = [cut["role"] for cut in made.cuts if cut.get("role")]
    assert roles == sorted(roles, key=["setup", "turn", "peak", "resolution"].index)
    short = planned("trailer, 1 second", list(range(0, 1001, 50)), STORY)
    assert short.header["dropped_beat_ids"]
    assert len(decisions(short, "edl.beat_dropped")) == len(short.header["dropped_beat_ids"])
    assert "beat_600" in short.header["beat_ids"], "the peak comes first"


def test_the_best_moment_comes_first_and_is_a_decision():
    made = planned("start with the best moment", list(range(0, 1001, 100)), STORY)
    first = made.cuts[0]
    assert first["role"] == "hook"
    assert 600 <= first["in_frame"] < 700
    (moved,) = decisions(made, "edl.shot_moved")
    assert "beat_600" in moved.evidence
    ranges = sorted((cut["in_frame"], cut["out_frame"]) for cut in made.cuts)
    assert all(left[1] <= right[0] for left, right in pairwise(ranges)), "nothing is shown twice"


def test_a_hook_of_a_short_is_short():
    made = planned("vertical short with a hook, 15 seconds", list(range(0, 2001, 100)))
    assert made.cuts[0]["timeline_out_frame"] <= 38
    assert (made.header["width"], made.header["height"]) == (360, 640)


def test_a_replay_is_slow_and_shows_the_best_again():
    made = planned("sport with a replay", list(range(0, 1001, 100)), STORY)
    (again,) = [cut for cut in made.cuts if cut.get("role") == "replay"]
    assert again["speed"] == "1/2"
    assert again["shot_id"] == made.cuts[again["position"] - 1]["shot_id"]


def test_slower_at_the_end_and_faster():
    cuts = list(range(0, 12_001, 300))

    def halves(words):
        shown = [c["timeline_out_frame"] - c["timeline_in_frame"] for c in planned(words, cuts).cuts]
        return statistics.mean(shown[: len(shown) // 2]), statistics.mean(shown[len(shown) // 2 :])

    first, last = halves("60 seconds, slower at the end")
    assert last > 1.2 * first
    first, last = halves("60 seconds, faster and faster")
    assert first > 1.2 * last


def scenes(*borders):
    return [{"kind": "edl.scene", "id": f"scene_{a}", "at": AT, "source_id": "src_1", "in_frame": a, "out_frame": b,
             "shot_ids": [f"src_1_{at}" for at in range(a, b, 100)]} for a, b in pairwise(borders)]  # fmt: skip


def test_dissolves_go_to_scene_borders_by_their_share_and_have_handles():
    made = planned("documentary, 25% dissolves, 50 seconds", list(range(0, 2001, 100)), scenes(0, 500, 1200, 2000))
    found = [cut for cut in made.cuts if "transition" in cut]
    scene = {name: record["id"] for record in scenes(0, 500, 1200, 2000) for name in record["shot_ids"]}
    borders = [c["position"] for a, c in pairwise(made.cuts) if scene[a["shot_id"]] != scene[c["shot_id"]]]
    assert set(borders) <= {cut["position"] for cut in found}
    assert len(found) == round(0.25 * (len(made.cuts) - 1))
    assert all(choice.evidence for choice in decisions(made, "edl.transition_chosen"))
    assert not [
        cut for cut in planned("documentary, only hard cuts", list(range(0, 2001, 100))).cuts if "transition" in cut
    ]
    wiped = planned("documentary with wipes", list(range(0, 2001, 100)), scenes(0, 500, 1200, 2000))
    assert any(cut["transition"]["sort"].startswith("wipe_") for cut in wiped.cuts if "transition" in cut)


def test_acts_are_parted_through_black():
    made = planned("cinematic", list(range(0, 1001, 100)), STORY)
    black = [cut for cut in made.cuts if cut.get("transition", {}).get("sort") == "fade_black"]
    assert black
    assert all("ends" in cut["reason"] and "begins" in cut["reason"] for cut in black)


def test_sound_leads_into_talk_only_where_nobody_speaks():
    talk = [span("speech", 9500, 12_000)]
    made = planned("documentary, only hard cuts", [0, 200, 400], talk, scenes(0, 200, 400))
    second = made.cuts[1]
    lead = edit.sound(second).lead_frames
    assert lead == 0 or second["in_frame"] - lead >= 200
    interrupted = planned(
        "documentary, only hard cuts", [0, 200, 400], talk, span("speech", 7000, 7900), scenes(0, 200, 400)
    )
    assert edit.sound(interrupted.cuts[1]).lead_frames == 0


# -- music, titles, pictures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["music video, 60 seconds", "60 second trailer", "sport, 90 seconds"])
def test_cuts_fall_on_beats_of_the_music(words):
    records = bench.footage(200, 1500, seed=5, talk=0.2)
    made = bench.planned(records, words)
    hits, joints = bench.on_beat(made, records)
    assert joints > 10
    assert hits >= 0.8 * joints
    assert made.header["on_beat"] is True


def test_music_lies_under_speech_and_steps_back():
    talk = [span("speech", 1000, 7000, loudness_lufs=-20.0)]
    made = planned("documentary", [0, 200, 400], talk, song())
    (cue,) = of_kind(made, "edl.cue")
    assert cue["source_id"] == "song"
    assert cue["duck_db"] == 8
    assert cue["gain_db"] == pytest.approx(-20 - 20 + 8 + 11)
    assert cue["timeline_out_frame"] == made.header["length_frames"]
    assert of_kind(planned("documentary, no music", [0, 200, 400], song()), "edl.cue") == []


def test_music_starts_over_when_it_is_too_short():
    made = planned("documentary", list(range(0, 2001, 100)), song(seconds=20))
    cues = of_kind(made, "edl.cue")
    assert len(cues) >= 4
    assert [cue["timeline_in_frame"] for cue in cues[1:]] == [cue["timeline_out_frame"] for cue in cues[:-1]]


def test_music_is_named_or_found_and_must_be_scanned():
    reading = intent.with_music(intent.read(""), "/nowhere/song.flac")
    assert of_kind(planned("", [0, 200], song(), reading=reading), "edl.cue")[0]["source_id"] == "song"
    with pytest.raises(UsageError, match=r"other\.mp3"):
        planned("", [0, 200], song(), reading=intent.with_music(intent.read(""), "other.mp3"))
    assert any("give it with --music" in limit for limit in planned("wedding", [0, 200]).limits)


def test_made_sounds_stand_at_the_beats_of_the_story():
    made = planned("cinematic", list(range(0, 1001, 100)), STORY)
    swell = next(cue for cue in of_kind(made, "edl.cue") if cue["sound"] == "swell")
    peak = next(cut for cut in made.cuts if cut.get("beat_id") == "beat_600")
    assert swell["beat_id"] == "beat_600"
    assert swell["timeline_in_frame"] <= peak["timeline_in_frame"] <= swell["timeline_out_frame"]
    trailer = planned("trailer", list(range(0, 1001, 100)), STORY)
    riser, hit = (next(cue for cue in of_kind(trailer, "edl.cue") if cue["sound"] == sound and cue.get("beat_id") == "beat_600")
                  for sound in ("riser", "hit"))  # fmt: skip
    assert riser["timeline_out_frame"] == hit["timeline_in_frame"]


def test_titles_can_be_read_and_a_trailer_keeps_its_own_for_the_end():
    made = planned(
        "documentary with the title 'Summer 2026', end card 'Thanks for watching'", list(range(0, 1001, 100))
    )
    opening, closing = of_kind(made, "edl.title")
    assert opening["text"] == "Summer 2026"
    assert opening["timeline_out_frame"] - opening["timeline_in_frame"] >= 50
    assert closing["timeline_out_frame"] == made.header["length_frames"]
    (title,) = of_kind(planned("trailer, title 'Rain'", list(range(0, 1001, 100))), "edl.title")
    assert (
        title["timeline_out_frame"]
        == planned("trailer, title 'Rain'", list(range(0, 1001, 100))).header["length_frames"]
    )
    long = of_kind(planned("vertical, title 'A very long title of many words indeed'", [0, 500]), "edl.title")[0]
    assert long["size_ratio"] < 0.09


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.sampled_from(["face", "person", "salient"]),
    st.sampled_from(["9:16", "1:1", "4:5", "2.39:1", "21:9"]),
)
def test_framing_holds_the_subject_and_stays_inside(box, subject, aspect):
    made = planned(f"{aspect} vlog", [0, 200], subject_box=box, subject=subject)
    frame = edit.framing(made.cuts[0]).start
    assert frame.x >= 0
    assert frame.y >= 0
    assert frame.x + frame.width <= 1.0001
    assert frame.y + frame.height <= 1.0001
    shape = frame.width * 640 / (frame.height * 360)
    assert shape == pytest.approx(made.header["width"] / made.header["height"], rel=0.02)
    if box[2] > 0.01 and box[3] > 0.01:
        centre = min(box[0], 0.99) + min(box[2], 1 - min(box[0], 0.99)) / 2
        assert frame.x - 0.02 <= centre <= frame.x + frame.width + 0.02


def test_the_head_has_air_above_it():
    made = planned("21:9", [0, 200], subject_box=[0.4, 0.3, 0.2, 0.3], subject="face")
    frame = edit.framing(made.cuts[0]).start
    assert frame.y <= 0.3 - 0.04 * frame.height


def test_background_is_blurred_only_behind_a_subject():
    made = planned("cinematic", [0, 200], subject_box=[0.4, 0.3, 0.2, 0.3], subject="person")
    assert made.cuts[0]["blur"] == {"sigma": 10.0, "subject": [0.4, 0.3, 0.2, 0.3], "person": True}
    assert "blur" not in planned("cinematic", [0, 200]).cuts[0]
    assert "blur" not in planned("cinematic", [0, 200], subject_box=[0.0, 0.0, 1.0, 0.9]).cuts[0]


def test_thirty_frames_slowed_to_four_fifths_are_twenty_four():
    made = planned("cinematic", [0, 300], parent=source(frames=300, fps="30000/1001"))
    assert made.header["fps"] == "24000/1001"
    cut = made.cuts[0]
    assert cut["out_frame"] - cut["in_frame"] == cut["timeline_out_frame"] - cut["timeline_in_frame"]
    assert planned("cinematic", [0, 300]).header["fps"] == "25/1"
    assert planned("plain, 30 fps", [0, 300]).header["fps"] == "30/1"


def test_what_words_leave_out_is_left_out_with_its_number():
    parent = source(frames=400)
    shots = shots_at([0, 100, 200, 300, 400], parent)
    shots[1]["shake_ratio"] = 0.02
    shots[2]["luma_mean"] = 12
    made = planner.plan([parent], shots, "x", intent.read("no shaky shots, no dark shots"), AT)
    assert [cut["shot_id"] for cut in made.cuts] == ["src_1_0", "src_1_300"]
    assert any("shake 0.0200" in choice.why for choice in decisions(made, "edl.shot_dropped"))
    assert any("does not measure" in limit for limit in planned("only faces", [0, 100]).limits)


def test_records_that_lack_what_is_needed_are_named():
    parent = source()
    shots = shots_at([0, 100], parent)
    with pytest.raises(DataError, match=r"no edl\.shot"):
        planner.plan([parent], [], "", intent.read(""), AT)
    for change in (
        {"in_frame": "0"},
        {"out_frame": 0},
        {"out_frame": 9999},
        {"source_id": "other"},
        {"fps": "30/1"},
        {"id": 3},
    ):
        with pytest.raises(DataError):
            planner.plan([parent], [{**shots[0], **change}], "", intent.read(""), AT)
    for change in ({"fps": None}, {"width": 0}, {"frames": "x"}):
        with pytest.raises(DataError):
            planner.plan([{**parent, **change}], shots, "", intent.read(""), AT)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5000), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=4), max_leaves=5,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["edl.shot", "edl.source", "edl.span", "edl.word", "edl.beat", "edl.rhythm", "edl.energy", "edl.scene"]),
    st.dictionaries(st.sampled_from(["in_frame", "out_frame", "fps", "frames", "width", "start_ms", "end_ms", "sort", "text", "role",
                                     "beats_ms", "downbeats_ms", "step_ms", "values", "shot_ids", "source_id", "subject_box",
                                     "subject", "luma_mean", "motion", "letterbox", "energy_ratio", "sharpest_frame",
                                     "transition_frames", "scene_id", "loudness_lufs", "label", "duration", "has_picture"]), _JSON),
    st.sampled_from(["cinematic, vertical", "cut the silences and the ums", "music video, 3 s", "no shaky shots"]),
)  # fmt: skip
def test_damaged_records_give_a_plan_or_say_what_is_wrong(kind, damage, words):
    parent = source(frames=400)
    records = [parent, *shots_at([0, 100, 200, 400], parent), span("speech", 1000, 2000), *song(10), beat("peak", 100, 200),
               {"kind": "edl.word", "id": "w", "at": AT, "source_id": "src_1", "text": "um", "start_ms": 1200, "end_ms": 1300},
               {"kind": "edl.energy", "id": "e", "at": AT, "source_id": "src_1", "step_ms": 500, "values": [0.1, 0.9, 0.5]},
               *scenes(0, 200, 400)]  # fmt: skip
    records = [{**record, **damage} if record["kind"] == kind else record for record in records]
    sources = [r for r in records if r["kind"] == "edl.source"]
    shots = [r for r in records if r["kind"] == "edl.shot"]
    others = [r for r in records if r["kind"] not in ("edl.source", "edl.shot")]
    try:
        made = planner.plan(sources, shots, words, intent.read(words), AT, others)
    except (DataError, UsageError):
        return
    assert made.cuts
    assert all(edit.beyond(cut) == [] for cut in made.cuts)


# -- kept, drawn, quick ------------------------------------------------------------------------------------------------


def test_a_plan_is_stored_with_its_decisions_and_found_again(tmp_path):
    from datetime import UTC, datetime

    from roadmap_cli.core import clock
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State
    from roadmap_cli.why import decisions as why

    parent = source(frames=1000)
    shots = shots_at(list(range(0, 1001, 100)), parent)
    made = planner.plan([parent], shots, "cinematic", intent.read("cinematic"), AT, STORY)
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path)}
    with State.open(tmp_path / "state.db", mode="write", keys=KeySource(environ, None), now=clock.system) as state:
        stored = deciding.settle(state, made, [parent, *shots, *STORY], "edl-plan", now)
        again = deciding.settle(state, made, [parent, *shots, *STORY], "edl-plan", now)
        assert again == stored
        black = next(r for r in stored if r.get("transition", {}).get("sort") == "fade_black")
        with state.read() as tx:
            chain = list(why.chain(tx, black["why_id"]))
    told = [link.get("decision", link["kind"]) for link in chain]
    assert told[0] == "edl.cut_chosen"
    assert {"edl.transition_chosen", "edl.style_chosen", "edl.beat", "edl.shot", "edl.source"} <= set(told)
    assert "why.missing" not in told


def test_the_timeline_is_drawn_in_its_width():
    made = planned("cinematic with the title 'Rain'", list(range(0, 1001, 100)), STORY, scenes(0, 500, 1000))
    lines = timeline.drawn(made.header, made.records, 80)
    assert all(len(line) <= 80 for name, line in lines if name not in {"head", "key"})
    drawn = dict(lines)
    assert drawn["shots"].count("|") == len(made.cuts)
    assert "P" in drawn["story"]
    assert "~" in drawn["sounds"]
    assert '"Rain"' in drawn["titles"]
    assert len(timeline.listed(made.header, made.records)) == len(made.records)


def test_a_thousand_shots_are_planned_in_a_second():
    import time

    hour = bench.footage(1000, 3600)
    before = time.process_time()
    made = bench.planned(hour, "make it cinematic")
    assert time.process_time() - before < 1.0
    assert len(made.cuts) > 500


def test_checks_find_no_error_in_plans():
    for words in ("cinematic", "vlog, cut the silences", "60 second trailer", "interview"):
        records = bench.footage(60, 300, seed=9)
        made = bench.planned(records, words)
        by_id = {record["id"]: record for record in records if record["kind"] == "edl.source"}
        found = checks.check(made.header, made.cuts, by_id, lambda path: "0" * 64)
        assert [finding for finding in found if finding.severity == "error"] == []
    assert LEAST_FRAMES == 3
