package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// asking counts what a transaction asks of who hands in.
type asking struct {
	se.Store
	principals *int
	expected   *[]se.RowKey
}

type askingTx struct {
	se.Tx
	a asking
}

func (a asking) Update(fn func(se.Tx) error) error {
	return a.Store.Update(func(tx se.Tx) error { return fn(askingTx{tx, a}) })
}

func (t askingTx) Principal(device string) (*se.Principal, error) {
	*t.a.principals++
	return t.Tx.Principal(device)
}

func (t askingTx) Expect(keys []se.RowKey) error {
	*t.a.expected = append(*t.a.expected, keys...)
	return t.Tx.Expect(keys)
}

// Of a group of changesets each device's rights are read once, whoever's stand between them, and the rows that they write and
// refer to are named before the first is judged. What one is refused for is not the next one's.
func TestAGroupIsReadTogether(t *testing.T) {
	w := newWorld(t)
	w.store.RunTwice = false
	anna, ben := w.dev("anna", "worker"), w.dev("ben", "worker", se.Grant{Scope: "g2", Role: "worker"})
	var subs []se.Submission
	add := func(d *dev, changes ...se.Change) {
		cs := d.make(changes...)
		d.n, d.hash = cs.N, cs.Hash()
		subs = append(subs, se.Submission{Changeset: cs, Now: w.now})
	}
	add(anna, ins("door", rid(1), set("unit", 0, "1")))
	add(ben, ins("door", rid(2), set("unit", 0, "2"))) // in g1, which is not his
	add(anna, ins("home", rid(3), set("door_id", 0, string(rid(1)))), ins("nothing", rid(4)))
	add(ben, se.Change{Table: "door", Row: rid(5), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2"), set("unit", 0, "5")}})
	add(anna, ins("home", rid(3), set("door_id", 0, string(rid(1)))))
	var principals int
	var expected []se.RowKey
	var kinds []se.VerdictKind
	for _, r := range w.e.Commit(asking{w.store, &principals, &expected}, subs) {
		require.NoError(t, r.Err)
		kinds = append(kinds, r.Verdict.Kind)
	}
	require.Equal(t, []se.VerdictKind{se.Accepted, se.Rejected, se.Rejected, se.Accepted, se.Accepted}, kinds)
	require.Equal(t, 2, principals)
	require.Equal(t, []se.RowKey{{Table: "door", Row: rid(1)}, {Table: "door", Row: rid(2)}, {Table: "home", Row: rid(3)}, {Table: "door", Row: rid(5)}}, expected)
}
