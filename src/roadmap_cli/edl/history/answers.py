"""Why an edit is as it is, in words: the stored decision, the beat and the numbers it rests on, the edits since.

The rule: no number is said that a stored record does not hold; each record a sentence is taken from is in the evidence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import edit, timecode, when
from roadmap_cli.edl.history import asking, nearby, revisions, walking
from roadmap_cli.edl.history.asking import Question
from roadmap_cli.edl.history.changes import PLACE, Change, origin
from roadmap_cli.edl.history.revisions import Head, Revision

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

_FIELDS = {
    "look": ("grade", "effects", "blur", "lift"),
    "speed": ("speed",),
    "framing": ("framing",),
    "transition": ("transition", "fade_in_frames", "fade_out_frames"),
    "sound": ("sound",),
    "order": (PLACE,),
}


#: How the part of a reason begins that weighs a shot against others: it names light and sound, and changes neither.
_MEASURED = ("value ", "serves ")


@dataclass(slots=True)
class _Telling:
    """An answer in the making: sentences, and the records they are taken from."""

    tx: Connection
    head: Head
    sentences: list[str] = field(default_factory=list)
    evidence: dict[str, Record] = field(default_factory=dict)

    @property
    def fps(self) -> Fraction:
        return timecode.rational(self.head.plan.get("fps"), field="fps")

    def say(self, text: str, *records: Record | None) -> None:
        text = text.strip()
        if text:
            first = text if "." in text.partition(" ")[0] else text[:1].upper() + text[1:]  # a file keeps its name
            self.sentences.append(first + ("" if text[-1] in ".?!" else "."))
        for record in records:
            if record is not None:
                self.evidence.setdefault(record["id"], record)

    def decision(self, why_id: object) -> Record | None:
        from roadmap_cli.why import decisions

        return decisions.get(self.tx, why_id) if isinstance(why_id, str) else None

    def stored(self, name: object) -> Record | None:
        from roadmap_cli.state import records

        return records.get(self.tx, name) if isinstance(name, str) else None


def answer(tx: Connection, base: Revision, head: Head, question: Question, at: str) -> list[Record]:
    """The edl.answer record, then the records it rests on. Raises Negative if the edit has nothing there."""
    telling = _Telling(tx, head)
    cuts = [thing for thing in head.things if thing["kind"] == "edl.cut"]
    if gone := _gone(telling, base, question, at):
        return gone
    if question.name is not None:
        thing = _named(tx, base, head, question.name)
        if thing is None:
            return _edit_answer(telling, base, question, at)
        frame = int(thing["timeline_in_frame"])
    else:
        where = question.frame_at(telling.fps, cuts)
        if where is None and question.place != when.EVERYWHERE:
            count = f"{len(cuts)} shots" if len(cuts) != 1 else "1 shot"
            raise Negative(f"{question.place.words} lies outside the edit, which has {count}", code="no_place")
        if where is None:
            raise Negative(
                "which place is meant?", hint="add --at TIME, such as --at 00:01:12.5, or say 'the last shot'",
                code="no_place",
            )  # fmt: skip
        length = max((int(cut["timeline_out_frame"]) for cut in cuts), default=0)
        if where >= length:
            ends = timecode.clock(length, telling.fps)
            raise Negative(f"nothing is there: the edit ends at frame {length}, {ends}", code="no_place")
        frame = where
        thing = _under(head, cuts, frame, question.about)
    about = question.about if question.about != "all" else thing["kind"].partition(".")[2]
    edits = _since(tx, base, origin(thing))
    if thing["kind"] == "edl.cut":
        first = _tell_asked(telling, thing, edits, question.about)
        _tell_cut(telling, cuts, thing, frame, question, first)
    else:
        _tell_other(telling, thing)
    if not (thing["kind"] == "edl.cut" and _FIELDS.get(question.about)):
        _tell_edits(telling, edits, thing, question.about)
    told = _record(telling, question, at, about, frame, " ".join(telling.sentences))
    told |= {"origin_id": origin(thing), "edit_ids": [each["id"] for each in edits]}
    told |= {f"{thing['kind'].partition('.')[2]}_id": thing["id"]}
    told |= {"why_id": thing["why_id"]} if "why_id" in thing else {}
    return [told, *telling.evidence.values()]


def source_of(head: Head, path: Path) -> Record:
    """The source of an edit that a file name means: by its path, its content if it was moved, or its bare name.

    Raises DataError if the edit has no such source.
    """
    from roadmap_cli.edl import probe

    whole = str(path.absolute())
    for source in head.sources:
        if source.get("path") == whole:
            return source
    if path.is_file():
        sha256 = probe.content_hash(path)
        for source in head.sources:
            if source.get("sha256") == sha256:
                return source
    named = [source for source in head.sources if Path(str(source.get("path"))).name == path.name]
    if len(named) == 1:
        return named[0]
    known = ", ".join(Path(str(source.get("path"))).name for source in head.sources[:5])
    raise DataError(f"the edit has no source {str(path)!r}", hint=f"it has {known}", code="no_source")


def dropped(
    tx: Connection, base: Revision, head: Head, source: Record, frame: int, words: str, at: str
) -> list[Record]:
    """Why what a source shows at a frame is not in the edit; or that it is, and where. Raises Negative if unknown."""
    telling = _Telling(tx, head)
    rate = timecode.rational(source.get("fps"), field="fps")
    name = str(source.get("path", "")).rpartition("/")[2]
    place = f"{name} at {timecode.clock(frame, rate)}, frame {frame},"
    shown = [
        cut for cut in head.things
        if cut["kind"] == "edl.cut" and cut["source_id"] == source["id"] and cut["in_frame"] <= frame < cut["out_frame"]
    ]  # fmt: skip
    shot = nearby.shot_at(tx, source, frame)
    for cut in shown:
        first = timecode.clock(cut["timeline_in_frame"], telling.fps)
        telling.say(f"{place} is in the edit: it is shown from {first} on", cut)
    if not shown:
        telling.say(f"{place} is not in the edit", shot, source)
        _tell_drop(telling, base, shot, source, frame)
    record = _record(telling, Question(words), at, "dropped", None, " ".join(telling.sentences))
    record |= {"source_id": source["id"], "source_frame": frame} | ({"shot_id": shot["id"]} if shot else {})
    return [record, *telling.evidence.values()]


def _tell_drop(telling: _Telling, base: Revision, shot: Record | None, source: Record, frame: int) -> None:
    line = walking.path(telling.tx, base)
    for revision in walking.in_force(line):
        made = revisions.edit_of(telling.tx, revision)
        for change in walking.changes_of(made):
            if _took_out(change, source, frame):
                _tell_taken(telling, made)
                return
    found = None
    if shot:
        from roadmap_cli.why import decisions

        for name in reversed(list(decisions.citing(telling.tx, shot["id"]))):
            known = decisions.get(telling.tx, name)
            if known and known["decision"] == "edl.shot_dropped" and known.get("run_id") == base.root_id:
                found = known
                break
    if found:
        telling.say(f"the plan left the shot out, because: {found['why']}", found, shot)
        if numbers := nearby.numbers(found.get("facts") or {}):
            telling.say(f"it was judged by {numbers}", found)
    elif shot:
        neighbours = [cut for cut in telling.head.things if cut.get("shot_id") == shot["id"]]
        if neighbours:
            telling.say("the shot is used, but trimmed before this frame or after it", *neighbours)
            for cut in neighbours:
                if cut.get("reason"):
                    telling.say(f"its cut was chosen because: {cut['reason']}", cut)
        else:
            telling.say("no decision about this shot is stored")
    if shot and (numbers := nearby.numbers(shot)):
        telling.say(f"the shot measures {numbers}", shot)


def _gone(telling: _Telling, base: Revision, question: Question, at: str) -> list[Record]:
    """Of a cut that an edit in force took out, asked for by its id or by where it was: which edit that was, and why.

    Empty if the question is about something else.
    """
    if question.name is None and question.about != "dropped":
        return []
    there = {origin(thing) for thing in telling.head.things}
    old = telling.stored(question.name)
    wanted = origin(old) if old and old.get("kind") == "edl.cut" else question.name
    for revision in reversed(walking.in_force(walking.path(telling.tx, base))):
        made = revisions.edit_of(telling.tx, revision)
        taken = {
            change.origin_id: change.before for change in walking.changes_of(made)
            if change.sort == "cut" and change.field == "" and change.after is None and change.origin_id not in there
        }  # fmt: skip
        if not taken or revision.parent_id is None:
            continue
        cuts = revisions.version(telling.tx, revision.parent_id).cuts
        meant = [cut for cut in cuts if origin(cut) == wanted] if question.name else _meant(question, cuts, telling.fps)
        cut = next((each for each in meant if origin(each) in taken), None)
        if cut is None:
            continue
        name = str(cut.get("source", "")).rpartition("/")[2] or cut["source_id"]
        first = timecode.clock(cut["timeline_in_frame"], telling.fps)
        telling.say(
            f"frames {cut['in_frame']} to {cut['out_frame']} of {name}, which were shown from {first} on, are not in "
            "the edit any more"
        )
        _tell_taken(telling, made)
        told = _record(telling, question, at, "dropped", None, " ".join(telling.sentences))
        told |= {"origin_id": origin(cut), "edit_ids": [made["id"]]}
        return [told | ({"why_id": made["why_id"]} if "why_id" in made else {}), *telling.evidence.values()]
    return []


def _meant(question: Question, cuts: Sequence[Record], fps: Fraction) -> list[Record]:
    """The cuts that a question about a place means."""
    if question.place.shots:
        return [cuts[n] for n in when.positions(question.place, cuts, fps)]
    frame = question.frame_at(fps, cuts)
    return [cut for cut in cuts if frame is not None and cut["timeline_in_frame"] <= frame < cut["timeline_out_frame"]]


def _tell_taken(telling: _Telling, made: Record) -> None:
    decided = telling.decision(made.get("why_id"))
    who = (decided or {}).get("facts", {}).get("who")
    asked = f" as {who} asked" if who else ""
    telling.say(f"the edit {made['what']!r} took it out{asked}, because: {made['why']}", made)


def _took_out(change: Change, source: Record, frame: int) -> bool:
    before, after = change.before, change.after
    if change.field == "" and after is None and change.sort == "cut":
        return bool(before.get("source_id") == source["id"] and before["in_frame"] <= frame < before["out_frame"])
    return False


def _named(tx: Connection, base: Revision, head: Head, name: str) -> Record | None:
    """The thing an id means: of this revision, of its origin, or of an earlier revision."""
    for thing in head.things:
        if name in (thing["id"], origin(thing)):
            return thing
    from roadmap_cli.state import records

    old = records.get(tx, name)
    if old and old.get("kind") in {"edl.cut", "edl.title", "edl.cue"}:
        again = next((thing for thing in head.things if origin(thing) == origin(old)), None)
        if again:
            return again
        raise Negative(
            f"{name!r} is not in the edit any more", hint="edl-log tells which edit took it out", code="gone"
        )
    for key in ("shot_id", "beat_id", "why_id"):
        for thing in head.things:
            if thing.get(key) == name:
                return thing
    return None


def _under(head: Head, cuts: Sequence[Record], frame: int, about: str) -> Record:
    kinds = {"title": "edl.title", "sound": "edl.cue"}
    for thing in head.things:
        if thing["kind"] == kinds.get(about) and thing["timeline_in_frame"] <= frame < thing["timeline_out_frame"]:
            return thing
    place = bisect_right([cut["timeline_in_frame"] for cut in cuts], frame) - 1
    if not cuts or place < 0:
        raise Negative("nothing is there: the edit has no cut at this place", code="no_place")
    if about in {"joint", "transition"}:  # the joint nearest to the place, not the cut that happens to run
        following = place + 1
        if (
            following < len(cuts)
            and cuts[following]["timeline_in_frame"] - frame < frame - cuts[place]["timeline_in_frame"]
        ):
            return cuts[following]
    return cuts[place]


def _tell_asked(telling: _Telling, cut: Record, edits: Sequence[Record], about: str) -> list[str]:
    """What was asked about comes first: what of the cut's reason bears on it, then the edits that changed it.

    Gives the parts of the reason that are told by this.
    """
    fields = _FIELDS.get(about)
    if not fields:
        return []
    decided = telling.decision(cut.get("why_id"))
    reason = str(decided["why"] if decided else cut.get("reason") or "")
    told = [part for part in reason.split("; ") if not part.startswith(_MEASURED) and asking.bears_on(about, part)]
    if told:
        telling.say(f"its {about}: {'; '.join(told)}", decided, cut)
    elif about in {"look", "speed", "framing", "sound"} and all(cut.get(name) in (None, "1/1") for name in fields):
        telling.say(f"nothing was decided about its {about}: it is as its source has it", cut)
    _tell_edits(telling, edits, cut, about)
    return told


def _tell_cut(
    telling: _Telling, cuts: Sequence[Record], cut: Record, frame: int, question: Question, told: Sequence[str]
) -> None:
    fps = telling.fps
    place = next(n for n, each in enumerate(cuts) if each is cut)
    name = str(cut.get("source", "")).rpartition("/")[2] or cut["source_id"]
    speed = timecode.rational(cut.get("speed"), field="speed")
    source = telling.stored(cut["source_id"])
    at = timecode.clock(cut["timeline_in_frame"], fps)
    how = "" if speed == 1 else f" at {float(speed * 100):g} % speed"
    telling.say(
        f"cut {place} begins at {at}, frame {cut['timeline_in_frame']}: frames {cut['in_frame']} to "
        f"{cut['out_frame']} of {name}{how}", cut, source,
    )  # fmt: skip
    decided = telling.decision(cut.get("why_id"))
    reason = decided["why"] if decided else cut.get("reason")
    if reason:
        rest = "; ".join(part for part in str(reason).split("; ") if part not in told)
        telling.say(f"it was chosen because: {rest}" if rest else "", decided)
    else:
        telling.say("no decision is stored for it")
    beat = telling.stored(cut.get("beat_id"))
    if beat:
        energy = f" with an energy of {float(beat['energy_ratio']):.2f}" if "energy_ratio" in beat else ""
        why = f": {beat['why']}" if beat.get("why") else ""
        telling.say(f"it serves the beat '{beat.get('role', 'beat')}'{energy}{why}", beat)
    if change := edit.transition(cut):
        seconds = float(change.frames / fps)
        telling.say(f"it takes over by a {change.sort.replace('_', ' to ')} of {seconds:.2f} s", cut)
    shot = telling.stored(cut.get("shot_id"))
    if shot and (numbers := nearby.numbers(shot)):
        telling.say(f"its shot measures {numbers}", shot)
    for text, record in nearby.around(telling.tx, source, cut, "in_frame"):
        telling.say(f"where it begins, {text}", record)
    if place:
        left = cuts[place - 1]
        for text, record in nearby.around(telling.tx, telling.stored(left["source_id"]), left, "out_frame"):
            telling.say(f"where the cut before it ends, {text}", record)
    if question.frame is not None or question.seconds is not None:
        inside = cut["in_frame"] + int((frame - cut["timeline_in_frame"]) / fps * speed * timecode.rational(cut["fps"]))
        if cut["timeline_in_frame"] < frame < cut["timeline_out_frame"] and question.about == "all":
            telling.say(f"frame {frame} shows the source's frame {inside}", cut)


def _tell_other(telling: _Telling, thing: Record) -> None:
    fps = telling.fps
    span = " to ".join(timecode.clock(thing[name], fps) for name in ("timeline_in_frame", "timeline_out_frame"))
    if thing["kind"] == "edl.title":
        telling.say(f"the title {thing.get('text', '')!r} stands from {span}", thing)
    else:
        what = thing.get("sound") or str(thing.get("source", thing.get("source_id", ""))).rpartition("/")[2]
        telling.say(f"{what!r} sounds from {span}", thing)
    decided = telling.decision(thing.get("why_id"))
    reason = decided["why"] if decided else thing.get("reason")
    telling.say(f"it is there because: {reason}" if reason else "no decision is stored for it", decided)
    beat = telling.stored(thing.get("beat_id"))
    if beat:
        telling.say(f"it answers the beat '{beat.get('role')}'" + (f": {beat['why']}" if beat.get("why") else ""), beat)


def _since(tx: Connection, base: Revision, name: str) -> list[Record]:
    """The edits in force that changed a thing, oldest first."""
    found = []
    for revision in walking.standing(walking.path(tx, base)):
        made = revisions.edit_of(tx, revision)
        if any(each.get("origin_id") == name for each in made.get("changes", ())):
            found.append(made)
    return found


def _tell_edits(telling: _Telling, edits: Sequence[Record], thing: Mapping[str, Any], about: str) -> None:
    wanted = _FIELDS.get(about)
    for made in edits:
        mine = [each for each in walking.changes_of(made) if each.origin_id == origin(thing) and not each.is_soft]
        if wanted and not any(each.field.partition(".")[0] in wanted or each.field == "" for each in mine):
            continue
        what = ", ".join(_changed(each) for each in mine[:3])
        telling.say(f"since then {made['what']!r} changed {what}, because: {made['why']}", made)
    if not edits:
        telling.say("it has not been edited since")


def _changed(change: Change) -> str:
    if change.field == "":
        return "that it is there" if change.before is None else "that it is gone"
    if change.field == PLACE:
        return "its place"
    return f"{change.field.replace('_', ' ')} from {_value(change.before)} to {_value(change.after)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return " ".join(f"{name} {_value(each)}" for name, each in value.items())[:60]
    return f"{value:g}" if isinstance(value, float) else str(value)[:60]


def _edit_answer(telling: _Telling, base: Revision, question: Question, at: str) -> list[Record]:
    """An answer about an edit or a decision, by its id."""
    revision = revisions.find(telling.tx, str(question.name), base.root_id)
    if revision is None:
        raise Negative(
            f"nothing of this edit is called {question.name!r}", hint="edl-log lists the edits", code="unknown"
        )
    made = revisions.edit_of(telling.tx, revision)
    counting = {each.plan_id for each in walking.in_force(walking.path(telling.tx, base))}
    telling.say(f"{made['what']}, because: {made['why']}", made)
    count = sum(not each.is_soft for each in walking.changes_of(made))
    if revision.parent_id is not None:
        telling.say(f"it changed {count} field{'s' * (count != 1)}")
        telling.say("it is in force" if revision.plan_id in counting else "it is not in force now")
    for name in made.get("evidence", ()):
        if record := telling.stored(name):
            telling.evidence.setdefault(name, record)
    told = _record(telling, question, at, "edit", None, " ".join(telling.sentences)) | {"edit_ids": [made["id"]]}
    return [told | ({"why_id": made["why_id"]} if "why_id" in made else {}), *telling.evidence.values()]


def _record(telling: _Telling, question: Question, at: str, about: str, frame: int | None, text: str) -> Record:
    plan_id = telling.head.plan["id"]
    told: Record = {
        "kind": "edl.answer",
        "id": content_id("edl.answer", plan_id=plan_id, question=question.words, about=about, text=text),
        "at": at,
        "plan_id": plan_id,
        "question": question.words,
        "about": about,
        "text": text,
        "evidence": list(telling.evidence),
    }
    return told if frame is None else told | {"frame": frame}
