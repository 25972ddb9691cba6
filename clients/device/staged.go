package device

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Staged lists the items of staged frames in order of (seq, kind, table, row), a later frame after an earlier one.
func (p *port) Staged() ([]replica.StagedItem, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT scope, seq, kind, tbl, row, item FROM ds_staged ORDER BY seq, kind, tbl, row, arrival`)
	if err != nil {
		return nil, fmt.Errorf("read staged items: %w", err)
	}
	return collect(rows, func() (it replica.StagedItem, err error) {
		var b []byte
		var kind int64
		if err := rows.Scan(&it.Scope, &it.Seq, &kind, &it.Table, &it.Row, &b); err != nil {
			return it, err
		}
		it.Kind = se.DeltaKind(kind)
		return it, decodeItem(b, &it.DeltaItem)
	})
}

var _ replica.Tx = (*port)(nil)
