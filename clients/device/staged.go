package device

import (
	"database/sql"
	"errors"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// staged sorts numbers and keys alone: with the items themselves, SQLite would hold a whole snapshot in memory. The order of
// what is sorted is that of the outer loop.
const staged = `WITH o(arrival) AS MATERIALIZED (SELECT arrival FROM ds_staged ORDER BY seq, kind, tbl, row, arrival LIMIT -1)
	SELECT s.scope, s.seq, s.kind, s.tbl, s.row, s.item FROM o CROSS JOIN ds_staged s ON s.arrival = o.arrival`

// Staged lists the items of staged frames in order of (seq, kind, table, row), a later frame after an earlier one.
func (p *port) Staged() (out []replica.StagedItem, err error) {
	err = p.EachStaged(func(it *replica.StagedItem) error {
		out = append(out, *it)
		return nil
	})
	return out, err
}

// EachStaged calls fn with them, one after the other.
func (p *port) EachStaged(fn func(*replica.StagedItem) error) (err error) {
	rows, err := p.conn.QueryContext(p.ctx, staged)
	if err != nil {
		return fmt.Errorf("read staged items: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for last := int64(0); rows.Next(); {
		it, err := stagedItem(rows)
		if err != nil {
			return fmt.Errorf("read staged items: %w", err)
		}
		if it.Seq < last {
			return errors.New("bug: SQLite gives staged items in another order than it was asked for")
		}
		last = it.Seq
		if err := fn(&it); err != nil {
			return err
		}
	}
	return rows.Err()
}

func stagedItem(rows *sql.Rows) (it replica.StagedItem, err error) {
	var b sql.RawBytes
	var kind int64
	if err := rows.Scan(&it.Scope, &it.Seq, &kind, &it.Table, &it.Row, &b); err != nil {
		return it, err
	}
	it.Kind = se.DeltaKind(kind)
	return it, decodeItem(b, &it.DeltaItem)
}

var _ replica.Tx = (*port)(nil)
