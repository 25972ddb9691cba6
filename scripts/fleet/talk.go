package fleet

import (
	"context"
	"fmt"

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
	arriving = `SELECT tbl, row FROM ds_staged UNION ` + waiting
)

func (d *Device) rows(query string) (out []replica.RowKey) {
	rows, err := d.replica.Query(context.Background(), query)
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
func (t talk) Greet(w *se.Welcome) error {
	return t.do(nil, func(r session.Replica) error { return r.Greet(w) })
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

// Seen tells how far the replica has come.
func (t talk) Seen() (s session.Seen, err error) {
	if s, err = t.d.replica.Session().Seen(); err != nil {
		return s, fmt.Errorf("fleet: %w", err)
	}
	return s, nil
}

// Unpack reads the items of a chunk.
func (t talk) Unpack(packed []byte, size int) ([]se.DeltaItem, error) {
	return t.d.replica.Session().Unpack(packed, size)
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
