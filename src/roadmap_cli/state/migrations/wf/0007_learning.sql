-- What was learned from runs: changes of templates that were proposed, what became of them, and the texts they replaced.

CREATE TABLE wf_proposal (
    proposal_id TEXT PRIMARY KEY,                -- id of the wf.proposal record
    workflow    TEXT NOT NULL,                   -- the workflow it is about
    step        TEXT NOT NULL,                   -- the step
    field       TEXT NOT NULL,                   -- what would change: timeout or attempts
    runs_count  INTEGER NOT NULL,                -- runs it rests on: with as many again a rejected one may come back
    status      TEXT NOT NULL,                   -- proposed, accepted, rejected or rolled_back
    decided_by  TEXT,                            -- user:NAME who accepted, rejected or rolled back
    decided_at  TEXT                             -- RFC 3339
) STRICT;
CREATE INDEX wf_proposal_place ON wf_proposal(workflow, step, field);

CREATE TABLE wf_template_text (
    proposal_id TEXT NOT NULL REFERENCES wf_proposal(proposal_id), -- the proposal that was accepted
    path        TEXT NOT NULL,                   -- the file it was written to
    before      TEXT,                            -- what stood there, to the byte; NULL: there was no such file
    after       TEXT NOT NULL,                   -- what was written
    PRIMARY KEY (proposal_id, path)
) STRICT, WITHOUT ROWID;
