"""Whether a plan may be rendered: every rule looks at the records alone, or at the source files by their hash.

An error stops the render, a warning explains. A plan that passed carries `checked` and a digest of exactly what was
checked: whoever changes a cut afterwards has a plan that is not checked any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from roadmap_cli.core import records
from roadmap_cli.core.records import Record
from roadmap_cli.edl.checking import feasibility, hearing, narrative, seeing
from roadmap_cli.edl.checking.feasibility import Hash
from roadmap_cli.edl.checking.findings import Finding
from roadmap_cli.edl.checking.footage import Footage

__all__ = ["Finding", "Hash", "check", "digest", "marked"]

#: Rules that look at a plan whose records are sound, in the order their findings come.
RULES: tuple[Callable[[Footage], Iterator[Finding]], ...] = (
    feasibility.transitions,
    feasibility.sound_edges,
    feasibility.placed,
    feasibility.target,
    narrative.order,
    narrative.questions,
    narrative.establishing,
    narrative.pace,
    narrative.peak,
    narrative.dropped,
    seeing.jumps,
    seeing.colour,
    seeing.sides,
    seeing.transitions,
    seeing.flicker,
    hearing.edges,
    hearing.leads_and_lags,
    hearing.loudness,
    hearing.room_tone,
    hearing.music,
)


def check(
    plan: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    content: Hash,
    *,
    titles: Sequence[Record] = (),
    cues: Sequence[Record] = (),
    measured: Mapping[str, Sequence[Record]] | None = None,
    free_bytes: int | None = None,
) -> list[Finding]:
    """Apply every rule. `content` gives the hash of a file; each file is asked about once.

    `measured` are the records of what was measured on the sources, by kind: a rule without its measurements is silent.
    `free_bytes` is the room where a render would be kept, if that is to be looked at.
    """
    found = [*feasibility.shape(plan, cuts, sources), *feasibility.parts_shape(titles, cues, sources)]
    if any(finding.severity == "error" for finding in found):
        return found
    footage = Footage(plan, cuts, sources, titles, cues, measured)
    found += feasibility.files(footage, content)
    found += feasibility.timeline(footage)
    for cut in cuts:
        found += feasibility.cut_range(footage, cut)
    if any(finding.rule in {"range", "rate"} for finding in found):
        return found  # what is shown there is not known, so nothing can be said of it
    for rule in RULES:
        found += rule(footage)
    found += feasibility.disk(footage, free_bytes)
    return found


def marked(
    plan: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    found: Sequence[Finding],
    titles: Sequence[Record] = (),
    cues: Sequence[Record] = (),
) -> Record:
    """The plan with what the check said of it."""
    errors = sum(finding.severity == "error" for finding in found)
    told = {"checked": not errors, "error_count": errors, "warning_count": len(found) - errors}
    fresh = {name: value for name, value in plan.items() if name != "checked_digest"} | told
    return fresh if errors else fresh | {"checked_digest": digest(plan, cuts, sources, titles, cues)}


def digest(
    plan: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    titles: Sequence[Record] = (),
    cues: Sequence[Record] = (),
) -> str:
    """SHA-256 of all that decides the rendered file, in canonical JSON. Ids, names and reasons are not in it."""
    used = sorted({str(each.get("source_id")) for each in (*cuts, *cues)})
    decisive = {
        "plan": _told(plan, _PLAN_DECISIVE),
        "cuts": [_told(cut, _CUT_DECISIVE) for cut in cuts],
        "titles": sorted((_told(title, _TITLE_DECISIVE) for title in titles), key=records.canonical),
        "cues": sorted((_told(cue, _CUE_DECISIVE) for cue in cues), key=records.canonical),
        "sources": [sources[name].get("sha256") for name in used if name in sources],
    }
    return hashlib.sha256(records.canonical(decisive)).hexdigest()


def _told(record: Record, names: Sequence[str]) -> Record:
    return {name: record[name] for name in names if name in record}


_PLAN_DECISIVE = ("fps", "width", "height", "length_frames", "loudness_lufs", "true_peak_dbtp")
_CUT_DECISIVE = (
    "source_id", "in_frame", "out_frame", "fps", "speed", "timeline_in_frame", "timeline_out_frame", "grade",
    "fade_in_frames", "fade_out_frames", "transition", "sound", "framing", "blur", "lift", "effects",
)  # fmt: skip
_TITLE_DECISIVE = (
    "text", "timeline_in_frame", "timeline_out_frame", "place", "size_ratio", "fade_frames",
)  # fmt: skip
_CUE_DECISIVE = (
    "source_id", "sound", "seed", "source_start_ms", "timeline_in_frame", "timeline_out_frame", "gain_db", "duck_db",
    "fade_in_frames", "fade_out_frames",
)  # fmt: skip
