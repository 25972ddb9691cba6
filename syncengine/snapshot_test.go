package syncengine_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// holder takes frames as a replica does, as far as a snapshot needs it: what is held, and what is staged.
type holder struct {
	w      *world
	d      *dev
	kept   *se.Snapshots
	rows   map[se.RowID]string
	staged []se.StagedScope
	chunks int
	done   bool

	unpacks   []string
	encodings map[string]int // chunks by encoding
}

func (w *world) holder(d *dev, kept *se.Snapshots) *holder {
	return &holder{w: w, d: d, kept: kept, rows: map[se.RowID]string{}, unpacks: wire.Unpackable(), encodings: map[string]int{}}
}

// take reads one part of at most budget bytes, preparing what is needed first.
func (h *holder) take(budget int) *se.Part {
	h.w.t.Helper()
	req := se.NextRequest{Device: h.d.id, Now: h.w.now, Budget: budget, Staged: h.staged, Unpacks: h.unpacks, Snapshots: h.kept, Pages: se.Pages{Frame: 300}}
	part := view(h.w, func(tx se.ReadTx) (*se.Part, error) { return h.w.e.Next(tx, req) })
	for part.Prepare != "" && len(part.Frames) == 0 {
		view(h.w, func(tx se.ReadTx) (bool, error) {
			return true, h.w.e.Prepare(tx, h.kept, req, part.Prepare, h.w.now)
		})
		part = view(h.w, func(tx se.ReadTx) (*se.Part, error) { return h.w.e.Next(tx, req) })
	}
	require.False(h.w.t, part.Restart)
	require.True(h.w.t, part.Reset)
	for i := range part.Frames {
		h.frame(&part.Frames[i], part.Manifests)
	}
	return part
}

func (h *holder) frame(f *se.Delta, manifests []*se.Manifest) {
	h.w.t.Helper()
	items := f.Items
	if f.Packed != nil {
		h.chunks++
		for _, m := range manifests {
			if m.ID == f.Snapshot {
				h.encodings[m.Encoding]++
				sum := m.Chunks[f.Chunk-1]
				require.Equal(h.w.t, sum.Hash, se.Hash(sha256.Sum256(f.Packed)))
				var err error
				items, err = wire.Unpack(m.Encoding, f.Packed, sum.Size)
				require.NoError(h.w.t, err)
				require.Len(h.w.t, items, sum.Rows)
			}
		}
	}
	for _, it := range items {
		delete(h.rows, it.Row)
		if it.Kind == se.DeltaRow {
			require.True(h.w.t, it.Whole)
			h.rows[it.Row] = fmt.Sprint(it.Cells)
		}
	}
	if f.Scope != "" {
		at := se.StagedScope{Scope: f.Scope, After: f.After, Snapshot: f.Snapshot, Read: f.Read}
		if len(h.staged) > 0 {
			require.Equal(h.w.t, h.staged[0].After, f.Start)
			h.staged[0] = at
		} else {
			h.staged = []se.StagedScope{at}
		}
	}
	h.done = h.done || f.Done
}

func (h *holder) takeAll() {
	h.w.t.Helper()
	for range 100 {
		if h.take(1 << 20); h.done {
			return
		}
	}
	h.w.t.Fatal("no end of the step")
}

func (w *world) homes(d *dev, n int) {
	for i := range n {
		d.ok(ins("home", rid(i+1), set("phone", 0, fmt.Sprintf("1390000%04d", i)), set("head", 0, "w")))
	}
}

func keptSnapshots(bytes int) *se.Snapshots {
	return se.NewSnapshots(se.SnapshotOptions{Packers: wire.Packers(), Bytes: bytes, Pages: se.Pages{Items: 7, Frame: 600}})
}

// Two workers of one grid are sent the same bytes, read and packed once; a steward, whose view is another, is not.
func TestSnapshotShared(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	c := w.dev("c", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(900))}})
	a.ok(ins("door", rid(900), set("unit", 0, "1"), set("room", 0, "101")))
	w.homes(a, 40)
	a.ok(upd("home", rid(7), set("door_id", 0, string(rid(900)))))
	kept := keptSnapshots(1 << 20)
	ha, hb := w.holder(a, kept), w.holder(b, kept)
	pa, pb := ha.take(1<<20), hb.take(1<<20)
	require.True(t, ha.done && hb.done)
	require.Equal(t, int64(1), kept.Stats().Built)
	require.Greater(t, ha.chunks, 3)
	require.Same(t, &pa.Frames[0].Packed[0], &pb.Frames[0].Packed[0], "the very bytes")
	require.Len(t, ha.rows, 41)
	require.Equal(t, ha.rows, hb.rows)

	hc := w.holder(c, kept)
	hc.takeAll()
	require.Equal(t, int64(2), kept.Stats().Built)
	require.Len(t, hc.rows, 2, "its door, and what belongs to it")
	require.NotEqual(t, ha.rows[rid(7)], hc.rows[rid(7)], "masked and hidden columns")

	// What is written afterwards comes behind the snapshot, which stays as it is.
	a.ok(upd("home", rid(3), set("phone", 0, "13700000000")))
	a.ok(del("home", rid(4), 0))
	late := w.holder(w.dev("late", "worker"), kept)
	late.takeAll()
	require.Equal(t, int64(2), kept.Stats().Built)
	require.Len(t, late.rows, 40)
	require.Contains(t, late.rows[rid(3)], "13700000000")
}

// A download that was cut goes on at the next chunk, on another connection, while the county changes: rows that were
// staged and left since are told of, and nothing is read twice. If the snapshot is gone, the stream goes on instead.
func TestSnapshotResumesInTheMiddle(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(map[bool]string{false: "kept", true: "gone"}[gone], func(t *testing.T) {
			w := newWorld(t)
			a, b := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"}), w.dev("b", "worker")
			w.homes(a, 40)
			kept := keptSnapshots(1 << 20)
			h := w.holder(b, kept)
			h.take(1)
			require.False(t, h.done)
			require.Equal(t, 1, h.chunks)
			got := len(h.rows)
			require.Less(t, got, 40)
			a.ok(del("home", rid(1), 0))
			a.ok(upd("home", rid(2), set("scope", 0, "g2")))
			a.ok(upd("home", rid(3), set("head", 0, "later")))
			a.ok(del("home", rid(39), 0))
			a.ok(upd("home", rid(38), set("scope", 0, "g2")))
			// Another one begins meanwhile, and is given a newer snapshot: nobody who is in the middle is sent chunks of it.
			if gone {
				kept.Clear()
				w.holder(w.dev("c", "worker"), kept).takeAll()
			}
			served := kept.Stats().Served
			h.takeAll()
			if gone {
				require.Equal(t, served, kept.Stats().Served)
			} else {
				require.Greater(t, kept.Stats().Served, served)
			}
			whole := w.holder(w.dev("d", "worker"), nil)
			whole.takeAll()
			require.Equal(t, whole.rows, h.rows)
			require.Len(t, h.rows, 36)
		})
	}
}

// Phones of several versions take one grid: each is packed for in the best way that it unpacks, once for all who unpack
// the same, and who unpacks nothing that the centre has is given rows. A phone whose program changed in the middle of its
// download goes on in the encoding in which it began, if it still has that, else with the stream.
func TestSnapshotOfEachEncoding(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	w.homes(a, 40)
	kept := keptSnapshots(1 << 20)
	phone := func(name string, unpacks ...string) *holder {
		h := w.holder(w.dev(name, "worker"), kept)
		h.unpacks = unpacks
		return h
	}
	both, old, other := phone("both", se.Deflate, se.Columns), phone("old", se.Deflate), phone("other", "unheard of")
	for _, h := range []*holder{both, old, other, phone("both 2", se.Columns, "unheard of"), phone("old 2", se.Deflate)} {
		h.takeAll()
		require.Equal(t, both.rows, h.rows)
		require.Len(t, h.rows, 40)
	}
	require.Equal(t, map[string]int{se.Columns: both.chunks}, both.encodings)
	require.Equal(t, map[string]int{se.Deflate: old.chunks}, old.encodings)
	require.Greater(t, both.chunks, 3)
	require.Greater(t, old.chunks, both.chunks, "more rows in each")
	require.Zero(t, other.chunks)
	require.Equal(t, int64(2), kept.Stats().Built)
	require.Equal(t, 2, kept.Stats().Count)

	renewed, exchanged := phone("renewed", se.Deflate), phone("exchanged", se.Columns)
	renewed.take(1)
	exchanged.take(1)
	require.Equal(t, 1, renewed.encodings[se.Deflate])
	require.Equal(t, 1, exchanged.encodings[se.Columns])
	a.ok(del("home", rid(1), 0))
	a.ok(upd("home", rid(2), set("scope", 0, "g2")))
	a.ok(upd("home", rid(3), set("head", 0, "later")))
	a.ok(upd("home", rid(38), set("scope", 0, "g2")))
	renewed.unpacks, exchanged.unpacks = []string{se.Columns, se.Deflate}, []string{se.Deflate}
	whole := w.holder(w.dev("whole", "worker"), nil)
	whole.takeAll()
	for _, h := range []*holder{renewed, exchanged} {
		h.takeAll()
		require.Equal(t, whole.rows, h.rows)
		require.Len(t, h.rows, 37)
	}
	require.Equal(t, map[string]int{se.Deflate: old.chunks}, renewed.encodings)
	require.Equal(t, map[string]int{se.Columns: 1}, exchanged.encodings)
}

// What is kept stays within its bytes, and what devices are taking goes last. A scope too large for it is read as ever.
func TestSnapshotsAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	w.homes(a, 60)
	small := keptSnapshots(12_000)
	for i := range 5 {
		h := w.holder(w.dev(fmt.Sprint("s", i), "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(800 + i))}}), small)
		h.takeAll()
		require.LessOrEqual(t, small.Stats().Bytes, 12_000)
	}
	tiny := keptSnapshots(4000)
	h := w.holder(a, tiny)
	h.takeAll()
	require.Zero(t, h.chunks, "unpacked")
	require.Len(t, h.rows, 60)

	busy := keptSnapshots(12_000)
	require.False(t, busy.Crowded(w.now))
	for i := range 40 {
		h := w.holder(w.dev(fmt.Sprint("w", i), "worker", se.Grant{Scope: fmt.Sprint("g", 1+i), Role: "worker"}), busy)
		h.take(1)
	}
	for i := range 3 {
		s := fmt.Sprint("x", i)
		d := w.dev(s, "worker", se.Grant{Scope: s, Role: "worker"})
		for j := range 20 {
			v := d.push(se.Change{Table: "home", Row: rid(1000*(i+1) + j), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, s), set("head", 0, fmt.Sprint(i, j))}})
			require.Equal(t, se.Accepted, v.Kind)
		}
		w.holder(d, busy).take(1)
	}
	require.LessOrEqual(t, busy.Stats().Bytes, 12_000)
}
