package api

import (
	"context"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Restorer tells of a restore and lets devices in again; server/centre is one.
type Restorer interface {
	Restored() (*syncengine.Restore, error)
	Confirm(by string) (bool, error)
}

// Restored is where the centre stands after a restore.
type Restored struct {
	Waiting bool       `json:"waiting" doc:"No device is served before an administrator has confirmed grants and revocations."`
	Epoch   int64      `json:"epoch,omitempty" doc:"That began."`
	Head    int64      `json:"head,omitempty" doc:"Seq at which it began: what came later was lost, and devices offer it again."`
	Cause   string     `json:"cause,omitempty" doc:"command: a backup was put in place; proof: a device holds what the centre lacks."`
	At      *time.Time `json:"at,omitempty"`
}

type restoredBody struct{ Body Restored }

func (a *API) restoreRoutes() {
	route(a, "restore-get", "GET", "/v1/restore", person, "Whether a restore waits to be confirmed", a.restored)
	route(a, "restore-confirm", "POST", "/v1/restore/confirm", person, "Confirm grants and revocations after a restore: devices are served again", a.confirmRestore)
}

func (a *API) restored(ctx context.Context, _ *struct{}) (*restoredBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	r, err := a.Restorer.Restored()
	if err != nil || r == nil {
		return &restoredBody{}, err
	}
	return &restoredBody{Restored{true, r.Epoch, r.Head, string(r.Cause), maybe(r.At)}}, nil
}

func (a *API) confirmRestore(ctx context.Context, _ *struct{}) (*restoredBody, error) {
	who, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	did, err := a.Restorer.Confirm(who.Account.ID)
	if did {
		a.Log.Warn().Str("by", who.Account.ID).Msg("grants and revocations confirmed after a restore; devices are served again")
	}
	return &restoredBody{}, err
}
