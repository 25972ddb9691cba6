package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

// TestDurable asks the writer's connection itself: the driver takes NORMAL when it is not told, and kill -9 cannot
// see the difference.
func TestDurable(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "fullfsync": "0"} {
		var got string
		require.NoError(t, s.writer.QueryRow("PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
}

// TestSavepointsStayInMemory: a group of more than 15 pages would put what it may take back into a file in the system's
// folder for temporary ones.
func TestSavepointsStayInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	for range 2 { // as it is made, and as it is opened
		s := openAt(t, path)
		var got int
		require.NoError(t, s.writer.QueryRow("PRAGMA temp_store").Scan(&got))
		require.Equal(t, 2, got)
		s.writer.SetMaxIdleConns(0) // the connection goes, as one does whose transaction could not be taken back
		s.writer.SetMaxIdleConns(1)
		require.NoError(t, s.Update(func(syncengine.Tx) error { return nil }))
		require.NoError(t, s.writer.QueryRow("PRAGMA temp_store").Scan(&got))
		require.Equal(t, 2, got, "another connection")
		require.NoError(t, s.Close())
	}
}

func TestOpenFailsClosed(t *testing.T) {
	for from, to := range map[string]string{
		"_sync=FULL": "_sync=NORMAL", "_sync=FULL&": "", "_journal=WAL": "_journal=DELETE", "_journal=WAL&_sync=FULL": "_sync=OFF",
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		params := strings.Replace(writerParams, from, to, 1)
		require.NotEqual(t, writerParams, params)
		_, err := Open(path, storetest.Schema(), func(o *options) { o.params = params })
		require.ErrorIs(t, err, ErrNotDurable, params)
	}
	_, err := Open(":memory:", storetest.Schema(), func(o *options) { o.params = writerParams + "&mode=memory" })
	require.ErrorIs(t, err, ErrNotDurable)
	_ = os.Remove(":memory:")
}

// TestNewConnectionIsVerified: the pool may open another connection at any time.
func TestNewConnectionIsVerified(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	require.NoError(t, s.Update(func(syncengine.Tx) error { return nil }))
	require.NoError(t, withRaw(s.writer, func(c *conn) error { return c.exec("PRAGMA synchronous=NORMAL") }))
	s.verified = nil // as after a connection was replaced
	require.ErrorIs(t, s.Update(func(syncengine.Tx) error { return nil }), ErrNotDurable)
	require.ErrorIs(t, s.WithTx(context.Background(), func(*sql.Tx) error { return nil }), ErrNotDurable)
}

func TestOpenRefusesANewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := openAt(t, path)
	_, err := s.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Open(path, storetest.Schema())
	require.ErrorIs(t, err, ErrNewer)
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	openAt(t, path)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), suffix)
	}
}

func TestCounties(t *testing.T) { // one file, two counties: nothing crosses
	path := filepath.Join(t.TempDir(), "s.db")
	a, b := openAt(t, path), openAt(t, path, WithCounty(2))
	h := syncengine.Head{Epoch: 3, Seq: 9}
	row := placeRow("01890000-0000-7000-8000-000000000001", 9)
	require.NoError(t, a.Update(func(tx syncengine.Tx) error { return errors.Join(tx.PutHead(h), tx.PutRow(row)) }))
	require.NoError(t, b.View(func(tx syncengine.ReadTx) error {
		got, err1 := tx.Head()
		r, err2 := tx.Row("place", row.ID)
		items, err3 := tx.Changed("g1", syncengine.Position{}, 9)
		require.Equal(t, syncengine.Head{Epoch: 1}, got)
		require.Nil(t, r)
		require.Empty(t, items)
		return errors.Join(err1, err2, err3)
	}))
	require.NoError(t, b.Update(func(tx syncengine.Tx) error { return tx.PutRow(row) }))
}

// placeRow makes a row of storetest's record type "place".
func placeRow(id syncengine.RowID, seq int64) *syncengine.Row {
	t := storetest.Schema().Table("place")
	r := &syncengine.Row{Table: "place", ID: id, Scope: "g1", Inserted: seq, Seq: seq, Cells: make([]syncengine.Cell, len(t.Cells))}
	for i, c := range t.Cells {
		vs := make([]schema.Value, len(c.Columns))
		for j, col := range c.Columns {
			switch col.Type.Kind() {
			case schema.KindInt:
				vs[j] = schema.Int(seq)
			case schema.KindReal:
				vs[j] = schema.Real(36.5)
			case schema.KindText:
				vs[j] = schema.Text("文本")
			}
		}
		r.Cells[i] = syncengine.Cell{Shown: seq, Survivors: []syncengine.Write{{Device: "d", N: seq, Seq: seq, Epoch: 1, From: seq, Values: vs}}}
	}
	return r
}

// TestPeopleCanQuery: the typed columns show what the cells show.
func TestPeopleCanQuery(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutRow(placeRow("01890000-0000-7000-8000-000000000001", 7)) }))
	var street, scope string
	var house int64
	var lat float64
	require.NoError(t, s.Reader().QueryRow(`SELECT street, house, lat, scope FROM rec_place WHERE street = '文本'`).Scan(&street, &house, &lat, &scope))
	require.Equal(t, "文本 7 36.5 g1", strings.Join([]string{street, "7", "36.5", scope}, " "))
	require.EqualValues(t, 7, house)
	_, err := s.Reader().Exec(`DELETE FROM rec_place`)
	require.Error(t, err, "readers cannot write")
}
