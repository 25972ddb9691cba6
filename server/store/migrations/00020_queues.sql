-- What waits for people is listed by units, oldest first: each of a few units by itself, many by going through the county's.

-- +goose Up

DROP INDEX conflict_queue;
CREATE INDEX conflict_waits ON conflict (county, scope, opened, id) WHERE closed = 0;
CREATE INDEX conflict_waits_anywhere ON conflict (county, opened, id, scope) WHERE closed = 0;
CREATE INDEX conflict_ended ON conflict (county, scope, opened, id, closed) WHERE closed <> 0;
CREATE INDEX conflict_ended_anywhere ON conflict (county, opened, id, scope, closed) WHERE closed <> 0;

DROP INDEX quarantine_queue;
CREATE INDEX quarantine_waits ON quarantine (county, scope, received, device, n, kind) WHERE closed = 0;
CREATE INDEX quarantine_waits_anywhere ON quarantine (county, received, device, n, kind, scope) WHERE closed = 0;
CREATE INDEX quarantine_ended ON quarantine (county, scope, received, device, n, kind, closed) WHERE closed <> 0;
CREATE INDEX quarantine_ended_anywhere ON quarantine (county, received, device, n, kind, scope, closed) WHERE closed <> 0;
