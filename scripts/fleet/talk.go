package fleet

import (
	"context"
	"fmt"
	"strings"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// talk is the SDK's half of a session, under the world's clock and misfortunes.
type talk struct {
	d     *Device
	clock func() replica.Clock
}

// Session implements simtest.Speaker.
func (d *Device) Session(clock func() replica.Clock) session.Replica { return talk{d, clock} }

// Queries for the rows that a transaction may show anew or hide.
const (
	captured = `SELECT tbl, id FROM ds_capture`
	waiting  = `SELECT tbl, row FROM ds_pending UNION SELECT tbl, row FROM ds_under`
	pending  = captured + ` UNION ` + waiting
	arriving = `SELECT tbl, row FROM ds_staged UNION ` + waiting
)

func (d *Device) rows(query string) (out []replica.RowKey) {
	// Not through the SDK: it shows nothing of a replica that may only drain and purge.
	rows, err := d.program.Query(query)
	must(err)
	defer rows.Close()
	for rows.Next() {
		var k replica.RowKey
		must(rows.Scan(&k.Table, &k.Row))
		out = append(out, k)
	}
	must(rows.Err())
	return out
}

// do runs one transaction of the session that may touch these rows.
func (t talk) do(touched []replica.RowKey, fn func(session.Replica) error) error {
	t.d.clock, t.d.touched = t.clock(), touched
	return t.d.commit(func() error { return fn(t.d.replica.Session()) })
}

// Hello implements session.Replica, as do all methods below.
func (t talk) Hello() (h se.Hello, err error) {
	err = t.do(t.d.rows(captured), func(r session.Replica) (err error) { h, err = r.Hello(); return err })
	return h, err
}

// Greet takes over a Welcome.
func (t talk) Greet(w *se.Welcome) (drain *se.Drain, err error) {
	err = t.do(t.d.rows(captured), func(r session.Replica) (err error) { drain, err = r.Greet(w); return err })
	return drain, err
}

// Retire gives up every grant.
func (t talk) Retire(r se.Retire) error {
	return t.do(t.d.rows(captured), func(s session.Replica) error { return s.Retire(r) })
}

// Purge removes what ended, in the steps that the SDK's own takes: misfortunes strike in each.
func (t talk) Purge() (receipt *se.Purged, err error) {
	ctl, err := t.d.control()
	if err != nil || ctl.Leaving.State != replica.LeavingDrain {
		return ctl.Receipt(), err
	}
	steps := t.d.replica.PurgeSteps(context.Background())
	ready := false
	if err := t.do(t.d.rows(everything(t.d)), func(session.Replica) (err error) { ready, err = steps.Rows(); return err }); err != nil || !ready {
		return nil, err
	}
	if done, err := steps.Bytes(); err != nil || !done {
		return nil, err
	}
	err = t.do(nil, func(session.Replica) (err error) { receipt, err = steps.Done(); return err })
	return receipt, err
}

// Outbox lists what waits for a verdict.
func (t talk) Outbox(after int64, limit int) ([]*se.Changeset, error) {
	return t.d.replica.Session().Outbox(after, limit)
}

// Stage keeps a frame.
func (t talk) Stage(d *se.Delta) (applied bool, err error) {
	touched := t.d.rows(arriving)
	for _, it := range d.Items {
		touched = append(touched, replica.RowKey{Table: it.Table, Row: it.Row})
	}
	err = t.do(touched, func(r session.Replica) (err error) { applied, err = r.Stage(d); return err })
	if err == nil && !applied {
		t.d.touched = nil
	}
	return applied, err
}

// File stores verdicts.
func (t talk) File(verdicts []se.Verdict) error {
	return t.do(t.d.rows(waiting), func(r session.Replica) error { return r.File(verdicts) })
}

// Receive stores messages of the inbox.
func (t talk) Receive(messages []se.Message) error {
	return t.do(nil, func(r session.Replica) error { return r.Receive(messages) })
}

// Broken makes the next Hello ask for a snapshot.
func (t talk) Broken() error { return t.do(nil, func(r session.Replica) error { return r.Broken() }) }

// Scopes mends what the replica can mend by itself.
func (t talk) Scopes() (scopes []string, local int, err error) {
	err = t.do(t.d.rows(pending), func(r session.Replica) (err error) { scopes, local, err = r.Scopes(); return err })
	return scopes, local, err
}

// Digest reads; where something waits to be sealed it makes one commit.
func (t talk) Digest(scope string) (check *se.Check, err error) {
	t.d.clock, t.d.touched = t.clock(), nil
	rows := t.d.rows(captured)
	if len(rows) == 0 {
		return t.d.replica.Session().Digest(scope)
	}
	err = t.do(rows, func(r session.Replica) (err error) { check, err = r.Digest(scope); return err })
	return check, err
}

// Repair puts the centre's rows where others are held.
func (t talk) Repair(check *se.Check, items []se.DeltaItem, covered []se.Covered) (n int, current bool, err error) {
	touched := t.d.rows(pending)
	for _, it := range items {
		touched = append(touched, replica.RowKey{Table: it.Table, Row: it.Row})
	}
	err = t.do(touched, func(r session.Replica) (err error) { n, current, err = r.Repair(check, items, covered); return err })
	return n, current, err
}

// Checked keeps how a check ended.
func (t talk) Checked(r se.CheckReport) (out se.CheckReport, err error) {
	err = t.do(nil, func(x session.Replica) (err error) { out, err = x.Checked(r); return err })
	return out, err
}

// Rot implements simtest.Rotter: the engine's flag keeps the triggers quiet.
func (d *Device) Rot(fn func(replica.Tx) error) error { return d.replica.Store().Update(fn) }

// Seen tells how far the replica has come.
func (t talk) Seen() (s session.Seen, err error) {
	if s, err = t.d.replica.Session().Seen(); err != nil {
		return s, fmt.Errorf("fleet: %w", err)
	}
	return s, nil
}

// Unpack reads the items of a chunk.
func (t talk) Unpack(encoding string, packed []byte, size int) ([]se.DeltaItem, error) {
	return t.d.replica.Session().Unpack(encoding, packed, size)
}

// Spoiled notes a chunk that was not what its manifest says. It writes nothing.
func (t talk) Spoiled(scope string) error { return t.d.replica.Session().Spoiled(scope) }

// Salvage seals what a restored centre lacks.
func (t talk) Salvage() error {
	lost := t.d.rows(`SELECT tbl, row FROM ds_lost`)
	if len(lost) == 0 {
		return nil
	}
	return t.do(lost, func(r session.Replica) error { return r.Salvage() })
}

// everything is a query for all rows of all record types.
func everything(d *Device) string {
	var all []string
	for _, t := range d.replica.Schema().Tables {
		all = append(all, `SELECT '`+t.Name+`', id FROM "`+t.Name+`"`)
	}
	return strings.Join(append(all, waiting), " UNION ")
}

func (d *Device) control() (ctl replica.Control, err error) {
	err = d.View(func(tx replica.Tx) (err error) { ctl, err = tx.Control(); return err })
	return ctl, err
}
