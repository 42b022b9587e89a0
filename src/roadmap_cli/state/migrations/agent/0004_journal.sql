-- agent: what each run was asked, what it did step by step, what it announced, and how drivers have fared.

CREATE TABLE agent_goal (
    run_id TEXT PRIMARY KEY REFERENCES agent_run (id), -- the run
    goal TEXT,                         -- the goal in words, if one was given
    settings TEXT NOT NULL,            -- JSON: what the run may do (apply, branch, limits), for going on with it
    reason TEXT                        -- why it was stopped: a limit's or the breaker's name
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_step (
    run_id TEXT NOT NULL REFERENCES agent_run (id), -- the run
    seq INTEGER NOT NULL,              -- from 1
    step TEXT NOT NULL,                -- plan, test, execute, reflect, confirm, apply, branch
    key TEXT NOT NULL,                 -- names the work within the run: the same work has the same key
    digest TEXT NOT NULL,              -- SHA-256 of what went in
    status TEXT NOT NULL,              -- begun or done
    outcome TEXT,                      -- how it ended, in a word
    detail BLOB,                       -- zlib of JSON: what came out, for the steps after it
    begun_at TEXT NOT NULL,            -- RFC 3339
    ended_at TEXT,                     -- RFC 3339; absent while it is begun
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agent_step_key ON agent_step (run_id, key);

CREATE TABLE agent_record (
    run_id TEXT NOT NULL REFERENCES agent_run (id), -- the run
    seq INTEGER NOT NULL,              -- from 1, the order of announcement
    record_id TEXT NOT NULL,           -- the record's id
    kind TEXT NOT NULL,                -- the record's kind
    body TEXT NOT NULL,                -- JSON: the record
    announced INTEGER NOT NULL,        -- 1 once it was written to the output
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agent_record_id ON agent_record (run_id, record_id);

CREATE TABLE agent_driver (
    driver TEXT PRIMARY KEY,           -- replay, template, synthesis, llm
    tried INTEGER NOT NULL,            -- candidates run
    confirmed INTEGER NOT NULL,        -- candidates that made all tests green
    seconds REAL NOT NULL              -- time spent on making and running them
) STRICT, WITHOUT ROWID;
