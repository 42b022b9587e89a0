-- What life-recall finds by, and what life-consolidate keeps for long.
-- Times are RFC 3339, UTC, milliseconds, Z; dates are YYYY-MM-DD.

-- One row for each thing that can be found: a stored record, or the value of a metric on a day. What it says is not here.
CREATE TABLE life_item (
    number     INTEGER PRIMARY KEY,   -- also the row in life_item_words
    record_id  TEXT UNIQUE REFERENCES record (id) ON DELETE CASCADE, -- the record; absent: a day of a metric
    metric     TEXT,                  -- of a day of a metric: which
    covers     INTEGER NOT NULL,      -- of a day of a metric: how many measurements it was made from; else 1
    kind       TEXT NOT NULL,         -- kind of the record
    grouped    TEXT NOT NULL,         -- its thread, or its kind and day: within one, neighbours give each other a context
    at         TEXT NOT NULL,         -- when it happened
    day        TEXT NOT NULL,         -- the day of it
    speaker    TEXT NOT NULL,         -- who says it, or whom it is with; '' if nobody
    stems      INTEGER NOT NULL,      -- how many stems it has
    words      INTEGER NOT NULL,      -- how many words
    asks       INTEGER NOT NULL,      -- 1: it ends with a question
    tells_time INTEGER NOT NULL,      -- 1: it has words that place something in time
    importance REAL NOT NULL,         -- from 0 to 1
    model      TEXT,                  -- the model its vector is of; absent: it has none yet
    vector     BLOB,                  -- what it means: float16 of length one
    states     BLOB,                  -- the states of its words: int8, one row for each
    UNIQUE (metric, day)
) STRICT;
CREATE INDEX life_item_by_kind ON life_item (kind);
CREATE INDEX life_item_without_vector ON life_item (number) WHERE model IS NULL;

-- The words of the items; contentless, for the text is in record.body.
CREATE VIRTUAL TABLE life_item_words USING fts5 (
    text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
);
-- Which stem stands in which item.
CREATE VIRTUAL TABLE life_item_stem USING fts5vocab (life_item_words, instance);
CREATE TRIGGER life_item_forgotten AFTER DELETE ON life_item BEGIN
    DELETE FROM life_item_words WHERE rowid = old.number;
END;

-- What was shown to the user, and when: it stays present longer.
CREATE TABLE life_access (
    item INTEGER NOT NULL REFERENCES life_item (number) ON DELETE CASCADE, -- what was shown
    at   TEXT NOT NULL,              -- when
    rank INTEGER NOT NULL,           -- at which place, from 1
    PRIMARY KEY (item, at)
) STRICT, WITHOUT ROWID;

-- Long-term memory: sentences and facts, each beside its record (life.memory, life.fact), none ever deleted by us.
CREATE TABLE life_memory (
    id          TEXT NOT NULL PRIMARY KEY REFERENCES record (id) ON DELETE CASCADE, -- the life.memory or life.fact record
    span        TEXT NOT NULL,        -- the day or thread and day it was made from
    kind        TEXT NOT NULL,        -- life.memory or life.fact
    subject     TEXT NOT NULL,        -- of a fact: whom or what it is about, in lower case; else ''
    relation    TEXT NOT NULL,        -- of a fact: likes, lives_in, works_at …; else ''
    object      TEXT NOT NULL,        -- of a fact: the other side, in lower case; else ''
    true_from   TEXT NOT NULL,        -- when it began to be true, as far as is known
    true_until  TEXT,                 -- when it stopped to be true; absent: still true
    learned_at  TEXT NOT NULL,        -- when it was made
    replaced_by TEXT REFERENCES record (id) ON DELETE SET NULL, -- the newer one that contradicts it or was made anew from more
    why_id      TEXT                  -- the decision it comes from, with its evidence
) STRICT, WITHOUT ROWID;
CREATE INDEX life_memory_by_span ON life_memory (span);
CREATE INDEX life_memory_by_fact ON life_memory (subject, relation);

-- Which records a memory rests on: without them it goes, too.
CREATE TABLE life_memory_source (
    memory_id TEXT NOT NULL REFERENCES life_memory (id) ON DELETE CASCADE, -- the memory
    record_id TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE, -- a record it rests on
    PRIMARY KEY (memory_id, record_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_memory_source_by_record ON life_memory_source (record_id);
CREATE TRIGGER life_memory_without_source AFTER DELETE ON life_memory_source BEGIN
    DELETE FROM record WHERE id = old.memory_id;
END;

-- Which days are consolidated, and from what: the same again gives nothing new, more opens them again.
CREATE TABLE life_span (
    span    TEXT NOT NULL PRIMARY KEY, -- the day, or thread and day
    inputs  TEXT NOT NULL,             -- hash of the ids it was made from
    at      TEXT NOT NULL,             -- when
    summary TEXT                       -- id of the decision
) STRICT, WITHOUT ROWID;
