-- What shots look like as vectors, to find those that are alike. A plain table that sqlite-vec's functions compare.
CREATE TABLE edl_embedding (
    shot_id TEXT NOT NULL,  -- the edl.shot
    method  TEXT NOT NULL,  -- what made the vector: only vectors of one method can be compared
    vector  BLOB NOT NULL,  -- float32, little-endian, of length one: the mean over the shot's samples
    PRIMARY KEY (shot_id, method)
) STRICT, WITHOUT ROWID;
