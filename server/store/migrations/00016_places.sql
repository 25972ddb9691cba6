-- Where rows were in the past, for whoever reads their history: what retention takes from the streams of scopes is kept
-- here, for as long as history.

-- +goose Up

CREATE TABLE moved (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  scope  TEXT    NOT NULL,    -- that it left, or was in
  door   TEXT    NOT NULL,    -- that it left, or was at
  author TEXT    NOT NULL,
  PRIMARY KEY (county, tbl, id, seq, scope, door)
) STRICT, WITHOUT ROWID;

-- What was forgotten before there was such a table: of an entry below this seq it is not known where its row was.
ALTER TABLE county ADD COLUMN places_from INTEGER NOT NULL DEFAULT 0;
UPDATE county SET places_from = floor;
