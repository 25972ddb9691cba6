package product

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// captured is how many rows a program writes in one transaction.
const captured = 20_000

// BenchmarkCapture is what noting each change costs whoever writes a replica: the same statements, to the same tables, with the
// triggers that note and guard, and without any. The connection is set as the SDK sets its own. A program that does not keep
// in memory what a statement may take back (PRAGMA temp_store) pays more: SQLite writes it to a file, page by page.
func BenchmarkCapture(b *testing.B) {
	for _, what := range []string{"Insert", "Update"} {
		for _, how := range []string{"plain", "captured"} {
			b.Run(what+"/"+how, func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					w := newForeign(b, how == "plain")
					if what == "Update" {
						w.insert()
						w.sealed()
					}
					b.StartTimer()
					if what == "Insert" {
						w.insert()
					} else {
						w.update()
					}
					b.StopTimer()
					w.noted(how == "captured")
					require.NoError(b, w.db.Close())
					b.StartTimer()
				}
			})
		}
	}
}

// TestCapture: what is measured writes its rows, and is noted or not.
func TestCapture(t *testing.T) {
	for _, plain := range []bool{true, false} {
		w := newForeign(t, plain)
		w.insert()
		w.noted(!plain)
		w.sealed()
		w.update()
		w.noted(!plain)
		var rows int
		require.NoError(t, w.db.QueryRow(`SELECT count(*) FROM hazard WHERE status = 'closed' AND description = 'd'`).Scan(&rows))
		require.Equal(t, captured, rows)
	}
}

// foreign is a program that is not ours and writes a replica.
type foreign struct {
	t    testing.TB
	db   *sql.DB
	list []record.Record
}

func newForeign(t testing.TB, plain bool) *foreign {
	t.Helper()
	file := filepath.Join(t.TempDir(), "replica.db")
	r, err := device.Create(file, device.Options{App: "bench"})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	db, err := sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL&_synchronous=FULL&_cache_size=-8000")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec("PRAGMA temp_store = MEMORY")
	require.NoError(t, err)
	w := &foreign{t, db, record.Generate(1, captured)}
	if plain {
		for _, name := range w.triggers() {
			w.do(`DROP TRIGGER "` + name + `"`)
		}
	}
	return w
}

func (w *foreign) triggers() (names []string) {
	w.t.Helper()
	rows, err := w.db.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger'`)
	require.NoError(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(w.t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(w.t, rows.Err())
	require.NotEmpty(w.t, names)
	return names
}

func (w *foreign) do(query string) {
	w.t.Helper()
	_, err := w.db.Exec(query)
	require.NoError(w.t, err)
}

// insert enters all records as hazards.
func (w *foreign) insert() {
	var columns []string
	for name := range hazard(&w.list[0], "") {
		columns = append(columns, name)
	}
	w.each(`INSERT INTO hazard(id, `+strings.Join(columns, ", ")+`) VALUES(?`+strings.Repeat(", ?", len(columns))+`)`, func(i int) []any {
		values, args := hazard(&w.list[i], crowd.Grid(0)), []any{w.row(i)}
		for _, name := range columns {
			v := values[name]
			if set, ok := v.([]string); ok {
				v = `["` + set[0] + `"]`
			}
			args = append(args, v)
		}
		return args
	})
}

// update changes two columns of each.
func (w *foreign) update() {
	w.each(`UPDATE hazard SET status = 'closed', description = 'd' WHERE id = ?`, func(i int) []any { return []any{w.row(i)} })
}

func (w *foreign) row(i int) string {
	return string(se.RowID(fmt.Sprintf("00000000-0000-7000-8000-%012d", i)))
}

// each runs a prepared statement for every record, in one transaction.
func (w *foreign) each(query string, args func(i int) []any) {
	w.t.Helper()
	tx, err := w.db.Begin()
	require.NoError(w.t, err)
	defer tx.Rollback()
	s, err := tx.Prepare(query)
	require.NoError(w.t, err)
	defer s.Close()
	for i := range captured {
		_, err := s.Exec(args(i)...)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, tx.Commit())
}

// sealed has the notes taken, as the engine does.
func (w *foreign) sealed() { w.do(`DELETE FROM ds_capture`) }

// noted wants every row to be noted, or none.
func (w *foreign) noted(so bool) {
	w.t.Helper()
	var rows int
	require.NoError(w.t, w.db.QueryRow(`SELECT count(DISTINCT id) FROM ds_capture`).Scan(&rows))
	if so {
		rows -= captured
	}
	require.Zero(w.t, rows)
}
