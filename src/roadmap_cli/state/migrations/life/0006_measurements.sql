-- Measurements stand where they are looked up: by metric and day. A watch gives a million of them in a few years, and an
-- entry by id for each, scattered over the file, cost more than all the rest of storing it. Who has an id finds the
-- record, and with its metric and day the row; a record that is deleted takes its row along.

CREATE TABLE life_measurement_by_day (
    metric   TEXT NOT NULL, -- what was measured: steps, resting_heart_rate, sleep …
    date     TEXT NOT NULL, -- the local day it counts for; sleep counts for the day of waking
    start_at TEXT NOT NULL, -- when it was measured, or the measured span begins
    id       TEXT NOT NULL, -- the life.measurement record
    stage    TEXT NOT NULL, -- of sleep: asleep, deep, rem, core, awake, in_bed; else ''
    end_at   TEXT NOT NULL, -- when the span ends
    value    REAL NOT NULL, -- in the metric's unit
    device   TEXT NOT NULL, -- what measured it; '' if unknown
    PRIMARY KEY (metric, date, start_at, id)
) STRICT, WITHOUT ROWID;
INSERT INTO life_measurement_by_day (metric, date, start_at, id, stage, end_at, value, device)
    SELECT metric, date, start_at, id, stage, end_at, value, device FROM life_measurement
    ORDER BY metric, date, start_at, id;
DROP TABLE life_measurement;
ALTER TABLE life_measurement_by_day RENAME TO life_measurement;

CREATE TRIGGER life_measurement_with_record AFTER DELETE ON record WHEN old.kind = 'life.measurement' BEGIN
    DELETE FROM life_measurement
    WHERE metric = old.body ->> '$.metric' AND id = old.id
      AND date = coalesce(nullif(old.body ->> '$.date', ''), substr(old.body ->> '$.at', 1, 10));
END;
