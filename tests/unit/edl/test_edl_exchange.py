"""Exports hold the plan exactly; what a person changes in a project comes back as exactly these changes."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.exchange import (
    adopting,
    cmx,
    drawn,
    fcpxml,
    ffmpeg_script,
    kdenlive,
    marks,
    melting,
    mlt,
    reading_mlt,
    shotcut,
    timeline,
)  # fmt: skip
from roadmap_cli.edl.exchange import project as projects

AT = "2026-11-23T09:00:00.000Z"
EXAMPLES = Path(__file__).parents[3] / "examples"
SAVED = Path(__file__).parent / "shotcut"


def source(name: str = "a", frames: int = 1000, fps: str = "25/1", **more: Any) -> dict[str, Any]:
    return {"kind": "edl.source", "id": f"edl_{name}", "at": AT, "path": f"/films/{name}.mp4", "sha256": "0" * 64,
            "frames": frames, "fps": fps, "duration": timecode.spell(frames / timecode.rational(fps)), "width": 640,
            "height": 360, "has_sound": True, "streams": [{"type": "video"}, {"type": "audio"}], **more}  # fmt: skip


def edit(
    ranges: list[tuple[int, int]], *, sources: list[dict[str, Any]] | None = None, fps: str = "25/1", speed: str = "1/1",
    more: dict[int, dict[str, Any]] | None = None, things: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The records of an edit: cut n shows `ranges[n]` of source n, in turn."""
    sources = sources or [source()]
    cuts, start = [], 0
    for n, (first, end) in enumerate(ranges):
        taken = sources[n % len(sources)]
        shown = timecode.frames_shown(
            end - first, timecode.rational(taken["fps"]), timecode.rational(speed), timecode.rational(fps)
        )
        cuts.append(
            {"kind": "edl.cut", "id": f"edl_cut{n}", "at": AT, "plan_id": "edl_plan", "position": n,
             "source_id": taken["id"], "source": taken["path"], "in_frame": first, "out_frame": end,
             "fps": taken["fps"], "speed": speed, "timeline_in_frame": start, "timeline_out_frame": start + shown,
             "reason": f"reason <{n}> & more", **(more or {}).get(n, {})}
        )  # fmt: skip
        start += shown
    plan = {"kind": "edl.plan", "id": "edl_plan", "at": AT, "intent": "a test", "style": "plain", "fps": fps,
            "width": 640, "height": 360, "length_frames": start, "cut_count": len(cuts)}  # fmt: skip
    return [*sources, plan, *cuts, *(things or [])]


def read(records: list[dict[str, Any]]) -> timeline.Timeline:
    return timeline.read(gathering.needed(records))


RICH = edit(
    [(0, 50), (100, 160), (200, 240), (300, 380), (500, 550)],
    more={
        0: {"fade_in_frames": 10, "grade": {"saturation": 0.8, "contrast": 1.1}},
        1: {"transition": {"sort": "dissolve", "frames": 12}, "framing": {"start": [0, 0, 0.5, 0.5], "end": [0.2, 0.2, 0.6, 0.6]}},
        2: {"transition": {"sort": "wipe_left", "frames": 8}, "blur": {"sigma": 8, "subject": [0.3, 0.2, 0.4, 0.6]}},
        3: {"transition": {"sort": "fade_white", "frames": 9}, "effects": {"grain": 4, "letterbox": 2.39, "sharpen": 0.4}},
        4: {"sound": {"gain_db": -6.0, "lead_frames": 10}, "fade_out_frames": 15},
    },
    things=[
        {"kind": "edl.title", "id": "edl_t", "at": AT, "plan_id": "edl_plan", "text": "One #1\ntwo", "timeline_in_frame": 20,
         "timeline_out_frame": 60, "place": "upper", "size_ratio": 0.1, "fade_frames": 5},
        {"kind": "edl.cue", "id": "edl_c", "at": AT, "plan_id": "edl_plan", "source_id": "edl_a", "source": "/films/a.mp4",
         "source_start_ms": 4000, "timeline_in_frame": 0, "timeline_out_frame": 200, "gain_db": -9.0, "duck_db": 8.0,
         "fade_in_frames": 25},
        {"kind": "edl.span", "id": "edl_s", "at": AT, "source_id": "edl_a", "sort": "speech", "start_ms": 4200, "end_ms": 5800},
    ],
)  # fmt: skip


def no_hash(path: Path) -> str:
    return ""


def project(records: list[dict[str, Any]]) -> ElementTree.Element:
    return ElementTree.fromstring(shotcut.export(read(records), "p-files", no_hash).data)


def taken(root: ElementTree.Element, records: list[dict[str, Any]], *sources: dict[str, Any]) -> adopting.Revision:
    """The revision a changed project gives."""
    base = read(records)
    then = reading_mlt.read(shotcut.export(base, "p-files", no_hash).data, Path("/films"))
    now = reading_mlt.read(ElementTree.tostring(root), Path("/films"))
    return adopting.adopt(base, then, now, {s["id"]: s for s in sources}, "p.mlt", AT, no_hash)


def as_saved(root: ElementTree.Element) -> ElementTree.Element:
    """What Shotcut does to a project when it saves it: new ids, meta properties, none of the tractor's unknown ones."""
    root = copy.deepcopy(root)
    names: dict[str, str] = {}
    for node in root.iter():
        if (name := node.get("id")) and node.tag != "playlist" and name != "black":
            names[name] = f"{node.tag}{len(names) + 100}"
            node.set("id", names[name])
        if node.tag in {"entry", "track"} and node.get("producer") in names:
            node.set("producer", names[str(node.get("producer"))])
        if node.tag == "chain":
            mlt.put(node, {"meta.media.nb_streams": 2, "meta.media.0.codec.name": "h264", "format": 3})
        if node.tag == "filter":
            mlt.put(node, {"version": 0.2, "transition.cycle": 0})
        for child in [c for c in node if node.tag == "tractor" and c.get("name") == "edl:plan"]:
            node.remove(child)
    return root


def track(root: ElementTree.Element) -> ElementTree.Element:
    return next(node for node in root.findall("playlist") if mlt_property(node, "shotcut:name") == "V1")


def mlt_property(node: ElementTree.Element, name: str) -> str:
    return next((c.text or "" for c in node if c.tag == "property" and c.get("name") == name), "")


def told(revision: adopting.Revision) -> list[tuple[str, str, Any]]:
    return [(change.origin_id, change.field, change.after) for change in revision.changes]


# -- positions -------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 200_000), st.integers(2, 400),
    st.sampled_from(["25/1", "30000/1001", "24/1", "24000/1001", "60/1"]),
    st.sampled_from(["25/1", "30000/1001", "24/1", "60/1"]),
    st.sampled_from(["1/1", "4/5", "11/10", "1/2", "2/1", "9/10", "3/4"]),
)  # fmt: skip
def test_a_clip_never_shows_a_picture_of_its_neighbour(first: int, count: int, rate: str, fps: str, speed: str) -> None:
    """Every programme frame shows a picture of the range, whatever the rates; the speed strays by less than 3 %."""
    source_rate, programme, pace = (timecode.rational(text) for text in (rate, fps, speed))
    frames = timecode.frames_shown(count, source_rate, pace, programme)
    warp = mlt.place(first, first + count, source_rate, pace, programme, frames)
    used = warp.speed or Fraction(1)
    shown = [mlt.source_frame(warp.start + k, used, source_rate, programme) for k in (0, frames - 1)]
    if warp.exact:
        assert first <= shown[0]
        assert shown[1] < first + count
    else:
        assert frames < 4
    assert warp.start >= 0


@given(st.integers(0, 10_000_000), st.sampled_from(["25/1", "30000/1001", "24/1", "24000/1001", "60000/1001"]))
def test_clocks_come_back(frame: int, rate: str) -> None:
    fps = timecode.rational(rate)
    assert mlt.frame_of(mlt.clock(frame, fps), fps) == frame
    assert cmx.frame_of(cmx.code(frame % 2_000_000, fps), fps) == frame % 2_000_000


def test_drop_frame_keeps_with_the_clock() -> None:
    """SMPTE ST 12-1: at 30000/1001 the code of a minute's first frame is ;02, of each tenth minute's ;00."""
    fps = Fraction(30000, 1001)
    assert cmx.code(1799, fps) == "00:00:59;29"
    assert cmx.code(1800, fps) == "00:01:00;02"
    assert cmx.code(17982, fps) == "00:10:00;00"
    assert cmx.code(107892, fps) == "01:00:00;00"
    assert cmx.code(0, fps, 3600) == "01:00:00;00"
    assert cmx.code(1800, Fraction(24000, 1001)) == "00:01:15:00"


# -- Shotcut there and back ------------------------------------------------------------------------------------------


def test_a_project_is_whole() -> None:
    made = shotcut.export(read(RICH), "p-files", no_hash)
    wrong = [line for line in melting.faults(made.data, Path("/nowhere")) if "not defined" in line]
    assert wrong == []
    root = ElementTree.fromstring(made.data)
    names = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(names) == len(set(names))
    used = [node.get("producer") for node in root.iter() if node.tag in {"entry", "track"}]
    assert len(used) == len(set(used)), "every use is a copy of its own"
    assert [node.tag for node in root][-1] == "tractor"
    assert mlt_property(list(root)[-1], "shotcut") == "1"
    frames = 0
    fps = Fraction(25)
    for node in track(root):
        if node.tag == "entry":
            frames += mlt.frame_of(node.get("out"), fps) - mlt.frame_of(node.get("in"), fps) + 1
    assert frames == RICH[1]["length_frames"]
    text = made.data.decode()
    assert "reason &lt;0&gt; &amp; more" in text
    assert 'name="shotcut:markers"' in text
    assert set(made.beside) >= {"p-files/wipe_left.pgm"}
    assert any(name.endswith(".cube") for name in made.beside)


def test_saved_and_not_edited_is_no_change() -> None:
    """Shotcut's new ids, meta properties and defaults are no edit: the plan and its digest stay."""
    base = read(RICH)
    sources = dict(base.sources)
    before = checks.digest(base.plan, [clip.record for clip in base.clips], sources)
    for root in (project(RICH), as_saved(project(RICH))):
        revision = taken(root, RICH)
        assert revision.changes == []
        assert revision.problems == []
        assert revision.opaque == []
        cuts = [thing for thing in revision.things if thing["kind"] == "edl.cut"]
        assert checks.digest(revision.plan, cuts, sources) == before


def test_what_shotcut_itself_saved_is_no_change() -> None:
    """A project of ours that Shotcut 22.12 opened and saved (a fixture) gives the plan it was made from."""
    place = str(EXAMPLES)
    records = [
        json.loads(line) for line in (SAVED / "plan.jsonl").read_text().replace("@EXAMPLES@", place).splitlines()
    ]
    data = (SAVED / "saved.mlt").read_text().replace("@EXAMPLES@", place).encode()
    now = reading_mlt.read(data, EXAMPLES)
    base = read(records)
    assert now.plan_id == base.plan["id"]
    then = reading_mlt.read(shotcut.export(base, "p-files", no_hash).data, EXAMPLES)
    assert adopting.adopt(base, then, now, {}, "p.mlt", AT, no_hash).changes == []


PLAIN = edit([(0, 50), (100, 160), (200, 240), (300, 380)])


def test_trimmed_deleted_moved_and_split() -> None:
    root = as_saved(project(PLAIN))
    line = track(root)
    entries = line.findall("entry")
    entries[0].set("out", mlt.clock(39, Fraction(25)))  # ten frames off the end of the first
    line.remove(entries[1])  # the second is gone
    line.remove(entries[3])  # the fourth comes before the third
    line.insert(list(line).index(entries[2]), entries[3])
    entries[3].set("in", mlt.clock(310, Fraction(25)))
    revision = taken(root, PLAIN)
    assert told(revision) == [
        ("edl_cut0", "out_frame", 40),
        ("edl_cut3", "in_frame", 310),
        ("edl_cut1", "", None),
        ("edl_cut3", "position", 1),
    ] or told(revision) == [
        ("edl_cut0", "out_frame", 40),
        ("edl_cut3", "in_frame", 310),
        ("edl_cut1", "", None),
        ("edl_cut2", "position", 2),
    ]
    cuts = [thing for thing in revision.things if thing["kind"] == "edl.cut"]
    assert [(cut["in_frame"], cut["out_frame"], cut["timeline_in_frame"]) for cut in cuts] == [
        (0, 40, 0), (310, 380, 40), (200, 240, 110),
    ]  # fmt: skip
    assert revision.plan["parent_id"] == "edl_plan"
    assert revision.plan["length_frames"] == 150
    assert "checked_digest" not in revision.plan

    root = as_saved(project(PLAIN))
    line = track(root)
    first = line.findall("entry")[0]
    second = copy.deepcopy(first)
    first.set("out", mlt.clock(19, Fraction(25)))
    second.set("in", mlt.clock(20, Fraction(25)))
    line.insert(list(line).index(first) + 1, second)
    revision = taken(root, PLAIN)
    assert [(change.field, change.before is None) for change in revision.changes] == [("out_frame", False), ("", True)]
    cuts = [thing for thing in revision.things if thing["kind"] == "edl.cut"]
    assert [(cut["in_frame"], cut["out_frame"]) for cut in cuts[:2]] == [(0, 20), (20, 50)]
    assert len({cut["origin_id"] for cut in cuts}) == 5


def test_filters_comments_and_unknown_things() -> None:
    root = as_saved(project(RICH))
    chains: dict[str, list[ElementTree.Element]] = {}
    for node in root.iter("chain"):
        chains.setdefault(mlt_property(node, "edl:origin"), []).append(node)
    for node in chains["edl_cut0"]:  # no more grade, a new comment
        node.remove(next(f for f in node.findall("filter") if mlt_property(f, "mlt_service") == "avfilter.lut3d"))
        for child in node:
            if child.get("name") == "shotcut:comment":
                child.text = "better so"
    for node in chains["edl_cut3"]:  # less grain, and a filter nobody here knows
        if mlt_property(node, "video_index") == "-1":
            continue
        grain = next(f for f in node.findall("filter") if mlt_property(f, "mlt_service") == "avfilter.noise")
        for child in grain:
            if child.get("name") in {"av.alls", "av.all_strength"}:
                child.text = "2"
        mlt.sub(node, "filter", {"mlt_service": "oldfilm", "delta": 14})
    for node in chains["edl_cut4"]:
        for each in node.findall("filter"):
            for child in each:
                if child.get("name") == "level" and child.text == "-6":
                    child.text = "-2.5"
    revision = taken(root, RICH)
    fields = {(change.origin_id, change.field): change.after for change in revision.changes}
    assert fields[("edl_cut0", "grade")] is None
    assert fields[("edl_cut0", "reason")] == "better so"
    assert fields[("edl_cut3", "effects")] == {"grain": 2.0, "letterbox": 2.39, "sharpen": 0.4}
    assert fields[("edl_cut3", "opaque")] == [{"service": "oldfilm", "properties": {"delta": "14"}}]
    assert fields[("edl_cut4", "sound")] == {"lead_frames": 10, "gain_db": -2.5}
    assert len(fields) == 5
    assert revision.problems == []
    assert len(revision.opaque) == 1
    again = shotcut.export(read([*RICH[:1], revision.plan, *revision.things]), "p-files", no_hash)
    assert b"oldfilm" in again.data, "an unknown filter goes out again"


def test_a_new_transition_and_a_title_changed() -> None:
    root = as_saved(project(PLAIN))
    line = track(root)
    entries = line.findall("entry")
    names = [str(entry.get("producer")) for entry in entries]
    fps = Fraction(25)
    joint = ElementTree.Element("tractor", {"id": "tractor900", "in": mlt.clock(0, fps), "out": mlt.clock(9, fps)})
    mlt.put(joint, {"shotcut:transition": "lumaMix"})
    # As Shotcut makes it: the right clip is drawn over the end of the left, which gives up ten frames.
    mlt.sub(joint, "track", producer=names[0], in_=mlt.clock(40, fps), out=mlt.clock(49, fps))
    mlt.sub(joint, "track", producer=names[1], in_=mlt.clock(100, fps), out=mlt.clock(109, fps))
    mlt.sub(joint, "transition", {"mlt_service": "luma", "a_track": 0, "b_track": 1}, id="transition900")
    mlt.sub(joint, "transition", {"mlt_service": "mix", "start": -1}, id="transition901")
    root.insert(list(root).index(line), joint)
    entries[0].set("out", mlt.clock(39, fps))
    entries[1].set("in", mlt.clock(110, fps))
    line.insert(
        list(line).index(entries[1]),
        ElementTree.Element("entry", {"producer": "tractor900", "in": mlt.clock(0, fps), "out": mlt.clock(9, fps)}),
    )
    revision = taken(root, PLAIN)
    assert told(revision) == [
        ("edl_cut0", "out_frame", 40), ("edl_cut1", "transition", {"sort": "dissolve", "frames": 10}),
    ]  # fmt: skip
    root = as_saved(project(RICH))
    for node in root.iter("producer"):
        for each in node.findall("filter"):
            for child in each:
                if child.get("name") == "argument":
                    child.text = "Three"
    assert told(taken(root, RICH)) == [("edl_t", "text", "Three")]


def test_without_ids_clips_are_known_by_what_they_show() -> None:
    root = as_saved(project(PLAIN))
    for node in root.iter():
        for child in [c for c in node if c.get("name") == "edl:origin"]:
            node.remove(child)
    assert taken(root, PLAIN).changes == []
    track(root).remove(track(root).findall("entry")[2])
    assert told(taken(root, PLAIN)) == [("edl_cut2", "", None)]


def test_new_files_are_named_for_the_scan() -> None:
    root = as_saved(project(PLAIN))
    other = mlt.sub(
        root,
        "chain",
        {"resource": "/films/new one.mp4", "mlt_service": "avformat-novalidate", "audio_index": 1},
        id="chain900",
    )
    root.remove(other)
    root.insert(1, other)
    ElementTree.SubElement(track(root), "entry", {"producer": "chain900", "in": "00:00:00.000", "out": "00:00:01.960"})
    with pytest.raises(DataError, match="1 file in it has not been scanned") as told_of:
        taken(root, PLAIN)
    assert told_of.value.hint == "edl-scan '/films/new one.mp4' >/dev/null, then import again"
    new = source("new") | {"path": "/films/new one.mp4"}
    revision = taken(root, PLAIN, new)
    (change,) = revision.changes
    assert change.before is None
    assert change.after["source_id"] == "edl_new"
    assert change.after["out_frame"] == 50


def test_a_foreign_project_becomes_a_plan() -> None:
    now = reading_mlt.read(ElementTree.tostring(project(PLAIN)), Path("/films"))
    revision = adopting.adopt(None, reading_mlt.Seen(now.fps), now, {"edl_a": source()}, "p.mlt", AT, no_hash)
    made = read([source(), revision.plan, *revision.things])
    assert [(clip.first, clip.end) for clip in made.clips] == [(0, 50), (100, 160), (200, 240), (300, 380)]
    assert "parent_id" not in revision.plan


FOREIGN = """<?xml version="1.0" encoding="utf-8"?>
<mlt LC_NUMERIC="C" version="7.40.0" title="Shotcut version 26.6.25" producer="tractor0" root=".">
  <profile width="320" height="240" frame_rate_num="30" frame_rate_den="1"/>
  <producer id="black" in="0" out="0"><property name="mlt_service">color</property></producer>
  <producer id="one" in="0" out="99"><property name="resource">a.mp4</property>
    <property name="mlt_service">avformat-novalidate</property></producer>
  <producer id="photo" in="0" out="99"><property name="resource">p.jpg</property>
    <property name="mlt_service">qimage</property></producer>
  <tractor id="joint" in="0" out="9"><property name="shotcut:transition">lumaMix</property>
    <track producer="one" in="50" out="59"/><track producer="one" in="0" out="9"/>
    <transition><property name="mlt_service">luma</property></transition></tractor>
  <playlist id="background"><entry producer="black" in="0" out="0"/></playlist>
  <playlist id="v1"><property name="shotcut:video">1</property><entry producer="one" in="20" out="49"/>
    <entry producer="joint" in="0" out="9"/><entry producer="one" in="10" out="29"/><blank length="5"/>
    <entry producer="photo" in="0" out="19"/><entry producer="one" in="80" out="99"/></playlist>
  <playlist id="v2"><property name="shotcut:video">1</property><entry producer="one" in="0" out="9"/></playlist>
  <tractor id="tractor0"><property name="shotcut">1</property><track producer="background"/><track producer="v1"/>
    <track producer="v2"/></tractor>
</mlt>"""


def test_a_project_by_another_hand_is_read_as_far_as_a_plan_goes() -> None:
    """Frames instead of clocks, one producer used everywhere, names relative to the root; and what a plan cannot hold."""
    now = reading_mlt.read(FOREIGN.encode(), Path("/films"))
    assert [(clip.path, clip.start, clip.frames, clip.at, clip.joint) for clip in now.clips] == [
        ("/films/a.mp4", 20, 30, 0, None), ("/films/a.mp4", 0, 30, 30, ("dissolve", 10)), ("/films/a.mp4", 80, 20, 60, None),
    ]  # fmt: skip
    assert now.problems == [
        "a gap of 5 frames at 00:00:02.000 is closed",
        "a clip of qimage at 00:00:02.167 is left out: a plan holds files",
        "a clip on an upper track at 00:00:00.000 is left out",
    ]


# -- other formats ---------------------------------------------------------------------------------------------------


def test_opentimelineio_there_and_back() -> None:
    pytest.importorskip("opentimelineio")
    import opentimelineio

    from roadmap_cli.edl.exchange import otio, reading_otio

    slow = edit([(0, 29), (100, 160)], speed="4/5", more={1: {"transition": {"sort": "dissolve", "frames": 5}}})
    for records in (RICH, slow):
        base = read(records)
        data = otio.export(base).data
        made = opentimelineio.adapters.read_from_string(data.decode(), "otio_json")
        assert made.video_tracks()[0].duration().to_frames() == base.length
        then = reading_otio.read(data, Path("/films"))
        revision = adopting.adopt(base, then, then, {}, "p.otio", AT, no_hash)
        assert revision.changes == []
        clip = next(iter(made.find_clips()))
        clip.source_range = opentimelineio.opentime.TimeRange(
            clip.source_range.start_time, opentimelineio.opentime.RationalTime(20, 25)
        )
        now = reading_otio.read(made.to_json_string().encode(), Path("/films"))
        changed = adopting.adopt(base, then, now, {}, "p.otio", AT, no_hash).changes
        assert [change.field for change in changed] == ["out_frame"]


def test_a_clip_between_two_that_changed_places_is_where_it_was() -> None:
    pytest.importorskip("opentimelineio")
    import opentimelineio

    from roadmap_cli.edl.exchange import otio, reading_otio

    base = read(edit([(0, 29), (100, 160), (300, 340)]))
    data = otio.export(base).data
    then = reading_otio.read(data, Path("/films"))
    made = opentimelineio.adapters.read_from_string(data.decode(), "otio_json")
    track = made.video_tracks()[0]
    track[:] = [clip.deepcopy() for clip in reversed(track)]
    now = reading_otio.read(made.to_json_string().encode(), Path("/films"))
    changed = adopting.adopt(base, then, now, {}, "p.otio", AT, no_hash).changes
    assert {(change.before, change.after) for change in changed if change.field == "position"} == {(0, 2), (2, 0)}


def test_the_list_counts_as_cmx_does() -> None:
    slow = edit(
        [(0, 60), (100, 160), (30, 90)], sources=[source("reel one", fps="30000/1001"), source("Other", fps="30000/1001")],
        fps="30000/1001", speed="4/5", more={1: {"transition": {"sort": "dissolve", "frames": 12}}},
    )  # fmt: skip
    made = cmx.export(read(slow))
    lines = made.data.decode().splitlines()
    assert lines[1] == "FCM: DROP FRAME"
    assert "001  REELONE  B     C        00:00:00;00 00:00:02;00 01:00:00;00 01:00:02;15" in lines
    assert "M2   REELONE  0024.0                00:00:00;00" in lines
    assert "002  OTHER    B     D    012 00:00:03;10 00:00:05;10 01:00:02;15 01:00:05;00" in lines
    assert any(line.startswith("* LOC: 01:00:02;15 CYAN") for line in lines)


def test_final_cut_times_lie_on_frames() -> None:
    """Every offset, start and duration is a whole number of the sequence's frames, whatever the source's rate."""
    mixed = edit(
        [(0, 60), (100, 161), (30, 95)], sources=[source("a", fps="24/1"), source("b", fps="30000/1001")],
        fps="30000/1001", speed="9/10",
    )  # fmt: skip
    for records, fps in ((mixed, Fraction(30000, 1001)), (RICH, Fraction(25))):
        root = ElementTree.fromstring(fcpxml.export(read(records)).data)
        spine = root.find(".//spine")
        assert spine is not None
        at = Fraction(0)
        for node in spine.iter():
            for name in ("offset", "start", "duration"):
                if node.tag in {"asset-clip", "title", "transition", "marker"} and node.get(name):
                    assert (Fraction(str(node.get(name)).removesuffix("s")) * fps).denominator == 1, (node.tag, name)
        for node in spine.findall("asset-clip"):
            assert Fraction(str(node.get("offset")).removesuffix("s")) == at
            at += Fraction(str(node.get("duration")).removesuffix("s"))
        assert at * fps == read(records).length


def test_what_cannot_be_held_is_said() -> None:
    base = read(RICH)
    said = {
        "edl": {loss["field"] for loss in cmx.export(base).losses.grouped()},
        "fcpxml": {loss["field"] for loss in fcpxml.export(base).losses.grouped()},
        "kdenlive": {loss["field"] for loss in kdenlive.export(base, "f", Path("/")).losses.grouped()},
    }
    assert said["edl"] >= {"grade", "framing", "blur", "effects", "sound", "title", "cue", "fade_in_frames"}
    assert said["fcpxml"] >= {"grade", "framing", "blur", "effects", "sound", "transition", "title"}
    assert "transition" in said["kdenlive"]


def test_a_kdenlive_project_is_one_that_kdenlive_opens_without_a_word() -> None:
    """Kdenlive 22.12 reads the version in the first playlist only, has clips off a mix on the first of a track's two
    playlists and says that the project is damaged if not, and shows notes as HTML.
    """
    more = {1: {"transition": {"sort": "dissolve", "frames": 10}}, 2: {"transition": {"sort": "dissolve", "frames": 8}}}
    records = edit([(100, 150), (200, 260), (300, 340), (400, 440), (500, 540)], more=more, things=[
        {"kind": "edl.title", "id": "edl_t", "at": AT, "plan_id": "edl_plan", "text": "A & B", "timeline_in_frame": 5,
         "timeline_out_frame": 30},
    ])  # fmt: skip
    base = read(records)
    root = ElementTree.fromstring(kdenlive.export(base, "f", Path("/")).data)
    first = root.find("playlist")
    told = {node.get("name"): node.text for node in first.findall("property")}
    assert (first.get("id"), told["kdenlive:docproperties.version"]) == ("main_bin", "1.04")
    assert told["kdenlive:documentnotes"].count("<br/>") == projects.note(base).count("\n")
    assert len(json.loads(told["kdenlive:docproperties.guides"])) == 5
    lists = {node.get("id"): node for node in root.findall("playlist")}
    bin_ids = {node.get("producer") for node in first.findall("entry")}
    for tractor in root.findall("tractor")[:-1]:
        sides = [
            [entry.findtext("property") for entry in lists[track.get("producer")].findall("entry")]
            for track in tractor.findall("track")
        ]
        mixes = len(tractor.findall("transition"))
        assert len(sides) == 2
        assert len(sides[1]) <= -(-mixes // 2), "only clips that a mix joins lie on the second playlist"
    last = root.findall("tractor")[-1]
    assert last is list(root)[-1]
    defined = {node.get("id") for node in root}
    assert {track.get("producer") for track in last.findall("track")} <= defined
    assert bin_ids <= defined
    assert melting.faults(kdenlive.export(base, "f", Path("/")).data, Path("/"))[0].endswith("is missing")


def test_sources_of_high_dynamic_range_are_said_to_stay_so_there() -> None:
    base = read(edit([(0, 50)], sources=[source(high_dynamic_range=True)]))
    for made in (shotcut.export(base, "f", lambda path: ""), kdenlive.export(base, "f", Path("/"))):
        assert "source.high_dynamic_range" in {loss["field"] for loss in made.losses.grouped()}


def test_chapters_and_subtitles() -> None:
    words = [
        {"kind": "edl.word", "id": f"edl_w{n}", "at": AT, "source_id": "edl_a", "text": text, "start_ms": start, "end_ms": start + 300}
        for n, (text, start) in enumerate([("Hello", 4000), ("there.", 4400), ("Gone", 1700), ("Again", 12_100)])
    ]  # fmt: skip
    beats = [
        {"kind": "edl.beat", "id": "edl_b", "at": AT, "source_id": "edl_a", "role": "peak", "in_frame": 210, "out_frame": 230, "why": "loud"}
    ]  # fmt: skip
    base = read([*PLAIN, *words, *beats])
    assert marks.subtitles(base).data.decode() == (
        "1\n00:00:01,700 --> 00:00:02,000\nGone\n\n2\n00:00:02,000 --> 00:00:02,700\nHello there.\n\n"
        "3\n00:00:06,100 --> 00:00:06,400\nAgain\n"
    )
    assert "[CHAPTER]\nTIMEBASE=1/25\nSTART=120\nEND=230\ntitle=Peak" in marks.metadata(base).data.decode()
    assert marks.listing(read(PLAIN)).data == b"0:00 Whole programme\n"


def test_masks_and_wipes() -> None:
    name, data = drawn.subject_mask(read(RICH).clips[2].blur.subject, 64, 32)  # type: ignore[union-attr, arg-type]
    assert data.startswith(b"\x89PNG")
    assert name.endswith(".png")
    wipe = drawn.wipe("wipe_left")
    assert wipe[:2] == b"P5"
    assert len(wipe) == len(b"P5\n1024 1024\n65535\n") + 2 * 1024 * 1024


# -- nothing but DataError -------------------------------------------------------------------------------------------

WHOLE = shotcut.export(read(RICH), "p-files", no_hash).data
WHOLE_SEEN = reading_mlt.read(WHOLE, Path("/films"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_project_breaks_the_reader(data: st.DataObject) -> None:
    text = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text) - 2))
        kind = data.draw(st.sampled_from(["byte", "cut", "swap"]))
        if kind == "byte":
            text[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del text[at : at + data.draw(st.integers(1, 200))]
        else:
            text[at : at + 1] = data.draw(
                st.sampled_from([b"-", b"9", b"<entry/>", b"&x;", b'"', b"tractor0", b"99999999999"])
            )
        if len(text) < 3:
            break
    with contextlib.suppress(DataError):
        reading_mlt.read(bytes(text), Path("/films"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["in", "out", "producer", "length", "resource", "warp_speed", "frame_rate_num", "name", "hide"]),
            st.sampled_from(["", "0", "-1", "1e9", "nan", "00:00:00.000", "99:99:99.999999999999", "playlist2", "tractor4", "a/b\\0", "½"]),
            st.integers(0, 400),
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_no_value_breaks_the_reader(changes: list[tuple[str, str, int]]) -> None:
    root = ElementTree.fromstring(WHOLE)
    nodes = list(root.iter())
    for name, value, place in changes:
        node = nodes[place % len(nodes)]
        if node.tag == "property":
            node.text = value
        else:
            node.set(name, value)
    try:
        now = reading_mlt.read(ElementTree.tostring(root), Path("/films"))
        adopting.adopt(read(RICH), WHOLE_SEEN, now, {}, "p.mlt", AT, no_hash)
    except DataError:
        pass


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_timeline_breaks_the_reader(data: st.DataObject) -> None:
    pytest.importorskip("opentimelineio")
    from roadmap_cli.edl.exchange import otio, reading_otio

    text = otio.export(read(PLAIN)).data.decode()
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(["", "null", "-1", "1e999", "[]", "{", '"x"', "0", "\0"]))
    broken = text[:at] + new + text[at + data.draw(st.integers(0, 30)) :]
    with contextlib.suppress(DataError):
        reading_otio.read(broken.encode(), Path("/films"))


def test_entities_and_documents_from_outside_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("never")
    for head in (
        f'<!DOCTYPE mlt [<!ENTITY x SYSTEM "file://{secret}">]>',
        '<!DOCTYPE mlt [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>',
        f'<!DOCTYPE mlt SYSTEM "{secret}">',
    ):
        with pytest.raises(DataError, match="document types and entities are not read"):
            reading_mlt.read(f"{head}<mlt>&x;</mlt>".encode(), tmp_path)


# -- what other programs make of it ----------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("melt"), reason="melt is not installed: apt-get install melt")
@pytest.mark.slow
@pytest.mark.parametrize("rate", ["25", "30000/1001", "24"])
@pytest.mark.parametrize("words", ["plain", "cinematic", "transitions"])
def test_melt_shows_what_we_render(rate: str, words: str, edit: Any, tmp_path: Path) -> None:
    """The bar: the same number of frames, cuts at the same frames, mean luma of each shot within 2 of 255.

    Plain and cinematic plans are held against edl-render, transitions against our ffmpeg script.
    """
    numpy = pytest.importorskip("numpy")
    film = tmp_path / "film.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-r", rate, "-i", str(EXAMPLES / "bikes.mp4"), "-c:v", "libx264", "-crf", "10",
         "-preset", "ultrafast", "-r", rate, str(film)], check=True,
    )  # fmt: skip
    records = edit.scan(film)
    header, cuts, sources = edit.plan(records, "make it cinematic" if words == "cinematic" else "plain")
    if words == "transitions":
        sorts = ["dissolve", "wipe_left", "fade_black", "wipe_down", "fade_white"]
        for n, cut in enumerate(cuts[1:]):
            cut["transition"] = {"sort": sorts[n % len(sorts)], "frames": 8}
    made = read([*sources.values(), header, *cuts])
    ours = tmp_path / "ours.mp4"
    if words == "transitions":
        script = tmp_path / "run.sh"
        export = ffmpeg_script.export(made, "run-files")
        script.write_bytes(export.data)
        for name, data in export.beside.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data)
        subprocess.run(
            ["sh", str(script), str(ours)], check=True, capture_output=True, env={**os.environ, "QUALITY": "8"}
        )
    else:
        edit.render((header, cuts, sources), ours, tmp_path / "cache", quality=8)
    place = tmp_path / "p.mlt"
    export = shotcut.export(made, "p-files")
    place.write_bytes(export.data)
    for name, data in export.beside.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert melting.faults(export.data, tmp_path) == []
    assert melting.prove(str(shutil.which("melt")), place, made.length).frames == made.length
    theirs = tmp_path / "theirs.mkv"
    command = [
        "melt",
        "-silent",
        str(place),
        "-consumer",
        f"avformat:{theirs}",
        "vcodec=ffv1",
        "an=1",
        *melting.CONSUMER,
    ]
    subprocess.run(command, check=True, capture_output=True)

    def luma(path: Path) -> Any:
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        size = made.width * made.height
        return numpy.frombuffer(raw, "u1").reshape(-1, size * 3 // 2)[:, :size].reshape(-1, made.height, made.width)

    left, right = luma(ours), luma(theirs)
    assert len(left) == len(right) == made.length
    for clip in made.clips:
        a, b = left[clip.start : clip.stop].mean(), right[clip.start : clip.stop].mean()
        assert abs(float(a) - float(b)) <= 2, (clip.position, a, b)
    if words != "transitions":
        steps = [
            numpy.abs(numpy.diff(film[:, ::4, ::4].astype("f4"), axis=0)).mean(axis=(1, 2)) for film in (left, right)
        ]
        for clip in made.clips[1:]:
            near = slice(clip.start - 4, clip.start + 3)
            assert [int(step[near].argmax()) for step in steps] == [3, 3], clip.position
