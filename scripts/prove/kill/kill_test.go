//go:build prove

// Package kill proves that kill -9 of a centre and of phones loses, tears and doubles nothing. The centre is doorstepd
// as it is shipped, the phones are processes with the Go SDK; they talk over real sockets and are killed while all of
// them write, at any moment or at a named place in their code.
package kill

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

const (
	trials  = 40
	perLife = 20 // trials of one county
	seed    = 1
)

// programs are built once.
var programs struct{ doorstepd, phone string }

// Places where a process dies that comes there when it is armed. The phone's others are in its main.
var (
	centrePlaces = []string{"between rows and verdict", "before commit", "after commit"}
	phonePlaces  = []string{"before commit", "after commit", "pushed", "verdicts", "delta"}
)

func edits() (centre, phone []overlay.Edit) {
	centre = overlay.Points(
		overlay.Place{Name: centrePlaces[0], File: "server/store/records.go", At: "func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {", After: true},
		overlay.Place{Name: centrePlaces[1], File: "server/store/tx.go", At: `if err := t.c.exec("COMMIT"); err != nil {`},
		overlay.Place{Name: centrePlaces[2], File: "server/centre/centre.go", At: "results := c.engine.Commit(c.store, subs)", After: true})
	commit := `if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", storage(err))
	}`
	both := overlay.Points(overlay.Place{Name: phonePlaces[0], File: "clients/device/transact.go", At: commit})
	both[0].To += fmt.Sprintf("\nprovePoint(%q)", phonePlaces[1])
	return centre, both
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kill-programs")
	if err == nil {
		programs.doorstepd, programs.phone = filepath.Join(dir, "doorstepd"), filepath.Join(dir, "phone")
		centre, phone := edits()
		err = overlay.Build("./server/cmd/doorstepd", programs.doorstepd, centre...)
		if err == nil {
			err = overlay.Build("./scripts/prove/phone", programs.phone, phone...)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// TestKill kills the centre, a phone, or both, again and again.
func TestKill(t *testing.T) {
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	var f *fleet
	var total summary
	for i := range trials {
		if i%perLife == 0 {
			if f != nil {
				f.dismiss()
			}
			f = assemble(t, random)
			t.Cleanup(f.dismiss)
		}
		out := f.trial(i)
		faults, n := f.check()
		if !faults.Ok() {
			t.Errorf("trial %d (%s): %s", i+1, out.place, &faults)
			f.dismiss()
			f = assemble(t, random)
			t.Cleanup(f.dismiss)
		}
		require.GreaterOrEqual(t, out.acked, int64(enough))
		require.Positive(t, out.inFlight)
		total.add(i, out, faults, n)
	}
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
	drained           []time.Duration
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
	s.drained = append(s.drained, o.drained)
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
	fmt.Fprintf(&b, "\n  everything has come everywhere: %s", spread(s.drained))
	return b.String()
}

func spread(list []time.Duration) string {
	slices.Sort(list)
	return fmt.Sprintf("median %v, longest %v", list[len(list)/2], list[len(list)-1])
}
