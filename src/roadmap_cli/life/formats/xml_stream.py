"""XML from a stream in constant memory, without document types and entities, and with what is broken left out.

expat reads it piece by piece and tells of elements as they come; what a reader makes of them is collected and handed on
after each piece. A document type is cut out before expat sees it (of HealthKit's, several versions do not parse; and
nothing may be defined that expands), and so are control characters that XML does not allow.
Where the text is not well-formed, reading goes on at the next element that a reader names, with one error for the gap.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from roadmap_cli.core.errors import DataError

_PIECE_BYTES = 256 * 1024
#: The longest prolog (declaration and document type) that is looked through for the root element.
_LONGEST_PROLOG = 4 * 1024**2
#: After so many gaps nothing that follows is worth reading: an archive with a damaged byte gives one with each record.
_MOST_GAPS = 1000
#: So much of a piece is looked at again with the next one: longer than the start of any element reading goes on at.
_OVERLAP = 64
#: An element is waited for up to so many bytes before expat gets its beginning.
_LONGEST_ELEMENT = 1024**2
_NOT_XML = bytes(each for each in range(32) if each not in b"\t\n\r")
_DECLARATION = re.compile(rb"\s*<\?xml([^>]{0,200})\?>")
_ROOT = re.compile(rb"<([A-Za-z_][A-Za-z0-9_.:-]*)")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", re.DOTALL)
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CUT_OFF = frozenset(
    expat.errors.codes[each]
    for each in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


def root_name(head: bytes) -> str:
    """The name of the root element of a document whose beginning is given, without its prefix; "" if none shows.

    For a document type that is longer than `head`, the name it is of.
    """
    if head.lstrip()[:1] != b"<":
        return ""
    doctype = re.search(rb"<!DOCTYPE\s+([A-Za-z_][A-Za-z0-9_:.-]*)", head)
    found = doctype or _ROOT.search(head)
    return found[1].decode(errors="replace").rpartition(":")[2] if found else ""


class Elements:
    """One pass over an XML stream. Set `on_start`, and if needed the others, and iterate over `pieces`.

    `on_gap` is called where something was left out, so that a reader forgets what it was in the middle of.
    """

    def __init__(self, stream: BinaryIO, resume: str) -> None:
        """`resume`: a regular expression for the names of the root's children at which reading goes on."""
        self._stream = stream
        self._resume = re.compile(rb"<(?:" + resume.encode() + rb")[\s/>]")
        self._encoding = "utf-8"
        self._root = b"root"
        self._decoder: codecs.IncrementalDecoder | None = None
        self._parser = expat.ParserCreate()
        self._lines_before = 0
        """Lines before the one this parser counts as its first."""
        self._fed = 0
        """Bytes this parser was given before the present piece."""
        self._fed_lines = 0
        """Lines it was given."""
        self._line = 0
        """Lines before what is read next."""
        self._seeking = False
        self._held = b""
        self._gaps = 0
        self._whole: re.Pattern[str] | None = None
        self._taken: Callable[[re.Match[str], int], bool] | None = None
        self._mark = b""
        self.on_start: Callable[[str, dict[str, str]], None] | None = None
        self.on_end: Callable[[str], None] | None = None
        self.on_text: Callable[[str], None] | None = None
        self.on_gap: Callable[[], None] | None = None
        self.errors: list[DataError] = []
        """What is wrong since the last piece; whoever iterates takes it out."""

    @property
    def line(self) -> int:
        """The line at which expat stands, from 1: inside `on_start`, where the element begins."""
        return self._parser.CurrentLineNumber + self._lines_before

    def ask_for_ends(self, handler: Callable[[str], None] | None) -> None:
        """Call `handler` at the ends of elements from now on, or none: a million ends nobody needs cost a second."""
        self.on_end = self._parser.EndElementHandler = handler

    def take_whole(self, pattern: re.Pattern[str], taken: Callable[[re.Match[str], int], bool]) -> None:
        """Hand elements that `pattern` matches to `taken`, with their line, past expat: a third of its cost.

        The pattern must match whole, well-formed children of the root that begin after a line break, and nothing
        less; what `taken` answers False to, goes to expat. Used as long as there are no comments and CDATA sections.
        """
        self._whole, self._taken = pattern, taken
        begin = re.match(r"(?:\\n| )*<\w+", pattern.pattern)
        assert begin
        self._mark = begin[0].replace("\\n", "\n").encode()

    def pieces(self) -> Iterator[None]:
        """Read on; after each piece, what the handlers collected may be taken. No error of expat's leaves it."""
        data = self._prolog()
        if data is None:
            self.errors.append(DataError("no XML element in it", where="1", code="bad_xml"))
            yield
            return
        kept = b""
        while data:
            following = self._read()
            data = kept + data
            kept = b""
            if following and self._whole:
                cut = data.rfind(self._mark)
                if cut > 0 and len(data) - cut < _LONGEST_ELEMENT:
                    data, kept = data[:cut], data[cut:]
            if not self._parse_quickly(data):
                yield
                return
            yield
            data = following if following or not kept else b""
        if kept:
            self._parse_quickly(kept)
        if not self._seeking:
            self._parse(b"", last=True)
        yield

    def _parse_quickly(self, data: bytes) -> bool:
        """Parse a piece, whole elements past expat if asked for; False if it is no use to go on."""
        if self._whole and (self._encoding != "utf-8" or b"<!--" in data or b"<![CDATA[" in data):
            self._whole = None
        if self._whole is None or self._taken is None:
            return self._parse(data)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return self._parse(data)
        place = 0
        for found in self._whole.finditer(text):
            start, end = found.span()
            if start > place and not self._parse(text[place:start].encode()):
                return False
            place = start
            if self._taken(found, self._line + 2):
                self._line += text.count("\n", start, end)
                place = end
        return place == len(text) or self._parse(text[place:].encode())

    def _parse(self, data: bytes, *, last: bool = False) -> bool:
        """Feed expat, going on after what is not well-formed; False if it is no use to go on."""
        place = 0
        if self._held:  # an element may begin in one piece and end in the next
            data, self._held = self._held + data, b""
        while True:
            if self._seeking:
                found = self._resume.search(data, place)
                if found is None:
                    self._line += data.count(b"\n", place, max(place, len(data) - _OVERLAP))
                    self._held = data[max(place, len(data) - _OVERLAP) :]
                    return True
                self._line += data.count(b"\n", place, found.start())
                place, self._seeking = found.start(), False
                self._new(0)
                self._parser.Parse(b"<" + self._root + b">", False)
                self._fed = len(self._root) + 2
                self._attach()
            piece = data[place:] if place else data
            self._lines_before = self._line - self._fed_lines
            try:
                self._parser.Parse(piece, last)
            except expat.ExpatError as error:
                cut = last and error.code in _CUT_OFF
                self.errors.append(self._error(error.lineno + self._lines_before, cut=cut))
                self._gaps += 1
                if self._gaps > _MOST_GAPS:
                    self.errors.append(
                        DataError(f"more than {_MOST_GAPS} such places: the rest is not read", code="bad_xml")
                    )
                    return False
                if last:
                    return False
                if self.on_gap:
                    self.on_gap()
                self._seeking = True
                after = max(error_place(self._parser) - self._fed, 0) + 1
                self._line += piece.count(b"\n", 0, after)
                place += after
                continue
            self._fed += len(piece)
            lines = piece.count(b"\n")
            self._fed_lines += lines
            self._line += lines
            return True

    def _error(self, line: int, *, cut: bool) -> DataError:
        if cut:
            return DataError("the file is cut off here", where=str(line), code="cut_off")
        return DataError("not well-formed XML", where=str(line), code="bad_xml")

    def _read(self) -> bytes:
        """The next bytes, in the encoding of the parser, without characters that XML does not allow; empty at the end.

        Raises OSError, and what a compressed stream raises.
        """
        data = self._stream.read(_PIECE_BYTES)
        while data:
            if self._decoder:
                text = self._decoder.decode(data)
                allowed = text.encode(errors="replace").translate(None, _NOT_XML)
            else:
                allowed = data.translate(None, _NOT_XML)
            if allowed:
                return allowed
            data = self._stream.read(_PIECE_BYTES)
        return b""

    def _prolog(self) -> bytes | None:
        """Read up to the root element and give what begins with it; None if there is none."""
        first = self._stream.read(4)
        for mark, name in (
            (codecs.BOM_UTF8, ""),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ):
            if first.startswith(mark):
                first = first[len(mark) :]
                self._decoder = codecs.getincrementaldecoder(name)(errors="replace") if name else None
                break
        held = self._decoder.decode(first).encode() if self._decoder else first.translate(None, _NOT_XML)
        while True:
            more = self._read()
            held += more
            root = self._find_root(held, last=not more or len(held) > _LONGEST_PROLOG)
            if root is not None:
                self._new(0)
                self._line = held.count(b"\n", 0, root)
                self._attach()
                return held[root:]
            if not more or len(held) > _LONGEST_PROLOG:
                return None

    def _find_root(self, data: bytes, *, last: bool) -> int | None:
        """Where the root element begins; None if more has to be read first."""
        declaration = _DECLARATION.match(data)
        named = _ENCODING.search(declaration[1]) if declaration else None
        if named and not self._decoder and not named[1].lower().startswith(b"utf"):
            self._encoding = "us-ascii" if named[1].lower() == b"us-ascii" else "iso-8859-1"
        place = 0
        doctype = data.find(b"<!DOCTYPE")
        first = _ROOT.search(data)
        if doctype >= 0 and (first is None or doctype < first.start()):
            closed = _DOCTYPE.match(data, doctype)
            if closed is None and not last:
                return None
            place = closed.end() if closed else doctype + 9
        found = _ROOT.search(data, place)
        if found is None:
            return None
        self._root = found[1]
        return found.start()

    def _new(self, lines_before: int) -> None:
        self._parser = expat.ParserCreate(self._encoding)
        self._parser.buffer_text = True
        self._lines_before = lines_before
        self._fed = self._fed_lines = 0

    def _attach(self) -> None:
        self._parser.StartElementHandler = self.on_start
        self._parser.EndElementHandler = self.on_end
        self._parser.CharacterDataHandler = self.on_text
        self._parser.StartDoctypeDeclHandler = _refuse  # within the document there is no place for one


def error_place(parser: expat.XMLParserType) -> int:
    """The byte, from the parser's beginning, at which it stopped."""
    return parser.ErrorByteIndex


def _refuse(*_: object) -> None:
    raise AssertionError("expat allows a document type before the root element only")
