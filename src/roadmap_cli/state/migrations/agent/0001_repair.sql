-- agent: runs of the repair loop, what was tried on which failure, what repaired it, how templates have fared.

CREATE TABLE agent_run (
    id TEXT PRIMARY KEY,               -- the run's id, also its resume token
    project TEXT NOT NULL,             -- the folder, absolute
    test_command TEXT NOT NULL,        -- as it was given
    digest TEXT NOT NULL,              -- SHA-256 of the project's files when the run began
    status TEXT NOT NULL,              -- running, paused, fixed, already_green, exhausted, no_tests, unstable, broken
    signature TEXT,                    -- of the failing run, once known
    candidates INTEGER NOT NULL,       -- how many candidates it has run so far, over all resumptions
    started_at TEXT NOT NULL,          -- RFC 3339
    updated_at TEXT NOT NULL           -- RFC 3339
) STRICT;
CREATE INDEX agent_run_project ON agent_run (project, test_command, digest);

CREATE TABLE agent_attempt (
    signature TEXT NOT NULL,           -- of the failing run
    suite TEXT NOT NULL,               -- SHA-256 of the test files and the test command
    patch TEXT NOT NULL,               -- the patch's id: its function, its place in it, its text
    run_id TEXT NOT NULL REFERENCES agent_run (id), -- the run it was tried in
    outcome TEXT NOT NULL,             -- refuted, partial, regressed, confirmed
    failing INTEGER NOT NULL,          -- how many tests failed with it
    at TEXT NOT NULL,                  -- RFC 3339
    PRIMARY KEY (signature, suite, patch)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_fix (
    id TEXT PRIMARY KEY,               -- the id of the agent.fix record
    run_id TEXT NOT NULL REFERENCES agent_run (id), -- the run that found it
    driver TEXT NOT NULL,              -- replay, template
    template TEXT NOT NULL,            -- which template made it, joined by + for several edits
    blocks TEXT NOT NULL,              -- JSON: the changed lines of each file with their surroundings
    confirmed INTEGER NOT NULL,        -- how often it has made tests green
    refuted INTEGER NOT NULL,          -- how often it was replayed in vain
    at TEXT NOT NULL                   -- RFC 3339, of the last use
) STRICT;

CREATE TABLE agent_fix_signature (
    signature TEXT NOT NULL,           -- of one failing test
    level TEXT NOT NULL,               -- exact or loose
    fix_id TEXT NOT NULL REFERENCES agent_fix (id), -- the fix that answers it
    PRIMARY KEY (signature, level, fix_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_template (
    template TEXT PRIMARY KEY,         -- name of the template
    tried INTEGER NOT NULL,            -- candidates run
    confirmed INTEGER NOT NULL         -- candidates that made all tests green
) STRICT, WITHOUT ROWID;
