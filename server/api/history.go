package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// HistoryWrite is one write to a cell, or the making, deletion or decision of a record.
type HistoryWrite struct {
	Seq          int64      `json:"seq" doc:"The commit's place in the county's one order."`
	Epoch        int64      `json:"epoch"`
	ID           WriteID    `json:"id"`
	Operation    string     `json:"operation" enum:"insert,update,delete,decide"`
	Cell         string     `json:"cell,omitempty" doc:"Absent if it is about the whole record."`
	AuthorName   string     `json:"author_name,omitempty"`
	DeviceLabel  string     `json:"device_label,omitempty"`
	EffectiveAt  *time.Time `json:"effective_at,omitempty" doc:"When it was written, by the corrected clock of the device."`
	DeviceClock  *time.Time `json:"device_clock,omitempty" doc:"What the device's own clock said."`
	ReceivedAt   *time.Time `json:"received_at,omitempty" doc:"When it reached the centre."`
	SuspectClock bool       `json:"suspect_clock,omitempty" doc:"Do not trust effective_at much."`
	Base         string     `json:"base,omitempty" doc:"What its author had seen of it, as epoch:seq; 0:0 is nothing."`
	Fate         string     `json:"fate,omitempty" enum:"stands,won,converged,combined,candidate,lost" doc:"What became of it when it was merged."`
	Now          string     `json:"now,omitempty" enum:"stands,waits,replaced" doc:"What has become of it since: it is what the cell shows, it waits in the conflict queue, or neither. Absent for what adds up."`
	Values       []Value    `json:"values" doc:"What was written, as you may see it."`
	Added        []string   `json:"added,omitempty" doc:"Elements added to a set, or the difference added to a number."`
	Removed      []string   `json:"removed,omitempty" doc:"Elements removed from a set."`
	Choice       string     `json:"choice,omitempty" doc:"What was decided."`
	Conflict     string     `json:"conflict,omitempty" doc:"The conflict that was decided."`
	Reason       string     `json:"reason,omitempty" doc:"The reason given for the decision."`
}

type historyInput struct {
	Record string `path:"record" maxLength:"64"`
	Row    string `path:"row" maxLength:"36"`
	Column string `query:"column" maxLength:"64" doc:"Only writes of this column's cell."`
	Before int64  `query:"before" minimum:"0" doc:"Seq before which the list goes on; 0 = from the newest."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Commits looked at, at most."`
}

type historyBody struct {
	Body struct {
		Writes []HistoryWrite `json:"writes" doc:"Newest first."`
		Next   int64          `json:"next,omitempty" doc:"Give it as before to go on; absent at the end."`
	}
}

func (a *API) historyRoutes() {
	route(a, "history", "GET", "/v1/history/{record}/{row}", either, "Show what was written to a record, newest first", a.history)
}

// past is a record's history as one person may see it, read at one head.
type past struct {
	table   *schema.Table
	id      syncengine.RowID
	row     *syncengine.Row
	dead    *syncengine.Dead
	moves   []syncengine.Move
	entries []syncengine.Entry
	cells   map[string]string // conflict → cell, of the decisions among them
	at      map[string]*covered
}

// covered is a person's roles and doors in one scope.
type covered struct {
	access *schema.Access
	doors  []string
}

func (a *API) history(ctx context.Context, in *historyInput) (*historyBody, error) {
	r, err := a.me(ctx)
	if err != nil {
		return nil, err
	}
	p := &past{table: a.Schema.Table(in.Record), id: syncengine.RowID(in.Row), cells: map[string]string{}, at: map[string]*covered{}}
	if p.table == nil {
		return nil, messages.Refuse(messages.NoRecord)
	}
	cell := ""
	if in.Column != "" {
		def := p.table.CellOf(in.Column)
		if def == nil {
			return nil, messages.Refuse(messages.NoColumn, in.Column)
		}
		cell = def.Name
	}
	if err := a.State.View(func(tx syncengine.ReadTx) error { return p.read(tx, in.Before, in.Limit) }); err != nil {
		return nil, err
	}
	now := p.now()
	if now == nil {
		return nil, messages.Refuse(messages.NoRecord)
	}
	// One answer for what is not there and what he may not see.
	if seen, err := a.seen(ctx, r, p, now); err != nil || seen == nil {
		return nil, orElse(err, messages.Refuse(messages.NoRecord))
	}
	return a.pastPage(ctx, r, p, cell, in.Limit)
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (p *past) read(tx syncengine.ReadTx, before int64, limit int) (err error) {
	if p.row, err = tx.Row(p.table.Name, p.id); err != nil {
		return err
	}
	if p.dead, err = tx.Dead(p.table.Name, p.id); err != nil {
		return err
	}
	if p.moves, err = tx.Moves(p.table.Name, p.id, 0); err != nil {
		return err
	}
	if p.entries, err = tx.RowHistory(p.table.Name, p.id, before, limit+1); err != nil {
		return err
	}
	for i := range p.entries {
		for j := range p.entries[i].Changeset.Changes {
			d := p.entries[i].Changeset.Changes[j].Decide
			if d == nil {
				continue
			}
			con, err := tx.Conflict(d.Conflict)
			if err != nil {
				return err
			}
			if con != nil {
				p.cells[d.Conflict] = con.Key.Cell
			}
		}
	}
	return nil
}

// place is where a row was: what decides who sees it.
type place struct{ scope, door, author string }

// now gives where the row is, or was when it was deleted; nil if there never was one.
func (p *past) now() *place {
	row := p.row
	if row == nil && p.dead != nil {
		row = p.dead.Row
	}
	if row == nil {
		return nil
	}
	return &place{row.Scope, row.Door, row.Author}
}

// when lists where the row was just after a commit: usually one place. Moves tell what it left later.
func (p *past) when(seq int64) []place {
	for i, m := range p.moves {
		if m.Seq <= seq {
			continue
		}
		var out []place
		for _, x := range p.moves[i:] {
			if x.Seq == m.Seq {
				out = append(out, place{x.Scope, x.Door, x.Author})
			}
		}
		return out
	}
	return []place{*p.now()}
}

// seen gives how the person sees a row at a place, nil if he does not.
func (a *API) seen(ctx context.Context, r directory.Rights, p *past, at *place) (*schema.Access, error) {
	c := p.at[at.scope]
	if c == nil {
		covering, err := a.Directory.At(ctx, r, at.scope)
		if err != nil && !messages.Is(err, messages.NoUnit) {
			return nil, err
		}
		c = &covered{}
		var roles []string
		for _, as := range covering {
			roles = append(roles, as.Role)
			c.doors = append(c.doors, as.Doors...)
		}
		c.access = p.table.Access(roles...)
		p.at[at.scope] = c
	}
	if c.access == nil || !shows(c.access, at.author == r.Account.ID, at.door, c.doors) {
		return nil, nil
	}
	return c.access, nil
}

// pastPage paints the entries. What was written while the row was where the person sees nothing is left out.
func (a *API) pastPage(ctx context.Context, r directory.Rights, p *past, cell string, limit int) (*historyBody, error) {
	out := &historyBody{}
	out.Body.Writes = []HistoryWrite{}
	paint := a.painter(ctx, r)
	paint.subject(p.table.Name, p.id)
	if len(p.entries) > limit {
		p.entries = p.entries[:limit]
		out.Body.Next = p.entries[limit-1].Seq
	}
	for i := range p.entries {
		e := &p.entries[i]
		access, err := a.sawThen(ctx, r, p, e.Seq)
		if err != nil {
			return nil, err
		}
		if access == nil {
			continue
		}
		who, err := a.pastHead(ctx, e)
		if err != nil {
			return nil, err
		}
		for j := range e.Changeset.Changes {
			if c := &e.Changeset.Changes[j]; c.Table == p.table.Name && c.Row == p.id {
				out.Body.Writes = append(out.Body.Writes, p.change(paint, access, who, e, j, cell)...)
			}
		}
	}
	return out, paint.err
}

// sawThen gives how the person would have seen the row after a commit, with what he may see today; nil if not.
func (a *API) sawThen(ctx context.Context, r directory.Rights, p *past, seq int64) (access *schema.Access, err error) {
	for _, at := range p.when(seq) {
		if access, err = a.seen(ctx, r, p, &at); err != nil || access == nil {
			return nil, err
		}
	}
	return access, nil
}

// pastHead tells who wrote an entry, with which device and when.
func (a *API) pastHead(ctx context.Context, e *syncengine.Entry) (HistoryWrite, error) {
	w := HistoryWrite{
		Seq: e.Seq, Epoch: e.Epoch, ID: WriteID{e.Changeset.Device, e.Changeset.N}, EffectiveAt: maybe(e.At),
		DeviceClock: maybe(e.Changeset.Wall), ReceivedAt: maybe(e.Received), SuspectClock: e.Suspect, Values: []Value{},
	}
	names, err := a.Directory.AccountNames(ctx, []string{e.Author})
	if err != nil {
		return w, err
	}
	w.AuthorName = names[e.Author]
	v, err := a.Directory.Device(ctx, e.Changeset.Device)
	if err != nil && !messages.Is(err, messages.NoDevice) {
		return w, err
	}
	w.DeviceLabel = v.Label
	return w, nil
}

// change gives the lines of one change of the row: one for each cell that the person sees.
func (p *past) change(paint *painter, access *schema.Access, w HistoryWrite, e *syncengine.Entry, j int, only string) []HistoryWrite {
	c := &e.Changeset.Changes[j]
	w.Operation = c.Op.String()
	switch c.Op {
	case syncengine.OpDelete:
		w.Base = base(c.Base)
		w.Fate = fate(e, j, "")
		return []HistoryWrite{w}
	case syncengine.OpDecide:
		return p.decision(paint, access, w, c, only)
	}
	var out []HistoryWrite
	for k := range c.Cells {
		x := &c.Cells[k]
		def := p.table.Cell(x.Cell)
		if def == nil || only != "" && x.Cell != only || !shownAtAll(access, def) {
			continue
		}
		w := w
		w.Cell, w.Base, w.Fate, w.Now = x.Cell, base(x.Base), fate(e, j, x.Cell), p.since(def, w.ID)
		if x.Operation() {
			w.Now = ""
			w.Added, w.Removed = paint.operation(access, def, x)
		} else {
			w.Values = paint.cellValues(access, def, x.Values)
		}
		out = append(out, w)
	}
	return out
}

func (p *past) decision(paint *painter, access *schema.Access, w HistoryWrite, c *syncengine.Change, only string) []HistoryWrite {
	d := c.Decide
	w.Base, w.Conflict, w.Choice, w.Cell = base(c.Base), d.Conflict, string(d.Choice), p.cells[d.Conflict]
	def := p.table.Cell(w.Cell)
	if only != "" && w.Cell != "" && w.Cell != only || def != nil && !shownAtAll(access, def) {
		return nil
	}
	if def == nil || access.Reads(def) {
		w.Reason = d.Reason // may quote what is masked
	}
	if def != nil {
		w.Now = p.since(def, w.ID)
		if len(d.Values) == len(def.Columns) {
			w.Values = paint.cellValues(access, def, d.Values)
		}
	}
	return []HistoryWrite{w}
}

func shownAtAll(access *schema.Access, def *schema.Cell) bool {
	return slices.ContainsFunc(def.Columns, func(col *schema.Column) bool { _, shown := access.Shows(col.Name); return shown })
}

func base(b syncengine.Base) string {
	return strconv.FormatInt(b.Epoch, 10) + ":" + strconv.FormatInt(b.Seq, 10)
}

var fates = map[syncengine.Fate]string{
	syncengine.FateStands: "stands", syncengine.FateWon: "won", syncengine.FateConverged: "converged", syncengine.FateCombined: "combined",
	syncengine.FateCandidate: "candidate", syncengine.FateLost: "lost",
}

func fate(e *syncengine.Entry, change int, cell string) string {
	for _, o := range e.Outcomes {
		if o.Change == change && (cell == "" || o.Cell == cell) {
			return fates[o.Fate]
		}
	}
	return ""
}

// since tells what has become of a changeset's write of a cell.
func (p *past) since(def *schema.Cell, id WriteID) string {
	k := p.table.CellIndex(def.Name)
	if p.row == nil || k < 0 || k >= len(p.row.Cells) {
		return "replaced"
	}
	for i := range p.row.Cells[k].Survivors {
		s := &p.row.Cells[k].Survivors[i]
		switch {
		case s.Device != id.Device || s.N != id.N:
		case s.Stands():
			return "stands"
		case def.Policy == schema.PolicyReview || def.Queue:
			return "waits"
		}
	}
	return "replaced"
}
