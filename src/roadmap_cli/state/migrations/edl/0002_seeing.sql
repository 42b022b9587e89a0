-- The content of files that were read, so that an unchanged file is not read again to know what it is.
CREATE TABLE edl_file (
    path       TEXT    NOT NULL PRIMARY KEY,  -- absolute path
    size       INTEGER NOT NULL,  -- bytes
    inode      INTEGER NOT NULL,  -- the file's number on its file system
    changed_ns INTEGER NOT NULL,  -- when its content last changed (mtime), in nanoseconds since 1970
    touched_ns INTEGER NOT NULL,  -- when anything about it last changed (ctime), which no program can set back
    sha256     TEXT    NOT NULL   -- SHA-256 of its bytes, hexadecimal
) STRICT, WITHOUT ROWID;
