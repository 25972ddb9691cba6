package memstore

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Expect has nothing to do: all is at hand.
func (t *tx) Expect([]syncengine.RowKey) error { return nil }

func (t *tx) PutHead(h syncengine.Head) error {
	st, old := t.state, t.state.head
	st.head = h
	t.undo = append(t.undo, func() { st.head = old })
	return nil
}

func (t *tx) PutDevice(d *syncengine.Device) error {
	put(t, t.state.devices, d.ID, copyOf(d))
	return nil
}

func (t *tx) PutTold(x *syncengine.Told) error {
	put(t, t.state.told, x.Device, copyTold(x))
	return nil
}

func (t *tx) PutRow(r *syncengine.Row) error {
	tb, err := t.table(r.Table)
	if err != nil {
		return err
	}
	if err := tb.check(r); err != nil {
		return err
	}
	if old := tb.rows[r.ID]; old != nil {
		tb.unindex(t, old)
	}
	row := syncengine.CopyRow(r)
	put(t, tb.rows, r.ID, row)
	tb.index(t, row)
	return nil
}

func (t *tx) Kill(d *syncengine.Dead) error {
	tb, err := t.table(d.Table)
	if err != nil {
		return err
	}
	if old := tb.rows[d.ID]; old != nil {
		tb.unindex(t, old)
		drop(t, tb.rows, d.ID)
	}
	t.dropDead(tb, d.ID)
	dead := copyDead(d)
	put(t, tb.dead, d.ID, dead)
	if dead.Row != nil {
		t.state.streams.add(t, dead.Row.Scope, syncengine.DeadItem(dead))
	}
	return nil
}

func (t *tx) Revive(table string, id syncengine.RowID) error {
	tb, err := t.table(table)
	if err != nil {
		return err
	}
	t.dropDead(tb, id)
	t.forgetRepointed(rowKey{table, id})
	return nil
}

func (t *tx) dropDead(tb *table, id syncengine.RowID) {
	old := tb.dead[id]
	if old == nil {
		return
	}
	if old.Row != nil {
		t.state.streams.remove(t, old.Row.Scope, syncengine.DeadItem(old))
	}
	drop(t, tb.dead, id)
	drop(t, tb.bare, id)
}

func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {
	put(t, t.state.verdicts, syncengine.WriteID{Device: device, N: v.N}, copyVerdict(&v))
	return nil
}

func (t *tx) PutQuarantined(q *syncengine.Quarantined) error {
	id := syncengine.WriteID{Device: q.Device, N: q.N}
	t.use(t.state.quar[id], -1)
	t.use(q, 1)
	eachAwaited(t.state.quar[id], func(k rowKey) { t.state.awaited.remove(t, k, id) })
	t.indexParked(t.state.quar[id], false)
	c := copyQuarantined(q)
	put(t, t.state.quar, id, c)
	eachAwaited(c, func(k rowKey) { t.state.awaited.add(t, k, id) })
	t.indexParked(c, true)
	return nil
}

// indexParked puts an open parked changeset into the indexes, or takes it out.
func (t *tx) indexParked(q *syncengine.Quarantined, in bool) {
	if q == nil || q.Closed || q.Verdict.Kind != syncengine.Parked {
		return
	}
	id, st := syncengine.WriteID{Device: q.Device, N: q.N}, t.state
	index(t, st.parked, q.Device, q.N, in)
	if q.Changeset != nil {
		for i := range q.Changeset.Changes {
			c := &q.Changeset.Changes[i]
			index(t, st.parkedOn, rowKey{c.Table, c.Row}, id, in)
		}
	}
	if q.Awaits != "" {
		index(t, st.waiting, q.Awaits, id, in)
	}
	if q.Ready {
		index(t, st.ready, struct{}{}, id, in)
	}
}

func index[K comparable, V any](t *tx, s sorted[K, V], k K, v V, in bool) {
	if in {
		s.add(t, k, v)
	} else {
		s.remove(t, k, v)
	}
}

func (t *tx) MarkReady(ids []syncengine.RowID) error {
	for _, id := range ids {
		for _, w := range slices.Clone(t.state.waiting.lists[id]) {
			q := copyQuarantined(t.state.quar[w])
			q.Ready = true
			if err := t.PutQuarantined(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachAwaited calls fn for every row that an open quarantined changeset would have created.
func eachAwaited(q *syncengine.Quarantined, fn func(rowKey)) {
	if q == nil || q.Closed || q.Changeset == nil {
		return
	}
	for i := range q.Changeset.Changes {
		if c := &q.Changeset.Changes[i]; c.Op == syncengine.OpInsert {
			fn(rowKey{c.Table, c.Row})
		}
	}
}

func (t *tx) PutConflict(c *syncengine.Conflict) error {
	if open := t.openConflict(c.Key); c.Open() && open != nil && open.ID != c.ID {
		return fmt.Errorf("put conflict %s: %s is open with the same key", c.ID, open.ID)
	}
	if old := t.state.conflicts[c.ID]; old != nil && old.Key != c.Key {
		t.state.byKey.remove(t, old.Key, c.ID)
	}
	put(t, t.state.conflicts, c.ID, copyConflict(c))
	t.state.byKey.add(t, c.Key, c.ID)
	return nil
}

func (t *tx) PutStep(table string, caseID syncengine.RowID, s syncengine.Step) error {
	t.state.steps.add(t, rowKey{table, caseID}, s)
	return nil
}

func (t *tx) PutMove(m syncengine.Move) error {
	t.state.moves.add(t, rowKey{m.Table, m.ID}, &m)
	t.state.streams.add(t, m.Scope, syncengine.MoveItem(&m))
	return nil
}

func (t *tx) PutMessage(m syncengine.Message) error {
	t.state.inboxes.add(t, m.Device, &m)
	return nil
}

func (t *tx) AppendHistory(e syncengine.Entry) error {
	st, n := t.state, len(t.state.history)
	if n > 0 && st.history[n-1].Seq >= e.Seq {
		return fmt.Errorf("append history of seq %d: the last entry is of seq %d", e.Seq, st.history[n-1].Seq)
	}
	c := copyEntry(&e)
	st.history = append(st.history, c)
	t.undo = append(t.undo, func() {
		st.history[n] = nil
		st.history = st.history[:n]
	})
	for _, k := range c.Rows() {
		key := rowKey{k.Table, k.Row}
		put(t, st.rowLog, key, append(slices.Clip(st.rowLog[key]), c))
	}
	return nil
}

func (t *tx) AppendAudit(e syncengine.AuditEvent) error {
	st, n := t.state, len(t.state.audit)
	var last *syncengine.AuditEvent
	if n > 0 {
		last = &st.audit[n-1]
	}
	st.audit = append(st.audit, syncengine.AuditLink(last, e))
	t.undo = append(t.undo, func() { st.audit = st.audit[:n] })
	return nil
}
