package syncengine

import "github.com/doorstep-sync/doorstep/schema"

// company is what the changesets of one transaction have in common. Many are of one device: what its person may do is read and
// folded once. No changeset changes it, and the store answers from one state.
type company struct {
	views map[viewer]*views
}

// viewer is a device at an instant: grants begin and end.
type viewer struct {
	device string
	now    int64
}

// reads gives what a device's person may do, nil if nobody knows the device. What it gives is shared and not to be changed.
func (o *company) reads(e *Engine, tx Tx, device string, now int64) (*views, error) {
	k := viewer{device, now}
	if v, known := o.views[k]; known {
		return v, nil
	}
	p, err := tx.Principal(device)
	if err != nil {
		return nil, err
	}
	var v *views
	if p != nil {
		v = newViews(e.schema, p, now)
	}
	if o.views == nil {
		o.views = map[viewer]*views{}
	}
	o.views[k] = v
	return v, nil
}

// expected names the rows that judging a group will ask for: those that are written, and what they come to refer to. It
// need not be all of them.
func (e *Engine) expected(subs []Submission) (keys []RowKey) {
	seen := map[RowKey]bool{}
	add := func(k RowKey) {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, sub := range subs {
		for i := range sub.Changeset.Changes {
			c := &sub.Changeset.Changes[i]
			t := e.schema.Table(c.Table)
			if t == nil || c.Op == OpDecide {
				continue
			}
			add(RowKey{c.Table, c.Row})
			for j := range c.Cells {
				w := &c.Cells[j]
				def := t.Cell(w.Cell)
				if def == nil || len(w.Values) != len(def.Columns) {
					continue
				}
				for x, col := range def.Columns {
					if col.Type == schema.TypeRef && w.Values[x].Kind() == schema.KindText {
						add(RowKey{col.Ref, RowID(w.Values[x].Str())})
					}
				}
			}
		}
	}
	return keys
}
