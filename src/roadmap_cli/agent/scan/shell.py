"""What a shell script, or one command that a program runs, is able to do.

Variables get what the script assigns to them, functions' arguments what their calls give, substitutions what can be
folded without running anything: ``$(echo x)``, ``$(pwd)``, ``echo … | base64 -d``.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roadmap_cli.agent.scan import programs
from roadmap_cli.agent.scan.finding import Finding, ordered
from roadmap_cli.agent.scan.folding import joined
from roadmap_cli.agent.scan.judge import Judge, Spot, through
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.shellparse import Command, Part, Redirect, Script, Word, parse
from roadmap_cli.agent.scan.values import Text, Unknown, Value

NESTED, WIDTH, SIZE_LIMIT = 6, 8, 1 << 22
_NETWORK_TARGET = re.compile(r"/dev/(tcp|udp)/([^/\s]*)/?(\S*)")


def scan(text: str, ground: Ground, *, depth: int = 0, inside: str = "script", whole: bool = True) -> list[Finding]:
    """The findings of a script. Never raises for whatever stands in it; what cannot be read is ``unknown``.

    Without `whole` the text is the beginning of one, and may end anywhere.
    """
    judge = Judge(ground, text.splitlines() if depth == 0 else [])
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
        inner.found += scan(value.text, judge.ground, depth=depth + 1, inside=spot.name, whole=value.whole)

    judge.found += [f for f in through(judge, "the command", work, at) if f.capability != "process" or f.asks]


def run_words(judge: Judge, words: Sequence[Sequence[Value]], spot: Spot, depth: int) -> None:
    """A program with its arguments, each known as far as its values are; judged as a shell would run it."""
    Reader(judge, Script(), depth=depth, inside=spot.name).arguments([_one(values) for values in words], spot)


def _one(values: Sequence[Value]) -> Value:
    return values[0] if values else Unknown()


@dataclass(frozen=True, slots=True)
class _Operands:
    options: list[str]
    values: dict[str, list[Value]]
    words: list[Value]


class Reader:
    """Reads one script. `inside` says what it is part of."""

    def __init__(self, judge: Judge, script: Script, *, depth: int, inside: str) -> None:
        self.judge, self.script, self.depth, self.inside = judge, script, depth, inside
        self.variables: dict[str, list[Word]] = {}
        self.calls: dict[str, list[list[Word]]] = {}
        self.working: set[str] = set()
        self.steps = 0
        self.limit = 0

    def work(self) -> None:
        """Judge every command of the script."""
        script = self.script
        commands = _every(script)
        self.limit = 50 * len(commands) + 2000
        for name, words in script.loops:
            self.variables.setdefault(name, []).extend(words)
        for command in commands:
            for name, word in command.assigned:
                self.variables.setdefault(name, []).append(word)
            first = command.words[0].literal if command.words else None
            if first in ("export", "local", "declare", "typeset", "readonly", "alias"):
                for word in command.words[1:]:
                    self._declared(word)
            elif first in script.functions and first is not None:
                self.calls.setdefault(first, []).append(command.words[1:])
        for command in commands:
            self._command(command)
        if script.broken:
            self.judge.add("unknown", "medium", f"the script cannot be read: {script.broken}",
                           Spot(script.broken_line, 1, self.inside), asks=True)  # fmt: skip
        if self.steps > self.limit:
            self.judge.add(
                "unknown", "medium", "the script is too involved to be followed", Spot(1, 1, self.inside), asks=True
            )

    def _declared(self, word: Word) -> None:
        if word.parts and word.parts[0].kind == "text" and "=" in word.parts[0].text:
            name, _, rest = word.parts[0].text.partition("=")
            parts = ([Part("text", rest)] if rest else []) + word.parts[1:]
            self.variables.setdefault(name, []).append(Word(parts, word.line, word.column))

    # -- words -------------------------------------------------------------------------------------------------------

    def values(self, word: Word, function: str = "", level: int = 0) -> list[Value]:
        """What a word may become, one value for each way."""
        self.steps += 1
        found: list[Value] = [Text("", trail=(word.line,))]
        if self.steps > self.limit:
            return [Unknown()]
        for part in word.parts:
            pieces = self._piece(part, function, level)
            found = list(dict.fromkeys(joined(a, b) for a in found for b in pieces))[:WIDTH]
        return found

    def _piece(self, part: Part, function: str, level: int) -> list[Value]:
        if part.kind == "text":
            return [Text(part.text)]
        if part.kind == "variable" and level < 12:
            return self._variable(part, function, level)
        if part.kind == "command" and part.script is not None and level < 12:
            return self._output(part.script, function, level)
        if part.kind == "process":
            return [Text("/dev/fd/63")]
        if part.kind == "edited":
            known = self._variable(Part("variable", part.text), function, level) if level < 12 else []
            hidden = any(isinstance(v, Text) and v.whole for v in known)
            return [Unknown("decoded" if hidden else "unknown")]
        return [Unknown()]

    def _variable(self, part: Part, function: str, level: int) -> list[Value]:
        name = part.text
        key = f"{function}:{name}" if name.isdigit() else name
        if key in self.working:
            return []
        self.working.add(key)
        try:
            found = self._assigned(name, function, level)
            if part.default is not None and part.default.parts:
                found = [*found, *self.values(part.default, function, level + 1)]
        finally:
            self.working.discard(key)
        return list(dict.fromkeys(found))[:WIDTH] or [Unknown("caller")]

    def _assigned(self, name: str, function: str, level: int) -> list[Value]:
        found: list[Value] = []
        if name.isdigit() or name in ("@", "*"):
            number = int(name) if name.isdigit() else 1
            for words in self.calls.get(function, ())[:WIDTH] if function and number else ():
                given = words[number - 1 : number] if name.isdigit() else words
                for word in given[:WIDTH]:
                    found += self.values(word, "", level + 1)
            return found or [Unknown("caller")]
        for word in self.variables.get(name, ())[:WIDTH]:
            found += self.values(word, function, level + 1)
        if not found:
            known = {"HOME": "~", "PWD": self.judge.ground.project, "OLDPWD": self.judge.ground.project,
                "TMPDIR": "/tmp",
                     "IFS": " ", "SHELL": "/bin/sh", "BASH": "/bin/bash",
                     "0": self.judge.ground.project + "/script"}  # fmt: skip
            return [Text(known[name])] if name in known else [Unknown("caller")]
        return found

    def _output(self, script: Script, function: str, level: int) -> list[Value]:
        """What a substitution gives, if it is one command that says what it was told."""
        if not script.commands:
            return [Text("")]
        last = script.commands[-1]
        words = [self.values(word, function, level + 1) for word in last.words]
        flat = [_one(each) for each in words]
        name = flat[0].text if flat and isinstance(flat[0], Text) and flat[0].whole else ""
        told = [v.text for v in flat[1:] if isinstance(v, Text) and v.whole]
        known = len(told) == len(flat) - 1
        if name in ("base64", "base32", "xxd", "openssl", "rev", "tr", "gunzip", "zcat", "bunzip2") and last.piped:
            return [self._decoded(name, told, last, function, level)]
        if len(script.commands) > 1 and last.piped:
            return [Unknown("unknown")]
        if name == "echo":
            operands = [t for t in told if t not in ("-n", "-e", "-ne", "-en")]
            if known:
                return [Text(" ".join(operands))]
            return [_sequence(flat[1:])]
        if name == "printf" and known and told:
            text = told[0].replace("%s", "{}", len(told) - 1).replace("\\n", "\n")
            text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)
            text = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8) & 255), text)
            for each in told[1:]:
                text = text.replace("{}", each, 1)
            return [Text(text.rstrip("\n"))]
        if name == "pwd":
            return [Text(self.judge.ground.project)]
        if name == "mktemp":
            return [Text("/tmp/", False, "unknown")]
        if name in ("which", "type") and told:
            return [Text(told[-1])]
        if name in ("dirname", "realpath", "readlink", "basename") and told:
            path = told[-1]
            return [
                Text({"dirname": posixpath.dirname(path) or ".", "basename": posixpath.basename(path)}.get(name, path))
            ]
        if name == "cd" or (len(script.commands) > 1 and name == "pwd"):
            return [Text(self.judge.ground.project)]
        if name in ("curl", "wget", "nc", "cat", "base64"):
            return [Unknown("decoded" if name == "base64" else "unknown")]
        return [Unknown("unknown")]

    def _decoded(self, name: str, options: list[str], command: Command, function: str, level: int) -> Value:
        """``echo X | base64 -d`` and its like, folded."""
        texts = self._piped(command, function, level)
        for text in texts:
            try:
                if name == "base64":
                    return Text(base64.b64decode(text).decode(errors="replace").rstrip("\n"))
                if name == "base32":
                    return Text(base64.b32decode(text.strip()).decode(errors="replace").rstrip("\n"))
                if name == "xxd":
                    return Text(bytes.fromhex("".join(text.split())).decode(errors="replace").rstrip("\n"))
                if name == "rev":
                    return Text("\n".join(line[::-1] for line in text.splitlines()))
                if name == "tr" and len(options) == 2 and "a-z" in options[0].lower() and "n-z" in options[1].lower():
                    return Text(codecs.encode(text, "rot13"))
                if name == "openssl" and "base64" in " ".join(options):
                    return Text(base64.b64decode(text).decode(errors="replace").rstrip("\n"))
            except (ValueError, binascii.Error):
                continue
        return Unknown("decoded")

    def _piped(self, command: Command, function: str, level: int) -> list[str]:
        """The texts that come in by a pipe or a here-document, if they are known."""
        for redirect in command.redirects:
            if redirect.operator.startswith("<<"):
                return [
                    v.text for v in self.values(redirect.target, function, level + 1) if isinstance(v, Text) and v.whole
                ]
        if command.source is None or level > 8:
            return []
        output = self._output(Script([command.source]), function, level + 1)
        return [v.text for v in output if isinstance(v, Text) and v.whole]

    # -- commands ----------------------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        spot = Spot(command.line, command.column, "")
        for redirect in command.redirects:
            self._redirect(redirect, command, spot)
        for variable, word in command.assigned:
            self._inside(word)
            if variable in _RUN_LATER:
                self.judge.add("unknown", "high", f"{variable} makes other programs run or load something", spot,
                               asks=True, target=variable, access="set_variable")  # fmt: skip
        for word in command.words:
            self._inside(word)
        if not command.words:
            return
        words = self._expanded(command.words, command.function)
        first = words[0]
        name = first.text if isinstance(first, Text) and first.whole else None
        if name in self.script.functions:
            if name == command.function and (command.piped or command.background or command.source):
                self.judge.add("system_control", "high", f"{name} starts itself again and again", replace(spot,
                    name=name),
                               asks=True)  # fmt: skip
            return
        self.arguments(words, replace(spot, name=name or "the command"), command)

    def _expanded(self, words: Iterable[Word], function: str) -> list[Value]:
        """The words after expansion: an unquoted variable falls into several."""
        found: list[Value] = []
        for word in words:
            values = self.values(word, function)
            bare = any(part.kind in ("variable", "command") and not part.quoted for part in word.parts)
            braces = any(part.kind == "text" and not part.quoted and "{" in part.text for part in word.parts)
            for number, value in enumerate(values):
                if number and len(found) > 256:
                    break
                if braces and isinstance(value, Text) and value.whole and "," in value.text:
                    found += [replace(value, text=each) for each in _braced(value.text)]
                elif bare and isinstance(value, Text) and value.whole and value.text.split() != [value.text]:
                    found += [replace(value, text=each) for each in value.text.split()]
                elif number == 0 or (isinstance(value, Text) and value.text and found):
                    found.append(value)
        return found or [Text("")]

    def _inside(self, word: Word) -> None:
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
        self._inside(redirect.target)
        if operator.startswith("<<"):
            return
        values = self.values(redirect.target, command.function)
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
        line = _shown(words)
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
            self._unknown_program(path, name, words, spot, line)
            return
        operands = _operands(name, words[1:])
        for verb, which in known:
            if verb == "special":
                _SPECIAL.get(name, Reader._plain_special)(self, name, words, operands, spot, command)
            elif verb == "build":
                self._building(name, spot, line)
            elif verb != "none":
                self._use(verb, which, name, operands, spot, line)

    def _building(self, name: str, spot: Spot, line: str) -> None:
        """A tool that runs the project's own code: told, not asked."""
        self.judge.add("process", "low", f"runs {line}", spot, asks=False, target=name, access="run")

    def _unknown_program(self, path: str, name: str, words: list[Value], spot: Spot, line: str) -> None:
        if path.startswith(("./", "../", self.judge.ground.project + "/")) or (
            "/" in path and self.judge.ground.scope(path) == "project"
        ):
            self.judge.add("process", "low", f"runs the project's own {path}", spot, asks=False, target=path,
                access="run",
                           scope="project")  # fmt: skip
            return
        self.judge.program(path, spot, line=line)
        for value in words[1:]:
            if isinstance(value, Text) and value.text.startswith(("/", "~/", "http://", "https://", "ftp://")):
                if "://" in value.text:
                    self.judge.hosts("connect", [value], spot)
                else:
                    self.judge.paths("read", [value], spot)

    def _use(self, verb: str, which: str, name: str, operands: _Operands, spot: Spot, line: str) -> None:
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

    # -- programs that need a closer look ----------------------------------------------------------------------------

    def _plain_special(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        self.judge.program(name, spot, line=_shown(words))

    def _pattern_first(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        """grep, sed, awk, jq: the first operand is a pattern or a program, the others are files."""
        files = operands.words
        if name not in ("head", "tail") and not any(o in operands.values for o in ("e", "f")):
            script = files[0] if files else None
            files = files[1:]
            if name in ("awk", "gawk", "mawk") and isinstance(script,
                Text) and re.search(r"system\s*\(|\|\s*getline|\|&?\s*\"",
                                                                                      script.text):  # fmt: skip
                self.judge.program(None, spot, origin="unknown", verb="shell")
        in_place = name == "sed" and any(o.startswith("-i") or o == "--in-place" for o in operands.options)
        if files:
            self.judge.paths("write" if in_place else "read", files, spot)

    def _find(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        texts = [v.text if isinstance(v, Text) else "" for v in words[1:]]
        stop = next((n for n, t in enumerate(texts) if t.startswith(("-", "(", "!"))), len(texts))
        places: list[Value] = list(words[1 : stop + 1]) or [Text(".")]
        if name == "locate":
            places = [Text("/", False, "unknown")]
        self.judge.paths("list", places, spot)
        if "-delete" in texts:
            self.judge.paths("delete", [_below(v) for v in places], spot)
        for flag in ("-exec", "-execdir", "-ok", "-okdir"):
            if flag in texts:
                at = texts.index(flag) + 2
                end = next((n for n in range(at, len(words)) if _text(words[n]) in (";", "+", "\\;")), len(words))
                inner = [v for each in words[at:end] for v in (
                    [_below(place) for place in places] if _text(each) == "{}" else [each])]  # fmt: skip
                if inner:
                    self._again(inner, spot, command)

    def _rm(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        recursive = any(re.match(r"-[a-zA-Z]*[rR]|--recursive", o) for o in operands.options)
        targets = [_globbed(v) for v in operands.words]
        if targets or command is None or not command.piped:
            self.judge.paths("clear" if recursive else "delete", targets or [Unknown()], spot)

    def _copy(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        """cp, mv, ln, install: sources, then where to."""
        files = operands.words
        into = operands.values.get("t")
        sources, target = (files, into) if into else (files[:-1], files[-1:])
        if sources:
            self.judge.paths(
                {"mv": "move", "rename": "move", "ln": "link"}.get(name, "read"), [_globbed(v) for v in sources], spot
            )
        if target:
            self.judge.paths("write", target, spot)

    def _dd(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        for value in words[1:]:
            text = _text(value)
            if text.startswith("if=") and isinstance(value, Text):
                self.judge.paths("read", [replace(value, text=text[3:])], spot)
            elif text.startswith("of=") and isinstance(value, Text):
                if re.match(r"of=/dev/(sd|nvme|hd|vd|xvd|mmcblk|mapper|disk|mem|kmem|dm-)", text):
                    self.judge.add("system_control", "high", f"dd overwrites the device {text[3:]}", spot, asks=True,
                                   target=text[3:], access="write")  # fmt: skip
                else:
                    self.judge.paths("write", [replace(value, text=text[3:])], spot)

    def _archive(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        outside = [v for v in operands.words if _text(v).startswith(("/", "~", ".."))]
        flags = "".join(o.lstrip("-") for o in operands.options if not o.startswith("--"))
        first = _text(words[1]) if len(words) > 1 else ""
        if name == "tar" and first and not first.startswith("-"):
            flags += first
        if name == "tar" and any(o.startswith(("--to-command", "--checkpoint-action", "--use-compress-program", "-I"))
                                 for o in operands.options):  # fmt: skip
            self.judge.program(None, spot, origin="unknown", verb="shell")
        writes = name in ("unzip", "zip", "gzip", "bzip2", "xz") or "x" in flags
        for value in outside:
            self.judge.paths("write" if writes else "read", [value], spot)

    def _source(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        target = words[1] if len(words) > 1 else Unknown()
        text = _text(target)
        if text and isinstance(target, Text) and target.whole and self.judge.ground.scope(text) == "project":
            self.judge.add("process", "low", f"runs the project's own {text}", spot, asks=False, target=text,
                access="run",
                           scope="project")  # fmt: skip
        else:
            self.judge.add("unknown", "medium",
                f"runs a script that cannot be seen: {text or 'its name is not known'}", spot,
                           asks=True, target=text or None, access="foreign_code")  # fmt: skip

    def _transfer(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        """curl, wget: hosts, and the files that go or come."""
        targets = [v for v in operands.words if not isinstance(v, Text) or v.text]
        self.judge.hosts("connect", [_url(v) for v in targets] or [Unknown()], spot)
        for option in (
            "d",
            "F",
            "T",
            "data",
            "data-binary",
            "data-raw",
            "form",
            "upload-file",
            "post-file",
            "body-file",
            "K",
        ):
            for value in operands.values.get(option, ()):
                if isinstance(value, Text):
                    at = (
                        value.text.find("@")
                        if option not in ("T", "upload-file", "post-file", "body-file", "K")
                        else -1
                    )
                    if at >= 0 or option in ("T", "upload-file", "post-file", "body-file", "K"):
                        self.judge.paths("read", [replace(value, text=value.text[at + 1 :])], spot)
        for option in ("o", "O", "output", "output-document", "P", "directory-prefix"):
            if not (name == "curl" and option == "O"):
                values = [v for v in operands.values.get(option, ()) if _text(v) not in ("-", "")]
                if values:
                    self.judge.paths("write", values, spot)

    def _talk(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        """nc, ssh, socat, ftp: a host, and perhaps a program at one end."""
        texts = [_text(v) for v in words[1:]]
        flags = "".join(t[1:] for t in texts if re.fullmatch(r"-[A-Za-z]+", t))
        if name in ("nc", "ncat", "netcat") and ("l" in flags or "--listen" in texts):
            self.judge.hosts("listen", [Text("0.0.0.0")], spot)
        elif name == "socat":
            where = [t for t in texts if re.match(r"(?i)(tcp|udp|openssl|exec|system|unix)", t)]
            for text in where:
                found = re.match(r"(?i)(?:tcp|udp|openssl)[46]?(?:-connect)?:([^,]+)", text)
                if found:
                    self.judge.hosts("connect", [Text(found[1])], spot)
            if not where or "listen" in " ".join(where).lower():
                self.judge.hosts("listen", [Text("0.0.0.0")], spot)
        else:
            host = operands.words[0] if operands.words else Unknown()
            bare = replace(host, text=host.text.rpartition("@")[2]) if isinstance(host, Text) else host
            self.judge.hosts("connect", [bare], spot)
        if (name in ("nc", "ncat", "netcat") and ("e" in flags or "c" in flags)) or re.search(
            r"(?i)\b(exec|system):", " ".join(texts)
        ):
            self.judge.add(
                "process", "high", f"{_shown(words)} hands a program to the network", spot, asks=True, access="shell"
            )

    def _remote_copy(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        remote = [v for v in operands.words if re.match(r"(?:[^/@\s]+@)?[^/:\s]+:", _text(v)) or "://" in _text(v)]
        for value in remote:
            text = _text(value)
            self.judge.hosts(
                "connect", [value if "://" in text else Text(text.partition(":")[0].rpartition("@")[2])], spot
            )
        local = [v for v in operands.words if v not in remote]
        if name == "scp" and not remote:
            self.judge.hosts("connect", [Unknown()], spot)
        if remote:
            self.judge.paths("read", [v for v in local if _text(v)] or [Text(".")], spot)
        elif len(local) > 1:
            self.judge.paths("read", local[:-1], spot)
            self.judge.paths("write", local[-1:], spot)
            if "--delete" in operands.options:
                self.judge.paths("clear", local[-1:], spot)

    def _packages(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        """Version control and package managers: what only looks, what fetches."""
        texts = [_text(v) for v in words[1:]]
        harmless = programs.HARMLESS_WORDS.get({"pip2": "pip", "pip3": "pip", "apt-get": "apt"}.get(name, name), set())
        word = next((t for t in texts if t and (not t.startswith("-") or t in harmless)), "")
        hook = name == "git" and any(
            re.match(r"(core\.(hooksPath|fsmonitor|sshCommand|pager|editor)|alias\..*)=", t) for t in texts
        )
        if word in harmless and not hook:
            self._building(name, spot, _shown(words))
            return
        if not texts or texts == ["--version"]:
            self._building(name, spot, _shown(words))
            return
        urls = [_url(v) for v in words[1:] if "://" in _text(v) or "@" in _text(v)]
        self.judge.hosts("connect", urls or [Unknown()], replace(spot, name=_shown(words)))
        if name in programs.INSTALLERS:
            self.judge.program(name, spot, line=_shown(words))

    def _services(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        texts = [_text(v) for v in words[1:]]
        if set(texts) & programs.HARMLESS_WORDS.get(name, set()):
            self.judge.plain("inspect", replace(spot, name=_shown(words)))
        elif set(texts) & {"enable", "load", "bootstrap"}:
            self.judge.plain("persist", replace(spot, name=_shown(words)))
        else:
            self.judge.plain("kill", replace(spot, name=_shown(words)))

    def _surroundings(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        """env, printenv, set, export: all variables, one of them, or a program with others."""
        if name == "env":
            rest = list(words[1:])
            while rest and re.match(r"-|[A-Za-z_][A-Za-z0-9_]*=", _text(rest[0])):
                flag = _text(rest.pop(0))
                if flag in ("-u", "-C", "--unset", "--chdir") and rest:
                    rest.pop(0)
            if rest:
                self._again(rest, spot, command)
                return
        if name == "printenv" and operands.words:
            self.judge.variables("variable", operands.words, spot)
            return
        if name in ("env", "printenv") or (len(words) == 1 and name != "set") or (name in ("export", "declare") and
                                                                                 _text(words[-1]) in ("-p",
                                                                                     "-x")):  # fmt: skip
            self.judge.plain("environment", replace(spot, name=_shown(words)))
        elif len(words) == 1:
            self.judge.plain("environment", replace(spot, name=name))

    def _privileged(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        self.judge.plain("privilege", replace(spot, name=_shown(words)))
        rest = list(words[1:])
        valued = programs.VALUED.get(name, "")
        while rest and (_text(rest[0]).startswith("-") or "=" in _text(rest[0])):
            flag = _text(rest.pop(0))
            if len(flag) == 2 and flag[1] in valued and rest:
                rest.pop(0)
        if name == "su":
            for value in operands.values.get("c", ()):
                if isinstance(value, Text) and value.whole:
                    run_text(self.judge, value, spot, self.depth)
        elif rest:
            self._again(rest, spot, command)

    def _sysctl(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        writes = "-w" in operands.options or any("=" in _text(v) for v in words[1:])
        self.judge.plain("control" if writes else "inspect", replace(spot, name=_shown(words)))

    def _timetable(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        looks = name == "crontab" and operands.options == ["-l"] and not operands.words
        self.judge.plain("inspect" if looks else "persist", replace(spot, name=_shown(words)))

    def _history(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        self.judge.plain("inspect", replace(spot, name=_shown(words)))

    def _shell(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        """A shell in a shell: its -c text, its script, or what is piped into it. eval is the same of its words."""
        rest = words[1:]
        if name == "busybox":
            if rest:
                self._again(rest, spot, command)
            return
        if name == "eval":
            self._code(_sequence(rest), spot)
            return
        for number, value in enumerate(rest):
            if re.fullmatch(r"-[a-z]*c[a-z]*", _text(value)):
                self._code(rest[number + 1] if number + 1 < len(rest) else Unknown(), spot)
                return
        files = [v for v in rest if not _text(v).startswith("-")]
        if files and _text(files[0]) != "/dev/fd/63":
            self._source(name, [words[0], *files], operands, spot, command)
            return
        if command is not None and (command.piped or any(r.operator.startswith("<") for r in command.redirects)):
            known = self._piped(command, command.function, 0)
            if known:
                for text in known:
                    self._code(Text(text), spot)
                return
            what = "runs what is piped into it" if command.piped else "runs what it reads"
            self.judge.add("unknown", "high", f"{name} {what}", spot, asks=True, access="foreign_code")
        elif files:
            self.judge.add(
                "unknown", "high", f"{name} runs what another program gives", spot, asks=True, access="foreign_code"
            )
        elif command is None:
            self.judge.program(name, spot)

    def _code(self, value: Value, spot: Spot) -> None:
        if isinstance(value, Text) and value.whole:
            run_text(self.judge, value, spot, self.depth)
            return
        if isinstance(value, Text) and value.text.strip():
            run_text(self.judge, value, spot, self.depth)
            words = value.text.split()
            if words and programs.uses(words[0]) == (("none", "-"),) and not re.search(r"[;&|`]|\$\(", value.text):
                self.judge.add("unknown", "medium", f"{spot.name} runs a text of which only the beginning is known",
                    spot,
                               asks=True, confidence="medium", access="shell")  # fmt: skip
                return
        self.judge.add(
            "unknown", "high", f"{spot.name} runs a text that is made when it runs", spot, asks=True, access="shell"
        )

    def _interpreter(
        self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None
    ) -> None:
        """python, perl, node …: code on the command line, a script, a module."""
        flag = programs.INTERPRETERS[name]
        rest = words[1:]
        texts = [_text(v) for v in rest]
        if name.startswith(("python", "pypy")) and "-m" in texts:
            at = texts.index("-m") + 1
            module = texts[at] if at < len(texts) else ""
            if module == "pip":
                self._packages("pip", [Text("pip"), *rest[at + 1 :]], operands, spot, command)
            elif module in ("http.server", "SimpleHTTPServer", "smtpd", "pyftpdlib"):
                self.judge.hosts("listen", [Text("0.0.0.0")], replace(spot, name=_shown(words)))
            elif module in ("ensurepip", "webbrowser"):
                self.judge.hosts("connect", [Unknown()], replace(spot, name=_shown(words)))
            else:
                self._building(name, spot, _shown(words))
            return
        for number, text in enumerate(texts):
            if flag and (text == flag or (flag == "-e" and text in ("-E", "-ne", "-pe", "--eval", "-p"))):
                value = rest[number + 1] if number + 1 < len(rest) else Unknown()
                if name.startswith(("python", "pypy", "ipython")) and isinstance(value, Text) and value.whole:
                    self._python(value, spot)
                else:
                    self.judge.add(
                        "unknown", "high", f"{name} runs code that is not looked into", spot, asks=True, access="code"
                    )
                return
        files = [v for v in rest if not _text(v).startswith("-")]
        if files:
            self._source(name, [words[0], *files], operands, spot, command)
        elif command is not None and (command.piped or command.redirects):
            known = self._piped(command, command.function, 0)
            if known and name.startswith(("python", "pypy")):
                for text in known:
                    self._python(Text(text), spot)
            else:
                self.judge.add(
                    "unknown", "high", f"{name} runs what is piped into it", spot, asks=True, access="foreign_code"
                )
        elif not texts or texts[0] not in ("--version", "-V", "-v", "--help"):
            self.judge.program(name, spot)

    def _python(self, value: Text, spot: Spot) -> None:
        from roadmap_cli.agent.scan import python

        def work(inner: Judge) -> None:
            inner.found += python.scan(value.text, self.judge.ground, depth=self.depth + 1)

        self.judge.found += through(self.judge, "the code", work, spot)

    def _wrapper(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        """A program that runs the rest of its words."""
        rest = list(words[1:])
        valued = programs.VALUED.get(name, "")
        while rest and _text(rest[0]).startswith("-"):
            flag = _text(rest.pop(0))
            if len(flag) == 2 and flag[1] in valued and rest:
                rest.pop(0)
        if name in ("timeout", "flock") and rest:
            rest.pop(0)
        if name == "watch" and len(rest) == 1 and isinstance(rest[0], Text):
            self._code(rest[0], spot)
            return
        if name == "command" and any(_text(v) in ("-v", "-V") for v in words[1:2]):
            return
        if rest:
            self._again(rest, spot, command, more=name in ("xargs", "parallel"))
        elif name in ("xargs", "parallel") and command is None:
            self.judge.program(name, spot)

    def _again(self, words: list[Value], spot: Spot, command: Command | None, *, more: bool = False) -> None:
        """The same judgement for words inside words."""
        if self.steps > self.limit + 1000 or self.depth > NESTED:
            return
        self.depth += 1
        try:
            if more:  # what comes in is not seen
                words = [*words, Unknown()]
            self.arguments(words, spot, command)
        finally:
            self.depth -= 1

    def _alias(self, name: str, words: list[Value], operands: _Operands, spot: Spot, command: Command | None) -> None:
        for value in words[1:]:
            text = _text(value)
            if name == "trap" or "=" not in text:
                if name == "trap" and len(words) > 2 and isinstance(value, Text) and value.whole:
                    run_text(self.judge, value, spot, self.depth)
                return
            shadow, _, meaning = text.partition("=")
            first = meaning.split()[0] if meaning.split() else ""
            run_text(self.judge, Text(meaning), spot, self.depth)
            if programs.uses(shadow) is not None and posixpath.basename(first) != shadow:
                self.judge.add("persistence", "medium", f"the name {shadow} is made to mean {meaning[:60]!r}", spot,
                    asks=True,
                               target=shadow, access="persist")  # fmt: skip


_SPECIAL = {
    **dict.fromkeys(("head", "tail", "jq", "grep", "egrep", "fgrep", "rg", "ag", "awk", "gawk", "mawk", "sed"),
                    Reader._pattern_first),
    **dict.fromkeys(("find", "fd", "locate"), Reader._find), "rm": Reader._rm, "dd": Reader._dd,
    **dict.fromkeys(("cp", "mv", "ln", "install", "rename", "ditto"), Reader._copy),
    **dict.fromkeys(("tar", "unzip", "zip", "gzip", "bzip2", "xz", "7z", "cpio"), Reader._archive),
    "source": Reader._source, ".": Reader._source,
    **dict.fromkeys(("curl", "wget", "fetch", "aria2c", "axel", "http", "https", "httpie", "lynx", "w3m", "links",
    "elinks"),
                    Reader._transfer),
    **dict.fromkeys(("nc", "ncat", "netcat", "socat", "telnet", "ftp", "tftp", "sftp", "ssh", "mosh", "rsh", "rlogin",
                     "autossh", "sshpass"), Reader._talk),
    **dict.fromkeys(("scp", "rsync"), Reader._remote_copy),
    **dict.fromkeys(("git", "hg", "svn", "openssl", *programs.INSTALLERS), Reader._packages),
    **dict.fromkeys(("systemctl", "service", "initctl", "launchctl", "rc-service", "supervisorctl", "pm2"),
    Reader._services),
    **dict.fromkeys(("printenv", "env", "export", "set", "declare"), Reader._surroundings),
    **dict.fromkeys(("sudo", "su", "doas", "pkexec", "gosu", "runuser", "setpriv"), Reader._privileged),
    "sysctl": Reader._sysctl, **dict.fromkeys(("crontab", "at", "batch", "atrm", "incrontab", "anacron"),
    Reader._timetable),
    **dict.fromkeys(("history", "fc"), Reader._history), **dict.fromkeys(("alias", "trap"), Reader._alias),
    **dict.fromkeys(("eval", "busybox", *programs.SHELLS), Reader._shell),
    **dict.fromkeys(programs.INTERPRETERS, Reader._interpreter), **dict.fromkeys(programs.WRAPPERS, Reader._wrapper),
}  # fmt: skip


def _every(script: Script) -> list[Command]:
    """All commands, those in substitutions included, each once."""
    found: list[Command] = []
    stack = [script]
    while stack:
        here = stack.pop()
        found += here.commands
        words = [
            w for c in here.commands for w in (*c.words, *(a for _, a in c.assigned), *(r.target for r in c.redirects))
        ]
        words += [w for _, several in here.loops for w in several]
        parts = [part for word in words for part in word.parts]
        while parts:
            part = parts.pop()
            if part.script is not None:
                stack.append(part.script)
            if part.default is not None:
                parts += part.default.parts
    return found


def _operands(name: str, words: Sequence[Value]) -> _Operands:
    """Options, the values of those that take one, and what is left. ``--`` ends options."""
    options: list[str] = []
    values: dict[str, list[Value]] = {}
    rest: list[Value] = []
    valued = programs.VALUED.get(name, "")
    at = 0
    while at < len(words):
        value = words[at]
        text = _text(value)
        at += 1
        if text == "--":
            rest += words[at:]
            break
        if text.startswith("--"):
            key, equals, given = text[2:].partition("=")
            options.append(text)
            if equals and isinstance(value, Text):
                values.setdefault(key, []).append(replace(value, text=given))
            elif key in _LONG_VALUED and at < len(words):
                values.setdefault(key, []).append(words[at])
                at += 1
        elif text.startswith("-") and len(text) > 1:
            options.append(text)
            letter = next((number for number, c in enumerate(text[1:], 1) if c in valued), 0)
            if letter and letter + 1 < len(text) and isinstance(value, Text):
                values.setdefault(text[letter], []).append(replace(value, text=text[letter + 1 :]))
            elif letter and at < len(words):
                values.setdefault(text[letter], []).append(words[at])
                at += 1
        else:
            rest.append(value)
    return _Operands(options, values, rest)


#: Variables that make other programs load or run something.
_RUN_LATER = frozenset({"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PYTHONSTARTUP", "PERL5OPT",
                        "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "NODE_OPTIONS", "RUBYOPT"})  # fmt: skip
_LONG_VALUED = frozenset(
    {"data", "data-binary", "data-raw", "data-urlencode", "form", "upload-file", "output", "output-document",
     "header", "user", "request", "proxy", "post-file", "post-data", "body-file", "directory-prefix", "url",
     "cookie", "cookie-jar", "user-agent", "referer", "max-time", "retry", "connect-timeout", "write-out",
     "target-directory", "lines", "bytes", "expression", "file", "regexp", "size", "mode", "owner", "group"}
)  # fmt: skip


def _text(value: Value) -> str:
    return value.text if isinstance(value, Text) else ""


def _shown(words: Sequence[Value]) -> str:
    """The command as far as it is known, for a person."""
    parts = [v.text + ("" if v.whole else "…") if isinstance(v, Text) else "…" for v in words[:12]]
    line = " ".join(part if part and not re.search(r"\s", part) else repr(part) for part in parts)
    return line if len(line) <= 100 else line[:99] + "…"


def _sequence(words: Iterable[Value]) -> Value:
    total: Value = Text("")
    for number, value in enumerate(words):
        total = joined(joined(total, Text(" ")), value) if number else joined(total, value)
    return total


def _below(value: Value) -> Value:
    """A file somewhere below a folder."""
    if not isinstance(value, Text):
        return value
    return replace(value, text=value.text.rstrip("/") + "/", whole=False, origin="unknown")


def _globbed(value: Value) -> Value:
    """A path with a pattern in it: its folder, and what is in there."""
    if isinstance(value, Text) and value.whole and re.search(r"[*?\[]", value.text):
        head = re.split(r"[*?\[]", value.text, maxsplit=1)[0]
        return replace(value, text=head if head else "./", whole=False, origin="unknown")
    return value


def _braced(text: str) -> list[str]:
    """``a{b,c}d`` as the words it becomes."""
    found = [text]
    for _ in range(3):
        parts = [re.match(r"([^{}]*)\{([^{}]*,[^{}]*)\}(.*)", each, re.DOTALL) for each in found]
        if not any(parts):
            break
        found = [
            word
            for each, part in zip(found, parts, strict=True)
            for word in ([f"{part[1]}{middle}{part[3]}" for middle in part[2].split(",")] if part else [each])
        ][:64]
    return found


def _url(value: Value) -> Value:
    """What a transfer program takes as a URL: a bare name is a host."""
    if isinstance(value, Text) and "://" not in value.text and value.text:
        if re.match(r"[\w.-]+@[\w.-]+:", value.text):
            return replace(value, text=f"ssh://{value.text.partition(':')[0]}/")
        return replace(value, text=f"http://{value.text}/" if value.whole else f"http://{value.text}")
    return value
