-- The ground all families stand on: which migrations were applied, records, decisions with their evidence,
-- the ledger of model calls, permissions to use the network and the log of what was sent.
-- Times are RFC 3339, UTC, milliseconds, Z (text that sorts by time). JSON is text. Frozen once released.

CREATE TABLE state_migration (
    family     TEXT NOT NULL,     -- folder of the migration: base, slm, agent, edl, life, wf
    number     INTEGER NOT NULL,  -- its number within the family, from 1 without gaps
    file       TEXT NOT NULL,     -- its file name, e.g. 0001_base.sql
    sha256     TEXT NOT NULL,     -- of the file as it was applied, hexadecimal
    applied_at TEXT NOT NULL,     -- when
    PRIMARY KEY (family, number)
) STRICT, WITHOUT ROWID;

-- Every record worth citing, whole and once. Refer to it by id, never by rowid.
CREATE TABLE record (
    id   TEXT NOT NULL PRIMARY KEY,           -- the record's id
    kind TEXT NOT NULL,                       -- family.noun
    at   TEXT NOT NULL,                       -- when it happened
    body TEXT NOT NULL CHECK (json_valid(body)) -- the record itself, with its fields in the order they came
) STRICT;
CREATE INDEX record_by_kind ON record (kind, at, id);
CREATE INDEX record_by_time ON record (at, id);

-- What was decided by any command of any family, and why.
CREATE TABLE decision (
    id            TEXT NOT NULL PRIMARY KEY,  -- why_…, sorts by time
    at            TEXT NOT NULL,              -- when it was decided
    decision      TEXT NOT NULL,              -- the family's noun, e.g. edl.cut_chosen
    what          TEXT NOT NULL,              -- what was decided, in words
    why           TEXT NOT NULL,              -- the reason, in words
    command       TEXT NOT NULL,              -- the command that decided
    authorised_by TEXT NOT NULL,              -- who or what allowed it: user, a policy's id, a plan's id
    run_id        TEXT,                       -- the run it belongs to, if any
    facts         TEXT CHECK (facts IS NULL OR json_valid(facts)) -- JSON object: numbers and names the reason rests on, if any
) STRICT;
CREATE INDEX decision_by_kind ON decision (decision, at, id);
CREATE INDEX decision_by_time ON decision (at, id);

-- The records and earlier decisions a decision rests on; each id is in record or in decision.
CREATE TABLE evidence (
    decision_id TEXT NOT NULL REFERENCES decision (id) ON DELETE CASCADE, -- the decision
    position    INTEGER NOT NULL,             -- 0, 1, 2 … in the order given
    evidence_id TEXT NOT NULL,                -- id of a record or of a decision
    PRIMARY KEY (decision_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_by_evidence ON evidence (evidence_id, decision_id);

-- How decisions turned out; the last one counts, earlier ones stay.
CREATE TABLE outcome (
    decision_id TEXT NOT NULL REFERENCES decision (id) ON DELETE CASCADE, -- the decision
    position    INTEGER NOT NULL,             -- 0, 1, 2 … in the order they came
    outcome     TEXT NOT NULL,                -- in words, e.g. verified, rejected, reverted
    at          TEXT NOT NULL,                -- when it was known
    PRIMARY KEY (decision_id, position)
) STRICT, WITHOUT ROWID;

-- Every call of a language or embedding model.
CREATE TABLE model_call (
    id                TEXT NOT NULL PRIMARY KEY, -- sorts by time
    at                TEXT NOT NULL,          -- when it was sent
    command           TEXT NOT NULL,          -- the command that asked
    run_id            TEXT,                   -- the run it belongs to, if any
    model             TEXT NOT NULL,          -- name of the model as in models.toml or at the endpoint
    provider          TEXT NOT NULL,          -- local, or the endpoint's host
    purpose           TEXT NOT NULL,          -- what for, in a word: chat, embed, plan …
    input_json        TEXT CHECK (input_json IS NULL OR json_valid(input_json)),   -- messages or texts sent
    output_json       TEXT CHECK (output_json IS NULL OR json_valid(output_json)),  -- what came back
    prompt_tokens     INTEGER,                -- tokens read
    completion_tokens INTEGER,                -- tokens written
    latency_ms        INTEGER,                -- from sending to the last token
    price_microunits  INTEGER,                -- millionths of the currency's unit; 0 for a local model
    currency          TEXT,                   -- ISO 4217, e.g. EUR
    finish            TEXT,                   -- stop, length, schema, cancelled …
    error             TEXT                    -- why it failed, if it did
) STRICT;
CREATE INDEX model_call_by_time ON model_call (at, id);
CREATE INDEX model_call_by_run ON model_call (run_id, at) WHERE run_id IS NOT NULL;

-- What may leave the machine: asked before each request.
CREATE TABLE net_permission (
    id         TEXT NOT NULL PRIMARY KEY,     -- the permission's id
    host       TEXT NOT NULL,                 -- exact host name, lower case
    purpose    TEXT NOT NULL,                 -- what for, in a word
    kinds      TEXT NOT NULL CHECK (json_valid(kinds)), -- JSON list: kinds of records that may be sent
    expires_at TEXT,                          -- end of the permission; absent: until revoked
    granted_at TEXT NOT NULL,                 -- when it was given
    granted_by TEXT NOT NULL,                 -- by whom
    revoked_at TEXT                           -- when it was taken back, if it was
) STRICT;
CREATE INDEX net_permission_by_host ON net_permission (host, purpose);

-- One row for each request, written before it is sent and completed after.
CREATE TABLE net_request (
    id                TEXT NOT NULL PRIMARY KEY, -- sorts by time
    at                TEXT NOT NULL,          -- just before it was sent
    command           TEXT NOT NULL,          -- the command that asked
    host              TEXT NOT NULL,          -- exact host name
    method            TEXT NOT NULL,          -- GET, POST …
    url_without_query TEXT NOT NULL,          -- address up to the question mark: queries may hold secrets
    purpose           TEXT NOT NULL,          -- what for, in a word
    kinds             TEXT NOT NULL CHECK (json_valid(kinds)), -- JSON list: kinds of records it carried
    bytes_out         INTEGER,                -- size of the body sent
    bytes_in          INTEGER,                -- size of the body received
    status            INTEGER,                -- HTTP status, if there was an answer
    outcome           TEXT NOT NULL,          -- sending, done, refused, failed, offline
    permission_id     TEXT REFERENCES net_permission (id) -- the permission it rests on; absent for loopback and files
) STRICT;
CREATE INDEX net_request_by_time ON net_request (at, id);
CREATE INDEX net_request_by_host ON net_request (host, at);
