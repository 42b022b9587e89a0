"""Readers of the files people already have: one module per format, bytes in, items out.

A module of `ORDER` has

- `NAME`, the format's name in life.source records, and `WHAT`, its name for a person;
- `matches(opened)`: whether a source is of this format, told from its content, never from its file name; cheap, and
  never raising;
- `items(opened, source, settings)`: records (or groups of them) and, in their place, a DataError for an item that is
  malformed. Nothing but a DataError ever leaves a reader, and its time is bounded by the size of the file.

Error messages name the file, the line and the field, and never show what stands there. Libraries that take long to
import are imported inside functions: `matches` of every module may be asked before the right one is found.
"""

from __future__ import annotations

#: The modules, in the order in which they are asked. Those with an unmistakable mark come first, CSV last.
ORDER = (
    "mail_folder",
    "mbox",
    "eml",  # before what may stand in a mail
    "apple_health",
    "gpx",
    "tcx",
    "fit",
    "garmin",
    "oura",
    "fitbit",
    "ical",
    "vcard",
    "ofx",
    "camt",
    "mt940",
    "qif",
    "beancount",
    "ledger",
    "jsonl",
    "signal",
    "telegram",
    "google_places",
    "google_activity",
    "browser",
    "whatsapp",
    "bank_csv",
)
