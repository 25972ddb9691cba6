package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// commit makes a commit of the next seq, and undoes it if fn fails.
func commit(t *testing.T, s *Store, fn func(tx syncengine.Tx, seq int64) error) {
	t.Helper()
	err := s.Update(func(tx syncengine.Tx) error {
		h, err := tx.Head()
		if err != nil {
			return err
		}
		h.Seq++
		if err := tx.PutHead(h); err != nil {
			return err
		}
		return fn(tx, h.Seq)
	})
	if !errors.Is(err, errTold) {
		require.NoError(t, err)
	}
}

func changedAfter(t *testing.T, s *Store, after syncengine.Position, limit int) (out []syncengine.Item) {
	t.Helper()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) (err error) { out, err = tx.Changed("g1", after, limit); return err }))
	return out
}

// A feed that has nothing for whoever asks is asked once, and again when something may be in it.
func TestFeedsThatHaveNothingAreNotAsked(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	row := placeRow("01890000-0000-7000-8000-00000000000a", 1)
	commit(t, s, func(tx syncengine.Tx, _ int64) error { return tx.PutRow(row) })
	n := counted(s)
	asked := func(seq int64) int {
		clear(n)
		require.NoError(t, s.Update(func(tx syncengine.Tx) error {
			_, err := tx.Changed(row.Scope, syncengine.Position{Seq: seq}, 9)
			return err
		}))
		return n["all"] - n["BEGIN"] - n["COMMIT"] - n["SELECT FROM county"]
	}
	feeds := feedRows + len(s.schema.Tables)
	require.Equal(t, feeds+1, asked(0), "the keys of all, and bodies of one")
	require.Equal(t, feeds+1, asked(0), "who writes teaches nothing")
	changedAfter(t, s, syncengine.Position{}, 9)
	require.Equal(t, 2, asked(0))
	require.Zero(t, asked(1))
	row.Seq = 2
	commit(t, s, func(tx syncengine.Tx, _ int64) error { return tx.PutRow(row) })
	require.Equal(t, 2, asked(1))
	require.Zero(t, asked(2))
	s.newest = newNewest(len(s.schema.Tables))
	changedAfter(t, s, syncengine.Position{Seq: 1 << 40}, 9) // a place that no county has reached
	require.Zero(t, asked(2))
	commit(t, s, func(tx syncengine.Tx, seq int64) error { row.Seq = seq; return tx.PutRow(row) })
	require.Equal(t, 2, asked(2))
}

// What a transaction took out of a scope, and saw that it is gone, is there again for everybody when it is undone.
func TestUndoneMovesHideNothing(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	const id = "01890000-0000-7000-8000-00000000000a"
	for range 3 {
		commit(t, s, func(tx syncengine.Tx, seq int64) error { return tx.PutRow(placeRow(id, seq)) })
	}
	s.newest = newNewest(len(s.schema.Tables)) // as if opened anew
	commit(t, s, func(tx syncengine.Tx, seq int64) error {
		row := placeRow(id, seq)
		row.Scope = "g2"
		require.NoError(t, tx.PutRow(row))
		items, err := tx.Changed("g1", syncengine.Position{Seq: 1}, 9)
		require.NoError(t, err)
		require.Empty(t, items)
		return errTold
	})
	require.Len(t, changedAfter(t, s, syncengine.Position{Seq: 2}, 9), 1)
}

// Who reads an old state learns that it ends, when a writer has already gone on: he is not believed.
func TestReadersOfAnOldStateHideNothing(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	const id = "01890000-0000-7000-8000-00000000000a"
	for seq := range int64(3) {
		require.NoError(t, s.View(func(old syncengine.ReadTx) error {
			commit(t, s, func(tx syncengine.Tx, seq int64) error { return tx.PutRow(placeRow(id, seq)) })
			items, err := old.Changed("g1", syncengine.Position{Seq: seq}, 9)
			require.Empty(t, items)
			return err
		}))
		require.Len(t, changedAfter(t, s, syncengine.Position{Seq: seq}, 9), 1)
	}
}

// What is known of feeds changes nothing that anybody reads, from wherever and with whatever limit.
func TestKnownFeedsChangeNothing(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s.db"))
	random := rand.New(rand.NewPCG(1, 1))
	var places []syncengine.Position
	found := 0
	for range 400 {
		if random.IntN(4) == 0 { // as if opened anew
			s.newest = newNewest(len(s.schema.Tables))
		}
		commit(t, s, func(tx syncengine.Tx, seq int64) error {
			for range random.IntN(4) {
				id := syncengine.RowID(fmt.Sprintf("01890000-0000-7000-8000-00000000000%x", random.IntN(16)))
				dead, err := tx.Dead("place", id)
				if err != nil {
					return err
				}
				row, err := tx.Row("place", id)
				if err != nil {
					return err
				}
				switch way := random.IntN(4); {
				case dead != nil:
					err = tx.Revive("place", id)
				case way == 0 && row != nil:
					err = tx.Kill(&syncengine.Dead{Table: "place", ID: id, Seq: seq, Row: row})
				case way == 1:
					err = tx.PutMove(syncengine.Move{Table: "place", ID: id, Seq: seq, Scope: "g1", Door: "d"})
				case way == 2 && row != nil && random.IntN(2) == 0:
					err = tx.PutRow(row) // at its old seq
				default:
					row = placeRow(id, seq)
					row.Scope = fmt.Sprint("g", 1+random.IntN(2))
					err = tx.PutRow(row)
				}
				if err != nil {
					return err
				}
			}
			if random.IntN(5) == 0 {
				return errTold
			}
			return nil
		})
		for range 5 {
			at := syncengine.Position{Seq: random.Int64N(400)}
			switch n := len(places); {
			case n > 0 && random.IntN(2) == 0:
				at = places[n-1-random.IntN(min(n, 20))]
			case random.IntN(2) == 0:
				at.Seq = headOf(t, s).Seq - random.Int64N(3)
			}
			limit := 1 + random.IntN(4)
			got := changedAfter(t, s, at, limit)
			known := s.newest
			s.newest = newNewest(len(s.schema.Tables))
			require.Equal(t, changedAfter(t, s, at, limit), got)
			s.newest = known
			for _, it := range got {
				places = append(places, syncengine.Position{Seq: it.Seq, Key: it.Key})
				found++
			}
		}
	}
	require.Greater(t, found, 1_000)
}
