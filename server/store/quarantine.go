package store

import (
	"encoding/json"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Quarantined implements syncengine.ReadTx.
func (t *readTx) Quarantined(device string, n int64) (out *syncengine.Quarantined, err error) {
	_, err = t.one(func(r row) (err error) {
		out = &syncengine.Quarantined{
			Device: device, N: n, Received: r.int(0), Closed: r.bool(1), At: r.int(9), Suspect: r.bool(10), Scope: r.str(11),
			Awaits: syncengine.RowID(r.str(12)), Ready: r.bool(13), Outcome: syncengine.Settlement(r.str(14)), Seq: r.int(15),
			By: r.str(16), Why: r.str(17),
		}
		if out.Changeset, _, err = decodeChangeset(r.blob(2)); err != nil {
			return fmt.Errorf("read quarantined changeset %d: %w", n, err)
		}
		if out.Verdict, err = toVerdict(r, 3); err != nil {
			return err
		}
		if err = decodeWaiting(r.blob(18), out); err != nil {
			return fmt.Errorf("read quarantined changeset %d: %w", n, err)
		}
		return nil
	}, `SELECT received, closed, body, verdict_n, hash, kind, epoch, seq, detail, at, suspect, scope, awaits, ready, outcome,
		ended_seq, ended_by, why, more FROM quarantine WHERE county = $1 AND device = $2 AND n = $3`, t.s.county, device, n)
	return out, err
}

// PutQuarantined implements syncengine.Tx.
func (t *tx) PutQuarantined(q *syncengine.Quarantined) error {
	t.waiting = waiting{}
	t.undo = append(t.undo, func() { t.waiting = waiting{} })
	code := ""
	if q.Verdict.Reason != nil {
		code = string(q.Verdict.Reason.Code)
	}
	v := &q.Verdict
	if err := t.exec(`INSERT INTO quarantine (county, device, n, received, closed, verdict_n, hash, kind, epoch, seq, code, detail, body,
		at, suspect, scope, awaits, ready, outcome, ended_seq, ended_by, why, more, bytes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
		ON CONFLICT (county, device, n) DO UPDATE SET received = excluded.received, closed = excluded.closed,
		verdict_n = excluded.verdict_n, hash = excluded.hash, kind = excluded.kind, epoch = excluded.epoch, seq = excluded.seq,
		code = excluded.code, detail = excluded.detail, body = excluded.body, at = excluded.at, suspect = excluded.suspect,
		scope = excluded.scope, awaits = excluded.awaits, ready = excluded.ready, outcome = excluded.outcome,
		ended_seq = excluded.ended_seq, ended_by = excluded.ended_by, why = excluded.why, more = excluded.more, bytes = excluded.bytes`,
		t.s.county, q.Device, q.N, q.Received, toInt(q.Closed), v.N, v.Hash[:], int64(v.Kind), v.Epoch, v.Seq, code,
		nullable(encodeVerdict(v)), encodeChangeset(q.Changeset, nil), q.At, toInt(q.Suspect), q.Scope, string(q.Awaits), toInt(q.Ready),
		string(q.Outcome), q.Seq, q.By, q.Why, nullable(encodeWaiting(q)), q.Size()); err != nil {
		return fmt.Errorf("quarantine changeset %d: %w", q.N, err)
	}
	return t.putQuarantinedRows(q)
}

// putQuarantinedRows keeps which rows an open quarantined changeset would have created, and which a parked one changes.
func (t *tx) putQuarantinedRows(q *syncengine.Quarantined) error {
	for _, table := range []string{"quarantine_row", "quarantine_touch"} {
		if err := t.exec(`DELETE FROM `+table+` WHERE county = $1 AND device = $2 AND n = $3`, t.s.county, q.Device, q.N); err != nil {
			return fmt.Errorf("quarantine rows of changeset %d: %w", q.N, err)
		}
	}
	if q.Closed || q.Changeset == nil {
		return nil
	}
	put := func(table string, c *syncengine.Change) error {
		if err := t.exec(`INSERT INTO `+table+` (county, tbl, id, device, n) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (county, tbl, id, device, n) DO NOTHING`, t.s.county, c.Table, string(c.Row), q.Device, q.N); err != nil {
			return fmt.Errorf("quarantine rows of changeset %d: %w", q.N, err)
		}
		return nil
	}
	for i := range q.Changeset.Changes {
		c := &q.Changeset.Changes[i]
		if c.Op == syncengine.OpInsert {
			if err := put("quarantine_row", c); err != nil {
				return err
			}
		}
		if q.Verdict.Kind == syncengine.Parked {
			if err := put("quarantine_touch", c); err != nil {
				return err
			}
		}
	}
	return nil
}

// AwaitedRow implements syncengine.ReadTx.
func (t *readTx) AwaitedRow(table string, id syncengine.RowID) (out *syncengine.WriteID, err error) {
	_, err = t.one(func(r row) error { out = &syncengine.WriteID{Device: r.str(0), N: r.int(1)}; return nil },
		`SELECT device, n FROM quarantine_row WHERE county = $1 AND tbl = $2 AND id = $3 ORDER BY device, n LIMIT 1`,
		t.s.county, table, string(id))
	return out, err
}

// Parked implements syncengine.ReadTx.
func (t *readTx) Parked(device string, after int64, limit int) ([]int64, error) {
	return t.numbers(`SELECT n FROM quarantine WHERE county = CAST($1 AS INTEGER) AND device = CAST($2 AS TEXT) AND n > $3 AND closed = 0 AND kind = 5 ORDER BY n LIMIT CAST($4 AS INTEGER)`,
		t.s.county, device, after, int64(max(limit, 0)))
}

// waiting is what a transaction knows of quarantine, which every changeset asks about and hardly any changes: the zero
// value knows nothing, and PutQuarantined, done or undone, leaves that.
type waiting struct {
	asked  bool            // whether anything awaits a row
	some   bool            // the answer
	nobody map[string]bool // devices of which nothing is parked
}

// Parked implements syncengine.ReadTx.
func (t *tx) Parked(device string, after int64, limit int) ([]int64, error) {
	if t.waiting.nobody[device] {
		return nil, t.lost
	}
	list, err := t.readTx.Parked(device, after, limit)
	if err == nil && len(list) == 0 && after <= 0 && limit > 0 {
		if t.waiting.nobody == nil {
			t.waiting.nobody = map[string]bool{}
		}
		t.waiting.nobody[device] = true
	}
	return list, err
}

// ParkedOn implements syncengine.ReadTx.
func (t *readTx) ParkedOn(device, table string, id syncengine.RowID) ([]int64, error) {
	return t.numbers(`SELECT n FROM quarantine_touch WHERE county = $1 AND tbl = $2 AND id = $3 AND device = $4 ORDER BY n`,
		t.s.county, table, string(id), device)
}

func (t *readTx) numbers(query string, args ...any) (out []int64, err error) {
	err = t.query(func(r row) error { out = append(out, r.int(0)); return nil }, query, args...)
	return out, err
}

// Ready implements syncengine.ReadTx.
func (t *readTx) Ready(limit int) (out []syncengine.WriteID, err error) {
	err = t.query(func(r row) error {
		out = append(out, syncengine.WriteID{Device: r.str(0), N: r.int(1)})
		return nil
	}, `SELECT device, n FROM quarantine WHERE county = CAST($1 AS INTEGER) AND closed = 0 AND kind = 5 AND ready = 1 ORDER BY device, n LIMIT CAST($2 AS INTEGER)`,
		t.s.county, int64(max(limit, 0)))
	return out, err
}

// MarkReady implements syncengine.Tx: one look tells whether anything waits at all, as hardly ever.
func (t *tx) MarkReady(ids []syncengine.RowID) error {
	if !t.waiting.asked {
		some, err := t.one(func(row) error { return nil },
			`SELECT 1 FROM quarantine WHERE county = $1 AND closed = 0 AND kind = 5 AND awaits <> '' LIMIT 1`, t.s.county)
		if err != nil {
			return err
		}
		t.waiting.asked, t.waiting.some = true, some
	}
	if !t.waiting.some {
		return t.lost
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("mark parked changesets: %w", err)
	}
	return t.exec(`UPDATE quarantine SET ready = 1 WHERE county = $1 AND closed = 0 AND kind = 5 AND awaits <> ''
		AND awaits IN (SELECT value FROM json_each($2))`, t.s.county, string(list))
}

// encodeWaiting packs why a changeset still waits and what its device wrote again; nil if nothing is to be said.
func encodeWaiting(q *syncengine.Quarantined) []byte {
	if q.Present == nil && q.Overtaken == nil {
		return nil
	}
	e := newEnc(formatWaiting)
	e.bool(q.Present != nil)
	if q.Present != nil {
		e.reason(q.Present)
	}
	e.count(len(q.Overtaken), q.Overtaken == nil)
	for _, x := range q.Overtaken {
		e.sym(x.Table)
		e.str(string(x.Row))
		e.sym(x.Cell)
		e.texts(x.Elements)
	}
	return e.b
}

func decodeWaiting(b []byte, q *syncengine.Quarantined) error {
	if b == nil {
		return nil
	}
	d := newDec(b, formatWaiting)
	if d.bool() {
		q.Present = d.reason()
	}
	q.Overtaken = list(d, func(d *dec) syncengine.Overtaken {
		return syncengine.Overtaken{Table: d.sym(), Row: syncengine.RowID(d.str()), Cell: d.sym(), Elements: d.texts()}
	})
	return d.end()
}

// completeQuarantine brings what an earlier release quarantined to what this one keeps of it. A file of this release
// has nothing to do.
func (s *Store) completeQuarantine() error {
	if err := s.complete(`scope = '?'`, func(tx syncengine.Tx, q *syncengine.Quarantined) (bool, error) {
		return true, syncengine.CompleteQuarantined(tx, s.schema, q)
	}); err != nil {
		return err
	}
	return s.complete(`kind = 5 AND code = 'salvage' AND awaits = ''`, func(_ syncengine.Tx, q *syncengine.Quarantined) (bool, error) {
		return syncengine.CompleteSalvage(q), nil
	})
}

// complete goes once over what is open and of which a condition holds, and writes what change says that it changed.
func (s *Store) complete(condition string, change func(syncengine.Tx, *syncengine.Quarantined) (bool, error)) error {
	var last syncengine.WriteID
	for {
		var todo []syncengine.WriteID
		if err := s.View(func(tx syncengine.ReadTx) error {
			todo = todo[:0]
			return tx.(*readTx).query(func(r row) error {
				todo = append(todo, syncengine.WriteID{Device: r.str(0), N: r.int(1)})
				return nil
			}, `SELECT device, n FROM quarantine WHERE county = $1 AND closed = 0 AND `+condition+` AND (device, n) > ($2, $3)
				ORDER BY device, n LIMIT 500`, s.county, last.Device, last.N)
		}); err != nil || len(todo) == 0 {
			return err
		}
		last = todo[len(todo)-1]
		if err := s.Update(func(tx syncengine.Tx) error {
			for _, id := range todo {
				q, err := tx.Quarantined(id.Device, id.N)
				if err != nil {
					return err
				}
				changed, err := change(tx, q)
				if err == nil && changed {
					err = tx.PutQuarantined(q)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}
