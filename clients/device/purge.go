package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/internal/durable"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Retire gives up every grant: what is left to do is to drain and to purge.
func (l *link) Retire(retire se.Retire) error {
	err := l.r.update(l.ctx, func(p *port) error {
		return replica.RetireReplica(p, l.r.schema, l.r.opts.Clock.Read(), retire)
	})
	return errors.Join(err, l.r.ForgetKeys())
}

// Purge removes what ended from the file, once it is drained, and gives the receipt. It may be cut off anywhere: what
// was not finished is begun anew by the next call, also of another process.
func (l *link) Purge() (*se.Purged, error) { return l.r.purge(l.ctx) }

func (r *Replica) purge(ctx context.Context) (*se.Purged, error) {
	if _, leaving, err := r.standing(ctx); err != nil || leaving.State == replica.LeavingNothing {
		return nil, err
	}
	c, err := r.control(ctx)
	if err != nil || c.Leaving.State != replica.LeavingDrain {
		return c.Receipt(), storage(err)
	}
	steps := r.PurgeSteps(ctx)
	if ready, err := steps.Rows(); err != nil || !ready {
		return nil, err
	}
	if done, err := steps.Bytes(); err != nil || !done {
		return nil, err
	}
	return steps.Done()
}

// PurgeSteps are what Purge of a Session does, one by one, for the simulation. Rows and Done are one transaction each.
type PurgeSteps struct {
	Rows  func() (ready bool, err error) // removes what is kept of rows that are gone
	Bytes func() (done bool, err error)  // removes their bytes from the files; false while another program is in the way
	Done  func() (*se.Purged, error)     // notes that nothing is left
}

// PurgeSteps gives them.
func (r *Replica) PurgeSteps(ctx context.Context) PurgeSteps {
	return PurgeSteps{
		Rows: func() (ready bool, err error) {
			err = r.update(ctx, func(p *port) error { ready, err = replica.Purge(p, r.schema); return err })
			return ready, err
		},
		Bytes: func() (bool, error) { return r.scrub(ctx) },
		Done: func() (receipt *se.Purged, err error) {
			err = r.update(ctx, func(p *port) error { receipt, err = replica.Purged(p); return err })
			return receipt, err
		},
	}
}

// scrub makes the files hold nothing but what the tables hold: the database is written anew, for SQLite leaves old cells
// in the gaps of pages that it rebalances, and the write-ahead log is emptied. It does not wait for other programs: false
// says that one is reading or writing, and that it has to be tried again.
func (r *Replica) scrub(ctx context.Context) (done bool, err error) {
	if err := r.takeTurn(ctx); err != nil {
		return false, err
	}
	defer r.giveTurn()
	bg := context.WithoutCancel(ctx)
	if _, err := r.conn.ExecContext(bg, "PRAGMA busy_timeout = 100"); err != nil {
		return false, storage(err)
	}
	defer func() {
		_, e := r.conn.ExecContext(bg, fmt.Sprintf("PRAGMA busy_timeout = %d", r.opts.BusyTimeout.Milliseconds()))
		err = errors.Join(err, storage(e))
	}()
	if r.opts.Cipher == nil { // the whole file is copied, and a phone may not have the memory
		if err := r.temporary(bg, "FILE"); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, r.temporary(bg, "MEMORY")) }()
	}
	var lite sqlite3.Error
	if _, err := r.conn.ExecContext(bg, "VACUUM"); errors.As(err, &lite) && (lite.Code == sqlite3.ErrBusy || lite.Code == sqlite3.ErrLocked) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("write the replica anew: %w", storage(err))
	}
	var busy, frames, moved int
	if err := r.conn.QueryRowContext(bg, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return false, fmt.Errorf("empty the write-ahead log: %w", storage(err))
	}
	if busy != 0 {
		return false, nil
	}
	return true, r.dropAside()
}

// dropAside deletes the copies that were set aside before the replica went over to a newer epoch: they hold what ended.
func (r *Replica) dropAside() error {
	entries, err := os.ReadDir(filepath.Dir(r.path))
	if err != nil {
		return say(CodeDisk, err)
	}
	gone := false
	for _, e := range entries {
		base := filepath.Base(r.path)
		if !strings.HasPrefix(e.Name(), base+".epoch") && !strings.HasPrefix(e.Name(), base+".rekey") && !strings.HasPrefix(e.Name(), base+damaged) {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(r.path), e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return say(CodeDisk, err)
		}
		gone = true
	}
	if !gone {
		return nil
	}
	return durable.SyncFolder(filepath.Dir(r.path))
}

// Purge erases what filed changesets and messages say about rows that are not kept.
func (p *port) Purge(keep func(table string, row se.RowID) (bool, error)) error {
	if err := p.purgeChangesets(keep); err != nil {
		return err
	}
	if err := p.purgeRepaired(keep); err != nil {
		return err
	}
	if err := p.purgeLost(); err != nil {
		return err
	}
	type about struct {
		number int64
		key    replica.RowKey
	}
	rows, err := p.conn.QueryContext(p.ctx, `SELECT number, tbl, row FROM ds_inbox`)
	if err != nil {
		return err
	}
	list, err := collect(rows, func() (x about, err error) { err = rows.Scan(&x.number, &x.key.Table, &x.key.Row); return x, err })
	if err != nil {
		return err
	}
	for _, x := range list {
		if held, err := keep(x.key.Table, x.key.Row); err != nil || held {
			if err != nil {
				return err
			}
			continue
		}
		if err := p.exec(`UPDATE ds_inbox SET author = '', cell = '', reason = '' WHERE number = ?`, x.number); err != nil {
			return err
		}
	}
	return nil
}

// purgeLost forgets what a restored centre's snapshot lacked of scopes that the person does not have any more.
func (p *port) purgeLost() error {
	ctl, err := p.Control()
	if err != nil {
		return err
	}
	scopes := []string{}
	for _, g := range ctl.Grants {
		scopes = append(scopes, g.Scope)
	}
	return p.exec(`DELETE FROM ds_lost WHERE scope NOT IN (SELECT value FROM json_each(?))`, asJSON(scopes))
}

// purgeChangesets goes through the journal and the quarantine; a stub of each changeset stays.
func (p *port) purgeChangesets(keep func(table string, row se.RowID) (bool, error)) error {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT n, coalesce(j.body, q.body), tbl, row, current IS NOT NULL FROM ds_journal j LEFT JOIN ds_quarantine q USING (n)
		WHERE length(coalesce(j.body, q.body)) > 0 OR current IS NOT NULL ORDER BY n`)
	if err != nil {
		return err
	}
	type filed struct {
		n      int64
		body   []byte
		about  replica.RowKey
		valued bool
	}
	list, err := collect(rows, func() (x filed, err error) {
		var table, row *string
		if err = rows.Scan(&x.n, &x.body, &table, &row, &x.valued); err == nil && table != nil && row != nil {
			x.about = replica.RowKey{Table: *table, Row: se.RowID(*row)}
		}
		return x, err
	})
	if err != nil {
		return err
	}
	for _, x := range list {
		held := true
		if x.valued {
			if held, err = keep(x.about.Table, x.about.Row); err != nil {
				return err
			}
		}
		if len(x.body) > 0 {
			cs, err := decodeChangeset(x.body)
			if err != nil {
				return fmt.Errorf("changeset %d: %w", x.n, err)
			}
			for i := 0; i < len(cs.Changes) && held; i++ {
				if held, err = keep(cs.Changes[i].Table, cs.Changes[i].Row); err != nil {
					return err
				}
			}
		}
		if held {
			continue
		}
		for _, q := range []string{
			`UPDATE ds_journal SET body = CASE WHEN body IS NULL THEN NULL ELSE x'' END, current = NULL WHERE n = ?`,
			`UPDATE ds_quarantine SET body = x'' WHERE n = ?`,
			`UPDATE ds_conflict_ref SET cell = '' WHERE n = ?`,
		} {
			if err := p.exec(q, x.n); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume goes on, when a program opens the file, with what another one left: a purge that was cut off, files that are to
// go, and a lease that has been running meanwhile.
func (r *Replica) resume(ctx context.Context) error {
	c, err := r.control(ctx)
	if err != nil {
		return err
	}
	if c.Leaving.State == replica.LeavingGone {
		return r.destroy()
	}
	if c.Leaving.State == replica.LeavingDrain {
		if _, err := r.purge(ctx); err != nil {
			r.opts.Log.Warn().Err(err).Msg("cannot purge yet")
		}
	}
	return r.noteLease(ctx)
}

// wiped deletes the files once the centre has the receipt of a device that was to be erased: it says so by closing.
func (r *Replica) wiped(ctx context.Context, why error) error {
	if CodeOf(why) != CodeRevoked {
		return why
	}
	c, err := r.control(ctx)
	if err != nil || !c.Leaving.Wipe || c.Leaving.State != replica.LeavingPurged {
		return why
	}
	err = r.update(ctx, func(p *port) error {
		c, err := p.Control()
		if err != nil {
			return err
		}
		c.Leaving.State = replica.LeavingGone
		return p.PutControl(c)
	})
	if err != nil {
		return errors.Join(why, err)
	}
	return r.destroy()
}

// globbed makes a path one that a pattern matches literally.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// destroy deletes the replica's files and its key, and what was ever set aside of it. The key goes first: it is what the
// device was.
func (r *Replica) destroy() error {
	path := r.path
	if err := r.Close(); err != nil {
		return fmt.Errorf("close the replica: %w", storage(err))
	}
	if info, err := os.Stat(KeyPath(path)); err == nil {
		_ = os.WriteFile(KeyPath(path), make([]byte, info.Size()), 0o600) // deleting it is what counts
	}
	failed := errors.Join(r.ForgetKeys(), overwrite(CipherPath(path)), overwrite(nextCipher(path)))
	names := []string{KeyPath(path), nextKeyPath(path), path + "-wal", path + "-shm", path}
	for _, aside := range []string{".epoch", ".damaged", ".rekey", replaced} { // what a restore, a recovery or another key set aside
		list, err := filepath.Glob(globbed(path) + aside + "*")
		failed, names = errors.Join(failed, err), append(names, list...)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return fmt.Errorf("delete the replica: %w", failed)
	}
	return say(CodeErased, nil)
}
