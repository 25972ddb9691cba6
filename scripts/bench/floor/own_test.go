package floor

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Of the person whose records are measured in our own schema.
const (
	ownUnit    = "370115003239001"
	ownDevice  = "01941f29-7c00-7000-8000-00000000000a"
	ownAccount = "01941f29-7c00-7000-8000-00000000000b"
)

func ownRecords(seed uint64, n int) []own.Stored {
	return own.Store(record.Generate(seed, n), ownUnit, ownAccount)
}

// replica is a device's file as it is after a first sync of these records, made by the device's own code, closed and without
// a log. Of none it is one that was just enrolled.
func replica(t testing.TB, list []own.Stored) (path string) {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "replica.db")
	r, err := device.Create(path, device.Options{Schema: s, Keys: &device.FileKeeper{Path: path + ".keys"}})
	require.NoError(t, err)
	require.NoError(t, r.Identify(context.Background(), device.Identity{Device: ownDevice, Account: ownAccount, Centre: "https://centre.example"}))
	if len(list) > 0 {
		fill(t, r, s, list)
	}
	require.NoError(t, r.Close())
	db := open(t, path)
	checkpoint(t, db)
	_, err = db.Exec("PRAGMA journal_mode = DELETE; VACUUM")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return path
}

// fill gives a replica records as the centre's snapshot does.
func fill(t testing.TB, r *device.Replica, s *schema.Schema, list []own.Stored) {
	t.Helper()
	const view, frame = "view", 1000
	link := r.Session()
	_, err := link.Greet(&se.Welcome{Epoch: 1, View: view, Reset: true, Grants: []se.Grant{{Scope: ownUnit, Role: "grid_worker"}}, Limits: se.DefaultLimits})
	require.NoError(t, err)
	var start se.Position
	for at := 0; at < len(list); at += frame {
		part := list[at:min(at+frame, len(list))]
		d := &se.Delta{View: view, Reset: true, Scope: ownUnit, Start: start, After: se.Position{Seq: int64(at + len(part))}}
		for i := range part {
			d.Items = append(d.Items, item(t, s, &part[i], int64(at+i+1)))
		}
		start = d.After
		if at+frame >= len(list) {
			d.Done, d.To, d.Scopes = true, se.Base{Epoch: 1, Seq: d.After.Seq}, []se.StagedScope{{Scope: ownUnit, After: d.After}}
		}
		applied, err := link.Stage(d)
		require.NoError(t, err)
		require.Equal(t, d.Done, applied)
	}
}

// item is a record as the centre shows it.
func item(t testing.TB, s *schema.Schema, r *own.Stored, seq int64) se.DeltaItem {
	t.Helper()
	it := se.DeltaItem{Seq: seq, Kind: se.DeltaRow, Table: own.Table, Row: se.RowID(own.Row(&r.Record).String()), Whole: true}
	values := map[string]any{}
	for i, v := range r.All() {
		values[own.AllColumns[i]] = v
	}
	for _, cell := range s.Table(own.Table).Cells {
		c := se.CellValue{Cell: cell.Name}
		for _, col := range cell.Columns {
			v, err := schema.FromAny(values[col.Name])
			require.NoError(t, err)
			c.Values = append(c.Values, v)
		}
		it.Cells = append(it.Cells, c)
	}
	return it
}

// insertOwn is the plain statement that writes a record into the replica's own table.
var insertOwn = "INSERT INTO " + own.Table + "(" + strings.Join(own.AllColumns, ", ") + ") VALUES(?" + strings.Repeat(", ?", len(own.AllColumns)-1) + ")"

// trigger is one of the replica's.
type trigger struct{ name, sql string }

// triggersOf are those that inserting the record type runs.
func triggersOf(t testing.TB, q interface {
	Query(string, ...any) (*sql.Rows, error)
}) (list []trigger) {
	t.Helper()
	rows, err := q.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND sql LIKE '% INSERT ON %'", own.Table)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var x trigger
		require.NoError(t, rows.Scan(&x.name, &x.sql))
		list = append(list, x)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, list)
	return list
}

// quietly runs fn in one transaction in which these triggers are not there: what the centre sends is not captured. They are
// back before anybody else sees the file.
func quietly(t testing.TB, db *sql.DB, fn func(*sql.Tx)) {
	t.Helper()
	within(t, db, func(tx *sql.Tx) {
		list := triggersOf(t, tx)
		for _, x := range list {
			_, err := tx.Exec(`DROP TRIGGER "` + x.name + `"`)
			require.NoError(t, err)
		}
		fn(tx)
		for _, x := range list {
			_, err := tx.Exec(x.sql)
			require.NoError(t, err)
		}
	})
}

// copied copies a closed database.
func copied(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o600))
}

// TestOwnReplica: what the floors write with plain statements is what the device's own code writes.
func TestOwnReplica(t *testing.T) {
	list := ownRecords(1, 300)
	want, plain := open(t, replica(t, list)), open(t, replica(t, nil))
	quietly(t, plain, func(tx *sql.Tx) {
		for i := range list {
			_, err := tx.Exec(insertOwn, list[i].All()...)
			require.NoError(t, err)
		}
	})
	for _, q := range []string{
		"SELECT group_concat(quote(x)) FROM (SELECT json_array(" + strings.Join(own.AllColumns, ", ") + ") x FROM " + own.Table + " ORDER BY id)",
		"SELECT group_concat(sql, '\n') FROM (SELECT sql FROM sqlite_schema ORDER BY type, name)",
	} {
		var a, b string
		require.NoError(t, want.QueryRow(q).Scan(&a))
		require.NoError(t, plain.QueryRow(q).Scan(&b))
		require.Equal(t, a, b)
		require.NotEmpty(t, a)
	}
}
