package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Copies of one person's replicas in a day, above which something is wrong: a replica is copied by hand, or put back.
const (
	maxForks = 20
	forkSpan = 24 * 60 * 60 * 1000
)

// Fork makes a device of a copy of another one's replica, for the same person. The same key of the same parent gets the
// same device again, so that an answer that was lost can be asked for once more.
func (d *Directory) Fork(ctx context.Context, parent Device, publicKey []byte, app string) (Device, error) {
	if !validText(app, maxLabel) {
		return Device{}, messages.Refuse(messages.BadText, "app", maxLabel)
	}
	var v Device
	err := d.db.WithTx(ctx, func(tx *sql.Tx) error {
		had, err := scanDevice(tx.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device
			WHERE county = $1 AND account = $2 AND public_key = $3 ORDER BY id LIMIT 1`, d.county, parent.Account, publicKey))
		switch {
		case err == nil && had.Parent == parent.ID && had.RevokedAt == 0:
			v = had
			return nil
		case err == nil:
			return messages.Refuse(messages.ForkKeyTaken)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		var lately int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM device WHERE county = $1 AND account = $2 AND parent <> '' AND enrolled_at > $3`,
			d.county, parent.Account, d.millis()-forkSpan).Scan(&lately); err != nil {
			return err
		}
		if lately >= maxForks {
			return messages.Refuse(messages.SlowDown, forkSpan/maxForks/1000)
		}
		v = Device{Account: parent.Account, Label: parent.Label, PublicKey: publicKey, App: app, Parent: parent.ID}
		return d.insertDevice(ctx, tx, &v)
	})
	if err != nil {
		return Device{}, fmt.Errorf("fork: %w", err)
	}
	return v, nil
}
