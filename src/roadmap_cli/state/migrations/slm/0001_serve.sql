-- What slm-serve remembers from one run to the next. Times are RFC 3339, UTC, milliseconds, Z.

-- When which model was used: one row for each model and span of five minutes with at least one request.
CREATE TABLE slm_use (
    at    TEXT NOT NULL,             -- beginning of the span
    model TEXT NOT NULL,             -- name of the model, or the path of its file
    PRIMARY KEY (at, model)
) STRICT, WITHOUT ROWID;

-- What models took when they were loaded last: the next load is judged by it.
CREATE TABLE slm_measured (
    model         TEXT NOT NULL PRIMARY KEY, -- name of the model, or the path of its file
    set_up        TEXT NOT NULL,     -- size and time of its file, settings of the engine: the figures hold for these
    size_bytes    INTEGER NOT NULL,  -- memory of its process
    load_ms       INTEGER NOT NULL,  -- from the start of the process to its first answer
    at            TEXT NOT NULL      -- when it was measured
) STRICT, WITHOUT ROWID;

-- The age identity to which the state of unloaded models is encrypted: it is in this file and nowhere else.
CREATE TABLE slm_kept_key (
    number   INTEGER NOT NULL PRIMARY KEY CHECK (number = 1), -- there is one
    identity TEXT NOT NULL,          -- AGE-SECRET-KEY-1…
    made_at  TEXT NOT NULL           -- when
) STRICT;
