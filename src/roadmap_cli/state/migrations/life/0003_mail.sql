-- Which mails belong together: by what they refer to, else by subject and people.

-- Every identifier of a mail that was seen or referred to, and the conversation it is of: grown with each mail that is
-- stored, so that the order in which mails come does not matter.
CREATE TABLE life_thread (
    message_id TEXT NOT NULL PRIMARY KEY, -- identifier of a mail (RFC 5322), or the id of the record of a mail without one
    thread     TEXT NOT NULL              -- the conversation: the least of the names that its identifiers give it
) STRICT, WITHOUT ROWID;
CREATE INDEX life_thread_by_thread ON life_thread (thread);

-- The subjects of mails, for replies that refer to nothing.
CREATE TABLE life_subject (
    id         TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.message record
    base       TEXT NOT NULL,    -- the subject without Re: and Fwd:, lower case
    at         TEXT NOT NULL,    -- when it was sent
    is_orphan  INTEGER NOT NULL, -- 1: the subject says it is a reply, and it refers to no mail
    people     TEXT NOT NULL     -- JSON array of the addresses it names
) STRICT, WITHOUT ROWID;
CREATE INDEX life_subject_by_base ON life_subject (base, at);
