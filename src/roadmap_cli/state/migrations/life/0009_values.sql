-- What the person holds to be important: each rule with the versions in which it holds. A version is one act of the
-- person, setting or removing; rules are never changed, only set and removed.

CREATE TABLE life_value (
    id            TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.value record that set it
    rule          TEXT NOT NULL,    -- in the words of the grammar, spelled in one way
    subject       TEXT NOT NULL,    -- what it is about: a later rule about the same takes its place
    from_version  INTEGER NOT NULL, -- the version that set it
    set_at        TEXT NOT NULL,    -- when
    until_version INTEGER,          -- the version that removed it; absent while it holds
    removed_at    TEXT,             -- when
    removed_id    TEXT REFERENCES record (id) -- the life.value_removed record, or the life.value that took its place
) STRICT, WITHOUT ROWID;
CREATE INDEX life_value_by_version ON life_value (from_version, id);
