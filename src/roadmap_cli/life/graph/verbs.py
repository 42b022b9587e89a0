"""What relations are called, and how each is said."""

from __future__ import annotations

#: What relations are called, and what each says of its two sides.
RELATIONS = {
    "knows": "{a} and {b} know each other",
    "family_of": "{a} is family of {b}",
    "works_at": "{a} works at {b}",
    "colleague_of": "{a} and {b} work at the same place",
    "member_of": "{a} is a member of {b}",
    "attends": "{a} attends {b}",
    "part_of": "{a} is part of {b}",
    "lives_at": "{a} lives at {b}",
    "visits": "{a} visits {b}",
    "located_in": "{b} is where {a} is",
    "owns": "{a} owns {b}",
    "banks_at": "{a} banks at {b}",
    "pays": "{a} pays {b}",
    "introduced": "{a} introduced {b}",
}
BOTH_WAYS = frozenset(("knows", "colleague_of"))


def sentence(relation: str, a: str, b: str) -> str:
    """A relation in words."""
    return RELATIONS.get(relation, "{a} " + relation.replace("_", " ") + " {b}").format(a=a, b=b)
