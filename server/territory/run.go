package territory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// What the audit log is told besides the changesets themselves.
const (
	auditBegun syncengine.AuditKind = "territory.begun"
	auditEnded syncengine.AuditKind = "territory.ended"
)

// Step goes on with a plan by at most so many changesets, and tells how far it has come. It begins a planned one and
// tries anew what was refused. Whoever calls goes on until the plan is done or failed; nobody has to: what was moved is
// whole where it is, and the next call goes on from there.
func (s *Service) Step(ctx context.Context, id int64, runner string, commit Commit, most int) (Plan, error) {
	s.running.Lock()
	defer s.running.Unlock()
	fresh, p, err := s.begin(ctx, id, runner)
	if err != nil {
		return p, err
	}
	if fresh {
		if err := s.Directory.Note(ctx, auditBegun, "", s.facts(&p)); err != nil {
			return p, err
		}
	}
	if err := s.makeTarget(ctx, &p); err != nil {
		return p, err
	}
	if err := s.settle(ctx, id); err != nil {
		return p, err
	}
	r := &run{Service: s, plan: &p, commit: commit}
	for range most {
		more, err := r.part(ctx)
		if err != nil {
			return p, err
		}
		if !more {
			if err := r.finish(ctx); err != nil {
				return p, err
			}
			break
		}
	}
	return s.Get(ctx, id)
}

func (s *Service) facts(p *Plan) map[string]any {
	return map[string]any{"plan": p.ID, "kind": p.Spec.Kind, "source": p.Spec.Source, "target": p.Spec.Target, "planner": p.Planner}
}

func (s *Service) makeTarget(ctx context.Context, p *Plan) error {
	if p.Spec.Name == "" {
		return nil
	}
	if _, err := s.Directory.Unit(ctx, p.Spec.Target); err == nil || !messages.Is(err, messages.NoUnit) {
		return err
	}
	source, err := s.Directory.Unit(ctx, p.Spec.Source)
	if err != nil {
		return err
	}
	return s.Directory.MakeUnit(ctx, directory.Unit{Code: p.Spec.Target, Name: p.Spec.Name, Level: directory.Grid, Parent: source.Parent, GridType: source.GridType}, false)
}

// settle finds out what became of changesets that were handed in when the process ended: by their number and hash they
// are the ones that have a verdict, or they never were committed.
func (s *Service) settle(ctx context.Context, plan int64) error {
	list, err := s.items(ctx, s.DB.Reader(), plan, sent, together*2)
	if err != nil {
		return err
	}
	for _, x := range list {
		var v *syncengine.Verdict
		if err := s.State.View(func(tx syncengine.ReadTx) (err error) { v, err = tx.Verdict(x.device, x.n); return err }); err != nil {
			return err
		}
		if v == nil || !bytes.Equal(v.Hash[:], x.hash) {
			err = s.mark(ctx, plan, []item{x}, waits, 0, "")
		} else {
			err = s.judged(ctx, plan, []item{x}, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) judged(ctx context.Context, plan int64, list []item, v *syncengine.Verdict) error {
	if v.Kind.Effective() {
		return s.mark(ctx, plan, list, moved, v.Seq, "")
	}
	why := string(syncengine.CodeInternal)
	if v.Reason != nil {
		why = string(v.Reason.Code)
	}
	return s.mark(ctx, plan, list, refused, 0, why)
}

// run is one step of a plan.
type run struct {
	*Service
	plan   *Plan
	commit Commit
}

// part moves the next items that go together, in one changeset; false if none waits.
func (r *run) part(ctx context.Context) (bool, error) {
	list, err := r.items(ctx, r.DB.Reader(), r.plan.ID, waits, together)
	if err != nil || len(list) == 0 {
		return false, err
	}
	n := 1
	for n < len(list) && list[n].part == list[0].part {
		n++
	}
	return true, r.move(ctx, list[:n])
}

func (r *run) move(ctx context.Context, list []item) error {
	here, gone, changes, err := r.changes(list)
	if err != nil {
		return err
	}
	if err := r.mark(ctx, r.plan.ID, gone, needless, 0, ""); err != nil || len(here) == 0 {
		return err
	}
	v, err := r.commit(ctx, r.plan.Planner, changes, func(cs *syncengine.Changeset) error {
		hash := cs.Hash()
		for i := range here {
			here[i].device, here[i].n, here[i].hash = cs.Device, cs.N, hash[:]
		}
		return r.mark(ctx, r.plan.ID, here, sent, 0, "")
	})
	if err != nil {
		return err // what became of it is found out by the next step
	}
	if tooLarge(&v) {
		return r.smaller(ctx, here, &v)
	}
	if !v.Kind.Effective() && len(here) > 1 {
		return r.separate(ctx, here)
	}
	return r.judged(ctx, r.plan.ID, here, &v)
}

// changes makes the change of each row that is still in the source.
func (r *run) changes(list []item) (here, gone []item, out []syncengine.Change, err error) {
	err = r.State.View(func(tx syncengine.ReadTx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		for _, x := range list {
			row, err := tx.Row(x.table, x.row)
			if err != nil {
				return err
			}
			if row == nil || row.Scope != r.plan.Spec.Source {
				gone = append(gone, x)
				continue
			}
			here = append(here, x)
			out = append(out, syncengine.Change{Table: x.table, Row: x.row, Op: syncengine.OpUpdate, Cells: []syncengine.CellWrite{{
				Cell: schema.CellScope, Base: syncengine.Base{Epoch: head.Epoch, Seq: head.Seq}, Values: []schema.Value{schema.Text(r.plan.Spec.Target)},
			}}})
		}
		return nil
	})
	return here, gone, out, err
}

// tooLarge tells whether more belongs to what moves than one changeset may take along.
func tooLarge(v *syncengine.Verdict) bool {
	return !v.Kind.Effective() && v.Reason != nil && v.Reason.Code == syncengine.CodeTooLarge && v.Reason.Rule == "followers"
}

// separate makes parts of their own of items that were refused together: one of them is at fault.
func (r *run) separate(ctx context.Context, list []item) error {
	return r.DB.WithTx(ctx, func(tx *sql.Tx) error {
		var again []item
		for k, x := range list {
			again = append(again, item{part: int64(k) + 1, table: x.table, row: x.row})
			if _, err := tx.ExecContext(ctx, `DELETE FROM territory_item WHERE county = $1 AND plan = $2 AND i = $3`, r.County, r.plan.ID, x.i); err != nil {
				return fmt.Errorf("divide a part: %w", err)
			}
		}
		return r.add(ctx, tx, r.plan.ID, again)
	})
}

// smaller lets go first, one by one, what belongs to a door and may live elsewhere than it; then the door by itself.
func (r *run) smaller(ctx context.Context, list []item, v *syncengine.Verdict) error {
	if len(list) > 1 {
		return r.separate(ctx, list)
	}
	x := list[0]
	var first []item
	err := r.State.View(func(tx syncengine.ReadTx) error {
		for _, ref := range r.Schema.Table(x.table).ReferredBy {
			if r.Schema.Leader(ref.Table) != ref.Column || r.Schema.Bound(ref.Column) {
				continue
			}
			ids, err := tx.Referrers(ref.Table.Name, ref.Column.Name, x.row)
			if err != nil {
				return err
			}
			for _, id := range ids {
				row, err := tx.Row(ref.Table.Name, id)
				if err != nil {
					return err
				}
				if row != nil && row.Scope == r.plan.Spec.Source {
					first = append(first, item{part: int64(len(first)) + 1, table: ref.Table.Name, row: id})
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return r.judged(ctx, r.plan.ID, list, v)
	}
	first = append(first, item{part: int64(len(first)) + 1, table: x.table, row: x.row})
	return r.DB.WithTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM territory_item WHERE county = $1 AND plan = $2 AND i = $3`, r.County, r.plan.ID, x.i)
		return errors.Join(err, r.add(ctx, tx, r.plan.ID, first))
	})
}
