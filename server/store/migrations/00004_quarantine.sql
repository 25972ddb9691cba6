-- Parked changesets that take effect after all, and how each quarantined one ended.

-- +goose Up

ALTER TABLE quarantine ADD COLUMN at INTEGER NOT NULL DEFAULT 0;            -- effective time
ALTER TABLE quarantine ADD COLUMN suspect INTEGER NOT NULL DEFAULT 1;
ALTER TABLE quarantine ADD COLUMN scope TEXT NOT NULL DEFAULT '?';          -- whose supervisors see it; ? = written before this was kept
ALTER TABLE quarantine ADD COLUMN awaits TEXT NOT NULL DEFAULT '';          -- the id it waits for now
ALTER TABLE quarantine ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;         -- to be tried again
ALTER TABLE quarantine ADD COLUMN outcome TEXT NOT NULL DEFAULT '';         -- retried, released, dismissed
ALTER TABLE quarantine ADD COLUMN ended_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';        -- account
ALTER TABLE quarantine ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN more BLOB;                                -- why it still waits, and what its device wrote again
UPDATE quarantine SET at = received;
CREATE INDEX quarantine_queue ON quarantine (county, scope, closed, received, device, n);
CREATE INDEX quarantine_parked ON quarantine (county, device, n) WHERE closed = 0 AND kind = 5;
CREATE INDEX quarantine_awaits ON quarantine (county, awaits) WHERE closed = 0 AND kind = 5 AND awaits <> '';
CREATE INDEX quarantine_ready ON quarantine (county, device, n) WHERE closed = 0 AND kind = 5 AND ready = 1;

CREATE TABLE quarantine_touch (
  county INTEGER NOT NULL,
  tbl    TEXT    NOT NULL,
  id     TEXT    NOT NULL,    -- a row that an open parked changeset changes
  device TEXT    NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (county, tbl, id, device, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_touch_of ON quarantine_touch (county, device, n);

ALTER TABLE inbox ADD COLUMN n INTEGER NOT NULL DEFAULT 0;                  -- released, dismissed: which changeset
ALTER TABLE inbox ADD COLUMN reason TEXT NOT NULL DEFAULT '';
