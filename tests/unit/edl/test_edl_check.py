"""Each rule of the check finds what it is for and nothing else, and what can be mended is."""

from __future__ import annotations

import json
from copy import deepcopy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.checking import checks, findings, hearing, mending, murch
from roadmap_cli.edl.checking.flashes import Watch
from roadmap_cli.edl.checking.footage import Footage, Timed

AT = "2026-11-23T09:00:00.000Z"
#: Lengths of the cuts of a plan that breaks no rule, in frames of 25 a second.
LENGTHS = (60, 110, 50, 75, 140, 90)


def source(name="src", **more):
    return {
        "kind": "edl.source", "id": name, "at": AT, "path": f"/films/{name}.mp4", "sha256": "0" * 64, "frames": 5000,
        "fps": "25/1", "duration": "200/1", "width": 640, "height": 360, "has_sound": True, **more,
    }  # fmt: skip


def sound_plan():
    """An edit that no rule finds fault with, with all that can be measured: one scene, speech in between, a story."""
    cuts, shots, beats, frame = [], [], [], 0
    roles = ("setup", "setup", "turn", "turn", "peak", "resolution")
    for n, length in enumerate(LENGTHS):
        first = 500 * n + 20
        cuts.append(
            {"kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "position": n, "source_id": "src",
             "shot_id": f"shot_{n}", "in_frame": first, "out_frame": first + length, "fps": "25/1", "speed": "1/1",
             "timeline_in_frame": frame, "timeline_out_frame": frame + length, "beat_id": f"beat_{n}"}
        )  # fmt: skip
        shots.append(
            {"kind": "edl.shot", "id": f"shot_{n}", "at": AT, "source_id": "src", "position": n, "in_frame": 500 * n,
             "out_frame": 500 * n + 400, "fps": "25/1", "luma_mean": 100.0 + n, "temperature_shift": 1.0,
             "tint_shift": 0.0, "loudness_lufs": -22.0, "speech_ratio": 0.5, "scene_id": "scene",
             "shot_size": ("wide", "medium", "close", "medium", "close", "wide")[n], "pan_ratio": 0.001,
             "subject": "face", "subject_box": [0.4, 0.3, 0.2, 0.3]}
        )  # fmt: skip
        beats.append(
            {"kind": "edl.beat", "id": f"beat_{n}", "at": AT, "source_id": "src", "position": n, "role": roles[n],
             "in_frame": 500 * n, "out_frame": 500 * n + 400, "energy_ratio": (0.3, 0.4, 0.5, 0.6, 0.95, 0.5)[n],
             "why": "what is seen and heard"}
        )  # fmt: skip
        frame += length
    spans = []
    for n, length in enumerate(LENGTHS):
        start = 20_000 * n + 1000  # a quarter of a second into each cut
        spans.append(span(f"speech_{n}", "speech", start, start + 1000, loudness_lufs=-20.0))
        spans.append(span(f"air_{n}", "ambient", start + 1000, start + length * 40, loudness_lufs=-55.0))
    words = [word(f"word_{n}", "so", 20_000 * n + 1100, 20_000 * n + 1900) for n in range(len(LENGTHS))]
    words += [word(f"end_{n}", "there.", 20_000 * n + 1920, 20_000 * n + 2000) for n in range(len(LENGTHS))]
    plan = {
        "kind": "edl.plan", "id": "plan", "at": AT, "intent": "calm", "fps": "25/1", "width": 640, "height": 360,
        "length_frames": frame, "cut_count": len(cuts), "source_ids": ["src"],
        "beat_ids": [beat["id"] for beat in beats],
    }  # fmt: skip
    scene = {
        "kind": "edl.scene", "id": "scene", "at": AT, "source_id": "src", "position": 0, "in_frame": 0,
        "out_frame": 3000, "shot_ids": [shot["id"] for shot in shots],
    }  # fmt: skip
    return {
        "plan": plan, "cuts": cuts, "titles": [], "cues": [], "sources": {"src": source()},
        "measured": {"edl.shot": shots, "edl.scene": [scene], "edl.span": spans, "edl.word": words, "edl.beat": beats},
    }  # fmt: skip


def span(name, sort, start, end, **more):
    return {
        "kind": "edl.span", "id": name, "at": AT, "source_id": "src", "sort": sort, "start_ms": start, "end_ms": end,
        **more,
    }  # fmt: skip


def word(name, text, start, end, source_id="src"):
    return {
        "kind": "edl.word", "id": name, "at": AT, "source_id": source_id, "text": text, "start_ms": start,
        "end_ms": end,
    }  # fmt: skip


def title(text="Bern", first=10, end=60, **more):
    return {
        "kind": "edl.title", "id": f"title_{first}", "at": AT, "plan_id": "plan", "text": text,
        "timeline_in_frame": first, "timeline_out_frame": end, **more,
    }  # fmt: skip


def cue(**more):
    return {
        "kind": "edl.cue", "id": "cue", "at": AT, "plan_id": "plan", "timeline_in_frame": 0,
        "timeline_out_frame": sum(LENGTHS), **more,
    }  # fmt: skip


def look(edit, **more):
    return checks.check(
        edit["plan"], edit["cuts"], edit["sources"], lambda path: "0" * 64, titles=edit["titles"], cues=edit["cues"],
        measured=edit["measured"], **more,
    )  # fmt: skip


def relaid(edit):
    frame = 0
    for cut in edit["cuts"]:
        shown = timecode.frames_shown(
            cut["out_frame"] - cut["in_frame"], Fraction(25), timecode.rational(cut["speed"]), Fraction(25)
        )
        cut |= {"timeline_in_frame": frame, "timeline_out_frame": frame + shown}
        frame += shown
    edit["plan"]["length_frames"] = frame


def cut(place, **fields):
    def change(edit):
        edit["cuts"][place] |= fields
        relaid(edit)

    return change


def shot(place, **fields):
    def change(edit):
        edit["measured"]["edl.shot"][place] |= fields

    return change


def both(*changes):
    def change(edit):
        for each in changes:
            each(edit)

    return change


def put(part, *records):
    def change(edit):
        if part in edit:
            edit[part] = list(records)
        else:
            edit["measured"].setdefault(part, []).extend(records)

    return change


def plan(**fields):
    return lambda edit: edit["plan"].update(fields)


def no_words(edit):
    edit["measured"]["edl.word"] = []


def joined(place, gap):
    """Two pieces of one shot, the second `gap` frames after the first."""

    def change(edit):
        left = edit["cuts"][place]
        first = left["out_frame"] + gap
        edit["cuts"][place + 1] |= {"shot_id": left["shot_id"], "in_frame": first, "out_frame": first + 60}
        relaid(edit)

    return change


def ask(*, answered):
    """A question in the first cut; its answer is in the source right after, and in the cut or not."""

    def change(edit):
        edit["measured"]["edl.word"] += [
            word("ask_1", "Where", 2100, 2300), word("ask_2", "to?", 2310, 2600), word("say_1", "Home.", 3400, 3900),
        ]  # fmt: skip
        edit["measured"]["edl.span"] = []
        edit["cuts"][0]["out_frame"] = 100 if answered else 68
        relaid(edit)

    return change


def dark_and_bright(edit):
    for place, each in enumerate(edit["cuts"]):
        each |= {"out_frame": each["in_frame"] + 4}
        edit["measured"]["edl.shot"][place]["luma_mean"] = 30.0 if place % 2 else 200.0
    edit["cuts"] += [
        {**each, "id": f"{each['id']}_again", "position": 6 + n, "in_frame": each["in_frame"] + 100,
         "out_frame": each["in_frame"] + 104}
        for n, each in enumerate(deepcopy(edit["cuts"]))
    ]  # fmt: skip
    edit["plan"]["montage"] = True
    edit["measured"]["edl.span"] = edit["measured"]["edl.word"] = []
    relaid(edit)


def music_under(level, **more):
    return both(
        put("cues", cue(source_id="music", **more)),
        lambda edit: edit["sources"].update(music=source("music")),
        put("edl.span", {**span("song", "music", 0, 60_000, loudness_lufs=level), "source_id": "music"}),
    )


DISSOLVE = {"sort": "dissolve", "frames": 20}
#: rule, its severity, what breaks it, and something near it that does not.
RULES = [
    ("transition", "error", cut(0, transition=DISSOLVE), cut(1, transition=DISSOLVE)),
    ("transition", "error", both(plan(montage=True), cut(3, transition={"sort": "dissolve", "frames": 76})),
     both(plan(montage=True), cut(3, transition={"sort": "dissolve", "frames": 49}))),
    ("handle", "error", both(cut(2, in_frame=4940, out_frame=4990, role="hook"), cut(3, transition=DISSOLVE)),
     both(cut(2, in_frame=4920, out_frame=4970, role="hook"), cut(3, transition=DISSOLVE))),
    ("sound_edge", "error", cut(0, sound={"lead_frames": 8}), cut(1, sound={"lead_frames": 8})),
    ("sound_edge", "error", both(cut(1, sound={"lag_frames": 6}), cut(2, sound={"lead_frames": 6})),
     cut(1, sound={"lag_frames": 6})),
    ("sound_edge", "error", cut(1, in_frame=4, out_frame=114, role="hook", sound={"lead_frames": 6}),
     cut(1, in_frame=10, out_frame=114, role="hook", sound={"lead_frames": 6})),
    ("title", "error", put("titles", title(first=500, end=600)), put("titles", title(first=450, end=520))),
    ("title", "error", put("titles", title(), title(first=50, end=100)),
     put("titles", title(), title(first=50, end=100, place="lower"))),
    ("title_short", "warning", put("titles", title("a title of many words that takes its time to read", 10, 60)),
     put("titles", title("a title of many words that takes its time to read", 10, 100))),
    ("cue", "error", put("cues", cue(sound="drone", timeline_out_frame=9999)), put("cues", cue(sound="drone"))),
    ("cue", "error", both(put("cues", cue(source_id="mute")),
                          lambda edit: edit["sources"].update(mute=source("mute", has_sound=False))),
     music_under(-40.0)),
    ("cue_short", "warning", music_under(-40.0, source_start_ms=190_000), music_under(-40.0, source_start_ms=100_000)),
    ("target", "error", plan(target_frames=400), plan(target_frames=520)),
    ("bounds", "error", cut(1, effects={"sharpen": 3.0}), cut(1, effects={"sharpen": 0.5})),
    ("bounds", "error", cut(1, framing={"start": [0, 0, 0.1, 0.1]}), cut(1, framing={"start": [0, 0, 0.5, 0.5]})),
    ("grade", "error", cut(1, grade={"saturation": 2.0}), cut(1, grade={"saturation": 1.1})),
    ("order", "warning", cut(3, in_frame=420, out_frame=480), cut(3, in_frame=420, out_frame=480, role="flashback")),
    ("question", "error", ask(answered=False), ask(answered=True)),
    ("establishing", "warning", both(shot(0, shot_size="close"), shot(1, shot_size="close")),
     both(shot(0, shot_size="close"), shot(1, shot_size="wide"))),
    ("close_ups", "warning", both(*(shot(n, shot_size="close") for n in range(1, 5))),
     both(shot(4, shot_size="wide"), *(shot(n, shot_size="close") for n in range(1, 4)))),
    ("ending", "warning", cut(5, in_frame=2555, out_frame=2585), cut(5, in_frame=2555, out_frame=2605)),
    ("peak", "warning", lambda edit: edit["measured"]["edl.beat"][0].update(role="peak", energy_ratio=1.0),
     lambda edit: edit["measured"]["edl.beat"][0].update(energy_ratio=0.9)),
    ("dropped_beat", "warning", plan(dropped_beat_ids=["beat_3"]), plan(dropped_beat_ids=[])),
    ("beat_unlisted", "warning",
     put("edl.beat", {"kind": "edl.beat", "id": "lost", "at": AT, "source_id": "src", "role": "turn", "in_frame": 4000,
                      "out_frame": 4100}), lambda edit: None),
    ("jump", "warning", both(no_words, joined(0, 20)), both(no_words, joined(0, 0))),
    ("jump", "warning", both(no_words, joined(0, 20)),
     both(no_words, joined(0, 20), lambda edit: edit["cuts"][1].update(framing={"start": [0.1, 0.1, 0.8, 0.8]}))),
    ("jump", "warning", both(shot(1, embedding=[1.0, 0.1], shot_size="close"), shot(2, embedding=[1.0, 0.12])),
     both(shot(1, embedding=[1.0, 0.1], shot_size="close"), shot(2, embedding=[0.1, 1.0]))),
    ("colour", "warning", shot(2, luma_mean=125.0), shot(2, luma_mean=106.0)),
    ("colour", "warning", shot(2, temperature_shift=12.0), shot(2, temperature_shift=5.0)),
    ("side", "warning", both(shot(1, pan_ratio=0.01), shot(2, pan_ratio=-0.01)),
     both(shot(1, pan_ratio=0.01), shot(2, pan_ratio=0.01))),
    ("side", "warning", both(shot(2, subject_box=[0.1, 0.3, 0.2, 0.3], shot_size="medium"),
                             shot(3, subject_box=[0.7, 0.3, 0.2, 0.3])),
     both(shot(2, subject_box=[0.6, 0.3, 0.2, 0.3], shot_size="medium"), shot(3, subject_box=[0.7, 0.3, 0.2, 0.3]))),
    ("transitions", "warning", both(cut(1, transition=DISSOLVE), cut(3, transition=DISSOLVE)),
     cut(1, transition=DISSOLVE)),
    ("transition_length", "warning", cut(2, transition={"sort": "dissolve", "frames": 45}),
     cut(2, transition={"sort": "dissolve", "frames": 30})),
    ("word", "error", put("edl.word", word("late", "hello", 3100, 3400)), put("edl.word", word("late", "ho", 3300, 3500))),
    ("speech", "error", both(no_words, put("edl.span", span("more", "speech", 2900, 4000))),
     both(no_words, put("edl.span", span("more", "speech", 3250, 4000)))),
    ("speech", "warning", both(no_words, put("edl.span", span("more", "speech", 2900, 4000, confidence_ratio=0.3))),
     both(no_words, put("edl.span", span("more", "speech", 3150, 4000, confidence_ratio=0.3)))),
    ("room", "warning", put("edl.word", word("late", "hello", 2700, 3195)),
     put("edl.word", word("late", "hello", 2700, 3100))),
    ("sound_edge_length", "warning", cut(2, sound={"lead_frames": 3}), cut(2, sound={"lead_frames": 6})),
    ("over_speech", "warning", both(put("edl.span", span("last", "speech", 24_300, 25_100)), cut(2, sound={"lead_frames": 15}),
                                    put("edl.word", word("w", "x", 24_400, 25_000))),
     cut(2, sound={"lead_frames": 15})),
    ("loudness", "warning", shot(2, loudness_lufs=-14.0), shot(2, loudness_lufs=-18.0)),
    ("loudness", "warning", cut(2, sound={"gain_db": 8.0}), cut(2, sound={"gain_db": 4.0})),
    ("loudness_target", "error", plan(loudness_lufs=-3.0), plan(loudness_lufs=-14.0)),
    ("loudness_target", "warning", plan(true_peak_dbtp=-0.5), plan(true_peak_dbtp=-1.0)),
    ("room_tone", "warning", lambda edit: edit["measured"]["edl.span"][5].update(loudness_lufs=-30.0),
     lambda edit: edit["measured"]["edl.span"][5].update(loudness_lufs=-50.0)),
    ("room_tone", "warning", cut(2, sound={"mute": True}),
     both(cut(2, sound={"mute": True}), put("cues", cue(sound="drone")))),
    ("music", "warning", music_under(-28.0), music_under(-36.0)),
    ("music", "warning", music_under(-28.0), music_under(-28.0, duck_db=8.0)),
    ("shape", "error", cut(1, transition={"sort": "star", "frames": 3}), lambda edit: None),
    ("shape", "error", put("cues", cue(sound="bang")), put("cues", cue(sound="hit"))),
    ("shape", "error", put("titles", title("  ")), put("titles", title())),
    ("shape", "error", lambda edit: edit["sources"]["src"].update(has_picture=False), lambda edit: None),
]  # fmt: skip


def test_the_sound_plan_breaks_nothing():
    assert look(sound_plan()) == []


@pytest.mark.parametrize(("rule", "severity", "breaking", "keeping"), RULES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(rule, severity, breaking, keeping):
    edit = sound_plan()
    breaking(edit)
    found = look(edit)
    assert {(each.rule, each.severity) for each in found} == {(rule, severity)}, found
    for each in found:
        assert not list(schemas.problems(each.record(edit["plan"], AT, edit["cuts"])))
    edit = sound_plan()
    keeping(edit)
    assert rule not in {each.rule for each in look(edit)}, look(edit)


def test_an_even_pace_tires_outside_a_montage():
    edit = sound_plan()
    edit["measured"] = {}
    edit["cuts"] = [
        {**edit["cuts"][0], "id": f"cut_{n}", "position": n, "shot_id": f"shot_{n}", "in_frame": 100 * n,
         "out_frame": 100 * n + 60 + n % 2}
        for n in range(12)
    ]  # fmt: skip
    relaid(edit)
    assert [each.rule for each in look(edit)] == ["distribution"]
    edit["plan"]["style"] = "music-video"
    assert not look(edit)
    edit["plan"].pop("style")
    for n, each in enumerate(edit["cuts"]):
        each["out_frame"] += 20 * (n % 3)
    relaid(edit)
    assert not look(edit)


def test_dark_and_bright_in_quick_turns_is_found_without_decoding():
    edit = sound_plan()
    dark_and_bright(edit)
    told = [each for each in look(edit) if each.rule == "flashes"]
    assert [(each.severity, each.cut_id) for each in told] == [("error", "cut_1")]
    for place in (2, 3, 4):
        edit["measured"]["edl.shot"][place]["luma_mean"] = 100.0
    assert "flashes" not in {each.rule for each in look(edit)}


def test_speech_that_runs_on_through_a_joint_is_not_cut():
    edit = sound_plan()
    edit["measured"]["edl.word"].append(word("long", "absolutely", 3000, 3600))
    joined(0, 0)(edit)
    assert not {each.rule for each in look(edit)} & {"word", "jump"}
    edit["cuts"][1]["speed"] = "4/5"
    relaid(edit)
    assert "word" in {each.rule for each in look(edit)}
    edit["cuts"][1]["speed"] = "1/1"
    edit["cuts"][1]["sound"] = {"mute": True}
    relaid(edit)
    assert "word" in {each.rule for each in look(edit)}


def test_a_lead_moves_the_edge_of_what_is_heard():
    edit = sound_plan()
    edit["measured"]["edl.word"].append(word("late", "hello", 20_600, 20_750))
    assert not look(edit)
    edit["cuts"][1]["sound"] = {"lead_frames": 3}
    assert {each.rule for each in look(edit)} == {"word", "sound_edge_length"}


def test_the_disk_must_have_room():
    edit = sound_plan()
    assert not look(edit, free_bytes=10**9)
    assert [(each.rule, each.severity) for each in look(edit, free_bytes=3_000_000)] == [("disk", "warning")]
    assert [(each.rule, each.severity) for each in look(edit, free_bytes=1000)] == [("disk", "error")]


def test_the_digest_covers_titles_cues_and_every_look():
    edit = sound_plan()
    given = (edit["plan"], edit["cuts"], edit["sources"])
    base = checks.digest(*given)
    for field, value in (("transition", DISSOLVE), ("sound", {"gain_db": 1.0}), ("framing", {"start": [0, 0, 1, 0.5]}),
                         ("blur", {"sigma": 3}), ("effects", {"gamma": 1.1}), ("speed", "4/5")):  # fmt: skip
        changed = [{**edit["cuts"][0], field: value}, *edit["cuts"][1:]]
        assert checks.digest(edit["plan"], changed, edit["sources"]) != base, field
    assert checks.digest({**edit["plan"], "loudness_lufs": -14.0}, *given[1:]) != base
    assert checks.digest(*given, [title()]) != base
    assert checks.digest(*given, [], [cue(sound="hit")]) != base
    one, other = title(), title(first=200, end=300)
    assert checks.digest(*given, [one, other]) == checks.digest(*given, [other, one])
    assert checks.digest(*given, [{**one, "reason": "x", "id": "y"}]) == checks.digest(*given, [one])
    named = [{**each, "id": f"x{each['id']}", "plan_id": "x", "origin_id": "y"} for each in edit["cuts"]]
    assert checks.digest(edit["plan"], named, edit["sources"]) == base


# -- Murch -------------------------------------------------------------------------------------------------------------


def footage(edit):
    parts = (edit["plan"], edit["cuts"], edit["sources"], edit["titles"], edit["cues"], edit["measured"])
    return Footage(*parts)


def test_every_joint_is_scored_by_six_weighted_parts():
    assert murch.WEIGHTS == {"emotion": 51, "story": 23, "rhythm": 10, "eye_trace": 7, "planarity": 5, "space": 4}
    edit = sound_plan()
    told = list(murch.scores(footage(edit), AT))
    assert [each["cut_id"] for each in told] == [f"cut_{n}" for n in range(1, 6)]
    for each in told:
        assert not list(schemas.problems(each))
        assert each["known_weight"] == 100
        parts = {name: each[f"{name}_ratio"] for name in murch.WEIGHTS}
        mean = sum(murch.WEIGHTS[name] * value for name, value in parts.items()) / 100
        assert each["score_ratio"] == pytest.approx(mean, abs=0.001)
    worse = sound_plan()
    worse["measured"]["edl.word"].append(word("late", "hello", 3100, 3400))
    worse["cuts"][1]["beat_id"] = None
    worse["measured"]["edl.shot"][1] |= {"pan_ratio": 0.01, "luma_mean": 160.0, "subject_box": [0.8, 0.8, 0.2, 0.2]}
    worse["measured"]["edl.shot"][0]["pan_ratio"] = -0.01
    first = next(iter(murch.scores(footage(worse), AT)))
    assert (first["eye_trace_ratio"], first["planarity_ratio"], first["space_ratio"]) == (0.0, 0.0, 0.0)
    assert first["story_ratio"] < told[0]["story_ratio"]
    assert first["score_ratio"] < told[0]["score_ratio"]


def test_a_part_nothing_was_measured_for_is_left_out():
    edit = sound_plan()
    edit["measured"] = {}
    assert [(each["known_weight"], "score_ratio" in each) for each in murch.scores(footage(edit), AT)] == [
        (0, False)
    ] * 5
    edit["measured"] = {"edl.rhythm": [{"kind": "edl.rhythm", "id": "r", "source_id": "src", "start_ms": 0,
                                        "end_ms": 90_000, "beats_ms": [20_830, 40_700]}]}  # fmt: skip
    told = list(murch.scores(footage(edit), AT))
    assert [each["known_weight"] for each in told] == [10] * 5
    assert (told[0]["rhythm_ratio"], told[1]["rhythm_ratio"]) == (1.0, pytest.approx(0.6))


# -- flashes -----------------------------------------------------------------------------------------------------------


def watched(levels, fps=25.0, area=1.0):
    numpy = pytest.importorskip("numpy")
    watch = Watch(fps)
    for level in levels:
        picture = numpy.full(576, 100, "u1")
        picture[: int(576 * area)] = level
        watch.see(picture)
    return watch.found


def test_more_than_three_flashes_a_second_over_a_quarter_of_the_screen_are_found():
    strobe = [40, 200] * 25
    assert watched(strobe)
    assert not watched(strobe, area=0.2), "a fifth of the screen is too small to harm"
    assert not watched([40] * 12 + [200] * 12 + [40] * 12 + [200] * 12), "two a second are safe"
    assert not watched([100, 110] * 25), "less than a tenth of full light"
    assert not watched([235, 255] * 25), "both are bright"
    slow = [level for _ in range(4) for level in (40, 40, 40, 200, 200, 200)]
    assert watched(slow), "four in a second"
    assert not watched([level for _ in range(3) for level in (40, 40, 40, 200, 200, 200)] + [200] * 50), (
        "three are safe"
    )
    assert watched([0, 80, 160, 240, 160, 80] * 8), "one that rises over some pictures counts once"
    assert not watched([0, 30, 60, 90, 120, 150, 180, 210, 240] * 1 + [240] * 30)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=60))
def test_any_pictures_can_be_watched(levels):
    for first, last in watched(levels):
        assert 0 <= first < last < len(levels)


def test_flashes_of_a_real_film_are_found(found, edit, tmp_path):
    from roadmap_cli.edl import scanning
    from roadmap_cli.edl.checking import flashes

    from .conftest import NOW, ffmpeg, show

    strobe = tmp_path / "strobe.mp4"
    ffmpeg("-f", "lavfi", "-i", "nullsrc=s=64x64:r=25:d=3,geq=lum='if(between(N,30,55),16+200*mod(N,2),60)':cb=128:cr=128",
           "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", str(strobe))  # fmt: skip
    source = next(iter(scanning.scan(found, strobe, NOW, show)))
    told = []
    for ranges in ([(0, 75)], [(0, 29), (57, 75)]):
        header, cuts, sources = edit.by_hand(source, ranges)
        told.append(list(flashes.find(found, Footage(header, cuts, sources), lambda frames: None)))
    assert [[(each.rule, each.severity) for each in found_there] for found_there in told] == [
        [("flashes", "error")],
        [],
    ]
    assert 28 <= told[0][0].frame <= 32


# -- mending -----------------------------------------------------------------------------------------------------------


def mended(edit):
    return mending.mend(
        edit["plan"], edit["cuts"], edit["titles"], edit["cues"], edit["sources"], lambda path: "0" * 64,
        measured=edit["measured"],
    )  # fmt: skip


#: rules whose findings above are mended, each so that nothing is left.
MENDED = {
    "transition", "handle", "sound_edge", "title", "title_short", "bounds", "grade", "question", "beat_unlisted", "jump",
    "word", "speech", "room", "loudness_target", "music",
}  # fmt: skip


@pytest.mark.parametrize(("rule", "breaking"), [(row[0], row[2]) for row in RULES if row[0] in MENDED])
def test_what_can_be_mended_is(rule, breaking):
    edit = sound_plan()
    breaking(edit)
    before = deepcopy(edit)
    found = mended(edit)
    assert edit == before, "what came in is not touched"
    if rule == "jump" and any(each.rule == "jump" for each in found.left):
        assert "embedding" in json.dumps(edit["measured"]), "only two pieces of one shot are punched in"
        return
    assert rule not in {each.rule for each in found.left}, found
    assert next(each.finding.rule for each in found.mends) == rule
    assert all(each.words for each in found.mends)
    assert not [each for each in found.left if each.severity == "error"]
    edges = [0, *(each["timeline_out_frame"] for each in found.cuts)]
    assert [each["timeline_in_frame"] for each in found.cuts] == edges[:-1]


def test_a_word_is_kept_whole_and_the_title_goes_along():
    edit = sound_plan()
    edit["measured"]["edl.word"].append(word("late", "hello", 3100, 3400))
    edit["titles"] = [title(first=200, end=260)]
    found = mended(edit)
    assert found.cuts[0]["out_frame"] == 87  # 3.4 s and 80 ms
    assert found.cuts[0]["timeline_out_frame"] == 67
    assert found.titles[0]["timeline_in_frame"] == 207
    (only,) = found.mends
    assert only.words == "moved its end by 280 ms to keep the word 'hello' whole"
    # where the source ends, the word is left out instead
    edit["sources"]["src"]["frames"] = 5000
    edit["cuts"][5] |= {"in_frame": 4900, "out_frame": 5000, "shot_id": "last"}
    edit["measured"]["edl.word"].append(word("over", "goodbye", 199_700, 200_500))
    relaid(edit)
    found = mended(edit)
    assert found.cuts[5]["out_frame"] == 4991
    assert "leave out the word 'goodbye'" in found.mends[1].words


def test_what_cannot_be_mended_is_left_and_said():
    edit = sound_plan()
    cut(3, in_frame=420, out_frame=480)(edit)
    edit["measured"]["edl.shot"][2]["luma_mean"] = 150.0
    found = mended(edit)
    assert not found.mends
    assert {each.rule for each in found.left} >= {"order", "colour"}
    edit["cuts"][1]["source_id"] = "nowhere"
    assert {each.rule for each in mended(edit).left} == {"shape"}


def test_broken_timelines_are_laid_out():
    edit = sound_plan()
    edit["cuts"][2]["timeline_in_frame"] += 5
    edit["cuts"][3]["out_frame"] = 9999
    edit["cuts"][4]["speed"] = "9/1"
    edit["cuts"].insert(1, {**edit["cuts"][0], "id": "short", "in_frame": 450, "out_frame": 452,
                            "timeline_in_frame": 60, "timeline_out_frame": 62, "shot_id": "shot_x"})  # fmt: skip
    found = mended(edit)
    assert not [each for each in found.left if each.severity == "error"], found.left
    assert "short" not in [each["id"] for each in found.cuts]


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.integers(0, 5), st.sampled_from(["in_frame", "out_frame"]), st.integers(-30, 30)),
        st.tuples(st.just("set"), st.integers(0, 5), st.sampled_from(["speed"]), st.sampled_from(["1/3", "4/5", "5/1"])),
        st.tuples(st.just("set"), st.integers(0, 5), st.just("transition"),
                  st.builds(lambda frames: {"sort": "dissolve", "frames": frames}, st.integers(1, 200))),
        st.tuples(st.just("set"), st.integers(0, 5), st.just("sound"),
                  st.builds(lambda name, frames: {name: frames}, st.sampled_from(["lead_frames", "lag_frames"]),
                            st.integers(0, 300))),
        st.tuples(st.just("set"), st.integers(0, 5), st.just("effects"),
                  st.builds(lambda value: {"gamma": value}, st.floats(-5, 5))),
        st.tuples(st.just("word"), st.integers(0, 80_000), st.integers(30, 900), st.just(0)),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_mending_never_makes_more_errors_and_leaves_a_partition(steps):
    edit = sound_plan()
    for sort, place, field, value in steps:
        if sort == "cut":
            edit["cuts"][place][field] += value
        elif sort == "set":
            edit["cuts"][place][field] = value
        else:
            edit["measured"]["edl.word"].append(word(f"new_{place}", "x", place, place + field))
    before = look(edit)
    found = mended(edit)
    assert sum(each.severity == "error" for each in found.left) <= sum(each.severity == "error" for each in before)
    if found.mends:
        edges = [0, *(each["timeline_out_frame"] for each in found.cuts)]
        assert [each["timeline_in_frame"] for each in found.cuts] == edges[:-1]
        plan = {**edit["plan"], **found.plan_fields, "length_frames": edges[-1]}
        again = checks.check(
            plan, found.cuts, edit["sources"], lambda path: "0" * 64, titles=found.titles, cues=found.cues,
            measured=edit["measured"],
        )  # fmt: skip
        assert again == found.left


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=True), st.text(max_size=5),
    st.lists(st.integers(), max_size=4), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), JUNK), min_size=1, max_size=4))
def test_whatever_a_record_says_the_check_answers(steps):
    """Any field of any record may be anything: findings come, or one clear line."""
    edit = sound_plan()
    edit["titles"], edit["cues"] = [title()], [cue(sound="drone")]
    everything = [
        edit["plan"], *edit["cuts"], *edit["titles"], *edit["cues"], *edit["sources"].values(),
        *(each for group in edit["measured"].values() for each in group),
    ]  # fmt: skip
    for which, field, junk in steps:
        record = everything[which % len(everything)]
        name = sorted(record)[field % len(record)]
        if name != "kind":
            record[name] = junk
    try:
        stream = [*edit["sources"].values(), edit["plan"], *edit["cuts"], *edit["titles"], *edit["cues"]]
        gathered = gathering.read(stream)
        parts = (gathered.plan, gathered.cuts, gathered.titles, gathered.cues, gathered.sources)
        found = mending.mend(*parts, lambda path: "0" * 64, measured=edit["measured"])
        list(murch.scores(footage(edit), AT)) if not found.left else None
    except DataError as problem:
        assert str(problem)


# -- gathering ---------------------------------------------------------------------------------------------------------


def test_a_stream_is_gathered_whole_and_parts_of_other_plans_are_refused():
    edit = sound_plan()
    stream = [*edit["sources"].values(), *edit["measured"]["edl.shot"], edit["plan"], *edit["cuts"], title(), cue()]
    found = gathering.read(stream)
    assert (found.plan, found.cuts) == (edit["plan"], edit["cuts"])
    assert found.of("edl.shot") == edit["measured"]["edl.shot"]
    with pytest.raises(DataError, match="a title of another plan"):
        gathering.read([edit["plan"], {**title(), "plan_id": "other"}])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=20), st.integers(-5, 80))
def test_spans_are_found_by_time(pairs, place):
    spans, at = [], 0
    for n, (gap, length) in enumerate(pairs):
        spans.append({"id": n, "start_ms": at + gap, "end_ms": at + gap + length})
        at += gap + length
    timed = Timed(spans)
    inside = [each for each in spans if each["start_ms"] < place < each["end_ms"]]
    assert timed.at(place) == (inside[0] if inside else None)
    assert timed.within(place, place + 7) == [
        each for each in spans if each["start_ms"] < place + 7 and each["end_ms"] > place
    ]  # fmt: skip
    assert timed.after(place) == next((each for each in spans if each["start_ms"] >= place), None)
    assert timed.before(place) == next((each for each in reversed(spans) if each["end_ms"] <= place), None)
    assert hearing.ROOM_AFTER_MS > hearing.ROOM_BEFORE_MS


def test_a_message_names_its_cut_and_stands_alone() -> None:
    cuts: list[dict[str, Any]] = [{"id": f"cut_{n}"} for n in range(4)]
    plan = {"id": "plan_1"}
    for words, told in (
        (
            "is 15/255 darker than the cut before, in one scene",
            "cut 3 is 15/255 darker than the cut before, in one scene",
        ),
        ("ends at frame 40, its source has 30", "cut 3 ends at frame 40, its source has 30"),
        ("jump cut: 3 frames inside one shot are left out", "cut 3: jump cut: 3 frames inside one shot are left out"),
        ("its sound leads", "cut 3: its sound leads"),
    ):
        record = findings.warning("rule", words, cuts[3]).record(plan, AT, cuts)
        assert record["message"] == told
    assert findings.error("empty", "plan has no cuts").record(plan, AT, [])["message"] == "plan has no cuts"
