package memstore

import (
	"fmt"
	"slices"
	"sort"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// readTx reads the state. Every answer but Peek's is a copy.
type readTx struct {
	store *Store
	state *state
}

func (t *readTx) table(name string) (*table, error) {
	if tb := t.state.tables[name]; tb != nil {
		return tb, nil
	}
	return nil, fmt.Errorf("the schema has no record type %q", name)
}

func (t *readTx) Head() (syncengine.Head, error) { return t.state.head, nil }

func (t *readTx) Device(id string) (*syncengine.Device, error) {
	return copyOf(t.state.devices[id]), nil
}

func (t *readTx) Told(device string) (*syncengine.Told, error) {
	return copyTold(t.state.told[device]), nil
}

func (t *readTx) Row(table string, id syncengine.RowID) (*syncengine.Row, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	return syncengine.CopyRow(tb.rows[id]), nil
}

func (t *readTx) Peek(table string, id syncengine.RowID) (*syncengine.Row, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	return tb.rows[id], nil // never changed, only replaced
}

func (t *readTx) Dead(table string, id syncengine.RowID) (*syncengine.Dead, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	return copyDead(tb.dead[id]), nil
}

func (t *readTx) Verdict(device string, n int64) (*syncengine.Verdict, error) {
	return copyVerdict(t.state.verdicts[syncengine.WriteID{Device: device, N: n}]), nil
}

func (t *readTx) Quarantined(device string, n int64) (*syncengine.Quarantined, error) {
	return copyQuarantined(t.state.quar[syncengine.WriteID{Device: device, N: n}]), nil
}

func (t *readTx) Conflict(id string) (*syncengine.Conflict, error) {
	return copyConflict(t.state.conflicts[id]), nil
}

func (t *readTx) OpenConflict(key syncengine.ConflictKey) (*syncengine.Conflict, error) {
	return copyConflict(t.openConflict(key)), nil
}

func (t *readTx) openConflict(key syncengine.ConflictKey) *syncengine.Conflict {
	for _, id := range t.state.byKey.lists[key] {
		if c := t.state.conflicts[id]; c.Open() {
			return c
		}
	}
	return nil
}

func (t *readTx) DismissedConflict(key syncengine.ConflictKey) (*syncengine.Conflict, error) {
	var newest *syncengine.Conflict
	for _, id := range t.state.byKey.lists[key] { // in order of id: the greater id wins a tie
		c := t.state.conflicts[id]
		if !c.Open() && c.Outcome == syncengine.Outcome(syncengine.ChoiceBoth) && (newest == nil || c.Closed >= newest.Closed) {
			newest = c
		}
	}
	return copyConflict(newest), nil
}

func (t *readTx) ByNaturalKey(table, scope string, key []schema.Value) ([]syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	if len(key) != len(tb.def.NaturalKey) {
		return nil, fmt.Errorf("the natural key of %s has %d columns, not %d", table, len(tb.def.NaturalKey), len(key))
	}
	k, ok := keyText(scope, key)
	if !ok {
		return nil, nil
	}
	return slices.Clone(tb.natural.lists[k]), nil
}

func (t *readTx) ByIdempotencyKey(table string, key []schema.Value) (syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return "", err
	}
	if len(key) != len(tb.def.Idempotent) {
		return "", fmt.Errorf("the idempotency key of %s has %d columns, not %d", table, len(tb.def.Idempotent), len(key))
	}
	if k, ok := keyText("", key); ok && len(tb.idem.lists[k]) > 0 {
		return tb.idem.lists[k][0], nil
	}
	return "", nil
}

func (t *readTx) Referrers(table, column string, id syncengine.RowID) ([]syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	if c := tb.def.Column(column); c == nil || c.Ref == "" {
		return nil, fmt.Errorf("%s.%s is not a reference", table, column)
	}
	return slices.Clone(tb.refs.lists[ref{column, id}]), nil
}

func (t *readTx) LastStep(table string, caseID syncengine.RowID) (*syncengine.Step, error) {
	list := t.state.steps.lists[rowKey{table, caseID}]
	if len(list) == 0 {
		return nil, nil
	}
	last := list[len(list)-1]
	return &last, nil
}

func (t *readTx) AwaitedRow(table string, id syncengine.RowID) (*syncengine.WriteID, error) {
	list := t.state.awaited.lists[rowKey{table, id}]
	if len(list) == 0 {
		return nil, nil
	}
	first := list[0]
	return &first, nil
}

func (t *readTx) Parked(device string, after int64, limit int) ([]int64, error) {
	list := t.state.parked.lists[device]
	from := sort.Search(len(list), func(i int) bool { return list[i] > after })
	return slices.Clone(list[from:min(len(list), from+max(limit, 0))]), nil
}

func (t *readTx) ParkedOn(device, table string, id syncengine.RowID) ([]int64, error) {
	var out []int64
	for _, w := range t.state.parkedOn.lists[rowKey{table, id}] {
		if w.Device == device {
			out = append(out, w.N)
		}
	}
	return out, nil
}

func (t *readTx) Ready(limit int) ([]syncengine.WriteID, error) {
	list := t.state.ready.lists[struct{}{}]
	return slices.Clone(list[:min(len(list), max(limit, 0))]), nil
}

func (t *readTx) Principal(device string) (*syncengine.Principal, error) {
	return t.store.principal(device), nil
}

func (t *readTx) Changed(scope string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	list := t.state.streams.lists[scope]
	from := sort.Search(len(list), func(i int) bool {
		return after.Before(syncengine.Position{Seq: list[i].Seq, Key: list[i].Key})
	})
	list = list[from:min(len(list), from+max(limit, 0))]
	var out []syncengine.Item
	for _, it := range list {
		out = append(out, copyItem(it))
	}
	return out, nil
}

func (t *readTx) Moves(table string, id syncengine.RowID, after int64) ([]syncengine.Move, error) {
	var out []syncengine.Move
	for _, m := range t.state.moves.lists[rowKey{table, id}] {
		if m.Seq > after {
			out = append(out, *m)
		}
	}
	return out, nil
}

func (t *readTx) Places(table string, id syncengine.RowID) (out []syncengine.Move, from int64, err error) {
	k := rowKey{table, id}
	for _, m := range append(slices.Clone(t.state.moved.lists[k]), t.state.moves.lists[k]...) {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b syncengine.Move) int { return compareMove(&a, &b) })
	return out, 0, nil
}

func (t *readTx) Inbox(device string, after int64, limit int) ([]syncengine.Message, error) {
	list := t.state.inboxes.lists[device]
	from := sort.Search(len(list), func(i int) bool { return list[i].Number > after })
	var out []syncengine.Message
	for _, m := range list[from:min(len(list), from+max(limit, 0))] {
		out = append(out, *m)
	}
	return out, nil
}

func (t *readTx) History(after int64, limit int) ([]syncengine.Entry, error) {
	list := t.state.history
	from := sort.Search(len(list), func(i int) bool { return list[i].Seq > after })
	var out []syncengine.Entry
	for _, e := range list[from:min(len(list), from+max(limit, 0))] {
		out = append(out, *copyEntry(e))
	}
	return out, nil
}

func (t *readTx) Received(after int64, limit int) ([]syncengine.Reception, error) {
	list := t.state.history
	from := sort.Search(len(list), func(i int) bool { return list[i].Seq > after })
	var out []syncengine.Reception
	for _, e := range list[from:min(len(list), from+max(limit, 0))] {
		out = append(out, syncengine.Reception{Seq: e.Seq, At: e.Received})
	}
	return out, nil
}

func (t *readTx) RowHistory(table string, id syncengine.RowID, before int64, limit int) ([]syncengine.Entry, error) {
	list := t.state.rowLog[rowKey{table, id}]
	var out []syncengine.Entry
	for i := len(list) - 1; i >= 0 && len(out) < limit; i-- {
		if before == 0 || list[i].Seq < before {
			out = append(out, *copyEntry(list[i]))
		}
	}
	return out, nil
}

func (t *readTx) Audit(after int64, limit int) ([]syncengine.AuditEvent, error) {
	list := t.state.audit
	from := min(int(max(after, 0)), len(list)) // I counts from 1 without gaps
	return slices.Clone(list[from:min(len(list), from+max(limit, 0))]), nil
}

func (t *readTx) LastAudit() (*syncengine.AuditEvent, error) {
	if n := len(t.state.audit); n > 0 {
		last := t.state.audit[n-1]
		return &last, nil
	}
	return nil, nil
}
