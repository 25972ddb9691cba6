package product

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// edited is a record that two phones edited apart, and what was found of it afterwards.
type edited struct {
	row    se.RowID
	same   bool // the same column
	wrote  [2]wrote
	shows  [2]map[string]string // by column, what each phone shows; nil = no row
	stands []stands             // at the centre
	waits  []se.Candidate       // in the conflict queue
}

// wrote is one edit.
type wrote struct {
	device, author string
	base           se.Base
	cell, text     string
	from, to       int64 // when, ms since 1970
}

// stands is what a cell shows at the centre.
type stands struct {
	cell string
	se.Write
}

// tally is how many records merged, how many have the one who lost in the queue, and how many edits are nowhere.
type tally struct {
	merged, queued, lost int
	faults               []string
}

// slack is by how much two clocks of one machine may seem to differ, ms.
const slack = 1000

// judge holds what was found against what was written.
func judge(list []edited) (t tally) {
	for i := range list {
		e := &list[i]
		t.lost += e.lost()
		why := e.merged()
		if e.same {
			why = e.kept()
		}
		switch {
		case why != "":
			t.faults = append(t.faults, fmt.Sprintf("%s: %s", e.row, why))
		case e.same:
			t.queued++
		default:
			t.merged++
		}
	}
	return t
}

// lost counts the edits that neither phone shows and that do not wait.
func (e *edited) lost() (n int) {
	for _, w := range e.wrote {
		found := e.shows[0][w.cell] == w.text && e.shows[1][w.cell] == w.text
		for i := range e.waits {
			found = found || e.waits[i].Cell.Cell == w.cell && text(e.waits[i].Cell.Values) == w.text
		}
		if !found {
			n++
		}
	}
	return n
}

// merged tells what is wrong with a record that was edited in different columns.
func (e *edited) merged() string {
	if why := e.equal(); why != "" {
		return why
	}
	if len(e.waits) > 0 {
		return "something waits for a decision"
	}
	for _, w := range e.wrote {
		if e.shows[0][w.cell] != w.text {
			return "it does not show what was written into " + w.cell
		}
	}
	return ""
}

// kept tells what is wrong with a record that was edited in one column: one edit has to stand and the other to wait, each
// with its base, value, author and clock.
func (e *edited) kept() string {
	if why := e.equal(); why != "" {
		return why
	}
	if len(e.waits) != 1 {
		return fmt.Sprintf("%d edits wait, not one", len(e.waits))
	}
	c := &e.waits[0]
	cell := e.wrote[0].cell
	var s *stands
	for i := range e.stands {
		if e.stands[i].cell == cell {
			s = &e.stands[i]
		}
	}
	if s == nil || e.shows[0][cell] != text(s.Values) {
		return "what the phones show is not what stands"
	}
	won, lost := e.wrote[0], e.wrote[1]
	if c.Device == won.device {
		won, lost = lost, won
	}
	if why := lost.is(c.Cell.Cell, c.Device, c.Author, c.Cell.Base, c.Cell.Values, c.At, c.Suspect); why != "" {
		return "of the one that waits, " + why
	}
	if why := won.is(cell, s.Device, s.Author, s.Base, s.Values, s.At, s.Suspect); why != "" {
		return "of the one that stands, " + why
	}
	return ""
}

// equal tells whether both phones show one thing.
func (e *edited) equal() string {
	if e.shows[0] == nil || !maps.Equal(e.shows[0], e.shows[1]) {
		return "the phones show different things"
	}
	return ""
}

// is tells what of an edit is not as it was written.
func (w *wrote) is(cell, device, author string, base se.Base, values []schema.Value, at int64, suspect bool) string {
	switch {
	case cell != w.cell || device != w.device:
		return "the device or the column is another"
	case author != w.author:
		return "the author is another"
	case base != w.base:
		return fmt.Sprintf("the base is %v, not %v", base, w.base)
	case text(values) != w.text:
		return "the value is another"
	case at < w.from-slack || at > w.to+slack || suspect:
		return fmt.Sprintf("the clock is %d, not between %d and %d", at, w.from, w.to)
	}
	return ""
}

// Whatever may be missing of an edit is found missing.
func TestJudge(t *testing.T) {
	base := se.Base{Epoch: 1, Seq: 9}
	a := wrote{"A", "ann", base, "description", "a", 5000, 5001}
	z := wrote{"Z", "zoe", base, "description", "z", 6000, 6001}
	values := func(s string) []schema.Value { return []schema.Value{schema.Text(s)} }
	one := func() edited {
		return edited{row: "r", same: true, wrote: [2]wrote{a, z}, shows: [2]map[string]string{{"description": "z"}, {"description": "z"}},
			stands: []stands{{"description", se.Write{Device: "Z", Author: "zoe", Base: base, At: 6001, Values: values("z")}}},
			waits:  []se.Candidate{{Device: "A", Author: "ann", At: 5000, Cell: se.CellWrite{Cell: "description", Base: base, Values: values("a")}}}}
	}
	other := z
	other.cell = "location"
	two := func() edited {
		m := map[string]string{"description": "a", "location": "z"}
		return edited{row: "r", wrote: [2]wrote{a, other}, shows: [2]map[string]string{m, maps.Clone(m)}}
	}
	require.Equal(t, tally{merged: 1, queued: 1}, judge([]edited{one(), two()}))

	for name, harm := range map[string]func(e *edited){
		"nobody waits":        func(e *edited) { e.waits = nil },
		"two wait":            func(e *edited) { e.waits = append(e.waits, e.waits[0]) },
		"another base":        func(e *edited) { e.waits[0].Cell.Base.Seq++ },
		"another author":      func(e *edited) { e.waits[0].Author = "zoe" },
		"another value":       func(e *edited) { e.waits[0].Cell.Values = values("z") },
		"no clock":            func(e *edited) { e.waits[0].At = 0 },
		"a clock that is off": func(e *edited) { e.waits[0].Suspect = true },
		"base of the winner":  func(e *edited) { e.stands[0].Base.Seq = 0 },
		"clock of the winner": func(e *edited) { e.stands[0].At = 4999 },
		"author of winner":    func(e *edited) { e.stands[0].Author = "ann" },
		"nothing stands":      func(e *edited) { e.stands = nil },
		"phones differ":       func(e *edited) { e.shows[1]["description"] = "a" },
		"a phone lost it":     func(e *edited) { e.shows[1] = nil },
		"both show neither":   func(e *edited) { e.shows[0]["description"], e.shows[1]["description"] = "", "" },
	} {
		e := one()
		harm(&e)
		got := judge([]edited{e})
		require.Len(t, got.faults, 1, name)
		require.Zero(t, got.queued, name)
	}
	for name, harm := range map[string]func(e *edited){
		"one is missing":     func(e *edited) { e.shows[0]["location"], e.shows[1]["location"] = "", "" },
		"phones differ":      func(e *edited) { e.shows[0]["location"] = "" },
		"it is in the queue": func(e *edited) { e.waits = one().waits },
	} {
		e := two()
		harm(&e)
		got := judge([]edited{e})
		require.Len(t, got.faults, 1, name)
		require.Zero(t, got.merged, name)
	}
	e := one()
	e.waits = nil
	require.Equal(t, 1, judge([]edited{e}).lost)
}
