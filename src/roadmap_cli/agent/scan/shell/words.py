"""Words of a shell script, read from its text: quotes, ``$x``, ``${x:-y}``, ``$(…)``, backquotes, ``$((…))``.

POSIX.1-2024, XCU 2.2 (quoting), 2.3 (token recognition) and 2.6 (what expansions look like), and what bash adds.
Nothing is expanded here.
"""

from __future__ import annotations

import re

from roadmap_cli.agent.scan.shell.tree import Part, Redirect, Script, Word

DEEPEST = 24
META = frozenset(" \t\n;&|<>()")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v",
            "\\": "\\", "'": "'", '"': '"'}  # fmt: skip


class Broken(Exception):
    """The text cannot be read any further; its words say why."""


class Words:
    """A reader in the middle of a text: it stands at `at`, in the line `line` that begins at `begin`.

    `script` and `newline` are the grammar's (`parsing.Parser`): substitutions hold scripts, lines end here-documents.
    """

    def __init__(self, text: str, line: int, depth: int = 0, out: Script | None = None) -> None:
        self.text, self.line, self.depth = text, line, depth
        self.at, self.begin = 0, 0
        self.size = len(text)
        self.out = out if out is not None else Script()
        self.pending: list[tuple[Redirect, str, bool, bool]] = []  # here-documents that begin on the next line

    def script(self, end: str, out: Script | None, function: str) -> None:
        """Commands up to `end`, into `out`."""
        raise NotImplementedError

    def newline(self) -> None:
        """Past the end of a line."""
        raise NotImplementedError

    def anew(self, text: str, line: int, depth: int) -> Words:
        """A reader of the same kind for another text."""
        raise NotImplementedError

    def blank(self, *, newlines: bool = False) -> None:
        """Past blanks and continued lines, and with `newlines` past ends of lines and comments."""
        text, size = self.text, self.size
        while self.at < size:
            char = text[self.at]
            if char in " \t\r":
                self.at += 1
            elif char == "\\" and text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
                self.begin = self.at
            elif newlines and char == "\n":
                self.newline()
            elif newlines and char == "#":
                self.comment()
            else:
                return

    def comment(self) -> None:
        """Past a comment, to the end of its line."""
        end = self.text.find("\n", self.at)
        self.at = self.size if end < 0 else end

    def word(self) -> Word:
        """The word that begins here; a sign that fits nowhere is one."""
        word = Word([], self.line, self.at - self.begin + 1)
        text, size, parts = self.text, self.size, word.parts
        plain = self.at
        while self.at < size:
            char = text[self.at]
            if char in META:
                if char in "<>" and text[self.at + 1 : self.at + 2] == "(" and plain == self.at:
                    self.at += 2
                    parts.append(self._substitution("process"))
                    plain = self.at
                    continue
                break
            if char not in "'\"\\$`":
                self.at += 1
                continue
            if plain < self.at:
                parts.append(Part("text", text[plain : self.at]))
            if char == "'":
                end = text.find("'", self.at + 1)
                if end < 0:
                    raise Broken('no "\'" to close what was opened')
                parts.append(Part("text", text[self.at + 1 : end], quoted=True))
                self.go_to(end + 1)
            elif char == '"':
                self.at += 1
                inner = self.double_quoted('"')
                parts += inner or [Part("text", "", quoted=True)]
            elif char == "\\":
                if text.startswith("\\\n", self.at):
                    self.go_to(self.at + 2)
                else:
                    parts.append(Part("text", text[self.at + 1 : self.at + 2], quoted=True))
                    self.go_to(min(self.at + 2, size))
            elif char == "`":
                parts.append(self._backquoted(False))
            else:
                parts.append(self._dollar(False))
            plain = self.at
        if plain < self.at:
            parts.append(Part("text", text[plain : self.at]))
        if not parts:
            self.at += 1  # a sign that fits nowhere: taken as text, so that reading goes on
            parts.append(Part("text", text[self.at - 1 : self.at]))
        return word

    def go_to(self, end: int) -> None:
        """Go on at a place, lines counted."""
        count = self.text.count("\n", self.at, end)
        if count:
            self.line += count
            self.begin = self.text.rfind("\n", self.at, end) + 1
        self.at = end

    def double_quoted(self, end: str) -> list[Part]:
        """What stands in double quotes, or, without an `end`, in a here-document."""
        parts: list[Part] = []
        text, size = self.text, self.size
        plain = self.at
        while True:
            if self.at >= size:
                if end:
                    raise Broken("no '\"' to close what was opened")
                break
            char = text[self.at]
            if char == end:
                break
            if char == "\n":
                self.at += 1
                self.line += 1
                self.begin = self.at
                continue
            if char not in "\\$`":
                self.at += 1
                continue
            if plain < self.at:
                parts.append(Part("text", text[plain : self.at], quoted=True))
            if char == "\\":
                after = text[self.at + 1 : self.at + 2]
                if after != "\n":
                    parts.append(Part("text", after if after in '$`"\\' else "\\" + after, quoted=True))
                self.go_to(min(self.at + 2, size))
            elif char == "`":
                parts.append(self._backquoted(True))
            else:
                parts.append(self._dollar(True))
            plain = self.at
        if plain < self.at:
            parts.append(Part("text", text[plain : self.at], quoted=True))
        self.at += len(end)
        return parts

    def _dollar(self, quoted: bool) -> Part:
        text = self.text
        after = text[self.at + 1 : self.at + 2]
        if text.startswith("$((", self.at) and self.is_arithmetic(self.at + 3):
            self.arithmetic(3)
            return Part("unknown", "a number", quoted=quoted)
        if after == "(":
            self.at += 2
            part = self._substitution("command")
            part.quoted = quoted
            return part
        if after == "{":
            return self._braced(quoted)
        if after == "'" and not quoted:
            return self._escaped()
        if after == '"' and not quoted:
            self.at += 1
            return Part("text", "", quoted=True)
        end = self.at + 1
        if after.isdigit() or (after and after in "@*#?$!-"):
            end += 1
        else:
            while end < self.size and (text[end].isalnum() or text[end] == "_"):
                end += 1
        name = text[self.at + 1 : end]
        self.at = end
        return Part("variable", name, quoted=quoted) if name else Part("text", "$", quoted=quoted)

    def _substitution(self, kind: str) -> Part:
        inner = Script()
        pending, self.pending = self.pending, []
        self.script(")", inner, "")
        self.pending = pending
        return Part(kind, script=inner)

    def _braced(self, quoted: bool) -> Part:
        """``${…}``: the name, and the value it has by default; anything cleverer is unknown."""
        text, size = self.text, self.size
        at = self.at + 2
        start = at
        while at < size and (text[at].isalnum() or text[at] == "_"):
            at += 1
        if at == start and at < size and text[at] in "!#@*?":
            at += 1
        name = text[start:at]
        self.at = at
        rest: list[Part] = []
        operator = ""
        if at < size and text[at] != "}":
            operator = text[at : at + 2] if text[at] == ":" else text[at]
            self.at += len(operator)
            self.depth += 1
            if self.depth > DEEPEST:
                raise Broken("nested too deeply")
            rest = self._until_brace()
            self.depth -= 1
        elif at >= size:
            raise Broken("no '}' to close what was opened")
        self.at += 1
        if name in ("!", ""):
            return Part("unknown", "a name in a variable", quoted=quoted)
        if operator in (":-", "-", ":=", "=", ":+", "+"):
            return Part("variable", name, quoted=quoted, default=Word(rest, self.line, 1))
        if operator and operator[0] in "[@":
            return Part("variable", name, quoted=quoted)
        if operator:
            return Part("edited", name, quoted=quoted, default=Word(rest, self.line, 1))
        return Part("variable", name, quoted=quoted)

    def _until_brace(self) -> list[Part]:
        parts: list[Part] = []
        text = self.text
        plain = self.at
        while self.at < self.size and text[self.at] != "}":
            char = text[self.at]
            if char not in "'\"\\$`\n":
                self.at += 1
                continue
            if plain < self.at:
                parts.append(Part("text", text[plain : self.at]))
            if char == "'":
                end = text.find("'", self.at + 1)
                end = self.at if end < 0 else end
                parts.append(Part("text", text[self.at + 1 : end]))
                self.go_to(end + 1)
            elif char == '"':
                self.at += 1
                parts += self.double_quoted('"')
            elif char == "\n":
                self.go_to(self.at + 1)
            elif char == "\\":
                parts.append(Part("text", text[self.at + 1 : self.at + 2]))
                self.go_to(min(self.at + 2, self.size))
            else:
                parts.append(self._backquoted(False) if char == "`" else self._dollar(False))
            plain = self.at
        if self.at >= self.size:
            raise Broken("no '}' to close what was opened")
        if plain < self.at:
            parts.append(Part("text", text[plain : self.at]))
        return parts

    def _escaped(self) -> Part:
        """``$'…'``: escapes as in C."""
        text, size = self.text, self.size
        self.at += 2
        out: list[str] = []
        while self.at < size and text[self.at] != "'":
            char = text[self.at]
            if char != "\\":
                out.append(char)
                self.go_to(self.at + 1)
                continue
            after = text[self.at + 1 : self.at + 2]
            length = {"x": 2, "u": 4, "U": 8}.get(after, 0)
            digits = text[self.at + 2 : self.at + 2 + length] if length else text[self.at + 1 : self.at + 4]
            base = 16 if length else 8
            known = ""
            for digit in digits:
                if digit not in "0123456789abcdefABCDEF"[: 22 if base == 16 else 8]:
                    break
                known += digit
            if known and (length or after.isdigit()):
                number = int(known, base)
                out.append(chr(number) if number < 0x110000 else "?")
                self.at += (2 if length else 1) + len(known)
            else:
                out.append(_ESCAPES.get(after, "\\" + after))
                self.go_to(min(self.at + 2, size))
        if self.at >= size:
            raise Broken('no "\'" to close what was opened')
        self.at += 1
        return Part("text", "".join(out), quoted=True)

    def _backquoted(self, quoted: bool) -> Part:
        end = self.at + 1
        text, size = self.text, self.size
        out: list[str] = []
        while end < size and text[end] != "`":
            if text[end] == "\\" and end + 1 < size and text[end + 1] in "`\\$":
                end += 1
            out.append(text[end])
            end += 1
        if end >= size:
            raise Broken("no '`' to close what was opened")
        if self.depth + 4 > DEEPEST:
            raise Broken("nested too deeply")
        inner = self.anew("".join(out), self.line, self.depth + 4)
        inner.script("", None, "")
        self.go_to(end + 1)
        return Part("command", script=inner.out, quoted=quoted)

    def is_arithmetic(self, at: int) -> bool:
        """Whether what was opened by two parentheses is closed by two at once: else it is a subshell in another."""
        depth = 2
        for found in re.compile(r"[()]").finditer(self.text, at):
            depth += 1 if found[0] == "(" else -1
            if depth == 1:
                return self.text.startswith("))", found.start())
        return False

    def arithmetic(self, opened: int) -> None:
        """Past ``((…))`` or ``$((…))``; commands inside it are looked at."""
        depth = 2
        self.at += opened
        text, size = self.text, self.size
        while self.at < size and depth:
            char = text[self.at]
            if char == "$" and text.startswith("$(", self.at) and not text.startswith("$((", self.at):
                self.at += 2
                self.script(")", self.out, "")
                continue
            if char == "`":
                part = self._backquoted(True)
                if part.script is not None:
                    self.out.commands += part.script.commands
                continue
            depth += {"(": 1, ")": -1}.get(char, 0)
            self.go_to(self.at + 1)
        if depth:
            raise Broken("no '))' to close what was opened")
