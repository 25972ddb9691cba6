-- What the engine keeps besides the records themselves. The typed tables of the records (rec_…) are made from the
-- declarations by schema/ddl when the store is opened.
--
-- Every key leads with the county, so that these tables partition or distribute by it. No triggers, no sequences:
-- seq comes from the county's row, locked first in each transaction. Times are milliseconds since 1970 UTC. Blobs are
-- described in codec.go; nothing in them is needed to find a row.

-- +goose Up

CREATE TABLE county (
  id      INTEGER NOT NULL PRIMARY KEY,
  epoch   INTEGER NOT NULL,
  seq     INTEGER NOT NULL,   -- of the last accepted changeset
  history BLOB    NOT NULL,   -- hash of the history entry at seq
  hlc     INTEGER NOT NULL    -- 64 bits, the sign bit included
) STRICT;

CREATE TABLE cell_layout (
  county INTEGER NOT NULL,
  id     INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  cells  TEXT    NOT NULL,    -- [["cell",["column",…]],…] as rows written with this layout pack them
  PRIMARY KEY (county, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_device (
  county  INTEGER NOT NULL,
  id      TEXT    NOT NULL,
  last_n  INTEGER NOT NULL,
  hash    BLOB    NOT NULL,   -- of changeset last_n
  at      INTEGER NOT NULL,   -- effective time of last_n
  inbox   INTEGER NOT NULL,   -- number of its last message
  console INTEGER NOT NULL,
  acked   INTEGER NOT NULL,   -- seq up to which it has taken what the centre sent
  PRIMARY KEY (county, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  epoch  INTEGER NOT NULL,
  scope  TEXT,                -- of the row as it was; NULL if there never was a row
  body   BLOB    NOT NULL,    -- who deleted it and the row as it was
  PRIMARY KEY (county, tbl, id)
) STRICT;
CREATE INDEX dead_feed ON dead (county, scope, seq, tbl, id);

CREATE TABLE set_ref (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  col    TEXT    NOT NULL,
  target TEXT    NOT NULL,    -- an id in the set that the row's column holds
  id     TEXT    NOT NULL,    -- the row
  PRIMARY KEY (county, tbl, col, target, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict (
  county INTEGER NOT NULL,
  device TEXT    NOT NULL,
  n      INTEGER NOT NULL,
  hash   BLOB    NOT NULL,
  kind   INTEGER NOT NULL,    -- 1 accepted, 2 with conflicts, 3 merged, 4 rejected, 5 parked
  epoch  INTEGER NOT NULL,
  seq    INTEGER NOT NULL,    -- 0 for rejected and parked
  detail BLOB,                -- reason, conflicts
  PRIMARY KEY (county, device, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  county   INTEGER NOT NULL,
  device   TEXT    NOT NULL,
  n        INTEGER NOT NULL,
  received INTEGER NOT NULL,
  closed   INTEGER NOT NULL,
  verdict_n INTEGER NOT NULL, -- the verdict, as above
  hash     BLOB    NOT NULL,
  kind     INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  code     TEXT    NOT NULL,  -- of the reason, for people
  detail   BLOB,
  body     BLOB    NOT NULL,  -- the changeset, whole
  PRIMARY KEY (county, device, n)
) STRICT;
CREATE INDEX quarantine_open ON quarantine (county, closed, received);

CREATE TABLE quarantine_row (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,    -- a row that an open quarantined changeset would have created
  device TEXT    NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (county, tbl, id, device, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_row_of ON quarantine_row (county, device, n);

CREATE TABLE conflict (
  county     INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  tbl        TEXT    NOT NULL,
  row_id     TEXT    NOT NULL,
  cell       TEXT    NOT NULL,
  scope      TEXT    NOT NULL,
  door       TEXT    NOT NULL,
  opened     INTEGER NOT NULL,
  changed    INTEGER NOT NULL,
  closed     INTEGER NOT NULL, -- seq, 0 = open
  outcome    TEXT    NOT NULL,
  decided_by TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  candidates BLOB    NOT NULL,
  told       TEXT    NOT NULL,  -- devices that were told of it, by verdict or inbox, with spaces
  PRIMARY KEY (county, id)
) STRICT;
CREATE UNIQUE INDEX conflict_open ON conflict (county, tbl, row_id, kind, cell) WHERE closed = 0;
CREATE INDEX conflict_key ON conflict (county, tbl, row_id, kind, cell, closed);
CREATE INDEX conflict_queue ON conflict (county, scope, closed, opened);

CREATE TABLE case_step (
  county  INTEGER NOT NULL,
  tbl     TEXT    NOT NULL,
  case_id TEXT    NOT NULL,
  number  INTEGER NOT NULL,
  row_id  TEXT    NOT NULL,
  state   TEXT    NOT NULL,   -- of the case after it
  PRIMARY KEY (county, tbl, case_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE move (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  scope  TEXT    NOT NULL,    -- that it left, or was in
  door   TEXT    NOT NULL,    -- that it left, or was at
  author TEXT    NOT NULL,
  PRIMARY KEY (county, tbl, id, seq, scope, door)
) STRICT, WITHOUT ROWID;
CREATE INDEX move_feed ON move (county, scope, seq, tbl, id, door);

CREATE TABLE inbox (
  county   INTEGER NOT NULL,
  device   TEXT    NOT NULL,
  number   INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  conflict TEXT    NOT NULL,
  ckind    TEXT    NOT NULL,  -- the conflict's key
  tbl      TEXT    NOT NULL,
  row_id   TEXT    NOT NULL,
  cell     TEXT    NOT NULL,
  author   TEXT    NOT NULL,
  choice   TEXT    NOT NULL,
  PRIMARY KEY (county, device, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
  county   INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  device   TEXT    NOT NULL,  -- and n: which changeset, for people
  n        INTEGER NOT NULL,
  author   TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  received INTEGER NOT NULL,
  suspect  INTEGER NOT NULL,
  prev     BLOB    NOT NULL,
  hash     BLOB    NOT NULL,
  body     BLOB    NOT NULL,  -- the changeset and what became of its writes
  PRIMARY KEY (county, seq)
) STRICT;
