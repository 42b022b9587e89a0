"""A small edit of one source, corrected in words, and what the checks say of it."""

from __future__ import annotations

from typing import Any

from roadmap_cli.edl import programs
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.feedback import answering, wishes
from roadmap_cli.edl.feedback.material import Edit, Footage

AT = "2026-11-23T09:00:00.000Z"


def edit_of(count: int, *, has_sound: bool = True, **more: Any) -> Edit:
    """So many cuts of 50 frames each from every 100 of the source; `more` fields of the plan."""
    source = {"kind": "edl.source", "id": "src", "at": AT, "path": "/nowhere.mp4", "sha256": "0" * 64, "frames": 1000,
              "fps": "25/1", "width": 160, "height": 90, "has_sound": has_sound}  # fmt: skip
    cuts = [{"kind": "edl.cut", "id": f"cut_{n}", "at": AT, "plan_id": "plan", "position": n, "source_id": "src",
             "source": "/nowhere.mp4", "in_frame": 100 * n, "out_frame": 100 * n + 50, "fps": "25/1", "speed": "1/1",
             "timeline_in_frame": 50 * n, "timeline_out_frame": 50 * n + 50} for n in range(count)]  # fmt: skip
    plan = {"kind": "edl.plan", "id": "plan", "at": AT, "intent": "", "fps": "25/1", "width": 160, "height": 90,
            "length_frames": 50 * count, "cut_count": count, **more}  # fmt: skip
    return Edit(plan, tuple(cuts), sources={"src": source})


def said(edit: Edit, words: str) -> answering.Answer:
    """What becomes of words about an edit whose source cannot be looked at."""
    return answering.answer(words, wishes.read(words), edit, Footage(programs.Programs("", ""), edit.sources), {})


def errors(edit: Edit) -> list[str]:
    """What the checks would not render."""
    plan: dict[str, Any] = {**edit.plan, "length_frames": edit.length, "cut_count": len(edit.cuts)}
    found = checks.check(plan, edit.cuts, edit.sources, lambda path: "0" * 64, titles=edit.titles, cues=edit.cues)
    return [finding.message for finding in found if finding.severity == "error"]
