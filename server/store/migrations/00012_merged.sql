-- Rows that were merged into another one, and what a split of them gives back.

-- +goose Up

ALTER TABLE dead ADD COLUMN merged_into TEXT NOT NULL DEFAULT ''; -- id of the row that it became; '' = it was deleted

CREATE TABLE repointed (
  county  INTEGER NOT NULL,
  tbl     TEXT    NOT NULL,
  retired TEXT    NOT NULL,    -- the row that a write named
  ref_tbl TEXT    NOT NULL,
  row_id  TEXT    NOT NULL,    -- the row that was written
  col     TEXT    NOT NULL,
  seq     INTEGER NOT NULL,    -- of the write
  PRIMARY KEY (county, tbl, retired, ref_tbl, row_id, col, seq)
) STRICT, WITHOUT ROWID;
