package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

var errTold = errors.New("told to fail")

func headOf(t testing.TB, s *Store) (h syncengine.Head) {
	t.Helper()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) { h, err = tx.Head(); return err }))
	return h
}

// TestLostTransaction: SQLite may end a transaction by itself. Nothing that comes after may then be kept on its own,
// and nobody may be told that it was.
func TestLostTransaction(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	put := func(tx syncengine.Tx) error { return tx.PutDevice(&syncengine.Device{ID: "after"}) }
	lose := func(tx syncengine.Tx) { // what SQLITE_FULL and SQLITE_IOERR do
		x := tx.(*tx_)
		require.NoError(t, x.c.exec("ROLLBACK"))
		require.ErrorIs(t, x.check(errTold), ErrLost)
	}
	for name, fn := range map[string]func(tx syncengine.Tx) error{
		"seen by a statement": func(tx syncengine.Tx) error { lose(tx); require.ErrorIs(t, put(tx), ErrLost); return nil },
		"seen by nobody": func(tx syncengine.Tx) error {
			return tx.(*tx_).c.exec("ROLLBACK")
		},
		"inside a savepoint": func(tx syncengine.Tx) error {
			require.ErrorIs(t, tx.Savepoint(func() error { lose(tx); return nil }), ErrLost)
			require.ErrorIs(t, put(tx), ErrLost)
			return nil
		},
		"inside a savepoint that fails": func(tx syncengine.Tx) error {
			require.ErrorIs(t, tx.Savepoint(func() error { lose(tx); return errTold }), ErrLost)
			return nil
		},
	} {
		require.ErrorIs(t, s.Update(func(tx syncengine.Tx) error {
			require.NoError(t, tx.PutHead(syncengine.Head{Epoch: 1, Seq: 5}))
			require.NoError(t, tx.PutDevice(&syncengine.Device{ID: "before"}))
			return fn(tx)
		}), ErrLost, name)
		require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
			for _, id := range []string{"before", "after"} {
				d, err := tx.Device(id)
				require.NoError(t, err)
				require.Nil(t, d, name)
			}
			return nil
		}))
		require.Zero(t, headOf(t, s).Seq, name)
	}
	require.NoError(t, s.Update(put), "the store goes on")
}

type tx_ = tx

// TestDiskFull: a real error that takes the transaction with it, in a file that may not grow.
func TestDiskFull(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	limit := func(pages string) {
		require.NoError(t, withRaw(s.writer, func(c *conn) error {
			_, err := c.one(func(row) error { return nil }, "PRAGMA max_page_count="+pages)
			return err
		}))
	}
	limit("1") // as many as there are
	entry := func(seq int64) syncengine.Entry {
		return syncengine.Entry{Seq: seq, Changeset: &syncengine.Changeset{Boot: string(make([]byte, 100_000))}}
	}
	err := s.Update(func(tx syncengine.Tx) error {
		require.NoError(t, tx.PutDevice(&syncengine.Device{ID: "d"}))
		err := tx.Savepoint(func() error { return tx.AppendHistory(entry(1)) })
		require.Error(t, err)
		return tx.PutHead(syncengine.Head{Epoch: 1, Seq: 5}) // an engine that goes on with the next changeset
	})
	t.Logf("Update after a full disk: %v", err)
	if err != nil {
		require.Zero(t, headOf(t, s).Seq)
	} else {
		require.EqualValues(t, 5, headOf(t, s).Seq)
	}
	limit("1000000")
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.AppendHistory(entry(2)) }))
}

// TestLeftoverTransaction (mattn/go-sqlite3#764): a connection that somebody left inside a transaction must not be
// joined by the next writer.
func TestLeftoverTransaction(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	leave := func() {
		_, err := s.writer.Exec(`BEGIN; INSERT INTO settings (county, key) VALUES (1, 'left')`)
		require.NoError(t, err)
	}
	leave()
	require.NoError(t, s.Update(func(tx syncengine.Tx) error { return tx.PutHead(syncengine.Head{Epoch: 1, Seq: 1}) }))
	leave()
	require.NoError(t, s.WithTx(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (county, key) VALUES (1, 'ours')`)
		return err
	}))
	var keys string
	require.NoError(t, s.Reader().QueryRow(`SELECT group_concat(key) FROM settings WHERE key <> 'declarations'`).Scan(&keys))
	require.Equal(t, "ours", keys)
}

func TestWithTx(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	set := func(key string, end func() error) error {
		return s.WithTx(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO settings (county, key) VALUES (1, $1)`, key)
			return errors.Join(err, end())
		})
	}
	require.ErrorIs(t, set("error", func() error { return errTold }), errTold)
	require.PanicsWithValue(t, "ours", func() { _ = set("panic", func() error { panic("ours") }) })
	failCommit(t, s)
	require.Error(t, set("commit", func() error { return nil }))
	require.NoError(t, set("kept", func() error { return nil }))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.WithTx(ctx, func(*sql.Tx) error { return nil }), context.Canceled)
	var keys string
	require.NoError(t, s.Reader().QueryRow(`SELECT group_concat(key) FROM settings WHERE key <> 'declarations'`).Scan(&keys))
	require.Equal(t, "kept", keys)
}

// TestViewIsASnapshot: a view that began before a commit does not see it, to its end.
func TestViewIsASnapshot(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	row := placeRow("01890000-0000-7000-8000-000000000001", 7)
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
		require.NoError(t, s.Update(func(w syncengine.Tx) error {
			return errors.Join(w.PutRow(row), w.PutHead(syncengine.Head{Epoch: 1, Seq: 7}))
		}))
		h, err1 := tx.Head()
		r, err2 := tx.Row("place", row.ID)
		require.Zero(t, h.Seq)
		require.Nil(t, r)
		return errors.Join(err1, err2)
	}))
	require.EqualValues(t, 7, headOf(t, s).Seq)
}

// TestChangedUsesIndexes: reading a scope's stream must not scan or sort a county.
func TestChangedUsesIndexes(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	tb := s.tables["person"]
	for q, args := range map[string][]any{
		tb.feedKeys: {int64(1), "g", int64(1), "", int64(9)}, tb.feedRows: {int64(1), "g", int64(1), "", int64(9)},
		tb.natural: {int64(1), "g", "n"}, tb.referrers["place_id"]: {int64(1), "p"}, s.tables["event"].idempotent: {int64(1), "s", int64(1)},
		movedQuery: {int64(1), "g", int64(1), "", "", "", int64(9)}, deadQuery: {int64(1), "g", int64(1), "", "", int64(9)},
		movesQuery: {int64(1), "person", "p", int64(1)}, inboxQuery: {int64(1), "d", int64(1), int64(9)},
	} {
		require.NoError(t, withRaw(s.reader, func(c *conn) error {
			return c.query(func(r row) error {
				require.NotContains(t, r.str(3), "SCAN", q)
				switch q {
				case tb.feedKeys, tb.feedRows, movedQuery, deadQuery, movesQuery, inboxQuery:
					require.NotContains(t, r.str(3), "TEMP B-TREE", q)
					require.Contains(t, r.str(3), ">", "it begins at the position") // in an index
				}
				return nil
			}, "EXPLAIN QUERY PLAN "+q, args...)
		}))
	}
}
