"""Say yes if one of the words on standard input (a JSON list) is among the arguments, else no."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Read the words, write the answer."""
    words = json.load(sys.stdin)
    sys.stdout.write("yes" if any(each in sys.argv[1:] for each in words) else "no")


if __name__ == "__main__":
    main()
