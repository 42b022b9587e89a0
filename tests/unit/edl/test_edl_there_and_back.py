"""A project that nobody touched changes nothing, whatever was done to the plan before it was exported."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core import clock
from roadmap_cli.edl import gathering
from roadmap_cli.edl.exchange import importing, timeline, writing
from roadmap_cli.edl.feedback import answering, settling, wishes
from roadmap_cli.edl.feedback.material import Footage
from roadmap_cli.edl.history import revisions
from roadmap_cli.edl.history.changes import Layout
from roadmap_cli.edl.planning import intent, planner
from roadmap_cli.state import records
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State

AT = "2026-11-23T09:00:00.000Z"
NOW = clock.parse(AT)
SECONDS = count(1)
BIKES = Path(__file__).parents[3] / "examples/bikes.mp4"
FORMATS = {"shotcut": ".mlt", "otio": ".otio"}


LOOKS: tuple[dict[str, Any], ...] = (
    {"grade": {"contrast": 1.1, "saturation": 0.8}, "fade_in_frames": 8},
    {"framing": {"start": [0, 0, 0.5, 0.5], "end": [0.2, 0.2, 0.6, 0.6]}, "sound": {"gain_db": -6}},
    {"blur": {"sigma": 8, "subject": [0.3, 0.2, 0.4, 0.6]}},
    {"effects": {"grain": 8, "vignette": 0.4, "letterbox": 2.39}},
    {"sound": {"lead_frames": 10}, "fade_out_frames": 12},
)


def planned() -> list[dict[str, Any]]:
    """A plan of five cuts that have a look each, a title and a cue."""
    source = {
        "kind": "edl.source", "id": "edl_a", "at": AT, "path": "/films/a.mp4", "sha256": "0" * 64, "frames": 1000,
        "fps": "25/1", "duration": "40/1", "width": 640, "height": 360, "has_sound": True,
        "streams": [{"type": "video"}, {"type": "audio"}],
    }  # fmt: skip
    part = {"at": AT, "plan_id": "edl_plan"}
    cuts = [
        {"kind": "edl.cut", "id": f"edl_cut{n}", **part, "position": n, "source_id": "edl_a", "source": "/films/a.mp4",
         "in_frame": 150 * n, "out_frame": 150 * n + 50, "fps": "25/1", "speed": "1/1", "timeline_in_frame": 50 * n,
         "timeline_out_frame": 50 * n + 50, "reason": f"reason <{n}> & more", **look}
        for n, look in enumerate(LOOKS)
    ]  # fmt: skip
    title = {
        "kind": "edl.title", "id": "edl_t", **part, "text": "Bern", "place": "upper", "timeline_in_frame": 60,
        "timeline_out_frame": 120,
    }  # fmt: skip
    cue = {
        "kind": "edl.cue", "id": "edl_m", **part, "sound": "drone", "gain_db": -12, "timeline_in_frame": 0,
        "timeline_out_frame": 250,
    }  # fmt: skip
    plan = {
        "kind": "edl.plan", "id": "edl_plan", "at": AT, "intent": "a test", "style": "plain", "fps": "25/1",
        "width": 640, "height": 360, "length_frames": 250, "cut_count": 5, "source_ids": ["edl_a"],
    }  # fmt: skip
    return [source, plan, *cuts, title, cue]


@pytest.fixture
def state(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with State.open(
        home / "state.db", mode="write", keys=KeySource({"HOME": str(home)}, None), wait_s=5, now=lambda: NOW
    ) as opened:
        yield opened


def edited(draw: random.Random, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts after one of the changes that feedback makes: to one cut, to several, to a cue, or to the order."""
    cuts = [dict(part) for part in parts if part["kind"] == "edl.cut"]
    others = [dict(part) for part in parts if part["kind"] != "edl.cut"]
    place = draw.randrange(len(cuts))
    what = draw.randrange(6)
    if what == 0:
        cuts[place]["out_frame"] = max(cuts[place]["in_frame"] + 12, cuts[place]["out_frame"] - draw.randrange(1, 9))
    elif what == 1:
        for cut in cuts[place:]:
            cut["effects"] = {**cut.get("effects", {}), "gamma": round(draw.uniform(0.7, 1.5), 4)}
    elif what == 2 and len(cuts) > 2:
        del cuts[place]
    elif what == 3:
        cuts.insert(0, cuts.pop(place))
    elif what == 4 and others:
        draw.choice(others)["reason"] = "said otherwise"
    else:
        cuts[place]["sound"] = {"gain_db": round(draw.uniform(-9, 3), 2)}
    laid, frame = [], 0
    for cut in cuts:
        cut.pop("transition", None)  # what a neighbour has no frames for is edl-check's to say
        shown = cut["out_frame"] - cut["in_frame"]
        laid.append({**cut, "position": len(laid), "timeline_in_frame": frame, "timeline_out_frame": frame + shown})
        frame += shown
    old, new = Layout.of([part for part in parts if part["kind"] == "edl.cut"]), Layout.of(laid)
    for other in others:
        span = old.carry((other["timeline_in_frame"], other["timeline_out_frame"]), new)
        other["timeline_in_frame"], other["timeline_out_frame"] = span
    return [*laid, *(other for other in others if other["timeline_in_frame"] < other["timeline_out_frame"])]


def stored(state: State, stream: list[dict[str, Any]]) -> revisions.Head:
    read = gathering.needed(stream)
    with state.write() as tx:
        records.put_many(tx, read.evidence())
        base = revisions.attend(tx, read.plan, read.things, list(read.sources.values()), NOW, "edl-plan")
        return revisions.whole(tx, base)


def back_again(state: State, folder: Path, found: revisions.Head) -> dict[str, list[dict[str, Any]]]:
    """What an import says was changed, by format, if the export of a revision is taken back as it was written."""
    told = {}
    for name, suffix in FORMATS.items():
        file = folder / f"project{suffix}"
        made = writing.make(name, timeline.read(gathering.needed(revisions.stream(found))), file, None)
        file.write_bytes(made.data)
        outcome = importing.take(state, file, [], "edl-import", NOW + timedelta(seconds=next(SECONDS)))
        assert outcome.revision.plan["id"] == found.plan["id"]
        told[name] = outcome.record["changes"]
    return told


@pytest.mark.parametrize("seed", range(4))
def test_after_many_edits_an_untouched_project_changes_nothing(state, tmp_path, seed):
    draw = random.Random(seed)
    found = stored(state, planned())
    for _ in range(draw.randrange(1, 6)):
        plan, things = revisions.revise(
            found.plan, edited(draw, found.things), clock.stamp(NOW + timedelta(seconds=next(SECONDS)))
        )
        with state.write() as tx:
            edit = revisions.record(
                tx, plan=plan, things=things, what="an edit", why="because", evidence=[found.sources[0]["id"]],
                command="edl-feedback", at=NOW,
            )  # fmt: skip
            found = revisions.whole(tx, revisions.find(tx, edit["plan_id"]))
    assert back_again(state, tmp_path, found) == {name: [] for name in FORMATS}


INTENTS = (
    "music video, 6 seconds", "make it cinematic", "a fast trailer, 5 seconds", "noir, slow, with a title 'Bern'",
    "vlog, 4 seconds, with dissolves",
)  # fmt: skip
WISHES = (
    "make the last shot shorter", "too dark", "the shots are too long", "more saturated", "the music is too loud",
    "warmer at the beginning", "slower", "the second shot is too long", "add a fade out at the end", "softer cuts",
    "remove the first shot", "no letterbox", "sharper", "less grain",
)  # fmt: skip


def corrected(state: State, head: revisions.Head, footage: Footage, words: str) -> revisions.Head:
    """The revision that feedback makes of another, or the same where it refuses."""
    with state.read() as tx:
        at_hand = settling.with_shots(tx, settling.of_head(tx, head))
    made = answering.answer(words, wishes.read(words), at_hand, footage, {}, insist=True)
    moment = NOW + timedelta(seconds=next(SECONDS))
    plan, _ = settling.settle(state, made, "somebody", "edl-feedback", moment)
    with state.read() as tx:
        found = revisions.find(tx, plan["id"])
        assert found is not None
        return revisions.whole(tx, found)


def check_words(found: Any, edit: Any, state: State, folder: Path, words: str, said: tuple[str, ...]) -> None:
    """Each of some wishes on the plan of some words, and all of them one after the other."""
    scan = edit.scan(BIKES)
    parts = [[record for record in scan if record["kind"] == kind] for kind in ("edl.source", "edl.shot")]
    others = [record for record in scan if record["kind"] not in ("edl.source", "edl.shot")]
    made = planner.plan(*parts, words, intent.read(words), AT, others)
    first = head = stored(state, [*scan, made.header, *made.records])
    footage = Footage(found, {source["id"]: source for source in first.sources})
    changed = 0
    for wish in said:
        alone, head = (corrected(state, each, footage, wish) for each in (first, head))
        changed += alone.plan["id"] != first.plan["id"]
        assert back_again(state, folder, alone) == {name: [] for name in FORMATS}, wish
    assert back_again(state, folder, head) == {name: [] for name in FORMATS}
    assert changed > len(said) // 2


def test_after_feedback_an_untouched_project_changes_nothing(found, edit, state, tmp_path):
    check_words(found, edit, state, tmp_path, INTENTS[0], WISHES[:2])


@pytest.mark.slow
@pytest.mark.parametrize("words", INTENTS)
def test_after_much_feedback_an_untouched_project_changes_nothing(found, edit, state, tmp_path, words):
    check_words(found, edit, state, tmp_path, words, WISHES)
