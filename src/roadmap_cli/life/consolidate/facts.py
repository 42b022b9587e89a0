"""Facts that people tell of themselves, by rules: who, what about them, and since when it is true.

English sentences in the first person ("I live in Lisbon", "my sister Ana", "I'm allergic to nuts"), a few German ones,
and organisations of contacts. A rule that is not sure says nothing: a fact missed can be found by words, a wrong one
misleads. Questions, negations, conditions, quotations and what only somebody says or hopes are left alone, and so is
what is liked of something that another sentence names ("I love the view").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from roadmap_cli.core.records import Record
from roadmap_cli.retrieval import dates

#: Of these a person has one at a time: a newer one ends the older.
SINGLE = frozenset(("lives_in", "works_at", "works_as", "relationship_status", "birthday"))
#: What these say of the same thing cannot both be true.
OPPOSITE = {"likes": "dislikes", "dislikes": "likes"}
_KIN = (
    "wife|husband|partner|girlfriend|boyfriend|fiancée?|son|daughter|mother|mom|mum|father|dad|sister|brother|"
    "grandmother|grandma|grandfather|grandpa|aunt|uncle|cousin|niece|nephew|best friend|boss|roommate|dog|cat"
)
_NAME = r"[A-Z][\w'\u2019-]+(?: [A-Z][\w'\u2019-]+){0,2}"
_HAVE = r"\bI(?:['\u2019]ve| have)? (?:just |recently )?"
_AM = r"\bI(?:['\u2019]m| am) "
_VERY = r"(?:really |absolutely |just |totally )?"
_THING = r"[^.,;:!?\n()]{2,60}?"
_END = r"(?=[.,;:!?\n()]|$| ?[-\u2013\u2014]+ | (?:and|but|because|since|so|when|while|which|with my|as) )"
_COUNTED = r"(?:an?|two|three|four|five|six|\d{1,2}) (?:(?!and\b)[\w-]+ ){0,2}?"
_OWNED = (
    "kids?|child(?:ren)?|sons?|daughters?|brothers?|sisters?|siblings?|twins|dogs?|cats?|rabbits?|horses?|bikes?|cars?"
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (relation, re.compile(pattern))
    for relation, pattern in (
        ("likes",
         rf"\bI {_VERY}(?:love|enjoy|adore|prefer) (?!you\b|to hear|how\b|seeing your)(?P<object>{_THING}){_END}"),
        ("dislikes",
         rf"\bI {_VERY}(?:hate|dislike|can(?:no|['\u2019])t stand) (?!to say|when\b)(?P<object>{_THING}){_END}"),
        ("lives_in", rf"\bI (?:now |currently )?live in (?P<object>{_NAME})"),
        ("lives_in", rf"{_HAVE}moved to (?P<object>{_NAME})"),
        ("works_at", rf"\bI (?:now |currently )?work (?:at|for) (?P<object>{_NAME})"),
        ("works_as", rf"\bI (?:now |currently )?work as an? (?P<object>{_THING}){_END}"),
        ("relationship_status",
         rf"{_AM}(?:now |still |happily |finally )?(?P<object>single|married|engaged|divorced|widowed)\b"),
        ("allergic_to", rf"{_AM}allergic to (?P<object>{_THING}){_END}"),
        ("is", rf"{_AM}(?:an? )?(?P<object>vegan|vegetarian|left-handed|retired|pregnant)\b"),
        ("comes_from", rf"{_AM}(?:originally )?from (?P<object>{_NAME})"),
        ("speaks", r"\bI speak (?:fluent |some |a little )?(?P<object>[A-Z][a-z]+(?:(?:,| and|, and) [A-Z][a-z]+)*)"),
        ("has", rf"\bI have (?P<object>{_COUNTED}(?:{_OWNED}))\b(?! (?:that|who|in mind))"),
        ("lives_in", rf"\b[Ii]ch (?:wohne|lebe) (?:jetzt |nun |seit \w+ )?in (?P<object>{_NAME})"),
        ("works_at", rf"\b[Ii]ch arbeite (?:jetzt |nun )?bei (?:der |dem )?(?P<object>{_NAME})"),
        ("allergic_to",
         rf"\b[Ii]ch bin (?:leider )?allergisch (?:gegen|auf) (?P<object>{_THING})(?=[.,;:!?\n()]|$| und )"),
        ("birthday", r"\b[Mm]y birthday is (?:on )?(?P<object>(?:the )?[\w ]{3,20}?)(?=[.,;!?\n]|$)"),
        ("plans", rf"{_AM}(?:planning|hoping) to (?!be\b|have to\b)(?P<object>{_THING}){_END}"),
        ("plans",
         rf"{_AM}going to (?!(?:be|have to|an?|the|this|that|my|our|your|his|her|their)\b|[A-Z])"
         rf"(?P<object>{_THING}){_END}"),
        ("plans", rf"\bI plan to (?P<object>{_THING}){_END}"),
        ("started",
         rf"{_HAVE}(?:started|joined|enrolled in|signed up for) (?P<object>{_THING}){_END}"),
        ("stopped", rf"{_HAVE}(?:quit|gave up|given up) (?P<object>{_THING}){_END}"),
        ("got", rf"{_HAVE}(?:bought|adopted) (?P<object>{_THING}){_END}"),
    )
)  # fmt: skip
_FAVOURITE = re.compile(rf"\b[Mm]y fav(?:ou?rite) (?P<what>\w+(?: \w+)?) is (?P<object>{_THING}){_END}")
_RELATIVE = re.compile(
    rf"\b[Mm]y (?P<kin>{_KIN})(?:['\u2019]s name is| is (?:named|called)|,? (?:named|called)|,)? (?P<object>{_NAME})"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_UNSURE = re.compile(
    r"\b(?:if|unless|whether|would|wish(?:es)?|not|never|no longer|hardly|used to|maybe|perhaps|might|could"
    r"|almost|nearly|pretend(?:ing|ed)?|nicht|nie|wenn|falls|ob|h\u00e4tte|w\u00e4re|angeblich"
    r"|(?:hope|guess|thinks?|thought|says?|said|tells \w+|told \w+|claims?|imagine|dream(?:ed|t)?)(?: that)?,? I)\b"
    r"|n['\u2019]t\b|[\"\u201c\u201d\u201e]",
    re.IGNORECASE,
)
#: What stands at the end of a fact and says when: that is in `true_from`.
_WHEN = re.compile(
    r"\s+(?:(?:just )?(?:yesterday|today|recently)|(?:about |around )?(?:\w+ ){0,2}(?:day|week|month|year)s? ago"
    r"|(?:last|this|earlier this) \w+|on (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)$",
    re.IGNORECASE,
)
_DONE = frozenset(("started", "stopped", "got"))
_OF_BEFORE = re.compile(r"(?:the|these|those) (?![A-Z])(?!.* (?:of|in|at|on) )")
_NOTHING = re.compile(
    r"(?:is|are|to|it|its|it['\u2019]s|that|this|these|those|them|him|her|you|yesterday|today|all the)\b", re.IGNORECASE
)
_CANNOT = re.compile("can['\u2019]t stand", re.IGNORECASE)
_POSSESSIVE = re.compile("['\u2019]s?$")
#: What may stand after the mark of a question.
_TAIL = " !\"'\u201d\u2019)\U0001f600\U0001f642\U0001f609\U0001f60a:;-"
_AFTER = re.compile(r"^(?:In|At|The|A|My|And|Is|Was|On|For|To|I|Has|Had|It)$")


@dataclass(frozen=True, slots=True)
class Fact:
    """Somebody, what is said of them, and the other side; since when it is true, as far as is told."""

    subject: str
    relation: str
    object: str
    true_from: str

    @property
    def text(self) -> str:
        """The fact as a sentence."""
        return f"{self.subject} {self.relation.replace('_', ' ')} {self.object}"


def told(record: Record) -> Iterator[Fact]:
    """The facts of a record; what the sender of a message says of themselves, where a contact works."""
    if record.get("kind") == "life.contact":
        name, organization = record.get("name"), record.get("organization")
        if isinstance(name, str) and isinstance(organization, str) and name and organization:
            yield Fact(name, "works_at", organization, str(record["at"])[:10])
        return
    text, speaker = record.get("text"), record.get("sender_name") or record.get("sender")
    if record.get("kind") != "life.message" or not isinstance(text, str) or not speaker:
        return
    day = date.fromisoformat(str(record["at"])[:10])
    for sentence in _SENTENCE.split(text):
        if "?" not in sentence.rstrip(_TAIL)[-1:] and not sentence.lstrip().startswith(">"):
            yield from _of_sentence(str(speaker), sentence, day)


def _of_sentence(speaker: str, sentence: str, day: date) -> Iterator[Fact]:
    since = _since(sentence, day)
    for match in _RELATIVE.finditer(sentence):
        if not _AFTER.match(match["object"].split()[0]):
            name = _POSSESSIVE.sub("", match["object"])
            yield Fact(speaker, f"{match['kin'].lower().replace(' ', '_')}_is", name, day.isoformat())
    for match in _FAVOURITE.finditer(sentence):
        yield Fact(speaker, f"favourite_{'_'.join(match['what'].lower().split())}", _clean(match["object"]), since)
    for relation, rule in _RULES:
        said = rule.search(sentence)
        if said and not _UNSURE.search(_CANNOT.sub("", sentence[: said.start("object")])):
            thing = _clean(said["object"])
            if relation in _DONE:
                thing = _clean(_WHEN.sub("", thing))
            if relation in OPPOSITE and _OF_BEFORE.match(thing):
                continue
            if thing and not _NOTHING.match(thing):
                yield Fact(speaker, relation, thing, since)


def _clean(text: str) -> str:
    return " ".join(text.split()).strip(" '\u2019-")


def _since(sentence: str, day: date) -> str:
    """The first day of which the sentence says that it holds: the day it was said, or if it names one time that is not
    after that, the last day of it (of what is so since then, the first).
    """
    spans = [span for span in dates.spans(sentence, day, (day.year, day.year)) if span.first <= day + timedelta(1)]
    if len(spans) != 1 or (spans[0].is_open_to_past and _SINCE.search(sentence)):
        return day.isoformat()
    return (spans[0].first if _SINCE.search(sentence) else min(spans[0].last, day)).isoformat()


_SINCE = re.compile(r"\b(?:since|seit)\b(?! (?:I|we|ich|wir)\b)", re.IGNORECASE)
