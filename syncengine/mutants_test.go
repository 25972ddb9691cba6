package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What small changes of the engine showed that nobody looked at (scripts/mutate).

// As many changes as may be are taken, and one more is not; likewise elements of a set.
func TestBoundsAreExact(t *testing.T) {
	w := newWorld(t)
	w.e = se.New(w.s, se.Limits{MaxChangeset: 1 << 20, MaxChanges: 3, MaxFrame: 1 << 20, Window: 8})
	a := w.dev("a", "worker")
	a.ok(ins("home", rid(1)), ins("home", rid(2)), ins("home", rid(3)))
	why := a.refused(se.Rejected, se.CodeTooLarge, ins("home", rid(4)), ins("home", rid(5)), ins("home", rid(6)), ins("home", rid(7)))
	require.Equal(t, se.Reason{Code: se.CodeTooLarge, Table: "home", Row: rid(4), Rule: "changes"}, why, "it names where it begins")

	w.s.Table("home").Column("tags").MaxLen = 3
	add := func(n int) se.CellWrite {
		x := se.CellWrite{Cell: "tags"}
		for i := range n {
			x.In = append(x.In, fmt.Sprint("t", i))
		}
		return x
	}
	a.ok(upd("home", rid(1), add(3)))
	a.refused(se.Rejected, se.CodeBadValue, upd("home", rid(2), add(4)))
}

// fragile is a store of which one write makes the engine panic.
type fragile struct{ se.Store }

type fragileTx struct{ se.Tx }

func (f fragile) Update(fn func(se.Tx) error) error {
	return f.Store.Update(func(tx se.Tx) error { return fn(fragileTx{tx}) })
}

func (f fragileTx) PutRow(r *se.Row) error {
	if r.ID == rid(2) {
		panic("nobody thought of this")
	}
	return f.Tx.PutRow(r)
}

// A changeset that makes the rules panic is refused whole, and the device's next one is judged.
func TestPanicRefusesOneChangeset(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	contact := se.Contact{Boot: "b", Mono: w.now, At: w.now}
	bad := a.make(ins("home", rid(1)), ins("home", rid(2)))
	r := w.e.Commit(fragile{w.store}, []se.Submission{{Changeset: bad, Contact: contact, Now: w.now}})
	require.NoError(t, r[0].Err)
	require.Equal(t, se.Rejected, r[0].Verdict.Kind)
	require.Equal(t, se.CodeInternal, r[0].Verdict.Reason.Code)
	require.Equal(t, "gone", w.shows("home", rid(1), "phone"), "nothing of it is there")
	a.n, a.hash = bad.N, bad.Hash()
	a.ok(ins("home", rid(1)))
}

// A conflict's name says its epoch once a centre was put back: a screen may still know another one by the same seq.
func TestConflictsOfEpochsHaveNamesOfTheirOwn(t *testing.T) {
	name := func(epoch int64) string {
		w := newWorld(t)
		if epoch > 1 {
			require.NoError(t, w.store.Update(func(tx se.Tx) error {
				h, err := tx.Head()
				if err != nil {
					return err
				}
				h.Epoch = epoch
				return tx.PutHead(h)
			}))
		}
		a, b := w.dev("a", "worker"), w.dev("b", "worker")
		require.Equal(t, se.Accepted, a.push(ins("home", rid(1), set("head", 0, "one"))).Kind)
		require.Equal(t, se.Conflicts, b.push(upd("home", rid(1), set("head", 0, "two"))).Kind)
		return w.open(se.ConflictCell, "home", rid(1), "head").ID
	}
	require.Equal(t, "2-1", name(1))
	require.Equal(t, "2.2-1", name(2))
}

// What was refused in an epoch that ended may have been accepted when it was offered again: its correction is then a later
// write like any other. What was not accepted needs no correction.
func TestRetryOfWhatTheNewEpochAccepted(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	retry := func(change se.Change, replaces int64) se.Verdict {
		cs := a.make(change)
		cs.Replaces = replaces
		r := a.send(cs)
		require.NoError(t, r.Err)
		a.n, a.hash = cs.N, cs.Hash()
		return r.Verdict
	}
	a.ok(ins("home", rid(1), set("phone", 0, "old")))
	require.Equal(t, se.CodeHandled, retry(upd("home", rid(1), set("phone", 0, "x")), 1).Reason.Code, "in the first epoch it was never refused")

	w = newWorld(t)
	a = w.dev("a", "worker")
	w.rewind(0, true)
	require.Equal(t, se.Accepted, a.push(ins("home", rid(1), set("phone", 0, "old"))).Kind)
	require.Equal(t, se.Accepted, retry(upd("home", rid(1), set("phone", 0, "corrected")), 1).Kind)
	require.Equal(t, "corrected", w.shows("home", rid(1), "phone"))
	hole := &se.Changeset{Device: a.id, N: a.n + 1, Prev: a.hash, Gone: se.Hash{7}}
	require.Equal(t, se.CodeGone, a.send(hole).Verdict.Reason.Code)
	a.n, a.hash = hole.N, hole.Gone
	require.Equal(t, se.CodeHandled, retry(upd("home", rid(1), set("phone", 0, "x")), hole.N+1).Reason.Code, "nobody knows of that one")
	require.Equal(t, "corrected", w.shows("home", rid(1), "phone"))
}

// The very last changeset that a copy shares with its parent lies under the parent's name, and the copy corrects it there; the
// first that it made itself lies under its own.
func TestCopyCorrectsTheLastThatItShares(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.refused(se.Rejected, se.CodeCentralOnly, ins("home", rid(1), set("score", 0, int64(1))))
	x := a.copied("copy", se.Claim{N: a.n, Hash: a.hash})
	require.EqualValues(t, 1, x.n)
	correct := func(n int64, row se.RowID) se.Verdict {
		cs := x.make(ins("home", row))
		cs.Replaces = n
		r := x.send(cs)
		require.NoError(t, r.Err)
		x.n, x.hash = cs.N, cs.Hash()
		return r.Verdict
	}
	require.Equal(t, se.Accepted, correct(1, rid(1)).Kind)
	require.Equal(t, se.SettledRetried, w.quarantined(a, 1).Outcome)
	x.refused(se.Rejected, se.CodeCentralOnly, ins("home", rid(2), set("score", 0, int64(1))))
	own := x.n
	require.Equal(t, se.Accepted, correct(own, rid(2)).Kind)
	require.Equal(t, se.SettledRetried, w.quarantined(x, own).Outcome)
}

// Of a row that was there when the device last took news, it is known where it was then. That it passed through the
// device's scope since, and left again, opens it to nobody.
func TestRowThatPassedThroughUnseen(t *testing.T) {
	w := newWorld(t)
	grants := []se.Grant{{Scope: "g1", Role: "worker"}, {Scope: "g2", Role: "worker"}, {Scope: "g3", Role: "worker"}}
	all, a := w.dev("all", "worker", grants...), w.dev("a", "worker", grants[1])
	there := all.ok(ins("home", rid(1), set("phone", 0, "1")))
	a.acked = there // exactly: it was in g1 then
	in := all.ok(upd("home", rid(1), set("scope", there, "g2")))
	all.ok(upd("home", rid(1), set("scope", in, "g3")))
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("phone", in, "2")))
	require.Equal(t, "1", w.shows("home", rid(1), "phone"))
}

// A reading ends with the frame that uses up its budget, and goes on from there.
func TestBudgetThatIsUsedUpEndsTheReading(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	w.homes(a, 20)
	read := func(budget int) *se.Part {
		return view(w, func(tx se.ReadTx) (*se.Part, error) {
			return w.e.Next(tx, se.NextRequest{Device: a.id, Now: w.now, Budget: budget, Pages: se.Pages{Frame: 300}})
		})
	}
	size := 0
	for _, it := range read(1 << 20).Frames[0].Items {
		size += it.Size()
	}
	require.Greater(t, len(read(1<<20).Frames), 3)
	require.Len(t, read(size).Frames, 1)
	require.Len(t, read(size+1).Frames, 2)

	// So it is with the chunks of a snapshot: what changed behind it comes with the next reading.
	kept := keptSnapshots(1 << 20)
	whole := 0
	for _, f := range w.holder(a, kept).take(1 << 20).Frames {
		whole += len(f.Packed)
	}
	a.ok(upd("home", rid(3), set("phone", 0, "later")))
	b := w.holder(w.dev("b", "worker"), kept)
	part := b.take(whole)
	require.False(t, b.done, "%d frames", len(part.Frames))
	require.Len(t, part.Frames, b.chunks)
	require.NotContains(t, b.rows[rid(3)], "later")
	b.take(1 << 20)
	require.True(t, b.done)
	require.Contains(t, b.rows[rid(3)], "later")
	c := w.holder(w.dev("c", "worker"), kept)
	c.take(whole + 1)
	require.Contains(t, c.rows[rid(3)], "later", "a byte more is room for it")
}

// An edit that waited on a dead row names another one, which was merged away meanwhile. When its row is made again, it names
// the survivor.
func TestEditThatWaitedNamesTheSurvivor(t *testing.T) {
	w := newWorld(t)
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	a.ok(ins("door", rid(8), set("unit", 0, "1"), set("room", 0, "101")))
	require.Equal(t, se.Conflicts, b.push(ins("door", rid(9), set("unit", 0, "1"), set("room", 0, "101"))).Kind)
	con := w.open(se.ConflictDuplicate, "door", rid(8), "")
	base := a.ok(ins("home", rid(5)))
	a.ok(del("home", rid(5), base))
	require.Equal(t, se.Conflicts, b.push(upd("home", rid(5), set("door_id", base, string(rid(9))))).Kind)
	require.True(t, boss.push(mergeInto(con, w.head(), rid(8), rid(9))).Kind.Effective())
	require.True(t, a.push(ins("home", rid(5))).Kind.Effective())
	require.Equal(t, string(rid(8)), w.shows("home", rid(5), "door_id"))
}

// Who made a row, and when, stays with it; who changed what it shows last is told beside.
func TestWhoMadeARowStaysWithIt(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	made := w.now
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	changed := w.now
	b.ok(upd("home", rid(1), set("phone", s, "2")))
	require.Equal(t, fmt.Sprintf("a,%d,b,%d,%d", made, changed, changed), w.shows("home", rid(1), schema.CellEnvelop))
}

// As many late steps of a case wait as may, and one more is not taken, whether they come at once or one by one.
func TestLateStepsThatMayWait(t *testing.T) {
	const most = 200
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	step := func(row int) se.Change {
		return ins("claim", rid(row), set("wish_id", 0, string(rid(1))), set("step", 0, "claim"))
	}
	a.ok(ins("wish", rid(1), set("title", 0, "x")))
	a.ok(step(2))
	var late []se.Change
	for i := range most + 1 {
		late = append(late, step(1000+i))
	}
	b.refused(se.Rejected, se.CodeTooLarge, late...)
	require.Equal(t, se.Conflicts, b.push(late[:most-1]...).Kind)
	require.Equal(t, se.Conflicts, b.push(late[most-1]).Kind)
	require.Len(t, w.open(se.ConflictWorkflow, "wish", rid(1), "").Candidates, most)
	b.refused(se.Rejected, se.CodeTooLarge, late[most])
	require.Len(t, w.open(se.ConflictWorkflow, "wish", rid(1), "").Candidates, most)
}

// The lease is the shortest of the person's roles that have one: a role without one lengthens nothing, and ends nothing.
func TestLeaseIsTheShortest(t *testing.T) {
	w := newWorld(t)
	w.s.Roles["worker"].Offline, w.s.Roles["steward"].Offline = 14, 7
	for roles, days := range map[[3]string]int64{{"worker", "boss", "boss"}: 14, {"boss", "worker", "boss"}: 14, {"worker", "steward", "boss"}: 7, {"boss", "boss", "boss"}: 0} {
		a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: roles[0]}, se.Grant{Scope: "g2", Role: roles[1]}, se.Grant{Scope: "g3", Role: roles[2]})
		require.Equal(t, days*day, a.tell(0).Lease, "%v", roles)
	}
}
