package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// Device is a replica in a file: the SDK, and beside it a program that knows nothing of it.
type Device struct {
	file
	schema   *schema.Schema
	id       device.Identity
	replica  *device.Replica
	program  *sql.DB // one connection
	programs int     // transactions of the program; recursive_triggers is on in every other one
	clock    replica.Clock
	strike   func(after bool) error
	touched  []replica.RowKey
}

var (
	_ simtest.Device  = (*Device)(nil)
	_ simtest.Sealer  = (*Device)(nil)
	_ simtest.Speaker = (*Device)(nil)
)

// NewDevice makes an empty replica at base.
func NewDevice(base string, s *schema.Schema, id, account string) *Device {
	d := &Device{file: file{base: base}, schema: s, id: device.Identity{Device: id, Account: account, Centre: "https://centre.example"}}
	d.begin()
	r, err := device.Create(d.path(), d.options())
	must(err)
	must(r.Identify(context.Background(), d.id))
	d.replica = r
	d.open()
	return d
}

// reading is the clock of the world's device.
type reading struct{ d *Device }

// Read implements device.Clock.
func (r reading) Read() replica.Clock { return r.d.clock }

func (d *Device) options() device.Options { return device.Options{Schema: d.schema, Clock: reading{d}} }

// open starts the other program. It sets nothing that a program would not have set by itself.
func (d *Device) open() {
	db, err := sql.Open("sqlite3", "file:"+d.path()+"?_busy_timeout=10000&_txlock=immediate")
	must(err)
	db.SetMaxOpenConns(1)
	d.program = db
}

// Close gives the file back.
func (d *Device) Close() error {
	files.Delete(d.path())
	return errors.Join(d.program.Close(), d.replica.Close())
}

// Crash implements simtest.Device.
func (d *Device) Crash(clock replica.Clock) {
	d.clock = clock
	d.end()
	must(d.Close())
	d.next()
	r, err := device.Open(d.path(), d.options())
	must(err)
	d.replica = r
	d.open()
}

// SetHook implements simtest.Device.
func (d *Device) SetHook(hook func(after bool) error) { d.strike = hook }

// Touched gives the rows that the last transaction may have shown anew or hidden.
func (d *Device) Touched() []replica.RowKey { return d.touched }

// commit runs fn, which makes one commit; the world's hook hears of it before and after.
func (d *Device) commit(fn func() error) error {
	if d.strike == nil {
		return fn()
	}
	if err := d.transaction(func() error { return d.strike(false) }, fn); err != nil {
		return err
	}
	return d.strike(true)
}

// Update implements replica.Store. The worlds do not call it: they speak with the SDK's own session.
func (d *Device) Update(fn func(replica.Tx) error) error {
	d.touched = nil
	return d.commit(func() error { return d.replica.Store().Update(fn) })
}

// View implements simtest.Device: a transaction that is rolled back.
func (d *Device) View(fn func(replica.Tx) error) error {
	seen := errors.New("seen")
	err := d.replica.Store().Update(func(tx replica.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return seen
	})
	if errors.Is(err, seen) {
		return nil
	}
	must(err) // the oracle does not look at what a View returns
	return err
}

// Seal implements simtest.Sealer.
func (d *Device) Seal(clock replica.Clock) error {
	d.clock = clock
	d.touched = d.rows(captured)
	return d.commit(func() error {
		_, err := d.replica.Seal(context.Background())
		return err
	})
}

// Exec implements simtest.Device.
func (d *Device) Exec(x simtest.Transaction, clock replica.Clock) error {
	d.clock = clock
	d.touched = nil
	for _, st := range x.Statements {
		d.touched = append(d.touched, replica.RowKey{Table: st.Table, Row: st.Row})
	}
	run := d.sdk
	if x.Foreign {
		run = d.foreign
	}
	return d.commit(func() error { return run(x) })
}

// sdk runs a transaction through the SDK, which seals it.
func (d *Device) sdk(x simtest.Transaction) error {
	_, err := d.replica.Write(context.Background(), func(tx *device.Tx) error {
		if x.Replaces != 0 {
			if err := tx.Retries(x.Replaces); err != nil {
				return err
			}
		}
		if x.Form != nil {
			for i := range x.Statements {
				if err := saveForm(tx, x.Form, &x.Statements[i]); err != nil {
					return err
				}
			}
			return nil
		}
		for i := range x.Statements {
			query, args := text(&x.Statements[i])
			if _, err := tx.Exec(query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	switch device.CodeOf(err) {
	case device.CodeLocked:
		return simtest.ErrLocked
	case device.CodeNoRight:
		return simtest.ErrNoRight
	case device.CodeNoRow:
		return simtest.ErrNotRefused
	}
	if device.CodeOf(err) == device.CodeUpdate {
		return simtest.ErrOutdated
	}
	return err
}

// saveForm saves the statement's columns as changed in a form. SetForm leaves out what the form showed already, which
// the worlds' forms do not: the values shown are made different from those saved.
func saveForm(tx *device.Tx, seen *replica.Form, st *simtest.Statement) error {
	if st.Verb != simtest.Update || st.Table != seen.Table || st.Row != seen.Row {
		return errors.New("fleet: a form saves its own row")
	}
	f := &device.Form{Table: seen.Table, ID: seen.Row, Values: map[string]schema.Value{}, Seen: *seen}
	changes := map[string]any{}
	for _, a := range st.Set {
		changes[a.Column], f.Values[a.Column] = a.Value, schema.Null()
		if a.Value.IsNull() {
			f.Values[a.Column] = schema.Text("something else")
		}
	}
	return tx.SetForm(f, changes)
}

// foreign runs a transaction of a program that knows nothing of the SDK.
func (d *Device) foreign(x simtest.Transaction) error {
	d.programs++
	if _, err := d.program.Exec(fmt.Sprintf("PRAGMA recursive_triggers = %d", d.programs%2)); err != nil {
		return err
	}
	tx, err := d.program.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // also when the process ends here
	// The triggers read SQLite's clock. A world's clock is not that of this machine, so they are told what it shows.
	if _, err := tx.Exec(`UPDATE ds_control SET now = ?`, d.clock.Wall); err != nil {
		return err
	}
	for i := range x.Statements {
		query, args := text(&x.Statements[i])
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`UPDATE ds_control SET now = NULL`); err != nil {
		return err
	}
	return tx.Commit()
}
