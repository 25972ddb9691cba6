package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// ExportedChangeset is a refused changeset whole, for a file.
type ExportedChangeset struct {
	QuarantinedHead
	Author  string           `json:"author" doc:"Account."`
	Wall    int64            `json:"wall" doc:"Raw wall clock of the device, ms since 1970 UTC."`
	Schema  int              `json:"schema"`
	Hash    string           `json:"hash" doc:"Of the changeset, hexadecimal."`
	Changes []ExportedChange `json:"changes"`
}

// ExportedChange is what the changeset does to one record.
type ExportedChange struct {
	Record string         `json:"record"`
	Row    string         `json:"row"`
	Op     string         `json:"op"`
	Base   string         `json:"base" doc:"epoch:seq that its author had seen; of a deletion."`
	Cells  []ExportedCell `json:"cells"`
}

// ExportedCell is one written cell.
type ExportedCell struct {
	Cell   string         `json:"cell"`
	Base   string         `json:"base"`
	Values map[string]any `json:"values,omitempty" doc:"By column; ciphertext in base64."`
	Add    any            `json:"add,omitempty"`
	In     []string       `json:"in,omitempty"`
	Out    []string       `json:"out,omitempty"`
}

// quarantineExport gives the changeset to whom may see all of it.
func (a *API) quarantineExport(ctx context.Context, in *quarantineInput) (*struct{ Body ExportedChangeset }, error) {
	r, q, head, all, err := a.quarantinedFor(ctx, in)
	if err != nil {
		return nil, err
	}
	if !all {
		return nil, messages.Refuse(messages.ExportMasked)
	}
	cs, p := q.Changeset, a.painter(ctx, r)
	out := ExportedChangeset{QuarantinedHead: head, Author: cs.Author, Wall: cs.Wall, Schema: cs.Schema, Hash: cs.Hash().String(), Changes: []ExportedChange{}}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		t, access, err := a.accessTo(ctx, r, q.Scope, c)
		if err != nil {
			return nil, err
		}
		x := ExportedChange{Record: c.Table, Row: string(c.Row), Op: c.Op.String(), Base: baseText(c.Base), Cells: []ExportedCell{}}
		for j := range c.Cells {
			w := &c.Cells[j]
			var def *schema.Cell
			if t != nil {
				def = t.Cell(w.Cell)
			}
			if def != nil && (access == nil || !access.Reads(def)) {
				return nil, messages.Refuse(messages.ExportMasked)
			}
			p.exported(c, def, w)
			x.Cells = append(x.Cells, exportCell(def, w))
		}
		out.Changes = append(out.Changes, x)
	}
	a.Log.Info().Str("device", in.Device).Int64("n", in.N).Str("by", r.Account.ID).Msg("refused changeset exported")
	return &struct{ Body ExportedChangeset }{out}, nil
}

// exported notes what an export gives unmasked. What is sealed stays so in the file.
func (p *painter) exported(c *syncengine.Change, def *schema.Cell, w *syncengine.CellWrite) {
	if def == nil {
		return
	}
	for i, col := range def.Columns {
		if col.Type != schema.TypeSealed && (w.Operation() || i < len(w.Values) && !w.Values[i].IsNull()) {
			p.seen.saw(c.Table, c.Row, col)
		}
	}
}

func baseText(b syncengine.Base) string { return fmt.Sprintf("%d:%d", b.Epoch, b.Seq) }

// exportCell names values by column, by place where this schema does not know the cell.
func exportCell(def *schema.Cell, w *syncengine.CellWrite) ExportedCell {
	x := ExportedCell{Cell: w.Cell, Base: baseText(w.Base), Add: w.Add.Any(), In: slices.Clone(w.In), Out: slices.Clone(w.Out)}
	for i, v := range w.Values {
		name := strconv.Itoa(i)
		if def != nil && i < len(def.Columns) {
			name = def.Columns[i].Name
		}
		if x.Values == nil {
			x.Values = map[string]any{}
		}
		x.Values[name] = v.Any()
		if v.Kind() == schema.KindBlob {
			x.Values[name] = base64.StdEncoding.EncodeToString(v.Bytes())
		}
	}
	return x
}
