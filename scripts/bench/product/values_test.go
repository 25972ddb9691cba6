package product

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// visit is the measured record as a visit (scripts/bench/own) in a scope.
func visit(r *record.Record, scope string, home se.RowID) map[string]any {
	row := map[string]any{"scope": scope}
	for i, v := range own.Values(r, string(home)) {
		row[own.Columns[i]] = v
	}
	return row
}

// hazard is the measured record as a hazard, which people edit later: a visit is written once.
func hazard(r *record.Record, scope string) map[string]any {
	return map[string]any{
		"scope": scope, "kind_code": r.Kind, "status": r.State, "location": r.Door, "description": r.Note, "photos": []string{r.Home.String()},
		"ordered_fix": r.Worker.String(), "found_at": r.Visited, "rechecked_at": r.Updated,
		"lat": float64(r.Minutes), "lon": float64(r.People), "accuracy_m": float64(r.Risk),
	}
}

// visits writes records as visits, so many in a transaction, and gives their ids.
func (c *county) visits(p *phone, list []record.Record, together int) (ids []se.RowID) {
	c.t.Helper()
	homes := c.homes[p.grid]
	for len(list) > 0 {
		n := min(together, len(list))
		p.write(func(tx *device.Tx) error {
			for i := range list[:n] {
				id, err := tx.Insert("visit", visit(&list[i], crowd.Grid(p.grid), homes[len(ids)%len(homes)]))
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return nil
		})
		list = list[n:]
	}
	return ids
}

// Every field of the record is in the rows that are measured, or fewer bytes would be.
func TestRowsHoldTheRecord(t *testing.T) {
	r := record.Generate(1, 1)[0]
	for _, row := range []map[string]any{visit(&r, "x", se.RowID(r.Home.String())), hazard(&r, "x")} {
		require.Len(t, row, len(record.Columns))
		text := fmt.Sprint(row)
		for _, v := range []any{r.Home, r.Worker, r.Kind, r.State, r.Door, r.Visited, r.Updated, r.Note, r.Minutes, r.People, r.Risk} {
			require.Contains(t, text, fmt.Sprint(v))
		}
	}
}
