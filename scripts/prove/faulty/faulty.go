// Package faulty runs the writer's scenarios on disks that fail, and checks what they leave. A fault is a call of the
// file system that fails, or too little room.
package faulty

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
	"github.com/doorstep-sync/doorstep/server/store"
)

// Scenario is one of the writer's, and how to check what it leaves.
type Scenario struct {
	Mode  string
	check func(dir, beside string, lines []string, now func() time.Time) (workload.Faults, error)
}

// The scenarios.
var (
	Centre = Scenario{"centre-every", checkCentre}
	Device = Scenario{"device-every", checkDevice}
)

// Sum is what became of one scenario with one kind of fault.
type Sum struct {
	What                              string
	Steps, Faults, Unnoticed, Noticed int
	By                                map[string]int // tries that failed, by step
	Wrong                             workload.Faults
	Took                              time.Duration
}

func (n *Sum) String() string {
	return fmt.Sprintf("%s: %d steps in %.0f s; %d faults, %d of them noticed by nobody; tries that failed: %v; %d lost, %d torn, %d otherwise wrong",
		n.What, n.Steps, n.Took.Seconds(), n.Faults, n.Unnoticed, n.By, len(n.Wrong.Lost), len(n.Wrong.Torn), len(n.Wrong.Other))
}

// Build builds the writer, with edits laid over the sources.
func Build(t testing.TB, edits ...overlay.Edit) (writer string) {
	t.Helper()
	writer = filepath.Join(t.TempDir(), "writer")
	require.NoError(t, overlay.Build("./scripts/prove/writer", writer, edits...))
	return writer
}

// Run runs the scenario in the folder dir, which is the disk that fails; beside is one that does not.
func (sc *Scenario) Run(now func() time.Time, writer string, env []string, dir, beside string, patience time.Duration, kind, times string) (*Sum, error) {
	began := now()
	out := &Sum{What: sc.Mode + " " + kind + " " + times, By: map[string]int{}}
	w, err := child.Start(writer, env, sc.Mode, dir, "1", beside, kind, times)
	if err != nil {
		return nil, err
	}
	defer w.Kill()
	select {
	case <-w.Done:
	case <-time.After(patience):
		out.Wrong.Otherwise("it hangs, or takes longer than %v; its last words: %q", patience, w.Lines(max(0, w.Count()-3)))
		return out, nil
	}
	lines, whole := out.read(w.Lines(0))
	if text := w.Errors(); text != "" || !whole {
		out.Wrong.Otherwise("it ended with %s", text)
	}
	more, err := sc.check(dir, beside, lines, now)
	if out.Wrong.Add(more); err != nil {
		out.Wrong.Otherwise("open and close what it left: %v", err)
	}
	out.Took = now().Sub(began)
	return out, nil
}

// read takes out what the writer tells of faults; the rest are promises.
func (n *Sum) read(said []string) (lines []string, whole bool) {
	for _, line := range said {
		if what, ok := strings.CutPrefix(line, "failed "); ok {
			step, _, _ := strings.Cut(what, ":")
			n.By[step]++
			n.Noticed++
		} else if k, _ := fmt.Sscanf(line, "total %d %d %d", &n.Steps, &n.Faults, &n.Unnoticed); k == 3 {
			whole = true
		} else {
			lines = append(lines, line)
		}
	}
	return lines, whole
}

func checkCentre(dir, _ string, lines []string, now func() time.Time) (f workload.Faults, err error) {
	s, err := load.Default()
	if err != nil {
		return f, err
	}
	st, err := store.Open(filepath.Join(dir, "centre.db"), s)
	if err != nil {
		return f, err
	}
	f, _ = workload.CheckStore(st, s, lines, now)
	return f, st.Close()
}

func checkDevice(dir, beside string, lines []string, now func() time.Time) (f workload.Faults, err error) {
	s, err := load.Default()
	if err != nil {
		return f, err
	}
	r, err := device.Open(filepath.Join(dir, "replica.db"), device.Options{Schema: s})
	if err != nil {
		return f, err
	}
	county, err := store.Open(filepath.Join(beside, "centre.db"), s)
	if err != nil {
		return f, errors.Join(err, r.Close())
	}
	f, _ = workload.CheckReplica(r, county, s, lines, now)
	return f, errors.Join(r.Close(), county.Close())
}
