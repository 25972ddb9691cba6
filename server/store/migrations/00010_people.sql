-- For the people who run a centre: the history of a row without reading all of history, the audit log, and what
-- devices report of themselves.

-- +goose Up

CREATE TABLE history_row (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,
  seq    INTEGER NOT NULL,    -- of a history entry that names the row
  PRIMARY KEY (county, tbl, id, seq)
) STRICT, WITHOUT ROWID;      -- filled for older entries when the store is next opened
ALTER TABLE county ADD COLUMN history_rows INTEGER NOT NULL DEFAULT 0; -- 1: history_row covers all of history

CREATE TABLE audit (
  county INTEGER NOT NULL,
  i      INTEGER NOT NULL,    -- 1, 2, 3 … without gaps
  at     INTEGER NOT NULL,
  kind   TEXT    NOT NULL,
  who    TEXT    NOT NULL,    -- account, '' = the centre itself
  device TEXT    NOT NULL,
  what   TEXT    NOT NULL,    -- JSON: ids, codes, names of columns; never a person's values
  prev   BLOB    NOT NULL,
  hash   BLOB    NOT NULL,    -- over this line and the one before
  PRIMARY KEY (county, i)
) STRICT;

ALTER TABLE device ADD COLUMN waiting     INTEGER; -- changesets not sent yet, as it said at its last contact; NULL = not told
ALTER TABLE device ADD COLUMN oldest      INTEGER; -- when the oldest of them was written, by the device's clock, ms
ALTER TABLE device ADD COLUMN free_bytes  INTEGER; -- on the disk of its replica; NULL = not told
ALTER TABLE device ADD COLUMN snapshots   INTEGER; -- how often it was told to take everything anew
