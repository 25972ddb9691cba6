package workload

import (
	"database/sql"
	"encoding/json"
)

// ReadPart gives what the record tables show of some changesets and of the shared rows. It costs what the list is long,
// however large the database is.
func ReadPart(q Querier, prefix string, marks []Mark) (State, error) {
	s := State{hazards: map[string]hazard{}, wishes: map[string]bool{}}
	ids := []string{}
	for _, m := range marks {
		for _, r := range m.Rows() {
			ids = append(ids, string(r.ID))
		}
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return s, err
	}
	some := " WHERE id IN (SELECT value FROM json_each(?))"
	if prefix != "" {
		some += " AND county = 1"
	}
	err = q.Each(func(r *sql.Rows) error {
		var id string
		var h hazard
		err := r.Scan(&id, &h.token, &h.lat)
		s.hazards[id] = h
		return err
	}, "SELECT id, description, lat FROM "+prefix+"hazard"+some, string(list))
	if err != nil {
		return s, err
	}
	err = q.Each(func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		s.wishes[id] = true
		return err
	}, "SELECT id FROM "+prefix+"wish"+some, string(list))
	if err != nil {
		return s, err
	}
	err = q.Each(func(r *sql.Rows) error { return r.Scan(&s.supporters) },
		"SELECT coalesce(supporters, 0) FROM "+prefix+"wish WHERE id = ?", Wish)
	if err != nil {
		return s, err
	}
	return s, q.Each(func(r *sql.Rows) error { return r.Scan(&s.notes) },
		"SELECT coalesce(notes, '') FROM "+prefix+"household WHERE id = ?", Household)
}

// CheckPart compares what ReadPart gave with what those changesets make that took effect; count is how many phones'
// changesets did in all.
func (s State) CheckPart(marks []Mark, applied func(Mark) bool, count int64) Faults {
	some := map[Mark]bool{}
	for _, m := range marks {
		for _, x := range []Mark{m, {m.Who, m.N + 2}} { // the one that deletes its wish
			if m.Who != Desk && applied(x) {
				some[x] = true
			}
		}
	}
	want := expected(some)
	listed := map[string]bool{}
	for _, m := range marks {
		for _, r := range m.Rows() {
			listed[string(r.ID)] = true
		}
	}
	for id := range want.hazards {
		if !listed[id] {
			delete(want.hazards, id)
		}
	}
	for id := range want.wishes {
		if !listed[id] {
			delete(want.wishes, id)
		}
	}
	want.supporters = count
	return s.against(want, applied)
}
