-- Which records a scan of a file gave, so that a file scanned once is not decoded again.
CREATE TABLE edl_scan (
    sha256    TEXT    NOT NULL,  -- SHA-256 of the file's bytes, hexadecimal
    method    TEXT    NOT NULL,  -- what measured it: a change of method is a new name, and a new scan
    position  INTEGER NOT NULL,  -- order of the record in the scan; 0 is the edl.source
    record_id TEXT    NOT NULL,  -- the record, in the table of all records
    PRIMARY KEY (sha256, method, position)
) STRICT, WITHOUT ROWID;
