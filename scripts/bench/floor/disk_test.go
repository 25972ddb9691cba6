package floor

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// firstSync is how many records a grid has in W1.
const firstSync = 20_000

// open opens a database as devices and centre do: a write-ahead log that is flushed at every commit.
func open(t testing.TB, path string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal=WAL&_sync=FULL&_txlock=immediate")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	return db
}

// within runs fn in one transaction.
func within(t testing.TB, db *sql.DB, fn func(*sql.Tx)) {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	require.NoError(t, err)
	fn(tx)
	require.NoError(t, tx.Commit())
}

// writing runs fn with a way to write records, in one transaction.
func writing(t testing.TB, db *sql.DB, fn func(write func(*record.Record) error)) {
	t.Helper()
	within(t, db, func(tx *sql.Tx) {
		upsert, err := tx.Prepare(record.Upsert) //nolint:sqlclosecheck // fn is done with it when it is closed
		require.NoError(t, err)
		defer upsert.Close()
		fn(func(r *record.Record) error {
			_, err := upsert.Exec(r.Values()...)
			return err
		})
	})
}

func count(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT count(*) FROM measured").Scan(&n))
	return n
}

func checkpoint(t testing.TB, db *sql.DB) {
	t.Helper()
	_, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
}

// grid is a database of a whole grid, closed and without a log.
func grid(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "grid.db")
	db := open(t, path, record.Table)
	list := record.Generate(1, firstSync)
	writing(t, db, func(write func(*record.Record) error) {
		for i := range list {
			require.NoError(t, write(&list[i]))
		}
	})
	checkpoint(t, db)
	_, err := db.Exec("PRAGMA journal_mode = DELETE; VACUUM")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return path
}

// flushed writes a file whose bytes and name are on the disk when it returns.
func flushed(t testing.TB, path string, fill func(*os.File)) {
	t.Helper()
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	fill(f)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	require.NoError(t, os.Rename(path+".part", path))
	dir, err := os.Open(filepath.Dir(path))
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, dir.Sync())
}

// files gives the name of another new file each time.
func files(t testing.TB) func() (path string) {
	dir, i := t.TempDir(), 0
	return func() string { i++; return filepath.Join(dir, fmt.Sprint(i, ".db")) }
}

// rate adds how many of something there were a second.
func rate(b *testing.B, each int, unit string) {
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds(), strings.ReplaceAll(unit, " ", "-")+"/s")
}
