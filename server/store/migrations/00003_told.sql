-- What a device was last told of its person's grants, and what was taken away from it since: by it the centre knows what
-- a replica may hold, what was written before its person could know better, and whether it has purged what ended.
--
-- +goose Up

CREATE TABLE device_told (
  county  INTEGER NOT NULL,
  device  TEXT    NOT NULL,
  view    TEXT    NOT NULL,   -- id of the view it was told of
  shown   TEXT    NOT NULL,   -- the grants of that view: [{"scope","name","level","role","doors","from","to"},…]
  lost    TEXT    NOT NULL,   -- [{"grant":{…},"n","at","purged"},…]
  retired INTEGER NOT NULL,   -- when a revoked device said that nothing is left on it; 0 = it has not
  PRIMARY KEY (county, device)
) STRICT, WITHOUT ROWID;

ALTER TABLE device ADD COLUMN erased_at INTEGER; -- nothing may stay on it, its key included
