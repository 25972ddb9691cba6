package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

var (
	errClosed = errors.New("device: the replica is closed")
	errEnded  = errors.New("device: the transaction was ended inside Write; leave BEGIN, COMMIT and ROLLBACK to the SDK")
)

// port is one transaction on the file (a reading one where conn is a read-only transaction), and implements replica.Tx. It is used by one goroutine, while it holds turn.
//
// Its statements run without a context: half an apply must not be interrupted, only whole ones are.
type port struct {
	conn   execer
	schema *schema.Schema
	ctx    context.Context
	wall   int64
	stmts  map[string]string
}

// takeTurn waits until nobody else in this program writes. Whoever has his turn gives it back with giveTurn.
func (r *Replica) takeTurn(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-r.gone:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Replica) giveTurn() { <-r.turn }

// transact runs fn in one immediate transaction and makes it durable, or leaves no trace of it. ctx bounds only the
// wait for a turn in this program; other programs are waited for as long as the busy timeout says.
func (r *Replica) transact(ctx context.Context, fn func(*port) error) (err error) {
	if err := r.takeTurn(ctx); err != nil {
		return err
	}
	defer r.giveTurn()
	bg := context.WithoutCancel(ctx)
	if _, err := r.conn.ExecContext(bg, "BEGIN IMMEDIATE"); err != nil {
		if errors.Is(err, sql.ErrConnDone) {
			return errClosed
		}
		return fmt.Errorf("begin: %w", storage(err))
	}
	// SQLite may have ended the transaction by itself after a failure: its state is asked, never assumed.
	defer func() {
		if open, e := r.open(); e != nil || open {
			_, e = r.conn.ExecContext(bg, "ROLLBACK")
			if err == nil {
				err = fmt.Errorf("roll back: %w", e)
			}
		}
	}()
	if err := fn(&port{conn: r.conn, schema: r.schema, ctx: bg, wall: r.opts.Clock.Read().Wall}); err != nil {
		return storage(err)
	}
	if open, err := r.open(); err != nil {
		return err
	} else if !open {
		return errEnded
	}
	if _, err := r.conn.ExecContext(bg, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", storage(err))
	}
	return nil
}

// open tells whether the connection is inside a transaction.
func (r *Replica) open() (open bool, err error) {
	err = r.conn.Raw(func(c any) error {
		open = !c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return open, err
}

// update is transact with the triggers quiet: what the engine writes is not captured.
func (r *Replica) update(ctx context.Context, fn func(*port) error) error {
	return r.transact(ctx, func(p *port) error {
		return p.applying(func() error { return fn(p) })
	})
}

// applying keeps the triggers quiet while fn runs. The flag is set and cleared inside one transaction: nobody else
// ever sees it set, and a crash cannot leave it behind.
func (p *port) applying(fn func() error) error {
	if err := p.exec(`UPDATE ds_control SET applying = 1, now = NULL, form_epoch = NULL, form_cursor = NULL`); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return p.exec(`UPDATE ds_control SET applying = 0`)
}

func (p *port) exec(query string, args ...any) error {
	_, err := p.conn.ExecContext(p.ctx, query, args...)
	return err
}

// Store is the replica as the engine's port, for the simulation and tests; programs use the methods of Replica.
func (r *Replica) Store() replica.Store { return store{r} }

type store struct{ r *Replica }

func (s store) Update(fn func(replica.Tx) error) error {
	return s.r.update(context.Background(), func(p *port) error { return fn(p) })
}
