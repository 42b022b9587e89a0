"""What the completion files offer when Tab is pressed, asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from roadmap_cli.cli import surface
from roadmap_cli.cli.surface import Entry

ROOT = Path(__file__).parents[2]
ENTRIES = list(surface.entries())
PARTS = [part for entry in ENTRIES for part in entry.parts]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def long_options(part: Entry) -> set[str]:
    return {flag for option in part.options for flag in option.flags if flag.startswith("--")}


def asked(program: list[str], script: str) -> dict[str, set[str]]:
    """Answers of a shell: after each line ``== QUESTION`` one offered word a line."""
    done = subprocess.run([*program, script], capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    answers: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("== "):
            answers[line[3:]] = now = set()
        else:
            now.add(line.partition("\t")[0])
    return answers


def questions() -> dict[str, set[str]]:
    """What is typed, and what must be offered at least."""
    wanted = {f"{part.name} --": long_options(part) for part in PARTS}
    for entry in ENTRIES:
        if len(entry.parts) > 1:
            wanted[f"{entry.name} "] = {part.name.rpartition(" ")[2] for part in entry.parts}
    return wanted


def check(answers: dict[str, set[str]]) -> None:
    missing = {typed: words - answers[typed] for typed, words in questions().items() if words - answers[typed]}
    assert not missing


@needs("bash")
def test_bash_offers_every_option_and_action():
    lines = ["compopt() { :; }"]  # outside a completion bash refuses it
    for typed in questions():
        name = typed.split()[0]
        words = " ".join(f"'{word}'" for word in typed.split(" "))
        lines += [
            f"source completions/bash/{name}; COMP_WORDS=({words}); COMP_CWORD={typed.count(' ')}; COMPREPLY=()",
            f"_{name.replace('-', '_')}",
            f'echo "== {typed}"; printf "%s\\n" "${{COMPREPLY[@]}}"',
        ]
    check(asked(["bash", "--norc", "-c"], "\n".join(lines)))


@needs("bash")
def test_bash_offers_the_values_of_an_option_and_files():
    typed = 'COMP_WORDS=(edl-check {}); COMP_CWORD={}; COMPREPLY=(); _edl_check; echo "== {}"; printf "%s\\n" "${{COMPREPLY[@]}}"'
    script = "\n".join(
        [
            "compopt() { :; }",
            "source completions/bash/edl-check",
            typed.format("--on-error ''", 2, "values"),
            typed.format("--color a", 2, "begun"),
            typed.format("--output READ", 2, "files"),
        ]
    )
    answers = asked(["bash", "--norc", "-c"], script)
    assert answers == {"values": {"stop", "skip", "emit"}, "begun": {"auto", "always"}, "files": {"README.md"}}


@needs("fish")
def test_fish_offers_every_option_and_action():
    lines = [f"source completions/fish/{entry.name}.fish" for entry in ENTRIES]
    lines.insert(0, f"set -x PATH {ROOT}/bin $PATH")
    for typed in questions():
        lines.append(f"echo '== {typed}'; complete -C '{typed}'")
    check(asked(["fish", "--no-config", "-c"], "\n".join(lines)))


@needs("zsh")
def test_zsh_offers_every_option_and_action():
    """Its own _arguments and _describe answer only at a terminal: stand-ins print what they were given to offer."""
    lines = [
        r"_arguments() { local each; for each in $@; do [[ $each == (#b)*(--[a-z-]##)\[* ]] && print -r -- $match[1]; done; : }",
        r"_describe() { local -a all; all=(${(P)2}); print -rl -- ${all%%:*}; }",
        "setopt extended_glob",
        "ask() { local -a words; words=(${(s: :)2}); local CURRENT=$3; source completions/zsh/_$1 }",
    ]
    for typed in questions():
        name = typed.split()[0]
        lines.append(f"print -r -- '== {typed}'; ask {name} '{typed}' {typed.count(' ') + 1}")
    check(asked(["zsh", "-f", "-c"], "\n".join(lines)))
