"""A record of this family in words: the one way it is shown, indexed and cited.

`said(record)` is what it says, without its time; `line(record)` has its local day, or time, before that.
"""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.records import Record


def line(record: Record) -> str:
    """Such as `2026-03-05 Dentist (Hauptstr. 3)`."""
    return f"{record.get('date') or str(record.get('at', ''))[:10]} {said(record)}".rstrip()


def said(record: Record) -> str:
    """What a record says, in one paragraph; for a kind it does not know, its title, name or text."""
    kind = record.get("kind")
    if kind == "life.event":
        return _joined(
            record.get("title"),
            _within(record.get("location")),
            _with(record.get("people"), record.get("people_names")),
            _within("cancelled" if record.get("status") == "cancelled" else ""),
        )
    if kind == "life.task":
        done = {"completed": "done", "cancelled": "cancelled"}.get(str(record.get("status")), "")
        due = f"due {record['due_date']}" if record.get("due_date") else ""
        return _joined("to do:", record.get("title"), _within(done or due))
    if kind == "life.transaction":
        return _joined(record.get("payee") or record.get("type"), record.get("amount"), record.get("currency"),
                       record.get("memo"))  # fmt: skip
    if kind == "life.balance":
        return _joined(record.get("security") or record.get("account_name") or record.get("account") or "account",
                       record.get("type"), "balance", record.get("amount"), record.get("currency"))  # fmt: skip
    if kind == "life.price":
        return _joined(record.get("security"), "at", record.get("amount"), record.get("currency"))
    if kind == "life.measurement":
        return _joined(_spaced(record.get("metric")), _spaced(record.get("stage")), _number(record.get("value")),
                       record.get("unit"))  # fmt: skip
    if kind == "life.activity":
        distance, minutes = record.get("distance_m"), record.get("duration_s")
        return _joined(_spaced(record.get("sport")), record.get("title"),
                       f"{distance / 1000:.1f} km" if distance else "",
                       f"{minutes / 60:.0f} min" if minutes else "")  # fmt: skip
    if kind == "life.message":
        sender = record.get("sender_name") or record.get("sender")
        return f"{sender}: {_joined(record.get('subject'), record.get('text'), mark=' – ')}"
    if kind == "life.contact":
        return _joined(record.get("name"), record.get("organization"), record.get("role"), mark=", ")
    if kind == "life.page_visit":
        return _joined(record.get("title"), record.get("query"), record.get("url"))
    if kind == "life.place_visit":
        return _joined(record.get("name"), record.get("address"), mark=", ")
    if kind == "life.forecast" and not record.get("text"):
        span = f"({_number(record.get('low'))} to {_number(record.get('high'))})"
        return _joined(_spaced(record.get("measure")), record.get("period_name"), _number(record.get("value")), span,
                       record.get("unit"))  # fmt: skip
    return _joined(record.get("title") or record.get("name"), record.get("text"))


def _joined(*parts: Any, mark: str = " ") -> str:
    return mark.join(" ".join(str(part).split()) for part in parts if part not in (None, ""))


def _within(place: Any) -> str:
    return f"({place})" if place else ""


def _with(people: Any, names: Any) -> str:
    if not isinstance(people, list) or not people:
        return ""
    called = names if isinstance(names, dict) else {}
    return f"with {', '.join(str(called.get(each) or each) for each in map(str, people))}"


def _spaced(name: Any) -> str:
    return str(name or "").replace("_", " ")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, (int, float)) else ""
