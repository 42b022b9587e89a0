"""Questions about the person's own money: which payments they are about, and what these come to.

"How much did I spend on Lieferando in November?" names a payee; "what did I pay for food delivery?" a kind of payee, or
a category as life-watch files spending under (`history.categories`). What the question is not about is not added up: a
question that names neither is searched for like any other.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.choosing.words import PAID_FOR
from roadmap_cli.life.history.categories import Categories
from roadmap_cli.life.history.series import TRANSFERS
from roadmap_cli.retrieval import dates, terms, unread
from roadmap_cli.retrieval.spans import Span

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

KIND = "life.sum"
Meaning = tuple[str, Mapping[str, str]]
"""What is meant, in words, and why each payment, by its id, is that."""
#: Payees that are named in the text of a sum.
SHOWN = 3
_OUT = re.compile(
    r"\b(?:pay|pays|paid|paying|spend|spends|spent|spending|costs?|expens\w+|bought|bills?|bezahl\w*|zahle\w*|"
    r"ausgegeben|ausgaben|gekostet|kostete\w*)\b",
    re.IGNORECASE,
)
_IN = re.compile(r"\b(?:earn\w*|receiv\w+|income|(?:been|get|got|gets) paid|verdien\w*|eingenommen)\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:i|we|my|our|me|us|ich|wir|mein\w*|unser\w*)\b", re.IGNORECASE)
_EVERYTHING = re.compile(
    r"\bhow much (?:money )?(?:(?:did|have|do) (?:i|we)|was|were) "
    r"(?:spend|spent|pay|paid|earn|earned|receive|received)\b"
    r"|\bwas habe ich .*ausgegeben\b",
    re.IGNORECASE,
)
#: What comes after it is not to be counted.
_WITHOUT = re.compile(
    r"\b(?:without|except(?:ing)?|excluding|apart from|aside from|other than|besides|but|not|ohne|außer|ausgenommen|"
    r"abgesehen von|nicht|kein\w*)\b",
    re.IGNORECASE,
)
_EACH = re.compile(r",|\b(?:and|or|nor|und|oder)\b", re.IGNORECASE)
#: Words of a question about money that name nothing it went for.
_EMPTY_TEXT = """
    much many money all total altogether together sum amount overall everything things thing eur euro euros usd
    dollars pounds last past this next week weeks month months year years day days today yesterday since until before
    after till between during seit vor nach bis zwischen spring summer autumn winter per each every average get got
    viel geld insgesamt letzten letzte dieses diesem monat jahr woche buy buying order ordered ordering orders going
    went use using
"""
_EMPTY = frozenset(_EMPTY_TEXT.split())
#: What people call what they pay for: a kind of payee (of `PAID_FOR`), or a category.
_CALLED = {
    "delivery": ("delivery", "eating out"), "takeaway": ("delivery", "eating out"),
    "takeout": ("delivery", "eating out"),
    "lieferdienst": ("delivery", "eating out"), "lieferdienste": ("delivery", "eating out"),
    "train": ("train", "transport"), "trains": ("train", "transport"), "bahn": ("train", "transport"),
    "bus": ("bus", "transport"), "buses": ("bus", "transport"), "taxi": ("taxi", "transport"),
    "taxis": ("taxi", "transport"), "rides": ("taxi", "transport"), "gym": ("gym", ""), "fitness": ("gym", ""),
    "phone": ("phone", "utilities"), "mobile": ("phone", "utilities"),
    "dining": ("", "eating out"), "eating": ("", "eating out"), "restaurant": ("", "eating out"),
    "restaurants": ("", "eating out"), "coffee": ("", "eating out"), "meals": ("", "eating out"),
    "groceries": ("", "groceries"), "grocery": ("", "groceries"), "supermarket": ("", "groceries"),
    "supermarkets": ("", "groceries"), "lebensmittel": ("", "groceries"),
    "rent": ("", "housing"), "housing": ("", "housing"), "mortgage": ("", "housing"), "miete": ("", "housing"),
    "utilities": ("", "utilities"), "electricity": ("", "utilities"), "power": ("", "utilities"),
    "strom": ("", "utilities"), "internet": ("", "utilities"), "heating": ("", "utilities"),
    "transport": ("", "transport"), "transportation": ("", "transport"), "fuel": ("", "transport"),
    "petrol": ("", "transport"), "parking": ("", "transport"),
    "insurance": ("", "insurance"), "insurances": ("", "insurance"), "versicherung": ("", "insurance"),
    "health": ("", "health"), "pharmacy": ("", "health"), "doctor": ("", "health"), "doctors": ("", "health"),
    "medicine": ("", "health"), "apotheke": ("", "health"),
    "subscriptions": ("", "subscriptions"), "subscription": ("", "subscriptions"), "streaming": ("", "subscriptions"),
    "salary": ("", "salary"), "wage": ("", "salary"), "wages": ("", "salary"), "gehalt": ("", "salary"),
    "cash": ("", "cash"), "fees": ("", "fees"), "fee": ("", "fees"), "tax": ("", "tax"), "taxes": ("", "tax"),
    "travel": ("", "travel"), "travelling": ("", "travel"), "hotels": ("", "travel"), "hotel": ("", "travel"),
    "flights": ("", "travel"), "flight": ("", "travel"), "clothes": ("", "clothing"), "clothing": ("", "clothing"),
    "shoes": ("", "clothing"), "donations": ("", "donations"), "charity": ("", "donations"),
}  # fmt: skip
#: Words that only go with another: "food" is what is delivered, or bought.
_WITH = {"food": ("", "groceries"), "public": ("", "transport"), "out": ("", "")}


@dataclass(frozen=True, slots=True)
class Payment:
    """One counted transaction: its stamp `at`, the person's own word for it `category`, and those of its memo."""

    id: str
    at: str
    day: date
    amount: Decimal
    currency: str
    payee: str
    category: str
    words: str


@dataclass(frozen=True, slots=True)
class Paid:
    """What a question about money is about: a name for it, the payments by time, and why each counts.

    Where nothing was paid in the times it names (`spans`), `others` are the payments for the same at other times, and
    `is_known` tells whether any payment of these times is stored at all.
    """

    what: str
    payments: tuple[Payment, ...]
    why: Mapping[str, str]
    is_income: bool
    spans: tuple[Span, ...] = ()
    others: tuple[Payment, ...] = ()
    is_known: bool = True

    def within(self, since: str | None, until: str | None) -> Paid:
        """Only what happened from one stamp up to another."""
        kept = [each for each in self.payments if (not since or each.at >= since) and (not until or each.at < until)]
        return replace(self, payments=tuple(kept))

    def sums(self, question: str, now: datetime) -> Iterator[Record]:
        """What they come to: a life.sum for each currency, the one of most payments first; one of nothing, in the
        currency of the others, where nothing was paid in the times named.
        """
        if self.others:
            yield self._nothing(question, now)
        by_currency: dict[str, list[Payment]] = defaultdict(list)
        for each in self.payments:
            by_currency[each.currency].append(each)
        for unit, some in sorted(by_currency.items(), key=lambda item: (-len(item[1]), item[0])):
            total = sum((abs(each.amount) for each in some), Decimal())
            ids = [each.id for each in some]
            yield {
                "kind": KIND, "id": content_id(KIND, question=question, currency=unit, evidence=ids),
                "at": max(each.at for each in some), "question": question, "text": self._text(some, total, unit),
                "what": self.what, "amount": format(total, "f"), "currency": unit, "is_income": self.is_income,
                "count": len(some), "since": some[0].day.isoformat(), "until": some[-1].day.isoformat(),
                "evidence_ids": ids, "asked_at": clock.stamp(now),
            }  # fmt: skip

    def _nothing(self, question: str, now: datetime) -> Record:
        unit = Counter(each.currency for each in self.others).most_common(1)[0][0]
        last = min(max(span.last for span in self.spans), now.date())
        return {
            "kind": KIND, "id": content_id(KIND, question=question, currency=unit, evidence=[]),
            "at": clock.stamp(min(datetime.combine(last, time.max, now.tzinfo), now)), "question": question,
            "text": self._text_of_nothing(now.date()), "what": self.what, "amount": "0", "currency": unit,
            "is_income": self.is_income, "count": 0,
            **({} if self.spans[0].is_open_to_past else {"since": self.spans[0].first.isoformat()}),
            "until": last.isoformat(), "evidence_ids": [], "asked_at": clock.stamp(now),
        }  # fmt: skip

    def _text_of_nothing(self, today: date) -> str:
        when = " and ".join(str(replace(span, last=min(span.last, today))) for span in self.spans)
        payees = {each.payee for each in self.others}
        what = next(iter(payees)) if len(payees) == 1 else self.what
        said = f"nothing {'received' if self.is_income else 'paid'}, {when}: {what}"
        if not self.is_known:
            said = f"no payment of {when} is stored: {what}"
        return f"{said}; {_payments_in_words(self.others)} at other times, {_from_to(self.others)}"

    def _text(self, some: Sequence[Payment], total: Decimal, unit: str) -> str:
        verb = "received" if self.is_income else "paid"
        text = f"{total} {unit} {verb} in {_payments_in_words(some)}, {_from_to(some)}"
        by_payee: dict[str, Decimal] = defaultdict(Decimal)
        for each in some:
            by_payee[each.payee or "no payee"] += abs(each.amount)
        ranked = sorted(by_payee.items(), key=lambda item: (-item[1], item[0]))
        if len(ranked) == 1:
            return f"{text}: {ranked[0][0]}"
        shown = ", ".join(f"{payee} {amount}" for payee, amount in ranked[:SHOWN])
        more = f" and {len(ranked) - SHOWN} more" if len(ranked) > SHOWN else ""
        return f"{text}, {self.what}: {shown}{more}"


def _payments_in_words(some: Sequence[Payment]) -> str:
    return f"{len(some)} payment{'s' if len(some) != 1 else ''}"


def _from_to(some: Sequence[Payment]) -> str:
    return str(Span(some[0].day, some[-1].day))


def asked(tx: Connection, question: str, today: date) -> Paid | None:
    """The payments that a question is about, in the time it names; None if it is about no payments, or there are none
    at any time.

    A month or season without a year is the last one that has begun. Of a time that is not wholly read, or is still
    to come, there is no sum.
    """
    is_income = bool(_IN.search(question))
    if not (is_income or _OUT.search(question)) or not _OWN.search(question):
        return None
    rest = unread.beside(question, dates.named(question, today))
    if unread.tells_time(rest):
        return None
    paid = [each for each in _payments(tx, today) if (each.amount > 0) == is_income]
    wanted, *unwanted = _WITHOUT.split(rest, maxsplit=1)
    meant = _meant(tx, question, _named(wanted), paid)
    if meant and unwanted:
        meant = _less(tx, meant, unwanted[0], paid) if _OWN.search(wanted) else None
    if meant is None:
        return None
    what, why = meant
    times = sorted(_spans(question, today), key=lambda span: span.first)
    spans = tuple(span for span in times if span.first <= today)
    if times and not spans:
        return None
    matching = tuple(each for each in paid if each.id in why)
    kept = tuple(each for each in matching if not spans or _is_within(each, spans))
    if kept or not matching:
        return Paid(what, kept, why, is_income, spans) if kept else None
    is_known = any(_is_within(each, spans) for each in _payments(tx, today))
    return Paid(what, (), why, is_income, spans, matching, is_known)


def _is_within(payment: Payment, spans: Sequence[Span]) -> bool:
    return any(span.first <= payment.day <= span.last for span in spans)


def _named(text: str) -> list[str]:
    return [word for word in terms.words(text) if not _is_empty(word)]


def _is_empty(word: str) -> bool:
    return (
        len(word) < 3 or word.isdigit() or word in _EMPTY or bool(_OUT.fullmatch(word) or _IN.fullmatch(word))
        or word in dates.NAMES
    )  # fmt: skip


def _meant(tx: Connection, question: str, named: Sequence[str], paid: Sequence[Payment]) -> Meaning | None:
    """What the words name, and why each payment is that: payees, then kinds of payees, categories, everything."""
    plain = [word for word in named if word not in _CALLED and word not in _WITH]
    if plain:
        payees = _of_payees(plain, paid)
        if payees or not any(word in _CALLED for word in named):
            return payees
    called = [word for word in named if word in _CALLED] or [word for word in named if word in _WITH]
    if not called:
        return ("everything", {each.id: "it is a payment" for each in paid}) if _EVERYTHING.search(question) else None
    for place, find in ((0, _of_kind), (1, _of_category(tx))):
        for word in called:
            name = {**_WITH, **_CALLED}[word][place]
            if name and (why := find(name, paid)):
                return name, why
    return _of_payees(called, paid)


def _less(tx: Connection, meant: Meaning, unwanted: str, paid: Sequence[Payment]) -> Meaning | None:
    """What is meant without each thing that `unwanted` names; None if one of them is not known for certain."""
    what, why = meant
    names, ids = [], set()
    for text in _EACH.split(unwanted):
        words = _named(text)
        less = _meant(tx, "", words, paid) if len(words) == 1 or {*words} <= {*_CALLED, *_WITH} else None
        if less is None:
            return None
        names.append(less[0])
        ids |= {*less[1]}
    return f"{what} without {' and '.join(names)}", {id: because for id, because in why.items() if id not in ids}


def _of_payees(named: Sequence[str], paid: Sequence[Payment]) -> Meaning | None:
    """The payments to whom the words name: all of them in one payee's name, or else any."""
    words_of = {each.payee: set(re.findall(r"\w+", each.payee.lower())) for each in paid}
    hits = {payee: [word for word in named if word in words] for payee, words in words_of.items()}
    most = max((len(some) for some in hits.values()), default=0)
    known = {word for some in hits.values() for word in some}
    least = most if most > 1 and most == len(known) else 1
    chosen = {payee: some for payee, some in hits.items() if len(some) >= least}
    if not most:
        return None
    why = {each.id: f"the payee is {' '.join(chosen[each.payee])!r}" for each in paid if each.payee in chosen}
    return " and ".join(word for word in named if word in known), why


def _of_kind(name: str, paid: Sequence[Payment]) -> Mapping[str, str]:
    why = {}
    for each in paid:
        if found := PAID_FOR[name].search(each.payee + " "):
            why[each.id] = f"the payee has the word {found[0].strip().lower()!r}"
    return why


def _of_category(tx: Connection) -> Callable[[str, Sequence[Payment]], Mapping[str, str]]:
    def find(name: str, paid: Sequence[Payment]) -> Mapping[str, str]:
        known = Categories(tx)
        guesses: dict[tuple[str, str, bool], tuple[str, str]] = {}
        why = {}
        for each in paid:
            key = (each.payee, each.words, each.amount < 0)
            if each.category:
                guesses[key] = (each.category, "filed so in your own books")
            elif key not in guesses:
                guess = known.guess(each.payee, each.words, goes_out=each.amount < 0)
                guesses[key] = (guess.category, guess.why) if guess else ("", "")
            category, reason = guesses[key]
            if category.lower() == name or name in re.split(r"[:/]", category.lower()):
                why[each.id] = f"filed under {category!r}: {reason}"
        return why

    return find


def _payments(tx: Connection, today: date) -> Iterator[Payment]:
    """What moved up to today, each once; neither what is only announced nor transfers between own accounts."""
    filed = dict(
        tx.execute(
            """SELECT twin.same_as, detail.category FROM life_transaction AS twin
               JOIN life_transaction_detail AS detail ON detail.id = twin.id
               WHERE twin.same_as IS NOT NULL AND detail.category <> ''"""
        ).fetchall()
    )
    rows = tx.execute(
        """SELECT paid.id, record.at, date, amount, currency, payee, type, coalesce(category, ''), coalesce(words, '')
           FROM life_transaction AS paid JOIN record ON record.id = paid.id
           LEFT JOIN life_transaction_detail AS detail ON detail.id = paid.id
           WHERE same_as IS NULL AND date <= ? AND coalesce(is_pending, 0) = 0
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link WHERE relation = 'transfer'
                             AND (link.id = paid.id OR link.other_id = paid.id))
           ORDER BY date, paid.id""",
        (today.isoformat(),),
    )
    for name, at, day, amount, currency, payee, kind, category, said in rows:
        if kind not in TRANSFERS:
            own = category or filed.get(name, "")
            yield Payment(name, at, date.fromisoformat(day), Decimal(amount), currency, payee, own, said)


def _spans(question: str, today: date) -> list[Span]:
    """The times that a question names: of a month or season without a year the last that has begun."""
    found = dates.spans(question, today)
    if found and all(span.first > today for span in found):
        found = dates.spans(question, today, (today.year - 1, today.year - 1))
    return found
