"""What is new in a mail: its text without what it quotes and without the signature, both kept beside it.

Quotations are told by their marks (>), by the line that introduces them (On … wrote:) in a dozen languages, by the
block of fields that Outlook puts before them, and by the lines forwarding puts there. A signature follows the line
`-- ` (RFC 3676, 4.3), or is one of the lines that telephones add, or a footer of a mailing list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTED = re.compile(r" {0,3}(?:>|\|(?= ))")
_WROTE = (
    r"wrote|writes|schrieb|schreibt|geschrieben|a écrit|écrit|escribió|escribio|ha scritto|scrisse|schreef|skrev"
    r"|escreveu|pisze|napisał(?:\(a\))?|napsal\(?a?\)?|kirjoitti|написал(?:\(а\))?|пишет|пише|írta|a scris|yazdı|написа"
    r"|写道|寫道|のメッセージ|書きました|님이 작성"
)
_INTRODUCED = re.compile(
    rf"(?=.*[\d@])(?:.*(?:{_WROTE})\b.{{0,120}}[:\uff1a]\s*|.*(?:写道|寫道|書きました"
    rf"|님이 작성).{{0,40}}[:\uff1a]?\s*)\Z",
    re.IGNORECASE,
)
_MAY_INTRODUCE = re.compile(r"[:\uff1a]\s*\Z|写道|寫道|書きました|님이")
_BEGINS = re.compile(
    r"(?:On|Am|Le|El|Il(?: giorno)?|Op|Den|Em|W dniu|Dnia|Dne|On|Pe|În|Tarih|Quoting|At|In data|Vào|\d{4}|\d{1,2}[./]|"
    r"пн|вт|ср|чт|пт|сб|вс|Le|Den|Ha|Al|在|于).*",
    re.IGNORECASE,
)
_DIVIDER = re.compile(
    r"\s*[-_=*]{2,}\s*(?:original message|original appointment|ursprüngliche nachricht|originalnachricht"
    r"|message d'origine"
    r"|message transféré|mensaje original|mensagem original|messaggio originale|messaggio inoltrato"
    r"|oorspronkelijk bericht"
    r"|ursprungligt meddelande|oprindelig meddelelse|alkuperäinen viesti|wiadomość oryginalna"
    r"|původní zpráva|исходное сообщение"
    r"|forwarded message|weitergeleitete nachricht|mensaje reenviado|mensagem encaminhada"
    r"|doorgestuurd bericht|original-nachricht"
    r"|forwarded by .{1,100}|weitergeleitet von .{1,100}|пересылаемое сообщение|转发的邮件|原始邮件"
    r"|轉寄的郵件|元のメッセージ|원본 메시지)\s*[-_=*]*\s*\Z"
    r"|begin forwarded message:\s*\Z|anfang der weitergeleiteten nachricht:\s*\Z"
    r"|début du message (?:réexpédié|transféré)\s*:\s*\Z",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\s{0,3}\*?(?:from|von|de|da|van|från|fra|od|lähettäjä|от|від|发件人|寄件者|差出人|보낸 사람|sent"
    r"|gesendet|envoyé|enviado"
    r"|inviato|verzonden|skickat|sendt|wysłano|odesláno|отправлено|发送时间|寄件日期|送信日時|보낸 날짜"
    r"|date|datum|fecha|data|дата"
    r"|to|an|à|para|a|aan|till|til|do|komu|кому|收件人|宛先|받는 사람|cc|kopie|subject|betreff|objet"
    r"|asunto|oggetto|onderwerp"
    r"|ämne|emne|assunto|temat|předmět|тема|主题|主旨|件名|제목)\s?\*?\s*[:\uff1a]\*?\s*\S",
    re.IGNORECASE,
)
_SENDER_FIELD = re.compile(
    r"\s{0,3}\*?(?:from|von|de|da|van|från|fra|od|lähettäjä|от|від|发件人|寄件者|差出人|보낸 사람)\s?\*?\s*[:\uff1a]",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*_{10,}\s*\Z")
_SIGNATURE = re.compile(r"--[ \u00a0]?\Z")
_TELEPHONE = re.compile(
    r"\s*(?:sent (?:from|via) (?:my|the|mail|yahoo|outlook|samsung|proton)\b.{0,60}|get outlook for (?:ios"
    r"|android).{0,60}"
    r"|von meinem .{1,40} gesendet.{0,20}|gesendet (?:von|mit) .{1,60}|diese nachricht wurde von mein.{1,80}"
    r"|envoyé (?:de|depuis) (?:mon|mes) .{1,40}|enviado (?:desde|do|de) (?:mi|meu|mon) .{1,40}"
    r"|inviato da(?:l mio)? .{1,40}"
    r"|verstuurd vanaf mijn .{1,40}|skickat från min .{1,40}|sendt fra min .{1,40}|lähetetty .{1,40}|wysłane z .{1,40}"
    r"|odesláno z .{1,40}|отправлено с .{1,40}|从我的.{1,20}发送|iPhoneから送信)\.?\s*\Z",
    re.IGNORECASE,
)
_LIST_FOOTER = re.compile(r"\s*(?:_{20,}|-{20,}|={20,})\s*\Z")
_LIST_WORDS = re.compile(
    r"mailing list|listinfo|unsubscribe|list-unsubscribe|mailman|abmelden|se désabonner", re.IGNORECASE
)
#: So many lines below its mark are still a signature; more is text.
_SIGNATURE_LINES = 40


@dataclass(frozen=True, slots=True)
class Divided:
    """The parts of a mail's text."""

    new: str
    quoted: str
    signature: str


def divide(text: str) -> Divided:
    """Tell what is new from what is quoted and from the signature. Nothing is lost: each line is in one of them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = _rest_quoted(lines)
    quoted_tail = lines[end:]
    kept: list[str] = []
    quoted: list[str] = []
    for place, line in enumerate(lines[:end]):
        if not _QUOTED.match(line):
            kept.append(line)
            continue
        if not place or not _QUOTED.match(lines[place - 1]):
            quoted += _introduction(kept)
        quoted.append(line)
    signature = _signature(kept)
    new = kept[: len(kept) - len(signature)]
    return Divided(_tidy(new), _tidy(quoted + quoted_tail), _tidy(signature))


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def _rest_quoted(lines: list[str]) -> int:
    """From which line on everything is quoted: a forwarded or answered mail that is put below without marks."""
    last_mark = max((place for place, line in enumerate(lines) if _QUOTED.match(line)), default=-1)
    for place, line in enumerate(lines):
        if len(line) > 400 or not line.strip():
            continue
        if _DIVIDER.match(line):
            return place
        if _SENDER_FIELD.match(line) and _fields_follow(lines, place):
            before = place
            while before and not lines[before - 1].strip():
                before -= 1
            return before - 1 if before and _RULE.match(lines[before - 1]) else place
        introduces = place > last_mark and _MAY_INTRODUCE.search(line) and _INTRODUCED.match(line)
        if introduces and _BEGINS.match(line) and any(each.strip() for each in lines[place + 1 : place + 20]):
            return place
    return len(lines)


def _fields_follow(lines: list[str], place: int) -> bool:
    """Whether the fields of another mail stand here: three within six lines."""
    return sum(bool(_FIELD.match(line)) for line in lines[place : place + 6]) >= 3


def _introduction(kept: list[str]) -> list[str]:
    """Take the line that introduces a quotation, of up to three, from the end of what was kept."""
    end = len(kept)
    while end and len(kept) - end < 4 and not kept[end - 1].strip():
        end -= 1
    for count in (1, 2, 3):
        begin = end - count
        if begin < 0 or not kept[begin].strip():
            break
        joined = " ".join(line.strip() for line in kept[begin:end])
        if len(joined) < 400 and joined.rstrip().endswith((":", "\uff1a")) and _INTRODUCED.match(joined):
            if count < 3 and begin and kept[begin - 1].strip() and not _BEGINS.match(joined):
                continue
            taken = kept[begin:]
            del kept[begin:]
            return taken
    return []


def _signature(kept: list[str]) -> list[str]:
    """The lines at the end that are a signature, a telephone's line or a list's footer."""
    end = len(kept)
    first = end
    for place in range(end - 1, max(-1, end - _SIGNATURE_LINES - 1), -1):
        line = kept[place]
        below = kept[place:end]
        is_mark = bool(_SIGNATURE.match(line)) and end > 1
        is_footer = bool(_LIST_FOOTER.match(line)) and any(_LIST_WORDS.search(each[:500]) for each in below)
        is_last = not any(each.strip() for each in kept[place + 1 : first])
        if is_mark or is_footer or (is_last and _TELEPHONE.match(line[:200])):
            first = place
    return kept[first:]


def reflowed(text: str, *, delete_space: bool) -> str:
    """Lines of text/plain; format=flowed joined to paragraphs again (RFC 3676)."""
    out: list[str] = []
    open_depth = -1
    for line in text.replace("\r\n", "\n").split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        soft = content.endswith(" ") and content != "-- "
        if open_depth == depth and content != "-- ":
            out[-1] += content
        else:
            out.append(">" * depth + (" " if depth else "") + content)
        if soft and delete_space:
            out[-1] = out[-1][:-1]
        open_depth = depth if soft else -1
    return "\n".join(out)
