"""The text of an HTML mail: what a person would read, in lines, without scripts, hidden text, images and addresses.

One pass of a tokenizer of our own over the tags (linear in the length, nothing is fetched or executed); quotations
(`blockquote`) come out as lines that begin with `> `, as they do in plain mail.
"""

from __future__ import annotations

import html
import re

#: Longer texts are cut off before they are read.
MOST_CHARACTERS = 8_000_000
_DEEPEST_QUOTE = 20

_NAME = re.compile(r"(/?)\s*([a-zA-Z][a-zA-Z0-9:_-]{0,30})")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:[;\"']|\Z)"
    r"|max-height\s*:\s*0(?:px)?\s*(?:[;\"']|\Z)",
    re.IGNORECASE,
)
_HIDES = re.compile(r"\shidden(?:[\s=/]|\Z)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_INVISIBLE = re.compile("[\u034f\u00ad\u200b\u200c\u2060\ufeff]")

_SILENT = frozenset(
    {"script", "style", "head", "title", "noscript", "template", "object", "svg", "math", "select", "textarea",
     "iframe", "audio", "video"}
)  # fmt: skip
_RAW = frozenset({"script", "style", "title", "textarea"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_BLOCK = frozenset(
    {"address", "article", "aside", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
     "form", "header", "hr", "main", "nav", "ol", "section", "table", "tbody", "tfoot", "thead", "tr", "ul", "caption",
     "body", "html"}
)  # fmt: skip
_PARAGRAPH = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote"])


class _Page:
    """Lines as they come together: white space runs are one, block elements begin a line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.preserved = 0
        self.space = False

    def text(self, text: str) -> None:
        """Add text to the line."""
        if self.preserved:
            first, *rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            self.line.append(first)
            for each in rest:
                self.end()
                self.line.append(each)
            return
        words = _SPACE.split(text)
        if not words[0] and self.line:
            self.space = True
        joined = " ".join(word for word in words if word)
        if joined:
            if self.space and self.line:
                self.line.append(" ")
            self.line.append(joined)
            self.space = not words[-1]

    def end(self, *, blank: bool = False) -> None:
        """End the line, if there is one; `blank` puts an empty one behind it."""
        if self.line:
            self.lines.append("> " * self.quotes + "".join(self.line).strip("\n"))
            self.line = []
        if blank and self.lines and self.lines[-1].strip("> "):
            self.lines.append(("> " * self.quotes).rstrip())
        self.space = False

    def break_line(self) -> None:
        """A line break, which may leave an empty line."""
        if self.line:
            self.end()
        elif self.lines and self.lines[-1].strip("> "):
            self.lines.append(("> " * self.quotes).rstrip())


def plain(source: str) -> str:
    """The text of HTML. Never raises; time linear in its length."""
    text, is_whole = _read(source[:MOST_CHARACTERS], hide=True)
    # an element that is left out and never ends would leave out the rest
    return text if is_whole else _read(source[:MOST_CHARACTERS], hide=False)[0]


def _read(source: str, *, hide: bool) -> tuple[str, bool]:
    """The text, and whether each element that was left out has an end."""
    page = _Page()
    skipping = ""  # the element whose content is left out, and how many of its name are open
    depth = 0
    at, length = 0, len(source)
    while at < length:
        mark = source.find("<", at)
        if mark < 0:
            mark = length
        if mark > at and not skipping:
            page.text(_INVISIBLE.sub("", html.unescape(source[at:mark])))
        if mark >= length:
            break
        if source.startswith("<!--", mark):
            end = source.find("-->", mark + 4)
            at = length if end < 0 else end + 3
            continue
        close = _close(source, mark)
        if close < 0:
            if not skipping:
                page.text(_INVISIBLE.sub("", html.unescape(source[mark:])))
            break
        tag = source[mark + 1 : close]
        at = close + 1
        found = _NAME.match(tag)
        if not found:
            if not tag[:1] or tag[:1] in " \t\r\n0123456789=<":  # a bare less-than sign
                if not skipping:
                    page.text("<")
                at = mark + 1
            continue
        closing, name = bool(found[1]), found[2].lower()
        if skipping:
            if skipping == "head" and name == "body":
                skipping = ""
            elif name == skipping:
                depth += -1 if closing or name in ("p", "li", "td", "tr") else 1
                if depth == 0:
                    skipping = ""
            continue
        if (
            not closing
            and name not in _VOID
            and (name in _SILENT if hide else name in _RAW) | (hide and _is_hidden(tag))
        ):
            if name in _RAW:
                at = _after_raw(source, at, name)
            elif not tag.endswith("/"):
                skipping, depth = name, 1
            continue
        _element(page, name, tag, closing)
    page.end()
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in page.lines)).strip("\n")
    return text, not skipping


def _close(source: str, mark: int) -> int:
    """Where the tag that begins at `mark` ends; a > within quotes does not end it, if the quote is closed nearby."""
    close = source.find(">", mark + 1)
    for _ in range(8):
        if close < 0 or source.count('"', mark, min(close, mark + 8192)) % 2 == 0:
            return close
        quote = source.find('"', close, close + 2048)
        if quote < 0:
            return close
        further = source.find(">", quote, quote + 2048)
        if further < 0:
            return close
        close = further
    return close


def _after_raw(source: str, at: int, name: str) -> int:
    """Where to go on after script, style and the like: their content is no markup."""
    while True:
        end = source.find("</", at)
        if end < 0:
            return len(source)
        if source[end + 2 : end + 2 + len(name)].lower() == name:
            close = source.find(">", end)
            return len(source) if close < 0 else close + 1
        at = end + 2


def _is_hidden(tag: str) -> bool:
    if len(tag) < 8:
        return False
    return bool(_HIDDEN.search(tag) or _HIDES.search(tag)) if "hid" in tag or ":" in tag or "HID" in tag else False


def _element(page: _Page, name: str, tag: str, closing: bool) -> None:
    if name == "br":
        page.break_line()
    elif name == "blockquote":
        page.end()
        page.quotes = max(0, page.quotes - 1) if closing else min(page.quotes + 1, _DEEPEST_QUOTE)
    elif name in _PARAGRAPH:
        page.end(blank=True)
        if name == "pre":
            page.preserved = max(0, page.preserved + (-1 if closing else 1))
    elif name == "li":
        page.end()
        if not closing:
            page.line.append("- ")
    elif name in ("td", "th"):
        page.space = True
    elif name in _BLOCK:
        page.end()
