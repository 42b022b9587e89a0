"""Log lines read, whatever wrote them, and put together by what they say.

Clustering is Drain (He, Zhu, Zheng, Lyu: Drain: An Online Log Parsing Approach with Fixed Depth Tree, ICWS 2017): lines
of as many words fall down a tree by their first words, and join the most similar group of the leaf.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError

MOST_LINES = 500_000
MOST_LINE = 4_000
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVEL = {
    "TRACE": "DEBUG", "DEBUG": "DEBUG", "INFO": "INFO", "NOTICE": "INFO", "LOG": "INFO", "WARN": "WARN",
    "WARNING": "WARN", "ERR": "ERROR", "ERROR": "ERROR", "SEVERE": "ERROR", "CRIT": "FATAL", "CRITICAL": "FATAL",
    "FATAL": "FATAL", "PANIC": "FATAL", "EMERG": "FATAL", "ALERT": "FATAL", "EMERGENCY": "FATAL",
}  # fmt: skip
_ISO = re.compile(r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)\]?(?:\s+UTC)?[\s:,-]*")
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\S+) ([\w./-]+)(?:\[\d+\])?: ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEVEL_WORD = re.compile(r"\[?\b(" + "|".join(_LEVEL) + r")\b\]?[\s:|-]*", re.IGNORECASE)
_SERVICE = re.compile(r"[\[(]?([A-Za-z][\w.-]{1,60})[\])]?(?:\[\d+\])?\s*[:|-]\s+")
_PAIR = re.compile(r'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S+)')
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b", re.I), "<hex>"),
    (re.compile(r"(?<![A-Za-z])[-+]?\d+(?:[.,]\d+)*(?:%|(?=\D|\Z))"), "<n>"),
)  # fmt: skip
_WILD = "<*>"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it stands, when (or None), how grave, whose, and what it says."""

    source: str
    number: int
    raw: str
    at: datetime | None
    level: str
    service: str
    text: str


@dataclass(slots=True)
class Group:
    """Lines that say the same but for their variable parts."""

    words: list[str]
    count: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    first: Line | None = None
    last: Line | None = None
    lines: list[Line] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    @property
    def template(self) -> str:
        """What they have in common; ``<*>`` stands for what differs."""
        return " ".join(self.words)

    @property
    def level(self) -> str:
        """The gravest level of which there are more than a few."""
        for level in reversed(LEVELS):
            if self.levels[level] * 10 >= self.count:
                return level
        return "INFO"

    @property
    def service(self) -> str:
        """Whose lines they mostly are."""
        return self.services.most_common(1)[0][0] if self.services else ""

    def add(self, line: Line, keep: int = 5) -> None:
        """Take a line in."""
        self.count += 1
        self.levels[line.level] += 1
        if line.service:
            self.services[line.service] += 1
        if self.first is None or (line.at and self.first.at and line.at < self.first.at):
            self.first = line
        if self.last is None or line.at is None or self.last.at is None or line.at >= self.last.at:
            self.last = line
        if len(self.lines) < keep:
            self.lines.append(line)
        if line.at:
            self.times.append(line.at)


class Groups:
    """Groups of lines, found as they come. `depth` words lead to a leaf; `likeness` (ratio) is enough to join."""

    def __init__(self, *, depth: int = 2, likeness: float = 0.5, most_children: int = 100):
        self._depth, self._likeness, self._most = depth, likeness, most_children
        self._tree: dict[Any, Any] = {}
        self.found: list[Group] = []

    def add(self, line: Line) -> Group:
        """The group of a line, a new one if none is like it. Lines of different services or levels never join."""
        words = masked(line.text).split()[:200]
        leaf = self._leaf((line.service, line.level in ("ERROR", "FATAL")), words)
        best, most = None, -1.0
        for group in leaf:
            same = sum(a == b for a, b in zip(group.words, words, strict=True))
            ratio = same / len(words) if words else 1.0
            if ratio > most:
                best, most = group, ratio
        if best is None or most < self._likeness:
            best = Group(words)
            leaf.append(best)
            self.found.append(best)
        else:
            best.words = [a if a == b else _WILD for a, b in zip(best.words, words, strict=True)]
        best.add(line)
        return best

    def _leaf(self, whose: tuple[str, bool], words: list[str]) -> list[Group]:
        node = self._tree.setdefault(whose, {}).setdefault(len(words), {})
        for word in words[: self._depth]:
            key = _WILD if "<" in word or any(sign.isdigit() for sign in word) else word
            if key not in node and len(node) >= self._most:
                key = _WILD
            node = node.setdefault(key, {})
        found: list[Group] = node.setdefault(None, [])
        return found


def masked(text: str) -> str:
    """A text with a mark in place of each number, address, time and id."""
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text


def lines(value: Any, source: str = "logs", year: int | None = None) -> Iterator[Line]:
    """The lines of a text, of a list of texts, or of a table of texts by source. Raises DataError for anything else."""
    count = 0
    if isinstance(value, dict) and all(isinstance(each, str | list) for each in value.values()):
        for name, each in value.items():
            yield from lines(each, str(name), year)
        return
    if isinstance(value, str):
        given: Iterable[Any] = value.splitlines()
    elif isinstance(value, list):
        given = value
    elif value is None:
        return
    else:
        raise DataError("logs must be text, a list of lines, or a table of texts by source", code="bad_logs")
    for number, each in enumerate(given, 1):
        if isinstance(each, dict):
            found = _from_table(each, source, number)
        elif isinstance(each, str):
            if not each.strip():
                continue
            found = line(each[:MOST_LINE], source, number, year)
        else:
            raise DataError(f"line {number} of {source!r} is not text", code="bad_logs")
        count += 1
        if count > MOST_LINES:
            raise DataError(f"more than {MOST_LINES} lines", code="too_long")
        yield found


def line(raw: str, source: str, number: int, year: int | None = None) -> Line:
    """One line: JSON, syslog (RFC 3164), ``key=value``, or a time, a level and words."""
    if raw.startswith("{"):
        import orjson

        try:
            table = orjson.loads(raw)
        except orjson.JSONDecodeError:
            table = None
        if isinstance(table, dict):
            return _from_table(table, source, number, raw)
    rest, at, service = raw, None, ""
    if matched := _ISO.match(rest):
        at, rest = moment(matched[1]), rest[matched.end() :]
    elif matched := _SYSLOG.match(rest):
        month = _MONTHS.index(matched[1]) + 1 if matched[1] in _MONTHS else 1
        at = moment(f"{year or 2000}-{month:02}-{int(matched[2]):02}T{matched[3]}Z") if year else None
        service, rest = matched[5], rest[matched.end() :]
    level = ""
    pairs = {key.lower(): value.strip('"') for key, value in _PAIR.findall(rest)} if "=" in rest else {}
    if {"level", "lvl", "severity"} & set(pairs) and {"msg", "message"} & set(pairs):
        at = at or moment(pairs.get("time") or pairs.get("ts") or "")
        word = pairs.get("level") or pairs.get("lvl") or pairs.get("severity") or ""
        service = service or pairs.get("service") or pairs.get("component") or pairs.get("logger") or ""
        text = pairs.get("msg") or pairs.get("message") or ""
        more = " ".join(
            f"{key}={value}" for key, value in pairs.items() if key in ("error", "err", "cause", "upstream")
        )
        return Line(source, number, raw, at, _LEVEL.get(word.upper(), "INFO"), service, f"{text} {more}".strip())
    if (matched := _LEVEL_WORD.match(rest)) or (matched := _LEVEL_WORD.search(rest[:60])):
        if matched.start() == 0:
            level, rest = _LEVEL[matched[1].upper()], rest[matched.end() :]
        elif matched[1].isupper():
            level = _LEVEL[matched[1].upper()]
            head = rest[: matched.start()].strip(" :[]|-")
            if not service and re.fullmatch(r"[A-Za-z][\w.-]{1,60}", head):
                service, rest = head, rest[matched.end() :]
    if not service and (matched := _SERVICE.match(rest)) and not matched[1].lower().endswith(("error", "exception")):
        service, rest = matched[1], rest[matched.end() :]
    return Line(source, number, raw, at, level or _guessed(rest), service, rest.strip())


def _from_table(table: Mapping[str, Any], source: str, number: int, raw: str = "") -> Line:
    def first(*keys: str) -> str:
        return next((str(table[key]) for key in keys if isinstance(table.get(key), str | int | float)), "")

    text = first("message", "msg", "text", "event", "log")
    level = _LEVEL.get(first("level", "severity", "lvl", "levelname").upper(), "")
    return Line(
        source, number, raw or text, moment(first("time", "timestamp", "ts", "@timestamp", "at")),
        level or _guessed(text), first("service", "component", "logger", "app", "name"), text[:MOST_LINE],
    )  # fmt: skip


def _guessed(text: str) -> str:
    return "ERROR" if re.search(r"\b(error|exception|failed|failure|fatal|panic|traceback)\b", text, re.I) else "INFO"


def moment(text: str) -> datetime | None:
    """A time in one of the spellings of logs, or None; without an offset it is UTC."""
    text = text.strip().replace(",", ".")
    if re.fullmatch(r"\d{10}(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    if re.fullmatch(r"\d{13}", text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None


def stamp(at: datetime | None) -> str | None:
    """A time as records have it."""
    return clock.stamp(at) if at else None
