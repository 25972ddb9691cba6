package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Receipt says what a Write came to.
type Receipt struct {
	N int64 // number of the changeset; 0 = nothing changed
}

// Write runs fn in one transaction and seals what it changed as one changeset. When it returns a Receipt everything
// is durable on this device and will reach the centre; what its person's role may not write is refused (CodeNoRight). When it returns an error nothing of it remains, also where ctx
// ended before the commit. What other programs wrote since the last seal becomes a changeset of its own before. fn
// must not keep tx, and leaves BEGIN, COMMIT and ROLLBACK alone.
func (r *Replica) Write(ctx context.Context, fn func(tx *Tx) error) (*Receipt, error) {
	var receipt Receipt
	err := r.transact(ctx, func(p *port) error {
		ctl, err := p.sealForeign(r.opts.Clock.Read())
		if err != nil {
			return err
		}
		if ctl.Device == "" {
			return say(CodeNotEnrolled, nil)
		}
		if err := r.tooOld(&ctl); err != nil {
			return err
		}
		if err := usable(ctx, p.conn, r.opts.Clock.Read()); err != nil {
			return err
		}
		if err := p.exec(`UPDATE ds_control SET now = ?, form_epoch = NULL, form_cursor = NULL`, p.wall); err != nil {
			return err
		}
		tx := &Tx{port: p, replica: r, user: ctx, ctl: ctl}
		if err := fn(tx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err // SQLite may have finished a statement that was to be interrupted
		}
		if open, err := r.open(); err != nil || !open {
			return errEnded
		}
		return p.applying(func() error {
			cs, err := replica.SealWith(p, r.schema, r.opts.Clock.Read(), replica.Sealing{Forms: tx.forms, Replaces: tx.replaces})
			if err == nil && cs == nil && tx.replaces != 0 {
				return say(CodeSame, nil) // the refused one must not be dropped for nothing
			}
			if err != nil || cs == nil {
				return err
			}
			receipt.N = cs.N
			if err := r.placed(cs); err != nil {
				return err
			}
			if tx.replaces == 0 { // who sends a refused one again asks the centre again
				if err := p.allowed(&ctl, cs); err != nil {
					return err
				}
			}
			return fits(cs, ctl.Limits)
		})
	})
	if err != nil {
		return nil, err
	}
	r.ring()
	return &receipt, nil
}

// placed refuses new rows that no scope could be found for: the centre would refuse them later, when the person may be
// far from the door.
func (r *Replica) placed(cs *se.Changeset) error {
	for _, c := range cs.Changes {
		if c.Op == se.OpInsert && !slices.ContainsFunc(c.Cells, func(w se.CellWrite) bool {
			return w.Cell == schema.CellScope && len(w.Values) == 1 && !w.Values[0].IsNull()
		}) {
			t := r.schema.Table(c.Table)
			return sayLabel(CodeNoScope, t, t.Label)
		}
	}
	return nil
}

// fits refuses a changeset that the centre would refuse for its size, while the person can still split it.
func fits(cs *se.Changeset, l se.Limits) error {
	if l.MaxChanges > 0 && len(cs.Changes) > l.MaxChanges {
		return say(CodeTooLarge, fmt.Errorf("%d rows of at most %d", len(cs.Changes), l.MaxChanges))
	}
	if n := len(cs.Canonical()); l.MaxChangeset > 0 && n > l.MaxChangeset {
		return say(CodeTooLarge, fmt.Errorf("%d bytes of at most %d", n, l.MaxChangeset))
	}
	return nil
}

// sealForeign makes a changeset of what other programs wrote since the last seal, and gives the control row. A
// replica that belongs to nobody yet keeps it captured.
func (p *port) sealForeign(clock replica.Clock) (ctl replica.Control, err error) {
	if ctl, err = p.Control(); err != nil || ctl.Device == "" {
		return ctl, err
	}
	if any, err := p.one(`SELECT 1 FROM ds_capture LIMIT 1`, nil, new(int64)); err != nil || !any {
		return ctl, err
	}
	err = p.applying(func() error {
		cs, err := replica.Seal(p, p.schema, clock, true)
		if err != nil {
			return fmt.Errorf("seal what other programs wrote: %w", err)
		}
		if cs != nil {
			ctl, err = p.Control()
		}
		return err
	})
	return ctl, err
}

// Seal makes a changeset of what other programs wrote since the last seal. It returns its n, 0 if they wrote nothing.
func (r *Replica) Seal(ctx context.Context) (n int64, err error) {
	err = r.transact(ctx, func(p *port) error {
		before, err := p.Control()
		if err != nil {
			return err
		}
		after, err := p.sealForeign(r.opts.Clock.Read())
		if after.LastN > before.LastN {
			n = after.LastN
		}
		return err
	})
	if n > 0 && err == nil {
		r.ring()
	}
	return n, err
}

// Tx is the transaction of one Write. It belongs to the function it was given to.
type Tx struct {
	port     *port
	replica  *Replica
	user     context.Context
	ctl      replica.Control
	forms    []replica.Form // that were saved
	replaces int64          // n of the refused changeset that this one retries
}

// Exec runs a statement. Rows it changes are captured cell by cell.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	res, err := tx.port.conn.ExecContext(tx.user, query, args...)
	return res, storage(err)
}

// Query reads; the caller closes the rows before fn returns.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	rows, err := tx.port.conn.QueryContext(tx.user, query, args...)
	return rows, storage(err)
}

// QueryRow reads one row.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	return tx.port.conn.QueryRowContext(tx.user, query, args...)
}

// ReadAt says that what follows was decided on what the replica showed at an earlier cursor: that of a form which was
// open while deltas came in. The zero Base ends it.
func (tx *Tx) ReadAt(at se.Base) error {
	if at == (se.Base{}) {
		return tx.port.exec(`UPDATE ds_control SET form_epoch = NULL, form_cursor = NULL`)
	}
	if now := tx.ctl.Base(); now.Less(at) {
		return say(CodeAhead, fmt.Errorf("%v is after %v", at, now))
	}
	return tx.port.exec(`UPDATE ds_control SET form_epoch = ?, form_cursor = ?`, at.Epoch, at.Seq)
}

func (tx *Tx) table(name string) (*schema.Table, error) { return tx.replica.table(name) }

func (r *Replica) table(name string) (*schema.Table, error) {
	t := r.schema.Table(name)
	if t == nil {
		return nil, say(CodeNoTable, nil, name)
	}
	return t, nil
}

// Retries says that this transaction writes a refused changeset anew: its changeset names the old one, of which the
// centre then lets only one take effect, and Rejected lists the old one as handled. What the device wrote into the
// same cells since should be left out. A changeset that was not refused is CodeNoRow; a transaction that changes
// nothing ends Write with CodeSame, and the refused one stays as it was.
func (tx *Tx) Retries(n int64) error {
	var handled bool
	err := tx.port.conn.QueryRowContext(tx.user, `SELECT handled FROM ds_quarantine WHERE n = ?`, n).Scan(&handled)
	if errors.Is(err, sql.ErrNoRows) {
		return say(CodeNoRow, err)
	}
	if err != nil {
		return storage(err)
	}
	tx.replaces = n
	return tx.port.exec(`UPDATE ds_quarantine SET handled = 1 WHERE n = ?`, n)
}
