package store

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Row implements syncengine.ReadTx.
func (t *readTx) Row(table string, id syncengine.RowID) (*syncengine.Row, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	var out *syncengine.Row
	_, err = t.one(func(r row) (err error) { out, err = tb.row(r); return err }, tb.get, t.s.county, string(id))
	return out, err
}

// Peek implements syncengine.ReadTx. Nothing is kept, so what Row gives is nobody else's.
func (t *readTx) Peek(table string, id syncengine.RowID) (*syncengine.Row, error) {
	return t.Row(table, id)
}

// Peek implements syncengine.ReadTx.
func (t *tx) Peek(table string, id syncengine.RowID) (*syncengine.Row, error) {
	return t.cached(rowKey{table, id})
}

// Row implements syncengine.ReadTx.
func (t *tx) Row(table string, id syncengine.RowID) (*syncengine.Row, error) {
	r, err := t.cached(rowKey{table, id})
	return syncengine.CopyRow(r), err
}

// cached gives the row as the transaction keeps it, which replaces and never changes it.
func (t *tx) cached(k rowKey) (*syncengine.Row, error) {
	if r, known := t.rows[k]; known {
		return r, nil
	}
	r, err := t.readTx.Row(k.table, k.id)
	if err == nil {
		t.rows[k] = r
	}
	return r, err
}

// Dead implements syncengine.ReadTx.
func (t *readTx) Dead(table string, id syncengine.RowID) (*syncengine.Dead, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	var out *syncengine.Dead
	_, err = t.one(func(r row) error {
		out = &syncengine.Dead{Table: table, ID: id, Seq: r.int(0), Epoch: r.int(1)}
		out.Into = syncengine.RowID(r.str(3))
		return decodeDead(r.blob(2), out, tb.find)
	}, `SELECT seq, epoch, body, merged_into FROM dead WHERE county = $1 AND tbl = $2 AND id = $3`, t.s.county, table, string(id))
	if err != nil {
		return nil, fmt.Errorf("read dead id %s/%s: %w", table, id, err)
	}
	return out, nil
}

// Dead implements syncengine.ReadTx.
func (t *tx) Dead(table string, id syncengine.RowID) (*syncengine.Dead, error) {
	k := rowKey{table, id}
	if d, known := t.dead[k]; known && d == nil || t.rows[k] != nil {
		return nil, nil // the common answers, for a live row is not dead; the rare one is read anew, which saves a copy of it
	}
	d, err := t.readTx.Dead(table, id)
	if err == nil {
		t.dead[k] = d
	}
	return d, err
}

// PutRow implements syncengine.Tx. The row is written later.
func (t *tx) PutRow(r *syncengine.Row) error {
	tb, err := t.table(r.Table)
	if err != nil {
		return err
	}
	if len(r.Cells) != len(tb.def.Cells) {
		return fmt.Errorf("put row %s/%s: it has %d cells, the record type %d", r.Table, r.ID, len(r.Cells), len(tb.def.Cells))
	}
	k := rowKey{r.Table, r.ID}
	if t.rows[k] == nil { // a live row is not dead
		switch dead, err := t.Dead(r.Table, r.ID); {
		case err != nil:
			return err
		case dead != nil:
			return fmt.Errorf("put row %s/%s: the id is dead and was not revived", r.Table, r.ID)
		}
	}
	old, err := t.cached(k) // as a rule the engine has read it already
	if err != nil {
		return err
	}
	if len(tb.sets) > 0 {
		if err := t.putSets(tb, r.ID, old, r); err != nil {
			return err
		}
	}
	t.placed(old, r)
	t.writes(r.Scope, tb.feed, r.Seq)
	keep(t, t.rows, k, syncengine.CopyRow(r))
	t.owe(k, true)
	return t.lost
}

// putSets keeps set_ref: which ids the row's sets of references hold. old and now may be nil.
func (t *tx) putSets(tb *table, id syncengine.RowID, old, now *syncengine.Row) error {
	for _, p := range tb.sets {
		var was, is schema.Value
		if old != nil {
			was = p.of(old)
		}
		if now != nil {
			is = p.of(now)
		}
		if was == is {
			continue
		}
		for _, target := range elements(was) {
			if err := t.exec(`DELETE FROM set_ref WHERE county = $1 AND tbl = $2 AND col = $3 AND target = $4 AND id = $5`,
				t.s.county, tb.def.Name, p.column.Name, target, string(id)); err != nil {
				return fmt.Errorf("put set of references: %w", err)
			}
		}
		for _, target := range elements(is) {
			if err := t.exec(`INSERT INTO set_ref (county, tbl, col, target, id) VALUES ($1, $2, $3, $4, $5)`,
				t.s.county, tb.def.Name, p.column.Name, target, string(id)); err != nil {
				return fmt.Errorf("put set of references: %w", err)
			}
		}
	}
	return nil
}

// elements gives a set's members; what is no set has none.
func elements(v schema.Value) []string {
	if v.IsNull() {
		return nil
	}
	set, err := schema.ParseSet(v.Str())
	if err != nil {
		return nil
	}
	return set
}

// Kill implements syncengine.Tx.
func (t *tx) Kill(d *syncengine.Dead) error {
	tb, err := t.table(d.Table)
	if err != nil {
		return err
	}
	if r := d.Row; r != nil && (r.Table != d.Table || r.ID != d.ID || len(r.Cells) != len(tb.def.Cells)) {
		return fmt.Errorf("kill %s/%s: its row is another one", d.Table, d.ID)
	}
	k := rowKey{d.Table, d.ID}
	old, err := t.cached(k)
	if err != nil {
		return err
	}
	if len(tb.sets) > 0 {
		if err := t.putSets(tb, d.ID, old, nil); err != nil {
			return err
		}
	}
	t.owe(k, false)
	if err := t.exec(tb.remove, t.s.county, string(d.ID)); err != nil {
		return fmt.Errorf("kill %s/%s: %w", d.Table, d.ID, err)
	}
	var scope any
	if d.Row != nil {
		scope = d.Row.Scope
		t.writes(d.Row.Scope, feedDead, d.Seq)
	}
	if err := t.exec(`INSERT INTO dead (county, tbl, id, seq, epoch, scope, body, merged_into) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (county, tbl, id) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch, scope = excluded.scope, body = excluded.body,
			merged_into = excluded.merged_into, bare = 0`,
		t.s.county, d.Table, string(d.ID), d.Seq, d.Epoch, scope, encodeDead(d, tb.layout), string(d.Into)); err != nil {
		return fmt.Errorf("kill %s/%s: %w", d.Table, d.ID, err)
	}
	t.placed(old, nil)
	keep(t, t.rows, k, nil)
	keep(t, t.dead, k, &syncengine.Dead{}) // dead; which way is read when asked
	return nil
}

// Revive implements syncengine.Tx.
func (t *tx) Revive(table string, id syncengine.RowID) error {
	if _, err := t.table(table); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM dead WHERE county = $1 AND tbl = $2 AND id = $3`, t.s.county, table, string(id)); err != nil {
		return fmt.Errorf("revive %s/%s: %w", table, id, err)
	}
	keep(t, t.dead, rowKey{table, id}, nil)
	return t.forgetRepointed(table, id)
}

// ids reads a listing of row ids.
func (t *readTx) ids(query string, args ...any) (out []syncengine.RowID, err error) {
	err = t.query(func(r row) error { out = append(out, syncengine.RowID(r.str(0))); return nil }, query, args...)
	return out, err
}

// keyArgs appends a key's values; ok is false for a key with a NULL in it, which is no key.
func keyArgs(args []any, key []schema.Value) (out []any, ok bool) {
	for _, v := range key {
		if v.IsNull() {
			return nil, false
		}
		args = append(args, v.Any())
	}
	return args, len(key) > 0
}

// ByNaturalKey implements syncengine.ReadTx.
func (t *readTx) ByNaturalKey(table, scope string, key []schema.Value) ([]syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	if len(key) != tb.naturalLen {
		return nil, fmt.Errorf("the natural key of %s has %d columns, not %d", table, tb.naturalLen, len(key))
	}
	args, ok := keyArgs([]any{t.s.county, scope}, key)
	if !ok {
		return nil, nil
	}
	return t.ids(tb.natural, args...)
}

// ByIdempotencyKey implements syncengine.ReadTx.
func (t *readTx) ByIdempotencyKey(table string, key []schema.Value) (syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return "", err
	}
	if len(key) != tb.idempoLen {
		return "", fmt.Errorf("the idempotency key of %s has %d columns, not %d", table, tb.idempoLen, len(key))
	}
	args, ok := keyArgs([]any{t.s.county}, key)
	if !ok {
		return "", nil
	}
	list, err := t.ids(tb.idempotent, args...)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// Referrers implements syncengine.ReadTx.
func (t *readTx) Referrers(table, column string, id syncengine.RowID) ([]syncengine.RowID, error) {
	tb, err := t.table(table)
	if err != nil {
		return nil, err
	}
	if c := tb.def.Column(column); c == nil || c.Ref == "" {
		return nil, fmt.Errorf("%s.%s is not a reference", table, column)
	}
	if q := tb.referrers[column]; q != "" {
		return t.ids(q, t.s.county, string(id))
	}
	return t.ids(`SELECT id FROM set_ref WHERE county = $1 AND tbl = $2 AND col = $3 AND target = $4 ORDER BY id`,
		t.s.county, table, column, string(id))
}
