package syncengine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// CheckRequest asks whether a replica holds what it should.
type CheckRequest struct {
	Device string
	Schema int // as Hello said it
	App    string
	Check  *Check
	Now    int64 // centre's clock, ms
	Budget int   // about how many bytes of rows to answer with at most; one bucket may be larger
	Pages  Pages
}

// Check compares a device's digests with the rows that its view shows at its cursor, and gives the rows of buckets that
// differ. Only while nothing of the view is newer than the cursor are the centre's rows those that the device should
// hold; else the answer is Stale. A scope that is not in the view is compared with nothing, whether it exists or not.
//
// Rows are projected by the same code as deltas. What they come to is kept in memo, so that many devices with one view
// cost one reading; memo may be nil.
func (e *Engine) Check(tx ReadTx, memo *DigestMemo, req CheckRequest) ([]Repair, error) {
	v, fresh, err := e.checkable(tx, &req)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return []Repair{{Number: req.Check.Number, Part: 1, Done: true, Stale: true}}, nil
	}
	c := &checker{reader: reader{tx: tx, v: v, step: &Part{Reset: true}, pages: req.Pages.orUsual()}, req: &req, memo: memo}
	if v.byScope[req.Check.Scope] == nil {
		return c.answer(c.differing(nil))
	}
	have, err := c.digests()
	if err != nil {
		return nil, err
	}
	return c.answer(c.differing(have))
}

// checkable tells whether the device's cursor has everything that its view shows: Next would have nothing for it.
func (e *Engine) checkable(tx ReadTx, req *CheckRequest) (*views, bool, error) {
	part, err := e.Next(tx, NextRequest{
		Device: req.Device, Schema: req.Schema, App: req.App, Cursor: req.Check.At, View: req.Check.View, Inbox: math.MaxInt64, Now: req.Now,
		Budget: 1, Pages: Pages{Items: 200, Frame: 1},
	})
	if err != nil || part.Reset || part.Restart || part.Drain || len(part.Frames) == 0 {
		return nil, false, err
	}
	for i := range part.Frames {
		if len(part.Frames[i].Items) > 0 {
			return nil, false, nil
		}
	}
	v, err := e.views(tx, req.Device, req.Now)
	return v, err == nil && part.Frames[len(part.Frames)-1].Done, err
}

type checker struct {
	reader
	req  *CheckRequest
	memo *DigestMemo
}

// fine are a scope's digests in the greatest number of buckets; coarser ones are sums of these.
type fine map[string]map[int]Digest

// digests gives those of the scope, from memory if nothing changed in it since they were made.
func (c *checker) digests() (fine, error) {
	head, err := c.tx.Head()
	if err != nil {
		return nil, err
	}
	key := c.key()
	if f, at, ok := c.memo.get(key); ok && at.Epoch == head.Epoch && at.Seq <= head.Seq {
		newer, err := c.tx.Changed(c.req.Check.Scope, Position{Seq: at.Seq}, 1)
		if err != nil || len(newer) == 0 {
			return f, err
		}
	}
	out, digesters := fine{}, map[string]*Digester{}
	for _, td := range c.req.Check.Tables {
		if t := c.v.schema.Table(td.Table); t != nil {
			digesters[td.Table], out[td.Table] = NewDigester(t, td.Columns), map[int]Digest{}
		}
	}
	err = c.each(func(t *schema.Table, it *DeltaItem) error {
		if d := digesters[t.Name]; d != nil {
			i := it.Row.Bucket(MaxBuckets)
			sum := out[t.Name][i]
			sum.Add(d.Row(it.Row, cellsOf(t, it)))
			out[t.Name][i] = sum
		}
		return nil
	})
	if err == nil {
		c.memo.put(key, Base{head.Epoch, head.Seq}, out)
	}
	return out, err
}

// key names everything that the digests depend on besides the rows.
func (c *checker) key() string {
	var b strings.Builder
	sv := c.v.byScope[c.req.Check.Scope]
	fmt.Fprintf(&b, "%d %q %q", c.v.schema.Version, c.req.Check.Scope, sv.roles)
	for _, t := range c.v.schema.Tables {
		if a := c.v.access(t, c.req.Check.Scope); a != nil && !a.Rows[schema.RowsAll] {
			// Rows of one's own or of one's doors: the view is this person's.
			doors := make([]string, 0, len(sv.doors))
			for d := range sv.doors {
				doors = append(doors, d)
			}
			slices.Sort(doors)
			fmt.Fprintf(&b, " %q %q", c.v.principal.Account, doors)
			break
		}
	}
	for _, td := range c.req.Check.Tables {
		fmt.Fprintf(&b, " %q %q", td.Table, td.Columns)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return string(sum[:])
}

// each reads the rows of the scope as the view shows them.
func (c *checker) each(fn func(*schema.Table, *DeltaItem) error) error {
	for pos := (Position{}); ; {
		items, err := c.tx.Changed(c.req.Check.Scope, pos, c.pages.Items)
		if err != nil {
			return fmt.Errorf("read scope %s: %w", c.req.Check.Scope, err)
		}
		for i := range items {
			pos = Position{items[i].Seq, items[i].Key}
			if items[i].Row == nil {
				continue
			}
			it, err := c.row(&items[i])
			if err == nil && it != nil {
				err = fn(c.v.schema.Table(it.Table), it)
			}
			if err != nil {
				return err
			}
		}
		if len(items) < c.pages.Items {
			return nil
		}
	}
}

// cellsOf puts a whole item into the form of a row, as a device does.
func cellsOf(t *schema.Table, it *DeltaItem) [][]schema.Value {
	out := make([][]schema.Value, len(t.Cells))
	for i, def := range t.Cells {
		out[i] = make([]schema.Value, len(def.Columns))
	}
	for _, c := range it.Cells {
		out[t.CellIndex(c.Cell)] = c.Values
	}
	return out
}

// differing lists the buckets in which the device's digests are not the centre's.
func (c *checker) differing(have fine) []Covered {
	var out []Covered
	for _, td := range c.req.Check.Tables {
		want, got := map[int]Digest{}, map[int]Digest{}
		for i, d := range have[td.Table] {
			sum := want[i&(td.Buckets-1)]
			sum.Add(d)
			want[i&(td.Buckets-1)] = sum
		}
		for _, b := range td.Filled {
			got[b.Index] = b.Digest
		}
		cov := Covered{Table: td.Table, Buckets: td.Buckets}
		for i := range td.Buckets {
			if want[i] != got[i] {
				cov.Index = append(cov.Index, i)
			}
		}
		if len(cov.Index) > 0 {
			out = append(out, cov)
		}
	}
	return out
}

// answer reads the rows of differing buckets, as many buckets as the budget takes and at least one, and splits them
// into parts.
func (c *checker) answer(differ []Covered) ([]Repair, error) {
	last := Repair{Number: c.req.Check.Number, Part: 1, Done: true, Covered: differ}
	if len(differ) == 0 {
		return []Repair{last}, nil
	}
	held, err := c.collect(differ)
	if err != nil {
		return nil, err
	}
	if held.snapshot {
		last.Covered, last.Snapshot = nil, true
		return []Repair{last}, nil
	}
	last.Covered, last.More = held.covered(), held.dropped
	var out []Repair
	part, size := Repair{Number: last.Number, Part: 1}, 0
	for _, b := range held.buckets {
		for _, it := range b.items {
			if size > 0 && size+it.Size() > c.pages.Frame {
				out = append(out, part)
				part, size = Repair{Number: last.Number, Part: part.Part + 1}, 0
			}
			part.Items = append(part.Items, it)
			size += it.Size()
		}
	}
	last.Part, last.Items = part.Part, part.Items
	return append(out, last), nil
}

// collected are buckets being read.
type collected struct {
	buckets  []*bucketRows
	size     int
	dropped  bool // some were left out for want of room
	snapshot bool
}

type bucketRows struct {
	table     string
	of, index int
	items     []DeltaItem
	size      int
}

func (c *checker) collect(differ []Covered) (*collected, error) {
	held := &collected{}
	type name struct {
		table string
		index int
	}
	at, of := map[name]*bucketRows{}, map[string]int{}
	for _, cov := range differ {
		of[cov.Table] = cov.Buckets
		for _, i := range cov.Index {
			b := &bucketRows{table: cov.Table, of: cov.Buckets, index: i}
			at[name{cov.Table, i}] = b
			held.buckets = append(held.buckets, b)
		}
	}
	if c.v.byScope[c.req.Check.Scope] == nil {
		return held, nil
	}
	err := c.each(func(t *schema.Table, it *DeltaItem) error {
		if of[t.Name] == 0 {
			return nil
		}
		b := at[name{t.Name, it.Row.Bucket(of[t.Name])}]
		if b == nil {
			return nil
		}
		b.items = append(b.items, *it)
		b.size += it.Size()
		held.size += it.Size()
		for held.size > c.req.Budget && len(held.buckets) > 1 {
			n := len(held.buckets) - 1
			out := held.buckets[n]
			held.buckets, held.dropped = held.buckets[:n:n], true
			held.size -= out.size
			delete(at, name{out.table, out.index})
		}
		held.snapshot = held.snapshot || held.size > c.pages.Bucket
		if held.snapshot {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return held, err
}

var errEnough = errors.New("enough was read")

func (h *collected) covered() []Covered {
	var out []Covered
	for _, b := range h.buckets {
		if n := len(out); n == 0 || out[n-1].Table != b.table {
			out = append(out, Covered{Table: b.table, Buckets: b.of})
		}
		last := &out[len(out)-1]
		last.Index = append(last.Index, b.index)
	}
	return out
}
