"""How each rule's finding is mended, where that needs no taste: one function for a rule, each says what it did."""

from __future__ import annotations

from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import planning, timecode
from roadmap_cli.edl.checking import hearing, narrative
from roadmap_cli.edl.checking.findings import Finding
from roadmap_cli.edl.checking.footage import Timed, box_of, number, rational
from roadmap_cli.edl.checking.mends import Mender, Work
from roadmap_cli.edl.checking.seeing import PUNCH_IN
from roadmap_cli.edl.grade import Grade

#: How far an edge may go for a word or phrase, and how much of a cut must be left, in milliseconds.
_MOST_MS, _LEAST_LEFT_MS = 2000, 800
#: A pause between words in which a cut is safe.
_PAUSE_MS = 150
#: So far a cut is lengthened to keep a word rather than shortened to lose it, even where that were less.
_GLADLY_MS = 600
_MOST_ANSWER_MS = 10_000
#: What music is brought to below speech, and the most it is ducked, in decibels.
_BED_LU, _MOST_DUCK_DB = 15.0, 24.0


# -- sound -------------------------------------------------------------------------------------------------------------


def _edge(work: Work, finding: Finding) -> str | None:
    """An edge inside a word or phrase goes to the nearest pause that there is room for, rather out than in."""
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    spoken = next((work.footage.spoken[name] for name in finding.evidence if name in work.footage.spoken), None)
    heard = work.footage.heard(work.footage.cuts[place])
    if spoken is None or heard is None:
        return None
    lies_at_start = finding.message.startswith("begins")
    at = heard[0] if lies_at_start else heard[1]
    words = work.footage.words(cut["source_id"])
    group = words if spoken["kind"] == "edl.word" else work.footage.speech(cut["source_id"])
    first, end = _before(group, spoken, at), _after(group, spoken, at)
    what = f"the word {spoken['text']!r}" if spoken.get("text") else "the phrase"
    out_of_it, into_it = ((end if lies_at_start else first) - at, (first if lies_at_start else end) - at)
    options = [into_it, out_of_it] if abs(into_it) <= _GLADLY_MS else sorted((into_it, out_of_it), key=abs)
    for shift in options:
        if abs(shift) <= _MOST_MS and _shift(work, place, shift, at_start=lies_at_start):
            edge = "its beginning" if lies_at_start else "its end"
            side = "keep" if shift == into_it else "leave out"
            return f"moved {edge} by {abs(shift)} ms to {side} {what} whole"
    return _joined(work, place, lies_at_start)


def _after(group: Timed, spoken: Record, at: int) -> int:
    """Where to cut after a word: in the first pause within reach, else between it and the next one."""
    place = group.records.index(spoken)
    nearest: int | None = None
    while True:
        end = group.ends[place]
        gap = group.starts[place + 1] - end if place + 1 < len(group.starts) else hearing.ROOM_AFTER_MS * 2
        target = end + min(hearing.ROOM_AFTER_MS, max(0, gap // 2))
        nearest = target if nearest is None else nearest
        if gap >= _PAUSE_MS:
            return target if target - at <= _MOST_MS else nearest
        place += 1
        if group.starts[place] - at > _MOST_MS:
            return nearest


def _before(group: Timed, spoken: Record, at: int) -> int:
    """Where to cut before a word: in the last pause within reach, else between it and the one before."""
    place = group.records.index(spoken)
    nearest: int | None = None
    while True:
        start = group.starts[place]
        gap = start - group.ends[place - 1] if place else hearing.ROOM_BEFORE_MS * 4
        target = start - min(hearing.ROOM_BEFORE_MS, max(0, gap // 2))
        nearest = target if nearest is None else nearest
        if gap >= _PAUSE_MS:
            return target if at - target <= _MOST_MS else nearest
        place -= 1
        if at - group.ends[place] > _MOST_MS:
            return nearest


def _shift(work: Work, place: int, milliseconds: int, *, at_start: bool) -> bool:
    """Move an edge of a cut in its source if it has the frames, enough is left and no neighbour shows them already."""
    cut = work.cuts[place]
    edge = "in_frame" if at_start else "out_frame"
    moved = work.frames(cut, milliseconds, up=milliseconds > 0)
    wanted = cut[edge] + moved
    source = work.footage.sources[cut["source_id"]]
    if not 0 <= wanted <= int(source.get("frames", 0)):
        return False
    ends = (wanted, cut["out_frame"]) if at_start else (cut["in_frame"], wanted)
    if (ends[1] - ends[0]) * 1000 < _LEAST_LEFT_MS * rational(cut["fps"]) and ends[1] - ends[0] < (
        cut["out_frame"] - cut["in_frame"]
    ):
        return False
    beside = place - 1 if at_start else place + 1
    if 0 <= beside < len(work.cuts) and work.cuts[beside]["source_id"] == cut["source_id"]:
        other = work.cuts[beside]
        if max(ends[0], other["in_frame"]) < min(ends[1], other["out_frame"]):
            return False
    work.resize(cut, **{edge: wanted})
    return True


def _joined(work: Work, place: int, lies_at_start: bool) -> str | None:
    """Where the same source goes on beside it after a small gap, the gap is closed and nothing is cut there."""
    sides = (place - 1, place) if lies_at_start else (place, place + 1)
    if sides[0] < 0 or sides[1] >= len(work.cuts):
        return None
    left, right = work.cuts[sides[0]], work.cuts[sides[1]]
    gap = right["in_frame"] - left["out_frame"]
    small = 0 < gap <= _MOST_MS * rational(left["fps"]) / 1000
    if left["source_id"] != right["source_id"] or left["speed"] != right["speed"] or not small:
        return None
    work.resize(left, out_frame=right["in_frame"])
    return f"closed the gap of {gap} frames, so that the speech runs on"


def _room(work: Work, finding: Finding) -> str | None:
    """Room beside a word: 50 ms before, 80 ms after, if the source has it."""
    place = work.place(finding)
    at_start = finding.message.startswith("begins")
    room = -hearing.ROOM_BEFORE_MS if at_start else hearing.ROOM_AFTER_MS
    if place < 0 or not _shift(work, place, room, at_start=at_start):
        return None
    return f"gave the word {abs(room)} ms more room"


def _question(work: Work, finding: Finding) -> str | None:
    """The cut that asks runs on until the answer has been given."""
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    for question, answer in narrative.asked(work.footage):
        if (question["id"], answer["id"]) != finding.evidence:
            continue
        until = work.frames(cut, answer["end_ms"] + hearing.ROOM_AFTER_MS, up=True)
        until = min(until, int(work.footage.sources[cut["source_id"]].get("frames", 0)))
        longer = float((until - cut["out_frame"]) * 1000 / rational(cut["fps"]))
        overlaps = any(
            other is not cut and other["source_id"] == cut["source_id"]
            and max(other["in_frame"], cut["out_frame"]) < min(other["out_frame"], until)
            for other in work.cuts
        )  # fmt: skip
        if 0 < longer <= _MOST_ANSWER_MS and not overlaps:
            work.resize(cut, out_frame=until)
            return f"lengthened by {longer / 1000:.1f} s, until the answer is given"
    return None


def _sound_edge(work: Work, finding: Finding) -> str | None:
    """A lead or lag that cannot be goes, or is cut to what there is."""
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    sound = dict(cut.get("sound") or {})
    said = []
    for name, other in (("lead_frames", place - 1), ("lag_frames", place + 1)):
        frames = sound.get(name, 0)
        if not frames:
            continue
        most = 0
        if 0 <= other < len(work.cuts):
            beside = work.cuts[other]
            most = beside["timeline_out_frame"] - beside["timeline_in_frame"]
            there = cut["in_frame"]
            if name == "lag_frames":
                there = int(work.footage.sources[cut["source_id"]].get("frames", 0)) - cut["out_frame"]
            most = min(most, int(there / rational(cut["fps"]) / rational(cut["speed"]) * work.footage.fps))
            if name == "lead_frames" and saying.sound(beside).lag_frames:
                most = 0
        if frames > most:
            word = name.partition("_")[0]
            said.append(
                f"its sound's {word} is {most} frames now" if most > 0 else f"its sound does not {word} any more"
            )
            sound.pop(name)
            sound |= {name: most} if most > 0 else {}
    if not said:
        return None
    cut["sound"] = sound
    if not sound:
        del cut["sound"]
    return " and ".join(said)


def _music(work: Work, finding: Finding) -> str | None:
    """Music that covers a voice steps back further under it."""
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    voice = hearing.voice_level(work.footage, work.footage.cuts[place])
    said = None
    for cue in work.cues:
        level = hearing.music_level(work.footage, cue)
        over = (
            cue["timeline_in_frame"] < cut["timeline_out_frame"]
            and cut["timeline_in_frame"] < cue["timeline_out_frame"]
        )
        if voice is None or level is None or not over:
            continue
        duck = number(cue.get("duck_db")) or 0.0
        wanted = min(_MOST_DUCK_DB, round(_BED_LU - (voice[0] - level), 1))
        if wanted > duck:
            cue["duck_db"] = wanted
            said = f"music steps back by {wanted:g} dB under speech, before by {duck:g}"
    return said


def _loudness_target(work: Work, finding: Finding) -> str | None:
    wanted, peak = number(work.plan.get("loudness_lufs")), number(work.plan.get("true_peak_dbtp"))
    if peak is not None and peak > -1:
        work.plan_fields["true_peak_dbtp"] = -1.0
        return f"true peak of -1 dBTP instead of {peak:g}"
    if wanted is not None and not -31 <= wanted <= -9:
        work.plan_fields["loudness_lufs"] = min(-9.0, max(-31.0, wanted))
        return f"loudness of {work.plan_fields['loudness_lufs']:g} LUFS instead of {wanted:g}"
    return None


# -- picture -----------------------------------------------------------------------------------------------------------


def _jump(work: Work, finding: Finding) -> str | None:
    """A jump inside one view becomes a change of view: closer by a fifth, on the subject if it is known."""
    place = work.place(finding)
    if place < 1 or work.cuts[place].get("framing"):
        return None
    side = 1 / (PUNCH_IN * 1.001)
    subject = box_of(work.footage.shot(work.cuts[place]))
    middle = (0.5, 0.45) if subject is None else (subject.x + subject.width / 2, subject.y + subject.height / 2)
    x, y = (min(max(0.0, at - side / 2), 1 - side) for at in middle)
    work.cuts[place]["framing"] = {"start": saying.Box(x, y, side, side).record()}
    on = "" if subject is None else " on the subject"
    return f"goes {PUNCH_IN:g} times closer{on}, so that the joint is a change of view"


def _transition(work: Work, finding: Finding) -> str | None:
    """A transition that cannot be becomes a cut; one that is only too long is shortened."""
    place = work.place(finding)
    change = saying.transition(work.cuts[place]) if place >= 0 else None
    if change is None:
        return None
    cut = work.cuts[place]
    name = change.sort.replace("_", " ")
    beside = work.cuts[max(0, place - 1) : place + 1] if place else []
    room = min((each["timeline_out_frame"] - each["timeline_in_frame"] for each in beside), default=0)
    if finding.rule == "transition" and room >= change.frames // 2 and room > 1:
        cut["transition"] = {**cut["transition"], "frames": room}
        return f"the {name} takes {room} frames instead of {change.frames}"
    del cut["transition"]
    return f"a plain cut instead of the {name}"


def _bounds(work: Work, finding: Finding) -> str | None:
    """Numbers out of bounds go to their bound."""
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    said = []
    for field, value, (least, most) in Grade.read(cut.get("grade")).beyond():
        nearest = min(max(value, least), most)
        cut["grade"] = {**cut["grade"], field: nearest}
        said.append(f"{field} {nearest:g} instead of {value:g}")
    for field, value, (least, most) in saying.beyond(cut):
        name, _, part = field.partition(".")
        nearest = min(max(value, least), most)
        if name == "framing":
            key = part.partition(" ")[0]
            if key not in cut["framing"]:
                continue  # the end is the start
            box = saying.Box.read(cut["framing"][key], field)
            side = 1 / saying.MOST_ZOOM
            grown = [max(box.width, side), max(box.height, side)]
            at = (box.x + (box.width - grown[0]) / 2, box.y + (box.height - grown[1]) / 2)
            x, y = (min(max(0.0, each), 1 - grown[n]) for n, each in enumerate(at))
            cut["framing"] = {**cut["framing"], key: saying.Box(x, y, grown[0], grown[1]).record()}
        else:
            cut[name] = {**cut[name], part: nearest}
        said.append(f"{field} {nearest:g} instead of {value:g}")
    return ", ".join(said) or None


def _flash(work: Work, finding: Finding) -> str | None:
    """A cut of one or two frames goes, if it is not the only one."""
    place = work.place(finding)
    if place < 0 or len(work.cuts) - len(work.gone) < 2:
        return None
    work.gone.add(work.cuts[place]["id"])
    return "left out: nobody sees so few frames as a shot"


# -- timeline ----------------------------------------------------------------------------------------------------------


def _speed(work: Work, finding: Finding) -> str | None:
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    speed = rational(cut["speed"])
    nearest = min(max(speed, planning.SLOWEST), planning.FASTEST)
    cut["speed"] = timecode.spell(Fraction(nearest))
    work.resized.add(cut["id"])
    return f"plays at {float(nearest):g} instead of {float(speed):g} times"


def _range(work: Work, finding: Finding) -> str | None:
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    there = int(work.footage.sources[cut["source_id"]].get("frames", 0))
    if not 0 <= cut["in_frame"] < there or cut["out_frame"] <= there:
        return None
    before = cut["out_frame"]
    work.resize(cut, out_frame=there)
    return f"ends at frame {there} instead of {before}, where its source ends"


def _length(work: Work, finding: Finding) -> str | None:
    place = work.place(finding)
    if place < 0:
        return None
    work.resized.add(work.cuts[place]["id"])
    return "fills as many frames as its source range gives"


def _timeline(work: Work, finding: Finding) -> str | None:
    """Cuts are laid one after the other in any case; this only says so."""
    for cut in work.cuts:
        if cut["timeline_out_frame"] <= cut["timeline_in_frame"]:
            work.resized.add(cut["id"])
    return "laid out without gaps, one after the other"


def _fade(work: Work, finding: Finding) -> str | None:
    place = work.place(finding)
    if place < 0:
        return None
    cut = work.cuts[place]
    shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
    both = cut.get("fade_in_frames", 0) + cut.get("fade_out_frames", 0)
    for name in ("fade_in_frames", "fade_out_frames"):
        if cut.get(name):
            cut[name] = cut[name] * shown // both
    return f"fades shortened to fit into {shown} frames"


# -- titles, cues, the plan --------------------------------------------------------------------------------------------


def _title(work: Work, finding: Finding) -> str | None:
    """A title that outlasts the programme ends with it; one that overlaps another begins after it."""
    length = work.plan["length_frames"]
    ends: dict[str, int] = {}
    said = None
    for title in sorted(work.titles, key=lambda each: int(each["timeline_in_frame"])):
        where = str(title.get("place", "centre"))
        first = max(title["timeline_in_frame"], ends.get(where, 0))
        end = min(title["timeline_out_frame"], length)
        if (first, end) != (title["timeline_in_frame"], title["timeline_out_frame"]) and first < end:
            title |= {"timeline_in_frame": first, "timeline_out_frame": end}
            said = f"title {title['text']!r} stands from frame {first} to {end}"
        ends[where] = title["timeline_out_frame"]
    return said


def _title_short(work: Work, finding: Finding) -> str | None:
    """A title stays until it can be read, if nothing follows in its place and the programme goes on."""
    title = next((each for each in work.titles if each["timeline_in_frame"] == finding.frame), None)
    if title is None:
        return None
    wanted = max(Fraction(3, 2), Fraction(len(" ".join(title["text"].split())), 17)) * work.footage.fps
    end = title["timeline_in_frame"] + int(-(-wanted // 1))
    following = [
        each["timeline_in_frame"] for each in work.titles
        if each is not title and each["timeline_in_frame"] > title["timeline_in_frame"]
        and each.get("place", "centre") == title.get("place", "centre")
    ]  # fmt: skip
    if end > min([work.plan["length_frames"], *following]):
        return None
    title["timeline_out_frame"] = end
    return f"title {title['text']!r} stands until frame {end}, long enough to be read"


def _cue(work: Work, finding: Finding) -> str | None:
    length = work.plan["length_frames"]
    said = None
    for cue in work.cues:
        if cue["timeline_in_frame"] < length < cue["timeline_out_frame"]:
            cue["timeline_out_frame"] = length
            said = "a cue ends with the programme"
    return said


def _beat_unlisted(work: Work, finding: Finding) -> str | None:
    listed = list(work.plan_fields.get("dropped_beat_ids") or work.plan.get("dropped_beat_ids") or ())
    work.plan_fields["dropped_beat_ids"] = [*listed, *(name for name in finding.evidence if name not in listed)]
    return "the plan names it among what was left out"


MENDERS: dict[str, Mender] = {
    "word": _edge,
    "speech": _edge,
    "room": _room,
    "question": _question,
    "sound_edge": _sound_edge,
    "music": _music,
    "loudness_target": _loudness_target,
    "jump": _jump,
    "transition": _transition,
    "handle": _transition,
    "bounds": _bounds,
    "grade": _bounds,
    "flash": _flash,
    "speed": _speed,
    "range": _range,
    "length": _length,
    "timeline": _timeline,
    "fade": _fade,
    "title": _title,
    "title_short": _title_short,
    "cue": _cue,
    "beat_unlisted": _beat_unlisted,
}
