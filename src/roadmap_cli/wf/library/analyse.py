"""Find the likely cause of an incident: the failing message that came first among those that grew towards the alert.

The reasoning is a rule, said in the answer: effects follow causes, so of all messages with errors the earliest one
that did not die down is the best candidate; its certainty is its share of the errors in the last third of the window.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Read the question from standard input, write the answer to standard output."""
    facts = json.load(sys.stdin)
    alive = [each for each in facts["messages"] if each["late"] > 0]
    errors = [each for each in alive if each["level"] in ("ERROR", "FATAL")] or alive
    if not errors:
        nothing = {"cause": "", "why": "the log holds no errors around the time of the alert", "certainty_ratio": 0}
        json.dump(nothing, sys.stdout)
        return
    cause = min(errors, key=lambda each: (each["first_at"], -each["count"]))
    late = sum(each["late"] for each in errors)
    followed = [each["message"] for each in errors if each is not cause]
    answer = {
        "cause": cause["message"],
        "why": f"first seen at {cause['first_at']}, {cause['count']} times, before {len(followed)} other errors",
        "certainty_ratio": round(cause["late"] / late, 2),
        "evidence": cause["lines"],
        "followed_by": followed,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
