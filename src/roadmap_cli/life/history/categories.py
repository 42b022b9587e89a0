"""What a transaction was for: from the person's own books, from payees they filed before, or from telling words.

A guess names what it rests on: the transactions it learned from, or the word. Without either there is none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache

from roadmap_cli.life.storing.transactions import words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: So much of what was filed under a payee or a word must agree.
LEAST_AGREEING = 0.6
#: A word teaches once it was filed so often.
FEWEST_FILED = 2
MOST_EVIDENCE = 10

#: Telling words, of payees and purposes in several languages, by what they are for.
WORDS = {
    "groceries": "supermarket supermarkt supermarché supermercado supermercati grocery groceries lebensmittel biomarkt "
    "edeka rewe aldi lidl penny netto kaufland tesco sainsbury asda waitrose carrefour auchan leclerc mercadona "
    "albert heijn jumbo spar migros coop walmart kroger safeway biedronka żabka esselunga conad ica willys",
    "eating out": "restaurant restaurante ristorante café cafe coffee bakery bäckerei bistro pizzeria kantine canteen "
    "starbucks mcdonald burger imbiss lieferando lieferdienst takeaway deliveroo "
    "doordash ubereats wolt glovo bar pub",
    "housing": "rent miete hausverwaltung loyer alquiler affitto huur aluguel czynsz hyra mortgage hypothek landlord",
    "utilities": "strom stadtwerke electricity energie energy gas wasser water heating fernwärme electricité luce "
    "internet telekom vodafone telefon mobilfunk broadband orange",
    "transport": "bahn bvg mvv hvv sncf renfe trenitalia train railway fuel tankstelle petrol shell aral esso parking "
    "parken uber bolt taxi tfl transit metro bus autobahn carsharing",
    "insurance": "insurance versicherung assurance seguro assicurazione verzekering ubezpieczenie försäkring allianz",
    "health": "pharmacy apotheke pharmacie farmacia apotheek doctor arzt arztpraxis zahnarzt dentist klinik clinic "
    "hospital",
    "subscriptions": "netflix spotify disney audible icloud streaming abo subscription abonnement youtube patreon",
    "salary": "salary gehalt lohn payroll salaire nómina stipendio salaris wynagrodzenie lön besoldung",
    "cash": "atm geldautomat bargeldauszahlung cash withdrawal bancomat retrait cajero geldautomaat bankomat",
    "fees": "fee gebühr kontoführung entgelt entgeltabschluss commission frais comisión",
    "tax": "finanzamt tax steuer impôt hmrc irs hacienda belastingdienst skatteverket agenzia",
    "travel": "hotel airbnb booking hostel airline airlines lufthansa ryanair easyjet flight flug airport expedia",
    "clothing": "zalando zara uniqlo clothing schuhe shoes mode fashion primark asos",
    "donations": "donation spende spenden charity unicef caritas greenpeace amnesty",
}  # fmt: skip
#: Which of them only money that comes in can be.
_INCOME = ("salary",)


@dataclass(frozen=True, slots=True)
class Guess:
    """A category, why, the transactions that taught it (none for a telling word), and how many of them agree."""

    category: str
    why: str
    evidence: tuple[str, ...] = ()
    share: float = 1.0


class Categories:
    """What the person's own books teach, read once."""

    def __init__(self, tx: Connection):
        """Read every transaction that was filed under a category."""
        self._by_payee: dict[str, Counter[str]] = defaultdict(Counter)
        self._by_word: dict[str, Counter[str]] = defaultdict(Counter)
        self._ids: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._tx = tx
        rows = tx.execute(
            """SELECT filed.id, filed.payee, detail.category, bank.payee
               FROM life_transaction_detail AS detail JOIN life_transaction AS filed ON filed.id = detail.id
               LEFT JOIN life_transaction AS bank ON bank.id = filed.same_as OR bank.same_as = filed.id
               WHERE detail.category <> '' ORDER BY filed.date, filed.id"""
        )
        for name, payee, category, told_by_bank in rows:
            for each in dict.fromkeys(text.lower() for text in (payee, told_by_bank) if text):
                self._by_payee[each][category] += 1
                self._ids[each, category].append(name)
                for word in words_of(each):
                    self._by_word[word][category] += 1
                    self._ids[f" {word}", category].append(name)

    def of(self, id: str) -> Guess | None:
        """The category of a stored transaction; None if there is no ground for one."""
        row = self._tx.execute(
            """SELECT paid.payee, paid.amount, detail.category, detail.words, twin.category, twin.id
               FROM life_transaction AS paid LEFT JOIN life_transaction_detail AS detail ON detail.id = paid.id
               LEFT JOIN life_transaction AS other ON other.id = paid.same_as OR other.same_as = paid.id
               LEFT JOIN life_transaction_detail AS twin ON twin.id = other.id AND twin.category <> ''
               WHERE paid.id = ? ORDER BY twin.id IS NULL LIMIT 1""",
            (id,),
        ).fetchone()
        if row is None:
            return None
        payee, amount, own, words, filed, twin = row
        if own:
            return Guess(own, "filed so in your own books", (id,))
        if filed:
            return Guess(filed, "the same transaction is filed so in your own books", (twin,))
        return self.guess(payee, words or "", goes_out=amount.startswith("-"))

    def guess(self, payee: str, memo: str = "", *, goes_out: bool = True) -> Guess | None:
        """The category of what a payee was paid for; None if there is no ground for one."""
        if found := self._agreed(payee.lower(), self._by_payee, payee.lower(), 1, "you filed this payee so"):
            return found
        votes = [
            found
            for word in words_of(payee)
            if (
                found := self._agreed(
                    word, self._by_word, f" {word}", FEWEST_FILED, f"you filed payees with {word!r} so"
                )
            )
        ]
        if votes:
            return max(votes, key=lambda vote: (vote.share * min(len(vote.evidence), MOST_EVIDENCE), vote.category))
        for text, place in ((payee, "payee"), (memo, "purpose")):
            for word in words_of(text):
                category = _telling().get(word)
                if category and (category in _INCOME) != goes_out:
                    return Guess(category, f"the {place} has the word {word!r}")
        return None

    def _agreed(self, key: str, table: dict[str, Counter[str]], ids: str, fewest: int, why: str) -> Guess | None:
        counts = table.get(key)
        if not counts:
            return None
        (category, count), total = counts.most_common(1)[0], sum(counts.values())
        if count < fewest or count / total < LEAST_AGREEING:
            return None
        evidence = tuple(dict.fromkeys(self._ids[ids, category]))[-MOST_EVIDENCE:]
        return Guess(category, f"{why} {count} of {total} times", evidence, count / total)


@cache
def _telling() -> dict[str, str]:
    return {word: category for category, words in WORDS.items() for word in words.split()}
