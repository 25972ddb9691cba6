// Package audit writes history and the audit log of a county to a portable file and verifies such a file, or whatever
// else holds both, without a server: which entry is the first that is not as the centre wrote it.
//
// Both logs are chains: each entry's hash is over the entry and the hash of the one before. Whoever changes, removes,
// swaps or inserts entries breaks the chain there; whoever computes all later hashes anew, or cuts the end off, is found
// out by an anchor: a hash of the chain that was noted elsewhere at the time. format.go describes the file.
package audit

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Anchor is a place in both chains as it was at some time, noted elsewhere. A zero Seq or I anchors only the other one.
type Anchor struct {
	Epoch   int64
	Seq     int64
	History se.Hash
	I       int64
	Audit   se.Hash
	At      int64  // ms
	From    string // where it was noted, for messages
}

// Log names one of the two chains, or the file around them.
type Log string

// What an entry that is bad is in.
const (
	History  Log = "history"
	AuditLog Log = "audit"
	File     Log = "file"
)

// Bad is the first entry that is not as the centre wrote it.
type Bad struct {
	Index   int   // of its line in the file, from 0; of its place in what was checked otherwise
	Log     Log   // that it is in
	Number  int64 // the seq or number that stands there, or is missing there
	Problem string
}

func (b *Bad) Error() string {
	return fmt.Sprintf("entry %d (line %d, %s): %s", b.Number, b.Index+1, b.Log, b.Problem)
}

// Report tells what was found in order.
type Report struct {
	Entries int // of history
	Lines   int // of the audit log
	Epoch   int64
	Seq     int64 // of the last entry
	History se.Hash
	I       int64 // of the last line
	Audit   se.Hash
	Anchors int // that were met
}

// Checker takes entries in order, history first, and finds the first that is bad. The zero Checker has no anchors.
type Checker struct {
	Anchors []Anchor
	report  Report
	index   int
	met     map[int]bool
}

// Skip counts a line of the file that is in neither chain.
func (c *Checker) Skip() { c.index++ }

// Entry takes the next entry of history; changeset is the hash of its changeset.
func (c *Checker) Entry(e *se.Entry, changeset se.Hash) error {
	r := &c.report
	bad := func(format string, args ...any) error {
		return &Bad{c.index, History, r.Seq + 1, fmt.Sprintf(format, args...)}
	}
	switch {
	case e.Seq != r.Seq+1:
		return bad("here stands entry %d: what should be here is missing, was moved, or something was put in", e.Seq)
	case e.Epoch < r.Epoch:
		return bad("its epoch is %d, that of the one before is %d", e.Epoch, r.Epoch)
	case e.Prev != r.History:
		return bad("it does not follow the entry before it")
	case e.Hash != e.Chain(changeset):
		return bad("its hash does not fit its content: it was changed")
	}
	for i, a := range c.Anchors {
		if a.Seq != e.Seq {
			continue
		}
		if a.History != e.Hash {
			if a.Epoch != e.Epoch {
				return bad("%s saw another entry here, of epoch %d; this one is of epoch %d, after a restore", a.From, a.Epoch, e.Epoch)
			}
			return bad("%s saw another entry here: from this one or an earlier one on the chain was made anew", a.From)
		}
		c.meet(i)
	}
	r.Entries, r.Epoch, r.Seq, r.History = r.Entries+1, e.Epoch, e.Seq, e.Hash
	c.index++
	return nil
}

// Line takes the next line of the audit log.
func (c *Checker) Line(e *se.AuditEvent) error {
	r := &c.report
	bad := func(format string, args ...any) error {
		return &Bad{c.index, AuditLog, r.I + 1, fmt.Sprintf(format, args...)}
	}
	if err := c.endOfHistory(); err != nil {
		return err
	}
	switch {
	case e.I != r.I+1:
		return bad("here stands line %d: what should be here is missing, was moved, or something was put in", e.I)
	case e.Prev != r.Audit:
		return bad("it does not follow the line before it")
	case e.Hash != e.Chain():
		return bad("its hash does not fit its content: it was changed")
	}
	for i, a := range c.Anchors {
		if a.I == e.I {
			if a.Audit != e.Hash {
				return bad("%s saw another line here: from this one or an earlier one on the chain was made anew", a.From)
			}
			c.meet(i)
		}
	}
	r.Lines, r.I, r.Audit = r.Lines+1, e.I, e.Hash
	c.index++
	return nil
}

func (c *Checker) meet(i int) {
	if c.met == nil {
		c.met = map[int]bool{}
	}
	c.met[i] = true
}

func (c *Checker) endOfHistory() error {
	for _, a := range c.Anchors {
		if a.Seq > c.report.Seq {
			return &Bad{c.index, History, c.report.Seq + 1, fmt.Sprintf("history ends here, but %s saw entry %d: the end was cut off", a.From, a.Seq)}
		}
	}
	return nil
}

// End says that nothing comes any more.
func (c *Checker) End() (Report, error) {
	if err := c.endOfHistory(); err != nil {
		return c.report, err
	}
	for _, a := range c.Anchors {
		if a.I > c.report.I {
			return c.report, &Bad{c.index, AuditLog, c.report.I + 1, fmt.Sprintf("the audit log ends here, but %s saw line %d: the end was cut off", a.From, a.I)}
		}
	}
	c.report.Anchors = len(c.met)
	return c.report, nil
}
