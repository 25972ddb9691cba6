package api

import (
	"context"
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
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Commits given, at most."`
}

type historyBody struct {
	Body struct {
		Writes []HistoryWrite `json:"writes" doc:"Newest first."`
		Next   int64          `json:"next,omitempty" doc:"Give it as before to go on; absent at the end."`
		// Unplaced is not for what the person may not see, which leaves no trace, but for what nobody can tell about.
		Unplaced int64 `json:"unplaced,omitempty" doc:"Commits of this page that are left out, because where the record was then is not known any more."`
	}
}

func (a *API) historyRoutes() {
	route(a, "history", "GET", "/v1/history/{record}/{row}", either, "Show what was written to a record, newest first", a.history)
}

// past is a record's history as one person may see it.
type past struct {
	table *schema.Table
	id    syncengine.RowID
	row   *syncengine.Row
	dead  *syncengine.Dead
	moves []syncengine.Move
	head  int64
	from  int64             // seq from which on moves lists all
	now   *schema.Access    // how the person sees the row today
	cells map[string]string // conflict → cell, of the decisions among the entries
	at    map[string]*covered
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
	if err := a.State.View(p.read); err != nil {
		return nil, err
	}
	present := p.present()
	if present == nil {
		return nil, messages.Refuse(messages.NoRecord)
	}
	// One answer for what is not there and what he may not see.
	if p.now, err = a.seen(ctx, r, p, present); err != nil || p.now == nil {
		return nil, orElse(err, messages.Refuse(messages.NoRecord))
	}
	return a.pastPage(ctx, r, p, cell, in)
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (p *past) read(tx syncengine.ReadTx) (err error) {
	if p.row, err = tx.Row(p.table.Name, p.id); err != nil {
		return err
	}
	if p.dead, err = tx.Dead(p.table.Name, p.id); err != nil {
		return err
	}
	if p.moves, p.from, err = tx.Places(p.table.Name, p.id); err != nil {
		return err
	}
	head, err := tx.Head()
	p.head = head.Seq
	return err
}

// entries reads some entries before a seq, newest first. Entries never change, so that it does not matter if the row
// moves meanwhile.
func (a *API) entries(p *past, before int64, limit int) (out []syncengine.Entry, err error) {
	err = a.State.View(func(tx syncengine.ReadTx) error {
		if out, err = tx.RowHistory(p.table.Name, p.id, before, limit); err != nil {
			return err
		}
		for i := range out {
			if err := p.decided(tx, out[i].Changeset); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// decided notes which cells the decisions of a changeset are about.
func (p *past) decided(tx syncengine.ReadTx, cs *syncengine.Changeset) error {
	for j := range cs.Changes {
		d := cs.Changes[j].Decide
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
	return nil
}

// place is where a row was: what decides who sees it.
type place struct{ scope, door, author string }

// present gives where the row is, or was when it was deleted; nil if there never was one.
func (p *past) present() *place {
	row := p.row
	if row == nil && p.dead != nil {
		row = p.dead.Row
	}
	if row == nil {
		return nil
	}
	return &place{row.Scope, row.Door, row.Author}
}

// when gives where the row was just after a commit: what it left by the next move, or where it is. nil says that it is
// not known: moves were forgotten since, or an early release noted several of one commit, and not in which order.
func (p *past) when(seq int64) *place {
	if seq < p.from {
		return nil
	}
	for i, m := range p.moves {
		switch {
		case m.Seq <= seq:
		case i+1 < len(p.moves) && p.moves[i+1].Seq == m.Seq:
			return nil
		default:
			return &place{m.Scope, m.Door, m.Author}
		}
	}
	return p.present()
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

// pastPage paints entries until there are enough. What was written while the row was where the person sees nothing
// leaves no trace: no line, no count, no page that ends there.
func (a *API) pastPage(ctx context.Context, r directory.Rights, p *past, cell string, in *historyInput) (*historyBody, error) {
	out := &historyBody{}
	out.Body.Writes = []HistoryWrite{}
	paint := a.painter(ctx, r)
	paint.subject(p.table.Name, p.id)
	commits, last, unplaced := 0, int64(0), int64(0)
	before := in.Before
	if before == 0 || before > p.head {
		before = p.head + 1
	}
	for {
		entries, err := a.entries(p, before, in.Limit+1)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			e := &entries[i]
			before = e.Seq
			at := p.when(e.Seq)
			if at == nil {
				unplaced++
				continue
			}
			if commits == in.Limit {
				paint.seen = nil // what comes now only tells that there is more: nobody is shown it
			}
			lines, err := a.pastLines(ctx, r, p, paint, e, at, cell)
			switch {
			case err != nil:
				return nil, err
			case len(lines) == 0:
				continue
			case commits == in.Limit: // the next page tells of what is unplaced below the last commit
				out.Body.Next = last
				return out, paint.err
			}
			out.Body.Writes = append(out.Body.Writes, lines...)
			commits, last, out.Body.Unplaced = commits+1, e.Seq, unplaced
		}
		if len(entries) <= in.Limit {
			out.Body.Unplaced = unplaced
			return out, paint.err
		}
	}
}

// pastLines gives the lines of one entry, none if the person would not see the row where it was then, by today's rights.
func (a *API) pastLines(ctx context.Context, r directory.Rights, p *past, paint *painter, e *syncengine.Entry, at *place, cell string) (out []HistoryWrite, err error) {
	access, err := a.seen(ctx, r, p, at)
	if err != nil || access == nil {
		return nil, err
	}
	who, err := a.pastHead(ctx, e)
	if err != nil {
		return nil, err
	}
	for j := range e.Changeset.Changes {
		if c := &e.Changeset.Changes[j]; c.Table == p.table.Name && c.Row == p.id {
			out = append(out, p.change(paint, access, who, e, j, cell)...)
		}
	}
	return out, nil
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
		w.Cell, w.Base, w.Fate, w.Now = x.Cell, base(x.Base), fate(e, j, x.Cell), p.since(access, def, w.ID)
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
	if def != nil && access.Reads(def) || def == nil && paint.api.sees(p.table, access) {
		w.Reason = d.Reason // may quote what is masked
	}
	if def != nil {
		w.Now = p.since(access, def, w.ID)
		if len(d.Values) == len(def.Columns) {
			w.Values = paint.cellValues(access, def, d.Values)
		}
	}
	return []HistoryWrite{w}
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

// since tells what has become of a changeset's write of a cell. To whom saw the write but may not see the cell as well
// where the row is today it says nothing: that a value stands is what the cell shows.
func (p *past) since(access *schema.Access, def *schema.Cell, id WriteID) string {
	if access != p.now && !p.now.Reads(def) {
		return ""
	}
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
