-- Where reading a source ended, what could not be read, and the events that wait for others to make a match of them.

-- The key that makes two deliveries one stands in the event's record, and its id is made of it: a second index over
-- the same was a fifth of the cost of storing an event. New: by which templates it was judged.
CREATE TABLE wf_event_new (
    event_id       TEXT PRIMARY KEY,             -- id of the wf.event record, made of what makes two deliveries the same
    source         TEXT NOT NULL,                -- where it came from: alertmanager, records, jsonl …
    type           TEXT NOT NULL,                -- what happened
    received_at    TEXT NOT NULL,                -- first delivery, RFC 3339
    delivery_count INTEGER NOT NULL,             -- how often it was delivered
    matched_at     TEXT,                         -- when wf-match had dealt with it
    matched_by     TEXT,                         -- hash of the templates it was held against
    -- How the receiver has found an event to be genuine. Not in the record: whoever may write into a pipe can write a
    -- record. What was verified; NULL: nothing that counts.
    proof          TEXT CHECK (proof IN ('slack-signature', 'slack-socket', 'imap'))
) STRICT;
INSERT INTO wf_event_new (event_id, source, type, received_at, delivery_count, matched_at)
    SELECT event_id, source, type, received_at, delivery_count, matched_at FROM wf_event ORDER BY rowid;
DROP TABLE wf_event;
ALTER TABLE wf_event_new RENAME TO wf_event;
CREATE INDEX wf_event_unmatched ON wf_event(received_at) WHERE matched_at IS NULL;

CREATE TABLE wf_cursor (
    source   TEXT PRIMARY KEY,                   -- name of the source, as in the configuration
    cursor   TEXT NOT NULL CHECK (json_valid(cursor)), -- where reading ended: what the source's reader makes of it
    moved_at TEXT NOT NULL                       -- when it was last moved, RFC 3339
) STRICT;

CREATE TABLE wf_dead (
    dead_id       TEXT PRIMARY KEY,              -- id of the wf.dead_letter record, made of source and content
    source        TEXT NOT NULL,                 -- name of the source
    reader        TEXT NOT NULL,                 -- what reads its bodies: alertmanager, slack …
    headers       TEXT NOT NULL CHECK (json_valid(headers)), -- what the reader needs of the headers; never a proof
    body          BLOB NOT NULL,                 -- what could not be read, as it came
    code          TEXT NOT NULL,                 -- why, as a stable name
    failure_count INTEGER NOT NULL,              -- how often reading it has failed
    first_at      TEXT NOT NULL,                 -- when it came, RFC 3339
    last_at       TEXT NOT NULL,                 -- when reading it last failed, RFC 3339
    status        TEXT NOT NULL                  -- waiting, given_up or read
) STRICT;
CREATE INDEX wf_dead_waiting ON wf_dead(first_at) WHERE status <> 'read';

CREATE TABLE wf_window (
    trigger  TEXT NOT NULL,                      -- the workflow and the beginning of its template's SHA-256
    grouping TEXT NOT NULL,                      -- values of the correlation key, JSON
    at_ms    INTEGER NOT NULL,                   -- when the event happened, milliseconds since 1970
    event_id TEXT NOT NULL,                      -- the event that waits for others
    parts    INTEGER NOT NULL,                   -- which parts of a sequence it can be: bit 0 for the first
    PRIMARY KEY (trigger, grouping, at_ms, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX wf_window_time ON wf_window(trigger, at_ms);

CREATE TABLE wf_fired (
    trigger     TEXT NOT NULL,                   -- the workflow and the beginning of its template's SHA-256
    grouping    TEXT NOT NULL,                   -- values of the correlation key, JSON
    first_ms    INTEGER NOT NULL,                -- when the first event of the match happened
    last_ms     INTEGER NOT NULL,                -- when its last one happened, those that joined it later included
    match_id    TEXT NOT NULL,                   -- the wf.match it made
    event_count INTEGER NOT NULL,                -- events it is made of, those that joined it later included
    PRIMARY KEY (trigger, grouping, first_ms, match_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX wf_fired_time ON wf_fired(trigger, last_ms);

CREATE TABLE wf_watermark (
    trigger   TEXT PRIMARY KEY,                  -- the workflow and the beginning of its template's SHA-256
    latest_ms INTEGER NOT NULL                   -- when the latest event it was held against happened
) STRICT, WITHOUT ROWID;
