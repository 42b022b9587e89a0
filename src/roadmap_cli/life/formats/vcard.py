"""vCards 2.1, 3.0 and 4.0 (vCard 2.1 of versit; RFC 2426, RFC 6350) as life.contact: one or thousands in a file.

Why not vobject: it stops at the first card it cannot read, has no word for 4.0, and holds photographs in memory; the
reader of calendar lines is here already and has none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats.components import Component, Property
from roadmap_cli.life.formats.contentlines import begins, stream_components, text
from roadmap_cli.life.formats.ical_values import when
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import Zones
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "vcard", "vCards (2.1, 3.0, 4.0) of an address book"
#: The time of cards that have none, where it is not known when they are read.
UNDATED = "1970-01-01T00:00:00.000Z"

_BIRTHDAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?\Z", re.ASCII | re.DOTALL)
_YEARLESS = re.compile(r"--(\d\d)-?(\d\d)\Z", re.ASCII)
#: Apple's way to give a label a name that is its own: `_$!<Spouse>!$_`.
_APPLE = re.compile(r"_\$!<(.*)>!\$_\Z")
_YEARLESS_APPLE = "1604"
_RELATIONS = {
    "X-SPOUSE": "spouse", "X-EVOLUTION-SPOUSE": "spouse", "X-KADDRESSBOOK-X-SPOUSESNAME": "spouse",
    "X-ASSISTANT": "assistant", "X-EVOLUTION-ASSISTANT": "assistant", "X-KADDRESSBOOK-X-ASSISTANTSNAME": "assistant",
    "X-MANAGER": "manager", "X-EVOLUTION-MANAGER": "manager", "X-KADDRESSBOOK-X-MANAGERSNAME": "manager",
    "X-CHILD": "child", "X-ANDROID-RELATION": "",
}  # fmt: skip


def matches(opened: Opened) -> bool:
    """It begins with BEGIN:VCARD."""
    return begins(opened.text_head, ("VCARD",))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its people and organisations, one after another: an address book is never held whole."""
    zones = Zones(settings.zone)
    found = False
    for card in stream_components(opened.stream, settings.charset):
        for each in _cards(card):
            found = True
            if _kind(each) == "group":  # a list of people, no person
                continue
            try:
                yield _contact(each, source, zones, stamp(settings.now) if settings.now else UNDATED)
            except DataError as error:
                yield source.placed(error, each.line)
    if not found:
        yield source.placed(DataError("no card in the file", code="no_card"))


def read(data: bytes, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """The same of bytes in memory."""
    return items(Opened.of(source.name, data), source, settings)


def _cards(component: Component) -> Iterator[Component]:
    """The card itself, and cards that stand inside it: agents (2.1), whatever an exporter has wrapped them in."""
    if component.name == "VCARD":
        yield component
    for child in component.children:
        yield from _cards(child)


def _contact(card: Component, source: Source, zones: Zones, read_at: str) -> Record:
    names = _parts(_first(card, "N"))
    organization = _parts(_first(card, "ORG"))
    name = (
        _words(card, "FN")
        or " ".join(part for part in (*names[1:3], *names[:1]) if part)
        or ", ".join(part for part in organization if part)
    )
    emails = _each(card, "EMAIL")
    phones = sorted({_phone(value) for value in _each(card, "TEL")} - {""})
    name = name or next(iter(emails), "") or next(iter(phones), "")
    if not name:
        raise DataError("card has neither a name nor an address", code="missing_field")
    modified = _revised(card, zones)
    fields: dict[str, Any] = {
        "given_name": names[1] if len(names) > 1 else "",
        "family_name": names[0] if names else "",
        "nicknames": sorted({part for value in _raw(card, "NICKNAME") for part in _list(value)}),
        "emails": sorted({value.removeprefix("mailto:").lower() for value in emails}),
        "phones": phones,
        "organization": ", ".join(part for part in organization if part),
        "role": _words(card, "TITLE") or _words(card, "ROLE"),
        "birthday": _birthday(card),
        "relations": _relations(card),
        "addresses": sorted({_address(item) for item in card.every("ADR")} - {""}),
        "categories": sorted({part for value in _raw(card, "CATEGORIES") for part in _list(value)}),
        "is_organization": _is_organization(card, names, organization),
        "note": " ".join(_words(card, "NOTE").split())[:2_000],
    }
    said: dict[str, Any] = {"name": " ".join(name.split())} | {key: value for key, value in fields.items() if value}
    uid = _words(card, "UID").removeprefix("urn:uuid:")
    said["uid"] = uid or content_id(
        "life.uid", name=said["name"], emails=fields["emails"][:1], phones=[] if fields["emails"] else phones[:1]
    )
    identity = {key: value for key, value in said.items() if key != "relations"} | {
        "relations": [f"{each['type']}\t{each['name']}" for each in fields["relations"]]
    }
    if modified:
        said["modified_at"] = modified
    return {
        "kind": "life.contact",
        "id": content_id("life.contact", **identity),
        "at": modified or read_at,
        **said,
        "source": source.name,
        "source_line": card.line,
        "source_id": source.id,
    }


# -- values ------------------------------------------------------------------------------------------------------------


def _first(card: Component, name: str) -> str:
    """The raw value of the first property of that name that says something; the preferred one before others."""
    found = [item for item in card.every(name) if item.value.strip()]
    preferred = [item for item in found if _is_preferred(item)]
    return (preferred or found)[0].value.strip() if found else ""


def _is_preferred(item: Property) -> bool:
    return item.parameters.get("PREF") == "1" or "PREF" in item.parameters.get("TYPE", "").upper().split(",")


def _words(card: Component, name: str) -> str:
    return text(_first(card, name)).strip()


def _raw(card: Component, name: str) -> Iterator[str]:
    return (item.value for item in card.every(name))


def _each(card: Component, name: str) -> list[str]:
    """Every value of a property, the preferred ones first."""
    found = sorted(card.every(name), key=lambda item: not _is_preferred(item))
    return [value for value in (text(item.value).strip() for item in found) if value]


def _parts(value: str) -> list[str]:
    """The components of a structured value, escapes undone."""
    return [text(part).strip() for part in _split(value, ";")] if value else []


def _list(value: str) -> list[str]:
    return [part for part in (text(part).strip() for part in _split(value, ",")) if part]


def _split(value: str, mark: str) -> list[str]:
    """Cut at a mark that no backslash stands before."""
    if "\\" not in value:
        return value.split(mark)
    found, piece, escaped = [], "", False
    for sign in value:
        if escaped or sign == "\\":
            piece, escaped = piece + sign, not escaped
        elif sign == mark:
            found.append(piece)
            piece = ""
        else:
            piece += sign
    return [*found, piece]


def _phone(value: str) -> str:
    return re.sub(r"\s", "", value.removeprefix("tel:").partition(";ext=")[0])


def _address(item: Property) -> str:
    """A postal address on one line: box, extension, street, town, region, code, country (RFC 6350, 6.3.1)."""
    parts = [" ".join(part.split()) for part in _parts(item.value)]
    if len(parts) == 1:
        return parts[0]
    box, more, street, town, region, code, country = (*parts, *[""] * 7)[:7]
    return ", ".join(part for part in (box, more, street, f"{code} {town}".strip(), region, country) if part)


def _birthday(card: Component) -> str:
    """YYYY-MM-DD, or --MM-DD without a year; "" for what is no day."""
    item = card.first("BDAY")
    if item is None:
        return ""
    value = item.value.strip()
    if found := _YEARLESS.match(value):
        year, month, day = "", found[1], found[2]
    elif found := _BIRTHDAY.match(value):
        year, month, day = found.groups()
        if year == item.parameters.get("X-APPLE-OMIT-YEAR", _YEARLESS_APPLE):
            year = ""
    else:
        return ""
    try:
        date(int(year or 2000), int(month), int(day))
    except ValueError:
        return ""
    return f"{year or '-'}-{month}-{day}"


def _relations(card: Component) -> list[dict[str, str]]:
    """Whom it is related to: RELATED of 4.0, Apple's labelled names, the properties of other programs."""
    labels = {item.group: _label(item.value) for item in card.every("X-ABLABEL") if item.group}
    found: set[tuple[str, str]] = set()
    for item in card.properties:
        if item.name == "RELATED" and not item.value.startswith(("urn:", "http")):
            found.add((item.parameters.get("TYPE", "").lower().split(",")[0], text(item.value).strip()))
        elif item.name == "X-ABRELATEDNAMES":
            said = labels.get(item.group) or item.parameters.get("TYPE", "").lower().split(",")[0]
            found.add((said, text(item.value).strip()))
        elif item.name in _RELATIONS:
            found.add((_RELATIONS[item.name], text(item.value).strip()))
    return [{"type": kind, "name": name} for kind, name in sorted(found) if name]


def _label(value: str) -> str:
    shown = _APPLE.match(value.strip())
    return (shown[1] if shown else text(value)).strip().lower()


def _is_organization(card: Component, names: list[str], organization: list[str]) -> bool:
    kind = _kind(card)
    if _words(card, "X-ABSHOWAS").upper() == "COMPANY" or kind in ("org", "organization"):
        return True
    return not kind and not any(names) and any(organization) and _words(card, "FN") in ("", organization[0])


def _kind(card: Component) -> str:
    return (_words(card, "KIND") or _words(card, "X-ADDRESSBOOKSERVER-KIND")).lower()


def _revised(card: Component, zones: Zones) -> str:
    """REV as a stamp, "" without one."""
    item = card.first("REV")
    if item is None or not item.value.strip():
        return ""
    try:
        plain = re.sub(r"[+-]\d\d:?\d\d\Z", "", item.value.strip()) if "T" in item.value else item.value
        return stamp(when(Property("REV", {}, plain, item.line), zones).utc())
    except DataError:
        return ""
