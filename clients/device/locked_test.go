package device_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// telling are the methods of a replica that tell what is in records, or who is concerned by what. Each gives its error.
var telling = map[string]func(r *device.Replica, id se.RowID) error{
	"Query": func(r *device.Replica, _ se.RowID) error {
		rows, err := r.Query(bg, `SELECT 1`)
		if err == nil {
			return errors.Join(rows.Close(), rows.Err())
		}
		return err
	},
	"QueryRow": func(r *device.Replica, _ se.RowID) error { var n int; return r.QueryRow(bg, `SELECT 1`).Scan(&n) },
	"Get":      func(r *device.Replica, id se.RowID) error { _, err := r.Get(bg, "household", id); return err },
	"List":     func(r *device.Replica, _ se.RowID) error { _, err := r.List(bg, "household", nil, 0); return err },
	"Mark":     func(r *device.Replica, id se.RowID) error { _, err := r.Mark(bg, "household", id); return err },
	"Form":     func(r *device.Replica, id se.RowID) error { _, err := r.Form(bg, "household", id); return err },
	"Repairs":  func(r *device.Replica, _ se.RowID) error { _, err := r.Repairs(bg, 9); return err },
	"Inbox":    func(r *device.Replica, _ se.RowID) error { _, err := r.Inbox(bg, 9); return err },
	"Conflicts": func(r *device.Replica, _ se.RowID) error {
		_, err := r.Conflicts(bg)
		return err
	},
	"Wrote": func(r *device.Replica, id se.RowID) error {
		_, err := r.Wrote(bg, se.ConflictKey{Table: "household", Row: id, Cell: "notes"})
		return err
	},
	"Rejected": func(r *device.Replica, _ se.RowID) error { _, err := r.Rejected(bg, true); return err },
	"Handled": func(r *device.Replica, _ se.RowID) error {
		if err := r.Handled(bg, 1); device.CodeOf(err) != device.CodeNoRow {
			return err
		}
		return nil // nothing was refused
	},
	"Write": func(r *device.Replica, _ se.RowID) error {
		_, err := r.Write(bg, func(tx *device.Tx) error { var n int; return tx.QueryRow(`SELECT 1`).Scan(&n) })
		return err
	},
}

// silent are the others, each with the reason why a lock does not concern it.
var silent = map[string]string{
	"Open":   "gives a text or nothing; looked at below",
	"Schema": "declarations", "Path": "a name", "Close": "ends it", "Identity": "who the device is", "Identify": "who the device is",
	"Enrol": "who the device is", "Trust": "whom to trust", "SetTrust": "whom to trust", "Forks": "who the device was",
	"Status": "numbers, and why it is locked", "Asides": "names of files", "DropAsides": "deletes", "ForgetKeys": "deletes",
	"Sync": "contact opens the lock", "SyncTelling": "contact opens the lock", "Run": "contact opens the lock", "Check": "contact opens the lock",
	"Fresh": "contact opens the lock", "Remote": "the way to contact", "KeyTokens": "the way to contact", "Seal": "gives a number",
	"SetAside": "a test's", "Session": "the conversation's end: what is unsent must drain", "Store": "the engine's port", "PurgeSteps": "deletes", "Pragma": "a test's", "ReaderPragma": "a test's",
}

// When the lease has run out, no method tells anything of a record, and what is sealed stays sealed. A new method has to be
// put into one of the two lists.
func TestNothingIsReadBehindTheLock(t *testing.T) {
	kind := reflect.TypeFor[*device.Replica]()
	for i := range kind.NumMethod() {
		name := kind.Method(i).Name
		_, tells := telling[name]
		_, quiet := silent[name]
		require.True(t, tells != quiet, "say of %s, in one of the lists, whether it tells what is in records", name)
	}
	c, a, _ := pair(t)
	a, w := worn(t, a)
	synced(t, a, c)
	id := household(t, a)
	for name, call := range telling {
		require.NoError(t, call(a, id), name)
	}
	w.now.Mono += 14 * int64(24*time.Hour/time.Millisecond)
	for name, call := range telling {
		require.Equal(t, device.CodeLocked, device.CodeOf(call(a, id)), name)
	}
	_, ok := a.Open("resident", "id_number", id, schema.Blob([]byte("x")))
	require.False(t, ok)
	s, err := a.Status(bg)
	require.NoError(t, err)
	require.True(t, s.Limited && s.Lease == 0)
	require.Equal(t, 1, synced(t, a, c).Kinds[se.Accepted], "it drains")
	for name, call := range telling {
		require.NoError(t, call(a, id), name)
	}
}
