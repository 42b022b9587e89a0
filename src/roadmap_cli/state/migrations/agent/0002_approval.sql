-- agent: what code asked to do outside its grant, and what a person said to it. The records stand in the table record.

CREATE TABLE agent_request (
    request_id TEXT PRIMARY KEY,       -- id of the agent.request record
    plan_hash TEXT NOT NULL,           -- SHA-256 of the plan's canonical form, hex
    run_id TEXT NOT NULL,              -- the run or task that asks; empty if it named none
    status TEXT NOT NULL,              -- waiting, approved, denied, used; expired is told from the times
    asked_at TEXT NOT NULL,            -- RFC 3339
    expires_at TEXT NOT NULL,          -- after this the request is worth nothing, RFC 3339
    decided_at TEXT,                   -- when a person answered, RFC 3339
    decided_by TEXT,                   -- who: user:NAME
    why TEXT,                          -- why, in words
    valid_until TEXT,                  -- after this an approval is worth nothing, RFC 3339
    is_once INTEGER NOT NULL,          -- 1 if the approval is used up by one use, 0 if it holds for the whole run
    uses INTEGER NOT NULL,             -- how often it was used
    decision_id TEXT                   -- the why.decision of the answer
) STRICT;
CREATE INDEX agent_request_plan ON agent_request (plan_hash, run_id);
CREATE INDEX agent_request_waiting ON agent_request (asked_at) WHERE status = 'waiting';
