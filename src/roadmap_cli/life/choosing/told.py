"""A comparison in plain words, and what a language model may word of it.

Every number in a text is one of the record's; `retrieval.fidelity` finds those that are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from roadmap_cli.core.records import Record
from roadmap_cli.life.choosing.facts import Option


def option(row: Record) -> str:
    """One option in a sentence."""
    parts = []
    for each in row["money"]:
        unit = each["currency"]
        parts.append(f"{each['present_value']} {unit} today's worth, {each['month']} {unit} a month")
    if row.get("hours_week"):
        parts.append(f"{row['hours_week']:g} h a week")
    if "meeting_hours_week" in row:
        parts.append(f"{row['meeting_hours_week']:g} h of meetings a week are left")
    if row.get("collisions"):
        parts.append(f"collides with {row['collisions']} booked events")
    if row.get("sleep_lost_h"):
        parts.append(f"{row['sleep_lost_h']:g} h less sleep a night")
    for each in row.get("conflicts", []):
        parts.append(f"against your rule {each['rule']!r}")
    return f"{row['name']}: {', '.join(parts) or 'nothing changes that can be counted'}"


def risks(row: Record, known: Mapping[str, bool]) -> Iterator[str]:
    """What could go wrong, as far as the numbers show it."""
    for each in row["money"]:
        unit, lowest, end = each["currency"], each["lowest"], each["end"]
        if known.get(unit) and Decimal(lowest["amount"]) < 0:
            yield f"the account would be overdrawn: {lowest['amount']} {unit} in {lowest['month']}"
        elif known.get(unit) and Decimal(end["low"]) < 0:
            yield f"in one of ten cases less than {end['low']} {unit} are there in {end['month']}"
        if "present_value_low" in each and Decimal(each["present_value_low"]) < 0 < Decimal(each["present_value_high"]):
            low, high = each["present_value_low"], each["present_value_high"]
            yield f"with what is uncertain it is worth between {low} and {high} {unit}"
    if row.get("sleep_lost_h"):
        yield f"it cuts {row['sleep_lost_h']:g} h from the usual night"


def reversibility(option: Option, bound: Sequence[tuple[Decimal, str]]) -> Record:
    """What it costs to go back, as far as it is stated or follows from payments of a fixed length (`bound`)."""
    if option.is_present:
        return {"is_known": True, "text": "nothing changes, so nothing is to be undone"}
    parts = []
    if option.undo_cost is not None:
        parts.append(f"{option.undo_cost:f} {option.undo_currency}".strip())
    if option.undo_months is not None:
        parts.append(f"{option.undo_months:g} months")
    if not parts and bound:
        sums = " and ".join(f"{total} {unit}" for total, unit in bound)
        return {"is_known": True, "text": f"at most {sums} until its end, if it cannot be left before"}
    if not parts:
        return {"is_known": False, "text": "what going back would cost is not stated (undo_cost, undo_months)"}
    return {"is_known": True, "text": f"going back costs {' and '.join(parts)}"}


def answer(record: Record) -> str:
    """The answer in a phrase."""
    if record["decides"]:
        return f"recommended: {record['recommendation']}"
    return "the data does not decide"


def comparison(record: Record) -> str:
    """The whole reason in sentences."""
    one, other = record["compared"]
    sentences = []
    if record["decides"]:
        how = f"better in {_and(record['better'])}"
        if record["worse"] or record["open"]:
            order = f" ({' > '.join(record['order'])})" if record.get("order") else ""
            how += f", and your order puts that above {_and([*record['worse'], *record['open']])}{order}"
        sentences.append(f"{record['recommendation']!r} against {other!r}: {how}")
    else:
        sentences.append(f"The data does not decide between {one!r} and {other!r}")
        if record["better"]:
            sentences.append(f"{one!r} is better in {_and(record['better'])}")
        if record["worse"]:
            sentences.append(f"{other!r} is better in {_and(record['worse'])}")
        if record["better"] and record["worse"]:
            sentences.append("no rule of yours says which matters more; life-values add 'A > B' would")
        if not record["better"] and not record["worse"] and not record["open"]:
            sentences.append("they are equal in everything that can be counted")
    for each in record["differences"]:
        unit = each["currency"]
        if Decimal(each["difference"]):
            sentences.append(
                f"the difference is {each['difference']} {unit} in today's money over {record['months']} months,"
                f" as much as {each['a_month']} {unit} a month"
                + (f" or {each['at_end']} {unit} at the end" if record["open"] else "")
            )
    if record["open"]:
        missing = [what for row in record["options"] for what in row.get("unknown", []) if row["name"] in (one, other)]
        sentences.append(f"not known: {'; '.join(missing)}")
    telling = next((row for row in record["sensitivity"] if row["changes_the_answer"]), None)
    if telling:
        sentences.append(
            f"it would turn if {telling['what']} of {telling['option']!r} were {telling['switching']} instead of "
            f"{telling['amount']} {telling['currency']} a {telling['every']}".replace(" a once", "")
        )
    return ". ".join(each[:1].upper() + each[1:] for each in sentences) + "."


def evidence(record: Record) -> str:
    """The facts a language model may word: the plain text and each option in a sentence."""
    return "\n".join([record["text"], *(option(row) for row in record["options"])])


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"
