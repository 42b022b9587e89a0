-- The money side: what matches the same transaction told twice, balances, prices, and how transactions belong together.
-- Dates are YYYY-MM-DD as the bank names them; amounts are exact decimals in text.

-- What more is known of a transaction than table life_transaction holds: by this it is recognised elsewhere.
CREATE TABLE life_transaction_detail (
    id              TEXT NOT NULL PRIMARY KEY REFERENCES life_transaction (id), -- the transaction
    source_id       TEXT NOT NULL,    -- the life.source it came from; '' if it was given as a record
    account_tail    TEXT NOT NULL,    -- last four characters of the account; '' if unknown
    value_date      TEXT NOT NULL,    -- the day interest counts from; '' if the source names none
    reference       TEXT NOT NULL,    -- the bank's own identifier; '' if it gives none
    counterparty_id TEXT NOT NULL,    -- account_id of the other side; '' if unknown
    other_account   TEXT NOT NULL,    -- name of the person's other account it moves to or from; '' if it names none
    account_name    TEXT NOT NULL,    -- name the person gave the account; '' if unknown
    category        TEXT NOT NULL,    -- the person's own word for what it was for; '' if they gave none
    words           TEXT NOT NULL,    -- words of payee and memo, lower case, between blanks
    is_pending      INTEGER NOT NULL  -- 1: announced by the bank, not booked yet
) STRICT, WITHOUT ROWID;
CREATE INDEX life_transaction_detail_by_reference ON life_transaction_detail (reference) WHERE reference <> '';
CREATE INDEX life_transaction_detail_pending ON life_transaction_detail (id) WHERE is_pending = 1;

-- Two transactions that belong together: the two legs of a transfer between own accounts, a purchase and its refund.
CREATE TABLE life_transaction_link (
    id       TEXT NOT NULL PRIMARY KEY REFERENCES life_transaction (id), -- the transaction by which money went out
    other_id TEXT REFERENCES life_transaction (id), -- the one by which it came in; absent: known only from this side
    relation TEXT NOT NULL, -- transfer or refund
    why      TEXT NOT NULL  -- what showed it, in words
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX life_transaction_link_by_other ON life_transaction_link (other_id) WHERE other_id IS NOT NULL;

-- What stood on an account, or in a depot, at the end of a day.
CREATE TABLE life_balance (
    id           TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.balance record
    date         TEXT NOT NULL, -- the day at whose end it holds
    account_id   TEXT NOT NULL, -- which account; '' if unknown
    account_name TEXT NOT NULL, -- the name the person or the bank gave it; '' if unknown
    type         TEXT NOT NULL, -- booked, available, opening, pending, credit, position
    amount       TEXT NOT NULL, -- exact decimal; negative: owed
    currency     TEXT NOT NULL, -- ISO 4217
    security     TEXT NOT NULL  -- of a position: what is held; else ''
) STRICT, WITHOUT ROWID;
CREATE INDEX life_balance_by_account ON life_balance (account_id, type, date);

-- What a security or a currency was worth.
CREATE TABLE life_price (
    id       TEXT NOT NULL PRIMARY KEY REFERENCES record (id), -- the life.price record
    date     TEXT NOT NULL, -- the day it holds for
    security TEXT NOT NULL, -- what: a ticker, ISIN or currency code
    amount   TEXT NOT NULL, -- exact decimal for one unit
    currency TEXT NOT NULL  -- ISO 4217
) STRICT, WITHOUT ROWID;
CREATE INDEX life_price_by_security ON life_price (security, date);
