// Package workload is what the proofs write, and what must then be there: changesets that are a function of who wrote
// them and their n, so that a verifier needs nothing but the list of those that took effect.
//
// Each changeset inserts some hazards that share a token and whose latitudes sum to 0, inserts a wish that the same
// device deletes two changesets later, adds 1 to one shared counter, and writes one shared note. Half of a changeset
// shows as a sum that is not 0, a second application as a counter that is too high.
package workload

import (
	"fmt"
	"sort"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Scope is the grid everything lies in; Community is the unit above it.
const (
	Scope     = "370115003239001"
	Community = "370115003239"
)

// Other is a second grid of the community, in which nothing but a number of buildings is; in Empty there is nothing.
const (
	Other     = "370115003239002"
	Empty     = "370115003239003"
	Buildings = 60
)

// Desk is the device that writes the shared rows, as its first changeset; phones are 1, 2, 3 …
const Desk = 0

// Phone is the phone whose replica is under test where there is only one.
const Phone = 1

// Ids of the shared rows.
const (
	building  = "01900000-0000-7000-8000-0000000000b1"
	dwelling  = "01900000-0000-7000-8000-0000000000d1"
	Household = "01900000-0000-7000-8000-0000000000e1"
	Wish      = "01900000-0000-7000-8000-0000000000f1"
)

// Mark names a changeset.
type Mark struct {
	Who int
	N   int64
}

// Token is what the rows of a changeset share.
func (m Mark) Token() string { return fmt.Sprintf("t-%d-%d", m.Who, m.N) }

// Device is a device's id where the proof gives it out itself.
func Device(who int) string { return fmt.Sprintf("01900000-0000-7000-9000-%012x", who+1) }

// Account is the id of its person.
func Account(who int) string { return fmt.Sprintf("01900000-0000-7000-a000-%012x", who+1) }

// Row is a row to insert.
type Row struct {
	Table  string
	ID     se.RowID
	Values map[string]any
}

// Shared are the rows that everything else hangs on.
func Shared() []Row {
	return []Row{
		{"building", building, map[string]any{"no": "1"}},
		{"dwelling", dwelling, map[string]any{"building_id": building, "room_no": "101"}},
		{"household", Household, map[string]any{"dwelling_id": dwelling}},
		{"wish", Wish, map[string]any{"household_id": Household, "title": "shared"}},
	}
}

func (m Mark) rowID(i int) se.RowID {
	return se.RowID(fmt.Sprintf("0190%04x-0000-7%03x-8000-%012x", m.Who+1, i, m.N))
}

// temporary is the wish that changeset n inserts and n+2 deletes.
func (m Mark) temporary() se.RowID { return m.rowID(0xfff) }

// Gone is the wish that the changeset deletes; "" for none.
func (m Mark) Gone() se.RowID {
	before := Mark{m.Who, m.N - 2}
	if before.N < 1 || before.Who == Desk {
		return ""
	}
	return before.temporary()
}

// Rows are what the changeset inserts.
func (m Mark) Rows() []Row {
	var rows []Row
	k, sum := 2+int(m.N+int64(m.Who))%4, 0
	for i := range k {
		share := (int(m.N)*7+i*13)%40 - 19
		if i == k-1 {
			share = -sum
		}
		sum += share
		rows = append(rows, Row{"hazard", m.rowID(i), map[string]any{"kind_code": "stairs", "description": m.Token(), "lat": float64(share)}})
	}
	return append(rows, Row{"wish", m.temporary(), map[string]any{"household_id": Household, "title": m.Token()}})
}

// Changes is the changeset as changes, for the devices that have no replica.
func (m Mark) Changes(s *schema.Schema) []se.Change {
	if m.Who == Desk {
		return Inserts(s, Shared())
	}
	out := Inserts(s, m.Rows())
	if id := m.Gone(); id != "" {
		out = append(out, se.Change{Table: "wish", Row: id, Op: se.OpDelete})
	}
	return append(out,
		se.Change{Table: "wish", Row: Wish, Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "supporters", Add: schema.Int(1)}}},
		se.Change{Table: "household", Row: Household, Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "notes", Values: []schema.Value{schema.Text(m.Token())}}}})
}

// Inserts makes insert changes of rows: cells in the schema's order, those without a value left out.
func Inserts(s *schema.Schema, rows []Row) []se.Change {
	var out []se.Change
	for _, r := range rows {
		c := se.Change{Table: r.Table, Row: r.ID, Op: se.OpInsert}
		for _, cell := range s.Table(r.Table).Cells {
			w, given := se.CellWrite{Cell: cell.Name}, false
			for _, col := range cell.Columns {
				v, ok := r.Values[col.Name]
				if col.Name == schema.ColScope {
					v, ok = Scope, true
				}
				x, err := schema.FromAny(v)
				if err != nil {
					panic("bug: " + err.Error())
				}
				w.Values, given = append(w.Values, x), given || ok
			}
			if given {
				c.Cells = append(c.Cells, w)
			}
		}
		out = append(out, c)
	}
	return out
}

// State is what a database shows of the workload.
type State struct {
	hazards    map[string]hazard // by id
	wishes     map[string]bool   // by id
	supporters int64
	notes      string
}

type hazard struct {
	token string
	lat   float64
}

// expected is what must show when exactly these changesets took effect.
func expected(applied map[Mark]bool) State {
	s := State{hazards: map[string]hazard{}, wishes: map[string]bool{}}
	for m := range applied {
		if m.Who == Desk {
			s.wishes[Wish] = true
			continue
		}
		s.supporters++
		for _, r := range m.Rows() {
			switch {
			case r.Table == "hazard":
				s.hazards[string(r.ID)] = hazard{m.Token(), r.Values["lat"].(float64)}
			case !applied[Mark{m.Who, m.N + 2}]:
				s.wishes[string(r.ID)] = true
			}
		}
	}
	return s
}

// Faults are what is wrong, one sentence each.
type Faults struct {
	Lost  []string // acknowledged, and not there
	Torn  []string // there in part
	Other []string // everything else
}

// Ok tells whether nothing is wrong.
func (f *Faults) Ok() bool { return len(f.Lost)+len(f.Torn)+len(f.Other) == 0 }

// Count tells how many things are wrong.
func (f *Faults) Count() int { return len(f.Lost) + len(f.Torn) + len(f.Other) }

// Add joins what another check found.
func (f *Faults) Add(g Faults) {
	f.Lost, f.Torn, f.Other = append(f.Lost, g.Lost...), append(f.Torn, g.Torn...), append(f.Other, g.Other...)
}

// Otherwise notes a fault that is neither loss nor tear.
func (f *Faults) Otherwise(format string, args ...any) {
	f.Other = append(f.Other, fmt.Sprintf(format, args...))
}

func (f *Faults) String() string {
	text := fmt.Sprintf("%d lost, %d torn, %d other", len(f.Lost), len(f.Torn), len(f.Other))
	for _, list := range [][]string{f.Lost, f.Torn, f.Other} {
		for i, s := range list {
			if i == 5 {
				text += fmt.Sprintf("\n  … and %d more", len(list)-i)
				break
			}
			text += "\n  " + s
		}
	}
	return text
}

// Check compares what shows with what exactly these changesets make.
func (s State) Check(applied map[Mark]bool) (f Faults) {
	return s.against(expected(applied), func(m Mark) bool { return applied[m] })
}

func (s State) against(want State, applied func(Mark) bool) (f Faults) {
	tokens := map[string]*tally{}
	at := func(token string) *tally {
		if tokens[token] == nil {
			tokens[token] = &tally{}
		}
		return tokens[token]
	}
	for id, h := range want.hazards {
		at(h.token).want++
		if got, ok := s.hazards[id]; ok && got != h {
			f.Otherwise("the hazard %s of %s shows %v, not %v", id, h.token, got, h)
		}
	}
	for id, h := range s.hazards {
		t := at(h.token)
		t.have++
		t.sum += h.lat
		if _, ok := want.hazards[id]; !ok {
			t.alien++
		}
	}
	for _, token := range sorted(tokens) {
		switch t := tokens[token]; {
		case t.have == t.want && t.sum == 0 && t.alien == 0:
		case t.have == 0:
			f.Lost = append(f.Lost, fmt.Sprintf("%s took effect and none of its %d rows is there", token, t.want))
		case t.want == 0 && t.sum == 0:
			f.Otherwise("%s is there (%d rows) and nothing says that it took effect", token, t.have)
		default:
			f.Torn = append(f.Torn, fmt.Sprintf("%s has %d of %d rows, whose sum is %v", token, t.have, t.want, t.sum))
		}
	}
	for _, id := range sorted(want.wishes) {
		if !s.wishes[id] {
			f.Torn = append(f.Torn, fmt.Sprintf("the wish %s is not there, and the hazards of its changeset are", id))
		}
	}
	for _, id := range sorted(s.wishes) {
		if !want.wishes[id] {
			f.Torn = append(f.Torn, fmt.Sprintf("the wish %s is still there, and was deleted by a changeset that took effect, or never written", id))
		}
	}
	if s.supporters != want.supporters {
		f.Otherwise("the shared counter says %d after %d changesets that add 1", s.supporters, want.supporters)
	}
	if m, ok := parse(s.notes); s.notes != "" && (!ok || !applied(m)) || s.notes == "" && want.supporters > 0 {
		f.Otherwise("the shared note is %q, which no changeset that took effect has written", s.notes)
	}
	return f
}

type tally struct {
	want, have, alien int
	sum               float64
}

func parse(token string) (m Mark, ok bool) {
	n, err := fmt.Sscanf(token, "t-%d-%d", &m.Who, &m.N)
	return m, err == nil && n == 2
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
