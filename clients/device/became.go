package device

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/internal/durable"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Became is what a replica became that was copied, put back to an older state, or enrolled again: a device of its own,
// which goes on from where it parts from the one it was. Nothing that it holds is lost by it.
type Became struct {
	Device string // that it is since
	Parent string // that it was before
	Fork   int64  // n up to which the changesets of both are the same
	At     int64  // ms by this device's clock
}

// nextKeyPath is where the key of the device that a copy is about to become lies until it is that device.
func nextKeyPath(replica string) string { return KeyPath(replica) + ".next" }

// becomes makes the replica, in one transaction, the device that the centre made of it; then the new key takes the old
// one's place. If that is cut off in between, the replica knows by the public key which of the two files is its own.
func (r *Replica) becomes(ctx context.Context, parent string, f *se.Forked, key ed25519.PrivateKey, more func(*port) error) error {
	clock := r.opts.Clock.Read()
	err := r.update(ctx, func(p *port) error {
		ctl, err := p.Control()
		if err != nil {
			return err
		}
		if ctl.Device == f.Device {
			return nil // another program of this replica was faster
		}
		if ctl.Device != parent {
			return fmt.Errorf("device: the replica became %s while it was to become %s", ctl.Device, f.Device)
		}
		if err := replica.Reidentify(p, r.schema, clock, f); err != nil {
			return err
		}
		if more != nil {
			if err := more(p); err != nil {
				return err
			}
		}
		return p.exec(`INSERT INTO ds_became(wall, device, parent, fork, public) VALUES(?, ?, ?, ?, ?)`,
			clock.Wall, f.Device, parent, f.Fork, []byte(key.Public().(ed25519.PublicKey)))
	})
	if err != nil {
		return err
	}
	return r.swapKey(ctx)
}

// swapKey gives the key of the device that the replica became its place, if it has not got it yet.
func (r *Replica) swapKey(ctx context.Context) error {
	next := nextKeyPath(r.path)
	if info, err := os.Stat(next); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	var public []byte
	err := r.read.QueryRowContext(ctx, `SELECT coalesce((SELECT public FROM ds_became ORDER BY k DESC LIMIT 1), x'')`).Scan(&public)
	if err != nil {
		return storage(err)
	}
	key, err := readKey(next)
	if err != nil || !key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(public)) {
		return err // it is for what the centre has not answered yet
	}
	if err := os.Rename(next, KeyPath(r.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return say(CodeKey, err)
	}
	return durable.SyncFolder(filepath.Dir(r.path))
}

// Forks lists what this replica became in the course of time, the newest first.
func (r *Replica) Forks(ctx context.Context) ([]Became, error) {
	list, err := readForks(ctx, r.read)
	return list, storage(err)
}

func readForks(ctx context.Context, q querier) ([]Became, error) {
	rows, err := q.QueryContext(ctx, `SELECT device, parent, fork, wall FROM ds_became ORDER BY k DESC`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (b Became, err error) { err = rows.Scan(&b.Device, &b.Parent, &b.Fork, &b.At); return })
}
