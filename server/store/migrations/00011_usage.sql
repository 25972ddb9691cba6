-- What one device or one scope takes up, so that quotas cost no counting (syncengine.Quotas).

-- +goose Up

CREATE TABLE scope_rows (
  county INTEGER NOT NULL,
  scope  TEXT    NOT NULL,
  n      INTEGER NOT NULL,    -- live rows of all record types
  PRIMARY KEY (county, scope)
) STRICT, WITHOUT ROWID;

ALTER TABLE quarantine ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0; -- canonical bytes of the changeset
CREATE INDEX quarantine_usage ON quarantine (county, device, bytes) WHERE closed = 0;
