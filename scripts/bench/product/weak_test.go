package product

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/bench/line"
	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// gridVisits is how many visits a grid has that a worker's phone holds (domain.md E1.2), about 500 households.
const gridVisits = 5000

// BenchmarkWeakLine is what a weak line carries, and how long it takes: recorded from phones at a doorstepd on loopback, and
// computed for line.Weak. First is the first sync of a grid, Columns the same rows packed by column, in one message. Day is a grid
// worker's working day, with four moments of contact (domain.md E1). The time that is measured is that of the machine, and means
// nothing.
func BenchmarkWeakLine(b *testing.B) {
	f := newFull(b, gridVisits, newcomers)
	r := newRecorder(b, strings.TrimPrefix(f.url, "http://"))
	b.Run("First", func(b *testing.B) {
		var pieces []line.Piece
		for b.Loop() {
			pieces = f.recorded(r)
		}
		tell(b, pieces)
	})
	b.Run("Columns", func(b *testing.B) {
		var pieces []line.Piece
		for b.Loop() {
			pieces = []line.Piece{{Way: line.Up, Bytes: 1}, {Way: line.Down, Bytes: f.columns(gridVisits), After: 1}}
		}
		tell(b, pieces)
	})
	b.Run("Day", func(b *testing.B) {
		var contacts [][]line.Piece
		for b.Loop() {
			contacts = f.day(r)
		}
		tell(b, contacts...)
	})
}

// tell reports connections: bytes, trips and seconds of all, and the seconds of the longest.
func tell(b *testing.B, contacts ...[]line.Piece) {
	var up, down, trips int
	var all, longest time.Duration
	for _, pieces := range contacts {
		up, down, trips = up+line.Bytes(pieces, line.Up), down+line.Bytes(pieces, line.Down), trips+line.Trips(pieces)
		takes := line.Weak.Takes(pieces)
		all, longest = all+takes, max(longest, takes)
	}
	b.ReportMetric(float64(up), "up-B")
	b.ReportMetric(float64(down), "down-B")
	b.ReportMetric(float64(trips), "trips")
	b.ReportMetric(all.Seconds(), "line-s")
	b.ReportMetric(longest.Seconds(), "longest-s")
}

// recorded is a newcomer's first sync.
func (f *full) recorded(r *recorder) []line.Piece {
	f.t.Helper()
	p := f.newcomer(r.url)
	p.sync()
	out := r.cut()
	require.NoError(f.t, p.Close())
	return out
}

// columns is how many bytes the grid's rows take by column: the visits in batches as the floor has them, and the doors and
// households, of which each id is random.
func (f *full) columns(visits int) (bytes int) {
	f.t.Helper()
	const batch = 2000
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(f.t, err)
	list := own.Store(record.Generate(1, visits), crowd.Grid(0), f.clerk.Account)
	slices.SortFunc(list, func(x, y own.Stored) int {
		a, z := own.Row(&x.Record), own.Row(&y.Record)
		return slices.Compare(a[:], z[:])
	})
	for part := range slices.Chunk(list, batch) {
		bytes += len(w.EncodeAll(own.Pack(part), nil))
	}
	return bytes + len(w.EncodeAll(own.PackHomes(own.Households(record.Generate(1, visits))), nil))
}

// day is a working day: the connection of each contact. The phone has the grid from the day before.
func (f *full) day(r *recorder) (contacts [][]line.Piece) {
	f.t.Helper()
	list := record.Generate(7, 120)
	next := func() *record.Record { x := &list[0]; list = list[1:]; return x }
	w, other := f.newcomer(f.url), f.newcomer(f.url)
	w.sync()
	other.sync()
	homes := own.Households(record.Generate(1, 100))
	d := &day{worker: w, other: other, homes: homes, next: next}
	var err error
	w.remote, err = device.WebSocket(r.url, signed{w}, device.WebSocketOptions{})
	require.NoError(f.t, err)
	for _, since := range []func(){
		func() { d.others(14) },
		func() { d.visits(w, 10); d.quarrel(); d.others(7) },
		func() { d.visits(w, 5); d.patrol(); d.others(7) },
		func() { d.visits(w, 5); d.closed(); d.others(7) },
	} {
		since()
		w.sync()
		contacts = append(contacts, r.cut())
	}
	require.Zero(f.t, w.unsent())
	other.sync()
	for _, q := range []string{"visit", "wish", "hazard", "dispute", "mediation_session", "patrol", "patrol_finding", "ds_quarantine"} {
		require.Equal(f.t, w.count(q), other.count(q), "in the evening a colleague has all that she wrote: %s", q)
	}
	require.Zero(f.t, w.count("ds_quarantine"), "nothing was refused")
	require.NoError(f.t, w.Close())
	require.NoError(f.t, other.Close())
	return contacts
}

// day is who works, and on what.
type day struct {
	worker, other *phone
	homes         []string
	next          func() *record.Record
	found         []se.RowID // hazards
}

func (d *day) home() se.RowID { return se.RowID(d.homes[len(d.found)%len(d.homes)]) }

// visits are knocks at doors, each a transaction; what was found at a fourth of them is saved with them.
func (d *day) visits(p *phone, n int) {
	for i := range n {
		p.write(func(tx *device.Tx) error {
			home := d.home()
			visit, err := tx.Insert("visit", visit(d.next(), crowd.Grid(0), home))
			if err != nil || i%4 != 0 {
				return err
			}
			if _, err := tx.Insert("wish", map[string]any{"household_id": home, "title": "楼道装扶手", "source_visit_id": visit, "supporters": 1}); err != nil {
				return err
			}
			h := hazard(d.next(), crowd.Grid(0))
			h["household_id"], h["source_visit_id"] = home, visit
			id, err := tx.Insert("hazard", h)
			d.found = append(d.found, id)
			return err
		})
	}
}

// others is what came from the grid's stewards and colleagues meanwhile.
func (d *day) others(n int) {
	d.visits(d.other, n)
	d.other.sync()
}

// quarrel is a dispute with a first sitting.
func (d *day) quarrel() {
	d.worker.write(func(tx *device.Tx) error {
		x, err := tx.Insert("dispute", map[string]any{"scope": crowd.Grid(0), "kind_code": "noise", "parties": []string{"2号楼甲户", "2号楼乙户"},
			"risk_level": "medium", "facts": d.next().Note})
		if err != nil {
			return err
		}
		_, err = tx.Insert("mediation_session", map[string]any{"scope": crowd.Grid(0), "dispute_id": x, "held_at": d.next().Visited, "record": d.next().Note})
		return err
	})
}

// patrol is one with a finding, written at its beginning, on the way and at its end.
func (d *day) patrol() {
	var id se.RowID
	d.worker.write(func(tx *device.Tx) (err error) {
		id, err = tx.Insert("patrol", map[string]any{"scope": crowd.Grid(0), "kind_code": "fire", "started_at": d.next().Visited, "team": "巡防一队", "checkpoints": []string{"9号楼", "12号楼"}})
		return err
	})
	d.worker.write(func(tx *device.Tx) error {
		_, err := tx.Insert("patrol_finding", map[string]any{"scope": crowd.Grid(0), "patrol_id": id, "kind_code": "hazard", "found_at": d.next().Visited, "description": d.next().Note})
		return err
	})
	d.worker.write(func(tx *device.Tx) error { return tx.Set("patrol", id, map[string]any{"summary": d.next().Note}) })
}

// closed are two hazards that were seen to.
func (d *day) closed() {
	for _, id := range d.found[:2] {
		d.worker.write(func(tx *device.Tx) error { return tx.Set("hazard", id, map[string]any{"recheck_note": d.next().Note}) })
	}
}

func (p *phone) count(table string) (n int) {
	p.t.Helper()
	require.NoError(p.t, p.QueryRow(p.t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// TestWeakLine: a day comes over, and what is told of it has each contact in it.
func TestWeakLine(t *testing.T) {
	f := newFull(t, 600, 3)
	r := newRecorder(t, strings.TrimPrefix(f.url, "http://"))
	first := f.recorded(r)
	contacts := f.day(r)
	require.Len(t, contacts, 4)
	for i, pieces := range append(contacts, first) {
		require.GreaterOrEqual(t, line.Trips(pieces), 4, "%d: a connection, its handshake and a greeting at least: %v", i, pieces)
		require.Less(t, line.Trips(pieces), 15, "%d: %v", i, pieces)
		require.Greater(t, line.Weak.Takes(pieces), 4*line.Weak.Trip, "%d", i)
		require.Positive(t, line.Bytes(pieces, line.Up), "%d", i)
	}
	require.Greater(t, line.Bytes(contacts[1], line.Up), 2*line.Bytes(contacts[0], line.Up), "she wrote before the second one")
	require.Greater(t, line.Bytes(first, line.Down), f.columns(600)/2)
}
