package wire_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// alike are items as a scope has them: of some record types, in any order, cells in the schema's order, where some are
// missing, one says what another says, and some say what does not belong there.
var alike = rapid.Custom(func(t *rapid.T) []se.DeltaItem {
	var (
		ids    = rapid.SliceOfN(uuid, 1, 6).Draw(t, "ids")
		words  = rapid.SliceOfN(text, 1, 4).Draw(t, "words")
		tables = []string{"household", "visit"}
		cells  = []string{"scope", "phone", "place", "at", "odd", "none"}
		seq    = number.Draw(t, "seq") / 2
		out    []se.DeltaItem
	)
	one := func(cell string) schema.Value {
		if rapid.IntRange(0, 20).Draw(t, "unexpected") == 0 {
			return value.Draw(t, "value")
		}
		switch cell {
		case "scope":
			return schema.Text(rapid.SampledFrom(ids).Draw(t, "id"))
		case "phone":
			return schema.Text(rapid.SampledFrom(words).Draw(t, "word"))
		case "place":
			return schema.Real(rapid.Float64Range(117, 118).Draw(t, "real"))
		case "at":
			return schema.Int(1_790_000_000_000 + rapid.Int64Range(0, 1<<32).Draw(t, "at"))
		}
		return value.Draw(t, "odd")
	}
	for range rapid.IntRange(0, 40).Draw(t, "n") {
		seq += rapid.Int64Range(0, 3).Draw(t, "step")
		it := se.DeltaItem{Seq: seq, Kind: se.DeltaRow, Table: pick(tables...).Draw(t, "table"), Row: se.RowID(uuid.Draw(t, "row")), Whole: rapid.IntRange(0, 9).Draw(t, "whole") > 0}
		switch rapid.IntRange(0, 15).Draw(t, "other") {
		case 0:
			it.Kind = pick(se.DeltaEvict, se.DeltaDead).Draw(t, "kind")
		case 1:
			it.Row = se.RowID(pick("r1", "R-王", ids[0], "01941F29-7C00-7000-8000-00000000000A").Draw(t, "odd row"))
		}
		order := slices.Clone(cells)
		if rapid.IntRange(0, 15).Draw(t, "disorder") == 0 {
			order = rapid.SliceOfN(pick(cells...), 0, 8).Draw(t, "order")
		}
		for _, cell := range order {
			if rapid.IntRange(0, 4).Draw(t, "lacks") == 0 {
				continue
			}
			c := se.CellValue{Cell: cell}
			width := 1
			switch cell {
			case "place":
				width = 2
			case "none":
				width = rapid.IntRange(0, 1).Draw(t, "width")
			}
			for range width {
				c.Values = append(c.Values, one(cell))
			}
			it.Cells = append(it.Cells, c)
		}
		out = append(out, it)
	}
	return out
})

// Whatever items a chunk may hold, in columns they are the very same, in the same order, as deflated; always with the
// same bytes, and only with the size that the manifest tells.
func TestColumnedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.OneOf(alike, list(deltaItem, 0, 9)).Draw(t, "items")
		if len(items) == 0 {
			items = nil
		}
		packed, size, err := wire.Columned{}.Pack(items)
		require.NoError(t, err)
		back, err := wire.Unpack(se.Columns, packed, size)
		require.NoError(t, err)
		require.Equal(t, items, back)

		again, _, err := wire.Columned{}.Pack(back)
		require.NoError(t, err)
		require.Equal(t, packed, again)
		deflated, n, err := wire.Deflated{}.Pack(items)
		require.NoError(t, err)
		same, err := wire.Unpack(se.Deflate, deflated, n)
		require.NoError(t, err)
		if len(items) > 0 {
			require.Equal(t, same, back)
		}

		told, err := wire.UnpackedSize(se.Columns, packed)
		require.NoError(t, err)
		require.Equal(t, size, told)
		for _, wrong := range []int{size - 1, size + 1, -1, math.MaxInt} {
			_, err = wire.Unpack(se.Columns, packed, wrong)
			require.Error(t, err, wrong)
		}
		for _, cut := range []int{0, len(packed) / 2, len(packed) - 1} {
			_, err = wire.Unpack(se.Columns, packed[:cut], size)
			require.Error(t, err, cut)
		}
		_, err = wire.Unpack("unheard of", packed, size)
		require.Error(t, err)
	})
}

// What neither encoding can carry is refused by both when it is packed.
func TestColumnedRefusesWhatDeflatedRefuses(t *testing.T) {
	for name, it := range map[string]se.DeltaItem{
		"kind":  {Table: "t", Row: "r"},
		"table": {Kind: se.DeltaRow, Table: "\xff", Row: "r"},
		"row":   {Kind: se.DeltaRow, Table: "t", Row: "\xff"},
		"cell":  {Kind: se.DeltaRow, Table: "t", Row: "r", Cells: []se.CellValue{{Cell: "\xff"}}},
	} {
		for _, p := range wire.Packers() {
			_, _, err := p.Pack([]se.DeltaItem{it})
			require.Error(t, err, "%s: %s", p.Encoding(), name)
		}
	}
}

// What a reader would refuse, since it says too much in few bytes, is not packed.
func TestColumnedPacksNoMoreThanIsTaken(t *testing.T) {
	row := func(n int) se.DeltaItem {
		it := se.DeltaItem{Kind: se.DeltaRow, Table: "t", Row: rowNo(n)}
		for i := range 100 {
			it.Cells = append(it.Cells, se.CellValue{Cell: fmt.Sprint("c", i), Values: []schema.Value{schema.Null()}})
		}
		return it
	}
	var items []se.DeltaItem
	for i := range (1 << 18) / 201 {
		items = append(items, row(i))
	}
	packed, size, err := wire.Columned{}.Pack(items)
	require.NoError(t, err)
	back, err := wire.Unpack(se.Columns, packed, size)
	require.NoError(t, err)
	require.Equal(t, items, back)
	for range 2 {
		items = append(items, row(len(items)))
	}
	_, _, err = wire.Columned{}.Pack(items)
	require.Error(t, err)
}
