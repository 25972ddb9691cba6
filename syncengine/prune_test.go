package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// prune notes devices as heard now, each at its cursor, and prunes everything that may go.
func (w *world) prune(keep int64, heard ...se.Heard) (all se.Pruned) {
	w.t.Helper()
	for {
		var p se.Pruned
		require.NoError(w.t, w.store.Update(func(tx se.Tx) (err error) {
			if err = w.e.Note(tx, heard); err == nil {
				p, err = w.e.Prune(tx, se.Retention{Now: w.now, Keep: keep, Portion: 3})
			}
			return err
		}))
		all.Floor = p.Floor
		all.Moves, all.Dead, all.Messages = all.Moves+p.Moves, all.Dead+p.Dead, all.Messages+p.Messages
		if !p.More {
			return all
		}
	}
}

func (d *dev) heard(cursor int64) se.Heard {
	return se.Heard{Device: d.id, At: d.w.now, Cursor: se.Base{Epoch: 1, Seq: cursor}, LastN: d.n}
}

func (w *world) welcome(d *dev, cursor int64, staged ...se.StagedScope) (*se.Welcome, bool) {
	h := se.Hello{Device: d.id}
	view1 := view(w, func(tx se.ReadTx) (*se.Welcome, error) { return w.e.Welcome(tx, h, w.now) }).View
	h.View, h.Epoch, h.Cursor, h.Staged, h.StagedView, h.StagedReset = view1, 1, cursor, staged, view1, true
	wel := view(w, func(tx se.ReadTx) (*se.Welcome, error) { return w.e.Welcome(tx, h, w.now) })
	return wel, h.StagedFor(wel)
}

// A device at the floor goes on; one below it begins anew, keeps its outbox, and nothing that was deleted or left
// meanwhile stays with it. The floor does not pass a device that was heard of within the retention time.
func TestBelowTheFloor(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	b, away := w.dev("b", "worker"), w.dev("away", "worker")
	w.homes(a, 4)
	at := a.ok(upd("home", rid(4), set("head", 0, "w4")))
	w.prune(0, b.heard(at), away.heard(at))
	moved := a.ok(upd("home", rid(2), set("scope", at, "g2")))
	gone := a.ok(del("home", rid(1), moved))
	const keep = 100_000
	w.now += keep / 2
	got := w.prune(keep, b.heard(at))
	require.Equal(t, at, got.Floor, "b needs what came behind it")
	require.Zero(t, got.Moves)
	w.now += keep / 2
	late := a.ok(upd("home", rid(3), set("head", gone, "w3")))
	got = w.prune(keep, b.heard(gone))
	require.Equal(t, gone, got.Floor, "not past b, though away is further behind: it was not heard of for too long")
	require.Equal(t, 1, got.Moves)
	require.Equal(t, 1, got.Dead)
	for cursor, anew := range map[int64]bool{gone - 1: true, gone: false, gone + 1: false, at: true} {
		wel, _ := w.welcome(b, cursor)
		require.Equal(t, anew, wel.Reset, "at %d, floor %d", cursor, got.Floor)
		require.Equal(t, gone, wel.Floor)
	}
	require.Len(t, w.next(b, gone, false), 1)
	whole := w.next(away, 0, true)
	require.Len(t, whole, 2)

	// The changeset that it made before is judged by what it had seen, on top of the new snapshot.
	v := away.push(upd("home", rid(3), set("phone", at, "13700000000")))
	require.Equal(t, se.Accepted, v.Kind)
	require.Greater(t, v.Seq, late)

	// What is staged of a reading that was begun below the floor is no good any more.
	_, ok := w.welcome(away, 0, se.StagedScope{Scope: "g1", After: se.Position{Seq: 3}, Read: gone - 1})
	require.False(t, ok)
	_, ok = w.welcome(away, 0, se.StagedScope{Scope: "g1", After: se.Position{Seq: 3}, Read: gone})
	require.True(t, ok)
	req := se.NextRequest{Device: away.id, Now: w.now, Budget: 100, Staged: []se.StagedScope{{Scope: "g1", After: se.Position{Seq: 3}, Read: gone - 1}}}
	part := view(w, func(tx se.ReadTx) (*se.Part, error) { return w.e.Next(tx, req) })
	require.True(t, part.Restart)
	require.Empty(t, part.Frames)
}

// What a deleted row held is forgotten, unless a decision may still restore it; that it is dead, where it was and whose
// it was, is not. A device that comes back after years with an edit of it resurrects nothing (P9), and its edit waits.
func TestPruneKeepsDeadIds(t *testing.T) {
	w := newWorld(t)
	a, old, boss := w.dev("a", "worker"), w.dev("old", "worker"), w.dev("boss", "boss")
	other := w.dev("other", "worker", se.Grant{Scope: "g2", Role: "worker"})
	w.homes(a, 4)
	base := int64(4)
	a.ok(del("home", rid(1), base))
	a.ok(del("home", rid(2), base))
	require.Equal(t, se.Conflicts, old.push(upd("home", rid(2), set("head", base, "mine"))).Kind)
	head := a.ok(del("home", rid(3), base))
	w.now += 1_000_000
	got := w.prune(1000)
	require.Equal(t, 2, got.Dead, "not the one in a conflict")
	require.GreaterOrEqual(t, got.Floor, head)
	require.Zero(t, w.prune(1000).Dead, "once")

	dead := view(w, func(tx se.ReadTx) (*se.Dead, error) { return tx.Dead("home", rid(1)) })
	require.True(t, dead.Bare())
	require.Equal(t, "g1", dead.Row.Scope)
	require.Equal(t, "a", dead.Row.Author)
	require.Equal(t, a.id, dead.By.Device)

	require.Equal(t, se.Conflicts, old.push(upd("home", rid(1), set("head", base, "years later"))).Kind)
	require.Equal(t, "gone", w.shows("home", rid(1), "head"))
	require.Equal(t, se.Conflicts, old.push(ins("home", rid(3), set("head", 0, "again"))).Kind)
	require.Equal(t, "gone", w.shows("home", rid(3), "head"))
	other.refused(se.Parked, se.CodeAwaits, upd("home", rid(1), set("head", base, "not his")))

	// The conflict that kept what it needs restores the row with the edit; of the other there is nothing to restore.
	con := w.open(se.ConflictDelete, "home", rid(2), "")
	take := func(con *se.Conflict, row se.RowID) se.Change {
		x := con.Candidates[0].ID()
		return se.Change{Table: "home", Row: row, Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: head}, Decide: &se.Decision{Conflict: con.ID, Choice: se.ChoiceTake, Shown: []se.WriteID{x}, Take: x}}
	}
	boss.ok(take(con, rid(2)))
	require.Equal(t, "mine", w.shows("home", rid(2), "head"))
	require.Equal(t, "13900000001", w.shows("home", rid(2), "phone"))
	con = w.open(se.ConflictDelete, "home", rid(1), "")
	boss.refused(se.Rejected, se.CodeBadDecision, take(con, rid(1)))

	// Its own author may insert a bare id again.
	require.Equal(t, se.Conflicts, a.push(ins("home", rid(1), set("head", 0, "new"))).Kind, "it meets the edit that waits")
	require.Equal(t, "new", w.shows("home", rid(1), "head"))
}

// A cursor that never moves, or is made up anew at each Hello, keeps what left and what was deleted for Keep more, and not
// for ever.
func TestForgedCursor(t *testing.T) {
	const keep = 100_000
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker"})
	w.homes(a, 2)
	first := a.ok(upd("home", rid(1), set("scope", 2, "g2")))
	w.now += keep
	second := a.ok(upd("home", rid(2), set("scope", 2, "g2")))
	still, creeps, back := w.dev("still", "worker"), w.dev("creeps", "worker"), w.dev("back", "worker")
	for i := int64(0); ; i++ {
		got := w.prune(keep, still.heard(1), creeps.heard(1+i%2), back.heard(3-i%3))
		if w.now < 1_000_000+2*keep {
			require.LessOrEqual(t, got.Floor, int64(1), "they are believed that long")
		} else if w.now < 1_000_000+3*keep {
			require.Equal(t, first, got.Floor)
		} else {
			require.Equal(t, second, got.Floor)
			break
		}
		w.now += keep / 4
	}
	require.Empty(t, view(w, func(tx se.ReadTx) ([]se.Move, error) { return tx.Moves("home", rid(1), 0) }))
}

// What was parked for long and takes effect today is no sign that everything before it is old.
func TestReleasedLongAfterItCame(t *testing.T) {
	const keep = 100_000
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	w.homes(a, 2)
	b.refused(se.Parked, se.CodeAwaits, upd("home", rid(9), set("head", 0, "of b")))
	w.now += 2 * keep
	a.ok(upd("home", rid(1), set("phone", 2, "x")))
	a.ok(ins("home", rid(9)))
	require.Equal(t, "of b", w.shows("home", rid(9), "head"))
	for range 3 {
		a.ok(upd("home", rid(1), set("phone", 2, "x")))
	}
	log := view(w, func(tx se.ReadTx) ([]se.Entry, error) { return tx.History(0, 99) })
	require.Less(t, log[4].Received, log[3].Received)
	require.EqualValues(t, 2, w.prune(keep).Floor)
}

// A long history is gone through in portions.
func TestPruneGoesThroughALongHistory(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	w.homes(a, 1)
	last := int64(0)
	for range 1100 {
		last = a.ok(upd("home", rid(1), set("phone", 1, "x")))
	}
	w.now += 10_000
	require.Equal(t, last, w.prune(1).Floor)
}

// bodiless is a transaction in which nobody may read what history holds.
type bodiless struct {
	se.Tx
	t *testing.T
}

func (b bodiless) History(int64, int) ([]se.Entry, error) {
	b.t.Error("a portion of pruning reads whole changesets: two thousand of them may be gigabytes, and everybody waits")
	return nil, nil
}

// Pruning asks when things came, and not what they were: that is done inside the one writing transaction.
func TestPruneReadsNoChangesets(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	w.homes(a, 4)
	w.now += 10_000
	require.NoError(t, w.store.Update(func(tx se.Tx) error {
		p, err := w.e.Prune(bodiless{tx, t}, se.Retention{Now: w.now, Keep: 1})
		require.Positive(t, p.Floor)
		return err
	}))
}
