package replica

import (
	"cmp"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// caseSet collects the cases whose steps changed, so that their states are derived anew once, at the end.
type caseSet map[RowKey]struct{}

// note remembers the cases that a change of a row touches; images are the row before and after, either may be nil.
func (c *caseSet) note(t *schema.Table, id se.RowID, images ...Image) {
	if t.Steps == nil && t.StepsBy == nil {
		return
	}
	if *c == nil {
		*c = caseSet{}
	}
	if t.StepsBy != nil {
		(*c)[RowKey{t.Name, id}] = struct{}{}
	}
	if t.Steps == nil {
		return
	}
	col := t.Column(t.Steps.Case)
	for _, row := range images {
		if row != nil {
			if v := row[t.CellIndex(t.CellOf(col.Name).Name)][0]; v.Kind() == schema.KindText {
				(*c)[RowKey{col.Ref, se.RowID(v.Str())}] = struct{}{}
			}
		}
	}
}

// derive computes the state column of each case: from its numbered steps in order, then from the device's own
// pending ones as far as they fit (engine.md §8).
func (c caseSet) derive(tx Tx, s *schema.Schema) error {
	keys := make([]RowKey, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b RowKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	for _, k := range keys {
		if err := deriveCase(tx, s, k); err != nil {
			return err
		}
	}
	return nil
}

// taken is a step as far as deriving needs it.
type taken struct {
	number int64 // 0 = not numbered
	n      int64 // of the changeset, for pending ones
	step   string
}

func deriveCase(tx Tx, s *schema.Schema, k RowKey) error {
	t := s.Table(k.Table)
	if t == nil || t.StepsBy == nil {
		return nil
	}
	row, err := tx.Row(t, k.Row)
	if err != nil || row == nil {
		return err
	}
	steps := t.StepsBy.Steps
	list, err := takenSteps(tx, t.StepsBy, k.Row)
	if err != nil {
		return err
	}
	state := steps.Initial
	for _, st := range list {
		move, ok := steps.Moves[st.step]
		switch {
		case !ok:
		case st.number > 0, slices.Contains(move.From, state):
			state = move.To
		}
	}
	i := t.CellIndex(t.CellOf(steps.State).Name)
	if want := schema.Text(state); row[i][0] != want {
		row[i] = []schema.Value{want}
		return tx.PutRow(t, k.Row, row)
	}
	return nil
}

// takenSteps lists the numbered steps of a case in order, then the device's pending ones in order of n.
func takenSteps(tx Tx, t *schema.Table, caseID se.RowID) ([]taken, error) {
	ids, err := tx.Find(t, t.Steps.Case, schema.Text(string(caseID)))
	if err != nil {
		return nil, err
	}
	number, step := t.CellIndex(t.CellOf(t.Steps.Number).Name), t.CellIndex(t.CellOf(t.Steps.Step).Name)
	var out []taken
	for _, id := range ids {
		row, err := tx.Row(t, id)
		if err != nil || row == nil {
			return nil, err
		}
		st := taken{number: row[number][0].Int64(), step: row[step][0].Str()}
		if st.number == 0 {
			pending, err := tx.Pending(t, id)
			if err != nil {
				return nil, err
			}
			if len(pending) == 0 {
				continue // lost the race: it waits in a workflow conflict
			}
			st.n = pending[0].N
		}
		out = append(out, st)
	}
	slices.SortStableFunc(out, func(a, b taken) int {
		if (a.number == 0) != (b.number == 0) {
			if a.number == 0 {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.n, b.n))
	})
	return out, nil
}
