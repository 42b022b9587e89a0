"""Chats exported from WhatsApp as text, of any telephone and language.

A line that begins with date and time begins a message; others go on with the one before. The order of day, month and
year is told from the file as a whole: by numbers that can be no month, then by the order in which a chat goes on.
Lines of the program itself (who joined, that all is encrypted) are no messages and are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.kinds import chats
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.opening.charsets import decode
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT, CHANNEL = "whatsapp", "a chat exported from WhatsApp", "whatsapp"

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_DATE = r"(\d{1,4})[./\-年. ]{1,2}\s?(\d{1,2})[./\-月. ]{1,2}\s?(\d{1,4})[.日]?"
_HALF = (
    r"a\.?\s?m\.?|p\.?\s?m\.?|오전|오후|上午|下午|午前|午後|早上|晚上|中午|凌晨"
    r"|ص|م|ق\.?ظ|ب\.?ظ|δ\.?μ\.?|π\.?μ\.?|öö|ös|πμ|μμ|पूर्वाह्न|अपराह्न"
)
_LINE = re.compile(
    rf"\[?{_DATE},?\s+(?:({_HALF})\s?)?(?:um |kl\.? |à |alle "
    rf"|às )?(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}}))?\s?({_HALF})?"
    rf"(?:\]\s?|\s+[-–]\s)(.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_LATER = re.compile(r"p\.?\s?m|오후|下午|午後|晚上|中午|م|ب|π\.?μ|μμ|ös|अपराह्न", re.IGNORECASE)
_SENDER = re.compile(r"([^:\n]{1,120}?):\s(.*)\Z", re.DOTALL)
_ATTACHED = re.compile(
    r"(?:<(?:attached|angehängt|adjunto|anexado|allegato|bijgevoegd|pièce jointe|bifogad|vedhæftet"
    r"|załączono|прикреплено|添付ファイル|附件)\s*:\s*([^<>\n]{1,255})>"
    r"|([\w() -]{1,200}\.[A-Za-z0-9]{2,5}) \((?:file attached|Datei angehängt|fichier joint"
    r"|archivo adjunto|file allegato|arquivo anexado"
    r"|bestand bijgevoegd|bifogad fil|vedlagt fil|plik dołączony|файл добавлен|ficheiro anexado"
    r"|fil vedhæftet|添付ファイル|文件附件)\))"
)
_OMITTED = re.compile(
    r"(?:<?\s*(?:media omitted|medien ausgeschlossen|médias omis|fichier omis|multimedia omitido"
    r"|archivo omitido|media omessi|mídia oculta"
    r"|arquivo de mídia oculto|media weggelaten|media utelämnad|medier udeladt|pominięto multimedia"
    r"|без медиафайлов|файл опущен"
    r"|ficheiro oculto|medya dahil edilmedi|メディアは含まれていません|省略多媒體檔案|忽略多媒体文件"
    r"|미디어 파일을 생략한 대화내용)\s*>?"
    r"|(image|video|audio|document|sticker|GIF|contact card|bild|foto|vidéo|documento?|imagen|immagine"
    r"|afbeelding|imagem|vídeo|dokument|áudio|video note)"
    r" (?:omitted|weggelassen|absente?|omis[ae]?|omitid[oa]|omess[oai]|weggelaten|ocultad[oa]|ocult[oa]))\s*\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:WhatsApp[ -](?:Chat|conversation|Unterhaltung)[ -]*(?:with|mit|avec|con|met|med|-)?"
    r"|Chat de WhatsApp con|Discussion WhatsApp avec"
    r"|Chat WhatsApp con|Conversa do WhatsApp com"
    r"|WhatsApp-chat met)\s*(?:-\s*)?(.{1,100}?)(?: \(\d+\))?(?:\.txt|\.zip)?\Z",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Message:
    """A message while it is read: the line it begins on, its date as three numbers, its time, the rest."""

    line: int
    date: tuple[int, int, int]
    clock: tuple[int, int, int]
    text: str


def matches(opened: Opened) -> bool:
    """One of its first lines has the date and time that WhatsApp writes, and another like it follows or it is alone."""
    lines = decode(opened.head[:8192]).split("\n")[:30]
    found = sum(bool(_begun(line)) for line in lines)
    first = next((line for line in lines if line.strip(f"{_MARKS}\r\n ")), "")
    return bool(_begun(first)) and found >= 1


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its messages in their order."""
    zone = named(settings.zone)
    messages = list(_messages(opened.data(), settings.charset))
    order = settings.mapping.get("order") or _order(messages)
    if order is None:
        hint = "say which: --map order=dmy or --map order=mdy"
        yield DataError("day and month cannot be told apart", where=source.name, hint=hint, code="ambiguous")
        return
    chat = _chat(opened.name)
    seen: Counter[tuple[str, str, str]] = Counter()
    for message in messages:
        told = _SENDER.match(message.text)
        if not told or _is_notice(told[2]):
            continue
        try:
            at = _moment(message, order).replace(tzinfo=zone)
        except ValueError:
            yield source.placed(DataError("the date does not exist", code="bad_time"), message.line)
            continue
        sender = _clean(told[1]).removeprefix("~").strip()
        text, files = _files(told[2])
        if not text and not files:
            continue
        key = (at.isoformat(), sender, text)
        seen[key] += 1
        yield chats.record(
            source, message.line, channel=CHANNEL, at=at, sender=sender, text=text, chat=chat, attachments=files,
            repeated=seen[key] - 1,
        )  # fmt: skip


def _messages(data: bytes, charset: str | None) -> Iterator[_Message]:
    """The messages with the lines that go on with them."""
    current: _Message | None = None
    more: list[str] = []
    for number, line in enumerate(decode(data, charset).split("\n"), 1):
        line = line.removesuffix("\r")
        begun = _begun(line)
        if begun:
            if current:
                current.text = "\n".join([current.text, *more])
                yield current
            current, more = _Message(number, begun[0], begun[1], begun[2]), []
        elif current:
            more.append(line)
    if current:
        current.text = "\n".join([current.text, *more])
        yield current


def _begun(line: str) -> tuple[tuple[int, int, int], tuple[int, int, int], str] | None:
    """Date, time and rest of a line that begins a message."""
    plain = line.lstrip(_STRIPPED)
    if not plain or not (plain[0] == "[" or plain[0].isdigit()):
        return None
    head = plain[:60].replace("\u202f", " ").replace("\u00a0", " ").translate(_INVISIBLE)
    if not head.isascii():
        head = "".join(str(unicodedata.digit(each, each)) if each.isdigit() else each for each in head)
    found = _LINE.match(head + "\0" + plain[60:])
    if not found:
        return None
    hour = int(found[5])
    half = found[4] or found[8]
    if half:
        hour = hour % 12 + (12 if _LATER.match(half) else 0)
    if hour > 23 or int(found[6]) > 59:
        return None
    # the rest as it stands: its invisible marks tell notices from words
    place = plain.find("]") if plain[0] == "[" else _dash(plain)
    rest = plain[place + 1 :].removeprefix(" ")
    return (int(found[1]), int(found[2]), int(found[3])), (hour, int(found[6]), int(found[7] or 0)), rest


def _dash(line: str) -> int:
    """Where the dash between time and sender is."""
    found = re.search(r"[\s\u202f\u00a0][-–]\s", line)
    return found.start() + 1 if found else len(line)


_STRIPPED = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff "
_INVISIBLE = {ord(each): None for each in _STRIPPED if each != " "}


def _order(messages: list[_Message]) -> str | None:
    """ymd, dmy or mdy by what can be; None if the file leaves it open."""
    if not messages:
        return "dmy"
    possible = {"dmy": 0, "mdy": 0, "ymd": 0}
    dates = [message.date for message in messages]
    for order in list(possible):
        previous: tuple[int, int, int] | None = None
        for date in dict.fromkeys(dates):
            year, month, day = _arranged(date, order)
            if not (1 <= month <= 12 and 1 <= day <= 31) or not (2009 <= year <= 2100):
                del possible[order]
                break
            if previous and (year, month, day) < previous:
                possible[order] += 1
            previous = (year, month, day)
    if len(possible) > 1 and any(date[0] <= 31 for date in dates):
        possible.pop("ymd", None)  # nobody's telephone writes the year first and short, if the others can be
    if not possible:
        return "dmy"  # each date that does not exist is told on its own
    least = min(possible.values())
    best = [order for order, steps in possible.items() if steps == least]
    if len(best) == 1:
        return best[0]
    if "ymd" in best and all(date[0] > 31 for date in dates):
        return "ymd"
    return _spread(dates, best)


def _spread(dates: list[tuple[int, int, int]], best: list[str]) -> str | None:
    """Where the dates go forward either way, the order that spreads them over less time: chats do not skip months."""
    spans = {}
    for order in best:
        days = [datetime(*_arranged(date, order)) for date in (dates[0], dates[-1])]
        spans[order] = days[1] - days[0]
    shortest = min(spans.values())
    chosen = [order for order, span in spans.items() if span == shortest]
    if (
        len(chosen) == 1
        and len(set(dates)) > 2
        and any(span > 2 * shortest + timedelta(days=14) for span in spans.values())
    ):
        return chosen[0]
    same = {datetime(*_arranged(date, order)) for order in best for date in dates}
    if len(same) == len({datetime(*_arranged(date, best[0])) for date in dates}):
        return best[0]  # 5/5: it does not matter
    return None


def _arranged(date: tuple[int, int, int], order: str) -> tuple[int, int, int]:
    first, second, third = date
    year, month, day = {"dmy": (third, second, first), "mdy": (third, first, second), "ymd": (first, second, third)}[
        order
    ]
    if year < 100:
        year += 2000
    elif year > 2400:  # Buddhist calendar
        year -= 543
    return year, month, day


def _moment(message: _Message, order: str) -> datetime:
    return datetime(*_arranged(message.date, order), *message.clock)


def _is_notice(text: str) -> bool:
    """What the program says in the name of the chat: it begins with an invisible mark and is no file."""
    return text.startswith("\u200e") and not _ATTACHED.search(text) and not _OMITTED.search(_clean(text))


def _clean(text: str) -> str:
    return text.translate(_INVISIBLE).strip()


def _files(text: str) -> tuple[str, list[dict[str, str]]]:
    """The text without what stands for a file, and the files."""
    text = _clean(text)
    files = [{"name": (found[1] or found[2]).strip()} for found in _ATTACHED.finditer(text)]
    if files:
        return _ATTACHED.sub("", text).strip(), files
    omitted = _OMITTED.match(text)
    if omitted:
        return "", [{"name": (omitted[1] or "media").lower()}]
    return text, []


def _chat(name: str) -> str:
    """Whom a chat is with, by the name of its file or archive; "" if that does not say."""
    for part in reversed(re.split(r"[/!]", name)):
        found = _NAMED.match(part.strip())
        if found:
            return found[1].strip(" -")
    return ""
