package schema

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a declaration: where it stands, what is wrong and what to do about it.
type Fault struct {
	Source Source
	What   string
	Do     string
}

// Error gives "file:line: what is wrong; what to do". Where there is no file, it is left out.
func (f Fault) Error() string {
	at := ""
	if f.Source.File != "" {
		at = fmt.Sprintf("%s:%d: ", f.Source.File, f.Source.Line)
	}
	return at + f.What + "; " + f.Do
}

// Faults are all the faults found, one a line. An empty Faults is no error: use Err.
type Faults []Fault

// Error gives one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is f as an error, nil if there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
