package directory

import (
	"context"
	"database/sql"
)

// Reached records how far a device's replica came on a connection that has ended. A connection whose end was noticed
// late takes nothing back.
// Those that end at once are written together.
func (d *Directory) Reached(ctx context.Context, id string, epoch, seq int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.reached.Do(reached{id, epoch, seq})
}

type reached struct {
	device     string
	epoch, seq int64
}

func (d *Directory) noteReached(list []reached) error {
	ctx := context.Background() // it is everybody's
	return d.db.WithNotes(ctx, func(tx *sql.Tx) error {
		for _, r := range list {
			if _, err := tx.ExecContext(ctx, `UPDATE device SET reached_epoch = $1, reached = $2 WHERE county = $3 AND id = $4
				AND (reached_epoch < $1 OR reached_epoch = $1 AND reached < $2)`, r.epoch, r.seq, d.county, r.device); err != nil {
				return err
			}
		}
		return nil
	})
}

// Checked records that a device's check of its replica has ended, and how many rows it put right.
func (d *Directory) Checked(ctx context.Context, id string, repaired int64) error {
	return d.db.WithNotes(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE device SET checked = $1, repaired = repaired + $2 WHERE county = $3 AND id = $4`, d.millis(), repaired, d.county, id)
		return err
	})
}

// Checkups counts the phones in use that were heard of since a moment: those whose last check ended before another, or
// that told of none, and those whose checks found something lately.
func (d *Directory) Checkups(ctx context.Context, heard, checked int64) (overdue, repaired int64, err error) {
	err = d.db.Reader().QueryRowContext(ctx, `SELECT coalesce(sum(checked < $1 AND enrolled_at < $1), 0), coalesce(sum(repaired > 0), 0) FROM device
		WHERE county = $2 AND console = 0 AND revoked_at IS NULL AND last_contact >= $3`, checked, d.county, heard).Scan(&overdue, &repaired)
	return overdue, repaired, err
}
