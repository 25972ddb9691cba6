package simtest

import (
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// end is the device's half of a session over a Device: each method one durable transaction, as in clients/device.
type end struct {
	dev    Device
	schema *schema.Schema
	clock  func() replica.Clock

	spoiled int // chunks that were not what their manifest says, since the last step; see Spoiled
}

// ended forgets what a process that ended knew.
func (e *end) ended() { e.spoiled = 0 }

var _ session.Replica = (*end)(nil)

func (e *end) control() (replica.Control, error) {
	var ctl replica.Control
	err := e.dev.View(func(tx replica.Tx) (err error) { ctl, err = tx.Control(); return err })
	return ctl, err
}

func (e *end) Hello() (se.Hello, error) {
	clock := e.clock()
	if err := e.dev.Update(func(tx replica.Tx) error {
		_, err := replica.Seal(tx, e.schema, clock, true)
		return err
	}); err != nil {
		return se.Hello{}, err
	}
	c, err := e.control()
	var unpacks []string
	if e.spoiled < 2 {
		unpacks = wire.Unpackable()
	}
	h := se.Hello{
		Unpacks: unpacks,
		Device:  c.Device, Schema: c.Schema, Epoch: c.Epoch, Cursor: c.Cursor, View: c.View,
		Staged: c.StagedAt, StagedView: c.StagedView, StagedReset: c.StagedReset,
		LastN: c.LastN, LastHash: c.Hash, Acked: c.Acked, Inbox: c.Inbox,
		Wall: clock.Wall, Boot: clock.Boot, Mono: clock.Mono, HLC: c.HLC,
	}
	replica.Prove(&h, &c)
	if err == nil {
		err = e.dev.View(func(tx replica.Tx) (err error) {
			h.Checked, h.Repaired, err = replica.Checkup(tx, clock.Wall)
			return err
		})
	}
	return h, err
}

func (e *end) Salvage() error {
	lost := 0
	_ = e.dev.View(func(tx replica.Tx) error {
		list, err := tx.Lost()
		lost = len(list)
		return err
	})
	if lost == 0 {
		return nil
	}
	return e.dev.Update(func(tx replica.Tx) error { return replica.Salvage(tx, e.schema, e.clock()) })
}

func (e *end) Greet(w *se.Welcome) (drain *se.Drain, err error) {
	err = e.dev.Update(func(tx replica.Tx) (err error) { drain, err = replica.Greet(tx, e.schema, e.clock(), w); return err })
	return drain, err
}

func (e *end) Retire(r se.Retire) error {
	return e.dev.Update(func(tx replica.Tx) error { return replica.RetireReplica(tx, e.schema, e.clock(), r) })
}

// Purge has no files to see to: what is not there any more is gone.
func (e *end) Purge() (receipt *se.Purged, err error) {
	ctl, err := e.control()
	if err != nil || ctl.Leaving.State != replica.LeavingDrain {
		return ctl.Receipt(), err
	}
	ready := false
	err = e.dev.Update(func(tx replica.Tx) (err error) { ready, err = replica.Purge(tx, e.schema); return err })
	if err != nil || !ready {
		return nil, err
	}
	err = e.dev.Update(func(tx replica.Tx) (err error) { receipt, err = replica.Purged(tx); return err })
	return receipt, err
}

func (e *end) Outbox(after int64, limit int) (list []*se.Changeset, err error) {
	err = e.dev.View(func(tx replica.Tx) (err error) { list, err = tx.Outbox(after, limit); return err })
	return list, err
}

func (e *end) Stage(d *se.Delta) (applied bool, err error) {
	err = e.dev.Update(func(tx replica.Tx) (err error) { applied, err = replica.Stage(tx, e.schema, e.clock(), d); return err })
	if applied {
		e.spoiled = 0
	}
	return applied, err
}

func (e *end) File(verdicts []se.Verdict) error {
	return e.dev.Update(func(tx replica.Tx) error {
		_, err := replica.FileVerdicts(tx, e.schema, e.clock(), verdicts)
		return err
	})
}

func (e *end) Receive(messages []se.Message) error {
	return e.dev.Update(func(tx replica.Tx) error { return replica.Receive(tx, messages) })
}

func (e *end) Broken() error {
	return e.dev.Update(func(tx replica.Tx) error {
		if err := replica.Forget(tx); err != nil {
			return err
		}
		ctl, err := tx.Control()
		if err != nil {
			return err
		}
		ctl.View = ""
		return tx.PutControl(ctl)
	})
}

func (e *end) Seen() (session.Seen, error) {
	c, err := e.control()
	return session.Seen{Epoch: c.Epoch, Cursor: c.Cursor, View: c.View, Inbox: c.Inbox, Acked: c.Acked}, err
}

func (e *end) Unpack(encoding string, packed []byte, size int) ([]se.DeltaItem, error) {
	return wire.Unpack(encoding, packed, size)
}

func (e *end) Spoiled(string) error {
	e.spoiled++
	return nil
}

func (e *end) Scopes() (out []string, local int, err error) {
	err = e.dev.Update(func(tx replica.Tx) (err error) {
		if local, err = replica.Reshow(tx, e.schema, e.clock()); err != nil {
			return err
		}
		out, err = replica.CheckScopes(tx, e.schema)
		return err
	})
	return out, local, err
}

func (e *end) Digest(scope string) (check *se.Check, err error) {
	read := func() (unsealed bool, err error) {
		err = e.dev.View(func(tx replica.Tx) (err error) {
			check, unsealed, err = replica.Digest(tx, e.schema, scope)
			return err
		})
		return unsealed, err
	}
	unsealed, err := read()
	if err != nil || !unsealed {
		return check, err
	}
	if err := e.dev.Update(func(tx replica.Tx) error {
		_, err := replica.Seal(tx, e.schema, e.clock(), true)
		return err
	}); err != nil {
		return nil, err
	}
	_, err = read()
	return check, err
}

func (e *end) Repair(check *se.Check, items []se.DeltaItem, covered []se.Covered) (n int, current bool, err error) {
	err = e.dev.Update(func(tx replica.Tx) (err error) {
		n, current, err = replica.Repair(tx, e.schema, e.clock(), check, items, covered)
		return err
	})
	return n, current, err
}

func (e *end) Checked(r se.CheckReport) (out se.CheckReport, err error) {
	err = e.dev.Update(func(tx replica.Tx) (err error) { out, err = replica.EndCheck(tx, r, e.clock().Wall); return err })
	return out, err
}
