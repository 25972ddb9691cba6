package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Querier is a database that is read: *sql.DB, or an open replica.
type Querier func(ctx context.Context, query string, args ...any) (*sql.Rows, error)

// Each calls scan for every row of a query.
func (q Querier) Each(scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q(context.Background(), query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

// One reads the one row that a query has.
func (q Querier) One(query string, dest ...any) error {
	n := 0
	err := q.Each(func(r *sql.Rows) error { n++; return r.Scan(dest...) }, query)
	if err == nil && n != 1 {
		err = fmt.Errorf("%s: %d rows", query, n)
	}
	return err
}

// Integrity asks SQLite to look at every page.
func (q Querier) Integrity() error {
	var faults []error
	err := q.Each(func(r *sql.Rows) error {
		var line string
		err := r.Scan(&line)
		if line != "ok" {
			faults = append(faults, errors.New(line))
		}
		return err
	}, "PRAGMA integrity_check")
	return errors.Join(append(faults, err)...)
}

// Read gives what the record tables show. Their names begin with prefix: "rec_" at the centre, "" on a device.
func Read(q Querier, prefix string) (State, error) {
	s := State{hazards: map[string]hazard{}, wishes: map[string]bool{}}
	err := q.Each(func(r *sql.Rows) error {
		var id string
		var h hazard
		err := r.Scan(&id, &h.token, &h.lat)
		s.hazards[id] = h
		return err
	}, "SELECT id, description, lat FROM "+prefix+"hazard")
	if err != nil {
		return s, err
	}
	err = q.Each(func(r *sql.Rows) error {
		var id string
		var n int64
		err := r.Scan(&id, &n)
		s.wishes[id] = true
		if id == Wish {
			s.supporters = n
		}
		return err
	}, "SELECT id, coalesce(supporters, 0) FROM "+prefix+"wish")
	if err != nil {
		return s, err
	}
	err = q.Each(func(r *sql.Rows) error { return r.Scan(&s.notes) }, "SELECT coalesce(notes, '') FROM "+prefix+"household")
	return s, err
}
