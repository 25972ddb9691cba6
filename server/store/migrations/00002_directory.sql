-- Who there is and what he may do: the centre's own rows, read at every push. Written by server/directory.
-- Times are milliseconds since 1970 UTC; NULL and 0 mean "not".

-- +goose Up

CREATE TABLE org_unit (
  county     INTEGER NOT NULL,
  code       TEXT    NOT NULL,
  name       TEXT,
  level      TEXT,
  parent     TEXT,
  grid_type  TEXT,
  valid_from INTEGER,
  valid_to   INTEGER,
  PRIMARY KEY (county, code)
) STRICT;
CREATE INDEX org_unit_parent ON org_unit (county, parent, code);

CREATE TABLE account (
  county       INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  login        TEXT,
  name         TEXT,
  password     TEXT,          -- argon2id, never the word itself
  passwords    INTEGER,       -- how often it was set: a token of an earlier one is void
  failed       INTEGER,
  locked_until INTEGER,
  created_at   INTEGER,
  disabled_at  INTEGER,
  PRIMARY KEY (county, id),
  UNIQUE (county, login)
) STRICT;

CREATE TABLE assignment (
  county     INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  account    TEXT,
  role       TEXT,
  scope      TEXT,            -- code of an org unit; holds for every unit below it too
  doors      TEXT,            -- JSON array of ids, for roles that look after doors
  valid_from INTEGER,
  valid_to   INTEGER,
  created_by TEXT,
  created_at INTEGER,
  PRIMARY KEY (county, id)
) STRICT;
CREATE INDEX assignment_account ON assignment (county, account);

CREATE TABLE device (
  county         INTEGER NOT NULL,
  id             TEXT    NOT NULL,
  account        TEXT,
  label          TEXT,
  public_key     BLOB,
  console        INTEGER,
  enrolled_at    INTEGER,
  revoked_at     INTEGER,
  last_contact   INTEGER,
  last_offset_ms INTEGER,
  app            TEXT,
  schema         INTEGER,
  PRIMARY KEY (county, id)
) STRICT;
CREATE INDEX device_account ON device (county, account);

CREATE TABLE enrolment_code (
  county     INTEGER NOT NULL,
  hash       BLOB    NOT NULL, -- of the code, which is nowhere
  account    TEXT,
  created_by TEXT,
  created_at INTEGER,
  expires_at INTEGER,
  used_at    INTEGER,
  device     TEXT,
  PRIMARY KEY (county, hash)
) STRICT;

CREATE TABLE admin_code (
  county     INTEGER NOT NULL,
  hash       BLOB    NOT NULL,
  created_at INTEGER,
  expires_at INTEGER,
  used_at    INTEGER,
  PRIMARY KEY (county, hash)
) STRICT;

CREATE TABLE settings (
  county INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  value  TEXT,
  PRIMARY KEY (county, key)
) STRICT;
