"""What is known of a customer, and how grave a complaint is: by rules that are said in the answer.

customers.csv: customer, name, plan, contract_value, manager. tickets.csv: ticket, customer, at, subject, status.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta

import folder
from folder import Record

#: Words of a complaint and what they count. Sources: what support teams list as triggers of an escalation.
WORDS = {
    r"\b(lawyer|legal action|sue|court)\b": 4, r"\b(cancel\w*|terminate|leave you|switch(ing)? to)\b": 3,
    r"\b(data (loss|breach)|lost (all )?(my|our) data)\b": 4, r"\b(outage|down|unusable|not work\w*|broken)\b": 2,
    r"\b(third|fourth|fifth|again|still)\b": 1, r"\b(refund|compensation|money back)\b": 2,
    r"\b(unacceptable|furious|angry|disappointed|worst)\b": 2, r"\b(urgent|immediately|asap)\b": 1,
}  # fmt: skip
PERIOD = timedelta(days=90)


def main() -> None:
    """`FOLDER`, the complaint on standard input: the answer is JSON."""
    folder.tell(judged(sys.argv[1], folder.asked()))


def judged(name: str, asked: Record) -> Record:
    """The customer, the tickets of the last 90 days, and a level from 1 (high) to 4."""
    customer: Record = next(
        (each for each in folder.rows(f"{name}/customers.csv") if each["customer"] == asked["customer"]), {}
    )
    now = datetime.fromisoformat(asked["at"].replace("Z", "+00:00"))
    since = (now - PERIOD).isoformat()
    tickets = [
        each for each in folder.rows(f"{name}/tickets.csv")
        if each["customer"] == asked["customer"] and each["at"] >= since[:10]
    ]  # fmt: skip
    reasons: list[str] = []
    points = 0
    for pattern, weight in WORDS.items():
        if found := re.search(pattern, asked["text"][:20_000], re.IGNORECASE):
            points += weight
            reasons.append(f"says {found[0]!r}")
    still_open = [each for each in tickets if each["status"] != "solved"]
    if len(still_open) > 1:
        points += 2
        reasons.append(f"{len(still_open)} tickets are open")
    if customer.get("plan") == "enterprise":
        points += 2
        reasons.append("has an enterprise contract")
    if not customer:
        reasons.append("is not among the customers")
    level = 1 if points >= 8 else 2 if points >= 5 else 3 if points >= 3 else 4
    return {
        "level": level, "points": points, "reasons": reasons, "customer": customer, "tickets": tickets,
        "open_count": len(still_open), "is_known": bool(customer), "manager": customer.get("manager", ""),
    }  # fmt: skip


if __name__ == "__main__":
    main()
