"""An edit as a Kdenlive project of document version 1.04: 20.12 to 22.12 open it, later ones bring it up to date.

Each track is a tractor of two playlists, so that clips may overlap in a mix; sound and picture of a clip lie on tracks
of their own; effects stand in the entry and carry `kdenlive_id`; the bin must be the first playlist of the file (22.12
looks for the document's version there and nowhere else); the last tractor, of the tracks, is what plays. Layout as
described in Kdenlive's `dev-docs/fileformat.md` (CC0), held against Kdenlive 22.12.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from roadmap_cli.core.records import Record
from roadmap_cli.edl.exchange import drawn, mlt, mlt_filters, project
from roadmap_cli.edl.exchange.export import Export
from roadmap_cli.edl.exchange.mlt import Warp
from roadmap_cli.edl.exchange.mlt_filters import Files, Filter
from roadmap_cli.edl.exchange.project import Project
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

#: Kdenlive's mark for what it adds by itself.
_OWN = 237
#: Ids of bin clips begin after the folders'.
_FIRST_ID = 4
#: A namespace for identifiers made from a plan's id, so that the same plan gives the same file.
_SPACE = uuid.UUID("5f2a3c1e-9d4b-4b7e-8a70-6f1d2c3b4a59")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A clip on a track: producer, its bin id, where, which filters, and the mix it begins with."""

    producer: str
    bin_id: int
    start: int
    first: int
    frames: int
    filters: Sequence[Filter] = ()
    mix: int = 0
    wipe: str = ""
    caption: str = ""


@dataclass(slots=True)
class _Document(Project):
    """The project in the making, with its bin: what lies in it, and the numbers of sources and titles there."""

    bin: list[tuple[str, int]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)

    def identity(self, what: str) -> str:
        return "{" + str(uuid.uuid5(_SPACE, f"{self.timeline.plan['id']} {what}")) + "}"


def export(timeline: Timeline, folder: str, base: Path) -> Export:
    """The project. `folder` is the directory beside it for the files it needs, `base` the one it will lie in."""
    root = ElementTree.Element(
        "mlt", {"LC_NUMERIC": "C", "producer": "main_bin", "root": str(base), "version": "7.18.0"}
    )
    document = _Document(root, timeline, Files(folder))
    _black(document)
    for source in timeline.sources.values():
        _bin_clip(document, source)
    _bin_titles(document)
    _main_bin(document)
    tracks = [
        _track(document, _cue_clips(document, lane), f"Music {n + 1}", sound=True)
        for n, lane in enumerate(reversed(project.lanes(project.playable(document))))
    ]
    if any(clip.has_sound for clip in timeline.clips):
        tracks.append(_track(document, _own_sound(document), "Sound", sound=True))
    sounds = len(tracks)
    tracks.append(_track(document, _pictures(document), "Picture", sound=False))
    tracks += [
        _track(document, _title_clips(document, lane), f"Titles {n + 1}", sound=False)
        for n, lane in enumerate(project.lanes(timeline.titles))
    ]
    _tractor(document, tracks, sounds)
    return document.export()


def _black(document: _Document) -> None:
    length = document.timeline.length
    mlt.sub(
        document.root, "producer",
        {"length": length, "eof": "continue", "resource": "black", "aspect_ratio": 1, "mlt_service": "color",
         "kdenlive:playlistid": "black_track", "mlt_image_format": "rgba", "set.test_audio": 0},
        id="black_track", in_=document.clock(0), out=document.clock(length - 1),
    )  # fmt: skip


def _producer(
    document: _Document, source: Mapping[str, object], warp: Warp, reach: int, more: Mapping[str, object]
) -> str:
    number, name = document.ids.get(str(source.get("id")), ""), Path(str(source.get("path", ""))).name
    told = {"kdenlive:id": number, "kdenlive:clipname": name, **more}
    return str(project.producer(document, source, warp, reach, told, clocked=False).get("id"))


def _bin_clip(document: _Document, source: Mapping[str, object]) -> None:
    """A source in the bin, with the number its uses refer to it by."""
    length = project.source_length(source, document.timeline)
    if not source.get("path") or not length:
        return
    number = _FIRST_ID + len(document.ids)
    document.ids[str(source.get("id"))] = number
    path = Path(str(source["path"]))
    more = {
        "kdenlive:control_uuid": document.identity(f"clip {number}"), "kdenlive:clip_type": 0, "kdenlive:folderid": -1,
        "kdenlive:file_size": path.stat().st_size if path.is_file() else None,
        "kdenlive:file_hash": project.file_hash(path),
    }  # fmt: skip
    document.bin.append((_producer(document, source, Warp(0, None), length - 1, more), length))


# -- what lies on the tracks -----------------------------------------------------------------------------------------


def _pictures(document: _Document) -> list[_Placed]:
    placed: list[_Placed] = []
    for clip, warp, filters in project.pictures(document):
        filters += _fades(document, clip)
        reach = warp.start + clip.frames + clip.tail - 1
        name = _producer(document, clip.source, warp, reach, {"set.test_audio": 1})
        wipe = clip.entering.sort if clip.entering and clip.entering.sort.startswith("wipe") else ""
        placed.append(
            _Placed(
                name,
                _number(document, clip),
                clip.start,
                warp.start,
                clip.frames + clip.tail,
                filters,
                clip.overlap,
                wipe,
                clip.reason,
            )
        )
    return placed


def _number(document: _Document, clip: Clip) -> int:
    return document.ids.get(str(clip.source.get("id")), _FIRST_ID)


def _fades(document: _Document, clip: Clip) -> list[Filter]:
    made = []
    (begins, shade), (ends, last) = clip.dips
    if "white" in {shade if begins else "", last if ends else ""}:
        document.losses.add("transition", "a fade through white becomes one through black", clip.id)
    if begins and not clip.overlap:
        made.append(Filter("brightness", {"start": 1, "level": f"0=0;{begins}=1", "alpha": 1}, "", "fade_from_black"))
    if ends and not clip.tail:
        made.append(
            Filter(
                "brightness",
                {"start": 1, "level": f"{clip.frames - ends}=1;{clip.frames}=0", "alpha": 1},
                "",
                "fade_to_black",
            )
        )
    return made


def _own_sound(document: _Document) -> list[_Placed]:
    timeline = document.timeline
    placed: list[_Placed] = []
    for heard in timeline.heard:
        clip = heard.clip
        if not clip.has_sound:
            continue
        warp = project.warp_of(clip, timeline)
        start, first = project.sound_place(heard, timeline)
        tail = clip.tail if heard.stop == clip.stop else 0
        frames = heard.stop - start + tail
        (begins, _), (ends, _) = clip.dips
        filters = mlt_filters.sound(clip, begins, ends, frames, timeline)
        name = _producer(document, clip.source, warp, first + frames - 1, {"set.test_image": 1})
        mix = clip.overlap if heard.start == clip.start and placed and not heard.moved else 0
        left = placed[-1] if placed else None
        if left and left.start + left.frames > start and not mix:
            # The sound before runs on under a joint that is not one here.
            placed[-1] = _Placed(
                left.producer, left.bin_id, left.start, left.first, start - left.start, left.filters, left.mix
            )
        placed.append(_Placed(name, _number(document, clip), start, first, frames, filters, mix))
    return placed


def _cue_clips(document: _Document, cues: Sequence[Record]) -> list[_Placed]:
    timeline = document.timeline
    placed: list[_Placed] = []
    for cue, start, frames in project.placed(document, cues):
        source = timeline.sources[cue["source_id"]]
        first, filters = project.cue_sound(cue, frames, timeline)
        name = _producer(document, source, Warp(first, None), first + frames - 1, {"set.test_image": 1})
        number = document.ids.get(str(source.get("id")), _FIRST_ID)
        placed.append(_Placed(name, number, start, first, frames, filters))
    return placed


def _title_producer(document: _Document, record: Record, frames: int, what: str) -> str:
    number = document.ids[str(record["id"])]
    name = document.name("producer")
    told = {
        "length": frames, "eof": "pause", "resource": "#00000000", "aspect_ratio": 1, "mlt_service": "color",
        "mlt_image_format": "rgba", "kdenlive:id": number, "kdenlive:clip_type": 3, "kdenlive:folderid": -1,
        "kdenlive:clipname": project.caption(record),
        "kdenlive:control_uuid": document.identity(f"title {number} {what}"),
    }  # fmt: skip
    mlt.sub(document.root, "producer", told, id=name, in_=document.clock(0), out=document.clock(frames - 1))
    return name


def _bin_titles(document: _Document) -> None:
    for record, _, frames in project.placed(document, document.timeline.titles):
        document.ids[str(record["id"])] = _FIRST_ID + len(document.ids)
        document.bin.append((_title_producer(document, record, frames, "bin"), frames))


def _title_clips(document: _Document, titles: Sequence[Record]) -> list[_Placed]:
    placed: list[_Placed] = []
    shown = [each for each in titles if str(each["id"]) in document.ids]
    for record, start, frames in project.placed(document, shown):
        number = document.ids[str(record["id"])]
        filters = [mlt_filters.title(record, document.timeline)]
        if fade := min(int(record.get("fade_frames") or 0), frames // 2):
            level = f"0=0;{fade}=1"
            filters.append(Filter("brightness", {"start": 1, "level": 1, "alpha": level}, "", "fade_from_black"))
            level = f"{frames - fade}=1;{frames}=0"
            filters.append(Filter("brightness", {"start": 1, "level": 1, "alpha": level}, "", "fade_to_black"))
        name = _title_producer(document, record, frames, "track")
        placed.append(_Placed(name, number, start, 0, frames, filters))
    return placed


def _track(document: _Document, placed: Sequence[_Placed], label: str, *, sound: bool) -> str:
    """A track: two playlists that clips change between where they overlap, in a tractor with the mixes."""
    told: dict[str, object] = {"kdenlive:audio_track": 1} if sound else {}
    sides: list[list[_Placed]] = [[], []]
    mixes: list[tuple[_Placed, int]] = []
    side = 0
    for clip in placed:
        # Off a mix, Kdenlive has clips on the first playlist, and says that a project is damaged if they are not.
        side = 1 - side if clip.mix else 0
        if clip.mix:
            mixes.append((clip, side))
        sides[side].append(clip)
    names = []
    for entries in sides:
        name = document.name("playlist")
        names.append(name)
        node = mlt.sub(document.root, "playlist", told, id=name)
        at = 0
        for clip in entries:
            told_of = {"kdenlive:id": clip.bin_id}
            entry = project.lay(document, node, at, clip.start, clip.frames, clip.first, clip.producer, told_of)
            ends = document.ends(clip.first, clip.frames)
            for filtered in clip.filters:
                named = {"kdenlive_id": filtered.kdenlive or filtered.service}
                held = {key: value for key, value in filtered.properties.items() if not key.startswith("shotcut:")}
                mlt.sub(
                    entry,
                    "filter",
                    held | {"mlt_service": filtered.service} | named,
                    id=document.name("filter"),
                    **ends,
                )
            at = clip.start + clip.frames
    name = document.name("tractor")
    last = document.clock(document.timeline.length - 1)
    shown = told | {
        "kdenlive:trackheight": 69,
        "kdenlive:timeline_active": 1,
        "kdenlive:collapsed": 0,
        "kdenlive:track_name": label,
    }
    node = mlt.sub(document.root, "tractor", shown, id=name, in_=document.clock(0), out=last)
    for each in names:
        mlt.sub(node, "track", producer=each, hide="video" if sound else "audio")
    for clip, right in mixes:
        ends = {"in_": document.clock(clip.start), "out": document.clock(clip.start + clip.mix - 1)}
        properties: dict[str, object] = {"a_track": 0, "b_track": 1, "kdenlive:mixcut": clip.mix}
        if sound:
            properties |= {
                "start": -1,
                "accepts_blanks": 1,
                "mlt_service": "mix",
                "kdenlive_id": "mix",
                "reverse": int(right == 0),
            }
        else:
            properties |= {
                "factory": "loader",
                "mlt_service": "luma",
                "kdenlive_id": "luma",
                "alpha_over": 1,
                "reverse": int(right == 0),
            }
            if clip.wipe:
                properties |= {"resource": document.files.add(f"{clip.wipe}.pgm", drawn.wipe(clip.wipe)), "softness": 0}
        mlt.sub(node, "transition", properties, id=document.name("transition"), **ends)
    return name


# -- the whole and the bin -------------------------------------------------------------------------------------------


def _tractor(document: _Document, tracks: Sequence[str], sounds: int) -> None:
    """What plays: the tracks, mixed and laid over one another."""
    last = document.clock(document.timeline.length - 1)
    node = mlt.sub(document.root, "tractor", {}, id="maintractor", in_=document.clock(0), out=last, global_feed=1)
    for track in ("black_track", *tracks):
        mlt.sub(node, "track", producer=track)
    for number in range(1, len(tracks) + 1):
        common: dict[str, object] = {"a_track": 0, "b_track": number, "internal_added": _OWN, "always_active": 1}
        if number <= sounds:
            mix = {"mlt_service": "mix", "kdenlive_id": "mix", "accepts_blanks": 1, "sum": 1}
        else:
            mix = {"mlt_service": "frei0r.cairoblend", "kdenlive_id": "frei0r.cairoblend", "version": 0.1}
        mlt.sub(node, "transition", common | mix, id=document.name("transition"))


def _guides(document: _Document) -> str:
    """A guide with its reason at each cut, and one at each beat, as Kdenlive keeps them: JSON."""
    import json

    found = [
        {"comment": text, "pos": at, "type": int(is_beat)} for at, text, is_beat in project.labels(document.timeline)
    ]
    return json.dumps(found)


def _main_bin(document: _Document) -> None:
    timeline = document.timeline
    told = {
        "kdenlive:docproperties.version": "1.04",
        "kdenlive:docproperties.kdenliveversion": "22.12.3",
        "kdenlive:docproperties.documentid": int(document.identity("document").replace("-", "")[1:13], 16) % 10**13,
        "kdenlive:docproperties.audioChannels": 2,
        "kdenlive:docproperties.decimalPoint": ".",
        "kdenlive:docproperties.seekOffset": 30000,
        "kdenlive:docproperties.guides": _guides(document),
        "kdenlive:documentnotes": html.escape(project.note(timeline)).replace("\n", "<br/>"),
        "xml_retain": 1,
    }
    node = mlt.sub(document.root, "playlist", told, id="main_bin")
    for name, length in document.bin:
        mlt.sub(node, "entry", producer=name, in_=document.clock(0), out=document.clock(length - 1))
