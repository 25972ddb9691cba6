package device

import (
	"context"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Note is a message of the centre to this device: what became of work that a person wrote on it.
type Note struct {
	se.Message
	Told int64 // ms by this device's clock
}

// Inbox lists what the centre told this device, the newest first. Kinds that this program does not know are listed too.
// Of a note about a record that this device may not hold any more, Author, Conflict.Key.Cell and
// Reason are empty.
func (r *Replica) Inbox(ctx context.Context, limit int) ([]Note, error) {
	if err := r.unlocked(ctx); err != nil {
		return nil, err
	}
	rows, err := r.read.QueryContext(ctx, `SELECT i.number, i.kind, i.seq, i.id, i.about, i.tbl, i.row, i.cell, i.author, i.choice, i.wall,
		coalesce(s.n, 0), coalesce(s.reason, i.reason)
		FROM ds_inbox i LEFT JOIN ds_settled s ON i.about = ? AND i.id = 'changeset-' || s.n
		ORDER BY i.number DESC LIMIT ?`, string(se.AboutQuarantine), limit)
	if err != nil {
		return nil, storage(err)
	}
	list, err := collect(rows, func() (n Note, err error) {
		k := &n.Conflict.Key
		err = rows.Scan(&n.Number, &n.Kind, &n.Seq, &n.Conflict.ID, &k.Kind, &k.Table, &k.Row, &k.Cell, &n.Author, &n.Choice, &n.Told, &n.N, &n.Reason)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("read inbox: %w", storage(err))
	}
	return list, nil
}
