// Package figures holds what a run of the proofs is to reach, and collects what it did reach. Each proof notes its own
// figures; scripts/prove/table prints them beside the goals.
package figures

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// File is the variable of the environment with the file that figures go into. Without it nothing is noted: a proof can
// be run alone.
const File = "DOORSTEP_FIGURES"

// Note adds n to a figure. Figures are the names of Goals. What is told (Goal.Told) is noted once.
func Note(name string, n int) error {
	path := os.Getenv(File)
	if path == "" {
		return nil
	}
	if !known(name) {
		return fmt.Errorf("no goal is called %q; see scripts/prove/figures/goals.go", name)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note a figure: %w", err)
	}
	_, err = fmt.Fprintf(f, "%d\t%s\n", n, name)
	return errors.Join(err, f.Close())
}

// Of notes a figure of a test.
func Of(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, name string, n int,
) {
	t.Helper()
	if err := Note(name, n); err != nil {
		t.Fatalf("%v", err)
	}
}

// Read gives what was noted, added up by name; nothing if there is no file yet.
func Read(path string) (map[string]int, error) {
	out := map[string]int{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		count, name, _ := strings.Cut(lines.Text(), "\t")
		n, err := strconv.Atoi(count)
		if err != nil || !known(name) {
			return nil, fmt.Errorf("%s holds %q, which is no figure", path, lines.Text())
		}
		out[name] += n
	}
	return out, lines.Err()
}
