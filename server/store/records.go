package store

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Head implements syncengine.ReadTx.
func (t *readTx) Head() (syncengine.Head, error) { return t.head, t.lost }

// Device implements syncengine.ReadTx.
func (t *readTx) Device(id string) (out *syncengine.Device, err error) {
	if t.known != nil {
		if d := t.known.of(id, t.began).device; d != nil {
			own := *d
			return &own, nil
		}
	}
	_, err = t.one(func(r row) error {
		out = &syncengine.Device{ID: id, LastN: r.int(0), Hash: toHash(r.blob(1)), At: r.int(2), Inbox: r.int(3), Console: r.bool(4), Acked: r.int(5),
			Parent: r.str(6), Fork: r.int(7), Cursor: r.int(8), Heard: r.int(9), Taken: r.int(10), Copied: r.bool(11)}
		return nil
	}, `SELECT last_n, hash, at, inbox, console, acked, parent, fork, cursor, heard, taken, copied FROM sync_device WHERE county = $1 AND id = $2`, t.s.county, id)
	if err == nil && out != nil && t.known != nil {
		own := *out
		t.known.keep(id, partDevice, t.began, func(a *acquaintance) { a.device = &own })
	}
	return out, err
}

// PutDevice implements syncengine.Tx.
func (t *tx) PutDevice(d *syncengine.Device) error {
	t.about[d.ID] |= partDevice
	old, had := t.devices[d.ID]
	t.devices[d.ID] = *d
	t.undo = append(t.undo, func() {
		if had {
			t.devices[d.ID] = old
		} else {
			delete(t.devices, d.ID)
		}
	})
	if !slices.Contains(t.put, d.ID) {
		t.put = append(t.put, d.ID)
	}
	return t.lost
}

// Device implements syncengine.ReadTx: with what this transaction has not written yet.
func (t *tx) Device(id string) (*syncengine.Device, error) {
	if d, known := t.devices[id]; known {
		return &d, t.lost
	}
	d, err := t.readTx.Device(id)
	if err == nil && d != nil {
		t.devices[id] = *d
	}
	return d, err
}

// Devices implements syncengine.ReadTx.
func (t *tx) Devices(after string, limit int) ([]syncengine.Device, error) {
	if err := t.writeDevices(); err != nil {
		return nil, err
	}
	return t.readTx.Devices(after, limit)
}

// Copies implements syncengine.ReadTx.
func (t *tx) Copies(device string) ([]syncengine.Device, error) {
	if err := t.writeDevices(); err != nil {
		return nil, err
	}
	return t.readTx.Copies(device)
}

// writeDevices writes the devices that were put: many changesets of one device make one statement. They stay noted as
// put, for a savepoint may take back what is written now.
func (t *tx) writeDevices() error {
	for _, id := range t.put {
		d, ok := t.devices[id]
		if !ok {
			continue // put in a savepoint that was undone
		}
		if err := t.writeDevice(&d); err != nil {
			return fmt.Errorf("put device: %w", err)
		}
	}
	return nil
}

func (t *tx) writeDevice(d *syncengine.Device) error {
	return t.exec(`INSERT INTO sync_device (county, id, last_n, hash, at, inbox, console, acked, parent, fork, cursor, heard, taken, copied)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (county, id) DO UPDATE SET last_n = excluded.last_n, hash = excluded.hash, at = excluded.at,
		inbox = excluded.inbox, console = excluded.console, acked = excluded.acked, parent = excluded.parent, fork = excluded.fork,
		cursor = excluded.cursor, heard = excluded.heard, taken = excluded.taken, copied = excluded.copied`,
		t.s.county, d.ID, d.LastN, d.Hash[:], d.At, d.Inbox, toInt(d.Console), d.Acked, d.Parent, d.Fork, d.Cursor, d.Heard, d.Taken, toInt(d.Copied))
}

// toVerdict reads the columns n, hash, kind, epoch, seq, detail from place i on.
func toVerdict(r row, i int) (v syncengine.Verdict, err error) {
	v = syncengine.Verdict{
		N: r.int(i), Hash: toHash(r.blob(i + 1)), Kind: syncengine.VerdictKind(r.int(i + 2)), Epoch: r.int(i + 3), Seq: r.int(i + 4),
	}
	if err := decodeVerdict(r.blob(i+5), &v); err != nil {
		return v, fmt.Errorf("read verdict on changeset %d: %w", v.N, err)
	}
	return v, nil
}

// nullable gives NULL for no bytes: the driver takes a nil []byte for a blob of none.
func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// Verdict implements syncengine.ReadTx.
func (t *readTx) Verdict(device string, n int64) (out *syncengine.Verdict, err error) {
	_, err = t.one(func(r row) error {
		v, err := toVerdict(r, 0)
		out = &v
		return err
	}, `SELECT n, hash, kind, epoch, seq, detail FROM verdict WHERE county = $1 AND device = $2 AND n = $3`, t.s.county, device, n)
	return out, err
}

// PutVerdict implements syncengine.Tx.
func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {
	return t.exec(`INSERT INTO verdict (county, device, n, hash, kind, epoch, seq, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (county, device, n) DO UPDATE SET hash = excluded.hash, kind = excluded.kind, epoch = excluded.epoch,
		seq = excluded.seq, detail = excluded.detail`,
		t.s.county, device, v.N, v.Hash[:], int64(v.Kind), v.Epoch, v.Seq, nullable(encodeVerdict(&v)))
}

// LastStep implements syncengine.ReadTx.
func (t *readTx) LastStep(table string, caseID syncengine.RowID) (out *syncengine.Step, err error) {
	_, err = t.one(func(r row) error {
		out = &syncengine.Step{Number: r.int(0), Row: syncengine.RowID(r.str(1)), State: r.str(2)}
		return nil
	}, `SELECT number, row_id, state FROM case_step WHERE county = CAST($1 AS INTEGER) AND tbl = CAST($2 AS TEXT) AND case_id = CAST($3 AS TEXT) ORDER BY number DESC LIMIT 1`,
		t.s.county, table, string(caseID))
	return out, err
}

// PutStep implements syncengine.Tx.
func (t *tx) PutStep(table string, caseID syncengine.RowID, s syncengine.Step) error {
	return t.exec(`INSERT INTO case_step (county, tbl, case_id, number, row_id, state) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (county, tbl, case_id, number) DO UPDATE SET row_id = excluded.row_id, state = excluded.state`,
		t.s.county, table, string(caseID), s.Number, string(s.Row), s.State)
}
