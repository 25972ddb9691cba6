package fleet

import (
	"fmt"
	"os"

	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// T is what Check needs of a test.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Check runs the world of a seed over files and in memory, and fails the test if either breaks a promise or if they
// are not the same world: it says at which event they part.
func Check(t T, seed uint64, opts simtest.Options) simtest.Report {
	t.Helper()
	dir, err := TempDir()
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	var files, memory []string
	heard := opts.Log
	opts.Log = func(at int64, what string, n []int64) {
		files = append(files, fmt.Sprint(at, " ", what, " ", n))
		if heard != nil {
			heard(at, what, n)
		}
	}
	r := Run(dir, seed, opts)
	opts.Log = func(at int64, what string, n []int64) { memory = append(memory, fmt.Sprint(at, " ", what, " ", n)) }
	m := RunInMemory(seed, opts)
	if at := parted(files, memory); at >= 0 {
		t.Logf("event %d over files: %v", at, files[max(0, at-3):min(at+1, len(files))])
		t.Logf("event %d in memory:  %v", at, memory[max(0, at-3):min(at+1, len(memory))])
	}
	if r.Finding != "" || m.Finding != "" {
		t.Fatalf("over files (they are kept in %s): %s\nin memory: %s\nagain: go test -tags sqlite_fts5 ./scripts/fleet -seed %d -commits %d",
			dir, r.Finding, m.Finding, seed, opts.Commits)
	}
	if r.Trace != m.Trace {
		t.Fatalf("seed %d over files (they are kept in %s) is not what it is in memory, though both keep every promise", seed, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatalf("remove the files: %v", err)
	}
	return r
}

// parted gives the first event that is not in both, -1 if there is none.
func parted(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}
