-- Every revision of an edit: a tree for each plan that was made from footage.
CREATE TABLE edl_revision (
    plan_id   TEXT    NOT NULL PRIMARY KEY,  -- the edl.plan, in the table of all records
    root_id   TEXT    NOT NULL,              -- the first plan of the tree; on that one, itself
    parent_id TEXT,                          -- the revision it was made from; NULL on the first
    edit_id   TEXT,                          -- the edl.edit that tells what was changed; NULL where none was recorded
    undoes    TEXT,                          -- JSON list of the revisions it takes back; NULL if it takes none back
    things    BLOB    NOT NULL               -- its cuts in order, titles and cues: JSON, deflated
) STRICT, WITHOUT ROWID;

CREATE INDEX edl_revision_by_root ON edl_revision (root_id, parent_id);

-- Where a person went in a tree: the last row of a tree is its head, the last of all the edit being worked on.
CREATE TABLE edl_head_move (
    number  INTEGER NOT NULL PRIMARY KEY,  -- order of the moves
    root_id TEXT    NOT NULL,              -- the tree
    plan_id TEXT    NOT NULL,              -- the revision that became its head
    sort    TEXT    NOT NULL,              -- edit, undo, redo or go
    at      TEXT    NOT NULL,              -- when
    why_id  TEXT                           -- the decision, where the move is one of its own
) STRICT;

CREATE INDEX edl_head_move_by_root ON edl_head_move (root_id, number);

-- Where a source's file was last seen: a record tells where it was first.
CREATE TABLE edl_source_place (
    source_id TEXT NOT NULL PRIMARY KEY,  -- the edl.source
    path      TEXT NOT NULL               -- absolute path of the file
) STRICT, WITHOUT ROWID;
