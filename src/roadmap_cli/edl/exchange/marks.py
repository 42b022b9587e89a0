"""Chapters and subtitles from an edit: ffmpeg metadata, a list for video sites, SubRip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.timeline import Timeline

#: What video sites ask of chapters: three at least, ten seconds each, the first at nought.
LEAST_CHAPTERS, LEAST_CHAPTER_S = 3, 10
#: A subtitle is at most two lines of so many characters, and stays at most so long.
_LINE, _LONGEST_MS, _PAUSE_MS = 42, 6000, 700
_ESCAPED = str.maketrans({char: f"\\{char}" for char in "=;#\\"} | {"\n": " ", "\r": " ", "\0": ""})


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter from programme frame `start` to before `stop`."""

    start: int
    stop: int
    name: str


def chapters(timeline: Timeline) -> tuple[list[Chapter], str]:
    """The chapters of an edit and what they were made from: story beats, else scenes, else titles, else one for all."""
    starts: dict[int, str] = {}
    origin = "beats"
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None:
            starts.setdefault(at, str(beat.get("label") or beat.get("role") or "beat").capitalize())
    if not starts:
        origin = "scenes"
        known: str | None = None
        shots = {shot: scene for scene in timeline.scenes for shot in scene.get("shot_ids", ())}
        for clip in timeline.clips:
            scene = shots.get(clip.record.get("shot_id"))
            if scene is not None and str(scene.get("id")) != known:
                known = str(scene.get("id"))
                starts.setdefault(clip.start, f"Scene {len(starts) + 1}")
    if not starts:
        origin = "titles"
        for title in timeline.titles:
            starts.setdefault(title["timeline_in_frame"], " ".join(str(title["text"]).split()))
    if not starts:
        origin = "nothing"
    if 0 not in starts:
        starts[0] = "Start" if starts else "Whole programme"
    ordered = sorted(at for at in starts if at < timeline.length)
    ends = [*ordered[1:], timeline.length]
    return [Chapter(at, end, starts[at]) for at, end in zip(ordered, ends, strict=True)], origin


def metadata(timeline: Timeline) -> Export:
    """Chapters as an ffmpeg metadata file (``ffmpeg -i film -i chapters.ffmetadata -map_chapters 1``)."""
    losses = Losses()
    found, origin = chapters(timeline)
    if origin == "nothing":
        losses.add("chapters", "no beats, scenes or titles in the input: one chapter for all")
    lines = [";FFMETADATA1"]
    if timeline.plan.get("intent"):
        lines.append(f"title={str(timeline.plan['intent']).translate(_ESCAPED)}")
    fps = timeline.fps
    for chapter in found:
        lines += ["", "[CHAPTER]", f"TIMEBASE={fps.denominator}/{fps.numerator}", f"START={chapter.start}"]
        lines += [f"END={chapter.stop}", f"title={chapter.name.translate(_ESCAPED)}"]
    return Export(("\n".join(lines) + "\n").encode(), losses)


def listing(timeline: Timeline) -> Export:
    """Chapters as lines of ``0:00 name``, as video sites read them out of a description."""
    losses = Losses()
    found, origin = chapters(timeline)
    if origin == "nothing":
        losses.add("chapters", "no beats, scenes or titles in the input: one chapter for all")
    kept: list[Chapter] = []
    for chapter in found:
        if kept and (chapter.start - kept[-1].start) / timeline.fps < LEAST_CHAPTER_S:
            losses.add("chapters", f"a chapter shorter than {LEAST_CHAPTER_S} s is joined to the one before")
        else:
            kept.append(chapter)
    if len(kept) < LEAST_CHAPTERS:
        losses.add("chapters", f"fewer than {LEAST_CHAPTERS} chapters: video sites will not show them")
    hours = timeline.length / timeline.fps >= 3600
    lines = []
    for chapter in kept:
        seconds = int(chapter.start / timeline.fps)
        stamp = f"{seconds // 3600}:{seconds // 60 % 60:02d}" if hours else f"{seconds // 60}"
        lines.append(f"{stamp}:{seconds % 60:02d} {' '.join(chapter.name.split())}")
    return Export(("\n".join(lines) + "\n").encode(), losses)


@dataclass(frozen=True, slots=True)
class Line:
    """Words shown from one millisecond of the programme to another."""

    start_ms: int
    end_ms: int
    text: str


def subtitles(timeline: Timeline) -> Export:
    """SubRip from the words that are spoken, or from the titles if there are no words."""
    losses = Losses()
    lines = _spoken(timeline)
    if not lines:
        lines = [
            Line(
                _ms(title["timeline_in_frame"], timeline.fps),
                _ms(title["timeline_out_frame"], timeline.fps),
                str(title["text"]),
            )
            for title in timeline.titles
        ]
        if lines:
            losses.add("srt", "no words in the input: the titles are written")
        else:
            losses.add("srt", "neither words nor titles in the input: no subtitles")
    blocks = []
    for number, line in enumerate(lines, 1):
        text = "\n".join(part for part in line.text.replace("-->", "→").splitlines() if part.strip())
        blocks.append(f"{number}\n{_stamp(line.start_ms)} --> {_stamp(line.end_ms)}\n{text}\n")
    return Export("\n".join(blocks).encode(), losses)


def _spoken(timeline: Timeline) -> list[Line]:
    """The words heard in the programme as subtitles: broken at pauses, cuts of sound, and where two lines are full."""
    found: list[tuple[int, int, str, int]] = []
    for heard in timeline.heard:
        clip = heard.clip
        if not clip.has_sound:
            continue
        for word in timeline.words:
            if word.get("source_id") != clip.source.get("id"):
                continue
            ends = [
                round((Fraction(int(word[name]), 1000) - clip.first / clip.rate) / clip.speed * 1000)
                + _ms(clip.start, timeline.fps)
                for name in ("start_ms", "end_ms")
            ]
            start, stop = _ms(heard.start, timeline.fps), _ms(heard.stop, timeline.fps)
            if start <= (ends[0] + ends[1]) // 2 < stop:
                found.append(
                    (max(ends[0], start), min(ends[1], stop), str(word.get("text", "")).strip(), clip.position)
                )
    found.sort()
    lines: list[Line] = []
    group: list[tuple[int, int, str, int]] = []
    for said in found:
        text = " ".join([*(each[2] for each in group), said[2]])
        if group and (
            said[0] - group[-1][1] > _PAUSE_MS
            or said[3] != group[-1][3]
            or len(text) > 2 * _LINE
            or said[1] - group[0][0] > _LONGEST_MS
            or group[-1][2].endswith((".", "!", "?"))
        ):
            lines.append(_grouped(group))
            group = []
        group.append(said)
    if group:
        lines.append(_grouped(group))
    return lines


def _grouped(group: Sequence[tuple[int, int, str, int]]) -> Line:
    words = [word for _, _, word, _ in group]
    text = " ".join(words)
    if len(text) > _LINE:
        best = min(range(1, len(words)), key=lambda n: abs(len(" ".join(words[:n])) * 2 - len(text)), default=0)
        text = f"{' '.join(words[:best])}\n{' '.join(words[best:])}" if best else text
    return Line(group[0][0], max(group[-1][1], group[0][0] + 1), text)


def _ms(frame: int, fps: Fraction) -> int:
    return timecode.round_half_up(frame * 1000 / fps)


def _stamp(milliseconds: int) -> str:
    seconds, part = divmod(max(0, milliseconds), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{part:03d}"
