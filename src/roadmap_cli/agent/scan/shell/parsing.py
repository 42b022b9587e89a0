"""A shell script taken apart: simple commands, what they are made of, and how they hang together.

POSIX shell and the parts of bash that scripts use: here-documents, redirections, pipes, functions, compound commands.
The text is read once from front to back; what cannot be read makes the script `broken`, never an exception.
"""

from __future__ import annotations

import re

from roadmap_cli.agent.scan.shell.tree import Command, Part, Redirect, Script, Word
from roadmap_cli.agent.scan.shell.words import DEEPEST, META, Broken, Words

_SKIPPED = frozenset(
    {"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "time", "coproc", "{", "}"}
)


def parse(text: str, line: int = 1) -> Script:
    """Take a script apart. Never raises: what stands before a break is kept, and `broken` says what broke."""
    parser = Parser(text, line)
    try:
        parser.script("", None, "")
    except Broken as error:
        parser.out.broken, parser.out.broken_line = str(error), parser.line
    return parser.out


class Parser(Words):
    """Commands of a script, POSIX.1-2024, XCU 2.10: of compound commands only the simple ones inside are kept."""

    def script(self, end: str, out: Script | None, function: str) -> None:
        """Commands up to `end` (``)``, ``}`` or the end of the text), into `out`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Broken("nested too deeply")
        kept, self.out = self.out, out if out is not None else self.out
        command = self._new(function)
        while True:
            self.blank()
            if self.at >= self.size:
                self._finish(command)
                if end:
                    raise Broken(f"no {end!r} to close what was opened")
                break
            char = self.text[self.at]
            if char == "\n":
                self.newline()
                self._finish(command)
                command = self._new(function)
            elif char == "#":
                self.comment()
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
                word = self.word()
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
            self.blank(newlines=True)
        elif text[at] == "&" and two != "&&":
            command.background = True
        return after

    def _pattern(self) -> None:
        """Past a pattern of a case, to the commands behind it."""
        if self.text.startswith("&", self.at):
            self.at += 1
        while True:
            self.blank(newlines=True)
            if self.at >= self.size or re.match(r"esac\b", self.text[self.at : self.at + 5]):
                return
            if self.text[self.at] == ")":
                self.at += 1
                return
            if self.text[self.at] in META:
                self.at += 1
            else:
                self.word()

    def _paren(self, command: Command, function: str) -> Command:
        if self.text.startswith("((", self.at) and not command.words and self.is_arithmetic(self.at + 2):
            self.arithmetic(2)
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
                self.blank(newlines=True)
                if self.at >= self.size:
                    raise Broken("no ')' to close what was opened")
                if self.text[self.at] == ")":
                    self.at += 1
                    return command
                if self.text[self.at] in META:
                    self.at += 1
                    continue
                word = self.word()
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
        self.blank(newlines=True)
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
                self.blank(newlines=True)
                if self.text.startswith("in", self.at):
                    self.at += 2
                    self._pattern()
                return self._new(function)
            if text == "esac":
                return self._new(function)
            if text == "function" and not command.assigned:
                named = self._word_if_any()
                name = named.literal if named is not None else None
                self.blank()
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
        self.blank()
        if self.at >= self.size or self.text[self.at] in META:
            return None
        return self.word()

    def _loop(self) -> None:
        named = self._word_if_any()
        if named is None:
            if self.text.startswith("((", self.at):
                self.arithmetic(2)
            return
        name = named.literal or ""
        self.blank(newlines=True)
        words: list[Word] = []
        if self.text.startswith("in", self.at) and self.text[self.at + 2 : self.at + 3] in (" ", "\t", "\n", ";", ""):
            self.at += 2
            while True:
                self.blank()
                if self.at >= self.size or self.text[self.at] in "\n;&|)":
                    break
                if self.text[self.at] in META:
                    self.at += 1
                    continue
                words.append(self.word())
        self.out.loops.append((name, words))

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
            command.words.append(self.word())
            return
        operator = next(
            (o for o in ("<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">") if text.startswith(o, self.at)),
            ">",
        )
        self.at += len(operator)
        self.blank()
        if self.at >= self.size or self.text[self.at] in "\n;|)":
            return
        if self.text[self.at] in "<>&(" and not text.startswith(("<(", ">("), self.at):
            self.at += 1
            return
        before = self.at
        word = self.word()
        redirect = Redirect(operator, word)
        command.redirects.append(redirect)
        if operator in ("<<", "<<-"):
            raw = text[before : self.at]
            mark = "".join(p.text for p in word.parts)
            self.pending.append((redirect, mark, operator == "<<-", any(c in raw for c in "'\"\\")))

    def newline(self) -> None:
        """Past the end of a line, and over the here-documents that begin behind it."""
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
                inner = self.anew(body, first, self.depth + 1)
                try:
                    parts = inner.double_quoted("")
                except Broken as error:
                    parts.append(Part("unknown", str(error)))
            redirect.target = Word(parts, first, 1)

    def anew(self, text: str, line: int, depth: int) -> Parser:
        """A reader for a text inside this one: a here-document, what stands in backquotes."""
        return Parser(text, line, depth, Script())


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
