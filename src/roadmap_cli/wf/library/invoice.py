"""An invoice held against what was ordered and what was booked: `check`, `book`, `reverse`.

suppliers.csv: supplier, iban, status. orders.csv: order, supplier, amount, currency. ledger.csv, written here: number,
supplier, amount, currency, order, sort (invoice or reversal), key. Amounts are decimal text, never floats.
"""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation

import folder
from folder import Record

COLUMNS = ("number", "supplier", "amount", "currency", "order", "sort", "key")


def main() -> None:
    """`ACT FOLDER`, the invoice on standard input: the answer is JSON."""
    act, name = sys.argv[1:3]
    invoice = folder.asked()
    {"check": check, "book": book, "reverse": reverse}[act](name, invoice)


def amount(value: object) -> Decimal:
    """An amount of money; ends the program for anything else."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        sys.exit(f"{value!r} is no amount")
    if not found.is_finite() or found <= 0 or found != found.quantize(Decimal("0.01")):
        sys.exit(f"{value!r} is no amount with at most two decimals")
    return found


def check(name: str, invoice: Record) -> None:
    """What is wrong with an invoice, gravest first, and whether it may be booked, must be asked about, or not."""
    due = amount(invoice["amount"])
    supplier = next(
        (each for each in folder.rows(f"{name}/suppliers.csv") if each["supplier"] == invoice["supplier"]), None
    )
    order = next((each for each in folder.rows(f"{name}/orders.csv") if each["order"] == invoice["order"]), None)
    booked = [each for each in folder.rows(f"{name}/ledger.csv") if each["supplier"] == invoice["supplier"]]
    refuse: list[str] = []
    ask: list[str] = []
    if any(each["number"] == str(invoice["number"]) and each["sort"] == "invoice" for each in booked):
        refuse.append(f"invoice {invoice['number']} of {invoice['supplier']} is booked already")
    if supplier is None:
        refuse.append(f"there is no supplier {invoice['supplier']}")
    elif supplier["status"] != "active":
        refuse.append(f"supplier {invoice['supplier']} is {supplier['status']}")
    elif supplier["iban"].replace(" ", "") != str(invoice["iban"]).replace(" ", ""):
        refuse.append("the account is not the one the supplier is known by")
    if order is None:
        ask.append(f"there is no order {invoice['order'] or 'named'}")
    elif order["supplier"] != invoice["supplier"]:
        refuse.append(f"order {order['order']} is another supplier's")
    elif order["currency"] != invoice["currency"]:
        ask.append(f"ordered in {order['currency']}, invoiced in {invoice['currency']}")
    else:
        signs = {"invoice": 1, "reversal": -1}
        billed = sum(
            (signs[each["sort"]] * Decimal(each["amount"]) for each in booked if each["order"] == order["order"]),
            Decimal(0),
        )
        if billed + due > Decimal(order["amount"]):
            ask.append(f"with {billed} invoiced before it is more than the {order['amount']} that were ordered")
    if due > Decimal(str(invoice["limit"])):
        ask.append(f"more than {invoice['limit']}, which needs a person's word")
    verdict = "refuse" if refuse else "ask" if ask else "book"
    folder.tell({"verdict": verdict, "why": "; ".join([*refuse, *ask]) or "supplier, account, order and amount agree"})


def book(name: str, invoice: Record) -> None:
    """Add the invoice to the ledger, once."""
    _add(name, invoice, "invoice")


def reverse(name: str, invoice: Record) -> None:
    """Add the reversal of what was booked, once: a ledger is never rubbed out."""
    _add(name, invoice, "reversal")


def _add(name: str, invoice: Record, sort: str) -> None:
    place = f"{name}/ledger.csv"
    row = {**{key: str(invoice[key]) for key in ("number", "supplier", "currency", "order")}, "sort": sort}
    row |= {"amount": str(amount(invoice["amount"])), "key": folder.key()}
    with folder.alone(place):
        rows = folder.rows(place)
        is_new = not any(each["key"] == row["key"] != "" for each in rows)
        if is_new:
            folder.write_rows(place, COLUMNS, [*rows, row])
    folder.tell({"number": row["number"], "amount": row["amount"], "sort": sort, "is_new": is_new})


if __name__ == "__main__":
    main()
