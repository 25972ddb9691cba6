-- Grids that are split or merged: what was planned, what would move, and how far it has come.

-- +goose Up

ALTER TABLE org_unit ADD COLUMN successor TEXT; -- of an ended unit: the one that took it over

CREATE TABLE territory_plan (
  county     INTEGER NOT NULL,
  id         INTEGER NOT NULL,    -- 1, 2, 3 …
  kind       TEXT    NOT NULL,    -- split, merge
  source     TEXT    NOT NULL,    -- code of a grid
  target     TEXT    NOT NULL,
  state      TEXT    NOT NULL,    -- planned, running, done, failed
  spec       TEXT    NOT NULL,    -- JSON: what was asked for
  report     TEXT    NOT NULL,    -- JSON: what the dry run found
  planner    TEXT    NOT NULL,    -- account: what moves is moved as his console's changesets
  created_at INTEGER NOT NULL,
  runner     TEXT    NOT NULL,    -- account that ran it last
  started_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  PRIMARY KEY (county, id)
) STRICT;

CREATE TABLE territory_item (
  county INTEGER NOT NULL,
  plan   INTEGER NOT NULL,
  i      INTEGER NOT NULL,
  part   INTEGER NOT NULL,        -- items of one part go in one changeset
  tbl    TEXT    NOT NULL,
  row_id TEXT    NOT NULL,
  state  TEXT    NOT NULL,        -- waits, sent, moved, needless, refused
  device TEXT    NOT NULL,        -- the changeset that moves it: written down before it is handed in
  n      INTEGER NOT NULL,
  hash   BLOB,
  seq    INTEGER NOT NULL,        -- at which it moved
  why    TEXT    NOT NULL,        -- code of the refusal
  PRIMARY KEY (county, plan, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX territory_item_state ON territory_item (county, plan, state, part, i);
