-- Failed tries to sign in, by account and the place they came from: a wrong password locks the login for its place and
-- for nobody else. Times are milliseconds since 1970 UTC; 0 means "not".

-- +goose Up

CREATE TABLE login_place (
  county       INTEGER NOT NULL,
  account      TEXT    NOT NULL,
  place        TEXT    NOT NULL,  -- an IPv4 address, or the /64 of an IPv6 one
  failed       INTEGER NOT NULL,  -- since the last success from there
  locked_until INTEGER NOT NULL,
  last         INTEGER NOT NULL,  -- heard of
  good_at      INTEGER NOT NULL,  -- last sign-in from there
  PRIMARY KEY (county, account, place)
) STRICT, WITHOUT ROWID;
