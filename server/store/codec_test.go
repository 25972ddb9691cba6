package store

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// fill gives every field that can be reached from v a value of its own, so that a field which somebody adds to a type
// and forgets in the codec fails TestCodecForgetsNoField.
func fill(v reflect.Value, next *int64, value func() schema.Value) {
	*next++
	switch {
	case v.Type() == reflect.TypeOf(schema.Value{}):
		v.Set(reflect.ValueOf(value()))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next, value)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), next, value)
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next, value)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next, value)
		}
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("t", *next))
	case v.CanInt():
		v.SetInt(*next % 100)
	case v.CanUint():
		v.SetUint(uint64(*next % 100))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		panic("bug: fill a " + v.Type().String())
	}
}

func filled[T any](start int64) *T {
	out := new(T)
	n := start
	fill(reflect.ValueOf(out).Elem(), &n, func() schema.Value { return schema.Int(n) })
	return out
}

// layoutsOf gives a look-up of one layout, number 1, of n cells.
func layoutsOf(n int) func(int64) *layout {
	l := &layout{id: 1, width: n}
	for i := range n {
		l.stored = append(l.stored, storedCell{name: fmt.Sprint(i), to: i})
	}
	return func(id int64) *layout {
		if id != 1 {
			return nil
		}
		return l
	}
}

func TestCodecForgetsNoField(t *testing.T) {
	for start := range int64(3) {
		cs, outcomes := filled[syncengine.Changeset](start), *filled[[]syncengine.WriteOutcome](start)
		gotCS, gotOutcomes, err := decodeChangeset(encodeChangeset(cs, outcomes))
		require.NoError(t, err)
		require.Equal(t, cs, gotCS)
		require.Equal(t, outcomes, gotOutcomes)

		candidates := *filled[[]syncengine.Candidate](start)
		gotCandidates, err := decodeCandidates(encodeCandidates(candidates))
		require.NoError(t, err)
		require.Equal(t, candidates, gotCandidates)

		v := filled[syncengine.Verdict](start)
		got := &syncengine.Verdict{N: v.N, Hash: v.Hash, Kind: v.Kind, Epoch: v.Epoch, Seq: v.Seq} // these are columns
		require.NoError(t, decodeVerdict(encodeVerdict(v), got))
		require.Equal(t, v, got)

		dead := filled[syncengine.Dead](start)
		dead.Row.Table, dead.Row.ID = dead.Table, dead.ID
		gotDead := &syncengine.Dead{Table: dead.Table, ID: dead.ID, Seq: dead.Seq, Epoch: dead.Epoch, Into: dead.Into}
		require.NoError(t, decodeDead(encodeDead(dead, 1), gotDead, layoutsOf(len(dead.Row.Cells))))
		require.Equal(t, dead, gotDead)
	}
}

var genValue = rapid.Custom(func(t *rapid.T) schema.Value {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return schema.Null()
	case 1:
		return schema.Int(rapid.Int64().Draw(t, "int"))
	case 2:
		return schema.Real(rapid.Float64().Draw(t, "real"))
	case 3:
		return schema.Blob(rapid.SliceOf(rapid.Byte()).Draw(t, "blob"))
	case 4:
		return schema.Text("01890000-0000-7000-8000-00000000000" + rapid.StringMatching("[0-9a-gA]").Draw(t, "id"))
	}
	return schema.Text(rapid.String().Draw(t, "text"))
})

func genWrite(t *rapid.T) syncengine.Write {
	w := syncengine.Write{
		Device: rapid.SampledFrom([]string{"", "a", "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-00000000000A"}).Draw(t, "device"),
		N:      rapid.Int64().Draw(t, "n"), Author: rapid.String().Draw(t, "author"), Seq: rapid.Int64Range(0, 3).Draw(t, "seq"),
		Epoch: rapid.Int64().Draw(t, "epoch"), At: rapid.Int64().Draw(t, "at"), Suspect: rapid.Bool().Draw(t, "suspect"),
		From: rapid.Int64Range(0, 3).Draw(t, "from"), To: rapid.Int64Range(0, 1).Draw(t, "to"),
	}
	w.Row = syncengine.RowID(rapid.SampledFrom([]string{"", "01890000-0000-7000-8000-000000000003"}).Draw(t, "row"))
	if rapid.Bool().Draw(t, "values") {
		w.Values = rapid.SliceOfN(genValue, 0, 3).Draw(t, "vs")
	}
	return w
}

// TestCodecRoundTrip: whatever cells a row has, they come back; nil stays nil.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := make([]syncengine.Cell, rapid.IntRange(0, 6).Draw(t, "cells"))
		for i := range cells {
			c := &cells[i]
			c.Shown = rapid.Int64Range(0, 3).Draw(t, "shown")
			if n := rapid.IntRange(0, 3).Draw(t, "survivors"); n > 0 {
				c.Survivors = rapid.SliceOfN(rapid.Custom(genWrite), n-1, n-1).Draw(t, "writes")
			}
			if rapid.IntRange(0, 3).Draw(t, "operation") == 0 {
				c.Sum = genValue.Draw(t, "sum")
				c.Elements = []syncengine.Element{{Value: rapid.String().Draw(t, "element")}, {Tags: []syncengine.Tag{{Device: "a", N: 1, Seq: 2, Epoch: 3}}}}
			}
		}
		inserted := rapid.Int64().Draw(t, "inserted")
		got, back, err := decodeCells(encodeCells(1, inserted, cells), layoutsOf(len(cells)))
		require.NoError(t, err)
		require.Equal(t, inserted, got)
		require.Equal(t, cells, back)
	})
}

func TestCodecManyNames(t *testing.T) { // more than the tables of names and writes hold
	c := &syncengine.Changeset{}
	cells := make([]syncengine.Cell, 1)
	for i := range 3 * maxSymbols {
		name := fmt.Sprint("name", i%(2*maxSymbols))
		c.Changes = append(c.Changes, syncengine.Change{Table: name, Cells: []syncengine.CellWrite{{Cell: name + "c"}}})
		cells[0].Survivors = append(cells[0].Survivors, syncengine.Write{Device: name, N: int64(i)})
	}
	got, _, err := decodeChangeset(encodeChangeset(c, nil))
	require.NoError(t, err)
	require.Equal(t, c, got)
	_, back, err := decodeCells(encodeCells(1, 0, cells), layoutsOf(1))
	require.NoError(t, err)
	require.Equal(t, cells, back)
}

// TestCodecSize keeps an eye on what a row of the field costs: 15 cells written by one changeset.
func TestCodecSize(t *testing.T) {
	cells := make([]syncengine.Cell, 15)
	for i := range cells {
		cells[i] = syncengine.Cell{Shown: 100_000, Survivors: []syncengine.Write{{
			Device: "01890000-0000-7000-8000-000000000001", N: 4000, Author: "01890000-0000-7000-8000-000000000002", Seq: 100_000, Epoch: 1,
			Base: syncengine.Base{Epoch: 1, Seq: 99_000}, At: 1_795_000_000_000, Values: []schema.Value{schema.Int(1)}, From: 100_000,
		}}}
	}
	b := encodeCells(1, 100_000, cells)
	t.Logf("%d bytes", len(b))
	require.Less(t, len(b), 15*5+70)
}

func TestCodecRefusesDamage(t *testing.T) {
	b := encodeChangeset(filled[syncengine.Changeset](1), nil)
	for i := range b {
		_, _, err := decodeChangeset(b[:i])
		require.Error(t, err, "cut at %d of %d", i, len(b))
	}
	_, _, err := decodeChangeset(append(b, 0))
	require.Error(t, err, "something behind the end")
	b[0] = formatConflict
	_, _, err = decodeChangeset(b)
	require.ErrorContains(t, err, "format")
}

// FuzzCodec: no bytes make the decoders panic or ask for more memory than they have bytes; what they accept they
// write and read again as the same.
func FuzzCodec(f *testing.F) {
	cs := filled[syncengine.Changeset](1)
	dead := filled[syncengine.Dead](1)
	f.Add(encodeChangeset(cs, nil))
	f.Add(encodeCandidates(*filled[[]syncengine.Candidate](1)))
	f.Add(encodeVerdict(filled[syncengine.Verdict](1)))
	f.Add(encodeDead(dead, 1))
	f.Add(encodeCells(1, 5, dead.Row.Cells))
	f.Add([]byte(strings.Repeat("\xff", 40)))
	f.Add([]byte("\x21\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) // a list longer than memory
	find := layoutsOf(2)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, out, err := decodeChangeset(b); err == nil {
			c2, out2, err := decodeChangeset(encodeChangeset(c, out))
			require.NoError(t, err)
			require.Equal(t, c, c2)
			require.Equal(t, out, out2)
		}
		if c, err := decodeCandidates(b); err == nil {
			c2, err := decodeCandidates(encodeCandidates(c))
			require.NoError(t, err)
			require.Equal(t, c, c2)
		}
		if inserted, cells, err := decodeCells(b, find); err == nil {
			inserted2, cells2, err := decodeCells(encodeCells(1, inserted, cells), find)
			require.NoError(t, err)
			require.Equal(t, inserted, inserted2)
			require.Equal(t, cells, cells2)
		}
		var v, v2 syncengine.Verdict
		if len(b) > 0 && decodeVerdict(b, &v) == nil && (v.Reason != nil || v.Conflicts != nil) {
			require.NoError(t, decodeVerdict(encodeVerdict(&v), &v2))
			require.Equal(t, v, v2)
		}
		var d, d2 syncengine.Dead
		if decodeDead(b, &d, find) == nil {
			require.NoError(t, decodeDead(encodeDead(&d, 1), &d2, find))
			require.Equal(t, d, d2)
		}
	})
}

func TestReal(t *testing.T) { // numbers that SQLite or a varint could lose
	for _, v := range []schema.Value{schema.Real(math.SmallestNonzeroFloat64), schema.Real(math.Inf(1)), schema.Int(math.MinInt64), schema.Real(1 << 53)} {
		e := newEnc(0)
		e.value(v)
		require.Equal(t, v, newDec(e.b, 0).value())
	}
}
