package stmtjournal

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A savepoint that changes more pages than SQLite would keep by itself makes no file.
func TestJournalsStayInMemory(t *testing.T) {
	require.False(t, refused, "somebody opened a database before the program had started")
	file := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	do := func(query string) {
		t.Helper()
		_, err := db.Exec(query)
		require.NoError(t, err)
	}
	do(`CREATE TABLE x(id INTEGER PRIMARY KEY, text BLOB)`)
	do(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO x SELECT i, zeroblob(1000) FROM n`)
	do(`BEGIN IMMEDIATE`)
	before := opened(t)
	do(`SAVEPOINT a`)
	do(`UPDATE x SET text = zeroblob(1001)`) // 140 pages
	require.ElementsMatch(t, before, opened(t))
	do(`ROLLBACK TO a`)
	do(`COMMIT`)
	var rows int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM x WHERE length(text) = 1000`).Scan(&rows))
	require.Equal(t, 500, rows)
}

// opened are the names of this process's open files.
func opened(t *testing.T) (names []string) {
	t.Helper()
	const dir = "/proc/self/fd"
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		if name, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil { // the listing's own is closed by now
			names = append(names, name)
		}
	}
	require.NotEmpty(t, names)
	return names
}
