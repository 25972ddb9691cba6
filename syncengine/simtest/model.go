package simtest

import (
	"slices"
	"sort"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// write is one cell write as its author made it, with what he had before him. It is the oracle's own: nothing of it is
// taken from the engine's bases.
type write struct {
	id      se.WriteID
	at      int64 // effective time, once the centre judged it
	vals    []schema.Value
	op      bool
	add     schema.Value
	in      []string
	out     []string
	saw     sight
	pin     int64 // cursor at which the author read the cell
	fate    string
	met     bool    // it met something shown that its author had not seen
	outcome se.Fate // what it came to when it met the cell
	// A write that had lost before its row died and stands again in the row that lives again counts as seen only by who
	// read it since: the engine keeps one span in which a write stood, not two.
	since int64

	// Of merged rows, see unite.go.
	row    se.RowID   // the retired row that it was written to
	named  []se.RowID // retired rows that it named
	was    *write     // the same write before a reference in it was re-pointed: who saw that saw this
	became *write     // what the model keeps in its place
}

// sight is what an author saw of one cell.
type sight struct {
	writes []*write                // what he knew the cell's value to stand for
	tags   map[string][]se.WriteID // additions to a set that he could see, by element
}

// sees tells whether w's author had s before him: he saw it, or it is an earlier write of his own device.
func (w *write) sees(s *write) bool {
	if s.id.Device == w.id.Device && s.row == w.row {
		return s.id.N < w.id.N
	}
	for x := s; x != nil; x = x.was {
		if slices.Contains(w.saw.writes, x) {
			return w.pin >= s.since
		}
	}
	return false
}

// surv is a surviving write in the model of a cell.
type surv struct {
	*write
	stands bool
}

type elem struct {
	value string
	tags  []se.WriteID
}

// mcell is the model of a cell at the centre: the merge rule of engine.md §5 over true happens-before.
type mcell struct {
	def     *schema.Cell
	surv    []surv
	elems   []elem // by value
	sum     schema.Value
	written bool
	snaps   []snap
}

// snap is what a cell stood for from a seq on.
type snap struct {
	seq      int64
	standing []*write
	all      []*write
	elems    []elem
}

// at gives what the cell stood for at a seq.
func (c *mcell) atSeq(seq int64) snap {
	i := sort.Search(len(c.snaps), func(i int) bool { return c.snaps[i].seq > seq })
	if i == 0 {
		return snap{}
	}
	return c.snaps[i-1]
}

func (c *mcell) note(seq int64) {
	s := snap{seq: seq}
	for _, x := range c.surv {
		s.all = append(s.all, x.write)
		if x.stands {
			s.standing = append(s.standing, x.write)
		}
	}
	for _, e := range c.elems {
		s.elems = append(s.elems, elem{e.value, slices.Clone(e.tags)})
	}
	if n := len(c.snaps); n > 0 && c.snaps[n-1].seq == seq {
		c.snaps[n-1] = s
		return
	}
	c.snaps = append(c.snaps, s)
}

func (c *mcell) reset() { c.surv, c.elems, c.sum, c.written = nil, nil, schema.Null(), false }

// shows gives a standing write's values.
func (c *mcell) shows() []schema.Value {
	for _, x := range c.surv {
		if x.stands {
			return x.vals
		}
	}
	return nil
}

func earlier(a, b *write) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.id.Device != b.id.Device {
		return a.id.Device < b.id.Device
	}
	return a.id.N < b.id.N
}

// merge lets a write meet the cell.
func (c *mcell) merge(w *write) {
	c.written = true
	before := c.shows()
	defer func() { w.outcome = c.outcomeOf(w, before) }()
	switch {
	case c.def.Policy == schema.PolicyAdd:
		c.sum = addValues(c.sum, w.add)
		w.fate = "combined"
	case c.def.Policy == schema.PolicyUnion:
		c.union(w)
		w.fate = "combined"
		for _, e := range w.out {
			if slices.ContainsFunc(c.elems, func(x elem) bool { return x.value == e }) {
				w.fate = "combined, outlived"
			}
		}
	case c.def.Policy == schema.PolicyMax || c.def.Policy == schema.PolicyMin:
		c.mergeExtreme(w)
	default:
		c.mergeValue(w)
	}
}

func (c *mcell) drop(w *write) {
	c.surv = slices.DeleteFunc(c.surv, func(s surv) bool {
		if w.sees(s.write) {
			s.fate = "superseded"
			return true
		}
		return false
	})
}

func (c *mcell) mergeValue(w *write) {
	c.drop(w)
	var rival *write
	for _, s := range c.surv {
		if s.stands && (rival == nil || earlier(rival, s.write)) {
			rival = s.write
		}
	}
	stands := true
	w.fate, w.met = "stands", rival != nil
	switch {
	case rival == nil:
	case slices.Equal(rival.vals, w.vals):
		w.fate = "converged"
	case earlier(rival, w):
		for i := range c.surv {
			if c.surv[i].stands {
				c.surv[i].stands, c.surv[i].fate = false, "loser"
			}
		}
	default:
		stands, w.fate = false, "loser"
	}
	c.surv = append(c.surv, surv{w, stands})
	if c.def.Policy != schema.PolicyReview {
		c.surv = slices.DeleteFunc(c.surv, func(s surv) bool { return !s.stands })
	}
}

func (c *mcell) mergeExtreme(w *write) {
	c.drop(w)
	w.met = len(c.surv) > 0
	c.surv = append(c.surv, surv{w, false})
	best := c.surv[0].vals
	for _, s := range c.surv[1:] {
		if extreme(c.def, s.vals[0], best[0]) {
			best = s.vals
		}
	}
	uncovered := false
	for i := range c.surv {
		s := &c.surv[i]
		again := !s.stands && s.write != w
		s.stands, s.fate = s.vals[0] == best[0], "loser"
		if s.stands {
			s.fate = "stands"
		}
		uncovered = uncovered || s.stands && again
	}
	if uncovered && w.fate == "loser" {
		w.fate = "uncovered"
	}
}

// extreme tells whether a max (min) cell shows a rather than b. The small schema has only numbers there.
func extreme(def *schema.Cell, a, b schema.Value) bool {
	if a.IsNull() || b.IsNull() {
		return !a.IsNull() && b.IsNull()
	}
	if def.Policy == schema.PolicyMin {
		return a.Int64() < b.Int64()
	}
	return a.Int64() > b.Int64()
}

func addValues(a, b schema.Value) schema.Value {
	if a.IsNull() && b.IsNull() {
		return schema.Null()
	}
	return schema.Int(a.Int64() + b.Int64())
}

func (c *mcell) union(w *write) {
	for _, e := range w.out {
		c.elems = slices.DeleteFunc(c.elems, func(x elem) bool { return x.value == e && len(x.without(w)) == 0 })
		for i := range c.elems {
			if c.elems[i].value == e {
				c.elems[i].tags = c.elems[i].without(w)
			}
		}
	}
	for _, e := range w.in {
		i := slices.IndexFunc(c.elems, func(x elem) bool { return x.value == e })
		if i < 0 {
			c.elems = append(c.elems, elem{value: e})
			i = len(c.elems) - 1
		}
		c.elems[i].tags = append(slices.DeleteFunc(slices.Clone(c.elems[i].tags), func(t se.WriteID) bool { return t.Device == w.id.Device }), w.id)
	}
	slices.SortFunc(c.elems, func(a, b elem) int {
		if a.value < b.value {
			return -1
		}
		return 1
	})
}

// without gives the tags that are left when a removal takes those its author saw.
func (e elem) without(w *write) []se.WriteID {
	return slices.DeleteFunc(slices.Clone(e.tags), func(t se.WriteID) bool {
		return t.Device == w.id.Device && t.N < w.id.N || slices.Contains(w.saw.tags[e.value], t)
	})
}

// mcand is a write that waits because its row was deleted.
type mcand struct {
	cell int
	w    *write
	in   []string // of a union, the one element
	lost bool     // something else stood when the row died
}

// mrow is the model of a row at the centre.
type mrow struct {
	key   replica.RowKey
	table *schema.Table
	alive bool
	known bool // was ever there
	by    se.WriteID
	into  se.RowID // that it was merged into
	cells []*mcell
	cands []mcand
	lives []life
}

type life struct {
	seq   int64
	alive bool
}

func newRow(t *schema.Table, k replica.RowKey) *mrow {
	r := &mrow{key: k, table: t, cells: make([]*mcell, len(t.Cells))}
	for i, def := range t.Cells {
		r.cells[i] = &mcell{def: def}
	}
	return r
}

func (r *mrow) live(seq int64, alive bool) {
	r.alive, r.known = alive, true
	r.lives = append(r.lives, life{seq, alive})
}
