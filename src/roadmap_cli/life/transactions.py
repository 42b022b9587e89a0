"""Transactions into the state: each once, whoever told it, and which of them belong together.

A bank tells the same movement as OFX, CSV, CAMT and MT940, first announced and then booked, and the person's own books
tell it again. One of them is counted; each of the others is kept, and says which it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from roadmap_cli.core.records import Record
from roadmap_cli.life.stored import Stored

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


def comparable(amount: str) -> str:
    """An exact amount in the one spelling that is compared: two decimals, or more where they are not zeros."""
    whole, _, fraction = amount.partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2}"


def add(tx: Connection, record: Record, stored: Stored, format_name: str) -> None:
    """Store one transaction; mark it if it is told already, and what it replaces or belongs to."""
    told_by = str(record.get("message") or format_name)
    words = words_of(record.get("payee"), record.get("memo"))
    pending = record.get("status") == "pending"
    known = tx.execute("SELECT 1 FROM life_transaction WHERE id = ?", (record["id"],)).fetchone()
    twin = None if known else _twin(tx, record, told_by, words, pending=pending)
    if not stored.put(tx, record | {"same_as_id": twin} if twin else record):
        return
    tx.execute(
        """INSERT INTO life_transaction (id, date, amount, currency, payee, type, account_id, format, same_as)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING""",
        (
            record["id"], record["date"], comparable(record["amount"]), record["currency"], _text(record, "payee"),
            _text(record, "type"), _text(record, "account_id"), told_by, twin,
        ),
    )  # fmt: skip
    tx.execute(
        """INSERT INTO life_transaction_detail (id, source_id, account_tail, value_date, reference, counterparty_id,
               other_account, account_name, category, words, is_pending)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING""",
        (
            record["id"], _text(record, "source_id"), _tail(record), _text(record, "value_date"),
            _reference(record), _text(record, "counterparty_id"), _text(record, "transfer_account"),
            _text(record, "account_name"), _text(record, "category"), f" {' '.join(words)} " if words else "",
            int(pending),
        ),
    )  # fmt: skip
    if twin:
        return
    if not pending:
        stored.withdrawn += _replace_pending(tx, record, words)
    _link_transfer(tx, record, words)
    _link_refund(tx, record, words)


def _text(record: Record, field: str) -> str:
    return str(record.get(field) or "")


def _tail(record: Record) -> str:
    return _text(record, "account").lstrip("…")


def _reference(record: Record) -> str:
    return _text(record, "bank_reference")


def _shifted(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return day


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
            WHERE other.date BETWEEN :since AND :until AND other.currency = :currency AND other.amount = :amount
              AND other.id <> :id AND other.format <> :format AND other.same_as IS NULL
              AND detail.is_pending <= :pending AND {_SAME_ACCOUNT}
              AND NOT EXISTS (SELECT 1 FROM life_transaction AS twin
                              WHERE twin.same_as = other.id AND twin.format = :format)
            ORDER BY abs(julianday(other.date) - julianday(:date)), other.id LIMIT 8""",
        values
        | {
            "pending": int(pending),
            "since": _shifted(record["date"], -BOOKS_DAYS),
            "until": _shifted(record["date"], BOOKS_DAYS),
        },
    ).fetchall()
    for name, other_format, told, valued, day in near:
        books = told_by in OWN_BOOKS or other_format in OWN_BOOKS
        common = any(f" {word} " in told for word in words)
        same_value_day = day == values["valued"] or valued == record["date"]
        if common and (books or same_value_day):
            return str(name)
    return None


def _replace_pending(tx: Connection, record: Record, words: Sequence[str]) -> int:
    """Mark the announcement that this booking fulfils, if there is one: it is no longer counted. How many: 0 or 1."""
    rows = tx.execute(
        f"""SELECT other.id, other.amount, detail.words, detail.reference
            FROM life_transaction_detail AS detail JOIN life_transaction AS other ON other.id = detail.id
            WHERE detail.is_pending = 1 AND other.same_as IS NULL AND other.currency = :currency AND other.id <> :id
              AND other.date BETWEEN :since AND :until AND {_SAME_ACCOUNT}
            ORDER BY abs(julianday(other.date) - julianday(:date)), other.id""",
        _values(record)
        | {"since": _shifted(record["date"], -PENDING_DAYS), "until": _shifted(record["date"], PENDING_DAYS)},
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


def _opposite(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def _link_transfer(tx: Connection, record: Record, words: Sequence[str]) -> None:
    """Find the other leg of a transfer between own accounts. The amount alone never shows one."""
    if not record["amount"].strip("-0."):
        return
    goes_out = record["amount"].startswith("-")
    rows = tx.execute(
        """SELECT other.id, other.type, other.account_id, detail.account_tail, detail.counterparty_id,
                  detail.other_account, detail.account_name, detail.words
           FROM life_transaction AS other JOIN life_transaction_detail AS detail ON detail.id = other.id
           WHERE other.date BETWEEN :since AND :until AND other.currency = :currency AND other.amount = :amount
             AND other.same_as IS NULL AND other.account_id <> :account AND other.account_id <> '' AND :account <> ''
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link
                             WHERE (link.id = other.id AND link.other_id IS NOT NULL) OR link.other_id = other.id)
           ORDER BY abs(julianday(other.date) - julianday(:date)), other.id LIMIT 8""",
        _values(record)
        | {
            "amount": _opposite(comparable(record["amount"])),
            "since": _shifted(record["date"], -TRANSFER_DAYS),
            "until": _shifted(record["date"], TRANSFER_DAYS),
        },
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
        _link(tx, out, came, "transfer", why)
        return
    if not goes_out:
        return
    if record.get("type") == "xfer" or record.get("transfer_account"):
        _link(tx, record["id"], None, "transfer", "its source calls it a transfer")
    elif (
        record.get("counterparty_id")
        and tx.execute(
            "SELECT 1 FROM life_transaction WHERE account_id = ? LIMIT 1", (record["counterparty_id"],)
        ).fetchone()
    ):
        _link(tx, record["id"], None, "transfer", "it goes to an account whose statements are known")


def _says_transfer(words: set[str]) -> bool:
    return bool(words & TRANSFER_WORDS) or {"payment", "thank"} <= words


def _names(record: Record, account_name: str) -> bool:
    return bool(account_name) and record.get("transfer_account") == account_name


def _link(tx: Connection, out: str, other: str | None, relation: str, why: str) -> None:
    tx.execute(
        "INSERT INTO life_transaction_link (id, other_id, relation, why) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (out, other, relation, why),
    )


def _link_refund(tx: Connection, record: Record, words: Sequence[str]) -> None:
    """Find the purchase that money which came in pays back: the same payee, the same amount, and words that say so.

    Money that comes back in part, or without such a word, is income; it is not guessed at.
    """
    if record["amount"].startswith("-") or not record.get("payee"):
        return
    if not (record.get("is_reversal") or REFUND_WORDS & set(words)):
        return
    found = tx.execute(
        """SELECT other.id FROM life_transaction AS other
           WHERE other.date BETWEEN :since AND :date AND other.currency = :currency AND other.amount = :amount
             AND lower(other.payee) = lower(:payee) AND other.same_as IS NULL
             AND (other.account_id = :account OR other.account_id = '' OR :account = '')
             AND NOT EXISTS (SELECT 1 FROM life_transaction_link AS link WHERE link.id = other.id)
           ORDER BY other.date DESC, other.id LIMIT 1""",
        _values(record)
        | {
            "amount": _opposite(comparable(record["amount"])),
            "since": _shifted(record["date"], -REFUND_DAYS),
            "payee": record["payee"],
        },
    ).fetchone()
    if found:
        _link(tx, found[0], record["id"], "refund", "the same payee gave the same amount back")
