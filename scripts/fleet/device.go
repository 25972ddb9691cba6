package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
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
	hook     func(after bool) error
	touched  []replica.RowKey
}

var (
	_ simtest.Device = (*Device)(nil)
	_ simtest.Sealer = (*Device)(nil)
)

// NewDevice makes an empty replica at base.
func NewDevice(base string, s *schema.Schema, id, account string) *Device {
	d := &Device{file: file{base: base}, schema: s, id: device.Identity{Device: id, Account: account, Centre: "https://centre.example"}}
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
func (d *Device) Close() error { return errors.Join(d.program.Close(), d.replica.Close()) }

// Crash implements simtest.Device.
func (d *Device) Crash() {
	d.end()
	must(d.Close())
	d.next()
	r, err := device.Open(d.path(), d.options())
	must(err)
	d.replica = r
	d.open()
}

// SetHook implements simtest.Device.
func (d *Device) SetHook(hook func(after bool) error) { d.hook = hook }

// Touched gives the rows that the last transaction may have shown anew or hidden.
func (d *Device) Touched() []replica.RowKey { return d.touched }

func (d *Device) before() error {
	if d.hook == nil {
		return nil
	}
	if err := d.dying(func() error { return d.hook(false) }); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (d *Device) after() error {
	if d.hook == nil {
		return nil
	}
	return d.hook(true)
}

// Update implements replica.Store.
func (d *Device) Update(fn func(replica.Tx) error) error {
	d.touched = d.touched[:0]
	if err := d.replica.Store().Update(func(tx replica.Tx) error {
		if err := fn(&noted{tx, d}); err != nil {
			return err
		}
		return d.before()
	}); err != nil {
		return err
	}
	return d.after()
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
func (d *Device) Seal(clock replica.Clock) error { return seal(d, d.schema, clock) }

func seal(s replica.Store, sch *schema.Schema, clock replica.Clock) error {
	return s.Update(func(tx replica.Tx) error {
		_, err := replica.Seal(tx, sch, clock, true)
		return err
	})
}

// Exec implements simtest.Device.
func (d *Device) Exec(x simtest.Transaction, clock replica.Clock) error {
	d.clock = clock
	d.touched = d.touched[:0]
	for i := range x.Statements {
		d.touch(&x.Statements[i])
	}
	run := d.sdk
	if x.Foreign {
		run = d.foreign
	}
	if err := run(x); err != nil {
		return err
	}
	return d.after()
}

// touch notes the row of a statement, and the case whose state is derived from it.
func (d *Device) touch(st *simtest.Statement) {
	d.touched = append(d.touched, replica.RowKey{Table: st.Table, Row: st.Row})
	t := d.schema.Table(st.Table)
	if t.Steps == nil {
		return
	}
	for _, a := range st.Set {
		if a.Column == t.Steps.Case {
			d.touched = append(d.touched, replica.RowKey{Table: t.Column(a.Column).Ref, Row: se.RowID(a.Value.Str())})
		}
	}
}

// sdk runs a transaction through the SDK, which seals it.
func (d *Device) sdk(x simtest.Transaction) error {
	_, err := d.replica.Write(context.Background(), func(tx *device.Tx) error {
		if x.Form != nil {
			for i := range x.Statements {
				if err := saveForm(tx, x.Form, &x.Statements[i]); err != nil {
					return err
				}
			}
			return d.before()
		}
		for i := range x.Statements {
			query, args := text(&x.Statements[i])
			if _, err := tx.Exec(query, args...); err != nil {
				return err
			}
		}
		return d.before()
	})
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
	if err := d.before(); err != nil {
		return err
	}
	return tx.Commit()
}

// noted remembers the rows that a transaction shows anew or hides.
type noted struct {
	replica.Tx
	d *Device
}

func (n *noted) note(t *schema.Table, id se.RowID) {
	n.d.touched = append(n.d.touched, replica.RowKey{Table: t.Name, Row: id})
}

// PutRow implements replica.Tx.
func (n *noted) PutRow(t *schema.Table, id se.RowID, row replica.Image) error {
	n.note(t, id)
	return n.Tx.PutRow(t, id, row)
}

// DeleteRow implements replica.Tx.
func (n *noted) DeleteRow(t *schema.Table, id se.RowID) error {
	n.note(t, id)
	return n.Tx.DeleteRow(t, id)
}

// PutUnder implements replica.Tx.
func (n *noted) PutUnder(t *schema.Table, id se.RowID, row replica.Image) error {
	n.note(t, id)
	return n.Tx.PutUnder(t, id, row)
}

// DropUnder implements replica.Tx.
func (n *noted) DropUnder(t *schema.Table, id se.RowID) error {
	n.note(t, id)
	return n.Tx.DropUnder(t, id)
}

// PutPending implements replica.Tx.
func (n *noted) PutPending(p replica.Pending) error {
	n.d.touched = append(n.d.touched, replica.RowKey{Table: p.Change.Table, Row: p.Change.Row})
	return n.Tx.PutPending(p)
}

// DropPending implements replica.Tx.
func (n *noted) DropPending(t *schema.Table, id se.RowID, from, to int64) error {
	n.note(t, id)
	return n.Tx.DropPending(t, id, from, to)
}

// memory is simtest's replica with the SDK's way of sealing what other programs wrote.
type memory struct {
	*simtest.MemDevice
	schema *schema.Schema
}

// Seal implements simtest.Sealer.
func (m *memory) Seal(clock replica.Clock) error { return seal(m.MemDevice, m.schema, clock) }
