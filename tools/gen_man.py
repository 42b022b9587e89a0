"""One mdoc(7) page a command, from what it declares; examples show what the transcripts show.

The date is that of the newest release in CHANGELOG.md, never today's: making a page twice changes nothing.
"""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Iterator, Sequence

import transcripts
from generated import ROOT, settle
from helping import tell_help
from mdoc import escape, literal
from roadmap_cli.cli import surface
from roadmap_cli.cli.help import folded
from roadmap_cli.cli.surface import Entry, Option
from roadmap_cli.core import schemas
from roadmap_cli.core.errors import MEANING, Exit

ENVIRONMENT = {
    "ROADMAP_STATE": "The state file, if --state does not name one.",
    "ROADMAP_IDENTITY": "The age identity file, if --identity does not name one.",
    "ROADMAP_NOW": "The time the command believes it is, for tests.",
    "NO_COLOR": "If set, no colour is used.",
    "COLUMNS": "The width to write in.",
}
_OUTPUT_LINES = 8
#: From so many kinds on a page lists them instead of a sentence for each.
_LISTED = 4


def release_date() -> str:
    """The date of the newest release as mdoc wants it; before the first release, that of the first entry."""
    found = re.search(r"^## .*(\d{4}-\d{2}-\d{2})", (ROOT / "CHANGELOG.md").read_text(), re.M)
    date = datetime.date.fromisoformat(found[1]) if found else datetime.date(2026, 11, 23)
    return f"{date:%B} {date.day}, {date.year}"


def sentences(text: str) -> str:
    """Each sentence on a line of its own, as mdoc wants it."""
    flat = " ".join(text.split())
    return escape("\n".join(re.split(r"(?<=[.!?])\s+(?=[A-Z'\"(])", flat)))


def prose(text: str) -> Iterator[str]:
    """Paragraphs as mdoc; indented blocks as they stand."""
    for number, block in enumerate(part for part in re.split(r"\n\s*\n", text) if part.strip()):
        if number:
            yield ".Pp"
        if all(line.startswith("    ") for line in block.splitlines() if line.strip()):
            yield from (
                ".Bd -literal -offset indent",
                literal("\n".join(line[4:] for line in block.splitlines())),
                ".Ed",
            )
        else:
            yield sentences(block)


def flag(option: Option) -> str:
    """An option as the tag of a list item."""
    flags = " , ".join(f"Fl {name[1:].replace('-', chr(92) + '-')}" for name in option.flags)
    return f".It {flags}" + (f" Ar {argument(option)}" if option.metavar else "")


def argument(option: Option) -> str:
    """What an option takes."""
    if option.choices:
        return literal("|".join(option.choices))
    return escape(re.sub(r"[\[\]]|\.\.\.$", "", option.metavar))


def synopsis(entry: Entry) -> Iterator[str]:
    """The ways to call a command."""
    for part in entry.parts:
        yield f".Nm {entry.name.partition(' ')[0]}" + (f" Cm {part.action}" if part.action else "")
        yield ".Op Ar option ..."
        for option in part.options:
            if not option.operand:
                continue
            dots = " ..." if option.repeats else ""
            yield f".Ar {argument(option)}{dots}" if option.required else f".Op Ar {argument(option)}{dots}"


def options(part: Entry, skip: frozenset[str] = frozenset()) -> Iterator[str]:
    """The tagged list of options."""
    shown = [option for option in part.options if not option.operand and option.flags[-1] not in skip]
    if not shown:
        return
    yield ".Bl -tag -width Ds"
    for option in shown:
        yield flag(option)
        text = option.help
        if option.default:
            where = {".": "the current folder"}
            text += f" The default is {where.get(option.default, option.default)}."
        yield sentences(text)
        if option.environment:
            yield f".Pq Ev {option.environment}"
    yield ".El"


def records(part: Entry) -> Iterator[str]:
    """What it reads and writes."""
    reads, writes = part.spec.reads, part.spec.writes
    yield from (
        f"{verb} records of every kind." for verb, kinds in (("Reads", reads), ("Writes", writes)) if "*" in kinds
    )
    both = [kind for kind in reads if kind in writes and kind != "*"]
    groups = [("Reads and writes", both)] + [
        (verb, [kind for kind in kinds if kind != "*" and kind not in both])
        for verb, kinds in (("Reads", reads), ("Writes", writes))
    ]
    for verb, named in groups:
        yield from _listed(verb, named) if len(named) >= _LISTED else _told(verb, named)
    if part.spec.reads:
        streaming = (
            "writes the records of one line before it reads the next" if part.spec.streams else "reads all input first"
        )
        if "*" not in part.spec.reads:
            yield "Records of other kinds pass through unchanged."
        yield f"It {streaming}."


def _told(verb: str, kinds: Sequence[str]) -> Iterator[str]:
    """A sentence for each kind."""
    for kind in kinds:
        fields = f" with the fields {found}" if (found := _fields(kind)) else ""
        yield escape(f"{verb} {kind} records{fields}.")


def _listed(verb: str, kinds: Sequence[str]) -> Iterator[str]:
    """Many kinds as a list, those with the same fields together."""
    yield f"{verb} records of these kinds, which have these fields:"
    yield ".Bl -tag -width Ds -compact"
    by_fields: dict[str, list[str]] = {}
    for kind in kinds:
        by_fields.setdefault(_fields(kind), []).append(kind)
    for fields, alike in by_fields.items():
        yield f".It {' , '.join(map(escape, alike))}"
        yield escape(fields or "those of every record")
    yield ".El"


def _fields(kind: str) -> str:
    """The fields that a kind always has, beyond those of every record."""
    return ", ".join(name for name in schemas.load(kind).get("required", []) if name not in ("kind", "id", "at"))


def common(entry: Entry) -> frozenset[str]:
    """The options that all actions of a command share word for word: told once."""
    if not entry.actions:
        return frozenset()
    sets = [
        {(option.flags[-1], option.help) for option in part.options if not option.operand} for part in entry.actions
    ]
    return frozenset(name for name, _ in set.intersection(*sets))


def description(entry: Entry) -> Iterator[str]:
    """What it does, its options, its records."""
    yield from prose(entry.spec.text or entry.spec.phrase)
    if not entry.actions:
        yield ".Pp"
        yield "The options are:"
        yield from options(entry)
        yield from _records_section(entry)
        return
    shared = common(entry)
    yield ".Pp"
    if entry.default:
        yield "Without an action it is"
        yield f".Cm {entry.default} ."
    yield "The actions are:"
    yield ".Bl -tag -width Ds"
    for part in entry.actions:
        yield f".It Cm {part.action}"
        yield sentences(part.spec.phrase)
        if part.spec.text:
            yield from prose(part.spec.text)
        told = list(records(part))
        if told:
            yield ".Pp"
            yield from told
        yield from options(part, shared)
    yield ".El"
    yield ".Pp"
    yield "All actions take these options:"
    first = entry.actions[0]
    yield from options(first, frozenset(option.flags[-1] for option in first.options if option.flags) - shared)


def _records_section(entry: Entry) -> Iterator[str]:
    told = list(records(entry))
    if told:
        yield ".Ss Records"
        yield from told


def page(name: str) -> str:
    """The whole page."""
    entry = surface.entry(name)
    parts = entry.parts
    lines = [
        '.\\" SPDX-License-Identifier: Apache-2.0',
        f'.\\" Generated by tools/gen_man.py from {surface.module_of(name)}',
        f".Dd {release_date()}",
        f".Dt {name.upper()} 1",
        ".Os roadmap-cli",
        ".Sh NAME",
        f".Nm {name}",
        f".Nd {escape(_lower(entry.spec.phrase.rstrip('.')))}",
        ".Sh SYNOPSIS",
        *synopsis(entry),
        ".Sh DESCRIPTION",
        *description(entry),
    ]
    uses_state = any(part.spec.state != "no" for part in parts)
    variables = {option.environment for part in parts for option in part.options if option.environment}
    shown = {
        name: text
        for name, text in ENVIRONMENT.items()
        if uses_state or not name.startswith("ROADMAP_") or name == "ROADMAP_NOW"
    }
    shown |= {name: "The value of the option of the same name." for name in sorted(variables) if name not in shown}
    lines += [".Sh ENVIRONMENT", ".Bl -tag -width Ds"]
    for variable, text in shown.items():
        lines += [f".It Ev {variable}", sentences(text)]
    lines.append(".El")
    if uses_state:
        lines += [
            ".Sh FILES",
            ".Bl -tag -width Ds",
            ".It Pa $XDG_STATE_HOME/roadmap/state.db",
            "The shared state file, encrypted; see",
            ".Xr roadmap-state 5 .",
            ".It Pa $XDG_CONFIG_HOME/roadmap/identity.txt",
            "The age identity that unlocks it.",
            ".El",
        ]
    lines += [".Sh EXIT STATUS", ".Bl -tag -width Ds"]
    codes = [Exit.OK, Exit.NEGATIVE]
    if any(part.spec.runs_program for part in parts):
        codes += [Exit.NOEXEC, Exit.NOTFOUND]
    for code in codes:
        lines += [f".It {int(code)}", escape(MEANING[code][0])]
    # What goes wrong, and what a script should do then, is the same for every command: told once.
    lines += [
        ".It >1",
        "Something failed; the codes of all commands, and what to do then, are in",
        ".Xr roadmap 7 .",
        ".El",
    ]
    lines += _examples(entry)
    see = sorted({*entry.spec.see, *(other for part in parts for other in part.spec.see)} - {name})
    references = [f".Xr {other} 1" for other in see] + [".Xr roadmap-records 5", ".Xr roadmap 7"]
    lines += [".Sh SEE ALSO", *(f"{reference} ," for reference in references[:-1]), references[-1]]
    return "\n".join(lines) + "\n"


def _examples(entry: Entry) -> list[str]:
    examples = dict(entry.spec.examples)
    for part in entry.actions:
        examples |= part.spec.examples
    if not examples:
        return []
    path = ROOT / "tests" / "transcripts" / f"{entry.name}.md"
    outputs = {step.shell: step.output for step in transcripts.read(path)} if path.is_file() else {}
    lines = [".Sh EXAMPLES"]
    for number, (phrase, shell) in enumerate(examples.items()):
        output = outputs.get(shell, "").rstrip("\n").split("\n")
        cut = [line if len(line) <= 76 else line[:73] + "..." for line in output[:_OUTPUT_LINES]]
        cut += ["..."] if len(output) > _OUTPUT_LINES else []
        shown = "\n".join(line for line in cut if line)
        lines += [".Pp"] if number else []
        lines += [
            escape(phrase.rstrip(".:")) + ":",
            ".Bd -literal -offset indent",
            literal("$ " + "\n".join(folded(shell, 66))),
        ]
        lines += [literal(shown)] if shown else []
        lines.append(".Ed")
    return lines


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def main() -> int:
    folder = ROOT / "man" / "man1"
    return settle({folder / f"{name}.1": page(name) for name in surface.names()}, [folder])


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
