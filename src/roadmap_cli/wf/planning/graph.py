"""The graph of a plan's steps: as layers, as text for Mermaid and Graphviz.

Layers are those of the longest way to a step (the first part of Sugiyama, Tagawa, Toda 1981); what a step needs by way
of another step is not drawn as a line of its own (transitive reduction).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id

_COLOURS = {"low": "#2e7d32", "medium": "#b26a00", "high": "#c62828"}


def layers(steps: Sequence[Record]) -> list[list[str]]:
    """The names of the steps by how many come before them on the longest way."""
    level: dict[str, int] = {}
    for step in steps:
        level[step["name"]] = 1 + max((level[need] for need in step["needs"] if need in level), default=-1)
    found: list[list[str]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name, each in level.items():
        found[each].append(name)
    return found


def reduced(steps: Sequence[Record]) -> dict[str, list[str]]:
    """For each step the steps it needs, without those it needs by way of another one."""
    above: dict[str, set[str]] = {}
    found: dict[str, list[str]] = {}
    for step in steps:
        needs = [need for need in dict.fromkeys(step["needs"]) if need in above]
        found[step["name"]] = [need for need in needs if not any(need in above[other] for other in needs)]
        above[step["name"]] = set(needs).union(*(above[need] for need in needs))
    return found


def label(step: Record) -> str:
    """What a step is, in a few words that are safe in every notation: action, role, and how it is done."""
    words = [step["left_out"], "left out"] if "left_out" in step else [step["action"], step["role"]]
    if "each" in step:
        words.append(f"each of {len(step['each'])}" if isinstance(step["each"], list) else "each")
    words += [word for key, word in (("when", "if"), ("approval", "asks"), ("compensate", "undoable")) if key in step]
    return " · ".join(words)


def text(plan: Record, form: str) -> str:
    """A plan's graph as text, for `mermaid` (a flowchart) or `dot` (Graphviz)."""
    lines = _mermaid(plan) if form == "mermaid" else _dot(plan)
    return "\n".join(lines) + "\n"


def record(plan: Record, form: str, at: datetime) -> Record:
    """The wf.graph of a plan."""
    return {
        "kind": "wf.graph",
        "id": content_id("wf.graph", plan_id=plan["id"], form=form),
        "at": clock.stamp(at),
        "plan_id": plan["id"],
        "workflow": plan["workflow"],
        "form": form,
        "text": text(plan, form),
    }


def _mermaid(plan: Record) -> Iterator[str]:
    """Source: https://mermaid.js.org/syntax/flowchart.html; names get ids of their own, as ``end`` is a word there."""
    yield "flowchart TD"
    yield from _mermaid_steps(plan["steps"], "s", "  ")
    for risk, colour in _COLOURS.items():
        yield f"  classDef {risk} stroke:{colour},stroke-width:{2 if risk == 'high' else 1}px"


def _mermaid_steps(steps: Sequence[Record], before: str, indent: str) -> Iterator[str]:
    ids = {step["name"]: f"{before}{number}" for number, step in enumerate(steps)}
    for step in steps:
        name = ids[step["name"]]
        if "workflow" in step:
            yield f'{indent}subgraph {name}["{step["name"]}: {step["workflow"]["template"]}"]'
            yield from _mermaid_steps(step["workflow"]["steps"], f"{name}x", f"{indent}  ")
            yield f"{indent}end"
        else:
            opened, closed = ("{{", "}}") if step["action"] in ("human", "event", "wait") else ("[", "]")
            yield f'{indent}{name}{opened}"{step["name"]}<br/>{label(step)}"{closed}:::{step["risk"]}'
    for name, needs in reduced(steps).items():
        for need in needs:
            yield f"{indent}{ids[need]} --> {ids[name]}"


def _dot(plan: Record) -> Iterator[str]:
    """Source: https://graphviz.org/doc/info/lang.html; a line to a sub-workflow goes to its first and last step."""
    yield f"digraph {_quoted(plan['workflow'])} {{"
    yield "  compound=true; rankdir=TB;"
    yield '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];'
    yield from _dot_steps(plan["steps"], "", "  ")
    yield "}"


def _dot_steps(steps: Sequence[Record], before: str, indent: str) -> Iterator[str]:
    known = {step["name"]: step for step in steps}
    for step in steps:
        name = f"{before}{step['name']}"
        if "workflow" in step:
            yield f"{indent}subgraph {_quoted(f'cluster_{name}')} {{"
            title = f"{step['name']}: {step['workflow']['template']}"
            yield f"{indent}  label={_quoted(title)};"
            yield from _dot_steps(step["workflow"]["steps"], f"{name}/", f"{indent}  ")
            yield f"{indent}}}"
            continue
        more = ", penwidth=2" if step["risk"] == "high" else ""
        shape = ", shape=hexagon" if step["action"] in ("human", "event", "wait") else ""
        shown = _quoted(f"{step['name']}\n{label(step)}")
        yield f'{indent}{_quoted(name)} [label={shown}, color="{_COLOURS[step["risk"]]}"{more}{shape}];'
    for name, needs in reduced(steps).items():
        for need in needs:
            tail, tail_frame = _end(known[need], before, last=True)
            head, head_frame = _end(known[name], before, last=False)
            frames = [f"ltail={_quoted(tail_frame)}"] if tail_frame else []
            frames += [f"lhead={_quoted(head_frame)}"] if head_frame else []
            attributes = f" [{', '.join(frames)}]" if frames else ""
            yield f"{indent}{_quoted(tail)} -> {_quoted(head)}{attributes};"


def _end(step: Record, before: str, *, last: bool) -> tuple[str, str]:
    """The node at which a line begins (the last of a sub-workflow) or ends (its first), and the frame it is cut at."""
    name = f"{before}{step['name']}"
    frame = ""
    while "workflow" in step:
        frame = frame or f"cluster_{name}"
        step = step["workflow"]["steps"][-1 if last else 0]
        name = f"{name}/{step['name']}"
    return name, frame


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
