"""Programs that run others: shells, interpreters, wrappers, scripts that are read in, names made to mean something."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.operands import after_options, sequence, text_of
from roadmap_cli.agent.scan.shell.special.network import packages
from roadmap_cli.agent.scan.values import Text, Unknown, Value


def source(call: Call) -> None:
    """A script that is read into this one."""
    _file(call, call.words[1] if len(call.words) > 1 else Unknown())


def _file(call: Call, target: Value) -> None:
    """A script is run: the project's own is told, another one cannot be seen."""
    text = text_of(target)
    if text and isinstance(target, Text) and target.whole and call.judge.ground.scope(text) == "project":
        call.runs_own(text)
    else:
        call.judge.add("unknown", "medium", f"runs a script that cannot be seen: {text or 'its name is not known'}",
                       call.spot, asks=True, target=text or None, access="foreign_code")  # fmt: skip


def shell(call: Call) -> None:
    """A shell in a shell: its -c text, its script, or what is piped into it. eval is the same of its words."""
    rest = call.words[1:]
    if call.name == "busybox":
        if rest:
            call.again(rest)
        return
    if call.name == "eval":
        _line(call, sequence(rest))
        return
    for number, value in enumerate(rest):
        if re.fullmatch(r"-[a-z]*c[a-z]*", text_of(value)):
            _line(call, rest[number + 1] if number + 1 < len(rest) else Unknown())
            return
    files = [v for v in rest if not text_of(v).startswith("-")]
    if files and text_of(files[0]) != "/dev/fd/63":
        _file(call, files[0])
        return
    if call.command is not None and (
        call.command.piped or any(r.operator.startswith("<") for r in call.command.redirects)
    ):
        known = call.piped()
        if known:
            for text in known:
                _line(call, Text(text))
            return
        what = "runs what is piped into it" if call.command.piped else "runs what it reads"
        call.judge.add("unknown", "high", f"{call.name} {what}", call.spot, asks=True, access="foreign_code")
    elif files:
        call.judge.add("unknown", "high", f"{call.name} runs what another program gives", call.spot, asks=True,
                       access="foreign_code")  # fmt: skip
    elif call.command is None:
        call.judge.program(call.name, call.spot)


def _line(call: Call, value: Value) -> None:
    """A text is run by a shell: what is known of it is judged, and that there is more."""
    if isinstance(value, Text) and value.whole:
        call.reader.line(value, call.spot)
        return
    if isinstance(value, Text) and value.text.strip():
        call.reader.line(value, call.spot)
        words = value.text.split()
        if programs.uses(words[0]) == (("none", "-"),) and not re.search(r"[;&|`]|\$\(", value.text):
            call.judge.add("unknown", "medium", f"{call.spot.name} runs a text of which only the beginning is known",
                           call.spot, asks=True, confidence="medium", access="shell")  # fmt: skip
            return
    call.judge.add("unknown", "high", f"{call.spot.name} runs a text that is made when it runs", call.spot, asks=True,
                   access="shell")  # fmt: skip


def interpreter(call: Call) -> None:
    """python, perl, node …: code on the command line, a script, a module."""
    flag = programs.INTERPRETERS[call.name]
    rest = call.words[1:]
    texts = [text_of(v) for v in rest]
    if call.name.startswith(("python", "pypy")) and "-m" in texts:
        at = texts.index("-m") + 1
        module = texts[at] if at < len(texts) else ""
        if module == "pip":
            packages(replace(call, name="pip", words=[Text("pip"), *rest[at + 1 :]]))
        elif module in ("http.server", "SimpleHTTPServer", "smtpd", "pyftpdlib"):
            call.judge.hosts("listen", [Text("0.0.0.0")], call.whole)
        elif module in ("ensurepip", "webbrowser"):
            call.judge.hosts("connect", [Unknown()], call.whole)
        else:
            call.builds()
        return
    for number, text in enumerate(texts):
        if flag and (text == flag or (flag == "-e" and text in ("-E", "-ne", "-pe", "--eval", "-p"))):
            value = rest[number + 1] if number + 1 < len(rest) else Unknown()
            if call.name.startswith(("python", "pypy", "ipython")) and isinstance(value, Text) and value.whole:
                call.reader.python(value, call.spot)
            else:
                call.judge.add("unknown", "high", f"{call.name} runs code that is not looked into", call.spot,
                               asks=True, access="code")  # fmt: skip
            return
    files = [v for v in rest if not text_of(v).startswith("-")]
    if files:
        _file(call, files[0])
    elif call.command is not None and (call.command.piped or call.command.redirects):
        known = call.piped()
        if known and call.name.startswith(("python", "pypy")):
            for text in known:
                call.reader.python(Text(text), call.spot)
        else:
            call.judge.add("unknown", "high", f"{call.name} runs what is piped into it", call.spot, asks=True,
                           access="foreign_code")  # fmt: skip
    elif not texts or texts[0] not in ("--version", "-V", "-v", "--help"):
        call.judge.program(call.name, call.spot)


def wrapper(call: Call) -> None:
    """A program that runs the rest of its words."""
    rest = after_options(call.words[1:], programs.VALUED.get(call.name, ""))
    if call.name in ("timeout", "flock") and rest:
        rest.pop(0)
    if call.name == "watch" and len(rest) == 1 and isinstance(rest[0], Text):
        _line(call, rest[0])
        return
    if call.name == "command" and any(text_of(v) in ("-v", "-V") for v in call.words[1:2]):
        return
    if rest:
        call.again(rest, more=call.name in ("xargs", "parallel"))
    elif call.name in ("xargs", "parallel") and call.command is None:
        call.judge.program(call.name, call.spot)


def alias(call: Call) -> None:
    """A name is made to mean something, or a text is kept to be run at a signal."""
    for value in call.words[1:]:
        text = text_of(value)
        if call.name == "trap" or "=" not in text:
            if call.name == "trap" and len(call.words) > 2 and isinstance(value, Text) and value.whole:
                call.reader.line(value, call.spot)
            return
        shadow, _, meaning = text.partition("=")
        first = meaning.split()[0] if meaning.split() else ""
        call.reader.line(Text(meaning), call.spot)
        if programs.uses(shadow) is not None and posixpath.basename(first) != shadow:
            call.judge.add("persistence", "medium", f"the name {shadow} is made to mean {meaning[:60]!r}", call.spot,
                           asks=True, target=shadow, access="persist")  # fmt: skip
