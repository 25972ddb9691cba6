-- A replica that was copied, or enrolled again, is a device of its own: which one it was before. Where the two part is in
-- sync_device.

-- +goose Up

ALTER TABLE device ADD COLUMN parent TEXT NOT NULL DEFAULT ''; -- '' = enrolled as a new device
