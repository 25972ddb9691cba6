-- What retention needs: below the floor it is forgotten what left a scope, and what deleted rows held.

-- +goose Up

ALTER TABLE county ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;       -- no cursor below this seq can be gone on from

ALTER TABLE sync_device ADD COLUMN cursor INTEGER NOT NULL DEFAULT 0; -- seq that it last said to have come to
ALTER TABLE sync_device ADD COLUMN heard  INTEGER NOT NULL DEFAULT 0; -- when it last said so
ALTER TABLE sync_device ADD COLUMN taken  INTEGER NOT NULL DEFAULT 0; -- number of the last message that it stored

ALTER TABLE dead ADD COLUMN bare INTEGER NOT NULL DEFAULT 0;          -- 1: the row's content is forgotten, its place is not
CREATE INDEX dead_content ON dead (county, seq, tbl, id) WHERE bare = 0;
CREATE INDEX move_age ON move (county, seq);
