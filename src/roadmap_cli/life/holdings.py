"""What the state holds of a life, table by table: the one list that export and erase go by.

A table that is missing here would be forgotten by both; tests/unit/life/test_erasing.py holds the list against the
schema. Say of a new table which it is:

- ``record``   its rows belong to records: they go when their record goes (by foreign keys, whatever the column).
- ``follows``  its rows hang on a row of another of these tables, or on a record by a trigger, and go with it.
- ``derived``  made from records and made again by its command: emptied whenever anything is erased.
- ``named``    holds names that records mention (`erasing` says how): a name goes with the last record that has it.
- ``place``    names a place things were read from, in `column`: goes with that source, or with everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Holding:
    """One table, how it hangs together with records, and for `place` its column."""

    table: str
    how: Literal["record", "follows", "derived", "named", "place"]
    column: str = ""


HOLDINGS: tuple[Holding, ...] = (
    Holding("life_event", "record"),
    Holding("life_task", "record"),
    Holding("life_transaction", "record"),
    Holding("life_balance", "record"),
    Holding("life_price", "record"),
    Holding("life_activity", "record"),
    Holding("life_message", "record"),
    Holding("life_subject", "record"),
    Holding("life_contact", "record"),
    Holding("life_visit", "record"),
    Holding("life_warning", "record"),
    Holding("life_value", "record"),
    Holding("life_graph_read", "record"),
    Holding("life_graph_mention", "record"),
    Holding("life_item", "record"),
    Holding("life_memory", "record"),
    Holding("life_memory_source", "record"),
    Holding("life_transaction_detail", "follows"),
    Holding("life_transaction_link", "follows"),
    Holding("life_measurement", "follows"),
    Holding("life_access", "follows"),
    Holding("life_item_words", "follows"),
    Holding("life_thread", "derived"),
    Holding("life_entity", "derived"),
    Holding("life_relation", "derived"),
    Holding("life_graph_question", "derived"),
    Holding("life_graph_made", "derived"),
    Holding("life_span", "derived"),
    Holding("life_graph_atom", "named"),
    Holding("life_graph_act", "named"),
    Holding("life_cursor", "place", "source"),
    Holding("life_part", "place", "name"),
    Holding("life_part_uid", "place", "name"),
)

#: Kinds that tell what happened or what the person said. All other kinds of the family are made from these, and are
#: erased with what they were made from.
TOLD = frozenset(
    ("life.source", "life.event", "life.task", "life.transaction", "life.price", "life.measurement", "life.activity",
     "life.message",
     "life.contact", "life.page_visit", "life.place_visit", "life.balance", "life.value", "life.value_removed")
)  # fmt: skip

#: Kinds that say in other words what records said, under an id that is a hash of it: they go with these, shell and all.
MEMORIES = frozenset(("life.memory", "life.fact"))

#: Columns of other families that keep copies of records: table, column with the record's id, column that is emptied.
COPIES = (("slm_sync_revision", "record_id", "body"),)

Tables = Mapping[str, Holding]
BY_TABLE: Tables = {each.table: each for each in HOLDINGS}
