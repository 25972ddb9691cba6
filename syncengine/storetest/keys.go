package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func ids(ns ...int) []syncengine.RowID {
	var out []syncengine.RowID
	for _, n := range ns {
		out = append(out, id(n))
	}
	return out
}

func testNaturalKey(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	find := func(tx syncengine.ReadTx, scope, street string, house schema.Value) []syncengine.RowID {
		t.Helper()
		out, err := tx.ByNaturalKey("place", scope, []schema.Value{schema.Text(street), house})
		require.NoError(t, err)
		return out
	}
	put := func(tx syncengine.Tx, r *syncengine.Row) { require.NoError(t, tx.PutRow(r)) }
	one := schema.Int(1)
	update(t, o.Store, func(tx syncengine.Tx) {
		require.Empty(t, find(tx, "g1", "长街", one))
		put(tx, place(3, "g1", 1, "长街", 1))
		put(tx, place(1, "g1", 2, "长街", 1)) // both live until somebody decides
		put(tx, place(2, "g2", 3, "长街", 1)) // another scope
		put(tx, place(4, "g1", 4, "长街", 2))
		put(tx, place(6, "g1", 4, "长街1", 1))
		put(tx, row("place", 5, "g1", 5, vals{"street": schema.Text("长街")})) // house is NULL: no key
		put(tx, row("event", 7, "g1", 5, vals{"source": schema.Text("长街")}))
		require.Equal(t, ids(1, 3), find(tx, "g1", "长街", one), "in order of id")
		require.Equal(t, ids(2), find(tx, "g2", "长街", one))
		require.Empty(t, find(tx, "g1", "长街", schema.Null()))
		require.Empty(t, find(tx, "", "长街", one))
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		put(tx, place(3, "g1", 6, "短街", 1))                              // the key changed
		put(tx, place(2, "g1", 7, "长街", 1))                              // the scope changed
		require.NoError(t, tx.Kill(dead(place(1, "g1", 2, "长街", 1), 8))) // the row died
		require.Equal(t, ids(2), find(tx, "g1", "长街", one))
		require.Equal(t, ids(3), find(tx, "g1", "短街", one))
		require.Empty(t, find(tx, "g2", "长街", one))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, ids(2), find(tx, "g1", "长街", one))
		none, err := tx.ByNaturalKey("event", "g1", nil)
		require.NoError(t, err)
		require.Empty(t, none, "a record type without natural key")
	})
}

func testIdempotencyKey(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	event := func(n int, source string, number schema.Value) *syncengine.Row {
		return row("event", n, "g1", int64(n), vals{"source": schema.Text(source), "number": number})
	}
	find := func(tx syncengine.ReadTx, source string, number schema.Value) syncengine.RowID {
		t.Helper()
		out, err := tx.ByIdempotencyKey("event", []schema.Value{schema.Text(source), number})
		require.NoError(t, err)
		return out
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.Empty(t, find(tx, "12345", schema.Int(1)))
		require.NoError(t, tx.PutRow(event(1, "12345", schema.Int(1))))
		require.NoError(t, tx.PutRow(event(2, "12345", schema.Null())))
		require.NoError(t, tx.PutRow(event(3, "12345", schema.Int(2))))
		require.Equal(t, id(1), find(tx, "12345", schema.Int(1)))
		require.Empty(t, find(tx, "12345", schema.Null()))
		require.Empty(t, find(tx, "1234", schema.Int(51)))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) { require.Equal(t, id(3), find(tx, "12345", schema.Int(2))) })
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(place(9, "g1", 4, "长街", 1)))
		none, err := tx.ByIdempotencyKey("place", nil)
		require.NoError(t, err)
		require.Empty(t, none, "a record type without idempotency key")
		require.NoError(t, tx.Kill(dead(event(3, "12345", schema.Int(2)), 4)))
		require.Empty(t, find(tx, "12345", schema.Int(2)))
		require.NoError(t, tx.PutRow(event(1, "12345", schema.Int(9))))
		require.Empty(t, find(tx, "12345", schema.Int(1)))
		require.Equal(t, id(1), find(tx, "12345", schema.Int(9)))
	})
}

func testReferrers(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	find := func(tx syncengine.ReadTx, column string, n int) []syncengine.RowID {
		t.Helper()
		out, err := tx.Referrers("person", column, id(n))
		require.NoError(t, err)
		return out
	}
	in := func(n, at int, friends ...int) *syncengine.Row {
		var list []string
		for _, f := range friends {
			list = append(list, string(id(f)))
		}
		return row("person", n, "g1", int64(n), vals{"place_id": schema.Text(string(id(at))), "friends": set(list...)})
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, r := range []*syncengine.Row{in(3, 20), in(1, 20, 3, 2), in(2, 21, 3)} {
			require.NoError(t, tx.PutRow(r))
		}
		require.Equal(t, ids(1, 3), find(tx, "place_id", 20))
		require.Equal(t, ids(1, 2), find(tx, "friends", 3))
		require.Empty(t, find(tx, "friends", 20))
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(in(1, 21, 2)))
		require.NoError(t, tx.Kill(dead(in(3, 20), 9)))
		require.Empty(t, find(tx, "place_id", 20))
		require.Equal(t, ids(2), find(tx, "friends", 3))
		require.ErrorIs(t, tx.Savepoint(func() error {
			require.NoError(t, tx.PutRow(in(2, 21)))
			require.Empty(t, find(tx, "friends", 3))
			return errOurs
		}), errOurs)
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, ids(1, 2), find(tx, "place_id", 21))
		require.Equal(t, ids(2), find(tx, "friends", 3))
		require.Equal(t, ids(1), find(tx, "friends", 2))
	})
}
