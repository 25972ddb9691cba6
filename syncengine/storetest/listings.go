package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func testConflicts(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	both := syncengine.Outcome(syncengine.ChoiceBoth)
	put := func(tx syncengine.Tx, cid string, key syncengine.ConflictKey, closed int64, how syncengine.Outcome) error {
		return tx.PutConflict(&syncengine.Conflict{ID: cid, Key: key, Scope: "g1", Opened: 1, Closed: closed, Outcome: how})
	}
	idOf := func(c *syncengine.Conflict, err error) string {
		require.NoError(t, err)
		if c == nil {
			return ""
		}
		return c.ID
	}
	other := conflictKey
	other.Cell = "born"
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, put(tx, "1-1", conflictKey, 0, ""))
		require.Error(t, put(tx, "1-2", conflictKey, 0, ""), "only one may be open")
		require.NoError(t, put(tx, "1-3", other, 0, ""))
		require.Equal(t, "1-1", idOf(tx.OpenConflict(conflictKey)))
		require.NoError(t, put(tx, "1-1", conflictKey, 5, both))
		require.Equal(t, "", idOf(tx.OpenConflict(conflictKey)))
		require.Equal(t, "1-1", idOf(tx.DismissedConflict(conflictKey)))
		require.NoError(t, put(tx, "7-1", conflictKey, 7, both))
		require.NoError(t, put(tx, "6-1", conflictKey, 6, both))
		require.NoError(t, put(tx, "8-1", conflictKey, 8, syncengine.OutcomeGone))
		require.NoError(t, put(tx, "9-1", conflictKey, 0, ""))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, "7-1", idOf(tx.DismissedConflict(conflictKey)), "the newest")
		require.Equal(t, "9-1", idOf(tx.OpenConflict(conflictKey)))
		require.Equal(t, "1-3", idOf(tx.OpenConflict(other)))
		require.Equal(t, "", idOf(tx.DismissedConflict(other)))
		require.Equal(t, "8-1", idOf(tx.Conflict("8-1")), "closed ones are there")
	})
	update(t, o.Store, func(tx syncengine.Tx) { // a conflict moves to another key, as when its row moves
		moved := conflictKey
		moved.Row = id(2)
		require.NoError(t, put(tx, "9-1", moved, 0, ""))
		require.Equal(t, "", idOf(tx.OpenConflict(conflictKey)))
		require.Equal(t, "9-1", idOf(tx.OpenConflict(moved)))
	})
}

func testAwaited(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	q := func(device string, n int64, closed bool, changes ...syncengine.Change) *syncengine.Quarantined {
		return &syncengine.Quarantined{Device: device, N: n, Closed: closed, Changeset: &syncengine.Changeset{Device: device, N: n, Changes: changes},
			Verdict: syncengine.Verdict{N: n, Kind: syncengine.Parked, Reason: &syncengine.Reason{Code: syncengine.CodeAwaits}}}
	}
	ins := func(n int, op syncengine.Op) syncengine.Change {
		return syncengine.Change{Table: "person", Row: id(n), Op: op}
	}
	who := func(tx syncengine.ReadTx, n int) *syncengine.WriteID {
		w, err := tx.AwaitedRow("person", id(n))
		require.NoError(t, err)
		return w
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutQuarantined(q("dev-2", 3, false, ins(1, syncengine.OpInsert), ins(2, syncengine.OpUpdate))))
		require.NoError(t, tx.PutQuarantined(q("dev-1", 10, false, ins(1, syncengine.OpInsert))))
		require.NoError(t, tx.PutQuarantined(q("dev-1", 9, false, ins(1, syncengine.OpInsert), ins(3, syncengine.OpInsert))))
		require.NoError(t, tx.PutQuarantined(q("dev-1", 1, true, ins(1, syncengine.OpInsert), ins(4, syncengine.OpInsert))))
		require.Equal(t, &syncengine.WriteID{Device: "dev-1", N: 9}, who(tx, 1), "the first by device and n")
		require.Nil(t, who(tx, 2), "an update creates nothing")
		require.Nil(t, who(tx, 4), "closed")
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.PutQuarantined(q("dev-1", 9, true, ins(1, syncengine.OpInsert), ins(3, syncengine.OpInsert))))
		require.NoError(t, tx.PutQuarantined(q("dev-1", 10, true, ins(1, syncengine.OpInsert))))
		require.Equal(t, &syncengine.WriteID{Device: "dev-2", N: 3}, who(tx, 1))
		require.Nil(t, who(tx, 3))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) { require.Equal(t, &syncengine.WriteID{Device: "dev-2", N: 3}, who(tx, 1)) })
}

func testParked(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	q := func(device string, n int64, awaits int, kind syncengine.VerdictKind, rows ...int) *syncengine.Quarantined {
		cs := &syncengine.Changeset{Device: device, N: n}
		for _, r := range rows {
			cs.Changes = append(cs.Changes, syncengine.Change{Table: "person", Row: id(r), Op: syncengine.OpUpdate})
		}
		x := &syncengine.Quarantined{Device: device, N: n, Changeset: cs, Verdict: syncengine.Verdict{N: n, Kind: kind}}
		if awaits > 0 {
			x.Awaits = id(awaits)
		}
		return x
	}
	parked := func(tx syncengine.ReadTx, device string, after int64, limit int) []int64 {
		list, err := tx.Parked(device, after, limit)
		require.NoError(t, err)
		return list
	}
	on := func(tx syncengine.ReadTx, device string, row int) []int64 {
		list, err := tx.ParkedOn(device, "person", id(row))
		require.NoError(t, err)
		return list
	}
	ready := func(tx syncengine.ReadTx, limit int) (out []int64) {
		list, err := tx.Ready(limit)
		require.NoError(t, err)
		for _, w := range list {
			out = append(out, w.N)
		}
		return out
	}
	update(t, o.Store, func(tx syncengine.Tx) {
		require.NoError(t, tx.MarkReady([]syncengine.RowID{id(1)}))
		for _, x := range []*syncengine.Quarantined{
			q("dev-1", 10, 1, syncengine.Parked, 5), q("dev-1", 9, 2, syncengine.Parked, 5, 6), q("dev-1", 8, 1, syncengine.Rejected, 5),
			q("dev-2", 1, 1, syncengine.Parked, 5), q("dev-2", 2, 0, syncengine.Parked, 6),
		} {
			require.NoError(t, tx.PutQuarantined(x))
		}
		require.Equal(t, []int64{9, 10}, parked(tx, "dev-1", 0, 9))
		require.Equal(t, []int64{9}, parked(tx, "dev-1", 0, 1))
		require.Equal(t, []int64{10}, parked(tx, "dev-1", 9, 9))
		require.Equal(t, []int64{9, 10}, on(tx, "dev-1", 5))
		require.Equal(t, []int64{2}, on(tx, "dev-2", 6))
		require.Empty(t, ready(tx, 9))
		require.NoError(t, tx.MarkReady([]syncengine.RowID{id(1), id(4)}))
		require.Equal(t, []int64{10, 1}, ready(tx, 9), "by device, then n; what is rejected is never ready")
		require.Equal(t, []int64{10}, ready(tx, 1))
	})
	update(t, o.Store, func(tx syncengine.Tx) {
		x, err := tx.Quarantined("dev-1", 10)
		require.NoError(t, err)
		require.True(t, x.Ready)
		refused := func(since int64) int {
			u, err := tx.Refused("dev-1", since)
			require.NoError(t, err)
			return u.Changesets
		}
		require.Equal(t, 3, refused(0))
		x.Closed, x.Outcome, x.Received = true, syncengine.SettledRetried, 7
		require.NoError(t, tx.PutQuarantined(x))
		require.Equal(t, []int{3, 3, 2}, []int{refused(0), refused(7), refused(8)}, "what the device retried counts from its reception on")
		x.Closed, x.Outcome = true, syncengine.SettledReleased
		require.NoError(t, tx.PutQuarantined(x))
		require.Equal(t, 2, refused(0))
		require.Equal(t, []int64{9}, parked(tx, "dev-1", 0, 9))
		require.Equal(t, []int64{9}, on(tx, "dev-1", 5))
		require.Equal(t, []int64{1}, ready(tx, 9))
		require.Error(t, tx.Savepoint(func() error {
			require.NoError(t, tx.MarkReady([]syncengine.RowID{id(2)}))
			require.Equal(t, []int64{9, 1}, ready(tx, 9))
			return errOurs
		}))
		require.Equal(t, []int64{1}, ready(tx, 9), "undone with its savepoint")
	})
	view(t, o.Store, func(tx syncengine.ReadTx) { require.Equal(t, []int64{1}, ready(tx, 9)) })
}

func testSteps(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	step := func(n int64) syncengine.Step { return syncengine.Step{Row: id(int(n)), Number: n, State: "s"} }
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, n := range []int64{2, 10, 9} {
			require.NoError(t, tx.PutStep("event", id(1), step(n)))
		}
		require.NoError(t, tx.PutStep("event", id(2), step(11)))
	})
	view(t, o.Store, func(tx syncengine.ReadTx) {
		s, err := tx.LastStep("event", id(1))
		require.NoError(t, err)
		want := step(10)
		require.Equal(t, &want, s)
		s, err = tx.LastStep("place", id(1))
		require.NoError(t, err)
		require.Nil(t, s)
	})
}

func testInbox(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, n := range []int64{1, 10, 2, 9} {
			require.NoError(t, tx.PutMessage(syncengine.Message{Device: "dev-1", Number: n}))
		}
		require.NoError(t, tx.PutMessage(syncengine.Message{Device: "dev-2", Number: 3}))
	})
	numbers := func(tx syncengine.ReadTx, after int64, limit int) (out []int64) {
		list, err := tx.Inbox("dev-1", after, limit)
		require.NoError(t, err)
		for _, m := range list {
			require.Equal(t, "dev-1", m.Device)
			out = append(out, m.Number)
		}
		return out
	}
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, []int64{1, 2, 9, 10}, numbers(tx, 0, 99))
		require.Equal(t, []int64{2, 9}, numbers(tx, 1, 2))
		require.Empty(t, numbers(tx, 10, 99))
		require.Empty(t, numbers(tx, 0, 0))
	})
}

func testHistory(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	update(t, o.Store, func(tx syncengine.Tx) {
		for _, seq := range []int{1, 2, 9, 10} {
			e := entry(1)
			e.Seq = int64(seq)
			require.NoError(t, tx.AppendHistory(*e))
		}
		require.Error(t, tx.Savepoint(func() error { return tx.AppendHistory(*entry(10)) }), "a log is never written over")
	})
	seqs := func(tx syncengine.ReadTx, after int64, limit int) (out []int64) {
		list, err := tx.History(after, limit)
		require.NoError(t, err)
		for _, e := range list {
			out = append(out, e.Seq)
		}
		return out
	}
	view(t, o.Store, func(tx syncengine.ReadTx) {
		require.Equal(t, []int64{1, 2, 9, 10}, seqs(tx, 0, 99))
		require.Equal(t, []int64{2, 9}, seqs(tx, 1, 2))
		require.Empty(t, seqs(tx, 10, 99))
		require.Empty(t, seqs(tx, 0, 0))
	})
}

func testPrincipal(t *testing.T, open func(t *testing.T) Opened) {
	o := open(t)
	p := func(doors ...string) *syncengine.Principal {
		return &syncengine.Principal{Account: "acc-1", Device: "dev-1", Grants: []syncengine.Grant{
			{Scope: "g1", Name: "一网格", Role: "grid_worker", From: 5, To: 9},
			{Scope: "g2", Name: "二网格", Role: "grid_worker"},
			{Scope: "g2", Name: "二网格", Role: "steward", Doors: doors},
		}}
	}
	read := func(s syncengine.Store, device string) (out *syncengine.Principal) {
		view(t, s, func(tx syncengine.ReadTx) {
			var err error
			out, err = tx.Principal(device)
			require.NoError(t, err)
		})
		return out
	}
	require.Nil(t, read(o.Store, "dev-1"))
	arg := p("d1", "d2")
	o.SetPrincipal(arg)
	require.Equal(t, p("d1", "d2"), read(o.Store, "dev-1"))
	scramble(read(o.Store, "dev-1"))
	require.Equal(t, p("d1", "d2"), read(o.Store, "dev-1"))
	require.Nil(t, read(o.Store, "dev-2"))
	o.SetPrincipal(p("d3")) // grants change at any time
	require.Equal(t, p("d3"), read(o.Store, "dev-1"))
	update(t, o.Store, func(tx syncengine.Tx) {
		got, err := tx.Principal("dev-1")
		require.NoError(t, err)
		require.Equal(t, p("d3"), got)
		scramble(got)
		got, err = tx.Principal("dev-1")
		require.NoError(t, err)
		require.Equal(t, p("d3"), got)
	})
	o.SetPrincipal(&syncengine.Principal{Account: "acc-1", Device: "dev-1", Console: true, Revoked: true})
	require.Equal(t, &syncengine.Principal{Account: "acc-1", Device: "dev-1", Console: true, Revoked: true}, read(o.Store, "dev-1"))
}
