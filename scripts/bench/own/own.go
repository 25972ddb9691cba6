// Package own is the measured record as the product keeps it: a visit, with the scope and the envelope that every record has,
// under an id that devices make.
package own

import (
	"encoding/binary"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Table is the record type's name.
const Table = "visit"

// Row is a record's id here: a UUIDv7 of the time it was entered at, as devices make them. What is random in it is the
// record's own.
func Row(r *record.Record) uuid.UUID {
	u := r.ID
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(r.Updated))
	copy(u[:6], at[2:])
	u[6] = u[6]&0x0f | 0x70
	return u
}

// Columns are the names of what people write in a record, in the order of Values.
var Columns = []string{"household_id", "visitors", "purposes", "started_at", "ended_at", "outcome", "persons_met", "opinions", "lat", "lon", "accuracy_m"}

// Values are what people write in a record about a household, as columns hold it: the same bytes in as many columns as the
// record has.
func Values(r *record.Record, household string) []any {
	return []any{household, set(r.Worker.String()), set(r.Kind), r.Visited, r.Updated, r.State, set(r.Door), r.Note,
		float64(r.Minutes), float64(r.People), float64(r.Risk)}
}

// set is a set with one element, as columns hold it.
func set(element string) string {
	b, err := json.Marshal([]string{element})
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(b)
}

// Insert is the change that enters a record about a household in a unit.
func Insert(s *schema.Schema, r *record.Record, scope, household string) (c se.Change, err error) {
	values := map[string]any{schema.ColScope: scope}
	for i, v := range Values(r, household) {
		values[Columns[i]] = v
	}
	return insert(s.Table(Table), Row(r).String(), values)
}

// insert is the change that enters a row with these values by column.
func insert(t *schema.Table, id string, values map[string]any) (c se.Change, err error) {
	c = se.Change{Table: t.Name, Row: se.RowID(id), Op: se.OpInsert}
	for _, cell := range t.Cells {
		w, any := se.CellWrite{Cell: cell.Name}, false
		for _, col := range cell.Columns {
			x, err := schema.FromAny(values[col.Name])
			if err != nil {
				return c, err
			}
			any = any || !x.IsNull()
			w.Values = append(w.Values, x)
		}
		if any {
			c.Cells = append(c.Cells, w)
		}
	}
	return c, nil
}

// Homes are the changes that enter a building with these households in a unit, each behind a door of its own.
func Homes(s *schema.Schema, scope, building string, households []string) (list []se.Change, err error) {
	add := func(table, id string, values map[string]any) {
		if err == nil {
			var c se.Change
			values[schema.ColScope] = scope
			c, err = insert(s.Table(table), id, values)
			list = append(list, c)
		}
	}
	add("building", building, map[string]any{"no": "1"})
	for i, h := range households {
		d := Dwelling(h)
		add("dwelling", d, map[string]any{"building_id": building, "room_no": Room(i)})
		add("household", h, map[string]any{"dwelling_id": d})
	}
	return list, err
}

// Room is the number of the i-th door.
func Room(i int) string {
	return string(rune('A'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
}

// Dwelling is the id of the door of a household.
func Dwelling(household string) string {
	u := uuid.MustParse(household)
	u[15] ^= 0xff
	return u.String()
}

// Households lists the households that records are about, each once.
func Households(list []record.Record) (out []string) {
	seen := map[uuid.UUID]bool{}
	for i := range list {
		if h := list[i].Home; !seen[h] {
			seen[h] = true
			out = append(out, h.String())
		}
	}
	return out
}
