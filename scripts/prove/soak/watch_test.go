//go:build prove

package soak

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// What is watched of the centre, by the name of its metric.
const (
	goroutines = "go_goroutines"
	files      = "process_open_fds"
	memory     = "process_resident_memory_bytes"
)

// sample is what one look at the centre found.
type sample struct {
	at time.Duration // since the soak began
	of map[string]float64
}

// report is what a soak came to.
type report struct {
	long, warm    time.Duration
	samples       []sample // after the warm-up
	before, after sample   // with nobody connected: before the first came, and after the last had left
	wal           int64    // the most bytes that the write-ahead log ever had
	acked, links  int64    // changesets with their verdict; connections
}

// look takes a sample.
func look(ctx context.Context, c *crowd.Process, at time.Duration) (s sample, err error) {
	said, err := c.Metrics(ctx)
	if err != nil {
		return s, err
	}
	s = sample{at, map[string]float64{}}
	for _, name := range []string{goroutines, files, memory} {
		v, ok := said[name]
		if !ok {
			return s, fmt.Errorf("the centre does not tell %s", name)
		}
		s.of[name] = v
	}
	return s, nil
}

// logged is how large the write-ahead log is.
func logged(data string) (int64, error) {
	info, err := os.Stat(filepath.Join(data, "doorstep.db-wal"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// slope is what a value grows by in a second: that of the line with the least squares.
func (r *report) slope(name string) float64 {
	var n, x, y, xx, xy float64
	for _, s := range r.samples {
		at, v := s.at.Seconds(), s.of[name]
		n, x, y, xx, xy = n+1, x+at, y+v, xx+at*at, xy+at*v
	}
	if below := n*xx - x*x; below > 0 {
		return (n*xy - x*y) / below
	}
	return 0
}

// growth is what a value grew by from the warm-up to the end.
func (r *report) growth(name string) int {
	return int(math.Round(r.slope(name) * (r.long - r.warm).Seconds()))
}

// stayed is how much more of it there is when all have left than before they came.
func (r *report) stayed(name string) int { return int(r.after.of[name] - r.before.of[name]) }

// faults says what grows that may not.
func (r *report) faults() (list []string) {
	for _, name := range []string{goroutines, files} {
		if r.growth(name) > mostGrowth {
			list = append(list, name+" grow")
		}
		if r.stayed(name) > mostStay {
			list = append(list, name+" stay when all have left")
		}
	}
	if r.wal >= mostWAL {
		list = append(list, "the write-ahead log grows")
	}
	return list
}

func (r *report) perHour(name string) float64 { return r.slope(name) * 3600 }

func (r *report) String() string {
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	line := func(name string) string {
		return fmt.Sprintf("\n  %s: %.0f with nobody, %.0f after the warm-up, %.0f at the end (%+d by the line), %.0f when all had left",
			name, r.before.of[name], first.of[name], last.of[name], r.growth(name), r.after.of[name])
	}
	return fmt.Sprintf("%v, of which %v warm-up: %d changesets acknowledged over %d connections, write-ahead log at most %.1f MiB, memory %+.1f MiB an hour by the line; %d samples",
		r.long, r.warm, r.acked, r.links, float64(r.wal)/(1<<20), r.perHour(memory)/(1<<20), len(r.samples)) + line(goroutines) + line(files) + line(memory)
}
