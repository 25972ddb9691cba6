package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Status is where a replica stands.
type Status struct {
	Identity Identity
	Outbox   int   // sealed changesets without a verdict
	Unsealed bool  // other programs wrote something that is not a changeset yet
	Oldest   int64 // when the oldest of them was sealed, ms by this device's clock; 0 = none
	LastN    int64
	Cursor   se.Base
	View     string // "" = a snapshot is to come
	LastSync int64  // when everything was in last, ms by this device's clock; 0 = never
	Grants   []se.Grant
	Lease    int64            // ms until the records lock for want of contact, at least 1 while they are open; 0 = locked
	Limited  bool             // Lease means something: they do lock
	Refused  int              // refused changesets that nobody has dealt with
	Open     int              // conflicts that work of this device is in
	Notices  []session.Notice // what the centre told about the connection last time
	Minimum  se.Minimum       // the oldest version that the centre serves, as of the last conversation
	Outdated bool             // this app is below it: it may send what it holds, but Write refuses and nothing comes in
	Checks   []Checked        // how the last check against the centre ended, if there was one
	Repaired int              // rows that repairs changed: see Repairs
	Became   []Became         // devices that this replica became, because it was copied, put back or enrolled again, the newest first
	Asides   []Aside          // copies that were set aside when the centre was restored: see DropAsides
	Staged   session.Taken    // how much of a snapshot that is being taken, by this program or another, is here; zero = none is
	Step     Progress         // of the conversation of this program, if one runs
}

// Status tells it. All but Step comes from one moment of the file. It tells no record: a locked replica says as well
// where it stands.
func (r *Replica) Status(ctx context.Context) (Status, error) {
	var s Status
	tx, err := r.read.BeginTx(ctx, nil)
	if err != nil {
		return s, storage(err)
	}
	defer func() { _ = tx.Rollback() }()
	c, err := readControl(ctx, tx)
	if err != nil {
		return s, storage(err)
	}
	s.Identity = Identity{Device: c.Device, Account: c.Account}
	s.Lease, s.Limited = c.Lease.Left(r.opts.Clock.Read())
	s.LastN, s.Cursor, s.View, s.Grants = c.LastN, c.Base(), c.View, c.Grants
	s.Minimum, s.Outdated = c.Minimum, r.tooOld(&c) != nil
	var taken string
	err = tx.QueryRowContext(ctx, `SELECT centre, last_sync, taken, (SELECT count(*) FROM ds_outbox), (SELECT coalesce(min(wall), 0) FROM ds_outbox),
		EXISTS(SELECT 1 FROM ds_capture), (SELECT count(*) FROM ds_quarantine WHERE handled = 0) FROM ds_state`).
		Scan(&s.Identity.Centre, &s.LastSync, &taken, &s.Outbox, &s.Oldest, &s.Unsealed, &s.Refused)
	if err != nil {
		return s, storage(err)
	}
	if taken != "" {
		if err := json.Unmarshal([]byte(taken), &s.Staged); err != nil {
			return s, fmt.Errorf("%w: how far a snapshot has come: %w", errDamaged, err)
		}
	}
	conflicts, err := readConflicts(ctx, tx)
	if err != nil {
		return s, storage(err)
	}
	for _, x := range conflicts {
		if x.Open {
			s.Open++
		}
	}
	if s.Checks, err = readChecks(ctx, tx, 1); err != nil {
		return s, storage(err)
	}
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM ds_repaired`).Scan(&s.Repaired); err != nil {
		return s, storage(err)
	}
	if s.Became, err = readForks(ctx, tx); err != nil {
		return s, storage(err)
	}
	if s.Asides, err = r.Asides(); err != nil {
		return s, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT code, text FROM ds_notice ORDER BY code`)
	if err != nil {
		return s, storage(err)
	}
	s.Notices, err = collect(rows, func() (n session.Notice, err error) { err = rows.Scan(&n.Code, &n.Text); return })
	r.mu.Lock()
	s.Step = r.step
	r.mu.Unlock()
	return s, storage(err)
}

// Conflict is a conflict that work of this device is in, as far as it was told.
type Conflict struct {
	ID     string
	Key    se.ConflictKey
	N      int64     // changeset of this device that is in it; 0 = told by the inbox alone
	Open   bool      // no decision was told. One that ended because somebody wrote the cell anew may still be listed
	Choice se.Choice // decided: what was chosen
	Author string    // the other account concerned, where it was told
}

// Conflicts lists them, the newest first.
func (r *Replica) Conflicts(ctx context.Context) ([]Conflict, error) {
	if err := r.unlocked(ctx); err != nil {
		return nil, err
	}
	list, err := readConflicts(ctx, r.read)
	return list, storage(err)
}

// readConflicts puts together what verdicts and the inbox told, in the order in which it came.
func readConflicts(ctx context.Context, q querier) ([]Conflict, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT 0, n, '', id, kind, tbl, row, cell, '', '' FROM ds_conflict_ref
		UNION ALL
		SELECT 1, number, kind, id, about, tbl, row, cell, author, choice FROM ds_inbox WHERE about <> 'quarantine'
		ORDER BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}
	type told struct {
		Conflict
		inbox bool
		kind  se.MessageKind
	}
	lines, err := collect(rows, func() (x told, err error) {
		err = rows.Scan(&x.inbox, &x.N, &x.kind, &x.ID, &x.Key.Kind, &x.Key.Table, &x.Key.Row, &x.Key.Cell, &x.Author, &x.Choice)
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}
	at := map[string]int{}
	var out []Conflict
	for _, x := range lines {
		i, known := at[x.ID]
		if !known {
			i = len(out)
			at[x.ID] = i
			out = append(out, Conflict{ID: x.ID, Key: x.Key, Open: true})
		}
		c := &out[i]
		switch {
		case !x.inbox:
			c.N = x.N
		case x.kind == se.MessageEnded:
			c.Open, c.Author = false, x.Author
		case x.kind == se.MessageDecided:
			c.Open, c.Choice, c.Author = false, x.Choice, x.Author
		default:
			c.Author = x.Author
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// Wrote gives the values that this device last wrote into a cell and that the centre took, whatever became of them
// since; nil if there are none, or if what it wrote was a difference. It reads through the journal: for a list of a few.
func (r *Replica) Wrote(ctx context.Context, key se.ConflictKey) ([]schema.Value, error) {
	if err := r.unlocked(ctx); err != nil {
		return nil, err
	}
	rows, err := r.read.QueryContext(ctx, `SELECT n, hash, body FROM ds_journal
		WHERE length(body) > 0 AND instr(CAST(body AS BLOB), CAST(? AS BLOB)) > 0 ORDER BY n DESC`, string(key.Row))
	if err != nil {
		return nil, storage(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var hash, body []byte
		if err := rows.Scan(&n, &hash, &body); err != nil {
			return nil, storage(err)
		}
		cs, err := sound(n, hash, body)
		if err != nil {
			return nil, storage(err)
		}
		for _, c := range cs.Changes {
			if c.Table != key.Table || c.Row != key.Row {
				continue
			}
			for _, w := range c.Cells {
				if w.Cell == key.Cell {
					return w.Values, nil
				}
			}
		}
	}
	return nil, storage(rows.Err())
}

// Rejection is a changeset that the centre refused, whole, with the reason.
type Rejection struct {
	N         int64
	Kind      se.VerdictKind // Rejected or Parked
	Reason    se.Reason
	Label     schema.Label // what happened and what to do
	Filed     int64        // ms by this device's clock
	Handled   bool
	Changeset *se.Changeset // what the person wrote
	Outcome   se.Settlement // how it ended at the centre, as far as this device was told
	Why       string        // the supervisor's reason
}

// In gives the sentence in a language ("zh-CN", "en").
func (x *Rejection) In(lang string) string { return x.Label.In(lang) }

// Rejected lists what the centre refused, the newest first; with handled, also what was dealt with.
func (r *Replica) Rejected(ctx context.Context, handled bool) ([]Rejection, error) {
	if err := r.unlocked(ctx); err != nil {
		return nil, err
	}
	rows, err := r.read.QueryContext(ctx, `SELECT q.n, q.body, q.filed, q.handled, j.kind, coalesce(j.code, ''), j.tbl, j.row, j.col, j.rule, j.current, j.hash,
		coalesce(s.outcome, ''), coalesce(s.reason, '')
		FROM ds_quarantine q JOIN ds_journal j ON j.n = q.n LEFT JOIN ds_settled s ON s.n = q.n WHERE q.handled = 0 OR ? ORDER BY q.n DESC`, handled)
	if err != nil {
		return nil, storage(err)
	}
	list, err := collect(rows, func() (x Rejection, err error) {
		var body, current, hash []byte
		why := &x.Reason
		if err := rows.Scan(&x.N, &body, &x.Filed, &x.Handled, &x.Kind, &why.Code, &why.Table, &why.Row, &why.Column, &why.Rule, &current, &hash, &x.Outcome, &x.Why); err != nil {
			return x, err
		}
		if current != nil {
			if why.Current, err = decodeValues(current); err != nil {
				return x, err
			}
		}
		x.Label = Explain(r.schema, x.Kind, why)
		if len(body) == 0 { // its grant has ended, or it is long dealt with: what it said is at the centre alone
			x.Changeset = &se.Changeset{N: x.N}
			return x, nil
		}
		if x.Changeset, err = sound(x.N, hash, body); err != nil {
			return x, err
		}
		x.Label = ExplainChangeset(r.schema, x.Kind, x.Changeset, why)
		return x, nil
	})
	return list, storage(err)
}

// Handled takes a refused changeset out of view: the person has dealt with it. It stays in the file. An n that was
// not refused is CodeNoRow.
func (r *Replica) Handled(ctx context.Context, n int64) error {
	if err := r.unlocked(ctx); err != nil {
		return err
	}
	return r.update(ctx, func(p *port) error {
		res, err := p.conn.ExecContext(p.ctx, `UPDATE ds_quarantine SET handled = 1 WHERE n = ?`, n)
		if err != nil {
			return err
		}
		if hit, err := res.RowsAffected(); err != nil {
			return err
		} else if hit == 0 {
			return say(CodeNoRow, errors.New("no refused changeset has this number"))
		}
		return nil
	})
}

// waiting tells how many changesets have no verdict, and when the oldest of them was sealed.
func (p *port) waiting() (n, oldest int64, err error) {
	err = p.conn.QueryRowContext(p.ctx, `SELECT count(*), coalesce(min(wall), 0) FROM ds_outbox`).Scan(&n, &oldest)
	return n, max(oldest, 0), err
}
