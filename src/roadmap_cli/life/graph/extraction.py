"""What a record names: atoms, the role each has in it, and how it is written. A function of the record alone.

An atom is a mail address, a number, a contact, a name as it is written, an organisation, a place, a project, a series
of events, an account. Nothing is decided here about who is who.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.graph import identities, names, payees, projects, signatures
from roadmap_cli.life.graph.nicknames import FAMILY

#: Raised whenever the rules below give something else for a record: all records are then read anew.
RULES = 2
#: Kinds of records that name somebody or something.
KINDS = ("life.contact", "life.event", "life.message", "life.place_visit", "life.transaction")
#: Roles whose form is a value and no name of the atom.
VALUES = frozenset(("birthday", "title", "relation_type", "stay", "paid_in", "paid_out"))
_MEETING_WITH = re.compile(
    r"\b(?:with|mit|w/|avec|con)\s+(?P<after>[^\W\d_][\w'.-]+(?:\s+[^\W\d_][\w'.-]+)?)"
    r"|^(?P<pair>[^\W\d_][\w'-]+)\s*(?:<>|<->|/|&)\s*(?P<other>[^\W\d_][\w'-]+)$"
    r"|^(?:birthday|geburtstag|anniversaire)[: ]+(?:von |of )?(?P<born>[^\W\d_][\w' .-]+)$"
    r"|^(?P<whose>[^\W\d_][\w' .-]+?)['’]?s?\s+(?:birthday|geburtstag)$",
)
_VIRTUAL = re.compile(r"https?://|\b(zoom|teams|meet|webex|skype|online|phone|telefon|tba|tbd|call|video)\b", re.I)
_GENERIC_GROUPS_TEXT = """
    mycontacts my contacts contacts kontakte starred friends freunde family familie work arbeit coworkers kollegen
    business personal privat imported other favorites favoriten vip all
"""
_GENERIC_GROUPS = frozenset(_GENERIC_GROUPS_TEXT.split()) | {"my contacts"}
_INTRODUCTION = re.compile(r"\b(intro|introduction|introducing|meet|vorstellung|bekanntmachung)\b", re.I)


@dataclass(frozen=True, slots=True)
class Mention:
    """An atom in a record: its key, its sort, its role there, and how it is written or the value that goes with it."""

    key: str
    sort: str
    role: str
    form: str = ""


def atom_id(key: str) -> str:
    """The id of an atom, and of the entity it is the first of."""
    return content_id("life.entity", atom=key)


def mentions(record: Record) -> list[Mention]:
    """All that a record names, each once; nothing for a kind of record that names nobody, or a broken field."""
    reader = _READERS.get(record.get("kind", ""))
    return list(dict.fromkeys(reader(record))) if reader else []


def person(text: str, *, scope: str = "") -> tuple[str, str]:
    """The key of a person by address, number or name, and the name as it is written ('' if there is none).

    A single word means somebody else in every place: its key holds `scope`, a conversation or the kind of source.
    ('', '') for what names nobody.
    """
    told = " ".join(text.split())
    match = re.match(r"(.*?)\s*<([^<>]+)>\Z", told)
    if match and (address := identities.email(match[2])):
        return f"e:{address}", match[1].strip("\"' ")
    if address := identities.email(told):
        return f"e:{address}", ""
    if number := identities.phone(told):
        return f"p:{identities.phone_tail(number)}", ""
    folded = names.fold(told)
    if not folded or len(told) > 80:
        return "", ""
    name = names.parse(told)
    if name is None or not name.family:
        return f"n:{scope}:{folded}", told
    return f"n::{name.key}", told


def _text(record: Record, field: str) -> str:
    value = record.get(field)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _texts(record: Record, field: str) -> list[str]:
    value = record.get(field)
    return [each for each in value if isinstance(each, str) and each.strip()] if isinstance(value, list) else []


def _person(text: str, role: str, scope: str, form: str = "") -> Iterator[Mention]:
    key, written = person(text, scope=scope)
    if key:
        yield Mention(key, "person", role, form or written)


def _organisation(text: str) -> str:
    words = names.fold(text).split()
    while len(words) > 1 and words[-1] in payees.LEGAL_FORMS:
        words.pop()
    return f"o:{' '.join(words)}" if words else ""


def _place(text: str) -> str:
    return f"l:{names.fold(text)}" if names.fold(text) else ""


def _contact(record: Record) -> Iterator[Mention]:
    shown = _text(record, "name") or " ".join(
        each for each in (_text(record, "given_name"), _text(record, "family_name")) if each
    )
    key = f"c:{record.get('uid') or record['id']}"
    organised = record.get("is_organization") is True
    sort = "organization" if organised else "person"
    yield Mention(key, sort, "contact", shown or _text(record, "organization"))
    full = f"{_text(record, 'given_name')} {_text(record, 'family_name')}".strip()
    if full and names.fold(full) != names.fold(shown):
        yield Mention(key, sort, "nickname", full)
    for nickname in _texts(record, "nicknames"):
        yield Mention(key, sort, "nickname", nickname)
    for text in _texts(record, "emails"):
        if address := identities.email(text):
            yield Mention(f"e:{address}", "person", "email")
    for text in _texts(record, "phones"):
        if number := identities.phone(text):
            yield Mention(f"p:{identities.phone_tail(number)}", "person", "phone", number)
    if _text(record, "birthday"):
        yield Mention(key, sort, "birthday", _text(record, "birthday"))
    if not organised and (org := _organisation(_text(record, "organization"))):
        yield Mention(org, "organization", "organization", _text(record, "organization"))
        if _text(record, "role"):
            yield Mention(key, sort, "title", _text(record, "role"))
    if organised and (org := _organisation(_text(record, "organization") or shown)):
        yield Mention(org, "organization", "same", _text(record, "organization") or shown)
    for address in _texts(record, "addresses"):
        if place := _place(address):
            yield Mention(place, "place", "address", " ".join(address.split()))
    for category in _texts(record, "categories"):
        if (folded := names.fold(category)) and folded not in _GENERIC_GROUPS:
            yield Mention(f"g:{folded}", "organization", "group", category)
    related = record.get("relations")
    for each in related if isinstance(related, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            kind = names.fold(str(each.get("type") or "related")).replace(" ", "_") or "related"
            other, _ = person(each["name"], scope=key)
            if other:
                yield Mention(other, "person", "relation", each["name"])
                yield Mention(other, "person", "relation_type", kind)


def _event(record: Record) -> Iterator[Mention]:
    title = _text(record, "title")
    if record.get("status") == "cancelled":
        return
    told = record.get("people_names")
    called = told if isinstance(told, dict) else {}
    for each in _texts(record, "people"):
        yield from _person(each, "attendee", "calendar", _text(called, each))
    if organizer := _text(record, "organizer"):
        yield from _person(organizer, "organizer", "calendar", _text(called, organizer))
    if record.get("instance") and title:
        yield Mention(f"s:{record.get('uid') or record['id']}", "event", "series", title)
    place = _text(record, "location")
    if place and not _VIRTUAL.search(place) and (key := _place(place)):
        yield Mention(key, "place", "location", place)
    yield from _projects([title, *_texts(record, "categories")])
    yield from _named(title, "calendar")


def _named(title: str, scope: str) -> Iterator[Mention]:
    """Names in a title: "Lunch with Anna", "Priya <> Tom", "Birthday of Ines Kaya"."""
    match = _MEETING_WITH.search(title)
    if not match:
        return
    for text in match.groups():
        if text and text[0].isupper():
            words = text.split()
            told = text if len(words) == 1 or words[1][0].isupper() else words[0]
            name = names.parse(told)
            if name is not None and not projects.is_word(told):
                yield from _person(told, "named", scope)


def _projects(texts: list[str]) -> Iterator[Mention]:
    for key, shown in projects.found(texts):
        yield Mention(f"j:{key}", "project", "project", shown)


def _message(record: Record) -> Iterator[Mention]:
    channel, thread = _text(record, "channel") or "chat", _text(record, "thread")
    scope = f"{channel}/{names.fold(thread)}" if channel != "mail" else channel
    sender = _text(record, "sender")
    role = "sender_user" if record.get("sent_by_user") is True else "sender"
    key, written = person(sender, scope=scope)
    shown = _text(record, "sender_name") or written
    if key:
        if shown and identities.email(shown):
            shown = ""
        yield Mention(key, "person", "sender", shown)
        if role == "sender_user":
            yield Mention(key, "person", role)
    for each in _texts(record, "recipients"):
        yield from _person(each, "recipient", scope)
    if channel != "mail" and thread:
        yield Mention(f"t:{channel}:{names.fold(thread)}", "organization", "thread", thread)
    subject, text = _text(record, "subject"), record.get("text")
    yield from _projects([subject])
    if _text(record, "folder"):
        yield from _projects([f"Project {folder}" for folder in projects.folders(_text(record, "folder"))])
    if key and subject and _INTRODUCTION.search(subject) and not record.get("in_reply_to"):
        yield Mention(key, "person", "introduces")
    if isinstance(text, str) and key.startswith("e:"):
        yield from _signed(signatures.found(text), key)


def _signed(signature: signatures.Signature, key: str) -> Iterator[Mention]:
    if signature.name:
        yield Mention(key, "person", "signature", signature.name)
    for number in signature.phones:
        yield Mention(f"p:{identities.phone_tail(number)}", "person", "signature_phone", number)
    for address in signature.emails:
        if f"e:{address}" != key:
            yield Mention(f"e:{address}", "person", "signature_email")


def _place_visit(record: Record) -> Iterator[Mention]:
    shown = _text(record, "name") or _text(record, "address")
    key = _place(_text(record, "address") or shown)
    if key:
        yield Mention(key, "place", "visit", shown)
        yield Mention(key, "place", "stay", str(record.get("ends_at") or record["at"]))


def _transaction(record: Record) -> Iterator[Mention]:
    amount = _text(record, "amount")
    flow = "out" if amount.startswith("-") else "in"
    account = _text(record, "account_id")
    if account:
        last = _text(record, "account")
        yield Mention(f"a:{account}", "account", "account", f"account …{last}" if last else "")
    for field in ("institution", "bank"):
        if org := _organisation(_text(record, field)):
            yield Mention(org, "organization", "institution", _text(record, field))
    payee = _text(record, "payee")
    key, shown = payees.normal(payee) if payee else ("", "")
    if key:
        name = names.parse(shown)
        sort = "person" if name and names.fold(shown) in FAMILY else "organization"
        yield Mention(f"y:{key}", sort, "payee", shown)
        yield Mention(f"y:{key}", sort, f"paid_{flow}", f"{amount.lstrip('-')} {_text(record, 'currency')}")


_READERS: dict[str, Callable[[Record], Iterator[Mention]]] = {
    "life.contact": _contact,
    "life.event": _event,
    "life.message": _message,
    "life.place_visit": _place_visit,
    "life.transaction": _transaction,
}
