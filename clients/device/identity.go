package device

import (
	"context"
	"fmt"

	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/schema"
)

// Identity says which device a replica is, and for whom.
type Identity struct {
	Device  string // UUID, given by the centre
	Account string // id of the account it was enrolled for
	Centre  string // where the centre is, such as https://centre.example
}

// Identity gives it; its fields are empty before Identify.
func (r *Replica) Identity(ctx context.Context) (id Identity, err error) {
	err = r.read.QueryRowContext(ctx, `SELECT coalesce(c.device, ''), s.account, s.centre FROM ds_control c JOIN ds_state s ON s.k = c.k`).
		Scan(&id.Device, &id.Account, &id.Centre)
	return id, storage(err)
}

// Identify tells a new replica which device it is. A replica never becomes another device: its changesets are
// numbered and chained under one name. Saying the same again may move it to another address of the centre.
func (r *Replica) Identify(ctx context.Context, id Identity) error { return r.identify(ctx, id, nil) }

// identify is Identify, and keeps whom to trust in the same transaction unless it is nil.
func (r *Replica) identify(ctx context.Context, id Identity, kept *trust.Trust) error {
	if !schema.IsUUID(id.Device) || id.Account == "" {
		return fmt.Errorf("device: an identity needs a device id (a UUID) and an account")
	}
	return r.update(ctx, func(p *port) error {
		ctl, err := p.Control()
		if err != nil {
			return err
		}
		if ctl.Device != "" && (ctl.Device != id.Device || ctl.Account != id.Account) {
			return say(CodeEnrolled, nil)
		}
		ctl.Device, ctl.Account, ctl.Schema = id.Device, id.Account, r.schema.Version
		if err := p.PutControl(ctl); err != nil {
			return err
		}
		if kept != nil {
			if err := p.putTrust(*kept); err != nil {
				return err
			}
		}
		return p.exec(`UPDATE ds_state SET centre = ?`, id.Centre)
	})
}
