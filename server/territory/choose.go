package territory

import (
	"errors"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// together is how many rows without a door go in one changeset.
const together = 50

// choose marks what goes.
func (g *grid) choose(tx syncengine.ReadTx, spec *Spec) error {
	if spec.Kind == Merge {
		for _, x := range g.order {
			x.goes = true
		}
		return nil
	}
	for _, id := range spec.Doors {
		if err := g.chooseDoor(tx, spec, id); err != nil {
			return err
		}
	}
	for _, x := range g.order {
		if x.holder && !slices.ContainsFunc(g.within(x), func(d *live) bool { return !d.goes }) {
			x.goes = true
		}
		if g.loose(x) && slices.Contains(spec.Along, x.author) && g.owner(x) == nil {
			x.goes = true
		}
	}
	g.spread()
	return nil
}

// chooseDoor marks a door, or all doors that are in a row and the row itself; of a door that is in the target already,
// what stayed behind.
func (g *grid) chooseDoor(tx syncengine.ReadTx, spec *Spec, id syncengine.RowID) error {
	for _, t := range g.schema.Tables {
		x := g.rows[syncengine.RowKey{Table: t.Name, Row: id}]
		switch {
		case x != nil && g.isDoor(x):
			x.goes = true
			return nil
		case x != nil && x.holder:
			for _, d := range g.within(x) {
				d.goes = true
			}
			x.goes = true
			return nil
		case x != nil:
			return messages.Refuse(messages.NotADoor, id)
		}
		r, err := tx.Row(t.Name, id)
		if err != nil {
			return err
		}
		if r != nil && r.Scope == spec.Target && t.Door == schema.DoorSelf && g.left(id) {
			return nil
		}
		if r == nil {
			continue
		}
		// What is in a grid that is not the planner's is to him as if it were not there.
		if his, err := g.his(r.Scope); err != nil || his {
			return errors.Join(err, messages.Refuse(messages.DoorElsewhere, id))
		}
		break
	}
	return messages.Refuse(messages.DoorUnknown, id)
}

// left marks what is in the grid of a door that is not, and tells whether there is any: a household that somebody entered
// on the way, when its dwelling had moved already.
func (g *grid) left(door syncengine.RowID) (any bool) {
	for _, x := range g.behind[door] {
		x.goes, any = true, true
	}
	return any
}

// alone tells whether a row that goes is moved by a change of its own, instead of following another.
func (g *grid) alone(x *live) bool { return x.goes && (x.leader == nil || !x.leader.goes) }

// items lists the changes that a plan makes: what doors are in, doors one by one, then the rest in groups.
func (g *grid) items() []item {
	var holders, doors, rest []*live
	for _, x := range g.order {
		switch {
		case !g.alone(x):
		case g.isDoor(x):
			doors = append(doors, x)
		case x.holder:
			holders = append(holders, x)
		default:
			rest = append(rest, x)
		}
	}
	var out []item
	part := int64(0)
	group := func(list []*live, size int) {
		slices.SortStableFunc(list, func(a, b *live) int {
			if c := strings.Compare(a.key.Table, b.key.Table); c != 0 {
				return c
			}
			return strings.Compare(string(a.key.Row), string(b.key.Row))
		})
		for k, x := range list {
			if k%size == 0 {
				part++
			}
			out = append(out, item{part: part, table: x.key.Table, row: x.key.Row})
		}
	}
	group(holders, together)
	group(doors, 1)
	group(rest, together)
	return out
}
