package wire_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

const measured = 20_000

// visits are the record of the floors as a scope's snapshot has it. Ids of rows are those of the record, which nobody can
// guess, or such as devices make, which begin with the time.
func visits(timed bool) []se.DeltaItem {
	list := record.Generate(1, measured)
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]se.DeltaItem, len(list))
	one := func(cell string, v schema.Value) se.CellValue {
		return se.CellValue{Cell: cell, Values: []schema.Value{v}}
	}
	for i := range list {
		r := &list[i]
		if timed {
			ms := uint64(r.Visited) + random.Uint64N(1000)
			binary.BigEndian.PutUint64(r.ID[:8], ms<<16|0x7000|random.Uint64N(1<<12))
		}
		out[i] = se.DeltaItem{Seq: int64(1000 + i/20), Kind: se.DeltaRow, Table: "visit", Row: se.RowID(r.ID.String()), Whole: true, Cells: []se.CellValue{
			one("scope", schema.Text("370115003239001")), one("household_id", schema.Text(r.Home.String())), one("worker_id", schema.Text(r.Worker.String())),
			one("kind_code", schema.Text(r.Kind)), one("state", schema.Text(r.State)), one("door", schema.Text(r.Door)),
			one("visited_at", schema.Int(r.Visited)), one("updated_at", schema.Int(r.Updated)), one("minutes", schema.Int(r.Minutes)),
			one("people", schema.Int(r.People)), one("risk", schema.Int(r.Risk)), one("note", schema.Text(r.Note)),
		}}
	}
	return out
}

// frames cuts items as a snapshot is cut.
func frames(items []se.DeltaItem, most int) (out [][]se.DeltaItem) {
	from, size := 0, 0
	for i := range items {
		if size += items[i].Size(); size >= most || i == len(items)-1 {
			out = append(out, items[from:i+1])
			from, size = i+1, 0
		}
	}
	return out
}

// columnsFloor is what performance.md measured: batches of 500 records, ids, then each field, zstd at its default.
func columnsFloor(b testing.TB, level zstd.EncoderLevel) int {
	list := record.Generate(1, measured)
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(level))
	require.NoError(b, err)
	all := 0
	for at := 0; at < len(list); at += 500 {
		var columns [12][]byte
		text := func(i int, s string) { columns[i] = append(append(columns[i], byte(len(s))), s...) }
		var visited, updated int64
		for i := range list[at : at+500] {
			r := &list[at+i]
			columns[0], columns[1], columns[2] = append(columns[0], r.ID[:]...), append(columns[1], r.Home[:]...), append(columns[2], r.Worker[:]...)
			text(3, r.Kind)
			text(4, r.State)
			text(5, r.Door)
			columns[6] = binary.AppendVarint(columns[6], r.Visited-visited)
			columns[7] = binary.AppendVarint(columns[7], r.Updated-updated)
			visited, updated = r.Visited, r.Updated
			columns[8] = binary.AppendVarint(columns[8], r.Minutes)
			columns[9] = binary.AppendVarint(columns[9], r.People)
			columns[10] = binary.AppendVarint(columns[10], r.Risk)
			text(11, r.Note)
		}
		var plain []byte
		for _, c := range columns {
			plain = append(plain, c...)
		}
		all += len(w.EncodeAll(plain, nil))
	}
	return all
}

// families are households and their residents as they were written, one after another, with sealed numbers, what a view
// leaves out, and now and then a row that was written again.
func families() []se.DeltaItem {
	random := rand.New(rand.NewPCG(3, 4))
	list := record.Generate(2, measured)
	one := func(cell string, v schema.Value) se.CellValue {
		return se.CellValue{Cell: cell, Values: []schema.Value{v}}
	}
	var out []se.DeltaItem
	home, left := "", 0
	for i := range list {
		r := &list[i]
		it := se.DeltaItem{Seq: int64(1000 + i + i/100), Kind: se.DeltaRow, Row: se.RowID(r.ID.String()), Whole: true, Cells: []se.CellValue{one("scope", schema.Text("370115003239001"))}}
		if left == 0 {
			home, left = r.ID.String(), 1+random.IntN(5)
			it.Table, it.Cells = "household", append(it.Cells, one("door_id", schema.Text(r.Home.String())), one("phone", schema.Text(fmt.Sprint(13900000000+random.Int64N(99999999)))),
				one("place", schema.Real(117+random.Float64())), one("confirmed_at", schema.Int(r.Visited)))
			out = append(out, it)
			continue
		}
		left--
		sealed := make([]byte, 3+4+24+48)
		for k := range sealed[7:] {
			sealed[7+k] = byte(random.Uint32())
		}
		copy(sealed, []byte{0xd5, 0x53, 1, 0, 0, 0, 1})
		it.Table, it.Cells = "resident", append(it.Cells, one("household_id", schema.Text(home)), one("name", schema.Text(string([]rune(r.Note)[:3]))),
			one("sex", schema.Text([]string{"male", "female"}[random.IntN(2)])), one("born_on", schema.Int(r.Visited/86_400_000-random.Int64N(30_000))), one("id_no", schema.Blob(sealed)))
		if random.IntN(5) == 0 {
			it.Cells = append(it.Cells, one("tags", schema.Text(r.Kind)), one("note", schema.Text(r.Note)))
		}
		out = append(out, it)
	}
	return out
}

// What visits take in columns is less than the floor takes, within a fifth of it at its best level, and three fifths of what
// they take deflated, with as many in a chunk as there may be of those.
func TestColumnsAreSmall(t *testing.T) {
	all := map[string]int{}
	for _, p := range wire.Packers() {
		for _, c := range frames(visits(false), 128<<10) {
			packed, _, err := p.Pack(c)
			require.NoError(t, err)
			all[p.Encoding()] += len(packed)
		}
	}
	floor, best := columnsFloor(t, zstd.SpeedDefault), columnsFloor(t, zstd.SpeedBestCompression)
	t.Logf("columns %.1f B a row, deflate %.1f, floor %.1f, at its best %.1f", float64(all[se.Columns])/measured, float64(all[se.Deflate])/measured, float64(floor)/measured, float64(best)/measured)
	require.Less(t, all[se.Columns], floor)
	require.Less(t, 5*all[se.Columns], 6*best)
	require.Less(t, 10*all[se.Columns], 6*all[se.Deflate])
}

func eachPacker(b *testing.B, run func(b *testing.B, p se.Packer, chunks [][]se.DeltaItem)) {
	floor := columnsFloor(b, zstd.SpeedDefault)
	for _, of := range []struct {
		name  string
		items []se.DeltaItem
	}{{"visits", visits(false)}, {"visits-with-timed-ids", visits(true)}, {"families", families()}} {
		items := of.items
		for _, p := range wire.Packers() {
			b.Run(p.Encoding()+"/"+of.name, func(b *testing.B) {
				chunks := frames(items, map[string]int{se.Deflate: 128 << 10, se.Columns: 256 << 10}[p.Encoding()])
				run(b, p, chunks)
				bytes := 0
				for _, c := range chunks {
					packed, _, err := p.Pack(c)
					require.NoError(b, err)
					bytes += len(packed)
				}
				b.ReportMetric(float64(bytes)/measured, "B/row")
				if of.name != "families" {
					b.ReportMetric(float64(bytes)/float64(floor), "of-floor")
				}
			})
		}
	}
}

// BenchmarkPack packs 20,000 rows, chunk by chunk.
func BenchmarkPack(b *testing.B) {
	eachPacker(b, func(b *testing.B, p se.Packer, chunks [][]se.DeltaItem) {
		for b.Loop() {
			for _, c := range chunks {
				_, _, err := p.Pack(c)
				require.NoError(b, err)
			}
		}
	})
}

// BenchmarkUnpack reads them.
func BenchmarkUnpack(b *testing.B) {
	eachPacker(b, func(b *testing.B, p se.Packer, chunks [][]se.DeltaItem) {
		packed, sizes := make([][]byte, len(chunks)), make([]int, len(chunks))
		for i, c := range chunks {
			var err error
			packed[i], sizes[i], err = p.Pack(c)
			require.NoError(b, err)
		}
		b.ReportAllocs()
		for b.Loop() {
			for i := range packed {
				items, err := wire.Unpack(p.Encoding(), packed[i], sizes[i])
				require.NoError(b, err)
				require.Len(b, items, len(chunks[i]))
			}
		}
	})
}
