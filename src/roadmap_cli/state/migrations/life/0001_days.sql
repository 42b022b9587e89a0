-- What life-watch counts by: one row per event and transaction, beside the whole record in table record.
-- Times are RFC 3339, UTC, milliseconds, Z; dates are YYYY-MM-DD in the zone of the event.

-- Instances of calendar events, every version that was ever read.
CREATE TABLE life_event (
    id           TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.event record
    uid          TEXT NOT NULL,    -- the calendar's UID: the same for all instances of a series
    instance     TEXT NOT NULL,    -- which instance: the moment or date it was planned for; '' if it does not repeat
    start_at     TEXT NOT NULL,    -- when it begins
    end_at       TEXT NOT NULL,    -- when it ends
    zone         TEXT NOT NULL,    -- IANA name of its time zone, or another name for it; '' if unknown
    all_day      INTEGER NOT NULL, -- 1: days, not hours
    busy         INTEGER NOT NULL, -- 1: takes the person's time
    people_count INTEGER NOT NULL, -- people it names, organiser included
    modified_at  TEXT NOT NULL,    -- when its source last changed it; '' if the source does not say
    is_current   INTEGER NOT NULL  -- 1: the latest version known; 0: replaced or withdrawn
) STRICT, WITHOUT ROWID;
CREATE INDEX life_event_by_uid ON life_event (uid, instance);
CREATE INDEX life_event_by_start ON life_event (start_at, id) WHERE is_current = 1;

-- Transactions on accounts.
CREATE TABLE life_transaction (
    id       TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.transaction record
    date     TEXT NOT NULL,   -- the day the bank names
    amount   TEXT NOT NULL,   -- exact decimal; negative: money went out
    currency TEXT NOT NULL,   -- ISO 4217
    payee    TEXT NOT NULL,   -- whom to or from; '' if unknown
    type     TEXT NOT NULL,   -- the bank's word for it, lower case; '' if unknown
    account_id TEXT NOT NULL, -- which account; '' if unknown
    format   TEXT NOT NULL,   -- what it was read from: ofx, csv, jsonl
    same_as  TEXT REFERENCES life_transaction (id) -- the transaction it repeats in another format: not counted again
) STRICT, WITHOUT ROWID;
CREATE INDEX life_transaction_by_date ON life_transaction (date, currency, amount);
CREATE INDEX life_transaction_by_twin ON life_transaction (same_as) WHERE same_as IS NOT NULL;

-- Warnings given, so that none is repeated without news.
CREATE TABLE life_warning (
    id         TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.warning record
    pattern    TEXT NOT NULL,    -- what it warned of: overload, meeting_hours, spending_EUR …
    at         TEXT NOT NULL,    -- when it was given
    until_date TEXT NOT NULL,    -- last day it looked at
    severity   INTEGER NOT NULL, -- 1 low, 2 medium, 3 high
    why_id     TEXT NOT NULL REFERENCES decision (id), -- the decision, with its evidence
    cleared_at TEXT,             -- when what would clear it had come; absent while it is open
    told_at    TEXT              -- when its record had reached the output; absent: it is written again
) STRICT, WITHOUT ROWID;
CREATE INDEX life_warning_by_pattern ON life_warning (pattern, at);
