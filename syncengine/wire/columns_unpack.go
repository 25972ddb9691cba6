package wire

import (
	"errors"
	"math"
	"unicode/utf8"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

var errColumns = errors.New("columns: what is told of items does not fit together")

// columnsFromWire reads items from columns. What it takes of memory is spent from a budget before it is taken, and no
// loop is longer than the bytes read or the budget.
func columnsFromWire(p *DeltaColumns) ([]se.DeltaItem, error) {
	ids, ok := uuidsFromWire(p.GetIds())
	if !ok {
		return nil, errColumns
	}
	u := columnsReader{ids: ids, left: maxParts}
	places, err := u.places(p)
	if err != nil {
		return nil, err
	}
	for i, g := range p.GetGroups() {
		var of checks
		u.group(g, places[i], &of)
		if of.err != nil {
			return nil, within(item("groups", i), of.err)
		}
	}
	if len(u.items) == 0 {
		return nil, nil
	}
	return u.items, nil
}

type columnsReader struct {
	ids   string // UUIDs, 36 bytes each
	left  int    // parts that there may still be
	items []se.DeltaItem

	texts []string // of the column that is read
	cells []int    // of the group that is read: how many cells each item has
	rows  []int    // of the cell that is read: items that have it
}

func (u *columnsReader) spend(n int) bool {
	if n > u.left {
		u.left = 0
		return false
	}
	u.left -= n
	return true
}

// places tells which items each group holds.
func (u *columnsReader) places(p *DeltaColumns) ([][]int32, error) {
	counts := make([]int, len(p.GetGroups()))
	all := 0
	for r := readNumbers(p.GetOrder()); ; {
		if r.over() {
			break
		}
		g, n := r.index(len(counts)), r.next()
		if r.bad || n < 1 || n > maxParts || !u.spend(int(n)) {
			return nil, errColumns
		}
		counts[g] += int(n)
		all += int(n)
	}
	for i, g := range p.GetGroups() { // each item costs a byte there at least
		if counts[i] > len(g.GetSeqs()) {
			return nil, errColumns
		}
	}
	u.items = make([]se.DeltaItem, all)
	flat, out := make([]int32, all), make([][]int32, len(counts))
	for i, n := range counts {
		out[i], flat = flat[:0:n], flat[n:]
	}
	at := int32(0)
	for r := readNumbers(p.GetOrder()); !r.over(); {
		g := r.index(len(counts))
		for range r.next() {
			out[g] = append(out[g], at)
			at++
		}
	}
	return out, nil
}

func (u *columnsReader) group(p *ColumnGroup, places []int32, c *checks) {
	table, kind := c.name("table", p.GetTable()), p.GetKind()
	if kind < DeltaKind_DELTA_KIND_EVICT || kind > DeltaKind_DELTA_KIND_ROW {
		c.fail("kind", "must be DELTA_KIND_EVICT, DELTA_KIND_DEAD or DELTA_KIND_ROW")
	}
	rows, ok := u.strings(p.GetRows(), len(places))
	if !ok {
		c.fail("rows", "are not as many texts as there are seqs")
	}
	if c.err != nil {
		return
	}
	seqs := readNumbers(p.GetSeqs())
	for i, at := range places {
		seq := seqs.next()
		if seq < 0 || !rowID(rows[i]) {
			c.fail("rows", "hold a seq or an id that none may have")
			return
		}
		u.items[at] = se.DeltaItem{Seq: seq, Kind: se.DeltaKind(kind), Table: table, Row: se.RowID(rows[i]), Whole: p.GetWhole()}
	}
	if !seqs.over() {
		c.fail("seqs", "are not as many as order says")
		return
	}
	u.room(p, places, c)
	for i, cell := range p.GetCells() {
		if c.err == nil {
			var of checks
			u.cell(cell, places, &of)
			c.at("cells", i, of.err)
		}
	}
}

func rowID(s string) bool { return s != "" && len(s) <= maxName && utf8.ValidString(s) }

// room makes the items of a group as large as they become, all of one piece.
func (u *columnsReader) room(p *ColumnGroup, places []int32, c *checks) {
	u.cells = append(u.cells[:0], make([]int, len(places))...)
	all := 0
	for i, cell := range p.GetCells() {
		present := cell.GetPresent()
		switch {
		case len(present) == 0 && (len(cell.GetColumns()) > 0 || len(places) == 0):
			if all+len(places) > u.left {
				c.fail(item("cells", i), "is one too many")
				return
			}
			for k := range u.cells {
				u.cells[k]++
			}
			all += len(places)
		case len(present) == len(places):
			for k, b := range present {
				if b > 1 {
					c.fail(item("cells", i), "has a byte of present that is neither 0 nor 1")
					return
				}
				u.cells[k] += int(b)
				all += int(b)
			}
		default:
			c.fail(item("cells", i), "does not say of each item whether it has it")
			return
		}
	}
	if !u.spend(all) {
		c.fail("cells", "are more than there may be")
		return
	}
	flat := make([]se.CellValue, all)
	for k, n := range u.cells {
		if n > 0 {
			u.items[places[k]].Cells, flat = flat[:0:n], flat[n:]
		}
	}
}

// cell adds a cell to those of a group's items that have it.
func (u *columnsReader) cell(p *ColumnCell, places []int32, c *checks) {
	name, present := c.name("cell", p.GetCell()), p.GetPresent()
	u.rows = u.rows[:0]
	for k, at := range places {
		if len(present) == 0 || present[k] == 1 {
			u.rows = append(u.rows, int(at))
		}
	}
	width := len(p.GetColumns())
	if c.err != nil || width > 0 && len(u.rows) > u.left/width || !u.spend(width*len(u.rows)) {
		c.fail("columns", "have more values than there may be")
		return
	}
	values := make([]schema.Value, width*len(u.rows))
	for j, column := range p.GetColumns() {
		var of checks
		u.column(column, values[min(j, len(values)):], width, len(u.rows), &of)
		if c.at("columns", j, of.err); c.err != nil {
			return
		}
	}
	for _, at := range u.rows {
		v := se.CellValue{Cell: name}
		if width > 0 {
			v.Values, values = values[:width:width], values[width:]
		}
		u.items[at].Cells = append(u.items[at].Cells, v)
	}
}

// column reads n values and puts them step apart.
func (u *columnsReader) column(p *Column, out []schema.Value, step, n int, c *checks) {
	kinds, kind := p.GetKinds(), schema.Kind(p.GetKind())
	count := [schema.KindBlob + 1]int{}
	switch {
	case len(kinds) == 0 && n > 0 && p.GetKind() >= uint32(schema.KindInt) && p.GetKind() <= uint32(schema.KindBlob):
		count[kind] = n
	case len(kinds) == n && p.GetKind() == 0:
		for _, k := range kinds {
			if k > byte(schema.KindBlob) {
				c.fail("kinds", "hold one that is not known here")
				return
			}
			count[k]++
		}
	default:
		c.fail("kinds", "are not as many as there are values")
		return
	}
	texts, ok := u.picked(p, count[schema.KindText])
	reals := p.GetReals()
	if !ok || len(reals) != 8*count[schema.KindReal] {
		c.fail("texts", "or reals are not as many as kinds say")
		return
	}
	ints, sizes, blobs, real := readNumbers(p.GetInts()), readNumbers(p.GetSizes()), p.GetBlobs(), 0
	for i := range n {
		if len(kinds) > 0 {
			kind = schema.Kind(kinds[i])
		}
		v := schema.Null()
		switch kind {
		case schema.KindInt:
			v = schema.Int(ints.next())
		case schema.KindText:
			v, texts = schema.Text(texts[0]), texts[1:]
		case schema.KindReal:
			v = schema.Real(math.Float64frombits(readReal(reals, real)))
			real++
		case schema.KindBlob:
			size := sizes.index(len(blobs) + 1)
			v, blobs = schema.Blob(blobs[:size]), blobs[size:]
		}
		if v.Kind() != kind {
			c.fail("reals", "hold NaN, which is not a value")
			return
		}
		out[i*step] = v
	}
	if !ints.over() || !sizes.over() || len(blobs) > 0 {
		c.fail("ints", "or blobs are not as many as kinds say")
	}
}

func readReal(b []byte, i int) (r uint64) {
	for n := len(b) / 8; i < len(b); i += n {
		r = r<<8 | uint64(b[i])
	}
	return r
}

// picked reads the n texts of a column.
func (u *columnsReader) picked(p *Column, n int) ([]string, bool) {
	if len(p.GetPicks()) == 0 {
		return u.strings(p.GetTexts(), n)
	}
	refs, sizes := readNumbers(p.GetTexts().GetRefs()), readNumbers(p.GetTexts().GetSizes())
	different := refs.count() + sizes.count()
	if different == 0 || different > n || n > len(p.GetPicks()) {
		return nil, false
	}
	list, ok := u.strings(p.GetTexts(), different)
	if !ok {
		return nil, false
	}
	picks := readNumbers(p.GetPicks())
	for range n {
		list = append(list, list[:different][picks.index(different)])
	}
	u.texts = list
	return list[different:], picks.over()
}

// strings reads n texts, which are good until it is called again.
func (u *columnsReader) strings(p *ColumnTexts, n int) ([]string, bool) {
	refs, sizes := readNumbers(p.GetRefs()), readNumbers(p.GetSizes())
	if n > len(p.GetRefs())+len(p.GetSizes()) || len(p.GetRefs()) > 0 && len(p.GetRun()) > 0 {
		return nil, false
	}
	u.texts = u.texts[:0]
	if len(p.GetRefs()) > 0 {
		known := len(u.ids) / 36
		for range n {
			at := 36 * refs.index(known)
			if refs.bad {
				return nil, false
			}
			u.texts = append(u.texts, u.ids[at:at+36])
		}
	} else {
		run := string(p.GetRun())
		for range n {
			size := sizes.index(len(run) + 1)
			u.texts = append(u.texts, run[:size])
			run = run[size:]
		}
		if len(run) > 0 {
			return nil, false
		}
	}
	return u.texts, refs.over() && sizes.over()
}
