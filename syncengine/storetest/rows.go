package storetest

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// odd texts: NUL, quotes, no text at all, characters beyond the basic plane (names of people are written with them),
// and combining marks that must not be normalised.
var odd = []string{"", "a\x00b", "\x00", "'\"`\\%_", "𠀀𪚥䶵𫠝㐂", "é", "e\u0301", "🧓🏽", "\u202e", " trailing ", "1e3", "0x10"}

func testOddTexts(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		for i, s := range odd {
			r := person(i, "g-"+s, int64(i+1), s)
			r.Door, r.Author = s, s
			r.Cells[model.Table("person").CellIndex("name")].Survivors[0].Device = s
			require.NoError(t, tx.PutRow(r))
			require.NoError(t, tx.PutDevice(&syncengine.Device{ID: "d" + s}))
		}
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		for i, s := range odd {
			r, err := tx.Row("person", id(i))
			require.NoError(t, err)
			require.Equal(t, s, r.Door)
			require.Equal(t, s, r.Author)
			require.Equal(t, "g-"+s, r.Scope)
			w := r.Cells[model.Table("person").CellIndex("name")].Survivors[0]
			require.Equal(t, schema.Text(s), w.Values[0])
			require.Equal(t, s, w.Device)
			ids, err := tx.ByNaturalKey("person", "g-"+s, []schema.Value{schema.Text(s)})
			require.NoError(t, err)
			require.Equal(t, []syncengine.RowID{id(i)}, ids, "%q", s)
			items, err := tx.Changed("g-"+s, syncengine.Position{}, 9)
			require.NoError(t, err)
			require.Len(t, items, 1, "%q", s)
			d, err := tx.Device("d" + s)
			require.NoError(t, err)
			require.Equal(t, "d"+s, d.ID)
		}
	})
}

func testBigValues(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	r := person(1, "g1", math.MaxInt64, strings.Repeat("网格", 200_000))
	cells := model.Table("person")
	r.Cells[cells.CellIndex("secret")] = syncengine.Cell{Shown: 1, Survivors: []syncengine.Write{
		write(1, schema.Blob([]byte(strings.Repeat("\x00\xff", 1<<20)))),
	}}
	r.Cells[cells.CellIndex("visits")] = syncengine.Cell{Shown: 1, Sum: schema.Int(math.MinInt64)}
	r.Cells[cells.CellIndex("best")] = syncengine.Cell{Shown: 1, Survivors: []syncengine.Write{write(1, schema.Real(math.MaxFloat64))}}
	for i := range 200 { // a cell that 200 people wrote at once
		w := write(int64(i+2), schema.Text("x"))
		w.From, w.N = 0, math.MinInt64+int64(i)
		name := &r.Cells[cells.CellIndex("name")]
		name.Survivors = append(name.Survivors, w)
	}
	update(t, o.Store, func(tx syncengine.Tx) { require.NoError(t, tx.PutRow(r)) })
	view(t, o.Store, func(tx syncengine.ReadTx) {
		got, err := tx.Row("person", id(1))
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(r, got), "the row is not what was put")
	})
}

func testPolicies(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	r := row("person", 1, "g1", 3, nil) // nothing written but the built-in cells
	empty := row("person", 2, "g1", 3, vals{
		"tags": set(), "visits": schema.Int(0), "name": schema.Null(), "friends": schema.Text("not a set"),
		"secret": schema.Blob(nil), "best": schema.Real(math.Inf(-1)), "born": schema.Text("2026-02-29"),
	})
	part := row("place", 3, "g1", 3, vals{"lat": schema.Real(36.6)}) // half of a group is NULL
	all := []*syncengine.Row{r, empty, part}
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, r := range all {
			require.NoError(t, tx.PutRow(r))
		}
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		for _, r := range all {
			got, err := tx.Row(r.Table, r.ID)
			require.NoError(t, err)
			require.Equal(t, r, got)
		}
	})
}

func testUnknownNames(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		bad := person(1, "g1", 1, "n")
		bad.Table = "person; DROP TABLE x"
		require.Error(t, tx.PutRow(bad))
		require.Error(t, tx.Kill(&syncengine.Dead{Table: "nothing", ID: id(1)}))
		short := person(1, "g1", 1, "n")
		short.Cells = short.Cells[1:]
		require.Error(t, tx.PutRow(short), "a row must have every cell")
		_, err := tx.Row("nothing", id(1))
		require.Error(t, err)
		_, err = tx.Referrers("person", "name", id(1))
		require.Error(t, err, "not a reference")
		_, err = tx.ByNaturalKey("place", "g1", []schema.Value{schema.Text("s")})
		require.Error(t, err, "half a key")
		_, err = tx.ByIdempotencyKey("event", nil)
		require.Error(t, err, "half a key")
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		r, err := tx.Row("person", id(1))
		require.NoError(t, err)
		require.Nil(t, r)
	})
}

func testKill(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	r := person(1, "g1", 1, "n")
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(r))
		require.NoError(t, tx.Kill(dead(r, 2)))
		require.NoError(t, tx.Kill(&syncengine.Dead{Table: "person", ID: id(2), Seq: 3, Epoch: 1}), "a row that never was")
		require.Error(t, tx.PutRow(r), "no row returns without Revive")
		left, err := tx.ByNaturalKey("person", "g1", []schema.Value{schema.Text("n")})
		require.NoError(t, err)
		require.Empty(t, left)
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.Error(t, tx.PutRow(r))
		d, err := tx.Dead("person", id(1))
		require.NoError(t, err)
		require.Equal(t, dead(r, 2), d)
		d, err = tx.Dead("person", id(2))
		require.NoError(t, err)
		require.Nil(t, d.Row)
		got, err := tx.Row("person", id(1))
		require.NoError(t, err)
		require.Nil(t, got)
		require.NoError(t, tx.Revive("person", id(1)))
		require.NoError(t, tx.Revive("person", id(99)), "an id that is not dead")
		back := person(1, "g1", 4, "n")
		require.NoError(t, tx.PutRow(back))
		d, err = tx.Dead("person", id(1))
		require.NoError(t, err)
		require.Nil(t, d)
		items, err := tx.Changed("g1", syncengine.Position{}, 9)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, back, items[0].Row)
	})
}

// testExpect: whatever is named beforehand, living, dead, unborn or meaningless, is answered as if it had not been.
func testExpect(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(person(1, "g1", 1, "a")))
		require.NoError(t, tx.PutRow(person(2, "g1", 1, "b")))
		require.NoError(t, tx.Kill(dead(place(3, "g1", 1, "长街", 3), 2)))
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutRow(person(2, "g1", 3, "put before")))
		require.NoError(t, tx.Kill(dead(person(1, "g1", 1, "a"), 3)))
		var keys []syncengine.RowKey
		for n := range 5 {
			keys = append(keys, expected("person", n+1)...)
			keys = append(keys, expected("place", n+1)...)
		}
		require.NoError(t, tx.Expect(keys))
		require.NoError(t, tx.Expect(nil))
		r, err := tx.Row("person", id(2))
		require.NoError(t, err)
		require.Equal(t, person(2, "g1", 3, "put before"), r)
		for _, k := range []syncengine.RowKey{{Table: "person", Row: id(1)}, {Table: "place", Row: id(3)}} {
			r, err = tx.Row(k.Table, k.Row)
			require.NoError(t, err)
			require.Nil(t, r)
			d, err := tx.Dead(k.Table, k.Row)
			require.NoError(t, err)
			require.NotNil(t, d)
			fresh := place(3, "g1", 4, "短街", 4)
			if k.Table == "person" {
				fresh = person(1, "g1", 4, "again")
			}
			require.Error(t, tx.PutRow(fresh), "a dead id stays dead")
		}
		require.NoError(t, tx.PutRow(person(4, "g1", 4, "new")))
		r, err = tx.Row("person", id(4))
		require.NoError(t, err)
		require.Equal(t, person(4, "g1", 4, "new"), r)
	})
}

// testPeek: what was looked at is that of its moment, whatever is put, killed or undone later.
func testPeek(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) { require.NoError(t, tx.PutRow(person(1, "g1", 1, "a"))) })
	update(t, o.Store, func(tx syncengine.Tx) {
		peek := func() *syncengine.Row {
			r, err := tx.Peek("person", id(1))
			require.NoError(t, err)
			return r
		}
		first := peek()
		require.Equal(t, person(1, "g1", 1, "a"), first)
		own, err := tx.Row("person", id(1))
		require.NoError(t, err)
		own.Scope, own.Cells[0] = "the caller's", syncengine.Cell{}
		require.ErrorIs(t, tx.Savepoint(func() error {
			put := person(1, "g1", 2, "b")
			require.NoError(t, tx.PutRow(put))
			put.Scope = "the caller's"
			second := peek()
			require.Equal(t, person(1, "g1", 2, "b"), second)
			require.NoError(t, tx.Kill(dead(person(1, "g1", 2, "b"), 3)))
			require.Nil(t, peek())
			require.Equal(t, person(1, "g1", 2, "b"), second)
			return errOurs
		}), errOurs)
		require.Equal(t, person(1, "g1", 1, "a"), peek())
		require.Equal(t, person(1, "g1", 1, "a"), first)
		_, err = tx.Peek("nothing", id(1))
		require.Error(t, err)
	})
}
