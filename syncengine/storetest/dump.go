package storetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// The small world that dumps and random operations are about: few names, so that they meet often.
var (
	worldScopes  = []string{"g1", "g2"}
	worldDevices = []string{"dev-1", "dev-2"}
	worldTables  = []string{"event", "person", "place", "place_x"}
	worldStreets = []string{"长街", "短街"}
)

const (
	worldIDs = 6 // ids 1 to worldIDs
	worldNs  = 8 // n, house and message numbers
)

// answers is everything that a store says about the small world, by question.
type answers map[string]any

func (a answers) add(x any, err error, question string, args ...any) {
	v := reflect.ValueOf(x)
	if k := v.Kind(); k == reflect.Invalid || k == reflect.Pointer && v.IsNil() || (k == reflect.Slice || k == reflect.String) && v.Len() == 0 {
		x = nil
	}
	if err != nil {
		x = "error" // which one is the store's own business
	}
	if x != nil {
		a[fmt.Sprintf(question, args...)] = x
	}
}

func dump(t testing.TB, s syncengine.Store) (a answers) {
	t.Helper()
	view(t, s, func(tx syncengine.ReadTx) { a = dumpTx(t, tx) })
	return a
}

func dumpTx(t testing.TB, tx syncengine.ReadTx) answers {
	t.Helper()
	a := answers{}
	h, err := tx.Head()
	a.add(h, err, "head")
	for _, d := range worldDevices {
		dumpDevice(a, tx, d)
	}
	for _, table := range worldTables {
		for i := range worldIDs {
			dumpRow(a, tx, table, id(i+1))
		}
	}
	for _, scope := range worldScopes {
		n, err := tx.ScopeRows(scope)
		a.add(n, err, "rows of %s", scope)
		items, err := tx.Changed(scope, syncengine.Position{}, 1000)
		live := int64(0)
		for i := range items {
			if items[i].Row != nil {
				live++
			}
		}
		require.Equal(t, live, n, "rows of scope %s are counted", scope)
		a.add(items, err, "changed %s", scope)
		for i := range items {
			page, err := tx.Changed(scope, syncengine.Position{Seq: items[i].Seq, Key: items[i].Key}, 1+i%3)
			a.add(page, err, "changed %s after item %d", scope, i)
		}
		for _, street := range worldStreets {
			for house := range int64(worldNs) {
				x, err := tx.ByNaturalKey("place", scope, []schema.Value{schema.Text(street), schema.Int(house)})
				a.add(x, err, "place %s %s %d", scope, street, house)
				x, err = tx.ByNaturalKey("person", scope, []schema.Value{schema.Text(fmt.Sprint(street, house))})
				a.add(x, err, "person %s %s%d", scope, street, house)
			}
		}
	}
	for _, source := range worldStreets {
		for n := range int64(worldNs) {
			x, err := tx.ByIdempotencyKey("event", []schema.Value{schema.Text(source), schema.Int(n)})
			a.add(x, err, "event %s %d", source, n)
		}
	}
	log, err := tx.History(0, 1000)
	a.add(log, err, "history")
	received, err := tx.Received(0, 1000)
	a.add(received, err, "received")
	some, err := tx.Received(3, 2)
	a.add(some, err, "received after 3")
	audit, err := tx.Audit(0, 1000)
	a.add(audit, err, "audit")
	return a
}

func dumpDevice(a answers, tx syncengine.ReadTx, d string) {
	x, err := tx.Device(d)
	a.add(x, err, "device %s", d)
	used, err := tx.Refused(d, 5)
	a.add(used, err, "refused of %s", d)
	said, err := tx.Told(d)
	a.add(said, err, "told %s", d)
	inbox, err := tx.Inbox(d, 0, 1000)
	a.add(inbox, err, "inbox %s", d)
	for n := range int64(worldNs) {
		v, err := tx.Verdict(d, n)
		a.add(v, err, "verdict %s %d", d, n)
		q, err := tx.Quarantined(d, n)
		a.add(q, err, "quarantined %s %d", d, n)
	}
}

func dumpRow(a answers, tx syncengine.ReadTx, table string, rid syncengine.RowID) {
	r, err := tx.Row(table, rid)
	a.add(r, err, "row %s %s", table, rid)
	r, err = tx.Peek(table, rid)
	a.add(r, err, "peek %s %s", table, rid)
	d, err := tx.Dead(table, rid)
	a.add(d, err, "dead %s %s", table, rid)
	p, err := tx.Repointed(table, rid)
	a.add(p, err, "re-pointed from %s %s", table, rid)
	m, err := tx.Moves(table, rid, 0)
	a.add(m, err, "moves %s %s", table, rid)
	m, _, err = tx.Places(table, rid)
	a.add(m, err, "places of %s %s", table, rid)
	w, err := tx.AwaitedRow(table, rid)
	a.add(w, err, "awaited %s %s", table, rid)
	s, err := tx.LastStep(table, rid)
	a.add(s, err, "step %s %s", table, rid)
	h, err := tx.RowHistory(table, rid, 0, 1000)
	a.add(h, err, "history of %s %s", table, rid)
	h, err = tx.RowHistory(table, rid, 7, 2)
	a.add(h, err, "history of %s %s before 7", table, rid)
	for _, c := range model.Table(table).Columns {
		for i := 0; c.Ref != "" && i < worldIDs; i++ {
			x, err := tx.Referrers(table, c.Name, id(i+1))
			a.add(x, err, "referrers %s.%s %d", table, c.Name, i+1)
		}
	}
	for _, cell := range []string{"", "name"} {
		key := syncengine.ConflictKey{Kind: syncengine.ConflictCell, Table: table, Row: rid, Cell: cell}
		c, err := tx.OpenConflict(key)
		a.add(c, err, "open %s", key.Label())
		c, err = tx.DismissedConflict(key)
		a.add(c, err, "dismissed %s", key.Label())
	}
}

// requireSame fails with the first question that has different answers, not with two whole counties.
func requireSame(t testing.TB, want, got answers) {
	t.Helper()
	for _, q := range slices.Sorted(maps.Keys(want)) {
		if inner, ok := want[q].(answers); ok && got[q] != nil {
			requireSame(t, inner, got[q].(answers))
			continue
		}
		require.Equal(t, want[q], got[q], q)
	}
	for _, q := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[q]; !ok {
			require.Nil(t, got[q], q)
		}
	}
}
