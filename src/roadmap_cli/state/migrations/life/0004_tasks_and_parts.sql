-- To-dos, and what is known of the parts of a source that has many: files of a folder, items of a calendar on a server.
-- Times are RFC 3339, UTC, milliseconds, Z.

-- To-dos of calendars, every version that was ever read.
CREATE TABLE life_task (
    id          TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.task record
    uid         TEXT NOT NULL,    -- the calendar's UID: the same for all instances of a series
    instance    TEXT NOT NULL,    -- which instance: the moment or date it was planned for; '' if it does not repeat
    start_at    TEXT NOT NULL,    -- when it may be begun; '' if the source does not say
    due_at      TEXT NOT NULL,    -- when it is to be done; '' if it has no date
    status      TEXT NOT NULL,    -- needs_action, in_process, completed or cancelled
    modified_at TEXT NOT NULL,    -- when its source last changed it; '' if the source does not say
    is_current  INTEGER NOT NULL  -- 1: the latest version known; 0: replaced or withdrawn
) STRICT, WITHOUT ROWID;
CREATE INDEX life_task_by_uid ON life_task (uid, instance);
CREATE INDEX life_task_by_due ON life_task (due_at, id) WHERE is_current = 1;

-- What was read already, so that what has not changed is not read again, and what has gone is noticed.
CREATE TABLE life_part (
    source      TEXT NOT NULL,    -- 'file', or the URL of a calendar without a password
    name        TEXT NOT NULL,    -- path of the file, or of the item on its server
    mark        TEXT NOT NULL,    -- what changes when it changes: size, time and hash of a file; ETag of an item
    fresh_until TEXT NOT NULL,    -- when it is to be read again though it has not changed, for its series; '' never
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;

-- Which calendar UIDs a part holds.
CREATE TABLE life_part_uid (
    source TEXT NOT NULL, -- as in life_part
    name   TEXT NOT NULL, -- as in life_part
    uid    TEXT NOT NULL, -- UID of an event, to-do or contact
    PRIMARY KEY (source, name, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_part_uid_by_uid ON life_part_uid (uid);
