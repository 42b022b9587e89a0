"""What a word of a shell script may become: variables, parameters of functions, and what substitutions give.

Substitutions are folded without running anything: ``$(echo x)``, ``$(pwd)``, ``echo … | base64 -d``.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from roadmap_cli.agent.scan.folding import joined
from roadmap_cli.agent.scan.shell.operands import braced, one_of, sequence
from roadmap_cli.agent.scan.shell.tree import Command, Part, Script, Word
from roadmap_cli.agent.scan.values import Text, Unknown, Value

WIDTH = 8


class Expansion:
    """What the words of one script may become. `steps` bound the work: when they are used up, nothing is known.

    Variables get all that the script assigns to them, positional parameters what its calls of the function give.
    """

    def __init__(self, script: Script, commands: Sequence[Command], project: str) -> None:
        """`commands` are all of the script, those in substitutions included; `project` is the working directory."""
        self._project = project
        self._variables: dict[str, list[Word]] = {}
        self._calls: dict[str, list[list[Word]]] = {}
        self._working: set[str] = set()
        self.steps = 0
        self.limit = 50 * len(commands) + 2000
        for name, words in script.loops:
            self._variables.setdefault(name, []).extend(words)
        for command in commands:
            for name, word in command.assigned:
                self._variables.setdefault(name, []).append(word)
            first = command.words[0].literal if command.words else None
            if first in ("export", "local", "declare", "typeset", "readonly", "alias"):
                for word in command.words[1:]:
                    self._declared(word)
            elif first in script.functions and first is not None:
                self._calls.setdefault(first, []).append(command.words[1:])

    @property
    def exhausted(self) -> bool:
        """Whether more steps were asked for than there are."""
        return self.steps > self.limit

    def _declared(self, word: Word) -> None:
        if word.parts and word.parts[0].kind == "text" and "=" in word.parts[0].text:
            name, _, rest = word.parts[0].text.partition("=")
            parts = ([Part("text", rest)] if rest else []) + word.parts[1:]
            self._variables.setdefault(name, []).append(Word(parts, word.line, word.column))

    def values(self, word: Word, function: str = "", level: int = 0) -> list[Value]:
        """What a word may become, one value for each way."""
        self.steps += 1
        found: list[Value] = [Text("", trail=(word.line,))]
        if self.exhausted:
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
        if key in self._working:
            return []
        self._working.add(key)
        try:
            found = self._assigned(name, function, level)
            if part.default is not None and part.default.parts:
                found = [*found, *self.values(part.default, function, level + 1)]
        finally:
            self._working.discard(key)
        return list(dict.fromkeys(found))[:WIDTH] or [Unknown("caller")]

    def _assigned(self, name: str, function: str, level: int) -> list[Value]:
        found: list[Value] = []
        if name.isdigit() or name in ("@", "*"):
            number = int(name) if name.isdigit() else 1
            for words in self._calls.get(function, ())[:WIDTH] if function and number else ():
                given = words[number - 1 : number] if name.isdigit() else words
                for word in given[:WIDTH]:
                    found += self.values(word, "", level + 1)
            return found or [Unknown("caller")]
        for word in self._variables.get(name, ())[:WIDTH]:
            found += self.values(word, function, level + 1)
        if not found:
            known = {"HOME": "~", "PWD": self._project, "OLDPWD": self._project,
                "TMPDIR": "/tmp",
                     "IFS": " ", "SHELL": "/bin/sh", "BASH": "/bin/bash",
                     "0": self._project + "/script"}  # fmt: skip
            return [Text(known[name])] if name in known else [Unknown("caller")]
        return found

    def _output(self, script: Script, function: str, level: int) -> list[Value]:
        """What a substitution gives, if it is one command that says what it was told."""
        if not script.commands:
            return [Text("")]
        last = script.commands[-1]
        words = [self.values(word, function, level + 1) for word in last.words]
        flat = [one_of(each) for each in words]
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
            return [sequence(flat[1:])]
        if name == "printf" and known and told:
            text = told[0].replace("%s", "{}", len(told) - 1).replace("\\n", "\n")
            text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)
            text = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8) & 255), text)
            for each in told[1:]:
                text = text.replace("{}", each, 1)
            return [Text(text.rstrip("\n"))]
        if name == "pwd":
            return [Text(self._project)]
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
            return [Text(self._project)]
        if name in ("curl", "wget", "nc", "cat", "base64"):
            return [Unknown("decoded" if name == "base64" else "unknown")]
        return [Unknown("unknown")]

    def _decoded(self, name: str, options: list[str], command: Command, function: str, level: int) -> Value:
        """``echo X | base64 -d`` and its like, folded."""
        texts = self.piped(command, function, level)
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

    def piped(self, command: Command, function: str, level: int) -> list[str]:
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

    def expanded(self, words: Iterable[Word], function: str) -> list[Value]:
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
                    found += [replace(value, text=each) for each in braced(value.text)]
                elif bare and isinstance(value, Text) and value.whole and value.text.split() != [value.text]:
                    found += [replace(value, text=each) for each in value.text.split()]
                elif number == 0 or (isinstance(value, Text) and value.text and found):
                    found.append(value)
        return found or [Text("")]
