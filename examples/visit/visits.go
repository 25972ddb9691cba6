package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// errNoDoor says that no household of this device lives there.
var errNoDoor = errors.New("no such door")

// write puts a visit down. Everything that tx does is one changeset: the centre takes it whole or not at all.
func write(ctx context.Context, r *device.Replica, at time.Time, door, note string) (id syncengine.RowID, err error) {
	household, scope, err := atDoor(ctx, r, door)
	if err != nil {
		return "", err
	}
	_, err = r.Write(ctx, func(tx *device.Tx) error {
		id, err = tx.Insert("visit", map[string]any{
			"scope": scope, "household_id": household, "outcome": "met", "started_at": at.UnixMilli(), "opinions": note,
		})
		return err
	})
	return id, err
}

// atDoor finds the household behind a room number. A replica is plain tables: any SELECT will do.
func atDoor(ctx context.Context, r *device.Replica, door string) (household, scope string, err error) {
	rows, err := r.Query(ctx, `SELECT h.id, h.scope FROM household h JOIN dwelling d ON d.id = h.dwelling_id WHERE d.room_no = ? ORDER BY h.id LIMIT 1`, door)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", "", errors.Join(fmt.Errorf("%w: %s", errNoDoor, door), rows.Err())
	}
	return household, scope, rows.Scan(&household, &scope)
}

// send brings the replica in step. No network is no error: what was written waits.
func send(ctx context.Context, r *device.Replica, to speaker) error {
	remote, err := r.Remote(ctx, nil, device.WebSocketOptions{})
	if err != nil {
		return err
	}
	report, err := r.Sync(ctx, remote)
	if device.CodeOf(err) == device.CodeOffline {
		to.say("offline")
		return nil
	}
	if err != nil {
		return err
	}
	to.say("synced", report.Sent, report.Rows)
	return nil
}

// tell says where the replica stands: the newest visits with their marks, what waits, and what the centre refused.
func tell(ctx context.Context, r *device.Replica, to speaker) error {
	visits, err := r.List(ctx, "visit", nil, 10)
	if err != nil {
		return err
	}
	for _, v := range visits {
		mark, err := r.Mark(ctx, "visit", v.ID)
		if err != nil {
			return err
		}
		to.say("visit", mark, time.UnixMilli(v.Values["started_at"].Int64()).Format("2006-01-02 15:04"), v.Values["opinions"])
	}
	status, err := r.Status(ctx)
	if err != nil {
		return err
	}
	to.say("waiting", status.Outbox)
	refused, err := r.Rejected(ctx, false)
	for _, x := range refused {
		to.say("refused", x.N, x.In(to.lang))
	}
	return err
}
