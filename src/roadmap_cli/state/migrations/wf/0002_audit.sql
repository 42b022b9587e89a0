-- The audit log: what was decided, allowed, refused and done, in the order in which it was committed; and the questions
-- that wait for a person. An entry is never changed: its hash is a leaf of a Merkle tree (RFC 6962).

CREATE TABLE wf_audit (
    seq  INTEGER PRIMARY KEY,                    -- 0, 1, 2 …: its place in the log, without gaps
    at   TEXT NOT NULL,                          -- when, RFC 3339
    body BLOB NOT NULL,                          -- the entry, RFC 8785 canonical JSON, UTF-8
    leaf BLOB NOT NULL CHECK (length(leaf) = 32) -- SHA-256 of 0x00 and the body
) STRICT;
CREATE INDEX wf_audit_time ON wf_audit(at);

-- Hashes of full subtrees of 256, 65,536 … leaves, so that a root or a proof reads some hundred rows, not the whole log.
CREATE TABLE wf_audit_node (
    level    INTEGER NOT NULL,                   -- 8, 16, 24 …: the subtree has 2 to the power of it leaves
    position INTEGER NOT NULL,                   -- 0, 1, 2 … from the left
    hash     BLOB NOT NULL CHECK (length(hash) = 32), -- its root
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

-- A guard against mistakes. Who may write the file can drop it: evidence are the proofs against a signed checkpoint.
CREATE TRIGGER wf_audit_no_update BEFORE UPDATE ON wf_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
CREATE TRIGGER wf_audit_no_delete BEFORE DELETE ON wf_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;
CREATE TRIGGER wf_audit_no_gap BEFORE INSERT ON wf_audit
    WHEN new.seq IS NOT (SELECT coalesce(max(seq), -1) + 1 FROM wf_audit)
    BEGIN SELECT RAISE(ABORT, 'the audit log has no gaps'); END;

-- What a run asks a person: a question of the workflow, leave to do a step, or what to do about a failure.
CREATE TABLE wf_task (
    task_id      TEXT PRIMARY KEY,               -- id of the wf.task record
    run_id       TEXT NOT NULL,                  -- the run that waits
    step         TEXT NOT NULL,                  -- the step that waits
    sort         TEXT NOT NULL,                  -- question, approval or escalation
    subject_hash TEXT NOT NULL,                  -- SHA-256 of what the answer is bound to: the step with its values, hex
    assignee     TEXT,                           -- user:NAME or group:NAME who shall answer; NULL: anybody who may
    status       TEXT NOT NULL,                  -- waiting, answered or expired
    answer       TEXT,                           -- what was answered
    answered_by  TEXT,                           -- user:NAME
    asked_at     TEXT NOT NULL,                  -- RFC 3339
    expires_at   TEXT,                           -- an answer after this is worth nothing, RFC 3339
    answered_at  TEXT                            -- RFC 3339
) STRICT;
CREATE INDEX wf_task_waiting ON wf_task(asked_at) WHERE status = 'waiting';
CREATE INDEX wf_task_run ON wf_task(run_id, step);

-- Which checkpoints were signed, and where copies of them went.
CREATE TABLE wf_checkpoint (
    size      INTEGER NOT NULL,                  -- entries in the log it vouches for
    origin    TEXT NOT NULL,                     -- name of the key that signed it
    text      TEXT NOT NULL,                     -- the signed text (C2SP tlog-checkpoint)
    signed_at TEXT NOT NULL,                     -- RFC 3339
    PRIMARY KEY (size, origin)
) STRICT, WITHOUT ROWID;
