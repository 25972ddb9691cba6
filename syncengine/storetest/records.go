package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// kind is one kind of thing a store keeps: how to make one (v tells versions of it apart), put it, and read it.
type kind struct {
	name string
	make func(v int) any // a pointer
	put  func(tx syncengine.Tx, x any) error
	get  func(tx syncengine.ReadTx) (any, error)
	once bool // is appended, cannot be replaced
}

func kindOf[T any](name string, mk func(v int) *T, put func(syncengine.Tx, *T) error, get func(syncengine.ReadTx) (*T, error)) kind {
	return kind{
		name: name,
		make: func(v int) any { return mk(v) },
		put:  func(tx syncengine.Tx, x any) error { return put(tx, x.(*T)) },
		get: func(tx syncengine.ReadTx) (any, error) {
			x, err := get(tx)
			if x == nil {
				return nil, err
			}
			return x, err
		},
	}
}

// first gives a pointer to the only element of a listing.
func first[T any](list []T, err error) (*T, error) {
	if len(list) > 1 {
		return nil, fmt.Errorf("%d elements instead of one", len(list))
	}
	if len(list) == 0 {
		return nil, err
	}
	return &list[0], err
}

var conflictKey = syncengine.ConflictKey{Kind: syncengine.ConflictCell, Table: "person", Row: id(1), Cell: "name"}

// kinds lists everything a store keeps.
func kinds() []kind {
	history := kindOf("Entry", entry, func(tx syncengine.Tx, e *syncengine.Entry) error { return tx.AppendHistory(*e) },
		func(tx syncengine.ReadTx) (*syncengine.Entry, error) { return first(tx.History(0, 9)) })
	history.once = true
	audit := kindOf("AuditEvent", auditEvent, func(tx syncengine.Tx, e *syncengine.AuditEvent) error { return tx.AppendAudit(*e) },
		func(tx syncengine.ReadTx) (*syncengine.AuditEvent, error) { return first(tx.Audit(0, 9)) })
	audit.once = true
	return []kind{
		kindOf("Device", func(v int) *syncengine.Device {
			return &syncengine.Device{ID: "dev-1", LastN: int64(v), Hash: hash(v), At: 1 << 41, Inbox: 3, Console: v%2 == 0, Parent: "dev-0", Fork: int64(v + 1), Copied: v%2 == 1}
		}, syncengine.Tx.PutDevice, func(tx syncengine.ReadTx) (*syncengine.Device, error) { return tx.Device("dev-1") }),
		kindOf("Told", told, syncengine.Tx.PutTold, func(tx syncengine.ReadTx) (*syncengine.Told, error) { return tx.Told("dev-1") }),
		kindOf("Row", richRow, syncengine.Tx.PutRow,
			func(tx syncengine.ReadTx) (*syncengine.Row, error) { return tx.Row("person", id(1)) }),
		kindOf("Dead", merged, syncengine.Tx.Kill,
			func(tx syncengine.ReadTx) (*syncengine.Dead, error) { return tx.Dead("person", id(1)) }),
		kindOf("Changed", richRow, syncengine.Tx.PutRow, func(tx syncengine.ReadTx) (*syncengine.Row, error) {
			it, err := first(tx.Changed("g1", syncengine.Position{}, 9))
			if it == nil {
				return nil, err
			}
			return it.Row, err
		}),
		kindOf("Repointed", func(v int) *syncengine.Repointed {
			return &syncengine.Repointed{Table: "place", Retired: id(7), RefTable: "person", Row: id(1), Column: "place_id", Seq: 3}
		}, func(tx syncengine.Tx, x *syncengine.Repointed) error { return tx.PutRepointed(*x) },
			func(tx syncengine.ReadTx) (*syncengine.Repointed, error) { return first(tx.Repointed("place", id(7))) }),
		kindOf("ChangedDead", merged, syncengine.Tx.Kill,
			func(tx syncengine.ReadTx) (*syncengine.Dead, error) {
				it, err := first(tx.Changed("g1", syncengine.Position{}, 9))
				if it == nil {
					return nil, err
				}
				return it.Dead, err
			}),
		kindOf("Verdict", verdict, func(tx syncengine.Tx, v *syncengine.Verdict) error { return tx.PutVerdict("dev-1", *v) },
			func(tx syncengine.ReadTx) (*syncengine.Verdict, error) { return tx.Verdict("dev-1", 7) }),
		kindOf("Quarantined", quarantined, syncengine.Tx.PutQuarantined,
			func(tx syncengine.ReadTx) (*syncengine.Quarantined, error) { return tx.Quarantined("dev-1", 7) }),
		kindOf("Conflict", conflict, syncengine.Tx.PutConflict,
			func(tx syncengine.ReadTx) (*syncengine.Conflict, error) { return tx.Conflict("9-1") }),
		kindOf("OpenConflict", conflict, syncengine.Tx.PutConflict,
			func(tx syncengine.ReadTx) (*syncengine.Conflict, error) { return tx.OpenConflict(conflictKey) }),
		kindOf("DismissedConflict", dismissed, syncengine.Tx.PutConflict,
			func(tx syncengine.ReadTx) (*syncengine.Conflict, error) { return tx.DismissedConflict(conflictKey) }),
		kindOf("Step", func(v int) *syncengine.Step {
			return &syncengine.Step{Row: id(v), Number: 3, State: "open"}
		}, func(tx syncengine.Tx, s *syncengine.Step) error { return tx.PutStep("event", id(1), *s) },
			func(tx syncengine.ReadTx) (*syncengine.Step, error) { return tx.LastStep("event", id(1)) }),
		kindOf("Move", func(v int) *syncengine.Move {
			return &syncengine.Move{Table: "person", ID: id(1), Seq: 5, Scope: "g1", Door: "d1", Author: fmt.Sprint(v)}
		}, func(tx syncengine.Tx, m *syncengine.Move) error { return tx.PutMove(*m) },
			func(tx syncengine.ReadTx) (*syncengine.Move, error) { return first(tx.Moves("person", id(1), 0)) }),
		kindOf("Message", func(v int) *syncengine.Message {
			return &syncengine.Message{Device: "dev-1", Number: 4, Kind: syncengine.MessageDecided, Seq: int64(v),
				Conflict: syncengine.ConflictRef{ID: "9-1", Key: conflictKey}, Author: "acc-2", Choice: syncengine.ChoiceKeep, N: 5, Reason: "重复"}
		}, func(tx syncengine.Tx, m *syncengine.Message) error { return tx.PutMessage(*m) },
			func(tx syncengine.ReadTx) (*syncengine.Message, error) { return first(tx.Inbox("dev-1", 0, 9)) }),
		history, audit,
		kindOf("Restore", func(v int) *syncengine.Restore {
			return &syncengine.Restore{Epoch: 2, Ended: 1, Last: int64(v), Head: 9, At: 1 << 41, Cause: syncengine.CauseProof, Confirmed: int64(v % 2), By: "acc-1"}
		}, func(tx syncengine.Tx, r *syncengine.Restore) error { return tx.PutRestore(*r) },
			func(tx syncengine.ReadTx) (*syncengine.Restore, error) { return first(tx.Restores()) }),
		kindOf("Work", func(v int) *syncengine.WriteID {
			return &syncengine.WriteID{Device: fmt.Sprint("dev-", v), N: int64(v + 1)}
		}, func(tx syncengine.Tx, id *syncengine.WriteID) error { return tx.PutWork(hash(3), *id) },
			func(tx syncengine.ReadTx) (*syncengine.WriteID, error) {
				if id, err := tx.Work(hash(4)); err != nil || id != (syncengine.WriteID{}) {
					return nil, fmt.Errorf("work that nobody offered is %v's: %w", id, err)
				}
				id, err := tx.Work(hash(3))
				if id == (syncengine.WriteID{}) {
					return nil, err
				}
				return &id, err
			}),
		kindOf("Kin", func(v int) *syncengine.WriteID {
			return &syncengine.WriteID{Device: "dev-2", N: int64(v + 1)}
		}, func(tx syncengine.Tx, id *syncengine.WriteID) error { return tx.PutKin("dev-1", *id) },
			func(tx syncengine.ReadTx) (*syncengine.WriteID, error) { return first(tx.Kin("dev-1")) }),
	}
}

// auditEvent is the first line of a log.
func auditEvent(v int) *syncengine.AuditEvent {
	e := syncengine.AuditLink(nil, syncengine.AuditEvent{At: int64(v), Kind: "odd 种", Who: "acc-1", Device: "dev-1", What: `{"n":` + fmt.Sprint(v) + `}`})
	return &e
}

func hash(n int) (h syncengine.Hash) {
	h[0], h[31] = byte(n), byte(n>>8)+1
	return h
}

// richRow has every policy, several survivors, a suspect clock and cells never written.
func richRow(v int) *syncengine.Row {
	r := row("person", 1, "g1", int64(10+v), vals{
		"name": schema.Text(fmt.Sprint("王", v)), "place_id": schema.Text(string(id(3))),
		"friends": set(string(id(4)), string(id(5))), "tags": set("老人", "b"),
		"visits": schema.Int(int64(v)), "best": schema.Real(0.1), "secret": schema.Blob([]byte{0, 255, 1}), "alive": schema.Bool(true),
	})
	r.Door, r.Inserted = string(id(3)), 2
	name := &r.Cells[model.Table("person").CellIndex("name")]
	other := write(4, schema.Text("other"))
	other.Device, other.Suspect, other.From, other.At = "dev-2", true, 0, -62135596800000
	was := write(3, schema.Null())
	was.Epoch, was.To = 2, 10
	name.Survivors = append(name.Survivors, other, was)
	return r
}

func verdict(v int) *syncengine.Verdict {
	x := &syncengine.Verdict{N: 7, Hash: hash(7), Epoch: 1}
	if v%2 == 1 {
		x.Kind, x.Reason = syncengine.Rejected, &syncengine.Reason{
			Code: syncengine.CodeBadValue, Table: "person", Row: id(1), Column: "name", Rule: "max_len",
			Current: []schema.Value{schema.Text("now"), schema.Null(), schema.Int(-1)},
		}
		return x
	}
	x.Kind, x.Seq = syncengine.Conflicts, 9
	x.Conflicts = []syncengine.ConflictRef{{ID: "9-1", Key: conflictKey}, {ID: "9-2"}}
	return x
}

func changeset(v int) *syncengine.Changeset {
	one := []schema.Value{schema.Text("一"), schema.Real(-0.5), schema.Null(), schema.Blob(nil), schema.Int(1 << 62)}
	return &syncengine.Changeset{
		Device: "dev-1", N: 7, Prev: hash(6), HLC: 1<<63 + 5, Wall: -5, Boot: "boot", Mono: 12, Schema: 3, Author: "acc-1",
		Foreign: v%2 == 1, Replaces: 5, Salvage: v%2 == 0,
		Changes: []syncengine.Change{
			{Table: "person", Row: id(8), Op: syncengine.OpInsert, Cells: []syncengine.CellWrite{
				{Cell: "name", Base: syncengine.Base{Epoch: 1, Seq: 4}, Values: one},
				{Cell: "visits", Add: schema.Int(-3)},
				{Cell: "tags", In: []string{"a", ""}, Out: []string{"b"}},
				{Cell: "none", Values: []schema.Value{}},
			}},
			{Table: "place", Row: id(9), Op: syncengine.OpDelete, Base: syncengine.Base{Epoch: 2, Seq: 1}},
			{Table: "place", Row: id(2), Op: syncengine.OpDecide, Decide: &syncengine.Decision{
				Conflict: "9-1", Choice: syncengine.ChoiceTake, Shown: []syncengine.WriteID{{Device: "dev-2", N: 4}},
				Take: syncengine.WriteID{Device: "dev-2", N: 4}, Values: one, Reason: "because\x00of",
			}},
			{Table: "place", Row: id(3), Op: syncengine.OpDecide, Decide: &syncengine.Decision{
				Choice: syncengine.ChoiceRelease, Quarantined: syncengine.WriteID{Device: "dev-2", N: 5}, Survivor: id(1),
				Retired: []syncengine.RowID{id(2), id(4)}, Picks: []syncengine.Pick{{Cell: "name", Row: id(2)}},
			}},
		},
	}
}

func quarantined(v int) *syncengine.Quarantined {
	return &syncengine.Quarantined{
		Device: "dev-1", N: 7, Changeset: changeset(v), Verdict: *verdict(1), Received: int64(v), At: -4, Suspect: v%2 == 1, Scope: "g1",
		Awaits: id(6), Ready: v%2 == 0, Present: verdict(1).Reason, Outcome: syncengine.SettledDismissed, Seq: 12, By: "acc-3", Why: "重复",
		Overtaken: []syncengine.Overtaken{
			{Table: "person", Row: id(8), Cell: "name"}, {Table: "person", Row: id(8), Cell: "tags", Elements: []string{"a", ""}}, {Table: "place", Row: id(9)},
		},
	}
}

func conflict(v int) *syncengine.Conflict {
	return &syncengine.Conflict{
		ID: "9-1", Key: conflictKey, Scope: "g1", Door: "d1", Opened: 9, Changed: int64(9 + v), Told: []string{"dev-2", "dev-3"},
		Candidates: []syncengine.Candidate{{
			Device: "dev-2", N: 4, Author: "acc-2", Seq: 4, At: -3, Suspect: true, Row: id(2), Epoch: 2, From: 5, To: 8, Cell: changeset(v).Changes[0].Cells[0],
		}, {Device: "dev-3", N: int64(v)}},
	}
}

func dismissed(v int) *syncengine.Conflict {
	c := conflict(v)
	c.Closed, c.Outcome, c.DecidedBy, c.Reason = int64(20+v), syncengine.Outcome(syncengine.ChoiceBoth), "acc-3", "两户"
	return c
}

func entry(v int) *syncengine.Entry {
	return &syncengine.Entry{
		Seq: int64(v), Epoch: 1, Changeset: changeset(v), Author: "acc-1", At: 5, Received: 6, Suspect: true,
		Outcomes: []syncengine.WriteOutcome{{Change: 0, Cell: "name", Fate: syncengine.FateLost}, {Change: 1}},
		Prev:     hash(v - 1), Hash: hash(v),
	}
}

// testRecords: of every kind of thing, absent is nil; what was put is read in the transaction, after it and by the
// next process; a second put replaces; what was given and what was read can be scribbled on.
func testRecords(t *testing.T, open func(t *testing.T) Opened) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			o := open(t)
			read := func(s syncengine.Store) (x any) {
				view(t, s, func(tx syncengine.ReadTx) { x = get2(t, k, tx) })
				return x
			}
			require.Nil(t, read(o.Store))
			versions := 2
			if k.once {
				versions = 1
			}
			for v := 1; v <= versions; v++ {
				arg := k.make(v)
				update(t, o.Store, func(tx syncengine.Tx) {
					require.NoError(t, k.put(tx, arg))
					scramble(arg)
					for range 2 {
						x := get2(t, k, tx)
						require.Equal(t, k.make(v), x)
						scramble(x)
					}
				})
				for range 2 {
					x := read(o.Store)
					require.Equal(t, k.make(v), x)
					scramble(x)
				}
			}
			if o.Reopen != nil {
				require.Equal(t, k.make(versions), read(o.Reopen()))
			}
		})
	}
}

func get2(t testing.TB, k kind, tx syncengine.ReadTx) any {
	t.Helper()
	x, err := k.get(tx)
	require.NoError(t, err)
	return x
}

// merged is a row that was merged into another one, or, every second time, deleted.
func merged(v int) *syncengine.Dead {
	d := dead(richRow(v), int64(50+v))
	if v%2 == 1 {
		d.Into = id(2)
	}
	return d
}
