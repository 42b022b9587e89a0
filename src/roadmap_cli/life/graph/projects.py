"""Names of projects in titles and subjects: "Project Atlas", #atlas, ATL-42, [Atlas], "Atlas: weekly".

Rules, no model. A capitalised pair of words is only a candidate: it counts once it recurs (`relations` asks for two
records or more of each).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from roadmap_cli.life.graph.names import fold

_NAMED = re.compile(
    r"\b(?:[Pp]roject|PROJECT|[Pp]rojekt|[Pp]rojet|[Pp]royecto)\s+([A-ZÄÖÜ][\w-]+(?:\s+[A-ZÄÖÜ][\w-]+)?)"
)
_BEHIND = re.compile(r"\b([A-ZÄÖÜ][\w-]+)[\s-](?:[Pp]roject|[Pp]rojekt)\b")
_TAG = re.compile(r"(?<![\w&/#])#([^\W\d_][\w-]{2,30})\b")
_TICKET = re.compile(r"\b([A-Z][A-Z0-9]{1,9})-\d{1,6}\b")
_BRACKET = re.compile(r"^\s*(?:(?:re|aw|fwd?|wg):\s*)*\[([^\]\[]{2,30})\]", re.IGNORECASE)
_BIGRAM = re.compile(r"(?<![\w.])([A-ZÄÖÜ][a-zäöüß]{2,})\s+([A-ZÄÖÜ][a-zäöüß]{2,})(?!\w)")
_WORDS_TEXT = """
    meeting weekly daily monthly standup stand sync planning review retro call lunch dinner breakfast coffee team
    all hands sprint one interview demo kickoff kick off workshop training holiday vacation urlaub birthday
    geburtstag happy new year re fwd fw aw wg the a an and or of for to with your you our my this that please
    thanks thank hello hi dear question update status report invoice rechnung order bestellung confirmation
    reminder invitation einladung agenda notes minutes monday tuesday wednesday thursday friday saturday sunday
    montag dienstag mittwoch donnerstag freitag samstag sonntag january february march april may june july august
    september october november december januar februar marz mai juni juli oktober dezember doctor dentist zahnarzt
    arzt gym yoga school appointment termin flight flug train hotel project projekt quarterly annual board budget
    security account password email mail external extern spam important urgent info newsletter re-invite accepted
    declined tentative canceled cancelled updated zugesagt abgesagt follow catch up intro introduction introducing
    meet quick chat party concert match game movie film pick drop visit besuch dinner family familie work arbeit
    home office tax steuer rent miete utf iso covid sha rfc gmt utc cet cest id us uk eu it hr pr qa ui ux ci
"""
#: Words that begin titles and subjects and name no project.
_WORDS = frozenset(_WORDS_TEXT.split())
_FOLDERS_TEXT = """
    inbox posteingang sent gesendet drafts entwurfe trash papierkorb deleted spam junk archive archiv all mail
    outbox starred important gmail google mails messages items objects elements
"""
_FOLDERS = frozenset(_FOLDERS_TEXT.split())


def is_word(text: str) -> bool:
    """Whether a capitalised word is an everyday one of titles."""
    return all(word in _WORDS for word in fold(text).split())


def folders(path: str) -> Iterator[str]:
    """Parts of a mail folder's path that may be a project: those under a folder of projects."""
    parts = [part for part in re.split(r"[/.]", path) if part]
    for above, part in pairwise(parts):
        if fold(above) in ("projects", "projekte", "project", "projekt") and fold(part) not in _FOLDERS:
            yield part[:1].upper() + part[1:]


def found(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Key and written name of each project that the texts name; candidates have a key that begins with `?`."""
    seen: set[str] = set()
    for text in texts:
        for key, shown in _of(text):
            if key and key not in seen:
                seen.add(key)
                yield key, shown


def _of(text: str) -> Iterator[tuple[str, str]]:
    for match in _NAMED.finditer(text):
        words = match[1].split()
        shown = match[1] if len(words) > 1 and not is_word(words[1]) else words[0]
        if not is_word(shown):
            yield fold(shown), shown
    for match in _BEHIND.finditer(text):
        if not is_word(match[1]):
            yield fold(match[1]), match[1]
    for match in _TAG.finditer(text):
        yield fold(match[1]), match[1]
    for match in _TICKET.finditer(text):
        if fold(match[1]) not in _WORDS:
            yield fold(match[1]), match[1]
    bracket = _BRACKET.match(text)
    if bracket and not is_word(bracket[1]) and not re.search(r"\d{4,}|@", bracket[1]):
        yield fold(bracket[1]), bracket[1]
    for match in _BIGRAM.finditer(text):
        if not is_word(match[1]) and not is_word(match[2]):
            yield f"?{fold(match[0])}", match[0]
