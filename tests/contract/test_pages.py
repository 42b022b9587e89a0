"""The manual pages that are written by hand: every command they show is run, or is run elsewhere and says the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import mdoc
import transcripts
from roadmap_cli.cli import surface
from roadmap_cli.core.errors import Exit
from roadmap_cli.wf.language import roles
from roadmap_cli.wf.language.templates import EFFECT_RISK

ROOT = Path(__file__).parents[2]
PAGES = transcripts.pages()
#: A line that somebody could type: it begins with one of our commands.
TYPED = re.compile(rf"(?:\$ )?(?:{'|'.join(surface.names())}) ")


def test_no_escape_shows_in_prose():
    """A backslash that is meant to be seen stands in what is typed: in literal displays only."""
    for page in (*PAGES, *sorted(ROOT.glob("man/man1/*.1"))):
        prose = re.sub(r"^\.Bd -literal.*?^\.Ed", "", page.read_text(), flags=re.S | re.M)
        assert "\\e" not in prose, page


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_sessions_of_a_page_print_what_it_shows(page):
    transcripts.hold(page)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_shows_no_command_that_is_not_run(page):
    steps = list(transcripts.read(page))
    run = {number for step in steps for number in range(step.first, step.last)}
    readme = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    shown = [
        mdoc.plain(line.removeprefix(".Dl "))
        for number, line in enumerate(page.read_text().split("\n"))
        if (line[:1] != "." or line.startswith(".Dl ")) and number not in run
    ]
    assert readme
    # The five pipelines that README.md begins with are run by tests/pipelines/test_readme.py.
    assert [line for line in shown if TYPED.match(line) and line not in readme[1]] == []


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_what_a_page_shows_fits_a_terminal_and_what_it_refers_to_is_there(page):
    for step in transcripts.read(page):
        assert [line for line in [*step.shell.split("\n"), *step.output.split("\n")] if len(line) > 76] == []
    ours = {(path.stem, path.suffix[1:]) for path in ROOT.glob("man/man[157]/*")}
    named = set(re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.M))
    families = ("slm-", "agent-", "edl-", "life-", "wf-", "roadmap")
    assert {name for name in named - ours if name[0].startswith(families)} == set()
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "utf8", page], capture_output=True, text=True, check=True)
        flat = re.sub(r".\x08", "", done.stdout)
        assert all(f"$ {step.shell.split(chr(10))[0]}" in flat for step in transcripts.read(page))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_can_be_followed_in_one_shell(page):
    """Each session begins where the person stands: a change of folder outside of parentheses would move the next ones."""
    moved = [step.shell for step in transcripts.read(page) if re.search(r"(?:^|&&|;)\s*cd\b", step.shell, re.M)]
    assert moved == []


def test_every_system_has_a_tutorial_that_shows_many_commands():
    for family in ("slm", "agent", "edl", "life", "wf"):
        path = transcripts.named(f"roadmap-{family}-tutorial")
        shown = " ".join(step.shell for step in transcripts.read(path))
        assert len({name for name in surface.names() if name.startswith(f"{family}-") and f"{name} " in shown}) >= 5


def test_every_exit_code_is_told_once_and_each_page_says_where():
    text = (ROOT / "man/man7/roadmap.7").read_text()
    table = text[text.index(".Sh EXIT STATUS") : text.index(".Sh SEE ALSO")]
    told = {int(code) for code in re.findall(r"^\.It (\d+) Ta", table, re.M)}
    own = {Exit.NOEXEC, Exit.NOTFOUND}  # told by the commands that run a program, as env(1) does
    assert told == set(Exit) - own
    for name in surface.names():
        page = (ROOT / f"man/man1/{name}.1").read_text()
        status = page[page.index(".Sh EXIT STATUS") :]
        status = status[: status.index(".El")]
        codes = {int(code) for code in re.findall(r"^\.It (\d+)$", status, re.M)}
        runs = any(part.spec.runs_program for part in surface.entry(name).parts)
        assert codes == {Exit.OK, Exit.NEGATIVE} | (own if runs else set()), name
        assert ".It >1" in status, name
        assert ".Xr roadmap 7" in status, name


def test_a_page_lists_many_kinds_rather_than_a_sentence_for_each():
    for name in surface.names():
        entry = surface.entry(name)
        page = (ROOT / f"man/man1/{name}.1").read_text()
        for part in entry.parts:
            for kind in {*part.spec.reads, *part.spec.writes} - {"*"}:
                assert kind in page, (name, kind)
        if not entry.actions:
            assert max(len(re.findall(rf"^{verb} \S+ records", page, re.M)) for verb in ("Reads", "Writes")) < 4, name


@cache
def options() -> dict[str, set[str]]:
    """The options of each command, those of its actions included."""
    return {
        each.name: {flag for part in each.parts for option in part.options for flag in option.flags}
        for each in surface.entries()
    }


def unknown_options(text: str) -> list[str]:
    """The options that prose names and no command has: of the command they stand behind, else of none of ours."""
    ours = options()
    found = []
    is_shown = False
    for line in text.split("\n"):
        if line.startswith((".Bd -literal", ".Ed")):
            is_shown = line.startswith(".Bd")
        if line.startswith('.\\"'):
            continue
        command = program = None
        words = re.sub(r"^\.(?:Fl|It Fl) ", "-", mdoc.plain(line)).split()
        if words and re.match(r"\.[A-Z][a-z]$", words[0]) and words[0] != ".Xr":
            program = words[1] if len(words) > 1 and not words[1].startswith("-") else None
        elif words and is_shown:
            program = words[0]
        for word in words:
            name = word.strip(".,:;()|\"'")
            if word == "|":
                program = None
            command = name if name in ours else command
            program = name if name in ours else program
            flag = re.fullmatch(r"(--[a-z][a-z-]+).*", name)
            if flag and (program is None or program in ours):
                known = ours[command] if command else set().union(*ours.values())
                if flag[1] not in known:
                    found.append(f"{command or ''} {flag[1]}".strip())
    return found


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_an_option_that_a_page_names_is_there(page):
    run = {number for step in transcripts.read(page) for number in range(step.first, step.last)}
    prose = [line for number, line in enumerate(page.read_text().split("\n")) if number not in run]
    assert unknown_options("\n".join(prose)) == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        (".Ql wf\\-listen \\-\\-serve", ["wf-listen --serve"]), (".Ql wf\\-listen \\-\\-http ADDRESS", []),
        ("It can be told by --nonsense.", ["--nonsense"]), (".Fl \\-nonsense ,", ["--nonsense"]), (".Fl \\-templates ,", []),
        (".Ql wf\\-run \\-\\-resume | wf\\-plan \\-\\-resume", ["wf-plan --resume"]), (".Dl git log \\-\\-oneline", []),
        (".Ql wf\\-audit verify \\-\\-checkpoints FILE", []),
    ],
)  # fmt: skip
def test_an_option_that_is_not_there_is_found(line, unknown):
    assert unknown_options(line) == unknown


def test_the_table_of_roles_says_what_the_code_says():
    page = (ROOT / "man/man5/roadmap-workflow.5").read_text()
    table = re.search(r"^\.Sh ROLES\n.*?^\.Bd -literal\n(.*?)^\.Ed", page, re.M | re.S)
    assert table
    head, *rows = (mdoc.plain(line).split() for line in table[1].splitlines())
    assert set(head[1:]) == set(EFFECT_RISK)
    told = {row[0]: {effect for effect, word in zip(head[1:], row[1:], strict=True) if word == "yes"} for row in rows}
    assert told == {role: set(effects) for role, effects in roles.EFFECTS.items()}
    for role, effects in told.items():  # the policies that are asked when a step is done say the same
        assert all(f'Action::"{each}"' in _permit(role) for each in effects), role
        assert not any(f'Action::"{each}"' in _permit(role) for each in set(EFFECT_RISK) - effects), role


def _permit(role):
    policies = (ROOT / "src/roadmap_cli/wf/rights/policies.cedar").read_text()
    return re.search(rf'permit\(principal == Agent::"{role}".*?;', policies)[0]
