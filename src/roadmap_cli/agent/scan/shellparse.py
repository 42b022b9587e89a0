"""A shell script taken apart: simple commands, what they are made of, and how they hang together.

POSIX shell and the parts of bash that scripts use: quotes, ``$x``, ``${x:-y}``, ``$(…)``, backquotes, ``$((…))``,
here-documents, redirections, pipes, ``<(…)``, functions, compound commands. Nothing is expanded here. The text is read
once from front to back; what cannot be read makes the script `broken`, never an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DEEPEST = 24
_META = frozenset(" \t\n;&|<>()")
_SKIPPED = frozenset(
    {"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "time", "coproc", "{", "}"}
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v",
            "\\": "\\", "'": "'", '"': '"'}  # fmt: skip


@dataclass(slots=True)
class Part:
    """A piece of a word: ``text`` as it is; ``variable`` by name; ``command``, the output of one; ``unknown``."""

    kind: str
    text: str = ""
    script: Script | None = None
    quoted: bool = False
    default: Word | None = None


@dataclass(slots=True)
class Word:
    """A word before expansion, and where it stands."""

    parts: list[Part]
    line: int
    column: int

    @property
    def literal(self) -> str | None:
        """Its text if nothing in it is expanded."""
        return "".join(p.text for p in self.parts) if all(p.kind == "text" for p in self.parts) else None


@dataclass(slots=True)
class Redirect:
    """``>``, ``<``, ``>>``, ``<<``, ``<<<`` and their like, with the word they go to or the text they bring."""

    operator: str
    target: Word


@dataclass(slots=True)
class Command:
    """A simple command; `source` is the one whose output is piped into it, if it is simple, too."""

    line: int
    column: int
    words: list[Word] = field(default_factory=list)
    assigned: list[tuple[str, Word]] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    source: Command | None = None
    function: str = ""
    background: bool = False
    piped: bool = False


@dataclass(slots=True)
class Script:
    """All simple commands in their order, functions' ones included; loops' variables; names of functions."""

    commands: list[Command] = field(default_factory=list)
    loops: list[tuple[str, list[Word]]] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    broken: str = ""
    broken_line: int = 1


class _Broken(Exception):
    pass


def parse(text: str, line: int = 1) -> Script:
    """Take a script apart. Never raises: what stands before a break is kept, and `broken` says what broke."""
    parser = _Parser(text, line)
    try:
        parser.script("", None, "")
    except _Broken as error:
        parser.out.broken, parser.out.broken_line = str(error), parser.line
    return parser.out


class _Parser:
    def __init__(self, text: str, line: int, depth: int = 0, out: Script | None = None) -> None:
        self.text, self.line, self.depth = text, line, depth
        self.at, self.begin = 0, 0
        self.size = len(text)
        self.out = out if out is not None else Script()
        self.pending: list[tuple[Redirect, str, bool, bool]] = []

    # -- commands ------------------------------------------------------------------------------------------------------

    def script(self, end: str, out: Script | None, function: str) -> None:
        """Commands up to `end` (``)``, ``}`` or the end of the text), into `out`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise _Broken("nested too deeply")
        kept, self.out = self.out, out if out is not None else self.out
        command = self._new(function)
        while True:
            self._blank()
            if self.at >= self.size:
                self._finish(command)
                if end:
                    raise _Broken(f"no {end!r} to close what was opened")
                break
            char = self.text[self.at]
            if char == "\n":
                self._newline()
                self._finish(command)
                command = self._new(function)
            elif char == "#":
                self._comment()
            elif char == ")":
                self._finish(command)
                self.at += 1
                if end == ")":
                    break
                command = self._new(function)
            elif char in ";&|":
                command = self._operator(command, function)
            elif char == "(":
                command = self._paren(command, function)
            elif char in "<>" or (char.isdigit() and self._is_descriptor()):
                self._redirect(command)
            else:
                word = self._word()
                if not command.words and not command.assigned and end == "}" and word.literal == "}":
                    self._finish(command)
                    break
                command = self._place(command, word, function)
        self.depth -= 1
        self.out = kept

    def _new(self, function: str) -> Command:
        return Command(self.line, self.at - self.begin + 1, function=function)

    def _finish(self, command: Command) -> None:
        if command.words or command.assigned or command.redirects:
            if command.words:
                command.line, command.column = command.words[0].line, command.words[0].column
            self.out.commands.append(command)

    def _operator(self, command: Command, function: str) -> Command:
        text, at = self.text, self.at
        two = text[at : at + 2]
        self._finish(command)
        if two in ("&>", "&|"):
            self.at += 1
            if two == "&>":
                self._redirect(command)
            return command
        self.at += 2 if two in ("&&", "||", ";;", "|&", ";&") else 1
        if two in (";;", ";&"):
            self._pattern()
        after = self._new(function)
        if two == "|&" or (text[at] == "|" and two != "||"):
            after.source = command if command.words or command.redirects else None
            after.piped = True
            self._blank(newlines=True)
        elif text[at] == "&" and two != "&&":
            command.background = True
        return after

    def _pattern(self) -> None:
        """Past a pattern of a case, to the commands behind it."""
        if self.text.startswith("&", self.at):
            self.at += 1
        while True:
            self._blank(newlines=True)
            if self.at >= self.size or re.match(r"esac\b", self.text[self.at : self.at + 5]):
                return
            if self.text[self.at] == ")":
                self.at += 1
                return
            if self.text[self.at] in _META:
                self.at += 1
            else:
                self._word()

    def _paren(self, command: Command, function: str) -> Command:
        if self.text.startswith("((", self.at) and not command.words and self._is_arithmetic(self.at + 2):
            self._arithmetic(2)
            return command
        name = command.words[0].literal if len(command.words) == 1 else None
        if name and self.text[self.at : self.at + 2].replace(" ", "") in ("()", "(") and self._closes_at_once():
            self.out.functions.add(name)
            self.at = self.text.index(")", self.at) + 1
            self._body(name)
            return self._new(function)
        self.at += 1
        if command.words or command.assigned:  # an array: x=(a b c)
            while True:
                self._blank(newlines=True)
                if self.at >= self.size:
                    raise _Broken("no ')' to close what was opened")
                if self.text[self.at] == ")":
                    self.at += 1
                    return command
                if self.text[self.at] in _META:
                    self.at += 1
                    continue
                word = self._word()
                if command.assigned and not command.words:
                    command.assigned.append((command.assigned[-1][0], word))
                else:
                    command.words.append(word)
        self.script(")", self.out, function)
        return self._new(function)

    def _closes_at_once(self) -> bool:
        end = self.text.find(")", self.at, self.at + 16)
        return end >= 0 and not self.text[self.at + 1 : end].strip()

    def _body(self, name: str) -> None:
        """A function's body: its commands know its name."""
        self._blank(newlines=True)
        if self.text.startswith("{", self.at):
            self.at += 1
            self.script("}", self.out, name)
        elif self.text.startswith("(", self.at):
            self.at += 1
            self.script(")", self.out, name)

    def _place(self, command: Command, word: Word, function: str) -> Command:
        """Put a word into the command, or obey it if it is a keyword; gives the command to go on with."""
        text = word.literal
        if not command.words:
            if text in _SKIPPED and not command.assigned:
                return command
            if text in ("for", "select") and not command.assigned:
                self._loop()
                return self._new(function)
            if text == "case" and not command.assigned:
                self._word_if_any()
                self._blank(newlines=True)
                if self.text.startswith("in", self.at):
                    self.at += 2
                    self._pattern()
                return self._new(function)
            if text == "esac":
                return self._new(function)
            if text == "function" and not command.assigned:
                named = self._word_if_any()
                name = named.literal if named is not None else None
                self._blank()
                if self.text.startswith("(", self.at) and self._closes_at_once():
                    self.at = self.text.index(")", self.at) + 1
                if name:
                    self.out.functions.add(name)
                    self._body(name)
                return self._new(function)
            assigned = _assignment(word)
            if assigned is not None:
                command.assigned.append(assigned)
                return command
        command.words.append(word)
        return command

    def _word_if_any(self) -> Word | None:
        self._blank()
        if self.at >= self.size or self.text[self.at] in _META:
            return None
        return self._word()

    def _loop(self) -> None:
        named = self._word_if_any()
        if named is None:
            if self.text.startswith("((", self.at):
                self._arithmetic(2)
            return
        name = named.literal or ""
        self._blank(newlines=True)
        words: list[Word] = []
        if self.text.startswith("in", self.at) and self.text[self.at + 2 : self.at + 3] in (" ", "\t", "\n", ";", ""):
            self.at += 2
            while True:
                self._blank()
                if self.at >= self.size or self.text[self.at] in "\n;&|)":
                    break
                if self.text[self.at] in _META:
                    self.at += 1
                    continue
                words.append(self._word())
        self.out.loops.append((name, words))

    # -- redirections --------------------------------------------------------------------------------------------------

    def _is_descriptor(self) -> bool:
        at = self.at
        while at < self.size and self.text[at].isdigit() and at - self.at < 5:
            at += 1
        return at < self.size and self.text[at] in "<>"

    def _redirect(self, command: Command) -> None:
        while self.at < self.size and self.text[self.at].isdigit():
            self.at += 1
        text = self.text
        if text.startswith(("<(", ">("), self.at):
            command.words.append(self._word())
            return
        operator = next(
            (o for o in ("<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">") if text.startswith(o, self.at)),
            ">",
        )
        self.at += len(operator)
        self._blank()
        if self.at >= self.size or self.text[self.at] in "\n;|)":
            return
        if self.text[self.at] in "<>&(" and not text.startswith(("<(", ">("), self.at):
            self.at += 1
            return
        before = self.at
        word = self._word()
        redirect = Redirect(operator, word)
        command.redirects.append(redirect)
        if operator in ("<<", "<<-"):
            raw = text[before : self.at]
            mark = "".join(p.text for p in word.parts)
            self.pending.append((redirect, mark, operator == "<<-", any(c in raw for c in "'\"\\")))

    def _newline(self) -> None:
        self.at += 1
        self.line += 1
        self.begin = self.at
        pending, self.pending = self.pending, []
        for redirect, mark, tabs, quoted in pending:
            lines: list[str] = []
            first = self.line
            while self.at < self.size:
                end = self.text.find("\n", self.at)
                end = self.size if end < 0 else end
                line = self.text[self.at : end]
                self.at = min(end + 1, self.size)
                self.line += 1
                self.begin = self.at
                if (line.lstrip("\t") if tabs else line) == mark:
                    break
                lines.append(line)
            body = "\n".join(lines) + "\n"
            parts = [Part("text", body, quoted=True)]
            if not quoted and self.depth < DEEPEST:
                inner = _Parser(body, first, self.depth + 1, Script())
                try:
                    parts = inner._double("")
                except _Broken as error:
                    parts.append(Part("unknown", str(error)))
            redirect.target = Word(parts, first, 1)

    # -- words ---------------------------------------------------------------------------------------------------------

    def _blank(self, *, newlines: bool = False) -> None:
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
                self._newline()
            elif newlines and char == "#":
                self._comment()
            else:
                return

    def _comment(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = self.size if end < 0 else end

    def _word(self) -> Word:
        word = Word([], self.line, self.at - self.begin + 1)
        text, size, parts = self.text, self.size, word.parts
        plain = self.at
        while self.at < size:
            char = text[self.at]
            if char in _META:
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
                    raise _Broken('no "\'" to close what was opened')
                parts.append(Part("text", text[self.at + 1 : end], quoted=True))
                self._pass(end + 1)
            elif char == '"':
                self.at += 1
                inner = self._double('"')
                parts += inner or [Part("text", "", quoted=True)]
            elif char == "\\":
                if text.startswith("\\\n", self.at):
                    self._pass(self.at + 2)
                else:
                    parts.append(Part("text", text[self.at + 1 : self.at + 2], quoted=True))
                    self._pass(min(self.at + 2, size))
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

    def _pass(self, end: int) -> None:
        count = self.text.count("\n", self.at, end)
        if count:
            self.line += count
            self.begin = self.text.rfind("\n", self.at, end) + 1
        self.at = end

    def _double(self, end: str) -> list[Part]:
        """What stands in double quotes, or, without an `end`, in a here-document."""
        parts: list[Part] = []
        text, size = self.text, self.size
        plain = self.at
        while True:
            if self.at >= size:
                if end:
                    raise _Broken("no '\"' to close what was opened")
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
                self._pass(min(self.at + 2, size))
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
        if text.startswith("$((", self.at) and self._is_arithmetic(self.at + 3):
            self._arithmetic(3)
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
                raise _Broken("nested too deeply")
            rest = self._until_brace()
            self.depth -= 1
        elif at >= size:
            raise _Broken("no '}' to close what was opened")
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
                self._pass(end + 1)
            elif char == '"':
                self.at += 1
                parts += self._double('"')
            elif char == "\n":
                self._pass(self.at + 1)
            elif char == "\\":
                parts.append(Part("text", text[self.at + 1 : self.at + 2]))
                self._pass(min(self.at + 2, self.size))
            else:
                parts.append(self._backquoted(False) if char == "`" else self._dollar(False))
            plain = self.at
        if self.at >= self.size:
            raise _Broken("no '}' to close what was opened")
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
                self._pass(self.at + 1)
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
                self._pass(min(self.at + 2, size))
        if self.at >= size:
            raise _Broken('no "\'" to close what was opened')
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
            raise _Broken("no '`' to close what was opened")
        if self.depth + 4 > DEEPEST:
            raise _Broken("nested too deeply")
        inner = _Parser("".join(out), self.line, self.depth + 4, Script())
        inner.script("", None, "")
        self._pass(end + 1)
        return Part("command", script=inner.out, quoted=quoted)

    def _is_arithmetic(self, at: int) -> bool:
        """Whether what was opened by two parentheses is closed by two at once: else it is a subshell in another."""
        depth = 2
        for found in re.compile(r"[()]").finditer(self.text, at):
            depth += 1 if found[0] == "(" else -1
            if depth == 1:
                return self.text.startswith("))", found.start())
        return False

    def _arithmetic(self, opened: int) -> None:
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
            self._pass(self.at + 1)
        if depth:
            raise _Broken("no '))' to close what was opened")


def _assignment(word: Word) -> tuple[str, Word] | None:
    """``NAME=value`` taken apart, ``NAME[3]=`` and ``NAME+=`` included."""
    first = word.parts[0]
    if first.kind != "text" or first.quoted or "=" not in first.text:
        return None
    name, _, rest = first.text.partition("=")
    name = name.removesuffix("+").partition("[")[0]
    if not name.replace("_", "a").isalnum() or name[:1].isdigit():
        return None
    parts = ([Part("text", rest)] if rest else []) + word.parts[1:]
    return name, Word(parts, word.line, word.column + len(name) + 1)
