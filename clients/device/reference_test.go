package device_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// reference is a replica in memory, as plainly as it can be written: what the SQLite port is compared with. It knows
// no rollback, so scripts leave out what fails.
type reference struct {
	schema   *schema.Schema
	ctl      replica.Control
	rows     map[replica.RowKey]replica.Image
	under    map[replica.RowKey]replica.Image
	pending  map[replica.RowKey][]replica.Pending
	captured []replica.Capture
	outbox   map[int64]*se.Changeset
	verdicts map[int64]se.Verdict
	staged   []replica.StagedItem
	messages []se.Message
	kept     map[replica.RowKey][]se.CellValue
	bodies   map[int64]*se.Changeset
	lost     map[replica.RowKey]replica.LostRow
	mended   []replica.Mended
	checks   []replica.Checked
}

func newReference(s *schema.Schema) *reference {
	return &reference{
		schema: s, rows: map[replica.RowKey]replica.Image{}, under: map[replica.RowKey]replica.Image{},
		pending: map[replica.RowKey][]replica.Pending{}, outbox: map[int64]*se.Changeset{}, verdicts: map[int64]se.Verdict{},
		kept:   map[replica.RowKey][]se.CellValue{},
		bodies: map[int64]*se.Changeset{}, lost: map[replica.RowKey]replica.LostRow{},
	}
}

// Purge is not part of what is compared.
func (m *reference) Purge(func(string, se.RowID) (bool, error)) error { return nil }

func (m *reference) Update(fn func(replica.Tx) error) error { return fn(m) }

func key(t *schema.Table, id se.RowID) replica.RowKey { return replica.RowKey{Table: t.Name, Row: id} }

func clone(row replica.Image) replica.Image {
	if row == nil {
		return nil
	}
	out := make(replica.Image, len(row))
	for i := range row {
		out[i] = slices.Clone(row[i])
	}
	return out
}

func ids(m map[replica.RowKey]replica.Image, table string) []se.RowID {
	var out []se.RowID
	for k := range m {
		if k.Table == table {
			out = append(out, k.Row)
		}
	}
	slices.Sort(out)
	return out
}

func (m *reference) Control() (replica.Control, error) {
	c := m.ctl
	c.StagedAt = slices.Clone(c.StagedAt)
	return c, nil
}
func (m *reference) PutControl(c replica.Control) error { m.ctl = c; return nil }
func (m *reference) Row(t *schema.Table, id se.RowID) (replica.Image, error) {
	return clone(m.rows[key(t, id)]), nil
}
func (m *reference) PutRow(t *schema.Table, id se.RowID, row replica.Image) error {
	m.rows[key(t, id)] = clone(row)
	return nil
}
func (m *reference) DeleteRow(t *schema.Table, id se.RowID) error {
	delete(m.rows, key(t, id))
	return nil
}
func (m *reference) RowIDs(t *schema.Table) ([]se.RowID, error) { return ids(m.rows, t.Name), nil }
func (m *reference) Find(t *schema.Table, column string, v schema.Value) ([]se.RowID, error) {
	cell := t.CellOf(column)
	i, j := t.CellIndex(cell.Name), slices.Index(cell.Columns, t.Column(column))
	return slices.DeleteFunc(ids(m.rows, t.Name), func(id se.RowID) bool { return m.rows[key(t, id)][i][j] != v }), nil
}
func (m *reference) Captured() ([]replica.Capture, error) { return slices.Clone(m.captured), nil }
func (m *reference) ClearCaptured() error                 { m.captured = nil; return nil }
func (m *reference) Under(t *schema.Table, id se.RowID) (replica.Image, bool, error) {
	row, ok := m.under[key(t, id)]
	return clone(row), ok, nil
}
func (m *reference) PutUnder(t *schema.Table, id se.RowID, row replica.Image) error {
	m.under[key(t, id)] = clone(row)
	return nil
}
func (m *reference) DropUnder(t *schema.Table, id se.RowID) error {
	delete(m.under, key(t, id))
	return nil
}
func (m *reference) UnderIDs(t *schema.Table) ([]se.RowID, error) { return ids(m.under, t.Name), nil }
func (m *reference) Pending(t *schema.Table, id se.RowID) ([]replica.Pending, error) {
	return slices.Clone(m.pending[key(t, id)]), nil
}
func (m *reference) PutPending(p replica.Pending) error {
	k := replica.RowKey{Table: p.Change.Table, Row: p.Change.Row}
	m.pending[k] = append(m.pending[k], p)
	slices.SortStableFunc(m.pending[k], func(a, b replica.Pending) int { return cmp.Compare(a.N, b.N) }) // offered again, it is older
	return nil
}
func (m *reference) PendingUpTo(from, to int64) ([]replica.RowKey, error) {
	var out []replica.RowKey
	for k, list := range m.pending {
		if slices.ContainsFunc(list, func(p replica.Pending) bool { return from <= p.N && p.N <= to }) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b replica.RowKey) int { return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row)) })
	return out, nil
}
func (m *reference) Overlaid() (bool, error) {
	pending, err := m.PendingUpTo(1, 1<<62)
	return len(pending) > 0 || len(m.under) > 0, err
}
func (m *reference) DropPending(t *schema.Table, id se.RowID, from, to int64) error {
	k := key(t, id)
	m.pending[k] = slices.DeleteFunc(m.pending[k], func(p replica.Pending) bool { return from <= p.N && p.N <= to })
	return nil
}
func (m *reference) Outbox(after int64, limit int) ([]*se.Changeset, error) {
	var out []*se.Changeset
	for _, n := range slices.Sorted(maps.Keys(m.outbox)) {
		if n > after && len(out) < limit {
			out = append(out, m.outbox[n])
		}
	}
	return out, nil
}
func (m *reference) PutOutbox(cs *se.Changeset) error      { m.outbox[cs.N] = cs; return nil }
func (m *reference) Sealed(n int64) (*se.Changeset, error) { return m.outbox[n], nil }
func (m *reference) File(v se.Verdict) error {
	m.verdicts[v.N], m.bodies[v.N] = v, m.outbox[v.N]
	delete(m.outbox, v.N)
	return nil
}
func (m *reference) ClearStaged() error { m.staged = nil; return nil }
func (m *reference) Kept(k replica.RowKey) ([]se.CellValue, error) {
	return slices.Clone(m.kept[k]), nil
}
func (m *reference) PutKept(k replica.RowKey, cells []se.CellValue) error {
	if m.kept[k] = slices.Clone(cells); len(cells) == 0 {
		delete(m.kept, k)
	}
	return nil
}
func (m *reference) KeptRows() ([]replica.RowKey, error) {
	return slices.SortedFunc(maps.Keys(m.kept), func(a, b replica.RowKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	}), nil
}
func (m *reference) PutMessage(x se.Message) error { m.messages = append(m.messages, x); return nil }
func (m *reference) Verdict(n int64) (*se.Verdict, error) {
	if v, ok := m.verdicts[n]; ok {
		return &v, nil
	}
	return nil, nil
}
func (m *reference) Stage(d *se.Delta) error {
	for _, it := range d.Items {
		m.staged = append(m.staged, replica.StagedItem{Scope: d.Scope, DeltaItem: it})
	}
	return nil
}
func (m *reference) Staged() ([]replica.StagedItem, error) {
	out := slices.Clone(m.staged)
	slices.SortStableFunc(out, func(a, b replica.StagedItem) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	return out, nil
}

func (m *reference) EachStaged(fn func(*replica.StagedItem) error) error {
	list, err := m.Staged()
	for i := range list {
		if err := fn(&list[i]); err != nil {
			return err
		}
	}
	return err
}

// The programs' side: what the triggers would note (schema/ddl/DESIGN.md).

func (m *reference) note(t *schema.Table, id se.RowID, op replica.CaptureOp, col string, old, now schema.Value) {
	m.captured = append(m.captured, replica.Capture{Table: t.Name, Row: id, Op: op, Col: col, Old: old, New: now, Base: m.ctl.Base(), Wall: wall})
}

func captured(c *schema.Column) bool { return c.Group != schema.CellEnvelop && !c.Derived }

// each runs over the captured columns of a row.
func each(t *schema.Table, fn func(c *schema.Column, i, j int)) {
	for i, cell := range t.Cells {
		for j, c := range cell.Columns {
			if captured(c) {
				fn(c, i, j)
			}
		}
	}
}

// gone runs over all columns of a row: what is noted when it goes.
func gone(t *schema.Table, fn func(c *schema.Column, i, j int)) {
	for i, cell := range t.Cells {
		for j, c := range cell.Columns {
			fn(c, i, j)
		}
	}
}

// replace is INSERT OR REPLACE: without recursive triggers the old row goes without a word.
func (m *reference) replace(t *schema.Table, id se.RowID, row replica.Image) {
	if old := m.rows[key(t, id)]; old != nil {
		gone(t, func(c *schema.Column, i, j int) {
			if captured(c) || !old[i][j].IsNull() {
				m.note(t, id, replica.CaptureKept, c.Name, old[i][j], schema.Null())
			}
		})
	}
	m.note(t, id, replica.CaptureInsert, "", schema.Null(), schema.Null())
	m.rows[key(t, id)] = clone(row)
}

// update sets one column; the note has the whole group.
func (m *reference) update(t *schema.Table, id se.RowID, column string, v schema.Value) {
	row := m.rows[key(t, id)]
	cell := t.CellOf(column)
	i, j := t.CellIndex(cell.Name), slices.Index(cell.Columns, t.Column(column))
	if row == nil || row[i][j] == v {
		return
	}
	old := slices.Clone(row[i])
	row[i][j] = v
	for k, c := range cell.Columns {
		m.note(t, id, replica.CaptureUpdate, c.Name, old[k], row[i][k])
	}
}

func (m *reference) remove(t *schema.Table, id se.RowID) {
	row := m.rows[key(t, id)]
	if row == nil {
		return
	}
	m.note(t, id, replica.CaptureDelete, "", schema.Null(), schema.Null())
	gone(t, func(c *schema.Column, i, j int) {
		if !row[i][j].IsNull() {
			m.note(t, id, replica.CaptureDelete, c.Name, row[i][j], schema.Null())
		}
	})
	delete(m.rows, key(t, id))
}

func (m *reference) Body(n int64) (*se.Changeset, error) { return m.bodies[n], nil }

func (m *reference) HashOf(n int64) (h se.Hash, err error) {
	if cs := m.outbox[n]; cs != nil {
		return cs.Hash(), nil
	}
	return m.verdicts[n].Hash, nil
}

func (m *reference) Offer(cs *se.Changeset) error {
	delete(m.bodies, cs.N)
	delete(m.verdicts, cs.N)
	m.outbox[cs.N] = cs
	return nil
}

func (m *reference) Lost() (out []replica.LostRow, err error) {
	for _, l := range m.lost {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b replica.LostRow) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	return out, nil
}

func (m *reference) PutLost(l replica.LostRow) error { m.lost[l.RowKey] = l; return nil }

func (m *reference) DropLost(k replica.RowKey) error { delete(m.lost, k); return nil }
func (m *reference) Scopes(t *schema.Table) ([]string, error) {
	var out []string
	for _, id := range ids(m.rows, t.Name) {
		out = append(out, m.rows[key(t, id)][t.CellIndex(schema.CellScope)][0].Str())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (m *reference) InScope(t *schema.Table, scope string, fn func(se.RowID, replica.Image)) error {
	for _, id := range ids(m.rows, t.Name) {
		if row := m.rows[key(t, id)]; row[t.CellIndex(schema.CellScope)][0].Str() == scope {
			fn(id, clone(row))
		}
	}
	return nil
}
func (m *reference) PutMended(x replica.Mended) error { m.mended = append(m.mended, x); return nil }
func (m *reference) PutCheck(c replica.Checked) error {
	m.checks = append([]replica.Checked{c}, m.checks...)
	return nil
}
func (m *reference) Checks(limit int) ([]replica.Checked, error) {
	return m.checks[:min(limit, len(m.checks))], nil
}
