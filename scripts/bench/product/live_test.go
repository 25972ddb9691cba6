package product

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// everySo is the pace of W3: twenty writes a second.
const everySo = 50 * time.Millisecond

// BenchmarkLive is W3: a phone writes a record, the centre takes it, another phone shows it; three commits at least, each
// on its disk. Its time for each is that from before the first commit until a program finds the row on the other phone.
func BenchmarkLive(b *testing.B) {
	c := newCounty(b, grid{500, 2})
	a, z := c.phones[0], c.phones[1]
	for _, p := range c.phones {
		defer p.online()()
	}
	list := record.Generate(3, 1000)
	before := c.commits()
	stop := c.profile(b)
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	var took []time.Duration
	for b.Loop() {
		<-tick.C
		began := b.Elapsed()
		at := len(took) % len(list)
		c.carried(a, z, list[at:at+1])
		took = append(took, b.Elapsed()-began)
	}
	b.StopTimer()
	stop()
	b.ReportMetric(float64(c.commits()-before)/float64(b.N), "commits/op")
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(95), "p95-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(0, "ns/op") // it is the pace
}

// carried writes a record on one phone and returns when the other shows it.
func (c *county) carried(from, to *phone, one []record.Record) {
	c.t.Helper()
	id := c.visits(from, one, 1)[0]
	to.until("the visit", func() bool {
		var there bool
		require.NoError(c.t, to.QueryRow(c.t.Context(), `SELECT EXISTS(SELECT 1 FROM visit WHERE id = ?)`, id).Scan(&there))
		return there
	})
}

// What one phone writes the other shows, whole.
func TestLive(t *testing.T) {
	c := newCounty(t, grid{2, 2})
	a, z := c.phones[0], c.phones[1]
	for _, p := range c.phones {
		t.Cleanup(p.online())
	}
	list := record.Generate(3, 5)
	for i := range list {
		c.carried(a, z, list[i:i+1])
	}
	rows, err := z.List(t.Context(), "visit", nil, 0)
	require.NoError(t, err)
	require.Len(t, rows, len(list))
	var notes, want []string
	for i := range list {
		notes, want = append(notes, rows[i].Values["opinions"].Str()), append(want, list[i].Note)
	}
	require.ElementsMatch(t, want, notes)
}
