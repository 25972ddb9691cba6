package wire

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// columnsToWire puts what is alike in items beside each other. Nothing of their order is lost, nor of the order of their
// cells.
func columnsToWire(items []se.DeltaItem) (*DeltaColumns, error) {
	p := columnsPacker{ids: uuidSet{of: make(map[uuid]int64, 2*len(items))}, groups: map[groupKey][]*group{}}
	if err := p.gather(items); err != nil {
		return nil, err
	}
	out := &DeltaColumns{Order: appendNumbers(nil, p.order)}
	for _, g := range p.list { // ids of rows are numbered first, so that they follow each other
		w, err := p.group(g, items)
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, w)
	}
	for i, g := range p.list {
		out.Groups[i].Cells = p.cells(g, items)
	}
	out.Ids = p.ids.toWire()
	return out, nil
}

type columnsPacker struct {
	ids    uuidSet
	groups map[groupKey][]*group
	list   []*group
	order  []int64
	parts  int
}

type groupKey struct {
	kind  se.DeltaKind
	table string
	whole bool
}

// group is what is alike in some items.
type group struct {
	groupKey
	number int
	items  []int32 // where they are in the chunk
	cells  []cellShape
}

type cellShape struct {
	cell  string
	width int
}

// gather finds the group of each item.
func (p *columnsPacker) gather(items []se.DeltaItem) error {
	last := -1
	for i := range items {
		it := &items[i]
		if it.Kind < se.DeltaEvict || it.Kind > se.DeltaRow {
			return fmt.Errorf("bug: item %d is of kind %d", i, it.Kind)
		}
		p.parts += 1 + len(it.Cells)
		for _, c := range it.Cells {
			p.parts += len(c.Values)
		}
		if p.parts > maxParts {
			return errParts
		}
		g := p.find(it)
		g.items = append(g.items, int32(i))
		if g.number != last {
			p.order, last = append(p.order, int64(g.number), 0), g.number
		}
		p.order[len(p.order)-1]++
	}
	return nil
}

// tries is how many groups are looked at for an item before it begins a new one. One is enough for items that an engine
// makes: their cells are in the schema's order.
const tries = 4

func (p *columnsPacker) find(it *se.DeltaItem) *group {
	key := groupKey{it.Kind, it.Table, it.Whole}
	list := p.groups[key]
	for i := len(list) - 1; i >= max(0, len(list)-tries); i-- {
		if list[i].takes(it.Cells) {
			return list[i]
		}
	}
	g := &group{groupKey: key, number: len(p.list)}
	for _, c := range it.Cells {
		g.cells = append(g.cells, cellShape{c.Cell, len(c.Values)})
	}
	p.list, p.groups[key] = append(p.list, g), append(list, g)
	return g
}

// takes tells whether an item's cells are some of the group's, in its order. Cells that the group does not know yet are
// put between those that it does.
func (g *group) takes(cells []se.CellValue) bool {
	at := 0
	for _, c := range cells {
		i := g.after(c.Cell, at)
		switch {
		case i < 0:
			if g.after(c.Cell, 0) >= 0 {
				return false // another order
			}
			i = at
			g.cells = slices.Insert(g.cells, i, cellShape{c.Cell, len(c.Values)})
		case g.cells[i].width != len(c.Values):
			return false
		}
		at = i + 1
	}
	return true
}

func (g *group) after(cell string, at int) int {
	for i := at; i < len(g.cells); i++ {
		if g.cells[i].cell == cell {
			return i
		}
	}
	return -1
}

func (p *columnsPacker) group(g *group, items []se.DeltaItem) (*ColumnGroup, error) {
	seqs, rows := make([]int64, len(g.items)), make([]string, len(g.items))
	for i, at := range g.items {
		seqs[i], rows[i] = items[at].Seq, string(items[at].Row)
		if !utf8.ValidString(rows[i]) {
			return nil, errors.New("wire: encode items: the id of a row is not UTF-8")
		}
	}
	return &ColumnGroup{
		Table: g.table, Kind: DeltaKind(g.kind), Whole: g.whole, Seqs: appendNumbers(nil, seqs), Rows: p.texts(rows),
	}, nil
}

// cells goes through the items of a group once for each cell.
func (p *columnsPacker) cells(g *group, items []se.DeltaItem) []*ColumnCell {
	next := make([]int, len(g.items)) // the cell that each item is at
	present := make([]byte, len(g.items))
	var having [][]schema.Value
	out := make([]*ColumnCell, len(g.cells))
	for i, c := range g.cells {
		having = having[:0]
		for k, at := range g.items {
			cells := items[at].Cells
			present[k] = 0
			if next[k] < len(cells) && cells[next[k]].Cell == c.cell {
				having = append(having, cells[next[k]].Values)
				present[k] = 1
				next[k]++
			}
		}
		w := &ColumnCell{Cell: c.cell}
		if len(having) < len(present) || c.width == 0 { // each cell costs some bytes, so that few bytes cannot say many
			w.Present = slices.Clone(present)
		}
		for j := range c.width {
			w.Columns = append(w.Columns, p.column(having, j))
		}
		out[i] = w
	}
	return out
}

// column writes the values that rows have at j.
func (p *columnsPacker) column(rows [][]schema.Value, j int) *Column {
	var (
		kinds       = make([]byte, len(rows))
		ints, sizes []int64
		reals       []uint64
		texts       []string
		w           = &Column{}
	)
	for i, values := range rows {
		v := values[j]
		kinds[i] = byte(v.Kind())
		switch v.Kind() {
		case schema.KindInt:
			ints = append(ints, v.Int64())
		case schema.KindReal:
			reals = append(reals, math.Float64bits(v.Float64()))
		case schema.KindText:
			texts = append(texts, v.Str())
		case schema.KindBlob:
			b := v.Bytes()
			sizes, w.Blobs = append(sizes, int64(len(b))), append(w.Blobs, b...)
		}
	}
	if len(kinds) > 0 && kinds[0] != byte(schema.KindNull) && !slices.ContainsFunc(kinds, func(k byte) bool { return k != kinds[0] }) {
		w.Kind = uint32(kinds[0])
	} else {
		w.Kinds = kinds
	}
	w.Ints, w.Sizes, w.Reals = appendNumbers(nil, ints), appendNumbers(nil, sizes), appendReals(nil, reals)
	if different, picks := distinct(texts); picks != nil {
		w.Texts, w.Picks = p.texts(different), appendNumbers(nil, picks)
	} else {
		w.Texts = p.texts(texts)
	}
	return w
}

// appendReals writes the first byte of each, then the second of each, and so on: those are alike.
func appendReals(b []byte, list []uint64) []byte {
	for shift := 56; shift >= 0; shift -= 8 {
		for _, r := range list {
			b = append(b, byte(r>>shift))
		}
	}
	return b
}

// distinct gives the different ones among texts and which of them each one is, if at most half of them differ.
func distinct(texts []string) (different []string, picks []int64) {
	most := len(texts) / 2
	of := map[string]int64{}
	for _, s := range texts {
		n, known := of[s]
		if !known {
			if len(different) == most {
				return nil, nil
			}
			n = int64(len(different))
			of[s], different = n, append(different, s)
		}
		picks = append(picks, n)
	}
	return different, picks
}

// texts writes texts as ids, if all of them are.
func (p *columnsPacker) texts(list []string) *ColumnTexts {
	if len(list) == 0 {
		return nil
	}
	if parsed := parseUUIDs(list); parsed != nil {
		refs := make([]int64, len(parsed))
		for i, u := range parsed {
			refs[i] = p.ids.number(u)
		}
		return &ColumnTexts{Refs: appendNumbers(nil, refs)}
	}
	w, sizes := &ColumnTexts{}, make([]int64, len(list))
	for i, s := range list {
		sizes[i] = int64(len(s))
		w.Run = append(w.Run, s...)
	}
	w.Sizes = appendNumbers(nil, sizes)
	return w
}

func parseUUIDs(list []string) []uuid {
	out := make([]uuid, 0, len(list))
	for _, s := range list {
		u, ok := parseUUID(s)
		if !ok {
			return nil
		}
		out = append(out, u)
	}
	return out
}
