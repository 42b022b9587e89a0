-- Requests to a model that wait for their time. Times are RFC 3339, UTC, milliseconds, Z.
CREATE TABLE slm_request (
    id             TEXT NOT NULL PRIMARY KEY, -- the request's id
    at             TEXT NOT NULL,          -- when it was added
    priority       INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2), -- 0 now, 1 normal, 2 background
    due_at         TEXT,                   -- its deadline, if it has one
    is_late_fine   INTEGER NOT NULL CHECK (is_late_fine IN (0, 1)), -- 1: it is answered after its deadline, too
    model          TEXT,                   -- name of the model; absent: the default one
    line           TEXT NOT NULL CHECK (json_valid(line)),    -- the line as it came: prompt, messages or body, and what else it held
    options        TEXT NOT NULL CHECK (json_valid(options)), -- how the reply is made, where the line does not say so
    state          TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'expired', 'cancelled')), -- where it stands; taken: a process works on it
    attempts       INTEGER NOT NULL,       -- times it was taken
    not_before_at  TEXT,                   -- after a failure that may pass: not taken again before this
    taken_by       TEXT,                   -- name of the lock that the process holds which took it
    taken_until_at TEXT,                   -- end of its lease, unless the lock is free before
    reply_id       TEXT,                   -- id of the reply in record, if it is answered
    error_code     TEXT,                   -- code of the last failure
    error          TEXT,                   -- its words
    settled_at     TEXT,                   -- when it was answered, failed, expired or cancelled
    told_at        TEXT                    -- when 'results --unread' told its reply
) STRICT;
CREATE INDEX slm_request_by_turn ON slm_request (state, priority, due_at, at, id);
CREATE INDEX slm_request_by_time ON slm_request (at, id);
