"""Transactions into the state: each once, whoever told it, and which of them belong together.

A bank tells the same movement as OFX, CSV, CAMT and MT940, first announced and then booked, and the person's own books
tell it again. One of them is counted; each of the others is kept, and says which it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadmap_cli.core.records import Record
from roadmap_cli.life.storing.neighbours import Neighbours, around, comparable, opposite, shifted
from roadmap_cli.life.storing.stored import Stored
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Formats of the person's own books, where the day is when they wrote it down.
OWN_BOOKS = ("qif", "beancount", "ledger")
#: So many days may lie between the bank's day and that of the person's own books.
BOOKS_DAYS = 3
#: So many days may lie between an announcement and its booking.
PENDING_DAYS = 10
#: So many days a transfer takes from one account to the other.
TRANSFER_DAYS = 5
#: So long after a purchase its money may come back.
REFUND_DAYS = 120

_WORD = re.compile(r"[^\W\d_]{3,}")


def words_of(*texts: object) -> list[str]:
    """The words of three letters and more in texts, lower case, each once."""
    return list(dict.fromkeys(_WORD.findall(" ".join(str(text) for text in texts if text).lower())))


#: What says that money moves between the person's own accounts, in payee or memo; and that it comes back.
TRANSFER_WORDS = frozenset(
    words_of(
        "transfer xfer umbuchung übertrag uebertrag virement traspaso girofondo overboeking spaarrekening överföring",
        "overføring przelew własny převod átvezetés transferência sparen savings sparkonto tagesgeld umbuchen",
        "eigenübertrag kreditkartenabrechnung",
    )
)
REFUND_WORDS = frozenset(
    words_of(
        "refund refunded reversal return returned rückzahlung erstattung gutschrift storno rückbuchung remboursement",
        "reembolso devolución rimborso terugbetaling retour återbetalning zwrot refundacja estorno chargeback avoir",
        "rückerstattung",
    )
)


def add(tx: Connection, given: Sequence[Record], stored: Stored, format_name: str) -> None:
    """Store transactions in their order; mark those that are told already, and what they replace or belong to."""
    if not given:
        return
    near = Neighbours(tx, given, PENDING_DAYS)
    waiting = _Waiting(tx, stored)
    for record in given:
        if record["id"] in near.known:
            stored.known += 1
            continue
        told_by = str(record.get("message") or format_name)
        words = words_of(record.get("payee"), record.get("memo"))
        pending = record.get("status") == "pending"
        twin = None
        if near.may_repeat(record, told_by):
            waiting.store()
            twin = _twin(tx, record, told_by, words, pending=pending)
        waiting.add(record | {"same_as_id": twin} if twin else record, told_by, words, twin, pending=pending)
        near.see(record, told_by, pending=pending)
        if not twin:
            _belongs(tx, record, words, stored, near, waiting, pending=pending)
    waiting.store()


def _belongs(
    tx: Connection,
    record: Record,
    words: Sequence[str],
    stored: Stored,
    near: Neighbours,
    waiting: _Waiting,
    *,
    pending: bool,
) -> None:
    """Find what a transaction that is counted replaces, the other leg of a transfer, the purchase it pays back."""
    replaces = near.any_pending and not pending
    leg = near.may_have_leg(record)
    refund = _says_refund(record, words)
    if replaces or leg or refund:
        waiting.store()
    if record["id"] in waiting.refused:
        return
    if replaces:
        stored.withdrawn += _replace_pending(tx, record, words, few=near.few_pending)
    if not (leg and _link_leg(tx, record, words)):
        _link_one_side(record, near, waiting)
    if refund:
        waiting.store()
        _link_refund(tx, record)


class _Waiting:
    """Transactions that are stored together, as soon as the state is asked about one of them."""

    def __init__(self, tx: Connection, stored: Stored) -> None:
        self._tx = tx
        self._stored = stored
        self._records: list[Record] = []
        self._rows: list[tuple[object, ...]] = []
        self._details: list[tuple[object, ...]] = []
        self._links: list[tuple[str, str | None, str, str]] = []
        self.refused: set[str] = set()
        """Ids of records that were there, though no transaction of theirs was."""

    def add(self, record: Record, told_by: str, words: Sequence[str], twin: str | None, *, pending: bool) -> None:
        """Take one more; `twin` is the transaction it repeats."""
        get = record.get
        name, account = record["id"], str(get("account_id") or "")
        self._records.append(record)
        self._rows.append(
            (
                name, record["date"], comparable(record["amount"]), record["currency"],
                str(get("payee") or ""), str(get("type") or ""), account, told_by, twin,
            )
        )  # fmt: skip
        self._details.append(
            (
                name, str(get("source_id") or ""), str(get("account") or "").lstrip("…"), str(get("value_date") or ""),
                str(get("bank_reference") or ""), str(get("counterparty_id") or ""),
                str(get("transfer_account") or ""), str(get("account_name") or ""), str(get("category") or ""),
                f" {' '.join(words)} " if words else "", int(pending),
            )
        )  # fmt: skip

    def link(self, out: str, relation: str, why: str) -> None:
        """What is known of the transaction that was added last, from its side alone."""
        self._links.append((out, None, relation, why))

    def store(self) -> None:
        """Store what waits."""
        if self._records:
            self._insert()
        if self._links:
            links = [link for link in self._links if link[0] not in self.refused]
            self._tx.executemany(_LINK, links)
            self._links = []

    def _insert(self) -> None:
        new = records.put_new(self._tx, self._records)
        for record, is_new in zip(self._records, new, strict=True):
            if is_new:
                self._stored.new.append(record)
            else:
                self._stored.known += 1
                self.refused.add(record["id"])
        if not all(new):
            self._rows = [row for row, is_new in zip(self._rows, new, strict=True) if is_new]
            self._details = [row for row, is_new in zip(self._details, new, strict=True) if is_new]
        self._tx.executemany(
            """INSERT INTO life_transaction (id, date, amount, currency, payee, type, account_id, format, same_as)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING""",
            self._rows,
        )
        self._tx.executemany(
            """INSERT INTO life_transaction_detail (id, source_id, account_tail, value_date, reference,
                   counterparty_id, other_account, account_name, category, words, is_pending)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING""",
            self._details,
        )
        self._records, self._rows, self._details = [], [], []


def _text(record: Record, field: str) -> str:
    return str(record.get(field) or "")


def _tail(record: Record) -> str:
    return _text(record, "account").lstrip("…")


def _reference(record: Record) -> str:
    return _text(record, "bank_reference")


#: Where both name their account by number it must be the same one; the same last four characters are enough, as
#: formats name the bank in different ways.
_SAME_ACCOUNT = """(detail.account_tail = '' OR :tail = '' OR detail.account_tail = :tail
                    OR other.account_id = :account)"""


def _values(record: Record) -> dict[str, object]:
    return {
        "id": record["id"],
        "date": record["date"],
        "amount": comparable(record["amount"]),
        "currency": record["currency"],
        "account": _text(record, "account_id"),
        "tail": _tail(record),
    }


def _days(record: Record, days: int) -> str:
    """The days around its own, as a JSON list: one look into the index for each, and not through all between."""
    import orjson

    return orjson.dumps(around(record["date"], days)).decode()


def _twin(tx: Connection, record: Record, told_by: str, words: Sequence[str], *, pending: bool) -> str | None:
    """A counted transaction that tells the same and that nothing else of this format repeats yet.

    From another format: this day, amount and currency. The bank's own reference decides where both have one of the
    same account, also within a format (CAMT of the day and of the month). Between the bank and the person's own books
    a few days may lie, if a word is common to both.
    """
    values = _values(record) | {
        "format": told_by,
        "source": _text(record, "source_id"),
        "reference": _reference(record),
        "valued": _text(record, "value_date"),
    }
    found = tx.execute(
        f"""SELECT other.id FROM life_transaction AS other
            LEFT JOIN life_transaction_detail AS detail ON detail.id = other.id
            WHERE other.date = :date AND other.currency = :currency AND other.amount = :amount AND other.id <> :id
              AND other.same_as IS NULL AND coalesce(detail.is_pending, 0) <= :pending
              AND (other.format <> :format
                   OR (:reference <> '' AND detail.reference = :reference AND detail.source_id <> :source))
              AND (detail.id IS NULL OR {_SAME_ACCOUNT})
              AND NOT EXISTS (SELECT 1 FROM life_transaction AS twin
                              WHERE twin.same_as = other.id AND twin.format = :format)
            ORDER BY detail.reference = :reference DESC, other.id LIMIT 1""",
        values | {"pending": int(pending)},
    ).fetchone()
    if found:
        return str(found[0])
    near = tx.execute(
        f"""SELECT other.id, other.format, detail.words, detail.value_date, other.date
            FROM life_transaction AS other JOIN life_transaction_detail AS detail ON detail.id = other.id
            WHERE other.date IN (SELECT value FROM json_each(:days)) AND other.currency = :currency
              AND other.amount = :amount AND other.id <> :id AND other.format <> :format AND other.same_as IS NULL
              AND detail.is_pending <= :pending AND {_SAME_ACCOUNT}
              AND NOT EXISTS (SELECT 1 FROM life_transaction AS twin
                              WHERE twin.same_as = other.id AND twin.format = :format)
            ORDER BY abs(julianday(other.date) - julianday(:date)), other.id LIMIT 8""",
        values | {"pending": int(pending), "days": _days(record, BOOKS_DAYS)},
    ).fetchall()
    for name, other_format, told, valued, day in near:
        books = told_by in OWN_BOOKS or other_format in OWN_BOOKS
        common = any(f" {word} " in told for word in words)
        same_value_day = day == values["valued"] or valued == record["date"]
        if common and (books or same_value_day):
            return str(name)
    return None


#: CROSS JOIN keeps the order of the tables: the few that were announced, or all of the days around.
_PENDING_FIRST = "life_transaction_detail AS detail CROSS JOIN life_transaction AS other"
_DAYS_FIRST = "life_transaction AS other CROSS JOIN life_transaction_detail AS detail"


def _replace_pending(tx: Connection, record: Record, words: Sequence[str], *, few: bool) -> int:
    """Mark the announcement that this booking fulfils, if there is one: it is no longer counted. How many: 0 or 1."""
    rows = tx.execute(
        f"""SELECT other.id, other.amount, detail.words, detail.reference
            FROM {_PENDING_FIRST if few else _DAYS_FIRST} ON other.id = detail.id
            WHERE detail.is_pending = 1 AND other.same_as IS NULL AND other.currency = :currency AND other.id <> :id
              AND other.date BETWEEN :since AND :until AND {_SAME_ACCOUNT}
            ORDER BY abs(julianday(other.date) - julianday(:date)), other.id""",
        _values(record)
        | {"since": shifted(record["date"], -PENDING_DAYS), "until": shifted(record["date"], PENDING_DAYS)},
    ).fetchall()
    reference = _reference(record)
    best = [name for name, _, _, told in rows if reference and told == reference]
    best += [
        name
        for name, amount, told, _ in rows
        if amount == comparable(record["amount"])
        and (not words or not told or any(f" {word} " in told for word in words))
    ]
    if not best:
        return 0
    tx.execute("UPDATE life_transaction SET same_as = ? WHERE id = ?", (record["id"], best[0]))
    tx.execute("DELETE FROM life_transaction_link WHERE id = ? OR other_id = ?", (best[0], best[0]))
    return 1


def _link_leg(tx: Connection, record: Record, words: Sequence[str]) -> bool:
    """Find the other leg of a transfer between own accounts. The amount alone never shows one."""
    if not record["amount"].strip("-0."):
        return False
    goes_out = record["amount"].startswith("-")
    rows = tx.execute(
        """SELECT other.id, other.type, other.account_id, detail.account_tail, detail.counterparty_id,
                  detail.other_account, detail.account_name, detail.words
           FROM life_transaction AS other JOIN life_transaction_detail AS detail ON detail.id = other.id
           WHERE other.date IN (SELECT value FROM json_each(:days)) AND other.currency = :currency
             AND other.amount = :amount AND other.same_as IS NULL
             AND other.account_id <> :account AND other.account_id <> '' AND :account <> ''
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link
                             WHERE (link.id = other.id AND link.other_id IS NOT NULL) OR link.other_id = other.id)
           ORDER BY abs(julianday(other.date) - julianday(:date)), other.id LIMIT 8""",
        _values(record) | {"amount": opposite(comparable(record["amount"])), "days": _days(record, TRANSFER_DAYS)},
    ).fetchall()
    mine = set(words)
    for name, kind, account, tail, counterparty, other_account, account_name, told in rows:
        if record.get("counterparty_id") == account or counterparty == record.get("account_id", "?"):
            why = "each names the other's account"
        elif _names(record, account_name) or (other_account and other_account == record.get("account_name")):
            why = "one names the other's account"
        elif "xfer" in (kind, record.get("type")) and _tail(record) != tail:
            why = "the bank calls it a transfer, and day and amount fit"
        elif _says_transfer(mine | set(told.split())) and _tail(record) != tail:
            why = "its words say transfer, and day and amount fit"
        else:
            continue
        out, came = (record["id"], name) if goes_out else (name, record["id"])
        tx.execute("DELETE FROM life_transaction_link WHERE id = ?", (out,))
        tx.execute(_LINK, (out, came, "transfer", why))
        return True
    return False


def _link_one_side(record: Record, near: Neighbours, waiting: _Waiting) -> None:
    """Money that goes to an own account whose side of it is not known."""
    if not record["amount"].startswith("-") or not record["amount"].strip("-0."):
        return
    if record.get("type") == "xfer" or record.get("transfer_account"):
        waiting.link(record["id"], "transfer", "its source calls it a transfer")
    elif record.get("counterparty_id") and near.has_account(record["counterparty_id"]):
        waiting.link(record["id"], "transfer", "it goes to an account whose statements are known")


def _says_transfer(words: set[str]) -> bool:
    return bool(words & TRANSFER_WORDS) or {"payment", "thank"} <= words


def _names(record: Record, account_name: str) -> bool:
    return bool(account_name) and record.get("transfer_account") == account_name


_LINK = "INSERT INTO life_transaction_link (id, other_id, relation, why) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


def _says_refund(record: Record, words: Sequence[str]) -> bool:
    """Whether it is money that came back: from somebody, and its words, or the bank, say so."""
    if record["amount"].startswith("-") or not record.get("payee"):
        return False
    return bool(record.get("is_reversal") or REFUND_WORDS & set(words))


def _link_refund(tx: Connection, record: Record) -> None:
    """Find the purchase that money which came in pays back: the same payee, the same amount, and words that say so.

    Money that comes back in part, or without such a word, is income; it is not guessed at.
    """
    found = tx.execute(
        """SELECT other.id FROM life_transaction AS other
           WHERE other.date BETWEEN :since AND :date AND other.currency = :currency AND other.amount = :amount
             AND lower(other.payee) = lower(:payee) AND other.same_as IS NULL
             AND (other.account_id = :account OR other.account_id = '' OR :account = '')
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link WHERE link.id = other.id)
           ORDER BY other.date DESC, other.id LIMIT 1""",
        _values(record)
        | {
            "amount": opposite(comparable(record["amount"])),
            "since": shifted(record["date"], -REFUND_DAYS),
            "payee": record["payee"],
        },
    ).fetchone()
    if found:
        tx.execute(_LINK, (found[0], record["id"], "refund", "the same payee gave the same amount back"))
