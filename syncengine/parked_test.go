package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// settle is a supervisor's word on a quarantined changeset.
func settle(choice se.Choice, d *dev, n int64, reason string) se.Change {
	return se.Change{Op: se.OpDecide, Decide: &se.Decision{Choice: choice, Quarantined: se.WriteID{Device: d.id, N: n}, Reason: reason}}
}

func (w *world) quarantined(d *dev, n int64) *se.Quarantined {
	return view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(d.id, n) })
}

func (w *world) messages(d *dev) []se.Message {
	return view(w, func(tx se.ReadTx) ([]se.Message, error) { return tx.Inbox(d.id, 0, 99) })
}

func (w *world) history() []se.Entry {
	return view(w, func(tx se.ReadTx) ([]se.Entry, error) { return tx.History(0, 999) })
}

// What awaits a row takes effect in the commit that brings it, chains in order; the verdict stays what it was.
func TestAwaitedRowComes(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.dev("anna", "worker"), w.dev("ben", "worker")
	anna.refused(se.Parked, se.CodeAwaits, upd("door", rid(1), set("room", 0, "101")), ins("home", rid(2), set("door_id", 0, string(rid(1))), set("phone", 0, "1")))
	anna.refused(se.Parked, se.CodeAwaits, upd("home", rid(2), set("head", 0, "Li")))
	anna.refused(se.Parked, se.CodeAwaits, upd("home", rid(9), set("head", 0, "nobody")))
	require.Equal(t, "gone", w.shows("home", rid(2), "phone"))
	seq := ben.ok(ins("door", rid(1), set("unit", 0, "1")))
	require.Equal(t, "Li", w.shows("home", rid(2), "head"))
	require.Equal(t, "101", w.shows("door", rid(1), "room"))
	for n := int64(1); n <= 2; n++ {
		q := w.quarantined(anna, n)
		require.True(t, q.Closed)
		require.Equal(t, se.SettledReleased, q.Outcome)
		require.Equal(t, seq+n, q.Seq, "each has a seq of its own, in order of n")
		require.Equal(t, se.Parked, q.Verdict.Kind)
	}
	require.False(t, w.quarantined(anna, 3).Closed, "it waits for something else")
	told := w.messages(anna)
	require.Len(t, told, 2)
	require.Equal(t, se.MessageReleased, told[0].Kind)
	require.EqualValues(t, 1, told[0].N)
	entries := w.history()
	require.Equal(t, anna.id, entries[len(entries)-1].Changeset.Device)
	require.EqualValues(t, 2, entries[len(entries)-1].Changeset.N)
	row := view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row("home", rid(2)) })
	require.Equal(t, string(rid(1)), row.Door)
	require.Equal(t, "anna", row.Author)
}

// What comes but is not enough leaves the changeset parked, with the reason of now.
func TestStillParked(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.dev("anna", "worker"), w.dev("ben", "worker")
	anna.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", 0, "a")), upd("home", rid(2), set("head", 0, "b")))
	ben.ok(ins("home", rid(1)))
	q := w.quarantined(anna, 1)
	require.False(t, q.Closed)
	require.Equal(t, rid(2), q.Awaits)
	require.Equal(t, string(rid(2)), q.Reason().Rule)
	require.Equal(t, string(rid(1)), q.Verdict.Reason.Rule, "the verdict is for ever")
	require.Equal(t, "NULL", w.shows("home", rid(1), "head"), "whole or not at all")
	ben.ok(ins("home", rid(2)))
	require.Equal(t, "a", w.shows("home", rid(1), "head"))
}

// A release applies what was parked as its author made it; a dismissal closes it; the first word wins.
func TestReleaseAndDismiss(t *testing.T) {
	w := newWorld(t)
	anna, boss := w.dev("anna", "worker"), w.dev("boss", "boss")
	base := anna.ok(ins("home", rid(1), set("head", 0, "Li"), set("phone", 0, "1")))
	over := []se.Grant{{Scope: "g1", Role: "worker", To: w.now}}
	w.store.SetPrincipal(anna.id, &se.Principal{Account: "anna", Device: anna.id, Grants: over})
	for _, head := range []string{"Wang", "Zhao"} {
		v := anna.push(ins("home", rid(2), set("head", 0, head)))
		require.Equal(t, se.Parked, v.Kind, "%+v", v.Reason)
	}
	require.Equal(t, "unknown", boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 99, "")).Rule)
	other := w.dev("chief", "boss", se.Grant{Scope: "g2", Role: "boss"})
	require.Equal(t, "unknown", other.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 2, "")).Rule, "not his")
	require.Equal(t, "unknown", anna.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 2, "")).Rule, "no console")
	seq := boss.ok(settle(se.ChoiceRelease, anna, 2, "she was there"))
	require.Equal(t, "Wang", w.shows("home", rid(2), "head"))
	q := w.quarantined(anna, 2)
	require.Equal(t, []any{se.SettledReleased, "boss", seq + 1}, []any{q.Outcome, q.By, q.Seq})
	require.Equal(t, "closed", boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 2, "")).Rule, "once")
	require.Equal(t, "reason", boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceDismiss, anna, 3, "")).Rule)
	boss.ok(settle(se.ChoiceDismiss, anna, 3, "twice"))
	require.Equal(t, "closed", boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 3, "")).Rule)
	require.Equal(t, "Wang", w.shows("home", rid(2), "head"))
	told := w.messages(anna)
	require.Equal(t, []se.MessageKind{se.MessageReleased, se.MessageDismissed}, []se.MessageKind{told[0].Kind, told[1].Kind})
	require.Equal(t, []any{int64(3), "twice", "boss"}, []any{told[1].N, told[1].Reason, told[1].Author})
	retry := anna.make(ins("home", rid(2), set("head", 0, "Wang")))
	retry.Replaces = 2
	require.Equal(t, se.CodeHandled, anna.send(retry).Verdict.Reason.Code, "a retry comes too late")
	require.NotZero(t, base)
}

// A released write meets what was written meanwhile like one that came late: by its base, never as the newest.
func TestReleasedWriteIsLate(t *testing.T) {
	w := newWorld(t)
	anna, ben, boss := w.dev("anna", "worker"), w.dev("ben", "worker"), w.dev("boss", "boss")
	base := ben.ok(ins("home", rid(1), set("head", 0, "Li"), set("phone", 0, "1")))
	anna.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", base, "Wang"), set("phone", base, "2")), upd("home", rid(8), set("head", 0, "x")))
	ben.ok(upd("home", rid(1), set("head", base, "Zhao")))
	w.now += 5000
	boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 1, ""))
	ben.ok(ins("home", rid(8)))
	require.Equal(t, "Zhao", w.shows("home", rid(1), "head"), "written later, by the corrected clock")
	require.Equal(t, "2", w.shows("home", rid(1), "phone"))
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	require.NotNil(t, con, "neither had seen the other")
	require.Equal(t, se.WriteID{Device: anna.id, N: 1}, con.Candidates[0].ID())
	require.Contains(t, con.Told, anna.id)
	require.Equal(t, se.MessageConflict, w.messages(anna)[0].Kind, "she is told by message: her verdict was given long ago")
}

// A release leaves out what the device wrote again with a later n that took effect, of sets element by element.
func TestReleaseLeavesOutWhatWasOvertaken(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.dev("anna", "worker"), w.dev("ben", "worker")
	base := anna.ok(ins("home", rid(1), set("head", 0, "Li")), ins("home", rid(2)))
	tags := se.CellWrite{Cell: "tags", In: []string{"a", "b"}}
	anna.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", base, "old"), tags, set("phone", base, "7")), del("home", rid(2), base), upd("home", rid(8), set("head", 0, "x")))
	anna.ok(upd("home", rid(1), set("head", base, "new"), se.CellWrite{Cell: "tags", Out: []string{"a"}}), upd("home", rid(2), set("head", base, "kept")))
	ben.ok(ins("home", rid(8)))
	require.Equal(t, "new", w.shows("home", rid(1), "head"), "written again since")
	require.Equal(t, `["b"]`, w.shows("home", rid(1), "tags"))
	require.Equal(t, "7", w.shows("home", rid(1), "phone"))
	require.Equal(t, "kept", w.shows("home", rid(2), "head"), "a row that its author wrote since is not deleted after all")
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
	for _, e := range view(w, func(tx se.ReadTx) ([]se.Entry, error) { return tx.History(0, 99) }) {
		require.Equal(t, e.Chain(e.Changeset.Hash()), e.Hash, "seq %d: history holds it whole, and its hash is over that", e.Seq)
	}
}

// Parked work of one device is released in order: what an earlier one would create goes first.
func TestReleaseInOrder(t *testing.T) {
	w := newWorld(t)
	anna, boss := w.dev("anna", "worker"), w.dev("boss", "boss")
	w.store.SetPrincipal(anna.id, &se.Principal{Account: "anna", Device: anna.id, Grants: []se.Grant{{Scope: "g1", Role: "worker", To: w.now}}})
	require.Equal(t, se.Parked, anna.push(ins("home", rid(1))).Kind)
	require.Equal(t, se.Parked, anna.push(upd("home", rid(1), set("head", 0, "Li"))).Kind)
	require.Equal(t, "first 1", boss.refused(se.Rejected, se.CodeBadDecision, settle(se.ChoiceRelease, anna, 2, "")).Rule)
	boss.ok(settle(se.ChoiceRelease, anna, 1, ""), settle(se.ChoiceRelease, anna, 2, ""))
	require.Equal(t, "Li", w.shows("home", rid(1), "head"))
}
