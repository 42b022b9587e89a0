"""Lay down a new command that works: its file, its family's function, schema, transcript and test.

usage: tools/new_command.py FAMILY-VERB KIND 'Imperative phrase'
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from generated import ROOT

TEMPLATE = ROOT / "tools" / "template"


def places(family: str, verb: str, kind: str) -> dict[str, Path]:
    """Template → where its copy goes."""
    source = ROOT / "src" / "roadmap_cli"
    return {
        "command.py.txt": source / "commands" / family / f"{verb}.py",
        "family.py.txt": source / family / f"{verb}.py",
        "schema.json.txt": source / "schemas" / f"{kind}.json",
        "transcript.md.txt": ROOT / "tests" / "transcripts" / f"{family}-{verb.replace('_', '-')}.md",
        "test.py.txt": ROOT / "tests" / "unit" / family / f"test_{verb}.py",
    }


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    name, kind, phrase = sys.argv[1], sys.argv[2], sys.argv[3].rstrip(".")
    family, _, verb = name.partition("-")
    verb = verb.replace("-", "_")
    if not (ROOT / "src/roadmap_cli/commands" / family).is_dir() or not verb.isidentifier():
        print(f"new_command: {name!r} is not FAMILY-VERB with a family there is", file=sys.stderr)
        return 2
    if not re.fullmatch(r"[a-z]+\.[a-z_]+", kind) or len(phrase) > 60:
        print("new_command: KIND is family.noun, and the phrase has at most 60 characters", file=sys.stderr)
        return 2
    words = {"NAME": name, "FAMILY": family, "VERB": verb, "KIND": kind, "PHRASE": phrase}
    words["PHRASE_LOWER"] = phrase[:1].lower() + phrase[1:]
    targets = places(family, verb, kind)
    if taken := [path for path in targets.values() if path.exists()]:
        print(f"new_command: there already: {', '.join(map(str, taken))}", file=sys.stderr)
        return 1
    for template, path in targets.items():
        text = (TEMPLATE / template).read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
