"""What life-decide and life-watch told, in a line for a person."""

from __future__ import annotations

import json
import subprocess
import sys

import folder
from folder import Record


def main() -> None:
    """`weigh`, or `still PATTERN`; the question on standard input, the answer as JSON."""
    asked = folder.asked()
    folder.tell(weighed(asked["warning"]) if sys.argv[1] == "weigh" else still(asked["warnings"], sys.argv[2]))


def weighed(warning: object) -> Record:
    """What life-decide says of the choice a warning implies, in a line; what cannot be computed is said."""
    try:
        done = subprocess.run(["life-decide"], input=json.dumps(warning), capture_output=True, text=True, check=False)
        told = [json.loads(line) for line in done.stdout.splitlines()]
    except FileNotFoundError:  # where rights are given, the program is shown its folder alone
        told = []
    found = [each for each in told if each.get("kind") == "life.comparison"]
    if not found:
        return {"line": "What to do about it could not be computed.", "options": []}
    names = [str(each.get("name", "")) for each in found[0].get("options", ())]
    return {"line": f"Options: {', '.join(names)}. {found[0].get('text', '')}", "options": names}


def still(told: object, pattern: str) -> Record:
    """Whether one of the warnings is of this pattern, and what it says; where nobody could look, that is said."""
    if not isinstance(told, list):  # life-watch was not shown the state, as where rights are given
        return {"is_open": True, "text": "it could not be looked at again here; 'life-watch --open' tells you"}
    found = [each for each in told if each.get("kind") == "life.warning" and each.get("pattern") == pattern]
    return {"is_open": bool(found), "text": f"it still holds: {found[-1].get('text', '')}" if found else ""}


if __name__ == "__main__":
    main()
