package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/doorstep-sync/doorstep/internal/durable"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Body gives a filed changeset, nil if it is no longer here.
func (p *port) Body(n int64) (*se.Changeset, error) {
	var hash, body []byte
	ok, err := p.one(`SELECT j.hash, coalesce(j.body, q.body) FROM ds_journal j LEFT JOIN ds_quarantine q ON q.n = j.n WHERE j.n = ?`,
		[]any{n}, &hash, &body)
	if err != nil || !ok || len(body) == 0 { // what was purged is a hole
		return nil, err
	}
	return sound(n, hash, body)
}

// HashOf gives the hash of a changeset that was ever sealed here.
func (p *port) HashOf(n int64) (h se.Hash, err error) {
	var hash []byte
	_, err = p.one(`SELECT hash FROM ds_outbox WHERE n = ?1 UNION ALL SELECT hash FROM ds_journal WHERE n = ?1 LIMIT 1`, []any{n}, &hash)
	copy(h[:], hash)
	return h, err
}

// Offer puts a changeset into the outbox in place of what is known under its number.
func (p *port) Offer(cs *se.Changeset) error {
	for _, table := range []string{"ds_outbox", "ds_journal", "ds_quarantine", "ds_conflict_ref", "ds_touched"} {
		if err := p.exec(`DELETE FROM `+table+` WHERE n = ?`, cs.N); err != nil {
			return err
		}
	}
	return p.PutOutbox(cs)
}

// Lost lists rows that a snapshot of a new epoch lacked.
func (p *port) Lost() ([]replica.LostRow, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT tbl, row, scope, image FROM ds_lost ORDER BY tbl, row`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (l replica.LostRow, err error) {
		var image []byte
		if err := rows.Scan(&l.Table, &l.Row, &l.Scope, &image); err != nil {
			return l, err
		}
		if t := p.schema.Table(l.Table); t != nil {
			l.Image, err = decodeImage(t, image)
		}
		return l, err
	})
}

// PutLost keeps such a row.
func (p *port) PutLost(l replica.LostRow) error {
	t := p.schema.Table(l.Table)
	return p.exec(`INSERT OR REPLACE INTO ds_lost(tbl, row, scope, image) VALUES(?, ?, ?, ?)`, l.Table, string(l.Row), l.Scope, encodeImage(t, l.Image))
}

// DropLost forgets it.
func (p *port) DropLost(k replica.RowKey) error {
	return p.exec(`DELETE FROM ds_lost WHERE tbl = ? AND row = ?`, k.Table, string(k.Row))
}

// Aside is a copy of the replica that was set aside before a restored centre's snapshot was taken. It belongs to the
// replica: it is to be purged with the scopes whose rows it holds.
type Aside struct {
	Path  string
	Epoch int64 // that it is of
	Bytes int64
}

// Asides lists them, the oldest first.
func (r *Replica) Asides() ([]Aside, error) { return asides(r.path) }

func asides(path string) ([]Aside, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list what was set aside: %w", err)
	}
	var out []Aside
	for _, e := range list {
		text, ok := strings.CutPrefix(e.Name(), base+".epoch")
		epoch, err := strconv.ParseInt(text, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		out = append(out, Aside{filepath.Join(dir, e.Name()), epoch, info.Size()})
	}
	return out, nil
}

// DropAsides removes them: their rows are this replica's no longer.
func (r *Replica) DropAsides() error {
	list, err := r.Asides()
	for _, a := range list {
		err = errors.Join(err, os.Remove(a.Path))
	}
	return err
}

// setAside copies the replica beside itself before it goes over to a newer epoch, once for each epoch. The copy is on
// the disk, whole, before it has its name.
func (r *Replica) setAside(ctx context.Context, epoch int64) error {
	ctl, err := r.control(ctx)
	if err != nil || ctl.Epoch == 0 || epoch <= ctl.Epoch {
		return err
	}
	name := r.path + ".epoch" + strconv.FormatInt(ctl.Epoch, 10)
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return say(CodeDisk, err)
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // VACUUM INTO takes an empty file, and keeps its mode
	if err != nil {
		return say(CodeDisk, err)
	}
	defer f.Close()
	if err := r.vacuumInto(ctx, part); err != nil {
		return fmt.Errorf("set the replica aside: %w", storage(err))
	}
	if err := f.Sync(); err != nil {
		return say(CodeDisk, err)
	}
	if err := os.Rename(part, name); err != nil {
		return say(CodeDisk, err)
	}
	return durable.SyncFolder(filepath.Dir(name))
}

// vacuumInto copies the replica as it is between two transactions. Readers may not do it: they write nothing at all.
func (r *Replica) vacuumInto(ctx context.Context, path string) error {
	if err := r.takeTurn(ctx); err != nil {
		return err
	}
	defer r.giveTurn()
	_, err := r.conn.ExecContext(context.WithoutCancel(ctx), `VACUUM INTO ?`, path)
	return err
}
