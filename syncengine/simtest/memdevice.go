package simtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// MemDevice is a replica in memory. Its state is always that of the last commit.
type MemDevice struct {
	schema *schema.Schema
	hook   func(after bool) error

	ctl      replica.Control
	rows     map[replica.RowKey]replica.Image
	ids      map[string][]se.RowID // of rows, sorted, by table
	found    map[string]*foundBy   // by table; what Find asked for last
	under    map[replica.RowKey]replica.Image
	pending  map[replica.RowKey][]replica.Pending
	captured []replica.Capture
	outbox   []*se.Changeset
	filed    map[int64]filed
	lost     []replica.LostRow
	staged   []replica.StagedItem
	inbox    []se.Message
	kept     map[replica.RowKey][]se.CellValue
	mended   []replica.Mended
	checks   []replica.Checked // newest first

	unguarded bool // made by a program from before replicas refused to write where a grant has ended

	undo    []func()
	touched []replica.RowKey // rows shown or hidden by the last transaction
}

// filed is a changeset in the journal or in the device's own quarantine.
type filed struct {
	cs      *se.Changeset
	verdict se.Verdict
}

var _ Device = (*MemDevice)(nil)

// NewMemDevice makes an empty replica.
func NewMemDevice(s *schema.Schema, device, account string) *MemDevice {
	return &MemDevice{
		schema: s, ctl: replica.Control{Device: device, Account: account, Schema: s.Version},
		rows: map[replica.RowKey]replica.Image{}, ids: map[string][]se.RowID{}, under: map[replica.RowKey]replica.Image{},
		pending: map[replica.RowKey][]replica.Pending{}, filed: map[int64]filed{},
		kept: map[replica.RowKey][]se.CellValue{},
	}
}

// SetHook implements Device.
func (m *MemDevice) SetHook(hook func(after bool) error) { m.hook = hook }

// Crash implements Device: memory is exactly what was committed. The next program notes how long the lease has run.
func (m *MemDevice) Crash(clock replica.Clock) {
	m.rollback()
	if m.ctl.Lease.Due(clock) {
		m.ctl.Lease.Note(clock)
	}
}

// Touched gives the rows that the last transaction showed anew or hid, each once or more.
func (m *MemDevice) Touched() []replica.RowKey { return m.touched }

func (m *MemDevice) rollback() {
	for i := len(m.undo) - 1; i >= 0; i-- {
		m.undo[i]()
	}
	m.undo = nil
}

// Update implements replica.Store.
func (m *MemDevice) Update(fn func(replica.Tx) error) error {
	if m.undo != nil {
		panic("bug: a transaction inside a transaction")
	}
	m.undo, m.touched = []func(){}, m.touched[:0]
	done := false
	defer func() {
		if !done {
			m.rollback()
		}
	}()
	if err := fn(m); err != nil {
		return err
	}
	if m.hook != nil {
		if err := m.hook(false); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	done, m.undo = true, nil
	if m.hook != nil {
		return m.hook(true)
	}
	return nil
}

// View implements Device.
func (m *MemDevice) View(fn func(replica.Tx) error) error {
	m.undo = []func(){}
	touched := len(m.touched)
	err := fn(m)
	m.rollback()
	m.touched = m.touched[:touched]
	return err
}

func (m *MemDevice) save(fn func()) { m.undo = append(m.undo, fn) }

// Control implements replica.Tx, as do all methods below.
func (m *MemDevice) Control() (replica.Control, error) {
	c := m.ctl
	c.StagedAt = slices.Clone(c.StagedAt)
	return c, nil
}

func (m *MemDevice) PutControl(c replica.Control) error {
	old := m.ctl
	m.save(func() { m.ctl = old })
	c.StagedAt = slices.Clone(c.StagedAt)
	m.ctl = c
	return nil
}

func cloneImage(row replica.Image) replica.Image {
	if row == nil {
		return nil
	}
	n := 0
	for _, c := range row {
		n += len(c)
	}
	out, all := make(replica.Image, len(row)), make([]schema.Value, 0, n)
	for i, c := range row {
		k := len(all)
		all = append(all, c...)
		out[i] = all[k:len(all):len(all)]
	}
	return out
}

func (m *MemDevice) Row(t *schema.Table, id se.RowID) (replica.Image, error) {
	return cloneImage(m.rows[replica.RowKey{Table: t.Name, Row: id}]), nil
}

func (m *MemDevice) PutRow(t *schema.Table, id se.RowID, row replica.Image) error {
	m.setRow(replica.RowKey{Table: t.Name, Row: id}, cloneImage(row))
	return nil
}

func (m *MemDevice) DeleteRow(t *schema.Table, id se.RowID) error {
	m.setRow(replica.RowKey{Table: t.Name, Row: id}, nil)
	return nil
}

func (m *MemDevice) setRow(k replica.RowKey, row replica.Image) {
	old := m.rows[k]
	if old == nil && row == nil {
		return
	}
	m.touched = append(m.touched, k)
	m.putRow(k, old, row)
	m.save(func() { m.putRow(k, row, old) })
}

func (m *MemDevice) putRow(k replica.RowKey, old, row replica.Image) {
	m.found[k.Table].move(k.Row, old, row)
	i, found := slices.BinarySearch(m.ids[k.Table], k.Row)
	switch {
	case row == nil:
		delete(m.rows, k)
		if found {
			m.ids[k.Table] = slices.Delete(m.ids[k.Table], i, i+1)
		}
	default:
		m.rows[k] = row
		if !found {
			m.ids[k.Table] = slices.Insert(m.ids[k.Table], i, k.Row)
		}
	}
}

func (m *MemDevice) RowIDs(t *schema.Table) ([]se.RowID, error) {
	return slices.Clone(m.ids[t.Name]), nil
}

func (m *MemDevice) Find(t *schema.Table, column string, v schema.Value) ([]se.RowID, error) {
	by := m.found[t.Name]
	if by == nil || by.t != t || by.column != column {
		by = newFoundBy(t, column)
		for _, id := range m.ids[t.Name] {
			by.move(id, nil, m.rows[replica.RowKey{Table: t.Name, Row: id}])
		}
		if m.found == nil {
			m.found = map[string]*foundBy{}
		}
		m.found[t.Name] = by
	}
	return slices.Clone(by.ids[v]), nil
}

func (m *MemDevice) Captured() ([]replica.Capture, error) { return slices.Clone(m.captured), nil }

func (m *MemDevice) ClearCaptured() error {
	old := m.captured
	m.captured = nil
	m.save(func() { m.captured = old })
	return nil
}

func (m *MemDevice) Under(t *schema.Table, id se.RowID) (replica.Image, bool, error) {
	row, ok := m.under[replica.RowKey{Table: t.Name, Row: id}]
	return cloneImage(row), ok, nil
}

func (m *MemDevice) PutUnder(t *schema.Table, id se.RowID, row replica.Image) error {
	k := replica.RowKey{Table: t.Name, Row: id}
	old, had := m.under[k]
	m.under[k] = cloneImage(row)
	m.touched = append(m.touched, k)
	m.save(func() { m.under[k] = old; m.forgetUnder(k, had) })
	return nil
}

func (m *MemDevice) forgetUnder(k replica.RowKey, keep bool) {
	if !keep {
		delete(m.under, k)
	}
}

func (m *MemDevice) DropUnder(t *schema.Table, id se.RowID) error {
	k := replica.RowKey{Table: t.Name, Row: id}
	if old, had := m.under[k]; had {
		delete(m.under, k)
		m.touched = append(m.touched, k)
		m.save(func() { m.under[k] = old })
	}
	return nil
}

func (m *MemDevice) UnderIDs(t *schema.Table) ([]se.RowID, error) {
	var out []se.RowID
	for k := range m.under {
		if k.Table == t.Name {
			out = append(out, k.Row)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m *MemDevice) Pending(t *schema.Table, id se.RowID) ([]replica.Pending, error) {
	return slices.Clone(m.pending[replica.RowKey{Table: t.Name, Row: id}]), nil
}

func (m *MemDevice) setPending(k replica.RowKey, list []replica.Pending) {
	old := m.pending[k]
	set := func(l []replica.Pending) {
		if len(l) == 0 {
			delete(m.pending, k)
		} else {
			m.pending[k] = l
		}
	}
	set(list)
	m.touched = append(m.touched, k)
	m.save(func() { set(old) })
}

func (m *MemDevice) PutPending(p replica.Pending) error {
	k := replica.RowKey{Table: p.Change.Table, Row: p.Change.Row}
	list := append(slices.Clone(m.pending[k]), p)
	slices.SortStableFunc(list, func(a, b replica.Pending) int { return cmp.Compare(a.N, b.N) })
	m.setPending(k, list)
	return nil
}

func (m *MemDevice) PendingUpTo(from, to int64) ([]replica.RowKey, error) {
	var out []replica.RowKey
	for k, list := range m.pending {
		if slices.ContainsFunc(list, func(p replica.Pending) bool { return p.N >= from && p.N <= to }) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, compareKeys)
	return out, nil
}

func (m *MemDevice) Overlaid() (bool, error) {
	pending, err := m.PendingUpTo(1, 1<<62)
	return len(pending) > 0 || len(m.under) > 0, err
}

func compareKeys(a, b replica.RowKey) int {
	return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(string(a.Row), string(b.Row)))
}

func (m *MemDevice) DropPending(t *schema.Table, id se.RowID, from, to int64) error {
	k := replica.RowKey{Table: t.Name, Row: id}
	m.setPending(k, slices.DeleteFunc(slices.Clone(m.pending[k]), func(p replica.Pending) bool { return p.N >= from && p.N <= to }))
	return nil
}

func (m *MemDevice) Outbox(after int64, limit int) ([]*se.Changeset, error) {
	var out []*se.Changeset
	for _, cs := range m.outbox {
		if cs.N > after && len(out) < limit {
			out = append(out, cs)
		}
	}
	return out, nil
}

func (m *MemDevice) PutOutbox(cs *se.Changeset) error {
	old := m.outbox
	m.outbox = append(slices.Clone(old), cs)
	m.save(func() { m.outbox = old })
	return nil
}

func (m *MemDevice) Sealed(n int64) (*se.Changeset, error) {
	for _, cs := range m.outbox {
		if cs.N == n {
			return cs, nil
		}
	}
	return nil, nil
}

func (m *MemDevice) File(v se.Verdict) error {
	cs, _ := m.Sealed(v.N)
	old := m.outbox
	m.outbox = slices.DeleteFunc(slices.Clone(old), func(cs *se.Changeset) bool { return cs.N == v.N })
	m.filed[v.N] = filed{cs, v}
	m.save(func() { m.outbox = old; delete(m.filed, v.N) })
	return nil
}

func (m *MemDevice) Verdict(n int64) (*se.Verdict, error) {
	if f, ok := m.filed[n]; ok {
		return &f.verdict, nil
	}
	return nil, nil
}

func (m *MemDevice) Stage(d *se.Delta) error {
	old := m.staged
	m.staged = slices.Clone(old)
	for _, it := range d.Items {
		m.staged = append(m.staged, replica.StagedItem{Scope: d.Scope, DeltaItem: it})
	}
	m.save(func() { m.staged = old })
	return nil
}

func (m *MemDevice) Staged() ([]replica.StagedItem, error) {
	out := slices.Clone(m.staged)
	slices.SortStableFunc(out, func(a, b replica.StagedItem) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Table, b.Table), strings.Compare(string(a.Row), string(b.Row)))
	})
	return out, nil
}

func (m *MemDevice) EachStaged(fn func(*replica.StagedItem) error) error {
	list, err := m.Staged()
	for i := range list {
		if err := fn(&list[i]); err != nil {
			return err
		}
	}
	return err
}

func (m *MemDevice) ClearStaged() error {
	old := m.staged
	m.staged = nil
	m.save(func() { m.staged = old })
	return nil
}

// blanked names conflicts without their cells: what is left of them where the changeset itself is purged.
func blanked(list []se.ConflictRef) []se.ConflictRef {
	out := slices.Clone(list)
	for i := range out {
		out[i].Key.Cell = ""
	}
	return out
}

// Purge implements replica.Tx.
func (m *MemDevice) Purge(keep func(table string, row se.RowID) (bool, error)) error {
	for n, f := range m.filed {
		if f.cs == nil {
			continue
		}
		held := true
		for i := range f.cs.Changes {
			ok, err := keep(f.cs.Changes[i].Table, f.cs.Changes[i].Row)
			if err != nil {
				return err
			}
			held = held && ok
		}
		if held {
			continue
		}
		m.save(func() { m.filed[n] = f })
		blank := filed{verdict: f.verdict}
		if f.verdict.Reason != nil {
			why := *f.verdict.Reason
			why.Current = nil
			blank.verdict.Reason = &why
		}
		blank.verdict.Conflicts = blanked(f.verdict.Conflicts)
		m.filed[n] = blank
	}
	mended := m.mended
	m.save(func() { m.mended = mended })
	m.mended = nil
	for _, x := range mended {
		if held, err := keep(x.Table, x.Row); err != nil {
			return err
		} else if held {
			m.mended = append(m.mended, x)
		}
	}
	lost := m.lost
	m.save(func() { m.lost = lost })
	m.lost = slices.DeleteFunc(slices.Clone(lost), func(l replica.LostRow) bool {
		return !slices.ContainsFunc(m.ctl.Grants, func(g se.Grant) bool { return g.Scope == l.Scope })
	})
	old := m.inbox
	m.save(func() { m.inbox = old })
	m.inbox = slices.Clone(old)
	for i := range m.inbox {
		x := &m.inbox[i]
		ok, err := keep(x.Conflict.Key.Table, x.Conflict.Key.Row)
		if err != nil {
			return err
		}
		if !ok {
			x.Author, x.Conflict.Key.Cell, x.Reason = "", "", ""
		}
	}
	return nil
}

func (m *MemDevice) PutMessage(msg se.Message) error {
	old := m.inbox
	m.inbox = append(slices.Clone(old), msg)
	m.save(func() { m.inbox = old })
	return nil
}
