"""What the commands of a script do: each program with its operands held against the table, and each redirection."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from roadmap_cli.agent.scan.finding import Finding, ordered
from roadmap_cli.agent.scan.judge import Judge, Scan, Spot, through
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.expansion import Expansion
from roadmap_cli.agent.scan.shell.operands import Operands, one_of, operands_of, shown
from roadmap_cli.agent.scan.shell.parsing import parse
from roadmap_cli.agent.scan.shell.special import look
from roadmap_cli.agent.scan.shell.tree import Command, Redirect, Script, Word, every
from roadmap_cli.agent.scan.values import Text, Unknown, Value

NESTED, SIZE_LIMIT = 6, 1 << 22
_NETWORK_TARGET = re.compile(r"/dev/(tcp|udp)/([^/\s]*)/?(\S*)")
#: Variables that make other programs load or run something.
_RUN_LATER = frozenset({"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PYTHONSTARTUP", "PERL5OPT",
                        "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "NODE_OPTIONS", "RUBYOPT"})  # fmt: skip


def scan(
    text: str, ground: Ground, python: Scan, *, depth: int = 0, inside: str = "script", whole: bool = True
) -> list[Finding]:
    """The findings of a script. Never raises for whatever stands in it; what cannot be read is ``unknown``.

    `python` reads what the script hands to Python. Without `whole` the text is the beginning of one, and may end
    anywhere.
    """
    judge = Judge(ground, python, text.splitlines() if depth == 0 else [])
    if len(text) > SIZE_LIMIT:
        judge.add("unknown", "medium", "the script is too long to be read", Spot(1, 1, inside), asks=True)
        return judge.found
    script = parse(text)
    if not whole:
        script.broken = ""
    Reader(judge, script, depth=depth, inside=inside).work()
    return ordered(judge.found)


def run_text(judge: Judge, value: Text, spot: Spot, depth: int) -> None:
    """A shell line that another program hands to a shell: what it does, told where it is handed over."""
    if depth >= NESTED:
        judge.add("unknown", "high", f"{spot.name} runs commands nested too deeply", spot, asks=True, trail=value.trail)
        return
    at = replace(spot, trail=(*spot.trail, *value.trail))

    def work(inner: Judge) -> None:
        inner.found += scan(
            value.text, judge.ground, judge.python, depth=depth + 1, inside=spot.name, whole=value.whole
        )

    judge.found += [f for f in through(judge, "the command", work, at) if f.capability != "process" or f.asks]


def run_words(judge: Judge, words: Sequence[Sequence[Value]], spot: Spot, depth: int) -> None:
    """A program with its arguments, each known as far as its values are; judged as a shell would run it."""
    Reader(judge, Script(), depth=depth, inside=spot.name).arguments([one_of(values) for values in words], spot)


class Reader:
    """Reads one script. `inside` says what it is part of."""

    def __init__(self, judge: Judge, script: Script, *, depth: int, inside: str) -> None:
        self.judge, self.depth = judge, depth
        self._script, self._inside = script, inside
        self._commands = every(script)
        self._expansion = Expansion(script, self._commands, judge.ground.project)

    def work(self) -> None:
        """Judge every command of the script."""
        script = self._script
        for command in self._commands:
            self._command(command)
        if script.broken:
            self.judge.add("unknown", "medium", f"the script cannot be read: {script.broken}",
                           Spot(script.broken_line, 1, self._inside), asks=True)  # fmt: skip
        if self._expansion.exhausted:
            self.judge.add("unknown", "medium", "the script is too involved to be followed", Spot(1, 1, self._inside),
                           asks=True)  # fmt: skip

    def _command(self, command: Command) -> None:
        spot = Spot(command.line, command.column, "")
        for redirect in command.redirects:
            self._redirect(redirect, command, spot)
        for variable, word in command.assigned:
            self._substituted(word)
            if variable in _RUN_LATER:
                self.judge.add("unknown", "high", f"{variable} makes other programs run or load something", spot,
                               asks=True, target=variable, access="set_variable")  # fmt: skip
        for word in command.words:
            self._substituted(word)
        if not command.words:
            return
        words = self._expansion.expanded(command.words, command.function)
        first = words[0]
        name = first.text if isinstance(first, Text) and first.whole else None
        if name in self._script.functions:
            if name == command.function and (command.piped or command.background or command.source):
                self.judge.add("system_control", "high", f"{name} starts itself again and again",
                               replace(spot, name=name), asks=True)  # fmt: skip
            return
        self.arguments(words, replace(spot, name=name or "the command"), command)

    def _substituted(self, word: Word) -> None:
        """Substitutions run, too."""
        stack = list(word.parts)
        while stack:
            part = stack.pop()
            if part.script is not None and part.script.broken:
                self.judge.add("unknown", "medium", f"a substitution cannot be read: {part.script.broken}",
                               Spot(word.line, word.column, ""), asks=True)  # fmt: skip
            if part.default is not None:
                stack += part.default.parts

    def _redirect(self, redirect: Redirect, command: Command, spot: Spot) -> None:
        operator = redirect.operator
        self._substituted(redirect.target)
        if operator.startswith("<<"):
            return
        values = self._expansion.values(redirect.target, command.function)
        for value in values:
            text = value.text if isinstance(value, Text) else ""
            found = _NETWORK_TARGET.match(text)
            if found:
                host = f"{found[2]}:{found[3]}" if found[3] else found[2]
                self.judge.hosts("connect", [Text(host or "?")], replace(spot, name=f"the redirection to {text}"))
            elif text == "-" or (text.isdigit() and "&" in operator):
                continue
            else:
                verb = "read" if operator in ("<", "<&") else "write"
                self.judge.paths(verb, [value], replace(spot, name="a redirection"))

    def arguments(self, words: list[Value], spot: Spot, command: Command | None = None) -> None:
        """Judge one program with its arguments."""
        first = words[0] if words else Unknown()
        if not isinstance(first, Text) or not first.whole:
            origin = first.origin if isinstance(first, Text | Unknown) else "unknown"
            if isinstance(first, Text) and first.text.strip():
                self.judge.program(first.text + "…", spot, trail=first.trail)
            else:
                self.judge.program(None, spot, trail=first.trail, origin=origin)
            return
        path = first.text
        name = posixpath.basename(path.rstrip("/")) or path
        spot = replace(spot, name=name)
        line = shown(words)
        if self.judge.ground.has_program(name) and name not in programs.SHELLS | {"eval", "sudo", "xargs"}:
            return
        known = programs.uses(name)
        if known is None:
            version = re.fullmatch(r"(python|pypy|pip|perl|ruby|php|lua|java)[0-9.]+", name)
            if version:
                name, known = version[1], programs.uses(version[1])
        if known is None and name.startswith("mkfs"):
            known = (("control", "-"),)
        if known is None:
            self._unknown_program(path, words, spot, line)
            return
        operands = operands_of(name, words[1:])
        for verb, which in known:
            if verb == "special":
                look(Call(name, words, operands, spot, command, self.judge, self))
            elif verb == "build":
                self.judge.builds(name, line, spot)
            elif verb != "none":
                self._use(verb, which, name, operands, spot, line)

    def _unknown_program(self, path: str, words: list[Value], spot: Spot, line: str) -> None:
        if path.startswith(("./", "../", self.judge.ground.project + "/")) or (
            "/" in path and self.judge.ground.scope(path) == "project"
        ):
            self.judge.runs_own(path, spot)
            return
        self.judge.program(path, spot, line=line)
        for value in words[1:]:
            if isinstance(value, Text) and value.text.startswith(("/", "~/", "http://", "https://", "ftp://")):
                if "://" in value.text:
                    self.judge.hosts("connect", [value], spot)
                else:
                    self.judge.paths("read", [value], spot)

    def _use(self, verb: str, which: str, name: str, operands: Operands, spot: Spot, line: str) -> None:
        if which == "-" or verb in ("kill", "inspect", "privilege", "control", "persist", "secret", "capture", "sniff",
                                    "machine"):  # fmt: skip
            self.judge.plain(verb, replace(spot, name=line))
            return
        chosen = operands.words
        if which == "first":
            chosen = chosen[:1]
        elif which == "but-first":
            chosen = chosen[1:]
        if verb == "lookup":
            self.judge.hosts(verb, chosen or [Unknown()], spot)
            return
        if name in ("test", "[", "[["):
            chosen = [v for v in chosen if isinstance(v, Text) and v.text.startswith(("/", "~/"))]
        if chosen:
            self.judge.paths(verb, chosen, spot)

    def again(self, words: list[Value], spot: Spot, command: Command | None, *, more: bool = False) -> None:
        """The same judgement for words inside words."""
        if self._expansion.steps > self._expansion.limit + 1000 or self.depth > NESTED:
            return
        self.depth += 1
        try:
            if more:  # what comes in is not seen
                words = [*words, Unknown()]
            self.arguments(words, spot, command)
        finally:
            self.depth -= 1

    def line(self, value: Text, spot: Spot) -> None:
        """Judge a text as a shell's."""
        run_text(self.judge, value, spot, self.depth)

    def python(self, value: Text, spot: Spot) -> None:
        """Judge a text as Python's."""

        def work(inner: Judge) -> None:
            inner.found += inner.python(value.text, self.judge.ground, depth=self.depth + 1)

        self.judge.found += through(self.judge, "the code", work, spot)

    def piped(self, command: Command) -> list[str]:
        """The texts that come in by a pipe or a here-document, if they are known."""
        return self._expansion.piped(command, command.function, 0)
