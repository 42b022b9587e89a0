-- What a step sends or changes outside, by its idempotency key: noted before it is done and again when it is, so that a
-- step which is tried again after a crash does not do it twice.

CREATE TABLE wf_sent (
    key          TEXT PRIMARY KEY,               -- idempotency key of the step
    action       TEXT NOT NULL,                  -- http, slack, jira or mail
    subject_hash TEXT NOT NULL,                  -- SHA-256 of what is sent, canonical JSON, hex
    status       TEXT NOT NULL,                  -- sending, or done
    output       TEXT,                           -- what came of it, JSON; NULL until it is done
    began_at     TEXT NOT NULL,                  -- RFC 3339
    finished_at  TEXT                            -- RFC 3339; NULL until it is done
) STRICT;
CREATE INDEX wf_sent_open ON wf_sent(began_at) WHERE status = 'sending';
