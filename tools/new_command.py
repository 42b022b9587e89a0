"""Lay down a new command that works: its file, its family's function, schema, transcript and test.

usage: tools/new_command.py FAMILY-VERB KIND-IT-READS KIND-IT-WRITES 'Imperative phrase'
KIND-IT-READS is one that has a schema; KIND-IT-WRITES is new, and gets one.
"""

from __future__ import annotations

import keyword
import sys
from pathlib import Path

from generated import ROOT
from helping import tell_help
from roadmap_cli.core import schemas
from roadmap_cli.core.records import KIND

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
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    name, reads, kind, phrase = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].rstrip(".")
    family, _, verb = name.partition("-")
    verb = verb.replace("-", "_")
    if not (ROOT / "src/roadmap_cli/commands" / family).is_dir() or not verb.isidentifier() or keyword.iskeyword(verb):
        print(f"new_command: {name!r} is not FAMILY-VERB with a family there is", file=sys.stderr)
        return 2
    if not KIND.match(kind) or len(phrase) > 60:
        print("new_command: a kind is family.noun, and the phrase has at most 60 characters", file=sys.stderr)
        return 2
    if reads not in schemas.kinds():
        print(f"new_command: no kind {reads!r}; roadmap-schema list tells those there are", file=sys.stderr)
        return 2
    words = {"NAME": name, "FAMILY": family, "VERB": verb, "READS": reads, "KIND": kind, "PHRASE": phrase}
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
    link = ROOT / "bin" / name
    link.symlink_to("_launch")
    print(link.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
