-- Who and what a life is about, and how they hang together: read off the stored records by life-graph.
-- An atom is the smallest thing that may stand for somebody: a mail address, a number, a contact, a written name.
-- Entities and relations have versions: what was believed from learned_at up to superseded_at.
-- Times are RFC 3339, UTC, milliseconds, Z; valid_from and valid_to are such times, too.

-- The records that were read, so that each is read once.
CREATE TABLE life_graph_read (
    record_id TEXT NOT NULL PRIMARY KEY REFERENCES record (id) ON DELETE CASCADE, -- the record
    kind      TEXT NOT NULL,   -- its kind
    at        TEXT NOT NULL,   -- when it happened
    rules     INTEGER NOT NULL -- number of the rules it was read by; others read it anew
) STRICT, WITHOUT ROWID;

-- Everything that may stand for an entity.
CREATE TABLE life_graph_atom (
    number    INTEGER PRIMARY KEY,  -- short name within this file
    key       TEXT NOT NULL UNIQUE, -- what it is, canonical: e:anna@example.org, p:+4930…, c:UID, n:anna schmidt
    id        TEXT NOT NULL UNIQUE, -- its id: the entity it belongs to is found by it for ever
    sort      TEXT NOT NULL,        -- person, organization, place, project, event or account
    entity_id TEXT                  -- id of the entity it belongs to; absent: none, or not resolved yet
) STRICT;
CREATE INDEX life_graph_atom_by_entity ON life_graph_atom (entity_id) WHERE entity_id IS NOT NULL;

-- Where an atom stands in a record, and how it is written there.
CREATE TABLE life_graph_mention (
    record_id TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE, -- the record
    atom      INTEGER NOT NULL REFERENCES life_graph_atom (number),   -- the atom
    role      TEXT NOT NULL, -- sender, recipient, attendee, organizer, payee, email, organization …
    form      TEXT NOT NULL, -- as it is written, or the value that goes with the role; '' if neither
    PRIMARY KEY (record_id, atom, role, form)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_graph_mention_by_atom ON life_graph_mention (atom, record_id);

-- What the user said of the graph: stronger than any record, whenever that comes.
CREATE TABLE life_graph_act (
    place      INTEGER PRIMARY KEY,       -- 1, 2, 3 … in the order they were said: later ones are stronger
    id         TEXT NOT NULL UNIQUE,      -- its id
    at         TEXT NOT NULL,             -- when it was said
    act        TEXT NOT NULL,             -- merge, split, forget, correct, relate
    atoms      TEXT NOT NULL CHECK (json_valid(atoms)),  -- JSON list of keys of atoms it is about
    others     TEXT NOT NULL CHECK (json_valid(others)), -- JSON list: the other side, of merge, split and relate
    said       TEXT NOT NULL CHECK (json_valid(said)),   -- JSON object: the name, sort, relation, dates given
    why_id     TEXT NOT NULL REFERENCES decision (id),   -- its decision
    revoked_at TEXT                       -- when it was taken back, if it was
) STRICT;

-- Versions of entities.
CREATE TABLE life_entity (
    id            TEXT NOT NULL,    -- the entity
    learned_at    TEXT NOT NULL,    -- since when it was believed to be so
    superseded_at TEXT,             -- until when; absent: still
    sort          TEXT NOT NULL,    -- person, organization, place, project, event or account
    name          TEXT NOT NULL,    -- the best of its names
    search        TEXT NOT NULL,    -- all its names, folded, between bars and spaces: what is searched
    body          TEXT NOT NULL CHECK (json_valid(body)), -- JSON: names, emails, phones, birthday, keys of its atoms
    confidence    REAL NOT NULL,    -- that all of it is one: 0 to 1
    mention_count INTEGER NOT NULL, -- records that mention it
    first_at      TEXT NOT NULL,    -- the earliest of them
    last_at       TEXT NOT NULL,    -- the latest
    is_user       INTEGER NOT NULL, -- 1: the person whose life it is
    why_id        TEXT REFERENCES decision (id), -- why its atoms are one; absent: it has but one
    PRIMARY KEY (id, learned_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_entity_current ON life_entity (id) WHERE superseded_at IS NULL;

-- Versions of relations.
CREATE TABLE life_relation (
    id             TEXT NOT NULL PRIMARY KEY, -- this version of it
    a_id           TEXT NOT NULL,    -- the entity it goes out from
    relation       TEXT NOT NULL,    -- knows, works_at, family_of …
    b_id           TEXT NOT NULL,    -- the entity it goes to
    valid_from     TEXT NOT NULL,    -- since when it is true, as far as records tell
    valid_to       TEXT,             -- until when; absent: it still is
    learned_at     TEXT NOT NULL,    -- since when it was believed
    superseded_at  TEXT,             -- until when; absent: still
    confidence     REAL NOT NULL,    -- that it is so: 0 to 1
    evidence_count INTEGER NOT NULL, -- records it rests on
    first_at       TEXT NOT NULL,    -- the earliest of them
    last_at        TEXT NOT NULL,    -- the latest
    detail         TEXT NOT NULL CHECK (json_valid(detail)), -- JSON object: counts and words that belong to it
    why_id         TEXT REFERENCES decision (id) -- its decision, with its evidence; absent once it was counted anew
) STRICT, WITHOUT ROWID;
CREATE INDEX life_relation_out ON life_relation (a_id, relation) WHERE superseded_at IS NULL;
CREATE INDEX life_relation_in ON life_relation (b_id, relation) WHERE superseded_at IS NULL;
CREATE INDEX life_relation_by_end ON life_relation (superseded_at);

-- Pairs that may be one and may be not: for the user to say.
CREATE TABLE life_graph_question (
    a_id  TEXT NOT NULL, -- an entity
    b_id  TEXT NOT NULL, -- another
    score REAL NOT NULL, -- natural logarithm of the odds that they are one
    why   TEXT NOT NULL, -- what speaks for and against, in words
    PRIMARY KEY (a_id, b_id)
) STRICT, WITHOUT ROWID;

-- What the present graph was made from; the same again is not made anew.
CREATE TABLE life_graph_made (
    one    INTEGER PRIMARY KEY CHECK (one = 1), -- always 1
    digest TEXT NOT NULL, -- of all it rests on
    at     TEXT NOT NULL  -- when
) STRICT;
