"""HTML as values: text is escaped where it is put in, so that no caller can forget it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

#: What may stand inside an element: markup as it is, anything else as text.
Inside: TypeAlias = "Markup | str | int | float | Iterable[Inside] | None"

_VOID = frozenset({"meta", "link", "br", "input"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def put(inside: Inside) -> str:
    """What stands inside an element, as HTML."""
    if inside is None:
        return ""
    if isinstance(inside, Markup):
        return str(inside)
    if isinstance(inside, str | int | float):
        return escape(_visible(str(inside)))
    return "".join(put(each) for each in inside)


def tag(name: str, /, *inside: Inside, **attributes: str | int | float | None) -> Markup:
    """An element; an attribute of None is left out, ``class_`` is class, and ``_`` in names is ``-``."""
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    start = f"<{name}{''.join(words)}>"
    return Markup(start if name in _VOID else f"{start}{put(inside)}</{name}>")


def _visible(text: str) -> str:
    """Text without signs that HTML cannot hold, or that turn the direction of what stands beside them."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def table(heads: Iterable[str], rows: Iterable[Iterable[Inside]], caption: str) -> Markup:
    """A table with a caption; the first cell of a row names the row."""
    body = [tag("tr", [_cell(at, each) for at, each in enumerate(row)]) for row in rows]
    if not body:
        return tag("p", f"{caption}: none.", class_="none")
    head = tag("tr", [tag("th", each, scope="col") for each in heads])
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))


def _cell(at: int, inside: Inside) -> Markup:
    return tag("th", inside, scope="row") if at == 0 else tag("td", inside)
