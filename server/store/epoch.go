package store

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// HistoryHash implements syncengine.ReadTx.
func (t *readTx) HistoryHash(seq int64) (h syncengine.Hash, ok bool, err error) {
	ok, err = t.one(func(r row) error { h = toHash(r.blob(0)); return nil },
		`SELECT hash FROM history WHERE county = $1 AND seq = $2`, t.s.county, seq)
	return h, ok, err
}

// Restores implements syncengine.ReadTx. It is read once in a transaction.
func (t *readTx) Restores() (out []syncengine.Restore, err error) {
	if t.restores == nil {
		t.restores = []syncengine.Restore{}
		err = t.query(func(r row) error {
			t.restores = append(t.restores, syncengine.Restore{
				Epoch: r.int(0), Ended: r.int(1), Last: r.int(2), Head: r.int(3), At: r.int(4), Cause: syncengine.Cause(r.str(5)),
				Confirmed: r.int(6), By: r.str(7),
			})
			return nil
		}, `SELECT epoch, ended, last, head, at, cause, confirmed, confirmed_by FROM epoch_begun WHERE county = CAST($1 AS INTEGER) ORDER BY epoch`, t.s.county)
		if err != nil {
			t.restores = nil
			return nil, fmt.Errorf("read epochs: %w", err)
		}
	}
	return append([]syncengine.Restore(nil), t.restores...), nil
}

// Work implements syncengine.ReadTx.
func (t *readTx) Work(h syncengine.Hash) (id syncengine.WriteID, err error) {
	_, err = t.one(func(r row) error { id = syncengine.WriteID{Device: r.str(0), N: r.int(1)}; return nil },
		`SELECT device, n FROM work WHERE county = $1 AND work = $2`, t.s.county, h[:])
	return id, err
}

// PutWork implements syncengine.Tx.
func (t *tx) PutWork(h syncengine.Hash, id syncengine.WriteID) error {
	return t.exec(`INSERT INTO work (county, work, device, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (county, work) DO UPDATE SET device = excluded.device, n = excluded.n`, t.s.county, h[:], id.Device, id.N)
}

// Kin implements syncengine.ReadTx.
func (t *readTx) Kin(device string) (out []syncengine.WriteID, err error) {
	err = t.query(func(r row) error { out = append(out, syncengine.WriteID{Device: r.str(0), N: r.int(1)}); return nil },
		`SELECT other, n FROM kin WHERE county = $1 AND device = $2 ORDER BY other`, t.s.county, device)
	return out, err
}

// PutKin implements syncengine.Tx.
func (t *tx) PutKin(device string, other syncengine.WriteID) error {
	return t.exec(`INSERT INTO kin (county, device, other, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (county, device, other) DO UPDATE SET n = max(kin.n, excluded.n)`, t.s.county, device, other.Device, other.N)
}

// PutRestore implements syncengine.Tx.
func (t *tx) PutRestore(r syncengine.Restore) error {
	t.restores = nil
	t.undo = append(t.undo, func() { t.restores = nil })
	return t.exec(`INSERT INTO epoch_begun (county, epoch, ended, last, head, at, cause, confirmed, confirmed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (county, epoch) DO UPDATE SET ended = excluded.ended, last = excluded.last, head = excluded.head, at = excluded.at,
		cause = excluded.cause, confirmed = excluded.confirmed, confirmed_by = excluded.confirmed_by`,
		t.s.county, r.Epoch, r.Ended, r.Last, r.Head, r.At, string(r.Cause), r.Confirmed, r.By)
}
