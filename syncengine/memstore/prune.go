package memstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func (t *readTx) Devices(after string, limit int) ([]syncengine.Device, error) {
	var out []syncengine.Device
	for id, d := range t.state.devices {
		if id > after {
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b syncengine.Device) int { return strings.Compare(a.ID, b.ID) })
	return out[:min(len(out), max(limit, 0))], nil
}

func (t *readTx) Copies(device string) ([]syncengine.Device, error) {
	var out []syncengine.Device
	for _, d := range t.state.devices {
		if device != "" && d.Parent == device {
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b syncengine.Device) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func compareDeadAt(a, b syncengine.DeadAt) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Table, b.Table), strings.Compare(string(a.ID), string(b.ID)))
}

func (t *readTx) OldDead(upTo int64, after syncengine.DeadAt, limit int) ([]syncengine.DeadAt, error) {
	var out []syncengine.DeadAt
	for name, tb := range t.state.tables {
		for id, d := range tb.dead {
			at := syncengine.DeadAt{Seq: d.Seq, Table: name, ID: id}
			if d.Seq <= upTo && compareDeadAt(after, at) < 0 && !tb.bare[id] {
				out = append(out, at)
			}
		}
	}
	slices.SortFunc(out, compareDeadAt)
	return out[:min(len(out), max(limit, 0))], nil
}

func (t *tx) StripDead(table string, id syncengine.RowID) error {
	tb, err := t.table(table)
	if err != nil || tb.dead[id] == nil {
		return err
	}
	d := copyDead(tb.dead[id])
	d.Strip()
	put(t, tb.dead, id, d)
	put(t, tb.bare, id, true)
	t.forgetRepointed(rowKey{table, id})
	if d.Row != nil {
		t.state.streams.add(t, d.Row.Scope, syncengine.DeadItem(d))
	}
	return nil
}

func (t *tx) PruneMoves(upTo int64, limit int) (int, error) {
	var old []*syncengine.Move
	for _, list := range t.state.moves.lists {
		for _, m := range list {
			if m.Seq <= upTo {
				old = append(old, m)
			}
		}
	}
	slices.SortFunc(old, func(a, b *syncengine.Move) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Table, b.Table), strings.Compare(string(a.ID), string(b.ID)),
			strings.Compare(a.Scope, b.Scope), strings.Compare(a.Door, b.Door))
	})
	old = old[:min(len(old), max(limit, 0))]
	for _, m := range old {
		t.state.moves.remove(t, rowKey{m.Table, m.ID}, m)
		t.state.moved.add(t, rowKey{m.Table, m.ID}, m)
		t.state.streams.remove(t, m.Scope, syncengine.MoveItem(m))
	}
	return len(old), nil
}

func (t *tx) PruneInbox(device string, upTo int64, limit int) (int, error) {
	list := t.state.inboxes.lists[device]
	var old []*syncengine.Message
	for _, m := range list {
		if m.Number <= upTo && len(old) < limit {
			old = append(old, m)
		}
	}
	for _, m := range old {
		t.state.inboxes.remove(t, device, m)
	}
	return len(old), nil
}
