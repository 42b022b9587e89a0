-- How far each run has come: what a process needs to take it up where another left it, and what all runs share about
-- the things they depend on. Statuses of wf_run are now running, waiting, paused, compensating, succeeded, failed and
-- cancelled.

CREATE TABLE wf_progress (
    run_id    TEXT PRIMARY KEY REFERENCES wf_run(run_id), -- the run
    workflow  TEXT NOT NULL,                     -- name of its workflow, for limits of runs at a time
    priority  INTEGER NOT NULL,                  -- 9 goes first, 0 last
    wanted    TEXT,                              -- what a person wants of it: cancel or pause
    wake_at   TEXT,                              -- a waiting run is taken up then, RFC 3339; NULL: when it is answered
    wait_s    REAL,                              -- the whole of that wait, so that a clock set back cannot lengthen it
    ending    TEXT,                              -- why it is being compensated, JSON: status, step, failure, reason
    place     TEXT                               -- NULL: run from this state; shared: through a Postgres
) STRICT;

-- A step of a run, or one instance of it: NAME, NAME[0], NAME/SUBSTEP, compensate:NAME.
CREATE TABLE wf_unit (
    run_id       TEXT NOT NULL REFERENCES wf_run(run_id), -- the run it belongs to
    unit         TEXT NOT NULL,                  -- its name
    status       TEXT NOT NULL,                  -- running, waiting, succeeded, failed, skipped or cancelled
    attempt      INTEGER NOT NULL,               -- the last attempt begun, 0 if none was
    most         INTEGER NOT NULL,               -- attempts it has; a person who lets it be tried again gives more
    cuts         INTEGER NOT NULL,               -- how often an attempt was cut off by the end of its process
    waits_for    TEXT,                           -- time, retry, dependency, rate, event, question, approval, escalation
    wake_at      TEXT,                           -- when it goes on by itself, RFC 3339
    wait_s       REAL,                           -- the whole of that wait
    task_id      TEXT,                           -- the wf.task it waits for
    cursor       INTEGER,                        -- the last event known when it began to wait for one
    position     INTEGER,                        -- 1 for the first of the run that ended; what is undone goes backwards
    is_reused    INTEGER NOT NULL,               -- 1 if its output came from the run this one was forked from
    PRIMARY KEY (run_id, unit)
) STRICT, WITHOUT ROWID;

-- A circuit breaker for each thing steps depend on (M. Nygard, Release It!): shared by all processes.
CREATE TABLE wf_breaker (
    dependency  TEXT PRIMARY KEY,                -- host, database, program, or the name a template gives
    failures    INTEGER NOT NULL,                -- transient failures in a row
    opened_at   TEXT,                            -- RFC 3339; NULL while it is closed
    open_s      REAL NOT NULL,                   -- how long it stays open
    probe       TEXT,                            -- run and unit that try whether it is well again
    probe_until TEXT                             -- after this another may try, RFC 3339
) STRICT;

-- A token bucket for each thing with a limit of so many acts per time.
CREATE TABLE wf_bucket (
    dependency TEXT PRIMARY KEY,                 -- as in wf_breaker
    tokens     REAL NOT NULL,                    -- acts that may begin at once
    at         TEXT NOT NULL                     -- when that was so, RFC 3339
) STRICT;

-- What this state is called where runs are shared with other machines: theirs are told apart from ours by it.
CREATE TABLE wf_home (
    home TEXT PRIMARY KEY                        -- a random name, made with the first shared run
) STRICT;

-- What was drawn in from the shared database and may not have been removed there yet: nothing is drawn in twice.
CREATE TABLE wf_drawn (
    seq INTEGER PRIMARY KEY                      -- its number there
) STRICT;
