"""Program text: no value, from wherever, becomes part of what a shell, an interpreter or a database runs.

The rule kept here: a value is an argument of its own, a variable or standard input of a program that is named in the
template. What a program would run as text (``sh -c TEXT``, ``awk TEXT``, ``ssh HOST TEXT``, the standard input of
``sh``) holds none, and neither do variables that decide what a program loads or runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.lint.structure import fault
from roadmap_cli.wf.language.templates import Deed, Finding, Template
from roadmap_cli.wf.language.yamlfile import Way

#: The first words of placeholders.
HEADS = ("inputs", "steps", "event", "template", "run")
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "ash")
_INTERPRETERS = ("python", "python3", "perl", "ruby", "node", "php", "lua", "tclsh", "Rscript", "osascript")
#: Programs that run the text after one of these options.
_AFTER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*_SHELLS, "python", "python3", "su", "script", "flock", "vim", "ex", "git"), ("-c",)),
    **dict.fromkeys(("perl", "ruby", "mysql", "mariadb", "lua", "sed", "Rscript", "osascript"), ("-e", "-E")),
    "node": ("-e", "--eval", "-p", "--print"), "php": ("-r",), "psql": ("-c", "--command"), "env": ("-S",),
}  # fmt: skip
#: Programs whose argument at this place, options not counted, is text they run; and whether all after it are, too.
_PLACES: Mapping[str, tuple[int, bool]] = {
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk", "sed"), (0, False)), "ssh": (1, True), "sqlite3": (1, True),
    "eval": (0, True), "watch": (0, True), "expr": (0, True), "bc": (0, True), "at": (0, True),
}  # fmt: skip
#: Variables by which a program is told what to load or run.
_VARIABLES = re.compile(
    r"(NODE_OPTIONS|NODE_PATH|PERL5.*|RUBY(OPT|LIB)|.*JAVA.*OPTIONS|GIT_.*|EDITOR|VISUAL|PAGER|BROWSER|LESSOPEN|LESSCLOSE"
    r"|PYTHON.*|SHELLOPTS|BASHOPTS|BASH_.*|PS[0-4]|PROMPT_COMMAND|CDPATH|GLOBIGNORE|TAR_OPTIONS|RSYNC_RSH|SSH_.*|MAKE.*"
    r"|.*_COMMAND|.*_ASKPASS|GCONV_PATH|TERMINFO.*|SHELL)\Z"
)


def findings(template: Template, deed: Deed, way: Way, extra: set[str], who: str) -> Iterator[Finding]:
    """Values in text that is run, in the name of what is run, and in variables that decide it."""
    if any(name.partition(".")[0] in (*HEADS, *extra) for name in placeholders.names(deed.shell)):
        message = f"{who} puts a value into shell text; pass it by 'environment' and write \"$NAME\""
        yield fault(template, (*way, "shell"), "shell_injection", message)
    program = deed.command[0] if deed.command else ""
    if any(name != "template.directory" for name in placeholders.names(program)):
        yield fault(template, (*way, "command"), "command_injection", f"{who} takes its program from a value")
    for text in evaluated(deed):
        if any(name.partition(".")[0] != "template" for name in placeholders.names(text)):
            message = f"{who} puts a value into text that {program!r} runs; pass it as an argument of its own"
            part = "input" if text == deed.stdin else "command"
            yield fault(template, (*way, part), "shell_injection", message)
            break
    for name, value in (deed.environment or {}).items():
        if _VARIABLES.match(name) and any(each.partition(".")[0] != "template" for each in placeholders.names(value)):
            message = f"{who} puts a value into {name}, which decides what a program loads or runs"
            yield fault(template, (*way, "environment", name), "environment_injection", message)


def evaluated(deed: Deed) -> Iterator[str]:
    """The arguments of a command, and its standard input, that are text which some program runs."""
    names = [each.rpartition("/")[2] for each in deed.command]
    for at, name in enumerate(names):
        if at and names[0] not in ("env", "sudo", "nice", "timeout", "nohup", "setsid", "xargs", "time", "doas"):
            break
        rest = deed.command[at + 1 :]
        for number, each in enumerate(rest[:-1]):
            if each in _AFTER.get(name, ()) or (name in _SHELLS and re.fullmatch(r"-[a-z]*c", each)):
                yield rest[number + 1]
        if name in _PLACES:
            place, is_open = _PLACES[name]
            plain = [each for each in rest if not each.startswith("-")]
            yield from plain[place:] if is_open else plain[place : place + 1]
        if name in (*_SHELLS, *_INTERPRETERS) and isinstance(deed.stdin, str) and _reads_program(rest):
            yield deed.stdin


def _reads_program(rest: Sequence[str]) -> bool:
    """Whether a shell or an interpreter takes its program from standard input: no file is named, or ``-``."""
    plain = [each for each in rest if not each.startswith("-") or each == "-"]
    return not plain or plain[0] == "-" or "-s" in rest
