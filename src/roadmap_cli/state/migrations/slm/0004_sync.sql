-- slm-sync: this device, the devices it trusts, the remotes, every revision of every record that is synced, and the
-- segments on their way. Times are for people only: nothing is decided by a clock. JSON is text.

-- This device; one row once slm-sync init has run.
CREATE TABLE slm_sync_self (
    one          INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), -- there is only one
    device_id    TEXT NOT NULL,     -- made from the signing key
    signing_key  BLOB NOT NULL,     -- Ed25519, 32 bytes, secret
    age_identity TEXT NOT NULL,     -- X25519 identity that opens segments, secret
    kinds        TEXT NOT NULL CHECK (json_valid(kinds)), -- JSON list: kinds that leave, slm.* for all of a family
    next_seq     INTEGER NOT NULL,  -- number of its next segment, from 1
    last_hash    TEXT NOT NULL,     -- hash of its last segment; '' before the first
    told         TEXT NOT NULL,     -- digest of the list of devices in its last segment
    heard        INTEGER NOT NULL,  -- segments with something in them taken in from others since its last segment
    clock        TEXT NOT NULL,     -- hybrid logical clock, last value given out
    must_ack     INTEGER NOT NULL,  -- 1: another device waits for its word
    must_repeat  INTEGER NOT NULL   -- 1: another device cannot read what a removed one wrote: a snapshot is due
) STRICT;

-- Every device ever trusted, this one included; a removed one stays removed.
CREATE TABLE slm_sync_device (
    device_id    TEXT NOT NULL PRIMARY KEY, -- made from the signing key
    name         TEXT NOT NULL,     -- what its owner calls it
    verify_key   BLOB NOT NULL,     -- Ed25519 public key, 32 bytes
    recipient    TEXT NOT NULL,     -- age1…
    signature    BLOB NOT NULL,     -- of the card by its own key
    added_at     TEXT NOT NULL,     -- when it was accepted here
    added_by     TEXT NOT NULL,     -- user, or the id of the device that told of it
    removed_at   TEXT,              -- when its removal was learnt here, if it was removed
    seq          INTEGER NOT NULL,  -- its last segment taken in here
    hash         TEXT NOT NULL,     -- hash of that segment
    seen         TEXT NOT NULL CHECK (json_valid(seen)), -- JSON: device id → last number it has acknowledged
    stuck        INTEGER NOT NULL,  -- 1: removed, and what it wrote before cannot be read here: others are asked for it
    knew_us      INTEGER NOT NULL,  -- 1: a segment of it was encrypted to this device
    included_seq INTEGER,           -- first segment of this device encrypted to it; NULL: none yet
    covered_seq  INTEGER            -- up to which number others have sent it this device's segments anew; NULL: not
) STRICT, WITHOUT ROWID;

-- Places that segments are exchanged through.
CREATE TABLE slm_sync_remote (
    name     TEXT NOT NULL PRIMARY KEY, -- the user's name for it
    url      TEXT NOT NULL,         -- a folder, https://…, s3://bucket/prefix or rclone:REMOTE:PATH
    options  TEXT NOT NULL CHECK (json_valid(options)), -- JSON: endpoint, region, credentials (the name of a file)
    added_at TEXT NOT NULL          -- when it was added
) STRICT, WITHOUT ROWID;

-- Every revision of every record: a set that only grows. The record table holds the one shown.
CREATE TABLE slm_sync_revision (
    record_id TEXT NOT NULL,        -- the record's id
    number    INTEGER NOT NULL,     -- N of N-hash: 1 + the highest of its parents
    hash      TEXT NOT NULL,        -- BLAKE2b over id, kind, parents, body's hash and the two flags, hexadecimal
    kind      TEXT NOT NULL,        -- the record's kind
    parents   TEXT NOT NULL CHECK (json_valid(parents)), -- JSON list of N-hash
    deleted   INTEGER NOT NULL,     -- 1: a tombstone
    merged    INTEGER NOT NULL,     -- 1: written by the rule for conflicts, not by a user
    body_hash TEXT NOT NULL,        -- BLAKE2b of the body with its names sorted; '' for a tombstone
    body      TEXT,                 -- the record; NULL for a tombstone, or when it was erased
    device_id TEXT NOT NULL,        -- the device it was first heard from
    clock     TEXT NOT NULL,        -- hybrid logical clock of that device, for people
    seq       INTEGER,              -- segment of this device that carries it; NULL: heard from others, or not sent yet
    own       INTEGER NOT NULL,     -- 1: made on this device
    PRIMARY KEY (record_id, number, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX slm_sync_revision_by_seq ON slm_sync_revision (own, seq);

-- Parent and child, known as soon as the child is.
CREATE TABLE slm_sync_edge (
    record_id TEXT NOT NULL,        -- the record's id
    parent    TEXT NOT NULL,        -- N-hash
    child     TEXT NOT NULL,        -- N-hash
    PRIMARY KEY (record_id, parent, child)
) STRICT, WITHOUT ROWID;

-- What the record table holds for each synced record: how a change made by a command is noticed.
CREATE TABLE slm_sync_record (
    record_id TEXT NOT NULL PRIMARY KEY, -- the record's id
    shown     TEXT NOT NULL,        -- N-hash of the revision shown here
    stored    BLOB                  -- BLAKE2b of the text in the record table; NULL: not there
) STRICT, WITHOUT ROWID;

-- This device's segments. The bytes are kept until every remote has them.
CREATE TABLE slm_sync_outbox (
    seq          INTEGER NOT NULL PRIMARY KEY, -- its number
    name         TEXT NOT NULL,     -- its name on a remote, fixed before it is sent
    hash         TEXT NOT NULL,     -- BLAKE2b of its bytes
    bytes        BLOB,              -- what is sent; NULL once every remote has it
    size         INTEGER NOT NULL,  -- of the bytes
    record_count INTEGER NOT NULL,  -- revisions in it
    kinds        TEXT NOT NULL CHECK (json_valid(kinds)), -- JSON list of the kinds in it
    covers_from  INTEGER            -- a snapshot's first part: where the segments it stands for begin; NULL otherwise
) STRICT;

-- Which of them a remote has.
CREATE TABLE slm_sync_upload (
    remote  TEXT NOT NULL REFERENCES slm_sync_remote (name) ON DELETE CASCADE, -- where
    seq     INTEGER NOT NULL REFERENCES slm_sync_outbox (seq), -- which
    removed INTEGER NOT NULL,       -- 1: taken away again, a snapshot stands for it
    PRIMARY KEY (remote, seq)
) STRICT, WITHOUT ROWID;

-- How far a remote has ever reached: it must not go back.
CREATE TABLE slm_sync_view (
    remote    TEXT NOT NULL REFERENCES slm_sync_remote (name) ON DELETE CASCADE, -- where
    device_id TEXT NOT NULL,        -- whose folder
    seq       INTEGER NOT NULL,     -- highest number ever listed
    PRIMARY KEY (remote, device_id)
) STRICT, WITHOUT ROWID;

-- Snapshots of which older segments wait to be removed.
CREATE TABLE slm_sync_snapshot (
    first_seq INTEGER NOT NULL PRIMARY KEY, -- its first part
    last_seq  INTEGER NOT NULL      -- its last part: when all devices have acknowledged it, what is before first_seq goes
) STRICT;
