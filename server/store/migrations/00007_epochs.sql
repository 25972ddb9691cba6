-- Beginnings of epochs after the first: the centre had lost commits. Replicas that were copied know their parent.

-- +goose Up

CREATE TABLE epoch_begun (
  county       INTEGER NOT NULL,
  epoch        INTEGER NOT NULL, -- that began
  ended        INTEGER NOT NULL, -- that ended
  last         INTEGER NOT NULL, -- seq up to which replicas of the ended one hold what is here; 0 = nobody knows
  head         INTEGER NOT NULL, -- seq at which it began
  at           INTEGER NOT NULL, -- ms
  cause        TEXT    NOT NULL, -- command, proof
  confirmed    INTEGER NOT NULL, -- ms; 0 = no administrator has confirmed grants and revocations yet: no device is served
  confirmed_by TEXT    NOT NULL,
  PRIMARY KEY (county, epoch)
) STRICT;

ALTER TABLE sync_device ADD COLUMN parent TEXT NOT NULL DEFAULT ''; -- device that the replica was copied from
ALTER TABLE sync_device ADD COLUMN fork INTEGER NOT NULL DEFAULT 0; -- n of the parent up to which the two are one
