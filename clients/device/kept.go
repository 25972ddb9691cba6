package device

import (
	"encoding/json"
	"errors"
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Kept gives what the centre shows of a row and these declarations do not know, in order of cell.
func (p *port) Kept(k replica.RowKey) ([]se.CellValue, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT cell, vals FROM ds_kept WHERE tbl = ? AND row = ? ORDER BY cell`, k.Table, string(k.Row))
	if err != nil {
		return nil, fmt.Errorf("read kept cells: %w", err)
	}
	return collect(rows, func() (c se.CellValue, err error) {
		var b []byte
		if err := rows.Scan(&c.Cell, &b); err != nil {
			return c, err
		}
		if c.Values, err = decodeValues(b); len(c.Values) == 0 {
			c.Values = nil
		}
		return c, err
	})
}

// PutKept replaces it.
func (p *port) PutKept(k replica.RowKey, cells []se.CellValue) error {
	if err := p.exec(`DELETE FROM ds_kept WHERE tbl = ? AND row = ?`, k.Table, string(k.Row)); err != nil {
		return err
	}
	for _, c := range cells {
		if err := p.exec(`INSERT INTO ds_kept(tbl, row, cell, vals) VALUES(?, ?, ?, ?)`, k.Table, string(k.Row), c.Cell, encodeValues(c.Values)); err != nil {
			return err
		}
	}
	return nil
}

// KeptRows lists the rows that something is kept of, in order of table and id.
func (p *port) KeptRows() ([]replica.RowKey, error) {
	rows, err := p.conn.QueryContext(p.ctx, `SELECT DISTINCT tbl, row FROM ds_kept ORDER BY tbl, row`)
	if err != nil {
		return nil, fmt.Errorf("list kept rows: %w", err)
	}
	return collect(rows, func() (k replica.RowKey, err error) { err = rows.Scan(&k.Table, &k.Row); return })
}

// readEvolution reads what the control row says about versions.
func readEvolution(unseen, minimum string, c *replica.Control) error {
	var m storedMinimum
	err := errors.Join(json.Unmarshal([]byte(unseen), &c.Unseen), json.Unmarshal([]byte(minimum), &m))
	if len(c.Unseen) == 0 {
		c.Unseen = nil
	}
	c.Minimum = se.Minimum(m)
	return err
}

type storedMinimum struct {
	Schema int    `json:"schema,omitempty"`
	App    string `json:"app,omitempty"`
	From   int64  `json:"from,omitempty"`
}

// tooOld refuses new work on a device that the centre only lets drain. An updated app is not held up by what the centre
// said to the one before.
func (r *Replica) tooOld(c *replica.Control) error {
	if c.Drain && c.Minimum.Below(r.schema.Version, r.opts.App) {
		return say(CodeUpdate, nil)
	}
	return nil
}

// putEvolution replaces it.
func (p *port) putEvolution(c *replica.Control) error {
	unseen := c.Unseen
	if unseen == nil {
		unseen = []string{}
	}
	return p.exec(`UPDATE ds_evolution SET keeps = ?, unseen = ?, minimum = ?, drain = ?`, c.Keeps, asJSON(unseen), asJSON(storedMinimum(c.Minimum)), c.Drain)
}
