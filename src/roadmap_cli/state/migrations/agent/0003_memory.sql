-- agent: lessons and how they are found again, what was tried on a failure, hypotheses and how they turned out,
-- how templates fare in which surroundings.

CREATE TABLE agent_lesson (
    number INTEGER PRIMARY KEY,        -- also the row in agent_lesson_words
    id TEXT NOT NULL UNIQUE,           -- agent_…, of what it says: the same lesson has the same id on every machine
    sort TEXT NOT NULL CHECK (sort IN ('fix', 'failure', 'pattern', 'skill')), -- a repair, a failure not mended yet, what helps for a kind of problem, a verified function
    title TEXT NOT NULL,               -- one line
    text TEXT NOT NULL,                -- what it teaches, as it goes into prompts
    error TEXT NOT NULL,               -- class of the error; empty where it does not matter
    construct TEXT NOT NULL,           -- what kind of code was edited; empty if not known
    template TEXT NOT NULL,            -- kind of edit, joined by + for several; empty if there is none
    body TEXT NOT NULL CHECK (json_valid(body)), -- JSON: blocks of a fix, source of a skill, where it came from
    fix_id TEXT REFERENCES agent_fix (id) ON DELETE CASCADE, -- the fix found here; NULL for an imported or other lesson
    run_id TEXT,                       -- the run it was learned in; NULL if it was imported
    origin TEXT NOT NULL,              -- here, or import
    confirmed INTEGER NOT NULL,        -- how often it has helped on this machine
    refuted INTEGER NOT NULL,          -- how often it was tried in vain on this machine
    superseded_by TEXT,                -- id of the lesson that took its place
    learned_at TEXT NOT NULL,          -- RFC 3339
    used_at TEXT NOT NULL              -- RFC 3339, when it was last confirmed, or learned: its weight fades from then
) STRICT;
CREATE INDEX agent_lesson_by_sort ON agent_lesson (sort, error);
CREATE INDEX agent_lesson_by_fix ON agent_lesson (fix_id) WHERE fix_id IS NOT NULL;
CREATE INDEX agent_lesson_by_pattern ON agent_lesson (body ->> 'fix');

CREATE TABLE agent_lesson_signature (
    signature TEXT NOT NULL,           -- of one failing test
    level TEXT NOT NULL CHECK (level IN ('exact', 'loose')), -- how closely it matches
    lesson INTEGER NOT NULL REFERENCES agent_lesson (number) ON DELETE CASCADE, -- the lesson about it
    version INTEGER NOT NULL,          -- of the algorithm that made the signature
    PRIMARY KEY (signature, level, lesson)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_lesson_signature_by_lesson ON agent_lesson_signature (lesson);

-- The lessons' words; the text is in agent_lesson. What is deleted is gone from the index at once (secure-delete).
CREATE VIRTUAL TABLE agent_lesson_words USING fts5 (
    title, text, content='agent_lesson', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2'
);
INSERT INTO agent_lesson_words (agent_lesson_words, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER agent_lesson_added AFTER INSERT ON agent_lesson BEGIN
    INSERT INTO agent_lesson_words (rowid, title, text) VALUES (new.number, new.title, new.text);
END;
CREATE TRIGGER agent_lesson_removed AFTER DELETE ON agent_lesson BEGIN
    INSERT INTO agent_lesson_words (agent_lesson_words, rowid, title, text)
    VALUES ('delete', old.number, old.title, old.text);
END;
CREATE TRIGGER agent_lesson_changed AFTER UPDATE OF title, text ON agent_lesson BEGIN
    INSERT INTO agent_lesson_words (agent_lesson_words, rowid, title, text)
    VALUES ('delete', old.number, old.title, old.text);
    INSERT INTO agent_lesson_words (rowid, title, text) VALUES (new.number, new.title, new.text);
END;

-- A plain table that sqlite-vec's functions compare: a vec0 table would keep what is deleted in its chunks.
CREATE TABLE agent_lesson_vector (
    lesson INTEGER PRIMARY KEY REFERENCES agent_lesson (number) ON DELETE CASCADE, -- the lesson
    model TEXT NOT NULL,               -- the embedding model
    vector BLOB NOT NULL               -- int8 numbers, 127 times a vector of length one
) STRICT;

CREATE TABLE agent_failure (
    run_signature TEXT NOT NULL,       -- of a failing run
    exact TEXT NOT NULL,               -- exact signature of one of its failing tests
    loose TEXT NOT NULL,               -- the loose one
    version INTEGER NOT NULL,          -- of the algorithm that made them
    test TEXT NOT NULL,                -- the test's id
    error TEXT NOT NULL,               -- class of the error
    message TEXT NOT NULL,             -- its message, normalised
    at TEXT NOT NULL,                  -- RFC 3339, when it was last met
    PRIMARY KEY (run_signature, exact)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_tried (
    run_signature TEXT NOT NULL,       -- of a failing run
    template TEXT NOT NULL,            -- kind of edit
    outcome TEXT NOT NULL,             -- refuted, partial, regressed, confirmed
    count INTEGER NOT NULL,            -- how many candidates
    PRIMARY KEY (run_signature, template, outcome)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_iteration (
    run_id TEXT NOT NULL REFERENCES agent_run (id) ON DELETE CASCADE, -- the run
    number INTEGER NOT NULL,           -- 1, 2, 3 … within it; only the last few are kept
    what TEXT NOT NULL,                -- what was tried, in words or as a diff
    template TEXT NOT NULL,            -- kind of edit, or the model that proposed it
    outcome TEXT NOT NULL,             -- refuted, partial, regressed, confirmed
    failing INTEGER NOT NULL,          -- how many tests failed with it
    error TEXT NOT NULL,               -- what the first of them said
    hypothesis TEXT,                   -- id of the hypothesis it rested on
    at TEXT NOT NULL,                  -- RFC 3339
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_hypothesis (
    id TEXT PRIMARY KEY,               -- of run, kind and place
    run_id TEXT NOT NULL REFERENCES agent_run (id) ON DELETE CASCADE, -- the run it was made in
    run_signature TEXT NOT NULL,       -- of the failing run
    kind TEXT NOT NULL,                -- the rule that made it
    statement TEXT NOT NULL,           -- one sentence
    predicts TEXT NOT NULL,            -- what would be seen if it holds
    file TEXT NOT NULL,                -- suspect file
    line INTEGER NOT NULL,             -- suspect line when it was made; 0 if none is
    function TEXT NOT NULL,            -- suspect function, qualified; empty at module level
    confidence REAL NOT NULL,          -- 0 to 1
    favours TEXT NOT NULL CHECK (json_valid(favours)), -- JSON object: template → factor
    evidence TEXT NOT NULL CHECK (json_valid(evidence)), -- JSON list: ids of records, hypotheses and tests
    status TEXT NOT NULL CHECK (status IN ('open', 'confirmed', 'refuted')), -- how it turned out
    at TEXT NOT NULL,                  -- RFC 3339
    settled_at TEXT                    -- RFC 3339, when it turned out
) STRICT;
CREATE INDEX agent_hypothesis_by_run ON agent_hypothesis (run_id);
CREATE INDEX agent_hypothesis_by_kind ON agent_hypothesis (kind, status);
CREATE INDEX agent_hypothesis_by_signature ON agent_hypothesis (run_signature);

CREATE TABLE agent_trial (
    template TEXT NOT NULL,            -- name of the template
    feature TEXT NOT NULL,             -- what of the surroundings: error, construct, change …
    value TEXT NOT NULL,               -- and what it was
    tried INTEGER NOT NULL,            -- candidates run there
    confirmed INTEGER NOT NULL,        -- candidates that made all tests green there
    PRIMARY KEY (template, feature, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_pace (
    project TEXT NOT NULL,             -- the folder, absolute
    test_command TEXT NOT NULL,        -- as it was given
    test_seconds REAL NOT NULL,        -- processor time of the slowest passing test
    suite_seconds REAL NOT NULL,       -- wall time of a whole run
    at TEXT NOT NULL,                  -- RFC 3339, when it was measured
    PRIMARY KEY (project, test_command)
) STRICT, WITHOUT ROWID;
