-- The copies of a device's replica hear what becomes of the work that they share.

-- +goose Up

CREATE INDEX sync_device_copies ON sync_device (county, parent, id) WHERE parent <> '';
