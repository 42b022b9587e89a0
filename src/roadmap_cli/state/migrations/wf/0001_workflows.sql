-- Workflows: what came in, what it led to, who allowed it, what was done. The records themselves stand whole in the
-- table record; these tables say how far each has come. The tables of the durable engine are the engine's own.

CREATE TABLE wf_event (
    event_id       TEXT PRIMARY KEY,             -- id of the wf.event record
    dedupe_key     TEXT NOT NULL UNIQUE,         -- what makes two deliveries the same event
    source         TEXT NOT NULL,                -- where it came from: alertmanager, records, jsonl …
    type           TEXT NOT NULL,                -- what happened
    received_at    TEXT NOT NULL,                -- first delivery, RFC 3339
    delivery_count INTEGER NOT NULL,             -- how often it was delivered
    matched_at     TEXT                          -- when wf-match had dealt with it
) STRICT;
CREATE INDEX wf_event_unmatched ON wf_event(received_at) WHERE matched_at IS NULL;

CREATE TABLE wf_match (
    match_id     TEXT PRIMARY KEY,               -- id of the wf.match record
    event_id     TEXT NOT NULL REFERENCES wf_event(event_id), -- the event that was matched
    workflow     TEXT,                           -- the workflow chosen; NULL if a person must choose
    is_ambiguous INTEGER NOT NULL                -- 1 if several workflows match equally well
) STRICT;
CREATE INDEX wf_match_event ON wf_match(event_id);

CREATE TABLE wf_plan (
    plan_id      TEXT PRIMARY KEY,               -- id of the wf.plan record
    match_id     TEXT NOT NULL REFERENCES wf_match(match_id), -- the match it was made for
    plan_hash    TEXT NOT NULL,                  -- SHA-256 of the plan's canonical form, hex
    workflow     TEXT NOT NULL,                  -- name of the workflow
    risk         TEXT NOT NULL,                  -- low, medium or high
    requested_by TEXT NOT NULL                   -- who wants it done
) STRICT;
CREATE INDEX wf_plan_match ON wf_plan(match_id);

CREATE TABLE wf_policy (
    name      TEXT PRIMARY KEY,                  -- named in decisions as policy:NAME
    most_risk TEXT NOT NULL,                     -- approves plans up to this risk
    valid_s   INTEGER NOT NULL,                  -- how long its approval holds, seconds
    is_active INTEGER NOT NULL                   -- 0 if it approves nothing
) STRICT;
INSERT INTO wf_policy(name, most_risk, valid_s, is_active) VALUES ('low-risk', 'low', 3600, 1);

CREATE TABLE wf_approval (
    number      INTEGER PRIMARY KEY,             -- order in which they were given
    approval_id TEXT NOT NULL UNIQUE,            -- id of the wf.approval record
    plan_id     TEXT NOT NULL REFERENCES wf_plan(plan_id), -- the plan it is about
    plan_hash   TEXT NOT NULL,                   -- the plan it is bound to
    status      TEXT NOT NULL,                   -- waiting, approved or denied
    approver    TEXT,                            -- who: user:NAME or policy:NAME; NULL while waiting
    expires_at  TEXT                             -- after this an approval is worth nothing, RFC 3339
) STRICT;
CREATE INDEX wf_approval_plan ON wf_approval(plan_id, number);

CREATE TABLE wf_run (
    run_id      TEXT PRIMARY KEY,                -- id of the run, and of the workflow in the durable engine
    plan_id     TEXT NOT NULL UNIQUE REFERENCES wf_plan(plan_id), -- the approved plan it carries out, once
    status      TEXT NOT NULL,                   -- running, succeeded or failed
    started_at  TEXT NOT NULL,                   -- RFC 3339
    finished_at TEXT,                            -- RFC 3339
    decision_id TEXT NOT NULL                    -- the why.decision that started it
) STRICT;
CREATE INDEX wf_run_unfinished ON wf_run(started_at) WHERE finished_at IS NULL;

CREATE TABLE wf_step (
    run_id      TEXT NOT NULL REFERENCES wf_run(run_id), -- the run it is a step of
    step        TEXT NOT NULL,                   -- name of the step
    attempt     INTEGER NOT NULL,                -- 1 for the first
    workflow    TEXT NOT NULL,                   -- name of the workflow, for estimates
    duration_ms INTEGER NOT NULL,                -- how long the program ran
    outcome     TEXT NOT NULL,                   -- how it ended, JSON: what a resumed run reads instead of doing it again
    PRIMARY KEY (run_id, step, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX wf_step_duration ON wf_step(workflow, step);
