-- What makes an edit likely to be the repair, learned from solved failures; in place of counts of trials. What nothing reads goes.

-- Weights of agent.preference.
CREATE TABLE agent_preference (
    word   TEXT NOT NULL PRIMARY KEY, -- what an edit is like: a template, its family, a size, the name of a number
    weight REAL NOT NULL,             -- what it adds to the logarithm of an edit's chance
    spread REAL NOT NULL              -- Adagrad's sum of squared slopes: the larger, the smaller its next step
) STRICT, WITHOUT ROWID;

-- The lessons they were learned from: the newest are gone over again.
CREATE TABLE agent_choice (
    fix_id TEXT NOT NULL PRIMARY KEY, -- the fix (agent_fix) that was the repair
    at     TEXT NOT NULL,             -- RFC 3339, when
    body   TEXT NOT NULL CHECK (json_valid(body)) -- JSON: what the repair was like, and what the other edits were
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_choice_by_time ON agent_choice (at);

DROP TABLE agent_trial;
DROP TABLE agent_template;
DROP TABLE agent_pace;
