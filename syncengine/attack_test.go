package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// TestMovedRowIsNotPulledBack: neither by who was told that it left, nor by a newcomer who never saw it (S4).
func TestMovedRowIsNotPulledBack(t *testing.T) {
	w := newWorld(t)
	both := w.dev("both", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	a := w.dev("a", "worker")
	s := both.ok(ins("home", rid(1), set("phone", 0, "1")))
	a.acked = s
	moved := both.ok(upd("home", rid(1), set("scope", s, "g2")))
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("scope", s, "g1")))
	require.Equal(t, se.Accepted, a.push(upd("home", rid(1), set("head", s, "王"))).Kind, "he had not been told")
	a.acked = moved
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", s, "李")))
	newcomer := w.dev("new", "worker")
	newcomer.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("scope", s, "g1")))
	newcomer.acked = moved
	newcomer.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("phone", s, "x")))
	require.Equal(t, "g2", w.shows("home", rid(1), "scope"))
}

// TestInsertIsNoWayRoundTheRightToUpdate (S5).
func TestInsertIsNoWayRoundTheRightToUpdate(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	st := w.dev("s", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	s := a.ok(ins("door", rid(1)), ins("door", rid(2)), ins("home", rid(3), set("door_id", 0, string(rid(1)))), ins("wish", rid(4), set("title", 0, "x")))
	_ = s
	st.refused(se.Rejected, se.CodeNoRight, ins("home", rid(3), set("level", 0, "high")))
	st.refused(se.Parked, se.CodeAwaits, ins("wish", rid(4), set("title", 0, "y")))
}

// TestStepsStayWithTheirCase: nobody moves a case that he cannot see, and none hears its state (S23).
func TestStepsStayWithTheirCase(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	b := w.dev("b", "worker", se.Grant{Scope: "g2", Role: "worker"})
	a.ok(ins("wish", rid(1), set("title", 0, "x")))
	step := func(wish int, kind string) se.Change {
		return se.Change{Table: "claim", Row: rid(50 + wish), Op: se.OpInsert, Cells: []se.CellWrite{
			set("scope", 0, "g2"), set("wish_id", 0, string(rid(wish))), set("step", 0, kind)}}
	}
	hidden := b.refused(se.Rejected, se.CodeUnknownReference, step(1, "claim"))
	absent := b.refused(se.Rejected, se.CodeUnknownReference, step(2, "claim"))
	require.Equal(t, absent.Rule, hidden.Rule)
	b.refused(se.Rejected, se.CodeUnknownReference, step(1, "done"))
	require.Equal(t, "open", w.shows("wish", rid(1), "state"))
}

// TestNoSetOutgrowsADelta: what was accepted must reach every device (P14).
func TestNoSetOutgrowsADelta(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	s := a.ok(ins("home", rid(1)))
	var many []string
	for i := range 1500 {
		many = append(many, fmt.Sprintf("e%05d", i))
	}
	a.refused(se.Rejected, se.CodeBadValue, upd("home", rid(1), se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: s}, In: many}))
	a.ok(upd("home", rid(1), se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: s}, In: many[:900]}))
	a.refused(se.Rejected, se.CodeBadValue, upd("home", rid(1), se.CellWrite{Cell: "tags", Base: se.Base{Epoch: 1, Seq: s}, In: many[900:1400]}))
}

// TestOneChangesetDoesNotHoldTheWriter: thousands of twins or late steps are one question, answered once (P14).
func TestOneChangesetDoesNotHoldTheWriter(t *testing.T) {
	w := newWorld(t)
	w.store.RunTwice = false
	a := w.dev("a", "worker")
	var twins []se.Change
	for i := range 3000 {
		twins = append(twins, ins("door", rid(i+1), set("unit", 0, "1"), set("room", 0, "1")))
	}
	require.Equal(t, se.Conflicts, a.push(twins...).Kind)
	require.Less(t, len(w.open(se.ConflictDuplicate, "door", rid(1), "").Candidates), 200)
	a.ok(ins("wish", rid(5000)))
	var late []se.Change
	for i := range 300 {
		late = append(late, ins("claim", rid(6000+i), set("wish_id", 0, string(rid(5000))), set("step", 0, "claim"), set("follows_id", 0, string(rid(6000+i+1)))))
	}
	a.refused(se.Rejected, se.CodeTooLarge, late...)
	var moved []se.Change
	moved = append(moved, ins("home", rid(7000), set("door_id", 0, string(rid(1)))))
	for i := range 5100 {
		moved = append(moved, ins("log", rid(10000+i), set("home_id", 0, string(rid(7000)))))
	}
	v := a.push(moved...)
	require.True(t, v.Kind.Effective())
	a.refused(se.Rejected, se.CodeTooLarge, upd("home", rid(7000), set("door_id", v.Seq, string(rid(2)))))
}

// TestTheEndOfTimeIsNotHeard (S3).
func TestTheEndOfTimeIsNotHeard(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	cs := a.make(ins("home", rid(1), set("phone", 0, "1")))
	cs.HLC = 1<<64 - 1
	require.Equal(t, se.Accepted, a.send(cs).Verdict.Kind)
	head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() })
	require.Less(t, head.HLC, hlc.Make(w.now+30*365*24*3600*1000, 0))
}
