"""A story as lines of text: where scenes begin, how the energy goes, and what each part does."""

from __future__ import annotations

from collections.abc import Iterable

from roadmap_cli.core.records import Record

BARS = " ▁▂▃▄▅▆▇█"


def lines(records: Iterable[Record], frames: int, columns: int) -> list[tuple[str, str]]:
    """Lines of `columns` characters for a source of `frames`, each with its name; of scenes, energy and beats.

    `records` are those of one source; what is not among them has no line.
    """
    kept: dict[str, list[Record]] = {}
    for record in records:
        kept.setdefault(record["kind"], []).append(record)
    frames, columns = max(1, frames), max(8, columns)
    found = []
    if scenes := kept.get("edl.scene"):
        starts = {int(scene["in_frame"]) * columns // frames for scene in scenes[1:]}
        line = "".join("┃" if column in starts else "━" for column in range(columns))
        found.append(("scenes", line[:-1] + "╸"))
    for record in kept.get("edl.energy", [])[:1]:
        values = record["values"]
        at = [len(values) * (2 * column + 1) // (2 * columns) for column in range(columns)]
        levels = [min(1.0, max(0.0, float(values[place]))) for place in at]
        found.append(("energy", "".join(BARS[round(level * (len(BARS) - 1))] for level in levels)))
    if beats := kept.get("edl.beat"):
        line = ""
        for beat in beats:
            width = int(beat["out_frame"]) * columns // frames - len(line)
            line += f"├{beat['role']}"[: max(0, width)].ljust(max(0, width))
        found.append(("beats", line))
    return found
