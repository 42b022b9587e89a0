-- Whom calls of models are charged to, and how much each may spend. An account is a text such as run:ID, step:ID/NAME,
-- workflow:NAME, agent:NAME or user:NAME: what charges gives it, what sums up needs no knowledge of it.

CREATE TABLE model_account (
    run_id  TEXT NOT NULL,                    -- the run_id of model_call rows
    account TEXT NOT NULL,                    -- whom these are charged to
    PRIMARY KEY (account, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_account_by_run ON model_account (run_id);

CREATE TABLE model_budget (
    account    TEXT NOT NULL,                 -- whose
    period     TEXT NOT NULL CHECK (period IN ('ever', 'day', 'month')), -- what it is renewed after, UTC
    tokens     INTEGER,                       -- at most so many tokens, read and written; absent: any number
    microunits INTEGER,                       -- at most so many millionths of the currency; absent: any sum
    currency   TEXT NOT NULL,                 -- ISO 4217
    set_at     TEXT NOT NULL,                 -- when it was set
    set_by     TEXT NOT NULL,                 -- by whom
    PRIMARY KEY (account, period)
) STRICT, WITHOUT ROWID;
