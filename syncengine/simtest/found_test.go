package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// The tests of this file are what worlds found in the engine, told step by step.

// village gives two workers of one grid with a dwelling and a family both hold.
func village(t *testing.T) (w *town, a, b *phone) {
	w = newTown(t)
	a, b = w.phone("wei", worker("A")), w.phone("lan", worker("A"))
	a.does(place(at(1), "A"), place(at(2), "A"), family(at(3), at(1), "A", "old"))
	a.sync()
	b.pull()
	return w, a, b
}

func TestWelcomeKnowsWhatWasSealedSinceHello(t *testing.T) {
	w, a, _ := village(t)
	hello := se.Hello{Device: a.id, LastN: a.ctl.LastN, LastHash: a.ctl.Hash}
	a.does(set1("family", at(3), "head", text("new")))
	a.send() // over another connection
	var welcome *se.Welcome
	require.NoError(t, w.store.View(func(tx se.ReadTx) (err error) {
		welcome, err = w.engine.Welcome(tx, hello, w.now)
		return err
	}))
	require.NoError(t, a.Update(func(tx replica.Tx) error { _, err := replica.Greet(tx, w.schema, a.clock(), welcome); return err }))
	copied := *welcome
	copied.LastN++
	require.ErrorIs(t, a.Update(func(tx replica.Tx) error { _, err := replica.Greet(tx, w.schema, a.clock(), &copied); return err }), replica.ErrCopied)
}

// A Welcome of a live connection may be older than the verdicts that came before it. Nothing is offered again then: on
// this connection it was pushed already, and it would wait in the outbox for the next one.
func TestWelcomeOlderThanVerdictsOffersNothing(t *testing.T) {
	w, a, _ := village(t)
	hello := se.Hello{Device: a.id, LastN: a.ctl.LastN, LastHash: a.ctl.Hash, Acked: a.ctl.Acked, Epoch: a.ctl.Epoch, Cursor: a.ctl.Cursor, View: a.ctl.View}
	var stale *se.Welcome
	require.NoError(t, w.store.View(func(tx se.ReadTx) (err error) {
		stale, err = w.engine.Welcome(tx, hello, w.now)
		return err
	}))
	a.does(set1("family", at(3), "head", text("new")))
	require.True(t, a.push()[0].Kind.Effective())
	stale.Acked = hello.Acked
	greet := func() int {
		require.NoError(t, a.Update(func(tx replica.Tx) error { _, err := replica.Greet(tx, w.schema, a.clock(), stale); return err }))
		list, err := a.Outbox(0, 10)
		require.NoError(t, err)
		return len(list)
	}
	require.Zero(t, greet())

	stale.Acked = a.ctl.Acked // a centre that has lost what it had judged before Hello
	require.Equal(t, 1, greet())
}

// A row that its person moved to a grid where his role may do more, and whose move the centre has not judged yet, is the
// centre's to judge: the device refuses nothing that he writes to it meanwhile.
func TestARowOnTheMoveIsTheCentresToJudge(t *testing.T) {
	w := newTown(t)
	a := w.phone("wei", worker("A"), worker("B"))
	a.does(place(at(1), "A"))
	a.sync()
	a.does(set1("place", at(1), "scope", text("B")))
	a.grant(steward("A", at(1)), worker("B"))
	a.pull()
	a.does(set1("place", at(1), "lat", schema.Real(1))) // no steward's to write
	a.does(gone("place", at(1)))
	verdicts := a.sync()
	require.Len(t, verdicts, 3)
	for i := range verdicts {
		require.True(t, verdicts[i].Kind.Effective(), "%+v", verdicts[i].Reason)
	}
	require.Nil(t, w.row("place", at(1)))
}

// A household that its writer puts into another grid, and that its dwelling takes back in the same changeset, has not
// moved; what belongs to it was nowhere else meanwhile.
func TestWhatADwellingTakesBackHasNotMoved(t *testing.T) {
	w := newTown(t)
	a := w.phone("wei", worker("A"), worker("B"))
	a.does(place(at(1), "B"), family(at(3), at(1), "A", "old"))
	a.does(Statement{Insert, "call", at(4), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}})
	a.sync()
	a.does(set1("family", at(3), "scope", text("B")), set1("place", at(1), "scope", text("A")))
	require.True(t, a.sync()[0].Kind.Effective())
	for _, k := range []replica.RowKey{{Table: "place", Row: at(1)}, {Table: "family", Row: at(3)}, {Table: "call", Row: at(4)}} {
		require.Equal(t, "A", w.row(k.Table, k.Row).Scope, k.Table)
	}
	_ = w.store.View(func(tx se.ReadTx) error {
		moves, err := tx.Moves("call", at(4), 0)
		require.NoError(t, err)
		require.Empty(t, moves)
		return nil
	})
}

func TestSetsAreSealedAndShownInOneForm(t *testing.T) {
	w, a, b := village(t)
	a.foreign(Statement{Insert, "call", at(4), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}, {"people", text(`["b", "a"]`)}}},
		set1("family", at(3), "tags", text(`[]`)))
	v := a.sync()
	require.True(t, v[0].Kind.Effective(), "%+v", v[0].Reason)
	b.pull()
	require.Equal(t, `["a","b"]`, a.shows("call", at(4), "people"))
	require.Equal(t, `["a","b"]`, b.shows("call", at(4), "people"))
	require.Equal(t, "NULL", a.shows("family", at(3), "tags"), "an empty set is not written over none")
	require.Equal(t, int64(0), w.row("family", at(3)).Cells[a.schema.Table("family").CellIndex("tags")].Shown)
}

func TestTheCentresColumnsComeBack(t *testing.T) {
	_, a, b := village(t)
	b.does(Statement{Insert, "call", at(4), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}})
	b.sync()
	a.pull()
	a.does(gone("call", at(4))) // refused: it is append only
	require.Equal(t, se.Rejected, a.sync()[0].Kind)
	require.Equal(t, "lan", a.shows("call", at(4), "created_by"))

	row := a.rows[replica.RowKey{Table: "family", Row: at(3)}]
	a.foreign(Statement{Replace, "family", at(3), assigns(a.schema.Table("family"), row)}) // changes nothing
	require.Empty(t, a.sync())
	require.Equal(t, "wei", a.shows("family", at(3), "created_by"))
}

func TestRowThatLivesAgainElsewhereLeavesOldViews(t *testing.T) {
	w, a, _ := village(t)
	s := w.phone("hua", steward("A", at(1)))
	require.Equal(t, "old", s.shows("family", at(3), "head"))
	a.does(gone("family", at(3)))
	a.does(family(at(3), at(2), "A", "new"))
	a.sync()
	s.pull()
	require.Equal(t, "gone", s.shows("family", at(3), "head"))
}

func TestEditsThatWaitMeetTheRowThatLivesAgain(t *testing.T) {
	w, a, b := village(t)
	b.does(set1("family", at(3), "head", text("by lan")))
	a.does(gone("family", at(3)))
	a.push()
	b.push()
	require.Len(t, w.queue(se.ConflictDelete, "family", at(3), "").Candidates, 1)
	a.does(family(at(3), at(1), "A", "again"))
	a.sync()
	require.Nil(t, w.queue(se.ConflictDelete, "family", at(3), ""))
	require.NotNil(t, w.queue(se.ConflictCell, "family", at(3), "head"), "the edit that waited is concurrent with the new row")
	a.does(gone("family", at(3)))
	a.sync()
	require.NotNil(t, w.queue(se.ConflictDelete, "family", at(3), ""), "and nothing is lost when that is deleted")
}

func TestSeeingAMaximumIsSeeingAllUnderIt(t *testing.T) {
	w, a, b := village(t)
	c := w.phone("bo", worker("A"))
	a.does(set1("family", at(3), "risk", schema.Int(9)))
	b.does(set1("family", at(3), "risk", schema.Int(5))) // hidden under 9
	a.sync()
	b.sync()
	c.pull()
	d := w.phone("ming", worker("A"))
	c.does(set1("family", at(3), "risk", schema.Int(2))) // has seen both
	a.does(gone("family", at(3)))
	a.push() // has not seen 5
	d.push()
	require.Len(t, w.queue(se.ConflictDelete, "family", at(3), "").Candidates, 1)
	c.push()
	list := w.queue(se.ConflictDelete, "family", at(3), "").Candidates
	require.Len(t, list, 1)
	require.Equal(t, schema.Int(2), list[0].Cell.Values[0])
}

func TestRemovalCountsWhatCameIntoSight(t *testing.T) {
	w, a, b := village(t)
	a.does(set1("family", at(3), "tags", text(`["x"]`)))
	b.does(set1("family", at(3), "tags", text(`["y"]`)))
	b.sync()
	a.pull() // under the pending edit; both are in sight
	require.Equal(t, `["x","y"]`, a.shows("family", at(3), "tags"))
	a.does(set1("family", at(3), "tags", text(`["x"]`)))
	a.sync()
	shows, _ := w.cell("family", at(3), "tags")
	require.Equal(t, `["x"]`, shows)
}

func (p *phone) open(id se.RowID) *replica.Form {
	var f replica.Form
	require.NoError(p.town.t, p.View(func(tx replica.Tx) (err error) {
		f, err = replica.OpenForm(tx, p.schema.Table("family"), id)
		return err
	}))
	return &f
}

func (p *phone) save(f *replica.Form, head string) {
	require.NoError(p.town.t, p.Exec(Transaction{Form: f, Statements: []Statement{set1("family", f.Row, "head", text(head))}}, p.clock()))
}

func TestFormHasNotSeenWhatAnEditHid(t *testing.T) {
	w, a, b := village(t)
	b.does(set1("family", at(3), "head", text("by lan")))
	a.does(set1("family", at(3), "head", text("by wei"))) // concurrent, and later
	b.sync()
	a.pull() // "by lan" lies under the edit
	form := a.open(at(3))
	a.sync()
	a.save(form, "from the form")
	a.sync()
	shows, waiting := w.cell("family", at(3), "head")
	require.Equal(t, "from the form", shows)
	require.Equal(t, 1, waiting, "nobody ever saw what lan wrote")
}

func TestFormIsNotLoweredByLaterEdits(t *testing.T) {
	w, a, b := village(t)
	old := a.open(at(3))
	b.does(set1("family", at(3), "head", text("by lan")))
	b.sync()
	a.pull()
	form := a.open(at(3)) // shows "by lan"
	a.save(old, "from the old form")
	a.save(form, "from the new form")
	a.sync()
	shows, waiting := w.cell("family", at(3), "head")
	require.Equal(t, "from the new form", shows)
	require.Zero(t, waiting, "who saved the new form had read what lan wrote")
}

func TestSnapshotKeepsOnlyWhatItBrings(t *testing.T) {
	w := newTown(t)
	a := w.phone("bo", worker("A"), worker("B"))
	a.does(place(at(1), "A"), place(at(2), "A"), family(at(3), at(1), "A", "x"))
	a.sync()
	a.does(set1("family", at(3), "scope", text("B")))
	a.sync()
	a.grant(worker("A"))
	for i := 0; a.ctl.View == "" || len(a.ctl.StagedAt) > 0 || i == 0; i++ { // in small portions, so that departures are sent too
		for _, d := range a.part(1, se.Pages{Items: 1, Frame: 1}).Frames {
			require.NoError(t, a.stage(&d))
		}
		require.Less(t, i, 50)
	}
	require.Equal(t, "gone", a.shows("family", at(3), "head"))
}

func TestFramesOfTwoConnectionsAreNeverMixed(t *testing.T) {
	_, a, b := village(t)
	b.does(set1("family", at(3), "head", text("one")), set1("place", at(1), "note", text("n")))
	b.sync()
	small := se.Pages{Items: 1, Frame: 1}
	first, second := a.part(1<<20, small), a.part(1<<20, small)
	require.NoError(t, a.stage(&first.Frames[0]))
	require.ErrorIs(t, a.stage(&second.Frames[0]), replica.ErrGap)
	beyond := first.Frames[0]
	beyond.From.Seq += 5
	require.ErrorIs(t, a.stage(&beyond), replica.ErrGap)
}

func TestVouchingIsByTheCentresScope(t *testing.T) {
	w := newTown(t)
	a := w.phone("bo", worker("A"))
	b := w.phone("wei", worker("A"))
	a.does(place(at(1), "A"), family(at(3), at(1), "A", "x"))
	a.sync()
	b.pull()
	b.does(set1("family", at(3), "head", text("y")))
	b.sync()
	a.pull()
	a.grant(worker("A"), worker("B"))
	a.does(set1("family", at(3), "scope", text("B")))
	a.does(set1("family", at(3), "head", text("z"))) // has seen y
	a.push()
	shows, waiting := w.cell("family", at(3), "head")
	require.Equal(t, "z", shows)
	require.Zero(t, waiting)
}

func TestStepThatEndsUnacceptedIsForgottenByItsCase(t *testing.T) {
	w, a, b := village(t)
	matter := Statement{Insert, "matter", at(5), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}}
	step := func(id se.RowID, what string, after string) Statement {
		set := []Assign{{"scope", text("A")}, {"matter_id", text(string(at(5)))}, {"step", text(what)}}
		if after != "" {
			set = append(set, Assign{"follows_id", text(after)})
		}
		return Statement{Insert, "move", id, set}
	}
	a.does(matter)
	a.sync()
	b.pull()
	b.does(step(at(6), "claim", ""))
	b.sync()
	b.does(set1("family", at(3), "head", text("\x00")), step(at(7), "finish", string(at(6)))) // refused
	require.Equal(t, "done", b.shows("matter", at(5), "state"))
	b.send() // the verdicts are lost
	b.pull() // but the delta says that it contains both
	require.Equal(t, "claimed", b.shows("matter", at(5), "state"))
	require.Equal(t, "claimed", w.row("matter", at(5)).Cells[b.schema.Table("matter").CellIndex("state")].Survivors[0].Values[0].Str())
}

func TestWhatRefersToARowThatLivesAgainFollowsIt(t *testing.T) {
	w, a, b := village(t)
	b.does(Statement{Insert, "matter", at(5), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}})
	b.does(set1("family", at(3), "head", text("restore me")))
	a.does(gone("family", at(3)))
	a.push()
	b.push()
	require.Empty(t, w.row("matter", at(5)).Door)
	con := w.queue(se.ConflictDelete, "family", at(3), "")
	w.decide(con, se.ChoiceTake)
	require.Equal(t, string(at(1)), w.row("matter", at(5)).Door)
	shows, waiting := w.cell("family", at(3), "head")
	require.Equal(t, "restore me", shows)
	require.Zero(t, waiting)
}

// decide lets a supervisor decide a conflict by its first candidate.
func (w *town) decide(con *se.Conflict, choice se.Choice) {
	desk := string(at(999))
	w.store.SetPrincipal(desk, &se.Principal{Account: "zhang", Device: desk, Console: true, Grants: []se.Grant{{Scope: "A", Role: roleSupervisor}}})
	d := &se.Decision{Conflict: con.ID, Choice: choice, Take: con.Candidates[0].ID()}
	for _, x := range con.Candidates {
		d.Shown = append(d.Shown, x.ID())
	}
	cs := &se.Changeset{Device: desk, N: 1, Wall: w.now, Author: "zhang", Changes: []se.Change{{
		Table: con.Key.Table, Row: con.Key.Row, Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: con.Changed}, Decide: d,
	}}}
	r := w.engine.Commit(w.store, []se.Submission{{Changeset: cs, Now: w.now, Contact: se.Contact{At: w.now}}})
	require.NoError(w.t, r[0].Err)
	require.True(w.t, r[0].Verdict.Kind.Effective(), "%+v", r[0].Verdict.Reason)
}

func TestTwinsOfOneChangeset(t *testing.T) {
	w, a, _ := village(t)
	twin := text("house one")
	a.does(Statement{Insert, "place", at(7), []Assign{{"scope", text("A")}, {"address", twin}}}, set1("place", at(1), "address", twin))
	a.sync()
	con := w.queue(se.ConflictDuplicate, "place", at(1), "")
	require.NotNil(t, con, "leaving the old address does not end the conflict about the new one")
	require.Equal(t, at(7), con.Candidates[0].Row)
}

// claim is a first step of the case at(5).
func claim(id se.RowID) Statement {
	return Statement{Insert, "move", id, []Assign{{"scope", text("A")}, {"matter_id", text(string(at(5)))}, {"step", text("claim")}}}
}

func TestLateStepOfACaseThatItsChangesetDeletes(t *testing.T) {
	w, a, b := village(t)
	a.does(Statement{Insert, "matter", at(5), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}})
	a.sync()
	b.pull()
	b.does(claim(at(6)))
	b.sync()
	a.does(claim(at(7)), gone("matter", at(5)))
	a.sync()
	require.Nil(t, w.queue(se.ConflictWorkflow, "matter", at(5), ""))
}

// The conflict about a case's late steps is kept at the door where the case is, also when its household moves in with others.
func TestLateStepsMoveWithTheirCase(t *testing.T) {
	w, a, b := village(t)
	a.does(Statement{Insert, "matter", at(5), []Assign{{"scope", text("A")}, {"family_id", text(string(at(3)))}}})
	a.sync()
	b.pull()
	b.does(claim(at(6)))
	b.sync()
	a.does(claim(at(7)))
	a.sync()
	require.Equal(t, string(at(1)), w.queue(se.ConflictWorkflow, "matter", at(5), "").Door)
	a.does(set1("family", at(3), "place_id", text(string(at(2)))))
	a.sync()
	require.Equal(t, string(at(2)), w.queue(se.ConflictWorkflow, "matter", at(5), "").Door)
}
