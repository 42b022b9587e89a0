-- How the receiver has found an event to be genuine. Not in the record: whoever may write into a pipe can write a record.

ALTER TABLE wf_event ADD COLUMN proof TEXT
    CHECK (proof IN ('slack-signature', 'slack-socket', 'imap')); -- what was verified; NULL: nothing that counts
