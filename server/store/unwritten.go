package store

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// owe notes whether a row has still to be written as t.rows has it, undone with the savepoint.
func (t *tx) owe(k rowKey, owed bool) {
	was := t.unwritten[k]
	if was == owed {
		return
	}
	set := func(owed bool) {
		if owed {
			t.unwritten[k] = true
		} else {
			delete(t.unwritten, k)
		}
	}
	set(owed)
	if t.depth > 0 {
		t.undo = append(t.undo, func() { set(was) })
	}
}

// writeRows writes the rows that were put and not written yet, in the order of their tables' keys. An error is what a row's
// own would have been: whoever runs the transaction may try a part of it.
func (t *tx) writeRows() error {
	if len(t.unwritten) == 0 {
		return t.lost
	}
	keys := make([]rowKey, 0, len(t.unwritten))
	for k := range t.unwritten {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b rowKey) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.id, b.id)) })
	for _, k := range keys {
		tb, err := t.table(k.table)
		if err != nil {
			return err
		}
		if err := t.exec(tb.upsert, tb.args(t.s.county, t.rows[k])...); err != nil {
			return fmt.Errorf("put row %s/%s: %w", k.table, k.id, err)
		}
		t.owe(k, false)
	}
	return nil
}

// ByNaturalKey implements syncengine.ReadTx.
func (t *tx) ByNaturalKey(table, scope string, key []schema.Value) ([]syncengine.RowID, error) {
	if err := t.writeRows(); err != nil {
		return nil, err
	}
	return t.readTx.ByNaturalKey(table, scope, key)
}

// ByIdempotencyKey implements syncengine.ReadTx.
func (t *tx) ByIdempotencyKey(table string, key []schema.Value) (syncengine.RowID, error) {
	if err := t.writeRows(); err != nil {
		return "", err
	}
	return t.readTx.ByIdempotencyKey(table, key)
}

// Referrers implements syncengine.ReadTx.
func (t *tx) Referrers(table, column string, id syncengine.RowID) ([]syncengine.RowID, error) {
	if err := t.writeRows(); err != nil {
		return nil, err
	}
	return t.readTx.Referrers(table, column, id)
}

// Changed implements syncengine.ReadTx.
func (t *tx) Changed(scope string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	if err := t.writeRows(); err != nil {
		return nil, err
	}
	return t.readTx.Changed(scope, after, limit)
}
