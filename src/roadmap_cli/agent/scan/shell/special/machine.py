"""Programs about the machine: services, the environment, other users, what runs later."""

from __future__ import annotations

import re
from dataclasses import replace

from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.operands import after_options, text_of
from roadmap_cli.agent.scan.values import Text


def services(call: Call) -> None:
    """What only looks at services, what lets them run from now on, what stops or starts them."""
    texts = [text_of(v) for v in call.words[1:]]
    if set(texts) & programs.HARMLESS_WORDS.get(call.name, set()):
        call.judge.plain("inspect", call.whole)
    elif set(texts) & {"enable", "load", "bootstrap"}:
        call.judge.plain("persist", call.whole)
    else:
        call.judge.plain("kill", call.whole)


def surroundings(call: Call) -> None:
    """env, printenv, set, export: all variables, one of them, or a program with others."""
    if call.name == "env":
        rest = list(call.words[1:])
        while rest and re.match(r"-|[A-Za-z_][A-Za-z0-9_]*=", text_of(rest[0])):
            flag = text_of(rest.pop(0))
            if flag in ("-u", "-C", "--unset", "--chdir") and rest:
                rest.pop(0)
        if rest:
            call.again(rest)
            return
    if call.name == "printenv" and call.operands.words:
        call.judge.variables("variable", call.operands.words, call.spot)
        return
    shown_by = call.name in ("export", "declare") and text_of(call.words[-1]) in ("-p", "-x")
    if call.name in ("env", "printenv") or (len(call.words) == 1 and call.name != "set") or shown_by:
        call.judge.plain("environment", call.whole)
    elif len(call.words) == 1:
        call.judge.plain("environment", replace(call.spot, name=call.name))


def privileged(call: Call) -> None:
    """Somebody else becomes: that, and what is done as that user."""
    call.judge.plain("privilege", call.whole)
    rest = after_options(call.words[1:], programs.VALUED.get(call.name, ""), assigned=True)
    if call.name == "su":
        for value in call.operands.values.get("c", ()):
            if isinstance(value, Text) and value.whole:
                call.reader.line(value, call.spot)
    elif rest:
        call.again(rest)


def sysctl(call: Call) -> None:
    """The settings of the kernel, looked at or changed."""
    writes = "-w" in call.operands.options or any("=" in text_of(v) for v in call.words[1:])
    call.judge.plain("control" if writes else "inspect", call.whole)


def timetable(call: Call) -> None:
    """What is run later, looked at or added to."""
    looks = call.name == "crontab" and call.operands.options == ["-l"] and not call.operands.words
    call.judge.plain("inspect" if looks else "persist", call.whole)


def history(call: Call) -> None:
    """What was typed before."""
    call.judge.plain("inspect", call.whole)
