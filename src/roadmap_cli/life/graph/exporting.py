"""The graph for other programs: Graphviz DOT, JSON-LD with the words of schema.org, GraphML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from roadmap_cli.core.errors import CannotCreate, UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.life.graph.finding import strength

_SHAPES = {
    "person": "ellipse", "organization": "box", "place": "house", "project": "folder", "event": "note",
    "account": "cylinder",
}  # fmt: skip
_TYPES = {
    "person": "Person", "organization": "Organization", "place": "Place", "project": "Project", "event": "EventSeries",
    "account": "BankAccount",
}  # fmt: skip
#: How schema.org says a relation: the property of the first side; what it has no word for is in our own namespace.
_PROPERTIES = {
    "knows": "knows", "works_at": "worksFor", "colleague_of": "colleague", "member_of": "memberOf",
    "lives_at": "homeLocation", "located_in": "location", "owns": "owns", "family_of": "relatedTo",
}  # fmt: skip
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def dot(entities: Sequence[Record], relations: Sequence[Record]) -> Iterator[str]:
    """Lines of a Graphviz graph."""
    yield "digraph life {"
    yield "  graph [overlap=false, splines=true];"
    yield '  node [fontname="sans-serif"]; edge [fontname="sans-serif", fontsize=9];'
    for each in entities:
        style = ", penwidth=3" if each.get("is_user") else ""
        shape = _SHAPES.get(each["sort"], "box")
        yield f"  {_quoted(each['id'])} [label={_quoted(each['name'])}, shape={shape}{style}];"
    known = {each["id"] for each in entities}
    for each in relations:
        if each["a_id"] not in known or each["b_id"] not in known:
            continue
        both = ", dir=none" if each["relation"] in ("knows", "colleague_of") else ""
        ended = ", style=dashed" if "valid_to" in each else ""
        since = f"{each['relation'].replace('_', ' ')} {each['valid_from'][:4]}–{each.get('valid_to', '')[:4]}"
        width = f"{0.5 + 2.5 * strength(each):.2f}"
        yield (
            f"  {_quoted(each['a_id'])} -> {_quoted(each['b_id'])} "
            f"[label={_quoted(since)}, penwidth={width}{both}{ended}];"
        )
    yield "}"


def _quoted(text: str) -> str:
    told = _CONTROLS.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{told}"'


def json_ld(entities: Sequence[Record], relations: Sequence[Record]) -> Iterator[str]:
    """One JSON-LD document: entities with schema.org types; relations with times as roles (schema.org/Role)."""
    import orjson

    nodes: dict[str, dict[str, Any]] = {each["id"]: _node(each) for each in entities}
    for each in relations:
        if each["a_id"] in nodes and each["b_id"] in nodes:
            nodes[each["a_id"]].setdefault(_property(each["relation"]), []).append(_role(each))
    document = {
        "@context": {"@vocab": "https://schema.org/", "life": "urn:roadmap:life:"},
        "@graph": list(nodes.values()),
    }
    yield orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _property(relation: str) -> str:
    return _PROPERTIES.get(relation) or f"life:{relation}"


def _role(each: Record) -> dict[str, Any]:
    name = _property(each["relation"])
    role: dict[str, Any] = {
        "@type": "Role",
        name: {"@id": f"urn:roadmap:{each['b_id']}"},
        "startDate": each["valid_from"],
    }
    role |= {"endDate": each["valid_to"]} if "valid_to" in each else {}
    detail = each.get("detail", {})
    role |= {"roleName": detail["title"]} if "title" in detail else {}
    role |= {"roleName": detail["kind"]} if "kind" in detail else {}
    return role | {"life:confidence": each["confidence"], "life:evidenceCount": each["evidence_count"]}


def _node(each: Record) -> dict[str, Any]:
    node: dict[str, Any] = {
        "@id": f"urn:roadmap:{each['id']}",
        "@type": _TYPES.get(each["sort"], "Thing"),
        "name": each["name"],
    }
    for field, name in (
        ("names", "alternateName"),
        ("emails", "email"),
        ("phones", "telephone"),
        ("birthday", "birthDate"),
    ):
        if field in each:
            node[name] = each[field]
    return node


def graphml(entities: Sequence[Record], relations: Sequence[Record]) -> Iterator[str]:
    """Lines of a GraphML document."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    for owner, name, kind in (
        ("node", "name", "string"), ("node", "sort", "string"), ("node", "mention_count", "int"),
        ("edge", "relation", "string"), ("edge", "valid_from", "string"), ("edge", "valid_to", "string"),
        ("edge", "confidence", "double"), ("edge", "evidence_count", "int"),
    ):  # fmt: skip
        yield f'  <key id="{owner}_{name}" for="{owner}" attr.name="{name}" attr.type="{kind}"/>'
    yield '  <graph id="life" edgedefault="directed">'
    for each in entities:
        yield f"    <node id={quoteattr(each['id'])}>{_data('node', each, 'name', 'sort', 'mention_count')}</node>"
    known = {each["id"] for each in entities}
    for each in relations:
        if each["a_id"] in known and each["b_id"] in known:
            ends = f"source={quoteattr(each['a_id'])} target={quoteattr(each['b_id'])}"
            data = _data("edge", each, "relation", "valid_from", "valid_to", "confidence", "evidence_count")
            yield f"    <edge id={quoteattr(each['id'])} {ends}>{data}</edge>"
    yield "  </graph>"
    yield "</graphml>"


def _data(owner: str, record: Record, *fields: str) -> str:
    return "".join(
        f'<data key="{owner}_{field}">{escape(_CONTROLS.sub(" ", str(record[field])))}</data>'
        for field in fields
        if field in record
    )


Format = Callable[[Sequence[Record], Sequence[Record]], Iterator[str]]
FORMATS: dict[str, Format] = {"dot": dot, "jsonld": json_ld, "graphml": graphml}
_ENDINGS = {
    ".dot": "dot",
    ".gv": "dot",
    ".jsonld": "jsonld",
    ".json": "jsonld",
    ".graphml": "graphml",
    ".xml": "graphml",
}


def chosen(form: str | None, path: Path) -> Format:
    """The format that was named, or that the file's ending tells. Raises UsageError."""
    name = form or _ENDINGS.get(path.suffix.lower())
    if name is None:
        raise UsageError(f"the ending of {path.name!r} tells no format", hint="give --format dot, jsonld or graphml")
    return FORMATS[name]


def save(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file for the user alone, complete or not at all; to a pipe or terminal as they come.

    Raises CannotCreate.
    """
    from roadmap_cli.core import writing

    data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    try:
        with writing.complete(path, mode=0o600) as stream:
            stream.write(data)
    except OSError as error:
        raise CannotCreate(f"cannot write: {(error.strerror or str(error)).lower()}", where=str(path)) from None
