package territory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// finish ends a plan whose items are all dealt with: assignments, then, of a merge, what came meanwhile and the source.
func (r *run) finish(ctx context.Context) error {
	p, err := r.Get(ctx, r.plan.ID)
	if err != nil {
		return err
	}
	if p.Items.Refused > 0 {
		return r.over(ctx, Failed)
	}
	if more, err := r.sweep(ctx); err != nil || more {
		return err
	}
	if err := r.assign(ctx); err != nil {
		return err
	}
	if r.plan.Spec.Kind == Merge {
		closed, err := r.Directory.CloseUnit(ctx, r.plan.Spec.Source, r.plan.Spec.Target, r.empty)
		if err != nil || !closed { // something came since: the next step takes it along
			return err
		}
	}
	return r.over(ctx, Done)
}

func (r *run) over(ctx context.Context, state State) error {
	if err := r.end(ctx, r.plan.ID, state); err != nil {
		return err
	}
	what := r.facts(r.plan)
	what["state"] = state
	return r.Directory.Note(ctx, auditEnded, "", what)
}

// empty tells whether nothing lives in the source any more.
func (r *run) empty(ctx context.Context, tx *sql.Tx) (bool, error) {
	var n int64
	err := tx.QueryRowContext(ctx, `SELECT n FROM scope_rows WHERE county = $1 AND scope = $2`, r.County, r.plan.Spec.Source).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("count rows: %w", err)
	}
	return n == 0, nil
}

// sweep adds what came while the plan ran: of a merge all that is in the source still, of a split what somebody entered at
// a door that had moved already.
func (r *run) sweep(ctx context.Context) (more bool, err error) {
	var items []item
	err = r.State.View(func(tx syncengine.ReadTx) error {
		g, err := readGrid(r.Schema, tx, r.plan.Spec.Source)
		if err != nil {
			return err
		}
		if r.plan.Spec.Kind == Split {
			err = r.late(ctx, tx, g)
		} else {
			err = g.choose(tx, &r.plan.Spec)
		}
		if err != nil {
			return err
		}
		items = g.items()
		return nil
	})
	if err != nil || len(items) == 0 {
		return false, err
	}
	return true, r.DB.WithTx(ctx, func(tx *sql.Tx) error { return r.add(ctx, tx, r.plan.ID, items) })
}

// late marks what is in the source of doors that this plan has moved.
func (r *run) late(ctx context.Context, tx syncengine.ReadTx, g *grid) error {
	done, err := r.items(ctx, r.DB.Reader(), r.plan.ID, moved, math.MaxInt32)
	if err != nil {
		return err
	}
	for _, x := range done {
		if len(g.behind[x.row]) == 0 {
			continue
		}
		at, err := r.doorAt(tx, x.row)
		if err != nil {
			return err
		}
		if at == r.plan.Spec.Target {
			g.left(x.row)
		}
	}
	g.spread()
	return nil
}

// assign gives people the target as the plan says. It looks at what is there now, so that doing it twice changes nothing.
func (r *run) assign(ctx context.Context) error {
	spec := &r.plan.Spec
	all, err := r.Directory.AssignmentsAt(ctx, spec.Source)
	if err != nil {
		return err
	}
	for _, a := range all {
		role := r.Directory.Roles()[a.Role]
		switch {
		case a.Scope != spec.Source || role == nil:
		case role.Doors && spec.Stewards:
			err = r.steward(ctx, a)
		case !role.Doors && slices.Contains(spec.Workers, a.Account):
			err = r.give(ctx, a, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// steward lets somebody keep his doors that are in the target now.
func (r *run) steward(ctx context.Context, a directory.Assignment) error {
	var there, here []string
	err := r.State.View(func(tx syncengine.ReadTx) error {
		for _, d := range a.Doors {
			at, err := r.doorAt(tx, syncengine.RowID(d))
			if err != nil {
				return err
			}
			if at == r.plan.Spec.Target {
				there = append(there, d)
			} else {
				here = append(here, d)
			}
		}
		return nil
	})
	if err != nil || len(there) == 0 {
		return err
	}
	if err := r.give(ctx, a, there); err != nil {
		return err
	}
	if len(here) == 0 {
		_, err = r.Directory.EndAssignment(ctx, a.ID)
		return err
	}
	_, err = r.Directory.SetDoors(ctx, a.ID, here)
	return err
}

func (r *run) doorAt(tx syncengine.ReadTx, id syncengine.RowID) (string, error) {
	for _, t := range r.Schema.Tables {
		if t.Door != schema.DoorSelf {
			continue
		}
		if row, err := tx.Row(t.Name, id); err != nil || row != nil {
			if row == nil {
				return "", err
			}
			return row.Scope, err
		}
	}
	return "", nil
}

// give gives the person of an assignment the same role in the target, with doors.
func (r *run) give(ctx context.Context, a directory.Assignment, doors []string) error {
	mine, err := r.Directory.Assignments(ctx, a.Account)
	if err != nil {
		return err
	}
	for _, m := range mine {
		if m.Role == a.Role && m.Scope == r.plan.Spec.Target && m.Active(r.millis()) {
			if len(doors) == 0 {
				return nil
			}
			_, err := r.Directory.SetDoors(ctx, m.ID, append(slices.Clone(m.Doors), doors...))
			return err
		}
	}
	_, err = r.Directory.Assign(ctx, directory.Assignment{Account: a.Account, Role: a.Role, Scope: r.plan.Spec.Target, Doors: doors, To: a.To, CreatedBy: r.plan.Runner})
	return err
}
