package store

import (
	"encoding/json"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// mostExpected bounds the ids of one statement.
const mostExpected = 2000

// Expect implements syncengine.Tx: two statements for each record type read what would take two for each row.
func (t *tx) Expect(keys []syncengine.RowKey) error {
	lists := map[string][]syncengine.RowID{}
	var tables []string // in order of coming: the same statements in the same order for the same group
	for _, k := range keys {
		if _, known := t.rows[rowKey{k.Table, k.Row}]; known || t.s.tables[k.Table] == nil || !idShaped(k.Row) {
			continue
		}
		if lists[k.Table] == nil {
			tables = append(tables, k.Table)
		}
		lists[k.Table] = append(lists[k.Table], k.Row)
	}
	for _, name := range tables {
		for list := lists[name]; len(list) > 1; { // one is read as well when it is asked for
			n := min(len(list), mostExpected)
			if err := t.expect(t.s.tables[name], list[:n]); err != nil {
				return fmt.Errorf("read rows of %s together: %w", name, err)
			}
			list = list[n:]
		}
	}
	return nil
}

func (t *tx) expect(tb *table, ids []syncengine.RowID) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	name, rows := tb.def.Name, map[rowKey]*syncengine.Row{}
	if err := t.query(func(r row) error {
		x, err := tb.row(r)
		if err == nil {
			rows[rowKey{name, x.ID}] = x
		}
		return err
	}, tb.getAll, t.s.county, string(list)); err != nil {
		return err
	}
	dead := map[syncengine.RowID]bool{}
	if len(rows) < len(ids) {
		if err := t.query(func(r row) error { dead[syncengine.RowID(r.str(0))] = true; return nil },
			deadAmong, t.s.county, name, string(list)); err != nil {
			return err
		}
	}
	for _, id := range ids {
		k := rowKey{name, id}
		t.rows[k] = rows[k]
		if _, known := t.dead[k]; !known && !dead[id] {
			t.dead[k] = nil // how others died is read when asked
		}
	}
	return nil
}

const deadAmong = `SELECT id FROM dead WHERE county = CAST($1 AS INTEGER) AND tbl = CAST($2 AS TEXT) AND id IN (SELECT value FROM json_each($3))`

// idShaped tells whether a text is as long as an id and of its characters. Others are passed to nothing that might not
// give back what it was given.
func idShaped(id syncengine.RowID) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
