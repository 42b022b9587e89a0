-- What a person likes: how far a plain wish along an axis should go, learned from changes that were kept, or said.
CREATE TABLE edl_taste (
    who    TEXT    NOT NULL,  -- the person, by the name they are logged in with
    axis   TEXT    NOT NULL,  -- exposure, music, pace and so on
    sign   INTEGER NOT NULL,  -- 1 for more, -1 for less
    steps  REAL    NOT NULL,  -- how far, in steps of a plain wish
    count  INTEGER NOT NULL,  -- how many kept changes it rests on
    said   INTEGER NOT NULL,  -- 1 if the person set it, which no kept change moves; 0 if it was learned
    at     TEXT    NOT NULL,  -- when it last moved
    PRIMARY KEY (who, axis, sign)
) STRICT, WITHOUT ROWID;

-- Each wish that changed a plan: whether it was kept is read from the history, so that undoing one unlearns it.
CREATE TABLE edl_wish (
    feedback_id TEXT    NOT NULL PRIMARY KEY,  -- the edl.feedback, in the table of all records
    who         TEXT    NOT NULL,              -- the person
    root_id     TEXT    NOT NULL,              -- the edit's first plan
    plan_id     TEXT    NOT NULL,              -- the revision it made
    axis        TEXT    NOT NULL,              -- what it moved
    steps       REAL    NOT NULL,              -- how far: positive for more, negative for less
    at          TEXT    NOT NULL               -- when
) STRICT, WITHOUT ROWID;

CREATE INDEX edl_wish_by_axis ON edl_wish (who, axis, at);
