package syncengine

import "fmt"

// refuseWhole gives a changeset as a whole a refusal.
func (g *ingest) refuseWhole(kind VerdictKind, code Code) error {
	c := &Change{}
	if len(g.cs.Changes) > 0 {
		c = &g.cs.Changes[0]
	}
	return &refusal{kind, Reason{Code: code, Table: c.Table, Row: c.Row}}
}

// salvage parks rows that a replica held and a restored centre lacks: whether they come back is a supervisor's to say
// (P9). Where all of them are there by now, or are known to be dead, nothing waits and nothing is done; where the last one
// comes back later, it is judged again then and ends so.
func (g *ingest) salvage() error {
	for i := range g.cs.Changes {
		c := &g.cs.Changes[i]
		t := g.views.table(c.Table)
		switch {
		case t == nil:
			return reject(CodeUnknownTable, c, "", "")
		case c.Op != OpInsert:
			return reject(CodeBadRow, c, "", "op")
		}
		for j := range c.Cells {
			if t.Cell(c.Cells[j].Cell) == nil {
				return reject(CodeUnknownCell, c, c.Cells[j].Cell, "")
			}
		}
	}
	for i := range g.cs.Changes {
		c := &g.cs.Changes[i]
		row, err := g.tx.Peek(c.Table, c.Row)
		if err != nil {
			return fmt.Errorf("read row of %s: %w", c.Table, err)
		}
		dead, err := g.tx.Dead(c.Table, c.Row)
		if err != nil {
			return fmt.Errorf("read dead id of %s: %w", c.Table, err)
		}
		if row == nil && dead == nil {
			return park(CodeSalvage, c, "", "")
		}
		for j := range c.Cells {
			g.fate(i, c.Cells[j].Cell, FateConverged)
		}
	}
	return nil
}

// CompleteSalvage lets salvage that a release parked which did not let it wait for its rows be tried with the next commit:
// those may have come back since. It tells whether there was anything to do.
func CompleteSalvage(q *Quarantined) bool {
	r := q.Verdict.Reason
	if q.Closed || r == nil || r.Code != CodeSalvage || q.Awaits != "" || q.Present != nil || r.Row == "" {
		return false // Present: it was tried, and waits for something else
	}
	q.Awaits, q.Ready = r.Row, true
	return true
}
