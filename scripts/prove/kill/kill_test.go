// Package kill proves that kill -9 of a centre and of phones loses, tears and doubles nothing. The centre is doorstepd,
// the phones are processes with the Go SDK; they talk over real sockets and are killed while all of them write, at any
// moment or at a named place in their code. For the named places both are built with a call there that dies when it is
// armed; nothing else differs from what is shipped.
package kill

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

const (
	perLife = 10 // trials of one county
	seed    = 1
)

// programs are what a fleet runs.
type programs struct{ doorstepd, phone string }

// Places where a process dies that comes there when it is armed. The phone's others are in its main.
var (
	centrePlaces = []string{"between rows and verdict", "before commit", "after commit"}
	phonePlaces  = []string{"before commit", "after commit", "pushed", "verdicts", "delta"}
)

// build makes both programs, with the named places in them, and with more edits of the centre.
func build(t testing.TB, more ...overlay.Edit) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{filepath.Join(dir, "doorstepd"), filepath.Join(dir, "phone")}
	centre := slices.Concat(more, overlay.Points(
		overlay.Place{Name: centrePlaces[0], File: "server/store/records.go", At: "func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {", After: true},
		overlay.Place{Name: centrePlaces[1], File: "server/store/tx.go", At: `if err := t.c.exec("COMMIT"); err != nil {`},
		overlay.Place{Name: centrePlaces[2], File: "server/centre/centre.go", At: "results := c.engine.Commit(c.store, subs)", After: true}))
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", p.doorstepd, centre...))
	phone := overlay.Points(overlay.Place{Name: phonePlaces[0], File: "clients/device/transact.go", At: `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", storage(err))
	}`})
	phone[0].To += fmt.Sprintf("\nprovePoint(%q)", phonePlaces[1])
	require.NoError(t, overlay.Build("./scripts/prove/phone", p.phone, phone...))
	return p
}

// TestKill kills the centre, a phone, or both, again and again.
func TestKill(t *testing.T) {
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	built := build(t)
	began := time.Now()
	var f *fleet
	var total summary
	for i := range trials {
		if i%perLife == 0 && f != nil {
			f.dismiss()
			f = nil
		}
		if f == nil {
			f = assemble(t, random, built)
			t.Cleanup(f.dismiss)
		}
		out, faults, n := f.trial(enough, func() plan { return f.alternate(i) })
		total.add(i, out, faults, n)
		if !faults.Ok() {
			t.Errorf("trial %d (%s): %s", i+1, out.place, &faults)
			f.dismiss()
			f = nil
			continue
		}
		require.GreaterOrEqual(t, out.acked, int64(enough))
		require.Positive(t, out.inFlight)
	}
	figures.Of(t, figures.Kills, trials)
	figures.Of(t, figures.Acked, int(total.acked))
	figures.Of(t, figures.Lost, total.lost+total.torn+total.other)
	t.Logf("%d trials in %.0f s: %s", trials, time.Since(began).Seconds(), &total)
}

// summary adds up outcomes.
type summary struct {
	who               [3]int
	acked, inFlight   int64
	compared          int
	lost, torn, other int
	places            map[string]int
	back              map[string][]time.Duration
	writing, drained  []time.Duration
}

func (s *summary) add(trial int, o outcome, f workload.Faults, compared int) {
	if s.places == nil {
		s.places, s.back = map[string]int{}, map[string][]time.Duration{}
	}
	s.who[trial%3]++
	s.places[o.place]++
	s.acked, s.inFlight, s.compared = s.acked+o.acked, s.inFlight+o.inFlight, s.compared+compared
	s.lost, s.torn, s.other = s.lost+len(f.Lost), s.torn+len(f.Torn), s.other+len(f.Other)
	for name, d := range o.back {
		s.back[name] = append(s.back[name], d)
	}
	s.writing, s.drained = append(s.writing, o.writing), append(s.drained, o.drained)
}

func (s *summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "killed the centre %d times, a phone %d times, both %d times; %d acknowledged before the kill, %d in flight at it; %d lost, %d torn, %d other faults; %d changesets compared in each database",
		s.who[0], s.who[1], s.who[2], s.acked, s.inFlight, s.lost, s.torn, s.other, s.compared)
	for _, place := range slices.Sorted(maps.Keys(s.places)) {
		fmt.Fprintf(&b, "\n  killed at %s: %d", place, s.places[place])
	}
	for _, name := range slices.Sorted(maps.Keys(s.back)) {
		fmt.Fprintf(&b, "\n  %s works again: %s", name, spread(s.back[name]))
	}
	fmt.Fprintf(&b, "\n  %d changesets are acknowledged: %s", enough, spread(s.writing))
	fmt.Fprintf(&b, "\n  everything has come everywhere: %s", spread(s.drained))
	return b.String()
}

func spread(list []time.Duration) string {
	slices.Sort(list)
	return fmt.Sprintf("median %v, longest %v", list[len(list)/2].Round(time.Millisecond), list[len(list)-1].Round(time.Millisecond))
}
