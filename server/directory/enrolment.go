package directory

import (
	"bytes"
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// PutCode stores the hash of an enrolment code for an account and tells when it expires. Codes that expired more
// than a day ago are forgotten on the way.
func (d *Directory) PutCode(ctx context.Context, hash []byte, account, by string, life time.Duration) (expires int64, err error) {
	err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
		a, err := d.account(ctx, tx, account)
		if err != nil {
			return err
		}
		if a.DisabledAt != 0 {
			return messages.Refuse(messages.AccountEnded)
		}
		now := d.millis()
		expires = now + life.Milliseconds()
		if _, err := tx.ExecContext(ctx, `DELETE FROM enrolment_code WHERE county = $1 AND expires_at < $2 AND used_at IS NULL`,
			d.county, now-24*time.Hour.Milliseconds()); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO enrolment_code (county, hash, account, created_by, created_at, expires_at)
			VALUES ($1, $2, $3, nullif($4, ''), $5, $6)`, d.county, hash, account, by, now, expires)
		return errors.Join(err, d.note(ctx, tx, auditCode, facts{"account": account}))
	})
	if err != nil {
		return 0, fmt.Errorf("store enrolment code: %w", err)
	}
	return expires, nil
}

// Enrol uses a code, by its hash, and makes the device, in one transaction: of any number of parallel keys one
// succeeds, the others are refused. The same key with the same code gets the same device again until the code expires,
// so that an answer that was lost can be asked for once more. label and app are checked here.
func (d *Directory) Enrol(ctx context.Context, hash, publicKey []byte, label, app string) (Device, error) {
	return d.EnrolAgain(ctx, hash, publicKey, label, app, Before{})
}

// Before is what a replica was that is enrolled once more: its key is lost, or the centre does not know the device.
type Before struct {
	Device  string // "" = nothing: it is new
	Account string // it belongs to this person, and a code for another one is refused and stays unused
}

// EnrolAgain is Enrol of a replica that was another device before.
func (d *Directory) EnrolAgain(ctx context.Context, hash, publicKey []byte, label, app string, before Before) (Device, error) {
	label, err := cleanText("label", label, maxLabel)
	if err != nil {
		return Device{}, err
	}
	if !validText(app, maxLabel) {
		return Device{}, messages.Refuse(messages.BadText, "app", maxLabel)
	}
	var v Device
	err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
		account, device, err := d.codeFor(ctx, tx, hash)
		if err != nil {
			return err
		}
		if before.Device != "" && before.Account != account {
			return messages.Refuse(messages.CodeOther, before.Account)
		}
		if before.Device != "" {
			if was, err := d.device(ctx, tx, before.Device); err == nil && was.Account != account {
				return messages.Refuse(messages.CodeOther, before.Account)
			} else if err != nil && !messages.Is(err, messages.NoDevice) {
				return err
			}
		}
		if device != "" {
			v, err = d.enrolledBefore(ctx, tx, device, publicKey)
			return err
		}
		v = Device{Account: account, Label: label, PublicKey: publicKey, App: app, Parent: before.Device}
		if err := d.insertDevice(ctx, tx, &v); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE enrolment_code SET used_at = $1, device = $2 WHERE county = $3 AND hash = $4 AND used_at IS NULL`,
			d.millis(), v.ID, d.county, hash)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(messages.Refuse(messages.CodeWrong), err)
		}
		return nil
	})
	if err != nil {
		return Device{}, fmt.Errorf("enrol: %w", err)
	}
	return v, nil
}

// enrolledBefore gives the device that a used code made, if it has this key and is not revoked.
func (d *Directory) enrolledBefore(ctx context.Context, tx *sql.Tx, id string, publicKey []byte) (Device, error) {
	v, err := d.device(ctx, tx, id)
	switch {
	case messages.Is(err, messages.NoDevice):
		return Device{}, messages.Refuse(messages.CodeWrong).Because(err)
	case err != nil:
		return Device{}, err
	case v.RevokedAt != 0 || !bytes.Equal(v.PublicKey, publicKey):
		return Device{}, messages.Refuse(messages.CodeWrong)
	}
	return v, nil
}

// codeFor gives the account of a code that has not expired, and the device that was made with it, "" if it is unused.
func (d *Directory) codeFor(ctx context.Context, tx *sql.Tx, hash []byte) (account, device string, err error) {
	var stored []byte
	var expires, used, disabled int64
	err = tx.QueryRowContext(ctx, `SELECT c.hash, c.account, c.expires_at, coalesce(c.used_at, 0), coalesce(c.device, ''), coalesce(a.disabled_at, 0)
		FROM enrolment_code c JOIN account a ON a.county = c.county AND a.id = c.account
		WHERE c.county = $1 AND c.hash = $2`, d.county, hash).Scan(&stored, &account, &expires, &used, &device, &disabled)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", messages.Refuse(messages.CodeWrong)
	}
	if err != nil {
		return "", "", err
	}
	if subtle.ConstantTimeCompare(stored, hash) != 1 || (used != 0) != (device != "") || disabled != 0 || expires <= d.millis() {
		return "", "", messages.Refuse(messages.CodeWrong)
	}
	return account, device, nil
}
