"""The people, places and projects of a life on a terminal: who and what is near as a tree, who is close as rings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

_STYLES = {"person": "cyan", "organization": "yellow", "place": "green", "project": "magenta", "event": "blue"}
_SIGNS = {"person": "●", "organization": "■", "place": "▲", "project": "◆", "event": "○", "account": "□"}
_MOST_BRANCHES = 12


def _bar(ratio: float, wide: int = 8) -> str:
    """A strength from 0 to 1 as a bar."""
    eighths = round(max(0.0, min(1.0, ratio)) * wide * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(wide)


def _span(record: Record) -> str:
    until = record.get("valid_to")
    return f"{record['valid_from'][:10]} – {until[:10]}" if until else f"since {record['valid_from'][:10]}"


def draw(records: Sequence[Record], console: Any) -> None:
    """For each entity asked for a tree by relation, the strongest first: who and what is near, since when."""
    from rich.text import Text
    from rich.tree import Tree

    from roadmap_cli.life.graph.finding import strength

    entities = {each["id"]: each for each in records if each["kind"] == "life.entity"}
    relations = [each for each in records if each["kind"] == "life.relation"]
    near: dict[str, list[tuple[str, Record]]] = {}
    for each in relations:
        near.setdefault(each["a_id"], []).append((each["b_id"], each))
        near.setdefault(each["b_id"], []).append((each["a_id"], each))

    def label(name: str, shown: str) -> Text:
        entity = entities.get(name, {"sort": "", "name": shown})
        sign = _SIGNS.get(entity["sort"], "·")
        return Text(f"{sign} {visible(str(entity['name']))}", style=_STYLES.get(entity["sort"], ""))

    def grow(branch: Tree, name: str, above: set[str], depth: int) -> None:
        grouped: dict[str, list[tuple[float, str, Record]]] = {}
        for other, record in near.get(name, ()):
            if other in above:
                continue
            verb = record["relation"].replace("_", " ")
            if record["a_id"] != name and record["relation"] not in ("knows", "colleague_of"):
                verb = f"← {verb}"
            grouped.setdefault(verb, []).append((strength(record), other, record))
        for verb, found in sorted(grouped.items(), key=lambda one: -max(each[0] for each in one[1])):
            found.sort(key=lambda each: (-each[0], -each[2]["evidence_count"], each[1]))
            kind = branch.add(Text(verb, style="bold"))
            for ratio, other, record in found[:_MOST_BRANCHES]:
                text = label(other, record["b_name"] if record["b_id"] == other else record["a_name"])
                text.append(f"  {_bar(ratio)} ", style="dim")
                text.append(f"{record['evidence_count']}×  {_span(record)}", style="dim")
                told = record.get("detail", {})
                extra = [str(told[field]) for field in ("kind", "title", "period", "usual_amount") if field in told]
                text.append(f"  {visible(', '.join(extra))}" if extra else "", style="dim italic")
                twig = kind.add(text)
                if depth > 1:
                    grow(twig, other, above | {other}, depth - 1)
            if len(found) > _MOST_BRANCHES:
                kind.add(Text(f"and {len(found) - _MOST_BRANCHES} more", style="dim"))

    asked = [each for each in records if each["kind"] == "life.entity" and each.get("depth", 0) == 0]
    deepest = max((int(each.get("depth", 0)) for each in records if each["kind"] == "life.entity"), default=1)
    for entity in asked:
        head = label(entity["id"], entity["name"])
        head.stylize("bold")
        told = [*entity.get("names", ())[:4], *entity.get("emails", ()), *entity.get("phones", ())]
        if told:
            head.append(f"\n{visible(', '.join(map(str, told)))}", style="dim not bold")
        head.append(
            f"\n{entity['mention_count']} records, {entity['first_at'][:10]} to {entity['last_at'][:10]}",
            style="dim not bold",
        )
        tree = Tree(head, guide_style="dim")
        grow(tree, entity["id"], {entity["id"]}, max(deepest, 1))
        console.print(tree)
    _rest(records, console, bool(asked))


def _rest(records: Sequence[Record], console: Any, drawn: bool) -> None:
    """What is no tree: acts in a line each; relations alone, as a path has them, one below the other."""
    for each in records:
        if each["kind"] == "life.graph_act":
            console.print(visible(f"{each['act']}  {each['id']}  {each['at'][:10]}"), style="bold", highlight=False)
        elif each["kind"] == "life.relation" and not drawn:
            console.print(visible(f"{each['text']}  ({_span(each)}, {each['evidence_count']}×)"), highlight=False)


def draw_close(records: Sequence[Record], console: Any) -> None:
    """Who is close as rings around the user: the nearer the left edge, the closer."""
    from rich.text import Text

    rings = 12
    wide = min(max((len(str(each["name"])) for each in records), default=0), max(10, console.width // 4))
    for each in records:
        score = min(1.0, float(each["score"]) / 1.5)
        indent = round((1 - score) * rings)
        name = Text(visible(str(each["name"])))
        name.truncate(wide, overflow="ellipsis", pad=True)
        line = Text.assemble(f"{' ' * indent}● ", name, " " * (rings - indent + 1))
        line.append(f"{_bar(score)} {visible(str(each['text']))}", style="dim")
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)


def draw_list(records: Sequence[Record], console: Any) -> None:
    """Entities, one a line: what, how often beside the most mentioned, when last, and the id that names it."""
    from rich.text import Text

    most = max((int(each["mention_count"]) for each in records), default=1)
    wide = min(max((len(str(each["name"])) for each in records), default=0), max(10, console.width - 63))
    for each in records:
        name = Text(f"{_SIGNS.get(each['sort'], '·')} {visible(str(each['name']))}", _STYLES.get(each["sort"], ""))
        name.truncate(wide + 2, overflow="ellipsis", pad=True)
        told = f" {_bar(int(each['mention_count']) / most)} {each['mention_count']:>5}×"
        line = Text.assemble(name, told, (f"  {str(each['last_at'])[:10]}  {each['id']}", "dim"))
        console.print(line, soft_wrap=True)
