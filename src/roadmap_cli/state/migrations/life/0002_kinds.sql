-- More kinds of what happens in a life, each beside its whole record in table record: what is looked up by.
-- Times are RFC 3339, UTC, milliseconds, Z; dates are YYYY-MM-DD in the zone of the source.

-- Values a body or a device was measured to have, in the unit of the metric.
CREATE TABLE life_measurement (
    id       TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.measurement record
    metric   TEXT NOT NULL, -- what was measured: steps, resting_heart_rate, sleep …
    stage    TEXT NOT NULL, -- of sleep: asleep, deep, rem, core, awake, in_bed; else ''
    start_at TEXT NOT NULL, -- when it was measured, or the measured span begins
    end_at   TEXT NOT NULL, -- when the span ends
    date     TEXT NOT NULL, -- the local day it counts for; sleep counts for the day of waking
    value    REAL NOT NULL, -- in the metric's unit
    device   TEXT NOT NULL  -- what measured it; '' if unknown
) STRICT, WITHOUT ROWID;
CREATE INDEX life_measurement_by_metric ON life_measurement (metric, date);

-- Exercises: runs, rides, swims.
CREATE TABLE life_activity (
    id         TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.activity record
    sport      TEXT NOT NULL, -- running, cycling …
    start_at   TEXT NOT NULL, -- when it begins
    end_at     TEXT NOT NULL, -- when it ends
    date       TEXT NOT NULL, -- the local day it begins on
    distance_m REAL,          -- metres, if known
    energy_kcal REAL          -- active energy in kilocalories, if known
) STRICT, WITHOUT ROWID;
CREATE INDEX life_activity_by_date ON life_activity (date);

-- Mail and chat.
CREATE TABLE life_message (
    id         TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.message record
    at         TEXT NOT NULL, -- when it was sent
    channel    TEXT NOT NULL, -- mail, whatsapp, chat …
    thread     TEXT NOT NULL, -- which conversation; '' if unknown
    sender     TEXT NOT NULL, -- mail address, number or name it came from
    message_id TEXT NOT NULL  -- its own identifier (RFC 5322), by which replies and copies are told; '' if it has none
) STRICT, WITHOUT ROWID;
CREATE INDEX life_message_by_time ON life_message (at);
CREATE INDEX life_message_by_thread ON life_message (thread, at);
CREATE INDEX life_message_by_sender ON life_message (sender, at);
CREATE INDEX life_message_by_message_id ON life_message (message_id) WHERE message_id <> '';

-- People and organisations of an address book, every version.
CREATE TABLE life_contact (
    id         TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.contact record
    uid        TEXT NOT NULL,    -- the address book's identifier
    name       TEXT NOT NULL,    -- as it is shown
    modified_at TEXT NOT NULL,   -- when its source last changed it; '' if the source does not say
    is_current INTEGER NOT NULL  -- 1: the latest version known
) STRICT, WITHOUT ROWID;
CREATE INDEX life_contact_by_uid ON life_contact (uid);

-- Pages looked at and places stayed at.
CREATE TABLE life_visit (
    id       TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.page_visit or life.place_visit record
    kind     TEXT NOT NULL, -- page or place
    start_at TEXT NOT NULL, -- when it begins
    end_at   TEXT NOT NULL, -- when it ends; of a page, the same
    name     TEXT NOT NULL  -- host of the page; name or address of the place; '' if unknown
) STRICT, WITHOUT ROWID;
CREATE INDEX life_visit_by_time ON life_visit (kind, start_at);

-- How far a source that grows was read: a mailbox, a calendar on a server, a folder that is watched.
CREATE TABLE life_cursor (
    source   TEXT NOT NULL PRIMARY KEY, -- which: its URL without a password, or the path of the file
    position TEXT NOT NULL CHECK (json_valid(position)), -- JSON object: what its reader needs to go on
    at       TEXT NOT NULL              -- when it was set
) STRICT, WITHOUT ROWID;
