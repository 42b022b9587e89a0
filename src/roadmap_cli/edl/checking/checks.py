"""Whether a plan may be rendered: every rule looks at the records alone, or at the source files by their hash.

An error stops the render, a warning explains. A plan that passed carries `checked` and a digest of exactly what was
checked: whoever changes a cut afterwards has a plan that is not checked any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.edl import intent, timecode
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.planning import LEAST_FRAMES

#: A shot shorter than this is hard to read; a longer one without change tires. Seconds of the programme.
HARD_TO_READ_S, TIRING_S = Fraction(4, 5), Fraction(15)

#: Gives the hash of a file's content; raises InputMissing or DataError.
Hash = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule found. `cut_id` is absent when it concerns the whole plan."""

    rule: str
    severity: str
    message: str
    cut_id: str | None = None

    def record(self, plan: Record, at: str) -> Record:
        """The finding as an edl.finding record."""
        record: Record = {
            "kind": "edl.finding",
            "id": content_id("edl.finding", plan_id=plan["id"], rule=self.rule, cut_id=self.cut_id, words=self.message),
            "at": at,
            "plan_id": plan["id"],
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
        }
        return record | ({"cut_id": self.cut_id} if self.cut_id else {})


def gather(stream: Iterable[Record]) -> tuple[Record | None, list[Record], dict[str, Record]]:
    """The plan of a stream, its cuts in order and the sources by id. Nothing at all gives no plan.

    Raises DataError if there are cuts or sources and no plan, or more than one plan.
    """
    plan: Record | None = None
    cuts: list[Record] = []
    sources: dict[str, Record] = {}
    for record in stream:
        if record["kind"] == "edl.plan":
            if plan is not None:
                raise DataError("more than one edl.plan record: one plan at a time", code="two_plans")
            plan = record
        elif record["kind"] == "edl.cut":
            cuts.append(record)
        elif record["kind"] == "edl.source":
            sources[require(record, "id", str)] = record
    if plan is None and (cuts or sources):
        raise DataError("no edl.plan record in the input", hint="edl-plan makes one", code="no_plan")
    if plan is not None:
        require(plan, "id", str)
        strangers = [cut for cut in cuts if cut.get("plan_id") != plan["id"]]
        if strangers:
            raise DataError(f"a cut of another plan: {strangers[0].get('id')}", code="two_plans")
    return plan, cuts, sources


def marked(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record], found: Sequence[Finding]) -> Record:
    """The plan with what the check said of it."""
    errors = sum(finding.severity == "error" for finding in found)
    told = {"checked": not errors, "error_count": errors, "warning_count": len(found) - errors}
    fresh = {name: value for name, value in plan.items() if name != "checked_digest"} | told
    return fresh if errors else fresh | {"checked_digest": digest(plan, cuts, sources)}


def check(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record], content: Hash) -> list[Finding]:
    """Apply every rule. `content` gives the hash of a file; each file is asked about once."""
    found = list(_shape(plan, cuts, sources))
    if any(finding.severity == "error" for finding in found):
        return found
    found += _sources(cuts, sources, content)
    found += _timeline(plan, cuts)
    for cut in cuts:
        found += _cut(plan, cut, sources[cut["source_id"]])
    found += _joints(cuts)
    found += _length(plan, cuts)
    return found


def digest(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record]) -> str:
    """SHA-256 of all that decides the rendered file, in canonical JSON."""
    used = sorted({str(cut.get("source_id")) for cut in cuts})
    decisive = {
        "plan": {name: plan.get(name) for name in ("fps", "width", "height", "length_frames")},
        "cuts": [{name: cut.get(name) for name in _DECISIVE} for cut in cuts],
        "sources": [sources[name].get("sha256") for name in used if name in sources],
    }
    return hashlib.sha256(records.canonical(decisive)).hexdigest()


_DECISIVE = (
    "source_id", "in_frame", "out_frame", "fps", "speed", "timeline_in_frame", "timeline_out_frame", "grade",
    "fade_in_frames", "fade_out_frames",
)  # fmt: skip


def _shape(plan: Record, cuts: Sequence[Record], sources: Mapping[str, Record]) -> Iterator[Finding]:
    """The fields a render needs are there, of the right type."""
    try:
        timecode.rational(plan.get("fps"), field="fps")
        for name in ("width", "height", "length_frames"):
            require(plan, name, int)
        for name in ("width", "height"):
            if plan[name] % 2 or not 16 <= plan[name] <= 8192:
                raise DataError(f"{name} {plan[name]} is not an even number from 16 to 8192")
    except DataError as error:
        yield Finding("shape", "error", f"plan: {error.message}")
    if not cuts:
        yield Finding("empty", "error", "plan has no cuts")
    for cut in cuts:
        try:
            for name in ("in_frame", "out_frame", "timeline_in_frame", "timeline_out_frame"):
                require(cut, name, int)
            timecode.rational(cut.get("fps"), field="fps")
            timecode.rational(cut.get("speed"), field="speed")
            Grade.read(cut.get("grade"))
            for name in ("fade_in_frames", "fade_out_frames"):
                if name in cut and require(cut, name, int) < 0:
                    raise DataError(f"field {name!r} is negative")
            if require(cut, "source_id", str) not in sources:
                raise DataError(f"its source {cut['source_id']} is not in the stream")
        except DataError as error:
            yield Finding("shape", "error", error.message, cut.get("id"))


def _sources(cuts: Sequence[Record], sources: Mapping[str, Record], content: Hash) -> Iterator[Finding]:
    for name in dict.fromkeys(cut["source_id"] for cut in cuts):
        source = sources[name]
        path = Path(str(source.get("path", "")))
        try:
            if content(path) != source.get("sha256"):
                yield Finding("source_changed", "error", f"{path} has changed since it was scanned: scan it again")
        except (InputMissing, DataError) as error:
            yield Finding("source_missing", "error", f"{path}: {error.message}")
        if source.get("high_dynamic_range"):
            yield Finding("dynamic_range", "warning", f"{path} has high dynamic range: it will be shown as standard")


def _timeline(plan: Record, cuts: Sequence[Record]) -> Iterator[Finding]:
    """Cuts follow one another without a gap or overlap, from frame 0 to the plan's length."""
    expected = 0
    for cut in cuts:
        if cut["timeline_in_frame"] != expected or cut["timeline_out_frame"] <= expected:
            ends = f"{cut['timeline_in_frame']} to {cut['timeline_out_frame']}"
            yield Finding("timeline", "error", f"lies at frames {ends}, not from {expected} on", cut["id"])
        expected = max(expected, cut["timeline_out_frame"])
    if expected != plan["length_frames"]:
        yield Finding("timeline", "error", f"cuts fill {expected} frames, the plan says {plan['length_frames']}")


def _cut(plan: Record, cut: Record, source: Record) -> Iterator[Finding]:
    fps, rate, speed = (
        timecode.rational(plan["fps"]), timecode.rational(cut["fps"]), timecode.rational(cut["speed"])
    )  # fmt: skip
    name, first, end = cut["id"], cut["in_frame"], cut["out_frame"]
    shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
    if rate != timecode.rational(source.get("fps"), field="fps"):
        yield Finding("rate", "error", f"counts {rate} frames a second, its source {source.get('fps')}", name)
    if not 0 <= first < end:
        yield Finding("range", "error", f"has no frames: {first} to {end}", name)
        return
    if end > int(source.get("frames", 0)):
        yield Finding("range", "error", f"ends at frame {end}, its source has {source.get('frames')}", name)
    if not intent.SLOWEST <= speed <= intent.FASTEST:
        yield Finding("speed", "error", f"plays at {float(speed):g} times, allowed is 0.5 to 2", name)
    elif abs(timecode.frames_shown(end - first, rate, speed, fps) - shown) > 1:
        fits = timecode.frames_shown(end - first, rate, speed, fps)
        yield Finding("length", "error", f"fills {shown} frames, its source range gives {fits}", name)
    if shown < LEAST_FRAMES:
        yield Finding("flash", "error", f"a flash of {shown} frames: the least is {LEAST_FRAMES}", name)
    elif shown < HARD_TO_READ_S * fps:
        yield Finding("short", "warning", f"short: {float(shown / fps):.2f} s is hard to read", name)
    elif shown > TIRING_S * fps:
        yield Finding("long", "warning", f"long: {float(shown / fps):.1f} s without a cut", name)
    for field, value, (least, most) in Grade.read(cut.get("grade")).beyond():
        yield Finding("grade", "error", f"{field} {value:g} is outside {least:g} to {most:g}", name)
    if cut.get("fade_in_frames", 0) + cut.get("fade_out_frames", 0) > shown:
        yield Finding("fade", "error", f"fades of {shown} frames overlap", name)


def _joints(cuts: Sequence[Record]) -> Iterator[Finding]:
    """Two pieces of one shot side by side with a small gap jump."""
    for left, right in pairwise(cuts):
        if left["source_id"] != right["source_id"] or left.get("shot_id") != right.get("shot_id"):
            continue
        gap = right["in_frame"] - left["out_frame"]
        if gap:
            yield Finding("jump", "warning", f"jump cut: {gap} frames inside one shot are left out", right["id"])


def _length(plan: Record, cuts: Sequence[Record]) -> Iterator[Finding]:
    target = plan.get("target_frames")
    if not isinstance(target, int):
        return
    fps = timecode.rational(plan["fps"])
    length = plan["length_frames"]
    if abs(length - target) > max(fps / 2, Fraction(target, 20)):
        side = "there is not enough footage" if length < target else "the cuts cannot be shorter"
        words = f"{float(length / fps):.1f} s long, asked for {float(target / fps):.1f} s: {side}"
        yield Finding("target", "warning" if length < target else "error", words)
