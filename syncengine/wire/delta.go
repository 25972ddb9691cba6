package wire

import (
	"encoding/binary"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

func positionToWire(p se.Position) *Position {
	if p == (se.Position{}) {
		return nil
	}
	return &Position{Seq: p.Seq, Key: p.Key}
}

func stagedToWire(list []se.StagedScope) []*StagedScope {
	var out []*StagedScope
	for _, s := range list {
		out = append(out, &StagedScope{Scope: s.Scope, After: positionToWire(s.After), Snapshot: s.Snapshot, Read: s.Read})
	}
	return out
}

func (c *checks) staged(name string, list []*StagedScope) []se.StagedScope {
	var out []se.StagedScope
	for i, s := range list {
		var of checks
		out = append(out, se.StagedScope{
			Scope: of.name("scope", s.GetScope()), After: of.position("after", s.GetAfter()),
			Snapshot: of.text("snapshot", s.GetSnapshot(), maxName), Read: of.count("read", s.GetRead()),
		})
		c.at(name, i, of.err)
	}
	return out
}

func deltaToWire(d *se.Delta) (*Delta, error) {
	p := &Delta{
		View: d.View, From: baseToWire(d.From), Reset_: d.Reset, Scope: d.Scope,
		Start: positionToWire(d.Start), After: positionToWire(d.After),
		Done: d.Done, Scopes: stagedToWire(d.Scopes), To: baseToWire(d.To), LastN: d.LastN, Hlc: uint64(d.HLC),
		Packed: d.Packed, Snapshot: d.Snapshot, Chunk: int32(d.Chunk), Read: d.Read,
		History: hashToWire(d.History), Mac: hashToWire(d.MAC),
	}
	var err error
	p.Items, err = itemsToWire(d.Items)
	return p, err
}

// deltaField is where an Envelope has a Delta.
var deltaField = sync.OnceValue(func() protowire.Number {
	return (&Envelope{}).ProtoReflect().Descriptor().Fields().ByName("delta").Number()
})

// marshalKept encodes the items once for all who are sent them; what is before them in the message is each one's own. A
// message in two pieces is their bytes one after the other.
func marshalKept(d *se.Delta) ([]byte, error) {
	options := proto.MarshalOptions{Deterministic: true}
	items, err := d.Kept.Do(func() ([]byte, error) {
		list, err := itemsToWire(d.Items)
		if err != nil {
			return nil, err
		}
		return options.Marshal(&Delta{Items: list})
	})
	if err != nil {
		return nil, fmt.Errorf("wire: encode items: %w", err)
	}
	own := *d
	own.Items = nil
	p, err := deltaToWire(&own)
	if err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", d, err)
	}
	size := options.Size(p)
	out := make([]byte, 0, 2*binary.MaxVarintLen64+size+len(items))
	out = protowire.AppendTag(out, deltaField(), protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size+len(items)))
	if out, err = options.MarshalAppend(out, p); err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", d, err)
	}
	return append(out, items...), nil
}

func itemsToWire(items []se.DeltaItem) ([]*DeltaItem, error) {
	if len(items) == 0 {
		return nil, nil
	}
	out := make([]*DeltaItem, len(items))
	for i := range items {
		it := &items[i]
		if it.Kind < se.DeltaEvict || it.Kind > se.DeltaRow {
			return nil, fmt.Errorf("bug: item %d is of kind %d", i, it.Kind)
		}
		x := &DeltaItem{Seq: it.Seq, Kind: DeltaKind(it.Kind), Table: it.Table, Row: string(it.Row), Whole: it.Whole}
		for _, v := range it.Cells {
			x.Cells = append(x.Cells, &CellValue{Cell: v.Cell, Values: valuesToWire(v.Values)})
		}
		out[i] = x
	}
	return out, nil
}

func (c *checks) items(list []*DeltaItem) []se.DeltaItem {
	if len(list) == 0 {
		return nil
	}
	out := make([]se.DeltaItem, len(list))
	for i, x := range list {
		c.at("items", i, itemFromWire(x, &out[i]))
	}
	return out
}

func deltaFromWire(p *Delta) (session.Message, error) {
	var c checks
	d := se.Delta{
		View:   c.text("view", p.GetView(), maxName),
		From:   c.base("from", p.GetFrom()),
		Reset:  p.GetReset_(),
		Scope:  c.text("scope", p.GetScope(), maxName),
		Start:  c.position("start", p.GetStart()),
		After:  c.position("after", p.GetAfter()),
		Done:   p.GetDone(),
		Scopes: c.staged("scopes", p.GetScopes()),
		To:     c.base("to", p.GetTo()),
		LastN:  c.count("lastN", p.GetLastN()),
		HLC:    hlc.Timestamp(p.GetHlc()),

		Snapshot: c.text("snapshot", p.GetSnapshot(), maxName),
		Chunk:    int(c.count("chunk", int64(p.GetChunk()))),
		Packed:   p.GetPacked(),
		Read:     c.count("read", p.GetRead()),

		History: c.hash("history", p.GetHistory()),
		MAC:     c.hash("mac", p.GetMac()),
	}
	if d.Packed != nil {
		switch {
		case len(d.Packed) == 0, d.Scope == "", d.Snapshot == "", d.Chunk == 0, !d.Reset:
			c.fail("packed", "is a chunk of a snapshot; it comes in a reset, with scope, snapshot and chunk")
		case len(p.GetItems()) > 0:
			c.fail("items", "come beside packed; a frame has one of them")
		}
	}
	if len(p.GetItems()) > 0 && d.Scope == "" {
		c.fail("scope", "is missing; items belong to a scope")
	}
	d.Items = c.items(p.GetItems())
	return &session.Delta{Delta: d}, c.err
}

func itemFromWire(p *DeltaItem, out *se.DeltaItem) error {
	var c checks
	*out = se.DeltaItem{
		Seq:   c.count("seq", p.GetSeq()),
		Kind:  se.DeltaKind(p.GetKind()),
		Table: c.name("table", p.GetTable()),
		Row:   se.RowID(c.name("row", p.GetRow())),
		Whole: p.GetWhole(),
	}
	switch p.GetKind() {
	case DeltaKind_DELTA_KIND_EVICT, DeltaKind_DELTA_KIND_DEAD, DeltaKind_DELTA_KIND_ROW:
	default:
		c.fail("kind", "must be DELTA_KIND_EVICT, DELTA_KIND_DEAD or DELTA_KIND_ROW")
	}
	if list := p.GetCells(); len(list) > 0 {
		out.Cells = make([]se.CellValue, len(list))
		for i, x := range list {
			var of checks
			out.Cells[i] = se.CellValue{Cell: of.name("cell", x.GetCell()), Values: of.values("values", x.GetValues())}
			c.at("cells", i, of.err)
		}
	}
	return c.err
}
