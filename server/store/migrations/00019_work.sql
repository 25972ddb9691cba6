-- A county that was restored keeps under which name each changeset was offered first: two copies of one replica may offer
-- what was made before they parted. Kept as long as dead ids are, since a replica may come with it at any time.

-- +goose Up

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
