package simtest

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// barred tells whether a job writes at a door that was taken from the person and whose rows are not removed yet. Where
// nothing else hangs on it the job is tried all the same: the replica has to refuse it.
func (n *node) barred(j *job) bool {
	if n.old || len(n.taken) == 0 || n.left {
		return false
	}
	at := false
	_ = n.dev.View(func(tx replica.Tx) error {
		at = slices.ContainsFunc(j.Statements, func(st Statement) bool {
			t := n.w.schema.Table(st.Table)
			row, _ := tx.Row(t, st.Row)
			return row != nil && n.takenDoor(doorShown(tx, n.w.schema, j, t, st.Row, nil)) ||
				st.Verb != Delete && n.takenDoor(doorShown(tx, n.w.schema, j, t, st.Row, &st))
		})
		return nil
	})
	if !at || len(n.w.oracle.devices[n.id].order) > 0 {
		return at
	}
	arm := n.arm
	n.arm = nil
	err := n.dev.Exec(Transaction{Foreign: j.Foreign, Statements: j.Statements}, n.clock.read(n.w.now))
	n.arm = arm
	if err == nil {
		n.w.oracle.bad("P8", "%s lets its person write at a door that was taken from him", n.id)
	}
	n.w.count("write refused at a door that was taken")
	return true
}

func (n *node) takenDoor(door se.RowID) bool {
	return door != "" && slices.ContainsFunc(n.taken, func(lost string) bool { return replica.DoorOf(lost) == string(door) })
}

// doorShown follows what leads from a row to its door: as a statement leaves the row, as the job makes those that are not
// there yet, else as the replica shows them.
func doorShown(tx replica.Tx, s *schema.Schema, j *job, t *schema.Table, id se.RowID, st *Statement) se.RowID {
	for t.Door != "" && t.Door != schema.DoorSelf {
		next, found := se.RowID(""), false
		look := func(set []Assign) {
			for _, a := range set {
				if a.Column == t.Door {
					next, found = se.RowID(a.Value.Str()), true
				}
			}
		}
		if st != nil {
			look(st.Set)
		}
		if row, _ := tx.Row(t, id); !found && row != nil {
			next, found = se.RowID(row[t.CellIndex(t.CellOf(t.Door).Name)][0].Str()), true
		}
		if !found {
			for i := range j.Statements {
				if x := &j.Statements[i]; x.Table == t.Name && x.Row == id {
					look(x.Set)
				}
			}
		}
		if !found || next == "" {
			return ""
		}
		t, id, st = s.Table(t.Column(t.Door).Ref), next, nil
	}
	if t.Door == "" {
		return ""
	}
	return id
}
