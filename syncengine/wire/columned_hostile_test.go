package wire

import (
	"bytes"
	"encoding/hex"
	"math"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// packColumns compresses a message as a centre would that sends anything.
func packColumns(t testing.TB, p *DeltaColumns) ([]byte, int) {
	plain, err := proto.Marshal(p)
	require.NoError(t, err)
	packed, err := compress(plain)
	require.NoError(t, err)
	return packed, len(plain)
}

func ints(list ...int64) []byte { return appendNumbers(nil, list) }

func fives(n int) []byte { return bytes.Repeat([]byte{5}, n) }

// zeros are n numbers of 0 in n bytes and one.
func zeros(n int) []byte { return make([]byte, n+1) }

// honest is a group of two rows with a cell of two columns: what each hostile one differs from.
func honest() *DeltaColumns {
	return &DeltaColumns{
		Ids:   &ColumnIds{Tails: append(fives(16), fives(16)...)},
		Order: ints(0, 2),
		Groups: []*ColumnGroup{{
			Table: "t", Kind: DeltaKind_DELTA_KIND_ROW, Seqs: ints(3, 4), Rows: &ColumnTexts{Refs: ints(0, 1)},
			Cells: []*ColumnCell{{Cell: "c", Columns: []*Column{
				{Kind: 3, Texts: &ColumnTexts{Sizes: ints(1), Run: []byte("x")}, Picks: ints(0, 0)},
				{Kinds: []byte{1, 2}, Ints: ints(7), Reals: []byte{0x3f, 0xf0, 0, 0, 0, 0, 0, 0}},
			}}},
		}},
	}
}

// Columns that do not fit together are refused, each for one thing that is wrong with it.
func TestColumnsThatDoNotFit(t *testing.T) {
	read := func(p *DeltaColumns) ([]se.DeltaItem, error) {
		packed, size := packColumns(t, p)
		return Unpack(se.Columns, packed, size)
	}
	items, err := read(honest())
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, se.RowID("05050505-0505-0505-0505-050505050505"), items[1].Row)
	require.Equal(t, 1.0, items[1].Cells[0].Values[1].Float64())

	group := func(p *DeltaColumns) *ColumnGroup { return p.Groups[0] }
	column := func(p *DeltaColumns, j int) *Column { return p.Groups[0].Cells[0].Columns[j] }
	for name, spoil := range map[string]func(*DeltaColumns){
		"a group that is not there":           func(p *DeltaColumns) { p.Order = ints(1, 2) },
		"a group below 0":                     func(p *DeltaColumns) { p.Order = ints(-1, 2) },
		"a run of no items":                   func(p *DeltaColumns) { p.Order = ints(0, 0, 0, 2) },
		"a run of less than none":             func(p *DeltaColumns) { p.Order = ints(0, -1, 0, 3) },
		"a run of more items than there are":  func(p *DeltaColumns) { p.Order = ints(0, 3) },
		"a run of all that can be counted":    func(p *DeltaColumns) { p.Order = ints(0, math.MaxInt64) },
		"runs that come round":                func(p *DeltaColumns) { p.Order = ints(0, math.MaxInt64, 0, math.MaxInt64, 0, 4) },
		"a run of unknown length":             func(p *DeltaColumns) { p.Order = ints(0) },
		"less items than there are":           func(p *DeltaColumns) { p.Order = ints(0, 1) },
		"numbers in a third way":              func(p *DeltaColumns) { p.Order = []byte{2, 0, 4} },
		"numbers of which there are none":     func(p *DeltaColumns) { p.Order = []byte{0} },
		"a number without an end":             func(p *DeltaColumns) { p.Order = []byte{0, 0, 0x84} },
		"a number of too many bytes":          func(p *DeltaColumns) { p.Order = append([]byte{0, 0}, append(bytes.Repeat([]byte{0xff}, 10), 4)...) },
		"no kind":                             func(p *DeltaColumns) { group(p).Kind = 0 },
		"a kind that is not known":            func(p *DeltaColumns) { group(p).Kind = 4 },
		"no table":                            func(p *DeltaColumns) { group(p).Table = "" },
		"a seq below 0":                       func(p *DeltaColumns) { group(p).Seqs = ints(3, -4) },
		"more seqs than items":                func(p *DeltaColumns) { group(p).Seqs = ints(3, 4, 5) },
		"one seq":                             func(p *DeltaColumns) { group(p).Seqs = ints(1 << 40) },
		"no rows":                             func(p *DeltaColumns) { group(p).Rows = nil },
		"an id that is not there":             func(p *DeltaColumns) { group(p).Rows.Refs = ints(0, 2) },
		"an id below 0":                       func(p *DeltaColumns) { group(p).Rows.Refs = ints(0, -1) },
		"more ids than items":                 func(p *DeltaColumns) { group(p).Rows.Refs = ints(0, 1, 1) },
		"less ids than items":                 func(p *DeltaColumns) { group(p).Rows.Refs = ints(300) },
		"ids both ways":                       func(p *DeltaColumns) { group(p).Rows.Sizes = ints(0, 0) },
		"ids and a run":                       func(p *DeltaColumns) { group(p).Rows.Run = []byte("x") },
		"an empty id":                         func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(1, 0), Run: []byte("x")} },
		"an id that is not UTF-8":             func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(1, 1), Run: []byte("x\xff")} },
		"an id that is too long":              func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(1, 300), Run: fives(301)} },
		"a text beyond the run":               func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(1, 2), Run: []byte("xy")} },
		"a text of less than nothing":         func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(3, -1), Run: []byte("xy")} },
		"a run that is left over":             func(p *DeltaColumns) { group(p).Rows = &ColumnTexts{Sizes: ints(1, 1), Run: []byte("xyz")} },
		"half an id":                          func(p *DeltaColumns) { p.Ids.Tails = p.Ids.Tails[:24] },
		"heads that are not as many":          func(p *DeltaColumns) { p.Ids = &ColumnIds{Tails: fives(20), Heads: ints(1, 2, 3)} },
		"a head that is missing":              func(p *DeltaColumns) { p.Ids = &ColumnIds{Tails: fives(20), Heads: ints(1)} },
		"a head of more than 6 bytes":         func(p *DeltaColumns) { p.Ids = &ColumnIds{Tails: fives(20), Heads: ints(1, 1<<48)} },
		"a head below 0":                      func(p *DeltaColumns) { p.Ids = &ColumnIds{Tails: fives(20), Heads: ints(1, -1)} },
		"no cell":                             func(p *DeltaColumns) { group(p).Cells[0].Cell = "" },
		"present of more items":               func(p *DeltaColumns) { group(p).Cells[0].Present = []byte{1, 1, 0} },
		"present of one item":                 func(p *DeltaColumns) { group(p).Cells[0].Present = []byte{1} },
		"present of a kind that is not known": func(p *DeltaColumns) { group(p).Cells[0].Present = []byte{1, 2} },
		"a cell that one has, and two values": func(p *DeltaColumns) { group(p).Cells[0].Present = []byte{1, 0} },
		"a cell without columns":              func(p *DeltaColumns) { group(p).Cells[0].Columns = nil },
		"a kind of value that is not known":   func(p *DeltaColumns) { column(p, 0).Kind = 5 },
		"a kind beyond a byte":                func(p *DeltaColumns) { column(p, 0).Kind = 256 + 3 },
		"no kind of value":                    func(p *DeltaColumns) { column(p, 0).Kind = 0 },
		"a kind and kinds":                    func(p *DeltaColumns) { column(p, 0).Kinds = []byte{3, 3} },
		"one kind for two":                    func(p *DeltaColumns) { column(p, 1).Kinds = []byte{1} },
		"another kind than there are values":  func(p *DeltaColumns) { column(p, 1).Kinds = []byte{1, 1} },
		"kinds that are not known":            func(p *DeltaColumns) { column(p, 1).Kinds = []byte{1, 5} },
		"two numbers for one":                 func(p *DeltaColumns) { column(p, 1).Ints = ints(7, 7) },
		"half a real":                         func(p *DeltaColumns) { column(p, 1).Reals = fives(4) },
		"no number":                           func(p *DeltaColumns) { column(p, 1).Reals = []byte{0x7f, 0xf8, 0, 0, 0, 0, 0, 1} },
		"bytes of which nobody speaks":        func(p *DeltaColumns) { column(p, 1).Blobs = []byte("x") },
		"sizes of which nobody speaks":        func(p *DeltaColumns) { column(p, 1).Sizes = ints(0) },
		"bytes beyond their end": func(p *DeltaColumns) {
			column(p, 1).Kinds, column(p, 1).Sizes, column(p, 1).Reals = []byte{1, 4}, ints(9), nil
		},
		"a pick that is not there":            func(p *DeltaColumns) { column(p, 0).Picks = ints(0, 1) },
		"more picks than values":              func(p *DeltaColumns) { column(p, 0).Picks = ints(0, 0, 0) },
		"picks of nothing":                    func(p *DeltaColumns) { column(p, 0).Texts = nil },
		"more different texts than there are": func(p *DeltaColumns) { column(p, 0).Texts = &ColumnTexts{Sizes: ints(0, 0, 0)} },
		"texts of which nobody speaks":        func(p *DeltaColumns) { column(p, 1).Texts = &ColumnTexts{Sizes: ints(0)} },
		"picks of which nobody speaks":        func(p *DeltaColumns) { column(p, 1).Picks = ints(0) },
	} {
		p := honest()
		spoil(p)
		_, err := read(p)
		require.ErrorIs(t, err, errUnpack, name)
	}
}

// Few bytes that say much cost a reader little: whatever is told of sizes and counts, memory follows what there is.
func TestColumnedBombs(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	desert := w.EncodeAll(make([]byte, 64<<20), nil)
	type bomb struct {
		packed []byte
		size   int
	}
	bombs := map[string]bomb{
		"more than it tells":       {desert, 1 << 10},
		"more than zstd can hold":  {desert[:20], 1 << 30},
		"20 MiB in some bytes":     {append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0x00, 0x00, 0x40, 0x01}, fives(40)...), 20 << 20},
		"a window beyond the ages": {append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x40, 0xff, 0x00, 0x00}, fives(40)...), 256},
		"no stream at all":         {[]byte("no zstd stream at all"), 30},
		"no content size":          {[]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00}, 0},
		"a skippable frame":        {append([]byte{0x50, 0x2a, 0x4d, 0x18, 8, 0, 0, 0}, fives(8)...), 0},
	}
	add := func(name string, p *DeltaColumns) {
		packed, size := packColumns(t, p)
		bombs[name] = bomb{packed, size}
	}
	p := honest()
	p.Order = ints(0, maxParts+1)
	add("items of which there are two", p)
	p = honest()
	for range 1000 {
		p.Groups[0].Cells = append(p.Groups[0].Cells, &ColumnCell{Cell: "c", Columns: []*Column{{}}})
	}
	add("cells of which there are no values", p)
	p = honest()
	for range maxColumnParts {
		p.Groups[0].Cells = append(p.Groups[0].Cells, &ColumnCell{})
	}
	add("columns without end", p)
	p = honest()
	for range 1 << 14 {
		p.Groups = append(p.Groups, &ColumnGroup{})
	}
	add("groups of nothing", p)
	p = honest()
	p.Groups[0].Cells[0].Columns[0].Picks = zeros(1 << 20)
	add("picks of which there are two", p)
	for name, b := range bombs {
		took := allocated(func() {
			_, err := Unpack(se.Columns, b.packed, b.size)
			require.ErrorIs(t, err, errUnpack, name)
		})
		require.Less(t, took, 16<<20, name)
		t.Logf("%-36s %8d bytes packed, %10d told: %8d bytes of memory", name, len(b.packed), b.size, took)
	}
	// Items that are really there, each as small as it can be: as much as a chunk can take of memory.
	most := honest()
	n := maxParts
	most.Groups[0].Cells, most.Groups[0].Seqs, most.Groups[0].Rows.Refs, most.Order = nil, zeros(n), zeros(n), ints(0, int64(n))
	packed, size := packColumns(t, most)
	took := allocated(func() {
		items, err := Unpack(se.Columns, packed, size)
		require.NoError(t, err)
		require.Len(t, items, n)
	})
	t.Logf("%d items in %d bytes: %d bytes of memory", n, len(packed), took)
	require.Less(t, took, 48<<20)
}

// What costs a reader more parts than there may be is refused before it is taken, wherever they are.
func TestColumnsOfTooManyParts(t *testing.T) {
	rows := func(n int) *DeltaColumns {
		p := honest()
		p.Order, p.Groups[0].Seqs, p.Groups[0].Rows.Refs, p.Groups[0].Cells = ints(0, int64(n)), zeros(n), zeros(n), nil
		return p
	}
	nulls := func(n int) *Column { return &Column{Kinds: make([]byte, n)} }
	read := func(p *DeltaColumns) error {
		packed, size := packColumns(t, p)
		_, err := Unpack(se.Columns, packed, size)
		return err
	}
	require.NoError(t, read(rows(maxParts)))
	require.ErrorIs(t, read(rows(maxParts+1)), errUnpack)

	cells := func(n int, present []byte) *DeltaColumns {
		p := rows(1000)
		for range n {
			p.Groups[0].Cells = append(p.Groups[0].Cells, &ColumnCell{Cell: "c", Present: present})
		}
		return p
	}
	all := bytes.Repeat([]byte{1}, 1000)
	require.NoError(t, read(cells(261, all)))
	require.ErrorContains(t, read(cells(262, all)), "cells are more than there may be")

	values := func(n int) *DeltaColumns {
		p := rows(1000)
		c := &ColumnCell{Cell: "c"}
		for range n {
			c.Columns = append(c.Columns, nulls(1000))
		}
		p.Groups[0].Cells = []*ColumnCell{c}
		return p
	}
	require.NoError(t, read(values(260)))
	require.ErrorContains(t, read(values(261)), "columns have more values than there may be")

	p := rows(100_000) // as many cells for each as there are messages: no loop goes through them
	for range maxColumnParts/2 - 10 {
		p.Groups[0].Cells = append(p.Groups[0].Cells, &ColumnCell{Columns: []*Column{{}}})
	}
	require.ErrorContains(t, read(p), "cells[1] is one too many")
}

// allocated is how many bytes a run takes of memory, once what is kept for the next is there.
func allocated(run func()) int {
	const runs = 4
	var before, after runtime.MemStats
	run()
	runtime.ReadMemStats(&before)
	for range runs {
		run()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / runs
}

func TestUUIDs(t *testing.T) {
	for _, s := range []string{"01941f29-7c00-7000-8000-00000000000a", "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000"} {
		u, ok := parseUUID(s)
		require.True(t, ok)
		require.Equal(t, s, string(appendUUID(nil, u)))
		b, err := hex.DecodeString(s[:8])
		require.NoError(t, err)
		require.Equal(t, b, u[:4])
	}
	for _, s := range []string{"", "01941F29-7c00-7000-8000-00000000000a", "01941f297c0070008000-00000000000a0000", "01941f29-7c00-7000-8000-00000000000g"} {
		_, ok := parseUUID(s)
		require.False(t, ok, s)
	}
}

func TestNumbers(t *testing.T) {
	for _, list := range [][]int64{
		nil, {0}, {1, 2, 3, 4, 5, 6, 7, 8}, {math.MinInt64, math.MaxInt64, 0, -1}, {1_790_000_000_000, 1_790_000_000_900, 1_790_000_000_400}, {64, -64, 63, -65},
	} {
		b := appendNumbers(nil, list)
		r := readNumbers(b)
		require.Equal(t, len(list), r.count())
		for _, n := range list {
			require.Equal(t, n, r.next())
		}
		require.True(t, r.over())
		require.Zero(t, r.next())
		require.False(t, r.over())
	}
	require.Equal(t, byte(differences), appendNumbers(nil, []int64{1000, 1001, 1002, 1003})[0])
	require.Equal(t, byte(asTheyAre), appendNumbers(nil, []int64{3, 0, 3, 0, 0, 3})[0])
}
