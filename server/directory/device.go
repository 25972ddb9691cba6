package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// maxLabel bounds a device's label and its app's name, in characters.
const maxLabel = 100

// Device is an enrolled phone, or a person's console.
type Device struct {
	ID          string // UUID; changesets name it
	Account     string
	Label       string // what people call it
	PublicKey   []byte // Ed25519, 32 bytes; nil for a console
	Console     bool
	EnrolledAt  int64
	RevokedAt   int64 // 0 = in use
	LastContact int64 // 0 = never
	Offset      int64 // the device's clock minus the centre's at that contact, ms
	App         string
	Schema      int // version of its replica; 0 = not told yet
}

const deviceColumns = `id, account, coalesce(label, ''), public_key, console, enrolled_at, coalesce(revoked_at, 0),
	coalesce(last_contact, 0), coalesce(last_offset_ms, 0), coalesce(app, ''), coalesce(schema, 0)`

func scanDevice(r interface{ Scan(...any) error }) (v Device, err error) {
	err = r.Scan(&v.ID, &v.Account, &v.Label, &v.PublicKey, &v.Console, &v.EnrolledAt, &v.RevokedAt, &v.LastContact, &v.Offset, &v.App, &v.Schema)
	return v, err
}

// Device gives a device by id, revoked ones included.
func (d *Directory) Device(ctx context.Context, id string) (Device, error) {
	return d.device(ctx, d.db.Reader(), id)
}

func (d *Directory) device(ctx context.Context, q querier, id string) (Device, error) {
	v, err := scanDevice(q.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device WHERE county = $1 AND id = $2`, d.county, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, messages.Refuse(messages.NoDevice)
	}
	if err != nil {
		return Device{}, fmt.Errorf("read device: %w", err)
	}
	return v, nil
}

// Devices lists devices of an account, or all for "", in order of id, at most limit after an id.
func (d *Directory) Devices(ctx context.Context, account, after string, limit int) ([]Device, error) {
	list, err := collect(ctx, d.db.Reader(), func(r *sql.Rows) (Device, error) { return scanDevice(r) }, `SELECT `+deviceColumns+` FROM device
		WHERE county = $1 AND ($2 = '' OR account = $2) AND id > $3 ORDER BY id LIMIT $4`, d.county, account, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

func (d *Directory) insertDevice(ctx context.Context, q querier, v *Device) (err error) {
	if v.ID, err = d.newID(); err != nil {
		return err
	}
	v.EnrolledAt = d.millis()
	_, err = q.ExecContext(ctx, `INSERT INTO device (county, id, account, label, public_key, console, enrolled_at, app)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, d.county, v.ID, v.Account, v.Label, v.PublicKey, v.Console, v.EnrolledAt, v.App)
	if err != nil {
		return fmt.Errorf("insert device: %w", err)
	}
	return d.note(ctx, q, auditDevice, facts{"device": v.ID, "account": v.Account, "console": v.Console})
}

// RevokeDevice ends a device: its tokens and changesets are refused from now on.
func (d *Directory) RevokeDevice(ctx context.Context, id string) (Device, error) {
	var v Device
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if v, err = d.device(ctx, tx, id); err != nil {
			return err
		}
		if v.RevokedAt != 0 {
			return messages.Refuse(messages.DeviceOver)
		}
		v.RevokedAt = d.millis()
		_, err = tx.ExecContext(ctx, `UPDATE device SET revoked_at = $1 WHERE county = $2 AND id = $3`, v.RevokedAt, d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditRevoked, facts{"device": id, "account": v.Account}))
	})
	return v, err
}

// ConsoleDevice gives the device that a person's decisions come from; it is made on first use.
func (d *Directory) ConsoleDevice(ctx context.Context, account string) (Device, error) {
	find := func(q querier) (Device, error) {
		return scanDevice(q.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device
			WHERE county = $1 AND account = $2 AND console = 1 AND revoked_at IS NULL ORDER BY id LIMIT 1`, d.county, account))
	}
	v, err := find(d.db.Reader())
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return v, err
	}
	err = d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if v, err = find(tx); err == nil || !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		v = Device{Account: account, Label: "console", Console: true}
		return d.insertDevice(ctx, tx, &v)
	})
	if err != nil {
		return Device{}, fmt.Errorf("make console device: %w", err)
	}
	return v, nil
}

// Contact records that a device was heard: its clock minus the centre's in ms, its app and the schema version it has.
func (d *Directory) Contact(ctx context.Context, id string, offset int64, app string, schema int) error {
	if !validText(app, maxLabel) {
		app = ""
	}
	return d.db.WithTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE device SET last_contact = $1, last_offset_ms = $2, app = $3, schema = $4 WHERE county = $5 AND id = $6`,
			d.millis(), offset, app, schema, d.county, id)
		return err
	})
}
