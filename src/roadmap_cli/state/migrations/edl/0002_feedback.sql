-- What feedback changed in which plan, and whether it was kept; what a person likes is learned from the kept ones only.
CREATE TABLE edl_change (
    id           TEXT NOT NULL PRIMARY KEY,  -- the edl.feedback record
    plan_id      TEXT NOT NULL,              -- the plan with the change
    from_plan_id TEXT NOT NULL,              -- the plan before it
    axis         TEXT NOT NULL,              -- what was changed: exposure, saturation, ...
    sign         INTEGER NOT NULL CHECK (sign IN (-1, 1)),  -- which way
    strength     REAL NOT NULL,              -- how far, in steps
    at           TEXT NOT NULL,              -- when it was changed
    outcome      TEXT NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'kept', 'undone'))  -- what became of it
) STRICT, WITHOUT ROWID;
CREATE INDEX edl_change_plan ON edl_change (plan_id);

CREATE TABLE edl_taste (
    axis     TEXT NOT NULL,     -- what is liked so: exposure, saturation, ...
    sign     INTEGER NOT NULL CHECK (sign IN (-1, 1)),  -- which way
    strength REAL NOT NULL,     -- how far a plain wish should go, in steps: weighted mean of what was kept
    count    INTEGER NOT NULL,  -- of how many kept changes
    at       TEXT NOT NULL,     -- when it last changed
    PRIMARY KEY (axis, sign)
) STRICT, WITHOUT ROWID;
