-- A county that was restored, and devices that are copies or were copied, keep under which name each changeset was offered
-- first: two copies of one replica may offer what was made before they parted. Kept as long as dead ids are, since a replica
-- may come with it at any time.

-- +goose Up

ALTER TABLE sync_device ADD COLUMN copied INTEGER NOT NULL DEFAULT 0; -- its replica was copied
UPDATE sync_device SET copied = 1 WHERE EXISTS (SELECT 1 FROM sync_device AS c WHERE c.county = sync_device.county AND c.parent = sync_device.id);

CREATE TABLE work (
  county INTEGER NOT NULL,
  work   BLOB    NOT NULL, -- hash of the changeset without its name
  device TEXT    NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (county, work)
) WITHOUT ROWID;

CREATE TABLE kin (
  county INTEGER NOT NULL,
  device TEXT    NOT NULL,
  other  TEXT    NOT NULL,
  n      INTEGER NOT NULL, -- up to it the other's changesets are the device's own past
  PRIMARY KEY (county, device, other)
) WITHOUT ROWID;
