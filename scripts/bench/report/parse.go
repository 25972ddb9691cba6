package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Sides of a comparison.
const (
	floors   = "floor"
	products = "product"
)

// log is what benchmarks printed: key: value about the run, and their figures.
type log struct {
	about map[string]string
	// by side, benchmark and unit, one for each round
	figures map[string]map[string]map[string][]float64
}

var (
	key   = regexp.MustCompile(`^([a-z]+): (.+)$`)
	procs = regexp.MustCompile(`-\d+$`)
)

// parse reads the format of "go test -bench" (golang.org/design/14313-benchmark-format): lines "key: value", of which "side"
// says whose the benchmarks behind it are, and lines of a name, how many times it ran, and figures with their units. Other
// lines are passed over.
func parse(r io.Reader) (*log, error) {
	l := &log{map[string]string{}, map[string]map[string]map[string][]float64{}}
	side := ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := key.FindStringSubmatch(lines.Text()); m != nil {
			if l.about[m[1]] = m[2]; m[1] == "side" {
				side = m[2]
			}
			continue
		}
		if err := l.line(side, strings.Fields(lines.Text())); err != nil {
			return nil, err
		}
	}
	return l, lines.Err()
}

func (l *log) line(side string, words []string) error {
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return nil
	}
	if _, err := strconv.Atoi(words[1]); err != nil {
		return nil // the name alone, in front of what the benchmark logged
	}
	name := procs.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
	if l.figures[side] == nil {
		l.figures[side] = map[string]map[string][]float64{}
	}
	units := l.figures[side][name]
	if units == nil {
		units = map[string][]float64{}
		l.figures[side][name] = units
	}
	for rest := words[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return fmt.Errorf("%s: %q has no unit", name, rest[0])
		}
		x, err := strconv.ParseFloat(rest[0], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		units[rest[1]] = append(units[rest[1]], x)
	}
	return nil
}
