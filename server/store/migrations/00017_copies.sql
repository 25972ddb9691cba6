-- The copies of a device's replica hear what becomes of the work that they share; what a device retried counts for its
-- share of the quarantine for a while.

-- +goose Up

CREATE INDEX sync_device_copies ON sync_device (county, parent, id) WHERE parent <> '';
CREATE INDEX quarantine_retried ON quarantine (county, device, received, bytes) WHERE outcome = 'retried';
