package territory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// itemState is how far an item has come.
type itemState string

const (
	waits    itemState = "waits"
	sent     itemState = "sent" // handed in; whether it took effect is not written down yet
	moved    itemState = "moved"
	needless itemState = "needless" // gone, or not in the source any more
	refused  itemState = "refused"
)

// item is a row that is moved by itself: what belongs to it follows.
type item struct {
	i, part int64
	table   string
	row     syncengine.RowID
	state   itemState
	device  string
	n       int64
	hash    []byte
}

const planColumns = `id, state, spec, report, planner, created_at, runner, started_at, ended_at`

func scanPlan(r interface{ Scan(...any) error }) (p Plan, err error) {
	var spec, report string
	if err := r.Scan(&p.ID, &p.State, &spec, &report, &p.Planner, &p.Created, &p.Runner, &p.Started, &p.Ended); err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(spec), &p.Spec), json.Unmarshal([]byte(report), &p.Report))
}

// Get gives a plan by id.
func (s *Service) Get(ctx context.Context, id int64) (Plan, error) {
	return s.get(ctx, s.DB.Reader(), id)
}

func (s *Service) get(ctx context.Context, q querier, id int64) (Plan, error) {
	p, err := scanPlan(q.QueryRowContext(ctx, `SELECT `+planColumns+` FROM territory_plan WHERE county = $1 AND id = $2`, s.County, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, messages.Refuse(messages.NoPlan, id)
	}
	if err != nil {
		return p, fmt.Errorf("read plan: %w", err)
	}
	return p, s.progress(ctx, q, &p)
}

func (s *Service) progress(ctx context.Context, q querier, p *Plan) error {
	rows, err := q.QueryContext(ctx, `SELECT state, count(*) FROM territory_item WHERE county = $1 AND plan = $2 GROUP BY state`, s.County, p.ID)
	if err != nil {
		return fmt.Errorf("count items: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state itemState
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		p.Items.All += n
		switch state {
		case waits, sent:
			p.Items.Waiting += n
		case moved:
			p.Items.Moved += n
		case needless:
			p.Items.Needless += n
		case refused:
			p.Items.Refused += n
		}
	}
	if err := rows.Err(); err != nil || p.Items.Refused == 0 {
		return err
	}
	return s.refusals(ctx, q, p)
}

func (s *Service) refusals(ctx context.Context, q querier, p *Plan) error {
	rows, err := q.QueryContext(ctx, `SELECT tbl, row_id, why FROM territory_item WHERE county = $1 AND plan = $2 AND state = 'refused' ORDER BY i LIMIT 20`, s.County, p.ID)
	if err != nil {
		return fmt.Errorf("list refusals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Refusal
		if err := rows.Scan(&r.Table, &r.Row, &r.Code); err != nil {
			return err
		}
		p.Refused = append(p.Refused, r)
	}
	return rows.Err()
}

// List gives the newest plans after an id (0 = from the newest), newest first.
func (s *Service) List(ctx context.Context, before int64, limit int) ([]Plan, error) {
	rows, err := s.DB.Reader().QueryContext(ctx, `SELECT `+planColumns+` FROM territory_plan
		WHERE county = $1 AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, s.County, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	defer rows.Close()
	var out []Plan
	for rows.Next() {
		p, err := scanPlan(rows)
		if err != nil {
			return nil, fmt.Errorf("read plan: %w", err)
		}
		out = append(out, p)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for i := range out {
		if err := s.progress(ctx, s.DB.Reader(), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keep writes a new plan with its items.
func (s *Service) keep(ctx context.Context, p *Plan, items []item) error {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	report, err := json.Marshal(p.Report)
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return s.DB.WithTx(ctx, func(tx *sql.Tx) error {
		if err := s.free(ctx, tx, 0, &p.Spec); err != nil {
			return err
		}
		// No number is used twice: a plan that was taken back is not mistaken for the next one.
		if err := tx.QueryRowContext(ctx, `INSERT INTO settings (county, key, value) VALUES ($1, 'territory_plan', '1')
			ON CONFLICT (county, key) DO UPDATE SET value = value + 1 RETURNING CAST(value AS INTEGER)`, s.County).Scan(&p.ID); err != nil {
			return fmt.Errorf("number plan: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO territory_plan (county, id, kind, source, target, state, spec, report, planner, created_at, runner, started_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 0, 0)`,
			s.County, p.ID, string(p.Spec.Kind), p.Spec.Source, p.Spec.Target, string(Planned), string(spec), string(report), p.Planner, p.Created)
		if err != nil {
			return fmt.Errorf("write plan: %w", err)
		}
		return s.add(ctx, tx, p.ID, items)
	})
}

// free refuses a plan for grids that another one is moving.
func (s *Service) free(ctx context.Context, tx querier, self int64, spec *Spec) error {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM territory_plan WHERE county = $1 AND state = 'running' AND id <> $4
		AND (source IN ($2, $3) OR target = $2) ORDER BY id LIMIT 1`, s.County, spec.Source, spec.Target, self).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for other plans: %w", err)
	}
	return messages.Refuse(messages.PlanInTheWay, id)
}

func (s *Service) add(ctx context.Context, tx *sql.Tx, plan int64, items []item) error {
	var last, part int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(i), 0), coalesce(max(part), 0) FROM territory_item WHERE county = $1 AND plan = $2`,
		s.County, plan).Scan(&last, &part); err != nil {
		return fmt.Errorf("number items: %w", err)
	}
	stmt, err := tx.PrepareContext(ctx, `INSERT INTO territory_item (county, plan, i, part, tbl, row_id, state, device, n, hash, seq, why)
		VALUES ($1, $2, $3, $4, $5, $6, 'waits', '', 0, NULL, 0, '')`)
	if err != nil {
		return fmt.Errorf("write items: %w", err)
	}
	defer stmt.Close()
	for k, x := range items {
		if _, err := stmt.ExecContext(ctx, s.County, plan, last+int64(k)+1, part+x.part, x.table, string(x.row)); err != nil {
			return fmt.Errorf("write item: %w", err)
		}
	}
	return nil
}

// Delete takes back a plan that was not run.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return s.DB.WithTx(ctx, func(tx *sql.Tx) error {
		p, err := s.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.State != Planned {
			return messages.Refuse(messages.PlanBegun, id)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM territory_item WHERE county = $1 AND plan = $2`, s.County, id)
		_, also := tx.ExecContext(ctx, `DELETE FROM territory_plan WHERE county = $1 AND id = $2`, s.County, id)
		return errors.Join(err, also)
	})
}

// items lists those in a state, in order, at most limit.
func (s *Service) items(ctx context.Context, q querier, plan int64, state itemState, limit int) ([]item, error) {
	rows, err := q.QueryContext(ctx, `SELECT i, part, tbl, row_id, state, device, n, hash FROM territory_item
		WHERE county = $1 AND plan = $2 AND state = $3 ORDER BY part, i LIMIT $4`, s.County, plan, string(state), limit)
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	defer rows.Close()
	var out []item
	for rows.Next() {
		var x item
		if err := rows.Scan(&x.i, &x.part, &x.table, &x.row, &x.state, &x.device, &x.n, &x.hash); err != nil {
			return nil, fmt.Errorf("read item: %w", err)
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// mark writes down what became of items.
func (s *Service) mark(ctx context.Context, plan int64, list []item, state itemState, seq int64, why string) error {
	if len(list) == 0 {
		return nil
	}
	return s.DB.WithTx(ctx, func(tx *sql.Tx) error {
		for _, x := range list {
			if _, err := tx.ExecContext(ctx, `UPDATE territory_item SET state = $1, device = $2, n = $3, hash = $4, seq = $5, why = $6
				WHERE county = $7 AND plan = $8 AND i = $9`, string(state), x.device, x.n, x.hash, seq, why, s.County, plan, x.i); err != nil {
				return fmt.Errorf("mark item: %w", err)
			}
		}
		return nil
	})
}

// begin makes a plan a running one; what was refused waits again.
func (s *Service) begin(ctx context.Context, id int64, runner string) (fresh bool, p Plan, err error) {
	err = s.DB.WithTx(ctx, func(tx *sql.Tx) error {
		if p, err = s.get(ctx, tx, id); err != nil {
			return err
		}
		switch p.State {
		case Done:
			return messages.Refuse(messages.PlanDone, id)
		case Running:
			return nil
		}
		if len(p.Report.Stuck) > 0 {
			return messages.Refuse(messages.PlanStuck, s.names(p.Report.Stuck))
		}
		if err := s.free(ctx, tx, id, &p.Spec); err != nil {
			return err
		}
		fresh = p.State == Planned
		if p.Started == 0 {
			p.Started = s.millis()
		}
		p.State, p.Runner = Running, runner
		_, err := tx.ExecContext(ctx, `UPDATE territory_plan SET state = 'running', runner = $1, started_at = $2, ended_at = 0 WHERE county = $3 AND id = $4`,
			runner, p.Started, s.County, id)
		_, also := tx.ExecContext(ctx, `UPDATE territory_item SET state = 'waits', why = '' WHERE county = $1 AND plan = $2 AND state = 'refused'`, s.County, id)
		return errors.Join(err, also)
	})
	return fresh, p, err
}

func (s *Service) end(ctx context.Context, id int64, state State) error {
	return s.DB.WithTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE territory_plan SET state = $1, ended_at = $2 WHERE county = $3 AND id = $4`, string(state), s.millis(), s.County, id)
		return err
	})
}

// names lists record types for a sentence.
func (s *Service) names(list []Count) messages.List {
	var out messages.List
	for _, c := range list {
		out = append(out, messages.Item{Word: c.Table})
	}
	return out
}
