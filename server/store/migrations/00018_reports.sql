-- What a device says of itself goes further: how far its replica has come, also when a connection ends, and how its
-- checks of the replica went.

-- +goose Up

ALTER TABLE device ADD COLUMN reached_epoch INTEGER NOT NULL DEFAULT 0; -- where its replica stood when it was last heard; 0 = at nothing
ALTER TABLE device ADD COLUMN reached       INTEGER NOT NULL DEFAULT 0; -- seq of that epoch
ALTER TABLE device ADD COLUMN checked       INTEGER NOT NULL DEFAULT 0; -- when its last check ended, centre's clock, ms; 0 = not told
ALTER TABLE device ADD COLUMN repaired      INTEGER NOT NULL DEFAULT 0; -- rows that its checks of the last 30 days put right

UPDATE device SET
  reached_epoch = coalesce((SELECT c.epoch FROM county c WHERE c.id = device.county), 0),
  reached       = coalesce((SELECT max(s.acked, s.cursor) FROM sync_device s WHERE s.county = device.county AND s.id = device.id), 0);
