package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
	ErasedAt    int64 // when it was asked to leave nothing of itself; 0 = it was not
	PurgedAt    int64 // when it said that nothing is left on it; 0 = it has not
	LastContact int64 // 0 = never
	Offset      int64 // the device's clock minus the centre's at that contact, ms
	App         string
	Schema      int    // version of its replica; 0 = not told yet
	Waiting     int64  // changesets without a verdict, as it said at that contact; 0 once it sent them all
	Oldest      int64  // when the oldest of them was sealed, by its own clock, ms; 0 = none
	FreeBytes   int64  // on the disk of its replica; 0 = not told
	Snapshots   int64  // how often it was told to take everything anew
	Epoch       int64  // and Reached: where its replica stood when it was last heard, by its own word; 0 = at nothing
	Reached     int64  // seq of that epoch
	Checked     int64  // when its last check of the replica ended; 0 = it told of none
	Repaired    int64  // rows that its checks of the last 30 days put right, as it said
	Parent      string // device that its replica was before: it was copied, or enrolled again; "" = none
}

const deviceColumns = `id, account, coalesce(label, ''), public_key, console, enrolled_at, coalesce(revoked_at, 0),
	coalesce(last_contact, 0), coalesce(last_offset_ms, 0), coalesce(app, ''), coalesce(schema, 0),
	coalesce(waiting, 0), coalesce(oldest, 0), coalesce(free_bytes, 0), coalesce(snapshots, 0), coalesce(erased_at, 0), parent,
	reached_epoch, reached, checked, repaired,
	coalesce((SELECT t.retired FROM device_told t WHERE t.county = device.county AND t.device = device.id), 0)`

func scanDevice(r interface{ Scan(...any) error }) (v Device, err error) {
	err = r.Scan(&v.ID, &v.Account, &v.Label, &v.PublicKey, &v.Console, &v.EnrolledAt, &v.RevokedAt, &v.LastContact, &v.Offset, &v.App, &v.Schema,
		&v.Waiting, &v.Oldest, &v.FreeBytes, &v.Snapshots, &v.ErasedAt, &v.Parent,
		&v.Epoch, &v.Reached, &v.Checked, &v.Repaired, &v.PurgedAt)
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
	_, err = q.ExecContext(ctx, `INSERT INTO device (county, id, account, label, public_key, console, enrolled_at, app, parent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, d.county, v.ID, v.Account, v.Label, v.PublicKey, v.Console, v.EnrolledAt, v.App, v.Parent)
	if err != nil {
		return fmt.Errorf("insert device: %w", err)
	}
	what := facts{"device": v.ID, "account": v.Account, "console": v.Console}
	if v.Parent != "" {
		what["parent"] = v.Parent
	}
	return d.note(ctx, q, auditDevice, what)
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

// EraseDevice revokes a device, if it is not yet, and asks it to leave nothing of itself: it hands over what it has not
// sent, and then its records, its file and its key go. One that was revoked and has purged hears it at its next contact too.
func (d *Directory) EraseDevice(ctx context.Context, id string) (Device, error) {
	var v Device
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if v, err = d.device(ctx, tx, id); err != nil {
			return err
		}
		if v.ErasedAt != 0 || v.Console {
			return messages.Refuse(messages.DeviceOver)
		}
		now := d.millis()
		v.ErasedAt = now
		if v.RevokedAt == 0 {
			v.RevokedAt = now
		}
		_, err = tx.ExecContext(ctx, `UPDATE device SET revoked_at = $1, erased_at = $2 WHERE county = $3 AND id = $4`, v.RevokedAt, now, d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditRevoked, facts{"device": id, "account": v.Account, "erase": true}))
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

// Heard is what a device says of itself at a contact.
type Heard struct {
	Offset    int64 // its clock minus the centre's, ms
	App       string
	Schema    int
	Waiting   int64
	Oldest    int64
	FreeBytes int64
	Epoch     int64 // and Reached: where its replica stands
	Reached   int64
	Checked   int64 // how long ago its last check ended, ms; 0 = there was none
	Repaired  int64 // rows that its checks put right lately
}

// Contact is Hear for a device that says no more than its clock, app and schema version.
func (d *Directory) Contact(ctx context.Context, id string, offset int64, app string, schema int) error {
	return d.Hear(ctx, id, Heard{Offset: offset, App: app, Schema: schema})
}

// Hear records that a device was heard, and what it said of itself. Those who come at once are written together.
func (d *Directory) Hear(ctx context.Context, id string, r Heard) error {
	if !validText(r.App, maxLabel) {
		r.App = ""
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.heard.Do(contact{id, d.millis(), r})
}

// contact is one of those that are written together.
type contact struct {
	device string
	at     int64
	Heard
}

// maxHeard bounds the contacts of one transaction.
const maxHeard = 256

func (d *Directory) noteHeard(list []contact) error {
	ctx := context.Background() // it is everybody's
	return d.db.WithNotes(ctx, func(tx *sql.Tx) error {
		for _, c := range list {
			checked := int64(0)
			if c.Checked > 0 {
				checked = max(c.at-c.Checked, 1) // a device that says it was before 1970 says nothing
			}
			if _, err := tx.ExecContext(ctx, `UPDATE device SET last_contact = $1, last_offset_ms = $2, app = $3, schema = $4, waiting = $5, oldest = $6, free_bytes = $7,
				reached_epoch = $8, reached = $9, checked = $10, repaired = $11 WHERE county = $12 AND id = $13`,
				c.at, c.Offset, c.App, c.Schema, c.Waiting, c.Oldest, c.FreeBytes, c.Epoch, c.Reached, checked, c.Repaired, d.county, c.device); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sent records that the centre has everything that these devices said at their contacts they had not sent. Those who end at
// once are written together.
func (d *Directory) Sent(ctx context.Context, devices ...string) error {
	if err := ctx.Err(); err != nil || len(devices) == 0 {
		return err
	}
	return d.sent.Do(devices)
}

func (d *Directory) noteSent(lists [][]string) error {
	ctx := context.Background() // it is everybody's
	return d.db.WithNotes(ctx, func(tx *sql.Tx) error {
		for _, id := range slices.Concat(lists...) {
			if _, err := tx.ExecContext(ctx, `UPDATE device SET waiting = 0, oldest = 0 WHERE county = $1 AND id = $2`, d.county, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Resnapshot tells a device to take everything anew: at its next contact its view is another one. What it has not sent
// yet stays on it and is sent.
func (d *Directory) Resnapshot(ctx context.Context, id string) (Device, error) {
	var v Device
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if v, err = d.device(ctx, tx, id); err != nil {
			return err
		}
		if v.RevokedAt != 0 {
			return messages.Refuse(messages.DeviceOver)
		}
		v.Snapshots++
		_, err = tx.ExecContext(ctx, `UPDATE device SET snapshots = $1 WHERE county = $2 AND id = $3`, v.Snapshots, d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditSnapshot, facts{"device": id, "account": v.Account}))
	})
	return v, err
}
