package syncengine

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

var uuidShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// admit checks what can be told of a changeset as a whole. The first failure is the verdict.
func (g *ingest) admit() error {
	cs, limits := g.cs, g.engine.limits
	first := &Change{}
	if len(cs.Changes) > 0 {
		first = &cs.Changes[0]
	}
	switch {
	case cs.Author != g.views.principal.Account && !g.supervised:
		return reject(CodeWrongAuthor, first, "", "")
	case len(cs.Changes) > limits.MaxChanges:
		return reject(CodeTooLarge, first, "", "changes")
	case g.size > limits.MaxChangeset:
		return reject(CodeTooLarge, first, "", "bytes")
	}
	if err := g.retry(first); err != nil {
		return err
	}
	seen := map[ConflictKey]bool{}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		key := ConflictKey{Table: c.Table, Row: c.Row}
		switch {
		case c.Op < OpUpdate || c.Op > OpDecide:
			return reject(CodeBadRow, c, "", "op")
		case c.Op != OpDecide && !uuidShape.MatchString(string(c.Row)):
			return reject(CodeBadRow, c, schema.ColID, schema.RuleID)
		case c.Op != OpDecide && seen[key]:
			return reject(CodeBadRow, c, schema.ColID, "twice")
		case g.ahead(c.Base):
			return reject(CodeBaseAhead, c, "", "")
		}
		seen[key] = true
		for j := range c.Cells {
			if g.ahead(c.Cells[j].Base) {
				return reject(CodeBaseAhead, c, c.Cells[j].Cell, "")
			}
		}
	}
	return nil
}

// ahead tells whether a base claims to have seen what the centre had not at the time: it would replace unseen work.
func (g *ingest) ahead(b Base) bool {
	return b.Epoch < 0 || b.Seq < 0 || Base{g.epoch, g.head}.Less(b)
}

// retry closes the quarantined changeset that this one replaces; only the first to do so takes effect.
func (g *ingest) retry(first *Change) error {
	if g.cs.Replaces == 0 {
		return nil
	}
	device, q, err := g.refused(g.cs.Replaces)
	if err != nil {
		return err
	}
	if q == nil && g.epoch > 1 {
		// What was refused and retried in an epoch that ended may have been accepted when it was offered again: then this
		// is a later write of the same device, and replaces it as such.
		v, err := g.tx.Verdict(device, g.cs.Replaces)
		if err != nil || v != nil && v.Kind.Effective() {
			return err
		}
	}
	if q == nil || q.Closed {
		return reject(CodeHandled, first, "", "")
	}
	q.Closed, q.Ready, q.Outcome, q.Seq, q.By = true, false, SettledRetried, g.seq, g.cs.Author
	return g.tx.PutQuarantined(q)
}

// refused gives a refused changeset of this replica, and whose it is: it lies under the name that it came under first. The
// changeset is nil for one that is not in quarantine.
func (g *ingest) refused(n int64) (string, *Quarantined, error) {
	device := g.maker(n)
	q, err := g.tx.Quarantined(device, n)
	for _, k := range g.past.Kin {
		if err != nil || q != nil || n > k.N {
			continue
		}
		if q, err = g.tx.Quarantined(k.Device, n); q != nil {
			device = k.Device
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("read quarantine: %w", err)
	}
	return device, q, nil
}

// maker gives the device that made changeset n of this replica: one that it was copied from, for what is before the copy.
func (g *ingest) maker(n int64) string {
	device := g.cs.Device
	for _, p := range g.past.Parents {
		if n > p.N {
			break
		}
		device = p.Device
	}
	return device
}

// values checks a cell write against the declaration: known cell, right form, values that may stand there.
func (g *ingest) values(t *schema.Table, c *Change, w *CellWrite) (*schema.Cell, error) {
	def := t.Cell(w.Cell)
	switch {
	case def == nil:
		return nil, reject(CodeUnknownCell, c, w.Cell, "")
	case def.Policy == schema.PolicyCentral || def.Derived:
		return nil, reject(CodeCentralOnly, c, w.Cell, "")
	}
	if w.Operation() {
		return def, g.operation(t, def, c, w)
	}
	if def.Policy.Operation() {
		// A device sends the value itself only when it could not tell the difference: what was typed is no number, no set.
		return nil, reject(CodeBadValue, c, w.Cell, schema.RuleType)
	}
	if len(w.Values) != len(def.Columns) {
		return nil, reject(CodeBadValue, c, w.Cell, "columns")
	}
	for i, col := range def.Columns {
		v := w.Values[i]
		if v.IsNull() && col.Demands(g.cs.Schema) {
			return nil, reject(CodeMissing, c, col.Name, schema.RuleRequired)
		}
		if p := g.engine.schema.CheckValue(t, col, v); p != nil {
			return nil, reject(CodeBadValue, c, col.Name, p.Rule)
		}
		if !g.engine.sealed(t, col, v) {
			return nil, reject(CodeBadValue, c, col.Name, schema.RuleSealedKey)
		}
	}
	return def, nil
}

// maxRemoved bounds the elements that one operation takes out of a set: concurrent additions may have made it larger
// than a set may be.
const maxRemoved = 10_000

func (g *ingest) operation(t *schema.Table, def *schema.Cell, c *Change, w *CellWrite) error {
	col := def.Columns[0]
	switch {
	case def.Policy == schema.PolicyAdd && len(w.In)+len(w.Out) == 0 && !w.Add.IsNull():
		if k := w.Add.Kind(); k != col.Type.Kind() {
			return reject(CodeBadValue, c, col.Name, schema.RuleType)
		}
		return nil
	case def.Policy == schema.PolicyUnion && w.Add.IsNull():
		if len(w.In) > col.MaxElements() || len(w.Out) > maxRemoved {
			return reject(CodeBadValue, c, col.Name, schema.RuleTooLong)
		}
		for _, x := range w.In {
			if p := g.engine.schema.CheckElement(t, col, x); p != nil {
				return reject(CodeBadValue, c, col.Name, p.Rule)
			}
		}
		return nil
	}
	return reject(CodeBadValue, c, w.Cell, "operation")
}

// reach tells by which rights the principal may work on an existing row: those of the scope it is in, if he sees it
// there; else, with away, of the scope that his device last showed it in. What he never saw is to him as if it were not
// there, and the answer is the same.
func (g *ingest) reach(c *Change, t *schema.Table, row *Row) (a *schema.Access, away bool, err error) {
	if g.views.showsRow(t, row) {
		return g.views.access(t, row.Scope), false, nil
	}
	m, err := g.showed(t, row)
	if err != nil {
		return nil, false, err
	}
	if m != nil {
		return g.views.access(t, m.Scope), true, nil
	}
	if g.pastViews().showsRow(t, row) {
		return nil, false, park(CodeGrantEnded, c, "", "")
	}
	return nil, false, park(CodeAwaits, c, "", string(c.Row))
}

// showed gives the place in which the device last showed a row that has left its view since, nil if it did not, or has
// taken the news. What the device took is what the centre sent and heard to be seen; the bases that it claims prove
// nothing. The cursor of its Hello, or its person's being the row's author, tell that it may hold a row of which nobody
// heard that it was seen: a phone is often cut off right after. They open no more than where the row was in his view.
func (g *ingest) showed(t *schema.Table, row *Row) (*Move, error) {
	held := g.dev.Acked
	if h := g.sub.Contact.Held; h.Epoch == g.epoch {
		held = max(held, h.Seq)
	}
	if row.Inserted > held && row.Author != g.cs.Author {
		return nil, nil
	}
	moves, err := g.tx.Moves(row.Table, row.ID, g.dev.Acked)
	if err != nil {
		return nil, fmt.Errorf("read moves: %w", err)
	}
	for i := range moves {
		if m := &moves[i]; g.views.shows(t, m.Scope, m.Door, m.Author) {
			return m, nil
		}
		if row.Inserted <= g.dev.Acked {
			break // where it was then is known
		}
	}
	return nil, nil
}

// sees tells whether the principal sees a row, or ever did in a place that his view shows: enough to refer to it.
func (g *ingest) sees(t *schema.Table, row *Row) (bool, error) {
	if g.views.showsRow(t, row) {
		return true, nil
	}
	moves, err := g.tx.Moves(row.Table, row.ID, 0)
	if err != nil {
		return false, fmt.Errorf("read moves: %w", err)
	}
	return slices.ContainsFunc(moves, func(m Move) bool { return g.views.shows(t, m.Scope, m.Door, m.Author) }), nil
}

// checkReferences looks up, once all changes are in, what a row's written columns refer to. A dead id counts as
// known: the reference is kept as it is, for a person may want to know what it pointed to.
func (g *ingest) checkReferences(c *Change, t *schema.Table) {
	for i := range c.Cells {
		w := &c.Cells[i]
		def := t.Cell(w.Cell)
		if def == nil || w.Operation() {
			continue
		}
		for j, col := range def.Columns {
			if col.Type == schema.TypeRef && !w.Values[j].IsNull() {
				id := RowID(w.Values[j].Str())
				g.checks = append(g.checks, func() error { return g.reference(c, col, id) })
			}
		}
	}
}

// reference tells whether a row may be referred to. One that its author never had in his view gets the answer of one
// that is not there: nobody finds out by guessing ids which exist.
func (g *ingest) reference(c *Change, col *schema.Column, id RowID) error {
	t := g.views.table(col.Ref)
	row, err := g.tx.Peek(col.Ref, id)
	if err != nil {
		return err
	}
	if row == nil {
		dead, err := g.tx.Dead(col.Ref, id)
		if err != nil {
			return err
		}
		if dead != nil {
			row = dead.Row
		}
	}
	if row != nil {
		if ok, err := g.everSaw(t, row); err != nil || ok {
			return err
		}
		return reject(CodeUnknownReference, c, col.Name, "")
	}
	by, err := g.tx.AwaitedRow(col.Ref, id)
	if err != nil {
		return err
	}
	if by != nil {
		if ok, err := g.mayAwait(by); err != nil || ok {
			if err == nil {
				err = park(CodeAwaits, c, col.Name, string(id))
			}
			return err
		}
	}
	return reject(CodeUnknownReference, c, col.Name, "")
}

// everSaw is sees, by every grant that the person has or ever had.
func (g *ingest) everSaw(t *schema.Table, row *Row) (bool, error) {
	if ok, err := g.sees(t, row); err != nil || ok {
		return ok, err
	}
	for _, x := range g.views.principal.Grants {
		a := t.Access(x.Role)
		if a == nil || x.Scope != row.Scope {
			continue
		}
		switch {
		case a.Rows[schema.RowsAll], a.Rows[schema.RowsOwn] && row.Author == g.cs.Author:
			return true, nil
		case a.Rows[schema.RowsDoors] && (slices.Contains(x.Doors, row.Door) || row.Door == "" && row.Author == g.cs.Author):
			return true, nil
		}
	}
	return false, nil
}

// mayAwait tells whether a person may know that a quarantined changeset would make a row: his own, or one that belongs
// to a scope of his.
func (g *ingest) mayAwait(by *WriteID) (bool, error) {
	if by.Device == g.cs.Device {
		return true, nil
	}
	q, err := g.tx.Quarantined(by.Device, by.N)
	return err == nil && q != nil && g.views.byScope[q.Scope] != nil, err
}
