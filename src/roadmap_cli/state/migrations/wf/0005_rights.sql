-- Rights: who was given which role over what, in which groups people are, which keys and accounts are theirs, the
-- policies an owner has stored, and what people said to a plan. A right that is not here is not there.

CREATE TABLE wf_grant (
    grant_id   TEXT PRIMARY KEY,                 -- id of the wf.grant record, and grant:ID among the policies
    subject    TEXT NOT NULL,                    -- user:NAME or group:NAME
    role       TEXT NOT NULL,                    -- owner, operator, approver or reader
    scope      TEXT NOT NULL,                    -- patterns of what it holds for, a JSON list; ["*"] is everything
    workflows  TEXT NOT NULL,                    -- names of the workflows it holds for, a JSON list; [] is all
    given_by   TEXT NOT NULL,                    -- user:NAME
    lent_from  TEXT REFERENCES wf_grant(grant_id), -- the grant it is a part of; it ends with that one
    given_at   TEXT NOT NULL,                    -- RFC 3339
    until      TEXT,                             -- it holds no longer than this, RFC 3339; NULL: until taken back
    revoked_at TEXT,                             -- when it was taken back, RFC 3339
    revoked_by TEXT                              -- user:NAME
) STRICT;
CREATE INDEX wf_grant_subject ON wf_grant(subject) WHERE revoked_at IS NULL;

CREATE TABLE wf_member (
    grant_id   TEXT PRIMARY KEY,                 -- id of the wf.grant record that says so
    group_name TEXT NOT NULL,                    -- the group
    user_name  TEXT NOT NULL,                    -- who is in it, a name without prefix in its one spelling
    given_by   TEXT NOT NULL,                    -- user:NAME
    given_at   TEXT NOT NULL,                    -- RFC 3339
    until      TEXT,                             -- RFC 3339
    revoked_at TEXT,                             -- RFC 3339
    revoked_by TEXT                              -- user:NAME
) STRICT;
CREATE INDEX wf_member_user ON wf_member(user_name) WHERE revoked_at IS NULL;

CREATE TABLE wf_identity (
    grant_id   TEXT PRIMARY KEY,                 -- id of the wf.grant record that says so
    user_name  TEXT NOT NULL,                    -- whose it is, a name without prefix in its one spelling
    sort       TEXT NOT NULL,                    -- ssh, age, slack or mail
    value      TEXT NOT NULL,                    -- the public key, TEAM/USER of Slack, or the address
    given_by   TEXT NOT NULL,                    -- user:NAME
    given_at   TEXT NOT NULL,                    -- RFC 3339
    revoked_at TEXT,                             -- RFC 3339
    revoked_by TEXT                              -- user:NAME
) STRICT;
CREATE UNIQUE INDEX wf_identity_value ON wf_identity(sort, value) WHERE revoked_at IS NULL;
CREATE INDEX wf_identity_user ON wf_identity(user_name) WHERE revoked_at IS NULL;

CREATE TABLE wf_cedar (
    number    INTEGER PRIMARY KEY,               -- order in which they were stored: the version
    name      TEXT NOT NULL,                     -- name of the set of policies; the last version of each counts
    text      TEXT NOT NULL,                     -- the policies in Cedar's language; empty: taken back
    sha256    TEXT NOT NULL,                     -- of the text, hex
    stored_by TEXT NOT NULL,                     -- user:NAME
    stored_at TEXT NOT NULL,                     -- RFC 3339
    why       TEXT NOT NULL                      -- why, in the words of who stored it
) STRICT;
CREATE INDEX wf_cedar_name ON wf_cedar(name, number);

-- What people said to a plan. wf_approval tells what follows from it.
CREATE TABLE wf_vote (
    number     INTEGER PRIMARY KEY,              -- order in which they were given
    plan_id    TEXT NOT NULL REFERENCES wf_plan(plan_id), -- the plan
    plan_hash  TEXT NOT NULL,                    -- the hash that was seen
    voter      TEXT NOT NULL,                    -- user:NAME
    verdict    TEXT NOT NULL,                    -- approve or deny
    proof      TEXT NOT NULL,                    -- claimed, signature, link, slack or mail
    is_proven  INTEGER NOT NULL,                 -- 1 if it was shown that it was this person
    evidence   TEXT,                             -- a signature in base64, or the id of the wf.event it came by
    at         TEXT NOT NULL,                    -- RFC 3339
    expires_at TEXT                              -- an approval is worth nothing after this, RFC 3339
) STRICT;
CREATE INDEX wf_vote_plan ON wf_vote(plan_id, number);

-- Signed links and codes for a reply: each is taken once.
CREATE TABLE wf_ticket (
    ticket     TEXT PRIMARY KEY,                 -- its random name
    subject    TEXT NOT NULL,                    -- id of the plan or task
    subject_hash TEXT NOT NULL,                  -- hash of what is to be allowed
    user_name  TEXT,                             -- who may use it; NULL: whoever may approve (the code of a reply)
    is_sealed  INTEGER NOT NULL,                 -- 1 if it was given encrypted to that person's key
    made_at    TEXT NOT NULL,                    -- RFC 3339
    expires_at TEXT NOT NULL,                    -- RFC 3339
    used_at    TEXT                              -- when it was taken, RFC 3339
) STRICT;
CREATE INDEX wf_ticket_subject ON wf_ticket(subject);

CREATE TABLE wf_reply (
    event_id TEXT PRIMARY KEY,                   -- the wf.event a reply came by: one is read once
    outcome  TEXT NOT NULL,                      -- what became of it: taken or refused
    at       TEXT NOT NULL                       -- RFC 3339
) STRICT, WITHOUT ROWID;

CREATE TABLE wf_escalation (
    subject    TEXT NOT NULL,                    -- id of the plan or task that nobody answered
    level      INTEGER NOT NULL,                 -- 1 for the first time
    group_name TEXT NOT NULL,                    -- who is asked from now on
    at         TEXT NOT NULL,                    -- RFC 3339
    PRIMARY KEY (subject, level)
) STRICT, WITHOUT ROWID;

-- The secret links and codes are made with; it never leaves this file.
CREATE TABLE wf_secret (
    name  TEXT PRIMARY KEY,                      -- what it is for
    value BLOB NOT NULL                          -- 32 random bytes
) STRICT, WITHOUT ROWID;
