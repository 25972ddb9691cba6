package syncengine_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func TestImports(t *testing.T) {
	imports.Check(t, "syncengine", "database/sql", "net", "os", "github.com/gorilla/websocket", "github.com/rs/zerolog", "server/", "clients/")
	imports.Check(t, "syncengine/replica", "database/sql", "net", "os", "server/", "clients/")
	imports.Check(t, "syncengine/session", "database/sql", "net", "os", "server/", "clients/")
}

func TestOnceAndInOrder(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	first := a.make(ins("home", rid(1), set("phone", 0, "1")))
	r := a.send(first)
	require.Equal(t, int64(1), r.Verdict.Seq)
	again := a.send(first)
	require.Equal(t, r.Verdict, again.Verdict, "P2: the same verdict")
	require.Equal(t, int64(1), view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq, "P2: no second effect")

	other := a.make(ins("home", rid(2)))
	require.ErrorIs(t, a.send(other).Err, se.ErrClone, "another changeset with the same n")
	a.n, a.hash = 1, first.Hash()
	gap := a.make(upd("home", rid(1), set("phone", 1, "2")))
	gap.N = 3
	require.ErrorIs(t, a.send(gap).Err, se.ErrGap)
	broken := a.make(upd("home", rid(1), set("phone", 1, "2")))
	broken.Prev = se.Hash{1}
	require.ErrorIs(t, a.send(broken).Err, se.ErrClone, "the chain of hashes is broken")
	stranger := &dev{w: w, id: "nobody", who: "nobody"}
	require.ErrorIs(t, stranger.send(stranger.make()).Err, se.ErrUnknownDevice)
	a.ok(upd("home", rid(1), set("phone", 1, "2")))
	require.Equal(t, "2", w.shows("home", rid(1), "phone"))
}

func TestReviewedCell(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	s1 := a.ok(ins("home", rid(1), set("head", 0, "王")))
	a.ok(upd("home", rid(1), set("head", s1, "李")))
	v := b.push(upd("home", rid(1), set("head", s1, "张")))
	require.Equal(t, se.Conflicts, v.Kind)
	require.Equal(t, "张", w.shows("home", rid(1), "head"), "the later of two concurrent edits stands")
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	require.Len(t, con.Candidates, 1)
	require.Equal(t, "李", con.Candidates[0].Cell.Values[0].Str())
	require.Equal(t, con.ID, v.Conflicts[0].ID)
	msgs := view(w, func(tx se.ReadTx) ([]se.Message, error) { return tx.Inbox(a.id, 0, 9) })
	require.Len(t, msgs, 1, "the author who lost is told")
	require.Equal(t, se.MessageConflict, msgs[0].Kind)

	shown := []se.WriteID{con.Candidates[0].ID()}
	decide := func(d se.Decision, base int64) se.Change {
		return se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: base}, Decide: &d}
	}
	a.refused(se.Rejected, se.CodeBadDecision, decide(se.Decision{Conflict: con.ID, Choice: se.ChoiceKeep, Shown: shown}, v.Seq))
	// A candidate that joins after the screen was read stays open.
	late := w.dev("c", "worker")
	lv := late.push(upd("home", rid(1), set("head", s1, "赵")))
	require.Equal(t, se.Conflicts, lv.Kind)
	dv := boss.push(decide(se.Decision{Conflict: con.ID, Choice: se.ChoiceTake, Take: shown[0], Shown: shown, Reason: "核实"}, v.Seq))
	require.Equal(t, se.Conflicts, dv.Kind, "the decision is told that the conflict goes on")
	con = w.open(se.ConflictCell, "home", rid(1), "head")
	require.NotNil(t, con, "what joined since stays open")
	told := view(w, func(tx se.ReadTx) ([]se.Message, error) { return tx.Inbox(late.id, 0, 9) })
	require.True(t, slices.ContainsFunc(told, func(m se.Message) bool { return m.Kind == se.MessageDecided }), "the author whose value stood is told too")
	require.Equal(t, "李", w.shows("home", rid(1), "head"))
	var values []string
	for _, c := range con.Candidates {
		values = append(values, c.Cell.Values[0].Str())
	}
	require.Equal(t, []string{"赵"}, values)
	head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() })
	boss.ok(decide(se.Decision{Conflict: con.ID, Choice: se.ChoiceKeep, Shown: []se.WriteID{con.Candidates[0].ID()}}, head.Seq))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
	require.Equal(t, "李", w.shows("home", rid(1), "head"))
	boss.refused(se.Rejected, se.CodeBadDecision, decide(se.Decision{Conflict: con.ID, Choice: se.ChoiceKeep}, head.Seq))
}

// TestConflictMovesWithItsRow: the supervisor of the grid a row moved to finds its conflict there.
func TestConflictMovesWithItsRow(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	b := w.dev("b", "worker")
	s := a.ok(ins("door", rid(1)), ins("door", rid(2)), ins("home", rid(3), set("head", 0, "王"), set("door_id", 0, string(rid(1)))))
	a.ok(upd("home", rid(3), set("head", s, "李")))
	v := b.push(upd("home", rid(3), set("head", s, "张")))
	require.Equal(t, string(rid(1)), w.open(se.ConflictCell, "home", rid(3), "head").Door)
	a.ok(upd("home", rid(3), set("door_id", v.Seq, string(rid(2)))))
	require.Equal(t, string(rid(2)), w.open(se.ConflictCell, "home", rid(3), "head").Door)
	a.push(upd("home", rid(3), set("scope", v.Seq+1, "g2")))
	require.Equal(t, "g2", w.open(se.ConflictCell, "home", rid(3), "head").Scope)
}

func TestSupersededConflictEnds(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	s1 := a.ok(ins("home", rid(1), set("head", 0, "王")))
	a.ok(upd("home", rid(1), set("head", s1, "李")))
	v := b.push(upd("home", rid(1), set("head", s1, "张")))
	a.ok(upd("home", rid(1), set("head", v.Seq, "周"))) // saw 张, and 李 is his own
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
	con := view(w, func(tx se.ReadTx) (*se.Conflict, error) { return tx.Conflict(v.Conflicts[0].ID) })
	require.Equal(t, se.OutcomeSuperseded, con.Outcome)
	require.NotEmpty(t, con.Candidates, "what was shown last is recorded")
}

func TestOtherPolicies(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	s1 := a.ok(ins("home", rid(1), set("phone", 0, "1"), set("level", 0, "low"), se.CellWrite{Cell: "tags", In: []string{"x"}},
		se.CellWrite{Cell: "count", Add: schema.Int(2)}, set("place", 0, 37.5, 117.1)))
	at := se.Base{Epoch: 1, Seq: s1}
	a.ok(upd("home", rid(1), set("phone", s1, "2"), set("level", s1, "medium"), se.CellWrite{Cell: "tags", Base: at, Out: []string{"x"}},
		se.CellWrite{Cell: "count", Base: at, Add: schema.Int(1)}, set("place", s1, 37.6, 117.2)))
	v := b.push(upd("home", rid(1), set("phone", s1, "3"), set("level", s1, "high"), se.CellWrite{Cell: "tags", Base: at, In: []string{"x", "y"}},
		se.CellWrite{Cell: "count", Base: at, Add: schema.Int(5)}, set("place", s1, 37.5, 117.9)))
	require.Equal(t, se.Conflicts, v.Kind)
	require.Equal(t, "3", w.shows("home", rid(1), "phone"))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "phone"), "lww keeps the loser in history only")
	require.Equal(t, "high", w.shows("home", rid(1), "level"))
	require.NotNil(t, w.open(se.ConflictCell, "home", rid(1), "level"), "E1.5: one item in the queue")
	require.Equal(t, `["x","y"]`, w.shows("home", rid(1), "tags"), "an addition wins over a removal that had not seen it")
	require.Equal(t, "8", w.shows("home", rid(1), "count"))
	require.Equal(t, "37.5,117.9", w.shows("home", rid(1), "place"), "a group merges whole")
	hist := view(w, func(tx se.ReadTx) ([]se.Entry, error) { return tx.History(0, 9) })
	require.Len(t, hist, 3)
	require.Equal(t, hist[1].Hash, hist[2].Prev)
	require.Equal(t, "a", view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row("home", rid(1)) }).Author)
}

func TestDeletes(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	s1 := a.ok(ins("home", rid(1), set("head", 0, "王"), set("phone", 0, "1")))
	b.ok(upd("home", rid(1), set("phone", s1, "2")))
	v := a.push(del("home", rid(1), s1))
	require.Equal(t, se.Conflicts, v.Kind, "the delete stands; b's edit, which it had not seen, is a candidate")
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"))
	require.Equal(t, se.Conflicts, b.push(upd("home", rid(1), set("head", s1, "李"))).Kind, "a stale device's edit does not bring it back")
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"))
	require.Equal(t, se.Conflicts, b.push(ins("home", rid(1), set("head", 0, "假"))).Kind, "nor does an insert by somebody else")
	con := w.open(se.ConflictDelete, "home", rid(1), "")
	var got []string
	for _, c := range con.Candidates {
		got = append(got, c.Cell.Cell)
	}
	require.Equal(t, []string{"phone", "scope", "head"}, got, "b's later head replaced its earlier one")
	boss.ok(se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: v.Seq + 2}, Decide: &se.Decision{
		Conflict: con.ID, Choice: se.ChoiceTake, Take: con.Candidates[0].ID(), Shown: []se.WriteID{con.Candidates[0].ID(), con.Candidates[1].ID()}}})
	require.Equal(t, "2", w.shows("home", rid(1), "phone"), "restored with the edit chosen")
	require.Equal(t, "王", w.shows("home", rid(1), "head"))
	require.Nil(t, w.open(se.ConflictDelete, "home", rid(1), ""))
	require.Nil(t, view(w, func(tx se.ReadTx) (*se.Dead, error) { return tx.Dead("home", rid(1)) }))

	a.ok(ins("home", rid(2), set("phone", 0, "7")))
	head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
	a.ok(del("home", rid(2), head))
	require.Nil(t, w.open(se.ConflictDelete, "home", rid(2), ""), "nobody else had written")
	a.ok(del("home", rid(2), head))
	a.ok(ins("home", rid(2), set("phone", 0, "8")))
	require.Equal(t, "8", w.shows("home", rid(2), "phone"), "its own author may insert the id anew")
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(99), set("phone", 0, "x")))
	a.refused(se.Parked, se.CodeAwaits, del("home", rid(99), 0))
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(1), set("unit", 0, "2"), set("room", 0, "301")))
	v := b.push(ins("door", rid(2), set("unit", 0, "2"), set("room", 0, "301")))
	require.Equal(t, se.Conflicts, v.Kind)
	require.NotEqual(t, "gone", w.shows("door", rid(2), "room"), "both rows live")
	con := w.open(se.ConflictDuplicate, "door", rid(1), "")
	require.Equal(t, rid(2), con.Candidates[0].Row)
	b.ok(upd("door", rid(2), set("room", v.Seq, "302")))
	require.Nil(t, w.open(se.ConflictDuplicate, "door", rid(1), ""), "the key was put right")
	v = b.push(upd("door", rid(2), set("room", v.Seq+1, "301")))
	con = w.open(se.ConflictDuplicate, "door", rid(1), "")
	require.NotNil(t, con)
	boss.ok(se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: v.Seq}, Decide: &se.Decision{Conflict: con.ID, Choice: se.ChoiceBoth, Shown: []se.WriteID{con.Candidates[0].ID()}}})
	require.Nil(t, w.open(se.ConflictDuplicate, "door", rid(1), ""))
	b.ok(upd("door", rid(2), set("unit", v.Seq+1, "3")))
	b.ok(upd("door", rid(2), set("unit", v.Seq+2, "2")))
	require.Nil(t, w.open(se.ConflictDuplicate, "door", rid(1), ""), "somebody looked and found them different")
	b.push(ins("door", rid(3), set("unit", 0, "2"), set("room", 0, "301")))
	require.NotNil(t, w.open(se.ConflictDuplicate, "door", rid(1), ""), "a third one is another question")
}

func TestGuardedSteps(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	step := func(row, wish int, kind string, follows int) se.Change {
		cells := []se.CellWrite{set("wish_id", 0, string(rid(wish))), set("step", 0, kind)}
		if follows != 0 {
			cells = append(cells, set("follows_id", 0, string(rid(follows))))
		}
		return ins("claim", rid(row), cells...)
	}
	a.ok(ins("wish", rid(1), set("title", 0, "扶手")))
	require.Equal(t, "open", w.shows("wish", rid(1), "state"))
	a.ok(step(11, 1, "claim", 0))
	require.Equal(t, "claimed", w.shows("wish", rid(1), "state"))
	require.Equal(t, "1", w.shows("claim", rid(11), "number"))
	v := b.push(step(12, 1, "claim", 0))
	require.Equal(t, se.Conflicts, v.Kind, "the second claimant")
	require.Equal(t, "NULL", w.shows("claim", rid(12), "number"))
	require.Equal(t, se.Conflicts, b.push(step(13, 1, "done", 12)).Kind, "what follows it joins")
	con := w.open(se.ConflictWorkflow, "wish", rid(1), "")
	require.Len(t, con.Candidates, 2)
	require.Len(t, view(w, func(tx se.ReadTx) ([]se.Message, error) { return tx.Inbox(a.id, 0, 9) }), 1, "both are told")
	a.refused(se.Rejected, se.CodeBadStep, step(14, 1, "claim", 11))
	a.refused(se.Rejected, se.CodeBadStep, step(15, 1, "nonsense", 11))
	a.refused(se.Rejected, se.CodeNoRight, step(16, 1, "close", 11))
	a.ok(step(17, 1, "drop", 11))
	require.Equal(t, "open", w.shows("wish", rid(1), "state"))
	head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
	boss.ok(se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: head}, Decide: &se.Decision{Conflict: con.ID, Choice: se.ChoiceRenumber, Take: con.Candidates[0].ID(), Shown: []se.WriteID{con.Candidates[0].ID()}}})
	require.Equal(t, "3", w.shows("claim", rid(12), "number"), "numbered after the case's last step")
	require.Equal(t, "claimed", w.shows("wish", rid(1), "state"))
	require.Len(t, w.open(se.ConflictWorkflow, "wish", rid(1), "").Candidates, 1)
}

func TestAtomic(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.refused(se.Rejected, se.CodeUnknownTable, ins("home", rid(1), set("phone", 0, "1")), ins("nothing", rid(2)))
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"), "P3: whole or not at all")
	require.Equal(t, int64(0), view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq, "what is refused takes no seq")
	// The counter has moved on: the next one is judged by itself, and what depends on the refused one waits.
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("phone", 0, "2")))
	a.ok(ins("home", rid(3), set("phone", 0, "3")))
	a.refused(se.Parked, se.CodeAwaits, ins("log", rid(4), set("home_id", 0, string(rid(1)))))
	retry := a.make(ins("home", rid(1), set("phone", 0, "1")))
	retry.Replaces = 1
	r := a.send(retry)
	require.Equal(t, se.Accepted, r.Verdict.Kind)
	a.n, a.hash = retry.N, retry.Hash()
	require.True(t, view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(a.id, 1) }).Closed)
	twice := a.make(ins("home", rid(5)))
	twice.Replaces = 1
	require.Equal(t, se.CodeHandled, a.send(twice).Verdict.Reason.Code)
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	s := a.ok(ins("home", rid(1), set("phone", 0, "1"), set("head", 0, "王")), ins("wish", rid(50)))
	a.ok(ins("log", rid(2), set("home_id", 0, string(rid(1))), set("text", 0, "x"), set("token", 0, "t1")))
	for what, c := range map[string]struct {
		code   se.Code
		change se.Change
	}{
		"row id":              {se.CodeBadRow, ins("home", "no-uuid")},
		"upper case":          {se.CodeBadRow, ins("home", "018F0000-0000-7000-8000-000000000001")},
		"operation":           {se.CodeBadRow, se.Change{Table: "home", Row: rid(3), Op: 9}},
		"cell twice":          {se.CodeBadRow, ins("home", rid(3), set("phone", 0, "1"), set("phone", 0, "2"))},
		"unknown cell":        {se.CodeUnknownCell, ins("home", rid(3), set("sqlite_master", 0, "1"))},
		"column of a group":   {se.CodeUnknownCell, ins("home", rid(3), set("lat", 0, 1.0))},
		"half a group":        {se.CodeBadValue, ins("home", rid(3), set("place", 0, 1.0))},
		"wrong type":          {se.CodeBadValue, ins("home", rid(3), set("phone", 0, 5))},
		"value for a set":     {se.CodeBadValue, ins("home", rid(3), set("tags", 0, "x"))},
		"value for a sum":     {se.CodeBadValue, ins("home", rid(3), set("count", 0, 7))},
		"operation on lww":    {se.CodeBadValue, ins("home", rid(3), se.CellWrite{Cell: "phone", In: []string{"x"}})},
		"text as difference":  {se.CodeBadValue, ins("home", rid(3), se.CellWrite{Cell: "count", Add: schema.Text("x")})},
		"central":             {se.CodeCentralOnly, ins("home", rid(3), set("score", 0, 5))},
		"envelope":            {se.CodeCentralOnly, upd("home", rid(1), set("envelope", s, "a", 1, "a", 1, 1))},
		"derived":             {se.CodeCentralOnly, upd("wish", rid(50), set("state", s, "closed"))},
		"number of a step":    {se.CodeCentralOnly, ins("claim", rid(3), set("wish_id", 0, string(rid(50))), set("step", 0, "claim"), set("number", 0, 1))},
		"missing":             {se.CodeMissing, ins("log", rid(3))},
		"NULL in required":    {se.CodeMissing, ins("log", rid(3), set("home_id", 0, nil))},
		"append only":         {se.CodeAppendOnly, upd("log", rid(2), set("text", s, "y"))},
		"delete of a log":     {se.CodeAppendOnly, del("log", rid(2), s)},
		"unknown reference":   {se.CodeUnknownReference, ins("log", rid(3), set("home_id", 0, string(rid(77))))},
		"base ahead":          {se.CodeBaseAhead, upd("home", rid(1), set("phone", 99, "2"))},
		"base of the future":  {se.CodeBaseAhead, se.Change{Table: "home", Row: rid(1), Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "phone", Base: se.Base{Epoch: 2}, Values: []schema.Value{schema.Text("1")}}}}},
		"negative base":       {se.CodeBaseAhead, se.Change{Table: "home", Row: rid(1), Op: se.OpDelete, Base: se.Base{Epoch: 1, Seq: -1}}},
		"another grid":        {se.CodeOutOfScope, se.Change{Table: "home", Row: rid(3), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2")}}},
		"no grid":             {se.CodeMissing, se.Change{Table: "home", Row: rid(3), Op: se.OpInsert}},
		"moved out of reach":  {se.CodeOutOfScope, upd("home", rid(1), set("scope", s, "g2"))},
		"decision by a phone": {se.CodeBadDecision, se.Change{Op: se.OpDecide, Decide: &se.Decision{Conflict: "1-1"}}},
		"no decision":         {se.CodeBadDecision, se.Change{Op: se.OpDecide}},
	} {
		t.Run(what, func(t *testing.T) {
			w.t, a.w.t = t, t
			a.refused(se.Rejected, c.code, c.change)
		})
	}
	w.t = t
	a.refused(se.Rejected, se.CodeBadRow, ins("home", rid(9)), upd("home", rid(9), set("phone", 0, "1")))
	wrong := a.make(upd("home", rid(1), set("phone", s, "2")))
	wrong.Author = "somebody"
	require.Equal(t, se.CodeWrongAuthor, a.send(wrong).Verdict.Reason.Code, "S2: the author is who the device acts for")
}

func TestIdempotentInsert(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	a.ok(ins("home", rid(1)))
	a.ok(ins("log", rid(2), set("home_id", 0, string(rid(1))), set("token", 0, "deed-7")))
	require.Equal(t, se.Merged, b.push(ins("log", rid(3), set("home_id", 0, string(rid(1))), set("token", 0, "deed-7"))).Kind)
	require.Equal(t, "gone", w.shows("log", rid(3), "token"), "one deed, one entry")
}

func TestViews(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	st := w.dev("s", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	// Children first: the door of a row is known when its parents are in.
	s1 := a.ok(ins("log", rid(21), set("home_id", 0, string(rid(11)))),
		ins("home", rid(11), set("door_id", 0, string(rid(1))), set("phone", 0, "13812345678"), set("secret", 0, "s")),
		ins("home", rid(12), set("door_id", 0, string(rid(2)))),
		ins("door", rid(1), set("room", 0, "1")), ins("door", rid(2), set("room", 0, "2")))
	require.Equal(t, []string{
		"row door/1 whole scope=[g1] room=[1]",
		"row home/b whole scope=[g1] door_id=[018f0000-0000-7000-8000-000000000001] phone=[138****5678]",
		"row log/15 whole scope=[g1] home_id=[018f0000-0000-7000-8000-00000000000b]",
	}, w.next(st, 0, true), "P8: only his doors, hidden columns not sent, masked ones masked")
	st.refused(se.Rejected, se.CodeNoRight, upd("home", rid(11), set("phone", s1, "1")))
	st.refused(se.Rejected, se.CodeNoRight, upd("home", rid(11), set("secret", s1, "1")))
	unseen := st.refused(se.Parked, se.CodeAwaits, upd("home", rid(12), set("head", s1, "x")))
	nowhere := st.refused(se.Parked, se.CodeAwaits, upd("home", rid(999), set("head", s1, "x")))
	require.Equal(t, nowhere.Code, unseen.Code, "S23: not his and not there look the same")
	require.Empty(t, unseen.Current)
	st.refused(se.Rejected, se.CodeUnknownReference, ins("log", rid(22), set("home_id", 0, string(rid(12)))))
	st.ok(ins("log", rid(23), set("home_id", 0, string(rid(11)))))

	// The household moves to another door: it, and what shares its door, leave the steward's view.
	head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
	a.ok(upd("home", rid(11), set("door_id", head, string(rid(2)))))
	require.Equal(t, []string{"evict home/b", "evict log/15", "evict log/17"}, w.next(st, head, false))
	require.Equal(t, []string{"row home/b whole scope=[g1] door_id=[018f0000-0000-7000-8000-000000000002] phone=[13812345678] secret=[s]",
		"row log/15 whole scope=[g1] home_id=[018f0000-0000-7000-8000-00000000000b]",
		"row log/17 whole scope=[g1] home_id=[018f0000-0000-7000-8000-00000000000b]"}, w.next(a, head, false)[0:3:3])
	// Work on a row that has left the view since, by one who had not been told, is still his to do. His base proves
	// nothing: what counts is what the centre sent him and heard to be seen. Where the row belongs he cannot say.
	st.refused(se.Parked, se.CodeAwaits, upd("home", rid(11), set("head", head, "王")))
	st.acked = head
	require.Equal(t, se.Accepted, st.push(upd("home", rid(11), set("head", head, "王"))).Kind)
	st.acked = view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
	st.refused(se.Parked, se.CodeAwaits, upd("home", rid(11), set("head", head, "李")))
	// A row that moves to another grid is evicted from the first, and comes whole in the second.
	head = view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() }).Seq
	a.ok(upd("home", rid(12), set("scope", head, "g2")))
	lines := w.next(a, head, false)
	require.Len(t, lines, 2)
	require.Equal(t, "evict home/c", lines[0])
	require.Contains(t, lines[1], "row home/c whole scope=[g2]")
	a.ok(del("home", rid(12), head+1))
	require.Equal(t, []string{"dead home/c"}, w.next(a, head+1, false))
}

// TestLevel: a record type lives at the level it is declared for, though a supervisor's grant reaches above it.
func TestLevel(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker", Level: schema.LevelGrid}, se.Grant{Scope: "c1", Role: "worker", Level: schema.LevelCommunity})
	s := a.ok(ins("home", rid(1)))
	require.Equal(t, "level", a.refused(se.Rejected, se.CodeBadValue, se.Change{Table: "home", Row: rid(2), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "c1")}}).Rule)
	a.refused(se.Rejected, se.CodeBadValue, upd("home", rid(1), set("scope", s, "c1")))
}

func TestEndedGrantParks(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Grants: []se.Grant{{Scope: "g1", Role: "worker", To: w.now - 1}}})
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s, "2")))
	a.refused(se.Parked, se.CodeGrantEnded, ins("home", rid(2)))
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Revoked: true})
	a.refused(se.Parked, se.CodeDeviceRevoked, upd("home", rid(1), set("phone", s, "3")))
}

func TestClocks(t *testing.T) {
	w := newWorld(t)
	for what, c := range map[string]struct {
		wall, offset int64
		boot         string
		mono         int64
		wantAt       int64
		suspect      bool
	}{
		"good clock":          {999_000, 0, "b", 999_000, 999_000, false},
		"ten years ahead":     {315_360_000_000, -315_359_000_000, "b", 999_000, 999_000, true},
		"1970":                {0, 1_000_000, "b", 990_000, 990_000, true},
		"another boot":        {990_000, 0, "old", 5, 990_000, true},
		"the future":          {9e15, 0, "old", 5, 1_000_000, true},
		"the largest number":  {1<<63 - 1, 1<<63 - 1, "", -1 << 63, 1_000_000, true},
		"the smallest number": {-1 << 63, -1 << 63, "", 1<<63 - 1, 0, true},
	} {
		d := w.dev("clock "+what, "worker")
		cs := d.make(ins("home", rid(len(what)), set("phone", 0, "1")))
		cs.Wall, cs.Boot, cs.Mono = c.wall, c.boot, c.mono
		res := w.e.Commit(w.store, []se.Submission{{Changeset: cs, Now: w.now, Contact: se.Contact{Offset: c.offset, Boot: "b", Mono: w.now, At: w.now}}})
		require.NoError(t, res[0].Err)
		require.True(t, res[0].Verdict.Kind.Effective(), "%s: no data is refused for its clock: %+v", what, res[0].Verdict.Reason)
		hist := view(w, func(tx se.ReadTx) ([]se.Entry, error) { return tx.History(res[0].Verdict.Seq-1, 1) })
		require.Equal(t, c.suspect, hist[0].Suspect, what)
		require.Equal(t, c.wantAt, hist[0].At, what)
	}
}

// TestPoison: a store that fails for one changeset holds up nobody else.
func TestPoison(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("c", "worker")
	var group []se.Submission
	for i, d := range []*dev{a, b, c} {
		group = append(group, se.Submission{Changeset: d.make(ins("home", rid(i+1), set("phone", 0, "1"))), Now: w.now})
	}
	bad := poisoned{w.store, rid(2)}
	res := w.e.Commit(bad, group)
	require.Equal(t, se.Accepted, res[0].Verdict.Kind)
	require.Equal(t, se.Accepted, res[2].Verdict.Kind)
	require.Equal(t, se.CodeInternal, res[1].Verdict.Reason.Code)
	require.NotNil(t, view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(b.id, 1) }))
	w.store.FailCommit = func() error { return errors.New("disk full") }
	res = w.e.Commit(w.store, []se.Submission{{Changeset: w.dev("d", "worker").make(), Now: w.now}})
	require.ErrorContains(t, res[0].Err, "disk full", "no verdict without a durable commit")
	w.store.FailCommit = nil
	require.Nil(t, view(w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined("dev-d", 1) }), "and no blame for what nobody in the group did")
}

type poisoned struct {
	se.Store
	row se.RowID
}

func (p poisoned) Update(fn func(se.Tx) error) error {
	return p.Store.Update(func(tx se.Tx) error { return fn(poisonedTx{tx, p.row}) })
}

type poisonedTx struct {
	se.Tx
	row se.RowID
}

func (p poisonedTx) PutRow(r *se.Row) error {
	if r.ID == p.row {
		return errors.New("constraint failed")
	}
	return p.Tx.PutRow(r)
}
