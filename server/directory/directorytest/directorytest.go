// Package directorytest gives tests a SQLite file with the directory's tables and nothing else.
package directorytest

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// Tables is the part of server/store's migrations that the directory uses.
const Tables = `
CREATE TABLE org_unit (county INTEGER NOT NULL, code TEXT NOT NULL, name TEXT, level TEXT, parent TEXT, grid_type TEXT,
	valid_from INTEGER, valid_to INTEGER, successor TEXT, PRIMARY KEY (county, code));
CREATE TABLE account (county INTEGER NOT NULL, id TEXT NOT NULL, login TEXT, name TEXT, password TEXT, passwords INTEGER, failed INTEGER,
	locked_until INTEGER, created_at INTEGER, disabled_at INTEGER, PRIMARY KEY (county, id), UNIQUE (county, login));
CREATE TABLE assignment (county INTEGER NOT NULL, id TEXT NOT NULL, account TEXT, role TEXT, scope TEXT, doors TEXT,
	valid_from INTEGER, valid_to INTEGER, created_by TEXT, created_at INTEGER, PRIMARY KEY (county, id));
CREATE TABLE device (county INTEGER NOT NULL, id TEXT NOT NULL, account TEXT, label TEXT, public_key BLOB, console INTEGER,
	enrolled_at INTEGER, revoked_at INTEGER, last_contact INTEGER, last_offset_ms INTEGER, app TEXT, schema INTEGER,
	waiting INTEGER, oldest INTEGER, free_bytes INTEGER, snapshots INTEGER, erased_at INTEGER, parent TEXT NOT NULL DEFAULT '',
	reached_epoch INTEGER NOT NULL DEFAULT 0, reached INTEGER NOT NULL DEFAULT 0, checked INTEGER NOT NULL DEFAULT 0, repaired INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (county, id));
CREATE TABLE device_told (county INTEGER NOT NULL, device TEXT NOT NULL, view TEXT, shown TEXT, lost TEXT, retired INTEGER, PRIMARY KEY (county, device));
CREATE TABLE audit (county INTEGER NOT NULL, i INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, device TEXT NOT NULL,
	what TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (county, i));
CREATE TABLE enrolment_code (county INTEGER NOT NULL, hash BLOB NOT NULL, account TEXT, created_by TEXT, created_at INTEGER,
	expires_at INTEGER, used_at INTEGER, device TEXT, PRIMARY KEY (county, hash));
CREATE TABLE login_place (county INTEGER NOT NULL, account TEXT NOT NULL, place TEXT NOT NULL, failed INTEGER NOT NULL, locked_until INTEGER NOT NULL,
	last INTEGER NOT NULL, good_at INTEGER NOT NULL, PRIMARY KEY (county, account, place));
CREATE TABLE settings (county INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (county, key));
`

// DB is a directory.DB over its own file.
type DB struct {
	db   *sql.DB
	turn sync.Mutex // one writer
}

// Open makes the file in a temporary folder and closes it with the test.
func Open(t testing.TB) *DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "directory.db")+"?_journal_mode=WAL&_synchronous=OFF&_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(Tables); err != nil {
		t.Fatal(err)
	}
	return &DB{db: db}
}

// Reader gives the pool.
func (d *DB) Reader() *sql.DB { return d.db }

// WithNotes is WithTx.
func (d *DB) WithNotes(ctx context.Context, fn func(*sql.Tx) error) error { return d.WithTx(ctx, fn) }

// WithTx runs fn in a transaction.
func (d *DB) WithTx(ctx context.Context, fn func(*sql.Tx) error) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
