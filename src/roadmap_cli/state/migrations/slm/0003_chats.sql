-- slm: conversations, the pieces of their messages that are in the window or in the archive, vectors of texts.

CREATE TABLE slm_chat (
    id         TEXT NOT NULL PRIMARY KEY, -- slm_…, sorts by time; the run_id of the calls made for it
    name       TEXT NOT NULL UNIQUE,      -- what the user calls it
    model      TEXT,                      -- the model it was last held with, if it was told
    created_at TEXT NOT NULL,             -- RFC 3339
    updated_at TEXT NOT NULL              -- RFC 3339, of the last message
) STRICT;

-- The messages of conversations in order; what they say is in record.body.
CREATE TABLE slm_message (
    id          TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- of the slm.message record
    chat_id     TEXT NOT NULL REFERENCES slm_chat (id) ON DELETE CASCADE, -- the conversation
    position    INTEGER NOT NULL,          -- 1, 2, 3 … within it
    pinned      INTEGER NOT NULL,          -- 1 if it stays in the window whatever is asked
    replaced_at TEXT,                      -- when it was taken back by a retry, an edit or a new system message; else NULL
    UNIQUE (chat_id, position)
) STRICT;

CREATE TABLE slm_piece (
    number      INTEGER PRIMARY KEY,       -- also the row in slm_piece_words
    message_id  TEXT NOT NULL REFERENCES slm_message (id) ON DELETE CASCADE, -- the message it is cut from
    part        INTEGER NOT NULL,          -- 0, 1, 2 … within the message
    first       INTEGER NOT NULL,          -- its first character in the message's content
    last        INTEGER NOT NULL,          -- the character after its last
    place       TEXT NOT NULL CHECK (place IN ('new', 'window', 'archive')), -- whether the model saw it last; new: not asked since
    seat        INTEGER,                   -- 0, 1, 2 … as it stood in the last window; NULL for what was not in it
    why         TEXT NOT NULL,             -- why it is there, in words
    decision_id TEXT,                      -- the decision that put it there, if there was one
    UNIQUE (message_id, part)
) STRICT;

-- What the pieces say, searched by words; the text itself is in record.body.
CREATE VIRTUAL TABLE slm_piece_words USING fts5 (
    text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
);

CREATE TABLE slm_vector (
    key     TEXT NOT NULL PRIMARY KEY,     -- SHA-256 of the model's name and the text, hexadecimal
    model   TEXT NOT NULL,                 -- the embedding model
    vector  BLOB NOT NULL,                 -- float16 numbers, little-endian, of length one together
    made_on TEXT NOT NULL                  -- YYYY-MM-DD
) STRICT, WITHOUT ROWID;
CREATE INDEX slm_vector_by_day ON slm_vector (made_on);
